//! What is never traded: a candidate that cannot do what was asked, or may not, is removed and says why.

use crate::{Offer, Wish, score::Parts};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;
use vocab::{Caps, Duration, Effort, Instant, Kind, Pico, Sound, Status};

/// Room for an answer, in tokens, that a context must leave where the client names no limit and expects less.
pub const OUTPUT_RESERVE: u32 = 256;

/// Why an offer is out of the question. Displays as a sentence with the figures, for people who can change them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Removed {
    /// Not part of what the caller has booked.
    Plan,
    Denied,
    NotAllowed,
    WrongKind {
        is: Kind,
        asked: Kind,
    },
    Retired,
    /// Announced, and the day has come.
    Shutdown {
        since: Instant,
    },
    /// What is asked for and missing.
    Capability(Caps),
    /// Of speech: it has no voice like the one that is asked for.
    Voice,
    /// Of speech: it makes nothing that this can be made of while it comes.
    Sound(Sound),
    /// Of speech: it has to be said in one call, and one call takes less.
    Characters {
        needs: u64,
        has: u64,
    },
    /// The model would have to think harder than it was told to.
    Effort {
        asked: Effort,
    },
    Context {
        needs: u32,
        has: u32,
    },
    Output {
        wants: u32,
        has: u32,
    },
    Cost {
        max: Pico,
        dearest: Pico,
    },
    /// A limit on cost, and nobody knows the price.
    Unpriced {
        max: Pico,
    },
    Latency {
        max: Duration,
        expected_s: f64,
    },
    Untimed {
        max: Duration,
    },
    Quality {
        min: f64,
        expected: f64,
    },
    Unrated {
        min: f64,
    },
    /// No constraint: it fits, but its breaker blocks until then.
    Open {
        until: Instant,
    },
}

impl Removed {
    /// The constraint's stable machine name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Denied => "denied",
            Self::NotAllowed => "not_allowed",
            Self::WrongKind { .. } => "kind",
            Self::Retired => "retired",
            Self::Shutdown { .. } => "shutdown",
            Self::Capability(_) => "capability",
            Self::Voice => "voice",
            Self::Sound(_) => "sound",
            Self::Characters { .. } => "characters",
            Self::Effort { .. } => "effort",
            Self::Context { .. } => "context",
            Self::Output { .. } => "max_output",
            Self::Cost { .. } | Self::Unpriced { .. } => "max_cost",
            Self::Latency { .. } | Self::Untimed { .. } => "max_latency",
            Self::Quality { .. } | Self::Unrated { .. } => "min_quality",
            Self::Open { .. } => "open",
        }
    }

    /// Whether waiting alone brings it back.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// The first reason that removes an offer, in the order of how little can be done about it by waiting or paying.
    ///
    /// Not knowing a limit is not breaking it: an unknown context length stays in, since an upstream that is too short
    /// says so and the next candidate is asked. A limit *of the client's* on an unknown figure removes, because it
    /// could not be kept.
    ///
    /// An effort removes only where the card lists efforts and none at or below the asked one is among them, for then
    /// the model would think longer, and bill more, than it was told to; a higher one is served by the nearest lower.
    pub(crate) fn by_constraint(wish: &Wish, offer: &Offer, parts: &Parts, now: Instant) -> Option<Self> {
        let (brief, limits, card) = (wish.brief, wish.limits, offer.card);
        if offer.barred {
            return Some(Self::Plan);
        }
        let lists = |names: &[String]| names.iter().any(|name| name == offer.provider);
        if lists(&limits.deny) {
            return Some(Self::Denied);
        }
        if !limits.allow.is_empty() && !lists(&limits.allow) {
            return Some(Self::NotAllowed);
        }
        if card.kind != brief.kind {
            return Some(Self::WrongKind { is: card.kind, asked: brief.kind });
        }
        if card.status == Status::Retired {
            return Some(Self::Retired);
        }
        if let Some(since) = card.shutdown.filter(|day| *day <= now) {
            return Some(Self::Shutdown { since });
        }
        if offer.unfit.is_some() {
            return offer.unfit;
        }
        if !offer.caps.contains(brief.needs) {
            return Some(Self::Capability(brief.needs - offer.caps));
        }
        if let Some(asked) = brief.effort {
            let listed = !card.efforts.is_empty();
            let cannot = listed && !card.efforts.iter().any(|e| *e <= asked);
            if cannot || (!listed && asked == Effort::None && card.reasons_always) {
                return Some(Self::Effort { asked });
            }
        }
        // A context is that of each text by itself, which only its server can count; pictures have none of their own.
        if brief.kind != Kind::Chat {
            return by_limit(wish, offer, parts);
        }
        let wants = brief.max_output;
        if let (Some(wants), Some(has)) = (wants, card.max_output)
            && wants > has
        {
            return Some(Self::Output { wants, has });
        }
        let tokens_in = offer.tokens_in.unwrap_or(brief.tokens_in);
        let needs = tokens_in.saturating_add(wants.unwrap_or(parts.tokens_out.max(OUTPUT_RESERVE)));
        if let Some(has) = card.context.filter(|has| needs > *has) {
            return Some(Self::Context { needs, has });
        }
        by_limit(wish, offer, parts)
    }
}

