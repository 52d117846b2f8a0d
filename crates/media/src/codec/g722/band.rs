//! One band's adaptive prediction and scale, the same in encoder and decoder (G.722 clauses 3.5 and 3.6).
//!
//! The blocks of the recommendation are named where they stand. All numbers are 16 bits wide and saturate, as there.

use super::saturate;
use super::tables::POWERS;

/// Zeros of the predictor.
const ZEROS: usize = 6;
/// Bound of the second pole's coefficient: 0.75 in steps of 2^-14.
const SECOND_POLE_MAX: i32 = 12_288;
/// The first pole's coefficient is bounded by this less the second's: 15/16 in the same steps.
const POLES_MAX: i32 = 15_360;

/// How the scale of one band's quantiser follows its codes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaling {
    /// Greatest logarithm of the scale.
    pub(super) logarithm_max: i32,
    /// By how much the logarithm's octave is shifted to make the scale.
    pub(super) shift: i32,
    /// Scale before the first code.
    pub(super) first: i32,
}

/// The state of one band.
#[derive(Debug, Clone)]
pub(super) struct Band {
    scaling: Scaling,
    logarithm: i32,
    scale: i32,
    /// What is expected of the next sample.
    prediction: i32,
    /// The share of the zeros in it.
    zeros_part: i32,
    /// The last two reconstructed samples, the latest first.
    reconstructed: [i32; 2],
    /// The last two partial reconstructions, the latest first.
    partial: [i32; 2],
    poles: [i32; 2],
    /// The last six quantised differences, the latest first.
    differences: [i32; ZEROS],
    zeros: [i32; ZEROS],
}

impl Band {
    pub(super) fn new(scaling: Scaling) -> Self {
        Self {
            scaling,
            logarithm: 0,
            scale: scaling.first,
            prediction: 0,
            zeros_part: 0,
            reconstructed: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
            differences: [0; ZEROS],
            zeros: [0; ZEROS],
        }
    }

    /// What is expected of the next sample.
    pub(super) fn prediction(&self) -> i32 {
        self.prediction
    }

    /// A quantiser's level at the present scale.
    pub(super) fn level(&self, relative: i32) -> i32 {
        (relative * self.scale) >> 12
    }

    /// A difference at the present scale.
    pub(super) fn difference(&self, relative: i32) -> i32 {
        (self.scale * relative) >> 15
    }

    /// Follows a code: the scale grows by `growth`, the predictor learns the quantised `difference`.
    pub(super) fn adapt(&mut self, difference: i32, growth: i32) {
        self.scale_by(growth);
        self.predict_from(difference);
    }

    /// Blocks LOGSCL/LOGSCH and SCALEL/SCALEH.
    fn scale_by(&mut self, growth: i32) {
        let Scaling {
            logarithm_max, shift, ..
        } = self.scaling;
        self.logarithm = (((self.logarithm * 127) >> 7) + growth).clamp(0, logarithm_max);
        let fraction = usize::try_from((self.logarithm >> 6) & 31).unwrap_or(0);
        let power = POWERS.get(fraction).copied().unwrap_or_default();
        let shift = shift - (self.logarithm >> 11);
        self.scale = if shift < 0 {
            power << -shift
        } else {
            power >> shift
        } << 2;
    }

    fn predict_from(&mut self, difference: i32) {
        // RECONS and PARREC.
        let reconstructed = saturate(self.prediction + difference);
        let partial = saturate(self.zeros_part + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        // DELAYA.
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        // FILTEP, FILTEZ and PREDIC.
        let poles = self.poles.iter().zip(self.reconstructed).map(product);
        let poles_part = saturate(poles.sum());
        self.zeros_part = saturate(self.zeros.iter().zip(self.differences).map(product).sum());
        self.prediction = saturate(poles_part + self.zeros_part);
    }

    /// UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, partial: i32) {
        let is_like = self.partial.map(|before| (before < 0) == (partial < 0));
        let [first, second] = self.poles;
        let quadrupled = saturate(first << 2);
        let from_first = if is_like[0] {
            (-quadrupled).min(32_767)
        } else {
            quadrupled
        };
        let step = if is_like[1] { 128 } else { -128 };
        let second =
            (step + (from_first >> 7) + ((second * 32_512) >> 15)).clamp(-SECOND_POLE_MAX, SECOND_POLE_MAX);
        let step = if is_like[0] { 192 } else { -192 };
        let bound = saturate(POLES_MAX - second);
        let first = saturate(step + ((first * 32_640) >> 15)).clamp(-bound, bound);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let is_like = (before < 0) == (difference < 0);
            *zero = saturate(if is_like { step } else { -step } + ((*zero * 32_640) >> 15));
        }
    }
}

/// A coefficient in steps of 2^-14 applied to a sample.
fn product((coefficient, sample): (&i32, i32)) -> i32 {
    (coefficient * saturate(sample + sample)) >> 15
}
