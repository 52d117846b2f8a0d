//! The registrar (RFC 3261 §10): which contacts a user is reached at, over which flow, and until when.
//!
//! A binding belongs to the flow that the answer to its REGISTER goes over. Over TCP and TLS it ends with the connection;
//! over UDP it is the address the datagrams come from, whatever its Contact says, and their port unless the Via names
//! another and does not ask for it (RFC 3581, RFC 3261 §18.2.2: phones that send from one port and listen at another),
//! and this side keeps it open. Requests to a contact go over its flow and nowhere else, so that a contact can name any
//! host without anything ever being sent there.
//!
//! A request is judged as a whole before anything changes. The order of §10.3 is kept: Call-ID and CSeq tell which of
//! two requests is the later. Instance and `reg-id` (RFC 5626) identify a binding within its address of record only, so
//! no user can take another's place by naming its instance. Path (RFC 3327) is kept and becomes the route to the
//! contact. GRUUs (RFC 5627) are neither made nor understood.
//!
//! Who may register is not decided here: the user given to [`Registrar::register`] is an authenticated one.

mod binding;
mod offence;
mod request;
mod response;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use model::SipUser;
use sip::flow::{ConnectionId, Flow};
use sip::header::unfold;
use sip::message::Message;
use sip::uri::Uri;
use sip::user_agent::Reply;

pub use binding::{Binding, BindingId, OutboundKey};
pub use offence::RegisterOffence;
use request::{Change, Registration, Wanted};

use crate::deadlines::Deadlines;
use crate::peers::DatagramPeers;

/// Bindings of one user: a desk phone, a soft phone and a mobile with two flows each, and room for contacts that
/// changed without being removed. One more pushes out the one that was refreshed longest ago.
pub const BINDINGS_PER_USER_MAX: usize = 10;
const _: () = assert!(
    BINDINGS_PER_USER_MAX <= paging::DEVICES_MAX,
    "a page has room for every device of a user"
);
/// Contacts of one request: as many as a user can have.
pub const BINDINGS_PER_REQUEST_MAX: usize = BINDINGS_PER_USER_MAX;
/// Octets of one contact, parameters included, and of one Path value: several times those of any phone.
pub const CONTACT_LENGTH_MAX: usize = 1_024;
/// Path values of one binding: more proxies than stand between a phone and its registrar.
pub const PATHS_MAX: usize = 4;
/// The shortest lifetime granted: refreshes more often than this are keep-alives, for which there are cheaper means.
pub const LIFETIME_MIN: Duration = Duration::from_secs(60);
/// The longest lifetime granted: a contact that vanished is called in vain for no longer than this.
pub const LIFETIME_MAX: Duration = Duration::from_secs(3_600);
/// The longest lifetime granted over datagrams. A phone learns only by its next REGISTER that the zone has restarted and
/// knows it no more, or that an address translator has given it another address; a closed connection tells it at once.
pub const LIFETIME_DATAGRAM_MAX: Duration = Duration::from_secs(120);
/// The lifetime of a contact that asks for none.
pub const LIFETIME_DEFAULT: Duration = Duration::from_secs(600);
/// Value of Flow-Timer (RFC 5626 §4.4): how long a flow may be silent before the user agent has to speak up.
pub const FLOW_TIMER: Duration = Duration::from_secs(30);

/// The bindings of one zone.
#[derive(Debug)]
pub struct Registrar {
    next_id: u64,
    /// No list is empty or longer than [`BINDINGS_PER_USER_MAX`].
    bindings_by_user: BTreeMap<SipUser, Vec<Binding>>,
    /// Holds every binding of `bindings_by_user`, and no other.
    user_by_binding: BTreeMap<BindingId, SipUser>,
    /// Bindings of each connection, or UDP socket; no set is empty.
    bindings_by_connection: BTreeMap<ConnectionId, BTreeSet<BindingId>>,
    /// Counts the entries of `bindings_by_connection` by peer.
    peers: DatagramPeers,
    expiries: Deadlines<BindingId>,
    keep_alives: Deadlines<BindingId>,
    /// How often a UDP flow is kept open; `None` leaves it to the phones.
    keep_alive_every: Option<Duration>,
    effects: VecDeque<Effect>,
}

/// What the registrar has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A user has a binding it did not have.
    Registered {
        /// Who.
        user: SipUser,
        /// The flow of the binding.
        flow: Flow,
    },
    /// A user's last binding is gone.
    Unregistered {
        /// Who.
        user: SipUser,
    },
    /// The flow of a UDP binding is to be kept open.
    KeepAlive {
        /// The flow.
        flow: Flow,
        /// The contact's URI.
        uri: String,
    },
}