fn by_limit(wish: &Wish, offer: &Offer, parts: &Parts) -> Option<Removed> {
    let limits = wish.limits;
    if let Some(max) = limits.max_cost {
        // A price that makes no sense is as good as none.
        match offer.cost.filter(|c| c.0 >= 0).map(|cost| offer.dearest.unwrap_or(cost).max(cost)) {
            None => return Some(Removed::Unpriced { max }),
            Some(dearest) if dearest > max => return Some(Removed::Cost { max, dearest }),
            Some(_) => {}
        }
    }
    if let Some(max) = limits.max_latency {
        match parts.latency_s {
            None => return Some(Removed::Untimed { max }),
            Some(expected_s) if expected_s <= max.as_secs_f64() => {}
            Some(expected_s) => return Some(Removed::Latency { max, expected_s }),
        }
    }
    if let Some(min) = limits.min_quality {
        match parts.quality {
            None => return Some(Removed::Unrated { min }),
            Some(expected) if expected >= min => {}
            Some(expected) => return Some(Removed::Quality { min, expected }),
        }
    }
    None
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("it is not in the caller's plan"),
            Self::Denied => f.write_str("the provider is on the deny list"),
            Self::NotAllowed => f.write_str("the provider is not on the allow list"),
            Self::WrongKind { is, asked } => {
                write!(f, "it is a model for {}, and this asks for {}", is.name(), asked.name())
            }
            Self::Retired => f.write_str("the provider has retired the model"),
            Self::Shutdown { since } => {
                let text = since.rfc3339();
                write!(f, "the provider shut the model down on {}", text.get(..10).unwrap_or(&text))
            }
            Self::Capability(missing) => {
                f.write_str("it does not support ")?;
                for (i, name) in missing.names().enumerate() {
                    write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::Voice => f.write_str("it has no voice like the one that is asked for"),
            Self::Sound(Sound { codec, rate, .. }) => {
                write!(f, "it does not make {}", codec.name())?;
                rate.map_or(Ok(()), |rate| write!(f, " at {rate} Hz"))
            }
            Self::Characters { needs, has } => write!(
                f,
                "the text has {needs} characters, which cannot be said in parts here, and one call takes {has}"
            ),
            Self::Effort { asked } => {
                write!(f, "it cannot be told to reason as little as effort {:?}", asked.name())
            }
            Self::Context { needs, has } => {
                write!(f, "the request needs {needs} tokens of context and the model has {has}")
            }
            Self::Output { wants, has } => {
                write!(f, "the request allows {wants} output tokens and the model gives at most {has}")
            }
            Self::Cost { max, dearest } => {
                write!(f, "the request may cost up to {dearest} USD, over the limit of {max} USD")
            }
            Self::Unpriced { max } => {
                write!(f, "its price is unknown, so the limit of {max} USD could not be kept")
            }
            Self::Latency { max, expected_s } => {
                let max = max.as_secs_f64();
                write!(f, "the answer is expected after {expected_s:.3} s, over the limit of {max:.3} s")
            }
            Self::Untimed { max } => {
                let max = max.as_secs_f64();
                write!(f, "its latency is unknown, so the limit of {max:.3} s could not be kept")
            }
            Self::Quality { min, expected } => {
                write!(f, "its expected quality of {expected:.3} is under the minimum of {min:.3}")
            }
            Self::Unrated { min } => {
                write!(f, "its quality is unknown, so the minimum of {min:.3} could not be kept")
            }
            Self::Open { until } => {
                write!(f, "it failed lately and is not asked again before {}", until.rfc3339())
            }
        }
    }
}

