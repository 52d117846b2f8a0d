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
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CustomHours {
    #[expect(
        dead_code,
        reason = "it is part of the published API; hours are refused as a whole"
    )]
    #[schemars(length(max = 7))]
    custom_hours: Option<Vec<Day>>,
    /// 1 around the clock, 2 customized.
    #[schemars(extend("enum" = [1, 2]))]
    pub(super) custom_hour_type: Option<u8>,
}

/// The same as they are told.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ToldCustomHours {
    pub(super) custom_hours: Vec<Day>,
    /// 1 around the clock, 2 customized.
    #[schemars(extend("enum" = [1, 2]))]
    pub(super) custom_hour_type: u8,
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

/// A holiday as it is told.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Holiday {
    holiday_id: String,
    name: String,
    #[schemars(extend("format" = "date-time"))]
    from: String,
    #[schemars(extend("format" = "date-time"))]
    to: String,
}

/// A holiday as it is told where it was just added.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AddedHoliday {
    holiday_id: String,
    name: String,
    from: String,
    to: String,
}

/// Holidays that are to be added.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct NewHolidays {
    #[schemars(length(min = 1, max = 10))]
    pub(super) holidays: Option<Vec<NewHoliday>>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(
    dead_code,
    reason = "it is part of the published API; holidays are refused as a whole"
)]
pub(crate) struct NewHoliday {
    name: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// Holidays that are to be changed.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ChangedHolidays {
    #[schemars(length(min = 1, max = 10))]
    pub(super) holidays: Option<Vec<ChangedHoliday>>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(
    dead_code,
    reason = "it is part of the published API; holidays are refused as a whole"
)]
pub(crate) struct ChangedHoliday {
    holiday_id: Option<String>,
    name: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// Breaks that are to be added.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct NewBreaks {
    #[expect(
        dead_code,
        reason = "it is part of the published API; breaks are refused as a whole"
    )]
    #[schemars(length(max = 5))]
    break_hour_settings: Option<Vec<NewBreak>>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(
    dead_code,
    reason = "it is part of the published API; breaks are refused as a whole"
)]
struct NewBreak {
    #[schemars(length(min = 1, max = 255))]
    break_hour_name: String,
    break_hour_type: BreakType,
    break_hour_setting: Option<BreakTimes>,
}

/// Breaks that are to be changed.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ChangedBreaks {
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
