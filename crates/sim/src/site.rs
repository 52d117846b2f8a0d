//! Who takes part: the devices, the talkers, the zone, and the directory that they share.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use endpoint::profile::{
    Account, AlertsProfile, MediaProfile, PageMode, Profile, RingProfile, SlotProfile, SoundProfile,
    TargetProfile, Times,
};
use endpoint::tones::{Recording, ToneSource};
use endpoint::{CallerProfile, RegistrationTimes};
use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::SecurityOffer;
use media::srtp::Suite;
use model::config::PriorityTrust;
use model::directory::{
    Action, Credential, CredentialSecret, DigestAlgorithm, Epoch, ExtensionRecord, ExtensionRole, Generation,
    Permission, Snapshot, Subject, Urgency, User, UserKind, Who,
};
use model::status::{RelayEvents, TargetRole};
use model::{Secret, SipUser, SlotKind, SlotPosition};
use sip::flow::Transport;
use switch::{Config, KeepAlive, KeepAliveManner, PlainMedia};

use crate::chance::{Chance, Purpose};
use crate::network::Translators;
use crate::scenario::{DEVICES_MAX, PAGES_MAX, Scenario};
use crate::sound::attention;
use crate::station::{Setup, Station, StationId};
use crate::zone::{NAME, TLS_PORT, UDP_PORT};

/// The SIP domain.
const DOMAIN: &str = "acme.example";
/// Everybody.
pub(crate) const ALL: &str = "700";
/// Every device, at its slot for alerts if it has one, else at the one for pages.
pub(crate) const ALERT: &str = "800";
/// The groups of some of the devices, each device being in one of them or two.
pub(crate) const GROUPS: [&str; 4] = ["701", "702", "703", "704"];
/// Devices behind one address translator.
const DEVICES_PER_TRANSLATOR: usize = 40;
/// Of a thousand devices: those behind a translator, those with a slot for alerts, those that play a tone before a page.
const HIDDEN_PERMILLE: u16 = 700;
const ALERT_PERMILLE: u16 = 330;
const TONE_PERMILLE: u16 = 500;
/// The longest tone before a page. Who answers later than others hears the page later by as much, and has to be done half
/// a second after its end.
const TONE_MAX: Duration = Duration::from_millis(250);

/// Who takes part.
pub(crate) struct Site {
    /// Devices first, then a talker for each page.
    pub(crate) stations: Vec<Station>,
    pub(crate) devices: usize,
    pub(crate) zone: Config,
    pub(crate) roster: Roster,
}

/// Who there is.
#[derive(Clone, Debug)]
pub(crate) struct Roster {
    pub(crate) directory: Snapshot,
    /// Every user of every device.
    pub(crate) everybody: Vec<Member>,
    pub(crate) members_by_group: BTreeMap<&'static str, Vec<Member>>,
}

/// A user, and the device that registers as it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) user: SipUser,
    pub(crate) device: StationId,
}

impl Site {
    /// Draws a site.
    pub(crate) fn draw(seed: u64, scenario: &Scenario, translators: &mut Translators) -> Self {
        let mut chance = Chance::new(seed, Purpose::Site);
        let devices = scenario.devices.min(DEVICES_MAX);
        let talkers = scenario.pages.min(PAGES_MAX) + 1;
        let mut stations = Vec::with_capacity(devices + talkers);
        for number in 0..devices {
            let id = StationId(number);
            let address = place(&mut chance, 1, number, translators);
            let target = target(&mut chance, scenario.datagram_permille);
            let profile = device(&mut chance, number, target);
            stations.push(Station::new(
                id,
                format!("device {number}"),
                address,
                Setup::Device(Box::new(profile)),
            ));
        }
        for number in 0..talkers {
            let id = StationId(devices + number);
            let address = place(&mut chance, 2, number, translators);
            let target = target(&mut chance, scenario.datagram_permille);
            let profile = talker(&mut chance, number, target);
            stations.push(Station::new(
                id,
                format!("talker {number}"),
                address,
                Setup::Talker(Box::new(profile)),
            ));
        }
        let directory = directory(&mut chance, &stations);
        Self {
            zone: zone(&mut chance),
            roster: Roster::new(directory, &stations),
            devices,
            stations,
        }
    }
}

impl Roster {
    fn new(directory: Snapshot, stations: &[Station]) -> Self {
        let is_device = |station: &&Station| matches!(station.setup, Setup::Device(_));
        let everybody: Vec<Member> = stations
            .iter()
            .filter(is_device)
            .flat_map(|station| {
                users(station).map(|(user, _)| Member {
                    user: user.clone(),
                    device: station.incarnation.station,
                })
            })
            .collect();
        let members = |group: &str| {
            let record = directory
                .extensions
                .iter()
                .find(|record| record.extension.as_str() == group);
            let users = record.map_or(&[][..], |record| record.role.users());
            everybody
                .iter()
                .filter(|member| users.contains(&member.user))
                .cloned()
                .collect()
        };
        let groups = [ALL, ALERT].into_iter().chain(GROUPS);
        let members_by_group = groups.map(|group| (group, members(group))).collect();
        Self {
            directory,
            everybody,
            members_by_group,
        }
    }
}

