//! Which jobs are out, under which epochs, and which groups have one to give: in memory, beside the table.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::super::{Epoch, Queue, SLOTS, StoreError};
use super::describe;
use crate::model::{Id, Job, Timestamp};

/// The state of all slots.
#[derive(Debug, Default)]
pub(super) struct Claims {
    slots: [Slot; SLOTS as usize],
}

#[derive(Debug, Default)]
struct Slot {
    epoch: u64,
    out: HashMap<Id<Job>, Out>,
    /// The places of what is out, for stepping over them in an index.
    places: HashSet<i64>,
    /// Every group with a job to give out is here; some without may be, until they are looked at.
    groups: HashMap<String, Earliest>,
}

/// A job that is out.
#[derive(Debug)]
pub(super) struct Out {
    place: i64,
    pub(super) app: String,
    pub(super) lane: String,
    pub(super) group: String,
}

/// When a group's earliest job to give out is due.
#[derive(Debug, Clone, Copy)]
enum Earliest {
    At(i64),
    /// Something changed: look.
    Unknown,
}

/// A job as it stands in the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) app: String,
    pub(super) group: String,
    pub(super) lane: String,
    pub(super) due: i64,
    pub(super) attempt: u32,
    pub(super) work: String,
}

impl Row {
    pub(super) fn into_job(self) -> Result<Job, StoreError> {
        let work = serde_json::from_str(&self.work)
            .map_err(|error| StoreError::Corrupt(format!("the work of job {}: {error}", self.id)))?;
        Ok(Job {
            id: Id::new(self.id),
            app: Id::new(self.app),
            group: self.group,
            lane: self.lane,
            due: Timestamp::from_millis(self.due),
            attempt: self.attempt,
            work,
        })
    }
}

impl Claims {
    /// Nothing is out; the groups are those of the table.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Claims> {
        // Steps from group to group through the index, however many jobs each has.
        let sql = "WITH RECURSIVE step (grp) AS (
                       SELECT min(grp) FROM jobs WHERE head = 1 AND slot = ?1
                       UNION ALL
                       SELECT (SELECT min(grp) FROM jobs WHERE head = 1 AND slot = ?1 AND grp > step.grp)
                       FROM step WHERE step.grp IS NOT NULL
                   )
                   SELECT grp FROM step WHERE grp IS NOT NULL";
        let mut claims = Claims::default();
        let mut statement = connection.prepare(sql)?;
        for (number, slot) in claims.slots.iter_mut().enumerate() {
            for group in statement.query_map([number as i64], |row| row.get(0))? {
                slot.groups.insert(group?, Earliest::Unknown);
            }
        }
        Ok(claims)
    }

    fn slot(&mut self, queue: Queue) -> &mut Slot {
        &mut self.slots[usize::from(queue.slot % SLOTS)]
    }

    /// Begins the next epoch; what was out is free again.
    pub(super) fn lease(&mut self, queue: Queue) -> Epoch {
        let slot = self.slot(queue);
        slot.epoch += 1;
        slot.places.clear();
        for out in std::mem::take(&mut slot.out).into_values() {
            slot.groups.insert(out.group, Earliest::Unknown);
        }
        Epoch(slot.epoch)
    }

    /// Where a job that is out under this epoch stands.
    pub(super) fn find(&self, queue: Queue, epoch: Epoch, job: &Id<Job>) -> Option<&Out> {
        let slot = self.slots.get(usize::from(queue.slot))?;
        slot.out.get(job).filter(|_| slot.epoch == epoch.0)
    }

    /// A claim was settled, and that is committed.
    pub(super) fn settled(&mut self, queue: Queue, job: &Id<Job>) {
        let slot = self.slot(queue);
        if let Some(out) = slot.out.remove(job) {
            slot.places.remove(&out.place);
            slot.groups.insert(out.group, Earliest::Unknown);
        }
    }

    /// A group has another job at the head of a lane, and that is committed.
    pub(super) fn touched(&mut self, slot: u8, group: String) {
        self.slots[usize::from(slot % SLOTS)].groups.insert(group, Earliest::Unknown);
    }

    /// The groups with a job to give out, by the time their earliest is due.
    pub(super) fn groups(
        &mut self,
        connection: &Connection,
        queue: Queue,
        limit: usize,
    ) -> rusqlite::Result<Vec<(String, Timestamp)>> {
        let slot = self.slot(queue);
        let mut idle = Vec::new();
        for (group, earliest) in &mut slot.groups {
            if matches!(earliest, Earliest::At(_)) {
                continue;
            }
            match free_heads(connection, &slot.places, queue, group, i64::MAX, 1)?.first() {
                Some((_, due)) => *earliest = Earliest::At(*due),
                None => idle.push(group.clone()),
            }
        }
        // An idle group comes back when it is touched or one of its claims ends.
        for group in idle {
            slot.groups.remove(&group);
        }
        let mut groups: Vec<(&String, i64)> = slot.groups.iter().filter_map(known).collect();
        groups.sort_unstable_by_key(|(group, due)| (*due, *group));
        groups.truncate(limit);
        Ok(groups.into_iter().map(|(group, due)| (group.clone(), Timestamp::from_millis(due))).collect())
    }

    /// Gives out up to `limit` due jobs of a group.
    pub(super) fn claim(
        &mut self,
        connection: &Connection,
        queue: Queue,
        epoch: Epoch,
        group: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let slot = self.slot(queue);
        if slot.epoch != epoch.0 {
            return Err(StoreError::Lost);
        }
        let free =
            free_heads(connection, &slot.places, queue, group, now.millis(), limit).map_err(describe)?;
        let mut rows = Vec::with_capacity(free.len());
        for (place, _) in free {
            rows.push((place, row(connection, place, group).map_err(describe)?));
        }
        if !rows.is_empty() {
            slot.groups.insert(group.to_owned(), Earliest::Unknown);
        }
        let mut claimed = Vec::with_capacity(rows.len());
        for (place, row) in rows {
            let out = Out { place, app: row.app.clone(), lane: row.lane.clone(), group: row.group.clone() };
            slot.places.insert(place);
            slot.out.insert(Id::new(row.id.clone()), out);
            claimed.push(row);
        }
        Ok(claimed)
    }
}

