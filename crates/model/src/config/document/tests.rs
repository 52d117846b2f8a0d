use super::*;

const FILE: &str = "\
# lobby speaker\r\n\
admin.devname = lobby-$MAC$\r\n\
\r\n\
sip.proxy=pbx.example.net:5061 \r\n\
  sip.transp\t=  TLS\r\n\
sip.u1.pwd = a=b # c\r\n\
audio.page.vol = -12dB";

#[test]
fn an_export_equals_the_import_byte_for_byte() {
    for text in [
        FILE,
        "",
        "\n\n",
        "#",
        "a = 1\n# x\r\nb=2",
        "\u{feff}sip.transp = tls\n",
    ] {
        assert_eq!(Document::parse(text).unwrap().to_text(), text);
    }
}

#[test]
fn values_are_read_without_the_spaces_around_them_and_with_what_looks_like_a_comment() {
    let document = Document::parse(FILE).unwrap();

    assert_eq!(document.value("sip.proxy"), Some("pbx.example.net:5061"));
    assert_eq!(document.value("sip.transp"), Some("TLS"));
    assert_eq!(document.value("sip.u1.pwd"), Some("a=b # c"));
    assert_eq!(document.value("sip.u1.user"), None);
}

#[test]
fn the_mark_of_the_encoding_does_not_hide_the_first_key() {
    let document = Document::parse("\u{feff}sip.transp = tls\n").unwrap();

    assert_eq!(document.value("sip.transp"), Some("tls"));
}

#[test]
fn setting_a_key_changes_its_value_and_nothing_else() {
    let mut document = Document::parse(FILE).unwrap();

    document.set("sip.proxy", "other.example.net").unwrap();
    document.set("sip.transp", "tcp").unwrap();
    document.set("audio.page.vol", "").unwrap();

    let expected = FILE
        .replace("pbx.example.net:5061", "other.example.net")
        .replace("TLS", "tcp")
        .replace("-12dB", "");
    assert_eq!(document.to_text(), expected);
    assert_eq!(document.value("audio.page.vol"), None);
    document.set("audio.page.vol", "-3dB").unwrap();
    assert_eq!(document.value("audio.page.vol"), Some("-3dB"));
}

#[test]
fn a_key_that_was_not_there_is_appended_in_the_style_of_the_file() {
    let mut document = Document::parse(FILE).unwrap();

    document.set("sip.u1.user", "7001").unwrap();

    assert_eq!(document.to_text(), format!("{FILE}\r\nsip.u1.user = 7001\r\n"));
    assert_eq!(document.value("sip.u1.user"), Some("7001"));
    assert_eq!(document.line_of("sip.u1.user"), Some(8));
}

#[test]
fn removing_a_key_removes_its_line_and_later_keys_are_still_found() {
    let mut document = Document::parse(FILE).unwrap();

    document.remove("sip.proxy");
    document.remove("sip.proxy");

    assert_eq!(
        document.to_text(),
        FILE.replace("sip.proxy=pbx.example.net:5061 \r\n", "")
    );
    assert_eq!(document.value("admin.devname"), Some("lobby-$MAC$"));
    assert_eq!(document.value("sip.transp"), Some("TLS"));
    assert_eq!(document.value("audio.page.vol"), Some("-12dB"));
    assert_eq!(document.line_of("audio.page.vol"), Some(6));
}

#[test]
fn a_key_without_effect_is_listed_where_it_asks_for_something_else_than_what_is_done() {
    let document = Document::parse(
        "sip.interop.cuser = 0\nsip.interop.cport = 1\naudio.codec.g722 = 0\nsip.ssr.chkact = 1\n\
         sip.ssr.method = 0\nsip.interop.checksync =\nsip.transp = tls\nio.relayout.events = Page,door, strobe\n",
    )
    .unwrap();

    let idle: Vec<_> = document
        .idle_keys()
        .into_iter()
        .map(|idle| (idle.line, idle.key, idle.words.join(" ")))
        .collect();

    let listed = [
        (1, "sip.interop.cuser", ""),
        (4, "sip.ssr.chkact", ""),
        (8, "io.relayout.events", "door strobe"),
    ];
    assert_eq!(
        idle,
        listed.map(|(line, key, words)| (line, key.to_owned(), words.to_owned()))
    );
}

#[test]
fn unknown_keys_are_kept_and_listed_with_what_they_may_have_meant() {
    let document = Document::parse("iot.use = 1\nsip.transport = tls\nsip.proxi = a\n").unwrap();

    let unknown = document.unknown_keys();

    let listed: Vec<_> = unknown
        .iter()
        .map(|key| (key.line, key.key.as_str(), key.suggestion.as_deref()))
        .collect();
    assert_eq!(
        listed,
        [
            (1, "iot.use", None),
            (2, "sip.transport", Some("sip.transp")),
            (3, "sip.proxi", Some("sip.proxy"))
        ]
    );
    assert_eq!(document.value("iot.use"), Some("1"));
}

