//! Media sockets of an endpoint: few of them, each packet handed to the driver.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::AbortHandle;

use super::PACKET_BYTES_MAX;
use super::ports::{MediaAddresses, OpenError, PortPool, PortRange, TrafficClasses};

/// Pairs of sockets open at once: all slots of a device with a call each.
const PAIRS_MAX: usize = 128;

/// Names a pair of sockets; never reused in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaSocketId(pub u64);

impl fmt::Display for MediaSocketId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "media {}", self.0)
    }
}

/// Which of a pair's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// A packet that came to a pair of sockets.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// The pair.
    pub socket: MediaSocketId,
    /// The one of the two.
    pub kind: PacketKind,
    /// Its sender.
    pub from: SocketAddr,
    /// Its bytes, at most [`PACKET_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Packet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Packet")
            .field("socket", &self.socket)
            .field("kind", &self.kind)
            .field("from", &self.from)
            .field("length", &self.bytes.len())
            .finish()
    }
}

/// The open pairs of an endpoint. Dropping them closes all.
#[derive(Debug)]
pub struct MediaSockets {
    pool: PortPool,
    pair_by_id: HashMap<MediaSocketId, Pair>,
    packets: mpsc::Sender<Packet>,
}

#[derive(Debug)]
struct Pair {
    port: u16,
    rtp: Listening,
    rtcp: Listening,
}

/// A socket with the task that receives from it.
#[derive(Debug)]
struct Listening {
    socket: Arc<UdpSocket>,
    task: AbortHandle,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MediaSockets {
    /// Prepares sockets on `addresses` within `ports`; received packets come to `packets`, and are lost while that queue
    /// is full.
    #[must_use]
    pub fn new(addresses: MediaAddresses, ports: PortRange, packets: mpsc::Sender<Packet>) -> Self {
        Self {
            pool: PortPool::new(ports, addresses, super::roll()),
            pair_by_id: HashMap::new(),
            packets,
        }
    }

    /// Marks the packets of pairs that are opened from here on with code points from 0 to 63 (RFC 2474).
    pub fn mark(&mut self, rtp: u8, rtcp: u8) {
        self.pool.mark(TrafficClasses {
            rtp: u32::from(rtp) << 2,
            rtcp: u32::from(rtcp) << 2,
        });
    }

    /// Opens a pair on the current tokio runtime, in the family of `local`; the port is RTP's, RTCP is on the next one.
    ///
    /// # Errors
    /// No ports or no descriptors are left, or there is no address of the family.
    pub fn open(&mut self, local: IpAddr) -> Result<(MediaSocketId, u16), OpenError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if self.pair_by_id.len() >= PAIRS_MAX {
            return Err(OpenError::Exhausted(PAIRS_MAX));
        }
        let opened = self.pool.open(local)?;
        let port = opened.port;
        let id = MediaSocketId(NEXT.fetch_add(1, Ordering::Relaxed));
        let listening = self.listen(id, PacketKind::Rtp, opened.rtp).and_then(|rtp| {
            let rtcp = self.listen(id, PacketKind::Rtcp, opened.rtcp)?;
            Ok(Pair { port, rtp, rtcp })
        });
        match listening {
            Ok(pair) => {
                self.pair_by_id.insert(id, pair);
                Ok((id, port))
            }
            Err(error) => {
                self.pool.close(port);
                Err(error.into())
            }
        }
    }

    /// Sends a packet at once; false when the pair is closed or the kernel does not take it.
    pub fn send(&self, socket: MediaSocketId, kind: PacketKind, to: SocketAddr, bytes: &[u8]) -> bool {
        self.pair_by_id.get(&socket).is_some_and(|pair| {
            let listening = match kind {
                PacketKind::Rtp => &pair.rtp,
                PacketKind::Rtcp => &pair.rtcp,
            };
            // Straight to the kernel: tokio would refuse until it has seen the socket's readiness.
            SockRef::from(&*listening.socket)
                .send_to(bytes, &to.into())
                .is_ok()
        })
    }

