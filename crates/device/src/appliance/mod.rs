//! An endpoint with its configuration: the two layers of settings, their versions on disk, and the device that runs by them.
//!
//! Whoever changes something, a person at the web pages, a program, a provisioning server, does it through an [`Appliance`]: the
//! change is checked as a whole, kept on disk, and then applied to the running device without a restart.

mod assembly;
mod clock;
mod library;
mod provisioning;
mod store;
mod tones;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use audio::{Microphone, Sink};
use endpoint::profile::Identity;
use media::sample::SampleRate;
use model::config::{ConfigError, Document, LoggingConfig, SettingChange, Settings, SinkChoice};
use model::status::DeviceStatus;
use net::resolver::Resolver;
use net::tls::{ClientTls, ClockVerdict};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, broadcast};
use tokio::task::spawn_blocking;

use self::assembly::Surroundings;
pub use self::library::{TONE_UPLOAD_MAX, TONES_BYTES_MAX, TONES_MAX, ToneError, ToneFile};
pub use self::provisioning::{
    Enrolled, Enrolment, EnrolmentError, OwnCertificate, Provisioning, ProvisioningFailure, enrol,
};
use self::store::Store;
pub use self::store::{Author, StoreError, VERSIONS_KEPT, Version};
use crate::machine::{self, unix_time};
use crate::start::{Device, DeviceReport, DeviceSetup, Reconfiguration, StartError};

/// Rate of the samples that the sink is given.
const OUTPUT_RATE: SampleRate = SampleRate::Hz48000;

/// Changes of a configuration kept for one who listens slowly.
const CHANGES_KEPT: usize = 16;

/// An appliance that has been checked as far as that leaves no trace, and can start.
pub struct Plan {
    state: PathBuf,
    surroundings: Surroundings,
    store: Store,
    settings: Settings,
    /// What the configuration file says.
    file: Document,
    /// The settings differ from those that were kept last, or none were.
    is_new: bool,
    tls: ClientTls,
    resolver: Resolver,
    mac: String,
    /// The sink, unless it may stand in the state folder.
    sink: Option<Box<dyn Sink>>,
}

/// Why an appliance did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum ApplianceError {
    /// The configuration is wrong by itself or on this machine.
    #[error("the configuration is wrong: {}", sentences(.0))]
    Configuration(Vec<ConfigError>),
    /// The versions on disk cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The device cannot run.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Why a change was not made. Everything is as before.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The values are wrong, do not fit together, or cannot be used on this machine.
    #[error("{}", sentences(.0))]
    Wrong(Vec<ConfigError>),
    /// They cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such version.
    #[error("there is no version {0}")]
    NoVersion(u32),
    /// The program ends.
    #[error("the endpoint is ending")]
    Interrupted,
}

/// A change that was made.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The version that applies.
    pub version: Version,
    /// The keys whose values changed.
    pub keys: Vec<String>,
}

impl Plan {
    /// Reads what the state folder keeps and lays it over the configuration file, if there is one; with the file comes the
    /// folder that it lies in. The state folder holds `config`, `tones`, `recordings` and `control.sock`.
    ///
    /// # Errors
    ///
    /// Names what is wrong with the configuration or with what it names, or what cannot be read.
    pub fn new(state: &Path, file: Option<(Document, PathBuf)>) -> Result<Self, ApplianceError> {
        let (store, kept) = Store::open(&state.join("config"))?;
        let is_first = kept.is_none();
        let kept = kept.unwrap_or_default();
        let beside = file
            .as_ref()
            .map_or(state.to_owned(), |(_, folder)| folder.clone());
        let (settings, file) = match file {
            Some((file, _)) => {
                under_kept(&store, &kept, is_first, file).map_err(ApplianceError::Configuration)?
            }
            None => (kept.clone(), Document::default()),
        };
        let surroundings = Surroundings {
            output_rate: OUTPUT_RATE,
            recordings: state.join("recordings"),
            uses_outputs: true,
            tones: state.join("tones"),
            beside,
            clock: clock::restored(state),
        };
        let config = settings.config();
        let tls = surroundings
            .client_tls(&settings, &config.security)
            .map_err(ApplianceError::Configuration)?;
        let sink = if config.sink == SinkChoice::Auto {
            None
        } else {
            let sink = surroundings.sink(&settings, &config.sink);
            Some(sink.map_err(ApplianceError::Configuration)?)
        };
        Ok(Self {
            state: state.to_owned(),
            is_new: is_first || !kept.differences(&settings).is_empty(),
            surroundings,
            store,
            settings,
            file,
            tls,
            resolver: Resolver::from_system(),
            mac: machine::mac(),
            sink,
        })
    }

