//! Every slot of one endpoint, called by real phones: once through a foreign service, Debian's Kamailio, and once through `oyez zone`.
//!
//! Each test prints what was called, what sounded, and what each side showed. It calls one slot of each kind by each phone;
//! with `OYEZ_ALL_SLOTS=1` it calls all of them, which takes minutes, and the tables are `docs/slots.md`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests say what they expect by unwrapping it, and print the table that they make"
)]

mod caller;
mod cloud;
mod names;
mod registrar;
mod slot_plan;
mod zone_program;

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use audio::{Sound, compare};
use device::appliance::Plan;
use device::{Appliance, DeviceReport};
use endpoint::profile::Identity;
use endpoint::tones::BuiltinTone;
use media::sample::SampleRate;
use media::tone::Player;
use model::config::Document;
use model::status::{DeviceEvent, DeviceStatus, Shown, Signals, SlotStatus, Sounding, StopReason};
use net::resolver::Resolver;
use peers::{Account, Baresip, Linphone, Media, available};
use tokio::runtime::Runtime;
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use crate::caller::{phone, speech};
use crate::cloud::{Cloud, Credential, DOMAIN, LOOPBACK, PROXY};
use crate::registrar::binding;
use crate::slot_plan::{Does, Slot, configuration, slots};
use crate::zone_program::ZoneProgram;

/// Set where every slot is to be called.
const ALL_SLOTS: &str = "OYEZ_ALL_SLOTS";
/// Longest wait for one thing to happen, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a phone says in each of its calls.
const SPEECH_SECONDS: usize = 3;
/// Longest tone before a page, and what a call takes besides.
const TONE_SECONDS_MAX: usize = 4;
/// Longest round of a tone, and what a call takes besides.
const ROUND_SECONDS_MAX: usize = 5;
/// Pieces of sound in a second of what the endpoint plays.
const PIECES_PER_SECOND: usize = 50;
/// Correlation of a recording with what has to be in it.
const CORRELATION_MIN: f64 = 0.9;

/// The phones: who they are at either service.
const BARESIP: Credential<'static> = ["77120", "2002", "phone-secret"];
const LINPHONE: Credential<'static> = ["77121", "2003", "phone-secret"];

#[test]
fn every_slot_is_reached_through_a_foreign_service() {
    if !available(&["kamailio", "kamcmd", "baresip", "linphonec"]) {
        return;
    }
    let _turn = turn();
    let slots = slots();
    let known: Vec<Credential<'_>> = slots
        .iter()
        .map(|slot| {
            let fields = [&slot.authorization_id, &slot.user, &slot.password];
            fields.map(String::as_str)
        })
        .collect();
    let cloud = Cloud::start(&known);
    let names = names::serve(PROXY, Ipv4Addr::LOCALHOST);
    let authority = cloud.authority.certificate_pem();
    let server = format!("{PROXY}:{}", cloud.port);
    let bench = Bench::start(
        &slots,
        &server,
        authority,
        Resolver::with_name_servers(&[names]).unwrap(),
    );
    let (spoken, file) = speech(cloud.folder.path(), SPEECH_SECONDS);
    let proxy = format!("sip:127.0.0.1:{};transport=tls", cloud.port);
    let phones = Phones {
        baresip: phone(cloud.port, &file),
        linphone: Linphone::start(&account(LINPHONE, Some(&proxy), None), &file),
    };
    let mut registrar = |slot: &Slot| {
        let found = binding(&cloud, &slot.user);
        assert!(found.contains("Address: sip:"), "{}: {found}", slot.id);
        "registered".to_owned()
    };
    bench.call_all(&slots, phones, &spoken, &mut registrar);
}

