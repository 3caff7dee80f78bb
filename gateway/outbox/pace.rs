//! How fast an integration may go, and what holds it back: its rate, its app's, a person's, a provider's word, a
//! breaker, an operator. All in this process, because a work queue has one owner.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heliograph_connectors::channel::{Capabilities, Rate};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::model::{App, Id, Integration, Limits, Priority, Timestamp};

use super::adapt::Adapted;
use super::breaker::{BreakerPolicy, Closed, Gate, Pass, number};
use super::day::Day;
use super::fair::Shares;
use super::holds::{Holds, Why};
use super::limiter::{Limiter, Quantity};
use super::pair::Pairs;
use super::report::PaceNow;

/// When a provider counts as down, and how it is found to be back.
const BREAKER: BreakerPolicy = BreakerPolicy {
    failures: 5,
    pause: Duration::from_millis(500),
    pause_max: Duration::from_secs(30),
    full: 64,
};

/// A provider's answer is expected within this span: so many of its permits may be in use at once. More would only
/// mean more refusals when it lowers its limit.
const OPEN_SPAN: Duration = Duration::from_millis(100);

/// Requests open at one provider at once, whatever its pace.
const OPEN_MAX: usize = 256;

/// A rate that changed by less than this part of itself is not worth a new bucket.
const WORTH_IT: f64 = 0.01;

/// Who waits for a permit of their app and does not come for it in this time has lost their turn.
const TURN_LOST: Duration = Duration::from_millis(25);

/// How soon somebody whose turn it is not asks again.
const NEXT_TURN: Duration = Duration::from_millis(1);

/// How soon what an operator paused is looked at again.
const PAUSED_LOOK: Duration = Duration::from_millis(500);

/// Integrations waiting for a permit of their app that keep a place in the line.
const LINE_MAX: usize = 1024;

/// The present, by the calendar and by a clock that only runs forward.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) ticks: Duration,
}

/// Why a send may not leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing of the integration leaves before then.
    Until(Timestamp),
    /// Nothing of it leaves for so long: its pace, or its app's.
    For(Duration),
    /// Nothing more to this person for so long.
    Person(Duration),
    /// As many calls are out as may be while the provider is tried again.
    Full,
}

/// One integration's pace.
#[derive(Debug)]
pub(super) struct Pace {
    app: Id<App>,
    /// Requests open at the provider at once.
    open: Semaphore,
    /// One after the other they leave for it.
    door: Semaphore,
    gate: Arc<Gate>,
    flow: Mutex<Flow>,
}

#[derive(Debug)]
struct Flow {
    set: Quantity,
    limiter: Limiter,
    /// The same once more where a call is made. Between a permit and its call lies a commit, and what waited for one
    /// slow commit must not leave all at once.
    exit: Limiter,
    adapted: Adapted,
    pairs: Pairs,
    shares: Shares,
    parked_until: Timestamp,
    paused: bool,
    per_day: Option<u64>,
    day: Day,
    waits: u64,
    holds: Holds,
}

impl Pace {
    /// The pace of an integration on its channel. The limiter starts full.
    pub(super) fn new(integration: &Integration, channel: &Capabilities, now: Moment) -> Pace {
        let set = quantity_of(&integration.limits, &channel.rate);
        let pair = channel.pair.map(|rate| Quantity { per_second: rate.per_second, burst: rate.burst });
        Pace {
            app: integration.app.clone(),
            open: Semaphore::new(open_calls(set.per_second, channel.concurrency)),
            door: Semaphore::new(1),
            gate: Gate::new(BREAKER),
            flow: Mutex::new(Flow {
                set,
                limiter: Limiter::full(set, now.ticks),
                exit: Limiter::full(set, now.ticks),
                adapted: Adapted::at(set.per_second),
                pairs: Pairs::new(pair, now.ticks),
                shares: Shares::default(),
                parked_until: Timestamp::from_millis(0),
                paused: integration.paused,
                per_day: integration.limits.per_day,
                day: Day::default(),
                waits: 0,
                holds: Holds::default(),
            }),
        }
    }

    /// Takes over what is set now. What is queued notices nothing but the pace.
    pub(super) fn follow(&self, integration: &Integration, channel: &Capabilities, now: Moment) {
        let set = quantity_of(&integration.limits, &channel.rate);
        let mut flow = self.flow();
        flow.paused = integration.paused;
        flow.per_day = integration.limits.per_day;
        if flow.set == set {
            return;
        }
        let before = open_calls(flow.set.per_second, channel.concurrency);
        let more = open_calls(set.per_second, channel.concurrency).saturating_sub(before);
        self.open.add_permits(more);
        flow.set = set;
        flow.adapted.set(set.per_second);
        flow.go_on(now.ticks);
    }

    /// About how many permits a span of time brings.
    pub(super) fn permits_in(&self, span: Duration) -> usize {
        (self.flow().limiter.quantity().per_second * span.as_secs_f64()) as usize
    }

