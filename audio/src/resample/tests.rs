use super::*;
use crate::testing::{pieces, step, tone, turns};
use proptest::prelude::*;

fn resampled(sound: &[i16], from: u32, to: u32, sizes: &[usize]) -> Vec<i16> {
    let (mut resampler, mut out) = (Resampler::new(from, to).unwrap(), Vec::new());
    for piece in pieces(sound, sizes) {
        resampler.feed(piece, &mut out);
    }
    resampler.end(&mut out);
    out
}

/// Every two rates that anybody here speaks at: as long as before, the same tone, as loud, and nowhere steeper than that
/// tone is (and a hundredth), so without a click at any seam between chunks.
#[test]
fn a_tone_stays_what_it_is() {
    for from in [8_000, 16_000, 22_050, 24_000, 44_100, 48_000] {
        for to in [8_000, 16_000, 22_050, 24_000, 44_100, 48_000] {
            for hertz in [200, 1_000, 2_500] {
                let sound = tone(hertz, from, from as usize);
                let heard = resampled(&sound, from, to, &[1_000]);
                assert_eq!(heard.len(), to as usize, "{from} to {to}");
                let inside = &heard[to as usize / 20..to as usize * 19 / 20];
                let counted = turns(inside).abs_diff(hertz as usize * 9 / 10);
                assert!(counted <= 1, "{hertz} Hz from {from} to {to}: {counted} turns off");
                let peak = inside.iter().max().unwrap();
                assert!((15_700..16_300).contains(peak), "{hertz} Hz from {from} to {to}: {peak}");
                let steepest = f64::from(16_000) * std::f64::consts::TAU * f64::from(hertz) / f64::from(to);
                let found = f64::from(step(inside));
                assert!(
                    found <= steepest * 1.01 + 2.0,
                    "{hertz} Hz from {from} to {to}: {found}, not {steepest}"
                );
            }
        }
    }
}

/// A tone that the lower rate has no place for is gone, not another tone.
#[test]
fn what_does_not_fit_is_left_out() {
    let heard = resampled(&tone(7_000, 24_000, 24_000), 24_000, 8_000, &[999]);
    let loudest = heard[400..7_600].iter().map(|s| s.unsigned_abs()).max().unwrap();
    assert!(loudest < 60, "{loudest}");
}

#[test]
fn it_begins_when_the_sound_begins() {
    let mut sound = vec![0; 4_800];
    sound.extend(tone(1_000, 48_000, 4_800));
    let heard = resampled(&sound, 48_000, 24_000, &[480]);
    let first = heard.iter().position(|s| s.unsigned_abs() > 3_000).unwrap();
    assert!((2_400..2_406).contains(&first), "{first}");
}

#[test]
fn rates_of_nothing_are_refused_and_equal_ones_pass() {
    for (from, to) in [(0, 8_000), (8_000, 0), (100, 48_000), (1_000_000, 8_000)] {
        assert!(Resampler::new(from, to).is_none(), "{from} to {to}");
    }
    let sound = tone(440, 8_000, 1_001);
    assert_eq!(resampled(&sound, 8_000, 8_000, &[13]), sound);
    assert_eq!(resampled(&[], 8_000, 24_000, &[1]), []);
    assert_eq!(resampled(&[1], 8_000, 24_000, &[1]).len(), 3);
}

#[test]
fn one_that_ended_begins_again() {
    let sound = tone(440, 24_000, 5_000);
    let mut resampler = Resampler::new(24_000, 16_000).unwrap();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for out in [&mut first, &mut second] {
        resampler.feed(&sound, out);
        resampler.end(out);
    }
    assert_eq!(first, second);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_cut_gives_the_same(length in 0_usize..3_000, sizes in proptest::collection::vec(1_usize..700, 1..6), rates in 0_usize..4) {
        let (from, to) = [(24_000, 48_000), (44_100, 24_000), (16_000, 8_000), (8_000, 22_050)][rates];
        let sound = tone(700, from, length);
        let whole = resampled(&sound, from, to, &[usize::MAX]);
        prop_assert_eq!(whole.len() as u64, (length as u64 * u64::from(to)).div_ceil(u64::from(from)));
        prop_assert_eq!(resampled(&sound, from, to, &sizes), whole);
    }
}
