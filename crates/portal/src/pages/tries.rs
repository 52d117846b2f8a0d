//! Tries to prove a password, a code or a link, which whoever guesses has as well: wrong ones are slowed down, and somebody is told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use model::inventory::AdministratorId;

use super::{GuessedFor, Site};

/// A try that was let in. It counts as a wrong one until it proves right: others that come meanwhile are not let in on its account.
#[must_use]
pub(super) struct Try {
    from: SocketAddr,
    whom: Option<AdministratorId>,
}

/// Lets a try be made; what is to be told where it is too early. Whoever knows a password guesses codes from many addresses, so those are
/// counted for each administrator, too.
pub(super) fn admit(site: &Site, from: SocketAddr, whom: Option<&AdministratorId>) -> Result<Try, String> {
    let (mut throttle, mut guesses, now) = (site.throttle(), site.guesses(), Instant::now());
    let guessed = whom.map(|id| GuessedFor(id.clone()));
    throttle.admit(now, from.ip()).map_err(too_early)?;
    if let Some(guessed) = &guessed {
        guesses.admit(now, guessed.clone()).map_err(too_early)?;
    }
    // Whoever has to wait for what others guessed has tried nothing.
    throttle.note_failure(now, from.ip());
    if let Some(guessed) = guessed {
        guesses.note_failure(now, guessed);
    }
    Ok(Try {
        from,
        whom: whom.cloned(),
    })
}

impl Try {
    /// Has somebody told where it is one of too many.
    pub(super) fn was_wrong(self, site: &Site) {
        let from = self.from.ip();
        let of_address = site.throttle().begin_telling(from);
        let guessed = self.whom.map(GuessedFor);
        let of_whom = guessed.is_some_and(|guessed| site.guesses().begin_telling(guessed));
        if of_address || of_whom {
            site.alarms().raise_guessed(from);
        }
    }

    /// Forgets the tries of whoever knew it.
    pub(super) fn was_right(self, site: &Site) {
        site.throttle().note_success(self.from.ip());
        if let Some(id) = self.whom {
            site.guesses().note_success(GuessedFor(id));
        }
    }

    /// The same where the password was tried before it, which counted as wrong until this proved right.
    pub(super) fn was_right_after_password(self, site: &Site) {
        site.throttle().note_success(self.from.ip());
        self.was_right(site);
    }
}

fn too_early(wait: Duration) -> String {
    let seconds = wait.as_secs().saturating_add(1);
    format!("There were too many wrong tries. Try again in {seconds} s.")
}
