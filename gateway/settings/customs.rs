//! Custom integrations: those the API makes, with their webhooks and keys in one batch.

use std::sync::Arc;

use crate::model::{App, Custom, Id, Integration, Tenant, Webhook, WebhookVersion};
use crate::store::{Batch, Record, SecretRecord, StoreError, Versioned};

use super::webhooks::WEBHOOKS;
use super::{Also, KeyOwner, Settings, SettingsError, WebhookChange};

impl Record for Custom {
    const KIND: &'static str = "custom";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// The list of an app's stored custom integrations.
pub(super) const CUSTOMS: &str = "customs";

impl Settings {
    /// Adds a custom integration with its first webhook. What `also` adds is committed with them.
    pub async fn create_custom(
        &self,
        app: &Id<App>,
        display_name: Option<String>,
        change: WebhookChange,
        also: Also<'_, (Custom, Webhook)>,
    ) -> Result<(Custom, Webhook), SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        let now = changes.moment(self.clock.now());
        let custom = Custom { id: Id::fresh(now), app: app.clone(), display_name };
        let mut batch = Batch::new(app);
        let of = Some(custom.id.clone());
        let webhook = self.enter_webhook(&mut batch, &tenant, (WebhookVersion::V2, of, now), change)?;
        batch.insert(&custom);
        batch.append(CUSTOMS, now.millis(), custom.id.as_str());
        let made = (custom, webhook);
        also(&mut batch, &made);
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        Ok(made)
    }

    /// Calls a custom integration by another name, or by none.
    pub async fn rename_custom(
        &self,
        app: &Id<App>,
        id: &Id<Integration>,
        name: Option<String>,
    ) -> Result<Custom, SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.known_custom(app, id)?;
        let mut batch = Batch::new(app);
        match self.stored_custom(app, id).await? {
            Some(mut read) => {
                read.value.display_name = name;
                batch.update(&read);
            }
            // It is a webhook's own.
            None => {
                let first = tenant.webhooks_of(id).next().ok_or(SettingsError::NotFound)?;
                self.enter_change(&mut batch, first, |webhook| webhook.name = name).await?;
            }
        }
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        self.known_custom(app, id)?.custom(id).ok_or(SettingsError::NotFound)
    }

    /// Removes a custom integration with its webhooks and its keys, which open nothing from now on.
    pub async fn delete_custom(&self, app: &Id<App>, id: &Id<Integration>) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.known_custom(app, id)?;
        self.refuse_seated(app, id)?;
        let mut batch = Batch::new(app);
        for webhook in tenant.webhooks_of(id) {
            if webhook.declared {
                return Err(SettingsError::declared("webhook", &webhook.id));
            }
            batch.delete(Webhook::KIND, webhook.id.as_str());
            batch.remove(WEBHOOKS, webhook.id.as_str());
        }
        let owner = KeyOwner::Integration { app: app.clone(), integration: id.clone() };
        self.delete_keys(&mut batch, &owner).await?;
        batch.delete(Custom::KIND, id.as_str());
        batch.remove(CUSTOMS, id.as_str());
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await
    }

    /// The tenant, in which this custom integration is known.
    pub(super) fn known_custom(
        &self,
        app: &Id<App>,
        id: &Id<Integration>,
    ) -> Result<Arc<Tenant>, SettingsError> {
        let tenant = self.tenant(app).filter(|tenant| tenant.custom(id).is_some());
        tenant.ok_or(SettingsError::NotFound)
    }

    pub(super) async fn stored_customs(&self, app: &Id<App>) -> Result<Vec<Custom>, StoreError> {
        let ids = self.members(app, CUSTOMS).await?;
        let found = self.store.load_all::<Custom>(app, &ids).await?;
        Ok(found.into_iter().flatten().map(|read| read.value).collect())
    }

    async fn stored_custom(
        &self,
        app: &Id<App>,
        id: &Id<Integration>,
    ) -> Result<Option<Versioned<Custom>>, StoreError> {
        self.store.load(app, id.as_str()).await
    }
}
