//! Where one stands in a text, and the steps from there.

use crate::number::{self, Number};
use crate::quoted::Quoted;

/// Deeper than anything honest is nested, and less deep than a parser gives up at.
const DEPTH_MAX: u8 = 64;

/// A value that is no container, or which container begins here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'a> {
    Null,
    Bool(bool),
    Whole(i128),
    Real(f64),
    Text(Quoted<'a>),
    Array,
    Object,
}

impl Found<'_> {
    /// What it is, with its article.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Whole(_) | Self::Real(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// Where one stands in a text. Once a step gave up, no other means anything.
#[derive(Debug)]
pub struct Walk<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

impl<'a> Walk<'a> {
    /// From the beginning.
    #[inline]
    pub const fn along(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// The text is over, but for white space, and so is every container.
    pub fn end(&mut self) -> Option<()> {
        (self.peek().is_none() && self.at == self.text.len() && self.depth == 0).then_some(())
    }

    /// What the next value begins with.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.peek_after_blanks(),
        }
    }

    #[inline(never)]
    fn peek_after_blanks(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    /// Takes a value that is no container, or enters one: then its items or keys are next, up to its end.
    pub fn value(&mut self) -> Option<Found<'a>> {
        match self.peek()? {
            b'"' => self.string().map(Found::Text),
            b'{' => self.enter().map(|()| Found::Object),
            b'[' => self.enter().map(|()| Found::Array),
            b't' => self.word("true").map(|()| Found::Bool(true)),
            b'f' => self.word("false").map(|()| Found::Bool(false)),
            b'n' => self.word("null").map(|()| Found::Null),
            _ => self.number()?.value(),
        }
    }

    /// Within an array: whether another item follows. If not, the array is left.
    #[inline]
    pub fn item(&mut self, first: &mut bool) -> Option<bool> {
        let next = self.peek()?;
        if next == b']' {
            return self.leave().map(|()| false);
        }
        if !std::mem::take(first) {
            if next != b',' {
                return None;
            }
            self.at += 1;
        }
        Some(true)
    }

    /// Within an object: the next key, whose value must be taken after it. None inside at the end, and the object is left.
    #[inline]
    pub fn key(&mut self, first: &mut bool) -> Option<Option<Quoted<'a>>> {
        match self.usual_key(*first) {
            Some(key) => {
                *first = false;
                Some(Some(key))
            }
            None => self.any_key(first),
        }
    }

    /// A short key without escapes, with a blank before it or none.
    #[inline]
    fn usual_key(&mut self, first: bool) -> Option<Quoted<'a>> {
        let text = self.text.as_bytes();
        let mut at = self.at;
        if !first {
            if *text.get(at)? != b',' {
                return None;
            }
            at += 1;
        }
        at += usize::from(*text.get(at)? == b' ');
        if *text.get(at)? != b'"' {
            return None;
        }
        let key = Quoted::short(self.text, at + 1)?;
        at += key.len() + 2;
        (text.get(at) == Some(&b':')).then(|| {
            self.at = at + 1;
            key
        })
    }

    #[inline(never)]
    fn any_key(&mut self, first: &mut bool) -> Option<Option<Quoted<'a>>> {
        let mut next = self.peek()?;
        if next == b'}' {
            return self.leave().map(|()| None);
        }
        if !std::mem::take(first) {
            if next != b',' {
                return None;
            }
            self.at += 1;
            next = self.peek()?;
        }
        if next != b'"' {
            return None;
        }
        let key = self.string()?;
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        Some(Some(key))
    }

    /// Walks an object: `each` is told every key and takes its value. Keys with escapes are given up.
    #[inline]
    pub fn object(&mut self, mut each: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        if self.peek()? != b'{' {
            return None;
        }
        self.enter()?;
        let mut first = true;
        while let Some(key) = self.key(&mut first)? {
            each(self, key.plain()?)?;
        }
        Some(())
    }

    /// Walks an array: `each` takes one item.
    #[inline]
    pub fn array(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.peek()? != b'[' {
            return None;
        }
        self.enter()?;
        let mut first = true;
        while self.item(&mut first)? {
            each(self)?;
        }
        Some(())
    }

    /// A string, or None inside where it is null.
    #[inline]
    pub fn string_or_null(&mut self) -> Option<Option<Quoted<'a>>> {
        match self.peek()? {
            b'"' => self.string().map(Some),
            b'n' => self.word("null").map(|()| None),
            _ => None,
        }
    }

    /// Whether the value is null; anything else is passed over.
    pub fn is_null(&mut self) -> Option<bool> {
        let null = self.peek()? == b'n';
        self.skip()?;
        Some(null)
    }

    /// A count: digits and nothing else.
    pub fn count(&mut self) -> Option<u64> {
        self.peek()?;
        let (count, length) = number::count(self.text.as_bytes().get(self.at..)?)?;
        self.at += length;
        Some(count)
    }

    /// Passes over a value.
    pub fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            byte => self.skip_other(byte),
        }
    }

    #[inline(never)]
    fn skip_other(&mut self, begin: u8) -> Option<()> {
        match begin {
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'{' | b'[' => self.skip_container(),
            _ => self.number().map(drop),
        }
    }

    #[inline(never)]
    fn skip_container(&mut self) -> Option<()> {
        if self.peek()? == b'[' {
            return self.array(Self::skip);
        }
        self.enter()?;
        let mut first = true;
        while self.key(&mut first)?.is_some() {
            self.skip()?;
        }
        Some(())
    }

    /// Passes over a value, and says how long it is as JSON without white space, roughly: escapes are counted as what they
    /// stand for, and what is neither a string nor a container as four bytes.
    pub fn measure(&mut self) -> Option<usize> {
        let mut first = true;
        match self.peek()? {
            b'"' => self.string().map(|string| string.len() + 2),
            b'{' => {
                self.enter()?;
                let mut length = 1;
                while let Some(key) = self.key(&mut first)? {
                    length += key.len() + 4;
                    length += self.measure()?;
                }
                Some(length.max(2))
            }
            b'[' => {
                self.enter()?;
                let mut length = 1;
                while self.item(&mut first)? {
                    length += self.measure()? + 1;
                }
                Some(length.max(2))
            }
            byte => self.skip_other(byte).map(|()| 4),
        }
    }

    /// What `take` takes of the next value, and how that is written.
    #[inline]
    pub fn written<T>(&mut self, take: impl FnOnce(&mut Self) -> Option<T>) -> Option<(&'a str, T)> {
        self.peek()?;
        let start = self.at;
        let taken = take(self)?;
        Some((self.text.get(start..self.at)?, taken))
    }

    #[inline]
    fn enter(&mut self) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        (self.depth <= DEPTH_MAX).then_some(())
    }

    #[inline]
    fn leave(&mut self) -> Option<()> {
        self.at += 1;
        self.depth = self.depth.checked_sub(1)?;
        Some(())
    }

    #[inline]
    fn word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    #[inline]
    fn number(&mut self) -> Option<Number> {
        let (number, length) = Number::begin(self.text.as_bytes().get(self.at..)?)?;
        self.at += length;
        Some(number)
    }

    /// The string that begins here.
    #[inline]
    fn string(&mut self) -> Option<Quoted<'a>> {
        match Quoted::short(self.text, self.at + 1) {
            Some(string) => {
                self.at += string.len() + 2;
                Some(string)
            }
            None => self.long_string(),
        }
    }

    #[inline(never)]
    fn long_string(&mut self) -> Option<Quoted<'a>> {
        let string = Quoted::begin(self.text, self.at + 1)?;
        self.at += string.written().len() + 2;
        Some(string)
    }
}
