//! A running device at a server that does not serve it: what its status says, and that it recovers by itself.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod names;
mod server;

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use audio::{NullSink, Recorder, Sink};
use device::{Device, DeviceReport, DeviceSetup};
use endpoint::profile::Identity;
use endpoint::{Profile, RecoveryTimes};
use media::sample::SampleRate;
use model::config::{Document, EndpointConfig};
use model::status::{Cause, CertificateFault, DeviceEvent, DeviceStatus, RegistrationStatus, Shown};
use net::authority::{Authority, CERTIFICATE_VALIDITY, Subject};
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use tokio::time::timeout;

use names::NameServer;
use server::{Impostor, LOOPBACK, Manner, Server, identity};

const PATIENCE: Duration = Duration::from_secs(60);
const RATE: SampleRate = SampleRate::Hz48000;
/// Waits after a failure: short, since a test waits for them.
const RECOVERY: RecoveryTimes = RecoveryTimes {
    base_all_failed: Duration::from_millis(50),
    base_some_up: Duration::from_millis(50),
    max: Duration::from_millis(200),
};

/// Where a device and its server meet.
struct Site {
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        Self {
            authority: Authority::generate("test authority", SystemTime::now()).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn identity(&self) -> net::tls::Identity {
        identity(&self.authority, Subject::Address(LOOPBACK), SystemTime::now())
    }

    fn server(&self, manner: Manner) -> Server {
        Server::start(0, &self.identity(), manner)
    }

    async fn device(&self, server: SocketAddr) -> Device {
        self.device_with(
            &server.to_string(),
            MinimumVersion::Tls12,
            None,
            Box::new(NullSink),
        )
        .await
    }

    async fn device_with(
        &self,
        server: &str,
        minimum: MinimumVersion,
        name_server: Option<SocketAddr>,
        sink: Box<dyn Sink>,
    ) -> Device {
        let text = format!(
            "sip.proxy = example.test\nsip.obproxy = {server}\nsip.transp = tls\nsip.srtp = standard\n\
             sip.u1.user = 7001\nsip.u1.pwd = secret\n"
        );
        let config = EndpointConfig::from_document(&Document::parse(&text).unwrap()).unwrap();
        let identity = Identity {
            device: "lobby".parse().unwrap(),
            user_agent: "Oyez-Endpoint/test".to_owned(),
            instance: None,
        };
        let mut profile = Profile::from_config(&config, identity, RATE);
        profile.times.registration.recovery = RECOVERY;
        profile.times.registration.refused = RECOVERY;
        profile.times.uplink.recovery = RECOVERY;
        let trust = Trust::Authorities(vec![self.authority.certificate().clone()]);
        let nobody = SocketAddr::new(LOOPBACK, 9);
        Device::start(DeviceSetup {
            profile,
            tls: ClientTls::new(ClientTlsConfig {
                trust,
                minimum,
                identity: None,
                ..ClientTlsConfig::default()
            })
            .unwrap(),
            resolver: Resolver::with_name_servers(&[name_server.unwrap_or(nobody)]).unwrap(),
            bind: SocketAddr::new(LOOPBACK, 0),
            sink,
            microphone: None,
            control: Some(self.folder.path().join("control")),
        })
        .await
        .unwrap()
    }

    /// Waits for a status and compares it with what `oyez-endpoint status --json` prints.
    async fn shows(&self, device: &Device, shown: Shown, cause: Option<Cause>) {
        let wanted = |status: &RegistrationStatus| status.shown == shown && status.cause == cause;
        let control = self.folder.path().join("control");
        let mut reports = device.subscribe();
        let found = timeout(PATIENCE, async {
            loop {
                let line = net::control::ask_status(&control).await.unwrap();
                let status: DeviceStatus = serde_json::from_str(&line).unwrap();
                if wanted(&status.slots[0].registration) {
                    return;
                }
                // A status changes with an event; what happened between the two is still to be received.
                while !matches!(
                    reports.recv().await.unwrap(),
                    DeviceReport::Event(DeviceEvent::RegistrationChanged { .. }, _)
                ) {}
            }
        });
        let is_found = found.await.is_ok();
        assert!(is_found, "not {shown:?} {cause:?}: {:?}", device.status().await);
    }

    async fn recovers(&self, device: &Device) {
        self.shows(device, Shown::Successful, None).await;
    }
}

#[tokio::test]
async fn an_expired_certificate_is_named_until_it_is_renewed() {
    let site = Site::new();
    let long_ago = SystemTime::now() - CERTIFICATE_VALIDITY - Duration::from_secs(3_600);
    let expired = identity(&site.authority, Subject::Address(LOOPBACK), long_ago);
    let server = Server::start(0, &expired, Manner::Accepts);
    let device = site.device(server.address).await;
    let fault = CertificateFault::Expired;
    site.shows(
        &device,
        Shown::NoReplyFromServer,
        Some(Cause::TlsCertificate { fault }),
    )
    .await;

    server.renew(&site.identity());

    site.recovers(&device).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_named_until_it_is_replaced() {
    let site = Site::new();
    let other = Subject::Name("other.test".to_owned());
    let server = Server::start(
        0,
        &identity(&site.authority, other, SystemTime::now()),
        Manner::Accepts,
    );
    let device = site.device(server.address).await;
    let expected = "127.0.0.1".to_owned();
    site.shows(
        &device,
        Shown::NoReplyFromServer,
        Some(Cause::TlsName { expected }),
    )
    .await;

    server.renew(&site.identity());

    site.recovers(&device).await;
}

#[tokio::test]
async fn a_server_that_refuses_the_tls_version_is_named_until_it_knows_it() {
    let site = Site::new();
    // A fatal protocol_version alert: what a server without TLS 1.3 says to a client that knows nothing older.
    let old = Impostor::start(Some(b"\x15\x03\x03\x00\x02\x02\x46")).await;
    let address = old.address;
    let device = site
        .device_with(
            &address.to_string(),
            MinimumVersion::Tls13,
            None,
            Box::new(NullSink),
        )
        .await;
    site.shows(&device, Shown::NoReplyFromServer, Some(Cause::TlsVersion))
        .await;

    old.stop().await;
    let _server = Server::start(address.port(), &site.identity(), Manner::Accepts);

    site.recovers(&device).await;
}

#[tokio::test]
async fn a_port_that_accepts_and_says_nothing_is_named_until_a_server_has_it() {
    let site = Site::new();
    let silent = Impostor::start(None).await;
    let address = silent.address;
    let device = site.device(address).await;
    site.shows(&device, Shown::NoReplyFromServer, Some(Cause::TlsHandshake))
        .await;

    silent.stop().await;
    let _server = Server::start(address.port(), &site.identity(), Manner::Accepts);

    site.recovers(&device).await;
}

#[tokio::test]
async fn what_a_registrar_answers_is_shown_until_it_accepts() {
    let retry = Cause::RetryAfter {
        status: 503,
        retry_after_s: 1,
    };
    for (manner, shown, cause) in [
        (
            Manner::Challenges,
            Shown::RejectedByServer,
            Cause::ChallengedAgain { status: 401 },
        ),
        (
            Manner::Answers(403, None),
            Shown::RejectedByServer,
            Cause::Forbidden,
        ),
        (
            Manner::Answers(404, None),
            Shown::RejectedByServer,
            Cause::NotFound,
        ),
        (
            Manner::Answers(503, Some(("Retry-After", "1"))),
            Shown::NoReplyFromServer,
            retry,
        ),
    ] {
        let site = Site::new();
        let server = site.server(manner);
        let device = site.device(server.address).await;
        site.shows(&device, shown, Some(cause)).await;

        server.behave(Manner::Accepts);

        site.recovers(&device).await;
    }
}

#[tokio::test]
async fn a_lifetime_that_is_too_brief_is_lengthened_at_once() {
    let site = Site::new();
    let server = site.server(Manner::WantsAtLeast(7_200));
    let device = site.device(server.address).await;

    site.recovers(&device).await;

    assert_eq!(server.asked(), [3_600, 7_200]);
}

#[tokio::test]
async fn a_name_server_that_fails_is_named_until_it_answers() {
    let site = Site::new();
    let name = "sip.example.test".to_owned();
    let certified = Subject::Name(name.clone());
    let server = Server::start(
        0,
        &identity(&site.authority, certified, SystemTime::now()),
        Manner::Accepts,
    );
    let names = NameServer::start().await;
    let at = format!("{name}:{}", server.address.port());
    let device = site
        .device_with(
            &at,
            MinimumVersion::Tls12,
            Some(names.address),
            Box::new(NullSink),
        )
        .await;
    site.shows(&device, Shown::NoReplyFromServer, Some(Cause::DnsFailed { name }))
        .await;

    names.mend();

    site.recovers(&device).await;
}

#[tokio::test]
async fn a_server_that_is_restarted_is_missed_and_found_again() {
    let site = Site::new();
    let server = site.server(Manner::Accepts);
    let address = server.address;
    let device = site.device(address).await;
    site.recovers(&device).await;

    server.stop().await;
    site.shows(&device, Shown::NoReplyFromServer, Some(Cause::TcpRefused))
        .await;
    let _server = Server::start(address.port(), &site.identity(), Manner::Accepts);

    site.recovers(&device).await;
}

#[tokio::test]
async fn a_page_into_a_folder_that_has_gone_is_not_heard_and_the_next_one_may_be() {
    let site = Site::new();
    let recordings = site.folder.path().join("recordings");
    let recorder = Recorder::new(&recordings, "lobby", RATE.hertz()).unwrap();
    let server = site.server(Manner::Accepts);
    let device = site
        .device_with(
            &server.address.to_string(),
            MinimumVersion::Tls12,
            None,
            Box::new(recorder),
        )
        .await;
    site.recovers(&device).await;

    std::fs::remove_dir_all(&recordings).unwrap();
    assert!(!server.page().await.sink_healthy);
    std::fs::create_dir(&recordings).unwrap();

    assert!(server.page().await.sink_healthy);
}
