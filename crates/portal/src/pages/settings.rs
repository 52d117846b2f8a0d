//! Settings → Account Settings: what the account is called, and what it allows.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{Account, DisplayName};

use super::changed::changed;
use super::form::{Choice, Control, Field, FormPage};
use super::gate::{Posted, Visitor};
use super::layout::{Frame, SETTINGS};
use super::problem::Problem;
use super::{Site, line};

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

struct Fields([Field; 4]);

impl Fields {
    fn of(account: &Account) -> Self {
        let Self([name, id, domain, allows]) = Self::new(account);
        let given = ALLOWANCES.iter().filter(|one| (one.is_given)(account));
        let ticked: Vec<&str> = given.map(|one| one.value).collect();
        Self([
            name.filled(account.name.as_str()),
            id,
            domain,
            allows.ticked(&ticked),
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
                "allows",
                "Allowed",
                "What is no longer allowed stays where it is; nothing of it is added any more.",
                Control::Boxes(boxes.into()),
            ),
        ])
    }

    fn typed(account: &Account, posted: &Posted) -> Self {
        let Self([name, id, domain, allows]) = Self::new(account);
        Self([name.typed(posted), id, domain, allows.typed(posted)])
    }

    /// Makes what was typed, or marks what is wrong.
    fn account(&mut self, before: &Account, posted: &Posted) -> Option<Account> {
        let [name, ..] = &mut self.0;
        let parsed_name = name.take(DisplayName::new(&name.value));
        let is_ticked = |value: &str| posted.values("allows").any(|ticked| ticked == value);
        Some(Account {
            name: parsed_name?,
            many_extensions_before_5_5: is_ticked("many_extensions"),
            generic_devices: is_ticked("generic_devices"),
            ..before.clone()
        })
    }

    fn page(self, by: &Visitor) -> FormPage {
        FormPage {
            frame: Frame::new(by, "Account Settings", SETTINGS),
            introduction: "What holds for the whole account.",
            action: SETTINGS.to_owned(),
            back: "/".to_owned(),
            hidden: Vec::new(),
            fields: self.0.into(),
            removal: None,
        }
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let account = line::account_of(&mut reading, &by.account).await?;
    Ok(Fields::of(&account).page(&by).answer())
}

pub(super) async fn save(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let before = line::account_of(&mut writing, &by.account).await?;
    let mut fields = Fields::typed(&before, &posted);
    let Some(after) = fields.account(&before, &posted) else {
        return Ok(fields.page(by).answer());
    };
    writing.account(&by.account).update_account(&after).await?;
    by.note(&mut writing, "change account settings", changes(&before, &after))
        .await?;
    writing.commit().await?;
    Ok(Redirect::to(SETTINGS).into_response())
}

/// What is different, in words.
fn changes(before: &Account, after: &Account) -> String {
    let mut pairs = vec![("Account Name", before.name.to_string(), after.name.to_string())];
    let word = |is_given| if is_given { "yes" } else { "no" }.to_owned();
    pairs.extend(ALLOWANCES.map(|one| {
        let (was, is) = ((one.is_given)(before), (one.is_given)(after));
        (one.label, word(was), word(is))
    }));
    changed(before.name.as_str(), &pairs)
}
