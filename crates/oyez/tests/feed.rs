//! A zone in a process of its own that learns its directory from a service, as docs/zone.md and docs/service.md tell it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use fleet::ears::Ears;
use fleet::link::{Channel, Link};
use fleet::listener::{Listener, Tally};
use fleet::registrant::Registrant;
use fleet::talker::{CallOptions, PACKET_OCTETS, Talker, TalkerSetup};
use media::sdp::SecurityOffer;
use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    CountryCode, Description, Device, DeviceType, DisplayName, Holder, HolderId, HolderKind, Line, LineId,
    LinePlace, MacAddress, TimeZone, Timestamp, Webhook, WebhookEvents, WebhookId, WebhookState,
};
use model::{DeviceId, Secret, SlotKind, SlotPosition};
use net::authority::{AuthorityDirectory, Purpose, Subject};
use net::tls::{ClientTls, ClientTlsConfig, Identity, Trust, certificates_from_file};
use oyez::service::Service;
use oyez::service::config::ServiceConfig;
use peers::Program;
use registrations::{Registration, ZoneLink};
use store::Placing;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the service of a folder; its feed listens on a port.
async fn service(folder: &Path, port: u16) -> Service {
    let file = folder.join("service.toml");
    let text = format!(
        "state = \"state\"\n[portal]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
         [provisioning]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
         [account]\nid = \"acme\"\nname = \"Acme\"\ndomain = \"pbx.example.com\"\nowner = \"me@example.com\"\n\
         [feed]\nlisten = \"127.0.0.1:{port}\"\naddress = \"127.0.0.1\"\nzones = [\"b\"]\n\
         [zone]\noutbound-proxy = \"127.0.0.1\"\n"
    );
    fs::write(&file, text).unwrap();
    let config = ServiceConfig::read(&file).unwrap();
    Service::start(&config, None).await.unwrap()
}

/// A zone as a process, and where it listens.
struct Zone {
    program: Program,
    address: SocketAddr,
}

impl Zone {
    fn start(folder: &Path, feed: SocketAddr) -> Self {
        let file = folder.join("zone.toml");
        let text = format!(
            "name = \"b\"\ncontrol = \"zone.sock\"\n[listen]\nudp = [\"127.0.0.1:0\"]\n\
             [media]\nplain = \"over-clear-flows\"\n\
             [service]\nfeed = \"{feed}\"\nidentity = \"state/zones/zone-b.pem\"\n"
        );
        fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
        command
            .args(["zone", "--config", "zone.toml"])
            .current_dir(folder)
            .env("OYEZ_LOG", "info");
        let mut program = Program::start(&mut command);
        let line = program.wait_for(&["listening on"], PATIENCE);
        let address = line.split_whitespace().nth(2).unwrap().parse().unwrap();
        Self { program, address }
    }

    /// Waits until another directory is live: what is told before that has only come.
    fn changed(&mut self) {
        self.program.wait_for(&["the directory was read"], PATIENCE);
    }

    async fn takes(&self, user: &str, password: &str) -> bool {
        let source = self.address.ip();
        let mut link = Link::open_udp(self.address, source).await.unwrap();
        let mut registrant = Registrant::new("pbx.example.com", user, password);
        registrant.register(&mut link).await.is_ok()
    }
}

/// Adds a loudspeaker with an extension; its user is `speaker` with the number.
async fn add_speaker(service: &Service, number: u8) {
    add_slot(service, number, SlotPosition::BASE_PAGE).await;
}

