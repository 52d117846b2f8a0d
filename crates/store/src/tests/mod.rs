//! What is kept is what was given, account by account.

mod access;
mod alarms;
mod api_clients;
mod audit_links;
mod besides;
mod device_password;
mod feed_position;
mod groups;
mod listing;
mod many;
mod page_reports;
mod paging_targets;
mod removal;
mod review;
mod second_factor;
mod upgrade;
mod webhooks;

use crate::both_engines::{account, opened, place};
use crate::{AddDeviceError, ClaimError, Hashes, NumberTaken, OpenError, StoreError};
use model::directory::{CredentialSecret, DigestAlgorithm, ExtensionRole, Generation, Urgency};
use model::inventory::{
    Administrator, AdministratorId, Assignment, Attempt, AttemptOutcome, AuditEntry, ClaimCode, CountryCode,
    Description, Device, DeviceType, DisplayName, GroupId, GroupMember, Holder, HolderId, HolderKind,
    IssuedCertificate, Line, LineId, LinePlace, MacAddress, PageGroup, Pagers, PasswordHash, Role, Session,
    TimeZone, Timestamp, TokenHash,
};
use model::{AccountId, DeviceId, Secret, SlotPosition};

const NOW: Timestamp = Timestamp(1_000_000);

fn id(account: &str) -> AccountId {
    account.parse().unwrap()
}

fn name(text: &str) -> DisplayName {
    DisplayName::new(text).unwrap()
}

