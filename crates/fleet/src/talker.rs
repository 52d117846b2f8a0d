//! A phone for tests: registers, calls an extension, speaks what it is given, encoded by whoever gives it.
//!
//! ```no_run
//! # async fn example(policy: net::tls::ClientTls) -> Result<(), fleet::TalkerError> {
//! use fleet::link::Channel;
//! use fleet::{CallOptions, Talker, TalkerSetup};
//!
//! let mut talker = Talker::connect(TalkerSetup {
//!     server: "127.0.0.1:5061".parse().expect("an address"),
//!     channel: Channel::Tls { server_name: "127.0.0.1".to_owned(), policy },
//!     domain: "pbx.example.com".to_owned(),
//!     user: "desk".to_owned(),
//!     authorization_id: "desk".to_owned(),
//!     password: "f3b1c2".into(),
//! })
//! .await?;
//! talker.register().await?;
//! let mut call = talker.call("700", &CallOptions { wrong_srtp_key: true, ..CallOptions::default() }).await?;
//! call.speak(&[0xff; 8_000]).await?;
//! call.hang_up().await?;
//! # Ok(())
//! # }
//! ```

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::codec::Codec;
use media::rtp::Header;
use media::sdp::{self, Direction, LocalMedia, Negotiated, OfferError, SdpError, SecurityOffer};
use media::srtp::{Context, MasterKey, SrtpError, Suite};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sip::digest::{Algorithm, ClientCredentials, Secret};
use sip::message::{Method, StatusCode};
use sip::user_agent::{
    Body, Config, EndCause, Event, OutgoingRequest, Output, Reply, RequestFailure, RequestId, SessionId,
    UserAgent,
};
use thiserror::Error;
use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

use crate::link::{Channel, Link, LinkError};

/// Longest time for a connection, a registration, an answer or a hang-up.
pub const STEP_MAX: Duration = Duration::from_secs(20);
/// Sound in one packet.
pub const PACKET_TIME: Duration = Duration::from_millis(20);
/// Octets of G.711 in one packet.
pub const PACKET_OCTETS: usize = 160;
/// Time a registration is asked for, in seconds.
const EXPIRES: &str = "600";

/// Who talks, and through which server.
#[derive(Debug, Clone)]
pub struct TalkerSetup {
    /// The server's address.
    pub server: SocketAddr,
    /// How it is reached.
    pub channel: Channel,
    /// The SIP domain of talker and extensions.
    pub domain: String,
    /// User part of the talker's address.
    pub user: String,
    /// The name it authenticates by.
    pub authorization_id: String,
    /// Its password.
    pub password: Secret,
}

/// How a call is placed, and what is wrong with it on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOptions {
    /// What the sound is encoded in.
    pub codec: Codec,
    /// What is offered of SRTP; it takes a TLS link.
    pub security: SecurityOffer,
    /// The SRTP suite offered.
    pub suite: Suite,
    /// Protects the sound under another key than the one agreed upon: no packet passes authentication.
    pub wrong_srtp_key: bool,
}

impl Default for CallOptions {
    /// µ-law in SRTP, all as agreed.
    fn default() -> Self {
        Self {
            codec: Codec::Pcmu,
            security: SecurityOffer::Standard,
            suite: Suite::AesCm128HmacSha1_80,
            wrong_srtp_key: false,
        }
    }
}