fn known<'a>((group, earliest): (&'a String, &'a Earliest)) -> Option<(&'a String, i64)> {
    match earliest {
        Earliest::At(due) => Some((group, *due)),
        Earliest::Unknown => None,
    }
}

/// The first `limit` heads of a group that are due and not out, as place and due time: read from the index alone.
fn free_heads(
    connection: &Connection,
    out: &HashSet<i64>,
    queue: Queue,
    group: &str,
    until: i64,
    limit: usize,
) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut statement = connection.prepare_cached(FREE_HEADS)?;
    let mut rows = statement.query(params![queue.slot, group, until])?;
    let mut free = Vec::new();
    while free.len() < limit {
        let Some(row) = rows.next()? else { break };
        let place = row.get(0)?;
        if !out.contains(&place) {
            free.push((place, row.get(1)?));
        }
    }
    Ok(free)
}

const FREE_HEADS: &str =
    "SELECT seq, due FROM jobs WHERE head = 1 AND slot = ?1 AND grp = ?2 AND due <= ?3 ORDER BY due, seq";

fn row(connection: &Connection, place: i64, group: &str) -> rusqlite::Result<Row> {
    let sql = "SELECT id, app, lane, due, attempt, work FROM jobs WHERE seq = ?1";
    connection.prepare_cached(sql)?.query_row([place], |row| {
        Ok(Row {
            id: row.get(0)?,
            app: row.get(1)?,
            group: group.to_owned(),
            lane: row.get(2)?,
            due: row.get(3)?,
            attempt: row.get(4)?,
            work: row.get(5)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::schema::Place;
    use super::*;

    #[test]
    fn looking_for_work_walks_one_index() {
        let connection = Place::memory().connect().expect("a database");
        let plan: String = connection
            .query_row(&format!("EXPLAIN QUERY PLAN {FREE_HEADS}"), params![0, "", 0], |row| row.get(3))
            .expect("a plan");
        assert!(plan.contains("USING COVERING INDEX jobs_to_give_out"), "{plan}");
    }
}
