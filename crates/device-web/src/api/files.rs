//! `/api/files`: the sound files, as System → File Manager has them.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::{answer, body};
use crate::site::Site;

/// The folder of sound files. The hardware has others, which mean nothing here.
const TONES: &str = "tones";

/// A file to remove.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePath {
    /// The folder and the name.
    path: String,
}

/// Where a file is.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    folder: String,
    #[serde(default)]
    name: String,
}

pub(super) async fn list(State(site): State<Site>, Path(place): Path<Place>) -> Response {
    if place.folder != TONES {
        return answer::not_on_this_model();
    }
    let files = site.appliance().tone_files().await;
    let files: Vec<_> = files
        .iter()
        .map(|file| json!({ "name": file.name, "size": file.bytes }))
        .collect();
    answer::json(StatusCode::OK, &json!({ "files": files }))
}

/// Keeps a file of any kind that can be played; what it is called afterwards is in the answer.
pub(super) async fn keep(
    State(site): State<Site>,
    Path(Place { folder, name }): Path<Place>,
    content: Bytes,
) -> Response {
    if folder != TONES {
        return answer::not_on_this_model();
    }
    match site.appliance().add_tone(name, content.to_vec()).await {
        Ok(file) => answer::json(StatusCode::OK, &json!({ "name": file.name, "size": file.bytes })),
        Err(error) => answer::not_kept(&error),
    }
}

pub(super) async fn remove(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let FilePath { path } = match body::read(&headers, &body) {
        Ok(path) => path,
        Err(unfit) => return answer::unfit(&unfit),
    };
    let path = path.strip_prefix('/').unwrap_or(&path);
    match path.split_once('/') {
        Some((TONES, name)) => match site.appliance().remove_tone(name.to_owned()).await {
            Ok(()) => StatusCode::OK.into_response(),
            Err(error) => answer::not_kept(&error),
        },
        Some(_) | None => answer::not_on_this_model(),
    }
}
