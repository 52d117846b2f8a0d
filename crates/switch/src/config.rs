//! What a switch is told once.

use std::time::Duration;

use media::codec::Codec;
use media::srtp::Suite;
use model::AccountId;
use sip::user_agent::{Advertised, Timers};

use crate::admission::Limits;

/// How often the flow of a UDP binding is kept open by default: address translators forget a UDP mapping after 30 s or
/// more (RFC 4787 REQ-5 asks for 2 minutes, many keep 30 s).
pub const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(25);

/// Packet time that is offered: what every peer knows.
pub const PACKET_TIME: Duration = Duration::from_millis(20);

/// What a [`Switch`](crate::Switch) is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the zone or node, for its status.
    pub zone: String,
    /// The account it serves.
    pub account: AccountId,
    /// Goes into User-Agent and Server.
    pub user_agent: String,
    /// Host names and addresses by which requests may address the zone, beside the account's domain and the address
    /// they arrive at.
    pub hosts: Vec<String>,
    /// How peers reach the zone where that is not the local address of a flow.
    pub advertised: Vec<Advertised>,
    /// Base values of the SIP timers.
    pub timers: Timers,
    /// How much is taken on at once.
    pub limits: Limits,
    /// What media legs may carry.
    pub media: MediaPolicy,
    /// How the flows of UDP bindings are kept open; `None` leaves it to the phones.
    pub keep_alive: Option<KeepAlive>,
}

impl Config {
    /// A zone of this name for this account, with the default for everything else.
    #[must_use]
    pub fn new(zone: impl Into<String>, account: AccountId) -> Self {
        Self {
            zone: zone.into(),
            account,
            user_agent: concat!("Oyez/", env!("CARGO_PKG_VERSION")).to_owned(),
            hosts: Vec::new(),
            advertised: Vec::new(),
            timers: Timers::default(),
            limits: Limits::default(),
            media: MediaPolicy::default(),
            keep_alive: Some(KeepAlive {
                manner: KeepAliveManner::LineBreaks,
                every: KEEP_ALIVE_EVERY,
            }),
        }
    }
}

/// How UDP flows are kept open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// What is sent.
    pub manner: KeepAliveManner,
    /// How often.
    pub every: Duration,
}

/// What is sent to keep a UDP flow open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAliveManner {
    /// Two line breaks, which any SIP implementation ignores (RFC 3261 §7.5).
    LineBreaks,
    /// OPTIONS, for address translators that count only what the phone sends.
    Options,
}

/// What media legs may carry.
#[derive(Clone, Debug)]
pub struct MediaPolicy {
    /// Where RTP may go without SRTP.
    pub plain: PlainMedia,
    /// Codecs in the order they are offered.
    pub codecs: Vec<Codec>,
    /// SRTP suites in the order they are offered.
    pub suites: Vec<Suite>,
    /// Packet time that is offered.
    pub ptime: Duration,
}

impl Default for MediaPolicy {
    /// No plain RTP; G.711 first, since phones that talk all know it and a page between equal codecs is not
    /// transcoded; the suite every SDES peer knows first.
    fn default() -> Self {
        Self {
            plain: PlainMedia::Never,
            codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus],
            suites: vec![
                Suite::AesCm128HmacSha1_80,
                Suite::AeadAes128Gcm,
                Suite::AeadAes256Gcm,
                Suite::AesCm128HmacSha1_32,
            ],
            ptime: PACKET_TIME,
        }
    }
}

/// Where RTP may go without SRTP. Keys never travel over a flow without TLS, so legs over UDP and TCP have plain RTP or
/// none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainMedia {
    /// Nowhere: legs exist over TLS only.
    Never,
    /// On legs over UDP and TCP; legs over TLS have SRTP.
    OverClearFlows,
    /// Also on legs over TLS whose peer has no SRTP (RFC 8643).
    Anywhere,
}
