//! What somebody has to look at stands on the first page until it is dismissed, and leads to the device that it is about.

use sqlx::{Connection as _, SqliteConnection};

use super::devices::{MAC, lines};
use super::*;
use crate::alarms::{AGAIN_MS, GUESSED, GUESSED_EXTENSION, HELD, raise};
use crate::pages::device_edit::remove_with_lines;

const SECTION: &str = "<h2>Somebody has to look</h2>";

impl Visit {
    /// Raises an alarm, and gives its number.
    async fn raise(&self, action: &str, detail: &str, device: Option<&DeviceId>) -> i64 {
        let mut writing = self.store.write().await.unwrap();
        let number = add_alarm(&mut writing.account(&one()), action, detail, device).await;
        writing.commit().await.unwrap();
        number
    }

    /// What stands on the first page of an alarm.
    async fn told_of(&self, detail: &str) -> String {
        let page = self.get("/").await.text;
        let (_, told) = page.split_once(detail).unwrap();
        told.split_once("</li>").unwrap().0.to_owned()
    }
}

fn dismissal(number: i64) -> String {
    format!("/alarms/{number}/dismiss")
}

#[tokio::test]
async fn a01_an_alarm_of_guesses_at_a_zone_leads_to_check_of_the_device_whose_name_it_is() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "701").await;
    let path = visit.add_device(MAC, "other", hall.as_str()).await;
    let line = lines(&visit, &path).await.remove(0);
    let (user, id) = (line.user.to_string(), line.authorization_id.to_string());
    let way = format!("by a name of Hall speaker; <a href=\"{path}/check\">Check</a>");
    for (minutes, (name, is_known)) in [("stranger", false), (&user, true), (&id, true)]
        .into_iter()
        .enumerate()
    {
        let minutes = u64::try_from(minutes).unwrap();
        let at = Timestamp(now().0 - (10 - 2 * minutes) * AGAIN_MS);
        let alarm = AuditEntry {
            at,
            by: "zone".to_owned(),
            action: GUESSED_EXTENSION.to_owned(),
            detail: format!("as {name} from 192.0.2.77:5061"),
        };

        assert!(raise(&visit.store, &alarm, Some(name), at).await);

        let told = visit.told_of(&alarm.detail).await;
        assert_eq!(told.contains(&way), is_known, "{told}");
    }
}

#[tokio::test]
async fn an_alarm_of_a_device_leads_to_where_it_is_looked_at_until_the_device_is_gone() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "701").await;
    let path = visit.add_device(MAC, "algo", hall.as_str()).await;
    let device: DeviceId = path.trim_start_matches("/devices/").parse().unwrap();
    visit.raise(HELD, "somebody asked", Some(&device)).await;
    let way = format!("look at <a href=\"{path}/provision\">Provision</a> of the device");
    let told = visit.told_of("somebody asked").await;
    assert!(told.contains(&way), "{told}");

    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let gone = scope.device(&device).await.unwrap().unwrap();
    remove_with_lines(&mut scope, &gone).await.unwrap();
    writing.commit().await.unwrap();

    let told = visit.told_of("somebody asked").await;
    assert!(!told.contains("<a "), "{told}");
}

/// Damages what is kept of a device, and gives its id.
async fn damage(visit: &Visit, path: &str) -> DeviceId {
    let id = path.trim_start_matches("/devices/");
    let database = visit._folder.path().join("service.db");
    let mut damaging = SqliteConnection::connect(database.to_str().unwrap())
        .await
        .unwrap();
    let damage = sqlx::query("UPDATE device SET mac = 'damaged' WHERE id = $1").bind(id);
    assert_eq!(damage.execute(&mut damaging).await.unwrap().rows_affected(), 1);
    id.parse().unwrap()
}

#[tokio::test]
async fn an_alarm_about_a_device_that_cannot_be_read_is_shown() {
    let visit = Visit::of(Role::Admin).await;
    let path = visit.add_device(MAC, "other", "").await;
    let device = damage(&visit, &path).await;

    visit.raise(HELD, "somebody asked", Some(&device)).await;

    let told = visit.told_of("somebody asked").await;
    assert!(!told.contains("<a "), "{told}");
}

