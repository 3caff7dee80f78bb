//! The fate of one outbound message: a state machine whose moves tell what customers must hear.
//!
//! All rules about order, repetition and finality are here: a receipt told twice, late or out of order changes
//! nothing twice and nothing backwards, and at most one final event leaves.

mod answer;
mod copies;
mod ledger;
mod moves;
mod returned;

use heliograph_connectors::channel::{Body, ChannelError, Code};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use answer::{answer_in_words, wait_in_words};
pub use copies::Part;
pub use ledger::{Booked, Standing, Total};
pub use returned::Slowdown;

use super::{Author, Client, Conversation, Id, Integration, Message, Priority, Timestamp, User, Webhook};

/// Moments kept per delivery; a provider that repeats itself must not grow a record without end.
const TIMELINE_MAX: usize = 64;

/// One message on its way to one destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The notification's UUID, or the message's id.
    pub id: Id<Delivery>,
    /// Why it is sent.
    pub purpose: Purpose,
    /// Through which integration.
    pub integration: Id<Integration>,
    /// The channel's type.
    pub channel: String,
    /// The canonical address.
    pub destination: String,
    /// What is sent.
    pub body: Body,
    /// When it was accepted from the customer.
    pub created: Timestamp,
    /// When it is too late to send it.
    pub expires: Timestamp,
    /// How far it is.
    pub state: State,
    /// The pieces, as far as known; there are `total`.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// How many pieces the channel cuts it into; set when sending begins.
    #[serde(default)]
    pub total: usize,
    /// Calls made to the provider.
    #[serde(default)]
    pub attempts: u32,
    /// Calls made after an unknown outcome. Whether they doubled anything is told by [`Part`].
    #[serde(default)]
    pub resends: u32,
    /// When the open attempt began, or the first of those whose outcome nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// The piece it was made for.
    #[serde(default)]
    pub calling: usize,
    /// How often the provider was asked what became of them.
    #[serde(default)]
    pub asked: u32,
    /// The provider's ids of messages that it took, and then did not send because of a limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<String>,
    /// What the last of them asks for, until that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowdown: Option<Slowdown>,
    /// When the provider had all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// As what it was counted last.
    #[serde(default)]
    pub booked: Booked,
    /// Whether customers heard of the provider's acceptance.
    #[serde(default)]
    pub told_channel: bool,
    /// Whether customers heard the end.
    #[serde(default)]
    pub told_final: bool,
    /// The webhooks that were to be told of it; there are as many as its app ever had meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hearers: Vec<Id<Webhook>>,
    /// When it ended first: from then on it is kept for as long as the operator says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The person, once matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Id<User>>,
    /// Other addresses under which the provider said it knows the person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The conversation it stands in, once matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Id<Conversation>>,
    /// What happened, oldest first.
    #[serde(default)]
    pub timeline: Vec<Moment>,
}

/// Why a message is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// A message outside a conversation.
    Notification {
        /// Who the business says it is.
        author: Author,
        /// How urgent it is.
        #[serde(default)]
        priority: Priority,
    },
    /// A message of a conversation.
    Message {
        /// Which.
        message: Id<Message>,
        /// Who says it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        author: Option<String>,
    },
    /// The confirmation message of a link.
    Link {
        /// The pending client.
        client: Id<Client>,
    },
    /// A word that shows a channel to be connected; nobody is told of it.
    Ping {
        /// Where.
        client: Id<Client>,
    },
}

/// How far a delivery is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "camelCase")]
pub enum State {
    /// Waits for its turn.
    Queued,
    /// A call to the provider is open, or was when the process died.
    Sending {
        /// Since when.
        since: Timestamp,
    },
    /// A call was made and its outcome is not known.
    Unknown {
        /// Since when.
        since: Timestamp,
    },
    /// The provider has it.
    Sent,
    /// It reached the person.
    Delivered,
    /// The person read it.
    Read,
    /// It will not arrive.
    Failed {
        /// Why.
        error: DeliveryError,
    },
    /// The channel reports, but stayed silent past its deadline.
    Unconfirmed,
}

impl State {
    /// The word in the admin API.
    pub fn word(&self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Sending { .. } => "sending",
            State::Unknown { .. } => "unknown",
            State::Sent => "sent",
            State::Delivered => "delivered",
            State::Read => "read",
            State::Failed { .. } => "failed",
            State::Unconfirmed => "unconfirmed",
        }
    }

    /// Whether the provider still has to be called.
    pub fn is_open(&self) -> bool {
        matches!(self, State::Queued | State::Sending { .. } | State::Unknown { .. })
    }
}

