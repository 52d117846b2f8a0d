//! Which devices are asked to fetch when something of them is changed.

use sqlx::{Connection as _, SqliteConnection};

use super::*;
use crate::asking::TELLING_MAX;

/// Who is registered of a device, place by place.
async fn users_of(program: &Program, device: &str) -> Vec<String> {
    let mut reading = program.store.read().await.unwrap();
    let id = device.parse().unwrap();
    let mut lines = reading.account(&one()).lines_of_device(&id).await.unwrap();
    lines.sort_by_key(|line| line.place);
    lines.into_iter().map(|line| line.user.to_string()).collect()
}

/// Who the next request is for.
async fn asked(orders: &mut mpsc::Receiver<Resync>) -> Vec<String> {
    let order = orders.recv().await.unwrap();
    assert!(!order.restarts);
    let mut users: Vec<String> = order.users.iter().map(ToString::to_string).collect();
    let _is_awaited = order.asked.send(1).is_ok();
    users.sort();
    users
}

fn sorted(mut users: Vec<String>) -> Vec<String> {
    users.sort();
    users
}

#[tokio::test]
async fn a_device_is_asked_to_fetch_after_each_change_of_what_is_assigned_to_it() {
    let mut program = Program::with(EVERYTHING).await;
    let (hall, gate) = (
        program.add_area("Hall", 701).await,
        program.add_area("Gate", 702).await,
    );
    let id = program.add_device("0022EE0A0B0C", "algo").await;
    let loud = program
        .post(
            "/provision_templates",
            json!({ "name": "Loud", "content": "audio.page.vol = 0dB" }),
        )
        .await
        .id();
    let mut orders = program.give_resyncs();
    let path = format!("/devices/{id}");
    let desk_phone = |area: &str| format!("/common_areas/{area}/settings/desk_phone");
    let both = json!({ "assignee_extension_ids": [hall, gate] });
    let moved = json!({ "positions": [{ "extension_id": hall, "index": 52 }] });

    let named = program
        .patch(&path, json!({ "display_name": "Gate speaker" }))
        .await;
    assert!(is_silent(&named), "{}", named.text);
    assert!(
        program
            .post(&format!("{path}/extensions"), both)
            .await
            .status
            .is_success()
    );
    assert_eq!(asked(&mut orders).await, sorted(users_of(&program, &id).await));
    assert!(is_silent(
        &program.patch(&format!("{path}/line_keys"), moved).await
    ));
    assert_eq!(asked(&mut orders).await.len(), 2);
    assert!(is_silent(
        &program.delete(&format!("{path}/extensions/{hall}")).await
    ));
    assert_eq!(asked(&mut orders).await, users_of(&program, &id).await);
    assert!(is_silent(
        &program.patch(&path, json!({ "assigned_to": hall })).await
    ));
    assert_eq!(asked(&mut orders).await, users_of(&program, &id).await);
    let template = json!({ "provision_template_id": loud });
    assert!(is_silent(
        &program
            .put(&format!("{path}/provision_templates"), template)
            .await
    ));
    assert_eq!(asked(&mut orders).await.len(), 1);
    let added = program.post(&desk_phone(&gate), json!({ "device_id": id })).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
    assert_eq!(asked(&mut orders).await.len(), 2);
    let removed = format!("{}?device_id={id}", desk_phone(&gate));
    assert!(is_silent(&program.delete(&removed).await));
    assert_eq!(asked(&mut orders).await, users_of(&program, &id).await);
    assert!(orders.try_recv().is_err(), "its own name is nothing to a device");
}

