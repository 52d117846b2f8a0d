//! Decides which of the sounds that are wanted is heard.
//!
//! Every accepted sound has a level. One is at full level, the most important; what the others do follows from their
//! class and its alone, so each request and release works the levels out afresh and tells what has changed:
//!
//! ```text
//!            request                     something more important
//!   (none) ─────────▶ full ◀──────────────────────────────────────▶ ducked or silent
//!      │                │ release, or stopped by something more important
//!      │ refused        ▼
//!      └────────────▶ (none)
//! ```

use super::Class;
use super::Order;
use super::Rank;
use super::class::{ComesSecond, GivesWay, MeetsItsLike, Precedence};

/// Sounds that may be wanted at a time: every slot and input of a device ringing at once, with room to spare.
pub const SOUNDS_MAX: usize = 64;

/// Names a sound for as long as it is wanted; the caller's to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SoundId(pub u64);

/// What follows from a request or release, to be done in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The sound begins, at full level.
    Start(SoundId),
    /// The sound is over and forgotten: a call ends, and its caller learns why.
    Stop {
        /// Which sound.
        sound: SoundId,
        /// The class of what took its place.
        by: Class,
    },
    /// The sound goes on quietly.
    Duck(SoundId),
    /// The sound falls silent, or does not begin yet; it stays wanted.
    Suspend(SoundId),
    /// The sound goes on at full level.
    Resume(SoundId),
    /// The requested sound is refused and forgotten.
    Refuse {
        /// Which sound.
        sound: SoundId,
        /// What its caller is told.
        refusal: Refusal,
    },
}

/// Why a sound is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Something of that class sounds.
    #[error("{by} in progress")]
    Busy {
        /// The class of what sounds.
        by: Class,
    },
    /// As many sounds are wanted as may be.
    #[error("more than {SOUNDS_MAX} sounds wanted")]
    TooMany,
    /// A sound of that id is wanted already: the caller is in error.
    #[error("the sound is wanted already")]
    Duplicate,
}

impl Refusal {
    /// The SIP status a refused caller gets: Busy Here, or Server Internal Error for an error of ours.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Busy { .. } | Self::TooMany => 486,
            Self::Duplicate => 500,
        }
    }
}

/// How loud an accepted sound is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Full,
    Ducked,
    Silent,
}

#[derive(Clone, Copy, Debug)]
struct Sound {
    id: SoundId,
    class: Class,
    rank: Rank,
    level: Level,
    /// It has been heard, so that it is resumed and not started.
    started: bool,
}

/// Decides for one loudspeaker.
#[derive(Clone, Debug, Default)]
pub struct Arbiter {
    order: Order,
    /// In the order of requests, at most [`SOUNDS_MAX`].
    sounds: Vec<Sound>,
}

impl Arbiter {
    /// Makes the arbiter of a silent loudspeaker.
    #[must_use]
    pub fn new(order: Order) -> Self {
        Self {
            order,
            sounds: Vec::new(),
        }
    }

    /// Asks for a sound to be heard that is for this device alone.
    pub fn request(&mut self, sound: SoundId, class: Class) -> Vec<Effect> {
        self.request_ranked(sound, class, Rank::default())
    }

    /// Asks for a sound to be heard.
    pub fn request_ranked(&mut self, sound: SoundId, class: Class, rank: Rank) -> Vec<Effect> {
        if let Err(refusal) = self.admit(sound, class, rank) {
            return vec![Effect::Refuse { sound, refusal }];
        }
        let mut effects = Vec::new();
        match class.meets_its_like() {
            MeetsItsLike::OlderStops => {
                self.stop_where(|sound| sound.class == class, class, &mut effects);
            }
            MeetsItsLike::NewerIsRefused => {
                let is_lesser = |sound: &Sound| sound.class == class && sound.rank < rank;
                self.stop_where(is_lesser, class, &mut effects);
            }
            MeetsItsLike::NewerSounds | MeetsItsLike::NewerWaits => {}
        }
        if self.sounds.len() >= SOUNDS_MAX {
            effects.extend(self.drop_least(class));
        }
        self.sounds.push(Sound {
            id: sound,
            class,
            rank,
            level: Level::Silent,
            started: false,
        });
        self.settle(Some(sound), &mut effects);
        effects
    }

