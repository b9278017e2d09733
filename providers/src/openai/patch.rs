//! A client's own request, with nothing but a few fields replaced.
//!
//! The body is not copied: what is sent is slices of it around the new values. Where more would have to change than
//! top-level fields, the request is left to be translated.

use super::encode::{effort_for, limit_field, limit_key, own_reasoning_field, stream_options};
use super::{Accent, EffortField, LimitField};
use bytes::Bytes;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use vocab::{Call, Caps, Door, RawChat, Segments, Span};

/// What the translation can make fit or has to refuse: without them, a body is not passed on as it is.
const LIMITS: Caps = Caps::SAMPLING
    .union(Caps::STOP)
    .union(Caps::SEED)
    .union(Caps::LOGPROBS)
    .union(Caps::LOGIT_BIAS)
    .union(Caps::PENALTIES)
    .union(Caps::MANY)
    .union(Caps::TOOLS)
    .union(Caps::FORCED_TOOL)
    .union(Caps::SERIAL_TOOLS)
    .union(Caps::CUSTOM_TOOLS)
    .union(Caps::JSON_OBJECT)
    .union(Caps::JSON_SCHEMA)
    .union(Caps::SCHEMA_WITH_TOOLS)
    .union(Caps::SCHEMA_STREAM)
    .union(Caps::VISION)
    .union(Caps::IMAGE_URL)
    .union(Caps::PDF)
    .union(Caps::AUDIO_IN)
    .union(Caps::AUDIO_OUT)
    .union(Caps::WEB_SEARCH)
    .union(Caps::OPENAI_ONLY);

pub(super) fn call(accent: &Accent, raw: &RawChat, door: &Door) -> Option<Call> {
    let edits = edits(accent, raw, door)?;
    let stream = raw.brief.stream;
    let uri = if stream { &door.uri_stream } else { &door.uri };
    let body = apply(&raw.body, edits)?;
    Some(Call { uri: uri.clone(), headers: door.headers.clone(), body, stream })
}

/// Text to put where a span is; an empty span is a place to put it in.
type Edit = (Span, Bytes);

fn edits(accent: &Accent, raw: &RawChat, door: &Door) -> Option<Vec<Edit>> {
    let (brief, spans, card) = (&raw.brief, &raw.spans, &*door.card);
    let caps = card.caps & accent.expresses;
    if !caps.contains(brief.needs & LIMITS) || (raw.untidy && !accent.untidy) {
        return None;
    }
    let formats = brief.needs.intersects(Caps::JSON_SCHEMA | Caps::JSON_OBJECT);
    if brief.stream && formats && !caps.contains(Caps::SCHEMA_STREAM) {
        let schema = brief.needs.contains(Caps::JSON_SCHEMA);
        if schema || accent.whole_formats {
            return None;
        }
    }
    if let Some(want) = brief.effort {
        let told = effort_for(accent, want, card, caps).ok()?;
        if accent.effort_field == EffortField::Template || told != Some(want) {
            return None;
        }
    }
    if accent.reasoning_format && caps.contains(Caps::REASONING) && !own_reasoning_field(&door.model) {
        return None;
    }
    if accent.strict && !only_known_fields(accent, &raw.body) {
        return None;
    }

    let mut edits: Vec<Edit> = vec![];
    let mut fields = String::new();
    match &spans.model {
        Some(span) if raw.body.get(span.clone()) == Some(&*door.model_json) => {}
        Some(span) => edits.push((span.clone(), door.model_json.clone())),
        None => field(&mut fields, "model", &Value::from(&*door.model).to_string()),
    }
    if brief.stream {
        let set = spans.stream_options.as_ref().and_then(|span| raw.body.get(span.clone()));
        let set: Option<Value> = set.and_then(|text| serde_json::from_slice(text).ok());
        let mut options = stream_options(accent, set.as_ref());
        options.insert("include_usage".into(), true.into());
        let options = Value::Object(options).to_string();
        match &spans.stream_options {
            Some(span) => edits.push((span.clone(), options.into())),
            None => field(&mut fields, "stream_options", &options),
        }
    }
    let (ours, other, other_name) = match accent.limit_field {
        LimitField::MaxCompletionTokens => (&spans.max_completion_tokens, &spans.max_tokens, "max_tokens"),
        LimitField::MaxTokens => (&spans.max_tokens, &spans.max_completion_tokens, "max_completion_tokens"),
    };
    let most = card.max_output.unwrap_or(u32::MAX);
    let too_much = brief.max_output.is_some_and(|n| n > most);
    match (ours, other) {
        (Some(_), Some(_)) => return None,
        (Some(span), None) => {
            if too_much {
                edits.push((span.clone(), most.to_string().into()));
            }
        }
        (None, Some(span)) => {
            let key = key_before(&raw.body, span, other_name)?;
            edits.push((key, limit_key(accent)));
            if too_much {
                edits.push((span.clone(), most.to_string().into()));
            }
        }
        (None, None) => {
            if let (true, Some(most)) = (accent.limit_always, card.max_output) {
                field(&mut fields, limit_field(accent), &most.to_string());
            }
        }
    }
    if !fields.is_empty() {
        edits.push((spans.start..spans.start, fields.into()));
    }
    Some(edits)
}

/// The request has other fields, as it has messages, so a comma always belongs after.
fn field(fields: &mut String, name: &str, value: &str) {
    fields.push('"');
    fields.push_str(name);
    fields.push_str("\":");
    fields.push_str(value);
    fields.push(',');
}

/// Whether no top-level field has to be left out, renamed or refused for this server.
fn only_known_fields(accent: &Accent, body: &[u8]) -> bool {
    struct Fields<'a>(&'a Accent);

    impl<'de> Visitor<'de> for Fields<'_> {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut known = true;
            while let Some(field) = map.next_key::<Cow<'de, str>>()? {
                let field = &*field;
                known &= field != "service_tier"
                    && !self.0.drops.contains(&field)
                    && !self.0.refuses.contains(&field);
                map.next_value::<IgnoredAny>()?;
            }
            Ok(known)
        }
    }

    serde_json::Deserializer::from_slice(body).deserialize_map(Fields(accent)).unwrap_or(false)
}

/// Where the key (with its quotes) stands that belongs to the value at `span`. None where it is written in a way that
/// we would not.
fn key_before(body: &[u8], span: &Span, name: &str) -> Option<Span> {
    let head = body.get(..span.start)?.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let end = head.len();
    let start = head.strip_suffix(b"\"")?.strip_suffix(name.as_bytes())?.strip_suffix(b"\"")?.len();
    Some(start..end)
}

/// The body with these edits made, which must not overlap.
pub(crate) fn apply(body: &Bytes, mut edits: Vec<Edit>) -> Option<Segments> {
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
