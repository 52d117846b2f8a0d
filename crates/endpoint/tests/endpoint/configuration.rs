//! From the configuration file to what a device is and does.

use std::time::Duration;

use endpoint::profile::{Identity, PRIORITY_STREAM_MAX, STREAM_GRACE};
use endpoint::tones::{BuiltinTone, ToneSource};
use endpoint::{KeepaliveTimes, LOCAL_TONE_MAX, Profile, Rounds};
use media::sample::SampleRate;
use media::sdp::SecurityOffer;
use media::srtp::Suite;
use model::SlotPosition;
use model::config::{Document, EndpointConfig};
use model::status::TargetRole;
use paging::Class;
use sip::flow::Transport;
use sip::message::HeaderName;

use crate::server::Registrar;
use crate::world::World;

#[test]
fn a_generic_device_of_a_phone_cloud_registers_through_its_proxy_with_its_authorization_id() {
    let profile = profile(
        "sip.proxy = 1234.zoom.example\nsip.u1.user = 81234567\nsip.u1.auth = 998877\nsip.u1.pwd = secret\n\
         sip.transp = TLS\nsip.obproxy = 192.0.2.10:5061\nsip.srtp = Standard\nsip.srtp.suite = all\n\
         sip.u1.dname = Lobby \"A\"\n",
    );
    assert_eq!(profile.media.security, SecurityOffer::Standard);
    assert_eq!(profile.media.suites.len(), Suite::ALL.len());

    let mut world = World::new(profile, Registrar::challenging("secret"));
    world.begin();
    world.run_for(Duration::from_secs(1));

    assert_eq!(world.shown(0), "Successful");
    let register = &world.server().accepted[0];
    assert_eq!(register.request_uri(), Some("sip:1234.zoom.example"));
    assert_eq!(
        register
            .header(HeaderName::From)
            .unwrap()
            .split(';')
            .next()
            .unwrap(),
        r#""Lobby \"A\"" <sip:81234567@1234.zoom.example>"#
    );
    assert_eq!(
        register.header(HeaderName::Route),
        Some("<sip:192.0.2.10:5061;transport=tls;lr>")
    );
    assert!(
        register
            .header(HeaderName::Authorization)
            .unwrap()
            .contains("username=\"998877\"")
    );
}

#[test]
fn md5_is_answered_unless_the_file_says_otherwise() {
    for (line, answers_md5) in [("", true), ("oyez.digest.md5 = 0\n", false)] {
        let profile = profile(&format!(
            "sip.proxy = pbx.example.com\nsip.u1.user = hall\nsip.u1.pwd = secret\n{line}"
        ));

        let account = profile.slots[0].account.as_ref().unwrap();
        assert_eq!(account.answers_md5, answers_md5, "{line}");
    }
}

#[test]
fn servers_are_tried_in_the_order_of_their_roles() {
    let profile = profile(
        "sip.proxy = pbx.example.com\nsip.obproxy = a.example.com:5091\noyez.obproxy2 = b.example.com\n\
         sip.ssr.use = 1\nsip.bkproxy1 = c.example.com\nsip.bkproxy2 = d.example.com\n\
         oyez.survivability.use = 1\noyez.survivability.proxy = 192.0.2.9\nsip.transp = tls\n",
    );

    let order: Vec<_> = profile
        .targets
        .iter()
        .map(|target| (target.role, target.authority()))
        .collect();
    assert_eq!(
        order,
        [
            (TargetRole::Primary, "a.example.com:5091".to_owned()),
            (TargetRole::Secondary, "b.example.com".to_owned()),
            (TargetRole::Backup, "c.example.com".to_owned()),
            (TargetRole::Backup, "d.example.com".to_owned()),
            (TargetRole::LocalNode, "192.0.2.9".to_owned()),
        ]
    );
    assert!(
        profile
            .targets
            .iter()
            .all(|target| target.transport == Some(Transport::Tls))
    );
}

