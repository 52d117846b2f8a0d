//! Speech through a network that loses and delays packets: what is left of it at the endpoint, and at a phone without a head.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use audio::{ALIGNED_RATE, Sound, aligned, compare};
use fleet::relay::{Impairment, Relay};
use fleet::{CallOptions, Talker};
use media::codec::{Codec, Encoder};
use tokio::time::sleep;

use super::contestant::{Contestant, write_sound};
use super::identity::Identity;
use super::oyez;
use super::page::{Way, talker};
use super::population::{Population, extension};
use super::report::{Table, progress, say};
use super::site::Running;
use super::sound_server::{Recorded, SoundServer};

/// Speech that begins with a word at its first sample.
const SPEECH: &[u8] = include_bytes!("../../../oyez/assets/page.wav");
/// Times that it is spoken in a call.
const ROUNDS: usize = 2;
const CODECS: [Codec; 3] = [Codec::Pcmu, Codec::G722, Codec::Opus];
const LOST_PERCENT: [u32; 4] = [0, 1, 3, 10];
/// Packets in a second.
const PACKETS_PER_SECOND: u32 = 50;
/// Furthest that a window of a comparison may be from its place.
const LAG_MAX: Duration = Duration::from_millis(20);
/// What the recorder asks of the sound server.
const PIECE: Duration = Duration::from_millis(20);
/// Time in which a receiver plays what it holds.
const PLAYED_AFTER: Duration = Duration::from_millis(500);

/// Arguments of `fleet quality`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Decides which packets are lost, and how late the others come
    #[arg(long, default_value_t = 1)]
    seed: u8,
    /// Longest delay of a packet, in milliseconds
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(0..=500))]
    jitter: u64,
    /// Only this codec
    #[arg(long, value_parser = ["PCMU", "G722", "opus"])]
    codec: Option<String>,
    /// Folder for what was spoken and what was heard, as WAV files of one length, for other measures
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// Runs the benchmark and prints its table.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    if let Some(keep) = &arguments.keep {
        std::fs::create_dir_all(keep).with_context(|| format!("cannot make {}", keep.display()))?;
    }
    let identity = Identity::make(folder.path())?;
    let server = SoundServer::start().await?;
    let mut table = Table::new(&[
        "codec",
        "lost",
        "baresip STOI",
        "Oyez STOI",
        "baresip heard",
        "Oyez heard",
        "baresip delay",
        "Oyez delay",
    ]);
    let wanted = |codec: &Codec| arguments.codec.as_deref().is_none_or(|name| name == codec.name());
    for codec in CODECS.into_iter().filter(wanted) {
        progress("starting the zone");
        let zone = oyez::start(&identity, &Population { count: 1 }.loudspeakers(&[1])).await?;
        for lost_percent in LOST_PERCENT {
            let impairment = Impairment {
                lost_percent,
                jitter: Duration::from_millis(arguments.jitter),
                seed: arguments.seed,
            };
            let mut heard = Vec::new();
            for program in [
                Contestant::baresip(&zone, &identity, &server, codec)?,
                Contestant::endpoint(&zone, &identity, &server)?,
            ] {
                progress(&format!(
                    "{} with {lost_percent} % lost: {}",
                    codec.name(),
                    program.name
                ));
                let name = format!("{}-{lost_percent}-{}", codec.name(), program.name);
                let keep = arguments.keep.as_deref().map(|folder| folder.join(&name));
                let call = Call {
                    zone: &zone,
                    identity: &identity,
                    codec,
                    impairment,
                    server: &server,
                };
                let recording = call
                    .record(&program)
                    .await
                    .with_context(|| format!("{name}; {} said:\n{}", program.name, program.said()))?;
                heard.push(Heard::judge(codec, recording, keep.as_deref())?);
            }
            table.row(row(codec, lost_percent, &heard));
        }
    }
    say(&table.text());
    say(
        "STOI: 1 is perfectly understood; heard: 500 ms windows that correlate by 0.9 and more with what was spoken",
    );
    Ok(())
}

