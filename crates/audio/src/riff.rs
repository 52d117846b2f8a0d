//! Finds the samples in a WAV stream whose lengths are not believed.
//!
//! A program that writes WAV into a pipe does not know the length it has to put first: it writes 0, or the
//! largest number it can. And a header may lie. So only the chunks before the samples are read by their lengths,
//! within a limit; the samples last as long as the stream does, where their length says nothing.

use std::io::{self, Chain, Cursor, Read};

/// Bytes before the samples at most: titles, covers and cue points included.
pub(crate) const HEAD_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Longest description of the format; the longest in use has 40 bytes.
const FORMAT_BYTES_MAX: u32 = 1_024;
/// A data length from here on is what a program writes that does not know it.
const UNKNOWN_LENGTH_MIN: u32 = 0x7FFF_0000;

/// A WAV stream with a plain header in front of the samples.
pub(crate) type Plain<R> = Chain<Cursor<Vec<u8>>, R>;

/// Reads up to the samples, and puts a header in front of them that says as much as is known.
///
/// # Errors
/// What is wrong with the stream, for a person.
pub(crate) fn plain<R: Read>(mut stream: R) -> Result<Plain<R>, String> {
    let mut head = stream.by_ref().take(HEAD_BYTES_MAX);
    let [riff, _length, wave] = words(&mut head).map_err(ended)?;
    if riff != *b"RIFF" || wave != *b"WAVE" {
        return Err("it does not begin like one".to_owned());
    }
    let mut format = Vec::new();
    loop {
        let [name, length] = words(&mut head).map_err(ended)?;
        let length = u32::from_le_bytes(length);
        match &name {
            b"data" => return Ok(Cursor::new(header(&format, length)?).chain(stream)),
            b"fmt " if length > FORMAT_BYTES_MAX => {
                return Err("its format is described at length".to_owned());
            }
            b"fmt " => {
                format.clear();
                take(&mut head, length, |bytes| format.extend_from_slice(bytes)).map_err(ended)?;
            }
            _ => take(&mut head, length, |_| {}).map_err(ended)?,
        }
        if length % 2 == 1 {
            // Chunks begin at even places.
            take(&mut head, 1, |_| {}).map_err(ended)?;
        }
    }
}

/// A header of a format and a data chunk whose length is a whole number of frames.
fn header(format: &[u8], data_length: u32) -> Result<Vec<u8>, String> {
    let frame_length = match format.get(12..14) {
        Some(&[low, high]) => u32::from(u16::from_le_bytes([low, high])),
        _ => return Err("its samples come before their format".to_owned()),
    };
    let is_unknown = data_length == 0 || data_length >= UNKNOWN_LENGTH_MIN;
    let data_length = if is_unknown {
        UNKNOWN_LENGTH_MIN
    } else {
        data_length
    };
    let surplus = data_length
        .checked_rem(frame_length)
        .ok_or("its frames have no length")?;
    let format_length = u32::try_from(format.len()).unwrap_or_default();
    let mut header = Vec::with_capacity(format.len() + 28);
    header.extend_from_slice(b"RIFF");
    header.extend_from_slice(&u32::MAX.to_le_bytes());
    header.extend_from_slice(b"WAVEfmt ");
    header.extend_from_slice(&format_length.to_le_bytes());
    header.extend_from_slice(format);
    header.extend_from_slice(b"data");
    header.extend_from_slice(&(data_length - surplus).to_le_bytes());
    Ok(header)
}

fn words<const COUNT: usize>(stream: &mut impl Read) -> io::Result<[[u8; 4]; COUNT]> {
    let mut words = [[0; 4]; COUNT];
    for word in &mut words {
        stream.read_exact(word)?;
    }
    Ok(words)
}

