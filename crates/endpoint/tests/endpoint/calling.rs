//! The caller: one call placed, spoken into, ended, and every way it can come to nothing.

use std::time::{Duration, Instant};

use endpoint::{CallId, Caller, CallerEvent, CallerFailure, CallerPin, CallerProfile, Input, Output};
use media::codec::Codec;
use media::receive::{Received, Receiver, ReceiverConfig};
use media::sample::SampleRate;
use media::sdp::{self, LocalMedia, Negotiated, SecurityOffer};
use model::Secret;
use model::status::{Cause, TargetRole};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sip::digest::{Algorithm, Authenticator, Ha1, Limits, Verdict};
use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{Body, Config, EndCause, Event, Output as AgentOutput, Reply, SessionId, UserAgent};

use crate::world::{PRIMARY, Reach, account, address, mirrored, speech, talker_media, target};

const TICK: Duration = Duration::from_millis(20);

#[test]
fn a_call_is_placed_with_digest_spoken_into_and_ended() {
    let mut line = Line::new(caller_profile(), Answer::accepting());
    line.server.password = Some("secret");

    line.begin();
    line.speak(Duration::from_secs(2));
    line.caller.hang_up(line.now);
    line.pump();

    assert_eq!(
        line.events,
        [
            CallerEvent::Connected,
            CallerEvent::Ringing { status: 180 },
            CallerEvent::Answered {
                codec: Codec::Pcmu,
                is_encrypted: true,
                page: None,
            },
            CallerEvent::Ended {
                sent_ms: 2_000,
                by_peer: false
            },
        ]
    );
    assert_eq!(line.server.heard_samples(), 16_000);
    assert!(line.stopped);
}

#[test]
fn samples_at_another_rate_are_converted() {
    let profile = CallerProfile {
        input_rate: SampleRate::Hz48000,
        ..caller_profile()
    };
    let mut line = Line::new(profile, Answer::accepting());

    line.begin();
    line.speak_samples(&[1_000; 48_000]);

    assert_eq!(line.server.heard_samples(), 8_000);
}

#[test]
fn the_other_side_may_hang_up() {
    let mut line = Line::new(caller_profile(), Answer::accepting());

    line.begin();
    line.speak(Duration::from_secs(1));
    line.server.hang_up(line.now);
    line.pump();

    assert_eq!(
        line.events.last(),
        Some(&CallerEvent::Ended {
            sent_ms: 1_000,
            by_peer: true
        })
    );
    assert!(line.stopped);
}

#[test]
fn a_refusal_says_what_to_do_about_it() {
    for (status, advice) in [
        (403, "may not call"),
        (404, "no such extension"),
        (480, "reachable"),
        (486, "more important"),
        (488, "in common"),
        (503, "overloaded"),
    ] {
        let mut line = Line::new(caller_profile(), Answer::Refuses(status));

        line.begin();

        let sentence = line.failure().to_string();
        assert!(
            sentence.contains(&status.to_string()) && sentence.contains(advice),
            "{sentence}"
        );
        assert!(line.stopped);
    }
}

#[test]
fn a_wrong_password_is_named() {
    let mut line = Line::new(caller_profile(), Answer::accepting());
    line.server.password = Some("another");

    line.begin();

    assert!(line.failure().to_string().contains("password is wrong"));
}

#[test]
fn a_server_that_refuses_the_connection_is_named() {
    let mut line = Line::new(caller_profile(), Answer::accepting());
    line.reach = Reach::Fails(Cause::TcpRefused);

    line.begin();

    assert_eq!(*line.failure(), CallerFailure::Unreachable(Cause::TcpRefused));
    assert!(line.stopped);
}

#[test]
fn the_second_server_is_tried_when_the_first_refuses_the_connection() {
    let mut profile = caller_profile();
    profile
        .targets
        .insert(0, target(TargetRole::Primary, "192.0.2.99:5061"));
    let mut line = Line::new(profile, Answer::accepting());
    line.unreachable = Some(address("192.0.2.99:5061"));

    line.begin();

    assert!(line.caller.is_talking());
}

#[test]
fn a_call_that_nobody_answers_is_cancelled() {
    let mut line = Line::new(caller_profile(), Answer::Rings);

    line.begin();
    line.run_for(endpoint::caller::ANSWER_MAX + Duration::from_secs(5));

    assert_eq!(*line.failure(), CallerFailure::NoAnswer);
    assert!(line.server.was_cancelled);
}

