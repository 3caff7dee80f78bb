//! What was said.

use heliograph_connectors::channel::Content;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Client, Conversation, Delivery, Id, Integration, Timestamp, User};

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// 24 hex digits.
    pub id: Id<Message>,
    /// Where it was said.
    pub conversation: Id<Conversation>,
    /// Who said it.
    pub author: Author,
    /// When; unique within the conversation.
    pub received: Timestamp,
    /// What was said.
    pub content: Content,
    /// Where it came from.
    pub source: Source,
    /// What a quick reply carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The business's own facts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The delivery that brought it here, where that has an id of its own: a notification's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Id<Delivery>>,
    /// Bytes of its file, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_size: Option<u64>,
    /// What it answers, where the channel says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Quoted>,
    /// The text with its markup, where the business wrote HTML or Markdown. The content then is the plain text, which
    /// is what channels send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markup: Option<Markup>,
    /// Whether the person is to answer by a button alone. Kept for v2's clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_chat_input: Option<bool>,
    /// The approved template it was made of, as the business gave it; the content is what it reads like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Value>,
    /// Where what it says comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
}

impl Message {
    /// Something said, and nothing beside it.
    pub fn new(
        conversation: &Id<Conversation>,
        author: Author,
        received: Timestamp,
        content: Content,
        source: Source,
    ) -> Message {
        Message {
            id: Id::fresh(received),
            conversation: conversation.clone(),
            author,
            received,
            content,
            source,
            payload: None,
            metadata: Map::new(),
            delivery: None,
            media_size: None,
            quoted: None,
            markup: None,
            block_chat_input: None,
            template: None,
            references: Vec::new(),
        }
    }
}

/// A text with its markup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Markup {
    /// HTML.
    Html(String),
    /// Markdown.
    Markdown(String),
}

/// Where something that was said comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Where it is.
    pub uri: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A message that another one answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Quoted {
    /// One of the conversation's, as it was when it was quoted.
    Message {
        /// Which; what that one quotes itself is not repeated.
        content: Box<Message>,
    },
    /// One that is not known here.
    ExternalMessageId {
        /// The provider's id of it.
        external_message_id: String,
    },
}

/// Who said it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    /// The person or the business.
    pub role: Role,
    /// The person; nobody for the business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Id<User>>,
    /// Their name as shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The business author's email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// What kind of business author it is (`AI`), as the business says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtypes: Vec<String>,
}

impl Author {
    /// The business, under no particular name.
    pub fn business() -> Author {
        Author { role: Role::Business, ..Author::person(None, None) }
    }

    /// A person, under the name that is shown.
    pub fn person(user: Option<Id<User>>, name: Option<String>) -> Author {
        Author { role: Role::User, user, name, email: None, avatar_url: None, subtypes: Vec::new() }
    }
}

/// The person or the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// `appUser`, `user`.
    User,
    /// `appMaker`, `business`.
    Business,
}

/// Where a message came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// A channel's type, `api` or `notification`.
    pub kind: String,
    /// The integration it came through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<Id<Integration>>,
    /// The client it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Id<Client>>,
    /// The provider's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_id: Option<String>,
    /// The provider's time of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_at: Option<Timestamp>,
}

impl Source {
    /// Something said through the API (`api`) or the Notification API (`notification`).
    pub fn of(kind: &str) -> Source {
        Source {
            kind: kind.to_owned(),
            integration: None,
            client: None,
            original_id: None,
            original_at: None,
        }
    }
}
