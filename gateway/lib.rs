//! The gateway: everything of Heliograph but the connectors.

#[cfg(feature = "sim")]
pub mod sim;
