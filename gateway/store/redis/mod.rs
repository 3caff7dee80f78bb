//! The Redis engine: documents, lists and queues under the keys of `keys`, each write one Lua script.
//!
//! A commit is as durable as the server's `appendfsync` makes it. With `everysec` the last second or two may be lost:
//! when the machine fails, and also when only the process is killed while the disk is slow, because Redis then puts
//! off writing its log (for two seconds at most). With `always` nothing that was answered is lost.

mod claims;
mod keys;
mod link;
mod scripts;
mod startup;
mod walks;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use redis::cmd;
use tokio::sync::Notify;

use self::claims::GivenUp;
use self::keys::AppKeys;
use self::link::Link;
use self::scripts::Scripts;
use super::{
    Batch, Cut, Epoch, Key, ListEntry, Met, Queue, Razed, SLOTS, Settlement, Store, StoreError, Stored,
    Tally, Waiting, Walk, shard_of, slot_of,
};
use crate::model::{App, Id, Job, NewJob, Timestamp, Work};

/// The Redis engine.
#[derive(Debug)]
pub struct RedisStore {
    link: Link,
    scripts: Scripts,
    shards: u16,
    bells: HashMap<Queue, Arc<Notify>>,
    given_up: GivenUp,
}

impl RedisStore {
    /// Connects, and refuses a server that is not fit to keep accepted messages.
    pub async fn open(url: &str, shards: u16) -> Result<RedisStore, StoreError> {
        let link = Link::new(startup::client(url)?)?;
        startup::check(&link, shards).await?;
        let bells = queues(shards).map(|queue| (queue, Arc::default())).collect();
        let store = RedisStore { link, scripts: Scripts::new(), shards, bells, given_up: GivenUp::default() };
        store.healthy().await?;
        Ok(store)
    }

    fn ring(&self, queue: Queue) {
        if let Some(bell) = self.bells.get(&queue) {
            bell.notify_one();
        }
    }

    /// Also after an error: the batch may have been written all the same.
    fn ring_for(&self, shard: u16, batch: &Batch) {
        for job in &batch.jobs {
            self.ring(Queue { shard, slot: slot_of(job) });
        }
    }

    /// Frees the jobs of claims whose answer never came, so that they are given out again.
    async fn release_given_up(&self, queue: Queue) -> Result<(), StoreError> {
        let claims = self.given_up.of(queue);
        if claims.is_empty() {
            return Ok(());
        }
        let mut call = self.scripts.release.arg(keys::queue(queue));
        for claim in &claims {
            call.key(keys::marker(queue.shard, claim.as_str())).arg(claim.as_str());
        }
        let _: i64 = self.link.run_idempotent(&call).await?;
        self.given_up.forget(queue, &claims);
        Ok(())
    }
}

impl RedisStore {
    async fn range(
        &self,
        name: &str,
        key: &str,
        between: [&str; 2],
        skip: usize,
        limit: usize,
    ) -> Result<Vec<ListEntry>, StoreError> {
        let mut command = cmd(name);
        command.arg(key).arg(&between).arg("WITHSCORES").arg("LIMIT").arg(skip).arg(limit);
        let found: Vec<(String, f64)> = self.link.call(&command).await?;
        Ok(found.into_iter().map(|(member, rank)| ListEntry { rank: rank as i64, member }).collect())
    }

