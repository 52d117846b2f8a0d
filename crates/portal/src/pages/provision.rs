//! Device → Actions → Provision: the steps, by the kind of the device.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{
    Account, AssignmentError, Device, DeviceType, Firmware, HardwareSetting, Line, LinePlace, check_place,
};
use model::{AccountId, SlotKind, SlotPosition};
use store::Transaction;

use super::gate::Visitor;
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::line::{account_of, place_name};
use super::problem::Problem;
use super::review::Review;
use super::slots;
use super::{Site, authority};
use crate::provisioning::CLAIM_CODE_DAYS;

#[derive(Template)]
#[template(path = "provision.html")]
struct Page<'a> {
    frame: Frame,
    device: &'a Device,
    is_algo: bool,
    /// Settings of its file that nobody has seen on the hardware: key, and what is known of it.
    unverified: Vec<(&'a str, &'a str)>,
    /// Places of its extensions that its file cannot tell it of.
    untold: Vec<String>,
    /// Its firmware, if that takes one extension, in page slot 1.
    takes_one: Option<Firmware>,
    review: Review,
    /// Of the certificate of the service's authority.
    fingerprint: String,
    url: &'a str,
    /// A claim code that was made just before, and until when it is good.
    code: Option<(&'a str, String)>,
    /// Days for which a code is good.
    code_days: u64,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let known = Known::of(&mut reading, &by.account, &device).await?;
    Ok(page(&site, &by, &device, known, None))
}

/// What is looked up for the page.
pub(super) struct Known {
    takes_one: Option<Firmware>,
    lines: Vec<Line>,
    review: Review,
}

impl Known {
    pub(super) async fn of(
        transaction: &mut Transaction<'_>,
        account: &AccountId,
        device: &Device,
    ) -> Result<Self, Problem> {
        let account = account_of(transaction, account).await?;
        let mut scope = transaction.account(&account.id);
        Ok(Self {
            takes_one: takes_one(&account, device),
            lines: scope.lines_of_device(&device.id).await?,
            review: Review::of(&mut scope, device).await?,
        })
    }
}

/// The firmware of a device whose only place for an extension is page slot 1.
fn takes_one(account: &Account, device: &Device) -> Option<Firmware> {
    let ring = LinePlace::Slot(SlotPosition::all(SlotKind::Ring).next()?);
    match check_place(account, device, None, ring, true) {
        Err(AssignmentError::BasePageOnly { firmware }) => Some(firmware),
        _ => None,
    }
}

/// The steps, with a code that was made for them.
pub(super) fn page(
    site: &Site,
    by: &Visitor,
    device: &Device,
    known: Known,
    code: Option<(&str, String)>,
) -> Response {
    let settings = site.store().catalogue().hardware();
    let is_algo = device.kind == DeviceType::Algo;
    let is_written = |setting: &&HardwareSetting| is_algo && !setting.verified && !setting.key.is_empty();
    let unverified = settings.iter().filter(is_written);
    let untold = known.lines.iter().filter(|line| match line.place {
        LinePlace::Slot(position) => is_algo && !settings.can_fill(position),
        LinePlace::Phone(_) => false,
    });
    let page = Page {
        takes_one: known.takes_one,
        review: known.review,
        fingerprint: authority::fingerprint(site),
        unverified: unverified
            .map(|setting| (setting.key.as_str(), setting.source.as_str()))
            .collect(),
        untold: untold.map(|line| place_name(line.place)).collect(),
        frame: Frame::new(by, format!("Provision {}", device.name), PHONES_AND_DEVICES),
        device,
        is_algo,
        url: &site.setup().provisioning_url,
        code,
        code_days: CLAIM_CODE_DAYS,
    };
    layout::page(StatusCode::OK, &page)
}
