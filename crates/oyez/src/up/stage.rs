//! A running zone with its virtual loudspeakers, and the pages that are placed into it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use audio::{NullSink, Recorder, Sink, Sound};
use device::{CallOutcome, CallSetup, Device, DeviceReport, DeviceSetup, place_call};
use endpoint::profile::{
    Account, MediaProfile, PageTone, Profile, SlotProfile, SoundProfile, TargetProfile, Times,
};
use endpoint::{CallerEvent, CallerProfile};
use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::SecurityOffer;
use media::srtp::Suite;
use model::status::{DeviceEvent, PageReport, Shown, SlotStatus, TargetRole, ZoneEvent};
use model::{Extension, PageId, SipUser, SlotKind, SlotPosition};
use net::resolver::Resolver;
use sip::flow::Transport;
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;
use zone::Zone;

use super::installation::{ANNOUNCER, Installation};
use super::listening::{self, Listening};
use crate::cli::SinkKind;
use crate::failure::Failure;
use crate::state::StateFolder;

/// Name in User-Agent and Server.
pub const USER_AGENT: &str = concat!("Oyez/", env!("CARGO_PKG_VERSION"));
/// Longest wait for the loudspeakers to be registered.
const REGISTERED_MAX: Duration = Duration::from_secs(10);
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

/// One virtual loudspeaker.
pub struct Loudspeaker {
    /// The user it registers as.
    pub user: SipUser,
    /// Its name.
    pub name: String,
    /// Time from its start to its registration.
    pub registered_after: Duration,
    device: Device,
    reports: broadcast::Receiver<DeviceReport>,
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
        progress("starting the zone");
        let zone = listening::start_zone(setup, &installation).await?;
        let mut stage = Self {
            address: setup.listening.reached_at(),
            loudspeakers: Vec::new(),
            resolver: Resolver::from_system()
                .or_else(|_| Resolver::with_name_servers(&[]))
                .map_err(|error| anyhow!(error))?,
            installation,
            zone,
        };
        for (user, name) in setup.loudspeakers {
            progress(&format!("registering {name}"));
            let loudspeaker = stage.start_loudspeaker(setup, user, name).await?;
            stage.loudspeakers.push(loudspeaker);
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
            let found = timeout(RECORDED_MAX, recording_of(&mut loudspeaker.reports, &page)).await;
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
            display_name: "Announcer".to_owned(),
        };
        Ok(CallSetup {
            profile: caller_profile(
                account,
                &self.installation.snapshot.domain,
                extension,
                self.server(Transport::Tls),
            ),
            tls: self.installation.tls.clone(),
            resolver: self.resolver.clone(),
            bind: SocketAddr::new(self.address, 0),
        })
    }

    /// Ends the loudspeakers, then the zone.
    pub async fn stop(self) {
        for loudspeaker in self.loudspeakers {
            loudspeaker.device.stop().await;
        }
        self.zone.stop().await;
    }

    async fn start_loudspeaker(
        &self,
        setup: &StageSetup,
        user: &str,
        name: &str,
    ) -> Result<Loudspeaker, Failure> {
        let (authorization_id, password) = self.installation.credentials(user)?;
        let account = Account {
            user: user.parse().with_context(|| format!("`{user}` is no SIP user"))?,
            authorization_id,
            password: Some(password),
            display_name: name.to_owned(),
        };
        let sip_user = account.user.clone();
        let sink = sink(setup, user)?;
        let profile = loudspeaker_profile(
            account,
            &self.installation.snapshot.domain,
            &sink.name(),
            self.server(Transport::Tls),
        )?;
        let began = Instant::now();
        let device = Device::start(DeviceSetup {
            profile,
            tls: self.installation.tls.clone(),
            resolver: self.resolver.clone(),
            bind: SocketAddr::new(self.address, 0),
            sink,
            control: None,
        })
        .await
        .map_err(|error| anyhow!(error).context(format!("the loudspeaker {name} cannot be started")))?;
        let mut reports = device.subscribe();
        wait_until_registered(&device, &mut reports, name).await?;
        Ok(Loudspeaker {
            user: sip_user,
            name: name.to_owned(),
            registered_after: began.elapsed(),
            device,
            reports,
        })
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
fn media_profile() -> MediaProfile {
    MediaProfile {
        security: SecurityOffer::Standard,
        suites: vec![
            Suite::AesCm128HmacSha1_80,
            Suite::AeadAes128Gcm,
            Suite::AeadAes256Gcm,
        ],
        codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::Opus],
    }
}