fn holder(number: u16) -> Holder {
    Holder {
        id: HolderId::from_random(number.into()),
        kind: HolderKind::CommonArea,
        name: name("Hall"),
        extension: number.to_string().parse().unwrap(),
        package: "basic".to_owned(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("America/Vancouver").unwrap(),
        site: None,
    }
}

fn device(number: u8) -> Device {
    Device {
        id: DeviceId::from_random(number.into()),
        name: name("Hall loudspeaker"),
        description: Description::new("above the door").unwrap(),
        mac: MacAddress::new([0, 0x22, 0xEE, 0, 0, number]),
        kind: DeviceType::Algo,
        model: None,
        firmware: None,
        site: None,
        added_at: NOW,
    }
}

fn line(device: &Device, holder: &Holder) -> Line {
    Line {
        id: LineId::from_random(5),
        device: device.id.clone(),
        place: LinePlace::Slot(SlotPosition::BASE_PAGE),
        holder: holder.id.clone(),
        user: "83600015247557791369".parse().unwrap(),
        authorization_id: "875586205903".parse().unwrap(),
        algorithm: DigestAlgorithm::Sha256,
        generation: Generation(1),
        password: Secret::from("a password of 128 bits"),
    }
}

/// A claim code of the first device that is good for a minute.
fn claim(code: TokenHash) -> ClaimCode {
    ClaimCode {
        code,
        device: device(1).id,
        expires_at: NOW.after_seconds(60),
        used_by: None,
    }
}

#[tokio::test]
async fn everything_of_a_device_comes_back_as_it_was_given() {
    let (folder, store) = opened!();
    let (hall, speaker) = (holder(701), device(1));
    let line = line(&speaker, &hall);
    let group = PageGroup {
        id: GroupId::from_random(1),
        name: name("Everywhere"),
        extension: "700".parse().unwrap(),
        urgency: Urgency::Normal,
        pagers: Pagers::Everybody,
        members: vec![GroupMember::Holder(hall.id.clone())],
    };
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_holder(&hall).await.unwrap();
    scope.add_device(&speaker).await.unwrap();
    scope.add_line(&line).await.unwrap();
    scope.add_group(&group).await.unwrap();
    writing.commit().await.unwrap();
    drop(store);

    let store = folder.open().await.unwrap();
    let mut reading = store.read().await.unwrap();
    assert_eq!(
        reading.accounts().await.unwrap(),
        [account("one"), account("two")]
    );
    let mut scope = reading.account(&id("one"));
    assert_eq!(
        scope.holders(Some(HolderKind::CommonArea)).await.unwrap(),
        std::slice::from_ref(&hall)
    );
    assert_eq!(scope.holders(Some(HolderKind::User)).await.unwrap(), []);
    assert_eq!(scope.devices().await.unwrap(), std::slice::from_ref(&speaker));
    assert_eq!(
        scope.lines_of_device(&speaker.id).await.unwrap(),
        std::slice::from_ref(&line)
    );
    assert_eq!(
        scope.lines_of_holder(&hall.id).await.unwrap(),
        std::slice::from_ref(&line)
    );
    assert_eq!(scope.groups().await.unwrap(), [group]);
    let held = scope.held_lines_of_device(&speaker.id).await.unwrap();
    assert_eq!(held, [(line.clone(), hall.clone())]);
    for (name, expected) in [
        (line.user.as_str(), Some(&speaker)),
        (line.authorization_id.as_str(), Some(&speaker)),
        (hall.extension.as_str(), None),
    ] {
        let found = scope.device_of_name(name).await.unwrap();
        assert_eq!(found.as_ref(), expected, "{name}");
    }
    let assigned = Assignment {
        device: speaker.id.clone(),
        place: line.place,
        holder: hall.id.clone(),
        user: line.user.clone(),
    };
    assert_eq!(scope.assignments().await.unwrap(), [assigned]);
    let found = reading.device_of_mac(speaker.mac).await.unwrap();
    assert_eq!(found, Some((id("one"), speaker)));
}

#[tokio::test]
async fn one_account_sees_nothing_of_another() {
    let (_folder, store) = opened!();
    let (hall, speaker) = (holder(701), device(1));
    let line = line(&speaker, &hall);
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_holder(&hall).await.unwrap();
    scope.add_device(&speaker).await.unwrap();
    scope.add_line(&line).await.unwrap();
    let mut other = writing.account(&id("two"));
    assert_eq!(other.holders(None).await.unwrap(), []);
    assert_eq!(other.holder(&hall.id).await.unwrap(), None);
    assert_eq!(other.devices().await.unwrap(), []);
    assert_eq!(other.device(&speaker.id).await.unwrap(), None);
    assert_eq!(other.lines().await.unwrap(), []);
    assert_eq!(other.assignments().await.unwrap(), []);
    assert!(!other.remove_line(&line.id).await.unwrap());
    other.note_device(&speaker.id, Some("8180"), None).await.unwrap();
    let kept = writing.account(&id("one")).device(&speaker.id).await.unwrap();
    assert_eq!(kept, Some(speaker));
}

#[tokio::test]
async fn a_number_is_given_once_in_an_account() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    writing
        .account(&id("one"))
        .add_holder(&holder(701))
        .await
        .unwrap();
    let again = Holder {
        id: HolderId::from_random(99),
        ..holder(701)
    };
    let refused = writing.account(&id("one")).add_holder(&again).await.unwrap_err();
    assert!(matches!(refused, NumberTaken::By { .. }), "{refused}");
    assert_eq!(refused.to_string(), "extension 701 is Hall's; choose another");
    let group = PageGroup {
        id: GroupId::from_random(1),
        name: name("Everywhere"),
        extension: "701".parse().unwrap(),
        urgency: Urgency::Normal,
        pagers: Pagers::Everybody,
        members: Vec::new(),
    };
    assert!(writing.account(&id("one")).add_group(&group).await.is_err());
    writing.account(&id("two")).add_holder(&again).await.unwrap();
}

#[tokio::test]
async fn a_second_device_of_an_address_is_told_whose_it_is_in_its_own_account_only() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    writing.account(&id("one")).add_device(&device(1)).await.unwrap();
    let again = Device {
        id: DeviceId::from_random(77),
        ..device(1)
    };
    let known = writing.account(&id("one")).add_device(&again).await.unwrap_err();
    assert_eq!(
        known.to_string(),
        "00:22:EE:00:00:01 is Hall loudspeaker; open that device, or correct the address"
    );
    let elsewhere = writing.account(&id("two")).add_device(&again).await.unwrap_err();
    assert!(matches!(elsewhere, AddDeviceError::Elsewhere { .. }));
    assert!(!elsewhere.to_string().contains("Hall"));
}

