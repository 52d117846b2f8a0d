//! The virtual strobe and the virtual relay: what they show follows from what sounds.

use serde::{Deserialize, Serialize};

use super::SoundClass;

/// What strobe and relay of a device do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Signals {
    /// How the strobe flashes; `None` while it is dark.
    pub strobe: Option<Strobe>,
    /// Whether the relay is active.
    pub relay: bool,
}

/// The sounds that switch the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayEvents(Vec<SoundClass>);

impl RelayEvents {
    /// Those of these classes; none leaves the relay alone.
    #[must_use]
    pub const fn new(classes: Vec<SoundClass>) -> Self {
        Self(classes)
    }

    /// Says whether the relay is active while a sound of this class sounds.
    #[must_use]
    pub fn hold(&self, class: SoundClass) -> bool {
        self.0.contains(&class)
    }
}

impl Default for RelayEvents {
    /// Everything but music.
    fn default() -> Self {
        let classes = SoundClass::ALL.into_iter();
        Self(
            classes
                .filter(|class| *class != SoundClass::BackgroundMusic)
                .collect(),
        )
    }
}

/// How a strobe flashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strobe {
    /// In which manner.
    pub pattern: StrobePattern,
    /// In which colour.
    pub colour: StrobeColour,
}

/// The colours of strobes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrobeColour {
    /// Red.
    Red,
    /// Blue.
    Blue,
    /// Green.
    Green,
    /// Amber.
    Amber,
}

/// The manners of the virtual strobe: those of the hardware's 8138, which has the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the names are the maker's, and say all there is to say"
)]
pub enum StrobePattern {
    RotateFast,
    RotateSlow,
    MulticolorSpin,
    MultiStrobeFast,
    #[serde(rename = "multi_strobe_fast_2_colour")]
    MultiStrobeFastTwoColour,
    MultiStrobeSlow,
    #[serde(rename = "multi_strobe_slow_2_colour")]
    MultiStrobeSlowTwoColour,
    RotatingStrobe,
    Steady,
    #[serde(rename = "steady_2_colour")]
    SteadyTwoColour,
    SideToSide,
    Flashing,
    ClassicFast,
    ClassicMedium,
    ClassicSlow,
}

impl StrobePattern {
    /// The pattern of a number, as interfaces of the hardware give it.
    #[must_use]
    pub const fn of_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::RotateFast,
            1 => Self::RotateSlow,
            2 => Self::MulticolorSpin,
            3 => Self::MultiStrobeFast,
            4 => Self::MultiStrobeFastTwoColour,
            5 => Self::MultiStrobeSlow,
            6 => Self::MultiStrobeSlowTwoColour,
            7 => Self::RotatingStrobe,
            8 => Self::Steady,
            9 => Self::SteadyTwoColour,
            11 => Self::SideToSide,
            12 => Self::Flashing,
            13 => Self::ClassicFast,
            14 => Self::ClassicMedium,
            15 => Self::ClassicSlow,
            _ => return None,
        })
    }
}

