//! `/phone/alert_settings`.

use axum::http::Method;
use model::inventory::{
    AlertChannel, AlertCondition, AlertSetting, AlertSettingError, AlertSettingId, AlertTarget, AlertTimes,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{AlertSettingFilter, Scope};

use super::shapes::{ExtensionType, SiteName, holder_of, number_of};
use super::{READ, SHOW_PASSWORDS, WRITE};
use crate::answer::{Created, Done, Found};
use crate::call::{Call, bits};
use crate::operation::{Json, Nothing, Operation};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// Settings of a page.
const PAGE_SIZE_MAX: u32 = 100;
/// There is no such setting.
const UNKNOWN: u32 = 13_003;
/// A target is none of the account.
const UNKNOWN_TARGET: u32 = 13_014;
/// There are too many settings.
const TOO_MANY: u32 = 13_022;
/// Each code that a setting can be refused with when it is made.
const REFUSALS: &[u32] = &[
    300, 403, 13004, 13005, 13006, 13007, 13008, 13009, 13010, 13012, 13013, 13014, 13015, 13016, 13017,
    13018, 13019, 13020, 13021, 13022, 13023, 13024,
];
/// And when it is changed.
const CHANGE_REFUSALS: &[u32] = &[
    300, 403, 13006, 13007, 13008, 13010, 13011, 13012, 13013, 13014, 13015, 13016, 13017, 13018, 13020,
    13021, 13023, 13024,
];

pub(super) fn operations() -> Vec<Operation> {
    const ALL: &str = "/phone/alert_settings";
    const ONE: &str = "/phone/alert_settings/{alertSettingId}";
    vec![
        Operation::new(Method::GET, ALL, "ListAlertSettingsWithPagingQuery", list)
            .summary("List alert settings")
            .scopes(READ, &["phone:read:list_alert_settings:admin"])
            .rate(Rate::Medium)
            .refuses(&[(400, &[403, 13000, 13001, 13002, 13012]), (401, &[124])]),
        Operation::new(Method::POST, ALL, "AddAnAlertSetting", add)
            .summary("Add an alert setting")
            .scopes(WRITE, &["phone:write:alert_setting:admin"])
            .refuses(&[(400, REFUSALS)]),
        Operation::new(Method::GET, ONE, "GetAlertSettingDetails", read)
            .summary("Get an alert setting")
            .scopes(READ, &["phone:read:alert_setting:admin"])
            .refuses(&[(400, &[403]), (404, &[UNKNOWN])]),
        Operation::new(Method::PATCH, ONE, "UpdateAnAlertSetting", change)
            .summary("Change an alert setting")
            .scopes(WRITE, &["phone:patch:alert_setting:admin"])
            .refuses(&[(400, CHANGE_REFUSALS), (404, &[UNKNOWN])]),
        Operation::new(Method::DELETE, ONE, "DeleteAnAlertSetting", delete)
            .summary("Remove an alert setting")
            .scopes(WRITE, &["phone:delete:alert_setting:admin"])
            .refuses(&[(400, &[403]), (404, &[UNKNOWN])]),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    #[schemars(range(max = 100), extend("default" = 30))]
    page_size: Option<u32>,
    next_page_token: Option<String>,
    #[schemars(extend("enum" = [1, 2, 3, 4, 5]))]
    module: Option<u8>,
    #[schemars(extend("enum" = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]))]
    rule: Option<u8>,
    #[schemars(extend("enum" = [0, 1]))]
    status: Option<u8>,
}

/// A page of settings.
#[derive(Serialize, JsonSchema)]
struct Page {
    next_page_token: String,
    page_size: u32,
    alert_settings: Vec<Row>,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    alert_setting_id: String,
    alert_setting_name: String,
    module: u8,
    rule: u8,
    rule_conditions: Vec<Condition>,
    targets: Vec<TargetName>,
    time_frame_type: TimeFrame,
    time_frame_from: String,
    time_frame_to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [5, 10, 15, 30, 60]))]
    frequency: Option<u8>,
    email_recipients: Vec<String>,
    chat_channels: Vec<Channel>,
    #[schemars(extend("enum" = [0, 1]))]
    status: u8,
}

/// A setting.
#[derive(Serialize, JsonSchema)]
struct Shown {
    alert_setting_id: String,
    alert_setting_name: String,
    module: u8,
    rule: u8,
    rule_conditions: Vec<Condition>,
    targets: Vec<Target>,
    time_frame_type: TimeFrame,
    time_frame_from: String,
    time_frame_to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [5, 10, 15, 30, 60]))]
    frequency: Option<u8>,
    email_recipients: Vec<String>,
    chat_channels: Vec<Channel>,
    #[schemars(extend("enum" = [0, 1]))]
    status: u8,
}

