//! An endpoint with two zones, of which the first is killed, frozen, or cut off in one direction: how long it takes until a
//! new call reaches the endpoint, and until it has left the zone; and how it moves back without cutting a call.
//!
//! The figures are printed and not asserted. `OYEZ_FAILOVER_REPEATS=N` repeats each case, and `OYEZ_FAILOVER_MINUTE=1` takes the
//! product's own time before moving back, a minute, in the place of 2 s.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests state what they expect, and print what they measure"
)]

mod cloud;
mod names;
mod redundant;
mod registrar;
mod zone_program;

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use model::status::TargetRole;
use net::resolver::Resolver;
use net::tls::Trust;
use peers::{Internet, Program, Way, available};
use tokio::runtime::Runtime;

use crate::cloud::{Cloud, DOMAIN, LOOPBACK, PROXY};
use crate::redundant::{Servers, percentiles, serving};
use crate::registrar::binding;
use crate::zone_program::{ZoneProgram, run};

/// How often each case is repeated.
const REPEATS: &str = "OYEZ_FAILOVER_REPEATS";
/// Set where the device moves back after a minute.
const MINUTE: &str = "OYEZ_FAILOVER_MINUTE";
/// How much longer than that a call lasts.
const AND_MORE: Duration = Duration::from_secs(2);

/// Longest wait for a line, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to the first zone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Killed,
    Frozen,
    Cut(Way),
}

impl Trouble {
    fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed, its connections reset",
            Self::Frozen => "frozen",
            Self::Cut(Way::Into) => "cut off: it hears nothing",
            Self::Cut(Way::OutOf) => "cut off: it is not heard",
        }
    }

    /// What the design asks for.
    fn goal(self) -> &'static str {
        match self {
            Self::Killed => "2 s",
            Self::Frozen | Self::Cut(_) => "6 s",
        }
    }
}

fn directory() -> String {
    let mut text = format!("account = \"acme\"\ndomain = \"{DOMAIN}\"\n");
    write!(
        text,
        "[[device]]\nuser = \"7001\"\nauthorization-id = \"88213\"\npassword = \"endpoint-secret\"\nkind = \"page\"\n\
         extension = \"7001\"\n\
         [[phone]]\nuser = \"2002\"\nauthorization-id = \"77120\"\npassword = \"phone-secret\"\n\
         [[permission]]\nwho = \"2002\"\nmay = [\"page\"]\nwhat = \"*\"\n"
    )
    .unwrap();
    text
}

/// Two zones and what can happen to them.
struct Bench {
    runtime: Runtime,
    internet: Internet,
    zones: [ZoneProgram; 2],
    servers: Servers,
}

impl Bench {
    fn start(internet: Internet) -> Self {
        let zones = [(); 2].map(|()| ZoneProgram::start(&directory()));
        for zone in &zones {
            // The zone that is started again is reached where it was.
            let file = zone.folder.path().join("zone.toml");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(
                &file,
                text.replace("127.0.0.1:0", &format!("127.0.0.1:{}", zone.port)),
            )
            .unwrap();
            assert!(zone.authority_file.exists());
        }
        let trusted = zones.iter().map(|zone| zone.authority.certificate().clone());
        let servers = Servers {
            host: "127.0.0.1",
            ports: [0, 1].map(|number: usize| zones[number].port),
            trust: Trust::Authorities(trusted.collect()),
            resolver: Resolver::from_system(),
        };
        Self {
            runtime: Runtime::new().unwrap(),
            internet,
            zones,
            servers,
        }
    }

    fn bring(&mut self, trouble: Trouble) {
        let [first, _] = &mut self.zones;
        match trouble {
            // Nothing but the program takes its place: what it has printed is enough.
            Trouble::Killed => first.program = Program::start(&mut Command::new("true")),
            Trouble::Frozen => first.program.freeze(),
            Trouble::Cut(way) => self.internet.cut(way, first.port),
        }
    }

    fn mend(&mut self, trouble: Trouble) {
        let [first, _] = &mut self.zones;
        match trouble {
            Trouble::Killed => first.program = run(first.folder.path()).0,
            Trouble::Frozen => first.program.thaw(),
            Trouble::Cut(_) => self.internet.mend(),
        }
    }

    /// Brings the trouble so often; returns the times to a call and to leaving the zone, and of moving back.
    fn measure(
        &mut self,
        trouble: Trouble,
        has_instance: bool,
        failback: Duration,
        repeats: usize,
    ) -> [Vec<Duration>; 3] {
        let mut times = [const { Vec::new() }; 3];
        let device = self
            .runtime
            .block_on(self.servers.endpoint(has_instance, failback));
        for repeat in (0_u64..).take(repeats) {
            if has_instance {
                // Troubles come at any time between two pings, and not always at the same.
                let pause = Duration::from_millis(repeat * 1_370 % 4_000 + 20);
                self.runtime.block_on(self.servers.reached(Instant::now()));
                self.runtime.block_on(self.servers.call(pause)).unwrap();
            }
            let since = Instant::now();
            self.bring(trouble);
            let (reached, left) = self.runtime.block_on(async {
                tokio::join!(
                    self.servers.reached(since),
                    serving(&device, TargetRole::Secondary)
                )
            });
            times[0].push(reached);
            times[1].push(left.duration_since(since));
            self.mend(trouble);
            // A call that begins now is under way when the first zone has answered for long enough.
            let since = Instant::now();
            let spoken = failback + AND_MORE;
            let call = self.runtime.block_on(self.servers.call(spoken)).unwrap();
            assert!(!call.by_peer, "the call was cut");
            assert_eq!(u128::from(call.sent_ms), spoken.as_millis());
            let back = self.runtime.block_on(serving(&device, TargetRole::Primary));
            times[2].push(back.duration_since(since));
        }
        self.runtime.block_on(device.stop());
        times
    }
}

