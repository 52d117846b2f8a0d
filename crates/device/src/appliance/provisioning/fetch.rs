//! Fetching one file over HTTPS.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use model::Secret;
use model::config::DOCUMENT_LENGTH_MAX;
use model::status::ProvisioningStep;
use net::authority::CertificateFacts;
use net::tls::{ClientTls, TlsFailure};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::plan::Source;

/// How long one file may take, from the connection to its last octet.
const FETCH_TIME: Duration = Duration::from_secs(30);

/// Why nothing was fetched, or what was fetched cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {detail}")]
pub struct ProvisioningFailure {
    /// The step that failed.
    pub step: ProvisioningStep,
    /// One sentence.
    pub detail: String,
}

pub(super) fn failure(step: ProvisioningStep, detail: impl Into<String>) -> ProvisioningFailure {
    ProvisioningFailure {
        step,
        detail: detail.into(),
    }
}

/// A way to a server.
pub(super) struct Client<'a> {
    pub(super) source: &'a Source,
    pub(super) tls: &'a ClientTls,
    pub(super) credential: Option<&'a (String, Secret)>,
    /// The latest time that the server has told, in seconds since 1970.
    pub(super) heard: AtomicU64,
}

impl Client<'_> {
    /// The content of a file; `None` if the server has none of that name. A server that sends elsewhere is not followed: what it
    /// was trusted with, another was not.
    pub(super) async fn fetch(&self, name: &str) -> Result<Option<Vec<u8>>, ProvisioningFailure> {
        timeout(FETCH_TIME, self.exchange(name))
            .await
            .unwrap_or_else(|_| {
                Err(failure(
                    ProvisioningStep::Connection,
                    format!("the server did not serve {name} in {} s", FETCH_TIME.as_secs()),
                ))
            })
    }

    async fn exchange(&self, name: &str) -> Result<Option<Vec<u8>>, ProvisioningFailure> {
        let unreached =
            |error: &dyn std::fmt::Display| failure(ProvisioningStep::Connection, error.to_string());
        let stream = connect(self.source, self.tls).await?;
        let good_until = end_of_certificate(&stream);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreached(&error))?;
        let driver = tokio::spawn(connection);
        let response = sender.send_request(self.request(name)?).await;
        let response = response.map_err(|error| unreached(&error))?;
        if let Some(time) = time_told(response.headers(), good_until) {
            self.heard.fetch_max(time, Ordering::Relaxed);
        }
        let status = response.status();
        let outcome = match status {
            StatusCode::OK => {
                let body = Limited::new(response.into_body(), DOCUMENT_LENGTH_MAX)
                    .collect()
                    .await;
                body.map(|body| Some(body.to_bytes().to_vec()))
                    .map_err(|error| failure(ProvisioningStep::File, format!("{name}: {error}")))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(failure(
                ProvisioningStep::Certificate,
                format!(
                    "the server refuses {name} with {status}: it does not accept this device's certificate or password"
                ),
            )),
            status => Err(failure(
                ProvisioningStep::Download,
                format!("the server answers {status} for {name}"),
            )),
        };
        driver.abort();
        outcome
    }

    fn request(&self, name: &str) -> Result<Request<Empty<Bytes>>, ProvisioningFailure> {
        let folder = &self.source.folder;
        let mut request = Request::get(format!("{folder}{name}"))
            .header(header::HOST, authority_of(self.source))
            .header(
                header::USER_AGENT,
                concat!("Oyez-Endpoint/", env!("CARGO_PKG_VERSION")),
            );
        if let Some((user, password)) = self.credential {
            let text = zeroize::Zeroizing::new(format!("{user}:{}", password.reveal()));
            request = request.header(
                header::AUTHORIZATION,
                format!("Basic {}", STANDARD.encode(&*text)),
            );
        }
        request
            .body(Empty::new())
            .map_err(|error| failure(ProvisioningStep::Discovery, format!("{name}: {error}")))
    }
}

/// Opens a connection to a server that is who it should be.
pub(super) async fn connect(
    source: &Source,
    tls: &ClientTls,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ProvisioningFailure> {
    let Source { host, port, .. } = source;
    let stream = TcpStream::connect((host.as_str(), *port))
        .await
        .map_err(|error| failure(ProvisioningStep::Connection, format!("{host}:{port}: {error}")))?;
    let name = ServerName::try_from(host.clone()).map_err(|_| {
        failure(
            ProvisioningStep::Discovery,
            format!("{host} is no name of a server"),
        )
    })?;
    let connector = TlsConnector::from(tls.config());
    connector.connect(name, stream).await.map_err(|error| {
        let why = TlsFailure::from_io(&error);
        let step = match why {
            TlsFailure::NotTls | TlsFailure::Timeout | TlsFailure::Closed => ProvisioningStep::Connection,
            TlsFailure::Version
            | TlsFailure::Expired
            | TlsFailure::NotYetValid
            | TlsFailure::Untrusted
            | TlsFailure::Name { .. }
            | TlsFailure::Revoked
            | TlsFailure::Certificate(_)
            | TlsFailure::ClientCertificate
            | TlsFailure::ClientKey(_)
            | TlsFailure::ServerName(_)
            | TlsFailure::Alert(_)
            | TlsFailure::Other(_) => ProvisioningStep::Certificate,
        };
        failure(step, why.to_string())
    })
}

/// The server as the header Host names it.
pub(super) fn authority_of(Source { host, port, .. }: &Source) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// When the validity of the server's certificate ends, in seconds since 1970.
fn end_of_certificate(stream: &tokio_rustls::client::TlsStream<TcpStream>) -> u64 {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    certificates
        .first()
        .and_then(|leaf| CertificateFacts::read(leaf).ok())
        .map_or(0, |facts| seconds(facts.not_after))
}

/// The time that a server tells, unless its own certificate is over by then: nobody may set the floor to where no certificate is good.
fn time_told(headers: &hyper::HeaderMap, good_until: u64) -> Option<u64> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    let time = seconds(httpdate::parse_http_date(text).ok()?);
    (time <= good_until).then_some(time)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_believed_to_the_end_of_the_certificate_of_whoever_tells_it() {
        let told = |text: &'static str, good_until| {
            let mut headers = hyper::HeaderMap::new();
            headers.insert(header::DATE, hyper::header::HeaderValue::from_static(text));
            time_told(&headers, good_until)
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(told(date, 784_111_777), Some(784_111_777));
        assert_eq!(told(date, 784_111_776), None);
        assert_eq!(told("noon", u64::MAX), None);
        assert_eq!(time_told(&hyper::HeaderMap::new(), u64::MAX), None);
    }
}