    /// Says that a sound is over or not wanted any more; an unknown one is ignored, since a stop and a hang-up may cross.
    pub fn release(&mut self, sound: SoundId) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.sounds.retain(|known| known.id != sound);
        self.settle(None, &mut effects);
        effects
    }

    /// Goes by another order from here on.
    pub fn set_order(&mut self, order: Order) -> Vec<Effect> {
        self.order = order;
        let mut effects = Vec::new();
        self.settle(None, &mut effects);
        effects
    }

    /// The sound that is heard at full level, with its class.
    #[must_use]
    pub fn sounding(&self) -> Option<(SoundId, Class)> {
        self.heard().map(|sound| (sound.id, sound.class))
    }

    fn heard(&self) -> Option<&Sound> {
        self.sounds.iter().find(|sound| sound.level == Level::Full)
    }

    /// Says whether a sound of class `newer` takes the loudspeaker from one of class `older`.
    #[must_use]
    pub fn takes_over(&self, newer: Class, older: Class) -> bool {
        if newer == older {
            match newer.meets_its_like() {
                MeetsItsLike::NewerSounds | MeetsItsLike::OlderStops => true,
                MeetsItsLike::NewerWaits | MeetsItsLike::NewerIsRefused => false,
            }
        } else {
            self.order.place(newer) < self.order.place(older)
        }
    }

    /// Says whether a sound is wanted: full, ducked or waiting.
    #[must_use]
    pub fn is_wanted(&self, sound: SoundId) -> bool {
        self.sounds.iter().any(|known| known.id == sound)
    }

    /// Says whether nothing as important as a class is wanted, so that a sound of it would be heard and end none of its
    /// like.
    #[must_use]
    pub fn is_free_for(&self, class: Class) -> bool {
        let place = self.order.place(class);
        self.sounds
            .iter()
            .all(|sound| self.order.place(sound.class) > place)
    }

    fn admit(&self, sound: SoundId, class: Class, rank: Rank) -> Result<(), Refusal> {
        if self.is_wanted(sound) {
            return Err(Refusal::Duplicate);
        }
        if let Some(heard) = self.heard() {
            let by = heard.class;
            let comes_second = self.order.place(by) < self.order.place(class);
            let is_refused = if by == class {
                class.meets_its_like() == MeetsItsLike::NewerIsRefused && rank <= heard.rank
            } else {
                comes_second && class.comes_second() == ComesSecond::IsRefused
            };
            if is_refused {
                return Err(Refusal::Busy { by });
            }
        }
        let makes_room = self
            .least()
            .is_some_and(|least| self.order.place(least.class) > self.order.place(class));
        if self.sounds.len() >= SOUNDS_MAX && !makes_room {
            Err(Refusal::TooMany)
        } else {
            Ok(())
        }
    }

    /// The sound that is missed least: the newest of the least important class.
    fn least(&self) -> Option<&Sound> {
        self.sounds
            .iter()
            .max_by_key(|sound| self.order.place(sound.class))
    }

    fn drop_least(&mut self, by: Class) -> Option<Effect> {
        let sound = self.least()?.id;
        self.sounds.retain(|known| known.id != sound);
        Some(Effect::Stop { sound, by })
    }

    fn stop_where(&mut self, stops: impl Fn(&Sound) -> bool, by: Class, effects: &mut Vec<Effect>) {
        self.sounds.retain(|sound| {
            let stops = stops(sound);
            if stops {
                effects.push(Effect::Stop { sound: sound.id, by });
            }
            !stops
        });
    }

    /// Works out all levels, what is taken away first and what is given last.
    fn settle(&mut self, requested: Option<SoundId>, effects: &mut Vec<Effect>) {
        let Some(top) = self.top() else {
            return;
        };
        let gives_up =
            |sound: &Sound| sound.class != top.class && sound.class.gives_way(top.class) == GivesWay::Stops;
        self.stop_where(gives_up, top.class, effects);
        let mut given = Vec::new();
        for sound in &mut self.sounds {
            let level = if sound.id == top.id {
                Level::Full
            } else {
                level_under(sound, &top)
            };
            let begins = requested == Some(sound.id);
            if level == sound.level && !begins {
                continue;
            }
            let id = sound.id;
            match (level, sound.started) {
                (Level::Full, false) => given.push(Effect::Start(id)),
                (Level::Full, true) => given.push(Effect::Resume(id)),
                (Level::Ducked, false) => given.extend([Effect::Start(id), Effect::Duck(id)]),
                (Level::Ducked, true) => effects.push(Effect::Duck(id)),
                (Level::Silent, _) => effects.push(Effect::Suspend(id)),
            }
            sound.started |= level != Level::Silent;
            sound.level = level;
        }
        effects.append(&mut given);
    }

    /// The most important sound; among its like the newest or the oldest, as their class has it.
    fn top(&self) -> Option<Sound> {
        let place = self
            .sounds
            .iter()
            .map(|sound| self.order.place(sound.class))
            .min()?;
        let mut alike = self
            .sounds
            .iter()
            .filter(|sound| self.order.place(sound.class) == place);
        let oldest = alike.next()?;
        let newest = alike.next_back().unwrap_or(oldest);
        Some(*match oldest.class.meets_its_like() {
            MeetsItsLike::NewerSounds | MeetsItsLike::OlderStops => newest,
            MeetsItsLike::NewerWaits | MeetsItsLike::NewerIsRefused => oldest,
        })
    }
}

fn level_under(sound: &Sound, top: &Sound) -> Level {
    if sound.class == top.class {
        return Level::Silent;
    }
    match sound.class.gives_way(top.class) {
        GivesWay::Ducks => Level::Ducked,
        GivesWay::Waits | GivesWay::Stops => Level::Silent,
    }
}

#[cfg(test)]
mod tests;
