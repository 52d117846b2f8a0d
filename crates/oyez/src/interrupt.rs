//! What asks a running program to end: Ctrl-C, and the signal that service managers send.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for both.
#[derive(Debug)]
pub struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// From here on neither ends the program by itself.
    ///
    /// # Errors
    ///
    /// When the system does not let a signal be waited for.
    pub fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot wait for an interrupt")?,
            terminate: signal(SignalKind::terminate()).context("cannot wait for a signal")?,
        })
    }

    /// Waits for the next one. Nothing is lost when the future is dropped.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Lets `farewell` come to its end, unless the program is asked once more.
    pub async fn let_finish(&mut self, farewell: impl Future<Output = ()>) {
        tokio::select! {
            () = farewell => {}
            () = self.asked() => tracing::warn!("asked once more: ending at once"),
        }
    }
}
