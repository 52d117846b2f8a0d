//! What the API says of the device's certificate.

use std::fs;
use std::time::Duration;

use net::authority::{Authority, Purpose, Subject};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn the_certificate_is_told_with_its_subject_its_expiry_and_what_that_means() {
    let bench = Bench::open().await;
    let folder = bench.state.path().join("certificate");
    fs::create_dir(&folder).unwrap();
    let about = bench.get("/api/info/about").await.json();
    assert_eq!(about["Manufacturer Certificate"], "Not Installed");
    assert_eq!(about.get("Certificate Status"), None);

    for (age, status) in [(1, "Valid"), (390, "Expires Soon"), (500, "Expired")] {
        let issued_at = SystemTime::now() - age * DAY;
        let authority = Authority::generate("test", issued_at).unwrap();
        let names = [Subject::Name("lobby.example".to_owned())];
        let issued = authority.issue(&names, Purpose::Client, issued_at).unwrap();
        fs::write(folder.join("device.pem"), &issued.certificate_pem).unwrap();
        fs::write(folder.join("device.key"), issued.key_pem.as_bytes()).unwrap();

        let about = bench.get("/api/info/about").await.json();

        assert_eq!(about["Manufacturer Certificate"], "Installed");
        assert_eq!(about["Certificate Subject"], "CN=lobby.example");
        assert_eq!(about["Certificate Status"], status);
        let expiry = crate::moment::Moment::from(issued.not_after);
        assert_eq!(about["Certificate Expiry"], expiry.to_string());
    }

    fs::write(folder.join("device.key"), "no key").unwrap();
    let about = bench.get("/api/info/about").await.json();
    assert_eq!(about["Manufacturer Certificate"], "Not Installed");
    let status = about["Certificate Status"].as_str().unwrap();
    assert!(
        status.starts_with("Unusable: ") && status.contains("device.key"),
        "{status}"
    );
    bench.appliance.stop().await;
}
