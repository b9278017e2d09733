use super::*;
use vocab::{Change, Ratio, Tier};

const NOW: Instant = Instant::from_secs(1_000);

fn per_million(usd: &str) -> Rate {
    Rate::of(usd, 1_000_000).unwrap()
}

fn rates(list: &[(Bucket, &str)]) -> Rates {
    list.iter().fold(Rates::default(), |all, (bucket, usd)| all.with(*bucket, per_million(usd)))
}

fn usage(list: &[(Bucket, u64)]) -> Usage {
    list.iter().fold(Usage::default(), |all, (bucket, n)| all.with(*bucket, *n))
}

fn price(list: &[(Bucket, &str)]) -> Price {
    Price { rates: rates(list), version: "v1".into(), ..Price::default() }
}

#[track_caller]
fn costs(price: &Price, list: &[(Bucket, u64)], nano: i128) {
    let charge = charge(price, &usage(list), NOW).unwrap();
    assert_eq!(charge.total, Pico(nano * Pico::PER_NANO));
}

use Bucket::*;

#[test]
fn every_bucket_has_its_rate() {
    let opus =
        price(&[(Input, "4"), (CacheRead, "0.2"), (CacheWrite, "5"), (CacheWriteLong, "8"), (Output, "20")]);
    let used = [(Input, 100), (CacheRead, 50_000), (CacheWrite, 1_500), (CacheWriteLong, 500), (Output, 800)];
    costs(&opus, &used, 37_900_000);
}

#[test]
fn a_bucket_without_a_rate_falls_back_to_a_broader_one() {
    let plain = price(&[(Input, "2"), (Output, "10")]);
    for bucket in [Input, CacheRead, CacheWrite, CacheWriteLong, InputAudio, InputImage] {
        costs(&plain, &[(bucket, 10)], 20_000);
    }
    for bucket in [Output, Reasoning, OutputAudio, OutputImage] {
        costs(&plain, &[(bucket, 10)], 100_000);
    }
    costs(&price(&[(Input, "2"), (CacheWrite, "3")]), &[(CacheWriteLong, 10)], 30_000);
}

#[test]
fn unknown_is_not_zero() {
    let plain = price(&[(Input, "2"), (Output, "10")]);
    for bucket in [Characters, AudioMillis, Images, Tiles, Steps, Searches, Requests] {
        assert_eq!(charge(&plain, &usage(&[(Input, 1), (bucket, 1)]), NOW).unwrap_err(), Unpriced { bucket });
    }
    let blind = Price::default();
    let blind = charge(&blind, &usage(&[(CacheRead, 1)]), NOW);
    assert_eq!(blind.unwrap_err(), Unpriced { bucket: CacheRead });
    // Nothing used costs nothing, priced or not; free is a price.
    costs(&Price::default(), &[], 0);
    costs(&price(&[(Input, "0"), (Output, "0")]), &[(Input, 900), (Output, 300)], 0);
}

#[test]
fn half_a_nanodollar_goes_up_once() {
    let groq = price(&[(Input, "0.075"), (CacheRead, "0.0375"), (Output, "0.3")]);
    costs(&groq, &[(CacheRead, 1)], 38);
    // Two halves are one whole: the sum is rounded, not the parts.
    costs(&groq, &[(CacheRead, 2)], 75);
    costs(&price(&[(CacheRead, "0.0374"), (Output, "0.3")]), &[(CacheRead, 1)], 37);
    costs(&price(&[(Input, "0.0000004"), (Output, "0.0000005")]), &[(Input, 1_000), (Output, 1_000)], 1);
}

#[test]
fn thirds_stay_thirds() {
    // 0.04 USD an hour with a minimum of ten seconds.
    let hour = Rate::of("0.04", 3_600_000).unwrap();
    let whisper = Price {
        rates: Rates::default().with(AudioMillis, hour).with(Input, Rate { pico: 1, per: 7 }),
        audio_millis_min: 10_000,
        ..Price::default()
    };
    costs(&whisper, &[(AudioMillis, 3_200)], 111_111);
    costs(&whisper, &[(AudioMillis, 20_000)], 222_222);
    costs(&whisper, &[(AudioMillis, 3_600_000)], 40_000_000);
    costs(&whisper, &[(AudioMillis, 3_600_000), (Input, 7_000)], 40_000_001);
    costs(&whisper, &[], 0);
}