    /// Asks others for names than the system does.
    #[must_use]
    pub fn with_resolver(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// Leaves the machine's own outputs alone unless they are configured by name.
    #[must_use]
    pub fn without_outputs(mut self) -> Self {
        self.surroundings.uses_outputs = false;
        self
    }

    /// Goes by another hardware address than the machine's.
    #[must_use]
    pub fn with_mac(self, mac: &str) -> Self {
        Self {
            mac: mac.to_owned(),
            ..self
        }
    }

    /// The settings that will apply.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Keeps the settings where they are new, and starts the device, with its datagram socket at `bind`.
    ///
    /// # Errors
    ///
    /// Names what cannot be made or bound.
    pub async fn start(mut self, identity: Identity, bind: SocketAddr) -> Result<Appliance, ApplianceError> {
        warn_of_clock(self.surroundings.clock.now().1);
        let config = self.settings.config();
        let sink = match self.sink {
            Some(sink) => sink,
            None => self
                .surroundings
                .sink(&self.settings, &config.sink)
                .map_err(ApplianceError::Configuration)?,
        };
        let mut profile = self.surroundings.profile(&config, &identity);
        profile.sound.sink = sink.name();
        let microphone = self.surroundings.microphone(&config.page.microphone.choice);
        let microphone_name = name_of(microphone.as_deref());
        profile.sound.microphone.name.clone_from(&microphone_name);
        if self.is_new {
            self.store.keep(&self.settings, Author::File, unix_time())?;
        }
        self.store.keep_file(&self.file)?;
        let sink_name = sink.name();
        let device = Device::start(DeviceSetup {
            profile,
            tls: self.tls,
            resolver: self.resolver,
            bind,
            sink,
            microphone,
            control: Some(self.state.join("control.sock")),
        })
        .await?;
        let current = Current {
            settings: Arc::new(self.settings),
            versions: self.store.versions().into(),
            sink: sink_name,
            microphone: microphone_name,
        };
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let shared = Arc::new(Shared {
            device,
            identity,
            surroundings: self.surroundings,
            state: self.state,
            store: Arc::new(Mutex::new(self.store)),
            current: RwLock::new(current),
            changes,
            mac: self.mac,
            provisioning: RwLock::default(),
            library: Mutex::default(),
            file: self.file,
            fetches: Fetches::default(),
        });
        tokio::spawn(provisioning::run(Arc::downgrade(&shared)));
        Ok(Appliance(shared))
    }
}

/// An endpoint that runs by its configuration. Clones are the same endpoint.
#[derive(Clone, Debug)]
pub struct Appliance(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    device: Device,
    identity: Identity,
    surroundings: Surroundings,
    state: PathBuf,
    /// Held for the whole of a change: one is made after the other.
    store: Arc<Mutex<Store>>,
    current: RwLock<Current>,
    changes: broadcast::Sender<Changed>,
    mac: String,
    provisioning: RwLock<Provisioning>,
    /// Held while the sound files change.
    library: Mutex<()>,
    /// What the configuration file says, under what is provisioned.
    file: Document,
    fetches: Fetches,
}

/// Wakes the provisioning client, which ends when it finds nobody to work for.
#[derive(Debug, Default)]
struct Fetches(Arc<Notify>);

impl Drop for Fetches {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[derive(Debug, Clone)]
struct Current {
    settings: Arc<Settings>,
    versions: Arc<[Version]>,
    sink: String,
    /// The name of the microphone.
    microphone: String,
}

impl Appliance {
    /// The device's state; `None` when it has ended.
    pub async fn status(&self) -> Option<DeviceStatus> {
        self.0.device.status().await
    }

