//! Serving a device its file.

use std::time::SystemTime;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::AccountId;
use model::inventory::{
    Attempt, AttemptOutcome, Catalogue, Device, DeviceType, MacAddress, configuration_of, firmware_in,
};
use store::{StoreError, Transaction, timestamp};
use web::Peer;

use super::proof::{Proved, Refusal, SignedBy};
use super::{Server, sha256};
use crate::check;

/// Longest file name that is looked at.
const NAME_LENGTH_MAX: usize = 64;
/// How our endpoints begin the header in which they say what they are.
const OWN_AGENT: &str = "Oyez-Endpoint/";
/// Longest version that is kept, in octets.
const VERSION_LENGTH_MAX: usize = 64;

/// Answers a request for a file. Files of models are not kept here: what devices have in common stands in the file of each.
pub(super) async fn serve(
    State(server): State<Server>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let asking = Asking {
        server: &server,
        peer: &peer,
        name: &name,
        agent,
        now: server.now(),
    };
    let answered = match device_of(&name) {
        Some(mac) => match server.0.authorities.prove(&peer.certificates, mac, asking.now) {
            Ok(proved) => asking.answer(proved).await,
            Err(refusal) => Ok(asking.refuse(mac, refusal)),
        },
        None => Ok(asking.refuse_unknown_file()),
    };
    answered.unwrap_or_else(|error| {
        tracing::error!(error = %chain(&error), "a configuration cannot be made");
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    })
}

/// A request.
struct Asking<'a> {
    server: &'a Server,
    peer: &'a Peer,
    name: &'a str,
    agent: Option<&'a str>,
    now: SystemTime,
}

