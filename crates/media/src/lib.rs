//! Media without I/O: SDP, RTP, SRTP, codecs, jitter buffer, tones, bridges.
