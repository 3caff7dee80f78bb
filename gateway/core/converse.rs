//! Posting into a conversation, and which of a person's identities hears of it.

use heliograph_connectors::channel::{Body, Content};
use serde_json::{Map, Value};

use crate::model::{
    Author, Client, Conversation, Delivery, Id, Message, NewJob, Purpose, Role, Source, Tenant, Timestamp,
    User, What,
};
use crate::store::Batch;

use super::activity::FindChannel;
use super::approved::Instead;
use super::identify::name_of;
use super::known::Known;
use super::records::append_message;
use super::start::Start;
use super::talk::{Talk, Toward, choose, event};
use super::{Core, CoreError, Once, retried};

/// Messages a conversation may hold (Sunshine v1.1, limits).
const MESSAGES_MAX: usize = 30_000;

/// A message to be said in a user's conversation.
#[derive(Debug, Clone)]
pub struct Post {
    /// Who says it.
    pub author: Author,
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
    /// Says something in a user's conversation. What the business says goes out on the person's channel.
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
        let mut known = self.personal(tenant, talk).await?;
        if known.conversation.message_count as usize + post.contents().count() > MESSAGES_MAX {
            return Err(CoreError::ConversationFull);
        }
        let client = match post.author.role {
            Role::Business => {
                choose(tenant, &known.user, &known.conversation.id, post.destination.as_ref())?.cloned()
            }
            Role::User => None,
        };
        let mut recent_notifications = match post.author.role {
            Role::Business => Vec::new(),
            Role::User => self.recent_notifications(tenant, &known.conversation).await?,
        };
        let author = author_of(tenant, &known, &post.author, channels)?;
        let mut batch = Batch::new(&tenant.app.id);
        let start = Start::by_message(client.as_ref(), Source::of("api"));
        self.starts(tenant, &mut known, start, now, &mut batch);
        let mut messages = Vec::new();
        for (place, content) in post.contents().enumerate() {
            let instead = client.as_ref().and_then(|client| post.instead(place, client));
            let content = instead.map_or(content, |instead| &instead.shown);
            let message = said(tenant, &mut known, &author, content, post, now);
            append_message(&mut batch, tenant, &message);
            if let Some(client) = &client {
                let exact = instead.map(|instead| instead.body.clone());
                let body = exact.unwrap_or_else(|| Body::Content(message.content.clone()));
                self.dispatch(tenant, &known.user.id, (client, body), &message, now, &mut batch);
            }
            let what = What::Message {
                message: message.clone(),
                user: Some(known.user.clone()),
                client: client.clone(),
                recent_notifications: std::mem::take(&mut recent_notifications),
            };
            self.announce(&mut batch, tenant, &event(tenant, &known.conversation, now, what));
            messages.push(message);
        }
        known.save_changed(&mut batch);
        let message = messages.remove(0);
        let posted = Posted { message, extra: messages, conversation: known.conversation };
        once.enter(&mut batch, now, &posted);
        self.store.commit(batch).await?;
        Ok(posted)
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

/// Who says it, under the name that is shown: a person's is that of the channel they used last.
fn author_of(
    tenant: &Tenant,
    known: &Known,
    given: &Author,
    channels: FindChannel<'_>,
) -> Result<Author, CoreError> {
    let user = &known.user;
    let name = match (&given.name, given.role) {
        (Some(name), _) => name.clone(),
        (None, Role::Business) => tenant.app.name.clone(),
        (None, Role::User) => {
            let last = choose(tenant, user, &known.conversation.id, None)?;
            let channel = last.and_then(|client| channels(&client.integration));
            let word = channel.as_ref().map(|channel| channel.capabilities().word);
            name_of(tenant, user, word, last.map(|client| client.address.as_str()))
        }
    };
    let user = matches!(given.role, Role::User).then(|| user.id.clone());
    Ok(Author { user, name: Some(name), ..given.clone() })
}

/// The next message of a post, which moves its conversation along.
fn said(
    tenant: &Tenant,
    known: &mut Known,
    author: &Author,
    content: &Content,
    post: &Post,
    now: Timestamp,
) -> Message {
    let conversation = &mut known.conversation;
    let received = conversation.next_message_at(now);
    conversation.message_count += 1;
    match author.role {
        Role::Business => {
            conversation.participants.iter_mut().for_each(|participant| participant.unread += 1);
            // Whoever answers has read.
            conversation.business_last_read = Some(received);
        }
        Role::User => conversation.said_by(&known.user.id, received),
    }
    let content = match author.role {
        Role::Business => content.clone(),
        Role::User => tenant.masked(content.clone()),
    };
    Message {
        payload: post.payload.clone(),
        metadata: post.metadata.clone(),
        ..Message::new(&conversation.id, author.clone(), received, content, Source::of("api"))
    }
}

#[cfg(test)]
mod tests;
