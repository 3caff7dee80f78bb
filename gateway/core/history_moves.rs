//! Moving a history into another: in bites, each message at its time or as soon after as is free.

use std::collections::BTreeSet;

use crate::model::{App, Conversation, Id, Message, Role, Timestamp, User};
use crate::store::{Batch, Cut, Expect, ListEntry, Record, Versioned};

use super::records::{messages_of, referred, save};
use super::{Core, CoreError};

/// Messages moved in one batch.
const BITE: usize = 200;

/// Places looked at in one read.
const LOOK: usize = 1000;

impl Core {
    /// What is to be written to move some more of a merged person's history, and whether that leaves any.
    pub async fn move_history(
        &self,
        app: &Id<App>,
        from: &Id<Conversation>,
        user: &Id<User>,
        to: Option<&Id<Conversation>>,
    ) -> Result<(Batch, bool), CoreError> {
        let mut batch = Batch::new(app);
        let Some(user) = self.person(app, user).await? else {
            let more = self.drop_some(app, from, &mut batch).await?;
            return Ok((batch, more));
        };
        let user = user.value;
        let named = match to {
            Some(to) => self.store.load::<Conversation>(app, to.as_str()).await?,
            None => None,
        };
        let mut to: Versioned<Conversation> = match named {
            Some(named) => named,
            None => referred(&*self.store, app, user.conversation.as_str()).await?,
        };
        let more = self.move_some(app, from, &mut to.value, &user.id, &mut batch).await?;
        // Also where nothing changed: whoever takes a place in the history meanwhile comes before or after.
        save(&mut batch, Some(to.version), &to.value);
        Ok((batch, more))
    }

    /// Moves the oldest messages of a history. Whether there are more.
    pub(super) async fn move_some(
        &self,
        app: &Id<App>,
        from: &Id<Conversation>,
        to: &mut Conversation,
        user: &Id<User>,
        batch: &mut Batch,
    ) -> Result<bool, CoreError> {
        let (source, target) = (messages_of(from), messages_of(&to.id));
        let mut page = self.store.page(app, &source, Cut::After { rank: i64::MIN, limit: BITE + 1 }).await?;
        let more = page.len() > BITE;
        page.truncate(BITE);
        let places = self.places(app, &target, &page).await?;
        let ids: Vec<String> = page.iter().map(|entry| entry.member.clone()).collect();
        let found = self.store.load_all::<Message>(app, &ids).await?;
        for ((entry, place), read) in page.into_iter().zip(places).zip(found) {
            batch.remove(&source, &*entry.member);
            let Some(Versioned { version, value: mut message }) = read else { continue };
            message.conversation = to.id.clone();
            message.received = Timestamp::from_millis(place);
            if message.author.role == Role::User {
                message.author.user = Some(user.clone());
            }
            to.last_message_at = to.last_message_at.max(Some(message.received));
            batch.put(Message::KIND, message.record_id(), &message, Expect::Version(version), None);
            batch.append(&target, place, entry.member);
        }
        Ok(more)
    }

    /// Where entries go in a list.
    async fn places(
        &self,
        app: &Id<App>,
        target: &str,
        entries: &[ListEntry],
    ) -> Result<Vec<i64>, CoreError> {
        let ranks: Vec<i64> = entries.iter().map(|entry| entry.rank).collect();
        let Some(first) = ranks.first() else { return Ok(Vec::new()) };
        let mut seen = first.saturating_sub(1);
        let mut taken = BTreeSet::new();
        loop {
            let page = self.store.page(app, target, Cut::After { rank: seen, limit: LOOK }).await?;
            taken.extend(page.iter().map(|entry| entry.rank));
            let places = free_places(&ranks, &taken);
            let is_last = page.len() < LOOK;
            seen = page.last().map_or(seen, |entry| entry.rank);
            if is_last || places.last().is_some_and(|last| *last < seen) {
                return Ok(places);
            }
        }
    }

    /// Removes the oldest messages of a history that has become nobody's. Whether there are more.
    async fn drop_some(
        &self,
        app: &Id<App>,
        from: &Id<Conversation>,
        batch: &mut Batch,
    ) -> Result<bool, CoreError> {
        let list = messages_of(from);
        let mut page = self.store.page(app, &list, Cut::After { rank: i64::MIN, limit: BITE + 1 }).await?;
        let more = page.len() > BITE;
        page.truncate(BITE);
        for entry in page {
            batch.delete(Message::KIND, &*entry.member);
            batch.remove(&list, entry.member);
        }
        Ok(more)
    }
}

/// The first free place at or after each rank, in their order: two messages of one conversation never share a time.
fn free_places(ranks: &[i64], taken: &BTreeSet<i64>) -> Vec<i64> {
    let mut last = i64::MIN;
    let place = |rank: &i64| {
        let mut place = (*rank).max(last.saturating_add(1));
        while taken.contains(&place) {
            place += 1;
        }
        last = place;
        place
    };
    ranks.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_keeps_its_time_or_comes_right_after() {
        let taken = BTreeSet::from([5, 6, 9]);
        assert_eq!(free_places(&[1, 5, 6, 9, 20], &taken), [1, 7, 8, 10, 20]);
        assert_eq!(free_places(&[], &taken), [0_i64; 0]);
    }

    proptest! {
        #[test]
        fn places_are_free_and_in_order(
            ranks in proptest::collection::btree_set(0_i64..60, 0..30),
            taken in proptest::collection::btree_set(0_i64..60, 0..30),
        ) {
            let ranks: Vec<i64> = ranks.into_iter().collect();
            let places = free_places(&ranks, &taken);
            prop_assert_eq!(places.len(), ranks.len());
            prop_assert!(places.iter().all(|place| !taken.contains(place)));
            prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(places.iter().zip(&ranks).all(|(place, rank)| place >= rank));
        }
    }
}
