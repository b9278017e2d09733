//! What holds for every case.

use crate::{Heard, decode_stream};
use bytes::Bytes;
use providers::{Adapter, Glance};
use std::collections::BTreeMap;
use vocab::{Citation, Dialect, Dice, Event, Fault, Finish, Usage};

/// Events end with `End`, just once, or with a fault. Only usage may straggle: Gemini's comes with or after the end.
pub fn ends(heard: &Heard) -> Result<(), String> {
    let ends = heard.events.iter().filter(|e| **e == Event::End).count();
    let last = heard.events.iter().rev().find(|e| !matches!(e, Event::Usage(_)));
    match (ends, last, &heard.fault) {
        (1, Some(Event::End), None) | (0, _, Some(_)) => Ok(()),
        _ => Err(format!("law of the end: {ends} ends, then {:?}", heard.fault)),
    }
}

/// A stream cut anywhere gives the same events: at every single byte, at each byte, and by seeded dice.
pub fn chop(adapter: &dyn Adapter, bytes: &[u8], should: &Heard) -> Result<(), String> {
    for pieces in choppings(bytes) {
        let is = decode_stream(adapter, &pieces);
        if is != *should {
            let sizes: Vec<_> = pieces.iter().take(4).map(|p| p.len()).collect();
            return Err(format!(
                "law of chopping: cut into {sizes:?}… it gives\n{is:?}\nrather than\n{should:?}"
            ));
        }
    }
    Ok(())
}

pub fn choppings(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut all: Vec<Vec<&[u8]>> = vec![vec![bytes], bytes.chunks(1).collect()];
    let step = bytes.len() / 400 + 1;
    all.extend((0..=bytes.len()).step_by(step).map(|at| {
        let (head, tail) = bytes.split_at(at);
        vec![head, tail]
    }));
    for seed in 0..40 {
        let mut dice = Dice::seeded(seed);
        let (mut rest, mut pieces) = (bytes, vec![]);
        while !rest.is_empty() {
            let most = [3, 20, 100, 700][usize::try_from(dice.below(4)).unwrap()];
            let size = usize::try_from(1 + dice.below(most)).unwrap().min(rest.len());
            let (head, tail) = rest.split_at(size);
            pieces.push(head);
            rest = tail;
        }
        all.push(pieces);
    }
    all
}

#[derive(Debug, Default, PartialEq)]
struct Choice {
    text: String,
    reasoning: String,
    refusal: String,
    signature: String,
    calls: BTreeMap<u32, (String, String, String)>,
    cited: Vec<Citation>,
    finish: Option<Finish>,
}

fn total(heard: &Heard) -> (BTreeMap<u32, Choice>, Option<Usage>) {
    let (mut choices, mut usage) = (BTreeMap::<u32, Choice>::new(), None);
    for event in &heard.events {
        match event {
            Event::Text { choice, text, .. } => choices.entry(*choice).or_default().text += text,
            Event::Reasoning { choice, text } => choices.entry(*choice).or_default().reasoning += text,
            Event::Refusal { choice, text } => choices.entry(*choice).or_default().refusal += text,
            Event::Signature { choice, signature } => {
                choices.entry(*choice).or_default().signature += signature
            }
            Event::ToolStart { choice, index, id, name, .. } => {
                let calls = &mut choices.entry(*choice).or_default().calls;
                calls.insert(*index, (id.clone(), name.clone(), String::new()));
            }
            Event::ToolArgs { choice, index, fragment } => {
                let calls = &mut choices.entry(*choice).or_default().calls;
                calls.entry(*index).or_default().2 += fragment;
            }
            Event::Citation(cited) => {
                let all = &mut choices.entry(cited.choice).or_default().cited;
                all.push(Citation::clone(cited));
                // A stream may tell of sources in the order in which they come.
                all.sort_by_key(|one| (one.passage.as_ref().map(|p| (p.start, p.end)), one.url.clone()));
            }
            Event::Finish { choice, reason } => choices.entry(*choice).or_default().finish = Some(*reason),
            Event::Usage(now) => usage = Some(*now),
            Event::Start { .. } | Event::End => {}
        }
    }
    (choices, usage)
}

