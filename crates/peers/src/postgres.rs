//! PostgreSQL, in a folder of its own and reached through a socket in it.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Program, skip};

/// Where Debian has the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The user of a database who is asked for a password; others are not.
pub const GUARDED_USER: &str = "guarded";
/// The port of a server that is told none.
const STANDARD_PORT: u16 = 5_432;
/// The user that Debian's package makes; the server refuses to run as root.
const USER: &str = "postgres";
/// Longest wait for a start, which after a crash reads the log of the database.
const PATIENCE: Duration = Duration::from_secs(60);
/// Runs the server until it is told to end or its input does, which is a pipe of the test: so nothing is left where a test has ended
/// without ending its server.
const GUARDED: &str = r#"
    folder=$1
    shift
    exec 3<&0
    "$@" </dev/null 3<&- &
    server=$!
    cat <&3
    kill -QUIT "$server"
    wait "$server"
    rm -rf -- "$folder"
"#;

/// Runs what follows with a disk of so many octets at a folder of its own, which nothing else sees and which ends with it; as a user.
const ON_SMALL_DISK: &str = r#"
    size=$1 user=$2 group=$3 folder=$4
    shift 4
    mount -t tmpfs -o "size=$size,uid=$user,gid=$group,mode=0700" none "$folder"
    exec setpriv --reuid="$user" --regid="$group" --clear-groups "$@"
"#;
/// The folder of that disk.
const SMALL: &str = "small";

/// A running server. It is ended with this value, or with the process that holds it.
#[derive(Debug)]
pub struct Postgres {
    program: Program,
    programs: PathBuf,
    folder: TempDir,
    databases: AtomicU32,
    /// The port that it listens at over TLS, besides its socket.
    encrypted: Option<u16>,
    /// The octets of a disk that it has besides.
    small_disk: Option<u64>,
}

impl Postgres {
    /// Starts a server without a database; none where PostgreSQL is missing: then the test is skipped.
    ///
    /// # Panics
    ///
    /// When it does not start, or is missing and `OYEZ_REQUIRE_PEERS=1` is set.
    pub fn start() -> Option<Self> {
        Self::start_with(None)
    }

    /// Starts a server that has a disk of so many octets besides, on which [`Postgres::create_database_on_small_disk`] puts a
    /// database; none where PostgreSQL is missing, or nothing can be mounted: then the test is skipped.
    ///
    /// # Panics
    ///
    /// As [`Postgres::start`] does.
    pub fn start_with_small_disk(octets: u64) -> Option<Self> {
        let mut mount = Command::new("unshare");
        mount.args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]);
        if !is_root() || !mount.output().is_ok_and(|done| done.status.success()) {
            skip("no disk can be mounted here; run as root with the right to mount");
            return None;
        }
        Self::start_with(Some(octets))
    }

    fn start_with(small_disk: Option<u64>) -> Option<Self> {
        let Some(programs) = programs() else {
            skip("PostgreSQL is missing; `cargo xtask peers` installs it");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("oyez-postgres").tempdir();
        let folder = folder.expect("a folder can be made");
        if is_root() {
            let (user, group) = user();
            chown(folder.path(), Some(user), Some(group)).expect("root gives a folder away");
        }
        fs::create_dir(folder.path().join(SMALL)).expect("the folder is there");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("the folder is there");
        let made = as_user(&programs.join("initdb"))
            .args([
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--username",
                USER,
            ])
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .output()
            .expect("initdb can be started");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let rules = format!("local all {GUARDED_USER} scram-sha-256\nlocal all all trust\n");
        fs::write(folder.path().join("data/pg_hba.conf"), rules).expect("initdb has made the file");
        Some(Self {
            program: serve(&programs, folder.path(), None, small_disk),
            programs,
            folder,
            databases: AtomicU32::new(0),
            encrypted: None,
            small_disk,
        })
    }

    /// Has the server listen at a port of the loopback address as well, where it speaks over TLS alone and shows a certificate.
    /// Returns the port.
    ///
    /// # Panics
    ///
    /// When it does not start again.
    pub fn encrypt(&mut self, certificate: &str, key: &str) -> u16 {
        let data = self.folder.path().join("data");
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = data.join(name);
            fs::write(&file, text).expect("the folder is there");
            fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("the file is there");
            if is_root() {
                let (user, group) = user();
                chown(&file, Some(user), Some(group)).expect("root gives a file away");
            }
        }
        let rules = data.join("pg_hba.conf");
        let known = fs::read_to_string(&rules).expect("the file is there");
        fs::write(rules, format!("{known}hostssl all all 127.0.0.1/32 trust\n")).expect("the file is there");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("there are free ports").port();
        self.encrypted = Some(port);
        self.crash();
        self.start_again();
        port
    }

    /// Makes a database and returns its address.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn create_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.query("postgres", &format!("CREATE DATABASE {name}"));
        self.address(&name)
    }

    /// Makes a database on the small disk and returns its address.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn create_database_on_small_disk(&self) -> String {
        let folder = self.folder.path().join(SMALL);
        self.query(
            "postgres",
            &format!("CREATE TABLESPACE {SMALL} LOCATION '{}'", folder.display()),
        );
        self.query(
            "postgres",
            &format!("CREATE DATABASE test_{SMALL} TABLESPACE {SMALL}"),
        );
        self.address(&format!("test_{SMALL}"))
    }

    /// The address of a database.
    pub fn address(&self, database: &str) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{folder}:{}/{database}", self.port())
    }

    /// The port, which also names the socket.
    fn port(&self) -> u16 {
        self.encrypted.unwrap_or(STANDARD_PORT)
    }

    /// Has the server carry something out in a database, and returns what it says.
    ///
    /// # Panics
    ///
    /// When it refuses.
    pub fn query(&self, database: &str, sql: &str) -> String {
        let done = as_user(&self.programs.join("psql"))
            .args([
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
            ])
            .args([
                "--username",
                USER,
                "--dbname",
                database,
                "--command",
                sql,
                "--port",
                &self.port().to_string(),
                "--host",
            ])
            .arg(self.folder.path())
            .output()
            .expect("psql can be started");
        assert!(
            done.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Ends the server at once, as a crash does: nothing is written any more. Returns when it has gone.
    ///
    /// # Panics
    ///
    /// When it has gone before.
    pub fn crash(&mut self) {
        kill_process(self.pid().expect("the server runs"), Signal::QUIT).expect("the server runs");
        self.program.wait_for(&["database system is shut down"], PATIENCE);
    }

    /// Starts the server again after a crash.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.program = serve(
            &self.programs,
            self.folder.path(),
            self.encrypted,
            self.small_disk,
        );
    }

    /// Stops all that the server does in the middle, its connections included.
    ///
    /// # Panics
    ///
    /// When it has gone.
    pub fn freeze(&self) {
        self.signal_all(Signal::STOP);
    }

    /// Lets a frozen server go on.
    ///
    /// # Panics
    ///
    /// When it has gone.
    pub fn thaw(&self) {
        self.signal_all(Signal::CONT);
    }

    fn signal_all(&self, signal: Signal) {
        let server = self.pid().expect("the server runs");
        let children = format!("/proc/{0}/task/{0}/children", server.as_raw_nonzero());
        let children = fs::read_to_string(children).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        for pid in std::iter::once(server).chain(children.filter_map(Pid::from_raw)) {
            // A child may end by itself meanwhile.
            let _sent = kill_process(pid, signal);
        }
    }

    /// The process that all others of the server are children of.
    fn pid(&self) -> Option<Pid> {
        let file = self.folder.path().join("data/postmaster.pid");
        let text = fs::read_to_string(file).ok()?;
        Pid::from_raw(text.lines().next()?.parse().ok()?)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self
            .pid()
            .is_some_and(|pid| kill_process(pid, Signal::QUIT).is_ok())
        {
            self.program.wait_for(&["database system is shut down"], PATIENCE);
        }
    }
}

