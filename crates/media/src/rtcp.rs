//! RTCP as a speech stream needs it (RFC 3550 section 6): reports, a canonical name, and goodbyes.
//!
//! Everything else a peer may put into a compound packet is passed over. When to send is decided by the sender.

use rtcp_types::prelude::{RtcpPacketWriter as _, RtcpPacketWriterExt as _};
use rtcp_types::{
    Bye, Compound, Packet, ReceiverReport, ReportBlock, ReportBlockBuilder, RtcpParseError, RtcpWriteError,
    Sdes, SdesChunk, SdesItem, SenderReport,
};
use smallvec::SmallVec;
use thiserror::Error;

/// Most reception reports written or read; more do not fit one report packet (RFC 3550 section 6.4.1).
pub const RECEPTION_REPORTS_MAX: usize = 31;

/// Most goodbyes read; a packet names one stream, or the few that a mixer ends at once.
pub const GOODBYES_MAX: usize = 31;

/// Longest canonical name in octets, as far as its length field reaches (RFC 3550 section 6.5).
pub const CANONICAL_NAME_LENGTH_MAX: usize = 255;

/// What a sender tells of its own stream (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInformation {
    /// Wall clock: seconds since 1900 in the upper, their fraction in the lower 32 bits.
    pub ntp_timestamp: u64,
    /// The same moment on the clock of the RTP timestamps.
    pub rtp_timestamp: u32,
    /// RTP packets sent, modulo 2^32.
    pub packet_count: u32,
    /// Payload octets sent, modulo 2^32.
    pub octet_count: u32,
}

impl SenderInformation {
    /// Is the middle of the wall clock, which the peer sends back as [`ReceptionReport::last_sender_report`].
    pub fn compact_ntp_timestamp(&self) -> u32 {
        let [_, _, m0, m1, m2, m3, _, _] = self.ntp_timestamp.to_be_bytes();
        u32::from_be_bytes([m0, m1, m2, m3])
    }
}

/// How a stream arrives (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptionReport {
    /// The stream reported on.
    pub ssrc: u32,
    /// Share of packets lost since the previous report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, negative if duplicates outnumber losses; carried in 24 bits, so limited to
    /// -2^23 ..= 2^23 - 1.
    pub cumulative_lost: i32,
    /// Highest sequence number received, with the count of wraps above it.
    pub extended_sequence: u32,
    /// Interarrival jitter in ticks of the RTP timestamp.
    pub jitter: u32,
    /// Compact NTP timestamp of the last sender report; 0 if there was none.
    pub last_sender_report: u32,
    /// Time since that report in 1/65,536 s; 0 if there was none.
    pub delay_since_last_sender_report: u32,
}

/// A compound packet to send.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Our own stream.
    pub ssrc: u32,
    /// Present in the report of one who has sent since the last.
    pub sender: Option<SenderInformation>,
    /// The streams received, at most [`RECEPTION_REPORTS_MAX`].
    pub receptions: &'a [ReceptionReport],
    /// Name that stays the same when the SSRC changes, at most [`CANONICAL_NAME_LENGTH_MAX`] octets.
    pub canonical_name: &'a str,
    /// Says that the stream ends with this packet.
    pub goodbye: bool,
}

/// What a peer's compound packet tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Received {
    /// Whose packet it is.
    pub ssrc: u32,
    /// What the peer tells of its stream.
    pub sender: Option<SenderInformation>,
    /// How the peer receives, at most [`RECEPTION_REPORTS_MAX`] streams.
    pub receptions: SmallVec<[ReceptionReport; 1]>,
    /// Streams that end, at most [`GOODBYES_MAX`].
    pub goodbyes: SmallVec<[u32; 1]>,
}

/// Why octets are no RTCP packet, or a report cannot be written.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum RtcpError {
    /// What arrived does not follow the format.
    #[error("malformed RTCP packet")]
    Malformed(#[source] RtcpParseError),
    /// What arrived does not begin with a report (RFC 3550 section 6.1).
    #[error("an RTCP packet that does not begin with a report")]
    NoReport,
    /// The report exceeds a limit of the format.
    #[error("a report that RTCP cannot carry")]
    Unwritable(#[source] RtcpWriteError),
}

/// Tells RTCP from RTP on a shared port by the second octet (RFC 5761 section 4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet.get(1), Some(192..=223))
}

