//! Every page of the portal, in a browser, as its owner sees it on a desk and on the narrowest phone, light and dark: whole, and judged
//! by axe-core.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use endpoint::CallerEvent;
use model::Secret;
use model::inventory::{
    Administrator, AdministratorId, AuditEntry, HeldDevice, PasswordHash, Role, ShownCertificate, Standing,
    Timestamp, TokenHash,
};
use model::status::ZoneEvent;
use oyez::cli::SinkKind;
use oyez::service::Service;
use oyez::service::config::ServiceConfig;
use oyez::state::StateFolder;
use oyez::up::example::{EXAMPLE, Example};
use oyez::up::listening::Listening;
use oyez::up::spoken_page;
use oyez::up::stage::{Stage, StageSetup};
use peers::{Axe, BROWSER_PROGRAMS, Browser, View, available};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use web::OneTimeSecret;

/// The table of routes, which a test of the portal holds to the program.
const ROUTES: &str = include_str!("../../../docs/portal-roles.md");
/// A service without a zone, whose account has nothing yet.
const NOTHING: &str = "state = \"state\"\n[portal]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n[provisioning]\nlisten = \"127.0.0.1:0\"\n\
     address = \"127.0.0.1\"\n[account]\nid = \"acme\"\nname = \"Acme\"\ndomain = \"pbx.example.com\"\nowner = \"owner@example.com\"\n\
     [zone]\noutbound-proxy = \"127.0.0.1:5061\"\n";
/// What is wrong with a page, as a script finds it.
const FAULTS: &str = include_str!("crawl/faults.js");
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse battery";
/// Whom the example has.
const OWNER: &str = "owner@oyez.internal";
const PATIENCE: Duration = Duration::from_secs(60);
/// Pages of one route that are looked at: of devices one of each type, and one more.
const PAGES_OF_A_ROUTE: usize = 3;

/// The routes that are looked at, without streams and what is part of a page.
fn routes() -> Vec<&'static str> {
    let paths = ROUTES.lines().filter_map(|line| {
        let path = line.strip_prefix("| GET | `")?.split_once('`')?.0;
        (!path.ends_with("/live") && !path.ends_with("/changes")).then_some(path)
    });
    paths.collect()
}

