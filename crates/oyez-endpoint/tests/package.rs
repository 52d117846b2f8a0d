//! The Debian package: built by `cargo deb` around the program under test, installed into a Debian of its own, started by hand,
//! removed and purged.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peers::{DEBIAN_PROGRAMS, Debian, assert_unit_is_tight, available, debian_package, skip};
use rustix::process::{Pid, Signal, getuid, kill_process};

const PATIENCE: Duration = Duration::from_secs(30);
/// The most exposure that the unit may have, in tenths of the points of `systemd-analyze security`.
const EXPOSURE_MAX: u32 = 18;
const UNIT: &str = include_str!("../package/oyez-endpoint.service");

/// The package, with the program that this test was built with.
fn built(folder: &Path) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_oyez-endpoint"));
    debian_package(
        "oyez-endpoint",
        Path::new(env!("CARGO_MANIFEST_DIR")),
        program,
        folder,
    )
}

#[test]
fn the_package_is_installed_started_removed_and_purged() {
    if !available(DEBIAN_PROGRAMS) {
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

    debian.install(&package);

    let (user, group) = (debian.id("-u", "oyez-endpoint"), debian.id("-g", "oyez-endpoint"));
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

    let mut program = debian.start(UNIT, &["--web", "127.0.0.1:0"]);
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
    debian.install(&package);
    debian.inside(&["dpkg", "--remove", "oyez-endpoint"]);
    assert!(!debian.path("usr/bin/oyez-endpoint").exists());
    assert_eq!(
        fs::read_to_string(&configuration).unwrap(),
        "sip.u1.dname = hall\n"
    );
    assert!(debian.path("var/lib/oyez-endpoint/instance").exists());

    debian.inside(&["dpkg", "--purge", "oyez-endpoint"]);
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
    let program = Path::new(env!("CARGO_BIN_EXE_oyez-endpoint"));
    assert_unit_is_tight("oyez-endpoint", UNIT, program, EXPOSURE_MAX);
}
