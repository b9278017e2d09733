//! The cursor.

use super::wrong::{Wrong, shortened};
use std::borrow::Cow;
use vocab::Span;

/// Containers within containers, the outermost counted; the bound that `serde_json` has.
const DEPTH_MAX: u32 = 127;

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

impl Kind {
    /// With its article, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// A string as it stands in the body, between its quotes.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    pub raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// What it says; copies only where there are escapes.
    pub fn said(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescaped(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// A cursor over one JSON text.
pub struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Scan<'a> {
    /// The bytes must be UTF-8 without a byte order mark.
    pub fn new(body: &'a [u8]) -> Result<Self, Wrong> {
        let text = std::str::from_utf8(body)
            .map_err(|e| Wrong::syntax(e.valid_up_to(), "the bytes here are not UTF-8"))?;
        if text.starts_with('\u{FEFF}') {
            return Err(Wrong::syntax(0, "it begins with a byte order mark; send it without"));
        }
        Ok(Self { text, at: 0, depth: 0 })
    }

    /// The byte offset of what comes next.
    pub const fn at(&self) -> usize {
        self.at
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }

    #[cold]
    fn unexpected(&self, wanted: &str) -> Wrong {
        match self.text[self.at..].chars().next() {
            None => Wrong::syntax(self.at, format!("it ends here, expected {wanted}")),
            Some(c) => Wrong::syntax(self.at, format!("expected {wanted}, found {c:?}")),
        }
    }

    /// What the next value is. Skips the space before it.
    #[inline]
    pub fn kind(&mut self) -> Result<Kind, Wrong> {
        self.space();
        match self.byte() {
            Some(b'"') => Ok(Kind::Text),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Nothing but space may follow.
    pub fn end(&mut self) -> Result<(), Wrong> {
        self.space();
        match self.byte() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("nothing more after the value")),
        }
    }

    /// The next value must be of this kind.
    #[inline]
    fn of(&mut self, kind: Kind) -> Result<(), Wrong> {
        let found = self.kind()?;
        if found == kind { Ok(()) } else { Err(mismatch(kind.name(), found)) }
    }

    /// True, and past it, where the value is null.
    #[inline]
    pub fn null(&mut self) -> Result<bool, Wrong> {
        if self.kind()? == Kind::Null {
            self.word("null")?;
            return Ok(true);
        }
        Ok(false)
    }

    fn word(&mut self, word: &str) -> Result<(), Wrong> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.unexpected(word))
        }
    }

    pub fn bool(&mut self) -> Result<bool, Wrong> {
        self.of(Kind::Bool)?;
        if self.byte() == Some(b't') {
            self.word("true")?;
            Ok(true)
        } else {
            self.word("false")?;
            Ok(false)
        }
    }

    /// A number as it is written.
    pub fn number(&mut self) -> Result<&'a str, Wrong> {
        self.of(Kind::Number)?;
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("a digit")),
        }
        let mut plain = true;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            plain = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        let number = &self.text[start..self.at];
        // 308 digits are always finite.
        if (!plain || number.len() > 300) && !number.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(Wrong::syntax(start, "the number is out of range"));
        }
        Ok(number)
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Wrong> {
        if !self.byte().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.unexpected("a digit"));
        }
        self.digits();
        Ok(())
    }

    /// A whole number within bounds.
    pub fn whole(&mut self, least: i64, most: i64) -> Result<i64, Wrong> {
        let wanted = || format!("expected a whole number from {least} to {most}");
        let found = self.kind()?;
        if found != Kind::Number {
            return Err(Wrong::field(format!("{}, got {}", wanted(), found.name())));
        }
        let number = self.number()?;
        match number.parse::<i64>() {
            Ok(n) if (least..=most).contains(&n) => Ok(n),
            _ => Err(Wrong::field(format!("{}, got {}", wanted(), shortened(number)))),
        }
    }

    /// A number within bounds.
    pub fn real(&mut self, least: f64, most: f64) -> Result<f64, Wrong> {
        let wanted = || format!("expected a number from {least} to {most}");
        let found = self.kind()?;
        if found != Kind::Number {
            return Err(Wrong::field(format!("{}, got {}", wanted(), found.name())));
        }
        let number = self.number()?;
        match number.parse::<f64>() {
            Ok(n) if (least..=most).contains(&n) => Ok(n),
            _ => Err(Wrong::field(format!("{}, got {}", wanted(), shortened(number)))),
        }
    }

    #[inline]
    pub fn text(&mut self) -> Result<Text<'a>, Wrong> {
        self.of(Kind::Text)?;
        self.quoted()
    }

    /// A string that is one of these.
    pub fn one_of(&mut self, allowed: &[&'static str]) -> Result<&'static str, Wrong> {
        let found = self.kind()?;
        if found != Kind::Text {
            return Err(mismatch(&format!("one of {}", listed(allowed)), found));
        }
        let said = self.quoted()?.said();
        allowed.iter().find(|a| **a == said).copied().ok_or_else(|| {
            Wrong::field(format!("{:?} is not known; allowed: {}", shortened(&said), listed(allowed)))
        })
    }

    /// At an opening quote.
    #[inline]
    fn quoted(&mut self) -> Result<Text<'a>, Wrong> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain(&self.text.as_bytes()[self.at..]);
            match self.byte() {
                Some(b'"') => {
                    let raw = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => {
                    return Err(Wrong::syntax(self.at, "a control character in a string must be escaped"));
                }
                None => return Err(Wrong::syntax(self.at, "it ends within a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Wrong> {
        let bad = |at| Err(Wrong::syntax(at, "this is no escape that JSON knows"));
        match self.text.as_bytes().get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.unit(self.at)? {
                0xDC00..=0xDFFF => return Err(Wrong::syntax(self.at, "half of a surrogate pair")),
                0xD800..=0xDBFF => match self.text.as_bytes().get(self.at + 6..self.at + 8) {
                    Some(b"\\u") if (0xDC00..=0xDFFF).contains(&self.unit(self.at + 6)?) => self.at += 12,
                    _ => return Err(Wrong::syntax(self.at, "half of a surrogate pair")),
                },
                _ => self.at += 6,
            },
            _ => return bad(self.at),
        }
        Ok(())
    }

    /// The four hexadecimal digits of the `\u` at `at`.
    fn unit(&self, at: usize) -> Result<u32, Wrong> {
        let digits = self.text.as_bytes().get(at + 2..at + 6).unwrap_or_default();
        let mut unit = 0;
        for digit in digits {
            let Some(value) = char::from(*digit).to_digit(16) else { break };
            unit = unit * 16 + value;
        }
        if digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit) {
            Ok(unit)
        } else {
            Err(Wrong::syntax(at, "\\u needs four hexadecimal digits"))
        }
    }

    #[inline]
    fn down(&mut self) -> Result<(), Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Wrong::syntax(self.at, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Each field of an object in turn. The callee must read its value.
    #[inline]
    pub fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &Cow<'a, str>) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        self.of(Kind::Object)?;
        self.down()?;
        if self.byte() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            if self.byte() != Some(b'"') {
                return Err(self.unexpected("a field name in quotes"));
            }
            let key = self.quoted()?.said();
            self.space();
            if self.byte() != Some(b':') {
                return Err(self.unexpected("':'"));
            }
            self.at += 1;
            if let Err(wrong) = field(self, &key) {
                return Err(wrong.in_key(&key));
            }
            self.space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return Err(self.unexpected("',' or '}'")),
            }
            self.space();
        }
    }

    /// Each item of an array in turn; how many there were. The callee must read its value.
    #[inline]
    pub fn array(
        &mut self,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), Wrong>,
    ) -> Result<usize, Wrong> {
        self.of(Kind::Array)?;
        self.down()?;
        if self.byte() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(0);
        }
        let mut count = 0;
        loop {
            if let Err(wrong) = item(self, count) {
                return Err(wrong.in_item(count));
            }
            count += 1;
            self.space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(count);
                }
                _ => return Err(self.unexpected("',' or ']'")),
            }
        }
    }

    /// Any value, checked but not read. Its span.
    pub fn skip(&mut self) -> Result<Span, Wrong> {
        let kind = self.kind()?;
        let start = self.at;
        match kind {
            Kind::Null => self.word("null")?,
            Kind::Bool => {
                self.bool()?;
            }
            Kind::Number => {
                self.number()?;
            }
            Kind::Text => {
                self.quoted()?;
            }
            Kind::Array => {
                self.array(|scan, _| scan.skip().map(drop))?;
            }
            Kind::Object => self.object(|scan, _| scan.skip().map(drop))?,
        }
        Ok(start..self.at)
    }

    /// The bytes between two offsets of this text.
    pub fn slice(&self, span: Span) -> &'a str {
        self.text.get(span).unwrap_or_default()
    }
}

