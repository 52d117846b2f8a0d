//! The hours of a common area, in the forms of the published API. A common area is there around the clock, so nothing of it changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hours of every day.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct BusinessHours {
    #[schemars(length(max = 7))]
    pub(super) business_hours: Option<Vec<Day>>,
    /// 1 around the clock, 2 customized.
    #[schemars(extend("enum" = [1, 2]))]
    pub(super) business_hour_type: Option<u8>,
}

/// Hours of every day, in an older form.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct CustomHours {
    #[schemars(length(max = 7))]
    pub(super) custom_hours: Option<Vec<Day>>,
    /// 1 around the clock, 2 customized.
    #[schemars(extend("enum" = [1, 2]))]
    pub(super) custom_hour_type: Option<u8>,
}

/// Hours of a day of the week.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Day {
    from: Option<String>,
    to: Option<String>,
    /// 0 closed, 1 around the clock, 2 from and to.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = [0, 1, 2]))]
    kind: Option<u8>,
    /// 1 for Sunday to 7 for Saturday.
    #[schemars(extend("enum" = [1, 2, 3, 4, 5, 6, 7]))]
    weekday: Option<u8>,
}

/// A holiday.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Holiday {
    #[serde(skip_serializing_if = "Option::is_none")]
    holiday_id: Option<String>,
    name: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// Holidays that are to be added or changed.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Holidays {
    #[schemars(length(min = 1, max = 10))]
    pub(super) holidays: Option<Vec<Holiday>>,
}

/// Breaks that are to be added or changed.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Breaks {
    #[expect(
        dead_code,
        reason = "it is part of the published API; breaks are refused as a whole"
    )]
    #[schemars(length(max = 5))]
    break_hour_settings: Option<Vec<Break>>,
}

/// A break.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Break {
    #[serde(skip_serializing_if = "Option::is_none")]
    break_hour_id: Option<String>,
    #[schemars(length(min = 1, max = 255))]
    break_hour_name: Option<String>,
    break_hour_type: Option<BreakType>,
    break_hour_setting: Option<BreakTimes>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum BreakType {
    EveryBusinessDay,
    CustomHours,
}

/// When a break is: every day the same, or day by day.
#[derive(Serialize, Deserialize, JsonSchema)]
struct BreakTimes {
    from: Option<String>,
    to: Option<String>,
    #[schemars(length(max = 7))]
    days: Option<Vec<BreakDay>>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct BreakDay {
    #[schemars(extend("enum" = [1, 2, 3, 4, 5, 6, 7]))]
    weekday: u8,
    enable: Option<bool>,
    from: String,
    to: String,
}
