//! One try at a receiver: its address judged, and that address and no other connected to; its certificate checked; nothing followed.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use model::inventory::WebhookUrl;
use net::tls::{ClientTls, TlsFailure};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use webhooks::address::{AddressPolicy, judge};
use webhooks::signature::ANSWER_LENGTH_MAX;

/// How long one try may take, from the name to the answer.
pub(super) const TRY_TIME: Duration = Duration::from_secs(10);
/// How long one address of several may take to connect to.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// Addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 8;
/// Octets of an answer's head.
const HEAD_LENGTH_MAX: usize = 16 * 1024;
/// Headers of an answer.
const HEADERS_MAX: usize = 64;

/// What is sent.
pub(super) struct Post {
    pub(super) url: WebhookUrl,
    /// Headers besides those of every message.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    /// Its receiver is told passwords.
    pub(super) shows_passwords: bool,
    /// What the receiver says is of interest.
    pub(super) wants_answer: bool,
}

/// Why a receiver has not taken what was sent.
#[derive(Debug)]
pub(super) struct Refused {
    /// The status, if it answered.
    pub(super) status: Option<u16>,
    pub(super) cause: String,
    /// How long it asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

fn refused(cause: impl Into<String>) -> Refused {
    Refused {
        status: None,
        cause: cause.into(),
        retry_after: None,
    }
}

/// What makes tries.
pub(super) struct Client {
    /// Or why there is none.
    pub(super) tls: Result<ClientTls, String>,
    pub(super) addresses: AddressPolicy,
    pub(super) allows_http: bool,
}

impl Client {
    /// Sends it, and gives status and answer of a receiver that has taken it.
    pub(super) async fn send(&self, post: Post) -> Result<(u16, Bytes), Refused> {
        let tried = timeout(TRY_TIME, self.exchange(post)).await;
        tried.unwrap_or_else(|_| {
            let limit = TRY_TIME.as_secs();
            Err(refused(format!("the receiver did not answer in {limit} s")))
        })
    }

    async fn exchange(&self, post: Post) -> Result<(u16, Bytes), Refused> {
        let url = &post.url;
        if !url.is_secure() && post.shows_passwords {
            return Err(refused(
                "the address is not https://, and passwords are told over nothing else; add the webhook anew without passwords",
            ));
        }
        if !url.is_secure() && !self.allows_http {
            return Err(refused(
                "the address is not https://; webhooks.allow-http in service.toml would allow it",
            ));
        }
        let stream = self
            .connect(url, lookup, TcpStream::connect::<SocketAddr>)
            .await?;
        if !url.is_secure() {
            return speak(stream, post).await;
        }
        let tls = self.tls.as_ref().map_err(refused)?;
        let host = url.server().host.clone();
        let name = ServerName::try_from(host.clone())
            .map_err(|_| refused(format!("{host} is no name that a certificate can have")))?;
        let connected = TlsConnector::from(tls.config()).connect(name, stream).await;
        let stream = connected.map_err(|error| refused(format!("TLS: {}", TlsFailure::from_io(&error))))?;
        speak(stream, post).await
    }

    /// Connects to an address of the receiver, which is looked up once: a name may lead elsewhere the next time it is asked for. All
    /// addresses are judged before: a name that also leads where nothing may go is none that is trusted.
    async fn connect<S>(
        &self,
        url: &WebhookUrl,
        lookup: impl AsyncFnOnce(&str, u16) -> io::Result<Vec<SocketAddr>>,
        dial: impl AsyncFn(SocketAddr) -> io::Result<S>,
    ) -> Result<S, Refused> {
        let host = url.server().host.as_str();
        let mut addresses = lookup(host, url.port())
            .await
            .map_err(|error| refused(format!("{host} is not found: {error}")))?;
        addresses.truncate(ADDRESSES_MAX);
        for address in &addresses {
            judge(address.ip(), self.addresses)
                .map_err(|barred| refused(format!("nothing is sent to {host}: {barred}")))?;
        }
        let mut last = format!("{host} has no address");
        for address in addresses {
            match timeout(CONNECT_TIME, dial(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = format!("{address}: {error}"),
                Err(_) => last = format!("{address} does not answer"),
            }
        }
        Err(refused(last))
    }
}

/// Asks the system where a name leads.
async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host((host, port)).await?.collect())
}

