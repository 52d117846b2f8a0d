//! Attacks by their ids.

mod calls;
mod identity;
mod strangers;

use sip::flow::Transport;
use sip::message::Message;

use crate::world::World;

/// Registers as a user that knows its password, with these headers; returns the final response.
fn register(world: &mut World, headers: &[(&str, &str)]) -> Message {
    if world.phones.is_empty() {
        world.add("mallory", Transport::Tls);
    }
    world.phones[0].register_with(world.now, headers);
    world.settle();
    world.phones[0].responses.last().unwrap().clone()
}

fn code(response: &Message) -> u16 {
    response.status().unwrap().code()
}
