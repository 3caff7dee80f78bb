//! One behaviour suite for every engine: named cases, each in an app of its own, so that a database may be shared.
//!
//! Cases of one database must not run at the same time: they lease the queues they look at.

mod counters;
mod documents;
mod jobs;
mod lists;
mod random;
mod reopening;
mod settling;
mod walking;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Batch, Document, Epoch, Expect, Key, Put, Queue, Retry, Settlement, Store, StoreError, Stored, Waiting,
};
use crate::model::{App, Clock, Id, Job, NewJob, SystemClock, Timestamp, Work};

pub use reopening::{Left, find, leave};

/// A behaviour: panics when the store does not show it.
pub type Case = fn(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// All behaviours by name.
pub fn cases() -> Vec<(&'static str, Case)> {
    [
        documents::CASES,
        lists::CASES,
        counters::CASES,
        jobs::CASES,
        settling::CASES,
        walking::CASES,
        random::CASES,
    ]
    .concat()
}

/// How long a thing that must happen may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The kind of the cases' documents.
const NOTE: &str = "note";

/// An app with a store.
struct Tenant {
    store: Arc<dyn Store>,
    app: Id<App>,
}

impl Tenant {
    fn new(store: Arc<dyn Store>) -> Tenant {
        Tenant { store, app: Id::fresh(now()) }
    }

    fn batch(&self) -> Batch {
        Batch::new(&self.app)
    }

    async fn commit(&self, batch: Batch) {
        self.store.commit(batch).await.expect("the batch is committed");
    }

    async fn refuse(&self, batch: Batch) {
        let refused = self.store.commit(batch).await.expect_err("the batch is refused");
        assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    }

    /// Commits one document under a condition.
    async fn write(&self, id: &str, body: Value, expect: Expect) -> Result<(), StoreError> {
        let mut batch = self.batch();
        batch.put(NOTE, id, &body, expect, None);
        self.store.commit(batch).await
    }

    async fn read(&self, id: &str) -> Option<Stored> {
        let mut found = self.store.read(&self.app, &[Key::new(NOTE, id)]).await.expect("it reads");
        assert_eq!(found.len(), 1);
        found.pop().flatten()
    }

    async fn value(&self, id: &str) -> Option<Value> {
        self.read(id).await.map(|stored| value_of(&stored))
    }

    async fn version(&self, id: &str) -> u64 {
        self.read(id).await.expect("the document is there").version
    }

    /// A job of a group and lane of this app.
    fn job(&self, group: &str, lane: &str, due: Timestamp) -> NewJob {
        let group = format!("{}:{group}", self.app);
        NewJob {
            id: Id::fresh(now()),
            lane: format!("{group}>{lane}"),
            group,
            due,
            work: Work::Send { delivery: Id::random() },
        }
    }

    async fn add(&self, job: &NewJob) {
        let mut batch = self.batch();
        batch.job(job.clone());
        self.commit(batch).await;
    }

    fn queue(&self, job: &NewJob) -> Queue {
        let shards = self.store.queues().iter().map(|queue| queue.shard).max().expect("there are queues") + 1;
        Queue { shard: super::shard_of(&self.app, shards), slot: super::slot_of(job) }
    }

    /// Takes the queue of a job over.
    async fn lease(&self, job: &NewJob) -> Desk {
        let queue = self.queue(job);
        let epoch = self.store.lease(queue).await.expect("a lease");
        Desk { store: self.store.clone(), app: self.app.clone(), queue, epoch }
    }
}

/// A leased queue.
#[derive(Clone)]
struct Desk {
    store: Arc<dyn Store>,
    app: Id<App>,
    queue: Queue,
    epoch: Epoch,
}

impl Desk {
    async fn try_claim(&self, group: &str, at: Timestamp, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.store.claim(self.queue, self.epoch, group, at, limit).await
    }

    async fn claim(&self, group: &str, at: Timestamp) -> Vec<Job> {
        self.try_claim(group, at, 100).await.expect("a claim")
    }

    async fn claim_ids(&self, group: &str, at: Timestamp) -> Vec<Id<Job>> {
        self.claim(group, at).await.into_iter().map(|job| job.id).collect()
    }

    async fn claim_one(&self, group: &str, at: Timestamp) -> Job {
        let mut jobs = self.claim(group, at).await;
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs.remove(0)
    }

    async fn settle(&self, job: &Job, settlement: Settlement) -> Result<(), StoreError> {
        self.settle_with(job, settlement, Batch::new(&self.app)).await
    }

    async fn settle_with(&self, job: &Job, settlement: Settlement, batch: Batch) -> Result<(), StoreError> {
        self.store.settle(self.queue, self.epoch, job, settlement, batch).await
    }

    async fn done(&self, job: &Job) {
        self.settle(job, Settlement::Done).await.expect("it settles");
    }

    async fn again(&self, job: &Job, due: Timestamp, attempt: u32, keeps_lane: bool) {
        let retry = Retry { due, attempt, keeps_lane };
        self.settle(job, Settlement::Again(retry)).await.expect("it settles");
    }

    /// What of this app waits, by group.
    async fn backlog(&self) -> Vec<Waiting> {
        let mut waiting = self.store.backlog(self.queue).await.expect("the backlog");
        waiting.retain(|waiting| waiting.group.starts_with(self.app.as_str()));
        waiting.sort_by(|one, other| one.group.cmp(&other.group));
        waiting
    }

    /// The groups of this app that have work; a shared database has others too.
    async fn groups(&self) -> Vec<(String, Timestamp)> {
        let mut groups = self.store.groups(self.queue, 100_000).await.expect("the groups");
        assert!(groups.is_sorted_by_key(|(_, due)| *due), "earliest first");
        groups.retain(|(group, _)| group.starts_with(self.app.as_str()));
        groups
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

/// So many milliseconds from a moment, backwards too.
fn shifted(from: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(from.millis() + millis)
}

fn value_of(stored: &Stored) -> Value {
    serde_json::from_slice(&stored.body).expect("a JSON body")
}

fn lost(outcome: Result<impl std::fmt::Debug, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Lost)), "{outcome:?}");
}

fn conflict(outcome: Result<impl std::fmt::Debug, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{outcome:?}");
}
