//! A simulated loudspeaker: takes any call at once, says where its sound goes, and keeps the key it comes under.
//!
//! It does as little as a loudspeaker can, so that thousands fit beside the server that is measured: no tone, no playing, no
//! receipt. The sound itself goes to an [ear](crate::ears).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use media::codec::Codec;
use media::sdp::{self, Direction, LocalMedia, SecurityOffer};
use media::srtp::{MasterKey, Suite};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sip::message::{BuildError, HeaderName, Message, Method, StatusCode};
use tokio::time::timeout;

use crate::link::Link;
use crate::registrant::{RegisterError, Registrant};

/// Time after which an answer in a datagram is sent again, unless it was acknowledged.
const RESEND_AFTER: Duration = Duration::from_millis(500);
/// Times an answer is sent again at most.
const RESENDS_MAX: u32 = 5;

/// What many listeners have done together, and the keys they receive under.
#[derive(Debug)]
pub struct Tally {
    answered: AtomicUsize,
    ended: AtomicUsize,
    keys: Mutex<Vec<Option<MasterKey>>>,
}

impl Tally {
    /// A tally of `count` listeners.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            answered: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            keys: Mutex::new(vec![None; count]),
        }
    }

    /// Calls answered so far.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Calls that the server has ended so far.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    /// The key of each listener's latest call; `None` where its sound is not encrypted.
    #[must_use]
    pub fn keys(&self) -> Vec<Option<MasterKey>> {
        self.lock().clone()
    }

    fn answer(&self, listener: usize, key: Option<MasterKey>) {
        if let Some(place) = self.lock().get_mut(listener) {
            *place = key;
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<MasterKey>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A loudspeaker with a link to its server.
pub struct Listener {
    /// Its place in the tally.
    number: usize,
    registrant: Registrant,
    link: Link,
    ear: SocketAddr,
    random: ChaCha20Rng,
    call: Option<Call>,
}

/// The call it is in.
struct Call {
    id: String,
    /// The answer, for an INVITE that comes again.
    answer: Message,
    /// How often the answer may still be sent again; 0 once it was acknowledged.
    resends: u32,
}

impl Listener {
    /// A loudspeaker that hears with `ear`; `seed` makes its keys.
    #[must_use]
    pub fn new(number: usize, registrant: Registrant, link: Link, ear: SocketAddr, seed: [u8; 32]) -> Self {
        Self {
            number,
            registrant,
            link,
            ear,
            random: ChaCha20Rng::from_seed(seed),
            call: None,
        }
    }

    /// Registers.
    ///
    /// # Errors
    ///
    /// When the server refuses or is silent.
    pub async fn register(&mut self) -> Result<(), RegisterError> {
        self.registrant.register(&mut self.link).await
    }

    /// Takes calls until the link fails, and says why it did.
    pub async fn serve(mut self, tally: &Tally) -> RegisterError {
        loop {
            if let Err(error) = self.take_one(tally).await {
                return error;
            }
        }
    }

    /// Takes one message, or does what is due.
    async fn take_one(&mut self, tally: &Tally) -> Result<(), RegisterError> {
        let is_acknowledged = self.call.as_ref().is_none_or(|call| call.resends == 0);
        let message = if is_acknowledged {
            self.link.next().await?
        } else {
            match timeout(RESEND_AFTER, self.link.next()).await {
                Ok(message) => message?,
                Err(_) => return self.resend().await,
            }
        };
        if let Some(response) = self.handle(&message, tally)? {
            self.link.send(response.as_bytes()).await?;
        }
        Ok(())
    }

    async fn resend(&mut self) -> Result<(), RegisterError> {
        if let Some(call) = &mut self.call {
            call.resends = call.resends.saturating_sub(1);
            self.link.send(call.answer.as_bytes()).await?;
        }
        Ok(())
    }

    /// What a message is answered with, if anything.
    fn handle(&mut self, message: &Message, tally: &Tally) -> Result<Option<Message>, BuildError> {
        match message.method() {
            // A response, to a REGISTER that was sent twice.
            None => Ok(None),
            Some(Method::Ack) => {
                if let Some(call) = &mut self.call {
                    call.resends = 0;
                }
                Ok(None)
            }
            Some(Method::Invite) => self.invited(message, tally).map(Some),
            Some(method) => {
                if method == Method::Bye && self.call.take().is_some() {
                    tally.ended.fetch_add(1, Ordering::Relaxed);
                }
                message.response(StatusCode::OK).finish().map(Some)
            }
        }
    }

    fn invited(&mut self, invite: &Message, tally: &Tally) -> Result<Message, BuildError> {
        let id = invite.call_id().unwrap_or_default();
        if let Some(call) = self.call.as_ref().filter(|call| call.id == id) {
            return Ok(call.answer.clone());
        }
        let local = self.local_media();
        let Ok((description, negotiated)) = sdp::answer(invite.body(), &local, &mut self.random) else {
            return invite.response(StatusCode::NOT_ACCEPTABLE_HERE).finish();
        };
        let flow = self.link.flow();
        let contact = format!(
            "<sip:{}@{};transport={}>",
            self.registrant.user(),
            flow.local,
            flow.transport.uri_token()
        );
        let answer = invite
            .response(StatusCode::OK)
            .record_route()
            .to_tag(&format!("{:08x}", self.random.next_u32()))
            .header(HeaderName::Contact, &contact)
            .body("application/sdp", description.as_bytes())
            .finish()?;
        let is_reliable = flow.transport.is_reliable();
        self.call = Some(Call {
            id: id.to_owned(),
            answer: answer.clone(),
            resends: if is_reliable { 0 } else { RESENDS_MAX },
        });
        tally.answer(self.number, negotiated.crypto.map(|pair| pair.receive));
        Ok(answer)
    }

    fn local_media(&mut self) -> LocalMedia {
        let is_secure = self.link.flow().transport.is_secure();
        LocalMedia {
            address: self.ear.ip(),
            port: self.ear.port(),
            codecs: vec![Codec::Pcmu],
            security: if is_secure {
                SecurityOffer::Standard
            } else {
                SecurityOffer::Disabled
            },
            suites: vec![Suite::AesCm128HmacSha1_80],
            ptime: Duration::from_millis(20),
            direction: Direction::ReceiveOnly,
            session_id: u64::from(self.random.next_u32()),
            session_version: 1,
            rtcp_mux: true,
            channel_is_secure: is_secure,
        }
    }
}