/// What [`add_slot`] adds.
fn room(number: u8, position: SlotPosition) -> (Holder, Device, Line) {
    let holder = Holder {
        id: HolderId::from_random(number.into()),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Hall").unwrap(),
        extension: (700 + u16::from(number)).to_string().parse().unwrap(),
        package: String::new(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    };
    let device = Device {
        id: DeviceId::from_random(number.into()),
        name: DisplayName::new("Loudspeaker").unwrap(),
        description: Description::new("").unwrap(),
        mac: MacAddress::new([2, 0, 0, 0, 0, number]),
        kind: DeviceType::Oyez,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    };
    let line = Line {
        id: LineId::from_random(number.into()),
        device: device.id.clone(),
        place: LinePlace::Slot(position),
        holder: holder.id.clone(),
        user: format!("speaker{number}").parse().unwrap(),
        authorization_id: format!("speaker{number}").parse().unwrap(),
        algorithm: DigestAlgorithm::Sha256,
        generation: Generation(1),
        password: Secret::new(format!("a long password {number}")),
    };
    (holder, device, line)
}

async fn add_slot(service: &Service, number: u8, position: SlotPosition) {
    let (holder, device, line) = room(number, position);
    let mut writing = service.store().write().await.unwrap();
    let mut scope = writing.account(&service.account().id);
    scope.add_holder(&holder).await.unwrap();
    scope.add_device(&device).await.unwrap();
    scope.add_line(&line).await.unwrap();
    writing.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_comes_to_a_zone_elsewhere_which_serves_on_and_starts_without_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let running = service(folder.path(), 0).await;
    let feed = running.feed().unwrap();
    let mut zone = Zone::start(folder.path(), feed);
    assert!(!zone.takes("speaker1", "a long password 1").await);
    let copy = || fs::read(folder.path().join("directory.sealed")).ok();
    until("there is a copy", async || copy().is_some()).await;
    let before = copy();

    add_speaker(&running, 1).await;
    while !zone.takes("speaker1", "a long password 1").await {
        zone.changed();
    }
    assert!(!zone.takes("speaker1", "another password").await);
    // It is written once the change is live.
    until("the copy has the change", async || copy() != before).await;

    running.stop().await;
    zone.program.wait_for(&["the service is not there"], PATIENCE);
    assert!(zone.takes("speaker1", "a long password 1").await);
    drop(zone);
    let mut zone = Zone::start(folder.path(), feed);
    assert!(zone.takes("speaker1", "a long password 1").await);

    let running = service(folder.path(), feed.port()).await;
    add_speaker(&running, 2).await;
    while !zone.takes("speaker2", "a long password 2").await {
        zone.changed();
    }
    for name in ["directory.sealed", "directory.sealed.key"] {
        let octets = fs::read(folder.path().join(name)).unwrap();
        assert!(!octets.windows(8).any(|part| part == b"speaker1"), "{name}");
    }
}

/// Waits until the portal's own knowledge is so; how long that took.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
    begun.elapsed()
}

fn is_registered(service: &Service, user: &str) -> bool {
    let known = service.registrations().of(user);
    matches!(known, Some(Registration::Registered { at: Some(at), .. }) if at.zone == "b" && at.lost_since.is_none())
}

async fn reports(service: &Service) -> usize {
    let mut reading = service.store().read().await.unwrap();
    let mut scope = reading.account(&service.account().id);
    scope.page_reports(None, 10).await.unwrap().len()
}

fn webhook() -> WebhookId {
    WebhookId::from_random(1)
}

/// Adds a program that is told of pages once it has been looked at: what it is told waits until then.
async fn add_webhook(service: &Service) {
    let hook = Webhook {
        id: webhook(),
        url: "https://hooks.example.com/".parse().unwrap(),
        events: WebhookEvents::new(["oyez.page_ended", "oyez.page_started", "phone.emergency_alert"])
            .unwrap(),
        shows_passwords: false,
        secret: Some(Secret::from("a secret token")),
        state: WebhookState::Stopped,
        because: String::new(),
        failures: 0,
        dropped: 0,
        added_at: Timestamp(0),
    };
    let mut writing = service.store().write().await.unwrap();
    let mut scope = writing.account(&service.account().id);
    assert!(scope.add_webhook(&hook).await.unwrap());
    writing.commit().await.unwrap();
}

/// What waits for it.
async fn webhook_messages(service: &Service) -> Vec<&'static str> {
    let mut reading = service.store().read().await.unwrap();
    let mut scope = reading.account(&service.account().id);
    let waiting = scope.webhook_deliveries(&webhook(), 9).await.unwrap();
    waiting.iter().map(|one| one.event.as_str()).collect()
}

