//! The typed view: what an endpoint is configured to be and do.

mod logging;
mod multicast;
mod passcode;
mod provisioning;
mod sections;
pub(crate) mod slots;
mod sounds;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::logging::{LogLevel, LogProtocol, LoggingConfig};
pub use self::multicast::{MulticastConfig, MulticastMode, MulticastSending, ZoneConfig, ZoneRole};
pub use self::passcode::{PagePasscodeConfig, PasscodeConfig};
pub use self::provisioning::ProvisioningConfig;
use self::slots::SlotKeys;
use super::reader::Reader;
use super::{CallerPattern, ConfigError, Document, HostPort, MicrophoneChoice, SinkChoice};
use crate::status::{RelayEvents, SoundClass};
use crate::{AuthorizationId, Secret, SipUser, SlotPosition};

/// The configuration of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// Where it registers.
    pub server: ServerConfig,
    /// How signalling and media are protected.
    pub security: SecurityConfig,
    /// How connections are kept open.
    pub keep_alive: KeepAliveConfig,
    /// Where else it registers.
    pub redundancy: RedundancyConfig,
    /// What it does for servers with their own ways.
    pub interop: InteropConfig,
    /// How pages sound.
    pub page: PageConfig,
    /// How rings sound.
    pub ring: RingConfig,
    /// What emergency alerts play.
    pub alerts: AlertsConfig,
    /// What it does with multicast zones.
    pub multicast: MulticastConfig,
    /// What follows from the kind of a sound.
    pub kinds: KindsConfig,
    /// Where it fetches its configuration.
    pub provisioning: ProvisioningConfig,
    /// Where sound goes.
    pub sink: SinkChoice,
    /// How programs use it over the network; `None` if they may not.
    pub api: Option<ApiConfig>,
    /// Where it sends its log.
    pub logging: LoggingConfig,
    /// The slots that have an account and are in use, in the order of kind and port.
    pub slots: Vec<SlotConfig>,
}

/// What follows from the kind of a sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindsConfig {
    /// Which sound comes first, the most important kind first; each stands in it once.
    pub order: [SoundClass; 7],
    /// The kinds that switch the relay output.
    pub relay: RelayEvents,
}

/// Where an endpoint registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The SIP domain; set if there is any slot.
    pub domain: Option<HostPort>,
    /// The registrar, if it is not the domain.
    pub registrar: Option<HostPort>,
    /// Where everything is sent first.
    pub outbound_proxy: Option<HostPort>,
    /// Where it is sent if the first is out of reach.
    pub second_outbound_proxy: Option<HostPort>,
    /// The transport.
    pub transport: TransportChoice,
    /// Addresses are `sips:`.
    pub sips: bool,
    /// Lifetime asked for.
    pub register_period: Duration,
    /// How packets are marked.
    pub marking: Marking,
}

/// Differentiated services code points of what is sent, each from 0 to 63 (RFC 2474).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marking {
    /// Of signalling.
    pub sip: u8,
    /// Of sound.
    pub rtp: u8,
    /// Of the reports beside it.
    pub rtcp: u8,
}

impl Default for Marking {
    /// Sound is expedited (RFC 3246), the rest is like everything else.
    fn default() -> Self {
        const EXPEDITED: u8 = 46;
        Self {
            sip: 0,
            rtp: EXPEDITED,
            rtcp: EXPEDITED,
        }
    }
}

/// Transports a server is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportChoice {
    /// As DNS says (RFC 3263).
    Auto,
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
}

/// How signalling and media are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityConfig {
    /// What is offered for media.
    pub srtp: SrtpOffer,
    /// With which suites, the preferred first, never empty.
    pub suites: Vec<SrtpSuite>,
    /// A server certificate that cannot be validated ends the connection.
    pub validates_server: bool,
    /// PEM file of the authorities to trust; `None` trusts the system's.
    pub trusted_ca_file: Option<String>,
    /// Oldest TLS version.
    pub tls_version_min: TlsVersion,
    /// Challenges by MD5 are answered.
    pub answers_md5: bool,
}

impl SecurityConfig {
    /// Says whether servers are trusted in the same way.
    #[must_use]
    pub fn trusts_as(&self, other: &Self) -> bool {
        self.trusted_ca_file == other.trusted_ca_file
            && self.validates_server == other.validates_server
            && self.tls_version_min == other.tls_version_min
    }
}

/// What is offered for media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpOffer {
    /// RTP.
    Disabled,
    /// SRTP, or RTP where the other side knows no better.
    Optional,
    /// SRTP.
    Standard,
}

