//! Programs that may use the API.

use super::*;

#[tokio::test]
async fn a_client_is_added_with_a_secret_that_is_shown_once_and_removed() {
    let visit = Visit::of(Role::Admin).await;
    let refused = visit.post("/api-clients/add", "name=Stock+list").await;
    assert!(refused.marks("scope", "choose at least one"), "{}", refused.text);
    let form = "name=Stock+list&scope=phone:read:admin&further=Phone";
    let refused = visit.post("/api-clients/add", form).await;
    assert!(refused.marks("further", "&#34;Phone"), "{}", refused.text);

    let form = "name=Stock+list&scope=phone:read:admin&further=phone:write:device:admin";
    let added = visit.post("/api-clients/add", form).await;

    assert_eq!(added.status, StatusCode::OK, "{}", added.text);
    let mut reading = visit.store.read().await.unwrap();
    let client = reading.account(&one()).api_clients().await.unwrap().remove(0);
    drop(reading);
    assert_eq!(
        client.scopes.to_string(),
        "phone:read:admin phone:write:device:admin"
    );
    assert!(added.text.contains(client.id.as_str()));
    let is_secret = |text: &str| crate::provisioning::sha256(text.as_bytes()) == client.secret;
    assert!(added.text.split(['<', '>']).any(is_secret));
    let listed = visit.get("/api-clients").await;
    assert!(!listed.text.split(['<', '>']).any(is_secret));

    let made = visit.post(&format!("/api-clients/{}/token", client.id), "").await;
    let hashes = made
        .text
        .split(['<', '>'])
        .map(|text| crate::provisioning::sha256(text.as_bytes()));
    let mut reading = visit.store.read().await.unwrap();
    let mut is_known = false;
    for hash in hashes {
        is_known |= reading.bearer(hash, now()).await.unwrap().is_some();
    }
    assert!(is_known, "{}", made.text);
    drop(reading);

    let removed = visit
        .post(&format!("/api-clients/{}/remove", client.id), "")
        .await;
    assert_eq!(removed.location(), "/api-clients");
    assert_eq!(
        visit.audit().await[..3],
        ["remove API client", "make API token", "add API client"]
    );
}
