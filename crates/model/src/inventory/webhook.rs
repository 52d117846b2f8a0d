//! Where other programs are told of what happens, and what they have been told.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::{Timestamp, WebhookId};
use crate::Secret;
use crate::config::HostPort;

/// What a receiver can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WebhookEvent {
    /// A device registers for the first time.
    DeviceRegistration,
    /// What has to be typed into a generic device is different from before.
    GenericDeviceProvision,
    /// Somebody raises an emergency alert.
    EmergencyAlert,
    /// A device is registered with one of its extensions at least.
    DeviceUp,
    /// A device has been registered with none of its extensions for a while.
    DeviceDown,
    /// Another zone serves a device than before.
    DeviceMoved,
    /// A page has begun.
    PageStarted,
    /// A page has ended, with who has heard it.
    PageEnded,
    /// An administrator wants to know that it works.
    Test,
}

impl WebhookEvent {
    /// Every event that can be chosen, in the order a form shows them.
    pub const CHOICES: [Self; 8] = [
        Self::DeviceRegistration,
        Self::GenericDeviceProvision,
        Self::EmergencyAlert,
        Self::DeviceUp,
        Self::DeviceDown,
        Self::DeviceMoved,
        Self::PageStarted,
        Self::PageEnded,
    ];

    /// The event as it is named in what is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceRegistration => "phone.device_registration",
            Self::GenericDeviceProvision => "phone.generic_device_provision",
            Self::EmergencyAlert => "phone.emergency_alert",
            Self::DeviceUp => "oyez.device_up",
            Self::DeviceDown => "oyez.device_down",
            Self::DeviceMoved => "oyez.device_moved",
            Self::PageStarted => "oyez.page_started",
            Self::PageEnded => "oyez.page_ended",
            Self::Test => "oyez.test",
        }
    }

    /// What it tells, as people read it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::DeviceRegistration => "A device registers for the first time",
            Self::GenericDeviceProvision => "What is typed into a generic device has changed",
            Self::EmergencyAlert => "An emergency alert is raised",
            Self::DeviceUp => "A device is up",
            Self::DeviceDown => "A device is down",
            Self::DeviceMoved => "Another zone serves a device",
            Self::PageStarted => "A page has begun",
            Self::PageEnded => "A page has ended, and who has heard it",
            Self::Test => "A test",
        }
    }

    /// Reads what [`WebhookEvent::as_str`] writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let all = Self::CHOICES.into_iter().chain([Self::Test]);
        all.into_iter().find(|event| event.as_str() == text)
    }
}

/// The events of one receiver, of which there is one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvents(BTreeSet<WebhookEvent>);

/// Why events cannot be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookEventsError {
    /// There is none.
    #[error("choose at least one event")]
    None,
    /// It is none.
    #[error("{0:?} is no event that can be chosen")]
    Unknown(String),
}

impl WebhookEvents {
    /// Takes events by their names.
    ///
    /// # Errors
    ///
    /// When there is none, or a name is no event's.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, WebhookEventsError> {
        let event = |name: &str| {
            let found = WebhookEvent::from_stored(name).filter(|event| *event != WebhookEvent::Test);
            found.ok_or_else(|| WebhookEventsError::Unknown(name.chars().take(80).collect()))
        };
        let events: BTreeSet<_> = names.into_iter().map(event).collect::<Result<_, _>>()?;
        if events.is_empty() {
            return Err(WebhookEventsError::None);
        }
        Ok(Self(events))
    }

    /// Says whether the receiver is told of an event; of a test everyone is.
    #[must_use]
    pub fn has(&self, event: WebhookEvent) -> bool {
        event == WebhookEvent::Test || self.0.contains(&event)
    }

    /// The events in order.
    pub fn iter(&self) -> impl Iterator<Item = WebhookEvent> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for WebhookEvents {
    /// Writes their names with spaces between them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, event) in self.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(formatter, "{space}{}", event.as_str())?;
        }
        Ok(())
    }
}

/// Where a receiver is: `https://host:port/path?query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl {
    text: String,
    server: HostPort,
    is_secure: bool,
}

