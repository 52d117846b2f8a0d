//! The program on a machine that fails it: killed while it writes, without room on its disk, without a loudspeaker.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use peers::{Program, available, skip};

const PATIENCE: Duration = Duration::from_secs(60);
/// How often the program is killed, each time a little later in its writing.
const KILLS: u32 = 8;
const PROGRAM: &str = env!("CARGO_BIN_EXE_oyez-endpoint");
/// What the tests read and write over the API.
const CONFIGURATION: &str = "admin.web.api = 1\napi.auth.basic = 1\napi.admin.pwd = correct-horse\n";

/// An endpoint as its own program, with its API.
struct Endpoint {
    program: Program,
    address: String,
}

impl Endpoint {
    fn start(folder: &Path, more: &str) -> Self {
        Self::start_by(Command::new(PROGRAM), folder, more)
    }

    /// Starts it by another program that ends as the endpoint.
    fn start_by(mut command: Command, folder: &Path, more: &str) -> Self {
        let config = folder.join("lobby.conf");
        fs::write(&config, format!("{CONFIGURATION}{more}")).unwrap();
        command
            .args(["run", "--web", "127.0.0.1:0", "--config"])
            .arg(config)
            .arg("--state")
            .arg(folder.join("state"));
        let mut program = Program::start(&mut command);
        let said = program.wait_for(&["web pages: "], PATIENCE);
        let address = said.split_once("https://").unwrap().1;
        let address = address.trim_end_matches('/').to_owned();
        Self { program, address }
    }

    /// A request, on its way.
    fn request(&self, method: &str, path: &str, body: &str) -> Command {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--insecure", "--user", "admin:correct-horse"])
            .args([
                "--max-time",
                "60",
                "--request",
                method,
                "--write-out",
                "\n%{http_code}",
            ]);
        if !body.is_empty() {
            command.args(["--header", "Content-Type: application/json", "--data", body]);
        }
        command.arg(format!("https://{}{path}", self.address));
        command
    }

    /// Body and status of an answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let output = self.request(method, path, body).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (body.to_owned(), status.to_owned())
    }

    fn setting(&self, key: &str) -> String {
        let (body, status) = self.ask("GET", &format!("/api/settings/{key}"), "");
        assert_eq!(status, "200", "{body}");
        body
    }

    fn kill(mut self) {
        let id = self.program.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-KILL", &id])
                .status()
                .unwrap()
                .success()
        );
        assert!(!self.program.finish(PATIENCE));
    }
}

/// Starts an announcement over the API and says whether it sounds.
fn alerts(endpoint: &Endpoint) -> bool {
    let (body, status) = endpoint.ask(
        "POST",
        "/api/controls/emergency-alert/start",
        r#"{"announcement":1}"#,
    );
    assert_eq!(status, "200", "{body}");
    let (body, _) = endpoint.ask("GET", "/api/info/status", "");
    let (stopped, status) = endpoint.ask("POST", "/api/controls/emergency-alert/stop", "");
    assert_eq!(status, "200", "{stopped}");
    body.contains("Streaming Audio")
}

/// What stands in the folder of versions while the program is writing one, from early to late.
fn traces(config: &Path, version: u32) -> [PathBuf; 4] {
    let folder = config.join("unfinished");
    [
        folder.clone(),
        folder.join("about.json"),
        config.join(format!("{version:06}")),
        config.join("current.new"),
    ]
}

