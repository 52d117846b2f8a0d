//! DNS for [`sip::locate`]: its queries in, its answers out, within a time that a call can wait.
//!
//! The order of servers, their weights and their fail-over are the locator's; here are only records. Answers are
//! cached as long as they say, but never for longer than [`CACHE_TIME_MAX`].
//!
//! The system's name servers are read again whenever their file has changed, as it does when a network comes up or a lease
//! brings others. A machine that has none yet fails its queries until it has.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig as HickoryConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use sip::locate::{Answer, Naptr, Query, Record, RecordKind, Srv};

/// Time for one question to one name server before it is asked again.
pub const QUESTION_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Times that a question is asked.
pub const ATTEMPTS: usize = 2;
/// Time for one query, however many name servers it asks; then it has failed.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(4);
/// Records of one answer at most; the locator looks at fewer.
pub const RECORDS_MAX: usize = 64;
/// Time that an answer is believed at most, whatever it says: a server that has moved is found again.
pub const CACHE_TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// Time that an answer is believed at least, so that a record without any does not cost a question per call.
pub const CACHE_TIME_MIN: Duration = Duration::from_secs(5);
/// Time that a missing record is believed to be missing at most.
pub const CACHE_TIME_MISSING_MAX: Duration = Duration::from_secs(60);
/// Characters of the longest name that a message can hold, without the dot at its end (RFC 1035 section 2.3.4).
const NAME_LENGTH_MAX: usize = 253;
/// The file of the system's name servers.
const SYSTEM_FILE: &str = "/etc/resolv.conf";
/// Answers in the cache at most.
const CACHE_ANSWERS: u64 = 1_024;

/// Asks name servers; clones share the cache.
#[derive(Clone)]
pub struct Resolver {
    servers: Servers,
    timeout: Duration,
}

/// Where the name servers stand.
#[derive(Clone)]
enum Servers {
    Given(Box<TokioResolver>),
    System(Arc<Mutex<SystemServers>>),
}

/// The system's name servers as they were last read.
struct SystemServers {
    file: PathBuf,
    /// Time and length of the file that `resolver` was made of.
    read_at: Option<(SystemTime, u64)>,
    /// The servers, and what asks them.
    resolver: Option<(Vec<IpAddr>, TokioResolver)>,
}

impl SystemServers {
    fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            read_at: None,
            resolver: None,
        }
    }

    /// The resolver for the servers that the file names; the one before where it cannot be read.
    fn current(&mut self) -> Option<TokioResolver> {
        let stamp = stamp(&self.file).ok();
        if stamp.is_some() && stamp != self.read_at {
            match read_servers(&self.file) {
                Ok(resolver) => {
                    self.resolver = Some(resolver);
                    self.read_at = stamp;
                }
                Err(error) => tracing::debug!(%error, "the name servers of this machine cannot be read"),
            }
        }
        self.resolver.as_ref().map(|(_, resolver)| resolver.clone())
    }
}

fn stamp(file: &Path) -> io::Result<(SystemTime, u64)> {
    let metadata = fs::metadata(file)?;
    Ok((metadata.modified()?, metadata.len()))
}

fn read_servers(file: &Path) -> Result<(Vec<IpAddr>, TokioResolver), NetError> {
    let (config, options) = parse_resolv_conf(fs::read(file)?)?;
    let servers = config.name_servers().iter().map(|server| server.ip).collect();
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    set_options(builder.options_mut());
    Ok((servers, builder.build()?))
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Resolver")
    }
}