/// The user a talker calls as.
pub(crate) fn talker_user(number: usize) -> String {
    format!("t{number:03}")
}

/// The users of a station with their kinds of slot.
fn users(station: &Station) -> impl Iterator<Item = (&SipUser, Option<SlotKind>)> {
    let (slots, talker) = match &station.setup {
        Setup::Device(profile) => (profile.slots.as_slice(), None),
        Setup::Talker(profile) => (&[][..], Some((&profile.account.user, None))),
    };
    slots
        .iter()
        .filter_map(|slot| Some((&slot.account.as_ref()?.user, Some(slot.position.kind()))))
        .chain(talker)
}

/// The users of a station with their kinds of slot, and whether alerts come to them: to the slot for them, or else to the
/// one for pages.
fn users_and_alerts(station: &Station) -> impl Iterator<Item = (&SipUser, Option<SlotKind>, bool)> {
    let has_slot = users(station).any(|(_, kind)| kind == Some(SlotKind::Alert));
    users(station).map(move |(user, kind)| {
        let hears_alerts = match kind {
            Some(SlotKind::Alert) => true,
            Some(SlotKind::Page) => !has_slot,
            Some(SlotKind::Ring) | None => false,
        };
        (user, kind, hears_alerts)
    })
}

/// Gives a host an address, and perhaps a translator.
fn place(chance: &mut Chance, net: u8, number: usize, translators: &mut Translators) -> IpAddr {
    let host = u8::try_from(number % 250 + 1).unwrap_or(1);
    let subnet = u8::try_from(number / 250).unwrap_or(0);
    if !chance.happens(HIDDEN_PERMILLE) {
        return IpAddr::V4(Ipv4Addr::new(198, 18, net * 10 + subnet, host));
    }
    let address = IpAddr::V4(Ipv4Addr::new(10, net, subnet, host));
    let translator = u8::try_from(number / DEVICES_PER_TRANSLATOR + 1).unwrap_or(1);
    let behind = IpAddr::V4(Ipv4Addr::new(203, 0, 112 + net, translator));
    translators.hide(address, behind);
    address
}

fn target(chance: &mut Chance, datagram_permille: u16) -> TargetProfile {
    let (transport, port) = if chance.happens(datagram_permille) {
        (Transport::Udp, UDP_PORT)
    } else {
        (Transport::Tls, TLS_PORT)
    };
    TargetProfile {
        role: TargetRole::Primary,
        host: NAME.to_owned(),
        port: Some(port),
        transport: Some(transport),
        is_outbound_proxy: false,
    }
}

/// Over streams media is encrypted; over datagrams there is no safe way for the keys.
fn media(chance: &mut Chance, target: &TargetProfile, codecs: Vec<Codec>) -> MediaProfile {
    let suites = [
        Suite::AesCm128HmacSha1_80,
        Suite::AeadAes128Gcm,
        Suite::AeadAes256Gcm,
    ];
    MediaProfile {
        security: match target.transport {
            Some(Transport::Tls) => SecurityOffer::Standard,
            Some(Transport::Udp | Transport::Tcp) | None => SecurityOffer::Disabled,
        },
        suites: chance.pick(&suites).into_iter().collect(),
        codecs,
        marking: model::config::Marking::default(),
    }
}

fn account(user: &str) -> Account {
    Account {
        user: parsed(user),
        authorization_id: parsed(&authorization_id(user)),
        password: Some(Secret::from(password(user).as_str())),
        answers_md5: true,
        display_name: String::new(),
    }
}

fn authorization_id(user: &str) -> String {
    format!("id-{user}")
}

fn password(user: &str) -> String {
    format!("secret-{user}")
}

fn device(chance: &mut Chance, number: usize, target: TargetProfile) -> Profile {
    let codecs = if chance.happens(800) {
        vec![Codec::Pcmu, Codec::Pcma]
    } else {
        vec![Codec::Pcma]
    };
    let tone = if chance.happens(TONE_PERMILLE) {
        let length = chance.duration(Duration::from_millis(40), TONE_MAX);
        ToneSource::Recording(Recording {
            name: "attention.wav".into(),
            samples: attention(length).into(),
        })
    } else {
        ToneSource::None
    };
    let mut slots = vec![SlotProfile {
        position: SlotPosition::BASE_PAGE,
        account: Some(account(&format!("d{number:03}"))),
        tone: tone.clone(),
        passcode: None,
        mode: PageMode::OneWay,
    }];
    if chance.happens(ALERT_PERMILLE) {
        slots.extend(
            SlotPosition::all(SlotKind::Alert)
                .next()
                .map(|position| SlotProfile {
                    position,
                    account: Some(account(&format!("a{number:03}"))),
                    tone,
                    passcode: None,
                    mode: PageMode::OneWay,
                }),
        );
    }
    let expires = [60, 90, 300, 3_600, 3_600];
    Profile {
        device: parsed(&format!("device-{number}")),
        user_agent: "Oyez".to_owned(),
        instance: Some(format!("urn:uuid:00000000-0000-4000-8000-{number:012}")),
        domain: DOMAIN.to_owned(),
        registrar: None,
        sips: false,
        media: media(chance, &target, codecs),
        targets: vec![target],
        slots,
        sound: SoundProfile {
            sink: "simulated".to_owned(),
            output_rate: SampleRate::Hz8000,
            page_volume_db: 0.0,
            alert_volume_db: 0.0,
            ring_volume_db: 0.0,
            levels_speech: false,
            order: Default::default(),
            relay: RelayEvents::default(),
            microphone: Default::default(),
        },
        ring: RingProfile::default(),
        alerts: AlertsProfile::default(),
        multicast: Default::default(),
        priority: PriorityTrust::Zone,
        times: Times {
            registration: RegistrationTimes {
                expires: Duration::from_secs(chance.pick(&expires).unwrap_or(3_600)),
                ..RegistrationTimes::default()
            },
            ..Times::default()
        },
    }
}

