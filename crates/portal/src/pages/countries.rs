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

/// The country of a name or of two letters, in any case. Letters from X on are nobody's in ISO 3166-1, for others to use.
pub(super) fn read(text: &str) -> Result<CountryCode, &'static str> {
    let text = text.trim();
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
                assert_eq!(read(&text), Ok(country), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_country_is_refused_and_letters_that_are_left_to_others_are_taken() {
        for text in ["", "UK", "Vancouver", "C", "CAN", "X", "XYZ"] {
            assert_eq!(read(text), Err(RIGHT), "{text}");
        }
        let others = read("xk").unwrap();
        assert_eq!(name_of(others), "XK");
    }
}
