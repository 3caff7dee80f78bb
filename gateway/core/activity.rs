//! What the business does beside messages, shown to a person where their channel can: typing, reading.

use std::sync::Arc;
use std::time::Duration;

use heliograph_connectors::channel::{Activity, Channel, ChannelError, Destination, Fate, Shown};

use crate::model::{Act, App, Conversation, Id, Integration, Job, NewJob, Role, Source, Tenant, User, What};
use crate::store::{Batch, Cut, Retry};

use super::reading::newest;
use super::send::retry_at;
use super::talk::{Room, Talk, choose, event};
use super::{Core, CoreError, Once, retried};

/// That somebody types is of interest for so long.
const TYPING_LASTS: Duration = Duration::from_secs(5);

/// That somebody has read stays so, but a provider is not asked to show it for longer.
const READING_LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// Messages in which the person's newest is looked for.
const NEWEST_WITHIN: usize = 100;

/// How the channel of an integration is found, where it is active.
pub type FindChannel<'a> = &'a (dyn Fn(&Id<Integration>) -> Option<Arc<dyn Channel>> + Send + Sync);

impl Core {
    /// The business does something in a conversation. It is shown where the person was last, if that channel has a way
    /// to show it.
    pub async fn show_activity(
        &self,
        tenant: &Tenant,
        talk: Talk<'_>,
        activity: Activity,
        channels: FindChannel<'_>,
        once: Once<'_, Conversation>,
    ) -> Result<Conversation, CoreError> {
        retried(|| self.try_show_activity(tenant, talk, activity, channels, &once)).await
    }

    async fn try_show_activity(
        &self,
        tenant: &Tenant,
        talk: Talk<'_>,
        activity: Activity,
        channels: FindChannel<'_>,
        once: &Once<'_, Conversation>,
    ) -> Result<Conversation, CoreError> {
        let now = self.clock.now();
        let mut room = self.room(tenant, talk).await?;
        let mut batch = Batch::new(&tenant.app.id);
        if activity == Activity::Read {
            let conversation = room.conversation_mut();
            conversation.business_last_read = Some(newest(conversation, now));
            room.save_changed(&mut batch);
        }
        if let Some(user) = room.person()
            && let Some(client) = choose(tenant, user, &room.conversation().id, None)?
            && let Some(channel) = channels(&client.integration)
            && channel.activity().is_some_and(|face| face.shows(activity))
        {
            let act = Act {
                user: user.id.clone(),
                conversation: Some(room.conversation().id.clone()),
                integration: client.integration.clone(),
                address: client.address.clone(),
                activity,
                until: now + lasts(activity),
            };
            batch.job(NewJob::act(act, now));
        }
        // In a conversation that has not begun nobody is told of anything.
        if !matches!(&room, Room::Personal(known) if known.is_to_start()) {
            let what = by_business(activity, room.person().cloned());
            self.announce(&mut batch, tenant, &event(tenant, room.conversation(), now, what));
        }
        let (conversation, _) = room.into_conversation();
        once.enter(&mut batch, now, &conversation);
        if !batch.is_empty() {
            self.store.commit(batch).await?;
        }
        Ok(conversation)
    }

    /// What is to be shown of an act; `None` when it is of no interest any more, or the person is not there.
    pub async fn to_show(
        &self,
        app: &Id<App>,
        channel: &dyn Channel,
        act: &Act,
    ) -> Result<Option<Shown>, CoreError> {
        if act.until < self.clock.now() {
            return Ok(None);
        }
        let Some(user) = self.store.load::<User>(app, act.user.as_str()).await? else { return Ok(None) };
        if user.value.client_at(&act.integration, &act.address).is_none() {
            return Ok(None);
        }
        let conversation = act.conversation.as_ref().unwrap_or(&user.value.conversation);
        let destination = channel.destination(&act.address);
        Ok(Some(Shown {
            destination: destination.unwrap_or_else(|_| Destination::new(&*act.address)),
            activity: act.activity,
            newest: self.newest_through(app, conversation, &act.integration).await?,
        }))
    }

    /// The provider's id of the newest message that a person wrote through an integration.
    async fn newest_through(
        &self,
        app: &Id<App>,
        conversation: &Id<Conversation>,
        integration: &Id<Integration>,
    ) -> Result<Option<String>, CoreError> {
        let cut = Cut::Newest { limit: NEWEST_WITHIN };
        let mut messages = self.messages_within(app, conversation, cut).await?.into_iter().rev();
        let newest = messages.find(|message| {
            message.author.role == Role::User && message.source.integration.as_ref() == Some(integration)
        });
        Ok(newest.and_then(|message| message.source.original_id))
    }

    /// When an act that could not be shown is tried again; `None` when it is given up.
    pub fn act_again(&self, job: &Job, act: &Act, error: &ChannelError) -> Option<Retry> {
        let now = self.clock.now();
        let due = match &error.fate {
            Fate::Permanent => return None,
            Fate::Throttled { retry_after: Some(wait), .. } => now + *wait,
            Fate::Throttled { .. } | Fate::Transient { .. } => {
                retry_at(&self.policy.retry, job.attempt, now)?
            }
        };
        (due < act.until).then_some(Retry { due, attempt: job.attempt + 1, keeps_lane: true })
    }
}

fn by_business(activity: Activity, user: Option<User>) -> What {
    let (by, client, source) = (Role::Business, None, Source::of("api"));
    match activity {
        Activity::Read => What::Read { by, user, client, source },
        Activity::TypingStarted => What::Typing { by, user, client, source, started: true },
        Activity::TypingStopped => What::Typing { by, user, client, source, started: false },
    }
}

fn lasts(activity: Activity) -> Duration {
    match activity {
        Activity::Read => READING_LASTS,
        Activity::TypingStarted | Activity::TypingStopped => TYPING_LASTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn typing_is_over_soon_and_reading_is_not() {
        assert!(lasts(Activity::TypingStarted) < Duration::from_secs(20), "Messenger shows it for so long");
        assert!(lasts(Activity::Read) > lasts(Activity::TypingStopped));
        assert_eq!(Timestamp::from_millis(0) + lasts(Activity::TypingStopped), Timestamp::from_millis(5000));
    }
}
