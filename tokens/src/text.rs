//! What a text is made of.
//!
//! Tokenizers of today split a text into words before anything else: where one begins there is a token, and rare words, long
//! words, digits and foreign scripts take more. So what is counted is where something begins ([`Class::Start`]: after a space,
//! or where letters, capitals, digits and signs follow one another) and bytes of a few classes. It is all in the bytes: no
//! character is put together, and continuation bytes count for nothing but the lead before them.
//!
//! The first [`WHOLE`] bytes of a text are all looked at, of what follows one block in [`ONE_IN`], which stands for the others:
//! a long text is of one kind for longer than that, and a prompt of a megabyte must not cost more than all else together.

/// What is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Something begins here: a word, a number, signs, capitals after small letters and the other way round.
    Start,
    /// Small letters, and the five signs after them.
    Small,
    /// Capitals, and `@[\]^_`.
    Capital,
    Digit,
    /// Line ends and tabs.
    Control,
    /// Leads of Latin letters with marks: U+0080 to U+037F.
    Latin,
    /// Greek and Cyrillic: to U+053F.
    Cyrillic,
    /// Armenian, Hebrew, Arabic: to U+07FF.
    Arabic,
    /// Indic scripts, Thai and its neighbours, Georgian, Ethiopic: to U+1FFF.
    Indic,
    /// Punctuation, arrows, frames, mathematics: to U+2FFF.
    Symbol,
    /// Kana, and the punctuation of East Asia: to U+3FFF.
    Kana,
    /// Ideographs: to U+9FFF.
    Han,
    /// Hangul: to U+DFFF.
    Hangul,
    /// Full width forms and private use: to U+FFFF.
    Wide,
    /// Emoji and rare ideographs: above.
    Astral,
}

/// How many classes there are.
pub const CLASSES: usize = Class::Astral as usize + 1;

/// Bytes looked at in one go. Sums of so many fit into a byte.
const BLOCK: usize = 240;
/// The same at the end of a text.
const REST: usize = 48;
/// Of what follows [`WHOLE`] bytes one block in so many is looked at.
const ONE_IN: usize = 8;
const STRETCH: usize = ONE_IN * BLOCK;
/// So many bytes of a text are all looked at.
pub const WHOLE: usize = 4 * BLOCK;

/// Whether the target has vectors that a plain loop over bytes is compiled to.
const VECTORS: bool = cfg!(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"));

/// What a text, or several, is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    bytes: u32,
    classes: [u32; CLASSES],
}

impl Text {
    pub(crate) const NONE: Self = Self { bytes: 0, classes: [0; CLASSES] };

    /// What this text is made of.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::written(text, text.len(), |part, piece| piece(part.as_bytes()))
    }

    /// What a text is made of that is written otherwise, with escapes, and has so many `bytes` without them. `spell` tells a
    /// part of what is written without them, in pieces.
    #[must_use]
    pub fn written(written: &str, bytes: usize, spell: impl Fn(&str, &mut dyn FnMut(&[u8]))) -> Self {
        let part = |from: usize, most: usize| {
            let rest = written.get(from..).unwrap_or_default();
            rest.get(..boundary(rest, most)).unwrap_or_default()
        };
        let whole = part(0, WHOLE);
        let mut text = Self::spelt(whole, &spell);
        let mut at = whole.len();
        while at < written.len() {
            let (stretch, looked_at) = (part(at, STRETCH).len(), part(at, BLOCK));
            text.stands_for(&Self::spelt(looked_at, &spell), stretch, looked_at.len());
            at += stretch.max(1);
        }
        text.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        text
    }

    fn spelt(part: &str, spell: &impl Fn(&str, &mut dyn FnMut(&[u8]))) -> Self {
        let mut tally = Tally::default();
        spell(part, &mut |piece| tally.push(piece));
        tally.text()
    }

    /// Adds what was found in a part of a stretch, for all of it.
    fn stands_for(&mut self, part: &Self, stretch: usize, looked_at: usize) {
        // Divided once: there are many stretches.
        let times = (stretch as u64 * 256) / looked_at.max(1) as u64;
        for (sum, more) in self.classes.iter_mut().zip(part.classes) {
            let all = u32::try_from((u64::from(more) * times) / 256).unwrap_or(u32::MAX);
            *sum = sum.saturating_add(all);
        }
    }

    /// Its length.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// How many there are of each class, in their order.
    #[must_use]
    pub const fn classes(&self) -> &[u32; CLASSES] {
        &self.classes
    }

    /// Adds another one that stands beside it.
    pub fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        for (sum, more) in self.classes.iter_mut().zip(other.classes) {
            *sum = sum.saturating_add(more);
        }
    }
}

/// Where a character ends, at most at `most`; where the first one does, if it is longer.
fn boundary(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(most)
}

/// What a text is made of that comes in pieces, cut anywhere. All of it is looked at.
#[derive(Debug)]
pub struct Tally {
    text: Text,
    /// The group of the byte before.
    before: u8,
    /// The block that is not full yet.
    kept: [u8; BLOCK],
    length: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Self { text: Text::default(), before: SPACE, kept: [b' '; BLOCK], length: 0 }
    }
}