fn serve(programs: &Path, folder: &Path, encrypted: Option<u16>, small_disk: Option<u64>) -> Program {
    let mut command = match small_disk {
        None => as_user(Path::new("/bin/sh")),
        Some(octets) => {
            let (user, group) = user();
            let mut command = Command::new("unshare");
            command.current_dir("/");
            command.args(["--mount", "/bin/sh", "-e", "-c", ON_SMALL_DISK, "sh"]);
            command.args([octets, user.into(), group.into()].map(|number| number.to_string()));
            command.arg(folder.join(SMALL)).arg("/bin/sh");
            command
        }
    };
    command
        .args(["-c", GUARDED, "sh"])
        .arg(folder)
        .arg(programs.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-c", "unix_socket_permissions=0777", "-k"])
        .arg(folder);
    match encrypted {
        Some(port) => {
            let port = format!("port={port}");
            command.args(["-c", "listen_addresses=127.0.0.1", "-c", "ssl=on", "-c", &port]);
        }
        None => {
            command.args(["-c", "listen_addresses="]);
        }
    }
    let mut program = Program::start(&mut command);
    program.wait_for(&["database system is ready to accept connections"], PATIENCE);
    program
}

/// The programs of the newest version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
    let numbered = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let programs = version.path().join("bin");
        programs.join("initdb").is_file().then_some((number, programs))
    });
    numbered.max().map(|(_, programs)| programs)
}

fn as_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if is_root() {
        let (user, group) = user();
        command.uid(user).gid(group);
    }
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The ids of the package's user and its group.
fn user() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("there are users");
    let ids = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(USER);
        let (user, group) = (fields.nth(1)?, fields.next()?);
        is_it.then(|| Some((user.parse().ok()?, group.parse().ok()?)))?
    });
    ids.expect("the package has made its user")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_is_there_after_a_crash_and_nothing_is_left_in_the_end() {
        let Some(mut server) = Postgres::start() else {
            return;
        };
        server.create_database();
        server.query("test_0", "CREATE TABLE t (n INTEGER)");
        server.query("test_0", "INSERT INTO t VALUES (7)");
        server.crash();
        server.start_again();
        assert_eq!(server.query("test_0", "SELECT n FROM t"), "7");
        let (folder, pid) = (server.folder.path().to_owned(), server.pid().unwrap());
        drop(server);
        assert!(!folder.exists());
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
        assert!(status.is_err() || status.unwrap().contains("State:\tZ"));
    }
}
