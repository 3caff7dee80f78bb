//! What we tell a provider, and what it answers.

use std::{fmt, io};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::Value;
use url::Url;

use super::{Body, ChannelError, Incoming, Response, Streamed};

/// Bytes that are read of an answer that was to be a file and is none.
const REFUSAL_MAX: usize = 64 << 10;

/// One message on its way out: what [`super::Channel::send`] is given.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboundMessage {
    /// Our id. Goes to the provider wherever it echoes one, so that a receipt finds its delivery even when
    /// the answer to the send was never seen. URL-safe, at most 64 characters.
    pub reference: String,
    /// Whom it is for.
    pub destination: Destination,
    /// One piece, as [`super::Channel::parts`] made it.
    pub body: Body,
    /// Where this integration's hooks arrive, for providers that take a callback with each send.
    pub hook_url: Url,
    /// What the message is part of.
    pub occasion: Occasion,
    /// The business's name, for channels that show a sender.
    pub app: String,
    /// Who at the business says it, where the caller said so. Anything may stand in it.
    pub author: Option<String>,
    /// What the message is about, where the caller said so, for channels that have a subject line.
    pub subject: Option<String>,
    /// When the platform accepted the message, in Unix milliseconds; the same at every attempt.
    pub accepted_at: i64,
    /// What the person last said here; only where [`super::Capabilities::answers`].
    pub earlier: Option<Earlier>,
}

/// What a message is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Occasion {
    /// A conversation.
    Conversation,
    /// Nothing: the business speaks of its own accord.
    Notification,
}

/// What a person last said on a channel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Earlier {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What the channel wanted remembered of it ([`super::InboundMessage::thread`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
}

/// A file.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// Its content.
    pub bytes: Bytes,
    /// Its type, where known.
    pub media_type: Option<String>,
    /// What its sender calls it, where known. Anything may stand in it.
    pub name: Option<String>,
}

impl Media {
    /// The file in an answer, with the type and the name that its headers give it.
    pub fn of(answer: &Response) -> Media {
        let (media_type, name) = described(answer.headers());
        Media { bytes: answer.body().clone(), media_type, name }
    }
}

/// The type and the name that headers give a file.
fn described(headers: &HeaderMap) -> (Option<String>, Option<String>) {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let name = header(CONTENT_DISPOSITION)
        .and_then(|value| value.split(';').find_map(|part| part.trim().strip_prefix("filename=")))
        .map(|name| name.trim_matches('"').to_owned());
    (header(CONTENT_TYPE).map(str::to_owned), name)
}

/// A file on its way from its provider.
pub struct Arriving {
    /// Its content, as it comes.
    pub bytes: Box<dyn Incoming>,
    /// Its type, where known.
    pub media_type: Option<String>,
    /// What its sender calls it, where known. Anything may stand in it.
    pub name: Option<String>,
}

impl Arriving {
    /// The file in an answer, with the type and the name that its headers give it. An answer that holds none is
    /// understood by `refused`.
    pub async fn of(
        answer: Streamed,
        refused: fn(&Response) -> ChannelError,
    ) -> Result<Arriving, ChannelError> {
        if answer.status().is_success() {
            let (media_type, name) = described(answer.headers());
            return Ok(Arriving { bytes: answer.into_body(), media_type, name });
        }
        let (head, mut body) = answer.into_parts();
        let mut said = Vec::new();
        while said.len() < REFUSAL_MAX
            && let Ok(Some(bytes)) = body.next().await
        {
            said.extend_from_slice(&bytes);
        }
        Err(refused(&Response::from_parts(head, said.into())))
    }

    /// The whole file.
    pub async fn whole(mut self) -> Result<Media, ChannelError> {
        let mut whole = Vec::new();
        let broken = |error: io::Error| ChannelError::transient(false, error.to_string());
        while let Some(bytes) = self.bytes.next().await.map_err(broken)? {
            whole.extend_from_slice(&bytes);
        }
        Ok(Media { bytes: whole.into(), media_type: self.media_type, name: self.name })
    }
}

// Written by hand because what comes cannot be shown.
impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arriving { media_type, name, .. } = self;
        write!(f, "Arriving({media_type:?}, {name:?})")
    }
}

// Written by hand because the content would fill the log.
impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Media { bytes, media_type, name } = self;
        write!(f, "Media({} bytes, {media_type:?}, {name:?})", bytes.len())
    }
}

/// An address in the form under which clients are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The canonical form.
    pub address: String,
    /// Other spellings under which the provider may know the same person, most likely first.
    pub variants: Vec<String>,
}

impl Destination {
    /// An address that has one spelling.
    pub fn new(address: impl Into<String>) -> Destination {
        Destination { address: address.into(), variants: Vec::new() }
    }
}

/// Why a given address is none. One lowercase sentence that names what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDestination(pub String);

/// The provider took the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// The provider's id of it, as receipts will name it; `None` where the provider gives none.
    pub provider_id: Option<String>,
    /// Other addresses under which the provider says it knows the person.
    pub aliases: Vec<String>,
}

impl Accepted {
    /// Taken under this id.
    pub fn under(provider_id: impl Into<String>) -> Accepted {
        Accepted { provider_id: Some(provider_id.into()), aliases: Vec::new() }
    }
}

/// A send whose answer was never seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The reference it carried.
    pub reference: String,
    /// Whom it was for.
    pub destination: Destination,
    /// When it began, in Unix milliseconds.
    pub started_at: i64,
    /// The piece that was sent.
    pub body: Body,
    /// Whether nothing else was sent to this address shortly before: then what the provider took for it since is
    /// this. For providers that do not show the reference.
    pub alone: bool,
    /// The provider's ids of this message's earlier pieces.
    pub known: Vec<String>,
}

/// What the provider knows about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has the message.
    Accepted(Accepted),
    /// It never got it.
    NeverSeen,
    /// It cannot be asked, or does not know yet.
    NoAnswer,
}

/// What the provider said about the integration itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Connected {
    /// Facts it knows better than the settings (`phoneNumber`, `name`), as the API shows them.
    pub facts: serde_json::Map<String, Value>,
}
