//! Adding, validating, disabling and removing webhooks, and giving them other secret tokens.

use std::pin::Pin;

use model::inventory::{Webhook, WebhookEvents, WebhookId, WebhookState, WebhookUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{StoreError, WEBHOOKS_MAX};
use webhooks::message::Frame;

use super::list::Shown;
use super::{asked_id, find, missing, name_of};
use crate::answer::{Accepted, Created, Done, Found};
use crate::call::{Call, bits, now, password};
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

/// The scope without which no receiver can be told passwords.
const CREDENTIALS: &str = "oyez:credentials";

/// What is to be done with one webhook.
pub(super) type Ordering = Pin<Box<dyn Future<Output = Result<Accepted, Refusal>> + Send>>;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    /// Where messages are posted, such as `https://hooks.example.com/oyez`.
    #[schemars(length(min = 1, max = 512))]
    url: String,
    /// What the receiver is told of, such as `oyez.device_down`.
    #[schemars(length(min = 1, max = 100))]
    events: Vec<String>,
    /// It is told the passwords of generic devices, for which the scope `oyez:credentials` is needed as well.
    #[serde(default)]
    shows_passwords: bool,
}

/// A webhook with its secret token.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Added {
    id: String,
    /// What messages are signed with. It is told this once.
    secret_token: String,
    webhook: Shown,
}

/// A secret token.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Rotated {
    /// What messages are signed with from now on. It is told this once.
    secret_token: String,
}

pub(crate) async fn add(call: Call, _: Nothing, Json(asked): Json<Asked>) -> Result<Created<Added>, Refusal> {
    let url: WebhookUrl = asked
        .url
        .parse()
        .map_err(|error| Refusal::invalid_field("url", error))?;
    let events = WebhookEvents::new(asked.events.iter().map(String::as_str));
    let events = events.map_err(|error| Refusal::invalid_field("events", error))?;
    if asked.shows_passwords && !call.client.scopes.has(CREDENTIALS) {
        return Err(Refusal::scope_missing(&[CREDENTIALS]));
    }
    if asked.shows_passwords && !url.is_secure() {
        let error = "passwords are told over https:// alone: give such an address, or leave passwords out";
        return Err(Refusal::invalid_field("url", error));
    }
    let secret = password()?;
    let hook = Webhook {
        id: WebhookId::from_random(bits()?),
        url,
        events,
        shows_passwords: asked.shows_passwords,
        secret: Some(secret.clone()),
        state: WebhookState::Unproved,
        because: String::new(),
        failures: 0,
        dropped: 0,
        added_at: now(),
    };
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    if !scope.add_webhook(&hook).await? {
        return Err(Refusal::conflict(format_args!(
            "There are {WEBHOOKS_MAX} webhooks, the most there can be. Remove one first."
        )));
    }
    let detail = format!("{}: {}", name_of(&hook), hook.events);
    let (id, secret_token) = (hook.id.to_string(), secret.reveal().to_owned());
    let webhook = Shown::of(&mut scope, hook).await?;
    call.note(&mut writing, "add webhook", detail).await?;
    writing.commit().await?;
    Ok(Created(Added {
        id,
        secret_token,
        webhook,
    }))
}

pub(super) async fn validate(call: Call) -> Result<Accepted, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let hook = find(&call, &mut scope).await?;
    scope.ask_webhook(&hook.id).await?;
    call.note(&mut writing, "validate webhook", name_of(&hook))
        .await?;
    writing.commit().await?;
    Ok(Accepted)
}

pub(super) async fn disable(call: Call) -> Result<Accepted, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let hook = find(&call, &mut scope).await?;
    scope.disable_webhook(&hook.id).await?;
    call.note(&mut writing, "disable webhook", name_of(&hook)).await?;
    writing.commit().await?;
    Ok(Accepted)
}

pub(super) async fn test(call: Call) -> Result<Accepted, Refusal> {
    let frame = Frame {
        account: &call.account,
        at: now(),
        id: bits()?,
    };
    let message = frame.test(&format!("API client {}", call.client.name));
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let hook = find(&call, &mut scope).await?;
    scope.queue_webhook_test(&hook.id, &message).await?;
    call.note(&mut writing, "test webhook", name_of(&hook)).await?;
    writing.commit().await?;
    Ok(Accepted)
}

pub(crate) async fn rotate(call: Call, _: Nothing, _: Nothing) -> Result<Found<Rotated>, Refusal> {
    let secret = password()?;
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let hook = find(&call, &mut scope).await?;
    scope.set_webhook_secret(&hook.id, &secret).await?;
    call.note(&mut writing, "make new webhook secret", name_of(&hook))
        .await?;
    writing.commit().await?;
    Ok(Found(Rotated {
        secret_token: secret.reveal().to_owned(),
    }))
}

pub(crate) async fn remove(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let id = asked_id(&call)?;
    let name = match scope.webhook(&id).await {
        // One that cannot be read can be removed all the same.
        Err(StoreError::Damaged { .. }) => id.to_string(),
        found => name_of(&found?.ok_or_else(missing)?),
    };
    scope.remove_webhook(&id).await?;
    call.note(&mut writing, "remove webhook", name).await?;
    writing.commit().await?;
    Ok(Done)
}
