//! Heliograph: a channel connector gateway and notification service.

pub mod model;
pub mod store;
