//! What callers of v2 may ask for, one file per request.

mod app;
mod control;
mod switchboard;
mod user;

pub use app::{AppFields, DisplayName};
pub use control::{ControlNote, ControlTo};
pub use switchboard::{SeatFields, SwitchboardFields};
pub use user::{NewUser, UserFields};
