//! A zone with three loudspeakers and room for a foreign phone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::status::{PageReport, ZoneEvent};
use oyez::cli::SinkKind;
use oyez::failure::Failure;
use oyez::state::StateFolder;
use oyez::up::example::Example;
use oyez::up::listening::Listening;
use oyez::up::loudspeaker::{Loudspeaker, LoudspeakerSetup};
use oyez::up::stage::{Stage, StageSetup};
use peers::{Account, Home, Media};
use sip::flow::Transport;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use tokio::time::timeout;

use crate::hearing::{Figures, Speech};

/// The extension that pages all three loudspeakers.
pub(crate) const ALL: &str = "700";
/// The loudspeakers: user and name.
pub(crate) const LOUDSPEAKERS: [(&str, &str); 3] =
    [("hall", "Hall"), ("corridor", "Corridor"), ("yard", "Yard")];

/// Samples a second of recordings.
const RECORDED_RATE: u32 = 48_000;
pub(crate) const DOMAIN: &str = "oyez.internal";
pub(crate) const PHONE: &str = "desk";
/// Differs from the user, so that a phone that mixes the two is found out.
const PHONE_ID: &str = "id-2001";
/// Longest wait for an event of the zone, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who is there.
const EXAMPLE: Example = Example {
    loudspeakers: &LOUDSPEAKERS,
    phone_authorization_id: PHONE_ID,
};

/// Waits until no other test of this program pages: they would take the processor from each other.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a loudspeaker has recorded of a page, and what its receipt says of that.
pub(crate) struct Recording {
    pub(crate) figures: Figures,
    pub(crate) interrupted_ms: u64,
}

/// A running zone with its loudspeakers; it is ended with this value.
pub(crate) struct Site {
    stage: Stage,
    state: StateFolder,
    phone_password: String,
    events: broadcast::Receiver<ZoneEvent>,
    proxy: String,
    folder: TempDir,
    // Last, since what runs on them is ended before them.
    runtime: Runtime,
    home_runtimes: Vec<Runtime>,
}

impl Site {
    /// Starts the zone on free ports of `address`, and waits until the loudspeakers beside it are registered.
    pub(crate) fn start(address: IpAddr) -> Self {
        Self::start_with(address, &LOUDSPEAKERS)
    }

    /// As [`start`](Self::start), with some of the loudspeakers.
    pub(crate) fn start_with(address: IpAddr, loudspeakers: &'static [(&'static str, &'static str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let state = StateFolder::choose(Some(folder.path())).unwrap();
        let setup = StageSetup {
            state: state.clone(),
            listening: Listening::FreePorts(address),
            example: EXAMPLE,
            sink: SinkKind::File,
        };
        let stage = runtime
            .block_on(Stage::start_service(&setup, &|_| {}))
            .unwrap_or_else(|failure| panic!("{failure}"));
        let (_, password) = stage.installation.credentials(PHONE).unwrap();
        let mut site = Self {
            events: stage.subscribe().unwrap(),
            stage,
            state,
            phone_password: password.reveal().to_owned(),
            proxy: String::new(),
            folder,
            runtime,
            home_runtimes: Vec::new(),
        };
        for (user, _) in loudspeakers {
            let setup = site.enrolled(user);
            let started = site.runtime.block_on(Loudspeaker::start(&setup));
            site.add(started);
        }
        site
    }

    /// A loudspeaker with its certificate.
    fn enrolled(&self, user: &str) -> LoudspeakerSetup {
        let setup = self.stage.loudspeaker_setup(user).unwrap();
        let enrolled = self.runtime.block_on(self.stage.enrol(&setup));
        enrolled.unwrap_or_else(|failure| panic!("{failure}"));
        setup
    }

    fn add(&mut self, started: Result<Loudspeaker, Failure>) {
        let loudspeaker = started.unwrap_or_else(|failure| panic!("{failure}"));
        self.stage.loudspeakers.push(loudspeaker);
    }

    /// Starts a loudspeaker in a home, and waits until it is registered.
    pub(crate) fn add_loudspeaker(&mut self, home: &Home, user: &str) {
        let mut setup = self.enrolled(user);
        setup.bind = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let runtime = home.within(|| Runtime::new().unwrap());
        // A task runs on the runtime's own threads, which are at home, and so are its sockets.
        let started = runtime.spawn(async move { Loudspeaker::start(&setup).await });
        let started = runtime.block_on(started).unwrap();
        self.add(started);
        self.home_runtimes.push(runtime);
    }

