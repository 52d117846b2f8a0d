//! The machine: from a destination to its targets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::dns::{Answer, Query, Record, RecordKind, plain_name};
use super::service::{order_servers, services, srv_name};
use super::target::{Destination, Exhausted, Next, Support, Target};
use super::{ADDRESSES_MAX, SERVERS_MAX, address};
use crate::flow::Transport;

/// Servers whose addresses are asked for ahead of need, so that fail-over does not wait for the DNS.
const SERVERS_AHEAD: usize = 2;

/// The search for the servers of one destination.
#[derive(Debug)]
pub struct Locator {
    destination: Destination,
    support: Support,
    random: ChaCha20Rng,
    stage: Stage,
    /// Servers whose addresses have not been given out, the next first.
    servers: VecDeque<Server>,
    addresses_by_name: BTreeMap<String, Addresses>,
    targets: VecDeque<Target>,
    queries: VecDeque<Query>,
    /// Queries whose answers are missing.
    open: BTreeSet<Query>,
    has_given: bool,
    /// What to say if no target is found at all; the first trouble is the most telling.
    trouble: Option<Exhausted>,
}

#[derive(Debug)]
enum Stage {
    /// The services of the domain are being asked for.
    Services,
    /// The servers of each of these services are, in the order of preference.
    Servers(Vec<Service>),
    /// The addresses of the servers are.
    Addresses,
}

#[derive(Debug)]
struct Service {
    transport: Transport,
    query: Query,
    /// `None` until it is answered.
    servers: Option<Servers>,
}

#[derive(Debug)]
enum Servers {
    None,
    NotOffered,
    Some(Vec<(String, u16)>),
}

#[derive(Debug)]
struct Server {
    transport: Transport,
    host: String,
    port: u16,
}

/// The addresses of a name; a family is `None` until it is answered.
#[derive(Debug, Default)]
struct Addresses {
    ipv4: Option<Vec<IpAddr>>,
    ipv6: Option<Vec<IpAddr>>,
}

impl Locator {
    /// Begins a search; `seed` is the caller's randomness, with which servers of equal priority are drawn.
    #[must_use]
    pub fn new(destination: Destination, support: Support, seed: [u8; 32]) -> Self {
        let mut locator = Self {
            destination,
            support,
            random: ChaCha20Rng::from_seed(seed),
            stage: Stage::Addresses,
            servers: VecDeque::new(),
            addresses_by_name: BTreeMap::new(),
            targets: VecDeque::new(),
            queries: VecDeque::new(),
            open: BTreeSet::new(),
            has_given: false,
            trouble: None,
        };
        locator.begin();
        locator
    }

    /// The next question to the DNS. Several may be open at a time.
    pub fn poll_query(&mut self) -> Option<Query> {
        self.queries.pop_front()
    }

    /// Takes the answer to a query; one that is not open is ignored.
    pub fn handle_answer(&mut self, query: &Query, answer: Answer) {
        if !self.open.remove(query) {
            return;
        }
        if answer == Answer::Failed {
            let name = query.name.clone();
            self.trouble.get_or_insert(Exhausted::ResolverFailed { name });
        }
        match query.kind {
            RecordKind::Naptr => self.handle_services(answer),
            RecordKind::Srv => self.handle_servers(query, answer),
            RecordKind::A | RecordKind::Aaaa => self.handle_addresses(query, answer),
        }
        self.ask_ahead();
    }

    /// The next target to try: the first time to begin with, then whenever the one before has failed.
    pub fn next_target(&mut self) -> Next {
        loop {
            if let Some(target) = self.targets.pop_front() {
                self.has_given = true;
                return Next::Target(target);
            }
            let is_settled = matches!(self.stage, Stage::Addresses);
            let Some(server) = self.servers.front().filter(|_| is_settled) else {
                return if is_settled {
                    Next::Exhausted(self.exhausted())
                } else {
                    Next::Waiting
                };
            };
            let Some(addresses) = self
                .addresses_by_name
                .get(&server.host)
                .and_then(Addresses::sorted)
            else {
                return Next::Waiting;
            };
            self.give(&addresses);
            self.ask_ahead();
        }
    }

