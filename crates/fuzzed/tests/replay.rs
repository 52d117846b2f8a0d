//! Every file of every corpus, and many mutations of it, through the function of its target.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

type Target = fn(&[u8]);

/// Mutations of each file.
const MUTATIONS: u64 = 500;
/// Changes of one mutation, at most.
const CHANGES_MAX: usize = 4;
/// Longest input, in octets: mutations grow a file, and each must stay cheap.
const LENGTH_MAX: usize = 8 * 1024;

macro_rules! replays {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(
        #[test]
        fn $name() {
            replay(stringify!($name), fuzzed::$name);
        }
        )*
    };
}

replays! { configuration digest directory rtcp rtp sdp sip_message srtp stream_framing stun uri }

#[test]
fn every_target_is_replayed_and_every_corpus_has_a_target() {
    let names: BTreeSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();

    assert_eq!(names_in("fuzz_targets"), names);
    assert_eq!(names_in("corpus"), names);
}

fn replay(name: &str, target: Target) {
    let files = corpus(name);
    for (place, path) in files.iter().enumerate() {
        let seed = fs::read(path).unwrap();
        let other = fs::read(&files[(place + 1) % files.len()]).unwrap();
        run(path, 0, &seed, target);
        for mutation in 1..=MUTATIONS {
            let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (mutation << 8) ^ place as u64);
            run(path, mutation, &mutated(&seed, &other, &mut random), target);
        }
    }
}

/// Names the file and the mutation of an input that a target does not survive.
fn run(path: &Path, mutation: u64, input: &[u8], target: Target) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        panic!(
            "{}, mutation {mutation}: {}",
            path.display(),
            input.escape_ascii()
        );
    }
}

fn mutated(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut octets = seed.to_vec();
    for _ in 0..=random.below(CHANGES_MAX) {
        let place = random.below(octets.len() + 1);
        let end = (place + random.below(16)).min(octets.len());
        match random.below(6) {
            0 if place < octets.len() => octets[place] ^= 1 << random.below(8),
            1 if place < octets.len() => octets[place] = b"\r\n \t\";,<>=%\\\0\xff:@"[random.below(16)],
            2 => drop(octets.drain(place..end)),
            3 => octets.truncate(place),
            4 => {
                let piece = octets[place..end].to_vec();
                octets.splice(place..place, piece);
            }
            _ => {
                let start = random.below(other.len() + 1);
                let stop = (start + random.below(32)).min(other.len());
                octets.splice(place..place, other[start..stop].iter().copied());
            }
        }
        octets.truncate(LENGTH_MAX);
    }
    octets
}

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = fuzz_folder().join("corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.filter(|path| path.is_file()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz_folder().join(folder)).unwrap();
    entries
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// Marsaglia's xorshift with 64 bits: the same numbers on every machine.
struct Random(u64);

impl Random {
    /// A number below `limit`, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}
