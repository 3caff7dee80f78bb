//! Subscriptions: what makes one, and what changes one.

use std::collections::BTreeSet;

use crate::model::WebhookVersion;
use crate::wire::given::{Given, document};
use crate::wire::{Invalid, triggers_of};

/// `PATCH …/webhooks/{webhook}`: what is unset keeps its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookFields {
    /// Where to post.
    pub target: Option<String>,
    /// Trigger names, `*` among them.
    pub triggers: Option<BTreeSet<String>>,
    /// Whether the whole user is included.
    pub include_full_user: Option<bool>,
    /// Whether the client is included where an event has one.
    pub include_full_source: Option<bool>,
}

impl WebhookFields {
    /// Reads a request's body. Triggers are those of the webhook's version.
    pub fn parse(body: &[u8], version: WebhookVersion) -> Result<WebhookFields, Invalid> {
        let document = document(body)?;
        WebhookFields::read(&Given::root(&document), version)
    }

    /// `POST …/webhooks`: a new one says where to post, and what.
    pub fn parse_new(body: &[u8]) -> Result<WebhookFields, Invalid> {
        let document = document(body)?;
        WebhookFields::read_new(&Given::root(&document))
    }

    pub(super) fn read_new(given: &Given<'_>) -> Result<WebhookFields, Invalid> {
        given.required("target", |_| Ok(()))?;
        given.required("triggers", |_| Ok(()))?;
        WebhookFields::read(given, WebhookVersion::V2)
    }

    fn read(given: &Given<'_>, version: WebhookVersion) -> Result<WebhookFields, Invalid> {
        let triggers = |given: &Given<'_>| {
            given.list()?.iter().map(|name| Ok(name.word(triggers_of(version))?.to_owned())).collect()
        };
        Ok(WebhookFields {
            target: given.optional("target", Given::web_url)?,
            triggers: given.optional("triggers", triggers)?,
            include_full_user: given.optional("includeFullUser", Given::flag)?,
            include_full_source: given.optional("includeFullSource", Given::flag)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn new(body: Value) -> Result<WebhookFields, String> {
        WebhookFields::parse_new(body.to_string().as_bytes()).map_err(|refused| refused.path)
    }

    #[test]
    fn a_new_one_says_where_to_post_and_what() {
        let target = "https://example.com/hook";
        let read = new(json!({"target": target, "triggers": ["*"], "includeFullSource": true}));
        let read = read.expect("a webhook");
        assert_eq!((read.include_full_user, read.include_full_source), (None, Some(true)));
        for (odd, field) in [
            (json!({"triggers": []}), "target"),
            (json!({"target": target}), "triggers"),
            (json!({"target": "example.com", "triggers": []}), "target"),
            (json!({"target": target, "triggers": ["message"]}), "triggers[0]"),
            (json!({"target": target, "triggers": "*"}), "triggers"),
            (json!({"target": target, "triggers": [], "includeFullUser": 1}), "includeFullUser"),
        ] {
            assert_eq!(new(odd).expect_err("it is refused"), field);
        }
    }

    #[test]
    fn a_change_is_in_the_words_of_its_version() {
        let change = br#"{"triggers":["message:appUser"]}"#;
        assert!(WebhookFields::parse(change, WebhookVersion::V1).is_ok());
        assert!(WebhookFields::parse(change, WebhookVersion::V2).is_err());
        assert_eq!(WebhookFields::parse(b"", WebhookVersion::V2).expect("a change").triggers, None);
    }
}
