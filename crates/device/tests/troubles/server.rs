//! A SIP server over TLS that does what a test tells it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use media::codec::Codec;
use media::sdp::{self, Direction, LocalMedia, SecurityOffer};
use media::srtp::Suite;
use model::status::Receipt;
use net::authority::{Authority, Purpose, Subject};
use net::tls::{ClientCertificates, Identity, MinimumVersion, ServerTls};
use net::transport::{Incoming, Limits, ListenerConfig, ListenerKind, Transports};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sip::flow::Flow;
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{Body, Config, EndCause, Event, OutgoingRequest, Output, Reply, SessionId, UserAgent};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How the registrar answers.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Accepts,
    /// 401 whatever the request carries.
    Challenges,
    /// This status with this header.
    Answers(u16, Option<(&'static str, &'static str)>),
    /// 423 until at least so many seconds are asked for.
    WantsAtLeast(u32),
}

/// A running server; dropping it closes its port and its connections.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    tls: ServerTls,
    manner: watch::Sender<Manner>,
    pages: mpsc::Sender<oneshot::Sender<Receipt>>,
    asked: Arc<Mutex<Vec<u32>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server on a port, 0 for any.
    pub(crate) fn start(port: u16, identity: &Identity, manner: Manner) -> Self {
        let tls = ServerTls::new(identity, MinimumVersion::Tls12, ClientCertificates::NotAsked).unwrap();
        let (events, incoming) = mpsc::channel(64);
        let listener = ListenerConfig {
            kind: ListenerKind::Tls(tls.clone()),
            bind: SocketAddr::new(LOOPBACK, port),
            advertise: None,
        };
        let transports = Transports::bind(vec![listener], Limits::default(), events).unwrap();
        let address = transports.bound()[0].local;
        let (manner, told) = watch::channel(manner);
        let (pages, wanted) = mpsc::channel(1);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let registrar = Registrar::new(transports, told, Arc::clone(&asked));
        let task = tokio::spawn(registrar.run(incoming, wanted));
        Self {
            address,
            tls,
            manner,
            pages,
            asked,
            task,
        }
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// Shows another certificate from the next handshake on.
    pub(crate) fn renew(&self, identity: &Identity) {
        self.tls.replace_identity(identity);
    }

    /// Lifetimes that were asked for, in seconds.
    pub(crate) fn asked(&self) -> Vec<u32> {
        self.asked.lock().unwrap().clone()
    }

    /// Calls the device that registered last, hangs up at once when it answers, and gives its receipt.
    pub(crate) async fn page(&self) -> Receipt {
        let (receipt, comes) = oneshot::channel();
        self.pages.send(receipt).await.unwrap();
        comes.await.unwrap()
    }

    /// Closes the port and every connection.
    pub(crate) async fn stop(self) {
        self.task.abort();
        // The task has let go of its sockets when it is over, however it ended.
        let _outcome = self.task.await;
    }
}

struct Registrar {
    transports: Transports,
    agent: UserAgent,
    manner: watch::Receiver<Manner>,
    asked: Arc<Mutex<Vec<u32>>>,
    /// Flow and contact of the device.
    device: Option<(Flow, String)>,
    called: Option<(SessionId, oneshot::Sender<Receipt>)>,
}

impl Registrar {
    fn new(transports: Transports, manner: watch::Receiver<Manner>, asked: Arc<Mutex<Vec<u32>>>) -> Self {
        let mut config = Config::new("scripted server");
        config.methods.push(Method::Register.into());
        Self {
            transports,
            agent: UserAgent::new([7; 32], config),
            manner,
            asked,
            device: None,
            called: None,
        }
    }

