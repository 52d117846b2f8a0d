//! `/api/v1` by curl, as docs/api.md tells it: a page is spoken and its receipts are read.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic, and says what it did"
)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use model::inventory::{ApiClient, ApiClientId, ApiScopes, DisplayName, Timestamp, TokenHash};
use oyez::cli::SinkKind;
use oyez::state::StateFolder;
use oyez::up::example::EXAMPLE;
use oyez::up::listening::Listening;
use oyez::up::stage::{Stage, StageSetup};
use peers::available;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const DOCUMENT: &str = include_str!("../../../docs/api.md");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/page.wav");
const SECRET: &str = "the secret of the client";
const SCOPES: &str = "oyez:read oyez:write oyez:page oyez:credentials oyez:webhooks";
/// Where the document has the service.
const DOCUMENTED: &str = "https://oyez.example.com:8443";

/// Commands of the document, in their order, each with its further lines.
fn commands() -> Vec<String> {
    let mut commands = Vec::new();
    for block in DOCUMENT.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let mut lines = block.lines();
        while let Some(line) = lines.next() {
            let Some(command) = line.strip_prefix("$ ") else {
                continue;
            };
            let mut command = command.to_owned();
            while command.ends_with('\\') {
                command.push('\n');
                command.push_str(lines.next().unwrap());
            }
            commands.push(command);
        }
    }
    commands
}

/// A program with its token, which does what it is told in a folder.
struct Shell {
    folder: PathBuf,
    url: String,
    client: ApiClientId,
    account: String,
    token: String,
    page: String,
    device: String,
}

impl Shell {
    fn run(&self, command: &str) -> String {
        let command = command
            .replace(DOCUMENTED, &self.url)
            .replace("account_id=acme", &format!("account_id={}", self.account))
            .replace("curl ", "curl --silent --show-error --fail-with-body ");
        let done = Command::new("sh")
            .args(["-c", &command])
            .current_dir(&self.folder)
            .env("CLIENT_ID", self.client.as_str())
            .env("CLIENT_SECRET", SECRET)
            .env("TOKEN", &self.token)
            .env("PAGE", &self.page)
            .env("DEVICE", &self.device)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let complained = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{command}\n{said}\n{complained}");
        said
    }

    /// Reads something as the document does.
    fn get(&self, path: &str) -> Value {
        let command = format!(
            "curl --cacert authority.pem -H \"Authorization: Bearer $TOKEN\" {DOCUMENTED}/api/v1{path}"
        );
        serde_json::from_str(&self.run(&command)).unwrap()
    }
}

async fn add_client(stage: &Stage) -> ApiClientId {
    let client = ApiClient {
        id: ApiClientId::from_random(1),
        name: DisplayName::new("Script").unwrap(),
        secret: TokenHash(Sha256::digest(SECRET.as_bytes()).into()),
        scopes: ApiScopes::parse(SCOPES).unwrap(),
        added_at: Timestamp(0),
    };
    let mut writing = stage.store().write().await.unwrap();
    let mut scope = writing.account(stage.account());
    assert!(scope.add_api_client(&client).await.unwrap());
    writing.commit().await.unwrap();
    client.id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_commands_do_what_they_say() {
    if !available(&["curl", "espeak-ng"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::choose(Some(folder.path())).unwrap();
    let setup = StageSetup {
        state: state.clone(),
        listening: Listening::FreePorts(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        example: EXAMPLE,
        sink: SinkKind::File,
    };
    let stage = Stage::start(&setup, &|_| ()).await.unwrap();
    fs::copy(
        folder.path().join("authority/authority.pem"),
        folder.path().join("authority.pem"),
    )
    .unwrap();
    fs::copy(Path::new(PAGE), folder.path().join("page.wav")).unwrap();
    let url = stage.sign_in_url();
    let mut shell = Shell {
        folder: folder.path().to_owned(),
        url: url.split("/first").next().unwrap().to_owned(),
        client: add_client(&stage).await,
        account: stage.account().to_string(),
        token: String::new(),
        page: String::new(),
        device: String::new(),
    };

    let done = tokio::task::spawn_blocking(move || {
        let mut pages = Vec::new();
        for command in commands() {
            let said = shell.run(&command);
            println!("{command}\n{said}");
            let read: Value = serde_json::from_str(&said).unwrap_or_default();
            if let Some(token) = read["access_token"].as_str() {
                assert_eq!(read["api_url"], json!(shell.url));
                shell.token = token.to_owned();
            }
            if let Some(device) = read["devices"][0]["id"].as_str() {
                assert_eq!(read["devices"][0]["verdict"], json!("registered"));
                shell.device = device.to_owned();
            }
            if command.contains("/api/v1/pages ")
                || command.ends_with("/pages")
                || command.contains("/pages/sound")
            {
                shell.page = read["id"].as_str().unwrap().to_owned();
                pages.push(shell.ended());
            }
            if command.contains("/events") {
                assert!(said.contains(": listening"), "{said}");
            }
        }
        // What has happened is told to whoever takes up a stream; an event of another process is a gap.
        let missed = "curl --cacert authority.pem -H \"Authorization: Bearer $TOKEN\" -H 'Last-Event-ID: 0-0' \
                      \"https://oyez.example.com:8443/api/v1/events?max_seconds=1\"";
        assert!(shell.run(missed).contains("event: gap"));
        pages
    });
    let pages = done.await.unwrap();
    stage.stop().await;

    assert_eq!(pages.len(), 2);
    for page in pages {
        let receipts = page["receipts"].as_array().unwrap();
        assert_eq!((&page["heard"], receipts.len()), (&json!(2), 2), "{page}");
        for receipt in receipts {
            assert_eq!(receipt["verdict"], json!("heard"), "{receipt}");
            assert_eq!(
                (&receipt["assignment_type"], &receipt["port"]),
                (&json!("page"), &json!(1))
            );
            assert!(
                receipt["receipt"]["played_ms"].as_u64().unwrap() > 1_000,
                "{receipt}"
            );
        }
    }
}

impl Shell {
    /// The page, once it has ended.
    fn ended(&self) -> Value {
        loop {
            let page = self.get("/pages/$PAGE");
            if page["state"] == json!("ended") {
                return page;
            }
            // Another look costs a process and a handshake; that is pause enough for what takes seconds.
            assert_eq!(page["state"], json!("going_on"));
            std::thread::yield_now();
        }
    }
}
