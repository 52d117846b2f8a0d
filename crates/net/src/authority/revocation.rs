//! The list of certificates that were taken back (RFC 5280 §5).

use std::time::{Duration, SystemTime};

use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};

use super::{Authority, AuthorityError, BACKDATED};

/// For how long a list is good: whoever cannot get another goes on for that time.
pub const LIST_VALIDITY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A certificate that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number.
    pub serial: Vec<u8>,
    /// When it was taken back.
    pub at: SystemTime,
}

impl Authority {
    /// Signs the list in DER, good from [`BACKDATED`] before `now`. `number` rises from list to list.
    ///
    /// # Errors
    /// A time cannot stand in a list.
    pub fn revocation_list(
        &self,
        revoked: &[Revoked],
        number: u64,
        now: SystemTime,
    ) -> Result<Vec<u8>, AuthorityError> {
        let entry = |revoked: &Revoked| RevokedCertParams {
            serial_number: SerialNumber::from(revoked.serial.clone()),
            revocation_time: revoked.at.into(),
            reason_code: None,
            invalidity_date: None,
        };
        let from = now.checked_sub(BACKDATED).unwrap_or(now);
        let parameters = CertificateRevocationListParams {
            this_update: from.into(),
            next_update: now.checked_add(LIST_VALIDITY).unwrap_or(now).into(),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = parameters
            .signed_by(&self.issuer)
            .map_err(AuthorityError::Issue)?;
        Ok(list.der().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

    use super::*;
    use crate::authority::{CertificateFacts, OwnKey, Purpose};
    use crate::tls::certificates_from_pem;

    #[test]
    fn a_list_names_what_was_taken_back_and_is_signed_by_the_authority() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let authority = Authority::generate("Test", now).unwrap();
        let request = OwnKey::generate().unwrap().request("0022EE0A0B0C").unwrap();
        let issued = authority.sign_request(&request, Purpose::Client, now).unwrap();
        let issued = certificates_from_pem(issued.as_bytes()).unwrap();
        let serial = CertificateFacts::read(&issued[0]).unwrap().serial;
        let revoked = Revoked {
            serial: serial.clone(),
            at: now,
        };

        let list = authority.revocation_list(&[revoked], 7, now).unwrap();

        let (_, list) = CertificateRevocationList::from_der(&list).unwrap();
        let serials: Vec<&[u8]> = list
            .iter_revoked_certificates()
            .map(|one| one.raw_serial())
            .collect();
        assert_eq!(serials, [serial.as_slice()]);
        assert_eq!(list.issuer().to_string(), "CN=Test");
        let empty = authority.revocation_list(&[], 8, now).unwrap();
        let (_, empty) = CertificateRevocationList::from_der(&empty).unwrap();
        assert_eq!(empty.iter_revoked_certificates().count(), 0);
    }
}