#[test]
fn an_endpoint_with_two_zones_is_reached_whatever_becomes_of_the_first() {
    let Some(internet) =
        Internet::enter("an_endpoint_with_two_zones_is_reached_whatever_becomes_of_the_first")
    else {
        return;
    };
    let repeats = std::env::var(REPEATS)
        .ok()
        .and_then(|repeats| repeats.parse().ok());
    let has_minute = std::env::var_os(MINUTE).is_some();
    let failback = Duration::from_secs(if has_minute { 60 } else { 2 });
    let mut bench = Bench::start(internet);
    println!(
        "| First zone | Connections | Goal | A new call, p50 and p99 | Left the zone, p50 and p99 | Back, a call of {} s included, p50 and p99 |",
        (failback + AND_MORE).as_secs()
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for (trouble, has_instance) in [
        (Trouble::Killed, true),
        (Trouble::Frozen, true),
        (Trouble::Cut(Way::Into), true),
        (Trouble::Cut(Way::OutOf), true),
        (Trouble::Killed, false),
    ] {
        let times = bench.measure(trouble, has_instance, failback, repeats.unwrap_or(1));
        let shown = times.map(|mut times| {
            let [middle, last] = percentiles(&mut times);
            format!("{:.2} s, {:.2} s", middle.as_secs_f64(), last.as_secs_f64())
        });
        let connections = if has_instance { "to both" } else { "to one" };
        println!(
            "| {} | {connections} | {} | {} |",
            trouble.name(),
            trouble.goal(),
            shown.join(" | ")
        );
    }
}

#[test]
fn an_endpoint_with_two_connections_to_one_zone_is_called_once() {
    let ZoneProgram {
        program,
        authority,
        folder,
        ..
    } = ZoneProgram::start(&directory());
    drop(program);
    let file = folder.path().join("zone.toml");
    let text = fs::read_to_string(&file).unwrap();
    let address = "\"127.0.0.1:0\"";
    fs::write(&file, text.replace(address, &format!("{address}, {address}"))).unwrap();
    let (mut program, first) = run(folder.path());
    let line = program.wait_for(&["listening on "], PATIENCE);
    let second = line
        .trim_end_matches(" (TLS)")
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let servers = Servers {
        host: "127.0.0.1",
        ports: [first, second],
        trust: Trust::Authorities(vec![authority.certificate().clone()]),
        resolver: Resolver::from_system(),
    };
    let runtime = Runtime::new().unwrap();
    let device = runtime.block_on(servers.endpoint(true, Duration::from_secs(60)));
    for _connection in 0..2 {
        program.wait_for(&["7001 registered"], PATIENCE);
    }

    let call = runtime.block_on(servers.call(Duration::from_millis(200)));

    assert!(call.is_some_and(|call| !call.by_peer));
    let line = program.wait_for(&["pages 7001"], PATIENCE);
    assert!(line.ends_with("1 listeners"), "{line}");
    runtime.block_on(device.stop());
}

/// For comparison: two servers that keep one connection of a device.
#[test]
fn an_endpoint_with_two_foreign_servers_is_reached_when_the_first_is_killed() {
    if !available(&["kamailio", "kamcmd"]) {
        return;
    }
    let clouds = [(); 2].map(|()| Cloud::start(&[]));
    let listens = |cloud: &Cloud| TcpStream::connect((LOOPBACK, cloud.port)).is_ok();
    let end = Instant::now() + PATIENCE;
    while !clouds.iter().all(listens) {
        assert!(Instant::now() < end, "Kamailio does not listen");
        thread::yield_now();
    }
    let names = names::serve(PROXY, Ipv4Addr::LOCALHOST);
    let servers = Servers {
        host: PROXY,
        ports: [0, 1].map(|number: usize| clouds[number].port),
        trust: Trust::Authorities(
            clouds
                .iter()
                .map(|cloud| cloud.authority.certificate().clone())
                .collect(),
        ),
        resolver: Resolver::with_name_servers(&[names]).unwrap(),
    };
    let runtime = Runtime::new().unwrap();
    let device = runtime.block_on(servers.endpoint(true, Duration::from_secs(60)));
    let [first, second] = clouds;
    assert!(knows_the_endpoint(&first) && !knows_the_endpoint(&second));

    let since = Instant::now();
    drop(first);
    let (reached, left) = runtime
        .block_on(async { tokio::join!(servers.reached(since), serving(&device, TargetRole::Secondary)) });

    println!(
        "two Kamailios, the first killed: a new call after {:.2} s, left after {:.2} s",
        reached.as_secs_f64(),
        left.duration_since(since).as_secs_f64()
    );
    assert!(knows_the_endpoint(&second));
    runtime.block_on(device.stop());
}

/// Whether a cloud's registrar has the endpoint.
fn knows_the_endpoint(cloud: &Cloud) -> bool {
    binding(cloud, "7001").contains("Address: sip:7001@")
}
