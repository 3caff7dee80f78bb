//! The v2 API: requests read and objects written.

mod account;
mod requests;
mod triggers;
mod views;

pub use account::{app, key};
pub use requests::{AppFields, DisplayName, NewUser, UserFields};
pub use triggers::{TRIGGERS, subscribes};
pub use views::user;
