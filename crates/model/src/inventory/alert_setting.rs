//! When administrators want to be told, and how: kept for programs that set it.

use super::AlertSettingId;

/// Somebody wants to be told of something.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AlertSetting {
    /// Its id.
    pub id: AlertSettingId,
    /// What people call it.
    pub name: String,
    /// What part of the service it is about.
    pub module: u8,
    /// What is watched.
    pub rule: u8,
    /// Whom or what it is about.
    pub target: AlertTarget,
    /// When it is told.
    pub conditions: Vec<AlertCondition>,
    /// At which time of the day.
    pub times: AlertTimes,
    /// Minutes between two messages, where they are repeated.
    pub frequency: Option<u8>,
    /// Who gets mail.
    pub email_recipients: Vec<String>,
    /// Where a message is posted.
    pub chat_channels: Vec<AlertChannel>,
    /// It is switched on.
    pub is_active: bool,
}

/// Whom or what an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AlertTarget {
    /// 1 user, 2 account, 3 call queue, 4 site, 5 device.
    pub kind: u8,
    /// Their ids; none for the account.
    pub ids: Vec<String>,
}

/// When it is told.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AlertCondition {
    /// 1 threshold, 2 warning, 3 critical, 4 alert, 5 severity.
    pub kind: u8,
    /// How much.
    pub value: String,
}

/// The times of a day at which messages are sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AlertTimes {
    /// All day, whatever the times say.
    pub is_all_day: bool,
    /// From, as HH:mm:ss.
    pub from: String,
    /// To, as HH:mm:ss.
    pub to: String,
}

/// Where a message is posted.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AlertChannel {
    /// What people call it.
    pub name: String,
    /// What proves that one may post there.
    pub token: String,
    /// Its address.
    pub end_point: String,
}

impl std::fmt::Debug for AlertChannel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "AlertChannel({})", self.name)
    }
}

/// Why a setting of alerts is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlertSettingError {
    /// The rule is another module's.
    #[error("The module:{0} does not support this rule:{1}.")]
    OtherModule(u8, u8),
    /// The rule is about something else.
    #[error("The rule:{0} does not support this target type:{1}.")]
    OtherTarget(u8, u8),
    /// There are too few or too many.
    #[error("The number of target is invalid.")]
    TargetCount,
    /// There are too many.
    #[error("The number of email recipients is invalid.")]
    RecipientCount,
    /// There are too many.
    #[error("The number of chat channels is invalid.")]
    ChannelCount,
    /// The rule has no such condition.
    #[error("The rule:{0} can not support the rule condition type:{1}.")]
    OtherCondition(u8, u8),
    /// The rule needs it.
    #[error("The rule:{0} is missing the rule condition type:{1}.")]
    ConditionMissing(u8, u8),
    /// No such value is known.
    #[error("The value of the rule condition type:{0} is invalid.")]
    ConditionValue(u8),
    /// A field is wrong.
    #[error("The value of alert field:{0} is invalid.")]
    Field(&'static str),
    /// A condition stands there twice.
    #[error("There are duplicated rule condition types.")]
    ConditionTwice,
    /// Warning and critical are told apart by their values.
    #[error("The rule condition value can not be same.")]
    SameValues,
}

/// Characters of a text of an alert.
const TEXT_MAX: usize = 255;
/// Characters of an address or a token.
const ADDRESS_MAX: usize = 1_024;

impl AlertSetting {
    /// Devices or users of one alert.
    pub const TARGETS_MAX: usize = 5;
    /// Who gets mail of one alert.
    pub const RECIPIENTS_MAX: usize = 10;
    /// Where one alert is posted.
    pub const CHANNELS_MAX: usize = 3;
    /// Minutes that can lie between two messages.
    pub const FREQUENCIES: [u8; 5] = [5, 10, 15, 30, 60];

