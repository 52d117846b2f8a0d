//! Forms that are not taken: they come back with all that was typed, and are sent again from there.

use std::fmt::Write as _;

use super::*;

const OWN: (&str, &str) = ("origin", "https://portal.example");
const TYPED: &str = "name=%22Hall%22+%26+gate&extension=1001&package=Standard&country=CA&time_zone=UTC";

/// What a browser sends whose user presses the button of a form that came back: where, and what.
fn sent_again(page: &Answer) -> (String, String) {
    let (_, form) = page.text.split_once("<form method=\"post\" action=\"").unwrap();
    let (form, _) = form.split_once("</form>").unwrap();
    let (to, inputs) = form.split_once('"').unwrap();
    let mut body = String::new();
    for input in inputs.split("<input type=\"hidden\" name=\"").skip(1) {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        let (value, _) = rest.split_once("\">").unwrap();
        let value = value
            .replace("&#34;", "\"")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#38;", "&");
        write!(body, "&{name}=").unwrap();
        for octet in value.bytes() {
            write!(body, "%{octet:02x}").unwrap();
        }
    }
    (to.to_owned(), body)
}

/// Sends what came back, as its page would.
async fn send_again(visit: &Visit, page: &Answer, typed: &str) -> Answer {
    let (to, body) = sent_again(page);
    visit.post_raw(&to, &format!("{body}{typed}"), &[OWN]).await
}

async fn extensions(visit: &Visit) -> Vec<(String, String)> {
    let mut reading = visit.store.read().await.unwrap();
    let holders = reading.account(&one()).holders(None).await.unwrap();
    let told = holders.into_iter();
    told.map(|holder| (holder.name.to_string(), holder.extension.to_string()))
        .collect()
}

#[tokio::test]
async fn a_form_of_a_session_that_is_over_is_sent_again_once_somebody_has_signed_in() {
    let mut visit = Visit::of(Role::Admin).await;
    let form = format!("csrf={}&{TYPED}", visit.form_token());
    let cookie = std::mem::take(&mut visit.cookie);

    let over = visit.post_raw("/common-areas/add", &form, &[OWN]).await;

    assert_eq!(over.status, StatusCode::FORBIDDEN);
    assert!(over.text.contains("Your session is over"), "{}", over.text);
    assert!(
        over.text.contains("href=\"/sign-in\" target=\"_blank\""),
        "{}",
        over.text
    );
    visit.cookie = cookie;
    let anew = send_again(&visit, &over, "").await;
    assert_eq!(anew.status, StatusCode::FORBIDDEN);
    assert!(
        anew.text.contains("You are signed in as somebody@one.example"),
        "{}",
        anew.text
    );
    assert!(extensions(&visit).await.is_empty(), "nothing is done unseen");
    let done = send_again(&visit, &anew, "").await;
    assert_eq!(done.path(), "/common-areas", "{}", done.text);
    assert_eq!(
        extensions(&visit).await,
        [("\"Hall\" & gate".to_owned(), "1001".to_owned())]
    );
}

#[tokio::test]
async fn w02_a_form_that_another_site_may_have_sent_does_not_come_back() {
    let mut visit = Visit::of(Role::Admin).await;
    for origin in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let answer = visit.post_raw("/common-areas/add", TYPED, origin).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(!answer.text.contains("<form"), "{origin:?}: {}", answer.text);
    }
    visit.cookie.clear();
    let answer = visit.post_raw("/common-areas/add", TYPED, &[]).await;
    assert_eq!(answer.location(), "/sign-in");
    let answer = visit.post_raw("/sign-out", "", &[OWN]).await;
    assert_eq!(answer.location(), "/sign-in", "whoever signs out is out");
}

#[tokio::test]
async fn w01_what_comes_back_is_inert() {
    let visit = Visit::of(Role::Admin).await;
    let hostile = "%27%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let form = format!("name={hostile}&{hostile}=x");
    let back = visit.post_raw("/common-areas/add", &form, &[OWN]).await.text;
    assert!(
        back.contains("Send it again") && back.contains("alert(1)"),
        "{back}"
    );
    assert!(!back.contains("<script>") && !back.contains("'\">"), "{back}");
}

