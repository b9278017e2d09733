//! Strings, and the escapes in them.

use crate::ordinary::{near, ordinary};
use memchr::memchr;
use std::borrow::Cow;

/// A string as it is written between its quotes, all its escapes known to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    written: &'a str,
    /// Bytes once the escapes are resolved. Every escape stands for less than it takes.
    len: usize,
}

impl<'a> Quoted<'a> {
    /// A text that is no longer, or never was, written with escapes.
    #[inline]
    pub const fn plainly(text: &'a str) -> Self {
        Self { written: text, len: text.len() }
    }

    /// The string whose first quote stands before `start`, where it is short and has no escapes: as nearly all are. Leaves
    /// others to [`Self::begin`].
    #[inline]
    pub(crate) fn short(text: &'a str, start: usize) -> Option<Self> {
        let len = near(text.as_bytes().get(start..)?.first_chunk()?);
        let end = start + len;
        if text.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        Some(Self { written: text.get(start..end)?, len })
    }

    /// The string whose first quote stands before `start`. None where it has no end, or something else is wrong.
    pub(crate) fn begin(text: &'a str, start: usize) -> Option<Self> {
        let (mut at, mut len) = (start, 0);
        loop {
            let ahead = text.as_bytes().get(at..)?;
            let clean = ordinary(ahead);
            at += clean;
            len += clean;
            let ahead = ahead.get(clean..)?;
            if *ahead.first()? == b'"' {
                return Some(Self { written: text.get(start..at)?, len });
            }
            let (stands_for, taken) = escape(ahead)?;
            at += taken;
            len += stands_for.len_utf8();
        }
    }

    /// Bytes of the text.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "it is there, below")]
    pub const fn len(self) -> usize {
        self.len
    }

    /// There is nothing in it.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// As it is written, without its quotes.
    #[inline]
    pub const fn written(self) -> &'a str {
        self.written
    }

    /// The text, where it is written without escapes.
    #[inline]
    pub const fn plain(self) -> Option<&'a str> {
        if self.len == self.written.len() { Some(self.written) } else { None }
    }

    /// The text.
    #[inline]
    pub fn text(self) -> Cow<'a, str> {
        match self.plain() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.resolved()),
        }
    }

    fn resolved(self) -> String {
        let mut text = String::with_capacity(self.len);
        spell(self.written, |piece| text.push_str(piece));
        text
    }
}

/// Tells what is written with escapes in pieces without them, in their order. What is no escape, or half of one, is told as
/// it is written.
pub fn spell(written: &str, mut piece: impl FnMut(&str)) {
    let mut rest = written;
    while let Some(at) = memchr(b'\\', rest.as_bytes())
        && let Some((before, ahead)) = rest.split_at_checked(at)
        && let Some((stands_for, taken)) = escape(ahead.as_bytes())
    {
        piece(before);
        piece(stands_for.encode_utf8(&mut [0; 4]));
        rest = ahead.get(taken..).unwrap_or_default();
    }
    piece(rest);
}

/// What an escape stands for, and how many bytes it takes, its backslash included. None where it is none, or is half a
/// surrogate pair.
#[inline]
fn escape(text: &[u8]) -> Option<(char, usize)> {
    if *text.first()? != b'\\' {
        return None;
    }
    let plain = match text.get(1)? {
        b'n' => '\n',
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((plain, 2))
}

fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let high = unit(text)?;
    if !(0xd800..0xdc00).contains(&high) {
        // A low half has nothing before it that it belongs to: it is no char.
        return char::from_u32(high).map(|c| (c, 6));
    }
    let low = unit(text.get(6..)?)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).map(|c| (c, 12))
}

/// The number in an escape by four hexadecimal digits.
fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// How long the inside of a JSON string is in UTF-8, once its escapes are resolved. None where an escape is none. What
/// else may be wrong with it is not asked.
pub fn unescaped_len(inside: &[u8]) -> Option<usize> {
    let mut length = 0;
    let mut rest = inside;
    while let Some(at) = memchr(b'\\', rest) {
        let (stands_for, taken) = escape(rest.get(at..)?)?;
        length += at + stands_for.len_utf8();
        rest = rest.get(at + taken..)?;
    }
    Some(length + rest.len())
}
