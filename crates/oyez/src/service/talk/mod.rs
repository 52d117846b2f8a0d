//! Speaks into the zone of this process what is said, played or typed in the portal.

mod reader;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use audio::Sound;
use device::{CallError, CallOutcome, CallSetup, LIVE_MAX, place_live_call};
use endpoint::CallerEvent;
use endpoint::profile::Account;
use model::directory::{
    Credential, CredentialSecret, DigestAlgorithm, Generation, Permission, Snapshot, User, UserKind,
};
use model::status::{PageReport, ZoneEvent};
use model::{AuthorizationId, Extension, Secret, SipUser};
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use portal::talk::{
    Speech, TALK_RATE, TALK_TIME_MAX, TALKER_PREFIX, TalkDesk, TalkEvent, TalkListener, TalkReport,
    TalkRequest,
};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout;

use super::account::random;
use crate::up::report;
use crate::up::stage::{caller_profile, target};
pub(super) use reader::Reader;

/// Pages spoken from the portal at once.
pub(super) const TALKS_MAX: usize = 8;
/// Requests that wait to be taken.
const REQUESTS_KEPT: usize = 4;
/// Longest wait for the zone's report after the talker has hung up.
const REPORT_MAX: Duration = Duration::from_secs(10);
/// Events of a call kept for the page that shows them.
const EVENTS_KEPT: usize = 16;

/// Pieces that are handed on ahead of the call: a tenth of a second, so that it stops at once.
const PIECES_AHEAD: usize = 5;
/// Samples of a piece: 20 ms.
const PIECE: usize = TALK_RATE as usize / 50;

/// A user as whom the portal speaks, one page at a time: so every page has a talker of its own, and its report is no other's. It is of this
/// process alone: drawn at its start, told to the zone, and kept nowhere.
#[derive(Clone, Debug)]
pub(super) struct PortalTalker {
    user: SipUser,
    authorization_id: AuthorizationId,
    password: Secret,
}

impl PortalTalker {
    /// Draws one for each page that may be spoken at once.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers.
    pub(super) fn draw_all() -> Result<Vec<Self>> {
        (0..TALKS_MAX).map(|_| Self::draw()).collect()
    }

    fn draw() -> Result<Self> {
        let name = format!("{TALKER_PREFIX}{:032x}", random()?);
        Ok(Self {
            user: name.parse()?,
            authorization_id: name.parse()?,
            password: Secret::new(web::drawn_password().context("the system gives no random numbers")?),
        })
    }

    /// Adds the user to what the zone is told. Whoever may talk from the portal may page every group.
    pub(super) fn join(&self, snapshot: &mut Snapshot) {
        snapshot.users.push(User {
            user: self.user.clone(),
            name: "Portal".to_owned(),
            kind: UserKind::Phone,
        });
        snapshot.credentials.push(Credential {
            authorization_id: self.authorization_id.clone(),
            user: self.user.clone(),
            algorithm: DigestAlgorithm::Sha256,
            generation: Generation(1),
            secret: CredentialSecret::Password(self.password.clone()),
        });
        let permission = Permission::to_page_everything(self.user.clone());
        snapshot.permissions.push(permission);
    }
}

/// Where calls begin.
pub(super) struct Booth {
    /// Those who do not speak just now.
    idle: Mutex<Vec<PortalTalker>>,
    domain: String,
    /// The zone's TLS listener, as it is bound.
    server: SocketAddr,
    tls: ClientTls,
    events: broadcast::Receiver<ZoneEvent>,
    reader: Option<Reader>,
}

/// A talker who is given back at the end.
struct Turn<'b> {
    talker: PortalTalker,
    booth: &'b Booth,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut idle = self.booth.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(self.talker.clone());
    }
}

impl Booth {
    /// Opens it beside the zone whose TLS listener is at `server`.
    ///
    /// # Errors
    ///
    /// When TLS cannot be had.
    pub(super) fn new(
        talkers: Vec<PortalTalker>,
        domain: &str,
        server: SocketAddr,
        events: broadcast::Receiver<ZoneEvent>,
        reader: Option<Reader>,
    ) -> Result<Self> {
        let tls = ClientTls::new(ClientTlsConfig {
            trust: Trust::ThisProcess,
            minimum: MinimumVersion::Tls12,
            identity: None,
            ..ClientTlsConfig::default()
        })
        .map_err(|error| anyhow!(error))?;
        Ok(Self {
            idle: Mutex::new(talkers),
            domain: domain.to_owned(),
            server: reached_at(server),
            tls,
            events,
            reader,
        })
    }

