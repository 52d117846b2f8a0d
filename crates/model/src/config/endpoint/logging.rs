//! Where an endpoint sends its log.

use crate::config::HostPort;
use crate::config::keys::{LOG_LEVELS, LOG_METHODS, LOG_PROTOCOLS, LOG_SERVERS};
use crate::config::reader::Reader;

/// Where an endpoint sends its log, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingConfig {
    /// The log servers, at most four; each is sent everything.
    pub servers: Vec<HostPort>,
    /// How they are reached.
    pub protocol: LogProtocol,
    /// The least grave message that is sent.
    pub level: LogLevel,
    /// PEM file of the authorities to trust over TLS; `None` trusts the system's.
    pub trusted_ca_file: Option<String>,
}

/// How a log server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogProtocol {
    /// A datagram for each message (RFC 5426).
    Udp,
    /// Octet counting (RFC 6587 3.4.1).
    Tcp,
    /// Octet counting over TLS (RFC 5425).
    Tls,
}

/// How grave a message has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warning,
    /// What a person follows.
    Info,
}

pub(super) fn logging(reader: &Reader<'_>) -> LoggingConfig {
    let is_sent = reader.choice("log.method", LOG_METHODS) == "network";
    let servers = LOG_SERVERS.iter().filter_map(|key| reader.parsed(key));
    LoggingConfig {
        servers: if is_sent { servers.collect() } else { Vec::new() },
        protocol: match reader.choice("log.protocol", LOG_PROTOCOLS) {
            "tcp" => LogProtocol::Tcp,
            "tls" => LogProtocol::Tls,
            _ => LogProtocol::Udp,
        },
        level: match reader.choice("log.level", LOG_LEVELS) {
            "error" => LogLevel::Error,
            "warning" => LogLevel::Warning,
            _ => LogLevel::Info,
        },
        trusted_ca_file: Some(reader.text("oyez.log.ca").to_owned()).filter(|file| !file.is_empty()),
    }
}
