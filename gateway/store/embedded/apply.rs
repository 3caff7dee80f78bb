//! What a change does within a transaction: first every condition is read, then all is written, so that a refused
//! change has written nothing and needs no savepoint.

use std::collections::{HashMap, HashSet};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::{
    Batch, Count, Document, Epoch, Expect, Key, Put, Queue, Settlement, StoreError, Stored, slot_of,
};
use super::cache::{self, Cached, Written};
use super::claims::{Claims, Out};
use super::counts::Changes;
use super::seen::{Mark, Seen};
use crate::model::{App, Id, Job, NewJob, Timestamp};

/// Expired documents removed in one transaction: a bite that keeps nobody waiting.
pub(super) const PRUNE_BITE: usize = 128;

/// Something to be written.
#[derive(Debug)]
pub(super) enum Change {
    /// A batch.
    Commit(Prepared),
    /// The end of a claim, with its batch.
    Settle(Claim, Settlement, Prepared),
    /// The removal of some documents that expired by then.
    Prune(Timestamp),
    /// The removal of jobs of an app, whoever has them.
    Strike(Id<App>, Vec<Id<Job>>),
    /// Other work, as JSON, for a job of an app.
    Revise(Id<App>, Id<Job>, String),
    /// The removal of so much of what an app keeps.
    Raze(Id<App>, usize),
    /// Whether writing works.
    Probe(Timestamp),
}

/// A claim, as its holder names it.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) queue: Queue,
    pub(super) epoch: Epoch,
    pub(super) job: Id<Job>,
}

/// A batch with all that can be done about it outside of the writer's thread.
#[derive(Debug)]
pub(super) struct Prepared {
    batch: Batch,
    /// The work of its jobs as JSON, in their order.
    work: Vec<String>,
}

impl Prepared {
    pub(super) fn new(batch: Batch) -> Result<Prepared, StoreError> {
        for document in &batch.documents {
            if let Document::Put(put) = document
                && std::str::from_utf8(&put.body).is_err()
            {
                return Err(StoreError::Corrupt(format!("{}: its body is no text", named(&put.key))));
            }
        }
        let work: Result<_, _> = batch.jobs.iter().map(|job| serde_json::to_string(&job.work)).collect();
        let work = work.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(Prepared { batch, work })
    }
}

/// A document as it stands before a batch.
struct Standing {
    place: i64,
    version: u64,
    is_expired: bool,
}

/// Why a change was not made.
pub(super) enum Failure {
    /// For its own sake: nothing of it was written.
    Refused(StoreError),
    /// The database failed, and the transaction with it.
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure::Broken(error)
    }
}

/// What memory must learn once the transaction is committed.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) seen: HashSet<Mark>,
    pub(super) written: Vec<Written>,
    pub(super) settled: HashMap<Id<Job>, Queue>,
    /// Groups that have another job at the head of a lane.
    pub(super) touched: Vec<(u8, String)>,
    /// By how many jobs groups grew or shrank.
    pub(super) counts: Changes,
}

/// An open transaction.
pub(super) struct Transaction<'a> {
    pub(super) connection: &'a Connection,
    pub(super) claims: &'a Claims,
    pub(super) seen: &'a Seen,
    pub(super) now: Timestamp,
    /// The version the next write gets.
    pub(super) version: &'a mut u64,
    pub(super) effects: Effects,
}

