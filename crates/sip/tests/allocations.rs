//! How often reading a message allocates. This file stands alone because the counting allocator serves the
//! whole program, and counts one thread at a time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests state what they expect by unwrapping it"
)]
#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sip::framing::{Framed, Side, StreamFramer};
use sip::header::Contacts;
use sip::message::{HeaderName, Message};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on to the system allocator unchanged; counting touches no memory of its own
// but a thread-local without destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and the memory came from the system allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `realloc`, and the memory came from the system allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

const REGISTER: &[u8] = include_bytes!("messages/register.dat");
const INVITE: &[u8] = include_bytes!("messages/invite.dat");

/// Counts the allocations of this thread while `work` runs.
fn allocations<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.get();
    let result = work();
    (result, ALLOCATIONS.get() - before)
}

fn read_core(message: &Message) {
    assert!(message.top_via().unwrap().unique_branch().is_some());
    assert!(message.from().unwrap().tag().is_some());
    assert!(message.to().unwrap().uri().is_sip());
    assert!(message.call_id().is_ok() && message.cseq().is_ok());
    let Contacts::List(contacts) = message.contacts().unwrap() else {
        panic!("no wildcard")
    };
    assert!(
        contacts
            .iter()
            .all(|contact| contact.uri().has_parameter("transport") && contact.expires().is_none())
    );
    assert!(message.expires().is_none_or(|seconds| seconds == 3600));
    assert!(message.header(HeaderName::Other("Oyez-Page")).is_none());
    assert_eq!(message.validate(), Ok(()));
}

#[test]
fn a_datagram_with_its_core_headers_costs_one_allocation_the_buffer() {
    for octets in [REGISTER, INVITE] {
        let ((), count) = allocations(|| read_core(&Message::parse_datagram(octets.to_vec()).unwrap()));
        assert_eq!(count, 1);
    }
}

#[test]
fn a_message_on_a_stream_costs_one_allocation_the_buffer() {
    let mut framer = StreamFramer::new(Side::Accepted);
    for octets in [REGISTER, INVITE] {
        let ((), count) = allocations(|| {
            framer.push(octets);
            let Ok(Some(Framed::Message(message))) = framer.next() else {
                panic!("the message is whole")
            };
            read_core(&message);
        });
        assert_eq!(count, 1);
    }
}
