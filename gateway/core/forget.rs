//! Deleting messages: one, all of them, and those that were kept long enough.

use std::time::Duration;

use crate::model::{Conversation, Id, Job, Message, NewJob, Tenant, Timestamp};
use crate::store::{Batch, Cut, ListEntry, Record, Retry, Settlement};

use super::records::{messages_of, save};
use super::talk::Talk;
use super::{Core, CoreError, Thing, retried};

/// Messages that are taken away at once.
const BITE: usize = 500;

/// A conversation is looked through for old messages so often at most.
const PRUNED_EVERY: Duration = Duration::from_secs(60 * 60);

impl Core {
    /// Deletes one message. What was sent stays sent, and what the person has not read stays counted.
    pub async fn delete_message(&self, tenant: &Tenant, talk: Talk<'_>, id: &str) -> Result<(), CoreError> {
        retried(|| self.try_delete_message(tenant, talk, id)).await
    }

    async fn try_delete_message(&self, tenant: &Tenant, talk: Talk<'_>, id: &str) -> Result<(), CoreError> {
        let app = &tenant.app.id;
        let (mut conversation, version) = self.room(tenant, talk).await?.into_conversation();
        let found = self.store.load::<Message>(app, id).await?.map(|read| read.value);
        let since = self.shown_since(tenant, &conversation);
        let is_here =
            |message: &Message| message.conversation == conversation.id && Some(message.received) > since;
        let Some(message) = found.filter(is_here) else { return Err(CoreError::NotFound(Thing::Message)) };
        let mut batch = Batch::new(app);
        batch.delete(Message::KIND, message.id.as_str());
        batch.remove(messages_of(&conversation.id), message.id.as_str());
        conversation.message_count = conversation.message_count.saturating_sub(1);
        save(&mut batch, version, &conversation);
        Ok(self.store.commit(batch).await?)
    }

    /// Deletes all messages: they are gone from now on, and taken away soon. The conversation stays, and so do its
    /// links to channels.
    pub async fn delete_messages(&self, tenant: &Tenant, talk: Talk<'_>) -> Result<(), CoreError> {
        retried(|| self.try_delete_messages(tenant, talk)).await
    }

    async fn try_delete_messages(&self, tenant: &Tenant, talk: Talk<'_>) -> Result<(), CoreError> {
        let (mut conversation, version) = self.room(tenant, talk).await?.into_conversation();
        let Some(up_to) = conversation.last_message_at else { return Ok(()) };
        conversation.cleared = Some(up_to);
        conversation.message_count = 0;
        conversation.recent_notifications = 0;
        conversation.participants.iter_mut().for_each(|participant| participant.unread = 0);
        let mut batch = Batch::new(&tenant.app.id);
        batch.job(NewJob::sweep(&tenant.app.id, &conversation.id, up_to, self.clock.now()));
        save(&mut batch, version, &conversation);
        Ok(self.store.commit(batch).await?)
    }

    /// Messages up to this moment are gone, though they may still be there.
    pub(super) fn shown_since(&self, tenant: &Tenant, conversation: &Conversation) -> Option<Timestamp> {
        let kept = tenant.app.retention().map(|kept| before(self.clock.now(), kept));
        conversation.cleared.max(kept)
    }

    /// One bite of what was deleted from a conversation.
    pub async fn sweep(
        &self,
        job: &Job,
        conversation: &Id<Conversation>,
        up_to: Timestamp,
    ) -> Result<(Settlement, Batch), CoreError> {
        let (mut batch, list) = (Batch::new(&job.app), messages_of(conversation));
        let (old, rest) = self.oldest(job, &list, up_to).await?;
        take_away(&list, &old, &mut batch);
        let again = Settlement::Again(Retry::later(job, self.clock.now()));
        Ok((if rest.is_some_and(|rest| rest <= up_to) { again } else { Settlement::Done }, batch))
    }

    /// One bite of what a conversation kept for longer than this; what is left is looked at when it is old enough.
    pub async fn prune(
        &self,
        job: &Job,
        conversation: &Id<Conversation>,
        kept: Option<Duration>,
    ) -> Result<(Settlement, Batch), CoreError> {
        let (mut batch, list) = (Batch::new(&job.app), messages_of(conversation));
        let found = self.store.load::<Conversation>(&job.app, conversation.as_str()).await?;
        let (Some(kept), Some(mut read)) = (kept, found) else { return Ok((Settlement::Done, batch)) };
        let now = self.clock.now();
        let (old, rest) = self.oldest(job, &list, before(now, kept)).await?;
        take_away(&list, &old, &mut batch);
        // Those that were deleted do not count any more.
        let counted =
            old.iter().filter(|entry| Some(Timestamp::from_millis(entry.rank)) > read.value.cleared);
        let gone = u32::try_from(counted.count()).unwrap_or(u32::MAX);
        read.value.message_count = read.value.message_count.saturating_sub(gone);
        // Written in any case: what is said at this moment finds this job in the way of a new one.
        save(&mut batch, Some(read.version), &read.value);
        let Some(rest) = rest else { return Ok((Settlement::Done, batch)) };
        let due = if old.len() == BITE { now } else { (rest + kept).max(now + PRUNED_EVERY.min(kept)) };
        Ok((Settlement::Again(Retry::later(job, due)), batch))
    }

