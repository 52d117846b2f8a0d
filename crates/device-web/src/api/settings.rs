//! `/api/settings`: reading one key, changing some.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use device::appliance::Author;
use model::config::{CONCEALED, SettingChange, Settings, find};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Problem, problem};
use super::body;
use crate::site::Site;

/// The part of a path that names a key.
#[derive(Deserialize)]
pub(super) struct Wanted {
    key: String,
}

/// The value of a key that means something here, as a string. A secret is concealed; keys that a file holds and nobody knows
/// are not shown at all, as they may be secrets.
pub(super) async fn show(State(site): State<Site>, Path(Wanted { key }): Path<Wanted>) -> Response {
    match shown(&site.appliance().settings(), &key) {
        Some(value) => answer::json(StatusCode::OK, &BTreeMap::from([(key, value)])),
        None => answer::failure(StatusCode::NOT_FOUND, "there is no such key"),
    }
}

fn shown(settings: &Settings, key: &str) -> Option<String> {
    let spec = find(key)?;
    let value = settings.value(key);
    let is_concealed = spec.secret && !value.is_empty();
    Some(if is_concealed { CONCEALED } else { value }.to_owned())
}

/// Sets keys, all of them or none.
pub(super) async fn change(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let values: BTreeMap<String, Value> = match body::read(&headers, &body) {
        Ok(values) => values,
        Err(unfit) => return answer::unfit(&unfit),
    };
    let changes = match changes(values) {
        Ok(changes) => changes,
        Err(problems) => return answer::wrong_values(&problems),
    };
    match site.appliance().change(Author::Api, &changes).await {
        Ok(changed) => {
            let done = json!({ "version": changed.version.number, "keys": changed.keys });
            answer::json(StatusCode::OK, &done)
        }
        Err(error) => answer::not_changed(&error),
    }
}

/// What is to change. Null takes back what was set on the device; a secret that is still concealed stays as it is.
fn changes(values: BTreeMap<String, Value>) -> Result<Vec<SettingChange>, Vec<Problem>> {
    let (mut changes, mut problems) = (Vec::new(), Vec::new());
    for (key, value) in values {
        let Some(spec) = find(&key) else {
            problems.push(problem(
                &key,
                "there is no such key",
                "a key of the documentation",
            ));
            continue;
        };
        match value {
            Value::String(value) if spec.secret && value == CONCEALED => {}
            Value::String(value) => changes.push(SettingChange {
                key,
                value: Some(value),
            }),
            Value::Null => changes.push(SettingChange { key, value: None }),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                problems.push(problem(&key, "the value is not a string", "a string, as \"1\""));
            }
        }
    }
    if problems.is_empty() {
        Ok(changes)
    } else {
        Err(problems)
    }
}
