//! What several resources have in their answers.

use model::inventory::{Attempt, AttemptOutcome, Holder, HolderKind, Site, Timestamp};
use model::status::{RegistrationRefusal, SipTransport};
use registrations::Registration;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A site by its name.
#[derive(Serialize, JsonSchema)]
pub(super) struct SiteName {
    id: String,
    name: String,
}

/// Who an extension belongs to.
#[derive(Serialize, JsonSchema)]
pub(super) struct HolderName {
    id: String,
    /// A person or a place.
    kind: Kind,
    name: String,
    /// What people dial, with its leading zeros.
    extension: String,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    User,
    CommonArea,
}

/// Whether a slot is registered, and if not, why.
#[derive(Serialize, JsonSchema)]
pub(super) struct RegistrationShown {
    status: RegistrationStatus,
    /// Since when it is so; not known where it has not tried since the service was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    since: Option<String>,
    /// The address it registers from, or was refused at.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// What the device calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// By what it is registered: udp, tcp or tls.
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    /// The zone that it is registered at.
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RegistrationStatus {
    Registered,
    /// It was registered, and is no more.
    Gone,
    Refused,
    /// It has not tried since the service was started.
    Unknown,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Cause {
    WrongCredentials,
    /// The credential is another user's.
    OtherUser,
    BadRequest,
    TooManyAttempts,
    /// Another SIP domain than the account's.
    OtherDomain,
    /// Without TLS, over which no call may go.
    ClearFlow,
}

/// A try to fetch a configuration.
#[derive(Serialize, JsonSchema)]
pub(super) struct AttemptShown {
    /// When the last like it was.
    #[schemars(extend("format" = "date-time"))]
    at: String,
    /// From which IP address.
    source: String,
    /// What was asked for; none where the handshake failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    outcome: Outcome,
    /// Whoever tried has proved by a certificate to be the device.
    proved: bool,
    /// How many there were like it.
    times: u32,
    /// The evidence: who signed what, which versions were offered.
    detail: String,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Served,
    NoCertificate,
    Untrusted,
    Expired,
    Revoked,
    OtherDevice,
    UnknownDevice,
    NotProvisioned,
    UnknownFile,
    FirmwareTooOld,
    ModelCannot,
    TlsTooOld,
    ServerUntrusted,
    HandshakeFailed,
    Held,
    SecondCertificate,
}

impl SiteName {
    pub(super) fn of(site: &Site) -> Self {
        Self {
            id: site.id.to_string(),
            name: site.name.to_string(),
        }
    }
}

impl HolderName {
    pub(super) fn of(holder: &Holder) -> Self {
        Self {
            id: holder.id.to_string(),
            kind: match holder.kind {
                HolderKind::User => Kind::User,
                HolderKind::CommonArea => Kind::CommonArea,
            },
            name: holder.name.to_string(),
            extension: holder.extension.to_string(),
        }
    }
}

impl RegistrationShown {
    pub(super) fn of(registration: Option<&Registration>) -> Self {
        let none = Self {
            status: RegistrationStatus::Unknown,
            since: None,
            from: None,
            user_agent: None,
            transport: None,
            zone: None,
            cause: None,
        };
        match registration {
            None => none,
            Some(Registration::Registered {
                since,
                from,
                user_agent,
                transport,
                zone,
                ..
            }) => Self {
                status: RegistrationStatus::Registered,
                since: Some(moment(*since)),
                from: Some(from.clone()),
                user_agent: user_agent.clone(),
                transport: transport.map(SipTransport::as_str),
                zone: Some(zone.clone()).filter(|zone| !zone.is_empty()),
                cause: None,
            },
            Some(Registration::Gone { since }) => Self {
                status: RegistrationStatus::Gone,
                since: Some(moment(*since)),
                ..none
            },
            Some(Registration::Refused { at, from, why, .. }) => Self {
                status: RegistrationStatus::Refused,
                since: Some(moment(*at)),
                from: Some(from.clone()),
                cause: Some(Cause::of(*why)),
                ..none
            },
        }
    }
}

impl Cause {
    fn of(why: RegistrationRefusal) -> Self {
        match why {
            RegistrationRefusal::WrongCredentials => Self::WrongCredentials,
            RegistrationRefusal::OtherUser => Self::OtherUser,
            RegistrationRefusal::BadRequest => Self::BadRequest,
            RegistrationRefusal::TooManyAttempts => Self::TooManyAttempts,
            RegistrationRefusal::OtherDomain => Self::OtherDomain,
            RegistrationRefusal::ClearFlow => Self::ClearFlow,
        }
    }
}

impl AttemptShown {
    pub(super) fn of(attempt: &Attempt) -> Self {
        Self {
            at: moment(attempt.at),
            source: attempt.source.clone(),
            file: Some(attempt.file.clone()).filter(|file| !file.is_empty()),
            outcome: Outcome::of(attempt.outcome),
            proved: attempt.proved,
            times: attempt.times,
            detail: attempt.detail.clone(),
        }
    }
}

impl Outcome {
    fn of(outcome: AttemptOutcome) -> Self {
        match outcome {
            AttemptOutcome::Served => Self::Served,
            AttemptOutcome::NoCertificate => Self::NoCertificate,
            AttemptOutcome::Untrusted => Self::Untrusted,
            AttemptOutcome::Expired => Self::Expired,
            AttemptOutcome::Revoked => Self::Revoked,
            AttemptOutcome::OtherDevice => Self::OtherDevice,
            AttemptOutcome::UnknownDevice => Self::UnknownDevice,
            AttemptOutcome::NotProvisioned => Self::NotProvisioned,
            AttemptOutcome::UnknownFile => Self::UnknownFile,
            AttemptOutcome::FirmwareTooOld => Self::FirmwareTooOld,
            AttemptOutcome::ModelCannot => Self::ModelCannot,
            AttemptOutcome::TlsTooOld => Self::TlsTooOld,
            AttemptOutcome::ServerUntrusted => Self::ServerUntrusted,
            AttemptOutcome::HandshakeFailed => Self::HandshakeFailed,
            AttemptOutcome::Held => Self::Held,
            AttemptOutcome::SecondCertificate => Self::SecondCertificate,
        }
    }
}

/// A moment as RFC 3339 has it, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    let nanoseconds = i128::from(at.0).saturating_mul(1_000_000);
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_to_the_millisecond_and_one_past_the_calendar_is_no_panic() {
        assert_eq!(moment(Timestamp(86_400_123)), "1970-01-02T00:00:00.123Z");
        assert_eq!(moment(Timestamp(u64::MAX)), "1970-01-01T00:00:00Z");
    }
}