    /// Redis cuts by rank alone, so entries of the same rank are looked through until those behind begin.
    async fn behind(
        &self,
        key: &str,
        rank: i64,
        member: &str,
        limit: usize,
    ) -> Result<Vec<ListEntry>, StoreError> {
        let mut skip = 0;
        loop {
            let between = [&*rank.to_string(), "+inf"];
            let mut found = self.range("ZRANGEBYSCORE", key, between, skip, limit).await?;
            let (seen, is_last) = (found.len(), found.len() < limit);
            found.retain(|entry| (entry.rank, &*entry.member) > (rank, member));
            if found.is_empty() && !is_last && limit > 0 {
                skip += seen;
                continue;
            }
            if found.len() < seen && !is_last {
                // The page began before the bound: fill it up with what follows.
                let missing = seen - found.len();
                found.extend(self.range("ZRANGEBYSCORE", key, between, skip + seen, missing).await?);
            }
            return Ok(found);
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn read(&self, app: &Id<App>, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let names = AppKeys::new(shard_of(app, self.shards), app);
        let mut command = cmd("MGET");
        for key in keys {
            command.arg(names.document(key));
        }
        let found: Vec<Option<Vec<u8>>> = self.link.call(&command).await?;
        found.into_iter().map(|value| value.map(parse_document).transpose()).collect()
    }

    async fn page(&self, app: &Id<App>, list: &str, cut: Cut) -> Result<Vec<ListEntry>, StoreError> {
        let key = AppKeys::new(shard_of(app, self.shards), app).list(list);
        let (name, from, to, limit) = match cut {
            Cut::Newest { limit } => ("ZREVRANGEBYSCORE", "+inf".to_owned(), "-inf", limit),
            Cut::Before { rank, limit } => ("ZREVRANGEBYSCORE", format!("({rank}"), "-inf", limit),
            Cut::After { rank, limit } => ("ZRANGEBYSCORE", format!("({rank}"), "+inf", limit),
            Cut::Behind { rank, member, limit } => return self.behind(&key, rank, &member, limit).await,
        };
        let mut entries = self.range(name, &key, [&from, to], 0, limit).await?;
        if name == "ZREVRANGEBYSCORE" {
            entries.reverse();
        }
        Ok(entries)
    }

    async fn tally(&self, app: &Id<App>, family: &str, lists: &[String]) -> Result<Tally, StoreError> {
        let names = AppKeys::new(shard_of(app, self.shards), app);
        let mut call = self.scripts.tally.key(names.counters(family));
        for list in lists {
            call.key(names.list(list));
        }
        let (counts, lengths): (Vec<(String, i64)>, Vec<usize>) = self.link.run_idempotent(&call).await?;
        Ok(Tally { counts: counts.into_iter().collect(), lengths })
    }

    async fn is_queued(&self, app: &Id<App>, job: &NewJob) -> Result<bool, StoreError> {
        let queue = Queue { shard: shard_of(app, self.shards), slot: slot_of(job) };
        let mut command = cmd("HEXISTS");
        command.arg(format!("{}jobs", keys::queue(queue))).arg(job.id.as_str());
        self.link.call(&command).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let shard = shard_of(&batch.app, self.shards);
        let mut call = self.scripts.commit.prepare_invoke();
        scripts::push_batch(&mut call, shard, &batch)?;
        let outcome = self.link.run_idempotent(&call).await;
        self.ring_for(shard, &batch);
        match outcome? {
            0 => Ok(()),
            place => Err(scripts::conflict(&batch, place)),
        }
    }

    fn queues(&self) -> Vec<Queue> {
        queues(self.shards).collect()
    }

    async fn lease(&self, queue: Queue) -> Result<Epoch, StoreError> {
        let mut call = self.scripts.lease.arg(keys::queue(queue));
        call.key(format!("{}epoch", keys::queue(queue)));
        let epoch = self.link.run_idempotent(&call).await?;
        self.ring(queue);
        Ok(Epoch(epoch))
    }

    async fn groups(&self, queue: Queue, limit: usize) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.release_given_up(queue).await?;
        let mut command = cmd("ZRANGEBYSCORE");
        command.arg(format!("{}ready", keys::queue(queue))).arg("-inf").arg("+inf").arg("WITHSCORES");
        command.arg("LIMIT").arg(0).arg(limit);
        let found: Vec<(String, f64)> = self.link.call(&command).await?;
        Ok(found.into_iter().map(|(group, due)| (group, Timestamp::from_millis(due as i64))).collect())
    }

    async fn backlog(&self, queue: Queue) -> Result<Vec<Waiting>, StoreError> {
        let mut command = cmd("HGETALL");
        command.arg(format!("{}counts", keys::queue(queue)));
        let counts: Vec<(String, u64)> = self.link.call(&command).await?;
        let mut command = cmd("ZRANGE");
        command.arg(format!("{}ready", keys::queue(queue))).arg(0).arg(-1).arg("WITHSCORES");
        let ready: Vec<(String, f64)> = self.link.call(&command).await?;
        let due: HashMap<String, f64> = ready.into_iter().collect();
        let waiting = counts.into_iter().map(|(group, jobs)| {
            let due = due.get(&group).map(|due| Timestamp::from_millis(*due as i64));
            Waiting { group, jobs, due }
        });
        Ok(waiting.collect())
    }

    async fn claim(
        &self,
        queue: Queue,
        epoch: Epoch,
        group: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        self.release_given_up(queue).await?;
        let claim = self.given_up.begin(queue);
        let mut call = self.scripts.claim.key(keys::marker(queue.shard, claim.id.as_str()));
        call.arg(keys::queue(queue)).arg(epoch.0).arg(group).arg(now.millis()).arg(limit);
        call.arg(claim.id.as_str());
        let (outcome, jobs): (i64, Vec<Vec<Vec<u8>>>) = self.link.run(&call).await?;
        claim.answered();
        if outcome < 0 {
            return Err(StoreError::Lost);
        }
        jobs.into_iter().map(parse_job).collect()
    }

    async fn settle(
        &self,
        queue: Queue,
        epoch: Epoch,
        job: &Job,
        settlement: Settlement,
        batch: Batch,
    ) -> Result<(), StoreError> {
        let shard = shard_of(&batch.app, self.shards);
        if shard != queue.shard {
            // One script, one slot: such a batch could not be written together with the settlement.
            return Err(StoreError::Corrupt(format!("a job of app {} stands in {queue:?}", batch.app)));
        }
        let mut call = self.scripts.settle.prepare_invoke();
        scripts::push_settlement(&mut call, queue, epoch, job.id.as_str(), &settlement);
        scripts::push_batch(&mut call, shard, &batch)?;
        let outcome = self.link.run_idempotent(&call).await;
        // Work that an answer on its way back hides is found by the next look.
        if matches!(outcome, Ok(-2) | Err(_)) {
            self.ring(queue);
        }
        self.ring_for(shard, &batch);
        match outcome? {
            0 | -2 => Ok(()),
            -1 => Err(StoreError::Lost),
            place => Err(scripts::conflict(&batch, place)),
        }
    }

    fn bell(&self, queue: Queue) -> Arc<Notify> {
        // A queue of another shard count has no work here, and so a bell that is never rung.
        self.bells.get(&queue).cloned().unwrap_or_default()
    }

    async fn walk(
        &self,
        app: &Id<App>,
        kinds: &[&'static str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Walk<Met>, StoreError> {
        self.walk_documents(app, kinds, after, limit).await
    }

    async fn jobs(&self, app: &Id<App>, after: Option<&str>, limit: usize) -> Result<Walk<Job>, StoreError> {
        self.walk_jobs(app, after, limit).await
    }

    async fn strike(&self, app: &Id<App>, jobs: &[Id<Job>]) -> Result<usize, StoreError> {
        self.strike_jobs(app, jobs).await
    }

    async fn revise(&self, app: &Id<App>, job: &Id<Job>, work: &Work) -> Result<(), StoreError> {
        self.revise_job(app, job, work).await
    }

    async fn raze(&self, app: &Id<App>, after: Option<&str>, limit: usize) -> Result<Razed, StoreError> {
        self.raze_keys(app, after, limit).await
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.rewrite().await
    }

    async fn healthy(&self) -> Result<(), StoreError> {
        // A write shows what a PING does not: a full memory, a failed disk, a server that became a replica.
        let mut command = cmd("SET");
        command.arg(keys::ALIVE).arg("").arg("EX").arg(60);
        self.link.call(&command).await
    }

    async fn close(&self) {
        // Every answered write is with the server, and nothing is held back here.
    }
}

fn queues(shards: u16) -> impl Iterator<Item = Queue> {
    (0..shards).flat_map(|shard| (0..SLOTS).map(move |slot| Queue { shard, slot }))
}

fn parse_document(value: Vec<u8>) -> Result<Stored, StoreError> {
    let space = value.iter().position(|byte| *byte == b' ');
    let version = space.and_then(|at| std::str::from_utf8(&value[..at]).ok()?.parse().ok());
    match (version, space) {
        (Some(version), Some(at)) => Ok(Stored { version, body: Bytes::from(value).slice(at + 1..) }),
        _ => Err(StoreError::Corrupt("a document without a version".to_owned())),
    }
}

/// A job as `claim.lua` gives it out.
fn parse_job(fields: Vec<Vec<u8>>) -> Result<Job, StoreError> {
    let unreadable = |what: &str| StoreError::Corrupt(format!("a job {what}"));
    let [id, app, group, lane, due, attempt, work] =
        <[Vec<u8>; 7]>::try_from(fields).map_err(|_| unreadable("without all its fields"))?;
    let text = |field: Vec<u8>| String::from_utf8(field).map_err(|_| unreadable("that is not text"));
    let work = serde_json::from_slice(&work).map_err(|error| unreadable(&format!("with {error}")))?;
    Ok(Job {
        id: Id::new(text(id)?),
        app: Id::new(text(app)?),
        group: text(group)?,
        lane: text(lane)?,
        due: Timestamp::from_millis(text(due)?.parse().map_err(|_| unreadable("without a due time"))?),
        attempt: text(attempt)?.parse().map_err(|_| unreadable("without an attempt"))?,
        work,
    })
}
