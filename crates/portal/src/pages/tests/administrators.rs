//! Administrators: inviting, changing and removing them, and one's own password.

use super::*;

const OTHER: &str = "another long password";

/// The link that a page shows.
fn link_of(text: &str) -> String {
    let (_, rest) = text.split_once("<code>https://portal.example").unwrap();
    rest.split('<').next().unwrap().to_owned()
}

async fn path_of(visit: &Visit, email: &str) -> String {
    let mut reading = visit.store.read().await.unwrap();
    let all = reading.account(&one()).administrators().await.unwrap();
    let somebody = all.into_iter().find(|somebody| somebody.email == email).unwrap();
    format!("/administrators/{}", somebody.id)
}

/// An owner who has a password, signed in.
async fn owner() -> Visit {
    let mut visit = Visit::first().await;
    visit.set_password().await;
    let mut writing = visit.store.write().await.unwrap();
    let headers = session::begin(&mut writing, AdministratorId::from_random(1))
        .await
        .unwrap();
    writing.commit().await.unwrap();
    visit.keep_cookie(&headers);
    visit
}

#[tokio::test]
async fn w03_an_invitation_is_good_once_and_gives_the_role_it_was_made_for() {
    let mut visit = owner().await;
    let own = visit.cookie.clone();
    for (form, field, told) in [
        ("email=ada&role=viewer", "email", "such as ada@example.com"),
        (
            "email=ada%40x.example&role=king",
            "role",
            "choose one of the roles",
        ),
        (
            "email=Owner%40One.example&role=viewer",
            "email",
            "signs in with it already",
        ),
    ] {
        let answer = visit.post("/administrators/add", form).await;
        assert!(answer.marks(field, told), "{form}: {}", answer.text);
    }
    let invited = visit
        .post("/administrators/add", "email=Ada%40x.example&role=viewer")
        .await;
    let link = link_of(&invited.text);
    let token = link.split_once('=').unwrap().1.to_owned();
    let list = visit.get("/administrators").await.text;
    assert!(list.contains("ada@x.example") && list.contains("not chosen yet"));
    assert!(!list.contains(&token));

    visit.cookie.clear();
    assert!(visit.get(&link).await.text.contains("ada@x.example"));
    let form = |password: &str| {
        let password = password.replace(' ', "+");
        format!("token={token}&password={password}&again={password}")
    };
    let short = visit.post_raw("/invited", &form("short"), &[]).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    let elsewhere = [("origin", "https://evil.example")];
    let foreign = visit.post_raw("/invited", &form(OTHER), &elsewhere).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let chosen = visit.post_raw("/invited", &form(OTHER), &[]).await;
    assert_eq!(chosen.location(), "/", "{}", chosen.text);
    visit.keep_cookie(&chosen.headers);

    assert_eq!(visit.get("/devices").await.status, StatusCode::OK);
    assert_eq!(visit.get("/devices/add").await.status, StatusCode::FORBIDDEN);
    let again = visit.post_raw("/invited", &form(OTHER), &[]).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert_eq!(visit.get(&link).await.status, StatusCode::FORBIDDEN);
    visit.cookie = own;
    assert_eq!(visit.audit().await, ["choose password", "invite administrator"]);
}

/// Hashes of passwords, as they are kept.
async fn hashes(visit: &Visit) -> Vec<Option<Kept>> {
    let mut reading = visit.store.read().await.unwrap();
    let all = reading.account(&one()).administrators().await.unwrap();
    all.into_iter().map(|somebody| somebody.password).collect()
}

