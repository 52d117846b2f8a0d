//! Telling other programs of what happens: carries out what [`webhooks::Courier`] says, over what the store keeps. What was kept is
//! sent at least once, also after a restart.

mod client;
mod happenings;
mod presence;
mod provision;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::inventory::{DeliveryState, Timestamp, Uplink, WebhookId};
use model::{AccountId, Secret};
use net::tls::{ClientTls, ClientTlsConfig};
use registrations::Registrations;
use store::{Store, StoreError, WebhookAttempt, WebhookTask, timestamp};
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::sleep;
use webhooks::message::{Frame, question};
use webhooks::signature::{EVENT_ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, judge_answer, sign};
use webhooks::{Courier, Head, Next, Outcome, Output, RetryPlan, Wanted};

use zone::toml_file::ConfigError;

use super::config::ServiceConfig;
use client::{Client, Post, Refused};
pub(super) use happenings::{tell, tell_of};

/// Wait after the store has failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Longest sleep: a clock that was set is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// What tells; it ends with this value, and what it was about to tell is told after the next start.
pub(super) struct Webhooks {
    _tasks: JoinSet<()>,
}

impl Webhooks {
    /// Starts it. A service that is started again because something else was missing would send again what it was just sending: so this
    /// comes last.
    pub(super) fn start(
        delivering: Delivering,
        account: &AccountId,
        registrations: &Arc<Registrations>,
        uplink: &Uplink,
    ) -> Self {
        let store = Arc::clone(&delivering.store);
        let mut tasks = JoinSet::new();
        tasks.spawn(delivering.run());
        tasks.spawn(presence::tell(
            Arc::clone(&store),
            account.clone(),
            Arc::clone(registrations),
        ));
        tasks.spawn(provision::tell(store, account.clone(), uplink.clone()));
        Self { _tasks: tasks }
    }
}

/// What sends, before it has begun.
pub(super) struct Delivering {
    store: Arc<Store>,
    client: Arc<Client>,
    courier: Courier,
    changes: watch::Receiver<u64>,
    account_by_webhook: BTreeMap<WebhookId, AccountId>,
    /// The secrets that receivers are asked for.
    asked_by_webhook: BTreeMap<WebhookId, Secret>,
    /// Receivers whose secrets the key of the store does not open, as long as they have something to be sent: that is no fault of theirs.
    left_out: BTreeSet<WebhookId>,
    tries: JoinSet<Outcome>,
    webhook_by_try: HashMap<task::Id, WebhookId>,
    /// What could not be done yet. Before it is, nothing is sent: a try that is not kept would be made again at once.
    undone: Option<Output>,
}

impl Delivering {
    /// Prepares it.
    ///
    /// # Errors
    ///
    /// When the file says something that cannot be.
    pub(super) fn prepare(config: &ServiceConfig, store: &Arc<Store>) -> Result<Self, ConfigError> {
        let (trust, plan) = (config.webhook_trust()?, config.webhook_plan()?);
        let tls = ClientTls::new(ClientTlsConfig {
            trust,
            ..ClientTlsConfig::default()
        });
        let client = Client {
            tls: tls.map_err(|error| device::sentence(&error)),
            addresses: config.webhooks.addresses(),
            allows_http: config.webhooks.allow_http,
        };
        Ok(Self::new(Arc::clone(store), client, plan))
    }

    fn new(store: Arc<Store>, client: Client, plan: RetryPlan) -> Self {
        Self {
            changes: store.webhook_changes(),
            store,
            client: Arc::new(client),
            courier: Courier::new(plan),
            account_by_webhook: BTreeMap::new(),
            asked_by_webhook: BTreeMap::new(),
            left_out: BTreeSet::new(),
            tries: JoinSet::new(),
            webhook_by_try: HashMap::new(),
            undone: None,
        }
    }

    async fn run(mut self) {
        loop {
            if let Err(error) = self.work().await {
                let error = device::sentence(&error);
                tracing::error!(%error, "webhooks wait: what is to be sent cannot be read, or what was sent not be kept");
                sleep(RETRY_AFTER).await;
                continue;
            }
            tokio::select! {
                changed = self.changes.changed() => if changed.is_err() {
                    return;
                },
                Some(ended) = self.tries.join_next_with_id() => self.take(ended),
                () = until(self.courier.next_timeout()) => self.courier.handle_timeout(now()),
            }
        }
    }

