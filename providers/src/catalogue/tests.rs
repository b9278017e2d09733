use super::*;
use serde_json::Value;
use vocab::{Bucket, Caps, Kind, Modifiers, Price, Rate, Ratio, Status};

fn shipped() -> Catalogue {
    Catalogue::embedded()
        .unwrap_or_else(|p| panic!("{}", p.iter().map(|p| format!("{p}\n")).collect::<String>()))
}

fn price<'a>(catalogue: &'a Catalogue, provider: &str, model: &str) -> &'a Price {
    let entry = catalogue.find(provider, model).unwrap_or_else(|| panic!("{provider}/{model} is missing"));
    entry.card.price.as_deref().unwrap_or_else(|| panic!("{provider}/{model} has no price"))
}

#[test]
fn what_ships_is_whole() {
    let catalogue = shipped();
    assert_eq!(catalogue.models.len(), 157);
    assert_eq!(date_text(catalogue.as_of), "2026-11-21");
    assert!(catalogue.models.windows(2).all(|pair| pair[0].id() < pair[1].id()), "sorted, no id twice");
    let unpriced: Vec<String> =
        catalogue.models.iter().filter(|e| e.card.price.is_none()).map(Entry::id).collect();
    assert_eq!(
        unpriced,
        [
            "groq/groq/compound",
            "workers-ai/@cf/black-forest-labs/flux-2-dev",
            "workers-ai/@cf/black-forest-labs/flux-2-klein-4b",
            "workers-ai/@cf/black-forest-labs/flux-2-klein-9b",
        ]
    );
    for entry in &catalogue.models {
        let card = &entry.card;
        if let Some(price) = &card.price {
            assert_eq!(price.id, card.id());
            assert_eq!(*price.version, *price_version(price));
            assert_eq!(price.version.len(), 12);
        }
        if card.kind == Kind::Chat {
            assert!(card.caps.contains(Caps::STREAM), "{}", card.id());
        }
        assert!(card.model == "*" || !entry.sources.is_empty(), "{} comes from nowhere", card.id());
        assert_eq!(card.quality.is_some(), entry.quality_from.is_some(), "{}", card.id());
    }
}

#[test]
fn a_better_score_is_a_better_prior() {
    let catalogue = shipped();
    let mean = |model: &str| catalogue.find("openai", model).and_then(|e| e.card.quality).unwrap().mean;
    let order = ["gpt-6-astra", "gpt-6-sol", "gpt-4.1", "gpt-4o", "gpt-4o-mini"];
    for pair in order.windows(2) {
        assert!(mean(pair[0]) > mean(pair[1]), "{pair:?}");
    }
    assert_eq!(catalogue.find("openai", "gpt-6.1-terra").unwrap().card.quality, None, "unknown is not zero");
}

/// What a line item of the metering cases counts.
fn bucket(what: &str) -> Bucket {
    match what {
        w if w.contains("cache read") => Bucket::CacheRead,
        w if w.contains("cache write 12h") || w.contains("cache write 1h") => Bucket::CacheWriteLong,
        w if w.contains("cache write") => Bucket::CacheWrite,
        "input tokens, audio" => Bucket::InputAudio,
        "input tokens, image" => Bucket::InputImage,
        "output tokens, audio" => Bucket::OutputAudio,
        "output tokens, image" => Bucket::OutputImage,
        w if w.starts_with("input tokens") => Bucket::Input,
        w if w.starts_with("output tokens") => Bucket::Output,
        "characters" => Bucket::Characters,
        "audio seconds" => Bucket::AudioMillis,
        "512x512 tiles" => Bucket::Tiles,
        "steps" => Bucket::Steps,
        "web searches" => Bucket::Searches,
        other => panic!("line item {other:?}"),
    }
}

fn units(per: &str) -> u32 {
    match per {
        "1M tokens" | "1M characters" => 1_000_000,
        "60 s" => 60_000,
        "3,600 s" => 3_600_000,
        "1,000 searches" => 1_000,
        "tile" | "step" => 1,
        other => panic!("per {other:?}"),
    }
}

