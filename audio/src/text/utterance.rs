use super::cut::cut;
use super::{has_words, sentences};
use std::iter::Peekable;

/// How long utterances may be, in characters (Unicode scalar values), blanks at their ends aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// The first takes more than its first sentence only within this: sound is to begin early.
    pub first: usize,
    /// The others take more than one sentence only within this.
    pub usual: usize,
    /// None is longer. At least 1.
    pub most: usize,
}

/// A text in utterances, each with the blanks behind it: one after the other they are the text again, so what is left of a text
/// can be cut anew with other lengths. What is sent is each without the blanks at its ends, which say nothing and cost.
///
/// Sentences are kept together; one that is longer than `most` is cut between clauses, words, or characters as people see
/// them, in this order. What has no words is in no utterance of its own, if it fits anywhere.
pub struct Utterances<'a> {
    text: &'a str,
    pieces: Peekable<Box<dyn Iterator<Item = (usize, &'a str)> + Send + 'a>>,
    lengths: Lengths,
    begun: bool,
}

impl<'a> Utterances<'a> {
    pub fn of(text: &'a str, lengths: Lengths) -> Self {
        let pieces: Box<dyn Iterator<Item = _> + Send> = Box::new(pieces(text, lengths.most));
        Self { text, pieces: pieces.peekable(), lengths, begun: false }
    }
}

impl<'a> Iterator for Utterances<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (start, piece) = self.pieces.next()?;
        let most = self.lengths.most.max(1);
        let usual = if self.begun { self.lengths.usual } else { self.lengths.first }.min(most);
        self.begun = true;
        let (mut end, mut spoken) = (start + piece.len(), has_words(piece));
        while let Some(&(at, next)) = self.pieces.peek() {
            let room = if spoken && has_words(next) { usual } else { most };
            if self.text[start..at + next.len()].trim().chars().nth(room).is_some() {
                break;
            }
            (end, spoken) = (at + next.len(), spoken || has_words(next));
            self.pieces.next();
        }
        Some(&self.text[start..end])
    }
}

impl std::fmt::Debug for Utterances<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Utterances").field("lengths", &self.lengths).finish_non_exhaustive()
    }
}

/// Sentences, and parts of those that are too long, with where each begins.
fn pieces(text: &str, most: usize) -> impl Iterator<Item = (usize, &str)> + Send {
    let mut at = 0;
    let mut sentences = sentences(text);
    let mut rest = "";
    std::iter::from_fn(move || {
        if rest.is_empty() {
            rest = sentences.next()?;
        }
        let (piece, after) = rest.split_at(cut(rest, most).unwrap_or(rest.len()));
        rest = after;
        let start = at;
        at += piece.len();
        Some((start, piece))
    })
}
