//! What a talker says, for all who listen.

use std::time::Instant;

use smallvec::SmallVec;

use super::backlog::{BACKLOG_TIME_MAX, Backlog, Frame, FrameKind};
use super::rendition::{Decoding, Rendition, Shape};
use crate::codec::CodecError;
use crate::ingress::Place;

/// The stream of one talker: as it came, and in each other shape that a listener needs.
pub(super) struct Stream {
    shape: Shape,
    original: Backlog,
    // Made with the first rendition.
    decoding: Option<Decoding>,
    renditions: SmallVec<[Rendition; 1]>,
    first_packet: Option<Instant>,
    /// Slots of the legs that listen.
    pub(super) listeners: Vec<usize>,
    /// Which listener is served next, and how many are to be looked at before all are known to be served.
    pub(super) scan: Scan,
}

/// The round through the listeners.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) next: usize,
    pub(super) remaining: usize,
    /// The stream stands in the queue of those with something to send.
    pub(super) queued: bool,
}

/// Which encoding of a stream a listener gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Original,
    Rendition(usize),
}

impl Stream {
    pub(super) fn new(shape: Shape) -> Stream {
        Stream {
            shape,
            original: Backlog::default(),
            decoding: None,
            renditions: SmallVec::new(),
            first_packet: None,
            listeners: Vec::new(),
            scan: Scan::default(),
        }
    }

    /// Takes the talker's next packet, and encodes it for those who need it otherwise.
    pub(super) fn push(&mut self, now: Instant, place: Place, kind: FrameKind, payload: &[u8]) {
        self.first_packet.get_or_insert(now);
        self.original
            .push(place.index, place.position, place.ticks, kind, |buffer| {
                buffer.extend_from_slice(payload);
            });
        let newest = self.original.next_serial().saturating_sub(1);
        let (Some(decoding), Some((_, frame))) = (&mut self.decoding, self.original.at(newest)) else {
            return;
        };
        render(self.shape, decoding, &mut self.renditions, frame);
    }

    /// Finds or makes the encoding for a listener. A new one holds what is kept of the stream.
    pub(super) fn source_for(&mut self, wanted: Shape) -> Result<Source, CodecError> {
        if wanted == self.shape {
            return Ok(Source::Original);
        }
        if let Some(present) = self
            .renditions
            .iter()
            .position(|rendition| rendition.shape == wanted)
        {
            return Ok(Source::Rendition(present));
        }
        let mut decoding = Decoding::new(self.shape.codec)?;
        let mut rendition = Rendition::new(wanted, self.shape.codec.sample_rate())?;
        for frame in self.original.iter() {
            render(
                self.shape,
                &mut decoding,
                std::slice::from_mut(&mut rendition),
                frame,
            );
        }
        self.decoding.get_or_insert(decoding);
        self.renditions.push(rendition);
        Ok(Source::Rendition(self.renditions.len() - 1))
    }

    /// The packets of one encoding.
    pub(super) fn backlog(&self, source: Source) -> Option<&Backlog> {
        match source {
            Source::Original => Some(&self.original),
            Source::Rendition(number) => self.renditions.get(number).map(|rendition| &rendition.backlog),
        }
    }

    /// What the talker's packets are made of.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether a listener who joins at this time still gets all from the first packet on.
    pub(super) fn is_beginning(&self, now: Instant) -> bool {
        self.first_packet
            .is_none_or(|first| now.saturating_duration_since(first) <= BACKLOG_TIME_MAX)
    }

    /// The serial from which a listener is served: all that is kept, or what is yet to come.
    pub(super) fn first_serial_for(&self, source: Source, from_the_beginning: bool) -> u64 {
        let Some(backlog) = self.backlog(source) else {
            return 0;
        };
        if from_the_beginning {
            backlog.first_serial()
        } else {
            backlog.next_serial()
        }
    }

    /// Lets all listeners be looked at once more; false if the stream is in the queue already.
    pub(super) fn wake(&mut self) -> bool {
        self.scan.remaining = self.listeners.len();
        !std::mem::replace(&mut self.scan.queued, true)
    }
}

fn render(shape: Shape, decoding: &mut Decoding, renditions: &mut [Rendition], frame: &Frame) {
    match frame.kind {
        FrameKind::Event => renditions
            .iter_mut()
            .for_each(|rendition| rendition.pass_event(frame, shape.codec)),
        FrameKind::Sound => {
            if let Some(sound) = decoding.decode(frame) {
                renditions.iter_mut().for_each(|rendition| rendition.feed(&sound));
            }
        }
    }
}
