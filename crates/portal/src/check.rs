//! What keeps a device from being registered: one verdict, from its tries to fetch its configuration and its registrations.

use model::inventory::{Attempt, AttemptOutcome, Device, DeviceType, Firmware};

use registrations::Registration;

/// What is the matter with a device; each with what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All its slots are registered.
    Registered,
    /// Some of its slots are.
    PartlyRegistered,
    /// Nothing is assigned to it.
    NoExtension,
    /// It never asked for its configuration.
    NeverSeen,
    /// It shows no certificate.
    NoCertificate,
    /// Nobody who is trusted signed its certificate.
    Untrusted,
    /// Its certificate is not valid at this time.
    Expired,
    /// Its certificate was taken back.
    Revoked,
    /// Its certificate is another device's.
    OtherDevice,
    /// It asked before it was added.
    Unknown,
    /// It fetches a configuration, and is a generic device.
    NotProvisioned,
    /// It asks for a file that there is not.
    UnknownFile,
    /// Its connection came to no agreement.
    HandshakeFailed,
    /// Its firmware cannot register.
    FirmwareTooOld,
    /// It has its configuration, and a registration was refused.
    FetchedAndRefused,
    /// It has its configuration, and has not tried to register.
    FetchedNotRegistered,
    /// A generic device was refused.
    Refused,
    /// A generic device has not tried to register.
    NotRegistered,
}

/// Judges a device by its last try to fetch its configuration, and what is known of the user of each of its slots.
#[must_use]
pub fn verdict(device: &Device, last: Option<&Attempt>, slots: &[Option<Registration>]) -> Verdict {
    let is_registered = |slot: &&Option<Registration>| matches!(slot, Some(Registration::Registered { .. }));
    let registered = slots.iter().filter(is_registered).count();
    if registered > 0 && registered == slots.len() {
        return Verdict::Registered;
    }
    if is_too_old(device) {
        return Verdict::FirmwareTooOld;
    }
    if device.kind.is_provisioned()
        && let Some(verdict) = verdict_of(last.map(|attempt| attempt.outcome))
    {
        return verdict;
    }
    let is_refused = slots
        .iter()
        .any(|slot| matches!(slot, Some(Registration::Refused { .. })));
    match (registered, is_refused, device.kind.is_provisioned()) {
        _ if slots.is_empty() => Verdict::NoExtension,
        (1.., _, _) => Verdict::PartlyRegistered,
        (0, true, true) => Verdict::FetchedAndRefused,
        (0, false, true) => Verdict::FetchedNotRegistered,
        (0, true, false) => Verdict::Refused,
        (0, false, false) => Verdict::NotRegistered,
    }
}

fn is_too_old(device: &Device) -> bool {
    let firmware = device.firmware.as_deref().and_then(Firmware::parse);
    device.kind == DeviceType::Algo && firmware.is_some_and(|firmware| firmware < Firmware::OLDEST)
}

/// What a try that did not end with a configuration says.
const fn verdict_of(outcome: Option<AttemptOutcome>) -> Option<Verdict> {
    let Some(outcome) = outcome else {
        return Some(Verdict::NeverSeen);
    };
    match outcome {
        AttemptOutcome::Served => None,
        AttemptOutcome::NoCertificate => Some(Verdict::NoCertificate),
        AttemptOutcome::Untrusted => Some(Verdict::Untrusted),
        AttemptOutcome::Expired => Some(Verdict::Expired),
        AttemptOutcome::Revoked => Some(Verdict::Revoked),
        AttemptOutcome::OtherDevice => Some(Verdict::OtherDevice),
        AttemptOutcome::UnknownDevice => Some(Verdict::Unknown),
        AttemptOutcome::NotProvisioned => Some(Verdict::NotProvisioned),
        AttemptOutcome::UnknownFile => Some(Verdict::UnknownFile),
        AttemptOutcome::HandshakeFailed => Some(Verdict::HandshakeFailed),
    }
}

