//! Subscriptions: the same fields make one and change one.

use std::collections::BTreeSet;

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::{Given, document};
use crate::wire::v1::TRIGGERS;

/// `POST …/webhooks` and `PUT …/webhooks/{id}`: what is unset keeps its value, or gets its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookFields {
    /// Where to post.
    pub target: Option<String>,
    /// Trigger names, `*` and `message` among them.
    pub triggers: Option<BTreeSet<String>>,
    /// Whether the client is included where an event has one.
    pub include_client: Option<bool>,
    /// Whether the whole user is included.
    pub include_full_app_user: Option<bool>,
}

impl WebhookFields {
    /// Reads a request's body.
    pub fn parse(body: &[u8], _now: Timestamp) -> Result<WebhookFields, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        Ok(WebhookFields {
            target: given.optional("target", Given::web_url)?,
            triggers: given.optional("triggers", triggers)?,
            include_client: given.optional("includeClient", Given::flag)?,
            include_full_app_user: given.optional("includeFullAppUser", Given::flag)?,
        })
    }
}

fn triggers(given: &Given<'_>) -> Result<BTreeSet<String>, Invalid> {
    given.list()?.iter().map(|name| Ok(name.word(TRIGGERS)?.to_owned())).collect()
}
