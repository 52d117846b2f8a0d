//! Enrolling at a scripted authority.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::sync::{Arc, Mutex};

use net::authority::{Authority, Purpose, Subject};
use net::tls::{ClientCertificates, ServerTls};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::appliance::provisioning::OwnCertificate;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const MAC: &str = "00:22:EE:0A:0B:0C";
const CODE: &str = "K7QF-2XMB";

/// An authority that answers each request as its script does.
struct Server {
    address: SocketAddr,
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<Value>>>,
}

type Answer = (u16, String);

impl Server {
    async fn start(mut script: impl FnMut(&Authority, &Value) -> Answer + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::generate("enrolment", SystemTime::now()).unwrap();
        let issued = authority
            .issue(&[Subject::Address(LOOPBACK)], Purpose::Server, SystemTime::now())
            .unwrap();
        fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
        let identity =
            Identity::from_pem(issued.certificate_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap();
        let tls = ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::NotAsked).unwrap();
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(tls.config());
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let request = read_request(&mut stream).await;
                let (status, body) = script(&authority, &request);
                noted.lock().unwrap().push(request);
                let length = body.len();
                let answer = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
                let _is_closed = stream.shutdown().await.is_ok();
            }
        });
        Self {
            address,
            folder,
            asked,
        }
    }

    fn enrolment(&self, state: &Path) -> Enrolment {
        Enrolment {
            authority: format!("https://{}/site", self.address),
            claim_code: Secret::from(CODE),
            trusted_ca_file: Some(self.folder.path().join("ca.pem")),
            state: state.to_owned(),
            mac: Some(MAC.to_owned()),
        }
    }
}

async fn read_request(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Value {
    let mut octets = Vec::new();
    loop {
        octets.push(stream.read_u8().await.unwrap());
        let text = String::from_utf8_lossy(&octets).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        });
        if length == Some(body.len()) {
            assert!(head.starts_with("POST /site/enrol HTTP/1.1\r\n"), "{head}");
            return serde_json::from_str(body).unwrap();
        }
    }
}

fn sign(authority: &Authority, request: &Value) -> String {
    let request = request["request"].as_str().unwrap();
    authority
        .sign_request(request, Purpose::Client, SystemTime::now())
        .unwrap()
}

fn has_certificate(state: &Path) -> bool {
    matches!(OwnCertificate::of(state), OwnCertificate::Installed(_))
}

fn granted(certificate: &str) -> Answer {
    (200, json!({ "certificate": certificate }).to_string())
}

fn denied(status: u16, why: &str) -> Answer {
    (status, json!({ "error": why }).to_string())
}

/// What comes of one answer, and what is left of it on the device.
async fn outcome(
    script: impl FnMut(&Authority, &Value) -> Answer + Send + 'static,
) -> (Result<Enrolled, EnrolmentError>, bool) {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(script).await;
    let outcome = enrol(server.enrolment(state.path())).await;
    (outcome, has_certificate(state.path()))
}

#[tokio::test]
async fn a_claimed_device_gets_a_certificate_for_the_key_it_has_made() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(|authority, request| granted(&sign(authority, request))).await;

    let enrolled = enrol(server.enrolment(state.path())).await.unwrap();

    assert_eq!(enrolled.names, ["0022EE0A0B0C"]);
    assert!(has_certificate(state.path()));
    let key = state.path().join("certificate/device.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let folder = fs::metadata(state.path().join("certificate")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked[0]["claim_code"], CODE);
    assert_eq!(asked[0]["mac"], MAC);
    let key = fs::read_to_string(key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    assert!(
        !asked[0].to_string().contains(secret),
        "the key stays where it is"
    );
}

#[tokio::test]
async fn a_try_whose_answer_was_lost_is_repeated_with_the_same_key() {
    let state = tempfile::tempdir().unwrap();
    let mut tries = 0;
    let server = Server::start(move |authority, request| {
        tries += 1;
        match tries {
            1 => denied(503, "later"),
            _ => granted(&sign(authority, request)),
        }
    })
    .await;

    let first = enrol(server.enrolment(state.path())).await;
    let second = enrol(server.enrolment(state.path())).await;

    assert!(matches!(first, Err(EnrolmentError::Refused { status, .. }) if status == 503));
    assert!(second.is_ok());
    let asked = server.asked.lock().unwrap().clone();
    let key = |request: &Value| {
        let text = request["request"].as_str().unwrap();
        // The public key stands in the second line; the first counts the octets of the signature, which differs from try to try.
        text.lines().nth(2).unwrap().to_owned()
    };
    assert_eq!(key(&asked[0]), key(&asked[1]));
}

#[tokio::test]
async fn a_wrong_claim_code_is_told_from_other_refusals() {
    let (outcome, _) = outcome(|_, _| denied(403, "unknown code\u{1b}[2J")).await;
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "the authority does not accept the claim code: unknown code\u{fffd}[2J"
    );
}

