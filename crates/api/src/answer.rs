//! What an operation answers where all is well.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// An answer with the status and the form that the document tells of it.
pub(crate) trait Answer: IntoResponse {
    /// Its status.
    const STATUS: StatusCode;
    /// The content type of its body.
    const CONTENT: &'static str = "application/json";

    /// The form of its body; none where it has no body.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>;
}

/// What was asked for.
pub(crate) struct Found<T>(pub(crate) T);

/// Something was made.
pub(crate) struct Created<T>(pub(crate) T);

/// Something was made, of which there is nothing to tell.
pub(crate) struct CreatedSilently;

/// Something will be done.
pub(crate) struct Accepted;

/// Something has begun, of which this can be told.
pub(crate) struct AcceptedAs<T>(pub(crate) T);

/// Something was done. Clients rely on that there is neither a body nor a content type.
pub(crate) struct Done;

impl<T: Serialize + JsonSchema> Answer for Found<T> {
    const STATUS: StatusCode = StatusCode::OK;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(T::json_schema(generator))
    }
}

impl<T: Serialize> IntoResponse for Found<T> {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

impl<T: Serialize + JsonSchema> Answer for Created<T> {
    const STATUS: StatusCode = StatusCode::CREATED;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(T::json_schema(generator))
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: Serialize + JsonSchema> Answer for AcceptedAs<T> {
    const STATUS: StatusCode = StatusCode::ACCEPTED;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(T::json_schema(generator))
    }
}

impl<T: Serialize> IntoResponse for AcceptedAs<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

macro_rules! silent {
    ($name:ident, $status:ident, $body:expr, $schema:expr) => {
        impl Answer for $name {
            const STATUS: StatusCode = StatusCode::$status;

            fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
                $schema
            }
        }

        impl IntoResponse for $name {
            fn into_response(self) -> Response {
                (StatusCode::$status, $body).into_response()
            }
        }
    };
}

silent!(Accepted, ACCEPTED, (), None);
silent!(Done, NO_CONTENT, (), None);
silent!(
    CreatedSilently,
    CREATED,
    Json(serde_json::Map::new()),
    Some(schemars::json_schema!({ "type": "object" }))
);
