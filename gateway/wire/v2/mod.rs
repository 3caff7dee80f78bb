//! The v2 API: requests read and objects written.

mod account;
mod content;
mod events;
mod html;
mod integration;
mod known;
mod markdown;
mod message;
mod requests;
mod switchboard;
mod triggers;
mod views;
mod webhook;

pub use account::{app, key};
pub(super) use events::{envelope, event_id, payload, post_id, trigger};
pub use integration::{INTEGRATION_TYPES, custom, integration};
pub use known::is_client_type;
pub use message::message;
pub use requests::{
    AppFields, ControlNote, ControlTo, ConversationFields, DisplayName, Join, Leave, NewClient,
    NewConversation, NewCustom, NewMessage, NewNotification, NewUser, PostActivity, Said, SeatFields,
    Speaker, SwitchboardFields, UserFields, WebhookFields,
};
pub use switchboard::{default_responder, switchboard, switchboard_integration};
pub use triggers::{TRIGGERS, subscribes};
pub use views::{
    client, controller, conversation, participant, truncated_conversation, truncated_user, user,
};
pub use webhook::webhook;