    /// Starts a try.
    fn start(&mut self, webhook: &WebhookId, trying: impl Future<Output = Outcome> + Send + 'static) {
        let started = self.tries.spawn(trying);
        self.webhook_by_try.insert(started.id(), webhook.clone());
    }

    /// Takes how a try has ended. One that was broken off has failed: its receiver waits for no answer that never comes.
    fn take(&mut self, ended: Result<(task::Id, Outcome), JoinError>) {
        let (id, outcome) = ended.unwrap_or_else(|error| {
            let failed = Outcome::Failed {
                status: None,
                cause: "the try was broken off by a fault of the service, which its log has".to_owned(),
                retry_after: None,
            };
            (error.id(), failed)
        });
        if let Some(webhook) = self.webhook_by_try.remove(&id) {
            self.courier.handle_answer(&webhook, outcome, now());
        }
    }

    /// Does what is to be done, then looks for more.
    async fn work(&mut self) -> Result<(), StoreError> {
        self.carry_out().await?;
        let mut turns = self.store.read().await?.webhook_turns(now()).await?;
        self.left_out
            .retain(|webhook| turns.iter().any(|turn| turn.webhook == *webhook));
        turns.retain(|turn| !self.left_out.contains(&turn.webhook));
        let courier = &self.courier;
        self.account_by_webhook
            .retain(|webhook, _| courier.is_under_way(webhook));
        let accounts = turns
            .iter()
            .map(|turn| (turn.webhook.clone(), turn.account.clone()));
        self.account_by_webhook.extend(accounts);
        let first = turns.into_iter().map(|turn| {
            let wanted = match turn.task {
                WebhookTask::Question => Wanted::Question,
                WebhookTask::Message {
                    number,
                    tries,
                    not_before,
                    is_urgent,
                } => Wanted::Message(Head {
                    number,
                    tries,
                    failures: turn.failures,
                    not_before,
                    is_urgent,
                }),
            };
            (turn.webhook, wanted)
        });
        self.courier.handle_first(first, now());
        self.carry_out().await
    }

