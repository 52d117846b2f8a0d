//! Records with the service's word for them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::AccountId;
use model::directory::Epoch;
use serde::{Deserialize, Serialize};

use crate::{Digest, RecordError, Records};

/// What a signature is for, so that none made for something else is taken.
const CONTEXT: &[u8] = b"oyez directory 1\0";

/// Records with the service's word for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    records: Records,
    digest: Digest,
    /// Of the [`statement`].
    signature: Vec<u8>,
}

/// What the service signs: that records with the digest are those of the account at the epoch.
fn statement(records: &Records, digest: Digest) -> Vec<u8> {
    let mut statement = CONTEXT.to_vec();
    statement.extend(records.epoch.0.to_be_bytes());
    statement.extend(digest.0);
    statement.extend(records.account.as_str().as_bytes());
    statement
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy<'c> {
    account: Cow<'c, AccountId>,
    epoch: Epoch,
    signature: String,
    records: BTreeMap<Cow<'c, str>, Cow<'c, str>>,
}

impl Held {
    /// Records with a signature that somebody has made; whether it is the service's is still to be seen.
    #[must_use]
    pub fn new(records: Records, signature: Vec<u8>) -> Self {
        let digest = records.digest();
        Self {
            records,
            digest,
            signature,
        }
    }

    /// Signs records, with what makes the signature of a statement.
    ///
    /// # Errors
    ///
    /// When that does not.
    pub fn sign<E>(records: Records, sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Result<Self, E> {
        let digest = records.digest();
        let signature = sign(&statement(&records, digest))?;
        Ok(Self {
            records,
            digest,
            signature,
        })
    }

    /// Whether it is signed, by what says whether a signature is that of a statement.
    pub fn is_signed(&self, is_signed: impl FnOnce(&[u8], &[u8]) -> bool) -> bool {
        is_signed(&statement(&self.records, self.digest), &self.signature)
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Which state they are, and the hash of all of them.
    #[must_use]
    pub fn position(&self) -> (Epoch, Digest) {
        (self.records.epoch, self.digest)
    }

    /// The signature.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Writes a copy; it holds hashes of passwords, and is to be sealed.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let records = self.records.by_key.iter();
        let copy = Copy {
            account: Cow::Borrowed(&self.records.account),
            epoch: self.records.epoch,
            signature: STANDARD.encode(&self.signature),
            records: records
                .map(|(key, json)| (Cow::Borrowed(&**key), Cow::Borrowed(&**json)))
                .collect(),
        };
        serde_json::to_vec(&copy).unwrap_or_default()
    }

    /// Reads what [`Held::to_octets`] writes. Whether the service has signed it is still to be seen.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn from_octets(octets: &[u8]) -> Result<Self, RecordError> {
        let copy: Copy<'_> = serde_json::from_slice(octets).map_err(RecordError::NoCopy)?;
        let records = copy.records.into_iter();
        let records = Records {
            account: copy.account.into_owned(),
            epoch: copy.epoch,
            by_key: records.map(|(key, json)| (key.into(), json.into())).collect(),
        };
        let signature = STANDARD.decode(copy.signature).unwrap_or_default();
        Ok(Self::new(records, signature))
    }
}
