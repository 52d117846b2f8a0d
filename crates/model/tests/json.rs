//! docs/json.md says what the programs write: every field and every word, and nothing else.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests state what they expect, as tests do, and index what they have just made"
)]

use std::collections::BTreeSet;

use model::config::ZoneNumber;
use model::directory::Epoch;
use model::status::{
    AccountStatus, CallRefusal, Cause, CertificateFault, DeviceEvent, DeviceStatus, HandshakeFailure,
    ListenerReport, MessagesStatus, MicrophoneStatus, MissingReason, MulticastCodec, MulticastMode,
    MulticastStatus, NotHeardReason, PageReport, ProvisioningStep, Receipt, RegistrationRefusal,
    RegistrationStatus, Shown, Signals, SinkHealth, SinkStatus, SipTransport, SlotStatus, SoundClass,
    SoundOrigin, Sounding, StopReason, Strobe, StrobeColour, StrobePattern, Target, TargetRole, Verdict,
    ZoneEvent, ZoneReception, ZoneStatus, ZoneStream,
};
use model::{PageId, SlotKind};
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/json.md");

/// Fields whose values are words of a closed list.
const WORDS: &[&str] = &[
    "event",
    "verdict",
    "why",
    "reason",
    "state",
    "shown",
    "kind",
    "fault",
    "step",
    "role",
    "transport",
    "class",
    "origin",
    "pattern",
    "colour",
    "mode",
    "codec",
];

/// Stands for a sentence, where a field has one instead of a word of a list.
const IN_WORDS: &str = "in words";

/// One value of each variant of an enumeration. The patterns are those of a match, so that a variant which is missing
/// here does not compile.
macro_rules! one_of_each {
    ($($variant:pat => $value:expr),+ $(,)?) => {{
        let values = vec![$($value),+];
        for value in &values {
            match value {
                $($variant => {})+
            }
        }
        $(assert!(values.iter().any(|value| matches!(value, $variant)));)+
        values
    }};
}

