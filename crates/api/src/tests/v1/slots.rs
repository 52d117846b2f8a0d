//! Extensions in their slots, passwords, orders to devices, and the audit.

use std::time::Duration;

use super::*;

const EVERYTHING_BUT_PASSWORDS: &str = "oyez:read oyez:write phone:read:admin phone:write:admin";

#[tokio::test]
async fn an_extension_is_put_in_a_slot_once_however_often_that_is_asked() {
    let program = Program::with(EVERYTHING).await;
    let (hall, yard) = (
        program.add_area("Hall", 701).await,
        program.add_area("Yard", 702).await,
    );
    let device = program.add_device("00:22:EE:0A:0B:0C", "oyez").await;
    let path = format!("/devices/{device}/slots");
    let body = json!({ "holder_id": hall, "assignment_type": "alert", "port": 11 });

    let first = program.post_v1(&path, body.clone()).await;
    let second = program.post_v1(&path, body).await;

    assert_eq!(first.id(), second.id());
    let slots = program.get_v1(&path).await.found();
    assert_eq!(slots["slots"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&slots["slots"][0]["assignment_type"], &slots["slots"][0]["port"]),
        (&json!("alert"), &json!(11))
    );
    let taken = json!({ "holder_id": yard, "assignment_type": "alert", "port": 11 });
    let refused = program.post_v1(&path, taken).await;
    assert!(
        refused.problem() == 409 && refused.text.contains("has extension 701"),
        "{}",
        refused.text
    );
    for (wrong, field) in [
        (
            json!({ "holder_id": yard, "assignment_type": "alert", "port": 12 }),
            "port",
        ),
        (
            json!({ "holder_id": yard, "assignment_type": "page", "port": 0 }),
            "port",
        ),
        (
            json!({ "holder_id": "nobody", "assignment_type": "page", "port": 1 }),
            "holder_id",
        ),
    ] {
        let answer = program.post_v1(&path, wrong).await;
        assert_eq!((answer.problem(), &answer.json()["field"]), (400, &json!(field)));
    }
    let slot = format!("{path}/{}", first.id());
    assert!(is_silent(&program.ask_v1(Method::DELETE, &slot, "").await));
    assert_eq!(program.ask_v1(Method::DELETE, &slot, "").await.problem(), 404);
    let actions: Vec<String> = program
        .audit()
        .await
        .into_iter()
        .map(|(_, action)| action)
        .collect();
    assert_eq!(actions[..2], ["remove extension", "assign extension"]);
}

#[tokio::test]
async fn a_password_is_rotated_once_until_the_earlier_one_is_ended() {
    let program = Program::with(EVERYTHING).await;
    let hall = program.add_area("Hall", 701).await;
    let device = program.add_device("00:22:EE:0A:0B:0C", "other").await;
    let path = format!("/devices/{device}/slots");
    let body = json!({ "holder_id": hall, "assignment_type": "phone", "port": 1 });
    let slot = format!("{path}/{}", program.post_v1(&path, body).await.id());
    let credentials = format!("/devices/{device}/credentials");
    let before = program.get_v1(&credentials).await.found();

    let rotated = program
        .post_v1(&format!("{slot}/rotate"), json!({}))
        .await
        .found();
    assert_eq!(
        (&rotated["generation"], &rotated["has_earlier_password"]),
        (&json!(2), &json!(true))
    );
    let again = program.post_v1(&format!("{slot}/rotate"), json!({})).await;
    assert_eq!(again.problem(), 409);
    let after = program.get_v1(&credentials).await.found();
    assert_ne!(before["slots"][0]["password"], after["slots"][0]["password"]);
    assert_eq!(program.audit().await[0].1, "show credentials");

    let end = format!("{slot}/earlier_password");
    assert!(is_silent(&program.ask_v1(Method::DELETE, &end, "").await));
    assert!(is_silent(&program.ask_v1(Method::DELETE, &end, "").await));
    program
        .post_v1(&format!("{slot}/rotate"), json!({}))
        .await
        .found();
}

#[tokio::test]
async fn passwords_are_shown_under_their_scope_alone_and_of_generic_devices_alone() {
    let mut program = Program::with(EVERYTHING).await;
    let generic = program.add_device("00:22:EE:0A:0B:0C", "other").await;
    let provisioned = program.add_device("00:22:EE:0A:0B:0D", "oyez").await;
    let answer = program
        .get_v1(&format!("/devices/{provisioned}/credentials"))
        .await;
    assert_eq!(answer.problem(), 409);
    program.go_on_with(2, "one", EVERYTHING_BUT_PASSWORDS).await;
    let path = format!("/devices/{generic}/credentials");
    assert_eq!(program.get_v1(&path).await.problem(), 403);
    // With a claim code one would fetch the file of a device, with every password in it.
    let claim = format!("/devices/{provisioned}/claim_codes");
    assert_eq!(program.post_v1(&claim, json!({})).await.problem(), 403);
    program.go_on_with(3, "one", "oyez:credentials").await;
    program.get_v1(&path).await.found();
    assert_eq!(
        program.get_v1(&format!("/devices/{generic}")).await.problem(),
        403
    );
    program.go_on_with(4, "two", EVERYTHING).await;
    assert_eq!(program.get_v1(&path).await.problem(), 404);
}

