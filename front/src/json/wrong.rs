//! What is wrong with a body: where, and what would be right.

use super::parsed;
use super::plain::{Skip, listed};
use super::read::text;
use json::Found;
use relay::BadInput;
use std::fmt::Display;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

/// A fault in a body. It is not JSON, or a field is not what it must be. Boxed, because the way without faults is the
/// one that must be fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    message: String,
    /// It is not JSON; then the message ends in ` at line 1 column 2`, as `serde_json` says it.
    syntax: bool,
    /// Innermost first: it grows while the fault travels up.
    path: Vec<Step>,
}

impl Wrong {
    /// Not JSON, in `serde_json`'s words.
    #[cold]
    pub fn syntax(error: impl Display) -> Self {
        Self(Box::new(Inner { message: error.to_string(), syntax: true, path: vec![] }))
    }

    /// JSON, but not what the field takes.
    #[cold]
    pub fn field(message: impl Into<String>) -> Self {
        Self(Box::new(Inner { message: message.into(), syntax: false, path: vec![] }))
    }

    /// A value of the wrong kind.
    #[cold]
    pub fn instead_of(found: Found<'_>, wanted: impl Display) -> Self {
        Self::field(format!("expected {wanted}, got {}", found.name()))
    }

    /// The walk gave up. Nobody is told: what is wrong, if anything is, is found out by another.
    #[cold]
    pub(super) fn given_up() -> Self {
        Self::syntax("")
    }

    /// A field that must be there is not.
    #[cold]
    pub fn missing(key: &str) -> Self {
        Self::field("the field is missing").in_key(key)
    }

    /// The same, of a field with these values.
    #[cold]
    pub fn missing_one_of(key: &str, allowed: &[&str]) -> Self {
        Self::field(format!("the field is missing; allowed: {}", listed(allowed))).in_key(key)
    }

    #[cold]
    #[must_use]
    pub fn in_key(mut self, key: &str) -> Self {
        self.0.path.push(Step::Key(shortened(key)));
        self
    }

    #[cold]
    #[must_use]
    pub fn in_item(mut self, item: usize) -> Self {
        self.0.path.push(Step::Item(item));
        self
    }

    /// In the words of the one who can fix it.
    pub fn told(self, body: &[u8]) -> BadInput {
        let path = self.path();
        if self.0.syntax {
            // A part may have been read apart, and counted its lines apart.
            let wrong = text(body).and_then(|text| parsed::read(text, Skip)).err().unwrap_or(self);
            let message = &wrong.0.message;
            let (what, place) = message.rsplit_once(" at line ").unwrap_or((message, "1 column 1"));
            // In words that say what is allowed.
            let what =
                if what == "recursion limit exceeded" { "nested deeper than 127 levels" } else { what };
            let place = place.replace(" column", ", column");
            let mut bad = BadInput::new(format!("The body is not valid JSON: line {place}: {what}"));
            bad.param = path;
            return bad;
        }
        let message = self.0.message;
        match path {
            Some(path) => BadInput::at(path.clone(), format!("{path}: {message}")),
            None => BadInput::new(message),
        }
    }

    /// `messages[2].role`; None at the top.
    fn path(&self) -> Option<String> {
        let mut path = String::new();
        for step in self.0.path.iter().rev() {
            match step {
                Step::Key(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
                Step::Item(item) => {
                    path.push('[');
                    path.push_str(&item.to_string());
                    path.push(']');
                }
            }
        }
        (!path.is_empty()).then_some(path)
    }
}

/// What a caller sent, cut to a length that fits into an error, without control characters.
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut out: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}
