//! The server with endpoints of ours as its clients.

mod causes;
mod flood;
mod hardware;
mod renewal;
mod review;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use device::appliance::{Enrolment, EnrolmentError, enrol};
use model::config::{Document, EndpointConfig};
use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    Account, Attempt, AttemptOutcome, ClaimCode, CountryCode, Description, Device, DeviceType, DisplayName,
    Holder, HolderId, HolderKind, Line, LineId, LinePlace, MacAddress, TimeZone, Timestamp,
};
use model::{AccountId, DeviceId, Secret, SlotPosition};
use net::authority::{Authority, CertificateFacts, Issued, Purpose, Subject};
use net::tls::{ClientCertificates, ClientTls, ClientTlsConfig, Identity, MinimumVersion, ServerTls, Trust};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use web::{Limits, Listener};

use super::*;

const MAC: MacAddress = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]);
const OTHER: MacAddress = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0D]);
const CODE: &str = "K7QF-2XMB";
/// Connections of one address.
const PER_SOURCE_MAX: usize = 16;

/// A running server with one device that is assigned an extension.
struct Bench {
    folder: TempDir,
    store: Arc<Store>,
    authority: Arc<Authority>,
    maker: Authority,
    server: ProvisioningServer,
    listener: Listener,
}

impl Bench {
    async fn start() -> Self {
        Self::start_with(Suspicion::default(), Vec::new()).await
    }

