//! The known word that a mistyped one was probably meant to be.

/// Longest word looked at, in bytes: comparing takes time with the square of it.
const WORD_LENGTH_MAX: usize = 64;

/// Finds the candidate that takes the fewest insertions, deletions and replacements, if these are few for the length of
/// the word; the first of equals.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_LENGTH_MAX {
        return None;
    }
    let tolerable = (word.len() / 4).clamp(1, 3);
    // A word that much longer or shorter takes as many insertions or deletions.
    let compared = candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= tolerable)
        .map(|candidate| (distance(word, candidate), candidate));
    compared
        .filter(|(distance, _)| *distance <= tolerable)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The Levenshtein distance, row by row.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, left_byte) in left.bytes().enumerate() {
        let mut diagonal = index;
        let mut previous = index + 1;
        let (first, rest) = row
            .split_first_mut()
            .expect("a row has one place more than the word has bytes");
        *first = previous;
        for (place, right_byte) in rest.iter_mut().zip(right.bytes()) {
            let replaced = diagonal + usize::from(left_byte != right_byte);
            diagonal = *place;
            *place = replaced.min(previous + 1).min(diagonal + 1);
            previous = *place;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_changes() {
        for (left, right, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_a_strange_word_is_not() {
        let known = ["extension", "members", "name"];

        assert_eq!(nearest("extention", known), Some("extension"));
        assert_eq!(nearest("nam", known), Some("name"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"x".repeat(65), known), None);
    }
}
