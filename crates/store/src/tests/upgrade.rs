//! Databases of earlier versions, with what they held, and one of a later version.

use model::inventory::{AlertSettingId, ApiClientId, DeliveryState, SiteId};

use super::*;
use crate::both_engines::Place;
use crate::{Repeat, schema};

/// What was written into databases of a version while it was the last.
const WRITTEN: [(usize, &str); 22] = [
    (1, include_str!("upgrade/0001.sql")),
    (3, include_str!("upgrade/0003.sql")),
    (4, include_str!("upgrade/0004.sql")),
    (5, include_str!("upgrade/0005.sql")),
    (6, include_str!("upgrade/0006.sql")),
    (7, include_str!("upgrade/0007.sql")),
    (8, include_str!("upgrade/0008.sql")),
    (9, include_str!("upgrade/0009.sql")),
    (10, include_str!("upgrade/0010.sql")),
    (11, include_str!("upgrade/0011.sql")),
    (12, include_str!("upgrade/0012.sql")),
    (13, include_str!("upgrade/0013.sql")),
    (14, include_str!("upgrade/0014.sql")),
    (15, include_str!("upgrade/0015.sql")),
    (16, include_str!("upgrade/0016.sql")),
    (17, include_str!("upgrade/0017.sql")),
    (18, include_str!("upgrade/0018.sql")),
    (20, include_str!("upgrade/0020.sql")),
    (21, include_str!("upgrade/0021.sql")),
    (22, include_str!("upgrade/0022.sql")),
    (23, include_str!("upgrade/0023.sql")),
    (24, include_str!("upgrade/0024.sql")),
];

/// Makes a database as a program left it that knew the steps up to a version.
async fn make(place: &Place, version: usize) {
    // The key that the password was sealed with.
    std::fs::write(place.path().join("service.key"), [7; 32]).unwrap();
    let store = place.connect().await;
    let mut writing = store.write().await.unwrap();
    for (number, script) in WRITTEN {
        if number <= version {
            schema::upgrade(&mut writing, number).await.unwrap();
            writing.script(place.script(script)).await.unwrap();
        }
    }
    schema::upgrade(&mut writing, version).await.unwrap();
    writing.commit().await.unwrap();
}

#[tokio::test]
async fn what_any_earlier_version_held_is_there_after_the_upgrade() {
    for version in 1..=schema::LAST {
        let place = place!();
        make(&place, version).await;

        let store = place.open().await.unwrap();

        let mut reading = store.read().await.unwrap();
        assert_eq!(reading.accounts().await.unwrap(), [account("one")], "{version}");
        let (hall, speaker) = (holder(701), device(1));
        let token = reading.session(TokenHash([7; 32]), NOW).await.unwrap();
        assert_eq!(token.unwrap().administrator.email, "owner@example.com");
        let attempts = reading.attempts(speaker.mac).await.unwrap();
        let attempt = attempts.first().unwrap();
        assert_eq!((attempt.outcome, attempt.proved), (AttemptOutcome::Served, true));
        let certificate = reading.certificate(TokenHash([4; 32])).await.unwrap();
        let certificate = certificate.unwrap();
        assert_eq!(certificate.device, speaker.id);
        assert_eq!(
            certificate.serial,
            if version >= 7 { "2a" } else { "" },
            "{version}"
        );
        let mut scope = reading.account(&id("one"));
        let line = line(&speaker, &hall);
        assert_eq!(scope.lines().await.unwrap(), [line], "{version}");
        assert_eq!(scope.devices().await.unwrap(), [speaker]);
        let group = scope.groups().await.unwrap().remove(0);
        let (urgency, pagers, members) = if version < 11 {
            (Urgency::Normal, Pagers::Everybody, 1)
        } else {
            (Urgency::Priority, Pagers::Named(vec![hall.id.clone()]), 3)
        };
        assert_eq!((group.urgency, group.pagers), (urgency, pagers), "{version}");
        assert_eq!(group.members.len(), members, "{version}");
        let linked = [20, 22, 24].into_iter().filter(|since| version >= *since).count();
        assert_eq!(
            scope.audit(9).await.unwrap().len(),
            1 + usize::from(version >= 13) + linked
        );
        let verified = scope.verify_audit().await.unwrap();
        let linked = u64::try_from(linked).unwrap();
        assert_eq!(verified.entries, linked, "{version}");
        let of_before = if version < 13 { 1 } else { 2 };
        assert_eq!(
            (verified.fault, verified.unlinked),
            (None, of_before),
            "{version}"
        );
        let directory = scope.directory().await.unwrap().unwrap();
        assert_eq!((directory.epoch.0, directory.extensions.len()), (42, 2));
        assert_eq!(directory.credentials.len(), 1 + usize::from(version >= 3));
        let told = scope.feed_position().await.unwrap();
        assert_eq!(told.is_some(), version >= 15, "{version}");
        let former = scope.former_lines(&device(1).id).await.unwrap();
        assert_eq!(former.len(), usize::from(version >= 4));
        drop(reading);
        let mut writing = store.write().await.unwrap();
        let used = writing
            .use_claim_code(TokenHash([1; 32]), &device(1).id, TokenHash([2; 32]), NOW)
            .await;
        assert!(used.unwrap());
        writing.account(&id("one")).remove_holder(&hall.id).await.unwrap();
        writing.commit().await.unwrap();
    }
}

