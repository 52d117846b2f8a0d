//! What a device is told once: who it is, where it registers, how it sounds.

mod multicast;
mod sounds;

use std::time::Duration;

use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::SecurityOffer;
use media::srtp::Suite;
use model::config::{
    EndpointConfig, HostPort, KeepAliveMethod, Marking, PageModeConfig, PriorityTrust, ServerConfig,
    SlotConfig, SrtpOffer, SrtpSuite, TransportChoice,
};
use model::status::{RelayEvents, TargetRole};
use model::{AuthorizationId, DeviceId, Secret, SipUser, SlotKind, SlotPosition};
use paging::Order;
use sip::flow::Transport;

use crate::keepalive::KeepaliveTimes;
use crate::local::Kind;
use crate::passcode::Passcode;
use crate::recovery::RecoveryTimes;
use crate::registration::RegistrationTimes;
use crate::tones::ToneSource;
use crate::uplink::UplinkTimes;

pub use multicast::{MulticastProfile, PRIORITY_STREAM_MAX, STREAM_GRACE, SendingProfile, ZoneProfile};
pub use sounds::{ANNOUNCEMENTS_MAX, AlertsProfile, Announcement, RingProfile, RingRule, tone_of};

/// Everything a device core is told.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Which device.
    pub device: DeviceId,
    /// Goes into User-Agent and Server.
    pub user_agent: String,
    /// The device's URN for `+sip.instance` (RFC 5626 section 4.1), the same after every restart.
    pub instance: Option<String>,
    /// The SIP domain: domain part of every address of record.
    pub domain: String,
    /// The registrar, if it is not the domain: host, and port if there is one.
    pub registrar: Option<String>,
    /// Addresses are `sips:`, which asks for TLS on every hop (RFC 5630).
    pub sips: bool,
    /// The servers in the order they are tried in.
    pub targets: Vec<TargetProfile>,
    /// The slots.
    pub slots: Vec<SlotProfile>,
    /// What calls may carry.
    pub media: MediaProfile,
    /// How the device sounds.
    pub sound: SoundProfile,
    /// How rings sound.
    pub ring: RingProfile,
    /// What emergency alerts play.
    pub alerts: AlertsProfile,
    /// What the device does with multicast zones.
    pub multicast: MulticastProfile,
    /// When the Priority header of a call decides how important it is.
    pub priority: PriorityTrust,
    /// Times.
    pub times: Times,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetProfile {
    /// Its place in the order.
    pub role: TargetRole,
    /// Name or address, without brackets; the certificate must carry it.
    pub host: String,
    /// The port; without one, DNS decides (RFC 3263).
    pub port: Option<u16>,
    /// The transport; without one, DNS decides (RFC 3263).
    pub transport: Option<Transport>,
    /// It is an outbound proxy, to be named in a Route header, and not the domain's own server.
    pub is_outbound_proxy: bool,
}

/// One slot.
#[derive(Debug, Clone)]
pub struct SlotProfile {
    /// Kind and port.
    pub position: SlotPosition,
    /// Who it registers as; `None` for an empty slot.
    pub account: Option<Account>,
    /// What plays before a page or a spoken alert, while the caller hears it ring, and of which what is longer than
    /// [`TONE_MAX`](crate::TONE_MAX) is cut; or what a ring slot plays.
    pub tone: ToneSource,
    /// What a caller has to key in before anything sounds; `None` lets every call in.
    pub passcode: Option<Passcode>,
    /// What becomes of what a caller says to a page slot.
    pub mode: PageMode,
}

/// What becomes of what a caller says to a page slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PageMode {
    /// It is heard at once.
    #[default]
    OneWay,
    /// It is heard, and the caller hears the room where there is a microphone.
    TwoWay,
    /// It is recorded, and heard when the caller is done.
    Delayed {
        /// A key ends the message, not the end of the call alone.
        ends_by_key: bool,
    },
}

/// Who registers or calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User part of the address of record.
    pub user: SipUser,
    /// Whose password it is.
    pub authorization_id: AuthorizationId,
    /// The password; without one no challenge is answered.
    pub password: Option<Secret>,
    /// Challenges by MD5 are answered, for servers that know no other algorithm.
    pub answers_md5: bool,
    /// Shown to those who are called.
    pub display_name: String,
}

/// What calls may carry.
#[derive(Debug, Clone)]
pub struct MediaProfile {
    /// Whether media is encrypted.
    pub security: SecurityOffer,
    /// Suites in the order of preference.
    pub suites: Vec<Suite>,
    /// Codecs in the order of preference.
    pub codecs: Vec<Codec>,
    /// How packets are marked, those of signalling as well.
    pub marking: Marking,
}