fn section(title: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("## {title}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// Holds a section to samples of all that is written of its kind. What stands below `elsewhere` is documented in
/// another section.
fn check(title: &str, samples: &[Value], elsewhere: &[&str]) {
    let (mut fields, mut words) = (BTreeSet::new(), BTreeSet::new());
    for sample in samples {
        collect("", sample, elsewhere, &mut fields, &mut words);
    }
    let section = section(title);
    let documented: BTreeSet<String> = section
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
        .collect();
    assert_eq!(fields, documented, "{title}");
    let quoted: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
    let missing: Vec<_> = words
        .iter()
        .filter(|word| !quoted.contains(word.as_str()))
        .collect();
    assert!(missing.is_empty(), "{title} lacks {missing:?}");
}

fn collect(
    path: &str,
    value: &Value,
    elsewhere: &[&str],
    fields: &mut BTreeSet<String>,
    words: &mut BTreeSet<String>,
) {
    match value {
        Value::Object(parts) => {
            for (name, part) in parts {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                if elsewhere.contains(&path.as_str()) {
                    fields.insert(path);
                    continue;
                }
                // An object that may be null has a row of its own.
                if !part.is_object() && !part.is_array() {
                    fields.insert(path.clone());
                }
                if let (Value::String(word), true) = (part, WORDS.contains(&name.as_str()))
                    && word != IN_WORDS
                {
                    words.insert(word.clone());
                }
                collect(&path, part, elsewhere, fields, words);
            }
        }
        Value::Array(items) => {
            let path = format!("{path}[]");
            for item in items {
                if !item.is_object() && !item.is_array() {
                    fields.insert(path.clone());
                }
                collect(&path, item, elsewhere, fields, words);
            }
        }
        _ => {}
    }
}

fn json(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn receipt() -> Receipt {
    Receipt {
        page: PageId::from_random(1),
        played_ms: 1,
        expected_ms: 1,
        lost: 0,
        concealed_ms: 0,
        interrupted_ms: 0,
        first_audio_ms: None,
        level_dbfs: None,
        muted: false,
        sink_healthy: true,
    }
}

fn report() -> PageReport {
    let missing = one_of_each![
        MissingReason::NotRegistered => MissingReason::NotRegistered,
        MissingReason::NoAnswer => MissingReason::NoAnswer,
        MissingReason::Refused { .. } => MissingReason::Refused { status: 486, text: Some("busy with a page".to_owned()) },
        MissingReason::ConnectionFailed => MissingReason::ConnectionFailed,
        MissingReason::PageEnded => MissingReason::PageEnded,
    ];
    let not_heard = one_of_each![
        NotHeardReason::TooLittle => NotHeardReason::TooLittle,
        NotHeardReason::Muted => NotHeardReason::Muted,
        NotHeardReason::SinkFault => NotHeardReason::SinkFault,
        NotHeardReason::NoReceipt => NotHeardReason::NoReceipt,
    ];
    let verdicts = one_of_each![
        Verdict::Heard => Verdict::Heard,
        Verdict::NotHeard { .. } => Verdict::NotHeard { why: NotHeardReason::TooLittle },
        Verdict::Answered { .. } => Verdict::Answered { loss_permille: Some(1) },
        Verdict::Missing { .. } => Verdict::Missing { why: MissingReason::NoAnswer },
    ]
    .into_iter()
    .chain(missing.into_iter().map(|why| Verdict::Missing { why }))
    .chain(not_heard.into_iter().map(|why| Verdict::NotHeard { why }));
    let listeners = verdicts.map(|verdict| ListenerReport {
        user: "hall".parse().unwrap(),
        name: "Hall".to_owned(),
        receipt: (verdict == Verdict::Heard).then(receipt),
        verdict,
        first_audio_ms: None,
        devices: 1,
        heard_devices: 0,
    });
    PageReport {
        page: PageId::from_random(1),
        extension: "700".parse().unwrap(),
        talker: "desk".parse().unwrap(),
        duration_ms: 1,
        since_start_ms: None,
        since_end_ms: None,
        listeners: listeners.collect(),
    }
}

#[test]
fn the_report_of_a_page_is_documented() {
    check("The report of a page", &[json(report())], &[]);
}

#[test]
fn the_status_of_a_zone_is_documented() {
    let status = ZoneStatus {
        zone: "campus".to_owned(),
        uptime_ms: 1,
        accounts: vec![AccountStatus {
            account: "acme".parse().unwrap(),
            epoch: Some(Epoch(1)),
            bindings: 1,
            calls: 0,
            pages: 0,
        }],
    };
    check("The status of a zone", &[json(status)], &[]);
}

fn causes() -> Vec<Cause> {
    let name = || "pbx.example.com".to_owned();
    let mut causes = one_of_each![
        Cause::DnsNoRecords { .. } => Cause::DnsNoRecords { name: name() },
        Cause::DnsFailed { .. } => Cause::DnsFailed { name: name() },
        Cause::TcpRefused => Cause::TcpRefused,
        Cause::TcpUnreachable => Cause::TcpUnreachable,
        Cause::TcpTimeout => Cause::TcpTimeout,
        Cause::ConnectionClosed => Cause::ConnectionClosed,
        Cause::TlsVersion => Cause::TlsVersion,
        Cause::TlsCertificate { .. } => Cause::TlsCertificate { fault: CertificateFault::Unusable },
        Cause::TlsName { .. } => Cause::TlsName { expected: name() },
        Cause::TlsClientCertificate => Cause::TlsClientCertificate,
        Cause::TlsHandshake => Cause::TlsHandshake,
        Cause::Timeout => Cause::Timeout,
        Cause::RequestTimeout => Cause::RequestTimeout,
        Cause::TemporarilyUnavailable => Cause::TemporarilyUnavailable,
        Cause::RetryAfter { .. } => Cause::RetryAfter { status: 503, retry_after_s: 1 },
        Cause::ServerFailure { .. } => Cause::ServerFailure { status: 500 },
        Cause::ChallengedAgain { .. } => Cause::ChallengedAgain { status: 401 },
        Cause::NoPassword => Cause::NoPassword,
        Cause::NoUsableChallenge => Cause::NoUsableChallenge,
        Cause::Forbidden => Cause::Forbidden,
        Cause::NotFound => Cause::NotFound,
        Cause::Refused { .. } => Cause::Refused { status: 488 },
        Cause::IntervalTooBrief { .. } => Cause::IntervalTooBrief { min_expires_s: 1 },
        Cause::Provisioning { .. } => Cause::Provisioning { step: ProvisioningStep::File },
    ];
    let faults = one_of_each![
        CertificateFault::UnknownIssuer => CertificateFault::UnknownIssuer,
        CertificateFault::Expired => CertificateFault::Expired,
        CertificateFault::NotYetValid => CertificateFault::NotYetValid,
        CertificateFault::Revoked => CertificateFault::Revoked,
        CertificateFault::Unusable => CertificateFault::Unusable,
    ];
    let faults = faults.into_iter().map(|fault| Cause::TlsCertificate { fault });
    causes.extend(faults);
    let steps = one_of_each![
        ProvisioningStep::Discovery => ProvisioningStep::Discovery,
        ProvisioningStep::Connection => ProvisioningStep::Connection,
        ProvisioningStep::Certificate => ProvisioningStep::Certificate,
        ProvisioningStep::Download => ProvisioningStep::Download,
        ProvisioningStep::File => ProvisioningStep::File,
        ProvisioningStep::Credentials => ProvisioningStep::Credentials,
    ];
    causes.extend(steps.into_iter().map(|step| Cause::Provisioning { step }));
    causes
}

fn slots() -> Vec<SlotStatus> {
    let roles = one_of_each![
        TargetRole::Primary => TargetRole::Primary,
        TargetRole::Secondary => TargetRole::Secondary,
        TargetRole::Backup => TargetRole::Backup,
        TargetRole::LocalNode => TargetRole::LocalNode,
    ];
    let kinds = one_of_each![
        SlotKind::Page => SlotKind::Page,
        SlotKind::Ring => SlotKind::Ring,
        SlotKind::Alert => SlotKind::Alert,
    ];
    let shown = one_of_each![
        Shown::Successful => Shown::Successful,
        Shown::RejectedByServer => Shown::RejectedByServer,
        Shown::NoReplyFromServer => Shown::NoReplyFromServer,
        Shown::AssistedProvisioningFailed => Shown::AssistedProvisioningFailed,
        Shown::Connecting => Shown::Connecting,
        Shown::NoAccount => Shown::NoAccount,
    ];
    let registrations = causes().into_iter().map(Some).chain([None]).enumerate();
    registrations
        .map(|(number, cause)| SlotStatus {
            slot: "page-1".parse().unwrap(),
            kind: kinds[number % kinds.len()],
            user: None,
            registration: RegistrationStatus {
                shown: cause.as_ref().map_or(Shown::Successful, Cause::shown),
                cause,
                since_ms: 1,
                target: (number > 0).then(|| Target {
                    role: roles[number % roles.len()],
                    address: "pbx.example.com:5061".to_owned(),
                    transport: ["UDP", "TCP", "TLS"][number % 3].to_owned(),
                }),
                next_try_ms: None,
            },
        })
        .chain(shown.into_iter().map(|shown| SlotStatus {
            slot: "page-2".parse().unwrap(),
            kind: SlotKind::Page,
            user: None,
            registration: RegistrationStatus {
                shown,
                ..RegistrationStatus::no_account()
            },
        }))
        .collect()
}

fn sounding(class: SoundClass, origin: SoundOrigin) -> Sounding {
    Sounding {
        class,
        origin,
        drill: false,
        slot: None,
        announcement: None,
        multicast: (origin == SoundOrigin::Multicast).then(|| stream(MulticastCodec::G722)),
        page: None,
        tone: None,
        what: "page from 1001".to_owned(),
        since_ms: 1,
    }
}

fn stream(codec: MulticastCodec) -> ZoneStream {
    ZoneStream {
        zone: ZoneNumber::ALL_CALL,
        source: "192.0.2.1:5004".to_owned(),
        codec,
    }
}

/// Every mode and every codec, and a zone that cannot be received.
fn multicast() -> Vec<MulticastStatus> {
    let modes = one_of_each![
        MulticastMode::Off => MulticastMode::Off,
        MulticastMode::Sender => MulticastMode::Sender,
        MulticastMode::Receiver => MulticastMode::Receiver,
    ];
    let codecs = one_of_each![
        MulticastCodec::Pcmu => MulticastCodec::Pcmu,
        MulticastCodec::Pcma => MulticastCodec::Pcma,
        MulticastCodec::G722 => MulticastCodec::G722,
    ];
    let zone = |stream, problem| ZoneReception {
        zone: ZoneNumber::ALL_CALL,
        group: "224.0.2.60:50001".to_owned(),
        stream,
        heard: false,
        problem,
    };
    let statuses = modes
        .into_iter()
        .zip(codecs)
        .map(|(mode, codec)| MulticastStatus {
            mode,
            restricted: false,
            zones: vec![
                zone(Some(stream(codec)), None),
                zone(None, Some(IN_WORDS.to_owned())),
            ],
            sending: vec![ZoneNumber::PRIORITY],
            sending_problem: Some(IN_WORDS.to_owned()),
            dropped_foreign: 1,
            dropped_unusable: 1,
        });
    statuses.collect()
}

fn page_that_sounds() -> Sounding {
    sounding(SoundClass::Page, SoundOrigin::SlotCall)
}

/// Every class and every origin, and nothing.
fn soundings() -> Vec<Option<Sounding>> {
    let classes = one_of_each![
        SoundClass::EmergencyAlert => SoundClass::EmergencyAlert,
        SoundClass::PriorityPage => SoundClass::PriorityPage,
        SoundClass::Page => SoundClass::Page,
        SoundClass::TwoWayCall => SoundClass::TwoWayCall,
        SoundClass::Ring => SoundClass::Ring,
        SoundClass::ScheduledBell => SoundClass::ScheduledBell,
        SoundClass::BackgroundMusic => SoundClass::BackgroundMusic,
    ];
    let origins = one_of_each![
        SoundOrigin::SlotCall => SoundOrigin::SlotCall,
        SoundOrigin::DelayedPage => SoundOrigin::DelayedPage,
        SoundOrigin::Local => SoundOrigin::Local,
        SoundOrigin::Multicast => SoundOrigin::Multicast,
    ];
    let sounds = classes
        .into_iter()
        .zip(origins.into_iter().cycle())
        .map(|(class, origin)| Some(sounding(class, origin)));
    sounds.chain([None]).collect()
}

/// Every pattern and every colour of the strobe, and the dark.
fn signals() -> Vec<Signals> {
    let patterns = one_of_each![
        StrobePattern::RotateFast => StrobePattern::RotateFast,
        StrobePattern::RotateSlow => StrobePattern::RotateSlow,
        StrobePattern::MulticolorSpin => StrobePattern::MulticolorSpin,
        StrobePattern::MultiStrobeFast => StrobePattern::MultiStrobeFast,
        StrobePattern::MultiStrobeFastTwoColour => StrobePattern::MultiStrobeFastTwoColour,
        StrobePattern::MultiStrobeSlow => StrobePattern::MultiStrobeSlow,
        StrobePattern::MultiStrobeSlowTwoColour => StrobePattern::MultiStrobeSlowTwoColour,
        StrobePattern::RotatingStrobe => StrobePattern::RotatingStrobe,
        StrobePattern::Steady => StrobePattern::Steady,
        StrobePattern::SteadyTwoColour => StrobePattern::SteadyTwoColour,
        StrobePattern::SideToSide => StrobePattern::SideToSide,
        StrobePattern::Flashing => StrobePattern::Flashing,
        StrobePattern::ClassicFast => StrobePattern::ClassicFast,
        StrobePattern::ClassicMedium => StrobePattern::ClassicMedium,
        StrobePattern::ClassicSlow => StrobePattern::ClassicSlow,
    ];
    let colours = one_of_each![
        StrobeColour::Red => StrobeColour::Red,
        StrobeColour::Blue => StrobeColour::Blue,
        StrobeColour::Green => StrobeColour::Green,
        StrobeColour::Amber => StrobeColour::Amber,
    ];
    let lights = patterns.into_iter().zip(colours.into_iter().cycle());
    let lights = lights.map(|(pattern, colour)| Signals {
        strobe: Some(Strobe { pattern, colour }),
        relay: true,
    });
    lights.chain([Signals::default()]).collect()
}

fn microphone(health: SinkHealth) -> MicrophoneStatus {
    MicrophoneStatus {
        name: "none".to_owned(),
        health,
        muted: false,
    }
}

fn sink(health: SinkHealth) -> SinkStatus {
    SinkStatus {
        name: "null".to_owned(),
        health,
        muted: false,
    }
}

#[test]
fn the_status_of_an_endpoint_is_documented() {
    let healths = one_of_each![
        SinkHealth::Healthy => SinkHealth::Healthy,
        SinkHealth::Faulty { .. } => SinkHealth::Faulty { reason: IN_WORDS.to_owned() },
    ];
    let samples: Vec<Value> = signals()
        .into_iter()
        .zip(healths.into_iter().cycle())
        .zip(soundings().into_iter().cycle())
        .zip(multicast().into_iter().cycle())
        .map(|(((signals, health), sounding), multicast)| {
            json(DeviceStatus {
                device: "lobby".parse().unwrap(),
                slots: slots(),
                sounding,
                signals,
                messages: MessagesStatus::default(),
                microphone: microphone(health.clone()),
                sink: sink(health),
                multicast,
            })
        })
        .collect();
    check("The status of an endpoint", &samples, &[]);
}

#[test]
fn the_events_of_a_zone_are_documented() {
    let account = || "acme".parse().unwrap();
    let text = |text: &str| text.to_owned();
    let from = "192.0.2.1".parse().unwrap();
    let events = one_of_each![
        ZoneEvent::Registered { .. } => ZoneEvent::Registered {
            account: account(),
            user: "hall".parse().unwrap(),
            from: text("192.0.2.1:5060"),
            user_agent: None, transport: Some(SipTransport::Tls), },
        ZoneEvent::Unregistered { .. } => ZoneEvent::Unregistered {
            account: account(),
            user: "hall".parse().unwrap(),
        },
        ZoneEvent::RegistrationRefused { .. } => ZoneEvent::RegistrationRefused {
            account: None,
            user: text("mallory"),
            from: text("192.0.2.1:5060"),
            why: RegistrationRefusal::OtherUser,
        },
        ZoneEvent::HandshakeFailed { .. } => ZoneEvent::HandshakeFailed { from, why: HandshakeFailure::TlsTooOld },
        ZoneEvent::CallRefused { .. } => ZoneEvent::CallRefused {
            account: account(),
            caller: "desk".parse().unwrap(),
            target: text("700"),
            why: CallRefusal::Overloaded,
        },
        ZoneEvent::AlertRaised { .. } => ZoneEvent::AlertRaised {
            account: account(),
            call: PageId::from_random(1),
            extension: "911".parse().unwrap(),
            caller: "desk".parse().unwrap(),
        },
        ZoneEvent::PageStarted { .. } => ZoneEvent::PageStarted {
            account: account(),
            page: PageId::from_random(1),
            extension: "700".parse().unwrap(),
            talker: "desk".parse().unwrap(),
            listeners: 1,
        },
        ZoneEvent::PageEnded { .. } => ZoneEvent::PageEnded {
            account: account(),
            report: report(),
        },
        ZoneEvent::SnapshotWanted { .. } => ZoneEvent::SnapshotWanted {
            account: account(),
            epoch: None,
        },
        ZoneEvent::DirectoryApplied { .. } => ZoneEvent::DirectoryApplied {
            account: account(),
            epoch: Epoch(1),
        },
        ZoneEvent::DirectoryRefused { .. } => ZoneEvent::DirectoryRefused {
            account: account(),
            why: text(IN_WORDS),
        },
    ];
    let mut samples: Vec<Value> = events.into_iter().map(json).collect();
    let registration_refusals = one_of_each![
        RegistrationRefusal::WrongCredentials => RegistrationRefusal::WrongCredentials,
        RegistrationRefusal::OtherUser => RegistrationRefusal::OtherUser,
        RegistrationRefusal::BadRequest => RegistrationRefusal::BadRequest,
        RegistrationRefusal::TooManyAttempts => RegistrationRefusal::TooManyAttempts,
        RegistrationRefusal::OtherDomain => RegistrationRefusal::OtherDomain,
        RegistrationRefusal::ClearFlow => RegistrationRefusal::ClearFlow,
    ];
    samples.extend(registration_refusals.into_iter().map(|why| {
        json(ZoneEvent::RegistrationRefused {
            account: None,
            user: text("mallory"),
            from: text("192.0.2.1:5060"),
            why,
        })
    }));
    let handshake_failures = one_of_each![
        HandshakeFailure::TlsTooOld => HandshakeFailure::TlsTooOld,
        HandshakeFailure::CertificateRefused => HandshakeFailure::CertificateRefused,
    ];
    let failures = handshake_failures.into_iter();
    samples.extend(failures.map(|why| json(ZoneEvent::HandshakeFailed { from, why })));
    let call_refusals = one_of_each![
        CallRefusal::UnknownExtension => CallRefusal::UnknownExtension,
        CallRefusal::NotPermitted => CallRefusal::NotPermitted,
        CallRefusal::WrongPin => CallRefusal::WrongPin,
        CallRefusal::NobodyRegistered => CallRefusal::NobodyRegistered,
        CallRefusal::PreEmpted => CallRefusal::PreEmpted,
        CallRefusal::NoCommonMedia => CallRefusal::NoCommonMedia,
        CallRefusal::Overloaded => CallRefusal::Overloaded,
    ];
    samples.extend(call_refusals.into_iter().map(|why| {
        json(ZoneEvent::CallRefused {
            account: account(),
            caller: "desk".parse().unwrap(),
            target: text("700"),
            why,
        })
    }));
    check("The events of a zone", &samples, &["report"]);
}

#[test]
fn the_events_of_an_endpoint_are_documented() {
    let slot = || "page-1".parse().unwrap();
    let events = one_of_each![
        DeviceEvent::RegistrationChanged { .. } => DeviceEvent::RegistrationChanged {
            slot: slot(),
            registration: RegistrationStatus::no_account(),
        },
        DeviceEvent::Started { .. } => DeviceEvent::Started { sounding: page_that_sounds() },
        DeviceEvent::Stopped { .. } => DeviceEvent::Stopped {
            sounding: page_that_sounds(),
            why: StopReason::Ended,
        },
        DeviceEvent::MicrophoneChanged { .. } => DeviceEvent::MicrophoneChanged {
            microphone: microphone(SinkHealth::Healthy),
        },
        DeviceEvent::MessagesChanged { .. } => DeviceEvent::MessagesChanged {
            messages: MessagesStatus::default(),
        },
        DeviceEvent::SignalsChanged { .. } => DeviceEvent::SignalsChanged {
            signals: Signals::default(),
        },
        DeviceEvent::SoundRefused { .. } => DeviceEvent::SoundRefused {
            what: IN_WORDS.to_owned(),
            why: IN_WORDS.to_owned(),
        },
        DeviceEvent::CallRefused { .. } => DeviceEvent::CallRefused {
            slot: slot(),
            status: 486,
            why: IN_WORDS.to_owned(),
        },
        DeviceEvent::PagePlayed { .. } => DeviceEvent::PagePlayed { receipt: receipt() },
        DeviceEvent::CheckSync => DeviceEvent::CheckSync,
        DeviceEvent::ZoneChanged { .. } => DeviceEvent::ZoneChanged {
            zone: ZoneNumber::ALL_CALL,
            problem: Some(IN_WORDS.to_owned()),
        },
        DeviceEvent::ZoneSendingChanged { .. } => DeviceEvent::ZoneSendingChanged {
            problem: Some(IN_WORDS.to_owned()),
        },
        DeviceEvent::SinkChanged { .. } => DeviceEvent::SinkChanged {
            sink: sink(SinkHealth::Healthy),
        },
    ];
    let mut samples: Vec<Value> = events.into_iter().map(json).collect();
    let stops = one_of_each![
        StopReason::Ended => StopReason::Ended,
        StopReason::CompletedElsewhere => StopReason::CompletedElsewhere,
        StopReason::Cancelled => StopReason::Cancelled,
        StopReason::TimedOut => StopReason::TimedOut,
        StopReason::PreEmpted => StopReason::PreEmpted,
        StopReason::Paused => StopReason::Paused,
        StopReason::Restarted => StopReason::Restarted,
        StopReason::Moved => StopReason::Moved,
        StopReason::Lost => StopReason::Lost,
        StopReason::ShutDown => StopReason::ShutDown,
    ];
    samples.extend(stops.into_iter().map(|why| {
        json(DeviceEvent::Stopped {
            sounding: page_that_sounds(),
            why,
        })
    }));
    let elsewhere = [
        "registration",
        "sounding",
        "receipt",
        "signals",
        "messages",
        "microphone",
        "sink",
    ];
    check("The events of an endpoint", &samples, &elsewhere);
}
