//! What callers may ask for, one file per request. `now` only dates the ids given to actions, items and fields.

mod actions;
mod answers;
mod app;
mod attachment;
mod business_profile;
mod conversation;
mod deployment;
mod integration;
mod link;
mod menu;
mod merge;
mod message;
mod message_template;
mod named;
mod notification;
mod profile;
mod template;
mod user;
mod webhook;

pub(super) use actions::MESSAGE_ACTIONS_MAX;
pub(in crate::wire) use actions::{address, are_mixable, cents, currency, extra_options};
pub use app::AppFields;
pub(in crate::wire) use app::{SettingsFields, metadata as app_metadata};
pub use attachment::AttachmentAddress;
pub use business_profile::parse as parse_business;
pub use conversation::{ConversationActivity, PostPostback};
pub use deployment::NewDeployment;
pub use integration::{IntegrationChange, NewIntegration};
pub use link::LinkChannel;
pub(in crate::wire) use link::{confirmation, first_message};
pub use menu::parse as parse_menu;
pub use merge::MergeUsers;
pub use message::{MessageDestination, PostMessage};
pub(in crate::wire) use message::{aspect, fresh, location, overrides};
pub use message_template::message_template;
pub use named::NameField;
pub(in crate::wire) use notification::Address;
pub use notification::{Notification, When};
pub use profile::ProfileFields;
pub use template::TemplateFields;
pub use user::PreCreate;
pub use webhook::WebhookFields;

#[cfg(test)]
mod tests;
