//! `/phone/emergency_addresses`.

use axum::http::Method;
use model::inventory::{AddressId, AddressLine, CountryCode, EmergencyAddress, HolderKind, Remark};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{ADDRESSES_MAX, AddressFilter, Scope};

use super::shapes::{SiteName, country, holder_of, number_of, site_filter};
use super::{READ, WRITE, sites};
use crate::answer::{Created, Done, Found};
use crate::call::{Call, bits};
use crate::operation::{Json, Nothing, Operation};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// Addresses of a page.
const PAGE_SIZE_MAX: u32 = 300;
/// No authority verifies addresses here.
const NOT_VERIFIED: u8 = 1;
const OF_COMPANY: u8 = 0;
const OF_PERSON: u8 = 1;

pub(super) fn operations() -> Vec<Operation> {
    const ALL: &str = "/phone/emergency_addresses";
    const ONE: &str = "/phone/emergency_addresses/{emergencyAddressId}";
    vec![
        Operation::new(Method::GET, ALL, "listEmergencyAddresses", list)
            .summary("List addresses for emergency services")
            .scopes(READ, &["phone:read:list_emergency_addresses:admin"])
            .rate(Rate::Medium)
            .refuses(&[(400, &[400])]),
        Operation::new(Method::POST, ALL, "addEmergencyAddress", add)
            .summary("Add an address for emergency services")
            .scopes(WRITE, &["phone:write:emergency_address:admin"])
            .refuses(&[(400, &[300])]),
        Operation::new(Method::GET, ONE, "getEmergencyAddress", read)
            .summary("Get an address for emergency services")
            .scopes(READ, &["phone:read:emergency_address:admin"])
            .refuses(&[(400, &[400])]),
        Operation::new(Method::PATCH, ONE, "updateEmergencyAddress", change)
            .summary("Change an address for emergency services")
            .scopes(WRITE, &["phone:update:emergency_address:admin"])
            .refuses(&[(400, &[300])]),
        Operation::new(Method::DELETE, ONE, "deleteEmergencyAddress", delete)
            .summary("Remove an address for emergency services")
            .scopes(WRITE, &["phone:delete:emergency_address:admin"])
            .rate(Rate::Heavy)
            .refuses(&[(400, &[300])]),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    site_id: Option<String>,
    user_id: Option<String>,
    #[schemars(extend("enum" = [0, 1, 2]))]
    level: Option<u8>,
    #[schemars(extend("enum" = [1, 2, 3, 4, 5, 6]))]
    status: Option<u8>,
    address_keyword: Option<String>,
    next_page_token: Option<String>,
    #[schemars(range(max = 300), extend("default" = 30))]
    page_size: Option<u32>,
}

/// A page of addresses.
#[derive(Serialize, JsonSchema)]
struct Page {
    emergency_addresses: Vec<Address<i64>>,
    next_page_token: String,
    page_size: u32,
    total_records: u64,
}

/// An address; the number of its owner is told as a number, and as a text where it was just added.
#[derive(Serialize, JsonSchema)]
struct Address<N> {
    address_line1: String,
    address_line2: String,
    city: String,
    country: String,
    id: String,
    is_default: bool,
    #[schemars(extend("enum" = [0, 1, 2]))]
    level: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Owner<N>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<SiteName>,
    state_code: String,
    #[schemars(extend("enum" = [1, 2, 3, 4, 5, 6]))]
    status: u8,
    zip: String,
}

#[derive(Serialize, JsonSchema)]
struct Owner<N> {
    extension_number: N,
    id: String,
    name: String,
}

/// The default address of a site.
#[derive(Serialize, JsonSchema)]
pub(super) struct SiteAddress {
    address_line1: String,
    address_line2: String,
    city: String,
    country: String,
    id: String,
    is_default: bool,
    #[schemars(extend("enum" = [0, 1, 2]))]
    level: u8,
    state_code: String,
    #[schemars(extend("enum" = [1, 2, 3, 4, 5, 6]))]
    status: u8,
    zip: String,
}

/// The address of a common area.
#[derive(Serialize, JsonSchema)]
pub(super) struct ShortAddress {
    address_line1: String,
    address_line2: String,
    city: String,
    country: String,
    id: String,
    state_code: String,
    #[schemars(extend("enum" = [1, 2, 3, 4, 5, 6]))]
    status: u8,
    zip: String,
}

/// An address with a site.
#[derive(Deserialize, JsonSchema)]
pub(super) struct AddressBody {
    address_line1: String,
    address_line2: Option<String>,
    city: String,
    #[schemars(length(min = 2, max = 2))]
    country: String,
    state_code: String,
    zip: String,
}

#[derive(Deserialize, JsonSchema)]
struct NewAddress {
    address_line1: String,
    address_line2: Option<String>,
    city: String,
    country: String,
    is_default: Option<bool>,
    site_id: Option<String>,
    state_code: String,
    user_id: Option<String>,
    zip: String,
}

#[derive(Deserialize, JsonSchema)]
struct Change {
    address_line1: Option<String>,
    address_line2: Option<String>,
    city: Option<String>,
    country: Option<String>,
    is_default: Option<bool>,
    state_code: Option<String>,
    zip: Option<String>,
}

async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let is_personal = match asked.level {
        None => None,
        Some(level @ (OF_COMPANY | OF_PERSON)) => Some(level == OF_PERSON),
        Some(2) => return Ok(Found(Page::empty(part.size))),
        Some(_) => return Err(Refusal::invalid_field("level", "0, 1 or 2")),
    };
    match asked.status {
        None | Some(NOT_VERIFIED) => {}
        Some(2..=6) => return Ok(Found(Page::empty(part.size))),
        Some(_) => return Err(Refusal::invalid_field("status", "1 to 6")),
    }
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let user = asked.user_id.as_deref().filter(|id| !id.is_empty());
    let holder = match user {
        None => None,
        Some(id) => match holder_of(&mut scope, id).await? {
            Some(holder) => Some(holder.id),
            None => return Ok(Found(Page::empty(part.size))),
        },
    };
    let filter = AddressFilter {
        text: asked.address_keyword.unwrap_or_default(),
        site: site_filter(asked.site_id.as_deref()),
        holder,
        is_personal,
    };
    let after = part.after.unwrap_or_default();
    let more = part.size.saturating_add(1);
    let mut rows = scope.list_addresses(&filter, &after, more).await?;
    let size = usize::try_from(part.size).unwrap_or(usize::MAX);
    let has_more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| has_more).map(|row| row.id.to_string());
    let total_records = scope.count_addresses(&filter).await?;
    let mut emergency_addresses = Vec::new();
    for row in &rows {
        emergency_addresses.push(shown(&mut scope, row, |number| number).await?);
    }
    Ok(Found(Page {
        emergency_addresses,
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        total_records,
    }))
}

