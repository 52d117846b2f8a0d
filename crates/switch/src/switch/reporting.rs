//! The directory feed, and what the switch says of itself.

use std::time::Instant;

use model::SipUser;
use model::directory::{Applied, Update};
use model::status::{AccountStatus, OngoingPage, RegisteredUser, SipTransport, ZoneEvent, ZoneStatus};
use sip::flow::{Flow, Transport};

use super::Switch;
use crate::registrar::Binding;
use crate::status::{Counters, Holdings};

impl Switch {
    /// Takes an update of the directory. Calls under way go on; bindings of users that are gone end.
    pub(super) fn handle_directory(&mut self, update: Update) {
        let account = self.config.account.clone();
        match self.directory.apply(update) {
            Ok(Applied::Done { revoked }) => {
                self.identity.follow(self.directory.realm());
                for user in revoked {
                    self.registrar.remove_user(&user);
                }
                if let Some(epoch) = self.directory.epoch() {
                    self.emit(ZoneEvent::DirectoryApplied { account, epoch });
                }
            }
            Ok(Applied::Ignored) => {}
            Ok(Applied::SnapshotWanted) => {
                let epoch = self.directory.epoch();
                self.emit(ZoneEvent::SnapshotWanted { account, epoch });
            }
            Err(error) => self.emit(ZoneEvent::DirectoryRefused {
                account,
                why: error.to_string(),
            }),
        }
    }

    /// What the zone carries.
    #[must_use]
    pub fn status(&self, now: Instant) -> ZoneStatus {
        let uptime = self
            .began
            .map_or_else(Default::default, |began| now.saturating_duration_since(began));
        let account = AccountStatus {
            account: self.config.account.clone(),
            epoch: self.directory.epoch(),
            bindings: count(self.registrar.len()),
            calls: count(self.admission.conversations()),
            pages: count(self.admission.pages()),
        };
        ZoneStatus {
            zone: self.config.zone.clone(),
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            accounts: vec![account],
        }
    }

    /// Who is registered.
    #[must_use]
    pub fn registered(&self) -> Vec<RegisteredUser> {
        let registered = self.registrar.users().map(|(user, binding)| RegisteredUser {
            user: user.clone(),
            from: binding.flow.remote.to_string(),
            transport: Some(transport_of(&binding.flow)),
        });
        registered.collect()
    }

    /// Pages that have begun and are not reported yet.
    #[must_use]
    pub fn ongoing_pages(&self) -> Vec<OngoingPage> {
        let pages = self
            .calls
            .call_by_id
            .values()
            .filter_map(|call| call.page.as_ref());
        let ongoing = pages.map(|page| {
            let report = page.report();
            OngoingPage {
                page: report.page,
                extension: report.extension,
                talker: report.talker,
                listeners: count(report.listeners.len()),
            }
        });
        ongoing.collect()
    }

    /// Where a user is reached.
    #[must_use]
    pub fn bindings(&self, user: &SipUser) -> &[Binding] {
        self.registrar.bindings(user)
    }

    /// What the switch holds.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        Holdings {
            bindings: self.registrar.len(),
            calls: self.calls.call_by_id.len(),
            legs: self.calls.leg_by_id.len(),
            sessions: self.agent.sessions(),
            transactions: self.agent.transactions(),
        }
    }

    /// What the switch has done so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What its user agent has refused, dropped and absorbed so far.
    #[must_use]
    pub fn agent_counters(&self) -> &sip::user_agent::Counters {
        self.agent.counters()
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// By what a flow carries, as it is told.
pub(super) const fn transport_of(flow: &Flow) -> SipTransport {
    match flow.transport {
        Transport::Udp => SipTransport::Udp,
        Transport::Tcp => SipTransport::Tcp,
        Transport::Tls => SipTransport::Tls,
    }
}
