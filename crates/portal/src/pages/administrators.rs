//! Administrators: who may sign in, with which role; inviting, changing and removing them.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{Administrator, AdministratorId, Role};
use store::{ADMINISTRATORS_MAX, Scope};

use super::confirm::Confirm;
use super::form::{Choice, Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{self, ADMINISTRATORS, Frame};
use super::problem::{Problem, not_yet};
use super::{Site, chance, now};
use crate::provisioning::sha256;

/// Hours for which an invitation is good.
const INVITATION_HOURS: u64 = 72;
/// Longest e-mail address (RFC 5321 4.5.3.1.3), without the angle brackets.
const EMAIL_LENGTH_MAX: usize = 254;

#[derive(Template)]
#[template(path = "administrators.html")]
struct Page {
    frame: Frame,
    is_owner: bool,
    /// Each with whether they have a second factor.
    rows: Vec<(Administrator, bool)>,
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct Invitation {
    frame: Frame,
    email: String,
    link: String,
    hours: u64,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let having = scope.with_second_factor().await?;
    let rows = scope.administrators().await?.into_iter();
    let page = Page {
        frame: Frame::new(&by, "Administrators", ADMINISTRATORS),
        is_owner: by.administrator.role == Role::Owner,
        rows: rows
            .map(|row| {
                let has_second_factor = having.contains(&row.id);
                (row, has_second_factor)
            })
            .collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

fn role_field() -> Field {
    let choices = Role::ALL.map(|role| Choice::new(role.as_str(), words(role)));
    Field::new(
        "role",
        "Role",
        "Viewer, operator, admin, owner: each may also do what those before it may.",
        Control::Select(choices.into()),
    )
}

const fn words(role: Role) -> &'static str {
    match role {
        Role::Viewer => "Viewer: sees everything, changes nothing",
        Role::Operator => "Operator: pages and raises alerts, too",
        Role::Admin => "Admin: changes everything but who the administrators are",
        Role::Owner => "Owner: everything",
    }
}

struct Fields([Field; 2]);

impl Fields {
    fn new() -> Self {
        let email = Field::new(
            "email",
            "E-mail address",
            "What they sign in with. Nothing is sent to it: you hand them the link.",
            Control::Text(&[]),
        );
        Self([email, role_field()])
    }

    fn page(self, by: &Visitor) -> FormPage {
        FormPage {
            frame: Frame::new(by, "Invite an administrator", ADMINISTRATORS),
            introduction: "They choose their password by a link that is good once.",
            action: "/administrators/add".to_owned(),
            back: ADMINISTRATORS.to_owned(),
            hidden: Vec::new(),
            fields: self.0.into(),
            button: "Make the link",
            removal: None,
        }
    }
}

/// An address, in lower case.
fn parse_email(text: &str) -> Result<String, &'static str> {
    let email = text.trim().to_lowercase();
    let parts = email.split_once('@');
    let has_parts = parts.is_some_and(|(local, host)| !local.is_empty() && host.contains('.'));
    let is_plain = !email
        .chars()
        .any(|character| character.is_control() || character.is_whitespace());
    if has_parts && is_plain && email.len() <= EMAIL_LENGTH_MAX {
        Ok(email)
    } else {
        Err("an e-mail address, such as ada@example.com, would be right")
    }
}

fn parse_role(text: &str) -> Result<Role, &'static str> {
    Role::from_stored(text).ok_or("choose one of the roles")
}

pub(super) async fn show_add(Extension(by): Extension<Visitor>) -> Response {
    Fields::new().page(&by).answer()
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut fields = Fields(Fields::new().0.map(|field| field.typed(&posted)));
    let [email, role] = &mut fields.0;
    let parsed_email = email.take(parse_email(&email.value));
    let parsed_role = role.take(parse_role(&role.value));
    let (Some(address), Some(role)) = (parsed_email, parsed_role) else {
        return Ok(fields.page(by).answer());
    };
    let mut writing = site.store().write().await?;
    let is_known = writing.administrator_of_email(&address).await?.is_some();
    let mut scope = writing.account(&by.account);
    if is_known {
        email.refuse("somebody signs in with it already; choose another");
    } else if scope.administrators().await?.len() >= ADMINISTRATORS_MAX {
        email.refuse("there are too many administrators; remove one first");
    }
    if email.error.is_some() {
        return Ok(fields.page(by).answer());
    }
    let somebody = Administrator {
        id: AdministratorId::from_random(chance::bits()?),
        email: address,
        role,
        password: None,
    };
    scope.add_administrator(&somebody).await?;
    let token = invite(&mut scope, &somebody.id).await?;
    let detail = format!("{} as {}", somebody.email, somebody.role.as_str());
    by.note(&mut writing, "invite administrator", detail).await?;
    writing.commit().await?;
    Ok(invitation(by, &somebody, &headers, &token))
}

/// Another link for somebody, who chooses another password by it.
pub(super) async fn invite_again(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let somebody = find(&mut scope, &id).await?;
    let token = invite(&mut scope, &somebody.id).await?;
    by.note(&mut writing, "invite administrator", somebody.email.clone())
        .await?;
    writing.commit().await?;
    Ok(invitation(by, &somebody, &headers, &token))
}

pub(super) async fn show_one(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let somebody = find(&mut scope, &id).await?;
    let is_last = is_last_owner(&mut scope, &somebody).await?;
    let field = role_field().filled(somebody.role.as_str());
    Ok(role_page(&by, &somebody, is_last, field).answer())
}

pub(super) async fn save(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let somebody = find(&mut scope, &id).await?;
    let is_last = is_last_owner(&mut scope, &somebody).await?;
    let mut field = role_field().typed(&posted);
    let Some(role) = field.take(parse_role(&field.value)) else {
        return Ok(role_page(by, &somebody, is_last, field).answer());
    };
    if role != Role::Owner && is_last {
        field.refuse("this is the last owner who can sign in; make somebody else an owner first");
        return Ok(role_page(by, &somebody, is_last, field).answer());
    }
    scope.set_role(&somebody.id, role).await?;
    let detail = format!(
        "{}: {} → {}",
        somebody.email,
        somebody.role.as_str(),
        role.as_str()
    );
    by.note(&mut writing, "change administrator", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(ADMINISTRATORS).into_response())
}

pub(super) async fn ask_removal(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let somebody = find(&mut scope, &id).await?;
    if is_last_owner(&mut scope, &somebody).await? {
        return Ok(last_owner(&by));
    }
    let path = format!("{ADMINISTRATORS}/{}", somebody.id);
    let email = &somebody.email;
    let (title, question) = if somebody.id == by.administrator.id {
        (
            "Remove yourself".to_owned(),
            format!(
                "This is you ({email}). You are signed out at once, and only another owner can let you in again."
            ),
        )
    } else {
        (
            format!("Remove {email}"),
            format!("Remove {email}? They are signed out, and cannot sign in any more."),
        )
    };
    let frame = Frame::new(&by, title, ADMINISTRATORS);
    Ok(Confirm::removal(frame, question, Vec::new(), path).answer())
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let somebody = find(&mut scope, &id).await?;
    if is_last_owner(&mut scope, &somebody).await? {
        return Ok(last_owner(by));
    }
    scope.remove_administrator(&somebody.id).await?;
    by.note(&mut writing, "remove administrator", somebody.email)
        .await?;
    writing.commit().await?;
    Ok(Redirect::to(ADMINISTRATORS).into_response())
}

pub(super) async fn find(scope: &mut Scope<'_, '_>, id: &str) -> Result<Administrator, Problem> {
    let all = scope.administrators().await?;
    let found = all.into_iter().find(|somebody| somebody.id.as_str() == id);
    found.ok_or(Problem::Missing)
}

/// Without an owner who can sign in nobody could ever make one again.
async fn is_last_owner(scope: &mut Scope<'_, '_>, somebody: &Administrator) -> Result<bool, Problem> {
    let all = scope.administrators().await?;
    let mut others = all.iter().filter(|other| other.id != somebody.id);
    let has_other = others.any(|other| other.role == Role::Owner && other.password.is_some());
    Ok(somebody.role == Role::Owner && !has_other)
}

fn last_owner(by: &Visitor) -> Response {
    let text = "This is the last owner who can sign in. Make somebody else an owner first.";
    let frame = Frame::new(by, "Cannot be removed yet", ADMINISTRATORS);
    not_yet(frame, text, (ADMINISTRATORS, "To the administrators"))
}

async fn invite(scope: &mut Scope<'_, '_>, id: &AdministratorId) -> Result<String, Problem> {
    let token = chance::token()?;
    let until = now().after_seconds(INVITATION_HOURS * 3_600);
    scope.invite(id, sha256(token.as_bytes()), until).await?;
    Ok(token)
}

fn invitation(by: &Visitor, somebody: &Administrator, headers: &HeaderMap, token: &str) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let page = Invitation {
        frame: Frame::new(by, "Invitation", ADMINISTRATORS),
        email: somebody.email.clone(),
        link: format!("https://{}/invited?token={token}", host.unwrap_or_default()),
        hours: INVITATION_HOURS,
    };
    layout::page(StatusCode::OK, &page)
}

/// The form; whoever is the last owner cannot be removed.
fn role_page(by: &Visitor, somebody: &Administrator, is_last: bool, field: Field) -> FormPage {
    let path = format!("{ADMINISTRATORS}/{}", somebody.id);
    FormPage {
        frame: Frame::new(by, format!("Change {}", somebody.email), ADMINISTRATORS),
        introduction: "The role counts from their next click on.",
        action: path.clone(),
        back: ADMINISTRATORS.to_owned(),
        hidden: Vec::new(),
        fields: vec![field],
        button: SAVE,
        removal: (!is_last).then(|| format!("{path}/remove")),
    }
}
