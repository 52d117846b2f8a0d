//! What a peer gets that is hostile, broken or slow, and that others do not notice.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use net::tls::MinimumVersion;
use net::transport::{
    Channel, CloseCause, ConnectFailure, Counter, Dial, Incoming, KeepAlive, Limits, ListenerKind,
    PARTIAL_BYTES_FREE, SendError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::time::Instant;

use crate::side::{Side, dial, register, tcp, tls_pair, udp};

const UDP: ListenerKind = ListenerKind::Udp {
    datagram_bytes_max: 1_000,
};

/// Enough for all that the kernel holds between two ends of a loopback connection.
const FLOOD_BYTES: usize = 64 * 1024 * 1024;

#[tokio::test(start_paused = true)]
async fn t4_a_silent_client_of_the_tls_port_is_dropped_after_ten_seconds() {
    let (server_tls, _) = tls_pair(&["sip.example.com"], MinimumVersion::Tls12);
    let server = Side::listening(ListenerKind::Tls(server_tls));
    let start = Instant::now();
    let mut silent = TcpStream::connect(server.local()).await.unwrap();

    assert_eq!(silent.read(&mut [0; 16]).await.unwrap(), 0);

    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(server.transports.counters().count(Counter::HandshakesTimedOut), 1);
}

#[tokio::test]
async fn t4_w07_silent_clients_of_the_tls_port_occupy_no_handshake() {
    let (server_tls, policy) = tls_pair(&["sip.example.com"], MinimumVersion::Tls12);
    let limits = Limits {
        handshakes_max: 1,
        handshakes_per_source_max: 1,
        ..Limits::default()
    };
    let mut server = Side::limited("127.0.0.1:0", ListenerKind::Tls(server_tls), limits, 8);
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(server.local()).await.unwrap());
    }

    let mut client = Side::client();
    let channel = Channel::Tls {
        server_name: "sip.example.com".to_owned(),
        policy,
    };
    let flow = client.connected(dial(server.local(), channel)).await;

    assert_eq!(server.opened().await.remote, flow.local);
    // Whoever waits for others to give up gets a place too, ten seconds later.
    assert_eq!(server.transports.counters().count(Counter::HandshakesTimedOut), 0);
    drop(silent);
}

#[tokio::test]
async fn w07_sixty_half_handshakes_of_one_source_delay_no_other_source() {
    let (server_tls, policy) = tls_pair(&["sip.example.com"], MinimumVersion::Tls12);
    let limits = Limits {
        handshakes_max: 9,
        handshakes_per_source_max: 8,
        ..Limits::default()
    };
    let mut server = Side::limited("127.0.0.1:0", ListenerKind::Tls(server_tls), limits, 8);
    let mut half = Vec::new();
    for _ in 0..60 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(server.local()).await.unwrap();
        // The first octets of a ClientHello of 512.
        stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        half.push(stream);
    }

    let mut client = Side::client();
    let channel = Channel::Tls {
        server_name: "sip.example.com".to_owned(),
        policy,
    };
    let flow = client.connected(dial(server.local(), channel)).await;

    assert_eq!(server.opened().await.remote, flow.local);
    // Whoever waits for others to give up gets a place too, ten seconds later.
    assert_eq!(server.transports.counters().count(Counter::HandshakesTimedOut), 0);
    drop(half);
}

#[tokio::test]
async fn a11_long_messages_that_do_not_end_hold_a_bounded_part_of_memory_and_no_short_one_up() {
    const HELD: usize = 10_000;
    let limits = Limits {
        partial_bytes_total_max: HELD,
        ..Limits::default()
    };
    let mut server = Side::limited("127.0.0.1:0", ListenerKind::Tcp, limits, 8);
    let begun = |held: usize| {
        let head = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\nSubject: ";
        [&head[..], &vec![b'x'; PARTIAL_BYTES_FREE + held - head.len()]].concat()
    };
    let mut first = TcpStream::connect(server.local()).await.unwrap();
    first.write_all(&begun(HELD)).await.unwrap();
    server.opened().await;
    while server.transports.partial_bytes() < HELD {
        tokio::task::yield_now().await;
    }

    let mut second = TcpStream::connect(server.local()).await.unwrap();
    second.write_all(&begun(1)).await.unwrap();
    server.opened().await;
    assert_eq!(server.closed().await, CloseCause::PartialsFull);
    assert_eq!(server.transports.counters().count(Counter::PartialsRefused), 1);

    let mut short = TcpStream::connect(server.local()).await.unwrap();
    short.write_all(&begun(0)).await.unwrap();
    short.write_all(b"\r\n\r\n").await.unwrap();
    server.opened().await;
    server.message().await;
    drop(first);
    assert_eq!(server.closed().await, CloseCause::PeerClosed);
    assert_eq!(server.transports.partial_bytes(), 0);
}

