//! Prompts, read by the weights that weir comes with.

use relay::foresight::{Foresight, Foretold, Prompt, Reading};
use router::predictor::{Bound, Candidate, Guess, Predictor, Reader, SHIPPED};
use std::sync::{Arc, OnceLock};

/// The `Foresight` port over the shipped weights, which are unpacked when they are first asked for.
#[derive(Default)]
pub struct Shipped(OnceLock<Option<Arc<Predictor>>>);

impl Shipped {
    fn predictor(&self) -> Option<&Arc<Predictor>> {
        let unpack = || match Predictor::read(SHIPPED) {
            Ok(predictor) => Some(Arc::new(predictor)),
            Err(flaw) => {
                tracing::error!(%flaw, "the predictor's weights cannot be read; qualities are the catalogue's");
                None
            }
        };
        self.0.get_or_init(unpack).as_ref()
    }
}

impl Foresight for Shipped {
    fn look_up(&self, models: &[(&str, Option<f64>)]) -> Box<dyn Reading> {
        let Some(predictor) = self.predictor() else { return Box::new(Blind) };
        let all: Vec<Candidate<'_>> = models
            .iter()
            .map(|&(name, prior)| Candidate {
                name,
                prior: prior.map(|prior| prior as f32),
                ..Candidate::default()
            })
            .collect();
        let found = predictor.bind(&all, "");
        // Nothing is asked of those that were never seen, so they are not read for either.
        let mut pool = Vec::new();
        let mut place = |at: usize| {
            found.seen(at)?;
            pool.push(all[at]);
            Some(pool.len() - 1)
        };
        let places = (0..all.len()).map(&mut place).collect();
        Box::new(Known { bound: predictor.bind(&pool, ""), places, predictor: predictor.clone() })
    }
}

/// Models that were looked up in the weights.
struct Known {
    predictor: Arc<Predictor>,
    bound: Bound,
    /// Where each model is among those that are bound.
    places: Vec<Option<usize>>,
}

impl Reading for Known {
    fn seen(&self, at: usize) -> Option<f32> {
        self.bound.seen(self.places.get(at).copied().flatten()?)
    }

    fn read(&self, prompt: &Prompt<'_>, out: &mut Vec<Option<Foretold>>) {
        let mut reader = Reader::new();
        reader.text(prompt.text);
        prompt.tools.iter().for_each(|name| reader.tool(name));
        reader.tools_chars(prompt.tools_chars);
        let mut guesses: Vec<Guess> = Vec::new();
        self.predictor.guess(&self.bound, reader.finish(), prompt.tokens_in, &mut guesses);
        out.clear();
        let told =
            |place: usize| guesses.get(place).map(|g| Foretold { quality: g.quality, familiar: g.familiar });
        out.extend(self.places.iter().map(|place| place.and_then(told)));
    }
}

/// Where there are no weights.
struct Blind;

impl Reading for Blind {
    fn seen(&self, _: usize) -> Option<f32> {
        None
    }

    fn read(&self, _: &Prompt<'_>, out: &mut Vec<Option<Foretold>>) {
        out.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reading: &dyn Reading, text: &str) -> Vec<Option<Foretold>> {
        let mut out = Vec::new();
        reading.read(&Prompt { text, ..Prompt::default() }, &mut out);
        out
    }

    const SUMS: &str =
        "Let $f(x) = x^2 + 3x$. What is the derivative at x = 2? Options: A. 5 B. 7 C. 9 D. 11";

    #[test]
    fn models_that_were_seen_are_told_apart_by_the_prompt() {
        let models =
            [("brand-new-9", Some(0.9)), ("meta/Llama-3.1-8B-Instruct", None), ("gemini-1.5-pro-002", None)];
        let reading = Shipped::default().look_up(&models);
        assert_eq!(reading.seen(0), None, "nobody saw it, so nothing is said of it");
        assert!(reading.seen(1).unwrap() < reading.seen(2).unwrap());
        assert_eq!(reading.seen(9), None);
        let (sums, chat) = (read(&*reading, SUMS), read(&*reading, "hey, how was your weekend? 😀"));
        assert_eq!((sums.len(), sums[0]), (3, None));
        assert!(sums[1].unwrap().quality < sums[2].unwrap().quality);
        assert_ne!(sums[1].unwrap().quality, chat[1].unwrap().quality);
        assert_eq!(read(&*reading, SUMS), sums, "the same text, the same word");
        assert_eq!(read(&*reading, "").len(), 3);
    }

    #[test]
    fn a_model_says_the_same_in_any_company() {
        let alone = Shipped::default().look_up(&[("llama-3.1-8b-instruct", None)]);
        let many = [("x", None), ("llama-3.1-8b-instruct", Some(0.2)), ("y", Some(0.9))];
        let among = Shipped::default().look_up(&many);
        assert_eq!(read(&*alone, SUMS)[0], read(&*among, SUMS)[1]);
    }
}
