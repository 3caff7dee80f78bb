//! Linking a person to a channel: what names them there, how they confirm, and where they then speak.

use serde_json::{Map, Value};

use crate::model::{Confirmation, Conversation, Id, Integration, Timestamp};
use crate::wire::given::{Given, document};
use crate::wire::{Invalid, v1};

/// Characters of what names a person.
const CRITERION_MAX: usize = 1024;

/// Characters of an id.
const ID_MAX: usize = 128;

/// The types of channels that people are linked on.
const LINKABLE: [&str; 4] = ["mailgun", "messagebird", "twilio", "whatsapp"];

/// `POST …/users/{user}/clients`
#[derive(Debug, Clone, PartialEq)]
pub struct NewClient {
    /// The channel's type.
    pub kind: &'static str,
    /// Through which integration.
    pub integration: Id<Integration>,
    /// What names the person, under the names that link events of v1.1 echo it by.
    pub criteria: Map<String, Value>,
    /// The address among it.
    pub address: String,
    /// Whether messages go there once it is linked.
    pub is_primary: bool,
    /// How the person confirms.
    pub confirmation: Confirmation,
    /// Where the person speaks from there.
    pub conversation: Id<Conversation>,
}

impl NewClient {
    /// Reads a request's body. `now` dates the ids given to buttons.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<NewClient, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let matched = given.required("matchCriteria", |given| Ok(given.clone()))?;
        let kind = matched.required("type", |kind| kind.word(&LINKABLE))?;
        let text = |text: &Given<'_>| text.filled_within(CRITERION_MAX);
        let key = if kind == "mailgun" { "address" } else { "phoneNumber" };
        let address = matched.required(key, text)?;
        let mut criteria = Map::from_iter([(key.to_owned(), Value::from(address.as_str()))]);
        if kind == "mailgun"
            && let Some(subject) = matched.optional("subject", text)?
        {
            criteria.insert("subject".into(), subject.into());
        }
        Ok(NewClient {
            kind,
            integration: matched.required("integrationId", id)?,
            criteria,
            address,
            is_primary: matched.optional("primary", Given::flag)?.unwrap_or(true),
            confirmation: given.required("confirmation", |given| {
                v1::confirmation(given, |message| {
                    message.required("content", |content| v1::first_message(content, now))
                })
            })?,
            conversation: given.required("target", |target| target.required("conversationId", id))?,
        })
    }
}

fn id<T>(given: &Given<'_>) -> Result<Id<T>, Invalid> {
    given.filled_within(ID_MAX).map(Id::new)
}

#[cfg(test)]
mod tests {
    use heliograph_connectors::channel::Content;
    use serde_json::json;

    use super::*;

    fn parse(body: &Value) -> Result<NewClient, Invalid> {
        NewClient::parse(body.to_string().as_bytes(), Timestamp::from_millis(0))
    }

    fn asked() -> Value {
        json!({
            "matchCriteria": {"type": "twilio", "integrationId": "5e1f", "phoneNumber": "+1 514", "subject": "no"},
            "confirmation": {"type": "userActivity", "message": {"author": {"type": "business"}, "content": {"type": "text", "text": "Hi"}}},
            "target": {"conversationId": "c0"},
        })
    }

    #[test]
    fn what_names_a_person_depends_on_the_channel() {
        let read = parse(&asked()).expect("a client");
        assert_eq!((read.kind, read.address.as_str(), read.is_primary), ("twilio", "+1 514", true));
        assert_eq!(Value::Object(read.criteria), json!({"phoneNumber": "+1 514"}));
        assert_eq!(read.confirmation, Confirmation::UserActivity { message: Some(Content::text("Hi")) });
        let mut mail = asked();
        mail["matchCriteria"] = json!({"type": "mailgun", "integrationId": "5e1f", "address": "a@example.org", "subject": "Hi", "primary": false});
        mail["confirmation"] = json!({"type": "prompt"});
        let read = parse(&mail).expect("a client");
        assert_eq!(Value::Object(read.criteria), json!({"address": "a@example.org", "subject": "Hi"}));
        assert!(!read.is_primary && read.confirmation == Confirmation::Prompt);
    }

    #[test]
    fn everything_that_is_missing_is_named() {
        for (pointer, path) in [
            ("/matchCriteria", "matchCriteria"),
            ("/matchCriteria/type", "matchCriteria.type"),
            ("/matchCriteria/integrationId", "matchCriteria.integrationId"),
            ("/matchCriteria/phoneNumber", "matchCriteria.phoneNumber"),
            ("/confirmation", "confirmation"),
            ("/confirmation/type", "confirmation.type"),
            ("/confirmation/message/content", "confirmation.message.content"),
            ("/target", "target"),
            ("/target/conversationId", "target.conversationId"),
        ] {
            let mut body = asked();
            *body.pointer_mut(pointer).expect("it is there") = Value::Null;
            assert_eq!(parse(&body).expect_err(pointer).path, path);
        }
        for (pointer, odd) in [
            ("/matchCriteria/type", json!("messenger")),
            ("/matchCriteria/primary", json!("yes")),
            ("/confirmation/type", json!("later")),
            (
                "/confirmation/message/content",
                json!({"type": "location", "coordinates": {"lat": 1, "long": 2}}),
            ),
            ("/confirmation/message/content/text", json!("x".repeat(5000))),
        ] {
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            let mut body = asked();
            body.pointer_mut(parent).expect("it is there")[key] = odd;
            assert!(parse(&body).is_err(), "{pointer}");
        }
        let mut reply = asked();
        reply["confirmation"]["message"]["content"]["actions"] =
            json!([{"type": "reply", "text": "a", "payload": "b"}]);
        assert!(parse(&reply).is_err());
    }
}
