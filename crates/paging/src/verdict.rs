//! The one definition of *heard*.

use model::status::{NotHeardReason, Receipt, Verdict};

/// Percentage of a page that the sink must have consumed. The rest is what jitter, an unlucky start and the end of a
/// call cost even on a good network.
pub const HEARD_PERCENT_MIN: u64 = 95;

/// Judges a receipt: heard is a page of which the sink consumed at least [`HEARD_PERCENT_MIN`] per cent, on a device
/// that was not muted and whose output was healthy. What was concealed was made up, so it is not the page's and does
/// not count. A page without audio was heard by nobody.
///
/// `audio_ms` is the length of the page as its talker sent it, in milliseconds.
#[must_use]
pub fn judge(audio_ms: u64, receipt: &Receipt) -> Verdict {
    let consumed_ms = receipt.played_ms.saturating_sub(receipt.concealed_ms);
    let is_enough = consumed_ms.saturating_mul(100) >= audio_ms.saturating_mul(HEARD_PERCENT_MIN);
    let why = if !receipt.sink_healthy {
        NotHeardReason::SinkFault
    } else if receipt.muted {
        NotHeardReason::Muted
    } else if audio_ms == 0 || !is_enough {
        NotHeardReason::TooLittle
    } else {
        return Verdict::Heard;
    };
    Verdict::NotHeard { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_five_per_cent_is_heard_and_a_millisecond_less_is_not() {
        assert_eq!(judge(10_000, &receipt(9_500)), Verdict::Heard);
        assert_eq!(
            judge(10_000, &receipt(9_499)),
            not_heard(NotHeardReason::TooLittle)
        );
    }

    #[test]
    fn concealed_audio_does_not_count() {
        let concealing = Receipt {
            concealed_ms: 501,
            ..receipt(10_000)
        };

        assert_eq!(judge(10_000, &concealing), not_heard(NotHeardReason::TooLittle));
    }

    #[test]
    fn a_muted_device_has_not_heard_however_much_it_played() {
        let muted = Receipt {
            muted: true,
            ..receipt(10_000)
        };

        assert_eq!(judge(10_000, &muted), not_heard(NotHeardReason::Muted));
    }

    #[test]
    fn a_faulty_sink_has_not_heard_and_is_named_first() {
        let faulty = Receipt {
            sink_healthy: false,
            muted: true,
            ..receipt(0)
        };

        assert_eq!(judge(10_000, &faulty), not_heard(NotHeardReason::SinkFault));
    }

    #[test]
    fn a_page_without_audio_was_heard_by_nobody() {
        assert_eq!(judge(0, &receipt(0)), not_heard(NotHeardReason::TooLittle));
    }

    #[test]
    fn absurd_numbers_do_not_overflow() {
        assert_eq!(judge(u64::MAX, &receipt(u64::MAX)), Verdict::Heard);
        let concealing = Receipt {
            concealed_ms: u64::MAX,
            ..receipt(1)
        };
        assert_eq!(judge(1, &concealing), not_heard(NotHeardReason::TooLittle));
    }

    fn not_heard(why: NotHeardReason) -> Verdict {
        Verdict::NotHeard { why }
    }

    fn receipt(played_ms: u64) -> Receipt {
        Receipt {
            page: "p".parse().unwrap(),
            played_ms,
            expected_ms: played_ms,
            lost: 0,
            concealed_ms: 0,
            interrupted_ms: 0,
            first_audio_ms: Some(20),
            level_dbfs: Some(-20.0),
            muted: false,
            sink_healthy: true,
        }
    }
}
