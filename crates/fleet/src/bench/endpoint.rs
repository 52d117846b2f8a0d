//! One endpoint beside one phone without a head: how soon it is registered, what it holds when idle, what a page costs it.

use std::time::Duration;

use anyhow::{Context, Result};
use fleet::process::Server;
use fleet::{CallOptions, Talker};
use media::codec::Codec;
use tokio::time::sleep;

use super::contestant::Contestant;
use super::identity::Identity;
use super::oyez;
use super::page::{Way, talker};
use super::population::{Population, extension};
use super::report::{Table, milliseconds, percentile, progress, ratio, say};
use super::site::Running;
use super::sound_server::SoundServer;

/// Time after which a program does nothing but wait.
const IDLE_AFTER: Duration = Duration::from_secs(3);
/// Octets of the sound whose cost is measured, and its length.
const SOUND_OCTETS: usize = 40_000;
const SOUND: Duration = Duration::from_secs(5);
/// Octets of the sound before: a tone before the page is over, and everything is warm.
const BEFORE_OCTETS: usize = 24_000;

/// Arguments of `fleet endpoint`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Starts of each program
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=50))]
    starts: u64,
}

/// Runs the benchmark and prints its table.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let identity = Identity::make(folder.path())?;
    progress("starting the zone");
    let zone = oyez::start(&identity, &Population { count: 1 }.loudspeakers(&[1])).await?;
    let server = SoundServer::start().await?;
    let programs = [
        Contestant::baresip(&zone, &identity, &server, Codec::Pcmu)?,
        Contestant::endpoint(&zone, &identity, &server)?,
    ];
    let mut results = [Measured::default(), Measured::default()];
    // The first start of each makes its certificate and warms the disk's cache.
    for turn in 0..=arguments.starts {
        for (program, measured) in programs.iter().zip(&mut results) {
            progress(&format!("{}: start {turn} of {}", program.name, arguments.starts));
            let taken = measure(program, &zone, &identity).await?;
            if turn > 0 {
                measured.add(taken);
            }
        }
    }
    say(&table(&mut results).text());
    Ok(())
}

fn table(results: &mut [Measured; 2]) -> Table {
    let mut table = Table::new(&["what", "baresip", "Oyez", "ratio", "goal"]);
    for measured in results.iter_mut() {
        measured.registered.sort_unstable();
        measured.page.sort_unstable();
        measured.memory.sort_unstable();
    }
    let [peer, own] = results;
    let middle = |times: &[Duration]| percentile(times, 0.5);
    let both = [&peer.registered, &own.registered].map(|times| middle(times));
    table.row(row_of_times("from start to registered", both));
    let both = [&peer.page, &own.page].map(|times| middle(times));
    table.row(row_of_times("processor time, a second of a page", both));
    let [peer, own] = [&peer.memory, &own.memory].map(|sizes| megabytes(sizes));
    table.row(vec![
        "memory when idle".to_owned(),
        format!("{peer:.1} MB"),
        format!("{own:.1} MB"),
        ratio(own, peer),
        "≤ 8 MB, with TLS, pages and API".to_owned(),
    ]);
    table
}

fn row_of_times(what: &str, [peer, own]: [Option<Duration>; 2]) -> Vec<String> {
    let seconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
    vec![
        what.to_owned(),
        milliseconds(peer),
        milliseconds(own),
        ratio(seconds(own), seconds(peer)),
        String::new(),
    ]
}

/// The middle of sorted sizes.
fn megabytes(sizes: &[u64]) -> f64 {
    let kilobytes = sizes.get(sizes.len() / 2).copied().unwrap_or(0) / 1_000;
    f64::from(u32::try_from(kilobytes).unwrap_or(u32::MAX)) / 1_000.0
}

/// What one start has shown.
#[derive(Debug, Clone, Copy)]
struct Taken {
    registered: Duration,
    /// Bytes.
    memory: u64,
    page: Duration,
}

/// What all starts of a program have shown.
#[derive(Debug, Default)]
struct Measured {
    registered: Vec<Duration>,
    memory: Vec<u64>,
    page: Vec<Duration>,
}

impl Measured {
    fn add(&mut self, taken: Taken) {
        self.registered.push(taken.registered);
        self.memory.push(taken.memory);
        self.page.push(taken.page);
    }
}

/// Starts the program, waits until it idles, pages it, and ends it.
async fn measure(program: &Contestant, zone: &Running, identity: &Identity) -> Result<Taken> {
    let (server, registered) = program.register().await?;
    sleep(IDLE_AFTER).await;
    let memory = server.memory()?;
    let page = page(zone, identity, &server)
        .await
        .with_context(|| format!("{} is not paged; it said:\n{}", program.name, program.said()))?;
    Ok(Taken {
        registered,
        memory,
        page,
    })
}

/// Processor time of a second of a page.
async fn page(zone: &Running, identity: &Identity, server: &Server) -> Result<Duration> {
    let mut talker = Talker::connect(talker(zone, identity, Way::Tls)?).await?;
    talker.register().await?;
    let mut call = talker.call(&extension(1), &CallOptions::default()).await?;
    call.speak(&vec![0x7f; BEFORE_OCTETS]).await?;
    let before = server.processor_time()?;
    call.speak(&vec![0x7f; SOUND_OCTETS]).await?;
    let during = server.processor_time()?.saturating_sub(before);
    call.hang_up().await?;
    Ok(during.div_f64(SOUND.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_all_starts_is_shown() {
        let mut results = [Measured::default(), Measured::default()];
        for (megabytes, milliseconds) in [(9, 30), (7, 10), (8, 20)] {
            for measured in &mut results {
                measured.add(Taken {
                    registered: Duration::from_millis(milliseconds),
                    memory: megabytes * 1_000_000,
                    page: Duration::from_millis(milliseconds * 2),
                });
            }
        }
        let text = table(&mut results).text();
        assert!(text.contains("20.0 ms"), "{text}");
        assert!(text.contains("40.0 ms"), "{text}");
        assert!(text.contains("8.0 MB"), "{text}");
    }
}
