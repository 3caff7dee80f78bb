//! Twilio SMS and MMS.

use std::sync::Arc;

use crate::channel::{Channel, Problem, Settings};

/// Builds the channel from its settings.
pub fn build(_settings: Settings<'_>) -> Result<Arc<dyn Channel>, Vec<Problem>> {
    Err(Vec::new())
}
