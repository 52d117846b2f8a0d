//! Users & Rooms → Add: a user or a common area.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::Extension as Number;
use model::inventory::{
    DisplayName, Holder, HolderDefaults, HolderId, HolderKind, HolderProfile, Remark, Site as Place,
    time_zones,
};

use super::form::{Choice, Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::holder_edit::path_of;
use super::layout::{Frame, USERS_AND_ROOMS};
use super::optional_choice::{chosen, offered, site_field};
use super::problem::{Problem, taken};
use super::{Site, chance, countries};

/// The packages there are: a service of one's own has nothing to sell.
const PACKAGES: &[&str] = &["Standard"];
pub(super) const TIME_ZONES: &[(&str, &str)] = &[
    ("America/Vancouver", ""),
    ("America/Denver", ""),
    ("America/Chicago", ""),
    ("America/New_York", ""),
    ("Europe/London", ""),
    ("Europe/Berlin", ""),
    ("Asia/Kolkata", ""),
    ("Asia/Tokyo", ""),
    ("Australia/Sydney", ""),
    ("UTC", ""),
];

/// The fields of the form, in the order in which they stand.
pub(super) struct Fields([Field; 8]);

impl Fields {
    /// What stands there.
    pub(super) fn of(sites: &[Place], holder: &Holder, profile: &HolderProfile) -> Self {
        let Self(
            [
                name,
                extension,
                package,
                country,
                time_zone,
                site,
                department,
                cost_center,
            ],
        ) = Self::new(sites);
        Self([
            name.filled(holder.name.as_str()),
            extension.filled(holder.extension.as_str()),
            package.filled(&holder.package),
            country.filled(&countries::name_of(holder.country)),
            time_zone.filled(holder.time_zone.as_str()),
            site.filled(holder.site.as_ref().map_or("", |site| site.as_str())),
            department.filled(profile.department.as_str()),
            cost_center.filled(profile.cost_center.as_str()),
        ])
    }

    fn new(sites: &[Place]) -> Self {
        let packages = PACKAGES.iter().map(|name| Choice::new(*name, *name)).collect();
        let text = Control::Text(&[]);
        Self([
            Field::new(
                "name",
                "Display Name",
                "What people call it, 3 characters at least.",
                text,
            ),
            Field::new(
                "extension",
                "Extension Number",
                "What people dial: up to 16 digits or asterisks (*).",
                Control::Text(&[]),
            ),
            Field::new(
                "package",
                "Package",
                "All that this service does.",
                Control::Select(packages),
            ),
            Field::new(
                "country",
                "Country/Region",
                "A name of the list, or its two letters, such as CA. A default for all is set under Account Settings.",
                Control::Text(countries::offered()),
            ),
            Field::new(
                "time_zone",
                "Time Zone",
                "Region/City, such as America/Vancouver. A default for all is set under Account Settings.",
                Control::Text(TIME_ZONES),
            ),
            site_field(sites),
            Field::new(
                "department",
                "Department",
                "Optional: the phone API tells it, and narrows lists of users by it.",
                Control::Text(&[]),
            ),
            Field::new(
                "cost_center",
                "Cost Center",
                "Optional: likewise.",
                Control::Text(&[]),
            ),
        ])
    }

    /// What holds for the account stands there already.
    fn with_defaults(self, defaults: &HolderDefaults) -> Self {
        let Self(mut fields) = self;
        let (default_country, default_zone) = words_of(defaults);
        for field in &mut fields {
            match field.name.as_str() {
                "country" => field.value.clone_from(&default_country),
                "time_zone" => field.value.clone_from(&default_zone),
                _ => {}
            }
        }
        Self(fields)
    }

    pub(super) fn typed(sites: &[Place], posted: &Posted) -> Self {
        Self(Self::new(sites).0.map(|field| field.typed(posted)))
    }

    /// Marks the number.
    pub(super) fn refuse_extension(&mut self, why: &str) {
        let [_, extension, ..] = &mut self.0;
        extension.refuse(why);
    }

    /// Makes what was typed, or marks what is wrong; country and time zone may stay what stood there.
    pub(super) fn holder(
        &mut self,
        kind: HolderKind,
        id: HolderId,
        stood_there: &HolderDefaults,
    ) -> Option<Holder> {
        let [name, extension, package, country, time_zone, site, ..] = &mut self.0;
        let parsed_name = name.take(DisplayName::new(&name.value));
        let parsed_extension = extension.take(extension.value.trim().parse::<Number>());
        if !PACKAGES.contains(&package.value.as_str()) {
            package.refuse("choose one of the packages");
            return None;
        }
        let parsed_country = country.take(countries::read(&country.value, stood_there.country));
        let parsed_zone = time_zone.take(time_zones::read(&time_zone.value, stood_there.time_zone.as_ref()));
        let chosen_site = chosen(site);
        Some(Holder {
            id,
            kind,
            name: parsed_name?,
            extension: parsed_extension?,
            package: package.value.clone(),
            country: parsed_country?,
            time_zone: parsed_zone?,
            site: chosen_site?,
        })
    }

    /// Makes what is kept besides, with all that the form does not ask for as it was; or marks what is wrong.
    pub(super) fn profile(&mut self, before: HolderProfile) -> Option<HolderProfile> {
        let [.., department, cost_center] = &mut self.0;
        let parsed_department = department.take(Remark::new(&department.value));
        let parsed_center = cost_center.take(Remark::new(&cost_center.value));
        Some(HolderProfile {
            department: parsed_department?,
            cost_center: parsed_center?,
            ..before
        })
    }

    fn page(self, by: &Visitor, kind: HolderKind) -> FormPage {
        let title = match kind {
            HolderKind::User => "Add a user",
            HolderKind::CommonArea => "Add a common area",
        };
        FormPage {
            frame: Frame::new(by, title, USERS_AND_ROOMS),
            introduction: match kind {
                HolderKind::User => "A user is a person with an extension.",
                HolderKind::CommonArea => {
                    "A common area is a place with an extension: a hall, a gate, a corridor. Devices are assigned to it."
                }
            },
            action: format!("{}/add", list_of(kind)),
            back: list_of(kind).to_owned(),
            hidden: Vec::new(),
            fields: offered(self.0),
            button: SAVE,
            removal: None,
        }
    }

    /// The form for one that is there.
    pub(super) fn edit_page(self, by: &Visitor, holder: &Holder) -> FormPage {
        let path = path_of(holder);
        FormPage {
            frame: Frame::new(by, format!("Change {}", holder.name), USERS_AND_ROOMS),
            introduction: "A new number is what people dial from then on, and devices need not be told; a new name they fetch.",
            action: path.clone(),
            back: list_of(holder.kind).to_owned(),
            hidden: Vec::new(),
            fields: offered(self.0),
            button: SAVE,
            removal: Some(format!("{path}/remove")),
        }
    }
}

pub(super) const fn list_of(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::User => "/users",
        HolderKind::CommonArea => "/common-areas",
    }
}

