//! What the adapters for speech do alike: telling speed and language, counting, errors where sound was expected.

use crate::foreign::{harmless, said, unfit};
use http::HeaderMap;
use serde_json::{Number, Value};
use vocab::{Bucket, Card, Fault, Speak, Usage};

/// The most that an answer may hold that should have been sound and is JSON, in bytes.
pub(crate) const ERROR_MAX: usize = 1 << 20;

/// "characters / 4": nobody publishes how these models cut a text into tokens.
const CHARACTERS_PER_TOKEN: u64 = 4;

/// What a call is billed for whose reply told nothing, in the unit that its card is priced in. `tokens_per_minute`: of sound,
/// for models that are billed by those.
pub(crate) fn tally(card: &Card, characters: u64, millis: u64, tokens_per_minute: u64) -> Usage {
    let rates = card.price.as_ref().map(|price| &price.rates);
    let priced = |bucket| rates.is_some_and(|rates| rates.get(bucket).is_some());
    if priced(Bucket::Characters) {
        return Usage::default().with(Bucket::Characters, characters);
    }
    let estimate = Usage { estimated: true, ..Usage::default() };
    if priced(Bucket::AudioMillis) {
        return estimate.with(Bucket::AudioMillis, millis);
    }
    if rates.is_none() {
        return estimate.with(Bucket::Characters, characters);
    }
    estimate
        .with(Bucket::Input, characters.div_ceil(CHARACTERS_PER_TOKEN))
        .with(Bucket::OutputAudio, millis.saturating_mul(tokens_per_minute).div_ceil(60_000))
}

/// The speed as the factor that providers are told, brought between the slowest and the fastest that this one has (percent
/// of the usual). None where it is the usual one.
pub(crate) fn speed(speak: &Speak, slowest: u16, fastest: u16) -> Option<Value> {
    let percent = speak.speed.filter(|percent| *percent != 100)?;
    Number::from_f64(f64::from(percent.clamp(slowest, fastest)) / 100.0).map(Value::Number)
}

/// Refuses a speed other than the usual one.
pub(crate) fn usual_speed(provider: &str, speak: &Speak) -> Result<(), Fault> {
    match speak.speed {
        None | Some(100) => Ok(()),
        Some(_) => Err(unfit(provider, "speed", "speaks at one speed only")),
    }
}

/// Refuses to be told how to say it.
pub(crate) fn uninstructed(provider: &str, speak: &Speak) -> Result<(), Fault> {
    match speak.instructions {
        None => Ok(()),
        Some(_) => Err(unfit(provider, "instructions", "cannot be told how to say it")),
    }
}

/// Refuses to promise the same sound twice.
pub(crate) fn unseeded(provider: &str, speak: &Speak) -> Result<(), Fault> {
    match speak.seed {
        None => Ok(()),
        Some(_) => Err(unfit(provider, "seed", "takes no seed")),
    }
}

/// Refuses a language other than the one that the model or the voice speaks.
pub(crate) fn speaks_only(provider: &str, speak: &Speak, language: &str) -> Result<(), Fault> {
    match &speak.language {
        Some(wanted) if !same_language(wanted, language) => {
            Err(unfit(provider, "language", &format!("speaks `{language}` with this voice")))
        }
        _ => Ok(()),
    }
}

/// Whether both are of one language, wherever it is spoken.
pub(crate) fn same_language(a: &str, b: &str) -> bool {
    primary(a).eq_ignore_ascii_case(primary(b))
}

/// `pt` of `pt-BR`.
pub(crate) fn primary(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}

/// Refuses fields of the client's that are neither `known` here nor harmless.
pub(crate) fn no_more_than(provider: &str, speak: &Speak, known: &[&str]) -> Result<(), Fault> {
    let strange =
        |(field, value): &(&String, &Value)| !known.contains(&field.as_str()) && !harmless(field, value);
    match speak.extra.iter().find(strange) {
        Some((field, _)) => Err(unfit(provider, &said(field), "does not know it")),
        None => Ok(()),
    }
}

/// Refuses to choose a voice.
pub(crate) fn named<'a>(provider: &str, voice: &'a str) -> Result<&'a str, Fault> {
    if voice.is_empty() { Err(unfit(provider, "voice", "has to be told which")) } else { Ok(voice) }
}

