//! What happens when: drawn from the seed before a run begins.
//!
//! ```text
//!   0 s        begin                              calm                 check        end
//!   │ power on │ pages and faults, in bad weather │ everything heals   │ last page, │
//!   │          │                                  │                    │ shut down  │
//! ```

use std::time::Duration;

use crate::chance::{Chance, Purpose};
use crate::scenario::{Faults, PAGES_MAX, Scenario, Weather};
use crate::site::{ALERT, ALL, GROUPS};
use crate::sound::PERIOD;
use crate::station::StationId;

/// Devices are switched on within this time.
const POWER_ON: Duration = Duration::from_secs(3);
/// Pages and faults begin when everybody should be registered.
const BEGIN: Duration = Duration::from_secs(15);
/// What is left of the last page after this time is too much.
const LAST_PAGE_TIME: Duration = Duration::from_secs(15);
/// How often everybody is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Of a thousand pages, those that begin soon after the one before, and how soon.
const RIVAL_PERMILLE: u16 = 300;
const RIVAL_WITHIN: Duration = Duration::from_secs(2);
/// Time in which everything is gone that was left after all devices were shut down: the longest SIP timer and some more.
const FAREWELL_TIME: Duration = Duration::from_secs(40);

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A device starts.
    Boot(StationId),
    /// The zone starts.
    BootZone,
    /// The zone's copy of the directory arrives.
    Directory,
    /// Somebody calls a group.
    Page(PagePlan),
    /// Something goes wrong.
    Fault(Fault),
    /// A sink is as it should be again.
    MendSink(StationId),
    /// The weather changes.
    Weather(Weather),
    /// From here on nothing goes wrong.
    Calm,
    /// A stranger calls, registers and talks into whatever is open.
    Intrude(StationId),
    /// What everybody holds must be bounded, and everybody must be reached who has been left alone for long enough.
    Look,
    /// Everything must have healed.
    CheckHealed,
    /// Every page must be over.
    CheckIdle,
    /// All devices take their leave.
    ShutDown,
    /// The run is over, and nothing may be left.
    CheckEmpty,
}

/// A page that is going to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PagePlan {
    /// Which, from 0; it has a talker of its own.
    pub(crate) number: usize,
    /// What is dialled.
    pub(crate) extension: &'static str,
    /// Periods of speech.
    pub(crate) periods: u32,
    /// It comes after everything has healed, and everybody must hear it.
    pub(crate) is_last: bool,
}

/// Something that goes wrong. Durations say for how long, or how long until the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Crash(StationId, Duration),
    PowerCut(StationId, Duration),
    Restart(StationId, Duration),
    Cut(StationId, Duration),
    Reset(StationId),
    Rebind(StationId),
    SinkFails(StationId, Duration),
    SinkStandsStill(StationId, Duration),
    Muted(StationId, Duration),
    ZoneCrash(Duration),
    ZonePowerCut(Duration),
    ZoneCut(Duration),
}

/// Everything that happens, with its time from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) acts: Vec<(Duration, Act)>,
    /// Of a thousand questions to the DNS, those that fail before the calm.
    pub(crate) dns_permille: u16,
}

impl Plan {
    pub(crate) fn draw(seed: u64, scenario: &Scenario) -> Self {
        let mut drawing = Drawing {
            chance: Chance::new(seed, Purpose::Plan),
            devices: scenario.devices,
            acts: Vec::new(),
            paged_at: Vec::new(),
        };
        drawing.power_on();
        drawing.pages(scenario);
        drawing.faults(scenario);
        let calm = BEGIN + scenario.busy;
        drawing.add(calm, Act::Calm);
        let check = calm + scenario.healing;
        drawing.add(check, Act::CheckHealed);
        drawing.last_page(check, scenario);
        drawing.intrusions(scenario);
        let over = check + LAST_PAGE_TIME;
        let mut look = BEGIN;
        while look < over {
            drawing.add(look, Act::Look);
            look += LOOK_EVERY;
        }
        drawing.add(over, Act::CheckIdle);
        drawing.add(over, Act::ShutDown);
        drawing.add(over + FAREWELL_TIME, Act::CheckEmpty);
        let dns_permille = drawing.level(scenario.faults.dns_permille);
        Self {
            acts: drawing.acts,
            dns_permille,
        }
    }
}

struct Drawing {
    chance: Chance,
    devices: usize,
    acts: Vec<(Duration, Act)>,
    /// When pages are called.
    paged_at: Vec<Duration>,
}

impl Drawing {
    fn add(&mut self, at: Duration, act: Act) {
        self.acts.push((at, act));
    }

    fn power_on(&mut self) {
        let zone_on = self.chance.duration(Duration::ZERO, POWER_ON);
        self.add(zone_on, Act::BootZone);
        for device in 0..self.devices {
            let at = self.chance.duration(Duration::ZERO, POWER_ON);
            self.add(at, Act::Boot(StationId(device)));
        }
    }

    fn pages(&mut self, scenario: &Scenario) {
        for number in 0..scenario.pages.min(PAGES_MAX) {
            let at = match self.paged_at.last() {
                // Two pages at a time want the same loudspeakers.
                Some(before) if self.chance.happens(RIVAL_PERMILLE) => {
                    *before + self.chance.duration(Duration::ZERO, RIVAL_WITHIN)
                }
                Some(_) | None => BEGIN + self.chance.duration(Duration::ZERO, scenario.busy),
            };
            self.paged_at.push(at);
            let extension = match self.chance.below(10) {
                0..=2 => ALL,
                3..=4 => ALERT,
                _ => self.chance.pick(&GROUPS).unwrap_or(ALL),
            };
            let page = self.page(number, extension, scenario);
            self.add(at, Act::Page(page));
        }
    }

