//! How the way of the media is opened when signalling is slow.

use std::time::Duration;

use endpoint::tones::{BuiltinTone, ToneSource};
use media::sdp::SecurityOffer;

use crate::world::{World, profile};

#[test]
fn a_packet_goes_out_when_a_late_answer_has_arrived_because_earlier_ones_came_before_its_keys() {
    let mut profile = profile();
    profile.slots[0].tone = ToneSource::Builtin(BuiltinTone::PageNotification);
    let mut world = World::sounding(profile);
    world.call("hall", SecurityOffer::Standard, &[("Oyez-Page", "page-1")]);
    let connection = world.flow().connection;
    world.frozen.push(connection);
    world.run_until(Duration::from_secs(5), |world| !world.media_sent.is_empty());
    let (answered_at, ..) = world.media_sent[0];

    // The answer is lost, and repeated after 0.5 s and 1.5 s.
    world.run_for(Duration::from_millis(700));
    world.frozen.clear();
    world.run_for(Duration::from_millis(900));

    let times: Vec<u128> = world
        .media_sent
        .iter()
        .map(|(at, ..)| (*at - answered_at).as_millis())
        .collect();
    assert_eq!(times, [0, 20, 60, 140, 300, 620, 1_260, 1_500, 1_520, 1_560]);
}
