use std::collections::BTreeSet;

use super::*;

#[test]
fn every_default_is_a_right_value() {
    for spec in KEYS.iter().filter(|spec| !spec.default.is_empty()) {
        assert_eq!(spec.kind.check(spec.default), Ok(()), "{}", spec.pattern);
    }
    for spec in KEYS.iter().filter(|spec| !spec.defaults.is_empty()) {
        assert_eq!(
            spec.pattern.keys().count(),
            spec.defaults.len(),
            "{}",
            spec.pattern
        );
        for key in spec.pattern.keys() {
            assert_eq!(spec.kind.check(spec.default_of(&key)), Ok(()), "{key}");
        }
    }
}

#[test]
fn zones_have_the_addresses_of_the_hardware() {
    let address = |number: u8| {
        let key = format!("mcast.zone{number}");
        find(&key).map(|spec| spec.default_of(&key))
    };

    assert_eq!(address(9), Some("224.0.2.60:50000"));
    assert_eq!(address(8), Some("224.0.2.60:50001"));
    for number in 1..=6 {
        let expected = format!("224.0.2.60:{}", 50_001 + u32::from(number));
        assert_eq!(address(number), Some(expected.as_str()));
    }
    assert_eq!(address(7), Some("224.0.2.60:50008"));
    for number in 10..=50 {
        let expected = format!("224.0.2.{}:50000", 100 + number);
        assert_eq!(address(number), Some(expected.as_str()));
    }
}

#[test]
fn no_key_belongs_to_two_rows() {
    let keys: Vec<_> = KEYS.iter().flat_map(|spec| spec.pattern.keys()).collect();
    let distinct: BTreeSet<_> = keys.iter().collect();

    assert_eq!(distinct.len(), keys.len());
    for key in &keys {
        assert_eq!(
            KEYS.iter().filter(|spec| spec.pattern.matches(key)).count(),
            1,
            "{key}"
        );
    }
}

#[test]
fn a_pattern_takes_its_numbers_and_no_others() {
    let pattern = KeyPattern::each("sip.alert", 10, ".user");

    assert_eq!(pattern.to_string(), "sip.alert{1..10}.user");
    assert!(pattern.matches("sip.alert1.user") && pattern.matches("sip.alert10.user"));
    for key in [
        "sip.alert0.user",
        "sip.alert11.user",
        "sip.alert01.user",
        "sip.alert.user",
        "sip.alert+1.user",
    ] {
        assert!(!pattern.matches(key), "{key}");
    }
}

#[test]
fn every_password_is_secret_and_nothing_else_is() {
    for spec in KEYS {
        assert_eq!(
            spec.secret,
            ["pwd", ".code"]
                .iter()
                .any(|word| spec.pattern.to_string().contains(word))
                && !spec.pattern.to_string().contains(".codec"),
            "{}",
            spec.pattern
        );
    }
}

#[test]
fn our_own_keys_stand_apart() {
    for spec in KEYS {
        let is_own = spec.evidence == Evidence::Own;
        assert_eq!(
            is_own,
            spec.pattern.to_string().starts_with("oyez."),
            "{}",
            spec.pattern
        );
    }
}
