//! What callers of v2 may ask for, one file per request.

mod app;
mod switchboard;
mod user;

pub use app::{AppFields, DisplayName};
pub use switchboard::{SeatFields, SwitchboardFields};
pub use user::{NewUser, UserFields};
