//! The signals by name.

use std::time::Duration;

use super::{Note, Signal};

const HALF: Duration = Duration::from_millis(500);

impl Signal {
    /// Three falling bells: somebody is going to speak.
    pub fn chime() -> Signal {
        let short = Duration::from_millis(350);
        Signal::once(&[
            Note::bell(783.99, -9.0, short),
            Note::bell(659.26, -9.0, short),
            Note::bell(523.25, -9.0, Duration::from_millis(700)),
        ])
    }

    /// Two short notes, the second higher: it is a caller's turn.
    pub fn prompt() -> Signal {
        let short = Duration::from_millis(120);
        Signal::once(&[
            Note::steady(660.0, -15.0, short),
            Note::pause(Duration::from_millis(40)),
            Note::steady(880.0, -15.0, short),
        ])
    }

    /// One deep stroke that dies away slowly.
    pub fn gong() -> Signal {
        Signal::once(&[Note::bell(220.0, -6.0, Duration::from_secs(3))])
    }

    /// A telephone with a quiet and low warble: two pitches in quick turn for two seconds of four.
    pub fn warble_low() -> Signal {
        warbling([640.0, 800.0], -21.0, Duration::from_millis(50))
    }

    /// A telephone with a warble of middle strength.
    pub fn warble_medium() -> Signal {
        warbling([800.0, 1_000.0], -15.0, Duration::from_millis(50))
    }

    /// A telephone with a loud and high warble, for halls with machines.
    pub fn warble_high() -> Signal {
        warbling([1_000.0, 1_250.0], -9.0, Duration::from_millis(50))
    }

    /// A telephone that trills: two high pitches in very quick turn.
    pub fn trill() -> Signal {
        warbling([1_500.0, 1_900.0], -12.0, Duration::from_millis(30))
    }

    /// The bell of a telephone in North America: two seconds of six.
    pub fn bell_north_america() -> Signal {
        let pause = Note::pause(Duration::from_secs(4));
        Signal::repeating(&[bell_strokes(40), vec![pause]].concat())
    }

    /// The bell of a telephone in Great Britain: twice 400 ms in three seconds.
    pub fn bell_great_britain() -> Signal {
        let short = vec![Note::pause(Duration::from_millis(200))];
        let long = vec![Note::pause(Duration::from_secs(2))];
        Signal::repeating(&[bell_strokes(8), short, bell_strokes(8), long].concat())
    }

    /// A harsh low buzz for half a second of one.
    pub fn buzzer() -> Signal {
        Signal::repeating(&[Note::pair(155.0, 311.0, -9.0, HALF), Note::pause(HALF)])
    }

    /// 1 kHz as loud as it goes, to measure by.
    pub fn reference() -> Signal {
        Signal::repeating(&[Note::steady(1_000.0, 0.0, Duration::from_secs(1))])
    }

    /// This is an exercise: three rising pairs of soft notes, unlike anything that an alert sounds like.
    pub fn drill() -> Signal {
        let (short, pause) = (Duration::from_millis(160), Note::pause(Duration::from_millis(80)));
        let step = [
            Note::bell(523.25, -15.0, short),
            Note::bell(1_046.5, -15.0, short),
            pause,
        ];
        Signal::once(&[step, step, step].concat())
    }

    /// What a caller hears while it rings (440 and 480 Hz, two seconds of six).
    pub fn ringback() -> Signal {
        let notes = [
            Note::pair(440.0, 480.0, -19.0, Duration::from_secs(2)),
            Note::pause(Duration::from_secs(4)),
        ];
        Signal::repeating(&notes)
    }

    /// The called party is busy (480 and 620 Hz, half a second of one).
    pub fn busy() -> Signal {
        Signal::repeating(&[Note::pair(480.0, 620.0, -24.0, HALF), Note::pause(HALF)])
    }

    /// Leave the building: three pulses of half a second in four seconds (ISO 8201).
    pub fn evacuation() -> Signal {
        let (pulse, pause) = (Note::steady(970.0, -6.0, HALF), Note::pause(HALF));
        let long = Note::pause(Duration::from_millis(1_500));
        Signal::repeating(&[pulse, pause, pulse, pause, pulse, long])
    }
}

/// Two pitches in turn for two seconds, and two seconds of pause.
fn warbling([low, high]: [f32; 2], level_db: f32, strike: Duration) -> Signal {
    let two_seconds = Duration::from_secs(2);
    let pairs = usize::try_from(two_seconds.as_millis() / (2 * strike).as_millis().max(1)).unwrap_or(0);
    let pair = [
        Note::steady(low, level_db, strike),
        Note::steady(high, level_db, strike),
    ];
    let mut notes = pair.repeat(pairs.min(super::NOTES_MAX / 2 - 1));
    notes.push(Note::pause(two_seconds));
    Signal::repeating(&notes)
}

/// Strokes of a clapper between two gongs, 50 ms each.
fn bell_strokes(count: usize) -> Vec<Note> {
    let stroke = Duration::from_millis(50);
    let pair = [
        Note::bell(1_400.0, -9.0, stroke),
        Note::bell(1_650.0, -9.0, stroke),
    ];
    pair.iter().cycle().take(count).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::dbfs;
    use crate::sample::SampleRate;
    use crate::tone::{NOTES_MAX, Player};

    /// The level of one round, its pauses included.
    fn level(signal: Signal) -> f32 {
        let mut sound = vec![0; SampleRate::Hz48000.samples_in(signal.round())];
        Player::new(signal, SampleRate::Hz48000).fill(&mut sound);
        dbfs(&sound)
    }

    #[test]
    fn no_signal_is_longer_than_its_notes_may_be() {
        for (signal, round_ms) in [
            (Signal::warble_low(), 4_000),
            (Signal::warble_high(), 4_000),
            (Signal::trill(), 3_860),
            (Signal::bell_north_america(), 6_000),
            (Signal::bell_great_britain(), 3_000),
            (Signal::buzzer(), 1_000),
            (Signal::drill(), 1_200),
            (Signal::gong(), 3_000),
        ] {
            assert!(signal.notes.len() <= NOTES_MAX);
            assert_eq!(signal.round(), Duration::from_millis(round_ms), "{signal:?}");
        }
    }

    #[test]
    fn a_warble_has_three_strengths() {
        let levels = [
            Signal::warble_low(),
            Signal::warble_medium(),
            Signal::warble_high(),
        ]
        .map(level);

        assert!(
            levels[0] + 5.0 < levels[1] && levels[1] + 5.0 < levels[2],
            "{levels:?}"
        );
    }

    #[test]
    fn a_drill_ends_and_is_quieter_than_an_evacuation() {
        assert!(Signal::drill().duration().is_some());
        assert_eq!(Signal::evacuation().duration(), None);
        assert!(level(Signal::drill()) + 6.0 < level(Signal::evacuation()));
    }

    #[test]
    fn every_signal_is_heard() {
        for signal in [
            Signal::chime(),
            Signal::gong(),
            Signal::trill(),
            Signal::bell_north_america(),
            Signal::bell_great_britain(),
            Signal::buzzer(),
            Signal::reference(),
            Signal::drill(),
        ] {
            assert!(level(signal.clone()) > -40.0, "{signal:?}");
        }
    }
}
