//! Which extension may stand in which slot of which device.

use std::fmt;

use super::{Account, Device, DeviceModel, DeviceType, Holder, LinePlace};
use crate::{SlotKind, SlotPosition};

/// A firmware version: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Firmware(pub u32, pub u32, pub u32);

impl Firmware {
    /// The oldest that can register here.
    pub const OLDEST: Self = Self(3, 2, 3);
    /// From here on a device takes several extensions of its provisioning server.
    pub const EXTENSION_ASSIGNMENT: Self = Self(5, 5, 0);

    /// Reads "5.5", "5.5.1" or "5.5.1-beta"; none where it begins with no number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().split('.').map(|part| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        });
        let major = numbers.next().flatten()?;
        let mut next = || numbers.next().flatten().unwrap_or(0);
        Some(Self(major, next(), next()))
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(formatter, "{major}.{minor}.{patch}")
    }
}

/// Why an extension cannot stand there; each with what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// The slot is another extension's.
    #[error("{place} has extension {extension}; choose another port, or remove that one first", place = Shown(*.place))]
    PlaceTaken {
        /// Which slot.
        place: LinePlace,
        /// Who has it.
        extension: String,
    },
    /// The extension's other lines are of another kind.
    #[error(
        "extension {extension} is assigned as {other}; one extension cannot answer by itself and ring, so give this device an extension of its own"
    )]
    OtherKind {
        /// The extension.
        extension: String,
        /// The kind of its other lines.
        other: &'static str,
    },
    /// The extension rings elsewhere, and a ring has one place.
    #[error("extension {extension} rings at another device; give this one an extension of its own")]
    RingsElsewhere {
        /// The extension.
        extension: String,
    },
    /// Firmware up to 5.4 takes one extension.
    #[error(
        "firmware {firmware} takes one extension from its provisioning server; several need 5.5, or the limit lifted under \
         Settings → Account Settings"
    )]
    OneExtension {
        /// What the device runs.
        firmware: Firmware,
    },
    /// Firmware up to 5.4 takes it in its base page slot.
    #[error(
        "firmware {firmware} takes its extension in page slot 1 only; other slots need 5.5, credentials moved by hand, or the limit \
         lifted under Settings → Account Settings"
    )]
    BasePageOnly {
        /// What the device runs.
        firmware: Firmware,
    },
    /// The firmware cannot register at all.
    #[error("firmware {firmware} cannot register: update the device to {oldest} or later")]
    TooOld {
        /// What the device runs.
        firmware: Firmware,
        /// What it would have to run.
        oldest: Firmware,
    },
    /// The model cannot register at all.
    #[error("the {model} cannot register: it has neither TLS nor SRTP; use another model")]
    ModelCannot {
        /// Its name.
        model: String,
    },
    /// The model has fewer slots of that kind.
    #[error("the {model} has {kind} slots 1 to {count}; choose one of them")]
    NoSuchSlot {
        /// Its name.
        model: String,
        /// Which slots.
        kind: SlotKind,
        /// How many it has.
        count: u8,
    },
    /// The model has no slot of that kind.
    #[error("the {model} has no {kind} slot; choose another assignment type")]
    NoSlotOfKind {
        /// Its name.
        model: String,
        /// Which slots.
        kind: SlotKind,
    },
    /// Only a generic device can be a phone.
    #[error("a device of type {} has page, ring and alert slots; choose one of them", .kind.label())]
    NoPhone {
        /// Its type.
        kind: DeviceType,
    },
}

/// A place in words.
struct Shown(LinePlace);

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            LinePlace::Slot(position) => write!(formatter, "{} port {}", position.kind(), position.port()),
            LinePlace::Phone(number) => write!(formatter, "line {number}"),
        }
    }
}

/// Says whether `holder` may stand at `place` of `device`. `on_device` are the places of the device that are taken, with the extensions
/// there, `of_holder` those of the holder on any device, and `model` is the model that the device has proved to be.
///
/// # Errors
///
/// When a rule is against it.
pub fn check_assignment(
    account: &Account,
    (device, model): (&Device, Option<&DeviceModel>),
    holder: &Holder,
    place: LinePlace,
    on_device: &[(LinePlace, String)],
    of_holder: &[LinePlace],
) -> Result<(), AssignmentError> {
    let extension = || holder.extension.to_string();
    if let Some((_, taken)) = on_device.iter().find(|(standing, _)| *standing == place) {
        return Err(AssignmentError::PlaceTaken {
            place,
            extension: taken.clone(),
        });
    }
    if let Some(other) = of_holder.iter().find(|other| other.kind() != place.kind()) {
        return Err(AssignmentError::OtherKind {
            extension: extension(),
            other: other.kind(),
        });
    }
    let rings = match place {
        LinePlace::Phone(_) => true,
        LinePlace::Slot(position) => position.kind() == SlotKind::Ring,
    };
    if rings && !of_holder.is_empty() {
        return Err(AssignmentError::RingsElsewhere {
            extension: extension(),
        });
    }
    check_place(account, device, model, place, on_device.is_empty())
}

/// Says whether a device has such a place for an extension; `is_first` if it has no other one.
///
/// # Errors
///
/// When its type, its model or its firmware is against it.
pub fn check_place(
    account: &Account,
    device: &Device,
    model: Option<&DeviceModel>,
    place: LinePlace,
    is_first: bool,
) -> Result<(), AssignmentError> {
    if !device.kind.is_provisioned() {
        return Ok(());
    }
    let LinePlace::Slot(position) = place else {
        return Err(AssignmentError::NoPhone { kind: device.kind });
    };
    if let Some(model) = model {
        check_model(model, position)?;
    }
    check_firmware(account, device, model, position, is_first)
}

fn check_model(model: &DeviceModel, position: SlotPosition) -> Result<(), AssignmentError> {
    let (name, kind) = (|| model.name.clone(), position.kind());
    let count = model.slots(kind);
    if !model.tls_srtp {
        return Err(AssignmentError::ModelCannot { model: name() });
    }
    match count {
        0 => Err(AssignmentError::NoSlotOfKind { model: name(), kind }),
        _ if position.port() > count => Err(AssignmentError::NoSuchSlot {
            model: name(),
            kind,
            count,
        }),
        _ => Ok(()),
    }
}

/// A device that has not said what it runs is taken for a current one; its first contact corrects that.
fn check_firmware(
    account: &Account,
    device: &Device,
    model: Option<&DeviceModel>,
    position: SlotPosition,
    is_first: bool,
) -> Result<(), AssignmentError> {
    let algo = device.kind == DeviceType::Algo;
    let Some(firmware) = device
        .firmware
        .as_deref()
        .and_then(Firmware::parse)
        .filter(|_| algo)
    else {
        return Ok(());
    };
    let oldest = model.map_or(Firmware::OLDEST, |model| model.oldest_firmware);
    if firmware < oldest {
        return Err(AssignmentError::TooOld { firmware, oldest });
    }
    if firmware >= Firmware::EXTENSION_ASSIGNMENT || account.many_extensions_before_5_5 {
        return Ok(());
    }
    if !is_first {
        return Err(AssignmentError::OneExtension { firmware });
    }
    if position != SlotPosition::BASE_PAGE {
        return Err(AssignmentError::BasePageOnly { firmware });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
