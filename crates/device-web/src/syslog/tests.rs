//! Feeds and senders against servers of these tests.

use std::sync::LazyLock;

use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::log_book::LOG_LINES_QUEUED_MAX;

/// How long what has to happen may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn feed_to(server: &str, book: &LogBook) -> (Feed, broadcast::Sender<DeviceReport>) {
    let (reporter, reports) = broadcast::channel(4);
    let feed = Feed {
        server: server.parse().unwrap(),
        queues: Queues {
            lines: book.follow(),
            reports,
        },
        least: Severity::Info,
        dropped: 0,
        pending: None,
        origin: Origin::new("lobby", 1),
        delivery: book.delivery(server),
    };
    (feed, reporter)
}

fn feed(book: &LogBook) -> (Feed, broadcast::Sender<DeviceReport>) {
    feed_to("log.example", book)
}

fn log(lines: &LogBook, count: usize) {
    for number in 0..count {
        line(lines, "test", &number.to_string());
    }
}

fn line(lines: &LogBook, target: &str, text: &str) {
    lines.write(LogLine {
        at: 0,
        level: Level::INFO,
        target: target.to_owned(),
        text: text.to_owned(),
    });
}

/// Has what this thread logs go into a book. While a program has one dispatcher only, `tracing` asks that of whatever thread comes first
/// whether anybody cares for a line, which may be a test without any; so there is always another one.
fn logging_to(book: &LogBook) -> tracing::subscriber::DefaultGuard {
    static ANOTHER: LazyLock<tracing::Dispatch> =
        LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::registry()));
    LazyLock::force(&ANOTHER);
    tracing::subscriber::set_default(tracing_subscriber::registry().with(book.clone()))
}

