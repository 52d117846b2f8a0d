//! What happens in zones: alerts that are raised, pages that begin and end. The report of a page and what webhooks are told of it are kept
//! together, so that each report that is there was told once, or the log says why not.

use std::sync::Arc;

use model::inventory::{Holder, LinePlace, Timestamp, WebhookEvent, WebhookMessage};
use model::status::{PageReport, ZoneEvent};
use model::{AccountId, Extension, PageId, SipUser, SlotPosition};
use registrations::Registrations;
use store::{Scope, Store, StoreError};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::{broadcast, mpsc};
use tokio::time::sleep;
use webhooks::message::{Alert, Frame, event_id};

use super::{RETRY_AFTER, now};

/// Events of the zone in this process that wait to be kept; past that they are lost, and that is logged.
const WAITING_MAX: usize = 1_024;

/// Keeps and tells until the zone of this process has ended. Hearing never waits for the store: nothing is missed because much else
/// happens.
pub(in super::super) async fn tell(
    mut events: broadcast::Receiver<ZoneEvent>,
    store: Arc<Store>,
    registrations: Arc<Registrations>,
) {
    let (heard, mut waiting) = mpsc::channel(WAITING_MAX);
    let hearing = async move {
        loop {
            match events.recv().await {
                Ok(
                    event @ (ZoneEvent::AlertRaised { .. }
                    | ZoneEvent::PageStarted { .. }
                    | ZoneEvent::PageEnded { .. }),
                ) => {
                    if heard.try_send((now(), event)).is_err() {
                        tracing::error!(
                            "an alert, or the beginning or the report of a page, is lost: too many wait for the database"
                        );
                    }
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::error!(
                        missed,
                        "the zone tells of more than is heard; alerts and reports of pages may be lost"
                    );
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    };
    let keeping = async {
        while let Some((at, event)) = waiting.recv().await {
            tell_of(&event, at, &store, &registrations).await;
        }
    };
    tokio::join!(hearing, keeping);
}

/// Keeps and tells what has happened in a zone: it is tried until it is kept. What a zone tells again, for it does not know that it was
/// heard, is kept once.
pub(in super::super) async fn tell_of(
    event: &ZoneEvent,
    at: Timestamp,
    store: &Store,
    registrations: &Registrations,
) {
    while let Err(error) = keep(event, at, store, registrations).await {
        let is_lasting = is_lasting(&error);
        let error = device::sentence(&error);
        tracing::error!(%error, "what has happened in a zone cannot be kept");
        if is_lasting {
            return;
        }
        sleep(RETRY_AFTER).await;
    }
}

/// Says whether it is the same however often it is tried.
const fn is_lasting(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Damaged { .. } | StoreError::Missing { .. } | StoreError::WrongKey
    )
}

async fn keep(
    event: &ZoneEvent,
    at: Timestamp,
    store: &Store,
    registrations: &Registrations,
) -> Result<(), StoreError> {
    let (account, kind, of) = match event {
        ZoneEvent::AlertRaised { account, call, .. } => (account, WebhookEvent::EmergencyAlert, call),
        ZoneEvent::PageStarted { account, page, .. } => (account, WebhookEvent::PageStarted, page),
        ZoneEvent::PageEnded { account, report } => return keep_report(account, report, at, store).await,
        _ => return Ok(()),
    };
    let mut reading = store.read().await?;
    let mut scope = reading.account(account);
    if !scope.is_webhook_wanted(kind).await? {
        return Ok(());
    }
    let frame = Frame {
        account,
        at,
        id: event_id(kind, of),
    };
    let message = match event {
        ZoneEvent::AlertRaised {
            call,
            extension,
            caller,
            ..
        } => {
            let address = address_of(registrations, caller);
            raised(&mut scope, frame, call, extension, (caller, address)).await?
        }
        ZoneEvent::PageStarted {
            page,
            extension,
            talker,
            listeners,
            ..
        } => Some(frame.page_started(page, extension, talker, *listeners)),
        _ => None,
    };
    drop(reading);
    if let Some(message) = message {
        let mut writing = store.write().await?;
        writing.account(account).queue_webhook_message(&message).await?;
        writing.commit().await?;
    }
    Ok(())
}

async fn keep_report(
    account: &AccountId,
    report: &PageReport,
    at: Timestamp,
    store: &Store,
) -> Result<(), StoreError> {
    let mut writing = store.write().await?;
    let mut scope = writing.account(account);
    if scope.add_page_report_once(at, report).await? {
        let frame = Frame {
            account,
            at,
            id: event_id(WebhookEvent::PageEnded, &report.page),
        };
        match scope.queue_webhook_message(&frame.page_ended(report)).await {
            // The report is kept, though nobody is told of it.
            Err(error) if is_lasting(&error) => {
                let error = device::sentence(&error);
                tracing::error!(%error, "webhooks are not told of a page that has ended");
            }
            queued => {
                queued?;
            }
        }
    }
    writing.commit().await
}

/// Says of an alert who raises it where; nothing of a call that ends one.
async fn raised(
    scope: &mut Scope<'_, '_>,
    frame: Frame<'_>,
    call: &PageId,
    dialled: &Extension,
    (user, address): (&SipUser, Option<String>),
) -> Result<Option<WebhookMessage>, StoreError> {
    let assignments = scope.assignments().await?;
    let holders = scope.holders(None).await?;
    let called = holders.iter().find(|holder| holder.extension == *dialled);
    let mut places = assignments
        .iter()
        .filter(|one| called.is_some_and(|called| called.id == one.holder));
    if places.any(|one| one.place == LinePlace::Slot(SlotPosition::CANCEL)) {
        return Ok(None);
    }
    let own = assignments.iter().find(|one| one.user == *user);
    let caller: Option<&Holder> = own.and_then(|own| holders.iter().find(|holder| holder.id == own.holder));
    let site = match caller.and_then(|caller| caller.site.as_ref()) {
        Some(site) => scope.site(site).await?,
        None => None,
    };
    let emergency = match caller {
        Some(caller) => scope.address_of(caller).await?,
        None => None,
    };
    let started = written(frame.at);
    Ok(Some(frame.emergency_alert(&Alert {
        call,
        user,
        caller,
        site: site.as_ref(),
        dialled,
        address: address.as_deref(),
        emergency: emergency.as_ref(),
        started: &started,
    })))
}

/// The IP address that somebody is registered from.
fn address_of(registrations: &Registrations, user: &SipUser) -> Option<String> {
    let known = registrations.of(user.as_str())?;
    known.address().map(str::to_owned)
}

/// A moment as the published form has it.
fn written(at: Timestamp) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let seconds = i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(form).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use model::Secret;
    use model::inventory::{Account, DisplayName, Webhook, WebhookEvents, WebhookId, WebhookState};

    use super::*;

    pub(in super::super) fn account() -> Account {
        Account {
            id: "acme".parse().unwrap(),
            name: DisplayName::new("Acme").unwrap(),
            domain: "pbx.example.com".to_owned(),
            many_extensions_before_5_5: false,
            generic_devices: true,
        }
    }

    pub(in super::super) fn receiver(number: u128) -> Webhook {
        let events = ["phone.emergency_alert", "oyez.page_started", "oyez.page_ended"];
        Webhook {
            id: WebhookId::from_random(number),
            url: "https://hooks.example.com/oyez".parse().unwrap(),
            events: WebhookEvents::new(events).unwrap(),
            shows_passwords: false,
            secret: Some(Secret::from("a secret token")),
            state: WebhookState::Active,
            because: String::new(),
            failures: 0,
            dropped: 0,
            added_at: Timestamp(0),
        }
    }

    async fn opened(folder: &std::path::Path) -> Store {
        let store = Store::open(folder).await.unwrap();
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account()).await.unwrap();
        writing.commit().await.unwrap();
        store
    }

    async fn add_receiver(store: &Store, account: &AccountId, number: u128) -> WebhookId {
        let receiver = receiver(number);
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(account);
        assert!(scope.add_webhook(&receiver).await.unwrap());
        writing.commit().await.unwrap();
        receiver.id
    }

    #[tokio::test]
    async fn what_a_zone_tells_again_is_sent_once_and_named_alike() {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(folder.path()).await;
        let account = account().id;
        let raised = ZoneEvent::AlertRaised {
            account: account.clone(),
            call: PageId::from_random(1),
            extension: "900".parse().unwrap(),
            caller: "desk".parse().unwrap(),
        };
        let started = ZoneEvent::PageStarted {
            account: account.clone(),
            page: PageId::from_random(1),
            extension: "900".parse().unwrap(),
            talker: "desk".parse().unwrap(),
            listeners: 3,
        };
        let mut receivers = Vec::new();

        for at in [Timestamp(1_000), Timestamp(1_007)] {
            // The later one has nothing of the first time, so that it shows how the second names it.
            let number = receivers.len() as u128;
            receivers.push(add_receiver(&store, &account, number).await);
            for event in [&raised, &started] {
                tell_of(event, at, &store, &Registrations::default()).await;
            }
        }

        let mut reading = store.read().await.unwrap();
        let mut scope = reading.account(&account);
        let mut ids = Vec::new();
        for receiver in &receivers {
            let sent = scope.webhook_deliveries(receiver, 9).await.unwrap();
            ids.push(sent.into_iter().map(|one| one.id).collect::<Vec<_>>());
        }
        assert_eq!(ids[0].len(), 2);
        assert_ne!(ids[0][0], ids[0][1]);
        assert_eq!(ids[0], ids[1]);
    }

    #[tokio::test]
    async fn each_report_that_is_kept_is_told_once_and_after_the_beginning_of_its_page() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(opened(folder.path()).await);
        let account = account().id;
        let receiver = add_receiver(&store, &account, 1).await;
        let started = |page: &PageId| ZoneEvent::PageStarted {
            account: account.clone(),
            page: page.clone(),
            extension: "700".parse().unwrap(),
            talker: "desk".parse().unwrap(),
            listeners: 0,
        };
        let ended = |page: &PageId| ZoneEvent::PageEnded {
            account: account.clone(),
            report: PageReport {
                page: page.clone(),
                extension: "700".parse().unwrap(),
                talker: "desk".parse().unwrap(),
                duration_ms: 1_500,
                since_start_ms: None,
                since_end_ms: None,
                listeners: Vec::new(),
            },
        };
        let (events, heard) = broadcast::channel(8);
        let (one, other) = (PageId::from_random(1), PageId::from_random(2));
        for event in [started(&one), ended(&one), started(&other), ended(&other)] {
            events.send(event).unwrap();
        }
        events.send(ended(&one)).unwrap();
        drop(events);

        tell(heard, Arc::clone(&store), Arc::default()).await;

        let mut reading = store.read().await.unwrap();
        let mut scope = reading.account(&account);
        let kept = scope.page_reports(None, 9).await.unwrap();
        let pages: Vec<PageId> = kept.into_iter().map(|kept| kept.report.page).collect();
        assert_eq!(pages, [other, one]);
        let told = scope.webhook_deliveries(&receiver, 9).await.unwrap();
        let events: Vec<WebhookEvent> = told.iter().rev().map(|told| told.event).collect();
        let (started, ended) = (WebhookEvent::PageStarted, WebhookEvent::PageEnded);
        assert_eq!(events, [started, ended, started, ended]);
    }
}
