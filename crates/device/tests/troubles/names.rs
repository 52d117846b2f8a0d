//! A name server that fails until it is mended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::server::LOOPBACK;

/// Octets of the header of a DNS message (RFC 1035 section 4.1.1).
const HEADER: usize = 12;
/// Octets of type and class behind the name of a question; this is an IPv4 address in the Internet.
const ADDRESS_IN: [u8; 4] = [0, 1, 0, 1];
/// Flags of an answer: recursion available, and SERVFAIL or no error.
const FAILED: [u8; 2] = [0x81, 0x82];
const ANSWERED: [u8; 2] = [0x81, 0x80];

/// Answers every question for an address with the loopback's once it is mended.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    is_mended: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl NameServer {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let is_mended = Arc::new(AtomicBool::new(false));
        let mended = Arc::clone(&is_mended);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 1_500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let reply = answer(&buffer[..length], mended.load(Ordering::Relaxed));
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self {
            address,
            is_mended,
            task,
        }
    }

    pub(crate) fn mend(&self) {
        self.is_mended.store(true, Ordering::Relaxed);
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(query: &[u8], is_mended: bool) -> Vec<u8> {
    let name_end = HEADER + query[HEADER..].iter().position(|octet| *octet == 0).unwrap() + 1;
    let question = &query[HEADER..name_end + ADDRESS_IN.len()];
    let is_known = is_mended && question.ends_with(&ADDRESS_IN);
    let flags = if is_mended { ANSWERED } else { FAILED };
    let counts = [0, 1, 0, u8::from(is_known), 0, 0, 0, 0];
    let mut reply = [&query[..2], &flags, &counts, question].concat();
    if is_known {
        reply.extend([0xc0, 0x0c]);
        reply.extend(ADDRESS_IN);
        reply.extend([0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    reply
}
