//! Devices: adding, assigning, provisioning, checking.

use model::inventory::{Attempt, AttemptOutcome, Line, LinePlace, MacAddress, Timestamp};
use model::status::{RegistrationRefusal, ZoneEvent};
use model::{DeviceId, SlotKind, SlotPosition};

use axum::body::BodyDataStream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;

use super::Resync;
use super::*;
use crate::provisioning::claim_code_hash;

pub(super) const MAC: &str = "0022ee-0a0b0c";
const ADDRESS: MacAddress = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]);

pub(super) async fn lines(visit: &Visit, device: &str) -> Vec<Line> {
    let id: DeviceId = device.trim_start_matches("/devices/").parse().unwrap();
    let mut reading = visit.store.read().await.unwrap();
    reading.account(&one()).lines_of_device(&id).await.unwrap()
}

#[tokio::test]
async fn a_device_is_added_assigned_to_page_slot_1_with_credentials_of_its_own() {
    let visit = Visit::of(Role::Admin).await;
    assert!(visit.get("/devices").await.text.contains("no device yet"));
    let hall = visit.add_area(1, "Hall", "1001").await;

    let device = visit.add_device(MAC, "algo", hall.as_str()).await;

    let page = visit.get(&device).await.text;
    for text in [
        "00:22:EE:0A:0B:0C",
        "Algo",
        "algo-sip-based-device",
        "Page 1",
        "1001",
        "Not registered",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let [line] = &lines(&visit, &device).await[..] else {
        panic!("one line");
    };
    assert_eq!(line.place, LinePlace::Slot(SlotPosition::BASE_PAGE));
    assert_eq!(line.user.as_str().len(), 20);
    assert_eq!(line.authorization_id.as_str().len(), 12);
    assert!(line.password.reveal().len() >= 26);
    assert!(!page.contains(line.password.reveal()));
    assert!(visit.get("/devices").await.text.contains("Hall (1001)"));
    assert!(!visit.get("/devices/unassigned").await.text.contains(&device));
    assert!(visit.get("/common-areas").await.text.contains(&device));
    assert_eq!(visit.audit().await, ["add device"]);
}

#[tokio::test]
async fn who_may_be_registered_at_a_zone_that_has_not_told_is_not_called_unregistered() {
    let visit = Visit::of(Role::Admin).await;
    let area = visit.add_area(1, "Hall", "701").await;
    let device = visit
        .add_device("00:22:ee:01:02:03", "algo", &area.to_string())
        .await;
    visit.registrations.expect_zone("b");
    for path in [
        device.clone(),
        format!("{device}/extensions"),
        format!("{device}/check"),
    ] {
        let page = visit.get(&path).await.text;
        assert!(page.contains("Not known"), "{path}: {page}");
    }
    let page = visit.get(&device).await.text;
    assert!(page.contains("zone b has not told"), "{page}");
    let check = visit.get(&format!("{device}/check")).await.text;
    assert!(check.contains("Zone b has not told"), "{check}");

    visit.registrations.restate_at("b", &[], now());

    let check = visit.get(&format!("{device}/check")).await.text;
    assert!(
        check.contains("Not registered") && !check.contains("has not told"),
        "{check}"
    );
}

#[tokio::test]
async fn a_wrong_field_of_a_device_is_marked_and_nothing_is_added() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let right =
        format!("name=Speaker&description=&mac={MAC}&type=algo&model=algo-sip-based-device&assigned={hall}");
    for (part, wrong, field, told) in [
        ("name=Speaker", "name=S", "name", "3 to 255 characters"),
        (MAC, "0022EE0A0B", "mac", "12 hexadecimal digits"),
        ("type=algo", "type=toaster", "type", "choose one of the types"),
        (hall.as_str(), "gone", "assigned", "choose another"),
    ] {
        let answer = visit.post("/devices/add", &right.replace(part, wrong)).await;
        assert!(answer.marks(field, told), "{wrong}: {}", answer.text);
    }
    assert!(visit.get("/devices").await.text.contains("no device yet"));

    assert_eq!(
        visit.post("/devices/add", &right).await.status,
        StatusCode::SEE_OTHER
    );
    let again = visit
        .post("/devices/add", &right.replace(hall.as_str(), ""))
        .await;
    assert!(
        again.marks("mac", "00:22:EE:0A:0B:0C is Speaker"),
        "{}",
        again.text
    );
}

