//! A service whose database is lost: its zone serves calls with its own copy of the directory, the portal says what has happened, and
//! everything is there again once the database is.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fleet::link::Link;
use fleet::registrant::Registrant;
use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    CountryCode, Description, Device, DeviceType, DisplayName, Holder, HolderId, HolderKind, Line, LineId,
    LinePlace, MacAddress, TimeZone, Timestamp,
};
use model::{DeviceId, Secret, SlotPosition};
use oyez::service::Service;
use oyez::service::config::ServiceConfig;
use peers::{Axe, BROWSER_PROGRAMS, Browser, Postgres, Program, available};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);
const MAC: &str = "02:00:00:00:00:01";
const PASSWORD: &str = "a long password";

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
}

/// Writes the files of a service with a section for its database, starts it once, and gives it a loudspeaker.
async fn prepare(folder: &Path, store: &str) -> PathBuf {
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
    let config = ServiceConfig::read(&file).unwrap();
    let service = Service::start(&config, None).await.unwrap();
    add_speaker(&service).await;
    service.stop().await;
    file
}

async fn add_speaker(service: &Service) {
    let holder = Holder {
        id: HolderId::from_random(1),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Hall").unwrap(),
        extension: "701".parse().unwrap(),
        package: String::new(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    };
    let device = Device {
        id: DeviceId::from_random(1),
        name: DisplayName::new("Loudspeaker").unwrap(),
        description: Description::new("").unwrap(),
        mac: MAC.parse::<MacAddress>().unwrap(),
        kind: DeviceType::Oyez,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    };
    let line = Line {
        id: LineId::from_random(1),
        device: device.id.clone(),
        place: LinePlace::Slot(SlotPosition::BASE_PAGE),
        holder: holder.id.clone(),
        user: "speaker".parse().unwrap(),
        authorization_id: "speaker".parse().unwrap(),
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
async fn lose_and_find(folder: &Path, store: &str, lose: impl FnOnce(), find: impl FnOnce()) {
    let file = prepare(folder, store).await;
    let running = Running::start(&file, "portal at");
    let copy = folder.join("state/directory.sealed");
    let begun = std::time::Instant::now();
    while !copy.exists() {
        assert!(begun.elapsed() < PATIENCE, "no copy is kept");
        std::thread::yield_now();
    }
    drop(running);
    lose();

    let mut running = Running::start(&file, "there is no database");

    assert!(running.takes(PASSWORD).await);
    assert!(!running.takes("another password").await);
    let browser = Browser::start();
    browser.open(&running.portal);
    let told = browser.wait_for_text("main", "What to do");
    assert!(
        told.contains("The zone beside this portal serves calls"),
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
    lose_and_find(folder.path(), &store, lose, find).await;
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
    lose_and_find(folder.path(), "", lose, find).await;
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
    lose_and_find(folder.path(), "", lose, find).await;
}
