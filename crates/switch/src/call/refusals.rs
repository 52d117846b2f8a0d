//! What a caller is told when nobody answers.

use sip::message::StatusCode;

/// The best of the refusals so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Refusals {
    best: Option<StatusCode>,
}

impl Refusals {
    /// Takes note of a refusal.
    pub(crate) fn add(&mut self, status: StatusCode) {
        let told = told(status);
        if self.best.is_none_or(|best| rank(told) < rank(best)) {
            self.best = Some(told);
        }
    }

    /// What the caller is told: 480 where nobody said anything.
    pub(crate) fn best(self) -> StatusCode {
        self.best.unwrap_or(StatusCode::TEMPORARILY_UNAVAILABLE)
    }
}

/// What a refusal of one leg means to the caller. Most are about that leg alone (a challenge, a redirection, a
/// transaction that failed) and would be misread on the caller's side.
fn told(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::DECLINE => StatusCode::DECLINE,
        StatusCode::BUSY_HERE | StatusCode::BUSY_EVERYWHERE => StatusCode::BUSY_HERE,
        StatusCode::NOT_ACCEPTABLE_HERE | StatusCode::NOT_ACCEPTABLE_ANYWHERE => {
            StatusCode::NOT_ACCEPTABLE_HERE
        }
        _ => StatusCode::TEMPORARILY_UNAVAILABLE,
    }
}

/// A decision of a person comes first, then of a device, then a failure.
fn rank(told: StatusCode) -> u8 {
    match told {
        StatusCode::DECLINE => 0,
        StatusCode::BUSY_HERE => 1,
        StatusCode::NOT_ACCEPTABLE_HERE => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_of_a_person_outweighs_a_failure() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.best(), StatusCode::TEMPORARILY_UNAVAILABLE);

        for (status, best) in [
            (503, 480),
            (488, 488),
            (600, 486),
            (404, 486),
            (603, 603),
            (486, 603),
        ] {
            refusals.add(StatusCode::new(status).unwrap());
            assert_eq!(refusals.best().code(), best, "after {status}");
        }
    }

    #[test]
    fn a_challenge_of_a_called_phone_is_not_passed_on() {
        let mut refusals = Refusals::default();

        refusals.add(StatusCode::UNAUTHORIZED);

        assert_eq!(refusals.best(), StatusCode::TEMPORARILY_UNAVAILABLE);
    }
}
