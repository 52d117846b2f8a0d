//! The hashes that zones are told in place of passwords.

use std::collections::BTreeMap;

use model::directory::{CredentialSecret, DigestAlgorithm, Generation};
use model::inventory::{EarlierPassword, Line, LineId};
use model::{AccountId, AuthorizationId, Secret};
use sip::digest::{Algorithm, Ha1};

use crate::lines::{Sealed, open, with_password};
use crate::seal::Sealer;
use crate::transaction::StoreError;

/// The hashes of one directory, kept so that the next one opens and hashes only the passwords that are new in it.
#[derive(Debug, Default)]
pub struct Hashes {
    by_password: BTreeMap<(LineId, Generation), Hash>,
}

/// What a hash was made of, and the hash.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    account: AccountId,
    authorization_id: AuthorizationId,
    algorithm: DigestAlgorithm,
    sealed: Sealed,
}

#[derive(Debug)]
struct Hash {
    of: Made,
    ha1: Secret,
}

/// Lines, and what rotations have left good of their passwords, with hashes in the place of passwords.
pub(crate) type Hashed = (
    Vec<Line<CredentialSecret>>,
    Vec<EarlierPassword<CredentialSecret>>,
);

impl Hashes {
    /// Puts hashes in the place of passwords, and keeps these and no others.
    pub(crate) fn follow(
        &mut self,
        account: &AccountId,
        sealer: &Sealer,
        lines: Vec<Line<Sealed>>,
        earlier: Vec<EarlierPassword<Sealed>>,
    ) -> Result<Hashed, StoreError> {
        let mut before = std::mem::take(&mut self.by_password);
        let mut hash = |id: &LineId, generation, of: Made| {
            let key = (id.clone(), generation);
            let known = before.remove(&key).filter(|hash| hash.of == of);
            let hash = known.map_or_else(|| Hash::make(id, of, sealer), Ok)?;
            let ha1 = CredentialSecret::Ha1(hash.ha1.clone());
            self.by_password.insert(key, hash);
            Ok::<_, StoreError>(ha1)
        };
        let of_line = |line: &Line<Sealed>, sealed: Sealed| Made {
            account: account.clone(),
            authorization_id: line.authorization_id.clone(),
            algorithm: line.algorithm,
            sealed,
        };
        let earlier_by_line: BTreeMap<LineId, EarlierPassword<Sealed>> = earlier
            .into_iter()
            .map(|earlier| (earlier.line.clone(), earlier))
            .collect();
        let mut hashed = (Vec::with_capacity(lines.len()), Vec::new());
        for line in lines {
            if let Some(earlier) = earlier_by_line.get(&line.id) {
                let of = of_line(&line, earlier.password.clone());
                hashed.1.push(EarlierPassword {
                    line: line.id.clone(),
                    generation: earlier.generation,
                    password: hash(&line.id, earlier.generation, of)?,
                });
            }
            let of = of_line(&line, line.password.clone());
            let ha1 = hash(&line.id, line.generation, of)?;
            hashed.0.push(with_password(line, ha1));
        }
        Ok(hashed)
    }
}

impl Hash {
    fn make(id: &LineId, of: Made, sealer: &Sealer) -> Result<Self, StoreError> {
        let password = open(sealer, &of.sealed, id)?;
        let algorithm = match of.algorithm {
            DigestAlgorithm::Md5 => Algorithm::Md5,
            DigestAlgorithm::Sha256 => Algorithm::Sha256,
        };
        let password = sip::digest::Secret::from(password.reveal());
        // The realm is the account's id, see `model::inventory::directory_of`.
        let realm = of.account.as_str();
        let ha1 = Ha1::new(algorithm, of.authorization_id.as_str(), realm, &password);
        Ok(Self {
            ha1: Secret::from(ha1.reveal()),
            of,
        })
    }
}

#[cfg(test)]
mod tests {
    use model::inventory::{HolderId, LinePlace};
    use model::{DeviceId, SlotPosition};

    use super::*;

