//! The loop that accepts connections, and what it does when accepting fails.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN};
use super::{Counter, Counters};

/// Something that yields connections.
pub(crate) trait Accept {
    /// What a connection is before anything was done with it.
    type Stream;

    /// Waits for the next connection.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self).await
    }
}

/// Accepts for ever. An error, as EMFILE, costs a pause that grows; it never ends the loop and never spins.
/// `serve` must not wait.
pub(crate) async fn accept_for_ever<A: Accept>(
    mut listener: A,
    counters: &Counters,
    mut serve: impl FnMut(A::Stream, SocketAddr),
) {
    let mut backoff = Backoff::default();
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                backoff.reset();
                counters.add(Counter::Accepted);
                serve(stream, remote);
            }
            Err(error) => {
                counters.add(Counter::AcceptErrors);
                backoff.warn_once(&error);
                backoff.pause().await;
            }
        }
    }
}

/// A pause that doubles while errors last.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    pause: Option<Duration>,
}

impl Backoff {
    pub(crate) fn reset(&mut self) {
        self.pause = None;
    }

    /// One line per series of errors: the log must not fill while descriptors are short.
    fn warn_once(&self, error: &io::Error) {
        if self.pause.is_none() {
            tracing::warn!(%error, "connections cannot be accepted at the moment");
        }
    }

    pub(crate) async fn pause(&mut self) {
        let pause = self
            .pause
            .map_or(ACCEPT_PAUSE_MIN, |pause| (pause * 2).min(ACCEPT_PAUSE_MAX));
        self.pause = Some(pause);
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::Instant;

    use super::*;

    /// Fails `errors` times as a process without free descriptors does, then yields one connection, then none.
    struct Scripted {
        errors: usize,
        calls: Arc<AtomicUsize>,
    }

    impl Accept for Scripted {
        type Stream = ();

        async fn accept(&mut self) -> io::Result<((), SocketAddr)> {
            let call = self.calls.fetch_add(1, Ordering::Relaxed);
            match call.cmp(&self.errors) {
                std::cmp::Ordering::Less => Err(io::Error::from_raw_os_error(libc::EMFILE)),
                std::cmp::Ordering::Equal => Ok(((), SocketAddr::from(([192, 0, 2, 1], 5061)))),
                std::cmp::Ordering::Greater => std::future::pending().await,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn t5_accept_errors_pause_longer_and_longer_and_never_end_the_listener() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counters = Counters::default();
        let (served, mut is_served) = tokio::sync::mpsc::channel(1);
        let start = Instant::now();

        let listener = Scripted {
            errors: 10,
            calls: Arc::clone(&calls),
        };
        let accepting = accept_for_ever(listener, &counters, |(), _| served.try_send(()).unwrap());
        tokio::select! {
            () = accepting => panic!("the listener ended"),
            served = is_served.recv() => assert_eq!(served, Some(())),
        }

        // 10 + 20 + ... + 640 ms, then three times the longest pause.
        assert_eq!(start.elapsed(), Duration::from_millis(1_270 + 3_000));
        assert_eq!(counters.count(Counter::AcceptErrors), 10);
        assert_eq!(counters.count(Counter::Accepted), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn t5_a_success_makes_the_next_pause_short_again() {
        let start = Instant::now();
        let mut backoff = Backoff::default();

        backoff.pause().await;
        backoff.pause().await;
        backoff.reset();
        backoff.pause().await;

        assert_eq!(start.elapsed(), Duration::from_millis(10 + 20 + 10));
    }
}
