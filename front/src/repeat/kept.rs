//! An answer as it left, and how it is told once more.

use crate::http::Fields;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use vocab::{Instant, Pico};

/// The first byte of one that is kept as bytes. Another layout has another.
const LAYOUT: u8 = 1;

/// An answer: whole, and with 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The request that it was the answer to.
    pub id: String,
    /// When that had been answered.
    pub made: Instant,
    /// What that was charged.
    pub cost: Pico,
    /// The lines of its head, without those that are of one moment.
    pub head: String,
    /// It was a stream, in pieces of these lengths.
    pub pieces: Option<Vec<u32>>,
    pub body: Bytes,
    /// What came behind a stream, as the lines of a head.
    pub trailers: String,
}

impl Kept {
    /// How much of memory it takes, about.
    pub fn size(&self) -> usize {
        let pieces = self.pieces.as_ref().map_or(0, |pieces| 4 * pieces.len());
        size_of::<Self>() + self.id.len() + self.head.len() + pieces + self.body.len() + self.trailers.len()
    }

    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.size() + 64);
        out.push(LAYOUT);
        out.extend_from_slice(&self.made.as_micros().to_be_bytes());
        out.extend_from_slice(&self.cost.0.to_be_bytes());
        for text in [&self.id, &self.head, &self.trailers] {
            number(&mut out, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        out.push(self.pieces.is_some().into());
        if let Some(pieces) = &self.pieces {
            number(&mut out, pieces.len());
            pieces.iter().for_each(|length| out.extend_from_slice(&length.to_be_bytes()));
        }
        out.extend_from_slice(&self.body);
        out.into()
    }

    /// None where these are no bytes of this layout.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        let mut from = Reader { bytes, at: 0 };
        if from.array::<1>()? != [LAYOUT] {
            return None;
        }
        let made = Instant::from_micros(u64::from_be_bytes(from.array()?));
        let cost = Pico(i128::from_be_bytes(from.array()?));
        let [id, head, trailers] = [from.text()?, from.text()?, from.text()?];
        let pieces = match from.array()? {
            [0] => None,
            [1] => {
                let count = from.number()?;
                let mut pieces = Vec::with_capacity(count.min(bytes.len() / 4));
                for _ in 0..count {
                    pieces.push(u32::from_be_bytes(from.array()?));
                }
                Some(pieces)
            }
            _ => return None,
        };
        let body = bytes.slice(from.at..);
        let told = pieces.as_ref().is_none_or(|pieces| {
            pieces.iter().map(|length| u64::from(*length)).sum::<u64>() == body.len() as u64
        });
        told.then_some(Self { id, made, cost, head, pieces, body, trailers })
    }

    /// Its header fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        lines(&self.head)
    }

    /// Its body, once more.
    pub fn told(&self, with_trailers: bool) -> Told {
        let mut rest = self.body.clone();
        let pieces = match &self.pieces {
            None => vec![rest],
            Some(lengths) => {
                let cut = |length: &u32| rest.split_to(rest.len().min(*length as usize));
                lengths.iter().map(cut).collect()
            }
        };
        let trailers = (with_trailers && !self.trailers.is_empty()).then(|| {
            let mut fields = Fields::default();
            lines(&self.trailers).for_each(|(name, value)| fields.text(name, value));
            Box::new(fields.to_map())
        });
        Told { pieces: pieces.into_iter(), trailers }
    }
}

fn lines(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.split_terminator("\r\n").filter_map(|line| line.split_once(": "))
}

fn number(out: &mut Vec<u8>, number: usize) {
    // Nothing near 4 GiB is kept.
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
}

struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let found = self.bytes.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(*found)
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.array()?)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.number()?;
        let end = self.at.checked_add(length)?;
        let text = std::str::from_utf8(self.bytes.get(self.at..end)?).ok()?;
        self.at = end;
        Some(text.to_owned())
    }
}

/// A stream that was told before: the same pieces, and what came behind them.
#[derive(Debug)]
pub struct Told {
    pieces: std::vec::IntoIter<Bytes>,
    trailers: Option<Box<HeaderMap>>,
}

impl Told {
    pub fn next(&mut self) -> Option<Frame<Bytes>> {
        let piece = self.pieces.next().map(Frame::data);
        piece.or_else(|| self.trailers.take().map(|trailers| Frame::trailers(*trailers)))
    }

    pub fn is_over(&self) -> bool {
        self.pieces.len() == 0 && self.trailers.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_kept() -> impl Strategy<Value = Kept> {
        let texts = ("[a-z0-9]{0,9}", "(x-[a-z]{1,3}: [ -~]{0,5}\r\n){0,3}", "(y: [!-~]{1,5}\r\n)?");
        let body = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..6);
        (texts, body, any::<bool>(), any::<i64>(), 0..u64::MAX / 2).prop_map(
            |((id, head, trailers), pieces, stream, cost, made)| Kept {
                id,
                made: Instant::from_micros(made),
                cost: Pico(cost.into()),
                head,
                pieces: stream.then(|| pieces.iter().map(|p| p.len() as u32).collect()),
                body: pieces.concat().into(),
                trailers,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back(kept in any_kept()) {
            let bytes = kept.encode();
            prop_assert_eq!(Kept::decode(&bytes), Some(kept.clone()));
            // Pieces say how long they are, so one that was cut is noticed; a whole body is as long as it is.
            for cut in 0..bytes.len() {
                if let Some(other) = Kept::decode(&bytes.slice(..cut)) {
                    prop_assert!(kept.pieces.is_none() && other.body.len() < kept.body.len());
                }
            }
            let mut told = kept.told(true);
            let mut body = Vec::new();
            let mut lengths = Vec::new();
            let mut trailed = false;
            while let Some(frame) = told.next() {
                prop_assert!(!trailed, "trailers come last");
                match frame.into_data() {
                    Ok(piece) => {
                        lengths.push(piece.len() as u32);
                        body.extend_from_slice(&piece);
                    }
                    Err(_) => trailed = true,
                }
            }
            prop_assert!(told.is_over());
            prop_assert_eq!(&body, &kept.body);
            prop_assert_eq!(trailed, !kept.trailers.is_empty());
            if let Some(pieces) = &kept.pieces {
                prop_assert_eq!(pieces, &lengths);
            }
            prop_assert!(!matches!(kept.told(false).last_frame(), Some(frame) if frame.is_trailers()));
        }

        #[test]
        fn other_bytes_are_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(Kept::decode(&bytes.into()));
        }
    }

    impl Told {
        fn last_frame(mut self) -> Option<Frame<Bytes>> {
            std::iter::from_fn(|| self.next()).last()
        }
    }
}
