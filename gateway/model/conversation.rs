//! Conversations and who takes part.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Id, Timestamp, User};

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
    /// The business's own facts.
    #[serde(default)]
    pub metadata: Map<String, Value>,
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
    /// Who.
    pub user: Id<User>,
    /// How many messages they have not read.
    pub unread: u32,
    /// When they last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read: Option<Timestamp>,
}

impl Conversation {
    /// The conversation a user begins with.
    pub fn default_of(user: &User) -> Conversation {
        Conversation {
            id: user.conversation.clone(),
            kind: ConversationKind::Personal,
            participants: vec![Participant { user: user.id.clone(), unread: 0, last_read: None }],
            is_default: true,
            metadata: Map::new(),
            business_last_read: None,
            last_message_at: None,
            last_user_message_at: None,
            recent_notifications: 0,
            message_count: 0,
            cleared: None,
        }
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