#[tokio::test]
async fn what_is_not_committed_has_not_happened_and_zones_are_told_of_what_is() {
    let (_folder, store) = opened!();
    let mut changes = store.directory_changes();
    let mut writing = store.write().await.unwrap();
    writing
        .account(&id("one"))
        .add_holder(&holder(701))
        .await
        .unwrap();
    drop(writing);
    assert!(!changes.has_changed().unwrap());
    let mut reading = store.read().await.unwrap();
    let before = reading.account(&id("one")).directory().await.unwrap().unwrap();
    drop(reading);

    let (hall, speaker) = (holder(701), device(1));
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_holder(&hall).await.unwrap();
    scope.add_device(&speaker).await.unwrap();
    scope.add_line(&line(&speaker, &hall)).await.unwrap();
    writing.commit().await.unwrap();
    changes.changed().await.unwrap();
    let mut reading = store.read().await.unwrap();
    let after = reading.account(&id("one")).directory().await.unwrap().unwrap();
    assert!(after.epoch > before.epoch);
    assert_eq!(before.extensions, []);
    assert!(matches!(after.extensions[0].role, ExtensionRole::Slot { .. }));
    let nobody = reading.account(&id("three")).directory().await.unwrap();
    assert_eq!(nobody, None);

    let mut hashes = Hashes::default();
    for _ in 0..2 {
        let mut scope = reading.account(&id("one"));
        let mut hashed = scope.hashed_directory(&mut hashes).await.unwrap().unwrap();
        assert!(matches!(hashed.credentials[0].secret, CredentialSecret::Ha1(_)));
        hashed.credentials.clone_from(&after.credentials);
        assert_eq!(hashed, after, "but for the password");
    }
}

#[tokio::test]
async fn a_transaction_of_which_a_part_has_failed_is_not_kept() {
    let (_folder, store) = opened!();
    let owner = |number| Administrator {
        id: AdministratorId::from_random(number),
        email: "owner@example.com".to_owned(),
        role: Role::Owner,
        password: None,
    };
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_administrator(&owner(1)).await.unwrap();
    let twice = scope.add_administrator(&owner(2)).await.unwrap_err();
    assert!(matches!(twice, StoreError::Database(_)), "{twice:?}");
    let refused = writing.commit().await.unwrap_err();
    assert!(matches!(refused, StoreError::Incomplete), "{refused:?}");
    let mut reading = store.read().await.unwrap();
    assert_eq!(
        reading.administrator_of_email("owner@example.com").await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_session_ends_at_its_time_and_with_a_new_password() {
    let (_folder, store) = opened!();
    let owner = Administrator {
        id: AdministratorId::from_random(1),
        email: "owner@example.com".to_owned(),
        role: Role::Owner,
        password: None,
    };
    let token = TokenHash([7; 32]);
    let session = Session {
        token,
        administrator: owner.id.clone(),
        expires_at: NOW.after_seconds(60),
    };
    let mut writing = store.write().await.unwrap();
    writing
        .account(&id("one"))
        .add_administrator(&owner)
        .await
        .unwrap();
    writing.add_session(&session, NOW).await.unwrap();
    let found = writing
        .session(token, NOW.after_seconds(59))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.account, found.administrator), (id("one"), owner.clone()));
    assert_eq!(writing.session(token, NOW.after_seconds(60)).await.unwrap(), None);
    let other = writing.session(TokenHash([8; 32]), NOW).await.unwrap();
    assert_eq!(other, None);
    let hash = PasswordHash("$argon2id$".to_owned());
    writing
        .account(&id("two"))
        .set_password(&owner.id, &hash)
        .await
        .unwrap();
    assert!(
        writing.session(token, NOW).await.unwrap().is_some(),
        "another account's word is nothing"
    );
    writing
        .account(&id("one"))
        .set_password(&owner.id, &hash)
        .await
        .unwrap();
    assert_eq!(writing.session(token, NOW).await.unwrap(), None);
    let found = writing
        .administrator_of_email("owner@example.com")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.administrator.password, Some(hash));
}