#[test]
fn every_slot_is_reached_through_a_zone() {
    if !available(&["baresip", "linphonec"]) {
        return;
    }
    let _turn = turn();
    let slots = slots();
    let mut zone = ZoneProgram::start(&directory(&slots));
    let authority = zone.authority.certificate_pem();
    let server = format!("127.0.0.1:{}", zone.port);
    let bench = Bench::start(&slots, &server, authority, Resolver::from_system());
    let (spoken, file) = speech(zone.folder.path(), SPEECH_SECONDS);
    let proxies = ["127.0.0.1", "localhost"].map(|host| format!("sip:{host}:{};transport=tls", zone.port));
    let authority = zone.authority_file.clone();
    let phones = Phones {
        baresip: Baresip::start(
            &account(BARESIP, Some(&proxies[0]), Some(&authority)),
            LOOPBACK,
            &file,
        ),
        linphone: Linphone::start(&account(LINPHONE, Some(&proxies[1]), Some(&authority)), &file),
    };
    zone.program.wait_for(&["2003 registered"], PATIENCE);
    let registered = zone.program.said();
    let mut registrar = |slot: &Slot| {
        assert!(
            registered.contains(&format!("{} registered", slot.user)),
            "{}: {registered}",
            slot.id
        );
        match slot.does {
            Does::Speak(..) if slot.kind == "page" => {
                let ended = format!("page to {} ended", slot.user);
                let line = zone.program.wait_for(&[&ended], PATIENCE);
                let (_, heard) = line.rsplit_once(", ").unwrap();
                assert_eq!(heard, "heard by 1 of 1", "{line}");
                format!("registered; {heard}")
            }
            _ => "registered".to_owned(),
        }
    };
    bench.call_all(&slots, phones, &spoken, &mut registrar);
}

/// A directory with an extension for each slot, called as it registers, and with the phones, which may call them.
fn directory(slots: &[Slot]) -> String {
    let mut text = format!("account = \"acme\"\ndomain = \"{DOMAIN}\"\n");
    for slot in slots {
        write!(
            text,
            "[[device]]\nuser = \"{user}\"\nauthorization-id = \"{id}\"\npassword = \"{password}\"\ndevice = \"lobby\"\n\
             kind = \"{kind}\"\nextension = \"{user}\"\n",
            user = slot.user,
            id = slot.authorization_id,
            password = slot.password,
            kind = slot.kind
        )
        .unwrap();
    }
    for [id, user, password] in [BARESIP, LINPHONE] {
        write!(
            text,
            "[[phone]]\nuser = \"{user}\"\nauthorization-id = \"{id}\"\npassword = \"{password}\"\nalgorithm = \"md5\"\n\
             [[permission]]\nwho = \"{user}\"\nmay = [\"call\", \"page\", \"alert\"]\nwhat = \"*\"\n"
        )
        .unwrap();
    }
    text
}

/// Waits until no other test of this program calls: they would take the processor from each other.
fn turn() -> impl Drop {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn account<'a>(
    [authorization_id, user, password]: Credential<'a>,
    outbound: Option<&'a str>,
    authority: Option<&'a Path>,
) -> Account<'a> {
    Account {
        user,
        authorization_id,
        password,
        domain: DOMAIN,
        outbound,
        transport: "tls",
        authority,
        media: Media::SecurePcmu,
    }
}

/// Those who call.
struct Phones {
    baresip: Baresip,
    linphone: Linphone,
}

impl Phones {
    /// Calls a slot that answers; the phone speaks from then on.
    fn dial(&mut self, slot: &Slot, by_linphone: bool) {
        if by_linphone {
            self.linphone.dial(&slot.user);
        } else {
            self.baresip.dial(&slot.user);
        }
    }

    fn ring(&mut self, slot: &Slot, by_linphone: bool) {
        if by_linphone {
            self.linphone.ring(&slot.user);
        } else {
            self.baresip.ring(&slot.user);
        }
    }

    /// Ends a call, whoever else may have ended it.
    fn give_up(&mut self, by_linphone: bool) {
        if by_linphone {
            self.linphone.give_up();
        } else {
            self.baresip.give_up();
        }
    }
}

