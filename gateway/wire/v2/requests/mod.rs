//! What callers of v2 may ask for, one file per request.

mod app;
mod client;
mod user;

pub use app::{AppFields, DisplayName};
pub use client::NewClient;
pub use user::{NewUser, UserFields};
