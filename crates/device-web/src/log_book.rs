//! The last lines of the program's log, for the page that shows them.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines kept; past that the oldest is forgotten.
pub const LOG_LINES_MAX: usize = 1_000;
/// Characters of a line; what is longer is cut.
pub const LOG_LINE_LENGTH_MAX: usize = 500;

/// Lines kept for a log server that is behind; past that the oldest is dropped, and counted.
pub const LOG_LINES_QUEUED_MAX: usize = 256;

/// The last lines of the log. Clones are the same book.
#[derive(Clone, Debug)]
pub struct LogBook(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lines: Mutex<VecDeque<LogLine>>,
    /// Those who follow the log.
    followers: broadcast::Sender<LogLine>,
    deliveries: Mutex<Vec<Delivery>>,
}

impl Default for LogBook {
    fn default() -> Self {
        let (followers, _) = broadcast::channel(LOG_LINES_QUEUED_MAX);
        Self(Arc::new(Shared {
            lines: Mutex::default(),
            followers,
            deliveries: Mutex::default(),
        }))
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, in seconds since 1970.
    pub at: u64,
    /// How grave it is.
    pub level: Level,
    /// Which part of the program wrote it.
    pub target: String,
    /// What it says, on one line.
    pub text: String,
}

impl LogBook {
    /// The lines, the latest first.
    #[must_use]
    pub fn lines(&self) -> Vec<LogLine> {
        let lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().cloned().collect()
    }

    /// The lines from now on.
    pub(crate) fn follow(&self) -> broadcast::Receiver<LogLine> {
        self.0.followers.subscribe()
    }

    /// How the log servers of the configuration do.
    pub(crate) fn deliveries(&self) -> Vec<DeliveryStatus> {
        let deliveries = self.0.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.iter().map(Delivery::status).collect()
    }

    /// An account of what is sent to one log server.
    pub(crate) fn delivery(&self, server: &str) -> Delivery {
        let delivery = Delivery::new(server);
        let mut deliveries = self.0.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.push(delivery.clone());
        delivery
    }

    /// Shows these accounts and no others.
    pub(crate) fn set_deliveries(&self, shown: Vec<Delivery>) {
        *self.0.deliveries.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    pub(crate) fn write(&self, line: LogLine) {
        // Nobody may follow.
        let _followers = self.0.followers.send(line.clone()).unwrap_or(0);
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LOG_LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// An account of what is sent to one log server. Clones are the same account.
#[derive(Clone, Debug)]
pub(crate) struct Delivery(Arc<Mutex<DeliveryStatus>>);

/// How a log server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryStatus {
    /// The server, as it is configured.
    pub(crate) server: String,
    /// Why nothing is sent to it, if so.
    pub(crate) failure: Option<String>,
    /// Messages that were sent.
    pub(crate) sent: u64,
    /// Messages that were dropped because the queue was full.
    pub(crate) dropped: u64,
}

impl Delivery {
    fn new(server: &str) -> Self {
        Self(Arc::new(Mutex::new(DeliveryStatus {
            server: server.to_owned(),
            failure: None,
            sent: 0,
            dropped: 0,
        })))
    }

    fn status(&self) -> DeliveryStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut DeliveryStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn reached(&self) {
        self.change(|status| status.failure = None);
    }

    pub(crate) fn failed(&self, why: &str) {
        self.change(|status| status.failure = Some(why.to_owned()));
    }

    pub(crate) fn sent(&self) {
        self.change(|status| status.sent += 1);
    }

    pub(crate) fn dropped(&self, count: u64) {
        self.change(|status| status.dropped += count);
    }
}

impl<S: Subscriber> Layer<S> for LogBook {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let facts = event.metadata();
        // What is finer than a person follows stays where it is asked for by hand.
        if *facts.level() > Level::INFO {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        self.write(LogLine {
            at: device::unix_time(),
            level: *facts.level(),
            target: facts.target().to_owned(),
            text: text.one_line(),
        });
    }
}

/// The message of an event, and its fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    /// What came from elsewhere cannot begin a line of its own, or reach for the terminal of whoever reads.
    fn one_line(&self) -> String {
        let plain = |character: char| {
            let turns_text_around = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if character.is_control() || turns_text_around {
                '\u{fffd}'
            } else {
                character
            }
        };
        let text = self.message.chars().chain(self.fields.chars());
        text.map(plain).take(LOG_LINE_LENGTH_MAX).collect()
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string does not fail.
        let _is_written = if field.name() == "message" {
            write!(self.message, "{value:?}").is_ok()
        } else {
            write!(self.fields, " {}={value:?}", field.name()).is_ok()
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            let _is_written = write!(self.fields, " {}={value}", field.name()).is_ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn logged(write: impl FnOnce()) -> Vec<LogLine> {
        let book = LogBook::default();
        let subscriber = tracing_subscriber::registry().with(book.clone());
        tracing::subscriber::with_default(subscriber, write);
        book.lines()
    }

    #[test]
    fn the_latest_line_comes_first_and_what_is_finer_than_a_person_follows_is_left_out() {
        let lines = logged(|| {
            tracing::info!(slot = "page-1", "registered");
            tracing::debug!("a detail");
            tracing::warn!("the output has stalled");
        });

        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["the output has stalled", "registered slot=page-1"]);
        assert_eq!(lines[0].level, Level::WARN);
    }

    #[test]
    fn w08_nothing_from_elsewhere_begins_a_line_of_its_own() {
        let lines = logged(|| {
            tracing::info!(caller = "x\r\n2026-11-26 ERROR forged", "call");
            tracing::info!(caller = "\u{1b}[2J\u{202e}gnp.exe", "call");
        });

        assert_eq!(lines.len(), 2);
        for line in lines {
            assert!(
                !line.text.contains(['\r', '\n', '\u{1b}', '\u{202e}']),
                "{}",
                line.text
            );
        }
    }

    #[test]
    fn w08_a_flood_is_bounded_in_lines_and_in_length() {
        let long = "x".repeat(LOG_LINE_LENGTH_MAX + 1);
        let lines = logged(|| {
            for number in 0..=LOG_LINES_MAX {
                tracing::info!(number, "{long}");
            }
        });

        assert_eq!(lines.len(), LOG_LINES_MAX);
        assert!(
            lines
                .iter()
                .all(|line| line.text.chars().count() == LOG_LINE_LENGTH_MAX)
        );
    }
}