/// Uses a link twice at once, and then again and again: it does once what it is for, and nothing after.
async fn use_again_and_again(visit: &mut Visit, path: &str, token: &str) {
    let own = std::mem::take(&mut visit.cookie);
    let form = |password: &str| format!("token={token}&password={password}&again={password}");
    let (form_a, form_b) = (form("the-first-of-two"), form("the-second-of-two"));
    let (a, b) = tokio::join!(
        visit.post_raw(path, &form_a, &[]),
        visit.post_raw(path, &form_b, &[])
    );
    let statuses = [a.status, b.status];
    assert!(statuses.contains(&StatusCode::SEE_OTHER) && statuses.contains(&StatusCode::FORBIDDEN));
    let before = (hashes(visit).await, visit.audit().await);
    for password in ["the-first-of-two", "quite-another-one", "short"] {
        let answer = visit.post_raw(path, &form(password), &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{password}");
        assert!(answer.headers.get(header::SET_COOKIE).is_none());
        let page = visit.get(&format!("{path}?token={token}")).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
    assert_eq!((hashes(visit).await, visit.audit().await), before);
    visit.cookie = own;
}

#[tokio::test]
async fn w06_the_link_of_an_invitation_is_good_once_and_used_again_changes_nothing() {
    let mut visit = owner().await;
    let form = "email=ada%40x.example&role=viewer";
    let invited = visit.post("/administrators/add", form).await;
    let link = link_of(&invited.text);
    let token = link.split_once('=').unwrap().1.to_owned();
    use_again_and_again(&mut visit, "/invited", &token).await;
}

#[tokio::test]
async fn w06_the_link_of_the_first_start_is_good_once_and_used_again_changes_nothing() {
    let mut visit = Visit::first().await;
    use_again_and_again(&mut visit, "/first", LINK).await;
}

#[tokio::test]
async fn w03_a_role_is_changed_and_somebody_removed_but_never_the_last_owner() {
    let mut visit = owner().await;
    let own = visit.cookie.clone();
    visit
        .post("/administrators/add", "email=ada%40x.example&role=owner")
        .await;
    let (ada, owner) = (
        path_of(&visit, "ada@x.example").await,
        path_of(&visit, OWNER).await,
    );
    let refused = visit.post(&owner, "role=admin").await;
    assert!(refused.marks("role", "the last owner"), "{}", refused.text);
    let remove = format!("{owner}/remove");
    let kept = visit.get(&remove).await;
    assert_eq!(kept.status, StatusCode::CONFLICT);
    assert!(
        kept.text.contains("<h1>Cannot be removed yet</h1>") && kept.text.contains("<nav "),
        "{}",
        kept.text
    );
    let own_page = visit.get(&owner).await.text;
    assert!(!own_page.contains(&remove), "{own_page}");
    assert_eq!(visit.post(&remove, "").await.status, StatusCode::CONFLICT);

    assert!(visit.get(&ada).await.text.contains(&format!("{ada}/remove")));
    let asked = visit.get(&format!("{ada}/remove")).await.text;
    assert!(asked.contains("Remove ada@x.example?"), "{asked}");

    let answer = visit.post(&ada, "role=admin").await;
    assert_eq!(answer.location(), "/administrators");
    let mut writing = visit.store.write().await.unwrap();
    let id = ada.trim_start_matches("/administrators/").parse().unwrap();
    let headers = session::begin(&mut writing, id).await.unwrap();
    writing.commit().await.unwrap();
    visit.keep_cookie(&headers);
    assert_eq!(visit.get("/devices/add").await.status, StatusCode::OK);
    assert_eq!(
        visit.get("/administrators/add").await.status,
        StatusCode::FORBIDDEN
    );
    let ada_s = std::mem::replace(&mut visit.cookie, own);
    assert_eq!(
        visit.post(&format!("{ada}/remove"), "").await.location(),
        "/administrators"
    );
    visit.cookie = ada_s;
    assert_eq!(visit.get("/devices").await.path(), "/sign-in");
}

#[tokio::test]
async fn w03_an_own_password_is_changed_by_who_knows_it_and_ends_other_sessions() {
    let mut visit = owner().await;
    let before = visit.cookie.clone();
    let old = PASSWORD.replace(' ', "+");
    let new = OTHER.replace(' ', "+");
    for (form, field, told) in [
        (
            format!("password=wrong&new={new}&again={new}"),
            "password",
            "not your password",
        ),
        (format!("password={old}&new={new}&again=x"), "again", "twice"),
        (
            format!("password={old}&new=short&again=short"),
            "new",
            "8 characters",
        ),
    ] {
        let answer = visit.post("/password", &form).await;
        assert!(answer.marks(field, told), "{}", answer.text);
        assert!(!answer.text.contains(OTHER) && !answer.text.contains(PASSWORD));
    }
    let changed = visit
        .post("/password", &format!("password={old}&new={new}&again={new}"))
        .await;
    assert_eq!(changed.location(), "/", "{}", changed.text);
    assert_eq!(visit.get("/devices").await.path(), "/sign-in");
    visit.keep_cookie(&changed.headers);
    assert_ne!(visit.cookie, before);
    assert_eq!(visit.get("/devices").await.status, StatusCode::OK);
}

#[tokio::test]
async fn w06_wrong_links_of_invitations_are_slowed_down() {
    let visit = owner().await;
    let mut last = StatusCode::OK;
    for number in 0..=web::FREE_TRIES {
        let followed = visit.get(&format!("/invited?token=made-up-{number}")).await;
        assert_eq!(
            followed.status,
            StatusCode::FORBIDDEN,
            "a link that is followed is not counted"
        );
        let sent = format!("token=made-up-{number}&password=one+long+password&again=one+long+password");
        last = visit.post_raw("/invited", &sent, &[]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let wrong = visit.post("/password", "password=wrong&new=x&again=x").await;
    assert!(wrong.marks("password", "too many wrong tries"), "{}", wrong.text);
}

#[tokio::test]
async fn whoever_is_about_to_remove_themselves_is_told_that_it_is_they() {
    let visit = owner().await.signed_in(Role::Owner).await;
    let own = path_of(&visit, "somebody@one.example").await;
    let asked = visit.get(&format!("{own}/remove")).await.text;
    for text in [
        "<h1>Remove yourself</h1>",
        "This is you (somebody@one.example).",
        "only another owner can let you in again",
    ] {
        assert!(asked.contains(text), "{text}: {asked}");
    }
    let answer = visit.post(&format!("{own}/remove"), "").await;
    assert_eq!(answer.location(), "/administrators");
    assert_eq!(visit.get("/administrators").await.path(), "/sign-in");
}