#[derive(Serialize, JsonSchema)]
struct TargetName {
    target_name: String,
}

#[derive(Serialize, JsonSchema)]
struct Target {
    target_id: String,
    target_name: String,
    #[schemars(extend("enum" = [1, 2, 3, 4, 5]))]
    target_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_extension_number: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<SiteName>,
    assignees: Vec<TargetAssignee>,
}

#[derive(Serialize, JsonSchema)]
struct TargetAssignee {
    extension_number: i64,
    name: String,
    extension_type: ExtensionType,
    extension_id: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Condition {
    #[schemars(extend("enum" = [1, 2, 3, 4, 5]))]
    rule_condition_type: Option<u8>,
    rule_condition_value: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Channel {
    chat_channel_name: Option<String>,
    token: Option<String>,
    end_point: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum TimeFrame {
    AllDay,
    SpecificTime,
}

#[derive(Deserialize, JsonSchema)]
struct NewSetting {
    alert_setting_name: String,
    module: u8,
    rule: u8,
    #[schemars(extend("enum" = [1, 2, 3, 4, 5]))]
    target_type: u8,
    target_ids: Option<Vec<String>>,
    rule_conditions: Vec<Condition>,
    time_frame_type: TimeFrame,
    time_frame_from: String,
    time_frame_to: String,
    #[schemars(extend("enum" = [5, 10, 15, 30, 60]))]
    frequency: Option<u8>,
    email_recipients: Option<Vec<String>>,
    chat_channels: Option<Vec<Channel>>,
    #[schemars(extend("enum" = [0, 1]))]
    status: Option<u8>,
}

#[derive(Deserialize, JsonSchema)]
struct Change {
    alert_setting_name: Option<String>,
    rule_conditions: Option<Vec<Condition>>,
    target_ids: Option<Vec<String>>,
    time_frame_type: Option<TimeFrame>,
    time_frame_from: Option<String>,
    time_frame_to: Option<String>,
    #[schemars(extend("enum" = [5, 10, 15, 30, 60]))]
    frequency: Option<u8>,
    email_recipients: Option<Vec<String>>,
    chat_channels: Option<Vec<Channel>>,
    #[schemars(extend("enum" = [0, 1]))]
    status: Option<u8>,
}

/// A setting by id and name.
#[derive(Serialize, JsonSchema)]
struct Made {
    alert_setting_id: String,
    alert_setting_name: String,
}

async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let filter = AlertSettingFilter {
        module: asked.module,
        rule: asked.rule,
        is_active: activity(asked.status)?,
    };
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let after = part.after.unwrap_or_default();
    let more = part.size.saturating_add(1);
    let mut rows = scope.list_alert_settings(&filter, &after, more).await?;
    let size = usize::try_from(part.size).unwrap_or(usize::MAX);
    let has_more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| has_more).map(|row| row.id.to_string());
    let shows_tokens = call.client.scopes.has(SHOW_PASSWORDS);
    let mut alert_settings = Vec::new();
    for setting in rows {
        let Shown {
            alert_setting_id,
            alert_setting_name,
            module,
            rule,
            rule_conditions,
            targets,
            time_frame_type,
            time_frame_from,
            time_frame_to,
            frequency,
            email_recipients,
            chat_channels,
            status,
        } = shown(&mut scope, setting, shows_tokens).await?;
        let name = |target: Target| TargetName {
            target_name: target.target_name,
        };
        alert_settings.push(Row {
            alert_setting_id,
            alert_setting_name,
            module,
            rule,
            rule_conditions,
            targets: targets.into_iter().map(name).collect(),
            time_frame_type,
            time_frame_from,
            time_frame_to,
            frequency,
            email_recipients,
            chat_channels,
            status,
        });
    }
    Ok(Found(Page {
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        alert_settings,
    }))
}

async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let setting = of_path(&call, &mut scope).await?;
    let shows_tokens = call.client.scopes.has(SHOW_PASSWORDS);
    Ok(Found(shown(&mut scope, setting, shows_tokens).await?))
}

