//! An output that tells a test of each stretch of samples it is handed.

use std::path::PathBuf;

use audio::{Sink, SinkError};
use tokio::sync::mpsc;

/// Sends on what `heard` makes of each stretch of samples.
pub(crate) struct Tape<T, F> {
    /// Where it is sent.
    pub(crate) sender: mpsc::Sender<T>,
    /// What is heard in a stretch.
    pub(crate) heard: F,
}

impl<T: Send, F: FnMut(&[i16]) -> T + Send> Sink for Tape<T, F> {
    fn name(&self) -> String {
        "tape".to_owned()
    }
    fn is_audible(&self) -> bool {
        true
    }
    fn begin(&mut self, _: &str) -> Result<(), SinkError> {
        Ok(())
    }
    fn write(&mut self, samples: &[i16]) -> Result<(), SinkError> {
        self.sender
            .blocking_send((self.heard)(samples))
            .map_err(|_| SinkError::NotOpen)
    }
    fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
        Ok(None)
    }
}
