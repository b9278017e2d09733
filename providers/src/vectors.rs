//! Vectors as providers write them. An answer may hold millions of numbers, so no tree is made of it: it is walked along,
//! and what is wanted is taken where it stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json::Walk;

/// How a vector was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Numbers,
    /// The bytes of its numbers, four each, the least first.
    Base64,
}

/// The vector that begins here; empty unless it is to be kept. None where it is none, or has nothing in it.
pub(crate) fn vector(walk: &mut Walk<'_>, keep: bool) -> Option<(Written, Vec<f32>)> {
    if walk.peek()? == b'[' {
        return numbers(walk, keep).map(|numbers| (Written::Numbers, numbers));
    }
    let text = walk.string_or_null()??;
    if !keep {
        return (text.len() >= 4).then_some((Written::Base64, vec![]));
    }
    let bytes = STANDARD.decode(&*text.text()).ok()?;
    let (words, rest) = bytes.as_chunks::<4>();
    let numbers: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let whole = rest.is_empty() && !numbers.is_empty() && numbers.iter().all(|n| n.is_finite());
    whole.then_some((Written::Base64, numbers))
}

/// The same, of a vector that can only be numbers.
pub(crate) fn numbers(walk: &mut Walk<'_>, keep: bool) -> Option<Vec<f32>> {
    let (mut out, mut any) = (Vec::new(), false);
    walk.array(|walk| {
        any = true;
        if !matches!(walk.peek()?, b'-' | b'0'..=b'9') {
            return None;
        }
        let (text, ()) = walk.written(Walk::skip)?;
        if keep {
            out.push(text.parse::<f32>().ok().filter(|n| n.is_finite())?);
        }
        Some(())
    })?;
    any.then_some(out)
}

/// Brought to the length of one, where it is not.
pub(crate) fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|n| f64::from(*n) * f64::from(*n)).sum::<f64>().sqrt();
    if length > 0.0 && (length - 1.0).abs() > 1e-4 {
        #[expect(clippy::cast_possible_truncation, reason = "a vector has no more digits than this")]
        vector.iter_mut().for_each(|n| *n = (f64::from(*n) / length) as f32);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(text: &str) -> Option<(Written, Vec<f32>)> {
        let mut walk = Walk::along(text);
        let taken = vector(&mut walk, true)?;
        walk.end().map(|()| taken)
    }

    proptest! {
        #[test]
        fn both_ways_of_writing_say_the_same(numbers in prop::collection::vec(-1e6f32..1e6, 1..40)) {
            let text = serde_json::to_string(&numbers).unwrap();
            prop_assert_eq!(taken(&text), Some((Written::Numbers, numbers.clone())));
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            let text = format!("\"{}\"", STANDARD.encode(bytes));
            prop_assert_eq!(taken(&text), Some((Written::Base64, numbers)));
        }

        #[test]
        fn whatever_is_written_does_no_harm(text in "[\\[\\]0-9a-zA-Z+/=.,\"eE-]{0,40}") {
            if let Some((_, numbers)) = taken(&text) {
                prop_assert!(!numbers.is_empty() && numbers.iter().all(|n| n.is_finite()));
            }
        }
    }

    #[test]
    fn what_is_no_vector_is_none() {
        for text in [
            "[]",
            "[null]",
            "[1,\"2\"]",
            "\"\"",
            "\"AAA\"",
            "\"AAAA\"",
            "\"AADAfw==\"",
            "[1e99]",
            "null",
            "{}",
        ] {
            assert_eq!(taken(text), None, "{text}");
        }
        assert_eq!(taken("\"AACAPw==\""), Some((Written::Base64, vec![1.0])));
    }

    #[test]
    fn a_vector_is_brought_to_the_length_of_one() {
        assert_eq!(normalised(vec![3.0, 4.0]), [0.6, 0.8]);
        assert_eq!(normalised(vec![0.0, 0.0]), [0.0, 0.0]);
        assert_eq!(normalised(vec![0.6, 0.8]), [0.6, 0.8]);
    }
}