/// What became of one call.
struct Row {
    slot: String,
    dialled: String,
    by: &'static str,
    caller_saw: &'static str,
    sounded: String,
    recorded: String,
    flashed: String,
    slot_status: String,
    server: String,
}

/// An endpoint with all its slots, and what it tells.
struct Bench {
    runtime: Runtime,
    appliance: Appliance,
    reports: Receiver<DeviceReport>,
    /// What nobody has asked for yet.
    unread: Vec<DeviceReport>,
    _state: tempfile::TempDir,
}

impl Bench {
    /// Starts an endpoint at a service, and waits until every slot is registered.
    fn start(slots: &[Slot], server: &str, authority: &str, resolver: Resolver) -> Self {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("authority.pem"), authority).unwrap();
        let text = format!(
            "sip.proxy = {DOMAIN}\nsip.obproxy = {server}\nsip.transp = tls\nsip.srtp = standard\nsip.srtp.suite = all\n\
             oyez.tls.ca = authority.pem\naudio.ring.vol = 0dB\n{}",
            configuration(slots)
        );
        let document = Document::parse(&text).unwrap();
        let runtime = Runtime::new().unwrap();
        let (appliance, reports) = runtime.block_on(async {
            let identity = Identity {
                device: "lobby".parse().unwrap(),
                user_agent: "Oyez-Endpoint/test".to_owned(),
                instance: Some("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".to_owned()),
            };
            let plan = Plan::new(state.path(), Some((document, state.path().to_owned())))
                .unwrap()
                .without_outputs()
                .with_resolver(resolver);
            let appliance = plan.start(identity, SocketAddr::new(LOOPBACK, 0)).await.unwrap();
            let reports = appliance.subscribe();
            (appliance, reports)
        });
        let mut bench = Self {
            runtime,
            appliance,
            reports,
            unread: Vec::new(),
            _state: state,
        };
        bench.wait_until_registered(slots.len());
        bench
    }

    fn wait_until_registered(&mut self, count: usize) {
        loop {
            let status = self.status();
            assert_eq!(status.slots.len(), count);
            let is_registered = |slot: &SlotStatus| slot.registration.shown == Shown::Successful;
            if status.slots.iter().all(is_registered) {
                return;
            }
            self.report("the registrations", |event| {
                matches!(
                    event,
                    DeviceReport::Event(DeviceEvent::RegistrationChanged { .. }, _)
                )
                .then_some(())
            });
        }
    }

    fn status(&self) -> DeviceStatus {
        self.runtime.block_on(self.appliance.status()).unwrap()
    }

    /// The first report that `wanted` takes; the others stay for those who ask for them.
    fn report<T>(&mut self, what: &str, wanted: impl Fn(&DeviceReport) -> Option<T>) -> T {
        let mut unread = self.unread.iter().enumerate();
        if let Some((place, found)) = unread.find_map(|(place, report)| Some((place, wanted(report)?))) {
            self.unread.remove(place);
            return found;
        }
        let (reports, unread) = (&mut self.reports, &mut self.unread);
        let waiting = async {
            loop {
                let report = reports.recv().await.unwrap();
                match wanted(&report) {
                    Some(found) => return found,
                    None => unread.push(report),
                }
            }
        };
        let found = self.runtime.block_on(async { timeout(PATIENCE, waiting).await });
        found.unwrap_or_else(|_| panic!("{what} did not come; {:?}", self.status()))
    }

    fn started(&mut self) -> Sounding {
        self.report("a sound", |report| match report {
            DeviceReport::Event(DeviceEvent::Started { sounding }, _) => Some(sounding.clone()),
            _ => None,
        })
    }

    /// The end of what sounds, and the recording of it.
    fn stopped(&mut self) -> (StopReason, Sound) {
        let why = self.report("the end of a sound", |report| match report {
            DeviceReport::Event(DeviceEvent::Stopped { why, .. }, _) => Some(*why),
            _ => None,
        });
        let file = self.report("a recording", |report| match report {
            DeviceReport::Recorded(file) => Some(file.clone()),
            DeviceReport::Event(..) => None,
        });
        (why, Sound::open(&file, 0).unwrap())
    }

    /// Lets the endpoint play for so long.
    fn play(&self, heard: &mut Receiver<Arc<[i16]>>, seconds: usize) {
        let playing = async {
            for _piece in 0..seconds * PIECES_PER_SECOND {
                // What a slow listener misses has been played as well.
                let _is_heard = heard.recv().await.is_ok();
            }
        };
        let played = self.runtime.block_on(async { timeout(PATIENCE, playing).await });
        assert!(played.is_ok(), "not played: {:?}", self.status());
    }

    /// Calls the slots, one after the other, and prints what became of it.
    fn call_all(
        mut self,
        slots: &[Slot],
        mut phones: Phones,
        spoken: &Sound,
        registrar: &mut dyn FnMut(&Slot) -> String,
    ) {
        let all = std::env::var_os(ALL_SLOTS).is_some();
        let (cancel, others) = slots.split_last().unwrap();
        println!("{HEAD}");
        for slot in others.iter().filter(|slot| all || slot.is_representative) {
            let by_linphone = slot.is_called_by_linphone;
            let begun = self.begin(slot, &mut phones, by_linphone);
            let cancelling = matches!(slot.does, Does::AnnounceUntilCancelled(_)).then(|| {
                phones.dial(cancel, by_linphone);
            });
            println!("{}", self.finish(slot, begun, spoken, registrar));
            if cancelling.is_some() {
                let begun = self.see(cancel, by_linphone, "200");
                phones.give_up(by_linphone);
                println!("{}", self.finish(cancel, begun, spoken, registrar));
            }
        }
        self.runtime.block_on(self.appliance.stop());
    }

    /// Calls a slot and hangs up when it has done its part.
    fn begin(&mut self, slot: &Slot, phones: &mut Phones, by_linphone: bool) -> Row {
        assert_eq!(flashed(&self.status().signals), "dark, idle", "{}", slot.id);
        let mut heard = self.appliance.listen();
        let caller_saw = if let Does::Ring(_) = slot.does {
            phones.ring(slot, by_linphone);
            "180"
        } else {
            phones.dial(slot, by_linphone);
            "200"
        };
        let row = self.see(slot, by_linphone, caller_saw);
        match slot.does {
            Does::Speak(..) if by_linphone => self.play(&mut heard, SPEECH_SECONDS + TONE_SECONDS_MAX),
            Does::Speak(..) => {
                phones.baresip.wait_until_closed(PATIENCE);
                return row;
            }
            Does::Ring(_) | Does::AnnounceUntilCancelled(_) => self.play(&mut heard, ROUND_SECONDS_MAX),
            // They end by themselves.
            Does::Announce(..) | Does::Cancel(_) => {}
        }
        phones.give_up(by_linphone);
        row
    }

    /// What begins to sound, and what the endpoint shows meanwhile.
    fn see(&mut self, slot: &Slot, by_linphone: bool, caller_saw: &'static str) -> Row {
        let sounding = self.started();
        assert_eq!(
            sounding.slot.as_ref().map(ToString::to_string),
            Some(slot.id.clone()),
            "{sounding:?}"
        );
        let status = self.status();
        let flashed = flashed(&status.signals);
        assert_eq!(flashed, slot.does.flashes(), "{}", slot.id);
        let registration = status
            .slots
            .iter()
            .find(|known| known.slot.to_string() == slot.id);
        Row {
            slot: slot.id.clone(),
            dialled: slot.user.clone(),
            by: if by_linphone { "linphone" } else { "baresip" },
            caller_saw,
            sounded: sounding.what + if sounding.drill { " (exercise)" } else { "" },
            recorded: String::new(),
            flashed,
            slot_status: registration.unwrap().registration.shown.to_string(),
            server: String::new(),
        }
    }

    /// What was recorded, when it has ended.
    fn finish(
        &mut self,
        slot: &Slot,
        begun: Row,
        spoken: &Sound,
        registrar: &mut dyn FnMut(&Slot) -> String,
    ) -> Row {
        let (why, recording) = self.stopped();
        let wanted = match slot.does {
            Does::AnnounceUntilCancelled(_) => StopReason::Cancelled,
            Does::Speak(..) | Does::Ring(_) | Does::Announce(..) | Does::Cancel(_) => StopReason::Ended,
        };
        assert_eq!(why, wanted, "{}", slot.id);
        let recorded: Vec<String> = slot
            .does
            .sounds(spoken)
            .iter()
            .map(|(name, sound)| format!("{name} {:.2}", correlation(&slot.id, name, sound, &recording)))
            .collect();
        Row {
            sounded: format!("{}; {}", begun.sounded, words(why)),
            recorded: recorded.join(", "),
            server: registrar(slot),
            ..begun
        }
    }
}

