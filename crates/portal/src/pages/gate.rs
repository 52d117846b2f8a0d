//! The gate before every page but the way in: who asks, whether their role reaches, and whether a form is from their own page. It is
//! the one place where that is decided.

use axum::Form;
use axum::body::Bytes;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use model::AccountId;
use model::inventory::{Administrator, AuditEntry, Role};
use store::{SignedIn, StoreError, Transaction};
use subtle::ConstantTimeEq;
use web::is_from_own_site;

use super::again::{Sent, TOKEN, Why};
use super::layout::{SECOND_FACTOR, SIGN_OUT};
use super::problem::{NOT_AVAILABLE, NotKept, Problem, failure, foreign_form, not_permitted};
use super::way::{Way, by_sign_in};
use super::{Site, now, session};
use crate::provisioning::sha256;

/// Somebody who has signed in.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) account: AccountId,
    pub(super) administrator: Administrator,
    /// What their forms carry.
    pub(super) form_token: String,
    /// What their browser keeps.
    pub(super) token: String,
    /// Their account requires a second factor, and they have none.
    owes_second_factor: bool,
}

/// A form that a page of the asker's session has sent.
#[derive(Clone)]
pub(super) struct Posted {
    pub(super) by: Visitor,
    fields: Vec<(String, String)>,
    /// The file that was chosen, where the page takes one.
    pub(super) file: Option<PostedFile>,
}

/// A file of a form.
#[derive(Clone)]
pub(super) struct PostedFile {
    /// What it is called.
    pub(super) name: String,
    pub(super) octets: Bytes,
}

/// The gate before one page.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) site: Site,
    /// The least role that passes.
    pub(super) least: Role,
    /// Octets of a form with a file; 0 where there can be none.
    pub(super) upload_max: usize,
    /// It lets pass whoever has yet to set up a second factor.
    pub(super) admits_owing: bool,
}

/// Fields of a form with a file at most.
const UPLOAD_FIELDS_MAX: usize = 16;

impl Visitor {
    /// Says whether they may change things.
    pub(super) fn may_change(&self) -> bool {
        self.administrator.role >= Role::Admin
    }

    /// The same in a session with another token.
    pub(super) fn with_token(&self, token: String) -> Self {
        Self {
            form_token: session::form_token(&token),
            token,
            ..self.clone()
        }
    }

    /// Writes down what they do.
    pub(super) async fn note(
        &self,
        writing: &mut Transaction<'_>,
        action: &str,
        detail: String,
    ) -> Result<(), StoreError> {
        let entry = AuditEntry {
            at: now(),
            by: self.administrator.email.clone(),
            action: action.to_owned(),
            detail,
        };
        writing.account(&self.account).add_audit(&entry).await
    }
}

impl Posted {
    /// What a field says; of several of one name the last.
    pub(super) fn value(&self, name: &str) -> &str {
        self.values(name).last().unwrap_or_default()
    }

    /// What every field says.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What the fields of a name say.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Lets a request pass with the [`Visitor`] who makes it, and its [`Posted`] form if it is one.
pub(super) async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let Gate {
        site,
        least,
        upload_max,
        admits_owing,
    } = gate;
    let is_form = !request.method().is_safe();
    if is_form && !is_from_own_site(request.headers()) {
        return foreign_form();
    }
    let by = match visitor(&site, request.headers()).await {
        Ok(Some(by)) => by,
        Ok(None) if is_form => return signed_out(&site, request).await,
        Ok(None) => return to_sign_in(Way::of(request.uri()).as_ref()),
        Err(error) if is_form => return lost(&site, request, error).await,
        Err(error) => return Problem::from(error).into_response(),
    };
    if by.owes_second_factor && !admits_owing {
        return Redirect::to(SECOND_FACTOR).into_response();
    }
    if by.administrator.role < least {
        return not_permitted();
    }
    let mut sent = None;
    if is_form {
        let (parts, body) = request.into_parts();
        let form = Request::from_parts(parts.clone(), body);
        let posted = if upload_max > 0 && is_multipart(&parts.headers) {
            upload(&site, &by, form, upload_max).await
        } else {
            plain(&site, &by, &parts, form).await
        };
        let posted = match posted {
            Ok(posted) => posted,
            Err(refusal) => return refusal,
        };
        if posted.file.is_none() {
            sent = Sent::of(&parts, &posted.fields);
        }
        request = Request::from_parts(parts, axum::body::Body::empty());
        request.extensions_mut().insert(posted);
    }
    request.extensions_mut().insert(by);
    kept(next.run(request).await, sent)
}

/// Sends somebody to sign in who goes somewhere.
fn to_sign_in(way: Option<&Way>) -> Response {
    Redirect::to(&by_sign_in("", way)).into_response()
}

/// The answer of a page, or the form that it could not keep.
fn kept(response: Response, sent: Option<Sent>) -> Response {
    let why = response.extensions().get::<NotKept>().copied();
    let (Some(why), Some(sent)) = (why, sent) else {
        return response;
    };
    sent.offer(&Why {
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: NOT_AVAILABLE,
        text: why.text,
        needs_sign_in: false,
        token: sent.token(),
    })
}

