//! Who exists in a benchmark, and how the servers know.

use std::fmt::Write as _;

use fleet::registrant::Registrant;

/// The SIP domain.
pub(crate) const DOMAIN: &str = "fleet.invalid";
/// The realm of the digest.
pub(crate) const REALM: &str = "fleet";
/// A user's password is this and the user's name.
pub(crate) const PASSWORD_PREFIX: &str = "secret-";
/// The user who talks.
pub(crate) const TALKER: &str = "talker";

/// Users numbered from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Population {
    /// How many.
    pub(crate) count: usize,
}

impl Population {
    /// The name of a user.
    pub(crate) fn user(number: usize) -> String {
        format!("u{number:05}")
    }

    /// All users, ready to register.
    pub(crate) fn registrants(self) -> impl Iterator<Item = Registrant> {
        (0..self.count).map(|number| {
            let user = Self::user(number);
            Registrant::new(DOMAIN, &user, &password(&user))
        })
    }

    /// The directory file of a zone: all users as phones.
    pub(crate) fn phones(self) -> String {
        let mut text = head();
        for number in 0..self.count {
            push_user(&mut text, "phone", &Self::user(number), "");
        }
        text
    }

    /// The directory file of a zone: all users as loudspeakers, a page group of the first of them for each of `sizes`, and a
    /// talker who may page them.
    pub(crate) fn loudspeakers(self, sizes: &[usize]) -> String {
        let mut text = head();
        push_user(&mut text, "phone", TALKER, "");
        for number in 0..self.count {
            push_user(&mut text, "device", &Self::user(number), "kind = \"page\"\n");
        }
        for size in sizes {
            let members: Vec<String> = (0..*size)
                .map(|number| format!("\"{}\"", Self::user(number)))
                .collect();
            push(
                &mut text,
                format_args!(
                    "[[page-group]]\nextension = \"{}\"\nmembers = [{}]\n",
                    extension(*size),
                    members.join(", ")
                ),
            );
        }
        push(
            &mut text,
            format_args!("[[permission]]\nwho = \"{TALKER}\"\nmay = \"page\"\nwhat = \"*\"\n"),
        );
        text
    }
}

/// The extension that pages this many loudspeakers.
pub(crate) fn extension(size: usize) -> String {
    format!("7{size:05}")
}

/// The password of a user.
pub(crate) fn password(user: &str) -> String {
    format!("{PASSWORD_PREFIX}{user}")
}

fn head() -> String {
    format!("account = \"fleet\"\nrealm = \"{REALM}\"\ndomain = \"{DOMAIN}\"\nalgorithm = \"md5\"\n")
}

fn push_user(text: &mut String, section: &str, user: &str, more: &str) {
    let password = password(user);
    push(
        text,
        format_args!(
            "[[{section}]]\nuser = \"{user}\"\npassword = \"{password}\"\nalgorithm = \"md5\"\n{more}"
        ),
    );
}

fn push(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _is_written = text.write_fmt(words).is_ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_takes_the_directory_of_loudspeakers() {
        let text = Population { count: 20 }.loudspeakers(&[10, 20]);
        let snapshot = model::directory_file::parse("directory", &text).unwrap();
        assert_eq!(snapshot.users.len(), 21);
        assert_eq!(snapshot.extensions.len(), 2);
        assert_eq!(snapshot.permissions.len(), 1);
    }

    #[test]
    fn a_zone_takes_the_directory_of_phones() {
        let text = Population { count: 20 }.phones();
        let snapshot = model::directory_file::parse("directory", &text).unwrap();
        assert_eq!((snapshot.users.len(), snapshot.realm.as_str()), (20, REALM));
    }
}
