//! Every operation of both documents, asked by a foreign program with what fits the document and with what does not: no answer that is not
//! documented, none of another form than documented, and no failure of the service.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod known;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::ApiSetup;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use model::AccountId;
use model::inventory::{
    Account, ApiClient, ApiClientId, ApiScopes, CountryCode, Description, Device, DeviceType, DisplayName,
    Holder, HolderId, HolderKind, MacAddress, Site, SiteId, SiteTitle, TimeZone, Timestamp, TokenHash,
    Uplink, Webhook, WebhookEvents, WebhookId, WebhookState,
};
use model::status::PageReport;
use model::{DeviceId, PageId, Secret};
use portal::talk::{TalkDesk, TalkEvent, TalkReport, TalkRequest};
use registrations::{Registrations, Resync};
use sha2::{Digest, Sha256};
use store::{Scope, Store};
use tokio::sync::mpsc;

use known::Known;

/// What is tried of each operation in each phase.
const EXAMPLES: &str = "12";
/// What is judged.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// How fast it is asked; each of the tests has a service of its own.
const RATE: &str = "90/s";
/// How octets are sent, and that each operation is asked what it can meet besides what is drawn.
const HOOKS: &str = include_str!("known/hooks.py");
/// Operations that are met by nothing here; each with its reason.
const NEVER_MET: &[(&str, &str)] = &[(
    "rebootPhoneDevice",
    "it wants a device that is registered at a zone, and there is none",
)];
const TOKEN: &str = "a token for the one who asks";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_the_phone_api_answers_as_its_document_says_whatever_it_is_asked() {
    ask_everything("phone", "/v2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_api_v1_answers_as_its_document_says_whatever_it_is_asked() {
    ask_everything("v1", "/api/v1").await;
}

/// Asks every operation of a document, which lies under a path.
async fn ask_everything(document: &str, base: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = root.join("target/schemathesis/bin/schemathesis");
    if !program.exists() {
        peers::skip("schemathesis is missing; `cargo xtask peers` installs it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path()).await.unwrap());
    furnish(&store).await;
    let router = api::router(setup(store)).unwrap();
    let known = Known::furnish(&router).await;
    let met = Met::default();
    let router = router.layer(from_fn_with_state(Arc::clone(&met), note));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, router).into_future());
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, known.config()).unwrap();
    std::fs::write(folder.path().join("known.json"), known.requests()).unwrap();
    let hooks = folder.path().join("hooks.py");
    std::fs::write(&hooks, HOOKS).unwrap();
    let mut asking = Command::new(program);
    asking
        .current_dir(folder.path())
        .env("SCHEMATHESIS_HOOKS", &hooks)
        .args(["--config-file"])
        .arg(&config)
        .arg("run")
        .arg(root.join(format!("docs/api/{document}.json")).canonicalize().unwrap())
        .args(["--url", &format!("http://{address}{base}")])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--checks", CHECKS, "--max-examples", EXAMPLES])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--seed", "1", "--workers", "2", "--no-color"])
        .args(["--generation-database", "none", "--request-timeout", "20"])
        // Below what a program may ask: an answer that it was too fast tells nothing of the operation.
        .args(["--rate-limit", RATE]);

    let asked = tokio::task::spawn_blocking(move || asking.output())
        .await
        .unwrap()
        .unwrap();

    serving.abort();
    let said = String::from_utf8_lossy(&asked.stdout);
    assert!(
        asked.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&asked.stderr)
    );
    let unmet = unmet(document, base, &met.lock().unwrap());
    assert!(unmet.is_empty(), "{}\n{said}", unmet.join("\n"));
}

/// What was met, by method and path.
type Met = Arc<Mutex<BTreeSet<(String, String)>>>;

async fn note(State(met): State<Met>, request: Request, next: Next) -> Response {
    let operation = (request.method().to_string(), request.uri().path().to_owned());
    let response = next.run(request).await;
    if response.status().is_success() {
        met.lock().unwrap().insert(operation);
    }
    response
}

/// The operations of a document that were never met, and exceptions that are none.
fn unmet(document: &str, base: &str, met: &BTreeSet<(String, String)>) -> Vec<String> {
    let document = match document {
        "phone" => api::phone_document(),
        _ => api::v1_document(),
    };
    let mut unmet = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = format!("{base}{path}");
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let is_met = met
                .iter()
                .any(|(by, of)| by.eq_ignore_ascii_case(method) && is_of(&path, of));
            let is_excepted = NEVER_MET.iter().any(|(excepted, _)| *excepted == id);
            if is_met == is_excepted {
                unmet.push(format!("{id}: {method} {path}"));
            }
        }
    }
    unmet
}

/// Says whether a path is one of those that a document writes with names in braces.
fn is_of(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let mut parts = template.iter().zip(&path);
    template.len() == path.len() && parts.all(|(name, part)| name.starts_with('{') || name == part)
}

