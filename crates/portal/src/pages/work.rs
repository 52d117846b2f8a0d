//! What goes on when the page that began it has been left: how far it is, and what came of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::AccountId;
use store::StoreError;
use tokio::sync::watch;

use super::gate::Visitor;
use super::layout::{self, Frame};
use super::problem::{Problem, not_yet};
use super::{Site, chance, live};

/// Works that are remembered.
const WORKS_MAX: usize = 16;
/// Works that go on at once: each may hold the turn of writers for seconds.
const RUNNING_MAX: usize = 2;
/// What has failed, as it is kept; the rest is counted.
const FAILURES_MAX: usize = 1_000;
/// Steps after which it is told how far it is.
const TOLD_EVERY: usize = 50;

/// Something that goes on.
pub(super) struct Work {
    id: String,
    account: AccountId,
    title: String,
    /// Under which entry of the navigation its page is, and where it goes on.
    entry: &'static str,
    total: usize,
    progress: watch::Sender<Progress>,
}

/// How far it is.
#[derive(Clone)]
enum Progress {
    Going { done: usize },
    Over(Arc<Outcome>),
}

/// What came of it.
#[derive(Clone, Default)]
pub(super) struct Outcome {
    pub(super) is_good: bool,
    pub(super) summary: String,
    /// What has failed, and why.
    pub(super) failures: Vec<(String, String)>,
    pub(super) failure_count: usize,
    /// Where it goes on: path and words.
    pub(super) ways: Vec<(String, String)>,
}

impl Outcome {
    /// Nothing was done, and why.
    pub(super) fn nothing(why: impl Into<String>) -> Self {
        Self {
            summary: why.into(),
            ..Self::default()
        }
    }

    /// Notes that one of many has failed.
    pub(super) fn fail(&mut self, what: String, why: impl Into<String>) {
        self.failure_count += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push((what, why.into()));
        }
    }
}

/// Those that are remembered, the newest last.
#[derive(Default)]
pub(super) struct Works(Mutex<VecDeque<Arc<Work>>>);

impl Works {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Work>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one with so many steps; none while there are too many.
    pub(super) fn begin(
        &self,
        account: &AccountId,
        (title, entry): (String, &'static str),
        total: usize,
    ) -> Result<Option<Doing>, StoreError> {
        let work = Arc::new(Work {
            id: chance::token()?,
            account: account.clone(),
            title,
            entry,
            total,
            progress: watch::Sender::new(Progress::Going { done: 0 }),
        });
        let mut kept = self.kept();
        if kept.iter().filter(|work| !work.is_over()).count() >= RUNNING_MAX {
            return Ok(None);
        }
        if kept.len() >= WORKS_MAX {
            let oldest = kept.iter().position(|work| work.is_over());
            oldest.map(|oldest| kept.remove(oldest));
        }
        kept.push_back(Arc::clone(&work));
        Ok(Some(Doing { work, done: 0 }))
    }

    /// Where the last one under an entry of the navigation is looked at.
    pub(super) fn last(&self, account: &AccountId, entry: &str) -> Option<String> {
        let kept = self.kept();
        let mut found = kept.iter().rev().filter(|work| work.account == *account);
        found.find(|work| work.entry == entry).map(|work| work.path())
    }

    fn find(&self, account: &AccountId, id: &str) -> Option<Arc<Work>> {
        let kept = self.kept();
        let found = kept.iter().find(|work| work.id == id && work.account == *account);
        found.cloned()
    }
}

impl Work {
    fn path(&self) -> String {
        format!("/work/{}", self.id)
    }

    fn is_over(&self) -> bool {
        matches!(*self.progress.borrow(), Progress::Over(_))
    }
}

/// A work in the hands of whoever does it; over when it is dropped.
pub(super) struct Doing {
    work: Arc<Work>,
    done: usize,
}

impl Doing {
    /// Where it is looked at.
    pub(super) fn path(&self) -> String {
        self.work.path()
    }

    /// One step more is done.
    pub(super) fn step(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(TOLD_EVERY) {
            self.work
                .progress
                .send_replace(Progress::Going { done: self.done });
        }
    }

    /// So many steps more are done.
    pub(super) fn steps(&mut self, count: usize) {
        self.done += count;
        self.work
            .progress
            .send_replace(Progress::Going { done: self.done });
    }

    /// It is over.
    pub(super) fn end(self, outcome: Outcome) {
        self.work.progress.send_replace(Progress::Over(Arc::new(outcome)));
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        if !self.work.is_over() {
            let outcome = Outcome::nothing("It was given up. See what has been done before doing it again.");
            self.work.progress.send_replace(Progress::Over(Arc::new(outcome)));
        }
    }
}

/// The answer while there are too many.
pub(super) fn too_many(frame: Frame, back: &str) -> Response {
    let text = "Other changes of many rows are being made. Wait until they are done, and do this again.";
    not_yet(frame, text, (back, "Back"))
}

#[derive(Template)]
#[template(path = "work.html")]
struct Page {
    frame: Frame,
    id: String,
    is_over: bool,
    part: String,
}

/// The part that changes while somebody looks.
#[derive(Template)]
#[template(path = "work_part.html")]
struct Part {
    done: usize,
    total: usize,
    over: Option<Arc<Outcome>>,
}

impl Part {
    fn of(work: &Work) -> Self {
        let (done, over) = match &*work.progress.borrow() {
            Progress::Going { done } => (*done, None),
            Progress::Over(outcome) => (work.total, Some(Arc::clone(outcome))),
        };
        Self {
            done,
            total: work.total,
            over,
        }
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let work = site.works().find(&by.account, &id).ok_or(Problem::Missing)?;
    let part = Part::of(&work);
    let page = Page {
        frame: Frame::new(&by, &work.title, work.entry),
        id,
        is_over: part.over.is_some(),
        // It is written to memory.
        part: part.render().unwrap_or_default(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// How far it is, alone.
pub(super) async fn live(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let work = site.works().find(&by.account, &id).ok_or(Problem::Missing)?;
    Ok(layout::page(StatusCode::OK, &Part::of(&work)))
}

/// Tells when it is further.
pub(super) async fn changes(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let work = site.works().find(&by.account, &id).ok_or(Problem::Missing)?;
    Ok(live::stream(work.progress.subscribe()))
}
