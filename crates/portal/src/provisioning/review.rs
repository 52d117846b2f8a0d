//! What waits for somebody to look before it is served: certificates that may be of a copy, and devices whose certificates ask for what
//! is another's.
//!
//! It withholds files, and no more: what a device has it keeps, and registers and pages with. So a wrong suspicion silences nobody.

use model::AccountId;
use model::inventory::{
    Attempt, AttemptOutcome, AuditEntry, Device, DeviceType, HeldDevice, IssuedCertificate, MacAddress,
    ShownCertificate, Standing, Timestamp, TokenHash,
};
use store::{Scope, StoreError, Transaction};

use super::BY;
use super::proof::{Proved, SignedBy};
use crate::alarms;

/// What becomes of a suspicion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suspicion {
    /// The device whose certificate asks for another's file is held, and the other as well; a second certificate of a device waits.
    #[default]
    HoldBoth,
    /// The device whose certificate asks is held; a second certificate of a device waits.
    HoldHolder,
    /// It is written down.
    Note,
}

impl Suspicion {
    /// Each with its word in the configuration file.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::HoldBoth, "hold-both"),
        (Self::HoldHolder, "hold-holder"),
        (Self::Note, "note"),
    ];
}

/// A certificate that is good for one device, and with which somebody asked in the name of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// Whose it is.
    pub(super) holder: Proved,
    pub(super) fingerprint: TokenHash,
}

/// Why a device, or the certificate that it shows, is given nothing at the time.
pub(super) struct Doubt {
    pub(super) outcome: AttemptOutcome,
    pub(super) detail: String,
    /// Nobody else has what was shown.
    pub(super) is_proof: bool,
}

impl From<HeldDevice> for Doubt {
    fn from(held: HeldDevice) -> Self {
        Self {
            outcome: AttemptOutcome::Held,
            detail: held.why,
            is_proof: true,
        }
    }
}

/// For so many milliseconds a certificate that is given nothing is not written down anew: writers take turns, and whoever is refused asks
/// as often as it likes.
pub(super) const WRITTEN_FOR: u64 = 60 * 1_000;

/// Says how a certificate that a device shows stands.
pub(super) async fn judged(
    scope: &mut Scope<'_, '_>,
    device: &Device,
    suspicion: Suspicion,
    shown: ShownNow<'_>,
) -> Result<Judged, StoreError> {
    let before = scope.shown_certificates(&device.id).await?;
    let known = before.iter().find(|known| known.fingerprint == shown.fingerprint);
    let is_of_late = known.is_some_and(|known| shown.at.0.saturating_sub(known.last_at.0) < WRITTEN_FOR);
    let known = known.map(|known| known.standing);
    let standing = match known {
        Some(standing @ (Standing::Accepted | Standing::Held | Standing::Blocked)) => standing,
        Some(Standing::Good) | None if suspicion == Suspicion::Note => Standing::Good,
        found @ (Some(Standing::Good) | None) => {
            let is_second = shown.is_second(&before, found.is_some());
            if is_second { Standing::Held } else { Standing::Good }
        }
    };
    Ok(Judged {
        known,
        is_of_late,
        standing,
        has_good: before.iter().any(|other| other.standing.is_good()),
    })
}

/// How a certificate stands that a device shows.
#[derive(Clone, Copy)]
pub(super) struct Judged {
    /// How it stood when it was shown before.
    known: Option<Standing>,
    /// That was a short time ago.
    is_of_late: bool,
    standing: Standing,
    /// The device has shown one that is good.
    has_good: bool,
}

impl Judged {
    /// Says whether it is good, and was shown before as such: nothing has to be written down then.
    pub(super) fn is_settled(self) -> bool {
        self.standing.is_good() && self.known == Some(self.standing)
    }

    /// Says whether it was shown a short time ago, and stood as it does: what it is refused for need not be written down again.
    pub(super) fn is_written(self) -> bool {
        self.is_of_late && self.known == Some(self.standing)
    }

    /// What speaks against it, if that was written down a short time ago.
    pub(super) fn known_doubt(self) -> Option<Doubt> {
        self.doubt().filter(|_| self.is_written())
    }

    fn doubt(self) -> Option<Doubt> {
        match self.standing {
            Standing::Good | Standing::Accepted => None,
            Standing::Held => Some(Doubt {
                outcome: AttemptOutcome::SecondCertificate,
                detail: "another certificate has proved to be the device: one of the two may be a copy's, see Provision".to_owned(),
                is_proof: false,
            }),
            Standing::Blocked => Some(Doubt {
                outcome: AttemptOutcome::Revoked,
                detail: "the certificate was blocked under Provision".to_owned(),
                is_proof: !self.has_good,
            }),
        }
    }
}

/// Notes that a device has shown a certificate, and says what speaks against it.
pub(super) async fn doubt(
    scope: &mut Scope<'_, '_>,
    device: &Device,
    suspicion: Suspicion,
    shown: ShownNow<'_>,
) -> Result<Option<Doubt>, StoreError> {
    let judged = judged(scope, device, suspicion, shown).await?;
    let kept = ShownCertificate {
        fingerprint: shown.fingerprint,
        standing: judged.standing,
        first_at: shown.at,
        last_at: shown.at,
        source: shown.source.to_owned(),
    };
    scope.set_shown_certificate(&device.id, &kept).await?;
    if judged.standing == Standing::Held && judged.known != Some(Standing::Held) {
        let detail = format!("{} ({}), shown from {}", device.name, device.mac, shown.source);
        alarm(scope, device, (shown.at, alarms::SECOND_CERTIFICATE), detail).await?;
    }
    Ok(judged.doubt())
}

