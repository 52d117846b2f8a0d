//! The device's own certificate, as it is shown.

use std::fmt;
use std::time::{Duration, SystemTime};

use device::appliance::OwnCertificate;
use net::authority::CertificateFacts;

use crate::moment::Moment;
use crate::site::Site;

/// An end that is nearer than this is told to be near, unless the certificate has not yet used up two thirds of its time.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What is shown of the certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ShownCertificate {
    /// There is none.
    NotInstalled,
    /// What is there cannot be shown to a server, and why.
    Unusable(String),
    /// There is one.
    Installed {
        subject: String,
        expiry: Moment,
        standing: Standing,
    },
}

/// How a certificate stands at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Valid,
    NotYetValid,
    ExpiresSoon,
    Expired,
}

impl ShownCertificate {
    /// Looks at the device's certificate, by the time that servers' certificates are checked at.
    pub(crate) async fn of(site: &Site) -> Self {
        let certificate = site.appliance().certificate().await;
        let (now, _) = site.appliance().clock();
        Self::new(certificate, SystemTime::UNIX_EPOCH + Duration::from_secs(now))
    }

    fn new(certificate: OwnCertificate, now: SystemTime) -> Self {
        match certificate {
            OwnCertificate::Absent => Self::NotInstalled,
            OwnCertificate::Unusable(why) => Self::Unusable(why),
            OwnCertificate::Installed(facts) => Self::Installed {
                standing: Standing::at(now, &facts),
                expiry: facts.not_after.into(),
                subject: subject(facts),
            },
        }
    }

    /// In the words of the hardware.
    pub(crate) const fn state(&self) -> &'static str {
        match self {
            Self::NotInstalled | Self::Unusable(_) => "Not Installed",
            Self::Installed { .. } => "Installed",
        }
    }
}

/// The subject, else the names that it is for: newer certificates may have nothing but those.
fn subject(facts: CertificateFacts) -> String {
    if facts.holder.is_empty() {
        let names: Vec<String> = facts.subjects.iter().map(ToString::to_string).collect();
        names.join(", ")
    } else {
        facts.holder
    }
}

impl Standing {
    fn at(now: SystemTime, facts: &CertificateFacts) -> Self {
        match facts.not_after.duration_since(now) {
            _ if now < facts.not_before => Self::NotYetValid,
            Err(_) => Self::Expired,
            Ok(left) if left <= SOON && facts.renewal_is_due(now) => Self::ExpiresSoon,
            Ok(_) => Self::Valid,
        }
    }

    /// How the pages colour it.
    pub(crate) const fn look(self) -> &'static str {
        match self {
            Self::Valid => "good",
            Self::ExpiresSoon => "busy",
            Self::NotYetValid | Self::Expired => "bad",
        }
    }

    /// What it means, and what to do.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Valid => "",
            Self::ExpiresSoon => "Servers refuse it from then on.",
            Self::Expired => "Servers refuse it.",
            Self::NotYetValid => {
                "Servers refuse it: its time has not begun, or the clock of this machine is behind."
            }
        }
    }

    /// Whether another certificate is the remedy.
    pub(crate) const fn asks_for_another(self) -> bool {
        matches!(self, Self::ExpiresSoon | Self::Expired)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Valid => "Valid",
            Self::NotYetValid => "Not Yet Valid",
            Self::ExpiresSoon => "Expires Soon",
            Self::Expired => "Expired",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const SECOND: Duration = Duration::from_secs(1);

    fn begin() -> SystemTime {
        SystemTime::UNIX_EPOCH + 20_000 * DAY
    }

    fn facts(days: u32) -> CertificateFacts {
        CertificateFacts {
            holder: "CN=lobby".to_owned(),
            not_before: begin(),
            not_after: begin() + days * DAY,
            subjects: vec![net::authority::Subject::Name("lobby.example".to_owned())],
            serial: Vec::new(),
        }
    }

    #[test]
    fn an_end_is_near_for_thirty_days_and_over_a_second_past_it() {
        let facts = facts(397);
        let end = facts.not_after;
        for (now, standing) in [
            (begin() - SECOND, Standing::NotYetValid),
            (begin(), Standing::Valid),
            (end - SOON - SECOND, Standing::Valid),
            (end - SOON, Standing::ExpiresSoon),
            (end, Standing::ExpiresSoon),
            (end + SECOND, Standing::Expired),
        ] {
            assert_eq!(Standing::at(now, &facts), standing, "{now:?}");
        }
    }

    #[test]
    fn the_end_of_a_short_certificate_is_near_when_a_third_is_left() {
        let facts = facts(9);
        assert_eq!(Standing::at(begin() + 6 * DAY - SECOND, &facts), Standing::Valid);
        assert_eq!(Standing::at(begin() + 6 * DAY, &facts), Standing::ExpiresSoon);
    }

    #[test]
    fn who_has_no_subject_is_shown_by_the_names_it_is_for() {
        let nameless = CertificateFacts {
            holder: String::new(),
            ..facts(90)
        };
        for (facts, shown) in [(facts(90), "CN=lobby"), (nameless, "lobby.example")] {
            let certificate = ShownCertificate::new(OwnCertificate::Installed(facts), begin());
            let expected = ShownCertificate::Installed {
                subject: shown.to_owned(),
                expiry: Moment::from(begin() + 90 * DAY),
                standing: Standing::Valid,
            };
            assert_eq!(certificate, expected);
        }
    }

    #[test]
    fn what_cannot_be_used_is_not_installed() {
        for certificate in [
            OwnCertificate::Absent,
            OwnCertificate::Unusable("no key".to_owned()),
        ] {
            let shown = ShownCertificate::new(certificate, begin());
            assert_eq!(shown.state(), "Not Installed");
        }
    }
}
