//! The second factor: setting it up, signing in with it, losing it, and requiring it.

use web::OneTimeSecret;

use super::*;

/// An owner with a password, signed in.
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

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}

fn step() -> u64 {
    now().0 / 1_000 / web::CODE_SECONDS
}

/// Sets it up with the code of the present step; gives the secret, that step, and the recovery codes.
async fn set_up(visit: &mut Visit) -> (OneTimeSecret, u64, Vec<String>) {
    let page = visit.get("/second-factor").await.text;
    let text = between(&page, "<code id=\"key\">", "<").to_owned();
    let (secret, step) = (OneTimeSecret::read(&text).unwrap(), step());
    let password = PASSWORD.replace(' ', "+");
    let form = format!("secret={text}&password={password}&code={}", secret.code(step));
    let shown = visit.post("/second-factor", &form).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    visit.keep_cookie(&shown.headers);
    let codes = shown.text.split("<li><code>").skip(1);
    let codes: Vec<String> = codes
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect();
    assert_eq!(codes.len(), one_time::RECOVERY_CODES);
    (secret, step, codes)
}

/// Types the right password; the browser keeps what it is given.
async fn type_password(visit: &mut Visit) -> Answer {
    visit.cookie.clear();
    let form = format!(
        "email=owner%40one.example&password={}",
        PASSWORD.replace(' ', "+")
    );
    let answer = visit.post_raw("/sign-in", &form, &[]).await;
    visit.keep_cookie(&answer.headers);
    answer
}

#[tokio::test]
async fn w03_a_password_alone_opens_nothing_and_a_code_is_good_once() {
    let mut visit = owner().await;
    let other = visit.cookie.clone();
    let (secret, step, _) = set_up(&mut visit).await;
    assert_eq!(visit.get("/devices").await.status, StatusCode::OK);
    let mine = std::mem::replace(&mut visit.cookie, other);
    assert_eq!(
        visit.get("/devices").await.path(),
        "/sign-in",
        "sessions of before have ended"
    );
    visit.cookie = mine;
    assert!(visit.get("/second-factor").await.text.contains("left: 10"));

    assert_eq!(type_password(&mut visit).await.location(), "/sign-in/code");

    assert_eq!(visit.get("/devices").await.path(), "/sign-in");
    assert!(visit.get("/sign-in/code").await.text.contains(OWNER));
    let used = format!("code={}", secret.code(step));
    assert_eq!(
        visit.post_raw("/sign-in/code", &used, &[]).await.status,
        StatusCode::UNAUTHORIZED
    );
    let right = format!("code={}", secret.code(step + 1));
    let elsewhere = [("origin", "https://evil.example")];
    let foreign = visit.post_raw("/sign-in/code", &right, &elsewhere).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let half = visit.cookie.clone();
    let signed_in = visit.post_raw("/sign-in/code", &right, &[]).await;
    assert_eq!(signed_in.location(), "/", "{}", signed_in.text);
    visit.keep_cookie(&signed_in.headers);
    assert_eq!(visit.get("/devices").await.status, StatusCode::OK);
    visit.cookie = half;
    assert_eq!(
        visit.post_raw("/sign-in/code", &right, &[]).await.location(),
        "/sign-in"
    );
    assert_eq!(
        visit.audit().await,
        ["sign in", "wrong code at sign-in", "set up second factor"]
    );
}

#[tokio::test]
async fn where_somebody_was_going_outlives_both_steps_of_the_sign_in() {
    let mut visit = owner().await;
    let (secret, step, _) = set_up(&mut visit).await;
    visit.cookie.clear();
    let password = PASSWORD.replace(' ', "+");
    let form = format!("email={OWNER}&password={password}&to=/reports%3Fq=1900");
    let half = visit.post_raw("/sign-in", &form, &[]).await;
    assert_eq!(half.location(), "/sign-in/code?to=/reports%3Fq%3D1900");
    visit.keep_cookie(&half.headers);
    let hidden = "<input type=\"hidden\" name=\"to\" value=\"/reports?q=1900\">";
    let page = visit.get(half.location()).await.text;
    assert!(page.contains(hidden), "{page}");
    assert!(
        page.contains("href=\"/sign-in?to=/reports%3Fq%3D1900\""),
        "{page}"
    );
    let wrong = "code=000000&to=/reports%3Fq=1900";
    let wrong = visit.post_raw("/sign-in/code", wrong, &[]).await.text;
    assert!(wrong.contains(hidden), "{wrong}");

    let right = format!("code={}&to=/reports%3Fq=1900", secret.code(step + 1));
    let signed_in = visit.post_raw("/sign-in/code", &right, &[]).await;

    assert_eq!(signed_in.location(), "/reports?q=1900");
    let over = visit.post_raw("/sign-in/code", &right, &[]).await;
    assert_eq!(over.location(), "/sign-in?to=/reports%3Fq%3D1900");
    let evil = format!("code={}&to=//evil.example", secret.code(step + 1));
    let over = visit.post_raw("/sign-in/code", &evil, &[]).await;
    assert_eq!(over.location(), "/sign-in");
}

