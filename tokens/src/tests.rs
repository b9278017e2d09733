use crate::text::WHOLE;
use crate::{CLASSES, Class, Family, OPENAI, Size, Tally, Text};
use proptest::prelude::*;

/// The same, one character after the other, as it is documented.
fn reference(text: &str) -> [u32; CLASSES] {
    let mut classes = [0; CLASSES];
    let mut before = ' ';
    let group = |c: char| match c {
        '\0'..=' ' => 0,
        '0'..='9' => 2,
        '!'..='?' => 1,
        '@'..='_' => 3,
        _ => 4,
    };
    for c in text.chars() {
        let class = match c {
            '\0'..' ' => Some(Class::Control),
            '0'..='9' => Some(Class::Digit),
            '@'..='_' => Some(Class::Capital),
            '`'..='\u{7f}' => Some(Class::Small),
            ..'\u{80}' => None,
            ..'\u{380}' => Some(Class::Latin),
            ..'\u{540}' => Some(Class::Cyrillic),
            ..'\u{800}' => Some(Class::Arabic),
            ..'\u{2000}' => Some(Class::Indic),
            ..'\u{3000}' => Some(Class::Symbol),
            ..'\u{4000}' => Some(Class::Kana),
            ..'\u{a000}' => Some(Class::Han),
            ..'\u{e000}' => Some(Class::Hangul),
            ..'\u{10000}' => Some(Class::Wide),
            _ => Some(Class::Astral),
        };
        if let Some(class) = class {
            classes[class as usize] += 1;
        }
        if group(c) != 0 && group(c) != group(before) {
            classes[Class::Start as usize] += 1;
        }
        before = c;
    }
    classes
}

fn size(text: &str) -> Size {
    Size { text: Text::of(text), ..Size::default() }
}

#[test]
fn what_a_text_is_made_of() {
    let text = Text::of("Hello wörld, 42 x2!\n\tint myName = 7; 你好 👍");
    let of = |class: Class| text.classes()[class as usize];
    assert_eq!(text.bytes(), 49);
    // H|ello wörld|, 42 x|2|! int my|N|ame = 7|; 你好 👍
    assert_eq!(of(Class::Start), 17);
    assert_eq!(of(Class::Small), 4 + 4 + 1 + 3 + 2 + 3);
    assert_eq!(of(Class::Capital), 2);
    assert_eq!(of(Class::Digit), 4);
    assert_eq!(of(Class::Control), 2);
    assert_eq!((of(Class::Latin), of(Class::Han), of(Class::Astral), of(Class::Cyrillic)), (1, 2, 1, 0));
}

#[test]
fn every_byte_counts_where_it_stands() {
    let signs: Vec<char> = (0..0x80_u8)
        .map(char::from)
        .chain("ÿ\u{37f}Жש\u{7ff}ก\u{1fff}—、\u{3fff}㐀語\u{9fff}ꀀ한\u{e000}Ａ\u{ffff}𝄞😀".chars())
        .collect();
    for c in &signs {
        for before in [0, 1, 47, 48, 239, 240, 719, 720, 900] {
            for after in [0, 1, 47, 50, 300] {
                let text = format!("{}{c}{}", "a".repeat(before), " b".repeat(after / 2));
                if text.len() <= WHOLE {
                    assert_eq!(*Text::of(&text).classes(), reference(&text), "{c:?} after {before}");
                }
            }
        }
    }
}

#[test]
fn a_long_text_is_counted_as_a_sample_of_it_says() {
    for line in [
        "The quick brown fox jumps over the lazy dog. ",
        "12.5, 17\n",
        "Съешь же ещё этих мягких булок. ",
        "漢字かな",
    ] {
        let text = line.repeat(300_000 / line.len());
        for (ours, true_count) in Text::of(&text).classes().iter().zip(reference(&text)) {
            let off = f64::from(ours.abs_diff(true_count)) / f64::from(true_count.max(1));
            assert!(off < 0.05 || true_count < 20, "{ours} for {true_count} of {line:?}");
        }
    }
}

