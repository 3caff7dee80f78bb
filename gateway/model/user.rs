//! People and the channel identities linked to them.

use heliograph_connectors::channel::Content;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Conversation, Delivery, Id, Integration, Timestamp};

/// A person, known by any number of channel identities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// 24 hex digits.
    pub id: Id<User>,
    /// The business's own id (`userId` in v1.1, `externalId` in v2); nobody's while anonymous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surname: Option<String>,
    /// Email address, for display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where their picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Their language, as the business names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Whether the business wants their data kept. Kept for v2's clients.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_be_retained: bool,
    /// Whether somebody proved by a token to be them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
    /// Whether their default conversation stands in the list of their conversations.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
    /// When the business says they signed up; else when we first knew them.
    pub signed_up_at: Timestamp,
    /// The business's own facts (`properties` in v1.1, `metadata` in v2).
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// The conversation that v1.1 sees.
    pub conversation: Id<Conversation>,
    /// Whether anything was ever said in it.
    #[serde(default)]
    pub conversation_started: bool,
    /// Linked identities.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// Links that wait for their confirmation.
    #[serde(default)]
    pub pending: Vec<PendingLink>,
}

impl User {
    /// Someone new.
    pub fn new(now: Timestamp) -> User {
        User {
            id: Id::fresh(now),
            external_id: None,
            given_name: None,
            surname: None,
            email: None,
            avatar_url: None,
            locale: None,
            to_be_retained: false,
            authenticated: false,
            listed: false,
            signed_up_at: now,
            properties: Map::new(),
            conversation: Id::fresh(now),
            conversation_started: false,
            clients: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// The identity at an address, if linked.
    pub fn client_at(&self, integration: &Id<Integration>, address: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.is_at(integration, address))
    }

    /// The identity that the person last used, or that was linked last while they used none.
    pub fn primary(&self) -> Option<&Client> {
        let usable = self.clients.iter().filter(|client| client.status == ClientStatus::Active);
        usable.max_by_key(|client| client.last_seen)
    }

    /// The type of the channel whose addresses are email addresses.
    pub const MAIL: &'static str = "mailgun";

    /// The email addresses that they have shown to be theirs: those they write from, or were linked to.
    pub fn emails(&self) -> Vec<&str> {
        let is_proof = |client: &&Client| client.kind == User::MAIL && client.status == ClientStatus::Active;
        let mut emails: Vec<&str> =
            self.clients.iter().filter(is_proof).flat_map(Client::addresses).collect();
        emails.sort_unstable();
        emails.dedup();
        emails
    }

    /// Blanks what describes the person. Who they are and how they are reached remains.
    pub fn forget_profile(&mut self) {
        self.given_name = None;
        self.surname = None;
        self.email = None;
        self.avatar_url = None;
        self.locale = None;
        self.properties.clear();
        let pending = self.pending.iter_mut().map(|link| &mut link.client);
        self.clients.iter_mut().chain(pending).for_each(Client::forget_profile);
    }
}

/// A person's identity on one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// 24 hex digits.
    pub id: Id<Client>,
    /// The channel's type.
    pub kind: String,
    /// The integration it is reached through.
    pub integration: Id<Integration>,
    /// The address on the channel.
    pub address: String,
    /// Other addresses under which the channel knows the same person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Whether it may be used.
    pub status: ClientStatus,
    /// What the channel calls them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The provider's own facts about them.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub raw: Value,
    /// When the person last did something here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// When it was linked to a user known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_at: Option<Timestamp>,
    /// The conversation that what comes from here is said in; the default one when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<Id<Conversation>>,
    /// Whether the business linked it without making it the one that messages go to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secondary: bool,
    /// What the channel wants remembered of the person's last message, to answer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// Their picture there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// What else is known of them there.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub info: Map<String, Value>,
}

impl Client {
    /// The identity at an address, of which nothing else is known.
    pub fn new(id: Id<Client>, integration: Id<Integration>, kind: &str, address: &str) -> Client {
        Client {
            id,
            kind: kind.to_owned(),
            integration,
            address: address.to_owned(),
            aliases: Vec::new(),
            status: ClientStatus::Active,
            display_name: None,
            raw: Value::Null,
            last_seen: None,
            linked_at: None,
            seat: None,
            secondary: false,
            thread: None,
            avatar_url: None,
            info: Map::new(),
        }
    }

    /// Whether this is the identity at an address.
    pub fn is_at(&self, integration: &Id<Integration>, address: &str) -> bool {
        self.integration == *integration && self.addresses().any(|known| known == address)
    }

    /// Takes over what is known of the same identity from before: its addresses, and what an answer needs.
    pub fn keep_of(&mut self, before: &Client) {
        for address in before.addresses() {
            if !self.is_at(&before.integration, address) {
                self.aliases.push(address.to_owned());
            }
        }
        self.last_seen = self.last_seen.max(before.last_seen);
        self.thread = self.thread.take().or_else(|| before.thread.clone());
    }

    /// Blanks what describes the person.
    pub fn forget_profile(&mut self) {
        self.display_name = None;
        self.avatar_url = None;
        self.info.clear();
        // The provider's facts hold the same name and picture once more.
        self.raw = Value::Null;
    }

    /// Whether it speaks in a conversation, one of its user's.
    pub fn is_seated(&self, user: &User, conversation: &Id<Conversation>) -> bool {
        self.seat.as_ref().unwrap_or(&user.conversation) == conversation
    }

    /// What decides which of several is written to: when the person last did something there, or was linked there.
    pub fn rank(&self) -> Option<Timestamp> {
        self.last_seen.max(self.linked_at.filter(|_| !self.secondary))
    }

    /// The address and its aliases.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.address).chain(&self.aliases).map(String::as_str)
    }
}

/// Whether a client may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientStatus {
    /// It may.
    Active,
    /// The person blocked us there.
    Blocked,
    /// Superseded.
    Inactive,
    /// Not confirmed yet.
    Pending,
}

/// A link that waits for its confirmation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingLink {
    /// What the client will be.
    pub client: Client,
    /// What is waited for.
    pub confirmation: Confirmation,
    /// What the business sent to name the person (`phoneNumber`, …), echoed in link events.
    pub criteria: Map<String, Value>,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// What was sent to the person first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Id<Delivery>>,
}

/// How a link is confirmed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Confirmation {
    /// At once, or when the message was accepted.
    Immediate {
        /// Sent first, if given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Content>,
    },
    /// When the person next writes.
    UserActivity {
        /// What is sent to them, if anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Content>,
    },
    /// When the person says yes to the platform's question.
    Prompt,
}
