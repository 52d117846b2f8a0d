//! Who may use the API: judges a request by its head, the time and what was asked before. It reads no clock.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::config::{ApiAuthentication, ApiConfig};
use web::Throttle;

use super::replays::{NotFresh, Replays};
use super::signature::{Credentials, Signed, SignedBody, is_basic_by};

/// What is remembered of earlier requests.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    replays: Replays,
    /// Its own: who tries passwords here keeps nobody out of the web pages.
    throttle: Throttle,
    counts: Counts,
}

/// How many requests were let in and how many were not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) admitted: u64,
    pub(super) refused: u64,
    pub(super) slowed: u64,
}

/// The time, by the clock that clients know and by the one that is never set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    /// Seconds since 1970.
    pub(super) unix: u64,
    pub(super) now: Instant,
}

/// The head of a request, as far as it is authenticated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) body: Option<SignedBody<'a>>,
    /// Seconds since 1970.
    pub(super) date: Option<u64>,
    pub(super) authorization: Option<&'a str>,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Password, signature, date or nonce are not right, or there are none: which of them is nobody's business.
    Wrong,
    /// There were too many wrong tries: wait so long.
    Wait(Duration),
    /// There were too many right ones in the window.
    Full,
}

impl Gate {
    /// Lets a request in, or says why not.
    pub(super) fn judge(
        &mut self,
        time: Time,
        from: IpAddr,
        api: &ApiConfig,
        asked: &Asked<'_>,
    ) -> Result<(), Refusal> {
        let Some(authorization) = asked.authorization else {
            // It tries no password, and clients learn the date by such requests.
            self.counts.refused += 1;
            return Err(Refusal::Wrong);
        };
        if let Err(wait) = self.throttle.admit(time.now, from) {
            self.counts.slowed += 1;
            return Err(Refusal::Wait(wait));
        }
        let outcome = match api.authentication {
            ApiAuthentication::Basic if is_basic_by(&api.password, authorization) => Ok(()),
            ApiAuthentication::Basic => Err(Refusal::Wrong),
            ApiAuthentication::Hmac => self.judge_signature(time, api, asked, authorization),
        };
        match outcome {
            Ok(()) => {
                self.throttle.forgive(from);
                self.counts.admitted += 1;
            }
            Err(Refusal::Wrong) => self.note_wrong(time.now, from),
            Err(Refusal::Wait(_) | Refusal::Full) => self.counts.slowed += 1,
        }
        outcome
    }

