//! Devices, their slots, and what was tried in their name.

use model::directory::Epoch;
use model::inventory::{Attempt, AttemptOutcome, MacAddress};
use model::status::{RegistrationRefusal, SipTransport, ZoneEvent};

use super::*;

const MAC: &str = "00:22:EE:0A:0B:0C";

impl Program {
    async fn user_of(&self, device: &str) -> model::SipUser {
        let mut reading = self.store.read().await.unwrap();
        let device = device.parse().unwrap();
        let lines = reading.account(&one()).lines_of_device(&device).await.unwrap();
        lines[0].user.clone()
    }

    async fn note_attempt(&self, at: u64, outcome: AttemptOutcome) {
        let mac: MacAddress = MAC.parse().unwrap();
        let attempt = Attempt {
            at: Timestamp(at),
            mac: Some(mac),
            source: "192.0.2.7".to_owned(),
            file: "0022ee0a0b0c.conf".to_owned(),
            outcome,
            proved: outcome == AttemptOutcome::Served,
            times: 1,
            detail: "evidence".to_owned(),
        };
        let mut writing = self.store.write().await.unwrap();
        writing.add_attempt(&attempt).await.unwrap();
        writing.commit().await.unwrap();
    }

    async fn device_with_extension(&self) -> String {
        let area = self.add_area("Hall", 701).await;
        let body = json!({
            "display_name": "Hall speaker", "mac_address": MAC, "type": "oyez", "assigned_to": area,
        });
        self.post("/devices", body).await.id()
    }
}

#[tokio::test]
async fn a_device_is_told_with_its_verdict_its_evidence_and_its_slots() {
    let program = Program::with(EVERYTHING).await;
    let device = program.device_with_extension().await;
    let path = format!("/devices/{device}");
    let never = program.get_v1(&path).await.found();
    assert_eq!(never["check"]["verdict"], json!("never_seen"));
    assert_eq!(never["slots"][0]["registration"], json!({ "status": "unknown" }));

    program.note_attempt(1_000, AttemptOutcome::NoCertificate).await;
    let seen = program.get_v1(&path).await.found();
    assert_eq!(seen["check"]["verdict"], json!("no_certificate"));
    assert_eq!(seen["check"]["attempts"][0]["at"], json!("1970-01-01T00:00:01Z"));

    program.note_attempt(2_000, AttemptOutcome::Served).await;
    let user = program.user_of(&device).await;
    let refused = ZoneEvent::RegistrationRefused {
        account: Some(one()),
        user: user.to_string(),
        from: "192.0.2.7:5060".to_owned(),
        why: RegistrationRefusal::WrongCredentials,
    };
    program.registrations.note(&refused, Timestamp(3_000));
    let refused = program.get_v1(&path).await.found();
    assert_eq!(refused["check"]["verdict"], json!("fetched_and_refused"));
    assert_eq!(
        refused["slots"][0]["registration"],
        json!({
            "status": "refused", "since": "1970-01-01T00:00:03Z", "from": "192.0.2.7:5060",
            "cause": "wrong_credentials",
        })
    );

    let registered = ZoneEvent::Registered {
        account: one(),
        user,
        from: "192.0.2.7:5060".to_owned(),
        user_agent: Some("oyez".to_owned()),
        transport: Some(SipTransport::Tls),
    };
    program
        .registrations
        .name_own("zone-a", Epoch(1), Timestamp(4_000));
    program.registrations.note(&registered, Timestamp(4_000));
    let slots = program.get_v1(&format!("{path}/slots")).await.found();
    let slot = &slots["slots"][0];
    assert_eq!(
        (
            &slot["assignment_type"],
            &slot["port"],
            &slot["holder"]["extension"]
        ),
        (&json!("page"), &json!(1), &json!("701"))
    );
    let registration = &slot["registration"];
    assert_eq!(
        (
            &registration["status"],
            &registration["transport"],
            &registration["zone"]
        ),
        (&json!("registered"), &json!("tls"), &json!("zone-a"))
    );
    let row = &program.get_v1("/devices").await.found()["devices"][0];
    assert_eq!(
        (&row["verdict"], &row["slots"], &row["slots_registered"]),
        (&json!("registered"), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn tries_are_listed_page_by_page_the_last_first() {
    let program = Program::with(EVERYTHING).await;
    let device = program.device_with_extension().await;
    for at in [1_000, 2_000, 2_000, 3_000] {
        program.note_attempt(at, AttemptOutcome::NoCertificate).await;
    }
    let path = format!("/devices/{device}/attempts?page_size=2");
    let first = program.get_v1(&path).await.found();
    assert_eq!(first["total_records"], json!(4));
    let times = |page: &Value| -> Vec<String> {
        let attempts = page["attempts"].as_array().unwrap().iter();
        attempts
            .map(|one| one["at"].as_str().unwrap().to_owned())
            .collect()
    };
    let (first_of, second_of) = ("1970-01-01T00:00:03Z", "1970-01-01T00:00:02Z");
    assert_eq!(times(&first), [first_of, second_of]);
    program.note_attempt(9_000, AttemptOutcome::NoCertificate).await;
    let token = first["next_page_token"].as_str().unwrap();
    let next = program.get_v1(&format!("{path}&next_page_token={token}")).await;
    assert_eq!(times(&next.found()), [second_of, "1970-01-01T00:00:01Z"]);
    assert_eq!(next.found()["next_page_token"], json!(""));
}

#[tokio::test]
async fn devices_are_narrowed_and_paged() {
    let program = Program::with(EVERYTHING).await;
    for (mac, brand) in [
        ("00:22:EE:0A:0B:01", "algo"),
        ("00:22:EE:0A:0B:02", "oyez"),
        ("00:22:EE:0A:0B:03", "oyez"),
    ] {
        program.add_device(mac, brand).await;
    }
    let first = program.get_v1("/devices?type=oyez&page_size=1").await.found();
    assert_eq!(first["total_records"], json!(2));
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("/devices?type=oyez&page_size=1&next_page_token={token}");
    let next = program.get_v1(&path).await.found();
    assert_ne!(first["devices"][0]["id"], next["devices"][0]["id"]);
    let none = program.get_v1("/devices?assigned=true").await.found();
    assert_eq!(none["devices"], json!([]));
    for (asked, given) in [(100, 100), (101, 100)] {
        let page = program
            .get_v1(&format!("/devices?page_size={asked}"))
            .await
            .found();
        assert_eq!(page["page_size"], json!(given));
    }
    for wrong in ["type=radio", "site_id=%20", "next_page_token=x"] {
        let answer = program.get_v1(&format!("/devices?{wrong}")).await;
        assert_eq!(answer.problem(), 400, "{wrong}");
    }
}
