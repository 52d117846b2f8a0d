//! The log, sent to log servers: RFC 5424 over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).
//!
//! Each server has a task of its own that follows the log and the device's events. What it is behind by waits in bounded queues; what
//! does not fit is counted, and told once the server takes messages. Nothing that writes a log ever waits for a server.

mod message;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use device::appliance::Changed;
use device::{Appliance, DeviceReport};
use model::config::{HostPort, LogLevel, LoggingConfig};
use model::status::DeviceEvent;
use net::tls::ClientTls;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::JoinSet;
use tracing::Level;

use self::message::{Origin, Record, Severity};
use self::wire::Wire;
use crate::log_book::{Delivery, LogBook, LogLine};

/// The first wait after a server was out of reach, doubled with each failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The log on its way to the log servers of the configuration, whatever that is changed to; it ends when this is dropped.
#[derive(Debug)]
pub struct Syslog(tokio::task::JoinHandle<()>);

impl Syslog {
    /// Sends what is logged from here on, on the current tokio runtime.
    #[must_use]
    pub fn start(appliance: Appliance, log_book: LogBook) -> Self {
        // Before anything else runs, so that what happens first is told as well.
        let changes = appliance.changes();
        let config = appliance.settings().config().logging;
        let queues = queues(&appliance, &log_book, &config);
        Self(tokio::spawn(follow(appliance, log_book, changes, config, queues)))
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What waits for one server.
struct Queues {
    lines: broadcast::Receiver<LogLine>,
    reports: broadcast::Receiver<DeviceReport>,
}

fn queues(appliance: &Appliance, log_book: &LogBook, config: &LoggingConfig) -> Vec<Queues> {
    let queues = config.servers.iter().map(|_| Queues {
        lines: log_book.follow(),
        reports: appliance.subscribe(),
    });
    queues.collect()
}

/// Has a task for each server, and others when the servers change.
async fn follow(
    appliance: Appliance,
    log_book: LogBook,
    mut changes: broadcast::Receiver<Changed>,
    mut config: LoggingConfig,
    mut waiting: Vec<Queues>,
) {
    loop {
        let tasks = senders(&appliance, &log_book, &config, waiting).await;
        loop {
            match changes.recv().await {
                Ok(Changed { keys, .. }) if !keys.iter().any(|key| key.contains("log.")) => {}
                Ok(_) | Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
        config = appliance.settings().config().logging;
        waiting = queues(&appliance, &log_book, &config);
        drop(tasks);
    }
}

async fn senders(
    appliance: &Appliance,
    log_book: &LogBook,
    config: &LoggingConfig,
    waiting: Vec<Queues>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    log_book.forget_deliveries();
    let tls = appliance.log_tls(config).await;
    for (server, queues) in config.servers.iter().zip(waiting) {
        let delivery = log_book.delivery(&server.to_string());
        let tls = match &tls {
            Ok(tls) => tls.clone(),
            Err(error) => {
                delivery.failed(error);
                tracing::warn!(%error, "the log cannot be sent over TLS");
                continue;
            }
        };
        let sender = Sender {
            server: server.clone(),
            config: config.clone(),
            tls,
            origin: Origin::new(&net::host_name(), std::process::id()),
            delivery,
        };
        let feed = Feed {
            queues,
            least: severity(config.level),
            dropped: 0,
        };
        tasks.spawn(sender.run(feed));
    }
    tasks
}

const fn severity(level: LogLevel) -> Severity {
    match level {
        LogLevel::Error => Severity::Error,
        LogLevel::Warning => Severity::Warning,
        LogLevel::Info => Severity::Info,
    }
}

/// What is to be sent to one server.
struct Feed {
    queues: Queues,
    /// The least grave message that is sent.
    least: Severity,
    /// What was overwritten in the queues before it could be sent, and is not told yet.
    dropped: u64,
}

impl Feed {
    /// Waits for what comes next; `None` when nothing will come. What waits while it is not called waits in the queues.
    async fn next(&mut self, delivery: &Delivery) -> Option<Record> {
        loop {
            if self.dropped > 0 {
                let text = format!("{} messages were dropped: the queue was full", self.dropped);
                self.dropped = 0;
                return Some(Record {
                    at: device::unix_time(),
                    severity: Severity::Warning,
                    kind: "dropped".to_owned(),
                    text,
                });
            }
            let record = tokio::select! {
                line = self.queues.lines.recv() => line.map(|line| Some(of_line(&line))),
                report = self.queues.reports.recv() => report.map(|report| of_report(&report)),
            };
            match record {
                Ok(Some(record)) if record.severity <= self.least => return Some(record),
                Ok(_) => {}
                Err(RecvError::Lagged(count)) => {
                    self.dropped += count;
                    delivery.dropped(count);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn of_line(line: &LogLine) -> Record {
    let severity = match line.level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warning,
        _ => Severity::Info,
    };
    Record {
        at: line.at,
        severity,
        kind: "log".to_owned(),
        text: format!("{}: {}", line.target, line.text),
    }
}

/// An event by its name, in the JSON that all who listen are told.
fn of_report(report: &DeviceReport) -> Option<Record> {
    let DeviceReport::Event(event, _) = report else {
        return None;
    };
    let severity = match event {
        DeviceEvent::SoundRefused { .. }
        | DeviceEvent::CallRefused { .. }
        | DeviceEvent::ZoneChanged { problem: Some(_), .. } => Severity::Warning,
        DeviceEvent::RegistrationChanged { .. }
        | DeviceEvent::Started { .. }
        | DeviceEvent::Stopped { .. }
        | DeviceEvent::SignalsChanged { .. }
        | DeviceEvent::PagePlayed { .. }
        | DeviceEvent::CheckSync
        | DeviceEvent::MessagesChanged { .. }
        | DeviceEvent::MicrophoneChanged { .. }
        | DeviceEvent::ZoneChanged { problem: None, .. }
        | DeviceEvent::SinkChanged { .. } => Severity::Info,
    };
    let json = serde_json::to_value(event).ok()?;
    Some(Record {
        at: device::unix_time(),
        severity,
        kind: json
            .get("event")
            .and_then(|name| name.as_str())
            .unwrap_or("event")
            .to_owned(),
        text: json.to_string(),
    })
}

/// One server, and how it does.
struct Sender {
    server: HostPort,
    config: LoggingConfig,
    tls: Option<Arc<ClientTls>>,
    origin: Origin,
    delivery: Delivery,
}

impl Sender {
    /// Sends until nothing comes any more.
    async fn run(mut self, mut feed: Feed) {
        let mut failures = 0;
        // Taken from the queue and not yet sent.
        let mut pending = None;
        loop {
            let wire = Wire::open(&self.server, self.config.protocol, self.tls.as_deref()).await;
            let error = match wire {
                Ok(mut wire) => {
                    if failures > 0 {
                        tracing::info!("a log server is reached again");
                    }
                    failures = 0;
                    self.delivery.reached();
                    match self.deliver(&mut wire, &mut feed, &mut pending).await {
                        Some(error) => error,
                        None => return,
                    }
                }
                Err(error) => error,
            };
            self.delivery.failed(&error.to_string());
            failures += 1;
            if failures == 1 {
                tracing::warn!(%error, "a log server is out of reach");
            }
            tokio::time::sleep(wait_after(failures, chance())).await;
        }
    }

    /// Sends what comes until the server is gone, or nothing comes any more.
    async fn deliver(
        &mut self,
        wire: &mut Wire,
        feed: &mut Feed,
        pending: &mut Option<String>,
    ) -> Option<std::io::Error> {
        loop {
            if pending.is_none() {
                let record = tokio::select! {
                    record = feed.next(&self.delivery) => record?,
                    error = wire.gone() => return Some(error),
                };
                *pending = Some(self.origin.message(&record));
            }
            if let Some(message) = pending.as_deref()
                && let Err(error) = wire.send(message).await
            {
                return Some(error);
            }
            *pending = None;
            self.delivery.sent();
        }
    }
}

/// The wait after so many failures in a row: a quarter of it is left to chance, so that not all devices of a site come at once.
fn wait_after(failures: u32, chance: u8) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let longest = (FIRST_WAIT * (1 << doublings)).min(WAIT_MAX);
    longest - longest * u32::from(chance) / (4 * 255)
}

fn chance() -> u8 {
    let mut octet = [0];
    // Without random numbers all wait the same time.
    let _is_filled = getrandom::fill(&mut octet).is_ok();
    octet[0]
}

#[cfg(test)]
mod tests {
    use model::config::LogProtocol;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::log_book::LOG_LINES_QUEUED_MAX;

    fn feed(lines: broadcast::Receiver<LogLine>) -> (Feed, broadcast::Sender<DeviceReport>) {
        let (reporter, reports) = broadcast::channel(4);
        let feed = Feed {
            queues: Queues { lines, reports },
            least: Severity::Info,
            dropped: 0,
        };
        (feed, reporter)
    }

    fn log(lines: &LogBook, count: usize) {
        for number in 0..count {
            lines.write(LogLine {
                at: 0,
                level: Level::INFO,
                target: "test".to_owned(),
                text: number.to_string(),
            });
        }
    }

    #[tokio::test]
    async fn w08_a_queue_holds_so_many_lines_and_what_is_dropped_past_that_is_told() {
        let book = LogBook::default();
        let delivery = book.delivery("log.example");
        let (mut feed, _reporter) = feed(book.follow());

        log(&book, LOG_LINES_QUEUED_MAX);
        assert_eq!(feed.next(&delivery).await.unwrap().text, "test: 0");
        log(&book, 2);

        let told = feed.next(&delivery).await.unwrap();
        assert_eq!(told.text, "1 messages were dropped: the queue was full");
        assert_eq!(feed.next(&delivery).await.unwrap().text, "test: 2");
        assert_eq!(book.deliveries()[0].dropped, 1);
    }

    #[tokio::test]
    async fn what_is_less_grave_than_asked_for_is_not_sent() {
        let book = LogBook::default();
        let delivery = book.delivery("log.example");
        let (mut feed, reporter) = feed(book.follow());
        feed.least = Severity::Warning;
        log(&book, 1);
        let refused = DeviceEvent::SoundRefused {
            what: "gong.wav".to_owned(),
            why: "an alert sounds".to_owned(),
        };
        reporter
            .send(DeviceReport::Event(
                DeviceEvent::CheckSync,
                std::time::Instant::now(),
            ))
            .unwrap();
        reporter
            .send(DeviceReport::Event(refused, std::time::Instant::now()))
            .unwrap();

        let told = feed.next(&delivery).await.unwrap();

        assert_eq!(
            (told.kind.as_str(), told.severity),
            ("sound_refused", Severity::Warning)
        );
    }

    #[tokio::test]
    async fn a_message_waits_for_a_server_that_is_not_there_yet_and_goes_on_to_one_that_came_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let book = LogBook::default();
        let delivery = book.delivery("log.example");
        let (feed, _reporter) = feed(book.follow());
        let sender = Sender {
            server: address.to_string().parse().unwrap(),
            config: LoggingConfig {
                servers: Vec::new(),
                protocol: LogProtocol::Tcp,
                level: LogLevel::Info,
                trusted_ca_file: None,
            },
            tls: None,
            origin: Origin::new("lobby", 1),
            delivery,
        };
        let running = tokio::spawn(sender.run(feed));
        log(&book, 1);
        while book.deliveries()[0].failure.is_none() {
            tokio::task::yield_now().await;
        }

        let listener = TcpListener::bind(address).await.unwrap();
        let first = read_frame(&listener).await;
        log(&book, 2);
        let second = read_frame(&listener).await;
        running.abort();

        assert!(first.ends_with("test: 0"), "{first}");
        assert!(
            second.ends_with("test: 0") || second.ends_with("test: 1"),
            "{second}"
        );
        assert!(book.deliveries()[0].failure.is_none());
    }

    /// Takes a connection, reads one message, and closes it again.
    async fn read_frame(listener: &TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut octets = Vec::new();
        loop {
            octets.push(stream.read_u8().await.unwrap());
            let text = String::from_utf8_lossy(&octets).into_owned();
            if let Some((length, message)) = text.split_once(' ')
                && message.len() == length.parse::<usize>().unwrap()
            {
                return message.to_owned();
            }
        }
    }

    #[test]
    fn a_server_that_is_out_of_reach_is_tried_less_and_less_often() {
        let waits: Vec<u64> = (1..=8)
            .map(|failures| wait_after(failures, 0).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(wait_after(u32::MAX, 0), WAIT_MAX);
        assert_eq!(wait_after(7, 255), WAIT_MAX * 3 / 4);
    }
}