/// The answer to a form of a session that is over.
async fn signed_out(site: &Site, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if is_multipart(&parts.headers) {
        // A file cannot be kept for the browser; the page where it is chosen is at the same address.
        return to_sign_in(Way::of(&parts.uri).as_ref());
    }
    let is_sign_out = parts.uri.path() == SIGN_OUT;
    match fields_of(site, Request::from_parts(parts.clone(), body)).await {
        Ok(fields) => match Sent::of(&parts, &fields).filter(|_| !is_sign_out) {
            Some(sent) => sent.offer(&Why {
                status: StatusCode::FORBIDDEN,
                title: "Your session is over",
                text: "Nothing was done, and nothing that you typed is lost. Sign in in another tab, come back here, and send it again.",
                needs_sign_in: true,
                token: "",
            }),
            None => to_sign_in(None),
        },
        Err(refusal) => refusal,
    }
}

/// The answer to a form while nobody can look who has sent it.
async fn lost(site: &Site, request: Request, error: StoreError) -> Response {
    let response = Problem::from(error).into_response();
    let (parts, body) = request.into_parts();
    if is_multipart(&parts.headers) {
        return response;
    }
    let fields = fields_of(site, Request::from_parts(parts.clone(), body)).await;
    kept(response, fields.ok().and_then(|fields| Sent::of(&parts, &fields)))
}

async fn fields_of(site: &Site, form: Request) -> Result<Vec<(String, String)>, Response> {
    let form = Form::<Vec<(String, String)>>::from_request(form, site).await;
    form.map(|Form(fields)| fields)
        .map_err(IntoResponse::into_response)
}

/// Reads a form without a file.
async fn plain(site: &Site, by: &Visitor, parts: &Parts, form: Request) -> Result<Posted, Response> {
    let posted = Posted {
        by: by.clone(),
        fields: fields_of(site, form).await?,
        file: None,
    };
    if is_same(posted.value(TOKEN), &by.form_token) {
        return Ok(posted);
    }
    let Some(sent) = Sent::of(parts, &posted.fields) else {
        return Err(foreign_form());
    };
    let text = format!(
        "This form is of another sign-in than yours, and nothing was done. You are signed in as {}: look at what it says, and send it \
         again if you mean it.",
        by.administrator.email
    );
    Err(sent.offer(&Why {
        status: StatusCode::FORBIDDEN,
        title: "Signed in anew",
        text: &text,
        needs_sign_in: false,
        token: &by.form_token,
    }))
}

/// Reads a form with a file. What comes before the file says whether it is read at all.
async fn upload(site: &Site, by: &Visitor, mut form: Request, upload_max: usize) -> Result<Posted, Response> {
    let Ok(_while_it_is_read) = site.files().try_acquire() else {
        return Err(failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not now",
            "Other files are being read or written. Send yours again in a minute.",
        ));
    };
    DefaultBodyLimit::max(upload_max).apply(&mut form);
    let form = Multipart::from_request(form, site).await;
    let mut form = form.map_err(IntoResponse::into_response)?;
    let mut posted = Posted {
        by: by.clone(),
        fields: Vec::new(),
        file: None,
    };
    let told = |error: MultipartError| unread(&error, upload_max);
    for _ in 0..UPLOAD_FIELDS_MAX {
        let Some(field) = form.next_field().await.map_err(told)? else {
            break;
        };
        let name = field.name().unwrap_or_default().to_owned();
        let Some(file) = field.file_name().map(str::to_owned) else {
            posted.fields.push((name, field.text().await.map_err(told)?));
            continue;
        };
        if !is_same(posted.value(TOKEN), &by.form_token) {
            return Err(foreign_form());
        }
        let octets = field.bytes().await.map_err(told)?;
        posted.file = Some(PostedFile { name: file, octets }).filter(|file| !file.octets.is_empty());
    }
    if is_same(posted.value(TOKEN), &by.form_token) {
        Ok(posted)
    } else {
        Err(foreign_form())
    }
}

/// Why a form with a file was not read.
fn unread(error: &MultipartError, upload_max: usize) -> Response {
    if error.status() != StatusCode::PAYLOAD_TOO_LARGE {
        let text = "The form was cut off on its way. Send it again.";
        return failure(StatusCode::BAD_REQUEST, "Not read", text);
    }
    let text = format!(
        "The file has more than {} MiB. Divide it, and send its parts one after the other.",
        upload_max / 1024 / 1024
    );
    failure(StatusCode::PAYLOAD_TOO_LARGE, "Too large", &text)
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"))
}

async fn visitor(site: &Site, headers: &HeaderMap) -> Result<Option<Visitor>, StoreError> {
    let Some(token) = session::token_of(headers) else {
        return Ok(None);
    };
    let hash = sha256(token.as_bytes());
    let mut reading = site.store().read().await?;
    let Some(found) = reading.session(hash, now()).await? else {
        return Ok(None);
    };
    let SignedIn {
        account,
        administrator,
    } = found;
    Ok(Some(Visitor {
        owes_second_factor: reading.owes_second_factor(&account, &administrator.id).await?,
        account,
        administrator,
        form_token: session::form_token(token),
        token: token.to_owned(),
    }))
}

fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
