//! Which services lead to a destination, and in which order their servers are tried.

use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

use super::dns::{Naptr, Srv, plain_name};
use super::{SERVERS_MAX, SERVICES_MAX};
use crate::flow::Transport;

/// The name that SRV records of a transport stand under (RFC 3263 §4.2).
pub(super) fn srv_name(transport: Transport, host: &str) -> String {
    let prefix = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
    };
    format!("{prefix}.{host}")
}

/// The services that NAPTR records offer over transports that are wanted, in the order of the records.
pub(super) fn services(mut records: Vec<Naptr>, wanted: &[Transport]) -> Vec<(Transport, String)> {
    records.sort_by_key(|record| (record.order, record.preference));
    let mut services = Vec::new();
    for record in records {
        let is_terminal = record.flags.eq_ignore_ascii_case("s") && record.regexp.is_empty();
        let transport = transport_of(&record.services).filter(|transport| wanted.contains(transport));
        if let (true, Some(transport), Some(name)) = (is_terminal, transport, plain_name(&record.replacement))
        {
            services.push((transport, name));
        }
        if services.len() == SERVICES_MAX {
            break;
        }
    }
    services
}

fn transport_of(services: &str) -> Option<Transport> {
    [
        ("SIPS+D2T", Transport::Tls),
        ("SIP+D2T", Transport::Tcp),
        ("SIP+D2U", Transport::Udp),
    ]
    .into_iter()
    .find(|(name, _)| name.eq_ignore_ascii_case(services))
    .map(|(_, transport)| transport)
}

/// Orders servers by priority, and those of equal priority by drawing lots with their weights (RFC 2782). What is no
/// server is left out, and what is beyond [`SERVERS_MAX`] after the priorities are sorted.
pub(super) fn order_servers(records: Vec<Srv>, random: &mut ChaCha20Rng) -> Vec<(String, u16)> {
    let mut servers: Vec<(u16, u16, String, u16)> = records
        .into_iter()
        .filter(|record| record.port > 0)
        .filter_map(|record| {
            Some((
                record.priority,
                record.weight,
                plain_name(&record.target)?,
                record.port,
            ))
        })
        .collect();
    // Weight 0 comes first among its equals, so that it is drawn only by the lot 0.
    servers.sort();
    let mut ordered: Vec<(String, u16)> = Vec::new();
    while let Some((priority, ..)) = servers.first().filter(|_| ordered.len() < SERVERS_MAX) {
        let equal = servers.partition_point(|(other, ..)| other == priority);
        let drawn = draw(servers.iter().take(equal).map(|(_, weight, ..)| *weight), random);
        let (_, _, host, port) = servers.remove(drawn);
        if !ordered.contains(&(host.clone(), port)) {
            ordered.push((host, port));
        }
    }
    ordered
}

/// Draws the place of one weight, each with its share of the sum.
fn draw(weights: impl Iterator<Item = u16> + Clone, random: &mut ChaCha20Rng) -> usize {
    let sum: u64 = weights.clone().map(u64::from).sum();
    let lot = random.next_u64() % (sum + 1);
    let mut running = 0;
    weights
        .map(|weight| {
            running += u64::from(weight);
            running
        })
        .position(|running| running >= lot)
        .unwrap_or(0)
}
