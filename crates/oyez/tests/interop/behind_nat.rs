//! Phones and loudspeakers behind address translation, in network namespaces.

use std::fs;
use std::path::Path;
use std::process::Command;

use model::status::ZoneEvent;
use peers::{Baresip, Home, Internet, Media, Program, available, build_program};
use sip::flow::Transport;

use crate::hearing::{Figures, Speech};
use crate::real_phones::{PAGES_MAX, PATIENCE, assert_heard_by_three, is_heard_by_three};
use crate::site::{ALL, LOUDSPEAKERS, PHONE, Site, turn};

#[test]
fn a_phone_and_a_loudspeaker_behind_nat_over_tls_and_srtp() {
    if !available(&["baresip"]) {
        return;
    }
    let _turn = turn();
    let Some(mut internet) =
        Internet::enter("behind_nat::a_phone_and_a_loudspeaker_behind_nat_over_tls_and_srtp")
    else {
        return;
    };
    let mut site = Site::start_with(Internet::SERVER, &LOUDSPEAKERS[1..]);
    site.add_loudspeaker(&internet.add_home(), LOUDSPEAKERS[0].0);
    page_from_home(&mut site, &internet.add_home(), Transport::Tls, Media::SecurePcmu);
}

#[test]
fn a_phone_and_a_loudspeaker_behind_nat_in_opus() {
    if !available(&["baresip"]) {
        return;
    }
    let _turn = turn();
    let Some(mut internet) = Internet::enter("behind_nat::a_phone_and_a_loudspeaker_behind_nat_in_opus")
    else {
        return;
    };
    let mut site = Site::start_with(Internet::SERVER, &LOUDSPEAKERS[1..]);
    site.add_loudspeaker(&internet.add_home(), LOUDSPEAKERS[0].0);
    page_from_home(&mut site, &internet.add_home(), Transport::Tls, Media::SecureOpus);
}

#[test]
fn a_phone_behind_nat_over_udp_and_rtp() {
    if !available(&["baresip"]) {
        return;
    }
    let _turn = turn();
    let Some(mut internet) = Internet::enter("behind_nat::a_phone_behind_nat_over_udp_and_rtp") else {
        return;
    };
    let mut site = Site::start(Internet::SERVER);
    page_from_home(&mut site, &internet.add_home(), Transport::Udp, Media::PlainPcmu);
}

#[test]
fn the_program_of_an_endpoint_behind_nat() {
    if !available(&["baresip"]) {
        return;
    }
    let program = build_program("oyez-endpoint", Path::new(env!("CARGO_BIN_EXE_oyez")));
    let _turn = turn();
    let Some(mut internet) = Internet::enter("behind_nat::the_program_of_an_endpoint_behind_nat") else {
        return;
    };
    let (hall, others) = LOUDSPEAKERS.split_first().unwrap();
    let mut site = Site::start_with(Internet::SERVER, others);
    let config = site.folder().join("hall.conf");
    fs::write(&config, site.endpoint_config(hall.0)).unwrap();
    let home = internet.add_home();
    let mut command = Command::new(program);
    command.args(["run", "--web", "off", "--config"]).arg(&config);
    command.arg("--state").arg(site.folder().join("hall"));
    let mut endpoint = home.within(|| Program::start(&mut command));
    assert_registered_through(&mut site, hall.0, &home);

    let speech = Speech::new(site.folder(), Media::SecurePcmu);
    let account = site.phone(Transport::Tls, speech.media);
    let mut phone = Baresip::start(&account, Internet::SERVER, &speech.file);
    let is_heard = (0..PAGES_MAX).any(|_| {
        phone.dial(ALL);
        phone.wait_until_closed(PATIENCE);
        let is_heard = is_heard_by_three(&mut site, &speech, Figures::are_good);
        let line = endpoint.wait_for(&["recorded "], PATIENCE);
        let figures = speech.heard_in(Path::new(line.split_once("recorded ").unwrap().1));
        println!("{:?}, oyez-endpoint: {figures}", speech.media);
        is_heard && figures.are_good()
    });
    assert!(
        is_heard,
        "no page of {PAGES_MAX} was heard without interruption:\n{}",
        endpoint.said()
    );
}

fn page_from_home(site: &mut Site, home: &Home, transport: Transport, media: Media) {
    let speech = Speech::new(site.folder(), media);
    let account = site.phone(transport, media);
    let mut phone = home.within(|| Baresip::start(&account, Home::ADDRESS, &speech.file));
    assert_registered_through(site, PHONE, home);
    let are_good = match media {
        Media::SecureOpus => Figures::are_good_for_opus,
        Media::SecurePcmu | Media::SecureG722 | Media::PlainPcmu => Figures::are_good,
    };
    assert_heard_by_three(site, &mut phone, &speech, are_good);
}

/// The next registration of `wanted` came through the router of `home`.
fn assert_registered_through(site: &mut Site, wanted: &str, home: &Home) {
    let from = site.wait_for("a registration from home", |event| match event {
        ZoneEvent::Registered { user, from, .. } if user.as_str() == wanted => Some(from),
        _ => None,
    });
    assert!(from.starts_with(&home.public_address.to_string()), "{from}");
}
