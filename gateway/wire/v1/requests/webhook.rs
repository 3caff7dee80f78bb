//! Subscriptions: the same fields make one and change one.

use std::collections::BTreeSet;

use crate::model::WebhookVersion;
use crate::wire::given::{Given, document};
use crate::wire::{Invalid, triggers_of};

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
    /// Reads a request's body. Triggers are those of the webhook's version.
    pub fn parse(body: &[u8], version: WebhookVersion) -> Result<WebhookFields, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        Ok(WebhookFields {
            target: given.optional("target", Given::web_url)?,
            triggers: given.optional("triggers", |given| triggers(given, version))?,
            include_client: given.optional("includeClient", Given::flag)?,
            include_full_app_user: given.optional("includeFullAppUser", Given::flag)?,
        })
    }
}

fn triggers(given: &Given<'_>, version: WebhookVersion) -> Result<BTreeSet<String>, Invalid> {
    given.list()?.iter().map(|name| Ok(name.word(triggers_of(version))?.to_owned())).collect()
}
