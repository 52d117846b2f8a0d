//! Tokens, scopes, and what is behind the gate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::phone;

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

impl Program {
    async fn ask_token(&self, query: &str, form: &str, credentials: &str) -> Answer {
        let mut request = Request::post(format!("/oauth/token{query}"));
        if !credentials.is_empty() {
            request = request.header(header::AUTHORIZATION, credentials);
        }
        self.send(request, form.to_owned()).await
    }
}

const ASKED: &str = "grant_type=account_credentials&account_id=one";

#[tokio::test]
async fn a_token_is_given_for_parameters_in_the_query_or_in_a_form() {
    let mut program = Program::with(EVERYTHING).await;
    let known = basic(client(1, "").id.as_str(), SECRET);
    for (query, form) in [(format!("?{ASKED}"), ""), (String::new(), ASKED)] {
        let answer = program.ask_token(&query, form, &known).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let token = answer.json();
        assert_eq!(
            (&token["token_type"], &token["expires_in"], &token["scope"]),
            (&json!("bearer"), &json!(3600), &json!(EVERYTHING))
        );
        assert_eq!(token["api_url"], json!("https://oyez.example:8443"));
        program.token = token["access_token"].as_str().unwrap().to_owned();
        assert_eq!(program.get("/common_areas").await.status, StatusCode::OK);
    }
    assert_eq!(program.audit().await[0].1, "get token");
}

#[tokio::test]
async fn whoever_asks_wrongly_gets_no_token_and_is_told_why() {
    let program = Program::with(EVERYTHING).await;
    let id = client(1, "").id.to_string();
    let right = basic(&id, SECRET);
    let other = "?grant_type=account_credentials&account_id=two";
    for (query, credentials, status, error) in [
        ("", right.as_str(), 400, "invalid_request"),
        (
            "?grant_type=password",
            right.as_str(),
            400,
            "unsupported_grant_type",
        ),
        (other, right.as_str(), 400, "invalid_request"),
        (&format!("?{ASKED}"), "", 401, "invalid_client"),
        (&format!("?{ASKED}"), &basic(&id, "wrong"), 401, "invalid_client"),
    ] {
        let answer = program.ask_token(query, "", credentials).await;
        assert_eq!(answer.status.as_u16(), status, "{query} {}", answer.text);
        assert_eq!(answer.json()["error"], json!(error));
        let challenge = answer.headers.get(header::WWW_AUTHENTICATE);
        let expected = (status == 401).then_some("Basic realm=\"Oyez API\"");
        assert_eq!(challenge.map(|value| value.to_str().unwrap()), expected);
    }
}

