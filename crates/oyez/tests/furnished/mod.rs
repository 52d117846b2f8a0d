//! What a service is filled with: an endpoint that waits to be enrolled, and a phone.

use std::path::Path;

use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    ClaimCode, CountryCode, Description, Device, DeviceType, DisplayName, Holder, HolderId, HolderKind, Line,
    LineId, LinePlace, MacAddress, TimeZone, Timestamp,
};
use model::{AccountId, DeviceId, Secret, SlotPosition};
use portal::provisioning::claim_code_hash;
use store::{Scope, Store};

/// The claim code of the endpoint.
pub(crate) const CODE: &str = "K7QF-2XMB";
/// The password of every line.
pub(crate) const PASSWORD: &str = "a long random password";

/// Adds a device with an extension in one place of it.
async fn add(scope: &mut Scope<'_, '_>, number: u128, mac: MacAddress, kind: DeviceType, place: LinePlace) {
    let device = Device {
        id: DeviceId::from_random(number),
        name: DisplayName::new("Device").unwrap(),
        description: Description::new("").unwrap(),
        mac,
        kind,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    };
    scope.add_device(&device).await.unwrap();
    let holder = Holder {
        id: HolderId::from_random(number),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Hall").unwrap(),
        extension: format!("70{number}").parse().unwrap(),
        package: String::new(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    };
    scope.add_holder(&holder).await.unwrap();
    let line = Line {
        id: LineId::from_random(number),
        device: device.id,
        place,
        holder: holder.id,
        user: format!("line{number}").parse().unwrap(),
        authorization_id: format!("line{number}").parse().unwrap(),
        algorithm: DigestAlgorithm::Sha256,
        generation: Generation(1),
        password: Secret::from(PASSWORD),
    };
    scope.add_line(&line).await.unwrap();
}

/// Gives the account an endpoint with a claim code, which pages as 701, and a phone.
pub(crate) async fn fill(state: &Path, mac: MacAddress) {
    let store = Store::open(state).await.unwrap();
    let account: AccountId = "acme".parse().unwrap();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&account);
    let page = LinePlace::Slot(SlotPosition::BASE_PAGE);
    add(&mut scope, 1, mac, DeviceType::Oyez, page).await;
    let phone = MacAddress::new([2, 0, 0, 0, 0, 9]);
    add(&mut scope, 2, phone, DeviceType::Other, LinePlace::Phone(1)).await;
    let claim = ClaimCode {
        code: claim_code_hash(CODE),
        device: DeviceId::from_random(1),
        expires_at: Timestamp(u64::from(u32::MAX) * 1_000),
        used_by: None,
    };
    scope.add_claim_code(&claim).await.unwrap();
    writing.commit().await.unwrap();
}
