//! What a prompt is made of: which of its words and pairs of words fall into which bucket, and what it looks like.
//!
//! The text is walked along once, byte by byte, whatever it holds. A word counts once however often it is said, so that
//! repeating one cannot push a prompt anywhere.

use super::number::lg;

/// Buckets that words and pairs are hashed to.
pub const BUCKETS: usize = 1 << 14;
/// Figures about a prompt's looks.
pub const SHAPES: usize = 56;

const SPACE: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const MARK: u8 = 3;

/// What each byte is. Bytes of other scripts are letters.
const CLASS: [u8; 256] = {
    let mut class = [MARK; 256];
    let mut at = 0;
    while at < 256 {
        class[at] = match at as u8 {
            b' ' | b'\t'..=b'\r' | 0 => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => LETTER,
            b'0'..=b'9' => DIGIT,
            _ => MARK,
        };
        at += 1;
    }
    class
};

const SEED: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
/// Tells pairs, tools and the words of tools' names from words.
const PAIR: u64 = 0x9e37_79b9_7f4a_7c15;
const TOOL: u64 = 0xc2b2_ae3d_27d4_eb4f;
const TOOL_WORD: u64 = 0x1656_67b1_9e37_79f9;
const TOOLS: u64 = 0xd6e8_feb8_6659_fd93;

const fn word(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let (mut hash, mut at) = (SEED, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(PRIME);
        at += 1;
    }
    hash
}

/// Words whose presence is a figure of its own: about the kind of question, none about how hard it is.
const CUES: [u64; 12] = [
    word("def"),
    word("return"),
    word("assert"),
    word("asy"),
    word("frac"),
    word("not"),
    word("except"),
    word("true"),
    word("following"),
    word("statement"),
    word("scenario"),
    word("and"),
];
const AND: usize = 11;

/// What was read of one prompt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gist {
    /// The buckets its words and pairs fall into, each once.
    pub buckets: Vec<u16>,
    pub shape: Shape,
}

/// Figures about a prompt's looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape(pub [f32; SHAPES]);

impl Default for Shape {
    fn default() -> Self {
        Self([0.0; SHAPES])
    }
}

/// Reads prompts. It may be used again and again and then allocates nothing.
#[derive(Clone, Debug)]
pub struct Reader {
    seen: Box<[u64; BUCKETS / 64]>,
    gist: Gist,
    tally: Tally,
}

/// What is counted on the way.
#[derive(Clone, Debug)]
struct Tally {
    marks: [u32; 128],
    bytes: u32,
    letters: u32,
    digits: u32,
    foreign: u32,
    lines: u32,
    words: u32,
    longest: u32,
    numbers: u32,
    longest_number: u32,
    decimals: u32,
    cues: [u32; CUES.len()],
    grams: u32,
    options: u32,
    options_with_digits: u32,
    options_bytes: u32,
    stem: Option<u32>,
    tools: u32,
    tools_chars: u32,
}

impl Tally {
    const fn new() -> Self {
        Self {
            marks: [0; 128],
            bytes: 0,
            letters: 0,
            digits: 0,
            foreign: 0,
            lines: 0,
            words: 0,
            longest: 0,
            numbers: 0,
            longest_number: 0,
            decimals: 0,
            cues: [0; CUES.len()],
            grams: 0,
            options: 0,
            options_with_digits: 0,
            options_bytes: 0,
            stem: None,
            tools: 0,
            tools_chars: 0,
        }
    }
}

