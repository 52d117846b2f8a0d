//! Users & Rooms → Add: a user or a common area.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::Extension as Number;
use model::inventory::{CountryCode, DisplayName, Holder, HolderId, HolderKind, TimeZone};

use super::form::{Choice, Control, Field, FormPage};
use super::gate::{Posted, Visitor};
use super::layout::{Frame, USERS_AND_ROOMS};
use super::problem::{Problem, taken};
use super::{Site, chance};

/// The packages there are: a service of one's own has nothing to sell.
const PACKAGES: &[&str] = &["Standard"];
const COUNTRIES: &[(&str, &str)] = &[
    ("AU", "Australia"),
    ("AT", "Austria"),
    ("CA", "Canada"),
    ("FR", "France"),
    ("DE", "Germany"),
    ("IN", "India"),
    ("IE", "Ireland"),
    ("JP", "Japan"),
    ("NL", "Netherlands"),
    ("NZ", "New Zealand"),
    ("CH", "Switzerland"),
    ("GB", "United Kingdom"),
    ("US", "United States"),
];
const TIME_ZONES: &[(&str, &str)] = &[
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
struct Fields([Field; 5]);

impl Fields {
    fn new() -> Self {
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
                "What people dial: up to 16 digits.",
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
                "Two letters, such as CA.",
                Control::Text(COUNTRIES),
            ),
            Field::new(
                "time_zone",
                "Time Zone",
                "A name of the tz database, such as America/Vancouver.",
                Control::Text(TIME_ZONES),
            ),
        ])
    }

    fn typed(posted: &Posted) -> Self {
        Self(Self::new().0.map(|field| field.typed(posted)))
    }

    /// Makes what was typed, or marks what is wrong.
    fn holder(&mut self, kind: HolderKind, bits: u128) -> Option<Holder> {
        let [name, extension, package, country, time_zone] = &mut self.0;
        let parsed_name = name.take(DisplayName::new(&name.value));
        let parsed_extension = extension.take(extension.value.trim().parse::<Number>());
        if !PACKAGES.contains(&package.value.as_str()) {
            package.refuse("choose one of the packages");
            return None;
        }
        let parsed_country = country.take(CountryCode::new(&country.value));
        let parsed_zone = time_zone.take(TimeZone::new(&time_zone.value));
        Some(Holder {
            id: HolderId::from_random(bits),
            kind,
            name: parsed_name?,
            extension: parsed_extension?,
            package: package.value.clone(),
            country: parsed_country?,
            time_zone: parsed_zone?,
            site: None,
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
            fields: self.0.into(),
        }
    }
}

const fn list_of(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::User => "/users",
        HolderKind::CommonArea => "/common-areas",
    }
}

pub(super) async fn show_user(Extension(by): Extension<Visitor>) -> Response {
    Fields::new().page(&by, HolderKind::User).answer()
}

pub(super) async fn show_common_area(Extension(by): Extension<Visitor>) -> Response {
    Fields::new().page(&by, HolderKind::CommonArea).answer()
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
    let mut fields = Fields::typed(posted);
    let Some(holder) = fields.holder(kind, chance::bits()?) else {
        return Ok(fields.page(by, kind).answer());
    };
    let mut writing = site.store().write().await?;
    if let Err(error) = writing.account(&by.account).add_holder(&holder).await {
        let [_, extension, ..] = &mut fields.0;
        extension.refuse(&taken(error)?);
        return Ok(fields.page(by, kind).answer());
    }
    let action = match kind {
        HolderKind::User => "add user",
        HolderKind::CommonArea => "add common area",
    };
    let detail = format!("{} ({})", holder.name, holder.extension);
    by.note(&mut writing, action, detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(list_of(kind)).into_response())
}