#[tokio::test]
async fn what_programs_keep_besides_is_there_after_the_upgrade() {
    for version in 5..=schema::LAST {
        let place = place!();
        make(&place, version).await;

        let store = place.open().await.unwrap();

        let mut reading = store.read().await.unwrap();
        let (account, client) = reading.bearer(TokenHash([10; 32]), NOW).await.unwrap().unwrap();
        assert_eq!((account, client.name), (id("one"), name("Script")), "{version}");
        let invited = reading.invited(TokenHash([11; 32]), NOW).await.unwrap();
        assert_eq!(invited.is_some(), version >= 9, "{version}");
        let mut scope = reading.account(&id("one"));
        let reports = scope.page_reports(None, 9).await.unwrap();
        let kept = usize::from(version >= 8) + usize::from(version >= 16);
        assert_eq!(reports.len(), kept, "{version}");
        if version < 6 {
            continue;
        }
        let site = SiteId::from_random(1);
        let profile = scope.site_profile(&site).await.unwrap().unwrap();
        assert_eq!((profile.code, profile.short_length), (Some(5), Some(3)));
        let address = scope.default_address(Some(&site)).await.unwrap().unwrap();
        let kept = scope.holder_profile(&holder(701).id).await.unwrap().unwrap();
        assert_eq!(
            (kept.department.as_str(), kept.address),
            ("Sports", Some(address.id))
        );
        let template = scope.template_of_device(&device(1).id).await.unwrap().unwrap();
        assert_eq!(template.name.as_str(), "Quiet");
        let setting = scope
            .alert_setting(&AlertSettingId::from_random(1))
            .await
            .unwrap();
        assert_eq!(setting.unwrap().name, "Speakers");
        let hooks = scope.webhooks().await.unwrap();
        assert_eq!(hooks.len(), usize::from(version >= 12), "{version}");
        if let Some(hook) = hooks.first() {
            assert_eq!(
                (hook.secret.clone(), hook.failures),
                (Some(Secret::from("a secret token")), 1)
            );
            let waiting = scope.webhook_deliveries(&hook.id, 9).await.unwrap().remove(0);
            assert_eq!((waiting.state, waiting.tries), (DeliveryState::Waiting, 1));
            let kept = scope.webhook_message(&hook.id, waiting.number).await.unwrap();
            let (event, body) = kept.unwrap();
            assert_eq!(event, "event 1");
            assert!(body.reveal().contains("owner@example.com"), "{version}");
            assert_eq!(scope.told_presence().await.unwrap(), [(device(1).id, true)]);
            assert_eq!(scope.told_provision().await.unwrap(), Some([].into()));
        }
    }
}

