//! A pool of models as the predictor knows them: which of its sources speaks for each.

use super::reader::Gist;
use super::weights::{Expected, Known, Scores, Source};
use super::{Candidate, Guess, Predictor};

/// A quality for whom there is none.
const MIDDLING: f32 = 0.6;
/// How far a model that was never seen follows those that were, of its strength.
const FOLLOWS: f32 = 0.5;
/// How much of a difference in public benchmarks shows in outcomes, where these do not say.
const SLOPE: f32 = 1.0;
/// Output tokens where no source says any.
const OUTPUT: f32 = 300.0;
/// Gain, length, input and familiarity where nobody speaks.
const NOTHING: (f32, f32, f32, f32) = (0.0, 1.0, 1.0, 0.0);

/// How one model of a pool is spoken for.
#[derive(Clone, Debug, PartialEq)]
enum Voice {
    /// A source saw it.
    Head { source: usize, model: usize },
    /// None did: it follows models of a source, each by a weight.
    Like { source: usize, weights: Vec<f32> },
    /// There is no source at all.
    Prior,
}

#[derive(Clone, Debug, PartialEq)]
struct Spoken {
    voice: Voice,
    /// Mean quality on the scale of the pool's first source.
    quality: f32,
    output: f32,
    /// Mean cost in millionths of a USD where there are no prices to reckon with.
    cost: Option<f32>,
    prices: Option<(f32, f32)>,
    input_factor: f32,
}

/// A pool whose models were looked up once.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    spoken: Vec<Spoken>,
    /// The sources that are asked, by place.
    sources: Vec<usize>,
}

impl Bound {
    /// Mean quality of a model of the pool, where a source saw it; None for those that are only likened to others.
    pub fn seen(&self, at: usize) -> Option<f32> {
        let spoken = self.spoken.get(at).filter(|spoken| matches!(spoken.voice, Voice::Head { .. }));
        spoken.map(|spoken| spoken.quality)
    }
}

/// A name as it is looked up: what is before a slash is whose it is, and case says nothing.
fn plain(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase()
}

impl Source {
    fn model(&self, name: &str) -> Option<usize> {
        let exact = self.models.iter().position(|k| k.name == name);
        exact.or_else(|| self.models.iter().position(|k| plain(&k.name) == plain(name)))
    }

    /// The straight line from priors to qualities, through the models that have both: mean prior, mean quality, slope.
    fn line(&self, prior: impl Fn(&Known) -> Option<f32>) -> (f32, f32, f32) {
        let both: Vec<(f32, f32)> =
            self.models.iter().filter_map(|k| prior(k).map(|p| (p, k.quality))).collect();
        let n = both.len().max(1) as f32;
        let (x, y) = both.iter().fold((0.0, 0.0), |(x, y), (p, q)| (x + p / n, y + q / n));
        let (xx, xy) =
            both.iter().fold((0.0, 0.0), |(xx, xy), (p, q)| (xx + (p - x) * (p - x), xy + (p - x) * (q - y)));
        // As if a few more models had shown the usual slope.
        let few = 0.05;
        if both.is_empty() {
            let mean = self.models.iter().map(|k| k.quality).sum::<f32>() / self.models.len().max(1) as f32;
            return (MIDDLING, mean, SLOPE);
        }
        (x, y, (xy + few * SLOPE) / (xx + few))
    }
}

