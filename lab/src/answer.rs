//! What the model says: decided once, then written down in any dialect.

use crate::ask::{Ask, Pick, Shape};
use crate::dialect::listening;
use crate::marker::Marker;
use crate::memory::Cached;
use crate::prose::{self, hash};
use crate::scenario::{Flavour, Model, Provider};
use crate::schema;
use crate::seen::Figures;
use crate::sound;
use crate::task::Task;
use crate::tokens::{AUDIO_TOKENS, chars, first_tokens, tokens};
use crate::trouble::{Kind, Troubles};
use serde_json::{Value, json};
use vocab::{Caps, Dialect, Dice, Effort};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    /// Stopped by this sequence, which is not part of the text.
    Sequence(String),
    Length,
    Calls,
    Filtered,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Made {
    pub name: String,
    /// Compact JSON; invalid where arguments are to be bad.
    pub text: String,
    pub args: Value,
    /// Names the call; dialects make their ids from it.
    pub id: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    pub reasoning: String,
    pub text: String,
    pub calls: Vec<Made>,
    pub finish: Finish,
    /// The text is why it will not answer.
    pub refuses: bool,
    /// The page that the passage of the text rests on.
    pub cited: Option<String>,
}

/// Where a model names a page for a passage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cited<'c> {
    pub url: &'c str,
    /// The text before the passage.
    pub before: &'c str,
    pub passage: &'c str,
}

impl Choice {
    fn new(reasoning: String, finish: Finish) -> Self {
        Self { reasoning, text: String::new(), calls: vec![], finish, refuses: false, cited: None }
    }

    /// What is behind the first colon rests on the page, or all of it.
    pub fn cited(&self) -> Option<Cited<'_>> {
        let (url, text) = (self.cited.as_deref()?, self.text.as_str());
        let at = text.find(": ").map_or(0, |at| at + 2);
        let (before, passage) = text.split_at(at);
        (!passage.is_empty()).then_some(Cited { url, before, passage })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Varies with everything that the answer depends on.
    pub id: u64,
    pub choices: Vec<Choice>,
    pub figures: Figures,
}

/// Everything that an answer depends on.
pub(crate) struct Given<'a> {
    pub provider: &'a Provider,
    pub model: &'a Model,
    pub ask: &'a Ask,
    pub marker: &'a Marker,
    pub troubles: &'a Troubles,
    pub cached: Cached,
    /// Of the scenario.
    pub seed: u64,
}

pub(crate) fn answer(given: &Given<'_>) -> Answer {
    let Given { provider, model, ask, .. } = given;
    if let Some(task) = &ask.task {
        let mut figures = Figures { input: ask.input_tokens(), ..Figures::default() };
        match task {
            Task::Vectors(_) => {}
            Task::Pictures(wanted) => figures.output = wanted.tokens * u64::from(wanted.n),
            Task::Script(script) => {
                let (input, output) = listening::tokens(model, &script.heard);
                let figures = Figures { input, output, ..Figures::default() };
                return Answer { id: hash(&[script.heard.text().as_bytes()]), choices: vec![], figures };
            }
            Task::Speech(wanted) if !given.troubles.has(Kind::ZeroTokens) => {
                let made = sound::passages(&wanted.text, model.ms_per_character, wanted.percent);
                figures.characters = chars(&wanted.text);
                figures.audio_ms = made.iter().map(|passage| passage.ms).sum();
                figures.output = (figures.audio_ms * AUDIO_TOKENS).div_ceil(1000);
            }
            Task::Speech(wanted) => figures.characters = chars(&wanted.text),
        }
        return Answer { id: hash(&[ask.last_user.as_bytes()]), choices: vec![], figures };
    }
    let turns: Vec<u8> = ask.turns.iter().flat_map(|t| t.hash.to_le_bytes()).collect();
    let id = hash(&[
        provider.name.as_bytes(),
        model.name.as_bytes(),
        &turns,
        &given.seed.to_le_bytes(),
        &ask.seed.unwrap_or(0).to_le_bytes(),
    ]);
    let choices: Vec<Choice> = (0..u64::from(ask.n.max(1))).map(|i| choice(given, id ^ i, i == 0)).collect();
    // "long prompts are cut to the server default and totals stop exactly at" the context size.
    let cuts = provider.flavour == Flavour::Ollama && provider.dialect == Dialect::OpenaiChat;
    let whole = ask.input_tokens();
    let input = if cuts { whole.min(u64::from(model.context)) } else { whole };
    let mut figures = Figures { input, cached: given.cached.read, ..Figures::default() };
    if ask.cache_long {
        figures.written_long = given.cached.written;
    } else {
        figures.written = given.cached.written;
    }
    if let Some(written) = given.marker.written {
        figures.written = u64::from(written).min(figures.input - figures.cached);
    }
    for made in &choices {
        figures.reasoning += tokens(&made.reasoning);
        figures.output += tokens(&made.text) + made.calls.iter().map(|c| tokens(&c.text)).sum::<u64>();
    }
    Answer { id, choices, figures }
}

