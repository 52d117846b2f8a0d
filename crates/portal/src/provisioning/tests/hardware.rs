//! Hardware of others: its maker's certificate, its files, its model and firmware.

use super::*;

pub(super) const HARDWARE: MacAddress = MacAddress::new([0, 0x22, 0xEE, 0, 0, 7]);
pub(super) const HARDWARE_FILE: &str = "algom0022EE000007.conf";

/// A bench whose second device is hardware of the maker, with a certificate from its factory.
pub(super) async fn with_hardware() -> (Bench, Identity) {
    with_hardware_and(Suspicion::default()).await
}

pub(super) async fn with_hardware_and(suspicion: Suspicion) -> (Bench, Identity) {
    let bench = Bench::start_with(suspicion, Vec::new()).await;
    let mut writing = bench.store.write().await.unwrap();
    let hardware = device(7, HARDWARE, DeviceType::Algo);
    let mut scope = writing.account(&id());
    scope.add_device(&hardware).await.unwrap();
    writing.commit().await.unwrap();
    let identity = hardware_certificate(&bench, HARDWARE);
    (bench, identity)
}

/// A certificate of the maker for an address: another each time.
pub(super) fn hardware_certificate(bench: &Bench, mac: MacAddress) -> Identity {
    let name = Subject::Name(mac.compact());
    let issued = bench.maker.issue(&[name], Purpose::Client, SystemTime::now());
    identity_of(&issued.unwrap())
}

#[tokio::test]
async fn hardware_with_a_certificate_of_its_maker_is_served_and_its_model_learnt() {
    let (bench, identity) = with_hardware().await;
    let client = bench.client(Some(identity));
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
    let (bench, identity) = with_hardware().await;
    let client = bench.client(Some(identity));
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
    assert_eq!(status, "HTTP/1.1 404 Not Found", "so that it asks for its own");
    let kept = &bench.failures().await[0];
    assert_eq!(
        (kept.outcome, kept.file.as_str()),
        (AttemptOutcome::NoCertificate, "algop8301.conf")
    );
}

#[tokio::test]
async fn hardware_that_tells_its_model_by_the_name_of_a_file_alone_is_judged_by_it() {
    let (bench, identity) = with_hardware().await;
    let client = bench.client(Some(identity));
    let fetch = |file: &'static str| bench.fetch_as(Arc::clone(&client), file, "algo");
    assert_eq!(fetch("algop8061.conf").await.0, "HTTP/1.1 200 OK");

    let (status, text) = fetch(HARDWARE_FILE).await;

    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    assert!(text.contains("neither TLS nor SRTP"), "{text}");
    assert_eq!(
        bench.attempts(HARDWARE).await[0].outcome,
        AttemptOutcome::ModelCannot
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
        let (bench, identity) = with_hardware().await;
        let client = bench.client(Some(identity));
        let (status, text) = bench.fetch_as(client, "algom0022EE000007.conf", agent).await;
        assert_eq!(status, "HTTP/1.1 403 Forbidden", "{agent}");
        assert!(text.contains(words), "{text}");
        let kept = &bench.attempts(MacAddress::new([0, 0x22, 0xEE, 0, 0, 7])).await[0];
        assert_eq!((kept.outcome, kept.proved), (outcome, true));
        assert_eq!(kept.detail, agent);
    }
    let (bench, identity) = with_hardware().await;
    let client = bench.client(Some(identity));
    let audio_only = bench
        .fetch_as(client, "algom0022EE000007.conf", "Algo 8039/3.2.3")
        .await;
    assert_eq!(audio_only.0, "HTTP/1.1 200 OK");
}

/// The password in a file.
fn given(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("admin.pwd = "));
    line.unwrap().to_owned()
}

