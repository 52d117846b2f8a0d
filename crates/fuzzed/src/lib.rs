//! What each fuzz target checks, callable on any bytes.
//!
//! Every function takes the octets as a peer or an administrator might send them, hands them to the parser of that
//! name and asserts what must hold whatever they are: that nothing panics, that limits are kept, that what was read
//! can be written and read again, and that nobody without the key is believed. The targets of cargo-fuzz call these
//! functions, and so does the test that replays the corpus.
//!
//! # What it deliberately does not do
//!
//! It does not judge whether a message, a call or a file is sensible: the tests of each crate do. It opens no
//! socket and no file, and chooses no input of its own.

mod configuration;
mod digest;
mod directory;
mod rtcp;
mod rtp;
mod sdp;
mod sip_message;
mod srtp;
mod stream_framing;
mod stun;
mod uri;

pub use configuration::configuration;
pub use digest::digest;
pub use directory::directory;
pub use rtcp::rtcp;
pub use rtp::rtp;
pub use sdp::sdp;
pub use sip_message::sip_message;
pub use srtp::srtp;
pub use stream_framing::stream_framing;
pub use stun::stun;
pub use uri::uri;
