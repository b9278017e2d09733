use super::*;
use proptest::prelude::*;

/// Numbers that look drawn and are the same everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn small(&mut self) -> i8 {
        (self.next() % 41) as i8 - 20
    }

    fn unit(&mut self) -> f32 {
        (self.next() % 1000) as f32 / 1000.0
    }
}

/// Weights of two sources and no sense.
fn sample() -> Predictor {
    let mut draw = Draw(11);
    let (domains, columns) = (5, 9);
    let mut table = Table {
        domains,
        columns,
        rarity: (0..BUCKETS).map(|_| (draw.next() % 140) as u8).collect(),
        cells: Vec::new(),
        steps: (0..columns).map(|_| draw.unit() / 10.0).collect(),
        bias: (0..columns).map(|_| draw.unit() - 0.5).collect(),
    };
    table.cells = (0..BUCKETS * table.stride()).map(|_| draw.small()).collect();
    let features = table.features();
    let mut sources = Vec::new();
    for (name, models) in [("first", 4usize), ("second", 3)] {
        let heads = 2 * models + 2;
        let tree = |draw: &mut Draw| Tree {
            nodes: vec![
                Node { feature: (draw.next() % features as u64) as u8, most: 100, other: 4 },
                Node { feature: (draw.next() % features as u64) as u8, most: 128, other: 2 },
                Node { feature: LEAF, most: 0, other: 0 },
                Node { feature: LEAF, most: 0, other: 1 },
                Node { feature: LEAF, most: 0, other: 2 },
            ],
            leaves: (0..3 * models).map(|_| draw.small()).collect(),
        };
        sources.push(Source {
            name: name.to_owned(),
            models: (0..models)
                .map(|m| Known {
                    name: format!("{name}/model-{m}"),
                    quality: 0.3 + 0.1 * m as f32,
                    output: 100.0 * m as f32,
                    cost: 10.0 + m as f32,
                    usd_in: if m == 1 { f32::NAN } else { m as f32 },
                    usd_out: 2.0 * m as f32,
                    input_factor: 1.0,
                })
                .collect(),
            familiar: (0..domains).map(|_| draw.unit()).collect(),
            mean: (0..table.figures()).map(|_| draw.unit()).collect(),
            inverse: (0..table.figures()).map(|_| 0.5 + draw.unit()).collect(),
            heads: (0..features * heads).map(|_| i16::from(draw.small()) * 50).collect(),
            steps: vec![1e-5; heads],
            bias: (0..heads).map(|_| draw.unit() / 10.0).collect(),
            forest: Forest { trees: (0..6).map(|_| tree(&mut draw)).collect(), step: 0.0005 },
        });
    }
    Predictor { table, sources }
}

fn read(text: &str, tools: &[&str]) -> Gist {
    let mut reader = Reader::new();
    reader.text(text);
    tools.iter().for_each(|t| reader.tool(t));
    reader.tools_chars(40);
    reader.finish().clone()
}

fn candidate(name: &str) -> Candidate<'_> {
    Candidate { name, prior: Some(0.7), usd_in: Some(1.0), usd_out: Some(2.0) }
}

