//! Documents with a secret in one of their fields: what is encrypted of them on the way in and out.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Batch, Expect, Key, Store, StoreError, Versioned};
use crate::model::{App, Id, Seal, SealBroken, Timestamp};

/// A document kind of which one field is encrypted. It is no [`Record`](super::Record), so that it cannot be written in
/// the clear.
pub trait SecretRecord: Serialize + DeserializeOwned {
    /// The kind's name in keys.
    const KIND: &'static str;

    /// The field's name.
    const SECRET: &'static str;

    /// The id within its app.
    fn record_id(&self) -> String;
}

impl Batch {
    /// Writes a document with its secret sealed.
    pub fn put_sealed<T: SecretRecord>(
        &mut self,
        seal: &dyn Seal,
        value: &T,
        expect: Expect,
        expires: Option<Timestamp>,
    ) {
        let id = value.record_id();
        let mut body =
            serde_json::to_value(value).expect("a document has no non-text keys and so is always JSON");
        if let Some(secret) = body.get_mut(T::SECRET) {
            *secret = seal.seal(T::KIND, &id, secret);
        }
        self.put(T::KIND, id, &body, expect, expires);
    }
}

impl dyn Store + '_ {
    /// One document with its secret opened.
    pub async fn load_sealed<T: SecretRecord>(
        &self,
        app: &Id<App>,
        id: &str,
        seal: &dyn Seal,
    ) -> Result<Option<Versioned<T>>, StoreError> {
        let mut found = self.load_all_sealed(app, &[id.to_owned()], seal).await?;
        Ok(found.pop())
    }

    /// Those of several documents that are there, in their order, with their secrets opened.
    pub async fn load_all_sealed<T: SecretRecord>(
        &self,
        app: &Id<App>,
        ids: &[String],
        seal: &dyn Seal,
    ) -> Result<Vec<Versioned<T>>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| Key::new(T::KIND, id)).collect();
        let found = self.read(app, &keys).await?;
        let mut read = Vec::new();
        for (id, stored) in ids.iter().zip(found) {
            let Some(stored) = stored else { continue };
            let value = serde_json::from_value(opened::<T>(id, &stored.body, seal)?).map_err(odd::<T>(id))?;
            read.push(Versioned { version: stored.version, value });
        }
        Ok(read)
    }

    /// Seals what stands in the clear in these documents.
    pub async fn seal_stored<T: SecretRecord>(
        &self,
        app: &Id<App>,
        ids: &[String],
        seal: &dyn Seal,
    ) -> Result<(), StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| Key::new(T::KIND, id)).collect();
        let mut batch = Batch::new(app);
        for (id, stored) in ids.iter().zip(self.read(app, &keys).await?) {
            let Some(stored) = stored else { continue };
            let mut body = opened::<T>(id, &stored.body, seal)?;
            if let Some(secret) = body.get_mut(T::SECRET) {
                *secret = seal.seal(T::KIND, id, secret);
            }
            batch.put(T::KIND, id, &body, Expect::Version(stored.version), None);
        }
        if batch.is_empty() { Ok(()) } else { self.commit(batch).await }
    }
}

/// A document with its secret opened.
fn opened<T: SecretRecord>(id: &str, body: &[u8], seal: &dyn Seal) -> Result<Value, StoreError> {
    let mut body: Value = serde_json::from_slice(body).map_err(odd::<T>(id))?;
    if let Some(secret) = body.get_mut(T::SECRET) {
        *secret = seal.open(T::KIND, id, secret.take())?;
    }
    Ok(body)
}

fn odd<T: SecretRecord>(id: &str) -> impl Fn(serde_json::Error) -> StoreError {
    move |error| StoreError::Corrupt(format!("{} {id}: {error}", T::KIND))
}

impl From<SealBroken> for StoreError {
    fn from(broken: SealBroken) -> StoreError {
        StoreError::Corrupt(broken.to_string())
    }
}
