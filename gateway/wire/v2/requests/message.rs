//! A message of a conversation.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::{Id, Reference, Role, Timestamp};
use crate::wire::Invalid;
use crate::wire::given::{Given, document};
use crate::wire::v1::{MessageDestination, overrides};

use super::author::{Speaker, speaker};
use super::content::{Said, counted, said};

/// Characters of an id or of a channel's type.
const NAME_MAX: usize = 128;

/// References of a message.
const REFERENCES_MAX: usize = 10;

/// Characters of a reference's title.
const TITLE_MAX: usize = 128;

/// Characters of a reference's description.
const DESCRIPTION_MAX: usize = 256;

/// `POST …/messages`
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// Who says it.
    pub speaker: Speaker,
    /// What.
    pub said: Said,
    /// A channel's own payload in place of the content there, by the channel's type.
    pub overrides: BTreeMap<String, Value>,
    /// Where what it says comes from.
    pub references: Vec<Reference>,
    /// The business's own facts.
    pub metadata: Map<String, Value>,
    /// Where to, when the gateway is not to choose.
    pub destination: Option<MessageDestination>,
}

impl NewMessage {
    /// Reads a request's body.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<NewMessage, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let speaker = given.required("author", speaker)?;
        let role = speaker.author.role;
        let said = said(&given, role, now)?;
        if role == Role::User {
            for key in ["destination", "override", "references"] {
                if given.member(key)?.is_some() {
                    return Err(given.refuse_member(key, "is for messages of the business"));
                }
            }
        }
        Ok(NewMessage {
            speaker,
            said,
            overrides: given.optional("override", overrides)?.unwrap_or_default(),
            references: given.optional("references", references)?.unwrap_or_default(),
            metadata: given.optional("metadata", Given::facts)?.unwrap_or_default(),
            destination: given.optional("destination", destination)?,
        })
    }
}

fn references(given: &Given<'_>) -> Result<Vec<Reference>, Invalid> {
    let reference = |each: &Given<'_>| {
        Ok(Reference {
            uri: each.required("uri", Given::web_url)?,
            title: each.optional("title", |title| title.filled_within(TITLE_MAX))?,
            description: each.optional("description", |text| text.filled_within(DESCRIPTION_MAX))?,
        })
    };
    counted(given, (1, REFERENCES_MAX))?.iter().map(reference).collect()
}

fn destination(given: &Given<'_>) -> Result<MessageDestination, Invalid> {
    let name = |key| given.optional(key, |name| name.filled_within(NAME_MAX));
    match (name("integrationId")?, name("integrationType")?) {
        (Some(_), Some(_)) => Err(given.refuse("should match exactly one schema in oneOf")),
        (Some(integration), None) => Ok(MessageDestination::Integration(Id::new(integration))),
        (None, Some(kind)) => Ok(MessageDestination::Kind(kind)),
        (None, None) => Err(given.refuse("must hold integrationId or integrationType")),
    }
}

#[cfg(test)]
mod tests {
    use heliograph_connectors::channel::{Body, Content};
    use serde_json::json;

    use super::*;
    use crate::model::Whom;

    fn post(body: Value) -> Result<NewMessage, String> {
        NewMessage::parse(body.to_string().as_bytes(), Timestamp::from_millis(0))
            .map_err(|refused| refused.to_string())
    }

    #[test]
    fn a_message_has_an_author_and_content() {
        let exact = json!({"text": "exact"});
        let asked = json!({
            "author": {"type": "business", "displayName": "Ada", "avatarUrl": "https://example.com/a.png", "subtypes": ["AI"]},
            "content": {"type": "text", "text": "Hello"},
            "override": {"messenger": {"payload": exact}, "line": {"payload": {}}},
            "destination": {"integrationType": "messenger"},
            "metadata": {"a": 1},
        });
        let read = post(asked).expect("a message");
        assert_eq!(read.said.body, Body::Content(Content::text("Hello")));
        assert_eq!((read.speaker.author.name.as_deref(), read.speaker.person), (Some("Ada"), None));
        assert_eq!(read.overrides, [("messenger".to_owned(), exact)].into());
        assert_eq!(read.destination, Some(MessageDestination::Kind("messenger".into())));
        let by = |author: Value| post(json!({"author": author, "content": {"type": "text", "text": "Hi"}}));
        let ada = by(json!({"type": "user", "userExternalId": "ada"})).expect("a message");
        assert_eq!(ada.speaker.person, Some(Whom::ExternalId("ada".into())));
        assert_eq!(by(json!({"type": "user"})), Err("author.userId: is required".into()));
        let bot = by(json!({"type": "business", "subtypes": ["bot"]}));
        assert_eq!(bot, Err("author.subtypes[0]: must be one of AI, activity".into()));
        let two = by(json!({"type": "business", "subtypes": ["AI", "activity"]}));
        assert_eq!(two, Err("author.subtypes: should not have more than 1 items".into()));
    }

    #[test]
    fn what_is_for_the_business_is_refused_of_people() {
        let (content, user) = (json!({"type": "text", "text": "Hi"}), json!({"type": "user", "userId": "a"}));
        for (key, value) in [
            ("destination", json!({"integrationType": "whatsapp"})),
            ("override", json!({"whatsapp": {"payload": {}}})),
            ("references", json!([{"uri": "https://example.com/"}])),
        ] {
            let refused = post(json!({"author": user, "content": content, key: value}));
            assert_eq!(refused, Err(format!("{key}: is for messages of the business")));
        }
        let business = json!({"type": "business"});
        for (destination, message) in [
            (json!({}), "must hold integrationId or integrationType"),
            (
                json!({"integrationId": "a", "integrationType": "b"}),
                "should match exactly one schema in oneOf",
            ),
        ] {
            let refused = post(json!({"author": business, "content": content, "destination": destination}));
            assert_eq!(refused, Err(format!("destination: {message}")));
        }
        for (references, refused) in [
            (json!([]), "references: should not have fewer than 1 items"),
            (json!([{"title": "A"}]), "references[0].uri: is required"),
            (json!([{"uri": "https://example.com/", "title": ""}]), "references[0].title: must not be empty"),
        ] {
            let read = post(json!({"author": business, "content": content, "references": references}));
            assert_eq!(read, Err(refused.to_owned()));
        }
        assert_eq!(post(json!({"content": content})), Err("author: is required".into()));
        assert_eq!(post(json!({"author": business})), Err("content: is required".into()));
    }
}
