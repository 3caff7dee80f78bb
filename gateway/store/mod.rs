//! The store: reads by key or page, one atomic [`Batch`], and the work queues. Two engines, one behaviour.
//!
//! What is stored is documents (JSON under a kind and an id, with a version), lists (members ordered by rank),
//! counters and jobs. No transaction lives across an await: a batch carries its own conditions.

mod batch;
pub mod embedded;
mod metered;
pub mod redis;
mod sealing;
pub mod suite;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

pub use metered::Metered;

pub use sealing::SecretRecord;

pub use batch::{Batch, Count, Document, Expect, Key, ListEntry, Put, Retry, Settlement};
pub use walk::{Met, Razed, Walk};

use crate::model::{App, Clock, Id, Job, NewJob, Priority, Timestamp, Work};

/// Where everything is kept.
///
/// Every call on tenant data carries the app's id; only claims, which serve all apps, do not.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// The documents under these keys, in the same order; `None` where there is none or it expired.
    async fn read(&self, app: &Id<App>, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError>;

    /// A page of a list, oldest first whatever the direction of the cut.
    async fn page(&self, app: &Id<App>, list: &str, cut: Cut) -> Result<Vec<ListEntry>, StoreError>;

    /// The counters of a family, and how many entries each of these lists has, all at one moment.
    async fn tally(&self, app: &Id<App>, family: &str, lists: &[String]) -> Result<Tally, StoreError>;

    /// Whether a job waits or is out. One that was added again under its id is the same job.
    async fn is_queued(&self, app: &Id<App>, job: &NewJob) -> Result<bool, StoreError>;

    /// All or nothing, durable when it returns. A condition that does not hold is [`StoreError::Conflict`].
    /// Committing the same batch again (same [`Batch::id`]) within a minute changes nothing and succeeds.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// The work queues there are. Fixed for the life of the process.
    fn queues(&self) -> Vec<Queue>;

    /// Takes a queue over: claims made under an older epoch become free again and can no longer be settled.
    async fn lease(&self, queue: Queue) -> Result<Epoch, StoreError>;

    /// The groups that have a job to give out, each with the time its earliest one is (or was) due, earliest
    /// first, at most `limit`.
    async fn groups(&self, queue: Queue, limit: usize) -> Result<Vec<(String, Timestamp)>, StoreError>;

    /// What waits in a queue. As dear as it has groups, however many jobs they have.
    async fn backlog(&self, queue: Queue) -> Result<Vec<Waiting>, StoreError>;

    /// Gives out up to `limit` due jobs of a group, earliest first: at most one per lane, none from a lane
    /// that has one out. They stay out until settled or until the queue is leased anew.
    async fn claim(
        &self,
        queue: Queue,
        epoch: Epoch,
        group: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError>;

    /// Ends a claim and commits what came of it, together. [`StoreError::Lost`] when the claim is not ours
    /// any more; then nothing was changed.
    async fn settle(
        &self,
        queue: Queue,
        epoch: Epoch,
        job: &Job,
        settlement: Settlement,
        batch: Batch,
    ) -> Result<(), StoreError>;

    /// Rung whenever a commit or settlement here may have put work into the queue. Subscribe, look, sleep.
    fn bell(&self, queue: Queue) -> Arc<Notify>;

    /// The documents of some kinds, about `limit` of them: those behind a place that an earlier call named. What is
    /// there from the first call to the last is met at least once; nothing else waits for long. On Redis each call
    /// steps over what others keep on the server, so it may meet nothing and have more.
    async fn walk(
        &self,
        app: &Id<App>,
        kinds: &[&'static str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Walk<Met>, StoreError>;

    /// The jobs of an app, given out or not, about `limit` of them, in the same manner.
    async fn jobs(&self, app: &Id<App>, after: Option<&str>, limit: usize) -> Result<Walk<Job>, StoreError>;

    /// Takes jobs of an app away, also those that are out: such a claim can no longer be settled. How many there were.
    async fn strike(&self, app: &Id<App>, jobs: &[Id<Job>]) -> Result<usize, StoreError>;

    /// Gives a job of an app other work, if it is there; its place and its id stay. Who has claimed it has the old.
    async fn revise(&self, app: &Id<App>, job: &Id<Job>, work: &Work) -> Result<(), StoreError>;

    /// Takes away about `limit` of all that is kept under an app but its jobs, in the manner of [`Store::walk`].
    async fn raze(&self, app: &Id<App>, after: Option<&str>, limit: usize) -> Result<Razed, StoreError>;

    /// Leaves nothing of what was removed or overwritten in the files of the store. Writes wait meanwhile.
    async fn compact(&self) -> Result<(), StoreError>;

    /// Whether a write would succeed now, for readiness.
    async fn healthy(&self) -> Result<(), StoreError>;

    /// Everything in flight is on disk and files are closed.
    async fn close(&self);
}

/// The jobs of a group in one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The group.
    pub group: String,
    /// How many jobs it has there, those given out included.
    pub jobs: u64,
    /// When the earliest that may be given out is, or was, due; none may be when all are out or behind others.
    pub due: Option<Timestamp>,
}

/// A document as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Rises with every write; what [`Expect::Version`] compares.
    pub version: u64,
    /// JSON; shared with whoever keeps the same document at hand.
    pub body: Bytes,
}

/// Counters and lengths as they stood at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The counters of the family, by name; one that is not there stands at zero.
    pub counts: BTreeMap<String, i64>,
    /// The lengths of the lists, in the order they were asked for.
    pub lengths: Vec<usize>,
}

/// A document and the version it had when read.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T> {
    /// What [`Expect::Version`] compares.
    pub version: u64,
    /// The document.
    pub value: T,
}

