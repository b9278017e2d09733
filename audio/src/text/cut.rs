use unicode_segmentation::UnicodeSegmentation as _;

/// Where what is longer than `most` characters, blanks at its ends aside, is to be cut: behind a comma or its like if there is one
/// in the second half, else between words, else between characters as people see them. One of those that alone is longer is
/// cut all the same, as whoever set the limit would refuse it. None where all of it fits.
pub fn cut(text: &str, most: usize) -> Option<usize> {
    let most = most.max(1);
    let blank = text.len() - text.trim_start().len();
    let end = blank + text[blank..].trim_end().len();
    let said = &text[blank..end];
    // Most are shorter, and bytes are at least as many as characters.
    if said.len() <= most {
        return None;
    }
    let mut best = Best::default();
    let (mut chars, mut before) = (0, None);
    for (at, grapheme) in said.grapheme_indices(true) {
        let at = blank + at;
        let first = grapheme.chars().next();
        if first.is_some_and(|c| !c.is_whitespace()) {
            best.note(text, at, before, chars * 2 >= most);
        }
        let width = grapheme.chars().count();
        if chars + width > most {
            let blanks =
                said[at - blank..].graphemes(true).take_while(|g| g.chars().all(char::is_whitespace));
            let next = at + blanks.map(str::len).sum::<usize>();
            if next > at {
                // All that is before them fits, and they go with it.
                best.note(text, next, first, true);
            }
            return best.place().or_else(|| said.char_indices().nth(most).map(|(at, _)| blank + at));
        }
        chars += width;
        best.fits = at + grapheme.len();
        before = grapheme.chars().last();
    }
    None
}

/// Places to cut at, the later the better.
#[derive(Default)]
struct Best {
    clause: Option<usize>,
    word: Option<usize>,
    /// Where what fits ends.
    fits: usize,
}

impl Best {
    /// Something that is no blank begins here, and `before` is what stands before it.
    fn note(&mut self, text: &str, at: usize, before: Option<char>, late: bool) {
        let Some(before) = before else { return };
        if before.is_whitespace() {
            self.word = Some(at);
            if late && text[..at].trim_end().ends_with(ends_clause) {
                self.clause = Some(at);
            }
        } else if late && ends_clause_without_blank(before) {
            self.clause = Some(at);
        }
    }

    fn place(&self) -> Option<usize> {
        self.clause.or(self.word).or((self.fits > 0).then_some(self.fits))
    }
}

/// Where a breath may be taken in the middle of a sentence, if a blank follows.
const fn ends_clause(c: char) -> bool {
    matches!(
        c,
        ',' | ';' | ':' | '.' | '!' | '?' | ')' | '-' | '\u{2013}' | '\u{2014}' | '\u{60c}' | '\u{61b}' | '…'
    ) || ends_clause_without_blank(c)
}

/// The same in scripts without blanks.
const fn ends_clause_without_blank(c: char) -> bool {
    matches!(c, '，' | '、' | '；' | '：' | '。' | '！' | '？' | '）' | '」' | '』')
}