/// Pages an extension through the zone, with two packets of silence; says whether it was answered.
async fn page(zone: &Zone, user: &str, password: &str, extension: &str) -> bool {
    let mut talker = Talker::connect(TalkerSetup {
        server: zone.address,
        channel: Channel::Udp,
        domain: "pbx.example.com".to_owned(),
        user: user.to_owned(),
        authorization_id: user.to_owned(),
        password: password.into(),
    })
    .await
    .unwrap();
    talker.register().await.unwrap();
    let options = CallOptions {
        security: SecurityOffer::Disabled,
        ..CallOptions::default()
    };
    let Ok(mut call) = talker.call(extension, &options).await else {
        return false;
    };
    call.speak(&[0xff; 2 * PACKET_OCTETS]).await.unwrap();
    call.hang_up().await.unwrap();
    true
}

/// Registers a loudspeaker that answers calls.
async fn listen(zone: &Zone, ears: &Ears) {
    let link = Link::open_udp(zone.address, zone.address.ip()).await.unwrap();
    let registrant = Registrant::new("pbx.example.com", "speaker1", "a long password 1");
    let mut listener = Listener::new(0, registrant, link, *ears.addresses().first().unwrap(), [2; 32]);
    listener.register().await.unwrap();
    tokio::spawn(async move { listener.serve(&Tally::new(1)).await });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portal_knows_who_is_registered_at_a_zone_elsewhere_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = service(folder.path(), 0).await;
    let feed = running.feed().unwrap();
    add_speaker(&running, 1).await;
    let mut zone = Zone::start(folder.path(), feed);
    until("the zone is connected", async || {
        let zones = running.registrations().zones();
        zones
            .iter()
            .any(|zone| matches!(zone.link, ZoneLink::Connected { .. }) && zone.epoch.is_some())
    })
    .await;
    let ears = Ears::open(1, zone.address.ip()).unwrap();
    listen(&zone, &ears).await;
    let took = until("it is registered", async || is_registered(&running, "speaker1")).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    add_slot(&running, 3, SlotPosition::new(SlotKind::Alert, 1).unwrap()).await;
    add_speaker(&running, 2).await;
    until("the zone knows of all", async || {
        zone.takes("speaker2", "a long password 2").await
    })
    .await;
    add_webhook(&running).await;
    assert!(page(&zone, "speaker2", "a long password 2", "701").await);
    until("the page is reported", async || reports(&running).await == 1).await;
    assert_eq!(
        webhook_messages(&running).await,
        ["oyez.page_ended", "oyez.page_started"]
    );

    // While the store takes nothing, who is registered is told all the same.
    for number in [5, 6] {
        add_speaker(&running, number).await;
    }
    until("the zone knows of the last", async || {
        zone.takes("speaker6", "a long password 6").await
    })
    .await;
    let writing = running.store().write().await.unwrap();
    assert!(page(&zone, "speaker2", "a long password 2", "701").await);
    for _ in 0..2 {
        zone.program.wait_for(&["page to 701 ended"], PATIENCE);
    }
    assert!(zone.takes("speaker5", "a long password 5").await);
    until("it is known of another", async || {
        is_registered(&running, "speaker5")
    })
    .await;
    assert_eq!(reports(&running).await, 1);
    drop(writing);
    until("the page is reported", async || reports(&running).await == 2).await;
    until("it is told", async || webhook_messages(&running).await.len() == 4).await;

    running.stop().await;
    assert!(page(&zone, "speaker2", "a long password 2", "701").await);
    assert!(
        !page(&zone, "speaker2", "a long password 2", "703").await,
        "nobody is there to sound it"
    );
    let running = service(folder.path(), feed.port()).await;
    until("the page without the service is reported", async || {
        reports(&running).await == 3
    })
    .await;
    let mut messages = webhook_messages(&running).await;
    messages.sort_unstable();
    assert_eq!(
        messages,
        [
            "oyez.page_ended",
            "oyez.page_ended",
            "oyez.page_ended",
            "oyez.page_started",
            "oyez.page_started",
            "oyez.page_started",
            "phone.emergency_alert"
        ]
    );
    until("it is still registered", async || {
        is_registered(&running, "speaker1")
    })
    .await;
    // Whoever has gone meanwhile without a word counts for as long as the zone has not noticed.
    let zones = running.registrations().zones();
    assert!(zones.iter().all(|zone| zone.registered >= 2));
    assert!(is_registered(&running, "speaker2"));
    drop(zone);
    until("the zone is gone", async || {
        let zones = running.registrations().zones();
        zones
            .iter()
            .all(|zone| matches!(zone.link, ZoneLink::Lost { .. }))
    })
    .await;
    assert!(!is_registered(&running, "speaker1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_no_zone_of_the_file_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = service(folder.path(), 0).await;
    let address = running.feed().unwrap();
    let now = SystemTime::now();
    let trusted = certificates_from_file(&folder.path().join("state/zones/authority.pem")).unwrap();
    let issued = |authority: &str, name: &str| {
        let authority = AuthorityDirectory::open(&folder.path().join(authority), "Test", now).unwrap();
        let subjects = [Subject::Name(name.to_owned())];
        authority.identity(name, &subjects, Purpose::Client, now).unwrap()
    };
    let strangers: [(&str, Option<Identity>); 5] = [
        ("a device of this service", Some(issued("state/authority", "b"))),
        ("a zone that is not in the file", Some(issued("state/zones", "c"))),
        (
            "a zone with another file than its own",
            Some(issued("state/zones", "b")),
        ),
        ("a zone of another service", Some(issued("elsewhere", "b"))),
        ("nobody", None),
    ];
    for (who, identity) in strangers {
        let tls = ClientTls::new(ClientTlsConfig {
            trust: Trust::Authorities(trusted.clone()),
            identity,
            ..ClientTlsConfig::default()
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let name = address.ip().to_string().try_into().unwrap();
        let connected = TlsConnector::from(tls.unwrap().config())
            .connect(name, stream)
            .await;
        let told = match connected {
            // Refused at the end of the handshake, which a client of TLS 1.3 learns when it reads.
            Ok(mut stream) => {
                let hello = feed::encode(&feed::Message::Hello {
                    holds: None,
                    tells: false,
                })
                .unwrap();
                let _sent = stream.write_all(&hello).await.is_ok();
                stream.read(&mut [0; 64]).await.unwrap_or_default()
            }
            Err(_) => 0,
        };
        assert_eq!(told, 0, "{who}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_of_a_later_version_is_heard_on_behind_what_is_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let running = service(folder.path(), 0).await;
    let address = running.feed().unwrap();
    let file = folder.path().join("state/zones/zone-b.pem");
    let trusted = certificates_from_file(&folder.path().join("state/zones/authority.pem")).unwrap();
    let tls = ClientTls::new(ClientTlsConfig {
        trust: Trust::Authorities(trusted),
        identity: Some(Identity::from_files(&file, &file).unwrap()),
        ..ClientTlsConfig::default()
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let name = address.ip().to_string().try_into().unwrap();
    let tls = TlsConnector::from(tls.unwrap().config());
    let mut stream = tls.connect(name, stream).await.unwrap();
    for said in [
        r#"{"hello":{"holds":null,"tells":true,"likes":"music"}}"#,
        r#"{"song":{"verses":3}}"#,
        r#"{"tell":{"number":1,"told":{"weather":{"is_fair":true}}}}"#,
        r#"{"tell":{"number":2,"told":{"registered":{"user":"speaker1","from":"192.0.2.1:5060","user_agent":null,"mood":"good"}}}}"#,
    ] {
        let head = u32::try_from(said.len()).unwrap().to_be_bytes();
        stream
            .write_all(&[&head, said.as_bytes()].concat())
            .await
            .unwrap();
    }
    stream.flush().await.unwrap();

    let (mut decoder, mut piece) = (feed::Decoder::default(), [0; 1_024]);
    loop {
        match decoder.next_message().unwrap() {
            Some(feed::Message::Heard { number: 2 }) => break,
            Some(_) => {}
            None => {
                let read = stream.read(&mut piece).await.unwrap();
                assert!(read > 0, "the service has ended the connection");
                decoder.push(&piece[..read]);
            }
        }
    }
    assert!(is_registered(&running, "speaker1"));
}

#[test]
fn a_zone_without_its_file_is_told_which_to_copy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone.toml");
    let text = "control = \"zone.sock\"\n[listen]\nudp = [\"127.0.0.1:0\"]\n[service]\nfeed = \"127.0.0.1:1\"\nidentity = \"zone-b.pem\"\n";
    fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_oyez"))
        .args(["zone", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("zone.toml:6: service.identity: the file"), "{said}");
    assert!(said.contains("copy the file that the service has made"), "{said}");
}

/// Devices of the long import; `OYEZ_IMPORT_DEVICES=10000` takes as many as the goal has.
const DEVICES: u32 = 200;

/// Two extensions of a device, one for its page slot and one for a ring slot.
fn rooms(number: u32) -> ([Holder; 2], Device) {
    let holder = |number: u32| Holder {
        id: HolderId::from_random((1_000 + number).into()),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Room").unwrap(),
        extension: (100_000 + number).to_string().parse().unwrap(),
        package: "Standard".to_owned(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    };
    let [_, a, b, c] = number.to_be_bytes();
    let device = Device {
        id: DeviceId::from_random((1_000 + number).into()),
        name: DisplayName::new("Loudspeaker").unwrap(),
        description: Description::new("").unwrap(),
        mac: MacAddress::new([2, 0, 1, a, b, c]),
        kind: DeviceType::Oyez,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    };
    ([holder(2 * number), holder(2 * number + 1)], device)
}

/// Writes what an import of so many devices writes, and in the end one whose user is known.
async fn import(service: &Service, devices: u32) {
    let rooms: Vec<([Holder; 2], Device)> = (0..devices).map(rooms).collect();
    let mut writing = service.store().write().await.unwrap();
    let mut scope = writing.account(&service.account().id);
    let holders: Vec<&Holder> = rooms.iter().flat_map(|(holders, _)| holders).collect();
    scope.add_holders(&holders).await.unwrap();
    let all: Vec<_> = rooms.iter().map(|(_, device)| (device, None)).collect();
    scope.add_devices(&all).await.unwrap();
    let slots = [SlotKind::Page, SlotKind::Ring].map(|kind| SlotPosition::new(kind, 1).unwrap());
    let placings: Vec<Placing<'_>> = rooms
        .iter()
        .flat_map(|(holders, device)| {
            holders.iter().zip(slots).map(move |(holder, slot)| Placing {
                device,
                holder: &holder.id,
                place: LinePlace::Slot(slot),
                password: Secret::from("a long password of a room"),
            })
        })
        .collect();
    scope.place_all(&placings).await.unwrap();
    let (holder, device, line) = room(3, SlotPosition::BASE_PAGE);
    scope.add_holder(&holder).await.unwrap();
    scope.add_device(&device).await.unwrap();
    scope.add_line(&line).await.unwrap();
    writing.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_import_comes_to_a_zone_elsewhere_which_starts_with_it() {
    let devices = std::env::var("OYEZ_IMPORT_DEVICES").map_or(DEVICES, |devices| devices.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let running = service(folder.path(), 0).await;
    let feed = running.feed().unwrap();
    let mut zone = Zone::start(folder.path(), feed);
    add_speaker(&running, 1).await;
    while !zone.takes("speaker1", "a long password 1").await {
        zone.changed();
    }

    let (user, password) = ("speaker3", "a long password 3");
    import(&running, devices).await;
    let committed = Instant::now();
    while !zone.takes(user, password).await {
        zone.changed();
    }
    let told = committed.elapsed();

    add_speaker(&running, 2).await;
    let committed = Instant::now();
    while !zone.takes("speaker2", "a long password 2").await {
        zone.changed();
    }
    let told_more = committed.elapsed();
    drop(zone);
    let begun = Instant::now();
    let mut zone = Zone::start(folder.path(), feed);
    while !zone.takes(user, password).await {
        zone.changed();
    }
    let started = begun.elapsed();
    running.stop().await;
    drop(zone);
    let zone = Zone::start(folder.path(), feed);
    assert!(zone.takes(user, password).await, "from its own copy");
    eprintln!(
        "{devices} devices and {} extensions are served by a zone elsewhere after {:.2} s, one more device after {:.2} s, \
         a start after {:.2} s",
        2 * devices,
        told.as_secs_f64(),
        told_more.as_secs_f64(),
        started.as_secs_f64()
    );
}
