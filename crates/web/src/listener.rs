//! The HTTPS listener: what a client may cost, and how a site is served.

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use net::tls::ServerTls;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::network;
use crate::stalls::Unstalled;

/// How many connections a site has at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All together.
    pub connections: usize,
    /// Of one address, on IPv6 of one network of 64 bits: one client cannot keep the others out.
    pub connections_per_source: usize,
}

/// How long a TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long the head of a request may take, the wait for the next one on the connection included.
const REQUEST_HEAD_TIME: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const REQUEST_HEAD_MAX: usize = 16 * 1024;
/// Wait after the system has refused to accept: it is short of something that others give back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Who is at the other end of a connection: an extension of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The certificates it has shown, its own first; that it has the key of that one is proved, and nothing else of them.
    pub certificates: Arc<[CertificateDer<'static>]>,
    /// The version of TLS that was agreed on.
    pub version: Option<rustls::ProtocolVersion>,
    /// What the site remembers of the connection from one request to the next.
    pub remembered: Remembered,
}

/// One value of a type that the site chooses.
#[derive(Clone, Default)]
pub struct Remembered(Arc<OnceLock<Box<dyn Any + Send + Sync>>>);

impl fmt::Debug for Remembered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Remembered")
    }
}

impl Remembered {
    /// The value, which begins as its default; nothing if an earlier request has made it one of another type.
    #[must_use]
    pub fn value<T: Any + Default + Send + Sync>(&self) -> Option<&T> {
        self.0.get_or_init(|| Box::new(T::default())).downcast_ref()
    }
}

/// Is told of each TLS handshake that failed: from where, and why.
pub type OnHandshakeFailure = Arc<dyn Fn(SocketAddr, &io::Error) + Send + Sync>;

/// Why a site cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// The address cannot be listened on.
    #[error("cannot listen at {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A site that is being served; it ends when this is dropped.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens and serves on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn start(
        listen: SocketAddr,
        tls: &ServerTls,
        limits: Limits,
        router: Router,
    ) -> Result<Self, ListenerError> {
        Self::start_telling(listen, tls, limits, router, Arc::new(|_, _| {})).await
    }

    /// Listens and serves as [`Listener::start`] does, and tells of handshakes that failed. Connections that end without a word, and
    /// those that take too long, are no handshakes.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn start_telling(
        listen: SocketAddr,
        tls: &ServerTls,
        limits: Limits,
        router: Router,
        on_failure: OnHandshakeFailure,
    ) -> Result<Self, ListenerError> {
        let failed = |source| ListenerError::Bind {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let site = Site {
            acceptor: TlsAcceptor::from(tls.config()),
            router,
            on_failure,
        };
        Ok(Self {
            address,
            task: tokio::spawn(accept(listener, site, Places::new(limits))),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What every connection is served with.
#[derive(Clone)]
struct Site {
    acceptor: TlsAcceptor,
    router: Router,
    on_failure: OnHandshakeFailure,
}

async fn accept(listener: TcpListener, site: Site, places: Places) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    // Who finds no place is let go at once: a queue would only hide that.
                    if let Some(place) = places.take(from.ip()) {
                        connections.spawn(serve(stream, from, site.clone(), place));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the web listener cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, from: SocketAddr, site: Site, place: Place) {
    let _is_quick = stream.set_nodelay(true).is_ok();
    let stream = match timeout(HANDSHAKE_TIME, site.acceptor.accept(Unstalled::new(stream))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            if error
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
            {
                (site.on_failure)(from, &error);
            }
            return;
        }
        Err(_) => return,
    };
    let (_, session) = stream.get_ref();
    let peer = Peer {
        address: from,
        certificates: session.peer_certificates().unwrap_or_default().into(),
        version: session.protocol_version(),
        remembered: Remembered::default(),
    };
    speak(stream, peer, site.router).await;
    drop(place);
}

/// Answers the requests of a connection until it ends.
async fn speak<S>(stream: S, peer: Peer, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (router, peer) = (router.clone(), peer.clone());
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer.address));
            request.extensions_mut().insert(peer);
            Ok::<_, Infallible>(match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            })
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD_TIME)
        .max_buf_size(REQUEST_HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
        // A connection that turns into a WebSocket is its handler's: it gives up its place, and the handler bounds such ones.
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a web client went away");
    }
}

