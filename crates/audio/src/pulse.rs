//! A sink that plays through a PulseAudio or PipeWire server.
//!
//! The server says how much it takes: each of its requests is credit, and who has none waits for the next one. Every wait ends, so that
//! a server that stands still is a fault and not a thread that hangs.

mod microphone;

use std::ffi::CString;
use std::io::{BufReader, Cursor, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{self, ProtocolError};
use pulseaudio::protocol::{
    AuthParams, AuthReply, Command, CommandReply, CreatePlaybackStreamReply, PlaybackStreamParams,
    SetClientNameReply,
};
use pulseaudio::protocol::{ChannelMap, Prop, Props, SampleFormat, SampleSpec};
use pulseaudio::{cookie_path_from_env, socket_path_from_env};

pub use microphone::PulseMicrophone;

use crate::{Sink, SinkError};

/// Sound that the server holds before it is played, in milliseconds.
const LATENCY_MS: u32 = 100;
/// Sound with which playing begins, in milliseconds: what comes late by less than this is not missed.
const BEGINNING_MS: u32 = 60;
/// Longest wait for an answer or for credit: a server that plays asks for more after a fraction of its latency.
const STALL: Duration = Duration::from_secs(1);
/// Longest message that is read: answers are a few hundred octets.
const MESSAGE_LENGTH_MAX: usize = 65_536;
/// Octets of the secret that a server may ask for.
const COOKIE_LENGTH: usize = 256;
/// Octets of a sample.
const SAMPLE_LENGTH: u32 = 2;
/// Where a server for the whole system listens.
const SYSTEM_SOCKET: &str = "/run/pulse/native";
/// What servers call the output that they have when there is none.
const DUMMY: &[u8] = b"auto_null";
/// What the server shows to its user.
const CLIENT_NAME: &std::ffi::CStr = c"Oyez";

/// Where sound goes to or comes from at a server: that of the user who runs the program, or of the system.
struct Port {
    /// The server's name for it; without one it decides.
    name: Option<String>,
    /// Samples a second.
    rate: u32,
    /// Where the server listens, if not where the environment says.
    server: Option<PathBuf>,
}

/// Why a port cannot be used.
enum Unopened {
    /// No server is there.
    NoServer { socket: PathBuf, reason: String },
    /// The server does not do what it is asked for.
    Refused(ProtocolError),
}

impl Port {
    fn new(name: Option<&str>, rate: u32) -> Self {
        Self {
            name: name.map(str::to_owned),
            rate,
            server: None,
        }
    }

    /// What a status calls it.
    fn title(&self) -> String {
        match &self.name {
            Some(name) => format!("pulse:{name}"),
            None => "pulse".to_owned(),
        }
    }

    /// Connects, and has a stream opened at this port.
    fn open<Stream>(
        &self,
        stream: impl FnOnce(Connection, Option<CString>, u32) -> Result<Stream, ProtocolError>,
    ) -> Result<Stream, Unopened> {
        let socket = socket_of(self.server.as_deref());
        let connection = Connection::open(&socket).map_err(|error| Unopened::NoServer {
            socket,
            reason: said(&error),
        })?;
        let name = self.name.as_deref().map(CString::new).transpose();
        let name = name.map_err(|_| ProtocolError::Invalid("its name holds a zero".to_owned()));
        name.and_then(|name| stream(connection, name, self.rate))
            .map_err(Unopened::Refused)
    }
}

/// Plays through a server. There is a connection for as long as a stretch takes.
pub struct Pulse {
    port: Port,
    stream: Option<Stream>,
}

impl Pulse {
    /// Will play into the server's sink of this name, or into the one that it prefers; `rate` is in samples a second. Nothing is
    /// opened yet.
    pub fn new(sink: Option<&str>, rate: u32) -> Self {
        Self {
            port: Port::new(sink, rate),
            stream: None,
        }
    }

    /// Asks the server at this socket, wherever the environment says that it is.
    #[must_use]
    pub fn with_server(mut self, socket: &Path) -> Self {
        self.port.server = Some(socket.to_owned());
        self
    }

    fn open(&self) -> Result<Stream, SinkError> {
        self.port.open(Stream::open).map_err(|why| match why {
            Unopened::NoServer { socket, reason } => SinkError::NoServer { socket, reason },
            Unopened::Refused(error) => self.failed(&error),
        })
    }

    fn failed(&self, error: &ProtocolError) -> SinkError {
        SinkError::Output {
            name: self.name(),
            reason: said(error),
        }
    }
}

impl Sink for Pulse {
    fn name(&self) -> String {
        self.port.title()
    }

    fn is_audible(&self) -> bool {
        true
    }

    fn probe(&mut self) -> Option<Result<(), SinkError>> {
        Some(self.open().map(drop))
    }

    fn begin(&mut self, _label: &str) -> Result<(), SinkError> {
        self.stream = None;
        self.stream = Some(self.open()?);
        Ok(())
    }

    fn write(&mut self, samples: &[i16]) -> Result<(), SinkError> {
        let mut stream = self.stream.take().ok_or(SinkError::NotOpen)?;
        stream.play(samples).map_err(|error| self.failed(&error))?;
        self.stream = Some(stream);
        Ok(())
    }

    fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
        if let Some(mut stream) = self.stream.take() {
            stream.drain().map_err(|error| self.failed(&error))?;
        }
        Ok(None)
    }
}

