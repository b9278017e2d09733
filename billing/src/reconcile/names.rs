//! One model under several names: `gpt-4o-mini-2024-07-18` is what `gpt-4o-mini` was answered by, `Claude Haiku 4.5` is how a
//! console shows `claude-haiku-4-5-20251001`.

use std::collections::{BTreeMap, BTreeSet};

/// The ledger's name for each of the provider's.
pub(super) struct Names {
    ours: BTreeMap<String, String>,
}

impl Names {
    /// A name that the ledger has as well means itself. Any other means the one model of the ledger's that is the same but for
    /// spelling and date; where there are several, the one without a date; else nobody but itself.
    pub fn of(ours: &BTreeSet<&str>, theirs: &BTreeSet<&str>) -> Self {
        let mut plain: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in ours {
            plain.entry(plainly(name)).or_default().push(name);
        }
        let mean = |name: &str| {
            let candidates = plain.get(&plainly(name))?;
            // One that the export has under its own name is taken already.
            let free: Vec<&&str> = candidates.iter().filter(|ours| !theirs.contains(**ours)).collect();
            match free.as_slice() {
                [one] => Some((**one).to_owned()),
                several => {
                    several.iter().find(|ours| spelled(ours) == plainly(name)).map(|one| (**one).to_owned())
                }
            }
        };
        let ours = theirs
            .iter()
            .filter(|name| !ours.contains(**name))
            .filter_map(|name| Some(((*name).to_owned(), mean(name)?)))
            .collect();
        Self { ours }
    }

    pub fn ours<'a>(&'a self, theirs: &'a str) -> &'a str {
        self.ours.get(theirs).map_or(theirs, String::as_str)
    }
}

/// The name without the date at its end: `-2024-07-18`, `-20251001`, `@20251001`, and without `-latest`.
pub fn undated(name: &str) -> &str {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = name.strip_suffix("-latest") {
        return rest;
    }
    if let Some((rest, date)) = name.rsplit_once(['-', '@', ' '])
        && date.len() == 8
        && digits(date)
        && date.starts_with("20")
    {
        return rest;
    }
    let Some(at) = name.len().checked_sub(11).filter(|at| name.is_char_boundary(*at)) else { return name };
    let (rest, date) = name.split_at(at);
    let mut parts = date.get(1..).unwrap_or_default().split('-');
    let shape =
        [4, 2, 2].iter().all(|len| parts.next().is_some_and(|part| part.len() == *len && digits(part)));
    if shape && date.starts_with(['-', '@', ' ']) && !rest.is_empty() { rest } else { name }
}

/// Small letters, and one hyphen for whatever else is between letters and digits.
fn spelled(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() {
            text.extend(c.to_lowercase());
        } else if !text.is_empty() && !text.ends_with('-') {
            text.push('-');
        }
    }
    text.trim_end_matches('-').to_owned()
}

fn plainly(name: &str) -> String {
    spelled(undated(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_at_the_end_is_no_part_of_the_name() {
        for (dated, name) in [
            ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
            ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
            ("claude-sonnet-4@20250514", "claude-sonnet-4"),
            ("Claude 3.5 Sonnet 2024-10-22", "Claude 3.5 Sonnet"),
            ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
            ("gpt-4o", "gpt-4o"),
            ("gpt-4-0613", "gpt-4-0613"),
            ("o1-12345678", "o1-12345678"),
            ("-2024-07-18", "-2024-07-18"),
            ("ä2024-07-18", "ä2024-07-18"),
            ("", ""),
        ] {
            assert_eq!(undated(dated), name);
        }
    }

    #[test]
    fn a_name_means_the_model_that_the_ledger_knows() {
        let names = |ours: &[&str], theirs: &[&str]| {
            let names = Names::of(&ours.iter().copied().collect(), &theirs.iter().copied().collect());
            theirs.iter().map(|name| names.ours(name).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&["gpt-4o-mini"], &["gpt-4o-mini-2024-07-18"]), ["gpt-4o-mini"]);
        assert_eq!(
            names(&["claude-haiku-4-5-20251001"], &["Claude Haiku 4.5"]),
            ["claude-haiku-4-5-20251001"]
        );
        // Each its own, and the alias for the other one.
        let (old, new) = ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06");
        assert_eq!(names(&["gpt-4o", old], &[new, old]), ["gpt-4o", old]);
        assert_eq!(names(&["gpt-4o"], &[new, old]), ["gpt-4o", "gpt-4o"]);
        // Two of ours could be meant and neither is the plain one: nobody is.
        assert_eq!(names(&[old, new], &["gpt-4o"]), ["gpt-4o"]);
        assert_eq!(names(&["gpt-4o", old], &["GPT 4o"]), ["gpt-4o"]);
        assert_eq!(names(&["gpt-4o"], &["gpt-4o-mini"]), ["gpt-4o-mini"]);
    }
}
