//! What keeps a device from being registered: one verdict, from its tries to fetch its configuration and its registrations.
//!
//! Anybody can try in the name of a device. So it is judged by the last try that proved to be it, and only where there is none by
//! the last one at all; what strangers tried since is shown as evidence.

mod examination;
mod report;

use std::cmp::Reverse;

use model::inventory::{Attempt, AttemptOutcome, Catalogue, Device, DeviceModel, DeviceType, Firmware};
use model::status::HandshakeFailure;

pub use examination::{Examination, examine};
pub use report::{CheckAnswer, CheckReport, SlotReport, TryReport, answer};

use registrations::Registration;
use serde::{Deserialize, Serialize};

/// What is the matter with a device; each with what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All its slots are registered.
    Registered,
    /// All are, and a call to one found no media that both sides take.
    NoCommonMedia,
    /// Some of its slots are.
    PartlyRegistered,
    /// Nothing is assigned to it.
    NoExtension,
    /// An extension stands where the model or the firmware has no slot for it.
    SlotMissing,
    /// It tries to register with what was taken from it.
    TakenAway,
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
    /// It speaks no version of TLS that is spoken here.
    TlsTooOld,
    /// It does not trust the certificate of this service.
    ServerUntrusted,
    /// Its connection came to no agreement.
    HandshakeFailed,
    /// It is held until somebody has looked.
    Held,
    /// It shows another certificate than before.
    SecondCertificate,
    /// Its firmware cannot register.
    FirmwareTooOld,
    /// Its model cannot register.
    ModelCannot,
    /// It has its configuration, and a registration was refused.
    FetchedAndRefused,
    /// It has its configuration, and has not tried to register.
    FetchedNotRegistered,
    /// It breaks off at the certificate of a zone.
    ZoneUntrusted,
    /// It speaks no version of TLS that a zone speaks.
    ZoneTlsTooOld,
    /// A generic device was refused.
    Refused,
    /// A generic device has not tried to register.
    NotRegistered,
}

/// What a device is judged by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// Tries in its name, the last first.
    pub attempts: &'a [Attempt],
    /// Handshakes that failed, from where the device is, the last first.
    pub failures: &'a [Attempt],
    /// What is known of the user of each of its slots.
    pub slots: &'a [Option<Registration>],
    /// What is known, since then, of the users of slots that were taken from it.
    pub former: &'a [Option<Registration>],
    /// The model that it has turned out to be.
    pub model: Option<&'a DeviceModel>,
    /// Some of its extensions stand where it has no slot for them.
    pub has_misplaced: bool,
    /// How the last TLS handshake with a zone failed from where it alone is, if that was after all else that is known of it.
    pub at_zone: Option<HandshakeFailure>,
    /// Since one of its slots registered, a call of it found no media that both sides take.
    pub lacks_media: bool,
}

impl<'a> Evidence<'a> {
    /// The try that counts.
    #[must_use]
    pub fn judged(&self) -> Option<&'a Attempt> {
        // What a device asks for besides its file does not matter once it has got that.
        let is_own_file =
            |attempt: &&Attempt| attempt.proved && attempt.outcome != AttemptOutcome::UnknownFile;
        let own_file = self.attempts.iter().find(is_own_file);
        let proved = own_file.or_else(|| self.attempts.iter().find(|attempt| attempt.proved));
        let strangers = || self.attempts.iter().chain(self.failures);
        proved.or_else(|| strangers().min_by_key(|attempt| Reverse(attempt.at)))
    }
}

