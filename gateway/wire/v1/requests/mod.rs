//! What callers may ask for, one file per request. `now` only dates the ids given to actions, items and fields.

mod actions;
mod answers;
mod conversation;
mod link;
mod message;
mod notification;
mod user;
mod webhook;

pub use conversation::{ConversationActivity, PostPostback};
pub use link::LinkChannel;
pub use message::{MessageDestination, PostMessage};
pub use notification::Notification;
pub use user::PreCreate;
pub use webhook::WebhookFields;

#[cfg(test)]
mod tests;
