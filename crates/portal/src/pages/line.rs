//! What stands in a slot: its name on the pages, and how an extension comes there.

use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    Account, AssignmentError, Device, DeviceType, Holder, Line, LineId, LinePlace, check_assignment,
};
use model::{AccountId, Secret, SlotKind};
use store::{Scope, StoreError, Transaction};

use super::chance;
use super::problem::Problem;

/// Digits of a SIP user name, which says nothing of the extension.
const USER_DIGITS: u32 = 20;
/// Digits of an authorization id.
const AUTHORIZATION_DIGITS: u32 = 12;

/// A place as it is shown: "Page 1".
pub(super) fn place_name(place: LinePlace) -> String {
    let kind = match place {
        LinePlace::Slot(position) => slot_name(position.kind()),
        LinePlace::Phone(_) => "Line",
    };
    format!("{kind} {}", place.port())
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
    let on_device: Vec<(Line, String)> = scope
        .held_lines_of_device(&device.id)
        .await?
        .into_iter()
        .map(|(line, holder)| (line, holder.extension.to_string()))
        .collect();
    let of_holder = scope.lines_of_holder(&holder.id).await?;
    if let Err(error) = check_assignment(account, device, holder, place, &on_device, &of_holder) {
        return Ok(Err(error));
    }
    let damaged = StoreError::Damaged { table: "line" };
    let Ok(user) = chance::digits(USER_DIGITS)?.parse() else {
        return Err(damaged);
    };
    let Ok(authorization_id) = chance::digits(AUTHORIZATION_DIGITS)?.parse() else {
        return Err(damaged);
    };
    let line = Line {
        id: LineId::from_random(chance::bits()?),
        device: device.id.clone(),
        place,
        holder: holder.id.clone(),
        user,
        authorization_id,
        algorithm: algorithm_for(device.kind),
        generation: Generation(1),
        password: Secret::new(chance::password()?),
    };
    scope.add_line(&line).await?;
    Ok(Ok(()))
}

/// Other makers' devices fail as soon as they are challenged with what they do not know; all of them know MD5.
const fn algorithm_for(kind: DeviceType) -> DigestAlgorithm {
    match kind {
        DeviceType::Oyez => DigestAlgorithm::Sha256,
        DeviceType::Algo | DeviceType::Other => DigestAlgorithm::Md5,
    }
}
