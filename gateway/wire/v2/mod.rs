//! The v2 API: requests read and objects written.

mod account;
mod integration;
mod requests;
mod triggers;
mod views;
mod webhook;

pub use account::{app, key};
pub use integration::{INTEGRATION_TYPES, custom, integration};
pub use requests::{AppFields, DisplayName, NewCustom, NewUser, UserFields, WebhookFields};
pub use triggers::{TRIGGERS, subscribes};
pub use views::{
    client, controller, conversation, participant, truncated_conversation, truncated_user, user,
};
pub use webhook::webhook;