    fn last_page(&mut self, at: Duration, scenario: &Scenario) {
        let number = scenario.pages.min(PAGES_MAX);
        let page = self.page(number, ALL, scenario);
        self.paged_at.push(at);
        self.add(
            at,
            Act::Page(PagePlan {
                is_last: true,
                ..page
            }),
        );
    }

    fn page(&mut self, number: usize, extension: &'static str, scenario: &Scenario) -> PagePlan {
        let length = self.chance.duration(scenario.page_min, scenario.page_max);
        let periods = length.as_millis() / PERIOD.as_millis();
        PagePlan {
            number,
            extension,
            periods: u32::try_from(periods).unwrap_or(u32::MAX),
            is_last: false,
        }
    }

    fn faults(&mut self, scenario: &Scenario) {
        let Faults {
            weather:
                Weather {
                    loss_permille,
                    double_permille,
                    detour_permille,
                    delay,
                    jitter,
                },
            dns_permille: _,
            device_crashes,
            device_power_cuts,
            device_restarts,
            cut_lines,
            resets,
            rebindings,
            sink_faults,
            zone_crashes,
            zone_power_cuts,
            zone_cuts,
            intrusions: _,
        } = scenario.faults;
        let weather = Weather {
            loss_permille: self.level(loss_permille),
            double_permille: self.level(double_permille),
            detour_permille: self.level(detour_permille),
            delay: self.chance.duration(Duration::ZERO, delay),
            jitter: self.chance.duration(Duration::ZERO, jitter),
        };
        self.add(Duration::ZERO, Act::Weather(weather));
        let seconds = |drawing: &mut Self, from, to| {
            drawing
                .chance
                .duration(Duration::from_secs(from), Duration::from_secs(to))
        };
        self.some(scenario, device_crashes, |drawing| {
            Fault::Crash(drawing.device(), seconds(drawing, 0, 5))
        });
        self.some(scenario, device_power_cuts, |drawing| {
            Fault::PowerCut(drawing.device(), seconds(drawing, 1, 20))
        });
        self.some(scenario, device_restarts, |drawing| {
            Fault::Restart(drawing.device(), seconds(drawing, 0, 5))
        });
        self.some(scenario, cut_lines, |drawing| {
            Fault::Cut(drawing.device(), seconds(drawing, 0, 45))
        });
        self.some(scenario, resets, |drawing| Fault::Reset(drawing.device()));
        self.some(scenario, rebindings, |drawing| Fault::Rebind(drawing.device()));
        self.some(scenario, sink_faults, |drawing| {
            let (device, length) = (drawing.device(), seconds(drawing, 1, 40));
            match drawing.chance.below(3) {
                0 => Fault::SinkFails(device, length),
                1 => Fault::SinkStandsStill(device, length),
                _ => Fault::Muted(device, length),
            }
        });
        self.some(scenario, zone_crashes, |drawing| {
            Fault::ZoneCrash(seconds(drawing, 0, 3))
        });
        self.some(scenario, zone_power_cuts, |drawing| {
            Fault::ZonePowerCut(seconds(drawing, 1, 15))
        });
        self.some(scenario, zone_cuts, |drawing| {
            Fault::ZoneCut(seconds(drawing, 0, 20))
        });
    }

    /// A stranger is there while a page is on; it is no fault, and stays when everything else has healed.
    fn intrusions(&mut self, scenario: &Scenario) {
        if scenario.faults.intrusions == 0 {
            return;
        }
        for _intrusion in 0..=self.chance.below(scenario.faults.intrusions) {
            let offset = self
                .chance
                .duration(Duration::from_millis(200), scenario.page_max);
            let paged_at = self.paged_at.clone();
            if let Some(at) = self.chance.pick(&paged_at) {
                let device = self.device();
                self.add(at + offset, Act::Intrude(device));
            }
        }
    }

    /// Some faults of a kind at any time; none at all in a third of all runs, so that kinds are also seen without each
    /// other.
    fn some(&mut self, scenario: &Scenario, most: u64, draw: impl Fn(&mut Self) -> Fault) {
        if most == 0 || self.chance.happens(333) {
            return;
        }
        for _fault in 0..=self.chance.below(most) {
            let at = BEGIN + self.chance.duration(Duration::ZERO, scenario.busy);
            let fault = draw(self);
            self.add(at, Act::Fault(fault));
        }
    }

    /// A rate up to the highest; none at all in a third of all runs.
    fn level(&mut self, most: u16) -> u16 {
        if self.chance.happens(333) {
            return 0;
        }
        u16::try_from(self.chance.below(u64::from(most) + 1)).unwrap_or(0)
    }

    fn device(&mut self) -> StationId {
        StationId(self.chance.index(self.devices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_its_plan_again_and_another_one_another() {
        let scenario = Scenario::default();

        assert_eq!(Plan::draw(5, &scenario), Plan::draw(5, &scenario));
        assert_ne!(Plan::draw(5, &scenario), Plan::draw(6, &scenario));
    }

    #[test]
    fn nothing_goes_wrong_in_a_calm_scenario_nor_after_the_calm() {
        let calm = Plan::draw(5, &Scenario::calm(5, 2));
        assert!(!calm.acts.iter().any(|(_, act)| matches!(act, Act::Fault(_))));

        let scenario = Scenario::default();
        for seed in 0..100 {
            let late = Plan::draw(seed, &scenario)
                .acts
                .into_iter()
                .any(|(at, act)| matches!(act, Act::Fault(_)) && at >= BEGIN + scenario.busy);
            assert!(!late);
        }
    }
}
