//! Pages: answered, played, accounted for.

use std::time::Duration;

use endpoint::tones::{BuiltinTone, Recording, ToneSource};
use endpoint::{CALLS_MAX, CALLS_PER_SLOT_MAX, Input, Profile};
use media::codec::g711;
use media::sdp::SecurityOffer;
use media::tone::Signal;
use model::status::{DeviceEvent, NotHeardReason, SinkHealth, Verdict};
use model::{SlotKind, SlotPosition};
use sip::message::{HeaderName, StatusCode};

use crate::server::{CallLog, Registrar};
use crate::world::{PRIMARY, RATE, World, profile, slot, speech, talker_address};

const SECOND: Duration = Duration::from_secs(1);
const PAGE: &[(&str, &str)] = &[("Oyez-Page", "page-1")];

#[test]
fn the_answer_comes_when_the_last_sample_of_the_tone_is_taken_and_not_before() {
    let mut world = World::sounding(chiming());
    let from = world.played.len();

    let page = world.page("hall", PAGE);

    let tone = Signal::chime().duration().unwrap();
    let (answered_at, _) = world.server().answered_at(page.session).unwrap();
    let taken = RATE.duration_of(u64::try_from(world.played.len() - from).unwrap());
    assert_eq!(world.server().statuses(page.session), [180, 200]);
    assert!(taken >= tone, "answered after {taken:?} of {tone:?}");
    assert!(taken < tone + 2 * crate::world::TICK);
    assert!(answered_at <= world.now);
    assert!(
        world.played[from..].iter().any(|sample| sample.abs() > 1_000),
        "the tone is heard"
    );
}

#[test]
fn a_page_without_tone_is_answered_at_once() {
    let mut world = World::sounding(profile());

    let page = world.page("hall", PAGE);

    assert_eq!(world.server().statuses(page.session), [200]);
}

#[test]
fn a_sink_that_stands_still_does_not_keep_a_page_ringing() {
    let mut world = World::registered(chiming());

    let page = world.page("hall", PAGE);

    let (answered_at, _) = world.server().answered_at(page.session).unwrap();
    assert!(answered_at - world.start <= 4 * SECOND);
}

#[test]
fn a_page_is_played_whole_from_its_first_sample() {
    let mut world = World::sounding(profile());
    let said = speech(2 * SECOND);

    let page = world.page("hall", PAGE);
    world.speak_page(&page, &said);
    world.run_for(2 * SECOND);
    world.hang_up(page.session);
    world.run_for(SECOND);

    let expected: Vec<i16> = said
        .iter()
        .map(|sample| g711::decode_mu_law(g711::encode_mu_law(*sample)))
        .collect();
    let first = world
        .played
        .iter()
        .position(|sample| *sample != 0)
        .expect("something was heard");
    // The sine begins at zero, so its first sample cannot be told from silence.
    assert_eq!(world.played[first..first + expected.len() - 1], expected[1..]);
    assert!(
        world.played[first + expected.len()..]
            .iter()
            .all(|sample| sample.abs() < 13_000)
    );
}

#[test]
fn a_page_played_whole_is_heard_by_its_receipt() {
    let mut world = World::sounding(profile());

    let page = world.page("hall", PAGE);
    world.run_for(SECOND / 2);
    world.speak_page(&page, &speech(2 * SECOND));
    world.run_for(2 * SECOND);
    world.hang_up(page.session);
    world.run_for(SECOND);

    let receipt = world.receipt(page.session);
    assert_eq!(receipt.page.as_str(), "page-1");
    assert_eq!((receipt.played_ms, receipt.expected_ms), (2_000, 2_000));
    assert_eq!((receipt.lost, receipt.concealed_ms), (0, 0));
    assert!(
        (500..=600).contains(&receipt.first_audio_ms.unwrap()),
        "{receipt:?}"
    );
    assert!(
        (-15.0..=-8.0).contains(&receipt.level_dbfs.unwrap()),
        "{receipt:?}"
    );
    assert!(receipt.sink_healthy && !receipt.muted);
    assert_eq!(paging::judge(2_000, &receipt), Verdict::Heard);
    assert!(world.events.iter().any(|(_, event)| *event
        == DeviceEvent::PagePlayed {
            receipt: receipt.clone()
        }));
}