#[tokio::test]
async fn an_extension_is_moved_to_another_slot_with_the_credentials_it_has() {
    let mut program = Program::with(EVERYTHING).await;
    let (hall, yard) = (
        program.add_area("Hall", 701).await,
        program.add_area("Yard", 702).await,
    );
    let device = program.add_device("00:22:EE:0A:0B:0C", "oyez").await;
    let path = format!("/devices/{device}/slots");
    let place = |port: u8| json!({ "assignment_type": "page", "port": port });
    let mut ids = Vec::new();
    for (holder, port) in [(&hall, 1), (&yard, 2)] {
        let body = json!({ "holder_id": holder, "assignment_type": "page", "port": port });
        ids.push(program.post_v1(&path, body).await.id());
    }
    let before = program.get_v1(&path).await.found()["slots"][0].clone();
    let slot = format!("{path}/{}", ids[0]);
    let mut orders = program.give_resyncs();

    let taken = program.ask_v1(Method::PATCH, &slot, &place(2).to_string()).await;
    let wrong = program.ask_v1(Method::PATCH, &slot, &place(52).to_string()).await;
    let moved = program
        .ask_v1(Method::PATCH, &slot, &place(7).to_string())
        .await
        .found();
    assert_eq!(orders.recv().await.unwrap().users.len(), 2);
    let again = program
        .ask_v1(Method::PATCH, &slot, &place(7).to_string())
        .await
        .found();

    assert!(
        taken.problem() == 409 && taken.text.contains("has extension 702"),
        "{}",
        taken.text
    );
    assert_eq!((wrong.problem(), &wrong.json()["field"]), (400, &json!("port")));
    assert_eq!((&moved["port"], &moved["user"]), (&json!(7), &before["user"]));
    assert_eq!(again, moved);
    assert!(orders.try_recv().is_err());
    let audit = program.audit().await;
    assert_eq!(
        audit
            .iter()
            .filter(|(_, action)| action == "move extension")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_device_is_asked_to_fetch_through_its_zone() {
    let mut program = Program::with(EVERYTHING).await;
    let hall = program.add_area("Hall", 701).await;
    let device = program.add_device("00:22:EE:0A:0B:0C", "oyez").await;
    let generic = program.add_device("00:22:EE:0A:0B:0D", "other").await;
    let order = |device: &str, what: &str| format!("/devices/{device}/{what}");
    let no_zone = program.post_v1(&order(&device, "resync"), json!({})).await;
    assert!(
        no_zone.problem() == 409 && no_zone.text.contains("No zone"),
        "{}",
        no_zone.text
    );
    let mut orders = program.give_resyncs();
    let zone = tokio::spawn(async move {
        let mut counts = [0, 1].into_iter();
        let mut unanswered = Vec::new();
        while let Some(order) = orders.recv().await {
            assert!(!order.restarts && order.users.len() <= 1);
            if let Some(count) = counts.next() {
                order.asked.send(count).unwrap();
            } else {
                unanswered.push(order);
            }
        }
    });
    assert_eq!(
        program
            .post_v1(&order(&device, "resync"), json!({}))
            .await
            .problem(),
        409
    );
    let done = program.post_v1(&order(&device, "resync"), json!({})).await;
    assert_eq!(done.status, StatusCode::ACCEPTED, "{}", done.text);
    for (device, what) in [
        (&device, "restart"),
        (&generic, "resync"),
        (&generic, "claim_codes"),
    ] {
        assert_eq!(
            program.post_v1(&order(device, what), json!({})).await.problem(),
            409
        );
    }
    let code = program.post_v1(&order(&device, "claim_codes"), json!({})).await;
    assert_eq!(code.status, StatusCode::CREATED, "{}", code.text);
    assert_eq!(code.json()["code"].as_str().unwrap().len(), 9);
    // Whoever assigns does not wait for the zone.
    let body = json!({ "holder_id": hall, "assignment_type": "page", "port": 1 });
    let path = order(&device, "slots");
    let assigned = tokio::time::timeout(Duration::from_secs(5), program.post_v1(&path, body));
    assigned.await.unwrap().id();
    drop(program);
    zone.abort();
}

#[tokio::test]
async fn a_restart_is_in_the_audit_before_the_device_is_told() {
    let mut program = Program::with(EVERYTHING).await;
    let device = program.add_device("00:22:EE:0A:0B:0C", "algo").await;
    let mut orders = program.give_resyncs();
    let path = format!("/devices/{device}/restart");

    let (answer, written) = tokio::join!(program.post_v1(&path, json!({})), async {
        let order = orders.recv().await.unwrap();
        let written = program.audit().await.remove(0).1;
        order.asked.send(1).unwrap();
        written
    });

    assert_eq!(
        (answer.status, written.as_str()),
        (StatusCode::ACCEPTED, "restart device")
    );
}

#[tokio::test]
async fn the_account_the_client_and_what_was_done_are_told() {
    let mut program = Program::with(EVERYTHING).await;
    for number in 701..=703 {
        program.add_area("Hall", number).await;
    }
    let account = program.get_v1("/account").await.found();
    assert_eq!(account["domain"], json!("one.example.com"));
    assert_eq!(account["client"]["scopes"][1], json!("oyez:page"));
    let first = program
        .get_v1("/audit?page_size=2&object=common+area")
        .await
        .found();
    assert_eq!(
        (&first["total_records"], &first["entries"][0]["action"]),
        (&json!(3), &json!("add common area"))
    );
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("/audit?page_size=2&object=common+area&next_page_token={token}");
    let next = program.get_v1(&path).await.found();
    assert_eq!(
        (
            next["entries"].as_array().unwrap().len(),
            &next["next_page_token"]
        ),
        (1, &json!(""))
    );
    let late = program.get_v1("/audit?from=9000-01-01T00:00:00Z").await.found();
    assert_eq!(late["entries"], json!([]));
    assert_eq!(program.get_v1("/audit?from=yesterday").await.problem(), 400);
    program.go_on_with(2, "two", EVERYTHING).await;
    assert_eq!(program.get_v1("/audit").await.found()["total_records"], json!(0));
}
