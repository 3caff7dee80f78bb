//! How many messages left in any 24 hours. Pure: the store keeps the counts, this is the window over them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::core::DAY_STEP;
use crate::model::Timestamp;

/// The window.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A rolling count in steps of some minutes. A step counts until its last moment is a day old, so that the limit holds
/// in every window, and is used up a little longer than need be.
#[derive(Debug, Default)]
pub(super) struct Day {
    /// The number of each step since 1970, oldest first, and how many left in it.
    steps: VecDeque<(i64, u64)>,
    sum: u64,
    loaded: bool,
}

impl Day {
    /// Whether it knows what left before the process began.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// What left before, by step.
    pub(super) fn load(&mut self, counted: impl IntoIterator<Item = (i64, u64)>) {
        let mut steps: Vec<(i64, u64)> = counted.into_iter().filter(|(_, count)| *count > 0).collect();
        steps.sort_unstable();
        self.sum = steps.iter().map(|(_, count)| count).sum();
        self.steps = steps.into();
        self.loaded = true;
    }

    /// Whether one more may leave under this limit, or when one may.
    pub(super) fn ready(&mut self, limit: u64, now: Timestamp) -> Result<(), Timestamp> {
        while let Some((step, count)) = self.steps.front()
            && free_at(*step) <= now
        {
            self.sum -= count;
            self.steps.pop_front();
        }
        if self.sum < limit {
            return Ok(());
        }
        // As many of the oldest must leave the window as there are too many.
        let mut over = self.sum - limit + 1;
        for (step, count) in &self.steps {
            over = over.saturating_sub(*count);
            if over == 0 {
                return Err(free_at(*step));
            }
        }
        Err(now + DAY)
    }

    /// One leaves.
    pub(super) fn count(&mut self, now: Timestamp) {
        let step = step_of(now);
        self.sum += 1;
        match self.steps.back_mut() {
            Some((last, count)) if *last >= step => *count += 1,
            _ => self.steps.push_back((step, 1)),
        }
    }

    /// How many more may leave under this limit.
    pub(super) fn left(&self, limit: u64) -> u64 {
        limit.saturating_sub(self.sum)
    }
}

fn step_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY_STEP.as_millis() as i64)
}

/// When the last moment of a step is a day old.
fn free_at(step: i64) -> Timestamp {
    Timestamp::from_millis((step + 1) * DAY_STEP.as_millis() as i64) + DAY
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minute(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * 60_000)
    }

    #[test]
    fn what_is_used_up_comes_back_a_day_later() {
        let mut day = Day::default();
        day.load([]);
        for minutes in [3, 14, 15] {
            assert_eq!(day.ready(3, minute(minutes)), Ok(()));
            day.count(minute(minutes));
        }
        assert_eq!(day.left(3), 0);
        assert_eq!(day.ready(3, minute(20)), Err(minute(10 + 24 * 60)));
        assert_eq!(day.ready(2, minute(20)), Err(minute(20 + 24 * 60)));
        assert_eq!(day.ready(4, minute(20)), Ok(()));
        assert_eq!(day.ready(3, minute(10 + 24 * 60)), Ok(()));
        assert_eq!(day.left(3), 1);
    }

    #[test]
    fn a_restart_forgets_nothing() {
        let mut day = Day::default();
        day.load([(5, 2), (3, 7)]);
        assert_eq!(day.ready(9, minute(61)), Err(minute(40 + 24 * 60)));
        assert_eq!(day.ready(0, minute(61)), Err(minute(61) + DAY));
    }

    proptest! {
        /// Never more than the limit in any 24 hours.
        #[test]
        fn the_limit_holds_in_every_window(limit in 1_u64..20, waits in prop::collection::vec(0_i64..300, 1..200)) {
            let mut day = Day::default();
            let (mut now, mut left) = (0, Vec::new());
            for wait in waits {
                now += wait;
                if day.ready(limit, minute(now)).is_ok() {
                    day.count(minute(now));
                    left.push(now);
                }
                let window = left.iter().filter(|at| **at > now - 24 * 60).count();
                prop_assert!(window as u64 <= limit);
            }
        }
    }
}
