//! Programs that are told of what happens, what waits for them, and what has become of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use model::inventory::{
    DeliveryState, Timestamp, Webhook, WebhookDelivery, WebhookEvent, WebhookEvents, WebhookId,
    WebhookMessage, WebhookState, WebhookUrl,
};
use model::{AccountId, DeviceId, Secret};

use crate::engine::{Row, Value};
use crate::stored::{Columns, moment};
use crate::transaction::{Scope, StoreError, Transaction};

const TABLE: &str = "webhook";
const DELIVERY: &str = "webhook_delivery";
/// The row that says that something may have been told: no device has this id.
const BEGUN: &str = "";
/// What is sent before everything else, and dropped after it.
const URGENT: WebhookEvent = WebhookEvent::EmergencyAlert;
/// Receivers of one account.
pub const WEBHOOKS_MAX: i64 = 20;
/// Messages that wait for one receiver; past that the oldest is dropped and counted, alerts last. A site whose devices all come up and go
/// down twice finds room.
pub const WEBHOOK_QUEUE_MAX: i64 = 5_000;
/// Messages of one receiver that are remembered after they were delivered or given up.
pub const WEBHOOK_LOG_MAX: i64 = 100;
/// Characters of a cause at most.
pub const WEBHOOK_CAUSE_MAX: usize = 300;
/// Receivers that are named as left out, as long as the store is open.
const NAMED_MAX: usize = 1_000;

/// Receivers that were named as left out: each look at them would name them again.
#[derive(Debug, Default)]
pub(crate) struct Named(BTreeSet<String>);

impl Named {
    /// Says whether one is to be named now.
    fn is_first(&mut self, id: &str) -> bool {
        self.0.len() < NAMED_MAX && self.0.insert(id.to_owned())
    }
}

/// What a receiver is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookTask {
    /// It is to be asked whether it knows its secret.
    Question,
    /// The first message that waits for it.
    Message {
        /// Its number.
        number: i64,
        /// How often it was tried.
        tries: u32,
        /// From when on it may be tried.
        not_before: Timestamp,
        /// It is an alert.
        is_urgent: bool,
    },
}

/// A receiver that has something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTurn {
    /// Whose it is.
    pub account: AccountId,
    /// Which.
    pub webhook: WebhookId,
    /// Tries in a row that have failed.
    pub failures: u32,
    /// What it is to be sent.
    pub task: WebhookTask,
}

/// How a try has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAttempt {
    /// When.
    pub at: Timestamp,
    /// The status that was answered.
    pub status: Option<u16>,
    /// Why it has failed; empty if it has not.
    pub cause: String,
    /// What becomes of the message.
    pub state: DeliveryState,
    /// From when on it is tried again.
    pub not_before: Timestamp,
    /// Why nothing more is sent to the receiver, if that is so.
    pub stops: Option<String>,
    /// Until when its other alerts rest as well.
    pub alerts_rest: Option<Timestamp>,
}

