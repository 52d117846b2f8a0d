//! Sockets of multicast zones: one for each, bound to its group, so that nothing reaches it that was sent elsewhere.
//!
//! Interfaces come and go. So a zone is joined on each interface that there is, and [`ZoneSockets::refresh`] looks again
//! from time to time: a device that starts before its network hears its zones as soon as it is there.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::PACKET_BYTES_MAX;
use super::ports::{EXPEDITED_FORWARDING, RECEIVE_BUFFER_BYTES};
use crate::system::{Interface, ipv4_interfaces, send_multicast_by};

/// Packets of one zone that may wait for the driver, so that a flooded zone does not silence the others: what a second
/// of packets of 20 ms is, nearly.
pub const ZONE_PACKETS_MAX: usize = 48;
/// Interfaces that a zone is joined on: Linux permits a socket 20 groups (`igmp_max_memberships`).
const INTERFACES_MAX: usize = 16;
/// Packets of all zones that may wait: as many as fifty zones may have.
const WAITING_MAX: usize = 50 * ZONE_PACKETS_MAX;

/// A packet that was sent to the group of a zone.
#[derive(Debug)]
pub struct ZonePacket {
    /// The zone.
    pub zone: u8,
    /// Its sender.
    pub from: SocketAddr,
    /// Its bytes, at most [`PACKET_BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// Its place among those that wait.
    _place: OwnedSemaphorePermit,
}

/// Why nothing can come to a zone, or that something can again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneProblem {
    /// The zone.
    pub zone: u8,
    /// Why, in words; `None` when something can come.
    pub problem: Option<String>,
}

/// The sockets of all zones. Dropping them leaves every group.
#[derive(Debug)]
pub struct ZoneSockets {
    zone_by_number: BTreeMap<u8, Zone>,
    interface: Option<String>,
    packets: mpsc::Sender<ZonePacket>,
    received: mpsc::Receiver<ZonePacket>,
    hops: u8,
    traffic_class: u32,
    sender: Sending,
    /// Why the last packet was not sent.
    sending_problem: Option<String>,
}

/// The socket that all zones are sent from.
#[derive(Debug)]
enum Sending {
    /// It is opened with the first packet.
    Due,
    Open(std::net::UdpSocket),
    /// It cannot be opened: the next look at the interfaces may help.
    Failed,
}

/// A zone that is wanted.
#[derive(Debug)]
struct Zone {
    group: SocketAddrV4,
    open: Option<Listening>,
    /// What was told last.
    problem: Option<String>,
}

/// A socket that is bound, with the task that receives from it.
struct Listening {
    socket: Arc<UdpSocket>,
    joined: Vec<Interface>,
    task: AbortHandle,
}

impl fmt::Debug for Listening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Listening")
            .field("joined", &self.joined)
            .finish_non_exhaustive()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Default for ZoneSockets {
    fn default() -> Self {
        let (packets, received) = mpsc::channel(WAITING_MAX);
        Self {
            zone_by_number: BTreeMap::new(),
            interface: None,
            packets,
            received,
            hops: 1,
            traffic_class: EXPEDITED_FORWARDING,
            sender: Sending::Due,
            sending_problem: None,
        }
    }
}

impl ZoneSockets {
    /// Listens on the current tokio runtime to these groups and to no others, on an interface or on all; packets are sent
    /// with so many hops. Gives what has changed about zones that cannot be received.
    pub fn listen(
        &mut self,
        group_by_zone: &BTreeMap<u8, SocketAddrV4>,
        interface: Option<&str>,
        hops: u8,
    ) -> Vec<ZoneProblem> {
        let is_elsewhere = self.interface.as_deref() != interface;
        self.interface = interface.map(str::to_owned);
        self.hops = hops;
        self.sender = Sending::Due;
        self.sending_problem = None;
        self.zone_by_number
            .retain(|number, _| group_by_zone.contains_key(number));
        for (number, group) in group_by_zone {
            let zone = self.zone_by_number.entry(*number).or_insert(Zone {
                group: *group,
                open: None,
                problem: None,
            });
            // What was told of it is known of it, wherever it is listened to.
            if is_elsewhere || zone.group != *group {
                zone.group = *group;
                zone.open = None;
            }
        }
        self.refresh()
    }

