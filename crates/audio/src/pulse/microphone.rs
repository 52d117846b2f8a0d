//! A microphone of a PulseAudio or PipeWire server.

use std::ffi::CString;
use std::io::Cursor;
use std::path::Path;

use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{self, ProtocolError};
use pulseaudio::protocol::{ChannelMap, SampleFormat, SampleSpec};
use pulseaudio::protocol::{Command, CreateRecordStreamReply, RecordStreamParams};

use super::{Connection, Port, SAMPLE_LENGTH, Unopened, said};
use crate::{Microphone, MicrophoneError};

/// Sound that the server hands over at a time, in milliseconds.
const FRAGMENT_MS: u32 = 20;
/// What a message that carries a command says in the place of a channel.
const NO_CHANNEL: u32 = u32::MAX;
/// How the names of sources end that only repeat what an output plays.
const MONITOR: &[u8] = b".monitor";

/// Hears through a server. There is a connection for as long as it listens.
pub struct PulseMicrophone {
    port: Port,
    stream: Option<Stream>,
}

impl PulseMicrophone {
    /// Will hear by the server's source of this name, or by the one that it prefers, unless that only repeats an output; `rate` is in
    /// samples a second. Nothing is opened yet.
    pub fn new(source: Option<&str>, rate: u32) -> Self {
        Self {
            port: Port::new(source, rate),
            stream: None,
        }
    }

    /// Asks the server at this socket, wherever the environment says that it is.
    #[must_use]
    pub fn with_server(mut self, socket: &Path) -> Self {
        self.port.server = Some(socket.to_owned());
        self
    }

    fn open(&self) -> Result<Stream, MicrophoneError> {
        self.port.open(Stream::open).map_err(|why| match why {
            Unopened::NoServer { socket, reason } => MicrophoneError::NoServer { socket, reason },
            Unopened::Refused(error) => self.failed(&error),
        })
    }

    fn failed(&self, error: &ProtocolError) -> MicrophoneError {
        MicrophoneError::Input {
            name: self.name(),
            reason: said(error),
        }
    }
}

impl Microphone for PulseMicrophone {
    fn name(&self) -> String {
        self.port.title()
    }

    fn probe(&mut self) -> Result<(), MicrophoneError> {
        self.open().map(drop)
    }

    fn begin(&mut self) -> Result<(), MicrophoneError> {
        self.stream = None;
        self.stream = Some(self.open()?);
        Ok(())
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<(), MicrophoneError> {
        let mut stream = self.stream.take().ok_or(MicrophoneError::NotOpen)?;
        stream.read(samples).map_err(|error| self.failed(&error))?;
        self.stream = Some(stream);
        Ok(())
    }

    fn end(&mut self) {
        self.stream = None;
    }
}

/// A connection with a stream of what is heard.
struct Stream {
    connection: Connection,
    channel: u32,
    /// Octets that have come and were not asked for yet: less than a message has.
    waiting: Vec<u8>,
}

impl Stream {
    fn open(mut connection: Connection, name: Option<CString>, rate: u32) -> Result<Self, ProtocolError> {
        let is_chosen = name.is_some();
        let reply: CreateRecordStreamReply =
            connection.ask(&Command::CreateRecordStream(RecordStreamParams {
                sample_spec: SampleSpec {
                    format: SampleFormat::S16Le,
                    channels: 1,
                    sample_rate: rate,
                },
                channel_map: ChannelMap::mono(),
                source_name: name,
                buffer_attr: BufferAttr {
                    max_length: u32::MAX,
                    fragment_size: rate / 1_000 * FRAGMENT_MS * SAMPLE_LENGTH,
                    ..BufferAttr::default()
                },
                flags: StreamFlags {
                    adjust_latency: true,
                    ..StreamFlags::default()
                },
                ..RecordStreamParams::default()
            }))?;
        let is_monitor = reply
            .sink_name
            .is_some_and(|name| name.as_bytes().ends_with(MONITOR));
        if !is_chosen && is_monitor {
            return Err(ProtocolError::Invalid("the server has no microphone".to_owned()));
        }
        Ok(Self {
            connection,
            channel: reply.channel,
            waiting: Vec::new(),
        })
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<(), ProtocolError> {
        while self.waiting.len() / 2 < samples.len() {
            self.take_message()?;
        }
        let octets = self.waiting.as_chunks::<2>().0;
        for (sample, octets) in samples.iter_mut().zip(octets) {
            *sample = i16::from_le_bytes(*octets);
        }
        self.waiting.drain(..samples.len() * 2);
        Ok(())
    }

    /// Waits for a message and heeds it.
    fn take_message(&mut self) -> Result<(), ProtocolError> {
        let message = self.connection.read()?;
        let descriptor = protocol::read_descriptor(&mut Cursor::new(&message))?;
        if descriptor.channel == self.channel {
            let heard = message.get(protocol::DESCRIPTOR_SIZE..).unwrap_or_default();
            self.waiting.extend_from_slice(heard);
            return Ok(());
        }
        if descriptor.channel != NO_CHANNEL {
            return Ok(());
        }
        match protocol::read_command_message(&mut Cursor::new(message), self.connection.version) {
            Ok((_, Command::RecordStreamKilled(_))) => Err(ProtocolError::Invalid(
                "the server has ended the stream".to_owned(),
            )),
            Ok((_, Command::Error(error))) => Err(ProtocolError::ServerError(error)),
            // What is said to all clients, or is not understood, asks for nothing.
            Ok(_) | Err(ProtocolError::Unimplemented(..)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
