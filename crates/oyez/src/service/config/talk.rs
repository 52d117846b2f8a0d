//! The section of talking: how texts are read out.

use serde::Deserialize;

/// How texts are read out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TalkConfig {
    /// The voice, as the program that reads them calls it; without one it is that of the machine's language.
    pub voice: Option<String>,
}