impl Asking<'_> {
    fn attempt(&self, mac: Option<MacAddress>, outcome: AttemptOutcome, detail: String) -> Attempt {
        Attempt {
            at: timestamp(self.now),
            mac,
            source: self.peer.address.ip().to_canonical().to_string(),
            file: self.name.chars().take(NAME_LENGTH_MAX).collect(),
            outcome,
            proved: false,
            times: 1,
            detail,
        }
    }

    fn note(&self, attempt: Attempt) {
        self.server.note(attempt, self.peer.address.ip());
    }

    /// Answers whoever has not proved to be the device. The answer and what it costs are the same whether the device is known or not.
    fn refuse(&self, mac: MacAddress, refusal: Refusal) -> Response {
        let Refusal { outcome, detail, is } = refusal;
        if let Some(other) = is.filter(|is| *is != mac) {
            let asked = format!("with the certificate of {other} somebody asked for the file of {mac}");
            self.note(self.attempt(Some(other), outcome, asked));
        }
        let attempt = self.attempt(Some(mac), outcome, detail);
        let proved = is == Some(mac);
        self.note(Attempt { proved, ..attempt });
        told(outcome)
    }

    /// Answers whoever asks for a file that there is not: to devices it looks the same whoever they are.
    fn refuse_unknown_file(&self) -> Response {
        let identified = self
            .server
            .0
            .authorities
            .identify(&self.peer.certificates, self.now);
        let proved = identified.ok().map(|proved| proved.mac);
        let detail = "there is no such file: a device fetches algom<MAC>.conf, twelve digits without colons";
        let mac = proved.or_else(|| address_in(self.name));
        let attempt = self.attempt(mac, AttemptOutcome::UnknownFile, detail.to_owned());
        self.note(Attempt {
            proved: proved.is_some(),
            ..attempt
        });
        told(AttemptOutcome::UnknownFile)
    }

    /// Answers the device itself, and keeps the try.
    async fn answer(&self, proved: Proved) -> Result<Response, StoreError> {
        let mut transaction = self.server.0.store.write().await?;
        let found = match self.find(&mut transaction, proved).await? {
            Ok((account, device)) => self.learn(&mut transaction, account, device).await?,
            Err(refused) => Err(refused),
        };
        let (outcome, detail, is_proof, response) = match found {
            Ok((account, device)) => {
                let text = file_of(self.server, &mut transaction, &account, &device).await?;
                let detail = self.agent.unwrap_or_default().to_owned();
                let response = ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
                (AttemptOutcome::Served, detail, true, response)
            }
            Err(Refused {
                outcome,
                detail,
                is_proof,
            }) => (outcome, detail, is_proof, told(outcome)),
        };
        let attempt = self.attempt(Some(proved.mac), outcome, detail);
        transaction
            .add_attempt(&Attempt {
                proved: is_proof,
                ..attempt
            })
            .await?;
        transaction.commit().await?;
        Ok(response)
    }

    /// The device that a certificate proves, if it may have its file.
    async fn find(
        &self,
        transaction: &mut Transaction<'_>,
        proved: Proved,
    ) -> Result<Result<(AccountId, Device), Refused>, StoreError> {
        let refused = |outcome, detail: &str, is_proof| {
            Ok(Err(Refused {
                outcome,
                detail: detail.to_owned(),
                is_proof,
            }))
        };
        let issued = match self.peer.certificates.first() {
            Some(own) => transaction.certificate(sha256(own)).await?,
            None => None,
        };
        let found = transaction.device_of_mac(proved.mac).await?;
        if issued.as_ref().is_some_and(|issued| issued.revoked_at.is_some()) {
            // Where the device has another, somebody else may have what was taken back.
            let has_another = match &found {
                Some((_, device)) => transaction
                    .certificates_of_device(&device.id)
                    .await?
                    .iter()
                    .any(|other| other.revoked_at.is_none()),
                None => false,
            };
            return refused(
                AttemptOutcome::Revoked,
                "the certificate was taken back",
                !has_another,
            );
        }
        let Some((account, device)) = found else {
            let detail = "no device of this address was added";
            return refused(AttemptOutcome::UnknownDevice, detail, true);
        };
        // What its own authority has signed for an earlier device of the address is not this one's.
        if proved.signed_by == SignedBy::Own && issued.is_none_or(|issued| issued.device != device.id) {
            let detail = "the certificate was issued for an earlier device of this address: make a claim code and enrol again";
            return refused(AttemptOutcome::Revoked, detail, true);
        }
        if !device.kind.is_provisioned() {
            let detail = "it was added as a generic device: its credentials are typed by hand";
            return refused(AttemptOutcome::NotProvisioned, detail, true);
        }
        Ok(Ok((account, device)))
    }

    /// Notes what a device says that it is, and refuses one that cannot register.
    async fn learn(
        &self,
        transaction: &mut Transaction<'_>,
        account: AccountId,
        mut device: Device,
    ) -> Result<Result<(AccountId, Device), Refused>, StoreError> {
        let catalogue = transaction.catalogue();
        let (model, firmware) = told_of_itself(catalogue, device.kind, self.agent);
        let is_news = model.is_some_and(|model| device.model.as_deref() != Some(model))
            || firmware.is_some_and(|firmware| device.firmware.as_deref() != Some(firmware));
        if is_news {
            let mut scope = transaction.account(&account);
            scope.note_device(&device.id, model, firmware).await?;
            device.model = model.map(str::to_owned).or(device.model);
            device.firmware = firmware.map(str::to_owned).or(device.firmware);
        }
        let Err(why) = check::can_register(&device, check::model_of(catalogue, &device)) else {
            return Ok(Ok((account, device)));
        };
        let outcome = match why {
            check::Verdict::ModelCannot => AttemptOutcome::ModelCannot,
            _ => AttemptOutcome::FirmwareTooOld,
        };
        let detail = self.agent.unwrap_or_default().to_owned();
        Ok(Err(Refused {
            outcome,
            detail,
            is_proof: true,
        }))
    }
}

/// Why a device that has proved to be it gets nothing.
struct Refused {
    outcome: AttemptOutcome,
    detail: String,
    /// It is the device: nobody else has what it has shown.
    is_proof: bool,
}

/// The hardware address in a name that is no name of a file here, where twelve digits stand in it.
fn address_in(name: &str) -> Option<MacAddress> {
    let short: String = name.chars().take(NAME_LENGTH_MAX).collect();
    let is_digit = |character: char| character.is_ascii_hexdigit();
    short
        .split(|character| !is_digit(character))
        .filter(|digits| digits.len() == 12)
        .find_map(|digits| digits.parse().ok())
}

/// The device whose file it is: `algom<MAC>.conf`.
fn device_of(name: &str) -> Option<MacAddress> {
    let digits = name
        .get(..NAME_LENGTH_MAX.min(name.len()))?
        .strip_prefix("algom")?
        .strip_suffix(".conf")?;
    let is_bare = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.parse().ok().filter(|_| is_bare)
}