/// A length as the figures count it; what is longer than four thousand million bytes counts as that.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    pub fn new() -> Self {
        Self { seen: Box::new([0; BUCKETS / 64]), gist: Gist::default(), tally: Tally::new() }
    }

    fn gram(&mut self, hash: u64) {
        self.tally.grams = self.tally.grams.saturating_add(1);
        let folded = hash ^ (hash >> 32);
        let bucket = ((folded.wrapping_mul(PAIR)) >> (64 - BUCKETS.ilog2())) as u16;
        let (at, bit) = (usize::from(bucket) / 64, 1u64 << (bucket % 64));
        if self.seen[at] & bit == 0 {
            self.seen[at] |= bit;
            self.gist.buckets.push(bucket);
        }
    }

    fn said(&mut self, hash: u64, before: &mut u64) {
        self.gram(hash);
        self.gram(before.wrapping_mul(PAIR).rotate_left(23) ^ hash);
        *before = hash;
    }

    /// Reads a text to its end. Of several texts, such as the messages of a conversation, each is read on its own.
    pub fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut before = SEED;
        let mut at = 0;
        // Where the option that is being read began, and the digits before it.
        let mut option: Option<(usize, u32)> = None;
        let mut line_starts = true;
        while let Some(&byte) = bytes.get(at) {
            let class = CLASS[usize::from(byte)];
            if class == SPACE {
                if byte == b'\n' {
                    self.tally.lines = self.tally.lines.saturating_add(1);
                    self.option_ends(&mut option, at);
                    line_starts = true;
                }
                at += 1;
                continue;
            }
            // In either case, so that a prompt in small letters looks the same.
            if line_starts
                && matches!(byte | 0x20, b'a'..=b'j')
                && matches!(bytes.get(at + 1), Some(b'.' | b')'))
                && bytes.get(at + 2).is_some_and(|b| CLASS[usize::from(*b)] == SPACE)
            {
                self.tally.stem.get_or_insert(count(at));
                self.option_ends(&mut option, at);
                option = Some((at + 2, self.tally.digits));
            }
            line_starts = false;
            let start = at;
            let mut hash = SEED;
            match class {
                LETTER => {
                    let mut foreign = 0;
                    while let Some(&b) = bytes.get(at)
                        && CLASS[usize::from(b)] == LETTER
                    {
                        foreign += u32::from(b >= 0x80);
                        // Lower case of the plain letters; other bytes have that bit changed too, which does no harm.
                        hash = (hash ^ u64::from(b | 0x20)).wrapping_mul(PRIME);
                        at += 1;
                    }
                    let length = count(at - start);
                    let tally = &mut self.tally;
                    tally.letters = tally.letters.saturating_add(length);
                    tally.foreign = tally.foreign.saturating_add(foreign);
                    tally.words = tally.words.saturating_add(1);
                    tally.longest = tally.longest.max(length);
                    if let Some(cue) = CUES.iter().position(|c| *c == hash) {
                        tally.cues[cue] = tally.cues[cue].saturating_add(1);
                    }
                }
                DIGIT => {
                    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                        at += 1;
                    }
                    let length = count(at - start);
                    let tally = &mut self.tally;
                    tally.decimals = tally.decimals.saturating_add(u32::from(
                        start >= 2 && bytes[start - 1] == b'.' && bytes[start - 2].is_ascii_digit(),
                    ));
                    tally.digits = tally.digits.saturating_add(length);
                    tally.numbers = tally.numbers.saturating_add(1);
                    tally.longest_number = tally.longest_number.max(length);
                    // Which number it is says little; how long it is says something.
                    hash = (SEED ^ u64::from(b'0')).wrapping_mul(PRIME) ^ u64::from(length.min(5));
                }
                _ => {
                    at += 1;
                    hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
                    let kind = usize::from(byte & 0x7f);
                    self.tally.marks[kind] = self.tally.marks[kind].saturating_add(1);
                }
            }
            self.said(hash, &mut before);
        }
        self.option_ends(&mut option, bytes.len());
        self.tally.bytes = self.tally.bytes.saturating_add(count(bytes.len()));
    }

    fn option_ends(&mut self, option: &mut Option<(usize, u32)>, at: usize) {
        if let Some((start, digits)) = option.take() {
            let tally = &mut self.tally;
            tally.options = tally.options.saturating_add(1);
            tally.options_bytes = tally.options_bytes.saturating_add(count(at.saturating_sub(start)));
            tally.options_with_digits =
                tally.options_with_digits.saturating_add(u32::from(tally.digits > digits));
        }
    }

    /// Reads the name of a function that is offered.
    pub fn tool(&mut self, name: &str) {
        self.tally.tools = self.tally.tools.saturating_add(1);
        let (mut whole, mut part) = (TOOL, TOOL_WORD);
        for byte in name.bytes() {
            whole = (whole ^ u64::from(byte | 0x20)).wrapping_mul(PRIME);
            if CLASS[usize::from(byte)] == LETTER {
                part = (part ^ u64::from(byte | 0x20)).wrapping_mul(PRIME);
            } else if part != TOOL_WORD {
                self.gram(part);
                part = TOOL_WORD;
            }
        }
        if part != TOOL_WORD {
            self.gram(part);
        }
        self.gram(whole);
    }

    /// Adds to the length of the definitions of the functions that are offered.
    pub fn tools_chars(&mut self, chars: u32) {
        self.tally.tools_chars = self.tally.tools_chars.saturating_add(chars);
    }

    /// What was read, and starts anew.
    pub fn finish(&mut self) -> &Gist {
        let tools = u64::from(self.tally.tools.min(6));
        self.gram(TOOLS ^ tools.wrapping_mul(PRIME));
        self.gist.shape = self.tally.shape(count(self.gist.buckets.len()));
        &self.gist
    }

    /// Forgets what was read.
    pub fn clear(&mut self) {
        if self.gist.buckets.len() < 256 {
            for bucket in &self.gist.buckets {
                self.seen[usize::from(*bucket) / 64] = 0;
            }
        } else {
            self.seen.fill(0);
        }
        self.gist.buckets.clear();
        self.tally = Tally::new();
    }
}

