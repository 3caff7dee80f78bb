//! Heliograph: a channel connector gateway and notification service.

pub mod api;
pub mod channels;
pub mod core;
pub mod model;
pub mod server;
pub mod settings;
pub mod store;
pub mod wire;
