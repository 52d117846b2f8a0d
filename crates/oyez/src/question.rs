//! What a command asks a running service over its control socket.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, anyhow};
use net::control::{AskError, ask_question};
use serde::de::DeserializeOwned;

/// Asks the service of a control socket, and reads what it answers.
///
/// # Errors
///
/// When no service answers, it refuses, or it is of another version.
pub(crate) async fn ask<A: DeserializeOwned>(path: &Path, question: &str) -> anyhow::Result<A> {
    let shown = path.display();
    let line = ask_question(path, question).await.map_err(|error| match error {
        AskError::Unanswered(error) if error.kind() == ErrorKind::TimedOut => anyhow!(
            "the service at {shown} is busy and has not answered; what was asked for may still be done: look in the portal, then ask again"
        ),
        AskError::Unanswered(error) => anyhow!(error).context(format!(
            "no service answers at {shown}; start one with `oyez service` or `oyez up`, or name its state folder with --state"
        )),
        AskError::Refused(why) => anyhow!("the service at {shown} refuses: {why}"),
    })?;
    serde_json::from_str(&line).context("the service's answer is of another version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn where_no_service_is_it_is_said_how_one_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("service.sock");
        let error = ask::<String>(&path, "audit").await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("no service answers at {}; start one", path.display())),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_answer_of_another_form_is_one_of_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("service.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"{\"odd\":1}\n")
                .await
                .unwrap();
        });
        let error = ask::<String>(&path, "audit").await.unwrap_err();
        answering.await.unwrap();
        assert_eq!(error.to_string(), "the service's answer is of another version");
    }
}