#[tokio::test]
async fn a_recovery_code_signs_in_once_and_can_turn_it_off() {
    let mut visit = owner().await;
    let (.., codes) = set_up(&mut visit).await;
    type_password(&mut visit).await;
    let first = format!("code={}", codes[0].to_lowercase());
    let signed_in = visit.post_raw("/sign-in/code", &first, &[]).await;
    assert_eq!(signed_in.location(), "/second-factor", "{}", signed_in.text);
    visit.keep_cookie(&signed_in.headers);
    assert!(visit.get("/second-factor").await.text.contains("left: 9"));

    for path in ["/second-factor/codes", "/second-factor/off"] {
        let again = visit.post(path, &first).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert!(again.text.contains("was used before"), "{}", again.text);
    }
    let renewed = visit
        .post("/second-factor/codes", &format!("code={}", codes[1]))
        .await;
    let new = between(&renewed.text, "<li><code>", "<").to_owned();
    let old = visit
        .post("/second-factor/off", &format!("code={}", codes[2]))
        .await;
    assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY);
    let off = visit.post("/second-factor/off", &format!("code={new}")).await;
    assert_eq!(off.location(), "/second-factor", "{}", off.text);
    assert!(visit.get("/second-factor").await.text.contains("Turn it on"));
    assert_eq!(type_password(&mut visit).await.location(), "/");
    assert_eq!(visit.audit().await[1], "turn off second factor");
}

