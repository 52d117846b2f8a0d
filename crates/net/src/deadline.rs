//! Waiting for the time that a pure core asks to be called again.

use std::time::Instant;

/// Waits until `deadline`; for ever if there is none.
pub async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_waited_for_and_none_is_for_ever() {
        let begin = tokio::time::Instant::now();
        until(Some((begin + Duration::from_secs(7)).into_std())).await;
        assert!(begin.elapsed() >= Duration::from_secs(7));
        assert!(
            tokio::time::timeout(Duration::from_secs(1_000), until(None))
                .await
                .is_err()
        );
    }
}
