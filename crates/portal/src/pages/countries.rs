//! The countries that are offered, by name.

use std::sync::LazyLock;

use model::inventory::CountryCode;

/// Two letters and name, a line each.
const TABLE: &str = include_str!("../../data/countries.tsv");

/// Each with its two letters.
static COUNTRIES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| line.split_once('\t'));
    rows.map(|(code, name)| (name, code)).collect()
});

/// What a field says of it.
pub(super) const RIGHT: &str =
    "the country must have a name of the list, or two letters of ISO 3166-1, such as CA";

/// Name and letters of each country.
pub(super) fn offered() -> &'static [(&'static str, &'static str)] {
    &COUNTRIES
}

/// What people call a country; its letters where it is none of the list.
pub(super) fn name_of(country: CountryCode) -> String {
    let letters = country.to_string();
    let found = COUNTRIES.iter().find(|(_, code)| *code == letters);
    found.map_or(letters, |(name, _)| (*name).to_owned())
}

/// The country of a name or of two letters, in any case. What is stored is taken as it stands there: an import or a locale may have told
/// letters that are none of the list. Of the letters that ISO 3166-1 leaves to others (AA, QM to QZ, XA to XZ, ZZ), those with an X in
/// front are taken.
pub(super) fn read(text: &str, stored: Option<CountryCode>) -> Result<CountryCode, &'static str> {
    let text = text.trim();
    if let Some(stored) = stored.filter(|stored| stored.to_string().eq_ignore_ascii_case(text)) {
        return Ok(stored);
    }
    let is_it = |(name, code): &&(&str, &str)| {
        code.eq_ignore_ascii_case(text) || name.to_lowercase() == text.to_lowercase()
    };
    let code = match COUNTRIES.iter().find(is_it) {
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
        assert_eq!(offered().len(), 249);
        for (name, code) in offered() {
            let country = CountryCode::new(code).unwrap();
            assert_eq!(name_of(country), *name);
            for text in [
                (*name).to_owned(),
                format!(" {} ", name.to_uppercase()),
                code.to_lowercase(),
            ] {
                assert_eq!(read(&text, None), Ok(country), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_country_is_refused_and_letters_that_are_left_to_others_are_taken() {
        for text in ["", "UK", "Vancouver", "C", "CAN", "X", "XYZ"] {
            assert_eq!(read(text, None), Err(RIGHT), "{text}");
        }
        let others = read("xk", None).unwrap();
        assert_eq!(name_of(others), "XK");
    }

    #[test]
    fn what_is_stored_is_taken_though_it_is_no_country_of_the_list() {
        let stored = CountryCode::new("UK").unwrap();
        assert_eq!(read(&name_of(stored), Some(stored)), Ok(stored));
        assert_eq!(read("UX", Some(stored)), Err(RIGHT));
    }
}
