//! A message to an address, outside any conversation: ours, in the shapes of v2.

use heliograph_connectors::channel::Body;

use crate::model::{Author, Id, Integration, Role, Timestamp};
use crate::wire::Invalid;
use crate::wire::given::{Given, document};
use crate::wire::v1::{Address, When, overrides};

use super::author::speaker;
use super::content::said;

/// `POST …/notifications`
#[derive(Debug, Clone, PartialEq)]
pub struct NewNotification {
    /// Through which integration.
    pub integration: Id<Integration>,
    /// The address on its channel, as the caller wrote it.
    pub destination: String,
    /// Who the business says it is.
    pub author: Author,
    body: Body,
    overrides: std::collections::BTreeMap<String, serde_json::Value>,
    /// When it is to leave.
    pub when: When,
}

impl NewNotification {
    /// Reads a request's body.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<NewNotification, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let Address { integration, destination } = given.required("destination", Address::read)?;
        let author = given.optional("author", business)?.unwrap_or_else(Author::business);
        let said = said(&given, Role::Business, now)?;
        let overrides = given.optional("override", overrides)?.unwrap_or_default();
        let when = When::read(&given, now)?;
        Ok(NewNotification { integration, destination, author, body: said.body, overrides, when })
    }

    /// What is sent through an integration of this type: its own payload where one is given for it.
    pub fn body_for(&mut self, kind: &str) -> Body {
        match self.overrides.remove(kind) {
            Some(message) => Body::Native { schema: kind.to_owned(), message },
            None => self.body.clone(),
        }
    }
}

fn business(given: &Given<'_>) -> Result<Author, Invalid> {
    let speaker = speaker(given)?;
    match speaker.author.role {
        Role::Business => Ok(speaker.author),
        Role::User => Err(given.refuse_member("type", "must be business")),
    }
}

#[cfg(test)]
mod tests {
    use heliograph_connectors::channel::Content;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Priority;

    const NOW: Timestamp = Timestamp::from_millis(1_552_571_286_396);

    fn with(fields: &Value) -> Result<NewNotification, Invalid> {
        let mut body = json!({
            "destination": {"integrationId": "5e1f", "destinationId": "+15145550133"},
            "content": {"type": "text", "text": "Hi"},
        });
        for (key, value) in fields.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        NewNotification::parse(body.to_string().as_bytes(), NOW)
    }

    #[test]
    fn content_is_for_all_channels_and_an_override_for_one() {
        let exact = json!({"type": "text", "text": {"body": "exact"}});
        let fields = json!({
            "author": {"type": "business", "displayName": "Ada"},
            "override": {"whatsapp": {"payload": exact}},
            "priority": "high",
        });
        let mut read = with(&fields).expect("a notification");
        assert_eq!(read.author.name.as_deref(), Some("Ada"));
        assert_eq!(read.when.priority, Priority::High);
        assert_eq!(read.body_for("twilio"), Body::Content(Content::text("Hi")));
        let native = Body::Native { schema: "whatsapp".into(), message: exact };
        assert_eq!(read.body_for("whatsapp"), native);
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (fields, refused) in [
            (json!({"author": {"type": "user", "userId": "a"}}), "author.type"),
            (json!({"author": {}}), "author.type"),
            (json!({"content": {"type": "smoke"}}), "content.type"),
            (json!({"content": null}), "content"),
            (json!({"schema": "line"}), "schema"),
            (json!({"destination": {"integrationId": "5e1f"}}), "destination.destinationId"),
            (json!({"expiresAt": "2019-01-31T09:00:00Z"}), "expiresAt"),
        ] {
            assert_eq!(with(&fields).expect_err("a refusal").path, refused, "{fields}");
        }
    }
}