    fn begin(&mut self) {
        let host = self
            .destination
            .host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let wanted = self.wanted_transports();
        let (Some(first), Some(name)) = (wanted.first().copied(), plain_name(&host)) else {
            self.trouble = Some(Exhausted::Unsupported { name: host });
            return;
        };
        let default = self.default_transport(first);
        if let Ok(address) = host.parse::<IpAddr>() {
            let port = self.destination.port.unwrap_or(default.default_port());
            self.addresses_by_name
                .insert(name.clone(), Addresses::of(address, self.support));
            self.servers.push_back(Server {
                transport: default,
                host: name,
                port,
            });
        } else if let Some(port) = self.destination.port {
            self.servers.push_back(Server {
                transport: default,
                host: name,
                port,
            });
        } else if wanted.len() == 1 {
            self.ask_services(vec![(first, srv_name(first, &name))]);
        } else {
            self.stage = Stage::Services;
            self.ask(RecordKind::Naptr, name);
        }
        self.ask_ahead();
    }

    /// Transports that lead to the destination and are spoken here, the preferred first: a secure one before the
    /// others, a stream before datagrams.
    fn wanted_transports(&self) -> Vec<Transport> {
        let Support { udp, tcp, tls, .. } = self.support;
        let spoken = [
            (Transport::Tls, tls),
            (Transport::Tcp, tcp),
            (Transport::Udp, udp),
        ];
        let wish = if self.destination.sips {
            Some(Transport::Tls)
        } else {
            self.destination.transport
        };
        let is_wanted = |transport| wish.is_none_or(|wish| wish == transport);
        spoken
            .into_iter()
            .filter(|(transport, is_spoken)| *is_spoken && is_wanted(*transport))
            .map(|(t, _)| t)
            .collect()
    }

    /// The transport where the DNS is not asked for one: UDP for `sip` (RFC 3263 §4.1), if it is spoken.
    fn default_transport(&self, first_wanted: Transport) -> Transport {
        let is_open = !self.destination.sips && self.destination.transport.is_none();
        if is_open && self.support.udp {
            Transport::Udp
        } else {
            first_wanted
        }
    }

    fn handle_services(&mut self, answer: Answer) {
        let records = answer
            .into_records()
            .into_iter()
            .filter_map(|record| match record {
                Record::Naptr(naptr) => Some(naptr),
                Record::Srv(_) | Record::Address(_) => None,
            });
        let wanted = self.wanted_transports();
        let mut found = services(records.collect(), &wanted);
        if found.is_empty() {
            let host = &self.destination.host;
            found = wanted
                .into_iter()
                .map(|transport| (transport, srv_name(transport, host)))
                .collect();
        }
        self.ask_services(found);
    }

    fn ask_services(&mut self, services: Vec<(Transport, String)>) {
        let services = services.into_iter().filter_map(|(transport, name)| {
            let query = Query {
                kind: RecordKind::Srv,
                name: plain_name(&name)?,
            };
            Some(Service {
                transport,
                query,
                servers: None,
            })
        });
        let services: Vec<_> = services.collect();
        for service in &services {
            self.ask(RecordKind::Srv, service.query.name.clone());
        }
        self.stage = Stage::Servers(services);
        self.choose_servers();
    }

    fn handle_servers(&mut self, query: &Query, answer: Answer) {
        let records: Vec<_> = answer
            .into_records()
            .into_iter()
            .filter_map(|record| match record {
                Record::Srv(srv) => Some(srv),
                Record::Naptr(_) | Record::Address(_) => None,
            })
            .collect();
        let is_refused = !records.is_empty() && records.iter().all(|record| record.target == ".");
        let ordered = order_servers(records, &mut self.random);
        if let Stage::Servers(services) = &mut self.stage {
            for service in services.iter_mut().filter(|service| service.query == *query) {
                service.servers = Some(match ordered.as_slice() {
                    [] if is_refused => Servers::NotOffered,
                    [] => Servers::None,
                    servers => Servers::Some(servers.to_vec()),
                });
            }
        }
        self.choose_servers();
    }

    /// Once every service is answered: takes their servers in order, or else the host itself. A service in clear is not
    /// used after a secure one: whoever can make TLS fail must not thereby get to read.
    fn choose_servers(&mut self) {
        let Stage::Servers(services) = &self.stage else {
            return;
        };
        if services.iter().any(|service| service.servers.is_none()) {
            return;
        }
        let offered = || {
            services
                .iter()
                .filter_map(|service| Some((service.transport, service.offered()?)))
        };
        let is_secure = offered().any(|(transport, _)| transport.is_secure());
        let servers: VecDeque<_> = offered()
            .filter(|(transport, _)| !is_secure || transport.is_secure())
            .flat_map(|(transport, servers)| servers.iter().map(move |(host, port)| (transport, host, *port)))
            .map(|(transport, host, port)| Server {
                transport,
                host: host.clone(),
                port,
            })
            .take(SERVERS_MAX)
            .collect();
        let is_refused = services
            .iter()
            .any(|service| matches!(service.servers, Some(Servers::NotOffered)));
        let first = services.first().map(|service| service.transport);
        self.stage = Stage::Addresses;
        if !servers.is_empty() {
            self.servers = servers;
        } else if is_refused {
            self.trouble = Some(Exhausted::NotOffered {
                name: self.destination.host.clone(),
            });
        } else if let (Some(first), Some(host)) = (first, plain_name(&self.destination.host)) {
            let transport = self.default_transport(first);
            self.servers.push_back(Server {
                transport,
                host,
                port: transport.default_port(),
            });
        }
    }

