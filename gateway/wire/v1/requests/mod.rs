//! What callers may ask for, one file per request. `now` only dates the ids given to actions, items and fields.

mod actions;
mod answers;
mod business_profile;
mod deployment;
mod integration;
mod link;
mod menu;
mod message;
mod notification;
mod user;
mod webhook;

pub use business_profile::parse as parse_business;
pub use deployment::NewDeployment;
pub use integration::{IntegrationChange, NewIntegration};
pub use link::LinkChannel;
pub use menu::parse as parse_menu;
pub use message::{MessageDestination, PostMessage};
pub use notification::Notification;
pub use user::PreCreate;
pub use webhook::WebhookFields;

#[cfg(test)]
mod tests;