/// Who is connected, by address.
#[derive(Clone, Debug)]
struct Places {
    limits: Limits,
    all: Arc<Semaphore>,
    taken_by_source: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// The place of one connection; it is free again when this is dropped.
struct Place {
    source: IpAddr,
    taken_by_source: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    _of_all: OwnedSemaphorePermit,
}

impl Places {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            all: Arc::new(Semaphore::new(limits.connections)),
            taken_by_source: Arc::default(),
        }
    }

    fn take(&self, from: IpAddr) -> Option<Place> {
        let source = network(from);
        let of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut taken_by_source = self
            .taken_by_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let taken = taken_by_source.entry(source).or_default();
        if *taken >= self.limits.connections_per_source {
            return None;
        }
        *taken += 1;
        Some(Place {
            source,
            taken_by_source: Arc::clone(&self.taken_by_source),
            _of_all: of_all,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken_by_source = self
            .taken_by_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = taken_by_source.get_mut(&self.source) {
            *taken -= 1;
            if *taken == 0 {
                taken_by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::middleware::from_fn;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::{CHANGE_TIME, bound};

    const LIMITS: Limits = Limits {
        connections: 64,
        connections_per_source: 16,
    };

    #[test]
    fn w07_one_address_takes_its_share_and_the_others_find_room() {
        let places = Places::new(LIMITS);
        let greedy = IpAddr::from([192, 0, 2, 1]);

        let mut taken: Vec<Place> = (0..LIMITS.connections_per_source)
            .filter_map(|_| places.take(greedy))
            .collect();

        assert_eq!(taken.len(), LIMITS.connections_per_source);
        assert!(places.take(greedy).is_none());
        assert!(places.take([192, 0, 2, 2].into()).is_some());
        taken.pop();
        assert!(places.take(greedy).is_some());
    }

    #[test]
    fn w07_all_addresses_of_a_network_of_ipv6_share_their_places() {
        let places = Places::new(LIMITS);
        let from = |text: &str| text.parse::<IpAddr>().unwrap();

        let taken: Vec<Place> = (0..LIMITS.connections_per_source)
            .filter_map(|number| places.take(from(&format!("2001:db8::{number}"))))
            .collect();

        assert_eq!(taken.len(), LIMITS.connections_per_source);
        assert!(places.take(from("2001:db8::ffff:ffff")).is_none());
        assert!(places.take(from("2001:db8:0:1::1")).is_some());
    }

    /// Speaks HTTP at one end of a pipe; the other end is given back.
    fn spoken_to() -> DuplexStream {
        let (here, there) = duplex(1_024);
        let router = Router::new()
            .route("/", post(|_: String| async {}))
            .layer(from_fn(bound));
        let peer = Peer {
            address: SocketAddr::from(([192, 0, 2, 1], 1)),
            certificates: Arc::default(),
            version: None,
            remembered: Remembered::default(),
        };
        tokio::spawn(speak(there, peer, router));
        here
    }

    #[tokio::test(start_paused = true)]
    async fn w07_a_head_that_comes_octet_by_octet_has_so_long_and_no_longer() {
        let mut client = spoken_to();
        let begin = Instant::now();

        let mut said = Vec::new();
        for octet in b"GET / HTTP/1.1\r\nX: ".iter().chain([b'x'; 100].iter()) {
            if client.write_all(&[*octet]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let _is_closed = client.read_to_end(&mut said).await.is_ok();

        assert!(
            begin.elapsed() <= REQUEST_HEAD_TIME + Duration::from_secs(1),
            "{:?}",
            begin.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn w07_a_body_that_comes_octet_by_octet_has_so_long_and_no_longer() {
        let mut client = spoken_to();
        client
            .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
            .await
            .unwrap();
        let begin = Instant::now();
        let mut said = [0; 32];

        let length = client.read(&mut said).await.unwrap();

        assert_eq!(begin.elapsed(), CHANGE_TIME);
        assert!(
            said[..length].starts_with(b"HTTP/1.1 408 "),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }

    #[test]
    fn w07_there_are_so_many_places_and_not_one_more() {
        let places = Places::new(LIMITS);
        let from = |number: usize| IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()]);

        let taken: Vec<Place> = (0..LIMITS.connections)
            .filter_map(|number| places.take(from(number)))
            .collect();

        assert_eq!(taken.len(), LIMITS.connections);
        assert!(places.take(from(LIMITS.connections)).is_none());
        drop(taken);
        assert!(places.take(from(0)).is_some());
        assert!(places.taken_by_source.lock().unwrap().is_empty());
    }
}
