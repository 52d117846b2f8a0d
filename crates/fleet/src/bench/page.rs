//! Pages to many loudspeakers: when each hears the first packet, what is lost, and what a packet costs the sender.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use fleet::ears::{Ears, Heard};
use fleet::link::{Channel, Link};
use fleet::listener::{Listener, Tally};
use fleet::registrant::{RegisterError, Registrant};
use fleet::{CallOptions, Talker, TalkerError, TalkerSetup};
use media::sdp::SecurityOffer;
use media::srtp::MasterKey;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::identity::{Identity, Version};
use super::population::{DOMAIN, Population, TALKER, extension, password};
use super::report::{Table, microseconds_each, milliseconds, percentile, progress, ratio, say};
use super::site::Running;
use super::{oyez, sendto};

/// Loudspeakers at most: a page of a zone has 2,048 legs, the talker's among them.
const LISTENERS_MAX: u64 = 2_000;
/// Loudspeakers that register at once.
const OUTSTANDING: usize = 64;
/// Octets of the sound of one page: 4 s of µ-law.
const PAGE_OCTETS: usize = 32_000;
/// Time into a page from which on the sender is measured: everybody has joined, and has got what was kept for late ones.
const STEADY_AFTER: Duration = Duration::from_millis(1_500);
/// Rounds of bare packets: as long as a page is measured.
const BARE_ROUNDS: u32 = 125;
/// Octets of a packet: RTP header and 20 ms of G.711.
const PACKET_OCTETS: usize = 172;
/// Octets of the tag of SRTP.
const TAG_OCTETS: usize = 10;
/// Longest wait for a page to begin, and for all its calls to be over.
const CALLS_MAX: Duration = Duration::from_secs(20);
/// Time without a packet after which none is on its way any more: media and signalling take different ways, and a late packet
/// would count as the next page's.
const QUIET: Duration = Duration::from_millis(60);
/// How often it is looked whether something has come about.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The thread of a zone that sends.
const MEDIA_THREAD: &str = "media";

/// Arguments of `fleet page`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Numbers of loudspeakers
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 500, 1_000],
          value_parser = clap::value_parser!(u64).range(1..=LISTENERS_MAX))]
    listeners: Vec<u64>,
    /// Pages to each number
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=20))]
    pages: u64,
    /// How the loudspeakers are reached: over TLS with SRTP, or over UDP with plain RTP
    #[arg(long, value_enum, default_value_t = Way::Tls)]
    transport: Way,
}

/// How loudspeakers and talker are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    /// TLS and SRTP.
    Tls,
    /// UDP and RTP.
    Udp,
}

/// Runs the benchmark and prints its table.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let mut sizes = arguments
        .listeners
        .iter()
        .map(|size| usize::try_from(*size))
        .collect::<Result<Vec<_>, _>>()?;
    sizes.sort_unstable();
    sizes.dedup();
    let population = Population {
        count: sizes.last().copied().unwrap_or(0),
    };
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let identity = Identity::make(folder.path())?;
    progress("starting the zone");
    let zone = oyez::start(&identity, &population.loudspeakers(&sizes)).await?;
    let ears = Ears::open(population.count, loopback()).context("cannot open the loudspeakers' sockets")?;
    progress(&format!("registering {} loudspeakers", population.count));
    let mut hall = Hall::fill(zone, &identity, arguments.transport, ears, population).await?;

    let mut table = Table::new(&[
        "listeners",
        "answered",
        "first p50",
        "p99",
        "last",
        "lost",
        "sender/packet",
        "sendto/packet",
        "ratio",
    ]);
    for size in sizes {
        progress(&format!("{} page(s) to {size}", arguments.pages));
        let mut measured = Measured::default();
        for _page in 0..arguments.pages {
            hall.page(size, &mut measured).await?;
        }
        let bare = hall.send_bare(size).await?;
        table.row(measured.row(size, arguments.pages, bare));
    }
    say(&table.text());
    say("goals: p99 ≤ 300 ms at 1,000, nothing lost, sender ≤ 1.2 × sendto");
    Ok(())
}

/// A zone, its loudspeakers, and whoever talks to them.
struct Hall {
    zone: Running,
    ears: Ears,
    tally: Arc<Tally>,
    talker: TalkerSetup,
    options: CallOptions,
    /// The loudspeakers; none of them ends by itself.
    serving: JoinSet<RegisterError>,
}

/// A page that has been spoken.
#[derive(Debug, Clone, Copy)]
struct Spoken {
    first_sent: Instant,
    packets: u64,
}

/// Processor time of the sender, and packets that have arrived.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    processor_time: Duration,
    packets: u64,
}

impl Reading {
    fn since(self, before: Self) -> Self {
        Self {
            processor_time: self.processor_time.saturating_sub(before.processor_time),
            packets: self.packets.saturating_sub(before.packets),
        }
    }
}

