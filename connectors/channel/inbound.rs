//! What a provider tells us: the events a hook can carry.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ChannelError, Content, Media};

/// One thing that happened at the provider.
#[derive(Debug, Clone, PartialEq)]
pub enum InboundEvent {
    /// A person wrote.
    Message(Box<InboundMessage>),
    /// A person pressed a button of ours.
    Postback {
        /// The provider's id of this press; the dedupe key.
        provider_id: String,
        /// Who pressed.
        from: Person,
        /// The button's payload.
        payload: String,
    },
    /// What became of a message of ours.
    Receipt(Receipt),
    /// The person wants no more messages from this sender.
    OptOut {
        /// Who.
        from: Person,
    },
    /// The person wants messages again.
    OptIn {
        /// Who.
        from: Person,
    },
    /// The person started or stopped typing.
    Typing {
        /// Who.
        from: Person,
        /// Whether they started.
        started: bool,
    },
    /// Everything up to a moment has reached the person.
    Reached {
        /// Whom.
        from: Person,
        /// Unix milliseconds.
        up_to: i64,
    },
    /// The person has read everything up to a moment.
    Read {
        /// Who.
        from: Person,
        /// Unix milliseconds.
        up_to: i64,
    },
    /// The person came through a link or an advertisement.
    Referral {
        /// The provider's id of what brought it; the dedupe key.
        provider_id: String,
        /// Who.
        from: Person,
        /// The link's code.
        code: String,
        /// The provider's own words about it.
        details: Value,
    },
    /// Something this connector does not know (yet): answered 200 and counted.
    Unrecognised {
        /// The provider's word for it.
        kind: String,
    },
}

/// What a person said.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundMessage {
    /// The provider's id of this message, unique within the integration; the dedupe key.
    pub provider_id: String,
    /// Who wrote.
    pub from: Person,
    /// What they said. Where there is `media`, the content's `media_url` is filled in by the gateway.
    pub content: Content,
    /// When, in Unix milliseconds by the provider's clock, where it says so.
    pub at: Option<i64>,
    /// What the quick reply carried that they chose.
    pub payload: Option<String>,
    /// The file of an image or file content, where it is not at an address that anybody may open for good.
    pub media: Option<MediaSource>,
    /// What an answer must know about this message (mail: its id and subject), in the channel's own words.
    /// Comes back as [`super::OutboundMessage::earlier`].
    pub thread: Option<String>,
    /// The provider's id of the message that this one answers, where the person chose one.
    pub quoted: Option<String>,
}

impl InboundMessage {
    /// A message with nothing but its content.
    pub fn new(provider_id: impl Into<String>, from: Person, content: Content) -> InboundMessage {
        InboundMessage {
            provider_id: provider_id.into(),
            from,
            content,
            at: None,
            payload: None,
            media: None,
            thread: None,
            quoted: None,
        }
    }
}

impl From<InboundMessage> for InboundEvent {
    fn from(message: InboundMessage) -> InboundEvent {
        InboundEvent::Message(Box::new(message))
    }
}

/// Where the file of an inbound message is.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaSource {
    /// At the provider, under the provider's own name for it: [`super::Channel::fetch`] gets it.
    Held(String),
    /// It came with the hook.
    Enclosed(Media),
}

/// A person as the provider names them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Their address on the channel, in the form [`super::Channel::destination`] gives.
    pub address: String,
    /// Other addresses under which the provider may name the same person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What to call them, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The provider's own facts about them, kept as the client's `raw`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub raw: Value,
}

impl Person {
    /// Somebody of whom no more than the address is known.
    pub fn at(address: impl Into<String>) -> Person {
        Person { address: address.into(), aliases: Vec::new(), display_name: None, raw: Value::Null }
    }
}

/// A provider's word about one of our messages. At least one of the two ids is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The reference we gave with the send, echoed.
    pub reference: Option<String>,
    /// The provider's id of the message.
    pub provider_id: Option<String>,
    /// How far it came.
    pub stage: Stage,
    /// The provider's own word, kept in the timeline.
    pub status: String,
}

/// How far a message came.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// On its way: the provider has it.
    Accepted,
    /// It reached the person.
    Delivered,
    /// The person read it.
    Read,
    /// It will not arrive. With [`Fate::Throttled`](super::Fate) only because of a limit, before it was sent to anybody:
    /// the gateway sends it again later.
    Failed(ChannelError),
}
