//! The device core: slots, registrations, calls, sound.
//!
//! [`Endpoint`] is a loudspeaker, strobe or relay as SIP sees it: it keeps one connection to the first of its targets
//! that serves, registers its slots over it, answers pages by itself, plays them, and says how much of each was heard.
//!
//! [`Caller`] is the other end: it places one call, speaks what it is given, and says in sentences why a call came to
//! nothing.
//!
//! The cores are pure: sockets, DNS, TLS, sound devices and clocks are the shell's. They get inputs with the instant at
//! which they happened, give outputs in order, and say when they want to be called again. They deliberately do not
//! provision themselves, read files, choose which certificates to trust, or open anything.
//!
//! ```text
//!             Input                                             Output
//!   shell ───────────▶  uplinks ──▶ registrations  ◀──▶  user agent  ───────────▶ shell
//!                                        calls  ──▶ arbiter ──▶ sound
//! ```
//!
//! ```
//! use std::time::Instant;
//!
//! use endpoint::profile::Identity;
//! use endpoint::{Endpoint, Output, Profile};
//! use media::sample::SampleRate;
//! use model::config::{Document, EndpointConfig};
//!
//! let file = "sip.proxy = pbx.example.com\nsip.transp = tls\nsip.u1.user = hall\nsip.u1.pwd = secret\n";
//! let document = Document::parse(file).expect("the file is well formed");
//! let config = EndpointConfig::from_document(&document).expect("the settings fit together");
//! let identity = Identity { device: "hall-1".parse()?, user_agent: "Oyez".to_owned(), instance: None };
//! let mut endpoint = Endpoint::new([7; 32], Profile::from_config(&config, identity, SampleRate::Hz48000));
//!
//! endpoint.start(Instant::now());
//!
//! let Some(Output::Resolve(query)) = endpoint.poll_output() else { panic!("the DNS is asked first") };
//! assert_eq!(query.name, "_sips._tcp.pbx.example.com");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attempts;
mod call;
pub mod caller;
mod clock;
mod delayed;
mod endpoint;
mod io;
mod jitter;
mod keepalive;
mod local;
mod multicast;
pub mod passcode;
mod playback;
pub mod profile;
mod receipt;
mod recovery;
mod refusal;
mod registration;
mod slot;
mod sound;
mod speech;
pub mod tones;
mod uplink;

pub use call::{CALLS_MAX, CALLS_PER_SLOT_MAX, KEYING_PER_SLOT_MAX, TONE_MAX};
pub use caller::{Caller, CallerEvent, CallerFailure, CallerPin, CallerProfile};
pub use delayed::{MESSAGE_MAX, MESSAGE_MIN, MESSAGES_MAX};
pub use endpoint::{Counters, Endpoint, Holdings, PAGE_HEADER, Reconfigured, SLOTS_MAX};
pub use io::{CallId, ConnectToken, Input, Output, ZonePlan};
pub use keepalive::KeepaliveTimes;
pub use local::{LOCAL_TONE_MAX, SoundOrder, ToneClass, ToneZone};
pub use multicast::{OPENINGS_MAX, SHUT_OUT_MAX, STREAM_SILENCE};
pub use playback::Rounds;
pub use profile::Profile;
pub use recovery::RecoveryTimes;
pub use registration::RegistrationTimes;
pub use sound::NO_MICROPHONE;
pub use tones::RECORDING_MAX;
pub use uplink::UplinkTimes;
