//! An INVITE from a phone: who calls, whom, and whether there is room.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use media::sdp::{Hidden, SecurityOffer};
use model::directory::{Action, ExtensionRecord, ExtensionRole};
use model::status::{MissingReason, RegistrationRefusal, ZoneEvent};
use model::{SipUser, TALKER_PACKAGE};
use sip::flow::Flow;
use sip::header::quote;
use sip::message::{HeaderName, Message, StatusCode};
use sip::uri::{Host, Uri};
use sip::user_agent::{Reply, SessionId};

use super::announcement::Announcement;
use super::{Call, CallOffence, Invitee, Plan};
use crate::admission::{Load, Room};
use crate::config::PlainMedia;
use crate::identity::Sender;
use crate::leg::{Leg, Target};
use crate::permission::{Destination, Manner, destination};
use crate::registrar::{BINDINGS_PER_USER_MAX, Binding};
use crate::switch::{Output, Service, Switch};

impl Switch {
    /// Takes a new call or refuses it.
    pub(crate) fn handle_invite(&mut self, now: Instant, session: SessionId, flow: Flow, message: &Message) {
        self.counters.calls.received += 1;
        let Some(hops_left) = hops_left(message) else {
            let offence = CallOffence::NoHopsLeft;
            offence.count(&mut self.counters.calls);
            return self.agent.reject(now, session, offence.reply().without_state());
        };
        if self.service != Service::Open {
            let offence = CallOffence::Stopping;
            offence.count(&mut self.counters.calls);
            return self.agent.reject(now, session, offence.reply().without_state());
        }
        let claimed = claimed_user(message);
        let caller = match self.identify(now, &flow, message, HeaderName::ProxyAuthorization, &claimed) {
            Ok(caller) => caller,
            Err(reply) => return self.agent.reject(now, session, reply),
        };
        match self.take_on(now, &caller, flow, session, message, hops_left) {
            Ok(()) => {}
            Err(offence) => self.refuse(now, session, caller, dialled(message), &offence),
        }
    }

