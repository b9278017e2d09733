//! The headers of a form and of its parts.

/// What a part says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub name: String,
    /// Of a file.
    pub file: Option<String>,
    pub mime: Option<String>,
}

/// The boundary that a `Content-Type` names, where it is that of a form.
pub(super) fn boundary(kind: &str) -> Option<String> {
    let (essence, params) = kind.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters(params).into_iter().find(|(name, _)| name == "boundary")?.1;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    (boundary.bytes().all(plain) && !boundary.ends_with(' ')).then_some(boundary)
}

/// `name=value; name="value"`, names in lower case. A quoted value ends at the next quote: a backslash is only taken away before
/// a quote or another, as some programs write names of files with plain ones.
fn parameters(mut text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    loop {
        text = text.trim_start_matches([' ', '\t', ';']);
        let Some((name, rest)) = text.split_once('=') else { return all };
        let name = name.trim().to_ascii_lowercase();
        let value = if let Some(quoted) = rest.trim_start().strip_prefix('"') {
            let (value, rest) = unquoted(quoted);
            text = rest;
            value
        } else {
            let (value, rest) = rest.split_once(';').unwrap_or((rest, ""));
            text = rest;
            value.trim().to_owned()
        };
        all.push((name, value));
    }
}

fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' if text[at + 1..].starts_with(['"', '\\']) => {
                value.extend(chars.next().map(|(_, c)| c));
            }
            c => value.push(c),
        }
    }
    (value, "")
}

/// The headers of a part.
pub(super) fn of(head: &[u8]) -> Result<Head, &'static str> {
    let text = std::str::from_utf8(head).map_err(|_| "the headers of a part are no UTF-8")?;
    let mut out = Head::default();
    let mut named = false;
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            return Err("a line of a part's headers is no header");
        };
        if name.eq_ignore_ascii_case("content-type") {
            out.mime = Some(value.trim().to_owned());
        } else if name.eq_ignore_ascii_case("content-disposition") {
            let (kind, params) = value.split_once(';').unwrap_or((value, ""));
            if !kind.trim().eq_ignore_ascii_case("form-data") {
                return Err("a part is no form-data");
            }
            let mut better = None;
            for (name, value) in parameters(params) {
                match name.as_str() {
                    "name" => (out.name, named) = (decoded(&value), true),
                    "filename" => out.file = Some(decoded(&value)),
                    "filename*" => better = extended(&value),
                    _ => {}
                }
            }
            out.file = better.or(out.file);
        }
    }
    if named { Ok(out) } else { Err("a part has no name") }
}

/// "%22, %0D and %0A stand for a quote and line ends" (HTML, multipart form data); another percent sign is one.
fn decoded(value: &str) -> String {
    value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

/// `UTF-8''na%C3%AFve.wav` (RFC 8187). None for another charset.
fn extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |b: Option<u8>| char::from(b?).to_digit(16);
        match byte {
            b'%' => out.push(u8::try_from(digit(bytes.next())? * 16 + digit(bytes.next())?).ok()?),
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}
