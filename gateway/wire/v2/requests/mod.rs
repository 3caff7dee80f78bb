//! What callers of v2 may ask for, one file per request.

mod app;
mod control;
mod integration;
mod switchboard;
mod user;
mod webhook;

pub use app::{AppFields, DisplayName};
pub use control::{ControlNote, ControlTo};
pub use integration::NewCustom;
pub use switchboard::{SeatFields, SwitchboardFields};
pub use user::{NewUser, UserFields};
pub use webhook::WebhookFields;
