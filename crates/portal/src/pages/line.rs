//! What stands in a slot: its name on the pages, and how an extension comes there.

use model::inventory::{Account, AssignmentError, Device, Holder, LinePlace};
use model::{AccountId, Secret, SlotKind};
use store::{Scope, StoreError, Transaction};

use super::chance;
use super::problem::Problem;

/// A place as it is shown: "Page 1".
pub(crate) fn place_name(place: LinePlace) -> String {
    let kind = match place {
        LinePlace::Slot(position) => slot_name(position.kind()),
        LinePlace::Phone(_) => "Line",
    };
    format!("{kind} {}", place.port())
}

/// Says whether pages are heard there.
pub(super) fn is_paged(place: LinePlace) -> bool {
    matches!(place, LinePlace::Slot(position) if position.kind() == SlotKind::Page)
}

/// What is said of a member of a page group that has no page slot.
pub(super) const HEARS_NOTHING: &str = "no page slot yet: it would hear nothing";

/// What of a device hears a page group that has it as a member.
pub(super) const fn device_hears(is_heard: bool) -> &'static str {
    if is_heard {
        "all its page slots"
    } else {
        HEARS_NOTHING
    }
}

/// A kind of slot as it is shown.
pub(super) const fn slot_name(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Page => "Page",
        SlotKind::Ring => "Ring",
        SlotKind::Alert => "Alert",
    }
}

/// The account of whoever asks.
pub(super) async fn account_of(
    transaction: &mut Transaction<'_>,
    id: &AccountId,
) -> Result<Account, Problem> {
    transaction.find_account(id).await?.ok_or(Problem::Missing)
}

/// Puts an extension in its place, with credentials of its own, unless a rule is against it.
pub(super) async fn assign(
    scope: &mut Scope<'_, '_>,
    account: &Account,
    device: &Device,
    holder: &Holder,
    place: LinePlace,
) -> Result<Result<(), AssignmentError>, StoreError> {
    let password = Secret::new(chance::password()?);
    scope.assign(account, device, holder, place, password).await
}
