//! One loop per work queue: look which groups have work, claim as much as their pace allows, perform it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{error, warn};

use crate::core::CoreError;
use crate::model::{App, Id, Job, Priority, Timestamp, Work};
use crate::store::{Epoch, Queue, Retry, Settlement, StoreError};

use super::breaker::Pass;
use super::fair::{Places, Turns};
use super::pace::{AppPace, Held, Pace};
use super::{Claim, Outbox, STORE_PAUSE};

/// Jobs of one queue in progress at once: bounds memory and the load on the store.
const IN_PROGRESS_MAX: usize = 1024;

/// Jobs of one integration in progress at once, so that a slow one leaves room for the others of its queue.
const PACED_IN_PROGRESS_MAX: usize = 256;

/// The same for what is not paced and so is spread over eight queues, webhooks and files. A receiver that answers
/// slowly fills these places and no others; one that is quick needs them, since each waits for the store most of the
/// time.
const SPREAD_IN_PROGRESS_MAX: usize = 96;

/// Groups looked at per round, besides those that are known to be held back.
const GROUPS_MAX: usize = 512;

/// When so many units are held back, they are stepped over until their time comes.
const HELD_MANY: usize = GROUPS_MAX / 2;

/// Jobs are claimed ahead of a limiter's permission for about this long, so that claiming does not set the pace.
const AHEAD: Duration = Duration::from_millis(250);

/// The loop looks again after this long even when nothing woke it.
const SWEEP: Duration = Duration::from_secs(15);

/// What is held back is looked at again so soon, whatever holds it: an operator may change that any moment.
const HELD_LOOK: Duration = Duration::from_millis(500);

/// Places that must come free before those who found none are asked again: one claim for many jobs.
const FREED: usize = 16;

/// How long a job rests whose performance panicked.
const PANIC_PAUSE: Duration = Duration::from_secs(60);

/// The state of one queue's loop.
struct Worker {
    outbox: Arc<Outbox>,
    queue: Queue,
    epoch: Epoch,
    tasks: JoinSet<()>,
    running: HashMap<tokio::task::Id, Arc<Job>>,
    places: Places,
    /// Jobs claimed and not begun, by group.
    ahead: HashMap<String, VecDeque<Job>>,
    /// Units that the last round left work of behind, for want of room, with the places they held.
    full: HashMap<String, usize>,
    /// Places that were free when somebody was left behind who held none that could come free.
    crowded: Option<usize>,
    /// Integrations whose provider is being tried again: each answer may let more go.
    probing: HashSet<String>,
    /// Units that are held back, and for how long by the outbox's clock. They must not hide those behind them.
    held: HashMap<String, Duration>,
    /// The groups with work as the store was last seen, with the time their earliest is due.
    known: Vec<(String, Timestamp)>,
    /// Whether the store must be looked at again to know them.
    looks: bool,
    /// When it was looked at, by the outbox's clock.
    looked: Duration,
}

/// What takes turns: an integration with all its priorities, or another group.
#[derive(Debug)]
struct Unit {
    /// The integration, or the group.
    name: String,
    app: Option<Id<App>>,
    pace: Option<(Arc<Pace>, Option<Arc<AppPace>>)>,
    /// Those with work: the priority, and its group.
    groups: Vec<(Priority, String)>,
}

/// What is done with a claimed job.
enum Errand {
    /// It is performed, with the right to one call.
    Perform(Option<Pass>),
    /// It is given back: the person it is for has to wait so long.
    PutOff(Duration),
}

/// How a unit's turn ended.
enum Turn {
    /// It has more.
    Again,
    /// It has no more, or must wait until somebody makes room.
    Over,
    /// It has more, but not before then.
    After(Duration),
}

