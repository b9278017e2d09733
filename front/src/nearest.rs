//! The known word that a misspelt one was probably meant to be.

/// The closest of `known`, where it is close enough to be a slip: at most a third of its letters differ.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word: String = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let (distance, best) = known.iter().map(|k| (distance(&word, k), *k)).min()?;
    (distance <= best.len().div_ceil(3).max(1)).then_some(best)
}

/// Levenshtein's, by rows.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        row[0] = left;
        for (j, y) in b.iter().enumerate() {
            let best = (corner + usize::from(x != *y)).min(left + 1).min(row[j + 1] + 1);
            corner = row[j + 1];
            row[j + 1] = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["prompt", "messages", "max_tokens", "temperature"];
        for (word, meant) in [
            ("promt", Some("prompt")),
            ("message", Some("messages")),
            ("maxTokens", Some("max_tokens")),
            ("Temperature", Some("temperature")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }
}