#[tokio::test]
async fn w07_connections_beyond_a_sources_places_are_closed_and_freed_places_are_given_again() {
    let limits = Limits {
        connections_per_source_max: 2,
        ..Limits::default()
    };
    let mut server = Side::limited("127.0.0.1:0", ListenerKind::Tcp, limits, 8);
    let first = TcpStream::connect(server.local()).await.unwrap();
    let _second = TcpStream::connect(server.local()).await.unwrap();
    server.opened().await;
    server.opened().await;

    let mut third = TcpStream::connect(server.local()).await.unwrap();
    assert_closed(&mut third).await;
    assert_eq!(server.transports.counters().count(Counter::RefusedSourceFull), 1);

    drop(first);
    assert_eq!(server.closed().await, CloseCause::PeerClosed);
    let _fourth = TcpStream::connect(server.local()).await.unwrap();
    server.opened().await;
}

#[tokio::test(start_paused = true)]
async fn w07_a_connection_without_a_message_is_closed() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let mut silent = TcpStream::connect(server.local()).await.unwrap();
    server.opened().await;

    assert_eq!(server.closed().await, CloseCause::FirstMessageTimeout);
    assert_closed(&mut silent).await;
}

#[tokio::test(start_paused = true)]
async fn w07_a_message_that_never_ends_closes_its_connection() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let mut slow = TcpStream::connect(server.local()).await.unwrap();
    server.opened().await;
    slow.write_all(&register(1)).await.unwrap();
    slow.write_all(b"REGISTER sip:").await.unwrap();
    server.message().await;

    assert_eq!(server.closed().await, CloseCause::PartialMessageTimeout);
}

#[tokio::test]
async fn t10_a_double_crlf_is_answered_with_a_crlf() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let mut peer = TcpStream::connect(server.local()).await.unwrap();
    server.opened().await;

    peer.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    peer.read_exact(&mut pong).await.unwrap();
    peer.write_all(&register(1)).await.unwrap();

    assert_eq!(&pong, b"\r\n");
    assert_eq!(server.message().await.1.as_bytes(), register(1));
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_without_its_answer_closes_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Side::client();
    let keep_alive = KeepAlive {
        interval: Duration::from_secs(10),
        pong_timeout: Duration::from_secs(3),
    };
    let wish = Dial {
        keep_alive: Some(keep_alive),
        ..tcp(listener.local_addr().unwrap())
    };
    let start = Instant::now();
    client.connected(wish).await;
    let (mut mute, _) = listener.accept().await.unwrap();

    assert_eq!(client.closed().await, CloseCause::PongMissing);

    assert!(
        (11..=13).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
    let mut pinged = Vec::new();
    mute.read_to_end(&mut pinged).await.unwrap();
    assert_eq!(pinged, b"\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_client_pings_as_long_as_it_is_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Side::client();
    let keep_alive = KeepAlive {
        interval: Duration::from_secs(10),
        pong_timeout: Duration::from_secs(3),
    };
    client
        .connected(Dial {
            keep_alive: Some(keep_alive),
            ..tcp(listener.local_addr().unwrap())
        })
        .await;
    let (mut answering, _) = listener.accept().await.unwrap();

    for _ in 0..5 {
        let mut ping = [0; 4];
        answering.read_exact(&mut ping).await.unwrap();
        assert_eq!(&ping, b"\r\n\r\n");
        answering.write_all(b"\r\n").await.unwrap();
    }

    assert_eq!(client.closed().await, CloseCause::PongMissing);
    let mut rest = Vec::new();
    answering.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"\r\n\r\n", "only the sixth went unanswered");
}

