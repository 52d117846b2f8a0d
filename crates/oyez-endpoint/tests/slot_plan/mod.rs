//! The slots of one endpoint: a page extension, three zones, ten rings, ten alerts and the cancel extension.

use std::fmt::Write as _;

use endpoint::tones::BuiltinTone;

/// Rings and alerts of the endpoint.
const OF_A_KIND: u8 = 10;
/// Zones of the endpoint.
const ZONES: u8 = 3;

/// One slot, and what a call to it has to do.
pub(crate) struct Slot {
    /// Its id in events and statuses.
    pub(crate) id: String,
    /// Kind of slot as a directory names it.
    pub(crate) kind: &'static str,
    pub(crate) user: String,
    pub(crate) authorization_id: String,
    pub(crate) password: String,
    pub(crate) does: Does,
    /// Called by linphone, and else by baresip.
    pub(crate) is_called_by_linphone: bool,
    /// Called where only one slot of each kind and one by each phone is.
    pub(crate) is_representative: bool,
    keys: String,
}

/// What a slot does when it is called.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    /// Plays a tone, if it has one, and then the caller's voice, and flashes as said.
    Speak(Option<BuiltinTone>, &'static str),
    /// Repeats a tone while the caller rings.
    Ring(BuiltinTone),
    /// Plays an announcement once.
    Announce(BuiltinTone, &'static str),
    /// Plays an announcement until it is cancelled.
    AnnounceUntilCancelled(BuiltinTone),
    /// Ends the announcement that was started before, and confirms that with a tone.
    Cancel(BuiltinTone),
}

const GREEN: &str = "green steady";
const RED: &str = "red multi_strobe_fast";
const AMBER: &str = "amber classic_medium";

/// All slots in the order of kind and port.
pub(crate) fn slots() -> Vec<Slot> {
    let pages = (1..=ZONES + 1).map(page);
    let rings = (1..=OF_A_KIND).map(ring);
    let alerts = (1..=OF_A_KIND).map(alert);
    pages.chain(rings).chain(alerts).chain([cancel()]).collect()
}

/// The endpoint's configuration, as far as its slots go.
pub(crate) fn configuration(slots: &[Slot]) -> String {
    slots.iter().map(|slot| slot.keys.as_str()).collect()
}

fn page(port: u8) -> Slot {
    let tone = match port {
        1 | 2 => Some(BuiltinTone::PageNotification),
        3 => Some(BuiltinTone::Gong),
        _ => None,
    };
    let mut slot = Slot::new(
        ("page", "page", port, 7_100),
        Does::Speak(tone, GREEN),
        [1, ZONES + 1],
    );
    let zone = port - 1;
    if port == 1 {
        slot.keys(&["sip.u1.user", "sip.u1.auth", "sip.u1.pwd"].map(str::to_owned));
    } else {
        slot.keys(&["ext", "auth", "pwd"].map(|key| format!("mcast.{key}{zone}")));
    }
    match port {
        3 => slot.set(&format!("mcast.tone{zone}"), BuiltinTone::Gong.name()),
        4 => slot.set(&format!("mcast.tone{zone}"), "None"),
        _ => {}
    }
    slot
}

fn ring(port: u8) -> Slot {
    let tones = [
        BuiltinTone::WarbleMedium,
        BuiltinTone::WarbleLow,
        BuiltinTone::WarbleHigh,
        BuiltinTone::WarbleTrill,
        BuiltinTone::BellNorthAmerica,
        BuiltinTone::BellGreatBritain,
        BuiltinTone::Gong,
        BuiltinTone::Buzzer,
        BuiltinTone::Chime,
    ];
    let tone = tones[usize::from(port - 1) % tones.len()];
    let mut slot = Slot::new(("ring", "ring", port, 7_200), Does::Ring(tone), [1, OF_A_KIND]);
    slot.keys(&["user", "auth", "pwd"].map(|key| format!("sip.alert{port}.{key}")));
    if port > 1 {
        slot.set(&format!("sip.alert{port}.tone"), tone.name());
    }
    slot
}

fn alert(port: u8) -> Slot {
    let does = match port {
        1 | OF_A_KIND => Does::AnnounceUntilCancelled(BuiltinTone::Evacuation),
        2 => Does::Speak(None, RED),
        3 => Does::Announce(BuiltinTone::Drill, AMBER),
        4 => Does::Announce(BuiltinTone::Evacuation, RED),
        5 => Does::Announce(BuiltinTone::Gong, RED),
        6 => Does::Announce(BuiltinTone::BellNorthAmerica, RED),
        7 => Does::Announce(BuiltinTone::Buzzer, RED),
        8 => Does::Announce(BuiltinTone::WarbleTrill, RED),
        9 => Does::Announce(BuiltinTone::BellGreatBritain, RED),
        _ => Does::Announce(BuiltinTone::WarbleHigh, RED),
    };
    let mut slot = Slot::new(("alert", "alert", port, 7_300), does, [1, OF_A_KIND]);
    slot.keys(&["ext", "auth", "pwd"].map(|key| format!("ann.{key}{port}")));
    match does {
        Does::Speak(..) => slot.set(&format!("ann.tone{port}"), "None"),
        Does::Announce(tone, _) => {
            slot.set(&format!("ann.tone{port}"), tone.name());
            slot.set(&format!("ann.loop{port}"), "0");
        }
        Does::AnnounceUntilCancelled(_) | Does::Ring(_) | Does::Cancel(_) => {}
    }
    if port == 3 {
        slot.set("oyez.ann.drill3", "1");
    }
    slot
}

fn cancel() -> Slot {
    let does = Does::Cancel(BuiltinTone::PageNotification);
    let mut slot = Slot::new(("alert", "alert", 11, 7_300), does, [11, 11]);
    slot.keys(&["cancel.ext", "cancel.auth", "cancel.pwd"].map(str::to_owned));
    slot
}

impl Slot {
    /// A slot of a kind at a port, with users from a number on; the ports that stand for the kind are the first one, called by
    /// baresip, and the last one, called by linphone.
    fn new(
        (prefix, kind, port, users): (&str, &'static str, u8, u16),
        does: Does,
        [first, last]: [u8; 2],
    ) -> Self {
        let user = (users + u16::from(port)).to_string();
        Self {
            id: format!("{prefix}-{port}"),
            kind,
            authorization_id: format!("88{user}"),
            password: format!("secret-of-{user}"),
            user,
            does,
            is_called_by_linphone: port == last && first != last,
            is_representative: port == first || port == last,
            keys: String::new(),
        }
    }

    /// Sets extension, authentication id and password.
    fn keys(&mut self, keys: &[String; 3]) {
        let values = [&self.user, &self.authorization_id, &self.password].map(Clone::clone);
        for (key, value) in keys.iter().zip(values) {
            self.set(key, &value);
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        writeln!(self.keys, "{key} = {value}").unwrap();
    }
}
