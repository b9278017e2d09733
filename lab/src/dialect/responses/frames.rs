//! A response as the server streams it: every item begins, comes in pieces, and is said again in full at its end.

use super::say;
use crate::ask::Showing;
use crate::dialect::Told;
use crate::tokens::{pieces, tokens};
use crate::trouble::Kind;
use crate::wire::{Part, Piece};
use serde_json::{Value, json};

struct Stream {
    out: Vec<Piece>,
    /// Tokens so far.
    sum: u64,
    index: usize,
    items: Vec<Value>,
}

impl Stream {
    fn say(&mut self, part: Part, event: &'static str, mut data: Value) {
        data["type"] = event.into();
        data["sequence_number"] = self.out.len().into();
        self.out.push(Piece::json(part, data, self.sum).named(event));
    }

    /// About the item under way.
    fn tell(&mut self, part: Part, event: &'static str, mut data: Value) {
        data["output_index"] = self.index.into();
        self.say(part, event, data);
    }

    fn open(&mut self, item: &Value) -> Value {
        self.tell(Part::Open, "response.output_item.added", json!({"item": item}));
        item["id"].clone()
    }

    fn close(&mut self, item: Value) {
        self.tell(Part::Open, "response.output_item.done", json!({"item": item}));
        self.items.push(item);
        self.index += 1;
    }
}

pub(super) fn frames(told: &Told<'_>) -> Vec<Piece> {
    let Some(choice) = told.answer.choices.first() else { return vec![] };
    let per = told.model.frame_tokens;
    let mut stream = Stream { out: vec![], sum: 0, index: 0, items: vec![] };
    let begun = say::shell(told, "in_progress", vec![]);
    stream.say(Part::Open, "response.created", json!({"response": begun}));
    stream.say(Part::Open, "response.in_progress", json!({"response": begun}));

    if !choice.reasoning.is_empty() {
        let id = stream.open(&say::reasoning(told, choice, false));
        if told.ask.showing == Showing::Apart {
            let at = |mut data: Value| {
                data["item_id"] = id.clone();
                data["summary_index"] = 0.into();
                data
            };
            let empty = json!({"type": "summary_text", "text": ""});
            stream.tell(Part::Open, "response.reasoning_summary_part.added", at(json!({"part": empty})));
            for piece in pieces(&choice.reasoning, per) {
                stream.sum += tokens(piece);
                let data = at(json!({"delta": piece}));
                stream.tell(Part::Content, "response.reasoning_summary_text.delta", data);
            }
            let text = &choice.reasoning;
            stream.tell(Part::Open, "response.reasoning_summary_text.done", at(json!({"text": text})));
            let part = json!({"type": "summary_text", "text": text});
            stream.tell(Part::Open, "response.reasoning_summary_part.done", at(json!({"part": part})));
        }
        stream.close(say::reasoning(told, choice, true));
    }
    if !choice.text.is_empty() {
        let id = stream.open(&say::message(told, choice, false));
        let at = |mut data: Value| {
            data["item_id"] = id.clone();
            data["content_index"] = 0.into();
            data
        };
        let refuses = say::refuses(told, choice);
        let part = |text: &str| json!({"part": say::part(told, choice, text)});
        stream.tell(Part::Open, "response.content_part.added", at(part("")));
        for (i, piece) in pieces(&choice.text, per).into_iter().enumerate() {
            stream.sum += tokens(piece);
            let padding = &"aBc3dEf9"[..i % 8];
            let mut data = at(json!({"delta": piece, "obfuscation": padding}));
            if refuses {
                stream.tell(Part::Content, "response.refusal.delta", data);
            } else {
                data["logprobs"] = say::logprobs(told, piece, false).into();
                stream.tell(Part::Content, "response.output_text.delta", data);
            }
        }
        let text = &choice.text;
        if let Some(cited) = choice.cited().filter(|_| !refuses) {
            let mut data = at(json!({"annotation": say::annotation(cited)}));
            data["annotation_index"] = 0.into();
            stream.tell(Part::Open, "response.output_text.annotation.added", data);
        }
        if refuses {
            stream.tell(Part::Open, "response.refusal.done", at(json!({"refusal": text})));
        } else {
            let logprobs = say::logprobs(told, text, false);
            let data = at(json!({"text": text, "logprobs": logprobs}));
            stream.tell(Part::Open, "response.output_text.done", data);
        }
        stream.tell(Part::Open, "response.content_part.done", at(part(text)));
        stream.close(say::message(told, choice, true));
    }
    for made in &choice.calls {
        let id = stream.open(&say::call(choice, made, false));
        for piece in pieces(&made.text, per) {
            stream.sum += tokens(piece);
            let data = json!({"item_id": id, "delta": piece});
            stream.tell(Part::Content, "response.function_call_arguments.delta", data);
        }
        let data = json!({"item_id": id, "name": made.name, "arguments": made.text});
        stream.tell(Part::Open, "response.function_call_arguments.done", data);
        stream.close(say::call(choice, made, true));
    }

    let items = std::mem::take(&mut stream.items);
    let body = say::ended(told, choice, items);
    let event = if body["status"] == "completed" { "response.completed" } else { "response.incomplete" };
    let mut data = json!({"response": body});
    // Figures beside the response as well as in it.
    if told.troubles.has(Kind::UsageTwice) {
        data["usage"] = data["response"]["usage"].clone();
    }
    stream.say(Part::End, event, data);
    let Stream { mut out, .. } = stream;
    if let Some(last) = out.last_mut() {
        last.reported = told.figures();
    }
    out
}
