//! One loop per work queue: look which groups have work, claim as much as their pace allows, perform it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{error, warn};

use crate::model::{Job, Timestamp, Work};
use crate::store::{Epoch, Queue, Retry, Settlement, StoreError};

use super::breaker::Pass;
use super::receivers::Admitted;
use super::{Claim, Outbox, STORE_PAUSE};

/// Jobs of one queue in progress at once: bounds memory and the load on the store.
const IN_PROGRESS_MAX: usize = 768;

/// Jobs of one group in progress at once, so that a slow one leaves room for the others of its queue.
const GROUP_IN_PROGRESS_MAX: usize = 256;

/// The same for what is not paced and so is spread over eight queues, webhooks and files: a receiver that answers
/// slowly fills these places and no others.
const SPREAD_IN_PROGRESS_MAX: usize = 8;

/// So many of those are claimed at once.
const SPREAD_AHEAD: usize = 16;

/// Groups looked at per round.
const GROUPS_MAX: usize = 512;

/// Jobs are claimed ahead of a limiter's permission for about this long, so that claiming does not set the pace.
const AHEAD: Duration = Duration::from_millis(50);

/// The loop looks again after this long even when nothing woke it.
const SWEEP: Duration = Duration::from_secs(15);

/// How long a job rests whose performance panicked.
const PANIC_PAUSE: Duration = Duration::from_secs(60);

/// The state of one queue's loop.
struct Worker {
    outbox: Arc<Outbox>,
    queue: Queue,
    epoch: Epoch,
    tasks: JoinSet<String>,
    running: HashMap<tokio::task::Id, Job>,
    busy: HashMap<String, usize>,
    ahead: HashMap<String, VecDeque<Job>>,
    /// Groups that the last round left work of behind, for want of room.
    full: HashSet<String>,
    /// Whether other groups took that room.
    crowded: bool,
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
            busy: HashMap::new(),
            ahead: HashMap::new(),
            full: HashSet::new(),
            crowded: false,
        };
        while !stop.is_cancelled() {
            // Listen before looking, so that work arriving in between is not slept over.
            let mut rung = std::pin::pin!(bell.notified());
            let pause = match worker.round().await {
                Ok(pause) => pause,
                Err(StoreError::Lost) => {
                    error!(?queue, "another gateway took the work over, this one stops");
                    return stop.cancel();
                }
                Err(error) => {
                    warn!(?queue, %error, "looking for work failed");
                    STORE_PAUSE
                }
            };
            let mut rest = std::pin::pin!(tokio::time::sleep(pause));
            loop {
                tokio::select! {
                    () = &mut rung => break,
                    () = &mut rest => break,
                    () = stop.cancelled() => break,
                    Some(ended) = worker.tasks.join_next_with_id() => {
                        if worker.ended(ended).await {
                            break;
                        }
                    }
                }
            }
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
        let mut next = now + SWEEP;
        self.full.clear();
        self.crowded = false;
        for group in self.ahead.keys().cloned().collect::<Vec<_>>() {
            next = next.min(self.start(&group, now).await?.unwrap_or(next));
        }
        for (group, due) in self.outbox.store.groups(self.queue, GROUPS_MAX).await? {
            if due > now {
                next = next.min(due);
                break;
            }
            next = next.min(self.start(&group, now).await?.unwrap_or(next));
        }
        Ok(next.since(now).max(Duration::from_millis(1)))
    }

    /// Starts what a group's pace allows. When it has to wait, until when.
    async fn start(&mut self, group: &str, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let pace = self.outbox.pace(group);
        if let Some(parked) = pace.as_ref().map(|pace| pace.parked_until()).filter(|until| *until > now) {
            return Ok(Some(parked));
        }
        let most = if pace.is_some() { GROUP_IN_PROGRESS_MAX } else { SPREAD_IN_PROGRESS_MAX };
        loop {
            let busy = self.busy.get(group).copied().unwrap_or(0);
            let room = most.saturating_sub(busy).min(IN_PROGRESS_MAX - self.tasks.len());
            if room == 0 {
                self.crowded |= self.tasks.len() == IN_PROGRESS_MAX;
                self.full.insert(group.to_owned());
                return Ok(None);
            }
            if self.ahead.get(group).is_none_or(VecDeque::is_empty) {
                let ahead =
                    pace.as_ref().map_or(SPREAD_AHEAD, |pace| pace.limiter.permits_in(AHEAD).clamp(1, room));
                let claimed = self.outbox.store.claim(self.queue, self.epoch, group, now, ahead).await?;
                if claimed.is_empty() {
                    self.ahead.remove(group);
                    return Ok(None);
                }
                self.ahead.insert(group.to_owned(), claimed.into());
            }
            let jobs = self.ahead.entry(group.to_owned()).or_default();
            for _ in 0..room.min(jobs.len()) {
                if let Some(Err(wait)) = pace.as_ref().map(|pace| pace.limiter.take()) {
                    return Ok(Some(now + wait.max(Duration::from_millis(1))));
                }
                let Some(first) = jobs.front() else { break };
                let pass = match self.outbox.admit(self.queue, first, now) {
                    Admitted::Goes(pass) => pass,
                    Admitted::Waits(until) => return Ok(Some(until)),
                };
                let Some(job) = jobs.pop_front() else { break };
                let outbox = self.outbox.clone();
                let (queue, epoch, performed) = (self.queue, self.epoch, job.clone());
                let task = self.tasks.spawn(async move {
                    outbox.perform(Claim { queue, epoch, job: &performed }, pass).await;
                    performed.group
                });
                self.running.insert(task.id(), job);
                *self.busy.entry(group.to_owned()).or_default() += 1;
            }
        }
    }

    /// A task came to its end, well or not. Whether that makes room enough to be worth a look at the store.
    async fn ended(&mut self, ended: Result<(tokio::task::Id, String), tokio::task::JoinError>) -> bool {
        let (id, panicked) = match &ended {
            Ok((id, _)) => (*id, false),
            Err(error) => (error.id(), true),
        };
        let Some(job) = self.running.remove(&id) else { return false };
        let busy = self.busy.remove(&job.group).unwrap_or(0).saturating_sub(1);
        if busy > 0 {
            self.busy.insert(job.group.clone(), busy);
        }
        if panicked {
            error!(job = %job.id, "performing a job panicked");
            let due = self.outbox.core.now() + PANIC_PAUSE;
            let retry = Retry { due, attempt: job.attempt + 1, keeps_lane: true };
            let claim = Claim { queue: self.queue, epoch: self.epoch, job: &job };
            self.outbox.settle_alone(claim, Settlement::Again(retry)).await;
        }
        // Room is refilled by halves: one claim for many jobs instead of one for each.
        let most = match job.work {
            Work::Send { .. } => GROUP_IN_PROGRESS_MAX,
            Work::Announce { .. } | Work::Fetch { .. } => SPREAD_IN_PROGRESS_MAX,
        };
        let has_room = self.full.contains(&job.group) && busy <= most / 2;
        (has_room || self.crowded) && self.tasks.len() <= IN_PROGRESS_MAX - most / 2
    }
}

impl Outbox {
    async fn perform(&self, claim: Claim<'_>, pass: Option<Pass>) {
        match &claim.job.work {
            Work::Send { delivery } => self.send(claim, delivery).await,
            Work::Announce { webhook, event } => self.announce(claim, webhook, event, pass).await,
            Work::Fetch { media } => self.fetch(claim, media).await,
        }
    }
}
