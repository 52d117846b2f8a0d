//! The slots of a device.

use model::SlotKind;
use model::inventory::{Holder, Line, LineId, LinePlace};
use registrations::Registration;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::shapes::{HolderName, RegistrationShown};
use super::device;
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// The slots of a device, in the order of their kinds and ports.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
}

/// An extension in its slot.
#[derive(Serialize, JsonSchema)]
pub(super) struct Slot {
    id: String,
    assignment_type: AssignmentType,
    /// From 1.
    port: u8,
    holder: HolderName,
    /// The SIP user who registers, as events name it.
    user: String,
    /// Counts the passwords it has had.
    generation: u32,
    /// A rotation has left the password before good.
    has_earlier_password: bool,
    registration: RegistrationShown,
}

/// What a call to an extension does.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum AssignmentType {
    /// It is answered, and played.
    Page,
    /// It sounds while it rings.
    Ring,
    /// It starts an announcement.
    Alert,
    /// A phone rings, and people answer.
    Phone,
}

pub(crate) async fn list(call: Call, _: Nothing, _: Nothing) -> Result<Found<Slots>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let device = device(&call, &mut scope).await?;
    let mut held = scope.held_lines_of_device(&device.id).await?;
    held.sort_by_key(|(line, _)| line.place);
    let earlier = scope.earlier_passwords_of_device(&device.id).await?;
    let known = |(line, holder): &(Line, Holder)| {
        let registration = call.registrations().of(line.user.as_str());
        Slot::of(line, holder, registration.as_ref(), &earlier)
    };
    Ok(Found(Slots {
        slots: held.iter().map(known).collect(),
    }))
}

impl Slot {
    pub(super) fn of(
        line: &Line,
        holder: &Holder,
        registration: Option<&Registration>,
        earlier: &[LineId],
    ) -> Self {
        Self {
            id: line.id.to_string(),
            assignment_type: AssignmentType::of(line.place),
            port: line.place.port(),
            holder: HolderName::of(holder),
            user: line.user.to_string(),
            generation: line.generation.0,
            has_earlier_password: earlier.contains(&line.id),
            registration: RegistrationShown::of(registration),
        }
    }
}

impl AssignmentType {
    pub(in super::super) fn of(place: LinePlace) -> Self {
        match place {
            LinePlace::Phone(_) => Self::Phone,
            LinePlace::Slot(position) => match position.kind() {
                SlotKind::Page => Self::Page,
                SlotKind::Ring => Self::Ring,
                SlotKind::Alert => Self::Alert,
            },
        }
    }
}
