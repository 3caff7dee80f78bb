//! Posting into a conversation, and which of a person's identities hears of it.

use heliograph_connectors::channel::{Body, Content};
use serde_json::{Map, Value};

use crate::model::{
    Author, Client, ClientStatus, Conversation, Delivery, Event, Id, Integration, Message, NewJob, Purpose,
    Role, Source, Tenant, Timestamp, User, What,
};
use crate::store::Batch;

use super::identify::{Known, name_of};
use super::records::append_message;
use super::{Core, CoreError, Once, Tries};

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
    /// What a quick reply carried.
    pub payload: Option<String>,
    /// The business's own facts.
    pub metadata: Map<String, Value>,
    /// Where it is to go; the channel the person used last when unset.
    pub destination: Option<Toward>,
}

/// Where a message is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toward {
    /// Through one integration.
    Integration(Id<Integration>),
    /// Through whichever integration of a type the person has.
    Kind(String),
}

impl Post {
    /// All that is said, in order.
    fn contents(&self) -> impl Iterator<Item = &Content> {
        std::iter::once(&self.content).chain(&self.extra)
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
        user: &str,
        post: Post,
        once: Once<'_, Posted>,
    ) -> Result<Posted, CoreError> {
        let mut tries = Tries::default();
        loop {
            let result = self.try_post(tenant, user, &post, &once).await;
            if !tries.again(&result) {
                return result;
            }
        }
    }

    async fn try_post(
        &self,
        tenant: &Tenant,
        user: &str,
        post: &Post,
        once: &Once<'_, Posted>,
    ) -> Result<Posted, CoreError> {
        let now = self.clock.now();
        let mut known = self.find_known(tenant, user).await?;
        if known.conversation.message_count as usize + post.contents().count() > MESSAGES_MAX {
            return Err(CoreError::ConversationFull);
        }
        let client = match post.author.role {
            Role::Business => choose(&known.user.clients, post.destination.as_ref())?.cloned(),
            Role::User => None,
        };
        let mut recent_notifications = match post.author.role {
            Role::Business => Vec::new(),
            Role::User => self.recent_notifications(tenant, &known.conversation).await?,
        };
        known.user_starts();
        let author = author_of(tenant, &known.user, &post.author);
        let mut batch = Batch::new(&tenant.app.id);
        let mut messages = Vec::new();
        for content in post.contents() {
            let message = said(&mut known, &author, content, post, now);
            append_message(&mut batch, &message);
            if let Some(client) = &client {
                self.dispatch(tenant, &known.user.id, client, &message, now, &mut batch);
            }
            let what = What::Message {
                message: message.clone(),
                user: known.user.clone(),
                client: None,
                recent_notifications: std::mem::take(&mut recent_notifications),
            };
            self.announce(&mut batch, tenant, &Event::new(&tenant.app.id, now, what));
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
        client: &Client,
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
            Body::Content(message.content.clone()),
            now,
            now + self.policy.expires_after,
        );
        delivery.user = Some(user.clone());
        delivery.conversation = Some(message.conversation.clone());
        self.accept(&mut delivery, batch);
        batch.job(NewJob::send(&delivery, now));
    }
}

/// Who says it, under the name that is shown.
fn author_of(tenant: &Tenant, user: &User, given: &Author) -> Author {
    let own = || match given.role {
        Role::Business => tenant.app.name.clone(),
        Role::User => name_of(tenant, user, None, None),
    };
    let name = Some(given.name.clone().unwrap_or_else(own));
    let user = matches!(given.role, Role::User).then(|| user.id.clone());
    Author { user, name, ..given.clone() }
}

/// The next message of a post, which moves its conversation along.
fn said(known: &mut Known, author: &Author, content: &Content, post: &Post, now: Timestamp) -> Message {
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
    Message {
        id: Id::fresh(now),
        conversation: conversation.id.clone(),
        author: author.clone(),
        received,
        content: content.clone(),
        source: Source::of("api"),
        payload: post.payload.clone(),
        metadata: post.metadata.clone(),
        delivery: None,
        media_size: None,
        quoted: None,
    }
}

/// The identity a message goes to: where the caller says, else where the person was last.
fn choose<'a>(clients: &'a [Client], toward: Option<&Toward>) -> Result<Option<&'a Client>, CoreError> {
    let fits = |client: &&Client| match toward {
        None => true,
        Some(Toward::Integration(id)) => client.integration == *id,
        Some(Toward::Kind(kind)) => client.kind == *kind,
    };
    let usable = clients.iter().filter(|client| client.status == ClientStatus::Active).filter(fits);
    let chosen = usable.max_by_key(|client| client.last_seen.max(client.linked_at));
    if chosen.is_none() && toward.is_some() {
        return Err(CoreError::Invalid("destination: the user has no client there".into()));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests;
