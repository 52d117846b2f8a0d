use std::fs;

use endpoint::{Rounds, SoundOrder, ToneClass};

use super::*;
use crate::start::OrderError;

fn identity() -> Identity {
    Identity {
        device: "lobby".parse().unwrap(),
        user_agent: "test".to_owned(),
        instance: None,
    }
}

async fn started(state: &Path, file: Option<&str>) -> Result<Appliance, ApplianceError> {
    let file = file.map(|text| (Document::parse(text).unwrap(), state.to_owned()));
    Plan::new(state, file)?
        .without_outputs()
        .start(identity(), ([127, 0, 0, 1], 0).into())
        .await
}

fn change(key: &str, value: &str) -> SettingChange {
    SettingChange {
        key: key.to_owned(),
        value: Some(value.to_owned()),
    }
}

const NULL_SINK: &str = "oyez.sink = null\n";

#[tokio::test]
async fn a_change_applies_to_the_running_device_and_after_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    let mut changes = appliance.changes();

    let slots = [
        change("sip.proxy", "127.0.0.1:9"),
        change("sip.alert1.user", "7002"),
    ];
    let changed = appliance.change(Author::Web, &slots).await.unwrap();

    assert_eq!(changed.keys, ["sip.alert1.user", "sip.proxy"]);
    assert_eq!(changes.recv().await.unwrap().version, changed.version);
    assert_eq!(shown_slots(&appliance).await, ["ring-1"]);
    appliance.stop().await;
    let appliance = started(state.path(), None).await.unwrap();
    assert_eq!(shown_slots(&appliance).await, ["ring-1"]);
    assert_eq!(appliance.settings().value("oyez.sink"), "null");
    appliance.stop().await;
}