async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Address<i64>>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let id = call.text("emergencyAddressId");
    let address = find(&mut scope, id).await?;
    let short: String = id.chars().take(100).collect();
    let missing = || Refusal::bad(format_args!("Emergency address does not exist {short}."));
    let address = address.ok_or_else(missing)?;
    Ok(Found(shown(&mut scope, &address, |number| number).await?))
}

async fn add(
    call: Call,
    _: Nothing,
    Json(body): Json<NewAddress>,
) -> Result<Created<Address<String>>, Refusal> {
    let mut address = AddressBody {
        address_line1: body.address_line1,
        address_line2: body.address_line2,
        city: body.city,
        country: body.country,
        state_code: body.state_code,
        zip: body.zip,
    }
    .address(AddressId::from_random(bits()?), None)?;
    address.is_default = body.is_default.unwrap_or_default();
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    address.site = sites::chosen(&mut scope, body.site_id.as_deref()).await?;
    if let Some(id) = body.user_id.as_deref().filter(|id| !id.is_empty()) {
        let holder = holder_of(&mut scope, id).await?;
        let user = holder.filter(|holder| holder.kind == HolderKind::User);
        let user = user.ok_or_else(|| Refusal::invalid_field("user_id", "Invalid user id."))?;
        address.holder = Some(user.id);
    }
    keep(&mut scope, &address).await?;
    let answer = shown(&mut scope, &address, |number| number.to_string()).await?;
    call.note(&mut writing, "add emergency address", address.line1.to_string())
        .await?;
    writing.commit().await?;
    Ok(Created(answer))
}

async fn change(call: Call, _: Nothing, Json(body): Json<Change>) -> Result<Found<Address<i64>>, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let before = known(&mut scope, call.text("emergencyAddressId")).await?;
    let text = |new: Option<String>, before: &str| new.unwrap_or_else(|| before.to_owned());
    let mut address = AddressBody {
        address_line1: text(body.address_line1, before.line1.as_str()),
        address_line2: Some(text(body.address_line2, before.line2.as_str())),
        city: text(body.city, before.city.as_str()),
        country: text(body.country, &before.country.to_string()),
        state_code: text(body.state_code, before.state_code.as_str()),
        zip: text(body.zip, before.zip.as_str()),
    }
    .address(before.id.clone(), Some(before.country))?;
    address.is_default = body.is_default.unwrap_or(before.is_default);
    if !address.is_default {
        may_cease(&before)?;
    }
    (address.site, address.holder) = (before.site, before.holder);
    keep(&mut scope, &address).await?;
    let answer = shown(&mut scope, &address, |number| number).await?;
    call.note(
        &mut writing,
        "change emergency address",
        address.line1.to_string(),
    )
    .await?;
    writing.commit().await?;
    Ok(Found(answer))
}

