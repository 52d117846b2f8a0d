use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn here() -> IpAddr {
    [192, 0, 2, 1].into()
}

fn claimed(state: &Path) -> (Access, Instant) {
    let (access, now) = (Access::open(state).unwrap(), Instant::now());
    let code = access.claim_code().unwrap();
    access.claim(now, here(), &code, "correct horse").unwrap();
    (access, now)
}

#[test]
fn a_new_device_is_claimed_once_by_its_code() {
    let state = tempfile::tempdir().unwrap();
    let (access, now) = (Access::open(state.path()).unwrap(), Instant::now());
    let code = access.claim_code().unwrap();
    assert_eq!(access.sign_in(now, here(), "").err(), Some(Denial::OutOfPlace));

    assert_eq!(
        access.claim(now, here(), "WRONG", "correct horse").err(),
        Some(Denial::Wrong)
    );
    assert_eq!(
        access.claim(now, here(), &code, "short").err(),
        Some(Denial::UnfitPassword)
    );
    let token = access.claim(now, here(), &code, "correct horse").unwrap();

    assert!(access.session(now, token.as_str(), HOUR).is_some());
    assert_eq!(access.claim_code(), None);
    assert_eq!(
        access.claim(now, here(), &code, "another horse").err(),
        Some(Denial::OutOfPlace)
    );
}

#[test]
fn a_claimed_device_knows_its_password_after_a_restart_and_keeps_it_to_itself() {
    use std::os::unix::fs::PermissionsExt;
    let state = tempfile::tempdir().unwrap();
    drop(claimed(state.path()));

    let (access, now) = (Access::open(state.path()).unwrap(), Instant::now());

    assert!(access.sign_in(now, here(), "correct horse").is_ok());
    assert_eq!(
        access.sign_in(now, here(), "wrong horse").err(),
        Some(Denial::Wrong)
    );
    let file = state.path().join(PASSWORD_FILE);
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        FILE_MODE
    );
    assert!(!fs::read_to_string(file).unwrap().contains("horse"));
}

#[test]
fn a_changed_password_ends_every_session_but_the_one_it_begins() {
    let state = tempfile::tempdir().unwrap();
    let (access, now) = claimed(state.path());
    let earlier = access.sign_in(now, here(), "correct horse").unwrap();

    assert_eq!(
        access
            .change_password(now, here(), "wrong", "another horse")
            .err(),
        Some(Denial::Wrong)
    );
    let token = access
        .change_password(now, here(), "correct horse", "another horse")
        .unwrap();

    assert!(access.session(now, earlier.as_str(), HOUR).is_none());
    assert!(access.session(now, token.as_str(), HOUR).is_some());
    assert!(access.sign_in(now, here(), "another horse").is_ok());
}

#[test]
fn wrong_passwords_are_slowed_down() {
    let state = tempfile::tempdir().unwrap();
    let (access, now) = claimed(state.path());

    let denials: Vec<Denial> = (0..=web::FREE_TRIES)
        .filter_map(|_| access.sign_in(now, here(), "wrong horse").err())
        .collect();

    assert!(matches!(denials.last(), Some(Denial::Wait(_))), "{denials:?}");
    assert!(matches!(
        access.sign_in(now, here(), "correct horse").err(),
        Some(Denial::Wait(_))
    ));
}

#[test]
fn a_damaged_password_file_is_named_and_nobody_comes_in() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join(PASSWORD_FILE), "algo").unwrap();

    let error = Access::open(state.path()).unwrap_err();

    assert!(error.to_string().contains(PASSWORD_FILE), "{error}");
}
