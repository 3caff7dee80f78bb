//! What is written together: documents, list entries, counts and jobs, with the conditions under which they hold.

use crate::model::{App, Id, Job, NewJob, Timestamp};

use super::{Record, Versioned};

/// Writes that become durable together or not at all. All of one app.
#[derive(Debug, Clone)]
pub struct Batch {
    /// A repetition under the same id changes nothing.
    pub id: Id<Batch>,
    /// Whose data.
    pub app: Id<App>,
    /// Documents to write or remove.
    pub documents: Vec<Document>,
    /// Entries to add to lists.
    pub entries: Vec<(String, ListEntry)>,
    /// Entries to move within lists, if they are there.
    pub moves: Vec<(String, ListEntry)>,
    /// Entries to remove from lists, by member.
    pub removals: Vec<(String, String)>,
    /// What is added to counters.
    pub counts: Vec<Count>,
    /// Jobs that must follow.
    pub jobs: Vec<NewJob>,
}

/// What is added to a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The counters that are read together.
    pub family: String,
    /// Which of them.
    pub counter: String,
    /// How much; less than nothing takes away.
    pub delta: i64,
    /// When the family may be forgotten: the same for all of a family. For ever kept when unset.
    pub expires: Option<Timestamp>,
}

/// A document to write or remove.
#[derive(Debug, Clone)]
pub enum Document {
    /// Write.
    Put(Put),
    /// Remove, if it is there.
    Delete(Key),
}

/// A document to write.
#[derive(Debug, Clone)]
pub struct Put {
    /// Under which key.
    pub key: Key,
    /// Under which condition.
    pub expect: Expect,
    /// JSON.
    pub body: Vec<u8>,
    /// When it may be forgotten; for ever kept when unset.
    pub expires: Option<Timestamp>,
}

/// The condition under which a document may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is none, or it expired.
    Absent,
    /// It has this version.
    Version(u64),
    /// Whatever is there.
    Anything,
}

/// The place of a document within its app.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The kind's name.
    pub kind: &'static str,
    /// The id.
    pub id: String,
}

impl Key {
    /// A key.
    pub fn new(kind: &'static str, id: impl Into<String>) -> Key {
        Key { kind, id: id.into() }
    }
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// What orders it.
    pub rank: i64,
    /// What it is; once per list.
    pub member: String,
}

/// How a claim ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The job is done and gone.
    Done,
    /// The job is to be done again.
    Again(Retry),
}

/// When and where a job is done again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Not before.
    pub due: Timestamp,
    /// How many tries it had; given out as [`Job::attempt`].
    pub attempt: u32,
    /// Whether it keeps its place at the head of its lane (later jobs wait), or steps aside into a lane of
    /// its own (later jobs go on).
    pub keeps_lane: bool,
}

impl Batch {
    /// An empty batch.
    pub fn new(app: &Id<App>) -> Batch {
        Batch {
            id: Id::random(),
            app: app.clone(),
            documents: Vec::new(),
            entries: Vec::new(),
            moves: Vec::new(),
            removals: Vec::new(),
            counts: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// Writes a document that must not be there yet.
    pub fn insert<T: Record>(&mut self, value: &T) {
        self.put(T::KIND, value.record_id(), value, Expect::Absent, None);
    }

    /// Overwrites a document read before, if nobody else did.
    pub fn update<T: Record>(&mut self, read: &Versioned<T>) {
        self.put(T::KIND, read.value.record_id(), &read.value, Expect::Version(read.version), None);
    }

    /// Writes a document under any condition, with or without an end.
    pub fn put<T: serde::Serialize>(
        &mut self,
        kind: &'static str,
        id: impl Into<String>,
        value: &T,
        expect: Expect,
        expires: Option<Timestamp>,
    ) {
        let body = serde_json::to_vec(value).expect("a document has no non-text keys and so is always JSON");
        self.documents.push(Document::Put(Put { key: Key::new(kind, id), expect, body, expires }));
    }

    /// Removes a document.
    pub fn delete(&mut self, kind: &'static str, id: impl Into<String>) {
        self.documents.push(Document::Delete(Key::new(kind, id)));
    }

    /// Removes a document, if it is as expected.
    pub fn delete_expecting(&mut self, kind: &'static str, id: impl Into<String>, expect: Expect) {
        let id = id.into();
        // A removal has no condition of its own; the write before it has.
        self.put(kind, &*id, &(), expect, None);
        self.delete(kind, id);
    }

    /// Adds an entry to a list; the same member again moves it.
    pub fn append(&mut self, list: impl Into<String>, rank: i64, member: impl Into<String>) {
        self.entries.push((list.into(), ListEntry { rank, member: member.into() }));
    }

    /// Moves an entry of a list; one that is not there, or not any more, stays away.
    pub fn rerank(&mut self, list: impl Into<String>, rank: i64, member: impl Into<String>) {
        self.moves.push((list.into(), ListEntry { rank, member: member.into() }));
    }

    /// Removes an entry from a list.
    pub fn remove(&mut self, list: impl Into<String>, member: impl Into<String>) {
        self.removals.push((list.into(), member.into()));
    }

    /// Adds to a counter; one that nothing was added to yet stands at zero.
    pub fn add(&mut self, family: impl Into<String>, counter: impl Into<String>, delta: i64) {
        let (family, counter) = (family.into(), counter.into());
        self.counts.push(Count { family, counter, delta, expires: None });
    }

    /// Adds to a counter of a family that is forgotten at a moment, which is the same for all of the family.
    pub fn add_until(
        &mut self,
        family: impl Into<String>,
        counter: impl Into<String>,
        delta: i64,
        expires: Timestamp,
    ) {
        let (family, counter) = (family.into(), counter.into());
        self.counts.push(Count { family, counter, delta, expires: Some(expires) });
    }

    /// Adds a job.
    pub fn job(&mut self, job: NewJob) {
        self.jobs.push(job);
    }

    /// Whether it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
            && self.entries.is_empty()
            && self.moves.is_empty()
            && self.removals.is_empty()
            && self.counts.is_empty()
            && self.jobs.is_empty()
    }
}

impl Retry {
    /// The same try again at a later time, in place.
    pub fn later(job: &Job, due: Timestamp) -> Retry {
        Retry { due, attempt: job.attempt, keeps_lane: true }
    }
}
