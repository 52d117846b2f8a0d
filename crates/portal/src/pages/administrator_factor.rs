//! Administrators → Take second factor away: for somebody who has lost phone and recovery codes.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::Administrator;

use super::Site;
use super::administrators::find;
use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::layout::{ADMINISTRATORS, Frame, SECOND_FACTOR};
use super::problem::{Problem, not_yet};

pub(super) async fn ask(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let somebody = find(&mut scope, &id).await?;
    if is_own(&by, &somebody) {
        return Ok(own(&by));
    }
    if scope.second_factor(&somebody.id).await?.is_none() {
        return Ok(none(&by, &somebody));
    }
    let page = Confirm {
        frame: Frame::new(
            &by,
            format!("Second factor of {}", somebody.email),
            ADMINISTRATORS,
        ),
        question: format!("Take the second factor of {} away?", somebody.email),
        along: vec![
            "From then on their password alone signs them in, until they set up another.".to_owned(),
            "See by another way than e-mail that it is they who ask for it.".to_owned(),
        ],
        action: format!("{ADMINISTRATORS}/{}/second-factor", somebody.id),
        hidden: Vec::new(),
        button: "Take it away",
        is_danger: true,
        back: ADMINISTRATORS.to_owned(),
    };
    Ok(page.answer())
}

pub(super) async fn take_away(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let somebody = find(&mut scope, &id).await?;
    if is_own(by, &somebody) {
        return Ok(own(by));
    }
    if !scope.remove_second_factor(&somebody.id).await? {
        return Ok(none(by, &somebody));
    }
    by.note(&mut writing, "take second factor away", somebody.email)
        .await?;
    writing.commit().await?;
    Ok(Redirect::to(ADMINISTRATORS).into_response())
}

fn is_own(by: &Visitor, somebody: &Administrator) -> bool {
    by.administrator.id == somebody.id
}

/// One's own is proved before it is turned off.
fn own(by: &Visitor) -> Response {
    let text = "Turn your own second factor off on its page, with a code.";
    let frame = Frame::new(by, "Your own second factor", ADMINISTRATORS);
    not_yet(frame, text, (SECOND_FACTOR, "To your second factor"))
}

fn none(by: &Visitor, somebody: &Administrator) -> Response {
    let text = format!("{} has no second factor.", somebody.email);
    let frame = Frame::new(by, format!("Second factor of {}", somebody.email), ADMINISTRATORS);
    not_yet(frame, &text, (ADMINISTRATORS, "To the administrators"))
}
