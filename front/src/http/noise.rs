//! Headers that nobody here reads.

/// Whether a request's header, in whatever case, is one that clients send with everything and that means nothing to
/// weir. A shell may leave them out: an SDK sends a dozen, and taking them in costs as much as routing the request.
pub fn is_noise(name: &[u8]) -> bool {
    const SDK: &[u8] = b"x-stainless-";
    // The first letter tells most of them apart from the rest.
    match (name.first().map(u8::to_ascii_lowercase), name.len()) {
        (Some(b'a'), 6) => name.eq_ignore_ascii_case(b"accept"),
        (Some(b'a'), 15) => {
            name.eq_ignore_ascii_case(b"accept-encoding") || name.eq_ignore_ascii_case(b"accept-language")
        }
        (Some(b'u'), 10) => name.eq_ignore_ascii_case(b"user-agent"),
        (Some(b'x'), _) => name.get(..SDK.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(SDK)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_noise;

    #[test]
    fn what_is_read_here_is_no_noise() {
        for name in ["Accept", "accept-encoding", "User-Agent", "X-Stainless-Retry-Count"] {
            assert!(is_noise(name.as_bytes()), "{name}");
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
