//! Conversations and who takes part.

use heliograph_connectors::channel::signature::sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Control, Id, Integration, SwitchboardIntegration, Timestamp, User};

/// A series of messages. v1.1 sees one per user, v2 all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// 24 hex digits.
    pub id: Id<Conversation>,
    /// One person or several.
    pub kind: ConversationKind,
    /// The people in it.
    pub participants: Vec<Participant>,
    /// Whether it is the one v1.1 shows for its user.
    pub is_default: bool,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where its picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// When it was made; unset in what was written before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The business's own facts.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// Who leads it for the business.
    #[serde(default, skip_serializing_if = "Control::is_nobodys")]
    pub control: Control,
    /// When the business last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_last_read: Option<Timestamp>,
    /// The newest message's time; the next one is later, so times order messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<Timestamp>,
    /// When a person last wrote; what was sent since is a reply's context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_user_message_at: Option<Timestamp>,
    /// How many notifications came since then.
    #[serde(default)]
    pub recent_notifications: u32,
    /// How many messages it holds.
    #[serde(default)]
    pub message_count: u32,
    /// Everything up to this moment was deleted; what is left of it is on its way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared: Option<Timestamp>,
}

/// One person or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConversationKind {
    /// One person and the business.
    Personal,
    /// Several people.
    SdkGroup,
}

/// A person in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// 24 hex digits; unset in what was written before participants had ids of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<Participant>>,
    /// Who.
    pub user: Id<User>,
    /// How many messages they have not read.
    pub unread: u32,
    /// When they last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read: Option<Timestamp>,
}

impl Participant {
    /// Somebody who takes part from now on.
    pub fn new(user: &Id<User>, now: Timestamp) -> Participant {
        Participant { id: Some(Id::fresh(now)), user: user.clone(), unread: 0, last_read: None }
    }

    /// Their id in this conversation.
    pub fn id_in(&self, conversation: &Id<Conversation>) -> Id<Participant> {
        let derived = || {
            let digest = sha256(format!("{conversation}/{}", self.user).as_bytes());
            Id::new(hex::encode(&digest[..12]))
        };
        self.id.clone().unwrap_or_else(derived)
    }
}

/// A conversation as it was when something happened in it. Small, since every event carries it: no participants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Which.
    pub id: Id<Conversation>,
    /// One person or several.
    pub kind: ConversationKind,
    /// Whether it is the one v1.1 shows.
    pub is_default: bool,
    /// The business's own facts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Whose turn it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Controller>,
    /// Whose turn it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Controller>,
}

/// Who leads a conversation for the business: a switchboard integration, as it was called then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Controller {
    /// Which.
    pub id: Id<SwitchboardIntegration>,
    /// Its name.
    pub name: String,
    /// The integration behind it.
    pub integration: Id<Integration>,
    /// That integration's type.
    pub kind: String,
}

/// A conversation with all that an answer shows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Whole {
    /// The conversation.
    pub conversation: Conversation,
    /// What events carry of it.
    pub held: Held,
}

impl Conversation {
    /// The conversation a user begins with.
    pub fn default_of(user: &User, now: Timestamp) -> Conversation {
        let participants = vec![Participant::new(&user.id, now)];
        let id = user.conversation.clone();
        Conversation {
            id,
            is_default: true,
            ..Conversation::new(ConversationKind::Personal, participants, now)
        }
    }

    /// One more conversation.
    pub fn new(kind: ConversationKind, participants: Vec<Participant>, now: Timestamp) -> Conversation {
        Conversation {
            id: Id::fresh(now),
            kind,
            participants,
            is_default: false,
            display_name: None,
            description: None,
            icon_url: None,
            created: Some(now),
            metadata: Map::new(),
            control: Control::default(),
            business_last_read: None,
            last_message_at: None,
            last_user_message_at: None,
            recent_notifications: 0,
            message_count: 0,
            cleared: None,
        }
    }

    /// When it was made.
    pub fn created(&self) -> Timestamp {
        self.created.or_else(|| self.id.moment()).unwrap_or(Timestamp::from_millis(0))
    }

    /// Whether a person takes part.
    pub fn has(&self, user: &Id<User>) -> bool {
        self.participants.iter().any(|participant| participant.user == *user)
    }

    /// The time of the next message: now, but always later than the one before, because pages are cut by time.
    pub fn next_message_at(&mut self, now: Timestamp) -> Timestamp {
        let at = match self.last_message_at {
            Some(last) if last >= now => Timestamp::from_millis(last.millis() + 1),
            _ => now,
        };
        self.last_message_at = Some(at);
        at
    }

    /// A person wrote: they have read what was there, and replies no longer need the notifications before.
    pub fn said_by(&mut self, user: &Id<User>, at: Timestamp) {
        self.last_user_message_at = Some(at);
        self.recent_notifications = 0;
        for participant in self.participants.iter_mut().filter(|participant| participant.user == *user) {
            participant.unread = 0;
            participant.last_read = Some(at);
        }
    }

    /// Until when a person has read.
    pub fn read_until(&self, user: &Id<User>) -> Option<Timestamp> {
        self.participants.iter().find(|participant| participant.user == *user)?.last_read
    }

    /// A person has read what was said up to a moment, and so many messages they have not. Whether that is further
    /// than they were.
    pub fn read_by(&mut self, user: &Id<User>, up_to: Timestamp, unread: u32) -> bool {
        let person = self.participants.iter_mut().find(|participant| participant.user == *user);
        let Some(person) = person.filter(|person| person.last_read < Some(up_to)) else { return false };
        person.last_read = Some(up_to);
        person.unread = person.unread.min(unread);
        true
    }
}
