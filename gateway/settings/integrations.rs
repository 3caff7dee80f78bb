//! Integrations that the API makes.

use crate::model::{App, Id, Integration};
use crate::store::{Batch, Expect, Record, SecretRecord, StoreError};

use super::control::Control;
use super::menus::KeptMenu;
use super::{Also, KeyOwner, Settings, SettingsError};

impl SecretRecord for Integration {
    const KIND: &'static str = "integration";
    const SECRET: &'static str = "settings";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// The list of an app's stored integrations.
pub(super) const INTEGRATIONS: &str = "integrations";

impl Settings {
    /// Adds an integration to its app. What `also` adds is committed with it.
    pub async fn create_integration(
        &self,
        integration: Integration,
        also: Also<'_, Integration>,
    ) -> Result<Integration, SettingsError> {
        let mut changes = self.changes().await?;
        let app = integration.app.clone();
        self.tenant(&app).ok_or(SettingsError::NotFound)?;
        let integration =
            Integration { created: changes.moment(self.clock.now()), declared: false, ..integration };
        let mut batch = Batch::new(&app);
        batch.put_sealed(&*self.seal, &integration, Expect::Absent, None);
        batch.append(INTEGRATIONS, integration.created.millis(), integration.id.as_str());
        also(&mut batch, &integration);
        self.commit(&mut changes, batch, &KeyOwner::App(app)).await?;
        Ok(integration)
    }

    /// Changes an integration. The answer has what an operator set over it.
    pub async fn update_integration(
        &self,
        app: &Id<App>,
        id: &Id<Integration>,
        change: impl FnOnce(&mut Integration) + Send,
    ) -> Result<Integration, SettingsError> {
        let mut changes = self.changes().await?;
        self.refuse_declared_integration(app, id)?;
        let read = self.store.load_sealed::<Integration>(app, id.as_str(), &*self.seal).await?;
        let mut read = read.ok_or(SettingsError::NotFound)?;
        change(&mut read.value);
        let mut batch = Batch::new(app);
        batch.put_sealed(&*self.seal, &read.value, Expect::Version(read.version), None);
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        tenant.integration(id).cloned().ok_or(SettingsError::NotFound)
    }

    /// Removes an integration. What is queued for it waits until it expires.
    pub async fn delete_integration(&self, app: &Id<App>, id: &Id<Integration>) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        self.refuse_declared_integration(app, id)?;
        let mut batch = Batch::new(app);
        batch.delete(Integration::KIND, id.as_str());
        batch.delete(Control::KIND, id.as_str());
        batch.delete(KeptMenu::KIND, id.as_str());
        batch.remove(INTEGRATIONS, id.as_str());
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await
    }

    pub(super) async fn stored_integrations(&self, app: &Id<App>) -> Result<Vec<Integration>, StoreError> {
        let ids = self.members(app, INTEGRATIONS).await?;
        let found = self.store.load_all_sealed(app, &ids, &*self.seal).await?;
        Ok(found.into_iter().map(|read| read.value).collect())
    }

    fn refuse_declared_integration(&self, app: &Id<App>, id: &Id<Integration>) -> Result<(), SettingsError> {
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        match tenant.integration(id) {
            None => Err(SettingsError::NotFound),
            Some(integration) if integration.declared => Err(SettingsError::declared("integration", id)),
            Some(_) => Ok(()),
        }
    }
}
