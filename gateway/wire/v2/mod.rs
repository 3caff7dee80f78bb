//! The v2 API: requests read and objects written.

mod account;
mod requests;
mod switchboard;
mod views;

pub use account::{app, key};
pub use requests::{
    AppFields, ControlNote, ControlTo, DisplayName, NewUser, SeatFields, SwitchboardFields, UserFields,
};
pub use switchboard::{switchboard, switchboard_integration};
pub use views::{
    client, controller, conversation, participant, truncated_conversation, truncated_user, user,
};
