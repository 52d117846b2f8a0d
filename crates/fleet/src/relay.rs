//! Somebody on the way of the packets who loses some and delays others, in a way that a seed decides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Octets of a datagram at most.
const DATAGRAM_MAX: usize = 1_500;

/// What happens to packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impairment {
    /// Packets of a hundred that are lost, each by itself.
    pub lost_percent: u32,
    /// Every packet that is not lost comes later by a time between zero and this; one may overtake another.
    pub jitter: Duration,
    /// Decides which, and by how much.
    pub seed: u8,
}

/// The fates of packets, one after the other.
#[derive(Debug)]
struct Fates {
    impairment: Impairment,
    random: ChaCha20Rng,
}

impl Fates {
    fn new(impairment: Impairment) -> Self {
        Self {
            impairment,
            random: ChaCha20Rng::from_seed([impairment.seed; 32]),
        }
    }

    /// The delay of the next packet; `None` if it is lost. Both are drawn for each packet, so that a loss does not change what becomes of the
    /// others.
    fn next(&mut self) -> Option<Duration> {
        let [loss, delay] = [self.random.next_u32(), self.random.next_u32()];
        let delay = self
            .impairment
            .jitter
            .mul_f64(f64::from(delay) / f64::from(u32::MAX));
        (loss % 100 >= self.impairment.lost_percent).then_some(delay)
    }
}

/// A relay to one destination. It ends when this is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Relay {
    /// Opens a relay on the destination's network.
    ///
    /// # Errors
    ///
    /// When no socket can be opened.
    pub async fn open(
        bind: SocketAddr,
        destination: SocketAddr,
        impairment: Impairment,
    ) -> std::io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(bind).await?);
        let address = socket.local_addr()?;
        let task = tokio::spawn(pass_on(socket, destination, Fates::new(impairment)));
        Ok(Self { address, task })
    }

    /// Where it takes packets.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(socket: Arc<UdpSocket>, destination: SocketAddr, mut fates: Fates) {
    let mut buffer = [0; DATAGRAM_MAX];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let Some(packet) = buffer.get(..length).filter(|_| from != destination) else {
            continue;
        };
        let (packet, arrived) = (packet.to_vec(), Instant::now());
        if let Some(delay) = fates.next() {
            let socket = Arc::clone(&socket);
            tokio::spawn(async move {
                sleep_until(arrived + delay).await;
                // What cannot be sent is lost, as packets are.
                let _is_sent = socket.send_to(&packet, destination).await.is_ok();
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(lost_percent: u32) -> Vec<Option<Duration>> {
        let mut fates = Fates::new(Impairment {
            lost_percent,
            jitter: Duration::from_millis(40),
            seed: 7,
        });
        (0..10_000).map(|_| fates.next()).collect()
    }

    #[test]
    fn as_many_packets_are_lost_as_are_asked_for() {
        for (percent, between) in [
            (0, 0..=0),
            (1, 70..=130),
            (10, 900..=1_100),
            (100, 10_000..=10_000),
        ] {
            let lost = fates(percent).iter().filter(|fate| fate.is_none()).count();
            assert!(between.contains(&lost), "{lost} at {percent} %");
        }
    }

    #[test]
    fn a_loss_changes_nothing_for_the_others_and_delays_fill_the_jitter() {
        let (whole, lossy) = (fates(0), fates(10));
        assert!(
            whole
                .iter()
                .zip(&lossy)
                .all(|(whole, lossy)| lossy.is_none() || whole == lossy)
        );
        let delays: Vec<Duration> = whole.into_iter().flatten().collect();
        assert!(delays.iter().max().unwrap() > &Duration::from_millis(39));
        assert!(delays.iter().max().unwrap() <= &Duration::from_millis(40));
        assert!(delays.iter().min().unwrap() < &Duration::from_millis(1));
    }

    #[tokio::test]
    async fn packets_come_out_at_the_destination() {
        let bind = SocketAddr::from(([127, 0, 0, 1], 0));
        let destination = UdpSocket::bind(bind).await.unwrap();
        let impairment = Impairment {
            lost_percent: 0,
            jitter: Duration::ZERO,
            seed: 1,
        };
        let relay = Relay::open(bind, destination.local_addr().unwrap(), impairment)
            .await
            .unwrap();
        let sender = UdpSocket::bind(bind).await.unwrap();
        sender.send_to(b"sound", relay.address()).await.unwrap();

        let mut buffer = [0; 16];
        let (length, _) = destination.recv_from(&mut buffer).await.unwrap();

        assert_eq!(&buffer[..length], b"sound");
    }
}