fn choice(given: &Given<'_>, id: u64, first: bool) -> Choice {
    let Given { model, ask, troubles, .. } = given;
    let mut dice = Dice::seeded(id);
    let silent = |finish| Choice::new(String::new(), finish);
    if troubles.has(Kind::ZeroTokens) {
        return silent(Finish::Stop);
    }
    if troubles.get(Kind::ContentFilter).is_some_and(|t| t.after.is_none()) {
        return silent(Finish::Filtered);
    }
    let room = u64::from(model.context).saturating_sub(ask.input_tokens()).max(1);
    let limit = u64::from(ask.max_tokens.unwrap_or(u32::MAX).min(model.max_output)).min(room);

    let reasoning = prose::write("Let me think", reasoning_tokens(given), &mut dice);
    let (reasoning, cut) = first_tokens(&reasoning, limit);
    let reasoning = reasoning.to_owned();
    let left = limit - tokens(&reasoning);
    if cut || left == 0 {
        return Choice::new(reasoning, Finish::Length);
    }

    let calls = calls(given, &mut dice, first);
    if !calls.is_empty() {
        return trim_calls(reasoning, calls, left);
    }
    let whole = text(given, &mut dice);
    let (text, stopped) = stop_at(&whole, &ask.stop);
    let (text, cut) = first_tokens(text, left);
    let mut finish = match (cut, stopped) {
        (true, _) => Finish::Length,
        (false, Some(sequence)) => Finish::Sequence(sequence),
        (false, None) => Finish::Stop,
    };
    let mut text = text.to_owned();
    if let Some(after) = troubles.get(Kind::ContentFilter).and_then(|t| t.after) {
        let kept = first_tokens(&text, u64::from(after)).0.len();
        text.truncate(kept);
        finish = Finish::Filtered;
    }
    let refuses = given.marker.refuse.is_some();
    let cited = given.marker.cite.clone();
    Choice { text, refuses, cited, ..Choice::new(reasoning, finish) }
}

/// The last call that does not fit is cut off in the middle, as a model that runs out of tokens does it.
fn trim_calls(reasoning: String, calls: Vec<Made>, mut left: u64) -> Choice {
    let mut kept = Vec::new();
    let mut finish = Finish::Calls;
    for mut call in calls {
        let (text, cut) = first_tokens(&call.text, left);
        if cut {
            call.text = text.to_owned();
            finish = Finish::Length;
        }
        left -= tokens(&call.text);
        kept.push(call);
        if cut || left == 0 {
            break;
        }
    }
    Choice { calls: kept, ..Choice::new(reasoning, finish) }
}

