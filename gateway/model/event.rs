//! What customers are told. One event goes to every webhook that subscribed to it, always under the same id.

use heliograph_connectors::channel::Action;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    App, Client, ControlAction, ControlError, Controller, Conversation, CreationReason, DeliveryError,
    DeliverySubject, Departed, EventDestination, Held, Id, LinkOutcome, Message, Notified, Referral, Role,
    Source, Timestamp, Union, User,
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
    /// In which conversation, where it happened in one that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Held>,
    /// What.
    pub what: What,
}

impl Event {
    /// Something that happens now.
    pub fn new(app: &Id<App>, at: Timestamp, what: What) -> Event {
        Event { id: Id::fresh_uuid(at), app: app.clone(), at, conversation: None, what }
    }

    /// The same, in a conversation.
    pub fn within(self, conversation: impl Into<Option<Held>>) -> Event {
        Event { conversation: conversation.into(), ..self }
    }

    /// Whether v1.1 hears of it: not of conversations it does not show.
    pub fn is_of_default(&self) -> bool {
        self.conversation.as_ref().is_none_or(|held| held.is_default)
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
        /// Whose conversation; of a group, who said it.
        user: Option<User>,
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
        /// The identity that is linked, or was to be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<Client>,
    },
    /// An identity is to be linked.
    LinkStarted {
        /// To whom.
        user: User,
        /// Which.
        client: Client,
    },
    /// An identity is not what it was.
    ClientChanged {
        /// Whose.
        user: User,
        /// Which, as it is now.
        client: Client,
        /// `confirmed`, `blocked`, `unblocked`, `matched`
        reason: String,
    },
    /// A person is not what they were.
    UserUpdated {
        /// Who, as they are now.
        user: User,
        /// `authentication`, …
        reason: String,
        /// Where it came from.
        source: Source,
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
    /// A conversation began.
    ConversationStarted {
        /// Whose; nobody's of a group that is empty.
        user: Option<User>,
        /// What began it.
        #[serde(default)]
        reason: CreationReason,
        /// The identity it came from.
        client: Option<Client>,
        /// Where it came from.
        source: Source,
        /// What led the person here, where the channel says.
        referral: Option<Referral>,
    },
    /// A conversation is no more.
    ConversationRemoved {
        /// Whose; nobody's of a group.
        user: Option<User>,
        /// Where it came from.
        source: Source,
    },
    /// Somebody takes part in a group from now on.
    Joined {
        /// Who.
        user: User,
        /// Where it came from.
        source: Source,
    },
    /// Somebody takes no part in a group any more.
    Left {
        /// Who.
        user: User,
        /// Where it came from.
        source: Source,
    },
    /// Who leads a conversation for the business changed, or was to.
    Control {
        /// What was done.
        action: ControlAction,
        /// Why it failed.
        error: Option<ControlError>,
        /// Whose conversation; nobody's of a group.
        user: Option<User>,
        /// What whoever did it says to whoever leads next.
        metadata: Map<String, Value>,
        /// Who leads next, or was to.
        to: Option<Controller>,
        /// The newest messages, for who leads next.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        history: Vec<Message>,
    },
    /// Somebody read everything that was said to them.
    Read {
        /// Whether the person read or the business.
        #[serde(default = "user_role")]
        by: Role,
        /// Who; in whose conversation, where it was the business.
        user: Option<User>,
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
    /// Somebody started or stopped typing.
    Typing {
        /// Whether the person types or the business.
        #[serde(default = "user_role")]
        by: Role,
        /// Who; in whose conversation, where it is the business.
        user: Option<User>,
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
        /// More of it, as v2 tells it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        details: Option<Box<Union>>,
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
            What::Link { user, .. }
            | What::LinkStarted { user, .. }
            | What::ClientAdded { user, .. }
            | What::ClientChanged { user, .. }
            | What::ClientRemoved { user, .. }
            | What::UserUpdated { user, .. }
            | What::Postback { user, .. }
            | What::Referral { user, .. }
            | What::Joined { user, .. }
            | What::Left { user, .. }
            | What::Merged { surviving: user, .. } => Some(user),
            What::Message { user, .. }
            | What::ConversationStarted { user, .. }
            | What::ConversationRemoved { user, .. }
            | What::Control { user, .. }
            | What::Read { user, .. }
            | What::Typing { user, .. }
            | What::Delivery { user, .. } => user.as_ref(),
            What::UserDeleted { .. } => None,
        }
    }

    /// Blanks what describes the person. What was said stays.
    pub fn forget_profile(&mut self) {
        let (user, client) = match self {
            What::Message { user, client, .. }
            | What::ConversationStarted { user, client, .. }
            | What::Read { user, client, .. }
            | What::Typing { user, client, .. } => (user.as_mut(), client.as_mut()),
            What::Postback { user, client, .. }
            | What::Referral { user, client, .. }
            | What::Link { user, client, .. } => (Some(user), client.as_mut()),
            What::LinkStarted { user, client }
            | What::ClientAdded { user, client, .. }
            | What::ClientChanged { user, client, .. }
            | What::ClientRemoved { user, client, .. } => (Some(user), Some(client)),
            What::UserUpdated { user, .. } | What::Joined { user, .. } | What::Left { user, .. } => {
                (Some(user), None)
            }
            What::Merged { surviving, details, .. } => {
                details.iter_mut().for_each(|details| details.forget_profile());
                (Some(surviving), None)
            }
            What::Delivery { user, .. }
            | What::ConversationRemoved { user, .. }
            | What::Control { user, .. } => (user.as_mut(), None),
            What::UserDeleted { .. } => (None, None),
        };
        user.into_iter().for_each(User::forget_profile);
        client.into_iter().for_each(Client::forget_profile);
    }
}

/// What people did in events written before it was told who did.
fn user_role() -> Role {
    Role::User
}
