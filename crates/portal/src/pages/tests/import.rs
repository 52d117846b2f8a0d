//! Import, its dry run, and the export that it takes.

use model::inventory::{PageGroup, Pagers};
use tokio_stream::StreamExt as _;

use super::*;

const CSV: &[u8] = include_bytes!("../../../../../docs/import-example.csv");
const JSON: &[u8] = include_bytes!("../../../../../docs/import-example.json");

impl Visit {
    /// Sends a file; gives the path and the page of what it would change.
    pub(super) async fn dry_run(&self, name: &str, file: &[u8]) -> (String, Answer) {
        let answer = self.send_file("/import", name, file).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let path = answer.location().to_owned();
        let page = self.get(&path).await;
        (path, page)
    }

    /// Applies what was shown; gives the page when it is over.
    pub(super) async fn applied(&self, path: &str) -> Answer {
        let answer = self.post(&format!("{path}/apply"), "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        self.over(answer.location()).await
    }

    /// Waits until a work is over; gives its page.
    pub(super) async fn over(&self, work: &str) -> Answer {
        let mut told = self.stream(&format!("{work}/changes")).await;
        loop {
            told.next().await.unwrap().unwrap();
            let page = self.get(&format!("{work}/live")).await;
            if !page.text.contains("<progress") {
                return self.get(work).await;
            }
        }
    }

    /// What is there, in words.
    pub(super) async fn inventory(&self) -> String {
        self.get("/export.csv").await.text
    }
}

#[tokio::test]
async fn a_list_is_shown_then_applied_and_its_export_changes_nothing() {
    for (name, file) in [("example.csv", CSV), ("example.json", JSON)] {
        let visit = Visit::of(Role::Admin).await;
        let empty = visit.inventory().await;

        let (path, page) = visit.dry_run(name, file).await;
        assert!(page.text.contains("would add 13 and change 0"), "{}", page.text);
        assert!(
            page.text.contains("Hall speaker (00:22:EE:0A:0B:0C)"),
            "{}",
            page.text
        );
        assert_eq!(visit.inventory().await, empty, "a dry run changes nothing");

        let page = visit.applied(&path).await;
        assert!(page.text.contains("Devices added: 3"), "{}", page.text);
        assert_eq!(visit.audit().await, ["import"]);
        let detail = visit.last_detail().await;
        assert!(
            detail.contains("Devices added: 3")
                && detail.contains("; ")
                && detail.contains("Hall speaker (00:22:EE:0A:0B:0C), "),
            "{detail}"
        );
        assert!(visit.get("/devices").await.text.contains("Gate, east (702)"));
        let groups = visit.groups().await;
        let [group] = &groups[..] else {
            panic!("{groups:?}");
        };
        assert_eq!((group.extension.as_str(), group.members.len()), ("800", 2));
        assert!(matches!(&group.pagers, Pagers::Named(named) if named.len() == 1));
        assert_eq!(
            visit.get(&path).await.status,
            StatusCode::NOT_FOUND,
            "it was applied once"
        );

        for ending in ["csv", "json"] {
            let export = visit.get(&format!("/export.{ending}")).await;
            assert!(!export.text.contains("password"));
            let (_, page) = visit.dry_run(ending, export.text.as_bytes()).await;
            assert!(page.text.contains("changes nothing"), "{}", page.text);
        }
    }
}

#[tokio::test]
async fn of_a_file_with_a_bad_row_nothing_is_applied_and_the_row_is_named() {
    let visit = Visit::of(Role::Admin).await;
    let bad = String::from_utf8(CSV.to_vec())
        .unwrap()
        .replace("0022ee-0a0b0d", "0022ee-0a0b0");

    let (path, page) = visit.dry_run("bad.csv", bad.as_bytes()).await;

    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "3 places in it are wrong",
        "data-label=\"Line\">6</th>",
        "data-label=\"Column\">mac</td>",
        "12 hexadecimal digits",
        "there is no device 00:22:EE:0A:0B:0D",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    assert!(!page.text.contains("Apply"));
    let answer = visit.post(&format!("{path}/apply"), "").await;
    assert_eq!(answer.location(), path);
    assert!(!visit.inventory().await.contains("Hall"));
}

#[tokio::test]
async fn what_was_changed_since_the_dry_run_is_not_overwritten_unseen() {
    let visit = Visit::of(Role::Admin).await;
    let (path, _) = visit.dry_run("example.csv", CSV).await;
    visit.add_area(1, "Gallery", "701").await;

    let page = visit.applied(&path).await;

    assert!(
        page.text.contains("somebody has changed something"),
        "{}",
        page.text
    );
    assert!(!visit.inventory().await.contains("702"));
    let page = visit.get(&path).await;
    assert!(page.text.contains("as of now"), "{}", page.text);
    assert!(
        page.text.contains("<del>Gallery</del> → <ins>Hall</ins>"),
        "{}",
        page.text
    );
    visit.applied(&path).await;
    assert!(visit.inventory().await.contains("702"));
}

#[tokio::test]
async fn a_page_group_of_a_file_is_changed_and_what_the_file_does_not_name_stays() {
    let visit = Visit::of(Role::Admin).await;
    let (path, _) = visit.dry_run("example.csv", CSV).await;
    visit.applied(&path).await;
    let before = visit.groups().await.remove(0);
    let change = "record,name,extension,group,urgency,mac\npage_group,Every speaker,800,,priority,\ngroup_member,,702,800,,\n";

    let (path, page) = visit.dry_run("change.csv", change.as_bytes()).await;
    for text in [
        "would add 1 and change 1",
        "<del>All speakers</del> → <ins>Every speaker</ins>",
        "<del>normal</del> → <ins>priority</ins>",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let added = visit.get(&format!("{path}?show=added")).await;
    assert!(
        added.text.contains("Gate, east (702) in Every speaker (800)"),
        "{}",
        added.text
    );
    visit.applied(&path).await;

    let after = visit.groups().await.remove(0);
    assert_eq!((&after.id, after.name.as_str()), (&before.id, "Every speaker"));
    assert_eq!((after.members.len(), &after.pagers), (3, &before.pagers));
    let export = visit.get("/export.json").await;
    let (_, page) = visit.dry_run("again.json", export.text.as_bytes()).await;
    assert!(page.text.contains("changes nothing"), "{}", page.text);
}

#[tokio::test]
async fn a_slot_that_another_extension_gets_has_other_credentials() {
    let visit = Visit::of(Role::Admin).await;
    let (path, _) = visit.dry_run("example.csv", CSV).await;
    visit.applied(&path).await;
    let before = visit.lines().await;
    let swap = "record,mac,extension,slot,port\nassignment,0022EE0A0B0C,702,page,1\nassignment,0022EE0A0B0D,701,page,1\n";

    let (path, page) = visit.dry_run("swap.csv", swap.as_bytes()).await;
    assert!(
        page.text.contains("<del>701</del> → <ins>702</ins>"),
        "{}",
        page.text
    );
    visit.applied(&path).await;

    let after = visit.lines().await;
    assert_eq!(after.len(), before.len());
    let kept = after.iter().filter(|line| before.contains(line)).count();
    assert_eq!(kept, 1, "the phone keeps its own");
}

impl Visit {
    async fn groups(&self) -> Vec<PageGroup> {
        let mut reading = self.store.read().await.unwrap();
        reading.account(&one()).groups().await.unwrap()
    }

    async fn lines(&self) -> Vec<model::inventory::Line> {
        let mut reading = self.store.read().await.unwrap();
        reading.account(&one()).lines().await.unwrap()
    }
}

#[tokio::test]
async fn a_dry_run_is_its_sender_s_and_the_last_few_are_kept() {
    let mut visit = Visit::of(Role::Admin).await;
    let (path, _) = visit.dry_run("example.csv", CSV).await;
    let own = visit.cookie.clone();
    visit.cookie = visit.begin_session(Role::Owner).await;
    assert_eq!(visit.get(&path).await.status, StatusCode::NOT_FOUND);
    visit.cookie = own;
    for _ in 0..3 {
        visit.dry_run("example.csv", CSV).await;
    }
    assert_eq!(visit.get(&path).await.status, StatusCode::OK);
    visit.dry_run("example.csv", CSV).await;
    assert_eq!(visit.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn long_lists_are_shown_page_by_page() {
    let visit = Visit::of(Role::Admin).await;
    let mut file = "record,name,extension,country,time_zone\n".to_owned();
    for number in 0..101 {
        file.push_str(&format!("user,Person {number},{},CA,UTC\n", 2_000 + number));
    }
    let (path, page) = visit.dry_run("people.csv", file.as_bytes()).await;
    assert!(page.text.contains("1 to 50 of 101") && page.text.contains("Next page"));
    let last = visit.get(&format!("{path}?show=added&page=3")).await;
    assert!(last.text.contains("101 to 101 of 101") && !last.text.contains("Next page"));
    let past = visit.get(&format!("{path}?page=18446744073709551615")).await;
    assert!(past.text.contains("101 to 101 of 101"));
}

#[tokio::test]
async fn w02_a_file_that_no_page_of_the_session_sent_is_not_read() {
    let visit = Visit::of(Role::Admin).await;
    let foreign = |fields: &str| {
        let body = format!(
            "{fields}--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nrecord\r\n--edge--\r\n"
        );
        let request =
            Request::post("/import").header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge");
        visit.send(request, body)
    };
    let wrong = "--edge\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nguess\r\n";
    for fields in ["", wrong] {
        assert_eq!(foreign(fields).await.status, StatusCode::FORBIDDEN);
    }
    let none = visit.post("/import", "").await;
    assert!(none.status == StatusCode::UNPROCESSABLE_ENTITY && none.text.contains("Choose a file"));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_with_what_to_do() {
    let visit = Visit::of(Role::Admin).await;
    let large = vec![b'x'; crate::pages::import::UPLOAD_LENGTH_MAX];
    let answer = visit.send_file("/import", "large.csv", &large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text.contains("Divide it"), "{}", answer.text);
}

#[tokio::test]
async fn an_export_that_nobody_reads_gives_its_place_up_and_is_no_whole_file() {
    let visit = Visit::of(Role::Admin).await;
    let rows: Vec<Holder> = (10_000..15_000)
        .map(|number: u32| Holder {
            id: HolderId::from_random(number.into()),
            kind: HolderKind::User,
            name: DisplayName::new("Ann Example").unwrap(),
            extension: number.to_string().parse().unwrap(),
            package: "Standard".to_owned(),
            country: CountryCode::new("CA").unwrap(),
            time_zone: TimeZone::new("UTC").unwrap(),
            site: None,
        })
        .collect();
    let mut writing = visit.store.write().await.unwrap();
    let all: Vec<&Holder> = rows.iter().collect();
    writing.account(&one()).add_holders(&all).await.unwrap();
    writing.commit().await.unwrap();
    let mut unread = Vec::new();
    for _ in 0..FILES_MAX {
        unread.push(visit.stream("/export.json").await);
    }
    let refused = visit.get("/export.csv").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);

    tokio::time::pause();
    // In virtual time, which passes once every writer waits for its reader.
    tokio::time::sleep(std::time::Duration::from_secs(31)).await;
    tokio::time::resume();

    let read = visit.get("/export.json").await;
    assert!(read.text.ends_with("]\n}\n"), "{}", read.status);
    for mut export in unread {
        let mut is_cut_off = false;
        while let Some(part) = export.next().await {
            is_cut_off = part.is_err();
        }
        assert!(is_cut_off);
    }
}

/// Devices of the list that is imported, with two extensions each; `OYEZ_IMPORT_DEVICES=10000` takes as many as the goal has.
const DEVICES: u32 = 100;

/// So many devices with two extensions each, all of them in one page group.
fn long_list(devices: u32) -> String {
    let mut file = "record,name,extension,country,time_zone,mac,type,slot,port,group\n".to_owned();
    for number in 0..devices {
        let (page, ring) = (100_000 + 2 * number, 100_001 + 2 * number);
        let mac = format!("0200{number:08X}");
        file.push_str(&format!(
            "common_area,Room {page},{page},CA,UTC,,,,,\ncommon_area,Room {ring},{ring},CA,UTC,,,,,\n\
             device,Speaker {number},,,,{mac},oyez,,,\n\
             assignment,,{page},,,{mac},,page,1,\nassignment,,{ring},,,{mac},,ring,1,\n"
        ));
    }
    file.push_str("page_group,First rooms,800,,,,,,,\n");
    for number in 0..devices.min(1_000) {
        file.push_str(&format!("group_member,,{},,,,,,,800\n", 100_000 + 2 * number));
    }
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_imported_into_sqlite_with_progress() {
    import_a_long_list(Visit::of(Role::Admin).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_imported_into_postgresql_with_progress() {
    if let Some(visit) = Visit::on_postgres().await {
        import_a_long_list(visit).await;
    }
}

/// Imports it while others change something again and again, and sees that its export changes nothing.
async fn import_a_long_list(visit: Visit) {
    let devices = std::env::var("OYEZ_IMPORT_DEVICES").map_or(DEVICES, |devices| devices.parse().unwrap());
    let began = std::time::Instant::now();
    let (path, page) = visit.dry_run("many.csv", long_list(devices).as_bytes()).await;
    let added = 5 * devices + 1 + devices.min(1_000);
    assert!(page.text.contains(&format!("would add {added}")), "{}", page.text);
    let shown = began.elapsed();
    let store = Arc::clone(&visit.store);
    let (end, mut ended) = tokio::sync::oneshot::channel::<()>();
    let others = tokio::spawn(async move {
        let mut longest = std::time::Duration::ZERO;
        while ended.try_recv().is_err() {
            let asked = std::time::Instant::now();
            let writing = store.write().await.unwrap();
            longest = longest.max(asked.elapsed());
            writing.commit().await.unwrap();
            tokio::task::yield_now().await;
        }
        longest
    });
    let page = visit.applied(&path).await;
    end.send(()).unwrap();
    let waited = others.await.unwrap();
    let applied = began.elapsed();
    assert!(
        page.text.contains(&format!("Devices added: {devices}")),
        "{}",
        page.text
    );
    let mut reading = visit.store.read().await.unwrap();
    let directory = reading.account(&one()).directory().await.unwrap().unwrap();
    drop(reading);
    let mut known = model::directory::Directory::new(one());
    known
        .apply(model::directory::Update::Snapshot(directory))
        .unwrap();
    let export = visit.inventory().await;
    let (_, page) = visit.dry_run("again.csv", export.as_bytes()).await;
    assert!(page.text.contains("changes nothing"), "{}", page.text);
    eprintln!(
        "{devices} devices and {} extensions: dry run {:.1} s, with applying {:.1} s, with export and dry run of it {:.1} s; \
         others waited {:.2} s at most",
        2 * devices,
        shown.as_secs_f64(),
        applied.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        waited.as_secs_f64()
    );
}
