//! The Redis engine.
use std::sync::Arc;

use super::StoreError;
use crate::model::Clock;

/// The Redis engine.
#[derive(Debug)]
pub struct RedisStore {}
impl RedisStore {
    /// Opens it.
    pub async fn open(_url: &str, _shards: u16, _clock: Arc<dyn Clock>) -> Result<RedisStore, StoreError> {
        Ok(RedisStore {})
    }
}