    /// Refuses a call and tells of it.
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        session: SessionId,
        caller: SipUser,
        target: String,
        offence: &CallOffence,
    ) {
        offence.count(&mut self.counters.calls);
        let account = self.config.account.clone();
        self.emit(ZoneEvent::CallRefused {
            account,
            caller,
            target,
            why: offence.refusal(),
        });
        self.agent.reject(now, session, offence.reply());
    }

    /// Makes a call of an INVITE whose sender is known, and asks for the caller's ports.
    fn take_on(
        &mut self,
        now: Instant,
        caller: &SipUser,
        flow: Flow,
        session: SessionId,
        message: &Message,
        hops_left: u8,
    ) -> Result<(), CallOffence> {
        let number = self.dialled_here(&flow, message)?;
        let Destination {
            extension,
            manner,
            wants_pin,
        } = destination(&self.directory, caller, &number)?;
        let security = self.security(&flow).ok_or(CallOffence::FlowBarred)?;
        let (invitees, room) = if wants_pin {
            self.check_lock(now, caller, &extension)?;
            let for_alert = extension.role.action() == Action::Alert;
            let room = self.admission.admit(caller, Load::Asking { for_alert }, 1)?;
            (Vec::new(), room)
        } else {
            self.make_room(caller, manner, &extension)?
        };
        let (id, leg) = (self.calls.next_call(), self.calls.next_leg());
        let mut caller_leg = Leg::new(id, caller.clone(), flow, security, self.random_number());
        caller_leg.session = Some(session);
        self.calls.insert(leg, caller_leg);
        let announcement = Announcement::new(&extension, self.address_of(caller), hops_left);
        let plan = Plan {
            offer: Hidden(message.body().to_vec()),
            dialled: number,
            invitees,
            asks: wants_pin,
        };
        let mut call = Call::new(manner, extension.extension, announcement, leg, plan, room);
        call.tells_talker = wants_pin && receives(message, TALKER_PACKAGE);
        self.calls.call_by_id.insert(id, call);
        let local = flow.local.ip();
        self.outputs.push_back(Output::OpenMedia { leg, local });
        Ok(())
    }

    /// Finds those who are to be called, and takes room for a leg to each of their devices.
    pub(super) fn make_room(
        &mut self,
        caller: &SipUser,
        manner: Manner,
        extension: &ExtensionRecord,
    ) -> Result<(Vec<Invitee>, Room), CallOffence> {
        let mut invitees = self.invitees(caller, extension);
        let load = load(manner, extension);
        if load == Load::Alert {
            // An alert that is too large goes out to as many as there is room for.
            fit(&mut invitees, self.admission.legs_for_alert().saturating_sub(1));
        }
        let devices: usize = invitees.iter().map(|invitee| invitee.devices.len()).sum();
        // A page to nobody is carried out all the same, so that its report says who is missing.
        let admitted = if manner == Manner::Conversation && devices == 0 {
            Err(CallOffence::NobodyRegistered)
        } else {
            let admitted = self.admission.admit(caller, load, 1 + devices);
            admitted.map_err(CallOffence::from)
        };
        match admitted {
            Ok(room) => Ok((invitees, room)),
            Err(offence) => {
                // Whoever is told of alerts hears of those as well that no device sounds.
                let call = self.random_page_id();
                self.tell_of_alert(call, &extension.extension, caller);
                Err(offence)
            }
        }
    }

    /// The user part of a Request-URI of this zone.
    fn dialled_here(&self, flow: &Flow, message: &Message) -> Result<String, CallOffence> {
        let uri = message
            .request_uri()
            .and_then(|uri| Uri::parse(uri).ok())
            .ok_or(CallOffence::NoUser)?;
        if !self.is_own(&uri, flow) {
            return Err(CallOffence::OtherDomain);
        }
        uri.decoded_user().map(String::from).ok_or(CallOffence::NoUser)
    }

    /// Says whether a URI is of the account's domain, or names this zone itself.
    pub(crate) fn is_own(&self, uri: &Uri<'_>, flow: &Flow) -> bool {
        let advertised = self
            .config
            .advertised
            .iter()
            .map(|advertised| advertised.host.as_str());
        let mut names = self
            .config
            .hosts
            .iter()
            .map(String::as_str)
            .chain(advertised)
            .chain([self.directory.domain()]);
        match uri.host() {
            None => false,
            Some(Host::Domain(name)) => names.any(|own| own.eq_ignore_ascii_case(name)),
            Some(host @ (Host::Ipv4(_) | Host::Ipv6(_))) => host.ip().is_some_and(|address| {
                address == flow.local.ip()
                    || names.any(|own| own.trim_matches(['[', ']']).parse::<IpAddr>() == Ok(address))
            }),
        }
    }

    /// What is offered or accepted of SRTP on a leg over this flow; `None` where it may have no media.
    pub(crate) fn security(&self, flow: &Flow) -> Option<SecurityOffer> {
        match (flow.transport.is_secure(), self.config.media.plain) {
            (true, PlainMedia::Never | PlainMedia::OverClearFlows) => Some(SecurityOffer::Standard),
            (true, PlainMedia::Anywhere) => Some(SecurityOffer::Optional),
            (false, PlainMedia::Never) => None,
            (false, PlainMedia::OverClearFlows | PlainMedia::Anywhere) => Some(SecurityOffer::Disabled),
        }
    }

    /// Those who are to be called; a caller that belongs to the group it calls hears itself no other way.
    fn invitees(&mut self, caller: &SipUser, extension: &ExtensionRecord) -> Vec<Invitee> {
        let users: BTreeSet<&SipUser> = extension
            .role
            .users()
            .iter()
            .filter(|user| *user != caller)
            .collect();
        users.into_iter().map(|user| self.invitee(user)).collect()
    }

    fn invitee(&self, user: &SipUser) -> Invitee {
        let devices = devices(self.registrar.bindings(user).iter().collect());
        let name = self
            .directory
            .user(user.as_str())
            .map_or_else(|| user.to_string(), |known| known.name.clone());
        Invitee {
            user: user.clone(),
            name,
            left_out: Vec::new(),
            devices,
        }
    }

    /// How a caller is shown to those it calls: by its name and the number it can be called back at.
    fn address_of(&self, user: &SipUser) -> String {
        let number = self
            .directory
            .extensions_of(user.as_str())
            .find_map(|record| match &record.role {
                ExtensionRole::Phone { user: owner } if owner == user => Some(record.extension.as_str()),
                ExtensionRole::Phone { .. }
                | ExtensionRole::Slot { .. }
                | ExtensionRole::PageGroup { .. }
                | ExtensionRole::Alert { .. }
                | ExtensionRole::Drill { .. } => None,
            });
        let number = number.unwrap_or(user.as_str());
        let uri = format!(
            "<sip:{}@{}>",
            sip::uri::escape_user(number),
            self.directory.domain()
        );
        match self.directory.user(user.as_str()) {
            Some(known) if !known.name.is_empty() => {
                let name: String = known.name.chars().filter(|one| !one.is_control()).collect();
                format!("{} {uri}", quote(&name))
            }
            Some(_) | None => uri,
        }
    }

    /// Finds the sender of a request, or makes the response that asks for its credentials.
    pub(crate) fn identify(
        &mut self,
        now: Instant,
        flow: &Flow,
        message: &Message,
        answers: HeaderName<'_>,
        claimed: &str,
    ) -> Result<SipUser, Reply> {
        let sender = Sender {
            flow,
            registrar: &self.registrar,
        };
        let claim = (claimed, sender);
        let identified = self
            .identity
            .identify(now, &self.directory, message, answers, claim);
        identified.map_err(|reason| {
            reason.count(&mut self.counters.identity);
            // A caller that answers wrongly may be typing; one that guesses is told of as one that registers.
            if let Some(why @ RegistrationRefusal::TooManyAttempts) = reason.refusal() {
                self.tell_of_refusal(flow, claimed, why);
            }
            reason.reply(answers)
        })
    }
}

