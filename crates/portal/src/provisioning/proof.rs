//! Whether whoever asks for a device's file is that device.

use std::time::SystemTime;

use model::inventory::{AttemptOutcome, MacAddress};
use net::authority::holder_names;
use net::tls::{ClientAuthorities, ClientVerdict};
use rustls::pki_types::CertificateDer;

/// Names of a certificate that are repeated in a cause.
const NAMES_SHOWN: usize = 5;

/// Why it is not proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) outcome: AttemptOutcome,
    /// The evidence.
    pub(super) detail: String,
}

/// Who has signed a certificate that proves a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignedBy {
    /// The service's own authority: it has a record of each.
    Own,
    /// A manufacturer.
    Manufacturer,
}

/// Those who are believed.
pub(super) struct Authorities {
    pub(super) own: ClientAuthorities,
    pub(super) manufacturers: Option<ClientAuthorities>,
}

impl Authorities {
    /// Judges the chain that was shown, for the device whose file is asked for.
    pub(super) fn prove(
        &self,
        chain: &[CertificateDer<'_>],
        mac: MacAddress,
        now: SystemTime,
    ) -> Result<SignedBy, Refusal> {
        let refused = |outcome, detail: String| Err(Refusal { outcome, detail });
        let Some(own) = chain.first() else {
            let detail = "the device showed no certificate: it has none, or another service's settings";
            return refused(AttemptOutcome::NoCertificate, detail.to_owned());
        };
        let signed_by = match (self.own.judge(chain, now), &self.manufacturers) {
            (ClientVerdict::Trusted, _) => SignedBy::Own,
            (ClientVerdict::NotValidNow(detail), _) => return refused(AttemptOutcome::Expired, detail),
            (ClientVerdict::Untrusted(detail), None) => return refused(AttemptOutcome::Untrusted, detail),
            (ClientVerdict::Untrusted(_), Some(manufacturers)) => match manufacturers.judge(chain, now) {
                ClientVerdict::Trusted => SignedBy::Manufacturer,
                ClientVerdict::NotValidNow(detail) => return refused(AttemptOutcome::Expired, detail),
                ClientVerdict::Untrusted(detail) => return refused(AttemptOutcome::Untrusted, detail),
            },
        };
        let names = holder_names(own).unwrap_or_default();
        if names.iter().any(|name| is_name_of(name, mac)) {
            return Ok(signed_by);
        }
        let shown = names
            .iter()
            .take(NAMES_SHOWN)
            .map(String::as_str)
            .collect::<Vec<_>>();
        refused(
            AttemptOutcome::OtherDevice,
            format!("the certificate is for {}", shown.join(", ")),
        )
    }
}

/// A name stands for a device if its address is in it, with colons, dashes or nothing between the octets, in any case, and is not
/// part of a longer one: `device-0022EE0A0B0C`, `00:22:ee:0a:0b:0c`, `0022ee0a0b0c.devices.example.com`.
fn is_name_of(name: &str, mac: MacAddress) -> bool {
    let name = name.to_ascii_uppercase();
    let colons = mac.to_string();
    [colons.as_str(), &colons.replace(':', "-"), &mac.compact()]
        .into_iter()
        .any(|address| {
            let separator = address
                .chars()
                .nth(2)
                .filter(|character| !character.is_ascii_hexdigit());
            let goes_on = |next: Option<char>| {
                next.is_some_and(|next| next.is_ascii_hexdigit() || Some(next) == separator)
            };
            name.match_indices(address).any(|(start, found)| {
                let (before, after) = (name.get(..start), name.get(start + found.len()..));
                let is_first = before.is_some_and(|before| {
                    !before.ends_with(|last: char| last.is_ascii_hexdigit() || last == ':')
                });
                is_first && !goes_on(after.and_then(|after| after.chars().next()))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddress = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]);

    #[test]
    fn a_name_stands_for_the_device_whose_address_is_in_it() {
        for name in [
            "0022EE0A0B0C",
            "00:22:ee:0a:0b:0c",
            "00-22-EE-0A-0B-0C",
            "Client_0022EE0A0B0C",
            "device-0022EE0A0B0C",
            "device-00-22-EE-0A-0B-0C",
            "0022EE0A0B0C-1",
            "0022ee0a0b0c.devices.example.com",
        ] {
            assert!(is_name_of(name, MAC), "{name}");
        }
    }

    #[test]
    fn p02_a_name_with_more_or_other_digits_is_another_device() {
        for name in [
            "",
            "0022EE0A0B0D",
            "0022EE0A0B0C0",
            "A0022EE0A0B0C",
            "00 22 EE 0A 0B 0C",
            "00:22:EE:0A:0B:0C:0D",
            "FF:00:22:EE:0A:0B:0C",
            "00:22-EE:0A-0B:0C",
            "0022EE",
            "0022EE0A.0B0C",
        ] {
            assert!(!is_name_of(name, MAC), "{name}");
        }
    }
}