    /// How provisioning stands.
    #[must_use]
    pub fn provisioning(&self) -> Provisioning {
        let provisioning = self.0.provisioning.read();
        provisioning.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the configuration from the provisioning server once more, soon.
    pub fn fetch_configuration(&self) {
        self.0.fetches.0.notify_one();
    }

    /// The certificate of its own that the device shows to a provisioning server.
    pub async fn certificate(&self) -> OwnCertificate {
        let state = self.state().to_owned();
        let look = move || OwnCertificate::of(&state);
        spawn_blocking(look).await.unwrap_or(OwnCertificate::Absent)
    }

    /// Whom to trust as a log server over TLS, and the certificate that it is shown. Reads files, and so belongs on a thread that may wait.
    ///
    /// # Errors
    ///
    /// Says which certificate cannot be used.
    pub fn log_tls(&self, config: &LoggingConfig) -> Result<ClientTls, String> {
        provisioning::device_tls(self, config.trusted_ca_file.as_deref(), true)
    }

    /// What is to be thought of the machine's clock, and the time that certificates are checked at, in seconds since 1970.
    #[must_use]
    pub fn clock(&self) -> (u64, ClockVerdict) {
        self.0.surroundings.clock.now()
    }

    /// The hardware address that names the device.
    #[must_use]
    pub fn mac(&self) -> &str {
        &self.0.mac
    }

    /// The device's reports from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<DeviceReport> {
        self.0.device.subscribe()
    }

    /// What the loudspeaker plays from now on, in pieces of 20 ms at the output rate; nothing while it is silent.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Arc<[i16]>> {
        self.0.device.listen()
    }

    /// Samples a second of what is played.
    #[must_use]
    pub fn output_rate(&self) -> u32 {
        OUTPUT_RATE.hertz()
    }

    /// The changes of the configuration from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.0.changes.subscribe()
    }

