//! Service and zone, joined without a network and in virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test states what it expects by unwrapping it"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use feed::{
    BEAT_EVERY, DIFFERENCE_RECORDS_MAX, Held, History, Message, Output, RECORDS_MAX, RETRY_FIRST, RETRY_LAST,
    Recorder, Records, Report, SILENCE_MAX, STALE_AFTER, STEPS_MAX, WARN_AGAIN_AFTER, Zone,
};
use model::directory::{
    Action, Credential, CredentialSecret, DigestAlgorithm, Directory, Epoch, ExtensionRecord, ExtensionRole,
    Generation, Permission, Snapshot, Subject, Update, Urgency, User, UserKind, Who,
};
use model::{Secret, SlotKind};

/// A directory with so many users, at an epoch.
fn snapshot(epoch: u64, users: u32) -> Snapshot {
    let mut snapshot = Snapshot::empty(
        "acme".parse().unwrap(),
        "acme".to_owned(),
        "pbx.example.com".to_owned(),
        DigestAlgorithm::Sha256,
    );
    snapshot.epoch = Epoch(epoch);
    for number in 0..users {
        let user: model::SipUser = format!("user{number}").parse().unwrap();
        snapshot.users.push(User {
            user: user.clone(),
            name: "Hall".to_owned(),
            kind: UserKind::Device("device".parse().unwrap()),
        });
        snapshot.credentials.push(Credential {
            authorization_id: format!("id{number}").parse().unwrap(),
            user: user.clone(),
            algorithm: DigestAlgorithm::Md5,
            generation: Generation(1),
            secret: CredentialSecret::Password(Secret::new(format!("a password {number}"))),
        });
        snapshot.extensions.push(ExtensionRecord {
            extension: (1_000 + number).to_string().parse().unwrap(),
            name: "Hall".to_owned(),
            role: ExtensionRole::Slot {
                kind: SlotKind::Page,
                user,
            },
        });
    }
    snapshot.extensions.push(ExtensionRecord {
        extension: "700".parse().unwrap(),
        name: "Everywhere".to_owned(),
        role: ExtensionRole::PageGroup {
            members: snapshot.users.iter().map(|user| user.user.clone()).collect(),
            urgency: Urgency::Priority,
        },
    });
    snapshot.permissions.push(Permission {
        who: Who::Anyone,
        action: Action::Page,
        subject: Subject::Any,
        pin: Some(Secret::from("1234")),
    });
    snapshot
}

/// A signature that is no secret: the statement with something behind it.
fn sign(statement: &[u8]) -> Vec<u8> {
    [statement, b" signed"].concat()
}

fn is_signed(statement: &[u8], signature: &[u8]) -> bool {
    signature == sign(statement)
}

fn held(snapshot: &Snapshot) -> Held {
    signed(Records::of(snapshot))
}

fn signed(records: Records) -> Held {
    Held::sign(records, |statement| Ok::<_, Infallible>(sign(statement))).unwrap()
}

struct Bench {
    now: Instant,
    zone: Zone,
}

impl Bench {
    fn new(held: Option<Held>) -> Self {
        let now = Instant::now();
        let epoch = held.as_ref().map(|held| held.records().epoch);
        let mut bench = Self {
            now,
            zone: Zone::new(now, held, 7),
        };
        match (epoch, bench.outputs().as_slice()) {
            (None, []) => {}
            (Some(epoch), [Output::Take(Update::Snapshot(first))]) if first.epoch == epoch => {}
            (_, other) => panic!("{other:?}"),
        }
        bench
    }

