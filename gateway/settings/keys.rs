//! Keys that the API makes: of apps, of service accounts and of custom integrations.

use heliograph_connectors::channel::Secret;
use serde::{Deserialize, Serialize};

use crate::model::{App, Id, Integration, Key, KeyScope, ServiceAccount, Timestamp};
use crate::store::{Batch, Expect, SecretRecord, StoreError};

use super::{Also, Settings, SettingsError, account, fresh_secret};

/// Keys that whoever has some may have (`reference: Sunshine v1.1, limits`).
pub const KEYS_MAX: usize = 10;

/// The list of the keys of all an app's custom integrations, which lie in the app.
pub(super) const INTEGRATION_KEYS: &str = "keys";

/// Who has keys of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOwner {
    /// An app.
    App(Id<App>),
    /// A service account.
    ServiceAccount(Id<ServiceAccount>),
    /// A custom integration of an app.
    Integration {
        /// The app.
        app: Id<App>,
        /// Which one it is.
        integration: Id<Integration>,
    },
}

impl KeyOwner {
    /// What their keys reach.
    pub fn scope(&self) -> KeyScope {
        match self {
            KeyOwner::App(id) => KeyScope::App(id.clone()),
            KeyOwner::ServiceAccount(id) => KeyScope::ServiceAccount(id.clone()),
            KeyOwner::Integration { app, integration } => {
                KeyScope::Integration { app: app.clone(), integration: integration.clone() }
            }
        }
    }

    /// Where their keys are kept: with a custom integration goes all that lies in its app, in one batch.
    fn home(&self) -> Id<App> {
        match self {
            KeyOwner::App(_) | KeyOwner::ServiceAccount(_) => account(),
            KeyOwner::Integration { app, .. } => app.clone(),
        }
    }

    /// The list of their stored keys, or one they stand in.
    fn list(&self) -> String {
        match self {
            KeyOwner::App(id) => format!("keys:{id}"),
            KeyOwner::ServiceAccount(id) => format!("keys:{id}"),
            KeyOwner::Integration { .. } => INTEGRATION_KEYS.to_owned(),
        }
    }

    fn prefix(&self) -> &'static str {
        match self {
            KeyOwner::App(_) => "app",
            KeyOwner::ServiceAccount(_) => "svc",
            KeyOwner::Integration { .. } => "int",
        }
    }

    fn words(&self) -> &'static str {
        match self {
            KeyOwner::App(_) => "an app",
            KeyOwner::ServiceAccount(_) => "a service account",
            KeyOwner::Integration { .. } => "a custom integration",
        }
    }
}

/// A key as it is kept.
#[derive(Serialize, Deserialize)]
struct StoredKey {
    id: String,
    name: String,
    secret: String,
    scope: KeyScope,
    created: Timestamp,
}

impl SecretRecord for StoredKey {
    const KIND: &'static str = "key";
    const SECRET: &'static str = "secret";

    fn record_id(&self) -> String {
        self.id.clone()
    }
}

impl From<StoredKey> for Key {
    fn from(StoredKey { id, name, secret, scope, created }: StoredKey) -> Key {
        Key { id, name, secret: Secret::new(secret), scope, declared: false, created }
    }
}

impl Settings {
    /// Adds a key with a secret of its own. What `also` adds is committed with it: under the account, or in the
    /// app for a custom integration.
    pub async fn create_key(
        &self,
        owner: &KeyOwner,
        name: String,
        also: Also<'_, Key>,
    ) -> Result<Key, SettingsError> {
        let mut changes = self.changes().await?;
        self.refuse_unknown(owner)?;
        if self.keys_of(owner).len() >= KEYS_MAX {
            return Err(SettingsError::TooMany { owner: owner.words(), most: KEYS_MAX, what: "keys" });
        }
        let now = changes.moment(self.clock.now());
        let id = format!("{}_{}", owner.prefix(), Id::<Key>::fresh(now));
        let stored = StoredKey { id, name, secret: fresh_secret(), scope: owner.scope(), created: now };
        let mut batch = Batch::new(&owner.home());
        batch.put_sealed(&*self.seal, &stored, Expect::Absent, None);
        batch.append(owner.list(), now.millis(), stored.id.as_str());
        let key = Key::from(stored);
        also(&mut batch, &key);
        self.commit(&mut changes, batch, owner).await?;
        Ok(key)
    }

