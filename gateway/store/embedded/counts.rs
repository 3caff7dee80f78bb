//! How many jobs each group has: a small table, written in the transactions that change it, and a copy in memory.
//! Counting a million rows would take seconds.

use std::collections::HashMap;

use rusqlite::{Connection, params};

/// A group within a slot.
pub(super) type Place = (u8, String);

/// What a transaction adds and takes.
pub(super) type Changes = HashMap<Place, i64>;

/// The numbers as they are committed.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<Place, i64>);

impl Counts {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Counts> {
        let mut statement = connection.prepare_cached("SELECT slot, grp, jobs FROM backlog")?;
        let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        rows.collect::<rusqlite::Result<_>>().map(Counts)
    }

    /// Writes what changes into the open transaction.
    pub(super) fn write(&self, connection: &Connection, changes: &Changes) -> rusqlite::Result<()> {
        for (place, change) in changes.iter().filter(|(_, change)| **change != 0) {
            let jobs = self.of(place) + change;
            if jobs > 0 {
                let sql = "INSERT INTO backlog (slot, grp, jobs) VALUES (?1, ?2, ?3)
                           ON CONFLICT DO UPDATE SET jobs = excluded.jobs";
                connection.prepare_cached(sql)?.execute(params![place.0, place.1, jobs])?;
            } else {
                let sql = "DELETE FROM backlog WHERE slot = ?1 AND grp = ?2";
                connection.prepare_cached(sql)?.execute(params![place.0, place.1])?;
            }
        }
        Ok(())
    }

    /// Takes over what was committed.
    pub(super) fn learn(&mut self, changes: Changes) {
        for (place, change) in changes {
            let jobs = self.of(&place) + change;
            if jobs > 0 {
                self.0.insert(place, jobs);
            } else {
                self.0.remove(&place);
            }
        }
    }

    /// The groups of a slot that have jobs.
    pub(super) fn in_slot(&self, slot: u8) -> impl Iterator<Item = (&String, u64)> {
        let mine = self.0.iter().filter(move |((of, _), _)| *of == slot);
        mine.map(|((_, group), jobs)| (group, jobs.unsigned_abs()))
    }

    fn of(&self, place: &Place) -> i64 {
        self.0.get(place).copied().unwrap_or(0)
    }
}
