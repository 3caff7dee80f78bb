//! The v2 API: requests read and objects written.

mod account;
mod content;
mod html;
mod known;
mod markdown;
mod message;
mod requests;
mod triggers;
mod views;

pub use account::{app, key};
pub use known::is_client_type;
pub use message::message;
pub use requests::{
    AppFields, ConversationFields, DisplayName, Join, Leave, NewClient, NewConversation, NewMessage, NewUser,
    PostActivity, Said, Speaker, UserFields,
};
pub use triggers::{TRIGGERS, subscribes};
pub use views::{
    client, controller, conversation, participant, truncated_conversation, truncated_user, user,
};
