//! Channel connectors for Heliograph: the contract every channel fulfils, and the channels themselves.
#![doc = include_str!("README.md")]

pub mod channel;
#[cfg(any(feature = "messenger", feature = "whatsapp"))]
mod meta;
pub mod registry;

#[cfg(feature = "messagebird")]
pub mod messagebird;
#[cfg(feature = "twilio")]
pub mod twilio;

pub use registry::Registry;
