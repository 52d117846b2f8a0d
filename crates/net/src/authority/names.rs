//! Where a certificate says whom it is for.

use rustls::pki_types::CertificateDer;
use x509_parser::der_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::OID_X509_SERIALNUMBER;

use super::AuthorityError;

/// Names of one kind that are read of a certificate at most: a device has one or two.
pub const NAMES_MAX: usize = 32;
/// How deep the value of another name may be nested.
const DEPTH_MAX: usize = 8;

/// What a certificate says of its holder, place by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HolderNames {
    /// Common names of the subject.
    pub common_names: Vec<String>,
    /// Serial numbers of the subject: the attribute, not the number of the certificate.
    pub serial_numbers: Vec<String>,
    /// Host names among the alternative names.
    pub dns: Vec<String>,
    /// URIs among them.
    pub uris: Vec<String>,
    /// E-mail addresses among them.
    pub emails: Vec<String>,
    /// Texts in names of another form, as the serial number of a hardware module (RFC 4108 §5) is; octets that are no text stand
    /// as hexadecimal digits.
    pub others: Vec<String>,
}

impl HolderNames {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// It is not a certificate.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, AuthorityError> {
        let (_, parsed) =
            x509_parser::parse_x509_certificate(certificate).map_err(|_| AuthorityError::NotACertificate)?;
        let subject = parsed.subject();
        let text = |value: Result<&str, _>| value.ok().map(str::to_owned);
        let mut names = Self {
            common_names: subject
                .iter_common_name()
                .take(NAMES_MAX)
                .filter_map(|name| text(name.as_str()))
                .collect(),
            serial_numbers: subject
                .iter_by_oid(&OID_X509_SERIALNUMBER)
                .take(NAMES_MAX)
                .filter_map(|name| text(name.as_str()))
                .collect(),
            ..Self::default()
        };
        let alternatives = parsed.subject_alternative_name().ok().flatten();
        for name in alternatives
            .iter()
            .flat_map(|extension| &extension.value.general_names)
        {
            names.add(name);
        }
        Ok(names)
    }

    fn add(&mut self, name: &GeneralName<'_>) {
        let (list, text) = match name {
            GeneralName::DNSName(name) => (&mut self.dns, *name),
            GeneralName::URI(uri) => (&mut self.uris, *uri),
            GeneralName::RFC822Name(address) => (&mut self.emails, *address),
            GeneralName::OtherName(_, value) => {
                read_texts(value, 0, &mut self.others);
                return;
            }
            _ => return,
        };
        if list.len() < NAMES_MAX {
            list.push(text.to_owned());
        }
    }

    /// Every name.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        [
            &self.common_names,
            &self.serial_numbers,
            &self.dns,
            &self.uris,
            &self.emails,
            &self.others,
        ]
        .into_iter()
        .flatten()
    }
}

/// Collects the texts of a value in DER, those inside others included.
fn read_texts(octets: &[u8], depth: usize, texts: &mut Vec<String>) {
    let mut rest = octets;
    while let Ok((after, value)) = Any::from_der(rest) {
        rest = after;
        if texts.len() >= NAMES_MAX || depth >= DEPTH_MAX {
            return;
        }
        let is_text = matches!(
            value.tag(),
            Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::OctetString
        );
        if value.header.is_constructed() {
            read_texts(value.data, depth + 1, texts);
        } else if is_text {
            texts.push(text_of(value.data));
        }
    }
}

fn text_of(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        Ok(_) | Err(_) => octets.iter().map(|octet| format!("{octet:02X}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, OtherNameValue, PKCS_ECDSA_P256_SHA256, SanType};

    use super::*;

    #[test]
    fn each_name_is_found_where_it_stands() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "speaker");
        parameters
            .distinguished_name
            .push(DnType::CustomDnType(vec![2, 5, 4, 5]), "0022EE0A0B0C");
        let other = OtherNameValue::Utf8String("SN-7".to_owned());
        parameters.subject_alt_names = vec![
            SanType::DnsName("a.example.com".try_into().unwrap()),
            SanType::URI("urn:mac:0022EE0A0B0C".try_into().unwrap()),
            SanType::Rfc822Name("a@example.com".try_into().unwrap()),
            SanType::OtherName((vec![1, 3, 6, 1, 5, 5, 7, 8, 4], other)),
        ];
        let certificate = parameters.self_signed(&key).unwrap();

        let names = HolderNames::read(certificate.der()).unwrap();

        assert!(names.common_names.contains(&"speaker".to_owned()));
        assert_eq!(names.serial_numbers, ["0022EE0A0B0C"]);
        assert_eq!(names.dns, ["a.example.com"]);
        assert_eq!(names.uris, ["urn:mac:0022EE0A0B0C"]);
        assert_eq!(names.emails, ["a@example.com"]);
        assert_eq!(names.others, ["SN-7"]);
    }

    #[test]
    fn so_many_names_of_another_form_are_read_and_not_one_more() {
        let one = [0x0C, 1, b'x'];
        for (count, read) in [(NAMES_MAX, NAMES_MAX), (NAMES_MAX + 1, NAMES_MAX)] {
            let mut texts = Vec::new();
            read_texts(&one.repeat(count), 0, &mut texts);
            assert_eq!(texts.len(), read);
        }
    }

    #[test]
    fn octets_are_shown_as_digits_and_a_value_without_end_is_left() {
        let mut texts = Vec::new();
        // A hardware module's name (RFC 4108 §5): type, then serial number.
        let module = [
            0x30, 0x0C, 0x06, 0x02, 0x2A, 0x03, 0x04, 0x06, 0x00, 0x22, 0xEE, 0x0A, 0x0B, 0x0C,
        ];
        read_texts(&module, 0, &mut texts);
        assert_eq!(texts, ["0022EE0A0B0C"]);
        let nested = (0..100).fold(vec![0x05, 0x00], |inner: Vec<u8>, _| {
            let length = u8::try_from(inner.len().min(127)).unwrap();
            [vec![0x30, length], inner].concat()
        });
        read_texts(&nested, 0, &mut texts);
        assert_eq!(texts.len(), 1);
    }
}
