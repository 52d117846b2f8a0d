//! Devices and what stands in their slots.

use super::{Description, DisplayName, HolderId, LineId, MacAddress, SiteId, Timestamp};
use crate::directory::{DigestAlgorithm, Generation};
use crate::{AuthorizationId, DeviceId, Secret, SipUser, SlotKind, SlotPosition};

/// What an administrator says a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceType {
    /// Hardware of the seed's maker, provisioned by certificate.
    Algo,
    /// An endpoint of ours, provisioned by certificate.
    Oyez,
    /// A generic device: its credentials are shown and typed by hand.
    Other,
}

impl DeviceType {
    /// Every type, in the order a form shows them.
    pub const ALL: [Self; 3] = [Self::Algo, Self::Oyez, Self::Other];

    /// The type as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Algo => "algo",
            Self::Oyez => "oyez",
            Self::Other => "other",
        }
    }

    /// Reads what [`DeviceType::as_str`] writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The type as people read it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Algo => "Algo",
            Self::Oyez => "Oyez",
            Self::Other => "Other (generic device)",
        }
    }

    /// The manufacturer, as other programs name it.
    #[must_use]
    pub const fn brand(self) -> &'static str {
        match self {
            Self::Algo => "Algo",
            Self::Oyez => "Oyez",
            Self::Other => "Other",
        }
    }

    /// The one model that an administrator can name for it; a generic device has none.
    #[must_use]
    pub const fn model(self) -> Option<&'static str> {
        match self {
            Self::Algo => Some("algo-sip-based-device"),
            Self::Oyez => Some("oyez"),
            Self::Other => None,
        }
    }

    /// Says whether such a device fetches its configuration, and so needs a certificate.
    #[must_use]
    pub const fn is_provisioned(self) -> bool {
        match self {
            Self::Algo | Self::Oyez => true,
            Self::Other => false,
        }
    }
}

/// A piece of equipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// What people call it.
    pub name: DisplayName,
    /// What it is for.
    pub description: Description,
    /// Its hardware address.
    pub mac: MacAddress,
    /// What it is said to be.
    pub kind: DeviceType,
    /// Its model: until it has told which it is, the one that its type has.
    pub model: Option<String>,
    /// The firmware it runs, once it is known.
    pub firmware: Option<String>,
    /// Where it is.
    pub site: Option<SiteId>,
    /// When it was added.
    pub added_at: Timestamp,
}

impl Device {
    /// The model that it has told of itself; none while all that is known is what an administrator can name.
    #[must_use]
    pub fn told_model(&self) -> Option<&str> {
        self.model
            .as_deref()
            .filter(|model| Some(*model) != self.kind.model())
    }
}

/// Where a line stands on its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinePlace {
    /// A slot: assignment type and port.
    Slot(SlotPosition),
    /// An account of a phone, which rings and is answered by people. Counted from 1.
    Phone(u8),
}

impl LinePlace {
    /// Lines of a phone: as many as anybody wants, while the number of each fits in an octet.
    pub const PHONE_LINES_MAX: u8 = 250;

    /// The assignment type as it is stored.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Slot(position) => position.kind().as_str(),
            Self::Phone(_) => "phone",
        }
    }

    /// The port, from 1.
    #[must_use]
    pub const fn port(self) -> u8 {
        match self {
            Self::Slot(position) => position.port(),
            Self::Phone(number) => number,
        }
    }

    /// The first place of a device of that type that is not taken, of those that an extension is put in where nobody says which:
    /// page slots, or the lines of a phone.
    #[must_use]
    pub fn first_free(kind: DeviceType, taken: &[Self]) -> Option<Self> {
        let is_free = |place: &Self| !taken.contains(place);
        if kind.is_provisioned() {
            SlotPosition::all(SlotKind::Page).map(Self::Slot).find(is_free)
        } else {
            (1..=Self::PHONE_LINES_MAX).map(Self::Phone).find(is_free)
        }
    }

    /// Reads what [`LinePlace::kind`] and [`LinePlace::port`] say.
    #[must_use]
    pub fn from_stored(kind: &str, port: u8) -> Option<Self> {
        let slot = SlotKind::ALL.into_iter().find(|slot| slot.as_str() == kind);
        match slot {
            Some(slot) => SlotPosition::new(slot, port).ok().map(Self::Slot),
            None if kind == "phone" && (1..=Self::PHONE_LINES_MAX).contains(&port) => Some(Self::Phone(port)),
            None => None,
        }
    }
}

/// Whose extension stands where, without what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The device.
    pub device: DeviceId,
    /// Where on it.
    pub place: LinePlace,
    /// Whose extension it is.
    pub holder: HolderId,
    /// Who registers.
    pub user: SipUser,
}

/// A password that a rotation has left good beside the one of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierPassword<P = Secret> {
    /// Whose it is.
    pub line: LineId,
    /// Which of the line's passwords it is.
    pub generation: Generation,
    /// The password, or what is left of it.
    pub password: P,
}

/// What stands in one slot of a device: an extension, and the credentials the slot registers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<P = Secret> {
    /// Its id.
    pub id: LineId,
    /// The device.
    pub device: DeviceId,
    /// What a call to it does.
    pub place: LinePlace,
    /// Whose extension it is.
    pub holder: HolderId,
    /// Who registers.
    pub user: SipUser,
    /// The digest user name.
    pub authorization_id: AuthorizationId,
    /// The one algorithm it is challenged with.
    pub algorithm: DigestAlgorithm,
    /// Which of its passwords this is.
    pub generation: Generation,
    /// The password, or what is left of it.
    pub password: P,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_free_place_is_a_page_slot_or_a_line_of_a_phone_while_there_is_one() {
        let page = |port| LinePlace::Slot(SlotPosition::new(SlotKind::Page, port).unwrap());
        assert_eq!(LinePlace::first_free(DeviceType::Algo, &[]), Some(page(1)));
        assert_eq!(LinePlace::first_free(DeviceType::Oyez, &[page(1)]), Some(page(2)));
        let lines: Vec<LinePlace> = (1..=LinePlace::PHONE_LINES_MAX).map(LinePlace::Phone).collect();
        assert_eq!(
            LinePlace::first_free(DeviceType::Other, &lines[..249]),
            Some(lines[249])
        );
        assert_eq!(LinePlace::first_free(DeviceType::Other, &lines), None);
    }
}
