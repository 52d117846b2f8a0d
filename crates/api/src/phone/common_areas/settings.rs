//! `/phone/common_areas/{commonAreaId}/settings`: its desk phones, and its hours, which are around the clock.

use model::DeviceId;
use model::inventory::{Device, Holder, LinePlace};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Scope;

use super::super::shapes::{Feature, Presence, device_type_of, presence_of};
use super::area;
use super::hours::{
    AddedHoliday, Break, BusinessHours, ChangedBreaks, ChangedHolidays, CustomHours, Holiday, NewBreaks,
    NewHolidays, ToldCustomHours,
};
use crate::answer::{Created, Done, Found};
use crate::asking::tell_of_change;
use crate::call::{Call, password};
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

/// Desk phones of a common area.
const DESK_PHONES_MAX: usize = 3;
/// Holidays that are set at once.
const HOLIDAYS_MAX: usize = 10;
/// Hours that do not change because others are around the clock.
const AROUND_THE_CLOCK: u32 = 15_104;
/// The type of hours that are around the clock.
const ALWAYS: u8 = 1;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    setting_type: Option<Setting>,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Setting {
    #[default]
    DeskPhone,
    HolidayHours,
    CustomHours,
    BusinessHours,
    BreakHours,
}

/// A setting: one of these.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Shown {
    DeskPhone { desk_phones: Vec<DeskPhone> },
    Holiday { holiday_hours: Vec<Holiday> },
    Custom { custom_hours_settings: ToldCustomHours },
    Business { business_hours_settings: BusinessHours },
    Break { break_hours: Vec<Break> },
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct DeskPhone {
    id: String,
    display_name: String,
    device_type: String,
    status: Presence,
    mac_address: String,
    hot_desking: Feature,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Addition {
    device_id: Option<String>,
    holiday_hours: Option<NewHolidays>,
    break_hours: Option<NewBreaks>,
}

/// What was added.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Added {
    #[schemars(length(max = 3))]
    desk_phones: Vec<AddedPhone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holiday_hours: Option<AddedHolidays>,
    #[serde(skip_serializing_if = "Option::is_none")]
    break_hours: Option<AddedBreaks>,
}

#[derive(Serialize, JsonSchema)]
struct AddedPhone {
    id: String,
    display_name: String,
}

/// Holidays; none is ever added here.
#[derive(Serialize, JsonSchema)]
struct AddedHolidays {
    #[schemars(length(max = 10))]
    holidays: Vec<AddedHoliday>,
}

/// Breaks; none is ever added here.
#[derive(Serialize, JsonSchema)]
struct AddedBreaks {
    #[schemars(length(max = 5))]
    break_hour_settings: Vec<AddedBreak>,
}

#[derive(Serialize, JsonSchema)]
struct AddedBreak {
    break_hour_id: String,
    #[schemars(length(min = 1, max = 255))]
    break_hour_name: String,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Change {
    #[schemars(length(max = 3))]
    desk_phones: Option<Vec<ChangedPhone>>,
    holiday_hours: Option<ChangedHolidays>,
    custom_hours_settings: Option<CustomHours>,
    business_hours_settings: Option<BusinessHours>,
    #[expect(
        dead_code,
        reason = "it is part of the published API; breaks are refused as a whole"
    )]
    break_hours: Option<ChangedBreaks>,
}

#[derive(Deserialize, JsonSchema)]
struct ChangedPhone {
    id: Option<String>,
    hot_desking: Option<HotDesking>,
}

#[derive(Deserialize, JsonSchema)]
struct HotDesking {
    status: Option<Switch>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Removal {
    device_id: Option<String>,
    #[expect(
        dead_code,
        reason = "it is part of the published API; there are no holidays here"
    )]
    holiday_hour_id: Option<String>,
    #[expect(
        dead_code,
        reason = "it is part of the published API; there are no breaks here"
    )]
    break_hour_id: Option<String>,
}

