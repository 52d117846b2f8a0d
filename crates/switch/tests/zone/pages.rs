//! Pages: one talker, many listeners.

use std::time::Duration;

use media::bridge::{Command, Event, Role};
use media::sdp::SecurityOffer;
use model::status::{MissingReason, NotHeardReason, OngoingPage, Verdict, ZoneEvent};
use sip::flow::Transport;
use sip::message::{HeaderName, Message, StatusCode};
use sip::user_agent::EndCause;
use switch::admission::Limits;
use switch::{Input, Output, PAGE_ANSWER_MAX};

use crate::phone::{Script, page_of};
use crate::world::{World, reversed, verdict};

const SECOND: Duration = Duration::from_secs(1);

/// A talker and these endpoints, all over TLS.
pub(crate) fn hall(listeners: &[&str]) -> World {
    let users: Vec<&str> = ["talker"].iter().chain(listeners).copied().collect();
    let mut world = World::new(&users);
    for name in users {
        let phone = world.register(name, Transport::Tls);
        world.phones[phone].script = Script::Endpoint;
    }
    world.events.clear();
    world
}

/// Calls the group from the first phone.
pub(crate) fn page(world: &mut World) {
    world.phones[0].call(world.now, "700");
    world.settle();
}

/// Ends the talker's call, and what follows from it.
pub(crate) fn end(world: &mut World) {
    world.phones[0].hang_up(world.now);
    world.settle();
    assert_eq!(world.plane_refusals, [], "the bridge did all it was told");
}

fn missing(why: MissingReason) -> Verdict {
    Verdict::Missing { why }
}

#[test]
fn a_page_is_answered_bridged_ended_and_reported() {
    let mut world = hall(&["north", "south", "west"]);

    page(&mut world);
    world.run(4 * SECOND);
    end(&mut world);

    assert_eq!(world.phones[0].progress, [180]);
    assert_eq!(world.phones[0].answers.len(), 1);
    let roles: Vec<Role> = world.joined().into_iter().map(|(_, role)| role).collect();
    assert_eq!(
        roles,
        [Role::Talker, Role::Listener, Role::Listener, Role::Listener]
    );
    let report = world.report();
    assert_eq!(
        (
            report.extension.as_str(),
            report.talker.as_str(),
            report.duration_ms
        ),
        ("700", "talker", 4_000)
    );
    assert_eq!(report.heard_count(), 3);
    let (since_start, since_end) = (report.since_start_ms.unwrap(), report.since_end_ms.unwrap());
    assert!(since_start - since_end >= 4_000, "{since_start} {since_end}");
    assert_eq!(world.open_ports(), 0);
    assert_eq!(world.zone.status(world.now).accounts[0].pages, 0);
    assert_eq!(world.zone.counters().calls.receipts, 3);
}

#[test]
fn a_page_goes_on_until_it_is_reported() {
    let mut world = hall(&["north", "south"]);
    assert_eq!(world.zone.ongoing_pages(), []);
    page(&mut world);
    let ZoneEvent::PageStarted { page: started, .. } = &world.events[0] else {
        panic!("{:?}", world.events)
    };
    let ongoing = OngoingPage {
        page: started.clone(),
        extension: "700".parse().unwrap(),
        talker: "talker".parse().unwrap(),
        listeners: 2,
    };
    assert_eq!(world.zone.ongoing_pages(), [ongoing]);

    end(&mut world);

    world.report();
    assert_eq!(world.zone.ongoing_pages(), []);
}

#[test]
fn a_talker_is_joined_before_the_answer_that_lets_it_speak() {
    let mut world = hall(&["north"]);
    world.phones[1].script = Script::Ring;
    page(&mut world);

    world.phones[1].answer(world.now);
    let (flow, bytes) = world.phones[1].poll(world.now).unwrap();
    let message = Message::parse_datagram(bytes).unwrap();
    let flow = reversed(flow);
    world.zone.handle_input(world.now, Input::Sip { flow, message });

    let outputs: Vec<Output> = std::iter::from_fn(|| world.zone.poll_output()).collect();
    let joined = outputs.iter().position(|output| {
        let Output::Media(Command::Connect { role, .. }) = output else {
            return false;
        };
        *role == Role::Talker
    });
    let talker = reversed(world.phones[0].flow);
    let answered = outputs.iter().position(
        |output| matches!(output, Output::Transmit { flow, bytes } if *flow == talker && bytes.starts_with(b"SIP/2.0 200")),
    );
    assert!(joined.is_some() && joined < answered, "{joined:?}, {answered:?}");
}

