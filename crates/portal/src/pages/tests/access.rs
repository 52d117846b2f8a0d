//! Who comes in, and what their role lets them do.

use std::fmt::Write as _;
use std::path::Path;

use axum::http::Method;
use model::inventory::{
    Description, ProvisionTemplate, Site as Place, SiteId, SiteTitle, TemplateContent, TemplateId,
    TemplateName,
};

use super::routes::{Route, routes};
use super::*;

/// Who asks: somebody who has not signed in, or somebody of a role.
const ASKERS: [Option<Role>; 5] = [
    None,
    Some(Role::Viewer),
    Some(Role::Operator),
    Some(Role::Admin),
    Some(Role::Owner),
];

/// A portal with one of everything, and the paths of the table for it.
struct Furnished {
    visit: Visit,
    device: String,
    line: String,
    holder: HolderId,
    group: String,
    site: SiteId,
    template: TemplateId,
    report: i64,
    alarm: i64,
    /// Somebody who does not ask.
    administrator: AdministratorId,
    cookies: Vec<String>,
}

impl Furnished {
    async fn start() -> Self {
        let visit = Visit::of(Role::Owner).await;
        let holder = visit.add_area(1, "Hall", "1001").await;
        let device = visit.add_device("0022EE0A0B0C", "algo", holder.as_str()).await;
        let group = visit.add_group(&[GroupMember::Holder(holder.clone())]).await;
        let mut writing = visit.store.write().await.unwrap();
        let mut scope = writing.account(&one());
        let line = scope.lines().await.unwrap().remove(0).id.to_string();
        let place = Place {
            id: SiteId::from_random(1),
            name: SiteTitle::new("West").unwrap(),
        };
        scope.add_site(&place).await.unwrap();
        let template = ProvisionTemplate {
            id: TemplateId::from_random(1),
            name: TemplateName::new("Loud").unwrap(),
            description: Description::new("").unwrap(),
            content: TemplateContent::default(),
        };
        scope.add_template(&template).await.unwrap();
        scope.add_page_report(Timestamp(0), &report()).await.unwrap();
        let somebody = Administrator {
            id: AdministratorId::from_random(50),
            email: "somebody-else@one.example".to_owned(),
            role: Role::Viewer,
            password: None,
        };
        scope.add_administrator(&somebody).await.unwrap();
        let report = scope.page_reports(None, 1).await.unwrap().remove(0).number;
        let alarm = add_alarm(&mut scope, crate::alarms::GUESSED, "last from 192.0.2.9", None).await;
        writing.commit().await.unwrap();
        let mut cookies = Vec::new();
        for asker in ASKERS {
            cookies.push(match asker {
                Some(role) => visit.begin_session(role).await,
                None => String::new(),
            });
        }
        Self {
            device: device.trim_start_matches("/devices/").to_owned(),
            line,
            holder,
            group: group.trim_start_matches("/page-groups/").to_owned(),
            site: place.id,
            template: template.id,
            report,
            alarm,
            administrator: somebody.id,
            visit,
            cookies,
        }
    }

    /// The path of a route, for what is there.
    fn path(&self, route: &Route) -> String {
        let id = match route.path.split('/').nth(1) {
            Some("devices") => self.device.as_str(),
            Some("page-groups") => self.group.as_str(),
            Some("sites") => self.site.as_str(),
            Some("templates") => self.template.as_str(),
            Some("administrators") => self.administrator.as_str(),
            _ => self.holder.as_str(),
        };
        let is_of_alarm = route.path.starts_with("/alarms/");
        let number = if is_of_alarm { self.alarm } else { self.report };
        route
            .path
            .replace("{id}", id)
            .replace("{line}", &self.line)
            .replace("{fingerprint}", &"0".repeat(64))
            .replace("{number}", &number.to_string())
    }

    async fn ask(&self, route: &Route) -> Answer {
        let path = self.path(route);
        if route.method == Method::GET {
            self.visit.get(&path).await
        } else {
            self.visit.post(&path, "").await
        }
    }
}

/// Everything that a form of the table changes or shows.
fn changes() -> impl Iterator<Item = Route> {
    routes().into_iter().filter(|route| route.method == Method::POST)
}

