//! Settings → Webhooks: programs that are told of what happens. A secret token is shown once, when it is drawn; who has proved to know
//! it is sent messages.

use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::Secret;
use model::inventory::{
    DeliveryState, Webhook, WebhookDelivery, WebhookEvent, WebhookEvents, WebhookId, WebhookState, WebhookUrl,
};
use store::{Scope, StoreError, WEBHOOKS_MAX};
use tokio::time::timeout;
use webhooks::message::Frame as MessageFrame;

use super::confirm::Confirm;
use super::form::{Choice, Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{self, Frame, WEBHOOKS, shown};
use super::problem::Problem;
use super::{Site, chance, now};

/// Messages that the page of one receiver shows.
const DELIVERIES_SHOWN: u32 = 50;
/// How long the page waits for a receiver that is asked whether it knows its secret: longer than that may take.
const PROOF_TIME: Duration = Duration::from_secs(12);

#[derive(Template)]
#[template(path = "webhooks.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    unreadable: Vec<WebhookId>,
}

struct Row {
    hook: Webhook,
    state: &'static str,
    waiting: u64,
    last: Option<Sent>,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct One {
    frame: Frame,
    hook: Webhook,
    state: &'static str,
    is_active: bool,
    is_fine: bool,
    waiting: u64,
    events: Vec<WebhookEvent>,
    sent: Vec<Sent>,
}

/// A message as it is shown.
struct Sent {
    at: String,
    event: WebhookEvent,
    state: &'static str,
    is_fine: bool,
    tries: u32,
    told: String,
    next_at: Option<String>,
}

#[derive(Template)]
#[template(path = "webhook_secret.html")]
struct Drawn {
    frame: Frame,
    hook: Webhook,
    secret: String,
}

impl Sent {
    fn of(delivery: &WebhookDelivery) -> Self {
        let state = match delivery.state {
            DeliveryState::Waiting if delivery.tries == 0 => "Waiting",
            DeliveryState::Waiting => "Tried again",
            DeliveryState::Delivered => "Delivered",
            DeliveryState::GivenUp => "Given up",
        };
        let told = match delivery.status {
            Some(status) if delivery.cause.is_empty() => format!("answered {status}"),
            Some(_) | None => delivery.cause.clone(),
        };
        let is_again = delivery.state == DeliveryState::Waiting && delivery.tries > 0;
        Self {
            at: shown(delivery.at),
            event: delivery.event,
            state,
            is_fine: delivery.cause.is_empty(),
            tries: delivery.tries,
            told,
            next_at: is_again.then(|| shown(delivery.not_before)),
        }
    }
}

fn state_of(hook: &Webhook) -> &'static str {
    if hook.secret.is_none() {
        return "Its secret token cannot be read: nothing is sent";
    }
    match hook.state {
        WebhookState::Unproved => "Not validated: nothing is sent",
        WebhookState::Checking | WebhookState::Rechecking => "Being validated",
        WebhookState::Active => "Active",
        WebhookState::Stopped => "Stopped: what happens waits",
        WebhookState::Disabled => "Disabled: nothing is sent until it is validated",
    }
}

struct Fields([Field; 3]);

impl Fields {
    fn new() -> Self {
        let choice = |event: WebhookEvent| {
            let label = format!("{} ({})", event.label(), event.as_str());
            Choice::new(event.as_str(), label)
        };
        let passwords = Choice::new("on", "Send the SIP passwords of generic devices to this receiver");
        Self([
            Field::new(
                "url",
                "Address",
                "Where messages are posted, such as https://hooks.example.com/oyez. Its certificate has to be one that this service believes.",
                Control::Text(&[]),
            ),
            Field::new(
                "event",
                "Events",
                "What the receiver is told of.",
                Control::Boxes(WebhookEvent::CHOICES.map(choice).into()),
            ),
            Field::new(
                "passwords",
                "Passwords",
                "Only for a receiver that configures generic devices by itself: phone.generic_device_provision then has their accounts.",
                Control::Boxes(vec![passwords]),
            ),
        ])
    }

    fn page(self, by: &Visitor) -> FormPage {
        FormPage {
            frame: Frame::new(by, "Add a webhook", WEBHOOKS),
            introduction: "A receiver gets a secret token. It proves to know it once, and checks with it that messages are from here.",
            action: format!("{WEBHOOKS}/add"),
            back: WEBHOOKS.to_owned(),
            hidden: Vec::new(),
            fields: self.0.into(),
            button: SAVE,
            removal: None,
        }
    }

