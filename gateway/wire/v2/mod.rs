//! The v2 API: requests read and objects written.

mod account;
mod client;
mod requests;
mod views;

pub use account::{app, key};
pub use client::{client, is_client_type};
pub use requests::{AppFields, DisplayName, NewClient, NewUser, UserFields};
pub use views::user;
