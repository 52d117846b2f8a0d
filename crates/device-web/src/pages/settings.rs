//! The settings pages: a form for each tab of the schema.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use device::appliance::{Author, ChangeError, Provisioning};
use device::sentence;
use model::config::{CONCEALED, KEYS, KeySpec, SettingChange, Settings, Tab, find};
use serde::Deserialize;
use web::{PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN};

use super::facts::{Fact, facts};
use super::field::{Control, Field, Refused};
use super::layout::{self, Frame};
use super::signed_in::{Posted, SignedIn};
use super::tab;
use crate::site::Site;

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    slug: &'static str,
    groups: Vec<Group>,
    saved: Option<u32>,
    /// The version that the fields were filled from.
    version: u32,
    problems: Vec<String>,
    /// How provisioning stands, on its page: the look of the state, the state, and what is to be said of it.
    provisioning: Option<(&'static str, &'static str, String)>,
    /// On the page that has it.
    password: Option<PasswordForm>,
    /// What is so without being set here.
    facts: Vec<Fact>,
}

/// The form that changes the password of the pages.
struct PasswordForm {
    length_min: usize,
    length_max: usize,
    error: String,
}

/// Fields that belong together: those of one slot, or those that stand alone.
struct Group {
    /// Empty for fields that stand alone.
    title: String,
    summary: String,
    is_open: bool,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
pub(super) struct Saved {
    saved: Option<u32>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Path(slug): Path<String>,
    Query(Saved { saved }): Query<Saved>,
    by: SignedIn,
) -> Response {
    let Some(tab) = tab::of_slug(&slug) else {
        return layout::missing().await;
    };
    let page = page(&site, &by, tab, saved, &Refused::default(), Vec::new()).await;
    layout::page(StatusCode::OK, &page)
}

pub(super) async fn save(State(site): State<Site>, Path(slug): Path<String>, posted: Posted) -> Response {
    let Some(tab) = tab::of_slug(&slug) else {
        return layout::missing().await;
    };
    // What the page was filled from: what somebody else has changed since then stays as they have it.
    let shown = match posted.value("version").parse() {
        Ok(version) => site.appliance().version(version).await,
        Err(_) => Ok(Settings::clone(&site.appliance().settings())),
    };
    let Ok(shown) = shown else {
        let text =
            "The page is older than all versions that are kept. Open it again and repeat what you did.";
        return layout::failure(StatusCode::CONFLICT, text);
    };
    let changes = changes(tab, &shown, &posted);
    let outcome = site.appliance().change(Author::Web, &changes).await;
    match outcome {
        Ok(changed) => {
            let number = changed.version.number;
            Redirect::to(&format!("/settings/{}?saved={number}", tab::slug(tab))).into_response()
        }
        Err(error) => {
            let (refused, problems) = refused(tab, &posted, &error);
            let page = page(&site, &posted.by, tab, None, &refused, problems).await;
            layout::page(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// The page with the password's form, after a change that was refused.
pub(super) async fn password_page(site: &Site, by: &SignedIn, status: StatusCode, error: String) -> Response {
    let mut page = page(site, by, Tab::Admin, None, &Refused::default(), Vec::new()).await;
    page.password = Some(PasswordForm::new(error));
    layout::page(status, &page)
}

/// Shows a secret to whoever asks for it by hand. The text takes the place of the field.
pub(super) async fn reveal(State(site): State<Site>, posted: Posted) -> Response {
    let key = posted.value("key");
    if find(key).is_none_or(|spec| !spec.secret) {
        return layout::missing().await;
    }
    tracing::info!(key, "a secret was shown");
    site.appliance().settings().value(key).to_owned().into_response()
}

impl PasswordForm {
    fn new(error: String) -> Self {
        Self {
            length_min: PASSWORD_LENGTH_MIN,
            length_max: PASSWORD_LENGTH_MAX,
            error,
        }
    }
}

/// What a form changes: of the tab's keys, those whose field holds something else than what applies.
fn changes(tab: Tab, settings: &Settings, posted: &Posted) -> Vec<SettingChange> {
    let is_taken_back = |key: &str| posted.value("take-back") == key;
    let mut changes = Vec::new();
    for key in keys(tab).flat_map(|spec| spec.pattern.keys()) {
        if is_taken_back(&key) {
            changes.push(SettingChange { key, value: None });
            continue;
        }
        let Some(value) = posted.value_by_field.get(&key) else {
            continue;
        };
        let value = value.trim();
        let applies = settings.effective().value(&key);
        let stays = value == applies.unwrap_or_default()
            || find(&key).is_some_and(|spec| {
                !value.is_empty()
                    && spec
                        .kind
                        .means_same(value, applies.unwrap_or(spec.default_of(&key)))
            })
            || value == CONCEALED && find(&key).is_some_and(|spec| spec.secret);
        if !stays {
            let value = Some(value.to_owned());
            changes.push(SettingChange { key, value });
        }
    }
    changes
}

/// What was refused, by field, and what stands in no field of the page.
fn refused(tab: Tab, posted: &Posted, error: &ChangeError) -> (Refused, Vec<String>) {
    let mut refused = Refused {
        value_by_key: posted.value_by_field.clone(),
        error_by_key: BTreeMap::new(),
    };
    let mut problems = Vec::new();
    let ChangeError::Wrong(errors) = error else {
        return (refused, vec![sentence(error)]);
    };
    for error in errors {
        let text = format!("{}; {} would be right", error.problem, error.right);
        if keys(tab).any(|spec| spec.pattern.matches(&error.key)) {
            refused.error_by_key.insert(error.key.clone(), text);
        } else {
            problems.push(format!("{}: {text}", error.key));
        }
    }
    (refused, problems)
}

fn keys(tab: Tab) -> impl Iterator<Item = &'static KeySpec> {
    KEYS.iter().filter(move |spec| spec.tab == tab)
}

async fn page(
    site: &Site,
    by: &SignedIn,
    tab: Tab,
    saved: Option<u32>,
    refused: &Refused,
    problems: Vec<String>,
) -> Page {
    let settings = site.appliance().settings();
    let tones = site.tone_names().await;
    Page {
        frame: Frame::new(site, by, tab.title(), path(tab)),
        slug: tab::slug(tab),
        groups: groups(tab, &settings, &tones, refused),
        saved,
        version: site
            .appliance()
            .versions()
            .last()
            .map_or(0, |version| version.number),
        problems,
        provisioning: (tab == Tab::Provisioning).then(|| provisioning(site)),
        password: (tab == Tab::Admin).then(|| PasswordForm::new(String::new())),
        facts: facts(site, tab).await,
    }
}

fn provisioning(site: &Site) -> (&'static str, &'static str, String) {
    match site.appliance().provisioning() {
        Provisioning::Off => ("none", "Off", String::new()),
        Provisioning::NoServer => (
            "none",
            "No server",
            "None is set, and DHCP has offered none.".to_owned(),
        ),
        Provisioning::Fetching => ("busy", "Fetching", String::new()),
        Provisioning::Done { files } => ("good", "Provisioned", files.join(", ")),
        Provisioning::Failed { failure } => ("bad", "Failed", failure.to_string()),
    }
}

/// Fetches the files once more.
pub(super) async fn fetch(State(site): State<Site>, _posted: Posted) -> Response {
    site.appliance().fetch_configuration();
    Redirect::to("/settings/provisioning").into_response()
}

/// The path of a tab as it stands in the tree.
fn path(tab: Tab) -> &'static str {
    let leaves = tab::TREE.iter().flat_map(|branch| branch.leaves);
    leaves
        .map(|leaf| leaf.path)
        .find(|path| path.strip_prefix("/settings/") == Some(tab::slug(tab)))
        .unwrap_or("")
}

fn groups(tab: Tab, settings: &Settings, tones: &[String], refused: &Refused) -> Vec<Group> {
    let field = |spec: &KeySpec, key: String| Field::new(spec, key, settings, tones, refused);
    let alone: Vec<Field> = keys(tab)
        .filter(|spec| spec.pattern.numbers().is_none())
        .map(|spec| field(spec, spec.pattern.key(0)))
        .collect();
    let mut groups = Vec::new();
    if !alone.is_empty() {
        groups.push(Group {
            title: String::new(),
            summary: String::new(),
            is_open: true,
            fields: alone,
        });
    }
    // Keys of one family have the same stem and the same numbers: the settings of a slot stand together.
    let mut families: Vec<(String, (u8, u8))> = Vec::new();
    for spec in keys(tab) {
        let family = spec.pattern.numbers().map(|numbers| (stem(spec), numbers));
        families.extend(family.filter(|family| !families.contains(family)));
    }
    for (name, (first, last)) in families {
        let members = || keys(tab).filter(|spec| spec.pattern.numbers().is_some() && stem(spec) == name);
        for number in first..=last {
            let fields: Vec<Field> = members()
                .map(|spec| field(spec, spec.pattern.key(number)))
                .collect();
            groups.push(Group {
                title: format!("{} {number}", family_title(&name)),
                summary: summary(&fields),
                is_open: fields.iter().any(|field| field.error.is_some()),
                fields,
            });
        }
    }
    groups
}

/// The part of a pattern that the settings of one slot share.
fn stem(spec: &KeySpec) -> String {
    let pattern = spec.pattern.to_string();
    let stem = pattern.split('{').next().unwrap_or_default();
    // What the hardware does not have of a slot stands with what it has.
    let stem = stem.strip_prefix("oyez.").unwrap_or(stem);
    match stem.rsplit_once('.') {
        // ann.ext1 and ann.pwd1, but sip.alert1.user and sip.alert1.pwd.
        Some((family, _)) if pattern.ends_with('}') => family.to_owned(),
        _ => stem.to_owned(),
    }
}

fn family_title(stem: &str) -> &'static str {
    match stem {
        "ann" => "Announcement",
        "mcast" => "Zone",
        "sip.alert" => "Ring Extension",
        "audio.ring.cid" => "Distinctive Ring",
        _ => "Number",
    }
}

/// What a closed group shows of itself: its extension or address, or that it is empty.
fn summary(fields: &[Field]) -> String {
    if let Some(address) = fields.iter().find(|field| field.label == "Address") {
        let is_set = !address.value.is_empty();
        return if is_set {
            address.value.clone()
        } else {
            address.default.to_owned()
        };
    }
    let named = fields.iter().find(|field| {
        let is_name = field.label == "Extension" || field.label.starts_with("Caller");
        is_name && !field.value.is_empty()
    });
    named.map_or_else(|| "not set".to_owned(), |field| field.value.clone())
}

#[cfg(test)]
mod tests {
    use model::config::Document;

    use super::*;

    fn titles(tab: Tab) -> Vec<(String, usize)> {
        let groups = groups(tab, &Settings::default(), &[], &Refused::default());
        groups
            .into_iter()
            .map(|group| (group.title, group.fields.len()))
            .collect()
    }

    #[test]
    fn the_settings_of_one_slot_stand_together() {
        let rings = titles(Tab::MoreRingExtensions);
        assert_eq!(rings[0].0, "Ring Extension 1");
        assert_eq!(rings.len(), 10);

        let alerts = titles(Tab::EmergencyAlerts);
        assert_eq!(alerts.len(), 11, "what stands alone, and ten announcements");
        assert!(
            alerts[1..]
                .iter()
                .all(|(title, _)| title.starts_with("Announcement "))
        );

        let zones = titles(Tab::MorePageExtensions);
        assert_eq!((zones.len(), zones[49].0.as_str()), (50, "Zone 50"));
        assert!(zones[0].1 >= 5);
    }

    #[test]
    fn every_key_of_the_schema_stands_on_one_page_once() {
        let mut shown = Vec::new();
        for tab in Tab::ALL {
            let groups = groups(tab, &Settings::default(), &[], &Refused::default());
            shown.extend(
                groups
                    .into_iter()
                    .flat_map(|group| group.fields)
                    .map(|field| field.key),
            );
        }
        shown.sort();
        let mut expected: Vec<String> = KEYS.iter().flat_map(|spec| spec.pattern.keys()).collect();
        expected.sort();

        assert_eq!(shown, expected);
    }

    #[test]
    fn a_set_slot_shows_its_extension_when_it_is_closed() {
        let local = Document::parse("sip.proxy = a\nsip.alert2.user = 7002\n").unwrap();
        let settings = Settings::new(Document::default(), local).unwrap();

        let groups = groups(Tab::MoreRingExtensions, &settings, &[], &Refused::default());

        assert_eq!(
            (groups[0].summary.as_str(), groups[1].summary.as_str()),
            ("not set", "7002")
        );
    }
}
