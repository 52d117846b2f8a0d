//! The client against a scripted server with TLS.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use net::authority::{Authority, Purpose, Subject};
use net::tls::{ClientCertificates, Identity, ServerTls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::{ApplianceError, Plan};
use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the server answers for a path; 404 for others.
type Answers = BTreeMap<String, String>;

struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl Server {
    /// Serves files; with `wants_certificate` only to clients with a certificate of the same authority.
    async fn start(answers: Answers, wants_certificate: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let authority = Authority::generate("provisioning", now).unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("ca.pem"), authority.certificate_pem()).unwrap();
        for (name, purpose) in [("server", Purpose::Server), ("device", Purpose::Client)] {
            let subject = if name == "server" {
                Subject::Address(LOOPBACK)
            } else {
                Subject::Name("0022ee0a0b0c".to_owned())
            };
            let issued = authority.issue(&[subject], purpose, now).unwrap();
            fs::write(file(&format!("{name}.pem")), &issued.certificate_pem).unwrap();
            fs::write(file(&format!("{name}.key")), issued.key_pem.as_bytes()).unwrap();
        }
        let clients = if wants_certificate {
            ClientCertificates::Required(vec![authority.certificate().clone()])
        } else {
            ClientCertificates::NotAsked
        };
        let identity = Identity::from_files(&file("server.pem"), &file("server.key")).unwrap();
        let tls = ServerTls::new(&identity, MinimumVersion::Tls12, clients).unwrap();
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(
            listener,
            TlsAcceptor::from(tls.config()),
            answers,
            Arc::clone(&asked),
        ));
        Self {
            address,
            asked,
            folder,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configuration(&self) -> String {
        format!(
            "oyez.sink = null\nprov.server.static = https://{}/files\noyez.prov.ca = {}\n",
            self.address,
            self.file("ca.pem").display()
        )
    }

    /// Gives a state folder the certificate of a device.
    fn equip(&self, state: &Path) {
        let CertificateFiles { chain, key, .. } = CertificateFiles::of(state);
        fs::create_dir_all(chain.parent().unwrap()).unwrap();
        fs::copy(self.file("device.pem"), chain).unwrap();
        fs::copy(self.file("device.key"), key).unwrap();
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut stream) = acceptor.accept(stream).await else {
            continue;
        };
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            if stream.read_exact(&mut octet).await.is_err() {
                break;
            }
            request.extend(octet);
        }
        let request = String::from_utf8(request).unwrap();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer = match answers.get(&path) {
            Some(answer) if answer.starts_with("HTTP/1.1") => answer.clone(),
            Some(text) => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()),
            None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        };
        asked.lock().unwrap().push(path);
        // A client that has gone has what it wanted.
        let _is_sent = stream.write_all(answer.as_bytes()).await.is_ok();
        let _is_closed = stream.shutdown().await.is_ok();
    }
}

fn answers(files: &[(&str, &str)]) -> Answers {
    files
        .iter()
        .map(|(name, text)| (format!("/files/{name}"), (*text).to_owned()))
        .collect()
}

async fn appliance(state: &Path, configuration: &str) -> Result<Appliance, ApplianceError> {
    let file = Document::parse(configuration).unwrap();
    let identity = endpoint::profile::Identity {
        device: "lobby".parse().unwrap(),
        user_agent: "test".to_owned(),
        instance: None,
    };
    Plan::new(state, Some((file, state.to_owned())))?
        .without_outputs()
        .with_mac("00:22:EE:0A:0B:0C")
        .start(identity, SocketAddr::new(LOOPBACK, 0))
        .await
}

/// Waits until provisioning has come to an end, and says which.
async fn outcome(appliance: &Appliance) -> Provisioning {
    loop {
        match appliance.provisioning() {
            Provisioning::NoServer | Provisioning::Fetching => tokio::task::yield_now().await,
            ended => return ended,
        }
    }
}

async fn failed_step(answers: Answers) -> ProvisioningStep {
    let server = Server::start(answers, false).await;
    failed_step_with(&server.configuration()).await
}

async fn failed_step_with(configuration: &str) -> ProvisioningStep {
    let state = tempfile::tempdir().unwrap();
    let appliance = appliance(state.path(), configuration).await.unwrap();
    let Provisioning::Failed { failure } = outcome(&appliance).await else {
        panic!("it should have failed: {:?}", appliance.provisioning());
    };
    let status = appliance.status().await.unwrap();
    assert_eq!(
        status.slots[0].registration.shown.to_string(),
        "Assisted Provisioning Failed"
    );
    appliance.stop().await;
    failure.step
}

