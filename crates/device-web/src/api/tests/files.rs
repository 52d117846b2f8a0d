//! The sound files over the API, and the calls of the hardware that this model does not have.

use super::*;

const OCTETS: &str = "application/octet-stream";

/// A second of a WAV file: 8,000 samples of silence.
fn wav() -> Vec<u8> {
    let mut file = Vec::new();
    let data = 16_000_u32;
    file.extend(b"RIFF");
    file.extend((36 + data).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(data.to_le_bytes());
    file.resize(file.len() + 16_000, 0);
    file
}

/// A file as the hardware's clients bring it: signed with its own type.
fn brought(path: &str, content: Vec<u8>) -> Request<Body> {
    let (date, nonce, md5) = (unix_time(), nonce(), content_md5(&content));
    let signature = Signed {
        method: "PUT",
        uri: path,
        body: Some(SignedBody {
            content_md5: &md5,
            content_type: OCTETS,
        }),
        date,
        nonce: &nonce,
    }
    .sign(&Secret::from(PASSWORD));
    let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(date);
    Request::put(path)
        .header(header::AUTHORIZATION, format!("hmac admin:{nonce}:{signature}"))
        .header(header::DATE, httpdate::fmt_http_date(time))
        .header("content-md5", md5)
        .header(header::CONTENT_TYPE, OCTETS)
        .body(Body::from(content))
        .unwrap()
}

#[tokio::test]
async fn a_sound_file_is_kept_listed_and_removed() {
    let bench = Bench::open().await;

    // More than any other call may bring.
    let mut long = wav();
    long.resize(long.len() + BODY_LENGTH_MAX, 0);
    let kept = bench
        .send(brought("/api/files/tones/front%20door.wav", long))
        .await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.text);
    assert_eq!(kept.json()["name"], "front-door.wav");
    let listed = bench.get("/api/files/tones").await;
    assert_eq!(listed.json()["files"][0]["name"], "front-door.wav");
    assert!(
        bench
            .get("/api/info/tonelist")
            .await
            .text
            .contains("front-door.wav")
    );

    let remove = |path: &str| signed("DELETE", "/api/files/", &json!({ "path": path }).to_string());
    assert_eq!(
        bench.send(remove("tones/front-door.wav")).await.status,
        StatusCode::OK
    );
    assert_eq!(
        bench.send(remove("/tones/front-door.wav")).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(bench.get("/api/files/tones").await.json()["files"], json!([]));
    bench.appliance.stop().await;
}

#[tokio::test]
async fn w04_what_is_no_sound_or_leads_elsewhere_is_refused_and_nothing_is_left() {
    let bench = Bench::open().await;
    for (path, content, status) in [
        (
            "/api/files/tones/x.wav",
            b"no sound".to_vec(),
            StatusCode::BAD_REQUEST,
        ),
        ("/api/files/tones/.wav", wav(), StatusCode::BAD_REQUEST),
        ("/api/files/tones/$(id).wav", wav(), StatusCode::BAD_REQUEST),
        ("/api/files/certs/x.wav", wav(), StatusCode::NOT_IMPLEMENTED),
    ] {
        let answer = bench.send(brought(path, content)).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    for path in [
        "certs/web.pem",
        "web-password",
        "tones/../web-password",
        "/etc/passwd",
    ] {
        let body = json!({ "path": path }).to_string();
        let answer = bench.send(signed("DELETE", "/api/files/", &body)).await;
        assert!(!answer.status.is_success(), "{path}");
    }
    let tones = bench.state.path().join("tones");
    let left = std::fs::read_dir(tones).map_or(0, |entries| entries.count());
    assert_eq!(left, 0);
    bench.appliance.stop().await;
}

#[tokio::test]
async fn every_call_of_the_hardware_without_a_meaning_here_says_so() {
    let bench = Bench::open().await;
    for (method, path) in [
        ("GET", "/api/info/input.relay.status"),
        ("GET", "/api/info/input.relay1.status"),
        ("GET", "/api/info/input.relay2.status"),
        ("GET", "/api/info/audio.noise.level"),
        ("POST", "/api/settings/action/restore"),
        ("POST", "/api/controls/rx/start"),
        ("POST", "/api/controls/rx/stop"),
        ("POST", "/api/controls/noise/update"),
        ("POST", "/api/controls/call/start"),
        ("POST", "/api/controls/call/stop"),
        ("POST", "/api/controls/call/page"),
        ("POST", "/api/controls/strobe/start"),
        ("POST", "/api/controls/strobe/stop"),
        ("POST", "/api/controls/screen/start"),
        ("POST", "/api/controls/screen/stop"),
        ("POST", "/api/controls/screen-text/start"),
        ("POST", "/api/controls/screen-text/stop"),
        ("POST", "/api/controls/door/lock"),
        ("POST", "/api/controls/door/unlock"),
        ("POST", "/api/controls/door/munlock"),
        ("POST", "/api/controls/relay/enable"),
        ("POST", "/api/controls/relay/disable"),
        ("POST", "/api/controls/relay/menable"),
        ("POST", "/api/controls/24v/enable"),
        ("POST", "/api/controls/24v/disable"),
        ("POST", "/api/controls/console/button/activate"),
        ("POST", "/api/controls/console/event/stop"),
        ("GET", "/api/console/event/status"),
        ("POST", "/api/schedules"),
        ("POST", "/api/state/mcast/update/"),
        ("GET", "/api/files/certs"),
        ("POST", "/api/controls/reboot"),
        ("POST", "/api/controls/upgrade/check"),
        ("POST", "/api/controls/upgrade/start"),
    ] {
        let answer = bench.send(signed(method, path, "")).await;
        assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED, "{method} {path}");
        assert_eq!(answer.json()["error"], "not on this model", "{method} {path}");
    }
    bench.appliance.stop().await;
}
