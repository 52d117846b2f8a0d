//! Listening in the browser: what the loudspeaker plays, as an endless WAV file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::layout;
use super::signed_in::{IDLE_MAX, SignedIn};
use crate::site::Site;

/// People who listen at a time: each takes what a dozen calls take.
pub(crate) const LISTENERS_MAX: usize = 4;
/// Pieces that wait for a browser that is slow; past that it misses some.
const PIECES_KEPT: usize = 50;
/// Sound of a piece, as the device makes it.
const PIECE: Duration = Duration::from_millis(20);

pub(super) async fn listen(State(site): State<Site>, by: SignedIn) -> Response {
    let Ok(place) = Arc::clone(site.listeners()).try_acquire_owned() else {
        let text = format!("{LISTENERS_MAX} listen already.");
        return layout::failure(StatusCode::SERVICE_UNAVAILABLE, &text);
    };
    let (pieces, receiver) = mpsc::channel(PIECES_KEPT);
    let rate = site.appliance().output_rate();
    let watched = site.clone();
    let goes_on = move || watched.access().has_session(Instant::now(), &by.token, IDLE_MAX);
    tokio::spawn(feed(site.appliance().listen(), rate, pieces, place, goes_on));
    let header = Bytes::from(wav_header(rate));
    let stream = tokio_stream::once(header).chain(ReceiverStream::new(receiver));
    let body = Body::from_stream(stream.map(Ok::<_, std::convert::Infallible>));
    ([(header::CONTENT_TYPE, "audio/wav")], body).into_response()
}

/// Sends what sounds, and silence while nothing does, until the browser has gone or its session is over.
async fn feed(
    mut sound: broadcast::Receiver<Arc<[i16]>>,
    rate: u32,
    pieces: mpsc::Sender<Bytes>,
    place: OwnedSemaphorePermit,
    goes_on: impl Fn() -> bool,
) {
    let mut period = tokio::time::interval(PIECE);
    period.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let samples = usize::try_from(rate / 50).unwrap_or_default();
    let silence = Bytes::from(vec![0; samples * 2]);
    while !pieces.is_closed() && goes_on() {
        period.tick().await;
        let piece = match sound.try_recv() {
            Ok(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            Err(TryRecvError::Empty | TryRecvError::Lagged(_)) => silence.clone(),
            Err(TryRecvError::Closed) => break,
        };
        // A browser that is slow misses a piece; the device does not wait for it.
        let _is_taken = pieces.try_send(piece).is_ok();
    }
    drop(place);
}

/// The header of a mono WAV file of 16 bit whose end is not known.
fn wav_header(rate: u32) -> Vec<u8> {
    const HEADER_LENGTH: u32 = 36;
    let mut header = Vec::with_capacity(44);
    header.extend(b"RIFF");
    header.extend(u32::MAX.to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    // PCM, one channel.
    header.extend([1, 0, 1, 0]);
    header.extend(rate.to_le_bytes());
    header.extend((rate * 2).to_le_bytes());
    header.extend([2, 0, 16, 0]);
    header.extend(b"data");
    header.extend((u32::MAX - HEADER_LENGTH).to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    const RATE: u32 = 8_000;

    async fn started(sound: broadcast::Receiver<Arc<[i16]>>) -> (mpsc::Receiver<Bytes>, Arc<Semaphore>) {
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).try_acquire_owned().unwrap();
        let (pieces, receiver) = mpsc::channel(PIECES_KEPT);
        tokio::spawn(feed(sound, RATE, pieces, place, || true));
        (receiver, places)
    }

    #[tokio::test(start_paused = true)]
    async fn what_sounds_is_heard_and_silence_lasts_as_long_as_it_lasts() {
        let (sounding, sound) = broadcast::channel(8);
        sounding.send(Arc::from([1_i16, -1])).unwrap();
        let begin = tokio::time::Instant::now();

        let (mut pieces, _places) = started(sound).await;

        assert_eq!(pieces.recv().await.unwrap(), &[1, 0, 255, 255][..]);
        for _ in 0..50 {
            assert_eq!(pieces.recv().await.unwrap(), &[0; 320][..]);
        }
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_signed_out_hears_no_more() {
        let (_sounding, sound) = broadcast::channel(8);
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let (pieces, mut receiver) = mpsc::channel(PIECES_KEPT);

        feed(sound, RATE, pieces, place, || false).await;

        assert!(receiver.recv().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_that_has_gone_gives_its_place_back() {
        let (_sounding, sound) = broadcast::channel(8);
        let (pieces, places) = started(sound).await;
        assert_eq!(places.available_permits(), 0);

        drop(pieces);

        tokio::time::sleep(PIECE * 2).await;
        assert_eq!(places.available_permits(), 1);
    }
}