#[test]
fn an_answer_in_plain_rtp_to_a_secure_offer_is_not_spoken_into() {
    let mut line = Line::new(caller_profile(), Answer::InPlain);

    line.begin();
    line.run_for(Duration::from_secs(5));

    assert!(
        matches!(line.failure(), CallerFailure::Media(_)),
        "{:?}",
        line.events
    );
}

#[test]
fn an_optional_offer_refused_with_488_is_tried_once_more_in_plain() {
    let mut profile = caller_profile();
    profile.media.security = SecurityOffer::Optional;
    let mut line = Line::new(profile, Answer::RefusesCrypto);

    line.begin();

    assert_eq!(
        line.events.last(),
        Some(&CallerEvent::Answered {
            codec: Codec::Pcmu,
            is_encrypted: false,
            page: None,
        })
    );
}

const PAGE: &str = "01J00000000000000000000000";

/// A caller with this PIN whose server answers with these headers.
fn asked(pin: Option<&str>, answers_with: &[(&'static str, &'static str)]) -> Line {
    called(pin, None, answers_with)
}

/// A caller that keys this PIN in so many seconds after the answer, though it is not asked for it.
fn called(
    pin: Option<&str>,
    unasked_after: Option<u64>,
    answers_with: &[(&'static str, &'static str)],
) -> Line {
    let profile = CallerProfile {
        pin: pin.map(|digits| CallerPin {
            digits: Secret::from(digits),
            unasked_after: unasked_after.map(Duration::from_secs),
        }),
        ..caller_profile()
    };
    let mut line = Line::new(profile, Answer::accepting());
    line.server.answers_with = answers_with.to_vec();
    line.begin();
    line
}

#[test]
fn a_pin_that_is_asked_for_is_keyed_in_and_speech_begins_when_the_zone_says_so() {
    let mut line = asked(Some("4711"), &[("Oyez-Ask", "pin")]);
    assert_eq!(line.server.recv_info.as_deref(), Some("oyez-talker"));
    line.speak(Duration::from_secs(3));
    assert_eq!(line.server.keys, "4711#");
    assert!(line.caller.is_keying() && !line.caller.is_talking());

    line.server.inform(line.now, ("Oyez-Page", PAGE));
    line.pump();
    line.speak(Duration::from_secs(1));
    line.caller.hang_up(line.now);
    line.pump();

    let events = &line.events[2..];
    assert!(
        matches!(events, [CallerEvent::Keying, CallerEvent::Answered { page: Some(page), .. }, CallerEvent::Ended { sent_ms: 1_000, .. }] if page.as_str() == PAGE),
        "{events:?}"
    );
}

#[test]
fn a_server_that_asks_for_no_pin_is_keyed_none_in_and_spoken_to() {
    let mut line = asked(Some("4711"), &[]);
    assert!(line.caller.is_talking());
    line.speak(Duration::from_secs(2));
    assert_eq!(line.server.keys, "");
}

#[test]
fn a_page_that_needs_no_pin_is_keyed_none_in() {
    let mut line = asked(Some("4711"), &[("Oyez-Page", PAGE)]);
    line.speak(Duration::from_secs(2));
    assert_eq!(line.server.keys, "");
    assert!(matches!(
        line.events.last(),
        Some(CallerEvent::Answered { page: Some(_), .. })
    ));
}

#[test]
fn a_missing_and_a_wrong_pin_are_named() {
    let line = asked(None, &[("Oyez-Ask", "pin")]);
    assert_eq!(line.server.recv_info, None);
    let mut line = line;
    line.run_for(Duration::from_secs(1));
    assert_eq!(*line.failure(), CallerFailure::PinWanted);

    let mut line = asked(Some("0815"), &[("Oyez-Ask", "pin")]);
    line.speak(Duration::from_secs(2));
    line.server.inform(line.now, ("Oyez-Ask", "pin"));
    line.pump();
    line.run_for(Duration::from_secs(1));
    assert_eq!(*line.failure(), CallerFailure::WrongPin);
    assert!(!format!("{:?}", line.events).contains("0815"));

    for (reason, right) in [
        (
            "SIP;cause=480",
            CallerFailure::Refused {
                status: 480,
                reason: "Temporarily Unavailable".to_owned(),
            },
        ),
        ("Q.850;cause=21;text=\"wrong PIN\"", CallerFailure::WrongPin),
        (
            "Q.850;cause=102;text=\"no PIN in time\"",
            CallerFailure::NoPinInTime,
        ),
        ("Q.850;cause=16", CallerFailure::HungUpOnPin),
    ] {
        let mut line = asked(Some("0815"), &[("Oyez-Ask", "pin")]);
        let reason = ("Reason".to_owned(), reason.to_owned());
        line.server
            .agent
            .hang_up(line.now, line.server.session.unwrap(), vec![reason], None);
        line.pump();
        assert_eq!(*line.failure(), right);
    }
}

