//! An endpoint at a service that is none of ours: Debian's Kamailio, set up like a phone cloud (`cloud/kamailio.cfg`). TLS 1.2 only, a
//! port of its own, a domain that is not the proxy's name, a wildcard certificate, authorization ids that are not the users, SDES from end
//! to end.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod names;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use audio::{Recorder, Sound, compare};
use device::{Device, DeviceReport, DeviceSetup};
use endpoint::Profile;
use endpoint::profile::Identity;
use media::sample::SampleRate;
use model::config::{Document, EndpointConfig};
use model::status::{Cause, DeviceEvent, RegistrationStatus, Shown};
use net::authority::{Authority, Purpose, Subject};
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use peers::{Account, Baresip, Media, Program, available};
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

const DOMAIN: &str = "acct.cloud.example";
const PROXY: &str = "sip01.cloud.example";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Kamailio with its files.
struct Cloud {
    _kamailio: Program,
    authority: Authority,
    folder: tempfile::TempDir,
    port: u16,
}

impl Cloud {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((LOOPBACK, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let udp_port = UdpSocket::bind((LOOPBACK, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let now = SystemTime::now();
        let authority = Authority::generate("cloud authority", now).unwrap();
        let name = Subject::Name("*.cloud.example".to_owned());
        let issued = authority.issue(&[name], Purpose::Server, now).unwrap();
        fs::write(folder.path().join("server.pem"), &issued.certificate_pem).unwrap();
        fs::write(folder.path().join("server.key"), issued.key_pem.as_bytes()).unwrap();
        let words = [
            ("@FOLDER@", folder.path().display().to_string()),
            ("@DOMAIN@", DOMAIN.to_owned()),
            ("@TLS_PORT@", port.to_string()),
            ("@UDP_PORT@", udp_port.to_string()),
            ("@ENDPOINT_ID@", "88213".to_owned()),
            ("@ENDPOINT_USER@", "7001".to_owned()),
            ("@ENDPOINT_PASSWORD@", "endpoint-secret".to_owned()),
            ("@PHONE_ID@", "77120".to_owned()),
            ("@PHONE_USER@", "2002".to_owned()),
            ("@PHONE_PASSWORD@", "phone-secret".to_owned()),
        ];
        for file in ["kamailio.cfg", "tls.cfg"] {
            let source = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/cloud")
                .join(file);
            let template = fs::read_to_string(source).unwrap();
            let text = words
                .iter()
                .fold(template, |text, (word, value)| text.replace(word, value));
            fs::write(folder.path().join(file), text).unwrap();
        }
        let run = folder.path().join("run");
        fs::create_dir(&run).unwrap();
        let kamailio = Program::start(
            Command::new("/usr/sbin/kamailio")
                .args(["-DD", "-E", "-m", "64", "-M", "8", "-f"])
                .arg(folder.path().join("kamailio.cfg"))
                .arg("-Y")
                .arg(run),
        );
        Self {
            _kamailio: kamailio,
            authority,
            folder,
            port,
        }
    }

    fn configuration(&self, password: &str) -> String {
        format!(
            "sip.proxy = {DOMAIN}\nsip.obproxy = {PROXY}:{}\nsip.transp = tls\nsip.srtp = standard\nsip.srtp.suite = all\n\
             sip.u1.user = 7001\nsip.u1.auth = 88213\nsip.u1.pwd = {password}\n",
            self.port
        )
    }

    fn recordings(&self) -> PathBuf {
        self.folder.path().join("recordings")
    }

    /// Starts an endpoint from the text of a configuration file.
    async fn endpoint(&self, configuration: &str) -> Device {
        let document = Document::parse(configuration).unwrap();
        let config = EndpointConfig::from_document(&document).unwrap();
        let identity = Identity {
            device: "lobby".parse().unwrap(),
            user_agent: "Oyez-Endpoint/test".to_owned(),
            instance: None,
        };
        let rate = SampleRate::Hz48000;
        let trust = Trust::Authorities(vec![self.authority.certificate().clone()]);
        Device::start(DeviceSetup {
            profile: Profile::from_config(&config, identity, rate),
            tls: ClientTls::new(ClientTlsConfig {
                trust,
                minimum: MinimumVersion::Tls12,
                identity: None,
            })
            .unwrap(),
            resolver: Resolver::with_name_servers(&[names::serve(PROXY, Ipv4Addr::LOCALHOST)]).unwrap(),
            bind: SocketAddr::new(LOOPBACK, 0),
            sink: Box::new(Recorder::new(&self.recordings(), "lobby", rate.hertz()).unwrap()),
            control: None,
        })
        .await
        .unwrap()
    }
}

/// The first status of the only slot that satisfies `wanted`.
async fn registration(device: &Device, wanted: fn(&RegistrationStatus) -> bool) -> RegistrationStatus {
    let mut reports = device.subscribe();
    let found = timeout(PATIENCE, async {
        let status = device.status().await.unwrap().slots.remove(0).registration;
        if wanted(&status) {
            return status;
        }
        loop {
            if let DeviceReport::Event(DeviceEvent::RegistrationChanged { registration, .. }, _) =
                reports.recv().await.unwrap()
                && wanted(&registration)
            {
                return registration;
            }
        }
    });
    let found = found.await;
    assert!(found.is_ok(), "no such status; it is {:?}", device.status().await);
    found.unwrap()
}

async fn recording(reports: &mut Receiver<DeviceReport>) -> PathBuf {
    timeout(PATIENCE, async {
        loop {
            if let DeviceReport::Recorded(file) = reports.recv().await.unwrap() {
                return file;
            }
        }
    })
    .await
    .unwrap()
}

/// The program's own spoken page as the phone's codec takes it.
fn speech(folder: &Path) -> (Sound, PathBuf) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oyez/assets/page.wav");
    let sound = Sound::open(&page, 8_000).unwrap();
    let file = folder.join("speech.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&file, spec).unwrap();
    sound
        .samples
        .iter()
        .for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    (sound, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_registers_at_the_cloud_and_is_paged_through_it() {
    if !available(&["kamailio", "baresip"]) {
        return;
    }
    let cloud = Cloud::start();
    let device = cloud.endpoint(&cloud.configuration("endpoint-secret")).await;
    let mut reports = device.subscribe();
    let status = registration(&device, |status| status.shown == Shown::Successful).await;
    assert_eq!(status.target.unwrap().transport, "TLS");
    let (sound, file) = speech(cloud.folder.path());
    let outbound = format!("sip:127.0.0.1:{};transport=tls", cloud.port);

    tokio::task::spawn_blocking(move || {
        let account = Account {
            user: "2002",
            authorization_id: "77120",
            password: "phone-secret",
            domain: DOMAIN,
            outbound: Some(&outbound),
            transport: "tls",
            authority: None,
            media: Media::SecurePcmu,
        };
        let mut phone = Baresip::start(&account, LOOPBACK, &file);
        phone.dial("7001");
        phone.wait_until_closed(PATIENCE);
    })
    .await
    .unwrap();

    let recorded = Sound::open(&recording(&mut reports).await, 0).unwrap();
    let lag = Duration::from_millis(20);
    let found = compare(
        (&sound.samples, sound.rate),
        (&recorded.samples, recorded.rate),
        lag,
    )
    .unwrap();
    println!(
        "paged through the cloud: correlation {:.4}, beginning {:+.2} dB",
        found.median(),
        found.beginning_db
    );
    assert!(
        found.median() >= 0.95 && found.beginning_db.abs() <= 1.0,
        "{found:?}"
    );
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_rejected_by_the_cloud_and_says_so() {
    if !available(&["kamailio"]) {
        return;
    }
    let cloud = Cloud::start();
    let device = cloud.endpoint(&cloud.configuration("wrong")).await;
    let status = registration(&device, |status| status.shown == Shown::RejectedByServer).await;
    assert_eq!(status.cause, Some(Cause::ChallengedAgain { status: 401 }));
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_extension_is_forbidden_by_the_cloud() {
    if !available(&["kamailio"]) {
        return;
    }
    let cloud = Cloud::start();
    let configuration = cloud
        .configuration("endpoint-secret")
        .replace("user = 7001", "user = 7002");
    let device = cloud.endpoint(&configuration).await;
    let status = registration(&device, |status| status.shown == Shown::RejectedByServer).await;
    assert_eq!(status.cause, Some(Cause::Forbidden));
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_named_as_the_cause() {
    if !available(&["kamailio"]) {
        return;
    }
    let cloud = Cloud::start();
    let configuration = cloud.configuration("endpoint-secret").replace(PROXY, "127.0.0.1");
    let device = cloud.endpoint(&configuration).await;
    let status = registration(&device, |status| {
        matches!(status.cause, Some(Cause::TlsName { .. }))
    })
    .await;
    assert_eq!(status.shown, Shown::NoReplyFromServer);
    device.stop().await;
}
