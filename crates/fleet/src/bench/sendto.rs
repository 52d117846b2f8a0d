//! The kernel's own price of a packet: bare `sendto` to the same sockets, as many packets in the same time.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use fleet::process::own_thread_time;

/// Time between two rounds.
const PACKET_TIME: Duration = Duration::from_millis(20);

/// Sends `rounds` packets of `length` octets to each address, each from a socket of its own, a round every 20 ms as a sender of
/// sound does; the processor time of this thread and the packets sent.
///
/// # Errors
///
/// When a socket cannot be had or does not take a packet.
pub(crate) fn measure(
    addresses: &[SocketAddr],
    source: IpAddr,
    length: usize,
    rounds: u32,
) -> io::Result<(Duration, u64)> {
    let sockets = addresses
        .iter()
        .map(|address| Ok((UdpSocket::bind(SocketAddr::new(source, 0))?, *address)))
        .collect::<io::Result<Vec<_>>>()?;
    // As RTP: whoever counts packets of sound counts these too.
    let mut packet = vec![0; length];
    packet.splice(..1.min(length), [0x80]);
    let mut packets = 0;
    let mut next = Instant::now();
    let before = own_thread_time()?;
    for _round in 0..rounds {
        for (socket, address) in &sockets {
            socket.send_to(&packet, address)?;
            packets += 1;
        }
        next += PACKET_TIME;
        while let Some(pause) = next
            .checked_duration_since(Instant::now())
            .filter(|pause| !pause.is_zero())
        {
            std::thread::park_timeout(pause);
        }
    }
    Ok((own_thread_time()? - before, packets))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn each_address_gets_a_packet_a_round() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = receiver.local_addr().unwrap();

        let (_, packets) = measure(&[address, address], Ipv4Addr::LOCALHOST.into(), 182, 1).unwrap();

        assert_eq!(packets, 2);
        let mut buffer = [0; 200];
        for _packet in 0..packets {
            assert_eq!(receiver.recv(&mut buffer).unwrap(), 182);
        }
    }
}