    async fn start_with(suspicion: Suspicion, prefixes: Vec<MacPrefix>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).await.unwrap());
        let now = SystemTime::now();
        let authority = Arc::new(Authority::generate("Test authority", now).unwrap());
        std::fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
        let maker = Authority::generate("Maker", now).unwrap();
        let server = ProvisioningServer::new(ProvisioningSetup {
            store: Arc::clone(&store),
            authority: Arc::clone(&authority),
            manufacturers: vec![Manufacturer {
                name: "Maker".to_owned(),
                authorities: vec![maker.certificate().clone()],
                rule: MacRule {
                    place: MacPlace::CommonName,
                    pattern: MacPattern::whole(),
                },
                prefixes,
                expiry: ExpiryPolicy::Strict,
            }],
            suspicion,
            uplink: Uplink {
                domain: "one.example.com".to_owned(),
                outbound_proxy: "zone-a.example.com:5061".parse().unwrap(),
                second_outbound_proxy: None,
            },
        })
        .unwrap();
        let loopback = Subject::Address([127, 0, 0, 1].into());
        let issued = authority.issue(&[loopback], Purpose::Server, now).unwrap();
        let identity = identity_of(&issued);
        let tls = ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::Requested).unwrap();
        let limits = Limits {
            connections: 4 * PER_SOURCE_MAX,
            connections_per_source: PER_SOURCE_MAX,
        };
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let told = server.clone();
        let on_failure: web::OnHandshakeFailure =
            Arc::new(move |from, error| told.note_handshake_failure(from, error));
        let listener = Listener::start_telling(anywhere, &tls, limits, server.router(), on_failure)
            .await
            .unwrap();
        let bench = Self {
            folder,
            store,
            authority,
            maker,
            server,
            listener,
        };
        bench.fill().await;
        bench
    }

    async fn fill(&self) {
        let mut writing = self.store.write().await.unwrap();
        writing.add_account(&account()).await.unwrap();
        let mut scope = writing.account(&id());
        scope.add_holder(&holder()).await.unwrap();
        scope.add_device(&device(1, MAC, DeviceType::Oyez)).await.unwrap();
        scope
            .add_device(&device(2, OTHER, DeviceType::Other))
            .await
            .unwrap();
        scope.add_line(&line()).await.unwrap();
        for number in [1, 2] {
            let claim = ClaimCode {
                code: claim_code_hash(if number == 1 { CODE } else { "ANOTHER" }),
                device: DeviceId::from_random(number),
                expires_at: Timestamp(u64::from(u32::MAX) * 1_000),
                used_by: None,
            };
            scope.add_claim_code(&claim).await.unwrap();
        }
        writing.commit().await.unwrap();
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Has an endpoint with a state folder of its own enrol.
    async fn enrol(&self, state: &Path, mac: MacAddress, code: &str) -> Result<(), EnrolmentError> {
        let enrolment = Enrolment {
            authority: format!("https://{}", self.listener.address()),
            claim_code: Secret::from(code),
            trusted_ca_file: Some(self.ca_file()),
            state: state.to_owned(),
            mac: Some(mac.to_string()),
        };
        enrol(enrolment).await.map(|_| ())
    }

    /// Asks for a renewal with a certificate, and gives everything that was said.
    async fn renew_with(&self, identity: &Identity) -> String {
        let request = net::authority::OwnKey::generate()
            .unwrap()
            .request(&MAC.compact())
            .unwrap();
        self.ask_to_enrol(Some(identity), "", &request).await
    }

    /// Asks for a certificate, and gives everything that was said.
    async fn ask_to_enrol(&self, identity: Option<&Identity>, code: &str, request: &str) -> String {
        let body =
            serde_json::json!({ "claim_code": code, "mac": MAC.to_string(), "request": request }).to_string();
        let address = self.listener.address();
        let stream = TcpStream::connect(address).await.unwrap();
        let connector = TlsConnector::from(self.client(identity.cloned()));
        let mut stream = connector.connect(address.ip().into(), stream).await.unwrap();
        let head = format!(
            "POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .unwrap();
        let mut said = Vec::new();
        let _is_closed = stream.read_to_end(&mut said).await.is_ok();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Fetches a file, and gives status line and text.
    async fn fetch(&self, identity: Option<Identity>, file: &str) -> (String, String) {
        self.fetch_by(self.client(identity), file).await
    }

    fn client(&self, identity: Option<Identity>) -> Arc<rustls::ClientConfig> {
        let tls = ClientTls::new(ClientTlsConfig {
            trust: Trust::Authorities(vec![self.authority.certificate().clone()]),
            minimum: MinimumVersion::Tls12,
            identity,
            ..ClientTlsConfig::default()
        })
        .unwrap();
        tls.config()
    }

    async fn fetch_by(&self, client: Arc<rustls::ClientConfig>, file: &str) -> (String, String) {
        self.fetch_as(client, file, "Oyez-Endpoint/9.8.7").await
    }

    async fn fetch_as(&self, client: Arc<rustls::ClientConfig>, file: &str, agent: &str) -> (String, String) {
        let address = self.listener.address();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = address.ip().into();
        let mut stream = TlsConnector::from(client).connect(name, stream).await.unwrap();
        let request =
            format!("GET /{file} HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let _is_closed = stream.read_to_end(&mut said).await.is_ok();
        let said = String::from_utf8_lossy(&said).into_owned();
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// Fetches a file with a certificate or without, and gives everything that was said.
    async fn fetch_octets(&self, shown: Option<&Identity>, file: &str) -> Vec<u8> {
        let address = self.listener.address();
        let stream = TcpStream::connect(address).await.unwrap();
        let connector = TlsConnector::from(self.client(shown.cloned()));
        let mut stream = connector.connect(address.ip().into(), stream).await.unwrap();
        let request = format!("GET /{file} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let _is_closed = stream.read_to_end(&mut said).await.is_ok();
        said
    }

    /// The tries that are kept of a device, once there are some.
    async fn attempts(&self, mac: MacAddress) -> Vec<Attempt> {
        loop {
            let mut reading = self.store.read().await.unwrap();
            let attempts = reading.attempts(mac).await.unwrap();
            if !attempts.is_empty() {
                return attempts;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Handshakes that failed, once there are some.
    async fn failures(&self) -> Vec<Attempt> {
        loop {
            let mut reading = self.store.read().await.unwrap();
            let attempts = reading.nameless_attempts().await.unwrap();
            if !attempts.is_empty() {
                return attempts;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn id() -> AccountId {
    "one".parse().unwrap()
}

fn account() -> Account {
    Account {
        id: id(),
        name: DisplayName::new("Customer").unwrap(),
        domain: "one.example.com".to_owned(),
        many_extensions_before_5_5: false,
        generic_devices: true,
    }
}

fn holder() -> Holder {
    Holder {
        id: HolderId::from_random(1),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Hall").unwrap(),
        extension: "701".parse().unwrap(),
        package: "basic".to_owned(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    }
}

fn device(number: u128, mac: MacAddress, kind: DeviceType) -> Device {
    Device {
        id: DeviceId::from_random(number),
        name: DisplayName::new("Hall loudspeaker").unwrap(),
        description: Description::new("").unwrap(),
        mac,
        kind,
        model: kind.model().map(str::to_owned),
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    }
}

fn line() -> Line {
    Line {
        id: LineId::from_random(1),
        device: DeviceId::from_random(1),
        place: LinePlace::Slot(SlotPosition::BASE_PAGE),
        holder: HolderId::from_random(1),
        user: "83600015247557791369".parse().unwrap(),
        authorization_id: "875586205903".parse().unwrap(),
        algorithm: DigestAlgorithm::Sha256,
        generation: Generation(1),
        password: Secret::from("a password of 128 bits"),
    }
}

fn identity_of(issued: &Issued) -> Identity {
    Identity::from_pem(issued.certificate_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap()
}

fn identity_in(state: &Path) -> Identity {
    let certificate = state.join("certificate");
    Identity::from_files(&certificate.join("device.pem"), &certificate.join("device.key")).unwrap()
}

#[tokio::test]
async fn an_endpoint_enrols_by_its_code_and_fetches_what_it_was_assigned() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, " k7qf2xmb ").await.unwrap();

    let (status, text) = bench
        .fetch(Some(identity_in(state.path())), "algom0022EE0A0B0C.conf")
        .await;

    assert_eq!(status, "HTTP/1.1 200 OK");
    let config = EndpointConfig::from_document(&Document::parse(&text).unwrap()).unwrap();
    assert_eq!(config.slots.len(), 1);
    assert_eq!(config.slots[0].user, line().user);
    assert_eq!(config.slots[0].password, Some(line().password));
    let attempts = bench.attempts(MAC).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].outcome, AttemptOutcome::Served);
    assert_eq!(attempts[0].source, "127.0.0.1");
    let mut reading = bench.store.read().await.unwrap();
    let (_, device) = reading.device_of_mac(MAC).await.unwrap().unwrap();
    assert_eq!(device.firmware.as_deref(), Some("9.8.7"));
    assert_eq!(device.model.as_deref(), Some("oyez"));
}

#[tokio::test]
async fn p01_without_a_certificate_nothing_is_served_and_the_cause_is_kept() {
    let bench = Bench::start().await;
    let (status, text) = bench.fetch(None, "algom0022EE0A0B0C.conf").await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    assert_eq!(text, "a device certificate is needed");
    assert_eq!(
        bench.attempts(MAC).await[0].outcome,
        AttemptOutcome::NoCertificate
    );
}

#[tokio::test]
async fn p01_a_certificate_of_another_authority_is_not_trusted() {
    let bench = Bench::start().await;
    let now = SystemTime::now();
    let stranger = Authority::generate("Stranger", now).unwrap();
    let name = Subject::Name("0022ee0a0b0c".to_owned());
    let issued = stranger.issue(&[name], Purpose::Client, now).unwrap();
    let (status, _) = bench
        .fetch(Some(identity_of(&issued)), "algom0022EE0A0B0C.conf")
        .await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    assert_eq!(bench.attempts(MAC).await[0].outcome, AttemptOutcome::Untrusted);
}

#[tokio::test]
async fn p02_a_device_gets_no_file_but_its_own_and_learns_nothing_of_others() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    let known = bench
        .fetch(Some(identity_in(state.path())), "algom0022EE0A0B0D.conf")
        .await;
    let unknown = bench
        .fetch(Some(identity_in(state.path())), "algom0022EE0A0BFF.conf")
        .await;
    assert_eq!(known.0, "HTTP/1.1 403 Forbidden");
    assert_eq!(known, unknown, "whether it was added is not told");
    assert_eq!(
        bench.attempts(OTHER).await[0].outcome,
        AttemptOutcome::OtherDevice
    );
    assert!(
        bench.attempts(OTHER).await[0]
            .detail
            .contains("00:22:EE:0A:0B:0C")
    );
}

#[tokio::test]
async fn a_generic_device_is_told_that_it_is_configured_by_hand() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), OTHER, "ANOTHER").await.unwrap();
    let (status, text) = bench
        .fetch(Some(identity_in(state.path())), "algom0022EE0A0B0D.conf")
        .await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    assert_eq!(text, "the device is configured by hand");
}

#[tokio::test]
async fn a_certificate_that_was_taken_back_fetches_nothing() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    let identity = identity_in(state.path());
    let fingerprint = sha256(&identity.chain()[0]);
    let mut writing = bench.store.write().await.unwrap();
    assert!(
        writing
            .revoke_certificate(fingerprint, Timestamp(1))
            .await
            .unwrap()
    );
    writing.commit().await.unwrap();
    let (status, text) = bench.fetch(Some(identity), "algom0022EE0A0B0C.conf").await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    assert_eq!(text, "the device certificate was taken back");
}

#[tokio::test]
async fn a_code_is_good_for_its_device_and_the_first_key_alone() {
    let bench = Bench::start().await;
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for (mac, code) in [(MAC, "WRONG"), (OTHER, CODE), (MacAddress::new([2; 6]), CODE)] {
        let refused = bench.enrol(first.path(), mac, code).await.unwrap_err();
        assert!(matches!(refused, EnrolmentError::WrongCode(_)), "{refused}");
    }
    bench.enrol(first.path(), MAC, CODE).await.unwrap();
    let refused = bench.enrol(second.path(), MAC, CODE).await.unwrap_err();
    assert!(matches!(refused, EnrolmentError::WrongCode(_)), "{refused}");
}

#[tokio::test]
async fn w06_wrong_codes_are_slowed_down() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    for _ in 0..web::FREE_TRIES {
        let refused = bench.enrol(state.path(), MAC, "WRONG").await.unwrap_err();
        assert!(matches!(refused, EnrolmentError::WrongCode(_)), "{refused}");
    }
    let refused = bench.enrol(state.path(), MAC, CODE).await.unwrap_err();
    assert!(
        refused.to_string().contains("too many wrong claim codes"),
        "{refused}"
    );
    loop {
        let mut reading = bench.store.read().await.unwrap();
        let mut scope = reading.account(&id());
        let all = Timestamp(0)..=Timestamp(u64::MAX);
        let of_codes = scope.audit_of_action(crate::alarms::GUESSED_CODES, all, 9);
        if let [alarm] = &of_codes.await.unwrap()[..] {
            return assert_eq!(alarm.detail, "last from 127.0.0.1");
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn w06_codes_that_are_tried_at_once_are_no_more_tries() {
    let bench = Bench::start().await;
    let states = [(); 8].map(|()| tempfile::tempdir().unwrap());
    let tries = states.iter().map(|state| bench.enrol(state.path(), MAC, "WRONG"));
    let refused = join_all(tries).await;
    let judged = refused
        .iter()
        .filter(|refused| matches!(refused, Err(EnrolmentError::WrongCode(_))))
        .count();
    assert_eq!(judged, usize::try_from(web::FREE_TRIES).unwrap());
}

#[tokio::test]
async fn what_was_revoked_does_not_come_back_by_its_used_code() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    let fingerprint = sha256(&identity_in(state.path()).chain()[0]);
    let mut writing = bench.store.write().await.unwrap();
    writing
        .revoke_certificate(fingerprint, Timestamp(1))
        .await
        .unwrap();
    writing.commit().await.unwrap();
    let refused = bench.enrol(state.path(), MAC, CODE).await.unwrap_err();
    assert!(matches!(refused, EnrolmentError::WrongCode(_)), "{refused}");
}

#[tokio::test]
async fn a_certificate_of_the_own_authority_that_it_has_no_record_of_is_not_enough() {
    let bench = Bench::start().await;
    let name = Subject::Name("0022ee0a0b0c".to_owned());
    let issued = bench
        .authority
        .issue(&[name], Purpose::Client, SystemTime::now())
        .unwrap();
    let (status, _) = bench
        .fetch(Some(identity_of(&issued)), "algom0022EE0A0B0C.conf")
        .await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    assert_eq!(bench.attempts(MAC).await[0].outcome, AttemptOutcome::Revoked);
}

#[tokio::test]
async fn refusals_that_are_alike_are_one_entry_with_a_count() {
    let bench = Bench::start().await;
    for _ in 0..4 {
        let (status, _) = bench.fetch(None, "algom0022EE0A0B0C.conf").await;
        assert_eq!(status, "HTTP/1.1 403 Forbidden");
    }
    loop {
        let attempts = bench.attempts(MAC).await;
        assert_eq!(attempts.len(), 1);
        if attempts[0].times == 4 {
            assert!(!attempts[0].proved);
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_file_that_there_is_not_is_kept_for_the_device_whose_certificate_asked() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    let (status, text) = bench.fetch(Some(identity_in(state.path())), "speaker.cfg").await;
    assert_eq!(
        (status.as_str(), text.as_str()),
        ("HTTP/1.1 404 Not Found", "there is no such file")
    );
    let kept = &bench.attempts(MAC).await[0];
    assert_eq!((kept.outcome, kept.proved), (AttemptOutcome::UnknownFile, true));
    assert_eq!(kept.file, "speaker.cfg");

    let stranger = bench.fetch(None, "0022ee0a0b0d.cfg").await;
    assert_eq!(stranger.0, "HTTP/1.1 404 Not Found");
    let kept = &bench.attempts(OTHER).await[0];
    assert_eq!((kept.outcome, kept.proved), (AttemptOutcome::UnknownFile, false));
}

#[tokio::test]
async fn p07_a_handshake_with_an_old_version_fails_and_is_kept_with_its_address() {
    let bench = Bench::start().await;
    let mut stream = TcpStream::connect(bench.listener.address()).await.unwrap();
    // A ClientHello that offers TLS 1.1 at most.
    let hello = [&[0x03, 0x02][..], &[7; 32], &[0], &[0, 2, 0xC0, 0x09], &[1, 0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    let record = [&[0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
    stream.write_all(&record).await.unwrap();
    let mut said = Vec::new();
    let _is_closed = stream.read_to_end(&mut said).await.is_ok();
    let kept = &bench.failures().await[0];
    assert_eq!(kept.outcome, AttemptOutcome::TlsTooOld, "{kept:?}");
    assert_eq!(kept.source, "127.0.0.1");
}

#[tokio::test]
async fn a_device_that_does_not_trust_the_server_is_kept_as_such() {
    let bench = Bench::start().await;
    let stranger = Authority::generate("Stranger", SystemTime::now()).unwrap();
    let tls = ClientTls::new(ClientTlsConfig {
        trust: Trust::Authorities(vec![stranger.certificate().clone()]),
        minimum: MinimumVersion::Tls12,
        ..ClientTlsConfig::default()
    })
    .unwrap();
    let address = bench.listener.address();
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(tls.config());
    assert!(connector.connect(address.ip().into(), stream).await.is_err());
    assert_eq!(bench.failures().await[0].outcome, AttemptOutcome::ServerUntrusted);
}

/// Waits for all of them at once.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut waiting {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        match waiting.iter().all(|(_, output)| output.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, output)| output).collect()
}