pub(crate) async fn read(call: Call, asked: Asked, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let area = area(&call, &mut scope, 404).await?;
    Ok(Found(match asked.setting_type.unwrap_or_default() {
        Setting::DeskPhone => Shown::DeskPhone {
            desk_phones: desk_phones(&call, &mut scope, &area).await?,
        },
        Setting::HolidayHours => Shown::Holiday {
            holiday_hours: Vec::new(),
        },
        Setting::BreakHours => Shown::Break {
            break_hours: Vec::new(),
        },
        Setting::CustomHours => Shown::Custom {
            custom_hours_settings: ToldCustomHours {
                custom_hours: Vec::new(),
                custom_hour_type: ALWAYS,
            },
        },
        Setting::BusinessHours => Shown::Business {
            business_hours_settings: BusinessHours {
                business_hours: Some(Vec::new()),
                business_hour_type: Some(ALWAYS),
            },
        },
    }))
}

pub(crate) async fn add(
    call: Call,
    _: Nothing,
    Json(body): Json<Addition>,
) -> Result<Created<Added>, Refusal> {
    let mut writing = call.store().write().await?;
    let account = call.account_of(&mut writing).await?;
    let mut scope = writing.account(&call.account);
    let area = area(&call, &mut scope, 404).await?;
    let what = call.text("settingType");
    if what != "desk_phone" {
        check_holidays(body.holiday_hours.and_then(|holidays| holidays.holidays))?;
        let _are_read = body.break_hours.is_some();
        return Err(around_the_clock(what));
    }
    let device = desk_phone(&mut scope, body.device_id.as_deref()).await?;
    let phones = devices_of(&mut scope, &area).await?;
    let is_added = !phones.iter().any(|known| known.id == device.id);
    if is_added {
        if phones.len() >= DESK_PHONES_MAX {
            return Err(Refusal::too_many("desk_phones", DESK_PHONES_MAX));
        }
        let taken = scope.lines_of_device(&device.id).await?;
        let taken: Vec<LinePlace> = taken.into_iter().map(|line| line.place).collect();
        let place = LinePlace::first_free(device.kind, &taken);
        let place = place.ok_or_else(|| Refusal::invalid_field("device_id", "every place of it is taken"))?;
        let assigned = scope.assign(&account, &device, &area, place, password()?).await?;
        assigned.map_err(|error| Refusal::invalid_field("device_id", error))?;
    }
    let phones = devices_of(&mut scope, &area).await?;
    let detail = format!("{}: {}", device.name, area.extension);
    call.note(&mut writing, "assign extension", detail).await?;
    writing.commit().await?;
    if is_added {
        tell_of_change(&call, &device).await;
    }
    let phone = |device: &Device| AddedPhone {
        id: device.id.to_string(),
        display_name: device.name.to_string(),
    };
    Ok(Created(Added {
        desk_phones: phones.iter().map(phone).collect(),
        holiday_hours: None,
        break_hours: None,
    }))
}

pub(crate) async fn change(call: Call, _: Nothing, Json(body): Json<Change>) -> Result<Done, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let area = area(&call, &mut scope, 404).await?;
    let what = call.text("settingType");
    match what {
        "desk_phone" => {
            let phones = body.desk_phones.unwrap_or_default();
            if phones.len() > DESK_PHONES_MAX {
                return Err(Refusal::too_many("desk_phones", DESK_PHONES_MAX));
            }
            let known = devices_of(&mut scope, &area).await?;
            for phone in phones {
                let id = phone.id.unwrap_or_default();
                if !known.iter().any(|known| known.id.as_str() == id) {
                    return Err(Refusal::invalid_field(
                        "desk_phones",
                        "a device that the common area does not have",
                    ));
                }
                let wanted = phone.hot_desking.and_then(|wanted| wanted.status);
                if wanted == Some(Switch::On) {
                    let error = "no device does hot desking here";
                    return Err(Refusal::invalid_field("hot_desking", error));
                }
            }
            Ok(Done)
        }
        "business_hours" => {
            let kind = body
                .business_hours_settings
                .and_then(|hours| hours.business_hour_type);
            stay_around_the_clock(what, kind)
        }
        "custom_hours" => {
            let kind = body
                .custom_hours_settings
                .and_then(|hours| hours.custom_hour_type);
            stay_around_the_clock(what, kind)
        }
        _ => {
            check_holidays(body.holiday_hours.and_then(|holidays| holidays.holidays))?;
            Err(around_the_clock(what))
        }
    }
}

