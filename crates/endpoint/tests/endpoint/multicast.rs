//! Multicast zones: what a receiver hears, from the first packet of a stream to its silence.

use std::net::SocketAddr;
use std::time::Duration;

use endpoint::profile::{MulticastProfile, ZoneProfile};
use endpoint::tones::ToneSource;
use endpoint::{Input, Profile, Reconfigured, STREAM_SILENCE, ZonePlan};
use media::codec::Codec;
use media::rtp::Header;
use media::send::{Sender, SenderConfig};
use model::config::{MulticastMode, ZoneNumber};
use model::status::{DeviceEvent, MulticastCodec, SoundOrigin, StopReason};
use paging::{Class, Rank};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::server::Registrar;
use crate::world::{RATE, TICK, TICK_SAMPLES, World, address, profile, recording};

pub(crate) const SENDER: &str = "192.0.2.50:5004";
pub(crate) const OTHER: &str = "192.0.2.51:5004";

/// How long a stream of a page may go on.
pub(crate) const LONGEST: Duration = Duration::from_secs(610);

/// Who speaks in a zone, by hand: a packet each time it is asked.
pub(crate) struct Speaker {
    zone: ZoneNumber,
    from: SocketAddr,
    sender: Sender,
    codec: Codec,
    sample: usize,
}

impl Speaker {
    pub(crate) fn new(zone: u8, from: &str) -> Self {
        Self::with(zone, from, Codec::Pcmu, TICK)
    }

    pub(crate) fn with(zone: u8, from: &str, codec: Codec, packet_time: Duration) -> Self {
        let from = address(from);
        let config = SenderConfig {
            codec,
            payload_type: codec.static_payload_type().unwrap(),
            packet_time,
            telephone_event: None,
            key: None,
        };
        let mut rng =
            ChaCha20Rng::from_seed([zone ^ from.port() as u8 ^ from.ip().to_string().len() as u8; 32]);
        Self {
            zone: ZoneNumber::new(zone).unwrap(),
            from,
            sender: Sender::new(&config, &mut rng).unwrap(),
            codec,
            sample: 0,
        }
    }

    /// The same address with another SSRC, as after a restart.
    pub(crate) fn restarted(&self, seed: u8) -> Self {
        let config = SenderConfig {
            codec: self.codec,
            payload_type: self.codec.static_payload_type().unwrap(),
            packet_time: TICK,
            telephone_event: None,
            key: None,
        };
        Self {
            sender: Sender::new(&config, &mut ChaCha20Rng::from_seed([seed; 32])).unwrap(),
            ..*self
        }
    }

    /// The next packet, of a tone of 440 Hz.
    pub(crate) fn packet(&mut self, world: &World) -> Vec<u8> {
        let rate = self.codec.sample_rate().hertz() as f32;
        let samples: Vec<i16> = (0..self.sender.frame_samples())
            .map(|_| {
                self.sample += 1;
                let turns = self.sample as f32 * 440.0 / rate;
                ((std::f32::consts::TAU * turns).sin() * 12_000.0) as i16
            })
            .collect();
        let mut packet = Vec::new();
        self.sender.packetize(world.now, &samples, &mut packet).unwrap();
        packet
    }

    pub(crate) fn speak_once(&mut self, world: &mut World) {
        let bytes = self.packet(world);
        self.send(world, bytes);
    }

    pub(crate) fn send(&self, world: &mut World, bytes: Vec<u8>) {
        world.input(Input::Zone {
            zone: self.zone,
            from: self.from,
            bytes,
        });
    }
}

/// Lets all speak for a while; gives what is heard meanwhile.
pub(crate) fn speak(world: &mut World, speakers: &mut [&mut Speaker], time: Duration) -> Vec<i16> {
    let from = world.played.len();
    let until = world.now + time;
    while world.now < until {
        for speaker in &mut *speakers {
            speaker.speak_once(world);
        }
        world.run_for(TICK);
    }
    world.played[from..].to_vec()
}