    async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        mut pages: mpsc::Receiver<oneshot::Sender<Receipt>>,
    ) {
        loop {
            tokio::select! {
                event = incoming.recv() => match event {
                    Some(Incoming::Message { flow, message }) => {
                        if message.method() == Some(Method::Register) {
                            let contact = message.header(HeaderName::Contact).unwrap();
                            let uri = contact.split(['<', '>']).nth(1).unwrap().to_owned();
                            self.device = Some((flow, uri));
                        }
                        self.agent.handle_message(Instant::now(), flow, message);
                    }
                    Some(_) => {}
                    None => return,
                },
                Some(receipt) = pages.recv() => {
                    let session = self.call();
                    self.called = Some((session, receipt));
                }
            }
            while let Some(output) = self.agent.poll_output() {
                match output {
                    Output::Transmit { flow, bytes } => {
                        // A device that has gone meanwhile connects again.
                        let _is_sent = self.transports.send(&flow, bytes).is_ok();
                    }
                    Output::Event(event) => self.follow(event),
                }
            }
        }
    }

    fn call(&mut self) -> SessionId {
        let (flow, uri) = self.device.clone().unwrap();
        let media = LocalMedia {
            address: LOOPBACK,
            port: 9,
            codecs: vec![Codec::Pcmu],
            security: SecurityOffer::Standard,
            suites: vec![Suite::AesCm128HmacSha1_80],
            ptime: Duration::from_millis(20),
            direction: Direction::SendReceive,
            session_id: 1,
            session_version: 1,
            rtcp_mux: true,
            channel_is_secure: true,
        };
        let (offer, _) = sdp::offer(&media, &mut ChaCha20Rng::from_seed([5; 32])).unwrap();
        let from = "<sip:1001@example.test>";
        let mut invite = OutgoingRequest::new(Method::Invite, &uri, from, format!("<{uri}>"));
        invite.body = Some(Body::sdp(offer));
        invite.headers = vec![("Oyez-Page".to_owned(), "page-1".to_owned())];
        self.agent.invite(Instant::now(), flow, invite)
    }

    fn follow(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Request {
                transaction, message, ..
            } => {
                let reply = self.judge(&message);
                self.agent.respond(now, transaction, reply);
            }
            Event::Answered { session, .. } => self.agent.hang_up(now, session, Vec::new(), None),
            Event::Ended {
                cause: EndCause::HungUp { answer: Some(answer) },
                ..
            } => {
                if let Some((_, receipt)) = self.called.take() {
                    receipt
                        .send(serde_json::from_slice(answer.body()).unwrap())
                        .unwrap();
                }
            }
            _ => {}
        }
    }

    fn judge(&self, request: &Message) -> Reply {
        if request.method() != Some(Method::Register) {
            return Reply::new(StatusCode::OK);
        }
        let asked = request.expires().unwrap_or(3_600);
        self.asked.lock().unwrap().push(asked);
        let manner = *self.manner.borrow();
        match manner {
            Manner::Challenges => {
                let challenge = "Digest realm=\"example.test\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
                Reply::new(StatusCode::UNAUTHORIZED).header("WWW-Authenticate", challenge)
            }
            Manner::Answers(status, header) => {
                let reply = Reply::new(StatusCode::new(status).unwrap());
                match header {
                    Some((name, value)) => reply.header(name, value),
                    None => reply,
                }
            }
            Manner::WantsAtLeast(seconds) if asked < seconds => {
                Reply::new(StatusCode::INTERVAL_TOO_BRIEF).header("Min-Expires", seconds.to_string())
            }
            Manner::Accepts | Manner::WantsAtLeast(_) => {
                let contact = request.header(HeaderName::Contact).unwrap();
                Reply::new(StatusCode::OK).contact(format!("{contact};expires={asked}"))
            }
        }
    }
}

/// An identity for these names, issued at that time.
pub(crate) fn identity(authority: &Authority, subject: Subject, issued_at: SystemTime) -> Identity {
    let issued = authority.issue(&[subject], Purpose::Server, issued_at).unwrap();
    Identity::from_pem(issued.certificate_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap()
}

/// A port that says `answer` to the first bytes of every connection and closes it, or says nothing at all.
pub(crate) struct Impostor {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Impostor {
    pub(crate) async fn start(answer: Option<&'static [u8]>) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut held: Vec<TcpStream> = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(answer) = answer else {
                    held.push(stream);
                    continue;
                };
                let mut hello = vec![0; 16 * 1_024];
                // A client that has given up is as good as one that has heard the answer.
                if stream.read(&mut hello).await.is_ok() {
                    let _is_heard = tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
                        .await
                        .is_ok();
                }
            }
        });
        Self { address, task }
    }

    pub(crate) async fn stop(self) {
        self.task.abort();
        let _outcome = self.task.await;
    }
}
