//! Everything that a device is judged by, looked up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use model::AccountId;
use model::inventory::{
    Account, Attempt, AttemptOutcome, Catalogue, Device, DeviceModel, DeviceType, FormerLine, Holder, Line,
    Standing, Timestamp, check_place, firmware_in,
};
use model::status::HandshakeFailure;
use store::{Scope, StoreError, Transaction};

use super::{Evidence, Verdict, is_registered, model_of, verdict};
use crate::pages::wording::{place_name, shown};
use crate::provisioning::by_turns;
use registrations::{FailedHandshake, Registration, Registrations};

/// A device with what is known of it.
#[derive(Clone, Debug)]
pub struct Examination {
    /// What is the matter.
    pub verdict: Verdict,
    /// Its slots: whose extension stands there, and what is known of its user.
    pub slots: Vec<(Line, Holder, Option<Registration>)>,
    /// What was taken from it and is still tried.
    pub former: Vec<(FormerLine, Registration)>,
    /// Tries to fetch its configuration, the last first.
    pub attempts: Vec<Attempt>,
    /// Handshakes that failed from where the device is; of a device that was never seen, those since it was added.
    pub failures: Vec<Attempt>,
    /// What does not go with what it has turned out to be, in words.
    pub misplaced: Vec<String>,
    /// Tries to register a slot by another name than its user name, in words.
    pub misnamed: Vec<String>,
    /// What looks as if its certificate were used by two, in words.
    pub clone: Option<String>,
    /// The slots in which a call was refused since they registered, because there was no media in common, in words.
    pub mute: Vec<String>,
    /// TLS handshakes with zones that failed from where it is, since the last that is known of its slots, in words.
    pub at_zones: Vec<String>,
    /// What waits for somebody to look, in words.
    pub review: Vec<String>,
    /// What works on it, where that is not everything.
    pub remark: Option<&'static str>,
    /// A zone that has not told who is registered there, where somebody of this device is not known to be registered.
    pub untold: Option<String>,
    /// Tries of strangers in its name, since the last that proved to be it.
    pub unproved_since: usize,
}

/// Examines a device of an account.
///
/// # Errors
///
/// When the database fails.
pub async fn examine(
    reading: &mut Transaction<'_>,
    account: &AccountId,
    device: &Device,
    registrations: &Registrations,
) -> Result<Examination, StoreError> {
    let mut scope = reading.account(account);
    let known = |line: &Line| registrations.of(line.user.as_str());
    let mut slots: Vec<_> = scope
        .held_lines_of_device(&device.id)
        .await?
        .into_iter()
        .map(|(line, holder)| {
            let registration = known(&line);
            (line, holder, registration)
        })
        .collect();
    slots.sort_by_key(|(line, ..)| line.place);
    let former: Vec<_> = scope
        .former_lines(&device.id)
        .await?
        .into_iter()
        .filter_map(|line| {
            let registration = since(registrations.of(line.user.as_str())?, &line)?;
            Some((line, registration))
        })
        .collect();
    let review = review(&mut scope, device).await?;
    let attempts = reading.attempts(device.mac).await?;
    let addresses = addresses(&attempts, &slots);
    let nameless = reading.nameless_attempts().await?;
    let (failures, judging) = failures_of(nameless, device, &addresses);

    let judged = shown_as(reading.catalogue(), device, &slots);
    let model = model_of(reading.catalogue(), &judged);
    let misplaced = match reading.find_account(account).await? {
        Some(account) => misplaced(&account, &judged, model, &slots),
        None => Vec::new(),
    };
    let told: Vec<_> = slots
        .iter()
        .map(|(.., registration)| registration.clone())
        .collect();
    let taken: Vec<_> = former
        .iter()
        .map(|(_, registration)| Some(registration.clone()))
        .collect();
    let mute: Vec<String> = slots
        .iter()
        .filter_map(|(line, ..)| {
            let at = registrations.without_media(line.user.as_str())?;
            Some(format!(
                "{}: at {} a call was refused with 488, for there was no media in common",
                place_name(line.place),
                shown(at)
            ))
        })
        .collect();
    let places = proved_places(&attempts, &slots);
    let at_zones = failures_at_zones(registrations, &places, &told);
    let at_zone = match at_zones.first() {
        Some((address, failed)) if !reading.is_seen_besides(address, device.mac).await? => Some(failed.why),
        Some(_) | None => None,
    };
    let evidence = Evidence {
        at_zone,
        lacks_media: !mute.is_empty(),
        attempts: &attempts,
        failures: &judging,
        slots: &told,
        former: &taken,
        model,
        has_misplaced: !misplaced.is_empty(),
    };
    let is_proved = attempts.iter().any(|attempt| attempt.proved);
    let strangers = attempts.iter().take_while(|attempt| !attempt.proved).count();
    Ok(Examination {
        verdict: verdict(&judged, evidence),
        misplaced,
        mute,
        misnamed: misnamed(registrations, &slots),
        at_zones: at_zones.iter().map(told_at_zone).collect(),
        clone: clone_evidence(&attempts),
        review,
        remark: model.and_then(remark),
        untold: registrations
            .untold()
            .filter(|_| told.iter().any(Option::is_none)),
        unproved_since: if is_proved { strangers } else { 0 },
        slots,
        former,
        attempts,
        failures,
    })
}