/// Leaves out devices until no more than `places` are left: everybody keeps one device before anybody keeps two, and the
/// ones refreshed last, since a phone that was unplugged stays registered for a while.
fn fit(invitees: &mut [Invitee], mut places: usize) {
    let mut kept = vec![0; invitees.len()];
    for round in 0..BINDINGS_PER_USER_MAX {
        for (invitee, kept) in invitees.iter().zip(&mut kept) {
            if places > 0 && invitee.devices.len() > round {
                *kept += 1;
                places -= 1;
            }
        }
    }
    for (invitee, kept) in invitees.iter_mut().zip(kept) {
        let without_place = invitee.devices.drain(kept..);
        invitee
            .left_out
            .extend(without_place.map(|_| refused(StatusCode::SERVICE_UNAVAILABLE)));
    }
}

pub(super) fn refused(status: StatusCode) -> MissingReason {
    MissingReason::Refused {
        status: status.code(),
        text: None,
    }
}

/// What a call is to admission.
fn load(manner: Manner, extension: &ExtensionRecord) -> Load {
    match (manner, extension.role.action()) {
        (Manner::Page, Action::Alert) => Load::Alert,
        (Manner::Page, Action::Page | Action::Call) => Load::Page,
        (Manner::Conversation, Action::Alert | Action::Page | Action::Call) => Load::Conversation,
    }
}

/// Hops that requests made of this one may take; `None` where it may go no further. One without Max-Forwards is as good
/// as new (RFC 7332 §5).
fn hops_left(message: &Message) -> Option<u8> {
    match message.max_forwards().ok().flatten() {
        None => Some(HOPS_MAX),
        Some(hops) => hops.checked_sub(1).map(|left| left.min(HOPS_MAX)),
    }
}

/// Hops of a new request (RFC 3261 §8.1.1.6); a higher number is not believed, since no path is that long.
const HOPS_MAX: u8 = 70;

/// Says whether the sender of a request wants to be told by INFOs of this package (RFC 6086 section 8.2).
fn receives(message: &Message, package: &str) -> bool {
    message
        .header(HeaderName::Other("Recv-Info"))
        .is_some_and(|listed| listed.split(',').any(|one| one.trim() == package))
}

/// The user a request says it is from.
fn claimed_user(message: &Message) -> String {
    let from = message.from().ok().map(|from| from.uri());
    from.and_then(|uri| uri.decoded_user().map(String::from))
        .unwrap_or_default()
}

/// What was dialled, as far as it can be told, for a report.
fn dialled(message: &Message) -> String {
    let uri = message.request_uri().and_then(|uri| Uri::parse(uri).ok());
    uri.and_then(|uri| {
        uri.user()
            .map(|user| user.chars().take(DIALLED_SHOWN_MAX).collect())
    })
    .unwrap_or_default()
}

/// Characters of a dialled text that a report repeats: four times the longest extension.
const DIALLED_SHOWN_MAX: usize = 64;

/// Groups contacts by device: those of one instance are flows to the same device, of which one is used at a time
/// (RFC 5626 §7). The device that was refreshed last comes first; of its flows, the one that was refreshed last comes last.
fn devices(mut bindings: Vec<&Binding>) -> Vec<Vec<Target>> {
    bindings.sort_by_key(|binding| binding.refreshed_at);
    let mut devices: Vec<(Option<&str>, Vec<Target>)> = Vec::with_capacity(bindings.len());
    for binding in bindings.into_iter().rev() {
        let instance = binding.instance.as_deref();
        let target = target(binding);
        match devices
            .iter_mut()
            .find(|(known, _)| known.is_some() && *known == instance)
        {
            Some((_, targets)) => targets.push(target),
            None => devices.push((instance, vec![target])),
        }
    }
    for (_, targets) in &mut devices {
        targets.reverse();
    }
    devices.into_iter().map(|(_, targets)| targets).collect()
}

fn target(binding: &Binding) -> Target {
    Target {
        uri: binding.uri.to_string(),
        flow: binding.flow,
        route: binding.path.iter().map(ToString::to_string).collect(),
    }
}
