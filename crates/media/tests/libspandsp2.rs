//! G.722 against libspandsp2, an implementation that is not ours, where it is installed.
//!
//! The library is loaded at run time, so nothing is needed to build this. It is skipped with a line on standard
//! error where the library is missing, and fails instead if `OYEZ_REQUIRE_PEERS` is 1.

#![expect(unsafe_code, reason = "the peer is a C library")]

use std::ffi::{c_int, c_void};
use std::ptr;

use libloading::{Library, Symbol};
use media::codec::g722::{G722Decoder, G722Encoder};

const LIBRARY: &str = "libspandsp.so.2";
/// 64 kbit/s: all six bits of the lower band are sound.
const BIT_RATE: c_int = 64_000;
/// Sixteen bits a sample, one octet for two of them.
const OPTIONS: c_int = 0;
const SECONDS: usize = 5;

type Init = unsafe extern "C" fn(*mut c_void, c_int, c_int) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void) -> c_int;
type Encode = unsafe extern "C" fn(*mut c_void, *mut u8, *const i16, c_int) -> c_int;
type Decode = unsafe extern "C" fn(*mut c_void, *mut i16, *const u8, c_int) -> c_int;

#[test]
fn the_encoder_makes_the_octets_of_the_peer() {
    let Some(peer) = peer() else { return };
    for (name, samples) in signals() {
        let mut encoder = G722Encoder::default();
        let pairs = samples.as_chunks::<2>().0;
        let ours: Vec<u8> = pairs.iter().map(|&pair| encoder.encode(pair)).collect();
        assert!(ours == encoded(&peer, &samples), "{name}");
    }
}

#[test]
fn the_decoder_makes_the_samples_of_the_peer() {
    let Some(peer) = peer() else { return };
    for (name, samples) in signals() {
        let octets = encoded(&peer, &samples);
        let mut decoder = G722Decoder::default();
        let ours: Vec<i16> = octets.iter().flat_map(|&octet| decoder.decode(octet)).collect();
        assert_alike(name, &ours, &decoded(&peer, &octets));
    }
}

#[test]
fn octets_that_no_encoder_made_are_decoded_alike() {
    let Some(peer) = peer() else { return };
    let octets: Vec<u8> = noise()
        .take(16_000)
        .map(|sample| sample.to_be_bytes()[0])
        .collect();
    let mut decoder = G722Decoder::default();
    let ours: Vec<i16> = octets.iter().flat_map(|&octet| decoder.decode(octet)).collect();
    assert_alike("random", &ours, &decoded(&peer, &octets));
}

/// The peer wraps round what is beyond full scale, which the recommendation (block LIMIT) and our decoder do not.
fn assert_alike(name: &str, ours: &[i16], theirs: &[i16]) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (index, (&ours, &theirs)) in ours.iter().zip(theirs).enumerate() {
        let has_wrapped = matches!((ours, theirs < 0), (i16::MAX, true) | (i16::MIN, false));
        assert!(
            ours == theirs || has_wrapped,
            "{name}, sample {index}: {ours}, {theirs}"
        );
    }
}

/// A sweep through both bands, noise, square waves at full scale, and silence between bursts.
#[expect(
    clippy::cast_possible_truncation,
    reason = "thirty thousand times a sine fits into 16 bits"
)]
fn signals() -> [(&'static str, Vec<i16>); 4] {
    let count = SECONDS * 16_000;
    let sweep = (0..count).map(|n| {
        let seconds = n as f64 / 16_000.0;
        let phase = std::f64::consts::TAU * (50.0 + 790.0 * seconds) * seconds;
        (phase.sin() * 30_000.0) as i16
    });
    let square = (0..count).map(|n| if n / 37 % 2 == 0 { i16::MAX } else { i16::MIN });
    let bursts = noise()
        .enumerate()
        .map(|(n, sample)| if n / 4_000 % 2 == 0 { sample / 8 } else { 0 });
    [
        ("sweep", sweep.collect()),
        ("noise", noise().take(count).collect()),
        ("square", square.collect()),
        ("bursts", bursts.take(count).collect()),
    ]
}

/// Samples that follow no pattern, the same at each run.
fn noise() -> impl Iterator<Item = i16> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [low, high, ..] = state.to_le_bytes();
        i16::from_le_bytes([low, high])
    })
}

fn peer() -> Option<Library> {
    // SAFETY: libspandsp has no initialisation routines with side effects on this program.
    if let Ok(library) = unsafe { Library::new(LIBRARY) } {
        return Some(library);
    }
    peers::skip(&format!("{LIBRARY} is missing; `cargo xtask peers` installs it"));
    None
}

fn encoded(peer: &Library, samples: &[i16]) -> Vec<u8> {
    let mut octets = vec![0; samples.len()];
    // SAFETY: the types are those of the library's header; the output has room for an octet a sample, twice of what is written.
    let length = unsafe {
        let state = function::<Init>(peer, b"g722_encode_init")(ptr::null_mut(), BIT_RATE, OPTIONS);
        let count = c_int::try_from(samples.len()).expect("lengths are positive and short");
        let length =
            function::<Encode>(peer, b"g722_encode")(state, octets.as_mut_ptr(), samples.as_ptr(), count);
        function::<Free>(peer, b"g722_encode_free")(state);
        length
    };
    octets.truncate(usize::try_from(length).expect("lengths are positive and short"));
    octets
}

fn decoded(peer: &Library, octets: &[u8]) -> Vec<i16> {
    let mut samples = vec![0; octets.len() * 2];
    // SAFETY: the types are those of the library's header; the output has room for two samples an octet, which it writes.
    let length = unsafe {
        let state = function::<Init>(peer, b"g722_decode_init")(ptr::null_mut(), BIT_RATE, OPTIONS);
        let count = c_int::try_from(octets.len()).expect("lengths are positive and short");
        let length =
            function::<Decode>(peer, b"g722_decode")(state, samples.as_mut_ptr(), octets.as_ptr(), count);
        function::<Free>(peer, b"g722_decode_free")(state);
        length
    };
    samples.truncate(usize::try_from(length).expect("lengths are positive and short"));
    samples
}

/// # Safety
/// `F` must be the function's type in C.
unsafe fn function<'a, F>(peer: &'a Library, name: &[u8]) -> Symbol<'a, F> {
    // SAFETY: promised by the caller.
    unsafe { peer.get(name) }.expect("spandsp 0.0.6 exports the function")
}