#[test]
fn every_rate_of_the_metering_cases_is_in_the_catalogue() {
    let catalogue = shipped();
    let cases: Value = serde_json::from_str(include_str!("../../../tests/data/cost-cases.json")).unwrap();
    let mut compared = 0;
    for case in cases["cases"].as_array().unwrap() {
        let name = case["id"].as_str().unwrap();
        let text = |field: &str| case[field].as_str().unwrap();
        let now = Instant::parse_date(&text("request_time")[..10]).unwrap();
        let price = price(&catalogue, text("provider"), text("model"));
        let items = case["line_items"].as_array().unwrap();
        let counts: Vec<(Bucket, u64, &Value)> = items
            .iter()
            .map(|item| (bucket(item["what"].as_str().unwrap()), item["quantity"].as_u64().unwrap(), item))
            .collect();
        let input =
            counts.iter().filter(|(b, ..)| b.name().contains("input") || b.name().starts_with("cache"));
        let rates = price.for_input(input.map(|(_, n, _)| n).sum(), now);
        for (bucket, _, item) in counts {
            let expected =
                Rate::of(item["rate_usd"].as_str().unwrap(), units(item["per"].as_str().unwrap())).unwrap();
            assert_eq!(rates.get(bucket), Some(expected), "{name}: {}", item["what"]);
            compared += 1;
        }
        if let Some(factor) = case["multiplier"]["value"].as_str() {
            let ratio: Ratio = factor.parse().unwrap();
            assert!(price.multipliers.contains(&(Modifiers::FLEX, ratio)), "{name}: flex {factor}");
        }
    }
    assert_eq!(compared, 129, "line items");
    assert_eq!(price(&catalogue, "groq", "whisper-large-v3-turbo").audio_millis_min, 10_000);
}

#[test]
fn multipliers_are_those_of_the_model() {
    let catalogue = shipped();
    let factor = |provider: &str, model: &str, modifier: Modifiers| {
        let price = price(&catalogue, provider, model);
        price.multipliers.iter().find(|(m, _)| *m == modifier).map(|(_, r)| (r.num, r.den))
    };
    for (provider, model, modifier, expected) in [
        ("openai", "gpt-6-sol", Modifiers::PRIORITY, Some((2, 1))),
        ("openai", "gpt-5.5", Modifiers::PRIORITY, Some((5, 2))),
        ("openai", "gpt-4o-mini", Modifiers::PRIORITY, Some((5, 3))),
        ("openai", "gpt-5-nano", Modifiers::PRIORITY, None),
        ("openai", "gpt-5.4", Modifiers::REGIONAL, Some((11, 10))),
        ("openai", "gpt-5.2", Modifiers::REGIONAL, None),
        ("openai", "gpt-4o", Modifiers::FLEX, None),
        ("anthropic", "claude-opus-5-5", Modifiers::FAST, Some((2, 1))),
        ("anthropic", "claude-sonnet-5-5", Modifiers::FAST, None),
        ("anthropic", "claude-sonnet-5-5", Modifiers::REGIONAL, Some((11, 10))),
        ("gemini", "gemini-3.8-flash", Modifiers::PRIORITY, Some((9, 5))),
        ("groq", "openai/gpt-oss-20b", Modifiers::FLEX, Some((1, 1))),
        ("workers-ai", "@cf/openai/gpt-oss-20b", Modifiers::BATCH, None),
    ] {
        assert_eq!(factor(provider, model, modifier), expected, "{provider}/{model} {modifier:?}");
    }
}