#[tokio::test]
async fn what_is_secret_in_a_form_does_not_come_back_and_is_typed_again() {
    let visit = Visit::of(Role::Admin).await;
    let typed = "name=Everywhere&extension=1900&urgency=normal&pagers=everybody&pin-use=asked&pin=867530";
    let back = visit.post_raw("/page-groups/add", typed, &[OWN]).await;
    assert!(!back.text.contains("867530"), "{}", back.text);
    assert!(
        back.text
            .contains("<label for=\"pin\">PIN, once more</label>\n<input id=\"pin\" name=\"pin\" type=\"password\" required"),
        "{}",
        back.text
    );

    let done = send_again(&visit, &back, "&pin=867530").await;

    assert!(done.path().starts_with("/page-groups/"), "{}", done.text);
    let mut reading = visit.store.read().await.unwrap();
    let mut scope = reading.account(&one());
    let group = scope.groups().await.unwrap().remove(0);
    assert!(scope.has_group_pin(&group.id).await.unwrap());
    let secrets = "password=correct+horse&new=a+long+password&again=a+long+password";
    let back = visit.post_raw("/password", secrets, &[OWN]).await;
    assert!(
        !back.text.contains("<form"),
        "nothing of it is left: {}",
        back.text
    );
}

#[tokio::test]
async fn a_form_comes_back_up_to_its_limit_of_fields_and_shows_the_first() {
    let visit = Visit::of(Role::Admin).await;
    for (count, comes_back) in [(500, true), (501, false)] {
        let mut form = format!("name={}", "x".repeat(201));
        for _ in 1..count {
            form.push_str("&id=Hall");
        }
        let answer = visit.post_raw("/common-areas/selected", &form, &[OWN]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.text.contains("<form"), comes_back, "{count}");
        if comes_back {
            assert_eq!(sent_again(&answer).1.matches("&id=").count(), 499);
            assert_eq!(answer.text.matches("<dd>Hall</dd>").count(), 19);
            assert!(answer.text.contains("And 480 more."), "{}", answer.text);
            let shown = format!("<dd>{}… and 1 more characters</dd>", "x".repeat(200));
            assert!(answer.text.contains(&shown), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_form_outlives_a_database_that_fails_or_is_lost() {
    let Some(visit) = Visit::on_postgres().await else {
        return;
    };
    let server = visit._server.as_ref().unwrap();
    let form = format!("csrf={}&{TYPED}", visit.form_token());
    server.query("test_0", "ALTER TABLE holder RENAME TO elsewhere");

    let back = visit.post_raw("/common-areas/add", &form, &[OWN]).await;

    assert_eq!(back.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(back.text.contains("once the database is back"), "{}", back.text);
    server.query("test_0", "ALTER TABLE elsewhere RENAME TO holder");
    let done = send_again(&visit, &back, "").await;
    assert_eq!(done.path(), "/common-areas", "{}", done.text);
    assert_eq!(extensions(&visit).await.len(), 1);
    server.query("postgres", "DROP DATABASE test_0 WITH (FORCE)");
    let lost = visit.post_raw("/common-areas/add", &form, &[OWN]).await;
    assert_eq!(lost.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(sent_again(&lost), sent_again(&back), "the same form");
    let foreign = visit.post_raw("/common-areas/add", &form, &[]).await;
    assert!(!foreign.text.contains("<form"), "{}", foreign.text);
}

#[tokio::test]
async fn w03_who_signs_in_comes_to_where_they_were_going_and_to_no_other_site() {
    let mut visit = Visit::first().await;
    visit.set_password().await;
    let sent = visit.get("/reports?q=1900").await;
    assert_eq!(sent.location(), "/sign-in?to=/reports%3Fq%3D1900");
    let page = visit.get(sent.location()).await.text;
    let hidden = "<input type=\"hidden\" name=\"to\" value=\"/reports?q=1900\">";
    assert!(page.contains(hidden), "{page}");
    let form = |password: &str, to: &str| format!("email={OWNER}&password={password}&to={to}");
    let chosen = PASSWORD.replace(' ', "+");

    let wrong = visit
        .post_raw("/sign-in", &form("wrong", "/reports%3fq=1900"), &[])
        .await;
    assert!(wrong.text.contains(hidden), "{}", wrong.text);
    let right = visit
        .post_raw("/sign-in", &form(&chosen, "/reports%3fq=1900"), &[])
        .await;
    assert_eq!(right.location(), "/reports?q=1900");
    visit.keep_cookie(&right.headers);
    assert_eq!(visit.get(right.location()).await.status, StatusCode::OK);

    for evil in [
        "//evil.example",
        "https://evil.example/",
        "/%5cevil.example",
        "/%09/evil.example",
    ] {
        let page = visit.get(&format!("/sign-in?to={evil}")).await.text;
        assert!(!page.contains("evil"), "{page}");
        let answer = visit.post_raw("/sign-in", &form(&chosen, evil), &[]).await;
        assert_eq!(answer.location(), "/", "{evil}");
    }
    visit.cookie.clear();
    assert_eq!(visit.get("/").await.location(), "/sign-in");
}
