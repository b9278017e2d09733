//! The texts of the entries in an export, one after the other: a line each, or the elements of JSON arrays.
//!
//! Which of the two it is says the first character that is no white space. What one entry takes is all that is ever in
//! memory.

use memchr::memchr;
use std::io::{BufRead, Read};

/// No entry is as long. What has no end must not fill the memory.
const MOST: usize = 16 << 20;

/// An export on its way through.
pub struct Texts<R> {
    input: R,
    form: Option<Form>,
    /// Of what was read last, from 1.
    line: u64,
    read: u64,
    room: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Array(Place),
}

/// Where between the elements of arrays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before an array, or after one: pages may stand one behind the other.
    Outside,
    First,
    Next,
    Behind,
}

/// What stands where an entry is expected.
pub struct Text<'a> {
    /// Where it begins, from 1.
    pub line: u64,
    /// What is there; or why it is no entry.
    pub text: Result<&'a [u8], &'static str>,
}

impl<R: BufRead> Texts<R> {
    pub const fn of(input: R) -> Self {
        Self { input, form: None, line: 1, read: 0, room: Vec::new() }
    }

    /// How many bytes were read.
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// The next one; None at the end. After one that is no entry nothing more is to be asked for.
    pub fn next(&mut self) -> std::io::Result<Option<Text<'_>>> {
        self.room.clear();
        let form = match self.form {
            Some(form) => form,
            None => {
                let form = if self.skip()? == Some(b'[') { Form::Array(Place::Outside) } else { Form::Lines };
                *self.form.insert(form)
            }
        };
        match form {
            Form::Lines => self.next_line(),
            Form::Array(place) => self.next_element(place),
        }
    }

    fn next_line(&mut self) -> std::io::Result<Option<Text<'_>>> {
        if self.skip()?.is_none() {
            return Ok(None);
        }
        let line = self.line;
        let count = self.input.by_ref().take(MOST as u64).read_until(b'\n', &mut self.room)?;
        self.read += count as u64;
        if self.room.last() == Some(&b'\n') {
            self.line += 1;
        } else if count == MOST {
            return Ok(Some(Text { line, text: Err("it is longer than any entry") }));
        }
        Ok(Some(Text { line, text: Ok(&self.room) }))
    }

    fn next_element(&mut self, mut place: Place) -> std::io::Result<Option<Text<'_>>> {
        loop {
            let found = self.skip()?;
            let line = self.line;
            let wrong = |why| Ok(Some(Text { line, text: Err(why) }));
            place = match (place, found) {
                (Place::Outside, None) => return Ok(None),
                (_, None) => return wrong("the array has no end"),
                (Place::Outside, Some(b'[')) => Place::First,
                (Place::First | Place::Behind, Some(b']')) => Place::Outside,
                (Place::Behind, Some(b',')) => Place::Next,
                (Place::First | Place::Next, Some(b'{')) => {
                    self.form = Some(Form::Array(Place::Behind));
                    let whole = self.object()?;
                    return Ok(Some(Text { line, text: whole.map(|()| self.room.as_slice()) }));
                }
                _ => return wrong("here should be an entry"),
            };
            self.form = Some(Form::Array(place));
            self.consume(1);
        }
    }

    /// Takes an object up to its last bracket. What is in it is for the reader of entries to judge.
    fn object(&mut self) -> std::io::Result<Result<(), &'static str>> {
        let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
        loop {
            let there = self.input.fill_buf()?;
            if there.is_empty() {
                return Ok(Err("the entry has no end"));
            }
            let mut end = None;
            for (at, byte) in there.iter().enumerate() {
                self.line += u64::from(*byte == b'\n');
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if in_text => escaped = true,
                    b'"' => in_text = !in_text,
                    b'{' | b'[' if !in_text => depth += 1,
                    b'}' | b']' if !in_text => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    end = Some(at + 1);
                    break;
                }
            }
            let taken = end.unwrap_or(there.len());
            self.room.extend_from_slice(there.get(..taken).unwrap_or_default());
            self.consume(taken);
            if end.is_some() {
                return Ok(Ok(()));
            }
            if self.room.len() > MOST {
                return Ok(Err("it is longer than any entry"));
            }
        }
    }

    /// Goes over white space; what comes behind it.
    fn skip(&mut self) -> std::io::Result<Option<u8>> {
        loop {
            let there = self.input.fill_buf()?;
            if there.is_empty() {
                return Ok(None);
            }
            let end = there.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
            let mut blank = there.get(..end.unwrap_or(there.len())).unwrap_or_default();
            let taken = blank.len();
            let found = end.and_then(|at| there.get(at)).copied();
            while let Some(at) = memchr(b'\n', blank) {
                self.line += 1;
                blank = blank.get(at + 1..).unwrap_or_default();
            }
            self.consume(taken);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn consume(&mut self, count: usize) {
        self.input.consume(count);
        self.read += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    /// Read through so small a hole that everything is cut everywhere.
    fn texts(file: &str, room: usize) -> Vec<(u64, Result<String, &'static str>)> {
        let mut texts = Texts::of(BufReader::with_capacity(room, file.as_bytes()));
        let mut found = Vec::new();
        while let Some(Text { line, text }) = texts.next().unwrap() {
            let text = text.map(|text| String::from_utf8(text.to_vec()).unwrap().trim().to_owned());
            let bad = text.is_err();
            found.push((line, text));
            if bad {
                break;
            }
        }
        if found.iter().all(|(_, text)| text.is_ok()) {
            assert_eq!(texts.read(), file.len() as u64);
        }
        found
    }

    #[test]
    fn lines_and_arrays_hold_the_same() {
        let one = r#"{"a":"]}\"{[","b":{"c":[1,2]}}"#;
        let two = r#"{"d":"\\"}"#;
        for room in [1, 2, 3, 7, 8_192] {
            for (file, lines) in [
                (format!("{one}\n{two}\n"), [1, 2]),
                (format!("\n \r\n{one}\r\n\n{two}"), [3, 5]),
                (format!("[{one},{two}]"), [1, 1]),
                (format!(" [\n{one}\n,\n\n{two}\n]\n"), [2, 5]),
                (format!("[{one}]\n[{two}]\n[]"), [1, 2]),
            ] {
                let expected = [(lines[0], Ok(one.to_owned())), (lines[1], Ok(two.to_owned()))];
                assert_eq!(texts(&file, room), expected, "{file} by {room}");
            }
        }
        for empty in ["", "\n\n", "[]", " [ ] [\n]"] {
            assert_eq!(texts(empty, 2), [], "{empty:?}");
        }
    }

    #[test]
    fn what_is_no_array_of_entries_is_told_where_it_stands() {
        for (file, line, why) in [
            ("[", 1, "the array has no end"),
            ("[{}", 1, "the array has no end"),
            ("[{},\n", 2, "the array has no end"),
            ("[{},]", 1, "here should be an entry"),
            ("[\n1]", 2, "here should be an entry"),
            ("[{}{}]", 1, "here should be an entry"),
            ("[{}]\n{}", 2, "here should be an entry"),
            ("[{}\n,{\"a\":\"}\n]", 2, "the entry has no end"),
        ] {
            assert_eq!(texts(file, 2).last(), Some(&(line, Err(why))), "{file:?}");
        }
    }

    #[test]
    fn what_has_no_end_does_not_fill_the_memory() {
        for begin in ["", "["] {
            let endless = begin.as_bytes().chain(b"{\"a\":\"".as_slice()).chain(std::io::repeat(b'x'));
            let mut texts = Texts::of(BufReader::new(endless));
            let first = texts.next().unwrap().unwrap();
            assert_eq!(first.text, Err("it is longer than any entry"));
            assert!(texts.room.capacity() <= 4 * MOST);
        }
    }
}