    /// Reads address, events, and whether passwords are told, or marks what is wrong.
    fn read(&mut self, posted: &Posted) -> Option<(WebhookUrl, WebhookEvents, bool)> {
        let [url, event, _] = &mut self.0;
        let parsed_url = url.take(url.value.parse::<WebhookUrl>());
        let events = event.take(WebhookEvents::new(posted.values("event")));
        let shows_passwords = posted.values("passwords").any(|value| value == "on");
        if shows_passwords && parsed_url.as_ref().is_some_and(|url| !url.is_secure()) {
            url.refuse(
                "passwords are told over https:// alone: give such an address, or leave passwords out",
            );
            return None;
        }
        Some((parsed_url?, events?, shows_passwords))
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let mut rows = Vec::new();
    for hook in scope.webhooks().await? {
        let last = scope.webhook_deliveries(&hook.id, 1).await?;
        rows.push(Row {
            state: state_of(&hook),
            waiting: scope.count_webhook_queue(&hook.id).await?,
            last: last.first().map(Sent::of),
            hook,
        });
    }
    let page = Page {
        frame: Frame::new(&by, "Webhooks", WEBHOOKS),
        rows,
        unreadable: scope.unreadable_webhooks().await?,
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
    let Some((url, events, shows_passwords)) = fields.read(&posted) else {
        return Ok(fields.page(by).answer());
    };
    let secret = chance::token()?;
    let hook = Webhook {
        id: WebhookId::from_random(chance::bits()?),
        url,
        events,
        shows_passwords,
        secret: Some(Secret::from(secret.as_str())),
        state: WebhookState::Unproved,
        because: String::new(),
        failures: 0,
        dropped: 0,
        added_at: now(),
    };
    let mut writing = site.store().write().await?;
    if !writing.account(&by.account).add_webhook(&hook).await? {
        let [url, ..] = &mut fields.0;
        url.refuse(&format!(
            "there are {WEBHOOKS_MAX} webhooks, the most there can be; remove one first"
        ));
        return Ok(fields.page(by).answer());
    }
    let detail = format!("{}: {}", name_of(&hook), hook.events);
    by.note(&mut writing, "add webhook", detail).await?;
    writing.commit().await?;
    let page = Drawn {
        frame: Frame::new(by, format!("Secret token of {}", name_of(&hook)), WEBHOOKS),
        hook,
        secret,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn show_one(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let hook = find(&mut scope, &id).await?;
    let sent = scope.webhook_deliveries(&hook.id, DELIVERIES_SHOWN).await?;
    let page = One {
        frame: Frame::new(&by, name_of(&hook), WEBHOOKS),
        state: state_of(&hook),
        is_active: hook.state == WebhookState::Active,
        is_fine: hook.state == WebhookState::Active && hook.failures == 0,
        waiting: scope.count_webhook_queue(&hook.id).await?,
        events: hook.events.iter().collect(),
        sent: sent.iter().map(Sent::of).collect(),
        hook,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Has the receiver asked whether it knows its secret, and waits for what comes of it as long as that takes.
pub(super) async fn validate(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut changes = site.store().webhook_changes();
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let hook = find(&mut scope, &id).await?;
    scope.ask_webhook(&hook.id).await?;
    by.note(&mut writing, "validate webhook", name_of(&hook)).await?;
    writing.commit().await?;
    let proving = async {
        while changes.changed().await.is_ok() {
            let mut reading = site.store().read().await?;
            let found = reading.account(&by.account).webhook(&hook.id).await?;
            if !found.is_some_and(|hook| hook.state.is_asked()) {
                break;
            }
        }
        Ok::<_, Problem>(())
    };
    // The page shows it as being asked where that takes longer.
    if let Ok(proved) = timeout(PROOF_TIME, proving).await {
        proved?;
    }
    Ok(Redirect::to(&format!("{WEBHOOKS}/{}", hook.id)).into_response())
}

pub(super) async fn test(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let frame = MessageFrame {
        account: &by.account,
        at: now(),
        id: chance::bits()?,
    };
    let message = frame.test(&by.administrator.email);
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let hook = find(&mut scope, &id).await?;
    scope.queue_webhook_test(&hook.id, &message).await?;
    by.note(&mut writing, "test webhook", name_of(&hook)).await?;
    writing.commit().await?;
    Ok(Redirect::to(&format!("{WEBHOOKS}/{}", hook.id)).into_response())
}

pub(super) async fn ask_removal(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let (id, hook) = find_to_remove(&mut scope, &id).await?;
    let waiting = scope.count_webhook_queue(&id).await?;
    let along = match waiting {
        0 => Vec::new(),
        _ => vec![format!("{waiting} messages that wait for it")],
    };
    let frame = Frame::new(
        &by,
        format!("Remove {}", name_to_remove(&id, hook.as_ref())),
        WEBHOOKS,
    );
    let path = format!("{WEBHOOKS}/{id}");
    let page = match hook {
        Some(hook) => {
            let question = format!("Remove the webhook to {}? It is told nothing more.", hook.url);
            Confirm::removal(frame, question, along, path)
        }
        None => {
            let question = format!("Remove the webhook {id}, which cannot be read? It is told nothing more.");
            Confirm::removal(frame, question, along, path).back_to(WEBHOOKS)
        }
    };
    Ok(page.answer())
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let (id, hook) = find_to_remove(&mut scope, &id).await?;
    scope.remove_webhook(&id).await?;
    let name = name_to_remove(&id, hook.as_ref());
    by.note(&mut writing, "remove webhook", name).await?;
    writing.commit().await?;
    Ok(Redirect::to(WEBHOOKS).into_response())
}

/// One that can be removed, whether it can be read or not.
async fn find_to_remove(
    scope: &mut Scope<'_, '_>,
    id: &str,
) -> Result<(WebhookId, Option<Webhook>), Problem> {
    let id: WebhookId = id.parse().map_err(|_| Problem::Missing)?;
    match scope.webhook(&id).await {
        Err(StoreError::Damaged { .. }) => Ok((id, None)),
        found => Ok((id, Some(found?.ok_or(Problem::Missing)?))),
    }
}

fn name_to_remove(id: &WebhookId, hook: Option<&Webhook>) -> String {
    hook.map_or_else(|| id.to_string(), name_of)
}

/// Its server: path and query of an address may have something in it that nobody else should know.
fn name_of(hook: &Webhook) -> String {
    hook.url.server().to_string()
}

async fn find(scope: &mut Scope<'_, '_>, id: &str) -> Result<Webhook, Problem> {
    let id: WebhookId = id.parse().map_err(|_| Problem::Missing)?;
    scope.webhook(&id).await?.ok_or(Problem::Missing)
}
