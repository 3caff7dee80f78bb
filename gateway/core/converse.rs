//! Posting into a conversation, and which of a person's identities hears of it.

use heliograph_connectors::channel::{Body, Content};
use serde_json::{Map, Value};

use crate::model::{
    Author, Client, Conversation, Delivery, Id, Markup, Message, NewJob, Purpose, Reference, Role, Source,
    Tenant, Timestamp, User, What, Whom,
};
use crate::store::Batch;

use super::activity::FindChannel;
use super::approved::Instead;
use super::control::on_activity;
use super::identify::name_of;
use super::records::append_message;
use super::start::Start;
use super::talk::{Room, Talk, Toward, choose, event};
use super::{Core, CoreError, Once, retried};

/// Messages a conversation may hold (Sunshine v1.1, limits).
const MESSAGES_MAX: usize = 30_000;

/// A message to be said in a conversation.
#[derive(Debug, Clone)]
pub struct Post {
    /// Who says it.
    pub author: Author,
    /// Which person that is; whoever has the conversation alone when unset.
    pub speaker: Option<Whom>,
    /// What.
    pub content: Content,
    /// What is said in the same breath, each as a message of its own.
    pub extra: Vec<Content>,
    /// What goes out in the stead of some of it on channels that have words of their own for it.
    pub instead: Vec<Instead>,
    /// What a quick reply carried.
    pub payload: Option<String>,
    /// The business's own facts.
    pub metadata: Map<String, Value>,
    /// Where it is to go; the channel the person used last when unset.
    pub destination: Option<Toward>,
    /// What else is kept of it.
    pub beside: Beside,
}

/// What is kept of a message beside what is said, for those who show it.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Its text with its markup.
    pub markup: Option<Markup>,
    /// Whether the person is to answer by a button alone.
    pub block_chat_input: Option<bool>,
    /// The approved template it is made of.
    pub template: Option<Value>,
    /// Where what it says comes from.
    pub references: Vec<Reference>,
}

impl Post {
    /// All that is said, in order.
    fn contents(&self) -> impl Iterator<Item = &Content> {
        std::iter::once(&self.content).chain(&self.extra)
    }

    /// What goes out to somebody in the stead of the content at a place.
    fn instead(&self, place: usize, client: &Client) -> Option<&Instead> {
        self.instead.iter().find(|instead| instead.place == place && instead.kind == client.kind)
    }
}

/// A message as it was stored.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The message.
    pub message: Message,
    /// Those said in the same breath, in order.
    pub extra: Vec<Message>,
    /// Its conversation, as it stands now.
    pub conversation: Conversation,
}

impl Core {
    /// Says something in a conversation. What the business says goes out on the person's channel.
    pub async fn post(
        &self,
        tenant: &Tenant,
        talk: Talk<'_>,
        post: Post,
        channels: FindChannel<'_>,
        once: Once<'_, Posted>,
    ) -> Result<Posted, CoreError> {
        retried(|| self.try_post(tenant, talk, &post, channels, &once)).await
    }

    async fn try_post(
        &self,
        tenant: &Tenant,
        talk: Talk<'_>,
        post: &Post,
        channels: FindChannel<'_>,
        once: &Once<'_, Posted>,
    ) -> Result<Posted, CoreError> {
        let now = self.clock.now();
        let mut room = self.room(tenant, talk).await?;
        if room.conversation().message_count as usize + post.contents().count() > MESSAGES_MAX {
            return Err(CoreError::ConversationFull);
        }
        let speaker = self.speaker(tenant, &room, post).await?;
        let client = addressee(tenant, &room, post)?.cloned();
        let mut recent_notifications = match post.author.role {
            Role::Business => Vec::new(),
            Role::User => self.recent_notifications(tenant, room.conversation()).await?,
        };
        let author = author_of(tenant, &room, speaker.as_ref(), &post.author, channels)?;
        let mut batch = Batch::new(&tenant.app.id);
        if let Room::Personal(known) = &mut room {
            let start = Start::by_message(client.as_ref(), Source::of("api"));
            self.starts(tenant, known, start, now, &mut batch);
        }
        if post.author.role == Role::User {
            on_activity(tenant, room.conversation_mut());
        }
        let mut messages = Vec::new();
        for (place, content) in post.contents().enumerate() {
            let instead = client.as_ref().and_then(|client| post.instead(place, client));
            let content = instead.map_or(content, |instead| &instead.shown);
            let message = said(tenant, room.conversation_mut(), &author, content, post, now);
            append_message(&mut batch, tenant, &message);
            let user = room.person().or(speaker.as_ref()).cloned();
            if let (Some(client), Some(user)) = (&client, &user) {
                let exact = instead.map(|instead| instead.body.clone());
                let body = exact.unwrap_or_else(|| Body::Content(message.content.clone()));
                self.dispatch(tenant, &user.id, (client, body), &message, now, &mut batch);
            }
            let what = What::Message {
                message: message.clone(),
                user,
                client: client.clone(),
                recent_notifications: std::mem::take(&mut recent_notifications),
            };
            self.announce(&mut batch, tenant, &event(tenant, room.conversation(), now, what));
            messages.push(message);
        }
        room.save_changed(&mut batch);
        let message = messages.remove(0);
        let (conversation, _) = room.into_conversation();
        let posted = Posted { message, extra: messages, conversation };
        once.enter(&mut batch, now, &posted);
        self.store.commit(batch).await?;
        Ok(posted)
    }

