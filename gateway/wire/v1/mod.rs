//! The v1.1 API: requests read, objects and webhook payloads written.

mod content;
mod events;
mod requests;
mod views;

pub use events::TRIGGERS;
pub(super) use events::{payload, subscribes, trigger};
pub use requests::{
    ConversationActivity, LinkChannel, MessageDestination, Notification, PostMessage, PostPostback,
    PreCreate, WebhookFields,
};
pub use views::{app_user, conversation, message, truncated_user, webhook};

#[cfg(test)]
mod sample;
