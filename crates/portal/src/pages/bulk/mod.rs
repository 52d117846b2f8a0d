//! What is done with several rows of a list: those that are ticked, or all that a search finds. It is asked first, with how many
//! they are and what goes along; then it goes on by itself, and says of each that failed why.

mod act;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::inventory::{Device, Holder, HolderKind, SiteId, TemplateId};
use store::{DeviceFilter, HolderFilter, LIST_ROWS_MAX, Scope, StoreError};

use super::Site;
use super::form::Choice;
use super::gate::{Posted, Visitor};
use super::holder_new::list_of;
use super::layout::{self, Frame, PHONES_AND_DEVICES, USERS_AND_ROOMS};
use super::optional_choice::{site_choices, template_choices};
use super::problem::Problem;
use super::work;
use crate::provisioning::sha256;

/// Rows that are ticked one by one.
const TICKED_MAX: usize = 300;
/// Rows that something is done with at once.
const ROWS_MAX: usize = 20_000;
/// Names that are shown before it is done.
const NAMES_SHOWN: usize = 20;
/// What is sent where something is to be taken away; no id is so short.
const NONE: &str = "none";

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Resync,
    Restart,
    Site,
    Template,
    Remove,
}

/// What can be done with devices.
pub(super) const DEVICE_ACTIONS: &[Action] = &[
    Action::Resync,
    Action::Restart,
    Action::Site,
    Action::Template,
    Action::Remove,
];
/// What can be done with users and common areas.
pub(super) const HOLDER_ACTIONS: &[Action] = &[Action::Site, Action::Remove];

impl Action {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Resync => "resync",
            Self::Restart => "restart",
            Self::Site => "site",
            Self::Template => "template",
            Self::Remove => "remove",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Resync => "Resync",
            Self::Restart => "Restart",
            Self::Site => "Assign a site",
            Self::Template => "Assign a template",
            Self::Remove => "Remove",
        }
    }
}

/// Of which list the rows are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Devices,
    Holders(HolderKind),
}

impl List {
    const fn actions(self) -> &'static [Action] {
        match self {
            Self::Devices => DEVICE_ACTIONS,
            Self::Holders(_) => HOLDER_ACTIONS,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Devices => "/devices",
            Self::Holders(kind) => list_of(kind),
        }
    }

    const fn entry(self) -> &'static str {
        match self {
            Self::Devices => PHONES_AND_DEVICES,
            Self::Holders(_) => USERS_AND_ROOMS,
        }
    }

    /// So many of them, in words.
    fn counted(self, count: usize) -> String {
        let (one, many) = match self {
            Self::Devices => ("device", "devices"),
            Self::Holders(HolderKind::User) => ("user", "users"),
            Self::Holders(HolderKind::CommonArea) => ("common area", "common areas"),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }
}

/// What a form says is chosen.
struct Selection {
    list: List,
    action: Option<Action>,
    ids: Vec<String>,
    is_all: bool,
    q: String,
    /// The list of those that are assigned, or of those that are not.
    assigned: String,
}