impl Predictor {
    /// Looks a pool's models up. The pool's own source is the one that saw the most of them, of `hint`'s name if that ties.
    pub fn bind(&self, pool: &[Candidate<'_>], hint: &str) -> Bound {
        let seen = |source: &Source| pool.iter().filter(|c| source.model(c.name).is_some()).count();
        let rank = |at: usize| (seen(&self.sources[at]), self.sources[at].name == hint);
        let mut order: Vec<usize> = (0..self.sources.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(rank(*at)));
        let first = order.first().copied();
        let prior_of = |known: &Known| {
            pool.iter()
                .find(|c| plain(c.name) == plain(&known.name))
                .and_then(|c| c.prior)
                .filter(|p| p.is_finite())
        };
        let spoken: Vec<Spoken> = pool
            .iter()
            .map(|candidate| {
                let at = order.iter().find_map(|s| self.sources[*s].model(candidate.name).map(|m| (*s, m)));
                self.speak(candidate, at, first, &prior_of)
            })
            .collect();
        let asked = |s: &Spoken| match s.voice {
            Voice::Head { source, .. } | Voice::Like { source, .. } => Some(source),
            Voice::Prior => None,
        };
        let mut sources: Vec<usize> = spoken.iter().filter_map(asked).collect();
        sources.sort_unstable();
        sources.dedup();
        Bound { spoken, sources }
    }

    fn speak(
        &self,
        candidate: &Candidate<'_>,
        at: Option<(usize, usize)>,
        first: Option<usize>,
        prior_of: &dyn Fn(&Known) -> Option<f32>,
    ) -> Spoken {
        let prior = candidate.prior.filter(|p| p.is_finite()).map(|p| p.clamp(0.0, 1.0));
        let given = candidate.usd_in.zip(candidate.usd_out).filter(|(i, o)| i.is_finite() && o.is_finite());
        if let Some((source, model)) = at {
            let known = &self.sources[source].models[model];
            let listed =
                (!known.usd_in.is_nan() && !known.usd_out.is_nan()).then_some((known.usd_in, known.usd_out));
            let mut quality = known.quality;
            if let Some(first) = first.filter(|f| *f != source) {
                quality = self.across(source, first, quality);
            }
            let has_output = known.output > 0.0;
            return Spoken {
                voice: Voice::Head { source, model },
                quality,
                output: if has_output { known.output } else { OUTPUT },
                cost: Some(known.cost),
                prices: given.or(listed).filter(|_| has_output),
                input_factor: known.input_factor,
            };
        }
        let Some(first) = first else {
            return Spoken {
                voice: Voice::Prior,
                quality: prior.unwrap_or(MIDDLING),
                output: OUTPUT,
                cost: None,
                prices: given,
                input_factor: 1.0,
            };
        };
        let source = &self.sources[first];
        let (x, y, slope) = source.line(prior_of);
        let quality = (y + slope * (prior.unwrap_or(x) - x)).clamp(0.02, 0.98);
        // Models of about its quality, the nearer the more.
        let near = source.models.iter().map(|k| {
            let far = (k.quality - quality) / 0.1;
            1.0 / (1.0 + far * far)
        });
        let near: Vec<f32> = near.collect();
        let sum: f32 = near.iter().sum::<f32>().max(1e-6);
        let outputs = source.models.iter().map(|k| k.output);
        let output = outputs.sum::<f32>() / source.models.len().max(1) as f32;
        Spoken {
            voice: Voice::Like { source: first, weights: near.iter().map(|w| FOLLOWS * w / sum).collect() },
            quality,
            output: if output > 0.0 { output } else { OUTPUT },
            cost: None,
            prices: given,
            input_factor: 1.0,
        }
    }

    /// A mean quality of one source on the scale of another, by the models that both saw.
    fn across(&self, from: usize, to: usize, quality: f32) -> f32 {
        let (from, to) = (&self.sources[from], &self.sources[to]);
        let both =
            from.models.iter().filter_map(|k| to.model(&k.name).map(|m| (k.quality, to.models[m].quality)));
        let both: Vec<(f32, f32)> = both.collect();
        let mean =
            |s: &Source| s.models.iter().map(|k| k.quality).sum::<f32>() / s.models.len().max(1) as f32;
        let n = both.len() as f32;
        let (a, b) = if both.is_empty() {
            (mean(from), mean(to))
        } else {
            both.iter().fold((0.0, 0.0), |(a, b), (p, q)| (a + p / n, b + q / n))
        };
        (quality - a + b).clamp(0.02, 0.98)
    }

    /// What is expected of each model of the pool, in its order.
    pub fn guess(&self, bound: &Bound, gist: &Gist, tokens_in: u32, out: &mut Vec<Guess>) {
        out.clear();
        let scores = self.table.scores(gist);
        self.guess_from(bound, &scores, tokens_in, out);
    }

    /// The same, from scores that were made before.
    pub fn guess_from(&self, bound: &Bound, scores: &Scores, tokens_in: u32, out: &mut Vec<Guess>) {
        out.clear();
        let expected: Vec<(usize, Expected)> = bound
            .sources
            .iter()
            .filter_map(|at| self.sources.get(*at).map(|source| (*at, source.expect(scores))))
            .collect();
        let of = |source: usize| expected.iter().find(|(at, _)| *at == source).map(|(_, e)| e);
        out.extend(bound.spoken.iter().map(|spoken| {
            let (gain, length, input, familiar) = match &spoken.voice {
                Voice::Head { source, model } => {
                    let at = |list: &[f32], none| list.get(*model).copied().unwrap_or(none);
                    of(*source)
                        .map_or(NOTHING, |e| (at(&e.gain, 0.0), at(&e.length, 1.0), e.input, e.familiar))
                }
                Voice::Like { source, weights } => of(*source).map_or(NOTHING, |e| {
                    let sum = |list: &[f32]| weights.iter().zip(list).map(|(w, x)| w * x).sum::<f32>();
                    (sum(&e.gain), sum(&e.length) / FOLLOWS, e.input, e.familiar)
                }),
                Voice::Prior => NOTHING,
            };
            let output_tokens = spoken.output * length;
            let cost = match spoken.prices {
                Some((into, out)) => {
                    Some(into * tokens_in as f32 * input * spoken.input_factor + out * output_tokens)
                }
                None => spoken.cost.map(|cost| cost * length),
            };
            Guess { quality: (spoken.quality + gain).clamp(0.0, 1.0), output_tokens, cost, familiar }
        }));
    }
}