#[test]
fn the_start_of_a_page_is_told_with_its_id() {
    let mut world = hall(&["north", "south"]);

    page(&mut world);

    let ZoneEvent::PageStarted {
        page,
        talker,
        listeners,
        ..
    } = &world.events[0]
    else {
        panic!("{:?}", world.events);
    };
    assert_eq!((talker.as_str(), *listeners), ("talker", 2));
    assert_eq!(
        page_of(&world.phones[1].invites[0]).as_deref(),
        Some(page.as_str())
    );
    assert_eq!(
        page_of(&world.phones[2].invites[0]).as_deref(),
        Some(page.as_str())
    );
}

#[test]
fn each_leg_has_keys_of_its_own() {
    let mut world = hall(&["north", "south"]);

    page(&mut world);

    let keys: Vec<_> = world
        .phones
        .iter()
        .map(|phone| phone.negotiated[0].crypto.clone().unwrap())
        .collect();
    assert_ne!(keys[0].receive, keys[1].receive);
    assert_ne!(keys[1].receive, keys[2].receive);
    assert_ne!(
        keys[0].send, keys[1].receive,
        "the talker's key does not reach the listeners"
    );
}

#[test]
fn the_talker_is_answered_by_the_first_listener_and_later_ones_join() {
    let mut world = hall(&["north", "south"]);
    world.phones[1].script = Script::Ring;
    world.phones[2].script = Script::Ring;
    page(&mut world);
    assert!(world.phones[0].answers.is_empty(), "nobody has answered");
    assert_eq!(
        world.phones[0].progress,
        [180],
        "the call rings once, whoever else does"
    );

    world.phones[2].answer(world.now);
    world.settle();
    assert_eq!(world.phones[0].answers.len(), 1);
    assert_eq!(world.joined().len(), 2);

    world.run(SECOND);
    world.phones[1].answer(world.now);
    world.settle();
    assert_eq!(world.phones[0].answers.len(), 1, "the talker is answered once");
    assert_eq!(world.joined().len(), 3);
}

#[test]
fn a_listener_is_offered_first_what_the_talker_speaks() {
    let mut world = hall(&["north"]);

    page(&mut world);

    let spoken = world.phones[0].negotiated[0].codec;
    let offer = String::from_utf8(world.phones[1].invites[0].body().to_vec()).unwrap();
    let payload_type = spoken.static_payload_type().unwrap();
    assert!(offer.contains(&format!("RTP/SAVP {payload_type} ")), "{offer}");
}

#[test]
fn everybody_who_takes_no_part_is_reported_with_the_reason() {
    let mut world = World::new(&["talker", "present", "absent", "silent", "busy", "gone"]);
    for name in ["talker", "present", "silent", "busy", "gone"] {
        world.register(name, Transport::Tls);
    }
    world.phones[2].script = Script::Ignore;
    world.phones[3].script = Script::Refuse(486);
    world.phones[4].script = Script::Ring;
    page(&mut world);
    world.disconnect(4);

    world.run(PAGE_ANSWER_MAX);
    end(&mut world);
    world.run(20 * SECOND);

    let report = world.report();
    assert_eq!(
        *verdict(report, "present"),
        Verdict::Answered { loss_permille: None }
    );
    assert_eq!(*verdict(report, "absent"), missing(MissingReason::NotRegistered));
    assert_eq!(*verdict(report, "silent"), missing(MissingReason::NoAnswer));
    assert_eq!(
        *verdict(report, "busy"),
        missing(MissingReason::Refused {
            status: 486,
            text: None
        })
    );
    assert_eq!(*verdict(report, "gone"), missing(MissingReason::ConnectionFailed));
    assert_eq!(world.open_ports(), 0);
}