#[test]
fn lost_packets_stand_in_the_receipt() {
    let mut world = World::sounding(profile());
    world.lost_packets = 20..25;

    let page = world.page("hall", PAGE);
    world.speak_page(&page, &speech(2 * SECOND));
    world.run_for(2 * SECOND);
    world.hang_up(page.session);
    world.run_for(SECOND);

    let receipt = world.receipt(page.session);
    assert_eq!((receipt.lost, receipt.concealed_ms), (5, 100));
    assert_eq!((receipt.played_ms, receipt.expected_ms), (2_000, 2_000));
}

#[test]
fn a_muted_device_has_not_heard() {
    let mut world = World::sounding(profile());
    world.input(Input::Muted(true));

    let receipt = whole_page(&mut world, |_| {});

    assert!(receipt.muted);
    assert!(
        world.played.iter().all(|sample| *sample == 0),
        "a muted device is silent"
    );
    assert_eq!(paging::judge(2_000, &receipt), not_heard(NotHeardReason::Muted));
}

#[test]
fn a_device_muted_for_a_moment_has_not_heard() {
    let mut world = World::sounding(profile());

    let receipt = whole_page(&mut world, |world| {
        world.input(Input::Muted(true));
        world.run_for(SECOND / 10);
        world.input(Input::Muted(false));
    });

    assert_eq!(paging::judge(2_000, &receipt), not_heard(NotHeardReason::Muted));
}

#[test]
fn a_null_sink_has_not_heard() {
    let mut world = World::sounding(profile());
    world.input(Input::Sink(SinkHealth::Faulty {
        reason: "the null sink plays nothing".to_owned(),
    }));

    let receipt = whole_page(&mut world, |_| {});

    assert_eq!(receipt.played_ms, 0);
    assert_eq!(receipt.expected_ms, 2_000);
    assert_eq!(
        paging::judge(2_000, &receipt),
        not_heard(NotHeardReason::SinkFault)
    );
}

#[test]
fn a_sink_that_fails_in_the_middle_has_not_heard() {
    let mut world = World::sounding(profile());

    let receipt = whole_page(&mut world, |world| {
        world.input(Input::Sink(SinkHealth::Faulty {
            reason: "unplugged".to_owned(),
        }));
        world.run_for(SECOND / 10);
        world.input(Input::Sink(SinkHealth::Healthy));
    });

    assert_eq!(
        paging::judge(2_000, &receipt),
        not_heard(NotHeardReason::SinkFault)
    );
}

#[test]
fn a_sink_that_stalls_has_not_heard_whatever_it_says() {
    let mut world = World::sounding(profile());

    let receipt = whole_page(&mut world, |world| world.sink_runs = false);

    assert!(receipt.played_ms < 1_500);
    assert_eq!(
        paging::judge(2_000, &receipt),
        not_heard(NotHeardReason::SinkFault)
    );
}

#[test]
fn the_end_of_a_page_is_played_before_its_bye_is_answered() {
    let mut world = World::sounding(profile());

    let page = world.page("hall", PAGE);
    world.speak_page(&page, &speech(SECOND));
    world.run_for(SECOND - crate::world::TICK);
    let hung_up_at = world.now;
    world.hang_up(page.session);
    world.run_for(SECOND);

    let (answered_at, _) = world.server().bye_answer(page.session).unwrap();
    assert!(answered_at > hung_up_at);
    assert!(answered_at - hung_up_at <= Duration::from_millis(500));
    assert_eq!(world.receipt(page.session).played_ms, 1_000);
}

#[test]
fn a_sink_that_stands_still_does_not_keep_a_bye_waiting() {
    let mut world = World::sounding(profile());
    let page = world.page("hall", PAGE);
    world.speak_page(&page, &speech(SECOND));
    world.run_for(SECOND / 2);

    world.sink_runs = false;
    let hung_up_at = world.now;
    world.hang_up(page.session);
    world.run_for(2 * SECOND);

    let (answered_at, _) = world.server().bye_answer(page.session).unwrap();
    assert_eq!(answered_at - hung_up_at, Duration::from_millis(500));
}