impl Outbox {
    /// Works a queue until the outbox is stopped; what is in progress then is finished first.
    pub async fn work(self: Arc<Self>, queue: Queue) {
        let Some(epoch) = self.lease(queue).await else { return };
        let bell = self.store.bell(queue);
        let stop = self.stop.clone();
        let mut worker = Worker {
            outbox: self,
            queue,
            epoch,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            places: Places::new(IN_PROGRESS_MAX),
            ahead: HashMap::new(),
            full: HashMap::new(),
            crowded: None,
            probing: HashSet::new(),
            held: HashMap::new(),
            known: Vec::new(),
            looks: true,
            looked: Duration::ZERO,
        };
        while !stop.is_cancelled() {
            // Listen before looking, so that work arriving in between is not slept over.
            let mut rung = std::pin::pin!(bell.notified());
            // All that ended makes room, however often the bell rings.
            while let Some(ended) = worker.tasks.try_join_next_with_id() {
                worker.ended(ended).await;
            }
            let pause = match worker.round().await {
                Ok(pause) => pause,
                Err(StoreError::Lost) => {
                    error!(?queue, "another gateway took the work over, this one stops");
                    return stop.cancel();
                }
                Err(error) => {
                    warn!(?queue, %error, "looking for work failed");
                    worker.looks = true;
                    STORE_PAUSE
                }
            };
            let mut rest = std::pin::pin!(tokio::time::sleep(pause));
            // What only waited for its pace is known: the store need not be asked a thousand times a second.
            worker.looks |= loop {
                tokio::select! {
                    () = &mut rung => break true,
                    () = &mut rest => break false,
                    () = stop.cancelled() => break true,
                    Some(ended) = worker.tasks.join_next_with_id() => {
                        if worker.ended(ended).await {
                            break true;
                        }
                    }
                }
            };
        }
        while let Some(ended) = worker.tasks.join_next_with_id().await {
            worker.ended(ended).await;
        }
    }

    async fn lease(&self, queue: Queue) -> Option<Epoch> {
        while !self.stop.is_cancelled() {
            match self.store.lease(queue).await {
                Ok(epoch) => return Some(epoch),
                Err(error) => warn!(?queue, %error, "a queue could not be leased"),
            }
            tokio::time::sleep(STORE_PAUSE).await;
        }
        None
    }
}

impl Worker {
    /// Starts whatever may start now. How long there is nothing more to start.
    async fn round(&mut self) -> Result<Duration, StoreError> {
        let now = self.outbox.core.now();
        let mut pause = SWEEP;
        self.full.clear();
        self.crowded = None;
        self.probing.clear();
        let ticks = self.outbox.began.elapsed();
        self.held.retain(|_, until| *until > ticks);
        let stepped_over = if self.held.len() < HELD_MANY { HashMap::new() } else { self.held.clone() };
        pause = stepped_over.values().fold(pause, |pause, until| pause.min(*until - ticks));
        let mut units: Vec<Unit> = Vec::new();
        for group in self.ahead.keys().filter(|group| !stepped_over.contains_key(unit_of(group))) {
            self.outbox.join(&mut units, group);
        }
        let (limit, held_before) = (GROUPS_MAX + Priority::ALL.len() * self.held.len(), self.held.len());
        if self.looks || ticks.saturating_sub(self.looked) >= SWEEP {
            self.looked = ticks;
            self.known = self.outbox.store.groups(self.queue, limit).await?;
        }
        let mut is_cut = self.known.len() == limit && self.known.last().is_some_and(|(_, due)| *due <= now);
        let most = units.len() + GROUPS_MAX;
        for (group, due) in &self.known {
            if *due > now {
                pause = pause.min(due.since(now));
                break;
            }
            if stepped_over.contains_key(unit_of(group)) {
                continue;
            }
            if units.len() == most {
                is_cut = true;
                break;
            }
            self.outbox.join(&mut units, group);
        }
        self.looks = false;
        let mut turns = Turns::new();
        units.into_iter().for_each(|unit| turns.add(unit.app.clone(), unit));
        while let Some((app, mut unit)) = turns.next() {
            // Alone, nobody is kept waiting by a long turn.
            let starts = if turns.is_empty() { usize::MAX } else { 1 };
            match self.turn(&mut unit, starts, now).await? {
                Turn::Again => turns.add(app, unit),
                Turn::Over => {}
                Turn::After(wait) => pause = pause.min(wait),
            }
        }
        // A claim that found less than it asked for, or the next look goes further by as many as are held.
        if self.looks || (is_cut && self.held.len() > held_before) {
            pause = Duration::ZERO;
        }
        self.looks |= is_cut;
        Ok(pause.max(Duration::from_millis(1)))
    }