#[tokio::test]
async fn a_device_has_the_model_of_its_type_whatever_stands_in_the_form() {
    let visit = Visit::of(Role::Admin).await;
    for (mac, kind, model) in [
        (
            "0022EE0A0B1",
            "algo",
            "Algo SIP-based device (<code>algo-sip-based-device</code>)",
        ),
        ("0022EE0A0B2", "oyez", "Oyez IP Endpoint (<code>oyez</code>)"),
        ("0022EE0A0B3", "other", "not known"),
    ] {
        for (number, typed) in ["algo-sip-based-device", "oyez", "", "toaster"]
            .into_iter()
            .enumerate()
        {
            let form =
                format!("name=Speaker&description=&mac={mac}{number}&type={kind}&model={typed}&assigned=");
            let answer = visit.post("/devices/add", &form).await;
            let page = visit.get(answer.location()).await.text;
            let found = page.split_once("<dt>Model</dt><dd>").unwrap().1;
            assert!(found.starts_with(model), "{kind}, {typed}: {found}");
        }
    }
}

#[tokio::test]
async fn a_claim_code_is_shown_once_and_is_good_for_its_device() {
    let visit = Visit::of(Role::Admin).await;
    let device = visit.add_device(MAC, "oyez", "").await;
    let steps = visit.get(&format!("{device}/provision")).await.text;
    assert!(steps.contains("https://portal.example:8443/"));

    let shown = visit.post(&format!("{device}/claim-code"), "").await.text;

    let code = shown.split("class=\"code\">").nth(1).unwrap();
    let code = code.split('<').next().unwrap().to_owned();
    assert!(
        !visit
            .get(&format!("{device}/provision"))
            .await
            .text
            .contains(&code)
    );
    let id: DeviceId = device.trim_start_matches("/devices/").parse().unwrap();
    let mut writing = visit.store.write().await.unwrap();
    let (hash, key) = (claim_code_hash(&code), claim_code_hash("a key"));
    writing
        .use_claim_code(hash, &id, key, super::super::now())
        .await
        .unwrap();
    drop(writing);
    assert_eq!(visit.audit().await, ["make claim code", "add device"]);
    let status = visit.post(&format!("{device}/credentials"), "").await.status;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_certificates_of_a_device_are_taken_back_with_its_claim_code() {
    let visit = Visit::of(Role::Admin).await;
    let device = visit.add_device(MAC, "oyez", "").await;
    visit.post(&format!("{device}/claim-code"), "").await;
    let steps = visit.get(&format!("{device}/provision")).await.text;
    assert!(steps.contains(&format!("href=\"{device}/revoke\"")));
    let asked = visit.get(&format!("{device}/revoke")).await.text;
    assert!(asked.contains("do not become good again"));
    assert_eq!(visit.audit().await, ["make claim code", "add device"]);
    let answer = visit.post(&format!("{device}/revoke"), "").await;
    assert_eq!(answer.location(), format!("{device}?asked=revoke"));
    assert!(
        visit
            .get(answer.location())
            .await
            .text
            .contains("is good no more.")
    );
    assert_eq!(
        visit.audit().await,
        ["revoke certificates", "make claim code", "add device"]
    );
}

#[tokio::test]
async fn extensions_are_chosen_placed_and_removed() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let bell = visit.add_area(2, "Bell", "1002").await;
    let fire = visit.add_area(3, "Fire alarm", "1003").await;
    let device = visit.add_device(MAC, "oyez", hall.as_str()).await;
    let add = format!("{device}/extensions/add");
    let choose = visit.get(&add).await.text;
    assert!(choose.contains("Users") && choose.contains("Common Areas") && choose.contains("Next"));
    assert!(
        choose.contains("<span class=\"soft\">Page 1 of this device</span>"),
        "{choose}"
    );
    let other = visit.add_device("0022EE0A0B0D", "oyez", "").await;
    let elsewhere = visit.get(&format!("{other}/extensions/add")).await.text;
    assert!(elsewhere.contains("Page 1 of Hall speaker"), "{elsewhere}");
    let nobody = visit.get(&format!("{add}?next=1")).await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);
    let placing = visit
        .get(&format!("{add}?holder={bell}&holder={fire}&next=1"))
        .await
        .text;
    assert!(placing.contains("Bell (1002)") && placing.contains("Fire alarm (1003)"));
    assert!(
        placing.contains("value=\"2\"") && placing.contains("value=\"3\""),
        "free ports"
    );

    let form =
        format!("holder={bell}&holder={fire}&type-{bell}=ring&port-{bell}=1&type-{fire}=alert&port-{fire}=1");
    for (part, wrong, field, told) in [
        (
            format!("type-{bell}=ring"),
            format!("type-{bell}=page"),
            format!("type-{bell}"),
            "page port 1 has extension 1001",
        ),
        (
            format!("port-{bell}=1"),
            format!("port-{bell}=11"),
            format!("port-{bell}"),
            "ports 1 to 10",
        ),
        (
            format!("type-{fire}=alert"),
            format!("type-{fire}=phone"),
            format!("type-{fire}"),
            "page, ring and alert slots",
        ),
    ] {
        let answer = visit.post(&add, &form.replace(&part, &wrong)).await;
        assert!(answer.marks(&field, told), "{wrong}: {}", answer.text);
        assert_eq!(lines(&visit, &device).await.len(), 1, "all or nothing");
    }

    let answer = visit.post(&add, &form).await;
    assert_eq!(answer.path(), format!("{device}/extensions"));
    let list = visit.get(&format!("{device}/extensions")).await.text;
    assert!(list.contains("Page 1") && list.contains("Ring 1") && list.contains("Alert 1"));

    let ring = LinePlace::Slot(SlotPosition::new(SlotKind::Ring, 1).unwrap());
    let line = lines(&visit, &device).await;
    let line = line.iter().find(|line| line.place == ring).unwrap();
    let remove = format!("{device}/lines/{}/remove", line.id);
    let asked = visit.get(&remove).await.text;
    assert!(asked.contains("from Ring 1 of Hall speaker?"), "{asked}");
    let answer = visit.post(&remove, "").await;
    assert_eq!(answer.location(), format!("{device}/extensions"));
    assert_eq!(lines(&visit, &device).await.len(), 2);
    let answer = visit.post(&remove, "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        visit.audit().await,
        ["remove extension", "assign extension", "add device", "add device"]
    );
}

