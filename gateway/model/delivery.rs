//! The fate of one outbound message: a state machine whose moves tell what customers must hear.
//!
//! All rules about order, repetition and finality are here: a receipt told twice, late or out of order changes
//! nothing twice and nothing backwards, and at most one final event leaves.

use heliograph_connectors::channel::{Body, ChannelError, Code, Reach, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Author, Client, Conversation, Id, Integration, Message, Priority, Timestamp, User};

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
    /// Calls made after an unknown outcome: each may have doubled the message.
    #[serde(default)]
    pub resends: u32,
    /// Whether customers heard of the provider's acceptance.
    #[serde(default)]
    pub told_channel: bool,
    /// Whether customers heard the end.
    #[serde(default)]
    pub told_final: bool,
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

/// One piece of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The provider's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// 0 not accepted, 1 accepted, 2 delivered, 3 read: it only rises.
    pub rank: u8,
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
            told_channel: false,
            told_final: false,
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

    /// The first piece the provider does not have yet.
    pub fn next_part(&self) -> Option<usize> {
        (0..self.total).find(|part| self.parts.get(*part).is_none_or(|part| part.rank == 0))
    }

    /// A call to the provider is about to be made: commit this first.
    pub fn sending(&mut self, total: usize, now: Timestamp) {
        if matches!(self.state, State::Unknown { .. }) {
            self.resends += 1;
        }
        self.total = total;
        self.attempts += 1;
        self.state = State::Sending { since: now };
        self.note(now, "sending", None);
    }

    /// The provider took a piece.
    pub fn accepted(
        &mut self,
        part: usize,
        id: Option<String>,
        reach: Reach,
        now: Timestamp,
    ) -> Vec<Notified> {
        self.note(now, "accepted", id.clone());
        self.raise(part, 1, id);
        self.judge(reach, now)
    }

    /// The provider says how far a piece came.
    pub fn receipt(
        &mut self,
        part: usize,
        id: Option<String>,
        stage: Stage,
        reach: Reach,
        now: Timestamp,
    ) -> Vec<Notified> {
        // A receipt for a piece that cannot exist is the provider's mistake, not a reason to grow the record.
        if part >= self.total.max(1) {
            return Vec::new();
        }
        self.total = self.total.max(1);
        match stage {
            Stage::Failed(error) => return self.failed(error.into(), now),
            Stage::Accepted => self.raise(part, 1, id),
            Stage::Delivered => self.raise(part, 2, id),
            Stage::Read => self.raise(part, 3, id),
        }
        self.judge(reach, now)
    }

    /// It will not arrive. Says so once, and not after the end was told.
    pub fn failed(&mut self, error: DeliveryError, now: Timestamp) -> Vec<Notified> {
        self.note(now, "failed", Some(error.message.clone()));
        if self.told_final || matches!(self.state, State::Failed { .. } | State::Delivered | State::Read) {
            return Vec::new();
        }
        self.state = State::Failed { error: error.clone() };
        self.told_final = true;
        vec![Notified::Failure { error }]
    }

    /// The call's outcome is not known.
    pub fn unknown(&mut self, detail: &str, now: Timestamp) {
        if matches!(self.state, State::Sending { .. }) {
            self.state = State::Unknown { since: now };
        }
        self.note(now, "unknown", Some(detail.to_owned()));
    }

    /// The call certainly had no effect: back to waiting.
    pub fn requeued(&mut self, what: &str, detail: &str, now: Timestamp) {
        if matches!(self.state, State::Sending { .. }) {
            self.state = State::Queued;
        }
        self.note(now, what, Some(detail.to_owned()));
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
        if self.timeline.len() < TIMELINE_MAX {
            self.timeline.push(Moment { at, what: what.to_owned(), detail });
        }
    }

    fn raise(&mut self, part: usize, rank: u8, id: Option<String>) {
        if self.parts.len() <= part {
            self.parts.resize_with(part + 1, Part::default);
        }
        let piece = &mut self.parts[part];
        piece.rank = piece.rank.max(rank);
        if piece.provider_id.is_none() {
            piece.provider_id = id;
        }
    }

    /// Draws the conclusions from what the pieces reached: a message is as far as its last piece.
    fn judge(&mut self, reach: Reach, now: Timestamp) -> Vec<Notified> {
        let reached =
            (0..self.total).map(|part| self.parts.get(part).map_or(0, |part| part.rank)).min().unwrap_or(0);
        if matches!(self.state, State::Failed { .. }) || reached == 0 {
            // A call for a later piece may still be open; what is waiting goes on waiting.
            if reached == 0 && matches!(self.state, State::Sending { .. } | State::Unknown { .. }) {
                self.state = State::Queued;
            }
            return Vec::new();
        }
        let state = match reached {
            1 => State::Sent,
            2 => State::Delivered,
            _ => State::Read,
        };
        if self.depth() < reached {
            self.note(now, state.word(), None);
            self.state = state;
        }
        let mut told = Vec::new();
        if !self.told_channel {
            self.told_channel = true;
            let is_final = reach == Reach::Channel;
            if !self.told_final {
                told.push(Notified::Channel { is_final });
            }
            self.told_final |= is_final;
        }
        if reached >= 2 && !self.told_final {
            self.told_final = true;
            told.push(Notified::User);
        }
        told
    }

    fn depth(&self) -> u8 {
        match self.state {
            State::Sent | State::Unconfirmed => 1,
            State::Delivered => 2,
            State::Read => 3,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;
