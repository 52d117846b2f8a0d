//! Templates: what is taken into one, who has it, and what a device would get.

use sqlx::{Connection as _, SqliteConnection};

use super::*;

/// Adds a template; gives its path.
async fn add_template(visit: &Visit, name: &str, content: &str) -> String {
    let answer = visit.post("/templates/add", &form(name, content)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    answer.location().trim_end_matches("/devices").to_owned()
}

fn form(name: &str, content: &str) -> String {
    let content = content
        .replace('=', "%3D")
        .replace('\n', "%0D%0A")
        .replace(' ', "+")
        .replace('#', "%23");
    format!("name={name}&description=&content={content}")
}

#[tokio::test]
async fn a_line_that_no_device_takes_is_named_with_what_would_be_right_and_what_was_typed_stays() {
    let visit = Visit::of(Role::Admin).await;
    assert!(
        visit
            .get("/templates")
            .await
            .text
            .contains("There is no template yet")
    );
    for (content, told) in [
        (
            "# x\naudio.page.vol = loud",
            "line 2: audio.page.vol: &#34;loud&#34; is wrong; ",
        ),
        ("louder", "line 1: the line has no ="),
        (
            "a = 1\nprov.server.static = https://evil.example",
            "line 2: prov.server.static: the service says where configuration",
        ),
        (
            "sip.u1.pwd = x",
            "line 1: sip.u1.pwd: extensions and their credentials are assigned in the portal",
        ),
        (
            "audio.page.volu = 0dB",
            "line 1: audio.page.volu means nothing to an Oyez endpoint, which knows audio.page.vol;",
        ),
    ] {
        let answer = visit.post("/templates/add", &form("Loud", content)).await;
        assert!(answer.marks("content", told), "{told}: {}", answer.text);
        assert!(answer.text.contains("value=\"Loud\""));
        let first = content.lines().next().unwrap();
        assert!(answer.text.contains(first), "what was typed stays");
    }
    let kept = format!("{}&unknown=keep", form("Loud", "only.hardware = 1"));
    assert_eq!(
        visit.post("/templates/add", &kept).await.status,
        StatusCode::SEE_OTHER
    );
    let taken = visit.post("/templates/add", &form("Loud", "")).await;
    assert!(taken.marks("name", "choose another name"), "{}", taken.text);
    assert_eq!(visit.audit().await, ["add template"]);
}

#[tokio::test]
async fn a_device_is_given_a_template_and_its_file_is_shown_without_passwords() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    let device = visit.add_device("0022EE0A0B0C", "oyez", hall.as_str()).await;
    let loud = add_template(&visit, "Loud", "# louder\naudio.page.vol = 0dB").await;
    let quiet = add_template(&visit, "Quiet", "audio.page.vol = -30dB").await;
    let id = |path: &str| path.trim_start_matches("/templates/").to_owned();
    let edit = format!("{device}/edit");
    let gone = visit
        .post(&edit, "name=Hall+speaker&description=&template=gone")
        .await;
    assert!(gone.marks("template", "choose another"), "{}", gone.text);

    let chosen = format!("name=Hall+speaker&description=&template={}", id(&loud));
    assert_eq!(visit.post(&edit, &chosen).await.path(), device);

    assert!(
        visit
            .get(&device)
            .await
            .text
            .contains(&format!("<a href=\"{loud}/devices\">Loud</a>"))
    );
    assert!(
        visit
            .get(&format!("{loud}/devices"))
            .await
            .text
            .contains("Hall speaker")
    );
    assert!(
        visit
            .get(&format!("{quiet}/devices"))
            .await
            .text
            .contains("No device has it yet")
    );
    let searched = visit.get(&format!("{quiet}/devices?q=hall")).await.text;
    let preview = format!("{device}/configuration?template={}", id(&quiet));
    assert!(searched.contains(&preview), "{searched}");
    let own = visit.get(&format!("{device}/configuration")).await.text;
    let password = {
        let mut reading = visit.store.read().await.unwrap();
        reading.account(&one()).lines().await.unwrap().remove(0).password
    };
    assert!(
        own.contains("# louder\naudio.page.vol = 0dB") && own.contains("sip.u1.pwd = ********"),
        "{own}"
    );
    assert!(!own.contains(password.reveal()) && own.contains("the file that the device fetches"));
    let other = visit.get(&preview).await.text;
    assert!(
        other.contains("audio.page.vol = -30dB") && !other.contains("0dB\naudio"),
        "{other}"
    );
    assert!(other.contains("nothing was changed") && !other.contains("would not take"));
    assert_eq!(visit.audit().await[0], "change device");
}

