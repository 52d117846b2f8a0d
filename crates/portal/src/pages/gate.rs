//! The gate before every page but the way in: who asks, whether their role reaches, and whether a form is from their own page. It is
//! the one place where that is decided.

use axum::Form;
use axum::extract::{FromRequest, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use model::AccountId;
use model::inventory::{Administrator, AuditEntry, Role};
use store::{SignedIn, StoreError, Transaction};
use subtle::ConstantTimeEq;
use web::is_from_own_site;

use super::problem::{Problem, foreign_form, not_permitted};
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
}

/// A form that a page of the asker's session has sent.
#[derive(Clone)]
pub(super) struct Posted {
    pub(super) by: Visitor,
    fields: Vec<(String, String)>,
}

/// The gate before one page.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) site: Site,
    /// The least role that passes.
    pub(super) least: Role,
}

impl Visitor {
    /// Says whether they may change things.
    pub(super) fn may_change(&self) -> bool {
        self.administrator.role >= Role::Admin
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
    let Gate { site, least } = gate;
    let by = match visitor(&site, request.headers()).await {
        Ok(Some(by)) => by,
        Ok(None) => return Redirect::to("/sign-in").into_response(),
        Err(error) => return Problem::from(error).into_response(),
    };
    if by.administrator.role < least {
        return not_permitted();
    }
    if !request.method().is_safe() {
        if !is_from_own_site(request.headers()) {
            return foreign_form();
        }
        let (parts, body) = request.into_parts();
        let form = Request::from_parts(parts.clone(), body);
        let fields = match Form::<Vec<(String, String)>>::from_request(form, &site).await {
            Ok(Form(fields)) => fields,
            Err(rejection) => return rejection.into_response(),
        };
        let by = by.clone();
        let posted = Posted { by, fields };
        if !is_same(posted.value("csrf"), &posted.by.form_token) {
            return foreign_form();
        }
        request = Request::from_parts(parts, axum::body::Body::empty());
        request.extensions_mut().insert(posted);
    }
    request.extensions_mut().insert(by);
    next.run(request).await
}

async fn visitor(site: &Site, headers: &HeaderMap) -> Result<Option<Visitor>, StoreError> {
    let Some(token) = session::token_of(headers) else {
        return Ok(None);
    };
    let hash = sha256(token.as_bytes());
    let found = site.store().read().await?.session(hash, now()).await?;
    Ok(found.map(
        |SignedIn {
             account,
             administrator,
         }| Visitor {
            account,
            administrator,
            form_token: session::form_token(token),
            token: token.to_owned(),
        },
    ))
}

fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
