//! Headers that nobody here reads.

/// Whether a request's header, in whatever case, is one that clients send with everything and that means nothing to
/// weir. A shell may leave them out: an SDK sends a dozen, and taking them in costs as much as routing the request.
pub fn is_noise(name: &[u8]) -> bool {
    // The first letter and the length tell nearly all of the others apart.
    match (name.first().map_or(0, |first| first | 0x20), name.len()) {
        (b'a', 6) => name.eq_ignore_ascii_case(b"accept"),
        (b'a', 15) => {
            name.eq_ignore_ascii_case(b"accept-encoding") || name.eq_ignore_ascii_case(b"accept-language")
        }
        (b'u', 10) => name.eq_ignore_ascii_case(b"user-agent"),
        (b'x', _) => is_stainless(name),
        _ => false,
    }
}

/// Whether it begins with `x-stainless-`, four letters at a time.
fn is_stainless(name: &[u8]) -> bool {
    // No other byte of a header's name becomes a small letter or a hyphen so.
    let word = |at: usize| name.get(at..)?.first_chunk::<4>().map(|w| u32::from_le_bytes(*w) | 0x2020_2020);
    let is = |at, text: &[u8; 4]| word(at) == Some(u32::from_le_bytes(*text));
    is(0, b"x-st") && is(4, b"ainl") && is(8, b"ess-")
}

#[cfg(test)]
mod tests {
    use super::is_noise;

    #[test]
    fn what_is_read_here_is_no_noise() {
        for name in ["Accept", "accept-encoding", "User-Agent", "X-Stainless-Retry-Count", "x-stainless-"] {
            assert!(is_noise(name.as_bytes()), "{name}");
        }
        for name in ["", "x", "x-stainless", "x-stainlesss-os", "x-model", "accepts", "user-agents"] {
            assert!(!is_noise(name.as_bytes()), "{name}");
        }
        let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut names = vec!["authorization".to_owned(), "te".into(), "origin".into(), "content-type".into()];
        for file in files(std::path::Path::new(sources)) {
            let text = std::fs::read_to_string(file).unwrap();
            names.extend(text.split('"').filter(|word| word.starts_with("x-")).map(str::to_owned));
        }
        assert!(names.iter().any(|name| name == "x-request-id"), "{names:?}");
        for name in names.iter().filter(|name| !name.contains(',') && *name != "x-stainless-") {
            assert!(!is_noise(name.as_bytes()), "{name}");
        }
    }

    fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let mut found = vec![];
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else if !path.ends_with("noise.rs") {
                found.push(path);
            }
        }
        found
    }
}
