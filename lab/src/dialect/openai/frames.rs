//! Chat completions as a server streams them.

use super::say::{Voice, call_value, cited, finish_name, logprob, refuses, tier, timings, usage};
use crate::answer::{Choice, Made};
use crate::ask::Showing;
use crate::dialect::Told;
use crate::seen::Figures;
use crate::tokens::{pieces, tokens};
use crate::trouble::Kind;
use crate::wire::{Data, Part, Piece};
use serde_json::{Map, Value, json};

/// A delta of a choice and the tokens in it.
struct Delta {
    value: Value,
    logprobs: Value,
    tokens: u64,
    part: Part,
    finish: Option<&'static str>,
}

impl Delta {
    const fn new(part: Part, value: Value, tokens: u64) -> Self {
        Self { value, logprobs: Value::Null, tokens, part, finish: None }
    }
}

fn deltas(told: &Told<'_>, voice: Voice, choice: &Choice) -> Vec<Delta> {
    let per = told.model.frame_tokens;
    let mut opening = json!({"role": "assistant", "content": ""});
    if voice == Voice::Openai {
        opening["refusal"] = Value::Null;
    }
    let mut out = Vec::new();
    // Ollama opens with the first content; everyone else says the role alone.
    if voice != Voice::Ollama {
        out.push(Delta::new(Part::Open, opening, 0));
    }
    match told.ask.showing {
        Showing::Apart => {
            for piece in pieces(&choice.reasoning, per) {
                out.push(Delta::new(Part::Content, json!({voice.reasoning_field(): piece}), tokens(piece)));
            }
        }
        Showing::Inline if !choice.reasoning.is_empty() => {
            out.push(Delta::new(Part::Content, json!({"content": "<think>"}), 0));
            for piece in pieces(&choice.reasoning, per) {
                out.push(Delta::new(Part::Content, json!({"content": piece}), tokens(piece)));
            }
            out.push(Delta::new(Part::Content, json!({"content": "</think>"}), 0));
        }
        // The time it takes to think is there, the text is not.
        _ => {}
    }
    for piece in pieces(&choice.text, per) {
        let field = if refuses(voice, choice) { "refusal" } else { "content" };
        let mut delta = Delta::new(Part::Content, json!({field: piece}), tokens(piece));
        if let Some(top) = told.ask.logprobs {
            delta.logprobs = json!({"content": pieces(piece, 1).iter().map(|t| logprob(t, top)).collect::<Vec<_>>(), "refusal": null});
        }
        out.push(delta);
    }
    if let Some(cited) = cited(voice, choice) {
        out.push(Delta::new(Part::Open, json!({"annotations": [cited]}), 0));
    }
    for (i, call) in choice.calls.iter().enumerate() {
        call_deltas(told, voice, i, call, &mut out);
    }
    if voice == Voice::Ollama {
        // "role repeats in every delta".
        for delta in &mut out {
            delta.value["role"] = "assistant".into();
            if delta.value.get("content").is_none() {
                delta.value["content"] = "".into();
            }
        }
    }
    let finish = finish_name(&choice.finish);
    match out.last_mut() {
        // "The last content token and finish_reason may share one chunk".
        Some(last) if voice == Voice::Vllm && last.part == Part::Content => {
            last.finish = Some(finish);
            last.part = Part::Close;
        }
        _ => {
            let value =
                if voice == Voice::Ollama { json!({"role": "assistant", "content": ""}) } else { json!({}) };
            out.push(Delta { finish: Some(finish), ..Delta::new(Part::Close, value, 0) });
        }
    }
    out
}

fn call_deltas(told: &Told<'_>, voice: Voice, index: usize, call: &Made, out: &mut Vec<Delta>) {
    if voice.whole_calls() {
        let mut whole = call_value(call, voice);
        whole["index"] = index.into();
        out.push(Delta::new(Part::Content, json!({"tool_calls": [whole]}), tokens(&call.text)));
        return;
    }
    let head = json!({"index": index, "id": voice.call_id(call), "type": "function",
        "function": {"name": call.name, "arguments": ""}});
    out.push(Delta::new(Part::Content, json!({"tool_calls": [head]}), 0));
    for piece in pieces(&call.text, told.model.frame_tokens) {
        let fragment = json!({"index": index, "function": {"arguments": piece}});
        out.push(Delta::new(Part::Content, json!({"tool_calls": [fragment]}), tokens(piece)));
    }
    if voice == Voice::Workers {
        // "A tool call may end with a fragment whose id, type and name are null".
        let tail =
            json!({"index": index, "id": null, "type": null, "function": {"name": null, "arguments": ""}});
        out.push(Delta::new(Part::Content, json!({"tool_calls": [tail]}), 0));
    }
}

struct Chunks<'a> {
    told: &'a Told<'a>,
    voice: Voice,
    count: u64,
}

