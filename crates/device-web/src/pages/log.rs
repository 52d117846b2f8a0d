//! System → System Log: the last lines of the program's log.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tracing::Level;

use super::layout::{self, Frame};
use super::signed_in::SignedIn;
use crate::log_book::DeliveryStatus;
use crate::moment::Moment;
use crate::site::Site;

#[derive(Template)]
#[template(path = "log.html")]
struct Page {
    frame: Frame,
    lines: Vec<Row>,
    warnings_only: bool,
    deliveries: Vec<DeliveryStatus>,
}

struct Row {
    at: Moment,
    level: &'static str,
    look: &'static str,
    part: String,
    text: String,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    warnings: u8,
}

pub(super) async fn show(
    State(site): State<Site>,
    Query(Choice { warnings }): Query<Choice>,
    by: SignedIn,
) -> Response {
    let warnings_only = warnings == 1;
    let page = Page {
        frame: Frame::new(&site, &by, "System → System Log", "/log"),
        lines: site
            .log_book()
            .lines()
            .into_iter()
            .filter(|line| !warnings_only || line.level <= Level::WARN)
            .map(|line| Row {
                at: Moment(line.at),
                level: line.level.as_str(),
                look: look(line.level),
                part: line.target,
                text: line.text,
            })
            .collect(),
        warnings_only,
        deliveries: site.log_book().deliveries(),
    };
    layout::page(StatusCode::OK, &page)
}

fn look(level: Level) -> &'static str {
    match level {
        Level::ERROR => "bad",
        Level::WARN => "busy",
        _ => "none",
    }
}
