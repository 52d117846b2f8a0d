//! A name server that knows one host.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

/// Type and class of an IPv4 address in a DNS message (RFC 1035 3.2).
const ADDRESS_IN: [u8; 4] = [0, 1, 0, 1];
/// Octets of the header.
const HEADER: usize = 12;

/// Answers `host` with `address`, and everything else with nothing, until the test ends.
pub(crate) fn serve(host: &str, address: Ipv4Addr) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let local = socket.local_addr().unwrap();
    let name: Vec<u8> = host
        .split('.')
        .flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat())
        .chain([0])
        .collect();
    thread::spawn(move || {
        let mut buffer = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if let Some(reply) = answer(buffer.get(..length).unwrap_or_default(), &name, address) {
                socket.send_to(&reply, from).unwrap();
            }
        }
    });
    local
}

fn answer(query: &[u8], name: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let question_end = HEADER + query.get(HEADER..)?.iter().position(|octet| *octet == 0)? + 5;
    let question = query.get(HEADER..question_end)?;
    let is_known = question.to_ascii_lowercase() == [name, &ADDRESS_IN].concat();
    // Response, recursion available, no error; one question, one answer or none.
    let mut reply = [
        query.get(..2)?,
        &[0x81, 0x80, 0, 1, 0, u8::from(is_known), 0, 0, 0, 0],
        question,
    ]
    .concat();
    if is_known {
        reply.extend([0xc0, 0x0c]);
        reply.extend(ADDRESS_IN);
        reply.extend([0, 0, 0, 60, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}