#[tokio::test]
async fn a_registered_device_is_asked_to_fetch_and_what_cannot_be_is_said() {
    let mut visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device(MAC, "algo", hall.as_str()).await;
    let resync = format!("{device}/resync");
    let answer = visit.post(&resync, "").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(
        answer.text.contains("No zone runs beside this portal"),
        "{}",
        answer.text
    );
    let (sender, mut requests) = mpsc::channel::<Resync>(1);
    visit.give_resyncs(sender);
    let user = lines(&visit, &device).await.remove(0).user;
    let answers = tokio::spawn(async move {
        let mut seen = Vec::new();
        for count in [0, 1, 1] {
            let request = requests.recv().await.unwrap();
            seen.push((request.users, request.restarts));
            request.asked.send(count).unwrap();
        }
        seen
    });

    let unregistered = visit.post(&resync, "").await;
    let asked = visit.post(&resync, "").await;
    let restarted = visit.post(&format!("{device}/restart"), "").await;

    assert!(
        unregistered.text.contains("is not registered"),
        "{}",
        unregistered.text
    );
    assert_eq!(asked.location(), format!("{device}?asked=resync"));
    assert!(visit.get(asked.location()).await.text.contains("asked to fetch"));
    assert_eq!(restarted.location(), format!("{device}?asked=restart"));
    let users = vec![user];
    let expected = [(users.clone(), false), (users.clone(), false), (users, true)];
    assert_eq!(answers.await.unwrap(), expected);
    assert_eq!(visit.audit().await[..3], ["restart", "resync", "resync"]);
    let endpoint = visit.add_device("0022EE0A0B0D", "oyez", "").await;
    let answer = visit.post(&format!("{endpoint}/restart"), "").await;
    assert_eq!(
        answer.status,
        StatusCode::NOT_FOUND,
        "an endpoint does not restart"
    );
}

