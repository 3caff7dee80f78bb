//! Encryption at rest, as those see it who store secrets.

use std::fmt::Debug;

use serde_json::Value;

/// Encrypts values before they are stored, and decrypts them after. Without a key both leave them as they are.
pub trait Seal: Debug + Send + Sync {
    /// Whether there is a key.
    fn has_key(&self) -> bool;

    /// What is stored in place of a value of this document. It opens under the same kind and id only.
    fn seal(&self, kind: &str, id: &str, value: &Value) -> Value;

    /// The value that was stored; one that was never sealed is itself.
    fn open(&self, kind: &str, id: &str, stored: Value) -> Result<Value, SealBroken>;
}

/// A value that cannot be decrypted, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SealBroken(pub String);