    fn sealer(folder: &std::path::Path, name: &str) -> Sealer {
        Sealer::open(&folder.join(name), true).unwrap()
    }

    fn line(sealer: &Sealer, number: u128, password: &str) -> Line<Sealed> {
        let id = LineId::from_random(number);
        Line {
            device: DeviceId::from_random(number),
            place: LinePlace::Slot(SlotPosition::BASE_PAGE),
            holder: HolderId::from_random(number),
            user: format!("u{number}").parse().unwrap(),
            authorization_id: format!("a{number}").parse().unwrap(),
            algorithm: DigestAlgorithm::Sha256,
            generation: Generation(1),
            password: Sealed(sealer.seal(&Secret::from(password), id.as_str()).unwrap()),
            id,
        }
    }

    /// The lines of an account, as they change.
    struct Account {
        id: AccountId,
        sealer: Sealer,
        lines: Vec<Line<Sealed>>,
        earlier: Vec<EarlierPassword<Sealed>>,
        hashes: Hashes,
    }

    impl Account {
        fn hash(&self, hashes: &mut Hashes, sealer: &Sealer) -> Result<Vec<CredentialSecret>, StoreError> {
            let (lines, earlier) =
                hashes.follow(&self.id, sealer, self.lines.clone(), self.earlier.clone())?;
            let earlier = earlier.into_iter().map(|earlier| earlier.password);
            Ok(lines
                .into_iter()
                .map(|line| line.password)
                .chain(earlier)
                .collect())
        }

        /// Hashes what there is, and sees that what was kept before makes no difference, and that no more is kept than there is.
        fn follow(&mut self) -> Vec<CredentialSecret> {
            let mut hashes = std::mem::take(&mut self.hashes);
            let followed = self.hash(&mut hashes, &self.sealer).unwrap();
            let fresh = self.hash(&mut Hashes::default(), &self.sealer).unwrap();
            assert_eq!(followed, fresh);
            assert_eq!(hashes.by_password.len(), followed.len());
            self.hashes = hashes;
            followed
        }
    }

    #[test]
    fn only_what_is_new_is_opened_and_what_is_gone_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let own = sealer(folder.path(), "own.key");
        let mut account = Account {
            id: "acme".parse().unwrap(),
            lines: (1..4).map(|number| line(&own, number, "one")).collect(),
            sealer: own,
            earlier: Vec::new(),
            hashes: Hashes::default(),
        };
        let first = account.follow();
        let by_hand = Ha1::new(Algorithm::Sha256, "a1", "acme", &sip::digest::Secret::from("one"));
        assert_eq!(first[0], CredentialSecret::Ha1(Secret::from(by_hand.reveal())));

        let changes: [fn(&mut Account); 6] = [
            |account| {
                let line = &mut account.lines[0];
                account.earlier.push(EarlierPassword {
                    line: line.id.clone(),
                    generation: line.generation,
                    password: line.password.clone(),
                });
                line.generation = Generation(2);
                line.password = super::tests::line(&account.sealer, 1, "two").password;
            },
            |account| account.earlier.clear(),
            |account| {
                account.lines[1].password = line(&account.sealer, 2, "another, of no other number").password;
            },
            |account| account.lines[1].authorization_id = "renamed".parse().unwrap(),
            |account| account.lines[2].algorithm = DigestAlgorithm::Md5,
            |account| drop(account.lines.pop()),
        ];
        for change in changes {
            let before = account.follow();
            change(&mut account);
            assert_ne!(account.follow(), before);
        }

        let other = sealer(folder.path(), "other.key");
        let mut hashes = std::mem::take(&mut account.hashes);
        assert!(account.hash(&mut hashes, &other).is_ok(), "none is opened");
        account.lines.push(line(&account.sealer, 9, "new"));
        assert!(matches!(
            account.hash(&mut hashes, &other),
            Err(StoreError::WrongKey)
        ));
        account.lines.pop();
        assert!(
            account.hash(&mut hashes, &account.sealer).is_ok(),
            "after a failure as well"
        );
    }
}