    /// Says whether it can be kept.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), AlertSettingError> {
        if !module_has(self.module, self.rule) {
            return Err(AlertSettingError::OtherModule(self.module, self.rule));
        }
        self.check_target()?;
        self.check_conditions()?;
        self.check_texts()?;
        if self.email_recipients.len() > Self::RECIPIENTS_MAX {
            return Err(AlertSettingError::RecipientCount);
        }
        if self.chat_channels.len() > Self::CHANNELS_MAX {
            return Err(AlertSettingError::ChannelCount);
        }
        Ok(())
    }

    fn check_target(&self) -> Result<(), AlertSettingError> {
        let AlertTarget { kind, ids } = &self.target;
        let (kinds, count): (&[u8], _) = match self.rule {
            1..=8 => (&[3], 1..=Self::TARGETS_MAX),
            9 => (&[2], 0..=0),
            10 if *kind == 2 => (&[2], 0..=0),
            10 => (&[2, 5], 1..=Self::TARGETS_MAX),
            11 => (&[5], 1..=Self::TARGETS_MAX),
            13 => (&[1], 1..=Self::TARGETS_MAX),
            _ => (&[4], 1..=1),
        };
        if !kinds.contains(kind) {
            return Err(AlertSettingError::OtherTarget(self.rule, *kind));
        }
        if !count.contains(&ids.len()) {
            return Err(AlertSettingError::TargetCount);
        }
        Ok(())
    }

    fn check_conditions(&self) -> Result<(), AlertSettingError> {
        let needed: &[u8] = match self.rule {
            1 => &[1, 2, 3],
            2..=8 | 12 | 13 => &[2, 3],
            10 | 11 => &[4],
            _ => &[5],
        };
        for (index, condition) in self.conditions.iter().enumerate() {
            if !needed.contains(&condition.kind) {
                return Err(AlertSettingError::OtherCondition(self.rule, condition.kind));
            }
            if self
                .conditions
                .iter()
                .take(index)
                .any(|other| other.kind == condition.kind)
            {
                return Err(AlertSettingError::ConditionTwice);
            }
            if !is_value(self.rule, condition) {
                return Err(AlertSettingError::ConditionValue(condition.kind));
            }
        }
        let value = |kind: u8| self.conditions.iter().find(|condition| condition.kind == kind);
        for kind in needed {
            if value(*kind).is_none() {
                return Err(AlertSettingError::ConditionMissing(self.rule, *kind));
            }
        }
        match (value(2), value(3)) {
            (Some(warning), Some(critical)) if warning.value == critical.value => {
                Err(AlertSettingError::SameValues)
            }
            _ => Ok(()),
        }
    }

    fn check_texts(&self) -> Result<(), AlertSettingError> {
        let field = |name, is_right: bool| {
            if is_right {
                Ok(())
            } else {
                Err(AlertSettingError::Field(name))
            }
        };
        field("alert_setting_name", is_text(&self.name, TEXT_MAX))?;
        field("time_frame_from", is_time(&self.times.from))?;
        field("time_frame_to", is_time(&self.times.to))?;
        let frequency = self.frequency;
        field(
            "frequency",
            frequency.is_none_or(|minutes| Self::FREQUENCIES.contains(&minutes)),
        )?;
        let is_mail = |mail: &String| is_text(mail, TEXT_MAX) && mail.contains('@');
        field("email_recipients", self.email_recipients.iter().all(is_mail))?;
        let is_channel = |channel: &AlertChannel| {
            is_text(&channel.name, TEXT_MAX)
                && is_text(&channel.token, ADDRESS_MAX)
                && is_text(&channel.end_point, ADDRESS_MAX)
        };
        field("chat_channels", self.chat_channels.iter().all(is_channel))
    }
}

/// Says whether a rule is a module's.
fn module_has(module: u8, rule: u8) -> bool {
    match module {
        1 => (1..=8).contains(&rule),
        2 => rule == 9,
        3 => (10..=12).contains(&rule),
        4 => rule == 13,
        5 => rule == 14,
        _ => false,
    }
}

