//! Who has read how far: told by the business, by a provider's receipts, and by watermarks.

use heliograph_connectors::channel::{Person, Receipt};

use crate::model::{
    App, Conversation, Delivery, Id, Message, Purpose, Quoted, Role, Source, Tenant, Timestamp, What, Whom,
};
use crate::store::{Batch, Cut};

use super::known::Known;
use super::records::{messages_of, save};
use super::settle::Scene;
use super::talk::{Talk, event};
use super::{Core, CoreError, Once, retried};

/// Messages that are looked at to count what is not read: more are not shown as a number anywhere.
const COUNTED: usize = 100;

impl Core {
    /// Counts all that was said so far as read by the person, because the business says so. Nobody is told: whoever
    /// could be told has just said it.
    pub async fn reset_unread(
        &self,
        tenant: &Tenant,
        talk: Talk<'_>,
        once: Once<'_, Conversation>,
    ) -> Result<Conversation, CoreError> {
        retried(|| self.try_reset_unread(tenant, talk, &once)).await
    }

    async fn try_reset_unread(
        &self,
        tenant: &Tenant,
        talk: Talk<'_>,
        once: &Once<'_, Conversation>,
    ) -> Result<Conversation, CoreError> {
        let now = self.clock.now();
        let mut known = self.personal(tenant, talk).await?;
        let mut batch = Batch::new(&tenant.app.id);
        let up_to = newest(&known.conversation, now);
        known.conversation.read_by(&known.user.id, up_to, 0);
        save(&mut batch, known.conversation_version, &known.conversation);
        once.enter(&mut batch, now, &known.conversation);
        self.store.commit(batch).await?;
        Ok(known.conversation)
    }

    /// A person who takes part in a conversation has read it, as the business tells.
    pub async fn was_read(
        &self,
        tenant: &Tenant,
        id: &str,
        whom: &Whom,
        once: Once<'_, ()>,
    ) -> Result<(), CoreError> {
        retried(|| self.try_was_read(tenant, id, whom, &once)).await
    }

    async fn try_was_read(
        &self,
        tenant: &Tenant,
        id: &str,
        whom: &Whom,
        once: &Once<'_, ()>,
    ) -> Result<(), CoreError> {
        let now = self.clock.now();
        let mut room = self.room(tenant, Talk::Named(id)).await?;
        let user = self.partaker(tenant, &room, whom).await?;
        let conversation = room.conversation_mut();
        let up_to = newest(conversation, now);
        conversation.read_by(&user.id, up_to, 0);
        let mut batch = Batch::new(&tenant.app.id);
        let source = Source::of("api");
        let what = What::Read { by: Role::User, user: Some(user), client: None, source };
        self.announce(&mut batch, tenant, &event(tenant, conversation, now, what));
        room.save_changed(&mut batch);
        once.enter(&mut batch, now, &());
        Ok(self.store.commit(batch).await?)
    }

    /// A person has read what was sent to an address up to a moment.
    pub(super) async fn read_until(
        &self,
        scene: Scene<'_>,
        who: &Person,
        up_to: Timestamp,
    ) -> Result<(), CoreError> {
        match self.at_address(scene, &who.address).await? {
            Some(known) => self.has_read(scene, known, &who.address, up_to).await,
            None => Ok(()),
        }
    }

    /// A person has read the message that a receipt is about, and so what was said before it.
    pub(super) async fn read_receipt(&self, scene: Scene<'_>, receipt: &Receipt) -> Result<(), CoreError> {
        let app = &scene.tenant.app.id;
        let Some(reference) = self.reference_of(scene, receipt).await? else { return Ok(()) };
        let (id, _) = Delivery::parse_reference(&reference);
        let found = self.store.load::<Delivery>(app, id.as_str()).await?.map(|read| read.value);
        let Some(delivery) = found.filter(|delivery| delivery.integration == scene.integration.id) else {
            return Ok(());
        };
        let Some(user) = &delivery.user else { return Ok(()) };
        let Some(user) = self.person(app, user).await? else { return Ok(()) };
        let known = self.with_conversation(scene.tenant, user, delivery.conversation.as_ref()).await?;
        match self.said_at(app, &known.conversation.id, &delivery).await? {
            Some(at) => self.has_read(scene, known, &delivery.destination, at).await,
            None => Ok(()),
        }
    }