    /// Closes a pair; packets received before may still be in the driver's queue.
    pub fn close(&mut self, socket: MediaSocketId) {
        if let Some(pair) = self.pair_by_id.remove(&socket) {
            self.pool.close(pair.port);
        }
    }

    fn listen(
        &self,
        id: MediaSocketId,
        kind: PacketKind,
        socket: std::net::UdpSocket,
    ) -> io::Result<Listening> {
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let task = tokio::spawn(receive(id, kind, Arc::clone(&socket), self.packets.clone()));
        Ok(Listening {
            socket,
            task: task.abort_handle(),
        })
    }
}

async fn receive(id: MediaSocketId, kind: PacketKind, socket: Arc<UdpSocket>, packets: mpsc::Sender<Packet>) {
    // One byte more than allowed shows that a packet is too long.
    let mut buffer = vec![0; PACKET_BYTES_MAX + 1];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            // An error is of one packet, as after a reply that nobody wanted; the next one may be good.
            tokio::task::yield_now().await;
            continue;
        };
        let Some(bytes) = buffer
            .get(..length)
            .filter(|bytes| bytes.len() <= PACKET_BYTES_MAX)
        else {
            continue;
        };
        match packets.try_send(Packet {
            socket: id,
            kind,
            from,
            bytes: bytes.to_vec(),
        }) {
            Ok(()) | Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Closed(_)) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn packets_go_both_ways_on_both_ports() {
        let (packets, mut received) = mpsc::channel(8);
        let mut sockets = MediaSockets::new(MediaAddresses::new(&[LOOPBACK]), PortRange::default(), packets);
        let (one, one_port) = sockets.open(LOOPBACK).unwrap();
        let (other, other_port) = sockets.open(LOOPBACK).unwrap();

        for (kind, offset) in [(PacketKind::Rtp, 0), (PacketKind::Rtcp, 1)] {
            assert!(sockets.send(
                one,
                kind,
                SocketAddr::new(LOOPBACK, other_port + offset),
                b"packet"
            ));
            let packet = received.recv().await.unwrap();
            assert_eq!((packet.socket, packet.kind), (other, kind));
            assert_eq!(packet.from, SocketAddr::new(LOOPBACK, one_port + offset));
            assert_eq!(packet.bytes, b"packet");
        }
    }

    #[tokio::test]
    async fn a_packet_of_the_longest_length_comes_through_and_a_longer_one_does_not() {
        let (packets, mut received) = mpsc::channel(8);
        let mut sockets = MediaSockets::new(MediaAddresses::new(&[LOOPBACK]), PortRange::default(), packets);
        let (one, _) = sockets.open(LOOPBACK).unwrap();
        let (_, port) = sockets.open(LOOPBACK).unwrap();
        let to = SocketAddr::new(LOOPBACK, port);

        assert!(sockets.send(one, PacketKind::Rtp, to, &[0; PACKET_BYTES_MAX + 1]));
        assert!(sockets.send(one, PacketKind::Rtp, to, &[0; PACKET_BYTES_MAX]));

        assert_eq!(received.recv().await.unwrap().bytes.len(), PACKET_BYTES_MAX);
    }

    #[tokio::test]
    async fn a_closed_pair_sends_nothing_and_its_ports_are_free() {
        let (packets, _received) = mpsc::channel(8);
        let mut sockets = MediaSockets::new(MediaAddresses::new(&[LOOPBACK]), PortRange::default(), packets);
        let (id, port) = sockets.open(LOOPBACK).unwrap();

        sockets.close(id);
        tokio::task::yield_now().await;

        assert!(!sockets.send(id, PacketKind::Rtp, SocketAddr::new(LOOPBACK, port), b"packet"));
    }

    #[tokio::test]
    async fn an_endpoint_opens_its_limit_of_pairs_and_not_one_more() {
        let (packets, _received) = mpsc::channel(8);
        let mut sockets = MediaSockets::new(MediaAddresses::new(&[LOOPBACK]), PortRange::default(), packets);
        for _ in 0..PAIRS_MAX {
            sockets.open(LOOPBACK).unwrap();
        }

        assert!(matches!(
            sockets.open(LOOPBACK),
            Err(OpenError::Exhausted(PAIRS_MAX))
        ));
    }
}
