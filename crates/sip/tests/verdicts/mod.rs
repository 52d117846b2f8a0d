//! Runs a directory of recorded messages against the table of verdicts in its README.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests state what they expect by unwrapping it"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sip::framing::{Framed, FramingError, Side, StreamFramer};
use sip::message::Message;

/// One row of a README: what must come of one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The size of the file, so that no tool changes its octets unnoticed.
    pub(crate) octets: usize,
    /// As one UDP datagram: `valid`, `drop` or a status, and what is wrong.
    pub(crate) datagram: String,
    /// As the whole content of a stream: what it yields, and how it ends.
    pub(crate) stream: String,
}

/// Asserts that the directory holds exactly the files of its table, and that each has its verdict.
pub(crate) fn assert_verdicts(directory: &str) {
    let directory = directory_of(directory);
    let expected = table(&fs::read_to_string(directory.join("README.md")).unwrap());
    let found: BTreeMap<String, Verdict> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                judge(&fs::read(&path).unwrap()),
            )
        })
        .collect();
    for (file, verdict) in &expected {
        assert_eq!(found.get(file), Some(verdict), "{file}");
    }
    let files = |map: &BTreeMap<String, Verdict>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(files(&found), files(&expected));
}

/// The octets of one recorded message.
pub(crate) fn octets(directory: &str, file: &str) -> Vec<u8> {
    fs::read(directory_of(directory).join(file)).unwrap()
}

/// One recorded message as it comes in a datagram.
pub(crate) fn message(directory: &str, file: &str) -> Message {
    Message::parse_datagram(octets(directory, file)).unwrap()
}

fn directory_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Reads the rows whose first cell is a file name: file, octets, section, datagram, stream, layer above.
fn table(readme: &str) -> BTreeMap<String, Verdict> {
    let cells = |line: &str| {
        line.split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect::<Vec<_>>()
    };
    readme
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(cells)
        .map(|cells| {
            let verdict = Verdict {
                octets: cells[2].parse().unwrap(),
                datagram: cells[4].clone(),
                stream: cells[5].clone(),
            };
            (cells[1].clone(), verdict)
        })
        .collect()
}

fn judge(octets: &[u8]) -> Verdict {
    let datagram = match Message::parse_datagram(octets.to_vec()) {
        Ok(message) => {
            assert!(
                octets.starts_with(message.as_bytes()),
                "what comes in goes out as it was"
            );
            of_message(&message)
        }
        Err(error) => of_error(&error),
    };
    Verdict {
        octets: octets.len(),
        datagram,
        stream: of_stream(octets),
    }
}

fn of_message(message: &Message) -> String {
    match message.validate() {
        Ok(()) => "valid".to_owned(),
        Err(offence) => match offence.status() {
            Some(status) => format!("{status}: {offence}"),
            None => format!("drop: {offence}"),
        },
    }
}

fn of_error(error: &FramingError) -> String {
    match error.status() {
        Some(status) => format!("{status}: {error}"),
        None => format!("drop: {error}"),
    }
}

fn of_stream(octets: &[u8]) -> String {
    let mut framer = StreamFramer::new(Side::Accepted);
    framer.push(octets);
    let mut outcome = Vec::new();
    loop {
        match framer.next() {
            Ok(Some(Framed::Message(message))) if message.validate().is_ok() => outcome.push("valid"),
            Ok(Some(Framed::Message(_))) => outcome.push("offence"),
            Ok(Some(Framed::Ping)) => outcome.push("ping"),
            Ok(Some(Framed::Pong)) => outcome.push("pong"),
            Ok(None) => {
                outcome.extend(framer.is_within_message().then_some("waits"));
                return outcome.join(", ");
            }
            Err(error) => {
                outcome.push(if error.status().is_some() {
                    "answers and closes"
                } else {
                    "closes"
                });
                return outcome.join(", ");
            }
        }
    }
}
