use super::*;
use governor::clock::{Clock, FakeRelativeClock};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};
use proptest::prelude::*;
use std::num::NonZeroU32;

const MINUTE: Duration = Duration::from_secs(60);
const START: Instant = Instant::from_secs(1_800_000_000);

fn rate(per_period: u32, burst: u32) -> Rate {
    Rate { per_period, period: MINUTE, burst }
}

fn after(micros: u64) -> Instant {
    START.after(Duration::from_micros(micros))
}

#[test]
fn so_many_at_once_and_then_one_for_each_part_of_a_minute() {
    let (mut bucket, rate) = (Bucket::default(), rate(60, 3));
    for left in [2, 1, 0] {
        assert_eq!(bucket.fits(&rate, 1, START), Ok(()));
        bucket.take(&rate, 1, START);
        assert_eq!(bucket.left(&rate, START), left);
    }
    assert_eq!(bucket.fits(&rate, 1, START), Err(Full::For(Duration::from_secs(1))));
    assert_eq!(bucket.empty_in(&rate, START), Duration::from_secs(3));
    // Not a microsecond earlier.
    assert_eq!(bucket.fits(&rate, 1, after(999_999)), Err(Full::For(Duration::from_micros(1))));
    assert_eq!(bucket.fits(&rate, 1, after(1_000_000)), Ok(()));
    assert_eq!(bucket.fits(&rate, 4, after(9_000_000)), Err(Full::Ever));
    // A clock that another has read later does not drain twice.
    bucket.take(&rate, 3, after(9_000_000));
    assert_eq!(bucket.left(&rate, after(8_000_000)), 0);
    assert_eq!(bucket.left(&rate, after(9_000_000)), 0);
}

#[test]
fn a_rate_that_does_not_divide_the_minute_is_exact() {
    let (mut bucket, rate) = (Bucket::default(), rate(7, 7));
    bucket.take(&rate, 7, START);
    // 60 s / 7 = 8.571428571… s.
    assert_eq!(bucket.fits(&rate, 1, START), Err(Full::For(Duration::from_micros(8_571_429))));
    assert_eq!(bucket.left(&rate, after(8_571_428)), 0);
    assert_eq!(bucket.left(&rate, after(8_571_429)), 1);
    assert_eq!(bucket.left(&rate, after(59_999_999)), 6);
    assert_eq!(bucket.left(&rate, after(60_000_000)), 7);
}

#[test]
fn what_has_drained_is_not_given_back_again() {
    let (mut bucket, rate) = (Bucket::default(), rate(60, 10));
    let early = bucket.take(&rate, 10, START);
    // All of it has drained, and somebody else has filled it again.
    bucket.take(&rate, 10, after(10_000_000));
    bucket.close(&rate, early, 10, after(10_000_000));
    assert_eq!(bucket.left(&rate, after(10_000_000)), 0);
    // Two who give back do not both give back what one of them lets drain.
    let mut bucket = Bucket::default();
    let [one, two] = [1, 2].map(|_| bucket.take(&rate, 5, START));
    bucket.take(&rate, 3, after(8_000_000));
    bucket.close(&rate, one, 5, after(8_000_000));
    bucket.close(&rate, two, 5, after(8_000_000));
    assert_eq!(bucket.left(&rate, after(8_000_000)), 7, "the three are in it");
}

#[test]
fn what_is_used_beyond_the_limit_is_owed() {
    let (mut bucket, rate) = (Bucket::default(), rate(60, 10));
    bucket.charge(&rate, 25, START);
    assert_eq!((bucket.left(&rate, START), bucket.empty_in(&rate, START)), (0, Duration::from_secs(25)));
    assert_eq!(bucket.fits(&rate, 0, START), Err(Full::For(Duration::from_secs(15))));
    assert_eq!(bucket.fits(&rate, 1, START), Err(Full::For(Duration::from_secs(16))));
    assert_eq!(bucket.fits(&rate, 1, after(16_000_000)), Ok(()));
}

#[test]
fn numbers_at_their_limits_do_not_wrap() {
    let most = Rate { per_period: u32::MAX, period: Duration::from_secs(3_600), burst: u32::MAX };
    let mut bucket = Bucket::default();
    bucket.take(&most, u64::MAX, START);
    bucket.take(&most, u64::MAX, START);
    assert_eq!(bucket.left(&most, START), 0);
    assert_eq!(bucket.fits(&most, u64::MAX, START), Err(Full::Ever));
    assert_eq!(bucket.left(&most, Instant::from_micros(u64::MAX)), u64::from(u32::MAX));
}

#[test]
fn no_more_is_remembered_than_may_be_asked_for() {
    let (mut bucket, rate) = (Bucket::default(), rate(60, 100_000));
    let first = bucket.take(&rate, 1, START);
    for _ in 0..10_000 {
        let mark = bucket.take(&rate, 1, START);
        bucket.close(&rate, mark, 0, START);
        bucket.charge(&rate, 1, START);
        assert!(bucket.lows.len() <= 3, "{}", bucket.lows.len());
    }
    bucket.close(&rate, first, 1, START);
    assert_eq!(bucket.left(&rate, START), 80_000);
    let open: Vec<Mark> = (0..1_000).map(|_| bucket.take(&rate, 1, START)).collect();
    assert!(bucket.lows.len() <= 1_001, "{}", bucket.lows.len());
    for mark in open {
        bucket.close(&rate, mark, 1, START);
    }
    assert_eq!((bucket.left(&rate, START), bucket.lows.len()), (80_000, 1));
}