#[tokio::test]
async fn t2_a_peer_that_does_not_read_is_closed_and_others_go_on() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let _deaf = TcpStream::connect(server.local()).await.unwrap();
    let deaf = server.opened().await;
    let mut client = Side::client();
    let flow = client.connected(tcp(server.local())).await;
    let other = server.opened().await;

    let mut sent = 0;
    let refused = loop {
        match server.transports.send(&deaf, vec![b'x'; 60_000]) {
            Ok(()) => sent += 60_000,
            Err(error) => break error,
        }
        assert!(sent < FLOOD_BYTES, "nothing stops the queue");
        tokio::task::yield_now().await;
    };
    server.transports.send(&other, register(1)).unwrap();

    assert_eq!(refused, SendError::Overflow);
    assert_eq!(server.closed().await, CloseCause::QueueOverflow);
    assert_eq!(server.transports.send(&deaf, register(1)), Err(SendError::Closed));
    assert_eq!(client.message().await.0, flow);
    assert_eq!(server.transports.counters().count(Counter::QueueOverflows), 1);
}

#[tokio::test]
async fn t7_a_peer_that_does_not_read_its_answers_is_not_read_either() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let deaf = TcpStream::connect(server.local()).await.unwrap();
    let flow = server.opened().await;
    let requests = register(1).repeat(32);
    let answer = vec![b'x'; 500];
    let (mut read, mut written) = (0_usize, 0_usize);

    // The peer writes as long as it can; each of its requests is answered.
    loop {
        match deaf.try_write(&requests) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock && read > 0 => {
                // What can be taken of it has been taken when nothing more arrives in many turns.
                let mut turns_without = 0;
                while turns_without < 200 {
                    tokio::task::yield_now().await;
                    match server.events.try_recv() {
                        Ok(Incoming::Message { .. }) => {
                            read += 1;
                            turns_without = 0;
                            if server.transports.send(&flow, answer.clone()).is_err() {
                                panic!("the queue overflowed: the peer was read on");
                            }
                        }
                        Ok(other) => panic!("not a message: {other:?}"),
                        Err(_) => turns_without += 1,
                    }
                }
                if deaf.try_write(&requests).is_err() {
                    break;
                }
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        while let Ok(event) = server.events.try_recv() {
            assert!(matches!(event, Incoming::Message { .. }), "{event:?}");
            read += 1;
            server.transports.send(&flow, answer.clone()).unwrap();
        }
        tokio::task::yield_now().await;
        assert!(written < FLOOD_BYTES, "the peer is read without end");
    }

    assert!(written > read * register(1).len(), "requests stay in the kernel");
    assert_eq!(server.transports.connections(), 1);
}

#[tokio::test]
async fn t3_a_driver_that_does_not_take_events_delays_no_writing() {
    let mut server = Side::limited("127.0.0.1:0", ListenerKind::Tcp, Limits::default(), 1);
    let mut peer = TcpStream::connect(server.local()).await.unwrap();
    let flow = server.opened().await;
    let requests: Vec<_> = (1..=8).flat_map(register).collect();
    peer.write_all(&requests).await.unwrap();
    // With one event in the queue, and the next one framed, the connection waits for its driver.
    while server.events.is_empty() {
        tokio::task::yield_now().await;
    }

    server.transports.send(&flow, register(9)).unwrap();
    let mut answer = vec![0; register(9).len()];
    peer.read_exact(&mut answer).await.unwrap();

    assert_eq!(answer, register(9));
    for sequence in 1..=8 {
        assert_eq!(server.message().await.1.as_bytes(), register(sequence));
    }
}

