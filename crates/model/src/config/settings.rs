//! The settings of an endpoint in two layers: what it was given, and what was set on the device itself.
//!
//! ```text
//!   local     what an administrator set on the device: it stays when the layer below is replaced
//!   given     a configuration file, or what a provisioning server serves
//!   defaults  the schema
//! ```

use std::collections::BTreeSet;

use super::{ApiConfig, ConfigError, Document, EndpointConfig, find};

/// Both layers. A value exists only if the two together are a configuration that an endpoint can work with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    given: Document,
    local: Document,
    effective: Document,
}

/// Which layer a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// No layer sets it.
    Default,
    /// A file or a provisioning server.
    Given,
    /// It was set on the device, and nothing was given.
    Local,
    /// It was set on the device, over another value that was given.
    Override,
}

/// What becomes of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    /// The key.
    pub key: String,
    /// The value, empty for the default; `None` takes back what was set on the device.
    pub value: Option<String>,
}

/// A key whose effective value differs between two settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key.
    pub key: String,
    /// The earlier value, or `None` where the default applied.
    pub before: Option<String>,
    /// The later value, or `None` where the default applies.
    pub after: Option<String>,
}

/// What stands in the place of a secret value that somebody is shown.
pub const CONCEALED: &str = "********";

impl Settings {
    /// Lays one layer over the other.
    ///
    /// # Errors
    ///
    /// Everything that does not fit together, with the lines of the local layer where it sets the key.
    pub fn new(given: Document, local: Document) -> Result<Self, Vec<ConfigError>> {
        let mut effective = given.clone();
        for key in local.keys() {
            let value = local.value(key).unwrap_or_default();
            effective.set(key, value).map_err(|error| vec![error])?;
        }
        if let Err(mut errors) = EndpointConfig::from_document(&effective) {
            for error in &mut errors {
                if local.line_of(&error.key).is_some() {
                    error.line = local.line_of(&error.key);
                }
            }
            return Err(errors);
        }
        Ok(Self {
            given,
            local,
            effective,
        })
    }

    /// The typed view.
    ///
    /// # Panics
    ///
    /// Never: [`new`](Self::new) makes no settings without one.
    #[must_use]
    pub fn config(&self) -> EndpointConfig {
        EndpointConfig::from_document(&self.effective).expect("new() has checked it")
    }

    /// How programs may use the endpoint over its REST API; `None` if they may not.
    #[must_use]
    pub fn api(&self) -> Option<ApiConfig> {
        EndpointConfig::api_of(&self.effective)
    }

    /// The lower layer.
    #[must_use]
    pub fn given(&self) -> &Document {
        &self.given
    }

    /// The upper layer.
    #[must_use]
    pub fn local(&self) -> &Document {
        &self.local
    }

    /// Both layers as one file. It holds the passwords.
    #[must_use]
    pub fn effective(&self) -> &Document {
        &self.effective
    }

    /// The value that applies; the schema's default where nothing is set, empty for an unknown key that is not set.
    #[must_use]
    pub fn value(&self, key: &str) -> &str {
        self.effective
            .value(key)
            .unwrap_or_else(|| find(key).map_or("", |spec| spec.default_of(key)))
    }

