//! Who asks for many devices, and who asks often.

use model::inventory::{AuditEntry, Standing};

use web::{Peer, Remembered};

use super::hardware::{HARDWARE, HARDWARE_FILE, hardware_certificate, with_hardware};
use super::*;
use crate::alarms::PROBED;
use crate::provisioning::book::LOUD_SOURCE;
use crate::provisioning::visit::{JUDGED_FOR, REFUSALS_MAX, Visit};

const KNOWN: &str = "algom0022EE0A0B0C.conf";
const UNKNOWN: &str = "algom0022EE0A0BFF.conf";

impl Bench {
    /// Everything that is said to whoever asks for a file, but for the time.
    async fn said(&self, shown: Option<&Identity>, file: &str) -> String {
        let said = self.fetch_octets(shown, file).await;
        let said = String::from_utf8(said).unwrap();
        let lines = said.split_inclusive("\r\n");
        lines.filter(|line| !line.starts_with("date:")).collect()
    }

    async fn alarms(&self) -> Vec<AuditEntry> {
        let mut reading = self.store.read().await.unwrap();
        let mut scope = reading.account(&id());
        let all = Timestamp(0)..=Timestamp(u64::MAX);
        scope.audit_of_action(PROBED, all, 9).await.unwrap()
    }
}

#[tokio::test]
async fn p01_known_and_unknown_devices_are_refused_alike_octet_for_octet_and_nothing_is_looked_up() {
    let bench = Bench::start().await;
    let stranger = Authority::generate("Stranger", SystemTime::now()).unwrap();
    let name = Subject::Name(MAC.compact());
    let of_stranger = stranger.issue(&[name], Purpose::Client, SystemTime::now());
    let of_stranger = identity_of(&of_stranger.unwrap());
    let of_other = hardware_certificate(&bench, HARDWARE);
    // Whoever looked anything up, or waited for something to be written, would wait here.
    let store = &bench.store;
    let _writer = store.write().await.unwrap();
    let _readers = [
        store.read().await.unwrap(),
        store.read().await.unwrap(),
        store.read().await.unwrap(),
        store.read().await.unwrap(),
    ];

    for shown in [None, Some(&of_stranger), Some(&of_other)] {
        let known = bench.said(shown, KNOWN).await;
        let unknown = bench.said(shown, UNKNOWN).await;
        assert!(known.starts_with("HTTP/1.1 403 Forbidden"), "{known}");
        assert_eq!(known, unknown);
    }
}

#[tokio::test]
async fn p01_who_asks_for_many_devices_raises_one_alarm() {
    let bench = Bench::start().await;
    for number in 0..LOUD_SOURCE + 5 {
        let file = format!("algom0022EE0A{number:04X}.conf");
        bench.said(None, &file).await;
    }
    while bench.alarms().await.is_empty() {
        tokio::task::yield_now().await;
    }
    // What is noted later is written later.
    let last = format!("0022EE0A{:04X}", LOUD_SOURCE + 4);
    bench.attempts(last.parse().unwrap()).await;
    let alarms = bench.alarms().await;
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!(alarms[0].detail.contains("127.0.0.1"), "{alarms:?}");
}

#[tokio::test]
async fn p12_who_floods_the_server_from_one_address_leaves_the_others_their_places() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    let address = bench.listener.address();
    let mut held = Vec::new();
    for _ in 0..4 * PER_SOURCE_MAX {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 9], 0))).unwrap();
        held.push(socket.connect(address).await.unwrap());
    }

    let (status, text) = bench.fetch(Some(identity_in(state.path())), KNOWN).await;

    assert_eq!(status, "HTTP/1.1 200 OK", "{text}");
}

#[tokio::test]
async fn p12_a_burst_of_requests_is_answered_and_a_device_among_them_is_served() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().unwrap();
    bench.enrol(state.path(), MAC, CODE).await.unwrap();
    let bench = Arc::new(bench);
    let burst: Vec<_> = (0..PER_SOURCE_MAX / 4)
        .map(|caller| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move {
                for number in 0..10 {
                    let file = format!("algom02{caller:02X}{number:08X}.conf");
                    assert!(bench.said(None, &file).await.starts_with("HTTP/1.1 403"));
                }
            })
        })
        .collect();

    let (status, text) = bench.fetch(Some(identity_in(state.path())), KNOWN).await;

    assert_eq!(status, "HTTP/1.1 200 OK", "{text}");
    for asking in burst {
        asking.await.unwrap();
    }
}

#[tokio::test]
async fn p12_what_a_device_asks_for_often_is_answered_while_others_write() {
    const AGENT: &str = "Algo-8301/5.5.1";
    let (bench, identity) = with_hardware().await;
    let unknown = hardware_certificate(&bench, MacAddress::new([0, 0x22, 0xEE, 0, 0, 99]));
    let client = bench.client(Some(identity));
    bench.fetch_as(Arc::clone(&client), HARDWARE_FILE, AGENT).await;
    let _writer = bench.store.write().await.unwrap();

    for file in [&format!("{HARDWARE_FILE}.md5"), "algop8301.conf"] {
        let (status, text) = bench.fetch_as(Arc::clone(&client), file, AGENT).await;
        assert_eq!(status, "HTTP/1.1 200 OK", "{file}: {text}");
    }
    for file in [
        "algom0022EE000063.conf",
        "algom0022EE000063.conf.md5",
        "algop8301.conf",
    ] {
        let (status, text) = bench.fetch(Some(unknown.clone()), file).await;
        assert_eq!(status, "HTTP/1.1 403 Forbidden", "{file}: {text}");
        assert_eq!(text, "the device was not added");
    }
}

