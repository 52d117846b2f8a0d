//! What the pages say and do, asked as a browser asks.

mod access;
mod administrators;
mod again;
mod alarms;
mod api_clients;
mod audit;
mod bulk;
mod changing;
mod choosing;
mod device_certificate;
mod devices;
mod generic_device;
mod groups;
mod hostile;
mod import;
mod lists;
mod moving;
mod next_step;
mod people;
mod refused;
mod reports;
mod second_factor;
mod settings;
mod sites;
mod talk;
mod templates;
mod waiting;
mod webhooks;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use model::directory::Urgency;
use model::inventory::{
    Account, Administrator, AdministratorId, AuditEntry, CountryCode, DisplayName, GroupId, GroupMember,
    Holder, HolderId, HolderKind, PageGroup, Pagers, PasswordHash as Kept, Role, TimeZone, Uplink,
};
use model::status::{ListenerReport, MissingReason, PageReport, Receipt, Verdict, ZoneEvent};
use model::{AccountId, DeviceId, Secret};
use store::{Scope, Store, Transaction};
use tower::ServiceExt;
use web::PasswordHash;

use super::*;
use registrations::Registrations;

const HOST: &str = "portal.example";
const PASSWORD: &str = "correct horse battery";
const LINK: &str = "the-token-of-the-link";
const CALLER: ([u8; 4], u16) = ([192, 0, 2, 1], 40_000);
const OWNER: &str = "owner@one.example";
/// The authority of the service.
static AUTHORITY: LazyLock<Arc<Authority>> =
    LazyLock::new(|| Arc::new(Authority::generate("Test", SystemTime::now()).unwrap()));

/// A portal, and a browser.
struct Visit {
    store: Arc<Store>,
    registrations: Arc<Registrations>,
    router: Router,
    cookie: String,
    _folder: tempfile::TempDir,
    _server: Option<peers::Postgres>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn location(&self) -> &str {
        let location = self.headers.get(header::LOCATION);
        location.map_or("", |value| value.to_str().unwrap())
    }

    /// Where it leads, without what is told there.
    fn path(&self) -> &str {
        self.location().split('?').next().unwrap()
    }

    /// Says whether the page marks a field, with what would be right.
    fn marks(&self, field: &str, text: &str) -> bool {
        self.status == StatusCode::UNPROCESSABLE_ENTITY
            && self.text.contains(&format!("<a href=\"#{field}\">"))
            && self
                .text
                .contains(&format!("{field}-error\" aria-invalid=\"true\""))
            && self.text.contains(&format!("id=\"{field}-error\""))
            && self.text.contains(text)
    }
}

fn one() -> AccountId {
    "one".parse().unwrap()
}

fn account(id: AccountId) -> Account {
    Account {
        domain: format!("{id}.example.com"),
        id,
        name: DisplayName::new("One Ltd").unwrap(),
        many_extensions_before_5_5: false,
        generic_devices: true,
    }
}

/// Raises an alarm, perhaps about a device, and gives its number.
async fn add_alarm(scope: &mut Scope<'_, '_>, action: &str, detail: &str, device: Option<&DeviceId>) -> i64 {
    let alarm = AuditEntry {
        at: now(),
        by: "zone".to_owned(),
        action: action.to_owned(),
        detail: detail.to_owned(),
    };
    scope.add_alarm(&alarm, device).await.unwrap();
    let standing = crate::alarms::of_late(scope, now()).await.unwrap();
    standing.iter().map(|alarm| alarm.number).max().unwrap()
}

/// A page that one of three listeners has heard.
fn report() -> PageReport {
    let listener = |name: &str, verdict| ListenerReport {
        user: "line1".parse().unwrap(),
        name: name.to_owned(),
        verdict,
        first_audio_ms: None,
        receipt: None,
        devices: 1,
        heard_devices: 0,
    };
    let refused = MissingReason::Refused {
        status: 486,
        text: Some("an alert sounds".to_owned()),
    };
    PageReport {
        page: "page1".parse().unwrap(),
        extension: "1900".parse().unwrap(),
        talker: "desk".parse().unwrap(),
        duration_ms: 4_200,
        since_start_ms: None,
        since_end_ms: None,
        listeners: vec![
            listener("Gate", Verdict::Missing { why: refused }),
            ListenerReport {
                first_audio_ms: Some(80),
                receipt: Some(receipt()),
                ..listener("Hall", Verdict::Heard)
            },
            listener(
                "Phone",
                Verdict::Answered {
                    loss_permille: Some(3),
                },
            ),
        ],
    }
}

/// What a listener that has heard the page says.
fn receipt() -> Receipt {
    Receipt {
        page: "page1".parse().unwrap(),
        played_ms: 4_100,
        expected_ms: 4_200,
        lost: 5,
        concealed_ms: 0,
        interrupted_ms: 0,
        first_audio_ms: Some(80),
        level_dbfs: None,
        muted: false,
        sink_healthy: true,
    }
}