#[tokio::test]
async fn the_link_of_the_first_start_lets_the_owner_choose_a_password_once() {
    let mut visit = Visit::first().await;
    assert_eq!(
        visit.get("/first?token=wrong").await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(visit.get("/first").await.status, StatusCode::FORBIDDEN);
    let welcome = visit.get(&format!("/first?token={LINK}")).await;
    assert_eq!(welcome.status, StatusCode::OK);
    assert!(welcome.text.contains(OWNER));

    let differing = format!("token={LINK}&password=one+long+password&again=another+password");
    let answer = visit.post_raw("/first", &differing, &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let short = format!("token={LINK}&password=short&again=short");
    let answer = visit.post_raw("/first", &short, &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);

    let chosen = PASSWORD.replace(' ', "+");
    let right = format!("token={LINK}&password={chosen}&again={chosen}");
    let elsewhere = [("origin", "https://evil.example")];
    let answer = visit.post_raw("/first", &right, &elsewhere).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = visit.post_raw("/first", &right, &[]).await;
    assert_eq!(answer.location(), "/", "{}", answer.text);
    visit.keep_cookie(&answer.headers);
    assert_eq!(visit.get("/devices").await.status, StatusCode::OK);
    assert_eq!(visit.audit().await, ["choose password"]);

    let again = visit.post_raw("/first", &right, &[]).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(!visit.get("/sign-in").await.text.contains("Nobody has a password"));
}

#[tokio::test]
async fn w03_signing_in_gives_a_session_and_signing_out_ends_it() {
    let mut visit = Visit::first().await;
    visit.set_password().await;
    let chosen = PASSWORD.replace(' ', "+");

    let wrong = "email=owner%40one.example&password=wrong+password";
    let answer = visit.post_raw("/sign-in", wrong, &[]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(
        answer.text.contains("value=\"owner@one.example\""),
        "what was typed stays"
    );
    let unknown = format!("email=nobody%40one.example&password={chosen}");
    let unknown = visit.post_raw("/sign-in", &unknown, &[]).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);

    let right = format!("email=+Owner%40One.example&password={chosen}");
    let elsewhere = [("origin", "https://evil.example")];
    let answer = visit.post_raw("/sign-in", &right, &elsewhere).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = visit.post_raw("/sign-in", &right, &[]).await;
    assert_eq!(answer.location(), "/");
    let given = answer.headers[header::SET_COOKIE].to_str().unwrap();
    for attribute in ["__Host-oyez-portal=", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(given.contains(attribute), "{given}");
    }
    visit.keep_cookie(&answer.headers);
    assert!(visit.get("/").await.text.contains("From here to a heard page"));

    let answer = visit.post("/sign-out", "").await;
    assert_eq!(answer.location(), "/sign-in");
    assert_eq!(visit.get("/common-areas").await.path(), "/sign-in");
    assert_eq!(visit.audit().await, ["sign out", "sign in"]);
}

#[tokio::test]
async fn w06_wrong_tries_to_sign_in_are_slowed_down() {
    let visit = Visit::first().await;
    visit.set_password().await;
    let wrong = "email=owner%40one.example&password=wrong+password";
    let mut last = StatusCode::OK;
    for _ in 0..=web::FREE_TRIES {
        last = visit.post_raw("/sign-in", wrong, &[]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let choice = format!("token={LINK}&password=a+long+password&again=a+long+password");
    let status = visit.post_raw("/first", &choice, &[]).await.status;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn w06_who_guesses_at_links_of_invitations_own_passwords_or_second_factors_raises_an_alarm() {
    for path in ["/invited", "/password", "/second-factor"] {
        let visit = Visit::of(Role::Viewer).await;
        visit.set_password().await;
        for _ in 0..web::FREE_TRIES {
            let typed = "token=wrong&password=wrong+password&new=a+long+password&again=a+long+password\
                         &secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&code=000000";
            let answer = if path == "/invited" {
                visit.post_raw(path, typed, &[]).await
            } else {
                visit.post(path, typed).await
            };
            assert_ne!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        }
        while visit.audit().await != [crate::alarms::GUESSED] {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a01_w06_who_guesses_passwords_raises_one_alarm_whether_the_user_is_known_or_not() {
    let mut said = Vec::new();
    for email in ["owner%40one.example", "nobody%40one.example"] {
        let visit = Visit::of(Role::Viewer).await;
        visit.set_password().await;
        let wrong = format!("email={email}&password=wrong+password");
        assert!(!visit.get("/").await.text.contains("Somebody has to look"));
        let mut answers = Vec::new();
        for _ in 0..web::FREE_TRIES + 3 {
            let answer = visit.post_raw("/sign-in", &wrong, &[]).await;
            let text = answer.text.replace(&email.replace("%40", "@"), "");
            answers.push((answer.status, without_seconds(&text)));
        }
        while !visit.audit().await.contains(&crate::alarms::GUESSED.to_owned()) {
            tokio::task::yield_now().await;
        }
        assert_eq!(visit.audit().await, [crate::alarms::GUESSED], "{email}");
        let page = visit.get("/").await.text;
        assert!(
            page.contains("Somebody has to look") && page.contains("last from 192.0.2.1"),
            "{page}"
        );
        let told: Vec<StatusCode> = answers.iter().map(|(status, _)| *status).collect();
        let (wrong, early) = told.split_at(usize::try_from(web::FREE_TRIES).unwrap());
        assert!(
            wrong.iter().all(|status| *status == StatusCode::UNAUTHORIZED),
            "{told:?}"
        );
        assert!(
            early
                .iter()
                .all(|status| *status == StatusCode::TOO_MANY_REQUESTS),
            "{told:?}"
        );
        let first = &answers[0].1;
        assert!(
            first.contains("The e-mail address or the password is wrong"),
            "{first}"
        );
        assert!(answers.last().unwrap().1.contains("Try again in s."));
        said.push(answers);
    }
    assert_eq!(said[0], said[1], "known and unknown users are told the same");
}

/// A page without how long is to be waited, which depends on when the tries were made.
fn without_seconds(page: &str) -> String {
    let Some((before, after)) = page.split_once("Try again in ") else {
        return page.to_owned();
    };
    let after = after.trim_start_matches(|one: char| one.is_ascii_digit() || one == ' ');
    format!("{before}Try again in {after}")
}

#[tokio::test]
async fn w06_links_that_other_sites_have_a_browser_follow_do_not_slow_its_owner_down() {
    let visit = Visit::first().await;
    visit.set_password().await;
    for _ in 0..=web::FREE_TRIES {
        let status = visit.get("/first?token=made-up").await.status;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    let wrong = "email=owner%40one.example&password=wrong+password";
    let status = visit.post_raw("/sign-in", wrong, &[]).await.status;
    assert_ne!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn w03_every_route_answers_the_roles_of_the_table_and_nobody_else() {
    let mut furnished = Furnished::start().await;
    let mut rows = String::new();
    for route in routes() {
        write!(rows, "| {} | `{}` |", route.method, route.path).unwrap();
        for (asker, cookie) in ASKERS.into_iter().zip(furnished.cookies.clone()) {
            furnished.visit.cookie = cookie;
            let what = format!("{} {} as {asker:?}", route.method, route.path);
            let answer = furnished.ask(&route).await;
            let is_sent_away = answer.path() == "/sign-in";
            let is_refused = answer.status == StatusCode::FORBIDDEN;
            let passes = asker.is_some_and(|role| role >= route.least);
            assert_eq!(
                is_sent_away,
                asker.is_none() || route.path == "/sign-out",
                "{what}"
            );
            assert_eq!(is_refused, asker.is_some() && !passes, "{what}");
            assert!(
                !answer.status.is_server_error() && answer.status != StatusCode::METHOD_NOT_ALLOWED,
                "{what}: {}",
                answer.status
            );
            rows.push_str(match (asker, passes) {
                (None, _) => " to sign in |",
                (_, true) => " yes |",
                (_, false) => " no |",
            });
        }
        rows.push('\n');
    }
    hold_document(&rows);
}

/// Writes the table into its document, or sees that it stands there.
fn hold_document(rows: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/portal-roles.md");
    let text = format!("{DOCUMENT_HEAD}{rows}");
    if std::env::var_os("OYEZ_WRITE_DOCS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap() == text,
        "docs/portal-roles.md is not of this table; OYEZ_WRITE_DOCS=1 cargo test -p portal writes it"
    );
}

const DOCUMENT_HEAD: &str = "\
# Who may do what in the portal

Written by `OYEZ_WRITE_DOCS=1 cargo test -p portal --lib access` from the answers to each request by each role. What is not in the table
is not there; `/sign-in` with its second step, the one-time links, the files of `/assets`, `/authority.pem` and `/authority.crt` are open to everybody.

| Method | Path | nobody | viewer | operator | admin | owner |
| --- | --- | --- | --- | --- | --- | --- |
";

#[tokio::test]
async fn w03_no_made_up_session_is_one_and_nothing_is_told_without_one() {
    let mut furnished = Furnished::start().await;
    for cookie in ["", "__Host-oyez-portal=", "__Host-oyez-portal=../../x"] {
        cookie.clone_into(&mut furnished.visit.cookie);
        for route in routes() {
            let answer = furnished.ask(&route).await;
            let told = (answer.path(), answer.text.as_str());
            assert_eq!(told, ("/sign-in", ""), "{}", route.path);
        }
    }
}

#[tokio::test]
async fn w03_viewers_see_no_way_to_what_they_may_not_do() {
    let mut furnished = Furnished::start().await;
    furnished.visit.cookie = furnished.visit.begin_session(Role::Viewer).await;
    let looks = routes().into_iter().filter(|route| route.least == Role::Viewer);
    for route in looks.filter(|route| route.method == Method::GET) {
        let text = furnished.ask(&route).await.text;
        for hidden in routes().iter().filter(|hidden| hidden.least > Role::Viewer) {
            let path = furnished.path(hidden);
            for attribute in [format!("href=\"{path}\""), format!("action=\"{path}\"")] {
                assert!(!text.contains(&attribute), "{} leads to {path}", route.path);
            }
        }
    }
}

#[tokio::test]
async fn every_field_whose_content_is_hidden_is_left_out_of_a_form_that_comes_back() {
    let mut furnished = Furnished::start().await;
    furnished.visit.cookie = furnished.visit.begin_session(Role::Owner).await;
    let mut hidden = 0;
    for route in routes().into_iter().filter(|route| route.method == Method::GET) {
        let text = furnished.ask(&route).await.text;
        for input in text.split("<input ").skip(1) {
            let (input, _) = input.split_once('>').unwrap();
            if !input.contains("type=\"password\"") && !input.contains("one-time-code") {
                continue;
            }
            let (_, name) = input.split_once("name=\"").unwrap();
            let (name, _) = name.split_once('"').unwrap();
            hidden += 1;
            let form = format!("name=Hall&{name}=seldom-seen");
            let own = [("origin", "https://portal.example")];
            let back = furnished.visit.post_raw("/sites/add", &form, &own).await.text;
            assert!(back.contains("Send it again"), "{back}");
            assert!(!back.contains("seldom-seen"), "{}: {name}", route.path);
        }
    }
    assert!(hidden >= 6, "{hidden} fields of passwords, PINs and codes");
}

#[tokio::test]
async fn w02_a_form_that_no_page_of_the_session_sent_changes_nothing() {
    let furnished = Furnished::start().await;
    let before = furnished.visit.audit().await;
    let token = furnished.visit.form_token();
    let right = format!("csrf={token}");
    for route in changes() {
        let path = furnished.path(&route);
        for (body, headers) in [
            ("", &[][..]),
            ("csrf=", &[]),
            ("csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &[]),
            (&right, &[("origin", "https://evil.example")]),
            (&right, &[("origin", "null")]),
        ] {
            let answer = furnished.visit.post_raw(&path, body, headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {body} {headers:?}");
        }
    }
    assert_eq!(furnished.visit.audit().await, before);
}

#[tokio::test]
async fn w03_what_is_not_there_or_another_account_s_is_not_found() {
    let mut furnished = Furnished::start().await;
    let two: AccountId = "two".parse().unwrap();
    let mut writing = furnished.visit.store.write().await.unwrap();
    writing.add_account(&account(two.clone())).await.unwrap();
    let stranger = Administrator {
        id: AdministratorId::from_random(30),
        email: "owner@two.example".to_owned(),
        role: Role::Owner,
        password: None,
    };
    writing.account(&two).add_administrator(&stranger).await.unwrap();
    let headers = session::begin(&mut writing, stranger.id).await.unwrap();
    writing.commit().await.unwrap();
    furnished.visit.keep_cookie(&headers);

    for route in routes().into_iter().filter(|route| route.path.contains('{')) {
        let of_another = furnished.path(&route);
        let made_up = ["0", "%00", "a%2Fb"].map(|id| {
            route
                .path
                .replace("{id}", id)
                .replace("{line}", id)
                .replace("{number}", id)
        });
        for path in made_up.into_iter().chain([of_another]) {
            let answer = if route.method == Method::GET {
                furnished.visit.get(&path).await
            } else {
                furnished.visit.post(&path, "").await
            };
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{} {path}", route.method);
        }
    }
    let other = &furnished.visit;
    assert_eq!(other.get("/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(other.get("/assets/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(other.get("/assets/oyez.css").await.status, StatusCode::OK);
    let taken = "name=Speaker&description=&mac=0022EE0A0B0C&type=algo&model=algo-sip-based-device&assigned=";
    let answer = other.post("/devices/add", taken).await;
    assert!(answer.marks("mac", "cannot be added here"), "{}", answer.text);
    assert!(!answer.text.contains("Hall speaker"));
}
