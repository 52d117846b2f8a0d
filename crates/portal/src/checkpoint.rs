//! Checkpoints of the audit: where its lists ended at a moment, in words that the log keeps and that are handed back to be compared.

use std::fmt;
use std::str::FromStr;

use store::{AuditEnd, AuditList, AuditPlace, Scope, StoreError};

use crate::audit_check::of;

/// Octets of a link that a checkpoint has.
const LINK_OCTETS: usize = 8;

/// Where the lists of an audit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint(Vec<Place>);

/// Where one of them ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    list: AuditList,
    place: i64,
    /// The beginning of the link of its last entry.
    link: [u8; LINK_OCTETS],
}

/// A text that is no checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCheckpoint {
    /// A part of it.
    #[error(
        "`{0}` is no place of a list; right would be a checkpoint as the log and the command print it, such as \
         \"people 97 5fb02d7c4e1a9088, programs 30 c11f3e0a7d52b694, alarms 1 08e7aa5310d9f26b\""
    )]
    Part(String),
    /// A list stands there twice.
    #[error("{0} stands there twice; give one checkpoint at a time")]
    Twice(&'static str),
}

impl Checkpoint {
    /// The checkpoint of where lists end.
    #[must_use]
    pub fn of(ends: &[AuditEnd]) -> Self {
        let place = |end: &AuditEnd| Place {
            list: end.list,
            place: end.place,
            link: beginning(&end.link),
        };
        Self(ends.iter().map(place).collect())
    }

    /// Says why the audit of an account does not contain it; none where it does.
    pub(crate) async fn missing_in(&self, scope: &mut Scope<'_, '_>) -> Result<Option<String>, StoreError> {
        let mut gone = None;
        for Place { list, place, link } in &self.0 {
            // Before its first entry each list is the same.
            if *place == 0 {
                continue;
            }
            let what = of(*list);
            let why = match scope.audit_place(*list, *place).await? {
                AuditPlace::Link(found) if beginning(&found) == *link => continue,
                AuditPlace::Link(_) => format!(
                    "entry {place} of {what} is another than the checkpoint's: an earlier state was put back and went on differently, or \
                     the checkpoint is of another service"
                ),
                AuditPlace::Missing => format!(
                    "entry {place} of {what} is missing: an earlier state was put back, or the checkpoint is of another service"
                ),
                // Another list may say more than that.
                AuditPlace::Gone => {
                    gone.get_or_insert_with(|| {
                        format!(
                            "entry {place} of {what} is older than what is kept, so that nothing can be said: compare with a later checkpoint"
                        )
                    });
                    continue;
                }
            };
            return Ok(Some(why));
        }
        Ok(gone)
    }
}

fn beginning(link: &[u8]) -> [u8; LINK_OCTETS] {
    link.first_chunk().copied().unwrap_or_default()
}

const fn name(list: AuditList) -> &'static str {
    match list {
        AuditList::People => "people",
        AuditList::Programs => "programs",
        AuditList::Alarms => "alarms",
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Place { list, place, link }) in self.0.iter().enumerate() {
            let before = if number == 0 { "" } else { ", " };
            write!(f, "{before}{} {place} ", name(*list))?;
            link.iter().try_for_each(|octet| write!(f, "{octet:02x}"))?;
        }
        Ok(())
    }
}

impl FromStr for Checkpoint {
    type Err = NoCheckpoint;

    fn from_str(text: &str) -> Result<Self, NoCheckpoint> {
        let mut places: Vec<Place> = Vec::new();
        for part in text.split(',') {
            let read = place_of(part).ok_or_else(|| NoCheckpoint::Part(part.trim().to_owned()))?;
            if places.iter().any(|known| known.list == read.list) {
                return Err(NoCheckpoint::Twice(name(read.list)));
            }
            places.push(read);
        }
        Ok(Self(places))
    }
}

