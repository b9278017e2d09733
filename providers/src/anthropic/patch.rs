//! A client's own Messages request, with nothing but the model's name replaced, and the limit where the model has less.
//!
//! The body is not copied: what is sent is slices of it around the new values. Whatever else it says is between the client
//! and Anthropic, the version and the betas it names in its headers too.

use crate::openai::splice;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use std::sync::Arc;
use vocab::{Call, Door, RawChat, Span};

/// None where blocks came from elsewhere, which Anthropic's servers would refuse: then it is translated without them.
pub(super) fn call(raw: &RawChat, door: &Door) -> Option<Call> {
    if raw.untidy {
        return None;
    }
    let mut edits = vec![model(raw, door)?];
    // More than the model has is refused, and the client means no more than all of it.
    if let (Some(want), Some(most), Some(span)) =
        (raw.brief.max_output, door.card.max_output, &raw.spans.max_tokens)
        && want > most
    {
        edits.push((span.clone(), most.to_string().into()));
    }
    let stream = raw.brief.stream;
    let uri = if stream { &door.uri_stream } else { &door.uri };
    Some(Call {
        uri: uri.clone(),
        headers: headers(&door.headers, &raw.headers),
        body: splice(&raw.body, edits)?,
        stream,
    })
}

/// The same for a question how many tokens there are.
pub(super) fn count(raw: &RawChat, door: &Door) -> Option<Call> {
    let uri: Uri = format!("{}/count_tokens", door.uri).parse().ok()?;
    let body = splice(&raw.body, vec![model(raw, door)?])?;
    Some(Call { uri, headers: headers(&door.headers, &raw.headers), body, stream: false })
}

fn model(raw: &RawChat, door: &Door) -> Option<(Span, Bytes)> {
    Some((raw.spans.model.clone()?, door.model_json.clone()))
}

/// The client's go with the operator's: betas are a list, of anything else there is one.
fn headers(door: &Arc<HeaderMap>, client: &[(HeaderName, HeaderValue)]) -> Arc<HeaderMap> {
    let mut headers = door.clone();
    if client.is_empty() {
        return headers;
    }
    let ours = Arc::make_mut(&mut headers);
    for (name, value) in client {
        if name == "anthropic-beta" {
            ours.append(name, value.clone());
        } else {
            ours.insert(name, value.clone());
        }
    }
    headers
}
