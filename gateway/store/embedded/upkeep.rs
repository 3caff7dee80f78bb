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

/// How often there is something to put away.
const RHYTHM: Duration = Duration::from_secs(1);

/// The pause between two bites while there is more to prune: commits go first.
const BETWEEN_BITES: Duration = Duration::from_millis(20);

/// A log with so many pages (16 MiB) is begun anew, for which the writer must wait a moment …
const RESTART_PAGES: i64 = 4_096;

/// … and a file of such a size is cut, which makes it grow again.
const TRUNCATE_BYTES: u64 = 64 << 20;

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

fn serve(log: Option<Log>, writer: &Writer, clock: &dyn Clock, ended: &mpsc::Receiver<()>) {
    let mut pause = RHYTHM;
    while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let pruned = writer.change_blocking(Change::Prune(clock.now())).unwrap_or(0);
        let is_more = pruned >= PRUNE_BITE;
        pause = if is_more { BETWEEN_BITES } else { RHYTHM };
        if let Some(log) = &log
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
}

impl Log {
    fn open(database: &Path) -> rusqlite::Result<Log> {
        let connection = Connection::open(database)?;
        connection.busy_timeout(BUSY)?;
        let mut file = database.as_os_str().to_owned();
        file.push("-wal");
        Ok(Log { connection, file: file.into() })
    }

    /// Copies what can be copied without anybody waiting; then, if the log is long, makes it begin anew.
    fn put_away(&self) -> rusqlite::Result<()> {
        let pages = self.checkpoint("PASSIVE")?;
        let bytes = std::fs::metadata(&self.file).map_or(0, |file| file.len());
        if bytes > TRUNCATE_BYTES {
            self.checkpoint("TRUNCATE")?;
        } else if pages > RESTART_PAGES {
            self.checkpoint("RESTART")?;
        }
        Ok(())
    }

    /// The pages in the log.
    fn checkpoint(&self, mode: &str) -> rusqlite::Result<i64> {
        self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(1))
    }
}
