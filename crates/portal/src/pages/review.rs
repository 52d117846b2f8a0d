//! Device → Provision: what waits for somebody to look, and the certificates that the device has shown.

use std::fmt::Write as _;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{Device, ShownCertificate, Standing, TokenHash};
use store::{Scope, StoreError};

use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::layout::{Frame, PHONES_AND_DEVICES, shown};
use super::problem::{Problem, failure};
use super::{Site, now, slots};

/// What the page of a device says of it.
#[derive(Default)]
pub(super) struct Review {
    /// Since when the device is held, and why.
    pub(super) held: Option<(String, String)>,
    pub(super) certificates: Vec<Shown>,
}

/// A certificate that the device has shown.
pub(super) struct Shown {
    /// In hexadecimal digits.
    pub(super) fingerprint: String,
    pub(super) first_at: String,
    pub(super) last_at: String,
    pub(super) source: String,
    pub(super) standing: &'static str,
    /// Somebody has to look whether it is the device's.
    pub(super) waits: bool,
    pub(super) may_accept: bool,
    /// It was taken back: nothing makes it good again.
    pub(super) is_taken_back: bool,
    pub(super) may_block: bool,
}

impl Review {
    /// Looks it up.
    pub(super) async fn of(scope: &mut Scope<'_, '_>, device: &Device) -> Result<Self, StoreError> {
        let held = scope.held_device(&device.id).await?;
        let certificates = scope.shown_certificates(&device.id).await?;
        let taken_back = scope.taken_back(&device.id).await?;
        Ok(Self {
            held: held.map(|held| (shown(held.at), held.why)),
            certificates: certificates
                .into_iter()
                .map(|one| certificate(one, &taken_back))
                .collect(),
        })
    }

    /// Says whether somebody has to look before anything else is done.
    pub(super) fn waits(&self) -> bool {
        self.held.is_some() || self.certificates.iter().any(|one| one.waits)
    }
}

fn certificate(certificate: ShownCertificate, taken_back: &[TokenHash]) -> Shown {
    let standing = certificate.standing;
    let is_taken_back = taken_back.contains(&certificate.fingerprint);
    Shown {
        fingerprint: digits(certificate.fingerprint),
        first_at: shown(certificate.first_at),
        last_at: shown(certificate.last_at),
        source: certificate.source,
        standing: match standing {
            _ if is_taken_back => "Taken back",
            Standing::Good => "Good",
            Standing::Accepted => "Accepted",
            Standing::Held => "Waits for you: one of two",
            Standing::Blocked => "Blocked",
        },
        waits: standing == Standing::Held && !is_taken_back,
        may_accept: !standing.is_good() && !is_taken_back,
        may_block: standing != Standing::Blocked && !is_taken_back,
        is_taken_back,
    }
}

/// A hash in hexadecimal digits.
pub(super) fn digits(hash: TokenHash) -> String {
    hash.0.iter().fold(String::new(), |mut text, octet| {
        // A String takes everything.
        let _is_written = write!(text, "{octet:02x}").is_ok();
        text
    })
}

fn hash_of(digits: &str) -> Option<TokenHash> {
    let octet = |start: usize| u8::from_str_radix(digits.get(start..start + 2)?, 16).ok();
    let is_plain = digits.bytes().all(|one| one.is_ascii_hexdigit());
    let octets: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(octet).collect();
    let octets: [u8; 32] = octets.filter(|_| is_plain)?.try_into().ok()?;
    Some(TokenHash(octets))
}

/// Lets a device that is held have its file again.
pub(super) async fn release(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    if scope.release_device(&device.id).await? {
        let detail = format!("{} ({})", device.name, device.mac);
        by.note(&mut writing, "release device", detail).await?;
        writing.commit().await?;
    }
    Ok(back_to(&device))
}

pub(super) async fn accept(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path((id, fingerprint)): Path<(String, String)>,
) -> Result<Response, Problem> {
    judge(&site, &posted, (&id, &fingerprint), Standing::Accepted).await
}

/// Asks before a certificate is blocked: one that this service issued is taken back with that.
pub(super) async fn ask_block(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path((id, digits)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let fingerprint = hash_of(&digits).ok_or(Problem::Missing)?;
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let shown = scope.shown_certificates(&device.id).await?;
    let mut shown = shown.iter();
    if !shown.any(|one| one.fingerprint == fingerprint) {
        return Err(Problem::Missing);
    }
    let lost = if reading.certificate(fingerprint).await?.is_some() {
        "This service issued it: that is for good. The device then needs a new claim code."
    } else {
        "It can be accepted again later."
    };
    let path = format!("/devices/{}", device.id);
    let page = Confirm {
        frame: Frame::new(
            &by,
            format!("Block a certificate of {}", device.name),
            PHONES_AND_DEVICES,
        ),
        question: format!(
            "Block this certificate of {}? It fetches nothing more.",
            device.name
        ),
        along: vec![format!("Fingerprint (SHA-256): {digits}"), lost.to_owned()],
        action: format!("{path}/certificates/{digits}/block"),
        hidden: Vec::new(),
        button: "Block",
        is_danger: true,
        back: format!("{path}/provision"),
    };
    Ok(page.answer())
}

pub(super) async fn block(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path((id, fingerprint)): Path<(String, String)>,
) -> Result<Response, Problem> {
    judge(&site, &posted, (&id, &fingerprint), Standing::Blocked).await
}

const TAKEN_BACK: &str = "This service has issued the certificate and taken it back, which is for good. Make a claim code, or sign a \
                          request with another key, and the device gets another.";

async fn judge(
    site: &Site,
    posted: &Posted,
    (id, digits): (&str, &str),
    standing: Standing,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let fingerprint = hash_of(digits).ok_or(Problem::Missing)?;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let device = slots::device(&mut scope, id).await?;
    if standing == Standing::Accepted && scope.taken_back(&device.id).await?.contains(&fingerprint) {
        return Ok(failure(StatusCode::CONFLICT, "Taken back", TAKEN_BACK));
    }
    if !scope.judge_certificate(&device.id, fingerprint, standing).await? {
        return Err(Problem::Missing);
    }
    let action = if standing == Standing::Blocked {
        // What this service has issued is taken back besides, for those who look at its list.
        writing.revoke_certificate(fingerprint, now()).await?;
        "block certificate"
    } else {
        "accept certificate"
    };
    let detail = format!("{} ({}), {digits}", device.name, device.mac);
    by.note(&mut writing, action, detail).await?;
    writing.commit().await?;
    Ok(back_to(&device))
}

/// Makes everything that a device has shown worth nothing.
pub(super) async fn block_all(scope: &mut Scope<'_, '_>, device: &Device) -> Result<(), StoreError> {
    for shown in scope.shown_certificates(&device.id).await? {
        scope
            .judge_certificate(&device.id, shown.fingerprint, Standing::Blocked)
            .await?;
    }
    Ok(())
}

fn back_to(device: &Device) -> Response {
    Redirect::to(&format!("/devices/{}/provision", device.id)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_was_written_and_nothing_else_is() {
        let hash = TokenHash(std::array::from_fn(|place| u8::try_from(place * 8).unwrap()));
        assert_eq!(hash_of(&digits(hash)), Some(hash));
        let longer = format!("{}00", digits(hash));
        for text in [
            "",
            "00",
            &longer,
            &"+1".repeat(32),
            &"é".repeat(32),
            &"g0".repeat(32),
        ] {
            assert_eq!(hash_of(text), None, "{text}");
        }
    }
}