    /// When a delivery's message was said in its conversation.
    async fn said_at(
        &self,
        app: &Id<App>,
        conversation: &Id<Conversation>,
        delivery: &Delivery,
    ) -> Result<Option<Timestamp>, CoreError> {
        match &delivery.purpose {
            Purpose::Message { message, .. } => {
                let found = self.store.load::<Message>(app, message.as_str()).await?;
                Ok(found.map(|read| read.value.received))
            }
            Purpose::Notification { .. } => {
                let newest = self.messages_within(app, conversation, Cut::Newest { limit: COUNTED }).await?;
                let message = newest.iter().find(|message| message.delivery.as_ref() == Some(&delivery.id));
                Ok(message.map(|message| message.received))
            }
            _ => Ok(None),
        }
    }

    /// What a message answers: one of the newest of the conversation, or what the provider calls it.
    pub(super) async fn quoted(
        &self,
        app: &Id<App>,
        conversation: &Id<Conversation>,
        provider_id: &str,
    ) -> Result<Quoted, CoreError> {
        let recent = self.messages_within(app, conversation, Cut::Newest { limit: COUNTED }).await?;
        let by_person = |message: &Message| message.source.original_id.as_deref() == Some(provider_id);
        let mut found = recent.iter().find(|message| by_person(message));
        if found.is_none() {
            let ours = recent.iter().filter(|message| message.author.role == Role::Business);
            let (ours, ids): (Vec<&Message>, Vec<String>) =
                ours.map(|ours| (ours, delivery_of(ours))).unzip();
            let deliveries = self.store.load_all::<Delivery>(app, &ids).await?;
            let is_it = |delivery: &Delivery| delivery.external_ids().iter().any(|id| id == provider_id);
            let place =
                deliveries.iter().position(|read| read.as_ref().is_some_and(|read| is_it(&read.value)));
            found = place.map(|place| ours[place]);
        }
        Ok(match found {
            Some(message) => {
                let content = Box::new(Message { quoted: None, ..message.clone() });
                Quoted::Message { content }
            }
            None => Quoted::ExternalMessageId { external_message_id: provider_id.to_owned() },
        })
    }

    /// Moves the person's mark forward over what the business said, and tells of it once per step.
    async fn has_read(
        &self,
        scene: Scene<'_>,
        mut known: Known,
        address: &str,
        up_to: Timestamp,
    ) -> Result<(), CoreError> {
        let app = &scene.tenant.app.id;
        let before = known.conversation.read_until(&known.user.id).map_or(i64::MIN, Timestamp::millis);
        let new = Cut::After { rank: before, limit: COUNTED };
        let new = self.messages_within(app, &known.conversation.id, new).await?;
        if !new.iter().any(|message| message.author.role == Role::Business && message.received <= up_to) {
            return Ok(());
        }
        let after = Cut::After { rank: up_to.millis(), limit: COUNTED };
        let unread = self.messages_within(app, &known.conversation.id, after).await?;
        let unread = unread.iter().filter(|message| message.author.role == Role::Business).count();
        let unread = u32::try_from(unread).unwrap_or(u32::MAX);
        if !known.conversation.read_by(&known.user.id, up_to, unread) {
            return Ok(());
        }
        let mut batch = Batch::new(app);
        save(&mut batch, known.conversation_version, &known.conversation);
        let client = known.user.client_at(&scene.integration.id, address).cloned();
        let what = What::Read { by: Role::User, user: Some(known.user), client, source: scene.source() };
        self.announce(&mut batch, scene.tenant, &event(scene.tenant, &known.conversation, scene.now, what));
        Ok(self.store.commit(batch).await?)
    }

    /// The messages of a part of a conversation.
    pub(super) async fn messages_within(
        &self,
        app: &Id<App>,
        conversation: &Id<Conversation>,
        cut: Cut,
    ) -> Result<Vec<Message>, CoreError> {
        let page = self.store.page(app, &messages_of(conversation), cut).await?;
        let ids: Vec<String> = page.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<Message>(app, &ids).await?;
        Ok(found.into_iter().flatten().map(|read| read.value).collect())
    }
}

/// The id of the delivery that brought a message to the person.
fn delivery_of(message: &Message) -> String {
    message.delivery.as_ref().map_or_else(|| message.id.to_string(), ToString::to_string)
}

/// Now, or the newest message's time where that runs ahead.
pub(super) fn newest(conversation: &Conversation, now: Timestamp) -> Timestamp {
    conversation.last_message_at.map_or(now, |last| last.max(now))
}
