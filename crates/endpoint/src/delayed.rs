//! Delayed pages: recorded while the caller speaks, played when it is done.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use media::receive::Pulled;
use media::sample::SampleRate;
use model::SlotId;
use model::status::MessagesStatus;

use crate::playback::Playback;
use crate::tones::{Recording, ToneSource};

/// Longest message; what comes later is not recorded, and the call ends.
pub const MESSAGE_MAX: Duration = Duration::from_secs(120);
/// Messages that are recorded, wait or are played at a time. One of the longest takes 11.5 MB at 48 kHz: 34.6 MB in all.
pub const MESSAGES_MAX: usize = 3;
/// What is shorter is no message: somebody has dialled and thought better of it.
pub const MESSAGE_MIN: Duration = Duration::from_millis(200);

/// Takes what the caller of a delayed page says.
pub(crate) struct Recorder {
    samples: Vec<i16>,
    samples_max: usize,
    samples_min: usize,
    /// What the caller hears before the message.
    prompt: Playback,
    /// A key ends the message, not the end of the call alone.
    ends_by_key: bool,
    is_ended: bool,
}

impl Recorder {
    pub(crate) fn new(rate: SampleRate, prompt: Playback, ends_by_key: bool) -> Self {
        Self {
            samples: Vec::new(),
            samples_max: rate.samples_in(MESSAGE_MAX),
            samples_min: rate.samples_in(MESSAGE_MIN),
            prompt,
            ends_by_key,
            is_ended: false,
        }
    }

    /// What the caller hears before the message.
    pub(crate) fn prompt(&mut self) -> &mut Playback {
        &mut self.prompt
    }

    /// Takes what came; silence before the first word is left out.
    pub(crate) fn take(&mut self, pulled: Pulled, samples: &[i16]) {
        if self.samples.is_empty() && pulled.page_samples == 0 {
            return;
        }
        let room = self.samples_max.saturating_sub(self.samples.len());
        self.samples.extend(samples.iter().take(room));
    }

    /// Takes a key of the caller's; says whether the message ends by it.
    pub(crate) fn press(&mut self) -> bool {
        self.is_ended |= self.ends_by_key;
        self.is_ended
    }

    /// Says whether a key has ended the message.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// The message, if there is one.
    pub(crate) fn into_samples(self) -> Option<Arc<[i16]>> {
        (self.samples.len() >= self.samples_min).then(|| Arc::from(self.samples))
    }
}

/// A message that is to be played.
#[derive(Debug, Clone)]
pub(crate) struct DelayedPage {
    /// The slot that was called, and the caller in words.
    pub(crate) slot: SlotId,
    pub(crate) caller: String,
    /// What plays before it.
    pub(crate) tone: ToneSource,
    pub(crate) message: Recording,
}

/// Messages that wait for the loudspeaker, in the order in which they were recorded.
#[derive(Debug, Default)]
pub(crate) struct DelayedPages {
    waiting: VecDeque<DelayedPage>,
    /// What was last told.
    told: MessagesStatus,
}

impl DelayedPages {
    /// Takes a message; the limit is kept where calls are let in.
    pub(crate) fn push(&mut self, page: DelayedPage) {
        self.waiting.push_back(page);
    }

    /// The next one, if it may be played.
    pub(crate) fn pop_if(&mut self, may_be_played: bool) -> Option<DelayedPage> {
        if may_be_played {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn count(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the state; says whether it is another one.
    pub(crate) fn set_told(&mut self, messages: MessagesStatus) -> bool {
        std::mem::replace(&mut self.told, messages) != messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::Hz8000;

    fn recorded(tick: &[i16], ticks: usize) -> Option<usize> {
        let mut recorder = Recorder::new(RATE, Playback::nothing(RATE), false);
        let pulled = Pulled {
            page_samples: tick.len(),
            ..Pulled::default()
        };
        for _ in 0..ticks {
            recorder.take(pulled, tick);
        }
        recorder.into_samples().map(|samples| samples.len())
    }

    #[test]
    fn a_message_is_taken_up_to_the_limit_and_no_further() {
        let longest = RATE.samples_in(MESSAGE_MAX);
        let ticks = longest / 160;
        assert_eq!(recorded(&[1; 160], ticks), Some(longest));
        assert_eq!(recorded(&[1; 160], ticks + 1), Some(longest));
    }

    #[test]
    fn a_message_has_a_least_length() {
        assert_eq!(recorded(&[1; 160], 10), Some(1_600));
        assert_eq!(recorded(&[1; 160], 9), None);
    }

    #[test]
    fn silence_before_the_first_word_is_left_out() {
        let mut recorder = Recorder::new(RATE, Playback::nothing(RATE), false);
        recorder.take(Pulled::default(), &[0; 8_000]);
        let pulled = Pulled {
            page_samples: 1_600,
            ..Pulled::default()
        };
        recorder.take(pulled, &[1; 1_600]);
        recorder.take(Pulled::default(), &[0; 160]);
        assert_eq!(recorder.into_samples().map(|samples| samples.len()), Some(1_760));
    }
}