/// SRTP crypto suites by their names in SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpSuite {
    /// `AEAD_AES_256_GCM`.
    AeadAes256Gcm,
    /// `AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `AES_256_CM_HMAC_SHA1_80`.
    Aes256CmHmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_80`.
    AesCm128HmacSha1_80,
    /// `AES_256_CM_HMAC_SHA1_32`.
    Aes256CmHmacSha1_32,
    /// `AES_CM_128_HMAC_SHA1_32`.
    AesCm128HmacSha1_32,
}

impl SrtpSuite {
    /// What "all" stands for: the strongest first.
    pub const ALL: [Self; 6] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::Aes256CmHmacSha1_80,
        Self::AesCm128HmacSha1_80,
        Self::Aes256CmHmacSha1_32,
        Self::AesCm128HmacSha1_32,
    ];

    /// The name in SDP (RFC 4568, RFC 6188, RFC 7714).
    #[must_use]
    pub const fn sdp_name(self) -> &'static str {
        match self {
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes256CmHmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes256CmHmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }
}

/// TLS versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// How connections are kept open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAliveConfig {
    /// With what.
    pub method: KeepAliveMethod,
    /// How often.
    pub interval: Duration,
    /// How often the connection in use, where its server keeps several for one device (RFC 5626); `None` is as the others.
    pub flow_interval: Option<Duration>,
    /// How long the answer may take there.
    pub flow_answer: Duration,
}

/// With what connections are kept open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAliveMethod {
    /// Nothing.
    None,
    /// Double CRLF, answered by one (RFC 5626 §3.5.1).
    Crlf,
}

/// Where else an endpoint registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedundancyConfig {
    /// Backup servers in their order; empty if redundancy is off.
    pub backups: Vec<HostPort>,
    /// How often servers that are not in use are asked.
    pub poll_interval: Duration,
    /// The active server is asked as well.
    pub polls_active: bool,
    /// It goes back to an earlier server that answers again.
    pub fails_back: bool,
    /// The site's survivability node, the last resort.
    pub local_node: Option<HostPort>,
}

/// What an endpoint does for servers with their own ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InteropConfig {
    /// The Contact carries the user.
    pub contact_user: bool,
    /// The Contact carries the local port.
    pub contact_port: bool,
    /// What a check-sync notification does.
    pub check_sync: CheckSync,
    /// When a Priority header decides how important a call is.
    pub priority: PriorityTrust,
}

/// When the Priority header of a call from a slot's own server decides how important it is. A zone of Oyez sets the
/// header itself and drops a caller's own; other servers may pass on what any caller claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityTrust {
    /// Where the server says in its answer to a REGISTER that it does ([`PRIORITY_HEADER`](crate::PRIORITY_HEADER)).
    Zone,
    /// In any case.
    Always,
    /// Never: the slot alone decides.
    Never,
}

/// What a check-sync notification does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckSync {
    /// Restart in any case.
    Always,
    /// Fetch the files and restart if they differ.
    Conditional,
}

/// How pages sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageConfig {
    /// Gain in dB, at most 0.
    pub volume_db: i32,
    /// Played before a page of the base extension.
    pub tone: Tone,
    /// G.722 is offered.
    pub g722: bool,
    /// A page ends after this time.
    pub length_max: Duration,
    /// Speech is brought to one loudness.
    pub levels_speech: bool,
    /// What pages are raised by in dB, their peaks held down; 0 where they are not.
    pub boost_db: i32,
    /// What becomes of what a caller says.
    pub mode: PageModeConfig,
    /// How callers hear the room.
    pub microphone: MicrophoneConfig,
    /// What callers have to key in, and where.
    pub passcode: Option<PagePasscodeConfig>,
}

/// What becomes of what the caller of a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageModeConfig {
    /// It is heard.
    OneWay,
    /// It is heard, and the caller hears the room.
    TwoWay,
    /// It is recorded, and heard when the caller is done.
    Delayed {
        /// A key ends the message, not the end of the call alone.
        ends_by_key: bool,
    },
}

/// How the room is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicrophoneConfig {
    /// By what: by nothing unless calls are two-way.
    pub choice: MicrophoneChoice,
    /// Gain in dB.
    pub gain_db: i32,
    /// Callers do not hear it.
    pub is_muted: bool,
}

/// How rings sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingConfig {
    /// Gain in dB, at most 0.
    pub volume_db: i32,
    /// The tone of a ring slot without one of its own.
    pub tone: Tone,
    /// A ring falls silent after this time; `None` for no limit.
    pub length_max: Option<Duration>,
    /// Which rings sound otherwise: the first that matches counts.
    pub rules: Vec<RingRule>,
}

/// How a ring sounds of which it is known who calls, or who is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingRule {
    /// Matches the user or the display name of either.
    pub pattern: CallerPattern,
    /// The tone.
    pub tone: Tone,
    /// How long it is silent before it sounds.
    pub delay: Duration,
}

/// What emergency alerts play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertsConfig {
    /// Gain in dB, at most 0.
    pub volume_db: i32,
    /// An announcement ends after this time.
    pub length_max: Duration,
    /// What callers have to key in.
    pub passcode: Option<PasscodeConfig>,
    /// The announcements that are in use, in the order of their numbers.
    pub announcements: Vec<AnnouncementConfig>,
}

/// One announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncementConfig {
    /// Its number, from 1 to 10: that of the alert slot whose call starts it.
    pub number: u8,
    /// What it plays.
    pub tone: Tone,
    /// How often; `None` until it is stopped.
    pub rounds: Option<u32>,
    /// A call to its slot starts an exercise.
    pub is_drill: bool,
}

/// A tone to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The tone that belongs to the situation.
    Default,
    /// Silence.
    None,
    /// A sound file among the endpoint's tones, without a path.
    File(String),
}

/// How programs use an endpoint over its REST API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    /// The password; never that of the hardware as it is delivered.
    pub password: Secret,
    /// How it is proved.
    pub authentication: ApiAuthentication,
    /// How far the clock of a client may be off.
    pub skew_max: Duration,
}

/// How a client of the REST API proves that it knows the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiAuthentication {
    /// It signs each request.
    Hmac,
    /// It sends the password.
    Basic,
}

/// One slot with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotConfig {
    /// Which slot.
    pub position: SlotPosition,
    /// Who it registers as.
    pub user: SipUser,
    /// Whose password it is.
    pub authorization_id: AuthorizationId,
    /// The password; without one no challenge is answered.
    pub password: Option<Secret>,
    /// Display name of outgoing calls.
    pub display_name: Option<String>,
    /// Played before a page, while it rings, as announcement, or to confirm a cancellation.
    pub tone: Tone,
}

impl EndpointConfig {
    /// Reads the configuration a document describes.
    ///
    /// # Errors
    ///
    /// Names everything that does not fit together, and what would be right.
    pub fn from_document(document: &Document) -> Result<Self, Vec<ConfigError>> {
        let reader = Reader { document };
        let mut errors = Vec::new();
        let config = Self {
            server: sections::server(&reader),
            security: sections::security(&reader),
            keep_alive: sections::keep_alive(&reader),
            redundancy: sections::redundancy(&reader, &mut errors),
            interop: sections::interop(&reader),
            page: sections::page(&reader, &mut errors),
            ring: sounds::ring(&reader, &mut errors),
            alerts: sounds::alerts(&reader),
            multicast: multicast::multicast(&reader),
            kinds: sounds::kinds(&reader, &mut errors),
            provisioning: provisioning::provisioning(&reader),
            sink: reader.parsed("oyez.sink").unwrap_or(SinkChoice::Auto),
            api: sections::api(&reader, &mut errors),
            logging: logging::logging(&reader),
            slots: slots::slots(&reader, &mut errors),
        };
        config.check(&reader, &mut errors);
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(errors)
        }
    }

    /// Reads what a document that has been checked says of the API, without the rest.
    pub(super) fn api_of(document: &Document) -> Option<ApiConfig> {
        sections::api(&Reader { document }, &mut Vec::new())
    }

    fn check(&self, reader: &Reader<'_>, errors: &mut Vec<ConfigError>) {
        if !self.slots.is_empty() && self.server.domain.is_none() {
            errors.push(conflict(
                reader,
                "sip.proxy",
                "there are slots to register but no SIP domain",
                "the domain",
            ));
        }
        let is_insecure = matches!(self.server.transport, TransportChoice::Udp | TransportChoice::Tcp);
        if is_insecure && self.security.srtp != SrtpOffer::Disabled {
            let problem = "the media keys would be sent in clear over this transport";
            errors.push(conflict(
                reader,
                "sip.srtp",
                problem,
                "sip.transp = tls, or disabled",
            ));
        }
        if is_insecure && self.server.sips {
            let problem = "the sips scheme needs TLS";
            errors.push(conflict(reader, "sip.sips", problem, "sip.transp = tls, or 0"));
        }
        passcode::check(self, reader, errors);
        multicast::check(self, reader, errors);
        let mut position_by_user = BTreeMap::new();
        for slot in &self.slots {
            if let Some(other) = position_by_user.insert(&slot.user, slot.position) {
                let problem = format!(
                    "{} registers in slot {other} too, and a call would reach both",
                    slot.user
                );
                errors.push(conflict(
                    reader,
                    &SlotKeys::of(slot.position).user,
                    &problem,
                    "a user of its own",
                ));
            }
        }
    }
}

fn conflict(reader: &Reader<'_>, key: &str, problem: &str, right: &str) -> ConfigError {
    ConfigError {
        line: reader.document.line_of(key),
        key: key.to_owned(),
        problem: problem.to_owned(),
        right: right.to_owned(),
    }
}