impl Tally {
    fn shape(&self, buckets: u32) -> Shape {
        let flag = |yes: bool| f32::from(u8::from(yes));
        let share = |part: u32, of: u32| part as f32 / of.max(1) as f32;
        let mark = |byte: u8| self.marks[usize::from(byte & 0x7f)];
        let marks: u32 = self.marks.iter().fold(0, |sum, n| sum.saturating_add(*n));
        let cue = |at: usize| flag(self.cues[at] > 0);
        let log = lg(self.bytes);
        let options = self.options;
        Shape([
            log,
            log * log / 8.0,
            lg(self.words),
            share(self.digits, self.bytes),
            lg(self.digits),
            share(marks, self.bytes),
            lg(marks),
            lg(self.lines),
            options.min(20) as f32 / 10.0,
            flag(options == 4),
            flag(options >= 9),
            flag(options > 4 && options < 9),
            flag(options == 0),
            lg(self.stem.unwrap_or(self.bytes)),
            lg(self.options_bytes / options.max(1)),
            share(self.options_with_digits, options),
            share(self.letters, self.words) / 6.0,
            lg(mark(b'$')),
            lg(mark(b'\\')),
            lg(mark(b'(')),
            lg(mark(b'=')),
            lg(mark(b'^')),
            lg(mark(b'{')),
            lg(mark(b'"')),
            lg(mark(b'?')),
            lg(mark(b',')),
            lg(mark(b';')),
            lg(mark(b'_')),
            lg(mark(b'%')),
            flag(mark(b'?') == 0),
            cue(0),
            cue(1),
            cue(2),
            lg(mark(b'`')),
            cue(3),
            cue(4),
            share(buckets, self.grams),
            flag(self.foreign > 0),
            cue(5),
            cue(6),
            cue(7),
            flag(mark(b'_') > 1),
            flag(self.tools > 0),
            flag(self.tools == 1),
            lg(self.tools),
            lg(self.tools_chars),
            self.longest_number.min(40) as f32 / 5.0,
            flag(self.decimals > 0),
            lg(self.numbers),
            cue(8),
            cue(9),
            cue(10),
            cue(AND),
            lg(self.cues[AND]),
            self.longest.min(60) as f32 / 12.0,
            lg(mark(b'\'')),
        ])
    }
}
