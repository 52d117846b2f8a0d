//! What an administrator adds to the configuration of devices.

use super::{Description, TemplateId, TemplateName};

/// Settings in the words of the devices, which are added to what the service writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionTemplate {
    /// Its id.
    pub id: TemplateId,
    /// What people call it.
    pub name: TemplateName,
    /// What it is for.
    pub description: Description,
    /// The settings.
    pub content: TemplateContent,
}

/// Settings that take nothing away from the service: neither where a device registers nor where its configuration, its firmware or
/// its password come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateContent(Box<str>);

/// Why settings are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There are too many.
    #[error("the template has {0} bytes, and {max} at most; split it", max = TemplateContent::LENGTH_MAX)]
    TooLong(usize),
    /// A line is none.
    #[error("line {0} is no setting; write key = value, or begin a comment with #")]
    Line(usize),
    /// A key is the service's.
    #[error("template should not contain reserved parameters (Key: {0}).")]
    Reserved(String),
}

/// What keys that the service writes itself begin with: lines and their credentials, proxies, certificates, provisioning, firmware,
/// the password of the web pages, and the survivability proxies.
const RESERVED: [&str; 13] = [
    "sip.proxy",
    "sip.obproxy",
    "sip.transp",
    "sip.srtp",
    "sip.bkproxy",
    "sip.ssr",
    "sip.u",
    "sip.alert",
    "oyez.obproxy",
    "oyez.tls",
    "oyez.prov",
    "prov.",
    "admin.pwd",
];
/// What ends the keys of further credentials, and of firmware; a number may follow.
const RESERVED_ENDS: [&str; 5] = [".user", ".auth", ".pwd", ".fw", ".ext"];

impl TemplateContent {
    /// Bytes of a template: what a device reads with the rest of its file.
    pub const LENGTH_MAX: usize = 64 * 1024;

    /// Takes settings, one `key = value` a line, with comments after `#`.
    ///
    /// # Errors
    ///
    /// Refuses what is too long, lines that are no settings, and keys that are the service's.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        if text.len() > Self::LENGTH_MAX {
            return Err(TemplateError::TooLong(text.len()));
        }
        let text = text.replace("\r\n", "\n");
        if let Some(number) = (1..).zip(text.lines()).find(|(_, line)| !is_setting(line)) {
            return Err(TemplateError::Line(number.0));
        }
        if let Some(key) = keys(&text).find(|key| is_reserved(key)) {
            return Err(TemplateError::Reserved(key.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Returns the settings.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_setting(line: &str) -> bool {
    let line = line.trim();
    let is_key = |key: &str| !key.trim().is_empty() && key.trim().bytes().all(|byte| byte.is_ascii_graphic());
    let is_value = |value: &str| !value.chars().any(char::is_control);
    line.is_empty()
        || line.starts_with('#') && is_value(line)
        || line
            .split_once('=')
            .is_some_and(|(key, value)| is_key(key) && is_value(value))
}

fn keys(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, _)| key.trim())
}

fn is_reserved(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let stem = key.trim_end_matches(|one: char| one.is_ascii_digit());
    RESERVED.iter().any(|start| key.starts_with(start)) || RESERVED_ENDS.iter().any(|end| stem.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_taken_and_the_service_s_own_are_refused() {
        let content = TemplateContent::new("# louder\r\naudio.page.vol = 9\n").unwrap();
        assert_eq!(content.as_str(), "# louder\naudio.page.vol = 9\n");
        for line in [
            "sip.proxy = x",
            "SIP.Proxy=x",
            " prov.use = 0",
            "admin.pwd = x",
            "sip.u1.pwd = x",
            "ann.pwd = 1",
            "ann.pwd3 = 1",
            "mcast.auth12 = 1",
            "mcast.ext1 = 701",
            "cancel.ext = 701",
        ] {
            let error = TemplateContent::new(&format!("a = 1\n{line}")).unwrap_err();
            assert!(matches!(error, TemplateError::Reserved(_)), "{line}: {error}");
        }
        assert!(TemplateContent::new("# prov.use = 0").is_ok());
        for text in ["a = 1\nb", "a = 1\n= 2", "a = 1\nb = \u{0}"] {
            assert_eq!(
                TemplateContent::new(text),
                Err(TemplateError::Line(2)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_template_has_so_many_bytes_and_not_one_more() {
        let longest = format!("#{}", "x".repeat(TemplateContent::LENGTH_MAX - 1));
        assert!(TemplateContent::new("").is_ok());
        let too_long = format!("{longest}x");
        assert_eq!(
            TemplateContent::new(&too_long),
            Err(TemplateError::TooLong(TemplateContent::LENGTH_MAX + 1))
        );
    }
}
