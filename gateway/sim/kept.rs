//! A bounded list, oldest dropped first, whose entries can be found by key.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// At most so many entries of at most so many bytes together, oldest first.
pub(super) struct Kept<T> {
    entries: VecDeque<Entry<T>>,
    /// The running number of the front entry.
    first: u64,
    places: HashMap<String, u64>,
    bytes: usize,
    limit: (usize, usize),
}

struct Entry<T> {
    key: Option<String>,
    bytes: usize,
    value: Arc<T>,
}

impl<T> Kept<T> {
    /// `limit` is the number of entries and of bytes.
    pub(super) fn new(limit: (usize, usize)) -> Kept<T> {
        Kept { entries: VecDeque::new(), first: 0, places: HashMap::new(), bytes: 0, limit }
    }

    /// Keeps an entry of about `bytes` bytes. A key given again names the newer entry.
    pub(super) fn push(&mut self, key: Option<String>, bytes: usize, value: Arc<T>) {
        if let Some(key) = &key {
            self.places.insert(key.clone(), self.first + self.entries.len() as u64);
        }
        self.bytes += bytes;
        self.entries.push_back(Entry { key, bytes, value });
        while self.entries.len() > self.limit.0 || self.bytes > self.limit.1 {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.entries.pop_front() else { return };
        self.bytes -= oldest.bytes;
        if let Some(key) = oldest.key
            && self.places.get(&key) == Some(&self.first)
        {
            self.places.remove(&key);
        }
        self.first += 1;
    }

    /// The newest entry under this key.
    pub(super) fn get(&self, key: &str) -> Option<Arc<T>> {
        let place = self.places.get(key)? - self.first;
        self.entries.get(usize::try_from(place).ok()?).map(|entry| Arc::clone(&entry.value))
    }

    /// All entries, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<T>> {
        self.entries.iter().map(|entry| &entry.value)
    }

    /// All entries, oldest first, for use without the lock.
    pub(super) fn to_vec(&self) -> Vec<Arc<T>> {
        self.iter().cloned().collect()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Kept::new(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(kept: &mut Kept<u32>, key: &str, bytes: usize, value: u32) {
        kept.push(Some(key.to_owned()), bytes, Arc::new(value));
    }

    fn values(kept: &Kept<u32>) -> Vec<u32> {
        kept.iter().map(|value| **value).collect()
    }

    #[test]
    fn the_oldest_entry_goes_first() {
        let mut kept = Kept::new((2, 100));
        for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
            push(&mut kept, key, 1, value);
        }
        assert_eq!(values(&kept), [2, 3]);
        assert_eq!(kept.get("a"), None);
        assert_eq!(kept.get("c").as_deref(), Some(&3));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut kept = Kept::new((100, 10));
        push(&mut kept, "a", 6, 1);
        push(&mut kept, "b", 6, 2);
        assert_eq!(values(&kept), [2]);
    }

    #[test]
    fn a_key_given_again_names_the_newer_entry_and_outlives_the_older() {
        let mut kept = Kept::new((2, 100));
        push(&mut kept, "a", 1, 1);
        push(&mut kept, "a", 1, 2);
        push(&mut kept, "b", 1, 3);
        assert_eq!(kept.get("a").as_deref(), Some(&2));
        kept.clear();
        assert_eq!(kept.get("a"), None);
    }
}
