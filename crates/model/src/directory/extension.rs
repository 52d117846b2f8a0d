//! Extensions and what dialling one does.

use std::slice;

use super::Action;
use crate::{Extension, SipUser, SlotKind};

/// A number and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionRecord {
    /// What people dial.
    pub extension: Extension,
    /// The name people know it by: "All halls".
    pub name: String,
    /// What dialling it does.
    pub role: ExtensionRole,
}

/// What dialling an extension does. A drill and a real alert are different extensions, so that neither can be
/// taken for the other and each has its own permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtensionRole {
    /// Rings a user's phones.
    Phone {
        /// Whose phones.
        user: SipUser,
    },
    /// Pages all members at once.
    PageGroup {
        /// Who hears it.
        members: Vec<SipUser>,
        /// How it ranks among other pages.
        urgency: Urgency,
    },
    /// Reaches one slot of one device.
    Slot {
        /// What the device does with the call.
        kind: SlotKind,
        /// The user the slot registers as.
        user: SipUser,
    },
    /// Raises an emergency alert at all members.
    Alert {
        /// Who sounds it.
        members: Vec<SipUser>,
    },
    /// Exercises an alert: announced as an exercise, otherwise the same.
    Drill {
        /// Who sounds it.
        members: Vec<SipUser>,
    },
}

/// How a page ranks among pages.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// An ordinary page.
    #[default]
    Normal,
    /// A page that stops ordinary pages.
    Priority,
}

impl ExtensionRole {
    /// The users a call to the extension reaches.
    #[must_use]
    pub fn users(&self) -> &[SipUser] {
        match self {
            Self::Phone { user } | Self::Slot { user, .. } => slice::from_ref(user),
            Self::PageGroup { members, .. } | Self::Alert { members } | Self::Drill { members } => members,
        }
    }

    /// Says whether a call is answered without anybody lifting a receiver.
    #[must_use]
    pub fn auto_answers(&self) -> bool {
        match self {
            Self::Phone { .. } => false,
            Self::Slot { kind, .. } => kind.auto_answers(),
            Self::PageGroup { .. } | Self::Alert { .. } | Self::Drill { .. } => true,
        }
    }

    /// What a caller must be permitted to do.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Phone { .. }
            | Self::Slot {
                kind: SlotKind::Ring, ..
            } => Action::Call,
            Self::PageGroup { .. }
            | Self::Slot {
                kind: SlotKind::Page, ..
            } => Action::Page,
            Self::Alert { .. }
            | Self::Drill { .. }
            | Self::Slot {
                kind: SlotKind::Alert,
                ..
            } => Action::Alert,
        }
    }
}