#[tokio::test]
async fn a_template_is_changed_and_removed_and_devices_that_have_it_are_told() {
    let mut visit = Visit::of(Role::Admin).await;
    let (resyncs, mut asked) = mpsc::channel(4);
    visit.give_resyncs(resyncs);
    let hall = visit.add_area(1, "Hall", "1001").await;
    let loud = add_template(&visit, "Loud", "audio.page.vol = 0dB").await;
    let form_of = |template: &str| {
        format!(
            "name=Hall+speaker&description=&mac=0022EE0A0B0C&type=oyez&model=oyez&assigned={hall}&template={}",
            template.trim_start_matches("/templates/")
        )
    };
    let device = visit
        .post("/devices/add", &form_of(&loud))
        .await
        .location()
        .to_owned();
    assert!(device.starts_with("/devices/"));
    let gate = visit.add_area(2, "Gate", "1002").await;
    let other = form_of(&loud)
        .replace("0B0C", "0B0D")
        .replace(hall.as_str(), gate.as_str());
    visit.post("/devices/add", &other).await;
    let before = visit.get(&loud).await.text;
    assert!(before.contains("audio.page.vol = 0dB</textarea>"), "{before}");

    let saved = visit.post(&loud, &form("Louder", "audio.page.vol = -3dB")).await;

    assert_eq!(saved.location(), format!("{loud}/devices"));
    for _ in 0..2 {
        assert_eq!(asked.recv().await.unwrap().users.len(), 1, "each by itself");
    }
    visit.post(&loud, &form("Loud", "audio.page.vol = -3dB")).await;
    assert!(asked.try_recv().is_err(), "another name is nothing to a device");
    let remove = format!("{loud}/remove");
    assert!(
        visit
            .get(&remove)
            .await
            .text
            .contains("the devices that have it: 2")
    );
    assert_eq!(visit.post(&remove, "").await.location(), "/templates");
    for _ in 0..2 {
        assert_eq!(asked.recv().await.unwrap().users.len(), 1);
    }
    let file = visit.get(&format!("{device}/configuration")).await.text;
    assert!(!file.contains("audio.page.vol"), "{file}");
    assert_eq!(visit.audit().await[..2], ["remove template", "change template"]);
}

#[tokio::test]
async fn a_device_whose_extensions_cannot_be_read_keeps_no_other_from_being_told() {
    for (damaged, told) in [(0, 1), (1, 0)] {
        let mut visit = Visit::of(Role::Admin).await;
        let loud = add_template(&visit, "Loud", "audio.page.vol = 0dB").await;
        for (number, mac) in [(1, "0022EE0A0B0C"), (2, "0022EE0A0B0D")] {
            let extension = (1_000 + number).to_string();
            let hall = visit
                .add_area(number, &format!("Hall {number}"), &extension)
                .await;
            let device = format!(
                "name=Hall+speaker&description=&mac={mac}&type=oyez&model=oyez&assigned={hall}&template={}",
                loud.trim_start_matches("/templates/")
            );
            let added = visit.post("/devices/add", &device).await;
            assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text);
        }
        let mut reading = visit.store.read().await.unwrap();
        let lines = reading.account(&one()).lines().await.unwrap();
        drop(reading);
        let database = visit._folder.path().join("service.db");
        let mut damaging = SqliteConnection::connect(database.to_str().unwrap())
            .await
            .unwrap();
        let damage = sqlx::query("UPDATE line SET algorithm = 'damaged' WHERE sip_user = $1");
        let damage = damage.bind(lines[damaged].user.to_string());
        damage.execute(&mut damaging).await.unwrap();
        let (resyncs, mut asked) = mpsc::channel(4);
        visit.give_resyncs(resyncs);

        let saved = visit.post(&loud, &form("Loud", "audio.page.vol = -3dB")).await;

        assert_eq!(saved.location(), format!("{loud}/devices"));
        assert_eq!(asked.recv().await.unwrap().users, [lines[told].user.clone()]);
    }
}

#[tokio::test]
async fn a_generic_device_has_neither_template_nor_file() {
    let visit = Visit::of(Role::Admin).await;
    let loud = add_template(&visit, "Loud", "audio.page.vol = 0dB").await;
    let phone = visit.add_device("0022EE0A0B0D", "other", "").await;
    let chosen = format!(
        "name=Phone&description=&template={}",
        loud.trim_start_matches("/templates/")
    );
    let refused = visit.post(&format!("{phone}/edit"), &chosen).await;
    assert!(
        refused.marks("template", "fetches no configuration"),
        "{}",
        refused.text
    );
    let file = visit.get(&format!("{phone}/configuration")).await;
    assert_eq!(file.status, StatusCode::CONFLICT);
}
