//! The documents written last, as committed: what is hot is read without SQLite.
//!
//! Only the syncer puts things in, after their transaction is durable: a document that is here is the one in the
//! database, or for as long as a sync takes the one before. A read is answered from here when all of its keys are, so that it sees one moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::super::{Key, Stored};
use crate::model::{App, Id, Timestamp};

/// Either generation holds about so many bytes.
const GENERATION_BYTES: usize = 16 << 20;

/// A larger document is not worth its place.
const LARGEST: usize = 64 << 10;

/// What a document costs beside its key and body.
const OVERHEAD: usize = 96;

/// A document as committed.
#[derive(Debug)]
pub(super) struct Cached {
    pub(super) stored: Stored,
    pub(super) expires: Option<Timestamp>,
}

/// What a commit did to a document: written, or gone.
pub(super) type Written = (String, Option<Cached>);

/// The documents written or read last. When the young are too many they become the old, and the old are dropped.
#[derive(Debug, Default)]
pub(super) struct Cache {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, Cached>,
    old: HashMap<String, Cached>,
    young_bytes: usize,
}

/// The name of a document in the cache.
pub(super) fn name(app: &Id<App>, key: &Key) -> String {
    name_of(app, key.kind, &key.id)
}

/// The same for a kind that is known only as it stands in the table.
pub(super) fn name_of(app: &Id<App>, kind: &str, id: &str) -> String {
    let mut name = String::new();
    write_name(app, kind, id, &mut name);
    name
}

/// The same, in the place of what stood there.
fn write_name(app: &Id<App>, kind: &str, id: &str, name: &mut String) {
    name.clear();
    for part in [app.as_str(), "\0", kind, "\0", id] {
        name.push_str(part);
    }
}

impl Cache {
    /// The documents under all of the keys, or nothing.
    pub(super) fn read(&self, app: &Id<App>, keys: &[Key], now: Timestamp) -> Option<Vec<Option<Stored>>> {
        let mut name = String::new();
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |key: &Key| {
            write_name(app, key.kind, &key.id, &mut name);
            generations.find(&name, now)
        };
        keys.iter().map(find).collect()
    }

    /// Learns what a durable transaction wrote, all of it at once.
    pub(super) fn learn(&self, written: Vec<Written>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, document) in written {
            generations.forget(&name);
            if let Some(document) = document.filter(|document| document.stored.body.len() <= LARGEST) {
                generations.put(name, document);
            }
        }
    }
}

impl Generations {
    /// The outer option: whether it is known here. The inner: whether there is such a document now.
    fn find(&mut self, name: &str, now: Timestamp) -> Option<Option<Stored>> {
        if let Some((name, cached)) = self.old.remove_entry(name) {
            self.put(name, cached);
        }
        let cached = self.young.get(name)?;
        let is_expired = cached.expires.is_some_and(|expires| expires <= now);
        Some((!is_expired).then(|| cached.stored.clone()))
    }

    fn forget(&mut self, name: &str) {
        self.old.remove(name);
        if let Some(cached) = self.young.remove(name) {
            self.young_bytes -= cost(name, &cached);
        }
    }

    fn put(&mut self, name: String, cached: Cached) {
        if self.young_bytes >= GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += cost(&name, &cached);
        self.young.insert(name, cached);
    }
}

fn cost(name: &str, cached: &Cached) -> usize {
    OVERHEAD + name.len() + cached.stored.body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(cache: &Cache, id: &str, version: u64, bytes: usize, expires: Option<i64>) {
        let stored = Stored { version, body: vec![b' '; bytes].into() };
        let expires = expires.map(Timestamp::from_millis);
        let name = name(&Id::new("app"), &Key::new("kind", id));
        cache.learn(vec![(name, Some(Cached { stored, expires }))]);
    }

    fn version(cache: &Cache, id: &str, now: i64) -> Option<Option<u64>> {
        let found = cache.read(&Id::new("app"), &[Key::new("kind", id)], Timestamp::from_millis(now))?;
        Some(found[0].as_ref().map(|stored| stored.version))
    }

    #[test]
    fn the_last_write_is_read_until_it_is_removed() {
        let cache = Cache::default();
        assert_eq!(version(&cache, "a", 0), None);
        write(&cache, "a", 1, 10, None);
        write(&cache, "a", 2, 10, Some(50));
        assert_eq!(version(&cache, "a", 49), Some(Some(2)));
        assert_eq!(version(&cache, "a", 50), Some(None), "expired");
        let both = [Key::new("kind", "a"), Key::new("kind", "b")];
        assert_eq!(cache.read(&Id::new("app"), &both, Timestamp::from_millis(0)), None, "all or nothing");
        cache.learn(vec![(name(&Id::new("app"), &both[0]), None)]);
        assert_eq!(version(&cache, "a", 0), None);
        write(&cache, "a", 3, LARGEST + 1, None);
        assert_eq!(version(&cache, "a", 0), None, "too large to keep");
    }

    #[test]
    fn what_is_read_stays_and_the_rest_is_dropped() {
        let cache = Cache::default();
        for n in 0..2_000 {
            write(&cache, &n.to_string(), n, LARGEST - 200, None);
            assert_eq!(version(&cache, "0", 0), Some(Some(0)));
            assert_eq!(version(&cache, &n.to_string(), 0), Some(Some(n)));
        }
        assert_eq!(version(&cache, "1", 0), None);
        let generations = cache.generations.lock().expect("the lock");
        let kept = generations.young.len() + generations.old.len();
        assert!(kept * LARGEST < 2 * GENERATION_BYTES + 2 * LARGEST, "{kept}");
        let counted: usize = generations.young.iter().map(|(name, cached)| cost(name, cached)).sum();
        assert_eq!(counted, generations.young_bytes);
    }
}
