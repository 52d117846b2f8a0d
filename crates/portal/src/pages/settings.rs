//! Settings → Account Settings: what the account is called, and what it allows.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{Account, DisplayName, HolderDefaults, Role, time_zones};

use model::AccountId;
use store::Transaction;

use super::changed::changed;
use super::form::{Choice, Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::holder_new::{TIME_ZONES, words_of};
use super::layout::{Frame, SETTINGS};
use super::problem::Problem;
use super::{Site, countries, line};

/// What an account may allow.
struct Allowance {
    value: &'static str,
    label: &'static str,
    is_given: fn(&Account) -> bool,
}

const ALLOWANCES: [Allowance; 2] = [
    Allowance {
        value: "many_extensions",
        label: "Several extensions on devices with firmware up to 5.4, in any of their slots",
        is_given: |account| account.many_extensions_before_5_5,
    },
    Allowance {
        value: "generic_devices",
        label: "Generic devices: credentials are shown here and typed by hand at the device",
        is_given: |account| account.generic_devices,
    },
];

/// The value of the box that requires a second factor.
const REQUIRED: &str = "required";

/// What the page sets.
struct Settings {
    account: Account,
    defaults: HolderDefaults,
    requires_second_factor: bool,
}

impl Settings {
    async fn read(transaction: &mut Transaction<'_>, account: &AccountId) -> Result<Self, Problem> {
        Ok(Self {
            account: line::account_of(transaction, account).await?,
            defaults: transaction.account(account).holder_defaults().await?,
            requires_second_factor: transaction.account(account).requires_second_factor().await?,
        })
    }
}

struct Fields([Field; 7]);

impl Fields {
    fn of(settings: &Settings) -> Self {
        let account = &settings.account;
        let Self([name, id, domain, country, time_zone, allows, second_factor]) = Self::new(account);
        let (default_country, default_zone) = words_of(&settings.defaults);
        let required: &[&str] = if settings.requires_second_factor {
            &[REQUIRED]
        } else {
            &[]
        };
        let given = ALLOWANCES.iter().filter(|one| (one.is_given)(account));
        let ticked: Vec<&str> = given.map(|one| one.value).collect();
        Self([
            name.filled(account.name.as_str()),
            id,
            domain,
            country.filled(&default_country),
            time_zone.filled(&default_zone),
            allows.ticked(&ticked),
            second_factor.ticked(required),
        ])
    }

    fn new(account: &Account) -> Self {
        let boxes = ALLOWANCES.map(|one| Choice::new(one.value, one.label));
        Self([
            Field::new(
                "name",
                "Account Name",
                "What people call it, 3 characters at least.",
                Control::Text(&[]),
            ),
            Field::new(
                "id",
                "Account ID",
                "What API clients name it by. It stays as it is.",
                Control::Fixed,
            )
            .filled(account.id.as_str()),
            Field::new(
                "domain",
                "SIP Domain",
                "Devices have it in their configuration. It stays as it is.",
                Control::Fixed,
            )
            .filled(&account.domain),
            Field::new(
                "country",
                "Default Country/Region",
                "A name of the list, or its two letters, such as CA, or nothing. Filled in for new users and common areas, and used where an import or a program names none.",
                Control::Text(countries::offered()),
            ),
            Field::new(
                "time_zone",
                "Default Time Zone",
                "A name of the tz database, such as America/Vancouver, or nothing. Used in the same way.",
                Control::Text(TIME_ZONES),
            ),
            Field::new(
                "allows",
                "Allowed",
                "What is no longer allowed stays where it is; nothing of it is added any more.",
                Control::Boxes(boxes.into()),
            ),
            Field::new(
                "second_factor",
                "Second factor",
                "Who has none is led to set it up by their next click.",
                Control::Boxes(vec![Choice::new(
                    REQUIRED,
                    "Every administrator proves a second factor at the sign-in",
                )]),
            ),
        ])
    }

    fn typed(account: &Account, posted: &Posted) -> Self {
        let Self([name, id, domain, country, time_zone, allows, second_factor]) = Self::new(account);
        let second_factor = second_factor.typed(posted);
        Self([
            name.typed(posted),
            id,
            domain,
            country.typed(posted),
            time_zone.typed(posted),
            allows.typed(posted),
            second_factor,
        ])
    }

    /// Makes what was typed, or marks what is wrong.
    fn settings(&mut self, before: &Settings, posted: &Posted) -> Option<Settings> {
        let [name, _, _, country, time_zone, ..] = &mut self.0;
        let parsed_name = name.take(DisplayName::new(&name.value));
        let stored = &before.defaults;
        let parsed_country = optional(country, |text| countries::read(text, stored.country));
        let parsed_zone = optional(time_zone, |text| {
            time_zones::read(text, stored.time_zone.as_ref())
        });
        let is_ticked = |value: &str| posted.values("allows").any(|ticked| ticked == value);
        let account = Account {
            name: parsed_name?,
            many_extensions_before_5_5: is_ticked("many_extensions"),
            generic_devices: is_ticked("generic_devices"),
            ..before.account.clone()
        };
        let is_required = posted.values("second_factor").any(|ticked| ticked == REQUIRED);
        Some(Settings {
            account,
            defaults: HolderDefaults {
                country: parsed_country?,
                time_zone: parsed_zone?,
            },
            requires_second_factor: if may_require(&posted.by) {
                is_required
            } else {
                before.requires_second_factor
            },
        })
    }

    fn page(self, by: &Visitor) -> FormPage {
        let [name, id, domain, country, time_zone, allows, second_factor] = self.0;
        let mut fields = vec![name, id, domain, country, time_zone, allows];
        if may_require(by) {
            fields.push(second_factor);
        }
        FormPage {
            frame: Frame::new(by, "Account Settings", SETTINGS),
            introduction: "What holds for the whole account.",
            action: SETTINGS.to_owned(),
            back: "/".to_owned(),
            hidden: Vec::new(),
            fields,
            button: SAVE,
            removal: None,
        }
    }
}

/// What a field says that may be left empty; none where it is wrong, and is marked.
fn optional<T, E: ToString>(
    field: &mut Field,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<Option<T>> {
    let text = field.value.trim();
    if text.is_empty() {
        return Some(None);
    }
    let parsed = parse(text);
    field.take(parsed).map(Some)
}

/// Who the administrators are, and how they sign in, is an owner's.
fn may_require(by: &Visitor) -> bool {
    by.administrator.role == Role::Owner
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let settings = Settings::read(&mut reading, &by.account).await?;
    Ok(Fields::of(&settings).page(&by).answer())
}

pub(super) async fn save(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let before = Settings::read(&mut writing, &by.account).await?;
    let mut fields = Fields::typed(&before.account, &posted);
    let Some(after) = fields.settings(&before, &posted) else {
        return Ok(fields.page(by).answer());
    };
    let mut scope = writing.account(&by.account);
    scope.update_account(&after.account).await?;
    scope.set_holder_defaults(&after.defaults).await?;
    scope
        .set_requires_second_factor(after.requires_second_factor)
        .await?;
    by.note(&mut writing, "change account settings", changes(&before, &after))
        .await?;
    writing.commit().await?;
    Ok(Redirect::to(SETTINGS).into_response())
}

/// What is different, in words.
fn changes(before: &Settings, after: &Settings) -> String {
    let word = |is_given| if is_given { "yes" } else { "no" }.to_owned();
    let (was, is) = (&before.account, &after.account);
    let (country_before, zone_before) = words_of(&before.defaults);
    let (country_after, zone_after) = words_of(&after.defaults);
    let mut pairs = vec![
        ("Account Name", was.name.to_string(), is.name.to_string()),
        ("Default Country/Region", country_before, country_after),
        ("Default Time Zone", zone_before, zone_after),
        (
            "Second factor required",
            word(before.requires_second_factor),
            word(after.requires_second_factor),
        ),
    ];
    pairs.extend(ALLOWANCES.map(|one| (one.label, word((one.is_given)(was)), word((one.is_given)(is)))));
    changed(was.name.as_str(), &pairs)
}