#[tokio::test]
async fn w06_wrong_secrets_slow_down_the_next_try() {
    let program = Program::with(EVERYTHING).await;
    let id = client(1, "").id.to_string();
    let query = format!("?{ASKED}");
    for _ in 0..web::FREE_TRIES {
        let answer = program.ask_token(&query, "", &basic(&id, "wrong")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = program.ask_token(&query, "", &basic(&id, SECRET)).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    loop {
        let mut reading = program.store.read().await.unwrap();
        let entries = reading.account(&one()).audit(9).await.unwrap();
        let alarm = entries
            .iter()
            .find(|entry| entry.action == portal::alarms::GUESSED_SECRETS);
        if alarm.is_some() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn right_secrets_are_not_refused_for_coming_together() {
    let program = Program::with(EVERYTHING).await;
    let known = basic(client(1, "").id.as_str(), SECRET);
    let query = format!("?{ASKED}");
    let ask = || program.ask_token(&query, "", &known);

    let (a, b, c, d, e, f, g) = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask());

    for answer in [a, b, c, d, e, f, g] {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

#[tokio::test]
async fn every_operation_is_closed_to_whoever_has_no_scope_of_it_and_says_which_is_missing() {
    let mut program = Program::with("phone:nothing").await;
    let mut count = 0;
    for operation in phone::operations() {
        let path = operation.path.replace(['{', '}'], "");
        let path = path.strip_prefix("/phone").unwrap();
        let answer = program.ask(operation.method.clone(), path, "{}".to_owned()).await;
        assert_eq!(answer.refusal(), (400, 4711), "{}", operation.id);
        assert!(answer.text.contains(operation.granular[0]), "{}", answer.text);
        let granular = operation.granular.iter().chain(operation.classic);
        assert!(granular.count() >= 2, "{}", operation.id);
        count += 1;
    }
    assert_eq!(count, 44);
    program.token = "another".to_owned();
    for operation in phone::operations() {
        let path = operation.path.replace(['{', '}'], "");
        let path = path.strip_prefix("/phone").unwrap();
        let answer = program.ask(operation.method.clone(), path, String::new()).await;
        assert_eq!(answer.refusal(), (401, 124), "{}", operation.id);
    }
}

#[tokio::test]
async fn what_is_no_operation_is_told_only_to_those_who_are_known() {
    let mut program = Program::with(EVERYTHING).await;
    assert_eq!(program.get("/nothing").await.refusal(), (404, 404));
    program.token.clear();
    let refused = program.get("/nothing").await;
    assert_eq!(refused.refusal(), (401, 124));
    assert_eq!(
        refused.headers[header::WWW_AUTHENTICATE],
        "Bearer realm=\"Oyez API\""
    );
    let request = Request::get("/v2/openapi.json");
    let document = program.send(request, String::new()).await;
    assert_eq!(document.json(), crate::phone_document());
}

#[tokio::test]
async fn another_method_of_a_known_path_is_refused_in_the_words_of_its_api_with_those_that_it_takes() {
    let mut program = Program::with(EVERYTHING).await;
    let refused = program.put("/common_areas", json!({})).await;
    assert_eq!(refused.refusal(), (405, 405));
    assert_eq!(refused.headers[header::ALLOW], "GET,HEAD,POST");
    let refused = program.ask_v1(Method::PUT, "/account", "{}").await;
    assert_eq!(refused.problem(), 405);
    assert_eq!(refused.headers[header::ALLOW], "GET,HEAD");
    let refused = program.send(Request::get("/oauth/token"), String::new()).await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.json()["error"], json!("invalid_request"));
    program.token.clear();
    assert_eq!(
        program.put("/common_areas", json!({})).await.refusal(),
        (401, 124)
    );
    let refused = program.ask_v1(Method::PUT, "/account", "{}").await;
    assert_eq!(refused.problem(), 401);
    assert!(refused.headers.contains_key(header::WWW_AUTHENTICATE));
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_told_in_the_words_of_its_api() {
    use axum::middleware::from_fn;
    use axum::routing::post;

    let late = || post(std::future::pending::<StatusCode>);
    let router = Router::new()
        .route("/codes", late().layer(from_fn(crate::in_time_of_codes)))
        .route("/problems", late().layer(from_fn(crate::in_time_of_problems)));
    for (path, field, code, kind) in [
        ("/codes", "code", 408, "application/json"),
        ("/problems", "status", 408, "application/problem+json"),
    ] {
        let request = Request::post(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(response.headers()[header::CONTENT_TYPE], kind);
        let octets = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let told: Value = serde_json::from_slice(&octets).unwrap();
        assert_eq!(told[field], json!(code));
    }
}

#[tokio::test]
async fn a_classic_or_a_granular_scope_is_enough() {
    let mut program = Program::with("phone:read:list_devices:admin").await;
    assert_eq!(program.get("/devices?type=assigned").await.status, StatusCode::OK);
    assert_eq!(program.get("/common_areas").await.refusal(), (400, 4711));
    program.go_on_with(2, "one", "phone:read:admin").await;
    assert_eq!(program.get("/common_areas").await.status, StatusCode::OK);
    let refused = program
        .post("/common_areas", json!({ "display_name": "Hall" }))
        .await;
    assert_eq!(refused.refusal(), (400, 4711));
}

#[tokio::test]
async fn an_account_sees_and_changes_nothing_of_another() {
    let mut program = Program::with(EVERYTHING).await;
    let area = program.add_area("Hall", 701).await;
    let device = program.add_device("00:22:EE:0A:0B:0C", "algo").await;
    program.go_on_with(2, "two", EVERYTHING).await;

    let areas = program.get("/common_areas").await.json();
    assert_eq!(areas["common_areas"], json!([]));
    assert_eq!(
        program.get(&format!("/devices/{device}")).await.refusal(),
        (400, 400)
    );
    assert_eq!(
        program.delete(&format!("/common_areas/{area}")).await.refusal(),
        (400, 404)
    );
    let body = json!({ "display_name": "Other", "mac_address": "0022EE0A0B0C", "type": "algo" });
    let refused = program.post("/devices", body).await;
    assert_eq!(refused.refusal(), (400, 300));
    assert!(!refused.text.contains("Hall"), "{}", refused.text);
}

#[tokio::test]
async fn a_page_token_is_good_for_its_list_alone() {
    let mut program = Program::with(EVERYTHING).await;
    for number in 701..=703 {
        program.add_area("Hall", number).await;
    }
    let first = program.get("/common_areas?page_size=2").await.json();
    assert_eq!(first["common_areas"].as_array().unwrap().len(), 2);
    let token = first["next_page_token"].as_str().unwrap().to_owned();

    let next = program
        .get(&format!("/common_areas?page_size=2&next_page_token={token}"))
        .await;
    let next = next.json();
    assert_eq!(next["common_areas"][0]["extension_number"], json!(703));
    assert_eq!(next["next_page_token"], json!(""));
    for path in [
        format!("/common_areas?site_id=x&next_page_token={token}"),
        format!("/users?next_page_token={token}"),
        "/common_areas?next_page_token=made-up".to_owned(),
    ] {
        assert_eq!(program.get(&path).await.refusal(), (400, 400), "{path}");
    }
    program.go_on_with(2, "two", EVERYTHING).await;
    let other = program
        .get(&format!("/common_areas?page_size=2&next_page_token={token}"))
        .await;
    assert_eq!(other.refusal(), (400, 400));
}

#[tokio::test]
async fn a_page_has_so_many_rows_and_not_one_more() {
    let program = Program::with(EVERYTHING).await;
    for (path, most) in [
        ("/common_areas?", 100),
        ("/devices?type=assigned&", 300),
        ("/users?", 100),
    ] {
        for (asked, given) in [(most, most), (most + 1, most)] {
            let page = program.get(&format!("{path}page_size={asked}")).await.json();
            assert_eq!(page["page_size"], json!(given), "{path}");
        }
        assert_eq!(
            program.get(&format!("{path}page_size=0")).await.refusal(),
            (400, 300)
        );
        assert_eq!(
            program.get(&format!("{path}page_size=x")).await.refusal(),
            (400, 300)
        );
    }
}

#[tokio::test]
async fn a_hash_that_nobody_knows_opens_nothing() {
    let program = Program::with(EVERYTHING).await;
    let mut reading = program.store.read().await.unwrap();
    assert!(reading.bearer(NOBODY, Timestamp(0)).await.unwrap().is_none());
}
