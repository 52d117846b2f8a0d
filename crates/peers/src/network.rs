//! A network for one test: an internet, and homes behind address translation.
//!
//! ```text
//!        internet (the test's own threads; the servers' address is on its loopback)
//!            |                                |
//!         router: masquerade, no way in    router
//!            |                                |
//!         home 192.168.1.2                 home 192.168.1.2
//! ```
//!
//! The test program is started once more, in network, mount and process namespaces that the kernel takes away with the last
//! process in them: nothing is left behind, however a test ends. Root is not needed where user namespaces are permitted.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{available, skip};

/// Set for the test program that runs inside.
const INSIDE: &str = "OYEZ_TEST_NETWORK";
/// Where `ip netns` keeps its namespaces (ip-netns(8)).
const NAMESPACES: &str = "/run/netns";
/// Ways to get namespaces: as root, or as the root of a user namespace.
const WAYS: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];
/// Namespaces of the test: the process namespace ends all that a test has started.
const UNSHARED: [&str; 5] = ["--net", "--mount", "--pid", "--fork", "--kill-child"];

/// The internet of one test.
#[derive(Debug)]
pub struct Internet {
    homes: u8,
}

/// The direction in which packets are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// On the way to a port.
    Into,
    /// On the way from it.
    OutOf,
}

/// A private network behind a router with address translation.
#[derive(Debug)]
pub struct Home {
    namespace: String,
    /// The public address of its router.
    pub public_address: IpAddr,
}

impl Internet {
    /// The address of servers, reached from every home (RFC 5737).
    pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

    /// Runs `test`, the full name of the calling test, once more inside an internet of its own. There it returns the
    /// internet; to the test that was called it returns `None` when the other has passed or has to be skipped.
    ///
    /// # Panics
    ///
    /// When the test fails inside, does not exist, or has to be skipped although `OYEZ_REQUIRE_PEERS=1` is set.
    #[expect(clippy::print_stdout, reason = "what the test says inside is said outside")]
    pub fn enter(test: &str) -> Option<Self> {
        if std::env::var_os(INSIDE).is_some() {
            return Some(Self::prepare());
        }
        if !available(&["unshare", "mount", "ip", "nft"]) {
            return None;
        }
        let Some(way) = WAYS.iter().find(|way| is_permitted(way)) else {
            skip("network namespaces are not permitted here");
            return None;
        };
        let program = std::env::current_exe().expect("a test program knows its file");
        let output = unshare(way)
            .arg(program)
            .args(["--exact", test, "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .expect("a program that was just started is started again");
        let said = String::from_utf8_lossy(&output.stdout);
        print!("{said}");
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{test} failed inside its network:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        None
    }

    /// Loses everything that goes into TCP port `port` of this machine, or that comes out of it, from now on.
    ///
    /// # Panics
    ///
    /// When the system refuses it.
    pub fn cut(&self, way: Way, port: u16) {
        let end = match way {
            Way::Into => "dport",
            Way::OutOf => "sport",
        };
        let rules = format!(
            "table inet cut {{\n    chain input {{\n        type filter hook input priority filter\n        \
             tcp {end} {port} drop\n    }}\n}}\n"
        );
        pipe("nft", &["-f", "-"], &rules);
    }

    /// Loses nothing any more.
    ///
    /// # Panics
    ///
    /// When nothing was cut.
    pub fn mend(&self) {
        run("nft", &["delete", "table", "inet", "cut"]);
    }

    fn prepare() -> Self {
        // The names of namespaces are files, which other tests must not see.
        run("mount", &["-t", "tmpfs", "tmpfs", "/run"]);
        run("ip", &["link", "set", "lo", "up"]);
        run("ip", &["address", "add", &Self::SERVER.to_string(), "dev", "lo"]);
        Self { homes: 0 }
    }

    /// Makes a home; all have the same private addresses.
    ///
    /// # Panics
    ///
    /// When the system refuses a part of it.
    pub fn add_home(&mut self) -> Home {
        let number = self.homes;
        self.homes += 1;
        let (router, home) = (format!("router-{number}"), format!("home-{number}"));
        // A network of four addresses: the provider's end and the router's (RFC 5737).
        let provider = Ipv4Addr::new(198, 51, 100, number * 4 + 1);
        let public = Ipv4Addr::new(198, 51, 100, number * 4 + 2);
        let script = format!(
            "netns add {router}\n\
             netns add {home}\n\
             link add wan-{number} type veth peer name wan netns {router}\n\
             link add lan-{number} type veth peer name lan netns {router}\n\
             link set lan-{number} netns {home} name eth0\n\
             address add {provider}/30 dev wan-{number}\n\
             link set wan-{number} up\n"
        );
        pipe("ip", &["-batch", "-"], &script);
        within(&router, || {
            let script = format!(
                "address add {public}/30 dev wan\naddress add 192.168.1.1/24 dev lan\n\
                 link set wan up\nlink set lan up\nroute add default via {provider}\n"
            );
            pipe("ip", &["-batch", "-"], &script);
            fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("a router of one's own forwards");
            pipe("nft", &["-f", "-"], ROUTER_RULES);
        });
        within(&home, || {
            let script = "link set lo up\naddress add 192.168.1.2/24 dev eth0\nlink set eth0 up\n\
                          route add default via 192.168.1.1\n";
            pipe("ip", &["-batch", "-"], script);
        });
        Home {
            namespace: home,
            public_address: IpAddr::V4(public),
        }
    }
}

/// Ports change on the way out, and only answers come in.
const ROUTER_RULES: &str = r#"
table ip home {
    chain translate {
        type nat hook postrouting priority srcnat
        oifname "wan" masquerade fully-random
    }
    chain forward {
        type filter hook forward priority filter; policy drop
        iifname "lan" accept
        ct state established,related accept
    }
}
"#;

impl Home {
    /// The address of every home's only machine.
    pub const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2));

    /// Does `act` at home: sockets that it opens, and threads and programs that it starts, are there.
    ///
    /// # Panics
    ///
    /// When `act` does.
    pub fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        within(&self.namespace, act)
    }
}

/// A thread belongs to a namespace, and what it starts does too; so `act` gets a thread of its own.
fn within<T: Send>(namespace: &str, act: impl FnOnce() -> T + Send) -> T {
    let file = File::open(format!("{NAMESPACES}/{namespace}")).expect("a namespace that was made has a name");
    let entered = || {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("a namespace of one's own can be entered");
        act()
    };
    thread::scope(|scope| scope.spawn(entered).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn unshare(way: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(way).args(UNSHARED);
    command
}

fn is_permitted(way: &[&str]) -> bool {
    unshare(way)
        .args(["mount", "-t", "tmpfs", "tmpfs", "/run"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn run(program: &str, arguments: &[&str]) {
    pipe(program, arguments, "");
}

/// Runs a program with `input` on its standard input.
fn pipe(program: &str, arguments: &[&str], input: &str) {
    let done = || -> io::Result<bool> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        Ok(child.wait()?.success())
    };
    assert!(
        done().expect("a program that was found is started"),
        "{program} {arguments:?} failed with this input:\n{input}"
    );
}
