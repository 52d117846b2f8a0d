use super::*;
use crate::SlotKind;
use crate::config::KEYS;
use crate::config::keys::SRTP_SUITES;

#[test]
fn an_empty_file_gives_the_defaults_and_no_slot() {
    let config = config("");

    assert_eq!(config.slots, []);
    assert_eq!(config.server.register_period, Duration::from_secs(3600));
    assert_eq!(config.server.transport, TransportChoice::Auto);
    assert_eq!(
        config.keep_alive,
        KeepAliveConfig {
            method: KeepAliveMethod::Crlf,
            interval: Duration::from_secs(20),
            flow_interval: Some(Duration::from_secs(4)),
            flow_answer: Duration::from_secs(2),
        }
    );
    assert_eq!(config.page.tone, Tone::File("page-notif.wav".into()));
    assert!(config.security.validates_server);
    assert_eq!(config.security.suites, [SrtpSuite::AesCm128HmacSha1_80]);
    assert!(config.redundancy.fails_back);
    assert_eq!(config.sink, SinkChoice::Auto);
}

#[test]
fn the_settings_of_a_generic_device_at_a_phone_cloud_are_understood() {
    let config = config(
        "sip.proxy = 1234.zoom.example\nsip.u1.user = 81234567\nsip.u1.auth = 998877\nsip.u1.pwd = s3cret\n\
         sip.transp = TLS\nsip.obproxy = us01.sip.zoom.example:5091\nsip.srtp = Standard\nsip.srtp.suite = all\n\
         sip.u1.dname = Lobby\n",
    );

    assert_eq!(config.server.transport, TransportChoice::Tls);
    assert_eq!(config.server.outbound_proxy.unwrap().port, Some(5091));
    assert_eq!(config.security.srtp, SrtpOffer::Standard);
    assert_eq!(config.security.suites, SrtpSuite::ALL);
    let [slot] = &config.slots[..] else {
        panic!("one slot")
    };
    assert_eq!(slot.position, SlotPosition::BASE_PAGE);
    assert_eq!(slot.user.as_str(), "81234567");
    assert_eq!(slot.authorization_id.as_str(), "998877");
    assert!(slot.password.as_ref().unwrap().matches("s3cret"));
    assert_eq!(slot.display_name.as_deref(), Some("Lobby"));
}

#[test]
fn every_slot_has_its_keys_in_the_schema_and_is_read_from_them() {
    for kind in [SlotKind::Page, SlotKind::Ring, SlotKind::Alert] {
        for position in SlotPosition::all(kind) {
            let keys = SlotKeys::of(position);
            for key in [&keys.user, &keys.authorization_id, &keys.password, &keys.tone] {
                assert!(KEYS.iter().any(|spec| spec.pattern.matches(key)), "{key}");
            }

            let config = config(&format!(
                "sip.proxy = a\n{} = u\n{} = p\n",
                keys.user, keys.password
            ));

            assert_eq!(config.slots.len(), 1, "{position}");
            assert_eq!(config.slots[0].position, position);
            assert_eq!(config.slots[0].authorization_id.as_str(), "u");
        }
    }
}

#[test]
fn zone_1_is_page_port_2() {
    let config = config("sip.proxy = a\nmcast.ext1 = u\nmcast.ext50 = v\n");

    let ports: Vec<_> = config.slots.iter().map(|slot| slot.position.port()).collect();
    assert_eq!(ports, [2, 51]);
}

#[test]
fn a_slot_that_is_switched_off_is_left_out() {
    let config = config("sip.page.use = 0\nsip.u1.user = 7001\nsip.alert1.user = 7002\nsip.alert1.use = 0\n");

    assert_eq!(config.slots, []);
}

#[test]
fn suites_are_offered_in_the_order_they_are_named_in() {
    let config = config("sip.srtp.suite = aes_cm_128_hmac_sha1_32,AEAD_AES_128_GCM,\n");

    assert_eq!(
        config.security.suites,
        [SrtpSuite::AesCm128HmacSha1_32, SrtpSuite::AeadAes128Gcm]
    );
}

#[test]
fn every_suite_can_be_named() {
    for suite in SrtpSuite::ALL {
        assert!(
            SRTP_SUITES
                .iter()
                .any(|name| name.eq_ignore_ascii_case(suite.sdp_name())),
            "{suite:?}"
        );
    }
}