    fn handle_addresses(&mut self, query: &Query, answer: Answer) {
        let records = answer
            .into_records()
            .into_iter()
            .filter_map(|record| match (record, query.kind) {
                (Record::Address(address @ IpAddr::V4(_)), RecordKind::A)
                | (Record::Address(address @ IpAddr::V6(_)), RecordKind::Aaaa) => Some(address),
                (Record::Address(_) | Record::Naptr(_) | Record::Srv(_), _) => None,
            });
        let found: Vec<_> = records
            .filter(|address| address::may_serve(*address))
            .take(ADDRESSES_MAX)
            .collect();
        let known = self.addresses_by_name.entry(query.name.clone()).or_default();
        match query.kind {
            RecordKind::A => known.ipv4 = Some(found),
            RecordKind::Aaaa => known.ipv6 = Some(found),
            RecordKind::Naptr | RecordKind::Srv => {}
        }
        if known.sorted().is_some_and(|addresses| addresses.is_empty()) {
            let name = query.name.clone();
            self.trouble.get_or_insert(Exhausted::NoRecords { name });
        }
    }

    /// Turns the first server into its targets.
    fn give(&mut self, addresses: &[IpAddr]) {
        if let Some(server) = self.servers.pop_front() {
            let server_name = self
                .destination
                .host
                .trim_start_matches('[')
                .trim_end_matches(']');
            self.targets.extend(addresses.iter().map(|address| Target {
                transport: server.transport,
                address: SocketAddr::new(*address, server.port),
                server_name: server_name.to_owned(),
            }));
        }
    }

    fn ask_ahead(&mut self) {
        let names: Vec<_> = self
            .servers
            .iter()
            .take(SERVERS_AHEAD)
            .map(|server| server.host.clone())
            .collect();
        for name in names {
            if self.addresses_by_name.contains_key(&name) {
                continue;
            }
            let Support { ipv4, ipv6, .. } = self.support;
            let unasked = |is_spoken: bool| if is_spoken { None } else { Some(Vec::new()) };
            let addresses = Addresses {
                ipv4: unasked(ipv4),
                ipv6: unasked(ipv6),
            };
            self.addresses_by_name.insert(name.clone(), addresses);
            if ipv6 {
                self.ask(RecordKind::Aaaa, name.clone());
            }
            if ipv4 {
                self.ask(RecordKind::A, name);
            }
        }
    }

    fn ask(&mut self, kind: RecordKind, name: String) {
        let query = Query { kind, name };
        if self.open.insert(query.clone()) {
            self.queries.push_back(query);
        }
    }

    fn exhausted(&self) -> Exhausted {
        let name = || self.destination.host.clone();
        match &self.trouble {
            _ if self.has_given => Exhausted::Tried,
            Some(trouble) => trouble.clone(),
            None => Exhausted::Unsupported { name: name() },
        }
    }
}

impl Service {
    fn offered(&self) -> Option<&[(String, u16)]> {
        match &self.servers {
            Some(Servers::Some(servers)) => Some(servers),
            Some(Servers::None | Servers::NotOffered) | None => None,
        }
    }
}

impl Addresses {
    fn of(address: IpAddr, support: Support) -> Self {
        let is_spoken = if address.is_ipv4() {
            support.ipv4
        } else {
            support.ipv6
        };
        let known = if is_spoken { vec![address] } else { Vec::new() };
        let (ipv4, ipv6) = if address.is_ipv4() {
            (known, Vec::new())
        } else {
            (Vec::new(), known)
        };
        Self {
            ipv4: Some(ipv4),
            ipv6: Some(ipv6),
        }
    }

    /// All addresses in the order to try them in, once both families are answered.
    fn sorted(&self) -> Option<Vec<IpAddr>> {
        let (ipv4, ipv6) = (self.ipv4.as_ref()?, self.ipv6.as_ref()?);
        let mut addresses: Vec<_> = ipv6.iter().chain(ipv4).copied().collect();
        address::sort(&mut addresses);
        addresses.truncate(ADDRESSES_MAX);
        Some(addresses)
    }
}
