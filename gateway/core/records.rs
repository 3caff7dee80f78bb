//! How the core's documents are kept: kinds, ids, lists, and the small documents that only the core reads.

use heliograph_connectors::channel::Fate;
use serde::{Deserialize, Serialize};

use crate::model::{
    App, Client, Conversation, Delivery, DeliveryError, Id, Integration, Message, NewJob, Tenant, User,
};
use crate::store::{Batch, Expect, Record, Store, StoreError, Versioned};

impl Record for User {
    const KIND: &'static str = "user";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

impl Record for Conversation {
    const KIND: &'static str = "conversation";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

impl Record for Message {
    const KIND: &'static str = "message";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

impl Record for Delivery {
    const KIND: &'static str = "delivery";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// Whose an external id is: what makes it unique.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ExternalId {
    pub(super) external_id: String,
    pub(super) user: Id<User>,
}

impl Record for ExternalId {
    const KIND: &'static str = "external";

    fn record_id(&self) -> String {
        self.external_id.clone()
    }
}

/// Whose an address on an integration is: what matching looks at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Linked {
    pub(super) integration: Id<Integration>,
    pub(super) address: String,
    pub(super) user: Id<User>,
}

impl Linked {
    /// One of a client's addresses.
    pub(super) fn of(user: &User, client: &Client, address: &str) -> Linked {
        Linked { integration: client.integration.clone(), address: address.to_owned(), user: user.id.clone() }
    }
}

impl Record for Linked {
    const KIND: &'static str = "linked";

    fn record_id(&self) -> String {
        address_id(&self.integration, &self.address)
    }
}

/// Who waits to be linked to an address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) integration: Id<Integration>,
    pub(super) address: String,
    pub(super) user: Id<User>,
    pub(super) client: Id<Client>,
}

impl Record for Waiting {
    const KIND: &'static str = "waiting";

    fn record_id(&self) -> String {
        address_id(&self.integration, &self.address)
    }
}

/// What is known of a provider's own id: where its delivery is, or what was said about it before that was known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ProviderId {
    /// What stands for it: the id may hold an address.
    #[serde(default)]
    pub(super) hidden: String,
    pub(super) reference: Option<String>,
    /// Receipts that came before the answer to the send, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) early: Vec<Early>,
}

impl Record for ProviderId {
    const KIND: &'static str = "provider";

    fn record_id(&self) -> String {
        self.hidden.clone()
    }
}

/// A receipt that waits for the send it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Early {
    pub(super) status: String,
    /// 1 accepted, 2 delivered, 3 read; else it failed.
    pub(super) rank: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<DeliveryError>,
    /// What may be done about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fate: Option<Fate>,
}

/// The kind of the marks that an event of a provider was seen.
pub(super) const SEEN: &str = "seen";

/// The id of what is kept per address.
pub(super) fn address_id(integration: &Id<Integration>, address: &str) -> String {
    format!("{integration}:{address}")
}

/// The list of a conversation's messages, ordered by their times.
pub(super) fn messages_of(conversation: &Id<Conversation>) -> String {
    format!("messages:{conversation}")
}

/// The list of a person's conversations, ordered by when they began.
pub(super) fn conversations_of(user: &Id<User>) -> String {
    format!("conversations:{user}")
}

/// Adds a message to its conversation, for as long as its app keeps messages.
pub(super) fn append_message(batch: &mut Batch, tenant: &Tenant, message: &Message) {
    let expires = tenant.app.retention().map(|kept| message.received + kept);
    batch.put(Message::KIND, message.record_id(), message, Expect::Absent, expires);
    if let Some(expires) = expires {
        batch.job(NewJob::prune(&tenant.app.id, &message.conversation, expires));
    }
    batch.append(messages_of(&message.conversation), message.received.millis(), message.id.as_str());
}

/// Writes a document read before, or one that should not be there yet.
pub(super) fn save<T: Record>(batch: &mut Batch, version: Option<u64>, value: &T) {
    let expect = version.map_or(Expect::Absent, Expect::Version);
    batch.put(T::KIND, value.record_id(), value, expect, None);
}

/// A document that others refer to, so that its absence is a fault.
pub(super) async fn referred<T: Record>(
    store: &dyn Store,
    app: &Id<App>,
    id: &str,
) -> Result<Versioned<T>, StoreError> {
    let found = store.load(app, id).await?;
    // It was there a moment ago; whoever removed it also removed what refers to it.
    found.ok_or_else(|| StoreError::Conflict(format!("{} {id}", T::KIND)))
}
