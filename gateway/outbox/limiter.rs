//! The pace of each integration: GCRA, in this process, because a work queue has one owner.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use heliograph_connectors::channel::Rate;

use crate::model::Limits;

/// One integration's pace.
#[derive(Debug)]
pub(super) struct Limiter {
    pace: (f64, u32),
    bucket: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl Limiter {
    /// The pace set for an integration; what is unset is the channel's.
    pub(super) fn new(limits: &Limits, usual: &Rate) -> Limiter {
        let pace = pace_of(limits, usual);
        let (per_second, burst) = pace;
        let period = Duration::from_secs_f64(1.0 / per_second);
        let quota = Quota::with_period(period.max(Duration::from_nanos(1)))
            .expect("a period is longer than nothing")
            .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        Limiter { pace, bucket: RateLimiter::direct(quota), clock: DefaultClock::default() }
    }

    /// Whether it still keeps the pace that is wanted now.
    pub(super) fn keeps(&self, limits: &Limits, usual: &Rate) -> bool {
        self.pace == pace_of(limits, usual)
    }

    /// Takes one permit, or says how long until there is one.
    pub(super) fn take(&self) -> Result<(), Duration> {
        self.bucket.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

fn pace_of(limits: &Limits, usual: &Rate) -> (f64, u32) {
    let per_second = limits.per_second.unwrap_or(usual.per_second);
    // A pace set without a burst must not inherit a burst longer than its own second.
    let burst = limits.burst.unwrap_or(match limits.per_second {
        Some(own) => (own.ceil() as u32).max(1),
        None => usual.burst,
    });
    (per_second, burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_leaves_at_once_and_then_the_pace_holds() {
        let usual = Rate { per_second: 1.0, burst: 1, pause: Duration::from_secs(1) };
        let limits = Limits { per_second: Some(2.0), burst: Some(3), per_day: None };
        let limiter = Limiter::new(&limits, &usual);
        assert!((0..3).all(|_| limiter.take().is_ok()));
        let wait = limiter.take().expect_err("the burst is spent");
        assert!(wait > Duration::from_millis(300) && wait <= Duration::from_millis(500), "{wait:?}");
        assert!(limiter.keeps(&limits, &usual) && !limiter.keeps(&Limits::default(), &usual));
    }
}