#[test]
fn backup_servers_count_only_when_redundancy_is_on() {
    let backups = "sip.bkproxy1 = b1\nsip.bkproxy2 = b2\n";

    assert_eq!(config(backups).redundancy.backups, []);
    assert_eq!(
        config(&format!("{backups}sip.ssr.use = 1\n"))
            .redundancy
            .backups
            .len(),
        2
    );
}

#[test]
fn what_does_not_fit_together_is_refused_with_its_line() {
    for (text, expected) in [
        (
            "sip.u1.user = 7001\n",
            "sip.proxy: there are slots to register but no SIP domain; the domain would be right",
        ),
        (
            "sip.transp = udp\nsip.srtp = optional\n",
            "line 2: sip.srtp: the media keys would be sent in clear over this transport; \
             sip.transp = tls, or disabled would be right",
        ),
        (
            "sip.sips = 1\nsip.transp = tcp\n",
            "line 1: sip.sips: the sips scheme needs TLS; sip.transp = tls, or 0 would be right",
        ),
        (
            "sip.ssr.use = 1\n",
            "line 1: sip.ssr.use: server redundancy is on but there is no backup server; sip.bkproxy1, or 0 would be right",
        ),
        (
            "oyez.survivability.use = 1\n",
            "line 1: oyez.survivability.use: local survivability is on but the node is not named; \
             oyez.survivability.proxy, or 0 would be right",
        ),
        (
            "audio.ring.cid2.use = 1\n",
            "line 1: audio.ring.cid2.use: the rule is on but matches nobody; audio.ring.cid2.regex, or 0 would be right",
        ),
        (
            "oyez.order = page,alert,priority,call,ring,bell,bell,\n",
            "line 1: oyez.order: music does not stand in it; each kind of sound once would be right",
        ),
        (
            "sip.proxy = a\nsip.u1.user = 7001\nsip.alert3.user = 7001\n",
            "line 3: sip.alert3.user: 7001 registers in slot page-1 too, and a call would reach both; \
             a user of its own would be right",
        ),
    ] {
        let errors = EndpointConfig::from_document(&Document::parse(text).unwrap()).unwrap_err();

        let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(messages, [expected]);
    }
}

#[test]
fn a_ring_has_its_volume_its_tone_its_longest_time_and_its_rules() {
    let defaults = config("").ring;
    assert_eq!(
        defaults,
        RingConfig {
            volume_db: -18,
            tone: Tone::File("warble2-med.wav".into()),
            length_max: None,
            rules: Vec::new()
        }
    );

    let ring = config(
        "audio.ring.vol = -3dB\naudio.ring.tone = gong.wav\naudio.ring.timeout = 30\n\
         audio.ring.cid1.regex = ^9\naudio.ring.cid2.use = 1\naudio.ring.cid2.regex = ^1\n\
         audio.ring.cid4.use = 1\naudio.ring.cid4.regex = ^2\naudio.ring.cid4.tone = Default\n\
         audio.ring.cid4.delay = 600\n",
    )
    .ring;

    assert_eq!(
        (ring.volume_db, ring.length_max),
        (-3, Some(Duration::from_secs(30)))
    );
    let rule = |pattern: &str, tone: &str, seconds| RingRule {
        pattern: pattern.parse().unwrap(),
        tone: Tone::File(tone.into()),
        delay: Duration::from_secs(seconds),
    };
    assert_eq!(
        ring.rules,
        [rule("^1", "warble2-med.wav", 0), rule("^2", "gong.wav", 600)]
    );
}

#[test]
fn an_announcement_has_its_tone_and_how_often_it_plays() {
    let alerts = config("").alerts;
    assert_eq!(alerts.length_max, Duration::from_secs(600));
    let numbers: Vec<u8> = alerts
        .announcements
        .iter()
        .map(|announcement| announcement.number)
        .collect();
    assert_eq!(numbers, Vec::from_iter(1..=10));
    assert!(
        alerts
            .announcements
            .iter()
            .all(|announcement| announcement.rounds.is_none())
    );

    let alerts = config(
        "ann.maxtime = 60\nann.tone1 = fire.wav\nann.loop1 = 0\nann.tone2 = None\nann.loop2 = 1\nann.max2 = 100\n\
         ann.use3 = 0\noyez.ann.drill4 = 1\n",
    )
    .alerts;

    assert_eq!(alerts.length_max, Duration::from_secs(60));
    let announcement = |number, tone, rounds| AnnouncementConfig {
        number,
        tone,
        rounds,
        is_drill: number == 4,
    };
    assert_eq!(
        alerts.announcements[..3],
        [
            announcement(1, Tone::File("fire.wav".into()), Some(1)),
            announcement(2, Tone::None, Some(100)),
            announcement(4, Tone::Default, None)
        ]
    );
}

