//! The directory, the connections and the tables.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{StoreError, describe, unavailable};

/// One step of the schema each, in order. A step that was released is never edited: add another.
const MIGRATIONS: [&str; 3] = [
    // `seq` is the rowid, one above the highest there is: the order of commits within a lane, which is all it
    // is used for. `head` marks the first job of its lane. Work stands in the table and not in the index that
    // claims walk. Documents have a rowid so that their bodies lie in the order of writing, away from the keys.
    "
    CREATE TABLE documents (
        app TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        expires INTEGER,
        PRIMARY KEY (app, kind, id)
    );
    CREATE INDEX documents_by_expiry ON documents (expires) WHERE expires IS NOT NULL;

    CREATE TABLE entries (
        app TEXT NOT NULL,
        list TEXT NOT NULL,
        member TEXT NOT NULL,
        rank INTEGER NOT NULL,
        PRIMARY KEY (app, list, member)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX entries_by_rank ON entries (app, list, rank, member);

    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        app TEXT NOT NULL,
        slot INTEGER NOT NULL,
        grp TEXT NOT NULL,
        lane TEXT NOT NULL,
        due INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        head INTEGER NOT NULL,
        work TEXT NOT NULL
    );
    CREATE INDEX jobs_by_lane ON jobs (app, lane);
    CREATE INDEX jobs_to_give_out ON jobs (slot, grp, due, head) WHERE head = 1;

    CREATE TABLE probes (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL);
    ",
    "
    CREATE TABLE counters (
        app TEXT NOT NULL,
        family TEXT NOT NULL,
        counter TEXT NOT NULL,
        value INTEGER NOT NULL,
        expires INTEGER,
        PRIMARY KEY (app, family, counter)
    ) WITHOUT ROWID;
    CREATE INDEX counters_by_expiry ON counters (expires) WHERE expires IS NOT NULL;
    ",
    // How many rows of `jobs` each group has.
    "
    CREATE TABLE backlog (
        slot INTEGER NOT NULL,
        grp TEXT NOT NULL,
        jobs INTEGER NOT NULL,
        PRIMARY KEY (slot, grp)
    ) WITHOUT ROWID;
    INSERT INTO backlog SELECT slot, grp, count(*) FROM jobs GROUP BY slot, grp;
    ",
];

/// How long a connection waits for a checkpoint that has the upper hand.
const BUSY: Duration = Duration::from_secs(5);

/// Where the database is, and the right to write it.
#[derive(Debug)]
pub(super) struct Place {
    /// The database's file and the lock that says that it is ours; None in memory.
    taken: Option<(PathBuf, File)>,
}

impl Place {
    pub(super) fn memory() -> Place {
        Place { taken: None }
    }

    /// Makes the directory if need be, and locks it against a second process.
    pub(super) fn take(directory: &Path) -> Result<Place, StoreError> {
        let named = |error: std::io::Error| unavailable(format!("{}: {error}", directory.display()));
        create_private(directory).map_err(named)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("lock"))
            .map_err(named)?;
        match lock.try_lock() {
            Ok(()) => Ok(Place { taken: Some((directory.join("heliograph.db"), lock)) }),
            Err(TryLockError::WouldBlock) => {
                Err(unavailable(format!("{} is in use by another process", directory.display())))
            }
            Err(TryLockError::Error(error)) => Err(named(error)),
        }
    }

    /// The database's file.
    pub(super) fn database(&self) -> Option<&Path> {
        self.taken.as_ref().map(|(database, _)| database.as_path())
    }

    /// The connection that writes, its tables brought up to date.
    pub(super) fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = match self.database() {
            Some(database) => Connection::open(database)?,
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(64);
        // Without it SQLite prepares a statement anew whenever a bound value might change its plan: on every claim.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // NORMAL leaves the sync of each commit to `syncer.rs`; checkpoints sync both files as ever.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             PRAGMA secure_delete = ON;
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -16384;",
        )?;
        migrate(&connection)?;
        Ok(connection)
    }
}

#[cfg(unix)]
fn create_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if let Some(above) = directory.parent() {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

#[cfg(not(unix))]
fn create_private(directory: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).create(directory)
}

/// A connection that only reads.
pub(super) fn connect_reader(database: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(describe)?;
    connection.busy_timeout(BUSY).map_err(describe)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(describe)?;
    Ok(connection)
}

fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        let newer = "the database was written by a newer version of this program";
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_SCHEMA),
            Some(newer.into()),
        ));
    }
    for (step, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", step as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
