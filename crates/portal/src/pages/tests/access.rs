//! Who comes in, and what their role lets them do.

use super::*;

const PAGES: &[&str] = &[
    "/users",
    "/users/add",
    "/common-areas",
    "/common-areas/add",
    "/devices",
    "/devices/unassigned",
    "/devices/add",
    "/page-groups",
    "/page-groups/add",
    "/audit",
];
/// Pages and changes of a device, after its path.
const DEVICE_PAGES: &[&str] = &["", "/provision", "/check", "/extensions", "/extensions/add"];
const DEVICE_CHANGES: &[&str] = &[
    "/claim-code",
    "/credentials",
    "/extensions/add",
    "/extensions/remove",
];
const CHANGES: &[&str] = &[
    "/users/add",
    "/common-areas/add",
    "/devices/add",
    "/page-groups/add",
];

#[tokio::test]
async fn the_link_of_the_first_start_lets_the_owner_choose_a_password_once() {
    let mut visit = Visit::first().await;
    assert_eq!(
        visit.get("/first?token=wrong").await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(visit.get("/first").await.status, StatusCode::FORBIDDEN);
    let welcome = visit.get(&format!("/first?token={LINK}")).await;
    assert_eq!(welcome.status, StatusCode::OK);
    assert!(welcome.text.contains(OWNER));

    let differing = format!("token={LINK}&password=one+long+password&again=another+password");
    let answer = visit.post_raw("/first", &differing, &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let short = format!("token={LINK}&password=short&again=short");
    let answer = visit.post_raw("/first", &short, &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);

    let chosen = PASSWORD.replace(' ', "+");
    let right = format!("token={LINK}&password={chosen}&again={chosen}");
    let elsewhere = [("origin", "https://evil.example")];
    let answer = visit.post_raw("/first", &right, &elsewhere).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = visit.post_raw("/first", &right, &[]).await;
    assert_eq!(answer.location(), "/", "{}", answer.text);
    visit.keep_cookie(&answer.headers);
    assert_eq!(visit.get("/devices").await.status, StatusCode::OK);
    assert_eq!(visit.audit().await, ["choose password"]);

    let again = visit.post_raw("/first", &right, &[]).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(!visit.get("/sign-in").await.text.contains("Nobody has a password"));
}

#[tokio::test]
async fn w03_signing_in_gives_a_session_and_signing_out_ends_it() {
    let mut visit = Visit::first().await;
    visit.set_password().await;
    let chosen = PASSWORD.replace(' ', "+");

    let wrong = "email=owner%40one.example&password=wrong+password";
    let answer = visit.post_raw("/sign-in", wrong, &[]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(
        answer.text.contains("value=\"owner@one.example\""),
        "what was typed stays"
    );
    let unknown = format!("email=nobody%40one.example&password={chosen}");
    let unknown = visit.post_raw("/sign-in", &unknown, &[]).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);

    let right = format!("email=+Owner%40One.example&password={chosen}");
    let elsewhere = [("origin", "https://evil.example")];
    let answer = visit.post_raw("/sign-in", &right, &elsewhere).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = visit.post_raw("/sign-in", &right, &[]).await;
    assert_eq!(answer.location(), "/");
    let given = answer.headers[header::SET_COOKIE].to_str().unwrap();
    for attribute in ["__Host-oyez-portal=", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(given.contains(attribute), "{given}");
    }
    visit.keep_cookie(&answer.headers);
    assert_eq!(visit.get("/").await.location(), "/common-areas");

    let answer = visit.post("/sign-out", "").await;
    assert_eq!(answer.location(), "/sign-in");
    assert_eq!(visit.get("/common-areas").await.location(), "/sign-in");
    assert_eq!(visit.audit().await, ["sign out", "sign in"]);
}

#[tokio::test]
async fn w06_wrong_tries_to_sign_in_are_slowed_down() {
    let visit = Visit::first().await;
    visit.set_password().await;
    let wrong = "email=owner%40one.example&password=wrong+password";
    let mut last = StatusCode::OK;
    for _ in 0..=web::FREE_TRIES {
        last = visit.post_raw("/sign-in", wrong, &[]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let status = visit.get(&format!("/first?token={LINK}")).await.status;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn w03_whoever_is_not_signed_in_is_sent_to_sign_in_from_everywhere() {
    let mut visit = Visit::of(Role::Owner).await;
    let device = visit.add_device("0022EE0A0B0C", "algo", "").await;
    let token = visit.form_token();
    for cookie in ["", "__Host-oyez-portal=", "__Host-oyez-portal=../../x"] {
        cookie.clone_into(&mut visit.cookie);
        let pages = PAGES.iter().map(ToString::to_string);
        let pages = pages.chain(DEVICE_PAGES.iter().map(|page| format!("{device}{page}")));
        for page in pages {
            let answer = visit.get(&page).await;
            assert_eq!(
                (answer.location(), answer.text.as_str()),
                ("/sign-in", ""),
                "{page}"
            );
        }
        let changes = CHANGES.iter().map(ToString::to_string);
        for change in changes.chain(DEVICE_CHANGES.iter().map(|change| format!("{device}{change}"))) {
            let answer = visit.post_raw(&change, &format!("csrf={token}"), &[]).await;
            assert_eq!(answer.location(), "/sign-in", "{change}");
        }
    }
}

#[tokio::test]
async fn w03_viewers_and_operators_look_and_change_nothing() {
    for role in [Role::Viewer, Role::Operator] {
        let mut visit = Visit::of(role).await;
        let own = visit.cookie.clone();
        visit.sign_in_owner().await;
        let device = visit.add_device("0022EE0A0B0C", "algo", "").await;
        visit.cookie = own;
        let pages = PAGES.iter().map(ToString::to_string);
        for page in pages.chain(DEVICE_PAGES.iter().map(|page| format!("{device}{page}"))) {
            assert_eq!(visit.get(&page).await.status, StatusCode::OK, "{page}");
        }
        let changes = CHANGES.iter().map(ToString::to_string);
        for change in changes.chain(DEVICE_CHANGES.iter().map(|change| format!("{device}{change}"))) {
            let answer = visit.post(&change, "name=Hall").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role:?} {change}");
        }
        assert!(
            !visit
                .get("/common-areas")
                .await
                .text
                .contains("/common-areas/add")
        );
        assert_eq!(visit.audit().await, ["add device"]);
        assert_eq!(visit.post("/sign-out", "").await.location(), "/sign-in");
    }
}

#[tokio::test]
async fn w02_a_form_that_no_page_of_the_session_sent_changes_nothing() {
    let visit = Visit::of(Role::Owner).await;
    let device = visit.add_device("0022EE0A0B0C", "algo", "").await;
    let token = visit.form_token();
    let right = format!("csrf={token}");
    let changes = CHANGES.iter().map(ToString::to_string);
    let changes = changes.chain(DEVICE_CHANGES.iter().map(|change| format!("{device}{change}")));
    for change in changes.chain(["/sign-out".to_owned()]) {
        for (body, headers) in [
            ("", &[][..]),
            ("csrf=", &[]),
            ("csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &[]),
            (&right, &[("origin", "https://evil.example")]),
            (&right, &[("origin", "null")]),
        ] {
            let answer = visit.post_raw(&change, body, headers).await;
            assert_eq!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{change} {body} {headers:?}"
            );
        }
    }
    assert_eq!(visit.audit().await, ["add device"]);
}

#[tokio::test]
async fn what_is_not_there_or_another_account_s_is_not_found() {
    let visit = Visit::of(Role::Owner).await;
    let two: AccountId = "two".parse().unwrap();
    let mut writing = visit.store.write().await.unwrap();
    writing.add_account(&account(two.clone())).await.unwrap();
    let stranger = Administrator {
        id: AdministratorId::from_random(3),
        email: "owner@two.example".to_owned(),
        role: Role::Owner,
        password: None,
    };
    writing.account(&two).add_administrator(&stranger).await.unwrap();
    let headers = session::begin(&mut writing, stranger.id).await.unwrap();
    writing.commit().await.unwrap();
    let device = visit.add_device("0022EE0A0B0C", "other", "").await;
    let mut other = visit;
    other.keep_cookie(&headers);

    for device in [device.as_str(), "/devices/0", "/devices/%00", "/devices/a%2Fb"] {
        for page in DEVICE_PAGES {
            let answer = other.get(&format!("{device}{page}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{device}{page}");
        }
        for change in DEVICE_CHANGES {
            let answer = other.post(&format!("{device}{change}"), "line=0").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{device}{change}");
        }
    }
    assert_eq!(other.get("/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(other.get("/assets/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(other.get("/assets/oyez.css").await.status, StatusCode::OK);
    let taken = "name=Speaker&description=&mac=0022EE0A0B0C&type=algo&model=algo-sip-based-device&assigned=";
    let answer = other.post("/devices/add", taken).await;
    assert!(answer.marks("mac", "cannot be added here"), "{}", answer.text);
    assert!(!answer.text.contains("Hall speaker"));
}