#[tokio::test]
async fn an_authority_that_is_not_there_or_not_the_one_is_named() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| denied(500, "")).await;
    let (other, nobody) = (Authority::generate("other", SystemTime::now()).unwrap(), LOOPBACK);
    fs::write(state.path().join("other.pem"), other.certificate_pem()).unwrap();

    let untrusted = enrol(Enrolment {
        trusted_ca_file: Some(state.path().join("other.pem")),
        ..server.enrolment(state.path())
    });
    assert!(matches!(untrusted.await, Err(EnrolmentError::Untrusted(_))));
    let unreachable = enrol(Enrolment {
        authority: format!("{nobody}:1"),
        ..server.enrolment(state.path())
    });
    assert!(matches!(unreachable.await, Err(EnrolmentError::Unreachable(_))));
    let plain = enrol(Enrolment {
        authority: format!("http://{}", server.address),
        ..server.enrolment(state.path())
    });
    assert!(matches!(plain.await, Err(EnrolmentError::Address(_))));
    assert!(
        server.asked.lock().unwrap().is_empty(),
        "the claim code is shown to nobody else"
    );
}

#[tokio::test]
async fn a_certificate_for_another_key_or_another_device_is_not_installed() {
    let (other_key, is_installed) = outcome(|authority, _| {
        let request = OwnKey::generate().unwrap().request("0022EE0A0B0C").unwrap();
        granted(
            &authority
                .sign_request(&request, Purpose::Client, SystemTime::now())
                .unwrap(),
        )
    })
    .await;
    assert!(matches!(other_key, Err(EnrolmentError::OtherKey)));
    assert!(!is_installed);

    // What the device asked for is signed, but under another name.
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(|authority, request| granted(&sign(authority, request))).await;
    let asking = enrol(Enrolment {
        mac: Some("00:22:EE:00:00:01".to_owned()),
        ..server.enrolment(state.path())
    });
    let chain = asking
        .await
        .map(|enrolled| fs::read_to_string(enrolled.file).unwrap())
        .unwrap();
    let key =
        OwnKey::from_pem(&fs::read_to_string(state.path().join("certificate/device.key")).unwrap()).unwrap();
    assert!(matches!(
        judge(&chain, &key, MAC, SystemTime::now()),
        Err(EnrolmentError::OtherDevice { names, .. }) if names == ["0022EE000001"]
    ));
    let decade = Duration::from_secs(10 * 365 * 86_400);
    for time in [SystemTime::now() - decade, SystemTime::now() + decade] {
        assert!(matches!(
            judge(&chain, &key, "0022ee000001", time),
            Err(EnrolmentError::NotValid)
        ));
    }
}

#[tokio::test]
async fn an_answer_that_is_none_leaves_the_certificate_that_was_there() {
    let state = tempfile::tempdir().unwrap();
    let mut answers = 0;
    let server = Server::start(move |authority, request| {
        answers += 1;
        match answers {
            1 => granted(&sign(authority, request)),
            2 => (200, "<html>".to_owned()),
            3 => granted("-----BEGIN"),
            4 => (200, " ".repeat(ANSWER_LENGTH_MAX + 1)),
            _ => (302, String::new()),
        }
    })
    .await;
    enrol(server.enrolment(state.path())).await.unwrap();
    let before = fs::read(state.path().join("certificate/device.pem")).unwrap();

    for _ in 0..3 {
        let outcome = enrol(server.enrolment(state.path())).await;
        assert!(matches!(outcome, Err(EnrolmentError::Answer(_))));
    }
    let elsewhere = enrol(server.enrolment(state.path())).await;
    assert!(
        matches!(elsewhere, Err(EnrolmentError::Refused { .. })),
        "nobody is followed elsewhere"
    );

    assert_eq!(
        fs::read(state.path().join("certificate/device.pem")).unwrap(),
        before
    );
    assert!(has_certificate(state.path()));
}

