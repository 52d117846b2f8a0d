//! What a hostile page, text or visitor gets from the pages.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use device::Appliance;
use device::appliance::Plan;
use endpoint::profile::Identity;
use model::config::{Document, Tab};
use tower::ServiceExt;
use tracing_subscriber::prelude::*;

use super::signed_in::COOKIE;
use super::tab::slug;
use crate::access::Access;
use crate::log_book::LogBook;
use crate::site::{Site, router};

const HOST: &str = "lobby.example";
const PASSWORD: &str = "correct horse battery";
const CALLER: ([u8; 4], u16) = ([192, 0, 2, 1], 40_000);
/// Markup, an end of an attribute, what a spreadsheet and a template would carry out, and what a shell would.
const HOSTILE: &str = "=cmd|'/C x'!A1\"'><script>alert(1)</script>{{7*7}}$(reboot)`id`";

const PAGES: &[&str] = &[
    "/status",
    "/status/live",
    "/maintenance",
    "/maintenance/export",
    "/maintenance/versions/1",
    "/files",
    "/tones",
    "/log",
    "/about",
];

const CHANGES: &[&str] = &[
    "/sign-out",
    "/status/test",
    "/status/stop",
    "/status/alert",
    "/settings/sip",
    "/provisioning/fetch",
    "/reveal",
    "/admin/password",
    "/maintenance/import",
    "/maintenance/roll-back",
    "/files/upload",
    "/files/remove",
    "/tones/play",
    "/tones/stop",
    "/tones/upload",
    "/tones/remove",
];

/// A claimed endpoint, its pages, and a browser that is signed in.
pub(super) struct Visit {
    pub(super) appliance: Appliance,
    router: Router,
    pub(super) log_book: LogBook,
    cookie: String,
    _state: tempfile::TempDir,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    fn location(&self) -> &str {
        let location = self.headers.get(header::LOCATION);
        location.map_or("", |value| value.to_str().unwrap())
    }
}

impl Visit {
    pub(super) async fn start(config: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let file = Document::parse(&format!("oyez.sink = null\n{config}")).unwrap();
        let identity = Identity {
            device: "lobby".parse().unwrap(),
            user_agent: "test".to_owned(),
            instance: None,
        };
        let appliance = Plan::new(state.path(), Some((file, PathBuf::from(state.path()))))
            .unwrap()
            .start(identity, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let access = Access::open(state.path()).unwrap();
        let code = access.claim_code().unwrap();
        let token = access
            .claim(Instant::now(), SocketAddr::from(CALLER).ip(), &code, PASSWORD)
            .unwrap();
        let log_book = LogBook::default();
        Self {
            router: router(Site::new(appliance.clone(), access, log_book.clone())),
            appliance,
            log_book,
            cookie: format!("{COOKIE}={}", token.as_str()),
            _state: state,
        }
    }

    async fn send(&self, request: axum::http::request::Builder, body: &str) -> Answer {
        let mut request = request
            .header(header::HOST, HOST)
            .body(Body::from(body.to_owned()))
            .unwrap();
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

    pub(super) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header(header::COOKIE, &self.cookie);
        self.send(request, "").await
    }

    /// A form as a browser sends it, with these headers besides.
    async fn post(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path).header(header::COOKIE, &self.cookie);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, body).await
    }

    /// The token that forms of this session carry.
    async fn form_token(&self) -> String {
        let page = self.get("/settings/sip").await.text;
        let from = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
        from.split('"').next().unwrap().to_owned()
    }

    fn all_pages() -> Vec<String> {
        let tabs = Tab::ALL.into_iter().map(|tab| format!("/settings/{}", slug(tab)));
        PAGES.iter().map(ToString::to_string).chain(tabs).collect()
    }
}

#[tokio::test]
async fn w01_w05_hostile_texts_are_inert_on_every_page() {
    let visit = Visit::start(&format!("sip.u1.dname = {HOSTILE}\nno.such.key = {HOSTILE}\n")).await;
    let subscriber = tracing_subscriber::registry().with(visit.log_book.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(caller = HOSTILE, "{HOSTILE}");
    });

    let mut shown = 0;
    for page in Visit::all_pages() {
        let answer = visit.get(&page).await;
        assert_eq!(answer.status, StatusCode::OK, "{page}");
        let kind = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
        if kind.starts_with("text/html") {
            assert!(!answer.text.contains("<script>alert"), "{page}");
            assert!(!answer.text.contains("\"'>"), "{page}");
            assert!(!answer.text.contains("49$(reboot)"), "{page}");
            shown += usize::from(answer.text.contains("alert(1)"));
        } else {
            assert!(kind.starts_with("text/plain"), "{page}: {kind}");
            assert!(answer.headers.contains_key(header::CONTENT_DISPOSITION), "{page}");
        }
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(!policy.contains("unsafe-inline"), "{policy}");
    }
    assert!(shown >= 4, "the text stands on {shown} pages");
    visit.appliance.stop().await;
}

