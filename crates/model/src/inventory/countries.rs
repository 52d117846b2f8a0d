//! The countries that there are, by name and by two letters.

use super::CountryCode;

/// Two letters and name, a line each.
const TABLE: &str = include_str!("../../data/countries.tsv");

/// What is said of a text that names none.
pub const RIGHT: &str = "the country must have a name of the list, or two letters of ISO 3166-1, such as CA";

/// Name and letters of each country, by name.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| line.split_once('\t'));
    rows.map(|(code, name)| (name, code))
}

/// What people call a country; its letters where it is none of the table.
#[must_use]
pub fn name_of(country: CountryCode) -> String {
    let letters = country.to_string();
    let found = names().find(|(_, code)| *code == letters);
    found.map_or(letters, |(name, _)| name.to_owned())
}

/// The country of a name or of two letters, in any case. What is stored is taken as it stands there: an earlier program may have taken
/// letters that are none of the table. Of the letters that ISO 3166-1 leaves to others (AA, QM to QZ, XA to XZ, ZZ), those with an X in
/// front are taken.
///
/// # Errors
///
/// Refuses every other text, and says what would be [right](RIGHT).
pub fn read(text: &str, stored: Option<CountryCode>) -> Result<CountryCode, &'static str> {
    let text = text.trim();
    if let Some(stored) = stored.filter(|stored| stored.to_string().eq_ignore_ascii_case(text)) {
        return Ok(stored);
    }
    let by_letters = names().find(|(_, code)| code.eq_ignore_ascii_case(text));
    let found = by_letters.or_else(|| {
        let wanted = text.to_lowercase();
        names().find(|(name, _)| name.to_lowercase() == wanted)
    });
    let code = match found {
        Some((_, code)) => code,
        None if text.starts_with(['X', 'x']) => text,
        None => return Err(RIGHT),
    };
    CountryCode::new(code).map_err(|_| RIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_is_read_by_its_name_and_its_letters() {
        assert_eq!(names().count(), 249);
        for (name, code) in names() {
            let country = CountryCode::new(code).unwrap();
            assert_eq!(name_of(country), name);
            for text in [
                name.to_owned(),
                format!(" {} ", name.to_uppercase()),
                code.to_lowercase(),
            ] {
                assert_eq!(read(&text, None), Ok(country), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_country_is_refused_and_letters_that_are_left_to_others_are_taken() {
        for text in ["", "UK", "QQ", "ZZ", "Vancouver", "C", "CAN", "X", "XYZ"] {
            assert_eq!(read(text, None), Err(RIGHT), "{text}");
        }
        let others = read("xk", None).unwrap();
        assert_eq!(name_of(others), "XK");
    }

    #[test]
    fn what_is_stored_is_taken_though_it_is_no_country_of_the_table() {
        let stored = CountryCode::new("UK").unwrap();
        assert_eq!(read(&name_of(stored), Some(stored)), Ok(stored));
        assert_eq!(read("UX", Some(stored)), Err(RIGHT));
    }
}