    /// Takes note of a request whose body is not the one that was signed.
    pub(super) fn note_wrong(&mut self, now: Instant, from: IpAddr) {
        self.throttle.note_failure(now, from);
        self.counts.refused += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    fn judge_signature(
        &mut self,
        time: Time,
        api: &ApiConfig,
        asked: &Asked<'_>,
        authorization: &str,
    ) -> Result<(), Refusal> {
        let window = api.skew_max.as_secs();
        let credentials = Credentials::read(authorization).ok_or(Refusal::Wrong)?;
        let date = asked
            .date
            .filter(|date| date.abs_diff(time.unix) <= window)
            .ok_or(Refusal::Wrong)?;
        let signed = Signed {
            method: asked.method,
            uri: asked.uri,
            body: asked.body,
            date,
            nonce: credentials.nonce,
        };
        if !signed.is_by(&api.password, &credentials.signature) {
            return Err(Refusal::Wrong);
        }
        self.replays
            .accept(time.unix, window, date, credentials.signature)
            .map_err(|reason| match reason {
                NotFresh::Seen => Refusal::Wrong,
                NotFresh::Full => Refusal::Full,
            })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use model::Secret;

    use super::*;
    use web::FREE_TRIES;

    const NOW: u64 = 1_601_312_835;
    const PASSWORD: &str = "correct horse";

    fn api(authentication: ApiAuthentication) -> ApiConfig {
        ApiConfig {
            password: Secret::from(PASSWORD),
            authentication,
            skew_max: Duration::from_secs(30),
        }
    }

    fn from(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn time() -> Time {
        Time {
            unix: NOW,
            now: Instant::now(),
        }
    }

    fn header(password: &str, date: u64, nonce: &str) -> String {
        let signed = Signed {
            method: "GET",
            uri: "/api/info/about",
            body: None,
            date,
            nonce,
        };
        format!("hmac admin:{nonce}:{}", signed.sign(&Secret::from(password)))
    }

    fn asked(authorization: &str, date: u64) -> Asked<'_> {
        Asked {
            method: "GET",
            uri: "/api/info/about",
            body: None,
            date: Some(date),
            authorization: Some(authorization),
        }
    }

    fn by_hmac(gate: &mut Gate, time: Time, password: &str, date: u64, nonce: &str) -> Result<(), Refusal> {
        let header = header(password, date, nonce);
        gate.judge(
            time,
            from(1),
            &api(ApiAuthentication::Hmac),
            &asked(&header, date),
        )
    }

    #[test]
    fn a_clock_may_be_off_by_the_window_and_not_by_a_second_more() {
        let (mut gate, time) = (Gate::default(), time());
        for (date, outcome) in [
            (NOW, Ok(())),
            (NOW - 30, Ok(())),
            (NOW + 30, Ok(())),
            (NOW - 31, Err(Refusal::Wrong)),
            (NOW + 31, Err(Refusal::Wrong)),
            (0, Err(Refusal::Wrong)),
            (u64::MAX, Err(Refusal::Wrong)),
        ] {
            assert_eq!(by_hmac(&mut gate, time, PASSWORD, date, "1"), outcome, "{date}");
        }
    }

    #[test]
    fn w03_a_signature_is_accepted_once() {
        let (mut gate, time) = (Gate::default(), time());

        assert_eq!(by_hmac(&mut gate, time, PASSWORD, NOW, "1"), Ok(()));
        assert_eq!(by_hmac(&mut gate, time, PASSWORD, NOW, "1"), Err(Refusal::Wrong));
        assert_eq!(by_hmac(&mut gate, time, PASSWORD, NOW, "2"), Ok(()));
    }

    #[test]
    fn w03_a_signature_is_good_for_its_method_uri_date_and_body_alone() {
        let (mut gate, time) = (Gate::default(), time());
        let header = header(PASSWORD, NOW, "1");
        let right = asked(&header, NOW);
        let body = SignedBody {
            content_md5: "",
            content_type: "",
        };

        for wrong in [
            Asked {
                method: "PUT",
                ..right
            },
            Asked {
                uri: "/api/settings/sip.proxy",
                ..right
            },
            Asked {
                date: Some(NOW + 1),
                ..right
            },
            Asked { date: None, ..right },
        ] {
            let outcome = gate.judge(time, from(1), &api(ApiAuthentication::Hmac), &wrong);
            assert_eq!(outcome, Err(Refusal::Wrong), "{wrong:?}");
        }
        let with_body = Asked {
            body: Some(body),
            ..right
        };
        let outcome = gate.judge(time, from(1), &api(ApiAuthentication::Hmac), &with_body);
        assert_eq!(outcome, Err(Refusal::Wrong));
        let outcome = gate.judge(time, from(2), &api(ApiAuthentication::Hmac), &right);
        assert_eq!(outcome, Ok(()));
    }

    #[test]
    fn w06_wrong_tries_are_slowed_down_and_right_ones_too_meanwhile() {
        let (mut gate, time) = (Gate::default(), time());
        for number in 0..FREE_TRIES {
            let outcome = by_hmac(&mut gate, time, "wrong", NOW, &number.to_string());
            assert_eq!(outcome, Err(Refusal::Wrong));
        }

        let wait = Duration::from_secs(1);
        assert_eq!(
            by_hmac(&mut gate, time, "wrong", NOW, "w"),
            Err(Refusal::Wait(wait))
        );
        assert_eq!(
            by_hmac(&mut gate, time, PASSWORD, NOW, "r"),
            Err(Refusal::Wait(wait))
        );
        let later = Time {
            now: time.now + wait,
            ..time
        };
        assert_eq!(by_hmac(&mut gate, later, PASSWORD, NOW, "r"), Ok(()));
        let expected = Counts {
            admitted: 1,
            refused: FREE_TRIES.into(),
            slowed: 2,
        };
        assert_eq!(gate.counts(), expected);
    }

    #[test]
    fn who_tries_no_password_is_not_slowed_down() {
        let (mut gate, time) = (Gate::default(), time());
        let nobody = Asked {
            authorization: None,
            ..asked("", NOW)
        };

        for _ in 0..=2 * FREE_TRIES {
            let outcome = gate.judge(time, from(1), &api(ApiAuthentication::Hmac), &nobody);
            assert_eq!(outcome, Err(Refusal::Wrong));
        }
    }

    #[test]
    fn each_way_to_authenticate_is_taken_where_it_is_asked_for_alone() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let right = basic(&format!("admin:{PASSWORD}"));
        let signed = header(PASSWORD, NOW, "1");
        for (authentication, header, is_let_in) in [
            (ApiAuthentication::Basic, &right, true),
            (ApiAuthentication::Hmac, &right, false),
            (ApiAuthentication::Basic, &signed, false),
            (ApiAuthentication::Hmac, &signed, true),
            (ApiAuthentication::Basic, &basic("admin:wrong"), false),
            (
                ApiAuthentication::Basic,
                &basic(&format!("root:{PASSWORD}")),
                false,
            ),
            (ApiAuthentication::Basic, &basic("admin"), false),
            (ApiAuthentication::Basic, &"Basic !".to_owned(), false),
        ] {
            let mut gate = Gate::default();
            let outcome = gate.judge(time(), from(1), &api(authentication), &asked(header, NOW));
            assert_eq!(outcome.is_ok(), is_let_in, "{authentication:?} {header}");
        }
    }
}