#[test]
fn a_tier_moves_the_whole_request_strictly_above_its_threshold() {
    let haiku = Price {
        tiers: vec![
            Tier { above_input: 100_000, rates: rates(&[(Input, "5"), (CacheRead, "0.5"), (Output, "25")]) },
            Tier { above_input: 200_000, rates: rates(&[(Input, "7"), (Output, "30")]) },
        ],
        ..price(&[(Input, "1"), (CacheRead, "0.1"), (Output, "5")])
    };
    costs(&haiku, &[(Input, 4_000), (CacheRead, 96_000), (Output, 300)], 4_000_000 + 9_600_000 + 1_500_000);
    costs(&haiku, &[(Input, 4_001), (CacheRead, 96_000), (Output, 300)], 20_005_000 + 48_000_000 + 7_500_000);
    // The tier's own rates decide what falls back.
    costs(&haiku, &[(CacheRead, 200_001)], 200_001 * 7_000);
}

#[test]
fn a_change_holds_from_its_moment_on() {
    let flash = Price {
        changes: vec![
            Change { from: Instant::from_secs(2_000), rates: rates(&[(Input, "1.5")]), tiers: vec![] },
            Change { from: Instant::from_secs(3_000), rates: rates(&[(Input, "3")]), tiers: vec![] },
        ],
        ..price(&[(Input, "0.75")])
    };
    let at = |secs| charge(&flash, &usage(&[(Input, 1_000)]), Instant::from_secs(secs)).unwrap().total;
    let micros = |n: i128| Pico(n * 1_000_000);
    assert_eq!(
        [at(0), at(1_999), at(2_000), at(3_000)],
        [micros(750), micros(750), micros(1_500), micros(3_000)]
    );
}

#[test]
fn modifiers_multiply_the_sum() {
    let sol = Price {
        multipliers: vec![
            (Modifiers::FLEX, Ratio { num: 1, den: 2 }),
            (Modifiers::REGIONAL, Ratio { num: 11, den: 10 }),
        ],
        ..price(&[(Input, "2"), (Output, "10")])
    };
    let mut used = usage(&[(Input, 1_000), (Output, 100)]);
    let mut cost = |modifiers| {
        used.modifiers = modifiers;
        charge(&sol, &used, NOW).unwrap().total.0 / Pico::PER_NANO
    };
    assert_eq!(cost(Modifiers::empty()), 3_000_000);
    assert_eq!(cost(Modifiers::FLEX), 1_500_000);
    assert_eq!(cost(Modifiers::FLEX | Modifiers::REGIONAL), 1_650_000);
    assert_eq!(cost(Modifiers::FAST), 3_000_000, "no multiplier listed: the list price");
}

#[test]
fn items_say_what_was_counted_and_at_which_rate() {
    let plain = Price {
        audio_millis_min: 10,
        multipliers: vec![(Modifiers::FLEX, Ratio { num: 1, den: 2 })],
        ..price(&[(Input, "2"), (AudioMillis, "1")])
    };
    let mut used = usage(&[(CacheRead, 3), (AudioMillis, 1)]);
    used.modifiers = Modifiers::FLEX;
    let charge = charge(&plain, &used, NOW).unwrap();
    let seen: Vec<_> = charge.items().map(|i| (i.bucket, i.count, i.rated_as, i.amount.0)).collect();
    assert_eq!(seen, [(CacheRead, 3, Input, 6_000_000), (AudioMillis, 10, AudioMillis, 10_000_000)]);
    assert_eq!(charge.multipliers().count(), 1);
    assert_eq!((charge.total, charge.version), (Pico(8_000_000), "v1"));
}

#[test]
fn what_does_not_fit_is_refused_not_wrapped() {
    let dear = Price {
        rates: Rates::default()
            .with(Input, Rate { pico: u64::MAX, per: 1 })
            .with(Output, Rate { pico: 1, per: 0 }),
        ..Price::default()
    };
    assert_eq!(charge(&dear, &usage(&[(Input, u64::MAX)]), NOW).unwrap_err(), Unpriced { bucket: Input });
    assert_eq!(charge(&dear, &usage(&[(Output, 1)]), NOW).unwrap_err(), Unpriced { bucket: Output });
    assert!(charge(&dear, &usage(&[(Input, 1_000)]), NOW).is_ok());
}
