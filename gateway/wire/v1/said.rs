//! Messages as v1.1 shows them, written straight into the answer: a page has a hundred.

use heliograph_connectors::channel::Content;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::model::{Author, Client, Id, Integration, Message, Role, Source};
use crate::wire::written::Written;

use super::content::content;
use super::views::{business_id, gravatar, quoted, role};

/// What a message of a page takes, about.
const MESSAGE_BYTES: usize = 512;

/// A page of a conversation.
#[derive(Debug, Serialize)]
pub struct Page<'a> {
    /// The conversation, as it is shown.
    conversation: Value,
    messages: Vec<Said<'a>>,
    /// Where later messages are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Where earlier messages are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

impl<'a> Page<'a> {
    /// These messages of a conversation, alone.
    pub fn of(conversation: Value, messages: &'a [Message]) -> Page<'a> {
        // Most of what a business says is said under no name of anybody's.
        let nobody = Face::of_business(None);
        let said = |message: &'a Message| match (message.author.role, &message.author.email) {
            (Role::Business, None) => Said::under(message, nobody.clone()),
            _ => Said::of(message),
        };
        Page { conversation, messages: messages.iter().map(said).collect(), next: None, previous: None }
    }

    /// The page as JSON.
    pub fn written(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity((self.messages.len() + 1) * MESSAGE_BYTES);
        serde_json::to_writer(&mut json, self)
            .expect("all keys are text, and memory takes all that is written");
        json
    }
}

/// A message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said<'a> {
    #[serde(rename = "_id")]
    id: &'a Id<Message>,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    author_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
    #[serde(flatten)]
    content: Shown<'a>,
    received: f64,
    source: From<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quoted_message: Option<Written>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: &'a Map<String, Value>,
}

impl<'a> Said<'a> {
    pub(super) fn of(message: &'a Message) -> Said<'a> {
        Said::under(message, Face::of(&message.author))
    }

    fn under(message: &'a Message, face: Face) -> Said<'a> {
        Said {
            id: &message.id,
            role: role(message.author.role),
            author_id: face.id,
            name: message.author.name.as_ref(),
            avatar_url: message.author.avatar_url.clone().or(face.picture),
            content: Shown(&message.content),
            received: message.received.seconds(),
            source: From::of(&message.source),
            media_size: message.media_size,
            quoted_message: message.quoted.as_ref().map(quoted),
            payload: message.payload.as_ref(),
            metadata: &message.metadata,
        }
    }
}

/// How an author is told from others.
#[derive(Debug, Clone)]
struct Face {
    id: Option<String>,
    /// What is shown of them unless they brought a picture.
    picture: Option<String>,
}

impl Face {
    fn of(author: &Author) -> Face {
        match author.role {
            Role::User => Face { id: author.user.as_ref().map(ToString::to_string), picture: None },
            Role::Business => Face::of_business(author.email.as_deref()),
        }
    }

    fn of_business(email: Option<&str>) -> Face {
        Face { id: Some(business_id(email)), picture: Some(gravatar(email)) }
    }
}

/// What is said. The frequent kinds are written as they stand.
#[derive(Debug)]
struct Shown<'a>(&'a Content);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = match self.0 {
            Content::Text { text, actions } if actions.is_empty() => Plain::of("text", text),
            Content::Image { media_url, media_type, text, alt_text, actions } if actions.is_empty() => {
                let text = text.as_deref().unwrap_or_default();
                Plain {
                    media_url: Some(media_url),
                    media_type: media_type.as_ref(),
                    alt_text: alt_text.as_ref(),
                    ..Plain::of("image", text)
                }
            }
            other => return content(other).serialize(serializer),
        };
        plain.serialize(serializer)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Plain<'a> {
    r#type: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_url: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt_text: Option<&'a String>,
}

impl<'a> Plain<'a> {
    fn of(r#type: &'static str, text: &'a str) -> Plain<'a> {
        Plain { r#type, text, media_url: None, media_type: None, alt_text: None }
    }
}

/// Where a message came from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct From<'a> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    integration_id: Option<&'a Id<Integration>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Id<Client>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_message_id: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_message_timestamp: Option<f64>,
}

impl<'a> From<'a> {
    fn of(source: &'a Source) -> From<'a> {
        From {
            r#type: &source.kind,
            integration_id: source.integration.as_ref(),
            id: source.client.as_ref(),
            original_message_id: source.original_id.as_ref(),
            original_message_timestamp: source.original_at.map(|at| at.seconds()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Timestamp;
    use crate::wire::v1::views::message;
    use crate::wire::v1::{conversation, sample};

    #[test]
    fn the_frequent_kinds_look_as_all_do() {
        for given in [
            json!({"type": "text", "text": "Hello"}),
            json!({"type": "text", "text": "", "actions": [{"_id": "1", "type": "share"}]}),
            json!({"type": "image", "mediaUrl": "https://example.com/a.png"}),
            json!({"type": "image", "mediaUrl": "https://example.com/a.png", "mediaType": "image/png",
                   "text": "A parcel", "altText": "brown"}),
            json!({"type": "image", "mediaUrl": "https://example.com/a.png", "text": "A parcel",
                   "actions": [{"_id": "1", "type": "share"}]}),
            json!({"type": "file", "mediaUrl": "https://example.com/a.pdf"}),
        ] {
            let given: Content = serde_json::from_value(given).expect("content");
            let shown = serde_json::to_value(Shown(&given)).expect("JSON");
            assert_eq!(shown, Value::from(content(&given)));
        }
    }

    #[test]
    fn a_page_shows_each_message_as_it_is_shown_alone() {
        let ada = Author { email: Some("ada@example.com".into()), ..Author::business() };
        let messages = [
            sample::reply(),
            sample::notified(),
            Message { author: ada, ..sample::notified() },
            Message {
                author: Author {
                    avatar_url: Some("https://example.com/me.png".into()),
                    ..Author::business()
                },
                received: Timestamp::from_millis(1),
                ..sample::notified()
            },
        ];
        let held = conversation(&crate::model::Conversation::default_of(
            &sample::user(),
            sample::user().signed_up_at,
        ));
        let mut page = Page::of(held.clone(), &messages);
        let written = |page: &Page<'_>| serde_json::from_slice::<Value>(&page.written()).expect("JSON");
        let mut expected = json!({"conversation": held, "messages": messages.each_ref().map(message)});
        assert_eq!(written(&page), expected);
        page.next = Some("https://example.com/?after=1.000".into());
        expected["next"] = json!("https://example.com/?after=1.000");
        assert_eq!(written(&page), expected);
    }
}