/// The list, which says that one of it was saved.
pub(super) fn saved(holder: &Holder) -> String {
    format!("{}?saved={}", list_of(holder.kind), holder.id)
}

/// Country and time zone as they are typed, empty where there is none.
pub(super) fn words_of(defaults: &HolderDefaults) -> (String, String) {
    let country = defaults.country.map(countries::name_of);
    let zone = defaults.time_zone.as_ref().map(ToString::to_string);
    (country.unwrap_or_default(), zone.unwrap_or_default())
}

pub(super) async fn show_user(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    show(&site, &by, HolderKind::User).await
}

pub(super) async fn show_common_area(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    show(&site, &by, HolderKind::CommonArea).await
}

async fn show(site: &Site, by: &Visitor, kind: HolderKind) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let fields = Fields::new(&scope.sites().await?).with_defaults(&scope.holder_defaults().await?);
    Ok(fields.page(by, kind).answer())
}

pub(super) async fn add_user(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    add(&site, &posted, HolderKind::User).await
}

pub(super) async fn add_common_area(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    add(&site, &posted, HolderKind::CommonArea).await
}

async fn add(site: &Site, posted: &Posted, kind: HolderKind) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let sites = writing.account(&by.account).sites().await?;
    let mut fields = Fields::typed(&sites, posted);
    let stood_there = writing.account(&by.account).holder_defaults().await?;
    let holder = fields.holder(kind, HolderId::from_random(chance::bits()?), &stood_there);
    let profile = fields.profile(HolderProfile::default());
    let (Some(holder), Some(profile)) = (holder, profile) else {
        return Ok(fields.page(by, kind).answer());
    };
    if let Err(error) = writing.account(&by.account).add_holder(&holder).await {
        fields.refuse_extension(&taken(error)?);
        return Ok(fields.page(by, kind).answer());
    }
    if profile != HolderProfile::default() {
        writing
            .account(&by.account)
            .set_holder_profile(&holder.id, &profile)
            .await?;
    }
    let action = match kind {
        HolderKind::User => "add user",
        HolderKind::CommonArea => "add common area",
    };
    let detail = format!("{} ({})", holder.name, holder.extension);
    by.note(&mut writing, action, detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(&saved(&holder)).into_response())
}