async fn add(call: Call, _: Nothing, Json(body): Json<NewSetting>) -> Result<Created<Made>, Refusal> {
    let setting = AlertSetting {
        id: AlertSettingId::from_random(bits()?),
        name: body.alert_setting_name,
        module: body.module,
        rule: body.rule,
        target: AlertTarget {
            kind: body.target_type,
            ids: body.target_ids.unwrap_or_default(),
        },
        conditions: body.rule_conditions.into_iter().map(condition).collect(),
        times: AlertTimes {
            is_all_day: body.time_frame_type == TimeFrame::AllDay,
            from: body.time_frame_from,
            to: body.time_frame_to,
        },
        frequency: body.frequency,
        email_recipients: body.email_recipients.unwrap_or_default(),
        chat_channels: body
            .chat_channels
            .unwrap_or_default()
            .into_iter()
            .map(channel)
            .collect(),
        is_active: activity(body.status)?.unwrap_or(true),
    };
    setting.check().map_err(refused)?;
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    check_targets(&mut scope, &setting).await?;
    if !scope.set_alert_setting(&setting).await? {
        let (module, rule) = (setting.module, setting.rule);
        return Err(Refusal::coded(
            TOO_MANY,
            format_args!(
                "The number of alerts for this module:{module} has reached the limit, and it is not allowed to create \
                 alerts of this rule:{rule}."
            ),
        ));
    }
    call.note(&mut writing, "add alert setting", setting.name.clone())
        .await?;
    writing.commit().await?;
    Ok(Created(Made {
        alert_setting_id: setting.id.to_string(),
        alert_setting_name: setting.name,
    }))
}

async fn change(call: Call, _: Nothing, Json(body): Json<Change>) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let mut setting = of_path(&call, &mut scope).await?;
    setting.name = body.alert_setting_name.unwrap_or(setting.name);
    if let Some(conditions) = body.rule_conditions {
        setting.conditions = conditions.into_iter().map(condition).collect();
    }
    setting.target.ids = body.target_ids.unwrap_or(setting.target.ids);
    if let Some(frame) = body.time_frame_type {
        setting.times.is_all_day = frame == TimeFrame::AllDay;
    }
    setting.times.from = body.time_frame_from.unwrap_or(setting.times.from);
    setting.times.to = body.time_frame_to.unwrap_or(setting.times.to);
    setting.frequency = body.frequency.or(setting.frequency);
    setting.email_recipients = body.email_recipients.unwrap_or(setting.email_recipients);
    if let Some(channels) = body.chat_channels {
        let before = std::mem::take(&mut setting.chat_channels);
        setting.chat_channels = channels.into_iter().map(channel).collect();
        for channel in &mut setting.chat_channels {
            keep_token(channel, &before);
        }
    }
    setting.is_active = activity(body.status)?.unwrap_or(setting.is_active);
    setting.check().map_err(refused)?;
    check_targets(&mut scope, &setting).await?;
    scope.set_alert_setting(&setting).await?;
    call.note(&mut writing, "change alert setting", setting.name)
        .await?;
    writing.commit().await?;
    Ok(Done)
}

async fn delete(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let setting = of_path(&call, &mut scope).await?;
    scope.remove_alert_setting(&setting.id).await?;
    call.note(&mut writing, "remove alert setting", setting.name)
        .await?;
    writing.commit().await?;
    Ok(Done)
}

async fn of_path(call: &Call, scope: &mut Scope<'_, '_>) -> Result<AlertSetting, Refusal> {
    let found = match call.id::<AlertSettingId>("alertSettingId") {
        Some(id) => scope.alert_setting(&id).await?,
        None => None,
    };
    found.ok_or_else(|| {
        let id: String = call.text("alertSettingId").chars().take(100).collect();
        let message = format!("The alert setting does not exist, alertSettingId:{id}.");
        Refusal::not_found(UNKNOWN, message)
    })
}

/// Whether a setting is active, if a status says so.
fn activity(status: Option<u8>) -> Result<Option<bool>, Refusal> {
    match status {
        None => Ok(None),
        Some(0) => Ok(Some(false)),
        Some(1) => Ok(Some(true)),
        Some(_) => Err(Refusal::invalid_field("status", "0 for inactive, 1 for active")),
    }
}

fn condition(condition: Condition) -> AlertCondition {
    AlertCondition {
        kind: condition.rule_condition_type.unwrap_or_default(),
        value: condition.rule_condition_value.unwrap_or_default(),
    }
}

fn channel(channel: Channel) -> AlertChannel {
    AlertChannel {
        name: channel.chat_channel_name.unwrap_or_default(),
        token: channel.token.unwrap_or_default(),
        end_point: channel.end_point.unwrap_or_default(),
    }
}

