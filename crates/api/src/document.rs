//! The OpenAPI documents of both APIs, made of the tables that the router is made of.

use axum::Json;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::operation::Operation;
use crate::refusal::{Failure, INVALID, INVALID_TOKEN, Problem, SCOPE_MISSING, Words};
use crate::{phone, repeat, v1};

/// What every operation of the phone API refuses with besides.
const REFUSALS: [(u16, &[u32]); 5] = [
    (400, &[INVALID, 400, SCOPE_MISSING]),
    (401, &[INVALID_TOKEN]),
    (408, &[408]),
    (429, &[429]),
    (503, &[503]),
];

/// And every one of `/api/v1`.
const REFUSALS_V1: [(u16, &[u32]); 6] = [
    (400, &[]),
    (401, &[]),
    (403, &[]),
    (408, &[]),
    (429, &[]),
    (503, &[]),
];

/// What a document says of an API besides its operations.
struct Described {
    title: &'static str,
    version: &'static str,
    description: &'static str,
    base: &'static str,
    /// Scopes that no operation names.
    further_scopes: &'static [(&'static str, &'static str)],
    words: Words,
    /// Of OpenAPI.
    openapi: &'static str,
    /// What is sent to receivers, if that belongs to it.
    webhooks: Option<fn() -> Value>,
}

const PHONE: Described = Described {
    title: "Oyez phone API",
    version: "2",
    description: "Devices, common areas, sites, users, templates, addresses, alert settings and operation logs of an \
                  Oyez service. Codes of refusals are in x-error-codes, scopes in x-scopes and x-granular-scopes: one of \
                  them is enough.",
    base: phone::BASE,
    further_scopes: &[(
        phone::SHOW_PASSWORDS,
        "Read the passwords of devices that are configured by hand, beside a scope that reads the device",
    )],
    words: Words::Codes,
    openapi: "3.0.3",
    webhooks: None,
};

const V1: Described = Described {
    title: "Oyez API",
    version: "1",
    description: "What the phone API has no words for: the slots of devices and whether they are registered, tries to fetch a \
                  configuration, page groups, pages and who heard them, and a stream of events. Scopes are in x-scopes and \
                  x-granular-scopes: one of them is enough. Refusals are problem details (RFC 9457).",
    base: v1::BASE,
    further_scopes: &[],
    words: Words::Problems,
    openapi: "3.1.0",
    webhooks: Some(v1::webhooks_document),
};

/// Makes the document of the phone API, as JSON.
#[must_use]
pub fn phone_document() -> Value {
    document(&PHONE, phone::operations())
}

/// Makes the document of `/api/v1`, as JSON.
#[must_use]
pub fn v1_document() -> Value {
    document(&V1, v1::operations())
}

/// Shows the document of `/api/v1` to anybody: it tells nothing of what the service keeps.
pub(crate) async fn show_v1() -> Json<Value> {
    Json(v1_document())
}

/// Shows the document of the phone API, likewise.
pub(crate) async fn show_phone() -> Json<Value> {
    Json(phone_document())
}

fn document(api: &Described, operations: Vec<Operation>) -> Value {
    let mut settings = SchemaSettings::openapi3();
    settings.inline_subschemas = true;
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    let mut scopes: Map<String, Value> = Map::new();
    for operation in operations {
        let described = describe(&operation, api.words, &mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.as_str().to_ascii_lowercase(), described);
        }
        for scope in operation.classic.iter().chain(operation.granular) {
            scopes.insert((*scope).to_owned(), json!(operation.summary));
        }
    }
    for (scope, what) in api.further_scopes {
        scopes.insert((*scope).to_owned(), json!(what));
    }
    let mut document = json!({
        "openapi": api.openapi,
        "info": { "title": api.title, "version": api.version, "description": api.description },
        "servers": [{ "url": api.base }],
        "paths": sorted(paths),
        "components": {
            "securitySchemes": {
                "oauth": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": { "tokenUrl": "/oauth/token", "scopes": sorted(scopes) },
                    },
                },
            },
        },
    });
    if let (Some(webhooks), Some(document)) = (api.webhooks, document.as_object_mut()) {
        document.insert("webhooks".to_owned(), webhooks());
    }
    document
}

