//! Clients: what they ask, what they hear, when they leave.

use crate::cast::{Errand, Patience};
use crate::stage::Stage;
use front::openai::{parse, survey};
use futures::StreamExt;
use lab::Scenario;
use lab::world::{World, hang_up_after};
use relay::{Answer, Ask, Bill, Content, Piece, Relay, Served, Trouble, Wishes, Words};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use vocab::{Event, Instant};

/// How it ended for the client.
#[derive(Clone, Debug, Default)]
pub enum End {
    /// It left, or the process died.
    #[default]
    Left,
    Whole(Box<Bill>),
    /// A stream with its last piece and its end mark.
    Finished(Box<Bill>),
    Broken(Trouble, Box<Bill>),
    Refused(Trouble),
    /// A stream that stopped without a last piece.
    Stopped,
}

/// What one client heard.
#[derive(Clone, Debug)]
pub struct Heard {
    pub errand: Errand,
    pub asked: Instant,
    pub text: String,
    /// Of a frame whose end has not come yet: giants come in parts.
    pub begun: String,
    pub tools: Vec<String>,
    pub models: BTreeSet<String>,
    pub finish: Option<String>,
    /// `Event::End`, or `[DONE]`.
    pub end_marks: usize,
    pub served: Option<(String, String)>,
    pub attempts: u32,
    /// Pieces after the last one.
    pub beyond: usize,
    pub end: End,
    pub over: bool,
}

pub type Diary = Arc<Mutex<Heard>>;

/// The text that a provider says to everyone, its own in every word.
pub fn saying(provider: &str) -> String {
    let ü = ["ü", "水", "", "🙂", ""];
    (0..28).map(|n| format!("{provider}{}{n}", ü[n % ü.len()])).collect::<Vec<_>>().join(" ")
}