#[tokio::test]
async fn t13_t15_a_stream_without_content_length_is_reported_answered_and_closed() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let mut peer = TcpStream::connect(server.local()).await.unwrap();
    server.opened().await;
    let text = String::from_utf8(register(1))
        .unwrap()
        .replace("Content-Length: 0\r\n", "");
    peer.write_all(text.as_bytes()).await.unwrap();

    let Incoming::BadMessage { flow, error } = server.next().await else {
        panic!("it was framed")
    };
    assert_eq!(error.status().map(sip::message::StatusCode::code), Some(400));
    server
        .transports
        .send(&flow, &b"SIP/2.0 400 Bad Request\r\n\r\n"[..])
        .unwrap();
    server.transports.close(flow.connection);
    let mut answer = Vec::new();
    peer.write_all(&[b'x'; 20_000]).await.unwrap();
    peer.shutdown().await.unwrap();
    peer.read_to_end(&mut answer).await.unwrap();

    assert_eq!(answer, b"SIP/2.0 400 Bad Request\r\n\r\n");
    assert_eq!(server.closed().await, CloseCause::Local);
}

#[tokio::test(start_paused = true)]
async fn t15_a_broken_stream_ends_even_if_the_driver_says_nothing() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let mut peer = TcpStream::connect(server.local()).await.unwrap();
    server.opened().await;
    let text = String::from_utf8(register(1))
        .unwrap()
        .replace("Content-Length: 0", "Content-Length: -1");
    peer.write_all(text.as_bytes()).await.unwrap();

    assert!(matches!(server.next().await, Incoming::BadMessage { .. }));
    assert_eq!(server.closed().await, CloseCause::Local);
}

#[tokio::test]
async fn t15_content_length_may_have_blanks_before_its_colon() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let mut peer = TcpStream::connect(server.local()).await.unwrap();
    server.opened().await;
    let text = String::from_utf8(register(1))
        .unwrap()
        .replace("Content-Length:", "Content-Length  :");
    peer.write_all(text.as_bytes()).await.unwrap();

    assert_eq!(server.message().await.1.as_bytes(), text.as_bytes());
}

#[tokio::test]
async fn t16_dials_to_one_peer_become_one_connection_and_dials_in_other_lanes_do_not() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let mut client = Side::client();
    let address = server.local();

    let tokens: Vec<_> = (0..3).map(|_| client.transports.connect(tcp(address))).collect();
    let mut flows = Vec::new();
    for _ in &tokens {
        let Incoming::Connected { token, flow } = client.next().await else {
            panic!("not connected")
        };
        assert!(tokens.contains(&token));
        flows.push(flow);
    }
    let late = client.connected(tcp(address)).await;
    let elsewhere = client
        .connected(Dial {
            lane: 1,
            ..tcp(address)
        })
        .await;

    assert!(flows.iter().all(|flow| *flow == late), "{flows:?}");
    assert_ne!(elsewhere.connection, late.connection);
    assert_eq!(client.transports.connections(), 2);
    server.opened().await;
    server.opened().await;
    assert_eq!(server.transports.counters().count(Counter::Accepted), 2);
}

#[tokio::test]
async fn a_dial_after_the_end_of_a_connection_makes_a_fresh_one() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let mut client = Side::client();
    let first = client.connected(tcp(server.local())).await;
    let opened = server.opened().await;
    server.transports.close(opened.connection);
    assert_eq!(client.closed().await, CloseCause::PeerClosed);

    let second = client.connected(tcp(server.local())).await;

    assert_ne!(first.connection, second.connection);
}

#[tokio::test]
async fn failed_dials_are_told_to_each_that_waits_and_forgotten() {
    let address = unused_address().await;
    let mut client = Side::client();
    let tokens = [
        client.transports.connect(tcp(address)),
        client.transports.connect(tcp(address)),
    ];

    for wanted in tokens {
        assert_failed(&mut client, wanted, &ConnectFailure::Refused).await;
    }
    let again = client.transports.connect(tcp(address));
    assert_failed(&mut client, again, &ConnectFailure::Refused).await;
}

#[tokio::test]
async fn dials_beyond_their_limit_fail_at_once() {
    let limits = Limits {
        dials_max: 1,
        ..Limits::default()
    };
    let mut client = Side::new(Vec::new(), limits, 8);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();

    let first = client.transports.connect(tcp(address));
    let second = client.transports.connect(Dial {
        lane: 1,
        ..tcp(address)
    });

    let mut outcomes = Vec::new();
    for _ in 0..2 {
        outcomes.push(match client.next().await {
            Incoming::Connected { token, .. } => (token, None),
            Incoming::ConnectFailed { token, cause } => (token, Some(cause)),
            other => panic!("neither: {other:?}"),
        });
    }
    outcomes.sort_by_key(|(token, _)| *token);
    assert_eq!(outcomes, [(first, None), (second, Some(ConnectFailure::TooMany))]);
}