#[test]
fn caps_are_what_the_providers_document() {
    let catalogue = shipped();
    let caps = |provider: &str, model: &str| catalogue.find(provider, model).unwrap().card.caps;
    let (many, logprobs, stop) = (Caps::MANY, Caps::LOGPROBS, Caps::STOP);
    assert!(caps("openai", "gpt-4o").contains(many | logprobs | stop | Caps::SAMPLING | Caps::IMAGE_URL));
    assert!(!caps("openai", "gpt-6-sol").intersects(logprobs | stop | Caps::SAMPLING));
    assert!(
        !caps("groq", "openai/gpt-oss-120b").intersects(many | logprobs | Caps::PENALTIES | Caps::LOGIT_BIAS)
    );
    assert!(
        !caps("anthropic", "claude-opus-5-5").intersects(Caps::SAMPLING | Caps::PREFILL | Caps::FORCED_TOOL)
    );
    assert!(
        caps("anthropic", "claude-sonnet-4-5").contains(Caps::SAMPLING | Caps::PREFILL | Caps::FORCED_TOOL)
    );
    assert!(caps("gemini", "gemini-2.5-flash").contains(Caps::SAMPLING | Caps::AUDIO_IN | Caps::JSON_OBJECT));
    assert!(
        !caps("gemini", "gemini-3.8-flash").intersects(Caps::SAMPLING | Caps::SERIAL_TOOLS | Caps::IMAGE_URL)
    );
    let llama = caps("workers-ai", "@cf/meta/llama-3.3-70b-instruct-fp8-fast");
    assert!(!llama.intersects(stop | many | logprobs | Caps::SCHEMA_STREAM | Caps::JSON_SCHEMA));
}

#[test]
fn wildcards_answer_for_models_nobody_listed() {
    let catalogue = shipped();
    for provider in ["ollama", "llamacpp", "vllm"] {
        let entry = catalogue.find(provider, "qwen3:8b").unwrap();
        assert_eq!(entry.card.model, "*");
        let price = entry.card.price.as_ref().unwrap();
        assert_eq!(price.rates.get(Bucket::Input), Some(Rate::FREE), "free is stated, not unknown");
    }
    assert!(!catalogue.find("ollama", "x").unwrap().card.caps.contains(Caps::FORCED_TOOL));
    assert!(catalogue.find("openai", "gpt-9").is_none());
    assert_eq!(catalogue.find("groq", "openai/gpt-oss-20b").unwrap().id(), "groq/openai/gpt-oss-20b");
}

#[test]
fn a_typing_error_finds_its_model() {
    let catalogue = shipped();
    for (typed, meant) in [
        ("gpt6-sol", "openai/gpt-6-sol"),
        ("openai/gpt-6-so", "openai/gpt-6-sol"),
        ("claude-sonet-5-5", "anthropic/claude-sonnet-5-5"),
        ("CLAUDE-SONNET-5-5", "anthropic/claude-sonnet-5-5"),
        ("whisper-large-v3-trubo", "groq/whisper-large-v3-turbo"),
    ] {
        assert_eq!(catalogue.nearest(typed, 3).first().map(String::as_str), Some(meant), "{typed}");
    }
    assert_eq!(catalogue.nearest("zzzzzzzzzzzz", 3), Vec::<String>::new());
    assert!(catalogue.nearest("gpt-oss-20b", 9).len() > 1, "every host of it");
    let found = catalogue.search("GROQ tts");
    assert_eq!(found.len(), 2);
    assert!(catalogue.search("anthropic prefill").iter().all(|e| e.card.caps.contains(Caps::PREFILL)));
}

/// A file around one or more entries.
fn file(models: &str) -> String {
    format!(
        r#"{{"schema_version":1,"as_of":"2026-11-21","sources":{{"page":{{"name":"a page","date":"2026-11","licence":"facts only"}}}},
"models":[
{models}
]}}"#
    )
}

