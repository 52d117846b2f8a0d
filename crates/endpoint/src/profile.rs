//! What a device is told once: who it is, where it registers, how it sounds.

use std::time::Duration;

use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::SecurityOffer;
use media::srtp::Suite;
use model::status::TargetRole;
use model::{AuthorizationId, DeviceId, Secret, SipUser, SlotPosition};
use sip::flow::Transport;

use crate::registration::RegistrationTimes;
use crate::uplink::UplinkTimes;

/// Everything a device core is told.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Which device.
    pub device: DeviceId,
    /// Goes into User-Agent and Server.
    pub user_agent: String,
    /// The device's URN for `+sip.instance` (RFC 5626 section 4.1), the same after every restart.
    pub instance: Option<String>,
    /// The SIP domain: registrar and domain part of every address of record.
    pub domain: String,
    /// The servers in the order they are tried in.
    pub targets: Vec<TargetProfile>,
    /// The slots.
    pub slots: Vec<SlotProfile>,
    /// What calls may carry.
    pub media: MediaProfile,
    /// How the device sounds.
    pub sound: SoundProfile,
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
}

/// Who registers or calls.
#[derive(Debug, Clone)]
pub struct Account {
    /// User part of the address of record.
    pub user: SipUser,
    /// Whose password it is.
    pub authorization_id: AuthorizationId,
    /// The password; without one no challenge is answered.
    pub password: Option<Secret>,
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
}

/// How a device sounds.
#[derive(Debug, Clone)]
pub struct SoundProfile {
    /// Name of the sink, for statuses: "alsa:default".
    pub sink: String,
    /// Rate of the samples that [`fill`](crate::Endpoint::fill) makes.
    pub output_rate: SampleRate,
    /// Gain of pages and alerts in dB, at most 0.
    pub page_volume_db: f32,
    /// Gain of rings in dB, at most 0.
    pub ring_volume_db: f32,
    /// What plays before a page, while the caller hears it ring.
    pub page_tone: PageTone,
}

/// What plays before a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageTone {
    /// The two-tone chime.
    Chime,
    /// Nothing: the call is answered as soon as its media socket is open.
    None,
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

impl TargetProfile {
    /// Host and port as they stand in a URI: an IPv6 address in brackets, the port if there is one.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }
}
