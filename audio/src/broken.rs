use std::fmt;

/// Bytes that are not the sound that they were to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Not this container: what was expected and what came.
    Foreign(String),
    /// A container of samples of a kind that is not read here.
    Unread(String),
    /// It ended in the middle: of a header, of a sample, or before the length that its header tells.
    Cut(&'static str),
    /// It cannot follow what came before it.
    Unlike(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(what) | Self::Unread(what) | Self::Unlike(what) => f.write_str(what),
            Self::Cut(what) => write!(f, "the sound ends in the middle of {what}"),
        }
    }
}

impl std::error::Error for Broken {}