impl Report<'_> {
    /// Appends the compound packet to `out`: report, canonical name and, if asked for, goodbye.
    ///
    /// # Errors
    /// More receptions, or a longer name, than the format can hold; `out` is left as it was.
    pub fn write_to(&self, out: &mut Vec<u8>) -> Result<(), RtcpError> {
        let compound = Compound::builder();
        let blocks = self.receptions.iter().map(report_block);
        let compound = match self.sender {
            Some(sender) => compound.add_packet(
                blocks.fold(
                    SenderReport::builder(self.ssrc)
                        .ntp_timestamp(sender.ntp_timestamp)
                        .rtp_timestamp(sender.rtp_timestamp)
                        .packet_count(sender.packet_count)
                        .octet_count(sender.octet_count),
                    |report, block| report.add_report_block(block),
                ),
            ),
            None => compound.add_packet(blocks.fold(ReceiverReport::builder(self.ssrc), |report, block| {
                report.add_report_block(block)
            })),
        };
        let name = SdesItem::builder(SdesItem::CNAME, self.canonical_name);
        let compound =
            compound.add_packet(Sdes::builder().add_chunk(SdesChunk::builder(self.ssrc).add_item(name)));
        let compound = if self.goodbye {
            compound.add_packet(Bye::builder().add_source(self.ssrc))
        } else {
            compound
        };
        append(&compound, out).map_err(RtcpError::Unwritable)
    }
}

fn append(compound: &rtcp_types::CompoundBuilder<'_>, out: &mut Vec<u8>) -> Result<(), RtcpWriteError> {
    let start = out.len();
    out.resize(start + compound.calculate_size()?, 0);
    let written = compound.write_into(out.get_mut(start..).unwrap_or_default());
    if written.is_err() {
        out.truncate(start);
    }
    written.map(|_| ())
}

fn report_block(report: &ReceptionReport) -> ReportBlockBuilder {
    ReportBlock::builder(report.ssrc)
        .fraction_lost(report.fraction_lost)
        .cumulative_lost(to_24_bits(report.cumulative_lost))
        .extended_sequence_number(report.extended_sequence)
        .interarrival_jitter(report.jitter)
        .last_sender_report_timestamp(report.last_sender_report)
        .delay_since_last_sender_report_timestamp(report.delay_since_last_sender_report)
}

impl Received {
    /// Reads a plain (decrypted) compound packet.
    ///
    /// # Errors
    /// A packet with a malformed part is refused as a whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, RtcpError> {
        let mut compound = Compound::parse(bytes).map_err(RtcpError::Malformed)?;
        let mut received = match compound.next().transpose().map_err(RtcpError::Malformed)? {
            Some(Packet::Sr(report)) => Self {
                ssrc: report.ssrc(),
                ..Self::default()
            }
            .with_sender_report(&report),
            Some(Packet::Rr(report)) => Self {
                ssrc: report.ssrc(),
                ..Self::default()
            }
            .with_receptions(report.report_blocks()),
            _ => return Err(RtcpError::NoReport),
        };
        for packet in compound {
            match packet.map_err(RtcpError::Malformed)? {
                Packet::Rr(report) => received = received.with_receptions(report.report_blocks()),
                Packet::Bye(goodbye) => {
                    let room = GOODBYES_MAX.saturating_sub(received.goodbyes.len());
                    received.goodbyes.extend(goodbye.ssrcs().take(room));
                }
                _ => {}
            }
        }
        Ok(received)
    }

    fn with_sender_report(self, report: &SenderReport<'_>) -> Self {
        let sender = SenderInformation {
            ntp_timestamp: report.ntp_timestamp(),
            rtp_timestamp: report.rtp_timestamp(),
            packet_count: report.packet_count(),
            octet_count: report.octet_count(),
        };
        Self {
            sender: Some(sender),
            ..self
        }
        .with_receptions(report.report_blocks())
    }

    fn with_receptions<'a>(mut self, blocks: impl Iterator<Item = ReportBlock<'a>>) -> Self {
        let room = RECEPTION_REPORTS_MAX.saturating_sub(self.receptions.len());
        self.receptions
            .extend(blocks.take(room).map(|block| ReceptionReport {
                ssrc: block.ssrc(),
                fraction_lost: block.fraction_lost(),
                cumulative_lost: from_24_bits(block.cumulative_lost()),
                extended_sequence: block.extended_sequence_number(),
                jitter: block.interarrival_jitter(),
                last_sender_report: block.last_sender_report_timestamp(),
                delay_since_last_sender_report: block.delay_since_last_sender_report_timestamp(),
            }));
        self
    }
}

/// Packs a signed number into 24 bits, at their bounds if it does not fit.
fn to_24_bits(lost: i32) -> u32 {
    let [_, b1, b2, b3] = lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
    u32::from_be_bytes([0, b1, b2, b3])
}

