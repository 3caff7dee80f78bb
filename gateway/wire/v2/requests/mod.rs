//! What callers of v2 may ask for, one file per request.

mod actions;
mod activity;
mod app;
mod author;
mod client;
mod content;
mod conversation;
mod integration;
mod message;
mod participant;
mod user;
mod webhook;

pub use activity::PostActivity;
pub use app::{AppFields, DisplayName};
pub use author::Speaker;
pub use client::NewClient;
pub use content::Said;
pub use conversation::{ConversationFields, NewConversation};
pub use integration::NewCustom;
pub use message::NewMessage;
pub use participant::{Join, Leave};
pub use user::{NewUser, UserFields};
pub use webhook::WebhookFields;