    /// Starts so many of a unit's jobs, or as many as may start.
    async fn turn(&mut self, unit: &mut Unit, starts: usize, now: Timestamp) -> Result<Turn, StoreError> {
        if let Some((pace, _)) = &unit.pace
            && pace.lacks_day()
        {
            self.outbox.load_day(unit, pace).await?;
        }
        for _ in 0..starts {
            if let Some((pace, app)) = &unit.pace
                && let Err(held) = pace.ready(app.as_deref(), self.outbox.moment())
            {
                return Ok(self.held(unit, held));
            }
            let room = self.room(unit);
            if room == 0 {
                return Ok(Turn::Over);
            }
            self.claim_ahead(unit, room, now).await?;
            let Some(job) = self.next_job(unit) else { return Ok(Turn::Over) };
            if let Err(held) = self.start(unit, job) {
                return Ok(self.held(unit, held));
            }
        }
        Ok(Turn::Again)
    }

    /// How many more jobs of a unit may be in progress. When none, it is remembered what must happen first.
    fn room(&mut self, unit: &Unit) -> usize {
        let room = self.places.room(unit.app.as_ref(), &unit.name, unit.most());
        if room == 0 {
            let held = self.places.held(&unit.name);
            self.full.insert(unit.name.clone(), held);
            if held < unit.most() {
                self.crowded = Some(self.crowded.unwrap_or(0).max(self.places.free()));
            }
        }
        room
    }

    /// Claims work of those groups of a unit of which none is at hand.
    async fn claim_ahead(&mut self, unit: &mut Unit, room: usize, now: Timestamp) -> Result<(), StoreError> {
        let ahead = unit.pace.as_ref().map_or(room, |(pace, _)| pace.permits_in(AHEAD).clamp(1, room));
        let mut with_work = Vec::with_capacity(unit.groups.len());
        for (priority, group) in unit.groups.drain(..) {
            if self.ahead.get(&group).is_none_or(VecDeque::is_empty) {
                let claimed = self.outbox.store.claim(self.queue, self.epoch, &group, now, ahead).await?;
                // When its next is due is not known.
                self.looks |= claimed.len() < ahead;
                if claimed.is_empty() {
                    self.ahead.remove(&group);
                    continue;
                }
                self.ahead.insert(group.clone(), claimed.into());
            }
            with_work.push((priority, group));
        }
        unit.groups = with_work;
        Ok(())
    }

    /// The job whose turn it is within a unit.
    fn next_job(&mut self, unit: &Unit) -> Option<Job> {
        let group_of = |wanted| unit.groups.iter().find(|(priority, _)| *priority == wanted);
        let (_, group) = match &unit.pace {
            Some((pace, _)) if unit.groups.len() > 1 => {
                group_of(pace.next(|priority| group_of(priority).is_some())?)?
            }
            _ => unit.groups.first()?,
        };
        self.ahead.get_mut(group)?.pop_front()
    }

    /// Starts a job, or keeps it for later and says what holds it back.
    fn start(&mut self, unit: &Unit, job: Job) -> Result<(), Held> {
        let Some((pace, app)) = &unit.pace else {
            match self.outbox.admit(&job) {
                Ok(pass) => self.spawn(unit, job, Errand::Perform(pass)),
                Err(held) => {
                    self.ahead.entry(job.group.clone()).or_default().push_front(job);
                    return Err(held);
                }
            }
            return Ok(());
        };
        match pace.take(app.as_deref(), &unit.name, job.destination(), self.outbox.moment()) {
            Ok(pass) => self.spawn(unit, job, Errand::Perform(Some(pass))),
            // Only this person waits: the job goes back, and what is for others goes on.
            Err(Held::Person(wait)) => self.spawn(unit, job, Errand::PutOff(wait)),
            Err(held) => {
                self.ahead.entry(job.group.clone()).or_default().push_front(job);
                return Err(held);
            }
        }
        Ok(())
    }

    fn spawn(&mut self, unit: &Unit, job: Job, errand: Errand) {
        self.places.take(&job.app, &unit.name);
        let (outbox, job) = (self.outbox.clone(), Arc::new(job));
        let (queue, epoch, performed) = (self.queue, self.epoch, job.clone());
        let task = self.tasks.spawn(async move {
            let claim = Claim { queue, epoch, job: &performed };
            match errand {
                Errand::Perform(pass) => outbox.perform(claim, pass).await,
                Errand::PutOff(wait) => outbox.put_off(claim, wait).await,
            }
        });
        self.running.insert(task.id(), job);
    }

    /// When a unit that is held back is to be looked at again.
    fn held(&mut self, unit: &Unit, held: Held) -> Turn {
        let wait = match held {
            Held::Until(until) => until.since(self.outbox.core.now()),
            Held::For(wait) | Held::Person(wait) => wait,
            Held::Full => {
                self.probing.insert(unit.name.clone());
                return Turn::Over;
            }
        };
        let wait = wait.min(HELD_LOOK);
        self.held.insert(unit.name.clone(), self.outbox.began.elapsed() + wait);
        Turn::After(wait)
    }

