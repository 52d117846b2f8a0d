//! A running zone with its virtual loudspeakers, and the pages that are placed into it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use audio::{NullSink, Recorder, Sink, Sound};
use device::{CallOutcome, CallSetup, DeviceSetup, place_call};
use endpoint::profile::{Account, MediaProfile, TargetProfile};
use endpoint::{CallerEvent, CallerProfile};
use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::SecurityOffer;
use media::srtp::Suite;
use model::status::{PageReport, TargetRole, ZoneEvent};
use model::{Extension, PageId};
use net::resolver::Resolver;
use sip::flow::Transport;
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;
use zone::{Lost, Zone};

use super::installation::{ANNOUNCER, Installation};
use super::listening::{self, Listening};
use super::loudspeaker::{self, Loudspeaker};
use crate::cli::SinkKind;
use crate::failure::Failure;
use crate::state::StateFolder;

/// Name in User-Agent and Server.
pub const USER_AGENT: &str = concat!("Oyez/", env!("CARGO_PKG_VERSION"));
/// Longest wait for the zone's report after the talker has hung up.
const REPORT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for a recording to be finished after the report.
const RECORDED_MAX: Duration = Duration::from_secs(5);

/// What a stage is asked to be.
#[derive(Debug, Clone)]
pub struct StageSetup {
    /// Where the state is.
    pub state: StateFolder,
    /// Where the zone listens.
    pub listening: Listening,
    /// Users of the directory that are started as loudspeakers, each with its name.
    pub loudspeakers: &'static [(&'static str, &'static str)],
    /// Where the loudspeakers' sound goes.
    pub sink: SinkKind,
}

/// A zone, its loudspeakers, and how they are reached.
pub struct Stage {
    /// What the zone was made of.
    pub installation: Installation,
    /// The loudspeakers, in the order of the setup.
    pub loudspeakers: Vec<Loudspeaker>,
    /// The address at which programs of this machine reach the zone.
    pub address: IpAddr,
    zone: Zone,
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
    /// Starts everything and waits until the loudspeakers are registered.
    ///
    /// # Errors
    ///
    /// Names what cannot be had, or what a loudspeaker's registration says.
    pub async fn start(setup: &StageSetup, progress: &(dyn Fn(&str) + Sync)) -> Result<Self, Failure> {
        progress("preparing keys and directory");
        let installation = Installation::prepare(&setup.state, &setup.listening.addresses()?)?;
        Self::start_prepared(setup, installation, progress).await
    }

    /// As [`start`](Self::start), of an installation that has been prepared.
    ///
    /// # Errors
    ///
    /// As there. Nothing is bound before the directory is known to have the loudspeakers.
    pub async fn start_prepared(
        setup: &StageSetup,
        installation: Installation,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<Self, Failure> {
        for (user, _) in setup.loudspeakers {
            installation.credentials(user)?;
        }
        progress("starting the zone");
        let zone = listening::start_zone(setup, &installation).await?;
        let mut stage = Self {
            address: setup.listening.reached_at(),
            loudspeakers: Vec::new(),
            resolver: Resolver::from_system(),
            installation,
            zone,
        };
        for (user, name) in setup.loudspeakers {
            progress(&format!("registering {name}"));
            let made_of = stage.loudspeaker_setup(user, name, sink(setup, user)?)?;
            stage.loudspeakers.push(Loudspeaker::start(name, made_of).await?);
        }
        Ok(stage)
    }

    /// The address and port of the zone's listener for `transport`; port 0 where it has none.
    pub fn server(&self, transport: Transport) -> SocketAddr {
        let bound = self
            .zone
            .bound()
            .iter()
            .find(|bound| bound.transport == transport);
        SocketAddr::new(self.address, bound.map_or(0, |bound| bound.local.port()))
    }

    /// The zone's events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<ZoneEvent> {
        self.zone.subscribe()
    }

    /// Takes changes of the directory file from now on.
    pub fn follow_directory(&mut self, file: zone::DirectoryFile) {
        tokio::spawn(file.watch(self.zone.updates()));
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
        let mut zone_events = self.zone.subscribe();
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

    /// What the loudspeaker of `user` is made of, whose sound goes to `sink`.
    ///
    /// # Errors
    ///
    /// When the directory does not have the user, or the system gives no resources for the sink.
    pub fn loudspeaker_setup(
        &self,
        user: &str,
        name: &str,
        sink: Box<dyn Sink>,
    ) -> Result<DeviceSetup, Failure> {
        let (authorization_id, password) = self.installation.credentials(user)?;
        let account = Account {
            user: user.parse().with_context(|| format!("`{user}` is no SIP user"))?,
            authorization_id,
            password: Some(password),
            answers_md5: true,
            display_name: name.to_owned(),
        };
        Ok(DeviceSetup {
            profile: loudspeaker::profile(
                account,
                &self.installation.snapshot.domain,
                &sink.name(),
                self.server(Transport::Tls),
            )?,
            tls: self.installation.tls.clone(),
            resolver: self.resolver.clone(),
            bind: SocketAddr::new(self.address, 0),
            sink,
            microphone: None,
            control: None,
        })
    }

    /// Waits until the zone has ended by itself, and says what it lost.
    pub async fn ended(&mut self) -> Lost {
        self.zone.ended().await
    }

    /// Ends the loudspeakers, then the zone.
    pub async fn stop(self) {
        for loudspeaker in self.loudspeakers {
            loudspeaker.stop().await;
        }
        self.zone.stop().await;
    }
}

fn sink(setup: &StageSetup, user: &str) -> Result<Box<dyn Sink>> {
    Ok(match setup.sink {
        SinkKind::Null => Box::new(NullSink),
        SinkKind::File => Box::new(Recorder::new(
            &setup.state.recordings(),
            user,
            SampleRate::Hz48000.hertz(),
        )?),
    })
}

/// The media of the parts that this program starts itself: always encrypted.
pub(super) fn media_profile() -> MediaProfile {
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
