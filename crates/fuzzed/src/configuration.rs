//! Configuration files of an endpoint.

use model::config::{DOCUMENT_LENGTH_MAX, Document, EndpointConfig, KEYS, LINES_MAX};

/// Keys of one file that are set and removed: enough for every kind of line, and quick.
const KEYS_TRIED: usize = 3;

/// Reads a configuration, exports it, and sets and removes keys.
///
/// # Panics
/// If the export differs from the import, a file is refused without a reason, or a key that was set or removed reads
/// otherwise in the document or in its export.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(errors) => {
            let lines = text.split('\n').count();
            let is_of_the_file = |line: Option<usize>| line.is_none_or(|line| (1..=lines).contains(&line));
            assert!(!errors.is_empty() && errors.len() <= LINES_MAX + 1);
            assert!(
                errors.iter().all(|error| is_of_the_file(error.line)),
                "{errors:?}"
            );
            return;
        }
    };
    assert_eq!(document.to_text(), text);
    for unknown in document.unknown_keys() {
        assert_eq!(document.line_of(&unknown.key), Some(unknown.line));
    }
    match EndpointConfig::from_document(&document) {
        Ok(config) => assert_eq!(EndpointConfig::from_document(&document), Ok(config)),
        Err(errors) => assert!(!errors.is_empty()),
    }
    check_values(&document);
    check_setting(&document, "admin.devname", "lobby");
    check_setting(&document, "sip.proxy", "pbx.example.com:5061");
    if let Some((key, value)) = text.lines().next().and_then(|line| line.split_once('=')) {
        check_setting(&document, key.trim(), value);
    }
}

/// Setting a key to what it is changes nothing, and removing it leaves its default.
fn check_values(document: &Document) {
    let keys = KEYS.iter().flat_map(|spec| spec.pattern.keys());
    for key in keys
        .filter(|key| document.line_of(key).is_some())
        .take(KEYS_TRIED)
    {
        if let Some(value) = document.value(&key) {
            let mut same = document.clone();
            assert_eq!(same.set(&key, value), Ok(()));
            assert_eq!(same.to_text(), document.to_text());
        }
        let mut without = document.clone();
        without.remove(&key);
        assert_eq!(without.line_of(&key), None);
        let again = Document::parse(&without.to_text()).expect("a file without one of its lines can be read");
        assert_eq!(again.value(&key), None);
    }
}

fn check_setting(document: &Document, key: &str, value: &str) {
    let mut changed = document.clone();
    if changed.set(key, value).is_err() {
        assert_eq!(changed.to_text(), document.to_text());
        return;
    }
    assert_eq!(changed.value(key).unwrap_or_default(), value);
    let text = changed.to_text();
    if text.len() <= DOCUMENT_LENGTH_MAX {
        let again = Document::parse(&text).expect("a file with one more value can be read");
        assert_eq!(again.value(key), changed.value(key));
        assert_eq!(again.line_of(key), changed.line_of(key));
        assert_eq!(again.to_text(), text);
    }
}