#[tokio::test]
async fn a_wrong_change_is_refused_and_the_configuration_stays() {
    let state = tempfile::tempdir().unwrap();
    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();

    for wrong in [
        change("audio.page.vol", "loud"),
        change("oyez.tls.ca", "no-such.pem"),
        change("oyez.sink", "wav:/proc/none"),
    ] {
        let key = wrong.key.clone();
        let error = appliance.change(Author::Web, &[wrong]).await.unwrap_err();
        assert!(
            matches!(&error, ChangeError::Wrong(errors) if errors[0].key == key),
            "{error}"
        );
    }

    assert_eq!(appliance.versions().len(), 1);
    assert_eq!(appliance.settings().local().to_text(), "");
    appliance.stop().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_kept_does_not_apply() {
    let state = tempfile::tempdir().unwrap();
    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    fs::write(state.path().join("config/unfinished"), "").unwrap();

    let outcome = appliance
        .change(Author::Web, &[change("audio.page.vol", "-6dB")])
        .await;

    assert!(matches!(outcome, Err(ChangeError::Store(_))));
    assert_eq!(appliance.settings().value("audio.page.vol"), "0dB");
    appliance.stop().await;
}

#[tokio::test]
async fn what_changes_nothing_makes_no_version() {
    let state = tempfile::tempdir().unwrap();
    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    let louder = [change("audio.page.vol", "-6dB")];
    let first = appliance.change(Author::Api, &louder).await.unwrap();

    let second = appliance.change(Author::Web, &louder).await.unwrap();

    assert_eq!((second.version, second.keys), (first.version, Vec::new()));
    assert_eq!(appliance.versions().len(), 2);
    appliance.stop().await;
}

#[tokio::test]
async fn an_earlier_version_comes_back() {
    let state = tempfile::tempdir().unwrap();
    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    for volume in ["-6dB", "-9dB"] {
        appliance
            .change(Author::Api, &[change("audio.page.vol", volume)])
            .await
            .unwrap();
    }

    appliance.roll_back(2).await.unwrap();

    assert_eq!(appliance.settings().value("audio.page.vol"), "-6dB");
    let last = appliance.versions().last().cloned().unwrap();
    assert_eq!((last.number, last.author), (4, Author::RollBack { to: 2 }));
    assert!(matches!(
        appliance.roll_back(9).await,
        Err(ChangeError::NoVersion(9))
    ));
    appliance.stop().await;
}

#[tokio::test]
async fn a_file_is_laid_under_what_was_set_on_the_device() {
    let state = tempfile::tempdir().unwrap();
    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    appliance
        .change(Author::Web, &[change("audio.page.vol", "-6dB")])
        .await
        .unwrap();
    appliance.stop().await;

    let file = format!("{NULL_SINK}audio.page.vol = -12dB\nphone.timeout.inbound = 60\n");
    let appliance = started(state.path(), Some(&file)).await.unwrap();

    let settings = appliance.settings();
    assert_eq!(settings.value("audio.page.vol"), "-6dB");
    assert_eq!(settings.value("phone.timeout.inbound"), "60");
    appliance.stop().await;
}

#[tokio::test]
async fn a_file_that_contradicts_what_was_set_on_the_device_leaves_it_as_it_was() {
    let state = tempfile::tempdir().unwrap();
    let with_backup = format!("{NULL_SINK}sip.bkproxy1 = b.example\n");
    let appliance = started(state.path(), Some(&with_backup)).await.unwrap();
    let redundant = [change("sip.ssr.use", "1")];
    appliance.change(Author::Web, &redundant).await.unwrap();
    appliance.stop().await;

    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    assert_eq!(appliance.settings().value("sip.bkproxy1"), "b.example");
    let taken_back = SettingChange {
        key: "sip.ssr.use".to_owned(),
        value: None,
    };
    appliance.change(Author::Web, &[taken_back]).await.unwrap();
    appliance.stop().await;

    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    assert_eq!(appliance.settings().value("sip.bkproxy1"), "");
    appliance.stop().await;
}

#[tokio::test]
async fn a_file_that_is_wrong_by_itself_starts_nothing() {
    let state = tempfile::tempdir().unwrap();
    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    appliance.stop().await;

    let outcome = started(state.path(), Some("sip.ssr.use = 1\n")).await;

    assert!(matches!(outcome, Err(ApplianceError::Configuration(_))));
}

async fn shown_slots(appliance: &Appliance) -> Vec<String> {
    let status = appliance.status().await.unwrap();
    status.slots.iter().map(|slot| slot.slot.to_string()).collect()
}

#[tokio::test]
async fn a_sound_is_started_and_one_that_cannot_be_is_refused_with_the_reason() {
    let state = tempfile::tempdir().unwrap();
    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    let tone = appliance.sound_file("gong.wav").await.unwrap();
    let start = |tone| SoundOrder::StartTone {
        tone,
        rounds: Rounds::Endless,
        class: ToneClass::Page,
        zone: None,
    };

    appliance.order(start(tone)).await.unwrap();

    let sounding = appliance.status().await.unwrap().sounding.unwrap();
    assert_eq!(sounding.tone.as_deref(), Some("gong.wav"));
    let missing = SoundOrder::StartAnnouncement {
        number: 11,
        is_drill: false,
    };
    assert!(matches!(
        appliance.order(missing).await,
        Err(OrderError::Refused(_))
    ));
    appliance
        .order(SoundOrder::StopTone { name: None })
        .await
        .unwrap();
    assert_eq!(appliance.status().await.unwrap().sounding, None);
    let ended = appliance.clone();
    appliance.stop().await;
    assert_eq!(ended.order(SoundOrder::StopAlerts).await, Err(OrderError::Ended));
}

#[tokio::test]
async fn w04_a_sound_file_lies_in_the_folder_and_nowhere_else() {
    let state = tempfile::tempdir().unwrap();
    let appliance = started(state.path(), Some(NULL_SINK)).await.unwrap();
    fs::create_dir_all(appliance.tones().join("sub")).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    for place in ["bell.wav", "../outside.wav", "sub/below.wav"] {
        let mut writer = hound::WavWriter::create(appliance.tones().join(place), spec).unwrap();
        writer.write_sample(1_i16).unwrap();
        writer.finalize().unwrap();
    }
    let absolute = state.path().join("outside.wav");

    assert!(appliance.sound_file("bell.wav").await.is_some());
    for wrong in [
        "../outside.wav",
        "sub/below.wav",
        absolute.to_str().unwrap(),
        "bell.wav\0",
        "none.wav",
        "None",
        "",
    ] {
        assert!(appliance.sound_file(wrong).await.is_none(), "{wrong:?}");
    }
    appliance.stop().await;
}