    /// Takes requests from now on, until nobody can make any.
    pub(super) fn open(self) -> TalkDesk {
        let (requests, mut asked) = mpsc::channel(REQUESTS_KEPT);
        let desk = TalkDesk {
            requests,
            reads_text: self.reader.is_some(),
        };
        let booth = Arc::new(self);
        tokio::spawn(async move {
            while let Some(request) = asked.recv().await {
                let booth = Arc::clone(&booth);
                tokio::spawn(async move { booth.serve(request).await });
            }
        });
        desk
    }

    async fn serve(&self, request: TalkRequest) {
        let TalkRequest {
            extension,
            speech,
            stopped,
            told,
        } = request;
        let end = match self.turn() {
            Some(turn) => match self
                .speak(&turn.talker, &extension, (speech, stopped), &told)
                .await
            {
                Ok(report) => TalkEvent::Ended(report),
                Err(error) => TalkEvent::Failed(sentence(&error)),
            },
            None => TalkEvent::Failed(format!(
                "{TALKS_MAX} pages are being spoken from the portal. Try again when one of them has ended."
            )),
        };
        // Whoever asked may have gone.
        let _is_told = told.send(end).await.is_ok();
    }

    fn turn(&self) -> Option<Turn<'_>> {
        let talker = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Turn { talker, booth: self })
    }

    async fn speak(
        &self,
        talker: &PortalTalker,
        extension: &Extension,
        (speech, stopped): (Speech, oneshot::Receiver<()>),
        told: &mpsc::Sender<TalkEvent>,
    ) -> Result<TalkReport> {
        let mut events = self.events.resubscribe();
        let setup = self.call_setup(talker, extension);
        let (progress, mut happened) = mpsc::channel(EVENTS_KEPT);
        let (pieces, said) = mpsc::channel(PIECES_AHEAD);
        let samples = match speech {
            Speech::Samples(samples) => samples,
            Speech::Text(text) => all_at_once(self.read(&text).await?),
        };
        tokio::spawn(hand_on(samples, pieces, stopped));
        let following = report_on(&mut events, &talker.user, told);
        let call = watch(place_live_call(setup, said, progress), &mut happened, told);
        tokio::pin!(following, call);
        let mut report = None;
        let outcome = loop {
            tokio::select! {
                // What the zone tells first is told first.
                biased;
                found = &mut following, if report.is_none() => report = Some(found),
                outcome = &mut call => break outcome,
            }
        };
        let outcome = outcome.map_err(|error| anyhow!("The call to {extension} failed: {error}"))?;
        if outcome.sent_ms == 0 {
            bail!("It was stopped before anything was said");
        }
        let report = match report {
            Some(report) => report,
            None => timeout(REPORT_MAX, following)
                .await
                .context("It was spoken, and the zone did not say who heard it")?,
        }?;
        Ok(told_of(&report))
    }

    async fn read(&self, text: &str) -> Result<Sound> {
        let reader = self
            .reader
            .as_ref()
            .context("No program that reads texts is installed")?;
        reader.read(text).await
    }

    fn call_setup(&self, talker: &PortalTalker, extension: &Extension) -> CallSetup {
        let account = Account {
            user: talker.user.clone(),
            authorization_id: talker.authorization_id.clone(),
            password: Some(talker.password.clone()),
            answers_md5: false,
            display_name: "Portal".to_owned(),
        };
        let profile = caller_profile(account, &self.domain, extension.as_str(), target(self.server));
        CallSetup {
            profile,
            tls: self.tls.clone(),
            resolver: Resolver::from_system(),
            bind: SocketAddr::new(self.server.ip(), 0),
        }
    }
}

