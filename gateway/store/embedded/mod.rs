//! The embedded engine: SQLite in one directory, one writer with group commit.
use std::sync::Arc;

use super::StoreError;
use crate::model::Clock;

/// The embedded engine.
#[derive(Debug)]
pub struct Embedded {}
impl Embedded {
    /// Opens it.
    pub fn open(_place: &str, _clock: Arc<dyn Clock>) -> Result<Embedded, StoreError> {
        Ok(Embedded {})
    }
}