    /// Joins the groups on interfaces that have come, and opens what could not be opened before. Gives what has changed
    /// about zones that cannot be received.
    pub fn refresh(&mut self) -> Vec<ZoneProblem> {
        self.refresh_sending();
        if self.zone_by_number.is_empty() {
            return Vec::new();
        }
        let wanted = self.interface.as_deref();
        let interfaces = ipv4_interfaces().map(|interfaces| chosen(interfaces, wanted));
        let mut changes = Vec::new();
        for (number, zone) in &mut self.zone_by_number {
            let problem = match &interfaces {
                Ok(interfaces) => zone.join(*number, interfaces, &self.packets).err(),
                Err(error) => Some(format!("the network interfaces are not known: {error}")),
            };
            if zone.problem != problem {
                zone.problem.clone_from(&problem);
                changes.push(ZoneProblem {
                    zone: *number,
                    problem,
                });
            }
        }
        changes
    }

    /// Marks the packets that are sent with a code point from 0 to 63 (RFC 2474).
    pub fn mark(&mut self, rtp: u8) {
        let traffic_class = u32::from(rtp) << 2;
        if traffic_class != self.traffic_class {
            self.traffic_class = traffic_class;
            self.sender = Sending::Due;
        }
    }

    /// The next packet. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<ZonePacket> {
        self.received.recv().await
    }

    /// Sends a packet to a group at once; false when the kernel does not take it. The next one is tried all the same, from the same port:
    /// receivers know a sender by it.
    pub fn send(&mut self, group: SocketAddrV4, bytes: &[u8]) -> bool {
        if matches!(self.sender, Sending::Due) {
            self.sender = match sending_socket(self.interface.as_deref(), self.hops, self.traffic_class) {
                Ok(socket) => Sending::Open(socket),
                Err(error) => {
                    self.set_sending_problem(Some(format!("nothing can be sent: {error}")));
                    Sending::Failed
                }
            };
        }
        let Sending::Open(socket) = &self.sender else {
            return false;
        };
        match socket.send_to(bytes, group) {
            Ok(_) => {
                self.set_sending_problem(None);
                true
            }
            // What a full buffer does not take is lost, as on any network.
            Err(error) if is_congestion(&error) => false,
            Err(error) => {
                self.set_sending_problem(Some(format!("nothing can be sent to {group}: {error}")));
                false
            }
        }
    }

    /// Why nothing can be sent, in words, as the last packet has shown.
    pub fn sending_problem(&self) -> Option<&str> {
        self.sending_problem.as_deref()
    }

    fn set_sending_problem(&mut self, problem: Option<String>) {
        if self.sending_problem == problem {
            return;
        }
        if let Some(problem) = &problem {
            tracing::warn!(problem, "a packet to a multicast zone is not sent");
        }
        self.sending_problem = problem;
    }

    /// Helps a sender that cannot send: an interface that has gone may be back, and is another one to the kernel then.
    fn refresh_sending(&mut self) {
        match (&self.sender, self.interface.as_deref()) {
            (Sending::Failed, _) => self.sender = Sending::Due,
            (Sending::Open(socket), Some(name)) if self.sending_problem.is_some() => {
                if let Err(error) = send_by(&SockRef::from(socket), name) {
                    tracing::debug!(%error, "the interface to send by is not there");
                }
            }
            (Sending::Due | Sending::Open(_), _) => {}
        }
    }
}

impl Zone {
    /// Joins the group where that has not been done; an error says in words why nothing can come.
    fn join(
        &mut self,
        number: u8,
        interfaces: &[Interface],
        packets: &mpsc::Sender<ZonePacket>,
    ) -> Result<(), String> {
        let listening = match &mut self.open {
            Some(listening) => listening,
            None => {
                let opened = Listening::open(number, self.group, packets.clone())
                    .map_err(|error| format!("{} cannot be listened to: {error}", self.group))?;
                self.open.insert(opened)
            }
        };
        // An interface that has gone takes its membership with it.
        listening.joined.retain(|joined| interfaces.contains(joined));
        let mut failure = None;
        for interface in interfaces {
            if listening.joined.contains(interface) {
                continue;
            }
            match listening.join(*self.group.ip(), interface) {
                Ok(()) => listening.joined.push(interface.clone()),
                Err(error) => {
                    tracing::debug!(interface = interface.name, %error, "a group cannot be joined");
                    failure = Some(format!("{} cannot be joined: {error}", self.group.ip()));
                }
            }
        }
        if listening.joined.is_empty() {
            Err(failure
                .unwrap_or_else(|| "there is no such network interface with an IPv4 address".to_owned()))
        } else {
            Ok(())
        }
    }
}

