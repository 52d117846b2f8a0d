//! Reports are searched, say when their pages were, and are taken along as files.

use serde_json::Value;

use super::*;

impl Visit {
    async fn keep(&self, made: Timestamp, report: &PageReport) {
        let mut writing = self.store.write().await.unwrap();
        let mut scope = writing.account(&one());
        scope.add_page_report(made, report).await.unwrap();
        writing.commit().await.unwrap();
    }
}

/// A page that began at eight, whose report was made eight seconds later.
fn told() -> (Timestamp, PageReport) {
    let report = PageReport {
        since_start_ms: Some(8_000),
        since_end_ms: Some(3_000),
        ..report()
    };
    (Timestamp(8 * 3_600_000 + 8_000), report)
}

#[tokio::test]
async fn reports_are_found_by_names_by_who_heard_and_by_day() {
    let visit = Visit::of(Role::Viewer).await;
    visit.add_group(&[]).await;
    let (made, report) = told();
    visit.keep(made, &report).await;
    let from_here = PageReport {
        page: "page2".parse().unwrap(),
        extension: "1901".parse().unwrap(),
        talker: "portal-1".parse().unwrap(),
        listeners: Vec::new(),
        ..report
    };
    visit.keep(Timestamp(made.0 + 86_400_000), &from_here).await;
    for (query, expected) in [
        ("", [true, true]),
        ("q=everyWHERE", [true, false]),
        ("q=190", [true, true]),
        ("q=1901", [false, true]),
        ("q=gate", [true, false]),
        ("q=the+portal", [false, true]),
        ("q=The", [false, true]),
        ("q=por", [false, true]),
        ("q=po", [false, false]),
        ("q=ortal", [false, false]),
        ("q=portals", [false, false]),
        ("q=-", [false, false]),
        ("q=nowhere", [false, false]),
        ("heard=some", [true, false]),
        ("heard=nobody", [false, true]),
        ("heard=everybody", [false, false]),
        ("heard=nonsense", [true, true]),
        ("day=1970-01-01", [true, false]),
        ("day=1970-01-02&q=&heard=nobody", [false, true]),
        ("day=1970-01-03", [false, false]),
    ] {
        let answer = visit.get(&format!("/reports?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        let has = ["/reports/1\"", "/reports/2\""].map(|path| answer.text.contains(path));
        assert_eq!(has, expected, "{query}: {}", answer.text);
    }
    let wrong = visit.get("/reports?day=1970-02-30").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong
            .text
            .contains("“1970-02-30” is no day; write it as 2026-08-31.")
    );
    let chosen = visit
        .get("/reports?q=1901&heard=nobody&day=1970-01-02")
        .await
        .text;
    let kept = "q=1901&amp;heard=nobody&amp;day=1970-01-02";
    for text in [
        "value=\"nobody\" selected",
        "value=\"1970-01-02\"",
        &format!("/reports/export.csv?{kept}\""),
    ] {
        assert!(chosen.contains(text), "{text}: {chosen}");
    }
}

#[tokio::test]
async fn the_names_of_all_rows_of_a_list_are_shown() {
    let visit = Visit::of(Role::Admin).await;
    for number in 0..51_u32 {
        let extension = (1_000 + number).to_string();
        visit
            .add_area(number.into(), &format!("Room {number}"), &extension)
            .await;
        let report = PageReport {
            page: format!("page{number}").parse().unwrap(),
            extension: extension.parse().unwrap(),
            ..report()
        };
        visit.keep(Timestamp(0), &report).await;
    }
    let first = visit.get("/reports").await.text;
    for number in 1..51 {
        let named = format!(">{} (now Room {number})<", 1_000 + number);
        assert!(first.contains(&named), "{named}: {first}");
    }
    let (before, _) = first.split_once("\">Next page").unwrap();
    let path = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
    let second = visit.get(&path).await.text;
    assert!(second.contains(">1000 (now Room 0)<") && !second.contains("Next page"));
}

#[tokio::test]
async fn a_report_says_when_its_page_started_and_ended() {
    let visit = Visit::of(Role::Viewer).await;
    let (made, report) = told();
    visit.keep(made, &report).await;
    let times = ["01 Jan 1970 08:00:00 UTC", "01 Jan 1970 08:00:05 UTC"];
    for path in ["/reports", "/reports/1"] {
        let page = visit.get(path).await.text;
        assert!(times.iter().all(|time| page.contains(time)), "{path}: {page}");
    }
    let silent = PageReport {
        page: "page2".parse().unwrap(),
        since_start_ms: None,
        since_end_ms: None,
        ..report
    };
    visit.keep(made, &silent).await;
    let page = visit.get("/reports/2").await.text;
    assert!(page.contains("not told by its zone") && page.contains("01 Jan 1970 08:00:08 UTC"));
}

#[tokio::test]
async fn w01_reports_are_exported_as_the_list_has_them_and_no_cell_is_a_formula() {
    let visit = Visit::of(Role::Viewer).await;
    visit.add_group(&[]).await;
    let (made, mut report) = told();
    report.listeners[0].name = "=1+1".to_owned();
    visit.keep(made, &report).await;
    let other = PageReport {
        page: "page2".parse().unwrap(),
        extension: "1901".parse().unwrap(),
        listeners: Vec::new(),
        ..report
    };
    visit.keep(made, &other).await;

    let list = visit.get("/reports/export.csv?q=everywhere").await;
    let disposition = list.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
    assert_eq!(disposition, "attachment; filename=\"oyez-reports-one.csv\"");
    assert_eq!(
        list.text,
        "page,started_at,ended_at,extension,name,by,duration_ms,heard_by,listeners,heard,answered\n\
         page1,1970-01-01T08:00:00Z,1970-01-01T08:00:05Z,1900,Everywhere,desk,4200,some,3,1,1\n"
    );
    let json = visit.get("/reports/export.json").await.text;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (
            &json["pages"][0]["page"],
            &json["pages"][0]["name"],
            &json["pages"][1]["heard"]
        ),
        (&"page2".into(), &Value::Null, &1.into())
    );
    let one = visit.get("/reports/1/export.csv").await.text;
    let rows: Vec<&str> = one.lines().collect();
    assert_eq!(rows.len(), 4, "{one}");
    assert!(
        rows[1].contains(",'=1+1,,,missing,it refused with 486: an alert sounds,"),
        "{one}"
    );
    assert!(
        rows[2].ends_with(",Hall,,,heard,first sound after 80 ms; 4.1 s of it played,80,4100,4200,5,1,0")
    );
    let nobody = visit.get("/reports/2/export.csv").await.text;
    assert_eq!(nobody.lines().count(), 2, "{nobody}");
    let one: Value = serde_json::from_str(&visit.get("/reports/1/export.json").await.text).unwrap();
    assert_eq!(one["receipts"][0]["listener"], "=1+1");
    assert_eq!(one["ended_at"], "1970-01-01T08:00:05Z");
    for path in [
        "/reports/9/export.csv",
        "/reports/9/export.json",
        "/reports/x/export.csv",
    ] {
        assert_eq!(visit.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let wrong = visit.get("/reports/export.csv?day=tomorrow").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}