/// The report of the page that this talker has begun since `events` is listened to; that it has begun is told.
async fn report_on(
    events: &mut broadcast::Receiver<ZoneEvent>,
    by: &SipUser,
    told: &mpsc::Sender<TalkEvent>,
) -> Result<PageReport> {
    let mut begun = None;
    loop {
        match events.recv().await {
            Ok(ZoneEvent::PageStarted {
                page,
                talker,
                listeners,
                ..
            }) if talker == *by => {
                begun = Some(page.clone());
                // There is room for what little happens before; the call waits for nobody.
                let _is_told = told.try_send(TalkEvent::Begun { page, listeners }).is_ok();
            }
            Ok(ZoneEvent::PageEnded { report, .. }) if Some(&report.page) == begun.as_ref() => {
                return Ok(report);
            }
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return Err(anyhow!("The zone has ended")),
        }
    }
}

/// A sound as samples that come, and are over then.
fn all_at_once(sound: Sound) -> mpsc::Receiver<Vec<i16>> {
    let (whole, samples) = mpsc::channel(1);
    // There is room for it.
    let _is_taken = whole.try_send(sound.samples).is_ok();
    samples
}

/// Hands samples on in small pieces, until there are no more or it is stopped: what is not handed on by then is never said.
async fn hand_on(
    mut samples: mpsc::Receiver<Vec<i16>>,
    pieces: mpsc::Sender<Vec<i16>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let handing = async {
        while let Some(more) = samples.recv().await {
            for piece in more.chunks(PIECE) {
                if pieces.send(piece.to_vec()).await.is_err() {
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = handing => {}
        _ = &mut stopped => {}
    }
}

/// Waits for the end of a call, and tells what happens meanwhile.
async fn watch(
    call: impl Future<Output = Result<CallOutcome, CallError>>,
    happened: &mut mpsc::Receiver<CallerEvent>,
    told: &mpsc::Sender<TalkEvent>,
) -> Result<CallOutcome, CallError> {
    tokio::pin!(call);
    loop {
        tokio::select! {
            outcome = &mut call => return outcome,
            Some(event) = happened.recv() => {
                let event = match event {
                    CallerEvent::Connected => TalkEvent::Calling,
                    CallerEvent::Ringing { .. } => TalkEvent::Chime,
                    CallerEvent::Answered { .. } => TalkEvent::Speak,
                    CallerEvent::Keying | CallerEvent::Ended { .. } | CallerEvent::Failed { .. } => continue,
                };
                // A page that reads slowly misses some of it; the call waits for nobody.
                let _is_told = told.try_send(event).is_ok();
            }
        }
    }
}

fn told_of(report: &PageReport) -> TalkReport {
    let listeners = report.listeners.iter().map(|listener| {
        let verdict = report::verdict(Some(listener));
        TalkListener {
            name: listener.name.clone(),
            is_heard: verdict == "heard",
            verdict,
        }
    });
    TalkReport {
        duration: Duration::from_millis(report.duration_ms),
        listeners: listeners.collect(),
    }
}

/// The error with its causes, with one full stop at its end.
fn sentence(error: &anyhow::Error) -> String {
    format!("{}.", format!("{error:#}").trim_end_matches('.'))
}

/// Where programs of this machine reach a listener that may be bound to all addresses.
fn reached_at(bound: SocketAddr) -> SocketAddr {
    let address = match bound.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    SocketAddr::new(address, bound.port())
}

const _: () = assert!(TALK_RATE == 16_000, "the rate of the call's input");
const _: () = assert!(
    TALK_TIME_MAX.as_millis() == LIVE_MAX.as_millis(),
    "what the pages say"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w07_so_many_pages_are_spoken_at_once_and_not_one_more() {
        let talkers = PortalTalker::draw_all().unwrap();
        let server = SocketAddr::from(([127, 0, 0, 1], 5_061));
        let (_zone, events) = broadcast::channel(1);
        let booth = Booth::new(talkers, "one.example.com", server, events, None).unwrap();
        let mut turns: Vec<_> = (0..TALKS_MAX).map(|_| booth.turn().unwrap()).collect();
        let mut users: Vec<_> = turns.iter().map(|turn| turn.talker.user.clone()).collect();
        users.sort();
        users.dedup();
        assert_eq!(users.len(), TALKS_MAX, "each page has a talker of its own");
        assert!(booth.turn().is_none());

        turns.pop();

        let again = booth.turn();
        assert!(again.is_some() && booth.turn().is_none());
    }
}
