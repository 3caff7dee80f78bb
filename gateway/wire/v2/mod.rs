//! The v2 API: requests read and objects written.

mod account;
mod html;
mod markdown;
mod requests;
mod views;

pub use account::{app, key};
pub use requests::{
    AppFields, ConversationFields, DisplayName, Join, Leave, NewConversation, NewMessage, NewUser,
    PostActivity, Said, Speaker, UserFields,
};
pub use views::{
    client, controller, conversation, participant, truncated_conversation, truncated_user, user,
};
