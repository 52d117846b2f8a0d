//! The service's side: the directory as it is, and what led there.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::directory::Epoch;

use crate::{Difference, Digest, Held, Message};

/// Changes that are remembered at most: a zone that has missed more is sent everything.
pub const STEPS_MAX: usize = 256;
/// Records that the remembered changes touch at most, together.
pub const DIFFERENCE_RECORDS_MAX: usize = 20_000;

/// The directory with its last changes.
#[derive(Debug)]
pub struct History {
    now: Held,
    /// The oldest first; each leads to the next, and the last to what is.
    steps: VecDeque<Step>,
}

#[derive(Debug)]
struct Step {
    /// What it leads away from.
    from: (Epoch, Digest),
    difference: Difference,
}

impl History {
    /// Begins with what is.
    #[must_use]
    pub fn new(now: Held) -> Self {
        Self {
            now,
            steps: VecDeque::new(),
        }
    }

    /// The epoch of what is.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.now.records().epoch
    }

    /// Goes on to what is from here on, if it is of a later epoch; says whether it is.
    pub fn advance(&mut self, next: Held) -> bool {
        if next.records().epoch <= self.epoch() {
            return false;
        }
        self.steps.push_back(Step {
            from: self.position(),
            difference: self.now.records().difference_to(next.records()),
        });
        self.now = next;
        let is_too_much = |steps: &VecDeque<Step>| {
            let records: usize = steps.iter().map(|step| step.difference.len()).sum();
            steps.len() > STEPS_MAX || records > DIFFERENCE_RECORDS_MAX
        };
        while is_too_much(&self.steps) {
            self.steps.pop_front();
        }
        true
    }

    /// What a zone holds that has been told all.
    #[must_use]
    pub fn position(&self) -> (Epoch, Digest) {
        self.now.position()
    }

    /// What a zone is told that holds nothing, or the records of an epoch.
    #[must_use]
    pub fn answer(&self, holds: Option<(Epoch, Digest)>) -> Vec<Message> {
        let epoch = self.epoch().0;
        if holds == Some(self.position()) {
            return vec![Message::Beat { epoch }];
        }
        let known = holds.and_then(|holds| self.steps.iter().position(|step| step.from == holds));
        let mut messages = vec![Message::Begin {
            account: self.now.records().account.clone(),
            epoch,
            since: known.and(holds).map(|(epoch, _)| epoch.0),
        }];
        match known {
            Some(first) => {
                let steps = self.steps.iter().skip(first);
                messages.extend(steps.flat_map(|step| Message::parts(&step.difference)));
            }
            None => messages.extend(Message::parts(&self.now.records().everything())),
        }
        messages.push(Message::End {
            signature: STANDARD.encode(self.now.signature()),
        });
        messages
    }
}
