//! What a bridge reports: silent talkers, losses, and the length of a page.

use std::time::Duration;

use media::bridge::{Event, LegId, REPORT_INTERVAL, Role, TALKER_SILENCE};
use media::codec::Codec;
use media::rtcp::Report;

use super::closed;
use crate::line::FRAME;
use crate::site::{LISTENER, Site, TALKER, address};

#[test]
fn a_talker_who_is_silent_for_five_seconds_is_reported_once() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.pass(Duration::from_secs(3));
    site.say(&mut talker, &[0; 160]);
    let silent = Event::TalkerSilent { leg: TALKER };

    site.pass(TALKER_SILENCE - Duration::from_millis(1));
    assert_eq!(site.events(), [Event::FirstPacket { leg: TALKER }]);
    site.pass(Duration::from_millis(1));
    assert_eq!(site.events(), [silent]);
    site.pass(Duration::from_secs(60));
    assert_eq!(site.events(), []);

    site.say(&mut talker, &[0; 160]);
    site.pass(TALKER_SILENCE);
    assert_eq!(site.events(), [silent]);
}

#[test]
fn a_talker_who_never_says_anything_is_reported() {
    let mut site = Site::new();
    let talker = site.peer(TALKER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);

    site.pass(TALKER_SILENCE);

    assert_eq!(site.events(), [Event::TalkerSilent { leg: TALKER }]);
}

#[test]
fn only_authenticated_packets_keep_a_talker_alive() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut stranger = site.peer(TALKER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    let mut report = Vec::new();

    site.pass(Duration::from_secs(4));
    talker.sender.report(site.now, None, &mut report).unwrap();
    site.plane
        .handle_packet(site.now, TALKER, talker.address, &mut report);
    site.pass(Duration::from_secs(4));
    assert_eq!(site.events(), [Event::FirstPacket { leg: TALKER }], "RTCP counts");

    site.say(&mut stranger, &[0; 160]);
    site.pass(Duration::from_secs(1));
    assert_eq!(
        site.events(),
        [Event::TalkerSilent { leg: TALKER }],
        "a stranger's RTP does not"
    );
}

#[test]
fn a_goodbye_in_rtcp_ends_nothing() {
    let mut site = Site::new();
    let mut talker = site.plain_peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    let report = Report {
        ssrc: 1,
        sender: None,
        receptions: &[],
        canonical_name: "x",
        goodbye: true,
    };
    let mut goodbye = Vec::new();
    report.write_to(&mut goodbye).unwrap();

    site.say_all(&mut talker, &[0; 160], &mut [&mut listener]);
    site.plane
        .handle_packet(site.now, TALKER, talker.address, &mut goodbye);
    site.say_all(&mut talker, &[0; 160], &mut [&mut listener]);

    assert_eq!(listener.packets.len(), 2);
}

#[test]
fn reports_go_to_each_leg_and_come_back() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    let mut separate = site.peer(LegId(3), Codec::Pcmu);
    separate.zone_side.rtcp_mux = false;
    for (peer, role) in [
        (&talker, Role::Talker),
        (&listener, Role::Listener),
        (&separate, Role::Listener),
    ] {
        site.connect(peer, role);
    }

    for _ in 0..500 {
        site.say(&mut talker, &[0; 160]);
        site.deliver(&mut [&mut talker, &mut listener, &mut separate]);
        site.pass(FRAME);
    }

    assert_eq!(separate.reports.len(), 0, "its RTCP has a port of its own");
    let of_listener = listener.reports.last().unwrap();
    let sender = of_listener.sender.unwrap();
    assert_eq!(of_listener.ssrc, listener.headers()[0].ssrc);
    assert!((240..=500).contains(&sender.packet_count), "{sender:?}");
    assert_eq!(sender.octet_count, sender.packet_count * 160);
    let of_talker = talker.reports.last().unwrap();
    assert!(of_talker.sender.is_none());
    assert_eq!(of_talker.receptions[0].ssrc, talker.sender.ssrc());
}

#[test]
fn reports_are_five_seconds_apart() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.say(&mut talker, &[0; 160]);
    let mut times = Vec::new();

    for _ in 0..3_000 {
        if !site.deliver(&mut [&mut talker]).is_empty() {
            times.push(site.now);
        }
        site.pass(Duration::from_millis(10));
    }

    assert!((5..=6).contains(&times.len()), "{}", times.len());
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        gaps.clone()
            .all(|gap| gap.abs_diff(REPORT_INTERVAL) <= Duration::from_millis(10)),
        "{gaps:?}"
    );
}

#[test]
fn a_peer_that_changes_its_key_only_is_sent_on_under_ours_with_the_numbers_going_on() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 160 * 300], &mut [&mut listener]);
    assert!(!listener.reports.is_empty());
    let before = listener.reports.len();

    let other = site.peer(LISTENER, Codec::Pcmu).zone_side.crypto.unwrap();
    let keys = listener.zone_side.crypto.as_mut().unwrap();
    keys.receive = other.receive;
    site.connect(&listener, Role::Listener);
    // The peer would take a number that comes twice for a replay.
    site.say_all(&mut talker, &[0; 160 * 300], &mut [&mut listener]);

    assert!(listener.reports.len() > before);
}

#[test]
fn what_a_listener_reports_as_lost_is_in_its_statistics() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    for _ in 0..10 {
        site.say(&mut talker, &[0; 160]);
    }
    let mut home = crate::line::receiver(
        Codec::Pcmu,
        listener.zone_side.crypto.as_ref().map(|pair| pair.send.clone()),
        media::sample::SampleRate::Hz8000,
    );
    let mut buffer = Vec::new();
    let mut number = 0;
    while site.plane.poll_transmit(&mut buffer).is_some() {
        number += 1;
        if number != 4 {
            home.handle_packet(site.now, address(LISTENER), &mut buffer);
        }
    }
    let mut back = listener.sender;
    let mut report = Vec::new();

    back.report(site.now, home.reception(site.now), &mut report)
        .unwrap();
    site.plane
        .handle_packet(site.now, LISTENER, listener.address, &mut report);

    let statistics = site.plane.statistics(LISTENER).unwrap();
    assert_eq!((statistics.sent, statistics.reported_lost), (10, Some(1)));
}

#[test]
fn the_length_of_a_page_is_told_by_its_timestamps() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);

    // All at once, as after a network that stood still.
    for _ in 0..75 {
        site.say(&mut talker, &[0; 160]);
    }
    site.deliver(&mut [&mut listener]);
    site.close(TALKER);
    site.close(LISTENER);

    assert_eq!(closed(&mut site, TALKER).duration, Duration::from_millis(1_500));
    assert_eq!(listener.packets.len(), 75);
}
