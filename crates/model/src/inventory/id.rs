//! Ids of what the service keeps.

use crate::DeviceId;
use crate::validated_text::validated_text;

fn id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

macro_rules! inventory_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        validated_text!($(#[$doc])* $name, $kind, "1 to 64 of A-Z a-z 0-9 - _ .", 64, id_byte);

        impl $name {
            /// Makes an id from 128 bits of the caller's randomness, written as 32 hexadecimal digits.
            #[must_use]
            pub fn from_random(bits: u128) -> Self {
                Self(format!("{bits:032x}").into())
            }
        }
    };
}

inventory_id!(
    /// Identifies somebody who signs in to the portal.
    AdministratorId, "an administrator's id"
);
inventory_id!(
    /// Identifies a program that uses the API.
    ApiClientId, "a client id"
);
inventory_id!(
    /// Identifies a provisioning template.
    TemplateId, "a template's id"
);
inventory_id!(
    /// Identifies an address for emergency services.
    AddressId, "an address's id"
);
inventory_id!(
    /// Identifies a setting of alerts.
    AlertSettingId, "an alert setting's id"
);
inventory_id!(
    /// Identifies a receiver of what happens.
    WebhookId, "a webhook's id"
);
inventory_id!(
    /// Identifies a site.
    SiteId, "a site's id"
);
inventory_id!(
    /// Identifies a user or a common area: what has an extension.
    HolderId, "a holder's id"
);
inventory_id!(
    /// Identifies a page group.
    GroupId, "a page group's id"
);
inventory_id!(
    /// Identifies what stands in one slot of a device.
    LineId, "a line's id"
);

impl DeviceId {
    /// Makes an id from 128 bits of the caller's randomness, written as 32 hexadecimal digits.
    ///
    /// # Panics
    ///
    /// Never: hexadecimal digits are id characters, and 32 of them are few.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        format!("{bits:032x}")
            .parse()
            .expect("hexadecimal digits are id characters")
    }
}
