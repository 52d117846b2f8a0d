//! What can sound, and in which order.

pub use model::status::SoundClass as Class;

/// What a class does beside the others.
pub(crate) trait Precedence: Sized {
    /// What a sound of this class does while a more important one of class `by` sounds.
    fn gives_way(self, by: Self) -> GivesWay;
    /// What happens to a request of this class while a more important sound is on.
    fn comes_second(self) -> ComesSecond;
    /// What happens to two sounds of this class.
    fn meets_its_like(self) -> MeetsItsLike;
}

impl Precedence for Class {
    fn gives_way(self, by: Self) -> GivesWay {
        match self {
            // Who speaks must learn that nobody hears it: the call ends. An alert that an installation ranks below
            // something else is a recording and goes on afterwards.
            Self::PriorityPage | Self::Page => GivesWay::Stops,
            Self::EmergencyAlert | Self::TwoWayCall | Self::Ring => GivesWay::Waits,
            // A bell that rings late says the wrong time.
            Self::ScheduledBell => GivesWay::Stops,
            Self::BackgroundMusic => match by {
                Self::Ring | Self::ScheduledBell | Self::BackgroundMusic => GivesWay::Ducks,
                Self::EmergencyAlert | Self::PriorityPage | Self::Page | Self::TwoWayCall => GivesWay::Waits,
            },
        }
    }

    fn comes_second(self) -> ComesSecond {
        match self {
            Self::PriorityPage | Self::Page | Self::TwoWayCall | Self::ScheduledBell => {
                ComesSecond::IsRefused
            }
            Self::EmergencyAlert | Self::Ring | Self::BackgroundMusic => ComesSecond::GivesWay,
        }
    }

    fn meets_its_like(self) -> MeetsItsLike {
        match self {
            // Whoever raised the later alert knew of the earlier one.
            Self::EmergencyAlert => MeetsItsLike::NewerSounds,
            Self::PriorityPage | Self::Page | Self::TwoWayCall | Self::ScheduledBell => {
                MeetsItsLike::NewerIsRefused
            }
            Self::Ring => MeetsItsLike::NewerWaits,
            Self::BackgroundMusic => MeetsItsLike::OlderStops,
        }
    }
}

/// How a sound makes room for a more important one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivesWay {
    /// It ends and does not come back.
    Stops,
    /// It is silent, and goes on afterwards if it is still wanted.
    Waits,
    /// It goes on quietly.
    Ducks,
}

/// What becomes of a request while something more important sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComesSecond {
    /// Its caller is told at once.
    IsRefused,
    /// It begins as if it had been interrupted.
    GivesWay,
}

/// What becomes of two sounds of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeetsItsLike {
    /// The newer sounds, the older waits.
    NewerSounds,
    /// The older sounds, the newer waits.
    NewerWaits,
    /// The older sounds, the newer is refused.
    NewerIsRefused,
    /// The newer sounds, the older ends.
    OlderStops,
}

/// Which of two sounds of one class is heard, where its like is refused: a greater one ends a lesser one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It goes to one of many zones.
    Zone,
    /// It goes to everybody.
    AllCall,
    /// It is for this device alone: whoever sends it knows whom it is to reach, and hears whether it does.
    #[default]
    Own,
}

/// The order of classes at one installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order([Class; 7]);

/// An order in which a class is missing, and so another stands twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the order of sounds lacks {missing}: each class must stand in it once")]
pub struct OrderError {
    /// The first missing class.
    pub missing: Class,
}

impl Order {
    /// Makes an order, the most important class first.
    ///
    /// # Errors
    ///
    /// Names a class that is missing.
    pub fn new(classes: [Class; 7]) -> Result<Self, OrderError> {
        match Class::ALL.into_iter().find(|class| !classes.contains(class)) {
            Some(missing) => Err(OrderError { missing }),
            None => Ok(Self(classes)),
        }
    }

    /// The place of a class, 0 for the most important.
    #[must_use]
    pub fn place(&self, class: Class) -> usize {
        self.0.iter().take_while(|other| **other != class).count()
    }
}

impl Default for Order {
    fn default() -> Self {
        Self(Class::ALL)
    }
}
