//! "Did you mean": names close to one that is unknown.

use super::Entry;

pub(super) fn among(models: &[Entry], name: &str, count: usize) -> Vec<String> {
    let served = models.iter().filter(|entry| entry.card.model != "*");
    near(served.map(|entry| (entry.id(), entry.card.model.as_str())), name, count)
}

/// Of (id, the model's own name) the ids by edit distance from `name` to the id, to the model's own name and to the
/// last part of that; the distance has to be under half the length of what was typed, else it is no likeness but
/// chance.
pub fn near<'a>(served: impl Iterator<Item = (String, &'a str)>, name: &str, count: usize) -> Vec<String> {
    let name = name.trim().to_ascii_lowercase();
    let most = (name.chars().count() / 2).max(1);
    let mut near: Vec<(usize, String)> = served
        .filter_map(|(id, model)| {
            let (lower, model) = (id.to_ascii_lowercase(), model.to_ascii_lowercase());
            let last = model.rsplit('/').next().unwrap_or_default();
            let least =
                [lower.as_str(), model.as_str(), last].into_iter().map(|n| distance(&name, n)).min()?;
            // A name that begins a longer one was probably cut short, however much is missing.
            let begins = name.len() >= 3
                && (model.starts_with(&name) || last.starts_with(&name) || lower.starts_with(&name));
            let least = if begins { least.min(1) } else { least };
            (least <= most).then_some((least, id))
        })
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(count).map(|(_, id)| id).collect()
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let here = (diagonal + usize::from(ca != *cb)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], here);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in
            [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("gpt-6-sol", "gpt6-sol", 1)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }
}