/// Says so where its certificate was used from two addresses by turns: it is shown, and stops nothing.
fn clone_evidence(attempts: &[Attempt]) -> Option<String> {
    let (first, between) = by_turns(attempts)?;
    Some(format!(
        "Its certificate was shown from {first}, then from {between}, and from {first} again: if the device has not two addresses, \
         somebody may have copied its key; block the certificate under Provision"
    ))
}

/// What waits for somebody to look, in words.
async fn review(scope: &mut Scope<'_, '_>, device: &Device) -> Result<Vec<String>, StoreError> {
    let held = scope.held_device(&device.id).await?.map(|held| {
        let at = shown(held.at);
        format!(
            "It is held since {at}, because {}: release it under Provision once you have looked",
            held.why
        )
    });
    let certificates = scope.shown_certificates(&device.id).await?;
    let waiting = certificates
        .iter()
        .filter(|shown| shown.standing == Standing::Held);
    let waiting = waiting.map(|waiting| {
        format!(
            "A second certificate has proved to be this device, last from {} at {}: one of the two may be a copy's; accept or block it \
             under Provision",
            waiting.source,
            shown(waiting.last_at)
        )
    });
    Ok(held.into_iter().chain(waiting).collect())
}

/// The device, as one of its slots has registered where it has not said otherwise itself.
fn shown_as(
    catalogue: &Catalogue,
    device: &Device,
    slots: &[(Line, Holder, Option<Registration>)],
) -> Device {
    let mut judged = device.clone();
    if device.kind != DeviceType::Algo {
        return judged;
    }
    let agent = slots.iter().find_map(|(.., registration)| match registration {
        Some(Registration::Registered { user_agent, .. }) => user_agent.as_deref(),
        Some(Registration::Gone { .. } | Registration::Refused { .. }) | None => None,
    });
    let Some(agent) = agent else {
        return judged;
    };
    if judged.told_model().is_none()
        && let Some(model) = catalogue.find(agent)
    {
        judged.model = Some(model.name.clone());
    }
    // The version of what is no model that is known may be that of anything.
    if judged.told_model().is_some() && judged.firmware.is_none() {
        judged.firmware = firmware_in(agent).map(str::to_owned);
    }
    judged
}

/// What a device that is not taken whole can do here.
fn remark(model: &DeviceModel) -> Option<&'static str> {
    match model {
        DeviceModel { audio_only: true, .. } => {
            Some("This model is taken as audio only: its other functions do not work here.")
        }
        DeviceModel {
            audio: false,
            strobe: true,
            ..
        } => Some("This model has no loudspeaker: it flashes."),
        DeviceModel { audio: false, .. } => Some("This model has no loudspeaker."),
        DeviceModel { .. } => None,
    }
}

/// The extensions for which a device has no slot, and why.
fn misplaced(
    account: &Account,
    device: &Device,
    model: Option<&DeviceModel>,
    slots: &[(Line, Holder, Option<Registration>)],
) -> Vec<String> {
    let judged = slots
        .iter()
        .enumerate()
        .filter_map(|(number, (line, holder, registration))| {
            let error = check_place(account, device, model, line.place, number == 0).err()?;
            (!is_registered(registration)).then(|| format!("Extension {}: {error}", holder.extension))
        });
    judged.collect()
}