/// Why a delivery failed, as customers hear it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryError {
    /// The platform's word.
    pub code: Code,
    /// One sentence for people.
    pub message: String,
    /// The provider's own error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub underlying: Option<Value>,
}

impl From<ChannelError> for DeliveryError {
    fn from(error: ChannelError) -> DeliveryError {
        DeliveryError { code: error.code, message: error.detail, underlying: error.underlying }
    }
}

/// Something that happened to a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// `queued`, `sending`, `accepted`, `receipt`, …
    pub what: String,
    /// The provider's word, an error, a wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Whether a message that is sent again may have been sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It may.
    Left,
    /// The provider says that it never had it.
    Settled,
}

/// What customers must hear.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Notified {
    /// The provider has it.
    Channel {
        /// Whether nothing more will be heard.
        is_final: bool,
    },
    /// It reached the person.
    User,
    /// It will not arrive.
    Failure {
        /// Why.
        error: DeliveryError,
    },
}

impl Notified {
    /// Whether this is the last event about its delivery.
    pub fn is_final(&self) -> bool {
        !matches!(self, Notified::Channel { is_final: false })
    }
}

impl Delivery {
    /// A delivery that waits for its turn.
    pub fn queued(
        id: Id<Delivery>,
        purpose: Purpose,
        integration: &Integration,
        destination: String,
        body: Body,
        created: Timestamp,
        expires: Timestamp,
    ) -> Delivery {
        Delivery {
            id,
            purpose,
            integration: integration.id.clone(),
            channel: integration.kind.clone(),
            destination,
            body,
            created,
            expires,
            state: State::Queued,
            parts: Vec::new(),
            total: 0,
            attempts: 0,
            resends: 0,
            began: None,
            calling: 0,
            asked: 0,
            returned: Vec::new(),
            slowdown: None,
            sent_at: None,
            booked: Booked::default(),
            told_channel: false,
            told_final: false,
            hearers: Vec::new(),
            ended: None,
            user: None,
            aliases: Vec::new(),
            conversation: None,
            timeline: vec![Moment { at: created, what: "queued".into(), detail: None }],
        }
    }

    /// The reference a piece carries to the provider.
    pub fn reference(&self, part: usize) -> String {
        if part == 0 { self.id.to_string() } else { format!("{}.{part}", self.id) }
    }

    /// The delivery and piece a reference names.
    pub fn parse_reference(reference: &str) -> (Id<Delivery>, usize) {
        match reference.split_once('.').map(|(id, part)| (id, part.parse())) {
            Some((id, Ok(part))) => (Id::new(id), part),
            _ => (Id::new(reference), 0),
        }
    }

    /// The piece to be settled next: the one of the open call, else the first the provider does not have yet.
    pub fn next_part(&self) -> Option<usize> {
        let is_missing = |part: &usize| self.parts.get(*part).is_none_or(|part| part.rank == 0);
        let is_called = matches!(self.state, State::Sending { .. } | State::Unknown { .. });
        let called = (is_called && self.calling < self.total).then_some(self.calling).filter(is_missing);
        called.or_else(|| (0..self.total).find(is_missing))
    }

    /// Keeps the provider's own word about a piece. False when it said the same before.
    pub fn reported(&mut self, part: usize, status: &str, now: Timestamp) -> bool {
        let detail = if part == 0 { status.to_owned() } else { format!("{status} (part {part})") };
        let heard = |moment: &Moment| moment.what == "receipt" && moment.detail.as_deref() == Some(&*detail);
        if self.timeline.iter().any(heard) {
            return false;
        }
        self.note(now, "receipt", Some(detail));
        true
    }

    /// The provider's ids, one per piece it took.
    pub fn external_ids(&self) -> Vec<String> {
        self.parts.iter().filter_map(|part| part.provider_id.clone()).collect()
    }

    /// When the provider took it, as far as the story tells.
    pub fn accepted_at(&self) -> Option<Timestamp> {
        self.timeline.iter().find(|moment| moment.what == "accepted").map(|moment| moment.at)
    }

    /// Adds a line to the story.
    pub fn note(&mut self, at: Timestamp, what: &str, detail: Option<String>) {
        if self.timeline.len() >= TIMELINE_MAX {
            // How it began and how it ends are worth most.
            self.timeline.remove(TIMELINE_MAX / 2);
        }
        self.timeline.push(Moment { at, what: what.to_owned(), detail });
    }
}

#[cfg(test)]
mod tests;
