//! Which extension may stand in which slot of which device.

use std::fmt;

use super::{Account, Device, DeviceType, Holder, Line, LinePlace};
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
        "firmware {firmware} takes one extension from its provisioning server; several need 5.5, or the setting of the account \
         that lifts this limit"
    )]
    OneExtension {
        /// What the device runs.
        firmware: Firmware,
    },
    /// Firmware up to 5.4 takes it in its base page slot.
    #[error(
        "firmware {firmware} takes its extension in page slot 1 only; other slots need 5.5, or credentials moved by hand"
    )]
    BasePageOnly {
        /// What the device runs.
        firmware: Firmware,
    },
    /// The firmware cannot register at all.
    #[error(
        "firmware {firmware} cannot register: update the device to {} or later",
        Firmware::OLDEST
    )]
    TooOld {
        /// What the device runs.
        firmware: Firmware,
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

/// Says whether `holder` may stand at `place` of `device`. `on_device` are the lines of the device with their extensions,
/// `of_holder` those of the holder on any device.
///
/// # Errors
///
/// When a rule is against it.
pub fn check_assignment(
    account: &Account,
    device: &Device,
    holder: &Holder,
    place: LinePlace,
    on_device: &[(Line, String)],
    of_holder: &[Line],
) -> Result<(), AssignmentError> {
    let extension = || holder.extension.to_string();
    if let Some((_, taken)) = on_device.iter().find(|(line, _)| line.place == place) {
        return Err(AssignmentError::PlaceTaken {
            place,
            extension: taken.clone(),
        });
    }
    if let Some(other) = of_holder.iter().find(|line| line.place.kind() != place.kind()) {
        return Err(AssignmentError::OtherKind {
            extension: extension(),
            other: other.place.kind(),
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
    if !device.kind.is_provisioned() {
        return Ok(());
    }
    let LinePlace::Slot(position) = place else {
        return Err(AssignmentError::NoPhone { kind: device.kind });
    };
    check_firmware(account, device, position, on_device.is_empty())
}

/// A device that has not said what it runs is taken for a current one; its first contact corrects that.
fn check_firmware(
    account: &Account,
    device: &Device,
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
    if firmware < Firmware::OLDEST {
        return Err(AssignmentError::TooOld { firmware });
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