fn setup(store: &Arc<Store>, registrations: &Arc<Registrations>) -> PagesSetup {
    PagesSetup {
        store: Arc::clone(store),
        registrations: Arc::clone(registrations),
        uplink: Uplink {
            domain: "one.example.com".to_owned(),
            outbound_proxy: "zone-a.example.com:5061".parse().unwrap(),
            second_outbound_proxy: None,
        },
        provisioning_url: "https://portal.example:8443/".to_owned(),
        talk: None,
        first_sign_in: Some(Secret::from(LINK)),
        owner: "owner@one.example".to_owned(),
        resyncs: None,
        authority: Arc::clone(&AUTHORITY),
    }
}

fn cookie_of(headers: &HeaderMap) -> String {
    let given = headers[header::SET_COOKIE].to_str().unwrap();
    given.split(';').next().unwrap().to_owned()
}

async fn add_somebody(writing: &mut Transaction<'_>, email: &str, role: Role) -> AdministratorId {
    let somebody = Administrator {
        id: AdministratorId::from_random(100 + role as u128),
        email: email.to_owned(),
        role,
        password: None,
    };
    let mut scope = writing.account(&one());
    scope.add_administrator(&somebody).await.unwrap();
    somebody.id
}

impl Visit {
    /// A portal whose first owner has no password.
    async fn first() -> Self {
        Self::first_with(None).await
    }

    async fn first_with(talk: Option<TalkDesk>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        Self::with_store((store, folder, None), talk).await
    }

