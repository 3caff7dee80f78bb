//! Reads of documents, lists and counters, and the threads that do them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::{mpsc, oneshot};

use super::super::{Cut, Key, ListEntry, StoreError, Stored, Tally};
use super::{closed, schema, unavailable};
use crate::model::{App, Id, Timestamp};

/// More would only wait for the same few cores.
const THREADS: usize = 2;

/// Reads that may wait for a thread.
const WAITING: usize = 1_024;

/// A read to do, or the word to stop.
type Request = Option<Box<dyn FnOnce(&Connection) + Send>>;

/// Threads that read, each with a connection of its own.
#[derive(Debug)]
pub(super) struct Readers {
    requests: mpsc::Sender<Request>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// Starts the threads on a database that has its tables.
    pub(super) fn start(database: &Path) -> Result<Readers, StoreError> {
        let (requests, queue) = mpsc::channel(WAITING);
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::new();
        for _ in 0..THREADS {
            let (connection, queue) = (schema::connect_reader(database)?, queue.clone());
            let thread = thread::Builder::new().name("store-read".into());
            threads.push(thread.spawn(move || serve(&connection, &queue)).map_err(unavailable)?);
        }
        Ok(Readers { requests, threads: Mutex::new(threads) })
    }

    /// Runs a read on one of the threads.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let request = Box::new(move |connection: &Connection| {
            // Who asked may have gone away.
            let _ = answer.send(read(connection));
        });
        self.requests.send(Some(request)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())
    }

    /// Lets the threads do what waits, and end.
    pub(super) async fn close(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &threads {
            // A thread that is gone already needs no word.
            let _ = self.requests.send(None).await;
        }
        let join = move || threads.into_iter().for_each(|thread| drop(thread.join()));
        let _ = tokio::task::spawn_blocking(join).await;
    }
}

fn serve(connection: &Connection, queue: &Mutex<mpsc::Receiver<Request>>) {
    loop {
        // One thread waits for the queue, the other for its turn to wait.
        let request = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv().flatten();
        let Some(read) = request else { return };
        read(connection);
    }
}

/// The documents under these keys, all at one moment.
pub(super) fn documents(
    connection: &Connection,
    app: &Id<App>,
    keys: &[Key],
    now: Timestamp,
) -> rusqlite::Result<Vec<Option<Stored>>> {
    if let [key] = keys {
        return Ok(vec![document(connection, app, key, now)?]);
    }
    let moment = connection.unchecked_transaction()?;
    let found = keys.iter().map(|key| document(connection, app, key, now)).collect();
    moment.commit()?;
    found
}

fn document(
    connection: &Connection,
    app: &Id<App>,
    key: &Key,
    now: Timestamp,
) -> rusqlite::Result<Option<Stored>> {
    let sql = "SELECT version, body FROM documents
               WHERE app = ?1 AND kind = ?2 AND id = ?3 AND (expires IS NULL OR expires > ?4)";
    connection
        .prepare_cached(sql)?
        .query_row(params![app.as_str(), key.kind, key.id, now.millis()], stored)
        .optional()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let version: i64 = row.get(0)?;
    let body = Bytes::copy_from_slice(row.get_ref(1)?.as_bytes()?);
    Ok(Stored { version: version.unsigned_abs(), body })
}

/// A page of a list.
pub(super) fn page(
    connection: &Connection,
    app: &Id<App>,
    list: &str,
    cut: Cut,
) -> rusqlite::Result<Vec<ListEntry>> {
    let mut from = None;
    let (sql, rank, limit) = match &cut {
        Cut::Newest { limit } => (
            "SELECT rank, member FROM entries WHERE app = ?1 AND list = ?2 AND rank <= ?3
             ORDER BY rank DESC, member DESC LIMIT ?4",
            &i64::MAX,
            limit,
        ),
        Cut::Before { rank, limit } => (
            "SELECT rank, member FROM entries WHERE app = ?1 AND list = ?2 AND rank < ?3
             ORDER BY rank DESC, member DESC LIMIT ?4",
            rank,
            limit,
        ),
        Cut::After { rank, limit } => (
            "SELECT rank, member FROM entries WHERE app = ?1 AND list = ?2 AND rank > ?3
             ORDER BY rank, member LIMIT ?4",
            rank,
            limit,
        ),
        Cut::Behind { rank, member, limit } => {
            from = Some(member);
            (
                "SELECT rank, member FROM entries WHERE app = ?1 AND list = ?2 AND (rank, member) > (?3, ?5)
                 ORDER BY rank, member LIMIT ?4",
                rank,
                limit,
            )
        }
    };
    let is_backwards = matches!(cut, Cut::Newest { .. } | Cut::Before { .. });
    let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let entry = |row: &Row<'_>| Ok(ListEntry { rank: row.get(0)?, member: row.get(1)? });
    let entries = match from {
        None => statement.query_map(params![app.as_str(), list, rank, limit], entry),
        Some(from) => statement.query_map(params![app.as_str(), list, rank, limit, from], entry),
    }?;
    let mut entries = entries.collect::<rusqlite::Result<Vec<_>>>()?;
    if is_backwards {
        entries.reverse();
    }
    Ok(entries)
}

/// The counters of a family and the lengths of lists, all at one moment.
pub(super) fn tally(
    connection: &Connection,
    app: &Id<App>,
    family: &str,
    lists: &[String],
    now: Timestamp,
) -> rusqlite::Result<Tally> {
    let moment = connection.unchecked_transaction()?;
    let mut tally = Tally::default();
    {
        let sql = "SELECT counter, value FROM counters
                   WHERE app = ?1 AND family = ?2 AND (expires IS NULL OR expires > ?3)";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![app.as_str(), family, now.millis()])?;
        while let Some(row) = rows.next()? {
            tally.counts.insert(row.get(0)?, row.get(1)?);
        }
        let mut statement =
            connection.prepare_cached("SELECT count(*) FROM entries WHERE app = ?1 AND list = ?2")?;
        for list in lists {
            let length: i64 = statement.query_row(params![app.as_str(), list], |row| row.get(0))?;
            tally.lengths.push(usize::try_from(length).unwrap_or(0));
        }
    }
    moment.commit()?;
    Ok(tally)
}

/// Whether there is a job of this id.
pub(super) fn is_queued(connection: &Connection, job: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM jobs WHERE id = ?1")?;
    statement.exists([job])
}
