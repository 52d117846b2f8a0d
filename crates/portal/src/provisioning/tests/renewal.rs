//! Certificates that are renewed, and those that were taken back.

use super::*;

/// Gives an endpoint a certificate of so many days ago.
pub(super) async fn install_aged(bench: &Bench, state: &Path, days: u64) -> Identity {
    let at = SystemTime::now() - std::time::Duration::from_secs(days * 24 * 3600);
    let name = Subject::Name("0022ee0a0b0c".to_owned());
    let issued = bench.authority.issue(&[name], Purpose::Client, at).unwrap();
    let folder = state.join("certificate");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("device.pem"), &issued.certificate_pem).unwrap();
    std::fs::write(folder.join("device.key"), issued.key_pem.as_str()).unwrap();
    let identity = identity_of(&issued);
    let kept = model::inventory::IssuedCertificate {
        fingerprint: sha256(&identity.chain()[0]),
        key: sha256(&identity.chain()[0]),
        serial: String::new(),
        device: DeviceId::from_random(1),
        issued_at: store::timestamp(at),
        revoked_at: None,
    };
    let mut writing = bench.store.write().await.unwrap();
    writing.add_certificate(&kept).await.unwrap();
    writing.commit().await.unwrap();
    identity
}

#[tokio::test]
async fn a_device_renews_its_certificate_by_showing_the_one_it_has_and_not_one_that_was_taken_back() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    let refused = bench.enrol(state.path(), MAC, "").await.unwrap_err();
    assert!(refused.to_string().contains("make a claim code"), "{refused}");
    let first = install_aged(&bench, state.path(), 300).await;

    bench.enrol(state.path(), MAC, "").await.unwrap();

    let second = identity_in(state.path());
    assert_ne!(first.chain(), second.chain());
    let file = "algom0022EE0A0B0C.conf";
    for identity in [first, second] {
        assert_eq!(bench.fetch(Some(identity), file).await.0, "HTTP/1.1 200 OK");
    }
    let mut writing = bench.store.write().await.unwrap();
    let mut scope = writing.account(&id());
    let revoked = scope
        .revoke_certificates_of_device(&DeviceId::from_random(1), Timestamp(1))
        .await;
    assert_eq!(revoked.unwrap(), 2);
    writing.commit().await.unwrap();
    let refused = bench.enrol(state.path(), MAC, "").await.unwrap_err();
    assert!(refused.to_string().contains("taken back"), "{refused}");
}

#[tokio::test]
async fn a_certificate_is_renewed_in_its_last_third_and_so_often_at_most() {
    let bench = Bench::start().await;
    let [fresh, aged] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    bench.enrol(fresh.path(), MAC, CODE).await.unwrap();
    let refused = bench.enrol(fresh.path(), MAC, "").await.unwrap_err();
    assert!(refused.to_string().contains("a third of its time"), "{refused}");

    // The answer is lost each time but the first, which was the claim code's.
    for _ in 1..10 {
        install_aged(&bench, aged.path(), 300).await;
        bench.enrol(aged.path(), MAC, "").await.unwrap();
    }
    install_aged(&bench, aged.path(), 300).await;
    let refused = bench.enrol(aged.path(), MAC, "").await.unwrap_err();
    assert!(
        refused.to_string().contains("as often as one may be"),
        "{refused}"
    );
    let is_told = |kept: &Attempt| kept.detail.contains("as often as one may be");
    while !bench.attempts(MAC).await.iter().any(is_told) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn p02_the_key_of_another_device_gets_no_certificate_and_the_device_makes_another() {
    let bench = Bench::start().await;
    let third = MacAddress::new([0, 0x22, 0xEE, 0, 0, 3]);
    let mut writing = bench.store.write().await.unwrap();
    let mut scope = writing.account(&id());
    scope
        .add_device(&device(3, third, DeviceType::Oyez))
        .await
        .unwrap();
    let claim = claim_by(
        "THIRD",
        &DeviceId::from_random(3),
        store::timestamp(SystemTime::now()),
    );
    scope.add_claim_code(&claim).await.unwrap();
    writing.commit().await.unwrap();
    let [own, aged, copied] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    bench.enrol(own.path(), MAC, CODE).await.unwrap();
    let key = std::fs::read(own.path().join("certificate/device.key")).unwrap();
    let as_if_its_own = |state: &Path| {
        let folder = state.join("certificate");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("device.key.pending"), &key).unwrap();
    };

    as_if_its_own(copied.path());
    let refused = bench.enrol(copied.path(), third, "THIRD").await.unwrap_err();
    assert!(refused.to_string().contains("another device has"), "{refused}");
    bench.enrol(copied.path(), third, "THIRD").await.unwrap();

    // Its own key may be in another certificate of it, unless one of them was taken back.
    install_aged(&bench, aged.path(), 300).await;
    as_if_its_own(aged.path());
    bench.enrol(aged.path(), MAC, "").await.unwrap();
    let other = sha256(&identity_in(copied.path()).chain()[0]);
    let mut writing = bench.store.write().await.unwrap();
    assert!(writing.revoke_certificate(other, Timestamp(1)).await.unwrap());
    writing.commit().await.unwrap();
    install_aged(&bench, aged.path(), 301).await;
    let key = std::fs::read(copied.path().join("certificate/device.key")).unwrap();
    std::fs::write(aged.path().join("certificate/device.key.pending"), key).unwrap();
    let refused = bench.enrol(aged.path(), MAC, "").await.unwrap_err();
    assert!(refused.to_string().contains("taken back"), "{refused}");
}

