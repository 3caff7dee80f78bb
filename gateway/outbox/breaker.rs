//! When to stop calling somebody who does not work, and how to begin again: pure, time comes in.
//!
//! Closed, everything may go. Several different jobs that fail one after the other open it: nobody calls for a
//! pause, which grows each time. Then one call probes; when that works, two may be open, then four, and so on until
//! it is closed again. [`Gate`] is a breaker that tasks share.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::Timestamp;

/// What makes a breaker open, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BreakerPolicy {
    /// So many different jobs must fail one after the other.
    pub(super) failures: usize,
    /// The pause after the first opening.
    pub(super) pause: Duration,
    /// The longest pause; each opening in a row doubles it until then.
    pub(super) pause_max: Duration,
    /// The ramp ends, and everything may go, after so many calls at once worked.
    pub(super) full: usize,
}

/// What tells those apart who may fail: people by their address, events by their id.
pub(super) fn number(one: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    one.hash(&mut hasher);
    hasher.finish()
}

/// What a call showed about whom it went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It works: it accepted, or it refused this one message, or it asked to slow down.
    Works,
    /// It does not: no connection, no answer in time, 5xx.
    Broken,
    /// No call was made.
    Nothing,
}

/// Why a call may not be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// Not before then.
    Until(Timestamp),
    /// As many calls are open as may be for now: when one has ended, ask again.
    Full,
}

/// What an operator is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls are made.
    Closed,
    /// None are.
    Open,
    /// A few are, to see whether it works again.
    HalfOpen,
}

#[derive(Debug)]
enum State {
    /// Whose calls failed since one worked. Fewer than the policy's `failures`.
    Closed { failed: Vec<u64> },
    /// Nobody calls.
    Open { until: Timestamp },
    /// So many calls may be open at once; so many worked since that is so.
    Ramp { width: usize, worked: usize },
}

/// A breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    policy: BreakerPolicy,
    state: State,
    /// Calls open that were begun since the last opening.
    calls: usize,
    /// Rises with each opening, so that what earlier calls come to proves nothing.
    round: u64,
    /// Openings since it was last closed.
    openings: u32,
}

impl Breaker {
    /// A closed one.
    pub(super) fn new(policy: BreakerPolicy) -> Breaker {
        Breaker { policy, state: State::Closed { failed: Vec::new() }, calls: 0, round: 0, openings: 0 }
    }

    /// Begins a call, or says why not. What it answers goes back into [`Breaker::ended`], whatever happens.
    pub(super) fn begin(&mut self, now: Timestamp) -> Result<u64, Closed> {
        match self.state {
            State::Open { until } if now < until => return Err(Closed::Until(until)),
            State::Open { .. } => self.state = State::Ramp { width: 1, worked: 0 },
            State::Ramp { width, .. } if self.calls >= width => return Err(Closed::Full),
            State::Ramp { .. } | State::Closed { .. } => {}
        }
        self.calls += 1;
        Ok(self.round)
    }

    /// A call came to its end. `whose` tells jobs apart: one that always fails does not open the breaker alone.
    pub(super) fn ended(&mut self, round: u64, whose: u64, seen: Seen, now: Timestamp) {
        if round != self.round {
            return;
        }
        self.calls -= 1;
        match seen {
            Seen::Works => self.worked(),
            Seen::Broken => self.broke(whose, now),
            Seen::Nothing => {}
        }
    }

    fn worked(&mut self) {
        match &mut self.state {
            State::Closed { failed } => failed.clear(),
            State::Open { .. } => {}
            State::Ramp { width, worked } => {
                *worked += 1;
                if *worked < *width {
                    return;
                }
                (*width, *worked) = (*width * 2, 0);
                if *width > self.policy.full {
                    self.state = State::Closed { failed: Vec::new() };
                    self.openings = 0;
                }
            }
        }
    }

    fn broke(&mut self, whose: u64, now: Timestamp) {
        if let State::Closed { failed } = &mut self.state {
            if !failed.contains(&whose) {
                failed.push(whose);
            }
            if failed.len() < self.policy.failures {
                return;
            }
        }
        let pause = self.policy.pause.saturating_mul(2_u32.saturating_pow(self.openings));
        self.state = State::Open { until: now + pause.min(self.policy.pause_max) };
        self.openings += 1;
        self.round += 1;
        self.calls = 0;
    }

    /// How it stands.
    pub(super) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Ramp { .. } => BreakerState::HalfOpen,
        }
    }
}

/// A breaker that tasks share. The lock is held for a few instructions and never across an await.
#[derive(Debug)]
pub(super) struct Gate {
    breaker: Mutex<Breaker>,
}

impl Gate {
    /// A closed one.
    pub(super) fn new(policy: BreakerPolicy) -> Arc<Gate> {
        Arc::new(Gate { breaker: Mutex::new(Breaker::new(policy)) })
    }

    /// Begins a call, or says why not.
    pub(super) fn begin(self: &Arc<Self>, whose: u64, now: Timestamp) -> Result<Pass, Closed> {
        let round = self.lock().begin(now)?;
        Ok(Pass { gate: Arc::clone(self), round: Some(round), whose })
    }