/// What the stream adds up to is what the whole answer says.
pub fn fold(whole: &Heard, stream: &Heard) -> Result<(), String> {
    let (whole, stream) = (total(whole), total(stream));
    if whole == stream {
        return Ok(());
    }
    Err(format!("law of folding: the whole answer is\n{whole:?}\nbut the stream adds up to\n{stream:?}"))
}

/// A look at a whole answer sees what taking it apart shows.
pub fn glance(adapter: &dyn Adapter, body: &[u8], heard: &Heard) -> Result<(), String> {
    let glance = adapter.glance(&Bytes::copy_from_slice(body));
    let should = match &heard.fault {
        Some(fault) => Err(fault.clone()),
        None => Ok(seen(heard)),
    };
    if glance == should {
        Ok(())
    } else {
        Err(format!("law of the glance: {glance:?} rather than {should:?}"))
    }
}

fn seen(heard: &Heard) -> Glance {
    let (choices, usage) = total(heard);
    Glance {
        usage,
        useful: heard.events.iter().any(Event::is_content),
        finish: choices.get(&0).and_then(|c| c.finish),
        text_bytes: text_bytes(heard),
    }
}

fn text_bytes(heard: &Heard) -> usize {
    let bytes = |event: &Event| match event {
        Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => text.len(),
        Event::ToolArgs { fragment, .. } => fragment.len(),
        _ => 0,
    };
    heard.events.iter().map(bytes).sum()
}

/// Watching a stream pass tells what taking it apart tells, and lets through what came, however it is cut.
pub fn watch(adapter: &dyn Adapter, bytes: &[u8]) -> Result<(), String> {
    let parsed = decode_stream(adapter, &[bytes]);
    // A watcher does not read what nobody has to act on: it cannot find that a frame is garbled once content flows.
    if matches!(parsed.fault, Some(Fault::Garbled(_))) {
        return Ok(());
    }
    let (choices, usage) = total(&parsed);
    // An end mark where the dialect has none would be a broken answer to its SDKs.
    let mark = bytes.windows(6).position(|w| w == b"[DONE]").map(|at| at - b"data: ".len());
    let own = bytes.split_at(mark.filter(|_| adapter.dialect() == Dialect::Gemini).unwrap_or(bytes.len())).0;
    for pieces in choppings(bytes) {
        let mut watch = adapter.watch(false).ok_or("this dialect is not watched")?;
        let (mut out, mut content, mut fault) = (vec![], false, None);
        for piece in &pieces {
            match watch.pass(Bytes::copy_from_slice(piece), &mut out) {
                Ok(saw) => content |= saw,
                Err(found) => {
                    fault = Some(found);
                    break;
                }
            }
        }
        let fault = fault.or_else(|| watch.end(&mut out).err());
        let passed = out.concat();
        let error = |why: &str| Err(format!("law of watching: {why} in {} pieces", pieces.len()));
        if fault.is_none() && passed != own {
            return error("the bytes that came out are not those that went in");
        }
        if !own.starts_with(&passed) {
            return error("the bytes that came out are not the beginning of those that went in");
        }
        if watch.usage() != usage {
            return error(&format!("usage {:?} rather than {usage:?}", watch.usage()));
        }
        if fault.is_none() && content != parsed.events.iter().any(Event::is_content) {
            return error("another verdict on content");
        }
        if watch.finished() != choices.values().any(|c| c.finish.is_some()) {
            return error("another verdict on the finish");
        }
        if watch.text_bytes() != text_bytes(&parsed) {
            return error(&format!(
                "{} bytes of text rather than {}",
                watch.text_bytes(),
                text_bytes(&parsed)
            ));
        }
        let lenient = matches!(parsed.fault, Some(Fault::Cut(_))) && watch.finished();
        if fault != parsed.fault
            && !lenient
            && fault.as_ref().map(Fault::name) != parsed.fault.as_ref().map(Fault::name)
        {
            return error(&format!("fault {fault:?} rather than {:?}", parsed.fault));
        }
    }
    Ok(())
}
