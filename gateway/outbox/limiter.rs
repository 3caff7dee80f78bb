//! A pace kept exactly: GCRA by `governor`, in this process, because a work queue has one owner. Time comes in.
//!
//! In any window, however long, no more permits are given than `rate × (window + GRAIN) + burst`, also when the rate
//! or the burst is changed on the way: a bucket that replaces another takes over what was in it, not a full one.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// A timer is late by up to so much. What was missed for it is made up for, or a fast pace with a small burst would
/// never be reached: at 1,000 a second a timer's millisecond is a whole message.
const GRAIN: Duration = Duration::from_millis(4);

/// One permit is so many of governor's cells, so that a bucket can hold the grain's fraction of one.
const CELLS: u32 = 16;

/// The slowest pace and the biggest burst: governor counts a bucket's time in nanoseconds of 64 bits.
const SLOWEST: f64 = 1e-3;
const BURST_MAX: u32 = 1_000_000;

/// How many messages may leave: so many a second in the long run, so many at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantity {
    /// A second, in the long run.
    pub(super) per_second: f64,
    /// At once.
    pub(super) burst: u32,
}

/// The time as it was last given.
#[derive(Debug, Clone, Default)]
struct Given(Arc<AtomicU64>);

impl Given {
    /// Time does not run backwards: callers read it before they wait for a lock.
    fn set(&self, now: Duration) {
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_max(nanos, Ordering::Relaxed);
    }
}

impl Clock for Given {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

type Cells = RateLimiter<NotKeyed, InMemoryState, Given, StateInformationMiddleware>;

/// Permits at a pace.
#[derive(Debug)]
pub(super) struct Limiter {
    quantity: Quantity,
    time: Given,
    cells: Cells,
    capacity: NonZeroU32,
    /// From when on there is a permit.
    ready: Duration,
    /// How many cells there were, and when that was.
    held: (u32, Duration),
}

impl Limiter {
    /// With the whole burst to give.
    pub(super) fn full(quantity: Quantity, now: Duration) -> Limiter {
        let time = Given::default();
        time.set(now);
        let grain = (quantity.per_second.min(1e6) * GRAIN.as_secs_f64() * f64::from(CELLS)) as u32;
        let burst = quantity.burst.clamp(1, BURST_MAX) * CELLS + grain;
        let capacity = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period(quantity.per_second))
            .expect("a period is longer than nothing")
            .allow_burst(capacity);
        let cells = RateLimiter::direct_with_clock(quota, time.clone()).with_middleware();
        Limiter { quantity, time, cells, capacity, ready: now, held: (burst, now) }
    }

    /// With nothing to give yet.
    pub(super) fn drained(quantity: Quantity, now: Duration) -> Limiter {
        let mut limiter = Limiter::full(quantity, now);
        limiter.remove(limiter.capacity.get());
        limiter
    }

    /// The pace it keeps.
    pub(super) fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// Takes one permit, or says how long until there is one.
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.ready(now)?;
        self.remove(CELLS);
        Ok(())
    }

    /// Whether there is a permit, or how long until there is one.
    pub(super) fn ready(&self, now: Duration) -> Result<(), Duration> {
        self.time.set(now);
        match self.ready.saturating_sub(self.time.now()) {
            Duration::ZERO => Ok(()),
            wait => Err(wait),
        }
    }

    /// Keeps another pace from now on, with what permits there were, as far as the new burst has room for them.
    pub(super) fn change(&mut self, quantity: Quantity, now: Duration) {
        self.time.set(now);
        let now = self.time.now();
        let left = match self.cells.check() {
            Ok(state) => state.remaining_burst_capacity() + 1,
            Err(_) => 0,
        };
        let mut changed = Limiter::full(quantity, now);
        changed.remove(changed.capacity.get().saturating_sub(left));
        *self = changed;
    }

    /// Throws away what permits there are.
    pub(super) fn drain(&mut self, now: Duration) {
        self.time.set(now);
        *self = Limiter::drained(self.quantity, self.time.now());
    }

    /// Permits there are now, for people.
    pub(super) fn left(&self, now: Duration) -> u32 {
        let (held, since) = self.held;
        let period = period(self.quantity.per_second).as_secs_f64();
        let gained = (now.saturating_sub(since).as_secs_f64() / period) as u32;
        let cells = held.saturating_add(gained).min(self.capacity.get());
        (cells / CELLS).min(self.quantity.burst.max(1))
    }

    /// Takes cells that are known to be there, and looks when the next permit is: now, or when a second taking at
    /// the same moment, which therefore takes nothing, is told to come back.
    fn remove(&mut self, cells: u32) {
        let now = self.time.now();
        let Some(cells) = NonZeroU32::new(cells) else { return };
        let left = match self.cells.check_n(cells) {
            Ok(Ok(state)) => state.remaining_burst_capacity(),
            Ok(Err(_)) | Err(_) => 0,
        };
        self.held = (left, now);
        self.ready = now;
        if left < CELLS
            && let Some(cells) = NonZeroU32::new(CELLS)
            && let Ok(Err(not_yet)) = self.cells.check_n(cells)
        {
            self.ready = not_yet.earliest_possible();
        }
    }
}