#[test]
fn every_wrong_line_is_named_with_what_would_be_right() {
    let errors = Document::parse(
        "sip.transp = sctp\nno equals sign\nsip.regexp = 29\n = x\nsip.proxy = a\nsip.proxy = b\nx y = 1\n",
    )
    .unwrap_err();

    let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "line 1: sip.transp: \"sctp\" is wrong; one of auto, udp, tcp, tls would be right",
            "line 2: the line has no =; key = value, or # in the first column for a comment would be right",
            "line 3: sip.regexp: \"29\" is wrong; a whole number of seconds from 30 to 86400 would be right",
            "line 4: what stands before the = is no key; 1 to 64 letters, digits, dots, dashes, slashes or \
             underscores would be right",
            "line 6: sip.proxy: the key stands on line 5 too; one line for each key would be right",
            "line 7: what stands before the = is no key; 1 to 64 letters, digits, dots, dashes, slashes or \
             underscores would be right",
        ]
    );
}

#[test]
fn a_refused_password_is_not_repeated() {
    let password = "hunter2".repeat(40);

    let errors = Document::parse(&format!("sip.u1.pwd = {password}\n")).unwrap_err();

    assert!(!errors[0].to_string().contains("hunter2"), "{}", errors[0]);
}

#[test]
fn a_refused_value_leaves_the_document_as_it_was() {
    let mut document = Document::parse(FILE).unwrap();

    assert!(document.set("sip.transp", "sctp").is_err());
    assert!(document.set("sip.u1.dname", "two\nlines").is_err());
    assert!(document.set("unknown.key", " padded").is_err());
    assert!(document.set("no key", "x").is_err());

    assert_eq!(document.to_text(), FILE);
}

#[test]
fn the_sizes_of_file_lines_and_values_are_limited() {
    let comment = |length: usize| format!("#{}", "x".repeat(length - 1));
    assert!(Document::parse(&comment(DOCUMENT_LENGTH_MAX)).is_ok());
    assert!(Document::parse(&comment(DOCUMENT_LENGTH_MAX + 1)).is_err());

    assert!(Document::parse(&"#\n".repeat(LINES_MAX)).is_ok());
    assert!(Document::parse(&"#\n".repeat(LINES_MAX + 1)).is_err());
    assert!(
        Document::parse(&"#\n".repeat(LINES_MAX))
            .unwrap()
            .set("a", "1")
            .is_err()
    );

    assert!(Document::parse(&format!("a = {}", "x".repeat(VALUE_LENGTH_MAX))).is_ok());
    assert!(Document::parse(&format!("a = {}", "x".repeat(VALUE_LENGTH_MAX + 1))).is_err());

    assert!(Document::parse(&format!("{} = 1", "k".repeat(KEY_LENGTH_MAX))).is_ok());
    assert!(Document::parse(&format!("{} = 1", "k".repeat(KEY_LENGTH_MAX + 1))).is_err());
}

#[test]
fn debug_output_shows_no_value() {
    let document = Document::parse(FILE).unwrap();

    assert_eq!(format!("{document:?}"), "Document(7 lines, 5 keys)");
}

proptest::proptest! {
    /// Lines as people and machines write them, good and bad, in any mixture.
    #[test]
    fn whatever_is_accepted_is_exported_as_it_was_and_a_set_changes_one_line(
        lines in proptest::collection::vec(
            "(# [ -~]{0,8}|[a-c]{1,2}[ \t]{0,2}=[ \t]{0,2}[ -~é]{0,6}|sip\\.transp ?= ?(tls|udp|sctp)|[ \t]{0,3}|[=#é]{0,3})(\r\n|\n)",
            0..12,
        ),
        last in "(# end|z = [0-9]{0,3})?",
        value in "[!-~]{0,6}",
    ) {
        let text = lines.concat() + &last;
        let Ok(mut document) = Document::parse(&text) else { return Ok(()) };
        proptest::prop_assert_eq!(&document.to_text(), &text);

        document.set("a", &value).unwrap();

        proptest::prop_assert_eq!(document.value("a").unwrap_or_default(), value.as_str());
        let after = document.to_text();
        let reread = Document::parse(&after).unwrap();
        proptest::prop_assert_eq!(reread.value("a").unwrap_or_default(), value.as_str());
        let changed = text.lines().zip(after.lines()).filter(|(before, after)| before != after).count();
        proptest::prop_assert!(changed <= 1, "{text:?} became {after:?}");
    }
}
