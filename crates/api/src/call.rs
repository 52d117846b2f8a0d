//! One request of a program that is known.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::SystemTime;

use model::inventory::{Account, ApiClient, AuditEntry, Timestamp, TokenHash};
use model::{AccountId, Secret};
use registrations::Registrations;
use store::{Store, StoreError, Transaction, timestamp};

use crate::refusal::Refusal;
use crate::{Api, ApiSetup};

/// What a page has of a list where a request does not say.
const PAGE_SIZE_DEFAULT: u32 = 30;

/// A request, with who makes it.
pub(crate) struct Call {
    pub(crate) api: Api,
    pub(crate) account: AccountId,
    pub(crate) client: ApiClient,
    /// What stands in the path.
    pub(crate) path: BTreeMap<String, String>,
    /// The list that is asked for: path and filters.
    pub(crate) list: String,
    /// What the program is known by.
    pub(crate) token: TokenHash,
    /// The last event that it has heard of.
    pub(crate) last_event: Option<String>,
}

/// Which part of a list is asked for.
pub(crate) struct Part {
    /// Behind which place.
    pub(crate) after: Option<String>,
    /// How many rows.
    pub(crate) size: u32,
}

impl Call {
    pub(crate) fn store(&self) -> &Store {
        self.api.store()
    }

    pub(crate) fn setup(&self) -> &ApiSetup {
        self.api.setup()
    }

    pub(crate) fn registrations(&self) -> &Registrations {
        &self.setup().registrations
    }

    /// What stands at a name of the path.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.path.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The id at a name of the path; none where it can be nobody's.
    pub(crate) fn id<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).parse().ok()
    }

    /// The account of the program.
    pub(crate) async fn account_of(&self, transaction: &mut Transaction<'_>) -> Result<Account, Refusal> {
        let account = transaction.find_account(&self.account).await?;
        account.ok_or_else(|| {
            let id = &self.account;
            Refusal::not_found(2001, format_args!("Account does not exist: {id}."))
        })
    }

    /// Writes down what is done.
    pub(crate) async fn note(
        &self,
        writing: &mut Transaction<'_>,
        action: &str,
        detail: String,
    ) -> Result<(), StoreError> {
        let entry = AuditEntry {
            at: now(),
            by: format!("API client {}", self.client.name),
            action: action.to_owned(),
            detail,
        };
        writing.account(&self.account).add_audit_of_program(&entry).await
    }

    /// Reads which part of the list is asked for. Who asks for more rows than there may be gets those.
    pub(crate) fn part(
        &self,
        size: Option<u32>,
        token: Option<&str>,
        size_max: u32,
    ) -> Result<Part, Refusal> {
        let token = token.filter(|token| !token.is_empty());
        let after = token
            .map(|token| self.api.cursors().place(&self.account, &self.list, token, now()))
            .transpose()?;
        let size = match size.unwrap_or(PAGE_SIZE_DEFAULT) {
            0 => return Err(Refusal::invalid_field("page_size", "1 at least")),
            size => size.min(size_max),
        };
        Ok(Part { after, size })
    }

    /// The token of the next page; empty where there is none.
    pub(crate) fn next_page_token(&self, place: Option<&str>) -> String {
        place.map_or_else(String::new, |place| {
            self.api.cursors().token(&self.account, &self.list, place, now())
        })
    }
}

/// The time, as it is stored.
pub(crate) fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

/// 128 random bits.
pub(crate) fn bits() -> Result<u128, StoreError> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|_| StoreError::NoRandomness)?;
    Ok(u128::from_le_bytes(octets))
}

/// A password of a line.
pub(crate) fn password() -> Result<Secret, StoreError> {
    let password = web::drawn_password().map_err(|_| StoreError::NoRandomness)?;
    Ok(Secret::new(password))
}