/// Where the server listens: at the given place, where the environment says, or where the system's does.
fn socket_of(given: Option<&Path>) -> PathBuf {
    given
        .map(Path::to_owned)
        .or_else(socket_path_from_env)
        .unwrap_or_else(|| SYSTEM_SOCKET.into())
}

/// A connection whose server knows who asks.
struct Connection {
    socket: BufReader<UnixStream>,
    version: u16,
    sequence: u32,
}

impl Connection {
    fn open(path: &Path) -> Result<Self, ProtocolError> {
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(STALL))?;
        socket.set_write_timeout(Some(STALL))?;
        let mut connection = Self {
            socket: BufReader::new(socket),
            version: protocol::MAX_VERSION,
            sequence: 0,
        };
        let cookie = cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        let reply: AuthReply = connection.ask(&Command::Auth(AuthParams {
            version: protocol::MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            // A server that goes by the user's id takes any, if it has the right length.
            cookie: cookie.unwrap_or_else(|| vec![0; COOKIE_LENGTH]),
        }))?;
        connection.version = reply.version.min(protocol::MAX_VERSION);
        let mut about = Props::new();
        about.set(Prop::ApplicationName, CLIENT_NAME);
        let _own_index: SetClientNameReply = connection.ask(&Command::SetClientName(about))?;
        Ok(connection)
    }

    /// Sends a command whose answer is the next message: nothing plays yet.
    fn ask<Reply: CommandReply>(&mut self, command: &Command) -> Result<Reply, ProtocolError> {
        self.send(command)?;
        let message = self.read()?;
        let (_, reply) = protocol::read_reply_message(&mut Cursor::new(message), self.version)?;
        Ok(reply)
    }

    /// Sends a command; gives its number.
    fn send(&mut self, command: &Command) -> Result<u32, ProtocolError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = Vec::new();
        protocol::write_command_message(&mut message, self.sequence, command, self.version)?;
        std::io::Write::write_all(self.socket.get_mut(), &message)?;
        Ok(self.sequence)
    }

    /// A message with its descriptor.
    fn read(&mut self) -> Result<Vec<u8>, ProtocolError> {
        let descriptor = protocol::read_descriptor(&mut self.socket)?;
        let length = usize::try_from(descriptor.length).unwrap_or(usize::MAX);
        if length > MESSAGE_LENGTH_MAX {
            return Err(ProtocolError::Invalid(format!("{length} octets long")));
        }
        let mut head = [0; protocol::DESCRIPTOR_SIZE];
        protocol::encode_descriptor(&mut head, &descriptor);
        let mut message = head.to_vec();
        message.resize(head.len() + length, 0);
        let body = message.get_mut(head.len()..).unwrap_or_default();
        self.socket.read_exact(body)?;
        Ok(message)
    }
}