impl Does {
    /// What strobe and relay do meanwhile.
    fn flashes(self) -> String {
        let strobe = match self {
            Self::Speak(_, strobe) | Self::Announce(_, strobe) => strobe,
            Self::Ring(_) => "blue rotate_slow",
            Self::AnnounceUntilCancelled(_) => "red multi_strobe_fast",
            Self::Cancel(_) => "green steady",
        };
        format!("{strobe}, active")
    }

    /// What has to be in the recording.
    fn sounds(self, spoken: &Sound) -> Vec<(&'static str, Sound)> {
        let tone = match self {
            Self::Speak(tone, _) => tone,
            Self::Ring(tone)
            | Self::Announce(tone, _)
            | Self::AnnounceUntilCancelled(tone)
            | Self::Cancel(tone) => Some(tone),
        };
        let speech = matches!(self, Self::Speak(..)).then(|| ("speech", spoken.clone()));
        tone.map(|tone| (tone.name(), rendered(tone)))
            .into_iter()
            .chain(speech)
            .collect()
    }
}

/// One round of a tone.
fn rendered(tone: BuiltinTone) -> Sound {
    let rate = SampleRate::Hz48000;
    let signal = tone.signal();
    let mut samples = vec![0; rate.samples_in(signal.round())];
    Player::new(signal, rate).fill(&mut samples);
    Sound {
        samples,
        rate: rate.hertz(),
    }
}

