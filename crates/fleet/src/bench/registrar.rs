//! Registrations with digest: what they cost a server over UDP and TLS, and what an idle one holds.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fleet::link::Link;
use fleet::registrant::{RegisterError, Registrant};
use rustls::ClientConfig;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::identity::{Identity, Version};
use super::population::Population;
use super::report::{Table, microseconds_each, progress, ratio, say};
use super::site::Running;
use super::{kamailio, oyez};

/// Requests, or connections being made, at once.
const OUTSTANDING: usize = 64;
/// Turns in which the servers alternate, so that what else the machine does hits both.
const TURNS: u64 = 3;
/// Connections at most: with a descriptor each in the generator and in the server, within the usual limit of 20,000.
const COUNT_MAX: u64 = 16_000;
/// Pairs at most. A zone remembers each request over UDP for 32 s (Timer J of RFC 3261), and 49,152 of them.
const PAIRS_MAX: u64 = 20_000;
/// Connections that come from one address: fewer than a zone takes, and than there are ports.
const CONNECTIONS_PER_SOURCE: usize = 8_000;
/// Registrations before each measurement, so that code and memory are warm.
const WARM_UP: usize = 64;
/// Time after which what a handshake took has been given back.
const SETTLE: Duration = Duration::from_secs(2);
/// Longest time of one measurement.
const MEASUREMENT_MAX: Duration = Duration::from_secs(120);

/// Arguments of `fleet registrar`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Users, and TLS connections
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(64..=COUNT_MAX))]
    count: u64,
    /// Registrations over UDP
    #[arg(long, default_value_t = 12_000, value_parser = clap::value_parser!(u64).range(TURNS * 64..=PAIRS_MAX))]
    pairs: u64,
    /// Only over UDP
    #[arg(long)]
    only_udp: bool,
}

/// Runs the benchmark and prints its table.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let population = Population {
        count: usize::try_from(arguments.count)?,
    };
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let identity = Identity::make(folder.path())?;
    let mut table = Table::new(&["what", "Kamailio", "Oyez", "ratio", "goal"]);
    over_udp(&identity, population, arguments.pairs, &mut table).await?;
    if !arguments.only_udp {
        for version in [Version::Tls12, Version::Tls13] {
            over_tls(&identity, population, version, &mut table).await?;
        }
    }
    say(&table.text());
    Ok(())
}

/// A client socket and the users who register over it in turn.
struct Lane {
    link: Link,
    registrants: Vec<Registrant>,
}

impl Lane {
    async fn register(&mut self, times: u64) -> Result<(), RegisterError> {
        let mut done = 0;
        while done < times {
            for registrant in &mut self.registrants {
                if done < times {
                    registrant.register(&mut self.link).await?;
                    done += 1;
                }
            }
        }
        Ok(())
    }
}

async fn over_udp(identity: &Identity, population: Population, pairs: u64, table: &mut Table) -> Result<()> {
    progress("UDP: starting both servers");
    let servers = [
        kamailio::start(identity, population.count).await?,
        oyez::start(identity, &population.phones()).await?,
    ];
    let mut lanes = Vec::new();
    for server in &servers {
        lanes.push(open_lanes(server, population).await?);
    }
    let mut costs = [Duration::ZERO; 2];
    let lane_count = u64::try_from(OUTSTANDING)?;
    let times = pairs.div_ceil(TURNS * lane_count);
    for turn in 0..=TURNS {
        for ((server, lanes), cost) in servers.iter().zip(&mut lanes).zip(&mut costs) {
            // The first turn warms up.
            let times = if turn == 0 { 1 } else { times };
            let before = server.server.processor_time()?;
            *lanes = run_lanes(std::mem::take(lanes), times)
                .await
                .with_context(|| format!("{} over UDP", server.name))?;
            if turn > 0 {
                *cost += server.server.processor_time()? - before;
            }
        }
    }
    let resent: u64 = lanes
        .iter()
        .flatten()
        .flat_map(|lane| &lane.registrants)
        .map(Registrant::resent)
        .sum();
    let pairs = times * TURNS * lane_count;
    progress(&format!(
        "UDP: {pairs} registrations each, {resent} requests sent again"
    ));
    let [peer, own] = costs.map(|cost| microseconds_each(cost, pairs));
    table.row(vec![
        "processor time, REGISTER over UDP (401 + 200)".to_owned(),
        format!("{peer:.1} µs"),
        format!("{own:.1} µs"),
        ratio(own, peer),
        "≤ 0.58 (25 of 43 µs)".to_owned(),
    ]);
    Ok(())
}

async fn open_lanes(server: &Running, population: Population) -> Result<Vec<Lane>> {
    let mut lanes = Vec::new();
    for _lane in 0..OUTSTANDING {
        lanes.push(Lane {
            link: Link::open_udp(server.udp, Ipv4Addr::LOCALHOST.into()).await?,
            registrants: Vec::new(),
        });
    }
    for (number, registrant) in population.registrants().enumerate() {
        if let Some(lane) = lanes.get_mut(number % OUTSTANDING) {
            lane.registrants.push(registrant);
        }
    }
    Ok(lanes)
}

/// Lets each lane register `times` times, all at once.
async fn run_lanes(lanes: Vec<Lane>, times: u64) -> Result<Vec<Lane>> {
    let mut running = JoinSet::new();
    for mut lane in lanes {
        running.spawn(async move { lane.register(times).await.map(|()| lane) });
    }
    collect(running).await
}

