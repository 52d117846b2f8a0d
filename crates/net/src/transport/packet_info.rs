//! Datagrams with their local address: a socket bound to all addresses must answer from the one it was asked on.

use std::io::{self, IoSlice};
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;

use socket2::{MsgHdr, SockAddr, SockRef};

use crate::system;

/// Room for one control message with an IPv6 packet info, and another one the system may add.
const CONTROL_BYTES: usize = 128;
const LENGTH_BYTES: usize = size_of::<usize>();
/// A control message begins with its length (a machine word), level and type.
const HEADER_BYTES: usize = LENGTH_BYTES + 8;

/// Receives one datagram: its length, its sender, and the local address it was sent to.
pub(crate) fn receive(
    socket: &impl AsFd,
    buffer: &mut [u8],
    bound: SocketAddr,
) -> io::Result<(usize, SocketAddr, SocketAddr)> {
    let mut control = [0; CONTROL_BYTES];
    let received = system::receive_message(socket, buffer, &mut control)?;
    let local = control
        .get(..received.control_length)
        .and_then(destination)
        .unwrap_or_else(|| bound.ip());
    Ok((
        received.length,
        received.remote,
        SocketAddr::new(local, bound.port()),
    ))
}

/// Sends one datagram from `local`.
pub(crate) fn send(socket: &impl AsFd, bytes: &[u8], local: IpAddr, remote: SocketAddr) -> io::Result<usize> {
    let remote = SockAddr::from(remote);
    let buffers = [IoSlice::new(bytes)];
    let control = source(local);
    let header = MsgHdr::new()
        .with_addr(&remote)
        .with_buffers(&buffers)
        .with_control(&control);
    SockRef::from(socket).sendmsg(&header, 0)
}

/// The address in the packet info among control messages.
fn destination(mut control: &[u8]) -> Option<IpAddr> {
    while let (Some(length), Some(level), Some(kind)) = (
        control.first_chunk().map(|length| usize::from_ne_bytes(*length)),
        word(control, LENGTH_BYTES),
        word(control, LENGTH_BYTES + 4),
    ) {
        let data = control.get(HEADER_BYTES..length)?;
        match (level, kind) {
            // in_pktinfo: interface, local address, address in the header.
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let octets: [u8; 4] = data.get(4..8)?.try_into().ok()?;
                return Some(Ipv4Addr::from(octets).into());
            }
            // in6_pktinfo: address, interface.
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let octets: [u8; 16] = data.get(..16)?.try_into().ok()?;
                return Some(Ipv6Addr::from(octets).into());
            }
            _ => control = control.get(length.next_multiple_of(LENGTH_BYTES)..)?,
        }
    }
    None
}

fn word(bytes: &[u8], at: usize) -> Option<i32> {
    let octets: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(i32::from_ne_bytes(octets))
}

/// The control message that chooses the address to send from; the interface is left to the route.
fn source(local: IpAddr) -> Vec<u8> {
    let (level, kind, data) = match local {
        IpAddr::V4(v4) => {
            let mut data = [0; 12];
            data[4..8].copy_from_slice(&v4.octets());
            (libc::IPPROTO_IP, libc::IP_PKTINFO, data.to_vec())
        }
        IpAddr::V6(v6) => {
            let mut data = [0; 20];
            data[..16].copy_from_slice(&v6.octets());
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, data.to_vec())
        }
    };
    let length = HEADER_BYTES + data.len();
    let mut control = Vec::with_capacity(length.next_multiple_of(LENGTH_BYTES));
    control.extend_from_slice(&length.to_ne_bytes());
    control.extend_from_slice(&level.to_ne_bytes());
    control.extend_from_slice(&kind.to_ne_bytes());
    control.extend_from_slice(&data);
    control.resize(length.next_multiple_of(LENGTH_BYTES), 0);
    control
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_as_source_is_read_as_destination() {
        for text in ["192.0.2.7", "2001:db8::7"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(destination(&source(address)), Some(address));
        }
    }

    #[test]
    fn the_packet_info_is_found_behind_another_control_message() {
        let mut control = source("192.0.2.1".parse().unwrap());
        control[LENGTH_BYTES..LENGTH_BYTES + 4].copy_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
        control.extend(source("192.0.2.7".parse().unwrap()));

        assert_eq!(destination(&control), Some("192.0.2.7".parse().unwrap()));
    }

    #[test]
    fn broken_control_messages_give_no_address() {
        let whole = source("192.0.2.7".parse().unwrap());

        for length in 0..HEADER_BYTES + 8 {
            assert_eq!(destination(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(destination(&[0; 64]), None, "a length of zero must not loop");
        assert_eq!(destination(&[0xFF; 64]), None);
    }
}
