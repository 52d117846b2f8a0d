//! Phones and loudspeakers behind address translation, in network namespaces.

use model::status::ZoneEvent;
use peers::{Baresip, Home, Internet, Media, available};
use sip::flow::Transport;

use crate::hearing::{Figures, Speech};
use crate::real_phones::assert_heard_by_three;
use crate::site::{LOUDSPEAKERS, Site, turn};

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
    site.add_loudspeaker(&internet.add_home(), LOUDSPEAKERS[0]);
    page_from_home(&mut site, &internet.add_home(), Transport::Tls, Media::SecurePcmu);
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

fn page_from_home(site: &mut Site, home: &Home, transport: Transport, media: Media) {
    let speech = Speech::new(site.folder(), media);
    let account = site.phone(transport, media);
    let mut phone = home.within(|| Baresip::start(&account, Home::ADDRESS, &speech.file));
    let from = site.wait_for("the registration of the phone", |event| match event {
        ZoneEvent::Registered { user, from, .. } if user.as_str() == "desk" => Some(from),
        _ => None,
    });
    assert!(from.starts_with(&home.public_address.to_string()), "{from}");
    assert_heard_by_three(site, &mut phone, &speech, Figures::are_good);
}
