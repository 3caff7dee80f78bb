//! The particulars of events: reasons, outcomes, destinations, and those who are no more.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Client, Conversation, DeliveryError, Held, Id, Integration, Message, User};

/// What began a conversation (v2, `conversation:create`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CreationReason {
    /// Somebody said something.
    #[default]
    Message,
    /// A person came through a link, or an advertisement, or pressed the button that begins.
    StartConversation,
    /// A person came through the link of a link request.
    LinkRequest,
    /// A notification.
    Notification,
    /// The business made it, and nothing was said yet.
    None,
}

/// What is done with the lead of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ControlAction {
    /// It is given away.
    Pass,
    /// It is offered.
    Offer,
    /// What was offered is taken.
    Accept,
    /// It is given up.
    Release,
}

/// Why the lead of a conversation is where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlError {
    /// `switchboard_invalid_target`, `switchboard_invalid_action`
    pub code: String,
    /// In words.
    pub message: String,
}

/// What became one with the people who turned out to be one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Union {
    /// `api`, `channelLinking`, …
    pub reason: String,
    /// Who is gone, as they were.
    pub discarded: User,
    /// The conversation that remains and the one that is gone in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversations: Option<(Held, Held)>,
    /// The identity that remains and the one that is gone in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<(Client, Client)>,
    /// The facts there was no room for.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub discarded_metadata: Map<String, Value>,
}

impl Union {
    /// Blanks what describes the people.
    pub(super) fn forget_profile(&mut self) {
        self.discarded.forget_profile();
        self.discarded_metadata.clear();
        if let Some((one, other)) = &mut self.clients {
            one.forget_profile();
            other.forget_profile();
        }
    }
}

/// What led a person to a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referral {
    /// The link's code.
    pub code: String,
    /// The provider's own words about it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

/// A person who is no more. Only what names them: the event outlives everything else that was known of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Departed {
    /// Our id of them.
    pub id: Id<User>,
    /// The business's own id of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Their conversation.
    pub conversation: Id<Conversation>,
    /// Whether anything was ever said in it.
    pub conversation_started: bool,
    /// Whether somebody had proved to be them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
}

impl Departed {
    /// What remains of a person.
    pub fn of(user: &User) -> Departed {
        Departed {
            id: user.id.clone(),
            external_id: user.external_id.clone(),
            conversation: user.conversation.clone(),
            conversation_started: user.conversation_started,
            authenticated: user.authenticated,
        }
    }
}

/// What a delivery event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeliverySubject {
    /// A notification, by its id.
    Notification(String),
    /// A message of a conversation.
    Message(Id<Message>),
}

/// Where a delivery went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventDestination {
    /// The channel's type.
    pub kind: String,
    /// Through which integration.
    pub integration: Id<Integration>,
    /// To which address.
    pub address: String,
}

/// How a link moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkOutcome {
    /// The person was found (the confirmation message, if any, was accepted).
    Match,
    /// The identity is linked.
    Success,
    /// It will not be.
    Failure(DeliveryError),
}
