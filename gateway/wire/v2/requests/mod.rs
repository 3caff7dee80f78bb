//! What callers of v2 may ask for, one file per request.

mod actions;
mod activity;
mod app;
mod author;
mod client;
mod content;
mod control;
mod conversation;
mod integration;
mod message;
mod notification;
mod participant;
mod switchboard;
mod user;
mod webhook;

pub use activity::PostActivity;
pub use app::{AppFields, DisplayName};
pub use author::Speaker;
pub use client::NewClient;
pub use content::Said;
pub use control::{ControlNote, ControlTo};
pub use conversation::{ConversationFields, NewConversation};
pub use integration::NewCustom;
pub use message::NewMessage;
pub use notification::NewNotification;
pub use participant::{Join, Leave};
pub use switchboard::{SeatFields, SwitchboardFields};
pub use user::{NewUser, UserFields};
pub use webhook::WebhookFields;
