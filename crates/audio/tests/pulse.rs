//! A PulseAudio server as a sink: a real one, with an output that is recorded instead of heard.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use audio::{Microphone, Pulse, PulseMicrophone, Sink, SinkError, compare};
use peers::Program;

const RATE: u32 = 48_000;
/// Samples handed over at a time: 20 ms.
const PERIOD: usize = 960;
const PATIENCE: Duration = Duration::from_secs(20);

/// A server of its own, in a home of its own.
struct Server {
    home: tempfile::TempDir,
    _program: Program,
}

impl Server {
    /// Starts one, unless that has to be skipped.
    fn start() -> Option<Self> {
        if !peers::available(&["pulseaudio", "parec"]) {
            return None;
        }
        let home = tempfile::tempdir().expect("there is room for a folder");
        let program = Self::program(&home);
        Some(Self {
            home,
            _program: program,
        })
    }

    fn program(home: &tempfile::TempDir) -> Program {
        let native = format!(
            "--load=module-native-protocol-unix auth-anonymous=1 socket={}",
            home.path().join("native").display()
        );
        let mut program = Program::start(
            Command::new("pulseaudio")
                .args(["--daemonize=no", "--exit-idle-time=-1", "-n", "-v"])
                .args(["--use-pid-file=no", "--disable-shm=yes"])
                // An output that takes back nothing that it has rendered: its recorder hears all.
                .arg("--load=module-null-sink sink_name=hall rate=48000 channels=2 norewinds=1")
                .arg(native)
                .env("HOME", home.path())
                .env("XDG_RUNTIME_DIR", home.path())
                .env("DBUS_SESSION_BUS_ADDRESS", "disabled:"),
        );
        program.wait_for(&["Daemon startup complete"], PATIENCE);
        program
    }

    /// Ends the server and everything it has.
    fn stop(self) -> tempfile::TempDir {
        self.home
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("native")
    }

    fn sink(&self, name: Option<&str>) -> Pulse {
        Pulse::new(name, RATE).with_server(&self.socket())
    }
}

/// What comes out of the server's output.
struct Ear {
    child: Child,
    sound: ChildStdout,
}

impl Ear {
    /// Listens from here on: silence has been heard.
    fn open(server: &Server) -> Self {
        let mut child = Command::new("parec")
            .args([
                "--device=hall.monitor",
                "--raw",
                "--format=s16le",
                "--latency-msec=20",
            ])
            .args(["--rate=48000", "--channels=1"])
            .env("HOME", server.home.path())
            .env("PULSE_SERVER", format!("unix:{}", server.socket().display()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("parec starts");
        let sound = child.stdout.take().expect("its output is a pipe");
        let mut ear = Self { child, sound };
        ear.hear(PERIOD);
        ear
    }

    fn hear(&mut self, samples: usize) -> Vec<i16> {
        let mut octets = vec![0; samples * 2];
        self.sound.read_exact(&mut octets).expect("the output goes on");
        let (samples, _) = octets.as_chunks::<2>();
        samples.iter().map(|sample| i16::from_le_bytes(*sample)).collect()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.child.kill().expect("parec is a child");
        self.child.wait().expect("parec ends");
    }
}

/// Noise that swells and fades as speech does, the same each time.
fn noise(samples: usize) -> Vec<i16> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, _, low, high] = state.to_le_bytes();
        i16::from_le_bytes([low, high])
    };
    let mut noise = Vec::with_capacity(samples);
    while noise.len() < samples {
        let quieter = 2 + (next() & 15);
        noise.extend((0..PERIOD * 4).map(|_| next() / quieter));
    }
    noise.truncate(samples);
    noise
}

/// Plays as fast as the sink lets it.
fn play(sink: &mut Pulse, sound: &[i16]) -> Result<(), SinkError> {
    sound.chunks(PERIOD).try_for_each(|samples| sink.write(samples))
}

