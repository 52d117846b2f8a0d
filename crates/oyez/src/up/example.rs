//! Who is in the account that a first start makes: loudspeakers in common areas, a phone, an announcer, a page group.

use anyhow::{Context, Result, anyhow};
use model::directory::{DigestAlgorithm, Generation, Urgency};
use model::inventory::{
    AuditEntry, CountryCode, Description, Device, DeviceType, DisplayName, GroupId, GroupMember, Holder,
    HolderId, HolderKind, Line, LineId, LinePlace, MacAddress, PageGroup, Pagers, TimeZone,
};
use model::{DeviceId, Secret, SlotPosition};
use store::Scope;
use store::timestamp;

use crate::service::account::random;

/// The user that `oyez page` and the first page speak as.
pub const ANNOUNCER: &str = "announcer";
/// The user for a phone of one's own.
pub const PHONE: &str = "desk";
/// The extension that pages all loudspeakers.
pub const ALL: &str = "700";
/// The virtual loudspeakers of `oyez up`.
pub const EXAMPLE: Example = Example {
    loudspeakers: &[("hall", "Hall"), ("corridor", "Corridor")],
    phone_authorization_id: PHONE,
};

/// Extensions of the loudspeakers, one after the other.
const FIRST_LOUDSPEAKER_EXTENSION: usize = 701;
/// Country and time zone of everybody where the account has no defaults; the portal asks for both.
const COUNTRY: &str = "US";
const TIME_ZONE: &str = "UTC";

/// What a first start puts into the store.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The loudspeakers: user and name.
    pub loudspeakers: &'static [(&'static str, &'static str)],
    /// What the phone authenticates as.
    pub phone_authorization_id: &'static str,
}

impl Example {
    /// The hardware address of a loudspeaker, by its place among them: locally administered, since no hardware has it.
    #[must_use]
    pub fn mac(place: u8) -> MacAddress {
        MacAddress::new([0x02, 0x00, 0x4f, 0x59, 0x5a, place])
    }

    /// Puts everything into an account that has nothing yet, as an administrator would in the portal.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) async fn put(&self, scope: &mut Scope<'_, '_>) -> Result<()> {
        let defaults = scope.holder_defaults().await.map_err(|error| anyhow!(error))?;
        let country = match defaults.country {
            Some(country) => country,
            None => CountryCode::new(COUNTRY).map_err(|error| anyhow!(error))?,
        };
        let time_zone = match defaults.time_zone {
            Some(time_zone) => time_zone,
            None => TimeZone::new(TIME_ZONE).map_err(|error| anyhow!(error))?,
        };
        let place_of_all = (country, &time_zone);
        let mut members = Vec::new();
        for (place, (user, name)) in (0..).zip(self.loudspeakers) {
            let extension = (FIRST_LOUDSPEAKER_EXTENSION + usize::from(place)).to_string();
            let common_area = Entry {
                kind: HolderKind::CommonArea,
                name,
                extension: &extension,
                device: &format!("{name} loudspeaker"),
                device_type: DeviceType::Oyez,
                mac: Self::mac(place),
                place: LinePlace::Slot(SlotPosition::BASE_PAGE),
                user,
                authorization_id: user,
                algorithm: DigestAlgorithm::Sha256,
            };
            members.push(common_area.put(scope, place_of_all).await?);
        }
        // Many phones know no digest but MD5.
        let phones = [
            (
                "Desk phone",
                "200",
                PHONE,
                self.phone_authorization_id,
                DigestAlgorithm::Md5,
            ),
            ("Announcer", "201", ANNOUNCER, ANNOUNCER, DigestAlgorithm::Sha256),
        ];
        for (place, (name, extension, user, authorization_id, algorithm)) in (0xf0..).zip(phones) {
            let phone = Entry {
                kind: HolderKind::User,
                name,
                extension,
                device: name,
                device_type: DeviceType::Other,
                mac: Self::mac(place),
                place: LinePlace::Phone(1),
                user,
                authorization_id,
                algorithm,
            };
            phone.put(scope, place_of_all).await?;
        }
        let group = PageGroup {
            id: GroupId::from_random(random()?),
            name: named("Everywhere")?,
            extension: ALL.parse()?,
            urgency: Urgency::Normal,
            pagers: Pagers::Everybody,
            members: members.into_iter().map(GroupMember::Holder).collect(),
        };
        scope.add_group(&group).await.map_err(|error| anyhow!(error))?;
        let entry = AuditEntry {
            at: now(),
            by: "oyez up".to_owned(),
            action: "add example".to_owned(),
            detail: "common areas, devices, phone, announcer and page group".to_owned(),
        };
        scope.add_audit(&entry).await.map_err(|error| anyhow!(error))
    }
}

/// Somebody who has an extension, and the device that it stands in.
struct Entry<'e> {
    kind: HolderKind,
    name: &'e str,
    extension: &'e str,
    device: &'e str,
    device_type: DeviceType,
    mac: MacAddress,
    place: LinePlace,
    user: &'e str,
    authorization_id: &'e str,
    algorithm: DigestAlgorithm,
}

impl Entry<'_> {
    async fn put(
        &self,
        scope: &mut Scope<'_, '_>,
        (country, time_zone): (CountryCode, &TimeZone),
    ) -> Result<HolderId> {
        let holder = Holder {
            id: HolderId::from_random(random()?),
            kind: self.kind,
            name: named(self.name)?,
            extension: self.extension.parse()?,
            package: String::new(),
            country,
            time_zone: time_zone.clone(),
            site: None,
        };
        scope.add_holder(&holder).await.map_err(|error| anyhow!(error))?;
        let device = Device {
            id: DeviceId::from_random(random()?),
            name: named(self.device)?,
            description: Description::new("made by the first start of oyez up")
                .map_err(|error| anyhow!(error))?,
            mac: self.mac,
            kind: self.device_type,
            model: None,
            firmware: None,
            site: None,
            added_at: now(),
        };
        scope.add_device(&device).await.map_err(|error| anyhow!(error))?;
        let line = Line {
            id: LineId::from_random(random()?),
            device: device.id,
            place: self.place,
            holder: holder.id.clone(),
            user: self.user.parse()?,
            authorization_id: self.authorization_id.parse()?,
            algorithm: self.algorithm,
            generation: Generation(1),
            password: Secret::new(web::drawn_password().context("the system gives no random numbers")?),
        };
        scope.add_line(&line).await.map_err(|error| anyhow!(error))?;
        Ok(holder.id)
    }
}

fn named(text: &str) -> Result<DisplayName> {
    DisplayName::new(text).map_err(|error| anyhow!(error))
}

fn now() -> model::inventory::Timestamp {
    timestamp(std::time::SystemTime::now())
}
