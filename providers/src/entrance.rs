//! Making a [`Door`]: what all the dialects that are spoken over plain HTTPS do alike.

use crate::{Address, BadAddress};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// `base` and `path` as one address. The base must be absolute, http or https, and hold no query: a key does not
/// belong into an address, where logs would keep it.
pub(crate) fn uri(base: &str, path: &str) -> Result<Uri, BadAddress> {
    let base = base.trim_end_matches('/');
    if base.contains(['?', '#']) {
        return Err(BadAddress("base_url: must not hold a query; put the key where keys go".to_owned()));
    }
    let uri: Uri = format!("{base}/{path}")
        .parse()
        .map_err(|e: http::uri::InvalidUri| BadAddress(format!("base_url: not an address: {e}")))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) if !authority.as_str().contains('@') => Ok(uri),
        (Some("http" | "https"), Some(_)) => {
            Err(BadAddress("base_url: must not hold a password; put the key where keys go".to_owned()))
        }
        _ => Err(BadAddress("base_url: must begin with https:// or http://".to_owned())),
    }
}

/// An address with more of a path and a query, which is escaped here. None where `path` cannot stand in one.
pub(crate) fn with_query(uri: &Uri, path: &str, query: &[(&str, String)]) -> Option<Uri> {
    let mut text = format!("{}{path}", uri.path());
    for (place, (name, value)) in query.iter().enumerate() {
        text.push(if place == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(text.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The address of a model behind a binding, like `binding://AI/@cf/meta/llama-3.1-8b-instruct`: a name of the platform's
/// own instead of a host. Only a shell that has bindings can call it.
pub(crate) fn bound(base: &str, path: &str) -> Result<Uri, BadAddress> {
    let base = base.trim_end_matches('/');
    let name = base.split_once("://").map_or("", |(_, name)| name);
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(BadAddress("base_url: a binding is written binding://NAME".to_owned()));
    }
    format!("{base}/{path}")
        .parse()
        .map_err(|e: http::uri::InvalidUri| BadAddress(format!("base_url: not an address: {e}")))
}

/// A model's name that can stand in a path: letters, digits and `.-_:@`, with slashes between but no `..`.
pub(crate) fn path_name(model: &str) -> Result<&str, BadAddress> {
    let plain = |part: &str| {
        !part.is_empty()
            && part != ".."
            && part != "."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:@".contains(&b))
    };
    if model.split('/').all(plain) {
        Ok(model)
    } else {
        Err(BadAddress(format!(
            "model: `{}` is not a name this provider can have",
            crate::foreign::said(model)
        )))
    }
}

/// JSON in, the address's own headers after the dialect's, so that they win.
pub(crate) fn headers(
    at: &Address,
    dialect: &[(&'static str, HeaderValue)],
) -> Result<HeaderMap, BadAddress> {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in dialect {
        headers.insert(HeaderName::from_static(name), value.clone());
    }
    for (name, value) in &at.headers {
        let bad = || BadAddress(format!("headers: `{}` is not a header", crate::foreign::said(name)));
        let name: HeaderName = name.parse().map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        // What an operator adds may be a credential as well.
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// A credential as a header's value: marked so that nothing prints it.
pub(crate) fn credential(text: &str) -> Result<HeaderValue, BadAddress> {
    let mut value = HeaderValue::from_str(text.trim())
        .map_err(|_| BadAddress("key: holds characters that cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
