//! Anthropic Messages as a server writes it.

use crate::answer::{Choice, Cited, Finish, Made};
use crate::ask::Showing;
use crate::dialect::Told;
use crate::seen::Figures;
use crate::tokens::{pieces, tokens};
use crate::trouble::Kind;
use crate::wire::{Data, Part, Piece};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const SEAL: &str = "lab-thinking:";

fn signature(told: &Told<'_>) -> String {
    STANDARD.encode(format!("{SEAL}{}", told.id()))
}

pub(super) fn accepts(signature: &str) -> bool {
    STANDARD.decode(signature).is_ok_and(|bytes| bytes.starts_with(SEAL.as_bytes()))
}

fn usage(told: &Told<'_>, figures: Figures) -> Value {
    let written = figures.written + figures.written_long;
    let output = figures.output + figures.reasoning;
    let impossible = told.troubles.has(Kind::UsageImpossible);
    let mut usage = json!({
        "input_tokens": figures.input.saturating_sub(figures.cached + written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": figures.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": figures.written, "ephemeral_1h_input_tokens": figures.written_long},
        "output_tokens": output,
        "server_tool_use": null,
        "service_tier": "standard",
        "speed": if told.troubles.has(Kind::OtherTier) { "fast" } else { "standard" },
        "inference_geo": "not_available",
    });
    if figures.reasoning > 0 || impossible {
        let thinking = if impossible { output + 5 } else { figures.reasoning };
        usage["output_tokens_details"] = json!({"thinking_tokens": thinking});
    }
    usage
}

fn stop_reason(choice: &Choice) -> &'static str {
    match choice.finish {
        Finish::Stop => "end_turn",
        Finish::Sequence(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::Calls => "tool_use",
        Finish::Filtered => "refusal",
    }
}

fn stop_sequence(choice: &Choice) -> Option<&str> {
    match &choice.finish {
        Finish::Sequence(sequence) => Some(sequence),
        _ => None,
    }
}

fn tool_id(call: &Made) -> String {
    format!("toolu_{:016x}{:08x}", call.id, call.id >> 32)
}

/// The text as blocks: what rests on nothing, and what rests on a page.
fn blocks(choice: &Choice) -> (&str, Option<Cited<'_>>) {
    let cited = choice.cited();
    (cited.map_or(choice.text.as_str(), |cited| cited.before), cited)
}

/// What a search of the server's found.
fn citation(url: &str) -> Value {
    json!({"type": "web_search_result_location", "url": url, "title": "A page", "encrypted_index": "bGFi", "cited_text": "A page"})
}

fn thinking_text<'t>(told: &Told<'_>, choice: &'t Choice) -> &'t str {
    if told.ask.showing == Showing::Hidden { "" } else { &choice.reasoning }
}

fn message(told: &Told<'_>, content: Vec<Value>) -> Value {
    json!({"id": format!("msg_{}", told.id()), "type": "message", "role": "assistant", "model": told.model.name,
        "content": content, "stop_reason": null, "stop_sequence": null})
}

pub(super) fn whole(told: &Told<'_>) -> Value {
    if told.troubles.has(Kind::ErrorFrame) {
        return json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    }
    let Some(choice) = told.answer.choices.first() else { return message(told, vec![]) };
    let mut content = Vec::new();
    if !choice.reasoning.is_empty() {
        content.push(json!({"type": "thinking", "thinking": thinking_text(told, choice), "signature": signature(told)}));
    }
    if !choice.text.is_empty() {
        let (plain, cited) = blocks(choice);
        if !plain.is_empty() {
            content.push(json!({"type": "text", "text": plain}));
        }
        if let Some(Cited { url, passage, .. }) = cited {
            content.push(json!({"type": "text", "text": passage, "citations": [citation(url)]}));
        }
    }
    for call in &choice.calls {
        // Whole answers cannot hold broken JSON: a string where an object belongs is as near as it gets.
        let input = if told.troubles.has(Kind::BadArguments) { json!(call.text) } else { call.args.clone() };
        content.push(json!({"type": "tool_use", "id": tool_id(call), "name": call.name, "input": input}));
    }
    let mut body = message(told, content);
    body["stop_reason"] = stop_reason(choice).into();
    body["stop_sequence"] = stop_sequence(choice).into();
    if choice.finish == Finish::Filtered {
        body["stop_details"] = json!({"type": "refusal", "category": "general_harms", "explanation": null});
    }
    if let Some(figures) = told.figures() {
        body["usage"] = usage(told, figures);
    }
    body
}

fn frame(part: Part, event: &'static str, mut data: Value, sum: u64) -> Piece {
    data["type"] = event.into();
    Piece::json(part, data, sum).named(event)
}

struct Blocks {
    out: Vec<Piece>,
    index: usize,
    sum: u64,
}

