//! What pictures come to where no answer says it: before one is asked for, and after some servers made it.

use vocab::{Bucket, Canvas, Card, Grade, Usage};

/// Tokens of a picture of [`SQUARE`] pixels. "low 272, medium 1056, high 4160" for 1024 × 1024, and half as many again for
/// 1536 × 1024 (OpenAI's image generation guide). Nobody publishes those of the grades above: each is taken for twice the
/// one below.
const fn tokens(grade: Grade) -> u64 {
    match grade {
        Grade::Low => 272,
        Grade::Medium => 1_056,
        Grade::High => 4_160,
        Grade::Xhigh => 8_320,
        Grade::Max => 16_640,
    }
}

const SQUARE: u64 = 1024 * 1024;
/// What a size that is left to a model may come to.
const LARGEST_USUAL: (u16, u16) = (1536, 1024);
const USUAL: (u16, u16) = (1024, 1024);
/// "Output images up to 1024x1024px consume 1290 tokens" (ai.google.dev, pricing).
const GEMINI: u64 = 1_290;

/// What `n` pictures come to, in the units that their model is priced in. In tiles, steps and pictures these are the real
/// figures, as all that decides them was asked for; in tokens they are an estimate, with `most` one that errs upwards.
pub fn pictures(card: &Card, canvas: Canvas, n: u64, tokens_in: u64, most: bool) -> Usage {
    let rates = card.price.as_ref().map(|price| &price.rates);
    let priced = |bucket| rates.is_some_and(|rates| rates.get(bucket).is_some());
    let mut usage = Usage::default();
    if priced(Bucket::Tiles) || priced(Bucket::Steps) {
        let (across, down) = canvas.size.unwrap_or(USUAL);
        let tiles = u64::from(across.div_ceil(512)) * u64::from(down.div_ceil(512));
        usage.set(Bucket::Tiles, n.saturating_mul(tiles));
        let steps = crate::workers_ai::steps(&card.model, canvas.grade);
        usage.set(Bucket::Steps, n.saturating_mul(steps.into()));
        return usage;
    }
    if priced(Bucket::Images) {
        return usage.with(Bucket::Images, n);
    }
    usage.estimated = true;
    usage.set(Bucket::Input, tokens_in);
    let each = match card.max_output {
        Some(limit) if most => limit.into(),
        Some(limit) => GEMINI.min(limit.into()),
        None => {
            let (size, grade) = if most { (LARGEST_USUAL, Grade::High) } else { (USUAL, Grade::Medium) };
            let (across, down) = canvas.size.unwrap_or(size);
            let pixels = u64::from(across) * u64::from(down);
            pixels.saturating_mul(tokens(canvas.grade.unwrap_or(grade))).div_ceil(SQUARE)
        }
    };
    usage.with(Bucket::OutputImage, n.saturating_mul(each))
}

/// The media type of a picture, by how its bytes begin.
pub(crate) fn mime(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn card(id: &str) -> Card {
        let catalogue = Catalogue::embedded().unwrap();
        let (provider, model) = id.split_once('/').unwrap();
        (*catalogue.find(provider, model).unwrap().card).clone()
    }

    fn canvas(across: u16, down: u16, grade: Grade) -> Canvas {
        Canvas { size: Some((across, down)), grade: Some(grade) }
    }

    #[test]
    fn each_in_the_units_it_is_priced_in() {
        let schnell = card("workers-ai/@cf/black-forest-labs/flux-1-schnell");
        let usage = pictures(&schnell, Canvas::default(), 1, 9, false);
        assert_eq!(
            usage,
            Usage::default().with(Bucket::Tiles, 4).with(Bucket::Steps, 4),
            "as the price sheet has it"
        );

        let gpt = card("openai/gpt-image-2");
        let made = |canvas, n, most| {
            let usage = pictures(&gpt, canvas, n, 50, most);
            assert!(usage.estimated && usage.get(Bucket::Input) == 50);
            usage.get(Bucket::OutputImage)
        };
        assert_eq!(made(canvas(1024, 1024, Grade::Low), 1, false), 272);
        assert_eq!(made(canvas(1536, 1024, Grade::Medium), 2, true), 2 * 1_584, "as metered (case s-oai-22)");
        assert_eq!(made(canvas(1024, 1536, Grade::High), 1, true), 6_240);
        assert_eq!(made(Canvas::default(), 1, true), 6_240);
        assert_eq!(made(Canvas::default(), 1, false), 1_056);

        let gemini = card("gemini/gemini-2.5-flash-image");
        assert_eq!(pictures(&gemini, Canvas::default(), 1, 5, true).get(Bucket::OutputImage), 32_768);
        assert_eq!(pictures(&gemini, Canvas::default(), 1, 5, false).get(Bucket::OutputImage), 1_290);
    }

    #[test]
    fn absurd_sizes_do_no_harm() {
        for id in ["openai/gpt-image-2", "workers-ai/@cf/leonardo/phoenix-1.0"] {
            let largest = canvas(u16::MAX, u16::MAX, Grade::Max);
            assert!(
                pictures(&card(id), largest, u64::MAX, u64::MAX, true).counted().any(|(_, n)| n > 1 << 40)
            );
        }
    }
}
