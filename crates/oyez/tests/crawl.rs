//! Every page of the portal, in a browser, as its owner sees it on the narrowest phone, light and dark.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use endpoint::CallerEvent;
use model::status::ZoneEvent;
use oyez::cli::SinkKind;
use oyez::state::StateFolder;
use oyez::up::example::EXAMPLE;
use oyez::up::listening::Listening;
use oyez::up::spoken_page;
use oyez::up::stage::{Stage, StageSetup};
use peers::{BROWSER_PROGRAMS, Browser, View, available};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The table of routes, which a test of the portal holds to the program.
const ROUTES: &str = include_str!("../../../docs/portal-roles.md");
/// What only another administrator with a second factor has.
const NEEDS_ANOTHER: &str = "/administrators/{id}/second-factor";
/// What is wrong with a page, as a script finds it.
const FAULTS: &str = include_str!("crawl/faults.js");
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse battery";
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
    portal: Browser,
    routes: Vec<&'static str>,
    seen_by_route: BTreeMap<&'static str, usize>,
    to_see: VecDeque<String>,
    known: BTreeSet<String>,
    faults: Vec<String>,
}

impl Crawler {
    /// Notes where the page that is open leads.
    fn note_links(&mut self) {
        let links = "return [...document.querySelectorAll('a[href^=\"/\"]')]
            .filter(link => !link.hasAttribute('download')).map(link => new URL(link.href).pathname)";
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

    fn crawl(&mut self) {
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
        let name = format!("crawl{}{seen}", route.replace(['/', '{', '}'], "-"));
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
        self.portal.press("Save");
        self.look();
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
        self.portal.pictures(name);
        for view in [View::Narrow, View::NarrowDark] {
            self.portal.look_on_the_narrowest(view);
            let found: Vec<String> = serde_json::from_value(self.portal.run(FAULTS, &json!([]))).unwrap();
            let told = found.into_iter().map(|fault| format!("{path} {view:?}: {fault}"));
            self.faults.extend(told);
        }
        self.portal.look(View::Wide);
        // The browser tells of a page with such a status as of an error.
        let is_fault = |error: &String| !error.contains("status of 409");
        let errors = self.portal.console_errors().into_iter().filter(is_fault);
        self.faults.extend(errors.map(|error| format!("{path}: {error}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_portal_is_whole_on_a_phone() {
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
    let mut crawler = Crawler {
        portal: Browser::start(),
        routes: routes(),
        seen_by_route: BTreeMap::new(),
        to_see: VecDeque::new(),
        known: BTreeSet::new(),
        faults: Vec::new(),
    };
    crawler.portal.open(&stage.sign_in_url());
    crawler.judge("crawl-first");
    crawler
        .portal
        .fill_in("New password, at least 8 characters", PASSWORD);
    crawler.portal.fill_in("The same password again", PASSWORD);
    crawler.portal.press("Sign in");
    crawler.look();
    crawler.add_one_of_everything();
    crawler.work_on_lists(folder.path());
    // What no page leads to is looked at too, where its address is known.
    let plain = crawler
        .routes
        .clone()
        .into_iter()
        .filter(|route| !route.contains('{'));
    crawler.queue(plain.map(str::to_owned).collect());
    crawler.crawl();

    let is_unseen = |route: &&&str| !crawler.seen_by_route.contains_key(*route) && **route != NEEDS_ANOTHER;
    let unseen: Vec<_> = crawler.routes.iter().filter(is_unseen).collect();
    assert_eq!(crawler.faults, [""; 0], "{}", crawler.faults.join("\n"));
    assert_eq!(unseen, [&""; 0], "no page leads to these");
    stage.stop().await;
}