    async fn carry_out(&mut self) -> Result<(), StoreError> {
        while let Some(output) = self.undone.take().or_else(|| self.courier.poll_output()) {
            if let Err(error) = self.do_one(&output).await {
                self.undone = Some(output);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn do_one(&mut self, output: &Output) -> Result<(), StoreError> {
        match output {
            Output::Ask(webhook) => {
                let asked = self.ask(webhook).await;
                self.stop_unreadable(webhook, asked).await
            }
            Output::Send { webhook, number } => {
                let sent = self.send(webhook, *number).await;
                self.stop_unreadable(webhook, sent).await
            }
            Output::Proved { webhook, outcome } => self.keep_proof(webhook, outcome).await,
            Output::Settled {
                webhook,
                number,
                outcome,
                next,
                stops,
                alerts_rest,
            } => {
                let attempt = attempt(outcome, *next, *stops, *alerts_rest);
                self.keep(webhook, *number, &attempt).await
            }
        }
    }

    /// Has nothing more sent to a receiver of which the database holds what cannot be read: all others would wait for it. Where its secret
    /// alone cannot be opened, that is for this process, and until it has another: a database with the wrong key changes no state.
    async fn stop_unreadable(
        &mut self,
        webhook: &WebhookId,
        begun: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let error = match begun {
            Err(error @ StoreError::Damaged { .. }) => error,
            Err(error @ StoreError::WrongKey) => {
                let because = device::sentence(&error);
                let name = webhook.as_str();
                tracing::error!(
                    webhook = name,
                    because,
                    "a webhook is sent nothing: its secret cannot be opened"
                );
                self.left_out.insert(webhook.clone());
                self.courier.handle_gone(webhook, now());
                return Ok(());
            }
            begun => return begun,
        };
        if let Some(account) = self.account_by_webhook.get(webhook) {
            let because = device::sentence(&error);
            let mut writing = self.store.write().await?;
            writing.account(account).stop_webhook(webhook, &because).await?;
            writing.commit().await?;
            let webhook = webhook.as_str();
            tracing::error!(
                webhook,
                because,
                "a webhook is sent no more: the database holds of it what cannot be read"
            );
        }
        self.courier.handle_gone(webhook, now());
        Ok(())
    }

    async fn ask(&mut self, webhook: &WebhookId) -> Result<(), StoreError> {
        let Some(account) = self.account_by_webhook.get(webhook) else {
            self.courier.handle_gone(webhook, now());
            return Ok(());
        };
        let Some(found) = self.store.read().await?.account(account).webhook(webhook).await? else {
            self.courier.handle_gone(webhook, now());
            return Ok(());
        };
        let secret = found.secret.ok_or(StoreError::WrongKey)?;
        let plain = URL_SAFE_NO_PAD.encode(drawn()?);
        let body = question(&plain, now());
        let post = Post {
            headers: signed(&secret, &body),
            url: found.url,
            body,
            shows_passwords: found.shows_passwords,
            wants_answer: true,
        };
        let client = Arc::clone(&self.client);
        self.asked_by_webhook.insert(webhook.clone(), secret.clone());
        self.start(webhook, async move {
            match client.send(post).await {
                Ok((status, answer)) => match judge_answer(&secret, &plain, &answer) {
                    Ok(()) => Outcome::Taken(status),
                    Err(not_proved) => Outcome::Failed {
                        status: Some(status),
                        cause: not_proved.to_string(),
                        retry_after: None,
                    },
                },
                Err(refused) => failed(refused),
            }
        });
        Ok(())
    }

    async fn send(&mut self, webhook: &WebhookId, number: i64) -> Result<(), StoreError> {
        let Some(account) = self.account_by_webhook.get(webhook) else {
            self.courier.handle_gone(webhook, now());
            return Ok(());
        };
        let mut reading = self.store.read().await?;
        let mut scope = reading.account(account);
        let found = scope.webhook(webhook).await?;
        let message = scope.webhook_message(webhook, number).await;
        drop(reading);
        let Some(found) = found else {
            self.courier.handle_gone(webhook, now());
            return Ok(());
        };
        let secret = found.secret.ok_or(StoreError::WrongKey)?;
        let message = match message {
            // Its receiver can be read: the others of its messages follow.
            Err(error @ (StoreError::Damaged { .. } | StoreError::WrongKey)) => {
                let given_up = given_up(&error);
                self.keep(webhook, number, &given_up).await?;
                None
            }
            message => message?,
        };
        let Some((event_id, body)) = message else {
            self.courier.handle_gone(webhook, now());
            return Ok(());
        };
        let mut headers = signed(&secret, body.reveal());
        headers.push((EVENT_ID_HEADER, event_id));
        let post = Post {
            url: found.url,
            headers,
            body: body.reveal().to_owned(),
            shows_passwords: found.shows_passwords,
            wants_answer: false,
        };
        let client = Arc::clone(&self.client);
        self.start(webhook, async move {
            match client.send(post).await {
                Ok((status, _)) => Outcome::Taken(status),
                Err(refused) => failed(refused),
            }
        });
        Ok(())
    }

    async fn keep_proof(&mut self, webhook: &WebhookId, outcome: &Outcome) -> Result<(), StoreError> {
        let account = self.account_by_webhook.get(webhook);
        let Some((account, asked)) = account.zip(self.asked_by_webhook.get(webhook)) else {
            return Ok(());
        };
        let failure = match outcome {
            Outcome::Taken(_) => None,
            Outcome::Failed { cause, .. } => Some(cause.as_str()),
        };
        let mut writing = self.store.write().await?;
        let mut scope = writing.account(account);
        scope.prove_webhook(webhook, asked, failure).await?;
        writing.commit().await?;
        self.asked_by_webhook.remove(webhook);
        Ok(())
    }

    async fn keep(
        &self,
        webhook: &WebhookId,
        number: i64,
        attempt: &WebhookAttempt,
    ) -> Result<(), StoreError> {
        let Some(account) = self.account_by_webhook.get(webhook) else {
            return Ok(());
        };
        if attempt.stops.is_some() {
            // Why may have the receiver's address in it, which may be a secret.
            let (webhook, status) = (webhook.as_str(), attempt.status);
            tracing::warn!(
                webhook,
                status,
                "a webhook is sent no more; its page in the portal says why"
            );
        }
        let mut writing = self.store.write().await?;
        let mut scope = writing.account(account);
        scope.settle_webhook_message(webhook, number, attempt).await?;
        writing.commit().await
    }
}

/// The time, as it is stored.
fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

/// What all messages of one thing that happens now have in common.
fn frame(account: &AccountId) -> Result<Frame<'_>, StoreError> {
    Ok(Frame {
        account,
        at: now(),
        id: u128::from_le_bytes(drawn()?),
    })
}

fn drawn() -> Result<[u8; 16], StoreError> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|_| StoreError::NoRandomness)?;
    Ok(octets)
}

