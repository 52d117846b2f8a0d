//! The Debian package: built by `cargo deb` around the program under test, installed into a Debian of its own, started by hand,
//! removed and purged.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use peers::{Program, available, skip};
use rustix::process::{Pid, Signal, getuid, kill_process};

const PATIENCE: Duration = Duration::from_secs(30);
/// The most exposure that the unit may have, in tenths of the points of `systemd-analyze security`.
const EXPOSURE_MAX: u32 = 18;
const UNIT: &str = include_str!("../package/oyez-endpoint.service");

/// Runs a command to its end and returns what it printed.
#[expect(clippy::panic, reason = "a step that fails fails the test")]
fn done(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    said
}

/// The command line that the unit starts, without the program.
fn arguments() -> Vec<&'static str> {
    let line = UNIT.lines().find_map(|line| line.strip_prefix("ExecStart="));
    let mut words = line.unwrap().split(' ');
    assert_eq!(words.next(), Some("/usr/bin/oyez-endpoint"));
    words.collect()
}

/// The package, with the program that this test was built with.
fn built(folder: &Path) -> PathBuf {
    let target = folder.join("target");
    fs::create_dir_all(target.join("release")).unwrap();
    let program = env!("CARGO_BIN_EXE_oyez-endpoint");
    fs::copy(program, target.join("release/oyez-endpoint")).unwrap();
    let package = folder.join("oyez-endpoint.deb");
    let output = package.to_str().unwrap();
    let mut cargo = Command::new("cargo");
    cargo
        .args([
            "deb",
            "--no-build",
            "--fast",
            "--package",
            "oyez-endpoint",
            "--output",
            output,
        ])
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    done(&mut cargo);
    package
}

/// What the package depends on: `dpkg` installs nothing by itself.
const NEEDED: &str = "--include=adduser,ca-certificates";

/// A Debian in a folder.
struct Debian(PathBuf);

impl Debian {
    fn make(root: PathBuf) -> Self {
        let name = root.to_str().unwrap();
        done(Command::new("debootstrap").args(["--variant=minbase", NEEDED, "bookworm", name]));
        Self(root)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn inside(&self, arguments: &[&str]) -> String {
        let mut chroot = Command::new("chroot");
        chroot
            .arg(&self.0)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        done(&mut chroot)
    }

    /// Starts what the unit starts, as the user that it starts it as.
    fn start(&self) -> Program {
        let mut chroot = Command::new("chroot");
        chroot
            .arg("--userspec=oyez-endpoint:oyez-endpoint")
            .arg(&self.0)
            .arg("/usr/bin/oyez-endpoint")
            .args(arguments())
            .args(["--web", "127.0.0.1:0"]);
        Program::start(&mut chroot)
    }

    /// Owner, group and rights.
    fn rights(&self, path: &str) -> (u32, u32, u32) {
        let metadata = fs::metadata(self.path(path)).unwrap();
        (
            metadata.uid(),
            metadata.gid(),
            metadata.permissions().mode() & 0o7777,
        )
    }

    /// Every file, but for what dpkg and adduser keep for themselves.
    fn files(&self) -> BTreeSet<PathBuf> {
        let kept = ["var/lib/dpkg", "var/log", "var/cache", "proc", "sys", "dev"].map(|path| self.path(path));
        let mut found = BTreeSet::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let path = entry.path();
                if kept.contains(&path) {
                    continue;
                }
                if entry.file_type().unwrap().is_dir() {
                    folders.push(path.clone());
                }
                found.insert(path);
            }
        }
        found
    }
}

#[test]
fn the_package_is_installed_started_removed_and_purged() {
    if !available(&["debootstrap", "cargo-deb"]) {
        return;
    }
    if !getuid().is_root() {
        skip("a Debian in a folder is made by root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let package = built(folder.path());
    let debian = Debian::make(folder.path().join("debian"));
    let before = debian.files();
    fs::copy(&package, debian.path("endpoint.deb")).unwrap();

    debian.inside(&["dpkg", "--install", "/endpoint.deb"]);

    let id = |what: &str| {
        debian
            .inside(&["id", what, "oyez-endpoint"])
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    let (user, group) = (id("-u"), id("-g"));
    assert!((100..1000).contains(&user), "a user of the system");
    assert_eq!(debian.rights("var/lib/oyez-endpoint"), (user, group, 0o700));
    assert_eq!(
        debian.rights("etc/oyez-endpoint/endpoint.conf"),
        (0, group, 0o640)
    );
    assert!(debian.path("usr/share/man/man1/oyez-endpoint-run.1.gz").exists());
    for completion in [
        "bash-completion/completions/oyez-endpoint",
        "zsh/vendor-completions/_oyez-endpoint",
        "fish/vendor_completions.d/oyez-endpoint.fish",
    ] {
        assert!(debian.path("usr/share").join(completion).exists(), "{completion}");
    }
    let wanted = "etc/systemd/system/multi-user.target.wants/oyez-endpoint.service";
    assert!(debian.path(wanted).is_symlink(), "it starts with the machine");

    let mut program = debian.start();
    program.wait_for(&["claim code: "], PATIENCE);
    let status = debian.inside(&[
        "oyez-endpoint",
        "status",
        "--state",
        "/var/lib/oyez-endpoint",
        "--json",
    ]);
    assert!(status.contains("\"slots\""), "{status}");
    let id = i32::try_from(program.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    assert!(program.finish(PATIENCE), "{}", program.said());

    // What an administrator has written stays, whatever comes.
    let configuration = debian.path("etc/oyez-endpoint/endpoint.conf");
    fs::write(&configuration, "sip.u1.dname = hall\n").unwrap();
    debian.inside(&["dpkg", "--install", "/endpoint.deb"]);
    debian.inside(&["dpkg", "--remove", "oyez-endpoint"]);
    assert!(!debian.path("usr/bin/oyez-endpoint").exists());
    assert_eq!(
        fs::read_to_string(&configuration).unwrap(),
        "sip.u1.dname = hall\n"
    );
    assert!(debian.path("var/lib/oyez-endpoint/instance").exists());

    debian.inside(&["dpkg", "--purge", "oyez-endpoint"]);
    fs::remove_file(debian.path("endpoint.deb")).unwrap();
    let after = debian.files();
    let left: Vec<_> = after.difference(&before).collect();
    assert!(
        left.iter().all(|path| is_of_adduser(path)),
        "left behind: {left:?}"
    );
}

/// The lock of adduser, and the back-ups that it makes of the files it changes.
fn is_of_adduser(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    if name == "adduser" {
        return true;
    }
    ["passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-"].contains(&&*name)
}

#[test]
fn the_unit_is_sound_and_gives_the_program_no_more_than_it_needs() {
    if !available(&["systemd-analyze"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("oyez-endpoint.service");
    // The program and its manual are not installed here.
    let text = UNIT.replace("/usr/bin/oyez-endpoint", env!("CARGO_BIN_EXE_oyez-endpoint"));
    fs::write(&unit, text).unwrap();

    let said = done(
        Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&unit),
    );
    // It reads the machine's own units too, which are not ours to judge.
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("oyez-endpoint"))
        .collect();
    assert_eq!(ours, [""; 0], "a sound unit leaves nothing to say");

    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let said = done(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", &threshold])
            .arg(&unit),
    );
    println!("{}", said.trim().lines().last().unwrap());
}