/// The same pace for each of many keys. Keys at rest take no room: they are forgotten now and then, and what is not at
/// rest is bounded by what can be taken while a burst grows back.
#[derive(Debug)]
pub(super) struct Keyed {
    time: Given,
    keys: RateLimiter<String, HashMapStateStore<String>, Given, NoOpMiddleware<Duration>>,
    until_cleared: usize,
}

/// Keys at rest are looked for after so many takes.
const CLEARED_EVERY: usize = 10_000;

impl Keyed {
    /// With the whole burst to give to each.
    pub(super) fn new(quantity: Quantity, now: Duration) -> Keyed {
        let time = Given::default();
        time.set(now);
        let period = period(quantity.per_second) * CELLS;
        let quota = Quota::with_period(period)
            .expect("a period is longer than nothing")
            .allow_burst(NonZeroU32::new(quantity.burst.min(BURST_MAX)).unwrap_or(NonZeroU32::MIN));
        let keys = RateLimiter::new(quota, HashMapStateStore::default(), time.clone());
        Keyed { time, keys, until_cleared: CLEARED_EVERY }
    }

    /// Takes one permit of a key, or says how long until there is one.
    pub(super) fn take(&mut self, key: &str, now: Duration) -> Result<(), Duration> {
        self.time.set(now);
        self.until_cleared -= 1;
        if self.until_cleared == 0 {
            self.until_cleared = CLEARED_EVERY;
            self.keys.retain_recent();
            self.keys.shrink_to_fit();
        }
        self.keys.check_key(&key.to_owned()).map_err(|not_yet| not_yet.wait_time_from(self.time.now()))
    }
}

