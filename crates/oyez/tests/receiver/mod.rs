//! A receiver of webhooks: an HTTPS server with an authority of its own, which answers as it is told to.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use model::Secret;
use net::authority::{AuthorityDirectory, Purpose, Subject};
use net::tls::{ClientCertificates, MinimumVersion, ServerTls};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use webhooks::signature::encrypted_token;

const PATIENCE: Duration = Duration::from_secs(60);

/// Messages that a test may leave unread.
const KEPT: usize = 64;

/// How a message is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// With a status.
    Status(u16),
    /// By sending elsewhere.
    Elsewhere(String),
    /// Not at all.
    Silence,
}

/// What came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn event(&self) -> String {
        self.json()["event"].as_str().unwrap().to_owned()
    }
}

struct Manner {
    secret: Secret,
    /// How the next messages are answered; those behind are taken.
    answers: Mutex<VecDeque<Answer>>,
    received: mpsc::Sender<Received>,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    manner: Arc<Manner>,
    received: mpsc::Receiver<Received>,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    /// Starts it with the secret that it proves to know.
    pub(crate) async fn start(folder: &Path, secret: &str) -> Self {
        let now = SystemTime::now();
        let authority = AuthorityDirectory::open(&folder.join("receivers"), "Receivers", now).unwrap();
        let subjects = [Subject::Address([127, 0, 0, 1].into())];
        let identity = authority
            .identity("receiver", &subjects, Purpose::Server, now)
            .unwrap();
        let tls = ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::NotAsked).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (sender, received) = mpsc::channel(KEPT);
        let manner = Arc::new(Manner {
            secret: Secret::from(secret),
            answers: Mutex::default(),
            received: sender,
        });
        Self {
            address: listener.local_addr().unwrap(),
            received,
            serving: tokio::spawn(serve(
                listener,
                TlsAcceptor::from(tls.config()),
                Arc::clone(&manner),
            )),
            manner,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}/hook?from=oyez", self.address)
    }

    /// Says how the next messages are answered.
    pub(crate) fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.manner.answers.lock().unwrap().extend(answers);
    }

    /// The next message or question.
    pub(crate) async fn next(&mut self) -> Received {
        timeout(PATIENCE, self.received.recv()).await.unwrap().unwrap()
    }

    /// Says that nothing has come besides.
    pub(crate) fn has_nothing(&mut self) -> bool {
        self.received.try_recv().is_err()
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, manner: Arc<Manner>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, manner) = (acceptor.clone(), Arc::clone(&manner));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let answering = service_fn(move |request| answer(Arc::clone(&manner), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answering);
            drop(connection.await);
        });
    }
}

async fn answer(
    manner: Arc<Manner>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let received = Received {
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let said = received.json();
    let _is_looked_at = manner.received.try_send(received).is_ok();
    if said["event"] == "endpoint.url_validation" {
        let plain = said["payload"]["plainToken"].as_str().unwrap();
        let proof = json!({ "plainToken": plain, "encryptedToken": encrypted_token(&manner.secret, plain) });
        return Ok(Response::new(Full::from(proof.to_string())));
    }
    let next = manner.answers.lock().unwrap().pop_front();
    let response = Response::builder();
    Ok(match next.unwrap_or(Answer::Status(200)) {
        Answer::Status(status) => response.status(status),
        Answer::Elsewhere(url) => response.status(302).header("location", url),
        Answer::Silence => pending().await,
    }
    .body(Full::default())
    .unwrap())
}
