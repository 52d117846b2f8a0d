//! Session descriptions as the two sides of a call exchange them.

mod answers;
mod attacks;
mod limits;
mod offers;
mod properties;

use std::net::Ipv4Addr;
use std::time::Duration;

use media::codec::Codec;
use media::sdp::{Direction, LocalMedia, Negotiated, SdpError, SecurityOffer, answer, offer};
use media::srtp::Suite;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Thirty octets, for the suites of AES-128 in counter mode.
const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([7; 32])
}

/// What a switch would accept: three codecs, two suites, TLS.
fn local(security: SecurityOffer) -> LocalMedia {
    LocalMedia {
        address: Ipv4Addr::new(192, 0, 2, 2).into(),
        port: 5_000,
        codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::Opus],
        security,
        suites: vec![Suite::AesCm256HmacSha1_80, Suite::AesCm128HmacSha1_80],
        ptime: Duration::from_millis(20),
        direction: Direction::SendReceive,
        session_id: 4_711,
        session_version: 1,
        rtcp_mux: false,
        channel_is_secure: true,
    }
}

/// A session with this text from the first media line on.
fn session(media: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{media}")
}

fn crypto(tag: u32) -> String {
    format!("a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n")
}

/// Answers a plain offer with these media lines.
fn answered(media: &str) -> Result<(String, Negotiated), SdpError> {
    answer(
        session(media).as_bytes(),
        &local(SecurityOffer::Optional),
        &mut rng(),
    )
}

fn answered_by(local: &LocalMedia, media: &str) -> Result<(String, Negotiated), SdpError> {
    answer(session(media).as_bytes(), local, &mut rng())
}

/// Lets the peer answer our offer with these media lines.
fn accepted(local: &LocalMedia, media: &str) -> Result<Negotiated, SdpError> {
    let (_, pending) = offer(local, &mut rng()).expect("the settings can be offered");
    pending.accept(session(media).as_bytes())
}

fn lines<'a>(text: &'a str, beginning: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(beginning)).collect()
}