/// What somebody does, so many microseconds after the one before.
#[derive(Clone, Debug)]
enum Step {
    /// Asks for so many.
    Ask(u64),
    /// The one that asked as many times before as this says ends, and used so many hundredths of what it took.
    End(usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let pause = prop_oneof![3 => Just(0), 3 => 0..3_000_000_u64, 1 => 0..90_000_000_u64];
    let step = prop_oneof![3 => (0..12_u64).prop_map(Step::Ask), 2 => (0..6_usize, 0..=100_u64).prop_map(|(n, u)| Step::End(n, u))];
    prop::collection::vec((pause, step), 1..80)
}

/// What was let in, and what it used in the end.
struct Let {
    at: u64,
    mark: Mark,
    took: u64,
    used: u64,
    open: bool,
}

/// How full a bucket is at `now` into which nothing but this was ever put.
fn replayed(rate: &Rate, all: &[Let], now: u64) -> u64 {
    let mut bucket = Bucket::default();
    for one in all {
        bucket.take(rate, one.used, after(one.at));
    }
    bucket.flow(rate, after(now));
    bucket.level
}

proptest! {
    /// What is given back makes it exactly as if it had never been taken; and in no span of time more is let in than
    /// what fits at once and what drains in that time.
    #[test]
    fn giving_back_is_exact_and_no_span_lets_in_more(
        per_period in 1..200_u32, burst in 1..40_u32, steps in steps()
    ) {
        let (rate, mut bucket) = (rate(per_period, burst), Bucket::default());
        let (mut now, mut all) = (0, Vec::<Let>::new());
        for (pause, step) in steps {
            now += pause;
            match step {
                Step::Ask(things) => match bucket.fits(&rate, things, after(now)) {
                    Ok(()) => {
                        let mark = bucket.take(&rate, things, after(now));
                        all.push(Let { at: now, mark, took: things, used: things, open: true });
                    }
                    Err(Full::Ever) => prop_assert!(things > u64::from(burst)),
                    Err(Full::For(span)) => {
                        // After that time it fits, and not a microsecond before.
                        let at = now + u64::try_from(span.as_micros()).unwrap();
                        prop_assert_eq!(bucket.clone().fits(&rate, things, after(at)), Ok(()));
                        prop_assert!(bucket.clone().fits(&rate, things, after(at - 1)).is_err());
                    }
                },
                Step::End(back, hundredths) => {
                    let open: Vec<usize> = (0..all.len()).filter(|at| all[*at].open).collect();
                    let Some(at) = open.len().checked_sub(back + 1).map(|place| open[place]) else { continue };
                    let one = &mut all[at];
                    (one.open, one.used) = (false, one.took * hundredths / 100);
                    let (mark, less) = (one.mark, one.took - one.used);
                    bucket.close(&rate, mark, less, after(now));
                    prop_assert_eq!(bucket.level, replayed(&rate, &all, now));
                    prop_assert!(bucket.lows.len() <= all.iter().filter(|one| one.open).count() + 1);
                }
            }
        }
        for (begin, first) in all.iter().enumerate() {
            let mut sum = 0;
            for last in &all[begin..] {
                sum += last.used;
                let drained = (last.at - first.at) * rate.drain();
                prop_assert!(rate.units(sum) <= rate.whole() + drained, "{} from {} to {}", sum, first.at, last.at);
            }
        }
    }

    /// Where nothing is given back it is what `governor` does, to the microsecond: it keeps whole nanoseconds for one
    /// thing, so only rates that divide the minute can be compared.
    #[test]
    fn governor_lets_in_the_same(
        per_period in prop::sample::select(vec![1_u32, 2, 3, 10, 60, 120, 600, 6_000]),
        burst in 1..20_u32,
        asks in prop::collection::vec((0..20_000_000_u64, 1..6_u32), 1..60)
    ) {
        let (rate, mut bucket) = (rate(per_period, burst), Bucket::default());
        let some = |n| NonZeroU32::new(n).unwrap();
        let quota = Quota::per_minute(some(per_period)).allow_burst(some(burst));
        let clock = FakeRelativeClock::default();
        let judge = RateLimiter::direct_with_clock(quota, clock.clone()).with_middleware::<StateInformationMiddleware>();
        let mut now = 0;
        for (pause, things) in asks {
            now += pause;
            clock.advance(Duration::from_micros(pause));
            let ours = bucket.fits(&rate, u64::from(things), after(now));
            match judge.check_n(some(things)) {
                Err(_) => prop_assert_eq!(ours, Err(Full::Ever)),
                Ok(Err(not_until)) => {
                    prop_assert_eq!(ours, Err(Full::For(not_until.wait_time_from(clock.now()))));
                }
                Ok(Ok(state)) => {
                    prop_assert_eq!(ours, Ok(()));
                    bucket.take(&rate, u64::from(things), after(now));
                    prop_assert_eq!(bucket.left(&rate, after(now)), u64::from(state.remaining_burst_capacity()));
                }
            }
        }
    }
}
