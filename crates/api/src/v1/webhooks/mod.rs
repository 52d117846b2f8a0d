//! `/webhooks`: receivers that are told of what happens, and what has become of what they were sent.

mod change;
mod document;
mod list;

use axum::http::Method;
pub(crate) use document::webhooks_document;
use model::inventory::{Webhook, WebhookId};
use store::Scope;

use crate::call::Call;
use crate::operation::{Nothing, Operation};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// The scope that manages receivers: addresses of some are as good as passwords.
const WEBHOOKS: &[&str] = &["oyez:webhooks"];
/// What reads alone.
const READ: &[&str] = &["oyez:webhooks:read"];
const PATH: &str = "/webhooks/{webhook_id}";

pub(super) fn operations() -> Vec<Operation> {
    let on_one = |path, id, summary, carry_out: fn(Call) -> change::Ordering| {
        Operation::new(Method::POST, path, id, move |call, _: Nothing, _: Nothing| {
            carry_out(call)
        })
        .summary(summary)
        .scopes(WEBHOOKS, WEBHOOKS)
        .refuses(&[(404, &[])])
    };
    vec![
        Operation::new(Method::GET, "/webhooks", "listWebhooks", list::list)
            .summary("List all webhooks, without their secret tokens")
            .scopes(WEBHOOKS, READ)
            .rate(Rate::Medium),
        Operation::new(Method::POST, "/webhooks", "addWebhook", change::add)
            .summary("Add a webhook; its secret token is told this once, and it is validated with that before anything is sent")
            .scopes(WEBHOOKS, WEBHOOKS)
            .refuses(&[(403, &[]), (409, &[])]),
        Operation::new(Method::GET, PATH, "readWebhook", list::read)
            .summary("Read a webhook, without its secret token")
            .scopes(WEBHOOKS, READ)
            .refuses(&[(404, &[])]),
        Operation::new(Method::DELETE, PATH, "removeWebhook", change::remove)
            .summary("Remove a webhook with all that waits for it")
            .scopes(WEBHOOKS, WEBHOOKS)
            .refuses(&[(404, &[])]),
        on_one(
            "/webhooks/{webhook_id}/validate",
            "validateWebhook",
            "Have the receiver asked whether it knows its secret token; a webhook that was disabled or stopped is sent messages again then",
            |call| Box::pin(change::validate(call)),
        ),
        on_one(
            "/webhooks/{webhook_id}/disable",
            "disableWebhook",
            "Send nothing more, and keep nothing of what happens, until it is validated again",
            |call| Box::pin(change::disable(call)),
        ),
        on_one(
            "/webhooks/{webhook_id}/test",
            "testWebhook",
            "Send the receiver a test",
            |call| Box::pin(change::test(call)),
        ),
        Operation::new(
            Method::POST,
            "/webhooks/{webhook_id}/rotate_secret",
            "rotateWebhookSecret",
            change::rotate,
        )
        .summary("Give it another secret token, which is told this once; what happens waits until it is validated with that")
        .scopes(WEBHOOKS, WEBHOOKS)
        .refuses(&[(404, &[])]),
        Operation::new(
            Method::GET,
            "/webhooks/{webhook_id}/deliveries",
            "listDeliveries",
            list::deliveries,
        )
        .summary("List what waits for a receiver and what was sent to it, the last first")
        .scopes(WEBHOOKS, READ)
        .rate(Rate::Medium)
        .refuses(&[(404, &[])]),
    ]
}

async fn find(call: &Call, scope: &mut Scope<'_, '_>) -> Result<Webhook, Refusal> {
    scope.webhook(&asked_id(call)?).await?.ok_or_else(missing)
}

fn asked_id(call: &Call) -> Result<WebhookId, Refusal> {
    call.id("webhook_id").ok_or_else(missing)
}

fn missing() -> Refusal {
    Refusal::none("webhook")
}

/// Its server: path and query of an address may have something in it that the audit should not.
fn name_of(hook: &Webhook) -> String {
    hook.url.server().to_string()
}