async fn speak<S>(stream: S, post: Post) -> Result<(u16, Bytes), Refused>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let unreached =
        |error: hyper::Error| refused(format!("the connection failed: {}", device::sentence(&error)));
    let wants_answer = post.wants_answer;
    let request = request(post)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LENGTH_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(unreached)?;
    // Ends with this try, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(unreached)?;
    let status = response.status();
    if status.is_success() {
        let answer = if wants_answer {
            answer(response).await?
        } else {
            Bytes::new()
        };
        return Ok((status.as_u16(), answer));
    }
    let cause = if status.is_redirection() {
        format!(
            "the receiver sends elsewhere ({status}), which is not followed: give the address that it sends to"
        )
    } else {
        format!("the receiver answers {status}")
    };
    let asked = response.headers().get(header::RETRY_AFTER);
    Err(Refused {
        status: Some(status.as_u16()),
        cause,
        retry_after: asked
            .and_then(|asked| asked.to_str().ok())
            .and_then(|asked| retry_after(asked, SystemTime::now())),
    })
}

/// How long a receiver asks to be left alone (RFC 9110 §10.2.3): so many seconds, or until a moment.
fn retry_after(asked: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    until.duration_since(now).ok()
}

async fn answer(response: Response<Incoming>) -> Result<Bytes, Refused> {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_LENGTH_MAX)
        .collect()
        .await;
    let cause = format!("the answer is longer than {ANSWER_LENGTH_MAX} octets, or was cut off");
    let broken = |_| Refused {
        status: Some(status),
        cause,
        retry_after: None,
    };
    body.map(|body| body.to_bytes()).map_err(broken)
}

fn request(post: Post) -> Result<Request<Full<Bytes>>, Refused> {
    let url = &post.url;
    let server = url.server().to_string();
    let mut request = Request::post(url.path())
        .header(header::HOST, server)
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("Oyez-Webhooks/", env!("CARGO_PKG_VERSION")),
        );
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    request
        .body(Full::new(Bytes::from(post.body)))
        .map_err(|error| refused(format!("{url} cannot be asked: {error}")))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const PUBLIC: &str = "192.0.2.7:443";
    const LOOPBACK: &str = "127.0.0.1:443";

    /// Connects to a name that leads elsewhere each time that it is looked up; nothing answers. Says where it was tried, and what came of
    /// it.
    async fn tried(lookups: &[&[&str]]) -> (Vec<SocketAddr>, String) {
        let client = Client {
            tls: Err(String::new()),
            addresses: AddressPolicy::default(),
            allows_http: false,
        };
        let (mut lookups, dialled) = (lookups.iter(), RefCell::new(Vec::new()));
        let lookup = async |_: &str, _: u16| Ok(all(lookups.next().unwrap()));
        let dial = async |address| {
            dialled.borrow_mut().push(address);
            Err::<(), io::Error>(io::ErrorKind::ConnectionRefused.into())
        };
        let url = "https://hooks.example.com/".parse().unwrap();
        let refused = client.connect(&url, lookup, dial).await.unwrap_err();
        (dialled.into_inner(), refused.cause)
    }

    fn all(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn w05_a_name_that_leads_elsewhere_the_next_time_is_connected_to_where_it_was_judged() {
        let (dialled, _) = tried(&[&[PUBLIC], &[LOOPBACK]]).await;
        assert_eq!(dialled, all(&[PUBLIC]));
    }

    #[tokio::test]
    async fn w05_a_name_that_also_leads_where_nothing_may_go_is_connected_to_nowhere() {
        for addresses in [[PUBLIC, LOOPBACK], [LOOPBACK, PUBLIC]] {
            let (dialled, why) = tried(&[&addresses]).await;
            assert_eq!(dialled, []);
            assert!(
                why.starts_with("nothing is sent to hooks.example.com: 127.0.0.1 is this machine"),
                "{why}"
            );
        }
    }

    #[tokio::test]
    async fn so_many_addresses_of_a_name_are_tried_and_not_one_more() {
        for count in [ADDRESSES_MAX, ADDRESSES_MAX + 1] {
            let (dialled, _) = tried(&[&vec![PUBLIC; count]]).await;
            assert_eq!(dialled.len(), ADDRESSES_MAX);
        }
        let past_the_limit: Vec<&str> = [vec![PUBLIC; ADDRESSES_MAX], vec![LOOPBACK]].concat();
        assert_eq!(tried(&[&past_the_limit]).await.0, all(&[PUBLIC; ADDRESSES_MAX]));
    }

    #[test]
    fn a_receiver_asks_for_time_in_seconds_or_until_a_moment() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let asked = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(
            asked("Sunday, 06-Nov-94 08:50:37 GMT"),
            Some(60),
            "the older form"
        );
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:36 GMT"), None, "it is over");
        assert_eq!(asked("soon"), None);
    }
}