#[tokio::test]
async fn w06_wrong_codes_are_slowed_down_however_often_the_password_is_typed() {
    let mut visit = owner().await;
    set_up(&mut visit).await;
    type_password(&mut visit).await;
    let mut last = StatusCode::OK;
    for _ in 0..web::FREE_TRIES {
        last = visit.post_raw("/sign-in/code", "code=000000", &[]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    visit.cookie.clear();
    let form = format!(
        "email=owner%40one.example&password={}",
        PASSWORD.replace(' ', "+")
    );
    let again = visit.post_raw("/sign-in", &form, &[]).await;
    assert_eq!(again.status, StatusCode::TOO_MANY_REQUESTS);
}

/// What somebody elsewhere is answered who tries a link that is not good.
async fn try_link(visit: &Visit, number: u32) -> StatusCode {
    let [.., high, low] = number.to_be_bytes();
    let form = "token=wrong&password=a+long+password&again=a+long+password";
    let request = Request::post("/invited").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let caller = ([10, 0, high, low], 40_000);
    visit.send_from(caller, request, form).await.status
}

#[tokio::test]
async fn whoever_signs_in_with_a_second_factor_makes_nobody_else_wait() {
    let mut visit = owner().await;
    let (.., codes) = set_up(&mut visit).await;
    // Left are the tries of one sign-in, and one more.
    let wrong = web::FREE_TRIES_OF_ALL - 3;
    for number in 0..wrong {
        assert_eq!(try_link(&visit, number).await, StatusCode::FORBIDDEN);
    }

    for code in codes.iter().take(4) {
        assert_eq!(type_password(&mut visit).await.location(), "/sign-in/code");
        let form = format!("code={code}");
        let signed_in = visit.post_raw("/sign-in/code", &form, &[]).await;
        assert_eq!(signed_in.location(), "/second-factor", "{}", signed_in.text);
    }

    for number in wrong..web::FREE_TRIES_OF_ALL {
        assert_eq!(try_link(&visit, number).await, StatusCode::FORBIDDEN);
    }
    let status = try_link(&visit, web::FREE_TRIES_OF_ALL).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn whoever_waits_since_others_guess_the_codes_is_not_counted_among_them() {
    let mut visit = owner().await;
    set_up(&mut visit).await;
    type_password(&mut visit).await;
    let try_code = async |caller| {
        let request =
            Request::post("/sign-in/code").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        visit.send_from(caller, request, "code=000000").await.status
    };
    for number in 0..5 {
        let caller = ([10, 0, 0, number], 40_000);
        assert_eq!(try_code(caller).await, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..web::FREE_TRIES {
        assert_eq!(try_code(CALLER).await, StatusCode::TOO_MANY_REQUESTS);
    }

    assert_eq!(type_password(&mut visit).await.location(), "/sign-in/code");
}

#[tokio::test]
async fn w06_wrong_codes_at_renewing_and_turning_off_are_slowed_down_and_in_the_audit() {
    for path in ["/second-factor/codes", "/second-factor/off"] {
        let mut visit = owner().await;
        let (.., codes) = set_up(&mut visit).await;
        for _ in 0..web::FREE_TRIES {
            let wrong = visit.post(path, "code=000000").await;
            assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        }

        let right = visit.post(path, &format!("code={}", codes[0])).await;

        assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert!(right.text.contains("too many wrong tries"), "{}", right.text);
        let audit = visit.audit().await;
        let noted = audit
            .iter()
            .filter(|action| *action == "wrong code at second factor");
        let tries = usize::try_from(web::FREE_TRIES).unwrap();
        assert_eq!(noted.count(), tries, "{path}: {audit:?}");
        while !visit.audit().await.contains(&crate::alarms::GUESSED.to_owned()) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_right_code_forgives_the_wrong_ones_before_it() {
    let mut visit = owner().await;
    let (.., codes) = set_up(&mut visit).await;
    let mut code = codes[0].clone();
    for _ in 0..3 {
        for _ in 1..web::FREE_TRIES {
            visit.post("/second-factor/off", "code=000000").await;
        }

        let renewed = visit.post("/second-factor/codes", &format!("code={code}")).await;

        assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text);
        code = between(&renewed.text, "<li><code>", "<").to_owned();
    }
}

#[tokio::test]
async fn it_does_not_count_before_a_code_and_the_password_have_proved_it() {
    let mut visit = owner().await;
    let page = visit.get("/second-factor").await.text;
    let text = between(&page, "<code id=\"key\">", "<").to_owned();
    assert!(page.contains("<svg") && !page.contains("<?xml"), "{page}");
    let code = OneTimeSecret::read(&text).unwrap().code(step());
    let password = PASSWORD.replace(' ', "+");
    for (form, field, told) in [
        (
            format!("secret={text}&password=wrong&code={code}"),
            "password",
            "not your password",
        ),
        (
            format!("secret={text}&password={password}&code=000"),
            "code",
            "not the code",
        ),
    ] {
        let answer = visit.post("/second-factor", &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            answer.text.contains(told) && answer.text.contains(&text),
            "{}",
            answer.text
        );
        let at_field = format!("aria-describedby=\"{field}-error\"");
        let error = format!("<p class=\"error\" id=\"{field}-error\">it is {told}");
        assert!(
            answer.text.contains(&at_field) && answer.text.contains(&error),
            "{}",
            answer.text
        );
        assert_eq!(answer.text.matches("-error\">").count(), 2, "one field is marked");
    }
    assert_eq!(type_password(&mut visit).await.location(), "/");
}

#[tokio::test]
async fn w03_an_invitation_does_not_pass_by_the_second_factor() {
    let mut visit = owner().await;
    set_up(&mut visit).await;
    let mut writing = visit.store.write().await.unwrap();
    let token = crate::provisioning::sha256(b"invitation");
    let owner = AdministratorId::from_random(1);
    let until = now().after_seconds(60);
    writing
        .account(&one())
        .invite(&owner, token, until)
        .await
        .unwrap();
    writing.commit().await.unwrap();
    let form = "token=invitation&password=another+password&again=another+password";
    let answer = visit.post_raw("/invited", form, &[]).await;
    assert_eq!(answer.location(), "/sign-in/code", "{}", answer.text);
}

#[tokio::test]
async fn an_owner_takes_it_away_from_somebody_else() {
    let mut ada = owner().await;
    set_up(&mut ada).await;
    let own = format!(
        "/administrators/{}/second-factor",
        AdministratorId::from_random(1)
    );
    assert_eq!(ada.post(&own, "").await.status, StatusCode::CONFLICT);
    let mut writing = ada.store.write().await.unwrap();
    let other = add_somebody(&mut writing, "second@one.example", Role::Owner).await;
    let headers = session::begin(&mut writing, other).await.unwrap();
    writing.commit().await.unwrap();
    ada.keep_cookie(&headers);
    assert!(ada.get("/administrators").await.text.contains(&own));
    assert!(
        ada.get(&own)
            .await
            .text
            .contains("their password alone signs them in")
    );

    assert_eq!(ada.post(&own, "").await.location(), "/administrators");

    assert_eq!(ada.post(&own, "").await.status, StatusCode::CONFLICT);
    assert_eq!(ada.audit().await[0], "take second factor away");
    assert_eq!(type_password(&mut ada).await.location(), "/");
}

#[tokio::test]
async fn w03_whoever_owes_a_second_factor_is_led_to_set_it_up_and_nowhere_else() {
    let mut visit = owner().await;
    let admin = visit.begin_session(Role::Admin).await;
    let own = std::mem::replace(&mut visit.cookie, admin);
    assert!(
        !visit
            .get("/settings")
            .await
            .text
            .contains("proves a second factor")
    );
    visit
        .post("/settings", "name=One+Ltd&second_factor=required")
        .await;
    assert_eq!(
        visit.get("/devices").await.status,
        StatusCode::OK,
        "an owner alone requires it"
    );
    visit.cookie = own;

    visit
        .post("/settings", "name=One+Ltd&second_factor=required")
        .await;

    for path in ["/devices", "/settings", "/changes"] {
        assert_eq!(visit.get(path).await.location(), "/second-factor", "{path}");
    }
    assert_eq!(
        visit.post("/sites/add", "name=West").await.location(),
        "/second-factor"
    );
    assert!(
        visit
            .get("/second-factor")
            .await
            .text
            .contains("Set it up to go on")
    );
    assert_eq!(visit.get("/password").await.status, StatusCode::OK);
    set_up(&mut visit).await;
    assert_eq!(visit.get("/devices").await.status, StatusCode::OK);
    assert!(
        visit
            .get("/settings")
            .await
            .text
            .contains("value=\"required\" checked")
    );
}
