//! The seed's troubleshooting, case by case: what the device's own pages show, and what the portal says of it.

use std::net::TcpListener;

use model::inventory::{ClaimCode, MacAddress, Timestamp};
use peers::{BROWSER_PROGRAMS, available};
use portal::check::Verdict;
use portal::provisioning::claim_code_hash;
use store::Store;

use crate::hardware::{Entry, Hardware};
use crate::service_files::own_mac;
use crate::site::Site;

const CODE: &str = "K7QF-2XMB";
const SPEAKER: &str = "Hall speaker";

/// A certificate for a device of the account that its maker would have put into it.
async fn claim(site: &Site, mac: MacAddress) {
    let store = Store::open(&site.folder().join("state")).await.unwrap();
    let mut writing = store.write().await.unwrap();
    let (account, device) = writing.device_of_mac(mac).await.unwrap().unwrap();
    let claim = ClaimCode {
        code: claim_code_hash(CODE),
        device: device.id,
        expires_at: Timestamp(u64::from(u32::MAX) * 1_000),
        used_by: None,
    };
    writing.account(&account).add_claim_code(&claim).await.unwrap();
    writing.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_case_of_the_seed_is_shown_at_the_device_and_explained_in_the_portal() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let Some(mac) = own_mac() else {
        peers::skip("this machine has no network interface to take a hardware address from");
        return;
    };
    let site = Site::start();
    site.add_common_area("Main hall", "701");
    site.add_common_area("Annex", "702");
    let algo = ("Algo", "Algo SIP-based device (algo-sip-based-device)");
    site.add_device(SPEAKER, mac, algo, "Common area: Main hall (701)");
    let annex = MacAddress::new([2, 0, 0, 0, 0, 2]);
    let generic = ("Other (generic device)", "None: a generic device");
    site.add_device("Annex phone", annex, generic, "Common area: Annex (702)");
    site.checks(
        SPEAKER,
        Verdict::NeverSeen,
        "it has not tried since the service was started",
    );

    let hardware = Hardware::start(&site);
    assisted_provisioning_failed(&site, &hardware, mac).await;
    no_reply_from_server(&site, &hardware);
    rejected_by_server(&site, &hardware);
    no_srtp(&site, &hardware);
}

fn provision(site: &Site, hardware: &Hardware) {
    let authority = site.authority();
    let authority = authority.to_str().unwrap();
    hardware.set(
        "/settings/advanced-sip",
        &[("oyez.tls.ca", Entry::Text(authority))],
    );
    hardware.set(
        "/settings/provisioning",
        &[
            ("oyez.prov.ca", Entry::Text(authority)),
            ("prov.server.static", Entry::Text(&site.provisioning)),
        ],
    );
}

/// "Assisted Provisioning Failed": "ensure the manufacturer device certificate is installed", under System → About.
async fn assisted_provisioning_failed(site: &Site, hardware: &Hardware, mac: MacAddress) {
    provision(site, hardware);
    hardware.shows("Assisted Provisioning Failed", "certificate");
    hardware.open("/about");
    hardware.pages.wait_for_text("main", "Not Installed");
    site.checks(
        SPEAKER,
        Verdict::NoCertificate,
        "the device showed no certificate",
    );

    claim(site, mac).await;
    hardware.install_certificate(site, CODE);
    provision(site, hardware);
    hardware.shows("Successful", "");
    site.checks(SPEAKER, Verdict::Registered, "since");
}

