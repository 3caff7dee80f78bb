//! The thread that puts the write-ahead log away and removes what expired, beside the writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use super::super::StoreError;
use super::apply::{Change, PRUNE_BITE};
use super::writer::Writer;
use super::{describe, unavailable};
use crate::model::Clock;

/// How often there is something to put away: often enough that it is never much at once.
const RHYTHM: Duration = Duration::from_millis(200);

/// The pause between two bites while there is more to prune: commits go first.
const BETWEEN_BITES: Duration = Duration::from_millis(20);

/// While commits come, so many pages (8 MiB) are let gather: a page written often is then put away once.
const WORTH_PAGES: i64 = 2_048;

/// A log with so many pages (32 MiB) is begun anew, for which the writer must wait …
const RESTART_PAGES: i64 = 8_192;

/// … so it is first put away in as many rounds as it takes until so few pages (2 MiB) are left …
const LEFT_PAGES: i64 = 512;

/// … but not more than so many rounds.
const ROUNDS: usize = 8;

/// A file of such a size is cut rather than written again from its start, which is quicker.
const TRUNCATE_BYTES: u64 = 128 << 20;

/// How long a checkpoint waits for readers while it keeps the writer waiting.
const BUSY: Duration = Duration::from_millis(200);

/// The running thread.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// Dropped to say that it should end.
    going: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Upkeep {
    pub(super) fn start(
        database: Option<PathBuf>,
        writer: Writer,
        clock: Arc<dyn Clock>,
    ) -> Result<Upkeep, StoreError> {
        let log = database.map(|database| Log::open(&database)).transpose().map_err(describe)?;
        let (going, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("store-upkeep".into());
        let thread = thread.spawn(move || serve(log, &writer, &*clock, &ended)).map_err(unavailable)?;
        Ok(Upkeep { going, thread })
    }

    /// Ends it. Waits for a checkpoint that is under way.
    pub(super) fn stop(self) {
        drop(self.going);
        // It has nothing to say, even if it panicked.
        let _ = self.thread.join();
    }
}

fn serve(mut log: Option<Log>, writer: &Writer, clock: &dyn Clock, ended: &mpsc::Receiver<()>) {
    let mut pause = RHYTHM;
    while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let pruned = writer.change_blocking(Change::Prune(clock.now())).unwrap_or(0);
        let is_more = pruned >= PRUNE_BITE;
        pause = if is_more { BETWEEN_BITES } else { RHYTHM };
        if let Some(log) = &mut log
            && let Err(error) = log.put_away()
        {
            tracing::warn!(%error, "the write-ahead log could not be put away");
        }
    }
}

/// The write-ahead log, seen from its own connection.
struct Log {
    connection: Connection,
    file: PathBuf,
    /// How many pages it had when it was last looked at.
    last: i64,
}

impl Log {
    fn open(database: &Path) -> rusqlite::Result<Log> {
        let connection = Connection::open(database)?;
        connection.busy_timeout(BUSY)?;
        let mut file = database.as_os_str().to_owned();
        file.push("-wal");
        Ok(Log { connection, file: file.into(), last: 0 })
    }

    /// Copies what can be copied without anybody waiting; then, if the log is long, makes it begin anew.
    fn put_away(&mut self) -> rusqlite::Result<()> {
        let Pages { log, waiting } = self.checkpoint("NOOP")?;
        let is_calm = std::mem::replace(&mut self.last, log) == log;
        let is_worth_it = waiting >= WORTH_PAGES || (is_calm && waiting > 0);
        if is_worth_it {
            self.checkpoint("PASSIVE")?;
        }
        if log <= RESTART_PAGES {
            return Ok(());
        }
        for _ in 0..ROUNDS {
            // What came during one round is what the next has to do.
            if self.checkpoint("NOOP")?.waiting <= LEFT_PAGES {
                break;
            }
            self.checkpoint("PASSIVE")?;
        }
        let bytes = std::fs::metadata(&self.file).map_or(0, |file| file.len());
        self.checkpoint(if bytes > TRUNCATE_BYTES { "TRUNCATE" } else { "RESTART" })?;
        Ok(())
    }

    fn checkpoint(&self, mode: &str) -> rusqlite::Result<Pages> {
        self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            let (log, done): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(Pages { log, waiting: log - done })
        })
    }
}

/// How long the log is, and how much of it is not put away.
struct Pages {
    log: i64,
    waiting: i64,
}