/// Who tried to register a slot, since the last that is known of it, by what is typed into the field beside, or by its extension, where that
/// is not its user name as well.
fn misnamed(registrations: &Registrations, slots: &[(Line, Holder, Option<Registration>)]) -> Vec<String> {
    let mut found = Vec::new();
    for (line, holder, registration) in slots {
        let names = [
            ("its authorization ID", line.authorization_id.as_str()),
            ("its extension", holder.extension.as_str()),
        ];
        let is_another = |(_, name): &(&str, &str)| *name != line.user.as_str();
        for (what, name) in names.into_iter().filter(is_another) {
            let Some(Registration::Refused { at, from, .. }) = registrations.of(name) else {
                continue;
            };
            let is_over = match registration {
                Some(Registration::Registered { .. }) => true,
                Some(Registration::Gone { since: last } | Registration::Refused { at: last, .. }) => {
                    *last > at
                }
                None => false,
            };
            if !is_over {
                found.push(format!(
                    "{}: at {} somebody from {from} registered as {name} and was refused: that is {what}; the user name is {}",
                    place_name(line.place),
                    shown(at),
                    line.user
                ));
            }
        }
    }
    found
}

/// What has happened since a line was taken away.
fn since(registration: Registration, line: &FormerLine) -> Option<Registration> {
    match registration {
        Registration::Registered { .. } => Some(registration),
        Registration::Refused { at, .. } if at >= line.removed_at => Some(registration),
        Registration::Refused { .. } | Registration::Gone { .. } => None,
    }
}

/// Where the device is: where it has proved to be, else where somebody tried in its name, and where its users register from.
fn addresses(attempts: &[Attempt], slots: &[(Line, Holder, Option<Registration>)]) -> BTreeSet<String> {
    let is_proved = attempts.iter().any(|attempt| attempt.proved);
    let tried = attempts.iter().filter(|attempt| attempt.proved || !is_proved);
    tried
        .map(|attempt| attempt.source.clone())
        .chain(registered_from(slots))
        .collect()
}

/// Where the users of the device register from.
fn registered_from(slots: &[(Line, Holder, Option<Registration>)]) -> impl Iterator<Item = String> {
    slots.iter().filter_map(|(.., registration)| match registration {
        Some(Registration::Registered { from, .. }) => {
            let from: SocketAddr = from.parse().ok()?;
            Some(from.ip().to_canonical().to_string())
        }
        Some(Registration::Gone { .. } | Registration::Refused { .. }) | None => None,
    })
}

/// Where the device has shown to be last, and since when: what strangers try in its name says nothing of it.
fn proved_places(
    attempts: &[Attempt],
    slots: &[(Line, Holder, Option<Registration>)],
) -> BTreeMap<String, Timestamp> {
    let proved = attempts.iter().find(|attempt| attempt.proved);
    let proved = proved.map(|attempt| (attempt.source.clone(), attempt.at));
    let registered = registered_from(slots).map(|address| (address, Timestamp(0)));
    registered.chain(proved).collect()
}

/// Handshakes that failed, and those of them that the device may be judged by. A handshake tells no hardware address: of a device that was
/// never seen they are those that show why some device came no further, if these all came from one address.
fn failures_of(
    nameless: Vec<Attempt>,
    device: &Device,
    addresses: &BTreeSet<String>,
) -> (Vec<Attempt>, Vec<Attempt>) {
    let was_seen = !addresses.is_empty();
    let is_of_interest = |attempt: &Attempt| {
        if was_seen {
            addresses.contains(&attempt.source)
        } else {
            attempt.at >= device.added_at
        }
    };
    let failures: Vec<Attempt> = nameless.into_iter().filter(is_of_interest).collect();
    if was_seen {
        return (failures.clone(), failures);
    }
    let evidence: Vec<Attempt> = failures.iter().filter(|one| is_evidence(one)).cloned().collect();
    let sources: BTreeSet<&str> = evidence.iter().map(|attempt| attempt.source.as_str()).collect();
    let is_from_one = sources.len() == 1;
    (failures, if is_from_one { evidence } else { Vec::new() })
}

/// Whether a try that names no device shows that one has come, and what keeps it from speaking. Whoever comes as far as to ask for a file
/// asks for its own as well, which names it; everything else is a scanner, or a connection that was lost.
fn is_evidence(nameless: &Attempt) -> bool {
    nameless.file.is_empty()
        && match nameless.outcome {
            AttemptOutcome::TlsTooOld | AttemptOutcome::ServerUntrusted | AttemptOutcome::Untrusted => true,
            AttemptOutcome::Served
            | AttemptOutcome::NoCertificate
            | AttemptOutcome::Expired
            | AttemptOutcome::Revoked
            | AttemptOutcome::OtherDevice
            | AttemptOutcome::UnknownDevice
            | AttemptOutcome::NotProvisioned
            | AttemptOutcome::UnknownFile
            | AttemptOutcome::FirmwareTooOld
            | AttemptOutcome::ModelCannot
            | AttemptOutcome::HandshakeFailed
            | AttemptOutcome::Held
            | AttemptOutcome::SecondCertificate => false,
        }
}

