//! A running installation with its virtual loudspeakers, and the pages that are placed into it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail};
use audio::Sound;
use device::{CallOutcome, CallSetup, place_call};
use endpoint::profile::{Account, MediaProfile, TargetProfile};
use endpoint::{CallerEvent, CallerProfile};
use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::SecurityOffer;
use media::srtp::Suite;
use model::inventory::ClaimCode;
use model::status::{PageReport, TargetRole, ZoneEvent};
use model::{AccountId, Extension, PageId, Secret};
use net::resolver::Resolver;
use portal::provisioning::claim_code_hash;
use sip::flow::Transport;
use store::{Store, timestamp};
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;
use zone::Zone;

use super::example::{ANNOUNCER, Example};
use super::installation::Installation;
use super::listening::Listening;
use super::loudspeaker::{Loudspeaker, LoudspeakerSetup};
use crate::cli::SinkKind;
use crate::failure::Failure;
use crate::service::Service;
use crate::state::StateFolder;

/// Name in User-Agent and Server.
pub const USER_AGENT: &str = concat!("Oyez/", env!("CARGO_PKG_VERSION"));
/// Longest wait for the zone's report after the talker has hung up.
const REPORT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for a recording to be finished after the report.
const RECORDED_MAX: Duration = Duration::from_secs(5);

/// How long a loudspeaker may take to use its claim code.
const CLAIM_SECONDS: u64 = 600;

/// What a stage is asked to be.
#[derive(Debug, Clone)]
pub struct StageSetup {
    /// Where the state is.
    pub state: StateFolder,
    /// Where everything listens.
    pub listening: Listening,
    /// What a first start puts into the store.
    pub example: Example,
    /// Where the loudspeakers' sound goes.
    pub sink: SinkKind,
}

/// A service with its zone, loudspeakers, and how they are reached.
pub struct Stage {
    /// What the service was made of.
    pub installation: Installation,
    /// The loudspeakers that were started.
    pub loudspeakers: Vec<Loudspeaker>,
    /// The address at which programs of this machine reach the zone.
    pub address: IpAddr,
    setup: StageSetup,
    service: Service,
    resolver: Resolver,
}

/// A page that has been placed.
#[derive(Debug)]
pub struct PlacedPage {
    /// How the talker's call went.
    pub call: CallOutcome,
    /// Who heard it, as the zone knows.
    pub report: PageReport,
    /// What each loudspeaker recorded of it, in their order.
    pub recordings: Vec<Option<PathBuf>>,
}

impl Stage {
    /// Starts everything, and waits until those loudspeakers of the example that the directory still has are registered.
    ///
    /// # Errors
    ///
    /// Names what cannot be had, or what a loudspeaker's registration says.
    pub async fn start(setup: &StageSetup, progress: &(dyn Fn(&str) + Sync)) -> Result<Self, Failure> {
        let mut stage = Self::start_service(setup, progress).await?;
        for (user, name) in setup.example.loudspeakers {
            if stage.installation.credentials(user).is_err() {
                continue;
            }
            let loudspeaker = stage.loudspeaker_setup(user)?;
            progress(&format!("enrolling and registering {name}"));
            stage.enrol(&loudspeaker).await?;
            stage.loudspeakers.push(Loudspeaker::start(&loudspeaker).await?);
        }
        Ok(stage)
    }

