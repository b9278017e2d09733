//! Numbers as text.

/// Moves the point of a JSON number (or of the same in quotes) by `places` to the right and writes it out without an
/// exponent: `1.5e-07` moved by 6 is `0.15`. None where the text is no number.
///
/// Exact up to 15 significant digits. More than that is what a program prints that multiplied binary floats
/// (`0.8900000000000001`); a double holds 15 for certain, and rounded to them it is the price that was meant.
pub(super) fn shifted(text: &str, places: i64) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text).trim();
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // The point stands after this many of the digits.
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(places)?;
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some("0".into());
    }
    if !(-60..=60).contains(&point) {
        return None;
    }
    let (digits, point) = clean(digits, point);
    let (whole, fraction) = match usize::try_from(point) {
        Err(_) | Ok(0) => {
            let zeros = usize::try_from(-point).ok()?;
            (String::new(), format!("{}{digits}", "0".repeat(zeros)))
        }
        Ok(point) if point >= digits.len() => {
            (format!("{digits}{}", "0".repeat(point - digits.len())), String::new())
        }
        Ok(point) => (digits.get(..point)?.to_owned(), digits.get(point..)?.to_owned()),
    };
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// Digits without leading zeros, rounded half up to 15 of them, and where the point then stands.
fn clean(digits: String, point: i64) -> (String, i64) {
    const CERTAIN: usize = 15;
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let significant = digits.split_at(leading).1;
    if significant.len() <= CERTAIN {
        return (digits, point);
    }
    let (kept, rest) = significant.split_at(CERTAIN);
    let point = point - i64::try_from(leading).unwrap_or_default();
    let up = rest.as_bytes().first().is_some_and(|d| *d >= b'5');
    let rounded = kept.parse::<u64>().unwrap_or_default() + u64::from(up);
    let text = rounded.to_string();
    // Nines may carry into one more digit.
    let carried = i64::from(text.len() > CERTAIN);
    (text, point + carried)
}

/// One decimal over another, as a reduced fraction; None unless both are above zero.
pub(super) fn over(a: &str, b: &str) -> Option<(u128, u128)> {
    let places = |t: &str| t.split_once('.').map_or(0, |(_, f)| f.len());
    let most = places(a).max(places(b));
    let scaled = |t: &str| shifted(t, i64::try_from(most).ok()?)?.parse::<u128>().ok().filter(|n| *n > 0);
    let (a, b) = (scaled(a)?, scaled(b)?);
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    Some((a / x, b / x))
}

#[cfg(test)]
mod tests {
    use super::{over, shifted};

    #[test]
    fn points_move_exactly() {
        for (text, places, expected) in [
            ("1.5e-07", 6, "0.15"),
            ("1.5E-7", 6, "0.15"),
            ("\"1.5e-07\"", 6, "0.15"),
            ("2e-06", 6, "2"),
            ("0.0000006", 6, "0.6"),
            ("3.125e-07", 6, "0.3125"),
            ("0", 6, "0"),
            ("0.0", 6, "0"),
            ("0e5", 0, "0"),
            ("7.5", 0, "7.5"),
            ("10", 0, "10"),
            ("1e2", 0, "100"),
            ("1.25e+1", 0, "12.5"),
            ("-1e-06", 6, "-1"),
            ("8.900000000000001e-07", 6, "0.89"),
            ("0.00000094999999999999999", 6, "0.95"),
            ("9.99999999999999999", 0, "10"),
            ("123456789012345678", 0, "123456789012346000"),
            ("0.000123456789012344", 3, "0.123456789012344"),
            ("5e-324", 6, ""),
            ("0.1", -1, "0.01"),
            ("123.456", -3, "0.123456"),
            ("", 6, ""),
            ("x", 6, ""),
            (".5", 6, ""),
            ("1e", 6, ""),
            ("1e99999999999999999999", 6, ""),
        ] {
            assert_eq!(shifted(text, places).unwrap_or_default(), expected, "{text} by {places}");
        }
    }

    #[test]
    fn fractions_are_reduced() {
        assert_eq!(over("4", "2"), Some((2, 1)));
        assert_eq!(over("0.25", "0.15"), Some((5, 3)));
        assert_eq!(over("4.25", "2.5"), Some((17, 10)));
        assert_eq!(over("1", "0"), None);
    }
}
