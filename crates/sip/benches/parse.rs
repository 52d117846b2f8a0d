//! What it costs to read a message: the table alone, and with the headers that every layer asks for.
//!
//! Run with `cargo bench -p sip`. The messages are a REGISTER of 837 octets with digest and an INVITE of 1193
//! octets with keys in its SDP.

use std::hint::black_box;

use divan::{AllocProfiler, Bencher};
use sip::framing::{Framed, Side, StreamFramer};
use sip::message::{HeaderName, Message, Method, RequestBuilder, StatusCode};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const REGISTER: &[u8] = include_bytes!("../tests/messages/register.dat");
const INVITE: &[u8] = include_bytes!("../tests/messages/invite.dat");

fn main() {
    divan::main();
}

fn parse(octets: &[u8]) -> Message {
    Message::parse_datagram(octets.to_vec()).expect("the message is sound")
}

/// Reads what registrar and transactions ask of every message.
fn read_core(message: &Message) {
    let via = message.top_via().expect("the message is sound");
    black_box((via.unique_branch(), via.host()));
    black_box(message.from().expect("the message is sound").tag());
    black_box(message.to().expect("the message is sound").tag());
    black_box(message.call_id().expect("the message is sound"));
    black_box(message.cseq().expect("the message is sound"));
    let contact = message.contacts().expect("the message is sound").first();
    black_box(contact.and_then(|contact| contact.parameters().value("+sip.instance")));
}

#[divan::bench_group]
mod register {
    use super::*;

    #[divan::bench]
    fn parse_only() -> Message {
        parse(black_box(REGISTER))
    }

    #[divan::bench]
    fn parse_and_core() {
        read_core(&parse(black_box(REGISTER)));
    }

    #[divan::bench]
    fn parse_and_validate() -> bool {
        parse(black_box(REGISTER)).validate().is_ok()
    }

    #[divan::bench]
    fn frame_and_core(bencher: Bencher<'_, '_>) {
        let mut framer = StreamFramer::new(Side::Accepted);
        bencher.bench_local(|| {
            framer.push(black_box(REGISTER));
            if let Ok(Some(Framed::Message(message))) = framer.next() {
                read_core(&message);
            }
        });
    }

    #[divan::bench]
    fn respond(bencher: Bencher<'_, '_>) {
        let request = parse(REGISTER);
        bencher.bench_local(|| {
            request
                .response(StatusCode::OK)
                .to_tag("4f1a")
                .header(HeaderName::Expires, "60")
                .finish()
        });
    }

    #[divan::bench]
    fn stamp(bencher: Bencher<'_, '_>) {
        let source = "192.0.2.44:49152".parse().expect("an address");
        bencher
            .with_inputs(|| parse(REGISTER))
            .bench_local_values(|request| request.with_received_from(source));
    }
}

#[divan::bench_group]
mod invite {
    use super::*;

    #[divan::bench]
    fn parse_only() -> Message {
        parse(black_box(INVITE))
    }

    #[divan::bench]
    fn parse_and_core() {
        read_core(&parse(black_box(INVITE)));
    }

    #[divan::bench]
    fn parse_and_validate() -> bool {
        parse(black_box(INVITE)).validate().is_ok()
    }

    #[divan::bench]
    fn build() -> usize {
        let request = RequestBuilder::new(Method::Invite, "sip:4100@paging.example.net")
            .header(
                HeaderName::Via,
                "SIP/2.0/TLS 192.0.2.60:50312;branch=z9hG4bK77ac1e0b9d4f4a21;rport",
            )
            .header(HeaderName::MaxForwards, "70")
            .header(
                HeaderName::From,
                "<sip:front-desk@paging.example.net>;tag=8d30b1a6",
            )
            .header(HeaderName::To, "<sip:4100@paging.example.net>")
            .header(HeaderName::CallId, "9b1d6a57c0e24d1f8a3b@192.0.2.60")
            .header(HeaderName::CSeq, "1 INVITE")
            .body("application/sdp", black_box(b"v=0\r\n"))
            .finish();
        request.map_or(0, |request| request.as_bytes().len())
    }
}
