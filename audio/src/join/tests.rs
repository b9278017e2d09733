use super::*;
use crate::testing::{pieces, step, tone, turns};
use proptest::prelude::*;

/// A stream: its rate, how much of it was heard, its samples.
type Stream<'a> = (u32, u64, &'a [i16]);

fn joined(rate: u32, overlap: u64, parts: &[Stream], sizes: &[usize]) -> Vec<i16> {
    let (mut joiner, mut out) = (Joiner::new(rate, overlap), Vec::new());
    for (from, heard, sound) in parts {
        joiner.begin(*from, *heard, &mut out).unwrap();
        for piece in pieces(sound, sizes) {
            joiner.feed(piece, &mut out);
        }
    }
    joiner.end(&mut out);
    assert_eq!(joiner.millis(), millis(out.len() as u64, rate));
    out
}

/// The steepest place of a tone at half of the loudest.
fn steepest(hertz: u32, rate: u32) -> f64 {
    16_000.0 * std::f64::consts::TAU * f64::from(hertz) / f64::from(rate)
}

/// Both tones are cut wherever they are, so where they meet there would be a step of up to 32,000. What is left is what the steeper
/// tone has anyway and what the weights add: at most 1.5 / length × the distance of the two.
#[test]
fn two_streams_meet_without_a_click() {
    for length in 20_000..20_024 {
        let (a, b) = (tone(300, 24_000, length), tone(440, 24_000, 20_000));
        let b = &b[7..];
        let heard = joined(24_000, 20, &[(24_000, 0, &a), (24_000, 0, b)], &[333]);
        assert_eq!(heard.len(), a.len() + b.len() - 480);
        let bound = steepest(440, 24_000) + 1.5 / 480.0 * 32_000.0 + 2.0;
        assert!(f64::from(step(&heard)) <= bound, "{} at {length}, not {bound}", step(&heard));
        // No louder than either.
        assert!(heard.iter().all(|s| s.unsigned_abs() <= 16_000));
    }
    // Without an overlap it is heard: the measure can fail.
    let (a, b) = (tone(300, 24_000, 20_020), tone(440, 24_000, 20_000));
    let clicks = joined(24_000, 0, &[(24_000, 0, &a), (24_000, 0, &b[34..])], &[333]);
    assert!(f64::from(step(&clicks)) > steepest(440, 24_000) * 4.0, "{}", step(&clicks));
}

#[test]
fn streams_of_other_rates_become_one() {
    let (a, b, c) = (tone(440, 24_000, 24_000), tone(440, 48_000, 48_000), tone(440, 16_000, 16_000));
    let heard = joined(24_000, 20, &[(24_000, 0, &a), (48_000, 0, &b), (16_000, 0, &c)], &[1_000, 7]);
    assert_eq!(heard.len(), 72_000 - 2 * 480);
    let turned = turns(&heard);
    assert!((1_296..=1_304).contains(&turned), "{turned}");
    // A filter makes the corner at which a tone breaks off a tenth steeper.
    assert!(f64::from(step(&heard)) <= steepest(440, 24_000) * 1.1 + 102.0, "{}", step(&heard));
}

/// A provider dies in the middle of a second sentence, another one says it all again.
#[test]
fn what_broke_off_goes_on_where_it_was() {
    let pause = vec![0; 2_400];
    let first = [tone(500, 24_000, 24_000), pause.clone(), tone(900, 24_000, 24_000)].concat();
    let second =
        [tone(500, 48_000, 48_000), [&pause[..], &pause].concat(), tone(900, 48_000, 48_000)].concat();
    let (mut joiner, mut out) = (Joiner::new(24_000, 20), Vec::new());
    joiner.begin(24_000, 0, &mut out).unwrap();
    // 1.2 s: 100 ms of the second tone.
    joiner.feed(&first[..28_800], &mut out);
    let heard = joiner.part_millis();
    assert_eq!(heard, 1_200);
    joiner.begin(48_000, heard, &mut out).unwrap();
    for piece in second.chunks(4_000) {
        joiner.feed(piece, &mut out);
    }
    assert_eq!(joiner.part_millis(), 2_100);
    joiner.end(&mut out);
    // It takes up at the pause, so the tenth of a second that was cut is heard twice, and the rest once.
    assert!(out.len().abs_diff(first.len() + 2_400) <= 720, "{}", out.len());
    assert!((497..=503).contains(&turns(&out[..24_000])), "{}", turns(&out[..24_000]));
    // 90 turns and 900, of which the overlap has some of both at once.
    assert!((972..=990).contains(&turns(&out[24_000..])), "{}", turns(&out[24_000..]));
    assert!(f64::from(step(&out)) <= steepest(900, 24_000) * 1.1 + 102.0, "{}", step(&out));
}

#[test]
fn streams_that_are_empty_or_short_are_joined_too() {
    let sound = tone(440, 8_000, 800);
    assert_eq!(joined(8_000, 20, &[], &[1]), []);
    assert_eq!(joined(8_000, 20, &[(8_000, 0, &[])], &[1]), []);
    assert_eq!(joined(8_000, 20, &[(8_000, 0, &sound)], &[1]), sound);
    // Shorter than the overlap: the one before it fades over it, and then into silence.
    let short = joined(8_000, 20, &[(8_000, 0, &sound), (8_000, 0, &[100; 10]), (8_000, 0, &sound)], &[3]);
    assert_eq!(short.len(), 800 + 800 - 160);
    assert!(f64::from(step(&short)) <= steepest(440, 8_000) + 1.5 / 160.0 * 32_000.0 + 100.0);
    let mut joiner = Joiner::new(8_000, 20);
    let mut out = Vec::new();
    joiner.feed(&sound, &mut out);
    assert!(joiner.begin(0, 0, &mut out).is_err());
    joiner.end(&mut out);
    assert_eq!(out, []);
}

/// What comes leaves, but for the overlap and what a filter needs.
#[test]
fn nothing_is_kept_that_need_not_be() {
    for rate in [24_000, 48_000, 8_000] {
        let (mut joiner, mut out) = (Joiner::new(24_000, 20), Vec::new());
        joiner.begin(rate, 0, &mut out).unwrap();
        let second = tone(440, rate, rate as usize);
        for piece in second.chunks(100) {
            joiner.feed(piece, &mut out);
        }
        let kept = 1_000 - joiner.millis();
        assert!(kept <= 20 + 1_000 * 320 / u64::from(rate), "{kept} ms at {rate} Hz");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_cut_gives_the_same(
        lengths in proptest::collection::vec((0_usize..4_000, 0_u64..150, 0_usize..3), 0..4),
        sizes in proptest::collection::vec(1_usize..900, 1..6),
    ) {
        let sounds: Vec<_> = lengths.iter().map(|(length, heard, rate)| {
            let rate = [8_000, 16_000, 22_050][*rate];
            (rate, *heard, tone(500, rate, *length))
        }).collect();
        let parts: Vec<Stream> = sounds.iter().map(|(rate, heard, sound)| (*rate, *heard, &sound[..])).collect();
        prop_assert_eq!(joined(16_000, 10, &parts, &sizes), joined(16_000, 10, &parts, &[usize::MAX]));
    }
}
