//! Pages: answered, played, accounted for.

use std::time::Duration;

use endpoint::profile::PageTone;
use media::sdp::SecurityOffer;
use model::status::Receipt;

use crate::world::{World, profile, speech};

#[test]
fn a_page_is_played_from_its_first_sample_and_the_bye_is_answered_with_a_receipt() {
    let mut profile = profile();
    profile.slots[0].tone = PageTone::Chime;
    let mut world = World::registered(profile);

    let (session, pending) = world.call("hall", SecurityOffer::Standard, &[("Oyez-Page", "page-1")]);
    world.run_until(Duration::from_secs(3), |world| {
        world
            .servers
            .values()
            .any(|server| server.answered_at(session).is_some())
    });
    let call = world.media_opened[0];
    world.speak(session, &pending, call, &speech(Duration::from_secs(2)));
    world.run_for(Duration::from_secs(2));
    world.hang_up(session);
    world.run_for(Duration::from_secs(1));

    let (_, answer) = world.server().bye_answer(session).expect("the BYE is answered");
    let receipt: Receipt = serde_json::from_slice(answer.body()).expect("the answer carries a receipt");
    assert_eq!(receipt.page.as_str(), "page-1");
    assert_eq!(receipt.played_ms, 2_000);
    assert_eq!(receipt.lost, 0);
    assert!(receipt.sink_healthy && !receipt.muted);
}