/// The nearest of `rates` that loses nothing: the lowest that is not below `wanted`, else the highest.
pub(crate) fn rate_for(wanted: u32, rates: &[u32]) -> Option<u32> {
    let above = rates.iter().copied().filter(|rate| *rate >= wanted).min();
    above.or_else(|| rates.iter().copied().max())
}

/// The media type that the head of a reply names, without its parameters, in lower case; empty where it names none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let named =
        headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether JSON came.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    kind == "application/json" || kind.ends_with("+json")
}

/// Whether words came, which are never sound: an error as JSON, or a page of a gateway in between.
pub(crate) fn is_text(headers: &HeaderMap) -> bool {
    is_json(headers) || media_type(headers).starts_with("text/")
}

/// Words that are no error that is known.
pub(crate) fn no_sound() -> Fault {
    Fault::Garbled("words came where sound was asked for".into())
}

/// A count that a header tells in digits.
pub(crate) fn counted(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Whether there is anything in it that is more than a mark or a blank.
pub(crate) fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use vocab::{Codec, Sound};

    fn speak(speed: Option<u16>, language: Option<&str>) -> Speak {
        Speak {
            text: "Hello.".into(),
            voice: String::new(),
            sound: Sound::of(Codec::Mp3),
            speed,
            language: language.map(Into::into),
            instructions: None,
            seed: None,
            extra: serde_json::Map::new(),
        }
    }

    #[test]
    fn each_model_is_counted_in_the_unit_it_is_priced_in() {
        let catalogue = Catalogue::embedded().unwrap();
        let of = |id: &str, characters, millis| {
            let (provider, model) = id.split_once('/').unwrap();
            tally(&catalogue.find(provider, model).unwrap().card, characters, millis, 1_500)
        };
        assert_eq!(of("openai/tts-1", 7, 900), Usage::default().with(Bucket::Characters, 7));
        let minutes = of("workers-ai/@cf/myshell-ai/melotts", 7, 901);
        assert!(minutes.estimated && minutes.counted().eq([(Bucket::AudioMillis, 901)]));
        let tokens = of("gemini/gemini-3.8-flash-tts", 9, 10_001);
        assert!(tokens.estimated && tokens.counted().eq([(Bucket::Input, 3), (Bucket::OutputAudio, 251)]));
        let most = of("gemini/gemini-3.8-flash-tts", u64::MAX, u64::MAX);
        assert!(most.estimated && most.get(Bucket::OutputAudio) > 0);
    }

    #[test]
    fn speed_is_a_factor_within_bounds() {
        for (percent, told) in [
            (None, None),
            (Some(100), None),
            (Some(110), Some("1.1")),
            (Some(25), Some("0.7")),
            (Some(u16::MAX), Some("1.2")),
        ] {
            let factor = speed(&speak(percent, None), 70, 120);
            assert_eq!(factor.map(|f| f.to_string()).as_deref(), told);
        }
    }

    #[test]
    fn a_language_is_the_same_wherever_it_is_spoken() {
        assert!(speaks_only("X", &speak(None, Some("en-GB")), "en").is_ok());
        assert!(speaks_only("X", &speak(None, Some("EN")), "en").is_ok());
        assert!(speaks_only("X", &speak(None, None), "en").is_ok());
        let fault = speaks_only("X", &speak(None, Some("de")), "en").unwrap_err();
        assert_eq!(fault, Fault::Unfit("language: X speaks `en` with this voice".into()));
    }

    #[test]
    fn a_rate_loses_nothing_where_it_can_be_helped() {
        assert_eq!(rate_for(16_000, &[8_000, 16_000, 24_000]), Some(16_000));
        assert_eq!(rate_for(11_025, &[24_000, 8_000, 16_000]), Some(16_000));
        assert_eq!(rate_for(96_000, &[8_000, 48_000]), Some(48_000));
        assert_eq!(rate_for(1, &[]), None);
    }

    #[test]
    fn marks_are_no_words() {
        for (text, has) in
            [("…!?", false), (" \n", false), ("Ja!", true), ("你好。", true), ("7", true), ("👋", false)]
        {
            assert_eq!(has_words(text), has, "{text:?}");
        }
    }
}
