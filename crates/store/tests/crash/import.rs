//! An import that is killed anywhere in its middle leaves nothing of it, and the next try does all of it.
//!
//! A child writes what an import of so many devices writes, and stops after as many of its parts as it is told, where it is killed.
//! `OYEZ_IMPORT_DEVICES=10000` takes as many devices as the goal has.

use model::inventory::{
    CountryCode, Description, Device, DeviceType, DisplayName, Holder, HolderId, HolderKind, LinePlace,
    MacAddress, TimeZone, Timestamp,
};
use model::{DeviceId, Secret, SlotPosition};
use store::{Placing, Scope};

use super::*;

/// Devices where nothing else is asked for.
const DEVICES: u64 = 300;
/// Parts in which they are written, of each table.
const PARTS: usize = 2;
/// Tables: users and common areas, devices, and what stands in their slots.
const TABLES: usize = 3;
/// How a child is told after how many parts it stops.
const STOP_AFTER: &str = "OYEZ_CRASH_STOP_AFTER";

#[test]
fn of_an_import_that_is_killed_nothing_is_there_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    import_and_kill(&Place {
        folder: folder.path().to_owned(),
        address: None,
    });
}

#[test]
fn of_an_import_that_is_killed_nothing_is_there_on_postgresql() {
    let Some(server) = peers::Postgres::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    import_and_kill(&Place {
        folder: folder.path().to_owned(),
        address: Some(server.create_database()),
    });
}

fn import_and_kill(place: &Place) {
    place.run(async |store| {
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account(0)).await.unwrap();
        writing.commit().await.unwrap();
    });
    for parts in 1..=TABLES * PARTS {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "import::an_import_that_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER, &place.folder)
            .env(STOP_AFTER, parts.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(address) = &place.address {
            command.env(ADDRESS, address);
        }
        let mut child = Writer(command.spawn().unwrap());
        let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let stopped = lines.map_while(Result::ok).any(|line| line == "stopped");
        assert!(stopped, "it has ended by itself");

        drop(child);

        place.run(async |store| {
            let mut reading = store.read().await.unwrap();
            let mut scope = reading.account(&account(0).id);
            assert_eq!(found(&mut scope).await, (0, 0, 0), "after {parts} parts");
            assert_eq!(scope.epoch().await.unwrap().0, 1, "zones are told of nothing");
        });
    }
    place.run(async |store| {
        import(store, usize::MAX).await;
        let mut reading = store.read().await.unwrap();
        let all = usize::try_from(devices()).unwrap();
        let mut scope = reading.account(&account(0).id);
        assert_eq!(found(&mut scope).await, (all, all, all));
    });
}

async fn found(scope: &mut Scope<'_, '_>) -> (usize, usize, usize) {
    let holders = scope.holders(None).await.unwrap().len();
    let devices = scope.devices().await.unwrap().len();
    (holders, devices, scope.lines().await.unwrap().len())
}

#[test]
#[ignore = "the other tests start it as a process of its own"]
fn an_import_that_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let place = Place {
        folder: folder.into(),
        address: env::var(ADDRESS).ok(),
    };
    let parts = usize::try_from(number(STOP_AFTER, 0)).unwrap();
    place.run(async |store| import(store, parts).await);
}

/// Writes everything in one transaction, and waits to be killed after so many parts.
async fn import(store: &Store, stop_after: usize) {
    let rooms: Vec<(Holder, Device)> = (0..devices()).map(room).collect();
    let part = rooms.len().div_ceil(PARTS);
    let mut done = 0;
    let mut wait = || {
        done += 1;
        if done == stop_after {
            // Standard output itself: the harness keeps back what is printed.
            let mut output = std::io::stdout();
            writeln!(output, "\nstopped").unwrap();
            // Nobody ever writes to it.
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
    };
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&account(0).id);
    for some in rooms.chunks(part) {
        let holders: Vec<&Holder> = some.iter().map(|(holder, _)| holder).collect();
        scope.add_holders(&holders).await.unwrap();
        wait();
    }
    for some in rooms.chunks(part) {
        let devices: Vec<_> = some.iter().map(|(_, device)| (device, None)).collect();
        scope.add_devices(&devices).await.unwrap();
        wait();
    }
    for some in rooms.chunks(part) {
        let placings: Vec<Placing<'_>> = some
            .iter()
            .map(|(holder, device)| Placing {
                device,
                holder: &holder.id,
                place: LinePlace::Slot(SlotPosition::BASE_PAGE),
                password: Secret::from("a password of 128 bits"),
            })
            .collect();
        scope.place_all(&placings).await.unwrap();
        wait();
    }
    writing.commit().await.unwrap();
}

fn room(number: u64) -> (Holder, Device) {
    let holder = Holder {
        id: HolderId::from_random(number.into()),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Room").unwrap(),
        extension: (100_000 + number).to_string().parse().unwrap(),
        package: "Standard".to_owned(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    };
    let [.., a, b, c] = number.to_be_bytes();
    let device = Device {
        id: DeviceId::from_random(number.into()),
        name: DisplayName::new("Loudspeaker").unwrap(),
        description: Description::new("").unwrap(),
        mac: MacAddress::new([2, 0, 0, a, b, c]),
        kind: DeviceType::Oyez,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    };
    (holder, device)
}

fn devices() -> u64 {
    number("OYEZ_IMPORT_DEVICES", DEVICES)
}