fn chat(price: &str) -> String {
    file(&format!(r#"{{"id":"p/m","kind":"chat","status":"active","price":{price},"caps":["stream"]}}"#))
}

fn chat_tokens(rates: &str) -> String {
    chat(&format!(r#"{{"rates":{{"per_1m_tokens":{rates}}}}}"#))
}

fn with(field: &str) -> String {
    file(&format!(r#"{{"id":"p/m","kind":"chat","status":"active","caps":[],{field}}}"#))
}

fn told(text: &str) -> Vec<String> {
    Catalogue::parse(text).map_or_else(|p| p.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let tts = |rates: &str| {
        file(&format!(
            r#"{{"id":"p/m","kind":"tts","status":"active","price":{{"rates":{rates}}},"caps":[]}}"#
        ))
    };
    let tier = |tiers: &str| {
        chat(&format!(r#"{{"rates":{{"per_1m_tokens":{{"input":"2","output":"10"}}}},"tiers":[{tiers}]}}"#))
    };
    let at = |above: u64, input: &str| {
        format!(
            r#"{{"above_input":{above},"rates":{{"per_1m_tokens":{{"input":"{input}","output":"20"}}}}}}"#
        )
    };
    let changes = |from: &str| {
        chat(&format!(
            r#"{{"rates":{{"per_1m_tokens":{{"input":"2","output":"10"}}}},"changes":[{{"from":"{from}","rates":{{"per_1m_tokens":{{"input":"2","output":"10"}}}}}}]}}"#
        ))
    };
    let fixtures = [
        (chat_tokens(r#"{"input":"0.00000015","output":"0.0000006"}"#), "is it the price of one token?"),
        (chat_tokens(r#"{"input":"2000","output":"3000"}"#), "above the plausible 1000"),
        (chat(r#"{"rates":{"per_token":{"input":"2","output":"10"}}}"#), "is it the price of a million?"),
        (
            chat_tokens(r#"{"input":"500","output":"2"}"#),
            "output (2 per 1M tokens) costs less than a hundredth of input",
        ),
        (chat_tokens(r#"{"input":"2"}"#), "input has a price and output has none"),
        (chat_tokens(r#"{"output":"2"}"#), "output has a price and input has none"),
        (
            chat_tokens(r#"{"input":"2","output":"10","cache_read":"3"}"#),
            "cache_read (3 per 1M tokens) costs more than input",
        ),
        (chat_tokens(r#"{"input":"-2","output":"10"}"#), "a price cannot be negative"),
        (chat_tokens(r#"{"input":2,"output":"10"}"#), "a decimal text like \"0.15\" was expected"),
        (
            chat_tokens(r#"{"input":"2e-1","output":"10"}"#),
            "a decimal number of USD with at most 12 places was expected",
        ),
        (chat_tokens(r#"{"inptu":"2","output":"10","input":"2"}"#), "has no bucket \"inptu\""),
        (chat_tokens("{}"), "rates are empty"),
        (chat(r#"{"rates":{}}"#), "rates are empty"),
        (chat(r#"{}"#), "rates are missing"),
        (chat(r#"{"rates":{"per_minute":"0.006"}}"#), "not a unit that Chat models are billed in"),
        (
            chat(
                r#"{"rates":{"per_1m_tokens":{"input":"2","output":"10"},"per_token":{"input":"0.000002"}}}"#,
            ),
            "two units",
        ),
        (chat(r#"{"rates":{"per_fortnight":"2"}}"#), "unknown unit \"per_fortnight\""),
        (tts(r#"{"per_1m_characters":"0.00003"}"#), "is it the price of one or a thousand characters?"),
        (tts(r#"{"per_1m_characters":"0.03"}"#), "is it the price of one or a thousand characters?"),
        (tts(r#"{"per_second":"0.36"}"#), "is it the price of a minute or an hour?"),
        (tts(r#"{"per_minute":"0.0000001"}"#), "is it the price of a second?"),
        (tts(r#"{"per_tile":"0.01"}"#), "not a unit that Tts models"),
        (tier(&format!("{},{}", at(200_000, "4"), at(100_000, "5"))), "tiers must ascend"),
        (tier(&at(0, "4")), "above_input is 0"),
        (tier(&at(200_000, "1")), "costs less than below the threshold"),
        (changes("2026-13-01"), "from has to be a date"),
        (
            chat(r#"{"rates":{"per_1m_tokens":{"input":"2","output":"10"}},"multipliers":{"flex":"50"}}"#),
            "multiplier flex is 50/1",
        ),
        (
            chat(r#"{"rates":{"per_1m_tokens":{"input":"2","output":"10"}},"multipliers":{"turbo":"2"}}"#),
            "\"turbo\" is not one of",
        ),
        (
            chat(r#"{"rates":{"per_1m_tokens":{"input":"2","output":"10"}},"multipliers":{"flex":0.5}}"#),
            "multiplier flex is 0.5",
        ),
        (with(r#""context":0"#), "context is 0"),
        (with(r#""context":-1"#), "context is -1"),
        (with(r#""max_output":1.5"#), "max_output is 1.5"),
        (
            with(r#""quality":{"mean":1.2,"confidence":0.5,"source":"page","date":"2026"}"#),
            "mean is 1.2; a number from 0 to 1",
        ),
        (with(r#""quality":{"mean":0.2,"source":"page","date":"2026"}"#), "confidence is null"),
        (
            with(r#""quality":{"mean":0.2,"confidence":1,"source":"page","date":"21.11.2026"}"#),
            "date has to be",
        ),
        (with(r#""latency":{"ttft_ms":0,"source":"page","date":"2026"}"#), "ttft_ms is 0"),
        (with(r#""efforts":["hardest"]"#), "efforts holds \"hardest\", which is unknown"),
        (with(r#""flags":["odd"]"#), "flags holds \"odd\""),
        (with(r#""shutdown":"2027-02-29""#), "shutdown is \"2027-02-29\""),
        (with(r#""sources":{"hearsay":"2026"}"#), "source \"hearsay\" is not described"),
        (with(r#""pirce":{}"#), "unknown field \"pirce\""),
        (
            file(r#"{"id":"p/m","kind":"chat","status":"active","caps":["telepathy"]}"#),
            "caps holds \"telepathy\"",
        ),
        (file(r#"{"id":"p/m","kind":"video","status":"active","caps":[]}"#), "kind is \"video\""),
        (file(r#"{"id":"p/m","kind":"chat","status":"new","caps":[]}"#), "status is \"new\""),
        (file(r#"{"id":"m","kind":"chat","status":"active","caps":[]}"#), "provider/model without spaces"),
        (
            file(r#"{"id":"p/a b","kind":"chat","status":"active","caps":[]}"#),
            "provider/model without spaces",
        ),
        (file("7"), "model 1: a model has to be an object"),
        (file("{"), "not a catalogue file"),
        (file("").replace("\"schema_version\":1", "\"schema_version\":2"), "schema_version is 2"),
        (file("").replace("2026-11-21", "21 Nov"), "as_of is \"21 Nov\""),
    ];
    for (text, expected) in fixtures {
        let told = told(&text);
        assert!(
            told.iter().any(|t| t.contains(expected)),
            "expected {expected:?} of {text}, was told {told:#?}"
        );
    }
}

#[test]
fn plausible_oddities_pass() {
    for text in [
        chat_tokens(r#"{"input":"0","output":"0"}"#),
        chat_tokens(r#"{"input":"2","output":"10","cache_read":"2","cache_write":"4"}"#),
        chat("null"),
        with(r#""context":null"#),
        file(""),
    ] {
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn every_problem_is_told_with_its_line() {
    let text = file(
        r#"{"id":"p/a","kind":"chat","status":"active","context":0,"caps":["x","y"]},
{"id":"p/b","kind":"chat","status":"active","caps":[]},

{"id":"p/b","kind":"chat","status":"active","price":{"rates":{"per_1m_tokens":{"input":"-1","output":"0.0000001"}}},"caps":[]}"#,
    );
    let told = told(&text);
    let heads: Vec<String> = told.iter().map(|t| t.chars().take(12).collect()).collect();
    assert_eq!(
        heads,
        ["line 3: p/a:", "line 3: p/a:", "line 3: p/a:", "line 6: p/b:", "line 6: p/b:", "line 6: p/b:"],
        "{told:#?}"
    );
    assert!(told.iter().any(|t| t.ends_with("is in the file twice, first on line 4")), "{told:#?}");
}

#[test]
fn writing_and_reading_again_changes_nothing() {
    let catalogue = shipped();
    let text = catalogue.to_json();
    let again = Catalogue::parse(&text).unwrap();
    assert_eq!(again, catalogue);
    assert_eq!(again.to_json(), text);
    assert_eq!(diff(&catalogue, &again), []);
}

#[test]
fn an_overlay_replaces_and_adds() {
    let mine = Catalogue::parse(&file(
        r#"{"id":"openai/gpt-6-sol","kind":"chat","status":"active","price":{"rates":{"per_1m_tokens":{"input":"1.8","output":"10"}}},"caps":["stream"]},
{"id":"home/small","kind":"chat","status":"active","caps":["stream"]}"#,
    ))
    .unwrap();
    let old = shipped();
    let new = old.clone().overlay(mine);
    assert_eq!(new.models.len(), old.models.len() + 1);
    assert!(new.models.windows(2).all(|pair| pair[0].id() < pair[1].id()));
    assert!(new.find("home", "small").unwrap().card.price.is_none());
    assert_ne!(price(&old, "openai", "gpt-6-sol").version, price(&new, "openai", "gpt-6-sol").version);
    assert_eq!(price(&old, "openai", "gpt-6-luna").version, price(&new, "openai", "gpt-6-luna").version);

    let differences: Vec<String> = diff(&old, &new).iter().map(ToString::to_string).collect();
    for expected in [
        "+ home/small",
        "~ openai/gpt-6-sol: input 2 USD per 1M tokens -> 1.8 USD per 1M tokens (-10.00 %)",
        "~ openai/gpt-6-sol: cache_read 0.2 USD per 1M tokens -> unknown",
        "~ openai/gpt-6-sol: above 272000: output 15 USD per 1M tokens -> unknown",
        "~ openai/gpt-6-sol: multiplier flex 0.5 -> unknown",
        "~ openai/gpt-6-sol: context 1050000 -> unknown",
    ] {
        assert!(differences.iter().any(|d| d == expected), "{expected} of {differences:#?}");
    }
    assert!(!differences.iter().any(|d| d.contains(" output 10 USD")), "{differences:#?}");
    let caps = differences.iter().find(|d| d.starts_with("~ openai/gpt-6-sol: caps")).unwrap();
    assert!(caps.contains(" -tools") && !caps.contains('+'), "{caps}");
    assert!(diff(&new, &old).contains(&Difference::Removed { id: "home/small".into() }));
}

#[test]
fn differences_are_data_too() {
    let one = |input: &str, output: &str| {
        Catalogue::parse(&chat_tokens(&format!(r#"{{"input":"{input}","output":"{output}"}}"#))).unwrap()
    };
    let found = diff(&one("0.3", "10"), &one("0.45", "10"));
    assert_eq!(
        serde_json::to_string(&found).unwrap(),
        r#"[{"change":"price","id":"p/m","what":"input","from":"0.3 USD per 1M tokens","to":"0.45 USD per 1M tokens","basis_points":5000}]"#
    );
    let free = diff(&one("0", "0"), &one("1", "0.5"));
    assert_eq!(
        free[0].to_string(),
        "~ p/m: input 0 USD per 1M tokens -> 1 USD per 1M tokens",
        "no percent of nothing"
    );
}

#[test]
fn announced_ends_and_changes_are_dates() {
    let catalogue = shipped();
    let card = &catalogue.find("anthropic", "claude-sonnet-4-5").unwrap().card;
    assert_eq!((card.status, card.shutdown), (Status::Deprecated, Instant::parse_date("2026-11-30")));
    let price = price(&catalogue, "gemini", "gemini-4-argon");
    let input = |day: &str| price.for_input(1, Instant::parse_date(day).unwrap()).get(Bucket::Input);
    assert_eq!(input("2026-11-30"), Rate::of("2", 1_000_000).ok());
    assert_eq!(input("2026-12-01"), Rate::of("4", 1_000_000).ok());
}
