//! The documents of both APIs are what the program answers, and that of the phone API what is published.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// Names the published document, where it lies elsewhere than beside the repository.
const PUBLISHED: &str = "OYEZ_PUBLISHED_PHONE_API";

/// What differs from the published document, because that forces it; each with its reason. A place is an operation and a path in it,
/// or the end of one.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        ".policy",
        "some hundred settings of voicemail, recording and messages, none of which exist here: taken as an object and not kept",
    ),
    (
        "addExtensionsToADevice.201.type",
        "it publishes an empty schema; what is answered is an empty object",
    ),
];

/// Statuses that the published document has nowhere, or not at every operation, and that an answer over HTTPS can have at any.
const STATUSES_OF_ALL: [&str; 5] = ["400", "401", "408", "429", "503"];

/// Codes that the published document leaves out: those of its text on errors and tokens, and those of a service that cannot answer.
const CODES_OF_ALL: [u64; 7] = [124, 300, 400, 408, 429, 503, 4711];

/// Further codes of one operation.
const FURTHER_CODES: &[(&str, u64, &str)] = &[
    (
        "addPhoneDevice",
        1001,
        "the status 404 is published there without a code; those who have no such extension are told so elsewhere with this one",
    ),
    (
        "addCommonArea",
        409,
        "the number is another's: published for the change of a common area",
    ),
    (
        "UpdateAnAlertSetting",
        0,
        "a change can be refused with what the setting as a whole is refused with",
    ),
];

/// What two schemas have in common word for word.
const WORDS: [&str; 9] = [
    "maximum",
    "minimum",
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "pattern",
    "default",
    "format",
];

#[test]
fn the_documents_in_the_repository_are_what_the_program_answers() {
    for (name, document) in [("phone", api::phone_document()), ("v1", api::v1_document())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/api/{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
        if std::env::var_os("OYEZ_WRITE_DOCS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "docs/api/{name}.json is old: OYEZ_WRITE_DOCS=1 cargo test -p api --test document writes it"
        );
    }
}

#[test]
fn the_document_is_the_published_one_but_for_what_is_listed() {
    let path = published();
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!(
            "skipped: there is no {}; {PUBLISHED} names the published document",
            path.display()
        );
        return;
    };
    let published: Value = serde_json::from_str(&text).unwrap();
    let mut differences = Differences {
        published: &published,
        found: Vec::new(),
        excepted: BTreeSet::new(),
    };
    differences.look(&api::phone_document());
    assert!(differences.found.is_empty(), "{}", differences.found.join("\n"));
    for (place, _) in EXCEPTIONS {
        assert!(
            differences.excepted.contains(place),
            "{place} is no exception any more"
        );
    }
}

fn published() -> PathBuf {
    std::env::var_os(PUBLISHED).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/zoom-phone-api.json"),
        PathBuf::from,
    )
}

struct Differences<'p> {
    published: &'p Value,
    found: Vec<String>,
    excepted: BTreeSet<&'static str>,
}