fn describe(operation: &Operation, words: Words, generator: &mut SchemaGenerator) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "x-scopes": operation.classic,
        "x-granular-scopes": operation.granular,
        "x-rate-limit-label": operation.rate.label(),
        "security": [{ "oauth": operation.classic }],
        "parameters": parameters(operation, words, generator),
        "responses": answers(operation, words, generator),
    });
    if let Some(body) = (operation.body)(generator)
        && let Some(described) = described.as_object_mut()
    {
        let schema = plain(body);
        let (kind, _) = operation.content;
        let content = json!({ "content": { kind: { "schema": schema } }, "required": true });
        described.insert("requestBody".to_owned(), content);
    }
    described
}

/// The names in the path, then those of the query and of headers.
fn parameters(operation: &Operation, words: Words, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters: Vec<Value> = operation
        .path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .map(|name| path_parameter(operation, name))
        .collect();
    let query = (operation.query)(generator).map(plain).unwrap_or_default();
    let required: Vec<&str> = query
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = query.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.into_iter().flatten() {
        parameters.push(json!({
            "name": name,
            "in": "query",
            "required": required.contains(&name.as_str()),
            "schema": schema,
        }));
    }
    if takes_key(operation, words) {
        parameters.push(json!({
            "name": repeat::HEADER,
            "in": "header",
            "required": false,
            "description": "Names the request, so that it can be repeated: what was answered is answered again, and nothing is done \
                            twice. Another one for each request.",
            "schema": { "type": "string", "minLength": 1, "maxLength": repeat::KEY_LENGTH_MAX },
        }));
    }
    parameters
}

/// Says whether the document of an API tells that an operation takes a key. That of the phone API has the published parameters alone.
fn takes_key(operation: &Operation, words: Words) -> bool {
    words == Words::Problems && repeat::takes_key(&operation.method)
}

