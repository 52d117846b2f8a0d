//! The plan carried out: starts, pages, faults.

use std::net::IpAddr;
use std::time::Duration;

use endpoint::Input;
use model::directory::{Epoch, Update};
use model::status::SinkHealth;

use super::World;
use crate::agenda::Event;
use crate::ledger::Trouble;
use crate::network::Direction;
use crate::plan::{Act, Fault, PagePlan};
use crate::scenario::{Defect, Weather};
use crate::sound::Tag;
use crate::station::{Setup, Speech, StationId};
use crate::zone;

/// Longest time after a start of the zone until its directory comes.
const DIRECTORY_DELAY_MAX: Duration = Duration::from_secs(2);

impl World<'_> {
    pub(super) fn act(&mut self, act: Act) {
        match act {
            Act::Boot(id) => self.boot(id),
            Act::BootZone => self.boot_zone(),
            Act::Directory => self.directory(Epoch(1)),
            Act::Page(plan) => self.page(plan),
            Act::Fault(fault) => self.fault(fault),
            Act::MendSink(id) => self.mend_sink(id),
            Act::Weather(weather) => {
                let at = self.elapsed();
                self.trace.note(at, None, format_args!("weather: {weather:?}"));
                self.network.set_weather(weather);
            }
            Act::Calm => {
                self.network.set_weather(Weather::CALM);
                self.network.set_dns(0);
            }
            Act::Intrude(near) => self.intrude(near),
            Act::Look => {
                if self.defect == Some(Defect::Forgotten) {
                    self.directory(Epoch(2));
                }
                self.look();
            }
            Act::CheckHealed => self.check_healed(),
            Act::CheckIdle => self.check_idle(),
            Act::ShutDown => self.shut_down(),
            Act::CheckEmpty => self.check_empty(),
        }
    }

    fn after(&mut self, delay: Duration, act: Act) {
        self.agenda.add(self.now + delay, Event::Act(act));
    }

    fn boot(&mut self, id: StationId) {
        let (now, seed) = (self.now, self.cores.seed());
        if self.has(Defect::Absent, id) {
            return;
        }
        let Some(station) = self.stations.get_mut(id).filter(|station| station.core.is_none()) else {
            // It was to be started twice: by two faults at a time.
            return;
        };
        station.boot(seed);
        let (health, is_muted) = (station.sink.health.clone(), station.sink.is_muted);
        self.note(id, format_args!("starts"));
        if let Some(core) = self.stations.core_mut(id) {
            core.handle_input(now, Input::Sink(health));
            core.handle_input(now, Input::Muted(is_muted));
            core.start(now);
        }
        self.settle(id);
    }

    fn boot_zone(&mut self) {
        if self.zone.process.is_some() {
            return;
        }
        let seeds = (self.cores.seed(), self.cores.seed());
        self.zone.boot(seeds.0, seeds.1);
        self.note_zone(format_args!("starts"));
        let delay = self.cores.duration(Duration::ZERO, DIRECTORY_DELAY_MAX);
        if self.zone.incarnation > 1 {
            self.ledger.zone_trouble(self.now, self.now + delay);
        }
        self.after(delay, Act::Directory);
    }

    fn directory(&mut self, epoch: Epoch) {
        let mut directory = self.roster.directory.clone();
        if epoch > directory.epoch {
            // A user without a credential loses its binding, and hears nothing of it.
            directory.epoch = epoch;
            directory.credentials.remove(0);
        }
        self.give_zone(switch::Input::Directory(Update::Snapshot(directory)));
    }

    /// A talker calls a group.
    fn page(&mut self, plan: PagePlan) {
        let id = self.stations.talker(plan.number);
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        if let Setup::Talker(profile) = &mut station.setup {
            plan.extension.clone_into(&mut profile.dialled);
        }
        station.speech = Some(Speech {
            tag: Tag::of_page(plan.number),
            left: plan.periods,
            silence: 0,
        });
        let members = self.roster.members_by_group.get(plan.extension).cloned();
        self.ledger.call(self.now, plan, id, members.unwrap_or_default());
        self.boot(id);
    }

    fn fault(&mut self, fault: Fault) {
        self.tally.faults += 1;
        let at = self.elapsed();
        let about = fault.station();
        self.trace.note(at, about, format_args!("FAULT {fault:?}"));
        let until = self.now + fault.length();
        match about {
            Some(id) => self.ledger.trouble(id, fault.trouble(), self.now, until),
            None => self.ledger.zone_trouble(self.now, until),
        }
        match fault {
            Fault::Crash(id, pause) => {
                self.crash(id, true);
                self.after(pause, Act::Boot(id));
            }
            Fault::PowerCut(id, pause) => {
                self.crash(id, false);
                self.after(pause, Act::Boot(id));
            }
            Fault::Restart(id, pause) => {
                self.give(id, Input::Shutdown);
                self.after(pause + RESTART_MIN, Act::Boot(id));
            }
            Fault::Cut(id, length) => {
                if let Some(address) = self.stations.get(id).map(|station| station.address) {
                    self.cut(address, length);
                }
            }
            Fault::Reset(id) => self.reset(id),
            Fault::Rebind(id) => self.rebind(id),
            Fault::SinkFails(id, length) => self.sink_fails(id, length, true),
            Fault::SinkStandsStill(id, length) => self.sink_fails(id, length, false),
            Fault::Muted(id, length) => {
                if let Some(station) = self.stations.get_mut(id) {
                    station.sink.is_muted = true;
                }
                self.give(id, Input::Muted(true));
                self.after(length, Act::MendSink(id));
            }
            Fault::ZoneCrash(pause) => self.zone_crash(true, pause),
            Fault::ZonePowerCut(pause) => self.zone_crash(false, pause),
            Fault::ZoneCut(length) => self.cut(zone::ADDRESS, length),
        }
    }

    fn cut(&mut self, host: IpAddr, length: Duration) {
        self.network.cut(host, self.now + length);
    }

    /// A process ends without a word; its system closes the streams, if it has the power to.
    fn crash(&mut self, id: StationId, has_power: bool) {
        if let Some(station) = self.stations.get_mut(id) {
            station.kill();
            station.has_power = has_power;
        }
        self.process_ends(id, has_power);
    }

    /// Closes what an ended process had open.
    pub(super) fn process_ends(&mut self, id: StationId, tells: bool) {
        for stream in self.network.streams.of_station(id) {
            self.close_end(stream, Direction::Down, tells);
        }
    }

    fn reset(&mut self, id: StationId) {
        for stream in self.network.streams.of_station(id) {
            let end = |direction| crate::agenda::StreamEvent::Ended { direction };
            for direction in [Direction::Up, Direction::Down] {
                let at = self.now + self.network.transit();
                let event = end(direction);
                self.agenda.add(at, Event::Stream { stream, event });
            }
        }
    }

    /// The address translator of a station forgets it: other mappings for datagrams, no way for its streams.
    fn rebind(&mut self, id: StationId) {
        let Some(address) = self.stations.get(id).map(|station| station.address) else {
            return;
        };
        if !self.network.translators.hides(address) {
            return;
        }
        self.network.translators.rebind(address);
        for stream in self.network.streams.of_station(id) {
            if let Some(known) = self.network.streams.get_mut(stream) {
                known.is_severed = true;
            }
        }
    }

    fn sink_fails(&mut self, id: StationId, length: Duration, says_so: bool) {
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        if says_so {
            let reason = "the plan says so".to_owned();
            station.sink.health = SinkHealth::Faulty { reason };
            let health = station.sink.health.clone();
            self.give(id, Input::Sink(health));
        } else {
            station.sink.stands_still = true;
        }
        self.after(length, Act::MendSink(id));
    }

    fn mend_sink(&mut self, id: StationId) {
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        station.sink.health = SinkHealth::Healthy;
        station.sink.is_muted = false;
        station.sink.stands_still = false;
        self.give(id, Input::Sink(SinkHealth::Healthy));
        self.give(id, Input::Muted(false));
    }

    fn zone_crash(&mut self, has_power: bool, pause: Duration) {
        self.zone.process = None;
        self.zone.has_power = has_power;
        for stream in self.network.streams.of_zone() {
            self.close_end(stream, Direction::Up, has_power);
        }
        self.after(pause, Act::BootZone);
    }

    /// All devices take their leave.
    fn shut_down(&mut self) {
        for id in self.stations.device_ids() {
            self.give(id, Input::Shutdown);
        }
    }
}

