//! Frames as the items of one growing array, which is how Google answers without `alt=sse`.

const DATA: &[u8] = b"data:";

/// Turns server-sent events into items, byte by byte: it keeps nothing but where it is.
#[derive(Debug, Default)]
pub(super) struct Array {
    /// Items begun.
    any: bool,
    place: Place,
    /// The event that is being read has had data.
    inside: bool,
    /// The byte before was a carriage return that ended a line.
    after_cr: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// So many bytes of a line fit the name of the data field.
    Name(usize),
    /// Just behind the name, where one space may stand.
    Colon,
    Data,
    /// In a line that is something else.
    Other,
}

impl Default for Place {
    fn default() -> Self {
        Self::Name(0)
    }
}

impl Array {
    /// An item of our own.
    pub fn item(&mut self, item: &[u8], out: &mut Vec<u8>) {
        self.separate(out);
        out.extend_from_slice(item);
    }

    /// The end of it all.
    pub fn close(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.any { b"\r\n]" } else { b"[]" });
    }

    /// Events in pieces of any size.
    pub fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    // An empty line ends the event.
                    if self.place == Place::Name(0) {
                        self.inside = false;
                    }
                    self.place = Place::Name(0);
                }
                _ => self.within(*byte, out),
            }
        }
    }

    fn within(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.place {
            Place::Name(fits) if DATA.get(fits) == Some(&byte) => {
                self.place = if fits + 1 == DATA.len() { Place::Colon } else { Place::Name(fits + 1) };
            }
            Place::Name(_) | Place::Other => self.place = Place::Other,
            Place::Colon => {
                self.place = Place::Data;
                if std::mem::replace(&mut self.inside, true) {
                    // Another line of the same event.
                    out.push(b'\n');
                } else {
                    self.separate(out);
                }
                if byte != b' ' {
                    out.push(byte);
                }
            }
            Place::Data => out.push(byte),
        }
    }

    fn separate(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if std::mem::replace(&mut self.any, true) { b",\r\n" } else { b"[" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(pieces: &[&[u8]]) -> String {
        let (mut array, mut out) = (Array::default(), Vec::new());
        pieces.iter().for_each(|piece| array.take(piece, &mut out));
        array.close(&mut out);
        String::from_utf8(out).unwrap()
    }

    const EVENTS: &[u8] =
        b": hello\r\n\r\nevent: x\ndata: {\"a\":\ndata: 1}\n\ndata:{\"data:\":2}\r\n\r\nid: 7\rdata: {\"c\":3}\r\r";

    #[test]
    fn events_become_items() {
        assert_eq!(told(&[EVENTS]), "[{\"a\":\n1},\r\n{\"data:\":2},\r\n{\"c\":3}\r\n]");
        assert_eq!(told(&[]), "[]");
    }

    proptest! {
        #[test]
        fn wherever_they_are_cut(cuts in proptest::collection::vec(0..=EVENTS.len(), 0..6)) {
            let mut cuts = cuts;
            cuts.extend([0, EVENTS.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|ends| &EVENTS[ends[0]..ends[1]]).collect();
            prop_assert_eq!(told(&pieces), told(&[EVENTS]));
        }
    }
}