#[tokio::test]
async fn the_slots_are_fetched_alone_when_the_stream_says_that_something_has_changed() {
    let visit = Visit::of(Role::Viewer).await;
    let admin = visit.begin_session(Role::Admin).await;
    let mut visit = visit;
    let viewer = std::mem::replace(&mut visit.cookie, admin);
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device(MAC, "algo", hall.as_str()).await;
    let user = lines(&visit, &device).await.remove(0).user;
    visit.cookie = viewer;
    let page = visit.get(&device).await.text;
    let live = format!("{device}/live");
    assert!(page.contains(&format!("data-live=\"{live}\"")) && page.contains("data-changes=\"/changes\""));
    let mut stream = visit.stream("/changes").await;
    assert_eq!(
        next_text(&mut stream).await,
        "data: changed\n\n",
        "what came before"
    );

    visit.registrations.note(
        &ZoneEvent::Registered {
            account: one(),
            user,
            from: "192.0.2.1:5061".to_owned(),
            user_agent: None,
            transport: None,
        },
        Timestamp(0),
    );

    assert_eq!(next_text(&mut stream).await, "data: changed\n\n");
    let part = visit.get(&live).await.text;
    assert!(part.contains("Registered") && !part.contains("<html"), "{part}");
}

async fn next_text(stream: &mut BodyDataStream) -> String {
    let octets = stream.next().await.unwrap().unwrap();
    String::from_utf8_lossy(&octets).into_owned()
}

#[tokio::test]
async fn check_names_one_cause_with_its_evidence() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device(MAC, "algo", hall.as_str()).await;
    let check = format!("{device}/check");
    assert!(visit.get(&check).await.text.contains("Never seen"));

    for (outcome, told) in [
        (AttemptOutcome::NoCertificate, "No certificate"),
        (AttemptOutcome::Untrusted, "Certificate untrusted"),
        (AttemptOutcome::Served, "Configuration fetched, not registered"),
    ] {
        let attempt = Attempt {
            at: Timestamp(1_000),
            mac: Some(ADDRESS),
            source: "192.0.2.77".to_owned(),
            file: "algom0022EE0A0B0C.conf".to_owned(),
            outcome,
            proved: outcome == AttemptOutcome::Served,
            times: 1,
            detail: "the evidence".to_owned(),
        };
        let mut writing = visit.store.write().await.unwrap();
        writing.add_attempt(&attempt).await.unwrap();
        writing.commit().await.unwrap();
        let page = visit.get(&check).await.text;
        for text in [told, "192.0.2.77", "the evidence"] {
            assert!(page.contains(text), "{text}: {page}");
        }
    }

    let line = lines(&visit, &device).await;
    let user = line[0].user.clone();
    let refused = ZoneEvent::RegistrationRefused {
        account: None,
        user: user.to_string(),
        from: "192.0.2.77:5061".to_owned(),
        why: RegistrationRefusal::WrongCredentials,
    };
    visit.registrations.note(&refused, Timestamp(2_000));
    let page = visit.get(&check).await.text;
    assert!(page.contains("registration refused") && page.contains("authorization ID or the password"));
    let registered = ZoneEvent::Registered {
        account: one(),
        user,
        from: "192.0.2.77:5061".to_owned(),
        user_agent: Some("Algo 8301".to_owned()),
        transport: None,
    };
    visit.registrations.note(&registered, Timestamp(3_000));
    let page = visit.get(&check).await.text;
    assert!(
        page.contains("Nothing is to be done") && page.contains("Algo 8301"),
        "{page}"
    );
    assert!(visit.get("/devices").await.text.contains("state good"));
}

/// What the passwords of the last generation are made of.
async fn last_secret(visit: &Visit) -> store::DeviceSecret {
    let mut reading = visit.store.read().await.unwrap();
    let found = reading.account(&one()).device_secret().await.unwrap();
    found.unwrap()
}

