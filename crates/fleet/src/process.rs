//! Processes that are measured: what they have used, what they hold, and their end.
//!
//! A server may be one process with threads or a tree of processes; both are counted as a whole, so that unlike servers compare.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Time that a server has to end by itself before it is killed.
const LEAVE_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Processes of a tree at most; a server with more is not what is measured here.
const PROCESSES_MAX: usize = 256;

/// A server that ends, with all processes it has started, when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts `command`.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        Ok(Self {
            child: command.spawn()?,
        })
    }

    /// What the program writes, where its command says that it is piped; once.
    pub fn take_output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Processor time of all its processes so far.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn processor_time(&self) -> io::Result<Duration> {
        let processes = tree(self.child.id())?;
        processes
            .into_iter()
            .map(|process| processor_time(process.id))
            .sum()
    }

    /// Processor time of its threads of this name so far.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn thread_time(&self, name: &str) -> io::Result<Duration> {
        let threads = threads(self.child.id())?;
        let named = threads
            .into_iter()
            .filter(|thread| fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.trim() == name));
        named.map(|thread| schedule_time(&thread)).sum()
    }

    /// Memory that its processes hold, in bytes; what they share counts once.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn memory(&self) -> io::Result<u64> {
        let processes = tree(self.child.id())?;
        processes.into_iter().map(|process| memory(process.id)).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let processes = tree(self.child.id()).unwrap_or_default();
        signal("-TERM", &[self.child.id()]);
        let end = Instant::now() + LEAVE_MAX;
        while self.is_running() && Instant::now() < end {
            std::thread::park_timeout(LOOK_EVERY);
        }
        let left: Vec<u32> = processes
            .into_iter()
            .filter(|process| Process::read(process.id) == Some(*process))
            .map(|process| process.id)
            .collect();
        if !left.is_empty() {
            signal("-KILL", &left);
        }
        let _status = self.child.wait();
    }
}

fn signal(signal: &str, processes: &[u32]) {
    let ids = processes.iter().map(ToString::to_string);
    // A process that has gone meanwhile needs no signal; `kill` says so, and nobody has to read it.
    let _status = Command::new("kill")
        .arg(signal)
        .args(ids)
        .stderr(Stdio::null())
        .status();
}

/// Processor time of the calling thread so far.
///
/// # Errors
///
/// When the system does not tell.
pub fn own_thread_time() -> io::Result<Duration> {
    schedule_time(Path::new("/proc/thread-self"))
}

/// A process, told apart from a later one of the same number by when it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    id: u32,
    parent: u32,
    /// In clock ticks since the system's start.
    started: u64,
}

impl Process {
    /// `None` for one that has ended, also where nobody has taken note of its end yet.
    fn read(id: u32) -> Option<Self> {
        Self::parse(id, &fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    /// Reads a line of `/proc/PID/stat`; the program's name before the fields may hold blanks and brackets.
    fn parse(id: u32, stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        Some(Self {
            id,
            parent: fields.next()?.parse().ok()?,
            started: fields.nth(17)?.parse().ok()?,
        })
    }
}

/// A process and all that descend from it.
fn tree(root: u32) -> io::Result<Vec<Process>> {
    let mut found: Vec<Process> = Process::read(root).into_iter().collect();
    let mut children_by_parent: BTreeMap<u32, Vec<Process>> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.parse().ok());
        // A process may end between the listing and the look.
        if let Some(process) = id.and_then(Process::read) {
            children_by_parent
                .entry(process.parent)
                .or_default()
                .push(process);
        }
    }
    let mut looked_at = 0;
    while let Some(parent) = found.get(looked_at).filter(|_| found.len() < PROCESSES_MAX) {
        let children = children_by_parent.remove(&parent.id).unwrap_or_default();
        found.extend(children);
        looked_at += 1;
    }
    Ok(found)
}

fn threads(process: u32) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(format!("/proc/{process}/task"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}

fn processor_time(process: u32) -> io::Result<Duration> {
    threads(process)?.iter().map(|thread| schedule_time(thread)).sum()
}

/// The time on a processor in `schedstat`: the same that `stat` gives in ticks of 10 ms, in nanoseconds.
fn schedule_time(folder: &Path) -> io::Result<Duration> {
    let text = fs::read_to_string(folder.join("schedstat"))?;
    let first = text
        .split_whitespace()
        .next()
        .and_then(|first| first.parse().ok());
    first.map(Duration::from_nanos).ok_or_else(|| unreadable(folder))
}

/// The proportional share in `smaps_rollup`.
fn memory(process: u32) -> io::Result<u64> {
    let folder = PathBuf::from(format!("/proc/{process}"));
    let text = fs::read_to_string(folder.join("smaps_rollup"))?;
    share_of(&text).ok_or_else(|| unreadable(&folder))
}

fn share_of(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn unreadable(folder: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{} says nothing that can be read", folder.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_and_start_are_read_behind_any_name() {
        let stat = "17 (a) b) S 4 17 17 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 9911 0 0";
        let process = Process::parse(17, stat).unwrap();
        assert_eq!((process.parent, process.started), (4, 9_911));
        assert_eq!(Process::parse(17, &stat.replace(" S ", " Z ")), None);
        assert_eq!(Process::parse(17, "17 (a"), None);
    }

    #[test]
    fn the_share_is_read_in_bytes() {
        let rollup = "5555-7fff ---p 00000000 00:00 0 [rollup]\nRss:  9 kB\nPss:  7 kB\nPss_Anon: 1 kB\n";
        assert_eq!(share_of(rollup), Some(7 * 1024));
    }

    #[test]
    fn a_server_is_measured_with_its_children_and_ends_when_dropped() {
        let mut command = Command::new("sh");
        let server = Server::start(command.args(["-c", "sleep 60 & sleep 60"])).unwrap();
        let id = server.child.id();
        let processes = loop {
            let processes = tree(id).unwrap();
            if processes.len() == 3 {
                break processes;
            }
            std::thread::yield_now();
        };
        assert!(server.memory().unwrap() > 0);
        assert!(server.processor_time().unwrap() > Duration::ZERO);

        drop(server);

        for process in processes {
            while Process::read(process.id) == Some(process) {
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_thread_is_found_by_its_name() {
        let mut command = Command::new("sh");
        let server = Server::start(command.args(["-c", "sleep 60; true"])).unwrap();
        while tree(server.child.id()).unwrap().len() < 2 {
            std::thread::yield_now();
        }
        assert!(server.thread_time("sh").unwrap() > Duration::ZERO);
        assert_eq!(server.thread_time("other").unwrap(), Duration::ZERO);
    }
}