/// Waits until the server counts as one that is out of reach.
async fn failure(book: &LogBook) {
    let failed = async {
        while book.deliveries()[0].failure.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.unwrap();
}

/// Takes a connection, reads one message, and closes it again.
async fn read_frame(listener: &TcpListener) -> String {
    read_frame_of(&mut accepted(listener).await).await
}

async fn accepted(listener: &TcpListener) -> TcpStream {
    let (stream, _) = tokio::time::timeout(PATIENCE, listener.accept())
        .await
        .unwrap()
        .unwrap();
    stream
}

async fn read_frame_of(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    loop {
        octets.push(stream.read_u8().await.unwrap());
        let text = String::from_utf8_lossy(&octets).into_owned();
        if let Some((length, message)) = text.split_once(' ')
            && message.len() == length.parse::<usize>().unwrap()
        {
            return message.to_owned();
        }
    }
}

/// A port where nobody listens.
async fn closed_port() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn w08_a_queue_holds_so_many_lines_and_what_is_dropped_past_that_is_told() {
    let book = LogBook::default();
    let (mut feed, _reporter) = feed(&book);

    log(&book, LOG_LINES_QUEUED_MAX);
    assert_eq!(feed.next().await.unwrap().text, "test: 0");
    log(&book, 2);

    let told = feed.next().await.unwrap();
    assert_eq!(told.text, "1 messages were dropped: the queue was full");
    assert_eq!(feed.next().await.unwrap().text, "test: 2");
    assert_eq!(book.deliveries()[0].dropped, 1);
}

#[tokio::test]
async fn what_is_less_grave_than_asked_for_is_not_sent() {
    let book = LogBook::default();
    let (mut feed, reporter) = feed(&book);
    feed.least = Severity::Warning;
    log(&book, 1);
    let refused = DeviceEvent::SoundRefused {
        what: "gong.wav".to_owned(),
        why: "an alert sounds".to_owned(),
    };
    reporter
        .send(DeviceReport::Event(DeviceEvent::CheckSync, Instant::now()))
        .unwrap();
    reporter
        .send(DeviceReport::Event(refused, Instant::now()))
        .unwrap();

    let told = feed.next().await.unwrap();

    assert_eq!(
        (told.kind.as_str(), told.severity),
        ("sound_refused", Severity::Warning)
    );
}

#[tokio::test]
async fn an_event_that_has_waited_is_told_with_the_time_that_it_happened_at() {
    let book = LogBook::default();
    let (mut feed, reporter) = feed(&book);
    let minute = Duration::from_secs(60);
    let happened = Instant::now().checked_sub(minute).unwrap();
    reporter
        .send(DeviceReport::Event(DeviceEvent::CheckSync, happened))
        .unwrap();

    let told = feed.next().await.unwrap();

    assert!(told.at <= device::unix_time() - minute.as_secs());
}

#[tokio::test]
async fn how_log_servers_do_is_not_told_to_them() {
    let book = LogBook::default();
    let (mut feed, _reporter) = feed(&book);
    line(&book, module_path!(), "a log server is out of reach");
    line(&book, "device", "something else");

    assert_eq!(feed.next().await.unwrap().text, "device: something else");
    assert_eq!(book.lines().len(), 2, "the page shows both");
}

/// Says how often a server was said to be out of reach, and to be reached again.
fn told(book: &LogBook) -> (usize, usize) {
    let count = |text: &str| {
        let lines = book.lines();
        lines.iter().filter(|line| line.text.starts_with(text)).count()
    };
    (
        count("a log server is out of reach"),
        count("a log server is reached again"),
    )
}

#[tokio::test]
async fn a_server_that_takes_connections_and_closes_them_is_one_that_is_out_of_reach() {
    let book = LogBook::default();
    let _logging = logging_to(&book);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (feed, _reporter) = feed_to(&listener.local_addr().unwrap().to_string(), &book);
    let _senders = Senders::start(vec![feed], &Protocol::Tcp);

    for _ in 0..3 {
        drop(accepted(&listener).await);
    }

    assert_eq!(told(&book), (1, 0));
}

#[tokio::test]
async fn a_server_that_refuses_datagrams_is_told_of_once() {
    let book = LogBook::default();
    let _logging = logging_to(&book);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (feed, _reporter) = feed_to(&socket.local_addr().unwrap().to_string(), &book);
    drop(socket);
    let _senders = Senders::start(vec![feed], &Protocol::Udp);

    let refused = async {
        for message in 0..3 {
            log(&book, 1);
            // Each is refused in its turn, and no other follows by itself.
            while book.deliveries()[0].sent <= message || book.deliveries()[0].failure.is_none() {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();

    assert_eq!(told(&book), (1, 0));
}

#[tokio::test]
async fn a_server_that_is_there_for_a_while_is_reached_again() {
    let book = LogBook::default();
    let _logging = logging_to(&book);
    let address = closed_port().await;
    let (feed, _reporter) = feed_to(&address.to_string(), &book);
    let _senders = Senders::start(vec![feed], &Protocol::Tcp);
    failure(&book).await;

    let listener = TcpListener::bind(address).await.unwrap();
    let begin = Instant::now();
    let _stream = accepted(&listener).await;
    let reached = async {
        while book.deliveries()[0].failure.is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap();

    assert!(begin.elapsed() >= HELD_TIME / 2);
    assert_eq!(told(&book), (1, 1));
}

#[tokio::test]
async fn a_message_waits_for_a_server_that_is_not_there_yet_and_goes_on_to_one_that_came_back() {
    let address = closed_port().await;
    let book = LogBook::default();
    let (feed, _reporter) = feed_to(&address.to_string(), &book);
    let _senders = Senders::start(vec![feed], &Protocol::Tcp);
    log(&book, 1);
    failure(&book).await;

    let listener = TcpListener::bind(address).await.unwrap();
    let first = read_frame(&listener).await;
    log(&book, 2);
    let second = read_frame(&listener).await;

    assert!(first.ends_with("test: 0"), "{first}");
    assert!(
        second.ends_with("test: 0") || second.ends_with("test: 1"),
        "{second}"
    );
}

#[tokio::test]
async fn what_waits_for_a_server_that_stays_is_sent_after_a_change_of_the_configuration() {
    let address = closed_port().await;
    let book = LogBook::default();
    let (feed, _reporter) = feed_to(&address.to_string(), &book);
    let senders = Senders::start(vec![feed], &Protocol::Tcp);
    log(&book, 2);
    failure(&book).await;
    let changed = LoggingConfig {
        servers: vec![
            "new.example".parse().unwrap(),
            address.to_string().parse().unwrap(),
        ],
        protocol: LogProtocol::Tcp,
        level: LogLevel::Info,
        trusted_ca_file: None,
    };

    let feeds = feeds(senders.stop().await, &changed, |server| {
        feed_to(&server.to_string(), &book).0
    });
    let listener = TcpListener::bind(address).await.unwrap();
    let stays = feeds.into_iter().skip(1).collect();
    let _senders = Senders::start(stays, &Protocol::Tcp);

    let mut stream = accepted(&listener).await;
    assert!(read_frame_of(&mut stream).await.ends_with("test: 0"));
    assert!(read_frame_of(&mut stream).await.ends_with("test: 1"));
}

#[tokio::test]
async fn whom_to_trust_over_tls_is_read_for_each_connection() {
    let book = LogBook::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (feed, _reporter) = feed_to(&listener.local_addr().unwrap().to_string(), &book);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    let read = file.clone();
    let policy = move || {
        let authorities = net::tls::certificates_from_file(&read).map_err(|error| error.to_string())?;
        ClientTls::new(ClientTlsConfig {
            trust: Trust::Authorities(authorities),
            minimum: MinimumVersion::Tls12,
            identity: None,
            clock: net::tls::CertificateClock::default(),
        })
        .map_err(|error| error.to_string())
    };
    let _senders = Senders::start(vec![feed], &Protocol::Tls(Arc::new(policy)));
    failure(&book).await;
    let why = book.deliveries()[0].failure.clone().unwrap();
    assert!(why.contains("authority.pem"), "{why}");

    let authority = net::authority::Authority::generate("logs", std::time::SystemTime::now()).unwrap();
    std::fs::write(&file, authority.certificate_pem()).unwrap();

    let hello = accepted(&listener).await.read_u8().await.unwrap();
    assert_eq!(hello, 22, "a handshake record of TLS");
}

#[test]
fn a_server_that_is_out_of_reach_is_tried_less_and_less_often() {
    let waits: Vec<u64> = (1..=8)
        .map(|failures| wait_after(failures, 0).as_secs())
        .collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(wait_after(u32::MAX, 0), WAIT_MAX);
    assert_eq!(wait_after(7, 255), WAIT_MAX * 3 / 4);
}
