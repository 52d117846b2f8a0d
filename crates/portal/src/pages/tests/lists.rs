//! Lists that are searched and read page by page, what became of pages, and the guide to the first.

use model::inventory::{Attempt, AttemptOutcome};
use model::status::ZoneEvent;

use super::*;

#[tokio::test]
async fn w05_a_list_is_searched_and_goes_on_where_its_page_ends() {
    let visit = Visit::of(Role::Admin).await;
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    for number in 0..120_u32 {
        let holder = Holder {
            id: HolderId::from_random(u128::from(number) + 1),
            kind: HolderKind::CommonArea,
            name: DisplayName::new(&format!("Room {number}")).unwrap(),
            extension: (1000 + number).to_string().parse().unwrap(),
            package: String::new(),
            country: CountryCode::new("CA").unwrap(),
            time_zone: TimeZone::new("UTC").unwrap(),
            site: None,
        };
        scope.add_holder(&holder).await.unwrap();
    }
    writing.commit().await.unwrap();

    let mut path = "/common-areas".to_owned();
    let mut seen = Vec::new();
    loop {
        let text = visit.get(&path).await.text;
        let numbers = text.split("data-label=\"Extension\">").skip(1);
        seen.push(
            numbers
                .map(|rest| rest.split('<').next().unwrap().to_owned())
                .collect::<Vec<_>>(),
        );
        let Some((before, _)) = text.split_once("\">Next page") else {
            break;
        };
        let query = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
        path = format!("/common-areas{query}");
    }
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20]);
    assert_eq!(seen.concat().len(), 120);

    let found = visit.get("/common-areas?q=room+11").await.text;
    assert!(found.contains("Room 118") && !found.contains("Room 12<") && !found.contains("Next page"));
    let nothing = visit.get("/common-areas?q=%3Cscript%3E").await.text;
    assert!(nothing.contains("Nothing is found by") && !nothing.contains("<script>"));
    let odd = visit.get("/common-areas?after=nonsense").await;
    assert_eq!(odd.status, StatusCode::OK);
}

#[tokio::test]
async fn what_became_of_a_page_is_told_listener_by_listener() {
    let visit = Visit::of(Role::Viewer).await;
    assert!(visit.get("/reports").await.text.contains("There was no page yet"));
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    scope.add_page_report(Timestamp(0), &report()).await.unwrap();
    writing.commit().await.unwrap();
    visit.add_group(&[]).await;

    let list = visit.get("/reports").await.text;

    assert!(
        list.contains("1 of 3 heard it, 1 answered")
            && list.contains("4.2 s")
            && list.contains(">1900 (now Everywhere)<"),
        "{list}"
    );
    let extension = report().extension;
    let found = visit.get(&format!("/reports?q={extension}")).await.text;
    assert!(found.contains("1 of 3 heard it"), "{found}");
    let others = visit.get(&format!("/reports?q={extension}9")).await.text;
    assert!(
        others.contains("No page is found") && !others.contains("1 of 3 heard it"),
        "{others}"
    );
    let path = list.split_once("href=\"/reports/").unwrap().1;
    let number = path.split('"').next().unwrap();
    let page = visit.get(&format!("/reports/{number}")).await.text;
    for text in [
        "it refused with 486: an alert sounds",
        "Heard",
        "it gives no receipts; 3 ‰",
        "first sound after 80 ms; 4.1 s of it played",
        "<h1>Page to 1900 (now Everywhere)</h1>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[tokio::test]
async fn the_guide_leads_step_by_step_to_a_heard_page() {
    let visit = Visit::of(Role::Admin).await;
    let next = async || {
        let text = visit.get("/start/live").await.text;
        let step = text
            .split_once("aria-current=\"step\"")
            .map(|(_, rest)| rest.to_owned());
        let step = step.unwrap_or(text);
        step.split_once("<strong>").map_or(String::new(), |(_, rest)| {
            rest.split('<').next().unwrap_or_default().to_owned()
        })
    };
    assert_eq!(next().await, "Add a common area");
    let user = "name=Ann+Example&extension=1000&package=Standard&country=ca&time_zone=UTC";
    visit.post("/users/add", user).await;
    assert_eq!(next().await, "Add a common area", "a user is none");
    let hall = visit.add_area(1, "Hall", "1001").await;
    assert_eq!(next().await, "Add the device that hangs there");
    let device = visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;
    assert_eq!(next().await, "Provision it");
    assert!(visit.get("/").await.text.contains(&format!("{device}/provision")));
    let attempt = Attempt {
        at: Timestamp(0),
        mac: Some("0022EE0A0B0C".parse().unwrap()),
        source: "192.0.2.1".to_owned(),
        file: "algom0022EE0A0B0C.conf".to_owned(),
        outcome: AttemptOutcome::Served,
        proved: true,
        times: 1,
        detail: String::new(),
    };
    let mut writing = visit.store.write().await.unwrap();
    writing.add_attempt(&attempt).await.unwrap();
    writing.commit().await.unwrap();
    assert_eq!(next().await, "See it registered");
    visit.register().await;
    assert_eq!(next().await, "Page it");
    let unheard = PageReport {
        listeners: report().listeners.into_iter().take(1).collect(),
        ..report()
    };
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    scope.add_page_report(Timestamp(0), &unheard).await.unwrap();
    writing.commit().await.unwrap();
    assert_eq!(next().await, "Page it");
    let guide = visit.get("/start/live").await.text;
    for text in [
        "1 common area<",
        "0 of 1 heard it.",
        "href=\"/reports/1\">See why",
    ] {
        assert!(guide.contains(text), "{text}: {guide}");
    }
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    scope.add_page_report(Timestamp(0), &report()).await.unwrap();
    writing.commit().await.unwrap();
    assert!(visit.get("/").await.text.contains("a page was heard"));
}

#[tokio::test]
async fn zones_are_listed_with_how_they_are_connected_and_which_directory_they_have() {
    let visit = Visit::of(Role::Viewer).await;
    assert!(visit.get("/zones").await.text.contains("no zone yet"));
    let registrations = &visit.registrations;
    registrations.name_own("campus", model::directory::Epoch(1), Timestamp(0));
    registrations.expect_zone("c");
    let connection = registrations.connect("b", Timestamp(0));
    let hall = ZoneEvent::Registered {
        account: one(),
        user: "line1".parse().unwrap(),
        from: "192.0.2.7:5061".to_owned(),
        user_agent: None,
        transport: None,
    };
    registrations.note_at("b", &hall, Timestamp(0));
    let page = visit.get("/zones").await.text;
    for text in [
        "campus",
        "in the process",
        "Connected",
        "since 01 Jan 1970",
        "not since the service was started",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    registrations.disconnect("b", connection, Timestamp(0));
    let live = visit.get("/zones/live").await.text;
    assert!(live.contains("it goes on with the directory it has"), "{live}");
    assert!(!live.contains("<html"), "the rows alone");
}
