//! The Lua scripts and what they are given. Each write of the engine is one call of one of them.

use redis::{Script, ScriptInvocation};

use super::keys::{self, AppKeys};
use crate::model::{NewJob, Timestamp};
use crate::store::{Batch, Document, Epoch, Expect, Queue, Settlement, StoreError, slot_of};

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) commit: Script,
    pub(super) settle: Script,
    pub(super) claim: Script,
    pub(super) lease: Script,
    pub(super) release: Script,
    pub(super) tally: Script,
    pub(super) jobs: Script,
    pub(super) strike: Script,
    pub(super) revise: Script,
}

impl Scripts {
    pub(super) fn new() -> Scripts {
        const QUEUE: &str = include_str!("queue.lua");
        const BATCH: &str = include_str!("batch.lua");
        let script = |parts: &[&str]| Script::new(&parts.concat());
        Scripts {
            commit: script(&[QUEUE, BATCH, include_str!("commit.lua")]),
            settle: script(&[QUEUE, BATCH, include_str!("settle.lua")]),
            claim: script(&[QUEUE, include_str!("claim.lua")]),
            lease: script(&[QUEUE, include_str!("lease.lua")]),
            release: script(&[QUEUE, include_str!("release.lua")]),
            tally: script(&[include_str!("tally.lua")]),
            jobs: script(&[include_str!("jobs.lua")]),
            strike: script(&[QUEUE, include_str!("strike.lua")]),
            revise: script(&[QUEUE, include_str!("revise.lua")]),
        }
    }
}

/// The arguments of a settlement, before those of its batch.
pub(super) fn push_settlement(
    call: &mut ScriptInvocation<'_>,
    queue: Queue,
    epoch: Epoch,
    job: &str,
    settlement: &Settlement,
) {
    call.arg(keys::queue(queue)).arg(epoch.0).arg(job);
    match settlement {
        Settlement::Done => call.arg("done").arg("").arg(""),
        Settlement::Again(retry) => call
            .arg(if retry.keeps_lane { "again" } else { "aside" })
            .arg(retry.due.millis())
            .arg(retry.attempt),
    };
}

/// The keys and arguments of a batch, as `batch.lua` reads them.
pub(super) fn push_batch(
    call: &mut ScriptInvocation<'_>,
    shard: u16,
    batch: &Batch,
) -> Result<(), StoreError> {
    let keys = AppKeys::new(shard, &batch.app);
    call.key(keys::marker(shard, batch.id.as_str())).key(keys::versions(shard));
    call.arg(batch.documents.len());
    for document in &batch.documents {
        push_document(call, &keys, document);
    }
    call.arg(batch.entries.len());
    for (list, entry) in &batch.entries {
        call.key(keys.list(list)).arg(entry.rank).arg(&entry.member);
    }
    call.arg(batch.moves.len());
    for (list, entry) in &batch.moves {
        call.key(keys.list(list)).arg(entry.rank).arg(&entry.member);
    }
    call.arg(batch.removals.len());
    for (list, member) in &batch.removals {
        call.key(keys.list(list)).arg(member);
    }
    call.arg(batch.counts.len());
    for count in &batch.counts {
        call.key(keys.counters(&count.family)).arg(&count.counter).arg(count.delta);
        push_expiry(call, count.expires);
    }
    call.arg(batch.jobs.len());
    for job in &batch.jobs {
        push_job(call, shard, batch, job)?;
    }
    Ok(())
}

fn push_document(call: &mut ScriptInvocation<'_>, keys: &AppKeys, document: &Document) {
    match document {
        Document::Put(put) => {
            call.key(keys.document(&put.key)).arg("put");
            match put.expect {
                Expect::Absent => call.arg("absent"),
                Expect::Version(version) => call.arg(version),
                Expect::Anything => call.arg("any"),
            };
            push_expiry(call, put.expires);
            call.arg(&put.body);
        }
        Document::Delete(key) => {
            call.key(keys.document(key)).arg("delete").arg("any").arg("").arg("");
        }
    }
}

fn push_expiry(call: &mut ScriptInvocation<'_>, expires: Option<Timestamp>) {
    match expires {
        // The server refuses an expiry before 1970 and takes one in the past as "at once".
        Some(at) => call.arg(at.max(Timestamp::from_millis(1)).millis()),
        None => call.arg(""),
    };
}

fn push_job(
    call: &mut ScriptInvocation<'_>,
    shard: u16,
    batch: &Batch,
    job: &NewJob,
) -> Result<(), StoreError> {
    let work = serde_json::to_vec(&job.work).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    call.arg(keys::queue(Queue { shard, slot: slot_of(job) }))
        .arg(job.id.as_str())
        .arg(batch.app.as_str())
        .arg(&job.group)
        .arg(&job.lane)
        .arg(job.due.millis())
        .arg(work);
    Ok(())
}

/// What a document under conflict is called in the error: the place a script named, counted from 1.
pub(super) fn conflict(batch: &Batch, place: i64) -> StoreError {
    let at = usize::try_from(place - 1).ok();
    let key = match at.and_then(|at| batch.documents.get(at)) {
        Some(Document::Put(put)) => &put.key,
        Some(Document::Delete(key)) => key,
        None => return StoreError::Corrupt(format!("a script answered {place}")),
    };
    StoreError::Conflict(format!("{} {}", key.kind, key.id))
}