#[tokio::test]
async fn the_devices_of_a_common_area_and_of_a_template_are_asked_each_by_itself() {
    let mut program = Program::with(EVERYTHING).await;
    let loud = program
        .post(
            "/provision_templates",
            json!({ "name": "Loud", "content": "audio.page.vol = 0dB" }),
        )
        .await
        .id();
    let hall = program.add_area("Hall", 700).await;
    let mut devices = Vec::new();
    for (number, mac) in [(701, "0022EE0A0B01"), (702, "0022EE0A0B02")] {
        let area = program.add_area("Gate", number).await;
        let id = program.add_device(mac, "algo").await;
        let body = json!({ "assignee_extension_ids": [area, hall] });
        program.post(&format!("/devices/{id}/extensions"), body).await;
        let template = json!({ "provision_template_id": loud });
        program.patch(&format!("/devices/{id}"), template).await;
        devices.push(id);
    }
    let mut orders = program.give_resyncs();
    let (template, area) = (
        format!("/provision_templates/{loud}"),
        format!("/common_areas/{hall}"),
    );
    let each = async |orders: &mut mpsc::Receiver<Resync>| {
        sorted([asked(orders).await, asked(orders).await].concat())
    };
    let everybody = sorted(
        [
            users_of(&program, &devices[0]).await,
            users_of(&program, &devices[1]).await,
        ]
        .concat(),
    );

    program.patch(&template, json!({ "name": "Louder" })).await;
    program
        .patch(&template, json!({ "content": "audio.page.vol = -3dB" }))
        .await;
    assert_eq!(each(&mut orders).await, everybody);
    assert!(is_silent(&program.delete(&template).await));
    assert_eq!(each(&mut orders).await, everybody);
    program.patch(&area, json!({ "cost_center": "7" })).await;
    program
        .patch(&area, json!({ "display_name": "Great hall" }))
        .await;
    assert_eq!(each(&mut orders).await, everybody);
    assert!(is_silent(&program.delete(&area).await));
    let left = [
        users_of(&program, &devices[0]).await,
        users_of(&program, &devices[1]).await,
    ]
    .concat();
    assert_eq!(left.len(), 2);
    assert_eq!(each(&mut orders).await, sorted(left));
    assert!(orders.try_recv().is_err());
}

#[tokio::test]
async fn so_many_changes_are_told_at_a_time_and_one_more_is_made_untold() {
    let mut program = Program::with(EVERYTHING).await;
    let hall = program.add_area("Hall", 701).await;
    let id = program.add_device("0022EE0A0B0C", "algo").await;
    let body = json!({ "assignee_extension_ids": [hall] });
    program.post(&format!("/devices/{id}/extensions"), body).await;
    let mut orders = program.give_resyncs();
    let path = format!("/common_areas/{hall}");
    let mut unanswered = Vec::new();
    for number in 1..=TELLING_MAX {
        let name = json!({ "display_name": format!("Hall {number}") });
        program.patch(&path, name).await;
        unanswered.push(orders.recv().await.unwrap());
    }

    let untold = program.patch(&path, json!({ "display_name": "Hall" })).await;

    assert!(is_silent(&untold), "{}", untold.text);
    for _ in 0..TELLING_MAX {
        // What is read after it was read after what would have been told.
        assert_eq!(users_of(&program, &id).await.len(), 1);
    }
    assert!(orders.try_recv().is_err());
    drop(unanswered);
    let mut number = 0;
    while orders.try_recv().is_err() {
        number += 1;
        let name = json!({ "display_name": format!("Room {number}") });
        program.patch(&path, name).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_change_is_made_though_a_device_cannot_be_told_of_it() {
    let mut program = Program::with(EVERYTHING).await;
    let body = json!({ "name": "Loud", "content": "audio.page.vol = 0dB" });
    let loud = program.post("/provision_templates", body).await.id();
    let hall = program.add_area("Hall", 701).await;
    let id = program.add_device("0022EE0A0B0C", "algo").await;
    let body = json!({ "assignee_extension_ids": [hall] });
    program.post(&format!("/devices/{id}/extensions"), body).await;
    let chosen = json!({ "provision_template_id": loud });
    program.patch(&format!("/devices/{id}"), chosen.clone()).await;
    let mut orders = program.give_resyncs();
    let database = program._folder.path().join("service.db");
    let mut damaging = SqliteConnection::connect(database.to_str().unwrap())
        .await
        .unwrap();
    let damage = sqlx::query("UPDATE line SET algorithm = 'damaged'");
    damage.execute(&mut damaging).await.unwrap();

    let path = format!("/devices/{id}/provision_templates");
    let one = program.put(&path, chosen).await;
    let content = json!({ "content": "audio.page.vol = -3dB" });
    let several = program
        .patch(&format!("/provision_templates/{loud}"), content)
        .await;

    assert!(is_silent(&one), "{}", one.text);
    assert!(is_silent(&several), "{}", several.text);
    assert!(orders.try_recv().is_err());
}