/// A certificate that a device shows.
#[derive(Clone, Copy)]
pub(super) struct ShownNow<'a> {
    pub(super) fingerprint: TokenHash,
    pub(super) at: Timestamp,
    pub(super) source: &'a str,
    /// Those that this service has issued for the device.
    pub(super) issued: &'a [IssuedCertificate],
}

impl ShownNow<'_> {
    /// Says whether it comes beside another. Of those that this service has issued each takes the place of the one before, so that one
    /// comes beside it that is shown when a later one was; of a maker's there is one.
    fn is_second(&self, before: &[ShownCertificate], is_known: bool) -> bool {
        let issued_at = |fingerprint: TokenHash| {
            let mut issued = self.issued.iter();
            issued
                .find(|issued| issued.fingerprint == fingerprint)
                .map(|issued| issued.issued_at)
        };
        let mut others = before
            .iter()
            .filter(|other| other.fingerprint != self.fingerprint && other.standing != Standing::Blocked);
        match issued_at(self.fingerprint) {
            Some(own) => others
                .filter(|other| other.standing.is_good())
                .any(|other| issued_at(other.fingerprint).is_some_and(|later| later > own)),
            None => !is_known && others.any(|other| issued_at(other.fingerprint).is_none()),
        }
    }
}

/// Holds what a certificate that asked in another's name puts under suspicion. A certificate holds one device besides its own at most:
/// what is held already has no say. One of a device that nobody has added holds none, or whoever buys a device could hold them all.
pub(super) async fn hold(
    transaction: &mut Transaction<'_>,
    suspicion: Suspicion,
    mismatch: Mismatch,
    asked: MacAddress,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Mismatch { holder, fingerprint } = mismatch;
    let Some((account, device)) = transaction.device_of_mac(holder.mac).await? else {
        return Ok(());
    };
    if suspicion == Suspicion::Note || !is_good(transaction, &account, &device, holder, fingerprint).await? {
        return Ok(());
    }
    let other = transaction.device_of_mac(asked).await?;
    let mut scope = transaction.account(&account);
    let why = format!("with its certificate somebody asked in the name of {asked}");
    if !put_aside(&mut scope, &device, at, why).await? {
        return Ok(());
    }
    match other {
        Some((owner, other)) if owner == account && suspicion == Suspicion::HoldBoth => {
            let why = format!(
                "somebody asked in its name with the certificate of {}",
                holder.mac
            );
            put_aside(&mut scope, &other, at, why).await?;
        }
        Some(_) | None => {}
    }
    Ok(())
}

/// Says whether a certificate would get its own device's file.
async fn is_good(
    transaction: &mut Transaction<'_>,
    account: &AccountId,
    device: &Device,
    holder: Proved,
    fingerprint: TokenHash,
) -> Result<bool, StoreError> {
    let is_believed = match holder.signed_by {
        SignedBy::Own => {
            let issued = transaction.certificate(fingerprint).await?;
            issued.is_some_and(|issued| issued.device == device.id && issued.revoked_at.is_none())
        }
        SignedBy::Manufacturer => device.kind == DeviceType::Algo,
    };
    let mut scope = transaction.account(account);
    let shown = scope.shown_certificates(&device.id).await?;
    let found = shown.iter().find(|shown| shown.fingerprint == fingerprint);
    Ok(is_believed && found.is_none_or(|shown| shown.standing.is_good()))
}

/// Holds a device and says whether that is new.
async fn put_aside(
    scope: &mut Scope<'_, '_>,
    device: &Device,
    at: Timestamp,
    why: String,
) -> Result<bool, StoreError> {
    let detail = format!("{} ({}): {why}", device.name, device.mac);
    let is_new = scope.hold_device(&device.id, &HeldDevice { at, why }).await?;
    if is_new {
        alarm(scope, device, (at, alarms::HELD), detail).await?;
    }
    Ok(is_new)
}

/// Writes something of a device down that somebody ought to look at, in the log and in the audit.
pub(super) async fn alarm(
    scope: &mut Scope<'_, '_>,
    device: &Device,
    (at, action): (Timestamp, &str),
    detail: String,
) -> Result<(), StoreError> {
    tracing::warn!(action, "somebody has to look; Audit in the portal says at what");
    let entry = AuditEntry {
        at,
        by: BY.to_owned(),
        action: action.to_owned(),
        detail,
    };
    scope.add_alarm(&entry, Some(&device.id)).await
}

/// How long it may be from one try to the next but one for both to count as one going on beside the other: a device that has moved
/// comes back from its old address no more.
const BESIDE: u64 = 24 * 60 * 60 * 1_000;

/// The addresses, where tries that proved to be the device, the last first, came from one, from another, and from the first again.
pub(crate) fn by_turns(attempts: &[Attempt]) -> Option<(&str, &str)> {
    let mut turns: Vec<&Attempt> = Vec::new();
    for attempt in attempts.iter().filter(|attempt| attempt.proved) {
        if turns.last().is_none_or(|last| last.source != attempt.source) {
            turns.push(attempt);
        }
    }
    turns.windows(3).find_map(|turns| match turns {
        [last, between, first]
            if last.source == first.source && last.at.0.saturating_sub(first.at.0) <= BESIDE =>
        {
            Some((first.source.as_str(), between.source.as_str()))
        }
        _ => None,
    })
}

/// Says whether a try makes it so that a device's certificate was used from two addresses by turns, which it was not before.
pub(super) fn begins_turns(before: &[Attempt], attempt: &Attempt) -> bool {
    let last = before.iter().find(|before| before.proved);
    if last.is_none_or(|last| last.source == attempt.source) || by_turns(before).is_some() {
        return false;
    }
    let all: Vec<Attempt> = std::iter::once(attempt).chain(before).cloned().collect();
    by_turns(&all).is_some()
}