/// Why a text is no address of a receiver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookUrlError {
    /// It begins otherwise.
    #[error("an address begins with https://, such as https://hooks.example.com/oyez")]
    Scheme,
    /// There is no server in it.
    #[error("behind https:// stands a host and perhaps a port, without a user name: {0}")]
    Server(String),
    /// A character cannot stand there.
    #[error("{0:?} cannot stand in an address; write it as %XX, and leave # out")]
    Character(char),
    /// It is too long.
    #[error("an address has at most {} characters", WebhookUrl::LENGTH_MAX)]
    TooLong,
}

impl WebhookUrl {
    /// Longest address in octets.
    pub const LENGTH_MAX: usize = 512;

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &HostPort {
        &self.server
    }

    /// The port: that of the scheme where the address names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        let usual = if self.is_secure { 443 } else { 80 };
        self.server.port.unwrap_or(usual)
    }

    /// Says whether it is reached over TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Path and query, as they are asked for.
    #[must_use]
    pub fn path(&self) -> String {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        match rest.find(['/', '?']).and_then(|at| rest.get(at..)) {
            None => "/".to_owned(),
            Some(query) if query.starts_with('?') => format!("/{query}"),
            Some(path) => path.to_owned(),
        }
    }

    /// The address as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for WebhookUrl {
    type Err = WebhookUrlError;

    fn from_str(text: &str) -> Result<Self, WebhookUrlError> {
        let text = text.trim();
        if text.len() > Self::LENGTH_MAX {
            return Err(WebhookUrlError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(WebhookUrlError::Scheme)?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(WebhookUrlError::Scheme),
        };
        let is_wrong = |character: &char| {
            !character.is_ascii_graphic()
                || matches!(
                    character,
                    '#' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'
                )
        };
        if let Some(wrong) = rest.chars().find(is_wrong) {
            return Err(WebhookUrlError::Character(wrong));
        }
        let server = rest.split(['/', '?']).next().unwrap_or_default();
        let server = server
            .parse::<HostPort>()
            .map_err(|error| WebhookUrlError::Server(error.to_string()))?;
        Ok(Self {
            text: text.to_owned(),
            server,
            is_secure,
        })
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Whether a receiver is sent anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WebhookState {
    /// It has not shown that it knows its secret; what happens is not kept for it.
    Unproved,
    /// It is about to be asked whether it knows its secret.
    Checking,
    /// It is sent what happens.
    Active,
    /// It has failed too often; what happens waits for it until it is asked again.
    Stopped,
    /// It has shown before that it knows its secret, and is about to be asked again; what happens waits for it.
    Rechecking,
    /// Somebody has turned it off: nothing is sent, and what happens is not kept for it.
    Disabled,
}

impl WebhookState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Unproved,
        Self::Checking,
        Self::Active,
        Self::Stopped,
        Self::Rechecking,
        Self::Disabled,
    ];

    /// The state as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unproved => "unproved",
            Self::Checking => "checking",
            Self::Active => "active",
            Self::Stopped => "stopped",
            Self::Rechecking => "rechecking",
            Self::Disabled => "disabled",
        }
    }

    /// The state while it is asked whether it knows its secret.
    #[must_use]
    pub const fn asked(self) -> Self {
        match self {
            Self::Unproved | Self::Checking | Self::Disabled => Self::Checking,
            Self::Active | Self::Stopped | Self::Rechecking => Self::Rechecking,
        }
    }

    /// The state after it has shown that it knows its secret, if it was asked.
    #[must_use]
    pub const fn proved(self) -> Self {
        if self.is_asked() { Self::Active } else { self }
    }

    /// The state after it has not shown that it knows its secret, or has been given another one.
    #[must_use]
    pub const fn failed(self) -> Self {
        match self {
            Self::Disabled => Self::Disabled,
            Self::Unproved | Self::Checking => Self::Unproved,
            Self::Active | Self::Stopped | Self::Rechecking => Self::Stopped,
        }
    }

    /// Says whether it is about to be asked.
    #[must_use]
    pub const fn is_asked(self) -> bool {
        matches!(self, Self::Checking | Self::Rechecking)
    }

    /// Reads what [`WebhookState::as_str`] writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A receiver of what happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where it is.
    pub url: WebhookUrl,
    /// What it is told of.
    pub events: WebhookEvents,
    /// It is told the passwords of generic devices.
    pub shows_passwords: bool,
    /// What messages to it are signed with; none where the key of the database does not open it.
    pub secret: Option<Secret>,
    /// Whether it is sent anything.
    pub state: WebhookState,
    /// Why it is in that state, where somebody has to know.
    pub because: String,
    /// Tries that have failed since one succeeded.
    pub failures: u32,
    /// What was dropped because too much waited for it.
    pub dropped: u64,
    /// When it was added.
    pub added_at: Timestamp,
}