#[tokio::test]
async fn the_page_of_hardware_says_which_password_it_has_and_shows_it_on_request() {
    let visit = Visit::of(Role::Admin).await;
    let path = visit.add_device("0022EE0A0B0C", "algo", "").await;
    let id: DeviceId = path.trim_start_matches("/devices/").parse().unwrap();
    let reveal = format!("{path}/password");
    let missing = visit.post(&reveal, "").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND, "there is none yet");
    visit.post("/device-password/rotate", "").await;
    let first = last_secret(&visit).await;
    let own = |secret: &store::DeviceSecret| web::derived_password(secret.secret.reveal(), "0022EE0A0B0C");
    let given = async |generation| {
        let mut writing = visit.store.write().await.unwrap();
        let at = Timestamp(0);
        let given = store::GivenPassword { generation, at };
        let mut scope = writing.account(&one());
        scope.note_given_password(&id, given).await.unwrap();
        writing.commit().await.unwrap();
    };

    let page = visit.get(&path).await.text;
    assert!(page.contains("kept here, or that of its maker"), "{page}");
    given(1).await;
    let page = visit.get(&path).await.text;
    assert!(page.contains("was sent the password of generation 1, the last one"));
    assert!(!page.contains(&own(&first)), "{page}");
    visit.post("/device-password/rotate", "").await;
    let second = last_secret(&visit).await;
    let page = visit.get(&path).await.text;
    assert!(page.contains("generation 1; its next fetch brings that of generation 2"));
    let shown = visit.post(&reveal, "").await.text;
    let places = [&first, &second].map(|secret| shown.find(&own(secret)).unwrap());
    assert!(places[0] < places[1], "what it was sent comes first: {shown}");
    assert_eq!(visit.audit().await[0], "show device password");
    assert_eq!(visit.last_detail().await, "Hall speaker (00:22:EE:0A:0B:0C)");
    given(2).await;
    let shown = visit.post(&reveal, "").await.text;
    let places = [&second, &first].map(|secret| shown.find(&own(secret)).unwrap());
    assert!(
        places[0] < places[1],
        "it may not have taken what it was sent: {shown}"
    );

    let ours = visit.add_device("0022EE0A0B0D", "oyez", "").await;
    let missing = visit.post(&format!("{ours}/password"), "").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn whoever_makes_other_passwords_is_asked_again_where_that_of_a_device_may_go() {
    let visit = Visit::of(Role::Admin).await;
    visit.add_device("0022EE0A0B0C", "algo", "").await;
    let mut writing = visit.store.write().await.unwrap();
    let here = Attempt {
        at: Timestamp(0),
        mac: Some("0022EE0A0B0C".parse().unwrap()),
        source: "192.0.2.7".to_owned(),
        file: String::new(),
        outcome: AttemptOutcome::Served,
        proved: true,
        times: 1,
        detail: String::new(),
    };
    writing.add_attempt(&here).await.unwrap();
    writing.commit().await.unwrap();
    let rotate = async |form: &str| visit.post("/device-password/rotate", form).await;
    for _ in 0..store::DEVICE_SECRETS_KEPT {
        assert_eq!(rotate("losing=0").await.location(), "/device-password");
    }

    let page = visit.get("/device-password/rotate").await.text;
    let words = "which password they have: 1.";
    assert!(
        page.contains(words) && page.contains("name=\"losing\" value=\"1\""),
        "{page}"
    );
    let asked = rotate("losing=0").await;
    assert!(asked.status == StatusCode::CONFLICT && asked.text.contains(words));
    assert_eq!(last_secret(&visit).await.generation, store::DEVICE_SECRETS_KEPT);
    assert_eq!(rotate("losing=1").await.location(), "/device-password");
}

#[tokio::test]
async fn hardware_has_a_password_of_its_own_each_until_one_for_all_is_wished_for() {
    let visit = Visit::of(Role::Admin).await;
    let page = visit.get("/device-password").await.text;
    assert!(page.contains("There is none yet") && !page.contains("Show the password"));
    let rotate = async |form: &str| {
        let answer = visit.post("/device-password/rotate", form).await;
        assert_eq!(answer.location(), "/device-password");
        last_secret(&visit).await
    };
    let ask = async |query: &str| visit.get(&format!("/device-password/rotate{query}")).await.text;

    assert!(ask("").await.contains("a new password of its own"));
    let first = rotate("").await;
    assert_eq!((first.generation, first.is_for_all), (1, false));
    let nothing = visit.post("/device-password", "").await.text;
    assert!(nothing.contains("a password of its own") && !nothing.contains(first.secret.reveal()));

    let question = ask("?for=all").await;
    assert!(question.contains("opens the pages of all") && question.contains("name=\"for\" value=\"all\""));
    let second = rotate("for=all").await;
    assert_eq!((second.generation, second.is_for_all), (2, true));
    assert!(
        !second.secret.matches(first.secret.reveal()),
        "no device learns of what others are made"
    );
    let page = visit.get("/device-password").await.text;
    assert!(page.contains("one password") && !page.contains(second.secret.reveal()));
    let shown = visit.post("/device-password", "").await.text;
    assert!(shown.contains(second.secret.reveal()), "{shown}");
    assert!(rotate("").await.is_for_all, "it stays so");
    assert!(!rotate("for=each").await.is_for_all);
    assert_eq!(visit.last_detail().await, "one for each device, generation 4");
    let audit = visit.audit().await;
    let shown = audit.iter().filter(|action| *action == "show device password");
    assert_eq!(shown.count(), 1, "nothing was shown where there is none of all");
}