/// Why a talker did not get what it asked for.
#[derive(Debug, Error)]
pub enum TalkerError {
    /// The way to the server failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A media socket failed.
    #[error("the media socket failed: {0}")]
    Socket(#[from] std::io::Error),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Randomness(getrandom::Error),
    /// The server refused.
    #[error("refused with {0}")]
    Refused(StatusCode),
    /// A request has no response.
    #[error(transparent)]
    Request(#[from] RequestFailure),
    /// Nothing happened in [`STEP_MAX`].
    #[error("nothing happened within {} s", STEP_MAX.as_secs())]
    TimedOut,
    /// No offer can be made.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The answer's description cannot be used.
    #[error(transparent)]
    Answer(#[from] SdpError),
    /// A packet could not be protected.
    #[error(transparent)]
    Srtp(#[from] SrtpError),
    /// The other side ended the call.
    #[error("the other side ended the call")]
    Ended,
}

/// A phone with one link to its server.
pub struct Talker {
    setup: TalkerSetup,
    link: Link,
    agent: UserAgent,
    random: ChaCha20Rng,
}

/// A call that has been answered.
pub struct Conversation<'a> {
    talker: &'a mut Talker,
    session: SessionId,
    socket: UdpSocket,
    voice: Voice,
    /// When each packet was sent.
    sent: Vec<Instant>,
}

/// What an exchange waits for.
#[derive(Debug, Clone, Copy)]
enum Awaited {
    Response(RequestId),
    Answer(SessionId),
    End(SessionId),
}

/// What came.
#[derive(Debug)]
enum Outcome {
    Accepted,
    Answered(Vec<u8>),
    Ended,
}

impl Talker {
    /// Opens the link to the server.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or is not who it should be.
    pub async fn connect(setup: TalkerSetup) -> Result<Self, TalkerError> {
        let mut random = seeded()?;
        let mut seed = [0; 32];
        random.fill_bytes(&mut seed);
        let link = timeout(STEP_MAX, Link::open(setup.server, &setup.channel))
            .await
            .map_err(|_| TalkerError::TimedOut)??;
        Ok(Self {
            agent: UserAgent::new(seed, Config::new("fleet")),
            setup,
            link,
            random,
        })
    }

    /// Registers, answering the server's challenge.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn register(&mut self) -> Result<(), TalkerError> {
        let own = self.own_address();
        let uri = format!("sip:{}", self.setup.domain);
        let mut register = OutgoingRequest::new(Method::Register, uri, own.clone(), own);
        register.contact = Some(self.contact());
        register.headers = vec![("Expires".to_owned(), EXPIRES.to_owned())];
        register.credentials = Some(self.credentials());
        let request = self.agent.request(Instant::now(), self.link.flow(), register);
        self.exchange(Awaited::Response(request)).await.map(|_| ())
    }

    /// Calls an extension and waits for the answer.
    ///
    /// # Errors
    ///
    /// When the call cannot be offered, is refused, or is not answered in time.
    pub async fn call(
        &mut self,
        extension: &str,
        options: &CallOptions,
    ) -> Result<Conversation<'_>, TalkerError> {
        let flow = self.link.flow();
        let socket = UdpSocket::bind(SocketAddr::new(flow.local.ip(), 0)).await?;
        let local = self.local_media(socket.local_addr()?, options);
        let (offer, pending) = sdp::offer(&local, &mut self.random)?;
        let uri = format!("sip:{extension}@{}", self.setup.domain);
        let to = format!("<{uri}>");
        let mut invite = OutgoingRequest::new(Method::Invite, uri, self.own_address(), to);
        invite.contact = Some(self.contact());
        invite.credentials = Some(self.credentials());
        invite.body = Some(Body::sdp(offer));
        invite.large_datagram = true;
        let session = self.agent.invite(Instant::now(), flow, invite);
        let answer = match self.exchange(Awaited::Answer(session)).await? {
            Outcome::Answered(answer) => answer,
            Outcome::Accepted | Outcome::Ended => return Err(TalkerError::Ended),
        };
        let negotiated = pending.accept(&answer)?;
        let voice = Voice::new(&negotiated, options.wrong_srtp_key, &mut self.random);
        Ok(Conversation {
            talker: self,
            session,
            socket,
            voice,
            sent: Vec::new(),
        })
    }

    fn own_address(&self) -> String {
        format!("<sip:{}@{}>", self.setup.user, self.setup.domain)
    }

    fn contact(&self) -> String {
        let flow = self.link.flow();
        format!(
            "<sip:{}@{};transport={}>",
            self.setup.user,
            flow.local,
            flow.transport.uri_token()
        )
    }

    fn credentials(&self) -> ClientCredentials {
        ClientCredentials {
            username: self.setup.authorization_id.clone(),
            password: self.setup.password.clone(),
            weakest: Algorithm::Md5,
        }
    }

    fn local_media(&mut self, local: SocketAddr, options: &CallOptions) -> LocalMedia {
        LocalMedia {
            address: local.ip(),
            port: local.port(),
            codecs: vec![options.codec],
            security: options.security,
            suites: vec![options.suite],
            ptime: PACKET_TIME,
            direction: Direction::SendReceive,
            session_id: u64::from(self.random.next_u32()),
            session_version: 1,
            rtcp_mux: true,
            channel_is_secure: self.link.flow().transport.is_secure(),
        }
    }

    async fn exchange(&mut self, awaited: Awaited) -> Result<Outcome, TalkerError> {
        timeout(STEP_MAX, async {
            loop {
                if let Some(outcome) = self.settle(awaited).await? {
                    return Ok(outcome);
                }
                self.step().await?;
            }
        })
        .await
        .map_err(|_| TalkerError::TimedOut)?
    }

    /// Waits for one message or timer. Nothing is lost when the future is dropped.
    async fn step(&mut self) -> Result<(), TalkerError> {
        let timer = self.agent.next_timeout();
        tokio::select! {
            message = self.link.next() => {
                let message = message?;
                self.agent.handle_message(Instant::now(), self.link.flow(), message);
            }
            () = until(timer) => self.agent.handle_timeout(Instant::now()),
        }
        Ok(())
    }

    /// Carries out what the agent wants; gives what was awaited, if that has come.
    async fn settle(&mut self, awaited: Awaited) -> Result<Option<Outcome>, TalkerError> {
        let mut found = None;
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => self.link.send(&bytes).await?,
                Output::Event(event) => {
                    if let Some(outcome) = self.judge(event, awaited) {
                        found = Some(outcome?);
                    }
                }
            }
        }
        Ok(found)
    }

    fn judge(&mut self, event: Event, awaited: Awaited) -> Option<Result<Outcome, TalkerError>> {
        let now = Instant::now();
        match (event, awaited) {
            (Event::Response { request, outcome, .. }, Awaited::Response(wanted)) if request == wanted => {
                Some(
                    outcome
                        .map_err(TalkerError::from)
                        .and_then(|response| match response.status() {
                            Some(status) if status.is_success() => Ok(Outcome::Accepted),
                            status => Err(TalkerError::Refused(status.unwrap_or(StatusCode::BAD_REQUEST))),
                        }),
                )
            }
            (Event::Answered { session, message }, Awaited::Answer(wanted)) if session == wanted => {
                Some(Ok(Outcome::Answered(message.body().to_vec())))
            }
            (Event::Rejected { session, status, .. }, Awaited::Answer(wanted)) if session == wanted => {
                Some(Err(TalkerError::Refused(status)))
            }
            (Event::Ended { session, cause }, _) => {
                if let EndCause::Bye { transaction, .. } = cause {
                    self.agent.respond(now, transaction, Reply::new(StatusCode::OK));
                }
                match awaited {
                    Awaited::End(wanted) | Awaited::Answer(wanted) if session == wanted => {
                        Some(Ok(Outcome::Ended))
                    }
                    Awaited::End(_) | Awaited::Answer(_) | Awaited::Response(_) => None,
                }
            }
            (Event::Request { transaction, .. } | Event::SessionRequest { transaction, .. }, _) => {
                self.agent.respond(now, transaction, Reply::new(StatusCode::OK));
                None
            }
            (Event::Invite { session, .. }, _) => {
                self.agent.reject(now, session, Reply::new(StatusCode::BUSY_HERE));
                None
            }
            (
                Event::Response { .. }
                | Event::Answered { .. }
                | Event::Rejected { .. }
                | Event::Progress { .. }
                | Event::Confirmed { .. }
                | Event::Refreshed { .. },
                _,
            ) => None,
        }
    }
}

