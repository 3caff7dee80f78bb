//! What callers of v2 may ask for, one file per request.

mod app;
mod user;

pub use app::{AppFields, DisplayName};
pub use user::{NewUser, UserFields};