fn path_parameter(operation: &Operation, name: &str) -> Value {
    let words = operation.words.iter().find(|(of, _)| *of == name);
    let schema = match words {
        Some((_, words)) => json!({ "type": "string", "enum": words }),
        None => json!({ "type": "string" }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn answers(operation: &Operation, words: Words, generator: &mut SchemaGenerator) -> Value {
    let mut answers: Map<String, Value> = Map::new();
    let (status, form) = operation.answer;
    let (_, kind) = operation.content;
    let answer = match form(generator) {
        Some(schema) => json!({
            "description": "Done.",
            "content": { kind: { "schema": plain(schema) } },
        }),
        None => json!({ "description": "Done." }),
    };
    answers.insert(status.to_string(), answer);
    let (failure, of_all) = match words {
        Words::Codes => (Failure::json_schema(generator), REFUSALS.as_slice()),
        Words::Problems => (Problem::json_schema(generator), REFUSALS_V1.as_slice()),
    };
    let failure = plain(failure);
    let repeated = takes_key(operation, words).then_some((409, [].as_slice()));
    let refusals = operation.refusals.iter().chain(of_all).copied();
    for (status, codes) in refusals.chain(repeated) {
        let answer = answers
            .entry(status.to_string())
            .or_insert_with(|| refusal(status, words, &failure));
        let known = answer.get_mut("x-error-codes").and_then(Value::as_array_mut);
        if let Some(known) = known {
            let new = codes.iter().map(|code| json!({ "code": code }));
            let new: Vec<Value> = new.filter(|code| !known.contains(code)).collect();
            known.extend(new);
        }
    }
    sorted(answers)
}

fn refusal(status: u16, words: Words, failure: &Value) -> Value {
    let description = match status {
        400 => "The request cannot be met, and it is said why.",
        401 => "The token is missing, wrong, or over.",
        403 => "None of the scopes that open it was given.",
        404 => "There is no such thing.",
        408 => "The request took too long to arrive or to be carried out.",
        409 => "It does not go with what is there.",
        429 => "Too much was asked at a time.",
        _ => "The service cannot read or write its database.",
    };
    let mut refusal = json!({ "description": description });
    let (kind, codes) = match words {
        Words::Codes => ("application/json", Some(json!([]))),
        Words::Problems => (Problem::CONTENT, None),
    };
    if let Some(refusal) = refusal.as_object_mut() {
        if let Some(codes) = codes {
            refusal.insert("x-error-codes".to_owned(), codes);
        }
        let content = json!({ kind: { "schema": failure } });
        refusal.insert("content".to_owned(), content);
    }
    refusal
}

fn sorted(map: Map<String, Value>) -> Value {
    let mut pairs: Vec<(String, Value)> = map.into_iter().collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs.into_iter().collect::<Map<String, Value>>().into()
}

/// A schema without what follows from how it is written in the program: widths of integers, and that what may be left out may be null.
fn plain(schema: Schema) -> Value {
    let mut value = schema.to_value();
    simplify(&mut value);
    value
}

fn simplify(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("nullable");
            map.remove("$schema");
            map.remove("title");
            if map.get("format").and_then(Value::as_str).is_some_and(is_width) {
                map.remove("format");
                if map.get("minimum") == Some(&json!(0)) {
                    map.remove("minimum");
                }
                if map.get("maximum") == Some(&json!(255)) || map.get("maximum") == Some(&json!(65_535)) {
                    map.remove("maximum");
                }
            }
            let kind = map.get("type").and_then(Value::as_array);
            if let Some(kind) = kind
                .and_then(|kinds| kinds.iter().find(|kind| *kind != "null"))
                .cloned()
            {
                map.insert("type".to_owned(), kind);
            }
            if let Some(words) = map.get_mut("enum").and_then(Value::as_array_mut) {
                words.retain(|word| !word.is_null());
            }
            for (key, value) in map.iter_mut() {
                match value {
                    // What stands here are names of fields, which may be words of schemas as well.
                    Value::Object(fields) if key == "properties" => fields.values_mut().for_each(simplify),
                    value => simplify(value),
                }
            }
            name_words(map);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Makes one list of words of those that each have a schema to tell what they mean.
fn name_words(map: &mut Map<String, Value>) {
    let choices = map
        .get("oneOf")
        .or_else(|| map.get("anyOf"))
        .and_then(Value::as_array);
    let Some(choices) = choices else { return };
    let (mut words, mut told) = (Vec::new(), Vec::new());
    for choice in choices {
        let meaning = choice.get("description").and_then(Value::as_str);
        if choice.get("type") == Some(&json!("null")) || choice.get("const") == Some(&Value::Null) {
            continue;
        }
        match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
            (Some(word), _) => {
                told.extend(
                    word.as_str()
                        .zip(meaning)
                        .map(|(word, text)| format!("{word}: {text}")),
                );
                words.push(word.clone());
            }
            (None, Some(several)) => {
                told.extend(meaning.map(str::to_owned));
                words.extend(several.iter().cloned());
            }
            (None, None) => return,
        }
    }
    map.remove("oneOf");
    map.remove("anyOf");
    let before = map.get("description").and_then(Value::as_str).map(str::to_owned);
    let described: Vec<String> = before.into_iter().chain(told).collect();
    if !described.is_empty() {
        map.insert("description".to_owned(), json!(described.join(" ")));
    }
    map.insert("type".to_owned(), json!("string"));
    map.insert("enum".to_owned(), Value::Array(words));
}

fn is_width(format: &str) -> bool {
    matches!(
        format,
        "uint8" | "uint16" | "uint32" | "uint64" | "uint" | "int32"
    )
}