#[tokio::test]
async fn a01_an_alarm_by_a_name_of_a_device_that_cannot_be_read_is_kept() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "701").await;
    let path = visit.add_device(MAC, "other", hall.as_str()).await;
    let user = lines(&visit, &path).await.remove(0).user.to_string();
    damage(&visit, &path).await;
    let alarm = AuditEntry {
        at: now(),
        by: "zone".to_owned(),
        action: GUESSED_EXTENSION.to_owned(),
        detail: format!("as {user} from 192.0.2.77:5061"),
    };

    assert!(raise(&visit.store, &alarm, Some(user.as_str()), alarm.at).await);

    assert_eq!(visit.audit().await[0], GUESSED_EXTENSION);
}

#[tokio::test]
async fn a_dismissed_alarm_is_gone_from_the_first_page_and_the_audit_names_who_and_what_it_said() {
    let visit = Visit::of(Role::Admin).await;
    let number = visit.raise(GUESSED, "last from 192.0.2.9", None).await;
    let page = visit.get("/").await.text;
    assert!(
        page.contains(&format!("action=\"{}\"", dismissal(number))) && page.contains(SECTION),
        "{page}"
    );
    assert!(
        !page.contains("of this kind"),
        "one of a kind is dismissed by itself: {page}"
    );

    let answer = visit.post(&dismissal(number), "").await;

    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    let page = visit.get("/").await.text;
    assert!(!page.contains(SECTION), "{page}");
    assert_eq!(visit.audit().await, ["dismiss alarm", GUESSED]);
    let detail = visit.last_detail().await;
    assert!(
        detail.ends_with(&format!("zone: {GUESSED}, last from 192.0.2.9")),
        "{detail}"
    );
    let audit = visit.get("/audit").await.text;
    assert!(audit.contains("somebody@one.example") && audit.contains("<td data-label=\"Detail\">last from"));
    visit.post(&dismissal(number), "").await;
    assert_eq!(visit.audit().await.len(), 2, "it is dismissed once");

    visit.raise(GUESSED, "last from 192.0.2.10", None).await;
    let page = visit.get("/").await.text;
    assert!(
        page.contains(SECTION) && !page.contains("192.0.2.9"),
        "what happens again is told: {page}"
    );
}

#[tokio::test]
async fn all_alarms_of_a_kind_are_dismissed_at_once_but_none_that_came_after_the_page() {
    let visit = Visit::of(Role::Admin).await;
    for number in 1..=6 {
        visit
            .raise(GUESSED, &format!("last from 192.0.2.{number}"), None)
            .await;
    }
    visit.raise(HELD, "Hall speaker", None).await;
    let page = visit.get("/").await.text;
    let (before, _) = page.split_once("Dismiss all 6 of this kind</button>").unwrap();
    let (_, way) = before.rsplit_once("action=\"").unwrap();
    let way = way.split_once('"').unwrap().0.to_owned();
    visit.raise(GUESSED, "last from 192.0.2.7", None).await;

    let answer = visit.post(&way, "").await;

    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    let page = visit.get("/").await.text;
    assert_eq!(page.matches("<li class=\"problem\">").count(), 2, "{page}");
    assert!(
        page.contains("last from 192.0.2.7") && page.contains("Hall speaker"),
        "{page}"
    );
    let detail = visit.last_detail().await;
    assert!(
        detail.starts_with("6 of a kind since ")
            && detail.ends_with(&format!("zone: {GUESSED}, last from 192.0.2.6")),
        "{detail}"
    );
}

#[tokio::test]
async fn who_looks_alone_reads_alarms_and_dismisses_none() {
    for role in [Role::Viewer, Role::Operator] {
        let visit = Visit::of(role).await;
        for _ in 0..2 {
            visit.raise(GUESSED, "last from 192.0.2.9", None).await;
        }
        let page = visit.get("/").await.text;
        assert!(
            page.contains(SECTION) && page.contains("until an administrator dismisses them"),
            "{page}"
        );
        assert!(!page.contains("/alarms/") && !page.contains("<button class=\"quiet\" aria-label=\"Dismiss"));
    }
}
