//! Moving an extension to another place of its device.

use model::inventory::{Line, LinePlace};
use model::{SlotKind, SlotPosition};
use registrations::Resync;
use tokio::sync::mpsc;

use super::*;

async fn line_of(visit: &Visit, holder: &HolderId) -> Line {
    let mut reading = visit.store.read().await.unwrap();
    let lines = reading.account(&one()).lines().await.unwrap();
    lines.into_iter().find(|line| line.holder == *holder).unwrap()
}

fn slot(kind: SlotKind, port: u8) -> LinePlace {
    LinePlace::Slot(SlotPosition::new(kind, port).unwrap())
}

#[tokio::test]
async fn an_extension_is_moved_with_its_credentials_and_the_device_is_asked_to_fetch() {
    let mut visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let gate = visit.add_area(2, "Gate", "1002").await;
    let device = visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;
    let form = format!("holder={gate}&type-{gate}=page&port-{gate}=2");
    visit.post(&format!("{device}/extensions/add"), &form).await;
    let before = line_of(&visit, &hall).await;
    let path = format!("{device}/lines/{}/move", before.id);
    let to = |kind: &str, port: u8| format!("type-{hall}={kind}&port-{hall}={port}");
    let tab = visit.get(&format!("{device}/extensions")).await.text;
    assert!(tab.contains(&format!("href=\"{path}\"")), "{tab}");
    let (resyncs, mut requests) = mpsc::channel::<Resync>(8);
    visit.give_resyncs(resyncs);

    let asked = visit.get(&path).await.text;
    assert!(
        asked.contains("Hall (1001)") && asked.contains("value=\"page\" selected"),
        "{asked}"
    );
    let taken = visit.post(&path, &to("page", 2)).await;
    assert!(
        taken.marks(&format!("type-{hall}"), "has extension 1002"),
        "{}",
        taken.text
    );
    let none = visit.post(&path, &to("ring", 11)).await;
    assert!(
        none.marks(&format!("port-{hall}"), "ports 1 to 10"),
        "{}",
        none.text
    );
    let stayed = visit.post(&path, &to("page", 1)).await;
    assert_eq!(stayed.location(), format!("{device}/extensions"));
    assert!(requests.try_recv().is_err(), "nothing was moved");
    assert_ne!(visit.audit().await[0], "move extension");
    let moved = visit.post(&path, &to("ring", 3)).await;

    assert_eq!(moved.location(), format!("{device}/extensions"));
    let place = slot(SlotKind::Ring, 3);
    assert_eq!(line_of(&visit, &hall).await, Line { place, ..before });
    assert_eq!(requests.recv().await.unwrap().users.len(), 2);
    assert_eq!(visit.audit().await[0], "move extension");
    let detail = visit.last_detail().await;
    assert_eq!(detail, "1001 at Hall speaker, Page 1 to Ring 3");
}
