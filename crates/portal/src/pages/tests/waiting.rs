//! What waits for somebody to look: how it is said, and that nothing is done for good at one click.

use model::DeviceId;
use model::inventory::{HeldDevice, IssuedCertificate, ShownCertificate, Standing, TokenHash};
use model::status::ZoneEvent;

use super::*;
use crate::check::{CheckAnswer, answer};

const MAC: &str = "0022ee-0a0b0c";

fn id_of(device: &str) -> DeviceId {
    device.trim_start_matches("/devices/").parse().unwrap()
}

async fn show(visit: &Visit, device: &str, number: u8, standing: Standing) {
    let shown = ShownCertificate {
        fingerprint: TokenHash([number; 32]),
        standing,
        first_at: now(),
        last_at: now(),
        source: format!("192.0.2.{number}"),
    };
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    scope.set_shown_certificate(&id_of(device), &shown).await.unwrap();
    writing.commit().await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_blocked_once_it_is_said_whether_that_is_for_good() {
    let visit = Visit::of(Role::Admin).await;
    let device = visit.add_device(MAC, "oyez", "").await;
    show(&visit, &device, 0x11, Standing::Good).await;
    show(&visit, &device, 0x22, Standing::Good).await;
    let issued = IssuedCertificate {
        fingerprint: TokenHash([0x22; 32]),
        key: TokenHash([0x23; 32]),
        device: id_of(&device),
        issued_at: now(),
        revoked_at: None,
        serial: "01".to_owned(),
    };
    let mut writing = visit.store.write().await.unwrap();
    writing.add_certificate(&issued).await.unwrap();
    writing.commit().await.unwrap();
    let block = |number: &str| format!("{device}/certificates/{}/block", number.repeat(32));

    let steps = visit.get(&format!("{device}/provision")).await.text;
    for (number, told, other) in [
        ("11", "It can be accepted again later.", "for good"),
        (
            "22",
            "for good. The device then needs a new claim code.",
            "accepted",
        ),
    ] {
        let path = block(number);
        assert!(steps.contains(&format!("href=\"{path}\"")), "{steps}");
        assert!(!steps.contains(&format!("action=\"{path}\"")), "{steps}");
        let asked = visit.get(&path).await.text;
        for text in [
            "Block this certificate of Hall speaker?",
            told,
            "class=\"danger\"",
        ] {
            assert!(asked.contains(text), "{text}: {asked}");
        }
        assert!(!asked.contains(other), "{asked}");
    }
    assert_eq!(visit.get(&block("33")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(visit.audit().await, ["add device"], "nothing is done yet");
}

#[tokio::test]
async fn certificates_come_before_the_steps_only_while_one_of_them_waits() {
    let visit = Visit::of(Role::Admin).await;
    for (mac, kind) in [(MAC, "algo"), ("0022EE0A0B0D", "oyez")] {
        let device = visit.add_device(mac, kind, "").await;
        show(&visit, &device, 0x11, Standing::Good).await;
        for (standing, is_first) in [(None, false), (Some(Standing::Held), true)] {
            if let Some(standing) = standing {
                show(&visit, &device, 0x22, standing).await;
            }
            let page = visit.get(&format!("{device}/provision")).await.text;
            let place = |text| page.find(text).unwrap();
            assert_eq!(page.matches("Certificates it has shown").count(), 1);
            assert_eq!(
                place("Certificates it has shown") < place("<h2>Steps"),
                is_first,
                "{kind}"
            );
        }
    }
}

#[tokio::test]
async fn a_device_that_is_registered_and_held_is_nowhere_called_fine() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device(MAC, "algo", hall.as_str()).await;
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let line = scope.lines_of_device(&id_of(&device)).await.unwrap().remove(0);
    let why = "with its certificate somebody asked in the name of another".to_owned();
    let held = HeldDevice { at: now(), why };
    scope.hold_device(&id_of(&device), &held).await.unwrap();
    writing.commit().await.unwrap();
    let registered = ZoneEvent::Registered {
        account: one(),
        user: line.user,
        from: "192.0.2.77:5061".to_owned(),
        user_agent: None,
        transport: None,
    };
    visit.registrations.note(&registered, Timestamp(3_000));

    let works = "It works. Something waits for you under Provision.";
    let check = visit.get(&format!("{device}/check")).await.text;
    assert!(
        check.contains("class=\"busy verdict\"") && check.contains(works),
        "{check}"
    );
    assert!(!check.contains("Nothing is to be done"), "{check}");
    assert!(check.find("It is held since") < check.find(works), "{check}");
    assert!(check.contains(">Look at it under Provision</a>"), "{check}");
    let told = answer(&visit.store, &one(), &visit.registrations, MAC).await;
    assert!(
        matches!(&told, CheckAnswer::Report(report) if report.advice == works),
        "{told:?}"
    );
    let page = visit.get(&device).await.text;
    assert!(page.contains("it gets no configuration"), "{page}");
    let list = visit.get("/devices").await.text;
    assert!(list.contains("<span class=\"state bad\">Held</span>"), "{list}");

    visit.post(&format!("{device}/release"), "").await;
    assert!(!visit.get(&device).await.text.contains("it gets no configuration"));
    assert!(!visit.get("/devices").await.text.contains("Held"));
    let check = visit.get(&format!("{device}/check")).await.text;
    assert!(check.contains("Nothing is to be done"), "{check}");
}

#[tokio::test]
async fn a_device_is_removed_with_what_is_assigned_to_it_once_that_is_said() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device(MAC, "algo", hall.as_str()).await;
    let remove = format!("{device}/remove");
    let asked = visit.get(&remove).await.text;
    for text in [
        "its extension 1001 (Hall) at Page 1, with its credentials",
        "certificates that were issued",
    ] {
        assert!(asked.contains(text), "{text}: {asked}");
    }

    assert_eq!(visit.post(&remove, "").await.location(), "/devices");

    assert_eq!(visit.get(&device).await.status, StatusCode::NOT_FOUND);
    assert!(visit.get("/common-areas").await.text.contains("1001"));
    assert_eq!(visit.audit().await, ["remove device", "add device"]);
    let unassigned = visit.add_device(MAC, "algo", "").await;
    let answer = visit.post(&format!("{unassigned}/remove"), "").await;
    assert_eq!(answer.location(), "/devices/unassigned");
}