    /// Whether anything may leave at all now.
    pub(super) fn ready(&self, app: Option<&AppPace>, now: Moment) -> Result<(), Held> {
        let mut flow = self.flow();
        let ready = flow.ready(now).and_then(|()| match app {
            Some(app) => app.ready(now.ticks).map_err(|wait| (Why::App, Held::For(wait))),
            None => Ok(()),
        });
        flow.waits += u64::from(ready.is_err());
        ready.map_err(|held| flow.noted(held, now))
    }

    /// Takes the right to one call to this person: a permit of the integration, one of its app, one of the person's.
    pub(super) fn take(
        &self,
        app: Option<&AppPace>,
        integration: &str,
        destination: &str,
        now: Moment,
    ) -> Result<Pass, Held> {
        let mut flow = self.flow();
        flow.ready(now).map_err(|(_, held)| held)?;
        // A pass that is dropped again makes room for another. One person who can never be reached does not open the
        // breaker alone.
        let pass = self.gate.begin(number(destination), now.at).map_err(|closed| {
            flow.holds.note(Why::Broken, now.at);
            match closed {
                Closed::Until(until) => Held::Until(until),
                Closed::Full => Held::Full,
            }
        })?;
        flow.take(app, integration, destination, now)?;
        Ok(pass)
    }

    /// The same for a further piece of a message whose first was let through.
    pub(super) fn take_more(
        &self,
        app: Option<&AppPace>,
        integration: &str,
        destination: &str,
        now: Moment,
    ) -> Result<(), Held> {
        let mut flow = self.flow();
        flow.allowed(now).map_err(|held| flow.noted(held, now))?;
        flow.take(app, integration, destination, now)
    }

    /// What held the integration back since then, where that was long enough to be told.
    pub(super) fn held_since(&self, since: Timestamp, now: Timestamp) -> Option<String> {
        self.flow().holds.since(since, now)
    }

