//! Odd certificates of factories, each with its verdict.

use std::time::{Duration, SystemTime};

use model::inventory::{AttemptOutcome, MacAddress};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, OtherNameValue, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize, SanType, SignatureAlgorithm, SigningKey as _,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;

use super::manufacturer::{ExpiryPolicy, MacPattern, MacPlace, MacRule, Manufacturer};
use super::proof::{Authorities, Refusal, SignedBy};

const MAC: MacAddress = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]);
const TEXT: &str = "0022EE0A0B0C";
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A manufacturer that signs whatever it is given.
struct Maker {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Maker {
    fn new() -> Self {
        Self::of(key(&PKCS_ECDSA_P256_SHA256), |_| {})
    }

    fn of(key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = authority("Maker Root");
        change(&mut parameters);
        let certificate = parameters.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(parameters, key),
        }
    }

    /// An authority that this one has signed.
    fn between(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = authority(name);
        change(&mut parameters);
        let key = key(&PKCS_ECDSA_P256_SHA256);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(parameters, key),
        }
    }

    fn device(&self, change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        self.device_with(&key(&PKCS_ECDSA_P256_SHA256), change)
    }

    fn device_with(
        &self,
        key: &KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateDer<'static> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = named(TEXT);
        change(&mut parameters);
        parameters.signed_by(key, &self.issuer).unwrap().der().clone()
    }
}

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn authority(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = named(name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    parameters
}

fn judge_by(
    roots: &[&CertificateDer<'static>],
    place: MacPlace,
    pattern: &str,
    expiry: ExpiryPolicy,
    chain: &[CertificateDer<'static>],
) -> Result<MacAddress, Refusal> {
    let own = Maker::new();
    let maker = Manufacturer {
        prefixes: Vec::new(),
        name: "Maker".to_owned(),
        authorities: roots.iter().map(|root| (*root).clone()).collect(),
        rule: MacRule {
            place,
            pattern: pattern.parse().unwrap(),
        },
        expiry,
    };
    let authorities = Authorities::new(&own.certificate, vec![maker]).unwrap();
    let proved = authorities.identify(chain, SystemTime::now())?;
    assert_eq!(proved.signed_by, SignedBy::Manufacturer);
    Ok(proved.mac)
}

/// Judges a chain by the common name, strictly.
fn judge(root: &Maker, chain: &[CertificateDer<'static>]) -> Result<MacAddress, Refusal> {
    let whole = MacPattern::whole().to_string();
    let roots = [&root.certificate];
    judge_by(&roots, MacPlace::CommonName, &whole, ExpiryPolicy::Strict, chain)
}

/// The outcome and words of its evidence.
fn refused(judged: Result<MacAddress, Refusal>, outcome: AttemptOutcome, words: &str) {
    let refusal = judged.unwrap_err();
    assert_eq!(refusal.outcome, outcome, "{}", refusal.detail);
    assert!(
        refusal.detail.contains(words),
        "{} has not: {words}",
        refusal.detail
    );
}

#[test]
fn certificates_as_factories_make_them_prove_their_device() {
    let maker = Maker::new();
    let keyed = |key: KeyPair| maker.device_with(&key, |_| {});
    for (what, device) in [
        ("no alternative name, no key usage", maker.device(|_| {})),
        (
            "with colons",
            maker.device(|one| one.distinguished_name = named("00:22:EE:0A:0B:0C")),
        ),
        (
            "in lower case",
            maker.device(|one| one.distinguished_name = named("0022ee0a0b0c")),
        ),
        ("P-384", keyed(key(&PKCS_ECDSA_P384_SHA384))),
        (
            "RSA 2048",
            keyed(KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()),
        ),
        (
            "RSA 4096",
            keyed(KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096).unwrap()),
        ),
        (
            "for ever",
            maker.device(|one| one.not_after = date_time_ymd(9999, 12, 31)),
        ),
        (
            "for encipherment alone",
            maker.device(|one| one.key_usages = vec![KeyUsagePurpose::KeyEncipherment]),
        ),
        (
            "for servers and clients",
            maker.device(|one| {
                one.extended_key_usages = vec![
                    ExtendedKeyUsagePurpose::ServerAuth,
                    ExtendedKeyUsagePurpose::ClientAuth,
                ];
            }),
        ),
        (
            "other names beside it",
            maker.device(|one| {
                one.subject_alt_names = vec![SanType::DnsName("hall.example.com".try_into().unwrap())];
            }),
        ),
    ] {
        assert_eq!(
            judge(&maker, &[device]).map_err(|refusal| refusal.detail),
            Ok(MAC),
            "{what}"
        );
    }
}

#[test]
fn a_root_of_rsa_and_one_without_constraints_are_believed_when_the_operator_names_them() {
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    for maker in [
        Maker::of(rsa, |_| {}),
        Maker::of(key(&PKCS_ECDSA_P256_SHA256), |root| root.is_ca = IsCa::NoCa),
        Maker::of(key(&PKCS_ECDSA_P256_SHA256), |root| {
            root.not_after = date_time_ymd(2001, 1, 1);
        }),
    ] {
        assert_eq!(
            judge(&maker, &[maker.device(|_| {})]).map_err(|refusal| refusal.detail),
            Ok(MAC)
        );
    }
}

#[test]
fn p03_certificates_that_prove_nothing() {
    let maker = Maker::new();
    let impostor = Maker::new();
    let self_signed = {
        let mut parameters = authority("Maker Root");
        parameters.is_ca = IsCa::NoCa;
        parameters.key_usages.clear();
        parameters.distinguished_name = named(TEXT);
        parameters
            .self_signed(&key(&PKCS_ECDSA_P256_SHA256))
            .unwrap()
            .der()
            .clone()
    };
    let critical = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    let critical = {
        let mut critical = critical;
        critical.set_criticality(true);
        critical
    };
    for (what, device, words) in [
        (
            "another key of the same name",
            impostor.device(|_| {}),
            "is not that of the authority",
        ),
        ("self-signed", self_signed, "has signed it"),
        (
            "an authority itself",
            maker.device(|one| one.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            "breaks a rule",
        ),
        (
            "for servers alone",
            maker.device(|one| one.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            "not made for clients",
        ),
        (
            "an extension that nobody knows and that must be known",
            maker.device(|one| one.custom_extensions = vec![critical]),
            "breaks a rule",
        ),
        (
            "no certificate at all",
            CertificateDer::from(vec![0x30, 0x03, 0x02, 0x01, 0x01]),
            "",
        ),
    ] {
        let judged = judge(&maker, &[device]);
        assert!(judged.is_err(), "{what}");
        refused(judged, AttemptOutcome::Untrusted, words);
    }
    refused(
        judge(&maker, &[]),
        AttemptOutcome::NoCertificate,
        "showed no certificate",
    );
}

#[test]
fn p03_names_that_are_no_address_or_another_s() {
    let maker = Maker::new();
    let call = |name: &str| maker.device(|one| one.distinguished_name = named(name));
    let dns = |name: &str| vec![SanType::DnsName(name.try_into().unwrap())];
    for (device, words) in [
        (
            call("speaker"),
            "no address of the form `{mac}` stands in its common name: \"speaker\"",
        ),
        (call("0022EE0A0B0C\0.evil.example"), "no address"),
        (call("00 22 EE 0A 0B 0C"), "no address"),
        (
            maker.device(|one| one.distinguished_name = DistinguishedName::new()),
            "it has none",
        ),
        (
            maker.device(|one| one.subject_alt_names = dns("0022ee0a0b0d")),
            "and another of its names 00:22:EE:0A:0B:0D",
        ),
    ] {
        refused(judge(&maker, &[device]), AttemptOutcome::OtherDevice, words);
    }
}

#[test]
fn the_address_is_looked_for_where_its_maker_puts_it() {
    let maker = Maker::new();
    let san = |san: SanType| {
        maker.device(|one| {
            one.distinguished_name = named("speaker");
            one.subject_alt_names = vec![san];
        })
    };
    let module = OtherNameValue::Utf8String(TEXT.to_owned());
    for (place, pattern, device) in [
        (
            MacPlace::CommonName,
            "Client_{mac}",
            maker.device(|one| one.distinguished_name = named("Client_0022EE0A0B0C")),
        ),
        (
            MacPlace::CommonName,
            "*{mac}*",
            maker.device(|one| one.distinguished_name = named("8301 0022EE0A0B0C, Algo")),
        ),
        (
            MacPlace::SerialNumber,
            "{mac}",
            maker.device(|one| {
                one.distinguished_name = named("8301");
                one.distinguished_name
                    .push(DnType::CustomDnType(vec![2, 5, 4, 5]), TEXT);
            }),
        ),
        (
            MacPlace::Dns,
            "{mac}.devices.example.com",
            san(SanType::DnsName(
                "0022ee0a0b0c.devices.example.com".try_into().unwrap(),
            )),
        ),
        (
            MacPlace::Uri,
            "urn:dev:mac:{mac}",
            san(SanType::URI("urn:dev:mac:0022EE0A0B0C".try_into().unwrap())),
        ),
        (
            MacPlace::Email,
            "{mac}@example.com",
            san(SanType::Rfc822Name(
                "0022ee0a0b0c@example.com".try_into().unwrap(),
            )),
        ),
        (
            MacPlace::Other,
            "{mac}",
            san(SanType::OtherName((vec![1, 3, 6, 1, 5, 5, 7, 8, 4], module))),
        ),
    ] {
        let judged = judge_by(
            &[&maker.certificate],
            place,
            pattern,
            ExpiryPolicy::Strict,
            std::slice::from_ref(&device),
        );
        assert_eq!(judged.map_err(|refusal| refusal.detail), Ok(MAC), "{place:?}");
        let elsewhere = if place == MacPlace::Uri {
            MacPlace::Dns
        } else {
            MacPlace::Uri
        };
        let judged = judge_by(
            &[&maker.certificate],
            elsewhere,
            pattern,
            ExpiryPolicy::Strict,
            &[device],
        );
        refused(judged, AttemptOutcome::OtherDevice, "it has none");
    }
}

#[test]
fn p03_p11_a_certificate_outside_its_time_is_worth_what_its_maker_s_policy_says() {
    let maker = Maker::new();
    let now = SystemTime::now();
    let old = maker.device(|one| one.not_after = (now - YEAR).into());
    let early = maker.device(|one| one.not_before = (now + YEAR).into());
    let forged = Maker::new().device(|one| one.not_after = (now - YEAR).into());
    for (policy, takes_old, takes_early) in [
        (ExpiryPolicy::Strict, false, false),
        (ExpiryPolicy::AcceptExpired, true, false),
        (ExpiryPolicy::AcceptNotYetValid, false, true),
        (ExpiryPolicy::AcceptAny, true, true),
    ] {
        for (device, is_taken, words) in [
            (&old, takes_old, "expired"),
            (&early, takes_early, "not valid yet"),
        ] {
            let judged = judge_by(
                &[&maker.certificate],
                MacPlace::CommonName,
                "{mac}",
                policy,
                std::slice::from_ref(device),
            );
            if is_taken {
                assert_eq!(judged, Ok(MAC), "{policy:?}");
            } else {
                assert_eq!(
                    judged.as_ref().unwrap_err().is,
                    Some(MAC),
                    "it is the device all the same"
                );
                refused(judged, AttemptOutcome::Expired, words);
            }
        }
        let judged = judge_by(
            &[&maker.certificate],
            MacPlace::CommonName,
            "{mac}",
            policy,
            std::slice::from_ref(&forged),
        );
        assert_eq!(
            judged.unwrap_err().outcome,
            AttemptOutcome::Untrusted,
            "age excuses nothing else"
        );
    }
}

#[test]
fn authorities_between_are_shown_by_the_device_or_named_with_the_root() {
    let root = Maker::new();
    let between = root.between("Maker Devices", |_| {});
    let device = between.device(|_| {});
    let strictly = |roots: &[&CertificateDer<'static>], chain: &[CertificateDer<'static>]| {
        judge_by(roots, MacPlace::CommonName, "{mac}", ExpiryPolicy::Strict, chain)
    };
    let whole = [device.clone(), between.certificate.clone()];
    let alone = std::slice::from_ref(&device);
    assert_eq!(strictly(&[&root.certificate], &whole), Ok(MAC));
    assert_eq!(
        strictly(&[&root.certificate, &between.certificate], alone),
        Ok(MAC)
    );
    assert_eq!(strictly(&[&between.certificate], &whole), Ok(MAC));
    refused(
        strictly(&[&root.certificate], alone),
        AttemptOutcome::Untrusted,
        "has signed it",
    );

    let unfit = root.between("No authority", |between| between.is_ca = IsCa::NoCa);
    let chain = [unfit.device(|_| {}), unfit.certificate.clone()];
    refused(
        strictly(&[&root.certificate], &chain),
        AttemptOutcome::Untrusted,
        "breaks a rule",
    );
}

#[test]
fn p03_a_chain_is_followed_so_far_and_no_further() {
    /// Authorities between root and device.
    const LONGEST: usize = 6;
    let root = Maker::new();
    for (length, is_taken) in [(LONGEST, true), (LONGEST + 1, false), (40, false)] {
        let mut chain = Vec::new();
        let mut last = root.between("1", |_| {});
        for number in 2..=length {
            chain.insert(0, last.certificate.clone());
            last = last.between(&number.to_string(), |_| {});
        }
        chain.insert(0, last.certificate.clone());
        chain.insert(0, last.device(|_| {}));
        let judged = judge(&root, &chain);
        assert_eq!(judged.is_ok(), is_taken, "{length}: {judged:?}");
    }
}

#[test]
fn p03_a_chain_in_layers_whose_authorities_share_their_names_is_not_followed() {
    let root = Maker::new();
    let chain = |layers: usize, of_each: usize| {
        let mut chain = Vec::new();
        let mut last = root.between("0", |_| {});
        for layer in 1..layers {
            chain.insert(0, last.certificate.clone());
            let name = layer.to_string();
            let mut twins: Vec<Maker> = (0..of_each).map(|_| last.between(&name, |_| {})).collect();
            last = twins.pop().unwrap();
            chain.splice(0..0, twins.into_iter().map(|twin| twin.certificate));
        }
        chain.insert(0, last.certificate.clone());
        chain.insert(0, last.device(|_| {}));
        chain
    };
    assert_eq!(
        judge(&root, &chain(3, 1)).map_err(|refusal| refusal.detail),
        Ok(MAC)
    );
    for (layers, of_each, words) in [(3, 2, "have the same name"), (20, 7, "at most are looked at")] {
        let judged = judge(&root, &chain(layers, of_each));
        refused(judged, AttemptOutcome::Untrusted, words);
    }
}

#[test]
fn p03_certificates_of_version_1_and_signatures_by_sha_1_are_told_as_what_they_are() {
    let maker = Maker::new();
    let own = key(&PKCS_ECDSA_P256_SHA256);
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let (own, rsa) = (own.subject_public_key_info(), rsa.subject_public_key_info());
    for (bare, words) in [
        (bare(&maker, &own, SHA256, false), "version 3"),
        (bare(&maker, &rsa, SHA256, false), "version 3"),
        (bare(&maker, &own, SHA1, true), "SHA-1"),
    ] {
        refused(judge(&maker, &[bare]), AttemptOutcome::Untrusted, words);
    }
}

/// A certificate of version 1 that nobody has signed who is believed, and its key in DER.
pub(super) fn version_1() -> (CertificateDer<'static>, Vec<u8>) {
    of_version_1(&key(&PKCS_ECDSA_P256_SHA256))
}

/// The same with a key of RSA.
pub(super) fn version_1_of_rsa() -> (CertificateDer<'static>, Vec<u8>) {
    of_version_1(&KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap())
}

fn of_version_1(own: &KeyPair) -> (CertificateDer<'static>, Vec<u8>) {
    let certificate = bare(&Maker::new(), &own.subject_public_key_info(), SHA256, false);
    (certificate, own.serialize_der())
}

/// A certificate whose key is RSA of so many octets.
pub(super) fn with_rsa_of(octets: usize) -> CertificateDer<'static> {
    let modulus = [&[0][..], &vec![0xC5; octets]].concat();
    let numbers = [tagged(0x02, &modulus), tagged(0x02, &[1, 0, 1])].concat();
    let bits = [&[0][..], &tagged(0x30, &numbers)].concat();
    let key = tagged(0x30, &[RSA.to_vec(), tagged(0x03, &bits)].concat());
    bare(&Maker::new(), &key, SHA256, true)
}

/// rsaEncryption, as an algorithm identifier.
const RSA: &[u8] = &[
    0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// ecdsa-with-SHA256 and ecdsa-with-SHA1, as algorithm identifiers.
const SHA256: &[u8] = &[
    0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02,
];
const SHA1: &[u8] = &[0x30, 0x09, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x01];

/// A certificate without extensions, of version 1 or 3, that says it is signed in that way.
fn bare(maker: &Maker, own: &[u8], algorithm: &[u8], is_version_3: bool) -> CertificateDer<'static> {
    let issuer = subject_of(&maker.certificate);
    let utf8 = tagged(0x0C, TEXT.as_bytes());
    let attribute = tagged(0x30, &[&[0x06, 0x03, 0x55, 0x04, 0x03][..], &utf8].concat());
    let subject = tagged(0x30, &tagged(0x31, &attribute));
    let validity = tagged(
        0x30,
        &[tagged(0x17, b"200101000000Z"), tagged(0x17, b"490101000000Z")].concat(),
    );
    let version = if is_version_3 {
        tagged(0xA0, &[0x02, 0x01, 0x02])
    } else {
        Vec::new()
    };
    let parts = [
        version,
        tagged(0x02, &[7]),
        algorithm.to_vec(),
        issuer,
        validity,
        subject,
        own.to_vec(),
    ];
    let signed = tagged(0x30, &parts.concat());
    let signature = [&[0][..], &maker.issuer.key().sign(&signed).unwrap()].concat();
    let whole = [signed, algorithm.to_vec(), tagged(0x03, &signature)].concat();
    CertificateDer::from(tagged(0x30, &whole))
}

/// The subject of a certificate, in DER: it follows serial number, algorithm, issuer and validity.
fn subject_of(certificate: &CertificateDer<'_>) -> Vec<u8> {
    let signed = inside(inside(certificate));
    let mut rest = signed;
    for _ in 0..5 {
        rest = &rest[length(rest)..];
    }
    rest[..length(rest)].to_vec()
}

/// Octets of the first value, its head included.
fn length(der: &[u8]) -> usize {
    let first = usize::from(der[1]);
    if first < 0x80 {
        return 2 + first;
    }
    let digits = first - 0x80;
    let value = der[2..2 + digits]
        .iter()
        .fold(0, |value, octet| value << 8 | usize::from(*octet));
    2 + digits + value
}

fn inside(der: &[u8]) -> &[u8] {
    let head = if der[1] < 0x80 {
        2
    } else {
        2 + usize::from(der[1] - 0x80)
    };
    &der[head..]
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let length = match length {
        0..0x80 => vec![u8::try_from(length).unwrap()],
        0x80..0x100 => vec![0x81, u8::try_from(length).unwrap()],
        _ => [&[0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [&[tag][..], &length, content].concat()
}
