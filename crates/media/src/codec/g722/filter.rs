//! The filter pair that splits 16,000 samples a second into two bands of 8,000, and joins them again.

use super::tables::FILTER;

/// The delay line: a sample of the first branch and one of the second for each coefficient, the latest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    first: [i32; FILTER.len()],
    second: [i32; FILTER.len()],
}

impl Filter {
    /// The lower and the upper band of two samples, 15 bits wide.
    pub(super) fn split(&mut self, samples: [i16; 2]) -> (i32, i32) {
        let (first, second) = self.convolve(samples.map(i32::from));
        ((second + first) >> 14, (second - first) >> 14)
    }

    /// The two samples of a lower and an upper band.
    pub(super) fn join(&mut self, lower: i32, upper: i32) -> [i16; 2] {
        let (first, second) = self.convolve([lower + upper, lower - upper]);
        [second, first].map(|sum| super::saturate_to_sample(sum >> 11))
    }

    fn convolve(&mut self, [first, second]: [i32; 2]) -> (i32, i32) {
        push(&mut self.first, first);
        push(&mut self.second, second);
        let sum_of_first = self
            .first
            .iter()
            .zip(FILTER)
            .map(|(sample, factor)| sample * factor);
        let sum_of_second = self.second.iter().zip(FILTER.into_iter().rev());
        (
            sum_of_first.sum(),
            sum_of_second.map(|(sample, factor)| sample * factor).sum(),
        )
    }
}

fn push(line: &mut [i32], sample: i32) {
    line.rotate_left(1);
    if let Some(last) = line.last_mut() {
        *last = sample;
    }
}
