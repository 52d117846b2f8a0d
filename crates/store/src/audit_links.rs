//! The audit against whoever writes to the database itself: each entry carries what only the key beside the database makes of it and
//! of the link of the entry before, and the bounds of each list are sealed with the same key. Without the key nothing can be changed,
//! removed, put in, moved or cut off unseen. Who puts a whole earlier state back, with its bounds, is seen by the process that knows
//! where its lists ended; what another process has kept is seen by who keeps its checkpoints elsewhere.

use std::collections::BTreeMap;

use model::AccountId;
use model::inventory::{AuditEntry, Timestamp};

use crate::engine::{Kind, Row, Value};
use crate::history::AUDIT_MAX;
use crate::history::audit_columns;
use crate::seal::Sealer;
use crate::stored::{Columns, moment};
use crate::transaction::{Scope, StoreError, Transaction};

/// Entries that are verified at a time.
const PART: usize = 1_000;
/// What the first entry of a list is linked to.
const NOTHING: [u8; 32] = [0; 32];

/// A list of the audit; each is linked and pruned by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditList {
    /// What people did.
    People,
    /// What programs did.
    Programs,
    /// What somebody has to look at.
    Alarms,
}

impl AuditList {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::People, Self::Programs, Self::Alarms];

    /// What stands for it in the column `by_program`, and in what is linked.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::People => 0,
            Self::Programs => 1,
            Self::Alarms => 2,
        }
    }
}

/// What was found where the audit was gone through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditVerified {
    /// Entries that fit.
    pub entries: u64,
    /// When the first of them was kept.
    pub since: Option<Timestamp>,
    /// Entries of before there were links, of which nothing can be said.
    pub unlinked: u64,
    /// When the last of these was kept.
    pub unlinked_until: Option<Timestamp>,
    /// Where the lists end.
    pub ends: Vec<AuditEnd>,
    /// The first thing that does not fit.
    pub fault: Option<AuditFault>,
}

/// Where a list ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEnd {
    /// Of which list.
    pub list: AuditList,
    /// The place of the last entry: how many were kept since there are links.
    pub place: i64,
    /// What only the key makes of the last entry and all before it.
    pub link: Vec<u8>,
}

/// What a list has at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditPlace {
    /// An entry with this link, or one that went as the last before those that are there.
    Link(Vec<u8>),
    /// Nothing any more: the entry went because later ones came.
    Gone,
    /// Nothing: the list ends before, or the entry was removed.
    Missing,
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// Where a list begins and ends is not known: that was removed or changed.
    Bounds(AuditList),
    /// An entry was changed or put there, or what stood before it was changed, removed or moved.
    Entry {
        /// Its number in the database.
        id: i64,
        /// The entry as it stands there.
        entry: AuditEntry,
    },
    /// The end is missing.
    End {
        /// Of which list.
        list: AuditList,
        /// How many entries.
        missing: u64,
    },
}

/// Where a list begins and ends.
struct Bounds {
    unlinked_before: i64,
    pruned: Linked,
    last: Linked,
}

/// A place in a list and what the next one is linked to.
#[derive(Clone, Debug)]
pub(crate) struct Linked {
    place: i64,
    link: Vec<u8>,
}

/// Where lists end.
pub(crate) type AuditEnds = BTreeMap<(AccountId, AuditList), Linked>;

impl Linked {
    fn nothing() -> Self {
        Self {
            place: 0,
            link: NOTHING.to_vec(),
        }
    }
}

/// What is kept of an entry.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) entry: &'a AuditEntry,
    /// The device that an alarm is about.
    pub(crate) device: Option<&'a str>,
}

/// An entry as it stands in the database.
pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) entry: AuditEntry,
    device: Option<String>,
    link: Option<Linked>,
    /// What only the key makes of an alarm that was dismissed.
    dismissed: Option<Vec<u8>>,
}

impl Stored {
    fn content(&self) -> Content<'_> {
        Content {
            entry: &self.entry,
            device: self.device.as_deref(),
        }
    }
}

/// Octets that can be of one sequence of values alone.
#[derive(Default)]
struct Encoding(Vec<u8>);