#[test]
fn a_bad_expression_is_refused_with_its_line_and_key() {
    let errors = Document::parse("sip.proxy = a\naudio.ring.cid3.regex = (7001\n").unwrap_err();

    let [error] = &errors[..] else {
        panic!("{errors:?}")
    };
    assert_eq!(
        (error.line, error.key.as_str()),
        (Some(2), "audio.ring.cid3.regex")
    );
    assert!(error.right.contains("regular expression"), "{error}");
}

#[test]
fn debug_output_shows_no_password() {
    let config = config("sip.proxy = a\nsip.u1.user = 7001\nsip.u1.pwd = hunter2\n");

    assert!(!format!("{config:?}").contains("hunter2"));
}

fn config(text: &str) -> EndpointConfig {
    EndpointConfig::from_document(&Document::parse(text).unwrap()).unwrap()
}

#[test]
fn the_api_is_off_until_it_is_turned_on_with_a_password() {
    assert_eq!(config("sip.proxy = a\n").api, None);

    let api = config("admin.web.api = 1\napi.admin.pwd = hunter22\n")
        .api
        .unwrap();

    assert!(api.password.matches("hunter22"));
    assert_eq!(api.authentication, ApiAuthentication::Hmac);
    assert_eq!(api.skew_max, Duration::from_secs(30));
}

#[test]
fn an_api_without_a_password_of_its_own_is_refused_with_key_and_remedy() {
    for password in ["", "algo"] {
        let text = format!("admin.web.api = 1\napi.admin.pwd = {password}\n");

        let errors = EndpointConfig::from_document(&Document::parse(&text).unwrap()).unwrap_err();

        assert_eq!(errors.len(), 1);
        assert_eq!(
            (errors[0].key.as_str(), errors[0].line),
            ("api.admin.pwd", Some(2))
        );
        assert!(errors[0].right.contains("admin.web.api = 0"), "{}", errors[0]);
    }
}

#[test]
fn an_api_that_asks_for_no_password_is_refused_and_says_why() {
    let text = "admin.web.api = 1\napi.admin.pwd = hunter22\napi.auth.basic = -1\n";

    let errors = EndpointConfig::from_document(&Document::parse(text).unwrap()).unwrap_err();

    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].key, "api.auth.basic");
    assert!(errors[0].problem.contains("anybody"), "{}", errors[0]);
}

#[test]
fn clocks_of_api_clients_may_be_off_by_so_much_and_not_a_second_more() {
    for (seconds, is_right) in [("1", true), ("300", true), ("0", false), ("301", false)] {
        let document = Document::parse(&format!("api.auth.tsvar = {seconds}\n"));
        assert_eq!(document.is_ok(), is_right, "{seconds}");
    }
}

#[test]
fn the_log_is_sent_to_the_servers_that_are_named_once_it_is_to_be_sent() {
    let text = "log.server = log.example:1514\nlog.server3 = [2001:db8::7]\nlog.protocol = TLS\nlog.level = warning\n";
    assert_eq!(config(text).logging.servers, []);

    let logging = config(&format!("{text}log.method = network\noyez.log.ca = log.pem\n")).logging;

    let servers: Vec<String> = logging.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["log.example:1514", "[2001:db8::7]"]);
    assert_eq!(logging.protocol, LogProtocol::Tls);
    assert_eq!(logging.level, LogLevel::Warning);
    assert_eq!(logging.trusted_ca_file.as_deref(), Some("log.pem"));
}

#[test]
fn the_relay_follows_the_kinds_that_are_named_and_none_where_it_is_switched_off() {
    let held = |text: &str| {
        let config = EndpointConfig::from_document(&Document::parse(text).unwrap()).unwrap();
        let relay = config.kinds.relay;
        SoundClass::ALL
            .into_iter()
            .filter(|class| relay.hold(*class))
            .collect::<Vec<_>>()
    };

    assert_eq!(held(""), SoundClass::ALL[..6]);
    assert_eq!(
        held("io.relayout.events = Alert,music,\n"),
        [SoundClass::EmergencyAlert, SoundClass::BackgroundMusic]
    );
    assert_eq!(held("io.relayout.events = all,music\n"), SoundClass::ALL);
    assert_eq!(held("io.relayout.events = page,door\n"), [SoundClass::Page]);
    assert_eq!(held("io.relayout.events = door\n"), SoundClass::ALL[..6]);
    assert_eq!(held("io.relayout = 0\nio.relayout.events = all\n"), []);
}