    /// The person who says it, where a person does: they take part in the conversation.
    async fn speaker(&self, tenant: &Tenant, room: &Room, post: &Post) -> Result<Option<User>, CoreError> {
        match (post.author.role, &post.speaker) {
            (Role::Business, _) => Ok(None),
            (Role::User, None) => Ok(room.person().cloned()),
            (Role::User, Some(whom)) => self.partaker(tenant, room, whom).await.map(Some),
        }
    }

    /// Queues a message for one of the person's identities. Its delivery has the message's id.
    fn dispatch(
        &self,
        tenant: &Tenant,
        user: &Id<User>,
        (client, body): (&Client, Body),
        message: &Message,
        now: Timestamp,
        batch: &mut Batch,
    ) {
        let Some(integration) = tenant.integration(&client.integration) else { return };
        let mut delivery = Delivery::queued(
            Id::new(message.id.as_str()),
            Purpose::Message { message: message.id.clone(), author: message.author.name.clone() },
            integration,
            client.address.clone(),
            body,
            now,
            now + self.policy.expires_after,
        );
        delivery.user = Some(user.clone());
        delivery.conversation = Some(message.conversation.clone());
        self.accept(&mut delivery, batch);
        batch.job(NewJob::send(&delivery, now));
    }
}

/// The identity that what the business says goes to. Groups are those of SDKs, which have no channel here.
fn addressee<'a>(tenant: &Tenant, room: &'a Room, post: &Post) -> Result<Option<&'a Client>, CoreError> {
    match (post.author.role, room.person()) {
        (Role::User, _) => Ok(None),
        (Role::Business, Some(user)) => {
            choose(tenant, user, &room.conversation().id, post.destination.as_ref())
        }
        (Role::Business, None) if matches!(post.destination, None | Some(Toward::Nobody)) => Ok(None),
        (Role::Business, None) => {
            Err(CoreError::Invalid("destination: is for conversations of type personal".into()))
        }
    }
}

/// Who says it, under the name that is shown: a person's is that of the channel they used last.
fn author_of(
    tenant: &Tenant,
    room: &Room,
    speaker: Option<&User>,
    given: &Author,
    channels: FindChannel<'_>,
) -> Result<Author, CoreError> {
    let name = match (&given.name, speaker) {
        (Some(name), _) => name.clone(),
        (None, None) => tenant.app.name.clone(),
        (None, Some(user)) => {
            let last = choose(tenant, user, &room.conversation().id, None)?;
            let channel = last.and_then(|client| channels(&client.integration));
            let word = channel.as_ref().map(|channel| channel.capabilities().word);
            name_of(tenant, user, word, last.map(|client| client.address.as_str()))
        }
    };
    Ok(Author { user: speaker.map(|user| user.id.clone()), name: Some(name), ..given.clone() })
}

/// The next message of a post, which moves its conversation along.
fn said(
    tenant: &Tenant,
    conversation: &mut Conversation,
    author: &Author,
    content: &Content,
    post: &Post,
    now: Timestamp,
) -> Message {
    let received = conversation.next_message_at(now);
    conversation.message_count += 1;
    conversation.participants.iter_mut().for_each(|participant| participant.unread += 1);
    match &author.user {
        // Whoever answers has read.
        None => conversation.business_last_read = Some(received),
        Some(user) => conversation.said_by(user, received),
    }
    let shown = match author.role {
        Role::Business => content.clone(),
        Role::User => tenant.masked(content.clone()),
    };
    // What is hidden in the text is not to stand in its markup.
    let markup = post.beside.markup.clone().filter(|_| shown == *content);
    Message {
        payload: post.payload.clone(),
        metadata: post.metadata.clone(),
        markup,
        block_chat_input: post.beside.block_chat_input,
        template: post.beside.template.clone(),
        references: post.beside.references.clone(),
        ..Message::new(&conversation.id, author.clone(), received, shown, Source::of("api"))
    }
}

#[cfg(test)]
mod tests;
