//! A service whose database is lost: its zone serves calls with its own copy of the directory, the portal says what has happened, and
//! everything is there again once the database is.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fleet::ears::Ears;
use fleet::link::{Channel, Link};
use fleet::listener::{Listener, Tally};
use fleet::registrant::Registrant;
use fleet::talker::{CallOptions, Talker, TalkerSetup};
use media::sdp::SecurityOffer;
use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    Account, ApiClient, ApiClientId, ApiScopes, CountryCode, Description, Device, DeviceType, DisplayName,
    Holder, HolderId, HolderKind, Line, LineId, LinePlace, MacAddress, TimeZone, Timestamp, TokenHash,
};
use model::{DeviceId, Secret, SlotPosition};
use oyez::service::Service;
use oyez::service::config::ServiceConfig;
use peers::{Axe, BROWSER_PROGRAMS, Browser, Postgres, Program, available};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::Store;
use zone::config::ZoneConfig;

const PATIENCE: Duration = Duration::from_secs(60);
const MAC: &str = "02:00:00:00:00:01";
const PASSWORD: &str = "a long password";
/// Where speech of pages comes from.
const DESK: &str = "desk";
const DESK_MAC: &str = "02:00:00:00:00:02";
const API_SECRET: &str = "the secret of the client";

/// A service with a zone, as a process of its own.
struct Running {
    program: Program,
    zone: SocketAddr,
    portal: String,
}

impl Running {
    /// Starts it; `says` what it is to say of its portal.
    fn start(file: &Path, says: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
        command.args(["service", "--config"]).arg(file);
        let mut program = Program::start(command.env("OYEZ_LOG", "info"));
        let line = program.wait_for(&["listening on"], PATIENCE);
        let zone = line.split_whitespace().nth(2).unwrap().parse().unwrap();
        let line = program.wait_for(&[says], PATIENCE);
        let portal = line.split_whitespace().find(|word| word.starts_with("https://"));
        Self {
            zone,
            portal: portal.unwrap().to_owned(),
            program,
        }
    }

    /// Says whether the loudspeaker registers with a password.
    async fn takes(&self, password: &str) -> bool {
        let mut link = Link::open_udp(self.zone, self.zone.ip()).await.unwrap();
        let mut registrant = Registrant::new("pbx.example.com", "speaker", password);
        registrant.register(&mut link).await.is_ok()
    }

    /// Pages, as the API has them.
    fn pages(&self) -> Value {
        let client = ApiClientId::from_random(1);
        let sign_in = ["--user", &format!("{}:{API_SECRET}", client.as_str())];
        let grant = ["-d", "grant_type=account_credentials", "-d", "account_id=acme"];
        let token = curl(&[&sign_in[..], &grant, &[&format!("{}/oauth/token", self.portal)]].concat());
        let bearer = format!(
            "Authorization: Bearer {}",
            token.get("access_token").and_then(Value::as_str).unwrap()
        );
        curl(&["-H", &bearer, &format!("{}/api/v1/pages", self.portal)])
    }
}

