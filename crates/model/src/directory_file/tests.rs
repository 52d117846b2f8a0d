//! Files as people write them, and as they get them wrong.

use std::fmt::Write;

use super::*;
use crate::directory::{
    Action, Applied, CredentialSecret, DigestAlgorithm, Directory, ExtensionRole, Subject, Update, Urgency,
    UserKind, Who,
};
use crate::{Secret, SlotKind};

const FILE: &str = r#"
account = "acme"
domain = "pbx.example.com"

[[phone]]
user = "desk"
password = "desk secret"
extension = "200"

[[device]]
user = "hall"
name = "Hall loudspeaker"
device = "mac-0022ee"
authorization-id = "8731"
password = "hall secret"
algorithm = "md5"
extension = "101"
kind = "ring"

[[page-group]]
extension = "700"
name = "All"
members = ["hall", "desk"]
urgency = "priority"

[[alert]]
extension = "911"
members = ["hall"]

[[drill]]
extension = "912"
members = ["hall"]

[[permission]]
who = ["desk", "hall"]
may = ["call", "page"]
what = "*"

[[permission]]
who = "desk"
may = "alert"
what = ["911", "912"]
pin = "4711"
"#;

#[test]
fn a_file_says_what_the_snapshot_says() {
    let snapshot = parse("d.toml", FILE).unwrap();

    assert_eq!(snapshot.account.as_str(), "acme");
    assert_eq!(
        (snapshot.realm.as_str(), snapshot.domain.as_str()),
        ("acme", "pbx.example.com")
    );
    assert_eq!(snapshot.default_algorithm, DigestAlgorithm::Sha256);
    let [desk, hall] = &snapshot.users[..] else {
        panic!("two users")
    };
    assert_eq!((desk.name.as_str(), &desk.kind), ("desk", &UserKind::Phone));
    assert_eq!(hall.name, "Hall loudspeaker");
    assert_eq!(hall.kind, UserKind::Device("mac-0022ee".parse().unwrap()));
    let [desk, hall] = &snapshot.credentials[..] else {
        panic!("two credentials")
    };
    assert_eq!(
        (desk.authorization_id.as_str(), desk.algorithm),
        ("desk", DigestAlgorithm::Sha256)
    );
    assert_eq!(
        (hall.authorization_id.as_str(), hall.algorithm),
        ("8731", DigestAlgorithm::Md5)
    );
    assert_eq!(
        hall.secret,
        CredentialSecret::Password(Secret::from("hall secret"))
    );
    let roles: Vec<_> = snapshot
        .extensions
        .iter()
        .map(|record| (record.extension.as_str(), &record.role))
        .collect();
    assert!(matches!(roles[0], ("200", ExtensionRole::Phone { .. })));
    assert!(matches!(
        roles[1],
        (
            "101",
            ExtensionRole::Slot {
                kind: SlotKind::Ring,
                ..
            }
        )
    ));
    assert!(
        matches!(roles[2], ("700", ExtensionRole::PageGroup { urgency: Urgency::Priority, members }) if members.len() == 2)
    );
    assert!(matches!(roles[3], ("911", ExtensionRole::Alert { .. })));
    assert!(matches!(roles[4], ("912", ExtensionRole::Drill { .. })));
    assert_eq!(snapshot.permissions.len(), 2 * 2 + 2);
    let last = &snapshot.permissions[5];
    assert_eq!(last.who, Who::User("desk".parse().unwrap()));
    assert_eq!(last.action, Action::Alert);
    assert_eq!(last.subject, Subject::Extension("912".parse().unwrap()));
    assert!(last.pin.as_ref().unwrap().matches("4711"));
}

#[test]
fn a_directory_takes_what_a_file_says() {
    let snapshot = parse("d.toml", FILE).unwrap();
    let mut directory = Directory::new(snapshot.account.clone());

    let applied = directory.apply(Update::Snapshot(snapshot));

    assert_eq!(applied, Ok(Applied::Done { revoked: vec![] }));
}