#[tokio::test]
async fn the_steps_for_hardware_say_what_is_not_verified_and_what_its_file_cannot_tell_it() {
    let visit = Visit::of(Role::Admin).await;
    let mut catalogue = model::inventory::Catalogue::built_in();
    catalogue.extend("[[setting]]\nwhat = \"alert.user\"\n").unwrap();
    visit.store.set_catalogue(catalogue);
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device(MAC, "algo", hall.as_str()).await;
    let steps = visit.get(&format!("{device}/provision")).await.text;
    assert!(
        steps.contains("not verified") && steps.contains("<code>sip.srtp</code>"),
        "{steps}"
    );
    assert!(!steps.contains("Alert 1"), "page 1 is told");
    let id: DeviceId = device.trim_start_matches("/devices/").parse().unwrap();
    let fire = visit.add_area(2, "Fire", "1002").await;
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let line = scope.lines_of_device(&id).await.unwrap().remove(0);
    let alert = SlotPosition::new(SlotKind::Alert, 1).unwrap();
    scope
        .add_line(&model::inventory::Line {
            id: model::inventory::LineId::from_random(9),
            place: LinePlace::Slot(alert),
            holder: fire,
            user: "another".parse().unwrap(),
            authorization_id: "another".parse().unwrap(),
            ..line
        })
        .await
        .unwrap();
    writing.commit().await.unwrap();
    let steps = visit.get(&format!("{device}/provision")).await.text;
    assert!(steps.contains("Alert 1: this service does not know"), "{steps}");
}

#[tokio::test]
async fn what_waits_for_somebody_is_shown_and_settled_under_provision() {
    use model::inventory::{HeldDevice, ShownCertificate, Standing, TokenHash};

    let visit = Visit::of(Role::Admin).await;
    let device = visit.add_device(MAC, "algo", "").await;
    let id: DeviceId = device.trim_start_matches("/devices/").parse().unwrap();
    let shown = |number: u8, standing| ShownCertificate {
        fingerprint: TokenHash([number; 32]),
        standing,
        first_at: super::super::now(),
        last_at: super::super::now(),
        source: format!("192.0.2.{number}"),
    };
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    for one in [shown(0x11, Standing::Good), shown(0x22, Standing::Held)] {
        scope.set_shown_certificate(&id, &one).await.unwrap();
    }
    let why = "with its certificate somebody asked in the name of another".to_owned();
    let held = HeldDevice {
        at: super::super::now(),
        why,
    };
    scope.hold_device(&id, &held).await.unwrap();
    writing.commit().await.unwrap();

    let check = visit.get(&format!("{device}/check")).await.text;
    for text in [
        "It is held since",
        "asked in the name of another",
        "A second certificate has proved",
        "192.0.2.34",
    ] {
        assert!(check.contains(text), "{text}: {check}");
    }
    let (first, second) = ("11".repeat(32), "22".repeat(32));
    let steps = visit.get(&format!("{device}/provision")).await.text;
    for text in [&first, &second, "Release the device", "Waits for you", "Block"] {
        assert!(steps.contains(text), "{text}: {steps}");
    }
    for (action, path) in [
        ("accept certificate", format!("certificates/{second}/accept")),
        ("block certificate", format!("certificates/{first}/block")),
        ("release device", "release".to_owned()),
    ] {
        let answer = visit.post(&format!("{device}/{path}"), "").await;
        assert_eq!(answer.location(), format!("{device}/provision"), "{action}");
        assert_eq!(visit.audit().await[0], action);
    }
    let unknown = format!("{device}/certificates/{}/block", "33".repeat(32));
    assert_eq!(visit.post(&unknown, "").await.status, StatusCode::NOT_FOUND);
    let standings = async || -> Vec<Standing> {
        let mut reading = visit.store.read().await.unwrap();
        let mut scope = reading.account(&one());
        assert_eq!(scope.held_device(&id).await.unwrap(), None);
        let mut found = scope.shown_certificates(&id).await.unwrap();
        found.sort_by_key(|shown| shown.fingerprint);
        found.into_iter().map(|shown| shown.standing).collect()
    };
    assert_eq!(standings().await, [Standing::Blocked, Standing::Accepted]);
    assert!(
        !visit
            .get(&format!("{device}/check"))
            .await
            .text
            .contains("It is held")
    );
    visit.post(&format!("{device}/revoke"), "").await;
    assert_eq!(standings().await, [Standing::Blocked, Standing::Blocked]);
}