#[tokio::test]
async fn udp_without_a_listener_is_named() {
    let mut client = Side::client();
    let wanted = client
        .transports
        .connect(udp(SocketAddr::from(([127, 0, 0, 1], 5060))));

    assert_failed(&mut client, wanted, &ConnectFailure::NoListener).await;
}

#[tokio::test]
async fn a_datagram_of_the_longest_length_comes_through_and_a_longer_one_is_counted() {
    let mut server = Side::listening(UDP);
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();

    peer.send_to(&[b'x'; 1_001], server.local()).await.unwrap();
    peer.send_to(b"\r\n\r\n", server.local()).await.unwrap();
    peer.send_to(&[b'x'; 1_000], server.local()).await.unwrap();

    assert_eq!(server.datagram().await.1.len(), 1_000);
    assert_eq!(server.transports.counters().count(Counter::DatagramsTooLong), 1);
    assert_eq!(server.transports.counters().count(Counter::DatagramKeepAlives), 1);
}

#[tokio::test]
async fn a_busy_driver_costs_datagrams_and_no_time() {
    let mut server = Side::limited("127.0.0.1:0", UDP, Limits::default(), 1);
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..3 {
        peer.send_to(b"OPTIONS", server.local()).await.unwrap();
    }
    while server.transports.counters().count(Counter::DatagramsDropped) < 2 {
        tokio::task::yield_now().await;
    }

    server.datagram().await;
    peer.send_to(b"OPTIONS again", server.local()).await.unwrap();
    assert_eq!(server.datagram().await.1, b"OPTIONS again");
}

#[tokio::test]
async fn dropping_the_transports_closes_everything() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let address = server.local();
    let mut peer = TcpStream::connect(address).await.unwrap();
    server.opened().await;

    drop(server);

    assert_closed(&mut peer).await;
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_writes_what_is_queued_and_ends_when_it_is_written() {
    let mut server = Side::limited("127.0.0.1:0", ListenerKind::Tcp, Limits::default(), 1);
    let mut peer = TcpStream::connect(server.local()).await.unwrap();
    let flow = server.opened().await;
    for sequence in 1..=100 {
        server.transports.send(&flow, register(sequence)).unwrap();
    }

    let patience = Duration::from_secs(60);
    let start = Instant::now();
    server.transports.shutdown(patience).await;

    assert!(start.elapsed() < patience);
    let mut received = Vec::new();
    peer.read_to_end(&mut received).await.unwrap();
    assert!(received.ends_with(&register(100)));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_deaf_peer_for_ever() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let _deaf = TcpStream::connect(server.local()).await.unwrap();
    let flow = server.opened().await;
    while server.transports.send(&flow, vec![b'x'; 60_000]).is_ok() {
        tokio::task::yield_now().await;
        if server.transports.connections() == 0 {
            break;
        }
    }
    let start = Instant::now();

    server.transports.shutdown(Duration::from_secs(5)).await;

    assert!(start.elapsed() <= Duration::from_secs(5));
}

#[tokio::test]
async fn t11_events_show_no_bytes_in_a_log() {
    let mut server = Side::listening(ListenerKind::Tcp);
    let mut peer = TcpStream::connect(server.local()).await.unwrap();
    server.opened().await;
    peer.write_all(&register(1)).await.unwrap();

    let shown = format!("{:?}", server.next().await);

    assert!(
        !shown.contains("speaker") && !shown.contains("REGISTER"),
        "{shown}"
    );
}

async fn assert_failed(client: &mut Side, wanted: net::transport::DialToken, expected: &ConnectFailure) {
    match client.next().await {
        Incoming::ConnectFailed { token, cause } => assert_eq!((token, &cause), (wanted, expected)),
        other => panic!("not failed: {other:?}"),
    }
}

async fn assert_closed(stream: &mut TcpStream) {
    match stream.read(&mut [0; 16]).await {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

/// An address on which nothing listens.
async fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}
