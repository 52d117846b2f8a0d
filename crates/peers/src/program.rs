//! A foreign program as a child process.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Lines kept for a reader that is behind.
const LINES_KEPT: usize = 4_096;

/// Whether every one of `programs` is on the path; says so when a test has to be skipped.
///
/// # Panics
///
/// When one is missing and `OYEZ_REQUIRE_PEERS=1` is set.
pub fn available(programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|program| !on_path(program))
        .collect();
    if missing.is_empty() {
        return true;
    }
    skip(&format!(
        "these programs are missing: {}; `cargo xtask peers` installs them",
        missing.join(", ")
    ));
    false
}

/// Environment variable that names the file in which skipped tests are listed, a line each.
pub const SKIPPED_LIST: &str = "OYEZ_SKIPPED_LIST";

/// Says that the test that calls it is skipped and why: on standard error, also where the test harness keeps back what
/// a passing test prints, and in the file that [`SKIPPED_LIST`] names.
///
/// # Panics
///
/// When `OYEZ_REQUIRE_PEERS=1` is set, or the list cannot be written.
pub fn skip(why: &str) {
    let required = std::env::var_os("OYEZ_REQUIRE_PEERS").is_some_and(|value| value == "1");
    assert!(!required, "{why}");
    // The harness names the thread of a test after it.
    let line = match thread::current().name() {
        Some(test) if test != "main" => format!("{test}: {why}\n"),
        Some(_) | None => format!("{why}\n"),
    };
    // `eprint!` would be captured.
    let shown = std::io::stderr().write_all(format!("skipped {line}").as_bytes());
    shown.expect("standard error takes a line");
    if let Some(list) = std::env::var_os(SKIPPED_LIST) {
        let mut list = File::options()
            .append(true)
            .create(true)
            .open(list)
            .expect("the list of skipped tests can be opened");
        // One write: other tests append at the same time.
        list.write_all(line.as_bytes())
            .expect("the list of skipped tests can be written");
    }
}

/// Builds the program of `package` as the program at `beside` was built, whose place it shares: cargo does so by itself
/// only for tests of the same package.
///
/// # Panics
///
/// When it cannot be built.
pub fn build_program(package: &str, beside: &Path) -> PathBuf {
    let folder = beside.parent().expect("a program lies in a folder");
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--locked", "--package", package])
        .args(["--profile", profile])
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "{package} cannot be built"
    );
    folder.join(package)
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = [
        Path::new("/usr/sbin").to_owned(),
        Path::new("/usr/bin").to_owned(),
    ];
    std::env::split_paths(&path)
        .chain(usual)
        .any(|folder| folder.join(program).is_file())
}

/// A running foreign program; it is ended with this value.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    /// Its exit has been collected, so its id may be another's.
    has_finished: bool,
}

impl Program {
    /// Starts `command` with its output read line by line.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A server forks; its workers are ended with it.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic_start(command, &error));
        let (sender, lines) = sync_channel(LINES_KEPT);
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child
                .stdout
                .take()
                .map(|output| Box::new(output) as Box<dyn Read + Send>),
            child
                .stderr
                .take()
                .map(|output| Box::new(output) as Box<dyn Read + Send>),
        ];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut reader = BufReader::new(output);
                let mut line = Vec::new();
                while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                    if sender.send(last_written(&line)).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
        Self {
            child,
            lines,
            seen: Vec::new(),
            has_finished: false,
        }
    }

    /// The word that follows `begin` in what the program prints; waits until it is there.
    ///
    /// # Panics
    ///
    /// When it is not printed in good time.
    pub fn told(&mut self, begin: &str, patience: Duration) -> String {
        let line = self.wait_for(&[begin], patience);
        let rest = line.split_once(begin).map_or("", |(_, rest)| rest);
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// Waits for a line that contains one of `words` and returns it.
    ///
    /// # Panics
    ///
    /// When none comes within `patience` or the program ends: all it said is shown.
    #[expect(clippy::panic, reason = "a peer that does not do its part fails the test")]
    pub fn wait_for(&mut self, words: &[&str], patience: Duration) -> String {
        let end = Instant::now() + patience;
        loop {
            match self
                .lines
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if words.iter().any(|word| line.contains(word)) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!(
                    "no line with {words:?} in {patience:?}; it said:\n{}",
                    self.said()
                ),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended before a line with {words:?}; it said:\n{}", self.said())
                }
            }
        }
    }

    /// Waits until the program ends by itself; true if its exit code is 0.
    ///
    /// # Panics
    ///
    /// When it still runs after `patience`.
    #[expect(clippy::panic, reason = "a peer that does not do its part fails the test")]
    pub fn finish(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            match self
                .lines
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("still running after {patience:?}; it said:\n{}", self.said())
                }
            }
        }
        self.has_finished = true;
        self.child.wait().is_ok_and(|status| status.success())
    }

    /// Writes a line to the program's standard input.
    ///
    /// # Panics
    ///
    /// When the program has gone.
    pub fn write_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("the input is piped");
        writeln!(input, "{line}")
            .and_then(|()| input.flush())
            .expect("the program reads its input");
    }

    /// Everything the program has printed and this side has read.
    pub fn said(&self) -> String {
        self.seen.join("\n")
    }

    /// Stops the program and what it has forked in the middle of what they do.
    ///
    /// # Panics
    ///
    /// When it has gone.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen program go on.
    ///
    /// # Panics
    ///
    /// When it has gone.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let group = group.expect("a process has an id");
        kill_process_group(group, signal).expect("the program runs");
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

/// What a terminal would show of a line in the end: programs draw their progress with carriage returns, and print bytes
/// that are no UTF-8.
fn last_written(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    text.rsplit('\r').next().unwrap_or(text).to_owned()
}

#[expect(clippy::panic, reason = "a peer that cannot be started fails the test")]
fn panic_start(command: &Command, error: &std::io::Error) -> ! {
    panic!("cannot start {command:?}: {error}")
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.has_finished {
            return;
        }
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if group.is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok()) {
            let _ended = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{Program, available};

    #[test]
    fn lines_are_awaited_and_the_end_is_seen() {
        let mut program = Program::start(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"]));
        program.wait_for(&["one"], Duration::from_secs(5));
        assert!(!program.finish(Duration::from_secs(5)));
    }

    #[test]
    fn what_a_program_has_forked_ends_with_it() {
        let mut program = Program::start(Command::new("sh").args(["-c", "sleep 600 & echo forked $!; wait"]));
        let line = program.wait_for(&["forked "], Duration::from_secs(5));
        let status = format!("/proc/{}/status", line.trim_start_matches("forked "));
        let is_running =
            || std::fs::read_to_string(&status).is_ok_and(|status| !status.contains("State:\tZ"));
        assert!(is_running());
        drop(program);
        let end = Instant::now() + Duration::from_secs(5);
        while is_running() && Instant::now() < end {
            std::thread::yield_now();
        }
        assert!(!is_running());
    }

    #[test]
    fn a_program_that_is_there_is_available() {
        assert!(available(&["sh"]));
    }
}