#[test]
fn a_page_without_id_gets_no_receipt() {
    let mut world = World::sounding(profile());

    let page = world.page("hall", &[]);
    world.hang_up(page.session);
    world.run_for(SECOND);

    let (_, answer) = world.server().bye_answer(page.session).unwrap();
    assert!(answer.body().is_empty());
}

#[test]
fn a_slot_takes_two_calls_and_not_one_more() {
    let mut world = World::registered(chiming());
    world.opens_media = false;

    let sessions: Vec<_> = (0..=CALLS_PER_SLOT_MAX)
        .map(|_| world.call("hall", SecurityOffer::Standard, &[]).0)
        .collect();

    for session in &sessions[..CALLS_PER_SLOT_MAX] {
        assert!(world.server().statuses(*session).is_empty());
    }
    assert_eq!(world.server().statuses(sessions[CALLS_PER_SLOT_MAX]), [486]);
}

#[test]
fn a_device_takes_sixteen_calls_and_not_one_more() {
    let mut profile = profile();
    profile.slots = (1..=17)
        .map(|port| {
            slot(
                SlotPosition::new(SlotKind::Page, port).unwrap(),
                &format!("zone{port}"),
            )
        })
        .collect();
    let mut world = World::registered(profile);
    world.opens_media = false;

    let sessions: Vec<_> = (1..=CALLS_MAX + 1)
        .map(|port| world.call(&format!("zone{port}"), SecurityOffer::Standard, &[]).0)
        .collect();

    assert!(world.server().statuses(sessions[CALLS_MAX - 1]).is_empty());
    assert_eq!(world.server().statuses(sessions[CALLS_MAX]), [486]);
}

#[test]
fn a_page_ends_after_its_longest_time() {
    let mut profile = profile();
    profile.times.page_max = Some(10 * SECOND);
    let mut world = World::sounding(profile);
    let page = world.page("hall", PAGE);

    world.speak_page(&page, &speech(15 * SECOND));
    world.run_for(9 * SECOND);
    assert!(world.server().bye_of_device(page.session).is_none());
    world.run_for(2 * SECOND);

    let (_, bye) = world
        .server()
        .bye_of_device(page.session)
        .expect("the device hangs up");
    assert!(
        bye.header(HeaderName::Reason)
            .unwrap()
            .contains("longest page time")
    );
    let receipt: model::status::Receipt = serde_json::from_slice(bye.body()).unwrap();
    assert!((9_900..=10_000).contains(&receipt.played_ms), "{receipt:?}");
}

#[test]
fn a_page_without_any_packet_ends_after_thirty_seconds() {
    let mut world = World::sounding(profile());
    let page = world.page("hall", PAGE);

    world.speak_page(&page, &speech(SECOND));
    world.run_for(30 * SECOND);
    assert!(world.server().bye_of_device(page.session).is_none());
    world.run_for(2 * SECOND);

    let (_, bye) = world
        .server()
        .bye_of_device(page.session)
        .expect("the device hangs up");
    assert!(bye.header(HeaderName::Reason).unwrap().contains("no media"));
}

#[test]
fn a_page_goes_on_when_its_connection_is_lost_and_ends_with_its_media() {
    let mut world = World::sounding(profile());
    let page = world.page("hall", PAGE);
    world.speak_page(&page, &speech(4 * SECOND));
    world.run_for(SECOND);

    world.close_connections(PRIMARY);
    world.run_for(3 * SECOND);
    assert!(world.device.status(world.now).sounding.is_some());
    world.run_for(6 * SECOND);

    assert!(world.device.status(world.now).sounding.is_none());
    let receipt = world.events.iter().find_map(|(_, event)| match event {
        DeviceEvent::PagePlayed { receipt } => Some(receipt.clone()),
        _ => None,
    });
    assert_eq!(
        receipt.expect("the receipt is told to the shell").played_ms,
        4_000
    );
}