#[test]
fn a_pin_is_keyed_in_unasked_when_its_time_has_come_and_speech_follows() {
    let mut line = called(Some("4711"), Some(5), &[]);
    line.speak(Duration::from_secs(5));
    assert_eq!(line.server.keys, "");
    line.speak(Duration::from_secs(2));
    assert_eq!(line.server.keys, "4711#");
    assert!(line.caller.is_keying());
    line.speak(Duration::from_secs(1));
    assert!(line.caller.is_talking());
    let events = &line.events[2..];
    assert!(
        matches!(
            events,
            [CallerEvent::Keying, CallerEvent::Answered { page: None, .. }]
        ),
        "{events:?}"
    );

    let mut line = called(Some("4711"), Some(5), &[("Oyez-Ask", "pin")]);
    line.speak(Duration::from_secs(3));
    assert_eq!(line.server.keys, "4711#", "who asks does not wait");
    line.speak(Duration::from_secs(3));
    assert!(line.caller.is_keying(), "and says itself whether it is right");

    let mut line = called(Some("4711"), Some(0), &[("Oyez-Page", PAGE)]);
    line.speak(Duration::from_secs(3));
    assert_eq!(line.server.keys, "", "a page is heard");
}

#[test]
fn a_lost_connection_ends_the_call() {
    let mut line = Line::new(caller_profile(), Answer::accepting());
    line.begin();

    line.caller.handle_input(
        line.now,
        Input::Closed {
            connection: ConnectionId(1),
        },
    );
    line.pump();

    assert_eq!(
        *line.failure(),
        CallerFailure::ConnectionLost(Cause::ConnectionClosed)
    );
}

#[test]
fn an_invite_too_large_for_a_datagram_takes_a_stream_or_is_sent_in_parts_where_there_is_none() {
    for (refuses_tcp, transport) in [(false, Transport::Tcp), (true, Transport::Udp)] {
        let mut profile = caller_profile();
        profile.targets[0].transport = Some(Transport::Udp);
        profile.media.security = SecurityOffer::Disabled;
        profile.account.display_name = "x".repeat(sip::user_agent::DATAGRAM_MAX);
        let mut line = Line::new(profile, Answer::Accepts(SecurityOffer::Disabled));
        line.refuses_tcp = refuses_tcp;

        line.begin();
        line.speak(Duration::from_secs(1));

        assert!(
            line.events
                .iter()
                .any(|event| matches!(event, CallerEvent::Answered { .. }))
        );
        assert!(!line.transports.is_empty());
        assert!(line.transports.iter().all(|used| *used == transport));
    }
}

fn caller_profile() -> CallerProfile {
    let profile = crate::world::profile();
    CallerProfile {
        user_agent: "Oyez test caller".to_owned(),
        domain: profile.domain,
        targets: profile.targets,
        account: account("1001"),
        dialled: "7001".to_owned(),
        sips: false,
        media: profile.media,
        input_rate: SampleRate::Hz8000,
        answer_max: endpoint::caller::ANSWER_MAX,
        pin: None,
    }
}

/// How the server answers a call.
enum Answer {
    Accepts(SecurityOffer),
    Refuses(u16),
    /// 488 to whatever has keys, plain RTP otherwise.
    RefusesCrypto,
    Rings,
    /// Plain RTP, whatever is offered.
    InPlain,
}

impl Answer {
    fn accepting() -> Self {
        Self::Accepts(SecurityOffer::Standard)
    }
}

struct CalledServer {
    agent: UserAgent,
    answer: Answer,
    password: Option<&'static str>,
    authenticator: Authenticator,
    session: Option<SessionId>,
    receiver: Option<Receiver>,
    /// Headers of its 200.
    answers_with: Vec<(&'static str, &'static str)>,
    /// Keys that it was sent.
    keys: String,
    /// Headers of the INVITE.
    recv_info: Option<String>,
    was_cancelled: bool,
    rng: ChaCha20Rng,
}

/// A caller, its server, and the line between them.
struct Line {
    now: Instant,
    caller: Caller,
    server: CalledServer,
    reach: Reach,
    unreachable: Option<std::net::SocketAddr>,
    refuses_tcp: bool,
    /// Over what the caller's requests came, in order.
    transports: Vec<Transport>,
    events: Vec<CallerEvent>,
    stopped: bool,
}

