//! The one thread that writes: it takes all that waits and commits it in one transaction, which `syncer.rs` makes
//! durable and answers.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::super::{Epoch, Queue, StoreError, Waiting};
use super::apply::{Change, Effects, Failure, Transaction};
use super::cache::Cache;
use super::claims::{Claims, Row};
use super::counts::Counts;
use super::schema::Place;
use super::seen::Seen;
use super::syncer::{self, Commit, Round, Syncer, Word};
use super::{Bells, closed, describe, unavailable};
use crate::model::{Clock, Timestamp};

/// Commands that may wait; who comes after waits in line.
const WAITING: usize = 1_024;

/// Commands taken into one transaction, so that the first of them does not wait for ever.
const GROUP: usize = 512;

/// Versions begin at the time in these parts of a millisecond, so that they rise over removals and restarts.
const VERSIONS_PER_MILLISECOND: u64 = 1_000;

#[expect(clippy::large_enum_variant, reason = "nearly every command is a change")]
enum Command {
    Change(Change, Answer),
    Look(Box<dyn FnOnce(&mut Bench) -> Word + Send>),
    Close,
}

pub(super) type Answer = oneshot::Sender<Result<usize, StoreError>>;

/// The way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    commands: mpsc::Sender<Command>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Writer {
    pub(super) fn start(bench: Bench) -> Result<Writer, StoreError> {
        let (commands, waiting) = mpsc::channel(WAITING);
        let thread = thread::Builder::new().name("store-write".into());
        let thread = thread.spawn(move || serve(bench, waiting)).map_err(unavailable)?;
        Ok(Writer { commands, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Makes a change durable.
    pub(super) async fn change(&self, change: Change) -> Result<usize, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Change(change, answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// The same for threads.
    pub(super) fn change_blocking(&self, change: Change) -> Result<usize, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.commands.blocking_send(Command::Change(change, answer)).map_err(|_| closed())?;
        answered.blocking_recv().map_err(|_| closed())?
    }

    /// Looks at what is committed, and answers when that is durable; memory may be changed, what the database says not.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Bench) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let look = Box::new(move |bench: &mut Bench| {
            let found = look(bench);
            // Who asked may have gone away.
            Box::new(move || drop(answer.send(found))) as Word
        });
        self.commands.send(Command::Look(look)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())
    }

    /// Does what waits and closes the database.
    pub(super) async fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A thread that is gone already needs no word.
            let _ = self.commands.send(Command::Close).await;
            let _ = tokio::task::spawn_blocking(move || drop(thread.join())).await;
        }
    }
}

/// What the thread works with.
pub(super) struct Bench {
    connection: Connection,
    claims: Claims,
    counts: Counts,
    seen: Seen,
    version: u64,
    syncer: Syncer,
    clock: Arc<dyn Clock>,
    /// Declared last: the lock on the directory goes after the connection.
    place: Place,
}

