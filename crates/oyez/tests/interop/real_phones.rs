//! Debian's baresip and linphone page three loudspeakers.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use model::status::ZoneEvent;
use peers::{Account, Baresip, Linphone, Media, available};
use sip::flow::Transport;

use crate::hearing::{Figures, Speech};
use crate::site::{ALL, LOUDSPEAKERS, PHONE, Recording, Site, turn};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longest wait for the end of a page of a few seconds, on a machine that has other things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// Longer than the chime that a recording begins with, and the answer that follows it.
const CHIME_SECONDS: f64 = 2.5;
/// Pages that are spoken until one is heard without interruption. On a machine with too much to do the phone and the
/// loudspeakers come too late to some of their packet times; that is not what these tests are about, and the receipts
/// tell.
pub(crate) const PAGES_MAX: usize = 3;

#[test]
fn a_page_of_baresip_over_tls_in_g711_is_heard_by_three_loudspeakers() {
    page_by_baresip(Media::SecurePcmu, Figures::are_good);
}

#[test]
fn a_page_of_baresip_over_tls_in_g722_is_heard_by_three_loudspeakers() {
    page_by_baresip(Media::SecureG722, Figures::are_good);
}

#[test]
fn a_page_of_baresip_over_tls_in_opus_is_heard_by_three_loudspeakers() {
    page_by_baresip(Media::SecureOpus, Figures::are_good_for_opus);
}

#[test]
fn a_page_of_linphone_over_tls_is_heard_by_three_loudspeakers() {
    if !available(&["linphonec"]) {
        return;
    }
    let _turn = turn();
    let mut site = Site::start(LOOPBACK);
    let speech = Speech::new(site.folder(), Media::SecureOpus);
    let proxy = format!(
        "sip:localhost:{};transport=tls",
        site.server(Transport::Tls).port()
    );
    let phone = site.phone(Transport::Tls, speech.media);
    let account = Account {
        outbound: Some(&proxy),
        ..phone
    };
    let mut phone = Linphone::start(&account, &speech.file);
    site.wait_for("the registration", |event| match event {
        ZoneEvent::Registered { user, .. } if user.as_str() == PHONE => Some(()),
        _ => None,
    });
    let is_heard = (0..PAGES_MAX).any(|_| {
        phone.dial(ALL);
        site.wait_until_recorded(CHIME_SECONDS + speech.sound.seconds());
        phone.hang_up();
        is_heard_by_three(&mut site, &speech, Figures::are_good_for_opus)
    });
    assert!(is_heard, "no page of {PAGES_MAX} was heard without interruption");
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
        is_heard_by_three(site, speech, are_good)
    });
    let said = phone.said();
    assert!(
        is_heard,
        "no page of {PAGES_MAX} was heard without interruption:\n{said}"
    );
    let codec = speech.media.codec();
    assert!(said.contains(&format!("audio encoder: {codec}")), "{said}");
}

/// Whether the recordings of the page that ends are as good as they have to be; only a page whose receipts tell of an
/// interruption may have others.
///
/// # Panics
///
/// When a loudspeaker has not heard the page by its receipt, or a recording is bad and nothing explains it.
pub(crate) fn is_heard_by_three(site: &mut Site, speech: &Speech, are_good: fn(&Figures) -> bool) -> bool {
    let report = site.report();
    assert_eq!(report.heard_count(), LOUDSPEAKERS.len(), "{report:#?}");
    let recordings = site.recordings(&report, speech);
    let bad = recordings
        .iter()
        .filter(|recording| !are_good(&recording.figures));
    let bad: Vec<_> = bad.collect();
    for recording in &bad {
        let Recording {
            figures,
            interrupted_ms,
        } = recording;
        assert!(
            *interrupted_ms > 0,
            "bad although nothing interrupted it: {figures}"
        );
        // What a test prints is not shown unless it fails, and this is to be seen.
        let line = format!("spoken again, interrupted for {interrupted_ms} ms: {figures}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    bad.is_empty()
}
