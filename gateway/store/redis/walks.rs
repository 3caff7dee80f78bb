//! Walks through what an app keeps on the server, its removal, and the rewriting of the server's files.
//!
//! A cursor holds for one run of the server. If that ends, the next call fails, and whoever walks begins anew.

use std::time::Duration;

use redis::{InfoDict, cmd};

use super::keys::{self, AppKeys};
use super::{RedisStore, parse_document, parse_job};
use crate::model::{App, Id, Job, Work};
use crate::store::{Key, Met, Queue, Razed, SLOTS, StoreError, Walk, shard_of};

/// How often it is asked whether a rewrite is done.
const REWRITE_LOOK: Duration = Duration::from_millis(100);

/// How long a rewrite may take; a fork of a large server and a slow disk take their time.
const REWRITE_LIMIT: Duration = Duration::from_secs(540);

/// Where a scan begins and ends.
const START: &str = "0";

impl RedisStore {
    pub(super) async fn walk_documents(
        &self,
        app: &Id<App>,
        kinds: &[&'static str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Walk<Met>, StoreError> {
        let names = AppKeys::new(shard_of(app, self.shards), app);
        let (next, found) = self.scan(&names.pattern("d"), after, limit).await?;
        let mut wanted = Vec::new();
        for key in found {
            let Some((kind, id)) = names.kind_and_id(&key) else { continue };
            let Some(kind) = kinds.iter().find(|known| **known == kind) else { continue };
            wanted.push(Key::new(kind, id));
        }
        let mut met = Vec::new();
        if !wanted.is_empty() {
            let mut command = cmd("MGET");
            for key in &wanted {
                command.arg(names.document(key));
            }
            let values: Vec<Option<Vec<u8>>> = self.link.call(&command).await?;
            for (key, value) in wanted.into_iter().zip(values) {
                let Some(value) = value else { continue };
                met.push(Met { key, stored: parse_document(value)? });
            }
        }
        Ok(Walk { found: met, next })
    }

    /// Some keys of the server that match, and where to go on.
    async fn scan(
        &self,
        pattern: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Option<String>, Vec<String>), StoreError> {
        let mut command = cmd("SCAN");
        command.arg(after.unwrap_or(START)).arg("MATCH").arg(pattern).arg("COUNT").arg(limit.max(1));
        let (next, mut found): (String, Vec<String>) = self.link.call(&command).await?;
        // While the server rearranges its keys, one may be named twice.
        found.sort_unstable();
        found.dedup();
        Ok(((next != START).then_some(next), found))
    }

    /// Queue by queue: the place names the slot and the cursor within it.
    pub(super) async fn walk_jobs(
        &self,
        app: &Id<App>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Walk<Job>, StoreError> {
        let place = after.and_then(|after| after.split_once(':'));
        let (slot, cursor) =
            place.and_then(|(slot, cursor)| Some((slot.parse().ok()?, cursor))).unwrap_or((0, START));
        let queue = Queue { shard: shard_of(app, self.shards), slot };
        let mut call = self.scripts.jobs.arg(keys::queue(queue));
        call.arg(cursor).arg(limit.max(1)).arg(app.as_str());
        let (next, jobs): (String, Vec<Vec<Vec<u8>>>) = self.link.run_idempotent(&call).await?;
        let found = jobs.into_iter().map(parse_job).collect::<Result<_, _>>()?;
        let next = match next.as_str() {
            START if slot + 1 == SLOTS => None,
            START => Some(format!("{}:{START}", slot + 1)),
            cursor => Some(format!("{slot}:{cursor}")),
        };
        Ok(Walk { found, next })
    }

    pub(super) async fn strike_jobs(&self, app: &Id<App>, jobs: &[Id<Job>]) -> Result<usize, StoreError> {
        let mut struck = 0;
        if jobs.is_empty() {
            return Ok(struck);
        }
        for slot in 0..SLOTS {
            let queue = Queue { shard: shard_of(app, self.shards), slot };
            let mut call = self.scripts.strike.arg(keys::queue(queue));
            call.arg(app.as_str());
            for job in jobs {
                call.arg(job.as_str());
            }
            let here: usize = self.link.run_idempotent(&call).await?;
            if here > 0 {
                self.ring(queue);
            }
            struck += here;
        }
        Ok(struck)
    }

    pub(super) async fn revise_job(
        &self,
        app: &Id<App>,
        job: &Id<Job>,
        work: &Work,
    ) -> Result<(), StoreError> {
        let work = serde_json::to_vec(work).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        for slot in 0..SLOTS {
            let queue = Queue { shard: shard_of(app, self.shards), slot };
            let mut call = self.scripts.revise.arg(keys::queue(queue));
            call.arg(app.as_str()).arg(job.as_str()).arg(&work);
            let _: i64 = self.link.run_idempotent(&call).await?;
        }
        Ok(())
    }

    pub(super) async fn raze_keys(
        &self,
        app: &Id<App>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Razed, StoreError> {
        let names = AppKeys::new(shard_of(app, self.shards), app);
        let (next, found) = self.scan(&names.pattern("[dlc]"), after, limit).await?;
        if !found.is_empty() {
            let mut command = cmd("UNLINK");
            for key in &found {
                command.arg(key);
            }
            let _: i64 = self.link.call(&command).await?;
        }
        Ok(Razed { removed: found.len(), next })
    }

    /// Has the server write its file anew and waits until it has: the log of commands where there is one, else the
    /// snapshot.
    pub(super) async fn rewrite(&self) -> Result<(), StoreError> {
        let has_log = self.told("aof_enabled").await? == "1";
        let (name, running) = match has_log {
            true => ("BGREWRITEAOF", ["aof_rewrite_in_progress", "aof_rewrite_scheduled"]),
            false => ("BGSAVE", ["rdb_bgsave_in_progress", "aof_rewrite_scheduled"]),
        };
        let outcome = if has_log { "aof_last_bgrewrite_status" } else { "rdb_last_bgsave_status" };
        // One that began before the last removal may have missed it.
        self.waited_for(running).await?;
        let _: String = self.link.call(&cmd(name)).await?;
        self.waited_for(running).await?;
        match self.told(outcome).await?.as_str() {
            "ok" => Ok(()),
            other => Err(StoreError::Unavailable(format!("{name} ended with {other}"))),
        }
    }

    async fn waited_for(&self, running: [&str; 2]) -> Result<(), StoreError> {
        let waiting = async {
            loop {
                if self.told(running[0]).await? != "1" && self.told(running[1]).await? != "1" {
                    return Ok(());
                }
                tokio::time::sleep(REWRITE_LOOK).await;
            }
        };
        match tokio::time::timeout(REWRITE_LIMIT, waiting).await {
            Ok(waited) => waited,
            Err(_) => Err(StoreError::Unavailable("the rewriting of its file takes too long".into())),
        }
    }

    async fn told(&self, name: &str) -> Result<String, StoreError> {
        let info: InfoDict = self.link.call(cmd("INFO").arg("persistence")).await?;
        Ok(info.get::<String>(name).unwrap_or_default())
    }
}
