//! Channel connectors for Heliograph: the contract every channel fulfils, and the channels themselves.
#![doc = include_str!("README.md")]

pub mod channel;
#[cfg(any(feature = "messenger", feature = "whatsapp"))]
mod meta;
pub mod registry;

#[cfg(feature = "mailgun")]
pub mod mailgun;
#[cfg(feature = "messagebird")]
pub mod messagebird;
#[cfg(feature = "messenger")]
pub mod messenger;
#[cfg(feature = "twilio")]
pub mod twilio;
#[cfg(feature = "whatsapp")]
pub mod whatsapp;

pub use registry::Registry;
