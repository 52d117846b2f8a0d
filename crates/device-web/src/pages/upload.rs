//! A form that brings a file, sent by a page of the asker's session.

use axum::extract::multipart::Field;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::StatusCode;
use axum::response::Response;
use web::is_from_own_site;

use super::layout;
use super::signed_in::{SignedIn, forbidden};
use crate::site::Site;

/// What a form has brought.
pub(super) struct Upload {
    pub(super) by: SignedIn,
    /// Name and content of the file; `None` if none was chosen.
    pub(super) file: Option<(String, Vec<u8>)>,
}

impl FromRequest<Site> for Upload {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let by = SignedIn::from_request_parts(&mut parts, site).await?;
        if !is_from_own_site(&parts.headers) {
            return Err(forbidden());
        }
        let unreadable = |error: String| layout::failure(StatusCode::BAD_REQUEST, &error);
        let mut form = Multipart::from_request(Request::from_parts(parts, body), site)
            .await
            .map_err(|error| unreadable(error.to_string()))?;
        let mut is_from_page = false;
        let mut file = None;
        while let Some(field) = form
            .next_field()
            .await
            .map_err(|error| unreadable(error.to_string()))?
        {
            match field.name() {
                Some("csrf") => {
                    let token = field.text().await.unwrap_or_default();
                    is_from_page = by.session.is_from_page(&token);
                }
                // What is brought before the page is known to be ours is not read.
                Some("file") if is_from_page => {
                    let content = content(field).await;
                    file = Some(
                        content.map_err(|error| layout::failure(StatusCode::PAYLOAD_TOO_LARGE, &error))?,
                    );
                }
                Some(_) | None => {}
            }
        }
        if is_from_page {
            let file = file.filter(|(_, content)| !content.is_empty());
            Ok(Self { by, file })
        } else {
            Err(forbidden())
        }
    }
}

async fn content(field: Field<'_>) -> Result<(String, Vec<u8>), String> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let content = field.bytes().await.map_err(|error| error.to_string())?;
    Ok((name, content.to_vec()))
}