#[test]
fn without_a_proxy_the_domains_own_server_is_tried_and_no_route_is_named() {
    let profile = profile("sip.proxy = pbx.example.com:5070\n");

    let [target] = &profile.targets[..] else {
        panic!("one target")
    };
    assert_eq!(target.authority(), "pbx.example.com:5070");
    assert!(!target.is_outbound_proxy);
    assert_eq!(target.transport, None);
    assert_eq!(profile.domain, "pbx.example.com");
}

#[test]
fn an_ipv6_domain_stands_in_brackets() {
    let profile = profile("sip.proxy = [2001:db8::1]:5070\n");

    assert_eq!(profile.domain, "[2001:db8::1]");
    assert_eq!(profile.targets[0].authority(), "[2001:db8::1]:5070");
}

#[test]
fn tones_volume_and_times_are_taken_over() {
    let profile = profile(
        "sip.proxy = a\nsip.u1.user = hall\naudio.page.tone = None\naudio.page.vol = -12dB\n\
         phone.timeout.inbound = 240\nsip.regexp = 600\nsip.interop.ka.interval = 30\n",
    );

    assert_eq!(profile.slots[0].position, SlotPosition::BASE_PAGE);
    assert_eq!(profile.slots[0].tone, ToneSource::None);
    assert!((profile.sound.page_volume_db - -12.0).abs() < f32::EPSILON);
    assert_eq!(profile.times.page_max, Some(Duration::from_secs(240)));
    assert_eq!(profile.times.registration.expires, Duration::from_secs(600));
    assert_eq!(
        profile.times.uplink.keepalive,
        Some(KeepaliveTimes::every(Duration::from_secs(30)))
    );
}

#[test]
fn rings_and_alerts_have_the_tones_of_the_hardware_unless_the_file_says_otherwise() {
    let profile = profile(
        "sip.proxy = a\nsip.alert1.user = b1\nsip.alert2.user = b2\nsip.alert2.tone = gong.wav\nann.ext1 = a1\n\
         ann.ext2 = a2\nann.tone2 = None\nann.ext3 = a3\nann.tone3 = buzzer.wav\nann.loop3 = 0\n\
         oyez.ann.drill3 = 1\n",
    );

    let builtin = ToneSource::Builtin;
    let of_slots: Vec<_> = profile.slots.iter().map(|slot| slot.tone.clone()).collect();
    assert_eq!(
        of_slots,
        [
            builtin(BuiltinTone::WarbleMedium),
            builtin(BuiltinTone::Gong),
            builtin(BuiltinTone::PageNotification),
            ToneSource::None,
            builtin(BuiltinTone::PageNotification),
        ]
    );
    assert!((profile.sound.ring_volume_db - -18.0).abs() < f32::EPSILON);
    assert_eq!(profile.ring.sounds_max, None);
    assert_eq!(profile.alerts.length_max, Duration::from_secs(600));
    let announcements: Vec<_> = profile.alerts.announcements[..3]
        .iter()
        .map(|announcement| {
            (
                announcement.tone.clone(),
                announcement.rounds,
                announcement.is_drill,
            )
        })
        .collect();
    assert_eq!(
        announcements,
        [
            (builtin(BuiltinTone::Evacuation), Rounds::Endless, false),
            (ToneSource::None, Rounds::Endless, false),
            (builtin(BuiltinTone::Buzzer), Rounds::Times(1), true),
        ]
    );
}

#[test]
fn a_ring_follows_the_rules_of_the_file() {
    let profile = profile(
        "audio.ring.tone = bell-uk.wav\naudio.ring.timeout = 45\naudio.ring.cid2.use = 1\n\
         audio.ring.cid2.regex = ^70\naudio.ring.cid2.tone = Default\naudio.ring.cid2.delay = 4\n",
    );

    assert_eq!(profile.ring.sounds_max, Some(Duration::from_secs(45)));
    let [rule] = &profile.ring.rules[..] else {
        panic!("one rule")
    };
    assert!(rule.pattern.is_match("7001") && !rule.pattern.is_match("1701"));
    assert_eq!(rule.tone, ToneSource::Builtin(BuiltinTone::BellGreatBritain));
    assert_eq!(rule.delay, Duration::from_secs(4));
}