    /// Where a test may put its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Address and port of the zone's listener.
    pub(crate) fn server(&self, transport: Transport) -> SocketAddr {
        self.stage.server(transport)
    }

    /// What a phone has to know to register over `transport`.
    pub(crate) fn phone(&mut self, transport: Transport, media: Media) -> Account<'_> {
        let token = transport.via_token().to_lowercase();
        self.proxy = format!("sip:{};transport={token}", self.stage.server(transport));
        Account {
            user: PHONE,
            authorization_id: PHONE_ID,
            password: &self.phone_password,
            domain: DOMAIN,
            outbound: Some(&self.proxy),
            transport: match transport {
                Transport::Udp => "udp",
                Transport::Tcp => "tcp",
                Transport::Tls => "tls",
            },
            authority: Some(&self.stage.installation.authority_file),
            media,
        }
    }

    /// The configuration of `oyez-endpoint` as the loudspeaker of `user`: what it plays is compared with what was said, and is not made
    /// louder.
    pub(crate) fn endpoint_config(&self, user: &str) -> String {
        let installation = &self.stage.installation;
        let (authorization_id, password) = installation.credentials(user).unwrap();
        format!(
            "sip.proxy = {DOMAIN}\nsip.obproxy = {}\nsip.transp = tls\nsip.srtp = standard\n\
             sip.u1.user = {user}\nsip.u1.auth = {authorization_id}\nsip.u1.pwd = {}\n\
             oyez.tls.ca = {}\noyez.sink = wav:{user}-recordings\naudio.agc.use = 0\n",
            self.server(Transport::Tls),
            password.reveal(),
            installation.authority_file.display()
        )
    }

    /// The next event that `wanted` takes.
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut wanted: impl FnMut(ZoneEvent) -> Option<T>) -> T {
        let events = &mut self.events;
        let waiting = async {
            loop {
                let event = events
                    .recv()
                    .await
                    .expect("the zone runs and its events are read");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        let found = self.runtime.block_on(async { timeout(PATIENCE, waiting).await });
        found.unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
    }

    /// Waits until every loudspeaker has recorded so much of the page that has just begun.
    pub(crate) fn wait_until_recorded(&self, seconds: f64) {
        let octets = f64::from(RECORDED_RATE) * 2.0 * seconds;
        let long_recordings = || {
            let folders = std::fs::read_dir(self.state.recordings()).unwrap();
            let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
            let lengths = files.map(|file| file.unwrap().metadata().unwrap().len());
            lengths.filter(|length| *length as f64 >= octets).count()
        };
        let wanted = long_recordings() + LOUDSPEAKERS.len();
        let waiting = async {
            let mut looks = tokio::time::interval(Duration::from_millis(100));
            while long_recordings() < wanted {
                looks.tick().await;
            }
        };
        let found = self.runtime.block_on(async { timeout(PATIENCE, waiting).await });
        assert!(found.is_ok(), "{seconds} s are not recorded after {PATIENCE:?}");
    }

    /// The report of the next page that ends.
    pub(crate) fn report(&mut self) -> PageReport {
        self.wait_for("the report of a page", |event| match event {
            ZoneEvent::PageEnded { report, .. } => Some(report),
            _ => None,
        })
    }

    /// What each loudspeaker has recorded of a page; prints the figures.
    pub(crate) fn recordings(&mut self, report: &PageReport, speech: &Speech) -> Vec<Recording> {
        let recordings = self.runtime.block_on(self.stage.recordings(&report.page));
        let recorded = self.stage.loudspeakers.iter().zip(recordings);
        recorded
            .map(|(loudspeaker, file)| {
                let name = &loudspeaker.name;
                let figures = speech.heard_in(&file.unwrap_or_else(|| panic!("{name} has recorded nothing")));
                let mut listeners = report.listeners.iter();
                let listener = listeners.find(|listener| listener.user == loudspeaker.user);
                let receipt = listener.and_then(|listener| listener.receipt.as_ref()).unwrap();
                println!(
                    "{:?}, {name}: {figures}; first audio after {:?} ms, {} of {} ms played, {} ms interrupted, \
                     {} packets lost",
                    speech.media,
                    receipt.first_audio_ms,
                    receipt.played_ms,
                    receipt.expected_ms,
                    receipt.interrupted_ms,
                    receipt.lost
                );
                Recording {
                    figures,
                    interrupted_ms: receipt.interrupted_ms,
                }
            })
            .collect()
    }
}