    /// The settings that apply.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.current().settings
    }

    /// The versions that can be gone back to, the oldest first; the last one applies.
    #[must_use]
    pub fn versions(&self) -> Arc<[Version]> {
        self.current().versions
    }

    /// Who the device is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The state folder.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.0.state
    }

    /// The folder of sound files that a configuration may name.
    #[must_use]
    pub fn tones(&self) -> &Path {
        &self.0.surroundings.tones
    }

    /// Sets values on the device, all of them or none.
    ///
    /// # Errors
    ///
    /// Names every value that is wrong, or why the change cannot be kept.
    pub async fn change(&self, author: Author, changes: &[SettingChange]) -> Result<Changed, ChangeError> {
        let store = Arc::clone(&self.0.store).lock_owned().await;
        let settings = self.settings().changed(changes).map_err(ChangeError::Wrong)?;
        self.apply(store, settings, author).await
    }

    /// Replaces everything that was set on the device, as a back-up does.
    ///
    /// # Errors
    ///
    /// As [`change`](Self::change).
    pub async fn replace_local(&self, author: Author, local: Document) -> Result<Changed, ChangeError> {
        let store = Arc::clone(&self.0.store).lock_owned().await;
        let settings = self.settings().with_local(local).map_err(ChangeError::Wrong)?;
        self.apply(store, settings, author).await
    }

    /// Replaces what the device was given, under what was set on it.
    ///
    /// # Errors
    ///
    /// As [`change`](Self::change).
    pub async fn replace_given(&self, author: Author, given: Document) -> Result<Changed, ChangeError> {
        let store = Arc::clone(&self.0.store).lock_owned().await;
        let settings = self.settings().with_given(given).map_err(ChangeError::Wrong)?;
        self.apply(store, settings, author).await
    }

    /// Goes back to an earlier version; what comes of it is a version of its own.
    ///
    /// # Errors
    ///
    /// Names the version that does not exist, or why it cannot apply.
    pub async fn roll_back(&self, to: u32) -> Result<Changed, ChangeError> {
        let store = Arc::clone(&self.0.store).lock_owned().await;
        let (store, settings) = read_version(store, to).await?;
        self.apply(store, settings, Author::RollBack { to }).await
    }

    /// The settings of a version.
    ///
    /// # Errors
    ///
    /// Names the version that does not exist or cannot be read.
    pub async fn version(&self, number: u32) -> Result<Settings, ChangeError> {
        let store = Arc::clone(&self.0.store).lock_owned().await;
        let (_, settings) = read_version(store, number).await?;
        Ok(settings)
    }

    /// The sound files that a configuration may name, by their names.
    pub async fn tone_files(&self) -> Vec<ToneFile> {
        let folder = self.tones().to_owned();
        let list = move || library::list(&folder);
        spawn_blocking(list).await.unwrap_or_default()
    }

    /// Keeps a sound file of any kind that can be played, and plays it from here on where it is named.
    ///
    /// # Errors
    ///
    /// Says why it cannot be kept; nothing is left of it then.
    pub async fn add_tone(&self, name: String, content: Vec<u8>) -> Result<ToneFile, ToneError> {
        self.change_tones(move |folder| library::add(folder, &name, content, OUTPUT_RATE.hertz()))
            .await
    }

    /// Removes a sound file; where it is named, a built-in tone plays.
    ///
    /// # Errors
    ///
    /// Says why it stays.
    pub async fn remove_tone(&self, name: String) -> Result<(), ToneError> {
        self.change_tones(move |folder| library::remove(folder, &name))
            .await
    }

    /// Changes the sound files, one change after the other, and plays what has become of them; to its end, also when who asked
    /// for it has gone.
    async fn change_tones<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Path) -> Result<T, ToneError> + Send + 'static,
    ) -> Result<T, ToneError> {
        let appliance = self.clone();
        let changing = tokio::spawn(async move {
            let _in_turn = appliance.0.library.lock().await;
            let folder = appliance.tones().to_owned();
            let changed = spawn_blocking(move || change(&folder))
                .await
                .map_err(|_| ToneError::Interrupted)?;
            appliance.reload_tones().await;
            changed
        });
        changing.await.map_err(|_| ToneError::Interrupted)?
    }

    /// Loads the tone files anew, as after an upload.
    pub async fn reload_tones(&self) {
        let _in_order = self.0.store.lock().await;
        let Current {
            settings,
            sink,
            microphone,
            ..
        } = self.current();
        let (surroundings, identity) = (self.0.surroundings.clone(), self.0.identity.clone());
        let load = move || surroundings.profile(&settings.config(), &identity);
        let Ok(mut profile) = spawn_blocking(load).await else {
            return;
        };
        profile.sound.sink = sink;
        profile.sound.microphone.name = microphone;
        self.0
            .device
            .reconfigure(Reconfiguration {
                profile,
                tls: None,
                sink: None,
                microphone: None,
            })
            .await;
    }

    /// Takes the registrations back and ends, for all clones.
    pub async fn stop(self) {
        self.0.device.end().await;
    }

    /// A path of the configuration, from where relative ones begin.
    fn beside(&self, path: &str) -> PathBuf {
        self.0.surroundings.beside.join(path)
    }

    fn set_provisioning(&self, provisioning: Provisioning) {
        let mut kept = self
            .0
            .provisioning
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = provisioning;
    }

    fn current(&self) -> Current {
        self.0
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Applies settings, to its end, also when who asked for it has gone: what is kept on disk is what the device runs by.
    async fn apply(
        &self,
        store: OwnedMutexGuard<Store>,
        settings: Settings,
        author: Author,
    ) -> Result<Changed, ChangeError> {
        let appliance = self.clone();
        let applying = tokio::spawn(async move { appliance.apply_now(store, settings, author).await });
        applying.await.map_err(|_| ChangeError::Interrupted)?
    }

    /// Tries everything that can fail, keeps the settings, and gives them to the device. What changes nothing makes no version:
    /// a program that sets the same values every minute would push out every other one.
    async fn apply_now(
        &self,
        store: OwnedMutexGuard<Store>,
        settings: Settings,
        author: Author,
    ) -> Result<Changed, ChangeError> {
        let before = self.current();
        if let Some(version) = before
            .versions
            .last()
            .filter(|_| before.settings.is_same(&settings))
        {
            return Ok(Changed {
                version: version.clone(),
                keys: Vec::new(),
            });
        }
        let shared = Arc::clone(&self.0);
        // Files are read and written durably: the task that feeds the loudspeaker must not wait for it.
        let by = author.clone();
        let prepare = move || Prepared::new(before, &shared, store, settings, by);
        let prepared = spawn_blocking(prepare)
            .await
            .map_err(|_| ChangeError::Interrupted)??;
        self.0.device.reconfigure(prepared.reconfiguration).await;
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = prepared.current;
        drop(prepared.in_order);
        if prepared.changed.keys.iter().any(|key| key.contains("prov.")) && author != Author::Provisioning {
            self.fetch_configuration();
        }
        let _listeners = self.0.changes.send(prepared.changed.clone()).unwrap_or(0);
        Ok(prepared.changed)
    }
}

/// A change that is kept on disk and waits to be given to the device.
struct Prepared {
    reconfiguration: Reconfiguration,
    current: Current,
    changed: Changed,
    /// The next change waits until this one has been given to the device.
    in_order: OwnedMutexGuard<Store>,
}