impl Listening {
    fn open(zone: u8, group: SocketAddrV4, packets: mpsc::Sender<ZonePacket>) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // Other receivers on this machine hear the same zone.
        socket.set_reuse_address(true)?;

        // Only what this socket has joined: Linux would else give it what any program here has.
        socket.set_multicast_all_v4(false)?;
        // The kernel gives what it allows.
        let _as_asked = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).is_ok();
        socket.bind(&SocketAddr::V4(group).into())?;
        let socket = Arc::new(UdpSocket::from_std(socket.into())?);
        let task = tokio::spawn(receive(zone, Arc::clone(&socket), packets));
        Ok(Self {
            socket,
            joined: Vec::new(),
            task: task.abort_handle(),
        })
    }

    fn join(&self, group: Ipv4Addr, interface: &Interface) -> io::Result<()> {
        let at = InterfaceIndexOrAddress::Index(interface.index);
        match SockRef::from(&*self.socket).join_multicast_v4_n(&group, &at) {
            // An interface may go and come back between two looks.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
            joined => joined,
        }
    }
}

/// The interfaces to join on: that of a name, or as many as a socket may.
fn chosen(interfaces: Vec<Interface>, name: Option<&str>) -> Vec<Interface> {
    let is_wanted = |interface: &Interface| name.is_none_or(|name| name == interface.name);
    interfaces
        .into_iter()
        .filter(is_wanted)
        .take(INTERFACES_MAX)
        .collect()
}

fn sending_socket(interface: Option<&str>, hops: u8, traffic_class: u32) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_multicast_ttl_v4(hops.into())?;
    let _with_priority = socket.set_tos_v4(traffic_class).is_ok();
    if let Some(name) = interface {
        send_by(&socket, name)?;
    }
    // Receivers know a sender by its port as well, so it has one before its first packet.
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
    Ok(socket.into())
}

fn send_by(socket: &Socket, name: &str) -> io::Result<()> {
    let interface = ipv4_interfaces()?
        .into_iter()
        .find(|interface| interface.name == name);
    let interface =
        interface.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no such interface"))?;
    send_multicast_by(socket, interface.index)
}

fn is_congestion(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}