const MODEL: &str = "algopoyez.conf";
const DEVICE: &str = "algom0022EE0A0B0C.conf";

#[tokio::test]
async fn a_device_gets_its_account_by_its_certificate_and_keeps_what_was_set_on_it() {
    let files = answers(&[
        (MODEL, "sip.proxy = 127.0.0.1:9\naudio.page.vol = -6dB\n"),
        (DEVICE, "sip.u1.user = 7001\nsip.u1.pwd = secret\n"),
    ]);
    let server = Server::start(files, true).await;
    let state = tempfile::tempdir().unwrap();
    server.equip(state.path());
    let appliance = appliance(state.path(), &server.configuration()).await.unwrap();
    assert!(matches!(
        appliance.certificate().await,
        OwnCertificate::Installed(_)
    ));

    let Provisioning::Done { files } = outcome(&appliance).await else {
        panic!("{:?}", appliance.provisioning());
    };

    assert_eq!(files, [MODEL, DEVICE]);
    let expected = [MODEL, &format!("{MODEL}.md5"), DEVICE, &format!("{DEVICE}.md5")];
    assert_eq!(server.asked(), expected.map(|name| format!("/files/{name}")));
    assert_eq!(appliance.settings().value("sip.u1.user"), "7001");
    let last = appliance.versions().last().cloned().unwrap();
    assert_eq!(last.author, Author::Provisioning);
    let slots = appliance.status().await.unwrap().slots;
    assert_eq!(
        slots[0].user.as_ref().map(ToString::to_string).as_deref(),
        Some("7001")
    );
    appliance.stop().await;
}

#[tokio::test]
async fn the_same_files_again_make_no_version_and_an_override_stays() {
    let files = answers(&[(
        DEVICE,
        "sip.proxy = 127.0.0.1:9\nsip.u1.user = 7001\naudio.page.vol = -6dB\n",
    )]);
    let server = Server::start(files, false).await;
    let state = tempfile::tempdir().unwrap();
    let appliance = appliance(state.path(), &server.configuration()).await.unwrap();
    assert_eq!(appliance.certificate().await, OwnCertificate::Absent);
    outcome(&appliance).await;
    let louder = model::config::SettingChange {
        key: "audio.page.vol".to_owned(),
        value: Some("-3dB".to_owned()),
    };
    appliance.change(Author::Web, &[louder]).await.unwrap();
    let versions = appliance.versions().len();

    appliance.set_provisioning(Provisioning::Fetching);
    appliance.fetch_configuration();
    outcome(&appliance).await;

    assert_eq!(appliance.versions().len(), versions);
    assert_eq!(appliance.settings().value("audio.page.vol"), "-3dB");
    appliance.stop().await;
}

#[tokio::test]
async fn a_device_that_starts_without_its_server_has_its_account_all_the_same() {
    let files = answers(&[(
        DEVICE,
        "sip.proxy = 127.0.0.1:9\nsip.u1.user = 7001\naudio.page.vol = -6dB\n",
    )]);
    let server = Server::start(files, false).await;
    let state = tempfile::tempdir().unwrap();
    let provisioned = appliance(state.path(), &server.configuration()).await.unwrap();
    outcome(&provisioned).await;
    let versions = provisioned.versions().len();
    provisioned.stop().await;

    let again = appliance(state.path(), &server.configuration()).await.unwrap();
    assert_eq!(again.versions().len(), versions, "the same file makes no version");
    again.stop().await;
    let elsewhere = format!("{}audio.page.vol = -9dB\nprov.use = 0\n", server.configuration());
    let elsewhere = appliance(state.path(), &elsewhere).await.unwrap();

    assert_eq!(elsewhere.settings().value("sip.u1.user"), "7001");
    assert_eq!(elsewhere.settings().value("audio.page.vol"), "-6dB");
    elsewhere.stop().await;
}

