//! The same question in other words: a router whose choice hangs on a comma can be steered by one.

use crate::split::hash;
use vocab::Dice;

/// Ways to say the same. None of them changes what is asked for.
pub const KINDS: [&str; 7] = ["polite", "framed", "layout", "case", "typos", "words", "marks"];

/// A prompt in other words; the same kind and seed give the same. None for a kind that is not among [`KINDS`].
pub fn reword(text: &str, kind: &str, seed: u64) -> Option<String> {
    let mut dice = Dice::seeded(hash(text.bytes()) ^ seed);
    Some(match kind {
        "polite" => {
            let before = [
                "Hi! Could you please help me with this? ",
                "I would be grateful for your help. ",
                "Please: ",
            ];
            let after = ["", "\n\nThank you very much!", " Thanks in advance."];
            format!("{}{text}{}", pick(&before, &mut dice), pick(&after, &mut dice))
        }
        "framed" => {
            let before =
                ["Question: ", "Here is a task for you.\n\n", "Consider the following.\n\n", "# Task\n\n"];
            format!("{}{text}", pick(&before, &mut dice))
        }
        "layout" => layout(text, &mut dice),
        "case" => text.to_lowercase(),
        "typos" => typos(text, &mut dice),
        "words" => words(text),
        "marks" => text
            .replace(['“', '”'], "\"")
            .replace(['‘', '’'], "'")
            .replace(" - ", " – ")
            .replace("...", "…")
            .trim_end_matches(['.', '?', ':', ' '])
            .to_owned(),
        _ => return None,
    })
}

fn pick<'a>(list: &[&'a str], dice: &mut Dice) -> &'a str {
    let at = usize::try_from(dice.below(list.len() as u64)).unwrap_or_default();
    list.get(at).copied().unwrap_or_default()
}

/// Blanks doubled here and there, and room between paragraphs.
fn layout(text: &str, dice: &mut Dice) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.trim().chars() {
        out.push(c);
        match c {
            '\n' => out.push('\n'),
            ' ' if dice.below(12) == 0 => out.push(' '),
            _ => {}
        }
    }
    out
}

/// Two letters swapped inside one long word in twelve. Short words and what is not plain letters stay: they may be code or
/// formulas, where a letter is the question.
fn typos(text: &str, dice: &mut Dice) -> String {
    let swap = |word: &str, dice: &mut Dice| -> String {
        let long = word.len() > 5 && word.bytes().all(|b| b.is_ascii_lowercase());
        if !long || dice.below(12) != 0 {
            return word.to_owned();
        }
        let mut letters: Vec<char> = word.chars().collect();
        let at = 1 + usize::try_from(dice.below(letters.len() as u64 - 3)).unwrap_or_default();
        letters.swap(at, at + 1);
        letters.into_iter().collect()
    };
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let end = piece.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
        let (word, rest) = piece.split_at(end);
        out.push_str(&swap(word, dice));
        out.push_str(rest);
    }
    out
}

/// Common words and what is often said instead.
const INSTEAD: [(&str, &str); 18] = [
    ("find", "determine"),
    ("calculate", "compute"),
    ("compute", "calculate"),
    ("show", "demonstrate"),
    ("which", "what"),
    ("how many", "what number of"),
    ("following", "below"),
    ("statement", "assertion"),
    ("correct", "right"),
    ("incorrect", "wrong"),
    ("suppose", "assume"),
    ("approximately", "about"),
    ("because", "since"),
    ("large", "big"),
    ("write", "compose"),
    ("explain", "describe"),
    ("company", "firm"),
    ("value", "figure"),
];

fn words(text: &str) -> String {
    let mut out = text.to_owned();
    // One after the other, marked by a sign that no text has, so that a word is not replaced twice.
    for (at, (word, _)) in INSTEAD.iter().enumerate() {
        for (form, capital) in [((*word).to_owned(), 'l'), (capital(word), 'C')] {
            out = replace_word(&out, &form, &format!("\u{1}{capital}{at}\u{1}"));
        }
    }
    for (at, (_, instead)) in INSTEAD.iter().enumerate() {
        out = out
            .replace(&format!("\u{1}l{at}\u{1}"), instead)
            .replace(&format!("\u{1}C{at}\u{1}"), &capital(instead));
    }
    out
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Only where it stands alone.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    let wordy = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '\u{1}');
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let alone = !wordy(before.chars().next_back().or_else(|| out.chars().next_back()))
            && !wordy(after.chars().next());
        out.push_str(before);
        out.push_str(if alone { with } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_the_same_in_other_words() {
        let text = "Which of the following statements is correct? Suppose we find `value_1` – \"Grüße\".\nA. a large company.";
        for kind in KINDS {
            let other = reword(text, kind, 1).unwrap();
            assert_ne!(other, text, "{kind}");
            assert_eq!(reword(text, kind, 1).unwrap(), other, "{kind}");
            assert!(other.to_lowercase().contains("grüße"), "{kind}: {other}");
        }
        assert_eq!(reword(text, "nonsense", 1), None);
        assert_eq!(
            reword(text, "words", 1).unwrap(),
            "What of the below statements is right? Assume we determine `value_1` – \"Grüße\".\nA. a big firm."
        );
        assert_eq!(reword("", "typos", 1).unwrap(), "");
    }
}
