//! What the plane lets a peer hear itself, and legs that begin to be heard.

use std::time::Duration;

use media::bridge::{Command, Event, LegId, Refusal, Role};
use media::codec::{Codec, Decoder};
use media::dtmf::Key;
use media::rtp::{Header, Packet};
use media::tone::{Note, Signal};

use crate::line::FRAME;
use crate::site::{LISTENER, Peer, Site, TALKER};

const PRESSED: Duration = Duration::from_millis(100);

fn play(site: &mut Site, leg: LegId, signal: Option<Signal>) {
    let command = Command::Play { leg, signal };
    site.plane.handle_command(site.now, command);
}

fn turn(site: &mut Site, leg: LegId, role: Role) {
    site.plane.handle_command(site.now, Command::Turn { leg, role });
}

fn note(length: Duration) -> Signal {
    Signal::once(&[Note::steady(800.0, -12.0, length)])
}

/// Lets time pass frame by frame, and delivers what is sent meanwhile.
fn run(site: &mut Site, peer: &mut Peer, span: Duration) {
    let end = site.now + span;
    loop {
        site.pass(Duration::ZERO);
        site.deliver(&mut [peer]);
        if site.now >= end {
            return;
        }
        site.pass(FRAME);
        site.deliver(&mut [peer]);
    }
}

fn refusals(site: &mut Site) -> Vec<Refusal> {
    let events = site.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::Refused { refusal, .. } => Some(refusal),
            _ => None,
        })
        .collect()
}

#[test]
fn a_signal_is_heard_in_the_codec_of_the_leg_and_ends() {
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        let mut site = Site::new();
        let mut peer = site.peer(TALKER, codec);
        site.connect(&peer, Role::Listener);

        play(&mut site, TALKER, Some(note(5 * FRAME)));
        run(&mut site, &mut peer, 20 * FRAME);

        assert_eq!(peer.sequence_steps(), [0, 1, 2, 3, 4], "{codec:?}");
        let mut decoder = Decoder::new(codec).unwrap();
        let mut samples = Vec::new();
        for payload in peer.payloads() {
            decoder.decode(payload, &mut samples).unwrap();
        }
        assert!(samples.iter().any(|sample| *sample > 4_000), "{codec:?}");
        assert_eq!(refusals(&mut site), []);
    }
}

#[test]
fn the_next_signal_replaces_the_one_that_plays_and_follows_it_in_numbers_and_time() {
    let mut site = Site::new();
    let mut peer = site.peer(TALKER, Codec::Pcmu);
    site.connect(&peer, Role::Listener);

    play(&mut site, TALKER, Some(Signal::ringback()));
    run(&mut site, &mut peer, 3 * FRAME);
    play(&mut site, TALKER, None);
    run(&mut site, &mut peer, 10 * FRAME);
    let silent_at = peer.packets.len();
    play(&mut site, TALKER, Some(note(2 * FRAME)));
    run(&mut site, &mut peer, 10 * FRAME);

    let steps: Vec<u16> = (0..u16::try_from(silent_at + 2).unwrap()).collect();
    assert_eq!(peer.sequence_steps(), steps);
    let headers: Vec<Header> = peer.headers();
    let gap = headers[silent_at].timestamp.wrapping_sub(headers[0].timestamp);
    assert_eq!(gap, 13 * 160, "the pause counts");
    assert!(headers[silent_at].marker);
}

#[test]
fn a_signal_goes_on_in_the_codec_and_packet_time_that_are_agreed_meanwhile() {
    let mut site = Site::new();
    let mut peer = site.peer(TALKER, Codec::Pcmu);
    site.connect(&peer, Role::Listener);
    play(
        &mut site,
        TALKER,
        Some(Signal::repeating(&[Note::steady(800.0, -12.0, FRAME)])),
    );
    run(&mut site, &mut peer, 3 * FRAME);
    let before = peer.packets.len();

    peer.zone_side.codec = Codec::Pcma;
    peer.zone_side.ptime = 2 * FRAME;
    site.connect(&peer, Role::Listener);
    run(&mut site, &mut peer, 20 * FRAME);

    let lengths: Vec<usize> = peer
        .payloads()
        .into_iter()
        .skip(before)
        .map(<[u8]>::len)
        .collect();
    assert!(
        lengths.len() >= 10 && lengths.iter().all(|length| *length == 2 * 160),
        "{lengths:?}"
    );
    assert_eq!(refusals(&mut site), []);

    play(&mut site, TALKER, None);
    let silent_at = peer.packets.len();
    peer.zone_side.codec = Codec::Pcmu;
    site.connect(&peer, Role::Listener);
    run(&mut site, &mut peer, 10 * FRAME);
    assert_eq!(peer.packets.len(), silent_at, "what was ended stays so");
}

#[test]
fn a_leg_that_hears_another_or_is_none_is_played_nothing() {
    let mut site = Site::new();
    let (talker, listener) = (site.peer(TALKER, Codec::Pcmu), site.peer(LISTENER, Codec::Pcmu));
    play(&mut site, TALKER, Some(note(FRAME)));
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    play(&mut site, LISTENER, Some(note(FRAME)));

    assert_eq!(refusals(&mut site), [Refusal::UnknownLeg, Refusal::Occupied]);
    turn(&mut site, LegId(9), Role::Talker);
    assert_eq!(refusals(&mut site), [Refusal::UnknownLeg]);
}

#[test]
fn whoever_begins_to_be_heard_is_heard_from_there_on_and_its_length_counts_from_there() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Listener);
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 50 * 160], &mut [&mut listener]);
    talker.sender.press(Key::from_char('#').unwrap(), PRESSED);
    site.say_all(&mut talker, &[0; 5 * 160], &mut [&mut listener]);
    assert!(listener.packets.is_empty());

    // The rest of the press goes on into what is heard.
    turn(&mut site, TALKER, Role::Talker);
    site.say_all(&mut talker, &[1_000; 10 * 160], &mut [&mut listener]);

    let is_event = |packet: &Vec<u8>| Packet::parse(packet).unwrap().header().payload_type == 101;
    assert!(!listener.packets.iter().any(is_event), "of a key pressed before");
    assert_eq!(listener.packets.len(), 8, "two packets were the end of the press");
    talker.sender.press(Key::from_char('1').unwrap(), PRESSED);
    site.say_all(&mut talker, &[0; 160], &mut [&mut listener]);
    assert!(listener.packets.iter().any(is_event), "one pressed in the page");
    site.close(TALKER);
    let closed = site.events().into_iter().find_map(|event| match event {
        Event::Closed { leg, statistics } if leg == TALKER => Some(statistics.duration),
        _ => None,
    });
    // Behind the last sound before: a key that is pressed is none.
    assert_eq!(closed, Some(15 * FRAME));
}