impl Conversation<'_> {
    /// Where the server takes the sound.
    #[must_use]
    pub fn destination(&self) -> SocketAddr {
        self.voice.destination
    }

    /// Sends the sound here instead, to somebody who passes it on.
    pub fn redirect(&mut self, destination: SocketAddr) {
        self.voice.destination = destination;
    }

    /// When the first packet was sent, if any was.
    #[must_use]
    pub fn first_sent(&self) -> Option<Instant> {
        self.sent.first().copied()
    }

    /// When each packet was sent, in their order.
    #[must_use]
    pub fn sent(&self) -> &[Instant] {
        &self.sent
    }

    /// Sends G.711 in the codec agreed, a packet of [`PACKET_OCTETS`] every [`PACKET_TIME`]; what does not fill the last packet is
    /// filled up with silence. Returns the packets sent.
    ///
    /// # Errors
    ///
    /// When the other side hangs up meanwhile, or a socket fails.
    pub async fn speak(&mut self, sound: &[u8]) -> Result<u64, TalkerError> {
        let silence = self.voice.silence;
        let mut payloads: Vec<Vec<u8>> = sound.chunks(PACKET_OCTETS).map(<[u8]>::to_vec).collect();
        if let Some(last) = payloads.last_mut() {
            last.resize(PACKET_OCTETS, silence);
        }
        self.speak_packets(&payloads).await
    }

    /// Sends payloads in the codec agreed, one every [`PACKET_TIME`], which is how long the sound of each is. Returns the packets
    /// sent.
    ///
    /// # Errors
    ///
    /// When the other side hangs up meanwhile, or a socket fails.
    pub async fn speak_packets(&mut self, payloads: &[Vec<u8>]) -> Result<u64, TalkerError> {
        let mut clock = interval(PACKET_TIME);
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut packets = 0;
        for payload in payloads {
            loop {
                tokio::select! {
                    biased;
                    _ = clock.tick() => break,
                    stepped = self.talker.step() => stepped?,
                }
                if self.talker.settle(Awaited::End(self.session)).await?.is_some() {
                    return Err(TalkerError::Ended);
                }
            }
            let packet = self.voice.packet(payload)?;
            self.sent.push(Instant::now());
            self.socket.send_to(&packet, self.voice.destination).await?;
            packets += 1;
        }
        Ok(packets)
    }

    /// Ends the call and waits for the answer.
    ///
    /// # Errors
    ///
    /// When none comes.
    pub async fn hang_up(self) -> Result<(), TalkerError> {
        self.talker
            .agent
            .hang_up(Instant::now(), self.session, Vec::new(), None);
        self.talker.exchange(Awaited::End(self.session)).await.map(|_| ())
    }
}