#[tokio::test]
async fn p02_a_maker_s_certificate_proves_no_endpoint_of_ours() {
    let bench = Bench::start().await;
    let name = Subject::Name("0022ee0a0b0c".to_owned());
    let issued = bench
        .maker
        .issue(&[name], Purpose::Client, SystemTime::now())
        .unwrap();
    let (status, text) = bench
        .fetch(Some(identity_of(&issued)), "algom0022EE0A0B0C.conf")
        .await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    assert_eq!(text, "the device certificate is not trusted");
    assert!(!bench.attempts(MAC).await[0].proved);
}

#[tokio::test]
async fn p02_a_certificate_renews_none_of_another_device_and_a_maker_s_is_not_renewed() {
    let bench = Bench::start().await;
    let [own, foreign] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    bench.enrol(own.path(), MAC, CODE).await.unwrap();
    let refused = bench.enrol(own.path(), OTHER, "").await.unwrap_err();
    assert!(matches!(refused, EnrolmentError::WrongCode(_)), "{refused}");

    let name = Subject::Name("0022ee0a0b0c".to_owned());
    let issued = bench
        .maker
        .issue(&[name], Purpose::Client, SystemTime::now())
        .unwrap();
    let folder = foreign.path().join("certificate");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("device.pem"), &issued.certificate_pem).unwrap();
    std::fs::write(folder.join("device.key"), issued.key_pem.as_str()).unwrap();
    let refused = bench.enrol(foreign.path(), MAC, "").await.unwrap_err();
    assert!(
        refused.to_string().contains("its own certificates alone"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_was_taken_back_stands_in_the_list_that_anybody_may_have() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    let own = CertificateFacts::read(&identity_in(state.path()).chain()[0]).unwrap();
    let mut writing = bench.store.write().await.unwrap();
    let mut scope = writing.account(&id());
    let device = DeviceId::from_random(1);
    let revoked = scope.revoke_certificates_of_device(&device, Timestamp(1_000));
    assert_eq!(revoked.await.unwrap(), 1);
    writing.commit().await.unwrap();

    let list = bench.fetch_octets(None, "revoked.crl").await;

    assert!(list.windows(own.serial.len()).any(|octets| octets == own.serial));
}

impl Bench {
    /// Keeps a certificate that was issued at a time, and taken back.
    async fn take_back(&self, number: u8, issued_at: SystemTime) {
        let kept = model::inventory::IssuedCertificate {
            fingerprint: TokenHash([number; 32]),
            key: TokenHash([number; 32]),
            serial: format!("{number:02x}").repeat(8),
            device: DeviceId::from_random(1),
            issued_at: store::timestamp(issued_at),
            revoked_at: None,
        };
        let mut writing = self.store.write().await.unwrap();
        writing.add_certificate(&kept).await.unwrap();
        writing
            .revoke_certificate(kept.fingerprint, Timestamp(1))
            .await
            .unwrap();
        writing.commit().await.unwrap();
    }

    /// Which of the certificates are in the list.
    async fn listed(&self, at: Instant) -> Vec<u8> {
        let list = super::super::enrolment::list(&self.server, at).await.unwrap();
        let has = |number: &u8| list.windows(8).any(|octets| octets == [*number; 8]);
        (1..10).filter(has).collect()
    }
}

#[tokio::test]
async fn p12_the_list_of_what_was_taken_back_is_signed_once_a_minute() {
    let (bench, at) = (Bench::start().await, Instant::now());
    let minute = Duration::from_secs(60);
    bench.take_back(1, SystemTime::now()).await;
    assert_eq!(bench.listed(at).await, [1]);
    bench.take_back(2, SystemTime::now()).await;
    assert_eq!(bench.listed(at + minute - Duration::from_millis(1)).await, [1]);
    assert_eq!(bench.listed(at + minute).await, [1, 2]);
}

#[tokio::test]
async fn what_has_ended_stands_in_the_list_for_as_long_as_one_is_good_and_no_longer() {
    use net::authority::{CERTIFICATE_VALIDITY, LIST_VALIDITY};
    let bench = Bench::start().await;
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    bench
        .take_back(1, now - CERTIFICATE_VALIDITY - LIST_VALIDITY - hour)
        .await;
    bench
        .take_back(2, now - CERTIFICATE_VALIDITY - LIST_VALIDITY + hour)
        .await;
    assert_eq!(bench.listed(Instant::now()).await, [2]);
}
