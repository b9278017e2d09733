//! Embeddings and pictures: what clients ask, what every provider is told of it, and what comes back.

use bytes::Bytes;
use providers::openai::{OLLAMA, OPENAI};
use providers::{Adapter, Address, Gemini, OpenAi, Responses, WorkersAi};
use serde_json::Value;
use std::sync::Arc;
use vocab::{Caps, Card, Door, Form, Kind, Made, RawTask, Status, Task, Usage};

fn world(kind: Kind) -> Vec<(Box<dyn Adapter>, Door)> {
    let all: Vec<Box<dyn Adapter>> = vec![
        Box::new(OpenAi(&OPENAI)),
        Box::new(OpenAi(&OLLAMA)),
        Box::new(Responses),
        Box::new(Gemini),
        Box::new(WorkersAi),
    ];
    let at = Address { base_url: "http://127.0.0.1:1/v1".into(), key: None, headers: vec![] };
    let card = Arc::new(Card {
        provider: "p".into(),
        model: "gpt-image-qwen3-embedding".into(),
        kind,
        status: Status::Active,
        context: None,
        max_output: None,
        chars_max: None,
        caps: Caps::empty(),
        efforts: vec![],
        reasons_always: false,
        quality: None,
        ttft_ms: None,
        tokens_per_s: None,
        price: None,
        shutdown: None,
    });
    let model = card.model.clone();
    let door = |adapter: &dyn Adapter| adapter.door(&at, card.clone(), &model).expect("a plain address");
    all.into_iter()
        .map(|adapter| {
            let door = door(&*adapter);
            (adapter, door)
        })
        .collect()
}

pub fn embeddings(bytes: &[u8]) {
    if let Ok(raw) = front::openai::embeddings::survey(Bytes::copy_from_slice(bytes)) {
        asked(&raw, front::openai::embeddings::parse(&raw).ok());
    }
}

pub fn images(bytes: &[u8]) {
    if let Ok(raw) = front::openai::images::survey(Bytes::copy_from_slice(bytes)) {
        asked(&raw, front::openai::images::parse(&raw).ok());
    }
}

pub fn embed(bytes: &[u8]) {
    for form in [Form::One, Form::Batch] {
        if let Ok(raw) = front::gemini::embed::survey(Bytes::copy_from_slice(bytes), "m", form) {
            asked(&raw, front::gemini::embed::parse(&raw).ok());
        }
    }
}

/// What is taken asks for something, and every provider is told of it in JSON or named as one that cannot be.
fn asked(raw: &RawTask, task: Option<Task>) {
    let _: Value = serde_json::from_slice(&raw.body).expect("what is taken is JSON");
    assert!(raw.brief.n > 0 && raw.brief.kind == raw.form.kind());
    if let Some(Task::Embed(embed)) = &task {
        assert_eq!(embed.texts.len(), raw.brief.n as usize);
    }
    for (adapter, door) in world(raw.form.kind()) {
        let own = adapter.speaks(raw.form).then(|| adapter.patch_task(raw, &door)).flatten();
        let other = task.as_ref().and_then(|task| adapter.encode_task(task, &door).ok());
        for call in own.into_iter().chain(other) {
            let body: Value = serde_json::from_slice(&call.body.concat()).expect("a body is JSON");
            assert!(body.is_object());
        }
    }
}

/// A look says what taking apart says, vectors are numbers, and what is written for clients is JSON.
pub fn made(bytes: &[u8]) {
    let body = Bytes::copy_from_slice(bytes);
    let json = |bytes: Vec<u8>| drop(serde_json::from_slice::<Value>(&bytes).expect("what is written is JSON"));
    for kind in [Kind::Embedding, Kind::Image] {
        for (adapter, _) in world(kind) {
            let forms = [Form::List { base64: false }, Form::List { base64: true }, Form::One, Form::Batch, Form::Pictures, Form::Edits];
            let read = adapter.read_task(kind, None, &body);
            for form in forms.into_iter().filter(|form| form.kind() == kind && adapter.speaks(*form)) {
                let looked = adapter.read_task(kind, Some(form), &body);
                if kind == Kind::Embedding
                    && let Ok(read) = &read
                {
                    let looked = looked.expect("what can be taken apart can be looked at");
                    assert_eq!((looked.count, looked.usage), (read.count, read.usage));
                }
            }
            match read.ok().and_then(|read| read.made) {
                Some(Made::Vectors(all)) => {
                    assert!(all.iter().flatten().all(|n| n.is_finite()));
                    json(front::openai::embeddings::whole(&all, true, "m", &Usage::default()));
                    json(front::gemini::embed::whole(&all, Form::Batch, &Usage::default()));
                }
                Some(Made::Pictures(all)) => json(front::openai::images::whole(&all, 0, &Usage::default())),
                None => {}
            }
        }
    }
}
