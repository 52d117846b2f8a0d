//! The report of a page, for a person and as JSON (`docs/up-report.md` has its schema).

use std::fmt::Write as _;
use std::path::PathBuf;

use audio::Sound;
use model::status::{ListenerReport, MissingReason, NotHeardReason, Verdict};
use serde::Serialize;
use sip::flow::Transport;
use sip::message::StatusCode;

use super::example::{ALL, PHONE};
use super::judge::{Judgement, judge};
use super::stage::{PlacedPage, Stage};
use crate::console::{Colour, paint};
use crate::failure::Failure;

/// Everything that `oyez up` has to say.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Loudspeakers whose recordings hold the page whole.
    pub heard: usize,
    /// Loudspeakers that were paged.
    pub of: usize,
    /// The page.
    pub page: PagePart,
    /// The loudspeakers, one entry each.
    pub loudspeakers: Vec<LoudspeakerPart>,
    /// What a phone of one's own has to know.
    pub phone: PhonePart,
}

/// The page as the talker and the zone saw it.
#[derive(Debug, Clone, Serialize)]
pub struct PagePart {
    /// Its id.
    pub id: String,
    /// What was dialled.
    pub extension: String,
    /// Milliseconds from the call to its answer, the chime included.
    pub answered_ms: u64,
    /// Milliseconds of speech that were sent.
    pub sent_ms: u64,
}

/// One loudspeaker.
#[derive(Debug, Clone, Serialize)]
pub struct LoudspeakerPart {
    /// Its name.
    pub name: String,
    /// The user it registered as.
    pub user: String,
    /// Where and how it registered.
    pub registered: String,
    /// Milliseconds from its start to its registration.
    pub registered_ms: u64,
    /// What the zone knows: `heard`, or why not.
    pub receipt: String,
    /// Milliseconds from the talker's first sound to this loudspeaker's.
    pub first_audio_ms: Option<u64>,
    /// Milliseconds of the page that came out.
    pub played_ms: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Milliseconds by which the sound paused where the talker did not.
    pub interrupted_ms: u64,
    /// The file that holds what came out, where it is kept.
    pub recording: Option<PathBuf>,
    /// What the recording says.
    pub judgement: Judgement,
}

/// What a phone of one's own has to know.
#[derive(Debug, Clone, Serialize)]
pub struct PhonePart {
    /// Addresses of the zone.
    pub servers: Vec<String>,
    /// Port of TLS.
    pub tls_port: u16,
    /// Port of UDP and TCP.
    pub sip_port: u16,
    /// Certificate to be trusted for TLS.
    pub authority: PathBuf,
    /// SIP domain.
    pub domain: String,
    /// User name.
    pub user: String,
    /// Name that it authenticates by.
    pub authorization_id: String,
    /// Password.
    pub password: String,
    /// What to dial.
    pub dial: String,
}

impl Report {
    /// Puts together what is known of a page, judged by `reference`, the sound that was to be heard.
    ///
    /// # Errors
    ///
    /// When the directory does not have the phone's user.
    pub fn new(stage: &Stage, placed: &PlacedPage, reference: &Sound) -> Result<Self, Failure> {
        let loudspeakers: Vec<LoudspeakerPart> = stage
            .loudspeakers
            .iter()
            .zip(&placed.recordings)
            .map(|(loudspeaker, recording)| {
                let listener = placed
                    .report
                    .listeners
                    .iter()
                    .find(|listener| listener.user == loudspeaker.user);
                let receipt = listener.and_then(|listener| listener.receipt.as_ref());
                LoudspeakerPart {
                    name: loudspeaker.name.clone(),
                    user: loudspeaker.user.to_string(),
                    registered: format!("{} over TLS", stage.server(Transport::Tls)),
                    registered_ms: millis(loudspeaker.registered_after),
                    receipt: verdict(listener),
                    first_audio_ms: listener.and_then(|listener| listener.first_audio_ms),
                    played_ms: receipt.map_or(0, |receipt| receipt.played_ms),
                    lost: receipt.map_or(0, |receipt| receipt.lost),
                    interrupted_ms: receipt.map_or(0, |receipt| receipt.interrupted_ms),
                    recording: recording.clone(),
                    judgement: judge(reference, recording.as_deref()),
                }
            })
            .collect();
        let heard = |part: &&LoudspeakerPart| part.judgement.is_heard && part.receipt == "heard";
        let (authorization_id, password) = stage.installation.credentials(PHONE)?;
        Ok(Self {
            heard: loudspeakers.iter().filter(heard).count(),
            of: loudspeakers.len(),
            page: PagePart {
                id: placed.report.page.to_string(),
                extension: placed.report.extension.to_string(),
                answered_ms: millis(placed.call.answered.saturating_duration_since(placed.call.began)),
                sent_ms: placed.call.sent_ms,
            },
            loudspeakers,
            phone: PhonePart {
                servers: stage
                    .installation
                    .addresses
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                tls_port: stage.server(Transport::Tls).port(),
                sip_port: stage.server(Transport::Udp).port(),
                authority: stage.installation.authority_file.clone(),
                domain: stage.installation.snapshot.domain.clone(),
                user: PHONE.to_owned(),
                authorization_id: authorization_id.to_string(),
                password: password.reveal().to_owned(),
                dial: ALL.to_owned(),
            },
        })
    }

    /// Every loudspeaker heard the page.
    pub fn is_heard_by_all(&self) -> bool {
        self.of > 0 && self.heard == self.of
    }

    /// How `oyez up --once` ends.
    ///
    /// # Errors
    ///
    /// When a loudspeaker did not hear the page.
    pub fn verdict(&self) -> Result<(), Failure> {
        if self.is_heard_by_all() {
            Ok(())
        } else {
            Err(Failure::NotHeard)
        }
    }