#[test]
fn errors_name_file_line_and_key_and_say_what_would_be_right() {
    refuse(
        "user = \"hall\"",
        "user = \"the hall\"",
        &[
            "d.toml:11: user: \"the hall\" is not a SIP user; 1 to 64 letters, digits or -_.!~*'()&=+$,;?/ would be right",
        ],
    );
    refuse(
        "extension = \"101\"",
        "extension = 101",
        &["d.toml:17: extension: the value is of type integer; a text in quotation marks would be right"],
    );
    refuse(
        "kind = \"ring\"",
        "knd = \"ring\"",
        &["d.toml:18: knd: unknown key; did you mean kind?"],
    );
    refuse(
        "kind = \"ring\"",
        "colour = \"red\"",
        &[
            "d.toml:18: colour: unknown key; known here are user, name, authorization-id, password, algorithm, \
           extension, device, kind",
        ],
    );
    refuse(
        "algorithm = \"md5\"",
        "algorithm = \"sha1\"",
        &["d.toml:16: algorithm: \"sha1\" is unknown; one of sha-256, md5 would be right"],
    );
    refuse(
        "account = \"acme\"\n",
        "\n",
        &["d.toml:1: account: missing; account = \"...\" is needed here"],
    );
    refuse(
        "domain = \"pbx.example.com\"",
        "domain = \"a b\"",
        &[
            "d.toml:3: domain: domain \"a b\" must be 1 to 253 visible ASCII characters other than \" and \\; \
           a name like pbx.example.com would be right",
        ],
    );
    refuse(
        "[[drill]]",
        "[[drills]]",
        &[
            "d.toml:30: drills: unknown key; did you mean drill?",
            "d.toml:42: what: there is no extension 912; did you mean 911?",
        ],
    );
    refuse(
        "what = [\"911\", \"912\"]",
        "what = [\"911\", \"9112\"]",
        &["d.toml:42: what: there is no extension 9112; did you mean 911?"],
    );
    refuse(
        "pin = \"4711\"",
        "pin = \"471x\"",
        &["d.toml:43: pin: not a PIN; 4 to 16 digits would be right"],
    );
    refuse(
        "who = \"desk\"",
        "who = \"desc\"",
        &["d.toml:40: who: there is no user desc; did you mean desk?"],
    );
}

#[test]
fn naming_what_was_refused_is_no_further_error() {
    refuse(
        "password = \"hall secret\"",
        "password = \"\"",
        &["d.toml:15: password: not a password; 1 to 128 bytes without control characters would be right"],
    );
}

#[test]
fn a_member_nobody_is_registered_as_is_refused() {
    refuse(
        "members = [\"hall\", \"desk\"]",
        "members = [\"hall\", \"yard\"]",
        &["d.toml:23: members: there is no user yard; the user of a [[phone]] or [[device]] would be right"],
    );
}

#[test]
fn duplicates_are_named_with_both_lines() {
    refuse(
        "user = \"hall\"",
        "user = \"desk\"",
        &["d.toml:11: user: user desk stands there twice; the other is on line 6; each may stand there once"],
    );
    refuse(
        "authorization-id = \"8731\"",
        "authorization-id = \"desk\"",
        &[
            "d.toml:14: authorization-id: credential desk (generation 1) stands there twice; the other is on line 6; \
         each may stand there once",
        ],
    );
    refuse(
        "extension = \"912\"",
        "extension = \"911\"",
        &[
            "d.toml:31: extension: extension 911 stands there twice; the other is on line 27; each may stand there once",
            "d.toml:42: what: there is no extension 912; did you mean 911?",
        ],
    );
}

#[test]
fn an_extension_that_answers_by_itself_and_a_phone_cannot_share_a_number() {
    refuse(
        "extension = \"912\"",
        "extension = \"200\"",
        &[
            "d.toml:31: extension: extension 200 answers by itself, so it cannot belong to a phone (desk); \
         the other is on line 8; each may stand there once",
            "d.toml:42: what: there is no extension 912; did you mean 911?",
        ],
    );
}

