//! `/phone/users`.

use axum::http::Method;
use model::inventory::{Holder, HolderKind, HolderProfile, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::HolderFilter;

use super::READ;
use super::shapes::{CallingPlan, Policy, SiteName, holder_of, list_key, number_of, site_filter};
use crate::answer::Found;
use crate::call::Call;
use crate::operation::{Nothing, Operation};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// Users of a page.
const PAGE_SIZE_MAX: u32 = 100;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/phone/users", "listPhoneUsers", list)
            .summary("List users")
            .scopes(READ, &["phone:read:list_users:admin"])
            .rate(Rate::Medium)
            .refuses(&[(400, &[124, 400]), (404, &[2001])]),
        Operation::new(Method::GET, "/phone/users/{userId}", "phoneUser", read)
            .summary("Get a user")
            .scopes(
                &["phone:read", "phone:read:admin"],
                &["phone:read:user", "phone:read:user:admin"],
            )
            .refuses(&[(400, &[300]), (404, &[404, 1001, 2001])]),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    #[schemars(range(max = 100), extend("default" = 30))]
    page_size: Option<u32>,
    next_page_token: Option<String>,
    site_id: Option<String>,
    #[expect(
        dead_code,
        reason = "it is part of the published API; there are no calling plans here"
    )]
    calling_type: Option<i32>,
    status: Option<Wanted>,
    department: Option<String>,
    cost_center: Option<String>,
    keyword: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Activate,
    Deactivate,
    Pending,
}

/// A page of users.
#[derive(Serialize, JsonSchema)]
struct Page {
    next_page_token: String,
    #[schemars(range(max = 300), extend("default" = 30))]
    page_size: u32,
    total_records: u64,
    #[schemars(length(max = 100))]
    users: Vec<Row>,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    #[schemars(length(max = 150))]
    calling_plans: Vec<CallingPlan>,
    /// Users have no address here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "email"))]
    email: Option<String>,
    extension_id: String,
    extension_number: i64,
    id: String,
    name: String,
    phone_user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<SiteName>,
    status: String,
    activation_status: Activation,
    #[schemars(length(max = 10))]
    phone_numbers: Vec<NumberOfUser>,
    department: String,
    cost_center: String,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[expect(dead_code, reason = "the document names every status there is")]
enum Activation {
    #[serde(rename = "activated")]
    Activated,
    #[serde(rename = "ready to activate")]
    Ready,
    #[serde(rename = "not ready")]
    NotReady,
}

/// A number of the outside; nobody has one here.
#[derive(Serialize, JsonSchema)]
struct NumberOfUser {
    id: String,
    number: String,
}

/// A user.
#[derive(Serialize, JsonSchema)]
struct Shown {
    #[schemars(length(max = 150))]
    calling_plans: Vec<PlanOfUser>,
    cost_center: String,
    department: String,
    /// Users have no address here.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency_address: Option<AddressOfUser>,
    extension_id: String,
    extension_number: i64,
    id: String,
    #[schemars(length(max = 10))]
    phone_numbers: Vec<NumberOfUser>,
    phone_user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    site_admin: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_id: Option<String>,
    status: Activity,
}

/// What a user pays for calling outside; nobody does here.
#[derive(Serialize, JsonSchema)]
struct PlanOfUser {
    #[serde(rename = "type")]
    kind: i32,
    billing_account_id: String,
    billing_account_name: String,
    billing_subscription_id: String,
    billing_subscription_name: String,
}

#[derive(Serialize, JsonSchema)]
struct AddressOfUser {
    address_line1: String,
    address_line2: String,
    city: String,
    #[schemars(length(min = 2, max = 2))]
    country: String,
    id: String,
    state_code: String,
    zip: String,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the document names every status there is")]
enum Activity {
    Activate,
    Deactivate,
}

async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let after = part.after.as_deref().map(list_key).transpose()?;
    if matches!(asked.status, Some(Wanted::Deactivate | Wanted::Pending)) {
        return Ok(Found(Page {
            next_page_token: String::new(),
            page_size: part.size,
            total_records: 0,
            users: Vec::new(),
        }));
    }
    let filter = HolderFilter {
        text: asked.keyword.unwrap_or_default(),
        kind: Some(HolderKind::User),
        site: site_filter(asked.site_id.as_deref()),
        department: asked.department.unwrap_or_default(),
        cost_center: asked.cost_center.unwrap_or_default(),
    };
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let sites = scope.sites().await?;
    let listed = scope.list_holders(&filter, after.as_ref(), part.size).await?;
    let total_records = scope.count_holders(&filter).await?;
    let next = listed.next.map(|place| place.to_string());
    let mut users = Vec::new();
    for row in &listed.rows {
        let profile = scope.holder_profile(&row.holder.id).await?;
        users.push(Row::of(&row.holder, profile.as_ref(), &sites));
    }
    Ok(Found(Page {
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        total_records,
        users,
    }))
}

async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let id = call.text("userId");
    let found = holder_of(&mut scope, id).await?;
    let user = found
        .filter(|holder| holder.kind == HolderKind::User)
        .ok_or_else(|| {
            let short: String = id.chars().take(100).collect();
            Refusal::unknown_extension(format_args!("User does not exist: {short}."))
        })?;
    let profile = scope.holder_profile(&user.id).await?;
    let address = scope.address_of(&user).await?;
    let (department, cost_center) = texts(profile.as_ref());
    Ok(Found(Shown {
        calling_plans: Vec::new(),
        cost_center,
        department,
        email: None,
        emergency_address: address.map(|address| AddressOfUser {
            address_line1: address.line1.to_string(),
            address_line2: address.line2.to_string(),
            city: address.city.to_string(),
            country: address.country.to_string(),
            id: address.id.to_string(),
            state_code: address.state_code.to_string(),
            zip: address.zip.to_string(),
        }),
        extension_id: user.id.to_string(),
        extension_number: number_of(&user.extension),
        id: user.id.to_string(),
        phone_numbers: Vec::new(),
        phone_user_id: user.id.to_string(),
        policy: None,
        site_admin: false,
        site_id: user.site.as_ref().map(ToString::to_string),
        status: Activity::Activate,
    }))
}

impl Row {
    fn of(holder: &Holder, profile: Option<&HolderProfile>, sites: &[Site]) -> Self {
        let (department, cost_center) = texts(profile);
        let site = sites.iter().find(|known| Some(&known.id) == holder.site.as_ref());
        Self {
            calling_plans: Vec::new(),
            email: None,
            extension_id: holder.id.to_string(),
            extension_number: number_of(&holder.extension),
            id: holder.id.to_string(),
            name: holder.name.to_string(),
            phone_user_id: holder.id.to_string(),
            site: site.map(SiteName::of),
            status: "activate".to_owned(),
            activation_status: Activation::Activated,
            phone_numbers: Vec::new(),
            department,
            cost_center,
        }
    }
}

/// Department and cost centre.
fn texts(profile: Option<&HolderProfile>) -> (String, String) {
    profile.map_or_else(Default::default, |profile| {
        (profile.department.to_string(), profile.cost_center.to_string())
    })
}