impl Transaction<'_> {
    /// Lists the receivers that have something to be sent, each with what comes first: of its alerts that may be tried the one that
    /// waits longest, so that none waits for another; else the oldest other message. Where none of these may be tried, the one that
    /// may be first. Those of which something cannot be read are left out: the others would wait for them.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn webhook_turns(&mut self, now: Timestamp) -> Result<Vec<WebhookTurn>, StoreError> {
        let sql = "SELECT webhook.account, webhook.id, webhook.failures, webhook.state, \
                   COALESCE(one.id, 0), COALESCE(one.tries, 0), COALESCE(one.not_before, 0), \
                   CASE WHEN one.event = $1 THEN 1 ELSE 0 END \
                   FROM webhook \
                   LEFT JOIN webhook_delivery AS alert ON alert.id = (SELECT id FROM webhook_delivery \
                   WHERE webhook = webhook.id AND state = 'waiting' AND event = $1 ORDER BY not_before, id LIMIT 1) \
                   LEFT JOIN webhook_delivery AS other ON other.id = (SELECT MIN(id) FROM webhook_delivery \
                   WHERE webhook = webhook.id AND state = 'waiting' AND event <> $1) \
                   LEFT JOIN webhook_delivery AS one ON one.id = CASE WHEN alert.not_before <= $2 THEN alert.id \
                   WHEN other.not_before <= $2 THEN other.id WHEN alert.not_before <= other.not_before THEN alert.id \
                   ELSE COALESCE(other.id, alert.id) END \
                   WHERE webhook.state IN ('checking', 'rechecking') OR (webhook.state = 'active' AND one.id IS NOT NULL)";
        let rows = self.rows(sql, &[URGENT.as_str().into(), moment(now)]).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| self.readable(row, 1, turn_of))
            .collect())
    }

    /// Reads a row that has the id of a receiver in a column. One that cannot be read is left out, and named once.
    fn readable<T>(
        &self,
        row: Row,
        column: usize,
        read: impl FnOnce(Row) -> Result<T, StoreError>,
    ) -> Option<T> {
        let webhook = match row.0.get(column) {
            Some(Value::Text(text)) => text.chars().take(WEBHOOK_CAUSE_MAX).collect(),
            _ => String::new(),
        };
        let say = |error: &StoreError| {
            let mut named = self
                .webhooks_named()
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if named.is_first(&webhook) {
                tracing::error!(webhook, %error, "a webhook is left out");
            }
        };
        read(row).inspect_err(say).ok()
    }
}

fn turn_of(row: Row) -> Result<WebhookTurn, StoreError> {
    let mut columns = Columns::of(TABLE, row);
    let (account, webhook) = (columns.parsed()?, columns.parsed()?);
    let failures = columns.number()?;
    let task = if columns.word(WebhookState::from_stored)?.is_asked() {
        WebhookTask::Question
    } else {
        WebhookTask::Message {
            number: columns.integer()?,
            tries: columns.number()?,
            not_before: columns.moment()?,
            is_urgent: columns.truth()?,
        }
    };
    Ok(WebhookTurn {
        account,
        webhook,
        failures,
        task,
    })
}

impl Scope<'_, '_> {
    /// Adds a receiver; says whether there was room for it.
    ///
    /// # Errors
    ///
    /// When the database fails, or the receiver has no secret.
    pub async fn add_webhook(&mut self, webhook: &Webhook) -> Result<bool, StoreError> {
        let secret = webhook.secret.as_ref().ok_or(StoreError::WrongKey)?;
        let values = [
            webhook.id.as_str().into(),
            self.id(),
            webhook.url.as_str().into(),
            webhook.events.to_string().into(),
            webhook.shows_passwords.into(),
            self.seal(secret, &webhook.id)?,
            webhook.state.as_str().into(),
            short(&webhook.because),
            i64::from(webhook.failures).into(),
            count(webhook.dropped),
            moment(webhook.added_at),
            WEBHOOKS_MAX.into(),
        ];
        let sql = "INSERT INTO webhook SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 \
                   WHERE (SELECT COUNT(*) FROM webhook WHERE account = $2) < $12";
        self.transaction.change_webhooks();
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Lists the receivers, the first that was added first. Those that cannot be read are left out, and one whose secret cannot be opened
    /// is there without it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn webhooks(&mut self) -> Result<Vec<Webhook>, StoreError> {
        let rows = self.webhook_rows().await?;
        let readable = |row| self.transaction.readable(row, 0, |row| self.webhook_of(row));
        Ok(rows.into_iter().filter_map(readable).collect())
    }