fn target(server: SocketAddr) -> TargetProfile {
    TargetProfile {
        role: TargetRole::Primary,
        host: server.ip().to_string(),
        port: Some(server.port()),
        transport: Some(Transport::Tls),
        is_outbound_proxy: true,
    }
}

/// What a call of `account` to `extension` is told, through the zone's TLS listener.
pub fn caller_profile(account: Account, domain: &str, extension: &str, server: SocketAddr) -> CallerProfile {
    CallerProfile {
        user_agent: USER_AGENT.to_owned(),
        domain: domain.to_owned(),
        targets: vec![target(server)],
        account,
        dialled: extension.to_owned(),
        sips: false,
        media: media_profile(),
        input_rate: SampleRate::Hz16000,
        answer_max: Duration::from_secs(30),
    }
}

fn loudspeaker_profile(account: Account, domain: &str, sink: &str, server: SocketAddr) -> Result<Profile> {
    Ok(Profile {
        device: account
            .user
            .as_str()
            .parse()
            .context("a user name is a device id")?,
        user_agent: USER_AGENT.to_owned(),
        instance: None,
        domain: domain.to_owned(),
        registrar: None,
        sips: false,
        targets: vec![target(server)],
        slots: vec![SlotProfile {
            position: SlotPosition::new(SlotKind::Page, 1)?,
            account: Some(account),
            tone: PageTone::Chime,
        }],
        media: media_profile(),
        sound: SoundProfile {
            sink: sink.to_owned(),
            output_rate: SampleRate::Hz48000,
            page_volume_db: 0.0,
            ring_volume_db: 0.0,
        },
        times: Times::default(),
    })
}

async fn wait_until_registered(
    device: &Device,
    reports: &mut broadcast::Receiver<DeviceReport>,
    name: &str,
) -> Result<()> {
    let registered = timeout(REGISTERED_MAX, async {
        // What happened before the subscription is in the status.
        if device
            .status()
            .await
            .is_some_and(|status| status.slots.iter().all(is_registered))
        {
            return Ok(());
        }
        loop {
            match reports.recv().await {
                Ok(DeviceReport::Event(DeviceEvent::RegistrationChanged { registration, .. }, _))
                    if registration.shown == Shown::Successful =>
                {
                    return Ok(());
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => bail!("the loudspeaker {name} has ended"),
            }
        }
    });
    if let Ok(outcome) = registered.await {
        return outcome;
    }
    let status = device
        .status()
        .await
        .and_then(|status| status.slots.into_iter().next());
    let cause = status.map_or_else(String::new, |slot| {
        let cause = slot
            .registration
            .cause
            .map(|cause| format!(" ({cause})"))
            .unwrap_or_default();
        format!(": {}{cause}", slot.registration.shown)
    });
    bail!(
        "the loudspeaker {name} is not registered after {} s{cause}",
        REGISTERED_MAX.as_secs()
    )
}

fn is_registered(slot: &SlotStatus) -> bool {
    slot.registration.shown == Shown::Successful
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

async fn recording_of(reports: &mut broadcast::Receiver<DeviceReport>, page: &str) -> Option<PathBuf> {
    loop {
        match reports.recv().await {
            Ok(DeviceReport::Recorded(file)) if file.to_string_lossy().contains(page) => return Some(file),
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return None,
        }
    }
}
