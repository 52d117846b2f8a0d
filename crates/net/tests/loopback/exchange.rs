//! Both directions of every transport.

use std::net::SocketAddr;

use net::tls::MinimumVersion;
use net::transport::{Channel, CloseCause, Incoming, ListenerKind};
use sip::flow::Transport;

use crate::side::{Side, dial, register, tcp, tls_pair, udp};

/// An address of each family.
const LOOPBACKS: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];
const UDP: ListenerKind = ListenerKind::Udp {
    datagram_bytes_max: 65_507,
};

#[tokio::test]
async fn udp_datagrams_go_both_ways_in_both_families() {
    for address in LOOPBACKS {
        let mut server = Side::listening_on(address, UDP);
        let mut client = Side::listening_on(address, UDP);

        let flow = client.connected(udp(server.local())).await;
        client.transports.send(&flow, register(1)).unwrap();
        let (at_server, request) = server.datagram().await;
        server
            .transports
            .send(&at_server, &b"SIP/2.0 200 OK\r\n\r\n"[..])
            .unwrap();
        let (at_client, response) = client.datagram().await;

        assert_eq!(request, register(1));
        assert_eq!(response, b"SIP/2.0 200 OK\r\n\r\n");
        assert_eq!(at_client, flow);
        assert_eq!((at_server.local, at_server.remote), (flow.remote, flow.local));
    }
}

#[tokio::test]
async fn a_socket_bound_to_all_addresses_knows_and_keeps_the_one_it_was_asked_on() {
    for (all, asked, from) in [
        ("0.0.0.0:0", "127.0.0.2", "127.0.0.1:0"),
        ("[::]:0", "::1", "[::1]:0"),
    ] {
        let mut server = Side::listening_on(all, UDP);
        let mut client = Side::listening_on(from, UDP);
        let asked = SocketAddr::new(asked.parse().unwrap(), server.local().port());

        let flow = client.connected(udp(asked)).await;
        client.transports.send(&flow, register(1)).unwrap();
        let (at_server, _) = server.datagram().await;
        server.transports.send(&at_server, register(2)).unwrap();
        let (at_client, _) = client.datagram().await;

        assert_eq!(at_server.local, asked);
        assert_eq!(at_client.remote, asked);
    }
}

#[tokio::test]
async fn messages_go_both_ways_over_tcp_in_both_families() {
    for address in LOOPBACKS {
        let mut server = Side::listening_on(address, ListenerKind::Tcp);
        let mut client = Side::client();

        let flow = client.connected(tcp(server.local())).await;
        messages_go_both_ways(&mut server, &mut client, flow).await;
    }
}

#[tokio::test]
async fn messages_go_both_ways_over_tls_12_and_13_in_both_families() {
    for (minimum, address) in [MinimumVersion::Tls12, MinimumVersion::Tls13]
        .into_iter()
        .flat_map(|minimum| LOOPBACKS.map(|address| (minimum, address)))
    {
        let (server_tls, policy) = tls_pair(&["sip.example.com"], minimum);
        let mut server = Side::listening_on(address, ListenerKind::Tls(server_tls));
        let mut client = Side::client();
        let channel = Channel::Tls {
            server_name: "sip.example.com".to_owned(),
            policy,
        };

        let flow = client.connected(dial(server.local(), channel)).await;
        assert_eq!(flow.transport, Transport::Tls);
        messages_go_both_ways(&mut server, &mut client, flow).await;
    }
}

async fn messages_go_both_ways(server: &mut Side, client: &mut Side, flow: sip::flow::Flow) {
    let opened = server.opened().await;
    assert_eq!((opened.local, opened.remote), (flow.remote, flow.local));

    client.transports.send(&flow, register(1)).unwrap();
    client.transports.send(&flow, register(2)).unwrap();
    for sequence in [1, 2] {
        let (at_server, request) = server.message().await;
        assert_eq!(at_server, opened);
        assert_eq!(request.as_bytes(), register(sequence));
    }
    server.transports.send(&opened, register(3)).unwrap();
    let (at_client, back) = client.message().await;
    assert_eq!(at_client, flow);
    assert_eq!(back.as_bytes(), register(3));

    client.transports.close(flow.connection);
    assert!(matches!(
        client.next().await,
        Incoming::Closed { connection, cause: CloseCause::Local } if connection == flow.connection
    ));
    assert!(matches!(
        server.next().await,
        Incoming::Closed { connection, cause: CloseCause::PeerClosed } if connection == opened.connection
    ));
}