/// A connection with a stream of sound.
struct Stream {
    connection: Connection,
    channel: u32,
    /// Octets that the server has asked for and not been sent.
    credit: usize,
}

impl Stream {
    fn open(mut connection: Connection, sink: Option<CString>, rate: u32) -> Result<Self, ProtocolError> {
        let is_chosen = sink.is_some();
        let octets = |milliseconds: u32| rate / 1_000 * milliseconds * SAMPLE_LENGTH;
        let reply: CreatePlaybackStreamReply =
            connection.ask(&Command::CreatePlaybackStream(PlaybackStreamParams {
                sample_spec: SampleSpec {
                    format: SampleFormat::S16Le,
                    channels: 1,
                    sample_rate: rate,
                },
                channel_map: ChannelMap::mono(),
                sink_name: sink,
                buffer_attr: BufferAttr {
                    max_length: u32::MAX,
                    target_length: octets(LATENCY_MS),
                    pre_buffering: octets(BEGINNING_MS),
                    minimum_request_length: u32::MAX,
                    ..BufferAttr::default()
                },
                flags: StreamFlags {
                    adjust_latency: true,
                    ..StreamFlags::default()
                },
                ..PlaybackStreamParams::default()
            }))?;
        if !is_chosen && reply.sink_name.is_some_and(|name| name.as_bytes() == DUMMY) {
            return Err(ProtocolError::Invalid("the server has no output".to_owned()));
        }
        Ok(Self {
            connection,
            channel: reply.channel,
            credit: usize::try_from(reply.requested_bytes).unwrap_or(usize::MAX),
        })
    }

    fn play(&mut self, samples: &[i16]) -> Result<(), ProtocolError> {
        let octets: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut left = octets.as_slice();
        while !left.is_empty() {
            // Half a sample is never sent.
            let whole = self.credit.min(left.len()) / 2 * 2;
            if whole == 0 {
                self.take_message()?;
                continue;
            }
            let (now, later) = left.split_at_checked(whole).unwrap_or((left, &[]));
            protocol::write_memblock(self.connection.socket.get_mut(), self.channel, now, 0)?;
            self.credit = self.credit.saturating_sub(whole);
            left = later;
        }
        Ok(())
    }

    /// Waits until everything has been played.
    fn drain(&mut self) -> Result<(), ProtocolError> {
        let asked = self
            .connection
            .send(&Command::DrainPlaybackStream(self.channel))?;
        while self.take_message()? != Some(asked) {}
        Ok(())
    }

    /// Waits for a message and heeds it; gives the number of the command that it answers.
    fn take_message(&mut self) -> Result<Option<u32>, ProtocolError> {
        let message = self.connection.read()?;
        match protocol::read_command_message(&mut Cursor::new(message), self.connection.version) {
            Ok((_, Command::Request(request))) if request.channel == self.channel => {
                let more = usize::try_from(request.length).unwrap_or(usize::MAX);
                self.credit = self.credit.saturating_add(more);
                Ok(None)
            }
            Ok((_, Command::PlaybackStreamKilled(_))) => Err(ProtocolError::Invalid(
                "the server has ended the stream".to_owned(),
            )),
            Ok((_, Command::Error(error))) => Err(ProtocolError::ServerError(error)),
            Ok((answered, Command::Reply)) => Ok(Some(answered)),
            // What is said to all clients, or is not understood, asks for nothing.
            Ok(_) | Err(ProtocolError::Unimplemented(..)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What went wrong, in words for an administrator.
fn said(error: &ProtocolError) -> String {
    use std::io::ErrorKind;
    match error {
        ProtocolError::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            "the server has stalled".to_owned()
        }
        ProtocolError::Io(error)
            if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe) =>
        {
            "the server has gone".to_owned()
        }
        ProtocolError::Io(error) => error.to_string(),
        ProtocolError::Invalid(what) => what.clone(),
        ProtocolError::ServerError(protocol::PulseError::NoEntity) => {
            "there is no such sink; `pactl list short sinks` lists them".to_owned()
        }
        ProtocolError::ServerError(error) => format!("the server says {error:?}"),
        error => error.to_string(),
    }
}