#[test]
fn a_talker_nobody_answers_in_time_gets_480() {
    let mut world = hall(&["north", "south"]);
    world.phones[1].script = Script::Ring;
    world.phones[2].script = Script::Ignore;
    page(&mut world);

    world.run(PAGE_ANSWER_MAX - Duration::from_millis(1));
    assert!(world.phones[0].rejected.is_empty(), "there is still time");
    world.run(Duration::from_millis(1));

    assert_eq!(
        world.phones[0].rejected[0].status(),
        Some(StatusCode::TEMPORARILY_UNAVAILABLE)
    );
    assert!(matches!(world.phones[1].ended[..], [EndCause::Cancelled { .. }]));
    world.run(20 * SECOND);
    assert_eq!(
        *verdict(world.report(), "north"),
        missing(MissingReason::NoAnswer)
    );
    assert_eq!(
        *verdict(world.report(), "south"),
        missing(MissingReason::NoAnswer)
    );
}

#[test]
fn a_page_to_nobody_gets_480_and_a_report_that_says_so() {
    let mut world = World::new(&["talker", "north", "south"]);
    world.register("talker", Transport::Tls);

    page(&mut world);

    assert_eq!(
        world.phones[0].rejected[0].status(),
        Some(StatusCode::TEMPORARILY_UNAVAILABLE)
    );
    assert_eq!(
        *verdict(world.report(), "north"),
        missing(MissingReason::NotRegistered)
    );
    assert_eq!(
        *verdict(world.report(), "south"),
        missing(MissingReason::NotRegistered)
    );
}

