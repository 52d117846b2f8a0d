//! Serving a device its file.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use md5::{Digest as _, Md5};
use model::inventory::{
    Attempt, AttemptOutcome, AuditEntry, Catalogue, Device, DeviceType, HardwareWhat, Holder,
    IssuedCertificate, Line, MacAddress, ProvisionTemplate, Timestamp, Uplink, configuration_of, firmware_in,
    hardware_configuration_of,
};
use model::{AccountId, Secret};
use store::{DeviceSecret, GivenPassword, Scope, Store, StoreError, Transaction, timestamp};
use web::{Peer, derived_password, drawn_password};

use super::names::{Part, Wanted, address_in};
use super::proof::{Proved, Refusal, SignedBy};
use super::review::{self, Doubt, ShownNow};
use super::visit::Visit;
use super::{BY, Server, sha256};
use crate::{alarms, check};

/// How our endpoints begin the header in which they say what they are.
const OWN_AGENT: &str = "Oyez-Endpoint/";
/// Longest version that is kept, in octets.
const VERSION_LENGTH_MAX: usize = 64;

/// What stands in the file of a model.
const MODEL_FILE: &str = "# What devices of this model have in common stands in the file of each.\n";

/// Answers a request for a file.
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
        visit: Visit {
            server: &server,
            peer: &peer,
            file: &name,
            now: server.now(),
        },
        agent,
    };
    let answered = match Wanted::of(&name) {
        Wanted::Device(mac, part) => match asking.visit.prove(mac) {
            Ok(_) if part == Part::Incremental => Ok(told(AttemptOutcome::UnknownFile)),
            Ok(proved) => asking.answer(proved, part).await,
            Err(refusal) => Ok(asking.refuse(mac, refusal)),
        },
        Wanted::Model(model, part) => match asking.visit.identified() {
            Ok(proved) => asking.answer_for_model(proved, &model, part).await,
            Err(refusal) => Ok(asking.refuse_model(refusal)),
        },
        Wanted::Unknown => Ok(asking.refuse_unknown_file()),
    };
    answered.unwrap_or_else(|error| {
        tracing::error!(error = %chain(&error), "a configuration cannot be made");
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    })
}

/// A request, and what asks.
struct Asking<'a> {
    visit: Visit<'a>,
    agent: Option<&'a str>,
}

/// What is known of a device that has proved to be it, as long as nothing is written.
enum Known {
    /// It gets nothing.
    Refused(Doubt),
    /// It may have its file.
    Good(AccountId, Device),
    /// Something has to be written down before that is known.
    Open,
}