#[test]
fn killed_in_the_middle_of_an_apply_it_has_the_old_or_the_new_configuration() {
    if !available(&["curl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("state/config");
    let body = |name: &str| format!(r#"{{"sip.u1.dname":"{name}","audio.ring.tone":"{name}"}}"#);
    let mut name = "name-0.wav".to_owned();
    let endpoint = Endpoint::start(folder.path(), "oyez.sink = null\n");
    let (answer, status) = endpoint.ask("PUT", "/api/settings", &body(&name));
    assert_eq!(status, "200", "{answer}");
    endpoint.kill();
    let mut outcomes = Vec::new();
    for round in 1..=KILLS {
        let endpoint = Endpoint::start(folder.path(), "oyez.sink = null\n");
        let earlier = std::mem::replace(&mut name, format!("name-{round}.wav"));
        let number = versions(&config) + 1;
        let trace = traces(&config, number)
            .into_iter()
            .cycle()
            .nth(usize::try_from(round).unwrap())
            .unwrap();
        let mut request = endpoint.request("PUT", "/api/settings", &body(&name));
        let mut asking = request.stdout(std::process::Stdio::null()).spawn().unwrap();
        while !trace.exists() && asking.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        endpoint.kill();
        asking.wait().unwrap();

        let endpoint = Endpoint::start(folder.path(), "oyez.sink = null\n");
        let (first, second) = (
            endpoint.setting("sip.u1.dname"),
            endpoint.setting("audio.ring.tone"),
        );
        let holds = |name: &str| {
            [&first, &second]
                .iter()
                .all(|said| said.contains(&format!("\"{name}\"")))
        };
        let outcome = match (holds(&name), holds(&earlier)) {
            (true, _) => "new",
            (false, true) => "old",
            (false, false) => "a mixture",
        };
        outcomes.push(outcome);
        if outcome == "old" {
            name = earlier;
        }
        endpoint.kill();
    }
    assert!(!outcomes.contains(&"a mixture"), "{outcomes:?}");
}

/// The number of the latest version.
fn versions(config: &Path) -> u32 {
    let entries = fs::read_dir(config).into_iter().flatten();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.max().unwrap_or(0)
}

#[test]
fn a_full_disk_keeps_the_configuration_and_an_alert_sounds_all_the_same() {
    if !available(&["curl", "unshare", "mount"]) {
        return;
    }
    if !Command::new("unshare")
        .args(["--mount", "true"])
        .status()
        .unwrap()
        .success()
    {
        skip("a file system of a test's own takes root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"",
        ])
        .arg(&state)
        .arg(PROGRAM);
    let endpoint = Endpoint::start_by(command, folder.path(), "oyez.sink = null\n");
    let before = r#"{"sip.u1.dname":"before"}"#;
    let (body, status) = endpoint.ask("PUT", "/api/settings", before);
    assert_eq!(status, "200", "{body}");

    // The folder as the program sees it.
    let inside = format!("/proc/{}/root", endpoint.program.id());
    let inside = Path::new(&inside).join(state.strip_prefix("/").unwrap());
    let filling = inside.join("filling");
    assert!(fs::write(&filling, vec![0; 2 << 20]).is_err());
    let (body, status) = endpoint.ask("PUT", "/api/settings", r#"{"sip.u1.dname":"after"}"#);
    assert_eq!(status, "500", "{body}");
    assert!(body.contains("cannot"), "{body}");
    assert!(endpoint.setting("sip.u1.dname").contains("before"));
    assert!(alerts(&endpoint));

    fs::remove_file(&filling).unwrap();
    let (body, status) = endpoint.ask("PUT", "/api/settings", r#"{"sip.u1.dname":"after"}"#);
    assert_eq!(status, "200", "{body}");
    endpoint.kill();
}

#[test]
fn without_a_loudspeaker_it_says_so_and_everything_else_works() {
    if !available(&["curl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::start(folder.path(), "oyez.sink = alsa:no-such-card\n");

    let (body, _) = endpoint.ask("GET", "/api/metrics", "");
    assert!(body.contains("oyez_sink_healthy 0"), "{body}");
    assert!(alerts(&endpoint));
    let output = Command::new(PROGRAM)
        .args(["status", "--state"])
        .arg(folder.path().join("state"))
        .output()
        .unwrap();
    let status = String::from_utf8(output.stdout).unwrap();
    assert!(status.contains("no-such-card"), "{status}");
    endpoint.kill();
}

#[test]
fn a_key_that_cannot_be_read_is_named_and_the_configured_slots_are_served() {
    if !available(&["curl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::start(folder.path(), "oyez.sink = null\n");
    endpoint.kill();
    let key = folder.path().join("state/web/authority.key");
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    fs::write(
        folder.path().join("lobby.conf"),
        "oyez.sink = null\nsip.proxy = 127.0.0.1:9\nsip.transp = tcp\nsip.u1.user = 7001\n",
    )
    .unwrap();
    let mut program = Program::start(
        Command::new(PROGRAM)
            .args(["run", "--web", "127.0.0.1:0", "--config"])
            .arg(folder.path().join("lobby.conf"))
            .arg("--state")
            .arg(folder.path().join("state")),
    );

    let said = program.wait_for(&["authority.key"], PATIENCE);
    assert!(said.contains("there are no web pages and no API: "), "{said}");
    assert_eq!(said.matches("os error").count(), 1, "{said}");
    program.wait_for(&["No reply from server"], PATIENCE);
}
