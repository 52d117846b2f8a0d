//! Page groups: the list, a group's own page, and choosing its members and who may page it.

use model::SlotKind;
use model::inventory::{Site as Place, SiteTitle};
use model::{DeviceId, SlotPosition};

use super::*;

const GROUP: &str = "name=Everywhere&extension=1900&pagers=everybody&urgency=normal";

/// The one group there is.
async fn group_of(visit: &Visit) -> PageGroup {
    let mut reading = visit.store.read().await.unwrap();
    reading.account(&one()).groups().await.unwrap().remove(0)
}

#[tokio::test]
async fn a_page_group_is_added_and_then_its_members_are_chosen() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let gate = visit.add_area(2, "Gate", "1002").await;
    let taken = visit
        .post("/page-groups/add", &GROUP.replace("1900", "1001"))
        .await;
    assert!(
        taken.marks("extension", "extension 1001 is Hall"),
        "{}",
        taken.text
    );
    assert!(
        taken.text.contains("value=\"Everywhere\""),
        "what was typed stays"
    );
    for (wrong, field) in [("pagers=everybody", "pagers"), ("urgency=normal", "urgency")] {
        let answer = visit.post("/page-groups/add", &GROUP.replace(wrong, "")).await;
        assert!(answer.marks(field, "choose"), "{}", answer.text);
    }

    let answer = visit.post("/page-groups/add", GROUP).await;

    let members = answer.location().to_owned();
    let page = visit.get(&members).await.text;
    assert!(
        page.contains("Hall (1001)") && page.contains("Gate (1002)"),
        "{page}"
    );
    let nothing = visit.post(&members, "of=extensions").await;
    let told = visit.get(nothing.location()).await.text;
    assert!(told.contains("Nothing was added: tick"), "{told}");
    let form = format!("of=extensions&q=a&member=extension:{hall}&member=extension:{gate}");
    let answer = visit.post(&members, &form).await;
    let told = visit.get(answer.location()).await.text;
    assert!(told.contains("2 were added"), "{told}");
    assert_eq!(told.matches("checked disabled").count(), 2, "{told}");
    assert_eq!(
        visit.audit().await[..2],
        ["add members to page group", "add page group"]
    );
    assert_eq!(
        visit.last_detail().await,
        "Everywhere (1900): Hall (1001), Gate (1002)"
    );
    let list = visit.get("/page-groups").await.text;
    assert!(list.contains("2 users and common areas"), "{list}");
}

#[tokio::test]
async fn members_are_devices_slots_and_sites_as_well_and_go_one_by_one() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;
    let id = device.trim_start_matches("/devices/").to_owned();
    let site = Place {
        id: "north".parse().unwrap(),
        name: SiteTitle::new("North").unwrap(),
    };
    let mut writing = visit.store.write().await.unwrap();
    writing.account(&one()).add_site(&site).await.unwrap();
    writing.commit().await.unwrap();
    let group = visit.add_group(&[]).await;
    let empty = visit.get(&group).await.text;
    assert!(
        empty.contains("Nobody hears it yet") && empty.contains("0 page slots"),
        "{empty}"
    );

    let members = format!("{group}/members");
    for (of, q, shown, value) in [
        ("devices", "hall", "Hall speaker", format!("device:{id}")),
        ("devices", "0022ee", "Page 1", format!("slot:1:{id}")),
        ("sites", "ORT", "North", "site:north".to_owned()),
    ] {
        let page = visit.get(&format!("{members}?of={of}&q={q}")).await.text;
        assert!(
            page.contains(shown) && page.contains(&format!("value=\"{value}\"")),
            "{page}"
        );
        let answer = visit.post(&members, &format!("of={of}&member={value}")).await;
        assert!(answer.location().ends_with("added=1"), "{}", answer.location());
    }
    let page = visit.get(&group).await.text;
    for text in [
        "all its page slots",
        "Page 1: extension 1001",
        "all page slots there",
        "1 page slot<",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    visit
        .post(&format!("{members}/remove"), &format!("member=device:{id}"))
        .await;
    let left = [
        GroupMember::Slot(
            id.parse::<DeviceId>().unwrap(),
            SlotPosition::new(SlotKind::Page, 1).unwrap(),
        ),
        GroupMember::Site(site.id),
    ];
    assert_eq!(group_of(&visit).await.members, left);
    assert_eq!(visit.last_detail().await, "Everywhere (1900): Hall speaker");
}