/// The sending side of the media.
struct Voice {
    destination: SocketAddr,
    header: Header,
    silence: u8,
    ticks: u32,
    context: Option<Context>,
}

impl Voice {
    fn new(negotiated: &Negotiated, wrong_key: bool, random: &mut ChaCha20Rng) -> Self {
        let key = negotiated.crypto.as_ref().map(|pair| {
            if wrong_key {
                MasterKey::generate(pair.suite(), random)
            } else {
                pair.send.clone()
            }
        });
        Self {
            destination: negotiated.remote_rtp,
            header: Header {
                marker: true,
                payload_type: negotiated.send_payload_type,
                sequence: 1,
                timestamp: random.next_u32(),
                ssrc: random.next_u32(),
            },
            silence: if negotiated.codec == Codec::Pcma {
                0xd5
            } else {
                0xff
            },
            ticks: negotiated.codec.clock_rate() / PACKETS_PER_SECOND,
            context: key.map(|key| Context::new(&key)),
        }
    }

    fn packet(&mut self, payload: &[u8]) -> Result<Vec<u8>, SrtpError> {
        let mut packet = self.header.to_bytes().to_vec();
        packet.extend_from_slice(payload);
        if let Some(context) = &mut self.context {
            context.protect_rtp(&mut packet)?;
        }
        self.header.marker = false;
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(self.ticks);
        Ok(packet)
    }
}

const PACKETS_PER_SECOND: u32 = 50;

fn seeded() -> Result<ChaCha20Rng, TalkerError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(TalkerError::Randomness)?;
    Ok(ChaCha20Rng::from_seed(seed))
}

async fn until(timer: Option<Instant>) {
    match timer {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(random: &mut ChaCha20Rng) -> Negotiated {
        let local = |port| LocalMedia {
            address: [127, 0, 0, 1].into(),
            port,
            codecs: vec![Codec::Pcma],
            security: SecurityOffer::Standard,
            suites: vec![Suite::AesCm128HmacSha1_80],
            ptime: PACKET_TIME,
            direction: Direction::SendReceive,
            session_id: 1,
            session_version: 1,
            rtcp_mux: true,
            channel_is_secure: true,
        };
        let (offer, pending) = sdp::offer(&local(4_000), random).unwrap();
        let (answer, _) = sdp::answer(offer.as_bytes(), &local(4_002), random).unwrap();
        pending.accept(answer.as_bytes()).unwrap()
    }

    #[test]
    fn sound_goes_out_as_it_was_given() {
        let mut random = ChaCha20Rng::from_seed([7; 32]);
        let agreed = negotiated(&mut random);
        let mut voice = Voice::new(&agreed, false, &mut random);

        let mut packet = voice.packet(&[1, 2, 3]).unwrap();

        let key = agreed.crypto.unwrap().send;
        let length = Context::new(&key).unprotect_rtp(&mut packet).unwrap();
        let plain = media::rtp::Packet::parse(&packet[..length]).unwrap();
        assert_eq!(plain.payload(), [1, 2, 3]);
    }

    #[test]
    fn under_a_wrong_key_no_packet_passes_authentication() {
        let mut random = ChaCha20Rng::from_seed([7; 32]);
        let agreed = negotiated(&mut random);
        let mut voice = Voice::new(&agreed, true, &mut random);

        let mut packet = voice.packet(&[1, 2, 3]).unwrap();

        let key = agreed.crypto.unwrap().send;
        assert!(matches!(
            Context::new(&key).unprotect_rtp(&mut packet),
            Err(SrtpError::Authentication)
        ));
    }
}
