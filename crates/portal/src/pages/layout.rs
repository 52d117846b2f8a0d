//! What all pages have around them.

use std::time::{Duration, SystemTime};

use model::inventory::{Role, Timestamp};
pub(super) use web::page;

use super::gate::Visitor;

/// The frame of a page for somebody who has signed in.
pub(super) struct Frame {
    pub(super) title: String,
    /// The entry of the navigation under which the page is.
    pub(super) entry: &'static str,
    pub(super) email: String,
    pub(super) csrf: String,
    pub(super) may_change: bool,
    pub(super) navigation: Vec<&'static Branch>,
    /// Path and title of the pages beside this one, where there are some.
    pub(super) tabs: &'static [(&'static str, &'static str)],
}

/// A group of the navigation.
pub(super) struct Branch {
    pub(super) title: &'static str,
    /// The least role that it is shown to.
    least: Role,
    /// Path and title of what is in it.
    pub(super) entries: &'static [(&'static str, &'static str)],
}

pub(super) const USERS_AND_ROOMS: &str = "/common-areas";
pub(super) const PHONES_AND_DEVICES: &str = "/devices";
pub(super) const PAGE_GROUPS: &str = "/page-groups";
pub(super) const SITES: &str = "/sites";
pub(super) const TEMPLATES: &str = "/templates";
pub(super) const TALK: &str = "/talk";
pub(super) const ADMINISTRATORS: &str = "/administrators";
pub(super) const ZONES: &str = "/zones";
pub(super) const REPORTS: &str = "/reports";
pub(super) const AUDIT: &str = "/audit";
pub(super) const API_CLIENTS: &str = "/api-clients";
pub(super) const SECOND_FACTOR: &str = "/second-factor";
pub(super) const WEBHOOKS: &str = "/webhooks";
pub(super) const SETTINGS: &str = "/settings";
pub(super) const AUTHORITY: &str = "/authority";
pub(super) const DEVICE_PASSWORD: &str = "/device-password";
pub(super) const IMPORT: &str = "/import";
pub(super) const SIGN_OUT: &str = "/sign-out";

/// What everybody sets for themselves.
pub(super) const OWN_TABS: &[(&str, &str)] = &[("/password", "Password"), (SECOND_FACTOR, "Second factor")];

const NAVIGATION: &[Branch] = &[
    Branch {
        title: "Paging",
        least: Role::Operator,
        entries: &[(TALK, "Talk")],
    },
    Branch {
        title: "Phone System Management",
        least: Role::Viewer,
        entries: &[
            (USERS_AND_ROOMS, "Users & Rooms"),
            (PHONES_AND_DEVICES, "Phones & Devices"),
            (PAGE_GROUPS, "Page Groups"),
            (SITES, "Sites"),
            (TEMPLATES, "Templates"),
        ],
    },
    Branch {
        title: "Account Management",
        least: Role::Viewer,
        entries: &[
            (REPORTS, "Reports"),
            (ZONES, "Zones"),
            (AUDIT, "Audit"),
            (ADMINISTRATORS, "Administrators"),
        ],
    },
    Branch {
        title: "Settings",
        least: Role::Admin,
        entries: &[
            (SETTINGS, "Account Settings"),
            (API_CLIENTS, "API Clients"),
            (WEBHOOKS, "Webhooks"),
            (DEVICE_PASSWORD, "Device Password"),
            (IMPORT, "Import & Export"),
            (AUTHORITY, "Certificate"),
        ],
    },
];

impl Frame {
    pub(super) fn new(by: &Visitor, title: impl Into<String>, entry: &'static str) -> Self {
        let role = by.administrator.role;
        let branches = NAVIGATION.iter().filter(|branch| branch.least <= role);
        Self {
            title: title.into(),
            entry,
            email: by.administrator.email.clone(),
            csrf: by.form_token.clone(),
            may_change: by.may_change(),
            navigation: branches.collect(),
            tabs: &[],
        }
    }

    /// The frame with pages beside this one.
    pub(super) fn with_tabs(self, tabs: &'static [(&'static str, &'static str)]) -> Self {
        Self { tabs, ..self }
    }
}

/// A moment as it is shown: that of HTTP, without the day of the week, and with the name of its time zone that people know.
pub(crate) fn shown(moment: Timestamp) -> String {
    let since_1970 = Duration::from_millis(moment.0);
    let time = SystemTime::UNIX_EPOCH.checked_add(since_1970);
    let Some(time) = time.filter(|_| moment <= LAST_SHOWN) else {
        return "later".to_owned();
    };
    let date = httpdate::fmt_http_date(time);
    let date = date.split_once(", ").map_or(date.as_str(), |(_, date)| date);
    date.replace("GMT", "UTC")
}

/// The last moment of the year 9999, past which no date is written.
const LAST_SHOWN: Timestamp = Timestamp(253_402_300_799_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_as_a_date_up_to_the_last_one() {
        assert_eq!(shown(Timestamp(0)), "01 Jan 1970 00:00:00 UTC");
        assert_eq!(shown(LAST_SHOWN), "31 Dec 9999 23:59:59 UTC");
        assert_eq!(shown(LAST_SHOWN.after_seconds(1)), "later");
    }
}
