//! The few functions the predictor needs, from additions and multiplications only.
//!
//! Both shells add and multiply alike to the last bit; they do not take the same logarithm. So these are approximations
//! that are the same everywhere, and good enough for what is learned on top of them.

/// The base 2 logarithm of `n + 1`: exact at powers of two, a straight line between them.
pub(super) fn lg(n: u32) -> f32 {
    let n = u64::from(n) + 1;
    let whole = n.ilog2();
    whole as f32 + (n - (1 << whole)) as f32 / (1u64 << whole) as f32
}

/// 2 to the `x`, within one part in a million; `x` is held to -60..=60, and what is not a number counts as the least.
pub fn exp2(x: f32) -> f32 {
    // Written so that many can be taken at once: what is not a number fails the first comparison.
    let x = if x > -60.0 { x } else { -60.0 };
    let x = if x < 60.0 { x } else { 60.0 };
    // The greatest whole number up to it, without a call.
    let cut = x as i32;
    let down = i32::from(cut as f32 > x);
    let power = cut - down + 127;
    let t = x - (cut - down) as f32;
    // Minimax on 0..1.
    let fraction = 1.0
        + t * (std::f32::consts::LN_2
            + t * (0.240_226_5
                + t * (0.055_503_8 + t * (0.009_618_13 + t * (0.001_333_56 + t * 0.000_170_8)))));
    fraction * f32::from_bits(power.unsigned_abs() << 23)
}

/// e to the `x`, as [`exp2`].
pub fn exp(x: f32) -> f32 {
    exp2(x * std::f32::consts::LOG2_E)
}

/// The natural logarithm of a positive number, within one part in a million; that of anything else is that of the least
/// normal number. For training: a prediction takes none.
pub fn ln(x: f32) -> f32 {
    let x = if x >= f32::MIN_POSITIVE { x } else { f32::MIN_POSITIVE };
    let bits = x.to_bits();
    let mut whole = f32::from(u16::try_from(bits >> 23).unwrap_or(255)) - 127.0;
    let mut m = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    if m > std::f32::consts::SQRT_2 {
        m *= 0.5;
        whole += 1.0;
    }
    // atanh's series: ln m = 2 (s + s³/3 + …) with s at most 0.172.
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q / 9.0))));
    whole * std::f32::consts::LN_2 + series
}

/// A number held to 0..=255 and rounded.
pub(super) fn level(x: f32) -> u8 {
    if x.is_nan() {
        return 0;
    }
    let whole = x.clamp(0.0, 255.0) + 0.5;
    // From 0.5 to 255.5: no sign, nothing cut off.
    #[allow(clippy::cast_sign_loss)]
    let level = whole as u8;
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approximations_are_close_to_what_they_stand_for() {
        for step in -2000..2000_i16 {
            let x = f32::from(step) / 100.0;
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 3e-6, "2^{x}: {} {}", exp2(x), x.exp2());
            assert!((ln(x.exp2()) - x.exp2().ln()).abs() < 1e-5, "ln 2^{x}");
        }
        for (n, log) in [(0, 0.0), (1, 1.0), (2, 1.5), (3, 2.0), (255, 8.0), (u32::MAX, 32.0)] {
            assert!((lg(n) - log).abs() < 1e-6, "{n}");
        }
    }

    #[test]
    fn what_is_not_a_number_or_out_of_bounds_is_held() {
        assert!(exp2(f32::NAN) > 0.0 && exp2(f32::NAN) < 1e-15);
        assert!(exp2(f32::INFINITY).is_finite() && exp2(f32::NEG_INFINITY) > 0.0);
        assert!(ln(0.0).is_finite() && ln(-3.0).is_finite() && ln(f32::NAN).is_finite());
        assert_eq!((level(f32::NAN), level(-9.0), level(9.6), level(1e9)), (0, 0, 10, 255));
    }
}