impl Encoding {
    fn number(mut self, number: i64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn octets(mut self, octets: &[u8]) -> Self {
        self.0
            .extend(u64::try_from(octets.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.extend(octets);
        self
    }

    fn entry(self, entry: &AuditEntry) -> Self {
        self.number(i64::try_from(entry.at.0).unwrap_or(i64::MAX))
            .octets(entry.by.as_bytes())
            .octets(entry.action.as_bytes())
            .octets(entry.detail.as_bytes())
    }
}

impl Transaction<'_> {
    /// Has the process know where the lists end that it finds.
    pub(crate) async fn learn_audit_ends(&mut self) -> Result<(), StoreError> {
        for id in self.account_ids().await? {
            for list in AuditList::ALL {
                let mut scope = self.account(&id);
                if let Some(bounds) = scope.bounds(list).await? {
                    scope.note_end(list, &bounds.last);
                }
            }
        }
        Ok(())
    }
}

impl Scope<'_, '_> {
    /// Begins lists of an account; what is there already stays without links.
    pub(crate) async fn begin_audit(&mut self, lists: &[AuditList]) -> Result<(), StoreError> {
        for list in lists {
            let sql = "SELECT MAX(id) FROM audit WHERE account = $1 AND by_program = $2";
            let values = [self.id(), list.number().into()];
            let row = self.transaction.row(sql, &values).await?;
            let last = row.map_or(Ok(None), |row| Columns::of("audit", row).number_or_null::<i64>())?;
            if last.is_some() {
                tracing::warn!(
                    account = self.account.as_str(),
                    ?list,
                    "a list of the audit begins to be linked; of the entries that are there already nothing can be said"
                );
            }
            let bounds = Bounds {
                unlinked_before: last.map_or(i64::MIN, |last| last.saturating_add(1)),
                pruned: Linked::nothing(),
                last: Linked::nothing(),
            };
            let sql = "INSERT INTO audit_bounds (account, by_program, unlinked_before, pruned, pruned_link, last, last_link, seal) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
            let values = self.bounds_values(*list, bounds);
            self.transaction.execute(sql, &values).await?;
        }
        Ok(())
    }

    /// Keeps an entry; the oldest of its list goes when there is too much. Where the bounds of the list were tampered with the list stays
    /// one that does not fit.
    pub(crate) async fn keep_audit(
        &mut self,
        content: Content<'_>,
        list: AuditList,
    ) -> Result<(), StoreError> {
        let Some(mut bounds) = self.bounds(list).await? else {
            return self.keep_without_bounds(content, list).await;
        };
        bounds.last = self.linked_after(&bounds.last, list, content);
        self.insert_audit(content, list, Some(&bounds.last)).await?;
        self.prune_audit(list, &mut bounds).await?;
        self.note_end(list, &bounds.last);
        let sql = "UPDATE audit_bounds SET unlinked_before = $3, pruned = $4, pruned_link = $5, last = $6, last_link = $7, seal = $8 \
                   WHERE account = $1 AND by_program = $2";
        let values = self.bounds_values(list, bounds);
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Keeps an entry of a list whose bounds were tampered with. It is linked to the end that this process knows, and is the end from
    /// then on: bounds that are put back fit it, and miss it once it is removed. Where no end is known it gets no link.
    async fn keep_without_bounds(&mut self, content: Content<'_>, list: AuditList) -> Result<(), StoreError> {
        tracing::error!(
            account = self.account.as_str(),
            ?list,
            "where a list of the audit begins and ends was removed or changed by something else than this program"
        );
        let Some(known) = self.known_end(list).cloned() else {
            self.insert_audit(content, list, None).await?;
            return self.prune_without_bounds(list).await;
        };
        let last = self.linked_after(&known, list, content);
        self.insert_audit(content, list, Some(&last)).await?;
        self.note_end(list, &last);
        let sql = "DELETE FROM audit WHERE account = $1 AND by_program = $2 AND place = $3";
        let too_old = last.place.saturating_sub(AUDIT_MAX);
        let values = [self.id(), list.number().into(), too_old.into()];
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// The place of an entry that comes after another, and its link.
    fn linked_after(&self, before: &Linked, list: AuditList, content: Content<'_>) -> Linked {
        let place = before.place.saturating_add(1);
        let octets = self.encoded(list, (&before.link, place), content);
        let link = self.sealer().link(&octets);
        Linked { place, link }
    }

    async fn insert_audit(
        &mut self,
        Content { entry, device }: Content<'_>,
        list: AuditList,
        linked: Option<&Linked>,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit (account, at, by, action, detail, by_program, place, link, device) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let values = [
            self.id(),
            moment(entry.at),
            entry.by.as_str().into(),
            entry.action.as_str().into(),
            entry.detail.as_str().into(),
            list.number().into(),
            linked.map_or(Value::Null(Kind::Integer), |linked| linked.place.into()),
            linked.map_or(Value::Null(Kind::Octets), |linked| linked.link.clone().into()),
            device.into(),
        ];
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Removes the oldest entry past the limit, by its place alone: rows that something else puts into the list make none go. It has to
    /// fit what went before it, or what was done to it would be sealed away: one that does not fit stays, and the next beside it goes,
    /// so that a list that was tampered with stays one that does not fit and grows no further.
    async fn prune_audit(&mut self, list: AuditList, bounds: &mut Bounds) -> Result<(), StoreError> {
        let too_old = bounds.last.place.saturating_sub(AUDIT_MAX);
        let oldest = bounds.pruned.place.saturating_add(1);
        if too_old >= 0 {
            // As many entries with links have come after those of before there were links.
            let sql = "DELETE FROM audit WHERE account = $1 AND by_program = $2 AND place IS NULL AND link IS NULL AND id < $3";
            let values = [self.id(), list.number().into(), bounds.unlinked_before.into()];
            self.transaction.execute(sql, &values).await?;
        }
        if oldest > too_old {
            return Ok(());
        }
        let sql = "SELECT id, at, by, action, detail, device, place, link, dismissed FROM audit \
                   WHERE account = $1 AND by_program = $2 AND place = $3 ORDER BY id LIMIT 1";
        let values = [self.id(), list.number().into(), oldest.into()];
        // What cannot be read was not written by this program.
        let found = self.transaction.row(sql, &values).await?;
        let found = found.and_then(|row| stored(row).ok());
        let next = found.map(|stored| (stored.id, self.next_of(list, bounds, &bounds.pruned, &stored)));
        if let Some((id, Next::Linked(linked))) = next {
            let sql = "DELETE FROM audit WHERE account = $1 AND id = $2";
            self.transaction.execute(sql, &[self.id(), id.into()]).await?;
            bounds.pruned = linked;
        } else if too_old > oldest {
            let sql = "DELETE FROM audit WHERE account = $1 AND by_program = $2 AND place = $3";
            let values = [self.id(), list.number().into(), too_old.into()];
            self.transaction.execute(sql, &values).await?;
        }
        Ok(())
    }

    /// Removes the oldest entries without a link past the limit, where there are no bounds that tell more of the list.
    async fn prune_without_bounds(&mut self, list: AuditList) -> Result<(), StoreError> {
        let sql = "DELETE FROM audit WHERE account = $1 AND by_program = $2 AND place IS NULL AND id <= \
                   (SELECT id FROM audit WHERE account = $1 AND by_program = $2 AND place IS NULL ORDER BY id DESC LIMIT 1 OFFSET $3)";
        let values = [self.id(), list.number().into(), AUDIT_MAX.into()];
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Goes through the audit of the account, up to the first thing in each list that does not fit.
    ///
    /// # Errors
    ///
    /// When the database fails, or holds what cannot be read.
    pub async fn verify_audit(&mut self) -> Result<AuditVerified, StoreError> {
        let mut verified = AuditVerified::default();
        for list in AuditList::ALL {
            let fault = self.verify_list(list, &mut verified).await?;
            verified.fault = verified.fault.or(fault);
        }
        if verified.fault.is_none() {
            let sql = "SELECT id, at, by, action, detail, device, place, link, dismissed FROM audit \
                       WHERE account = $1 AND by_program NOT IN (0, 1, 2) ORDER BY id LIMIT 1";
            let row = self.transaction.row(sql, &[self.id()]).await?;
            let of_no_list = row.map(stored).transpose()?;
            verified.fault = of_no_list.map(|Stored { id, entry, .. }| AuditFault::Entry { id, entry });
        }
        Ok(verified)
    }

    /// What a list has at a place; whether it fits there is another question.
    ///
    /// # Errors
    ///
    /// When the database fails, or holds what cannot be read.
    pub async fn audit_place(&mut self, list: AuditList, place: i64) -> Result<AuditPlace, StoreError> {
        let Some(bounds) = self.bounds(list).await? else {
            return Ok(AuditPlace::Missing);
        };
        if place < bounds.pruned.place {
            return Ok(AuditPlace::Gone);
        }
        if place == bounds.pruned.place {
            return Ok(AuditPlace::Link(bounds.pruned.link));
        }
        let sql = "SELECT link FROM audit WHERE account = $1 AND by_program = $2 AND place = $3 ORDER BY id LIMIT 1";
        let values = [self.id(), list.number().into(), place.into()];
        let row = self.transaction.row(sql, &values).await?;
        let link = row.map_or(Ok(None), |row| Columns::of("audit", row).octets_or_null())?;
        Ok(link.map_or(AuditPlace::Missing, AuditPlace::Link))
    }

    async fn verify_list(
        &mut self,
        list: AuditList,
        verified: &mut AuditVerified,
    ) -> Result<Option<AuditFault>, StoreError> {
        let Some(bounds) = self.bounds(list).await? else {
            return Ok(Some(AuditFault::Bounds(list)));
        };
        let Linked { place, link } = bounds.last.clone();
        verified.ends.push(AuditEnd { list, place, link });
        let sql = "SELECT id, at, by, action, detail, device, place, link, dismissed FROM audit \
                   WHERE account = $1 AND by_program = $2 AND id >= $3 ORDER BY id LIMIT $4";
        let part = i64::try_from(PART).unwrap_or(i64::MAX);
        let mut before = bounds.pruned.clone();
        let mut from = Some(i64::MIN);
        while let Some(first) = from {
            let values = [self.id(), list.number().into(), first.into(), part.into()];
            let rows = self.transaction.rows(sql, &values).await?;
            from = None;
            let is_last_part = rows.len() < PART;
            for row in rows {
                let stored = stored(row)?;
                from = stored.id.checked_add(1).filter(|_| !is_last_part);
                match self.next_of(list, &bounds, &before, &stored) {
                    Next::Linked(linked) => {
                        before = linked;
                        verified.entries = verified.entries.saturating_add(1);
                        let at = stored.entry.at;
                        verified.since = Some(verified.since.map_or(at, |since| since.min(at)));
                    }
                    Next::Unlinked => {
                        verified.unlinked = verified.unlinked.saturating_add(1);
                        verified.unlinked_until = verified.unlinked_until.max(Some(stored.entry.at));
                    }
                    Next::Misfit => {
                        let Stored { id, entry, .. } = stored;
                        return Ok(Some(AuditFault::Entry { id, entry }));
                    }
                }
            }
        }
        let missing = bounds.last.place.saturating_sub(before.place);
        Ok((before.link != bounds.last.link).then(|| AuditFault::End {
            list,
            missing: u64::try_from(missing).unwrap_or(0),
        }))
    }

    /// Judges an entry by the link before it.
    fn next_of(&self, list: AuditList, bounds: &Bounds, before: &Linked, stored: &Stored) -> Next {
        let is_dismissed_by_another = stored.dismissed.as_ref().is_some_and(|mark| {
            let octets = self.encoded_dismissal(stored);
            !self.sealer().is_link(&octets, mark)
        });
        if is_dismissed_by_another {
            return Next::Misfit;
        }
        let Some(linked) = &stored.link else {
            let is_of_before = stored.id < bounds.unlinked_before;
            return if is_of_before {
                Next::Unlinked
            } else {
                Next::Misfit
            };
        };
        let octets = self.encoded(list, (&before.link, linked.place), stored.content());
        let is_next = before.place.checked_add(1) == Some(linked.place);
        if is_next && self.sealer().is_link(&octets, &linked.link) {
            Next::Linked(linked.clone())
        } else {
            Next::Misfit
        }
    }

    fn note_end(&mut self, list: AuditList, last: &Linked) {
        let ends = &mut self.transaction.audit_ends;
        ends.insert((self.account.clone(), list), last.clone());
    }

    /// Where a list ends as far as this process knows.
    fn known_end(&self, list: AuditList) -> Option<&Linked> {
        let of_list = (self.account.clone(), list);
        let with_this = self.transaction.audit_ends.get(&of_list);
        with_this.or_else(|| self.transaction.audit_ends_known.get(&of_list))
    }

    /// The bounds of a list; none where they are missing or their seal is not of this key. Where this process knows of a later end, that
    /// is it: an earlier state was put back, and what comes is linked to what is missing.
    async fn bounds(&mut self, list: AuditList) -> Result<Option<Bounds>, StoreError> {
        let sql = "SELECT unlinked_before, pruned, pruned_link, last, last_link, seal FROM audit_bounds \
                   WHERE account = $1 AND by_program = $2";
        let values = [self.id(), list.number().into()];
        let Some(row) = self.transaction.row(sql, &values).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of("audit_bounds", row);
        let mut bounds = Bounds {
            unlinked_before: columns.integer()?,
            pruned: linked(&mut columns)?,
            last: linked(&mut columns)?,
        };
        let is_sealed = self
            .sealer()
            .is_link(&self.encoded_bounds(list, &bounds), &columns.octets()?);
        let known = self.known_end(list);
        if let Some(known) = known.filter(|known| known.place > bounds.last.place) {
            bounds.last.clone_from(known);
        }
        Ok(is_sealed.then_some(bounds))
    }

    fn bounds_values(&self, list: AuditList, bounds: Bounds) -> [Value; 8] {
        let seal = self.sealer().link(&self.encoded_bounds(list, &bounds));
        [
            self.id(),
            list.number().into(),
            bounds.unlinked_before.into(),
            bounds.pruned.place.into(),
            bounds.pruned.link.into(),
            bounds.last.place.into(),
            bounds.last.link.into(),
            seal.into(),
        ]
    }

    fn encoded_bounds(&self, list: AuditList, bounds: &Bounds) -> Vec<u8> {
        self.encoding(b"bounds", list)
            .number(bounds.unlinked_before)
            .number(bounds.pruned.place)
            .octets(&bounds.pruned.link)
            .number(bounds.last.place)
            .octets(&bounds.last.link)
            .0
    }

    fn encoded(&self, list: AuditList, (before, place): (&[u8], i64), content: Content<'_>) -> Vec<u8> {
        let Content { entry, device } = content;
        let encoded = self.encoding(b"entry", list).octets(before).number(place);
        let encoded = encoded.entry(entry);
        match device {
            Some(device) => encoded.octets(device.as_bytes()).0,
            None => encoded.0,
        }
    }

    /// What only the key makes of an alarm that was dismissed.
    pub(crate) fn dismissal(&self, alarm: &Stored) -> Vec<u8> {
        self.sealer().link(&self.encoded_dismissal(alarm))
    }

    fn encoded_dismissal(&self, alarm: &Stored) -> Vec<u8> {
        let link = alarm.link.as_ref().map_or(&[][..], |linked| &linked.link);
        let encoded = self.encoding(b"dismissed", AuditList::Alarms).octets(link);
        encoded.entry(&alarm.entry).0
    }

    fn encoding(&self, what: &[u8], list: AuditList) -> Encoding {
        Encoding::default()
            .octets(what)
            .octets(self.account.as_str().as_bytes())
            .number(list.number())
    }

    fn sealer(&self) -> &Sealer {
        self.transaction.sealer()
    }
}

/// What an entry is to the one before it.
enum Next {
    Linked(Linked),
    Unlinked,
    Misfit,
}

/// The columns `id`, `at`, `by`, `action`, `detail`, `device`, `place`, `link` and `dismissed`.
pub(crate) fn stored(row: Row) -> Result<Stored, StoreError> {
    let mut columns = Columns::of("audit", row);
    Ok(Stored {
        id: columns.integer()?,
        entry: audit_columns(&mut columns)?,
        device: columns.text_or_null()?,
        link: linked_or_null(&mut columns)?,
        dismissed: columns.octets_or_null()?,
    })
}

fn linked(columns: &mut Columns) -> Result<Linked, StoreError> {
    Ok(Linked {
        place: columns.integer()?,
        link: columns.octets()?,
    })
}

/// A place and a link; none where both are missing, and one that fits nowhere where one is.
fn linked_or_null(columns: &mut Columns) -> Result<Option<Linked>, StoreError> {
    let place = columns.number_or_null()?;
    let link = columns.octets_or_null()?;
    Ok((place.is_some() || link.is_some()).then(|| Linked {
        place: place.unwrap_or(0),
        link: link.unwrap_or_default(),
    }))
}