#[tokio::test]
async fn a_name_that_is_no_hardware_address_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(|authority, request| granted(&sign(authority, request))).await;
    for wrong in [
        "",
        "0",
        "zz",
        "00:22:EE:0A:0B:0",
        "00:22:EE:0A:0B:0C:0",
        "00:00:00:00:00:00",
        "lobby 0022EE0A0B0C",
    ] {
        let enrolment = Enrolment {
            mac: Some(wrong.to_owned()),
            ..server.enrolment(state.path())
        };
        assert!(
            matches!(enrol(enrolment).await, Err(EnrolmentError::Mac(named)) if named == wrong),
            "{wrong}"
        );
    }
    assert!(server.asked.lock().unwrap().is_empty());

    for right in ["0022ee0a0b0c", "00-22-EE-0A-0B-0C"] {
        assert_eq!(hardware_address(right).as_deref(), Some(MAC));
    }
}

#[tokio::test]
async fn an_enrolment_that_ended_between_its_two_files_is_completed_by_who_reads_them() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(|authority, request| granted(&sign(authority, request))).await;
    enrol(server.enrolment(state.path())).await.unwrap();
    let file = |name: &str| state.path().join("certificate").join(name);
    let before = fs::read(file("device.pem")).unwrap();
    enrol(server.enrolment(state.path())).await.unwrap();
    let after = fs::read(file("device.pem")).unwrap();

    // The key is the second one's, the certificate the first one's.
    fs::write(file("device.pem"), before).unwrap();
    assert!(!has_certificate(state.path()));
    fs::write(file("device.pem.new"), &after).unwrap();

    assert!(has_certificate(state.path()));
    assert_eq!(fs::read(file("device.pem")).unwrap(), after);
    assert!(!file("device.pem.new").exists());
}

/// A state folder of another user, in one that everybody may enter; `None` without the rights to make one.
fn folder_of_another() -> Option<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    chown(&state, Some(SERVICE_USER), Some(SERVICE_USER)).ok()?;
    Some((folder, state))
}

/// Somebody who is not root; no such user need exist.
const SERVICE_USER: u32 = 64_321;

#[tokio::test]
async fn what_root_enrols_belongs_to_the_owner_of_the_state_folder() {
    let Some((_folder, state)) = folder_of_another() else {
        return;
    };
    let server = Server::start(|authority, request| granted(&sign(authority, request))).await;

    enrol(server.enrolment(&state)).await.unwrap();

    for name in ["certificate", "certificate/device.key", "certificate/device.pem"] {
        let metadata = fs::metadata(state.join(name)).unwrap();
        assert_eq!(
            (metadata.uid(), metadata.gid()),
            (SERVICE_USER, SERVICE_USER),
            "{name}"
        );
    }
    let made_by_root = fs::metadata(server.folder.path()).unwrap();
    assert_eq!(made_by_root.uid(), 0);
    fs::write(server.folder.path().join("root still writes"), "").unwrap();
}

#[tokio::test]
async fn links_in_a_folder_of_another_user_lead_root_nowhere() {
    let Some((folder, state)) = folder_of_another() else {
        return;
    };
    let server = Server::start(|authority, request| granted(&sign(authority, request))).await;
    let shadow = folder.path().join("shadow");
    fs::write(&shadow, "root's alone").unwrap();
    fs::set_permissions(&shadow, fs::Permissions::from_mode(0o600)).unwrap();
    let certificate = state.join("certificate");
    fs::create_dir(&certificate).unwrap();
    chown(&certificate, Some(SERVICE_USER), Some(SERVICE_USER)).unwrap();
    for name in ["device.key.pending", "device.pem.new"] {
        symlink(&shadow, certificate.join(name)).unwrap();
    }

    enrol(server.enrolment(&state)).await.unwrap();

    assert!(has_certificate(&state));
    assert_eq!(fs::read_to_string(&shadow).unwrap(), "root's alone");
    assert_eq!(fs::metadata(&shadow).unwrap().uid(), 0);

    // The folder itself is a link to one of root's.
    let etc = folder.path().join("etc");
    fs::create_dir(&etc).unwrap();
    fs::remove_dir_all(&certificate).unwrap();
    symlink(&etc, &certificate).unwrap();
    let outcome = enrol(server.enrolment(&state)).await;
    assert!(matches!(outcome, Err(EnrolmentError::Write { .. })));
    assert_eq!(fs::metadata(&etc).unwrap().uid(), 0);
    assert_eq!(fs::read_dir(&etc).unwrap().count(), 0);
}