async fn receive(zone: u8, socket: Arc<UdpSocket>, packets: mpsc::Sender<ZonePacket>) {
    let places = Arc::new(Semaphore::new(ZONE_PACKETS_MAX));
    // One byte more than allowed shows that a packet is too long.
    let mut buffer = vec![0; PACKET_BYTES_MAX + 1];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            // An error is of one packet; the next one may be good.
            tokio::task::yield_now().await;
            continue;
        };
        let bytes = buffer
            .get(..length)
            .filter(|bytes| bytes.len() <= PACKET_BYTES_MAX);
        let (Some(bytes), Ok(place)) = (bytes, Arc::clone(&places).try_acquire_owned()) else {
            continue;
        };
        let packet = ZonePacket {
            zone,
            from,
            bytes: bytes.to_vec(),
            _place: place,
        };
        match packets.try_send(packet) {
            Ok(()) | Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Closed(_)) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: Option<&str> = Some("lo");

    /// A group that no other test has: tests run at the same time, and each has a port of its own.
    fn group(host: u8) -> SocketAddrV4 {
        let port = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
            .and_then(|socket| socket.local_addr())
            .unwrap()
            .port();
        SocketAddrV4::new(Ipv4Addr::new(239, 255, 77, host), port)
    }

    fn listening(groups: &[(u8, SocketAddrV4)]) -> (ZoneSockets, Vec<ZoneProblem>) {
        let mut zones = ZoneSockets::default();
        let problems = zones.listen(&groups.iter().copied().collect(), LOOPBACK, 1);
        (zones, problems)
    }

    #[tokio::test]
    async fn a_packet_comes_to_its_zone_and_to_every_receiver_of_this_machine() {
        let (one, two) = (group(1), group(2));
        let (mut first, problems) = listening(&[(1, one), (2, two)]);
        let (mut second, _) = listening(&[(7, one)]);
        assert_eq!(problems, []);
        let (mut sender, _) = listening(&[]);

        assert!(sender.send(two, b"two") && sender.send(one, b"one"));

        let (packet, other) = (first.next().await.unwrap(), first.next().await.unwrap());
        let mut heard = [(packet.zone, packet.bytes), (other.zone, other.bytes)];
        heard.sort();
        assert_eq!(heard, [(1, b"one".to_vec()), (2, b"two".to_vec())]);
        let packet = second.next().await.unwrap();
        assert_eq!((packet.zone, packet.bytes.as_slice()), (7, b"one".as_slice()));
    }

    #[tokio::test]
    async fn what_is_sent_to_the_machine_itself_does_not_come() {
        let wanted = group(12);
        let (mut zones, _) = listening(&[(1, wanted)]);
        let (mut sender, _) = listening(&[]);
        let unicast = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();

        unicast
            .send_to(b"unicast", (Ipv4Addr::LOCALHOST, wanted.port()))
            .unwrap();
        assert!(sender.send(wanted, b"wanted"));

        assert_eq!(zones.next().await.unwrap().bytes, b"wanted");
    }

    #[tokio::test]
    async fn what_is_sent_to_another_group_does_not_come() {
        let wanted = group(3);
        let other = SocketAddrV4::new(Ipv4Addr::new(239, 255, 77, 4), wanted.port());
        let (mut zones, _) = listening(&[(1, wanted)]);
        // Another program of this machine listens to the other group on the same port.
        let (_others, _) = listening(&[(1, other)]);
        let (mut sender, _) = listening(&[]);

        assert!(sender.send(other, b"other"));
        assert!(sender.send(wanted, b"wanted"));

        assert_eq!(zones.next().await.unwrap().bytes, b"wanted");
    }

    #[tokio::test]
    async fn a_zone_that_is_left_hears_nothing_and_one_that_stays_goes_on() {
        let (one, two) = (group(5), group(6));
        let (mut zones, _) = listening(&[(1, one), (2, two)]);

        assert_eq!(zones.listen(&[(2, two)].into(), LOOPBACK, 1), []);
        let (mut sender, _) = listening(&[]);
        assert!(sender.send(one, b"one") && sender.send(two, b"two"));

        assert_eq!(zones.next().await.unwrap().bytes, b"two");
    }

    #[tokio::test]
    async fn an_interface_that_is_not_there_is_told_once_and_again_when_it_is_there() {
        let mut zones = ZoneSockets::default();
        let groups = [(1, group(7))].into();

        let problems = zones.listen(&groups, Some("no-such-if"), 1);

        let [
            ZoneProblem {
                zone: 1,
                problem: Some(why),
            },
        ] = &problems[..]
        else {
            panic!("{problems:?}");
        };
        assert!(why.contains("no such network interface"), "{why}");
        assert_eq!(zones.refresh(), []);
        assert!(!zones.send(group(7), b"lost"));
        assert!(zones.sending_problem().unwrap().contains("no such interface"));
        let mended = ZoneProblem {
            zone: 1,
            problem: None,
        };
        assert_eq!(zones.listen(&groups, LOOPBACK, 1), [mended]);
        assert_eq!(zones.sending_problem(), None);
    }

    #[tokio::test]
    async fn a_zone_with_another_group_is_told_to_be_mended_where_its_problem_was_told() {
        let mut zones = ZoneSockets::default();
        let nowhere = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 5_004);
        let [told] = &zones.listen(&[(1, nowhere)].into(), LOOPBACK, 1)[..] else {
            panic!("it is no group");
        };
        assert!(told.problem.is_some());

        let mended = ZoneProblem {
            zone: 1,
            problem: None,
        };
        assert_eq!(zones.listen(&[(1, group(13))].into(), LOOPBACK, 1), [mended]);
    }

    #[tokio::test]
    async fn a_packet_that_cannot_be_sent_is_told_and_the_next_one_leaves_from_the_same_port() {
        let wanted = group(14);
        let (mut zones, _) = listening(&[(1, wanted)]);
        let (mut sender, _) = listening(&[]);

        assert!(sender.send(wanted, b"before"));
        assert!(!sender.send(SocketAddrV4::new(*wanted.ip(), 0), b"nowhere"));
        assert!(sender.sending_problem().unwrap().contains("nothing can be sent"));
        sender.refresh();
        assert!(sender.send(wanted, b"behind"));

        assert_eq!(sender.sending_problem(), None);
        let (before, behind) = (zones.next().await.unwrap(), zones.next().await.unwrap());
        assert_eq!((before.from, &behind.bytes[..]), (behind.from, &b"behind"[..]));
    }

    #[tokio::test]
    async fn as_many_packets_of_all_zones_wait_as_the_limit_and_not_one_more() {
        let zones = ZoneSockets::default();
        let places = Arc::new(Semaphore::new(WAITING_MAX + 1));
        let offer = || {
            zones.packets.try_send(ZonePacket {
                zone: 1,
                from: SocketAddr::from((Ipv4Addr::LOCALHOST, 5_004)),
                bytes: Vec::new(),
                _place: Arc::clone(&places).try_acquire_owned().unwrap(),
            })
        };
        for _ in 0..WAITING_MAX {
            assert!(offer().is_ok());
        }

        assert!(matches!(offer(), Err(TrySendError::Full(_))));
    }

    #[test]
    fn as_many_interfaces_as_the_limit_are_joined_on_and_not_one_more_unless_one_is_named() {
        let interfaces = |count: u32| -> Vec<Interface> {
            let interface = |index| Interface {
                index,
                name: format!("if{index}"),
            };
            (1..=count).map(interface).collect()
        };
        let limit = u32::try_from(INTERFACES_MAX).unwrap();

        assert_eq!(chosen(interfaces(limit), None), interfaces(limit));
        assert_eq!(chosen(interfaces(limit + 1), None), interfaces(limit));
        let named = chosen(interfaces(limit + 1), Some("if17"));
        assert_eq!(named.first().map(|interface| interface.index), Some(limit + 1));
    }

    #[tokio::test]
    async fn as_many_packets_of_a_zone_wait_as_the_limit_and_other_zones_have_their_own() {
        let (flooded, calm) = (group(8), group(9));
        let (mut zones, _) = listening(&[(1, flooded), (2, calm)]);
        let (mut sender, _) = listening(&[]);
        for _ in 0..=ZONE_PACKETS_MAX {
            assert!(sender.send(flooded, b"flood"));
        }
        while zones.received.len() < ZONE_PACKETS_MAX {
            tokio::task::yield_now().await;
        }
        assert!(sender.send(calm, b"calm"));
        while zones.received.len() < ZONE_PACKETS_MAX + 1 {
            tokio::task::yield_now().await;
        }

        let waiting = std::iter::from_fn(|| zones.received.try_recv().ok());
        let zones: Vec<u8> = waiting.map(|packet| packet.zone).collect();

        let of_flood = zones.iter().filter(|zone| **zone == 1).count();
        assert_eq!((of_flood, zones.len()), (ZONE_PACKETS_MAX, ZONE_PACKETS_MAX + 1));
    }

    #[tokio::test]
    async fn a_packet_of_the_longest_length_comes_through_and_a_longer_one_does_not() {
        let wanted = group(10);
        let (mut zones, _) = listening(&[(1, wanted)]);
        let (mut sender, _) = listening(&[]);

        assert!(sender.send(wanted, &[0; PACKET_BYTES_MAX + 1]));
        assert!(sender.send(wanted, &[0; PACKET_BYTES_MAX]));

        assert_eq!(zones.next().await.unwrap().bytes.len(), PACKET_BYTES_MAX);
    }

    #[tokio::test]
    async fn packets_go_as_many_hops_as_they_are_to() {
        let mut zones = ZoneSockets::default();
        zones.listen(&BTreeMap::new(), LOOPBACK, 7);
        assert!(zones.send(group(11), b"packet"));

        let Sending::Open(socket) = &zones.sender else {
            panic!("it was opened");
        };
        assert_eq!(SockRef::from(socket).multicast_ttl_v4().unwrap(), 7);
    }
}
