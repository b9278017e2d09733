//! What an answer rests on, and how far along its text that is.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A source that a model names for something it said.
///
/// Where in the answer that is, every protocol counts in its own way: OpenAI's in characters of a message or of a part
/// (`start_index`, `end_index`), Gemini in bytes of a part (`segment`), Anthropic not at all, as there the source stands on
/// the block that rests on it. Here it is characters of all the text of a choice, joined; nobody counts in UTF-16.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    pub choice: u32,
    /// Characters (Unicode scalar values) of the choice's text, the last one excluded. None where it is not said, or is
    /// the answer as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passage: Option<Range<u32>>,
    /// Where the source is; None where it is a document that was sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Words of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
}

impl Citation {
    /// Bytes of text in it.
    pub fn len(&self) -> usize {
        [&self.url, &self.title, &self.quote].into_iter().flatten().map(String::len).sum()
    }

    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where the width of characters changes this often, a ruler gives up: 96 KiB.
const MARKS_MAX: usize = 8_192;

/// Laid along a text that goes by in pieces, it tells characters from bytes and bytes from characters, without the text.
/// What it keeps is where characters of another width begin, which in most texts is seldom.
#[derive(Clone, Debug, Default)]
pub struct Ruler {
    end: Mark,
    marks: Vec<Mark>,
    /// The first place that cannot be told any more.
    lost: Option<Mark>,
}

/// A place, and how many bytes each character has from there on; before the first it is one.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    chars: u32,
    bytes: u32,
    width: u32,
}

impl Ruler {
    /// More of the text.
    pub fn add(&mut self, text: &str) {
        if self.end.width <= 1 && text.is_ascii() {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            self.end.chars = self.end.chars.saturating_add(length);
            self.end.bytes = self.end.bytes.saturating_add(length);
            return;
        }
        for width in text.chars().map(char::len_utf8) {
            let width = u32::try_from(width).unwrap_or(1);
            if width != self.end.width.max(1) {
                self.end.width = width;
                if self.marks.len() < MARKS_MAX {
                    self.marks.push(self.end);
                } else {
                    self.lost.get_or_insert(self.end);
                }
            }
            self.end.chars = self.end.chars.saturating_add(1);
            self.end.bytes = self.end.bytes.saturating_add(width);
        }
    }

    /// Characters so far.
    pub const fn chars(&self) -> u32 {
        self.end.chars
    }

    /// Bytes so far.
    pub const fn bytes(&self) -> u32 {
        self.end.bytes
    }

    /// Which characters a stretch of bytes is; None where it is none, or too far along.
    pub fn chars_of(&self, bytes: Range<u32>) -> Option<Range<u32>> {
        let told = |byte: u32| {
            let byte = byte.min(self.end.bytes);
            self.lost.is_none_or(|lost| byte <= lost.bytes).then(|| {
                let from = self.before(|mark| mark.bytes <= byte);
                from.chars + (byte - from.bytes) / from.width.max(1)
            })
        };
        filled(told(bytes.start)?..told(bytes.end)?)
    }

    /// Which bytes a stretch of characters is.
    pub fn bytes_of(&self, chars: Range<u32>) -> Option<Range<u32>> {
        let told = |char: u32| {
            let char = char.min(self.end.chars);
            self.lost.is_none_or(|lost| char <= lost.chars).then(|| {
                let from = self.before(|mark| mark.chars <= char);
                from.bytes.saturating_add((char - from.chars).saturating_mul(from.width.max(1)))
            })
        };
        filled(told(chars.start)?..told(chars.end)?)
    }

    fn before(&self, is: impl Fn(&Mark) -> bool) -> Mark {
        let behind = self.marks.partition_point(is);
        behind.checked_sub(1).and_then(|at| self.marks.get(at)).copied().unwrap_or_default()
    }
}

fn filled(range: Range<u32>) -> Option<Range<u32>> {
    (!range.is_empty()).then_some(range)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use super::*;

    fn along(pieces: &[&str]) -> Ruler {
        let mut ruler = Ruler::default();
        pieces.iter().for_each(|piece| ruler.add(piece));
        ruler
    }

    #[test]
    fn every_stretch_of_every_text_is_the_same_in_both_units() {
        for text in ["", "plain", "Größe", "ä", "a€b𝄞c", "日本語です。ok", "e\u{301}🇫🇷 x", "ßß€€𝄞𝄞aa"]
        {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let halves = places[places.len() / 2];
            for ruler in [along(&[text]), along(&[&text[..halves], &text[halves..]])] {
                assert_eq!((ruler.chars() as usize, ruler.bytes() as usize), (places.len() - 1, text.len()));
                for (start, from) in places.iter().enumerate() {
                    for (end, to) in places.iter().enumerate().skip(start + 1) {
                        let (chars, bytes) = (start as u32..end as u32, *from as u32..*to as u32);
                        assert_eq!(ruler.chars_of(bytes.clone()), Some(chars.clone()), "{text}");
                        assert_eq!(ruler.bytes_of(chars), Some(bytes), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_beyond_the_end_ends_there_and_what_is_nothing_is_none() {
        let ruler = along(&["Größe"]);
        assert_eq!(ruler.chars_of(4..900), Some(3..5));
        assert_eq!(ruler.bytes_of(0..900), Some(0..7));
        for nothing in [0..0, Range { start: 3, end: 1 }, 9..12] {
            assert_eq!((ruler.chars_of(nothing.clone()), ruler.bytes_of(nothing)), (None, None));
        }
    }

    #[test]
    fn what_it_keeps_has_an_end_and_what_it_lost_it_does_not_guess() {
        let ruler = along(&["aä".repeat(MARKS_MAX).as_str(), "the end"]);
        assert!(ruler.marks.len() <= MARKS_MAX);
        assert_eq!(ruler.chars_of(0..3), Some(0..2));
        assert_eq!(ruler.bytes_of(0..ruler.chars()), None);
        assert_eq!(ruler.chars_of(ruler.bytes() - 3..ruler.bytes()), None);
    }
}
