//! Parts of an address.

use super::serve::Call;

/// A parameter, decoded.
pub(super) fn query(call: &Call<'_>, name: &str) -> Option<String> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| percent_decoded(value))
    };
    call.head.uri.query()?.split('&').find_map(pair)
}

/// `%2F` and the like; what is not UTF-8 then is no name of anything.
pub(super) fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(plain) if *byte == b'%' => {
                out.push(plain);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