/// Judges a device.
#[must_use]
pub fn verdict(device: &Device, evidence: Evidence<'_>) -> Verdict {
    let slots = evidence.slots;
    let registered = slots.iter().filter(|slot| is_registered(slot)).count();
    if registered > 0 && registered == slots.len() {
        return match evidence.lacks_media {
            true => Verdict::NoCommonMedia,
            false => Verdict::Registered,
        };
    }
    if let Err(verdict) = can_register(device, evidence.model) {
        return verdict;
    }
    let is_provisioned = device.kind.is_provisioned();
    let outcome = evidence.judged().map(|attempt| attempt.outcome);
    match outcome {
        None if is_provisioned => return Verdict::NeverSeen,
        None => {}
        Some(outcome) if is_provisioned => {
            if let Some(verdict) = verdict_of(outcome) {
                return verdict;
            }
        }
        // Whoever has typed the credentials into a generic device need not mind what it asks for besides.
        Some(outcome) => {
            let never_tried = slots.iter().chain(evidence.former).all(Option::is_none);
            if outcome == AttemptOutcome::NotProvisioned && never_tried {
                return Verdict::NotProvisioned;
            }
        }
    }
    if evidence.has_misplaced {
        return Verdict::SlotMissing;
    }
    if evidence.former.iter().any(is_tried) {
        return Verdict::TakenAway;
    }
    let is_refused = slots
        .iter()
        .any(|slot| matches!(slot, Some(Registration::Refused { .. })));
    match (evidence.at_zone, is_refused, is_provisioned) {
        _ if slots.is_empty() => Verdict::NoExtension,
        _ if registered > 0 => Verdict::PartlyRegistered,
        (Some(HandshakeFailure::CertificateRefused), ..) => Verdict::ZoneUntrusted,
        (Some(HandshakeFailure::TlsTooOld), ..) => Verdict::ZoneTlsTooOld,
        (None, true, true) => Verdict::FetchedAndRefused,
        (None, true, false) => Verdict::Refused,
        (None, false, true) => Verdict::FetchedNotRegistered,
        (None, false, false) => Verdict::NotRegistered,
    }
}

/// Says whether a device has registered there.
pub(crate) fn is_registered(slot: &Option<Registration>) -> bool {
    matches!(slot, Some(Registration::Registered { .. }))
}

/// Says whether somebody tries to register there.
fn is_tried(slot: &Option<Registration>) -> bool {
    match slot {
        Some(Registration::Registered { .. } | Registration::Refused { .. }) => true,
        Some(Registration::Gone { .. }) | None => false,
    }
}

/// The model that a device has turned out to be.
#[must_use]
pub fn model_of<'a>(catalogue: &'a Catalogue, device: &Device) -> Option<&'a DeviceModel> {
    catalogue.of_name(device.model.as_deref()?)
}

/// Says whether a device can register at all.
///
/// # Errors
///
/// The verdict on one that cannot.
pub fn can_register(device: &Device, model: Option<&DeviceModel>) -> Result<(), Verdict> {
    if device.kind != DeviceType::Algo {
        return Ok(());
    }
    if model.is_some_and(|model| !model.tls_srtp) {
        return Err(Verdict::ModelCannot);
    }
    let oldest = model.map_or(Firmware::OLDEST, |model| model.oldest_firmware);
    let firmware = device.firmware.as_deref().and_then(Firmware::parse);
    match firmware {
        Some(firmware) if firmware < oldest => Err(Verdict::FirmwareTooOld),
        Some(_) | None => Ok(()),
    }
}

/// What a try that did not end with a configuration says.
const fn verdict_of(outcome: AttemptOutcome) -> Option<Verdict> {
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
        AttemptOutcome::FirmwareTooOld => Some(Verdict::FirmwareTooOld),
        AttemptOutcome::ModelCannot => Some(Verdict::ModelCannot),
        AttemptOutcome::TlsTooOld => Some(Verdict::TlsTooOld),
        AttemptOutcome::ServerUntrusted => Some(Verdict::ServerUntrusted),
        AttemptOutcome::HandshakeFailed => Some(Verdict::HandshakeFailed),
        AttemptOutcome::Held => Some(Verdict::Held),
        AttemptOutcome::SecondCertificate => Some(Verdict::SecondCertificate),
    }
}

/// How a try to fetch a configuration ended, in a few words.
#[must_use]
pub fn outcome_in_words(outcome: AttemptOutcome) -> &'static str {
    verdict_of(outcome).map_or("Configuration sent", Verdict::title)
}

