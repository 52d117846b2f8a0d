//! The slots of the typed view: which keys each has, and what they say.

use super::{SlotConfig, Tone, conflict};
use crate::config::ConfigError;
use crate::config::reader::Reader;
use crate::{AuthorizationId, Secret, SipUser, SlotKind, SlotPosition};

/// The names of a slot's keys.
pub(crate) struct SlotKeys {
    pub(crate) user: String,
    pub(crate) authorization_id: String,
    pub(crate) password: String,
    pub(super) tone: String,
    /// The key that switches the slot off, if there is one.
    pub(crate) usage: Option<String>,
}

impl SlotKeys {
    pub(crate) fn of(position: SlotPosition) -> Self {
        let port = position.port();
        match position.kind() {
            SlotKind::Page if position == SlotPosition::BASE_PAGE => Self {
                user: "sip.u1.user".into(),
                authorization_id: "sip.u1.auth".into(),
                password: "sip.u1.pwd".into(),
                tone: "audio.page.tone".into(),
                usage: Some("sip.page.use".into()),
            },
            SlotKind::Page => Self::numbered("mcast.", port.saturating_sub(1)),
            SlotKind::Ring => {
                let key = |part: &str| format!("sip.alert{port}.{part}");
                Self {
                    user: key("user"),
                    authorization_id: key("auth"),
                    password: key("pwd"),
                    tone: key("tone"),
                    usage: Some(key("use")),
                }
            }
            SlotKind::Alert if position == SlotPosition::CANCEL => Self {
                user: "cancel.ext".into(),
                authorization_id: "cancel.auth".into(),
                password: "cancel.pwd".into(),
                tone: "cancel.ctone".into(),
                usage: None,
            },
            SlotKind::Alert => Self::numbered("ann.", port),
        }
    }

    fn numbered(stem: &str, number: u8) -> Self {
        let key = |part: &str| format!("{stem}{part}{number}");
        Self {
            user: key("ext"),
            authorization_id: key("auth"),
            password: key("pwd"),
            tone: key("tone"),
            usage: Some(key("use")),
        }
    }
}

pub(super) fn slots(reader: &Reader<'_>, errors: &mut Vec<ConfigError>) -> Vec<SlotConfig> {
    let kinds = SlotKind::ALL;
    kinds
        .into_iter()
        .flat_map(SlotPosition::all)
        .filter_map(|position| slot(reader, position, errors))
        .collect()
}

fn slot(reader: &Reader<'_>, position: SlotPosition, errors: &mut Vec<ConfigError>) -> Option<SlotConfig> {
    let keys = SlotKeys::of(position);
    let is_used = keys.usage.as_deref().is_none_or(|key| reader.flag(key));
    let user: SipUser = reader.parsed(&keys.user).filter(|_| is_used)?;
    let Some(authorization_id) = reader
        .parsed(&keys.authorization_id)
        .or_else(|| user.as_str().parse::<AuthorizationId>().ok())
    else {
        let problem = "the user cannot be an authentication ID as well";
        errors.push(conflict(
            reader,
            &keys.user,
            problem,
            &format!("{} of its own", keys.authorization_id),
        ));
        return None;
    };
    let display_name = (position == SlotPosition::BASE_PAGE)
        .then(|| reader.parsed("sip.u1.dname"))
        .flatten();
    Some(SlotConfig {
        position,
        user,
        authorization_id,
        password: Some(reader.text(&keys.password))
            .filter(|text| !text.is_empty())
            .map(Secret::from),
        display_name,
        tone: tone(reader.text(&keys.tone)),
    })
}

pub(super) fn tone(text: &str) -> Tone {
    if text.eq_ignore_ascii_case("none") {
        Tone::None
    } else if text.is_empty() || text.eq_ignore_ascii_case("default") {
        Tone::Default
    } else {
        Tone::File(text.to_owned())
    }
}