impl Blocks {
    fn open(&mut self, block: Value) {
        let data = json!({"index": self.index, "content_block": block});
        self.out.push(frame(Part::Open, "content_block_start", data, self.sum));
        if self.index == 0 {
            self.out.push(frame(Part::Open, "ping", json!({}), self.sum));
        }
    }

    fn delta(&mut self, part: Part, delta: Value, tokens: u64) {
        self.sum += tokens;
        let data = json!({"index": self.index, "delta": delta});
        self.out.push(frame(part, "content_block_delta", data, self.sum));
    }

    fn close(&mut self) {
        self.out.push(frame(Part::Open, "content_block_stop", json!({"index": self.index}), self.sum));
        self.index += 1;
    }
}

pub(super) fn frames(told: &Told<'_>) -> Vec<Piece> {
    let Some(choice) = told.answer.choices.first() else { return vec![] };
    let per = told.model.frame_tokens;
    let mut blocks = Blocks { out: vec![start(told)], index: 0, sum: 0 };
    if !choice.reasoning.is_empty() {
        blocks.open(json!({"type": "thinking", "thinking": "", "signature": ""}));
        for piece in pieces(thinking_text(told, choice), per) {
            blocks.delta(Part::Content, json!({"type": "thinking_delta", "thinking": piece}), tokens(piece));
        }
        blocks.delta(Part::Open, json!({"type": "signature_delta", "signature": signature(told)}), 0);
        blocks.close();
    }
    let (plain, cited) = self::blocks(choice);
    if !plain.is_empty() {
        blocks.open(json!({"type": "text", "text": ""}));
        for piece in pieces(plain, per) {
            blocks.delta(Part::Content, json!({"type": "text_delta", "text": piece}), tokens(piece));
        }
        blocks.close();
    }
    if let Some(Cited { url, passage, .. }) = cited {
        blocks.open(json!({"type": "text", "text": "", "citations": []}));
        for piece in pieces(passage, per) {
            blocks.delta(Part::Content, json!({"type": "text_delta", "text": piece}), tokens(piece));
        }
        blocks.delta(Part::Open, json!({"type": "citations_delta", "citation": citation(url)}), 0);
        blocks.close();
    }
    for call in &choice.calls {
        blocks.open(json!({"type": "tool_use", "id": tool_id(call), "name": call.name, "input": {}}));
        blocks.delta(Part::Content, json!({"type": "input_json_delta", "partial_json": ""}), 0);
        // "may be "" for no arguments, meaning {}".
        let text = if call.text == "{}" { "" } else { call.text.as_str() };
        for piece in pieces(text, per) {
            blocks.delta(
                Part::Content,
                json!({"type": "input_json_delta", "partial_json": piece}),
                tokens(piece),
            );
        }
        blocks.close();
    }
    let Blocks { mut out, sum, .. } = blocks;
    finish(told, choice, &mut out, sum);
    out.push(Piece { part: Part::End, ..frame(Part::End, "message_stop", json!({}), sum) });
    out
}

/// The opening states the input and one token of output.
fn start(told: &Told<'_>) -> Piece {
    let mut body = message(told, vec![]);
    let mut reported = None;
    if let Some(figures) = told.figures() {
        // Behind other gateways the opening says nothing and the closing everything.
        let empty = told.troubles.has(Kind::UsageOdd) || figures == Figures::default();
        let opening = if empty { Figures::default() } else { Figures { output: 1, reasoning: 0, ..figures } };
        body["usage"] = usage(told, opening);
        reported = Some(opening);
    }
    frame(Part::Open, "message_start", json!({"message": body}), 0).reporting(reported)
}

/// Cumulative figures: a later one replaces an earlier one.
fn finish(told: &Told<'_>, choice: &Choice, out: &mut Vec<Piece>, sum: u64) {
    let mut delta = json!({"stop_reason": stop_reason(choice), "stop_sequence": stop_sequence(choice)});
    if choice.finish == Finish::Filtered {
        delta["stop_details"] = json!({"type": "refusal", "category": "general_harms", "explanation": null});
    }
    let mut last = frame(Part::Close, "message_delta", json!({"delta": delta}), sum);
    let Some(figures) = told.figures() else { return out.push(last) };
    let whole = usage(told, figures);
    let mut said = json!({"output_tokens": whole["output_tokens"]});
    if !whole["output_tokens_details"].is_null() {
        said["output_tokens_details"] = whole["output_tokens_details"].clone();
    }
    if told.troubles.has(Kind::UsageOdd) {
        for key in ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"] {
            said[key] = whole[key].clone();
        }
    }
    if let Data::Json(data) = &mut last.data {
        data["usage"] = said;
    }
    last.reported = Some(figures);
    if told.troubles.has(Kind::UsageTwice) {
        out.push(last.clone());
    }
    out.push(last);
}
