//! Heliograph: a channel connector gateway and notification service.

pub mod channels;
pub mod config;
pub mod core;
pub mod egress;
pub mod model;
pub mod outbox;
pub mod settings;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store;
pub mod wire;