    /// Where the value of a key comes from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        let is_given = self.given.value(key).is_some();
        match (self.local.line_of(key).is_some(), is_given) {
            (true, true) => Origin::Override,
            (true, false) => Origin::Local,
            (false, true) => Origin::Given,
            (false, false) => Origin::Default,
        }
    }

    /// Other settings of the device over the same given layer. What equals the given value is not kept as an override.
    ///
    /// # Errors
    ///
    /// Everything that does not fit together.
    pub fn with_local(&self, mut local: Document) -> Result<Self, Vec<ConfigError>> {
        let same: Vec<String> = local
            .keys()
            .filter(|key| self.given.value(key).is_some())
            .filter(|key| self.is_below(key, local.value(key).unwrap_or_default()))
            .map(str::to_owned)
            .collect();
        for key in same {
            local.remove(&key);
        }
        Self::new(self.given.clone(), local)
    }

    /// The same settings with changes made on the device, all of them or none. A value that equals what was given or the
    /// default is not kept as a local one.
    ///
    /// # Errors
    ///
    /// Every value that is wrong, or else everything that does not fit together.
    pub fn changed(&self, changes: &[SettingChange]) -> Result<Self, Vec<ConfigError>> {
        let mut local = self.local.clone();
        let mut errors = Vec::new();
        for SettingChange { key, value } in changes {
            match value {
                Some(value) if !self.is_below(key, value) => {
                    if let Err(error) = local.set(key, value) {
                        errors.push(error);
                    }
                }
                Some(_) | None => local.remove(key),
            }
        }
        if errors.is_empty() {
            Self::new(self.given.clone(), local)
        } else {
            Err(errors)
        }
    }

    /// Says whether a key has this value without the local layer. Empty stands for the default.
    fn is_below(&self, key: &str, value: &str) -> bool {
        let below = self.given.value(key);
        match find(key) {
            Some(spec) => {
                let is_empty = value.is_empty() && below.is_none();
                is_empty || spec.kind.means_same(value, below.unwrap_or(spec.default_of(key)))
            }
            None => value == below.unwrap_or_default(),
        }
    }

    /// The same local settings over another given layer.
    ///
    /// # Errors
    ///
    /// Everything that does not fit together.
    pub fn with_given(&self, given: Document) -> Result<Self, Vec<ConfigError>> {
        Self::new(given, self.local.clone())
    }

    /// Says whether both layers are the same, to the byte.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.given.to_text() == other.given.to_text() && self.local.to_text() == other.local.to_text()
    }

    /// What changes from `self` to `other`, in the order of the keys.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let keys: BTreeSet<&str> = self.effective.keys().chain(other.effective.keys()).collect();
        keys.into_iter()
            .filter_map(|key| {
                let (before, after) = (self.effective.value(key), other.effective.value(key));
                (before != after).then(|| Difference {
                    key: key.to_owned(),
                    before: before.map(str::to_owned),
                    after: after.map(str::to_owned),
                })
            })
            .collect()
    }
}

