//! Sessions: random tokens, kept by their hashes alone.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Sessions at a time; past that the one that was used longest ago ends.
pub(super) const SESSIONS_MAX: usize = 32;
/// A session ends after this time, however much it is used.
const SESSION_LIFE: Duration = Duration::from_secs(24 * 3600);
const TOKEN_LENGTH: usize = 32;

/// What the browser keeps in its cookie; it is nowhere else.
pub(crate) struct SessionToken(String);

/// What is known of somebody who has signed in.
#[derive(Clone)]
pub(crate) struct Session {
    /// What forms of this session carry, so that no other site can send one.
    csrf: String,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    session_by_hash: BTreeMap<[u8; 32], Kept>,
}

#[derive(Debug)]
struct Kept {
    session: Session,
    began: Instant,
    used: Instant,
}

impl SessionToken {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Session {
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Says whether a form came from a page of this session.
    pub(crate) fn is_from_page(&self, token: &str) -> bool {
        token.as_bytes().ct_eq(self.csrf.as_bytes()).into()
    }
}

impl Sessions {
    pub(super) fn begin(&mut self, now: Instant) -> Result<SessionToken, getrandom::Error> {
        let token = random_text()?;
        let session = Session { csrf: random_text()? };
        if self.session_by_hash.len() >= SESSIONS_MAX {
            let unused = self.session_by_hash.iter().min_by_key(|(_, kept)| kept.used);
            if let Some(hash) = unused.map(|(hash, _)| *hash) {
                self.session_by_hash.remove(&hash);
            }
        }
        let kept = Kept {
            session,
            began: now,
            used: now,
        };
        self.session_by_hash.insert(hash(&token), kept);
        Ok(SessionToken(token))
    }

    pub(super) fn find(&mut self, now: Instant, token: &str, idle_max: Duration) -> Option<Session> {
        self.session_by_hash.retain(|_, kept| {
            now.saturating_duration_since(kept.used) < idle_max
                && now.saturating_duration_since(kept.began) < SESSION_LIFE
        });
        let kept = self.session_by_hash.get_mut(&hash(token))?;
        kept.used = now;
        Some(kept.session.clone())
    }

    /// Says whether a token is that of a session that goes on; it is not prolonged.
    pub(super) fn holds(&self, now: Instant, token: &str, idle_max: Duration) -> bool {
        self.session_by_hash.get(&hash(token)).is_some_and(|kept| {
            now.saturating_duration_since(kept.used) < idle_max
                && now.saturating_duration_since(kept.began) < SESSION_LIFE
        })
    }

    pub(super) fn end(&mut self, token: &str) {
        self.session_by_hash.remove(&hash(token));
    }

    pub(super) fn end_all(&mut self) {
        self.session_by_hash.clear();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Session")
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn random_text() -> Result<String, getrandom::Error> {
    let mut octets = [0; TOKEN_LENGTH];
    getrandom::fill(&mut octets)?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_session_lives_while_it_is_used_and_ends_when_it_is_not() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let token = sessions.begin(now).unwrap();

        assert!(sessions.find(now + HOUR / 2, token.as_str(), HOUR).is_some());
        assert!(sessions.find(now + HOUR * 5 / 4, token.as_str(), HOUR).is_some());
        assert!(sessions.find(now + HOUR * 9 / 4, token.as_str(), HOUR).is_none());
    }

    #[test]
    fn a_session_ends_after_a_day_however_much_it_is_used() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let token = sessions.begin(now).unwrap();

        let found: Vec<bool> = (1..=24)
            .map(|hour| {
                sessions
                    .find(now + HOUR * hour, token.as_str(), HOUR * 2)
                    .is_some()
            })
            .collect();

        assert_eq!(found.iter().filter(|found| **found).count(), 23);
    }

    #[test]
    fn there_are_so_many_sessions_and_the_one_used_longest_ago_ends_for_one_more() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let tokens: Vec<SessionToken> = (0..SESSIONS_MAX).map(|_| sessions.begin(now).unwrap()).collect();
        let later = now + Duration::from_secs(1);
        for token in tokens.iter().skip(1) {
            assert!(sessions.find(later, token.as_str(), HOUR).is_some());
        }

        sessions.begin(later).unwrap();

        assert!(sessions.find(later, tokens[0].as_str(), HOUR).is_none());
        assert!(sessions.find(later, tokens[1].as_str(), HOUR).is_some());
    }

    #[test]
    fn w03_no_token_but_the_one_that_was_given_is_a_session() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let token = sessions.begin(now).unwrap();

        let longer = format!("{}A", token.as_str());
        let shorter = token.as_str().chars().skip(1).collect::<String>();
        for wrong in ["", "A", shorter.as_str(), longer.as_str()] {
            assert!(sessions.find(now, wrong, HOUR).is_none(), "{wrong}");
        }
        sessions.end(token.as_str());
        assert!(sessions.find(now, token.as_str(), HOUR).is_none());
    }
}
