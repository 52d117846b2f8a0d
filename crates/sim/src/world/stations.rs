//! Stations: what a shell does for its core, its sink and its microphone.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use endpoint::{CallerEvent, ConnectToken, Input, Output};
use model::status::DeviceEvent;
use sip::flow::{Flow, Transport};
use sip::locate::{Answer, Query, Record, RecordKind, Target};

use super::World;
use super::datagrams::Kind;
use crate::agenda::Event;
use crate::ledger::Trouble;
use crate::network::Direction;
use crate::outcome::Invariant;
use crate::scenario::Defect;
use crate::sound::{PERIOD, PERIOD_SAMPLES, Tag};
use crate::station::{DATAGRAMS, HANGUP_PERIODS, Incarnation, StationId, Told};
use crate::zone;

/// Outputs of a station's core to one input: every slot registering, and every call it may have ending.
const OUTPUTS_MAX: usize = 256;

impl World<'_> {
    /// Gives a core an input.
    pub(super) fn give(&mut self, id: StationId, input: Input) {
        let now = self.now;
        if let Some(core) = self.stations.core_mut(id) {
            core.handle_input(now, input);
            self.settle(id);
        }
    }

    /// Carries out what a core wants done, and enters when it wants to be called again.
    pub(super) fn settle(&mut self, id: StationId) {
        let mut count = 0;
        while let Some(output) = self.stations.core_mut(id).and_then(|core| core.poll_output()) {
            count += 1;
            self.carry_out(id, output);
        }
        if count > OUTPUTS_MAX {
            let found = format!("{count} outputs to one input");
            self.broken(Invariant::Bounded, Some(id), &found);
        }
        self.schedule(id);
    }

    fn schedule(&mut self, id: StationId) {
        let now = self.now;
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        let Some(core) = &station.core else {
            return;
        };
        if let Some(at) = core.next_timeout().map(|at| at.max(now))
            && station.wake_at.is_none_or(|known| at < known)
        {
            station.wake_at = Some(at);
            self.agenda.add(at, Event::WakeStation(station.incarnation));
        }
        let wants_audio = station.device().is_some_and(endpoint::Endpoint::wants_audio);
        if wants_audio && !station.sink.is_due {
            station.sink.is_due = true;
            self.agenda
                .add(now + PERIOD, Event::SinkPeriod(station.incarnation));
        }
    }

    /// A station that runs in this incarnation.
    fn alive(&self, incarnation: Incarnation) -> Option<StationId> {
        let id = incarnation.station;
        let station = self.stations.get(id)?;
        (station.incarnation == incarnation && station.core.is_some()).then_some(id)
    }

    pub(super) fn wake_station(&mut self, incarnation: Incarnation) {
        let now = self.now;
        let Some(id) = self.alive(incarnation) else {
            return;
        };
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        if station.wake_at != Some(now) {
            // An earlier time was entered after this one.
            return;
        }
        station.wake_at = None;
        if let Some(core) = &mut station.core
            && core.next_timeout().is_some_and(|at| at <= now)
        {
            core.handle_timeout(now);
        }
        self.settle(id);
    }

    pub(super) fn socket_ready(&mut self, incarnation: Incarnation, token: ConnectToken, flow: Flow) {
        if let Some(id) = self.alive(incarnation) {
            self.give(id, Input::Connected { token, flow });
        }
    }

    pub(super) fn resolved(&mut self, incarnation: Incarnation, query: Query, fails: bool) {
        let Some(id) = self.alive(incarnation) else {
            return;
        };
        let answer = if fails {
            self.ledger.trouble(id, Trouble::Fault, self.now, self.now);
            Answer::Failed
        } else if query.kind == RecordKind::A && query.name == zone::NAME {
            Answer::Records(vec![Record::Address(zone::ADDRESS)])
        } else {
            Answer::NoData
        };
        self.note(
            id,
            format_args!("resolves {} {:?}: {answer:?}", query.name, query.kind),
        );
        self.give(id, Input::Resolved { query, answer });
    }

    /// The sink takes a period of sound.
    pub(super) fn sink_period(&mut self, incarnation: Incarnation) {
        let now = self.now;
        let Some(id) = self.alive(incarnation) else {
            return;
        };
        let is_deaf = self.has(Defect::Deaf, id) || self.has(Defect::Lie, id);
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        let stands_still = station.sink.stands_still || is_deaf;
        let works = station.sink.health == model::status::SinkHealth::Healthy;
        let Some(device) = station.device_mut().filter(|device| device.wants_audio()) else {
            station.sink.is_due = false;
            return;
        };
        if !stands_still {
            let mut sound = [0; PERIOD_SAMPLES];
            device.fill(now, &mut sound);
            if self.has(Defect::Credulous, id) {
                sound.copy_from_slice(&Tag::STRANGER.period());
            }
            if works {
                self.sink_takes(id, &sound);
            }
            if self.has(Defect::Echo, id) {
                self.sink_takes(id, &sound);
            }
            self.settle(id);
        }
        self.agenda.add(now + PERIOD, Event::SinkPeriod(incarnation));
    }

    /// The talker has a period of speech, or of silence behind its last word.
    pub(super) fn speech(&mut self, incarnation: Incarnation) {
        let now = self.now;
        let Some(id) = self.alive(incarnation) else {
            return;
        };
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        let Some(mut speech) = station.speech else {
            return;
        };
        let Some(caller) = station.talker_mut().filter(|caller| caller.is_talking()) else {
            return;
        };
        if speech.left > 0 {
            caller.send_audio(now, &speech.tag.period());
            speech.left -= 1;
            if let Some(page) = self.ledger.of_talker(id) {
                page.count_period(true);
            }
        } else if speech.silence < HANGUP_PERIODS {
            caller.send_audio(now, &[0; PERIOD_SAMPLES]);
            speech.silence += 1;
            if let Some(page) = self.ledger.of_talker(id) {
                page.count_period(false);
            }
        } else {
            caller.hang_up(now);
        }
        station.speech = Some(speech);
        self.settle(id);
        self.agenda.add(now + PERIOD, Event::Speech(incarnation));
    }

    fn carry_out(&mut self, id: StationId, output: Output<Told>) {
        match output {
            Output::Transmit { flow, bytes } => self.transmit(id, flow, &bytes),
            Output::Connect { token, target } => self.connect(id, token, &target),
            Output::Abandon { token } => self.abandon(id, token),
            Output::Disconnect { connection } if connection == DATAGRAMS => {}
            Output::Disconnect { connection } => self.station_closes(id, connection),
            Output::Resolve(query) => self.resolve(id, query),
            Output::OpenMedia { call, local } => self.open_media(id, call, local),
            Output::CloseMedia { call } => {
                if let Some(station) = self.stations.get_mut(id) {
                    station.sockets.close(call);
                }
            }
            Output::SendMedia { call, to, bytes } => {
                let station = self.stations.get(id);
                let from = station.and_then(|station| {
                    let port = *station.sockets.port_by_call.get(&call)?;
                    Some(SocketAddr::new(station.address, port))
                });
                if let Some(from) = from {
                    self.send_out(id, Kind::Media, from, to, bytes);
                }
            }
            // No device of the simulation has zones.
            Output::Zones(_) | Output::SendZone { .. } => {}
            Output::Event(Told::Device(event)) => self.device_tells(id, &event),
            Output::Event(Told::Talker(event)) => self.talker_tells(id, &event),
            Output::Stopped => self.stopped(id),
        }
    }

    fn transmit(&mut self, id: StationId, flow: Flow, bytes: &Bytes) {
        match flow.transport {
            Transport::Udp => {
                self.send_out(id, Kind::Signalling, flow.local, flow.remote, bytes.to_vec());
            }
            Transport::Tcp | Transport::Tls => {
                self.send_octets(flow.connection, Direction::Up, bytes.to_vec());
            }
        }
    }

    fn connect(&mut self, id: StationId, token: ConnectToken, target: &Target) {
        match target.transport {
            Transport::Udp => {
                let Some(station) = self.stations.get(id) else {
                    return;
                };
                let ready = Event::SocketReady {
                    station: station.incarnation,
                    token,
                    flow: station.datagram_flow(target.address),
                };
                self.agenda.add(self.now, ready);
            }
            Transport::Tcp | Transport::Tls => self.dial(id, token, target.address),
        }
    }

    fn resolve(&mut self, id: StationId, query: Query) {
        let Some(station) = self.stations.get(id).map(|station| station.incarnation) else {
            return;
        };
        let fails = self.network.dns_fails();
        let at = self.now + self.network.transit();
        self.agenda.add(
            at,
            Event::Resolved {
                station,
                query,
                fails,
            },
        );
    }

    /// Binds a socket at once, as the shells do; the answer goes back before the core's other outputs are taken.
    fn open_media(&mut self, id: StationId, call: endpoint::CallId, address: IpAddr) {
        let now = self.now;
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        let port = station.sockets.open(call);
        if let Some(core) = &mut station.core {
            let local = SocketAddr::new(address, port);
            core.handle_input(now, Input::MediaOpened { call, local });
        }
    }

    fn device_tells(&mut self, id: StationId, event: &DeviceEvent) {
        match event {
            DeviceEvent::RegistrationChanged { slot, registration } => self.note(
                id,
                format_args!(
                    "slot {slot} is {:?} ({:?})",
                    registration.shown, registration.cause
                ),
            ),
            DeviceEvent::Started { sounding } => {
                self.note(id, format_args!("sounds {} {:?}", sounding.what, sounding.page));
            }
            DeviceEvent::Stopped { sounding, .. } => {
                self.note(id, format_args!("falls silent after {} ms", sounding.since_ms));
            }
            DeviceEvent::PagePlayed { receipt } => self.note(id, format_args!("has played: {receipt:?}")),
            DeviceEvent::CallRefused { status, why, .. } => {
                self.note(id, format_args!("refuses with {status}: {why}"));
            }
            DeviceEvent::SinkChanged { sink } => self.note(
                id,
                format_args!("sink is {:?}, muted {}", sink.health, sink.muted),
            ),
            DeviceEvent::SignalsChanged { .. }
            | DeviceEvent::MessagesChanged { .. }
            | DeviceEvent::MicrophoneChanged { .. }
            | DeviceEvent::SoundRefused { .. }
            | DeviceEvent::ZoneChanged { .. }
            | DeviceEvent::ZoneSendingChanged { .. }
            | DeviceEvent::CheckSync => {}
        }
    }

    fn talker_tells(&mut self, id: StationId, event: &CallerEvent) {
        self.note(id, format_args!("{event:?}"));
        if let CallerEvent::Answered { .. } = event
            && let Some(station) = self.stations.get(id)
        {
            self.agenda.add(self.now, Event::Speech(station.incarnation));
        }
    }

    /// A core has ended in good order; its process ends with it.
    fn stopped(&mut self, id: StationId) {
        self.note(id, format_args!("has stopped"));
        self.check_stopped(id);
        if let Some(station) = self.stations.get_mut(id) {
            station.kill();
        }
        self.process_ends(id, true);
    }
}