/// The time in which a cell grows back, rounded so that the pace is never exceeded.
fn period(per_second: f64) -> Duration {
    let nanos = 1e9 / (per_second.max(SLOWEST) * f64::from(CELLS));
    Duration::from_nanos((nanos.ceil() as u64).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Takes whatever there is, looking every `step`, and answers when it got permits.
    fn drawn(limiter: &mut Limiter, from: Duration, until: Duration, step: Duration) -> Vec<Duration> {
        let mut taken = Vec::new();
        let mut now = from;
        while now < until {
            while limiter.take(now).is_ok() {
                taken.push(now);
            }
            now += step;
        }
        taken
    }

    #[test]
    fn a_burst_leaves_at_once_and_then_the_pace_holds() {
        let mut limiter = Limiter::full(Quantity { per_second: 2.0, burst: 3 }, Duration::ZERO);
        assert!((0..3).all(|_| limiter.take(Duration::ZERO).is_ok()));
        let wait = limiter.take(Duration::ZERO).expect_err("the burst is spent");
        assert!(wait > millis(480) && wait <= millis(500), "{wait:?}");
        assert_eq!(limiter.left(Duration::ZERO), 0);
        assert_eq!(limiter.left(millis(1000)), 2);
        assert_eq!(limiter.left(millis(9000)), 3);
    }

    #[test]
    fn a_late_timer_costs_nothing_even_with_a_burst_of_one() {
        for per_second in [80.0, 1000.0] {
            let mut limiter = Limiter::full(Quantity { per_second, burst: 1 }, Duration::ZERO);
            let taken =
                drawn(&mut limiter, Duration::ZERO, Duration::from_secs(60), Duration::from_micros(2300));
            let expected = per_second * 60.0;
            assert!(
                (taken.len() as f64 - expected).abs() < expected / 100.0,
                "{} of {expected}",
                taken.len()
            );
        }
    }

    #[test]
    fn what_replaces_a_bucket_is_not_full() {
        let mut limiter = Limiter::full(Quantity { per_second: 10.0, burst: 10 }, Duration::ZERO);
        assert_eq!(drawn(&mut limiter, Duration::ZERO, millis(1), millis(1)).len(), 10);
        limiter.change(Quantity { per_second: 20.0, burst: 40 }, millis(1));
        assert_eq!(drawn(&mut limiter, millis(1), millis(2), millis(1)).len(), 0);
        let mut limiter = Limiter::full(Quantity { per_second: 10.0, burst: 10 }, Duration::ZERO);
        limiter.change(Quantity { per_second: 20.0, burst: 4 }, millis(1));
        assert_eq!(drawn(&mut limiter, millis(1), millis(2), millis(1)).len(), 4);
        limiter.drain(millis(500));
        assert_eq!(drawn(&mut limiter, millis(500), millis(501), millis(1)).len(), 0);
    }

    #[test]
    fn keys_at_rest_are_forgotten() {
        let mut keyed = Keyed::new(Quantity { per_second: 1.0, burst: 1 }, Duration::ZERO);
        for key in 0..CLEARED_EVERY - 1 {
            assert!(keyed.take(&key.to_string(), Duration::ZERO).is_ok());
        }
        assert!(keyed.take("0", Duration::ZERO).is_err());
        assert_eq!(keyed.keys.len(), CLEARED_EVERY - 1);
        for _ in 0..CLEARED_EVERY {
            let _ = keyed.take("0", Duration::from_secs(60));
        }
        assert_eq!(keyed.keys.len(), 1);
    }

    /// What happens to a limiter in the property below.
    #[derive(Debug, Clone)]
    enum Step {
        Wait(u64),
        Take(usize),
        Change(f64, u32),
        Drain,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1_u64..400_000).prop_map(Step::Wait),
            4 => (1_usize..60).prop_map(Step::Take),
            1 => ((1_u32..2000), (1_u32..40)).prop_map(|(rate, burst)| Step::Change(f64::from(rate), burst)),
            1 => Just(Step::Drain),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// In any window: the pace's integral over it, the grain's worth, and the biggest burst, never more.
        #[test]
        fn never_more_than_quota_and_burst_in_any_window(steps in prop::collection::vec(step(), 1..120)) {
            let mut now = Duration::ZERO;
            let mut quantity = Quantity { per_second: 100.0, burst: 10 };
            let mut limiter = Limiter::full(quantity, now);
            // When permits were taken, and how much the pace had brought until then.
            let mut taken: Vec<(f64, Duration)> = Vec::new();
            let (mut brought, mut most) = (0.0, Quantity { per_second: 100.0, burst: 10 });
            for step in steps {
                match step {
                    Step::Wait(micros) => {
                        now += Duration::from_micros(micros);
                        brought += quantity.per_second * Duration::from_micros(micros).as_secs_f64();
                    }
                    Step::Take(count) => {
                        let got = (0..count).take_while(|_| limiter.take(now).is_ok()).count();
                        taken.extend(std::iter::repeat_n((brought, now), got));
                    }
                    Step::Change(per_second, burst) => {
                        quantity = Quantity { per_second, burst };
                        most.per_second = most.per_second.max(per_second);
                        most.burst = most.burst.max(burst);
                        limiter.change(quantity, now);
                    }
                    Step::Drain => limiter.drain(now),
                }
            }
            let slack = most.per_second * GRAIN.as_secs_f64() + f64::from(most.burst) + 1e-6;
            for (first, (from, began)) in taken.iter().enumerate() {
                for (last, (until, ended)) in taken.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as f64;
                    prop_assert!(count <= until - from + slack, "{count} between {began:?} and {ended:?}");
                }
            }
        }

        /// Whoever asks again when told to, and not before, gets one.
        #[test]
        fn a_wait_is_long_enough(rate in 1_u32..5000, burst in 1_u32..50, takes in 1_usize..200) {
            let mut limiter = Limiter::full(Quantity { per_second: f64::from(rate), burst }, Duration::ZERO);
            let mut now = Duration::ZERO;
            for _ in 0..takes {
                if let Err(wait) = limiter.take(now) {
                    prop_assert!(limiter.take(now + wait - Duration::from_nanos(1)).is_err());
                    now += wait;
                    prop_assert!(limiter.take(now).is_ok());
                }
            }
        }
    }
}