#[tokio::test]
async fn hardware_is_given_a_password_of_its_own_and_is_told_nothing_in_words_of_ours() {
    let (bench, identity) = with_hardware().await;
    let client = bench.client(Some(identity));
    let other = MacAddress::new([0, 0x22, 0xEE, 0, 0, 8]);
    let mut writing = bench.store.write().await.unwrap();
    let neighbour = device(8, other, DeviceType::Algo);
    writing.account(&id()).add_device(&neighbour).await.unwrap();
    writing.commit().await.unwrap();
    let others = bench.client(Some(hardware_certificate(&bench, other)));

    let (_, text) = bench.fetch_as(Arc::clone(&client), HARDWARE_FILE, "algo").await;
    let again = bench.fetch_as(client, HARDWARE_FILE, "algo").await;
    let of_other = bench.fetch_as(others, "algom0022EE000008.conf", "algo").await;

    let password = given(&text);
    assert_eq!(password.len(), 26, "128 bits");
    assert!(!text.contains("oyez."), "{text}");
    assert_eq!(given(&again.1), password, "it stays");
    assert_ne!(given(&of_other.1), password, "and is its own");
    let mut writing = bench.store.write().await.unwrap();
    let mut scope = writing.account(&id());
    let kept = scope.device_secret().await.unwrap().unwrap();
    assert!(
        !kept.secret.matches(&password),
        "from which the secret is not told"
    );
    assert_eq!(scope.audit(9).await.unwrap()[0].action, "make device passwords");
}

#[tokio::test]
async fn what_hardware_was_given_is_noted_when_its_file_is_sent() {
    let (bench, identity) = with_hardware().await;
    let client = bench.client(Some(identity));
    let noted = async || {
        let mut reading = bench.store.read().await.unwrap();
        let given = reading
            .account(&id())
            .given_password(&DeviceId::from_random(7))
            .await;
        given.unwrap().map(|given| given.generation)
    };
    bench
        .fetch_as(Arc::clone(&client), "algom0022EE000007.conf.md5", "algo")
        .await;
    assert_eq!(noted().await, None, "of a checksum nobody learns it");
    bench.fetch_as(Arc::clone(&client), HARDWARE_FILE, "algo").await;
    assert_eq!(noted().await, Some(1));
    let mut writing = bench.store.write().await.unwrap();
    let mut scope = writing.account(&id());
    let for_all = Secret::from("of all");
    scope
        .add_device_secret(&for_all, true, Timestamp(1))
        .await
        .unwrap();
    writing.commit().await.unwrap();
    assert_eq!(noted().await, Some(1), "until it fetches again");

    let (_, text) = bench.fetch_as(client, HARDWARE_FILE, "algo").await;

    assert_eq!((given(&text).as_str(), noted().await), ("of all", Some(2)));
}

