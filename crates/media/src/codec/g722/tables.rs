//! The constants of ITU-T Recommendation G.722, in its own numbering of tables.

/// Half of the symmetric filter that splits and joins the bands (table 4), the middle last.
pub(super) const FILTER: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// Decision levels of the lower band's six-bit quantiser (table 6a), from the smallest on.
pub(super) const LOWER_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121,
    1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];

/// Codes of the lower band below zero: interval 0 has 63, interval 1 has 62, the others count down from 31.
pub(super) const LOWER_NEGATIVE: [u8; 30] = [
    63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
    6, 5, 4,
];

/// Codes of the lower band from zero up count down from 61.
pub(super) const LOWER_POSITIVE: [u8; 30] = [
    61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
    35, 34, 33, 32,
];

/// What the upper four bits of a lower code stand for, relative to the quantiser's scale (table 8).
pub(super) const LOWER_BY_FOUR_BITS: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584,
    1_200, 0,
];

/// What all six bits of a lower code stand for (table 7).
pub(super) const LOWER_BY_SIX_BITS: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776,
    -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280,
    11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168,
    2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];

/// How much the logarithm of the lower scale grows by the upper four bits of a code (tables 9 and 10 in one).
pub(super) const LOWER_GROWTH: [i32; 16] = [
    -60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60,
];

/// What a code of the upper band stands for (table 12).
pub(super) const UPPER_BY_TWO_BITS: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];

/// How much the logarithm of the upper scale grows by a code (tables 13 and 14 in one).
pub(super) const UPPER_GROWTH: [i32; 4] = [798, -214, 798, -214];

/// Two to the power of n/32, times 2,048 (table 11).
pub(super) const POWERS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774,
    2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838,
    3_922, 4_008,
];