    /// Names no recordings, since they are about to be deleted with the state.
    pub fn leave_out_recordings(&mut self) {
        for loudspeaker in &mut self.loudspeakers {
            loudspeaker.recording = None;
        }
    }

    /// The report for a person; `with_phone` adds what to try next.
    pub fn to_text(&self, is_coloured: bool, with_phone: bool) -> String {
        let mut text = String::new();
        let bold = |words: &str| paint(Colour::Bold, words, is_coloured);
        line(&mut text, &bold("Registered"));
        for part in &self.loudspeakers {
            line(
                &mut text,
                &format!(
                    "  {:<10} at {}, after {} ms",
                    part.name, part.registered, part.registered_ms
                ),
            );
        }
        line(&mut text, "");
        line(
            &mut text,
            &format!(
                "{} to extension {}: {:.1} s of speech, answered after {} ms (the chime plays first)",
                bold("Paged"),
                self.page.extension,
                seconds(self.page.sent_ms),
                self.page.answered_ms
            ),
        );
        for part in &self.loudspeakers {
            self.loudspeaker(&mut text, part, is_coloured);
        }
        let colour = if self.is_heard_by_all() {
            Colour::Green
        } else {
            Colour::Red
        };
        line(&mut text, "");
        line(
            &mut text,
            &paint(
                colour,
                &format!("Heard by {} of {}.", self.heard, self.of),
                is_coloured,
            ),
        );
        if with_phone {
            self.phone(
                &mut text,
                &bold("Try it with your own phone, which the portal calls Desk phone"),
            );
        }
        text
    }

    fn loudspeaker(&self, text: &mut String, part: &LoudspeakerPart, is_coloured: bool) {
        let is_heard = part.judgement.is_heard && part.receipt == "heard";
        let verdict = if is_heard {
            paint(Colour::Green, "heard", is_coloured)
        } else if part.receipt == "heard" {
            paint(
                Colour::Red,
                &format!("not heard: {}", part.judgement.fault),
                is_coloured,
            )
        } else {
            paint(Colour::Red, &format!("not heard: {}", part.receipt), is_coloured)
        };
        let first = part.first_audio_ms.map_or_else(
            || "no audio".to_owned(),
            |ms| format!("first audio after {ms} ms"),
        );
        let packets = match part.lost {
            0 => "no packet lost".to_owned(),
            1 => "1 packet lost".to_owned(),
            lost => format!("{lost} packets lost"),
        };
        let interruption = interruption(part.interrupted_ms);
        line(
            text,
            &format!(
                "  {:<10} {verdict}: {first}, {:.1} s played, {packets}{interruption}",
                part.name,
                seconds(part.played_ms)
            ),
        );
        if let Some(recording) = &part.recording {
            line(text, &format!("  {:<10} {}", "", recording.display()));
        }
    }

    fn phone(&self, text: &mut String, heading: &str) {
        let phone = &self.phone;
        let server = phone.servers.first().map_or("127.0.0.1", String::as_str);
        line(text, "");
        line(text, heading);
        // The names that the portal has for the same, so that what is read here is found again there.
        for (label, value) in [
            ("SIP Domain", phone.domain.clone()),
            (
                "Outbound Proxy",
                format!(
                    "{} over TLS with SRTP, or {} over UDP",
                    at(server, phone.tls_port),
                    at(server, phone.sip_port)
                ),
            ),
            ("User Name", phone.user.clone()),
            ("Authorization ID", phone.authorization_id.clone()),
            ("Password", phone.password.clone()),
            ("Certificate", phone.authority.display().to_string()),
            (
                "Dial",
                format!(
                    "{} and speak as soon as it answers: the loudspeakers have had their chime by then",
                    phone.dial
                ),
            ),
        ] {
            line(text, &format!("  {label:<16} {value}"));
        }
    }
}

/// A port of a host, as both are written together.
fn at(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// How long a page was interrupted at a listener, as the end of a line about it; empty if it was not.
pub fn interruption(interrupted_ms: u64) -> String {
    match interrupted_ms {
        0 => String::new(),
        ms => format!(", interrupted for {ms} ms"),
    }
}

/// What became of a page at one listener, in words; `heard` if it was.
pub fn verdict(listener: Option<&ListenerReport>) -> String {
    let words = match listener.map(|listener| &listener.verdict) {
        None => "the zone did not page it",
        Some(Verdict::Heard) => "heard",
        Some(Verdict::NotHeard { why }) => match why {
            NotHeardReason::TooLittle => "too little of the page came out",
            NotHeardReason::Muted => "the output was muted",
            NotHeardReason::SinkFault => "the output was faulty",
            NotHeardReason::NoReceipt => "it sent no receipt",
        },
        Some(Verdict::Answered { .. }) => "it answered but gives no receipts",
        Some(Verdict::Missing { why }) => match why {
            MissingReason::NotRegistered => "it is not registered",
            MissingReason::NoAnswer => "it did not answer",
            MissingReason::Refused { status, text } => return refusal(*status, text.as_deref()),
            MissingReason::ConnectionFailed => "its connection failed",
            MissingReason::PageEnded => "the page ended before it answered",
        },
    };
    words.to_owned()
}

/// With the status, and what the device said about it.
fn refusal(status: u16, text: Option<&str>) -> String {
    let reason = StatusCode::new(status).map_or("", StatusCode::reason);
    let answer = format!("it refused with {status} {reason}");
    match text {
        Some(text) => format!("{}: {text}", answer.trim_end()),
        None => answer.trim_end().to_owned(),
    }
}

fn line(text: &mut String, words: &str) {
    // A string takes whatever is written to it.
    let _is_written = writeln!(text, "{words}").is_ok();
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of a page are far below 2^52"
)]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}