    /// The keys of an owner, oldest first.
    pub fn keys_of(&self, owner: &KeyOwner) -> Vec<Key> {
        let (snapshot, scope) = (self.snapshot.load(), owner.scope());
        let own = snapshot.keys.values().filter(|key| key.scope == scope);
        let mut keys: Vec<Key> = own.map(|key| Key::clone(key)).collect();
        keys.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        keys
    }

    /// Removes a key: it opens nothing from now on.
    pub async fn delete_key(&self, owner: &KeyOwner, id: &str) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        match self.key(id).filter(|key| key.scope == owner.scope()) {
            None => return Err(SettingsError::NotFound),
            Some(key) if key.declared => return Err(SettingsError::declared("key", id)),
            Some(_) => {}
        }
        let mut batch = Batch::new(&owner.home());
        batch.delete(StoredKey::KIND, id);
        batch.remove(owner.list(), id);
        self.commit(&mut changes, batch, owner).await
    }

    pub(super) async fn stored_keys(&self, owner: &KeyOwner) -> Result<Vec<Key>, StoreError> {
        self.keys_in(&owner.home(), &owner.list()).await
    }

    /// The keys of all custom integrations of an app.
    pub(super) async fn stored_integration_keys(&self, app: &Id<App>) -> Result<Vec<Key>, StoreError> {
        self.keys_in(app, INTEGRATION_KEYS).await
    }

    async fn keys_in(&self, home: &Id<App>, list: &str) -> Result<Vec<Key>, StoreError> {
        let ids = self.members(home, list).await?;
        let found = self.store.load_all_sealed::<StoredKey>(home, &ids, &*self.seal).await?;
        Ok(found.into_iter().map(|read| Key::from(read.value)).collect())
    }

    pub(super) async fn seal_keys(&self, owner: &KeyOwner) -> Result<(), StoreError> {
        let ids = self.members(&account(), &owner.list()).await?;
        self.store.seal_stored::<StoredKey>(&account(), &ids, &*self.seal).await
    }

    pub(super) async fn seal_integration_keys(&self, app: &Id<App>) -> Result<(), StoreError> {
        let ids = self.members(app, INTEGRATION_KEYS).await?;
        self.store.seal_stored::<StoredKey>(app, &ids, &*self.seal).await
    }

    /// Adds to a batch of their home that all keys of an owner go.
    pub(super) async fn delete_keys(&self, batch: &mut Batch, owner: &KeyOwner) -> Result<(), StoreError> {
        let scope = owner.scope();
        for key in self.stored_keys(owner).await?.into_iter().filter(|key| key.scope == scope) {
            batch.delete(StoredKey::KIND, &key.id);
            batch.remove(owner.list(), key.id);
        }
        Ok(())
    }

    /// Adds to a batch inside an app that the keys of all its custom integrations go.
    pub(super) async fn delete_integration_keys(
        &self,
        batch: &mut Batch,
        app: &Id<App>,
    ) -> Result<(), StoreError> {
        for id in self.members(app, INTEGRATION_KEYS).await? {
            batch.delete(StoredKey::KIND, &id);
            batch.remove(INTEGRATION_KEYS, id);
        }
        Ok(())
    }

    fn refuse_unknown(&self, owner: &KeyOwner) -> Result<(), SettingsError> {
        let is_known = match owner {
            KeyOwner::App(id) => self.tenant(id).is_some(),
            KeyOwner::ServiceAccount(id) => self.service_account(id).is_some(),
            KeyOwner::Integration { app, integration } => self.known_custom(app, integration).is_ok(),
        };
        if is_known { Ok(()) } else { Err(SettingsError::NotFound) }
    }
}