impl Asking<'_> {
    fn store(&self) -> &Store {
        &self.visit.server.0.store
    }

    /// Answers whoever has not proved to be the device. The answer and what it costs are the same whether the device is known or not.
    fn refuse(&self, mac: MacAddress, refusal: Refusal) -> Response {
        let outcome = refusal.outcome;
        self.visit.note_unproved(mac, refusal);
        told(outcome)
    }

    /// Answers a device that has proved to be it and gets nothing all the same.
    fn refuse_proved(&self, mac: MacAddress, doubt: Doubt) -> Response {
        let Doubt {
            outcome,
            detail,
            is_proof: proved,
        } = doubt;
        let attempt = self.visit.attempt(Some(mac), outcome, detail);
        self.visit.note(Attempt { proved, ..attempt });
        told(outcome)
    }

    /// Answers whoever asks for a file that there is not: to devices it looks the same whoever they are.
    fn refuse_unknown_file(&self) -> Response {
        let proved = self.visit.identified().ok().map(|proved| proved.mac);
        let detail = "there is no such file: a device fetches algom<MAC>.conf, twelve digits without colons";
        let mac = proved.or_else(|| address_in(self.visit.file));
        let attempt = self
            .visit
            .attempt(mac, AttemptOutcome::UnknownFile, detail.to_owned());
        self.visit.note(Attempt {
            proved: proved.is_some(),
            ..attempt
        });
        told(AttemptOutcome::UnknownFile)
    }

    /// Answers whoever asks for the file of a model and proves nothing: of which device it is, is not known then. It is told that there is
    /// no such file, for then it goes on and asks for its own, whose name says which device it is.
    fn refuse_model(&self, refusal: Refusal) -> Response {
        let Refusal {
            outcome, detail, is, ..
        } = refusal;
        let attempt = self.visit.attempt(is, outcome, detail);
        self.visit.note(Attempt {
            proved: is.is_some(),
            ..attempt
        });
        told(AttemptOutcome::UnknownFile)
    }

    /// Answers a device that asks for the file of its model, and learns which one that is.
    async fn answer_for_model(
        &self,
        proved: Proved,
        model: &str,
        part: Part,
    ) -> Result<Response, StoreError> {
        let known = self.store().catalogue().find(model);
        let Some(model) = known.filter(|_| part != Part::Incremental) else {
            return Ok(told(AttemptOutcome::UnknownFile));
        };
        let mut reading = self.store().read().await?;
        let known = self.known(&mut reading, proved).await?;
        drop(reading);
        let (account, device) = match known {
            Known::Refused(doubt) => return Ok(self.refuse_proved(proved.mac, doubt)),
            Known::Good(account, device) => (account, device),
            Known::Open => {
                let mut transaction = self.store().write().await?;
                let admitted = self.admit(&mut transaction, proved).await?;
                transaction.commit().await?;
                match admitted {
                    Ok(admitted) => admitted,
                    Err(doubt) => return Ok(self.refuse_proved(proved.mac, doubt)),
                }
            }
        };
        if device.kind == DeviceType::Algo && device.told_model().is_none() {
            let mut transaction = self.store().write().await?;
            let mut scope = transaction.account(&account);
            scope.note_device(&device.id, Some(&model.name), None).await?;
            transaction.commit().await?;
        }
        Ok(sent(MODEL_FILE.to_owned(), part))
    }

    /// Answers the device itself, and keeps the try. The checksum of a file is asked for besides it, and is no try of its own unless it is
    /// refused, or was until now.
    async fn answer(&self, proved: Proved, part: Part) -> Result<Response, StoreError> {
        let mut reading = self.store().read().await?;
        match self.known(&mut reading, proved).await? {
            Known::Refused(doubt) => return Ok(self.refuse_proved(proved.mac, doubt)),
            Known::Good(account, device) if part == Part::Checksum => {
                if let Some(text) = self.unchanged(&mut reading, &account, &device).await? {
                    return Ok(sent(text, part));
                }
            }
            Known::Good(..) | Known::Open => {}
        }
        drop(reading);
        let mut transaction = self.store().write().await?;
        let found = match self.admit(&mut transaction, proved).await? {
            Ok((account, device)) => self.learn(&mut transaction, account, device).await?,
            Err(refused) => Err(refused),
        };
        let is_try =
            part == Part::Whole || found.is_err() || was_refused(&mut transaction, proved.mac).await?;
        let (outcome, detail, is_proof, response) = match found {
            Ok((account, device)) => {
                if is_try {
                    self.watch(&mut transaction, &account, &device).await?;
                }
                let is_sent = part != Part::Checksum;
                let of = (&account, &device);
                let text = file_of(self.visit.server, &mut transaction, of, is_sent).await?;
                let detail = self.agent.unwrap_or_default().to_owned();
                let response = sent(text, part);
                (AttemptOutcome::Served, detail, true, response)
            }
            Err(Doubt {
                outcome,
                detail,
                is_proof,
            }) => (outcome, detail, is_proof, told(outcome)),
        };
        if is_try {
            let attempt = self.visit.attempt(Some(proved.mac), outcome, detail);
            transaction
                .add_attempt(&Attempt {
                    proved: is_proof,
                    ..attempt
                })
                .await?;
        }
        transaction.commit().await?;
        Ok(response)
    }

    /// What is known of a device. Writers take turns, so whoever asks often must not have to wait for one.
    async fn known(&self, reading: &mut Transaction<'_>, proved: Proved) -> Result<Known, StoreError> {
        let (account, device) = match self.find(reading, proved).await? {
            Ok(found) => found,
            Err(doubt) => return Ok(Known::Refused(doubt)),
        };
        let issued = reading.certificates_of_device(&device.id).await?;
        let source = self.source();
        let Some(shown) = self.shown(&source, &issued) else {
            return Ok(Known::Open);
        };
        let mut scope = reading.account(&account);
        let suspicion = self.visit.server.0.suspicion;
        let judged = review::judged(&mut scope, &device, suspicion, shown).await?;
        if let Some(doubt) = judged.known_doubt() {
            return Ok(Known::Refused(doubt));
        }
        Ok(match scope.held_device(&device.id).await? {
            Some(held) if judged.is_written() => Known::Refused(held.into()),
            None if judged.is_settled() => Known::Good(account, device),
            Some(_) | None => Known::Open,
        })
    }

    /// The file of a device of which nothing has to be written down before.
    async fn unchanged(
        &self,
        reading: &mut Transaction<'_>,
        account: &AccountId,
        device: &Device,
    ) -> Result<Option<String>, StoreError> {
        let catalogue = reading.catalogue();
        let can_register = check::can_register(device, check::model_of(catalogue, device)).is_ok();
        if !can_register || self.news(catalogue, device).is_some() {
            return Ok(None);
        }
        if was_refused(reading, device.mac).await? {
            return Ok(None);
        }
        let mut scope = reading.account(account);
        if device.kind == DeviceType::Algo && scope.device_secret().await?.is_none() {
            return Ok(None);
        }
        let text = file_of(self.visit.server, reading, (account, device), false).await?;
        Ok(Some(text))
    }

    /// The device that a certificate proves, unless that or the device is under review.
    async fn admit(
        &self,
        transaction: &mut Transaction<'_>,
        proved: Proved,
    ) -> Result<Result<(AccountId, Device), Doubt>, StoreError> {
        match self.find(transaction, proved).await? {
            Ok((account, device)) => self.review(transaction, account, device).await,
            Err(refused) => Ok(Err(refused)),
        }
    }

    fn source(&self) -> String {
        self.visit.peer.address.ip().to_canonical().to_string()
    }

    /// What it shows, beside what was issued for it.
    fn shown<'a>(&self, source: &'a str, issued: &'a [IssuedCertificate]) -> Option<ShownNow<'a>> {
        let own = self.visit.peer.certificates.first()?;
        Some(ShownNow {
            fingerprint: sha256(own),
            at: timestamp(self.visit.now),
            source,
            issued,
        })
    }

    /// The device that a certificate proves, if it may have its file.
    async fn find(
        &self,
        transaction: &mut Transaction<'_>,
        proved: Proved,
    ) -> Result<Result<(AccountId, Device), Doubt>, StoreError> {
        let refused = |outcome, detail: &str, is_proof| {
            Ok(Err(Doubt {
                outcome,
                detail: detail.to_owned(),
                is_proof,
            }))
        };
        let issued = match self.visit.peer.certificates.first() {
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
        // Makers vouch for what they make.
        if device.kind == DeviceType::Oyez && proved.signed_by != SignedBy::Own {
            let detail = "it was added as an Oyez endpoint, and a manufacturer has signed its certificate: make a claim code and enrol";
            return refused(AttemptOutcome::Untrusted, detail, false);
        }
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

    /// Refuses a device that is held, or what it shows if that may be of a copy.
    async fn review(
        &self,
        transaction: &mut Transaction<'_>,
        account: AccountId,
        device: Device,
    ) -> Result<Result<(AccountId, Device), Doubt>, StoreError> {
        let issued = transaction.certificates_of_device(&device.id).await?;
        let source = self.source();
        let Some(shown) = self.shown(&source, &issued) else {
            return Ok(Ok((account, device)));
        };
        let mut scope = transaction.account(&account);
        let doubt = review::doubt(&mut scope, &device, self.visit.server.0.suspicion, shown).await?;
        if let Some(doubt) = doubt {
            return Ok(Err(doubt));
        }
        Ok(match scope.held_device(&device.id).await? {
            Some(held) => Err(held.into()),
            None => Ok((account, device)),
        })
    }

    /// Raises an alarm when a certificate begins to be used from two addresses by turns.
    async fn watch(
        &self,
        transaction: &mut Transaction<'_>,
        account: &AccountId,
        device: &Device,
    ) -> Result<(), StoreError> {
        let attempt = Attempt {
            proved: true,
            ..self
                .visit
                .attempt(Some(device.mac), AttemptOutcome::Served, String::new())
        };
        let before = transaction.attempts(device.mac).await?;
        if review::begins_turns(&before, &attempt) {
            let detail = format!("{} ({}), last from {}", device.name, device.mac, attempt.source);
            let mut scope = transaction.account(account);
            let what = (attempt.at, alarms::TWO_ADDRESSES);
            review::alarm(&mut scope, device, what, detail).await?;
        }
        Ok(())
    }

    /// The model and firmware that it says that it has, where that is something else than before.
    fn news<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        device: &Device,
    ) -> Option<(Option<&'a str>, Option<&'a str>)> {
        let (model, firmware) = told_of_itself(catalogue, device.kind, self.agent);
        let is_news = model.is_some_and(|model| device.model.as_deref() != Some(model))
            || firmware.is_some_and(|firmware| device.firmware.as_deref() != Some(firmware));
        is_news.then_some((model, firmware))
    }

    /// Notes what a device says that it is, and refuses one that cannot register.
    async fn learn(
        &self,
        transaction: &mut Transaction<'_>,
        account: AccountId,
        mut device: Device,
    ) -> Result<Result<(AccountId, Device), Doubt>, StoreError> {
        let catalogue = transaction.catalogue();
        if let Some((model, firmware)) = self.news(catalogue, &device) {
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
        Ok(Err(Doubt {
            outcome,
            detail,
            is_proof: true,
        }))
    }
}

/// A file, or its checksum in lower-case digits.
fn sent(text: String, part: Part) -> Response {
    let text = match part {
        Part::Whole | Part::Incremental => text,
        Part::Checksum => {
            let digest = Md5::digest(text.as_bytes());
            digest
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .chain(["\n".to_owned()])
                .collect()
        }
    };
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
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

/// Says whether a device got nothing when it last asked for its own. What it is given after that is a try, whichever part it is: else it
/// would be judged by the refusal for ever.
async fn was_refused(transaction: &mut Transaction<'_>, mac: MacAddress) -> Result<bool, StoreError> {
    let attempts = transaction.attempts(mac).await?;
    let last = attempts
        .iter()
        .find(|attempt| attempt.proved && attempt.outcome != AttemptOutcome::UnknownFile);
    Ok(last.is_some_and(|last| last.outcome != AttemptOutcome::Served))
}

/// The file of a device; of hardware it is noted which password it was sent, if it is the file itself that is sent and has one in it.
async fn file_of(
    server: &Server,
    transaction: &mut Transaction<'_>,
    (account, device): (&AccountId, &Device),
    is_sent: bool,
) -> Result<String, StoreError> {
    let hardware = transaction.catalogue().hardware();
    let has_key = hardware.of(HardwareWhat::AdminPassword).is_some();
    let mut scope = transaction.account(account);
    let held = scope.held_lines_of_device(&device.id).await?;
    let template = scope.template_of_device(&device.id).await?;
    let password = if device.kind == DeviceType::Algo {
        let at = timestamp(server.now());
        let secret = device_secret(&mut scope, at).await?;
        if is_sent && has_key {
            let generation = secret.generation;
            scope
                .note_given_password(&device.id, GivenPassword { generation, at })
                .await?;
        }
        Some(device_password(&secret, device))
    } else {
        None
    };
    let store = &server.0.store;
    Ok(composed(
        store.catalogue(),
        device,
        (&held, template.as_ref()),
        &server.0.uplink,
        password.as_ref(),
    ))
}

/// The file of a device with its lines and its template, and the password of its own pages if it is hardware.
pub(crate) fn composed(
    catalogue: &Catalogue,
    device: &Device,
    (held, template): (&[(Line, Holder)], Option<&ProvisionTemplate>),
    uplink: &Uplink,
    password: Option<&Secret>,
) -> String {
    let lines: Vec<_> = held.iter().map(|(line, holder)| (line, &holder.name)).collect();
    let file = if device.kind == DeviceType::Algo {
        hardware_configuration_of(device, &lines, uplink, catalogue.hardware(), password)
    } else {
        configuration_of(device, &lines, uplink)
    };
    match template {
        Some(template) => template.content.laid_over(&file, catalogue.hardware()),
        None => file,
    }
}

/// What the passwords of the account's hardware are made of; the first that fetches its file has it made.
async fn device_secret(scope: &mut Scope<'_, '_>, at: Timestamp) -> Result<DeviceSecret, StoreError> {
    if let Some(found) = scope.device_secret().await? {
        return Ok(found);
    }
    let secret = Secret::new(drawn_password().map_err(|_| StoreError::NoRandomness)?);
    let made = scope.add_device_secret(&secret, false, at).await?;
    let entry = AuditEntry {
        at,
        by: BY.to_owned(),
        action: "make device passwords".to_owned(),
        detail: "one for each device".to_owned(),
    };
    scope.add_audit(&entry).await?;
    Ok(made)
}

/// The password of the own pages of a device, by what those of a generation are made of.
pub(crate) fn device_password(secret: &DeviceSecret, device: &Device) -> Secret {
    if secret.is_for_all {
        return secret.secret.clone();
    }
    Secret::new(derived_password(secret.secret.reveal(), &device.mac.compact()))
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
        AttemptOutcome::Held => (
            StatusCode::FORBIDDEN,
            "the device is held until an administrator has looked",
        ),
        AttemptOutcome::SecondCertificate => (
            StatusCode::FORBIDDEN,
            "another certificate is known of this device: an administrator has to look",
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