#[tokio::test]
async fn what_guards_accounts_and_devices_is_there_after_the_upgrade() {
    for version in 10..=schema::LAST {
        let place = place!();
        make(&place, version).await;

        let store = place.open().await.unwrap();

        let mut writing = store.write().await.unwrap();
        let half = writing.half_session(TokenHash([13; 32]), NOW).await.unwrap();
        assert_eq!(half.is_some(), version >= 13, "{version}");
        let sql = "SELECT id FROM audit WHERE by_program = 1";
        let by_program = writing.rows(sql, &[]).await.unwrap();
        assert_eq!(by_program.len(), usize::from(version >= 13), "{version}");
        let mut scope = writing.account(&id("one"));
        let secrets = scope.device_secrets().await.unwrap();
        let kept = |generation| {
            let mut secrets = secrets.iter();
            let found = secrets.find(|secret| secret.generation == generation)?;
            Some((found.is_for_all, found.secret.reveal()))
        };
        assert_eq!(kept(1), Some((true, "close sesame")), "{version}");
        assert_eq!(kept(2), Some((true, "open sesame")), "{version}");
        assert_eq!(kept(3), (version >= 23).then_some((false, "open sesame")));
        let given = scope.given_password(&device(1).id).await.unwrap();
        let expected = match version {
            ..=20 => None,
            21..=22 => Some(2),
            23.. => Some(3),
        };
        assert_eq!(given.map(|given| given.generation), expected, "{version}");
        let owner = AdministratorId::from_random(1);
        let factor = scope.second_factor(&owner).await.unwrap();
        let kept = factor.map(|factor| (factor.secret.matches("GEZDGNBVGY3TQOJQ"), factor.recovery_codes));
        assert_eq!(kept, (version >= 13).then_some((true, 1)), "{version}");
        assert_eq!(scope.requires_second_factor().await.unwrap(), version >= 13);
        let held = scope.held_device(&device(1).id).await.unwrap();
        assert_eq!(held.is_some(), version >= 14, "{version}");
        let shown = scope.shown_certificates(&device(1).id).await.unwrap();
        assert_eq!(shown.len(), usize::from(version >= 14), "{version}");
        for (page, since) in [("page1", 8), ("page2", 16)] {
            let report = scope.page_report_of(&page.parse().unwrap()).await.unwrap();
            assert_eq!(report.is_some(), version >= since, "{version}: {page}");
        }
        let client = ApiClientId::from_random(1);
        let (key, request) = (TokenHash([15; 32]), TokenHash([16; 32]));
        let repeat = scope.begin_repeatable(&client, key, request, NOW).await.unwrap();
        match repeat {
            // Also where its digest was kept as it is.
            Repeat::Answered { status: 201, body } if version >= 17 => {
                assert!(body.matches("{\"id\":\"1\"}"));
            }
            Repeat::First if version < 17 => {}
            other => panic!("{version}: {other:?}"),
        }
        let defaults = scope.holder_defaults().await.unwrap();
        assert_eq!(defaults.country.is_some(), version >= 18, "{version}");
        assert_eq!(defaults.time_zone.is_some(), version >= 18, "{version}");
    }
}

#[tokio::test]
async fn alarms_stand_after_the_upgrade_and_dismissed_ones_do_not() {
    for version in 22..=schema::LAST {
        let place = place!();
        make(&place, version).await;

        let store = place.open().await.unwrap();

        let mut reading = store.read().await.unwrap();
        let mut scope = reading.account(&id("one"));
        let standing = scope
            .standing_alarms(Timestamp(0)..=NOW.after_seconds(1), 9)
            .await;
        let standing = standing.unwrap();
        let standing: Vec<_> = standing
            .iter()
            .map(|alarm| (alarm.entry.by.as_str(), alarm.device.clone()))
            .collect();
        let expected = match version {
            ..=23 => ("portal", None),
            24.. => ("zone", Some(device(1).id)),
        };
        assert_eq!(standing, [expected], "{version}");
    }
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused_and_left_as_it_is() {
    let (place, store) = opened!();
    let later = i64::try_from(schema::LAST + 1).unwrap();
    let mut writing = store.write().await.unwrap();
    let sql = "UPDATE schema_version SET version = $1";
    writing.execute(sql, &[later.into()]).await.unwrap();
    writing.commit().await.unwrap();
    drop(store);

    let refused = place.open().await.unwrap_err();

    assert!(matches!(refused, OpenError::TooNew { .. }), "{refused:?}");
    let store = place.connect().await;
    let mut reading = store.read().await.unwrap();
    assert_eq!(reading.accounts().await.unwrap().len(), 2);
}

#[tokio::test]
async fn w08_a_database_whose_version_was_set_back_is_refused_and_its_audit_does_not_begin_anew() {
    let (place, store) = opened!();
    drop(store);
    let set = async |version: usize| {
        let store = place.connect().await;
        let mut writing = store.write().await.unwrap();
        let sql = "UPDATE schema_version SET version = $1";
        let values = [i64::try_from(version).unwrap().into()];
        writing.execute(sql, &values).await.unwrap();
        writing.commit().await.unwrap();
    };
    for earlier in 0..schema::LAST {
        set(earlier).await;

        let refused = place.open().await.unwrap_err();

        assert!(
            matches!(&refused, OpenError::SetBack { version, .. } if *version == earlier),
            "{earlier}: {refused:?}"
        );
    }
    set(schema::LAST).await;
    let store = place.open().await.unwrap();
    let mut reading = store.read().await.unwrap();
    let verified = reading.account(&id("one")).verify_audit().await.unwrap();
    assert_eq!((verified.fault, verified.unlinked), (None, 0));
}

#[tokio::test]
async fn a_database_of_something_else_is_refused_and_what_is_there_is_named() {
    let (place, store) = opened!();
    drop(store);
    let store = place.connect().await;
    let mut writing = store.write().await.unwrap();
    writing.execute("DROP TABLE schema_version", &[]).await.unwrap();
    writing.commit().await.unwrap();
    drop(store);

    let refused = place.open().await.unwrap_err();

    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused:?}");
    assert!(refused.to_string().contains("account"), "{refused}");
}
