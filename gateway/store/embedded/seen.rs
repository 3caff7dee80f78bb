//! Which batches were committed lately, so that a repetition changes nothing.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::super::Batch;

/// Ids are remembered at least this long …
const MEMORY: Duration = Duration::from_secs(60);

/// … in sets of this span, so that forgetting is dropping a set …
const SPAN: Duration = Duration::from_secs(15);

/// … but never more than so many (about 40 bytes each), the oldest forgotten first.
const MOST: usize = 1 << 20;

/// A batch's id and app in 128 bits: no two are mistaken for one another.
pub(super) type Mark = u128;

/// The marks of what was committed lately.
#[derive(Debug, Default)]
pub(super) struct Seen {
    hashers: [RandomState; 2],
    /// Oldest first, each with the time it was begun.
    spans: VecDeque<(Instant, HashSet<Mark>)>,
    count: usize,
}

impl Seen {
    pub(super) fn mark(&self, batch: &Batch) -> Mark {
        let [high, low] = &self.hashers;
        let of = (batch.app.as_str(), batch.id.as_str());
        u128::from(high.hash_one(of)) << 64 | u128::from(low.hash_one(of))
    }

    pub(super) fn contains(&self, mark: Mark) -> bool {
        self.spans.iter().rev().any(|(_, marks)| marks.contains(&mark))
    }

    pub(super) fn remember(&mut self, marks: &HashSet<Mark>, now: Instant) {
        let begin = self.spans.back().is_none_or(|(begun, _)| now.duration_since(*begun) >= SPAN);
        if begin {
            self.spans.push_back((now, HashSet::new()));
        }
        if let Some((_, newest)) = self.spans.back_mut() {
            newest.extend(marks);
        }
        self.count += marks.len();
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        while let Some((begun, oldest)) = self.spans.front() {
            let is_old = now.duration_since(*begun) > MEMORY + SPAN;
            let is_over = self.count > MOST && self.spans.len() > 1;
            if !is_old && !is_over {
                return;
            }
            self.count -= oldest.len();
            self.spans.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_kept_a_minute_and_not_for_ever() {
        let start = Instant::now();
        let mut seen = Seen::default();
        for second in 0..200 {
            seen.remember(&HashSet::from([second]), start + Duration::from_secs(second as u64));
            assert!(seen.contains(second.saturating_sub(60)));
            assert!(second < 100 || !seen.contains(second - 100));
        }
        assert!(seen.count <= 91, "{}", seen.count);
    }
}