fn row(codec: Codec, lost_percent: u32, heard: &[Heard]) -> Vec<String> {
    let mut row = vec![codec.name().to_owned(), format!("{lost_percent} %")];
    row.extend(heard.iter().map(|heard| format!("{:.3}", heard.intelligibility)));
    row.extend(heard.iter().map(|heard| format!("{:.0} %", heard.share * 100.0)));
    row.extend(heard.iter().map(|heard| format!("{:.0} ms", heard.delay * 1e3)));
    row
}

/// A page through an impaired network.
struct Call<'a> {
    zone: &'a Running,
    identity: &'a Identity,
    codec: Codec,
    impairment: Impairment,
    server: &'a SoundServer,
}

impl Call<'_> {
    /// Speaks to a program, and gives what it has played.
    async fn record(&self, program: &Contestant) -> Result<Played> {
        let (_running, _) = program.register().await?;
        let recording = self.server.record(PIECE).await?;
        let mut talker = Talker::connect(talker(self.zone, self.identity, Way::Tls)?).await?;
        talker.register().await?;
        let options = CallOptions {
            codec: self.codec,
            ..CallOptions::default()
        };
        let mut call = talker.call(&extension(1), &options).await?;
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let relay = Relay::open(bind, call.destination(), self.impairment).await?;
        call.redirect(relay.address());
        call.speak_packets(&payloads(self.codec)?).await?;
        // The last packets are on their way, and what they carry is still to be played.
        sleep(self.impairment.jitter + PLAYED_AFTER).await;
        let first_sent = call.first_sent().context("nothing was spoken")?;
        call.hang_up().await?;
        let Recorded { sound, began } = recording.end()?;
        Ok(Played {
            spoken_after: first_sent.saturating_duration_since(began),
            sound,
        })
    }
}

/// What came out of the sound server.
struct Played {
    sound: Sound,
    /// From its first sample to the talker's first packet.
    spoken_after: Duration,
}

/// What is spoken, at a codec's rate.
fn speech(codec: Codec) -> Result<Sound> {
    let mut sound = Sound::read("page.wav", SPEECH, codec.sample_rate().hertz())?;
    sound.samples = sound.samples.repeat(ROUNDS);
    Ok(sound)
}

fn payloads(codec: Codec) -> Result<Vec<Vec<u8>>> {
    let sound = speech(codec)?;
    let samples = usize::try_from(sound.rate / PACKETS_PER_SECOND)?;
    let mut encoder = Encoder::new(codec)?;
    let mut payloads = Vec::new();
    for frame in sound.samples.chunks_exact(samples) {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload)?;
        payloads.push(payload);
    }
    Ok(payloads)
}

/// What is left of the speech.
struct Heard {
    intelligibility: f64,
    share: f64,
    /// Seconds from the talker's first packet to the first sample out of the sound server.
    delay: f64,
}

impl Heard {
    fn judge(codec: Codec, played: Played, keep: Option<&Path>) -> Result<Self> {
        let (speech, recording) = (speech(codec)?, played.sound);
        let found = compare(
            (&speech.samples, speech.rate),
            (&recording.samples, recording.rate),
            LAG_MAX,
        )
        .context("the recording is silent")?;
        let heard = aligned(&speech, recording, found.begins_at);
        let clean = speech.at_rate(ALIGNED_RATE).samples;
        if let Some(keep) = keep {
            let name = keep.display();
            write_sound(Path::new(&format!("{name}-spoken.wav")), ALIGNED_RATE, 1, &clean)?;
            write_sound(Path::new(&format!("{name}-heard.wav")), ALIGNED_RATE, 1, &heard)?;
        }
        Ok(Self {
            intelligibility: peers::stoi((&clean, ALIGNED_RATE), (&heard, ALIGNED_RATE)).unwrap_or(0.0),
            share: found.share_at_least(0.9),
            delay: found.begins_at - played.spoken_after.as_secs_f64(),
        })
    }
}
