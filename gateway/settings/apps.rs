//! Apps that the API makes.

use crate::model::{App, Custom, Id, Integration, NewJob, Switchboard, Webhook};
use crate::store::{Batch, Record, SecretRecord, StoreError, Versioned};

use super::control::Control;
use super::customs::CUSTOMS;
use super::integrations::INTEGRATIONS;
use super::menus::{KeptMenu, OF_APP};
use super::webhooks::WEBHOOKS;
use super::{Also, KeyOwner, Settings, SettingsError, account};

impl Record for App {
    const KIND: &'static str = "app";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// The list of the stored apps.
const APPS: &str = "apps";

impl Settings {
    /// Adds an app. What `also` adds is committed with it, under the account.
    pub async fn create_app(&self, app: App, also: Also<'_, App>) -> Result<App, SettingsError> {
        let mut changes = self.changes().await?;
        let app = App { created: changes.moment(self.clock.now()), declared: false, ..app };
        let mut batch = Batch::new(&account());
        batch.insert(&app);
        batch.append(APPS, app.created.millis(), app.id.as_str());
        also(&mut batch, &app);
        self.commit(&mut changes, batch, &KeyOwner::App(app.id.clone())).await?;
        Ok(app)
    }

    /// Changes an app.
    pub async fn update_app(
        &self,
        id: &Id<App>,
        change: impl FnOnce(&mut App) + Send,
    ) -> Result<App, SettingsError> {
        let mut changes = self.changes().await?;
        self.refuse_declared_app(id)?;
        let read = self.store.load::<App>(&account(), id.as_str()).await?;
        let mut read = read.ok_or(SettingsError::NotFound)?;
        change(&mut read.value);
        let mut batch = Batch::new(&account());
        batch.update(&read);
        self.commit(&mut changes, batch, &KeyOwner::App(id.clone())).await?;
        Ok(read.value)
    }

    /// Removes an app with its keys, integrations and webhooks. All else that is kept for it follows soon.
    pub async fn delete_app(&self, id: &Id<App>) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        self.refuse_declared_app(id)?;
        let mut inside = Batch::new(id);
        inside.delete(KeptMenu::KIND, OF_APP);
        inside.delete(Switchboard::KIND, id.as_str());
        // It waits until the app is gone, which is another batch.
        inside.job(NewJob::erase_app(id, self.clock.now()));
        for integration in self.members(id, INTEGRATIONS).await? {
            inside.delete(Integration::KIND, &integration);
            inside.delete(Control::KIND, &integration);
            inside.delete(KeptMenu::KIND, &integration);
            inside.remove(INTEGRATIONS, integration);
        }
        for webhook in self.members(id, WEBHOOKS).await? {
            inside.delete(Webhook::KIND, &webhook);
            inside.remove(WEBHOOKS, webhook);
        }
        for custom in self.members(id, CUSTOMS).await? {
            inside.delete(Custom::KIND, &custom);
            inside.remove(CUSTOMS, custom);
        }
        self.delete_integration_keys(&mut inside, id).await?;
        // First what lies in it: if this ends half way, the app is still there to be deleted.
        self.write(&mut changes, inside).await?;
        let owner = KeyOwner::App(id.clone());
        let mut batch = Batch::new(&account());
        batch.delete(App::KIND, id.as_str());
        batch.remove(APPS, id.as_str());
        self.delete_keys(&mut batch, &owner).await?;
        self.commit(&mut changes, batch, &owner).await
    }

    /// The ids of the apps the store has.
    pub(super) async fn stored_apps(&self) -> Result<Vec<Id<App>>, StoreError> {
        Ok(self.members(&account(), APPS).await?.into_iter().map(Id::new).collect())
    }

    pub(super) async fn stored_app(&self, id: &Id<App>) -> Result<Option<Versioned<App>>, StoreError> {
        self.store.load(&account(), id.as_str()).await
    }

    fn refuse_declared_app(&self, id: &Id<App>) -> Result<(), SettingsError> {
        match self.tenant(id) {
            None => Err(SettingsError::NotFound),
            Some(tenant) if tenant.app.declared => Err(SettingsError::declared("app", id)),
            Some(_) => Ok(()),
        }
    }
}
