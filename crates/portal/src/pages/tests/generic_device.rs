//! Generic devices: an address of their own, and credentials to type.

use model::inventory::LinePlace;

use super::devices::lines;
use super::*;

const MAC: &str = "0022ee-0a0b0c";

#[tokio::test]
async fn a_generic_device_rings_as_line_1_and_shows_its_credentials_on_request() {
    let visit = Visit::of(Role::Admin).await;
    let desk = visit.add_area(1, "Front desk", "1001").await;
    let device = visit.add_device(MAC, "other", desk.as_str()).await;
    let [line] = &lines(&visit, &device).await[..] else {
        panic!("one line");
    };
    assert_eq!(line.place, LinePlace::Phone(1));
    let steps = visit.get(&format!("{device}/provision")).await.text;
    assert!(steps.contains("Show the credentials") && !steps.contains(line.password.reveal()));

    let shown = visit.post(&format!("{device}/credentials"), "").await.text;

    for text in [
        "SIP Domain",
        "one.example.com",
        "Outbound Proxy",
        "zone-a.example.com:5061",
        "User Name",
        line.user.as_str(),
        "Authorization ID",
        line.authorization_id.as_str(),
        "Password",
        line.password.reveal(),
        &format!(
            "&#60;sip:{}@one.example.com;transport=tls&#62;;auth_user={};auth_pass={};\
             outbound=&#34;sip:zone-a.example.com:5061;transport=tls&#34;;mediaenc=srtp-mand",
            line.user,
            line.authorization_id,
            line.password.reveal()
        ),
        "There is no page group yet",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let (_, hardware) = shown.split_once("<summary>On an Algo device").unwrap();
    let user = format!(
        "Page Extension, Ring Extension or Emergency Alert</dt><dd><code>{}<",
        line.user
    );
    let id = format!("Authentication ID</dt><dd><code>{}<", line.authorization_id);
    let password = format!(
        "Authentication Password</dt><dd><code>{}<",
        line.password.reveal()
    );
    for text in [
        "SIP Domain (Proxy Server)</dt><dd><code>one.example.com<",
        &user,
        &id,
        &password,
        "Outbound Proxy</dt><dd><code>zone-a.example.com:5061<",
        "SIP Registration says <strong>Successful",
    ] {
        assert!(hardware.contains(text), "{text}: {hardware}");
    }
    assert_eq!(visit.audit().await, ["show credentials", "add device"]);
    let status = visit.post(&format!("{device}/claim-code"), "").await.status;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn credentials_name_a_page_group_that_has_members_and_that_the_phone_may_page() {
    let visit = Visit::of(Role::Admin).await;
    let desk = visit.add_area(1, "Front desk", "1001").await;
    let hall = visit.add_area(2, "Hall", "1002").await;
    let device = visit.add_device(MAC, "other", desk.as_str()).await;
    let group = visit.add_group(&[]).await;
    let mut group = {
        let id = group.rsplit_once('/').unwrap().1.parse().unwrap();
        let mut reading = visit.store.read().await.unwrap();
        reading.account(&one()).group(&id).await.unwrap().unwrap()
    };
    let member = GroupMember::Holder(hall.clone());
    for (members, pagers, is_named) in [
        (vec![], Pagers::Everybody, false),
        (vec![member.clone()], Pagers::Everybody, true),
        (vec![member.clone()], Pagers::Named(vec![hall.clone()]), false),
        (vec![member.clone()], Pagers::Named(vec![hall, desk]), true),
        (vec![member], Pagers::Portal, false),
    ] {
        (group.members, group.pagers) = (members, pagers);
        let mut writing = visit.store.write().await.unwrap();
        writing.account(&one()).update_group(&group).await.unwrap();
        writing.commit().await.unwrap();

        let shown = visit.post(&format!("{device}/credentials"), "").await.text;

        let told = "Dial <strong>1900</strong> to page Everywhere. Speak as soon as it answers";
        assert_eq!(shown.contains(told), is_named, "{group:?}: {shown}");
        assert_eq!(shown.contains("There is no page group yet"), !is_named, "{shown}");
    }
}

#[tokio::test]
async fn a_generic_device_without_an_address_is_given_one_and_others_are_not() {
    let visit = Visit::of(Role::Admin).await;
    let form = |kind: &str| format!("name=Phone&description=&mac=+&type={kind}&model=&assigned=");
    for kind in ["algo", "oyez", "toaster"] {
        let refused = visit.post("/devices/add", &form(kind)).await;
        assert!(refused.marks("mac", "12 hexadecimal digits"), "{}", refused.text);
    }

    for _ in 0..2 {
        visit.post("/devices/add", &form("other")).await;
    }

    let mut reading = visit.store.read().await.unwrap();
    let devices = reading.account(&one()).devices().await.unwrap();
    let addresses: Vec<String> = devices.iter().map(|device| device.mac.to_string()).collect();
    assert!(
        addresses.iter().all(|mac| mac.starts_with("02:")),
        "{addresses:?}"
    );
    assert_eq!(addresses.len(), 2);
    assert_ne!(addresses[0], addresses[1]);
}
