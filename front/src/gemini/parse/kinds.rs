//! What bytes are, by their type or their address.

/// What other providers can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gemini) enum Stuff {
    Image,
    /// PDF.
    Document,
    /// With the short name that chat completions have for it.
    Audio(&'static str),
    /// Film, other sound, other documents: Gemini's alone.
    Other,
}

/// By the MIME type, parameters aside.
pub(in crate::gemini) fn stuff(mime: &str) -> Stuff {
    let bare = mime.split(';').next().unwrap_or(mime).trim().to_ascii_lowercase();
    match bare.as_str() {
        "application/pdf" => Stuff::Document,
        "audio/wav" | "audio/x-wav" | "audio/wave" => Stuff::Audio("wav"),
        "audio/mp3" | "audio/mpeg" => Stuff::Audio("mp3"),
        image if image.starts_with("image/") => Stuff::Image,
        _ => Stuff::Other,
    }
}

/// By the address, where it is one that anybody can fetch. Google's own (its files API, its storage, its films) are
/// Gemini's alone.
pub(in crate::gemini) fn link(uri: &str, mime: &str) -> Stuff {
    let Some(rest) = uri.strip_prefix("https://") else { return Stuff::Other };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.to_ascii_lowercase();
    let theirs = ["googleapis.com", "youtube.com", "youtu.be"];
    if theirs
        .iter()
        .any(|own| host.strip_suffix(own).is_some_and(|left| left.is_empty() || left.ends_with('.')))
    {
        return Stuff::Other;
    }
    let stuff = if mime.is_empty() { by_ending(path) } else { stuff(mime) };
    match stuff {
        Stuff::Image | Stuff::Document => stuff,
        Stuff::Audio(_) | Stuff::Other => Stuff::Other,
    }
}

fn by_ending(path: &str) -> Stuff {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "png" | "jpg" | "jpeg" | "webp" | "gif" | "heic" | "heif" => Stuff::Image,
        "pdf" => Stuff::Document,
        _ => Stuff::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_by_type_and_address() {
        for (mime, want) in [
            ("image/png", Stuff::Image),
            ("IMAGE/HEIC; q=1", Stuff::Image),
            ("application/pdf", Stuff::Document),
            ("audio/mpeg", Stuff::Audio("mp3")),
            ("audio/ogg", Stuff::Other),
            ("video/mp4", Stuff::Other),
            ("text/csv", Stuff::Other),
        ] {
            assert_eq!(stuff(mime), want, "{mime}");
        }
        for (uri, mime, want) in [
            ("https://a.example/x", "image/jpeg", Stuff::Image),
            ("https://a.example/x.PNG?y=.pdf", "", Stuff::Image),
            ("https://a.example/x.pdf", "", Stuff::Document),
            ("https://a.example/x", "", Stuff::Other),
            ("https://a.example/x.mp3", "audio/mp3", Stuff::Other),
            ("http://a.example/x.png", "image/png", Stuff::Other),
            ("gs://bucket/x.png", "image/png", Stuff::Other),
            ("https://generativelanguage.googleapis.com/v1beta/files/a", "image/png", Stuff::Other),
            ("https://www.youtube.com/watch?v=a", "", Stuff::Other),
            ("https://notgoogleapis.com/x.png", "image/png", Stuff::Image),
        ] {
            assert_eq!(link(uri, mime), want, "{uri}");
        }
    }
}