impl Chunks<'_> {
    fn chunk(&mut self, choices: Value) -> Map<String, Value> {
        let (told, voice) = (self.told, self.voice);
        let mut out = Map::new();
        out.insert("id".into(), format!("chatcmpl-{}", told.id()).into());
        out.insert("object".into(), "chat.completion.chunk".into());
        out.insert("created".into(), told.created.into());
        out.insert("model".into(), told.model.name.clone().into());
        out.insert("choices".into(), choices);
        if !matches!(voice, Voice::Vllm | Voice::Workers) {
            out.insert("system_fingerprint".into(), voice.fingerprint().into());
        }
        if voice == Voice::Openai {
            out.insert("service_tier".into(), tier(told, voice).into());
            if told.ask.include_usage && told.figures().is_some() {
                out.insert("usage".into(), Value::Null);
            }
            self.count += 1;
            out.insert(
                "obfuscation".into(),
                "aBc3dEf9"[..usize::try_from(self.count % 8).unwrap_or(0)].into(),
            );
        }
        out
    }

    fn choice(&mut self, index: usize, delta: &Delta) -> Map<String, Value> {
        let mut choice = json!({"index": index, "delta": delta.value, "finish_reason": delta.finish});
        if !matches!(self.voice, Voice::Workers | Voice::Ollama) {
            choice["logprobs"] = delta.logprobs.clone();
        }
        if self.voice == Voice::Workers && index == 0 && delta.part == Part::Content {
            // "choices[].index may be missing: default 0".
            choice.as_object_mut().map(|c| c.remove("index"));
        }
        self.chunk(json!([choice]))
    }
}

pub(crate) fn frames(told: &Told<'_>, voice: Voice) -> Vec<Piece> {
    let mut chunks = Chunks { told, voice, count: 0 };
    let mut queues: Vec<_> = told
        .answer
        .choices
        .iter()
        .map(|c| deltas(told, voice, c).into_iter().collect::<std::collections::VecDeque<_>>())
        .collect();
    let mut out: Vec<Piece> = Vec::new();
    let mut sum = 0;
    // Choices take turns, as they do where they are made together.
    while queues.iter().any(|q| !q.is_empty()) {
        for (index, queue) in queues.iter_mut().enumerate() {
            if let Some(delta) = queue.pop_front() {
                sum += delta.tokens;
                let chunk = chunks.choice(index, &delta);
                out.push(Piece::json(delta.part, Value::Object(chunk), sum));
            }
        }
    }
    report(told, voice, &mut chunks, &mut out, sum);
    out.push(Piece::end("[DONE]", sum));
    out
}

/// Puts usage where the voice has it.
fn report(told: &Told<'_>, voice: Voice, chunks: &mut Chunks<'_>, out: &mut Vec<Piece>, sum: u64) {
    let Some(figures) = told.figures() else { return };
    let odd = told.troubles.has(Kind::UsageOdd);
    let value = usage(figures, voice);
    let add = |piece: Option<&mut Piece>, key: &str, value: Value| {
        if let Some(Piece { data: Data::Json(Value::Object(map)), reported, .. }) = piece {
            map.insert(key.to_owned(), value);
            *reported = Some(figures);
        }
    };
    let mut apart = told.ask.include_usage;
    match voice {
        // "Usage-only frames with no choices array at all, seen after streamed tool calls".
        Voice::Groq if odd => apart = true,
        Voice::Groq => {
            let inside = json!({"id": format!("req_{}", told.id()), "usage": value});
            add(out.last_mut(), "x_groq", inside);
        }
        Voice::Workers if odd => apart = true,
        Voice::Workers => {
            apart = false;
            add(out.last_mut(), "usage", value.clone());
        }
        // "Putting usage into the finish_reason chunk".
        Voice::Openai if odd && apart => {
            apart = false;
            add(out.last_mut(), "usage", value.clone());
        }
        // "continuous_usage_stats": figures so far in every chunk, then the whole.
        Voice::Vllm | Voice::Llamacpp | Voice::Ollama if odd => {
            for piece in out.iter_mut() {
                let so_far = Figures { output: piece.tokens, reasoning: 0, ..figures };
                if let Data::Json(Value::Object(map)) = &mut piece.data {
                    map.insert("usage".into(), usage(so_far, voice));
                    piece.reported = Some(so_far);
                }
            }
        }
        _ => {}
    }
    if !apart {
        if told.troubles.has(Kind::UsageTwice) && out.last().is_some_and(|p| p.reported.is_some()) {
            let mut again = chunks.chunk(json!([]));
            again.insert("usage".into(), value);
            out.push(Piece::json(Part::Close, Value::Object(again), sum).reporting(Some(figures)));
        }
        return;
    }
    let mut last = chunks.chunk(json!([]));
    if odd && matches!(voice, Voice::Groq | Voice::Workers) {
        last.remove("choices");
    }
    if voice == Voice::Llamacpp {
        last.insert("timings".into(), timings(figures));
    }
    last.insert("usage".into(), value);
    for _ in 0..=u8::from(told.troubles.has(Kind::UsageTwice)) {
        out.push(Piece::json(Part::Close, Value::Object(last.clone()), sum).reporting(Some(figures)));
    }
}
