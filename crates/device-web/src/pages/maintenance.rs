//! System → Maintenance: the configuration as a file, and its earlier versions.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use device::appliance::{Author, ChangeError, Version};
use device::sentence;
use model::config::{DOCUMENT_LENGTH_MAX, Difference, Document};
use serde::Deserialize;

use super::layout::{self, Frame};
use super::signed_in::{Posted, SignedIn};
use super::upload::Upload;
use crate::moment::Moment;
use crate::site::Site;

#[derive(Template)]
#[template(path = "maintenance.html")]
struct Page {
    frame: Frame,
    versions: Vec<Row>,
    unknown: Vec<String>,
    has_given: bool,
    done: Option<u32>,
    problems: Vec<String>,
}

struct Row {
    number: u32,
    made_at: Moment,
    author: String,
    applies: bool,
}

#[derive(Template)]
#[template(path = "version.html")]
struct VersionPage {
    frame: Frame,
    number: u32,
    differences: Vec<Difference>,
}

#[derive(Deserialize)]
pub(super) struct Done {
    done: Option<u32>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Query(Done { done }): Query<Done>,
    by: SignedIn,
) -> Response {
    page(&site, &by, StatusCode::OK, done, Vec::new())
}

/// The whole configuration as a file. It holds the passwords: a back-up without them could not be restored.
pub(super) async fn export(State(site): State<Site>, _by: SignedIn) -> Response {
    let text = site.appliance().settings().effective().to_text();
    let name = format!(
        "attachment; filename=\"oyez-{}.conf\"",
        site.appliance().identity().device
    );
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    (headers, text).into_response()
}

/// Takes a back-up, of this endpoint or of the hardware, in the place of everything that was set on the device.
pub(super) async fn import(State(site): State<Site>, Upload { by, file }: Upload) -> Response {
    let document = match read(file) {
        Ok(document) => document,
        Err(problems) => return page(&site, &by, StatusCode::UNPROCESSABLE_ENTITY, None, problems),
    };
    answer(
        &site,
        &by,
        site.appliance().replace_local(Author::Import, document).await,
    )
}

pub(super) async fn roll_back(State(site): State<Site>, posted: Posted) -> Response {
    let Ok(number) = posted.value("number").parse() else {
        return layout::missing().await;
    };
    answer(&site, &posted.by, site.appliance().roll_back(number).await)
}

/// What a version would change.
pub(super) async fn version(State(site): State<Site>, Path(number): Path<u32>, by: SignedIn) -> Response {
    let Ok(settings) = site.appliance().version(number).await else {
        return layout::missing().await;
    };
    let differences = site.appliance().settings().differences(&settings);
    let page = VersionPage {
        frame: Frame::new(&site, &by, format!("Version {number}"), "/maintenance"),
        number,
        differences: differences.iter().map(Difference::shown).collect(),
    };
    layout::page(StatusCode::OK, &page)
}

fn read(file: Option<(String, Vec<u8>)>) -> Result<Document, Vec<String>> {
    let Some((_, file)) = file else {
        return Err(vec!["No file was chosen.".to_owned()]);
    };
    if file.len() > DOCUMENT_LENGTH_MAX {
        return Err(vec![format!(
            "The file is larger than {DOCUMENT_LENGTH_MAX} bytes."
        )]);
    }
    let text = model::text_of(file).map_err(|error| vec![format!("line {}: {error}", error.line)])?;
    Document::parse(&text).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn answer(site: &Site, by: &SignedIn, outcome: Result<device::appliance::Changed, ChangeError>) -> Response {
    match outcome {
        Ok(changed) => Redirect::to(&format!("/maintenance?done={}", changed.version.number)).into_response(),
        Err(ChangeError::Wrong(errors)) => {
            let problems = errors.iter().map(ToString::to_string).collect();
            page(site, by, StatusCode::UNPROCESSABLE_ENTITY, None, problems)
        }
        Err(error) => page(
            site,
            by,
            StatusCode::INTERNAL_SERVER_ERROR,
            None,
            vec![sentence(&error)],
        ),
    }
}

fn page(
    site: &Site,
    by: &SignedIn,
    status: StatusCode,
    done: Option<u32>,
    problems: Vec<String>,
) -> Response {
    let settings = site.appliance().settings();
    let versions = site.appliance().versions();
    let current = versions.last().map(|version| version.number);
    let page = Page {
        frame: Frame::new(site, by, "System → Maintenance", "/maintenance"),
        versions: versions
            .iter()
            .rev()
            .map(|version| row(version, current))
            .collect(),
        unknown: settings
            .effective()
            .unknown_keys()
            .into_iter()
            .map(|unknown| unknown.key)
            .collect(),
        has_given: settings.given().keys().next().is_some(),
        done,
        problems,
    };
    layout::page(status, &page)
}

fn row(version: &Version, current: Option<u32>) -> Row {
    Row {
        number: version.number,
        made_at: Moment(version.made_at),
        author: match &version.author {
            Author::Web => "these pages".to_owned(),
            Author::Api => "the REST API".to_owned(),
            Author::File => "the configuration file".to_owned(),
            Author::Provisioning => "provisioning".to_owned(),
            Author::Import => "a back-up".to_owned(),
            Author::RollBack { to } => format!("going back to version {to}"),
        },
        applies: Some(version.number) == current,
    }
}
