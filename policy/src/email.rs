//! Callers by a word of the gateway: an address in a header or in the query, with nothing to prove it.
//!
//! Anybody can write such a word. It counts only where the operator says that nobody but the gateway can reach weir.

use crate::identity::{Caller, Refused};
use http::{HeaderMap, HeaderName};

/// Where a gateway puts it.
pub const EMAIL_HEADER: &str = "x-user-email";
const CARRIED: HeaderName = HeaderName::from_static(EMAIL_HEADER);
const PARAMETER: &str = "email=";

/// Whoever the gateway says it is; None where it says nothing. Two words that differ are none.
pub(crate) fn caller(headers: &HeaderMap, query: Option<&str>) -> Result<Option<Caller>, Refused> {
    let mut said: Option<String> = None;
    let sent =
        headers.get_all(&CARRIED).iter().map(|value| value.to_str().ok().map(|text| text.trim().to_owned()));
    let asked = query.into_iter().flat_map(|q| q.split('&')).filter_map(|pair| pair.strip_prefix(PARAMETER));
    for word in sent.chain(asked.map(decoded)) {
        let word =
            word.map(|text| text.to_ascii_lowercase()).filter(|text| is_email(text)).ok_or(Refused::Email)?;
        if said.as_ref().is_some_and(|before| *before != word) {
            return Err(Refused::Email);
        }
        said = Some(word);
    }
    Ok(said.map(|account| {
        let user = Some(account.as_str().into());
        Caller { account, key: Some("gateway".into()), user, plan: None, admin: false }
    }))
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    crate::is_account(text)
        && parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
}

/// A parameter's value as the gateway meant it: `%40` and the like. None where that is no text.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |b: Option<u8>| char::from(b?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