fn from_24_bits(lost: u32) -> i32 {
    let [_, b1, b2, b3] = lost.to_be_bytes();
    i32::from_be_bytes([b1, b2, b3, 0]) >> 8
}

#[cfg(test)]
mod tests {
    use super::{
        RECEPTION_REPORTS_MAX, Received, ReceptionReport, Report, RtcpError, SenderInformation, is_rtcp,
    };

    const SENDER: SenderInformation = SenderInformation {
        ntp_timestamp: 0x1122_3344_5566_7788,
        rtp_timestamp: 160,
        packet_count: 50,
        octet_count: 8_000,
    };
    const RECEPTION: ReceptionReport = ReceptionReport {
        ssrc: 9,
        fraction_lost: 255,
        cumulative_lost: -3,
        extended_sequence: 0x1_ffff,
        jitter: 7,
        last_sender_report: 1,
        delay_since_last_sender_report: 2,
    };

    #[test]
    fn a_sender_report_with_goodbye_reads_back() {
        let report = Report {
            ssrc: 5,
            sender: Some(SENDER),
            receptions: &[RECEPTION],
            canonical_name: "a@b",
            goodbye: true,
        };
        let mut bytes = Vec::new();
        report.write_to(&mut bytes).unwrap();

        let received = Received::parse(&bytes).unwrap();

        assert_eq!(received.ssrc, 5);
        assert_eq!(received.sender, Some(SENDER));
        assert_eq!(received.receptions.as_slice(), [RECEPTION]);
        assert_eq!(received.goodbyes.as_slice(), [5]);
        assert!(is_rtcp(&bytes));
    }

    #[test]
    fn a_receiver_report_tells_nothing_of_a_sender() {
        let report = Report {
            ssrc: 5,
            sender: None,
            receptions: &[],
            canonical_name: "a@b",
            goodbye: false,
        };
        let mut bytes = Vec::new();
        report.write_to(&mut bytes).unwrap();

        let received = Received::parse(&bytes).unwrap();

        assert_eq!(
            received,
            Received {
                ssrc: 5,
                ..Received::default()
            }
        );
    }

    #[test]
    fn losses_keep_to_the_bounds_of_24_bits() {
        for (lost, expected) in [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000), (-1, -1)] {
            let reception = ReceptionReport {
                cumulative_lost: lost,
                ..RECEPTION
            };
            let report = Report {
                ssrc: 5,
                sender: None,
                receptions: &[reception],
                canonical_name: "",
                goodbye: false,
            };
            let mut bytes = Vec::new();
            report.write_to(&mut bytes).unwrap();
            assert_eq!(
                Received::parse(&bytes).unwrap().receptions[0].cumulative_lost,
                expected
            );
        }
    }

    #[test]
    fn one_report_packet_holds_31_receptions_and_no_more() {
        let mut bytes = Vec::new();
        let receptions = [RECEPTION; RECEPTION_REPORTS_MAX + 1];
        let report = Report {
            ssrc: 5,
            sender: None,
            receptions: &receptions,
            canonical_name: "a",
            goodbye: false,
        };

        assert!(matches!(
            report.write_to(&mut bytes),
            Err(RtcpError::Unwritable(_))
        ));
        assert_eq!(bytes, []);
        let receptions = &receptions[1..];
        Report { receptions, ..report }.write_to(&mut bytes).unwrap();
        assert_eq!(Received::parse(&bytes).unwrap().receptions.as_slice(), receptions);
    }

    #[test]
    fn no_cut_of_a_compound_packet_is_taken_for_another() {
        let report = Report {
            ssrc: 5,
            sender: Some(SENDER),
            receptions: &[],
            canonical_name: "a@b",
            goodbye: true,
        };
        let mut bytes = Vec::new();
        report.write_to(&mut bytes).unwrap();
        // Report, name and goodbye: 28 + 16 + 8 octets; a cut between them leaves a shorter, valid packet.
        for length in 0..bytes.len() {
            assert_eq!(
                Received::parse(&bytes[..length]).is_ok(),
                [28, 44].contains(&length),
                "{length}"
            );
        }
    }

    #[test]
    fn speech_payload_types_are_not_taken_for_rtcp() {
        for second in [0, 8, 96, 127, 0x80, 0x80 | 8, 0x80 | 96, 0x80 | 127] {
            assert!(!is_rtcp(&[0x80, second]));
        }
        assert!(!is_rtcp(&[0x80]));
    }
}