#[test]
fn what_is_played_comes_out_whole() {
    let Some(server) = Server::start() else { return };
    for name in [None, Some("hall")] {
        let mut ear = Ear::open(&server);
        let sound = noise(2 * RATE as usize);
        let mut sink = server.sink(name);

        let heard = std::thread::scope(|scope| {
            let ear = scope.spawn(move || ear.hear(4 * RATE as usize));
            sink.begin("page").unwrap();
            play(&mut sink, &sound).unwrap();
            assert_eq!(sink.end().unwrap(), None);
            ear.join().unwrap()
        });

        let found = compare((&sound, RATE), (&heard, RATE), Duration::ZERO).unwrap();
        assert!(found.share_at_least(0.98) >= 1.0, "{found:?}");
        assert!(
            found.beginning_db.abs() < 0.5 && found.gain_db.abs() < 0.5,
            "{found:?}"
        );
    }
}

#[test]
fn a_server_that_ends_in_a_stretch_is_told_and_serves_again_when_it_is_back() {
    let Some(server) = Server::start() else { return };
    let mut sink = server.sink(None);
    sink.begin("page").unwrap();
    play(&mut sink, &noise(PERIOD * 5)).unwrap();

    let home = server.stop();

    let told = play(&mut sink, &noise(RATE as usize)).unwrap_err();
    assert!(told.to_string().contains("the server has gone"), "{told}");
    assert!(matches!(sink.write(&[1]), Err(SinkError::NotOpen)));
    let told = sink.begin("page").unwrap_err();
    assert!(matches!(told, SinkError::NoServer { .. }), "{told}");
    assert!(sink.probe().unwrap().is_err());

    let _program = Server::program(&home);
    sink.probe().unwrap().unwrap();
    sink.begin("page").unwrap();
    play(&mut sink, &noise(PERIOD * 5)).unwrap();
    sink.end().unwrap();
}

#[test]
fn a_server_that_stands_still_is_told_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("native");
    let _deaf = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let told = Pulse::new(None, RATE)
        .with_server(&socket)
        .begin("page")
        .unwrap_err();
    assert!(told.to_string().contains("the server has stalled"), "{told}");
}

#[test]
fn a_sink_that_does_not_exist_is_told_with_what_to_do() {
    let Some(server) = Server::start() else { return };
    let told = server.sink(Some("cellar")).begin("page").unwrap_err().to_string();
    assert!(
        told.contains("pulse:cellar") && told.contains("pactl list"),
        "{told}"
    );
}

#[test]
fn sound_outside_a_stretch_is_not_taken() {
    let mut sink = Pulse::new(None, RATE);
    assert!(matches!(sink.write(&[1]), Err(SinkError::NotOpen)));
    assert_eq!(sink.end().unwrap(), None);
}

#[test]
fn what_sounds_is_heard_by_a_source_of_the_server() {
    let Some(server) = Server::start() else { return };
    let mut microphone = PulseMicrophone::new(Some("hall.monitor"), RATE).with_server(&server.socket());
    let sound = noise(2 * RATE as usize);
    let mut sink = server.sink(None);
    microphone.probe().unwrap();
    microphone.begin().unwrap();

    let heard = std::thread::scope(|scope| {
        let ear = scope.spawn(|| {
            let mut heard = vec![0; 3 * RATE as usize];
            for period in heard.chunks_mut(PERIOD) {
                microphone.read(period).unwrap();
            }
            heard
        });
        sink.begin("page").unwrap();
        play(&mut sink, &sound).unwrap();
        sink.end().unwrap();
        ear.join().unwrap()
    });

    let found = compare((&sound, RATE), (&heard, RATE), Duration::from_millis(20)).unwrap();
    assert!(found.median() > 0.99, "{found:?}");
    microphone.end();
    assert!(microphone.read(&mut [0; PERIOD]).is_err(), "it has ended");
}

#[test]
fn a_server_that_only_repeats_its_output_has_no_microphone() {
    let Some(server) = Server::start() else { return };
    let microphone = |source| PulseMicrophone::new(source, RATE).with_server(&server.socket());

    let error = microphone(None).probe().unwrap_err().to_string();
    assert!(error.contains("no microphone"), "{error}");
    assert!(microphone(Some("nowhere")).probe().is_err());
    let socket = server.socket();
    let _home = server.stop();
    let error = PulseMicrophone::new(None, RATE)
        .with_server(&socket)
        .probe()
        .unwrap_err();
    assert!(error.to_string().contains("no PulseAudio"), "{error}");
}