/// The route that a path is of: one without parameters before one with them.
fn route_of<'r>(routes: &[&'r str], path: &str) -> Option<&'r str> {
    let matches = |route: &&&str| {
        let (mut wanted, mut given) = (route.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let found = routes.iter().filter(matches);
    found.min_by_key(|route| route.matches('{').count()).copied()
}

/// Somebody who looks at every page.
struct Crawler {
    name: &'static str,
    portal: Browser,
    axe: Option<Axe>,
    routes: Vec<&'static str>,
    seen_by_route: BTreeMap<&'static str, usize>,
    to_see: VecDeque<String>,
    known: BTreeSet<String>,
    faults: Vec<String>,
}

impl Crawler {
    /// Whose pictures have names that begin so.
    fn start(name: &'static str) -> Self {
        Self {
            name,
            portal: Browser::start(),
            axe: Axe::find(),
            routes: routes(),
            seen_by_route: BTreeMap::new(),
            to_see: VecDeque::new(),
            known: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    fn sign_in(&mut self, link: &str) {
        self.portal.open(link);
        self.judge("-first");
        self.portal
            .fill_in("New password, at least 8 characters", PASSWORD);
        self.portal.fill_in("The same password again", PASSWORD);
        self.portal.press("Sign in");
        self.look();
    }

    /// Notes where the page that is open leads.
    fn note_links(&mut self) {
        let links = "return [...document.querySelectorAll('a[href^=\"/\"]')]
            .map(link => new URL(link.href).pathname)";
        let links: Vec<String> = serde_json::from_value(self.portal.run(links, &json!([]))).unwrap();
        self.queue(links);
    }

    fn queue(&mut self, paths: Vec<String>) {
        for path in paths {
            if self.known.insert(path.clone()) {
                self.to_see.push_back(path);
            }
        }
    }

    /// Looks at all pages that another leads to, and at what no page leads to, where its address is known.
    fn crawl(&mut self) {
        let routes = self.routes.iter().filter(|route| !route.contains('{'));
        self.queue(routes.map(|&route| route.to_owned()).collect());
        while let Some(path) = self.to_see.pop_front() {
            let Some(route) = route_of(&self.routes, &path) else {
                continue;
            };
            let seen = self.seen_by_route.entry(route).or_default();
            if *seen == PAGES_OF_A_ROUTE {
                continue;
            }
            if self.is_page(&path) {
                self.go(&path);
                self.look();
            } else {
                *self.seen_by_route.entry(route).or_default() += 1;
            }
        }
    }

    /// Judges the page that is open, and notes where it leads.
    fn look(&mut self) {
        let path = self.portal.run("return location.pathname", &json!([]));
        let path = path.as_str().unwrap();
        self.known.insert(path.to_owned());
        let route = route_of(&self.routes, path).unwrap();
        let seen = self.seen_by_route.entry(route).or_default();
        *seen += 1;
        let name = format!("{}{seen}", route.replace(['/', '{', '}'], "-"));
        self.judge(&name);
        self.note_links();
    }

    /// Fills in the form of a page, sends it, and looks at what comes of it.
    fn add(&mut self, path: &str, fields: &[(&str, &str)], ticked: &[&str]) {
        self.go(path);
        for (field, value) in fields {
            self.portal.fill(field, value);
        }
        for field in ticked {
            self.portal.click(field);
        }
        self.portal.click(".actions button");
        self.look();
    }

    /// Opens what there is not, or what is refused, and judges the page that says so.
    fn be_refused(&mut self, name: &str, path: &str) {
        self.go(path);
        self.judge_refusal(name);
    }

    /// Judges a page that says why something is not done. The browser tells of its status as of an error.
    fn judge_refusal(&mut self, name: &str) {
        let errors = self.portal.console_errors();
        let is_status = |error: &String| error.contains("status of 4");
        self.faults
            .extend(errors.into_iter().filter(|error| !is_status(error)));
        self.judge(&format!("-refused-{name}"));
    }

    /// Sends forms as they are, without what has to stand in them.
    fn send_wrong_forms(&mut self, folder: &Path) {
        for path in [
            "users",
            "common-areas",
            "devices",
            "page-groups",
            "sites",
            "templates",
            "api-clients",
            "webhooks",
            "administrators",
        ] {
            self.go(&format!("/{path}/add"));
            // The browser would keep the form to itself.
            let script = "document.querySelectorAll('form').forEach(form => { form.noValidate = true; })";
            self.portal.run(script, &json!([]));
            self.portal.send("main form:not(.search) button:not([name])");
            self.judge_refusal(path);
        }
        let file = folder.join("wrong.csv");
        fs::write(&file, "record,name,extension\ncommon_area,Room 1,7x1\n").unwrap();
        self.go("/import");
        self.portal.attach("#file", &file);
        self.portal.press("Show what it would change");
        self.judge_refusal("import");
        self.be_refused("missing", "/no-such-page");
        self.be_refused("invited", "/invited?token=wrong");
        self.be_refused("first", "/first?token=wrong");
        self.add("/administrators/add", &[("#email", "eve@example.com")], &[]);
    }

    /// Asks for what is shown once.
    fn ask_for_secrets(&mut self) {
        let provision = self.known.iter().filter(|path| path.ends_with("/provision"));
        let provision: Vec<String> = provision.cloned().collect();
        let others = ["/device-password", "/api-clients"].map(str::to_owned);
        for (number, path) in provision.into_iter().chain(others).enumerate() {
            for words in [
                "Show the credentials",
                "Make a claim code",
                "Show the password",
                "Make a token",
            ] {
                self.go(&path);
                if self.portal.page_text().contains(words) {
                    self.portal.press(words);
                    self.judge(&format!("-shown-{}-{number}", words.replace(' ', "-")));
                }
            }
        }
    }

    /// Sets the own second factor up, and signs in with it.
    fn prove_twice(&mut self) {
        self.go("/second-factor");
        let key = "return document.querySelector('#key').innerText";
        let key = self.portal.run(key, &json!([]));
        let secret = OneTimeSecret::read(key.as_str().unwrap()).unwrap();
        self.portal.fill("#password", PASSWORD);
        self.portal.fill("#code", "000000");
        self.portal.send("main form button");
        self.judge_refusal("second-factor");
        self.portal.fill("#password", PASSWORD);
        self.portal.fill("#code", &secret.code(step()));
        self.portal.send("main form button");
        self.judge("-recovery-codes");
        self.go("/second-factor");
        self.judge("-second-factor-on");
        self.portal.press("Sign out");
        self.judge("-sign-in");
        self.portal.fill("#email", "wrong@example.com");
        self.portal.fill("#password", PASSWORD);
        self.portal.send("main form button");
        self.judge_refusal("sign-in");
        self.portal.fill("#email", OWNER);
        self.portal.fill("#password", PASSWORD);
        self.portal.send("main form button");
        self.judge("-sign-in-code");
        self.portal.fill("#code", "000000");
        self.portal.send("main form button");
        self.judge_refusal("sign-in-code");
    }

    /// Makes one of everything that the example has none of.
    fn add_one_of_everything(&mut self) {
        self.add("/sites/add", &[("#name", "Depot")], &[]);
        let template = [("#name", "Quiet"), ("#content", "audio.page.vol = -12dB")];
        self.add("/templates/add", &template, &[]);
        self.add("/api-clients/add", &[("#name", "Lists")], &["[name=scope]"]);
        let receiver = "https://hooks.example.com/a/long/address/of/a/receiver/of/what/happens";
        self.add("/webhooks/add", &[("#url", receiver)], &["[name=event]"]);
        let group = [("#name", "Night staff"), ("#extension", "710")];
        self.go("/page-groups/add");
        self.portal.choose("#pagers", "Those who are named");
        for (field, value) in group {
            self.portal.fill(field, value);
        }
        self.portal.press("Save");
        self.look();
    }

    /// Sends a list, looks at what it would do and at the work that it makes, and chooses many rows.
    fn work_on_lists(&mut self, folder: &Path) {
        let file = folder.join("rooms.csv");
        let list = "record,name,extension,country,time_zone\ncommon_area,Room 1,801,CA,UTC\n";
        fs::write(&file, list).unwrap();
        self.go("/import");
        self.portal.attach("#file", &file);
        self.portal.press("Show what it would change");
        self.look();
        self.portal.press("Apply");
        self.look();
        for path in ["/devices", "/users", "/common-areas"] {
            self.go(path);
            self.portal.click("[name=all]");
            self.portal.press("Go on…");
            self.look();
        }
    }

    /// Whether there is a page, and not a file to be kept.
    fn is_page(&mut self, path: &str) -> bool {
        let script =
            "const asked = new XMLHttpRequest(); asked.open('GET', arguments[0], false); asked.send();
            return [asked.status, asked.getResponseHeader('content-type') || '',
                asked.getResponseHeader('content-disposition') || '']";
        let answer = self.portal.run(script, &json!([path]));
        let status = answer.pointer("/0").and_then(Value::as_u64).unwrap();
        // A page for several rows asks which.
        if status == 422 {
            self.portal.console_errors();
            return false;
        }
        // What cannot be yet has a page that says why.
        if status >= 400 && status != 409 {
            self.faults.push(format!("{path}: status {status}"));
            return false;
        }
        let text = |place: &str| answer.pointer(place).and_then(Value::as_str).unwrap().to_owned();
        text("/1").starts_with("text/html") && text("/2").is_empty()
    }

    fn go(&self, path: &str) {
        self.portal.run(
            "location.href = arguments[0]; window.isBefore = true",
            &json!([path]),
        );
        let came = "return window.isBefore === undefined && document.readyState === 'complete'";
        self.portal.wait_until(came, |came| came.as_bool() == Some(true));
    }

    /// Looks at the page that is open.
    fn judge(&mut self, name: &str) {
        let path = self.portal.run("return location.pathname", &json!([]));
        self.portal.pictures(&format!("{}{name}", self.name));
        for view in [View::Narrow, View::NarrowDark] {
            self.portal.look_at_the_limit(view);
            let found: Vec<String> = serde_json::from_value(self.portal.run(FAULTS, &json!([]))).unwrap();
            let told = found.into_iter().map(|fault| format!("{path} {view:?}: {fault}"));
            self.faults.extend(told);
        }
        self.portal.look(View::Wide);
        if let Some(axe) = &self.axe {
            let found = axe.judge(&self.portal);
            self.faults
                .extend(found.into_iter().map(|fault| format!("{path} {fault}")));
        }
        // The browser tells of a page with such a status as of an error.
        let is_fault = |error: &String| !error.contains("status of 409");
        let errors = self.portal.console_errors().into_iter().filter(is_fault);
        self.faults.extend(errors.map(|error| format!("{path}: {error}")));
    }
}

/// The step whose code an app shows.
fn step() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() / web::CODE_SECONDS
}

/// Puts what does not come of forms into the account: somebody else with a second factor, and a device that is held, which
/// somebody has to look at.
async fn furnish(stage: &Stage) {
    let mut writing = stage.store().write().await.unwrap();
    let mut scope = writing.account(stage.account());
    let other = Administrator {
        id: AdministratorId::from_random(7),
        email: "other.owner@example.com".to_owned(),
        role: Role::Owner,
        password: Some(PasswordHash("a hash".to_owned())),
    };
    scope.add_administrator(&other).await.unwrap();
    let secret = OneTimeSecret::draw().unwrap();
    let secret = Secret::new(secret.to_text());
    assert!(scope.set_second_factor(&other.id, &secret, 0, &[]).await.unwrap());
    let devices = scope.devices().await.unwrap();
    let device = devices
        .iter()
        .find(|device| device.mac == Example::mac(0))
        .unwrap();
    let held = HeldDevice {
        at: Timestamp(1_700_000_000_000),
        why: "a second certificate proves to be it".to_owned(),
    };
    scope.hold_device(&device.id, &held).await.unwrap();
    for detail in ["a second certificate", "a third certificate"] {
        let alarm = AuditEntry {
            at: store::timestamp(SystemTime::now()),
            by: "provisioning".to_owned(),
            action: "hold device".to_owned(),
            detail: detail.to_owned(),
        };
        scope.add_alarm(&alarm, Some(&device.id)).await.unwrap();
    }
    for (number, standing) in [(1, Standing::Good), (2, Standing::Held), (3, Standing::Blocked)] {
        let shown = ShownCertificate {
            fingerprint: TokenHash([number; 32]),
            first_at: held.at,
            last_at: held.at,
            source: "192.0.2.7".to_owned(),
            standing,
        };
        scope.set_shown_certificate(&device.id, &shown).await.unwrap();
    }
    writing.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_portal_is_whole_on_a_phone_and_accessible() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let setup = StageSetup {
        state: StateFolder::choose(Some(folder.path())).unwrap(),
        listening: Listening::FreePorts(LOOPBACK),
        example: EXAMPLE,
        sink: SinkKind::Null,
    };
    let mut stage = Stage::start(&setup, &|_| ()).await.unwrap();
    let mut zone = stage.subscribe().unwrap();
    let (events, mut happened) = mpsc::channel::<CallerEvent>(16);
    let _unheard = timeout(PATIENCE, stage.place_page("700", spoken_page().unwrap(), events)).await;
    happened.close();
    let ended = async { while !matches!(zone.recv().await.unwrap(), ZoneEvent::PageEnded { .. }) {} };
    timeout(PATIENCE, ended).await.unwrap();
    let mut crawler = Crawler::start("crawl");
    crawler.sign_in(&stage.sign_in_url());
    // The link is no more for an account that has an owner with a password.
    furnish(&stage).await;
    crawler.go("/");
    crawler.look();
    crawler.add_one_of_everything();
    crawler.work_on_lists(folder.path());
    crawler.crawl();
    crawler.ask_for_secrets();
    crawler.send_wrong_forms(folder.path());
    crawler.prove_twice();

    let is_unseen = |route: &&&str| !crawler.seen_by_route.contains_key(*route);
    let unseen: Vec<_> = crawler.routes.iter().filter(is_unseen).collect();
    assert_eq!(crawler.faults, [""; 0], "{}", crawler.faults.join("\n"));
    assert_eq!(unseen, [&""; 0], "no page leads to these");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_an_account_that_has_nothing_is_whole_too() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service.toml");
    fs::write(&file, NOTHING).unwrap();
    let config = ServiceConfig::read(&file).unwrap();
    let service = Service::start(&config, None).await.unwrap();
    let mut crawler = Crawler::start("empty");
    crawler.sign_in(&service.sign_in_url());
    crawler.crawl();

    assert_eq!(crawler.faults, [""; 0], "{}", crawler.faults.join("\n"));
    service.stop().await;
}