pub(crate) async fn delete(call: Call, asked: Removal, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let area = area(&call, &mut scope, 404).await?;
    let what = call.text("settingType");
    if what != "desk_phone" {
        return Err(around_the_clock(what));
    }
    let device = desk_phone(&mut scope, asked.device_id.as_deref()).await?;
    let lines = scope.lines_of_device(&device.id).await?;
    let mut is_there = false;
    for line in lines.iter().filter(|line| line.holder == area.id) {
        is_there |= scope.remove_line(&line.id).await?;
    }
    if !is_there {
        return Err(Refusal::invalid_field("device_id", "it is not the common area's"));
    }
    let detail = format!("{}: {}", device.name, area.extension);
    call.note(&mut writing, "remove extension", detail).await?;
    writing.commit().await?;
    tell_of_change(&call, &device).await;
    Ok(Done)
}

/// The device that is to be a desk phone.
async fn desk_phone(scope: &mut Scope<'_, '_>, id: Option<&str>) -> Result<Device, Refusal> {
    let device = match id.and_then(|id| id.parse::<DeviceId>().ok()) {
        Some(id) => scope.device(&id).await?,
        None => None,
    };
    device.ok_or_else(|| Refusal::invalid_field("device_id", "Device does not exist in the system."))
}

/// The devices that have a line of a common area, each once.
pub(super) async fn devices_of(scope: &mut Scope<'_, '_>, area: &Holder) -> Result<Vec<Device>, Refusal> {
    let mut devices: Vec<Device> = Vec::new();
    for line in scope.lines_of_holder(&area.id).await? {
        if !devices.iter().any(|known| known.id == line.device) {
            devices.extend(scope.device(&line.device).await?);
        }
    }
    Ok(devices)
}

async fn desk_phones(
    call: &Call,
    scope: &mut Scope<'_, '_>,
    area: &Holder,
) -> Result<Vec<DeskPhone>, Refusal> {
    let lines = scope.lines_of_holder(&area.id).await?;
    let mut phones = Vec::new();
    for device in devices_of(scope, area).await? {
        let of_device = lines.iter().filter(|line| line.device == device.id);
        let users = of_device.map(|line| line.user.as_str());
        let (status, public_ip) = presence_of(call.registrations(), users);
        phones.push(DeskPhone {
            id: device.id.to_string(),
            display_name: device.name.to_string(),
            device_type: device_type_of(&device),
            status,
            mac_address: device.mac.compact().to_ascii_lowercase(),
            hot_desking: Feature::NONE,
            private_ip: None,
            public_ip,
        });
    }
    Ok(phones)
}

fn check_holidays<T>(holidays: Option<Vec<T>>) -> Result<(), Refusal> {
    if holidays.map_or(0, |holidays| holidays.len()) > HOLIDAYS_MAX {
        return Err(Refusal::too_many("holiday_hours.holidays", HOLIDAYS_MAX));
    }
    Ok(())
}

fn stay_around_the_clock(what: &str, kind: Option<u8>) -> Result<Done, Refusal> {
    match kind {
        None | Some(ALWAYS) => Ok(Done),
        Some(_) => Err(around_the_clock(what)),
    }
}

fn around_the_clock(what: &str) -> Refusal {
    let message = format!(
        "The {what} cannot be updated when business hours are set to `24 Hours a Day, 7 Days a Week`."
    );
    Refusal::coded(AROUND_THE_CLOCK, message)
}
