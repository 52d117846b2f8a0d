//! An endpoint at a service that is none of ours: Debian's Kamailio, set up like a phone cloud (`cloud/kamailio.cfg`). TLS 1.2 only, a
//! port of its own, a domain that is not the proxy's name, a wildcard certificate, authorization ids that are not the users, SDES from end
//! to end.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod caller;
mod cloud;
mod names;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use audio::{FileMicrophone, Microphone, Recorder, Sound, compare};
use device::{Device, DeviceReport, DeviceSetup};
use endpoint::Profile;
use endpoint::profile::Identity;
use media::sample::SampleRate;
use model::config::{Document, EndpointConfig};
use model::status::{Cause, DeviceEvent, RegistrationStatus, Shown, SinkHealth, SoundClass};
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use peers::available;
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use crate::caller::{phone, speech, write_wave};
use crate::cloud::{Cloud, DOMAIN, LOOPBACK, PROXY};

const PATIENCE: Duration = Duration::from_secs(60);

impl Cloud {
    fn configuration(&self, password: &str) -> String {
        format!(
            "sip.proxy = {DOMAIN}\nsip.obproxy = {PROXY}:{}\nsip.transp = tls\nsip.srtp = standard\nsip.srtp.suite = all\n\
             sip.u1.user = 7001\nsip.u1.auth = 88213\nsip.u1.pwd = {password}\naudio.agc.use = 0\n",
            self.port
        )
    }

    fn recordings(&self) -> PathBuf {
        self.folder.path().join("recordings")
    }

    /// Starts an endpoint from the text of a configuration file.
    async fn endpoint(&self, configuration: &str) -> Device {
        self.endpoint_hearing(configuration, None).await
    }

    /// The same with a microphone.
    async fn endpoint_hearing(&self, configuration: &str, microphone: Option<Box<dyn Microphone>>) -> Device {
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
                ..ClientTlsConfig::default()
            })
            .unwrap(),
            resolver: Resolver::with_name_servers(&[names::serve(PROXY, Ipv4Addr::LOCALHOST)]).unwrap(),
            bind: SocketAddr::new(LOOPBACK, 0),
            sink: Box::new(Recorder::new(&self.recordings(), "lobby", rate.hertz()).unwrap()),
            microphone,
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

