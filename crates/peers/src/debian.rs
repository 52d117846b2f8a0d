//! A Debian in a folder, and packages that are installed into it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Program;

/// The programs that have to be there.
pub const DEBIAN_PROGRAMS: &[&str] = &["debootstrap", "cargo-deb"];

/// What packages of ours depend on: `dpkg` installs nothing by itself.
const NEEDED: &str = "--include=adduser,ca-certificates";

/// Runs a command to its end and returns what it printed.
///
/// # Panics
///
/// When it fails: what it printed is shown.
pub fn done(command: &mut Command) -> String {
    let output = command.output().expect("the command can be started");
    let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    said
}

/// Makes the package `name`, whose manifest lies in `crate_folder`, around a program that has been built, in `folder`.
///
/// # Panics
///
/// When it cannot be made.
pub fn debian_package(name: &str, crate_folder: &Path, program: &Path, folder: &Path) -> PathBuf {
    let target = folder.join(format!("target-{name}"));
    fs::create_dir_all(target.join("release")).expect("a folder can be made");
    fs::copy(program, target.join("release").join(name)).expect("the program can be copied");
    let package = folder.join(format!("{name}.deb"));
    let mut cargo = Command::new("cargo");
    cargo
        .args(["deb", "--no-build", "--fast", "--package", name, "--output"])
        .arg(&package)
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(crate_folder);
    done(&mut cargo);
    package
}

/// A Debian in a folder.
#[derive(Debug)]
pub struct Debian(PathBuf);

impl Debian {
    /// Makes it of the packages that every Debian has, and of those that ours depend on. Only root can.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn make(root: PathBuf) -> Self {
        let mut debootstrap = Command::new("debootstrap");
        debootstrap
            .args(["--variant=minbase", NEEDED, "bookworm"])
            .arg(&root);
        done(&mut debootstrap);
        Self(root)
    }

    /// Where something inside lies for those outside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Runs a command inside as root and returns what it printed.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn inside(&self, arguments: &[&str]) -> String {
        let mut chroot = Command::new("chroot");
        chroot
            .arg(&self.0)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        done(&mut chroot)
    }

    /// Installs a package file.
    ///
    /// # Panics
    ///
    /// When it cannot be installed.
    pub fn install(&self, package: &Path) {
        fs::copy(package, self.path("package.deb")).expect("the package can be copied");
        self.inside(&["dpkg", "--install", "/package.deb"]);
        fs::remove_file(self.path("package.deb")).expect("the copy is there");
    }

    /// A command inside, as a user who has a group of the same name.
    pub fn command(&self, user: &str, line: &[&str]) -> Command {
        let mut chroot = Command::new("chroot");
        chroot
            .arg(format!("--userspec={user}:{user}"))
            .arg(&self.0)
            .args(line);
        chroot
    }

    /// Starts what a unit starts, as the user that it names, with some more arguments.
    ///
    /// # Panics
    ///
    /// When the unit names none, or it cannot be started.
    pub fn start(&self, unit: &str, more: &[&str]) -> Program {
        let value = |key: &str| {
            let found = unit.lines().find_map(|line| line.strip_prefix(key));
            found.expect("the unit names it")
        };
        let line: Vec<&str> = value("ExecStart=")
            .split(' ')
            .chain(more.iter().copied())
            .collect();
        Program::start(&mut self.command(value("User="), &line))
    }

    /// The number of a user or group: `what` is an option of `id`.
    ///
    /// # Panics
    ///
    /// When there is no such user.
    pub fn id(&self, what: &str, user: &str) -> u32 {
        let said = self.inside(&["id", what, user]);
        said.trim().parse().expect("id prints a number")
    }

    /// Owner, group and rights.
    ///
    /// # Panics
    ///
    /// When there is no such file.
    pub fn rights(&self, path: &str) -> (u32, u32, u32) {
        let metadata = fs::metadata(self.path(path)).expect("the file is there");
        (
            metadata.uid(),
            metadata.gid(),
            metadata.permissions().mode() & 0o7777,
        )
    }

    /// Every file, but for what dpkg and adduser keep for themselves.
    ///
    /// # Panics
    ///
    /// When the folders cannot be read.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let kept = ["var/lib/dpkg", "var/log", "var/cache", "proc", "sys", "dev"].map(|path| self.path(path));
        let mut found = BTreeSet::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the folder can be read") {
                let entry = entry.expect("the folder can be read");
                let path = entry.path();
                if kept.contains(&path) {
                    continue;
                }
                if entry.file_type().expect("it is there").is_dir() {
                    folders.push(path.clone());
                }
                found.insert(path);
            }
        }
        found
    }
}

/// Judges a unit by `systemd-analyze`: it is sound, and exposes no more than so many tenths of a point. `program` stands in for the
/// one that is not installed here.
///
/// # Panics
///
/// When it is not.
pub fn assert_unit_is_tight(name: &str, text: &str, program: &Path, exposure_max: u32) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let unit = folder.path().join(format!("{name}.service"));
    let installed = format!("/usr/bin/{name}");
    let text = text.replace(&installed, &program.display().to_string());
    fs::write(&unit, text).expect("the unit can be written");
    let said = done(
        Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&unit),
    );
    // It reads the machine's own units too, which are not ours to judge.
    let file = format!("{name}.service");
    let ours: Vec<&str> = said.lines().filter(|line| line.contains(&file)).collect();
    assert!(ours.is_empty(), "a sound unit leaves nothing to say: {ours:?}");
    let threshold = format!("--threshold={exposure_max}");
    done(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", &threshold])
            .arg(&unit),
    );
}