impl Registrar {
    /// Makes a registrar without bindings that has UDP flows kept open this often.
    #[must_use]
    pub fn new(keep_alive_every: Option<Duration>) -> Self {
        Self {
            next_id: 0,
            bindings_by_user: BTreeMap::new(),
            user_by_binding: BTreeMap::new(),
            bindings_by_connection: BTreeMap::new(),
            peers: DatagramPeers::default(),
            expiries: Deadlines::new(),
            keep_alives: Deadlines::new(),
            keep_alive_every,
            effects: VecDeque::new(),
        }
    }

    /// Carries out a REGISTER of an authenticated user and returns its 200.
    ///
    /// # Errors
    ///
    /// Says why the request is refused; it has changed nothing then.
    pub fn register(
        &mut self,
        now: Instant,
        user: &SipUser,
        flow: Flow,
        message: &Message,
    ) -> Result<Reply, RegisterOffence> {
        let registration = Registration::read(message, &flow)?;
        self.check_order(user, &registration)?;
        match &registration.change {
            Change::Fetch => {}
            Change::RemoveAll => self.remove_user(user),
            Change::Contacts(list) => {
                for wanted in list {
                    self.change(now, user, flow, &registration, wanted);
                }
            }
        }
        Ok(response::ok(now, self.bindings(user), &registration))
    }

    /// Lists the bindings of a user, the one that was made first in front.
    #[must_use]
    pub fn bindings(&self, user: &SipUser) -> &[Binding] {
        self.bindings_by_user.get(user).map_or(&[], Vec::as_slice)
    }

    /// The users who have bindings, each with the one that was made first.
    pub(crate) fn users(&self) -> impl Iterator<Item = (&SipUser, &Binding)> {
        let users = self.bindings_by_user.iter();
        users.filter_map(|(user, bindings)| Some((user, bindings.first()?)))
    }

