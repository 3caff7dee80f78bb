//! A message to an address, outside any conversation.

use heliograph_connectors::channel::Body;

use crate::model::{Author, Id, Integration, Priority, Role, Timestamp};
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::message::{self, author};

/// Characters of an address on a channel.
const ADDRESS_MAX: usize = 1024;

/// Characters of a time.
const TIME_MAX: usize = 64;

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
    /// When it is to leave. Ours, beyond v1.1.
    pub when: When,
}

/// When a notification is to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// How urgent it is.
    pub priority: Priority,
    /// Not before then.
    pub not_before: Option<Timestamp>,
    /// When it is too late to send it.
    pub expires_at: Option<Timestamp>,
}

/// Where a notification goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wire) struct Address {
    pub(in crate::wire) integration: Id<Integration>,
    pub(in crate::wire) destination: String,
}

impl Notification {
    /// Reads a request's body.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<Notification, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let Address { integration, destination } = given.required("destination", Address::read)?;
        let author = given.optional("author", business)?.unwrap_or_else(Author::business);
        let body = content(&given, now)?;
        Ok(Notification { integration, destination, author, body, when: When::read(&given, now)? })
    }
}

impl Address {
    /// Reads a `destination`.
    pub(in crate::wire) fn read(given: &Given<'_>) -> Result<Address, Invalid> {
        let integration = given.required("integrationId", message::id)?;
        let destination = given.required("destinationId", |id| id.filled_within(ADDRESS_MAX))?;
        Ok(Address { integration, destination })
    }
}

impl When {
    /// Reads what a request says beside the message.
    pub(in crate::wire) fn read(given: &Given<'_>, now: Timestamp) -> Result<When, Invalid> {
        let priority = given.optional("priority", urgency)?.unwrap_or_default();
        let not_before = given.optional("notBefore", moment)?;
        let expires_at = given.optional("expiresAt", moment)?;
        if expires_at.is_some_and(|end| end <= not_before.map_or(now, |begin| begin.max(now))) {
            return Err(given.refuse_member("expiresAt", "must be in the future and after notBefore"));
        }
        Ok(When { priority, not_before, expires_at })
    }
}

fn urgency(given: &Given<'_>) -> Result<Priority, Invalid> {
    Ok(match given.word(&["high", "normal", "bulk"])? {
        "high" => Priority::High,
        "bulk" => Priority::Bulk,
        _ => Priority::Normal,
    })
}

fn moment(given: &Given<'_>) -> Result<Timestamp, Invalid> {
    let moment = Timestamp::parse_iso(&given.filled_within(TIME_MAX)?);
    moment.ok_or_else(|| given.refuse("must be an ISO 8601 time with its offset, like 2026-01-31T09:00:00Z"))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_552_571_286_396);

    fn with(fields: &Value) -> Result<Notification, Invalid> {
        let mut body = json!({
            "destination": {"integrationId": "5e1f", "destinationId": "+15145550133"},
            "message": {"type": "text", "text": "Hi"},
        });
        for (key, value) in fields.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        Notification::parse(body.to_string().as_bytes(), NOW)
    }

    fn hour(hours: i64) -> Timestamp {
        Timestamp::from_millis(NOW.millis() + hours * 3_600_000)
    }

    #[test]
    fn it_says_how_urgent_it_is_and_when_it_may_leave() {
        let fields = json!({"priority": "bulk", "notBefore": hour(1).iso(), "expiresAt": hour(2).iso()});
        let read = with(&fields).expect("a notification");
        let expected =
            When { priority: Priority::Bulk, not_before: Some(hour(1)), expires_at: Some(hour(2)) };
        assert_eq!(read.when, expected);
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (fields, refused) in [
            (json!({"priority": "urgent"}), "priority"),
            (json!({"notBefore": "tomorrow"}), "notBefore"),
            (json!({"notBefore": 5}), "notBefore"),
            (json!({"expiresAt": "2026-01-31T09:00:00"}), "expiresAt"),
            (json!({"expiresAt": hour(-1).iso()}), "expiresAt"),
            (json!({"notBefore": hour(2).iso(), "expiresAt": hour(2).iso()}), "expiresAt"),
        ] {
            assert_eq!(with(&fields).expect_err("a refusal").path, refused, "{fields}");
        }
    }
}
