//! What callers have to key in before a page or an alert is let in.

use super::slots::tone;
use super::{EndpointConfig, SlotConfig, Tone, conflict};
use crate::config::ConfigError;
use crate::config::reader::Reader;
use crate::{Secret, SipUser, SlotKind, SlotPosition};

const EXTENSIONS: &str = "dtmfpc.page.extensions";

/// A passcode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasscodeConfig {
    /// The keys.
    pub code: Secret,
    /// What the caller hears who is asked for it.
    pub tone: Tone,
}

/// The passcode of pages, and where it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePasscodeConfig {
    /// The passcode.
    pub passcode: PasscodeConfig,
    /// Every page extension asks.
    pub is_for_all: bool,
    /// Which page extensions ask besides the base page extension, if not all do.
    pub extensions: Vec<SipUser>,
}

impl EndpointConfig {
    /// The passcode that a slot asks for.
    #[must_use]
    pub fn passcode_of(&self, slot: &SlotConfig) -> Option<&PasscodeConfig> {
        match slot.position.kind() {
            SlotKind::Page => {
                let page = self.page.passcode.as_ref()?;
                let asks = page.is_for_all
                    || slot.position == SlotPosition::BASE_PAGE
                    || page.extensions.contains(&slot.user);
                asks.then_some(&page.passcode)
            }
            SlotKind::Ring => None,
            // Whoever stops an alert is in a hurry, and does no harm that another call would not mend.
            SlotKind::Alert if slot.position == SlotPosition::CANCEL => None,
            SlotKind::Alert => self.alerts.passcode.as_ref(),
        }
    }
}

pub(super) fn page(reader: &Reader<'_>, errors: &mut Vec<ConfigError>) -> Option<PagePasscodeConfig> {
    const CODE: &str = "dtmfpc.page.code";
    if !reader.flag("dtmfpc.page.use") {
        return None;
    }
    let passcode = passcode(reader, CODE, "dtmfpc.page.tone");
    if passcode.is_none() {
        let problem = "a passcode is to be asked for, and there is none";
        errors.push(conflict(reader, CODE, problem, "digits, or dtmfpc.page.use = 0"));
    }
    let named = reader.text(EXTENSIONS).split(',').map(str::trim);
    let named: Vec<&str> = named.filter(|name| !name.is_empty()).collect();
    let extensions: Vec<SipUser> = named.iter().filter_map(|name| name.parse().ok()).collect();
    if extensions.len() < named.len() {
        let problem = "a name in it is no extension";
        errors.push(conflict(
            reader,
            EXTENSIONS,
            problem,
            "SIP users with commas between them",
        ));
    }
    Some(PagePasscodeConfig {
        passcode: passcode?,
        is_for_all: reader.flag("dtmfpc.page.all"),
        extensions,
    })
}

pub(super) fn alert(reader: &Reader<'_>) -> Option<PasscodeConfig> {
    passcode(reader, "dtmfpc.alert.code", "dtmfpc.alert.tone")
}

/// An extension that is misspelt would be left open.
pub(super) fn check(config: &EndpointConfig, reader: &Reader<'_>, errors: &mut Vec<ConfigError>) {
    let Some(page) = config.page.passcode.as_ref().filter(|page| !page.is_for_all) else {
        return;
    };
    let is_slot = |user: &SipUser| {
        let pages = config
            .slots
            .iter()
            .filter(|slot| slot.position.kind() == SlotKind::Page);
        pages.map(|slot| &slot.user).any(|slot| slot == user)
    };
    if let Some(user) = page.extensions.iter().find(|user| !is_slot(user)) {
        let problem = format!("no page extension is {user}");
        errors.push(conflict(
            reader,
            EXTENSIONS,
            &problem,
            "extensions of the page slots",
        ));
    }
}

fn passcode(reader: &Reader<'_>, code: &str, prompt: &str) -> Option<PasscodeConfig> {
    let code = reader.text(code);
    (!code.is_empty()).then(|| PasscodeConfig {
        code: Secret::from(code),
        tone: tone(reader.text(prompt)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Document, find};

    const SLOTS: &str = "sip.proxy = a\nsip.u1.user = 7001\nmcast.ext1 = 7002\nmcast.ext2 = 7003\nann.ext1 = 7100\n\
                         cancel.ext = 7199\n";

    fn asking(text: &str) -> Vec<String> {
        let config = config(text).unwrap();
        let asking = config
            .slots
            .iter()
            .filter(|slot| config.passcode_of(slot).is_some());
        asking.map(|slot| slot.user.to_string()).collect()
    }

    fn config(text: &str) -> Result<EndpointConfig, Vec<ConfigError>> {
        EndpointConfig::from_document(&Document::parse(&format!("{SLOTS}{text}")).unwrap())
    }

    #[test]
    fn pages_ask_everywhere_or_where_it_is_said_and_at_the_base_extension_in_any_case() {
        const ON: &str = "dtmfpc.page.use = 1\ndtmfpc.page.code = 4711\n";
        assert_eq!(asking("dtmfpc.page.code = 4711\n"), [""; 0]);
        assert_eq!(asking(ON), ["7001", "7002", "7003"]);
        assert_eq!(asking(&format!("{ON}dtmfpc.page.all = 0\n")), ["7001"]);
        let some = format!("{ON}dtmfpc.page.all = 0\ndtmfpc.page.extensions = 7003,\n");
        assert_eq!(asking(&some), ["7001", "7003"]);
    }

    #[test]
    fn alerts_ask_where_they_have_a_passcode_and_their_end_never_does() {
        assert_eq!(asking("dtmfpc.alert.code = 12#*\n"), ["7100"]);
    }

    #[test]
    fn a_passcode_that_protects_less_than_it_says_is_refused() {
        for (text, key) in [
            ("dtmfpc.page.use = 1\n", "dtmfpc.page.code"),
            (
                "dtmfpc.page.use = 1\ndtmfpc.page.code = 1\ndtmfpc.page.all = 0\ndtmfpc.page.extensions = 7020\n",
                EXTENSIONS,
            ),
            (
                "dtmfpc.page.use = 1\ndtmfpc.page.code = 1\ndtmfpc.page.extensions = a b\n",
                EXTENSIONS,
            ),
        ] {
            let errors = config(text).unwrap_err();
            assert_eq!(errors[0].key, key, "{text}");
        }
    }

    #[test]
    fn a_passcode_has_keys_of_a_telephone_and_is_a_secret() {
        for (code, is_right) in [
            ("0123456789*#0000", true),
            ("0123456789*#00000", false),
            ("47a1", false),
        ] {
            assert_eq!(
                Document::parse(&format!("dtmfpc.page.code = {code}\n")).is_ok(),
                is_right,
                "{code}"
            );
        }
        assert!(
            ["dtmfpc.page.code", "dtmfpc.alert.code"]
                .iter()
                .all(|key| find(key).unwrap().secret)
        );
    }
}