#[tokio::test]
async fn each_step_that_fails_is_named() {
    let wrong_checksum = answers(&[
        (DEVICE, "sip.proxy = a\n"),
        (&format!("{DEVICE}.md5"), "00112233\n"),
    ]);
    for (answers, step) in [
        (answers(&[]), ProvisioningStep::Download),
        (
            answers(&[(DEVICE, "sip.transp = pigeon\n")]),
            ProvisioningStep::File,
        ),
        (
            answers(&[(DEVICE, "sip.proxy = a.example\n")]),
            ProvisioningStep::Credentials,
        ),
        (wrong_checksum, ProvisioningStep::File),
        (
            answers(&[(DEVICE, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")]),
            ProvisioningStep::Certificate,
        ),
        (
            answers(&[(MODEL, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")]),
            ProvisioningStep::Download,
        ),
    ] {
        assert_eq!(failed_step(answers).await, step);
    }
}

#[tokio::test]
async fn p06_a_redirect_is_not_followed() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/x\r\nContent-Length: 0\r\n\r\n";

    assert_eq!(
        failed_step(answers(&[(MODEL, redirect)])).await,
        ProvisioningStep::Download
    );
}

#[tokio::test]
async fn p07_nothing_is_fetched_without_tls_or_from_a_server_that_is_not_trusted() {
    let server = Server::start(answers(&[]), false).await;
    let address = server.address;
    for (configuration, step) in [
        (
            format!("oyez.sink = null\nprov.server.static = http://{address}\n"),
            ProvisioningStep::Discovery,
        ),
        (
            format!("oyez.sink = null\nprov.server.static = {address}\nprov.download.method = tftp\n"),
            ProvisioningStep::Discovery,
        ),
        (
            format!("oyez.sink = null\nprov.server.static = {address}\n"),
            ProvisioningStep::Certificate,
        ),
    ] {
        assert_eq!(failed_step_with(&configuration).await, step, "{configuration}");
    }
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_gets_none_from_a_device_without_one() {
    let server = Server::start(answers(&[]), true).await;

    let step = failed_step_with(&server.configuration()).await;

    assert!(
        matches!(step, ProvisioningStep::Certificate | ProvisioningStep::Connection),
        "{step:?}"
    );
}

#[tokio::test]
async fn a_file_of_the_largest_size_is_read_and_one_octet_more_is_not() {
    for (length, step) in [
        (model::config::DOCUMENT_LENGTH_MAX, ProvisioningStep::Credentials),
        (model::config::DOCUMENT_LENGTH_MAX + 1, ProvisioningStep::File),
    ] {
        let filling = format!("# {}\n", "x".repeat(length - 3));
        assert_eq!(
            failed_step(answers(&[(DEVICE, &filling)])).await,
            step,
            "{length}"
        );
    }
}

#[tokio::test]
async fn what_dhcp_has_offered_is_a_server_and_switched_off_nothing_is_asked() {
    let files = answers(&[(DEVICE, "sip.proxy = 127.0.0.1:9\nsip.u1.user = 7001\n")]);
    let server = Server::start(files, false).await;
    let state = tempfile::tempdir().unwrap();
    fs::write(
        state.path().join(DHCP_FILE),
        format!("https://{}/files\n", server.address),
    )
    .unwrap();
    let trusted = format!(
        "oyez.sink = null\noyez.prov.ca = {}\n",
        server.file("ca.pem").display()
    );

    let off = appliance(state.path(), &format!("{trusted}prov.use = 0\n"))
        .await
        .unwrap();
    assert_eq!(outcome(&off).await, Provisioning::Off);
    assert_eq!(server.asked(), Vec::<String>::new());
    off.stop().await;

    let on = appliance(state.path(), &trusted).await.unwrap();
    assert!(matches!(outcome(&on).await, Provisioning::Done { .. }));
    on.stop().await;
}

#[test]
fn waits_grow_to_a_quarter_of_an_hour() {
    let waits: Vec<u64> = (1..8).map(|failures| wait_after(failures).as_secs()).collect();

    assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900]);
}

#[test]
fn devices_that_start_together_do_not_come_together_for_ever() {
    assert_eq!(
        first_wait(false, 255),
        Duration::ZERO,
        "a new device has nothing else to do"
    );
    assert_eq!(first_wait(true, 0), Duration::ZERO);
    assert_eq!(first_wait(true, 255), START_SPREAD);
    let day = Duration::from_secs(86_400);
    assert_eq!(earlier_by_chance(day, INTERVAL_SPREAD, 0), day);
    assert_eq!(earlier_by_chance(day, INTERVAL_SPREAD, 255), day * 9 / 10);
    assert_eq!(
        earlier_by_chance(FIRST_WAIT, FAILURE_SPREAD, 255),
        FIRST_WAIT * 3 / 4
    );
    assert!(earlier_by_chance(day, INTERVAL_SPREAD, 1) < day);
    assert_eq!(earlier_by_chance(Duration::MAX, 1, 0), Duration::MAX);
}
