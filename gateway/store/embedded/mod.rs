//! The embedded engine: SQLite in one directory, one writer with group commit.
//!
//! One thread writes: it takes every batch that waits and commits them in one transaction. Another syncs the log, and
//! only then answers, while the writer makes the next. Reads go to the cache of what was written last, then to threads with connections of their own. What
//! is claimed is known in memory alone, because this process is the only owner: its end frees everything.
//! The tables are in `schema.rs`, made to be read with the `sqlite3` shell.

mod apply;
mod cache;
mod claims;
mod counts;
mod razing;
mod reads;
mod schema;
mod seen;
mod syncer;
mod upkeep;
mod walks;
mod writer;

use std::fmt::Display;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::Notify;
use tokio::time::timeout;

use self::apply::{Change, Claim, Prepared};
use self::cache::Cache;
use self::reads::Readers;
use self::schema::Place;
use self::upkeep::Upkeep;
use self::writer::{Bench, Writer};
use super::{
    Batch, Cut, Epoch, Key, ListEntry, Met, Queue, Razed, SLOTS, Settlement, Store, StoreError, Stored,
    Tally, Waiting, Walk,
};
use crate::model::{App, Clock, Id, Job, NewJob, Timestamp, Work};

/// The place that is no directory: everything in memory, for tests.
pub const MEMORY: &str = ":memory:";

/// How long a commit may take before whoever waits for it is told that the store is not there. A disk that works is
/// a thousand times quicker; what was handed in may still become durable, as after any answer that was lost.
const COMMIT_LIMIT: Duration = Duration::from_secs(5);

/// A reader or another checkpoint may keep the log from being emptied for a moment: then so often …
const EMPTYING_TRIES: usize = 20;

/// … and after such a pause, in which others commit.
const EMPTYING_PAUSE: Duration = Duration::from_millis(200);

/// The embedded engine.
#[derive(Debug)]
pub struct Embedded {
    writer: Writer,
    /// None in memory, where only the writer's connection sees anything.
    readers: Option<Readers>,
    cache: Arc<Cache>,
    bells: Bells,
    clock: Arc<dyn Clock>,
    upkeep: Mutex<Option<Upkeep>>,
}

/// One bell per slot.
type Bells = Arc<[Arc<Notify>]>;

impl Embedded {
    /// Opens the store in a directory, made if need be, or in memory ([`MEMORY`]).
    pub fn open(place: &str, clock: Arc<dyn Clock>) -> Result<Embedded, StoreError> {
        let place = match place {
            MEMORY => Place::memory(),
            directory => Place::take(Path::new(directory))?,
        };
        let cache = Arc::new(Cache::default());
        let bells: Bells = (0..SLOTS).map(|_| Arc::default()).collect();
        let database = place.database().map(Path::to_owned);
        let bench = Bench::new(place, cache.clone(), bells.clone(), clock.clone())?;
        let readers = database.as_deref().map(Readers::start).transpose()?;
        let writer = Writer::start(bench)?;
        let upkeep = Upkeep::start(database, writer.clone(), clock.clone())?;
        Ok(Embedded { writer, readers, cache, bells, clock, upkeep: Mutex::new(Some(upkeep)) })
    }

    /// Runs a read where it disturbs least.
    async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let found = match &self.readers {
            Some(readers) => readers.ask(read).await?,
            None => self.writer.ask(|bench| read(bench.connection())).await?,
        };
        found.map_err(describe)
    }
}