    /// How it stands.
    pub(super) fn state(&self) -> BreakerState {
        self.lock().state()
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one call. Dropped without [`Pass::ended`], because no call was made or its task panicked, it shows
/// nothing and makes room for another.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    round: Option<u64>,
    whose: u64,
}

impl Pass {
    /// The call came to its end.
    pub(super) fn ended(mut self, seen: Seen, now: Timestamp) {
        if let Some(round) = self.round.take() {
            self.gate.lock().ended(round, self.whose, seen, now);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(round) = self.round.take() {
            // The time counts only for an opening, and nothing seen opens nothing.
            self.gate.lock().ended(round, self.whose, Seen::Nothing, Timestamp::from_millis(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: BreakerPolicy = BreakerPolicy {
        failures: 3,
        pause: Duration::from_millis(100),
        pause_max: Duration::from_millis(500),
        full: 8,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn call(breaker: &mut Breaker, whose: u64, seen: Seen, now: i64) {
        let round = breaker.begin(at(now)).expect("a call may be made");
        breaker.ended(round, whose, seen, at(now));
    }

    /// A breaker that three different jobs opened at 0.
    fn opened() -> Breaker {
        let mut breaker = Breaker::new(POLICY);
        (0..3).for_each(|whose| call(&mut breaker, whose, Seen::Broken, 0));
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker
    }

    #[test]
    fn only_different_jobs_in_a_row_open_it() {
        let mut breaker = Breaker::new(POLICY);
        (0..50).for_each(|_| call(&mut breaker, 7, Seen::Broken, 0));
        call(&mut breaker, 8, Seen::Broken, 0);
        call(&mut breaker, 9, Seen::Works, 0);
        call(&mut breaker, 8, Seen::Broken, 0);
        call(&mut breaker, 9, Seen::Nothing, 0);
        call(&mut breaker, 9, Seen::Broken, 0);
        assert_eq!(breaker.state(), BreakerState::Closed);
        call(&mut breaker, 7, Seen::Broken, 0);
        assert_eq!(breaker.begin(at(99)), Err(Closed::Until(at(100))));
    }

    #[test]
    fn one_probes_then_the_ramp_doubles_until_it_is_closed() {
        let mut breaker = opened();
        let mut widths = Vec::new();
        while breaker.state() != BreakerState::Closed {
            let rounds: Vec<u64> = std::iter::from_fn(|| breaker.begin(at(100)).ok()).collect();
            assert_eq!(breaker.begin(at(100)), Err(Closed::Full));
            widths.push(rounds.len());
            rounds.into_iter().for_each(|round| breaker.ended(round, 0, Seen::Works, at(100)));
        }
        assert_eq!(widths, [1, 2, 4, 8]);
    }

    #[test]
    fn the_pause_doubles_up_to_its_bound_and_begins_anew_once_closed() {
        let mut breaker = opened();
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..5 {
            let Err(Closed::Until(until)) = breaker.begin(at(now)) else { panic!("it is open") };
            pauses.push(until.millis() - now);
            now = until.millis();
            call(&mut breaker, 0, Seen::Broken, now);
        }
        assert_eq!(pauses, [100, 200, 400, 500, 500]);
        now += 500;
        (0..15).for_each(|_| call(&mut breaker, 0, Seen::Works, now));
        assert_eq!(breaker.state(), BreakerState::Closed);
        (0..3).for_each(|whose| call(&mut breaker, whose, Seen::Broken, now));
        assert_eq!(breaker.begin(at(now)), Err(Closed::Until(at(now + 100))));
    }

    #[test]
    fn calls_from_before_the_opening_prove_nothing() {
        let mut breaker = Breaker::new(POLICY);
        let late = breaker.begin(at(0)).expect("closed");
        (0..3).for_each(|whose| call(&mut breaker, whose, Seen::Broken, 0));
        breaker.ended(late, 9, Seen::Works, at(50));
        assert_eq!(breaker.begin(at(50)), Err(Closed::Until(at(100))));
    }

    #[test]
    fn a_pass_that_was_not_used_makes_room() {
        let gate = Gate::new(POLICY);
        for whose in 0..3 {
            gate.begin(whose, at(0)).expect("closed").ended(Seen::Broken, at(0));
        }
        let probe = gate.begin(0, at(100)).expect("half open");
        assert_eq!(gate.begin(1, at(100)).err(), Some(Closed::Full));
        drop(probe);
        assert!(gate.begin(1, at(100)).is_ok());
    }

    proptest! {
        /// Whatever happens: never more calls than the ramp allows, no call during a pause, no pause too long, and
        /// a target that works again is reached again.
        #[test]
        fn it_holds_back_and_lets_go(steps in prop::collection::vec((0_u8..4, 0_u64..6, 0_i64..200), 1..200)) {
            let mut breaker = Breaker::new(POLICY);
            let mut open: Vec<u64> = Vec::new();
            let mut now = 0;
            for (what, whose, later) in steps {
                now += later;
                let before = breaker.state();
                match (what, open.pop()) {
                    (0, popped) => {
                        open.extend(popped);
                        match breaker.begin(at(now)) {
                            Ok(round) => open.push(round),
                            Err(Closed::Until(until)) => {
                                prop_assert!(before == BreakerState::Open && until > at(now));
                                prop_assert!(until <= at(now) + POLICY.pause_max);
                            }
                            Err(Closed::Full) => prop_assert!(before == BreakerState::HalfOpen),
                        }
                    }
                    (_, None) => {}
                    (1, Some(round)) => breaker.ended(round, whose, Seen::Works, at(now)),
                    (2, Some(round)) => breaker.ended(round, whose, Seen::Broken, at(now)),
                    (_, Some(round)) => breaker.ended(round, whose, Seen::Nothing, at(now)),
                }
                if let State::Ramp { width, .. } = breaker.state {
                    prop_assert!(width <= POLICY.full);
                    prop_assert!(breaker.calls <= width);
                }
            }
            open.drain(..).for_each(|round| breaker.ended(round, 0, Seen::Works, at(now)));
            now += POLICY.pause_max.as_millis() as i64;
            for _ in 0..16 {
                call(&mut breaker, 0, Seen::Works, now);
            }
            prop_assert_eq!(breaker.state(), BreakerState::Closed);
        }
    }
}