/// Numbers of the patterns of each strobe of the hardware, with their names; where a number means nothing there is none.
#[derive(Clone, Copy, Debug)]
pub struct StrobeModel {
    /// What it is called.
    pub name: &'static str,
    /// The pattern of each number.
    pub patterns: [Option<&'static str>; 16],
}

/// The strobes of the hardware.
pub const STROBE_MODELS: [StrobeModel; 4] = [
    StrobeModel {
        name: "8128",
        patterns: [
            Some("Rotate Fast"),
            Some("Rotate Slow"),
            None,
            Some("Multi-strobe Fast"),
            None,
            Some("Multi-strobe Slow"),
            None,
            Some("Rotating Strobe"),
            Some("Steady"),
            None,
            None,
            Some("Side to Side"),
            Some("Flashing"),
            Some("Classic Fast"),
            Some("Classic Medium"),
            Some("Classic Slow"),
        ],
    },
    StrobeModel {
        name: "8138",
        patterns: [
            Some("Rotate Fast"),
            Some("Rotate Slow"),
            Some("Multicolor Spin"),
            Some("Multi-strobe Fast"),
            Some("Multi-strobe Fast 2-colour"),
            Some("Multi-strobe Slow"),
            Some("Multi-strobe Slow 2-colour"),
            Some("Rotating Strobe"),
            Some("Steady"),
            Some("Steady 2-colour"),
            None,
            Some("Side to Side"),
            Some("Flashing"),
            Some("Classic Fast"),
            Some("Classic Medium"),
            Some("Classic Slow"),
        ],
    },
    StrobeModel {
        name: "8190S",
        patterns: [
            Some("Steady"),
            Some("Sparkle"),
            Some("Multicolor"),
            Some("Flash Fast"),
            Some("Flash Slow"),
            Some("Flash Fast alt. sides"),
            Some("Flash Slow alt. sides"),
            Some("Classic Fast"),
            Some("Classic Medium"),
            Some("Classic Slow"),
            None,
            None,
            None,
            None,
            None,
            None,
        ],
    },
    StrobeModel {
        name: "8410/8420",
        patterns: [
            Some("On Steady"),
            None,
            Some("Strobe Fast"),
            Some("Slow Sweep"),
            Some("Fast Sweep"),
            Some("Reverse Slow Sweep"),
            Some("Reverse Fast Sweep"),
            Some("Flash All"),
            Some("Alternate Sides"),
            Some("Scan Slow"),
            Some("Scan Fast"),
            Some("Inside Out"),
            Some("Single Flash"),
            Some("Double Flash"),
            Some("Triple Flash"),
            Some("Off"),
        ],
    },
];

impl Signals {
    /// What strobe and relay do while a sound of this class sounds, be it the exercise of an alert; the default is what
    /// they do in silence. The strobe is dark under bells and music.
    #[must_use]
    pub fn during(class: SoundClass, is_drill: bool, relay: &RelayEvents) -> Self {
        let light = |pattern, colour| Some(Strobe { pattern, colour });
        let strobe = match class {
            SoundClass::EmergencyAlert => light(StrobePattern::MultiStrobeFast, StrobeColour::Red),
            SoundClass::PriorityPage if is_drill => light(StrobePattern::ClassicMedium, StrobeColour::Amber),
            SoundClass::PriorityPage | SoundClass::Page | SoundClass::TwoWayCall => {
                light(StrobePattern::Steady, StrobeColour::Green)
            }
            SoundClass::Ring => light(StrobePattern::RotateSlow, StrobeColour::Blue),
            SoundClass::ScheduledBell | SoundClass::BackgroundMusic => None,
        };
        Self {
            strobe,
            relay: relay.hold(class),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn each_class_has_its_light_and_silence_has_none() {
        use {SoundClass as Class, StrobeColour as Colour, StrobePattern as Pattern};
        let light = |class, drill| {
            let strobe = Signals::during(class, drill, &RelayEvents::default()).strobe;
            strobe.map(|strobe| (strobe.colour, strobe.pattern))
        };

        assert_eq!(
            light(Class::EmergencyAlert, false),
            Some((Colour::Red, Pattern::MultiStrobeFast))
        );
        assert_eq!(
            light(Class::PriorityPage, true),
            Some((Colour::Amber, Pattern::ClassicMedium))
        );
        assert_eq!(
            light(Class::Ring, false),
            Some((Colour::Blue, Pattern::RotateSlow))
        );
        for class in [Class::PriorityPage, Class::Page, Class::TwoWayCall] {
            assert_eq!(light(class, false), Some((Colour::Green, Pattern::Steady)));
        }
        for class in [Class::ScheduledBell, Class::BackgroundMusic] {
            assert_eq!(light(class, false), None);
        }
        assert_eq!(Signals::default().strobe, None);
    }

    #[test]
    fn the_relay_is_active_under_everything_but_music() {
        for class in [
            SoundClass::EmergencyAlert,
            SoundClass::PriorityPage,
            SoundClass::Page,
            SoundClass::TwoWayCall,
            SoundClass::Ring,
            SoundClass::ScheduledBell,
        ] {
            assert!(RelayEvents::default().hold(class), "{class:?}");
        }
        assert!(!RelayEvents::default().hold(SoundClass::BackgroundMusic));
    }

    #[test]
    fn the_virtual_strobe_knows_every_pattern_of_the_8138_by_its_number() {
        let names = STROBE_MODELS[1].patterns;
        for (number, name) in (0..).zip(names) {
            assert_eq!(
                StrobePattern::of_number(number).is_some(),
                name.is_some(),
                "{number}"
            );
        }
        assert_eq!(StrobePattern::of_number(16), None);
    }
}