/// Until a moment.
async fn until(moment: Option<Timestamp>) {
    let left = moment.map_or(SLEEP_MAX, |at| {
        Duration::from_millis(at.0.saturating_sub(now().0)).min(SLEEP_MAX)
    });
    sleep(left).await;
}

/// What proves a body that is sent now.
fn signed(secret: &Secret, body: &str) -> Vec<(&'static str, String)> {
    let signed = sign(secret, now(), body);
    vec![
        (TIMESTAMP_HEADER, signed.timestamp),
        (SIGNATURE_HEADER, signed.signature),
    ]
}

fn failed(refused: Refused) -> Outcome {
    let Refused {
        status,
        cause,
        retry_after,
    } = refused;
    Outcome::Failed {
        status,
        cause,
        retry_after,
    }
}

/// What is kept of a message that cannot be read.
fn given_up(error: &StoreError) -> WebhookAttempt {
    let at = now();
    WebhookAttempt {
        at,
        status: None,
        cause: format!("it was not sent: {}", device::sentence(error)),
        state: DeliveryState::GivenUp,
        not_before: at,
        stops: None,
        alerts_rest: None,
    }
}

/// How a try has ended, as it is kept.
fn attempt(outcome: &Outcome, next: Next, stops: bool, alerts_rest: Option<Timestamp>) -> WebhookAttempt {
    let (status, cause) = match outcome {
        Outcome::Taken(status) => (Some(*status), String::new()),
        Outcome::Failed { status, cause, .. } => (*status, cause.clone()),
    };
    let at = now();
    let (state, not_before) = match next {
        Next::Done => (DeliveryState::Delivered, at),
        Next::Again { at } => (DeliveryState::Waiting, at),
        Next::GivenUp => (DeliveryState::GivenUp, at),
    };
    let stops = stops.then(|| match status {
        Some(410) => "it has answered that it is no more (410 Gone)".to_owned(),
        _ => format!("it has failed too often in a row; the last time: {cause}"),
    });
    WebhookAttempt {
        at,
        status,
        cause,
        state,
        not_before,
        stops,
        alerts_rest,
    }
}

#[cfg(test)]
mod tests {
    use model::PageId;
    use model::inventory::WebhookState;
    use webhooks::address::AddressPolicy;

    use super::*;

    async fn delivering(folder: &std::path::Path) -> Delivering {
        let client = Client {
            tls: Err("there are no authorities".to_owned()),
            addresses: AddressPolicy {
                loopback: true,
                link_local: false,
                private: true,
            },
            allows_http: true,
        };
        let store = Arc::new(Store::open(folder).await.unwrap());
        Delivering::new(store, client, RetryPlan::default())
    }

    #[tokio::test]
    async fn a_receiver_that_is_given_another_secret_while_it_is_asked_is_asked_again_for_that() {
        let folder = tempfile::tempdir().unwrap();
        let mut delivering = delivering(folder.path()).await;
        let account: AccountId = "acme".parse().unwrap();
        let mut hook = happenings::tests::receiver(1);
        hook.state = WebhookState::Checking;
        hook.url = "https://127.0.0.1:9/".parse().unwrap();
        let mut writing = delivering.store.write().await.unwrap();
        writing.add_account(&happenings::tests::account()).await.unwrap();
        writing.account(&account).add_webhook(&hook).await.unwrap();
        writing.commit().await.unwrap();
        delivering.work().await.unwrap();
        let mut writing = delivering.store.write().await.unwrap();
        let mut scope = writing.account(&account);
        let next = Secret::from("another secret token");
        scope.set_webhook_secret(&hook.id, &next).await.unwrap();
        scope.ask_webhook(&hook.id).await.unwrap();
        writing.commit().await.unwrap();

        for right in [WebhookState::Checking, WebhookState::Unproved] {
            let ended = delivering.tries.join_next_with_id().await.unwrap();
            delivering.take(ended);
            delivering.work().await.unwrap();

            let mut reading = delivering.store.read().await.unwrap();
            let kept = reading.account(&account).webhook(&hook.id).await.unwrap();
            assert_eq!(kept.unwrap().state, right);
        }
        assert!(delivering.asked_by_webhook.is_empty());
    }