    /// The right to have one request open at the provider.
    pub(super) async fn open(&self) -> Option<SemaphorePermit<'_>> {
        self.open.acquire().await.ok()
    }

    /// Returns when a message may leave.
    pub(super) async fn leave(&self, began: Instant) {
        let _door = self.door.acquire().await;
        loop {
            let left = self.flow().exit.take(began.elapsed());
            let Err(wait) = left else { return };
            tokio::time::sleep(wait.min(PAUSED_LOOK)).await;
        }
    }

    /// Which of the priorities that wait goes next.
    pub(super) fn next(&self, waits: impl Fn(Priority) -> bool) -> Option<Priority> {
        self.flow().shares.next(waits)
    }

    /// The provider accepted a message to this person.
    pub(super) fn accepted(&self, destination: &str, now: Moment) {
        let mut flow = self.flow();
        flow.pairs.accepted(destination);
        if !flow.adapted.accepted(now.ticks) {
            return;
        }
        let (rate, kept) = (flow.adapted.rate(), flow.limiter.quantity().per_second);
        if rate >= flow.set.per_second || (rate - kept).abs() > kept * WORTH_IT {
            flow.go_on(now.ticks);
        }
    }

    /// The provider asked the whole integration to slow down, in answer to a call begun then.
    pub(super) fn throttled(&self, began: Duration, pause: Duration, now: Moment) {
        let mut flow = self.flow();
        flow.parked_until = flow.parked_until.max(now.at + pause);
        if flow.adapted.throttled(began, now.ticks) {
            flow.go_on(now.ticks);
        }
        flow.limiter.drain(now.ticks);
        flow.exit.drain(now.ticks);
    }

    /// The provider refused one message as too many to this person. How long they wait.
    pub(super) fn refused(&self, destination: &str, asked: Option<Duration>, now: Moment) -> Duration {
        self.flow().pairs.refused(destination, asked, now.ticks)
    }

    /// Whether it must be told first what left in the last day.
    pub(super) fn lacks_day(&self) -> bool {
        let flow = self.flow();
        flow.per_day.is_some() && !flow.day.is_loaded()
    }

    /// What left in the last day, by step.
    pub(super) fn load_day(&self, counted: Vec<(i64, u64)>) {
        self.flow().day.load(counted);
    }

    /// Until when the provider's word holds everything back.
    pub(super) fn parked_until(&self) -> Timestamp {
        self.flow().parked_until
    }

    /// How it stands.
    pub(super) fn now(&self, integration: &Id<Integration>, now: Moment) -> PaceNow {
        let mut flow = self.flow();
        let day = flow.day_ready(now.at).err();
        PaceNow {
            app: self.app.clone(),
            integration: integration.clone(),
            per_second: flow.set.per_second,
            rate: flow.adapted.rate(),
            left: flow.limiter.left(now.ticks),
            left_today: flow.per_day.map(|limit| flow.day.left(limit)),
            parked_until: day.map_or(flow.parked_until, |day| flow.parked_until.max(day)),
            paused: flow.paused,
            breaker: self.gate.state(),
            waits: flow.waits,
        }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flow {
    /// Goes on at the rate that holds now.
    fn go_on(&mut self, now: Duration) {
        let quantity = Quantity { per_second: self.adapted.rate(), burst: self.set.burst };
        self.limiter.change(quantity, now);
        self.exit.change(quantity, now);
    }

    /// Whether another message may leave, or why not.
    fn ready(&mut self, now: Moment) -> Result<(), (Why, Held)> {
        if self.paused {
            return Err((Why::Paused, Held::For(PAUSED_LOOK)));
        }
        self.allowed(now)
    }

    /// Whether another call may be made, be it for the rest of a message that began before an operator's pause.
    fn allowed(&mut self, now: Moment) -> Result<(), (Why, Held)> {
        if self.parked_until > now.at {
            return Err((Why::Asked, Held::Until(self.parked_until)));
        }
        self.day_ready(now.at).map_err(|until| (Why::Day, Held::Until(until)))?;
        self.limiter.ready(now.ticks).map_err(|wait| (Why::Rate, Held::For(wait)))
    }

    /// Remembers what held it back, for the timelines of what waits.
    fn noted(&mut self, (why, held): (Why, Held), now: Moment) -> Held {
        self.holds.note(why, now.at);
        held
    }

    fn day_ready(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        match self.per_day {
            Some(limit) if self.day.is_loaded() => self.day.ready(limit, now),
            _ => Ok(()),
        }
    }

    /// Takes from all three or from none: the integration's permit is known to be there, the person's is looked for
    /// last, when the app's is known to be there too.
    fn take(
        &mut self,
        app: Option<&AppPace>,
        integration: &str,
        destination: &str,
        now: Moment,
    ) -> Result<(), Held> {
        let mut line = app.map(AppPace::line);
        if let Some(line) = &mut line {
            line.turn(integration, now.ticks).map_err(|wait| {
                self.holds.note(Why::App, now.at);
                Held::For(wait)
            })?;
        }
        self.pairs.take(destination, now.ticks).map_err(Held::Person)?;
        self.limiter.take(now.ticks).map_err(Held::For)?;
        if self.per_day.is_some() {
            self.day.count(now.at);
        }
        match &mut line {
            Some(line) => line.take(now.ticks).map_err(Held::For),
            None => Ok(()),
        }
    }
}

/// The pace that all integrations of an app share, in whatever queue they are worked.
#[derive(Debug)]
pub(super) struct AppPace {
    line: Mutex<Line>,
}

/// A limiter and who waits for it, in the order of their turns, with the time they are expected to ask again.
#[derive(Debug)]
struct Line {
    limiter: Limiter,
    waiting: VecDeque<(String, Duration)>,
}

impl AppPace {
    pub(super) fn new(set: Quantity, now: Duration) -> AppPace {
        AppPace { line: Mutex::new(Line { limiter: Limiter::full(set, now), waiting: VecDeque::new() }) }
    }

    /// Takes over what is set now.
    pub(super) fn follow(&self, set: Quantity, now: Duration) {
        let mut line = self.line();
        if line.limiter.quantity() != set {
            line.limiter.change(set, now);
        }
    }

    fn ready(&self, now: Duration) -> Result<(), Duration> {
        self.line().limiter.ready(now)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Whether it is this integration's turn. If not, it stands in line, and is told when to ask again.
    fn turn(&mut self, integration: &str, now: Duration) -> Result<(), Duration> {
        while self.waiting.front().is_some_and(|(_, expected)| *expected + TURN_LOST < now) {
            self.waiting.pop_front();
        }
        let first = self.waiting.front().is_none_or(|(first, _)| first == integration);
        let wait = match self.limiter.ready(now) {
            Ok(()) if first => {
                self.waiting.pop_front();
                return Ok(());
            }
            Ok(()) => NEXT_TURN,
            Err(wait) => wait,
        };
        match self.waiting.iter_mut().find(|(known, _)| known == integration) {
            Some((_, expected)) => *expected = now + wait,
            None => self.waiting.push_back((integration.to_owned(), now + wait)),
        }
        // Who comes when the line is too long has no place in it, but asks again all the same.
        self.waiting.truncate(LINE_MAX);
        Err(wait)
    }

    fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.limiter.take(now)
    }
}

/// What is set, and where nothing is, what the channel usually takes.
fn quantity_of(limits: &Limits, usual: &Rate) -> Quantity {
    let (per_second, burst) = limits.pace(usual);
    Quantity { per_second, burst }
}

/// The pace an app is set to; none when nothing is.
pub(super) fn quantity_of_app(limits: &Limits) -> Option<Quantity> {
    let usual = Rate { per_second: limits.per_second?, burst: 1, pause: Duration::ZERO };
    Some(quantity_of(limits, &usual))
}

/// How many requests may be open: the channel's usual number, or what a faster pace needs.
fn open_calls(per_second: f64, usual: usize) -> usize {
    let permits = (per_second * OPEN_SPAN.as_secs_f64()) as usize;
    permits.clamp(usual, OPEN_MAX.max(usual))
}
