//! The v2 API: requests read and objects written.

mod account;
mod requests;
mod views;

pub use account::{app, key};
pub use requests::{AppFields, DisplayName, NewUser, UserFields};
pub use views::{
    client, controller, conversation, participant, truncated_conversation, truncated_user, user,
};
