//! What is done with several rows at once.

use model::inventory::{Site as Place, SiteId, SiteTitle};

use super::*;

const CSV: &[u8] = include_bytes!("../../../../../docs/import-example.csv");

/// A portal with the three devices and three extensions of the example, and a site.
async fn furnished() -> Visit {
    let visit = Visit::of(Role::Admin).await;
    let (path, _) = visit.dry_run("example.csv", CSV).await;
    visit.applied(&path).await;
    let mut writing = visit.store.write().await.unwrap();
    let site = Place {
        id: SiteId::from_random(1),
        name: SiteTitle::new("North").unwrap(),
    };
    writing.account(&one()).add_site(&site).await.unwrap();
    writing.commit().await.unwrap();
    visit
}

/// The fields that a page of confirmation sends, as a form.
fn sent(page: &Answer) -> String {
    let form = page.text.split("<form method=\"post\" action=\"").nth(2).unwrap();
    let hidden = form.split("<input type=\"hidden\" name=\"").skip(2);
    let fields = hidden.map(|rest| {
        let (name, rest) = rest.split_once("\" value=\"").unwrap();
        format!("{name}={}", rest.split('"').next().unwrap())
    });
    fields.collect::<Vec<_>>().join("&")
}

/// The ids that a list offers, of rows that say something.
async fn ids(visit: &Visit, list: &str, word: &str) -> Vec<String> {
    let page = visit.get(list).await.text;
    let rows = page.split("<tr>").filter(|row| row.contains(word));
    let ids = rows.filter_map(|row| row.split_once("name=\"id\" value=\""));
    ids.map(|(_, rest)| rest.split('"').next().unwrap().to_owned())
        .collect()
}

