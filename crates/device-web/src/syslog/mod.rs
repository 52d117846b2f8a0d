//! The log, sent to log servers: RFC 5424 over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).
//!
//! Each server has a task of its own that follows the log and the device's events. What it is behind by waits in bounded queues; what
//! does not fit is counted, and told once the server takes messages. Nothing that writes a log ever waits for a server.
//!
//! What this module says itself is not sent: how one server does would be told to it and to the others, and whether they take that would be
//! told in turn, without an end. The page of the log shows it.

mod message;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use device::appliance::Changed;
use device::{Appliance, DeviceReport};
use model::config::{HostPort, LogLevel, LogProtocol, LoggingConfig};
use model::status::DeviceEvent;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Level;

use self::message::{Origin, Record, Severity};
use self::wire::{Protocol, Wire};
use crate::log_book::{Delivery, LogBook, LogLine};

/// The first wait after a server was out of reach, doubled with each failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a server has to be there for to be reached again: one may take a connection and close it, and who refuses a datagram says so after
/// it was sent.
const HELD_TIME: Duration = Duration::from_secs(5);

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
        let feeds = feeds(Vec::new(), &config, |server| fresh(&appliance, &log_book, server));
        Self(tokio::spawn(follow(appliance, log_book, changes, config, feeds)))
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

/// Has a task for each server, and others when the servers change.
async fn follow(
    appliance: Appliance,
    log_book: LogBook,
    mut changes: broadcast::Receiver<Changed>,
    mut config: LoggingConfig,
    mut waiting: Vec<Feed>,
) {
    loop {
        log_book.set_deliveries(waiting.iter().map(|feed| feed.delivery.clone()).collect());
        let senders = Senders::start(waiting, &protocol(&appliance, &config));
        loop {
            match changes.recv().await {
                Ok(Changed { keys, .. }) if !keys.iter().any(|key| key.contains("log.")) => {}
                Ok(_) | Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
        config = appliance.settings().config().logging;
        let kept = senders.stop().await;
        waiting = feeds(kept, &config, |server| fresh(&appliance, &log_book, server));
    }
}

/// How the servers of a configuration are reached.
fn protocol(appliance: &Appliance, config: &LoggingConfig) -> Protocol {
    match config.protocol {
        LogProtocol::Udp => Protocol::Udp,
        LogProtocol::Tcp => Protocol::Tcp,
        LogProtocol::Tls => {
            let (appliance, config) = (appliance.clone(), config.clone());
            Protocol::Tls(Arc::new(move || appliance.log_tls(&config)))
        }
    }
}

/// What waits for the servers of a configuration: those that were servers before have what waited for them already.
fn feeds(mut kept: Vec<Feed>, config: &LoggingConfig, fresh: impl Fn(&HostPort) -> Feed) -> Vec<Feed> {
    let feeds = config.servers.iter().map(|server| {
        let before = kept.iter().position(|feed| feed.server == *server);
        let mut feed = before.map_or_else(|| fresh(server), |index| kept.swap_remove(index));
        feed.least = severity(config.level);
        feed
    });
    feeds.collect()
}

/// What comes from here on, for a server.
fn fresh(appliance: &Appliance, log_book: &LogBook, server: &HostPort) -> Feed {
    Feed {
        server: server.clone(),
        queues: Queues {
            lines: log_book.follow(),
            reports: appliance.subscribe(),
        },
        least: Severity::Info,
        dropped: 0,
        pending: None,
        origin: Origin::new(&net::host_name(), std::process::id()),
        delivery: log_book.delivery(&server.to_string()),
    }
}

/// The tasks that send, one for each server. They end when this is dropped.
struct Senders {
    tasks: JoinSet<Feed>,
    /// Has them stop when it is dropped.
    running: watch::Sender<()>,
}

impl Senders {
    fn start(feeds: Vec<Feed>, protocol: &Protocol) -> Self {
        let (running, stop) = watch::channel(());
        let mut tasks = JoinSet::new();
        for mut feed in feeds {
            let (protocol, mut stop) = (protocol.clone(), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = send(&mut feed, &protocol) => {}
                    // Nothing is sent here: it ends when the sender is dropped.
                    _ = stop.changed() => {}
                }
                feed
            });
        }
        Self { tasks, running }
    }

    /// Stops them, and returns what is not sent yet.
    async fn stop(self) -> Vec<Feed> {
        drop(self.running);
        self.tasks.join_all().await
    }
}

const fn severity(level: LogLevel) -> Severity {
    match level {
        LogLevel::Error => Severity::Error,
        LogLevel::Warning => Severity::Warning,
        LogLevel::Info => Severity::Info,
    }
}

