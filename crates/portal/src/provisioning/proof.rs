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

/// Judges the chain that was shown, for the device whose file is asked for.
pub(super) fn prove(
    authorities: &ClientAuthorities,
    chain: &[CertificateDer<'_>],
    mac: MacAddress,
    now: SystemTime,
) -> Result<(), Refusal> {
    let refused = |outcome, detail: String| Err(Refusal { outcome, detail });
    let Some(own) = chain.first() else {
        let detail = "the device showed no certificate: it has none, or another service's settings";
        return refused(AttemptOutcome::NoCertificate, detail.to_owned());
    };
    match authorities.judge(chain, now) {
        ClientVerdict::Trusted => {}
        ClientVerdict::NotValidNow(detail) => return refused(AttemptOutcome::Expired, detail),
        ClientVerdict::Untrusted(detail) => return refused(AttemptOutcome::Untrusted, detail),
    }
    let names = holder_names(own).unwrap_or_default();
    if names.iter().any(|name| is_name_of(name, mac)) {
        return Ok(());
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

/// A name stands for a device if the digits of its address are in it, with or without separators, in any case, and are not part
/// of a longer run of digits: `Client_0022EE0A0B0C`, `00:22:ee:0a:0b:0c`, `0022ee0a0b0c.devices.example.com`.
fn is_name_of(name: &str, mac: MacAddress) -> bool {
    let digits = mac.compact();
    let bare: String = name
        .chars()
        .filter(|character| !matches!(character, ':' | '-'))
        .collect();
    bare.split(|character: char| !character.is_ascii_hexdigit())
        .any(|run| run.eq_ignore_ascii_case(&digits))
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
            "0022EE",
            "0022EE0A.0B0C",
        ] {
            assert!(!is_name_of(name, MAC), "{name}");
        }
    }
}