/// A zone that takes whatever it is asked: every page begins and ends, and every device is reached.
fn zone() -> (TalkDesk, mpsc::Sender<Resync>) {
    let (requests, mut asked) = mpsc::channel::<TalkRequest>(4);
    tokio::spawn(async move {
        let mut number = 0;
        while let Some(request) = asked.recv().await {
            number += 1;
            let page = PageId::from_random(number);
            let report = TalkReport {
                duration: Duration::from_secs(1),
                listeners: Vec::new(),
            };
            for event in [TalkEvent::Begun { page, listeners: 1 }, TalkEvent::Ended(report)] {
                let _is_told = request.told.send(event).await.is_ok();
            }
        }
    });
    let (resyncs, mut orders) = mpsc::channel::<Resync>(4);
    tokio::spawn(async move {
        while let Some(order) = orders.recv().await {
            let _is_told = order.asked.send(1).is_ok();
        }
    });
    let desk = TalkDesk {
        requests,
        reads_text: true,
    };
    (desk, resyncs)
}

fn setup(store: Arc<Store>) -> ApiSetup {
    let (talk, resyncs) = zone();
    ApiSetup {
        store,
        registrations: Arc::new(Registrations::default()),
        uplink: Uplink {
            domain: "one.example.com".to_owned(),
            outbound_proxy: "zone-a.example.com:5061".parse().unwrap(),
            second_outbound_proxy: None,
        },
        provisioning_url: "https://prov.example:8444".to_owned(),
        url: Arc::default(),
        resyncs: Some(resyncs),
        talk: Some(talk),
        happenings: Arc::default(),
    }
}

async fn furnish(store: &Store) {
    let one: AccountId = "one".parse().unwrap();
    let account = Account {
        id: one.clone(),
        name: DisplayName::new("One Ltd").unwrap(),
        domain: "one.example.com".to_owned(),
        many_extensions_before_5_5: false,
        generic_devices: true,
    };
    let scopes = "phone:read:admin phone:write:admin phone:read:sip_credentials:admin oyez:read oyez:page oyez:write oyez:credentials oyez:webhooks";
    let client = ApiClient {
        id: ApiClientId::from_random(1),
        name: DisplayName::new("Schemathesis").unwrap(),
        secret: TokenHash([0; 32]),
        scopes: ApiScopes::parse(scopes).unwrap(),
        added_at: Timestamp(0),
    };
    let mut writing = store.write().await.unwrap();
    writing.add_account(&account).await.unwrap();
    let mut scope = writing.account(&one);
    scope.add_api_client(&client).await.unwrap();
    let token = TokenHash(Sha256::digest(TOKEN.as_bytes()).into());
    let ends = Timestamp(u64::MAX / 2);
    scope
        .add_api_token(&client.id, token, ends, Timestamp(0))
        .await
        .unwrap();
    furnish_inventory(&mut scope, &account).await;
    writing.commit().await.unwrap();
}

async fn furnish_inventory(scope: &mut Scope<'_, '_>, account: &Account) {
    let site = Site {
        id: SiteId::from_random(1),
        name: SiteTitle::new("HQ").unwrap(),
    };
    scope.add_site(&site).await.unwrap();
    let hook = Webhook {
        id: WebhookId::from_random(1),
        url: "https://hooks.example.com/oyez".parse().unwrap(),
        events: WebhookEvents::new(["oyez.device_down"]).unwrap(),
        shows_passwords: false,
        secret: Some(Secret::from("a secret token")),
        state: WebhookState::Unproved,
        because: String::new(),
        failures: 0,
        dropped: 0,
        added_at: Timestamp(0),
    };
    assert!(scope.add_webhook(&hook).await.unwrap());
    let area = Holder {
        id: HolderId::from_random(1),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Hall").unwrap(),
        extension: "701".parse().unwrap(),
        package: "Standard".to_owned(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: Some(site.id),
    };
    let user = Holder {
        id: HolderId::from_random(2),
        kind: HolderKind::User,
        extension: "702".parse().unwrap(),
        ..area.clone()
    };
    let device = Device {
        id: DeviceId::from_random(1),
        name: DisplayName::new("Desk phone").unwrap(),
        description: Description::new("").unwrap(),
        mac: MacAddress::new([0, 0x22, 0xEE, 1, 2, 3]),
        kind: DeviceType::Other,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    };
    let report = PageReport {
        page: "page1".parse().unwrap(),
        extension: "701".parse().unwrap(),
        talker: "desk".parse().unwrap(),
        duration_ms: 1_000,
        since_start_ms: Some(5_000),
        since_end_ms: Some(1_000),
        listeners: Vec::new(),
    };
    scope.add_page_report(Timestamp(0), &report).await.unwrap();
    scope.add_holder(&area).await.unwrap();
    scope.add_holder(&user).await.unwrap();
    scope.add_device(&device).await.unwrap();
    let place = model::inventory::LinePlace::Phone(1);
    let assigned = scope
        .assign(account, &device, &area, place, Secret::from("a password"))
        .await;
    assigned.unwrap().unwrap();
}
