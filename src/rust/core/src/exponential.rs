//! The exponential of many numbers at once.

use multiversion::multiversion;

/// Replaces every t >= 0 by exp(-t), to within a few units in the last digit.
///
/// exp(-t) = 2^n exp(r) with n the whole number nearest -t / ln 2. So |r| <= ln 2 / 2, where the
/// Taylor sum to degree 12 is exact to 2e-16. Written without branches for the vector units; `exp`
/// of the C library takes one number at a time.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn exp_negative_in_place(values: &mut [f64]) {
    // Adding 1.5 * 2^52 rounds to a whole number and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const SMALLEST: f64 = -700.0;
    for value in values {
        let t = (-*value).max(SMALLEST);
        let shifted = t * std::f64::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let r = (t - n * LN2_HIGH) - n * LN2_LOW;
        let mut sum = 1.0 / 479_001_600.0;
        for inverse_factorial in [
            1.0 / 39_916_800.0,
            1.0 / 3_628_800.0,
            1.0 / 362_880.0,
            1.0 / 40_320.0,
            1.0 / 5_040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
            1.0,
            1.0,
        ] {
            sum = sum * r + inverse_factorial;
        }
        let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
        *value = if -*value < SMALLEST { 0.0 } else { sum * power };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_accurate_over_its_whole_range() {
        let arguments: Vec<f64> = (0..70_000).map(|i| i as f64 * 0.01).collect();
        let mut values = arguments.clone();
        exp_negative_in_place(&mut values);
        for (t, value) in arguments.iter().zip(&values) {
            assert!(
                (value / (-t).exp() - 1.0).abs() < 1e-15,
                "exp(-{t}) = {value}"
            );
        }
        let mut extremes = [0.0, 1e4, f64::INFINITY];
        exp_negative_in_place(&mut extremes);
        assert_eq!(extremes, [1.0, 0.0, 0.0]);
    }
}
