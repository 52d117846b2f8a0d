//! Reports on both directions of a leg (RFC 3550 section 6.4), without saying when they are sent.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_core::Rng;

use crate::rtcp::{Received, ReceptionReport, Report, RtcpError, SenderInformation};
use crate::sample::{MEDIA_CLOCK_HZ, duration_to_ticks};
use crate::sequence::Sequencer;

/// How often a leg reports: the least interval of RFC 3550 section 6.2. Two parties never reach the share of
/// the bandwidth that would ask for more.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// What the peer told in its reports, and what was told to it.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// Middle of the time of the peer's last sender report, and when it came.
    sender_report: Option<(u32, Instant)>,
    /// How the peer receives us.
    reception: Option<ReceptionReport>,
    /// What had been expected and received at our last report.
    prior_expected: u64,
    prior_received: u64,
}

impl Reports {
    /// Takes the peer's report.
    pub(crate) fn take(&mut self, now: Instant, received: &Received) {
        if let Some(sender) = received.sender {
            self.sender_report = Some((sender.compact_ntp_timestamp(), now));
        }
        // A leg sends one stream, so the first report is on it, whatever SSRC a translator may have put in.
        if let Some(reception) = received.receptions.first() {
            self.reception = Some(*reception);
        }
    }

    /// How the peer receives us, by its last report.
    pub(crate) fn told(&self) -> Option<ReceptionReport> {
        self.reception
    }

    /// How we receive the peer since the last time this was asked.
    pub(crate) fn reception(
        &mut self,
        now: Instant,
        sequencer: &Sequencer,
        clock_rate: u32,
    ) -> Option<ReceptionReport> {
        let newest = sequencer.newest()?;
        let (received, lost) = (sequencer.received(), sequencer.lost());
        let expected = received + lost;
        let expected_since = expected.saturating_sub(self.prior_expected);
        let received_since = received.saturating_sub(self.prior_received);
        (self.prior_expected, self.prior_received) = (expected, received);
        let lost_since = expected_since.saturating_sub(received_since);
        let fraction = (lost_since * 256).checked_div(expected_since).unwrap_or(0);
        let (last_sender_report, delay) = self.sender_report.map_or((0, 0), |(middle, at)| {
            (middle, middle_of(now.saturating_duration_since(at)))
        });
        let jitter = duration_to_ticks(sequencer.jitter()) / i64::from(MEDIA_CLOCK_HZ / clock_rate.max(1));
        Some(ReceptionReport {
            ssrc: newest.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(lost).unwrap_or(i32::MAX),
            extended_sequence: newest.extended_sequence,
            jitter: u32::try_from(jitter).unwrap_or(u32::MAX),
            last_sender_report,
            delay_since_last_sender_report: delay,
        })
    }
}

/// What a stream that is sent tells of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) ssrc: u32,
    pub(crate) packets: u64,
    pub(crate) octets: u64,
    /// The RTP timestamp of the sound that is sent at the time of the report.
    pub(crate) timestamp: u32,
}

/// Writes a report in place of what `packet` holds; a sender report if packets were sent.
///
/// `elapsed` is the time on the sender's clock, which need not be that of the day (RFC 3550 section 6.4.1).
pub(crate) fn write(
    sent: Sent,
    elapsed: Duration,
    reception: Option<ReceptionReport>,
    canonical_name: &str,
    packet: &mut Vec<u8>,
) -> Result<(), RtcpError> {
    let sender = (sent.packets > 0).then(|| SenderInformation {
        ntp_timestamp: ntp(elapsed),
        rtp_timestamp: sent.timestamp,
        packet_count: low_32(sent.packets),
        octet_count: low_32(sent.octets),
    });
    packet.clear();
    let receptions = reception.as_slice();
    Report {
        ssrc: sent.ssrc,
        sender,
        receptions,
        canonical_name,
        goodbye: false,
    }
    .write_to(packet)
}

/// Draws a name that says nothing about its owner (RFC 7022 section 4.2): 96 bits.
pub(crate) fn canonical_name(rng: &mut impl Rng) -> String {
    let mut octets = [0; 12];
    rng.fill_bytes(&mut octets);
    STANDARD.encode(octets)
}

/// Seconds in the upper, their fraction in the lower 32 bits.
fn ntp(elapsed: Duration) -> u64 {
    let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
    (elapsed.as_secs() << 32) | fraction
}

/// Time in 1/65,536 s.
fn middle_of(elapsed: Duration) -> u32 {
    u32::try_from(ntp(elapsed) >> 16).unwrap_or(u32::MAX)
}

/// A count on the circle of 32 bits.
fn low_32(count: u64) -> u32 {
    let [.., a, b, c, d] = count.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
