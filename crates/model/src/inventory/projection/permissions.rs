//! Who may do what, as page groups say it.

use std::collections::BTreeMap;

use super::Places;
use crate::directory::{Action, ExtensionRecord, PERMISSIONS_MAX, Permission, Subject, Who};
use crate::inventory::{Inventory, Pagers};
use crate::{Extension, Secret, SipUser};

/// The permissions of an account. As long as no group says who may page it or asks for a PIN, one lets everybody page everything.
/// Otherwise each extension that is paged has its own, because a permission allows and none takes away.
pub(super) fn permissions<P>(
    inventory: &Inventory<P>,
    extensions: &[ExtensionRecord],
    places: &Places<'_, P>,
) -> Vec<Permission> {
    let anyone = |action| permission(Who::Anyone, action, Subject::Any);
    let mut permissions = vec![anyone(Action::Call), anyone(Action::Alert)];
    let restricted: BTreeMap<&Extension, (&Pagers, Option<&Secret>)> = inventory
        .groups
        .iter()
        .map(|group| (&group.extension, (&group.pagers, inventory.pins.get(&group.id))))
        .filter(|(_, (pagers, pin))| **pagers != Pagers::Everybody || pin.is_some())
        .collect();
    if restricted.is_empty() {
        permissions.push(anyone(Action::Page));
        return permissions;
    }
    let paged = extensions
        .iter()
        .filter(|record| record.role.action() == Action::Page);
    for ExtensionRecord { extension, .. } in paged {
        let (pagers, pin) = restricted
            .get(extension)
            .copied()
            .unwrap_or((&Pagers::Everybody, None));
        let page = |who| Permission {
            pin: pin.cloned(),
            ..permission(who, Action::Page, Subject::Extension(extension.clone()))
        };
        match pagers {
            Pagers::Everybody => permissions.push(page(Who::Anyone)),
            Pagers::Named(holders) => {
                let lines = holders.iter().flat_map(|holder| places.of_holder(holder));
                let users = lines.map(|line| line.line.user.clone());
                permissions.extend(users.map(Who::User).map(page));
            }
            Pagers::Portal => {}
        }
    }
    // A zone refuses a whole directory with more; who is left out may page less.
    permissions.truncate(PERMISSIONS_MAX);
    permissions
}

fn permission(who: Who, action: Action, subject: Subject) -> Permission {
    Permission {
        who,
        action,
        subject,
        pin: None,
    }
}

impl Permission {
    /// The permission for one user to page everything, whatever page groups say, and without their PINs.
    #[must_use]
    pub fn to_page_everything(user: SipUser) -> Self {
        permission(Who::User(user), Action::Page, Subject::Any)
    }
}
