//! Devices that are held, and certificates that come beside others.

use model::inventory::{HeldDevice, Standing};

use super::hardware::{HARDWARE, HARDWARE_FILE, hardware_certificate, with_hardware, with_hardware_and};
use super::*;
use crate::provisioning::review::{ShownNow, WRITTEN_FOR, judged};

const FILE: &str = "algom0022EE0A0B0C.conf";
const SERVED: &str = "HTTP/1.1 200 OK";
const REFUSED: &str = "HTTP/1.1 403 Forbidden";

impl Bench {
    async fn held(&self, mac: MacAddress) -> Option<HeldDevice> {
        let mut reading = self.store.read().await.unwrap();
        let (account, device) = reading.device_of_mac(mac).await.unwrap().unwrap();
        reading.account(&account).held_device(&device.id).await.unwrap()
    }

    /// Waits until somebody is held.
    async fn until_held(&self, mac: MacAddress) -> HeldDevice {
        loop {
            if let Some(held) = self.held(mac).await {
                return held;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn audit(&self) -> Vec<String> {
        let mut reading = self.store.read().await.unwrap();
        let entries = reading.account(&id()).audit(100).await.unwrap();
        entries.into_iter().map(|entry| entry.action).collect()
    }

    pub(super) async fn judge(&self, mac: MacAddress, certificate: &Identity, standing: Standing) {
        let mut writing = self.store.write().await.unwrap();
        let (account, device) = writing.device_of_mac(mac).await.unwrap().unwrap();
        let fingerprint = sha256(&certificate.chain()[0]);
        let mut scope = writing.account(&account);
        let judged = scope.judge_certificate(&device.id, fingerprint, standing).await;
        assert!(judged.unwrap(), "it was shown");
        writing.commit().await.unwrap();
    }

    pub(super) async fn hold(&self, mac: MacAddress) {
        let mut writing = self.store.write().await.unwrap();
        let (account, device) = writing.device_of_mac(mac).await.unwrap().unwrap();
        let held = HeldDevice {
            at: Timestamp(1),
            why: "somebody has to look".to_owned(),
        };
        let mut scope = writing.account(&account);
        assert!(scope.hold_device(&device.id, &held).await.unwrap());
        writing.commit().await.unwrap();
    }

    async fn release(&self, mac: MacAddress) {
        let mut writing = self.store.write().await.unwrap();
        let (account, device) = writing.device_of_mac(mac).await.unwrap().unwrap();
        assert!(
            writing
                .account(&account)
                .release_device(&device.id)
                .await
                .unwrap()
        );
        writing.commit().await.unwrap();
    }

    async fn status(&self, identity: &Identity, file: &str) -> String {
        self.fetch_as(self.client(Some(identity.clone())), file, "algo")
            .await
            .0
    }

    /// Fetches a file from another address of this machine.
    async fn fetch_from(&self, source: [u8; 4], identity: &Identity, file: &str) {
        let address = self.listener.address();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((source, 0))).unwrap();
        let stream = socket.connect(address).await.unwrap();
        let connector = TlsConnector::from(self.client(Some(identity.clone())));
        let mut stream = connector.connect(address.ip().into(), stream).await.unwrap();
        let request = format!("GET /{file} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let _is_closed = stream.read_to_end(&mut said).await.is_ok();
        assert!(
            said.starts_with(SERVED.as_bytes()),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }
}

#[tokio::test]
async fn p04_a_second_certificate_of_a_device_waits_for_somebody_to_look() {
    let (bench, first) = with_hardware().await;
    let second = hardware_certificate(&bench, HARDWARE);
    assert_eq!(bench.status(&first, HARDWARE_FILE).await, SERVED);

    let answer = bench
        .fetch_as(bench.client(Some(second.clone())), HARDWARE_FILE, "algo")
        .await;

    assert_eq!(answer.0, REFUSED);
    assert!(answer.1.contains("another certificate is known"), "{}", answer.1);
    assert_eq!(
        bench.status(&first, HARDWARE_FILE).await,
        SERVED,
        "the first goes on"
    );
    assert_eq!(bench.status(&second, HARDWARE_FILE).await, REFUSED);
    let held = |kept: &[Attempt]| {
        let held = |one: &&Attempt| one.outcome == AttemptOutcome::SecondCertificate && !one.proved;
        kept.iter().filter(held).count()
    };
    while held(&bench.attempts(HARDWARE).await) < 2 {
        tokio::task::yield_now().await;
    }
    let alarms = bench.audit().await;
    let alarms = alarms
        .iter()
        .filter(|action| *action == "hold second certificate");
    assert_eq!(alarms.count(), 1, "one alarm");

    bench.judge(HARDWARE, &second, Standing::Accepted).await;
    for identity in [&second, &first] {
        assert_eq!(bench.status(identity, HARDWARE_FILE).await, SERVED);
    }
    bench.judge(HARDWARE, &first, Standing::Blocked).await;
    assert_eq!(bench.status(&first, HARDWARE_FILE).await, REFUSED);
    assert_eq!(bench.status(&second, HARDWARE_FILE).await, SERVED);
    let is_kept = |kept: &Attempt| kept.outcome == AttemptOutcome::Revoked && !kept.proved;
    while !bench.attempts(HARDWARE).await.iter().any(is_kept) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn p04_a_certificate_that_waits_is_written_down_anew_once_a_minute() {
    let (bench, first) = with_hardware().await;
    let second = hardware_certificate(&bench, HARDWARE);
    assert_eq!(bench.status(&first, HARDWARE_FILE).await, SERVED);
    assert_eq!(bench.status(&second, HARDWARE_FILE).await, REFUSED);
    let fingerprint = sha256(&second.chain()[0]);
    let mut reading = bench.store.read().await.unwrap();
    let (account, device) = reading.device_of_mac(HARDWARE).await.unwrap().unwrap();
    let mut scope = reading.account(&account);
    let shown = scope.shown_certificates(&device.id).await.unwrap();
    let kept = shown.iter().find(|kept| kept.fingerprint == fingerprint).unwrap();

    for (later, is_known) in [(WRITTEN_FOR - 1, true), (WRITTEN_FOR, false)] {
        let now = ShownNow {
            fingerprint,
            at: Timestamp(kept.last_at.0 + later),
            source: "192.0.2.1",
            issued: &[],
        };
        let judged = judged(&mut scope, &device, Suspicion::default(), now)
            .await
            .unwrap();
        assert_eq!(judged.known_doubt().is_some(), is_known, "{later}");
    }
}

#[tokio::test]
async fn the_first_checksum_that_a_device_is_given_after_a_refusal_is_a_try() {
    let (bench, hardware) = with_hardware().await;
    let checksum = format!("{HARDWARE_FILE}.md5");
    bench.hold(HARDWARE).await;
    assert_eq!(bench.status(&hardware, &checksum).await, REFUSED);
    bench.release(HARDWARE).await;
    for _ in 0..2 {
        assert_eq!(bench.status(&hardware, &checksum).await, SERVED);
    }

    let kept = bench.attempts(HARDWARE).await;

    let outcomes: Vec<_> = kept.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [AttemptOutcome::Served, AttemptOutcome::Held]);
}

#[tokio::test]
async fn where_suspicions_are_only_noted_a_second_certificate_is_served() {
    let (bench, first) = with_hardware_and(Suspicion::Note).await;
    let second = hardware_certificate(&bench, HARDWARE);
    for identity in [&first, &second, &first] {
        assert_eq!(bench.status(identity, HARDWARE_FILE).await, SERVED);
    }
}

#[tokio::test]
async fn p04_a_certificate_that_a_later_one_has_taken_the_place_of_waits() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    let first = super::renewal::install_aged(&bench, state.path(), 300).await;
    bench.enrol(state.path(), MAC, "").await.unwrap();
    let second = identity_in(state.path());
    for (identity, status) in [
        (&first, SERVED),
        (&second, SERVED),
        (&first, REFUSED),
        (&second, SERVED),
    ] {
        assert_eq!(bench.status(identity, FILE).await, status);
    }
    let kept = &bench.attempts(MAC).await[1];
    assert_eq!(kept.outcome, AttemptOutcome::SecondCertificate);
    let renewed = bench.renew_with(&first).await;
    assert!(renewed.contains("has to look"), "{renewed}");
}

#[tokio::test]
async fn p02_a_certificate_that_asks_for_another_s_file_has_both_devices_held() {
    let (bench, hardware) = with_hardware().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    let own = identity_in(state.path());
    assert_eq!(bench.status(&own, HARDWARE_FILE).await, REFUSED);

    let holder = bench.until_held(MAC).await;
    let other = bench.until_held(HARDWARE).await;

    assert!(holder.why.contains(&HARDWARE.to_string()), "{}", holder.why);
    assert!(other.why.contains(&MAC.to_string()), "{}", other.why);
    for (identity, file) in [(&own, FILE), (&hardware, HARDWARE_FILE)] {
        let (status, text) = bench
            .fetch_as(bench.client(Some(identity.clone())), file, "algo")
            .await;
        assert_eq!((status.as_str(), text.contains("held until")), (REFUSED, true));
    }
    let kept = &bench.attempts(HARDWARE).await[0];
    assert_eq!((kept.outcome, kept.proved), (AttemptOutcome::Held, true));
    let renewed = bench.enrol(state.path(), MAC, "").await.unwrap_err();
    assert!(renewed.to_string().contains("has to look"), "{renewed}");
    let alarms = bench.audit().await;
    assert_eq!(alarms.iter().filter(|action| *action == "hold device").count(), 2);

    bench.release(HARDWARE).await;
    assert_eq!(bench.status(&hardware, HARDWARE_FILE).await, SERVED);
    assert_eq!(
        bench.status(&own, FILE).await,
        REFUSED,
        "each is released by itself"
    );
    bench.release(MAC).await;
    assert_eq!(bench.status(&own, FILE).await, SERVED);
}

#[tokio::test]
async fn p02_what_is_held_blocked_or_of_nobody_s_device_has_no_other_device_held() {
    let (bench, hardware) = with_hardware().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    let own = identity_in(state.path());
    // A device of the maker that nobody has added.
    let stranger = hardware_certificate(&bench, MacAddress::new([0, 0x22, 0xEE, 0, 0, 99]));
    assert_eq!(bench.status(&stranger, FILE).await, REFUSED);
    assert_eq!(bench.status(&hardware, HARDWARE_FILE).await, SERVED);
    bench.judge(HARDWARE, &hardware, Standing::Blocked).await;
    assert_eq!(bench.status(&hardware, FILE).await, REFUSED);
    let told = |kept: &[Attempt]| {
        kept.iter()
            .filter(|one| one.outcome == AttemptOutcome::OtherDevice)
            .count()
    };
    while told(&bench.attempts(MAC).await) < 1 || told(&bench.attempts(HARDWARE).await) < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.held(MAC).await, None);
    assert_eq!(bench.held(HARDWARE).await, None);

    // The first holds its own and one other; then it is held itself.
    assert_eq!(bench.status(&own, "algom0022EE0A0BFF.conf").await, REFUSED);
    bench.until_held(MAC).await;
    assert_eq!(bench.status(&own, HARDWARE_FILE).await, REFUSED);
    let asked = |one: &Attempt| one.detail.contains(&MAC.to_string());
    while !bench.attempts(HARDWARE).await.iter().any(asked) {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.held(HARDWARE).await, None);
}

#[tokio::test]
async fn p02_a_certificate_that_asks_to_renew_another_s_has_both_devices_held() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    bench.enrol(state.path(), OTHER, "").await.unwrap_err();

    let holder = bench.until_held(MAC).await;
    let other = bench.until_held(OTHER).await;

    let why = format!("with its certificate somebody asked in the name of {OTHER}");
    assert_eq!(holder.why, why);
    let why = format!("somebody asked in its name with the certificate of {MAC}");
    assert_eq!(other.why, why);
    let kept = &bench.attempts(OTHER).await[0];
    assert_eq!(
        (kept.outcome, kept.file.as_str()),
        (AttemptOutcome::OtherDevice, "enrol")
    );
}

#[tokio::test]
async fn p02_who_is_held_blocked_or_not_added_gets_no_file_of_its_model_and_the_cause_is_kept() {
    const MODEL: &str = "algop8301.conf";
    let (bench, hardware) = with_hardware().await;
    let unknown = MacAddress::new([0, 0x22, 0xEE, 0, 0, 99]);
    let of_unknown = hardware_certificate(&bench, unknown);
    assert_eq!(bench.status(&of_unknown, MODEL).await, REFUSED);
    assert_eq!(bench.status(&hardware, MODEL).await, SERVED);
    bench.hold(HARDWARE).await;
    assert_eq!(bench.status(&hardware, MODEL).await, REFUSED);
    bench.release(HARDWARE).await;
    assert_eq!(bench.status(&hardware, MODEL).await, SERVED);
    bench.judge(HARDWARE, &hardware, Standing::Blocked).await;
    assert_eq!(bench.status(&hardware, MODEL).await, REFUSED);

    for (mac, outcome) in [
        (unknown, AttemptOutcome::UnknownDevice),
        (HARDWARE, AttemptOutcome::Held),
        (HARDWARE, AttemptOutcome::Revoked),
    ] {
        let is_kept = |kept: &Attempt| kept.outcome == outcome && kept.proved && kept.file == MODEL;
        while !bench.attempts(mac).await.iter().any(is_kept) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn p02_it_can_be_set_that_the_one_who_asks_alone_is_held() {
    let (bench, hardware) = with_hardware_and(Suspicion::HoldHolder).await;
    assert_eq!(bench.status(&hardware, FILE).await, REFUSED);
    bench.until_held(HARDWARE).await;
    assert_eq!(bench.held(MAC).await, None);
}

#[tokio::test]
async fn p04_a_certificate_at_two_addresses_by_turns_raises_one_alarm() {
    let (bench, identity) = with_hardware().await;
    let alarms = async || {
        let audit = bench.audit().await;
        audit
            .iter()
            .filter(|action| *action == "see certificate at two addresses")
            .count()
    };
    for (source, count) in [(1, 0), (2, 0), (1, 1), (2, 1), (1, 1)] {
        bench
            .fetch_from([127, 0, 0, source], &identity, HARDWARE_FILE)
            .await;
        assert_eq!(alarms().await, count);
    }
}