impl Hall {
    /// Connects and registers the loudspeakers, each with an ear of its own.
    async fn fill(
        zone: Running,
        identity: &Identity,
        way: Way,
        ears: Ears,
        population: Population,
    ) -> Result<Self> {
        let tally = Arc::new(Tally::new(population.count));
        let mut waiting: Vec<Registrant> = population.registrants().collect();
        let mut listeners = Vec::with_capacity(population.count);
        let mut opening = JoinSet::new();
        let config = identity.client(Version::Tls13)?;
        while let Some(registrant) = waiting.pop() {
            let (number, config) = (waiting.len(), Arc::clone(&config));
            let (udp, tls) = (zone.udp, zone.tls);
            let ear = *ears.addresses().get(number).context("too few ears")?;
            opening.spawn(async move {
                let link = match way {
                    Way::Tls => Link::open_tls(tls, loopback(), Identity::server_name(), config).await?,
                    Way::Udp => Link::open_udp(udp, loopback()).await?,
                };
                let mut listener = Listener::new(number, registrant, link, ear, seed()?);
                listener.register().await?;
                Ok::<_, anyhow::Error>(listener)
            });
            if opening.len() == OUTSTANDING || waiting.is_empty() {
                while let Some(opened) = opening.join_next().await {
                    listeners.push(opened??);
                }
            }
        }
        let mut serving = JoinSet::new();
        for listener in listeners {
            let tally = Arc::clone(&tally);
            serving.spawn(async move { listener.serve(&tally).await });
        }
        Ok(Self {
            talker: talker(&zone, identity, way)?,
            options: CallOptions {
                security: match way {
                    Way::Tls => SecurityOffer::Standard,
                    Way::Udp => SecurityOffer::Disabled,
                },
                ..CallOptions::default()
            },
            zone,
            ears,
            tally,
            serving,
        })
    }

    /// Places one page and adds what came of it.
    async fn page(&mut self, size: usize, measured: &mut Measured) -> Result<()> {
        let (answered, ended) = (self.tally.answered(), self.tally.ended());
        drop(self.ears.take());
        let (spoken_sender, spoken) = oneshot::channel();
        let (hang_up, hung_up) = oneshot::channel();
        let talking = talk(
            self.talker.clone(),
            self.options.clone(),
            size,
            spoken_sender,
            hung_up,
        )?;

        self.wait_until("nobody hears the page", |hall| hall.ears.heard_count() > 0)
            .await?;
        sleep(STEADY_AFTER).await;
        let before = self.read()?;
        let spoken = match spoken.await {
            Ok(spoken) => spoken,
            Err(_) => return Err(spawn_blocking(|| ended_early(talking)).await?),
        };
        let during = self.read()?.since(before);
        // The talker waits for this, and has not gone.
        let _is_told = hang_up.send(()).is_ok();
        spawn_blocking(move || finish(talking)).await??;
        let answered = self.tally.answered() - answered;
        self.wait_until("the page does not end", |hall| {
            hall.tally.ended() - ended >= answered
        })
        .await?;
        self.wait_until_quiet().await?;
        let heard = self.ears.take();
        measured.add(size, answered, spoken, during, &heard);
        check_authenticity(&heard, &self.tally.keys())
    }

    /// What bare packets of the same length to the same ears cost.
    async fn send_bare(&self, size: usize) -> Result<f64> {
        let addresses: Vec<_> = self.ears.addresses().iter().take(size).copied().collect();
        let tag = match self.options.security {
            SecurityOffer::Disabled => 0,
            SecurityOffer::Standard | SecurityOffer::Optional => TAG_OCTETS,
        };
        let measuring =
            spawn_blocking(move || sendto::measure(&addresses, loopback(), PACKET_OCTETS + tag, BARE_ROUNDS));
        let (processor_time, packets) = measuring.await?.context("bare packets cannot be sent")?;
        // The last round is on its way into the ears.
        sleep(LOOK_EVERY).await;
        Ok(microseconds_each(processor_time, packets))
    }

    fn read(&self) -> Result<Reading> {
        Ok(Reading {
            processor_time: self.zone.server.thread_time(MEDIA_THREAD)?,
            packets: self.ears.packets(),
        })
    }

    async fn wait_until_quiet(&self) -> Result<()> {
        let end = Instant::now() + CALLS_MAX;
        let mut before = self.ears.packets();
        loop {
            sleep(QUIET).await;
            let packets = self.ears.packets();
            if packets == before {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("packets come {} s after the end of a page", CALLS_MAX.as_secs());
            }
            before = packets;
        }
    }

