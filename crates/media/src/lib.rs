//! Media without I/O: SDP, RTP, SRTP, codecs, jitter buffer, tones, bridges.

pub mod bridge;
pub mod codec;
pub mod conceal;
mod delay;
pub mod dtmf;
mod ingress;
mod jitter;
mod latch;
pub mod level;
pub mod mix;
pub mod receive;
mod report;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod sample;
pub mod sdp;
pub mod send;
mod sequence;
pub mod srtp;
pub mod tone;