    #[tokio::test]
    async fn what_the_key_does_not_open_holds_up_no_other_and_a_message_of_a_receiver_that_is_read_is_given_up()
     {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let account = happenings::tests::account();
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account).await.unwrap();
        writing.commit().await.unwrap();
        let add = async |store: &Store, numbers: [u128; 2]| {
            let mut writing = store.write().await.unwrap();
            let mut scope = writing.account(&account.id);
            for (number, state) in numbers
                .into_iter()
                .zip([WebhookState::Active, WebhookState::Checking])
            {
                let mut hook = happenings::tests::receiver(number);
                hook.url = "https://127.0.0.1:9/".parse().unwrap();
                hook.state = state;
                assert!(scope.add_webhook(&hook).await.unwrap());
            }
            writing.commit().await.unwrap();
        };
        add(&store, [1, 2]).await;
        let unreadable = WebhookId::from_random(1);
        let page = PageId::from_random(1);
        let (extension, talker) = ("700".parse().unwrap(), "desk".parse().unwrap());
        let started = frame(&account.id)
            .unwrap()
            .page_started(&page, &extension, &talker, 1);
        let mut writing = store.write().await.unwrap();
        let queued = writing.account(&account.id).queue_webhook_message(&started).await;
        assert_eq!(queued.unwrap(), 1);
        writing.commit().await.unwrap();
        drop(store);
        // What was sealed before can be opened no longer.
        let key = folder.path().join("service.key");
        let octets: Vec<u8> = std::fs::read(&key).unwrap().iter().rev().copied().collect();
        std::fs::write(&key, octets).unwrap();
        let mut delivering = delivering(folder.path()).await;
        add(&delivering.store, [3, 4]).await;
        let mut writing = delivering.store.write().await.unwrap();
        let queued = writing.account(&account.id).queue_webhook_message(&started).await;
        assert_eq!(queued.unwrap(), 2);
        writing.commit().await.unwrap();

        delivering.work().await.unwrap();

        let trying: Vec<&WebhookId> = delivering.webhook_by_try.values().collect();
        assert_eq!(trying.len(), 2, "{trying:?}");
        for number in [3, 4] {
            assert!(trying.contains(&&WebhookId::from_random(number)), "{trying:?}");
        }
        let mut reading = delivering.store.read().await.unwrap();
        let kept = reading.account(&account.id).webhook(&unreadable).await.unwrap();
        assert_eq!(
            kept.unwrap().state,
            WebhookState::Active,
            "that is no fault of it"
        );
        drop(reading);

        let secret = Secret::from("another secret token");
        let mut writing = delivering.store.write().await.unwrap();
        let mut scope = writing.account(&account.id);
        scope.set_webhook_secret(&unreadable, &secret).await.unwrap();
        writing.commit().await.unwrap();
        delivering.work().await.unwrap();
        let mut writing = delivering.store.write().await.unwrap();
        let mut scope = writing.account(&account.id);
        scope.ask_webhook(&unreadable).await.unwrap();
        scope.prove_webhook(&unreadable, &secret, None).await.unwrap();
        writing.commit().await.unwrap();

        delivering.work().await.unwrap();

        let mut reading = delivering.store.read().await.unwrap();
        let mut scope = reading.account(&account.id);
        let kept = scope.webhook(&unreadable).await.unwrap().unwrap();
        assert_eq!(kept.state, WebhookState::Active);
        let sent = scope.webhook_deliveries(&unreadable, 1).await.unwrap();
        assert_eq!(sent[0].state, DeliveryState::GivenUp);
        assert!(sent[0].cause.starts_with("it was not sent: "), "{sent:?}");
        let waiting = delivering
            .left_out
            .iter()
            .map(WebhookId::clone)
            .collect::<Vec<_>>();
        assert_eq!(waiting, [WebhookId::from_random(2)]);
    }

    #[tokio::test]
    async fn a_try_that_is_broken_off_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        let mut delivering = delivering(folder.path()).await;
        let webhook = WebhookId::from_random(1);
        delivering
            .courier
            .handle_first([(webhook.clone(), Wanted::Question)], now());
        assert_eq!(
            delivering.courier.poll_output(),
            Some(Output::Ask(webhook.clone()))
        );
        delivering.start(&webhook, async { panic!("a fault") });

        let ended = delivering.tries.join_next_with_id().await.unwrap();
        delivering.take(ended);

        assert!(!delivering.courier.is_under_way(&webhook));
        let settled = delivering.courier.poll_output();
        assert!(matches!(
            settled,
            Some(Output::Proved {
                outcome: Outcome::Failed { .. },
                ..
            })
        ));
    }
}