    fn held(&self) -> Option<&Held> {
        self.zone.held().map(AsRef::as_ref)
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.zone.poll_output()).collect()
    }

    /// Lets time pass to the next timer.
    fn next(&mut self) -> Vec<Output> {
        self.now = self.zone.next_timeout();
        self.zone.handle_timeout(self.now);
        self.outputs()
    }

    /// Connects, and returns what the zone says it holds.
    fn connect(&mut self) -> Option<(Epoch, feed::Digest)> {
        self.zone.handle_connected(self.now);
        match self.outputs().as_slice() {
            [Output::Send(Message::Hello { holds, tells: true })] => {
                holds.map(|(epoch, digest)| (Epoch(epoch), digest))
            }
            other => panic!("{other:?}"),
        }
    }

    fn say(&mut self, messages: Vec<Message>) -> Vec<Output> {
        for message in messages {
            let octets = feed::encode(&message).unwrap();
            let mut decoder = feed::Decoder::default();
            decoder.push(&octets);
            let message = decoder.next_message().unwrap().unwrap();
            self.zone.handle_message(self.now, message, is_signed);
        }
        self.outputs()
    }

    /// What a zone has taken that is told so.
    fn took(&mut self, messages: Vec<Message>) -> Update {
        let mut outputs = self.say(messages);
        assert!(matches!(outputs.pop(), Some(Output::Keep)), "{outputs:?}");
        match outputs.pop() {
            Some(Output::Take(update)) if outputs.is_empty() => update,
            other => panic!("{other:?} behind {outputs:?}"),
        }
    }
}

fn refusal(outputs: &[Output]) -> String {
    match outputs {
        [Output::Report(Report::Refused(offence))] => offence.to_string(),
        other => panic!("{other:?}"),
    }
}

fn is_difference(messages: &[Message]) -> bool {
    matches!(messages, [Message::Begin { since: Some(_), .. }, ..])
}

#[test]
fn a_zone_is_told_everything_then_what_changes_and_never_a_password() {
    let mut history = History::new(held(&snapshot(1, 3)));
    let mut bench = Bench::new(None);
    assert!(matches!(bench.next().as_slice(), [Output::Connect]));
    let holds = bench.connect();
    assert_eq!(holds, None);
    let messages = history.answer(None);
    assert!(!format!("{messages:?}").contains("a password"));
    let Update::Snapshot(taken) = bench.took(messages) else {
        panic!("it held nothing");
    };
    assert_eq!(taken.users, snapshot(1, 3).users);
    assert_eq!(taken.permissions, snapshot(1, 3).permissions);
    let position = history.position();
    assert!(history.advance(held(&snapshot(4, 2))));
    let messages = history.answer(Some(position));
    assert!(is_difference(&messages), "{messages:?}");
    let Update::Change(change) = bench.took(messages) else {
        panic!("it held most of it");
    };
    assert_eq!((change.since, change.epoch), (Epoch(1), Epoch(4)));
    let gone = model::directory::Edit::RemoveUser("user2".parse().unwrap());
    assert!(
        change.edits.contains(&gone) && change.edits.len() == 4,
        "{change:?}"
    );
    assert_eq!(bench.held(), Some(&held(&snapshot(4, 2))));
    assert!(!history.advance(held(&snapshot(4, 3))), "no later epoch");
    assert!(bench.say(history.answer(Some(history.position()))).is_empty());
}

#[test]
fn a_zone_that_was_away_resumes_where_it_was_and_one_that_missed_too_much_begins_anew() {
    let mut history = History::new(held(&snapshot(1, 1)));
    let first = history.position();
    for epoch in 2..=u64::try_from(STEPS_MAX).unwrap() + 1 {
        history.advance(held(&snapshot(epoch, 1 + u32::try_from(epoch % 2).unwrap())));
    }
    let mut bench = Bench::new(Some(held(&snapshot(1, 1))));
    bench.next();
    assert_eq!(bench.connect(), Some(first));
    let messages = history.answer(Some(first));
    assert!(is_difference(&messages));
    let Update::Change(change) = bench.took(messages) else {
        panic!("it held most of it");
    };
    assert_eq!(change.epoch, history.epoch());
    history.advance(held(&snapshot(10_000, 1)));
    assert!(
        !is_difference(&history.answer(Some(first))),
        "one more than is remembered"
    );
    let elsewhere = held(&snapshot(2, 9)).position();
    assert!(
        !is_difference(&history.answer(Some(elsewhere))),
        "another history"
    );
}

#[test]
fn changes_are_remembered_up_to_so_many_records() {
    // Two records for every user beside the group's: three are put with each, and the group.
    let users = u32::try_from(DIFFERENCE_RECORDS_MAX).unwrap() / 3;
    for (users, is_remembered) in [(users - 1, true), (users + 1, false)] {
        let mut history = History::new(held(&snapshot(1, 0)));
        let first = history.position();
        history.advance(held(&snapshot(2, users)));
        assert_eq!(is_difference(&history.answer(Some(first))), is_remembered);
    }
}