#[test]
fn a_caller_that_gives_up_during_the_tone_silences_it() {
    let mut world = World::sounding(chiming());
    let (session, _) = world.call("hall", SecurityOffer::Standard, PAGE);
    world.run_for(SECOND / 2);

    world.hang_up(session);
    let from = world.played.len();
    world.run_for(SECOND);

    assert!(world.played[from..].iter().all(|sample| *sample == 0));
    assert_eq!(world.server().statuses(session).last(), Some(&180));
    assert!(world.open_media.is_empty());
}

#[test]
fn packets_go_out_from_the_answer_on_less_and_less_often_until_media_comes_then_every_five_seconds() {
    let mut world = World::sounding(profile());
    let page = world.page("hall", PAGE);
    let answered_at = world.now;
    world.run_for(Duration::from_millis(2_500));
    world.speak_page(&page, &speech(12 * SECOND));
    world.run_for(12 * SECOND);

    let times: Vec<u128> = world
        .media_sent
        .iter()
        .map(|(at, ..)| (*at - answered_at).as_millis())
        .collect();
    assert_eq!(
        times,
        [0, 0, 20, 60, 140, 300, 620, 1_260, 2_260, 3_260, 8_260, 13_260]
    );
    assert!(
        world
            .media_sent
            .iter()
            .all(|(_, call, to, _)| (*call, *to) == (page.call, talker_address()))
    );
}

#[test]
fn packets_that_fail_authentication_are_not_heard() {
    let mut world = World::sounding(profile());
    let page = world.page("hall", PAGE);

    for _ in 0..50 {
        let from = "203.0.113.66:4000".parse().unwrap();
        world.input(Input::Media {
            call: page.call,
            from,
            bytes: vec![0x80; 172],
        });
        world.run_for(crate::world::TICK);
    }

    assert!(world.played.iter().all(|sample| *sample == 0));
    assert!(
        world
            .media_sent
            .iter()
            .all(|(_, _, to, _)| *to == talker_address())
    );
}

#[test]
fn an_alert_takes_the_place_of_a_page_whose_caller_is_told() {
    let mut world = World::sounding(with_alert());
    let page = world.page("hall", PAGE);
    world.speak_page(&page, &speech(SECOND));
    world.run_for(SECOND / 2);

    let alert = world.page("alarm", &[("Oyez-Page", "alert-1")]);

    let (_, bye) = world
        .server()
        .bye_of_device(page.session)
        .expect("the page is ended");
    assert!(
        bye.header(HeaderName::Reason)
            .unwrap()
            .starts_with("preemption;cause=1")
    );
    let receipt: model::status::Receipt = serde_json::from_slice(bye.body()).unwrap();
    assert!((400..=500).contains(&receipt.played_ms));
    assert_eq!(world.server().statuses(alert.session), [200]);
}

#[test]
fn a_page_during_an_alert_is_refused() {
    let mut world = World::sounding(with_alert());
    world.page("alarm", &[("Oyez-Page", "alert-1")]);

    let (page, _) = world.call("hall", SecurityOffer::Standard, PAGE);

    assert_eq!(world.server().statuses(page), [486]);
    let told = world.events.iter().any(|(_, event)| {
        matches!(event, DeviceEvent::CallRefused { status: 486, why, .. } if why.contains("emergency alert"))
    });
    assert!(told);
}

#[test]
fn a_ring_slot_sounds_while_the_caller_rings_and_never_answers() {
    let mut world = World::sounding(with_bell());
    let (session, _) = world.call("bell", SecurityOffer::Standard, &[]);

    world.run_for(60 * SECOND);
    assert_eq!(world.server().statuses(session).first(), Some(&180));
    assert!(world.server().answered_at(session).is_none());
    assert!(
        world.played.iter().any(|sample| sample.abs() > 1_000),
        "the bell is heard"
    );

    world.hang_up(session);
    let from = world.played.len();
    world.run_for(10 * SECOND);
    assert!(
        world.played[from..].iter().all(|sample| *sample == 0),
        "the bell stops with the ringing"
    );
}

