//! Whether whoever asks for a device's file is that device.

use std::time::SystemTime;

use model::inventory::{AttemptOutcome, MacAddress};
use net::authority::{CertificateFacts, HolderNames};
use net::tls::{ClientAuthorities, ClientVerdict, ServerTlsError};
use rustls::pki_types::CertificateDer;

use super::manufacturer::{ExpiryPolicy, MacPattern, MacPlace, MacPrefix, MacRule, Manufacturer};

/// Why it is not proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) outcome: AttemptOutcome,
    /// The evidence.
    pub(super) detail: String,
    /// Which device it is nevertheless: what is wrong is not whose the certificate is.
    pub(super) is: Option<MacAddress>,
    /// It is proved to be this other device.
    pub(super) holder: Option<Proved>,
}

/// Who has signed a certificate that proves a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignedBy {
    /// The service's own authority: it has a record of each.
    Own,
    /// A manufacturer.
    Manufacturer,
}

/// A device that has proved to be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proved {
    pub(super) mac: MacAddress,
    pub(super) signed_by: SignedBy,
}

/// Those who are believed.
pub(super) struct Authorities(Vec<Believed>);

struct Believed {
    name: String,
    signed_by: SignedBy,
    authorities: ClientAuthorities,
    rule: MacRule,
    /// What its addresses begin with; nothing for any.
    prefixes: Vec<MacPrefix>,
    expiry: ExpiryPolicy,
}

impl Authorities {
    /// Believes the service's own authority, and manufacturers by their rules.
    pub(super) fn new(
        own: &CertificateDer<'static>,
        manufacturers: Vec<Manufacturer>,
    ) -> Result<Self, ServerTlsError> {
        let own = Believed {
            name: "this service".to_owned(),
            signed_by: SignedBy::Own,
            authorities: ClientAuthorities::new(std::slice::from_ref(own))?,
            rule: MacRule {
                place: MacPlace::CommonName,
                pattern: MacPattern::whole(),
            },
            prefixes: Vec::new(),
            expiry: ExpiryPolicy::Strict,
        };
        let mut believed = vec![own];
        for manufacturer in manufacturers {
            believed.push(Believed {
                authorities: ClientAuthorities::new(&manufacturer.authorities)?,
                name: manufacturer.name,
                signed_by: SignedBy::Manufacturer,
                rule: manufacturer.rule,
                prefixes: manufacturer.prefixes,
                expiry: manufacturer.expiry,
            });
        }
        Ok(Self(believed))
    }

    /// Says which device has shown the chain.
    pub(super) fn identify(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Proved, Refusal> {
        let refused = |outcome, detail: String, is| Refusal {
            outcome,
            detail,
            is,
            holder: None,
        };
        let Some(own) = chain.first() else {
            let detail = "the device showed no certificate: it has none, or another service's settings";
            return Err(refused(AttemptOutcome::NoCertificate, detail.to_owned(), None));
        };
        let mut why = None;
        for believed in &self.0 {
            let judged = match believed.judge(chain, now) {
                Judged::Stranger(detail) => {
                    why.get_or_insert_with(|| refused(AttemptOutcome::Untrusted, detail, None));
                    continue;
                }
                Judged::Valid => None,
                Judged::NotNow(detail) => Some(detail),
            };
            let names = HolderNames::read(own).unwrap_or_default();
            why = Some(match (believed.rule.find(&names), judged) {
                (Ok(mac), _) if !believed.may_name(mac) => {
                    let name = &believed.name;
                    let detail = format!("signed by {name}, whose devices have no address such as {mac}");
                    refused(AttemptOutcome::Untrusted, detail, None)
                }
                (Ok(mac), None) => {
                    let signed_by = believed.signed_by;
                    return Ok(Proved { mac, signed_by });
                }
                (Ok(mac), Some(detail)) => refused(AttemptOutcome::Expired, detail, Some(mac)),
                (Err(detail), _) => {
                    let detail = format!("signed by {}: {detail}", believed.name);
                    refused(AttemptOutcome::OtherDevice, detail, None)
                }
            });
        }
        Err(why.unwrap_or_else(|| refused(AttemptOutcome::Untrusted, String::new(), None)))
    }
}

/// Whether it is the device that it asks for.
pub(super) fn is_for(mac: MacAddress, identified: Result<Proved, Refusal>) -> Result<Proved, Refusal> {
    let (is, holder) = match identified {
        Ok(proved) if proved.mac == mac => return Ok(proved),
        Ok(proved) => (Some(proved.mac), Some(proved)),
        Err(refusal) if refusal.is.is_none_or(|is| is == mac) => return Err(refusal),
        Err(refusal) => (refusal.is, None),
    };
    let detail = is.map_or_else(String::new, |is| format!("the certificate is for {is}"));
    Err(Refusal {
        outcome: AttemptOutcome::OtherDevice,
        detail,
        is,
        holder,
    })
}

/// What one of those who are believed says of a chain.
enum Judged {
    Valid,
    /// It has signed it, and what that is worth at this time is nothing.
    NotNow(String),
    Stranger(String),
}

impl Believed {
    /// Says whether its certificates may be for an address.
    fn may_name(&self, mac: MacAddress) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| prefix.begins(mac))
    }

    fn judge(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Judged {
        let facts = || chain.iter().filter_map(|one| CertificateFacts::read(one).ok());
        let (detail, is_accepted, then) = match self.authorities.judge(chain, now) {
            ClientVerdict::Trusted => return Judged::Valid,
            ClientVerdict::Untrusted(detail) => return Judged::Stranger(detail),
            ClientVerdict::Expired(detail) => {
                let last = facts().map(|facts| facts.not_after).min();
                (detail, self.expiry.accepts_expired(), last)
            }
            ClientVerdict::NotYetValid(detail) => {
                let first = facts().map(|facts| facts.not_before).max();
                (detail, self.expiry.accepts_not_yet_valid(), first)
            }
        };
        // The time is looked at before the signature: who has signed it shows as of a time at which the whole chain was valid.
        match then.map(|then| self.authorities.judge(chain, then)) {
            Some(ClientVerdict::Trusted) if is_accepted => Judged::Valid,
            Some(ClientVerdict::Trusted) => Judged::NotNow(detail),
            Some(ClientVerdict::Untrusted(detail)) => Judged::Stranger(detail),
            Some(ClientVerdict::Expired(_) | ClientVerdict::NotYetValid(_)) | None => {
                Judged::Stranger("its authorities were not valid at any time that it was".to_owned())
            }
        }
    }
}