impl Selection {
    fn of<'f>(list: List, fields: impl Iterator<Item = (&'f str, &'f str)>) -> Self {
        let mut selection = Self {
            list,
            action: None,
            ids: Vec::new(),
            is_all: false,
            q: String::new(),
            assigned: String::new(),
        };
        for (name, value) in fields {
            match name {
                "id" if selection.ids.len() < TICKED_MAX => selection.ids.push(value.to_owned()),
                "action" => {
                    let mut actions = list.actions().iter().copied();
                    selection.action = actions.find(|action| action.as_str() == value);
                }
                "all" => selection.is_all = value == "1",
                "q" => value.clone_into(&mut selection.q),
                "assigned" => value.clone_into(&mut selection.assigned),
                _ => {}
            }
        }
        selection
    }

    /// The same again, as it is sent unseen.
    fn hidden(&self, rows: &Rows) -> Vec<(&'static str, String)> {
        let action = self.action.map_or("", Action::as_str).to_owned();
        let mut hidden = vec![("action", action), ("rows", rows.fingerprint())];
        if self.is_all {
            hidden.push(("all", "1".to_owned()));
            hidden.push(("q", self.q.clone()));
            hidden.push(("assigned", self.assigned.clone()));
        } else {
            hidden.extend(self.ids.iter().map(|id| ("id", id.clone())));
        }
        hidden
    }

    fn back(&self) -> &'static str {
        match (self.list, self.assigned.as_str()) {
            (List::Devices, "false") => "/devices/unassigned",
            (list, _) => list.path(),
        }
    }

    /// The rows that are chosen, as far as they are there.
    async fn rows(&self, scope: &mut Scope<'_, '_>) -> Result<Rows, StoreError> {
        match self.list {
            List::Devices => self.devices(scope).await.map(Rows::Devices),
            List::Holders(kind) => self.holders(scope, kind).await.map(Rows::Holders),
        }
    }

    async fn devices(&self, scope: &mut Scope<'_, '_>) -> Result<Vec<Device>, StoreError> {
        let mut devices = Vec::new();
        if !self.is_all {
            for id in self.ids.iter().filter_map(|id| id.parse().ok()) {
                devices.extend(scope.device(&id).await?);
            }
            return Ok(devices);
        }
        let filter = DeviceFilter {
            text: self.q.clone(),
            is_assigned: self.assigned.parse().ok(),
            ..DeviceFilter::default()
        };
        let mut after = None;
        while devices.len() < ROWS_MAX {
            let listed = scope.list_devices(&filter, after.as_ref(), LIST_ROWS_MAX).await?;
            devices.extend(listed.rows.into_iter().map(|row| row.device));
            after = listed.next;
            if after.is_none() {
                break;
            }
        }
        devices.truncate(ROWS_MAX);
        Ok(devices)
    }

    async fn holders(&self, scope: &mut Scope<'_, '_>, kind: HolderKind) -> Result<Vec<Holder>, StoreError> {
        let mut holders = Vec::new();
        if !self.is_all {
            for id in self.ids.iter().filter_map(|id| id.parse().ok()) {
                holders.extend(scope.holder(&id).await?.filter(|holder| holder.kind == kind));
            }
            return Ok(holders);
        }
        let filter = HolderFilter {
            text: self.q.clone(),
            kind: Some(kind),
            ..HolderFilter::default()
        };
        let mut after = None;
        while holders.len() < ROWS_MAX {
            let listed = scope.list_holders(&filter, after.as_ref(), LIST_ROWS_MAX).await?;
            holders.extend(listed.rows.into_iter().map(|row| row.holder));
            after = listed.next;
            if after.is_none() {
                break;
            }
        }
        holders.truncate(ROWS_MAX);
        Ok(holders)
    }
}

/// What something is done with.
enum Rows {
    Devices(Vec<Device>),
    Holders(Vec<Holder>),
}

impl Rows {
    /// The same for the same rows, and for no others.
    fn fingerprint(&self) -> String {
        let mut ids: Vec<&str> = match self {
            Self::Devices(devices) => devices.iter().map(|device| device.id.as_str()).collect(),
            Self::Holders(holders) => holders.iter().map(|holder| holder.id.as_str()).collect(),
        };
        ids.sort_unstable();
        let hash = sha256(ids.join(" ").as_bytes());
        URL_SAFE_NO_PAD.encode(hash.0)
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Devices(devices) => devices.iter().map(named_device).collect(),
            Self::Holders(holders) => holders.iter().map(named_holder).collect(),
        }
    }
}

fn named_device(device: &Device) -> String {
    format!("{} ({})", device.name, device.mac)
}

fn named_holder(holder: &Holder) -> String {
    format!("{} ({})", holder.name, holder.extension)
}