    /// A portal over a store with nothing in it.
    async fn with_store(
        (store, folder, server): (Store, tempfile::TempDir, Option<peers::Postgres>),
        talk: Option<TalkDesk>,
    ) -> Self {
        let store = Arc::new(store);
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account(one())).await.unwrap();
        let owner = Administrator {
            id: AdministratorId::from_random(1),
            email: OWNER.to_owned(),
            role: Role::Owner,
            password: None,
        };
        writing.account(&one()).add_administrator(&owner).await.unwrap();
        writing.commit().await.unwrap();
        let registrations = Arc::new(Registrations::default());
        let router = router(PagesSetup {
            talk,
            ..setup(&store, &registrations)
        });
        Self {
            store,
            registrations,
            router,
            cookie: String::new(),
            _folder: folder,
            _server: server,
        }
    }

    /// A portal, and somebody of a role who has signed in.
    async fn of(role: Role) -> Self {
        Self::of_with(role, None).await
    }

    async fn of_with(role: Role, talk: Option<TalkDesk>) -> Self {
        Self::first_with(talk).await.signed_in(role).await
    }

    /// A portal whose store is on a server, and an administrator who has signed in; none where there is no server.
    async fn on_postgres() -> Option<Self> {
        let server = peers::Postgres::start()?;
        let address = store::PostgresServer::new(&server.create_database(), None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_postgres(folder.path(), &address).await.unwrap();
        let visit = Self::with_store((store, folder, Some(server)), None).await;
        Some(visit.signed_in(Role::Admin).await)
    }

    async fn signed_in(self, role: Role) -> Self {
        let mut visit = self;
        let mut writing = visit.store.write().await.unwrap();
        let somebody = Administrator {
            id: AdministratorId::from_random(2),
            email: "somebody@one.example".to_owned(),
            role,
            password: None,
        };
        writing
            .account(&one())
            .add_administrator(&somebody)
            .await
            .unwrap();
        let headers = session::begin(&mut writing, somebody.id).await.unwrap();
        writing.commit().await.unwrap();
        visit.keep_cookie(&headers);
        visit
    }

    /// The cookie of somebody of a role who has just signed in.
    async fn begin_session(&self, role: Role) -> String {
        let mut writing = self.store.write().await.unwrap();
        let email = format!("{}@one.example", role.as_str());
        let known = writing.administrator_of_email(&email).await.unwrap();
        let id = match known {
            Some(known) => known.administrator.id,
            None => add_somebody(&mut writing, &email, role).await,
        };
        let headers = session::begin(&mut writing, id).await.unwrap();
        writing.commit().await.unwrap();
        cookie_of(&headers)
    }

    fn keep_cookie(&mut self, headers: &HeaderMap) {
        self.cookie = cookie_of(headers);
    }

    /// Gives the first owner a password.
    async fn set_password(&self) {
        let mut writing = self.store.write().await.unwrap();
        let hash = Kept(PasswordHash::make(PASSWORD).unwrap().to_text());
        let owner = AdministratorId::from_random(1);
        writing.account(&one()).set_password(&owner, &hash).await.unwrap();
        writing.commit().await.unwrap();
    }

    /// Has the first line register.
    async fn register(&self) {
        let mut reading = self.store.read().await.unwrap();
        let line = reading.account(&one()).lines().await.unwrap().remove(0);
        let registered = ZoneEvent::Registered {
            account: one(),
            user: line.user,
            from: "192.0.2.1:5061".to_owned(),
            user_agent: None,
            transport: None,
        };
        self.registrations.note(&registered, Timestamp(0));
    }

    async fn send(&self, request: axum::http::request::Builder, body: impl Into<Body>) -> Answer {
        self.send_from(CALLER, request, body).await
    }

    async fn send_from(
        &self,
        caller: ([u8; 4], u16),
        request: axum::http::request::Builder,
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = request
            .header(header::HOST, HOST)
            .header(header::COOKIE, &self.cookie)
            .body(body.into())
            .unwrap();
        let caller = ConnectInfo(SocketAddr::from(caller));
        request.extensions_mut().insert(caller);
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        // A stream of events ends in minutes.
        let is_stream = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "text/event-stream");
        let body = if is_stream { Body::empty() } else { body };
        let octets = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&octets).into_owned(),
        }
    }

    /// What a stream tells, as it comes.
    async fn stream(&self, path: &str) -> BodyDataStream {
        let mut request = Request::get(path)
            .header(header::COOKIE, &self.cookie)
            .body(Body::empty())
            .unwrap();
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::from(CALLER)));
        let answer = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().into_data_stream()
    }

    /// The same portal, whose zone takes these requests.
    fn give_resyncs(&mut self, resyncs: mpsc::Sender<Resync>) {
        let setup = setup(&self.store, &self.registrations);
        self.router = router(PagesSetup {
            resyncs: Some(resyncs),
            ..setup
        });
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), "").await
    }

    /// A form as it is, with these headers besides.
    async fn post_raw(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, body.to_owned()).await
    }

    /// The form of a page of this session.
    async fn post(&self, path: &str, body: &str) -> Answer {
        let token = self.form_token();
        self.post_raw(path, &format!("csrf={token}&{body}"), &[]).await
    }

    /// A form with a file.
    async fn send_file(&self, path: &str, name: &str, text: &[u8]) -> Answer {
        let token = self.form_token();
        let mut body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n--edge\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        )
        .into_bytes();
        body.extend(text);
        body.extend(b"\r\n--edge--\r\n");
        let request = Request::post(path).header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge");
        self.send(request, body).await
    }

    fn form_token(&self) -> String {
        let token = self.cookie.split_once('=').map_or("", |(_, token)| token);
        session::form_token(token)
    }

    /// The actions of the audit, the last first.
    async fn audit(&self) -> Vec<String> {
        let mut reading = self.store.read().await.unwrap();
        let entries = reading.account(&one()).audit(100).await.unwrap();
        entries.into_iter().map(|entry| entry.action).collect()
    }

    /// What the audit says of the last action.
    async fn last_detail(&self) -> String {
        let mut reading = self.store.read().await.unwrap();
        let entries = reading.account(&one()).audit(1).await.unwrap();
        entries.first().unwrap().detail.clone()
    }

    /// Adds a page group without asking a page; gives the path of its own.
    async fn add_group(&self, members: &[GroupMember]) -> String {
        let group = PageGroup {
            id: GroupId::from_random(1),
            name: DisplayName::new("Everywhere").unwrap(),
            extension: "1900".parse().unwrap(),
            urgency: Urgency::Normal,
            pagers: Pagers::Everybody,
            members: members.to_vec(),
        };
        let mut writing = self.store.write().await.unwrap();
        writing.account(&one()).add_group(&group).await.unwrap();
        writing.commit().await.unwrap();
        format!("/page-groups/{}", group.id)
    }

    /// Adds a common area without asking a page.
    async fn add_area(&self, number: u128, name: &str, extension: &str) -> HolderId {
        let holder = Holder {
            id: HolderId::from_random(number),
            kind: HolderKind::CommonArea,
            name: DisplayName::new(name).unwrap(),
            extension: extension.parse().unwrap(),
            package: "Standard".to_owned(),
            country: CountryCode::new("CA").unwrap(),
            time_zone: TimeZone::new("UTC").unwrap(),
            site: None,
        };
        let mut writing = self.store.write().await.unwrap();
        writing.account(&one()).add_holder(&holder).await.unwrap();
        writing.commit().await.unwrap();
        holder.id
    }

    /// Adds a device by its page; gives the path of its own.
    async fn add_device(&self, mac: &str, kind: &str, assigned: &str) -> String {
        let model = match kind {
            "algo" => "algo-sip-based-device",
            "oyez" => "oyez",
            _ => "",
        };
        let form =
            format!("name=Hall+speaker&description=&mac={mac}&type={kind}&model={model}&assigned={assigned}");
        let answer = self.post("/devices/add", &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        answer.path().to_owned()
    }
}