fn is_value(rule: u8, condition: &AlertCondition) -> bool {
    let number = condition.value.parse::<u16>().ok();
    let among = |values: &[u16]| number.is_some_and(|number| values.contains(&number));
    match (condition.kind, rule) {
        (1, _) => among(&[15, 30, 60, 120, 180, 240, 300]),
        (2 | 3, 4) => among(&[
            10, 15, 20, 25, 30, 45, 60, 120, 180, 240, 300, 600, 900, 1_200, 1_500, 1_800,
        ]),
        (2 | 3, 13) => number.is_some_and(|number| number <= 5),
        (2 | 3, 6) => number.is_some(),
        (2 | 3, _) => number.is_some_and(|number| (1..=100).contains(&number)),
        (4, _) => among(&[5, 10, 15, 30, 60]),
        _ => matches!(condition.value.as_str(), "Warning" | "Critical"),
    }
}

fn is_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// HH:mm:ss.
fn is_time(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let is_below = |part: &str, most: u8| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|number| number < most)
    };
    match parts.as_slice() {
        [hours, minutes, seconds] => is_below(hours, 24) && is_below(minutes, 60) && is_below(seconds, 60),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> AlertSetting {
        AlertSetting {
            id: AlertSettingId::from_random(1),
            name: "Speakers".to_owned(),
            module: 3,
            rule: 10,
            target: AlertTarget {
                kind: 5,
                ids: vec!["a".to_owned()],
            },
            conditions: vec![AlertCondition {
                kind: 4,
                value: "15".to_owned(),
            }],
            times: AlertTimes {
                is_all_day: true,
                from: "00:00:00".to_owned(),
                to: "23:59:59".to_owned(),
            },
            frequency: Some(5),
            email_recipients: vec!["a@one.example".to_owned()],
            chat_channels: Vec::new(),
            is_active: true,
        }
    }

    #[test]
    fn a_setting_that_says_what_its_rule_needs_is_taken() {
        assert_eq!(setting().check(), Ok(()));
        let account = AlertTarget {
            kind: 2,
            ids: Vec::new(),
        };
        assert_eq!(
            AlertSetting {
                target: account,
                ..setting()
            }
            .check(),
            Ok(())
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        type Change = fn(&mut AlertSetting);
        let cases: [(Change, AlertSettingError); 12] = [
            (|s| s.module = 1, AlertSettingError::OtherModule(1, 10)),
            (|s| s.target.kind = 4, AlertSettingError::OtherTarget(10, 4)),
            (|s| s.target.ids.clear(), AlertSettingError::TargetCount),
            (
                |s| s.target.ids = vec!["a".to_owned(); 6],
                AlertSettingError::TargetCount,
            ),
            (
                |s| s.conditions[0].kind = 5,
                AlertSettingError::OtherCondition(10, 5),
            ),
            (
                |s| s.conditions.clear(),
                AlertSettingError::ConditionMissing(10, 4),
            ),
            (
                |s| s.conditions[0].value = "16".to_owned(),
                AlertSettingError::ConditionValue(4),
            ),
            (
                |s| s.conditions.push(s.conditions[0].clone()),
                AlertSettingError::ConditionTwice,
            ),
            (
                |s| s.times.from = "24:00:00".to_owned(),
                AlertSettingError::Field("time_frame_from"),
            ),
            (|s| s.frequency = Some(6), AlertSettingError::Field("frequency")),
            (
                |s| s.email_recipients = vec!["a@b".to_owned(); 11],
                AlertSettingError::RecipientCount,
            ),
            (
                |s| {
                    let channel = AlertChannel {
                        name: "x".to_owned(),
                        token: "x".to_owned(),
                        end_point: "x".to_owned(),
                    };
                    s.chat_channels = vec![channel; 4];
                },
                AlertSettingError::ChannelCount,
            ),
        ];
        for (change, error) in cases {
            let mut setting = setting();
            change(&mut setting);
            assert_eq!(setting.check(), Err(error));
        }
    }
}
