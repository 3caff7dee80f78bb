//! What customers are told. One event goes to every webhook that subscribed to it, always under the same id.

use heliograph_connectors::channel::Action;
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
        /// Why the link failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<DeliveryError>,
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
        /// The message the button stands under; none for a menu's, or when it is no longer known.
        #[serde(default)]
        message: Option<Message>,
        /// The button as it was sent, where it is known.
        #[serde(default)]
        action: Option<Action>,
    },
    /// The first thing was said in a conversation.
    ConversationStarted {
        /// Whose.
        user: User,
        /// The identity it came from.
        client: Option<Client>,
        /// Where it came from.
        source: Source,
        /// What led the person here, where the channel says.
        referral: Option<Referral>,
    },
    /// A person read everything that was said to them.
    Read {
        /// Who.
        user: User,
        /// The identity it came from.
        client: Option<Client>,
        /// Where it came from.
        source: Source,
    },
    /// A person who was known came back through a link or an advertisement.
    Referral {
        /// Who.
        user: User,
        /// The identity it came from.
        client: Option<Client>,
        /// Where it came from.
        source: Source,
        /// What led them here.
        referral: Referral,
    },
    /// A person started or stopped typing.
    Typing {
        /// Who.
        user: User,
        /// The identity it came from.
        client: Option<Client>,
        /// Where it came from.
        source: Source,
        /// Whether they started.
        started: bool,
    },
    /// Several people turned out to be one.
    Merged {
        /// Who they are from now on.
        surviving: User,
        /// Who is gone.
        discarded: Vec<Departed>,
    },
    /// A person was erased.
    UserDeleted {
        /// Who it was.
        user: Departed,
    },
}

impl What {
    /// The person it is about, as far as known; nobody once they are erased.
    pub fn user(&self) -> Option<&User> {
        match self {
            What::Message { user, .. }
            | What::Link { user, .. }
            | What::ClientAdded { user, .. }
            | What::ClientRemoved { user, .. }
            | What::Postback { user, .. }
            | What::ConversationStarted { user, .. }
            | What::Read { user, .. }
            | What::Referral { user, .. }
            | What::Typing { user, .. }
            | What::Merged { surviving: user, .. } => Some(user),
            What::Delivery { user, .. } => user.as_ref(),
            What::UserDeleted { .. } => None,
        }
    }

    /// Blanks what describes the person. What was said stays.
    pub fn forget_profile(&mut self) {
        let (user, client) = match self {
            What::Message { user, client, .. }
            | What::Postback { user, client, .. }
            | What::ConversationStarted { user, client, .. }
            | What::Read { user, client, .. }
            | What::Referral { user, client, .. }
            | What::Typing { user, client, .. } => (Some(user), client.as_mut()),
            What::ClientAdded { user, client, .. } | What::ClientRemoved { user, client, .. } => {
                (Some(user), Some(client))
            }
            What::Link { user, .. } | What::Merged { surviving: user, .. } => (Some(user), None),
            What::Delivery { user, .. } => (user.as_mut(), None),
            What::UserDeleted { .. } => (None, None),
        };
        user.into_iter().for_each(User::forget_profile);
        client.into_iter().for_each(Client::forget_profile);
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
}

impl Departed {
    /// What remains of a person.
    pub fn of(user: &User) -> Departed {
        Departed {
            id: user.id.clone(),
            external_id: user.external_id.clone(),
            conversation: user.conversation.clone(),
            conversation_started: user.conversation_started,
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
