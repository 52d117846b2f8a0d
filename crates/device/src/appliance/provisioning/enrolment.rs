//! Enrolment: a claim code and a signing request against a certificate. docs/enrolment.md describes the exchange.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use model::Secret;
use model::status::ProvisioningStep;
use net::authority::{AuthorityError, CertificateFacts, OwnKey, holder_names};
use net::tls::{
    CertificateClock, ClientTls, ClientTlsConfig, Identity, IdentityError, MinimumVersion, Trust,
    certificates_from_file,
};
use serde::Deserialize;
use tokio::time::timeout;

use super::certificate::{CertificateFiles, as_owner};
use super::fetch::{ProvisioningFailure, authority_of, connect};
use super::plan::Source;
use crate::appliance::clock;
use crate::machine;

/// How long the exchange may take.
const EXCHANGE_TIME: Duration = Duration::from_secs(60);
/// Hexadecimal digits of a hardware address.
const MAC_DIGITS: usize = 12;
/// Octets of an answer: a chain of a few certificates.
const ANSWER_LENGTH_MAX: usize = 64 * 1024;
/// Characters that are shown of what an authority says.
const SAYING_LENGTH_MAX: usize = 200;

/// What enrolling takes.
#[derive(Debug)]
pub struct Enrolment {
    /// The authority: a host, a host with a port, or an https address with a path.
    pub authority: String,
    /// What it has given out for this device; where it is empty the device shows the certificate that it has, and wants it renewed.
    pub claim_code: Secret,
    /// PEM file of the authorities to trust for the exchange; `None` trusts the system's.
    pub trusted_ca_file: Option<PathBuf>,
    /// The device's state folder.
    pub state: PathBuf,
    /// The hardware address that names the device; `None` takes the machine's.
    pub mac: Option<String>,
}

/// A certificate that was put in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// What it calls the device.
    pub names: Vec<String>,
    /// When its validity ends.
    pub not_after: SystemTime,
    /// Where it lies.
    pub file: PathBuf,
}

/// Why a device was not enrolled. A certificate that was there before stays.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The address is none.
    #[error("{0} is neither a host nor an https address")]
    Address(String),
    /// This machine has no hardware address.
    #[error("this machine has no network interface whose address could name the device; name one with --mac")]
    NoMac,
    /// What was named is no hardware address.
    #[error("{0} is no hardware address; six octets, as 00:22:EE:0A:0B:0C, would be right")]
    Mac(String),
    /// What is to be trusted cannot be read.
    #[error("{0}")]
    Trust(String),
    /// Nobody answers there.
    #[error("the authority is not reached: {0}")]
    Unreachable(String),
    /// It is not who it should be.
    #[error("the authority's own certificate is refused: {0}")]
    Untrusted(String),
    /// It does not know the claim code, or not any more.
    #[error("the authority does not accept the claim code: {0}")]
    WrongCode(String),
    /// It refuses for another reason.
    #[error("the authority refuses with {status}: {said}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// What it says.
        said: String,
    },
    /// Its answer is none.
    #[error("the authority's answer cannot be used: {0}")]
    Answer(String),
    /// The certificate belongs to another key.
    #[error("the certificate that came is for another key than this device's, and is not installed")]
    OtherKey,
    /// The certificate names another device.
    #[error("the certificate that came is for {}, not for {mac}, and is not installed", names.join(", "))]
    OtherDevice {
        /// Whom it names.
        names: Vec<String>,
        /// This device.
        mac: String,
    },
    /// The certificate cannot be used at this time.
    #[error(
        "the certificate that came is not valid at this time by this machine's clock, and is not installed"
    )]
    NotValid,
    /// The key cannot be made.
    #[error("the device's key or its request cannot be made: {0}")]
    Key(#[source] AuthorityError),
    /// It cannot be kept.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl EnrolmentError {
    fn not_written((path, source): (PathBuf, io::Error)) -> Self {
        Self::Write { path, source }
    }
}