/// A channel that comes back without the token it was shown without keeps the one it has.
fn keep_token(channel: &mut AlertChannel, before: &[AlertChannel]) {
    let is_same = |other: &&AlertChannel| other.name == channel.name && other.end_point == channel.end_point;
    if channel.token.is_empty()
        && let Some(same) = before.iter().find(is_same)
    {
        channel.token.clone_from(&same.token);
    }
}

/// Refuses targets that are none of the account.
async fn check_targets(scope: &mut Scope<'_, '_>, setting: &AlertSetting) -> Result<(), Refusal> {
    for id in &setting.target.ids {
        let is_there = target(scope, setting.target.kind, id).await?.is_some();
        if !is_there {
            let id: String = id.chars().take(100).collect();
            let message = format!("The target id:{id} is invalid.");
            return Err(Refusal::coded(UNKNOWN_TARGET, message));
        }
    }
    Ok(())
}

/// What a target is; none where it is no more.
async fn target(scope: &mut Scope<'_, '_>, kind: u8, id: &str) -> Result<Option<Target>, Refusal> {
    let named = |name: String| Target {
        target_id: id.to_owned(),
        target_name: name,
        target_type: kind,
        target_extension_number: None,
        site: None,
        assignees: Vec::new(),
    };
    Ok(match kind {
        1 => holder_of(scope, id).await?.map(|user| Target {
            target_extension_number: Some(number_of(&user.extension)),
            ..named(user.name.to_string())
        }),
        4 => match id.parse() {
            Ok(site) => scope.site(&site).await?.map(|site| Target {
                site: Some(SiteName::of(&site)),
                ..named(site.name.to_string())
            }),
            Err(_) => None,
        },
        5 => {
            let device = match id.parse() {
                Ok(device) => scope.device(&device).await?,
                Err(_) => None,
            };
            match device {
                Some(device) => {
                    let lines = scope.held_lines_of_device(&device.id).await?;
                    let assignee = |(_, holder): &(_, model::inventory::Holder)| TargetAssignee {
                        extension_number: number_of(&holder.extension),
                        name: holder.name.to_string(),
                        extension_type: ExtensionType::of(holder.kind),
                        extension_id: holder.id.to_string(),
                    };
                    Some(Target {
                        assignees: lines.iter().map(assignee).collect(),
                        ..named(device.name.to_string())
                    })
                }
                None => None,
            }
        }
        _ => None,
    })
}

/// What is told of a setting; tokens are left empty unless the program may be shown them.
async fn shown(
    scope: &mut Scope<'_, '_>,
    setting: AlertSetting,
    shows_tokens: bool,
) -> Result<Shown, Refusal> {
    let mut targets = Vec::new();
    for id in &setting.target.ids {
        targets.extend(target(scope, setting.target.kind, id).await?);
    }
    let condition = |condition: AlertCondition| Condition {
        rule_condition_type: Some(condition.kind),
        rule_condition_value: Some(condition.value),
    };
    let channel = |channel: AlertChannel| Channel {
        chat_channel_name: Some(channel.name),
        token: Some(if shows_tokens {
            channel.token
        } else {
            String::new()
        }),
        end_point: Some(channel.end_point),
    };
    Ok(Shown {
        alert_setting_id: setting.id.to_string(),
        alert_setting_name: setting.name,
        module: setting.module,
        rule: setting.rule,
        rule_conditions: setting.conditions.into_iter().map(condition).collect(),
        targets,
        time_frame_type: if setting.times.is_all_day {
            TimeFrame::AllDay
        } else {
            TimeFrame::SpecificTime
        },
        time_frame_from: setting.times.from,
        time_frame_to: setting.times.to,
        frequency: setting.frequency,
        email_recipients: setting.email_recipients,
        chat_channels: setting.chat_channels.into_iter().map(channel).collect(),
        status: u8::from(setting.is_active),
    })
}

fn refused(error: AlertSettingError) -> Refusal {
    let code = match error {
        AlertSettingError::TargetCount => 13_006,
        AlertSettingError::RecipientCount => 13_007,
        AlertSettingError::ChannelCount => 13_008,
        AlertSettingError::OtherModule(..) => 13_012,
        AlertSettingError::OtherTarget(..) => 13_013,
        AlertSettingError::OtherCondition(..) => 13_015,
        AlertSettingError::ConditionMissing(..) => 13_016,
        AlertSettingError::ConditionValue(_) => 13_017,
        AlertSettingError::Field(_) => 13_018,
        AlertSettingError::ConditionTwice => 13_020,
        AlertSettingError::SameValues => 13_021,
    };
    Refusal::coded(code, error)
}
