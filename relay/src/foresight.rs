//! What a prompt says of how well each model will answer it, before any is asked.
//!
//! Who reads prompts is a port, as it has some hundred kilobytes of weights that not every shell can carry. What follows
//! from what it says is here: a card's quality is moved towards the prediction as far as the prompt is familiar. Predictions
//! are on the scale of the outcomes that they were learned from, cards on that of public benchmarks; what both know of the
//! models of this fleet puts the one on the other. A model that was never seen keeps its card's word.

use crate::ask::Ask;
use crate::attempt::Parsed;
use crate::fleet::{Candidate, Fleet};
use crate::offers::Route;
use crate::relay::Relay;
use router::{Learned, Source};
use std::fmt;
use vocab::{Chat, Kind, Quality, Role};

/// Of a prompt's text, so many bytes are read.
const TEXT_MAX: usize = 32 << 10;

/// A prompt as whoever reads it gets it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prompt<'a> {
    /// The last thing that a person said.
    pub text: &'a str,
    /// Names of the functions that are offered.
    pub tools: &'a [&'a str],
    /// Length of their definitions, in bytes.
    pub tools_chars: u32,
    /// Input tokens of all of it.
    pub tokens_in: u32,
}

/// What is foretold of one model's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Foretold {
    /// Probability that it is good, 0 to 1.
    pub quality: f32,
    /// How familiar the prompt is, 0 to 1.
    pub familiar: f32,
}

/// Who reads prompts.
pub trait Foresight: Send + Sync {
    /// Looks models up, once for many prompts: each by its name at its provider and by what its card says of its quality.
    fn look_up(&self, models: &[(&str, Option<f64>)]) -> Box<dyn Reading>;
}

/// Models that were looked up.
pub trait Reading: Send + Sync {
    /// The model's mean quality on the scale of what was learned from, where it was seen.
    fn seen(&self, at: usize) -> Option<f32>;

    /// Replaces `out` with what is foretold of each that was seen, in their order.
    fn read(&self, prompt: &Prompt<'_>, out: &mut Vec<Option<Foretold>>);
}

/// A fleet's candidates as whoever reads prompts knows them.
pub(crate) struct Foreseen {
    reading: Box<dyn Reading>,
    /// Added to what is foretold, it is on the cards' scale.
    shift: f32,
    /// Some candidate was seen.
    knows: bool,
}

impl fmt::Debug for Foreseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreseen").field("shift", &self.shift).finish_non_exhaustive()
    }
}

impl Foreseen {
    pub fn of(foresight: &dyn Foresight, candidates: &[Candidate]) -> Self {
        let prior = |c: &Candidate| c.card.quality.map(|quality| quality.mean);
        let models: Vec<_> = candidates.iter().map(|c| (&*c.door.model, prior(c))).collect();
        let reading = foresight.look_up(&models);
        let both = |at: usize| Some((models[at].1? as f32, reading.seen(at)?));
        let both: Vec<(f32, f32)> = (0..models.len()).filter_map(both).collect();
        let apart = both.iter().map(|(prior, seen)| prior - seen).sum::<f32>();
        let shift = apart / both.len().max(1) as f32;
        let knows = (0..models.len()).any(|at| reading.seen(at).is_some());
        Self { reading, shift, knows }
    }

    /// What is known of a candidate on this prompt; None where no more than its card says.
    fn learned(&self, at: usize, prior: Option<Quality>, told: Foretold) -> Option<Learned> {
        let mean = f64::from((self.reading.seen(at)? + self.shift).clamp(0.0, 1.0));
        let familiar = told.familiar.clamp(0.0, 1.0);
        let predicted = (told.quality + self.shift).clamp(0.0, 1.0);
        let base = prior.map_or(mean, |prior| prior.mean);
        let known = prior.map_or(0.0, |prior| prior.confidence);
        let moved = base + f64::from(familiar) * (f64::from(predicted) - base);
        let quality = Quality { mean: moved, confidence: known.max(f64::from(familiar)) };
        let plain = Learned::of(quality, Source::Predicted);
        Some(Learned { predicted: Some(predicted), familiar, ..plain })
    }
}

/// What the prompt says of the offers of a route, in its order; empty where nobody reads it.
pub(crate) fn foretold(
    relay: &Relay,
    fleet: &Fleet,
    ask: &Ask,
    route: &Route<'_>,
    parsed: &Parsed,
) -> Vec<Option<Learned>> {
    if !fleet.routing.learned_quality {
        return Vec::new();
    }
    let Some(foreseen) = fleet.foreseen(relay.foresight()).filter(|foreseen| foreseen.knows) else {
        return Vec::new();
    };
    let brief = ask.brief();
    if brief.kind != Kind::Chat || route.candidates.len() < 2 {
        return Vec::new();
    }
    let Some(chat) = parsed.chat(ask) else { return Vec::new() };
    let mut told = Vec::new();
    read(foreseen, chat, brief.tokens_in, &mut told);
    let of = |at: &usize| {
        let prior = fleet.candidates[*at].card.quality;
        told.get(*at).copied().flatten().and_then(|told| foreseen.learned(*at, prior, told))
    };
    route.candidates.iter().map(of).collect()
}

fn read(foreseen: &Foreseen, chat: &Chat, tokens_in: u32, out: &mut Vec<Option<Foretold>>) {
    let said = chat.messages.iter().rev().find(|message| message.role == Role::User);
    let text = said.map(vocab::Message::plain_text).unwrap_or_default();
    let tools: Vec<&str> = chat.tools.iter().map(|tool| &*tool.name).collect();
    let chars = |tool: &vocab::Tool| {
        let parameters = tool.parameters.as_ref().map_or(0, |of| of.to_string().len());
        tool.name.len() + tool.description.as_ref().map_or(0, String::len) + parameters
    };
    let tools_chars = chat.tools.iter().map(chars).sum::<usize>();
    let tools_chars = u32::try_from(tools_chars).unwrap_or(u32::MAX);
    foreseen.reading.read(&Prompt { text: beginning(&text), tools: &tools, tools_chars, tokens_in }, out);
}

/// As much of a text as is read.
fn beginning(text: &str) -> &str {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
