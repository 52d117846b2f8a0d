//! Tones that go out to multicast zones.

use axum::http::StatusCode;
use model::config::ZoneNumber;

use super::{Bench, PASSWORD};

async fn sender() -> Bench {
    let config = format!(
        "admin.web.api = 1\napi.admin.pwd = {PASSWORD}\nmcast.mode = 1\nmcast.tx.fixed = 2\nmcast.zone3 = 239.255.79.1:6000\n\
         oyez.mcast.interface = lo\n"
    );
    Bench::start(&config).await
}

async fn sent_to(bench: &Bench) -> Vec<u8> {
    let sending = bench.appliance.status().await.unwrap().multicast.sending;
    sending.into_iter().map(ZoneNumber::get).collect()
}

#[tokio::test]
async fn a_tone_goes_out_to_the_zone_of_the_address_or_of_the_base_extension() {
    let bench = sender().await;
    for (more, zones) in [
        (r#""mcast":true"#, vec![2]),
        (r#""mcast":true,"playback":false"#, vec![2]),
        (
            r#""mcast":true,"state":{"mode":"sender","address":"239.255.79.1","port":6000,"type":"rtp"}"#,
            vec![3],
        ),
        (
            r#""state":{"mode":"sender","address":"239.255.79.1","port":"6000","group":1}"#,
            vec![3],
        ),
        (r#""mcast":false"#, vec![]),
    ] {
        let body = format!(r#"{{"path":"gong.wav","loop":true,{more}}}"#);
        let answer = bench.post("/api/controls/tone/start", &body).await;

        assert_eq!(
            (answer.status, answer.text.as_str()),
            (StatusCode::OK, ""),
            "{more}"
        );
        assert_eq!(sent_to(&bench).await, zones, "{more}");
        assert!(bench.sounding().await.is_some());
    }
    bench.post("/api/controls/tone/stop", "").await;
    assert!(sent_to(&bench).await.is_empty());
    bench.appliance.stop().await;
}

#[tokio::test]
async fn a_tone_that_can_go_nowhere_is_refused_and_says_why() {
    let bench = sender().await;
    for (more, status) in [
        (
            r#""state":{"mode":"sender","address":"239.255.79.1","port":6001}"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            r#""state":{"mode":"sender","address":"192.0.2.1","port":"x"}"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            r#""state":{"mode":"receiver","address":"239.255.79.1","port":6000}"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            r#""state":{"mode":"sender","address":"239.255.79.1","port":6000,"type":"poly"}"#,
            StatusCode::NOT_IMPLEMENTED,
        ),
        (r#""playback":false"#, StatusCode::BAD_REQUEST),
    ] {
        let body = format!(r#"{{"path":"gong.wav",{more}}}"#);
        let answer = bench.post("/api/controls/tone/start", &body).await;

        assert_eq!(answer.status, status, "{more}");
        assert!(!answer.json()["error"].as_str().unwrap().is_empty());
    }
    assert_eq!(bench.sounding().await, None);
    bench.appliance.stop().await;
}