/// The importance of what sounds next.
async fn started(reports: &mut Receiver<DeviceReport>) -> SoundClass {
    timeout(PATIENCE, async {
        loop {
            if let DeviceReport::Event(DeviceEvent::Started { sounding }, _) = reports.recv().await.unwrap() {
                return sounding.class;
            }
        }
    })
    .await
    .unwrap()
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

/// Asserts that the next recording holds what was said.
#[expect(clippy::print_stdout, reason = "the figures are for whoever runs it")]
async fn assert_recorded(what: &str, said: &Sound, reports: &mut Receiver<DeviceReport>) {
    let recorded = Sound::open(&recording(reports).await, 0).unwrap();
    let lag = Duration::from_millis(20);
    let found = compare(
        (&said.samples, said.rate),
        (&recorded.samples, recorded.rate),
        lag,
    )
    .unwrap();
    println!("{what}: correlation {:.4}", found.median());
    assert!(found.median() >= 0.95, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_registers_at_the_cloud_and_is_paged_through_it() {
    if !available(&["kamailio", "baresip"]) {
        return;
    }
    let cloud = Cloud::start(&[]);
    let device = cloud.endpoint(&cloud.configuration("endpoint-secret")).await;
    let mut reports = device.subscribe();
    let status = registration(&device, |status| status.shown == Shown::Successful).await;
    assert_eq!(status.target.unwrap().transport, "TLS");
    let (sound, file) = speech(cloud.folder.path(), 10);
    let port = cloud.port;

    tokio::task::spawn_blocking(move || {
        let mut phone = phone(port, &file);
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
async fn a_phone_of_the_cloud_talks_with_the_room_of_an_endpoint() {
    if !available(&["kamailio", "baresip"]) {
        return;
    }
    let cloud = Cloud::start(&[]);
    let (said, file) = speech(cloud.folder.path(), 10);
    // The phone speaks, and then the room answers: the same sentence, after as much silence as the sentence takes.
    let silence = vec![0; said.samples.len()];
    write_wave(&file, &[said.samples.as_slice(), &silence].concat());
    let room = cloud.folder.path().join("room.wav");
    write_wave(&room, &[silence.as_slice(), &said.samples].concat());
    let microphone: Box<dyn Microphone> = Box::new(FileMicrophone::new(&room, 48_000));
    let configuration = cloud.configuration("endpoint-secret") + "audio.page.mode = 2\n";
    let device = cloud.endpoint_hearing(&configuration, Some(microphone)).await;
    let mut reports = device.subscribe();
    registration(&device, |status| status.shown == Shown::Successful).await;
    assert_eq!(
        device.status().await.unwrap().microphone.health,
        SinkHealth::Healthy
    );
    let port = cloud.port;

    let heard = tokio::task::spawn_blocking(move || {
        let mut phone = phone(port, &file);
        phone.dial("7001");
        phone.wait_until_closed(PATIENCE);
        Sound::open(&phone.heard(), 8_000).unwrap()
    })
    .await
    .unwrap();

    let class = started(&mut reports).await;
    assert_eq!(class, SoundClass::TwoWayCall);
    let recorded = Sound::open(&recording(&mut reports).await, 0).unwrap();
    let lag = Duration::from_millis(20);
    let there = compare((&said.samples, 8_000), (&recorded.samples, recorded.rate), lag).unwrap();
    let back = compare((&said.samples, 8_000), (&heard.samples, heard.rate), lag).unwrap();
    println!(
        "a two-way call: the room hears the phone with a correlation of {:.4}, the phone the room with {:.4}",
        there.median(),
        back.median()
    );
    assert!(there.median() >= 0.95, "{there:?}");
    assert!(back.median() >= 0.9, "{back:?}");
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_of_the_cloud_keys_in_the_passcode_of_a_page() {
    if !available(&["kamailio", "baresip"]) {
        return;
    }
    let cloud = Cloud::start(&[]);
    let (said, file) = speech(cloud.folder.path(), 10);
    // Time for the keys, in which nobody speaks.
    let silence = vec![0; said.samples.len()];
    write_wave(&file, &[silence.as_slice(), &said.samples].concat());
    let passcode = "dtmfpc.page.use = 1\ndtmfpc.page.code = 47*1\naudio.page.tone = None\n";
    let device = cloud
        .endpoint(&(cloud.configuration("endpoint-secret") + passcode))
        .await;
    let mut reports = device.subscribe();
    registration(&device, |status| status.shown == Shown::Successful).await;
    let port = cloud.port;

    tokio::task::spawn_blocking(move || {
        let mut phone = phone(port, &file);
        phone.dial("7001");
        phone.press("47*1");
        phone.wait_until_closed(PATIENCE);
    })
    .await
    .unwrap();

    assert_eq!(started(&mut reports).await, SoundClass::Page);
    assert_recorded("a page behind its passcode", &said, &mut reports).await;
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_of_the_cloud_leaves_a_delayed_page() {
    if !available(&["kamailio", "baresip"]) {
        return;
    }
    let cloud = Cloud::start(&[]);
    let delayed = "audio.page.mode = 3\naudio.page.tone = None\n";
    let device = cloud
        .endpoint(&(cloud.configuration("endpoint-secret") + delayed))
        .await;
    let mut reports = device.subscribe();
    registration(&device, |status| status.shown == Shown::Successful).await;
    let (said, file) = speech(cloud.folder.path(), 10);
    let port = cloud.port;

    tokio::task::spawn_blocking(move || {
        let mut phone = phone(port, &file);
        phone.dial("7001");
        phone.wait_until_closed(PATIENCE);
    })
    .await
    .unwrap();

    assert_eq!(started(&mut reports).await, SoundClass::Page);
    assert_recorded("a delayed page", &said, &mut reports).await;
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_rejected_by_the_cloud_and_says_so() {
    if !available(&["kamailio"]) {
        return;
    }
    let cloud = Cloud::start(&[]);
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
    let cloud = Cloud::start(&[]);
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
    let cloud = Cloud::start(&[]);
    let configuration = cloud.configuration("endpoint-secret").replace(PROXY, "127.0.0.1");
    let device = cloud.endpoint(&configuration).await;
    let status = registration(&device, |status| {
        matches!(status.cause, Some(Cause::TlsName { .. }))
    })
    .await;
    assert_eq!(status.shown, Shown::NoReplyFromServer);
    device.stop().await;
}