#[test]
fn a_page_silences_a_ring_for_as_long_as_it_lasts() {
    let mut world = World::sounding(with_bell());
    world.call("bell", SecurityOffer::Standard, &[]);
    world.run_for(SECOND);

    let page = world.page("hall", PAGE);
    let from = world.played.len();
    world.run_for(4 * SECOND);
    assert!(
        world.played[from..].iter().all(|sample| *sample == 0),
        "nobody speaks, and the bell waits"
    );

    world.hang_up(page.session);
    let from = world.played.len();
    world.run_for(4 * SECOND);
    assert!(
        world.played[from..].iter().any(|sample| sample.abs() > 1_000),
        "the bell goes on"
    );
}

#[test]
fn what_sounds_is_shown_and_told() {
    let mut world = World::sounding(profile());
    let page = world.page("hall", PAGE);
    world.run_for(SECOND);

    let sounding = world.device.status(world.now).sounding.expect("a page sounds");
    assert_eq!(sounding.what, "page from Front desk");
    assert_eq!(sounding.slot, Some(SlotPosition::BASE_PAGE.id()));
    assert_eq!(sounding.page.as_ref().map(model::PageId::as_str), Some("page-1"));

    world.hang_up(page.session);
    world.run_for(SECOND);
    assert_eq!(world.device.status(world.now).sounding, None);
    let told: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            DeviceEvent::Started { .. } => Some("started"),
            DeviceEvent::Stopped { .. } => Some("stopped"),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["started", "stopped"]);
}

#[test]
fn a_call_without_socket_is_refused() {
    let mut world = World::sounding(profile());
    world.opens_media = false;
    let (session, _) = world.call("hall", SecurityOffer::Standard, PAGE);

    world.input(Input::MediaFailed {
        call: world.media_opened[0],
    });

    assert_eq!(world.server().statuses(session), [500]);
}

#[test]
fn a_socket_that_opens_after_the_caller_has_gone_is_closed() {
    let mut world = World::sounding(profile());
    world.opens_media = false;
    let (session, _) = world.call("hall", SecurityOffer::Standard, PAGE);
    world.run_for(SECOND);
    world.hang_up(session);
    world.run_for(SECOND);

    let call = world.media_opened[0];
    world.closed_media.clear();
    let local = "198.51.100.7:50002".parse().unwrap();
    world.input(Input::MediaOpened { call, local });

    assert_eq!(world.closed_media, [call]);
}

#[test]
fn a_shut_down_device_ends_its_pages() {
    let mut world = World::sounding(profile());
    let page = world.page("hall", PAGE);
    world.run_for(SECOND);

    world.input(Input::Shutdown);
    world.run_for(SECOND);

    assert!(world.server().bye_of_device(page.session).is_some());
    assert!(world.stopped);
}

#[test]
fn the_answer_to_a_page_with_an_id_says_that_a_receipt_will_come() {
    let mut world = World::sounding(profile());
    let named = world.page("hall", PAGE);
    let page_of = |world: &mut World, session| {
        let (_, answer) = world.server().answered_at(session).unwrap();
        answer.header(HeaderName::Other("Oyez-Page")).map(str::to_owned)
    };
    assert_eq!(page_of(&mut world, named.session).as_deref(), Some("page-1"));
    world.hang_up(named.session);
    world.run_for(SECOND);

    let nameless = world.page("hall", &[]);

    assert_eq!(page_of(&mut world, nameless.session), None);
}

#[test]
fn a_device_that_takes_its_bindings_back_takes_no_call_and_leaves_no_socket_open() {
    let mut world = World::sounding(profile());
    world.server().registrar = Registrar::Silent;
    world.input(Input::Shutdown);

    let (session, _) = world.call("hall", SecurityOffer::Standard, PAGE);
    world.run_for(3 * SECOND);

    assert_eq!(world.server().statuses(session), [480]);
    assert!(world.stopped);
    assert_eq!(world.media_opened, []);
}

#[test]
fn a_new_description_in_the_middle_of_a_page_is_refused_and_the_page_goes_on() {
    let mut world = World::sounding(profile());
    let page = world.page("hall", PAGE);
    world.run_for(SECOND);

    let now = world.now;
    let body = sip::user_agent::Body::sdp("v=0\r\n");
    world.server().agent.request_in_session(
        now,
        page.session,
        sip::message::Method::Invite,
        Vec::new(),
        Some(body),
    );
    world.run_for(SECOND);

    assert!(world.device.status(world.now).sounding.is_some());
    let ended = world
        .server()
        .call_log
        .iter()
        .any(|(_, log)| matches!(log, CallLog::Ended));
    assert!(!ended);
}