#[test]
fn what_a_listener_says_about_its_refusal_stands_in_the_report() {
    let mut world = hall(&["north"]);
    world.phones[1].script = Script::Explain(488, r#"399 oyez "no media (sip.srtp is disabled)""#);

    page(&mut world);

    let why = MissingReason::Refused {
        status: 488,
        text: Some("no media (sip.srtp is disabled)".to_owned()),
    };
    assert_eq!(*verdict(world.report(), "north"), missing(why));
}

#[test]
fn a_talker_everybody_refuses_gets_the_best_refusal() {
    let mut world = hall(&["north", "south"]);
    world.phones[1].script = Script::Refuse(500);
    world.phones[2].script = Script::Refuse(486);

    page(&mut world);

    assert_eq!(world.phones[0].rejected[0].status(), Some(StatusCode::BUSY_HERE));
    assert_eq!(
        *verdict(world.report(), "north"),
        missing(MissingReason::Refused {
            status: 500,
            text: None
        })
    );
}

#[test]
fn a_talker_that_cancels_silences_everybody() {
    let mut world = hall(&["north", "south"]);
    world.phones[1].script = Script::Ring;
    world.phones[2].script = Script::Ring;
    page(&mut world);

    end(&mut world);

    assert!(matches!(world.phones[1].ended[..], [EndCause::Cancelled { .. }]));
    assert!(matches!(world.phones[2].ended[..], [EndCause::Cancelled { .. }]));
    assert_eq!(
        *verdict(world.report(), "north"),
        missing(MissingReason::PageEnded)
    );
    assert_eq!(world.open_ports(), 0);
}

#[test]
fn the_page_goes_on_when_one_listener_leaves_and_ends_with_the_last() {
    let mut world = hall(&["north", "south"]);
    page(&mut world);

    world.phones[1].hang_up_incoming(world.now);
    world.settle();
    assert!(world.phones[0].ended.is_empty(), "one still listens");
    world.phones[2].hang_up_incoming(world.now);
    world.settle();

    assert!(
        matches!(world.phones[0].ended[..], [EndCause::Bye { .. }]),
        "nobody is left to talk to"
    );
    assert_eq!(
        world.report().heard_count(),
        2,
        "each gave its receipt in its BYE"
    );
}

#[test]
fn a_talker_that_falls_silent_ends_the_page() {
    let mut world = hall(&["north"]);
    page(&mut world);
    let (talker, _) = world.joined()[0];

    world.input(Input::Media(Event::TalkerSilent { leg: talker }));

    assert!(matches!(world.phones[0].ended[..], [EndCause::Bye { .. }]));
    assert!(matches!(world.phones[1].ended[..], [EndCause::Bye { .. }]));
    assert_eq!(world.zone.counters().calls.silent_talkers, 1);
    assert_eq!(world.reports().len(), 1);
}

#[test]
fn a_talker_whose_connection_closes_ends_the_page() {
    let mut world = hall(&["north"]);
    page(&mut world);

    world.disconnect(0);

    assert!(matches!(world.phones[1].ended[..], [EndCause::Bye { .. }]));
    assert_eq!(world.report().heard_count(), 1);
}

#[test]
fn a_talker_that_belongs_to_the_group_is_not_called_back() {
    let mut world = hall(&["north"]);

    world.phones[0].call(world.now, "701");
    world.settle();
    end(&mut world);

    assert!(world.phones[0].invites.is_empty());
    assert_eq!(world.report().listeners.len(), 1);
}

#[test]
fn every_device_of_a_member_is_called() {
    let mut world = hall(&["north"]);
    let second = world.register("north", Transport::Tls);
    world.phones[second].script = Script::Endpoint;

    page(&mut world);
    end(&mut world);

    assert_eq!(world.phones[1].invites.len(), 1);
    assert_eq!(world.phones[second].invites.len(), 1);
    assert_eq!(
        world.report().listeners.len(),
        1,
        "the report is about people and places, not dialogs"
    );
    assert_eq!(world.report().heard_count(), 1);
}

#[test]
fn a_member_of_whose_devices_one_was_deaf_has_not_heard_whichever_receipt_comes_first() {
    for deaf in [0, 1] {
        let mut world = hall(&["north"]);
        let second = world.register("north", Transport::Tls);
        world.phones[second].script = Script::Endpoint;
        page(&mut world);
        for (place, phone) in [1, second].into_iter().enumerate() {
            let mut receipt = crate::phone::heard(&page_of(&world.phones[phone].invites[0]).unwrap());
            receipt.sink_healthy = place != deaf;
            world.phones[phone].receipt = Some(receipt);
        }

        end(&mut world);

        let why = NotHeardReason::SinkFault;
        assert_eq!(
            *verdict(world.report(), "north"),
            Verdict::NotHeard { why },
            "{deaf}"
        );
        let entry = &world.report().listeners[0];
        assert_eq!((entry.devices, entry.heard_devices), (2, 1));
    }
}

#[test]
fn a_device_with_two_flows_is_called_once_and_over_the_other_flow_if_the_first_fails() {
    let mut world = World::new(&["talker", "north"]);
    world.register("talker", Transport::Tls);
    let flows = [
        world.add("north", Transport::Tls),
        world.add("north", Transport::Tls),
    ];
    for (number, phone) in flows.into_iter().enumerate() {
        let contact = format!(
            "{};+sip.instance=\"<urn:uuid:1>\";reg-id={}",
            world.phones[phone].contact(),
            number + 1
        );
        world.run(SECOND);
        world.phones[phone].register_with(
            world.now,
            &[("Contact", &contact), ("Supported", "path, outbound")],
        );
        world.settle();
        assert_eq!(world.phones[phone].register_statuses, [200]);
    }
    world.phones[flows[1]].script = Script::Ignore;

    page(&mut world);
    assert_eq!(
        world.phones[flows[1]].invites.len(),
        1,
        "the flow that was refreshed last"
    );
    assert!(world.phones[flows[0]].invites.is_empty());
    world.disconnect(flows[1]);

    assert_eq!(world.phones[flows[0]].invites.len(), 1);
    assert_eq!(world.phones[0].answers.len(), 1);
    assert_eq!(world.zone.counters().legs.other_flow, 1);
}

#[test]
fn a_device_called_over_a_flow_of_the_other_family_is_told_ports_of_that_family() {
    for stops_meanwhile in [false, true] {
        let mut world = World::new(&["talker", "north"]);
        world.register("talker", Transport::Tls);
        let flows = [
            world.add("north", Transport::Tls),
            world.add("north", Transport::Tls),
        ];
        let flow = &mut world.phones[flows[1]].flow;
        flow.local = "[2001:db8::7]:5060".parse().unwrap();
        flow.remote = "[2001:db8::1]:5061".parse().unwrap();
        for (number, phone) in flows.into_iter().enumerate() {
            let contact = world.phones[phone].contact();
            let contact = format!("{contact};+sip.instance=\"<urn:uuid:1>\";reg-id={}", number + 1);
            world.run(SECOND);
            let headers = [("Contact", contact.as_str()), ("Supported", "path, outbound")];
            world.phones[phone].register_with(world.now, &headers);
            world.settle();
        }
        world.phones[flows[1]].script = Script::Ignore;
        page(&mut world);
        let description = |world: &World, phone: usize| {
            String::from_utf8(world.phones[phone].invites[0].body().to_vec()).unwrap()
        };
        assert!(description(&world, flows[1]).contains("IN IP6 2001:db8::1"));

        world.holds_ports = true;
        world.disconnect(flows[1]);
        if stops_meanwhile {
            // The talker gives up when it has heard 100.
            world.run(SECOND);
            world.phones[0].hang_up(world.now);
            world.settle();
        }
        world.release_ports();

        if stops_meanwhile {
            assert!(world.phones[flows[0]].invites.is_empty());
        } else {
            let told = description(&world, flows[0]);
            assert!(
                told.contains("c=IN IP4 192.0.2.1") && !told.contains("IP6"),
                "{told}"
            );
            assert_eq!(world.phones[0].answers.len(), 1);
            end(&mut world);
        }
        world.run(SECOND * 40);
        assert_eq!(world.report().listeners[0].devices, 1);
        assert_eq!(world.open_ports(), 0);
        assert_eq!(world.plane_refusals, []);
    }
}

#[test]
fn a_page_mixes_tls_and_udp_listeners_where_the_account_allows_plain_rtp() {
    let mut world = World::new(&["talker", "tls", "udp"]);
    world.register("talker", Transport::Tls);
    world.register("tls", Transport::Tls);
    world.register("udp", Transport::Udp);

    page(&mut world);

    assert!(world.phones[1].negotiated[0].crypto.is_some());
    assert!(world.phones[2].negotiated[0].crypto.is_none());
    assert_eq!(world.joined().len(), 3);
}

#[test]
fn a_listener_without_keys_gets_a_plain_offer_where_the_account_allows_it_anywhere() {
    let mut config = crate::world::config();
    config.media.plain = switch::PlainMedia::Anywhere;
    let mut world = World::with_config(config, &["talker", "old"]);
    world.register("talker", Transport::Tls);
    world.register("old", Transport::Tls);
    world.phones[1].security = SecurityOffer::Disabled;

    page(&mut world);

    assert_eq!(world.phones[0].answers.len(), 1);
    assert!(world.phones[1].negotiated[0].crypto.is_none());
}

#[test]
fn a_talker_without_an_offer_is_offered_and_answers_in_its_ack() {
    let mut world = hall(&["north"]);

    world.phones[0].call_with(world.now, "700", &[], None);
    world.settle();

    let answer = &world.phones[0].answers[0];
    assert!(String::from_utf8_lossy(answer.body()).contains("RTP/SAVP"));
    // The scripted phone's ACK has no answer, so there is nothing to listen to.
    assert!(matches!(world.phones[0].ended[..], [EndCause::Bye { .. }]));
    assert_eq!(world.zone.counters().calls.refused_media, 1);
}

#[test]
fn ports_that_come_late_delay_the_invitation_and_nothing_else() {
    let mut world = hall(&["north"]);
    world.holds_ports = true;
    page(&mut world);
    assert!(world.phones[1].invites.is_empty());

    world.release_ports();

    assert_eq!(world.phones[0].answers.len(), 1);
    assert_eq!(world.joined().len(), 2);
}

#[test]
fn ports_that_open_after_the_call_has_ended_are_closed() {
    let mut world = hall(&["north"]);
    world.holds_ports = true;
    page(&mut world);
    end(&mut world);
    // A CANCEL waits for the 100.
    world.run(SECOND);

    world.release_ports();

    assert_eq!(world.open_ports(), 0);
    assert!(world.phones[1].invites.is_empty());
    assert_eq!(world.zone.status(world.now).accounts[0].pages, 0);
}

#[test]
fn a_leg_without_ports_is_missing_and_the_page_goes_on() {
    let mut world = hall(&["north", "south"]);
    world.holds_ports = true;
    page(&mut world);
    let talker = world.held.remove(0);
    world.open_ports_of(talker);
    let without = world.held.remove(0);

    world.input(Input::MediaFailed { leg: without });
    world.release_ports();
    end(&mut world);

    assert_eq!(world.report().heard_count(), 1);
    assert_eq!(
        *verdict(world.report(), "north"),
        missing(MissingReason::Refused {
            status: 503,
            text: None
        })
    );
}

#[test]
fn a_thousand_listeners_hear_one_talker() {
    let names: Vec<String> = (0..1_000).map(|number| format!("speaker{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = hall(&names);

    page(&mut world);
    world.run(4 * SECOND);
    end(&mut world);

    assert_eq!(world.joined().len(), 1_001);
    assert_eq!(world.report().heard_count(), 1_000);
    assert_eq!(world.open_ports(), 0);
}

#[test]
fn the_invitation_asks_the_device_to_answer_in_each_known_way() {
    let mut world = hall(&["north"]);

    page(&mut world);

    let invite = &world.phones[1].invites[0];
    assert_eq!(invite.header(HeaderName::AnswerMode), Some("Auto"));
    assert_eq!(
        invite.header(HeaderName::CallInfo),
        Some("<sip:acme.example>;answer-after=0")
    );
    assert_eq!(
        invite.header(HeaderName::AlertInfo),
        Some("<sip:acme.example>;info=alert-autoanswer;delay=0")
    );
    assert_eq!(
        invite.from().unwrap().display_name().as_deref(),
        Some("The talker")
    );
    assert_eq!(invite.from().unwrap().uri().as_str(), "sip:100@acme.example");
    assert_eq!(invite.to().unwrap().uri().as_str(), "sip:north@acme.example");
}

#[test]
fn an_alert_says_that_it_is_one_and_an_exercise_ranks_below_it() {
    for (number, priority) in [("700", None), ("800", Some("emergency")), ("801", Some("urgent"))] {
        let mut world = hall(&["north"]);

        world.phones[0].call(world.now, number);
        world.settle();

        assert_eq!(
            world.phones[1].invites[0].header(HeaderName::Priority),
            priority,
            "{number}"
        );
    }
}

#[test]
fn a07_a_page_is_as_important_as_its_extension_whatever_its_talker_claims() {
    for (number, priority) in [("700", None), ("801", Some("urgent")), ("800", Some("emergency"))] {
        let mut world = hall(&["north"]);
        let offer = world.phones[0].offer();

        world.phones[0].call_with(world.now, number, &[("Priority", "EMERGENCY")], Some(offer));
        world.settle();

        let invite = &world.phones[1].invites[0];
        let told: Vec<&str> = invite.headers(HeaderName::Priority).collect();
        assert_eq!(told, priority.into_iter().collect::<Vec<_>>(), "{number}");
    }
}

#[test]
fn an_alert_goes_out_of_a_zone_that_ordinary_calls_have_filled() {
    let mut settings = crate::world::config();
    settings.limits = Limits {
        legs: 6,
        legs_kept_for_alerts: 3,
        calls_per_caller: 1,
        ..Limits::default()
    };
    let mut world = World::with_config(settings, &["talker", "north", "south"]);
    for name in ["talker", "north", "south"] {
        world.register(name, Transport::Tls);
    }
    page(&mut world);
    assert_eq!(world.phones[0].answers.len(), 1);
    world.phones[1].call(world.now, "701");
    world.settle();
    assert_eq!(
        world.phones[1].rejected[0].status(),
        Some(StatusCode::SERVICE_UNAVAILABLE)
    );

    world.phones[0].call(world.now, "800");
    world.settle();

    assert_eq!(world.phones[0].answers.len(), 2);
}

#[test]
fn an_alert_to_more_than_there_is_room_for_goes_out_to_as_many_as_fit_and_names_the_others() {
    let mut settings = crate::world::config();
    settings.limits = Limits::within(8);
    let mut world = World::with_config(settings, &["talker", "east", "north", "south"]);
    for name in ["talker", "east", "east", "north", "south"] {
        let phone = world.register(name, Transport::Tls);
        world.phones[phone].script = Script::Endpoint;
        world.run(Duration::from_secs(1));
    }
    // The older device of a user that has two was unplugged.
    world.phones[1].is_deaf = true;
    page(&mut world);
    assert_eq!(
        world.phones[0].rejected[0].status(),
        Some(StatusCode::SERVICE_UNAVAILABLE),
        "an ordinary page is refused"
    );

    world.phones[0].call(world.now, "800");
    world.settle();
    end(&mut world);

    let invited = world.phones.iter().filter(|phone| !phone.invites.is_empty());
    assert_eq!(invited.count(), 2, "three legs in all: the talker and two users");
    let no_room = missing(MissingReason::Refused {
        status: 503,
        text: None,
    });
    assert_eq!(*verdict(world.report(), "south"), no_room);
    assert_eq!(*verdict(world.report(), "north"), Verdict::Heard);
    assert_eq!(
        *verdict(world.report(), "east"),
        no_room,
        "one of its two was not called"
    );
    let east = &world.report().listeners[0];
    assert_eq!((east.devices, east.heard_devices), (2, 1));
}
