//! Debian's baresip pages three loudspeakers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use peers::{Baresip, Media, available};
use sip::flow::Transport;

use crate::hearing::{Figures, Speech};
use crate::site::{ALL, LOUDSPEAKERS, Site, turn};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longest wait for the end of a page of a few seconds, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(90);
/// Pages that are spoken until one is heard undisturbed. On a machine with too much to do the phone and the loudspeakers
/// come too late to some of their packet times; that is not what these tests are about.
const PAGES_MAX: usize = 3;

#[test]
fn a_page_of_baresip_over_tls_in_g711_is_heard_by_three_loudspeakers() {
    page_by_baresip(Media::SecurePcmu, Figures::are_good);
}

#[test]
fn a_page_of_baresip_over_tls_in_opus_is_heard_by_three_loudspeakers() {
    page_by_baresip(Media::SecureOpus, Figures::are_good_for_opus);
}

fn page_by_baresip(media: Media, are_good: fn(&Figures) -> bool) {
    if !available(&["baresip"]) {
        return;
    }
    let _turn = turn();
    let mut site = Site::start(LOOPBACK);
    let speech = Speech::new(site.folder(), media);
    let mut phone = Baresip::start(&site.phone(Transport::Tls, media), LOOPBACK, &speech.file);
    assert_heard_by_three(&mut site, &mut phone, &speech, are_good);
}

/// Pages until every loudspeaker has heard it by its receipt, and by its recording as well as it has to.
pub(crate) fn assert_heard_by_three(
    site: &mut Site,
    phone: &mut Baresip,
    speech: &Speech,
    are_good: fn(&Figures) -> bool,
) {
    let is_heard = (0..PAGES_MAX).any(|_| {
        phone.dial(ALL);
        phone.wait_until_closed(PATIENCE);
        let report = site.report();
        let figures = site.figures(&report, speech);
        report.heard_count() == LOUDSPEAKERS.len() && figures.iter().all(are_good)
    });
    let said = phone.said();
    assert!(is_heard, "no page of {PAGES_MAX} was heard undisturbed:\n{said}");
    let codec = speech.media.codec();
    assert!(said.contains(&format!("audio encoder: {codec}")), "{said}");
}