/// Model and firmware that a device tells of itself.
fn told_of_itself<'a>(
    catalogue: &'a Catalogue,
    kind: DeviceType,
    agent: Option<&'a str>,
) -> (Option<&'a str>, Option<&'a str>) {
    let Some(agent) = agent else {
        return (None, None);
    };
    match kind {
        DeviceType::Oyez => match agent.strip_prefix(OWN_AGENT) {
            Some(version) if version.len() <= VERSION_LENGTH_MAX => (Some("oyez"), Some(version)),
            Some(_) | None => (None, None),
        },
        DeviceType::Algo => {
            let model = catalogue.find(agent).map(|model| model.name.as_str());
            (model, model.and_then(|_| firmware_in(agent)))
        }
        DeviceType::Other => (None, None),
    }
}

async fn file_of(
    server: &Server,
    transaction: &mut Transaction<'_>,
    account: &AccountId,
    device: &Device,
) -> Result<String, StoreError> {
    let mut scope = transaction.account(account);
    let held = scope.held_lines_of_device(&device.id).await?;
    let template = scope.template_of_device(&device.id).await?;
    let lines: Vec<_> = held.iter().map(|(line, holder)| (line, &holder.name)).collect();
    let mut file = configuration_of(device, &lines, &server.0.uplink);
    if let Some(template) = template {
        file.push_str(template.content.as_str());
        file.push('\n');
    }
    Ok(file)
}

/// What the device is told: enough to look for the cause on either side.
fn told(outcome: AttemptOutcome) -> Response {
    let (status, text) = match outcome {
        AttemptOutcome::Served => (StatusCode::OK, ""),
        AttemptOutcome::NoCertificate => (StatusCode::FORBIDDEN, "a device certificate is needed"),
        AttemptOutcome::Untrusted => (StatusCode::FORBIDDEN, "the device certificate is not trusted"),
        AttemptOutcome::Expired => (
            StatusCode::FORBIDDEN,
            "the device certificate is not valid at this time",
        ),
        AttemptOutcome::Revoked => (StatusCode::FORBIDDEN, "the device certificate was taken back"),
        AttemptOutcome::OtherDevice => (
            StatusCode::FORBIDDEN,
            "the device certificate is for another device",
        ),
        AttemptOutcome::UnknownDevice => (StatusCode::FORBIDDEN, "the device was not added"),
        AttemptOutcome::NotProvisioned => (StatusCode::FORBIDDEN, "the device is configured by hand"),
        AttemptOutcome::FirmwareTooOld => (
            StatusCode::FORBIDDEN,
            "the firmware is too old to register: update the device to 3.2.3 or later",
        ),
        AttemptOutcome::ModelCannot => (
            StatusCode::FORBIDDEN,
            "this model cannot register here: it has neither TLS nor SRTP",
        ),
        AttemptOutcome::UnknownFile
        | AttemptOutcome::TlsTooOld
        | AttemptOutcome::ServerUntrusted
        | AttemptOutcome::HandshakeFailed => (StatusCode::NOT_FOUND, "there is no such file"),
    };
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        text,
    )
        .into_response()
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_out_of_names_that_no_file_has() {
        let mac = Some(MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]));
        assert_eq!(address_in("algo0022EE0A0B0C.conf"), mac);
        assert_eq!(address_in("algom0022EE0A0B0C-x.conf"), mac);
        assert_eq!(address_in("0022ee0a0b0c.cfg"), mac);
        assert_eq!(address_in("algop8180.conf"), None);
        assert_eq!(
            address_in(&format!("{}0022ee0a0b0c", "-".repeat(NAME_LENGTH_MAX - 11))),
            None
        );
    }

    #[test]
    fn a_file_of_a_device_is_known_by_its_twelve_digits() {
        let mac = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]);
        assert_eq!(device_of("algom0022EE0A0B0C.conf"), Some(mac));
        assert_eq!(device_of("algom0022ee0a0b0c.conf"), Some(mac));
        for name in [
            "algop8180.conf",
            "algom0022EE0A0B0C-i.conf",
            "algom0022EE0A0B0C.conf.md5",
            "algom00:22:EE:0A:0B:0C.conf",
            "algom.conf",
            "../algom0022EE0A0B0C.conf",
            "algomé022EE0A0B0C.conf",
        ] {
            assert_eq!(device_of(name), None, "{name}");
        }
        assert_eq!(device_of(&"é".repeat(100)), None);
    }
}
