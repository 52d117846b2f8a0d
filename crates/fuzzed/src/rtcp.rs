//! RTCP compounds.

use media::rtcp::{GOODBYES_MAX, RECEPTION_REPORTS_MAX, Received, Report, is_rtcp};

const CANONICAL_NAME: &str = "fuzz@example.com";

/// Reads a compound packet, and writes what it said anew.
///
/// # Panics
/// If a limit is exceeded, a compound would be taken for RTP, or a report reads differently the second time.
pub fn rtcp(data: &[u8]) {
    let Ok(received) = Received::parse(data) else {
        return;
    };
    assert!(is_rtcp(data));
    assert!(received.receptions.len() <= RECEPTION_REPORTS_MAX);
    assert!(received.goodbyes.len() <= GOODBYES_MAX);
    for goodbye in [true, false] {
        let report = Report {
            ssrc: received.ssrc,
            sender: received.sender,
            receptions: &received.receptions,
            canonical_name: CANONICAL_NAME,
            goodbye,
        };
        let mut written = b"before".to_vec();
        report
            .write_to(&mut written)
            .expect("what one compound said fits another");
        let written = written.strip_prefix(b"before").expect("a report is appended");
        assert!(is_rtcp(written));
        let again = Received::parse(written).expect("a report that was written can be read");
        assert_eq!(again.ssrc, received.ssrc);
        assert_eq!(again.sender, received.sender);
        assert_eq!(again.receptions, received.receptions);
        let goodbyes: Vec<u32> = goodbye.then_some(received.ssrc).into_iter().collect();
        assert_eq!(again.goodbyes.as_slice(), goodbyes);
    }
}