/// Handshakes with zones that failed from where the device is, the last first. What comes after them of the device itself and of its slots
/// says more, and of one that is registered everywhere they are another's.
fn failures_at_zones<'a>(
    registrations: &Registrations,
    places: &'a BTreeMap<String, Timestamp>,
    slots: &[Option<Registration>],
) -> Vec<(&'a str, FailedHandshake)> {
    if slots.iter().all(is_registered) {
        return Vec::new();
    }
    let last = slots.iter().flatten().map(|slot| match slot {
        Registration::Registered { since, .. } | Registration::Gone { since } => *since,
        Registration::Refused { at, .. } => *at,
    });
    let last = last.max();
    let mut failed: Vec<_> = places
        .iter()
        .filter_map(|(text, since)| Some((text.as_str(), since, text.parse::<IpAddr>().ok()?)))
        .flat_map(|(text, since, address)| {
            let failed = registrations.failed_handshakes(address).into_iter();
            let later = failed.filter(|failed| failed.at >= *since);
            later.map(move |failed| (text, failed))
        })
        .filter(|(_, failed)| last.is_none_or(|last| failed.at >= last))
        .collect();
    failed.sort_by_key(|(_, failed)| Reverse(failed.at));
    failed
}

fn told_at_zone((address, failed): &(&str, FailedHandshake)) -> String {
    let why = match failed.why {
        HandshakeFailure::CertificateRefused => "the device refuses the zone's certificate",
        HandshakeFailure::TlsTooOld => "it offers nothing later than TLS 1.1",
    };
    format!(
        "Zone {}: at {} a TLS handshake from {address}, where the device is, failed, because {why}",
        failed.zone,
        shown(failed.at)
    )
}

#[cfg(test)]
mod tests {
    use model::directory::{DigestAlgorithm, Epoch, Generation};
    use model::inventory::{
        CountryCode, Description, DisplayName, HolderId, HolderKind, LineId, LinePlace, MacAddress, TimeZone,
    };
    use model::status::{RegistrationRefusal, ZoneEvent};
    use model::{DeviceId, Secret, SlotPosition};

    use super::super::tests::registered;
    use super::*;
    use crate::alarms::tests::{account, opened};

    const DAY: u64 = 24 * 60 * 60 * 1_000;

    fn attempt((at, source, proved): (u64, &str, bool)) -> Attempt {
        Attempt {
            at: Timestamp(at),
            mac: None,
            source: source.to_owned(),
            file: String::new(),
            outcome: AttemptOutcome::Served,
            proved,
            times: 1,
            detail: String::new(),
        }
    }

    #[test]
    fn a_handshake_that_failed_at_a_zone_counts_where_the_device_is_and_after_what_is_known_of_its_slots() {
        let registrations = Registrations::default();
        registrations.name_own("campus", Epoch(1), Timestamp(0));
        let (why, zone) = (HandshakeFailure::TlsTooOld, "campus".to_owned());
        let from = IpAddr::from([192, 0, 2, 7]);
        let at = Timestamp(5);
        registrations.note(&ZoneEvent::HandshakeFailed { from, why }, at);
        let here = BTreeMap::from([("192.0.2.7".to_owned(), at)]);
        let expected = [("192.0.2.7", FailedHandshake { at, zone, why })];
        let later = BTreeMap::from([("192.0.2.7".to_owned(), Timestamp(6))]);
        let gone = |since| Some(Registration::Gone { since });
        let count = |addresses, slots: &[_]| failures_at_zones(&registrations, addresses, slots).len();

        assert_eq!(failures_at_zones(&registrations, &here, &[None]), expected);
        let elsewhere = BTreeMap::from([("192.0.2.8".to_owned(), at)]);
        assert_eq!(count(&elsewhere, &[None]), 0);
        assert_eq!(count(&later, &[None]), 0, "it was here since");
        assert_eq!(count(&here, &[None, gone(at)]), 1);
        assert_eq!(count(&here, &[None, gone(Timestamp(6))]), 0);
        assert_eq!(count(&here, &[registered(), None]), 1);
        assert_eq!(count(&here, &[registered()]), 0);
    }

