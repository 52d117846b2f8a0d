//! Media without I/O: SDP, RTP, SRTP, codecs, jitter buffer, tones, bridges.

pub mod codec;
pub mod resample;
pub mod rtp;
pub mod sample;
pub mod sdp;
pub mod srtp;