/// `{"constraint": …, "why": …}`.
impl Serialize for Removed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("constraint", self.name())?;
        map.serialize_entry("why", &format_args!("{self}"))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, samples::*};
    use vocab::{Brief, Card, Quality};

    const NOW: Instant = Instant::from_secs(1_800_000_000);

    /// What an otherwise fine offer is told, once the case has changed something.
    fn told(
        change: impl FnOnce(&mut Brief, &mut Limits, &mut Card),
        cost: Option<(i128, Option<i128>)>,
    ) -> String {
        let (mut brief, mut limits, mut card) = (brief(), limits(), card("a/m"));
        change(&mut brief, &mut limits, &mut card);
        let offer = Offer {
            caps: card.caps,
            cost: cost.map(|(c, _)| Pico(c)),
            dearest: cost.and_then(|(_, d)| d.map(Pico)),
            ..offer(&card)
        };
        let wish = wish(&brief, &limits);
        let parts = Parts::of(&wish, &offer, NOW);
        Removed::by_constraint(&wish, &offer, &parts, NOW).map_or("fine".into(), |r| r.to_string())
    }

    const MILLI: i128 = 1_000_000_000;
    const PRICED: Option<(i128, Option<i128>)> = Some((MILLI, Some(5 * MILLI)));

    #[test]
    fn what_a_provider_cannot_be_told_removes_it_and_says_what_that_is() {
        use vocab::{Codec, Sound};
        let (brief, limits, card) = (brief(), limits(), card("a/m"));
        let wish = wish(&brief, &limits);
        let told = |unfit| {
            let offer = Offer { unfit: Some(unfit), ..offer(&card) };
            let parts = Parts::of(&wish, &offer, NOW);
            let removed = Removed::by_constraint(&wish, &offer, &parts, NOW).unwrap();
            (removed.name(), removed.to_string())
        };
        assert_eq!(told(Removed::Voice).0, "voice");
        let (name, words) = told(Removed::Sound(Sound::of(Codec::Opus)));
        assert_eq!((name, &*words), ("sound", "it does not make opus"));
        assert_eq!(
            told(Removed::Sound(Sound::of(Codec::Mp3).at(8_000))).1,
            "it does not make mp3 at 8000 Hz"
        );
        let (name, words) = told(Removed::Characters { needs: 201, has: 200 });
        assert_eq!(name, "characters");
        assert!(words.contains("201 characters") && words.contains("takes 200"), "{words}");
    }

    #[test]
    fn every_constraint_says_why() {
        type Change = fn(&mut Brief, &mut Limits, &mut Card);
        let cases: &[(Change, &str)] = &[
            (|_, _, _| {}, "fine"),
            (|_, l, _| l.deny = vec!["b".into(), "a".into()], "the provider is on the deny list"),
            (|_, l, _| l.allow = vec!["b".into()], "the provider is not on the allow list"),
            (|_, l, _| l.allow = vec!["b".into(), "a".into()], "fine"),
            (|_, _, c| c.kind = Kind::Tts, "it is a model for text-to-speech, and this asks for chat"),
            (|_, _, c| c.status = Status::Retired, "the provider has retired the model"),
            (|_, _, c| c.status = Status::Deprecated, "fine"),
            (
                |_, _, c| c.shutdown = Instant::parse_date("2026-01-31"),
                "the provider shut the model down on 2026-01-31",
            ),
            (|_, _, c| c.shutdown = Instant::parse_date("2036-01-31"), "fine"),
            (
                |b, _, c| (b.needs, c.caps) = (Caps::TOOLS | Caps::VISION | Caps::STREAM, Caps::TOOLS),
                "it does not support vision, stream",
            ),
            (
                |b, _, _| (b.tokens_in, b.max_output) = (120_000, Some(16_000)),
                "the request needs 136000 tokens of context and the model has 128000",
            ),
            (
                |b, _, _| b.tokens_in = 127_701,
                "the request needs 128001 tokens of context and the model has 128000",
            ),
            (|b, _, _| b.tokens_in = 127_700, "fine"),
            (|b, _, c| (b.tokens_in, c.context) = (10_000_000, None), "fine"),
            (
                |b, _, _| b.max_output = Some(16_385),
                "the request allows 16385 output tokens and the model gives at most 16384",
            ),
            (
                |_, l, _| l.max_cost = Some(Pico(4 * MILLI)),
                "the request may cost up to 0.005000000 USD, over the limit of 0.004000000 USD",
            ),
            (|_, l, _| l.max_cost = Some(Pico(5 * MILLI)), "fine"),
            (
                |_, l, _| l.max_latency = Some(Duration::from_secs(2)),
                "the answer is expected after 3.570 s, over the limit of 2.000 s",
            ),
            (|_, l, _| l.max_latency = Some(Duration::from_secs(4)), "fine"),
            (
                |_, l, c| (l.max_latency, c.ttft_ms) = (Some(Duration::from_secs(9)), None),
                "its latency is unknown, so the limit of 9.000 s could not be kept",
            ),
            (
                |_, l, _| l.min_quality = Some(0.9),
                "its expected quality of 0.800 is under the minimum of 0.900",
            ),
            (|_, l, _| l.min_quality = Some(0.8), "fine"),
            (
                |_, l, c| (l.min_quality, c.quality) = (Some(0.5), None),
                "its quality is unknown, so the minimum of 0.500 could not be kept",
            ),
            (
                |_, l, c| {
                    (l.min_quality, c.quality) =
                        (Some(0.5), Some(Quality { mean: f64::NAN, confidence: 1.0 }))
                },
                "its quality is unknown, so the minimum of 0.500 could not be kept",
            ),
            (
                |_, l, _| l.min_quality = Some(f64::NAN),
                "its expected quality of 0.800 is under the minimum of NaN",
            ),
        ];
        for (i, (change, why)) in cases.iter().enumerate() {
            assert_eq!(told(change, PRICED), *why, "case {i}");
        }
    }

    #[test]
    fn what_is_not_in_the_plan_is_out_before_all_else() {
        let (brief, card) = (brief(), card("a/m"));
        let limits = Limits { deny: vec!["a".into()], ..limits() };
        let wish = wish(&brief, &limits);
        let offer = Offer { barred: true, ..offer(&card) };
        let removed = Removed::by_constraint(&wish, &offer, &Parts::of(&wish, &offer, NOW), NOW).unwrap();
        assert_eq!((removed, removed.name()), (Removed::Plan, "plan"));
        assert_eq!(removed.to_string(), "it is not in the caller's plan");
    }

    #[test]
    fn an_unknown_price_is_removed_by_a_limit_alone() {
        let limit = |_: &mut Brief, l: &mut Limits, _: &mut Card| l.max_cost = Some(Pico(4 * MILLI));
        let unknown = "its price is unknown, so the limit of 0.004000000 USD could not be kept";
        assert_eq!(told(|_, _, _| {}, None), "fine");
        assert_eq!(told(limit, None), unknown);
        assert_eq!(told(limit, Some((-MILLI, None))), unknown);
        assert_eq!(
            told(limit, Some((MILLI, None))),
            "fine",
            "the expected cost where there is no worst case"
        );
        assert_ne!(
            told(limit, Some((5 * MILLI, Some(MILLI)))),
            "fine",
            "the worst case is no less than the expected"
        );
    }

    #[test]
    fn effort_is_served_by_the_nearest_lower_one() {
        use Effort::{High, Low, Max, Medium, Minimal, None as Off};
        let cannot = |e: Effort| format!("it cannot be told to reason as little as effort {:?}", e.name());
        for (asked, efforts, always, why) in [
            (None, vec![Low], true, "fine".into()),
            (Some(Max), vec![Low, Medium], false, "fine".into()),
            (Some(Medium), vec![Low, High], false, "fine".into()),
            (Some(Minimal), vec![Low, High], false, cannot(Minimal)),
            (Some(Off), vec![Low], false, cannot(Off)),
            (Some(Off), vec![Off, High], true, "fine".into()),
            (Some(Off), vec![], false, "fine".into()),
            (Some(Off), vec![], true, cannot(Off)),
            (Some(High), vec![], false, "fine".into()),
        ] {
            let told =
                told(|b, _, c| (b.effort, c.efforts, c.reasons_always) = (asked, efforts, always), PRICED);
            assert_eq!(told, why, "{asked:?}");
        }
    }
}
