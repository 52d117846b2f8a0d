//! SIPp plays the scenarios of `tests/sipp` over UDP and TCP.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use media::codec::g711::encode_mu_law;
use model::status::{MissingReason, RegistrationRefusal, Verdict, ZoneEvent};
use peers::{Account, Media, available, play_scenario};
use sip::flow::Transport;

use crate::hearing::Speech;
use crate::site::{ALL, DOMAIN, LOUDSPEAKERS, PHONE, Site, turn};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sipp");

#[test]
fn a_registration_with_digest_is_taken_and_taken_back() {
    over_udp_and_tcp(|site, transport| {
        play(site, transport, "register.xml", DOMAIN, None);
        let from = site.wait_for("the registration", |event| match event {
            ZoneEvent::Registered { user, from, .. } if user.as_str() == PHONE => Some(from),
            _ => None,
        });
        assert!(from.starts_with("127.0.0.1:"), "{from}");
        site.wait_for("the end of the registration", |event| match event {
            ZoneEvent::Unregistered { user, .. } if user.as_str() == PHONE => Some(()),
            _ => None,
        });
    });
}

#[test]
fn a_wrong_password_is_refused_and_told() {
    over_udp_and_tcp(|site, transport| {
        play(site, transport, "wrong_password.xml", DOMAIN, Some("wrong"));
        let why = site.wait_for("the refusal", |event| match event {
            ZoneEvent::RegistrationRefused { user, why, .. } if user == PHONE => Some(why),
            _ => None,
        });
        assert_eq!(why, RegistrationRefusal::WrongCredentials);
    });
}

#[test]
fn a_page_in_plain_rtp_is_heard_until_the_phone_hangs_up() {
    over_udp_and_tcp(|site, transport| {
        let speech = Speech::new(site.folder(), Media::PlainPcmu);
        let octets: Vec<u8> = speech.sound.samples.iter().copied().map(encode_mu_law).collect();
        fs::write(site.folder().join("speech.ulaw"), octets).unwrap();
        play(site, transport, "page.xml", &format!("{ALL}@{DOMAIN}"), None);
        let report = site.report();
        assert_eq!(report.heard_count(), LOUDSPEAKERS.len(), "{report:#?}");
        site.recordings(&report, &speech);
    });
}

#[test]
fn a_page_given_up_during_the_chime_reaches_nobody() {
    over_udp_and_tcp(|site, transport| {
        play(site, transport, "cancel.xml", &format!("{ALL}@{DOMAIN}"), None);
        let report = site.report();
        assert_eq!(report.listeners.len(), LOUDSPEAKERS.len());
        for listener in &report.listeners {
            let ended = Verdict::Missing {
                why: MissingReason::PageEnded,
            };
            assert_eq!(listener.verdict, ended, "{report:#?}");
        }
    });
}

#[test]
fn options_are_answered_and_dialogs_that_do_not_exist_are_unknown() {
    over_udp_and_tcp(|site, transport| play(site, transport, "options.xml", DOMAIN, None));
}

#[test]
fn a_session_timer_is_kept_and_one_that_is_too_short_is_refused() {
    over_udp_and_tcp(|site, transport| {
        let target = format!("{ALL}@{DOMAIN}");
        play(site, transport, "session_timer.xml", &target, None);
        assert_eq!(site.report().listeners.len(), LOUDSPEAKERS.len());
    });
}

fn over_udp_and_tcp(mut act: impl FnMut(&mut Site, Transport)) {
    if !available(&["sipp"]) {
        return;
    }
    let _turn = turn();
    let mut site = Site::start(LOOPBACK);
    act(&mut site, Transport::Udp);
    act(&mut site, Transport::Tcp);
}

fn play(site: &mut Site, transport: Transport, scenario: &str, target: &str, password: Option<&str>) {
    let server = site.server(transport);
    let folder = site.folder().to_owned();
    let phone = site.phone(transport, Media::PlainPcmu);
    let password = password.unwrap_or(phone.password);
    let scenario = Path::new(SCENARIOS).join(scenario);
    play_scenario(&scenario, &folder, &Account { password, ..phone }, server, target);
}
