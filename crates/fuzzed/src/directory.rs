//! Directory files.

use model::directory::{Applied, Directory, DirectoryError, Update};
use model::directory_file::{ERRORS_MAX, parse};

const FILE: &str = "directory.toml";

/// Reads a directory file and serves from it.
///
/// # Panics
/// If a file is refused without a reason, a reason has no line of the file, a file that was taken cannot be applied or
/// reads differently the second time, or a user or an extension of it cannot be found.
pub fn directory(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let snapshot = match parse(FILE, text) {
        Ok(snapshot) => snapshot,
        Err(errors) => {
            assert!((1..=ERRORS_MAX).contains(&errors.len()));
            let lines = text.split('\n').count();
            assert!(
                errors.iter().all(|error| (1..=lines).contains(&error.line)),
                "{errors:?}"
            );
            assert!(errors.is_sorted_by_key(|error| error.line));
            return;
        }
    };
    assert_eq!(parse(FILE, text).as_ref(), Ok(&snapshot));
    let mut directory = Directory::new(snapshot.account.clone());
    let applied = directory.apply(Update::Snapshot(snapshot.clone()));
    let done: Result<_, DirectoryError> = Ok(Applied::Done { revoked: Vec::new() });
    assert_eq!(applied, done);
    assert_eq!(directory.epoch(), Some(snapshot.epoch));
    assert_eq!(directory.users().count(), snapshot.users.len());
    assert_eq!(directory.extensions().count(), snapshot.extensions.len());
    for user in &snapshot.users {
        assert_eq!(directory.user(user.user.as_str()), Some(user));
        for extension in &snapshot.extensions {
            assert_eq!(directory.extension(extension.extension.as_str()), Some(extension));
            let decision = directory.decide(&user.user, extension);
            assert_eq!(decision, directory.decide(&user.user, extension));
        }
    }
    for credential in &snapshot.credentials {
        let known = directory.credentials(credential.authorization_id.as_str());
        assert!(known.contains(credential));
    }
    assert_eq!(directory.apply(Update::Snapshot(snapshot)), Ok(Applied::Ignored));
}
