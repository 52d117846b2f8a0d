//! The addresses of one target, one after the other (RFC 3263).

use model::status::Cause;
use sip::locate::{Answer, Destination, Exhausted, Locator, Next, Query, Support, Target};

use super::Effects;
use crate::profile::TargetProfile;

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Answers of the DNS are missing.
    Wait,
    /// Connect to this address.
    Try(Target),
    /// There are no more; the cause is `None` if every address has been given out.
    Exhausted(Option<Cause>),
}

/// A search for the addresses of one target, with those not yet tried.
#[derive(Debug)]
pub(crate) struct Search {
    locator: Locator,
    /// The next address, found ahead of need, so that it can be told whether there is one.
    next: Option<Target>,
}

impl Search {
    pub(crate) fn new(target: &TargetProfile, seed: [u8; 32]) -> Self {
        let destination = Destination {
            host: target.host.clone(),
            port: target.port,
            transport: target.transport,
            sips: false,
        };
        Self {
            locator: Locator::new(destination, Support::default(), seed),
            next: None,
        }
    }

    pub(crate) fn handle_answer(&mut self, query: &Query, answer: Answer, effects: &mut Effects) {
        self.locator.handle_answer(query, answer);
        self.ask(effects);
    }

    pub(crate) fn step(&mut self, effects: &mut Effects) -> Step {
        self.ask(effects);
        let step = match self.next.take() {
            Some(target) => Step::Try(target),
            None => match self.locator.next_target() {
                Next::Target(target) => Step::Try(target),
                Next::Waiting => Step::Wait,
                Next::Exhausted(exhausted) => Step::Exhausted(cause(exhausted)),
            },
        };
        self.ask(effects);
        step
    }

    /// Says whether an address is known that has not been tried.
    pub(crate) fn has_more(&mut self) -> bool {
        if self.next.is_none()
            && let Next::Target(target) = self.locator.next_target()
        {
            self.next = Some(target);
        }
        self.next.is_some()
    }

    fn ask(&mut self, effects: &mut Effects) {
        while let Some(query) = self.locator.poll_query() {
            effects.resolve(query);
        }
    }
}

fn cause(exhausted: Exhausted) -> Option<Cause> {
    match exhausted {
        Exhausted::Tried => None,
        Exhausted::NoRecords { name } | Exhausted::NotOffered { name } | Exhausted::Unsupported { name } => {
            Some(Cause::DnsNoRecords { name })
        }
        Exhausted::ResolverFailed { name } => Some(Cause::DnsFailed { name }),
    }
}