    /// A task came to its end, well or not. Whether that makes room enough to be worth a look at the store.
    async fn ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) -> bool {
        let (id, panicked) = match &ended {
            Ok((id, ())) => (*id, false),
            Err(error) => (error.id(), true),
        };
        let Some(job) = self.running.remove(&id) else { return false };
        let unit = unit_of(&job.group);
        self.places.give(&job.app, unit);
        if panicked {
            error!(job = %job.id, "performing a job panicked");
            let due = self.outbox.core.now() + PANIC_PAUSE;
            let retry = Retry { due, attempt: job.attempt + 1, keeps_lane: true };
            let claim = Claim { queue: self.queue, epoch: self.epoch, job: &job };
            self.outbox.settle_alone(claim, Settlement::Again(retry)).await;
        }
        // Room is refilled by halves: one claim for many jobs instead of one for each.
        let has_room = self.full.get(unit).is_some_and(|held| self.places.held(unit) <= held / 2);
        let freed =
            self.crowded.is_some_and(|free| self.places.free() >= free + FREED || self.tasks.is_empty());
        has_room || freed || self.probing.contains(unit)
    }
}

impl Unit {
    /// Jobs of it in progress at once.
    fn most(&self) -> usize {
        if self.pace.is_some() { PACED_IN_PROGRESS_MAX } else { SPREAD_IN_PROGRESS_MAX }
    }
}

/// The unit a group belongs to: all priorities of an integration are one.
pub(super) fn unit_of(group: &str) -> &str {
    Priority::of_group(group).map_or(group, |(integration, _)| integration)
}

impl Outbox {
    /// Adds a group with work to its unit.
    fn join(&self, units: &mut Vec<Unit>, group: &str) {
        let name = unit_of(group);
        let priority = Priority::of_group(group).map_or(Priority::Normal, |(_, priority)| priority);
        if let Some(unit) = units.iter_mut().find(|unit| unit.name == name) {
            if unit.groups.iter().all(|(known, _)| *known != priority) {
                unit.groups.push((priority, group.to_owned()));
            }
            return;
        }
        let app = self.settings.owner(&Id::new(Job::integration(group))).map(|tenant| tenant.app.id.clone());
        let groups = vec![(priority, group.to_owned())];
        units.push(Unit { name: name.to_owned(), app, pace: self.pace(group), groups });
    }

    /// Reads what an integration sent in the last day.
    async fn load_day(&self, unit: &Unit, pace: &Pace) -> Result<(), StoreError> {
        let Some(app) = &unit.app else { return Ok(()) };
        match self.core.sent_lately(app, &Id::new(&*unit.name)).await {
            Ok(counted) => pace.load_day(counted),
            Err(CoreError::Store(error)) => return Err(error),
            Err(error) => warn!(integration = unit.name, %error, "what left in the last day is not known"),
        }
        Ok(())
    }

    async fn perform(&self, claim: Claim<'_>, pass: Option<Pass>) {
        match &claim.job.work {
            Work::Send { delivery } => {
                // Of all errands the one that needs most room, three times that of an announcement.
                let seen = Box::pin(self.send(claim, delivery)).await;
                if let Some(pass) = pass {
                    pass.ended(seen, self.core.now());
                }
            }
            Work::Announce { webhook, event } => self.announce(claim, webhook, event, pass).await,
            Work::Fetch { media } => self.fetch(claim, media).await,
            Work::Unlink { place } => self.unlink(claim, place).await,
            Work::Expire { user, client } => self.expire(claim, user, client).await,
            Work::Move { from, user, to } => self.move_history(claim, from, user, to.as_ref()).await,
            Work::Adopt { user } => self.adopt(claim, user).await,
            Work::ShowMenu { integration } => self.show_menu(claim, integration).await,
            Work::Act(act) => self.act(claim, act).await,
            Work::Sweep { conversation, up_to } => self.sweep(claim, conversation, *up_to).await,
            Work::Prune { conversation } => self.prune(claim, conversation).await,
            Work::Erase { user } => self.erase(claim, user).await,
            Work::Blank { user, at } => self.blank(claim, user, *at).await,
            Work::EraseApp => self.erase_app(claim).await,
        }
    }
}
