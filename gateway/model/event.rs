//! What customers are told. One event goes to every webhook that subscribed to it, always under the same id.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    App, Client, Conversation, DeliveryError, Id, Integration, Message, Notified, Source, Timestamp, User,
};

/// Something that happened, with all that any version of the payload needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// A UUID; the same in every attempt and for every webhook, so that receivers can drop repeats.
    pub id: Id<Event>,
    /// Whose.
    pub app: Id<App>,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

impl Event {
    /// Something that happens now.
    pub fn new(app: &Id<App>, at: Timestamp, what: What) -> Event {
        Event { id: Id::fresh_uuid(at), app: app.clone(), at, what }
    }
}

/// What happened.
#[expect(clippy::large_enum_variant, reason = "one per event, on its way to JSON; boxes would only blur it")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum What {
    /// Somebody said something; the message's author tells who.
    Message {
        /// What.
        message: Message,
        /// Whose conversation.
        user: User,
        /// The identity it came from.
        client: Option<Client>,
        /// Notifications since the person's last message, oldest first.
        recent_notifications: Vec<Message>,
    },
    /// A delivery moved.
    Delivery {
        /// How.
        told: Notified,
        /// Of what.
        subject: DeliverySubject,
        /// Where to.
        destination: EventDestination,
        /// The provider's ids, one per piece sent.
        external_ids: Vec<String>,
        /// The person, as far as known.
        user: Option<User>,
        /// The conversation, as far as known.
        conversation: Option<Id<Conversation>>,
    },
    /// A link to a channel moved.
    Link {
        /// How.
        outcome: LinkOutcome,
        /// Whose.
        user: User,
        /// The channel's type.
        channel: String,
        /// What the business sent to name the person.
        criteria: Map<String, Value>,
    },
    /// An identity was linked.
    ClientAdded {
        /// To whom.
        user: User,
        /// Which.
        client: Client,
        /// `channelLinking`, …
        reason: String,
    },
    /// An identity was taken away.
    ClientRemoved {
        /// From whom.
        user: User,
        /// Which.
        client: Client,
        /// `api`, `linkCancelled`, `linkFailed`, `theft`
        reason: String,
    },
    /// A person pressed a button.
    Postback {
        /// Who.
        user: User,
        /// The identity it came from.
        client: Option<Client>,
        /// What the button carried.
        payload: String,
        /// Where it came from.
        source: Source,
    },
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