pub(crate) fn zone(number: u8, class: Class, rank: Rank) -> ZoneProfile {
    ZoneProfile {
        number: ZoneNumber::new(number).unwrap(),
        group: format!("224.0.2.60:{}", 50_000 + u16::from(number))
            .parse()
            .unwrap(),
        class,
        rank,
        longest: (class != Class::BackgroundMusic).then_some(LONGEST),
        volume_db: 0.0,
        tone: ToneSource::None,
    }
}

/// A receiver of a zone, the music, the all call and the priority call.
pub(crate) fn receiver() -> Profile {
    let mut profile = profile();
    profile.multicast = MulticastProfile {
        mode: MulticastMode::Receiver,
        zones: vec![
            zone(1, Class::Page, Rank::Zone),
            zone(2, Class::Page, Rank::Zone),
            zone(7, Class::BackgroundMusic, Rank::Zone),
            zone(8, Class::Page, Rank::AllCall),
            zone(9, Class::PriorityPage, Rank::Zone),
        ],
        ..MulticastProfile::default()
    };
    profile
}

pub(crate) fn is_loud(samples: &[i16]) -> bool {
    samples.iter().any(|sample| sample.abs() > 5_000)
}

/// What sounds, in words.
pub(crate) fn heard(world: &World) -> Option<String> {
    world.what_sounds().map(|sounding| sounding.what)
}

fn stream_of(world: &World, zone: u8) -> Option<String> {
    let zones = world.device.status(world.now).multicast.zones;
    let zone = zones.into_iter().find(|state| state.zone.get() == zone);
    zone.and_then(|state| state.stream).map(|stream| stream.source)
}

#[test]
fn a_receiver_listens_to_its_zones_and_leaves_them_when_it_leaves() {
    let mut world = World::registered(receiver());

    let zones: Vec<_> = world
        .zones
        .group_by_zone
        .iter()
        .map(|(zone, group)| (zone.get(), group.port()))
        .collect();
    assert_eq!(
        zones,
        [(1, 50_001), (2, 50_002), (7, 50_007), (8, 50_008), (9, 50_009)]
    );
    world.input(Input::Shutdown);

    assert!(world.zones.group_by_zone.is_empty());
}

#[test]
fn a_receiver_needs_no_account() {
    let mut profile = receiver();
    profile.slots.clear();
    profile.targets.clear();
    let mut world = World::new(profile, Registrar::Accepts { expires: 3600 });
    world.begin();
    world.start_sink();

    let played = speak(
        &mut world,
        &mut [&mut Speaker::new(1, SENDER)],
        Duration::from_millis(500),
    );

    assert!(is_loud(&played));
}

#[test]
fn a_stream_is_heard_until_nothing_has_come_for_the_limit() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(1, SENDER);

    let played = speak(&mut world, &mut [&mut speaker], Duration::from_secs(1));

    assert!(is_loud(&played));
    let sounding = world.what_sounds().unwrap();
    assert_eq!(sounding.what, format!("page from multicast zone 1, {SENDER}"));
    assert_eq!(
        (sounding.class, sounding.origin),
        (Class::Page, SoundOrigin::Multicast)
    );
    let stream = sounding.multicast.unwrap();
    assert_eq!((stream.zone.get(), stream.codec), (1, MulticastCodec::Pcmu));
    let signals = world.device.status(world.now).signals;
    assert!(signals.relay && signals.strobe.is_some());

    // Its last packet came one tick ago.
    world.run_for(STREAM_SILENCE - TICK - Duration::from_millis(1));
    assert!(heard(&world).is_some());
    world.run_for(Duration::from_millis(1));
    assert_eq!(heard(&world), None);
    assert_eq!(world.stops(), [StopReason::Ended]);
    assert_eq!(stream_of(&world, 1), None);
}

#[test]
fn the_first_packet_is_heard_though_the_second_one_starts_the_stream() {
    /// Codes of µ-law: as loud as can be, and silence.
    const CODES: [u8; 2] = [0x80, 0xff];
    let mut world = World::sounding(receiver());
    let speaker = Speaker::new(1, SENDER);
    for (sequence, code) in (0..).zip(CODES) {
        assert_eq!(heard(&world), None);
        let header = Header {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: 7,
        };
        speaker.send(
            &mut world,
            [&header.to_bytes()[..], &[code; TICK_SAMPLES]].concat(),
        );
        world.run_for(TICK);
    }
    assert!(heard(&world).is_some());
    world.run_for(Duration::from_millis(500));

    let loud = world.played.iter().filter(|sample| sample.abs() > 10_000).count();
    assert!(loud >= TICK_SAMPLES * 9 / 10, "{loud}");
}

