//! Lists that the store keeps, read in parts that stay where they are while others are added and taken away.

use crate::model::{App, Id};
use crate::store::{Cut, ListEntry};

use super::{Core, CoreError};

/// Entries with the same rank that a part which ends at one of them first expects.
const TIES: usize = 8;

/// Which part of a list is wanted: so many entries, from its beginning, or beside one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slice {
    /// The first.
    First(usize),
    /// Those after one.
    After(String, usize),
    /// Those before one.
    Before(String, usize),
}

impl Slice {
    /// The entry beside which it lies.
    pub fn cursor(&self) -> Option<&str> {
        match self {
            Slice::First(_) => None,
            Slice::After(id, _) | Slice::Before(id, _) => Some(id),
        }
    }
}

/// A part of a list, and whether there is more on its sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries, in the list's order.
    pub items: Vec<T>,
    /// Whether others come before them.
    pub has_earlier: bool,
    /// Whether others come after them.
    pub has_later: bool,
}

impl<T> Listed<T> {
    /// The same part, each entry as something else.
    pub fn map<U>(self, into: impl FnMut(T) -> U) -> Listed<U> {
        let Listed { items, has_earlier, has_later } = self;
        Listed { items: items.into_iter().map(into).collect(), has_earlier, has_later }
    }
}

impl Core {
    /// A part of a list that the store keeps. `rank` is that of the slice's cursor, whether or not it is there.
    pub(super) async fn part(
        &self,
        app: &Id<App>,
        list: &str,
        slice: &Slice,
        rank: i64,
    ) -> Result<Listed<ListEntry>, CoreError> {
        match slice {
            Slice::First(size) => {
                let cut = Cut::After { rank: i64::MIN, limit: size + 1 };
                let mut items = self.store.page(app, list, cut).await?;
                let has_later = items.len() > *size;
                items.truncate(*size);
                Ok(Listed { items, has_earlier: false, has_later })
            }
            Slice::After(member, size) => {
                let mut items = self.behind(app, list, (rank, member), size + 1).await?;
                let has_later = items.len() > *size;
                items.truncate(*size);
                let has_earlier = match items.first() {
                    Some(first) => {
                        !self.ahead_of(app, list, (first.rank, &first.member), 1).await?.is_empty()
                    }
                    None => false,
                };
                Ok(Listed { items, has_earlier, has_later })
            }
            Slice::Before(member, size) => {
                let mut items = self.ahead_of(app, list, (rank, member), size + 1).await?;
                let has_earlier = items.len() > *size;
                items.drain(..items.len().saturating_sub(*size));
                let has_later = match items.last() {
                    Some(last) => !self.behind(app, list, (last.rank, &last.member), 1).await?.is_empty(),
                    None => false,
                };
                Ok(Listed { items, has_earlier, has_later })
            }
        }
    }

    async fn behind(
        &self,
        app: &Id<App>,
        list: &str,
        (rank, member): (i64, &str),
        limit: usize,
    ) -> Result<Vec<ListEntry>, CoreError> {
        Ok(self.store.page(app, list, Cut::Behind { rank, member: member.to_owned(), limit }).await?)
    }

    /// The last so many entries before one: of those with its rank, the ones whose members sort before it.
    async fn ahead_of(
        &self,
        app: &Id<App>,
        list: &str,
        (rank, member): (i64, &str),
        limit: usize,
    ) -> Result<Vec<ListEntry>, CoreError> {
        let mut read = limit + TIES;
        loop {
            let cut = Cut::Before { rank: rank.saturating_add(1), limit: read };
            let mut items = self.store.page(app, list, cut).await?;
            let is_all = items.len() < read;
            items.retain(|entry| (entry.rank, entry.member.as_str()) < (rank, member));
            if is_all || items.len() >= limit {
                items.drain(..items.len().saturating_sub(limit));
                return Ok(items);
            }
            read *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::core::Policy;
    use crate::model::SystemClock;
    use crate::store::{self, Batch};

    async fn kept(entries: &[(i64, &str)]) -> (Core, Id<App>) {
        let clock = Arc::new(SystemClock);
        let store = store::open("embedded::memory:", 1, clock.clone()).await.expect("a store");
        let app = Id::new("app");
        let mut batch = Batch::new(&app);
        for (rank, member) in entries {
            batch.append("list", *rank, *member);
        }
        store.commit(batch).await.expect("written");
        let policy = Policy::lasting(Duration::from_secs(3600));
        (Core::new(store, clock, policy, |_, _| true, Arc::default()), app)
    }

    #[tokio::test]
    async fn parts_join_whatever_has_the_same_rank() {
        let names: Vec<String> = (0..30).map(|number| format!("m{number:02}")).collect();
        let entries: Vec<(i64, &str)> =
            names.iter().enumerate().map(|(at, name)| ((at / 20) as i64, name.as_str())).collect();
        let (core, app) = kept(&entries).await;
        let rank = |name: &str| entries.iter().find(|(_, other)| *other == name).expect("an entry").0;
        let mut part = core.part(&app, "list", &Slice::First(4), 0).await.expect("a part");
        let mut seen = Vec::new();
        loop {
            assert_eq!(part.has_earlier, !seen.is_empty());
            seen.extend(part.items.iter().map(|entry| entry.member.clone()));
            let Some(last) = part.items.last().filter(|_| part.has_later) else { break };
            let slice = Slice::After(last.member.clone(), 4);
            part = core.part(&app, "list", &slice, last.rank).await.expect("a part");
        }
        assert_eq!(seen, names);
        for (at, name) in names.iter().enumerate() {
            let part = core.part(&app, "list", &Slice::Before(name.clone(), 3), rank(name)).await;
            let part = part.expect("a part");
            let members: Vec<&str> = part.items.iter().map(|entry| entry.member.as_str()).collect();
            assert_eq!(members, &names[at.saturating_sub(3)..at]);
            assert_eq!((part.has_earlier, part.has_later), (at > 3, at > 0), "{name}");
        }
    }

    #[tokio::test]
    async fn a_place_that_is_empty_is_a_place() {
        let (core, app) = kept(&[(1, "a"), (3, "c"), (5, "e")]).await;
        let part = |slice: Slice, rank| {
            let core = core.clone();
            let app = app.clone();
            async move {
                let part = core.part(&app, "list", &slice, rank).await.expect("a part");
                part.map(|entry| entry.member)
            }
        };
        let after = part(Slice::After("b".into(), 1), 2).await;
        assert_eq!(after, Listed { items: vec!["c".into()], has_earlier: true, has_later: true });
        let before = part(Slice::Before("d".into(), 2), 4).await;
        assert_eq!(
            before,
            Listed { items: vec!["a".into(), "c".into()], has_earlier: false, has_later: true }
        );
        let none = part(Slice::After("f".into(), 2), 6).await;
        assert_eq!(none, Listed { items: Vec::new(), has_earlier: false, has_later: false });
    }
}