    /// As [`start`](Self::start), without loudspeakers.
    ///
    /// # Errors
    ///
    /// Names what cannot be had.
    pub async fn start_service(
        setup: &StageSetup,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<Self, Failure> {
        progress("preparing keys and accounts");
        let installation = Installation::prepare(&setup.state, &setup.listening, &setup.example).await?;
        progress("starting portal, provisioning server and zone");
        let service = Service::start(&installation.service, Some(&installation.zone)).await?;
        Ok(Self {
            address: setup.listening.reached_at(),
            loudspeakers: Vec::new(),
            resolver: Resolver::from_system(),
            setup: setup.clone(),
            installation,
            service,
        })
    }

    fn zone(&self) -> Option<&Zone> {
        self.service.zone()
    }

    /// The address and port of the zone's listener for `transport`; port 0 where it has none.
    pub fn server(&self, transport: Transport) -> SocketAddr {
        let bound = self.zone().and_then(|zone| {
            let mut bound = zone.bound().iter();
            bound.find(|bound| bound.transport == transport)
        });
        SocketAddr::new(self.address, bound.map_or(0, |bound| bound.local.port()))
    }

    /// The zone's events from now on.
    ///
    /// # Errors
    ///
    /// Never: an installation has a zone.
    pub fn subscribe(&self) -> Result<broadcast::Receiver<ZoneEvent>, Failure> {
        Ok(self.zone().context("an installation has a zone")?.subscribe())
    }

    /// Where people sign in.
    #[must_use]
    pub fn sign_in_url(&self) -> String {
        self.service.sign_in_url()
    }

    /// The e-mail address that the owner signs in with, as long as they are one.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.service.owner()
    }

    /// What the service keeps.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.service.store()
    }

    /// The account that it serves.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.service.account().id
    }

    /// Speaks `sound` to `extension` and waits for the report and the recordings.
    ///
    /// # Errors
    ///
    /// When the call fails or the zone gives no report.
    pub async fn place_page(
        &mut self,
        extension: &str,
        sound: Sound,
        events: mpsc::Sender<CallerEvent>,
    ) -> Result<PlacedPage, Failure> {
        let mut zone_events = self.subscribe()?;
        let call = place_call(self.call_setup(extension)?, sound, events)
            .await
            .map_err(|error| anyhow!(error).context(format!("the page to {extension} failed")))?;
        let report = timeout(REPORT_MAX, report_on(&mut zone_events, extension))
            .await
            .map_err(|_| anyhow!("the zone gave no report within {} s", REPORT_MAX.as_secs()))??;
        let recordings = self.recordings(&report.page).await;
        Ok(PlacedPage {
            call,
            report,
            recordings,
        })
    }

    /// The file in which each loudspeaker has recorded a page that has ended, in their order.
    pub async fn recordings(&mut self, page: &PageId) -> Vec<Option<PathBuf>> {
        let page = page.to_string();
        let mut recordings = Vec::new();
        for loudspeaker in &mut self.loudspeakers {
            let found = timeout(RECORDED_MAX, loudspeaker.recording(&page)).await;
            recordings.push(found.ok().flatten());
        }
        recordings
    }

    /// What a call of the announcer to `extension` is made of.
    ///
    /// # Errors
    ///
    /// When the directory does not have the announcer.
    pub fn call_setup(&self, extension: &str) -> Result<CallSetup, Failure> {
        let (authorization_id, password) = self.installation.credentials(ANNOUNCER)?;
        let account = Account {
            user: ANNOUNCER.parse().context("the announcer's name is a SIP user")?,
            authorization_id,
            password: Some(password),
            answers_md5: true,
            display_name: "Announcer".to_owned(),
        };
        Ok(CallSetup {
            profile: caller_profile(
                account,
                &self.installation.snapshot.domain,
                extension,
                target(self.server(Transport::Tls)),
            ),
            tls: self.installation.tls.clone(),
            resolver: self.resolver.clone(),
            bind: SocketAddr::new(self.address, 0),
        })
    }

    /// What the loudspeaker of `user` is told.
    ///
    /// # Errors
    ///
    /// When the example has no such loudspeaker.
    pub fn loudspeaker_setup(&self, user: &str) -> Result<LoudspeakerSetup, Failure> {
        let mut loudspeakers = (0..).zip(self.setup.example.loudspeakers);
        let (place, (_, name)) = loudspeakers
            .find(|(_, (of, _))| *of == user)
            .with_context(|| format!("the example has no loudspeaker `{user}`"))?;
        let state = &self.setup.state;
        Ok(LoudspeakerSetup {
            user: user.parse().with_context(|| format!("`{user}` is no SIP user"))?,
            name: (*name).to_owned(),
            mac: Example::mac(place),
            state: absolute(&state.loudspeaker(user))?,
            provisioning_url: self.service.provisioning_url().to_owned(),
            authority_file: absolute(&self.installation.authority_file)?,
            sink: match self.setup.sink {
                SinkKind::Null => "null".to_owned(),
                SinkKind::File => format!("wav:{}", absolute(&state.recordings().join(user))?.display()),
            },
            bind: self.setup.listening.loudspeakers_at(),
        })
    }

    /// Gives a loudspeaker its certificate, as an administrator and an installer would: one makes a claim code, the other uses it.
    ///
    /// # Errors
    ///
    /// Says what went wrong.
    pub async fn enrol(&self, loudspeaker: &LoudspeakerSetup) -> Result<(), Failure> {
        loudspeaker.make_state()?;
        if loudspeaker.has_certificate() {
            return Ok(());
        }
        let code = web::ClaimCode::draw()
            .context("the system gives no random numbers")?
            .to_string();
        let mut writing = self
            .service
            .store()
            .write()
            .await
            .map_err(|error| anyhow!(error))?;
        let mut scope = writing.account(&self.service.account().id);
        let devices = scope.devices().await.map_err(|error| anyhow!(error))?;
        let device = devices.into_iter().find(|device| device.mac == loudspeaker.mac);
        let claim = ClaimCode {
            code: claim_code_hash(&code),
            device: device
                .with_context(|| format!("there is no device {}", loudspeaker.mac))?
                .id,
            expires_at: timestamp(SystemTime::now()).after_seconds(CLAIM_SECONDS),
            used_by: None,
        };
        scope
            .add_claim_code(&claim)
            .await
            .map_err(|error| anyhow!(error))?;
        writing.commit().await.map_err(|error| anyhow!(error))?;
        loudspeaker.enrol(Secret::new(code)).await
    }

    /// Waits until the zone has ended by itself, and says what it lost.
    pub async fn ended(&mut self) -> anyhow::Error {
        self.service.ended().await
    }

    /// Ends the loudspeakers, then the service with its zone.
    pub async fn stop(self) {
        for loudspeaker in self.loudspeakers {
            loudspeaker.stop().await;
        }
        self.service.stop().await;
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} cannot be found", path.display()))
}

