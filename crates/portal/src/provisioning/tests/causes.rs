//! What is kept of those who get nothing, and whether it is the cause.

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, Signer, SigningKey};

use super::hardware::{HARDWARE, HARDWARE_FILE, hardware_certificate, with_hardware};
use super::*;
use crate::check::{Verdict, examine};

/// Shows a certificate that no TLS library would show by itself.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A key that signs in one way alone.
#[derive(Debug)]
struct By(SignatureScheme, Arc<dyn SigningKey>);

impl SigningKey for By {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&self.0)
            .then(|| self.1.choose_scheme(&[self.0]))
            .flatten()
    }

    fn algorithm(&self) -> rustls::SignatureAlgorithm {
        self.1.algorithm()
    }
}

impl Bench {
    /// A client of one version of TLS that shows a certificate and signs with a key, whether or not that is the certificate's.
    fn showing(
        &self,
        version: &'static rustls::SupportedProtocolVersion,
        certificate: CertificateDer<'static>,
        (key, scheme): (Vec<u8>, SignatureScheme),
    ) -> Arc<rustls::ClientConfig> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = PrivateKeyDer::try_from(key).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let key = CertifiedKey::new(vec![certificate], Arc::new(By(scheme, key)));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.authority.certificate().clone()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(Shown(Arc::new(key))));
        Arc::new(config)
    }

    /// Asks for a file from an address of this machine, and gives the status line.
    async fn ask_from(&self, source: [u8; 4], file: &str) -> String {
        let address = self.listener.address();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((source, 0))).unwrap();
        let stream = socket.connect(address).await.unwrap();
        let connector = TlsConnector::from(self.client(None));
        let mut stream = connector.connect(address.ip().into(), stream).await.unwrap();
        let request = format!("GET /{file} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let _is_closed = stream.read_to_end(&mut said).await.is_ok();
        String::from_utf8_lossy(&said).lines().next().unwrap().to_owned()
    }

    async fn verdict(&self, mac: MacAddress) -> Verdict {
        let mut reading = self.store.read().await.unwrap();
        let (account, device) = reading.device_of_mac(mac).await.unwrap().unwrap();
        let registrations = registrations::Registrations::default();
        let examined = examine(&mut reading, &account, &device, &registrations).await;
        examined.unwrap().verdict
    }
}

#[tokio::test]
async fn p03_a_certificate_of_version_1_gets_as_far_as_its_verdict_in_every_version_of_tls() {
    use rustls::version::{TLS12, TLS13};
    for (version, (certificate, key), scheme) in [
        (
            &TLS13,
            super::super::corpus::version_1(),
            SignatureScheme::ECDSA_NISTP256_SHA256,
        ),
        (
            &TLS12,
            super::super::corpus::version_1(),
            SignatureScheme::ECDSA_NISTP256_SHA256,
        ),
        (
            &TLS13,
            super::super::corpus::version_1_of_rsa(),
            SignatureScheme::RSA_PSS_SHA256,
        ),
        (
            &TLS12,
            super::super::corpus::version_1_of_rsa(),
            SignatureScheme::RSA_PSS_SHA256,
        ),
        (
            &TLS12,
            super::super::corpus::version_1_of_rsa(),
            SignatureScheme::RSA_PKCS1_SHA256,
        ),
    ] {
        let bench = Bench::start().await;
        let client = bench.showing(version, certificate, (key, scheme));

        let (status, text) = bench.fetch_by(client, "algom0022EE0A0B0C.conf").await;

        assert_eq!(status, "HTTP/1.1 403 Forbidden", "{scheme:?}");
        assert_eq!(text, "the device certificate is not trusted");
        assert!(bench.attempts(MAC).await[0].detail.contains("version 3"));
    }
}

#[tokio::test]
async fn p03_a_certificate_of_version_1_whose_key_is_another_s_proves_nothing() {
    let bench = Bench::start().await;
    let (certificate, _) = super::super::corpus::version_1_of_rsa();
    let (_, key) = super::super::corpus::version_1_of_rsa();
    let scheme = SignatureScheme::RSA_PKCS1_SHA256;
    let client = bench.showing(&rustls::version::TLS12, certificate, (key, scheme));
    let address = bench.listener.address();
    let stream = TcpStream::connect(address).await.unwrap();

    let shaken = TlsConnector::from(client)
        .connect(address.ip().into(), stream)
        .await;

    assert!(shaken.is_err());
    assert_eq!(bench.failures().await[0].outcome, AttemptOutcome::HandshakeFailed);
}

#[tokio::test]
async fn p03_a_certificate_whose_key_is_too_weak_is_told_as_that() {
    let bench = Bench::start().await;
    let (_, key) = super::super::corpus::version_1_of_rsa();
    let weak = super::super::corpus::with_rsa_of(128);
    let scheme = SignatureScheme::RSA_PKCS1_SHA256;
    let client = bench.showing(&rustls::version::TLS12, weak, (key, scheme));
    let address = bench.listener.address();
    let stream = TcpStream::connect(address).await.unwrap();

    let shaken = TlsConnector::from(client)
        .connect(address.ip().into(), stream)
        .await;

    assert!(shaken.is_err());
    let kept = &bench.failures().await[0];
    assert_eq!(kept.outcome, AttemptOutcome::Untrusted, "{kept:?}");
    assert!(
        kept.detail.contains("key is too weak or old: RSA of 1024 bits"),
        "{}",
        kept.detail
    );
    assert_eq!(
        bench.verdict(MAC).await,
        Verdict::Untrusted,
        "of the device that was never seen"
    );
}

