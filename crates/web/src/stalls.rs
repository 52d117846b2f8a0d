//! A connection whose other end has to take what it is sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long the other end may take to make room for an octet; a connection that takes longer is given up. A browser that listens to the
/// loudspeaker over a bad network is quicker, and one that has asked for a page and does not read it loses its place.
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(30);

/// A stream that fails when nothing of what is written is taken for [`WRITE_STALL_MAX`].
pub(crate) struct Unstalled<S> {
    stream: S,
    /// Runs while a write waits.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> Unstalled<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            patience: None,
        }
    }

    /// What becomes of a write: one that waits starts the clock, one that went on stops it.
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.patience = None;
            return written;
        }
        let patience = self
            .patience
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + WRITE_STALL_MAX)));
        match patience.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstalled<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstalled<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, octets);
        self.watch(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, ended)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn w07_who_takes_nothing_is_given_up_after_so_long_and_not_before() {
        let (here, mut there) = duplex(16);
        let mut here = Unstalled::new(here);
        let begin = Instant::now();
        let writing = tokio::spawn(async move {
            let first = here.write_all(&[0; 32]).await;
            let second = here.write_all(&[0; 32]).await;
            (first, second)
        });

        // Just in time, once; then never again.
        tokio::time::sleep(WRITE_STALL_MAX - Duration::from_millis(1)).await;
        there.read_exact(&mut [0; 16]).await.unwrap();
        let (first, second) = writing.await.unwrap();

        assert!(first.is_ok());
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let end = begin.elapsed();
        assert_eq!(end, WRITE_STALL_MAX * 2 - Duration::from_millis(1));
    }
}