    fn device(number: u8) -> Device {
        Device {
            id: DeviceId::from_random(number.into()),
            name: DisplayName::new("Hall").unwrap(),
            description: Description::new("").unwrap(),
            mac: MacAddress::new([2, 0, 0, 0, 0, number]),
            kind: DeviceType::Oyez,
            model: None,
            firmware: None,
            site: None,
            added_at: Timestamp(0),
        }
    }

    /// An extension and its slot, whose authorization ID is its user name.
    fn slot(device: &Device) -> (Line, Holder) {
        let holder = Holder {
            id: HolderId::from_random(1),
            kind: HolderKind::CommonArea,
            name: DisplayName::new("Hall").unwrap(),
            extension: "701".parse().unwrap(),
            package: String::new(),
            country: CountryCode::new("CA").unwrap(),
            time_zone: TimeZone::new("UTC").unwrap(),
            site: None,
        };
        let line = Line {
            id: LineId::from_random(1),
            device: device.id.clone(),
            place: LinePlace::Slot(SlotPosition::BASE_PAGE),
            holder: holder.id.clone(),
            user: "hall".parse().unwrap(),
            authorization_id: "hall".parse().unwrap(),
            algorithm: DigestAlgorithm::Sha256,
            generation: Generation(1),
            password: Secret::from("a long password"),
        };
        (line, holder)
    }

    #[test]
    fn what_a_device_has_not_told_of_itself_is_taken_from_what_its_slots_register_as() {
        let catalogue = Catalogue::built_in();
        let unnamed = DeviceType::Algo.model().unwrap();
        for (model, agent, expected) in [
            (unnamed, "Algo 8301/5.4", ("8301", Some("5.4"))),
            ("8301", "Algo 8301/5.4", ("8301", Some("5.4"))),
            ("8061", "Algo 3.2.2", ("8061", Some("3.2.2"))),
            ("8061", "Algo 8301", ("8061", None)),
            (unnamed, "phone/1.0", (unnamed, None)),
        ] {
            let hardware = Device {
                kind: DeviceType::Algo,
                model: Some(model.to_owned()),
                ..device(1)
            };
            let (line, holder) = slot(&hardware);
            let registration = Registration::Registered {
                since: Timestamp(0),
                from: String::new(),
                user_agent: Some(agent.to_owned()),
                transport: None,
                zone: String::new(),
                at: None,
            };
            let slots = [(line, holder, Some(registration))];

            let judged = shown_as(&catalogue, &hardware, &slots);

            let told = (judged.model.as_deref().unwrap(), judged.firmware.as_deref());
            assert_eq!(told, expected, "{agent}");
        }
    }

    #[test]
    fn a_user_name_that_is_the_authorization_id_or_the_extension_as_well_is_no_wrong_name() {
        let registrations = Registrations::default();
        for name in ["hall", "701"] {
            let refused = ZoneEvent::RegistrationRefused {
                account: None,
                user: name.to_owned(),
                from: "192.0.2.7:5061".to_owned(),
                why: RegistrationRefusal::WrongCredentials,
            };
            registrations.note(&refused, Timestamp(5));
        }
        for (user, id, told) in [("hall", "hall", 1), ("701", "x", 0), ("door", "hall", 2)] {
            let (mut line, holder) = slot(&device(1));
            line.user = user.parse().unwrap();
            line.authorization_id = id.parse().unwrap();
            let slots = [(line, holder, registrations.of(user))];
            assert_eq!(misnamed(&registrations, &slots).len(), told, "{user} {id}");
        }
    }

    /// Gives a device an extension.
    async fn add_slot(scope: &mut Scope<'_, '_>, device: &Device) {
        let (line, holder) = slot(device);
        scope.add_holder(&holder).await.unwrap();
        scope.add_line(&line).await.unwrap();
    }