impl Line {
    fn new(profile: CallerProfile, answer: Answer) -> Self {
        let server = CalledServer {
            agent: UserAgent::new([5; 32], Config::new("test server")),
            answer,
            password: None,
            authenticator: Authenticator::new([9; 32], "account-1".to_owned(), Limits::default()),
            session: None,
            receiver: None,
            answers_with: Vec::new(),
            keys: String::new(),
            recv_info: None,
            was_cancelled: false,
            rng: ChaCha20Rng::from_seed([6; 32]),
        };
        Self {
            now: Instant::now(),
            caller: Caller::new([1; 32], profile),
            server,
            reach: Reach::Open,
            unreachable: None,
            refuses_tcp: false,
            transports: Vec::new(),
            events: Vec::new(),
            stopped: false,
        }
    }

    fn begin(&mut self) {
        self.caller.start(self.now);
        self.pump();
    }

    fn speak(&mut self, time: Duration) {
        self.speak_samples(&speech(time));
    }

    fn speak_samples(&mut self, samples: &[i16]) {
        let tick = if samples.len() > 40_000 { 960 } else { 160 };
        for chunk in samples.chunks(tick) {
            self.caller.send_audio(self.now, chunk);
            self.pump();
            self.run_for(TICK);
        }
    }

    fn failure(&self) -> &CallerFailure {
        match self.events.last() {
            Some(CallerEvent::Failed { failure, .. }) => failure,
            other => panic!("the call should have failed: {other:?}"),
        }
    }

    fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let next = self
                .caller
                .next_timeout()
                .into_iter()
                .chain(self.server.agent.next_timeout())
                .min();
            let Some(at) = next.filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            self.caller.handle_timeout(self.now);
            self.server.agent.handle_timeout(self.now);
            self.pump();
        }
        self.now = until;
    }

    fn pump(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.caller.poll_output() {
                quiet = false;
                self.carry_out(output);
            }
            for (flow, bytes) in self.server.pump(self.now) {
                quiet = false;
                let message = Message::parse_datagram(bytes).unwrap();
                self.caller.handle_input(
                    self.now,
                    Input::Sip {
                        flow: mirrored(flow),
                        message,
                    },
                );
            }
            if quiet {
                return;
            }
        }
    }

    fn carry_out(&mut self, output: Output<CallerEvent>) {
        match output {
            Output::Transmit { bytes, .. } if *bytes == *b"\r\n\r\n" => {}
            Output::Transmit { flow, bytes } => {
                let message = Message::parse_datagram(bytes.to_vec()).unwrap();
                self.transports.push(flow.transport);
                self.server
                    .agent
                    .handle_message(self.now, mirrored(flow), message);
            }
            Output::Connect { token, target } => {
                let is_refused = target.transport == Transport::Tcp && self.refuses_tcp;
                let reach = if is_refused || self.unreachable == Some(target.address) {
                    Reach::Fails(Cause::TcpRefused)
                } else {
                    self.reach.clone()
                };
                let input = match reach {
                    Reach::Open => Input::Connected {
                        token,
                        flow: Flow {
                            transport: target.transport,
                            ..flow()
                        },
                    },
                    Reach::Fails(cause) => Input::ConnectFailed { token, cause },
                    Reach::After(_) | Reach::BlackHole => return,
                };
                self.caller.handle_input(self.now, input);
            }
            Output::OpenMedia { call, .. } => {
                let local = address("198.51.100.7:50002");
                self.caller
                    .handle_input(self.now, Input::MediaOpened { call, local });
            }
            Output::SendMedia { call, to, mut bytes } => {
                assert_eq!((call, to), (CallId(1), address("192.0.2.10:30000")));
                self.server.hear(self.now, &mut bytes);
            }
            Output::Event(event) => self.events.push(event),
            Output::Stopped => self.stopped = true,
            Output::Abandon { .. }
            | Output::Disconnect { .. }
            | Output::CloseMedia { .. }
            | Output::Zones(_)
            | Output::SendZone { .. } => {}
            Output::Resolve(query) => panic!("targets of tests need no DNS: {query:?}"),
        }
    }
}

impl CalledServer {
    fn pump(&mut self, now: Instant) -> Vec<(Flow, Vec<u8>)> {
        let mut sent = Vec::new();
        while let Some(output) = self.agent.poll_output() {
            match output {
                AgentOutput::Transmit { flow, bytes } => sent.push((flow, bytes.to_vec())),
                AgentOutput::Event(Event::Invite { session, message, .. }) => {
                    self.take_call(now, session, &message);
                }
                AgentOutput::Event(Event::Ended { cause, .. }) => match cause {
                    EndCause::Bye { transaction, .. } => {
                        self.agent.respond(now, transaction, Reply::new(StatusCode::OK));
                    }
                    EndCause::Cancelled { .. } => self.was_cancelled = true,
                    _ => {}
                },
                AgentOutput::Event(_) => {}
            }
        }
        sent
    }