#[test]
fn each_codec_is_played_at_each_packet_time() {
    let codecs = [
        (Codec::Pcmu, MulticastCodec::Pcmu),
        (Codec::Pcma, MulticastCodec::Pcma),
        (Codec::G722, MulticastCodec::G722),
    ];
    for (codec, told) in codecs {
        for packet_time in codec.packet_times() {
            let mut world = World::sounding(receiver());
            let mut speaker = Speaker::with(1, SENDER, codec, *packet_time);
            let from = world.played.len();
            for _ in 0..50 {
                speaker.speak_once(&mut world);
                world.run_for(*packet_time);
            }
            let played = &world.played[from..];

            let half = &played[played.len() / 2..];
            let power: f32 = half.iter().map(|sample| f32::from(*sample).powi(2)).sum();
            let level = (power / half.len() as f32).sqrt();
            assert!(
                (7_000.0..10_000.0).contains(&level),
                "{codec:?} {packet_time:?}: {level}"
            );
            assert_eq!(world.what_sounds().unwrap().multicast.unwrap().codec, told);
        }
    }
}

#[test]
fn a_sender_that_restarts_is_followed() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(1, SENDER);
    speak(&mut world, &mut [&mut speaker], Duration::from_millis(500));

    let mut restarted = speaker.restarted(99);
    world.run_for(Duration::from_millis(300));
    let played = speak(&mut world, &mut [&mut restarted], Duration::from_secs(1));

    assert!(is_loud(&played));
    assert_eq!(world.stops(), []);
}

#[test]
fn a_tone_of_the_receiver_comes_before_the_first_word_and_loses_none() {
    let mut profile = receiver();
    profile.multicast.zones[0].tone = recording("gong.wav", 20_000, RATE.samples_in(Duration::from_secs(1)));
    let mut world = World::sounding(profile);
    let mut speaker = Speaker::new(1, SENDER);

    let mut played = speak(&mut world, &mut [&mut speaker], Duration::from_millis(500));
    played.extend(world.listen(Duration::from_secs(3)));

    let tone = played.iter().filter(|sample| **sample == 20_000).count();
    let spoken = played
        .iter()
        .filter(|sample| (1_000..19_000).contains(&sample.abs()))
        .count();
    assert_eq!(tone, RATE.samples_in(Duration::from_secs(1)));
    // A sine of 12,000 is above 1,000 for 95 % of the time.
    assert!(spoken > RATE.samples_in(Duration::from_millis(450)), "{spoken}");
    assert_eq!(heard(&world), None, "it ends when all has been heard");
}

#[test]
fn another_sender_is_heard_behind_what_the_tone_holds_back() {
    const SECOND: Duration = Duration::from_secs(1);
    let mut profile = receiver();
    profile.multicast.zones[0].tone = recording("gong.wav", 20_000, RATE.samples_in(8 * SECOND));
    let mut world = World::sounding(profile);
    let (mut first, mut second) = (Speaker::new(1, SENDER), Speaker::new(1, OTHER));

    let mut played = speak(&mut world, &mut [&mut first], SECOND);
    // Its last packet came one tick ago.
    played.extend(world.listen(STREAM_SILENCE - TICK - Duration::from_millis(1)));
    second.speak_once(&mut world);
    second.speak_once(&mut world);
    assert_eq!(
        world.device.counters().multicast_foreign,
        2,
        "the first one pauses"
    );
    assert_eq!(stream_of(&world, 1).as_deref(), Some(SENDER));
    played.extend(world.listen(SECOND));
    played.extend(speak(&mut world, &mut [&mut second], SECOND));
    assert_eq!(stream_of(&world, 1).as_deref(), Some(OTHER));
    played.extend(world.listen(12 * SECOND));

    assert_eq!(world.device.counters().multicast_foreign, 2);
    let tone = played.iter().filter(|sample| **sample == 20_000).count();
    assert_eq!(tone, RATE.samples_in(8 * SECOND));
    let is_spoken = |sample: &&i16| (1_000..19_000).contains(&sample.abs());
    let spoken = played.iter().filter(is_spoken).count();
    // A sine of 12,000 is above 1,000 for 95 % of the time.
    assert!(spoken > RATE.samples_in(SECOND * 19 / 10 * 95 / 100), "{spoken}");
    assert_eq!(world.stops(), [StopReason::Ended]);
}