async fn delete(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let address = known(&mut scope, call.text("emergencyAddressId")).await?;
    may_cease(&address)?;
    scope.remove_address(&address.id).await?;
    call.note(
        &mut writing,
        "remove emergency address",
        address.line1.to_string(),
    )
    .await?;
    writing.commit().await?;
    Ok(Done)
}

/// Refuses to leave a site without its default address.
fn may_cease(address: &EmergencyAddress) -> Result<(), Refusal> {
    if address.is_default && address.site.is_some() && address.holder.is_none() {
        let message =
            "Validation failed. It is the default address of its site; make another the default first.";
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

/// Finds the address of an id, or refuses.
pub(super) async fn known(scope: &mut Scope<'_, '_>, id: &str) -> Result<EmergencyAddress, Refusal> {
    let short: String = id.chars().take(100).collect();
    let found = find(scope, id).await?;
    found.ok_or_else(|| Refusal::invalid(format_args!("Emergency address does not exist {short}.")))
}

/// Keeps an address while there is room.
pub(super) async fn keep(scope: &mut Scope<'_, '_>, address: &EmergencyAddress) -> Result<(), Refusal> {
    if scope.set_address(address).await? {
        Ok(())
    } else {
        let message = format!("an account has {ADDRESSES_MAX} addresses at most; remove one first");
        Err(Refusal::invalid_field("address_line1", message))
    }
}

async fn find(scope: &mut Scope<'_, '_>, id: &str) -> Result<Option<EmergencyAddress>, Refusal> {
    match id.parse::<AddressId>() {
        Ok(id) => Ok(scope.address(&id).await?),
        Err(_) => Ok(None),
    }
}

async fn shown<N>(
    scope: &mut Scope<'_, '_>,
    address: &EmergencyAddress,
    number: impl Fn(i64) -> N,
) -> Result<Address<N>, Refusal> {
    let site = match &address.site {
        Some(site) => scope.site(site).await?,
        None => None,
    };
    let owner = match &address.holder {
        Some(holder) => scope.holder(holder).await?,
        None => None,
    };
    Ok(Address {
        address_line1: address.line1.to_string(),
        address_line2: address.line2.to_string(),
        city: address.city.to_string(),
        country: address.country.to_string(),
        id: address.id.to_string(),
        is_default: address.is_default,
        level: if owner.is_some() { OF_PERSON } else { OF_COMPANY },
        owner: owner.map(|owner| Owner {
            extension_number: number(number_of(&owner.extension)),
            id: owner.id.to_string(),
            name: owner.name.to_string(),
        }),
        site: site.as_ref().map(SiteName::of),
        state_code: address.state_code.to_string(),
        status: NOT_VERIFIED,
        zip: address.zip.to_string(),
    })
}

impl Page {
    const fn empty(page_size: u32) -> Self {
        Self {
            emergency_addresses: Vec::new(),
            next_page_token: String::new(),
            page_size,
            total_records: 0,
        }
    }
}

impl SiteAddress {
    pub(super) fn of(address: &EmergencyAddress) -> Self {
        Self {
            address_line1: address.line1.to_string(),
            address_line2: address.line2.to_string(),
            city: address.city.to_string(),
            country: address.country.to_string(),
            id: address.id.to_string(),
            is_default: address.is_default,
            level: OF_COMPANY,
            state_code: address.state_code.to_string(),
            status: NOT_VERIFIED,
            zip: address.zip.to_string(),
        }
    }
}

impl ShortAddress {
    pub(super) fn of(address: &EmergencyAddress) -> Self {
        Self {
            address_line1: address.line1.to_string(),
            address_line2: address.line2.to_string(),
            city: address.city.to_string(),
            country: address.country.to_string(),
            id: address.id.to_string(),
            state_code: address.state_code.to_string(),
            status: NOT_VERIFIED,
            zip: address.zip.to_string(),
        }
    }
}

impl AddressBody {
    /// Makes the address, or says which line is wrong; the country may stay what is stored.
    pub(super) fn address(
        &self,
        id: AddressId,
        stored: Option<CountryCode>,
    ) -> Result<EmergencyAddress, Refusal> {
        let line =
            |field, text: &str| AddressLine::new(text).map_err(|error| Refusal::invalid_field(field, error));
        let line2 = self.address_line2.as_deref().unwrap_or_default();
        Ok(EmergencyAddress {
            id,
            line1: line("address_line1", &self.address_line1)?,
            line2: Remark::new(line2).map_err(|error| Refusal::invalid_field("address_line2", error))?,
            city: line("city", &self.city)?,
            state_code: line("state_code", &self.state_code)?,
            zip: line("zip", &self.zip)?,
            country: country(&self.country, stored)
                .map_err(|error| Refusal::invalid_field("country", error))?,
            is_default: false,
            site: None,
            holder: None,
        })
    }
}