    fn hang_up(&mut self, now: Instant) {
        self.agent.hang_up(now, self.session.unwrap(), Vec::new(), None);
    }

    /// Tells the caller of its PIN.
    fn inform(&mut self, now: Instant, header: (&str, &str)) {
        let headers = [("Info-Package", "oyez-talker"), header]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let session = self.session.unwrap();
        self.agent
            .request_in_session(now, session, Method::Info, headers.to_vec(), None);
    }

    fn hear(&mut self, now: Instant, packet: &mut [u8]) {
        let receiver = self.receiver.as_mut().expect("media comes after the answer");
        let received = receiver.handle_packet(now, address("198.51.100.7:50002"), packet);
        if let Received::Key(key) = received {
            self.keys.extend(key.character());
        }
    }

    /// Samples at 8 kHz of all packets heard.
    fn heard_samples(&mut self) -> u64 {
        self.receiver.as_ref().unwrap().statistics().packets * 160
    }

    fn take_call(&mut self, now: Instant, session: SessionId, invite: &Message) {
        if let Some(challenge) = self.challenge(now, invite) {
            let reply = Reply::new(StatusCode::UNAUTHORIZED).header("WWW-Authenticate", challenge);
            return self.agent.reject(now, session, reply);
        }
        assert_eq!(invite.request_uri(), Some("sip:7001@example.com"));
        self.session = Some(session);
        self.recv_info = invite.header(HeaderName::Other("Recv-Info")).map(str::to_owned);
        let has_keys = invite.body().windows(9).any(|window| window == b"a=crypto:");
        match self.answer {
            Answer::Refuses(status) => {
                self.agent
                    .reject(now, session, Reply::new(StatusCode::new(status).unwrap()));
            }
            Answer::RefusesCrypto if has_keys => {
                self.agent
                    .reject(now, session, Reply::new(StatusCode::NOT_ACCEPTABLE_HERE));
            }
            Answer::Rings => self
                .agent
                .provisional(now, session, Reply::new(StatusCode::RINGING)),
            Answer::InPlain => {
                let offer = String::from_utf8(invite.body().to_vec())
                    .unwrap()
                    .replace("RTP/SAVP", "RTP/AVP");
                let offer = offer
                    .lines()
                    .filter(|line| !line.starts_with("a=crypto"))
                    .collect::<Vec<_>>();
                self.accept(
                    now,
                    session,
                    (offer.join("\r\n") + "\r\n").as_bytes(),
                    SecurityOffer::Disabled,
                );
            }
            Answer::RefusesCrypto => self.accept(now, session, invite.body(), SecurityOffer::Disabled),
            Answer::Accepts(security) => self.accept(now, session, invite.body(), security),
        }
    }

    fn accept(&mut self, now: Instant, session: SessionId, offer: &[u8], security: SecurityOffer) {
        let local = LocalMedia {
            security,
            ..talker_media(security)
        };
        let (answer, negotiated): (String, Negotiated) = sdp::answer(offer, &local, &mut self.rng).unwrap();
        self.receiver = Some(Receiver::new(&ReceiverConfig::new(
            &negotiated,
            SampleRate::Hz8000,
        )));
        self.agent
            .provisional(now, session, Reply::new(StatusCode::RINGING));
        let mut reply = Reply::new(StatusCode::OK).body(Body::sdp(answer));
        for (name, value) in &self.answers_with {
            reply = reply.header(*name, *value);
        }
        self.agent.answer(now, session, reply);
    }

    fn challenge(&mut self, now: Instant, invite: &Message) -> Option<String> {
        let password = sip::digest::Secret::from(self.password?);
        let verdict = invite.header(HeaderName::Authorization).map(|header| {
            let uri = invite.request_uri().unwrap_or_default();
            self.authenticator
                .verify(now, header, "INVITE", uri, &|username| {
                    Some(Ha1::new(Algorithm::Sha256, username, "account-1", &password))
                })
        });
        let is_accepted = matches!(verdict, Some(Verdict::Accepted { .. }));
        (!is_accepted).then(|| self.authenticator.challenge(now, Algorithm::Sha256, false))
    }
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Tls,
        local: address("198.51.100.7:40000"),
        remote: address(PRIMARY),
        connection: ConnectionId(1),
    }
}