#[cold]
pub fn mismatch(wanted: &str, found: Kind) -> Wrong {
    Wrong::field(format!("expected {wanted}, got {}", found.name()))
}

fn listed(allowed: &[&str]) -> String {
    allowed.iter().map(|a| format!("{a:?}")).collect::<Vec<_>>().join(", ")
}

/// How many bytes from the start are neither quote, backslash nor control character.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    // Keys and short texts end within the first words; only what goes on is worth wider strides.
    match words(bytes, SHORT) {
        SHORT => SHORT + long(&bytes[SHORT..]),
        at => at,
    }
}

/// What is looked through by words before strides get wider.
const SHORT: usize = 32;

/// The same by blocks, as far as they are plain, and then by words.
fn long(bytes: &[u8]) -> usize {
    // Without a branch per byte, so that the compiler can take a whole block at once.
    let dirty = |block: &[u8]| block.iter().fold(false, |hit, b| hit | special(*b));
    let clean = bytes.chunks_exact(SHORT).take_while(|block| !dirty(block)).count() * SHORT;
    clean + words(&bytes[clean..], usize::MAX)
}

/// The same by words of eight bytes, up to `most`, which is a multiple of eight.
#[inline]
fn words(bytes: &[u8], most: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // Mycroft's zero-byte test: the lowest bit set is exact, those above it may be false.
    let below = |v: u64, n: u8| v.wrapping_sub(ONES * u64::from(n)) & !v & HIGHS;
    let mut at = 0;
    for word in bytes.chunks_exact(8) {
        if at == most {
            return at;
        }
        let mut v = [0; 8];
        v.copy_from_slice(word);
        let v = u64::from_le_bytes(v);
        let hit = below(v, 0x20) | below(v ^ (ONES * 0x22), 1) | below(v ^ (ONES * 0x5C), 1);
        if hit != 0 {
            return at + hit.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    if at == most {
        return at;
    }
    at + bytes[at..].iter().position(|b| special(*b)).unwrap_or(bytes.len() - at)
}

#[inline]
const fn special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// A string whose escapes have been checked.
fn unescaped(raw: &str) -> String {
    serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_default()
}
