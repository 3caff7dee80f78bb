//! Walks through documents and jobs, bite by bite: each is one short read.

use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use super::super::{Key, Met, Stored, Walk};
use super::claims;
use crate::model::{App, Id, Timestamp};

/// What stands between a kind and an id in the name of a place.
const BETWEEN: char = '\0';

/// Documents of some kinds behind a place: kind by kind, in the order of their ids.
pub(super) fn documents(
    connection: &Connection,
    app: &Id<App>,
    kinds: &[&'static str],
    after: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<Walk<Met>> {
    let (from, mut behind) = after.and_then(|after| after.split_once(BETWEEN)).unwrap_or_default();
    let begun = kinds.iter().position(|kind| *kind == from).unwrap_or(0);
    let mut found = Vec::new();
    for kind in &kinds[begun..] {
        let sql = "SELECT id, version, body FROM documents
                   WHERE app = ?1 AND kind = ?2 AND id > ?3 AND (expires IS NULL OR expires > ?4)
                   ORDER BY id LIMIT ?5";
        let room = i64::try_from(limit - found.len()).unwrap_or(i64::MAX);
        let mut statement = connection.prepare_cached(sql)?;
        let values = params![app.as_str(), kind, behind, now.millis(), room];
        for met in statement.query_map(values, |row| met(kind, row))? {
            found.push(met?);
        }
        if found.len() >= limit {
            let next = found.last().map(|met: &Met| format!("{kind}{BETWEEN}{}", met.key.id));
            return Ok(Walk { found, next });
        }
        behind = "";
    }
    Ok(Walk { found, next: None })
}

fn met(kind: &'static str, row: &Row<'_>) -> rusqlite::Result<Met> {
    let version: i64 = row.get(1)?;
    let body = Bytes::copy_from_slice(row.get_ref(2)?.as_bytes()?);
    Ok(Met { key: Key { kind, id: row.get(0)? }, stored: Stored { version: version.unsigned_abs(), body } })
}

/// Jobs of an app among the next of the table, in the order of their commits. Those of other apps are stepped over.
pub(super) fn jobs(
    connection: &Connection,
    app: &Id<App>,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Walk<claims::Row>> {
    let after: i64 = after.and_then(|after| after.parse().ok()).unwrap_or(i64::MIN);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql =
        "SELECT seq, app, id, grp, lane, due, attempt, work FROM jobs WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![after, limit])?;
    let (mut found, mut seen, mut last) = (Vec::new(), 0, after);
    while let Some(row) = rows.next()? {
        seen += 1;
        last = row.get(0)?;
        // What is not asked for is not read.
        if row.get_ref(1)?.as_str()? != app.as_str() {
            continue;
        }
        found.push(claims::Row {
            id: row.get(2)?,
            app: app.to_string(),
            group: row.get(3)?,
            lane: row.get(4)?,
            due: row.get(5)?,
            attempt: row.get(6)?,
            work: row.get(7)?,
        });
    }
    Ok(Walk { found, next: (seen == limit).then(|| last.to_string()) })
}
