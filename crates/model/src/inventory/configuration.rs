//! The configuration file of a device, by what stands in its slots.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Device, DisplayName, HardwareSettings, HardwareWhat, Line, LinePlace, SlotPart};
use crate::config::{HostPort, SlotKeys, TEXT_LENGTH_MAX};
use crate::{Secret, SlotKind, SlotPosition};

/// Longest notice that is spoken in the portal or given to the API as a sound: what is longer would be cut by devices.
pub const NOTICE_LENGTH_MAX: Duration = Duration::from_secs(600);
/// What an endpoint gives a page beyond that: it counts from its answer, and what it hears begins later.
const NOTICE_MARGIN: Duration = Duration::from_secs(30);

/// Where the devices of an account register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// The SIP domain.
    pub domain: String,
    /// The zone they hang on first.
    pub outbound_proxy: HostPort,
    /// The zone they hang on besides.
    pub second_outbound_proxy: Option<HostPort>,
}

/// Writes the file that an endpoint of ours fetches: over which line it registers, and every slot that it has, so that what has been
/// taken away is emptied. `lines` are those of the device, each with the name of who it belongs to.
#[must_use]
pub fn configuration_of(device: &Device, lines: &[(&Line, &DisplayName)], uplink: &Uplink) -> String {
    let mut file = File::default();
    file.comment(&format!("{} ({})", device.name, device.mac));
    file.set("sip.proxy", &uplink.domain);
    file.set("sip.transp", "tls");
    file.set("sip.obproxy", &uplink.outbound_proxy.to_string());
    let second = uplink.second_outbound_proxy.as_ref();
    file.set(
        "oyez.obproxy2",
        &second.map(ToString::to_string).unwrap_or_default(),
    );
    file.set("sip.srtp", "standard");
    file.set("sip.srtp.suite", "all");
    file.set("oyez.tls.validate", "1");
    let longest = NOTICE_LENGTH_MAX.saturating_add(NOTICE_MARGIN);
    file.set("phone.timeout.inbound", &longest.as_secs().to_string());
    for kind in SlotKind::ALL {
        for position in SlotPosition::all(kind) {
            let line = lines
                .iter()
                .find(|(line, _)| line.place == LinePlace::Slot(position));
            file.slot(position, line.copied());
        }
    }
    file.text
}

/// Writes the same for hardware of others, in its own words: what its maker calls otherwise, or nobody knows how, is not written. The
/// password is that of its own pages.
#[must_use]
pub fn hardware_configuration_of(
    device: &Device,
    lines: &[(&Line, &DisplayName)],
    uplink: &Uplink,
    settings: &HardwareSettings,
    admin_password: Option<&Secret>,
) -> String {
    let mut file = File::default();
    file.comment(&format!("{} ({})", device.name, device.mac));
    let line_at = |position| {
        let mut lines = lines.iter();
        lines.find(|(line, _)| line.place == LinePlace::Slot(position))
    };
    let second = uplink.second_outbound_proxy.as_ref();
    let name = line_at(SlotPosition::BASE_PAGE).map_or("", |(_, name)| name.as_str());
    for setting in settings.iter().filter(|setting| !setting.key.is_empty()) {
        let value = match setting.what {
            HardwareWhat::Domain => uplink.domain.clone(),
            HardwareWhat::OutboundProxy => uplink.outbound_proxy.to_string(),
            HardwareWhat::SecondOutboundProxy => second.map(ToString::to_string).unwrap_or_default(),
            HardwareWhat::DisplayName => cut(name).to_owned(),
            HardwareWhat::AdminPassword => match admin_password {
                Some(password) => password.reveal().to_owned(),
                None => continue,
            },
            HardwareWhat::Slot(..) => continue,
            HardwareWhat::Transport
            | HardwareWhat::SrtpOffer
            | HardwareWhat::SrtpSuites
            | HardwareWhat::ValidateServer
            | HardwareWhat::TlsVersion
            | HardwareWhat::LocalSurvivability
            | HardwareWhat::SurvivabilityProxy
            | HardwareWhat::LongestPage => setting.value.clone().unwrap_or_default(),
        };
        file.set(&setting.key, &value);
    }
    let positions = SlotKind::ALL.into_iter().flat_map(SlotPosition::all);
    // A slot that is switched on without an account is worse than one that is left alone.
    for position in positions.filter(|position| settings.can_fill(*position)) {
        let line = line_at(position).map(|(line, _)| *line);
        for (part, _) in SlotPart::ALL {
            let Some(key) = settings.slot_key(position, part) else {
                continue;
            };
            let value = match (part, line) {
                (SlotPart::Use, line) => {
                    if line.is_some() {
                        "1"
                    } else {
                        "0"
                    }
                }
                (_, None) => "",
                (SlotPart::User, Some(line)) => line.user.as_str(),
                (SlotPart::AuthorizationId, Some(line)) => line.authorization_id.as_str(),
                (SlotPart::Password, Some(line)) => line.password.reveal(),
            };
            file.set(&key, value);
        }
    }
    file.text
}