#[tokio::test]
async fn endpoints_without_a_certificate_at_two_addresses_are_each_known_by_their_own_file() {
    let bench = Bench::start().await;
    let third = MacAddress::new([0, 0x22, 0xEE, 0, 0, 3]);
    let never = MacAddress::new([0, 0x22, 0xEE, 0, 0, 4]);
    let mut writing = bench.store.write().await.unwrap();
    let mut scope = writing.account(&id());
    for (number, mac) in [(3, third), (4, never)] {
        scope
            .add_device(&device(number, mac, DeviceType::Oyez))
            .await
            .unwrap();
    }
    writing.commit().await.unwrap();

    for (source, mac) in [(21, MAC), (22, third)] {
        for file in [
            "algopoyez.conf".to_owned(),
            format!("algom{}.conf", mac.compact()),
        ] {
            // An endpoint goes on to the next file if there is none of that name, and gives up if it is refused one.
            if bench.ask_from([127, 0, 0, source], &file).await != "HTTP/1.1 404 Not Found" {
                break;
            }
        }
    }

    for mac in [MAC, third] {
        let kept = &bench.attempts(mac).await[0];
        assert_eq!(kept.outcome, AttemptOutcome::NoCertificate);
        assert_eq!(bench.verdict(mac).await, Verdict::NoCertificate);
    }
    assert_eq!(bench.verdict(never).await, Verdict::NeverSeen);
}

#[tokio::test]
async fn the_checksum_of_a_file_that_is_refused_is_a_try() {
    let (bench, identity) = with_hardware().await;
    let unknown = MacAddress::new([0, 0x22, 0xEE, 0, 0, 99]);
    let of_unknown = hardware_certificate(&bench, unknown);
    let client = bench.client(Some(identity));
    let checksum = format!("{HARDWARE_FILE}.md5");
    let refused = bench.fetch_as(client, &checksum, "Algo 8301/3.2.2").await;
    assert_eq!(refused.0, "HTTP/1.1 403 Forbidden");
    bench.fetch(Some(of_unknown), "algom0022EE000063.conf.md5").await;

    for (mac, outcome) in [
        (HARDWARE, AttemptOutcome::FirmwareTooOld),
        (unknown, AttemptOutcome::UnknownDevice),
    ] {
        let kept = &bench.attempts(mac).await[0];
        assert_eq!((kept.outcome, kept.proved), (outcome, true));
        assert!(kept.file.ends_with(".conf.md5"), "{}", kept.file);
    }
}

#[tokio::test]
async fn a_request_for_a_certificate_that_is_refused_is_kept_with_its_cause() {
    for (code, cause) in [
        ("WRONG", "the claim code is not good for this device"),
        ("", "the device showed no certificate"),
    ] {
        let bench = Bench::start().await;
        let state = tempfile::tempdir().unwrap();
        bench.enrol(state.path(), MAC, code).await.unwrap_err();

        let kept = &bench.attempts(MAC).await[0];

        assert_eq!(kept.outcome, AttemptOutcome::NoCertificate);
        assert_eq!((kept.file.as_str(), kept.proved), ("enrol", false));
        assert!(kept.detail.contains(cause), "{}", kept.detail);
        assert!(!kept.detail.contains("WRONG"), "{}", kept.detail);
    }
}

#[tokio::test]
async fn a_request_for_a_certificate_that_is_none_is_kept_beside_what_else_the_device_has_asked_for() {
    let bench = Bench::start().await;
    bench.fetch(None, "algom0022EE0A0B0C.conf").await;
    let said = bench.ask_to_enrol(None, CODE, "no request").await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    let is_told = |kept: &Attempt| kept.detail.contains("it asked for a certificate and got none: ");
    while !bench.attempts(MAC).await.iter().any(is_told) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn p07_a_handshake_with_nothing_but_broken_ciphers_fails_and_is_kept() {
    let bench = Bench::start().await;
    let mut stream = TcpStream::connect(bench.listener.address()).await.unwrap();
    // Of RSA without encryption, with RC4 of 40 bits, with RC4, and of ECDHE with the first and the last.
    let suites = [0, 2, 0, 3, 0, 5, 0xC0, 0x10, 0xC0, 0x11];
    // Signatures by ECDSA and RSA with SHA-256, and P-256: what TLS 1.2 needs beside them.
    let extensions = [
        0, 13, 0, 6, 0, 4, 4, 3, 4, 1, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0,
    ];
    let lengths = [
        u8::try_from(suites.len()).unwrap(),
        u8::try_from(extensions.len()).unwrap(),
    ];
    let hello = [
        &[0x03, 0x03][..],
        &[7; 32],
        &[0, 0, lengths[0]],
        &suites,
        &[1, 0, 0, lengths[1]],
        &extensions,
    ]
    .concat();
    let length = u8::try_from(hello.len()).unwrap();
    let record = [&[0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
    stream.write_all(&record).await.unwrap();
    let mut said = Vec::new();
    let _is_closed = stream.read_to_end(&mut said).await.is_ok();

    let kept = &bench.failures().await[0];

    assert_eq!(kept.outcome, AttemptOutcome::HandshakeFailed, "{kept:?}");
    assert!(kept.detail.contains("Cipher"), "{}", kept.detail);
    assert_eq!(said[..2], [0x15, 0x03], "an alert and no handshake");
}
