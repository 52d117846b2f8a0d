use model::inventory::import::{Column, RecordKind};

use super::*;

const HEAD: &str = "record,name,extension,mac\n";

fn told(text: &str) -> Vec<String> {
    match read(text.as_bytes()) {
        Ok(rows) => panic!("{text} was taken: {rows:?}"),
        Err(faults) => faults.kept.iter().map(ToString::to_string).collect(),
    }
}

fn said(row: &Row, column: Column) -> &str {
    row.cell(column).map_or("", |cell| cell.text.as_str())
}

#[test]
fn a_row_of_csv_says_what_it_is_in_any_order_of_columns_and_with_any_usual_separator() {
    for text in [
        "record,name,extension\nuser,\"Ann, \"\"A\"\"\",201\n",
        "\u{feff}Extension;Record;NAME\r\n\r\n201;User;\"Ann, \"\"A\"\"\"\r\n;;\r\n",
        "name\textension\trecord\n\"Ann, \"\"A\"\"\"\t201\tuser",
    ] {
        let rows = read(text.as_bytes()).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
        let [row] = &rows[..] else {
            panic!("{text}: {rows:?}");
        };
        assert_eq!(row.kind, RecordKind::User);
        assert_eq!(
            (said(row, Column::Name), said(row, Column::Extension)),
            ("Ann, \"A\"", "201")
        );
    }
}

#[test]
fn lines_of_csv_are_counted_as_an_editor_counts_them() {
    let text = "\n\nrecord,name\n\nuser,\"two\nlines\"\n\n\r\nuser,one\n";
    let lines: Vec<u64> = read(text.as_bytes())
        .unwrap()
        .iter()
        .map(|row| row.line)
        .collect();
    assert_eq!(lines, [5, 9]);
}

#[test]
fn lines_of_csv_are_counted_whatever_ends_them() {
    for end in ["\n", "\r\n", "\r"] {
        let text = [
            "record,name",
            "",
            "user,\"two",
            "lines\"",
            "",
            "",
            "user,one",
            "usr,three",
        ]
        .join(end);
        let faults = told(&text);
        assert!(
            faults.len() == 1 && faults[0].starts_with("line 8, record: \"usr\" is not known"),
            "{end:?}: {faults:?}"
        );
        let text = ["record;name", "user;\"Ann, Ben, Cas, Dee\"", ""].join(end);
        let rows = super::read(text.as_bytes()).unwrap_or_else(|faults| panic!("{end:?}: {faults:?}"));
        assert_eq!(said(&rows[0], Column::Name), "Ann, Ben, Cas, Dee");
        let mut text = ["record,name", "user,Ann", ""].join(end).into_bytes();
        text.extend(b"user,J\xfcrgen");
        let faults = read(&text).unwrap_err();
        assert_eq!(
            (faults.kept[0].line, faults.kept[0].column.as_str()),
            (3, "text"),
            "{end:?}"
        );
    }
}

#[test]
fn what_is_no_row_of_csv_is_told_with_its_line_and_column() {
    for (text, right) in [
        (
            "",
            "line 1, record: the file is empty; its first line names the columns: record, name",
        ),
        (
            "name,extension\n",
            "line 1, record: the first line needs this column",
        ),
        (
            "record,nam\n",
            "line 1, column 2: \"nam\" is not known; is it name?",
        ),
        ("record,name,Name\n", "line 1, name: stands there twice"),
        (
            "record,name\nuser,Ann,201\n",
            "line 2, row: the row has 3 cells and the first line 2",
        ),
        (
            "record,name\nuser\n",
            "line 2, row: the row has 1 cells and the first line 2",
        ),
        (
            "record,name\nusr,Ann\n",
            "line 2, record: \"usr\" is not known; is it user?",
        ),
        (
            "record,name\n,Ann\n",
            "line 2, record: \"\" is not known; write user, common_area, device, assignment",
        ),
        (
            "record,name,mac\nuser,Ann,0022EE0A0B0C\n",
            "line 2, mac: a user has no mac; leave it out",
        ),
    ] {
        let faults = told(text);
        assert!(
            faults.len() == 1 && faults[0].starts_with(right),
            "{right}: {faults:?}"
        );
    }
    let faults = read(b"record,name\nuser,J\xfcrgen\n").unwrap_err();
    assert!(
        faults.kept[0]
            .to_string()
            .starts_with("line 2, text: this is no UTF-8")
    );
}

#[test]
fn what_is_no_row_of_json_is_told_with_its_line_and_column() {
    for (text, right) in [
        (
            "{\n\"users\": [\n{\"name\": }\n]}",
            "line 3, character 10: this is no JSON: expected value",
        ),
        (
            "{\n\"user\": []}",
            "line 2, group: \"user\" is not known; is it users?",
        ),
        (
            "{\"users\": [],\n\"users\": []}",
            "line 2, users: stands there twice",
        ),
        ("{\"users\":\n{}}", "line 2, users: write a list in brackets"),
        (
            "{\"users\": [\n7]}",
            "line 2, users: write each of users as an object",
        ),
        (
            "{\"users\": [\n{\n\"nam\": \"Ann\"}]}",
            "line 3, field: \"nam\" is not known; is it name?",
        ),
        (
            "{\"users\": [\n{\"mac\": \"00\"}]}",
            "line 2, field: \"mac\" is not known",
        ),
        (
            "{\"users\": [{\"name\": \"A\",\n\"name\": \"B\"}]}",
            "line 2, name: stands there twice",
        ),
        (
            "{\"users\": [{\n\"name\":\n[1]}]}",
            "line 3, name: write a text in quotes",
        ),
    ] {
        let faults = told(text);
        assert!(
            faults.len() == 1 && faults[0].starts_with(right),
            "{right}: {faults:?}"
        );
    }
}

