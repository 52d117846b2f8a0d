//! Whom the zone reaches, by what is known from outside: its table of bindings, the ways they lead, and who is there.

use std::net::SocketAddr;
use std::time::Duration;

use model::status::Shown;
use sip::flow::{Flow, Transport};

use super::World;
use crate::ledger::Trouble;
use crate::network::StreamId;
use crate::outcome::Invariant;
use crate::site::Member;
use crate::station::{SIP_PORT, StationId};

/// So long after it was hit a device may not be reached: until a keep-alive fails, and for the longest pause between two
/// attempts.
const RECOVERY_TIME: Duration = Duration::from_secs(70);
/// The same after trouble of the zone: until a registration over datagrams is renewed.
const ZONE_RECOVERY_TIME: Duration = Duration::from_secs(150);

impl World<'_> {
    /// Whether a call of the zone to this user arrives at its device, and is taken there.
    pub(super) fn reaches(&self, member: &Member) -> bool {
        let Some(process) = &self.zone.process else {
            return false;
        };
        let bindings = process.switch.bindings(&member.user);
        let leads = bindings
            .iter()
            .any(|binding| self.leads_to(binding.flow, member.device));
        leads && self.takes_itself_for_registered(member)
    }

    fn takes_itself_for_registered(&self, member: &Member) -> bool {
        let device = self
            .stations
            .get(member.device)
            .and_then(|station| station.device());
        device.is_some_and(|device| {
            let slots = device.status(self.now).slots;
            slots
                .iter()
                .filter(|slot| slot.user.as_ref() == Some(&member.user))
                .any(|slot| slot.registration.shown == Shown::Successful)
        })
    }

    /// Whether a flow of the zone ends at this station as it runs.
    fn leads_to(&self, flow: Flow, id: StationId) -> bool {
        let Some(station) = self.stations.get(id).filter(|station| station.core.is_some()) else {
            return false;
        };
        match flow.transport {
            Transport::Udp => {
                let inside = self.network.translators.inside_of(self.now, flow.remote);
                inside == Some(SocketAddr::new(station.address, SIP_PORT))
            }
            Transport::Tcp | Transport::Tls => self
                .network
                .streams
                .get(StreamId::of(flow.connection))
                .is_some_and(|stream| stream.station == station.incarnation && stream.flows(self.now)),
        }
    }

    /// Everybody is reached who has been left alone for long enough.
    pub(super) fn check_reach(&mut self) {
        for member in self.roster.everybody.clone() {
            if !self.reaches(&member) && !self.may_be_away(member.device) {
                let found = format!("{} is not reached; {}", member.user, self.where_it_is(&member));
                self.broken(Invariant::Registered, Some(member.device), &found);
            }
        }
    }

    /// Whether something happened to a device, or to the zone, from which they may still be recovering.
    pub(super) fn may_be_away(&self, device: StationId) -> bool {
        let before = |time| self.now.checked_sub(time).unwrap_or(self.start);
        let counts = |trouble| trouble == Trouble::Fault || trouble == Trouble::SignallingLost;
        self.ledger
            .had_trouble(device, before(RECOVERY_TIME), self.now, counts)
            || self.ledger.zone_had_trouble(before(ZONE_RECOVERY_TIME), self.now)
    }

    /// What the zone and the device say of a user's registration.
    pub(super) fn where_it_is(&self, member: &Member) -> String {
        let bindings = self
            .zone
            .process
            .as_ref()
            .map(|process| process.switch.bindings(&member.user).to_vec());
        let device = self
            .stations
            .get(member.device)
            .and_then(|station| station.device());
        let slots = device.map(|device| device.status(self.now).slots);
        format!("the zone has {bindings:?}, the device {slots:?}")
    }
}
