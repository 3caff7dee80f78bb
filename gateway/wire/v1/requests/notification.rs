//! A message to an address, outside any conversation.

use heliograph_connectors::channel::Body;

use crate::model::{Author, Id, Integration, Role, Timestamp};
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::message::{self, author};

/// Characters of an address on a channel.
const ADDRESS_MAX: usize = 1024;

/// `POST …/notifications`.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Through which integration.
    pub integration: Id<Integration>,
    /// The address on its channel, as the caller wrote it.
    pub destination: String,
    /// Who the business says it is.
    pub author: Author,
    /// What is sent.
    pub body: Body,
}

impl Notification {
    /// Reads a request's body.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<Notification, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let (integration, destination) = given.required("destination", |destination| {
            let integration = destination.required("integrationId", message::id)?;
            Ok((integration, destination.required("destinationId", |id| id.filled_within(ADDRESS_MAX))?))
        })?;
        let author = given.optional("author", business)?.unwrap_or_else(Author::business);
        let body = content(&given, now)?;
        Ok(Notification { integration, destination, author, body })
    }
}

fn business(given: &Given<'_>) -> Result<Author, Invalid> {
    given.required("role", |role| role.word(&["appMaker"]))?;
    author(given, Role::Business)
}

/// A provider's own payload where a schema is named, else platform content. A `role` inside the message is a
/// habit from v1 and says nothing.
fn content(given: &Given<'_>, now: Timestamp) -> Result<Body, Invalid> {
    let schema = given.optional("messageSchema", |schema| schema.filled_within(64))?;
    given.required("message", |message| match schema {
        Some(schema) => Ok(Body::Native { schema, message: message.object()?.clone().into() }),
        None => Ok(Body::Content(message::content(message, now)?)),
    })
}