#[test]
fn what_is_no_json_is_told_with_its_line_whatever_lines_end_with_and_its_character() {
    for end in ["\n", "\r", "\r\n"] {
        for (lines, right) in [
            (
                ["{", "\"users\": [", "{\"name\": }", "]}"],
                "line 3, character 10: ",
            ),
            (
                ["{", "\"users\": [", "{\"näme\": }", "]}"],
                "line 3, character 10: ",
            ),
            (["{", "\"users\": [", "{}", "] \"\""], "line 4, character 3: "),
            (["{", "\"users\": [", "{}", "]"], "line 4, character "),
            (["{", "\"users\": [", "{}", ""], "line 4, character 1: "),
        ] {
            let faults = told(&lines.join(end));
            assert!(
                faults.len() == 1 && faults[0].starts_with(right),
                "{end:?}, {right}: {faults:?}"
            );
        }
    }
}

#[test]
fn a_field_of_json_may_be_a_number_and_what_is_null_is_not_stated() {
    let text = "{\"users\": [{\"extension\": 201, \"name\": \"A\\u006en\", \"site\": null}]}";
    let rows = read(text.as_bytes()).unwrap();
    assert_eq!(said(&rows[0], Column::Extension), "201");
    assert_eq!(said(&rows[0], Column::Name), "Ann");
    assert!(rows[0].cell(Column::Site).is_none());
}

#[test]
fn a_cell_has_so_many_octets_and_not_one_more() {
    let csv = |length: usize| format!("{HEAD}user,{},201,\n", "x".repeat(length));
    let json = |length: usize| format!("{{\"users\": [{{\"name\": \"{}\"}}]}}", "x".repeat(length));
    for text in [csv(CELL_LENGTH_MAX), json(CELL_LENGTH_MAX)] {
        assert!(read(text.as_bytes()).is_ok());
    }
    for text in [csv(CELL_LENGTH_MAX + 1), json(CELL_LENGTH_MAX + 1)] {
        assert!(told(&text)[0].contains(", name: a text has 1024 octets at most"));
    }
}

#[test]
fn a_file_has_so_many_rows_and_not_one_more() {
    let csv = |rows: usize| format!("record,name\n{}", "user,Ann\n".repeat(rows));
    assert_eq!(
        read(csv(ROWS_MAX).as_bytes()).map(|rows| rows.len()),
        Ok(ROWS_MAX)
    );
    assert_eq!(
        told(&csv(ROWS_MAX + 1)),
        ["line 100002, row: a file has 100000 rows at most; import it in parts"]
    );
    let json = |rows: usize| format!("{{\"users\": [{}{{}}]}}", "{},\n".repeat(rows - 1));
    assert_eq!(
        read(json(ROWS_MAX).as_bytes()).map(|rows| rows.len()),
        Ok(ROWS_MAX)
    );
    assert_eq!(told(&json(ROWS_MAX + 1)).len(), 1);
}

#[test]
fn a_file_has_so_many_octets_and_not_one_more() {
    let begin = "record,name\nuser,Ann\n";
    let longest = format!("{begin}{}", "\n".repeat(FILE_LENGTH_MAX - begin.len()));
    assert!(read(longest.as_bytes()).is_ok());
    let faults = told(&format!("{longest}\n"));
    assert!(faults[0].contains("16 MiB at most"), "{faults:?}");
}

#[test]
fn w01_what_a_spreadsheet_would_calculate_is_kept_from_it_and_read_back_as_it_was() {
    let texts = [
        "=1+1", "+49", "-7", "@sum", "'=x", "''=x", "'quoted", "plain", "a=b",
    ];
    let records: Vec<Record> = texts
        .iter()
        .map(|text| {
            (
                RecordKind::Device,
                vec![(Column::Description, (*text).to_owned())],
            )
        })
        .collect();
    let (mut writer, mut file) = CsvWriter::begin();
    file.extend(writer.rows(&records));

    let text = String::from_utf8(file.clone()).unwrap();
    for cell in text.split([',', '\n']) {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
    }
    let rows = read(&file).unwrap();
    let back: Vec<&str> = rows.iter().map(|row| said(row, Column::Description)).collect();
    assert_eq!(back, texts);
}

#[test]
fn what_is_written_is_read_back_and_an_empty_list_is_one() {
    let records = [
        (
            RecordKind::User,
            vec![
                (Column::Name, "Ann \"A\", B\u{fc}ro".to_owned()),
                (Column::Site, String::new()),
            ],
        ),
        (RecordKind::User, vec![(Column::Name, "Bob".to_owned())]),
        (RecordKind::Assignment, vec![(Column::Port, "7".to_owned())]),
    ];
    let (mut csv, mut csv_file) = CsvWriter::begin();
    let (mut json, mut json_file) = JsonWriter::begin();
    for record in records.chunks(2) {
        csv_file.extend(csv.rows(record));
        json_file.extend(json.rows(record));
    }
    json_file.extend(json.end());
    for file in [csv_file, json_file] {
        let rows = read(&file).unwrap();
        let kinds: Vec<RecordKind> = rows.iter().map(|row| row.kind).collect();
        assert_eq!(
            kinds,
            [RecordKind::User, RecordKind::User, RecordKind::Assignment]
        );
        assert_eq!(said(&rows[0], Column::Name), "Ann \"A\", Büro");
        assert_eq!(said(&rows[2], Column::Port), "7");
    }
    let (json, mut empty) = JsonWriter::begin();
    empty.extend(json.end());
    assert_eq!(read(&empty), Ok(Vec::new()));
}