#[test]
fn what_is_not_later_not_signed_or_anothers_is_refused_and_changes_nothing() {
    let own = held(&snapshot(5, 1));
    let mut elsewhere = snapshot(9, 1);
    elsewhere.account = "else".parse().unwrap();
    let forged = Held::new(Records::of(&snapshot(9, 1)), sign(b"another statement"));
    let mut broken = snapshot(9, 1);
    broken.users.clear();
    for (offered, said) in [
        (held(&snapshot(4, 1)), "epoch 4, and this zone holds 5"),
        (held(&snapshot(5, 2)), "epoch 5, and this zone holds 5"),
        (forged, "not signed by the authority"),
        (held(&elsewhere), "account else, and this zone serves acme"),
        (held(&broken), "breaks a rule"),
    ] {
        let mut bench = Bench::new(Some(own.clone()));
        bench.next();
        bench.connect();
        let refused = refusal(&bench.say(History::new(offered).answer(None)));
        assert!(refused.contains(said), "{refused}");
        assert_eq!(bench.held(), Some(&own));
        assert!(
            bench.zone.next_timeout() >= bench.now + RETRY_LAST / 2,
            "not at once again"
        );
        bench.next();
        bench.connect();
        let later = History::new(held(&snapshot(10, 2)));
        bench.took(later.answer(None));
        assert_eq!(bench.held(), Some(&held(&snapshot(10, 2))));
    }
}

#[test]
fn a_zone_that_refuses_a_directory_stays_connected_until_it_asks_again_and_takes_nothing_meanwhile() {
    let own = held(&snapshot(5, 1));
    let mut bench = Bench::new(Some(own.clone()));
    bench.next();
    bench.connect();
    refusal(&bench.say(History::new(held(&snapshot(4, 1))).answer(None)));
    let begun = bench.now;

    let later = History::new(held(&snapshot(10, 2)));
    let outputs = loop {
        assert!(bench.say(later.answer(None)).is_empty());
        assert!(bench.say(vec![Message::Beat { epoch: 5 }]).is_empty());
        let beat_at = bench.now + BEAT_EVERY;
        if bench.zone.next_timeout() <= beat_at {
            break bench.next();
        }
        bench.now = beat_at;
    };

    assert!(
        matches!(outputs.as_slice(), [Output::Disconnect, Output::Connect]),
        "{outputs:?}"
    );
    assert!(bench.now >= begun + RETRY_LAST / 2 && bench.now <= begun + RETRY_LAST);
    assert_eq!(bench.held(), Some(&own));
    bench.connect();
    bench.took(later.answer(None));
}

#[test]
fn a_connection_that_is_lost_after_a_refusal_is_tried_when_it_would_have_been_asked_again() {
    let refusing = || {
        let mut bench = Bench::new(Some(held(&snapshot(5, 1))));
        bench.next();
        bench.connect();
        refusal(&bench.say(History::new(held(&snapshot(4, 1))).answer(None)));
        bench
    };
    let mut bench = refusing();
    let begun = bench.now;
    bench.zone.handle_lost(bench.now, "it was restarted".to_owned());
    assert!(matches!(
        bench.outputs().as_slice(),
        [Output::Report(Report::Lost(_))]
    ));
    assert!(matches!(bench.next().as_slice(), [Output::Connect]));
    assert!(bench.now >= begun + RETRY_LAST / 2 && bench.now <= begun + RETRY_LAST);

    let mut bench = refusing();
    let begun = bench.now;
    let outputs = bench.next();
    assert!(
        matches!(outputs.as_slice(), [Output::Disconnect, Output::Report(Report::Lost(why))] if why.contains("silent")),
        "{outputs:?}"
    );
    assert_eq!(bench.now, begun + SILENCE_MAX);
}