impl Transaction<'_> {
    /// Makes a change, and says how many rows it removed if that is what it does.
    pub(super) fn apply(&mut self, change: Change) -> Result<usize, Failure> {
        match change {
            Change::Commit(prepared) => self.commit(prepared)?,
            Change::Settle(claim, settlement, prepared) => self.settle(claim, &settlement, prepared)?,
            Change::Prune(before) => return Ok(self.prune(before)?),
            Change::Strike(app, jobs) => return Ok(self.strike(&app, &jobs)?),
            Change::Revise(app, job, work) => {
                let sql = "UPDATE jobs SET work = ?3 WHERE id = ?2 AND app = ?1";
                self.connection.prepare_cached(sql)?.execute(params![app.as_str(), job.as_str(), work])?;
            }
            Change::Raze(app, limit) => return Ok(self.raze(&app, limit)?),
            Change::Probe(now) => self.probe(now)?,
        }
        Ok(0)
    }

    fn commit(&mut self, prepared: Prepared) -> Result<(), Failure> {
        let mark = self.seen.mark(&prepared.batch);
        if self.is_repeated(mark) {
            return Ok(());
        }
        let places = self.check(&prepared.batch)?;
        self.write(prepared, &places, mark)
    }

    fn settle(&mut self, claim: Claim, settlement: &Settlement, prepared: Prepared) -> Result<(), Failure> {
        let mark = self.seen.mark(&prepared.batch);
        if self.is_repeated(mark) {
            return Ok(());
        }
        let claims = self.claims;
        let out = claims.find(claim.queue, claim.epoch, &claim.job);
        let is_settled = self.effects.settled.contains_key(&claim.job);
        let Some(out) = out.filter(|_| !is_settled) else { return Err(Failure::Refused(StoreError::Lost)) };
        let places = self.check(&prepared.batch)?;
        self.end(claim.queue, &claim.job, out, settlement)?;
        self.effects.settled.insert(claim.job, claim.queue);
        self.write(prepared, &places, mark)
    }

    fn is_repeated(&self, mark: Mark) -> bool {
        self.seen.contains(mark) || self.effects.seen.contains(&mark)
    }

    /// Whether all conditions hold, and where the documents to be written stand now.
    fn check(&self, batch: &Batch) -> Result<Vec<Option<Standing>>, Failure> {
        let mut places = Vec::with_capacity(batch.documents.len());
        for document in &batch.documents {
            let Document::Put(put) = document else {
                places.push(None);
                continue;
            };
            let standing = self.standing(&batch.app, &put.key)?;
            let alive = standing.as_ref().filter(|standing| !standing.is_expired);
            let holds = match put.expect {
                Expect::Anything => true,
                Expect::Absent => alive.is_none(),
                Expect::Version(version) => alive.is_some_and(|alive| alive.version == version),
            };
            if !holds {
                return Err(Failure::Refused(StoreError::Conflict(named(&put.key))));
            }
            places.push(standing);
        }
        Ok(places)
    }

    fn standing(&self, app: &Id<App>, key: &Key) -> rusqlite::Result<Option<Standing>> {
        let sql = "SELECT rowid, version, coalesce(expires <= ?4, 0) FROM documents
                   WHERE app = ?1 AND kind = ?2 AND id = ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement
            .query_row(params![app.as_str(), key.kind, key.id, self.now.millis()], |row| {
                let version: i64 = row.get(1)?;
                Ok(Standing { place: row.get(0)?, version: version.unsigned_abs(), is_expired: row.get(2)? })
            })
            .optional()
    }

    // No statement below has a RETURNING clause: SQLite would keep a journal of every page it touches.
    fn write(&mut self, prepared: Prepared, places: &[Option<Standing>], mark: Mark) -> Result<(), Failure> {
        let Prepared { batch, work } = prepared;
        let app = batch.app;
        for (document, place) in batch.documents.into_iter().zip(places) {
            match document {
                Document::Put(put) => self.put(&app, put, place.as_ref())?,
                Document::Delete(key) => self.delete(&app, &key)?,
            }
        }
        for (list, entry) in &batch.entries {
            let sql = "INSERT INTO entries (app, list, member, rank) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT DO UPDATE SET rank = excluded.rank";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.execute(params![app.as_str(), list, entry.member, entry.rank])?;
        }
        for (list, entry) in &batch.moves {
            let sql = "UPDATE entries SET rank = ?4 WHERE app = ?1 AND list = ?2 AND member = ?3";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.execute(params![app.as_str(), list, entry.member, entry.rank])?;
        }
        for (list, member) in &batch.removals {
            let sql = "DELETE FROM entries WHERE app = ?1 AND list = ?2 AND member = ?3";
            self.connection.prepare_cached(sql)?.execute(params![app.as_str(), list, member])?;
        }
        for count in &batch.counts {
            self.count(&app, count)?;
        }
        for (job, work) in batch.jobs.into_iter().zip(&work) {
            self.add(&app, job, work)?;
        }
        self.effects.seen.insert(mark);
        Ok(())
    }

    fn put(&mut self, app: &Id<App>, put: Put, place: Option<&Standing>) -> rusqlite::Result<()> {
        let Put { key, body, expires, .. } = put;
        let version = place.map_or(0, |place| place.version + 1).max(*self.version);
        *self.version = version + 1;
        let text = ToSqlOutput::Borrowed(ValueRef::Text(&body));
        let stored = i64::try_from(version).unwrap_or(i64::MAX);
        let end = expires.map(Timestamp::millis);
        let is_rewritten = match place {
            Some(place) => {
                let sql = "UPDATE documents SET version = ?2, body = ?3, expires = ?4 WHERE rowid = ?1";
                self.connection.prepare_cached(sql)?.execute(params![place.place, stored, text, end])? > 0
            }
            None => false,
        };
        if !is_rewritten {
            // The same batch may have written or removed it before.
            let sql = "INSERT INTO documents (app, kind, id, version, body, expires)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                       ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body,
                                                 expires = excluded.expires";
            let values = params![app.as_str(), key.kind, key.id, stored, text, end];
            self.connection.prepare_cached(sql)?.execute(values)?;
        }
        let cached = Cached { stored: Stored { version, body: body.into() }, expires };
        self.effects.written.push((cache::name(app, &key), Some(cached)));
        Ok(())
    }

    fn delete(&mut self, app: &Id<App>, key: &Key) -> rusqlite::Result<()> {
        let sql = "DELETE FROM documents WHERE app = ?1 AND kind = ?2 AND id = ?3";
        self.connection.prepare_cached(sql)?.execute(params![app.as_str(), key.kind, key.id])?;
        self.effects.written.push((cache::name(app, key), None));
        Ok(())
    }

    fn count(&self, app: &Id<App>, count: &Count) -> rusqlite::Result<()> {
        // What expired and was not pruned yet counts from zero.
        let sql = "INSERT INTO counters (app, family, counter, value, expires) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO UPDATE SET expires = excluded.expires, value = excluded.value
                   + CASE WHEN coalesce(expires <= ?6, 0) THEN 0 ELSE value END";
        let Count { family, counter, delta, expires } = count;
        let end = expires.map(Timestamp::millis);
        let values = params![app.as_str(), family, counter, delta, end, self.now.millis()];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn add(&mut self, app: &Id<App>, job: NewJob, work: &str) -> rusqlite::Result<()> {
        let sql = "INSERT INTO jobs (id, app, slot, grp, lane, due, attempt, head, work)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8) ON CONFLICT (id) DO NOTHING";
        let slot = slot_of(&job);
        let is_head = self.first_of_lane(app.as_str(), &job.lane)?.is_none();
        let values = params![
            job.id.as_str(),
            app.as_str(),
            slot,
            job.group,
            job.lane,
            job.due.millis(),
            is_head,
            work
        ];
        let is_new = self.connection.prepare_cached(sql)?.execute(values)? > 0;
        if is_new {
            *self.effects.counts.entry((slot, job.group.clone())).or_default() += 1;
        }
        if is_new && is_head {
            self.effects.touched.push((slot, job.group));
        }
        Ok(())
    }

    fn first_of_lane(&self, app: &str, lane: &str) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT seq FROM jobs WHERE app = ?1 AND lane = ?2 ORDER BY seq LIMIT 1";
        self.connection.prepare_cached(sql)?.query_row([app, lane], |row| row.get(0)).optional()
    }

    /// Ends a claim in the table. The lane's next job becomes its head when the lane is free of this one.
    fn end(
        &mut self,
        queue: Queue,
        job: &Id<Job>,
        out: &Out,
        settlement: &Settlement,
    ) -> rusqlite::Result<()> {
        let connection = self.connection;
        match settlement {
            Settlement::Done => {
                let gone =
                    connection.prepare_cached("DELETE FROM jobs WHERE id = ?1")?.execute([job.as_str()])?;
                *self.effects.counts.entry((queue.slot, out.group.clone())).or_default() -= gone as i64;
            }
            Settlement::Again(retry) => {
                // A lane of its own bears the job's name.
                let lane = if retry.keeps_lane { &out.lane } else { job.as_str() };
                let sql = "UPDATE jobs SET due = ?2, attempt = ?3, lane = ?4 WHERE id = ?1";
                let values = params![job.as_str(), retry.due.millis(), retry.attempt, lane];
                connection.prepare_cached(sql)?.execute(values)?;
                self.effects.touched.push((queue.slot, out.group.clone()));
            }
        }
        self.promote(&out.app, &out.lane)
    }

    /// Lets the first of a lane be given out.
    pub(super) fn promote(&mut self, app: &str, lane: &str) -> rusqlite::Result<()> {
        let connection = self.connection;
        let Some(first) = self.first_of_lane(app, lane)? else { return Ok(()) };
        connection
            .prepare_cached("UPDATE jobs SET head = 1 WHERE seq = ?1 AND head = 0")?
            .execute([first])?;
        let next = connection
            .prepare_cached("SELECT slot, grp FROM jobs WHERE seq = ?1")?
            .query_row([first], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.effects.touched.push(next);
        Ok(())
    }

    fn prune(&mut self, before: Timestamp) -> rusqlite::Result<usize> {
        // What the cache holds of them is expired too, and is not shown.
        let sql = "DELETE FROM documents WHERE rowid IN
                   (SELECT rowid FROM documents WHERE expires <= ?1 ORDER BY expires LIMIT ?2)";
        let pruned =
            self.connection.prepare_cached(sql)?.execute(params![before.millis(), PRUNE_BITE as i64])?;
        self.connection
            .prepare_cached("DELETE FROM counters WHERE expires <= ?1")?
            .execute([before.millis()])?;
        Ok(pruned)
    }

    fn probe(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        let sql = "INSERT INTO probes VALUES (1, ?1) ON CONFLICT DO UPDATE SET at = excluded.at";
        self.connection.prepare_cached(sql)?.execute([now.millis()])?;
        Ok(())
    }
}

fn named(key: &Key) -> String {
    format!("{} {}", key.kind, key.id)
}
