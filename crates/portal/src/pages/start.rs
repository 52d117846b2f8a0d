//! The first page: the way to a heard page, step by step, with what is done and what comes next.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{AttemptOutcome, HolderKind, Role};
use registrations::Registration;
use store::{DeviceFilter, HolderFilter, KeptPageReport, LIST_ROWS_MAX, ListedDevice};

use super::gate::Visitor;
use super::layout::{self, Frame, shown};
use super::next_step::{ADD_DEVICE, PAGE, PROVISION, SEE_REGISTERED};
use super::problem::Problem;
use super::{Site, alarms};

#[derive(Template)]
#[template(path = "start.html")]
struct Page {
    frame: Frame,
    guide: Guide,
    alarms: Vec<alarms::Kind>,
    figures: Vec<(&'static str, String, &'static str)>,
}

/// The part that changes while somebody looks.
#[derive(Template)]
#[template(path = "guide.html")]
struct Live {
    guide: Guide,
}

struct Guide {
    steps: Vec<Step>,
    /// Every step is done.
    is_done: bool,
}

struct Step {
    title: &'static str,
    is_done: bool,
    /// It is the one to do next.
    is_next: bool,
    /// What is known of it.
    state: String,
    /// Where it is done, and what the link says.
    way: (String, &'static str),
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let alarms = alarms::of_late(&mut reading.account(&by.account)).await?;
    drop(reading);
    let page = Page {
        frame: Frame::new(&by, "Welcome", "/"),
        alarms,
        figures: figures(&site, &by).await?,
        guide: guide(&site, &by).await?,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// The steps alone.
pub(super) async fn live(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let guide = guide(&site, &by).await?;
    Ok(layout::page(StatusCode::OK, &Live { guide }))
}

fn of_kind(kind: HolderKind) -> HolderFilter {
    HolderFilter {
        kind: Some(kind),
        ..HolderFilter::default()
    }
}

async fn figures(site: &Site, by: &Visitor) -> Result<Vec<(&'static str, String, &'static str)>, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let areas = scope.count_holders(&of_kind(HolderKind::CommonArea)).await?;
    let users = scope.count_holders(&of_kind(HolderKind::User)).await?;
    let devices = scope.count_devices(&DeviceFilter::default()).await?;
    let groups = scope.count_groups("").await?;
    Ok(vec![
        ("Common areas", areas.to_string(), "/common-areas"),
        ("Users", users.to_string(), "/users"),
        ("Devices", devices.to_string(), "/devices"),
        ("Page groups", groups.to_string(), "/page-groups"),
    ])
}

async fn guide(site: &Site, by: &Visitor) -> Result<Guide, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let areas = scope.count_holders(&of_kind(HolderKind::CommonArea)).await?;
    let assigned = DeviceFilter {
        is_assigned: Some(true),
        ..DeviceFilter::default()
    };
    let devices = scope.list_devices(&assigned, None, LIST_ROWS_MAX).await?.rows;
    let page = scope.page_reports(None, 1).await?.pop();
    let is_registered = |device: &&ListedDevice| {
        let of = |user: &str| site.setup().registrations.of(user);
        let mut lines = device.lines.iter();
        lines.any(|(line, ..)| matches!(of(line.user.as_str()), Some(Registration::Registered { .. })))
    };
    let registered = devices.iter().find(is_registered);
    let device = registered.or(devices.first());
    let path = device.map_or_else(
        || "/devices".to_owned(),
        |listed| format!("/devices/{}", listed.device.id),
    );
    let served = match device {
        Some(listed) => {
            let attempts = reading.attempts(listed.device.mac).await?;
            attempts
                .iter()
                .any(|attempt| attempt.outcome == AttemptOutcome::Served)
        }
        None => false,
    };
    let name = device.map_or_else(String::new, |listed| listed.device.name.to_string());
    let heard = page.as_ref().filter(|kept| kept.report.heard_count() > 0);
    let talk_way = if by.administrator.role >= Role::Operator {
        ("/talk".to_owned(), "Talk")
    } else {
        ("/reports".to_owned(), "Reports")
    };
    let counted = |kept: &KeptPageReport, end: &str| {
        let (heard, all) = (kept.report.heard_count(), kept.report.listeners.len());
        format!("{}: {heard} of {all} heard it{end}", shown(kept.at))
    };
    let (to_page, page_way) = match &page {
        Some(kept) if heard.is_none() => (
            counted(kept, "."),
            (format!("/reports/{}", kept.number), "See why"),
        ),
        _ => (
            "Call its extension, or speak from here; the report says who heard it.".to_owned(),
            talk_way,
        ),
    };
    Ok(Guide::of(
        vec![
            Step::new(
                "Add a common area",
                areas > 0,
                "The place that is to be paged, with the extension that people dial.",
                ("/common-areas/add".to_owned(), "Add a common area"),
            ),
            Step::new(
                ADD_DEVICE,
                device.is_some(),
                "With its MAC address, assigned to the common area.",
                ("/devices/add".to_owned(), "Add a device"),
            ),
            Step::new(
                PROVISION,
                served || registered.is_some(),
                "The device fetches its configuration from this service.",
                (format!("{path}/provision"), "Provision"),
            ),
            Step::new(
                SEE_REGISTERED,
                registered.is_some(),
                "Check says what is missing, if something is.",
                (format!("{path}/check"), "Check"),
            ),
            Step::new(PAGE, heard.is_some(), &to_page, page_way),
        ]
        .into_iter()
        .zip([
            match areas {
                1 => "1 common area".to_owned(),
                areas => format!("{areas} common areas"),
            },
            name.clone(),
            format!("{name} has its configuration"),
            format!("{name} is registered"),
            heard.map_or_else(String::new, |kept| counted(kept, "")),
        ])
        .map(|(step, done)| step.told(done))
        .collect(),
    ))
}

impl Step {
    fn new(title: &'static str, is_done: bool, what: &str, way: (String, &'static str)) -> Self {
        Self {
            title,
            is_done,
            is_next: false,
            state: what.to_owned(),
            way,
        }
    }

    /// What is known of it, if it is done.
    fn told(mut self, done: String) -> Self {
        if self.is_done {
            self.state = done;
        }
        self
    }
}

impl Guide {
    fn of(mut steps: Vec<Step>) -> Self {
        if let Some(next) = steps.iter_mut().find(|step| !step.is_done) {
            next.is_next = true;
        }
        Self {
            is_done: steps.iter().all(|step| step.is_done),
            steps,
        }
    }
}