impl Bench {
    pub(super) fn new(
        place: Place,
        cache: Arc<Cache>,
        bells: Bells,
        clock: Arc<dyn Clock>,
    ) -> Result<Bench, StoreError> {
        let connection = place.connect().map_err(describe)?;
        let claims = Claims::load(&connection).map_err(describe)?;
        let counts = Counts::load(&connection).map_err(describe)?;
        let version = clock.now().millis().unsigned_abs() * VERSIONS_PER_MILLISECOND;
        let log = place.database().map(syncer::log_of).transpose().map_err(unavailable)?;
        let syncer = Syncer::start(log, cache, bells).map_err(unavailable)?;
        let seen = Seen::default();
        Ok(Bench { connection, claims, counts, seen, version, syncer, clock, place })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    #[cfg(test)]
    pub(super) fn syncer(&self) -> &Syncer {
        &self.syncer
    }

    pub(super) fn lease(&mut self, queue: Queue) -> Epoch {
        self.claims.lease(queue)
    }

    pub(super) fn groups(
        &mut self,
        queue: Queue,
        limit: usize,
    ) -> rusqlite::Result<Vec<(String, Timestamp)>> {
        self.claims.groups(&self.connection, queue, limit)
    }

    pub(super) fn backlog(&mut self, queue: Queue) -> rusqlite::Result<Vec<Waiting>> {
        let due: HashMap<String, Timestamp> = self.groups(queue, usize::MAX)?.into_iter().collect();
        let waiting = self.counts.in_slot(queue.slot).map(|(group, jobs)| Waiting {
            group: group.clone(),
            jobs,
            due: due.get(group).copied(),
        });
        Ok(waiting.collect())
    }

    pub(super) fn claim(
        &mut self,
        queue: Queue,
        epoch: Epoch,
        group: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.claims.claim(&self.connection, queue, epoch, group, now, limit)
    }

    /// Writes the database anew, into the log. Only here, between two transactions, is nobody's work in the way.
    pub(super) fn compact(&self) -> rusqlite::Result<()> {
        // The copy may be larger than the memory.
        self.connection.execute_batch("PRAGMA temp_store = FILE")?;
        let copied = self.connection.execute_batch("VACUUM");
        self.connection.execute_batch("PRAGMA temp_store = MEMORY")?;
        copied
    }

    /// Puts the whole log into the database.
    pub(super) fn empty_log(&self) -> rusqlite::Result<()> {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        let is_busy: bool =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        match is_busy {
            true => Err(rusqlite::Error::SqliteFailure(busy, Some("somebody reads an older state".into()))),
            false => Ok(()),
        }
    }

    /// Commits a group of changes. What is to be answered when they are durable, if they were not refused at once.
    fn commit(&mut self, changes: Vec<(Change, Answer)>) -> Option<Commit> {
        let (changes, answers): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        match self.settle_doubt().and_then(|()| self.transact(changes)) {
            Ok((outcomes, mut effects)) => {
                let written = std::mem::take(&mut effects.written);
                let rung = self.learn(effects);
                Some(Commit { answers: answers.into_iter().zip(outcomes).collect(), written, rung })
            }
            Err(error) => {
                self.recover();
                for answer in answers {
                    let _ = answer.send(Err(unavailable(&error)));
                }
                None
            }
        }
    }

    /// After a sync that failed the log may have a hole on the disk, before which all later commits would end. It is
    /// emptied into the database, durably, before anything is added to it.
    fn settle_doubt(&mut self) -> rusqlite::Result<()> {
        if !self.syncer.is_in_doubt() {
            return Ok(());
        }
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        self.empty_log()?;
        let log = self.place.database().map(syncer::log_of).transpose();
        let emptied = log.and_then(|log| log.map_or(Ok(()), |log| log.sync_all()));
        if emptied.is_err() {
            return Err(rusqlite::Error::SqliteFailure(busy, Some("the log is in doubt".into())));
        }
        self.syncer.settle_doubt();
        Ok(())
    }

    fn transact(&mut self, changes: Vec<Change>) -> rusqlite::Result<Transacted> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut transaction = Transaction {
            connection: &self.connection,
            claims: &self.claims,
            seen: &self.seen,
            now: self.clock.now(),
            version: &mut self.version,
            effects: Effects::default(),
        };
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            outcomes.push(match transaction.apply(change) {
                Ok(count) => Ok(count),
                Err(Failure::Refused(error)) => Err(error),
                Err(Failure::Broken(error)) => return Err(error),
            });
        }
        let effects = transaction.effects;
        self.counts.write(&self.connection, &effects.counts)?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok((outcomes, effects))
    }

    /// Takes what was committed into memory. The slots where there may be work.
    fn learn(&mut self, effects: Effects) -> Vec<u8> {
        self.seen.remember(&effects.seen, Instant::now());
        self.counts.learn(effects.counts);
        let mut rung = HashSet::new();
        // The end of a claim brings work only where it frees a lane or puts the job back, which is in `touched`.
        for (job, queue) in effects.settled {
            self.claims.settled(queue, &job);
        }
        for (slot, group) in effects.touched {
            self.claims.touched(slot, group);
            rung.insert(slot);
        }
        rung.into_iter().collect()
    }

    /// After a failure nothing is held back: the transaction is rolled back, and since the disk may have left the
    /// connection in doubt, a fresh one takes over if it can be had.
    fn recover(&mut self) {
        if !self.connection.is_autocommit() {
            // SQLite rolls back by itself on most failures, and closing does it for good.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        if self.place.database().is_some()
            && let Ok(fresh) = self.place.connect()
        {
            self.connection = fresh;
        }
        // What failed may have become durable all the same.
        if let Ok(counts) = Counts::load(&self.connection) {
            self.counts = counts;
        }
    }
}

type Transacted = (Vec<Result<usize, StoreError>>, Effects);

fn serve(mut bench: Bench, mut waiting: mpsc::Receiver<Command>) {
    let mut is_open = true;
    while is_open {
        let mut next = waiting.blocking_recv();
        let (mut changes, mut looks) = (Vec::new(), Vec::new());
        loop {
            match next {
                Some(Command::Change(change, answer)) => changes.push((change, answer)),
                Some(Command::Look(look)) => looks.push(look),
                Some(Command::Close) => waiting.close(),
                None => {
                    is_open = false;
                    break;
                }
            }
            if changes.len() + looks.len() >= GROUP {
                break;
            }
            next = match waiting.try_recv() {
                Ok(command) => Some(command),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            };
        }
        let commit = if changes.is_empty() { None } else { bench.commit(changes) };
        // After the commit, and answered with it, so that what is seen and given out is durable.
        let words = looks.into_iter().map(|look| look(&mut bench)).collect();
        bench.syncer.take(Round { commit, words });
    }
    bench.syncer.close();
    // The write-ahead log is put away, so that a copy of the one file is a copy of all.
    let _ = bench.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
}
