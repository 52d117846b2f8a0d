//! What a device plays of itself: signals that are built in, and recordings that the shell has loaded.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use media::tone::Signal;

/// Longest ring tone, announcement or local tone; what is longer is cut.
pub const RECORDING_MAX: Duration = Duration::from_secs(60);

/// Something to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToneSource {
    /// A built-in signal.
    Builtin(BuiltinTone),
    /// Samples at the output rate.
    Recording(Recording),
    /// Nothing.
    None,
}

/// Samples that the shell has loaded.
#[derive(Clone, PartialEq, Eq)]
pub struct Recording {
    /// What it is called: its file name.
    pub name: Arc<str>,
    /// Samples at the output rate.
    pub samples: Arc<[i16]>,
}

/// Shows how many samples there are.
impl fmt::Debug for Recording {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Recording({}, {} samples)",
            self.name,
            self.samples.len()
        )
    }
}

impl ToneSource {
    /// What it is called; `None` for nothing.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Builtin(tone) => Some(tone.name()),
            Self::Recording(recording) => Some(&recording.name),
            Self::None => None,
        }
    }
}

/// The built-in signals. Those that stand for a sound that the hardware comes with have its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltinTone {
    /// Somebody is going to speak.
    PageNotification,
    /// The same, for a call button.
    Chime,
    /// A deep stroke.
    Gong,
    /// A North American telephone.
    BellNorthAmerica,
    /// A British telephone.
    BellGreatBritain,
    /// A harsh buzz.
    Buzzer,
    /// A quiet, low warble.
    WarbleLow,
    /// A warble of middle strength: the tone of rings.
    WarbleMedium,
    /// A loud, high warble.
    WarbleHigh,
    /// A trill.
    WarbleTrill,
    /// 1 kHz as loud as it goes.
    Reference,
    /// Leave the building (ISO 8201): the announcement of an alert without one of its own.
    Evacuation,
    /// What announces an exercise.
    Drill,
    /// A caller is to key in or to say something.
    Prompt,
}

impl BuiltinTone {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::PageNotification,
        Self::Chime,
        Self::Gong,
        Self::BellNorthAmerica,
        Self::BellGreatBritain,
        Self::Buzzer,
        Self::WarbleLow,
        Self::WarbleMedium,
        Self::WarbleHigh,
        Self::WarbleTrill,
        Self::Reference,
        Self::Evacuation,
        Self::Drill,
        Self::Prompt,
    ];

    /// The name of the file that it stands for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PageNotification => "page-notif.wav",
            Self::Chime => "chime.wav",
            Self::Gong => "gong.wav",
            Self::BellNorthAmerica => "bell-na.wav",
            Self::BellGreatBritain => "bell-uk.wav",
            Self::Buzzer => "buzzer.wav",
            Self::WarbleLow => "warble1-low.wav",
            Self::WarbleMedium => "warble2-med.wav",
            Self::WarbleHigh => "warble3-high.wav",
            Self::WarbleTrill => "warble4-trill.wav",
            Self::Reference => "tone-1kHz-max.wav",
            Self::Evacuation => "evacuation.wav",
            Self::Drill => "drill.wav",
            Self::Prompt => "prompt.wav",
        }
    }

    /// The signal that stands for a file of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tone| tone.name() == name)
    }

    /// The signal itself.
    #[must_use]
    pub fn signal(self) -> Signal {
        match self {
            Self::PageNotification | Self::Chime => Signal::chime(),
            Self::Gong => Signal::gong(),
            Self::BellNorthAmerica => Signal::bell_north_america(),
            Self::BellGreatBritain => Signal::bell_great_britain(),
            Self::Buzzer => Signal::buzzer(),
            Self::WarbleLow => Signal::warble_low(),
            Self::WarbleMedium => Signal::warble_medium(),
            Self::WarbleHigh => Signal::warble_high(),
            Self::WarbleTrill => Signal::trill(),
            Self::Reference => Signal::reference(),
            Self::Evacuation => Signal::evacuation(),
            Self::Drill => Signal::drill(),
            Self::Prompt => Signal::prompt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_tone_is_found_by_its_own_name() {
        for tone in BuiltinTone::ALL {
            assert_eq!(BuiltinTone::named(tone.name()), Some(tone));
            assert!(tone.signal().round() > Duration::ZERO);
        }
        assert_eq!(BuiltinTone::named("dogs.wav"), None);
    }
}