#[test]
fn nothing_overflows() {
    let huge = "9\u{1f600}A ".repeat(15_000_000);
    assert!(huge.len() > 100_000_000);
    let mut all = size(&huge);
    for family in Family::ALL {
        let (likely, most) = (family.likely(&all), family.most(&all));
        assert!(u64::from(likely) > 15_000_000 && most >= likely, "{}: {likely}, {most}", family.name());
    }
    for _ in 0..100 {
        all.say(&all.text.clone());
    }
    all.define(usize::MAX);
    all.frame(u32::MAX, usize::MAX);
    all.messages(&OPENAI, usize::MAX);
    for family in Family::ALL {
        assert_eq!((family.likely(&all), family.most(&all)), (u32::MAX, u32::MAX));
        assert!(family.answer(u64::MAX, &all.text) > 1 << 40);
    }
    assert_eq!(OPENAI.sound(usize::MAX), u32::MAX);
    assert_eq!(OPENAI.document(usize::MAX), u32::MAX);
}

#[test]
fn what_is_known_is_not_estimated() {
    for family in Family::ALL {
        assert_eq!((family.likely(&Size::tokens(1_000)), family.most(&Size::tokens(1_000))), (1_000, 1_000));
        assert_eq!(family.likely(&Size::default()), 1, "nothing is free");
        assert_eq!(family.answer(0, &Text::default()), 0, "but silence");
        assert_eq!(family.answer(1, &Text::default()), 1);
    }
    let tools = Size { tools: true, ..Size::tokens(100) };
    assert!(Family::Claude47.likely(&tools) > 400, "Anthropic's instructions for tools");
    assert_eq!(Family::O200k.likely(&tools), 100);
}

#[test]
fn models_are_of_the_families_that_their_names_say() {
    for (family, models) in [
        (
            Family::O200k,
            &[
                "gpt-6-sol",
                "openai/gpt-4.1-mini",
                "gpt-4o",
                "o3",
                "openai/o4-mini",
                "@cf/openai/gpt-oss-20b",
                "chatgpt-4o-latest",
            ][..],
        ),
        (Family::Cl100k, &["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo", "text-embedding-3-small"]),
        (
            Family::Claude,
            &[
                "claude-3-5-sonnet-20241022",
                "claude-haiku-4-5-20251001",
                "claude-opus-4-20250514",
                "anthropic/claude-sonnet-4-6",
                "claude-2.1",
                "anthropic.claude-v2",
            ],
        ),
        (
            Family::Claude47,
            &[
                "claude-opus-4-7",
                "claude-opus-4-8",
                "claude-sonnet-5",
                "claude-fable-5-1",
                "claude-haiku-5-5",
                "claude-next",
            ],
        ),
        (Family::Gemini, &["gemini-2.5-pro", "gemini-4-argon", "@cf/google/gemma-4-26b-a4b-it"]),
        (
            Family::Llama,
            &[
                "llama-3.3-70b-versatile",
                "@cf/meta/llama-4-scout-17b-16e-instruct",
                "deepseek-r1-distill-llama-70b",
            ],
        ),
        (
            Family::Qwen,
            &["qwen/qwen3.8-27b", "@cf/qwen/qwq-32b", "@cf/deepseek-ai/deepseek-r1-distill-qwen-32b"],
        ),
        (Family::DeepSeek, &["@cf/deepseek-ai/deepseek-v4-pro-0813", "deepseek-chat"]),
        (Family::Mistral, &["@cf/mistralai/mistral-small-3.1-24b-instruct", "codestral-latest"]),
        (
            Family::Other,
            &[
                "*",
                "@cf/zai-org/glm-5.2",
                "kimi-k2.6",
                "groq/compound",
                "",
                "omni",
                "@cf/nvidia/nemotron-3-120b-a12b",
            ],
        ),
    ] {
        for model in models {
            assert_eq!(Family::of(model), family, "{model}");
            assert_eq!(Family::of(&model.to_uppercase()), family, "{model}");
        }
    }
    for (n, family) in Family::ALL.into_iter().enumerate() {
        assert_eq!(family as usize, n);
    }
}

/// Texts with their true counts, made by `benches/tokens/calibrate.py`.
const SAMPLE: &str = include_str!("tests/sample.json");