#[tokio::test]
async fn p12_whoever_is_held_or_blocked_is_refused_while_others_write() {
    let (bench, held) = with_hardware().await;
    let [second, blocked] = [(); 2].map(|()| hardware_certificate(&bench, HARDWARE));
    for shown in [&held, &second, &blocked] {
        bench.fetch(Some(shown.clone()), HARDWARE_FILE).await;
    }
    bench.judge(HARDWARE, &blocked, Standing::Blocked).await;
    bench.hold(HARDWARE).await;
    let _writer = bench.store.write().await.unwrap();

    for (shown, said) in [
        (&held, "the device is held until an administrator has looked"),
        (
            &second,
            "another certificate is known of this device: an administrator has to look",
        ),
        (&blocked, "the device certificate was taken back"),
    ] {
        for file in [HARDWARE_FILE, "algom0022EE000007.conf.md5", "algop8301.conf"] {
            let (status, text) = bench.fetch(Some(shown.clone()), file).await;
            assert_eq!(status, "HTTP/1.1 403 Forbidden", "{file}: {text}");
            assert_eq!(text, said, "{file}");
        }
    }
}

#[tokio::test]
async fn p12_a_burst_of_requests_of_devices_that_have_proved_to_be_it_leaves_the_others_their_files() {
    let (bench, identity) = with_hardware().await;
    let unknown = hardware_certificate(&bench, MacAddress::new([0, 0x22, 0xEE, 0, 0, 99]));
    let bench = Arc::new(bench);
    let burst: Vec<_> = (0..PER_SOURCE_MAX / 4)
        .map(|_| {
            let (bench, unknown) = (Arc::clone(&bench), unknown.clone());
            tokio::spawn(async move {
                for file in [
                    "algom0022EE000063.conf",
                    "algom0022EE000063.conf.md5",
                    "algop8301.conf",
                ] {
                    let said = bench.said(Some(&unknown), file).await;
                    assert!(said.starts_with("HTTP/1.1 403"), "{said}");
                }
            })
        })
        .collect();

    let (status, text) = bench.fetch(Some(identity), HARDWARE_FILE).await;

    assert_eq!(status, "HTTP/1.1 200 OK", "{text}");
    for asking in burst {
        asking.await.unwrap();
    }
}

#[tokio::test]
async fn p12_a_chain_is_judged_once_an_hour_for_all_requests_of_a_connection() {
    let (bench, _) = with_hardware().await;
    let now = SystemTime::now();
    // It ends within the hour.
    let issued_at = now + JUDGED_FOR / 2 - net::authority::CERTIFICATE_VALIDITY;
    let name = Subject::Name(HARDWARE.compact());
    let issued = bench.maker.issue(&[name], Purpose::Client, issued_at);
    let identity = identity_of(&issued.unwrap());
    let peer = Peer {
        address: SocketAddr::from(([192, 0, 2, 1], 1)),
        certificates: identity.chain().into(),
        version: None,
        remembered: Remembered::default(),
    };
    let identified = |peer: &Peer, now| {
        let visit = Visit {
            server: &bench.server,
            peer,
            file: HARDWARE_FILE,
            now,
        };
        visit.identified()
    };

    assert!(identified(&peer, now).is_ok());
    let last = now + JUDGED_FOR - Duration::from_millis(1);
    assert!(identified(&peer, last).is_ok(), "as it was judged first");
    let refused = identified(&peer, now + JUDGED_FOR).unwrap_err();
    assert_eq!(refused.outcome, AttemptOutcome::Expired);
    let another = Peer {
        remembered: Remembered::default(),
        ..peer
    };
    let refused = identified(&another, last).unwrap_err();
    assert_eq!(refused.outcome, AttemptOutcome::Expired);
}

#[tokio::test]
async fn p01_a_connection_is_closed_after_so_many_refusals_and_not_before() {
    let bench = Bench::start().await;
    let address = bench.listener.address();
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(bench.client(None));
    let mut stream = connector.connect(address.ip().into(), stream).await.unwrap();
    let request = format!("GET /{KNOWN} HTTP/1.1\r\nHost: x\r\n\r\n");
    for number in 1..=REFUSALS_MAX {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"a device certificate is needed") {
            said.push(stream.read_u8().await.unwrap());
        }
        let said = String::from_utf8(said).unwrap();
        assert!(said.starts_with("HTTP/1.1 403"), "{said}");
        assert_eq!(
            said.contains("connection: close"),
            number == REFUSALS_MAX,
            "{number}"
        );
    }
    let _is_sent = stream.write_all(request.as_bytes()).await.is_ok();
    assert!(stream.read_u8().await.is_err(), "closed");
}