fn reasoning_tokens(given: &Given<'_>) -> u32 {
    let Given { provider, model, ask, marker, .. } = given;
    if !model.caps(provider).contains(Caps::REASONING) {
        return 0;
    }
    let effort = match ask.effort {
        Some(effort) => effort,
        None if model.reasons_always => Effort::Medium,
        None => return 0,
    };
    let base = marker.reasoning.unwrap_or(model.reasoning_tokens);
    if marker.reasoning.is_some() && effort != Effort::None {
        return base;
    }
    match effort {
        Effort::None => 0,
        Effort::Minimal => base / 4,
        Effort::Low => base / 2,
        Effort::Medium => base,
        Effort::High => base.saturating_mul(2),
        Effort::Xhigh => base.saturating_mul(3),
        Effort::Max => base.saturating_mul(4),
    }
}

fn calls(given: &Given<'_>, dice: &mut Dice, first: bool) -> Vec<Made> {
    let Given { provider, model, ask, marker, troubles, .. } = given;
    let wanted: Vec<usize> = match &ask.pick {
        _ if ask.tools.is_empty() || !first => return vec![],
        Pick::Never => return vec![],
        Pick::Named(name) => ask.tools.iter().position(|t| &t.name == name).into_iter().collect(),
        // Forced to call again after results, a model would never end; the lab's models do as they are told.
        Pick::Any | Pick::Auto => {
            let said = ask.last_user.to_lowercase();
            let named: Vec<usize> = (0..ask.tools.len())
                .filter(|i| ask.tools.get(*i).is_some_and(|t| said.contains(&t.name.to_lowercase())))
                .collect();
            match (ask.pick == Pick::Any, named.is_empty()) {
                (false, _) if ask.results.is_some() => vec![],
                (false, true) if said.contains("use a tool") || marker.calls.is_some() => vec![0],
                (true, true) => vec![0],
                _ => named,
            }
        }
    };
    let parallel = ask.parallel && model.caps(provider).contains(Caps::PARALLEL_TOOLS);
    let most = if parallel { 16 } else { 1 };
    let count = marker.calls.map_or(wanted.len(), |n| usize::try_from(n).unwrap_or(0));
    let count = if wanted.is_empty() { 0 } else { count.min(most) };
    (0..count)
        .filter_map(|i| wanted.get(i % wanted.len()).and_then(|at| ask.tools.get(*at)))
        .map(|tool| {
            let id = dice.roll();
            let args = match schema::instance(&tool.schema, dice) {
                Value::Object(map) => Value::Object(map),
                _ => json!({}),
            };
            let mut text = args.to_string();
            if troubles.has(Kind::BadArguments) {
                text.insert_str(1, "not json ");
            }
            Made { name: tool.name.clone(), text, args, id }
        })
        .collect()
}

fn text(given: &Given<'_>, dice: &mut Dice) -> String {
    let Given { model, ask, marker, .. } = given;
    if let Some(say) = marker.refuse.as_ref().or(marker.say.as_ref()) {
        return say.clone();
    }
    match &ask.shape {
        Shape::Schema(schema) => return schema::instance(schema, dice).to_string(),
        Shape::Object => {
            let words: Vec<&str> = (0..6).map(|_| prose::word(dice)).collect();
            return json!({"answer": words.join(" "), "ok": true}).to_string();
        }
        Shape::Text => {}
    }
    let [least, most] = model.answer_tokens;
    let drawn = least + u32::try_from(dice.below(u64::from(most - least) + 1)).unwrap_or(0);
    let opening = match &ask.results {
        Some(results) => results.chars().take(60).collect(),
        None => without_markers(&ask.last_user).chars().take(30).collect::<String>(),
    };
    prose::write(&opening.replace(['\n', '\r'], " "), marker.tokens.unwrap_or(drawn), dice)
}

fn without_markers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[[lab:") {
        out.push_str(before);
        rest = after.split_once("]]").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

fn stop_at<'t>(text: &'t str, stops: &[String]) -> (&'t str, Option<String>) {
    let found =
        stops.iter().filter(|s| !s.is_empty()).filter_map(|s| text.find(s.as_str()).map(|at| (at, s))).min();
    match found {
        Some((at, sequence)) => (&text[..at], Some(sequence.clone())),
        None => (text, None),
    }
}