/// Time that a restart takes at least: a farewell may take two seconds.
const RESTART_MIN: Duration = Duration::from_secs(3);

impl Fault {
    /// The station it hits; `None` for those of the zone.
    fn station(self) -> Option<StationId> {
        match self {
            Self::Crash(id, _)
            | Self::PowerCut(id, _)
            | Self::Restart(id, _)
            | Self::Cut(id, _)
            | Self::Reset(id)
            | Self::Rebind(id)
            | Self::SinkFails(id, _)
            | Self::SinkStandsStill(id, _)
            | Self::Muted(id, _) => Some(id),
            Self::ZoneCrash(_) | Self::ZonePowerCut(_) | Self::ZoneCut(_) => None,
        }
    }

    /// How long it lasts, or until it is made good.
    fn length(self) -> Duration {
        match self {
            Self::Crash(_, length)
            | Self::PowerCut(_, length)
            | Self::Cut(_, length)
            | Self::SinkFails(_, length)
            | Self::SinkStandsStill(_, length)
            | Self::Muted(_, length)
            | Self::ZoneCrash(length)
            | Self::ZonePowerCut(length)
            | Self::ZoneCut(length) => length,
            Self::Restart(_, length) => length + RESTART_MIN,
            Self::Reset(_) | Self::Rebind(_) => Duration::ZERO,
        }
    }

    fn trouble(self) -> Trouble {
        match self {
            Self::SinkFails(..) | Self::SinkStandsStill(..) | Self::Muted(..) => Trouble::Sink,
            Self::Crash(..)
            | Self::PowerCut(..)
            | Self::Restart(..)
            | Self::Cut(..)
            | Self::Reset(_)
            | Self::Rebind(_)
            | Self::ZoneCrash(_)
            | Self::ZonePowerCut(_)
            | Self::ZoneCut(_) => Trouble::Fault,
        }
    }
}