/// The media of the parts that this program starts itself: always encrypted.
fn media_profile() -> MediaProfile {
    MediaProfile {
        security: SecurityOffer::Standard,
        suites: vec![
            Suite::AesCm128HmacSha1_80,
            Suite::AeadAes128Gcm,
            Suite::AeadAes256Gcm,
        ],
        codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus],
        marking: model::config::Marking::default(),
    }
}

/// The TLS listener at `server` as a program's only server.
pub fn target(server: SocketAddr) -> TargetProfile {
    TargetProfile {
        role: TargetRole::Primary,
        host: server.ip().to_string(),
        port: Some(server.port()),
        transport: Some(Transport::Tls),
        is_outbound_proxy: true,
    }
}

/// What a call of `account` to `extension` through `server` is told.
pub fn caller_profile(
    account: Account,
    domain: &str,
    extension: &str,
    server: TargetProfile,
) -> CallerProfile {
    CallerProfile {
        user_agent: USER_AGENT.to_owned(),
        domain: domain.to_owned(),
        targets: vec![server],
        account,
        dialled: extension.to_owned(),
        sips: false,
        media: media_profile(),
        input_rate: SampleRate::Hz16000,
        answer_max: Duration::from_secs(30),
        pin: None,
    }
}

/// The report of the next page to `extension` that ends.
async fn report_on(events: &mut broadcast::Receiver<ZoneEvent>, extension: &str) -> Result<PageReport> {
    let wanted: Extension = extension
        .parse()
        .with_context(|| format!("`{extension}` is no extension"))?;
    loop {
        match events.recv().await {
            Ok(ZoneEvent::PageEnded { report, .. })
                if report.extension == wanted && report.talker.as_str() == ANNOUNCER =>
            {
                return Ok(report);
            }
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => bail!("the zone has ended"),
        }
    }
}
