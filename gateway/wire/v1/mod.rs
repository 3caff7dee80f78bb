//! The v1.1 API: requests read, objects and webhook payloads written.

mod account;
mod content;
mod events;
mod requests;
mod shorthand;
mod template;
mod views;

pub use account::{app, key, service_account};
pub use events::TRIGGERS;
pub(super) use events::{payload, subscribes, trigger};
pub use requests::{
    AppFields, LinkChannel, MergeUsers, MessageDestination, NameField, Notification, PostMessage, PreCreate,
    ProfileFields, TemplateFields, WebhookFields, message_template,
};
pub use shorthand::{Shorthand, Spoken};
pub use template::template;
pub use views::{app_user, conversation, message, truncated_user, webhook};

#[cfg(test)]
mod sample;
