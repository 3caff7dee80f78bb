//! Heliograph: a channel connector gateway and notification service.

pub mod api;
pub mod channels;
mod cli;
mod commands;
pub mod config;
pub mod core;
#[cfg(feature = "sim")]
mod demo;
pub mod egress;
pub mod media;
pub mod metrics;
pub mod model;
pub mod outbox;
pub mod recorder;
mod run;
pub mod server;
pub mod settings;
#[cfg(feature = "sim")]
pub mod sim;
pub mod spool;
pub mod store;
mod telemetry;
pub mod wire;

pub use cli::cli;