#[test]
fn a_member_named_twice_is_refused() {
    refuse(
        "members = [\"hall\", \"desk\"]",
        "members = [\"hall\", \"hall\"]",
        &[
            "d.toml:21: extension: extension 700 has the member hall twice; another number or another member would be right",
        ],
    );
}

#[test]
fn what_is_no_toml_is_named_with_its_line_and_without_its_text() {
    let errors = parse("d.toml", "account = \"acme\"\npassword = \"hunter2\nx = 1\n").unwrap_err();

    assert_eq!(errors[0].line, 2);
    assert!(
        errors.iter().all(|error| !error.to_string().contains("hunter2")),
        "{errors:?}"
    );
}

#[test]
fn passwords_and_pins_are_not_repeated_in_errors() {
    let long = "hunter2".repeat(20);
    let file = FILE.replace("desk secret", &long).replace("4711", "hunter2");

    let errors = parse("d.toml", &file).unwrap_err();

    assert!(errors.len() >= 2);
    assert!(
        errors.iter().all(|error| !error.to_string().contains("hunter2")),
        "{errors:?}"
    );
}

#[test]
fn passwords_and_pins_have_lengths() {
    let with_password = |length| parse("d.toml", &FILE.replace("desk secret", &"x".repeat(length)));
    assert!(with_password(128).is_ok());
    assert!(with_password(129).is_err());

    let with_pin = |length| parse("d.toml", &FILE.replace("4711", &"1".repeat(length)));
    assert!(with_pin(3).is_err() && with_pin(4).is_ok() && with_pin(16).is_ok() && with_pin(17).is_err());
}

#[test]
fn the_number_of_reported_errors_is_limited() {
    let mut file = FILE.to_owned();
    for _ in 0..=ERRORS_MAX {
        file.push_str("[[permission]]\nwho = \"*\"\nmay = \"sing\"\nwhat = \"*\"\n");
    }

    assert_eq!(parse("d.toml", &file).unwrap_err().len(), ERRORS_MAX);
}

#[test]
fn the_size_of_a_file_is_limited() {
    let padding = FILE_LENGTH_MAX - FILE.len() - 2;
    let full = format!("{FILE}#{}\n", "x".repeat(padding));
    assert_eq!(full.len(), FILE_LENGTH_MAX);

    assert!(parse("d.toml", &full).is_ok());
    assert!(parse("d.toml", &format!("{full}\n")).is_err());
}

#[test]
fn ten_thousand_devices_in_one_group_are_read() {
    let mut file = "account = \"acme\"\ndomain = \"example.com\"\n".to_owned();
    let mut members = Vec::new();
    for number in 0..10_000 {
        writeln!(
            file,
            "[[device]]\nuser = \"u{number}\"\npassword = \"p{number}\"\nextension = \"1{number:05}\""
        )
        .unwrap();
        members.push(format!("\"u{number}\""));
    }
    writeln!(
        file,
        "[[page-group]]\nextension = \"700\"\nmembers = [{}]",
        members.join(",")
    )
    .unwrap();

    let snapshot = parse("d.toml", &file).unwrap();

    assert_eq!(snapshot.users.len(), 10_000);
    assert_eq!(snapshot.extensions[10_000].role.users().len(), 10_000);
}

/// Reads the file with one text replaced. A renamed user is missed wherever it is named, which goes without saying.
fn refuse(right: &str, wrong: &str, expected: &[&str]) {
    assert!(FILE.contains(right), "{right}");

    let errors = parse("d.toml", &FILE.replacen(right, wrong, 1)).unwrap_err();

    let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages[..expected.len().min(messages.len())],
        *expected,
        "{messages:#?}"
    );
    let is_more_about_a_renamed_user =
        |message: &String| wrong.starts_with("user") && message.contains("no user hall");
    assert!(
        messages
            .iter()
            .skip(expected.len())
            .all(is_more_about_a_renamed_user),
        "{messages:#?}"
    );
}
