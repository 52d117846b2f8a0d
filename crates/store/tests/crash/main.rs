//! A process that is killed in the middle of a thousand random writes: everything acknowledged is there, and nothing half-written.
//!
//! A child, which is this program again, writes change after change and says so after each commit. What the changes are follows from
//! a seed, so the parent knows what a database with so many of them holds, to the last octet. It kills the child, in some rounds the
//! server of the database too, and finds either all that was acknowledged, or that and the change that was under way.
//!
//! `OYEZ_CRASH_ROUNDS=100 cargo test --release -p store --test crash` is the long form; `OYEZ_CRASH_SEED` repeats a run.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test states what it expects by unwrapping it, and tells the seed that repeats it"
)]

mod changes;
mod import;

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use changes::{Random, State};
use model::inventory::{Account, DisplayName};
use store::{PostgresServer, Store};

/// Changes that a child would make if it were left alone.
const CHANGES: u64 = 1_000;
/// Rounds where nothing else is asked for.
const ROUNDS: u64 = 4;
/// Longest time from an acknowledgement to the kill, in microseconds: commits take about as long.
const KILL_AFTER_MAX: u64 = 4_000;
/// How a child is told its folder, and the address of a database where it is not in it.
const FOLDER: &str = "OYEZ_CRASH_FOLDER";
const ADDRESS: &str = "OYEZ_CRASH_ADDRESS";
/// How it is told its round, and the seed that everything follows from.
const ROUND: &str = "OYEZ_CRASH_ROUND";
const SEED: &str = "OYEZ_CRASH_SEED";

#[test]
fn what_sqlite_has_acknowledged_survives_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place {
        folder: folder.path().to_owned(),
        address: None,
    };
    for round in 0..rounds() {
        let acknowledged = kill_a_writer(&place, round, || ());
        judge(&place, round, acknowledged);
    }
}

#[test]
fn what_postgresql_has_acknowledged_survives_a_killed_process_and_server() {
    let Some(mut server) = peers::Postgres::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let place = Place {
        folder: folder.path().to_owned(),
        address: Some(server.create_database()),
    };
    for round in 0..rounds() {
        let is_server_killed = round % 3 == 1;
        let acknowledged = kill_a_writer(&place, round, || {
            if is_server_killed {
                server.crash();
            }
        });
        if is_server_killed {
            server.start_again();
        }
        judge(&place, round, acknowledged);
    }
}

#[test]
#[ignore = "the other tests start it as a process of its own"]
fn a_writer_that_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let place = Place {
        folder: folder.into(),
        address: env::var(ADDRESS).ok(),
    };
    let round = number(ROUND, 0);
    place.run(async |store| {
        let mut state = State::new(seed(), round);
        while state.changes() < CHANGES {
            let change = state.next_change();
            let mut writing = store.write().await.unwrap();
            change.write(&mut writing.account(&account(round).id)).await;
            writing.commit().await.unwrap();
            // Standard output itself: the harness keeps back what is printed.
            writeln!(std::io::stdout(), "\nkept {}", state.changes()).unwrap();
        }
    });
}

/// Where the store is.
struct Place {
    folder: PathBuf,
    address: Option<String>,
}

impl Place {
    /// Opens the store for as long as `work` takes.
    fn run(&self, work: impl AsyncFnOnce(&Store)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let store = match &self.address {
                Some(address) => {
                    let server = PostgresServer::new(address, None).unwrap();
                    Store::open_postgres(&self.folder, &server).await.unwrap()
                }
                None => Store::open(&self.folder).await.unwrap(),
            };
            work(&store).await;
        });
    }
}

/// Ends with its test.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        let _has_ended_before = self.0.kill();
        self.0.wait().unwrap();
    }
}

/// Starts a writer and kills it at a moment that follows from seed and round; says how many changes it had acknowledged.
fn kill_a_writer(place: &Place, round: u64, also: impl FnOnce()) -> u64 {
    place.run(async |store| {
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account(round)).await.unwrap();
        writing.commit().await.unwrap();
    });
    let mut random = Random::new(seed(), u64::MAX - round);
    let kill_at = random.below(CHANGES);
    let wait = Duration::from_micros(random.below(KILL_AFTER_MAX));
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "a_writer_that_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, &place.folder)
        .env(ROUND, round.to_string())
        .env(SEED, seed().to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(address) = &place.address {
        command.env(ADDRESS, address);
    }
    let mut writer = Writer(command.spawn().unwrap());
    let mut lines = BufReader::new(writer.0.stdout.take().unwrap()).lines();
    let mut acknowledged = 0;
    let mut next = || loop {
        let line = lines.next()?.ok()?;
        if let Some(count) = line.strip_prefix("kept ") {
            return count.parse().ok();
        }
    };
    while acknowledged < kill_at {
        acknowledged = next().unwrap();
    }
    let end = Instant::now() + wait;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    also();
    drop(writer);
    // What it had said before it was killed counts as well.
    while let Some(count) = next() {
        acknowledged = count;
    }
    acknowledged
}

/// The state is that of all acknowledged changes, or of one more.
fn judge(place: &Place, round: u64, acknowledged: u64) {
    println!("seed {}, round {round}: killed after {acknowledged}", seed());
    let mut state = State::new(seed(), round);
    while state.changes() < acknowledged {
        state.next_change();
    }
    place.run(async |store| {
        let mut reading = store.read().await.unwrap();
        let mut scope = reading.account(&account(round).id);
        let found = State::read(&mut scope).await;
        if found.changes() > acknowledged {
            state.next_change();
        }
        state.assert_same(&found);
    });
}

/// The account of a round.
fn account(round: u64) -> Account {
    Account {
        id: format!("round-{round}").parse().unwrap(),
        name: DisplayName::new("Customer").unwrap(),
        domain: "pbx.example.com".to_owned(),
        many_extensions_before_5_5: false,
        generic_devices: true,
    }
}

fn rounds() -> u64 {
    number("OYEZ_CRASH_ROUNDS", ROUNDS)
}

fn seed() -> u64 {
    number(SEED, 1)
}

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}
