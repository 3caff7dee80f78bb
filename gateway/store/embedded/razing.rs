//! Taking away what its makers do not end themselves: jobs of people and apps that are erased, and what an app keeps.

use rusqlite::{OptionalExtension, Row, params};

use super::super::Queue;
use super::apply::Transaction;
use super::cache;
use crate::model::{App, Id, Job};

impl Transaction<'_> {
    /// Removes jobs, whether or not they are out, so that what is behind them in their lanes comes next.
    pub(super) fn strike(&mut self, app: &Id<App>, jobs: &[Id<Job>]) -> rusqlite::Result<usize> {
        let mut struck = 0;
        for job in jobs {
            let sql = "SELECT slot, grp, lane, head FROM jobs WHERE id = ?1 AND app = ?2";
            let place = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            let found: Option<(u8, String, String, bool)> = self
                .connection
                .prepare_cached(sql)?
                .query_row(params![job.as_str(), app.as_str()], place)
                .optional()?;
            let Some((slot, group, lane, is_head)) = found else { continue };
            self.connection.prepare_cached("DELETE FROM jobs WHERE id = ?1")?.execute([job.as_str()])?;
            *self.effects.counts.entry((slot, group)).or_default() -= 1;
            self.effects.settled.insert(job.clone(), Queue { shard: 0, slot });
            if is_head {
                self.promote(app.as_str(), &lane)?;
            }
            struck += 1;
        }
        Ok(struck)
    }

    /// Removes so many documents, entries and counters of an app.
    pub(super) fn raze(&mut self, app: &Id<App>, limit: usize) -> rusqlite::Result<usize> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let connection = self.connection;
        let mut found = connection.prepare_cached(
            "SELECT rowid, kind, id FROM documents WHERE app = ?1 ORDER BY kind, id LIMIT ?2",
        )?;
        let place = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let found = found.query_map(params![app.as_str(), limit], place)?;
        let found: Vec<(i64, String, String)> = found.collect::<rusqlite::Result<_>>()?;
        let mut removed = found.len();
        for (place, kind, id) in found {
            connection.prepare_cached("DELETE FROM documents WHERE rowid = ?1")?.execute([place])?;
            self.effects.written.push((cache::name_of(app, &kind, &id), None));
        }
        for sql in [
            "DELETE FROM entries WHERE (app, list, member) IN
             (SELECT app, list, member FROM entries WHERE app = ?1 LIMIT ?2)",
            "DELETE FROM counters WHERE (app, family, counter) IN
             (SELECT app, family, counter FROM counters WHERE app = ?1 LIMIT ?2)",
        ] {
            removed += connection.prepare_cached(sql)?.execute(params![app.as_str(), limit])?;
        }
        Ok(removed)
    }
}