#[tokio::test]
async fn w02_a_form_that_no_page_of_the_session_sent_changes_nothing() {
    let visit = Visit::start("").await;
    let token = visit.form_token().await;
    let right = format!("csrf={token}&sip.u1.dname=changed");
    for path in CHANGES {
        for (body, headers) in [
            ("sip.u1.dname=changed", &[][..]),
            ("csrf=&sip.u1.dname=changed", &[]),
            (
                "csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&sip.u1.dname=changed",
                &[],
            ),
            (&right, &[("origin", "https://evil.example")]),
            (&right, &[("origin", "http://lobby.example")]),
            (&right, &[("origin", "null")]),
            ("{\"csrf\":\"\"}", &[("content-type", "text/plain")]),
            ("{\"csrf\":\"\"}", &[("content-type", "application/json")]),
        ] {
            let status = visit.post(path, body, headers).await.status;
            assert!(
                [
                    StatusCode::FORBIDDEN,
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    StatusCode::BAD_REQUEST
                ]
                .contains(&status),
                "{path} {body} {headers:?}: {status}"
            );
        }
        let overridden = Request::get(*path)
            .header(header::COOKIE, &visit.cookie)
            .header("x-http-method-override", "POST");
        let answer = visit.send(overridden, &right).await;
        let read = path.starts_with("/settings/");
        assert_eq!(answer.status == StatusCode::METHOD_NOT_ALLOWED, !read, "{path}");
    }
    assert_eq!(visit.appliance.settings().value("sip.u1.dname"), "");

    let answer = visit
        .post("/settings/sip", &right, &[("origin", &format!("https://{HOST}"))])
        .await;
    assert!(answer.status.is_redirection() || answer.status == StatusCode::OK);
    assert_eq!(visit.appliance.settings().value("sip.u1.dname"), "changed");
    visit.appliance.stop().await;
}

#[tokio::test]
async fn w02_no_page_can_be_framed_or_read_by_another_site() {
    let visit = Visit::start("").await;
    for page in Visit::all_pages()
        .into_iter()
        .chain(["/sign-in", "/claim", "/none"].map(str::to_owned))
    {
        let request = Request::get(&page)
            .header(header::COOKIE, &visit.cookie)
            .header(header::ORIGIN, "https://evil.example");
        let headers = visit.send(request, "").await.headers;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{page}");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY", "{page}");
        assert!(
            !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
            "{page}"
        );
    }
    visit.appliance.stop().await;
}

#[tokio::test]
async fn w03_whoever_is_not_signed_in_is_sent_to_sign_in_from_everywhere() {
    let mut visit = Visit::start("sip.u1.dname = Lobby\n").await;
    let token = visit.form_token().await;
    let pages = Visit::all_pages();
    let long = "a".repeat(60_000);
    let guesses = ["", "x", "../../etc/passwd", long.as_str()];
    let signed_out = visit.cookie.clone();
    let answer = visit.post("/sign-out", &format!("csrf={token}"), &[]).await;
    assert_eq!(answer.location(), "/sign-in");

    let cookies = guesses.map(|guess| format!("{COOKIE}={guess}"));
    for cookie in cookies.into_iter().chain([signed_out]) {
        visit.cookie = cookie;
        for page in pages
            .iter()
            .map(String::as_str)
            .chain(["/status/changes", "/status/listen"])
        {
            let answer = visit.get(page).await;
            assert_eq!(answer.location(), "/sign-in", "{page}");
            assert_eq!(answer.text, "", "{page}");
        }
        for path in CHANGES {
            let answer = visit.post(path, &format!("csrf={token}"), &[]).await;
            assert_eq!(answer.location(), "/sign-in", "{path}");
        }
    }
    visit.appliance.stop().await;
}

#[tokio::test]
async fn w03_a_page_that_refreshes_itself_after_its_session_goes_to_sign_in_as_a_whole() {
    let mut visit = Visit::start("").await;
    "gone".clone_into(&mut visit.cookie);
    let request = Request::get("/status/live").header("HX-Request", "true");

    let answer = visit.send(request, "").await;

    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers["HX-Redirect"], "/sign-in");
    assert_eq!(answer.text, "");
    visit.appliance.stop().await;
}

#[tokio::test]
async fn w03_signing_in_gives_a_session_of_its_own_and_leads_to_no_other_site() {
    let mut visit = Visit::start("").await;
    let fixed = format!("{COOKIE}=fixed-by-somebody-else");
    visit.cookie.clone_from(&fixed);

    let answer = visit
        .post(
            "/sign-in?next=https://evil.example/",
            &format!("password={}&next=//evil.example", PASSWORD.replace(' ', "+")),
            &[],
        )
        .await;

    assert_eq!(answer.location(), "/status");
    let given = answer.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(!given.contains("fixed"), "{given}");
    assert!(
        given.starts_with("__Host-") && given.contains("Secure") && given.contains("HttpOnly"),
        "{given}"
    );
    assert!(given.contains("SameSite=Strict"), "{given}");
    assert_eq!(visit.get("/status").await.location(), "/sign-in");
    visit.appliance.stop().await;
}