#[test]
fn a_description_that_repeats_the_agreed_one_gets_the_same_answer_again() {
    let mut world = World::sounding(profile());
    let (offer, pending) = crate::world::offer(SecurityOffer::Standard);
    let session = world.call_with(
        crate::world::mirrored(world.flow()),
        "hall",
        Some(offer.clone()),
        PAGE,
    );
    world.run_for(SECOND);

    let (now, body) = (world.now, sip::user_agent::Body::sdp(offer));
    let invite = sip::message::Method::Invite;
    world
        .server()
        .agent
        .request_in_session(now, session, invite, Vec::new(), Some(body));
    world.run_for(SECOND);
    world.speak(session, &pending, world.media_opened[0], &speech(SECOND));
    world.run_for(SECOND);
    world.hang_up(session);
    world.run_for(SECOND);

    let (status, answer) = world.server().responses[0].clone();
    assert_eq!(status, 200);
    let (_, first) = world.server().answered_at(session).unwrap();
    assert_eq!(answer, first.body());
    assert_eq!(world.receipt(session).played_ms, 1_000);
}

#[test]
fn the_cancel_extension_ends_every_alert() {
    let mut profile = with_alert();
    profile.slots.push(slot(SlotPosition::CANCEL, "cancel"));
    let mut world = World::sounding(profile);
    let alert = world.page("alarm", &[("Oyez-Page", "alert-1")]);

    let cancel = world.page("cancel", &[]);
    world.run_for(SECOND);

    let (_, bye) = world
        .server()
        .bye_of_device(alert.session)
        .expect("the alert is ended");
    assert!(
        bye.header(HeaderName::Reason)
            .unwrap()
            .contains("alert cancelled")
    );
    assert_eq!(world.server().statuses(cancel.session), [200]);
    assert_eq!(
        world.device.status(world.now).sounding.unwrap().what,
        "page from Front desk"
    );
}

#[test]
fn a_recorded_tone_plays_before_the_answer() {
    let mut profile = profile();
    profile.slots[0].tone = ToneSource::Recording(Recording {
        name: "bell.wav".into(),
        samples: vec![5_000; 8_000].into(),
    });
    let mut world = World::sounding(profile);

    world.page("hall", PAGE);

    let heard = world.played.iter().filter(|sample| **sample == 5_000).count();
    assert_eq!(heard, 8_000);
}

#[test]
fn a_call_for_nobody_is_answered_404() {
    let mut world = World::sounding(profile());

    let (session, _) = world.call("nobody", SecurityOffer::Standard, PAGE);

    assert_eq!(world.server().statuses(session), [StatusCode::NOT_FOUND.code()]);
    assert_eq!(world.device.counters().calls_to_nobody, 1);
}

pub(crate) fn chiming() -> Profile {
    let mut profile = profile();
    profile.slots[0].tone = ToneSource::Builtin(BuiltinTone::PageNotification);
    profile
}

fn with_alert() -> Profile {
    let mut profile = profile();
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Alert, 1).unwrap(), "alarm"));
    profile
}

fn with_bell() -> Profile {
    let mut profile = profile();
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Ring, 1).unwrap(), "bell"));
    profile.slots[1].tone = ToneSource::Builtin(BuiltinTone::WarbleMedium);
    profile
}

/// Two seconds of a page with something happening after the first; gives its receipt.
fn whole_page(world: &mut World, meanwhile: impl FnOnce(&mut World)) -> model::status::Receipt {
    let page = world.page("hall", PAGE);
    let begun = world.now;
    world.speak_page(&page, &speech(2 * SECOND));
    world.run_for(SECOND);
    meanwhile(world);
    world.run_for(begun + 2 * SECOND - world.now);
    world.hang_up(page.session);
    world.run_for(SECOND);
    world.receipt(page.session)
}

fn not_heard(why: NotHeardReason) -> Verdict {
    Verdict::NotHeard { why }
}