async fn done(visit: &Visit, path: &str, form: &str) -> Answer {
    let answer = visit.post(path, form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    visit.over(answer.location()).await
}

#[tokio::test]
async fn ticked_devices_are_removed_once_it_is_said_how_many_and_what_goes_along() {
    let visit = furnished().await;
    let id = ids(&visit, "/devices", "Hall speaker").await.remove(0);
    let other = ids(&visit, "/devices", "Gate speaker").await.remove(0);

    let ask = visit
        .get(&format!("/devices/selected?id={id}&id={other}&action=remove"))
        .await;
    assert!(ask.text.contains("Remove 2 devices?"), "{}", ask.text);
    assert!(ask.text.contains("Their 2 assignments go along"), "{}", ask.text);
    let page = done(&visit, "/devices/selected", &sent(&ask)).await;

    assert!(page.text.contains("Remove: done for 2 devices."), "{}", page.text);
    let left = visit.inventory().await;
    assert!(left.contains("Desk phone") && !left.contains("Hall speaker") && left.contains(",Hall,"));
    assert_eq!(visit.audit().await[0], "remove 2 devices");
}

#[tokio::test]
async fn all_that_a_search_finds_get_a_site_but_not_what_came_after_it_was_shown() {
    let visit = furnished().await;
    let ask = visit
        .get("/devices/selected?q=speaker&assigned=true&all=1&action=site")
        .await;
    assert!(ask.text.contains("Assign a site to 2 devices?"), "{}", ask.text);
    let form = format!("{}&to={}", sent(&ask), SiteId::from_random(1));
    visit.add_device("0022EE0A0BFF", "oyez", "").await;
    let page = done(&visit, "/devices/selected", &form).await;
    assert!(page.text.contains("done for 2 devices"), "{}", page.text);
    let list = visit.inventory().await;
    assert_eq!(list.matches(",North,").count(), 2, "{list}");

    let gone = form.replace(SiteId::from_random(1).as_str(), "gone");
    let answer = visit.post("/devices/selected", &gone).await;
    assert!(answer.text.contains("has been removed"), "{}", answer.text);
    let late = visit.add_area(9, "Late speaker", "799").await;
    visit.add_device("0022EE0A0BFE", "oyez", late.as_str()).await;
    let answer = visit.post("/devices/selected", &form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("others than were shown"), "{}", answer.text);
}

#[tokio::test]
async fn each_device_that_could_not_be_asked_is_named_with_the_reason() {
    let visit = furnished().await;
    let ask = visit
        .get("/devices/selected?assigned=true&all=1&action=restart")
        .await;
    let page = done(&visit, "/devices/selected", &sent(&ask)).await;
    for text in [
        "Restart: done for 0 devices.",
        "Not done: 3",
        "Gate speaker (00:22:EE:0A:0B:0D)",
        "it restarts at its own machine only",
        "no zone that this service runs can ask it",
        "it is configured by hand",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    assert_eq!(visit.audit().await[0], "import", "nothing was done");
}

#[tokio::test]
async fn a_restart_of_many_is_in_the_audit_before_any_of_them_is_asked() {
    let mut visit = furnished().await;
    let (sender, mut requests) = tokio::sync::mpsc::channel(1);
    visit.give_resyncs(sender);
    let store = std::sync::Arc::clone(&visit.store);
    let answering = tokio::spawn(async move {
        let request: registrations::Resync = requests.recv().await.unwrap();
        let mut reading = store.read().await.unwrap();
        let audit = reading.account(&one()).audit(1).await.unwrap();
        request.asked.send(1).unwrap();
        audit[0].clone()
    });
    let ask = visit
        .get("/devices/selected?assigned=true&all=1&action=restart")
        .await;

    let page = done(&visit, "/devices/selected", &sent(&ask)).await;

    assert!(page.text.contains("Restart: done for 1 device."), "{}", page.text);
    let noted = answering.await.unwrap();
    assert_eq!(noted.action, "restart 1 device");
    assert_eq!(visit.audit().await[0], noted.action);
}

#[tokio::test]
async fn common_areas_are_removed_with_their_places() {
    let visit = furnished().await;
    let ask = visit.get("/common-areas/selected?all=1&action=remove").await;
    assert!(ask.text.contains("Remove 2 common areas?"), "{}", ask.text);
    assert!(
        ask.text.contains("Their 2 places at devices go along"),
        "{}",
        ask.text
    );
    let page = done(&visit, "/common-areas/selected", &sent(&ask)).await;
    assert!(page.text.contains("done for 2 common areas"), "{}", page.text);
    let left = visit.inventory().await;
    assert!(left.contains("Ann Example") && !left.contains("common_area"));
}

#[tokio::test]
async fn nothing_ticked_and_no_action_are_told() {
    let visit = furnished().await;
    let none = visit.get("/devices/selected?action=remove").await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(none.text.contains("Nothing is chosen"), "{}", none.text);
    let none = visit.get("/users/selected?all=1&action=restart").await;
    assert!(none.text.contains("Choose one of the actions"), "{}", none.text);
}

#[tokio::test]
async fn a_device_whose_extensions_are_removed_together_is_told_once() {
    let mut visit = furnished().await;
    let more = "record,name,extension,country,time_zone,mac,slot,port\n\
                common_area,Bell,703,CA,UTC,,,\nassignment,,703,,,0022EE0A0B0D,ring,1\n\
                common_area,Yard,704,CA,UTC,,,\nassignment,,704,,,0022EE0A0B0D,page,2\n";
    let (path, _) = visit.dry_run("more.csv", more.as_bytes()).await;
    visit.applied(&path).await;
    let (resyncs, mut asked) = mpsc::channel(8);
    visit.give_resyncs(resyncs);
    let gate = ids(&visit, "/common-areas", "Gate, east").await.remove(0);
    let bell = ids(&visit, "/common-areas", "Bell").await.remove(0);

    let form = format!("id={gate}&id={bell}&action=remove");
    let ask = visit.get(&format!("/common-areas/selected?{form}")).await;
    done(&visit, "/common-areas/selected", &sent(&ask)).await;
    drop(visit);

    let mut times = 0;
    while asked.recv().await.is_some() {
        times += 1;
    }
    assert_eq!(times, 1);
}

#[tokio::test]
async fn a_site_is_given_or_taken_away_only_by_who_has_chosen() {
    let visit = furnished().await;
    let ask = visit
        .get("/devices/selected?assigned=true&all=1&action=site")
        .await;
    let choices = ask
        .text
        .split_once("<select id=\"to\" name=\"to\" required>")
        .unwrap()
        .1;
    assert!(
        choices.starts_with("<option value=\"\" disabled selected hidden>Choose…</option>"),
        "{choices}"
    );
    assert!(
        choices.contains("<option value=\"none\">No site: take it away</option></select>"),
        "{choices}"
    );
    let unread = visit.post("/devices/selected", &sent(&ask)).await;
    assert_eq!(unread.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        unread.text.contains("choose what is to be assigned"),
        "{}",
        unread.text
    );
    for (to, count) in [(SiteId::from_random(1).as_str(), 3), ("none", 0)] {
        let page = done(&visit, "/devices/selected", &format!("{}&to={to}", sent(&ask))).await;
        assert!(page.text.contains("done for 3 devices"), "{}", page.text);
        assert_eq!(visit.inventory().await.matches(",North,").count(), count, "{to}");
    }

    let ask = visit
        .get("/devices/selected?assigned=true&all=1&action=template")
        .await;
    assert!(
        ask.text
            .contains("There is no template yet. <a href=\"/templates/add\">Add one</a>"),
        "{}",
        ask.text
    );
    assert!(!ask.text.contains(">Assign</button>"), "{}", ask.text);
}

#[tokio::test]
async fn it_is_said_beforehand_which_devices_are_not_asked() {
    let visit = furnished().await;
    let (silent, generic, endpoint) = (
        "They restart at once, and are silent meanwhile.",
        "1 of them is a generic device: it fetches nothing, and is left out.",
        "1 of them is an Oyez endpoint: it restarts at its own machine only",
    );
    for (action, told, others) in [
        (
            "restart",
            &[silent, generic, endpoint, "class=\"danger\""][..],
            &[][..],
        ),
        ("resync", &[generic], &[silent, endpoint, "class=\"danger\""]),
    ] {
        let path = format!("/devices/selected?assigned=true&all=1&action={action}");
        let ask = visit.get(&path).await.text;
        for text in told {
            assert!(ask.contains(text), "{action}: {text}: {ask}");
        }
        for text in others {
            assert!(!ask.contains(text), "{action}: {text}: {ask}");
        }
    }
}
