//! The OpenAPI document of the phone API, made of the table that the router is made of.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::operation::Operation;
use crate::phone;
use crate::refusal::{Failure, INVALID, INVALID_TOKEN, SCOPE_MISSING};

/// What every operation refuses with besides.
const REFUSALS: [(u16, &[u32]); 5] = [
    (400, &[INVALID, 400, SCOPE_MISSING]),
    (401, &[INVALID_TOKEN]),
    (408, &[]),
    (429, &[429]),
    (503, &[503]),
];

/// Makes the document of the phone API, as JSON.
#[must_use]
pub fn phone_document() -> Value {
    let mut settings = SchemaSettings::openapi3();
    settings.inline_subschemas = true;
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    let mut scopes: Map<String, Value> = Map::new();
    for operation in phone::operations() {
        let described = describe(&operation, &mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.as_str().to_ascii_lowercase(), described);
        }
        for scope in operation.classic.iter().chain(operation.granular) {
            scopes.insert((*scope).to_owned(), json!(operation.summary));
        }
    }
    scopes.insert(
        phone::SHOW_PASSWORDS.to_owned(),
        json!(
            "Read the passwords of devices that are configured by hand, beside a scope that reads the device"
        ),
    );
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Oyez phone API",
            "version": "2",
            "description": "Devices, common areas, sites, users, templates, addresses, alert settings and operation logs of an \
                            Oyez service. Codes of refusals are in x-error-codes, scopes in x-scopes and x-granular-scopes: one of \
                            them is enough.",
        },
        "servers": [{ "url": phone::BASE }],
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
    })
}

fn describe(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "x-scopes": operation.classic,
        "x-granular-scopes": operation.granular,
        "x-rate-limit-label": operation.rate.label(),
        "security": [{ "oauth": operation.classic }],
        "parameters": parameters(operation, generator),
        "responses": answers(operation, generator),
    });
    if let Some(body) = (operation.body)(generator)
        && let Some(described) = described.as_object_mut()
    {
        let schema = plain(body);
        let content = json!({ "content": { "application/json": { "schema": schema } }, "required": true });
        described.insert("requestBody".to_owned(), content);
    }
    described
}

/// The names in the path, then those of the query.
fn parameters(operation: &Operation, generator: &mut SchemaGenerator) -> Vec<Value> {
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
    parameters
}

fn path_parameter(operation: &Operation, name: &str) -> Value {
    let words = operation.words.iter().find(|(of, _)| *of == name);
    let schema = match words {
        Some((_, words)) => json!({ "type": "string", "enum": words }),
        None => json!({ "type": "string" }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn answers(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut answers: Map<String, Value> = Map::new();
    let (status, form) = operation.answer;
    let answer = match form(generator) {
        Some(schema) => json!({
            "description": "Done.",
            "content": { "application/json": { "schema": plain(schema) } },
        }),
        None => json!({ "description": "Done." }),
    };
    answers.insert(status.to_string(), answer);
    let failure = plain(Failure::json_schema(generator));
    for (status, codes) in operation.refusals.iter().chain(&REFUSALS) {
        let answer = answers
            .entry(status.to_string())
            .or_insert_with(|| refusal(*status, &failure));
        let known = answer.get_mut("x-error-codes").and_then(Value::as_array_mut);
        if let Some(known) = known {
            let new = codes.iter().map(|code| json!({ "code": code }));
            let new: Vec<Value> = new.filter(|code| !known.contains(code)).collect();
            known.extend(new);
        }
    }
    sorted(answers)
}

fn refusal(status: u16, failure: &Value) -> Value {
    let description = match status {
        400 => "The request cannot be met; the code and the message say why.",
        401 => "The token is missing, wrong, or over.",
        404 => "There is no such thing.",
        408 => "The request took too long to arrive.",
        409 => "Somebody else has changed it.",
        429 => "Too much was asked at a time.",
        _ => "The service cannot read or write its database.",
    };
    let mut refusal = json!({ "description": description, "x-error-codes": [] });
    if status != 408
        && let Some(refusal) = refusal.as_object_mut()
    {
        let content = json!({ "application/json": { "schema": failure } });
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
            map.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_width(format: &str) -> bool {
    matches!(
        format,
        "uint8" | "uint16" | "uint32" | "uint64" | "uint" | "int32"
    )
}