pub fn body(errand: &Errand, scenario: &Scenario) -> Value {
    let mut prompt = format!("Tell me. <<{}>> {}", errand.id, errand.marker);
    for provider in &scenario.providers {
        prompt.push_str(&format!("[[lab: only={} say=\"{}\"]]", provider.name, saying(&provider.name)));
    }
    let mut body = json!({
        "model": errand.model,
        "messages": [{"role": "system", "content": "You are a river."}, {"role": "user", "content": prompt}],
    });
    if errand.stream {
        body["stream"] = true.into();
        if errand.include_usage {
            body["stream_options"] = json!({"include_usage": true});
        }
    }
    if let Some(max) = errand.max_tokens {
        body["max_tokens"] = max.into();
    }
    if errand.tool {
        body["messages"][1]["content"] = format!("[[lab: calls=1]] {prompt}").into();
        body["tools"] = json!([{"type": "function", "function": {"name": "look_up",
            "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}}}]);
    }
    body
}

pub fn ask(errand: &Errand, body: &Value, now: Instant, seed: u64) -> Ask {
    let raw = survey(body.to_string().into()).unwrap_or_else(|bad| panic!("{bad}: {body}"));
    let words = if errand.raw {
        Words::Raw { dialect: vocab::Dialect::OpenaiChat, raw, parse }
    } else {
        let chat = Box::new(parse(&raw).unwrap());
        Words::Chat { chat, brief: raw.brief }
    };
    let wishes = Wishes { session: errand.session.clone(), ..Wishes::default() };
    Ask {
        id: errand.id.clone(),
        chosen: false,
        account: errand.account.into(),
        key: None,
        user: None,
        leave: None,
        words,
        wishes,
        started: now,
        seed,
    }
}

/// Sends a client on its way.
pub fn send(stage: &Stage, errand: Errand) -> Diary {
    let diary = Arc::new(Mutex::new(Heard {
        errand: errand.clone(),
        asked: Instant::ZERO,
        text: String::new(),
        begun: String::new(),
        tools: vec![],
        models: BTreeSet::new(),
        finish: None,
        end_marks: 0,
        served: None,
        attempts: 0,
        beyond: 0,
        end: End::Left,
        over: false,
    }));
    let body = body(&errand, &stage.pieces.scenario);
    let (relay, world, note) = (stage.relay.clone(), stage.world.clone(), diary.clone());
    stage.crew.hire(async move {
        world.sleep(errand.at).await;
        let now = world.now();
        note.lock().unwrap().asked = now;
        let ask = ask(&errand, &body, now, world.roll());
        let visit = visit(&relay, &world, ask, &errand, &note);
        match errand.patience {
            Patience::Endless => visit.await,
            Patience::Until(span) => drop(world.hang_up_at(now.after(span), visit).await),
            Patience::Polls(polls) => drop(hang_up_after(polls, visit).await),
        }
        note.lock().unwrap().over = true;
    });
    diary
}

async fn visit(relay: &Arc<Relay>, world: &World, ask: Ask, errand: &Errand, diary: &Diary) {
    let answer = relay.serve(ask).await;
    let note = |change: &dyn Fn(&mut Heard)| change(&mut diary.lock().unwrap());
    let mut speech = match answer {
        Err(trouble) => return note(&|h| h.end = End::Refused(trouble.clone())),
        Ok(Answer::Whole { served, content, bill }) => {
            return note(&|h| {
                h.serve(&served);
                match &content {
                    Content::Raw(bytes) => {
                        h.whole(&serde_json::from_slice(bytes).expect("a whole answer is JSON"))
                    }
                    Content::Events(events) => events.iter().for_each(|e| h.event(e)),
                    Content::Made(_) | Content::Heard(_) => panic!("a chat was asked for"),
                }
                h.end = End::Whole(bill.clone());
            });
        }
        Ok(Answer::Sound { .. }) => panic!("a chat was asked for"),
        Ok(Answer::Stream { served, speech }) => {
            note(&|h| h.serve(&served));
            speech
        }
    };
    note(&|h| h.end = End::Left);
    while let Some(piece) = speech.next().await {
        note(&|h| h.piece(&piece));
        if !errand.pause.is_zero() {
            world.sleep(errand.pause).await;
        }
    }
    note(&|h| {
        if matches!(h.end, End::Left) {
            h.end = End::Stopped;
        }
    });
}

impl Heard {
    fn serve(&mut self, served: &Served) {
        self.served = Some((served.provider.to_string(), served.model.to_string()));
        self.attempts = served.attempts;
    }

    fn piece(&mut self, piece: &Piece) {
        if matches!(self.end, End::Finished(_) | End::Broken(..)) {
            self.beyond += 1;
        }
        match piece {
            Piece::Bytes(bytes) => self.frames(std::str::from_utf8(bytes).expect("whole frames are text")),
            Piece::Event(event) => self.event(event),
            Piece::End(bill) => self.end = End::Finished(bill.clone()),
            Piece::Broken(trouble, bill) => self.end = End::Broken(trouble.clone(), bill.clone()),
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Start { model, .. } => drop(self.models.insert(model.clone())),
            Event::Text { text, .. } => self.text.push_str(text),
            Event::ToolStart { name, .. } => self.tools.push(name.clone()),
            Event::Finish { reason, .. } => self.finish = Some(reason.name().into()),
            Event::End => self.end_marks += 1,
            _ => {}
        }
    }

    /// Frames of OpenAI's, read by nothing of the product's.
    fn frames(&mut self, text: &str) {
        self.begun.push_str(text);
        let whole = self.begun.rfind('\n').map_or(0, |at| at + 1);
        let rest = self.begun.split_off(whole);
        let text = std::mem::replace(&mut self.begun, rest);
        for line in text.lines() {
            let Some(data) = line.strip_prefix("data:").map(str::trim) else { continue };
            if data == "[DONE]" {
                self.end_marks += 1;
                continue;
            }
            let chunk: Value =
                serde_json::from_str(data).unwrap_or_else(|e| panic!("half a frame ({e}): {data}"));
            self.models.extend(chunk["model"].as_str().map(str::to_owned));
            self.choice(&chunk["choices"][0], "delta");
        }
    }

    fn whole(&mut self, answer: &Value) {
        self.models.extend(answer["model"].as_str().map(str::to_owned));
        self.choice(&answer["choices"][0], "message");
    }

    fn choice(&mut self, choice: &Value, part: &str) {
        self.text.push_str(choice[part]["content"].as_str().unwrap_or_default());
        for call in choice[part]["tool_calls"].as_array().into_iter().flatten() {
            self.tools.extend(call["function"]["name"].as_str().map(str::to_owned));
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish = Some(reason.into());
        }
    }
}