#[tokio::test]
async fn a_claim_code_is_good_for_one_device_and_one_key_until_its_time() {
    let (_folder, store) = opened!();
    let (code, key, other) = (TokenHash([1; 32]), TokenHash([2; 32]), TokenHash([3; 32]));
    let claim = claim(code);
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_device(&device(1)).await.unwrap();
    scope.add_device(&device(2)).await.unwrap();
    scope.add_claim_code(&claim).await.unwrap();
    let late = NOW.after_seconds(60);
    for (device, key, at) in [(device(2).id, key, NOW), (device(1).id, key, late)] {
        let refused = writing.use_claim_code(code, &device, key, at).await;
        assert!(matches!(refused, Err(ClaimError::NotGood)));
    }
    writing
        .use_claim_code(code, &device(1).id, key, NOW)
        .await
        .unwrap();
    let again = writing.use_claim_code(code, &device(1).id, other, NOW).await;
    assert!(
        matches!(again, Err(ClaimError::NotGood)),
        "used up by another key"
    );
    writing
        .use_claim_code(code, &device(1).id, key, NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_later_claim_code_takes_the_place_of_an_unused_one() {
    let (_folder, store) = opened!();
    let claim = |code: u8| claim(TokenHash([code; 32]));
    let key = TokenHash([9; 32]);
    let mut writing = store.write().await.unwrap();
    writing.account(&id("one")).add_device(&device(1)).await.unwrap();
    for code in [1, 2] {
        writing
            .account(&id("one"))
            .add_claim_code(&claim(code))
            .await
            .unwrap();
    }
    let foreign = writing.account(&id("two")).add_claim_code(&claim(3)).await;
    assert!(matches!(foreign, Err(StoreError::Missing { .. })));
    for code in [1, 3] {
        let refused = writing
            .use_claim_code(TokenHash([code; 32]), &device(1).id, key, NOW)
            .await;
        assert!(matches!(refused, Err(ClaimError::NotGood)), "{code}");
    }
    writing
        .use_claim_code(TokenHash([2; 32]), &device(1).id, key, NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn certificates_are_found_by_their_fingerprint() {
    let (_folder, store) = opened!();
    let issued = IssuedCertificate {
        serial: "0a".to_owned(),
        fingerprint: TokenHash([4; 32]),
        key: TokenHash([5; 32]),
        device: device(1).id,
        issued_at: NOW,
        revoked_at: None,
    };
    let mut writing = store.write().await.unwrap();
    writing.account(&id("one")).add_device(&device(1)).await.unwrap();
    writing.add_certificate(&issued).await.unwrap();
    let found = writing.certificate(issued.fingerprint).await.unwrap();
    assert_eq!(found, Some(issued));
    assert_eq!(writing.certificate(TokenHash([6; 32])).await.unwrap(), None);
    assert_eq!(writing.revoked_certificates(Timestamp(0)).await.unwrap(), []);
    let other = writing
        .account(&id("two"))
        .revoke_certificates_of_device(&device(1).id, NOW)
        .await;
    assert_eq!(other.unwrap(), 0);
    let own = writing
        .account(&id("one"))
        .revoke_certificates_of_device(&device(1).id, NOW)
        .await;
    assert_eq!(own.unwrap(), 1);
    let revoked = writing.revoked_certificates(NOW).await.unwrap();
    assert_eq!(
        (revoked[0].revoked_at, revoked[0].serial.as_str()),
        (Some(NOW), "0a")
    );
    let later = Timestamp(NOW.0 + 1);
    assert_eq!(
        writing.revoked_certificates(later).await.unwrap(),
        [],
        "issued before"
    );
}

#[tokio::test]
async fn the_last_fifty_tries_in_the_name_of_a_device_are_kept_and_push_none_out_that_proved_to_be_it() {
    let (_folder, store) = opened!();
    let mac = device(1).mac;
    let mut writing = store.write().await.unwrap();
    writing.account(&id("one")).add_device(&device(1)).await.unwrap();
    for number in 0..52 {
        let attempt = Attempt {
            at: Timestamp(number),
            mac: Some(mac),
            source: "192.0.2.1".to_owned(),
            file: format!("algom{}.conf", mac.compact()),
            outcome: match number {
                0 => AttemptOutcome::Served,
                _ => AttemptOutcome::NoCertificate,
            },
            proved: number == 0,
            times: 1,
            detail: "x".repeat(500),
        };
        writing.add_attempt(&attempt).await.unwrap();
        if number == 50 {
            assert_eq!(writing.attempts(mac).await.unwrap().len(), 51);
        }
    }
    let kept = writing.attempts(mac).await.unwrap();
    assert_eq!(kept.len(), 51);
    assert_eq!((kept[0].at, kept[49].at), (Timestamp(51), Timestamp(2)));
    assert_eq!(kept[50].outcome, AttemptOutcome::Served);
    assert_eq!(kept[0].detail.len(), 400);
}

#[tokio::test]
async fn tries_of_addresses_that_nobody_added_push_one_another_out_and_no_others() {
    let (_folder, store) = opened!();
    let attempt = |number: u16, mac: MacAddress| Attempt {
        at: Timestamp(number.into()),
        mac: Some(mac),
        source: String::new(),
        file: String::new(),
        outcome: AttemptOutcome::UnknownDevice,
        proved: false,
        times: 1,
        detail: String::new(),
    };
    let invented = |number: u16| {
        let [high, low] = number.to_be_bytes();
        MacAddress::new([2, 0, 0, 0, high, low])
    };
    let mut writing = store.write().await.unwrap();
    writing.account(&id("one")).add_device(&device(1)).await.unwrap();
    writing.add_attempt(&attempt(0, device(1).mac)).await.unwrap();
    for number in 0..1_001 {
        writing
            .add_attempt(&attempt(number, invented(number)))
            .await
            .unwrap();
    }
    assert_eq!(writing.attempts(device(1).mac).await.unwrap().len(), 1);
    assert_eq!(writing.attempts(invented(0)).await.unwrap(), []);
    assert_eq!(writing.attempts(invented(1)).await.unwrap().len(), 1);
    assert_eq!(writing.attempts(invented(1_000)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn tries_that_name_no_device_are_kept_by_address_and_one_address_pushes_no_other_out() {
    let (_folder, store) = opened!();
    let attempt = |at: u64, source: &str| Attempt {
        at: Timestamp(at),
        mac: None,
        source: source.to_owned(),
        file: String::new(),
        outcome: AttemptOutcome::TlsTooOld,
        proved: false,
        times: 1,
        detail: String::new(),
    };
    let mut writing = store.write().await.unwrap();
    writing.add_attempt(&attempt(0, "192.0.2.1")).await.unwrap();
    for at in 1..=6 {
        writing.add_attempt(&attempt(at, "192.0.2.2")).await.unwrap();
    }
    let kept = writing.nameless_attempts().await.unwrap();
    let moments: Vec<u64> = kept.iter().map(|attempt| attempt.at.0).collect();
    assert_eq!(moments, [6, 5, 4, 3, 2, 0]);
}

#[tokio::test]
async fn a_try_that_is_repeated_is_counted_and_is_the_last_one_again() {
    let (_folder, store) = opened!();
    let mac = device(1).mac;
    let attempt = |at: u64| Attempt {
        at: Timestamp(at),
        mac: Some(mac),
        source: String::new(),
        file: String::new(),
        outcome: AttemptOutcome::NoCertificate,
        proved: false,
        times: 1,
        detail: String::new(),
    };
    let mut writing = store.write().await.unwrap();
    let first = writing.add_attempt(&attempt(1)).await.unwrap();
    writing.add_attempt(&attempt(2)).await.unwrap();
    writing.repeat_attempt(first, Timestamp(3), 4).await.unwrap();
    let kept = writing.attempts(mac).await.unwrap();
    assert_eq!((kept[0].at, kept[0].times), (Timestamp(3), 4));
    assert_eq!((kept[1].at, kept[1].times), (Timestamp(2), 1));
}

#[tokio::test]
async fn extensions_that_were_taken_away_are_remembered_up_to_a_limit_until_they_come_back() {
    let (_folder, store) = opened!();
    let (hall, speaker) = (holder(701), device(1));
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_holder(&hall).await.unwrap();
    scope.add_device(&speaker).await.unwrap();
    let mut kept = line(&speaker, &hall);
    for number in 0..73 {
        kept.user = format!("user{number}").parse().unwrap();
        kept.authorization_id = format!("user{number}").parse().unwrap();
        scope.add_line(&kept).await.unwrap();
        assert!(scope.remove_line_at(&kept.id, Timestamp(number)).await.unwrap());
    }
    let former = scope.former_lines(&speaker.id).await.unwrap();
    assert_eq!(former.len(), 72);
    assert_eq!(
        (former[0].user.as_str(), former[71].user.as_str()),
        ("user72", "user1")
    );
    assert_eq!(former[0].place, kept.place);
    scope.add_line(&kept).await.unwrap();
    assert_eq!(scope.former_lines(&speaker.id).await.unwrap().len(), 71);
    assert_eq!(
        writing
            .account(&id("two"))
            .former_lines(&speaker.id)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn the_audit_lists_the_last_first() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    for number in 0..3 {
        let entry = AuditEntry {
            at: Timestamp(number),
            by: "owner@example.com".to_owned(),
            action: "add device".to_owned(),
            detail: number.to_string(),
        };
        writing.account(&id("one")).add_audit(&entry).await.unwrap();
    }
    let last = writing.account(&id("one")).audit(2).await.unwrap();
    assert_eq!(
        last.iter().map(|entry| entry.detail.as_str()).collect::<Vec<_>>(),
        ["2", "1"]
    );
    assert_eq!(writing.account(&id("two")).audit(2).await.unwrap(), []);
}

#[tokio::test]
async fn passwords_are_not_found_in_the_files_and_need_their_key() {
    let (folder, store) = opened!();
    let (hall, speaker) = (holder(701), device(1));
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_holder(&hall).await.unwrap();
    scope.add_device(&speaker).await.unwrap();
    scope.add_line(&line(&speaker, &hall)).await.unwrap();
    writing.commit().await.unwrap();
    drop(store);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let octets = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!octets.windows(10).any(|part| part == b"a password"));
    }
    std::fs::write(folder.path().join("service.key"), [0; 32]).unwrap();
    let store = folder.open().await.unwrap();
    let mut reading = store.read().await.unwrap();
    let refused = reading.account(&id("one")).lines().await.unwrap_err();
    assert!(matches!(refused, StoreError::WrongKey), "{refused}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_and_a_key_of_another_length_are_named() {
    let folder = place!();
    let missing = folder.open_in(&folder.path().join("none")).await.unwrap_err();
    assert!(matches!(missing, OpenError::Key { .. }), "{missing}");
    std::fs::write(folder.path().join("service.key"), "short").unwrap();
    let refused = folder.open().await.unwrap_err();
    assert!(refused.to_string().contains("service.key"), "{refused}");
}

#[tokio::test]
async fn nothing_is_written_into_what_another_account_has() {
    let (_folder, store) = opened!();
    let (hall, speaker) = (holder(701), device(1));
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_holder(&hall).await.unwrap();
    scope.add_device(&speaker).await.unwrap();
    let (own_hall, own_speaker) = (holder(702), device(2));
    let mut other = writing.account(&id("two"));
    other.add_holder(&own_hall).await.unwrap();
    other.add_device(&own_speaker).await.unwrap();
    for line in [line(&speaker, &own_hall), line(&own_speaker, &hall)] {
        let refused = other.add_line(&line).await;
        assert!(matches!(refused, Err(StoreError::Missing { .. })), "{refused:?}");
    }
    let elsewhere = Some(model::inventory::SiteId::from_random(1));
    let holder = Holder {
        site: elsewhere.clone(),
        ..holder(703)
    };
    assert!(other.add_holder(&holder).await.is_err());
    let device = Device {
        site: elsewhere,
        ..device(3)
    };
    assert!(other.add_device(&device).await.is_err());
    let mut scope = writing.account(&id("one"));
    scope.add_line(&line(&speaker, &hall)).await.unwrap();
}

#[tokio::test]
async fn a_key_uses_its_claim_code_so_often_and_not_once_more() {
    let (_folder, store) = opened!();
    let (code, key) = (TokenHash([1; 32]), TokenHash([2; 32]));
    let claim = claim(code);
    let mut writing = store.write().await.unwrap();
    writing.account(&id("one")).add_device(&device(1)).await.unwrap();
    writing.account(&id("one")).add_claim_code(&claim).await.unwrap();
    for number in 0..crate::CLAIM_USES_MAX {
        let is_first = writing
            .use_claim_code(code, &device(1).id, key, NOW)
            .await
            .unwrap();
        assert_eq!(is_first, number == 0);
    }
    let refused = writing.use_claim_code(code, &device(1).id, key, NOW).await;
    assert!(matches!(refused, Err(ClaimError::NotGood)));
}

#[tokio::test]
async fn a_key_whose_certificate_was_taken_back_gets_no_other() {
    let (_folder, store) = opened!();
    let (code, key) = (TokenHash([1; 32]), TokenHash([2; 32]));
    let claim = claim(code);
    let issued = |number: u8| IssuedCertificate {
        serial: "0a".to_owned(),
        fingerprint: TokenHash([number; 32]),
        key,
        device: device(1).id,
        issued_at: NOW,
        revoked_at: None,
    };
    let mut writing = store.write().await.unwrap();
    writing.account(&id("one")).add_device(&device(1)).await.unwrap();
    writing.account(&id("one")).add_claim_code(&claim).await.unwrap();
    writing
        .use_claim_code(code, &device(1).id, key, NOW)
        .await
        .unwrap();
    for number in [7, 8] {
        writing.add_certificate(&issued(number)).await.unwrap();
    }

    assert!(writing.revoke_certificate(TokenHash([7; 32]), NOW).await.unwrap());

    let spare = writing.certificate(TokenHash([8; 32])).await.unwrap().unwrap();
    assert_eq!(spare.revoked_at, Some(NOW), "of the same key");
    let again = writing.use_claim_code(code, &device(1).id, key, NOW).await;
    assert!(matches!(again, Err(ClaimError::NotGood)), "the code is gone");
    writing.account(&id("one")).add_claim_code(&claim).await.unwrap();
    let again = writing.use_claim_code(code, &device(1).id, key, NOW).await;
    assert!(
        matches!(again, Err(ClaimError::NotGood)),
        "a fresh code is for a fresh key"
    );
    let fresh = TokenHash([3; 32]);
    assert!(
        writing
            .use_claim_code(code, &device(1).id, fresh, NOW)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_database_without_its_key_is_not_given_another() {
    let (folder, store) = opened!();
    drop(store);
    let key = folder.path().join("service.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let refused = folder.open().await.unwrap_err();
    assert!(
        refused.to_string().contains("restore it from a copy"),
        "{refused}"
    );
    assert!(!key.exists());
    std::fs::write(&key, kept).unwrap();
    folder.open().await.unwrap();
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _store) = opened!();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[tokio::test]
async fn zones_are_told_of_a_commit_that_nobody_waits_for_any_more() {
    let (_folder, store) = opened!();
    let changes = store.directory_changes();
    let mut writing = store.write().await.unwrap();
    writing
        .account(&id("one"))
        .add_holder(&holder(701))
        .await
        .unwrap();
    let mut commit = Box::pin(writing.commit());
    std::future::poll_fn(|context| {
        let _is_under_way = commit.as_mut().poll(context).is_pending();
        std::task::Poll::Ready(())
    })
    .await;
    drop(commit);
    assert!(changes.has_changed().unwrap());
}