/// Which part of a list to read. Bounds are exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// The last `limit` entries.
    Newest {
        /// At most so many.
        limit: usize,
    },
    /// The last `limit` entries with a lower rank.
    Before {
        /// The bound.
        rank: i64,
        /// At most so many.
        limit: usize,
    },
    /// The first `limit` entries with a higher rank.
    After {
        /// The bound.
        rank: i64,
        /// At most so many.
        limit: usize,
    },
    /// The first `limit` entries behind this one, whether or not it is there: of those with its rank, the ones
    /// whose members sort after it. A walk that goes on behind the last entry it saw misses none.
    Behind {
        /// The entry's rank.
        rank: i64,
        /// The entry's member.
        member: String,
        /// At most so many.
        limit: usize,
    },
}

/// A share of the work that one node owns at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queue {
    /// The app's shard.
    pub shard: u16,
    /// One of [`SLOTS`] within it.
    pub slot: u8,
}

/// Queues per shard: a busy app's work can be spread over so many nodes.
pub const SLOTS: u8 = 8;

/// The fencing token of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// Why the store refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote first, or a document that should be absent is there. Load again and decide anew.
    #[error("{0} was changed by somebody else")]
    Conflict(String),
    /// The claim was taken over.
    #[error("the claim is no longer ours")]
    Lost,
    /// It cannot be reached, is full, or does not answer. Nothing is known to have changed; trying the same
    /// batch again is safe.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What it holds cannot be read: a bug or a foreign hand.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

/// A document kind: where its documents live and how to find one's id.
pub trait Record: serde::Serialize + DeserializeOwned {
    /// The kind's name in keys; short, because it stands in every one.
    const KIND: &'static str;

    /// The id within its app.
    fn record_id(&self) -> String;
}

impl dyn Store + '_ {
    /// One document of a known kind.
    pub async fn load<T: Record>(&self, app: &Id<App>, id: &str) -> Result<Option<Versioned<T>>, StoreError> {
        let mut found = self.load_all(app, &[id.to_owned()]).await?;
        Ok(found.pop().flatten())
    }

    /// Several documents of a known kind, in one read.
    pub async fn load_all<T: Record>(
        &self,
        app: &Id<App>,
        ids: &[String],
    ) -> Result<Vec<Option<Versioned<T>>>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| Key::new(T::KIND, id)).collect();
        let found = self.read(app, &keys).await?;
        found.into_iter().map(|stored| stored.map(decode).transpose()).collect()
    }

    /// How many sends of an app wait, are out or are put off, through these integrations.
    pub async fn queued(&self, app: &Id<App>, integrations: &[&str]) -> Result<u64, StoreError> {
        let shards = self.queues().len() / usize::from(SLOTS);
        let shard = shard_of(app, u16::try_from(shards).unwrap_or(u16::MAX));
        let slots: BTreeSet<u8> = integrations.iter().map(|integration| slot_named(integration)).collect();
        let mut queued = 0;
        for slot in slots {
            let waiting = self.backlog(Queue { shard, slot }).await?;
            let asked = waiting.iter().filter(|waiting| {
                Priority::of_group(&waiting.group).is_some_and(|(one, _)| integrations.contains(&one))
            });
            queued += asked.map(|waiting| waiting.jobs).sum::<u64>();
        }
        Ok(queued)
    }
}

fn decode<T: DeserializeOwned>(stored: Stored) -> Result<Versioned<T>, StoreError> {
    let value =
        serde_json::from_slice(&stored.body).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(Versioned { version: stored.version, value })
}

/// The shard an app's data and work live in.
pub fn shard_of(app: &Id<App>, shards: u16) -> u16 {
    (stable_hash(app.as_str()) % u64::from(shards.max(1))) as u16
}

/// The slot a job is worked in: sends by integration, whatever their priority, so that one node paces it;
/// announcements by lane, so that a busy webhook spreads over nodes.
pub fn slot_of(job: &NewJob) -> u8 {
    match job.work {
        Work::Send { .. } => slot_named(Job::integration(&job.group)),
        Work::Announce { .. }
        | Work::Fetch { .. }
        | Work::Unlink { .. }
        | Work::Expire { .. }
        | Work::Move { .. }
        | Work::Adopt { .. }
        | Work::ShowMenu { .. }
        | Work::Act(_)
        | Work::Sweep { .. }
        | Work::Prune { .. }
        | Work::Erase { .. }
        | Work::Blank { .. }
        | Work::EraseApp => slot_named(&job.lane),
    }
}

fn slot_named(name: &str) -> u8 {
    (stable_hash(name) % u64::from(SLOTS)) as u8
}

/// FNV-1a of 64 bits, its upper half folded into the lower. It must never change: stored work is found by it.
fn stable_hash(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^ (hash >> 32)
}

/// Opens the store a URL names: `embedded:DIR`, `embedded::memory:`, or `redis://…`.
pub async fn open(url: &str, shards: u16, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    if let Some(place) = url.strip_prefix("embedded:") {
        return Ok(Arc::new(embedded::Embedded::open(place, clock)?));
    }
    // Redis forgets expired documents by its own clock.
    Ok(Arc::new(self::redis::RedisStore::open(url, shards).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_things_live_never_changes() {
        assert_eq!(stable_hash(""), 0xcbf2_9ce4_8422_2325 ^ 0xcbf2_9ce4);
        assert_eq!(stable_hash("a"), 0xaf63_dc4c_8601_ec8c ^ 0xaf63_dc4c);
        let shards: Vec<u16> = ["5963c0d619a30a2e00de36b8", "5963c0d619a30a2e00de36b9"]
            .map(|app| shard_of(&Id::new(app), 64))
            .into();
        assert_eq!(shards, [45, 18]);
    }
}