fn correlation(slot: &str, name: &str, wanted: &Sound, recording: &Sound) -> f64 {
    let lag = Duration::from_millis(20);
    let found = compare(
        (&wanted.samples, wanted.rate),
        (&recording.samples, recording.rate),
        lag,
    );
    let median = found.unwrap_or_else(|| panic!("{slot} is silent")).median();
    assert!(
        median >= CORRELATION_MIN,
        "{slot} has recorded no {name}: {median:.3}"
    );
    median
}

fn flashed(signals: &Signals) -> String {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let strobe = signals.strobe.map_or_else(
        || "dark".to_owned(),
        |strobe| {
            let colour = word(serde_json::to_value(strobe.colour).unwrap());
            format!("{colour} {}", word(serde_json::to_value(strobe.pattern).unwrap()))
        },
    );
    format!("{strobe}, {}", if signals.relay { "active" } else { "idle" })
}

fn words(why: StopReason) -> String {
    serde_json::to_value(why).unwrap().as_str().unwrap().to_owned()
}

/// The head of the table, whose rows follow as the slots are called.
const HEAD: &str = "\
| Slot | Dialled | By | Caller got | Sounded; ended | Recorded (correlation) | Strobe, relay | Slot shows | Server shows |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |";

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.slot,
            self.dialled,
            self.by,
            self.caller_saw,
            self.sounded,
            self.recorded,
            self.flashed,
            self.slot_status,
            self.server
        )
    }
}
