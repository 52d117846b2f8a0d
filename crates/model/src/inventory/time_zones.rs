//! The time zones that the tz database knows.

use super::TimeZone;
use crate::nearest::nearest;

/// A name a line.
const TABLE: &str = include_str!("../../data/time-zones.txt");

/// A text that names no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the time zone must have a name of the tz database, such as America/Vancouver{}",
    .near.map_or_else(String::new, |near| format!("; did you mean {near}?"))
)]
pub struct NoTimeZone {
    /// A name that was meant, perhaps.
    pub near: Option<&'static str>,
}

/// The time zone of a name, in any case. What is stored is taken as it stands there: an earlier program may have taken a name that the
/// database does not know, or one that is known elsewhere.
///
/// # Errors
///
/// Refuses every other text, with a name that is near to it.
pub fn read(text: &str, stored: Option<&TimeZone>) -> Result<TimeZone, NoTimeZone> {
    let text = text.trim();
    if let Some(stored) = stored.filter(|stored| stored.as_str().eq_ignore_ascii_case(text)) {
        return Ok(stored.clone());
    }
    let known = names().find(|name| name.eq_ignore_ascii_case(text));
    known
        .and_then(|name| TimeZone::new(name).ok())
        .ok_or_else(|| NoTimeZone { near: near(text) })
}

fn names() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#'))
}

/// The name with the same city, else one that takes few changes.
fn near(text: &str) -> Option<&'static str> {
    let text = text.replace(' ', "_");
    let city = city_of(&text);
    let of_city = names().find(|name| city_of(name).eq_ignore_ascii_case(city));
    of_city.or_else(|| nearest(&text, names()))
}

fn city_of(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, city)| city)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_is_read_by_its_name_in_any_case() {
        assert_eq!(names().count(), 597);
        assert!(names().is_sorted());
        for name in names() {
            for text in [name.to_owned(), format!(" {} ", name.to_lowercase())] {
                let zone = read(&text, None);
                assert_eq!(zone.as_ref().map(TimeZone::as_str), Ok(name), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_zone_is_refused_with_one_that_is_near() {
        for (text, near) in [
            ("Europe/Berln", Some("Europe/Berlin")),
            ("Europe/Belrin", Some("Europe/Berlin")),
            ("America/Paris", Some("Europe/Paris")),
            ("america/new york", Some("America/New_York")),
            ("tokyo", Some("Asia/Tokyo")),
            ("Nowhere in space", None),
            ("", None),
            ("# Names", None),
        ] {
            let error = read(text, None).unwrap_err();
            assert_eq!(error.near, near, "{text}");
        }
        assert_eq!(
            read("Europe/Berln", None).unwrap_err().to_string(),
            "the time zone must have a name of the tz database, such as America/Vancouver; did you mean Europe/Berlin?"
        );
    }

    #[test]
    fn what_is_stored_is_taken_though_the_database_does_not_know_it() {
        let stored = TimeZone::new("Europe/Berln").unwrap();
        assert_eq!(read(" Europe/Berln", Some(&stored)), Ok(stored.clone()));
        assert!(read("Europe/Berlnn", Some(&stored)).is_err());
    }
}
