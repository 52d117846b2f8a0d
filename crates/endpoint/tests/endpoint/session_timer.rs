//! Session timers (RFC 4028) of calls to a device.

use std::time::Duration;

use endpoint::Input;
use media::sdp::{self, LocalMedia, Negotiated, SecurityOffer};
use media::send::{Sender, SenderConfig};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sip::message::{HeaderName, Method, StatusCode};
use sip::user_agent::{Body, Reply};

use crate::world::{Page, TICK, TICK_SAMPLES, World, profile, speech, talker_media};

const TIMER: [(&str, &str); 2] = [("Supported", "timer"), ("Session-Expires", "90;refresher=uac")];

/// A page that goes on for four minutes, of a caller that asks for a session timer of 90 s.
fn timed_page() -> (World, Page) {
    let mut world = World::sounding(profile());
    let page = world.page("hall", &TIMER);
    world.speak_page(&page, &speech(Duration::from_secs(240)));
    (world, page)
}

#[test]
fn a_page_whose_caller_does_not_refresh_its_session_ends() {
    let (mut world, page) = timed_page();
    let (_, answer) = world.server().answered_at(page.session).unwrap();
    let told = answer.header(HeaderName::SessionExpires);
    assert_eq!(told, Some("90;refresher=uac"));

    world.run_for(Duration::from_secs(59));
    assert!(world.what_sounds().is_some());
    world.run_for(Duration::from_secs(2));

    assert!(world.what_sounds().is_none());
    assert_eq!(world.device.agent_counters().expired, 1);
    assert_eq!(world.device.holdings().sessions, 0);
}

#[test]
fn a_page_whose_caller_refreshes_its_session_goes_on() {
    let (mut world, page) = timed_page();
    for _round in 0..4 {
        world.run_for(Duration::from_secs(45));
        let now = world.now;
        let headers = TIMER.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let agent = &mut world.server().agent;
        agent.request_in_session(now, page.session, Method::Update, headers.to_vec(), None);
        world.pump();
    }

    assert!(world.what_sounds().is_some());
    let statuses: Vec<u16> = world
        .server()
        .responses
        .iter()
        .map(|(status, _)| *status)
        .collect();
    assert_eq!(statuses, [200; 4]);
}

#[test]
fn a_session_timer_that_is_too_short_is_refused_before_anything_sounds() {
    let mut world = World::sounding(profile());
    let headers = [("Supported", "timer"), ("Session-Expires", "89")];

    let (session, _) = world.call("hall", SecurityOffer::Standard, &headers);
    world.run_for(Duration::from_secs(1));

    assert_eq!(world.server().statuses(session), [422]);
    assert!(world.what_sounds().is_none());
}

/// A page that the device has refreshed by a re-INVITE, since its caller takes no UPDATE; the caller has answered with its media
/// moved, in the words that `edit` makes of it. Gives the caller's view.
fn refreshed(edit: impl Fn(String) -> String) -> (World, Page, Negotiated, String) {
    let mut world = World::sounding(profile());
    let headers = [("Supported", "timer"), ("Session-Expires", "90;refresher=uas")];
    let page = world.page("hall", &headers);
    world.speak_page(&page, &speech(Duration::from_secs(45)));
    world.run_for(Duration::from_secs(45));
    let (transaction, refresh) = world.server().asked.pop().expect("the device refreshes");
    assert_eq!(refresh.method(), Some(Method::Invite));

    let moved = LocalMedia {
        port: 31_000,
        session_version: 2,
        ..talker_media(SecurityOffer::Standard)
    };
    let mut rng = ChaCha20Rng::from_seed([6; 32]);
    let (text, negotiated) = sdp::answer(refresh.body(), &moved, &mut rng).unwrap();
    let text = edit(text);
    let now = world.now;
    let ok = Reply::new(StatusCode::OK).body(Body::sdp(text.clone()));
    world.server().agent.respond(now, transaction, ok);
    world.pump();
    (world, page, negotiated, text)
}

#[test]
fn a_caller_whose_media_move_in_its_answer_to_a_refresh_is_heard_from_there_and_sent_to_there() {
    let (mut world, page, negotiated, text) = refreshed(|text| text);
    let from = "192.0.2.10:31000".parse().unwrap();
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut sender = Sender::new(&SenderConfig::new(&negotiated), &mut rng).unwrap();
    let played = world.played.len();

    for frame in speech(Duration::from_secs(1)).chunks_exact(TICK_SAMPLES) {
        let mut bytes = Vec::new();
        sender.packetize(world.now, frame, &mut bytes).unwrap();
        let call = page.call;
        world.input(Input::Media { call, from, bytes });
        world.run_for(TICK);
    }

    let loudest = world.played[played..].iter().map(|sample| sample.unsigned_abs());
    assert!(loudest.max().unwrap() > 7_000);
    assert_eq!(world.media_sent.last().unwrap().2, from);

    // The caller refreshes with what it has said last: nothing changes.
    let (_, answer) = world.server().answered_at(page.session).unwrap();
    let answer = answer.body().to_vec();
    let now = world.now;
    let body = Some(Body::sdp(text));
    let agent = &mut world.server().agent;
    agent.request_in_session(now, page.session, Method::Invite, Vec::new(), body);
    world.pump();
    assert_eq!(world.server().responses.pop(), Some((200, answer)));
}

#[test]
fn a_caller_whose_answer_to_a_refresh_is_of_no_use_is_hung_up_on() {
    let (mut world, page, ..) = refreshed(|text| text.replace("m=audio 31000", "m=audio 0"));

    let (_, bye) = world.server().bye_of_device(page.session).expect("a BYE");
    let reason = bye.header(HeaderName::Reason).unwrap();
    assert!(reason.contains("no usable media"), "{reason}");
    assert!(world.what_sounds().is_none());
}

#[test]
fn a_caller_who_answers_a_refresh_without_a_description_goes_on_as_before() {
    let mut world = World::sounding(profile());
    let headers = [("Supported", "timer"), ("Session-Expires", "90;refresher=uas")];
    let page = world.page("hall", &headers);
    world.speak_page(&page, &speech(Duration::from_secs(120)));
    for _round in 0..2 {
        world.run_for(Duration::from_secs(45));
        let (transaction, _) = world.server().asked.pop().expect("the device refreshes");
        let now = world.now;
        let ok = Reply::new(StatusCode::OK);
        world.server().agent.respond(now, transaction, ok);
        world.pump();
    }

    assert!(world.server().bye_of_device(page.session).is_none());
    assert!(world.what_sounds().is_some());
}
