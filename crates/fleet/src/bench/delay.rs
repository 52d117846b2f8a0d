//! From a talker's mouth to the output: many marks over many calls, each timed by itself.
//!
//! A mark is spoken at the beginning of a packet. It is heard when it leaves a sound server, or is written to an output of the device's
//! own. Calls begin out of step with what plays, as talkers do.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fleet::talker::PACKET_TIME;
use fleet::{CallOptions, Talker};
use media::codec::Codec;
use tokio::time::sleep;

use super::contestant::Contestant;
use super::identity::Identity;
use super::marks::{delays, onsets, payloads, places};
use super::own_output::OwnOutput;
use super::oyez;
use super::page::{Way, talker};
use super::population::{Population, extension};
use super::report::{Table, milliseconds, percentile, progress, say};
use super::site::Running;
use super::sound_server::SoundServer;

const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::G722];
/// What the recorder asks of the sound server: the pieces that it renders, and so the precision of what is measured.
const PIECE: Duration = Duration::from_millis(5);
/// Time in which a receiver plays what it holds.
const PLAYED_AFTER: Duration = Duration::from_millis(300);

/// Arguments of `fleet delay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Calls to each program in each codec
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    calls: u8,
    /// Marks in each call
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u16).range(10..=200))]
    marks: u16,
}

/// Runs the benchmark and prints its table.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let identity = Identity::make(folder.path())?;
    let server = SoundServer::start().await?;
    progress("starting the zone");
    let zone = oyez::start(&identity, &Population { count: 1 }.loudspeakers(&[1])).await?;
    let mut table = Table::new(&[
        "codec",
        "played by",
        "packet to output p50",
        "p99",
        "mouth to output p50",
        "p99",
        "marks",
        "not found",
    ]);
    for codec in CODECS {
        let stage = Stage {
            zone: &zone,
            identity: &identity,
            codec,
            arguments,
        };
        for program in [
            Contestant::baresip(&zone, &identity, &server, codec)?,
            Contestant::endpoint(&zone, &identity, &server)?,
        ] {
            let ways = stage.through_server(&program, &server).await;
            let ways = ways.with_context(|| format!("{} said:\n{}", program.name, program.said()))?;
            table.row(ways.row(codec, &format!("{}, sound server", program.name)));
        }
        table.row(stage.to_own_output().await?.row(codec, "Oyez, output of its own"));
    }
    say(&table.text());
    say(&format!(
        "mouth: {} ms before its packet leaves; the sound server plays by {} ms; goal: mouth to output p99 ≤ 60 ms",
        PACKET_TIME.as_millis(),
        PIECE.as_millis()
    ));
    Ok(())
}

/// Who is paged, and how.
struct Stage<'a> {
    zone: &'a Running,
    identity: &'a Identity,
    codec: Codec,
    arguments: &'a Arguments,
}

impl Stage<'_> {
    /// Pages a program that plays into the sound server.
    async fn through_server(&self, program: &Contestant, server: &SoundServer) -> Result<Ways> {
        let (_running, _) = program.register().await?;
        let mut ways = Ways::default();
        for call in 0..self.arguments.calls {
            self.tell(program.name, call);
            let recording = server.record(PIECE).await?;
            let spoken = self.speak(call).await?;
            let played = recording.end()?;
            let heard = onsets([(played.began, &played.sound.samples[..])], played.sound.rate);
            ways.add(&spoken, &heard);
        }
        Ok(ways)
    }

    /// Pages a device of this process, whose output notes what is written to it.
    async fn to_own_output(&self) -> Result<Ways> {
        let mut output = OwnOutput::register(self.zone, self.identity).await?;
        let mut ways = Ways::default();
        for call in 0..self.arguments.calls {
            self.tell("Oyez, output of its own", call);
            let spoken = self.speak(call).await?;
            let written = output.written();
            let pieces = written.iter().map(|(at, samples)| (*at, &samples[..]));
            ways.add(&spoken, &onsets(pieces, OwnOutput::RATE.hertz()));
        }
        output.stop().await;
        Ok(ways)
    }

    fn tell(&self, name: &str, call: u8) {
        let (codec, calls) = (self.codec.name(), self.arguments.calls);
        progress(&format!("{codec}, {name}: call {} of {calls}", call + 1));
    }

    /// Places a call and says when the packet of each mark was sent.
    async fn speak(&self, call: u8) -> Result<Vec<Instant>> {
        let places = places(usize::from(self.arguments.marks), call);
        let mut talker = Talker::connect(talker(self.zone, self.identity, Way::Tls)?).await?;
        talker.register().await?;
        let options = CallOptions {
            codec: self.codec,
            ..CallOptions::default()
        };
        let mut call = talker.call(&extension(1), &options).await?;
        call.speak_packets(&payloads(self.codec, &places)?).await?;
        sleep(PLAYED_AFTER).await;
        let sent = call.sent();
        let spoken: Vec<Instant> = places
            .iter()
            .filter_map(|place| sent.get(*place).copied())
            .collect();
        ensure!(spoken.len() == places.len(), "not all marks were spoken");
        call.hang_up().await?;
        Ok(spoken)
    }
}

/// How long marks were on their way.
#[derive(Debug, Default)]
struct Ways {
    delays: Vec<Duration>,
    spoken: usize,
}

impl Ways {
    fn add(&mut self, spoken: &[Instant], heard: &[Instant]) {
        self.spoken += spoken.len();
        self.delays.extend(delays(spoken, heard));
    }

    fn row(mut self, codec: Codec, who: &str) -> Vec<String> {
        self.delays.sort_unstable();
        let at = |share| percentile(&self.delays, share);
        let from_mouth = |share| at(share).map(|delay| delay + PACKET_TIME);
        vec![
            codec.name().to_owned(),
            who.to_owned(),
            milliseconds(at(0.5)),
            milliseconds(at(0.99)),
            milliseconds(from_mouth(0.5)),
            milliseconds(from_mouth(0.99)),
            self.spoken.to_string(),
            (self.spoken - self.delays.len()).to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mouth_is_a_packet_before_its_packet() {
        let start = Instant::now();
        let spoken: Vec<Instant> = places(10, 1)
            .into_iter()
            .map(|place| start + PACKET_TIME * u32::try_from(place).unwrap())
            .collect();
        let heard: Vec<Instant> = spoken
            .iter()
            .skip(1)
            .map(|at| *at + Duration::from_millis(31))
            .collect();
        let mut ways = Ways::default();

        ways.add(&spoken, &heard);

        let row = ways.row(Codec::Pcmu, "somebody");
        assert_eq!(
            row,
            [
                "PCMU", "somebody", "31.0 ms", "31.0 ms", "51.0 ms", "51.0 ms", "10", "1"
            ]
        );
    }
}