    async fn wait_until(&mut self, otherwise: &str, state: impl Fn(&Self) -> bool) -> Result<()> {
        let end = Instant::now() + CALLS_MAX;
        while !state(self) {
            if let Some(ended) = self.serving.try_join_next() {
                return Err(anyhow!(ended?).context("a loudspeaker has lost its zone"));
            }
            if Instant::now() > end {
                bail!("{otherwise} for {} s", CALLS_MAX.as_secs());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

/// Who talks to the loudspeakers of `zone`.
pub(crate) fn talker(zone: &Running, identity: &Identity, way: Way) -> Result<TalkerSetup> {
    let (server, channel) = match way {
        Way::Tls => {
            let channel = Channel::Tls {
                server_name: loopback().to_string(),
                policy: identity.policy()?,
            };
            (zone.tls, channel)
        }
        Way::Udp => (zone.udp, Channel::Udp),
    };
    Ok(TalkerSetup {
        server,
        channel,
        domain: DOMAIN.to_owned(),
        user: TALKER.to_owned(),
        authorization_id: TALKER.to_owned(),
        password: password(TALKER).as_str().into(),
    })
}

type Talking = std::thread::JoinHandle<Result<(), TalkerError>>;

/// Starts a talker on a thread of its own, so that its clock does not wait behind the loudspeakers.
fn talk(
    setup: TalkerSetup,
    options: CallOptions,
    size: usize,
    spoken: oneshot::Sender<Spoken>,
    hang_up: oneshot::Receiver<()>,
) -> Result<Talking> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let talking = async move {
        let mut talker = Talker::connect(setup).await?;
        talker.register().await?;
        let mut call = talker.call(&extension(size), &options).await?;
        let packets = call.speak(&vec![0x7f; PAGE_OCTETS]).await?;
        let first_sent = call.first_sent().unwrap_or_else(Instant::now);
        // Whoever measures may have given up.
        let _is_told = spoken.send(Spoken { first_sent, packets }).is_ok();
        let _is_told = timeout(CALLS_MAX, hang_up).await.is_ok();
        call.hang_up().await
    };
    let thread = std::thread::Builder::new().name("talker".to_owned());
    Ok(thread.spawn(move || runtime.block_on(talking))?)
}

fn finish(talking: Talking) -> Result<()> {
    let ended = talking.join().map_err(|_| anyhow!("the talker has panicked"))?;
    ended.context("the talker failed")
}

fn ended_early(talking: Talking) -> anyhow::Error {
    match finish(talking) {
        Ok(()) => anyhow!("the talker has ended without speaking"),
        Err(error) => error,
    }
}

/// Whether the first packets came under the keys agreed upon: what is measured is SRTP that a loudspeaker can play.
fn check_authenticity(heard: &[Heard], keys: &[Option<MasterKey>]) -> Result<()> {
    for (ear, key) in heard.iter().zip(keys) {
        if let (Some(_), Some(key)) = (ear.first, key) {
            let mut packet = ear.first_packet.clone();
            media::srtp::Context::new(key)
                .unprotect_rtp(&mut packet)
                .context("a loudspeaker got a packet that is not under its key")?;
        }
    }
    Ok(())
}

/// What pages to one number of loudspeakers have shown.
#[derive(Debug, Default)]
struct Measured {
    /// Times from the talker's first packet to a listener's.
    first: Vec<Duration>,
    answered: usize,
    expected: u64,
    arrived: u64,
    sender: Reading,
}

impl Measured {
    fn add(&mut self, size: usize, answered: usize, spoken: Spoken, during: Reading, heard: &[Heard]) {
        self.answered += answered;
        for ear in heard.iter().take(size) {
            self.expected += spoken.packets;
            self.arrived += ear.packets.min(spoken.packets);
            let first = ear
                .first
                .map(|first| first.saturating_duration_since(spoken.first_sent));
            self.first.extend(first);
        }
        self.sender.processor_time += during.processor_time;
        self.sender.packets += during.packets;
    }

    fn row(mut self, size: usize, pages: u64, bare: f64) -> Vec<String> {
        self.first.sort_unstable();
        let each = microseconds_each(self.sender.processor_time, self.sender.packets);
        let share = |share| milliseconds(percentile(&self.first, share));
        vec![
            size.to_string(),
            format!("{} in {pages} page(s)", self.answered),
            share(0.5),
            share(0.99),
            share(1.0),
            format!("{} of {}", self.expected - self.arrived, self.expected),
            format!("{each:.2} µs"),
            format!("{bare:.2} µs"),
            ratio(each, bare),
        ]
    }
}

fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(seed)
}

fn loopback() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_do_not_arrive_are_lost() {
        let now = Instant::now();
        let spoken = Spoken {
            first_sent: now,
            packets: 200,
        };
        let ear = |packets, after: u64| Heard {
            first: (packets > 0).then_some(now + Duration::from_millis(after)),
            first_packet: Vec::new(),
            packets,
        };
        let mut measured = Measured::default();

        measured.add(
            3,
            2,
            spoken,
            Reading::default(),
            &[ear(200, 3), ear(0, 0), ear(150, 9), ear(7, 1)],
        );

        let row = measured.row(3, 1, 2.0);
        assert_eq!(row[2..6], ["3.0 ms", "9.0 ms", "9.0 ms", "250 of 600"]);
    }
}