/// Has an authority sign the device's key, and puts the certificate in place. The key is made here, mode 0600, and never leaves. A try
/// whose answer was lost is repeated with the same key, so that the authority can give the same answer.
///
/// # Errors
///
/// Says what went wrong; a certificate that was there before stays.
pub async fn enrol(enrolment: Enrolment) -> Result<Enrolled, EnrolmentError> {
    let source = Source::read(&enrolment.authority, "")
        .ok_or_else(|| EnrolmentError::Address(enrolment.authority.clone()))?;
    let mac = match &enrolment.mac {
        Some(named) => hardware_address(named).ok_or_else(|| EnrolmentError::Mac(named.clone()))?,
        None => hardware_address(&machine::mac()).ok_or(EnrolmentError::NoMac)?,
    };
    let name = digits(&mac);
    let files = CertificateFiles::of(&enrolment.state);
    let key = as_owner(&enrolment.state, || own_key(&files)).map_err(failed(&enrolment.state))??;
    let request = key.request(&name).map_err(EnrolmentError::Key)?;
    let body = serde_json::json!({
        "claim_code": enrolment.claim_code.reveal(),
        "mac": mac,
        "request": request,
    });
    let clock = clock::restored(&enrolment.state);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(clock.now().0);
    let shown = if enrolment.claim_code.reveal().is_empty() {
        let own = files.identity();
        own.map_err(|error| EnrolmentError::Trust(format!("the device's own certificate: {error}")))?
    } else {
        None
    };
    let tls = trusting(enrolment.trusted_ca_file.as_deref(), shown, clock)?;
    let exchanged = timeout(EXCHANGE_TIME, exchange(&source, &tls, body.to_string())).await;
    let exchanged = exchanged.unwrap_or_else(|_| {
        Err(EnrolmentError::Unreachable(format!(
            "no answer in {} s",
            EXCHANGE_TIME.as_secs()
        )))
    });
    if let Err(EnrolmentError::Refused {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        ..
    }) = exchanged
    {
        as_owner(&enrolment.state, || files.forget_key())
            .map_err(failed(&enrolment.state))?
            .map_err(EnrolmentError::not_written)?;
    }
    let chain = exchanged?;
    let (names, not_after) = judge(&chain, &key, &mac, now)?;
    as_owner(&enrolment.state, || files.install(&chain))
        .map_err(failed(&enrolment.state))?
        .map_err(EnrolmentError::not_written)?;
    Ok(Enrolled {
        names,
        not_after,
        file: files.chain,
    })
}

fn trusting(
    ca_file: Option<&Path>,
    identity: Option<Identity>,
    clock: CertificateClock,
) -> Result<ClientTls, EnrolmentError> {
    let trust = match ca_file {
        Some(file) => Trust::Authorities(
            certificates_from_file(file).map_err(|error| EnrolmentError::Trust(error.to_string()))?,
        ),
        None => Trust::Platform,
    };
    ClientTls::new(ClientTlsConfig {
        trust,
        minimum: MinimumVersion::Tls12,
        identity,
        clock,
    })
    .map_err(|error| EnrolmentError::Trust(error.to_string()))
}

#[derive(Deserialize)]
struct Granted {
    certificate: String,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
}

/// Sends the request and takes the certificates, in PEM.
async fn exchange(source: &Source, tls: &ClientTls, body: String) -> Result<String, EnrolmentError> {
    let unreachable = |error: hyper::Error| EnrolmentError::Unreachable(error.to_string());
    let stream = connect(source, tls)
        .await
        .map_err(|ProvisioningFailure { step, detail }| match step {
            ProvisioningStep::Certificate => EnrolmentError::Untrusted(detail),
            _ => EnrolmentError::Unreachable(detail),
        })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(unreachable)?;
    let driver = tokio::spawn(connection);
    let request = Request::post(format!("{}enrol", source.folder))
        .header(header::HOST, authority_of(source))
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("Oyez-Endpoint/", env!("CARGO_PKG_VERSION")),
        )
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| EnrolmentError::Address(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(unreachable)?;
    let answer = read(response).await;
    driver.abort();
    answer
}