impl Verdict {
    /// The verdict in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Registered => "Registered",
            Self::NoCommonMedia => "Registered, and its calls are refused",
            Self::PartlyRegistered => "Some slots are not registered",
            Self::NoExtension => "No extension is assigned",
            Self::SlotMissing => "An extension stands where the device has no slot",
            Self::TakenAway => "Still tries an extension that was taken away",
            Self::NeverSeen => "Never seen",
            Self::NoCertificate => "No certificate",
            Self::Untrusted => "Certificate untrusted",
            Self::Expired => "Certificate not valid at this time",
            Self::Revoked => "Certificate taken back",
            Self::OtherDevice => "Certificate of another device",
            Self::Unknown => "Unknown when it asked",
            Self::NotProvisioned => "A generic device that asks for a configuration",
            Self::UnknownFile => "Asks for a file that there is not",
            Self::TlsTooOld => "TLS too old",
            Self::ServerUntrusted => "Does not trust this service",
            Self::HandshakeFailed => "No agreement on TLS",
            Self::Held => "Held until somebody has looked",
            Self::SecondCertificate => "A second certificate",
            Self::FirmwareTooOld => "Firmware too old",
            Self::ModelCannot => "The model cannot register",
            Self::FetchedAndRefused => "Configuration fetched, registration refused",
            Self::FetchedNotRegistered => "Configuration fetched, not registered",
            Self::ZoneUntrusted => "Does not trust the zone",
            Self::ZoneTlsTooOld => "TLS too old at the zone",
            Self::Refused => "Registration refused",
            Self::NotRegistered => "Not registered",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Registered => "Nothing is to be done.",
            Self::NoCommonMedia => {
                "Since it registered, a call was refused because it and this service take no media in common: see below in which slot. Most \
                 often it has no SRTP: set its SDP SRTP Offer to Standard, with all crypto suites; else see that it has G.711."
            }
            Self::PartlyRegistered => {
                "See below which slots are not. A device that has just been given an extension registers it once it has fetched its \
                 configuration anew."
            }
            Self::NoExtension => "Assign an extension to it, under Extension Assignment.",
            Self::SlotMissing => {
                "What the device has turned out to be does not go with what was assigned to it: see below which extension, and why. Move it under \
                 Extension Assignment."
            }
            Self::TakenAway => {
                "It has a configuration from before, and registers with what is none of its any more. Have it fetch its configuration: \
                 restart it. On a generic device, empty that slot by hand."
            }
            Self::NeverSeen => {
                "No try of the device to fetch its configuration has come as far as its request. See that its MAC address is the one on its label, that its \
                 provisioning server is set as Provision says, and that it reaches this service."
            }
            Self::NoCertificate => {
                "The device asked, and showed no certificate. Have an Oyez endpoint fetch one with a claim code, see Provision. On \
                 other hardware see System → About: where it is not installed, ask its maker."
            }
            Self::Untrusted => {
                "Neither this service's authority has signed its certificate, nor a manufacturer's that it knows. Have an Oyez endpoint \
                 fetch another with a claim code. For other hardware have whoever runs this service name its maker's authority under \
                 provisioning.manufacturer, or add the device as a generic one and type its credentials. A key that is too weak or old needs \
                 another certificate."
            }
            Self::Expired => {
                "See the clock of the device, and that of this service; else it needs another certificate."
            }
            Self::Revoked => {
                "If it is meant to come back, give it another claim code, or accept the certificate of its maker again, under Provision."
            }
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
            Self::TlsTooOld => {
                "From the device's address somebody offers no version of TLS that is spoken here: 1.2 at least. Update its firmware, and see \
                 that its pages do not force an older version."
            }
            Self::ServerUntrusted => {
                "From the device's address somebody ends the connection when it sees the certificate of this service. Install the \
                 certificate of this service's authority on the device, and see that the server is typed there as Provision shows it."
            }
            Self::HandshakeFailed => {
                "From the device's address a connection failed before anything was asked for: see below how. See that nothing between \
                 device and service takes TLS apart."
            }
            Self::Held => {
                "A certificate was used for a device that it is not for, so nothing is served until an administrator has looked. See below \
                 why, and release the device under Provision."
            }
            Self::SecondCertificate => {
                "Two certificates prove to be this device: one of them may be a copy's. See under Provision from where each was shown, and \
                 accept or block it."
            }
            Self::FirmwareTooOld => {
                "Update the device: to firmware 3.2.3 or later, or what its model needs beyond that."
            }
            Self::ModelCannot => {
                "This model has neither TLS nor SRTP, and no firmware that brings them. Replace it, or register it somewhere that takes \
                 calls without encryption."
            }
            Self::FetchedAndRefused => {
                "The device has its configuration. See below why it was refused; its web pages say the same as Rejected by Server."
            }
            Self::FetchedNotRegistered => {
                "The device has its configuration, and is not registered: see below since when. See that it has power and reaches the \
                 outbound proxy; its web pages then say No reply from server."
            }
            Self::ZoneUntrusted => {
                "From the device's address somebody ends the connection when it sees the certificate of a zone: see below which. Install the \
                 certificate of the authority that has signed it on the device, and see that the outbound proxy stands there by a name that \
                 the certificate has, and that its clock is right."
            }
            Self::ZoneTlsTooOld => {
                "From the device's address somebody offers a zone no version of TLS that is spoken there: 1.2 at least. Update the device's \
                 firmware, and see that its pages do not force an older version."
            }
            Self::Refused => "See below why, and that its credentials are those that Provision shows.",
            Self::NotRegistered => {
                "It is not registered: see below what is known. See that it has power, and that domain, outbound proxy, TLS and SRTP are set as \
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
            proved: false,
            times: 1,
            detail: String::new(),
        }
    }

    pub(super) fn registered() -> Option<Registration> {
        Some(Registration::Registered {
            since: Timestamp(0),
            from: String::new(),
            user_agent: None,
            transport: None,
            zone: String::new(),
            at: None,
        })
    }

    fn refused() -> Option<Registration> {
        Some(Registration::Refused {
            at: Timestamp(0),
            from: String::new(),
            why: RegistrationRefusal::WrongCredentials,
            is_slowed: false,
        })
    }

    fn judge(device: &Device, attempts: &[Attempt], slots: &[Option<Registration>]) -> Verdict {
        let evidence = Evidence {
            attempts,
            slots,
            ..Evidence::default()
        };
        verdict(device, evidence)
    }

    #[test]
    fn a_device_that_fetches_its_configuration_is_judged_by_its_try_and_then_by_its_slots() {
        let algo = device(DeviceType::Algo);
        assert_eq!(judge(&algo, &[], &[None]), Verdict::NeverSeen);
        for outcome in AttemptOutcome::ALL {
            let expected = verdict_of(outcome).unwrap_or(Verdict::FetchedNotRegistered);
            for proved in [true, false] {
                let last = Attempt {
                    proved,
                    ..attempt(outcome)
                };
                assert_eq!(judge(&algo, &[last], &[None]), expected, "{outcome:?}");
            }
        }
        for (slots, expected) in [
            (vec![], Verdict::NoExtension),
            (vec![refused(), None], Verdict::FetchedAndRefused),
            (vec![registered(), refused()], Verdict::PartlyRegistered),
            (vec![registered(), registered()], Verdict::Registered),
        ] {
            assert_eq!(judge(&algo, &[attempt(AttemptOutcome::Served)], &slots), expected);
        }
        assert_eq!(
            judge(&algo, &[attempt(AttemptOutcome::Expired)], &[registered()]),
            Verdict::Registered
        );
    }

    #[test]
    fn what_strangers_try_does_not_change_what_the_device_itself_has_done() {
        let algo = device(DeviceType::Algo);
        let at = |at, attempt| Attempt {
            at: Timestamp(at),
            ..attempt
        };
        let proved = |attempt| Attempt {
            proved: true,
            ..attempt
        };
        let own = at(1, proved(attempt(AttemptOutcome::Served)));
        let stranger = at(9, attempt(AttemptOutcome::NoCertificate));
        assert_eq!(
            judge(&algo, &[stranger.clone(), own.clone()], &[None]),
            Verdict::FetchedNotRegistered
        );
        let old = [at(10, attempt(AttemptOutcome::TlsTooOld))];
        let judge_both = |attempts: &[Attempt], failures: &[Attempt]| {
            let evidence = Evidence {
                attempts,
                failures,
                slots: &[None],
                ..Evidence::default()
            };
            verdict(&algo, evidence)
        };
        let besides = at(5, proved(attempt(AttemptOutcome::UnknownFile)));
        assert_eq!(
            judge_both(&[besides.clone(), own.clone()], &[]),
            Verdict::FetchedNotRegistered
        );
        assert_eq!(judge_both(&[besides], &[]), Verdict::UnknownFile);
        assert_eq!(judge_both(&[own], &old), Verdict::FetchedNotRegistered);
        let one = std::slice::from_ref(&stranger);
        assert_eq!(judge_both(one, &old), Verdict::TlsTooOld);
        assert_eq!(judge_both(&[], &old), Verdict::TlsTooOld);
        let early = [at(8, attempt(AttemptOutcome::TlsTooOld))];
        assert_eq!(judge_both(one, &early), Verdict::NoCertificate);
    }

    #[test]
    fn a_handshake_that_failed_at_a_zone_is_the_verdict_where_a_device_has_its_file_and_says_more_than_a_refusal()
     {
        let served = [attempt(AttemptOutcome::Served)];
        let expired = [attempt(AttemptOutcome::Expired)];
        for (why, expected) in [
            (HandshakeFailure::CertificateRefused, Verdict::ZoneUntrusted),
            (HandshakeFailure::TlsTooOld, Verdict::ZoneTlsTooOld),
        ] {
            for (attempts, slots, expected) in [
                (&served, [None, None], expected),
                (&served, [None, refused()], expected),
                (&served, [None, registered()], Verdict::PartlyRegistered),
                (&expired, [None, None], Verdict::Expired),
            ] {
                let evidence = Evidence {
                    attempts,
                    slots: &slots,
                    at_zone: Some(why),
                    ..Evidence::default()
                };
                assert_eq!(verdict(&device(DeviceType::Algo), evidence), expected);
            }
        }
    }

    #[test]
    fn an_extension_that_was_taken_away_and_is_still_tried_is_the_verdict() {
        let served = [attempt(AttemptOutcome::Served)];
        for kind in DeviceType::ALL {
            for (slots, former, expected) in [
                (vec![], vec![refused()], Verdict::TakenAway),
                (vec![None], vec![refused()], Verdict::TakenAway),
                (vec![registered()], vec![refused()], Verdict::Registered),
                (vec![], vec![None], Verdict::NoExtension),
            ] {
                let evidence = Evidence {
                    attempts: &served,
                    slots: &slots,
                    former: &former,
                    ..Evidence::default()
                };
                assert_eq!(verdict(&device(kind), evidence), expected, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_generic_device_is_judged_by_its_registrations_and_else_by_what_it_asks_for() {
        let other = device(DeviceType::Other);
        let strange = [attempt(AttemptOutcome::NotProvisioned)];
        let without = [attempt(AttemptOutcome::NoCertificate)];
        assert_eq!(judge(&other, &[], &[None]), Verdict::NotRegistered);
        assert_eq!(judge(&other, &without, &[None]), Verdict::NotRegistered);
        assert_eq!(judge(&other, &strange, &[None]), Verdict::NotProvisioned);
        assert_eq!(judge(&other, &strange, &[refused()]), Verdict::Refused);
        assert_eq!(judge(&other, &[], &[registered()]), Verdict::Registered);
    }

    #[test]
    fn the_documents_have_every_verdict() {
        let (service, troubles) = (
            include_str!("../../../../docs/service.md"),
            include_str!("../../../../docs/troubles.md"),
        );
        let (_, list) = service.split_once("The words of `verdict` are ").unwrap();
        let list = list.split_once(".\n").unwrap().0;
        let words: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        for word in &words {
            let verdict: Verdict = serde_json::from_value((*word).into()).unwrap();
            let cell = format!("| {} |", verdict.title());
            assert!(troubles.contains(&cell), "{cell}");
        }
        let own = include_str!("mod.rs").split_once("fn title").unwrap().1;
        let own = own.split_once("fn advice").unwrap().0;
        assert_eq!(words.len(), own.matches("Self::").count());
    }

    #[test]
    fn firmware_that_cannot_register_is_the_verdict() {
        let mut old = device(DeviceType::Algo);
        old.firmware = Some("3.2.2".to_owned());
        let served = [attempt(AttemptOutcome::Served)];
        assert_eq!(judge(&old, &served, &[None]), Verdict::FirmwareTooOld);
        old.firmware = Some("3.2.3".to_owned());
        assert_eq!(judge(&old, &served, &[None]), Verdict::FetchedNotRegistered);
    }

    #[test]
    fn a_model_that_cannot_register_is_the_verdict_and_one_with_sound_alone_is_none() {
        let catalogue = Catalogue::built_in();
        let served = [attempt(AttemptOutcome::Served)];
        for (name, expected) in [
            ("8180 G1", Verdict::ModelCannot),
            ("8028 G1", Verdict::ModelCannot),
            ("8128 G1", Verdict::ModelCannot),
            ("8061", Verdict::ModelCannot),
            ("8036", Verdict::ModelCannot),
            ("8039", Verdict::FetchedNotRegistered),
            ("8301", Verdict::FetchedNotRegistered),
        ] {
            let mut algo = device(DeviceType::Algo);
            algo.model = Some(name.to_owned());
            let evidence = Evidence {
                attempts: &served,
                slots: &[None],
                model: model_of(&catalogue, &algo),
                ..Evidence::default()
            };
            assert_eq!(verdict(&algo, evidence), expected, "{name}");
            let misplaced = Evidence {
                has_misplaced: true,
                model: None,
                ..evidence
            };
            assert_eq!(verdict(&algo, misplaced), Verdict::SlotMissing);
        }
    }
}