fn place_of(part: &str) -> Option<Place> {
    let mut words = part.split_whitespace();
    let (list, place, digits) = (words.next()?, words.next()?, words.next()?);
    let list = AuditList::ALL.into_iter().find(|known| name(*known) == list)?;
    let is_link = digits.len() == 2 * LINK_OCTETS && digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    let link = is_link.then(|| u64::from_str_radix(digits, 16).ok()).flatten()?;
    let place = place.parse().ok().filter(|place| *place >= 0)?;
    words.next().is_none().then_some(Place {
        list,
        place,
        link: link.to_be_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use model::inventory::AuditEntry;
    use store::AUDIT_MAX;

    use super::*;
    use crate::alarms::tests::{account, done, opened};

    const TEXT: &str = "people 97 5fb02d7c4e1a9088, programs 30 c11f3e0a7d52b694, alarms 0 0000000000000000";

    #[test]
    fn a_checkpoint_is_read_as_it_is_printed() {
        let read: Checkpoint = TEXT.parse().unwrap();
        assert_eq!(read.to_string(), TEXT);
        let typed = " alarms  1 08E7AA5310D9F26B ".parse::<Checkpoint>().unwrap();
        assert_eq!(typed.to_string(), "alarms 1 08e7aa5310d9f26b");
    }

    #[test]
    fn a_text_that_is_no_checkpoint_is_named_with_what_would_be_right() {
        for wrong in [
            "",
            "people",
            "people 97",
            "people 97 5fb02d7c4e1a908",
            "people 97 5fb02d7c4e1a90888",
            "people 97 +fb02d7c4e1a9088",
            "people -1 5fb02d7c4e1a9088",
            "people 97 5fb02d7c4e1a9088 more",
            "cats 97 5fb02d7c4e1a9088",
            "people 97 5fb02d7c4e1a9088,",
        ] {
            let error = wrong.parse::<Checkpoint>().unwrap_err();
            assert!(matches!(error, NoCheckpoint::Part(_)), "{wrong}");
            assert!(error.to_string().contains("right would be"), "{error}");
        }
        let twice = format!("{TEXT}, people 97 5fb02d7c4e1a9088");
        assert_eq!(twice.parse::<Checkpoint>(), Err(NoCheckpoint::Twice("people")));
    }

    #[tokio::test]
    async fn w08_an_earlier_checkpoint_is_contained_and_one_of_a_state_that_is_there_no_more_is_not() {
        let ((_folder, store), account) = (opened().await, account());
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account.id);
        let mut checkpoints = Vec::new();
        for _ in 0..3 {
            let ends = scope.verify_audit().await.unwrap().ends;
            checkpoints.push(Checkpoint::of(&ends));
            scope.add_audit(&done()).await.unwrap();
        }
        for contained in &checkpoints {
            assert_eq!(
                contained.missing_in(&mut scope).await.unwrap(),
                None,
                "{contained}"
            );
        }
        writing.commit().await.unwrap();

        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account.id);
        let other = AuditEntry {
            detail: "something else".to_owned(),
            ..done()
        };
        scope.add_audit(&other).await.unwrap();
        let ends = scope.verify_audit().await.unwrap().ends;
        let uncommitted = Checkpoint::of(&ends);
        drop(writing);
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account.id);
        let missing = uncommitted.missing_in(&mut scope).await.unwrap().unwrap();
        assert!(
            missing.starts_with("entry 4 of what people did is missing"),
            "{missing}"
        );
        scope.add_audit(&done()).await.unwrap();
        let another = uncommitted.missing_in(&mut scope).await.unwrap().unwrap();
        assert!(
            another.starts_with("entry 4 of what people did is another"),
            "{another}"
        );
    }

    #[tokio::test]
    async fn w08_a_checkpoint_older_than_what_is_kept_says_nothing_unless_another_list_does() {
        let ((_folder, store), account) = (opened().await, account());
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account.id);
        let mut checkpoints = Vec::new();
        for place in 0..AUDIT_MAX + 2 {
            if place <= 2 {
                let ends = scope.verify_audit().await.unwrap().ends;
                checkpoints.push(Checkpoint::of(&ends));
            }
            scope.add_audit(&done()).await.unwrap();
        }
        let [begun, gone, last_gone] = checkpoints.as_slice() else {
            panic!("{checkpoints:?}");
        };

        for contained in [begun, last_gone] {
            let missing = contained.missing_in(&mut scope).await.unwrap();
            assert_eq!(missing, None, "{contained}");
        }
        let why = gone.missing_in(&mut scope).await.unwrap().unwrap();
        assert!(why.starts_with("entry 1 of what people did is older"), "{why}");
        let worse = format!("people 1 0000000000000000, alarms 7 {:016x}", 7);
        let worse: Checkpoint = worse.parse().unwrap();
        let why = worse.missing_in(&mut scope).await.unwrap().unwrap();
        assert!(
            why.starts_with("entry 7 of") && why.contains("is missing"),
            "{why}"
        );
    }
}
