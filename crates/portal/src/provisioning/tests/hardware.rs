//! Hardware of others: its maker's certificate, its files, its model and firmware.

use super::*;

/// A bench whose second device is hardware of the maker, with a certificate from its factory.
async fn with_hardware() -> (Bench, Arc<rustls::ClientConfig>) {
    let bench = Bench::start().await;
    let mut writing = bench.store.write().await.unwrap();
    let mac = MacAddress::new([0, 0x22, 0xEE, 0, 0, 7]);
    let hardware = device(7, mac, DeviceType::Algo);
    let mut scope = writing.account(&id());
    scope.add_device(&hardware).await.unwrap();
    writing.commit().await.unwrap();
    let name = Subject::Name("0022ee000007".to_owned());
    let issued = bench
        .maker
        .issue(&[name], Purpose::Client, SystemTime::now())
        .unwrap();
    let client = bench.client(Some(identity_of(&issued)));
    (bench, client)
}

#[tokio::test]
async fn hardware_with_a_certificate_of_its_maker_is_served_and_its_model_learnt() {
    let (bench, client) = with_hardware().await;
    let file = "algom0022EE000007.conf";
    let (status, _) = bench.fetch_as(client, file, "Algo-8301/5.5.1").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let mut reading = bench.store.read().await.unwrap();
    let (_, device) = reading
        .device_of_mac(MacAddress::new([0, 0x22, 0xEE, 0, 0, 7]))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(device.model.as_deref(), Some("8301"));
    assert_eq!(device.firmware.as_deref(), Some("5.5.1"));
}

#[tokio::test]
async fn files_come_with_their_checksums_and_the_file_of_a_model_names_it() {
    let (bench, client) = with_hardware().await;
    let fetch = |file: &'static str| bench.fetch_as(Arc::clone(&client), file, "algo");
    let (status, _) = fetch("algop8301.conf").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let mac = MacAddress::new([0, 0x22, 0xEE, 0, 0, 7]);
    let mut reading = bench.store.read().await.unwrap();
    let (_, device) = reading.device_of_mac(mac).await.unwrap().unwrap();
    assert_eq!(device.model.as_deref(), Some("8301"));
    drop(reading);

    let (_, text) = fetch("algom0022EE000007.conf").await;
    let (status, checksum) = fetch("algom0022EE000007.conf.md5").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let digest = <md5::Md5 as md5::Digest>::digest(text.as_bytes());
    let expected: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(checksum, format!("{expected}\n"));
    for file in ["algom0022EE000007-i.conf", "algop8301-i.conf", "algop9999.conf"] {
        assert_eq!(fetch(file).await.0, "HTTP/1.1 404 Not Found", "{file}");
    }
    let kept = bench.attempts(mac).await;
    assert_eq!(
        kept.len(),
        1,
        "what is asked for besides the file is no try: {kept:?}"
    );

    let (status, _) = bench.fetch(None, "algop8301.conf").await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    let kept = &bench.failures().await[0];
    assert_eq!(
        (kept.outcome, kept.file.as_str()),
        (AttemptOutcome::NoCertificate, "algop8301.conf")
    );
}

#[tokio::test]
async fn models_and_firmware_that_cannot_register_are_told_so_and_the_cause_is_kept() {
    for (agent, outcome, words) in [
        (
            "Algo 8036/5.5",
            AttemptOutcome::ModelCannot,
            "neither TLS nor SRTP",
        ),
        ("Algo 8061", AttemptOutcome::ModelCannot, "neither TLS nor SRTP"),
        (
            "Algo 8180 (G1) 3.3",
            AttemptOutcome::ModelCannot,
            "neither TLS nor SRTP",
        ),
        (
            "Algo 8028 (G1)",
            AttemptOutcome::ModelCannot,
            "neither TLS nor SRTP",
        ),
        (
            "Algo 8128 (G1)",
            AttemptOutcome::ModelCannot,
            "neither TLS nor SRTP",
        ),
        ("Algo 8301/3.2.2", AttemptOutcome::FirmwareTooOld, "3.2.3"),
    ] {
        let (bench, client) = with_hardware().await;
        let (status, text) = bench.fetch_as(client, "algom0022EE000007.conf", agent).await;
        assert_eq!(status, "HTTP/1.1 403 Forbidden", "{agent}");
        assert!(text.contains(words), "{text}");
        let kept = &bench.attempts(MacAddress::new([0, 0x22, 0xEE, 0, 0, 7])).await[0];
        assert_eq!((kept.outcome, kept.proved), (outcome, true));
        assert_eq!(kept.detail, agent);
    }
    let (bench, client) = with_hardware().await;
    let audio_only = bench
        .fetch_as(client, "algom0022EE000007.conf", "Algo 8039/3.2.3")
        .await;
    assert_eq!(audio_only.0, "HTTP/1.1 200 OK");
}