#[test]
fn the_error_that_is_documented_does_not_grow() {
    let sample: Vec<serde_json::Value> = serde_json::from_str(SAMPLE).unwrap();
    assert!(sample.len() > 30);
    let mut worst = [(0.0, String::new()), (0.0, String::new())];
    for family in Family::ALL.into_iter().filter(|family| *family != Family::Other) {
        let (mut all, mut off, mut above, mut short) = (0.0, 0.0, 0.0, Vec::new());
        for row in &sample {
            let text = row["text"].as_str().unwrap();
            let made: Vec<u32> = serde_json::from_value(row["made"].clone()).unwrap();
            assert_eq!(
                Text::of(text).classes(),
                made.as_slice(),
                "what was fitted is what is counted: {text}"
            );
            let truth = row[family.name()].as_u64().unwrap() as f64;
            let (likely, most) = (f64::from(family.likely(&size(text))), f64::from(family.most(&size(text))));
            all += 1.0;
            off += (likely / truth - 1.0).abs();
            above += most / truth - 1.0;
            if most < truth {
                short.push(row["from"].to_string());
            }
        }
        for (worst, found) in worst.iter_mut().zip([off / all, above / all]) {
            if found > worst.0 {
                *worst = (found, family.name().to_owned());
            }
        }
        assert!(short.len() <= 1, "{}: holds do not cover {short:?}", family.name());
    }
    let [off, above] = worst;
    assert!(off.0 < 0.22, "off by {off:?} on average");
    assert!(above.0 < 0.8, "holds are above by {above:?} on average");
}

#[test]
fn four_bytes_a_token_were_worse() {
    let sample: Vec<serde_json::Value> = serde_json::from_str(SAMPLE).unwrap();
    let off = |estimate: &dyn Fn(&str) -> f64, family: Family| -> f64 {
        let of = |row: &serde_json::Value| {
            (estimate(row["text"].as_str().unwrap()) / row[family.name()].as_f64().unwrap() - 1.0).abs()
        };
        sample.iter().map(of).sum()
    };
    let families = || Family::ALL.into_iter().filter(|family| *family != Family::Other);
    let ours: f64 = families().map(|family| off(&|text| family.likely(&size(text)).into(), family)).sum();
    let before: f64 = families().map(|family| off(&|text| text.len().div_ceil(4) as f64, family)).sum();
    assert!(ours < before * 0.75, "{ours} and {before}");
}

/// Text as it is met, and as it is not.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z ]{0,600}",
        "[A-Za-z0-9_ .,;:(){}\n\t]{0,900}",
        "[ -~а-яА-Я一-龥ぁ-ん가-힣😀-😏\n]{0,400}",
        ("[a-zA-Z ,.é漢]{1,40}", 1..400_usize).prop_map(|(piece, times)| piece.repeat(times)),
    ]
}

proptest! {
    #[test]
    fn short_texts_are_counted_as_documented(text in any_text()) {
        if text.len() <= WHOLE {
            prop_assert_eq!(*Text::of(&text).classes(), reference(&text));
        }
        prop_assert_eq!(Text::of(&text).bytes() as usize, text.len());
    }

    #[test]
    fn cuts_do_not_show(text in any_text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        let mut tally = Tally::default();
        for pair in cuts.windows(2) {
            tally.push(&text.as_bytes()[pair[0]..pair[1]]);
        }
        let whole = tally.text();
        prop_assert_eq!(*whole.classes(), reference(&text));
        prop_assert_eq!(whole.bytes() as usize, text.len());
        if text.len() <= WHOLE {
            prop_assert_eq!(whole, Text::of(&text));
        }
    }

    #[test]
    fn more_text_is_never_less(text in any_text(), cut in any::<prop::sample::Index>()) {
        let cut = text.floor_char_boundary(cut.index(text.len() + 1));
        let (part, whole) = (size(&text[..cut]), size(&text));
        for family in Family::ALL {
            prop_assert!(family.likely(&part) <= family.likely(&whole), "{}", family.name());
            prop_assert!(family.most(&part) <= family.most(&whole), "{}", family.name());
            prop_assert!(family.likely(&part) <= family.most(&part));
            prop_assert!(family.likely(&part) > 0);
        }
    }

    #[test]
    fn two_texts_are_the_sum_of_both(one in any_text(), other in any_text()) {
        let mut both = Text::of(&one);
        both.add(&Text::of(&other));
        prop_assert_eq!(both.bytes() as usize, one.len() + other.len());
        let joined = format!("{one} {other}");
        if joined.len() <= WHOLE {
            prop_assert_eq!(*both.classes(), *Text::of(&joined).classes());
        }
    }
}
