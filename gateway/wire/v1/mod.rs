//! The v1.1 API: requests read, objects and webhook payloads written.

mod account;
mod content;
mod deployment;
mod events;
mod integration;
mod menu;
mod requests;
mod said;
mod shorthand;
mod template;
mod views;

pub(super) use account::settings;
pub use account::{app, key, service_account};
pub use deployment::{as_deployment, deployment};
pub use events::TRIGGERS;
pub(super) use events::{payload, subscribes, trigger};
pub use integration::integration;
pub(super) use integration::shown_settings;
pub use menu::menu;
pub(super) use requests::{
    Address, SettingsFields, address, app_metadata, are_mixable, aspect, cents, confirmation, currency,
    extra_options, first_message, fresh, location, overrides,
};
pub use requests::{
    AppFields, AttachmentAddress, ConversationActivity, IntegrationChange, LinkChannel, MergeUsers,
    MessageDestination, NameField, NewDeployment, NewIntegration, Notification, PostMessage, PostPostback,
    PreCreate, ProfileFields, TemplateFields, WebhookFields, When, message_template, parse_business,
    parse_menu,
};
pub use said::Page;
pub use shorthand::{Shorthand, Spoken};
pub use template::template;
pub(in crate::wire) use views::identities;
pub use views::{app_user, conversation, message, truncated_user, webhook};

#[cfg(test)]
pub(in crate::wire) mod sample;