#[async_trait]
impl Store for Embedded {
    async fn read(&self, app: &Id<App>, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError> {
        let now = self.clock.now();
        if let Some(found) = self.cache.read(app, keys, now) {
            return Ok(found);
        }
        let (app, keys) = (app.clone(), keys.to_vec());
        self.look(move |connection| reads::documents(connection, &app, &keys, now)).await
    }

    async fn page(&self, app: &Id<App>, list: &str, cut: Cut) -> Result<Vec<ListEntry>, StoreError> {
        let (app, list) = (app.clone(), list.to_owned());
        self.look(move |connection| reads::page(connection, &app, &list, cut)).await
    }

    async fn tally(&self, app: &Id<App>, family: &str, lists: &[String]) -> Result<Tally, StoreError> {
        let (app, family, lists, now) = (app.clone(), family.to_owned(), lists.to_vec(), self.clock.now());
        self.look(move |connection| reads::tally(connection, &app, &family, &lists, now)).await
    }

    async fn is_queued(&self, _app: &Id<App>, job: &NewJob) -> Result<bool, StoreError> {
        let id = job.id.clone();
        self.look(move |connection| reads::is_queued(connection, id.as_str())).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let prepared = Prepared::new(batch)?;
        limited(COMMIT_LIMIT, self.writer.change(Change::Commit(prepared))).await
    }

    fn queues(&self) -> Vec<Queue> {
        (0..SLOTS).map(|slot| Queue { shard: 0, slot }).collect()
    }

    async fn lease(&self, queue: Queue) -> Result<Epoch, StoreError> {
        self.writer.ask(move |bench| bench.lease(queue)).await
    }

    async fn groups(&self, queue: Queue, limit: usize) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.writer.ask(move |bench| bench.groups(queue, limit)).await?.map_err(describe)
    }

    async fn backlog(&self, queue: Queue) -> Result<Vec<Waiting>, StoreError> {
        self.writer.ask(move |bench| bench.backlog(queue)).await?.map_err(describe)
    }

    async fn claim(
        &self,
        queue: Queue,
        epoch: Epoch,
        group: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let group = group.to_owned();
        let claimed = self.writer.ask(move |bench| bench.claim(queue, epoch, &group, now, limit)).await??;
        claimed.into_iter().map(claims::Row::into_job).collect()
    }

    async fn settle(
        &self,
        queue: Queue,
        epoch: Epoch,
        job: &Job,
        settlement: Settlement,
        batch: Batch,
    ) -> Result<(), StoreError> {
        let claim = Claim { queue, epoch, job: job.id.clone() };
        self.writer.change(Change::Settle(claim, settlement, Prepared::new(batch)?)).await?;
        Ok(())
    }

    fn bell(&self, queue: Queue) -> Arc<Notify> {
        self.bells[usize::from(queue.slot % SLOTS)].clone()
    }

    async fn walk(
        &self,
        app: &Id<App>,
        kinds: &[&'static str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Walk<Met>, StoreError> {
        let (app, kinds, after, now) =
            (app.clone(), kinds.to_vec(), after.map(str::to_owned), self.clock.now());
        self.look(move |connection| walks::documents(connection, &app, &kinds, after.as_deref(), limit, now))
            .await
    }

    async fn jobs(&self, app: &Id<App>, after: Option<&str>, limit: usize) -> Result<Walk<Job>, StoreError> {
        let (app, after) = (app.clone(), after.map(str::to_owned));
        let walk =
            self.look(move |connection| walks::jobs(connection, &app, after.as_deref(), limit)).await?;
        let found = walk.found.into_iter().map(claims::Row::into_job).collect::<Result<_, _>>()?;
        Ok(Walk { found, next: walk.next })
    }

    async fn strike(&self, app: &Id<App>, jobs: &[Id<Job>]) -> Result<usize, StoreError> {
        self.writer.change(Change::Strike(app.clone(), jobs.to_vec())).await
    }

    async fn revise(&self, app: &Id<App>, job: &Id<Job>, work: &Work) -> Result<(), StoreError> {
        let work = serde_json::to_string(work).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        self.writer.change(Change::Revise(app.clone(), job.clone(), work)).await.map(drop)
    }

    async fn raze(&self, app: &Id<App>, _: Option<&str>, limit: usize) -> Result<Razed, StoreError> {
        let removed = self.writer.change(Change::Raze(app.clone(), limit)).await?;
        // What was taken away needs no place to go on behind.
        Ok(Razed { removed, next: (removed > 0).then(String::new) })
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.writer.ask(|bench| bench.compact()).await?.map_err(describe)?;
        for _ in 0..EMPTYING_TRIES {
            match self.writer.ask(|bench| bench.empty_log()).await?.map_err(describe) {
                Err(StoreError::Unavailable(_)) => tokio::time::sleep(EMPTYING_PAUSE).await,
                emptied => return emptied,
            }
        }
        Err(unavailable("the log could not be emptied: somebody reads an older state all the time"))
    }

    async fn healthy(&self) -> Result<(), StoreError> {
        limited(COMMIT_LIMIT, self.writer.change(Change::Probe(self.clock.now()))).await
    }

    async fn close(&self) {
        let upkeep = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(upkeep) = upkeep {
            // Joins a thread that may be waiting for the disk.
            let _ = tokio::task::spawn_blocking(move || upkeep.stop()).await;
        }
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        self.writer.close().await;
    }
}

/// A change that is not waited for without end. A settlement is: whoever makes it has nothing else to do with it.
async fn limited(
    limit: Duration,
    change: impl Future<Output = Result<usize, StoreError>>,
) -> Result<(), StoreError> {
    match timeout(limit, change).await {
        Ok(changed) => changed.map(drop),
        Err(_) => Err(unavailable("the disk does not answer")),
    }
}

/// What an error of SQLite means to callers.
fn describe(error: rusqlite::Error) -> StoreError {
    use rusqlite::{Error, ErrorCode};
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
        None if matches!(error, Error::InvalidColumnType(..) | Error::FromSqlConversionFailure(..)) => {
            StoreError::Corrupt(error.to_string())
        }
        _ => unavailable(error),
    }
}