/// What has happened, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookMessage {
    /// What it is about.
    pub event: WebhookEvent,
    /// Names it: whoever is told twice knows it by that.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What is sent, in JSON.
    pub body: Secret,
    /// What is sent to those who are told passwords, where that differs.
    pub body_with_passwords: Option<Secret>,
}

/// What has become of a message to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// It is to be sent, perhaps again.
    Waiting,
    /// The receiver has taken it.
    Delivered,
    /// It was tried as often as it is.
    GivenUp,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::GivenUp];

    /// The state as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    /// Reads what [`DeliveryState::as_str`] writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A message to a receiver, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Counts the messages of all receivers.
    pub number: i64,
    /// What it is about.
    pub event: WebhookEvent,
    /// The id of the message.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What has become of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    /// From when on it may be tried again.
    pub not_before: Timestamp,
    /// When it was tried last.
    pub tried_at: Option<Timestamp>,
    /// The status that the receiver answered last.
    pub status: Option<u16>,
    /// Why the last try failed.
    pub cause: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_as_it_is_asked_for() {
        for (text, host, port, path) in [
            (
                "https://hooks.example.com/oyez?a=b",
                "hooks.example.com",
                443,
                "/oyez?a=b",
            ),
            ("https://hooks.example.com:8443", "hooks.example.com", 8443, "/"),
            ("https://[2001:db8::1]:444?x", "2001:db8::1", 444, "/?x"),
            ("http://192.0.2.1/", "192.0.2.1", 80, "/"),
        ] {
            let url: WebhookUrl = text.parse().unwrap();
            assert_eq!(
                (url.server().host.as_str(), url.port(), url.path().as_str()),
                (host, port, path)
            );
            assert_eq!(url.as_str(), text);
        }
    }

    #[test]
    fn w05_what_is_no_address_is_refused_with_what_would_be_right() {
        for text in [
            "hooks.example.com",
            "ftp://hooks.example.com/",
            "file:///etc/passwd",
            "gopher://127.0.0.1:25/x",
            "https://",
            "https://user:password@hooks.example.com/",
            "https://hooks.example.com/#part",
            "https://hooks.example.com/a b",
            "https://hooks.example.com/\r\nX: y",
            "https://hooks.example.com\\@127.0.0.1/",
        ] {
            assert!(text.parse::<WebhookUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_of_the_greatest_length_is_taken_and_no_longer_one() {
        let begin = "https://hooks.example.com/";
        let longest = format!("{begin}{}", "a".repeat(WebhookUrl::LENGTH_MAX - begin.len()));
        assert!(longest.parse::<WebhookUrl>().is_ok());
        assert_eq!(
            format!("{longest}a").parse::<WebhookUrl>(),
            Err(WebhookUrlError::TooLong)
        );
    }

    #[test]
    fn events_are_chosen_by_name_and_a_test_goes_to_everyone() {
        let events = WebhookEvents::new(["oyez.page_ended", "phone.device_registration"]).unwrap();
        assert_eq!(events.to_string(), "phone.device_registration oyez.page_ended");
        assert!(events.has(WebhookEvent::PageEnded) && events.has(WebhookEvent::Test));
        assert!(!events.has(WebhookEvent::DeviceDown));
        assert_eq!(WebhookEvents::new([]), Err(WebhookEventsError::None));
        assert!(WebhookEvents::new(["oyez.test"]).is_err());
        for event in WebhookEvent::CHOICES {
            assert_eq!(WebhookEvent::from_stored(event.as_str()), Some(event));
        }
    }
}
