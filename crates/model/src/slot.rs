//! The slots of a device: what kind of extension stands where.

use std::fmt;

use crate::SlotId;

/// What a device does with a call to the extension of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// Answers and plays the caller's voice.
    Page,
    /// Never answers; sounds or flashes while the caller rings.
    Ring,
    /// Answers and starts, or cancels, an emergency announcement.
    Alert,
}

impl SlotKind {
    /// Every kind, in the order people see them.
    pub const ALL: [Self; 3] = [Self::Page, Self::Ring, Self::Alert];

    /// Ports of this kind: page 1 is the base extension and 2 to 51 are zones 1 to 50, alert 11 cancels.
    #[must_use]
    pub const fn port_max(self) -> u8 {
        match self {
            Self::Page => 51,
            Self::Ring => 10,
            Self::Alert => 11,
        }
    }

    /// Says whether a call to such a slot is answered by the device alone.
    #[must_use]
    pub const fn auto_answers(self) -> bool {
        match self {
            Self::Page | Self::Alert => true,
            Self::Ring => false,
        }
    }

    /// The kind as it stands in ids and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ring => "ring",
            Self::Alert => "alert",
        }
    }
}

impl fmt::Display for SlotKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where a slot is: assignment type and port number, the same in portal, API, file and device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct SlotPosition {
    kind: SlotKind,
    port: u8,
}

/// A port that a kind of slot does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} slots have the ports 1 to {}, not {port}", kind.port_max())]
pub struct SlotPositionError {
    /// The kind asked for.
    pub kind: SlotKind,
    /// The refused port.
    pub port: u8,
}

impl SlotPosition {
    /// Position of the base page extension.
    pub const BASE_PAGE: Self = Self {
        kind: SlotKind::Page,
        port: 1,
    };
    /// Position of the extension whose call cancels an announcement.
    pub const CANCEL: Self = Self {
        kind: SlotKind::Alert,
        port: 11,
    };

    /// Makes a position.
    ///
    /// # Errors
    ///
    /// Refuses a port outside 1 to [`SlotKind::port_max`].
    pub const fn new(kind: SlotKind, port: u8) -> Result<Self, SlotPositionError> {
        if port >= 1 && port <= kind.port_max() {
            Ok(Self { kind, port })
        } else {
            Err(SlotPositionError { kind, port })
        }
    }

    /// Lists every position of a kind in the order of ports.
    pub fn all(kind: SlotKind) -> impl Iterator<Item = Self> {
        (1..=kind.port_max()).map(move |port| Self { kind, port })
    }

    /// The kind of slot.
    #[must_use]
    pub const fn kind(self) -> SlotKind {
        self.kind
    }

    /// The port, from 1.
    #[must_use]
    pub const fn port(self) -> u8 {
        self.port
    }

    /// The id of the slot at this position, unique within its device.
    ///
    /// # Panics
    ///
    /// Never: a kind, a dash and a number are always a valid id.
    #[must_use]
    pub fn id(self) -> SlotId {
        self.to_string()
            .parse()
            .expect("a kind, a dash and a number are id characters, and few")
    }
}

impl fmt::Display for SlotPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.kind, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_ports_and_not_one_more() {
        for (kind, port_max) in [(SlotKind::Page, 51), (SlotKind::Ring, 10), (SlotKind::Alert, 11)] {
            assert!(SlotPosition::new(kind, 0).is_err());
            assert!(SlotPosition::new(kind, 1).is_ok());
            assert!(SlotPosition::new(kind, port_max).is_ok());
            assert!(SlotPosition::new(kind, port_max + 1).is_err());
            assert_eq!(SlotPosition::all(kind).count(), usize::from(port_max));
        }
    }

    #[test]
    fn a_ring_slot_never_answers() {
        assert!(!SlotKind::Ring.auto_answers());
        assert!(SlotKind::Page.auto_answers());
        assert!(SlotKind::Alert.auto_answers());
    }

    #[test]
    fn the_id_names_kind_and_port() {
        assert_eq!(SlotPosition::BASE_PAGE.id().as_str(), "page-1");
        assert_eq!(SlotPosition::CANCEL.id().as_str(), "alert-11");
    }
}