#[test]
fn a_zone_is_as_loud_as_it_is_set_at_once_and_while_it_sounds() {
    let mut profile = receiver();
    profile.multicast.zones[0].volume_db = -12.0;
    let mut world = World::sounding(profile.clone());
    let mut speaker = Speaker::new(1, SENDER);
    let peak = |samples: &[i16]| samples.iter().map(|sample| sample.abs()).max().unwrap();

    let quiet = speak(&mut world, &mut [&mut speaker], Duration::from_millis(500));
    assert!((2_500..3_700).contains(&peak(&quiet)), "{}", peak(&quiet));

    profile.multicast.zones[0].volume_db = 0.0;
    let changed = world.device.reconfigure(world.now, profile);
    assert_eq!(changed, Reconfigured::InPlace);
    speak(&mut world, &mut [&mut speaker], Duration::from_millis(200));
    let loud = speak(&mut world, &mut [&mut speaker], Duration::from_millis(200));

    assert!(peak(&loud) > 11_000, "{}", peak(&loud));
    assert_eq!(world.stops(), []);
}

#[test]
fn another_profile_ends_the_streams_that_it_does_not_have_and_no_others() {
    let mut world = World::sounding(receiver());
    let (mut one, mut music) = (Speaker::new(1, SENDER), Speaker::new(7, OTHER));
    speak(
        &mut world,
        &mut [&mut one, &mut music],
        Duration::from_millis(500),
    );

    let mut other = receiver();
    other.multicast.zones.remove(0);
    let changed = world.device.reconfigure(world.now, other);
    world.pump();

    assert_eq!(changed, Reconfigured::InPlace);
    assert_eq!(world.zones.group_by_zone.len(), 4);
    assert_eq!(
        heard(&world),
        Some(format!("background music from multicast zone 7, {OTHER}"))
    );
    let played = speak(
        &mut world,
        &mut [&mut one, &mut music],
        Duration::from_millis(200),
    );
    assert!(is_loud(&played));
}

#[test]
fn a_receiver_that_becomes_none_is_silent_and_listens_to_nothing() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(1, SENDER);
    speak(&mut world, &mut [&mut speaker], Duration::from_millis(500));

    for mode in [MulticastMode::Sender, MulticastMode::Off] {
        let mut other = receiver();
        other.multicast.mode = mode;
        let changed = world.device.reconfigure(world.now, other);
        assert_eq!(changed, Reconfigured::InPlace);
        world.pump();

        assert_eq!((world.zones.group_by_zone.len(), heard(&world)), (0, None));
        let played = speak(&mut world, &mut [&mut speaker], Duration::from_millis(200));
        assert!(!is_loud(&played), "{mode:?}");
        assert_eq!(world.device.status(world.now).multicast.mode, mode);
    }
}

#[test]
fn a_zone_that_cannot_be_received_says_why() {
    let mut world = World::registered(receiver());
    let number = ZoneNumber::new(1).unwrap();
    let problem = Some("the port is taken".to_owned());
    for _ in 0..2 {
        world.input(Input::ZoneState {
            zone: number,
            problem: problem.clone(),
        });
    }

    let status = world.device.status(world.now).multicast;
    assert_eq!(status.zones[0].problem, problem);
    let told = world
        .events
        .iter()
        .filter(|(_, event)| matches!(event, DeviceEvent::ZoneChanged { zone, .. } if *zone == number))
        .count();
    assert_eq!(told, 1);
}

#[test]
fn a_device_without_multicast_asks_for_nothing() {
    let world = World::registered(profile());

    assert_eq!(world.zones, ZonePlan::default());
}