/// How a device sounds.
#[derive(Debug, Clone)]
pub struct SoundProfile {
    /// Name of the sink, for statuses: "alsa:default".
    pub sink: String,
    /// Rate of the samples that [`fill`](crate::Endpoint::fill) makes.
    pub output_rate: SampleRate,
    /// Gain of pages and tones in dB: more than 0 where they are compressed.
    pub page_volume_db: f32,
    /// Gain of alerts in dB, at most 0.
    pub alert_volume_db: f32,
    /// Gain of rings in dB, at most 0.
    pub ring_volume_db: f32,
    /// Speech is brought to one loudness, however loud its talker is.
    pub levels_speech: bool,
    /// Which sound comes first.
    pub order: Order,
    /// Which sounds switch the relay.
    pub relay: RelayEvents,
    /// How the room is heard.
    pub microphone: MicrophoneProfile,
}

/// How a device hears its room.
#[derive(Debug, Clone, PartialEq)]
pub struct MicrophoneProfile {
    /// Name of the microphone, for statuses: "alsa:default".
    pub name: String,
    /// Gain in dB.
    pub gain_db: f32,
    /// Callers do not hear the room.
    pub is_muted: bool,
}

impl Default for MicrophoneProfile {
    /// None.
    fn default() -> Self {
        Self {
            name: "none".to_owned(),
            gain_db: 0.0,
            is_muted: false,
        }
    }
}

impl SoundProfile {
    /// Gain of a sound of the device itself, in dB.
    pub(crate) fn volume_db(&self, kind: Kind) -> f32 {
        match kind {
            Kind::Announcement { .. } => self.alert_volume_db,
            Kind::Tone | Kind::DelayedPage => self.page_volume_db,
        }
    }

    /// Gain of what callers say to a slot, in dB.
    pub(crate) fn speech_volume_db(&self, slot: SlotKind) -> f32 {
        match slot {
            SlotKind::Alert => self.alert_volume_db,
            SlotKind::Page => self.page_volume_db,
            SlotKind::Ring => self.ring_volume_db,
        }
    }
}

/// The times of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Registrations.
    pub registration: RegistrationTimes,
    /// Connections.
    pub uplink: UplinkTimes,
    /// Longest page; `None` for no limit.
    pub page_max: Option<Duration>,
}

impl Default for Times {
    /// A page may last 300 s, as with the hardware this follows.
    fn default() -> Self {
        Self {
            registration: RegistrationTimes::default(),
            uplink: UplinkTimes::default(),
            page_max: Some(Duration::from_secs(300)),
        }
    }
}

/// What a configuration does not say of a device.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Which device.
    pub device: DeviceId,
    /// Goes into User-Agent and Server.
    pub user_agent: String,
    /// The device's URN for `+sip.instance`; see [`Profile::instance`].
    pub instance: Option<String>,
}

impl Profile {
    /// The profile that a configuration asks for.
    ///
    /// Sound files are the shell's to load: what has one gets a built-in signal here, and the shell puts the recording
    /// there ([`tone_of`]). Which certificates are trusted, and where sound goes, is the shell's business too.
    #[must_use]
    pub fn from_config(config: &EndpointConfig, identity: Identity, output_rate: SampleRate) -> Self {
        let decibel = |volume_db: i32| i16::try_from(volume_db).map_or(0.0, f32::from);
        Self {
            device: identity.device,
            user_agent: identity.user_agent,
            instance: identity.instance,
            domain: config.server.domain.as_ref().map_or_else(String::new, host),
            registrar: config.server.registrar.as_ref().map(authority),
            sips: config.server.sips,
            targets: targets(config),
            slots: config
                .slots
                .iter()
                .map(|slot| slot_profile(config, slot))
                .collect(),
            media: MediaProfile {
                security: match config.security.srtp {
                    SrtpOffer::Standard => SecurityOffer::Standard,
                    SrtpOffer::Optional => SecurityOffer::Optional,
                    SrtpOffer::Disabled => SecurityOffer::Disabled,
                },
                suites: config.security.suites.iter().copied().map(suite).collect(),
                codecs: codecs(config.page.g722),
                marking: config.server.marking,
            },
            sound: SoundProfile {
                sink: config.sink.to_string(),
                output_rate,
                page_volume_db: decibel(config.page.volume_db + config.page.boost_db),
                alert_volume_db: decibel(config.alerts.volume_db),
                ring_volume_db: decibel(config.ring.volume_db),
                levels_speech: config.page.levels_speech,
                // The configuration has each kind once.
                order: Order::new(config.kinds.order).unwrap_or_default(),
                relay: config.kinds.relay.clone(),
                microphone: MicrophoneProfile {
                    gain_db: decibel(config.page.microphone.gain_db),
                    is_muted: config.page.microphone.is_muted,
                    ..MicrophoneProfile::default()
                },
            },
            ring: RingProfile::from_config(config),
            alerts: AlertsProfile::from_config(config),
            multicast: MulticastProfile::from_config(config, decibel),
            priority: config.interop.priority,
            times: times(config),
        }
    }
}

/// The wider band first.
fn codecs(with_g722: bool) -> Vec<Codec> {
    let wide = with_g722.then_some(Codec::G722);
    [Codec::Opus]
        .into_iter()
        .chain(wide)
        .chain([Codec::Pcmu, Codec::Pcma])
        .collect()
}

