//! Certificates that are issued by hand.

use net::authority::{OwnKey, public_key};
use net::tls::certificates_from_pem;

use super::*;

const MAC: &str = "00:22:EE:0A:0B:0C";

/// The certificates of a page that shows a chain.
fn shown(page: &str) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    let (_, text) = page.split_once("spellcheck=\"false\">\n").unwrap();
    let (text, _) = text.split_once("</textarea>").unwrap();
    certificates_from_pem(text.as_bytes()).unwrap()
}

/// A form that a signing request is pasted into.
fn pasted(request: &str) -> String {
    format!("request={}", form_urlencoded(request))
}

fn form_urlencoded(text: &str) -> String {
    text.bytes().map(|octet| format!("%{octet:02X}")).collect()
}

#[tokio::test]
async fn a_request_that_is_pasted_or_uploaded_is_signed_and_the_certificate_can_be_taken_along() {
    let visit = Visit::of(Role::Admin).await;
    for (number, kind) in ["oyez", "algo"].into_iter().enumerate() {
        let mac = format!("00:22:EE:0A:0B:0{number}");
        let device = visit.add_device(&mac, kind, "").await;
        let steps = visit.get(&format!("{device}/provision")).await.text;
        assert!(
            steps.contains(&format!("href=\"{device}/certificate\"")),
            "{steps}"
        );
        let path = format!("{device}/certificate");
        assert!(visit.get(&path).await.text.contains("openssl req -new"));
        let key = OwnKey::generate().unwrap();
        let request = key.request(&mac.to_lowercase()).unwrap();

        let by_paste = visit.post(&path, &pasted(&request)).await;
        let by_file = visit.send_file(&path, "device.csr", request.as_bytes()).await;

        for answer in [by_paste, by_file] {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            let chain = shown(&answer.text);
            assert_eq!(chain[1], *AUTHORITY.certificate());
            let read = net::authority::holder_names(&chain[0]).unwrap();
            assert_eq!(read, [mac.replace(':', "")]);
            let mut reading = visit.store.read().await.unwrap();
            let kept = reading
                .certificate(crate::provisioning::sha256(&chain[0]))
                .await
                .unwrap();
            assert_eq!(
                kept.unwrap().key,
                crate::provisioning::sha256(&public_key(&chain[0]).unwrap())
            );
            let link = format!("download=\"{}-chain.pem\"", mac.replace(':', ""));
            assert!(answer.text.contains(&link), "{}", answer.text);
        }
    }
    let audit = visit.audit().await;
    let signed = audit
        .iter()
        .filter(|action| *action == "issue certificate by hand");
    assert_eq!(signed.count(), 4);
}

#[tokio::test]
async fn what_cannot_be_signed_is_marked_and_kept_but_for_a_private_key() {
    let visit = Visit::of(Role::Admin).await;
    let device = visit.add_device(MAC, "oyez", "").await;
    let path = format!("{device}/certificate");
    let key = OwnKey::generate().unwrap();
    let other = key.request("0022EE0A0B0D").unwrap();
    for (request, words) in [
        ("hello", "no signing request"),
        ("", "no signing request"),
        (other.as_str(), "0022EE0A0B0C would be right for this device"),
        (key.pem().as_str(), "this is a private key"),
    ] {
        let answer = visit.post(&path, &pasted(request)).await;
        assert!(answer.marks("request", words), "{words}: {}", answer.text);
        let is_secret = request.contains("PRIVATE");
        let line = request.lines().nth(1).unwrap_or(request);
        assert_eq!(
            answer.text.contains(line) || line.is_empty(),
            !is_secret,
            "{words}"
        );
    }
    let too_long = vec![b'x'; net::authority::REQUEST_LENGTH_MAX + 1];
    let answer = visit.send_file(&path, "device.csr", &too_long).await;
    assert!(answer.marks("request", "another file"), "{}", answer.text);
    let generic = visit.add_device("00:22:EE:0A:0B:0E", "other", "").await;
    let answer = visit.get(&format!("{generic}/certificate")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(
        !visit
            .audit()
            .await
            .contains(&"issue certificate by hand".to_owned())
    );
}

#[tokio::test]
async fn a_key_that_was_taken_back_or_is_another_device_s_is_not_signed() {
    let visit = Visit::of(Role::Admin).await;
    let device = visit.add_device(MAC, "oyez", "").await;
    let other = visit.add_device("00:22:EE:0A:0B:0D", "oyez", "").await;
    let key = OwnKey::generate().unwrap();
    let path = format!("{device}/certificate");
    let request = pasted(&key.request("0022EE0A0B0C").unwrap());
    assert_eq!(visit.post(&path, &request).await.status, StatusCode::OK);

    let of_other = pasted(&key.request("0022EE0A0B0D").unwrap());
    let answer = visit.post(&format!("{other}/certificate"), &of_other).await;
    assert!(
        answer.marks("request", "another device has a certificate"),
        "{}",
        answer.text
    );

    let taken = visit.post(&format!("{device}/revoke"), "").await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER);
    let answer = visit.post(&path, &request).await;
    assert!(answer.marks("request", "taken back"), "{}", answer.text);
}

#[tokio::test]
async fn what_was_taken_back_is_not_offered_to_be_accepted_and_the_page_says_what_to_do() {
    let visit = Visit::of(Role::Admin).await;
    let device = visit.add_device(MAC, "oyez", "").await;
    let request = OwnKey::generate().unwrap().request("0022EE0A0B0C").unwrap();
    let page = visit
        .post(&format!("{device}/certificate"), &pasted(&request))
        .await;
    let fingerprint = crate::provisioning::sha256(&shown(&page.text)[0]);
    let id: model::DeviceId = device.trim_start_matches("/devices/").parse().unwrap();
    let kept = model::inventory::ShownCertificate {
        fingerprint,
        standing: model::inventory::Standing::Good,
        first_at: Timestamp(0),
        last_at: Timestamp(0),
        source: "192.0.2.7".to_owned(),
    };
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    scope.set_shown_certificate(&id, &kept).await.unwrap();
    writing.commit().await.unwrap();
    let of_it = format!("{device}/certificates/{}", super::review::digits(fingerprint));
    assert_eq!(
        visit.post(&format!("{of_it}/block"), "").await.status,
        StatusCode::SEE_OTHER
    );

    let steps = visit.get(&format!("{device}/provision")).await.text;
    let accepted = visit.post(&format!("{of_it}/accept"), "").await;

    assert!(
        steps.contains("Taken back") && steps.contains("It stays refused"),
        "{steps}"
    );
    assert!(!steps.contains(&format!("{of_it}/accept")), "{steps}");
    assert_eq!(accepted.status, StatusCode::CONFLICT);
    assert!(accepted.text.contains("Make a claim code"), "{}", accepted.text);
}