async fn over_tls(
    identity: &Identity,
    population: Population,
    version: Version,
    table: &mut Table,
) -> Result<()> {
    let config = identity.client(version)?;
    progress(&format!("{}: Kamailio", version.name()));
    let peer = kamailio::start(identity, population.count).await?;
    let peer = connect_all(peer, population, &config)
        .await
        .with_context(|| format!("Kamailio over {}", version.name()))?;
    progress(&format!("{}: Oyez", version.name()));
    let own = oyez::start(identity, &population.phones()).await?;
    let own = connect_all(own, population, &config)
        .await
        .with_context(|| format!("Oyez over {}", version.name()))?;

    let name = version.name();
    let count = u64::try_from(population.count)?;
    let each = [&peer, &own].map(|measured| microseconds_each(measured.processor_time, count));
    let [peer_each, own_each] = each;
    table.row(vec![
        format!("processor time, new {name} connection + registration"),
        format!("{peer_each:.0} µs"),
        format!("{own_each:.0} µs"),
        ratio(own_each, peer_each),
        match version {
            Version::Tls12 => "≤ 0.50 (230 of 460 µs)",
            Version::Tls13 => "≤ 0.28 (230 of 830 µs)",
        }
        .to_owned(),
    ]);
    let [peer_kept, own_kept] = [&peer, &own].map(|measured| kilobytes_each(measured.kept, count));
    table.row(vec![
        format!("memory, idle {name} registration"),
        format!("{peer_kept:.1} kB"),
        format!("{own_kept:.1} kB"),
        ratio(own_kept, peer_kept),
        "≤ 0.20 (15 of 73 kB)".to_owned(),
    ]);
    table.row(vec![
        format!("time, {count} {name} registrations, generator included"),
        format!("{:.2} s", peer.elapsed.as_secs_f64()),
        format!("{:.2} s", own.elapsed.as_secs_f64()),
        ratio(own.elapsed.as_secs_f64(), peer.elapsed.as_secs_f64()),
        "5,000 in ≤ 5 s on 2 idle cores".to_owned(),
    ]);
    Ok(())
}

/// What connections and registrations have cost.
#[derive(Debug)]
struct Measured {
    processor_time: Duration,
    elapsed: Duration,
    /// Bytes that are held for them.
    kept: u64,
}

/// Connects and registers everybody, and ends the server.
async fn connect_all(
    running: Running,
    population: Population,
    config: &Arc<ClientConfig>,
) -> Result<Measured> {
    let warm = Population { count: WARM_UP };
    drop(connect(&running, warm, config).await?);
    sleep(SETTLE).await;
    let memory = running.server.memory()?;
    let processor_time = running.server.processor_time()?;
    let began = Instant::now();
    let links = connect(&running, population, config).await?;
    let elapsed = began.elapsed();
    let processor_time = running.server.processor_time()? - processor_time;
    sleep(SETTLE).await;
    let kept = running.server.memory()?.saturating_sub(memory);
    drop(links);
    Ok(Measured {
        processor_time,
        elapsed,
        kept,
    })
}

/// Connects and registers everybody; the links stay open as long as they are held.
async fn connect(running: &Running, population: Population, config: &Arc<ClientConfig>) -> Result<Vec<Link>> {
    let mut waiting: Vec<Vec<(usize, Registrant)>> = vec![Vec::new(); OUTSTANDING];
    for (number, registrant) in population.registrants().enumerate() {
        if let Some(lane) = waiting.get_mut(number % OUTSTANDING) {
            lane.push((number, registrant));
        }
    }
    let mut connecting = JoinSet::new();
    for lane in waiting {
        let (server, config) = (running.tls, Arc::clone(config));
        connecting.spawn(async move {
            let mut links = Vec::with_capacity(lane.len());
            for (number, mut registrant) in lane {
                let name = Identity::server_name();
                let mut link = Link::open_tls(server, source(number), name, Arc::clone(&config)).await?;
                registrant.register(&mut link).await?;
                links.push(link);
            }
            Ok::<_, RegisterError>(links)
        });
    }
    Ok(collect(connecting).await?.into_iter().flatten().collect())
}

/// A loopback address for the connection of this number.
fn source(number: usize) -> IpAddr {
    let last = u8::try_from(number / CONNECTIONS_PER_SOURCE).unwrap_or(u8::MAX - 2);
    Ipv4Addr::new(127, 0, 0, last + 2).into()
}

/// Waits for all; the first failure ends them all.
async fn collect<T: 'static>(mut running: JoinSet<Result<T, RegisterError>>) -> Result<Vec<T>> {
    timeout(MEASUREMENT_MAX, async {
        let mut collected = Vec::with_capacity(running.len());
        while let Some(joined) = running.join_next().await {
            collected.push(joined.context("a client has panicked")??);
        }
        Ok(collected)
    })
    .await
    .with_context(|| format!("not done after {} s", MEASUREMENT_MAX.as_secs()))?
}

fn kilobytes_each(bytes: u64, things: u64) -> f64 {
    let kilobytes = u32::try_from(bytes / 1_000).unwrap_or(u32::MAX);
    f64::from(kilobytes) / f64::from(u32::try_from(things.max(1)).unwrap_or(u32::MAX))
}
