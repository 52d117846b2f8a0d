//! How large a run is, and what goes wrong in it.

use std::time::Duration;

/// What is simulated. How it comes out in detail follows from the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Devices of the site; at most [`DEVICES_MAX`].
    pub devices: usize,
    /// Devices and talkers, of a thousand, that speak over datagrams; the others have streams.
    pub datagram_permille: u16,
    /// Pages while faults happen; one more follows when they have healed. At most [`PAGES_MAX`].
    pub pages: usize,
    /// Shortest page.
    pub page_min: Duration,
    /// Longest page.
    pub page_max: Duration,
    /// How long faults and pages go on.
    pub busy: Duration,
    /// How long everything has to heal before the last page.
    pub healing: Duration,
    /// What goes wrong.
    pub faults: Faults,
    /// What is broken on purpose, so that the judge has something to find.
    pub defect: Option<Defect>,
}

/// Something broken on purpose, always at the first device: no invariant is worth more than the proof that it can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Its loudspeaker takes nothing.
    Deaf,
    /// It plays everything twice.
    Echo,
    /// Its loudspeaker takes nothing, and reports say that it has heard.
    Lie,
    /// Reports do not come.
    Unreported,
    /// It never starts.
    Absent,
    /// The zone forgets it, and does not tell.
    Forgotten,
    /// It plays what strangers say.
    Credulous,
}

/// What packets have to put up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Datagrams lost, of a thousand. What a stream loses comes later.
    pub loss_permille: u16,
    /// Datagrams doubled, of a thousand.
    pub double_permille: u16,
    /// Datagrams of a thousand that take a much longer way, so that others overtake them.
    pub detour_permille: u16,
    /// Time each packet takes.
    pub delay: Duration,
    /// Time by which packets differ.
    pub jitter: Duration,
}

/// What goes wrong at most. Each seed leaves out some kinds, and draws the number of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The worst weather.
    pub weather: Weather,
    /// Questions to the DNS that fail, of a thousand.
    pub dns_permille: u16,
    /// Devices whose process crashes.
    pub device_crashes: u64,
    /// Devices that lose their power.
    pub device_power_cuts: u64,
    /// Devices that are shut down in good order and started again.
    pub device_restarts: u64,
    /// Devices whose line is cut for a while.
    pub cut_lines: u64,
    /// Streams that are reset.
    pub resets: u64,
    /// Devices whose address translator forgets them.
    pub rebindings: u64,
    /// Sinks that fail, stand still or are muted for a while.
    pub sink_faults: u64,
    /// Crashes of the zone's process.
    pub zone_crashes: u64,
    /// Losses of the zone's power.
    pub zone_power_cuts: u64,
    /// Cuts of the zone's line.
    pub zone_cuts: u64,
    /// Pages into which a stranger talks, and calls and registrations it tries.
    pub intrusions: u64,
}

/// What a usual site has of datagrams.
const DATAGRAM_PERMILLE: u16 = 400;
/// Devices that have addresses and names.
pub const DEVICES_MAX: usize = 1_000;
/// Pages that can be told apart by their sound: one is kept for the last.
pub const PAGES_MAX: usize = 15;

impl Weather {
    /// A local network on a quiet day.
    pub const CALM: Self = Self {
        loss_permille: 0,
        double_permille: 0,
        detour_permille: 0,
        delay: Duration::from_micros(400),
        jitter: Duration::from_micros(300),
    };
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        weather: Weather::CALM,
        dns_permille: 0,
        device_crashes: 0,
        device_power_cuts: 0,
        device_restarts: 0,
        cut_lines: 0,
        resets: 0,
        rebindings: 0,
        sink_faults: 0,
        zone_crashes: 0,
        zone_power_cuts: 0,
        zone_cuts: 0,
        intrusions: 0,
    };
}

impl Scenario {
    /// So many devices and pages on a network without faults.
    #[must_use]
    pub fn calm(devices: usize, pages: usize) -> Self {
        Self {
            devices,
            datagram_permille: DATAGRAM_PERMILLE,
            pages,
            page_min: Duration::from_secs(1),
            page_max: Duration::from_secs(2),
            busy: Duration::from_secs(60),
            healing: Duration::from_secs(5),
            faults: Faults::NONE,
            defect: None,
        }
    }
}

impl Default for Scenario {
    /// 200 devices and a few pages while everything goes wrong that can.
    ///
    /// After the last fault a device may have to wait for the longest pause between two attempts (60 s), for a
    /// connection attempt that nobody answers, and for a REGISTER that fails after 32 s; and the longest timer of a call
    /// is 200 s.
    fn default() -> Self {
        Self {
            devices: 200,
            datagram_permille: DATAGRAM_PERMILLE,
            pages: 6,
            page_min: Duration::from_secs(1),
            page_max: Duration::from_secs(2),
            busy: Duration::from_secs(120),
            healing: Duration::from_secs(240),
            faults: Faults {
                weather: Weather {
                    loss_permille: 60,
                    double_permille: 20,
                    detour_permille: 20,
                    delay: Duration::from_millis(40),
                    jitter: Duration::from_millis(30),
                },
                dns_permille: 200,
                device_crashes: 8,
                device_power_cuts: 8,
                device_restarts: 8,
                cut_lines: 20,
                resets: 20,
                rebindings: 20,
                sink_faults: 12,
                zone_crashes: 1,
                zone_power_cuts: 1,
                zone_cuts: 1,
                intrusions: 6,
            },
            defect: None,
        }
    }
}