#[tokio::test]
async fn a_password_whose_key_the_catalogue_does_not_have_is_never_noted_as_given() {
    let (bench, identity) = with_hardware().await;
    let mut catalogue = model::inventory::Catalogue::built_in();
    let without_key = "[[setting]]\nwhat = \"admin-password\"\n";
    catalogue.extend(without_key).unwrap();
    bench.store.set_catalogue(catalogue);

    let (status, text) = bench
        .fetch_as(bench.client(Some(identity)), HARDWARE_FILE, "algo")
        .await;

    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(!text.contains("admin.pwd"), "{text}");
    let mut reading = bench.store.read().await.unwrap();
    let mut scope = reading.account(&id());
    assert_eq!(
        scope.given_password(&DeviceId::from_random(7)).await.unwrap(),
        None
    );
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
    text += UNUSED_HEAD;
    for (keys, why) in UNUSED {
        let is_written = |key: &&&str| catalogue.hardware().iter().any(|setting| setting.key == **key);
        assert_eq!(keys.iter().find(is_written), None, "it is written");
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        text += &format!("| {} | {why} |\n", keys.join(", "));
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

const UNUSED_HEAD: &str = "
## What is not written

What else device back-ups and guides have for extensions, registration and alerts. It stays as it is on the device, or comes from a
[template](service.md#templates).

| Keys | Why |
| --- | --- |
";

/// Keys of extensions, registration and alerts that are known and not written, and why.
const UNUSED: [(&[&str], &str); 18] = [
    (
        &["sip.proxy.webui"],
        "what one model, the 8063, calls `sip.proxy`: nobody knows whether it takes that as well",
    ),
    (
        &["sip.registrar"],
        "of older models: the SIP domain is the registrar",
    ),
    (&["sip.register.use"], "registering is on in device back-ups"),
    (
        &["sip.regexp", "sip.regrate", "sip.unreg", "sip.diffport"],
        "how often and how it registers: the zone says for how long, and takes any manner",
    ),
    (
        &["sip.sips", "sip.outbound"],
        "`sip.transp` asks for TLS already; the meaning of the second is inferred",
    ),
    (
        &[
            "sip.bkproxy1",
            "sip.bkproxy2",
            "sip.ssr.use",
            "sip.ssr.interval",
            "sip.ssr.method",
            "sip.ssr.chkact",
            "sip.ssr.nofb",
        ],
        "backup servers that take the place of the first; two zones that are both registered at are something else",
    ),
    (
        &[
            "sip.ka.method",
            "sip.ka.period",
            "sip.interop.ka.method",
            "sip.interop.ka.interval",
        ],
        "keep-alives: a zone answers them; a device back-up has one each 20 s",
    ),
    (
        &["sip.interop.cuser", "sip.interop.cport"],
        "what stands in Contact: a zone takes any",
    ),
    (
        &["sip.interop.checksync"],
        "whether check-sync restarts it: in device back-ups it does where it has to, which is what Resync wants",
    ),
    (
        &[
            "sip.stun",
            "sip.stun.server",
            "sip.turn.server",
            "sip.turn.user",
            "sip.turn.pwd",
            "sip.nat.media",
        ],
        "a zone learns where media comes from by the media",
    ),
    (
        &["sip.mwi.mode", "sip.mwi.event", "sip.mwi.subs"],
        "waiting messages: there are none",
    ),
    (
        &["sip.detect.mode"],
        "its values are inferred; ring slots are switched on by `ring.use`",
    ),
    (
        &[
            "sip.alert{n}.tone",
            "sip.alert{n}.zone",
            "sip.alert{n}.group",
            "sip.alert{n}.event",
            "sip.alert{n}.mode",
        ],
        "what a ring slot sounds like and where: the site's matter; values of the last two are unknown",
    ),
    (
        &["alert.cid{n}.use", "alert.cid{n}.regex", "alert.cid{n}.tone"],
        "tones by caller: the site's matter",
    ),
    (
        &[
            "ann.tone{n}",
            "ann.zone{n}",
            "ann.group{n}",
            "ann.loop{n}",
            "ann.max{n}",
            "ann.ctone{n}",
        ],
        "what an alert sounds like, where and how long: the site's matter",
    ),
    (
        &[
            "ann.select",
            "ann.confirm",
            "ann.length",
            "ann.maxtime",
            "ann.end",
            "ann.dtmf.tone",
        ],
        "how all alerts go: the site's matter; values of the first two are unknown",
    ),
    (
        &["cancel.realm", "cancel.ctone", "cancel.select"],
        "the realm is that of the SIP domain; tone and manner of cancelling are the site's matter",
    ),
    (
        &[
            "dtmfpc.page.use",
            "dtmfpc.page.code",
            "dtmfpc.page.all",
            "dtmfpc.page.tone",
            "dtmfpc.page.extensions",
            "dtmfpc.alert.code",
            "dtmfpc.alert.tone",
        ],
        "pass codes at the device: who may page is asked at the zone, with a PIN where a group has one",
    ),
];

#[tokio::test]
async fn a_maker_s_certificate_is_good_for_the_addresses_that_were_assigned_to_it() {
    let prefix = |text: &str| vec![text.parse::<MacPrefix>().unwrap()];
    for (prefixes, is_served) in [
        (prefix("00:22:EE"), true),
        (
            vec![prefix("AC:DE:48").remove(0), prefix("0022ee0").remove(0)],
            true,
        ),
        (prefix("AC:DE:48"), false),
    ] {
        let bench = Bench::start_with(Suspicion::default(), prefixes).await;
        let mut writing = bench.store.write().await.unwrap();
        let hardware = device(7, HARDWARE, DeviceType::Algo);
        writing.account(&id()).add_device(&hardware).await.unwrap();
        writing.commit().await.unwrap();
        let client = bench.client(Some(hardware_certificate(&bench, HARDWARE)));
        let (status, _) = bench.fetch_as(client, HARDWARE_FILE, "algo").await;
        assert_eq!(status == "HTTP/1.1 200 OK", is_served, "{status}");
        let kept = &bench.attempts(HARDWARE).await[0];
        if !is_served {
            assert_eq!(kept.outcome, AttemptOutcome::Untrusted);
            assert!(kept.detail.contains("have no address such as"), "{}", kept.detail);
        }
    }
}
