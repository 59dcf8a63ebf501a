//! The logarithm, written out for loops that the C library's call would hold up.

/// ln x for normal x > 0, to within a few units in the last digit of max(1, |ln x|).
///
/// x = 2^n m with m in [1/sqrt 2, sqrt 2). ln m = 2 artanh s with s = (m - 1) / (m + 1). |s| <
/// 0.172, where the series to s^21 is exact to 2e-17.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    const ONE_BITS: u64 = 0x3ff0_0000_0000_0000;
    const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
    const FRACTION: u64 = 0x000f_ffff_ffff_ffff;
    const TWO_52_BITS: u64 = 0x4330_0000_0000_0000;
    // The exponent n + 1023 as the last bits of 2^52 + n + 1023: AVX2 does not convert integers of
    // 64 bits.
    let above = x.to_bits().wrapping_add(ONE_BITS - SQRT_HALF_BITS);
    let n = f64::from_bits(TWO_52_BITS | above >> 52) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits((above & FRACTION) + SQRT_HALF_BITS);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut sum = 1.0 / 21.0;
    for inverse in [
        1.0 / 19.0,
        1.0 / 17.0,
        1.0 / 15.0,
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
        1.0,
    ] {
        sum = sum * z + inverse;
    }
    n * std::f64::consts::LN_2 + 2.0 * s * sum
}

#[cfg(test)]
mod tests {
    use super::ln;

    #[test]
    fn agrees_with_the_library() {
        let mut x = 1e-300f64;
        while x < 1e300 {
            assert!(
                (ln(x) - x.ln()).abs() <= 4e-16 * x.ln().abs().max(1.0),
                "{x}"
            );
            x *= 1.000_37;
            if (1e-3..0.5).contains(&x) || x > 3.0 {
                x *= 1.01;
            }
        }
        assert_eq!(ln(1.0), 0.0);
        for x in [
            1.0 + 1e-15,
            0.707_106_781_186_547_5,
            std::f64::consts::SQRT_2,
        ] {
            assert!((ln(x) - x.ln()).abs() < 4e-16);
        }
    }
}
