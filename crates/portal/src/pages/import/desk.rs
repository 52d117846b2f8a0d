//! Files that were read and wait for a word.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use model::AccountId;
use model::inventory::import::{Names, Plan, Present, plan};
use model::inventory::{AdministratorId, Timestamp};
use tokio::task::spawn_blocking;

use super::super::gate::{PostedFile, Visitor};
use super::super::problem::Problem;
use super::super::{Site, chance, now};
use crate::lists;
use crate::provisioning::sha256;

/// Files that are kept: the oldest goes when another comes. Each takes its octets, and some more for what it would change.
const IMPORTS_MAX: usize = 4;
/// Characters of a file's name that are kept.
const FILE_NAME_MAX: usize = 80;

/// A file, and what it would change.
#[derive(Clone)]
pub(super) struct Import {
    pub(super) id: String,
    account: AccountId,
    owner: AdministratorId,
    pub(super) file_name: String,
    pub(super) source: Source,
    pub(super) names: Names,
    pub(super) plan: Plan,
    /// It was to be applied, and something else had changed meanwhile: it was compared anew.
    pub(super) is_behind: bool,
}

/// What a plan is made of besides the state that is there.
#[derive(Clone)]
pub(super) struct Source {
    file: Bytes,
    at: Timestamp,
    /// What ids are drawn from.
    seed: u128,
}

impl Source {
    /// Compares the file with what is there. It takes a moment, so it is done beside what answers requests.
    pub(super) async fn compare(&self, present: Arc<Present>) -> (Plan, Names) {
        let source = self.clone();
        let compared = spawn_blocking(move || {
            let names = Names::of(&present);
            let plan = match lists::read(&source.file) {
                Ok(rows) => plan(&rows, &present, source.at, &mut draws(source.seed)),
                Err(faults) => Plan {
                    faults,
                    ..Plan::default()
                },
            };
            (plan, names)
        });
        match compared.await {
            Ok(compared) => compared,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Draws from a seed: the same each time.
fn draws(seed: u128) -> impl FnMut() -> u128 {
    let mut count = 0_u64;
    move || {
        count += 1;
        let hash = sha256(&[&seed.to_le_bytes()[..], &count.to_le_bytes()[..]].concat());
        hash.0
            .first_chunk()
            .map_or(0, |octets| u128::from_le_bytes(*octets))
    }
}

impl Import {
    /// Reads a file, and compares it with what is there.
    pub(super) async fn of(site: &Site, by: &Visitor, file: PostedFile) -> Result<Self, Problem> {
        let mut reading = site.store().read().await?;
        let present = lists::present(&mut reading, &by.account).await?;
        drop(reading);
        let source = Source {
            file: file.octets,
            at: now(),
            seed: chance::bits()?,
        };
        let (plan, names) = source.compare(Arc::new(present.ok_or(Problem::Missing)?)).await;
        Ok(Self {
            id: chance::token()?,
            account: by.account.clone(),
            owner: by.administrator.id.clone(),
            file_name: file.name.chars().take(FILE_NAME_MAX).collect(),
            source,
            names,
            plan,
            is_behind: false,
        })
    }

    pub(super) fn path(&self) -> String {
        format!("/import/{}", self.id)
    }
}

/// Those that are kept, the newest last.
#[derive(Default)]
pub(in super::super) struct Imports(Mutex<VecDeque<Arc<Import>>>);

impl Imports {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Import>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps one, in place of what has its id.
    pub(super) fn keep(&self, import: Import) {
        let mut kept = self.kept();
        kept.retain(|other| other.id != import.id);
        if kept.len() >= IMPORTS_MAX {
            kept.pop_front();
        }
        kept.push_back(Arc::new(import));
    }

    /// One that the asker has sent.
    pub(super) fn find(&self, by: &Visitor, id: &str) -> Option<Arc<Import>> {
        let is_theirs = |import: &&Arc<Import>| {
            import.id == id && import.account == by.account && import.owner == by.administrator.id
        };
        self.kept().iter().find(is_theirs).cloned()
    }

    /// Takes one away that the asker has sent: whoever asks twice finds it once.
    pub(super) fn take(&self, by: &Visitor, id: &str) -> Option<Arc<Import>> {
        let found = self.find(by, id)?;
        let mut kept = self.kept();
        let before = kept.len();
        kept.retain(|import| import.id != id);
        (kept.len() < before).then_some(found)
    }
}
