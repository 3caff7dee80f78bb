//! Posting into a conversation, and which of a person's identities hears of it.

use heliograph_connectors::channel::{Body, Content};
use serde_json::{Map, Value};

use crate::model::{
    Author, Client, ClientStatus, Conversation, Delivery, Event, Id, Integration, Message, NewJob, Purpose,
    Role, Source, Tenant, Timestamp, User, What,
};
use crate::store::Batch;

use super::identify::name_of;
use super::records::{append_message, save};
use super::{Core, CoreError, Once, Tries};

/// Messages a conversation may hold (Sunshine v1.1, limits).
const MESSAGES_MAX: u32 = 30_000;

/// A message to be said in a user's conversation.
#[derive(Debug, Clone)]
pub struct Post {
    /// Who says it.
    pub author: Author,
    /// What.
    pub content: Content,
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

/// A message as it was stored.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The message.
    pub message: Message,
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
        if known.conversation.message_count >= MESSAGES_MAX {
            return Err(CoreError::ConversationFull);
        }
        let client = match post.author.role {
            Role::Business => choose(&known.user.clients, post.destination.as_ref())?.cloned(),
            Role::User => None,
        };
        let message = Message {
            id: Id::fresh(now),
            conversation: known.conversation.id.clone(),
            author: post.author.clone(),
            received: known.conversation.next_message_at(now),
            content: post.content.clone(),
            source: Source::of("api"),
            payload: post.payload.clone(),
            metadata: post.metadata.clone(),
            delivery: None,
            media_size: None,
            quoted: None,
        };
        let mut batch = Batch::new(&tenant.app.id);
        let (message, recent_notifications) = match post.author.role {
            Role::Business => {
                known.conversation.participants.iter_mut().for_each(|participant| participant.unread += 1);
                // Whoever answers has read.
                known.conversation.business_last_read = Some(message.received);
                let name = post.author.name.clone().unwrap_or_else(|| tenant.app.name.clone());
                let author = Author { name: Some(name), ..message.author };
                (Message { author, ..message }, Vec::new())
            }
            Role::User => {
                let recent = self.recent_notifications(tenant, &known.conversation).await?;
                known.conversation.said_by(&known.user.id, message.received);
                let name =
                    post.author.name.clone().unwrap_or_else(|| name_of(tenant, &known.user, None, None));
                let author = Author { user: Some(known.user.id.clone()), name: Some(name), ..message.author };
                (Message { author, ..message }, recent)
            }
        };
        known.conversation.message_count += 1;
        append_message(&mut batch, &message);
        if let Some(client) = &client {
            self.dispatch(tenant, &known.user.id, client, &message, now, &mut batch);
        }
        if !known.user.conversation_started {
            known.user.conversation_started = true;
            save(&mut batch, known.user_version, &known.user);
        }
        save(&mut batch, known.conversation_version, &known.conversation);
        let what =
            What::Message { message: message.clone(), user: known.user, client: None, recent_notifications };
        self.announce(&mut batch, tenant, &Event::new(&tenant.app.id, now, what));
        let posted = Posted { message, conversation: known.conversation };
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
mod tests {
    use super::*;

    fn client(integration: &str, seen: Option<i64>) -> Client {
        Client {
            id: Id::new(format!("c-{integration}")),
            kind: "twilio".into(),
            integration: Id::new(integration),
            address: "+15145550101".into(),
            status: ClientStatus::Active,
            display_name: None,
            raw: Value::Null,
            last_seen: seen.map(Timestamp::from_millis),
            linked_at: None,
            aliases: Vec::new(),
            thread: None,
        }
    }

    #[test]
    fn messages_go_where_the_person_was_last_unless_told_otherwise() {
        let clients = [client("a", Some(1)), client("b", Some(2)), client("c", None)];
        let chosen =
            |toward: Option<Toward>| choose(&clients, toward.as_ref()).map(|c| c.map(|c| c.id.to_string()));
        assert_eq!(chosen(None).expect("any will do"), Some("c-b".into()));
        assert_eq!(chosen(Some(Toward::Integration(Id::new("c")))).expect("is linked"), Some("c-c".into()));
        assert!(chosen(Some(Toward::Kind("whatsapp".into()))).is_err());
        assert!(matches!(choose(&[], None), Ok(None)));
    }
}
