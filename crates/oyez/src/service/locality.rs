//! Where a machine is, as far as its settings say: the country and the time zone that a first start takes as defaults.

use std::fs;

use model::inventory::{CountryCode, HolderDefaults, TimeZone, countries, time_zones};

/// The link whose target names the time zone of the machine.
const LOCALTIME: &str = "/etc/localtime";
/// The folder of the tz database, as it stands in the targets of such links.
const ZONEINFO: &str = "zoneinfo/";
/// The clock of the world, which the tz database has under several names.
const WORLD: &str = "UTC";

/// The country of the locale that many systems come with, wherever they stand.
const COMES_WITH_SYSTEMS: &str = "US";
/// How time zones begin where that country may be meant.
const ITS_ZONES: [&str; 3] = ["America/", "Pacific/", "US/"];

/// What a machine says of itself.
#[derive(Clone, Copy, Debug, Default)]
struct Said<'s> {
    /// `TZ`.
    tz: Option<&'s str>,
    /// The target of [`LOCALTIME`].
    localtime: Option<&'s str>,
    /// `LC_ALL` and `LANG`, of which the first that names a country counts.
    locales: [Option<&'s str>; 2],
}

/// What this machine says.
pub(super) fn of_this_machine() -> HolderDefaults {
    let variable = |name| std::env::var(name).ok();
    let (tz, all, lang) = (variable("TZ"), variable("LC_ALL"), variable("LANG"));
    let localtime = fs::read_link(LOCALTIME).ok();
    defaults(Said {
        tz: tz.as_deref(),
        localtime: localtime.as_deref().and_then(|target| target.to_str()),
        locales: [all.as_deref(), lang.as_deref()],
    })
}

fn defaults(said: Said<'_>) -> HolderDefaults {
    let tz = said.tz.filter(|tz| !tz.is_empty());
    // `TZ` counts instead of the link, also where it is a rule and no name.
    let time_zone = match tz {
        Some(tz) => time_zone(tz.strip_prefix(':').unwrap_or(tz)),
        None => said
            .localtime
            .filter(|target| target.contains(ZONEINFO))
            .and_then(time_zone),
    };
    let country = said.locales.into_iter().flatten().find_map(country);
    HolderDefaults {
        country: country.filter(|country| is_meant(*country, time_zone.as_ref())),
        time_zone,
    }
}

/// Says whether a locale tells where the machine is, and not what its system came with.
fn is_meant(country: CountryCode, time_zone: Option<&TimeZone>) -> bool {
    let zone = time_zone.map_or("", TimeZone::as_str);
    country.to_string() != COMES_WITH_SYSTEMS || ITS_ZONES.iter().any(|begin| zone.starts_with(begin))
}

/// The country of a locale such as `en_CA.UTF-8`.
fn country(locale: &str) -> Option<CountryCode> {
    let (_, rest) = locale.split_once('_')?;
    let region = rest.split(['.', '@']).next()?;
    let country = CountryCode::new(region).ok()?;
    countries::read(&country.to_string(), None).ok()
}

/// The time zone of a name or of its file. A word without a region may be a rule, such as `CET-1CEST`.
fn time_zone(named: &str) -> Option<TimeZone> {
    let name = named.split_once(ZONEINFO).map_or(named, |(_, name)| name);
    let name = ["posix/", "right/"]
        .iter()
        .find_map(|folder| name.strip_prefix(folder))
        .unwrap_or(name);
    let name = name
        .strip_prefix("Etc/")
        .filter(|name| *name == WORLD)
        .unwrap_or(name);
    let is_name =
        name == WORLD || (name.contains('/') && name.starts_with(|first: char| first.is_ascii_uppercase()));
    time_zones::read(name, None).ok().filter(|_| is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_zone_is_that_of_the_variable_or_of_the_link() {
        for (tz, localtime, expected) in [
            (
                None,
                Some("/usr/share/zoneinfo/America/Vancouver"),
                "America/Vancouver",
            ),
            (
                None,
                Some("../usr/share/zoneinfo/posix/Asia/Kolkata"),
                "Asia/Kolkata",
            ),
            (
                None,
                Some("/usr/share/zoneinfo/America/Argentina/Ushuaia"),
                "America/Argentina/Ushuaia",
            ),
            (None, Some("/usr/share/zoneinfo/Etc/UTC"), "UTC"),
            (Some(""), Some("/usr/share/zoneinfo/UTC"), "UTC"),
            (
                Some("Europe/Berlin"),
                Some("/usr/share/zoneinfo/Etc/UTC"),
                "Europe/Berlin",
            ),
            (Some(":Europe/Berlin"), None, "Europe/Berlin"),
            (
                Some(":/usr/share/zoneinfo/right/Europe/Berlin"),
                None,
                "Europe/Berlin",
            ),
            (
                Some("CET-1CEST,M3.5.0,M10.5.0/3"),
                Some("/usr/share/zoneinfo/Europe/Berlin"),
                "",
            ),
            (Some("CET-1CEST"), None, ""),
            (Some("/etc/localtime"), None, ""),
            (Some("Europe/Berln"), None, ""),
            (None, Some("/etc/timezones/home"), ""),
            (None, None, ""),
        ] {
            let found = defaults(Said {
                tz,
                localtime,
                ..Said::default()
            })
            .time_zone;
            let found = found.as_ref().map_or("", TimeZone::as_str);
            assert_eq!(found, expected, "{tz:?} {localtime:?}");
        }
    }

    #[test]
    fn the_locale_that_systems_come_with_counts_where_the_time_zone_may_be_its_country_s() {
        for (locale, zone, expected) in [
            ("en_US.UTF-8", "America/Chicago", "US"),
            ("en_US.UTF-8", "Pacific/Honolulu", "US"),
            ("en_US.UTF-8", "US/Eastern", "US"),
            ("en_US.UTF-8", "Europe/Berlin", ""),
            ("en_US.UTF-8", "UTC", ""),
            ("en_US.UTF-8", "", ""),
            ("de_DE.UTF-8", "UTC", "DE"),
        ] {
            let found = defaults(Said {
                tz: Some(zone),
                locales: [None, Some(locale)],
                ..Said::default()
            });
            let found = found
                .country
                .map_or_else(String::new, |country| country.to_string());
            assert_eq!(found, expected, "{locale} {zone}");
        }
    }

    #[test]
    fn the_country_is_that_of_the_first_locale_that_names_one() {
        for (locales, expected) in [
            ([Some("de_AT.UTF-8"), Some("en_US.UTF-8")], "AT"),
            ([Some("C"), Some("en_CA")], "CA"),
            ([None, Some("ca_ES@valencia")], "ES"),
            ([None, Some("es_419.UTF-8")], ""),
            ([Some("POSIX"), Some("C.UTF-8")], ""),
            ([None, Some("en_UK.UTF-8")], ""),
            ([None, Some("de")], ""),
            ([None, Some("x_ÄÖ")], ""),
            ([None, None], ""),
        ] {
            let found = defaults(Said {
                locales,
                ..Said::default()
            })
            .country;
            let found = found.map_or_else(String::new, |country| country.to_string());
            assert_eq!(found, expected, "{locales:?}");
        }
    }
}
