//! What the APIs say on the wire: each version a pure view of the one model. Nothing here decides or stores.

mod given;
pub mod v1;
pub mod v2;
mod written;

use crate::model::{Event, Webhook, WebhookVersion};

pub use given::{Invalid, MISSING};

/// The name of an event in a webhook's version; none where that version has no word for it.
pub fn trigger(webhook: &Webhook, event: &Event) -> Option<&'static str> {
    match webhook.version {
        WebhookVersion::V1 => v1::trigger(event),
        WebhookVersion::V2 => v2::trigger(event),
    }
}

/// Every name that a webhook of a version may subscribe to.
pub fn triggers_of(version: WebhookVersion) -> &'static [&'static str] {
    match version {
        WebhookVersion::V1 => v1::TRIGGERS,
        WebhookVersion::V2 => v2::TRIGGERS,
    }
}

/// Whether a webhook wants to hear of an event.
pub fn subscribes(webhook: &Webhook, event: &Event) -> bool {
    let Some(trigger) = trigger(webhook, event) else { return false };
    match webhook.version {
        WebhookVersion::V1 => v1::subscribes(&webhook.triggers, trigger),
        WebhookVersion::V2 => v2::subscribes(&webhook.triggers, trigger),
    }
}

/// Whether several events may go into one post to a webhook.
pub fn gathers(webhook: &Webhook) -> bool {
    webhook.version == WebhookVersion::V2
}

/// What a webhook is told of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event's name in the webhook's version.
    pub trigger: &'static str,
    /// The event's id in the webhook's version: the same in every attempt.
    pub id: String,
    json: String,
}

impl Told {
    /// Bytes it takes of a post.
    pub fn size(&self) -> usize {
        self.json.len()
    }
}

/// What a webhook is told of an event; nothing where its version has no word for it.
pub fn told(webhook: &Webhook, event: &Event) -> Option<Told> {
    let trigger = trigger(webhook, event)?;
    let (id, json) = match webhook.version {
        WebhookVersion::V1 => (event.id.to_string(), v1::payload(webhook, event)),
        WebhookVersion::V2 => (v2::event_id(event), v2::payload(webhook, event)),
    };
    Some(Told { trigger, id, json: json.to_string() })
}

/// One post to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The same whenever the same is posted again.
    pub id: String,
    /// The whole body.
    pub body: String,
}

/// The post that tells a webhook of an event and, where it [`gathers`], of others beside it.
pub fn post<'a>(webhook: &Webhook, told: &'a Told, beside: impl IntoIterator<Item = &'a Told>) -> Post {
    match webhook.version {
        WebhookVersion::V1 => Post { id: told.id.clone(), body: told.json.clone() },
        WebhookVersion::V2 => {
            let all: Vec<&Told> = std::iter::once(told).chain(beside).collect();
            let ids: Vec<&str> = all.iter().map(|told| &*told.id).collect();
            let events: Vec<&str> = all.iter().map(|told| &*told.json).collect();
            Post { id: v2::post_id(&ids), body: v2::envelope(webhook, &events) }
        }
    }
}
