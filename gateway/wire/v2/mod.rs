//! The v2 API: requests read and objects written.

mod account;
mod content;
mod html;
mod integration;
mod known;
mod markdown;
mod message;
mod requests;
mod triggers;
mod views;
mod webhook;

pub use account::{app, key};
pub use integration::{INTEGRATION_TYPES, custom, integration};
pub use known::is_client_type;
pub use message::message;
pub use requests::{
    AppFields, ConversationFields, DisplayName, Join, Leave, NewClient, NewConversation, NewCustom,
    NewMessage, NewUser, PostActivity, Said, Speaker, UserFields, WebhookFields,
};
pub use triggers::{TRIGGERS, subscribes};
pub use views::{
    client, controller, conversation, participant, truncated_conversation, truncated_user, user,
};
pub use webhook::webhook;
