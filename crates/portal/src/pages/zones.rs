//! Zones: which there are, how they are connected, and which directory they have.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::directory::Epoch;
use model::inventory::Timestamp;
use registrations::{ZoneLink, ZoneState};

use super::gate::Visitor;
use super::layout::{self, Frame, ZONES, shown};
use super::problem::Problem;
use super::{Site, now};

/// A zone that has not taken a change for so long is behind, in milliseconds.
const BEHIND_AFTER: u64 = 60_000;

#[derive(Template)]
#[template(path = "zones.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
}

/// The part that changes while somebody looks.
#[derive(Template)]
#[template(path = "zones_rows.html")]
struct Live {
    rows: Vec<Row>,
}

struct Row {
    name: String,
    look: &'static str,
    state: &'static str,
    /// Since when, or what to do.
    cause: String,
    directory_look: &'static str,
    directory: String,
    directory_cause: String,
    registered: usize,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let page = Page {
        frame: Frame::new(&by, "Zones", ZONES),
        rows: rows(&site, &by).await?,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// The zones alone.
pub(super) async fn live(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let live = Live {
        rows: rows(&site, &by).await?,
    };
    Ok(layout::page(StatusCode::OK, &live))
}

async fn rows(site: &Site, by: &Visitor) -> Result<Vec<Row>, Problem> {
    // Before the database is asked: a zone that takes a change meanwhile is not taken for one that is ahead of it.
    let zones = site.setup().registrations.zones().into_iter();
    let mut reading = site.store().read().await?;
    let last = reading.account(&by.account).epoch().await?;
    Ok(zones.map(|zone| row(zone, last, now())).collect())
}

fn row(zone: ZoneState, last: Epoch, now: Timestamp) -> Row {
    let (look, state, cause) = match zone.link {
        ZoneLink::InProcess => ("good", "Running", "in the process of the service".to_owned()),
        ZoneLink::Connected { since } => ("good", "Connected", format!("since {}", shown(since))),
        ZoneLink::Lost { since } => (
            "bad",
            "Not connected",
            format!(
                "since {}; it goes on with the directory it has. See that it runs and reaches the feed.",
                shown(since)
            ),
        ),
        ZoneLink::Never => (
            "bad",
            "Not connected",
            "not since the service was started. See that it runs, has the file that the service has made for it, and reaches the feed."
                .to_owned(),
        ),
    };
    let (directory_look, directory, directory_cause) = match zone.epoch {
        None => ("none", "not known".to_owned(), String::new()),
        Some((epoch, _)) if epoch > last => (
            "bad",
            "Later than the database".to_owned(),
            format!(
                "version {}, and the database has {}: it was set back, and the zone takes nothing before it has more. If that was meant, stop the zone, remove its directory.sealed and start it again.",
                epoch.0, last.0
            ),
        ),
        Some((epoch, since)) if epoch == last => (
            "good",
            "Up to date".to_owned(),
            format!("version {}, since {}", epoch.0, shown(since)),
        ),
        Some((epoch, since)) => {
            let age = now.0.saturating_sub(since.0);
            let behind = last.0.saturating_sub(epoch.0);
            let look = if age >= BEHIND_AFTER { "bad" } else { "busy" };
            let changes = if behind == 1 {
                "1 change"
            } else {
                &format!("{behind} changes")
            };
            let cause = format!("version {}, since {}", epoch.0, shown(since));
            (look, format!("{changes} behind"), cause)
        }
    };
    Row {
        name: zone.name,
        look,
        state,
        cause,
        directory_look,
        directory,
        directory_cause,
        registered: zone.registered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_behind_once_it_has_not_taken_a_change_for_a_minute_and_never_ahead() {
        let zone = |epoch| ZoneState {
            name: "b".to_owned(),
            link: ZoneLink::Connected { since: Timestamp(0) },
            epoch: Some((Epoch(epoch), Timestamp(0))),
            registered: 0,
        };
        let look = |epoch, now| row(zone(epoch), Epoch(7), Timestamp(now)).directory_look;
        assert_eq!(look(7, BEHIND_AFTER), "good");
        assert_eq!(look(6, BEHIND_AFTER - 1), "busy");
        assert_eq!(look(6, BEHIND_AFTER), "bad");
        assert_eq!(look(8, 0), "bad", "the database was set back");
    }
}
