//! What callers of v2 may ask for, one file per request.

mod app;
mod integration;
mod user;
mod webhook;

pub use app::{AppFields, DisplayName};
pub use integration::NewCustom;
pub use user::{NewUser, UserFields};
pub use webhook::WebhookFields;
