//! Settings → API Clients: programs that may use the API, each with what it may do. A secret is shown once, when it is drawn.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{ApiClient, ApiClientId, ApiScopes, ApiScopesError, DisplayName};
use store::{API_CLIENTS_MAX, Scope};

use super::confirm::Confirm;
use super::form::{Choice, Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{self, API_CLIENTS, Frame, shown};
use super::problem::Problem;
use super::{Site, chance, now};
use crate::provisioning::sha256;

/// How long a token is good that is made here, for programs that cannot ask for one.
const TOKEN_LIFE_SECONDS: u64 = 365 * 24 * 3600;

/// The scopes that are offered; others can be typed.
const SCOPES: [(&str, &str); 8] = [
    (
        "phone:read:admin",
        "Read everything but passwords (phone:read:admin)",
    ),
    ("phone:write:admin", "Change everything (phone:write:admin)"),
    (
        "phone:read:sip_credentials:admin",
        "Read SIP passwords of generic devices (phone:read:sip_credentials:admin)",
    ),
    (
        "oyez:read",
        "API v1: read everything but passwords, and hear what happens (oyez:read)",
    ),
    (
        "oyez:write",
        "API v1: change assignments and page groups, rotate passwords, order devices (oyez:write)",
    ),
    ("oyez:page", "API v1: page (oyez:page)"),
    (
        "oyez:credentials",
        "API v1: read passwords of generic devices, make claim codes (oyez:credentials)",
    ),
    ("oyez:webhooks", "API v1: manage webhooks (oyez:webhooks)"),
];

#[derive(Template)]
#[template(path = "api_clients.html")]
struct Page {
    frame: Frame,
    account: String,
    rows: Vec<Row>,
}

struct Row {
    id: ApiClientId,
    name: String,
    scopes: String,
    added_at: String,
}

#[derive(Template)]
#[template(path = "api_secret.html")]
struct Secret {
    frame: Frame,
    account: String,
    id: ApiClientId,
    /// What it is called, and what it is.
    label: &'static str,
    secret: String,
    advice: &'static str,
}

struct Fields([Field; 3]);

impl Fields {
    fn new() -> Self {
        let choices = SCOPES.map(|(scope, label)| Choice::new(scope, label));
        Self([
            Field::new(
                "name",
                "Display Name",
                "What people call the program; the audit names it so.",
                Control::Text(&[]),
            ),
            Field::new(
                "scope",
                "Scopes",
                "What the program may do. Passwords have a scope of their own, beside one that reads the device.",
                Control::Boxes(choices.into()),
            ),
            Field::new(
                "further",
                "Further Scopes",
                "Optional: names from the API's document with spaces between them, such as phone:read:list_devices:admin or oyez:devices:read.",
                Control::Text(&[]),
            ),
        ])
    }

    fn page(self, by: &Visitor) -> FormPage {
        FormPage {
            frame: Frame::new(by, "Add an API client", API_CLIENTS),
            introduction: "A program gets a client ID and a secret, and with them a token for an hour at a time.",
            action: "/api-clients/add".to_owned(),
            back: API_CLIENTS.to_owned(),
            hidden: Vec::new(),
            fields: self.0.into(),
            button: SAVE,
            removal: None,
        }
    }

    /// Reads name and scopes, or marks what is wrong.
    fn read(&mut self, posted: &Posted) -> Option<(DisplayName, ApiScopes)> {
        let [name, scope, further] = &mut self.0;
        let parsed_name = name.take(DisplayName::new(&name.value));
        let is_offered = |value: &&str| SCOPES.iter().any(|(known, _)| known == value);
        let chosen: Vec<&str> = posted.values("scope").filter(is_offered).collect();
        let all = format!("{} {}", chosen.join(" "), further.value);
        let parsed: Option<ApiScopes> = further.take(ApiScopes::parse(&all).map_err(|error| match error {
            ApiScopesError::Scope(_) | ApiScopesError::TooMany => error.to_string(),
        }));
        let scopes = parsed?;
        if scopes.is_empty() {
            scope.refuse("choose at least one, or name one below");
            return None;
        }
        Some((parsed_name?, scopes))
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let clients = reading.account(&by.account).api_clients().await?;
    let row = |client: ApiClient| Row {
        id: client.id,
        name: client.name.to_string(),
        scopes: client.scopes.to_string(),
        added_at: shown(client.added_at),
    };
    let page = Page {
        frame: Frame::new(&by, "API Clients", API_CLIENTS),
        account: by.account.to_string(),
        rows: clients.into_iter().map(row).collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn show_form(Extension(by): Extension<Visitor>) -> Response {
    Fields::new().page(&by).answer()
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut fields = Fields(Fields::new().0.map(|field| field.typed(&posted)));
    let Some((name, scopes)) = fields.read(&posted) else {
        return Ok(fields.page(by).answer());
    };
    let secret = chance::token()?;
    let client = ApiClient {
        id: ApiClientId::from_random(chance::bits()?),
        name,
        secret: sha256(secret.as_bytes()),
        scopes,
        added_at: now(),
    };
    let mut writing = site.store().write().await?;
    if !writing.account(&by.account).add_api_client(&client).await? {
        let [name, ..] = &mut fields.0;
        name.refuse(&format!(
            "there are {API_CLIENTS_MAX} clients, the most there can be; remove one first"
        ));
        return Ok(fields.page(by).answer());
    }
    let detail = format!("{}: {}", client.name, client.scopes);
    by.note(&mut writing, "add API client", detail).await?;
    writing.commit().await?;
    let page = Secret {
        frame: Frame::new(by, format!("Secret of {}", client.name), API_CLIENTS),
        account: by.account.to_string(),
        id: client.id,
        label: "Client Secret",
        secret,
        advice: "The secret is shown this once. Whoever loses it removes the client and adds another.",
    };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn make_token(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let client = find(&mut scope, &id).await?;
    let token = chance::token()?;
    let ends = now().after_seconds(TOKEN_LIFE_SECONDS);
    scope
        .add_api_token(&client.id, sha256(token.as_bytes()), ends, now())
        .await?;
    by.note(&mut writing, "make API token", client.name.to_string())
        .await?;
    writing.commit().await?;
    let page = Secret {
        frame: Frame::new(by, format!("Token of {}", client.name), API_CLIENTS),
        account: by.account.to_string(),
        id: client.id,
        label: "Token",
        secret: token,
        advice: "The token is shown this once, and is good for a year or until the client is removed. Send it in the header Authorization, behind the word Bearer.",
    };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn ask_removal(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let client = find(&mut reading.account(&by.account), &id).await?;
    let frame = Frame::new(&by, format!("Remove {}", client.name), API_CLIENTS);
    let question = format!(
        "Remove the API client {}? Its secret and its tokens end at once.",
        client.name
    );
    let page = Confirm::removal(
        frame,
        question,
        Vec::new(),
        format!("{API_CLIENTS}/{}", client.id),
    );
    Ok(page.back_to(API_CLIENTS).answer())
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let client = find(&mut scope, &id).await?;
    scope.remove_api_client(&client.id).await?;
    by.note(&mut writing, "remove API client", client.name.to_string())
        .await?;
    writing.commit().await?;
    Ok(Redirect::to(API_CLIENTS).into_response())
}

async fn find(scope: &mut Scope<'_, '_>, id: &str) -> Result<ApiClient, Problem> {
    let clients = scope.api_clients().await?;
    let found = clients.into_iter().find(|client| client.id.as_str() == id);
    found.ok_or(Problem::Missing)
}