    /// A bite of the messages up to a moment, and the time of the one that comes next.
    async fn oldest(
        &self,
        job: &Job,
        list: &str,
        up_to: Timestamp,
    ) -> Result<(Vec<ListEntry>, Option<Timestamp>), CoreError> {
        let cut = Cut::After { rank: i64::MIN, limit: BITE + 1 };
        let page = self.store.page(&job.app, list, cut).await?;
        let count = page.iter().take(BITE).take_while(|entry| entry.rank <= up_to.millis()).count();
        let rest = page.get(count).map(|entry| Timestamp::from_millis(entry.rank));
        Ok((page.into_iter().take(count).collect(), rest))
    }
}

fn take_away(list: &str, old: &[ListEntry], batch: &mut Batch) {
    for entry in old {
        batch.delete(Message::KIND, &*entry.member);
        batch.remove(list, &*entry.member);
    }
}

fn before(now: Timestamp, kept: Duration) -> Timestamp {
    let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.millis().saturating_sub(kept))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::Policy;
    use crate::core::known::Known;
    use crate::model::{App, SystemClock};
    use crate::store::{self, Store};

    async fn empty() -> (Core, Arc<dyn Store>, Id<App>) {
        let clock = Arc::new(SystemClock);
        let store: Arc<dyn Store> =
            store::open("embedded::memory:", 1, clock.clone()).await.expect("a store");
        let policy = Policy::lasting(Duration::from_secs(3600));
        let core = Core::new(store.clone(), clock, policy, |_, _| true, Arc::default());
        (core, store, Id::new("app"))
    }

    fn as_claimed(app: &Id<App>, new: NewJob) -> Job {
        let NewJob { id, group, lane, due, work } = new;
        Job { id, app: app.clone(), group, lane, due, attempt: 0, work }
    }

    /// A thousand messages are too old, a hundred of them were deleted before; two hundred stay.
    #[tokio::test]
    async fn what_is_pruned_is_counted_off_and_looked_at_again_in_time() {
        let (core, store, app) = empty().await;
        let mut known = Known::stranger(core.now());
        let began = core.now().millis() - 100_000;
        known.conversation.message_count = 1_100;
        known.conversation.cleared = Some(Timestamp::from_millis(began + 99));
        let conversation = known.conversation.id.clone();
        let mut batch = Batch::new(&app);
        known.save(&mut batch);
        for at in (0..1_000).chain(99_000..99_200) {
            batch.append(messages_of(&conversation), began + at, format!("message {at}"));
        }
        store.commit(batch).await.expect("written");
        let job = as_claimed(&app, NewJob::prune(&app, &conversation, core.now()));
        let kept = Duration::from_secs(50);
        for (count, is_last) in [(700, false), (200, false), (200, true)] {
            let (settlement, batch) = core.prune(&job, &conversation, Some(kept)).await.expect("a bite");
            store.commit(batch).await.expect("written");
            let read = store.load::<Conversation>(&app, conversation.as_str()).await.expect("read");
            assert_eq!(read.map(|read| read.value.message_count), Some(count));
            let Settlement::Again(retry) = settlement else { panic!("there is more") };
            let wait = retry.due.since(core.now());
            assert_eq!(wait > Duration::from_secs(40), is_last, "{wait:?}");
        }
        let (settlement, batch) = core.prune(&job, &conversation, None).await.expect("nothing");
        assert!(settlement == Settlement::Done && batch.is_empty(), "who keeps for ever has nothing pruned");
    }

    #[tokio::test]
    async fn what_was_deleted_goes_in_bites_and_what_came_since_stays() {
        let (core, store, app) = empty().await;
        let conversation = Known::stranger(core.now()).conversation.id;
        let list = messages_of(&conversation);
        let mut batch = Batch::new(&app);
        for at in 0..=1_200 {
            batch.append(&*list, at, format!("message {at}"));
        }
        store.commit(batch).await.expect("written");
        let up_to = Timestamp::from_millis(1_199);
        let job = as_claimed(&app, NewJob::sweep(&app, &conversation, up_to, core.now()));
        for (left, is_last) in [(701, false), (201, false), (1, true)] {
            let (settlement, batch) = core.sweep(&job, &conversation, up_to).await.expect("a bite");
            store.commit(batch).await.expect("written");
            let page = store.page(&app, &list, Cut::Newest { limit: 10_000 }).await.expect("a page");
            assert_eq!((page.len(), settlement == Settlement::Done), (left, is_last));
        }
    }
}