impl Tally {
    /// More of the text.
    pub fn push(&mut self, mut piece: &[u8]) {
        self.text.bytes = self.text.bytes.saturating_add(u32::try_from(piece.len()).unwrap_or(u32::MAX));
        if self.length == 0 {
            // Nothing is copied of a text that comes as a whole, but for its end.
            let (blocks, rest) = piece.as_chunks::<BLOCK>();
            blocks.iter().for_each(|block| self.block(block));
            piece = rest;
        }
        while let Some(room) = self.kept.get_mut(self.length..) {
            let (now, later) = piece.split_at_checked(room.len()).unwrap_or((piece, &[]));
            if let Some(place) = room.get_mut(..now.len()) {
                place.copy_from_slice(now);
            }
            self.length += now.len();
            if self.length < BLOCK {
                return;
            }
            let full = self.kept;
            self.block(&full);
            self.length = 0;
            piece = later;
        }
    }

    /// What it was made of.
    #[must_use]
    pub fn text(mut self) -> Text {
        let rest = self.kept.get(..self.length).unwrap_or_default();
        if VECTORS {
            for part in rest.chunks(REST) {
                let mut block = [b' '; REST];
                if let Some(place) = block.get_mut(..part.len()) {
                    place.copy_from_slice(part);
                }
                count(&mut self.before, &block, &mut self.text.classes);
            }
        } else {
            one_by_one(&mut self.before, rest, &mut self.text.classes);
        }
        self.text
    }

    fn block(&mut self, block: &[u8; BLOCK]) {
        if VECTORS {
            count(&mut self.before, block, &mut self.text.classes);
        } else {
            one_by_one(&mut self.before, block, &mut self.text.classes);
        }
    }
}

/// Groups between which something begins. Nothing begins with a space or a line end.
const SPACE: u8 = 0;
const SIGN: u8 = 1;
const DIGIT: u8 = 2;
const CAPITAL: u8 = 3;
const SMALL: u8 = 4;

/// Written so that it is compiled to a minimum of vectors: bytes are only compared with thresholds, and summed up as bytes.
#[inline]
fn count<const N: usize>(before: &mut u8, block: &[u8; N], classes: &mut [u32; CLASSES]) {
    let mut groups = [SPACE; N];
    let [mut printed, mut late, mut later, mut letters, mut small, mut foreign] = [0_u8; 6];
    for (place, byte) in groups.iter_mut().zip(block) {
        *place = group(*byte);
        let over = |threshold: u8| u8::from(*byte > threshold);
        printed = printed.wrapping_add(over(0x1f));
        late = late.wrapping_add(over(b'/'));
        later = later.wrapping_add(over(b'9'));
        letters = letters.wrapping_add(over(b'?'));
        small = small.wrapping_add(over(b'_'));
        foreign = foreign.wrapping_add(over(0x7f));
    }
    let begins = |before: u8, group: u8| u8::from(group != before) & u8::from(group != SPACE);
    let pairs = groups.iter().zip(groups.iter().skip(1));
    let starts = pairs.fold(0_u8, |n, (before, group)| n.wrapping_add(begins(*before, *group)));
    let first = groups.first().map_or(0, |first| begins(*before, *first));
    *before = groups.last().copied().unwrap_or(SPACE);
    let mut add = |class: Class, count: u32| {
        if let Some(sum) = classes.get_mut(class as usize) {
            *sum = sum.saturating_add(count);
        }
    };
    add(Class::Start, u32::from(starts) + u32::from(first));
    add(Class::Small, u32::from(small - foreign));
    add(Class::Capital, u32::from(letters - small));
    add(Class::Digit, u32::from(late - later));
    add(Class::Control, N as u32 - u32::from(printed));
    if foreign == 0 {
        return;
    }
    let mut least = above(block, LEADS[0].0);
    for pair in LEADS.windows(2) {
        let [(_, class), (next, _)] = pair else { return };
        let more = above(block, *next);
        add(*class, least - more);
        least = more;
    }
    add(Class::Astral, least);
}

/// Leads above these are of these classes.
const LEADS: [(u8, Class); 10] = [
    (0xbf, Class::Latin),
    (0xcd, Class::Cyrillic),
    (0xd4, Class::Arabic),
    (0xdf, Class::Indic),
    (0xe1, Class::Symbol),
    (0xe2, Class::Kana),
    (0xe3, Class::Han),
    (0xe9, Class::Hangul),
    (0xed, Class::Wide),
    (0xef, Class::Astral),
];

#[inline]
fn group(byte: u8) -> u8 {
    let over = |threshold: u8, step: u8| u8::from(byte > threshold) * step;
    over(b' ', SIGN) + over(b'/', DIGIT - SIGN) + over(b'?', CAPITAL - SIGN) + over(b'_', SMALL - CAPITAL)
        - over(b'9', DIGIT - SIGN)
}

#[inline]
fn above<const N: usize>(block: &[u8; N], threshold: u8) -> u32 {
    block.iter().fold(0_u8, |n, byte| n.wrapping_add(u8::from(*byte > threshold))).into()
}

/// The same without vectors.
#[inline(never)]
fn one_by_one(before: &mut u8, bytes: &[u8], classes: &mut [u32; CLASSES]) {
    for byte in bytes {
        let group = group(*byte);
        classes[Class::Start as usize] += u32::from(group != *before && group != SPACE);
        *before = group;
        let class = match (group, *byte) {
            (_, 0xc0..) => LEADS.iter().rev().find(|(under, _)| byte > under).map(|(_, class)| *class),
            (_, 0x80..) => None,
            (SMALL, _) => Some(Class::Small),
            (CAPITAL, _) => Some(Class::Capital),
            (DIGIT, _) => Some(Class::Digit),
            (_, 0..0x20) => Some(Class::Control),
            _ => None,
        };
        if let Some(class) = class {
            classes[class as usize] += 1;
        }
    }
}
