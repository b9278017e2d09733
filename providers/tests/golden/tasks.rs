//! Cases of work that is no chat.

use crate::world::{Case, show_call};
use crate::{expect, parse, pretty, read, read_bytes, schema, show_fault};
use bytes::Bytes;
use providers::{Adapter, Product};
use serde_json::{Value, json};
use std::path::Path;
use vocab::{Brief, Door, Form, Kind, Made, RawTask, Task};

pub fn check(folder: &Path, case: &Case, adapter: &dyn Adapter, door: &Door) -> Result<usize, String> {
    let kind = door.card.kind;
    if kind == Kind::Chat {
        return Ok(0);
    }
    let mut checked = 0;
    let form = case.form.as_deref().map(form).transpose()?;
    if let Some(task) = parse::<Task>(folder, "task.json")? {
        let shown = match adapter.encode_task(&task, door) {
            Ok(call) => {
                fits(case, &serde_json::from_slice(&call.body.concat()).map_err(|e| e.to_string())?)?;
                show_call(&call)
            }
            Err(fault) => json!({ "fault": show_fault(&fault) }),
        };
        expect(folder, "call.json", &pretty(&shown))?;
        checked += 1;
    }
    if let (Some(text), Some(form)) = (read(folder, "raw.json"), form) {
        let raw = raw_task(text.trim_end(), form);
        let shown = match adapter.patch_task(&raw, door).filter(|_| adapter.speaks(form)) {
            Some(call) => {
                let body = String::from_utf8(call.body.concat().to_vec()).map_err(|e| e.to_string())?;
                fits(case, &serde_json::from_str(&body).map_err(|e| format!("no JSON: {e}\n{body}"))?)?;
                format!("{}\n{body}\n", call.uri.path())
            }
            None => "translated\n".to_owned(),
        };
        expect(folder, "patched.json", &shown)?;
        checked += 1;
    }
    let reply = read_bytes(folder, "made.json").or_else(|| read_bytes(folder, "made.bin"));
    if let Some(reply) = reply {
        let passing = form.filter(|form| adapter.speaks(*form));
        let shown = match adapter.read_task(kind, passing, &Bytes::from(reply.clone())) {
            Ok(product) => show(&product),
            Err(fault) => format!("fault {}\n", show_fault(&fault)),
        };
        expect(folder, "made.txt", &shown)?;
        law_of_passing(adapter, kind, passing, &reply)?;
        checked += 1;
    }
    Ok(checked)
}

fn fits(case: &Case, body: &Value) -> Result<(), String> {
    let wrong = case.schema.as_deref().map_or_else(Vec::new, |name| schema::of(name, body));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn form(name: &str) -> Result<Form, String> {
    Ok(match name {
        "list" => Form::List { base64: false },
        "list-base64" => Form::List { base64: true },
        "one" => Form::One,
        "batch" => Form::Batch,
        "pictures" => Form::Pictures,
        "edits" => Form::Edits,
        other => return Err(format!("no form is called {other:?}")),
    })
}

/// What is looked at says what is taken apart, where both can be done.
fn law_of_passing(
    adapter: &dyn Adapter,
    kind: Kind,
    passing: Option<Form>,
    reply: &[u8],
) -> Result<(), String> {
    let read = |passing| adapter.read_task(kind, passing, &Bytes::copy_from_slice(reply));
    if kind != Kind::Embedding || passing.is_none() {
        return Ok(());
    }
    match (read(passing), read(None)) {
        (Ok(looked), Ok(taken)) if (looked.count, looked.usage) == (taken.count, taken.usage) => Ok(()),
        (Err(looked), Err(taken)) if looked == taken => Ok(()),
        (looked, taken) => Err(format!("law of passing: {looked:?}\nrather than\n{taken:?}")),
    }
}

fn show(product: &Product) -> String {
    let Product { made, count, usage, filtered } = product;
    let mut out = format!("count {count}\nusage {}\n", serde_json::to_string(usage).unwrap());
    if *filtered {
        out += "filtered\n";
    }
    match made {
        None => out += "as it came\n",
        Some(Made::Vectors(all)) => {
            all.iter().for_each(|v| out += &format!("vector {}\n", serde_json::to_string(v).unwrap()));
        }
        Some(Made::Pictures(all)) => {
            all.iter().for_each(|p| out += &format!("picture {} {}\n", p.mime, p.data));
        }
    }
    out
}

/// As the front would hand it on: here found by looking for the names of models.
fn raw_task(text: &str, form: Form) -> RawTask {
    let mut models = vec![];
    for (at, _) in text.match_indices("\"model\"") {
        let start = at + text[at..].find(':').unwrap() + 1;
        let start = start + text[start..].find('"').unwrap();
        let end = start + 1 + text[start + 1..].find('"').unwrap() + 1;
        models.push(start..end);
    }
    let start = text.find('{').unwrap() + 1;
    let brief = Brief { kind: form.kind(), n: 1, ..Brief::default() };
    RawTask { body: Bytes::copy_from_slice(text.as_bytes()), form, models, start, brief }
}
