//! The level meter: how loud the loudspeaker is.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::{self, error::TryRecvError};
use tokio_stream::wrappers::IntervalStream;
use tokio_stream::{Stream, StreamExt};

/// How often the level is told at most: fast enough for the eye, and little beside the rest of a page.
const LEVEL_PERIOD: Duration = Duration::from_millis(200);
/// The quietest level that is told, in dB below full scale; what is quieter is silence.
const QUIETEST: f32 = -60.0;

/// The peak of each period in dB of full scale, or `silent`, each time it is another one.
pub(super) fn levels(
    mut sound: broadcast::Receiver<Arc<[i16]>>,
) -> impl Stream<Item = String> + Send + 'static {
    let mut told = String::new();
    IntervalStream::new(tokio::time::interval(LEVEL_PERIOD)).filter_map(move |_| {
        let level = shown(peak(&mut sound));
        (level != told).then(|| {
            told.clone_from(&level);
            level
        })
    })
}

/// The largest sample of all pieces that wait.
fn peak(sound: &mut broadcast::Receiver<Arc<[i16]>>) -> u16 {
    let mut peak = 0;
    loop {
        match sound.try_recv() {
            Ok(piece) => {
                let magnitudes = piece.iter().map(|sample| sample.unsigned_abs());
                peak = magnitudes.fold(peak, u16::max);
            }
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return peak,
        }
    }
}

fn shown(peak: u16) -> String {
    let full_scale = f32::from(i16::MIN.unsigned_abs());
    let level = 20.0 * (f32::from(peak) / full_scale).log10();
    if level < QUIETEST {
        return "silent".to_owned();
    }
    match format!("{:.0}", level.abs()).as_str() {
        "0" => "0".to_owned(),
        below => format!("-{below}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_told_in_decibels_of_full_scale() {
        for (peak, told) in [
            (0, "silent"),
            (32, "silent"),
            (33, "-60"),
            (1_036, "-30"),
            (16_384, "-6"),
            (32_767, "0"),
            (32_768, "0"),
        ] {
            assert_eq!(shown(peak), told, "{peak}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_level_is_told_when_it_changes_and_not_more_often_than_the_eye_sees() {
        let (loudspeaker, sound) = broadcast::channel(64);
        let mut levels = Box::pin(levels(sound));
        let begin = tokio::time::Instant::now();
        assert_eq!(levels.next().await.unwrap(), "silent");

        for _ in 0..8 {
            loudspeaker.send(Arc::from([0, -16_384, 5])).unwrap();
        }
        assert_eq!(levels.next().await.unwrap(), "-6");
        assert_eq!(begin.elapsed(), LEVEL_PERIOD);
        assert_eq!(levels.next().await.unwrap(), "silent");
        let silence = tokio::time::timeout(LEVEL_PERIOD * 50, levels.next()).await;

        assert!(silence.is_err(), "silence is told once");
    }
}
