//! What is wrong with a JSON text: where, and what would be right.

use relay::BadInput;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

/// A fault in a body. It is not JSON (then it has a line and a column), or a field is not what it must be (then it
/// has a path). Boxed, because the way without faults is the one that must be fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    /// Byte offset, for faults of syntax.
    at: Option<usize>,
    message: String,
    /// Innermost first: it grows while the fault travels up.
    path: Vec<Step>,
}

impl Wrong {
    /// Not JSON at this byte.
    #[cold]
    pub fn syntax(at: usize, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { at: Some(at), message: message.into(), path: vec![] }))
    }

    /// JSON, but not what the field takes.
    #[cold]
    pub fn field(message: impl Into<String>) -> Self {
        Self(Box::new(Inner { at: None, message: message.into(), path: vec![] }))
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
        match self.0.at {
            Some(at) => {
                let (line, column) = place(body, at);
                let mut bad = BadInput::new(format!(
                    "The body is not valid JSON: line {line}, column {column}: {}",
                    self.0.message
                ));
                bad.param = path;
                bad
            }
            None => match path {
                Some(path) => BadInput::at(path.clone(), format!("{path}: {}", self.0.message)),
                None => BadInput::new(self.0.message),
            },
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

/// Line and column from 1; columns count characters.
fn place(body: &[u8], at: usize) -> (usize, usize) {
    let before = body.get(..at).unwrap_or(body);
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |nl| nl + 1);
    let line = 1 + before.iter().filter(|b| **b == b'\n').count();
    let column = 1 + before[line_start..].iter().filter(|b| **b & 0xC0 != 0x80).count();
    (line, column)
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
