//! The countries that are offered, by name.

use std::sync::LazyLock;

use model::inventory::countries;

pub(super) use model::inventory::countries::{name_of, read};

static COUNTRIES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| countries::names().collect());

/// Name and letters of each country.
pub(super) fn offered() -> &'static [(&'static str, &'static str)] {
    &COUNTRIES
}