#[test]
fn an_installation_may_rank_its_sounds_otherwise() {
    let usual = profile("");
    let own = profile("oyez.order = page,alert,priority,call,ring,bell,music,\n");

    let place = |profile: &Profile, class| profile.sound.order.place(class);
    assert_eq!(place(&usual, Class::EmergencyAlert), 0);
    assert_eq!(
        (place(&own, Class::Page), place(&own, Class::EmergencyAlert)),
        (0, 1)
    );
}

#[test]
fn a_stream_may_go_on_for_as_long_as_tones_pages_and_announcements_and_music_for_ever() {
    for (times, page) in [
        ("", LOCAL_TONE_MAX),
        ("phone.timeout.inbound = 3600\n", LOCAL_TONE_MAX),
        ("phone.timeout.inbound = 3601\n", Duration::from_secs(3_601)),
        ("ann.maxtime = 7200\n", Duration::from_secs(7_200)),
    ] {
        let profile = profile(&format!("mcast.mode = 2\nmcast.rx.zones = 1,7,8,9,\n{times}"));

        let limits: Vec<_> = profile.multicast.zones.iter().map(|zone| zone.longest).collect();
        let [page, priority] = [page, PRIORITY_STREAM_MAX].map(|longest| Some(longest + STREAM_GRACE));
        assert_eq!(limits, [page, None, page, priority], "{times}");
    }
}

#[test]
fn a_zone_with_priority_is_heard_for_as_long_as_the_longest_announcement_that_can_be_set() {
    let with_announcements_of = |seconds: u64| {
        let text = format!("ann.maxtime = {seconds}\n");
        EndpointConfig::from_document(&Document::parse(&text).ok()?).ok()
    };
    let longest = PRIORITY_STREAM_MAX.as_secs();

    let config = with_announcements_of(longest).unwrap();
    assert_eq!(config.alerts.length_max, PRIORITY_STREAM_MAX);
    assert!(with_announcements_of(longest + 1).is_none());
}

#[test]
fn keep_alive_and_fail_back_can_be_switched_off() {
    let profile = profile("sip.proxy = a\nsip.interop.ka.method = none\nsip.ssr.nofb = 1\n");

    assert_eq!(profile.times.uplink.keepalive, None);
    assert_eq!(profile.times.uplink.failback, None);
}

#[test]
fn secure_addresses_stand_in_every_header_of_a_register() {
    let mut world = World::new(
        profile(
            "sip.proxy = example.com\nsip.obproxy = 192.0.2.10:5061\nsip.transp = tls\nsip.sips = 1\n\
             sip.u1.user = hall\nsip.u1.pwd = secret\n",
        ),
        Registrar::Accepts { expires: 600 },
    );
    world.begin();
    world.run_for(Duration::from_secs(1));

    let register = &world.server().accepted[0];
    assert_eq!(register.request_uri(), Some("sips:example.com"));
    assert!(
        register
            .header(HeaderName::From)
            .unwrap()
            .starts_with("<sips:hall@example.com>")
    );
    assert!(
        register
            .header(HeaderName::Contact)
            .unwrap()
            .starts_with("<sips:hall@")
    );
}

fn profile(text: &str) -> Profile {
    let document = Document::parse(text).expect("the file parses");
    let config = EndpointConfig::from_document(&document).expect("the file makes sense");
    let identity = Identity {
        device: "device-1".parse().expect("a device id"),
        user_agent: "Oyez test".to_owned(),
        instance: None,
    };
    Profile::from_config(&config, identity, SampleRate::Hz48000)
}
