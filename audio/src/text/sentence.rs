use super::abbreviation;
use super::has_words;
use unicode_segmentation::UnicodeSegmentation as _;

/// The sentences of a text, each with the blanks behind it: one after the other they are the text again.
///
/// By the rules of Unicode (UAX 29), so in scripts without blanks too, but that abbreviations and initials end no sentence, a line
/// that goes on in lower case was only wrapped, and what has no words (a row of dots, an emoji) belongs to what it stands behind.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut bounds = text.split_sentence_bound_indices().peekable();
    std::iter::from_fn(move || {
        let (start, piece) = bounds.next()?;
        let mut end = start + piece.len();
        let mut last = piece;
        let mut spoken = has_words(piece);
        while let Some(&(at, next)) = bounds.peek() {
            if spoken && has_words(next) && !one_sentence(last, next) {
                break;
            }
            end = at + next.len();
            spoken |= has_words(next);
            last = next;
            bounds.next();
        }
        Some(&text[start..end])
    })
}

/// Whether two neighbours by the rules of Unicode are one sentence all the same.
fn one_sentence(first: &str, second: &str) -> bool {
    abbreviation::goes_on(first, second) || wrapped(first, second)
}

/// The first ends with its line and not with a stop, and the second goes on where it was.
fn wrapped(first: &str, second: &str) -> bool {
    let line = first.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let open = line.is_some_and(|line| {
        line.trim_end_matches([' ', '\t'])
            .ends_with(|c: char| c.is_alphanumeric() || matches!(c, ',' | ';' | '-'))
    });
    open && second.starts_with(char::is_lowercase)
}
