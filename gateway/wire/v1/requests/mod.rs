//! What callers may ask for, one file per request. `now` only dates the ids given to actions, items and fields.

mod actions;
mod answers;
mod integration;
mod link;
mod message;
mod notification;
mod user;
mod webhook;

pub use integration::{IntegrationChange, NewIntegration};
pub use link::LinkChannel;
pub use message::{MessageDestination, PostMessage};
pub use notification::Notification;
pub use user::PreCreate;
pub use webhook::WebhookFields;

#[cfg(test)]
mod tests;
