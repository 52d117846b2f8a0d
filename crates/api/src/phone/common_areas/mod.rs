//! `/phone/common_areas`.

mod change;
mod hours;
mod list;
mod read;
mod settings;

use axum::http::Method;
use model::Extension;
use model::inventory::{CountryCode, DisplayName, Holder, HolderKind, TimeZone, time_zones};
use store::Scope;

use super::{READ, WRITE, shapes};
use crate::call::Call;
use crate::operation::Operation;
use crate::rate::Rate;
use crate::refusal::Refusal;

/// What can be asked of a common area.
const ASKED: &[&str] = &[
    "desk_phone",
    "holiday_hours",
    "custom_hours",
    "business_hours",
    "break_hours",
];
/// What can be added to one, and taken away again.
const ADDED: &[&str] = &["desk_phone", "holiday_hours", "break_hours"];

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = settings_operations();
    operations.extend([
        Operation::new(Method::GET, "/phone/common_areas", "listCommonAreas", list::list)
            .summary("List common areas")
            .scopes(READ, &["phone:read:common_area:admin"])
            .rate(Rate::Medium),
        Operation::new(Method::POST, "/phone/common_areas", "addCommonArea", change::add)
            .summary("Add a common area")
            .scopes(WRITE, &["phone:write:common_area:admin"])
            .refuses(&[(400, &[300, 409])]),
        Operation::new(
            Method::GET,
            "/phone/common_areas/{commonAreaId}",
            "getACommonArea",
            read::read,
        )
        .summary("Get a common area")
        .scopes(READ, &["phone:read:common_area:admin"])
        .refuses(&[(400, &[400])]),
        Operation::new(
            Method::PATCH,
            "/phone/common_areas/{commonAreaId}",
            "updateCommonArea",
            change::change,
        )
        .summary("Change a common area")
        .scopes(WRITE, &["phone:update:common_area:admin"])
        .refuses(&[(400, &[300, 404, 409])]),
        Operation::new(
            Method::DELETE,
            "/phone/common_areas/{commonAreaId}",
            "deleteCommonArea",
            change::delete,
        )
        .summary("Remove a common area, with what is assigned to it")
        .scopes(WRITE, &["phone:delete:common_area:admin"])
        .refuses(&[(400, &[404])]),
    ]);
    operations
}

fn settings_operations() -> Vec<Operation> {
    const SETTINGS: &str = "/phone/common_areas/{commonAreaId}/settings";
    const SETTING: &str = "/phone/common_areas/{commonAreaId}/settings/{settingType}";
    vec![
        Operation::new(Method::GET, SETTINGS, "getCommonAreaSettings", settings::read)
            .summary("Get the desk phones of a common area, or its hours")
            .scopes(READ, &["phone:read:list_common_area_settings:admin"])
            .refuses(&[(400, &[404])]),
        Operation::new(Method::POST, SETTING, "AddCommonAreaSetting", settings::add)
            .summary("Assign a desk phone to a common area")
            .scopes(WRITE, &["phone:write:common_area_setting:admin"])
            .refuses(&[(400, &[300, 404, 405, 15104])])
            .words(&[("settingType", ADDED)]),
        Operation::new(
            Method::PATCH,
            SETTING,
            "UpdateCommonAreaSetting",
            settings::change,
        )
        .summary("Set the desk phones or the hours of a common area")
        .scopes(WRITE, &["phone:update:common_area_setting:admin"])
        .refuses(&[(400, &[300, 404, 405, 15101, 15104])])
        .words(&[("settingType", ASKED)]),
        Operation::new(
            Method::DELETE,
            SETTING,
            "deleteCommonAreaSetting",
            settings::delete,
        )
        .summary("Unassign a desk phone from a common area")
        .scopes(WRITE, &["phone:delete:common_area_setting:admin"])
        .refuses(&[(400, &[300, 404, 15101, 15104])])
        .words(&[("settingType", ADDED)]),
    ]
}

/// Finds the common area of a path, or refuses with a code.
async fn area(call: &Call, scope: &mut Scope<'_, '_>, code: u32) -> Result<Holder, Refusal> {
    let id = call.text("commonAreaId");
    let found = shapes::holder_of(scope, id).await?;
    found
        .filter(|holder| holder.kind == HolderKind::CommonArea)
        .ok_or_else(|| {
            let short: String = id.chars().take(100).collect();
            Refusal::coded(code, format_args!("Common area does not exist: {short}."))
        })
}

fn name(text: &str) -> Result<DisplayName, Refusal> {
    DisplayName::new(text).map_err(|error| Refusal::invalid_field("display_name", error))
}

fn country(text: &str, stored: Option<CountryCode>) -> Result<CountryCode, Refusal> {
    shapes::country(text, stored).map_err(|error| {
        Refusal::invalid(format_args!(
            "This country is not supported by Zoom Phone. country_iso_code: {error}"
        ))
    })
}

fn time_zone(text: &str, stored: Option<&TimeZone>) -> Result<TimeZone, Refusal> {
    time_zones::read(text, stored).map_err(|error| {
        Refusal::invalid(format_args!(
            "Timezone not found in the system. timezone: {error}"
        ))
    })
}

fn number(number: i64) -> Result<Extension, Refusal> {
    number
        .to_string()
        .parse()
        .map_err(|error| Refusal::invalid_field("extension_number", error))
}
