//! A form with a file in it, in two pieces: what stands before the file and after it (RFC 7578).

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use std::sync::Arc;
use vocab::Fault;

/// The fields, and at last the file.
pub(crate) struct Form<'a> {
    boundary: &'a str,
    out: String,
}

impl<'a> Form<'a> {
    pub fn new(boundary: &'a str) -> Self {
        Self { boundary, out: String::with_capacity(512) }
    }

    pub fn field(&mut self, name: &str, value: &str) {
        self.part(name, "", "");
        self.out.push_str(value);
        self.out.push_str("\r\n");
    }

    fn part(&mut self, name: &str, file: &str, mime: &str) {
        for piece in
            ["--", self.boundary, "\r\ncontent-disposition: form-data; name=\"", &escaped(name), "\""]
        {
            self.out.push_str(piece);
        }
        if !file.is_empty() {
            for piece in ["; filename=\"", &escaped(file), "\"\r\ncontent-type: ", mime] {
                self.out.push_str(piece);
            }
        }
        self.out.push_str("\r\n\r\n");
    }

    /// What stands before the file and after it, and the headers that say so.
    pub fn around(
        mut self,
        name: &str,
        file: &str,
        mime: &str,
        headers: &HeaderMap,
    ) -> Result<(Bytes, Bytes, Arc<HeaderMap>), Fault> {
        self.part(name, file, &escaped_mime(mime));
        let after = format!("\r\n--{}--\r\n", self.boundary);
        let kind = format!("multipart/form-data; boundary={}", self.boundary);
        let kind = HeaderValue::from_str(&kind).map_err(|e| Fault::Unfit(format!("file: {e}")))?;
        let mut headers = headers.clone();
        headers.insert(CONTENT_TYPE, kind);
        Ok((self.out.into(), after.into(), headers.into()))
    }
}

/// A name that cannot end its quotes or its line: "0x0A, 0x0D and 0x22 are replaced by %0A, %0D and %22" (HTML, multipart form
/// data).
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' => out.push_str("%22"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A kind of file that is one, else that of a file of which nothing is known.
pub(crate) fn escaped_mime(mime: &str) -> String {
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let essence = mime.split(';').next().unwrap_or_default().trim();
    match essence.split_once('/') {
        Some((kind, of)) if plain(kind) && plain(of) => essence.to_ascii_lowercase(),
        _ => OCTETS.into(),
    }
}

const OCTETS: &str = "application/octet-stream";

/// The kind of a file: as was said of it, else by the end of its name.
pub(crate) fn mime_of(mime: &str, file: &str) -> String {
    let said = escaped_mime(mime);
    if said != OCTETS {
        return said;
    }
    let end = file.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    match end.as_deref() {
        Some("mp3" | "mpga" | "mpeg") => "audio/mpeg",
        Some("wav") => "audio/wav",
        Some("ogg" | "oga" | "opus") => "audio/ogg",
        Some("flac") => "audio/flac",
        Some("m4a" | "mp4") => "audio/mp4",
        Some("aac") => "audio/aac",
        Some("webm") => "audio/webm",
        _ => OCTETS,
    }
    .into()
}
