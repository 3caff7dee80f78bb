//! The v2 API: requests read and objects written.

mod account;
mod known;
mod requests;
mod views;

pub use account::{app, key};
pub use known::is_client_type;
pub use requests::{AppFields, DisplayName, NewClient, NewUser, UserFields};
pub use views::{
    client, controller, conversation, participant, truncated_conversation, truncated_user, user,
};