#[tokio::test]
async fn why_a_device_was_not_asked_is_said_and_that_somebody_wanted_it_is_kept() {
    let mut visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device(MAC, "algo", hall.as_str()).await;
    let (sender, requests) = mpsc::channel::<Resync>(1);
    let (asked, _) = tokio::sync::oneshot::channel();
    let users = Vec::new();
    let other = Resync {
        users,
        restarts: false,
        asked,
    };
    sender.try_send(other).unwrap();
    visit.give_resyncs(sender);
    let busy = visit.post(&format!("{device}/restart"), "").await;
    assert!(
        busy.text.contains("Many devices are being asked"),
        "{}",
        busy.text
    );
    drop(requests);
    let ended = visit.post(&format!("{device}/restart"), "").await;
    assert!(ended.text.contains("has ended"), "{}", ended.text);
    assert_eq!(visit.audit().await[..2], ["restart", "restart"]);

    let (sender, mut requests) = mpsc::channel::<Resync>(1);
    visit.give_resyncs(sender);
    let store = std::sync::Arc::clone(&visit.store);
    let answering = tokio::spawn(async move {
        let request = requests.recv().await.unwrap();
        let mut reading = store.read().await.unwrap();
        let audit = reading.account(&one()).audit(9).await.unwrap();
        request.asked.send(1).unwrap();
        audit.iter().filter(|entry| entry.action == "restart").count()
    });
    visit.post(&format!("{device}/restart"), "").await;
    assert_eq!(
        answering.await.unwrap(),
        3,
        "it is written down before it is done"
    );
}

#[tokio::test]
async fn the_certificate_of_the_authority_is_anybody_s_and_its_fingerprint_is_shown() {
    let mut visit = Visit::of(Role::Viewer).await;
    let page = visit.get("/authority").await.text;
    let hash = crate::provisioning::sha256(AUTHORITY.certificate());
    let pairs: Vec<String> = hash.0.iter().map(|octet| format!("{octet:02X}")).collect();
    let fingerprint = pairs.join(":");
    for text in [
        &fingerprint,
        "certs/trusted",
        "/etc/oyez-endpoint/authority.pem",
        "Certificate Trust Settings",
    ] {
        assert!(page.contains(text), "{text}");
    }
    visit.cookie = visit.begin_session(Role::Admin).await;
    let start = visit.get("/").await.text;
    assert!(
        start.contains("<a href=\"/authority\">Certificate</a>"),
        "{start}"
    );
    for (mac, kind) in [(MAC, "algo"), ("0022EE0A0B0D", "oyez")] {
        let device = visit.add_device(mac, kind, "").await;
        let steps = visit.get(&format!("{device}/provision")).await.text;
        assert!(
            steps.contains(&fingerprint) && steps.contains("href=\"/authority.pem\""),
            "{steps}"
        );
    }
    visit.cookie = String::new();
    let pem = visit.get("/authority.pem").await;
    assert_eq!(pem.status, StatusCode::OK);
    let read = net::tls::certificates_from_pem(pem.text.as_bytes()).unwrap();
    assert_eq!(read, [AUTHORITY.certificate().clone()]);
    let der = visit.get("/authority.crt").await;
    assert_eq!(der.text, String::from_utf8_lossy(AUTHORITY.certificate()));
    assert_eq!(der.headers["content-type"], "application/x-x509-ca-cert");
}