#[tokio::test]
async fn whoever_would_hear_nothing_is_said_to() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let gate = visit.add_area(2, "Gate", "1002").await;
    visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;
    let mute = visit.add_device("0022EE0A0B0D", "algo", "").await;
    let id: DeviceId = mute.trim_start_matches("/devices/").parse().unwrap();
    let members = [
        GroupMember::Holder(hall),
        GroupMember::Holder(gate),
        GroupMember::Device(id),
    ];
    let group = visit.add_group(&members).await;
    let told = "no page slot yet: it would hear nothing";
    for (path, count) in [
        ("/members?of=extensions", 1),
        ("/members?of=devices", 1),
        ("/pagers", 0),
        ("", 2),
    ] {
        let page = visit.get(&format!("{group}{path}")).await.text;
        let rows = page.matches(&format!("{told}<")).count();
        assert_eq!(rows, count, "{path}: {page}");
    }
    let page = visit.get(&group).await.text;
    assert!(page.contains(&format!("Extension 1002: {told}")), "{page}");
    assert!(page.contains(&format!("Device: {told}")), "{page}");
}

#[tokio::test]
async fn who_may_page_is_named() {
    let visit = Visit::of(Role::Admin).await;
    let desk = visit.add_area(1, "Front desk", "1001").await;
    let group = visit.add_group(&[]).await;
    let edit = format!("{group}/edit");
    assert!(visit.get(&edit).await.text.contains("value=\"1900\""));
    let answer = visit
        .post(&edit, "name=Gates&extension=1901&pagers=named&urgency=priority")
        .await;
    assert_eq!(answer.path(), group);
    let detail = visit.last_detail().await;
    assert!(
        detail.contains("Who May Page \"Everybody\" → \"Those who are named\""),
        "{detail}"
    );
    assert!(visit.get(&group).await.text.contains("Name somebody"));

    let pagers = format!("{group}/pagers");
    visit
        .post(&pagers, &format!("member=extension:{desk}&member=site:x"))
        .await;
    assert_eq!(group_of(&visit).await.pagers, Pagers::Named(vec![desk.clone()]));
    assert!(visit.get(&group).await.text.contains("Front desk"));
    // A change of something else leaves them.
    visit
        .post(&edit, "name=Doors&extension=1901&pagers=named&urgency=priority")
        .await;
    assert_eq!(group_of(&visit).await.pagers, Pagers::Named(vec![desk.clone()]));
    visit
        .post(&format!("{pagers}/remove"), &format!("member=extension:{desk}"))
        .await;
    assert_eq!(group_of(&visit).await.pagers, Pagers::Named(Vec::new()));
    assert_eq!(visit.audit().await[0], "end letting page a group");
}

#[tokio::test]
async fn a_page_group_is_removed_and_its_members_stay() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let group = visit.add_group(&[GroupMember::Holder(hall)]).await;
    let remove = format!("{group}/remove");
    assert!(visit.get(&remove).await.text.contains("Its members stay"));
    assert_eq!(visit.post(&remove, "").await.location(), "/page-groups");
    assert!(visit.get("/page-groups").await.text.contains("no page group yet"));
    assert_eq!(visit.audit().await[0], "remove page group");
}

#[tokio::test]
async fn who_looks_sees_a_group_and_nothing_to_change_it_with() {
    let visit = Visit::of(Role::Viewer).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let group = visit.add_group(&[GroupMember::Holder(hall)]).await;
    let page = visit.get(&group).await.text;
    assert!(
        page.contains("Hall") && !page.contains("Remove") && !page.contains("/edit"),
        "{page}"
    );
}

#[tokio::test]
async fn w01_hostile_names_are_inert_where_members_are_chosen() {
    let visit = Visit::of(Role::Admin).await;
    let hostile = "\"><script>alert(1)</script>";
    let hall = visit.add_area(1, hostile, "1001").await;
    let group = visit.add_group(&[GroupMember::Holder(hall)]).await;
    for path in [
        group.clone(),
        format!("{group}/members"),
        format!("{group}/pagers?q=%22%3Ealert(1)"),
    ] {
        let text = visit.get(&path).await.text;
        assert!(text.contains("alert(1)"), "{text}");
        assert!(!text.contains("<script>") && !text.contains("\">alert"), "{text}");
    }
}

