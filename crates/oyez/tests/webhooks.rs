//! What happens in a service is told to a receiver over TLS: once it has proved its secret, signed, in order, again where it failed, and
//! never where nothing may go.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod furnished;
mod receiver;

use std::fs;
use std::path::Path;
use std::time::Duration;

use fleet::link::Link;
use fleet::registrant::Registrant;
use model::Secret;
use model::inventory::{
    DeliveryState, MacAddress, Timestamp, Webhook, WebhookDelivery, WebhookEvents, WebhookId, WebhookState,
};
use oyez::service::Service;
use oyez::service::config::ServiceConfig;
use tokio::time::timeout;
use webhooks::message::Frame;
use webhooks::signature::sign;
use zone::config::ZoneConfig;

use crate::furnished::{PASSWORD, fill};
use crate::receiver::{Answer, Received, Receiver};

const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "a secret token";
const MAC: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 1]);

/// Starts the service of a folder with a zone; receivers of the folder's own authority are believed.
async fn service(folder: &Path, webhooks: &str) -> Service {
    let (config, zone) = configured(folder, webhooks, "127.0.0.1:0");
    Service::start(&config, Some(&zone)).await.unwrap()
}

/// What such a service and its zone are started with, and where it is to listen for devices that fetch their configuration.
fn configured(folder: &Path, webhooks: &str, provisioning: &str) -> (ServiceConfig, ZoneConfig) {
    let (file, zone) = (folder.join("service.toml"), folder.join("zone.toml"));
    fs::write(
        &zone,
        "name = \"a\"\ncontrol = \"zone.sock\"\n[listen]\nudp = [\"127.0.0.1:0\"]\n[media]\nplain = \"over-clear-flows\"\n",
    )
    .unwrap();
    let text = format!(
        "state = \"state\"\n[portal]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
         [provisioning]\nlisten = \"{provisioning}\"\naddress = \"127.0.0.1\"\n\
         [account]\nid = \"acme\"\nname = \"Acme\"\ndomain = \"pbx.example.com\"\nowner = \"me@example.com\"\n\
         [webhooks]\nca = \"receivers/authority.pem\"\nretry-after = [1, 1]\nfailures-max = 4\n{webhooks}\n\
         [zone]\nconfig = \"zone.toml\"\noutbound-proxy = \"127.0.0.1\"\n"
    );
    fs::write(&file, text).unwrap();
    let config = ServiceConfig::read(&file).unwrap();
    (config, ZoneConfig::read(&zone).unwrap())
}

const ALLOWED: &str = "allow-loopback = true";

fn hook(number: u128, url: &str, events: &[&str]) -> Webhook {
    Webhook {
        id: WebhookId::from_random(number),
        url: url.parse().unwrap(),
        events: WebhookEvents::new(events.iter().copied()).unwrap(),
        shows_passwords: false,
        secret: Some(Secret::from(SECRET)),
        state: WebhookState::Unproved,
        because: String::new(),
        failures: 0,
        dropped: 0,
        added_at: Timestamp(0),
    }
}

/// Adds a receiver and has it asked; waits for what it is then.
async fn add(service: &Service, hook: &Webhook) -> Webhook {
    let mut writing = service.store().write().await.unwrap();
    let mut scope = writing.account(&service.account().id);
    scope.add_webhook(hook).await.unwrap();
    scope.ask_webhook(&hook.id).await.unwrap();
    writing.commit().await.unwrap();
    found(service, &hook.id, |hook| !hook.state.is_asked()).await
}

