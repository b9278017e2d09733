//! How long does it take to choose? No clock and no network: only the router is on the scale.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use router::predictor::{Candidate, Predictor, Reader, SHIPPED};
use router::{Health, Limits, Offer, Outcome, Rules, Verdict, Weights, Wish, advise, explain, plan};
use std::hint::black_box;
use vocab::{Brief, Caps, Card, Dice, Duration, Instant, Kind, Pico, Quality, Status};

const NOW: Instant = Instant::from_secs(1_800_000_000);

/// A catalogue with eight providers, and a little of everything that a request can trip over.
fn cards(n: usize) -> Vec<Card> {
    let mut dice = Dice::seeded(n as u64);
    let card = |i: usize| {
        let rare = |dice: &mut Dice| dice.below(20) == 0;
        Card {
            provider: format!("provider-{}", i % 8),
            model: format!("family-{}/model-{i}-instruct", i % 5),
            kind: if rare(&mut dice) { Kind::Embedding } else { Kind::Chat },
            status: if rare(&mut dice) { Status::Retired } else { Status::Active },
            context: Some(128_000),
            max_output: Some(16_384),
            chars_max: None,
            caps: if rare(&mut dice) { Caps::STREAM } else { Caps::STREAM | Caps::TOOLS },
            efforts: Vec::new(),
            reasons_always: false,
            quality: (!rare(&mut dice)).then(|| Quality { mean: dice.unit(), confidence: 0.7 }),
            ttft_ms: Some(200 + u32::try_from(dice.below(800)).unwrap_or(0)),
            tokens_per_s: Some(40 + u32::try_from(dice.below(200)).unwrap_or(0)),
            price: None,
            shutdown: None,
        }
    };
    (0..n).map(card).collect()
}

/// Each has answered fifty times; now and then one failed.
fn healths(cards: &[Card], rules: &Rules) -> Vec<Health> {
    let mut dice = Dice::seeded(1);
    let lived = |card: &Card| {
        let mut health = Health::new(card);
        for second in 0..50 {
            let now = Instant::from_secs(NOW.as_secs() - 60 + second);
            let verdict = if dice.below(15) == 0 { Verdict::Bad } else { Verdict::Good };
            let ttft = Some(Duration::from_millis(200 + dice.below(900)));
            let generation = Some((300, Duration::from_millis(2_000 + dice.below(4_000))));
            if let Some(pass) = health.admit(now, rules) {
                health.record(pass, &Outcome { verdict, ttft, generation }, now, rules, &mut dice);
            }
        }
        health
    };
    cards.iter().map(lived).collect()
}

fn offers<'a>(cards: &'a [Card], healths: &[Health], rules: &Rules) -> Vec<Offer<'a>> {
    let mut dice = Dice::seeded(2);
    let both = cards.iter().zip(healths);
    both.map(|(card, health)| {
        let cost = Pico(i128::from(dice.below(20_000_000_000)));
        Offer {
            provider: &card.provider,
            domain: &card.provider,
            card,
            caps: card.caps,
            tokens_in: None,
            cost: Some(cost),
            dearest: Some(Pico(cost.0 * 4)),
            barred: false,
            unfit: None,
            learned: None,
            standing: health.standing(NOW, rules),
        }
    })
    .collect()
}

fn brief() -> Brief {
    Brief {
        model: "auto".into(),
        needs: Caps::TOOLS,
        tokens_in: 2_000,
        n: 1,
        stream: true,
        ..Brief::default()
    }
}

fn choosing(criterion: &mut Criterion) {
    let (rules, brief, limits) = (Rules::default(), brief(), Limits::default());
    let wish = Wish {
        brief: &brief,
        weights: Weights::BALANCED,
        limits: &limits,
        expected_out: 400,
        candidates_max: 4,
    };
    let mut group = criterion.benchmark_group("choose among");
    for n in [10, 100, 500] {
        let cards = cards(n);
        let healths = healths(&cards, &rules);
        let offers = offers(&cards, &healths, &rules);
        let mut dice = Dice::seeded(3);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::from_parameter(n), |b| {
            b.iter(|| plan(black_box(&wish), black_box(&offers), NOW, &mut dice));
        });
    }
    group.finish();
}

fn around(criterion: &mut Criterion) {
    let (rules, brief, limits) = (Rules::default(), brief(), Limits::default());
    let wish = Wish {
        brief: &brief,
        weights: Weights::BALANCED,
        limits: &limits,
        expected_out: 400,
        candidates_max: 4,
    };
    let cards = cards(100);
    let mut healths = healths(&cards, &rules);
    let offers = offers(&cards, &healths, &rules);
    let decision = plan(&wish, &offers, NOW, &mut Dice::seeded(3));

    criterion.bench_function("how 100 stand", |b| {
        b.iter(|| healths.iter().map(|h| black_box(h.standing(NOW, &rules)).samples).sum::<u32>());
    });
    criterion.bench_function("advise after choosing among 100", |b| {
        b.iter(|| advise(black_box(&decision), &offers, decision.plan[0]));
    });
    criterion.bench_function("explain 100 as JSON", |b| {
        b.iter(|| serde_json::to_vec(&explain(black_box(&decision), &offers, &wish)));
    });
    let (mut dice, mut now) = (Dice::seeded(4), NOW);
    criterion.bench_function("admit and record one outcome", |b| {
        let health = &mut healths[0];
        b.iter(|| {
            now = now.after(Duration::from_millis(20));
            if let Some(pass) = health.admit(now, &rules) {
                let ttft = Some(Duration::from_millis(200 + dice.below(900)));
                let outcome =
                    Outcome { verdict: Verdict::Good, ttft, generation: Some((300, Duration::from_secs(3))) };
                health.record(pass, black_box(&outcome), now, &rules, &mut dice);
            }
        });
    });
}

/// One prompt read from its first byte to its last, and what each model of a pool will make of it.
fn predicting(criterion: &mut Criterion) {
    let Ok(predictor) = Predictor::read(SHIPPED) else { return };
    let question = "A train leaves the station at 60 km/h and another follows 30 minutes later at 90 km/h on the same track. \
        Neglecting friction, after how many kilometres does the second reach the first?\n";
    let options =
        (0..9).map(|i| format!("{}. {} km from the station\n", char::from(b'A' + i), 20 * u32::from(i)));
    let prompt: String = std::iter::once(question.to_owned()).chain(options).collect();
    for source in &predictor.sources {
        let candidate = |name| Candidate { name, ..Candidate::default() };
        let pool: Vec<Candidate<'_>> = source.models.iter().map(|k| candidate(k.name.as_str())).collect();
        let bound = predictor.bind(&pool, &source.name);
        let (mut reader, mut guesses) = (Reader::new(), Vec::new());
        criterion.bench_function(&format!("foresee {} models on {} bytes", pool.len(), prompt.len()), |b| {
            b.iter(|| {
                reader.clear();
                reader.text(black_box(&prompt));
                predictor.guess(&bound, reader.finish(), 140, &mut guesses);
                guesses.len()
            });
        });
    }
}

criterion_group!(benches, choosing, around, predicting);
criterion_main!(benches);
