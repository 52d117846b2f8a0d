//! Accounts, sites, and what has an extension.

use super::{
    AddressId, AddressLine, CountryCode, DisplayName, HolderId, Remark, SiteId, SiteTitle, TimeZone,
};
use crate::{AccountId, Extension};

/// A customer: everything else belongs to exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id, which is also the digest realm: the same in every zone.
    pub id: AccountId,
    /// What people call it.
    pub name: DisplayName,
    /// Its SIP domain.
    pub domain: String,
    /// Takes as many extensions of a device with firmware up to 5.4 as of one with 5.5.
    pub many_extensions_before_5_5: bool,
    /// Shows credentials of generic devices, to be typed by hand.
    pub generic_devices: bool,
}

/// What holds for users and common areas of an account of whom nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HolderDefaults {
    /// Where they are.
    pub country: Option<CountryCode>,
    /// Whose clock they go by.
    pub time_zone: Option<TimeZone>,
}

/// A place of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// What people call it.
    pub name: SiteTitle,
}

/// What is kept of a site besides, for programs that ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteProfile {
    /// The name of who answers for the site.
    pub receptionist: SiteTitle,
    /// The digits before the short numbers of the site.
    pub code: Option<u32>,
    /// Digits of a short number.
    pub short_length: Option<u8>,
    /// What those who are called see.
    pub caller_id_name: Remark,
}

impl SiteProfile {
    /// Digits that a short number can have.
    pub const SHORT_LENGTHS: std::ops::RangeInclusive<u8> = 2..=10;
    /// The largest code.
    pub const CODE_MAX: u32 = 999_999;
    /// Characters of a caller's name at most.
    pub const CALLER_ID_NAME_MAX: usize = 15;
}

/// What is kept of a user or common area besides, for programs that ask for it; by default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HolderProfile {
    /// The department.
    pub department: Remark,
    /// Who pays.
    pub cost_center: Remark,
    /// The area code.
    pub area_code: Remark,
    /// The language that is spoken there.
    pub language: Remark,
    /// Where emergency services are sent.
    pub address: Option<AddressId>,
}

/// Where emergency services are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyAddress {
    /// Its id.
    pub id: AddressId,
    /// Street and number.
    pub line1: AddressLine,
    /// What follows.
    pub line2: Remark,
    /// The city.
    pub city: AddressLine,
    /// The state or province.
    pub state_code: AddressLine,
    /// The postal code.
    pub zip: AddressLine,
    /// The country.
    pub country: CountryCode,
    /// It holds for whoever has no other.
    pub is_default: bool,
    /// The site it is of; none for the whole account.
    pub site: Option<SiteId>,
    /// Whose own it is.
    pub holder: Option<HolderId>,
}

/// Whether an extension belongs to a person or to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderKind {
    /// A person.
    User,
    /// A place: a hall, a gate, a corridor.
    CommonArea,
}

impl HolderKind {
    /// The kind as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::CommonArea => "common_area",
        }
    }

    /// Reads what [`HolderKind::as_str`] writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::User, Self::CommonArea]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// A user or a common area: what has an extension, and is assigned to slots of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub id: HolderId,
    /// Person or place.
    pub kind: HolderKind,
    /// What people call it.
    pub name: DisplayName,
    /// What people dial.
    pub extension: Extension,
    /// The package it is on.
    pub package: String,
    /// Where it is.
    pub country: CountryCode,
    /// Whose clock it goes by.
    pub time_zone: TimeZone,
    /// Its site.
    pub site: Option<SiteId>,
}
