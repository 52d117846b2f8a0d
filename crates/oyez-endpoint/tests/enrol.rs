//! The command that enrols a device, at an authority of this test.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use net::authority::{Authority, Purpose, Subject};
use net::tls::{ClientCertificates, Identity, MinimumVersion, ServerTls};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const MAC: &str = "00:22:EE:0A:0B:0C";
/// Somebody who is not root; no such user need exist.
const SERVICE_USER: u32 = 64_321;

/// Serves one request, and signs what it asks for if it has the code.
async fn serve(listener: TcpListener, tls: ServerTls, authority: Authority) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = TlsAcceptor::from(tls.config()).accept(stream).await.unwrap();
    let mut octets = Vec::new();
    let asked: Value = loop {
        octets.push(stream.read_u8().await.unwrap());
        let text = String::from_utf8_lossy(&octets).into_owned();
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
        if let Some(Ok(asked)) = body.map(serde_json::from_str) {
            break asked;
        }
    };
    let (status, body) = if asked.get("claim_code") == Some(&json!("K7QF-2XMB")) {
        let request = asked.get("request").and_then(Value::as_str).unwrap();
        let signed = authority.sign_request(request, Purpose::Client, SystemTime::now());
        (200, json!({ "certificate": signed.unwrap() }))
    } else {
        (403, json!({ "error": "unknown code" }))
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    let _is_closed = stream.shutdown().await.is_ok();
}

/// Starts the authority, whose certificate is put into the file.
fn start(runtime: &Runtime, file: &Path) -> SocketAddr {
    let now = SystemTime::now();
    let authority = Authority::generate("enrolment", now).unwrap();
    fs::write(file, authority.certificate_pem()).unwrap();
    let issued = authority
        .issue(&[Subject::Address(LOOPBACK)], Purpose::Server, now)
        .unwrap();
    let identity = Identity::from_pem(issued.certificate_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap();
    let tls = ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::NotAsked).unwrap();
    let listener = runtime.block_on(TcpListener::bind((LOOPBACK, 0))).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(serve(listener, tls, authority));
    address
}

fn enrol(folder: &Path, address: SocketAddr, mac: &str, code: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_oyez-endpoint"))
        .args(["enrol", &format!("https://{address}"), "--mac", mac, "--ca"])
        .arg(folder.join("authority.pem"))
        .arg("--state")
        .arg(folder.join("state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = program.stdin.take().unwrap();
    // A program that has refused already reads nothing.
    let _is_read = input.write_all(format!("{code}\n").as_bytes()).is_ok();
    drop(input);
    program.wait_with_output().unwrap()
}

#[test]
fn a_claim_code_is_read_and_the_files_belong_to_who_owns_the_folder() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    // Root enrols for a service; anybody else for themselves.
    let _is_given_away = chown(&state, Some(SERVICE_USER), Some(SERVICE_USER)).is_ok();
    let authority = folder.path().join("authority.pem");
    let address = start(&runtime, &authority);
    fs::set_permissions(&authority, fs::Permissions::from_mode(0o600)).unwrap();

    let output = enrol(folder.path(), address, MAC, "K7QF-2XMB");

    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        format!(
            "0022EE0A0B0C has its certificate in {}/certificate/device.pem",
            state.display()
        )
    );
    let owner = fs::metadata(&state).unwrap().uid();
    for (name, mode) in [("device.key", 0o600), ("device.pem", 0o600), ("", 0o700)] {
        let metadata = fs::metadata(state.join("certificate").join(name)).unwrap();
        assert_eq!(metadata.uid(), owner, "{name}");
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{name}");
    }
}

#[test]
fn what_is_wrong_with_an_enrolment_is_said() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = start(&runtime, &folder.path().join("authority.pem"));
    let long = "K".repeat(257);
    for (mac, code, why) in [
        ("zz", "K7QF-2XMB", "zz is no hardware address"),
        (MAC, long.as_str(), "the claim code is longer than 256 octets"),
        (MAC, "", "there is no claim code"),
        (MAC, "OTHER", "does not accept the claim code: unknown code"),
    ] {
        let output = enrol(folder.path(), address, mac, code);
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why), "{said}");
    }
    assert!(!folder.path().join("state/certificate/device.pem").exists());
}