    /// Lists the receivers that cannot be read and have an id that can: they can be removed.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn unreadable_webhooks(&mut self) -> Result<Vec<WebhookId>, StoreError> {
        let rows = self.webhook_rows().await?;
        let unreadable = |row: Row| {
            let id = match row.0.first() {
                Some(Value::Text(id)) => id.parse().ok()?,
                _ => return None,
            };
            self.webhook_of(row).is_err().then_some(id)
        };
        Ok(rows.into_iter().filter_map(unreadable).collect())
    }

    async fn webhook_rows(&mut self) -> Result<Vec<Row>, StoreError> {
        let sql = "SELECT id, url, events, shows_passwords, secret, state, because, failures, dropped, added_at \
                   FROM webhook WHERE account = $1 ORDER BY added_at, id";
        let id = self.id();
        self.transaction.rows(sql, &[id]).await
    }

    /// Finds a receiver, without its secret where that cannot be opened.
    ///
    /// # Errors
    ///
    /// When the database fails, or holds of it what cannot be read.
    pub async fn webhook(&mut self, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        let sql = "SELECT id, url, events, shows_passwords, secret, state, because, failures, dropped, added_at \
                   FROM webhook WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| self.webhook_of(row)).transpose()
    }

    /// Has a receiver asked whether it knows its secret; says whether there is such a receiver.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn ask_webhook(&mut self, id: &WebhookId) -> Result<bool, StoreError> {
        self.move_webhook(id, WebhookState::asked, "").await
    }

    /// Keeps whether a receiver has shown that it knows the secret that it was asked for, or why it has not; says whether it is there and
    /// has that secret still. Of a secret that it was given since, this says nothing.
    ///
    /// # Errors
    ///
    /// When the database fails, or holds of it what cannot be read.
    pub async fn prove_webhook(
        &mut self,
        id: &WebhookId,
        asked: &Secret,
        failure: Option<&str>,
    ) -> Result<bool, StoreError> {
        let found = self.webhook(id).await?;
        let secret = found.and_then(|found| found.secret);
        if !secret.is_some_and(|secret| secret.matches(asked.reveal())) {
            return Ok(false);
        }
        match failure {
            None => self.move_webhook(id, WebhookState::proved, "").await,
            Some(because) => self.move_webhook(id, WebhookState::failed, because).await,
        }
    }

    /// Turns a receiver off: what waits for it waits on, and nothing is added. It is turned on by being asked. Says whether there is such a
    /// receiver.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn disable_webhook(&mut self, id: &WebhookId) -> Result<bool, StoreError> {
        self.move_webhook(id, |_| WebhookState::Disabled, "").await
    }

    /// Has nothing more sent to a receiver until it is asked; what waits for it waits on. Says whether there is such a receiver.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn stop_webhook(&mut self, id: &WebhookId, because: &str) -> Result<bool, StoreError> {
        self.move_webhook(id, WebhookState::failed, because).await
    }

    /// Gives a receiver another secret: what happens waits for it until it has shown that it knows that. Says whether there is such a
    /// receiver.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_webhook_secret(&mut self, id: &WebhookId, secret: &Secret) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into(), self.seal(secret, id)?];
        let sql = "UPDATE webhook SET secret = $3 WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        let because = "its secret token is another; validate it once the receiver has that";
        self.move_webhook(id, WebhookState::failed, because).await
    }

    /// Brings a receiver into the state that follows from the one it is in. One that is sent everything has not failed.
    async fn move_webhook(
        &mut self,
        id: &WebhookId,
        step: fn(WebhookState) -> WebhookState,
        because: &str,
    ) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "SELECT state FROM webhook WHERE account = $1 AND id = $2";
        let Some(row) = self.transaction.row(sql, &values).await? else {
            return Ok(false);
        };
        let next = step(Columns::of(TABLE, row).word(WebhookState::from_stored)?);
        let values = [
            self.id(),
            id.as_str().into(),
            next.as_str().into(),
            short(because),
        ];
        let sql = "UPDATE webhook SET state = $3, because = $4, \
                   failures = CASE WHEN $3 = 'active' THEN 0 ELSE failures END WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        self.transaction.change_webhooks();
        Ok(true)
    }

    /// Takes a receiver away with all that waits for it; says whether there was such a receiver.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_webhook(&mut self, id: &WebhookId) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM webhook WHERE account = $1 AND id = $2";
        self.transaction.change_webhooks();
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Says whether anybody is to be told of an event.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn is_webhook_wanted(&mut self, event: WebhookEvent) -> Result<bool, StoreError> {
        let wanting = self.webhooks_wanting(event).await?;
        Ok(!wanting.is_empty())
    }

    /// Puts a message into the queues of all who are to be told of it; says how many those are. One that is there under its name, or was
    /// delivered or given up and is remembered, is not put there again.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn queue_webhook_message(&mut self, message: &WebhookMessage) -> Result<usize, StoreError> {
        let wanting = self.webhooks_wanting(message.event).await?;
        for (id, shows_passwords) in &wanting {
            let revealing = message.body_with_passwords.as_ref().filter(|_| *shows_passwords);
            let body = revealing.unwrap_or(&message.body);
            self.queue_for_webhook(id, message, body).await?;
        }
        Ok(wanting.len())
    }

    /// Puts a test into the queue of one receiver.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn queue_webhook_test(
        &mut self,
        id: &WebhookId,
        message: &WebhookMessage,
    ) -> Result<(), StoreError> {
        self.queue_for_webhook(id, message, &message.body).await
    }

    /// Those who are told of an event, and whether they are told passwords. Whoever has not shown that it knows its secret is none of
    /// them, and neither is who cannot be read: the others are told all the same.
    async fn webhooks_wanting(&mut self, event: WebhookEvent) -> Result<Vec<(WebhookId, bool)>, StoreError> {
        let sql = "SELECT id, shows_passwords, events FROM webhook WHERE account = $1 AND state IN ('active', 'stopped', 'rechecking') \
                   ORDER BY added_at, id";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        let wanting = |row: Row| {
            let mut columns = Columns::of(TABLE, row);
            let found = (columns.parsed()?, columns.truth()?);
            Ok(columns.checked(events_of)?.has(event).then_some(found))
        };
        let rows = rows
            .into_iter()
            .filter_map(|row| self.transaction.readable(row, 0, wanting));
        Ok(rows.flatten().collect())
    }

    async fn queue_for_webhook(
        &mut self,
        id: &WebhookId,
        message: &WebhookMessage,
        body: &Secret,
    ) -> Result<(), StoreError> {
        let values = [
            self.id(),
            id.as_str().into(),
            message.event.as_str().into(),
            message.id.as_str().into(),
            moment(message.at),
            self.seal(body, id)?,
        ];
        let sql = "INSERT INTO webhook_delivery (webhook, event, event_id, at, body, state, tries, not_before, cause) \
                   SELECT id, $3, $4, $5, $6, 'waiting', 0, 0, '' FROM webhook WHERE account = $1 AND id = $2 \
                   ON CONFLICT (webhook, event_id) DO NOTHING";
        if self.transaction.execute(sql, &values).await? == 0 {
            return Ok(());
        }
        self.transaction.change_webhooks();
        self.drop_past_the_queue(id).await
    }

    /// Drops the oldest message of a queue that is too long: an alert only where there is nothing else.
    async fn drop_past_the_queue(&mut self, id: &WebhookId) -> Result<(), StoreError> {
        let waiting = self.count_webhook_queue(id).await?;
        if i64::try_from(waiting).is_ok_and(|waiting| waiting <= WEBHOOK_QUEUE_MAX) {
            return Ok(());
        }
        let values = [id.as_str().into(), URGENT.as_str().into()];
        let sql = "DELETE FROM webhook_delivery WHERE id = (SELECT id FROM webhook_delivery WHERE webhook = $1 AND state = 'waiting' \
                   ORDER BY CASE WHEN event = $2 THEN 1 ELSE 0 END, id LIMIT 1)";
        let dropped = self.transaction.execute(sql, &values).await?;
        let values = [id.as_str().into(), count(dropped)];
        let sql = "UPDATE webhook SET dropped = dropped + $2 WHERE id = $1";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Finds what waits for a receiver under a number: the id of the message and what is to be sent.
    ///
    /// # Errors
    ///
    /// When the database fails, or the message cannot be opened.
    pub async fn webhook_message(
        &mut self,
        id: &WebhookId,
        number: i64,
    ) -> Result<Option<(String, Secret)>, StoreError> {
        let values = [self.id(), id.as_str().into(), number.into()];
        let sql = "SELECT event_id, body FROM webhook_delivery JOIN webhook ON webhook.id = webhook \
                   WHERE account = $1 AND webhook = $2 AND webhook_delivery.id = $3 AND webhook_delivery.state = 'waiting'";
        let Some(row) = self.transaction.row(sql, &values).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(DELIVERY, row);
        let event_id = columns.text()?;
        let body = self.open(&columns.octets()?, id)?;
        Ok(Some((event_id, body)))
    }

    /// Keeps how a try at a message has ended. What is delivered or given up is remembered without what it said, the last of it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn settle_webhook_message(
        &mut self,
        id: &WebhookId,
        number: i64,
        attempt: &WebhookAttempt,
    ) -> Result<(), StoreError> {
        let is_delivered = attempt.state == DeliveryState::Delivered;
        let values = [
            number.into(),
            id.as_str().into(),
            attempt.state.as_str().into(),
            moment(attempt.not_before),
            moment(attempt.at),
            attempt.status.map(i64::from).into(),
            short(&attempt.cause),
        ];
        let sql = "UPDATE webhook_delivery SET state = $3, not_before = $4, tried_at = $5, status = $6, cause = $7, tries = tries + 1, \
                   body = CASE WHEN $3 = 'waiting' THEN body ELSE NULL END WHERE id = $1 AND webhook = $2 AND state = 'waiting'";
        self.transaction.execute(sql, &values).await?;
        let values = [self.id(), id.as_str().into(), is_delivered.into()];
        let sql = "UPDATE webhook SET failures = CASE WHEN $3 = 1 THEN 0 ELSE failures + 1 END WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        if let Some(until) = attempt.alerts_rest {
            let values = [id.as_str().into(), URGENT.as_str().into(), moment(until)];
            let sql = "UPDATE webhook_delivery SET not_before = $3 \
                       WHERE webhook = $1 AND state = 'waiting' AND event = $2 AND not_before < $3";
            self.transaction.execute(sql, &values).await?;
        }
        if let Some(because) = &attempt.stops {
            let values = [self.id(), id.as_str().into(), short(because)];
            let sql = "UPDATE webhook SET state = 'stopped', because = $3 WHERE account = $1 AND id = $2 AND state = 'active'";
            self.transaction.execute(sql, &values).await?;
        }
        let values = [id.as_str().into(), WEBHOOK_LOG_MAX.into()];
        let sql = "DELETE FROM webhook_delivery WHERE webhook = $1 AND state <> 'waiting' AND id <= (SELECT id FROM webhook_delivery \
                   WHERE webhook = $1 AND state <> 'waiting' ORDER BY id DESC LIMIT 1 OFFSET $2)";
        self.transaction.execute(sql, &values).await?;
        self.transaction.change_webhooks();
        Ok(())
    }

    /// Lists what was sent to a receiver and what waits for it, the last first, at most `limit`. What cannot be read is left out.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn webhook_deliveries(
        &mut self,
        id: &WebhookId,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let values = [self.id(), id.as_str().into(), i64::from(limit).into()];
        let sql = "SELECT one.id, one.event, one.event_id, one.at, one.state, one.tries, one.not_before, one.tried_at, one.status, \
                   one.cause FROM webhook_delivery AS one JOIN webhook ON webhook.id = one.webhook \
                   WHERE account = $1 AND one.webhook = $2 ORDER BY one.id DESC LIMIT $3";
        let rows = self.transaction.rows(sql, &values).await?;
        Ok(rows.into_iter().filter_map(|row| delivery(row).ok()).collect())
    }

    /// Counts what waits for a receiver.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_webhook_queue(&mut self, id: &WebhookId) -> Result<u64, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "SELECT COUNT(*) FROM webhook_delivery JOIN webhook ON webhook.id = webhook \
                   WHERE account = $1 AND webhook = $2 AND webhook_delivery.state = 'waiting'";
        self.count(sql, &values).await
    }

    /// Lists the devices of which it was told whether they are up, and what was told last.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn told_presence(&mut self) -> Result<Vec<(DeviceId, bool)>, StoreError> {
        let sql = "SELECT device, is_up FROM told_presence JOIN device ON device.id = device WHERE account = $1 ORDER BY device";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("told_presence", row);
                Ok((columns.parsed()?, columns.truth()?))
            })
            .collect()
    }

    /// Notes that it is told whether a device is up; says whether it is the first time for a device that is there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn note_told_presence(&mut self, device: &DeviceId, is_up: bool) -> Result<bool, StoreError> {
        let values = [self.id(), device.as_str().into(), is_up.into()];
        let sql = "UPDATE told_presence SET is_up = $3 WHERE device = $2 \
                   AND EXISTS (SELECT 1 FROM device WHERE account = $1 AND id = $2)";
        if self.transaction.execute(sql, &values).await? > 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO told_presence (device, is_up) SELECT id, $3 FROM device WHERE account = $1 AND id = $2";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Lists what was told last of what has to be typed into generic devices, by device: a digest of it. None where nothing was told yet.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn told_provision(&mut self) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        let sql = "SELECT device, digest FROM told_provision WHERE account = $1";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        let told = rows.into_iter().map(|row| {
            let mut columns = Columns::of("told_provision", row);
            Ok((columns.text()?, columns.text()?))
        });
        let mut told: BTreeMap<_, _> = told.collect::<Result<_, StoreError>>()?;
        Ok(told.remove(BEGUN).map(|_| told))
    }

    /// Keeps what was told; without a device, that something may have been told from here on.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_told_provision(
        &mut self,
        device: Option<&DeviceId>,
        digest: &str,
    ) -> Result<(), StoreError> {
        let device = device.map_or(BEGUN, DeviceId::as_str);
        let values = [self.id(), device.into(), digest.into()];
        let sql = "INSERT INTO told_provision (account, device, digest) VALUES ($1, $2, $3) \
                   ON CONFLICT (account, device) DO UPDATE SET digest = $3";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Forgets what was told of devices that are there no more; or all of it, where nobody wants to be told.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn forget_told_provision(&mut self, all: bool) -> Result<(), StoreError> {
        let values = [self.id(), all.into(), BEGUN.into()];
        let sql = "DELETE FROM told_provision WHERE account = $1 AND ($2 = 1 OR (device <> $3 \
                   AND NOT EXISTS (SELECT 1 FROM device WHERE device.account = $1 AND device.id = told_provision.device)))";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    fn webhook_of(&self, row: Row) -> Result<Webhook, StoreError> {
        let mut columns = Columns::of(TABLE, row);
        let id: WebhookId = columns.parsed()?;
        Ok(Webhook {
            url: columns.checked(str::parse::<WebhookUrl>)?,
            events: columns.checked(events_of)?,
            shows_passwords: columns.truth()?,
            secret: self.open(&columns.octets()?, &id).ok(),
            state: columns.word(WebhookState::from_stored)?,
            because: columns.text()?,
            failures: columns.number()?,
            dropped: columns.number()?,
            added_at: columns.moment()?,
            id,
        })
    }

    fn seal(&self, secret: &Secret, id: &WebhookId) -> Result<Value, StoreError> {
        let sealed = self.transaction.sealer().seal(secret, id.as_str());
        sealed.map(Value::from).ok_or(StoreError::NoRandomness)
    }

    fn open(&self, sealed: &[u8], id: &WebhookId) -> Result<Secret, StoreError> {
        let opened = self.transaction.sealer().open_sealed(sealed, id.as_str());
        opened.ok_or(StoreError::WrongKey)
    }
}

fn events_of(text: &str) -> Result<WebhookEvents, model::inventory::WebhookEventsError> {
    WebhookEvents::new(text.split(' '))
}

fn delivery(row: Row) -> Result<WebhookDelivery, StoreError> {
    let mut columns = Columns::of(DELIVERY, row);
    Ok(WebhookDelivery {
        number: columns.integer()?,
        event: columns.word(WebhookEvent::from_stored)?,
        id: columns.text()?,
        at: columns.moment()?,
        state: columns.word(DeliveryState::from_stored)?,
        tries: columns.number()?,
        not_before: columns.moment()?,
        tried_at: columns.moment_or_null()?,
        status: columns.number_or_null()?,
        cause: columns.text()?,
    })
}

fn short(text: &str) -> Value {
    text.chars().take(WEBHOOK_CAUSE_MAX).collect::<String>().into()
}

fn count(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_named_once_and_so_many_are_and_not_one_more() {
        let mut named = Named::default();
        for number in 1..NAMED_MAX {
            assert!(named.is_first(&number.to_string()));
        }
        assert!(!named.is_first("1"));
        assert!(named.is_first("last"));
        assert!(!named.is_first("one more"));
    }
}