/// "No reply from server": "the device is not able to communicate across the network to the phone server".
fn no_reply_from_server(site: &Site, hardware: &Hardware) {
    let server = |proxy: &str, authority: &str| {
        hardware.set(
            "/settings/advanced-sip",
            &[
                ("sip.obproxy", Entry::Text(proxy)),
                ("oyez.tls.ca", Entry::Text(authority)),
            ],
        );
    };
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (right, authority) = (site.tls.to_string(), site.authority());
    let authority = authority.to_str().unwrap();
    server("no-such-host.invalid:5061", authority);
    hardware.shows("No reply from server", "no-such-host.invalid has no address");
    site.checks(SPEAKER, Verdict::FetchedNotRegistered, "gone since");
    server(&closed.to_string(), authority);
    hardware.shows("No reply from server", "connection refused");
    site.checks(SPEAKER, Verdict::FetchedNotRegistered, "gone since");
    let other = site.folder().join("maker.pem");
    server(&right, other.to_str().unwrap());
    hardware.shows("No reply from server", "certificate from an unknown issuer");
    site.checks(
        SPEAKER,
        Verdict::ZoneUntrusted,
        "the device refuses the zone's certificate",
    );
    server(&right, authority);
    hardware.shows("Successful", "");
    site.checks(SPEAKER, Verdict::Registered, "since");
}

/// "Rejected by Server": "ensure the SIP credentials (extension, authentication ID, password) are correct".
fn rejected_by_server(site: &Site, hardware: &Hardware) {
    hardware.open("/settings/sip");
    let right = |key: &str| hardware.pages.value(&format!("[name=\"{key}\"]"));
    let (domain, id) = (right("sip.proxy"), right("sip.u1.auth"));
    let sip = |entries: &[(&str, &str)]| {
        let entries: Vec<_> = entries
            .iter()
            .map(|(key, value)| (*key, Entry::Text(value)))
            .collect();
        hardware.set("/settings/sip", &entries);
    };
    sip(&[("sip.u1.pwd", "filled in by the browser")]);
    hardware.shows("Rejected by Server", "401 again after the challenge was answered");
    site.checks(SPEAKER, Verdict::FetchedAndRefused, "password is wrong (401)");

    // The authorization id and the password of another.
    let annex = site.credentials("Annex phone");
    sip(&[
        ("sip.u1.auth", annex.of("Authorization ID")),
        ("sip.u1.pwd", annex.of("Password")),
    ]);
    hardware.shows("Rejected by Server", "403 Forbidden");
    site.checks(SPEAKER, Verdict::FetchedAndRefused, "another user name's (403)");

    sip(&[("sip.u1.auth", &id), ("sip.proxy", "pbx.example.net")]);
    hardware.shows("Rejected by Server", "404");
    site.checks(
        SPEAKER,
        Verdict::FetchedAndRefused,
        "another SIP domain than this account's (404)",
    );

    sip(&[("sip.proxy", &domain)]);
    hardware.open("/settings/sip");
    hardware.pages.send("[name=take-back][value=\"sip.u1.pwd\"]");
    // The device sends no keys of SRTP in the clear.
    let transport = |label: &str, proxy: &str, offer: &str| {
        hardware.set(
            "/settings/advanced-sip",
            &[
                ("sip.transp", Entry::Choice(label)),
                ("sip.obproxy", Entry::Text(proxy)),
                ("sip.srtp", Entry::Choice(offer)),
            ],
        );
    };
    transport("TCP", &site.tcp.to_string(), "Disabled");
    hardware.shows("Rejected by Server", "403 Forbidden");
    site.checks(
        SPEAKER,
        Verdict::FetchedAndRefused,
        "it registers without TLS (403)",
    );
    transport("TLS", &site.tls.to_string(), "Standard");
    hardware.shows("Successful", "");
    site.checks(SPEAKER, Verdict::Registered, "since");
}

/// What the seed sets besides: "SDP SRTP Offer to Standard". Without it a device registers, and no page sounds there.
fn no_srtp(site: &Site, hardware: &Hardware) {
    let annex = site.credentials("Annex phone");
    let offers = |label: &str| hardware.set("/settings/advanced-sip", &[("sip.srtp", Entry::Choice(label))]);
    offers("Disabled");
    let page = site.page(&annex, "701");
    let said = String::from_utf8_lossy(&page.stderr).into_owned();
    assert!(said.contains("refused with 488"), "{said}");
    site.checks(SPEAKER, Verdict::NoCommonMedia, "a call was refused with 488");
    offers("Standard");
    let page = site.page(&annex, "701");
    assert!(page.status.success(), "{}", String::from_utf8_lossy(&page.stderr));
    site.checks(SPEAKER, Verdict::Registered, "since");
}
