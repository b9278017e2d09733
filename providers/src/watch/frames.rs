//! Where frames end in bytes that pass by.

use memchr::memchr2;

/// The end of the first line in `bytes`, and the end of the frame that begins with it (after its blank line). A CR
/// that ends the bytes ends the frame, though an LF may follow that belongs to it.
pub(crate) fn frame_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = memchr2(b'\n', b'\r', bytes)?;
    let mut line = first;
    loop {
        let crlf = bytes.get(line) == Some(&b'\r') && bytes.get(line + 1) == Some(&b'\n');
        let next = line + if crlf { 2 } else { 1 };
        match bytes.get(next)? {
            b'\n' => return Some((first, next + 1)),
            b'\r' if bytes.get(next + 1) == Some(&b'\n') => return Some((first, next + 2)),
            b'\r' => return Some((first, next + 1)),
            _ => line = next + memchr2(b'\n', b'\r', bytes.get(next..)?)?,
        }
    }
}

/// Moves bytes of the chunk to `frame`, line by line, until it is whole (true) or the chunk used up. Says how many.
pub(crate) fn grow(frame: &mut Vec<u8>, chunk: &[u8]) -> (usize, bool) {
    let mut taken = 0;
    loop {
        let rest = chunk.get(taken..).unwrap_or_default();
        let end = memchr2(b'\n', b'\r', rest).map(|at| at + 1);
        frame.extend_from_slice(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default());
        taken += end.unwrap_or(rest.len());
        if end.is_none() {
            return (taken, false);
        }
        // Only line ends at the seam can make the frame whole: what lies before was looked at.
        if frame.get(frame.len().saturating_sub(3)..).is_some_and(|seam| frame_end(seam).is_some()) {
            return (taken, true);
        }
    }
}
