//! The slots of a device as they are shown: whose extension stands there, and whether it is registered.

use model::DeviceId;
use model::inventory::{Device, Holder, Line, Timestamp};
use model::status::{RegistrationRefusal, WRONG_ANSWERS_WAIT_MAX_MS};
use store::{Scope, StoreError};

use super::layout::shown;
use super::line;
use super::problem::Problem;
use crate::check::is_registered;
use registrations::{RegisteredAt, Registration, Registrations};

/// A slot.
pub(super) struct Slot {
    pub(super) line: Line,
    pub(super) place: String,
    pub(super) holder: String,
    pub(super) extension: String,
    pub(super) look: &'static str,
    pub(super) state: &'static str,
    /// A device has registered there.
    pub(super) is_registered: bool,
    /// Since when, from where, or why not.
    pub(super) cause: String,
    /// A rotation has left the password before good.
    pub(super) has_earlier_password: bool,
}

/// Finds a device by what stands in a path.
pub(super) async fn device(scope: &mut Scope<'_, '_>, id: &str) -> Result<Device, Problem> {
    let id: DeviceId = id.parse().map_err(|_| Problem::Missing)?;
    scope.device(&id).await?.ok_or(Problem::Missing)
}

/// The device of a path, if it is one that fetches its configuration: the others have neither claim code nor certificate.
pub(super) async fn provisioned_device(scope: &mut Scope<'_, '_>, id: &str) -> Result<Device, Problem> {
    let device = device(scope, id).await?;
    if !device.kind.is_provisioned() {
        return Err(Problem::Missing);
    }
    Ok(device)
}

/// The slots of a device, in the order of their kinds and ports.
pub(super) async fn slots(
    scope: &mut Scope<'_, '_>,
    device: &Device,
    registrations: &Registrations,
) -> Result<Vec<Slot>, StoreError> {
    let mut held = scope.held_lines_of_device(&device.id).await?;
    held.sort_by_key(|(line, _)| line.place);
    let earlier = scope.earlier_passwords_of_device(&device.id).await?;
    let untold = registrations.untold();
    let known = |(line, holder): (Line, Holder)| {
        let registration = registrations.of(line.user.as_str());
        let has_earlier_password = earlier.contains(&line.id);
        Slot {
            has_earlier_password,
            ..slot((line, holder, registration), untold.as_deref())
        }
    };
    Ok(held.into_iter().map(known).collect())
}

/// A slot as it is shown, while a zone has not told who is registered there.
pub(super) fn slot(
    (line, holder, registration): (Line, Holder, Option<Registration>),
    untold: Option<&str>,
) -> Slot {
    let (look, state, cause) = told_beside(registration.as_ref(), untold);
    Slot {
        place: line::place_name(line.place),
        holder: holder.name.to_string(),
        extension: holder.extension.to_string(),
        line,
        look,
        state,
        is_registered: is_registered(&registration),
        cause,
        has_earlier_password: false,
    }
}

/// A registration in words, while a zone has not told who is registered there: whoever is not known may be.
pub(crate) fn told_beside(
    registration: Option<&Registration>,
    untold: Option<&str>,
) -> (&'static str, &'static str, String) {
    match (registration, untold) {
        (None, Some(zone)) => (
            "busy",
            "Not known",
            format!(
                "zone {zone} has not told who is registered there since the service was started; see Zones"
            ),
        ),
        _ => told(registration),
    }
}

/// A registration in words: look, state, and what belongs to it.
pub(crate) fn told(registration: Option<&Registration>) -> (&'static str, &'static str, String) {
    match registration {
        None => (
            "none",
            "Not registered",
            "it has not tried since the service was started".to_owned(),
        ),
        Some(Registration::Registered {
            since,
            from,
            user_agent,
            at,
            transport,
            ..
        }) => {
            let agent = user_agent
                .as_ref()
                .map_or_else(String::new, |agent| format!(", {agent}"));
            let by = transport.map_or_else(String::new, |transport| {
                format!(" by {}", transport.as_str().to_ascii_uppercase())
            });
            let told = format!("since {} from {from}{by}{agent}", shown(*since));
            match at {
                None => ("good", "Registered", told),
                Some(RegisteredAt {
                    zone,
                    lost_since: None,
                }) => ("good", "Registered", format!("{told}, at zone {zone}")),
                Some(RegisteredAt {
                    zone,
                    lost_since: Some(lost),
                }) => (
                    "busy",
                    "Registered",
                    format!(
                        "{told}, as zone {zone} told last: it has not been connected since {}",
                        shown(*lost)
                    ),
                ),
            }
        }
        Some(Registration::Gone { since }) => {
            ("bad", "Not registered", format!("gone since {}", shown(*since)))
        }
        Some(Registration::Refused {
            at,
            from,
            why,
            is_slowed,
        }) => {
            let next = Timestamp(at.0.saturating_add(WRONG_ANSWERS_WAIT_MAX_MS));
            let slowed = match is_slowed {
                true => format!(
                    "; after so many its tries over TLS or TCP are slowed: one after {} is looked at",
                    shown(next)
                ),
                false => String::new(),
            };
            let told = format!("{} from {from}: {}{slowed}", shown(*at), refusal(*why));
            ("bad", "Refused", told)
        }
    }
}

/// Why a registration is refused, and what to do.
fn refusal(why: RegistrationRefusal) -> &'static str {
    match why {
        // The zone looked at the last before it looks at none for a while, and that was wrong.
        RegistrationRefusal::WrongCredentials | RegistrationRefusal::TooManyAttempts => {
            "the authorization ID or the password is wrong (401); type them anew, or have the device fetch its configuration"
        }
        RegistrationRefusal::OtherUser => {
            "the authorization ID is another user name's (403); each slot has its own"
        }
        RegistrationRefusal::BadRequest => "the request is malformed, or asks for more than there may be",
        RegistrationRefusal::OtherDomain => {
            "it registers at another SIP domain than this account's (404); type the domain that Provision shows, or have the device fetch \
             its configuration"
        }
        RegistrationRefusal::ClearFlow => {
            "it registers without TLS (403), and no call may go out without encryption here; set its SIP transport to TLS"
        }
    }
}