fn unavailable(error: impl Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// What is said when the store was closed.
fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemClock;
    use crate::store::Expect;

    async fn write(store: &Embedded, id: usize) -> Result<(), StoreError> {
        let mut batch = Batch::new(&Id::new("app"));
        batch.put("note", id.to_string(), &"x".repeat(8_000), Expect::Absent, None);
        store.commit(batch).await
    }

    /// Lets the database have so many pages and no more, as a full disk does.
    async fn bound(store: &Embedded, pages: u32) {
        let bounded = move |bench: &mut Bench| {
            bench.connection().pragma_update(None, "max_page_count", pages).expect("a bound");
        };
        store.writer.ask(bounded).await.expect("the writer lives");
    }

    #[tokio::test]
    async fn a_full_disk_refuses_and_space_heals() {
        let directory = tempfile::tempdir().expect("a place");
        for place in [MEMORY.to_owned(), directory.path().display().to_string()] {
            let store = Embedded::open(&place, Arc::new(SystemClock)).expect("a store");
            bound(&store, 40).await;
            let mut kept = 0;
            let refusal = loop {
                match write(&store, kept).await {
                    Ok(()) => kept += 1,
                    Err(refusal) => break refusal,
                }
            };
            assert!(matches!(refusal, StoreError::Unavailable(_)), "{refusal}");
            assert!(kept > 3);
            bound(&store, 1_000_000).await;
            write(&store, kept).await.expect("there is space again, and what failed left nothing behind");
            let keys: Vec<Key> = (0..=kept).map(|id| Key::new("note", id.to_string())).collect();
            let found = store.read(&Id::new("app"), &keys).await.expect("it reads");
            assert!(found.iter().all(Option::is_some));
            store.close().await;
        }
    }

    #[tokio::test]
    async fn a_disk_that_cannot_be_written_refuses_and_heals() {
        let directory = tempfile::tempdir().expect("a place");
        let place = directory.path().display().to_string();
        let store = Embedded::open(&place, Arc::new(SystemClock)).expect("a store");
        let read_only = |bench: &mut Bench| {
            bench.connection().pragma_update(None, "query_only", true).expect("a pragma");
        };
        store.writer.ask(read_only).await.expect("the writer lives");
        let refusal = write(&store, 0).await.expect_err("it cannot be written");
        assert!(matches!(refusal, StoreError::Unavailable(_)), "{refusal}");
        write(&store, 0).await.expect("the next connection can write again");
    }

    #[tokio::test]
    async fn a_log_in_doubt_is_emptied_before_it_is_added_to() {
        let directory = tempfile::tempdir().expect("a place");
        let place = directory.path().display().to_string();
        let store = Embedded::open(&place, Arc::new(SystemClock)).expect("a store");
        for id in 0..20 {
            write(&store, id).await.expect("it commits");
        }
        let log = || std::fs::metadata(directory.path().join("heliograph.db-wal")).expect("a log").len();
        let before = log();
        store.writer.ask(|bench: &mut Bench| bench.syncer().doubt()).await.expect("the writer lives");
        write(&store, 20).await.expect("it commits again");
        assert!(log() < before / 2, "{} of {before} bytes", log());
        assert!(!store.writer.ask(|bench: &mut Bench| bench.syncer().is_in_doubt()).await.expect("it lives"));
        let keys: Vec<Key> = (0..=20).map(|id| Key::new("note", id.to_string())).collect();
        let found = store.read(&Id::new("app"), &keys).await.expect("it reads");
        assert!(found.iter().all(Option::is_some));
    }

    #[tokio::test]
    async fn a_disk_that_does_not_answer_is_not_waited_for() {
        let store = Embedded::open(MEMORY, Arc::new(SystemClock)).expect("a store");
        let (go_on, stuck) = std::sync::mpsc::channel::<()>();
        let (stand, stands) = tokio::sync::oneshot::channel();
        let standing = store.writer.ask(move |_: &mut Bench| {
            stand.send(()).expect("somebody waits");
            stuck.recv()
        });
        let (_, refused) = tokio::join!(standing, async {
            stands.await.expect("the writer stands");
            let probe = store.writer.change(Change::Probe(store.clock.now()));
            let refused = limited(Duration::from_millis(20), probe).await;
            drop(go_on);
            refused
        });
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        store.healthy().await.expect("it is there again");
    }

    /// The longest log that upkeep lets stand, found by the next process after a `kill -9`.
    #[tokio::test]
    async fn a_long_log_is_soon_taken_over() {
        let killed = tempfile::tempdir().expect("a place");
        let place = Place::take(killed.path()).expect("a directory");
        let connection = place.connect().expect("a database");
        for round in 0..32 {
            connection.execute_batch("BEGIN").expect("a transaction");
            for number in 0..1_000 {
                let sql = "INSERT INTO documents VALUES ('app', 'note', ?1, 1, ?2, NULL)";
                let id = format!("{round}.{number}");
                connection.prepare_cached(sql).expect("SQL").execute([id, "x".repeat(4_000)]).expect("a row");
            }
            connection.execute_batch("COMMIT").expect("a commit");
        }
        let found = tempfile::tempdir().expect("a place");
        for file in ["heliograph.db", "heliograph.db-wal"] {
            std::fs::copy(killed.path().join(file), found.path().join(file)).expect("a copy");
        }
        let log = std::fs::metadata(found.path().join("heliograph.db-wal")).expect("a log").len();
        let began = std::time::Instant::now();
        let place = found.path().display().to_string();
        let store = Embedded::open(&place, Arc::new(SystemClock)).expect("a store");
        write(&store, 0).await.expect("it commits");
        println!("open and written {:?} after, with {} MiB of log", began.elapsed(), log >> 20);
        assert!(log > 120 << 20, "{log}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn what_expired_is_removed_from_the_table() {
        let store = Embedded::open(MEMORY, Arc::new(SystemClock)).expect("a store");
        let mut batch = Batch::new(&Id::new("app"));
        for id in 0..300 {
            batch.put("note", id.to_string(), &id, Expect::Absent, Some(Timestamp::from_millis(id)));
        }
        batch.put("note", "kept", &0, Expect::Absent, None);
        store.commit(batch).await.expect("it commits");
        let count = |bench: &mut Bench| {
            let sql = "SELECT count(*) FROM documents";
            bench.connection().query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count")
        };
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while store.writer.ask(count).await.expect("the writer lives") > 1 {
            assert!(std::time::Instant::now() < deadline, "they are still there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
