//! A walk along JSON text, in place.
//!
//! A whole answer that passes through is some hundred bytes of which a dozen matter. They are found by walking along the
//! text once, without a tree and without an allocation. The walk is strict where it goes and gives up (None) on whatever
//! is not written the usual way; what it gives up is parsed instead, so that it need not know everything. What it takes,
//! any parser takes.

/// Deeper than any answer is nested.
const DEPTH_MAX: u8 = 32;

/// Where one stands in a text that is UTF-8.
pub(super) struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    depth: u8,
}

/// The inside of a string, as it is written.
#[derive(Clone, Copy)]
pub(super) struct Inside<'a> {
    pub text: &'a [u8],
    /// Bytes once the escapes are resolved.
    pub bytes: usize,
    escaped: bool,
}

impl<'a> Inside<'a> {
    /// The string, where it is written without escapes.
    pub fn plain(self) -> Option<&'a [u8]> {
        (!self.escaped).then_some(self.text)
    }
}

impl<'a> Walk<'a> {
    /// None where the text is not UTF-8.
    pub fn along(text: &'a [u8]) -> Option<Self> {
        simdutf8::basic::from_utf8(text).ok()?;
        Some(Self { text, at: 0, depth: 0 })
    }

    /// The text is over, but for white space.
    pub fn end(&mut self) -> Option<()> {
        self.blank();
        (self.at == self.text.len()).then_some(())
    }

    /// What the next value begins with.
    pub fn peek(&mut self) -> Option<u8> {
        self.blank();
        self.text.get(self.at).copied()
    }

    /// Walks an object: `each` is told every key and takes its value. Keys with escapes are given up.
    pub fn object(&mut self, mut each: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.enter(b'{')?;
        if self.peek()? == b'}' {
            return self.leave();
        }
        loop {
            self.blank();
            let key = self.string()?.plain()?;
            self.blank();
            self.byte(b':')?;
            each(self, key)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => return self.leave(),
                _ => return None,
            }
        }
    }

    /// Walks an array: `each` takes one item.
    pub fn array(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.enter(b'[')?;
        if self.peek()? == b']' {
            return self.leave();
        }
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => return self.leave(),
                _ => return None,
            }
        }
    }

    /// A string, or None inside where it is null.
    pub fn string_or_null(&mut self) -> Option<Option<Inside<'a>>> {
        match self.peek()? {
            b'n' => self.word(b"null").map(|()| None),
            _ => self.string().map(Some),
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
        self.blank();
        let start = self.at;
        let mut count = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            count = count.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        let digits = self.at - start;
        let zero_first = digits > 1 && self.text.get(start) == Some(&b'0');
        let goes_on = matches!(self.text.get(self.at), Some(b'.' | b'e' | b'E'));
        (digits > 0 && !zero_first && !goes_on).then_some(count)
    }

    /// Passes over a value.
    pub fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(|walk, _| walk.skip()),
            b'[' => self.array(Self::skip),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn enter(&mut self, open: u8) -> Option<()> {
        self.blank();
        self.byte(open)?;
        self.depth += 1;
        (self.depth <= DEPTH_MAX).then_some(())
    }

    fn leave(&mut self) -> Option<()> {
        self.at += 1;
        self.depth -= 1;
        Some(())
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.text.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// The grammar of RFC 8259, section 6.
    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.text.get(self.at) == Some(&b'-'));
        match self.text.get(self.at)? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.byte(b'.').is_some() {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            // How large a number a parser takes is its own matter.
            return None;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let digits = self.text.get(self.at..)?.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += digits;
        // Longer ones may be too large for a parser.
        (1..=19).contains(&digits).then_some(())
    }

    /// The string that begins here.
    fn string(&mut self) -> Option<Inside<'a>> {
        self.byte(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += ordinary(self.text.get(self.at..)?);
            match self.text.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    let escape = self.text.get(self.at + 1)?;
                    if !matches!(escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') {
                        return None;
                    }
                    self.at += 2;
                }
                _ => return None,
            }
        }
        let text = self.text.get(start..self.at)?;
        self.at += 1;
        let bytes = if escaped { super::scan::unescaped_len(text)? } else { text.len() };
        Some(Inside { text, bytes, escaped })
    }
}

/// How many bytes are there before a quote, a backslash or a control character: eight at a time.
fn ordinary(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The high bit of every byte that is zero, and perhaps of ones above the first such byte.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = text.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let escapes = zeros(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = quotes | escapes | controls;
        if found != 0 {
            return n * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let odd = |b: &u8| matches!(b, b'"' | b'\\' | 0..=0x1f);
    words.len() * 8 + rest.iter().position(odd).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn walked(text: &[u8]) -> bool {
        Walk::along(text).is_some_and(|mut walk| walk.skip().and_then(|()| walk.end()).is_some())
    }

    #[test]
    fn the_usual_is_walked_and_the_odd_given_up() {
        for (text, whole) in [
            (&br#" {"a":[1,-2.5,0,{"b":null}],"c":"\u00e9\n","d":true,"e":{},"f":[]} "#[..], true),
            (b"{\"a\":\"\x01\"}", false),
            (b"{\"a\":\"\xff\"}", false),
            (br#"{"a":"\x"}"#, false),
            (br#"{"a":"\ud834"}"#, false),
            (br#"{"a":01}"#, false),
            (br#"{"a":1.}"#, false),
            (br#"{"a":1,}"#, false),
            (br#"{"a" 1}"#, false),
            (br#"{"a":1"#, false),
            (br#"{"a":1}x"#, false),
            (br#"[1 2]"#, false),
            (b"nul", false),
            (b"", false),
        ] {
            assert_eq!(walked(text), whole, "{}", String::from_utf8_lossy(text));
        }
        assert!(!walked("[".repeat(100).as_bytes()));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            any::<f32>().prop_map(|f| f64::from(f).into()),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map(".{0,9}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_walked_can_be_parsed(value in json(), cut in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..3) {
            let mut text = value.to_string().into_bytes();
            let at = cut.index(text.len());
            match how {
                0 => {}
                1 => text[at] = byte,
                _ => { text.remove(at); }
            }
            if walked(&text) {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok(), "{}", String::from_utf8_lossy(&text));
            }
        }

        #[test]
        fn ordinary_bytes_are_counted(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let odd = |b: &u8| matches!(b, b'"' | b'\\' | 0..=0x1f);
            prop_assert_eq!(ordinary(&bytes), bytes.iter().position(odd).unwrap_or(bytes.len()));
        }
    }
}
