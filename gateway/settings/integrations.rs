//! Integrations that the API makes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{App, Id, Integration, NewJob};
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

/// How long the credentials of a removed integration are kept for what must be taken down with them.
const PARTING_TIME: Duration = Duration::from_secs(60 * 60);

/// An integration that was removed and shows something yet.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Parting(Integration);

impl SecretRecord for Parting {
    const KIND: &'static str = "parting";
    const SECRET: &'static str = Integration::SECRET;

    fn record_id(&self) -> String {
        self.0.record_id()
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

    /// Changes an integration. The answer has what an operator set over it. What `also` adds is committed with it.
    pub async fn update_integration(
        &self,
        app: &Id<App>,
        id: &Id<Integration>,
        change: impl FnOnce(&mut Integration) + Send,
        also: &(dyn Fn(&mut Batch) + Sync),
    ) -> Result<Integration, SettingsError> {
        let mut changes = self.changes().await?;
        self.refuse_declared_integration(app, id)?;
        let read = self.store.load_sealed::<Integration>(app, id.as_str(), &*self.seal).await?;
        let mut read = read.ok_or(SettingsError::NotFound)?;
        change(&mut read.value);
        let mut batch = Batch::new(app);
        batch.put_sealed(&*self.seal, &read.value, Expect::Version(read.version), None);
        also(&mut batch);
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        tenant.integration(id).cloned().ok_or(SettingsError::NotFound)
    }

    /// Removes an integration. What is queued for it waits until it expires; `last` is the work that takes down what
    /// it shows, for which its credentials are kept a while.
    pub async fn delete_integration(
        &self,
        app: &Id<App>,
        id: &Id<Integration>,
        last: Option<NewJob>,
    ) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        self.refuse_declared_integration(app, id)?;
        self.refuse_seated(app, id)?;
        let mut batch = Batch::new(app);
        if let Some(last) = last
            && let Some(integration) = self.integration_now(app, id).await?
        {
            let until = Some(self.clock.now() + PARTING_TIME);
            batch.put_sealed(&*self.seal, &Parting(integration), Expect::Anything, until);
            batch.job(last);
        }
        batch.delete(Integration::KIND, id.as_str());
        batch.delete(Control::KIND, id.as_str());
        batch.delete(KeptMenu::KIND, id.as_str());
        batch.remove(INTEGRATIONS, id.as_str());
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await
    }

    /// An integration as it is at this moment, whatever was read of it before.
    pub async fn integration_now(
        &self,
        app: &Id<App>,
        id: &Id<Integration>,
    ) -> Result<Option<Integration>, StoreError> {
        let tenant = self.tenant(app);
        let known = tenant.as_ref().and_then(|tenant| tenant.integration(id));
        if let Some(declared) = known.filter(|integration| integration.declared) {
            return Ok(Some(declared.clone()));
        }
        let found = self.store.load_sealed::<Integration>(app, id.as_str(), &*self.seal).await?;
        Ok(found.map(|read| read.value))
    }

    /// An integration that was removed, while its credentials are kept.
    pub async fn parting(
        &self,
        app: &Id<App>,
        id: &Id<Integration>,
    ) -> Result<Option<Integration>, StoreError> {
        let found = self.store.load_sealed::<Parting>(app, id.as_str(), &*self.seal).await?;
        Ok(found.map(|read| read.value.0))
    }

    /// Forgets a removed integration for good, with the batch.
    pub fn part(&self, id: &Id<Integration>, batch: &mut Batch) {
        batch.delete(Parting::KIND, id.as_str());
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
