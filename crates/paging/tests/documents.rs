//! The table of docs/precedence.md is what the arbiter does.
#![expect(clippy::panic, reason = "helpers of tests fail the test")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use paging::{Arbiter, Class, Effect, Refusal, SoundId};

/// What stands before and behind the table.
const BEGIN: &str =
    "<!-- The table is written by `OYEZ_WRITE_DOCS=1 cargo test -p paging --test documents`. -->\n";
const END: &str = "<!-- end of the table -->\n";

const FIRST: SoundId = SoundId(1);
const SECOND: SoundId = SoundId(2);

#[test]
fn the_table_of_precedence_is_what_the_arbiter_does() {
    let text = fs::read_to_string(document()).unwrap();
    let (before, rest) = text
        .split_once(BEGIN)
        .expect("the beginning of the table is marked");
    let (found, after) = rest.split_once(END).expect("the end of the table is marked");
    let right = table();
    if std::env::var_os("OYEZ_WRITE_DOCS").is_some() {
        fs::write(document(), format!("{before}{BEGIN}{right}{END}{after}")).unwrap();
        return;
    }
    assert!(
        found == right,
        "docs/precedence.md is not what the arbiter does; run\n  OYEZ_WRITE_DOCS=1 cargo test -p paging --test documents"
    );
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/precedence.md")
}

fn table() -> String {
    let mut text = "\n| Sounds \\ begins |".to_owned();
    for class in Class::ALL {
        write!(text, " {class} |").expect("a string can be written");
    }
    text.push_str("\n| --- |");
    text.push_str(&" --- |".repeat(Class::ALL.len()));
    text.push('\n');
    for first in Class::ALL {
        write!(text, "| **{first}** |").expect("a string can be written");
        for second in Class::ALL {
            write!(text, " {} |", outcome(first, second)).expect("a string can be written");
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

fn outcome(first: Class, second: Class) -> String {
    let mut arbiter = Arbiter::default();
    arbiter.request(FIRST, first);
    match arbiter.request(SECOND, second)[..] {
        [Effect::Stop { .. }, Effect::Start(SECOND)] => "ends it".to_owned(),
        [Effect::Suspend(FIRST), Effect::Start(SECOND)] => "is heard, and it goes on afterwards".to_owned(),
        [Effect::Duck(FIRST), Effect::Start(SECOND)] => "is heard, and it goes on quietly".to_owned(),
        [
            Effect::Refuse {
                refusal: refusal @ Refusal::Busy { .. },
                ..
            },
        ] => format!("is refused ({})", refusal.status()),
        [Effect::Suspend(SECOND)] => "waits".to_owned(),
        [Effect::Start(SECOND), Effect::Duck(SECOND)] => "is heard quietly".to_owned(),
        ref other => panic!("{second} over {first}: {other:?}"),
    }
}
