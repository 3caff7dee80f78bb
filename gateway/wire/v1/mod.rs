//! The v1.1 API: requests read, objects and webhook payloads written.

mod content;
mod deployment;
mod events;
mod integration;
mod menu;
mod requests;
mod views;

pub use deployment::{as_deployment, deployment};
pub use events::TRIGGERS;
pub(super) use events::{payload, subscribes, trigger};
pub use integration::integration;
pub use menu::menu;
pub use requests::{IntegrationChange, NewDeployment, NewIntegration};
pub use requests::{
    LinkChannel, MessageDestination, Notification, PostMessage, PreCreate, WebhookFields, parse_business,
    parse_menu,
};
pub use views::{app_user, conversation, message, truncated_user, webhook};

#[cfg(test)]
mod sample;