    /// Bindings in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.user_by_binding.len()
    }

    /// Says whether the datagram peer of `flow` has a binding.
    pub(crate) fn is_bound(&self, flow: &Flow) -> bool {
        self.peers.holds(flow)
    }

    /// Says whether nobody is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.user_by_binding.is_empty()
    }

    /// Learns that a connection is closed or a UDP socket lost: its bindings end.
    pub fn handle_closed(&mut self, connection: ConnectionId) {
        let bindings = self.bindings_by_connection.get(&connection).cloned();
        for id in bindings.unwrap_or_default() {
            self.remove(id);
        }
    }

    /// Ends all bindings of a user.
    pub fn remove_user(&mut self, user: &SipUser) {
        let ids: Vec<BindingId> = self.bindings(user).iter().map(|binding| binding.id).collect();
        for id in ids {
            self.remove(id);
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.expiries.pop_due(now) {
            self.remove(id);
        }
        while let Some(id) = self.keep_alives.pop_due(now) {
            self.keep_alive(now, id);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        [self.expiries.next(), self.keep_alives.next()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next thing to tell; to be polled until `None` after each call.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Refuses a request that is older than a binding it would change.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-10.3
    //# If they are
    //# the same, the registrar compares the CSeq value.  If the value
    //# is higher than that of the existing binding, it MUST update or
    //# remove the binding as above.  If not, the update MUST be
    //# aborted and the request fails.
    fn check_order(&self, user: &SipUser, registration: &Registration<'_>) -> Result<(), RegisterOffence> {
        let known = self.bindings(user);
        let is_older = |binding: &Binding| {
            *binding.call_id == *registration.call_id && registration.sequence <= binding.sequence
        };
        let is_out_of_order = match &registration.change {
            Change::Fetch => false,
            Change::RemoveAll => known.iter().any(is_older),
            Change::Contacts(list) => list.iter().filter_map(|wanted| find(known, wanted)).any(is_older),
        };
        if is_out_of_order {
            Err(RegisterOffence::OutOfOrder)
        } else {
            Ok(())
        }
    }

    /// Adds, refreshes or removes one contact.
    fn change(
        &mut self,
        now: Instant,
        user: &SipUser,
        flow: Flow,
        registration: &Registration<'_>,
        wanted: &Wanted<'_>,
    ) {
        let known = find(self.bindings(user), wanted).map(|binding| binding.id);
        match known {
            Some(id) if wanted.lifetime.is_zero() => self.remove(id),
            None if wanted.lifetime.is_zero() => {}
            Some(id) => self.put(now, user, make(now, id, flow, registration, wanted)),
            None => {
                self.make_room(user);
                let id = BindingId(self.next_id);
                self.next_id += 1;
                self.put(now, user, make(now, id, flow, registration, wanted));
                self.effects.push_back(Effect::Registered {
                    user: user.clone(),
                    flow,
                });
            }
        }
    }

    /// Puts a binding in the place of the one with its number, or behind all others.
    fn put(&mut self, now: Instant, user: &SipUser, binding: Binding) {
        let (id, flow) = (binding.id, binding.flow);
        self.expiries.set(id, binding.expires_at);
        match self.keep_alive_every.filter(|_| !flow.transport.is_reliable()) {
            Some(every) => self.keep_alives.set(id, now + every),
            None => self.keep_alives.clear(id),
        }
        let place = self
            .bindings_by_user
            .get_mut(user)
            .and_then(|list| list.iter_mut().find(|known| known.id == id));
        match place {
            Some(place) => {
                let before = std::mem::replace(place, binding).flow;
                if before != flow {
                    self.detach(id, before);
                }
            }
            None => {
                self.user_by_binding.insert(id, user.clone());
                self.bindings_by_user
                    .entry(user.clone())
                    .or_default()
                    .push(binding);
            }
        }
        let bindings = self.bindings_by_connection.entry(flow.connection).or_default();
        if bindings.insert(id) {
            self.peers.add(&flow);
        }
    }

    /// Takes the least recently refreshed binding away from a user that has all it may have. A device that
    /// restarts behind an address translator comes back with another contact each time; refusing it would silence it
    /// until the old ones expire.
    fn make_room(&mut self, user: &SipUser) {
        let known = self.bindings(user);
        if known.len() < BINDINGS_PER_USER_MAX {
            return;
        }
        if let Some(oldest) = known
            .iter()
            .min_by_key(|binding| binding.refreshed_at)
            .map(|binding| binding.id)
        {
            self.remove(oldest);
        }
    }

    fn remove(&mut self, id: BindingId) {
        self.expiries.clear(id);
        self.keep_alives.clear(id);
        let Some(user) = self.user_by_binding.remove(&id) else {
            return;
        };
        let Some(list) = self.bindings_by_user.get_mut(&user) else {
            return;
        };
        if let Some(place) = list.iter().position(|binding| binding.id == id) {
            let flow = list.remove(place).flow;
            if list.is_empty() {
                self.bindings_by_user.remove(&user);
                self.effects.push_back(Effect::Unregistered { user });
            }
            self.detach(id, flow);
        }
    }

    /// Forgets that a binding lives on a connection.
    fn detach(&mut self, id: BindingId, flow: Flow) {
        if let Some(ids) = self.bindings_by_connection.get_mut(&flow.connection) {
            if ids.remove(&id) {
                self.peers.remove(&flow);
            }
            if ids.is_empty() {
                self.bindings_by_connection.remove(&flow.connection);
            }
        }
    }

    fn keep_alive(&mut self, now: Instant, id: BindingId) {
        let list = self
            .user_by_binding
            .get(&id)
            .and_then(|user| self.bindings_by_user.get(user));
        let binding = list.and_then(|list| list.iter().find(|binding| binding.id == id));
        if let (Some(binding), Some(every)) = (binding, self.keep_alive_every) {
            self.effects.push_back(Effect::KeepAlive {
                flow: binding.flow,
                uri: binding.uri.to_string(),
            });
            self.keep_alives.set(id, now + every);
        }
    }
}

/// Finds the binding a contact means: by instance and `reg-id` if it has both, else by its URI.
fn find<'a>(known: &'a [Binding], wanted: &Wanted<'_>) -> Option<&'a Binding> {
    let is_meant = |binding: &&Binding| match (wanted.instance, wanted.registration) {
        (Some(instance), Some(registration)) => {
            binding
                .outbound
                .is_some_and(|OutboundKey(number)| number == registration)
                && binding.instance.as_deref() == Some(instance)
        }
        _ => binding.outbound.is_none() && is_same_uri(&binding.uri, &wanted.contact.uri()),
    };
    known.iter().find(is_meant)
}

fn is_same_uri(known: &str, wanted: &Uri<'_>) -> bool {
    known == wanted.as_str() || Uri::parse(known).is_ok_and(|known| known.is_equivalent_to(wanted))
}

fn make(
    now: Instant,
    id: BindingId,
    flow: Flow,
    registration: &Registration<'_>,
    wanted: &Wanted<'_>,
) -> Binding {
    let mut parameters = String::new();
    for parameter in wanted
        .contact
        .parameters()
        .into_iter()
        .filter(|parameter| !parameter.is("expires"))
    {
        parameters.push(';');
        parameters.push_str(parameter.name);
        if let Some(value) = parameter.value {
            parameters.push('=');
            parameters.push_str(&unfold(value));
        }
    }
    Binding {
        id,
        uri: wanted.contact.uri().as_str().into(),
        parameters: parameters.into(),
        instance: wanted.instance.map(Into::into),
        outbound: wanted.registration.map(OutboundKey),
        call_id: registration.call_id.into(),
        sequence: registration.sequence,
        flow,
        path: registration
            .path
            .iter()
            .map(|value| Box::from(&*unfold(value)))
            .collect(),
        refreshed_at: now,
        expires_at: now + wanted.lifetime,
    }
}
