//! The rate a provider turns out to take: halved when it says "slow down", and climbing back while it accepts. Pure.
//!
//! One excess is answered by many refusals, because many calls are open: only calls begun since the last cut count.
//! The climb is quick up to where the last cut was, slow around there, and quick again once that is passed.

use std::time::Duration;

/// Each second of accepted sends brings back so much of the rate that is set.
const CLIMB: f64 = 0.05;

/// The same near the rate that was refused last.
const CLIMB_NEAR: f64 = 0.002;

/// What counts as near: between so much below that rate and so much above.
const NEAR: f64 = 0.05;

/// It is not cut below so much of the rate that is set: a pause holds back what this lets through.
const LEAST: f64 = 1.0 / 64.0;

/// A pause in accepted sends brings nothing back but this.
const CLIMB_SPAN_MAX: Duration = Duration::from_secs(1);

/// A rate between almost nothing and what is set.
#[derive(Debug)]
pub(super) struct Adapted {
    set: f64,
    rate: f64,
    refused: Option<f64>,
    cut: Option<Duration>,
    climbed: Duration,
}

impl Adapted {
    /// The rate that is set.
    pub(super) fn at(set: f64) -> Adapted {
        Adapted { set, rate: set, refused: None, cut: None, climbed: Duration::ZERO }
    }

    /// Messages a second now.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// The provider refused a call begun then as too fast. Whether the rate was cut for it.
    pub(super) fn throttled(&mut self, began: Duration, now: Duration) -> bool {
        if self.cut.is_some_and(|cut| began <= cut) {
            return false;
        }
        self.refused = Some(self.rate);
        self.rate = (self.rate / 2.0).max(self.set * LEAST);
        self.cut = Some(now);
        self.climbed = now;
        true
    }

    /// The provider accepted. Whether the rate rose for it.
    pub(super) fn accepted(&mut self, now: Duration) -> bool {
        if self.rate >= self.set {
            return false;
        }
        let span = now.saturating_sub(self.climbed).min(CLIMB_SPAN_MAX);
        self.climbed = self.climbed.max(now);
        let near = |refused: f64| (1.0 - NEAR..=1.0 + NEAR).contains(&(self.rate / refused));
        let climb = if self.refused.is_some_and(near) { CLIMB_NEAR } else { CLIMB };
        self.rate = (self.rate + self.set * climb * span.as_secs_f64()).min(self.set);
        if self.rate >= self.set {
            self.refused = None;
        }
        true
    }

    /// Another rate is set. What was learned about the provider stays true.
    pub(super) fn set(&mut self, set: f64) {
        let cut = self.rate < self.set;
        self.rate = if cut { self.rate.min(set) } else { set };
        self.set = set;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn many_refusals_of_one_excess_halve_once() {
        let mut rate = Adapted::at(80.0);
        let cuts = (0..20).filter(|call| rate.throttled(at(100 + call), at(200))).count();
        assert_eq!((cuts, rate.rate()), (1, 40.0));
        assert!(
            !rate.throttled(at(200), at(300)),
            "a call begun before the cut says nothing about the new rate"
        );
        assert!(rate.throttled(at(201), at(300)));
        assert_eq!(rate.rate(), 20.0);
        (0..50).for_each(|more| assert!(rate.throttled(at(1000 + 2 * more), at(1001 + 2 * more))));
        assert_eq!(rate.rate(), 80.0 / 64.0);
    }

    #[test]
    fn it_climbs_while_accepted_up_to_what_is_set() {
        let mut rate = Adapted::at(100.0);
        rate.throttled(at(1), at(2));
        (1..=4).for_each(|second| assert!(rate.accepted(at(2 + 1000 * second))));
        assert!((rate.rate() - 70.0).abs() < 1e-9, "{}", rate.rate());
        // An hour without sends brings back no more than a second of them.
        rate.accepted(at(3_600_000));
        assert!((rate.rate() - 75.0).abs() < 1e-9, "{}", rate.rate());
        (1..600).for_each(|second| {
            rate.accepted(at(3_600_000 + 1000 * second));
        });
        assert_eq!(rate.rate(), 100.0);
        assert!(!rate.accepted(at(9_000_000)));
    }

    #[test]
    fn a_provider_that_halves_its_limit_is_found_and_kept_to() {
        let mut rate = Adapted::at(80.0);
        let (mut refusals, mut sent, mut now) = (0, 0, Duration::ZERO);
        // A provider that takes 40 a second, called at the rate for five minutes.
        while now < Duration::from_secs(300) {
            now += Duration::from_secs_f64(1.0 / rate.rate());
            if rate.rate() > 40.0 {
                refusals += 1;
                rate.throttled(now, now);
            } else {
                sent += 1;
                rate.accepted(now);
            }
        }
        assert!(refusals <= 24, "{refusals}");
        assert!(sent > 300 * 40 * 85 / 100, "{sent} of {}", 300 * 40);
    }

    #[test]
    fn another_rate_is_taken_over_at_once_unless_the_provider_knows_better() {
        let mut rate = Adapted::at(80.0);
        rate.set(10.0);
        assert_eq!(rate.rate(), 10.0);
        rate.set(100.0);
        assert_eq!(rate.rate(), 100.0);
        rate.throttled(at(1), at(2));
        rate.set(200.0);
        assert_eq!(rate.rate(), 50.0);
        rate.set(30.0);
        assert_eq!(rate.rate(), 30.0);
    }
}
