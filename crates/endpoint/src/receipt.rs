//! What the sink consumed of a page.

use std::time::{Duration, Instant};

use media::receive::{Pulled, ReceiveStatistics};
use media::sample::SampleRate;
use model::PageId;
use model::status::Receipt;

use crate::clock::{millis, millis_since};

/// The state of the output at the moment samples are taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputState {
    pub(crate) is_healthy: bool,
    pub(crate) is_muted: bool,
}

/// Counts what a sink consumed of a page. A page that moves to another dialog takes its tally along.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    answered_at: Instant,
    /// Samples that a working sink took, at the output rate, concealed ones included.
    consumed: u64,
    /// How many of them were made up.
    concealed: u64,
    /// Samples by which the sound was put off in the middle, because packets were late.
    interrupted: u64,
    first_audio: Option<Instant>,
    was_muted: bool,
    was_faulty: bool,
    /// Of dialogs the page has moved away from: packets lost, and milliseconds sent.
    lost_before: u64,
    expected_ms_before: u64,
    /// Of what the present dialog carried before the page began.
    lost_ignored: u64,
    ignored_ms: u64,
}

impl Tally {
    pub(crate) fn new(answered_at: Instant) -> Self {
        Self {
            answered_at,
            consumed: 0,
            concealed: 0,
            interrupted: 0,
            first_audio: None,
            was_muted: false,
            was_faulty: false,
            lost_before: 0,
            expected_ms_before: 0,
            lost_ignored: 0,
            ignored_ms: 0,
        }
    }

    /// Counts what was taken out of the stream for the sink.
    pub(crate) fn consumed(&mut self, now: Instant, pulled: Pulled, output: OutputState) {
        self.interrupted = self.interrupted.saturating_add(count(pulled.interrupted));
        if pulled.page_samples == 0 {
            // Nothing of the page was lost, whatever the output is like.
            return;
        }
        self.was_muted |= output.is_muted;
        self.was_faulty |= !output.is_healthy;
        if !output.is_healthy {
            return;
        }
        self.consumed = self.consumed.saturating_add(count(pulled.page_samples));
        self.concealed = self.concealed.saturating_add(count(pulled.concealed));
        self.first_audio.get_or_insert(now);
    }

    /// The sink has failed. What it took of the page before may be lost with it; there is nothing to lose before.
    pub(crate) fn note_fault(&mut self) {
        self.was_faulty |= self.first_audio.is_some();
    }

    /// Says whether the page has been heard in another dialog before.
    pub(crate) fn has_begun(&self) -> bool {
        self.first_audio.is_some() || self.expected_ms_before > 0
    }

    /// Closes the account of a dialog that the page moves away from.
    pub(crate) fn leave_dialog(&mut self, statistics: &ReceiveStatistics, packet_time: Duration) {
        self.lost_before = self.lost_before.saturating_add(self.lost(statistics));
        self.expected_ms_before = self
            .expected_ms_before
            .saturating_add(self.sent_ms(statistics, packet_time));
        self.lost_ignored = 0;
        self.ignored_ms = 0;
    }

    /// Leaves out what the present dialog has carried so far: the page begins after it.
    pub(crate) fn ignore(&mut self, statistics: &ReceiveStatistics, packet_time: Duration) {
        self.lost_ignored = statistics.lost;
        self.ignored_ms = sent_ms(statistics, packet_time);
    }

    fn lost(&self, statistics: &ReceiveStatistics) -> u64 {
        statistics.lost.saturating_sub(self.lost_ignored)
    }

    fn sent_ms(&self, statistics: &ReceiveStatistics, packet_time: Duration) -> u64 {
        sent_ms(statistics, packet_time).saturating_sub(self.ignored_ms)
    }

    /// Writes the receipt. `output` is the state at the end: a sink that has taken nothing for a while is not healthy,
    /// however it was when the last sample left.
    pub(crate) fn receipt(
        &self,
        page: PageId,
        statistics: &ReceiveStatistics,
        packet_time: Duration,
        rate: SampleRate,
        output: OutputState,
    ) -> Receipt {
        let played_ms = millis(rate.duration_of(self.consumed));
        Receipt {
            page,
            played_ms,
            expected_ms: self
                .expected_ms_before
                .saturating_add(self.sent_ms(statistics, packet_time))
                .max(played_ms),
            lost: self.lost_before.saturating_add(self.lost(statistics)),
            concealed_ms: millis(rate.duration_of(self.concealed)),
            interrupted_ms: millis(rate.duration_of(self.interrupted)),
            first_audio_ms: self
                .first_audio
                .map(|first| millis_since(self.answered_at, first)),
            level_dbfs: statistics.level_dbfs.filter(|_| self.consumed > 0),
            muted: self.was_muted || output.is_muted,
            sink_healthy: output.is_healthy && !self.was_faulty,
        }
    }
}

/// How long a stream was, by its packets.
fn sent_ms(statistics: &ReceiveStatistics, packet_time: Duration) -> u64 {
    statistics
        .packets
        .saturating_add(statistics.lost)
        .saturating_mul(millis(packet_time))
}

fn count(samples: usize) -> u64 {
    u64::try_from(samples).unwrap_or(u64::MAX)
}