impl Differences<'_> {
    fn note(&mut self, place: &str, what: &str) {
        let exception = EXCEPTIONS.iter().find(|(known, _)| {
            if known.starts_with('.') {
                place.ends_with(known) || place.contains(&format!("{known}."))
            } else {
                place == *known
            }
        });
        match exception {
            Some((known, _)) => {
                self.excepted.insert(known);
            }
            None => self.found.push(format!("{place}: {what}")),
        }
    }

    fn same(&mut self, place: &str, published: &Value, ours: &Value) {
        if published != ours {
            self.note(place, &format!("{published} is published, ours is {ours}"));
        }
    }

    fn look(&mut self, ours: &Value) {
        let published = self.published["paths"].clone();
        self.same("paths", &names(&published), &names(&ours["paths"]));
        for (path, methods) in published.as_object().unwrap() {
            let our_methods = &ours["paths"][path];
            self.same(path, &names(methods), &names(our_methods));
            for (method, operation) in methods.as_object().unwrap() {
                self.operation(operation, &our_methods[method]);
            }
        }
    }

    fn operation(&mut self, published: &Value, ours: &Value) {
        let id = published["operationId"].as_str().unwrap().to_owned();
        for field in ["operationId", "x-rate-limit-label"] {
            self.same(&format!("{id}.{field}"), &published[field], &ours[field]);
        }
        for field in ["x-scopes", "x-granular-scopes"] {
            self.same(
                &format!("{id}.{field}"),
                &set(&published[field]),
                &set(&ours[field]),
            );
        }
        self.parameters(&id, &published["parameters"], &ours["parameters"]);
        let body =
            |operation: &Value| operation["requestBody"]["content"]["application/json"]["schema"].clone();
        self.schema(&format!("{id}.body"), &body(published), &body(ours), true);
        self.answers(&id, &published["responses"], &ours["responses"]);
    }

    fn parameters(&mut self, id: &str, published: &Value, ours: &Value) {
        let by_name = |list: &Value| -> Map<String, Value> {
            let list = list.as_array().cloned().unwrap_or_default();
            let named = |one: Value| {
                let name = format!(
                    "{} {}",
                    one["in"].as_str().unwrap(),
                    one["name"].as_str().unwrap()
                );
                (name, one)
            };
            list.into_iter().map(named).collect()
        };
        let (published, ours) = (by_name(published), by_name(ours));
        let keys = |map: &Map<String, Value>| names(&Value::Object(map.clone()));
        self.same(&format!("{id}.parameters"), &keys(&published), &keys(&ours));
        for (name, parameter) in &published {
            let Some(our) = ours.get(name) else { continue };
            let place = format!("{id}.{name}");
            let required = |one: &Value| json!(one["required"].as_bool().unwrap_or_default());
            self.same(&format!("{place}.required"), &required(parameter), &required(our));
            self.schema(&place, &parameter["schema"], &our["schema"], true);
        }
    }

    fn answers(&mut self, id: &str, published: &Value, ours: &Value) {
        let known = published.as_object().unwrap();
        for (status, answer) in known {
            let place = format!("{id}.{status}");
            let Some(our) = ours.get(status) else {
                self.note(&place, "is not answered");
                continue;
            };
            self.codes(id, &place, &answer["x-error-codes"], &our["x-error-codes"]);
            if status.starts_with('2') {
                let schema = |answer: &Value| answer["content"]["application/json"]["schema"].clone();
                self.same(
                    &format!("{place}.content"),
                    &names(&answer["content"]),
                    &names(&our["content"]),
                );
                self.schema(&place, &schema(answer), &schema(our), false);
            }
        }
        for status in ours.as_object().unwrap().keys() {
            if !known.contains_key(status) && !STATUSES_OF_ALL.contains(&status.as_str()) {
                self.note(&format!("{id}.{status}"), "is not published");
            }
        }
    }

    fn codes(&mut self, id: &str, place: &str, published: &Value, ours: &Value) {
        let codes = |list: &Value| -> BTreeSet<u64> {
            let list = list.as_array().cloned().unwrap_or_default();
            list.iter().filter_map(|one| one["code"].as_u64()).collect()
        };
        let (published, ours) = (codes(published), codes(ours));
        for code in published.difference(&ours) {
            self.note(place, &format!("has no code {code}"));
        }
        let is_further = |code: u64| {
            let mut further = FURTHER_CODES.iter();
            further.any(|(of, known, _)| *of == id && (*known == code || *known == 0))
        };
        for code in ours.difference(&published) {
            if !CODES_OF_ALL.contains(code) && !is_further(*code) {
                self.note(place, &format!("the code {code} is not published"));
            }
        }
    }

    /// Compares two schemas. Alternatives are taken together: the published ones overlap, so that a body can be of several.
    fn schema(&mut self, place: &str, published: &Value, ours: &Value, is_asked: bool) {
        let (published, ours) = (self.merged(published), self.merged(ours));
        if published.is_null() != ours.is_null() {
            self.note(place, "has a body in one document alone");
            return;
        }
        self.same(&format!("{place}.type"), &published["type"], &ours["type"]);
        self.same(
            &format!("{place}.enum"),
            &set(&published["enum"]),
            &set(&ours["enum"]),
        );
        for word in WORDS {
            self.same(&format!("{place}.{word}"), &published[word], &ours[word]);
        }
        if is_asked {
            self.same(
                &format!("{place}.required"),
                &set(&published["required"]),
                &set(&ours["required"]),
            );
        }
        self.same(
            place,
            &names(&published["properties"]),
            &names(&ours["properties"]),
        );
        for (name, property) in published["properties"].as_object().into_iter().flatten() {
            if let Some(our) = ours["properties"].get(name) {
                self.schema(&format!("{place}.{name}"), property, our, is_asked);
            }
        }
        if !published["items"].is_null() {
            self.schema(
                &format!("{place}[]"),
                &published["items"],
                &ours["items"],
                is_asked,
            );
        }
    }

    fn merged(&self, schema: &Value) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let pointer = name.trim_start_matches('#');
            return self.merged(self.published.pointer(pointer).unwrap());
        }
        let mut parts = ["oneOf", "anyOf", "allOf"]
            .into_iter()
            .filter_map(|word| schema[word].as_array());
        let Some(parts) = parts.next() else {
            return schema.clone();
        };
        let mut properties = Map::new();
        for part in parts {
            let part = self.merged(part);
            properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        }
        json!({ "type": "object", "properties": properties })
    }
}

/// The names of an object, in order.
fn names(object: &Value) -> Value {
    let names: BTreeSet<&String> = object.as_object().into_iter().flat_map(Map::keys).collect();
    json!(names)
}

/// A list without its order.
fn set(list: &Value) -> Value {
    let texts: BTreeSet<String> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    json!(texts)
}