/// The resolver cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the name servers cannot be used: {0}")]
pub struct ResolverError(#[source] NetError);

impl Resolver {
    /// Asks the name servers that the system is configured with at the time of each query.
    #[must_use]
    pub fn from_system() -> Self {
        let system = SystemServers::new(Path::new(SYSTEM_FILE));
        Self {
            servers: Servers::System(Arc::new(Mutex::new(system))),
            timeout: QUERY_TIMEOUT,
        }
    }

    /// Asks the given name servers, over UDP and where an answer is long over TCP.
    ///
    /// # Errors
    /// The resolver cannot be set up.
    pub fn with_name_servers(servers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let servers = servers.iter().copied().map(name_server).collect();
        let config = HickoryConfig::from_parts(None, Vec::new(), servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        set_options(builder.options_mut());
        Ok(Self {
            servers: Servers::Given(Box::new(builder.build().map_err(ResolverError)?)),
            timeout: QUERY_TIMEOUT,
        })
    }

    /// Answers one query within [`QUERY_TIMEOUT`].
    pub async fn answer(&self, query: &Query) -> Answer {
        match tokio::time::timeout(self.timeout, self.ask(query)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Answer::Failed,
        }
    }

    async fn ask(&self, query: &Query) -> Answer {
        let mut name = match Name::from_utf8(&query.name) {
            Ok(name) if name.num_labels() > 0 && query.name.len() <= NAME_LENGTH_MAX => name,
            Ok(_) | Err(_) => return Answer::NoData,
        };
        // A SIP domain is never relative to this machine's own.
        name.set_fqdn(true);
        let Some(resolver) = self.servers.current() else {
            return Answer::Failed;
        };
        match resolver.lookup(name, record_type(query.kind)).await {
            Ok(lookup) => {
                let records = lookup
                    .answers()
                    .iter()
                    .filter_map(|record| self::record(query.kind, &record.data));
                let records: Vec<_> = records.take(RECORDS_MAX).collect();
                if records.is_empty() {
                    Answer::NoData
                } else {
                    Answer::Records(records)
                }
            }
            Err(error) if error.is_no_records_found() => Answer::NoData,
            Err(error) => {
                tracing::debug!(%error, "a DNS query failed");
                Answer::Failed
            }
        }
    }
}

impl Servers {
    fn current(&self) -> Option<TokioResolver> {
        match self {
            Self::Given(resolver) => Some(TokioResolver::clone(resolver)),
            Self::System(system) => system.lock().unwrap_or_else(PoisonError::into_inner).current(),
        }
    }
}

fn set_options(options: &mut ResolverOpts) {
    options.timeout = QUESTION_TIMEOUT;
    options.attempts = ATTEMPTS;
    options.cache_size = CACHE_ANSWERS;
    options.positive_min_ttl = Some(CACHE_TIME_MIN);
    options.positive_max_ttl = Some(CACHE_TIME_MAX);
    options.negative_max_ttl = Some(CACHE_TIME_MISSING_MAX);
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn record_type(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::Naptr => RecordType::NAPTR,
        RecordKind::Srv => RecordType::SRV,
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
    }
}

/// The record, if it is of the kind asked for; an answer may also carry the aliases on the way to it.
fn record(kind: RecordKind, data: &RData) -> Option<Record> {
    match (kind, data) {
        (RecordKind::A, RData::A(address)) => Some(Record::Address(IpAddr::V4(address.0))),
        (RecordKind::Aaaa, RData::AAAA(address)) => Some(Record::Address(IpAddr::V6(address.0))),
        (RecordKind::Srv, RData::SRV(srv)) => Some(Record::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: plain(&srv.target),
        })),
        (RecordKind::Naptr, RData::NAPTR(naptr)) => Some(Record::Naptr(Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags)?,
            services: text(&naptr.services)?,
            regexp: text(&naptr.regexp)?,
            replacement: plain(&naptr.replacement),
        })),
        _ => None,
    }
}

/// The name without the dot of the root at its end, unless it is the root.
fn plain(name: &Name) -> String {
    let text = name.to_ascii();
    match text.strip_suffix('.') {
        Some(relative) if !relative.is_empty() => relative.to_owned(),
        Some(_) | None => text,
    }
}

fn text(octets: &[u8]) -> Option<String> {
    std::str::from_utf8(octets).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses that the system would ask, if it asked anybody.
    fn servers(system: &mut SystemServers) -> Option<Vec<IpAddr>> {
        system.current()?;
        system.resolver.as_ref().map(|(servers, _)| servers.clone())
    }

    #[tokio::test]
    async fn the_systems_servers_are_read_when_they_come_and_again_when_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        let mut system = SystemServers::new(&file);
        assert_eq!(servers(&mut system), None, "there is no file yet");

        fs::write(&file, "nameserver 192.0.2.1\n").unwrap();
        assert_eq!(servers(&mut system), Some(vec![[192, 0, 2, 1].into()]));

        fs::write(&file, "nameserver 192.0.2.77\n").unwrap();
        assert_eq!(servers(&mut system), Some(vec![[192, 0, 2, 77].into()]));

        fs::remove_file(&file).unwrap();
        assert_eq!(
            servers(&mut system),
            Some(vec![[192, 0, 2, 77].into()]),
            "better than none"
        );
    }

    #[tokio::test]
    async fn a_machine_without_name_servers_fails_its_queries() {
        let folder = tempfile::tempdir().unwrap();
        let system = SystemServers::new(&folder.path().join("resolv.conf"));
        let resolver = Resolver {
            servers: Servers::System(Arc::new(Mutex::new(system))),
            timeout: QUERY_TIMEOUT,
        };
        let query = Query {
            kind: RecordKind::A,
            name: "example.com".to_owned(),
        };

        assert_eq!(resolver.answer(&query).await, Answer::Failed);
    }
}
