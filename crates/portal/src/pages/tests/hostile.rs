//! What is sent to do harm by its length, its path, or what stands in it.

use super::*;

const AREA: &str = "name=Hall&extension=1001&package=&country=CA&time_zone=UTC";

#[tokio::test]
async fn w04_a_form_is_read_up_to_its_limit_and_not_one_octet_further() {
    let visit = Visit::of(Role::Admin).await;
    let beginning = format!("csrf={}&name=&more=", visit.form_token());
    for (length, is_read) in [(FORM_LENGTH_MAX, true), (FORM_LENGTH_MAX + 1, false)] {
        let body = format!("{beginning}{}", "x".repeat(length - beginning.len()));

        let answer = visit.post_raw("/common-areas/add", &body, &[]).await;

        // What is read is judged: a form without a name.
        let expected = if is_read {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::PAYLOAD_TOO_LARGE
        };
        assert_eq!(answer.status, expected, "{}", answer.text);
        assert_eq!(answer.text.contains("more than 256 KiB"), !is_read);
    }
}

#[tokio::test]
async fn what_no_page_reads_is_told_in_words_with_what_to_do() {
    let visit = Visit::of(Role::Owner).await;
    for (path, status) in [
        ("/reports?before=x", StatusCode::BAD_REQUEST),
        ("/devices?q=1&q=2", StatusCode::BAD_REQUEST),
        ("/sign-out", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = visit.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        let is_worded = answer.text.contains("To the first page");
        assert!(is_worded, "{path}: {}", answer.text);
        let methods = answer.headers.get(header::ALLOW);
        assert_eq!(methods.is_some(), status == StatusCode::METHOD_NOT_ALLOWED);
    }
    let answer = visit.post_raw("/sign-in", "email=x", &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("nothing was done"), "{}", answer.text);
    let unnamed = Request::post("/sites/add");
    let answer = visit.send(unnamed, "name=West").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(answer.text.contains("nothing was done"), "{}", answer.text);
}

#[tokio::test]
async fn w04_no_path_leads_out_of_the_portal() {
    let visit = Visit::of(Role::Owner).await;
    for path in [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/reports/..%2f..%2fservice.db",
        "/devices/..%2fservice.key/check",
        "/devices/%00/check",
        "/devices/export.csv%00.html",
        "/assets/..%2f..%2fservice.key",
        "/file:%2f%2f%2fetc%2fpasswd",
    ] {
        let answer = visit.get(path).await;

        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn w08_what_would_begin_a_line_of_its_own_is_refused_or_kept_in_its_line() {
    let visit = Visit::of(Role::Admin).await;
    for hostile in [
        "Hall%0d%0asomebody+signed+in",
        "Hall%1b%5b2J",
        "Hall%00",
        "Hall%c2%85x",
    ] {
        let form = AREA.replace("Hall", hostile);

        let answer = visit.post("/common-areas/add", &form).await;

        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{hostile}");
    }
    assert_eq!(visit.audit().await, [""; 0]);
}
