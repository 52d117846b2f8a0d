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

#[tokio::test]
async fn hardware_is_given_the_password_of_its_pages_and_is_told_nothing_in_words_of_ours() {
    let (bench, client) = with_hardware().await;
    let file = "algom0022EE000007.conf";
    let (_, text) = bench.fetch_as(Arc::clone(&client), file, "algo").await;
    let given = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("admin.pwd = "));
        line.map(str::to_owned)
    };
    let password = given(&text).unwrap();
    assert_eq!(password.len(), 26, "drawn, 128 bits");
    assert!(!text.contains("oyez."), "{text}");

    let again = bench.fetch_as(Arc::clone(&client), file, "algo").await;
    assert_eq!(given(&again.1), Some(password.clone()), "it stays");
    let mut writing = bench.store.write().await.unwrap();
    let mut scope = writing.account(&id());
    let kept = scope.device_password().await.unwrap().unwrap();
    assert_eq!((kept.current.reveal(), kept.earlier), (password.as_str(), None));
    assert_eq!(scope.audit(9).await.unwrap()[0].action, "make device password");
    scope
        .set_device_password(&Secret::from("another"), Timestamp(1))
        .await
        .unwrap();
    writing.commit().await.unwrap();
    let after = bench.fetch_as(client, file, "algo").await;
    assert_eq!(given(&after.1).as_deref(), Some("another"));
}

/// Writes what the service says to hardware into its document, or sees that it stands there.
#[test]
fn the_document_of_hardware_keys_has_every_key_that_is_written() {
    let catalogue = model::inventory::Catalogue::built_in();
    let mut text = KEYS_HEAD.to_owned();
    for setting in catalogue.hardware().iter() {
        let word = setting.what.word();
        let code = |text: &str| {
            if text.is_empty() {
                "–".to_owned()
            } else {
                format!("`{text}`")
            }
        };
        let value = setting.value.as_deref().unwrap_or_default();
        let known = match (setting.key.is_empty(), setting.verified) {
            (true, _) => "key unknown, not written",
            (false, true) => "verified",
            (false, false) => "not verified",
        };
        let (key, value) = (code(&setting.key), code(value));
        text += &format!("| `{word}` | {key} | {value} | {known} | {} |\n", setting.source);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hardware-keys.md");
    if std::env::var_os("OYEZ_WRITE_DOCS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap_or_default() == text,
        "docs/hardware-keys.md is not of crates/model/src/inventory/hardware.toml; \
         OYEZ_WRITE_DOCS=1 cargo test -p portal --lib hardware_keys writes it"
    );
}

const KEYS_HEAD: &str = "\
# What is written into the files of hardware

Written by `OYEZ_WRITE_DOCS=1 cargo test -p portal --lib hardware_keys` from `crates/model/src/inventory/hardware.toml`. *Verified* means that the
name of the key, and its value where one stands here, were seen in the back-up of a device or in its maker's parameter guide; nobody of this project has
tried any of them on a device. What is not verified or not known is corrected in a [file of one's own](service.md#keys-of-hardware).
`{n}` is the number of the slot; of page slots the number of the zone, one less than the port.

| What | Key | Value | How well it is known | Source |
| --- | --- | --- | --- | --- |
";