fn curl(arguments: &[&str]) -> Value {
    let mut command = Command::new("curl");
    let asked = command
        .args(["--silent", "--show-error", "--insecure", "--fail-with-body"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(asked.status.success(), "{asked:?}");
    serde_json::from_slice(&asked.stdout).unwrap()
}

/// Registers the loudspeaker, which answers calls from then on.
async fn listen(zone: SocketAddr, ears: &Ears) {
    let link = Link::open_udp(zone, zone.ip()).await.unwrap();
    let registrant = Registrant::new("pbx.example.com", "speaker", PASSWORD);
    let mut listener = Listener::new(0, registrant, link, *ears.addresses().first().unwrap(), [2; 32]);
    listener.register().await.unwrap();
    tokio::spawn(async move { listener.serve(&Tally::new(1)).await });
}

/// A call without SRTP.
fn unencrypted() -> CallOptions {
    CallOptions {
        security: SecurityOffer::Disabled,
        ..CallOptions::default()
    }
}

/// Who speaks at the desk.
async fn desk(zone: SocketAddr) -> Talker {
    let mut talker = Talker::connect(TalkerSetup {
        server: zone,
        channel: Channel::Udp,
        domain: "pbx.example.com".to_owned(),
        user: DESK.to_owned(),
        authorization_id: DESK.to_owned(),
        password: PASSWORD.into(),
    })
    .await
    .unwrap();
    talker.register().await.unwrap();
    talker
}

/// Writes the files of a service with a section for its database.
fn write_files(folder: &Path, store: &str) -> PathBuf {
    let zone = "name = \"a\"\ncontrol = \"zone.sock\"\n[listen]\nudp = [\"127.0.0.1:0\"]\n[media]\nplain = \"over-clear-flows\"\n";
    fs::write(folder.join("zone.toml"), zone).unwrap();
    let file = folder.join("service.toml");
    let text = format!(
        "state = \"state\"\n[portal]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
         [provisioning]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
         [account]\nid = \"acme\"\nname = \"Acme\"\ndomain = \"pbx.example.com\"\nowner = \"me@example.com\"\n\
         {store}[zone]\nconfig = \"zone.toml\"\noutbound-proxy = \"127.0.0.1:5061\"\n"
    );
    fs::write(&file, text).unwrap();
    file
}

/// Writes the files of a service, starts it once, and gives it a loudspeaker, a desk and a program.
async fn prepare(folder: &Path, store: &str) -> PathBuf {
    let file = write_files(folder, store);
    let config = ServiceConfig::read(&file).unwrap();
    let service = Service::start(&config, None).await.unwrap();
    add_slot(&service, 1, "speaker", MAC).await;
    add_slot(&service, 2, DESK, DESK_MAC).await;
    let client = ApiClient {
        id: ApiClientId::from_random(1),
        name: DisplayName::new("Script").unwrap(),
        secret: TokenHash(Sha256::digest(API_SECRET.as_bytes()).into()),
        scopes: ApiScopes::parse("oyez:read").unwrap(),
        added_at: Timestamp(0),
    };
    let mut writing = service.store().write().await.unwrap();
    let mut scope = writing.account(&service.account().id);
    assert!(scope.add_api_client(&client).await.unwrap());
    writing.commit().await.unwrap();
    service.stop().await;
    file
}

/// Starts a service until its zone has a copy of the directory.
fn have_copied(folder: &Path, file: &Path) -> PathBuf {
    let running = Running::start(file, "portal at");
    let copy = folder.join("state/directory.sealed");
    let begun = std::time::Instant::now();
    while !copy.exists() {
        assert!(begun.elapsed() < PATIENCE, "no copy is kept");
        std::thread::yield_now();
    }
    drop(running);
    copy
}

async fn add_slot(service: &Service, number: u8, user: &str, mac: &str) {
    let holder = Holder {
        id: HolderId::from_random(number.into()),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Hall").unwrap(),
        extension: format!("70{number}").parse().unwrap(),
        package: String::new(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    };
    let device = Device {
        id: DeviceId::from_random(number.into()),
        name: DisplayName::new("Loudspeaker").unwrap(),
        description: Description::new("").unwrap(),
        mac: mac.parse::<MacAddress>().unwrap(),
        kind: DeviceType::Oyez,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    };
    let line = Line {
        id: LineId::from_random(number.into()),
        device: device.id.clone(),
        place: LinePlace::Slot(SlotPosition::BASE_PAGE),
        holder: holder.id.clone(),
        user: user.parse().unwrap(),
        authorization_id: user.parse().unwrap(),
        algorithm: DigestAlgorithm::Sha256,
        generation: Generation(1),
        password: Secret::from(PASSWORD),
    };
    let mut writing = service.store().write().await.unwrap();
    let mut scope = writing.account(&service.account().id);
    scope.add_holder(&holder).await.unwrap();
    scope.add_device(&device).await.unwrap();
    scope.add_line(&line).await.unwrap();
    writing.commit().await.unwrap();
}

/// What `oyez check` says of the loudspeaker.
fn checked(folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
    let state = folder.join("state");
    let checked = command
        .args(["check", MAC, "--state"])
        .arg(state)
        .output()
        .unwrap();
    String::from_utf8_lossy(&checked.stdout).into_owned()
}

/// Runs a service whose database is lost while it is down, and comes back while the zone serves without it.
async fn lose_and_find(
    folder: &Path,
    (store, cause): (&str, &str),
    lose: impl FnOnce(),
    find: impl FnOnce(),
) {
    let file = prepare(folder, store).await;
    let copy = have_copied(folder, &file);
    lose();

    let mut running = Running::start(&file, "there is no database");

    assert!(running.takes(PASSWORD).await);
    assert!(!running.takes("another password").await);
    let browser = Browser::start();
    browser.open(&running.portal);
    let told = browser.wait_for_text("main", "What to do");
    assert!(
        told.contains(cause) && told.contains("The zone beside this portal serves calls"),
        "{told}"
    );
    browser.pictures("without-database");
    let faults = Axe::find().map(|axe| axe.judge(&browser)).unwrap_or_default();
    assert_eq!(faults, [""; 0]);
    let asked = "const asked = new XMLHttpRequest(); asked.open('GET', '/v2/phone/devices', false); asked.send(); return asked.status";
    assert_eq!(browser.run(asked, &json!([])), json!(503));

    find();

    running.program.wait_for(&["portal at"], PATIENCE);
    browser.open(&running.portal);
    browser.wait_for_text("h1", "Sign in");
    // Who came to register meanwhile has not been forgotten.
    let told = checked(folder);
    assert!(told.contains("Page 1, extension 701: Registered"), "{told}");
    let copied = fs::read(copy).unwrap();
    assert!(!copied.windows(7).any(|part| part == b"speaker"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgresql_the_zone_starts_from_its_copy_and_the_service_is_whole_once_it_is_back() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = format!("[store]\npostgres = \"{}\"\n", server.create_database());
    let server = std::cell::RefCell::new(&mut server);
    let (lose, find) = (
        || server.borrow_mut().crash(),
        || server.borrow_mut().start_again(),
    );
    let store = (store.as_str(), "The database does not answer");
    lose_and_find(folder.path(), store, lose, find).await;
}

/// Moves the file of the database with those beside it that belong to it.
fn move_database(from: &Path, to: &Path) {
    for name in ["service.db", "service.db-wal", "service.db-shm"] {
        let there = from.join(name);
        if there.exists() {
            fs::rename(there, to.join(name)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_database_is_neither_used_nor_replaced() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let (folder, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    let (database, noise) = (state.join("service.db"), [0x5a; 8_192]);
    let lose = || {
        move_database(&state, away.path());
        fs::write(&database, noise).unwrap();
    };
    let find = || {
        assert_eq!(fs::read(&database).unwrap(), noise);
        move_database(away.path(), &state);
    };
    lose_and_find(folder.path(), ("", "The database cannot be used"), lose, find).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_database_is_not_taken_for_the_one_that_was_lost() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (away, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    let lose = || move_database(&state, away.path());
    let find = || {
        move_database(&state, empty.path());
        move_database(away.path(), &state);
    };
    lose_and_find(folder.path(), ("", "The database is empty"), lose, find).await;
}

/// Makes the database of another account in a folder, with the key of a service.
async fn make_another(folder: &Path, key: &Path) {
    fs::copy(key, folder.join("service.key")).unwrap();
    let store = Store::open(folder).await.unwrap();
    let account = Account {
        id: "another".parse().unwrap(),
        name: DisplayName::new("Another").unwrap(),
        domain: "pbx.example.org".to_owned(),
        many_extensions_before_5_5: false,
        generic_devices: true,
    };
    let mut writing = store.write().await.unwrap();
    writing.add_account(&account).await.unwrap();
    writing.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_keeps_the_rest_from_starting_the_zone_goes_on_and_the_rest_is_tried_again() {
    if !available(&["curl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [away, another] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    let file = prepare(folder.path(), "").await;
    have_copied(folder.path(), &file);
    move_database(&state, away.path());
    make_another(another.path(), &state.join("service.key")).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let feed = format!(
        "[feed]\nlisten = \"{}\"\naddress = \"127.0.0.1\"\nzones = [\"b\"]\n",
        taken.local_addr().unwrap()
    );
    write_files(folder.path(), &feed);
    let mut running = Running::start(&file, "there is no database");
    let ears = Ears::open(1, running.zone.ip()).unwrap();
    listen(running.zone, &ears).await;
    let mut desk = desk(running.zone).await;

    // Between two tries, so that none finds a database that is half moved.
    running.program.wait_for(&["the service is not whole"], PATIENCE);
    // A configuration that was good is not bad because of a database that does not belong to it.
    move_database(&state, tempfile::tempdir().unwrap().path());
    move_database(another.path(), &state);
    running
        .program
        .wait_for(&["the state folder belongs to the account `another`"], PATIENCE);
    move_database(&state, another.path());
    move_database(away.path(), &state);
    running
        .program
        .wait_for(&["feed.listen: cannot be listened on"], PATIENCE);
    let _call = desk.call("701", &unencrypted()).await.unwrap();
    drop(taken);
    running.program.wait_for(&["portal at"], PATIENCE);

    let pages = running.pages();
    assert_eq!(pages["going_on"][0]["extension"], "701", "{pages}");
    assert!(running.takes(PASSWORD).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_of_a_page_that_goes_on_when_the_service_ends_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = prepare(folder.path(), "").await;
    let mut running = Running::start(&file, "portal at");
    let ears = Ears::open(1, running.zone.ip()).unwrap();
    listen(running.zone, &ears).await;
    let mut desk = desk(running.zone).await;
    let _call = desk.call("701", &unencrypted()).await.unwrap();
    let store = Store::open(&folder.path().join("state")).await.unwrap();
    let reports = async || {
        let mut reading = store.read().await.unwrap();
        let mut scope = reading.account(&"acme".parse().unwrap());
        scope.page_reports(None, 10).await.unwrap().len()
    };
    // Nothing can be kept before the zone has ended.
    let writing = store.write().await.unwrap();

    let id = running.program.id().to_string();
    assert!(Command::new("kill").arg(id).status().unwrap().success());
    running.program.wait_for(&["page to 701 ended"], PATIENCE);
    assert_eq!(reports().await, 0);
    drop(writing);

    assert!(running.program.finish(PATIENCE));
    assert_eq!(reports().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_copy_cannot_be_kept_starts_with_its_database_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = prepare(folder.path(), "").await;
    let state = folder.path().join("state");
    fs::write(state.join("directory.sealed.key"), "too short").unwrap();
    let config = ServiceConfig::read(&file).unwrap();
    let zone = ZoneConfig::read(&folder.path().join("zone.toml")).unwrap();

    let service = Service::start(&config, Some(&zone)).await.unwrap();

    assert_eq!(service.zone_listens().len(), 1);
    service.stop().await;
    assert!(!state.join("directory.sealed").exists());

    // What cannot be read is still a sign that there was a directory once.
    fs::write(state.join("directory.sealed"), "sealed").unwrap();
    move_database(&state, tempfile::tempdir().unwrap().path());
    let Err(refused) = Service::start(&config, Some(&zone)).await else {
        panic!("an empty database is taken for the one that was lost");
    };
    assert!(refused.to_string().contains("the database is empty"), "{refused}");
}