#[test]
fn a_record_under_a_key_that_is_not_its_own_is_refused_whether_it_comes_alone_or_with_all() {
    let own = held(&snapshot(5, 1));
    let mut records = Records::of(&snapshot(9, 1));
    let mut moved = Records::of(&snapshot(9, 2)).everything();
    moved.put.retain(|(key, _)| &**key == "user/user1");
    moved.put[0].0 = "user/user0".into();
    records.apply(moved);
    let forged = signed(records);
    let mut history = History::new(own.clone());
    history.advance(forged.clone());
    for messages in [
        history.answer(Some(own.position())),
        History::new(forged).answer(None),
    ] {
        let mut bench = Bench::new(Some(own.clone()));
        bench.next();
        bench.connect();
        assert_eq!(refusal(&bench.say(messages)), "the directory cannot be read");
        assert_eq!(bench.held(), Some(&own));
    }
}

/// A directory in which a later version has a kind of record that this one does not know.
fn with_bells(epoch: u64, bells: usize) -> Held {
    let mut records = Records::of(&snapshot(epoch, 1));
    let mut later = feed::Difference::default();
    for bell in 0..bells {
        later
            .put
            .push((format!("bell/{bell}").into(), r#"{"bell":{"at":"08:00"}}"#.into()));
    }
    records.apply(later);
    signed(records)
}

#[test]
fn records_of_a_later_version_are_left_out_and_told_of_once() {
    let told = |outputs: &[Output]| {
        outputs.iter().any(|output| {
            matches!(output, Output::Report(Report::UnknownRecords(kinds)) if kinds.iter().eq(["bell"]))
        })
    };
    let first = with_bells(5, 2);
    let mut history = History::new(first.clone());
    let mut bench = Bench::new(None);
    bench.next();
    bench.connect();
    let outputs = bench.say(history.answer(None));
    assert!(told(&outputs), "{outputs:?}");
    let [Output::Take(Update::Snapshot(taken)), ..] = outputs.as_slice() else {
        panic!("{outputs:?}")
    };
    assert_eq!(taken.users, snapshot(5, 1).users);
    assert_eq!(bench.held(), Some(&first), "its signature is that of all of them");

    let position = history.position();
    history.advance(with_bells(6, 1));
    let messages = history.answer(Some(position));
    assert!(is_difference(&messages));
    let Update::Change(change) = bench.took(messages) else {
        panic!("it held most of it");
    };
    assert_eq!(change.edits, []);

    bench.zone = Zone::new(bench.now, Some(first), 7);
    assert!(told(&bench.outputs()), "it begins with such a copy");
}

#[test]
fn a_message_of_a_later_version_is_left_out_and_told_of_once_for_a_connection() {
    let mut bench = Bench::new(None);
    bench.next();
    let unknown = |bench: &mut Bench| {
        let kind = "moon".to_owned();
        bench
            .zone
            .handle_message(bench.now, Message::Unknown { kind }, is_signed);
        bench.outputs()
    };
    for epoch in [5, 6] {
        bench.connect();
        let outputs = unknown(&mut bench);
        assert!(
            matches!(outputs.as_slice(), [Output::Report(Report::UnknownMessage(kind))] if kind == "moon"),
            "{outputs:?}"
        );
        let mut messages = History::new(held(&snapshot(epoch, 1))).answer(None);
        let end = messages.pop();
        assert!(bench.say(messages).is_empty());
        assert!(unknown(&mut bench).is_empty(), "in the middle of a directory");
        bench.took(end.into_iter().collect());
        bench.zone.handle_lost(bench.now, "it was restarted".to_owned());
        bench.next();
    }
}

#[test]
fn a_known_record_that_says_more_than_is_known_is_refused_for_it_may_forbid_something() {
    let own = held(&snapshot(5, 1));
    let mut records = Records::of(&snapshot(9, 1));
    let mut later = feed::Difference::default();
    let user = r#"{"user":{"user":"user0","name":"Hall","device":"device","may_call_until":7}}"#;
    later.put.push(("user/user0".into(), user.into()));
    records.apply(later);
    let mut bench = Bench::new(Some(own.clone()));
    bench.next();
    bench.connect();
    let refused = refusal(&bench.say(History::new(signed(records)).answer(None)));
    assert_eq!(refused, "the directory cannot be read");
    assert_eq!(bench.held(), Some(&own));
}

#[test]
fn a_copy_that_makes_no_directory_is_told_and_not_held() {
    let mut broken = snapshot(9, 1);
    broken.users.clear();
    let mut bench = Bench::new(None);
    bench.zone = Zone::new(bench.now, Some(held(&broken)), 7);
    let outputs = bench.outputs();
    assert!(
        matches!(
            outputs.as_slice(),
            [Output::Report(Report::Refused(feed::Offence::Wrong(_)))]
        ),
        "{outputs:?}"
    );
    bench.next();
    assert_eq!(bench.connect(), None);
}

/// Some of the users of a directory, with names, passwords and a PIN that differ.
fn some_of(users: &[(u8, u8)], asks: bool, domain: u8) -> Snapshot {
    let mut all = snapshot(0, 8);
    let is_there = |user: &model::SipUser| {
        users
            .iter()
            .any(|(number, _)| user.as_str() == format!("user{number}"))
    };
    all.users.retain(|user| is_there(&user.user));
    all.credentials.retain(|credential| is_there(&credential.user));
    let group = all.extensions.last_mut().map(|last| &mut last.role);
    if let Some(ExtensionRole::PageGroup { members, .. }) = group {
        members.retain(is_there);
    }
    all.extensions
        .retain(|record| record.role.users().iter().all(&is_there));
    for (number, variant) in users {
        for user in all
            .users
            .iter_mut()
            .filter(|user| user.user.as_str() == format!("user{number}"))
        {
            user.name = format!("Hall {}", variant % 2);
        }
        for credential in &mut all.credentials {
            if credential.user.as_str() == format!("user{number}") {
                credential.generation = Generation(u32::from(variant / 2));
            }
        }
    }
    if !asks {
        all.permissions.iter_mut().for_each(|one| one.pin = None);
    }
    if domain == 0 {
        all.domain = "else.example.com".to_owned();
    }
    all
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn what_differs_leads_a_zone_where_everything_leads_it(
        states in proptest::collection::vec(
            (proptest::collection::vec((0..8_u8, 0..4_u8), 0..8), proptest::bool::ANY, 0..8_u8, proptest::bool::ANY),
            1..8,
        ),
    ) {
        let mut recorder = Recorder::default();
        let first = recorder.next(&Arc::new(snapshot(1, 3)));
        let mut history = History::new(signed(first));
        let mut bench = Bench::new(None);
        bench.next();
        bench.connect();
        let mut directory = Directory::new("acme".parse().unwrap());
        directory.apply(bench.took(history.answer(None))).unwrap();
        for (epoch, (users, asks, domain, is_told)) in (2..).zip(states) {
            let holds = bench.zone.held().unwrap().position();
            let mut next = some_of(&users, asks, domain);
            next.epoch = Epoch(epoch);
            let whole = held(&next);
            let records = recorder.next(&Arc::new(next));
            assert_eq!(&records, whole.records());
            assert!(history.advance(signed(records)));
            // Of several changes in a row a zone may be told at once.
            if !is_told {
                continue;
            }
            directory.apply(bench.took(history.answer(Some(holds)))).unwrap();
            assert_eq!(bench.held(), Some(&whole));
            let mut expected = Directory::new("acme".parse().unwrap());
            expected.apply(Update::Snapshot(whole.records().snapshot().unwrap())).unwrap();
            assert_eq!(directory, expected);
        }
    }
}

#[test]
fn a_directory_may_have_so_many_records_and_not_one_more() {
    let begin = Message::Begin {
        account: "acme".parse().unwrap(),
        epoch: 9,
        since: None,
    };
    let records = |range: std::ops::Range<usize>| Message::Part {
        put: range.map(|number| (number.to_string(), String::new())).collect(),
        remove: Vec::new(),
    };
    let mut bench = Bench::new(None);
    bench.next();
    bench.connect();
    for message in [begin, records(0..RECORDS_MAX)] {
        bench.zone.handle_message(bench.now, message, is_signed);
    }
    assert!(bench.outputs().is_empty());
    let one_more = records(RECORDS_MAX..RECORDS_MAX + 1);
    bench.zone.handle_message(bench.now, one_more, is_signed);
    let refused = refusal(&bench.outputs());
    assert!(refused.contains("more than 700001 records"), "{refused}");
}

#[test]
fn messages_out_of_order_are_refused() {
    let answer = History::new(held(&snapshot(9, 1))).answer(None);
    let end = answer.last().cloned().unwrap();
    let beat = Message::Beat { epoch: 4 };
    let since = Message::Begin {
        account: "acme".parse().unwrap(),
        epoch: 9,
        since: Some(4),
    };
    let hello = Message::Hello {
        holds: None,
        tells: true,
    };
    let begin = answer.first().cloned().unwrap();
    for messages in [
        vec![end],
        vec![beat],
        vec![since],
        vec![hello],
        vec![begin.clone(), begin],
    ] {
        let mut bench = Bench::new(Some(held(&snapshot(5, 1))));
        bench.next();
        bench.connect();
        refusal(&bench.say(messages));
    }
}

#[test]
fn attempts_come_further_apart_up_to_a_limit_and_never_in_step() {
    let mut bench = Bench::new(None);
    let mut waits = Vec::new();
    for _ in 0..12 {
        while !bench
            .next()
            .iter()
            .any(|output| matches!(output, Output::Connect))
        {}
        bench.zone.handle_lost(bench.now, "refused".to_owned());
        bench.outputs();
        waits.push(bench.zone.next_timeout().min(bench.now + RETRY_LAST) - bench.now);
    }
    assert!(
        waits[0] >= RETRY_FIRST / 2 && waits[0] <= RETRY_FIRST,
        "{waits:?}"
    );
    assert!(
        waits[3] >= RETRY_FIRST * 4 && waits[3] <= RETRY_FIRST * 8,
        "{waits:?}"
    );
    assert!(waits.iter().all(|wait| *wait <= RETRY_LAST), "{waits:?}");
    let mut other = Bench::new(None);
    other.zone = Zone::new(other.now, None, 8);
    other.next();
    other.zone.handle_lost(other.now, "refused".to_owned());
    assert_ne!(other.zone.next_timeout() - other.now, waits[0]);
}

#[test]
fn a_service_that_falls_silent_or_does_not_answer_is_given_up() {
    let mut bench = Bench::new(Some(held(&snapshot(5, 1))));
    bench.next();
    let outputs = bench.next();
    assert!(
        matches!(
            outputs.as_slice(),
            [Output::Disconnect, Output::Report(Report::Lost(_))]
        ),
        "{outputs:?}"
    );
    bench.next();
    bench.connect();
    bench.now += BEAT_EVERY;
    assert!(bench.say(vec![Message::Beat { epoch: 5 }]).is_empty());
    let begin = bench.now;
    let outputs = bench.next();
    assert_eq!(bench.now - begin, SILENCE_MAX);
    assert!(
        matches!(
            outputs.as_slice(),
            [Output::Disconnect, Output::Report(Report::Lost(_))]
        ),
        "{outputs:?}"
    );
}

#[test]
fn a_directory_is_warned_of_when_it_is_stale_and_again_and_told_when_it_is_fresh() {
    let mut bench = Bench::new(Some(held(&snapshot(5, 1))));
    let begin = bench.now;
    let mut stale = Vec::new();
    while bench.now < begin + STALE_AFTER + WARN_AGAIN_AFTER + Duration::from_secs(60) {
        for output in bench.next() {
            match output {
                Output::Connect => bench.zone.handle_lost(bench.now, "refused".to_owned()),
                Output::Report(Report::Stale(age)) => stale.push(age),
                _ => {}
            }
        }
    }
    assert_eq!(stale, [STALE_AFTER, STALE_AFTER + WARN_AGAIN_AFTER]);
    while !bench
        .next()
        .iter()
        .any(|output| matches!(output, Output::Connect))
    {}
    bench.connect();
    let outputs = bench.say(vec![Message::Beat { epoch: 5 }]);
    assert!(
        matches!(outputs.as_slice(), [Output::Report(Report::Fresh)]),
        "{outputs:?}"
    );
}

#[test]
fn a_copy_is_read_as_it_was_written() {
    let held = held(&snapshot(5, 2));
    assert_eq!(Held::from_octets(&held.to_octets()).unwrap(), held);
    assert!(Held::from_octets(b"{}").is_err());
    assert!(matches!(
        Records::none("acme".parse().unwrap(), Epoch(1)).snapshot(),
        Err(feed::RecordError::NoAccount)
    ));
}