    #[tokio::test]
    async fn a_handshake_from_an_address_that_two_devices_share_is_told_and_is_the_verdict_on_neither() {
        let ((_folder, store), account) = (opened().await, account());
        let from = IpAddr::from([192, 0, 2, 7]);
        let registrations = Registrations::default();
        registrations.name_own("campus", Epoch(1), Timestamp(0));
        let why = HandshakeFailure::TlsTooOld;
        registrations.note(&ZoneEvent::HandshakeFailed { from, why }, Timestamp(5));
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account.id);
        scope.add_device(&device(1)).await.unwrap();
        scope.add_device(&device(2)).await.unwrap();
        add_slot(&mut scope, &device(1)).await;
        for (number, verdict) in [(1, Verdict::ZoneTlsTooOld), (2, Verdict::FetchedNotRegistered)] {
            let served = Attempt {
                mac: Some(device(number).mac),
                ..attempt((u64::from(number), "192.0.2.7", true))
            };
            writing.add_attempt(&served).await.unwrap();

            let examined = examine(&mut writing, &account.id, &device(1), &registrations).await;

            let examined = examined.unwrap();
            assert_eq!(examined.verdict, verdict, "{number} at that address");
            assert_eq!(examined.at_zones.len(), 1);
        }
    }

    #[tokio::test]
    async fn a_device_that_was_never_seen_is_judged_by_what_shows_that_a_device_came_and_not_by_scanners() {
        let ((_folder, store), account) = (opened().await, account());
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account.id);
        scope.add_device(&device(1)).await.unwrap();
        let registrations = Registrations::default();
        for (at, source, file, outcome, verdict) in [
            (
                1,
                "192.0.2.1",
                "",
                AttemptOutcome::HandshakeFailed,
                Verdict::NeverSeen,
            ),
            (
                2,
                "192.0.2.1",
                "index.html",
                AttemptOutcome::UnknownFile,
                Verdict::NeverSeen,
            ),
            // Whoever this was has asked for its own file as well.
            (
                3,
                "192.0.2.2",
                "algopoyez.conf",
                AttemptOutcome::NoCertificate,
                Verdict::NeverSeen,
            ),
            (4, "192.0.2.2", "", AttemptOutcome::TlsTooOld, Verdict::TlsTooOld),
            (5, "192.0.2.2", "", AttemptOutcome::Untrusted, Verdict::Untrusted),
            (
                6,
                "192.0.2.1",
                "",
                AttemptOutcome::HandshakeFailed,
                Verdict::Untrusted,
            ),
            (
                7,
                "192.0.2.3",
                "",
                AttemptOutcome::ServerUntrusted,
                Verdict::NeverSeen,
            ),
        ] {
            let nameless = Attempt {
                outcome,
                file: file.to_owned(),
                ..attempt((at, source, false))
            };
            writing.add_attempt(&nameless).await.unwrap();

            let examined = examine(&mut writing, &account.id, &device(1), &registrations).await;

            let examined = examined.unwrap();
            assert_eq!(examined.verdict, verdict, "{at}");
            assert_eq!(
                examined.failures.len(),
                usize::try_from(at).unwrap(),
                "all are shown"
            );
        }
    }

    #[test]
    fn a_device_is_where_it_proved_to_be_last_and_not_where_strangers_tried_in_its_name() {
        for (tries, expected) in [
            (vec![(3, "192.0.2.3", false)], vec![]),
            (
                vec![
                    (3, "192.0.2.3", false),
                    (2, "192.0.2.2", true),
                    (1, "192.0.2.1", true),
                ],
                vec![("192.0.2.2".to_owned(), Timestamp(2))],
            ),
        ] {
            let tries: Vec<Attempt> = tries.into_iter().map(attempt).collect();
            let places: Vec<_> = proved_places(&tries, &[]).into_iter().collect();
            assert_eq!(places, expected);
        }
    }

    #[test]
    fn p04_a_certificate_that_is_used_from_two_addresses_by_turns_is_evidence() {
        let (one, other) = ("192.0.2.1", "192.0.2.2");
        for (tries, is_evidence) in [
            (vec![(3, one, true), (2, other, true), (1, one, true)], true),
            (
                vec![(4, one, true), (3, other, true), (2, other, true), (1, one, true)],
                true,
            ),
            (vec![(2, other, true), (1, one, true)], false),
            (vec![(3, one, true), (2, other, false), (1, one, true)], false),
            (vec![(1 + DAY, one, true), (2, other, true), (1, one, true)], true),
            (
                vec![(2 + DAY, one, true), (2, other, true), (1, one, true)],
                false,
            ),
        ] {
            let tries: Vec<Attempt> = tries.into_iter().map(attempt).collect();
            let told = clone_evidence(&tries);
            let is_told = told.is_some_and(|told| told.ends_with("under Provision"));
            assert_eq!(is_told, is_evidence, "{tries:?}");
        }
    }
}