fn talker(chance: &mut Chance, number: usize, target: TargetProfile) -> CallerProfile {
    let codec = chance.pick(&[Codec::Pcmu, Codec::Pcmu, Codec::Pcma]);
    CallerProfile {
        user_agent: "Oyez".to_owned(),
        domain: DOMAIN.to_owned(),
        media: media(chance, &target, codec.into_iter().collect()),
        targets: vec![target],
        account: account(&talker_user(number)),
        dialled: String::new(),
        sips: false,
        input_rate: SampleRate::Hz8000,
        answer_max: Duration::from_secs(20),
        pin: None,
    }
}

fn zone(chance: &mut Chance) -> Config {
    let mut config = Config::new("zone-a", parsed("acme"));
    config.hosts = vec![NAME.to_owned()];
    config.media.plain = PlainMedia::OverClearFlows;
    let manner = if chance.happens(500) {
        KeepAliveManner::LineBreaks
    } else {
        KeepAliveManner::Options
    };
    config.keep_alive = config.keep_alive.map(|known| KeepAlive { manner, ..known });
    config
}

fn directory(chance: &mut Chance, stations: &[Station]) -> Snapshot {
    let mut users_known = Vec::new();
    let mut credentials = Vec::new();
    let (mut all, mut alert) = (Vec::new(), Vec::new());
    let mut groups: Vec<Vec<SipUser>> = vec![Vec::new(); GROUPS.len()];
    for (user, kind, hears_alerts) in stations.iter().flat_map(users_and_alerts) {
        users_known.push(User {
            user: user.clone(),
            name: format!("The {user}"),
            kind: UserKind::Phone,
        });
        credentials.push(credential(chance, user));
        match kind {
            Some(SlotKind::Page) => {
                all.push(user.clone());
                if hears_alerts {
                    alert.push(user.clone());
                }
                let home = chance.index(GROUPS.len());
                let second = chance.index(GROUPS.len());
                for (place, group) in groups.iter_mut().enumerate() {
                    if place == home || place == second {
                        group.push(user.clone());
                    }
                }
            }
            Some(SlotKind::Alert) => alert.push(user.clone()),
            Some(SlotKind::Ring) | None => {}
        }
    }
    let page_group = |number: &str, members| ExtensionRecord {
        extension: parsed(number),
        name: format!("group {number}"),
        role: ExtensionRole::PageGroup {
            members,
            urgency: Urgency::Normal,
        },
    };
    let mut extensions = vec![page_group(ALL, all)];
    extensions.extend(
        GROUPS
            .iter()
            .zip(groups)
            .map(|(number, members)| page_group(number, members)),
    );
    extensions.push(ExtensionRecord {
        extension: parsed(ALERT),
        name: "alert".to_owned(),
        role: ExtensionRole::Alert { members: alert },
    });
    let allow = |action| Permission {
        who: Who::Anyone,
        action,
        subject: Subject::Any,
        pin: None,
    };
    Snapshot {
        account: parsed("acme"),
        epoch: Epoch(1),
        realm: "acct-7".to_owned(),
        domain: DOMAIN.to_owned(),
        default_algorithm: DigestAlgorithm::Sha256,
        users: users_known,
        credentials,
        extensions,
        permissions: [Action::Call, Action::Page, Action::Alert].map(allow).to_vec(),
    }
}

fn credential(chance: &mut Chance, user: &SipUser) -> Credential {
    let algorithm = if chance.happens(300) {
        DigestAlgorithm::Md5
    } else {
        DigestAlgorithm::Sha256
    };
    Credential {
        authorization_id: parsed(&authorization_id(user.as_str())),
        user: user.clone(),
        algorithm,
        generation: Generation(1),
        secret: CredentialSecret::Password(Secret::from(password(user.as_str()).as_str())),
    }
}

/// An id that is made here and therefore valid.
fn parsed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse()
        .expect("ids made of letters, digits and dashes are valid")
}