impl Difference {
    /// The same difference with a secret's values concealed.
    #[must_use]
    pub fn shown(&self) -> Self {
        let conceal = |value: &Option<String>| value.as_ref().map(|_| CONCEALED.to_owned());
        // What a key means that is not known here is not known either: a back-up of the hardware has passwords of its own.
        if find(&self.key).is_none_or(|spec| spec.secret) {
            Self {
                key: self.key.clone(),
                before: conceal(&self.before),
                after: conceal(&self.after),
            }
        } else {
            self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(text).unwrap()
    }

    fn change(key: &str, value: &str) -> SettingChange {
        SettingChange {
            key: key.to_owned(),
            value: Some(value.to_owned()),
        }
    }

    fn given() -> Settings {
        let given = document("sip.proxy = a.example\nsip.u1.user = 7001\naudio.page.vol = -6dB\n");
        Settings::new(given, Document::default()).unwrap()
    }

    #[test]
    fn what_is_set_on_the_device_applies_and_stays_when_the_given_layer_is_replaced() {
        let settings = given().changed(&[change("audio.page.vol", "-12dB")]).unwrap();
        assert_eq!(settings.value("audio.page.vol"), "-12dB");
        assert_eq!(settings.origin("audio.page.vol"), Origin::Override);

        let provisioned = settings
            .with_given(document(
                "sip.proxy = b.example\nsip.u1.user = 7001\naudio.page.vol = -3dB\n",
            ))
            .unwrap();

        assert_eq!(provisioned.value("sip.proxy"), "b.example");
        assert_eq!(provisioned.value("audio.page.vol"), "-12dB");
    }

    #[test]
    fn taking_an_override_back_gives_what_was_given() {
        let settings = given().changed(&[change("audio.page.vol", "-12dB")]).unwrap();

        let back = SettingChange {
            key: "audio.page.vol".to_owned(),
            value: None,
        };
        let settings = settings.changed(&[back]).unwrap();

        assert_eq!(settings.value("audio.page.vol"), "-6dB");
        assert_eq!(settings.origin("audio.page.vol"), Origin::Given);
    }

    #[test]
    fn an_empty_value_over_a_given_one_is_the_default() {
        let settings = given().changed(&[change("audio.page.vol", "")]).unwrap();

        assert_eq!(settings.value("audio.page.vol"), "0dB");
        assert_eq!(settings.origin("audio.page.vol"), Origin::Override);
    }

    #[test]
    fn a_value_that_changes_nothing_is_not_kept_as_an_override() {
        let settings = given()
            .changed(&[
                change("audio.page.vol", "-6dB"),
                change("sip.transp", "auto"),
                change("sip.regexp", ""),
            ])
            .unwrap();

        assert_eq!(settings.origin("audio.page.vol"), Origin::Given);
        assert_eq!(settings.origin("sip.transp"), Origin::Default);
        assert_eq!(settings.origin("sip.regexp"), Origin::Default);
    }

    #[test]
    fn a_value_written_in_another_way_is_no_override() {
        let given = document("sip.proxy = a.example\nsip.transp = TLS\naudio.page.vol = -06dB\n");
        let settings = Settings::new(given, Document::default()).unwrap();

        let same = settings
            .changed(&[change("sip.transp", "tls"), change("audio.page.vol", "-6dB")])
            .unwrap();
        let restored = settings
            .with_local(document("sip.transp = tls\nsip.regexp = 60\n"))
            .unwrap();

        assert_eq!(same.local().to_text(), "");
        assert_eq!(restored.local().to_text(), "sip.regexp = 60\n");
    }

    #[test]
    fn what_an_unknown_key_holds_is_concealed() {
        let before = Settings::default();
        let after = Settings::new(document("admin.pwd2 = algo\n"), Document::default()).unwrap();

        let shown: Vec<Difference> = before.differences(&after).iter().map(Difference::shown).collect();

        assert_eq!(shown[0].after.as_deref(), Some(CONCEALED));
    }

    #[test]
    fn one_wrong_value_changes_nothing_and_every_wrong_value_is_named() {
        let changes = [
            change("sip.proxy", "c.example"),
            change("audio.page.vol", "loud"),
            change("sip.transp", "pigeon"),
        ];

        let errors = given().changed(&changes).unwrap_err();

        let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
        assert_eq!(keys, ["audio.page.vol", "sip.transp"]);
    }

    #[test]
    fn values_that_do_not_fit_together_are_refused() {
        let errors = given().changed(&[change("sip.ssr.use", "1")]).unwrap_err();

        assert_eq!(errors[0].key, "sip.ssr.use");
    }

    #[test]
    fn differences_are_named_and_secrets_concealed() {
        let before = given().changed(&[change("sip.u1.pwd", "old")]).unwrap();
        let after = before
            .changed(&[change("sip.u1.pwd", "new"), change("sip.proxy", "b.example")])
            .unwrap();

        let differences: Vec<Difference> = before.differences(&after).iter().map(Difference::shown).collect();

        let concealed = Some(CONCEALED.to_owned());
        assert_eq!(differences.len(), 2);
        assert_eq!(differences[0].before.as_deref(), Some("a.example"));
        assert_eq!(differences[0].after.as_deref(), Some("b.example"));
        assert_eq!(
            (&differences[1].before, &differences[1].after),
            (&concealed, &concealed)
        );
    }

    #[test]
    fn a_full_local_layer_of_unknown_keys_is_kept() {
        let settings = Settings::new(document("iot.use = 0\n"), document("mystery.key = 1\n")).unwrap();

        assert_eq!(settings.value("mystery.key"), "1");
        assert_eq!(settings.effective().to_text(), "iot.use = 0\nmystery.key = 1\n");
    }
}