/// Waits until a receiver is as it should be.
async fn found(service: &Service, id: &WebhookId, is_right: impl Fn(&Webhook) -> bool) -> Webhook {
    let mut changes = service.store().webhook_changes();
    let looking = async {
        loop {
            let mut reading = service.store().read().await.unwrap();
            let hook = reading
                .account(&service.account().id)
                .webhook(id)
                .await
                .unwrap()
                .unwrap();
            if is_right(&hook) {
                return hook;
            }
            drop(reading);
            changes.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, looking).await.unwrap()
}

/// Waits until what was sent to a receiver last is as it should be.
async fn delivered(
    service: &Service,
    id: &WebhookId,
    is_right: impl Fn(&WebhookDelivery) -> bool,
) -> WebhookDelivery {
    let mut changes = service.store().webhook_changes();
    let looking = async {
        loop {
            let mut reading = service.store().read().await.unwrap();
            let mut scope = reading.account(&service.account().id);
            let last = scope.webhook_deliveries(id, 1).await.unwrap().pop();
            if let Some(last) = last.filter(&is_right) {
                return last;
            }
            drop(reading);
            changes.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, looking).await.unwrap()
}

/// Puts tests into the queue of a receiver.
async fn send_tests(service: &Service, id: &WebhookId, numbers: std::ops::RangeInclusive<u128>) {
    let mut writing = service.store().write().await.unwrap();
    let account = service.account().id.clone();
    for number in numbers {
        let frame = Frame {
            account: &account,
            at: Timestamp(1),
            id: number,
        };
        let mut scope = writing.account(&account);
        scope
            .queue_webhook_test(id, &frame.test("me@example.com"))
            .await
            .unwrap();
    }
    writing.commit().await.unwrap();
}

/// The number of a test.
fn number(received: &Received) -> u128 {
    u128::from_str_radix(received.header("oyez-event-id"), 16).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_registers_for_the_first_time_is_told_signed_to_whoever_has_proved_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(folder.path(), SECRET).await;
    // What is put into the store from elsewhere is known from the next start on.
    service(folder.path(), ALLOWED).await.stop().await;
    fill(&folder.path().join("state"), MAC).await;
    let service = service(folder.path(), ALLOWED).await;
    let events = ["phone.device_registration", "oyez.device_up"];
    let hook = add(&service, &hook(1, &receiver.url(), &events)).await;
    assert_eq!((hook.state, hook.because.as_str()), (WebhookState::Active, ""));
    assert_eq!(receiver.next().await.event(), "endpoint.url_validation");

    let zone = service.zone_listens()[0];
    let mut registrant = Registrant::new("pbx.example.com", "line1", PASSWORD);
    let mut link = Link::open_udp(zone, zone.ip()).await.unwrap();
    registrant.register(&mut link).await.unwrap();

    let first = receiver.next().await;
    let signed = sign(
        &Secret::from(SECRET),
        seconds(first.header("x-zm-request-timestamp")),
        &first.body,
    );
    assert_eq!(first.header("x-zm-signature"), signed.signature);
    assert_eq!(first.header("content-type"), "application/json");
    let said = first.json();
    assert_eq!(said["event"], "phone.device_registration");
    assert_eq!(said["payload"]["account_id"], "acme");
    assert_eq!(said["payload"]["object"]["mac_address"], "020000000001");
    assert_eq!(said["payload"]["object"]["device_name"], "Device");
    let second = receiver.next().await;
    assert_eq!(second.event(), "oyez.device_up");
    assert_ne!(first.header("oyez-event-id"), second.header("oyez-event-id"));
    let last = delivered(&service, &hook.id, |last| last.state == DeliveryState::Delivered).await;
    assert_eq!((last.status, last.tries), (Some(200), 1));
}

fn seconds(text: &str) -> Timestamp {
    Timestamp(text.parse::<u64>().unwrap() * 1_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_comes_again_after_a_failure_before_those_behind_it_and_a_receiver_that_goes_on_failing_is_stopped()
 {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(folder.path(), SECRET).await;
    let service = service(folder.path(), ALLOWED).await;
    let hook = add(&service, &hook(1, &receiver.url(), &["oyez.page_ended"])).await;
    receiver.next().await;

    receiver.answers([Answer::Status(500)]);
    send_tests(&service, &hook.id, 1..=2).await;
    for right in [1, 1, 2] {
        assert_eq!(number(&receiver.next().await), right);
    }
    let last = delivered(&service, &hook.id, |last| last.state == DeliveryState::Delivered).await;
    assert_eq!(last.tries, 1);

    receiver.answers(vec![Answer::Status(503); 4]);
    send_tests(&service, &hook.id, 3..=5).await;
    for right in [3, 3, 3, 4] {
        assert_eq!(number(&receiver.next().await), right);
    }
    let stopped = found(&service, &hook.id, |hook| hook.state == WebhookState::Stopped).await;
    assert!(
        stopped.because.contains("the receiver answers 503"),
        "{}",
        stopped.because
    );

    // Once it is asked again, what has waited is sent.
    let mut writing = service.store().write().await.unwrap();
    writing
        .account(&service.account().id)
        .ask_webhook(&hook.id)
        .await
        .unwrap();
    writing.commit().await.unwrap();
    assert_eq!(receiver.next().await.event(), "endpoint.url_validation");
    for right in [4, 5] {
        assert_eq!(number(&receiver.next().await), right);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_does_not_answer_holds_up_no_other_and_what_it_was_sent_is_sent_again_after_a_restart()
 {
    let folder = tempfile::tempdir().unwrap();
    let mut silent = Receiver::start(folder.path(), SECRET).await;
    let mut quick = Receiver::start(folder.path(), SECRET).await;
    let running = service(folder.path(), ALLOWED).await;
    let hooks = [
        hook(1, &silent.url(), &["oyez.page_ended"]),
        hook(2, &quick.url(), &["oyez.page_ended"]),
    ];
    for (hook, receiver) in hooks.iter().zip([&mut silent, &mut quick]) {
        add(&running, hook).await;
        receiver.next().await;
    }

    silent.answers([Answer::Silence]);
    send_tests(&running, &hooks[0].id, 1..=2).await;
    assert_eq!(number(&silent.next().await), 1);
    send_tests(&running, &hooks[1].id, 3..=3).await;
    assert_eq!(number(&quick.next().await), 3);
    assert!(silent.has_nothing());
    let is_taken = |last: &WebhookDelivery| last.state == DeliveryState::Delivered;
    delivered(&running, &hooks[1].id, is_taken).await;

    running.stop().await;
    let _running = service(folder.path(), ALLOWED).await;
    for right in [1, 2] {
        assert_eq!(number(&silent.next().await), right);
    }
    assert!(quick.has_nothing());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w05_who_sends_elsewhere_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(folder.path(), SECRET).await;
    let mut other = Receiver::start(folder.path(), SECRET).await;
    let service = service(folder.path(), ALLOWED).await;
    let hook = add(&service, &hook(1, &receiver.url(), &["oyez.page_ended"])).await;
    receiver.next().await;

    receiver.answers(vec![Answer::Elsewhere(other.url()); 3]);
    send_tests(&service, &hook.id, 1..=1).await;

    let last = delivered(&service, &hook.id, |last| last.state == DeliveryState::GivenUp).await;
    assert_eq!((last.status, last.tries), (Some(302), 3));
    assert!(last.cause.contains("not followed"), "{}", last.cause);
    assert!(other.has_nothing());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w05_nothing_goes_to_this_machine_over_plain_http_or_to_a_stranger_unless_it_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(folder.path(), SECRET).await;
    let mut stranger = Receiver::start(&folder.path().join("elsewhere"), SECRET).await;
    let mut forgetful = Receiver::start(folder.path(), "another secret").await;
    let port = receiver.address.port();
    let barred = service(folder.path(), "").await;
    for (number, url) in [
        receiver.url(),
        format!("https://localhost:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
    ]
    .iter()
    .enumerate()
    {
        let hook = add(
            &barred,
            &hook(u128::try_from(number).unwrap(), url, &["oyez.page_ended"]),
        )
        .await;
        assert_eq!(hook.state, WebhookState::Unproved);
        assert!(hook.because.contains("this machine itself"), "{}", hook.because);
    }
    barred.stop().await;
    let service = service(folder.path(), ALLOWED).await;
    for (number, url, words) in [
        (10, format!("http://127.0.0.1:{port}/"), "allow-http"),
        (11, stranger.url(), "TLS: "),
        (12, forgetful.url(), "was not made with the secret token"),
        (13, format!("https://169.254.169.254:{port}/"), "credentials"),
    ] {
        let hook = add(&service, &hook(number, &url, &["oyez.page_ended"])).await;
        assert_eq!(hook.state, WebhookState::Unproved);
        assert!(hook.because.contains(words), "{}", hook.because);
    }
    let passwords = Webhook {
        shows_passwords: true,
        ..hook(14, &format!("http://127.0.0.1:{port}/"), &["oyez.page_ended"])
    };
    let because = add(&service, &passwords).await.because;
    assert!(
        because.contains("passwords are told over nothing else"),
        "{because}"
    );
    assert!(receiver.has_nothing() && stranger.has_nothing());
    assert_eq!(forgetful.next().await.event(), "endpoint.url_validation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_not_whole_sends_nothing_that_it_would_send_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(folder.path(), SECRET).await;
    let running = service(folder.path(), ALLOWED).await;
    let hook = Webhook {
        state: WebhookState::Disabled,
        ..hook(1, &receiver.url(), &["oyez.page_ended"])
    };
    let mut writing = running.store().write().await.unwrap();
    let mut scope = writing.account(&running.account().id);
    scope.add_webhook(&hook).await.unwrap();
    writing.commit().await.unwrap();
    send_tests(&running, &hook.id, 1..=1).await;
    running.stop().await;
    let state = folder.path().join("state");
    let store = store::Store::open(&state).await.unwrap();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&"acme".parse().unwrap());
    scope.ask_webhook(&hook.id).await.unwrap();
    let proved = scope.prove_webhook(&hook.id, &Secret::from(SECRET), None).await;
    assert!(proved.unwrap());
    writing.commit().await.unwrap();
    drop(store);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for _ in 0..5 {
        let (config, zone) = configured(folder.path(), ALLOWED, &address);
        assert!(Service::start(&config, Some(&zone)).await.is_err());
    }
    assert!(receiver.has_nothing());
    drop(taken);

    let _running = service(folder.path(), ALLOWED).await;
    assert_eq!(number(&receiver.next().await), 1);
}
