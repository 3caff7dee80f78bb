//! What the APIs say on the wire: each version a pure view of the one model. Nothing here decides or stores.

mod given;
pub mod v1;
pub mod v2;
mod written;

use crate::model::{Event, Webhook, WebhookVersion};

pub use given::{Invalid, MISSING};

/// Whether a webhook wants to hear of an event. A webhook made by v2 hears nothing yet.
pub fn subscribes(webhook: &Webhook, event: &Event) -> bool {
    match webhook.version {
        WebhookVersion::V1 => {
            v1::trigger(event).is_some_and(|trigger| v1::subscribes(&webhook.triggers, trigger))
        }
        WebhookVersion::V2 => false,
    }
}

/// Every name that a webhook of a version may subscribe to.
pub fn triggers_of(version: WebhookVersion) -> &'static [&'static str] {
    match version {
        WebhookVersion::V1 => v1::TRIGGERS,
        WebhookVersion::V2 => v2::TRIGGERS,
    }
}

/// What a webhook is posted.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// The event's name in the webhook's version.
    pub trigger: &'static str,
    /// The whole body.
    pub body: serde_json::Value,
}

/// The payload that tells a webhook of an event; none where its version has no word for it.
pub fn payload(webhook: &Webhook, event: &Event) -> Option<Payload> {
    Some(Payload { trigger: v1::trigger(event)?, body: v1::payload(webhook, event) })
}
