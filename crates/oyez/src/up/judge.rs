//! Whether a page was heard, judged from the recording and not from what any part of the system says of itself.

use std::path::Path;
use std::time::Duration;

use audio::{Comparison, Sound, compare};
use serde::Serialize;

/// Furthest that a part may be from its place: endpoints follow the network's jitter by longer or shorter pauses.
pub const LAG_MAX: Duration = Duration::from_millis(60);
/// Least median correlation of 500 ms windows in the telephone band.
pub const MEDIAN_MIN: f64 = 0.95;
/// Least correlation of a window that counts as present, and the least share of windows that have to.
pub const WINDOW_MIN: f64 = 0.8;
/// See [`WINDOW_MIN`].
pub const PRESENT_MIN: f64 = 0.95;
/// Furthest that the level of the first 200 ms may be from the rest's, in decibels.
pub const BEGINNING_DB_MAX: f64 = 1.0;

/// The judgement on one recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The page is in the recording, whole and undistorted.
    pub is_heard: bool,
    /// What is wrong, in a few words; empty if nothing is.
    pub fault: String,
    /// Median correlation of 500 ms windows in the telephone band; 1 is the same sound.
    pub correlation: Option<f64>,
    /// Level of the first 200 ms against the rest, in decibels; 0 is intact.
    pub beginning_db: Option<f64>,
    /// Seconds from the start of the recording to the page's first sample.
    pub begins_at_s: Option<f64>,
}

impl Judgement {
    fn fault(fault: &str) -> Self {
        Self {
            is_heard: false,
            fault: fault.to_owned(),
            correlation: None,
            beginning_db: None,
            begins_at_s: None,
        }
    }
}

/// Judges the recording `file`, if there is one, by the sound that was to be heard.
pub fn judge(reference: &Sound, file: Option<&Path>) -> Judgement {
    let Some(file) = file else {
        return Judgement::fault("there is no recording");
    };
    match Sound::open(file, 0) {
        Ok(recording) => judge_sound(reference, &recording),
        Err(error) => Judgement::fault(&error.to_string()),
    }
}

fn judge_sound(reference: &Sound, recording: &Sound) -> Judgement {
    match compare(
        (&reference.samples, reference.rate),
        (&recording.samples, recording.rate),
        LAG_MAX,
    ) {
        Some(found) => {
            let fault = fault(&found).unwrap_or_default();
            Judgement {
                is_heard: fault.is_empty(),
                fault: fault.to_owned(),
                correlation: Some(found.median()),
                beginning_db: Some(found.beginning_db),
                begins_at_s: Some(found.begins_at),
            }
        }
        None => Judgement::fault("the recording is silent"),
    }
}

fn fault(found: &Comparison) -> Option<&'static str> {
    if found.median() < MEDIAN_MIN {
        Some("what was recorded is not what was said")
    } else if found.beginning_db.abs() > BEGINNING_DB_MAX {
        Some("the beginning is cut or distorted")
    } else if found.share_at_least(WINDOW_MIN) < PRESENT_MIN {
        Some("parts are missing or distorted")
    } else {
        None
    }
}
