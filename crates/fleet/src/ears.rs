//! The RTP sockets of many loudspeakers, all read by one thread: when each heard its first packet, and how many came.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use media::rtcp::is_rtcp;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};

/// Ears of one program at most: each is a descriptor.
pub const EARS_MAX: usize = 5_000;
/// Sockets reported by one look at the kernel.
const READY_MAX: usize = 1_024;
/// Longest packet read; sound has a fifth of it.
const PACKET_BYTES_MAX: usize = 1_500;

/// The two upper bits of an RTP packet.
const RTP_VERSION: u8 = 2;

/// What one ear has heard.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// When the first packet of sound came.
    pub first: Option<Instant>,
    /// That packet, as it came.
    pub first_packet: Vec<u8>,
    /// Packets of sound.
    pub packets: u64,
}

/// Open sockets and the thread that reads them; it ends when this is dropped.
#[derive(Debug)]
pub struct Ears {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    heard: Mutex<Vec<Heard>>,
    packets: AtomicU64,
    stops: AtomicBool,
}

impl Shared {
    fn heard(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ears {
    /// Opens `count` sockets on free ports of `address`, at most [`EARS_MAX`].
    ///
    /// # Errors
    ///
    /// When the system gives no socket or no thread.
    pub fn open(count: usize, address: IpAddr) -> io::Result<Self> {
        let count = count.min(EARS_MAX);
        let poll = Poll::new()?;
        // The number behind the last ear's is the waker's.
        let waker = Waker::new(poll.registry(), Token(count))?;
        let mut sockets = Vec::with_capacity(count);
        let mut addresses = Vec::with_capacity(count);
        for index in 0..count {
            let mut socket = UdpSocket::bind(SocketAddr::new(address, 0))?;
            poll.registry()
                .register(&mut socket, Token(index), Interest::READABLE)?;
            addresses.push(socket.local_addr()?);
            sockets.push(socket);
        }
        let shared = Arc::new(Shared {
            heard: Mutex::new(vec![Heard::default(); count]),
            packets: AtomicU64::new(0),
            stops: AtomicBool::new(false),
        });
        let listening = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("ears".to_owned())
            .spawn(move || listen(poll, &sockets, &listening))?;
        Ok(Self {
            addresses,
            shared,
            waker,
            thread: Some(thread),
        })
    }

    /// The addresses of the ears, in their order.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Packets of sound that have come to all ears since they were opened.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.shared.packets.load(Ordering::Relaxed)
    }

    /// How many ears have heard something since the last [`take`](Self::take).
    #[must_use]
    pub fn heard_count(&self) -> usize {
        let heard = self.shared.heard();
        heard.iter().filter(|ear| ear.first.is_some()).count()
    }

    /// What each ear has heard, in their order; each begins anew.
    #[must_use]
    pub fn take(&self) -> Vec<Heard> {
        self.shared.heard().iter_mut().map(std::mem::take).collect()
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Release);
        if self.waker.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            // A thread that has panicked has told so.
            let _ended = thread.join();
        }
    }
}

fn listen(mut poll: Poll, sockets: &[UdpSocket], shared: &Shared) {
    let mut ready = Events::with_capacity(READY_MAX);
    let mut buffer = [0; PACKET_BYTES_MAX];
    loop {
        match poll.poll(&mut ready, None) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
            Ok(()) | Err(_) => {}
        }
        if shared.stops.load(Ordering::Acquire) {
            return;
        }
        let mut packets = 0;
        let mut heard = shared.heard();
        for event in &ready {
            let Token(index) = event.token();
            let (Some(socket), Some(ear)) = (sockets.get(index), heard.get_mut(index)) else {
                continue;
            };
            while let Ok(length) = socket.recv(&mut buffer) {
                let packet = buffer.get(..length).unwrap_or_default();
                // What strays to a port is no sound either.
                if packet.first().is_none_or(|first| first >> 6 != RTP_VERSION) || is_rtcp(packet) {
                    continue;
                }
                if ear.first.is_none() {
                    ear.first = Some(Instant::now());
                    ear.first_packet = packet.to_vec();
                }
                ear.packets += 1;
                packets += 1;
            }
        }
        shared.packets.fetch_add(packets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn each_ear_counts_its_own_sound_and_no_reports() {
        let ears = Ears::open(2, Ipv4Addr::LOCALHOST.into()).unwrap();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let [first, second] = ears.addresses() else {
            panic!("two ears")
        };
        let (sound, report) = ([0x80, 0, 1], [0x80, 200, 1]);
        for (packet, address) in [
            (&report, first),
            (&sound, first),
            (&report, second),
            (&sound, second),
            (&sound, second),
        ] {
            sender.send_to(packet, address).unwrap();
        }
        while ears.packets() < 3 {
            std::thread::yield_now();
        }
        assert_eq!(ears.heard_count(), 2);

        let heard = ears.take();

        assert_eq!(heard.iter().map(|ear| ear.packets).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(heard[0].first_packet, sound);
        assert_eq!(ears.heard_count(), 0);
    }
}
