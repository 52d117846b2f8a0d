//! The foreign programs that interoperability tests start: Debian's packages, installed without starting a daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{cargo, root, run};

/// Debian packages of the peers, each with what the tests use it for.
const PACKAGES: &[(&str, &str)] = &[
    ("baresip-core", "the real phone: TLS, SRTP, G.711, G.722 and Opus"),
    ("openssl", "what the documented client of the REST API signs with"),
    ("chromium", "the browser that the web pages are tested with"),
    ("chromium-driver", "what drives the browser"),
    ("curl", "the other side of the REST API"),
    ("debootstrap", "a Debian in a folder, to install the package into"),
    ("espeak-ng", "speech for the pages that phones place"),
    (
        "ffmpeg",
        "the other end of multicast zones and of G.722, in both directions",
    ),
    ("faketime", "a clock that is wrong"),
    ("iproute2", "network namespaces for the NAT tests"),
    ("kamailio", "the foreign service"),
    ("kamailio-tls-modules", "the foreign service's TLS"),
    (
        "libasound2",
        "ALSA, with devices that play into a file or nowhere",
    ),
    (
        "libasound2-plugins",
        "what lets a phone that knows ALSA play into the sound server",
    ),
    ("libspandsp2", "the other G.722, in both directions"),
    ("libsrtp2-1", "the other SRTP, in both directions"),
    ("linphone-cli", "a second real phone"),
    ("nftables", "address translation in the NAT tests"),
    ("postgresql-15", "the other database of the service"),
    ("pulseaudio", "a sound server, with an output that is recorded"),
    ("pulseaudio-utils", "what records the sound server's output"),
    ("python3-venv", "where what reads the API's document is installed"),
    ("rsyslog", "the foreign log server"),
    ("rsyslog-gnutls", "the foreign log server's TLS"),
    ("sip-tester", "SIPp scenarios over UDP and TCP"),
    ("sipsak", "small requests by hand"),
    ("systemd", "what judges the package's unit"),
];

/// What builds the package of the endpoint, and the version that is known to.
const CARGO_DEB: (&str, &str) = ("cargo-deb", "3.8.0");

/// What asks every operation of the API's document, and the version that is known to; it lies in [`SCHEMATHESIS_FOLDER`].
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// Where it lies, in the root folder.
const SCHEMATHESIS_FOLDER: &str = "target/schemathesis";

/// What judges pages by the rules of accessibility that a program can judge: its file in the npm registry, and the SHA-512 that it is held to.
const AXE: (&str, &str) = (
    "axe-core@4.14.1",
    "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5",
);
/// Where it lies, in the root folder.
const AXE_FOLDER: &str = "target/axe-core";
/// The packed file there, whatever its version.
const AXE_FILE: &str = "axe-core.tgz";

/// Asks `invoke-rc.d` (see its manual page) to start nothing while packages are configured.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs every peer through `apt-get`; needs root and Debian.
///
/// # Errors
///
/// When this is no Debian, the caller is not root, or a package cannot be installed.
pub fn install_peers() -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "the peers are Debian packages and there is no apt-get here; install by hand: {}",
            names().join(" ")
        );
    }
    let policy = Policy::set()?;
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    let installed = run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(names())
        .env("DEBIAN_FRONTEND", "noninteractive"));
    policy.unset()?;
    installed.context(
        "the peers are not all installed; run this as root, with Debian's package sources reachable",
    )?;
    install_cargo_deb()?;
    install_schemathesis()?;
    install_axe()
}

/// Fetches the file and takes what it holds only if it is the one that is known.
fn install_axe() -> Result<()> {
    let (package, sum) = AXE;
    let folder = root().join(AXE_FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let fetched = Command::new(npm()?)
        .args(["pack", "--silent", "--pack-destination", ".", package])
        .current_dir(&folder)
        .output()
        .with_context(|| format!("cannot fetch {package}"))?;
    let name = String::from_utf8_lossy(&fetched.stdout).trim().to_owned();
    let packed = folder.join(AXE_FILE);
    fs::rename(folder.join(&name), &packed).with_context(|| {
        let said = String::from_utf8_lossy(&fetched.stderr);
        format!("npm did not give {package}: {said}")
    })?;
    let summed = Command::new("sha512sum").arg(&packed).output()?;
    if !String::from_utf8_lossy(&summed.stdout).starts_with(sum) {
        bail!("{package} is another than the one that is known; nothing of it is taken");
    }
    run(Command::new("tar")
        .args(["--extract", "--gzip", "--file", AXE_FILE])
        .current_dir(&folder))
}

/// The client of the npm registry: the machine's, or Debian's, which brings a great deal along and is asked for only where there is none.
fn npm() -> Result<&'static str> {
    let there = Command::new("npm").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        run(Command::new("apt-get")
            .args(["install", "-y", "-qq", "--no-install-recommends", "npm"])
            .env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok("npm")
}

fn install_schemathesis() -> Result<()> {
    let folder = root().join(SCHEMATHESIS_FOLDER);
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(folder.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        SCHEMATHESIS,
    ]))
}

fn install_cargo_deb() -> Result<()> {
    let (name, version) = CARGO_DEB;
    let there = Command::new(name).arg("--version").output();
    if there.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(version)) {
        return Ok(());
    }
    cargo(&["install", "--locked", "--version", version, name])
}

fn names() -> Vec<&'static str> {
    PACKAGES.iter().map(|(name, _)| *name).collect()
}

/// The policy file, made here unless the machine has one of its own.
struct Policy {
    ours: bool,
}

impl Policy {
    fn set() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n")
            .and_then(|()| fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {POLICY}; run this as root"))?;
        Ok(Self { ours: true })
    }

    fn unset(self) -> Result<()> {
        if self.ours {
            fs::remove_file(POLICY).with_context(|| format!("cannot remove {POLICY}"))?;
        }
        Ok(())
    }
}
