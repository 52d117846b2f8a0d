//! What an authenticated user may reach by dialling.

use model::directory::{Decision, Directory, ExtensionRecord, ExtensionRole};
use model::{SipUser, SlotKind};

/// Why a dialled extension is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// Nobody has that number.
    #[error("no such extension")]
    Unknown,
    /// No permission lets this caller reach it.
    #[error("the caller has no permission")]
    Denied,
    /// The permission asks for a PIN, which this crate cannot collect.
    #[error("the permission asks for a PIN")]
    PinWanted,
}

/// What dialling an extension leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The extension dialled.
    pub extension: ExtensionRecord,
    /// How the two sides are joined.
    pub manner: Manner,
}

/// How the two sides of a call are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// The caller talks, all who are called listen.
    Page,
    /// The caller and the first who answers talk with each other.
    Conversation,
}

/// Decides where a call of `caller` to `number` leads.
///
/// # Errors
///
/// Says why it leads nowhere.
pub fn destination(directory: &Directory, caller: &SipUser, number: &str) -> Result<Destination, Barred> {
    let extension = directory.extension(number).ok_or(Barred::Unknown)?;
    match directory.decide(caller, extension) {
        Decision::Allowed => {}
        Decision::PinWanted(_) => return Err(Barred::PinWanted),
        Decision::Denied => return Err(Barred::Denied),
    }
    let manner = match &extension.role {
        ExtensionRole::PageGroup { .. }
        | ExtensionRole::Alert { .. }
        | ExtensionRole::Drill { .. }
        | ExtensionRole::Slot {
            kind: SlotKind::Page, ..
        } => Manner::Page,
        ExtensionRole::Phone { .. }
        | ExtensionRole::Slot {
            kind: SlotKind::Ring | SlotKind::Alert,
            ..
        } => Manner::Conversation,
    };
    Ok(Destination {
        extension: extension.clone(),
        manner,
    })
}
