//! A client's own Responses request, with nothing but a few fields replaced.
//!
//! The body is not copied: what is sent is slices of it around the new values. It is found where they stand in one walk,
//! so nobody has to have looked for them. What leans on something that the provider has stored cannot be kept apart from
//! who stored it, and is left to be translated.

use super::encode::{ENCRYPTED, LIMIT_MIN};
use crate::openai::{OPENAI, effort_for};
use bytes::Bytes;
use http::Uri;
use json::Walk;
use serde_json::Value;
use vocab::{Call, Caps, Door, RawChat, Segments, Span};

/// What every server can do without, or does by itself, or has whatever the model.
const FREE: Caps = Caps::PARALLEL_TOOLS
    .union(Caps::REASONING)
    .union(Caps::STREAM)
    .union(Caps::PREFILL)
    .union(Caps::RESPONSES_ONLY);

pub(super) fn call(raw: &RawChat, door: &Door) -> Option<Call> {
    let edits = edits(raw, door)?;
    let stream = raw.brief.stream;
    let uri = if stream { &door.uri_stream } else { &door.uri };
    let body = apply(&raw.body, edits)?;
    Some(Call { uri: uri.clone(), headers: door.headers.clone(), body, stream })
}

/// The question how many tokens a request has: nothing but the model is another.
pub(super) fn count(raw: &RawChat, door: &Door) -> Option<Call> {
    let uri: Uri = format!("{}/input_tokens", door.uri).parse().ok()?;
    let fields = Fields::find(&raw.body)?;
    if raw.untidy || fields.leans {
        return None;
    }
    let body = apply(&raw.body, vec![(fields.model?, door.model_json.clone())])?;
    Some(Call { uri, headers: door.headers.clone(), body, stream: false })
}

/// Text to put where a span is; an empty span is a place to put it in.
type Edit = (Span, Bytes);

/// Where the fields stand that may have to be replaced.
#[derive(Debug, Default)]
struct Fields {
    model: Option<Span>,
    stream: Option<Span>,
    store: Option<Span>,
    include: Option<Span>,
    limit: Option<Span>,
    /// Something stored is named, or is to be.
    leans: bool,
    any: bool,
}

impl Fields {
    /// None where it is no object, or has one of the fields twice.
    fn find(body: &[u8]) -> Option<Self> {
        let text = simdutf8::basic::from_utf8(body).ok()?;
        let (mut walk, mut fields) = (Walk::along(text), Self::default());
        walk.object(|walk, key| {
            fields.any = true;
            let place = match key {
                "model" => &mut fields.model,
                "stream" => &mut fields.stream,
                "store" => &mut fields.store,
                "include" => &mut fields.include,
                "max_output_tokens" => &mut fields.limit,
                "previous_response_id" | "conversation" | "prompt" => {
                    fields.leans |= !walk.is_null()?;
                    return Some(());
                }
                "background" => {
                    fields.leans |= walk.peek()? == b't';
                    return walk.skip();
                }
                _ => return walk.skip(),
            };
            let (written, ()) = walk.written(Walk::skip)?;
            let start = written.as_ptr() as usize - text.as_ptr() as usize;
            place.replace(start..start + written.len()).is_none().then_some(())
        })?;
        walk.end()?;
        Some(fields)
    }
}

fn edits(raw: &RawChat, door: &Door) -> Option<Vec<Edit>> {
    let (brief, card) = (&raw.brief, &*door.card);
    // There is reasoning that would be refused.
    if raw.untidy {
        return None;
    }
    if !card.caps.contains(brief.needs.difference(FREE)) {
        return None;
    }
    if let Some(want) = brief.effort
        && effort_for(&OPENAI, want, card, card.caps).ok()? != Some(want)
    {
        return None;
    }
    let fields = Fields::find(&raw.body)?;
    if fields.leans || !fields.any {
        return None;
    }
    let start = raw.body.iter().position(|b| *b == b'{')? + 1;
    let written = |span: &Span| raw.body.get(span.clone()).unwrap_or_default();

    let (mut edits, mut front): (Vec<Edit>, String) = (vec![], String::new());
    let mut set = |name: &str, at: &Option<Span>, value: Bytes| match at {
        Some(span) if written(span) == value => {}
        Some(span) => edits.push((span.clone(), value)),
        // The request has other fields, so a comma always belongs after.
        None => front.push_str(&format!("\"{name}\":{},", String::from_utf8_lossy(&value))),
    };
    set("model", &fields.model, door.model_json.clone());
    if brief.stream || fields.stream.is_some() {
        set("stream", &fields.stream, Bytes::from_static(if brief.stream { b"true" } else { b"false" }));
    }
    let kept = fields.store.as_ref().is_none_or(|span| written(span) != b"false");
    set("store", &fields.store, Bytes::from_static(b"false"));
    // What is not kept there has to come back from the client, sealed.
    if kept && card.caps.contains(Caps::REASONING) {
        let list = fields.include.as_ref().map(|span| serde_json::from_slice(written(span)));
        let mut list: Vec<Value> = match list {
            Some(list) => list.unwrap_or_default(),
            None => vec![],
        };
        if !list.iter().any(|name| name == ENCRYPTED) {
            list.push(ENCRYPTED.into());
            set("include", &fields.include, Value::Array(list).to_string().into());
        }
    }
    if let (Some(most), Some(asked)) = (card.max_output.filter(|most| *most >= LIMIT_MIN), brief.max_output)
        && asked > most
    {
        set("max_output_tokens", &fields.limit, most.to_string().into());
    }
    if !front.is_empty() {
        edits.push((start..start, front.into()));
    }
    Some(edits)
}

fn apply(body: &Bytes, mut edits: Vec<Edit>) -> Option<Segments> {
    edits.sort_by_key(|(span, _)| span.start);
    let mut out = Vec::with_capacity(edits.len() * 2 + 1);
    let mut done = 0;
    for (span, text) in edits {
        if span.start < done || span.end < span.start || span.end > body.len() {
            return None;
        }
        if span.start > done {
            out.push(body.slice(done..span.start));
        }
        out.push(text);
        done = span.end;
    }
    out.push(body.slice(done..));
    Some(Segments(out))
}