/// What is assigned, where something is.
enum To {
    Nothing,
    Site(Option<SiteId>),
    Template(Option<TemplateId>),
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct Page {
    frame: Frame,
    error: Option<String>,
    question: String,
    names: Vec<String>,
    /// How many there are besides.
    more: usize,
    along: Vec<String>,
    action_path: String,
    hidden: Vec<(&'static str, String)>,
    choices: Option<Vec<Choice>>,
    label: &'static str,
    /// What there is none of to choose, and where one is added.
    lacks: Option<(&'static str, &'static str)>,
    button: &'static str,
    is_danger: bool,
    back: &'static str,
}

macro_rules! pages {
    ($($ask:ident, $carry_out:ident: $list:expr;)*) => {$(
        pub(super) async fn $ask(
            State(site): State<Site>,
            Extension(by): Extension<Visitor>,
            Query(asked): Query<Vec<(String, String)>>,
        ) -> Result<Response, Problem> {
            let fields = asked.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            ask(&site, &by, Selection::of($list, fields), None).await
        }

        pub(super) async fn $carry_out(
            State(site): State<Site>,
            Extension(posted): Extension<Posted>,
        ) -> Result<Response, Problem> {
            carry_out(site, posted, $list).await
        }
    )*};
}

pages! {
    ask_devices, do_devices: List::Devices;
    ask_users, do_users: List::Holders(HolderKind::User);
    ask_common_areas, do_common_areas: List::Holders(HolderKind::CommonArea);
}

/// Asks whether it shall be done.
async fn ask(
    site: &Site,
    by: &Visitor,
    selection: Selection,
    error: Option<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let rows = selection.rows(&mut scope).await?;
    let mut names = rows.names();
    let count = names.len();
    names.truncate(NAMES_SHOWN);
    let action = selection.action;
    let choices = match action {
        Some(Action::Site) => Some(offered(
            site_choices(&scope.sites().await?),
            "No site: take it away",
        )),
        Some(Action::Template) => Some(offered(
            template_choices(&scope.template_names().await?),
            "No template: take it away",
        )),
        _ => None,
    };
    let title = action.map_or("Choose what to do", Action::title);
    let counted = selection.list.counted(count);
    let along = match action {
        Some(action) => act::along(&mut scope, &rows, action).await?,
        None => Vec::new(),
    };
    let is_refused = error.is_some() || action.is_none() || count == 0;
    let page = Page {
        frame: Frame::new(by, title, selection.list.entry()),
        error: error.or_else(|| action.is_none().then(|| "Choose one of the actions.".to_owned())),
        question: match action {
            Some(Action::Site) => format!("Assign a site to {counted}?"),
            Some(Action::Template) => format!("Assign a template to {counted}?"),
            Some(action) => format!("{} {counted}?", action.title()),
            None => counted,
        },
        more: count - names.len(),
        names: if action.is_some() { names } else { Vec::new() },
        along,
        action_path: format!("{}/selected", selection.list.path()),
        hidden: selection.hidden(&rows),
        label: if action == Some(Action::Site) {
            "Site"
        } else {
            "Template"
        },
        lacks: match (action, &choices) {
            (Some(Action::Site), Some(choices)) if choices.is_empty() => Some(("site", "/sites/add")),
            (Some(Action::Template), Some(choices)) if choices.is_empty() => {
                Some(("template", "/templates/add"))
            }
            _ => None,
        },
        choices,
        button: match action {
            Some(Action::Site | Action::Template) => "Assign",
            _ => title,
        },
        is_danger: matches!(action, Some(Action::Remove | Action::Restart)),
        back: selection.back(),
    };
    let status = if is_refused {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    Ok(layout::page(status, &page))
}

/// What can be chosen, and last that it is taken away; nothing where there is nothing to choose.
fn offered(mut choices: Vec<Choice>, none: &str) -> Vec<Choice> {
    choices.retain(|choice| !choice.value.is_empty());
    if !choices.is_empty() {
        choices.push(Choice::new(NONE, none));
    }
    choices
}

/// Begins it, unless something else is found than was shown.
async fn carry_out(site: Site, posted: Posted, list: List) -> Result<Response, Problem> {
    let selection = Selection::of(list, posted.fields());
    let Some(action) = selection.action else {
        return ask(&site, &posted.by, selection, None).await;
    };
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&posted.by.account);
    let rows = selection.rows(&mut scope).await?;
    let count = rows.names().len();
    let to = to(&mut scope, action, posted.value("to")).await?;
    drop(reading);
    if count == 0 || posted.value("rows") != rows.fingerprint() {
        let error =
            "Nothing was done: the rows are others than were shown. See whether it is right as it is now.";
        return ask(&site, &posted.by, selection, Some(error.to_owned())).await;
    }
    let Some(to) = to else {
        let error = match posted.value("to") {
            "" => "Nothing was done: choose what is to be assigned.",
            _ => "Nothing was done: what was chosen has been removed. Choose another.",
        };
        return ask(&site, &posted.by, selection, Some(error.to_owned())).await;
    };
    let title = format!("{}: {}", action.title(), list.counted(count));
    let begun = site
        .works()
        .begin(&posted.by.account, (title, list.entry()), count)?;
    let Some(doing) = begun else {
        let frame = Frame::new(&posted.by, "Not begun yet", list.entry());
        return Ok(work::too_many(frame, selection.back()));
    };
    let path = doing.path();
    let task = act::Task {
        site,
        by: posted.by,
        action,
        to,
        list,
        back: selection.back(),
    };
    tokio::spawn(task.carry_out(rows, doing));
    Ok(Redirect::to(&path).into_response())
}

/// What is to be assigned; none where it is not there.
async fn to(scope: &mut Scope<'_, '_>, action: Action, value: &str) -> Result<Option<To>, StoreError> {
    Ok(match action {
        Action::Resync | Action::Restart | Action::Remove => Some(To::Nothing),
        Action::Site if value == NONE => Some(To::Site(None)),
        Action::Template if value == NONE => Some(To::Template(None)),
        Action::Site => match value.parse() {
            Ok(id) => scope.site(&id).await?.map(|site| To::Site(Some(site.id))),
            Err(_) => None,
        },
        Action::Template => match value.parse() {
            Ok(id) => scope
                .template(&id)
                .await?
                .map(|(template, _)| To::Template(Some(template.id))),
            Err(_) => None,
        },
    })
}
