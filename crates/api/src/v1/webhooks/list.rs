//! `GET /webhooks`, one of them, and its deliveries.

use model::inventory::{DeliveryState, Webhook, WebhookDelivery, WebhookId, WebhookState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Scope;

use super::super::moment;
use super::find;
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// Deliveries that are told at once.
const DELIVERIES_MAX: u32 = 100;

/// All webhooks of the account: there are 20 at most.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Listed {
    webhooks: Vec<Shown>,
    /// Ids of those that cannot be read: nothing is sent to them, and they can be removed.
    unreadable: Vec<String>,
}

/// A webhook.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shown {
    id: String,
    url: String,
    /// What it is told of.
    events: Vec<&'static str>,
    /// It is told the passwords of generic devices.
    shows_passwords: bool,
    state: State,
    /// Why it is in that state, where somebody has to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    /// Tries that have failed since one succeeded.
    failures: u32,
    /// Messages that wait for it.
    waiting: u64,
    /// Messages that were dropped because too many waited.
    dropped: u64,
    #[schemars(extend("format" = "date-time"))]
    added_at: String,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It has not shown that it knows its secret token; nothing is kept for it.
    Unproved,
    /// It is being asked.
    Checking,
    /// It is sent what happens.
    Active,
    /// It has failed too often, is no more, or has another secret token: what happens waits.
    Stopped,
    /// Somebody has turned it off.
    Disabled,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    /// How many, the last first.
    #[schemars(range(min = 1), extend("default" = 30))]
    page_size: Option<u32>,
}

/// What waits for a receiver and what was sent to it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Deliveries {
    deliveries: Vec<Delivery>,
}

/// A message to a receiver.
#[derive(Serialize, JsonSchema)]
struct Delivery {
    event: &'static str,
    /// What it has in oyez-event-id.
    event_id: String,
    /// When it happened.
    #[schemars(extend("format" = "date-time"))]
    at: String,
    state: Sent,
    /// How often it was tried.
    tries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    tried_at: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    next_at: Option<String>,
    /// What the receiver answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Sent {
    Waiting,
    Delivered,
    GivenUp,
}

pub(crate) async fn list(call: Call, _: Nothing, _: Nothing) -> Result<Found<Listed>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let mut webhooks = Vec::new();
    for hook in scope.webhooks().await? {
        webhooks.push(Shown::of(&mut scope, hook).await?);
    }
    let unreadable = scope.unreadable_webhooks().await?;
    Ok(Found(Listed {
        webhooks,
        unreadable: unreadable.iter().map(WebhookId::to_string).collect(),
    }))
}

pub(crate) async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let hook = find(&call, &mut scope).await?;
    Ok(Found(Shown::of(&mut scope, hook).await?))
}

pub(crate) async fn deliveries(call: Call, asked: Asked, _: Nothing) -> Result<Found<Deliveries>, Refusal> {
    let part = call.part(asked.page_size, None, DELIVERIES_MAX)?;
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let hook = find(&call, &mut scope).await?;
    let deliveries = scope.webhook_deliveries(&hook.id, part.size).await?;
    Ok(Found(Deliveries {
        deliveries: deliveries.into_iter().map(Delivery::of).collect(),
    }))
}

impl Shown {
    pub(super) async fn of(scope: &mut Scope<'_, '_>, hook: Webhook) -> Result<Self, Refusal> {
        Ok(Self {
            waiting: scope.count_webhook_queue(&hook.id).await?,
            id: hook.id.to_string(),
            url: hook.url.to_string(),
            events: hook.events.iter().map(|event| event.as_str()).collect(),
            shows_passwords: hook.shows_passwords,
            state: State::of(hook.state),
            because: Some(hook.because).filter(|because| !because.is_empty()),
            failures: hook.failures,
            dropped: hook.dropped,
            added_at: moment(hook.added_at),
        })
    }
}

impl State {
    const fn of(state: WebhookState) -> Self {
        match state {
            WebhookState::Unproved => Self::Unproved,
            WebhookState::Checking | WebhookState::Rechecking => Self::Checking,
            WebhookState::Active => Self::Active,
            WebhookState::Stopped => Self::Stopped,
            WebhookState::Disabled => Self::Disabled,
        }
    }
}

impl Delivery {
    fn of(delivery: WebhookDelivery) -> Self {
        let is_again = delivery.state == DeliveryState::Waiting && delivery.tries > 0;
        Self {
            event: delivery.event.as_str(),
            event_id: delivery.id,
            at: moment(delivery.at),
            state: match delivery.state {
                DeliveryState::Waiting => Sent::Waiting,
                DeliveryState::Delivered => Sent::Delivered,
                DeliveryState::GivenUp => Sent::GivenUp,
            },
            tries: delivery.tries,
            tried_at: delivery.tried_at.map(moment),
            next_at: is_again.then(|| moment(delivery.not_before)),
            status: delivery.status,
            cause: Some(delivery.cause).filter(|cause| !cause.is_empty()),
        }
    }
}