/// Reads `length` bytes in pieces, whatever the length claims to be.
fn take(stream: &mut impl Read, length: u32, mut piece: impl FnMut(&[u8])) -> io::Result<()> {
    let mut left = u64::from(length);
    let mut buffer = [0; 4_096];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let count = stream.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        piece(bytes);
        left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn ended(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends, or goes on for too long, before its samples".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 16-bit mono PCM at 8,000 samples a second.
    const FORMAT: [u8; 16] = [1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x80, 0x3E, 0, 0, 2, 0, 16, 0];

    fn chunk(name: &[u8; 4], length: u32, content: &[u8]) -> Vec<u8> {
        [name.as_slice(), &length.to_le_bytes(), content].concat()
    }

    fn wav(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"RIFF\xFF\xFF\xFF\xFFWAVE".to_vec(), chunks.concat()].concat()
    }

    fn samples(bytes: &[u8]) -> Result<Vec<i16>, String> {
        let mut reader = hound::WavReader::new(plain(bytes)?).map_err(|error| error.to_string())?;
        Ok(reader.samples::<i16>().map_while(Result::ok).collect())
    }

    #[test]
    fn samples_last_as_long_as_the_stream_where_their_length_says_nothing() {
        for length in [0, 0x7FFF_0000, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
            let bytes = wav(&[chunk(b"fmt ", 16, &FORMAT), chunk(b"data", length, &[1, 0, 2, 0])]);
            assert_eq!(samples(&bytes), Ok(vec![1, 2]), "{length:#x}");
        }
    }

    #[test]
    fn a_known_length_ends_the_samples_and_half_a_frame_is_left_out() {
        for (length, expected) in [(4, vec![1, 2]), (3, vec![1]), (2, vec![1])] {
            let bytes = wav(&[
                chunk(b"fmt ", 16, &FORMAT),
                chunk(b"data", length, &[1, 0, 2, 0, 3, 0]),
            ]);
            assert_eq!(samples(&bytes), Ok(expected), "{length}");
        }
    }

    #[test]
    fn other_chunks_are_passed_over_with_their_padding() {
        let bytes = wav(&[
            chunk(b"LIST", 3, b"abc\0"),
            chunk(b"fmt ", 16, &FORMAT),
            chunk(b"fact", 4, &[2, 0, 0, 0]),
            chunk(b"data", 4, &[1, 0, 2, 0]),
        ]);

        assert_eq!(samples(&bytes), Ok(vec![1, 2]));
    }

    #[test]
    fn a_chunk_that_claims_more_than_there_is_ends_the_reading() {
        let bytes = wav(&[chunk(b"LIST", u32::MAX, b"abc")]);

        assert!(samples(&bytes).is_err());
    }

    #[test]
    fn what_stands_before_the_samples_has_a_limit() {
        let padding = |length: u64| {
            let length = u32::try_from(length).unwrap();
            wav(&[
                chunk(b"LIST", length, &vec![0; usize::try_from(length).unwrap()]),
                chunk(b"fmt ", 16, &FORMAT),
                chunk(b"data", 2, &[1, 0]),
            ])
        };
        // The beginning, two chunks' names and lengths, the format, and the name and length of the samples.
        let rest = 12 + 8 + 8 + 16 + 8;

        assert_eq!(samples(&padding(HEAD_BYTES_MAX - rest)), Ok(vec![1]));
        assert!(samples(&padding(HEAD_BYTES_MAX - rest + 2)).is_err());
    }

    #[test]
    fn a_format_of_the_longest_length_is_looked_at_and_a_longer_one_is_not() {
        let described = |length: u32| {
            let mut format = FORMAT.to_vec();
            format.resize(usize::try_from(length).unwrap(), 0);
            plain(&wav(&[chunk(b"fmt ", length, &format), chunk(b"data", 2, &[1, 0])])[..]).map(|_| ())
        };

        assert_eq!(described(FORMAT_BYTES_MAX), Ok(()));
        assert!(described(FORMAT_BYTES_MAX + 2).is_err());
    }

    #[test]
    fn no_cut_and_no_single_changed_octet_breaks_the_reader() {
        let whole = wav(&[chunk(b"fmt ", 16, &FORMAT), chunk(b"data", 4, &[1, 0, 2, 0])]);
        for length in 0..whole.len() {
            // Whatever comes of it, it comes to an end.
            let _outcome = samples(&whole[..length]).is_ok();
        }
        for position in 0..whole.len() {
            for value in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut changed = whole.clone();
                changed[position] = value;
                let _outcome = samples(&changed).is_ok();
            }
        }
    }
}
