//! What is read on the pages where no script runs.

use axum::http::StatusCode;

use super::attacks::Visit;

#[tokio::test]
async fn moments_are_dates_of_utc_where_no_script_runs() {
    let visit = Visit::start("").await;
    visit.log_book.write(crate::log_book::LogLine {
        at: 1_782_864_000,
        level: tracing::Level::INFO,
        target: "test".to_owned(),
        text: "something happened".to_owned(),
    });

    for (page, moment) in [
        (
            "/log",
            "<time datetime=\"2026-07-01T00:00:00Z\">2026-07-01 00:00:00 UTC</time>",
        ),
        ("/maintenance", " UTC</time>"),
        ("/settings/time", " UTC</time>"),
    ] {
        let answer = visit.get(page).await;

        assert_eq!(answer.status, StatusCode::OK, "{page}");
        assert!(answer.text.contains(moment), "{page}: {}", answer.text);
    }
    visit.appliance.stop().await;
}
