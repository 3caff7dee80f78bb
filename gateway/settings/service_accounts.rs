//! Service accounts: keys that reach every app, given out and taken back through the API.

use crate::model::{Id, ServiceAccount};
use crate::store::{Batch, Record, StoreError, Versioned};

use super::{Also, KeyOwner, Settings, SettingsError, account};

impl Record for ServiceAccount {
    const KIND: &'static str = "serviceaccount";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// The list of the service accounts.
const SERVICE_ACCOUNTS: &str = "serviceaccounts";

impl Settings {
    /// Adds a service account without keys. What `also` adds is committed with it, under the account.
    pub async fn create_service_account(
        &self,
        name: String,
        also: Also<'_, ServiceAccount>,
    ) -> Result<ServiceAccount, SettingsError> {
        let mut changes = self.changes().await?;
        let now = changes.moment(self.clock.now());
        let made = ServiceAccount { id: Id::fresh(now), name, created: now };
        let mut batch = Batch::new(&account());
        batch.insert(&made);
        batch.append(SERVICE_ACCOUNTS, now.millis(), made.id.as_str());
        also(&mut batch, &made);
        self.commit(&mut changes, batch, &KeyOwner::ServiceAccount(made.id.clone())).await?;
        Ok(made)
    }

    /// Every service account, oldest first.
    pub fn service_accounts(&self) -> Vec<ServiceAccount> {
        let mut all: Vec<_> = self.snapshot.load().service_accounts.values().cloned().collect();
        all.sort_by_key(|one| one.created);
        all
    }

    /// One of them.
    pub fn service_account(&self, id: &Id<ServiceAccount>) -> Option<ServiceAccount> {
        self.snapshot.load().service_accounts.get(id).cloned()
    }

    /// Changes a service account.
    pub async fn update_service_account(
        &self,
        id: &Id<ServiceAccount>,
        change: impl FnOnce(&mut ServiceAccount) + Send,
    ) -> Result<ServiceAccount, SettingsError> {
        let mut changes = self.changes().await?;
        let mut read = self.stored_service_account(id).await?.ok_or(SettingsError::NotFound)?;
        change(&mut read.value);
        let mut batch = Batch::new(&account());
        batch.update(&read);
        self.commit(&mut changes, batch, &KeyOwner::ServiceAccount(id.clone())).await?;
        Ok(read.value)
    }

    /// Removes a service account with its keys. The apps made with them stay.
    pub async fn delete_service_account(&self, id: &Id<ServiceAccount>) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        self.service_account(id).ok_or(SettingsError::NotFound)?;
        let owner = KeyOwner::ServiceAccount(id.clone());
        let mut batch = Batch::new(&account());
        batch.delete(ServiceAccount::KIND, id.as_str());
        batch.remove(SERVICE_ACCOUNTS, id.as_str());
        self.delete_keys(&mut batch, &owner).await?;
        self.commit(&mut changes, batch, &owner).await
    }

    pub(super) async fn stored_service_accounts(&self) -> Result<Vec<Id<ServiceAccount>>, StoreError> {
        Ok(self.members(&account(), SERVICE_ACCOUNTS).await?.into_iter().map(Id::new).collect())
    }

    pub(super) async fn stored_service_account(
        &self,
        id: &Id<ServiceAccount>,
    ) -> Result<Option<Versioned<ServiceAccount>>, StoreError> {
        self.store.load(&account(), id.as_str()).await
    }
}
