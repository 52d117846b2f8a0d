//! Who may come in: the claim of a new device, its password, sessions, and how fast wrong tries may follow each other.

mod session;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use web::{ClaimCode, PasswordHash, Throttle};
use zeroize::Zeroizing;

use self::session::Sessions;
pub(crate) use self::session::{Session, SessionToken};

/// The file in the state folder that holds the hash of the password.
const PASSWORD_FILE: &str = "web-password";
/// For the owner alone.
const FILE_MODE: u32 = 0o600;

/// Who may come in. Trying a password takes a while and blocks its thread meanwhile.
#[derive(Debug)]
pub struct Access {
    file: PathBuf,
    hashing: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` until the device has been claimed.
    password: Option<PasswordHash>,
    claim_code: ClaimCode,
    sessions: Sessions,
    throttle: Throttle,
}

/// Why access cannot be controlled: then no page is served.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The file system refuses.
    #[error("cannot read or write {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file holds no hash of a password.
    #[error("{} holds no password hash; remove it, and claim the device anew with the code it prints", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Randomness(getrandom::Error),
}

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The code or password is wrong.
    Wrong,
    /// Too many wrong tries: wait so long.
    Wait(Duration),
    /// The device has been claimed already, or not yet.
    OutOfPlace,
    /// A new password is too short, too long or no text.
    UnfitPassword,
    /// It cannot be kept.
    NotKept,
}

impl Access {
    /// Reads the password of a claimed device from its state folder.
    ///
    /// # Errors
    ///
    /// Names the file that cannot be read, or says that there is no randomness.
    pub fn open(state: &Path) -> Result<Self, AccessError> {
        let file = state.join(PASSWORD_FILE);
        let password = match fs::read_to_string(&file) {
            Ok(text) => {
                let hash = PasswordHash::read(text.trim());
                Some(hash.ok_or_else(|| AccessError::Damaged { path: file.clone() })?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(AccessError::File { path: file, source }),
        };
        Ok(Self {
            file,
            hashing: Mutex::default(),
            state: Mutex::new(State {
                password,
                claim_code: ClaimCode::draw().map_err(AccessError::Randomness)?,
                sessions: Sessions::default(),
                throttle: Throttle::default(),
            }),
        })
    }

    /// The code that claims a new device, to be shown to whoever stands beside it; `None` for one that has been claimed. Each
    /// start has another.
    #[must_use]
    pub fn claim_code(&self) -> Option<String> {
        let state = self.state();
        state.password.is_none().then(|| state.claim_code.to_string())
    }

    /// Whether the device has been claimed.
    pub(crate) fn is_claimed(&self) -> bool {
        self.state().password.is_some()
    }

    /// Claims the device: sets its password, and begins a session.
    pub(crate) fn claim(
        &self,
        now: Instant,
        from: IpAddr,
        code: &str,
        password: &str,
    ) -> Result<SessionToken, Denial> {
        {
            let mut state = self.state();
            state.throttle.admit(now, from).map_err(Denial::Wait)?;
            if state.password.is_some() {
                return Err(Denial::OutOfPlace);
            }
            if !state.claim_code.matches(code) {
                state.throttle.note_failure(now, from);
                return Err(Denial::Wrong);
            }
        }
        self.set_password(password, |present| present.is_none())?;
        self.begin_session(now)
    }

    /// Signs in by the password.
    pub(crate) fn sign_in(&self, now: Instant, from: IpAddr, password: &str) -> Result<SessionToken, Denial> {
        let hash = {
            let mut state = self.state();
            state.throttle.admit(now, from).map_err(Denial::Wait)?;
            // It counts as wrong until it is known to be right: the hash takes its time, and others try meanwhile.
            state.throttle.note_failure(now, from);
            state.password.clone().ok_or(Denial::OutOfPlace)?
        };
        let is_right = {
            // A hash takes megabytes: one is worked out at a time.
            let _in_turn = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
            hash.matches(password)
        };
        if !is_right {
            return Err(Denial::Wrong);
        }
        let mut state = self.state();
        state.throttle.note_success(from);
        // The password may have been changed while the hash was worked out.
        if state.password.as_ref().map(PasswordHash::to_text) != Some(hash.to_text()) {
            return Err(Denial::Wrong);
        }
        state.sessions.begin(now).map_err(|_| Denial::NotKept)
    }

    /// Changes the password of a claimed device, and ends every session.
    pub(crate) fn change_password(
        &self,
        now: Instant,
        from: IpAddr,
        old: &str,
        new: &str,
    ) -> Result<SessionToken, Denial> {
        let proof = self.sign_in(now, from, old)?;
        // It proves that the password is known, and is no session of anybody.
        self.sign_out(proof.as_str());
        self.set_password(new, |present| present.is_some())?;
        self.state().sessions.end_all();
        self.begin_session(now)
    }

    /// The session of a token, if it goes on; it is prolonged.
    pub(crate) fn session(&self, now: Instant, token: &str, idle_max: Duration) -> Option<Session> {
        self.state().sessions.find(now, token, idle_max)
    }

    /// Says whether a session goes on, without prolonging it.
    pub(crate) fn has_session(&self, now: Instant, token: &str, idle_max: Duration) -> bool {
        self.state().sessions.holds(now, token, idle_max)
    }

    /// Ends a session.
    pub(crate) fn sign_out(&self, token: &str) {
        self.state().sessions.end(token);
    }

    fn begin_session(&self, now: Instant) -> Result<SessionToken, Denial> {
        self.state().sessions.begin(now).map_err(|_| Denial::NotKept)
    }

    /// Sets the password, if the present one is still as it has to be.
    fn set_password(
        &self,
        password: &str,
        may_replace: impl FnOnce(Option<&PasswordHash>) -> bool,
    ) -> Result<(), Denial> {
        let hash = PasswordHash::make(password).ok_or(Denial::UnfitPassword)?;
        let write = || {
            let new = self.file.with_extension("new");
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(FILE_MODE)
                .open(&new)?;
            file.write_all(Zeroizing::new(hash.to_text()).as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.file)
        };
        let mut state = self.state();
        if !may_replace(state.password.as_ref()) {
            return Err(Denial::OutOfPlace);
        }
        write().map_err(|error| {
            tracing::error!(%error, "the password cannot be kept");
            Denial::NotKept
        })?;
        state.password = Some(hash);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