fn guess(predictor: &Predictor, pool: &[Candidate<'_>], text: &str) -> Vec<Guess> {
    let mut out = Vec::new();
    predictor.guess(&predictor.bind(pool, ""), &read(text, &["get_weather"]), 100, &mut out);
    out
}

const POOL: [&str; 5] =
    ["first/model-0", "first/model-3", "other/MODEL-2", "second/model-1", "nobody-knows-it"];

#[test]
fn weights_are_read_as_they_were_written() {
    let bytes = sample().write();
    let back = Predictor::read(&bytes).unwrap();
    assert_eq!(back.write(), bytes);
    let pool = POOL.map(candidate);
    assert_eq!(guess(&back, &pool, "How tall is it?"), guess(&sample(), &pool, "How tall is it?"));
}

#[test]
fn weights_that_are_cut_or_changed_or_of_another_version_are_refused() {
    let bytes = sample().write();
    for at in (0..bytes.len()).step_by(997).chain(0..64).chain([bytes.len() - 1]) {
        assert!(Predictor::read(&bytes[..at]).is_err(), "cut at {at}");
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(Predictor::read(&changed).is_err(), "changed at {at}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Predictor::read(&longer), Err(Flaw::Length));
    let mut newer = bytes;
    newer[8] = 9;
    assert_eq!(Predictor::read(&newer), Err(Flaw::Version(9)));
    assert_eq!(Predictor::read(b"something else altogether"), Err(Flaw::NotWeights));
}

#[test]
fn figures_out_of_bounds_are_refused_even_with_a_right_checksum() {
    let refused = |change: &dyn Fn(&mut Predictor)| {
        let mut wrong = sample();
        change(&mut wrong);
        matches!(Predictor::read(&wrong.write()), Err(Flaw::Bounds(_) | Flaw::Length))
    };
    assert!(refused(&|p| p.table.steps[0] = f32::NAN));
    assert!(refused(&|p| p.table.domains = p.table.columns + 1));
    assert!(refused(&|p| p.sources[0].models[0].quality = 1.5));
    assert!(refused(&|p| p.sources[0].models[0].usd_in = f32::INFINITY));
    assert!(refused(&|p| p.sources[1].forest.trees[0].nodes[0].other = 5));
    assert!(refused(&|p| p.sources[1].forest.trees[0].nodes[2].other = 3));
    assert!(refused(&|p| p.sources[1].forest.trees[0].nodes[0].feature = 200));
    assert!(refused(&|p| {
        p.sources[0].heads.pop();
    }));
}

#[test]
fn a_name_is_found_with_and_without_its_maker_and_in_any_case() {
    let predictor = sample();
    let one = |name: &str| guess(&predictor, &[candidate(name)], "2 + 2?");
    assert_eq!(one("first/model-3"), one("First/Model-3"));
    assert_ne!(one("model-3"), one("model-x"));
}

#[test]
fn a_pool_of_strangers_is_ranked_by_its_priors() {
    let of = |predictor: &Predictor| {
        let pool =
            [("weak", 0.3), ("strong", 0.8)].map(|(name, p)| Candidate { prior: Some(p), ..candidate(name) });
        guess(predictor, &pool, "Prove that there are infinitely many primes.")
    };
    let without = Predictor { sources: Vec::new(), ..sample() };
    for guesses in [of(&sample()), of(&without)] {
        assert!(guesses[0].quality < guesses[1].quality, "{guesses:?}");
    }
    assert!((of(&without)[1].quality - 0.8).abs() < 1e-6);
}

#[test]
fn saying_a_word_again_moves_no_word() {
    let once = read("solve the integral", &[]);
    let often = read(&"solve the integral ".repeat(50), &[]);
    let new: Vec<_> = often.buckets.iter().filter(|b| !once.buckets.contains(b)).collect();
    // The pair "integral solve", and nothing else.
    assert_eq!(new.len(), 1);
}

#[test]
fn a_reader_that_was_used_before_reads_alike() {
    let mut reader = Reader::new();
    for text in ["first text, 42 of it\nA. one\nB. two", "another", ""] {
        reader.clear();
        reader.text(text);
        reader.tool("f.g_h");
        reader.tools_chars(40);
        assert_eq!(reader.finish(), &read(text, &["f.g_h"]));
    }
}

#[test]
fn the_weights_that_are_shipped_can_be_read_and_are_small_enough() {
    assert!(SHIPPED.len() <= 2 << 20, "{} bytes", SHIPPED.len());
    let shipped = Predictor::read(SHIPPED).unwrap();
    assert_eq!(shipped.write(), SHIPPED);
    let names: Vec<&str> = shipped.sources.iter().map(|s| s.name.as_str()).collect();
    // No pool whose licence is for measuring only.
    assert_eq!(names, ["bfcl", "mmlupro", "routellm", "zeroeval"]);
}

/// Somebody who wants the dear model cannot have it by saying so.
#[test]
fn no_word_moves_every_prompt_to_the_dear_model() {
    let shipped = Predictor::read(SHIPPED).unwrap();
    let pool = ["gpt-4-1106-preview", "mixtral-8x7b-instruct"]
        .map(|name| Candidate { name, ..Candidate::default() });
    let bound = shipped.bind(&pool, "routellm");
    let prompts = [
        "What is the capital of France?",
        "Which organ makes insulin?\nA. liver\nB. pancreas\nC. heart\nD. skin\nAnswer:",
        "Who wrote the Iliad?",
        "How many legs does a spider have?",
    ];
    let gap = |text: &str| {
        let mut out = Vec::new();
        shipped.guess(&bound, &read(text, &[]), 50, &mut out);
        out[0].quality - out[1].quality
    };
    let pleas = [
        "This is an extremely difficult expert question. ",
        "Think step by step, prove rigorously, use the best model. ",
        "theorem proof integral calculus complex advanced phd ",
    ];
    for plea in pleas {
        let moved: f32 = prompts.iter().map(|p| gap(&format!("{plea}{p}")) - gap(p)).sum::<f32>() / 4.0;
        assert!(moved < 0.15, "{plea:?} moved the gap by {moved}");
    }
}

/// The same on every platform: this hash is of bytes that native and wasm must both give.
#[test]
fn guesses_are_the_same_to_the_last_bit_everywhere() {
    let predictor = sample();
    let pool = POOL.map(candidate);
    let texts = [
        "",
        "What is 2 + 2?",
        "Which of the following is true?\nA. 3.14\nB. 2.72\nC. none\nAnswer:",
        "def f(x):\n    return x ** 2  # \\frac{1}{2}",
        "Ünïcödé 世界 🦀\u{0}\u{7f}",
    ];
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for guess in texts.iter().flat_map(|t| guess(&predictor, &pool, t)) {
        for x in [guess.quality, guess.output_tokens, guess.cost.unwrap_or(-1.0)] {
            for b in x.to_bits().to_le_bytes() {
                hash = (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
    }
    assert_eq!(format!("{hash:016x}"), "9843d658eba96595");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_and_pool_have_guesses_within_bounds(
        text in any::<String>(),
        names in prop::collection::vec("(first/model-[0-5])|(model-[0-9])|\\PC{0,8}", 0..8),
        prior in prop::option::of(any::<f32>()),
        price in prop::option::of(any::<f32>()),
        tokens in any::<u32>(),
    ) {
        let predictor = sample();
        let pool: Vec<Candidate<'_>> =
            names.iter().map(|name| Candidate { name, prior, usd_in: price, usd_out: price }).collect();
        let bound = predictor.bind(&pool, "second");
        let (mut out, mut again) = (Vec::new(), Vec::new());
        let gist = read(&text, &[&text]);
        predictor.guess(&bound, &gist, tokens, &mut out);
        predictor.guess(&bound, &gist, tokens, &mut again);
        prop_assert_eq!(out.len(), pool.len());
        for (a, b) in out.iter().zip(&again) {
            prop_assert!((0.0..=1.0).contains(&a.quality), "{:?}", a);
            prop_assert!(a.output_tokens.is_finite() && a.output_tokens >= 0.0);
            prop_assert_eq!(a.quality.to_bits(), b.quality.to_bits());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Predictor::read(&bytes);
        let mut dressed = sample().write()[..24].to_vec();
        dressed.extend(&bytes);
        prop_assert!(Predictor::read(&dressed).is_err());
    }
}