/// A name as long as a device takes it.
fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(TEXT_LENGTH_MAX))
        .unwrap_or(name)
}

/// A file while it is written.
#[derive(Default)]
struct File {
    text: String,
}

impl File {
    fn comment(&mut self, text: &str) {
        self.push(format_args!("# {text}"));
    }

    fn set(&mut self, key: &str, value: &str) {
        self.push(format_args!("{key} = {value}"));
    }

    fn slot(&mut self, position: SlotPosition, line: Option<(&Line, &DisplayName)>) {
        let keys = SlotKeys::of(position);
        if let Some(usage) = &keys.usage {
            self.set(usage, if line.is_some() { "1" } else { "0" });
        }
        if position == SlotPosition::BASE_PAGE {
            let name = line.map_or("", |(_, name)| name.as_str());
            self.set("sip.u1.dname", cut(name));
        }
        let Some((line, _)) = line else {
            for key in [&keys.user, &keys.authorization_id, &keys.password] {
                self.set(key, "");
            }
            return;
        };
        self.set(&keys.user, line.user.as_str());
        self.set(&keys.authorization_id, line.authorization_id.as_str());
        self.set(&keys.password, line.password.reveal());
    }

    fn push(&mut self, line: std::fmt::Arguments<'_>) {
        // A String takes everything.
        let _is_written = writeln!(self.text, "{line}").is_ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceId;
    use crate::config::{Document, EndpointConfig, SrtpOffer, TransportChoice};
    use crate::directory::{DigestAlgorithm, Generation};
    use crate::inventory::{Description, DeviceType, HolderId, LineId, MacAddress, Timestamp};

    const LINES: [(SlotKind, u8); 5] = [
        (SlotKind::Page, 1),
        (SlotKind::Page, 3),
        (SlotKind::Ring, 2),
        (SlotKind::Alert, 10),
        (SlotKind::Alert, 11),
    ];

    fn line(position: SlotPosition) -> Line {
        Line {
            id: LineId::from_random(1),
            device: DeviceId::from_random(1),
            place: LinePlace::Slot(position),
            holder: HolderId::from_random(1),
            user: format!("user-{position}").parse().unwrap(),
            authorization_id: format!("id-{position}").parse().unwrap(),
            algorithm: DigestAlgorithm::Sha256,
            generation: Generation(1),
            password: Secret::new(format!("password-{position}")),
        }
    }

    fn device() -> Device {
        Device {
            id: DeviceId::from_random(1),
            name: DisplayName::new("Hall").unwrap(),
            description: Description::new("").unwrap(),
            mac: MacAddress::new([0; 6]),
            kind: DeviceType::Oyez,
            model: None,
            firmware: None,
            site: None,
            added_at: Timestamp(0),
        }
    }

    fn uplink() -> Uplink {
        Uplink {
            domain: "one.example.com".to_owned(),
            outbound_proxy: "zone-a.example.com:5061".parse().unwrap(),
            second_outbound_proxy: None,
        }
    }

    fn read(lines: &[Line]) -> EndpointConfig {
        read_named("Große Halle", lines)
    }

    fn read_named(name: &str, lines: &[Line]) -> EndpointConfig {
        let name = DisplayName::new(name).unwrap();
        let lines: Vec<_> = lines.iter().map(|line| (line, &name)).collect();
        let document = Document::parse(&configuration_of(&device(), &lines, &uplink())).unwrap();
        assert_eq!(document.unknown_keys(), []);
        EndpointConfig::from_document(&document).unwrap()
    }

    #[test]
    fn an_endpoint_reads_what_was_assigned_and_where_to_register() {
        let positions = LINES.map(|(kind, port)| SlotPosition::new(kind, port).unwrap());
        let config = read(&positions.map(line));
        let slots: Vec<_> = config.slots.iter().map(|slot| slot.position).collect();
        assert_eq!(slots, positions);
        for slot in &config.slots {
            let line = line(slot.position);
            assert_eq!(
                (&slot.user, &slot.authorization_id),
                (&line.user, &line.authorization_id)
            );
            assert_eq!(slot.password, Some(line.password));
        }
        assert_eq!(
            config.slots[0].display_name.as_ref().map(ToString::to_string),
            Some("Große Halle".to_owned())
        );
        assert_eq!(config.server.transport, TransportChoice::Tls);
        assert_eq!(config.security.srtp, SrtpOffer::Standard);
        assert!(config.security.validates_server);
        assert!(
            config.page.length_max > NOTICE_LENGTH_MAX,
            "it hears the longest notice to its end"
        );
    }

    #[test]
    fn a_name_that_is_longer_than_an_endpoint_takes_is_cut_between_two_characters() {
        let lines = [line(SlotPosition::BASE_PAGE)];
        for (name, octets) in [
            ("ä".repeat(128), 256),
            ("ä".repeat(255), 256),
            (format!("x{}", "ä".repeat(128)), 255),
        ] {
            let config = read_named(&name, &lines);
            let shown = config.slots[0]
                .display_name
                .as_ref()
                .map(ToString::to_string)
                .unwrap();
            assert!(name.starts_with(&shown));
            assert_eq!(shown.len(), octets);
        }
    }

    #[test]
    fn p05_a_name_makes_no_line_and_no_key_of_its_own() {
        let lines = [line(SlotPosition::BASE_PAGE)];
        for name in [
            "Hall\"; sip.proxy = evil",
            "${PATH} $MAC$ `id`",
            "# no comment",
            "[section] key: value",
            "left \u{202E}right",
            "= = =",
        ] {
            let config = read_named(name, &lines);
            let shown = config.slots[0].display_name.as_ref().map(ToString::to_string);
            assert_eq!(shown.as_deref(), Some(name));
            assert_eq!(config.slots.len(), 1);
        }
        for name in ["Hall\r\nsip.proxy = evil", "Hall\nsip.proxy = evil"] {
            assert!(DisplayName::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn hardware_is_told_in_its_own_words_and_nothing_that_it_does_not_know() {
        let positions = LINES.map(|(kind, port)| SlotPosition::new(kind, port).unwrap());
        let lines = positions.map(line);
        let name = DisplayName::new("Hall").unwrap();
        let named: Vec<_> = lines.iter().map(|line| (line, &name)).collect();
        let catalogue = crate::inventory::Catalogue::built_in();
        let file = |password: Option<&Secret>| {
            hardware_configuration_of(&device(), &named, &uplink(), catalogue.hardware(), password)
        };
        let text = file(Some(&Secret::from("of its pages")));
        for line in [
            "sip.proxy = one.example.com",
            "sip.obproxy = zone-a.example.com:5061",
            "admin.pwd = of its pages",
            "sip.page.use = 1",
            "sip.u1.user = user-page-1",
            "sip.u1.dname = Hall",
            "mcast.ext2 = user-page-3",
            "mcast.ext3 = ",
            "sip.alert2.pwd = password-ring-2",
            "sip.alert1.use = 0",
            "ann.ext10 = user-alert-10",
            "cancel.ext = user-alert-11",
            "phone.timeout.inbound = 600",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
        let keys: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(key, _)| key)
            .collect();
        for absent in ["oyez.", "ann.ext0", "mcast.ext0", "mcast.ext51"] {
            assert!(!keys.iter().any(|key| key.starts_with(absent)), "{absent}");
        }
        let mut once = keys.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), keys.len());
        assert!(!file(None).contains("admin.pwd"));
    }

    #[test]
    fn a_device_without_extensions_has_no_slots() {
        assert_eq!(read(&[]).slots, []);
    }
}
