//! What callers may ask for, one file per request. `now` only dates the ids given to actions, items and fields.

mod actions;
mod answers;
mod link;
mod merge;
mod message;
mod notification;
mod profile;
mod user;
mod webhook;

pub use link::LinkChannel;
pub use merge::MergeUsers;
pub use message::{MessageDestination, PostMessage};
pub use notification::Notification;
pub use profile::ProfileFields;
pub use user::PreCreate;
pub use webhook::WebhookFields;

#[cfg(test)]
mod tests;
