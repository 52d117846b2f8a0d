//! The zone: what its shell does for the core and the bridge.

use std::net::SocketAddr;
use std::time::Instant;

use media::bridge::{self, Command, LegId};
use model::status::{Verdict, ZoneEvent};
use sip::flow::Transport;
use switch::{Input, Output};

use super::World;
use super::datagrams::Kind;
use crate::agenda::Event;
use crate::network::Direction;
use crate::outcome::Invariant;
use crate::scenario::Defect;
use crate::zone;

/// Outputs of the zone's core to one input, for each device of the site: a page to all of them asks for ports, sends and
/// joins, for each of two slots.
const OUTPUTS_PER_DEVICE_MAX: usize = 8;
/// Outputs whatever the size of the site.
const OUTPUTS_MIN: usize = 64;

impl World<'_> {
    /// Gives the zone's core an input.
    pub(super) fn give_zone(&mut self, input: Input) {
        let now = self.now;
        if let Input::Sip { message, .. } = &input {
            self.note_invitation(message);
        }
        if let Some(process) = &mut self.zone.process {
            process.switch.handle_input(now, input);
            self.settle_zone();
        }
    }

    /// Carries out what the zone's core and bridge want done, and enters when they want to be called again.
    fn settle_zone(&mut self) {
        let mut count = 0;
        while let Some(process) = &mut self.zone.process
            && let Some(output) = process.switch.poll_output()
        {
            count += 1;
            self.carry_out_zone(output);
        }
        if count > OUTPUTS_MIN + OUTPUTS_PER_DEVICE_MAX * self.stations.devices {
            let found = format!("the zone gave {count} outputs to one input");
            self.broken(Invariant::Bounded, None, &found);
        }
        self.settle_plane();
        let (now, incarnation) = (self.now, self.zone.incarnation);
        if let Some(process) = &mut self.zone.process
            && let Some(at) = wanted_earlier(now, process.switch.next_timeout(), &mut process.switch_wake_at)
        {
            self.agenda.add(at, Event::WakeZone(incarnation));
        }
    }

    /// Sends what the bridge has to send, and hands its reports on.
    pub(super) fn settle_plane(&mut self) {
        let (now, incarnation) = (self.now, self.zone.incarnation);
        let mut packet = Vec::new();
        while let Some(process) = &mut self.zone.process
            && let Some(transmit) = process.plane.poll_transmit(&mut packet)
        {
            let from = process.ports.address(transmit.leg);
            if let (Some(from), Some(bytes)) = (from, packet.get(..transmit.length)) {
                self.send_in(Kind::Media, from, transmit.to, bytes.to_vec());
            }
        }
        while let Some(process) = &mut self.zone.process
            && let Some(event) = process.plane.poll_event()
        {
            let at = now + self.network.errand();
            let at = process.last_report.map_or(at, |last| at.max(last));
            process.last_report = Some(at);
            let zone = incarnation;
            self.agenda.add(at, Event::BridgeReport { zone, event });
        }
        if let Some(process) = &mut self.zone.process
            && let Some(at) = wanted_earlier(now, process.plane.next_timeout(), &mut process.plane_wake_at)
        {
            self.agenda.add(at, Event::WakePlane(incarnation));
        }
    }

    pub(super) fn wake_zone(&mut self, incarnation: u32) {
        let now = self.now;
        let Some(process) = self.zone.process_of(incarnation) else {
            return;
        };
        if process.switch_wake_at != Some(now) {
            // An earlier time was entered after this one.
            return;
        }
        process.switch_wake_at = None;
        if process.switch.next_timeout().is_some_and(|at| at <= now) {
            process.switch.handle_timeout(now);
        }
        self.settle_zone();
    }

    pub(super) fn wake_plane(&mut self, incarnation: u32) {
        let now = self.now;
        let Some(process) = self.zone.process_of(incarnation) else {
            return;
        };
        if process.plane_wake_at != Some(now) {
            return;
        }
        process.plane_wake_at = None;
        if process.plane.next_timeout().is_some_and(|at| at <= now) {
            process.plane.handle_timeout(now);
        }
        self.settle_plane();
    }

    /// The core learns that the ports it asked for are open.
    pub(super) fn leg_opened(&mut self, incarnation: u32, leg: LegId) {
        let address = self
            .zone
            .process_of(incarnation)
            .and_then(|process| process.ports.address(leg));
        if let Some(address) = address {
            self.give_zone(Input::MediaOpened { leg, address });
        }
    }

    /// The core learns what the bridge reports.
    pub(super) fn bridge_reports(&mut self, incarnation: u32, event: bridge::Event) {
        if self.zone.process_of(incarnation).is_none() {
            return;
        }
        self.note_zone(format_args!("bridge reports {event:?}"));
        if let bridge::Event::Refused { .. } = event {
            let found = format!("the bridge refuses a command of the zone: {event:?}");
            self.broken(Invariant::NothingUnexpected, None, &found);
        }
        self.give_zone(Input::Media(event));
    }

    fn carry_out_zone(&mut self, output: Output) {
        match output {
            Output::Transmit { flow, bytes } => match flow.transport {
                Transport::Udp => {
                    let from = SocketAddr::new(zone::ADDRESS, zone::UDP_PORT);
                    self.send_in(Kind::Signalling, from, flow.remote, bytes.to_vec());
                }
                Transport::Tcp | Transport::Tls => {
                    self.send_octets(flow.connection, Direction::Down, bytes.to_vec());
                }
            },
            Output::OpenMedia { leg, .. } => self.open_leg(leg),
            Output::Media(command) => self.command(command),
            Output::Event(event) => self.zone_tells(event),
            Output::Disconnect { connection } => self.zone_closes(connection),
            // Nobody asks a simulated zone to end.
            Output::Stopped => {}
        }
    }

    fn open_leg(&mut self, leg: LegId) {
        let zone = self.zone.incarnation;
        if let Some(process) = &mut self.zone.process {
            process.ports.open(leg);
            process.plane.handle_opened(leg);
        }
        let at = self.now + self.network.errand();
        self.agenda.add(at, Event::LegOpened { zone, leg });
    }

    fn command(&mut self, command: Command) {
        let now = self.now;
        let Some(process) = &mut self.zone.process else {
            return;
        };
        if let Command::Close { leg } = command {
            process.ports.close(leg);
        }
        process.plane.handle_command(now, command);
    }

    fn zone_tells(&mut self, event: ZoneEvent) {
        match event {
            ZoneEvent::PageStarted {
                page,
                talker,
                extension,
                listeners,
                ..
            } => {
                self.note_zone(format_args!(
                    "page {page} from {talker} to {extension}, {listeners} invited"
                ));
                self.page_started(page, &talker);
            }
            ZoneEvent::PageEnded { .. } if self.defect == Some(Defect::Unreported) => {}
            ZoneEvent::PageEnded { mut report, .. } => {
                if self.defect == Some(Defect::Lie) {
                    for listener in &mut report.listeners {
                        listener.verdict = Verdict::Heard;
                    }
                }
                self.note_zone(format_args!("page {} is reported", report.page));
                self.page_reported(report);
            }
            ZoneEvent::RegistrationRefused { .. }
            | ZoneEvent::HandshakeFailed { .. }
            | ZoneEvent::AlertRaised { .. }
            | ZoneEvent::CallRefused { .. }
            | ZoneEvent::Registered { .. }
            | ZoneEvent::Unregistered { .. }
            | ZoneEvent::SnapshotWanted { .. }
            | ZoneEvent::DirectoryApplied { .. }
            | ZoneEvent::DirectoryRefused { .. } => self.note_zone(format_args!("{event:?}")),
        }
    }
}

/// The time to enter in the agenda, if it is earlier than what is there.
fn wanted_earlier(now: Instant, wanted: Option<Instant>, entered: &mut Option<Instant>) -> Option<Instant> {
    let at = wanted?.max(now);
    if entered.is_some_and(|known| known <= at) {
        return None;
    }
    *entered = Some(at);
    Some(at)
}