#[tokio::test]
async fn a_pin_is_set_changed_and_removed_and_never_shown() {
    let visit = Visit::of(Role::Admin).await;
    let group = visit.add_group(&[]).await;
    let edit = format!("{group}/edit");
    let form = |pin: &str| format!("{GROUP}&{pin}");
    assert!(visit.get(&group).await.text.contains("<dt>PIN</dt><dd>None"));

    for (wrong, field, right) in [
        ("pin-use=asked&pin=", "pin", "4 to 16 digits"),
        ("pin-use=asked&pin=471", "pin", "4 to 16 digits"),
        ("pin-use=asked&pin=47x1", "pin", "4 to 16 digits"),
        (
            "pin-use=unasked&pin=4711",
            "pin-use",
            "choose that they are asked for",
        ),
        (
            "pin-use=none&pin=4711",
            "pin-use",
            "choose that they are asked for",
        ),
        ("pin-use=kept&pin=471", "pin", "4 to 16 digits"),
        ("pin-use=&pin=4711", "pin-use", "choose whether"),
    ] {
        let answer = visit.post(&edit, &form(wrong)).await;
        assert!(answer.marks(field, right), "{wrong}: {}", answer.text);
        assert!(answer.text.contains("value=\"1900\""), "what was typed stays");
        let keyed = wrong.rsplit('=').next().unwrap_or_default();
        assert!(keyed.is_empty() || !answer.text.contains(keyed), "but no digit");
    }

    for (pin, told) in [
        ("pin-use=asked&pin=4711", "; PIN set"),
        ("pin-use=kept&pin=", ": nothing"),
        ("pin-use=kept&pin=081512", "; PIN changed"),
        ("pin-use=none&pin=", "; PIN removed"),
        ("pin-use=asked&pin=1234567890123456", "; PIN set"),
    ] {
        let answer = visit.post(&edit, &form(pin)).await;
        assert_eq!(answer.path(), group);
        let detail = visit.last_detail().await;
        assert!(detail.ends_with(told), "{detail}");
        assert!(!detail.contains("4711") && !detail.contains("0815"), "{detail}");
    }
    let shown = visit.get(&group).await.text;
    assert!(shown.contains("Asked for before each page"), "{shown}");
    let form_shown = visit.get(&edit).await.text;
    assert!(form_shown.contains("left empty, they stay") && !form_shown.contains("1234567890123456"));

    // Whoever has typed another one beside a mistake has to be told that it is not in the form any more.
    let beside = form("pin-use=asked&pin=999999").replace("extension=1900", "extension=x");
    let answer = visit.post(&edit, &beside).await;
    assert!(
        answer.marks("extension", "x") && answer.marks("pin", "type it once more"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("999999"));
}

#[tokio::test]
async fn a_form_that_nobody_touched_keeps_the_pin_that_another_has_set_or_removed_meanwhile() {
    let visit = Visit::of(Role::Admin).await;
    let group = visit.add_group(&[]).await;
    let edit = format!("{group}/edit");
    let untouched = async || {
        let form = visit.get(&edit).await.text;
        let (_, choices) = form.split_once("<select id=\"pin-use\"").unwrap();
        let (before, _) = choices.split_once("\" selected").unwrap();
        let chosen = before.rsplit('"').next().unwrap();
        format!("{GROUP}&pin-use={chosen}&pin=")
    };
    let id = group_of(&visit).await.id;
    let pins = async || {
        let mut reading = visit.store.read().await.unwrap();
        reading.account(&one()).group_pins().await.unwrap()
    };

    let opened = untouched().await;
    visit
        .post(&edit, &format!("{GROUP}&pin-use=asked&pin=4711"))
        .await;
    assert_eq!(visit.post(&edit, &opened).await.path(), group);
    assert!(pins().await[&id].matches("4711"));

    let opened = untouched().await;
    visit.post(&edit, &format!("{GROUP}&pin-use=none&pin=")).await;
    assert_eq!(visit.post(&edit, &opened).await.path(), group);
    assert!(pins().await.is_empty());
}

#[tokio::test]
async fn the_list_of_groups_marks_those_with_a_pin() {
    let visit = Visit::of(Role::Viewer).await;
    visit.add_group(&[]).await;
    let group = group_of(&visit).await.id;
    let marker = "<span class=\"state none\">PIN</span>";
    assert!(!visit.get("/page-groups").await.text.contains(marker));

    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let pin = Secret::from("4711");
    scope.set_group_pin(&group, Some(&pin)).await.unwrap();
    writing.commit().await.unwrap();

    let list = visit.get("/page-groups").await.text;
    assert!(list.contains(marker) && !list.contains("4711"), "{list}");
}

#[tokio::test]
async fn a_group_is_added_with_its_pin() {
    let visit = Visit::of(Role::Admin).await;
    let answer = visit
        .post("/page-groups/add", &format!("{GROUP}&pin-use=asked&pin=4711"))
        .await;
    assert!(answer.location().ends_with("/members"));
    assert_eq!(visit.last_detail().await, "Everywhere (1900); PIN set");
    let id = group_of(&visit).await.id;
    let mut reading = visit.store.read().await.unwrap();
    assert!(reading.account(&one()).group_pins().await.unwrap()[&id].matches("4711"));
}
