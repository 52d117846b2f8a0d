//! What programs ask, and what they are answered.

mod access;
mod devices;
mod others;
mod rooms;
mod telling;
mod v1;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use model::AccountId;
use model::inventory::{
    Account, ApiClient, ApiClientId, ApiScopes, DisplayName, Timestamp, TokenHash, Uplink,
};
use registrations::{Registrations, Resync};
use serde_json::{Value, json};
use store::Store;
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::gate::hash_of;
use crate::{ApiSetup, Happenings, router};

const SECRET: &str = "the secret of the client";
const CALLER: ([u8; 4], u16) = ([192, 0, 2, 1], 40_000);
const EVERYTHING: &str =
    "oyez:credentials oyez:page oyez:read oyez:webhooks oyez:write phone:read:admin phone:write:admin";

/// A service, and a program that asks it.
struct Program {
    store: Arc<Store>,
    registrations: Arc<Registrations>,
    happenings: Arc<Happenings>,
    router: Router,
    token: String,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The status, and the code of the API.
    fn refusal(&self) -> (u16, u64) {
        let code = self.json()["code"]
            .as_u64()
            .unwrap_or_else(|| panic!("{}", self.text));
        (self.status.as_u16(), code)
    }

    fn id(&self) -> String {
        assert_eq!(self.status, StatusCode::CREATED, "{}", self.text);
        self.json()["id"].as_str().unwrap().to_owned()
    }
}

fn one() -> AccountId {
    "one".parse().unwrap()
}

fn client(number: u128, scopes: &str) -> ApiClient {
    ApiClient {
        id: ApiClientId::from_random(number),
        name: DisplayName::new("Stock list").unwrap(),
        secret: hash_of(SECRET),
        scopes: ApiScopes::parse(scopes).unwrap(),
        added_at: Timestamp(0),
    }
}

fn setup(store: &Arc<Store>, registrations: &Arc<Registrations>, happenings: &Arc<Happenings>) -> ApiSetup {
    ApiSetup {
        store: Arc::clone(store),
        registrations: Arc::clone(registrations),
        uplink: Uplink {
            domain: "one.example.com".to_owned(),
            outbound_proxy: "zone-a.example.com:5061".parse().unwrap(),
            second_outbound_proxy: Some("zone-b.example.com:5061".parse().unwrap()),
        },
        provisioning_url: "https://prov.example:8444".to_owned(),
        url: Arc::new(OnceLock::from("https://oyez.example:8443".to_owned())),
        resyncs: None,
        talk: None,
        happenings: Arc::clone(happenings),
    }
}

impl Program {
    /// Has a zone beside the API; what it is asked comes out here.
    fn give_resyncs(&mut self) -> mpsc::Receiver<Resync> {
        let (sender, orders) = mpsc::channel(1);
        self.router = router(ApiSetup {
            resyncs: Some(sender),
            ..self.setup()
        })
        .unwrap();
        orders
    }

    fn setup(&self) -> ApiSetup {
        setup(&self.store, &self.registrations, &self.happenings)
    }

    /// A program with these scopes, and a token that is good for ever.
    async fn with(scopes: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).await.unwrap());
        let registrations = Arc::new(Registrations::default());
        let mut writing = store.write().await.unwrap();
        for id in ["one", "two"] {
            let account = Account {
                id: id.parse().unwrap(),
                name: DisplayName::new("A customer").unwrap(),
                domain: format!("{id}.example.com"),
                many_extensions_before_5_5: false,
                generic_devices: true,
            };
            writing.add_account(&account).await.unwrap();
        }
        writing.commit().await.unwrap();
        let happenings = Arc::new(Happenings::default());
        let router = router(setup(&store, &registrations, &happenings));
        let mut program = Self {
            store,
            registrations,
            happenings,
            router: router.unwrap(),
            token: String::new(),
            _folder: folder,
        };
        program.go_on_with(1, "one", scopes).await;
        program
    }

    /// Goes on as another client.
    async fn go_on_with(&mut self, number: u128, account: &str, scopes: &str) {
        let client = client(number, scopes);
        let token = format!("token {number}");
        let mut writing = self.store.write().await.unwrap();
        let mut scope = writing.account(&account.parse().unwrap());
        scope.add_api_client(&client).await.unwrap();
        let ends = Timestamp(u64::MAX / 2);
        scope
            .add_api_token(&client.id, hash_of(&token), ends, Timestamp(0))
            .await
            .unwrap();
        writing.commit().await.unwrap();
        self.token = token;
    }

    async fn send(&self, request: axum::http::request::Builder, body: String) -> Answer {
        let mut request = request.body(Body::from(body)).unwrap();
        let caller = ConnectInfo(SocketAddr::from(CALLER));
        request.extensions_mut().insert(caller);
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let octets = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&octets).into_owned(),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: String) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v2/phone{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        self.send(request, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, String::new()).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, body.to_string()).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, body.to_string()).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, body.to_string()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, String::new()).await
    }

    async fn add_area(&self, name: &str, number: i64) -> String {
        let body = json!({ "display_name": name, "extension_number": number, "timezone": "UTC" });
        self.post("/common_areas", body).await.id()
    }

    async fn add_device(&self, mac: &str, brand: &str) -> String {
        let body = json!({ "display_name": "Hall speaker", "mac_address": mac, "type": brand });
        self.post("/devices", body).await.id()
    }

    /// What was done, the last first.
    async fn audit(&self) -> Vec<(String, String)> {
        let mut reading = self.store.read().await.unwrap();
        let entries = reading.account(&one()).audit(100).await.unwrap();
        entries
            .into_iter()
            .map(|entry| (entry.by, entry.action))
            .collect()
    }
}

/// Says whether an answer has neither a body nor a content type, as clients rely on.
fn is_silent(answer: &Answer) -> bool {
    answer.status == StatusCode::NO_CONTENT
        && answer.text.is_empty()
        && !answer.headers.contains_key(header::CONTENT_TYPE)
}

/// A hash that no secret has.
const NOBODY: TokenHash = TokenHash([0; 32]);
