//! Recording what providers say, as tapes for `fixtures/` (`heliograph serve --record DIR`): every secret, number,
//! address, name and text is replaced before anything is written.
//!
//! A hook is scrubbed, signed anew with the stand-in for its secret, and kept only if the connector then takes it for
//! the provider's and understands the same of it. Of a send, the message and the provider's answers are scrubbed; the
//! requests are written by the connector itself, given the scrubbed message, so nothing real can be in them.

mod body;
mod disguise;
mod json;
mod scrub;
mod sign;
mod tape;
#[cfg(test)]
mod tests;
mod words;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use heliograph_connectors::channel::{
    Accepted, Channel, ChannelError, Egress, EgressError, OutboundMessage, RawWebhook, Request, Response,
};
use tokio::sync::mpsc;
use tracing::warn;

use crate::model::Integration;

pub use tape::{Writer, open};

/// Calls and hooks that wait to be written; more are not recorded.
const WAITING_MAX: usize = 64;

/// A larger body is not recorded: that is files, and a tape holds none.
const BODY_MAX: usize = 1 << 20;

/// Of a file, the bytes that say what kind it is.
const FILE_HEAD: usize = 16;

/// Takes note of traffic without holding it up.
#[derive(Debug)]
pub struct Recorder {
    taken: mpsc::Sender<Taken>,
}

/// Something to be written.
#[derive(Debug)]
enum Taken {
    Hook(Box<Told>),
    Send(Box<Sent>),
}

/// A hook, and the channel that proved it.
#[derive(Debug)]
struct Told {
    integration: Integration,
    channel: Arc<dyn Channel>,
    raw: RawWebhook,
}

/// A send with its answers.
#[derive(Debug)]
struct Sent {
    integration: Integration,
    message: OutboundMessage,
    answers: Vec<Answer>,
    result: Result<Accepted, ChannelError>,
}

/// What came back from one call.
#[derive(Debug)]
struct Answer {
    given: Result<Response, EgressError>,
    is_file: bool,
}

impl Recorder {
    /// Whether traffic of this kind can be recorded.
    pub fn hears(&self, kind: &str) -> bool {
        disguise::KINDS.iter().any(|(known, _)| *known == kind)
    }

    /// Notes a hook that was proven, or a handshake that was granted.
    pub fn hook(&self, integration: &Integration, channel: &Arc<dyn Channel>, raw: &RawWebhook) {
        if !self.hears(&integration.kind) {
            return;
        }
        if raw.untrusted_body().len() > BODY_MAX {
            return warn!(integration = %integration.id, "a hook is too long to be recorded");
        }
        self.take(Taken::Hook(Box::new(Told {
            integration: integration.clone(),
            channel: channel.clone(),
            raw: raw.clone(),
        })));
    }

    /// Notes a send, with what was overheard of it.
    pub fn sent(
        &self,
        integration: &Integration,
        message: &OutboundMessage,
        overheard: Overheard<'_>,
        result: &Result<Accepted, ChannelError>,
    ) {
        let answers = overheard.answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.take(Taken::Send(Box::new(Sent {
            integration: integration.clone(),
            message: message.clone(),
            answers,
            result: result.clone(),
        })));
    }

    fn take(&self, taken: Taken) {
        if self.taken.try_send(taken).is_err() {
            warn!("something was not recorded: the recorder is behind");
        }
    }
}

/// A provider's door with an ear at it.
pub struct Overheard<'a> {
    door: &'a dyn Egress,
    answers: Mutex<Vec<Answer>>,
}

impl<'a> Overheard<'a> {
    /// Listens at a door.
    pub fn at(door: &'a dyn Egress) -> Overheard<'a> {
        Overheard { door, answers: Mutex::default() }
    }

    fn note(&self, given: &Result<Response, EgressError>, is_file: bool) {
        let mut given = given.clone();
        if let Ok(answer) = &mut given {
            let most = if is_file { FILE_HEAD } else { BODY_MAX };
            let kept = answer.body().get(..most).map(Bytes::copy_from_slice);
            *answer.body_mut() = kept.unwrap_or_else(|| answer.body().clone());
        }
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(Answer { given, is_file });
    }
}

#[async_trait]
impl Egress for Overheard<'_> {
    async fn call(&self, request: Request) -> Result<Response, EgressError> {
        let given = self.door.call(request).await;
        self.note(&given, false);
        given
    }

    async fn download(&self, request: Request) -> Result<Response, EgressError> {
        let given = self.door.download(request).await;
        self.note(&given, true);
        given
    }
}

/// Something that rewrites the leaves of a body; what it does not care about stays. Paths name the keys above a leaf.
trait Rewrite {
    /// The name of a field.
    fn key(&mut self, key: &str) -> String {
        key.to_owned()
    }

    /// A text.
    fn text(&mut self, path: &[String], text: &str) -> String;

    /// A number, as it is written.
    fn number(&mut self, _path: &[String], raw: &str) -> String {
        raw.to_owned()
    }

    /// A file.
    fn file(&mut self, content: &[u8]) -> Vec<u8> {
        content.to_owned()
    }
}