impl Verdict {
    /// The verdict in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Registered => "Registered",
            Self::PartlyRegistered => "Some slots are not registered",
            Self::NoExtension => "No extension is assigned",
            Self::NeverSeen => "Never seen",
            Self::NoCertificate => "No certificate",
            Self::Untrusted => "Certificate untrusted",
            Self::Expired => "Certificate not valid at this time",
            Self::Revoked => "Certificate taken back",
            Self::OtherDevice => "Certificate of another device",
            Self::Unknown => "Unknown when it asked",
            Self::NotProvisioned => "A generic device that asks for a configuration",
            Self::UnknownFile => "Asks for a file that there is not",
            Self::HandshakeFailed => "No agreement on TLS",
            Self::FirmwareTooOld => "Firmware too old",
            Self::FetchedAndRefused => "Configuration fetched, registration refused",
            Self::FetchedNotRegistered => "Configuration fetched, not registered",
            Self::Refused => "Registration refused",
            Self::NotRegistered => "Not registered",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Registered => "Nothing is to be done.",
            Self::PartlyRegistered => {
                "See below which slots are not. A device that has just been given an extension registers it once it has fetched its \
                 configuration anew."
            }
            Self::NoExtension => "Assign an extension to it, under Extension Assignment.",
            Self::NeverSeen => {
                "No try of the device to fetch its configuration has come as far as its request. See that its MAC address is the one on its label, that its \
                 provisioning server is set as Provision says, and that it reaches this service."
            }
            Self::NoCertificate => {
                "The device asked, and showed no certificate. Have an Oyez endpoint fetch one with a claim code, see Provision. On \
                 other hardware see System → About: where it is not installed, ask its maker."
            }
            Self::Untrusted => {
                "This service's authority has not signed its certificate. Have an Oyez endpoint fetch another with a claim code; \
                 those of other makers are not known here yet: add the device as a generic one, and type its credentials."
            }
            Self::Expired => {
                "See the clock of the device, and that of this service; else it needs another certificate."
            }
            Self::Revoked => "Give it another claim code, if it is meant to come back.",
            Self::OtherDevice => {
                "The certificate names another MAC address. See that the address typed here is the device's own."
            }
            Self::Unknown => {
                "The device asked before it was added here. It asks again when it is restarted, or by itself after a while."
            }
            Self::NotProvisioned => {
                "It was added as a generic device, whose credentials are typed by hand. To have it provisioned, add it with its type."
            }
            Self::UnknownFile => "See that its provisioning server is set as Provision says.",
            Self::HandshakeFailed => {
                "The device offers no version of TLS that is spoken here: 1.2 at least. Update its firmware."
            }
            Self::FirmwareTooOld => "Update the device to firmware 3.2.3 or later.",
            Self::FetchedAndRefused => {
                "The device has its configuration. See below why it was refused; its web pages say the same as Rejected by Server."
            }
            Self::FetchedNotRegistered => {
                "The device has its configuration, and is not registered: see below since when. See that it has power and reaches the \
                 outbound proxy; its web pages then say No reply from server."
            }
            Self::Refused => "See below why, and that its credentials are those that Provision shows.",
            Self::NotRegistered => {
                "It is not registered: see below since when. See that it has power, and that domain, outbound proxy, TLS and SRTP are set as \
                 Provision shows."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::DeviceId;
    use model::inventory::{Description, DisplayName, MacAddress, Timestamp};
    use model::status::RegistrationRefusal;

    use super::*;

    fn device(kind: DeviceType) -> Device {
        Device {
            id: DeviceId::from_random(1),
            name: DisplayName::new("Hall").unwrap(),
            description: Description::new("").unwrap(),
            mac: MacAddress::new([0; 6]),
            kind,
            model: None,
            firmware: None,
            site: None,
            added_at: Timestamp(0),
        }
    }

    fn attempt(outcome: AttemptOutcome) -> Attempt {
        Attempt {
            at: Timestamp(0),
            mac: None,
            source: String::new(),
            file: String::new(),
            outcome,
            detail: String::new(),
        }
    }

    fn registered() -> Option<Registration> {
        Some(Registration::Registered {
            since: Timestamp(0),
            from: String::new(),
            user_agent: None,
        })
    }

    fn refused() -> Option<Registration> {
        Some(Registration::Refused {
            at: Timestamp(0),
            from: String::new(),
            why: RegistrationRefusal::WrongCredentials,
        })
    }

    #[test]
    fn a_device_that_fetches_its_configuration_is_judged_by_its_last_try_and_then_by_its_slots() {
        let algo = device(DeviceType::Algo);
        let served = attempt(AttemptOutcome::Served);
        for (last, slots, expected) in [
            (None, vec![None], Verdict::NeverSeen),
            (
                Some(&attempt(AttemptOutcome::NoCertificate)),
                vec![None],
                Verdict::NoCertificate,
            ),
            (
                Some(&attempt(AttemptOutcome::Untrusted)),
                vec![None],
                Verdict::Untrusted,
            ),
            (
                Some(&attempt(AttemptOutcome::Expired)),
                vec![None],
                Verdict::Expired,
            ),
            (
                Some(&attempt(AttemptOutcome::OtherDevice)),
                vec![None],
                Verdict::OtherDevice,
            ),
            (
                Some(&attempt(AttemptOutcome::UnknownDevice)),
                vec![None],
                Verdict::Unknown,
            ),
            (Some(&served), vec![], Verdict::NoExtension),
            (Some(&served), vec![None], Verdict::FetchedNotRegistered),
            (Some(&served), vec![refused(), None], Verdict::FetchedAndRefused),
            (
                Some(&served),
                vec![registered(), refused()],
                Verdict::PartlyRegistered,
            ),
            (
                Some(&served),
                vec![registered(), registered()],
                Verdict::Registered,
            ),
            (
                Some(&attempt(AttemptOutcome::Expired)),
                vec![registered()],
                Verdict::Registered,
            ),
        ] {
            assert_eq!(verdict(&algo, last, &slots), expected);
        }
    }

    #[test]
    fn a_generic_device_is_judged_by_its_registrations_alone() {
        let other = device(DeviceType::Other);
        let strange = attempt(AttemptOutcome::NotProvisioned);
        assert_eq!(verdict(&other, None, &[None]), Verdict::NotRegistered);
        assert_eq!(verdict(&other, Some(&strange), &[refused()]), Verdict::Refused);
        assert_eq!(verdict(&other, None, &[registered()]), Verdict::Registered);
    }

    #[test]
    fn firmware_that_cannot_register_is_the_verdict() {
        let mut old = device(DeviceType::Algo);
        old.firmware = Some("3.2.2".to_owned());
        let served = attempt(AttemptOutcome::Served);
        assert_eq!(verdict(&old, Some(&served), &[None]), Verdict::FirmwareTooOld);
        old.firmware = Some("3.2.3".to_owned());
        assert_eq!(
            verdict(&old, Some(&served), &[None]),
            Verdict::FetchedNotRegistered
        );
    }
}