/// A server, and what is to be sent to it.
struct Feed {
    server: HostPort,
    queues: Queues,
    /// The least grave message that is sent.
    least: Severity,
    /// What was overwritten in the queues before it could be sent, and is not told yet.
    dropped: u64,
    /// Taken from the queues and not sent yet.
    pending: Option<String>,
    origin: Origin,
    delivery: Delivery,
}

impl Feed {
    /// Waits for what comes next; `None` when nothing will come. What waits while it is not called waits in the queues.
    async fn next(&mut self) -> Option<Record> {
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
                line = self.queues.lines.recv() => line.map(|line| of_line(&line)),
                report = self.queues.reports.recv() => report.map(|report| of_report(&report)),
            };
            match record {
                Ok(Some(record)) if record.severity <= self.least => return Some(record),
                Ok(_) => {}
                Err(RecvError::Lagged(count)) => {
                    self.dropped += count;
                    self.delivery.dropped(count);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// A line of the log, unless it is about log servers.
fn of_line(line: &LogLine) -> Option<Record> {
    if line.target.starts_with(module_path!()) {
        return None;
    }
    let severity = match line.level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warning,
        _ => Severity::Info,
    };
    Some(Record {
        at: line.at,
        severity,
        kind: "log".to_owned(),
        text: format!("{}: {}", line.target, line.text),
    })
}

/// An event by its name, in the JSON that all who listen are told.
fn of_report(report: &DeviceReport) -> Option<Record> {
    let DeviceReport::Event(event, at) = report else {
        return None;
    };
    let severity = match event {
        DeviceEvent::SoundRefused { .. }
        | DeviceEvent::CallRefused { .. }
        | DeviceEvent::ZoneChanged { problem: Some(_), .. }
        | DeviceEvent::ZoneSendingChanged { problem: Some(_) } => Severity::Warning,
        DeviceEvent::RegistrationChanged { .. }
        | DeviceEvent::Started { .. }
        | DeviceEvent::Stopped { .. }
        | DeviceEvent::SignalsChanged { .. }
        | DeviceEvent::PagePlayed { .. }
        | DeviceEvent::CheckSync
        | DeviceEvent::MessagesChanged { .. }
        | DeviceEvent::MicrophoneChanged { .. }
        | DeviceEvent::ZoneChanged { problem: None, .. }
        | DeviceEvent::ZoneSendingChanged { problem: None }
        | DeviceEvent::SinkChanged { .. } => Severity::Info,
    };
    let json = serde_json::to_value(event).ok()?;
    Some(Record {
        // It may have waited in the queue for long.
        at: device::unix_time().saturating_sub(at.elapsed().as_secs()),
        severity,
        kind: json
            .get("event")
            .and_then(|name| name.as_str())
            .unwrap_or("event")
            .to_owned(),
        text: json.to_string(),
    })
}

/// Sends until nothing comes any more.
async fn send(feed: &mut Feed, protocol: &Protocol) {
    let mut failures = 0;
    loop {
        let error = match Wire::open(&feed.server, protocol).await {
            Ok(mut wire) => match deliver(&mut wire, feed, &mut failures).await {
                Some(error) => error,
                None => return,
            },
            Err(error) => error,
        };
        feed.delivery.failed(&error.to_string());
        failures += 1;
        if failures == 1 {
            tracing::warn!(%error, "a log server is out of reach");
        }
        tokio::time::sleep(wait_after(failures, chance())).await;
    }
}

/// Sends what comes until the server is gone, or nothing comes any more. The failures are over once the server has been there for a while.
async fn deliver(wire: &mut Wire, feed: &mut Feed, failures: &mut u32) -> Option<std::io::Error> {
    // A datagram has to be sent for a server to refuse it.
    let mut there_since = wire.is_connection().then(Instant::now);
    let mut is_reached = false;
    loop {
        if feed.pending.is_none() {
            let held = there_since.filter(|_| !is_reached).map(|since| since + HELD_TIME);
            let record = tokio::select! {
                record = feed.next() => record?,
                error = wire.gone() => return Some(error),
                () = net::deadline::until(held) => {
                    if *failures > 0 {
                        tracing::info!("a log server is reached again");
                    }
                    *failures = 0;
                    is_reached = true;
                    feed.delivery.reached();
                    continue;
                }
            };
            feed.pending = Some(feed.origin.message(&record));
        }
        if let Some(message) = feed.pending.as_deref()
            && let Err(error) = wire.send(message).await
        {
            return Some(error);
        }
        feed.pending = None;
        feed.delivery.sent();
        there_since = there_since.or_else(|| Some(Instant::now()));
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
mod tests;