/// The servers in the order they are tried in: outbound proxies, or the domain's own server where there are none; then
/// the backup servers; the site's node last.
fn targets(config: &EndpointConfig) -> Vec<TargetProfile> {
    let ServerConfig {
        domain,
        registrar,
        outbound_proxy,
        second_outbound_proxy,
        transport,
        sips,
        ..
    } = &config.server;
    let transport = match transport {
        TransportChoice::Auto => sips.then_some(Transport::Tls),
        TransportChoice::Udp => Some(Transport::Udp),
        TransportChoice::Tcp => Some(Transport::Tcp),
        TransportChoice::Tls => Some(Transport::Tls),
    };
    let own = registrar.as_ref().or(domain.as_ref());
    let mut order: Vec<(TargetRole, &HostPort, bool)> = Vec::new();
    match outbound_proxy {
        Some(proxy) => order.push((TargetRole::Primary, proxy, true)),
        None => order.extend(own.map(|own| (TargetRole::Primary, own, false))),
    }
    order.extend(
        second_outbound_proxy
            .as_ref()
            .map(|proxy| (TargetRole::Secondary, proxy, true)),
    );
    order.extend(
        config
            .redundancy
            .backups
            .iter()
            .map(|backup| (TargetRole::Backup, backup, true)),
    );
    order.extend(
        config
            .redundancy
            .local_node
            .as_ref()
            .map(|node| (TargetRole::LocalNode, node, true)),
    );
    order
        .into_iter()
        .map(|(role, at, is_outbound_proxy)| TargetProfile {
            role,
            host: at.host.clone(),
            port: at.port,
            transport,
            is_outbound_proxy,
        })
        .collect()
}

fn slot_profile(config: &EndpointConfig, slot: &SlotConfig) -> SlotProfile {
    SlotProfile {
        position: slot.position,
        account: Some(Account {
            user: slot.user.clone(),
            authorization_id: slot.authorization_id.clone(),
            password: slot.password.clone(),
            answers_md5: config.security.answers_md5,
            display_name: slot.display_name.clone().unwrap_or_default(),
        }),
        tone: sounds::slot_tone(config, slot),
        passcode: sounds::slot_passcode(config, slot),
        mode: match config.page.mode {
            PageModeConfig::OneWay => PageMode::OneWay,
            PageModeConfig::TwoWay => PageMode::TwoWay,
            PageModeConfig::Delayed { ends_by_key } => PageMode::Delayed { ends_by_key },
        },
    }
}

fn times(config: &EndpointConfig) -> Times {
    let poll = config.redundancy.poll_interval;
    let recovery = RecoveryTimes::default();
    // The first wait lies between once and twice the base time (RFC 5626 section 4.5).
    let recovery = RecoveryTimes {
        base_some_up: poll / 2,
        max: recovery.max.max(poll),
        ..recovery
    };
    let failback = if config.redundancy.fails_back {
        UplinkTimes::default().failback
    } else {
        None
    };
    let keepalive = match config.keep_alive.method {
        KeepAliveMethod::Crlf => Some(KeepaliveTimes::every(config.keep_alive.interval)),
        KeepAliveMethod::None => None,
    };
    let brisk = config.keep_alive.flow_interval.map(|interval| KeepaliveTimes {
        interval,
        answer: config.keep_alive.flow_answer,
    });
    Times {
        registration: RegistrationTimes {
            expires: config.server.register_period,
            ..RegistrationTimes::default()
        },
        uplink: UplinkTimes {
            keepalive,
            brisk: keepalive.and(brisk),
            recovery,
            failback,
            ..UplinkTimes::default()
        },
        page_max: Some(config.page.length_max).filter(|longest| !longest.is_zero()),
    }
}

fn suite(suite: SrtpSuite) -> Suite {
    match suite {
        SrtpSuite::AeadAes256Gcm => Suite::AeadAes256Gcm,
        SrtpSuite::AeadAes128Gcm => Suite::AeadAes128Gcm,
        SrtpSuite::Aes256CmHmacSha1_80 => Suite::AesCm256HmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_80 => Suite::AesCm128HmacSha1_80,
        SrtpSuite::Aes256CmHmacSha1_32 => Suite::AesCm256HmacSha1_32,
        SrtpSuite::AesCm128HmacSha1_32 => Suite::AesCm128HmacSha1_32,
    }
}

impl TargetProfile {
    /// Host and port as they stand in a URI: an IPv6 address in brackets, the port if there is one.
    #[must_use]
    pub fn authority(&self) -> String {
        authority(&HostPort {
            host: self.host.clone(),
            port: self.port,
        })
    }
}

fn authority(at: &HostPort) -> String {
    match at.port {
        Some(port) => format!("{}:{port}", host(at)),
        None => host(at),
    }
}

fn host(at: &HostPort) -> String {
    if at.host.contains(':') {
        format!("[{}]", at.host)
    } else {
        at.host.clone()
    }
}
