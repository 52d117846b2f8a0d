//! Debian's baresip pages three loudspeakers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use peers::{Baresip, Media, available};
use sip::flow::Transport;

use crate::hearing::{Figures, Speech};
use crate::site::{ALL, LOUDSPEAKERS, Site};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longest wait for the end of a page of a few seconds, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn a_page_of_baresip_over_tls_in_g711_is_heard_by_three_loudspeakers() {
    if !available(&["baresip"]) {
        return;
    }
    for figures in page_by_baresip(Media::SecurePcmu) {
        assert!(figures.correlation >= 0.95, "{figures}");
    }
}

#[test]
fn a_page_of_baresip_over_tls_in_opus_is_heard_by_three_loudspeakers() {
    if !available(&["baresip"]) {
        return;
    }
    for figures in page_by_baresip(Media::SecureOpus) {
        assert!(figures.correlation >= 0.9, "{figures}");
        assert!(figures.intelligibility >= 0.9, "{figures}");
    }
}

fn page_by_baresip(media: Media) -> Vec<Figures> {
    let mut site = Site::start(LOOPBACK);
    let speech = Speech::new(site.folder(), media);
    let mut phone = Baresip::start(&site.phone(Transport::Tls, media), LOOPBACK, &speech.file);
    heard_by_three(&mut site, &mut phone, &speech)
}

/// What each loudspeaker recorded of a page that all of them have to have heard.
pub(crate) fn heard_by_three(site: &mut Site, phone: &mut Baresip, speech: &Speech) -> Vec<Figures> {
    phone.dial(ALL);
    phone.wait_until_closed(PATIENCE);
    let said = phone.said();
    assert!(
        said.contains(&format!("audio encoder: {}", speech.media.codec())),
        "{said}"
    );
    let report = site.report();
    assert_eq!(report.heard_count(), LOUDSPEAKERS.len(), "{report:#?}\n{said}");
    let recordings = site.recordings(&report.page);
    recordings
        .into_iter()
        .map(|(name, file)| {
            let figures = speech.heard_in(&file);
            let listener = report.listeners.iter().find(|listener| listener.name == name);
            let receipt = listener.and_then(|listener| listener.receipt.as_ref()).unwrap();
            println!(
                "{:?}, {name}: {figures}; first audio after {} ms, {} packets lost",
                speech.media,
                receipt.first_audio_ms.unwrap(),
                receipt.lost
            );
            assert!(figures.beginning_db.abs() <= 1.0, "{figures}");
            figures
        })
        .collect()
}