impl Prepared {
    fn new(
        before: Current,
        shared: &Shared,
        mut store: OwnedMutexGuard<Store>,
        settings: Settings,
        author: Author,
    ) -> Result<Self, ChangeError> {
        let surroundings = &shared.surroundings;
        let (was, config) = (before.settings.config(), settings.config());
        let tls = surroundings
            .client_tls(&settings, &config.security)
            .map_err(ChangeError::Wrong)?;
        let trust_changes = !was.security.trusts_as(&config.security);
        let sink = if was.sink == config.sink {
            None
        } else {
            let sink = surroundings.sink(&settings, &config.sink);
            Some(sink.map_err(ChangeError::Wrong)?)
        };
        let sink_name = sink.as_ref().map_or(before.sink, |sink| sink.name());
        let mut profile = surroundings.profile(&config, &shared.identity);
        profile.sound.sink.clone_from(&sink_name);
        let microphone = (was.page.microphone.choice != config.page.microphone.choice)
            .then(|| surroundings.microphone(&config.page.microphone.choice));
        let microphone_name = microphone
            .as_ref()
            .map_or(before.microphone, |microphone| name_of(microphone.as_deref()));
        profile.sound.microphone.name.clone_from(&microphone_name);
        let version = store.keep(&settings, author, unix_time())?;
        let keys = before.settings.differences(&settings);
        Ok(Self {
            reconfiguration: Reconfiguration {
                profile,
                tls: trust_changes.then_some(tls),
                sink,
                microphone,
            },
            changed: Changed {
                version,
                keys: keys.into_iter().map(|difference| difference.key).collect(),
            },
            current: Current {
                settings: Arc::new(settings),
                versions: store.versions().into(),
                sink: sink_name,
                microphone: microphone_name,
            },
            in_order: store,
        })
    }
}

/// What follows from a clock that is wrong is looked for elsewhere otherwise: at certificates and servers.
fn warn_of_clock(verdict: ClockVerdict) {
    match verdict {
        ClockVerdict::Plausible => {}
        ClockVerdict::Behind => tracing::warn!(
            "the clock of this machine is behind: it shows a time before this program was built, or before the last good time"
        ),
        ClockVerdict::FarAhead => tracing::warn!(
            "the clock of this machine may be ahead by years: certificates will seem to have expired"
        ),
    }
}

/// Reads a version beside the task that feeds the loudspeaker, and gives the store back.
async fn read_version(
    store: OwnedMutexGuard<Store>,
    number: u32,
) -> Result<(OwnedMutexGuard<Store>, Settings), ChangeError> {
    if !store.versions().iter().any(|version| version.number == number) {
        return Err(ChangeError::NoVersion(number));
    }
    let read = move || store.read(number).map(|settings| (store, settings));
    Ok(spawn_blocking(read)
        .await
        .map_err(|_| ChangeError::Interrupted)??)
}

/// The settings with a configuration file under them, and the file that they stand on. A file that is right by itself, and contradicts what
/// was set on the device, is left for later: a device that starts as it was can be mended at its pages, and sounds alerts.
fn under_kept(
    store: &Store,
    kept: &Settings,
    is_first: bool,
    file: Document,
) -> Result<(Settings, Document), Vec<ConfigError>> {
    let before = store.file();
    let laid = relaid(&before, kept.given(), &file)
        .map_err(|error| vec![error])
        .and_then(|given| kept.with_given(given));
    match laid {
        Ok(settings) => Ok((settings, file)),
        Err(errors) if !is_first && Settings::new(file, Document::default()).is_ok() => {
            let contradictions = sentences(&errors);
            tracing::error!(%contradictions, "the configuration file contradicts what was set on the device, which goes on as it was");
            Ok((kept.clone(), before))
        }
        Err(errors) => Err(errors),
    }
}

/// The given layer under another configuration file: what was provisioned over the file before stays over this one, so that a device
/// whose server is out of reach when it starts has its account all the same.
fn relaid(file_before: &Document, given: &Document, file: &Document) -> Result<Document, ConfigError> {
    let mut relaid = file.clone();
    for key in given.keys() {
        let value = given.value(key);
        if value != file_before.value(key) {
            relaid.set(key, value.unwrap_or_default())?;
        }
    }
    Ok(relaid)
}

fn sentences(errors: &[ConfigError]) -> String {
    let sentences: Vec<String> = errors.iter().map(ToString::to_string).collect();
    sentences.join("; ")
}

/// What a status calls a microphone.
fn name_of(microphone: Option<&dyn Microphone>) -> String {
    microphone.map_or_else(|| "none".to_owned(), Microphone::name)
}

#[cfg(test)]
mod tests;