async fn read<B>(response: Response<B>) -> Result<String, EnrolmentError>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_LENGTH_MAX)
        .collect()
        .await;
    let body = body
        .map_err(|error| EnrolmentError::Answer(error.to_string()))?
        .to_bytes();
    if status == StatusCode::OK {
        return serde_json::from_slice(&body)
            .map(|Granted { certificate }| certificate)
            .map_err(|_| EnrolmentError::Answer("it is not what docs/enrolment.md describes".to_owned()));
    }
    let said = serde_json::from_slice(&body).map_or_else(
        |_| "it does not say why".to_owned(),
        |Denied { error }| shown(&error),
    );
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => EnrolmentError::WrongCode(said),
        status => EnrolmentError::Refused { status, said },
    })
}

/// What somebody else says, on one line.
fn shown(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .take(SAYING_LENGTH_MAX)
        .collect()
}

/// Says whether the certificate is this key's and this device's, and valid at the present time.
fn judge(
    chain: &str,
    key: &OwnKey,
    mac: &str,
    now: SystemTime,
) -> Result<(Vec<String>, SystemTime), EnrolmentError> {
    let identity =
        Identity::from_pem(chain.as_bytes(), key.pem().as_bytes()).map_err(|error| match error {
            IdentityError::Mismatch { .. } => EnrolmentError::OtherKey,
            error => EnrolmentError::Answer(error.to_string()),
        })?;
    let unreadable = |error: AuthorityError| EnrolmentError::Answer(error.to_string());
    let leaf = identity
        .chain()
        .first()
        .ok_or_else(|| EnrolmentError::Answer("there is no certificate in it".to_owned()))?;
    let names = holder_names(leaf).map_err(unreadable)?;
    let facts = CertificateFacts::read(leaf).map_err(unreadable)?;
    if !names.iter().any(|name| digits(name).contains(&digits(mac))) {
        return Err(EnrolmentError::OtherDevice {
            names,
            mac: mac.to_owned(),
        });
    }
    if now < facts.not_before || now > facts.not_after {
        return Err(EnrolmentError::NotValid);
    }
    Ok((names, facts.not_after))
}

/// The hexadecimal digits of a name that is written with or without separators, in capital letters.
fn digits(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_hexdigit)
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}

/// A hardware address that is written with or without separators, in capital letters with colons.
fn hardware_address(text: &str) -> Option<String> {
    let is_one = text
        .chars()
        .all(|character| character.is_ascii_hexdigit() || matches!(character, ':' | '-' | '.'));
    let digits = digits(text);
    if !is_one || digits.len() != MAC_DIGITS || digits.chars().all(|digit| digit == '0') {
        return None;
    }
    let octets: Vec<&str> = (0..MAC_DIGITS)
        .step_by(2)
        .filter_map(|start| digits.get(start..start + 2))
        .collect();
    Some(octets.join(":"))
}

/// The key of an earlier try that has not come to its end, or another one.
fn own_key(files: &CertificateFiles) -> Result<OwnKey, EnrolmentError> {
    files.prepare().map_err(EnrolmentError::not_written)?;
    if let Ok(text) = fs::read_to_string(&files.pending_key).map(zeroize::Zeroizing::new)
        && let Ok(key) = OwnKey::from_pem(&text)
    {
        return Ok(key);
    }
    let key = OwnKey::generate().map_err(EnrolmentError::Key)?;
    files.keep(&key.pem()).map_err(EnrolmentError::not_written)?;
    Ok(key)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> EnrolmentError {
    let path = path.to_owned();
    move |source| EnrolmentError::Write { path, source }
}

#[cfg(test)]
mod tests;
