//! Webhooks: those the API makes, in the store, and the secrets of those the file declares without one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{App, Id, Integration, Tenant, Timestamp, Webhook, WebhookVersion};
use crate::store::{Batch, Expect, SecretRecord, StoreError};

use super::{Also, KeyOwner, Settings, SettingsError, fresh_secret};

/// Webhooks an app may have (`reference: Sunshine v1.1, limits`).
pub const WEBHOOKS_MAX: usize = 10;

/// A webhook as a caller describes it; what is `None` stays as it is, or takes its default.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// Where to post.
    pub target: Option<String>,
    /// What to be told.
    pub triggers: Option<BTreeSet<String>>,
    /// Whether the client is included.
    pub include_client: Option<bool>,
    /// Whether the whole user is included.
    pub include_full_user: Option<bool>,
}

impl SecretRecord for Webhook {
    const KIND: &'static str = "webhook";
    const SECRET: &'static str = "secret";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// The list of an app's stored webhooks.
pub(super) const WEBHOOKS: &str = "webhooks";

/// A generated secret that outlives restarts.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptSecret {
    /// Absent in documents of older versions.
    #[serde(default)]
    name: String,
    secret: String,
}

impl KeptSecret {
    /// Under what a declared webhook's secret is kept.
    pub(super) fn name_for(webhook: &Webhook) -> String {
        format!("webhook:{}", webhook.id)
    }
}

impl SecretRecord for KeptSecret {
    const KIND: &'static str = "secret";
    const SECRET: &'static str = "secret";

    fn record_id(&self) -> String {
        self.name.clone()
    }
}

impl Settings {
    /// Adds a subscription that is its own custom integration. `change.target` must be there. What `also` adds is
    /// committed with it.
    pub async fn create_webhook(
        &self,
        app: &Id<App>,
        version: WebhookVersion,
        change: WebhookChange,
        also: Also<'_, Webhook>,
    ) -> Result<Webhook, SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        let now = changes.moment(self.clock.now());
        let mut batch = Batch::new(app);
        let webhook = self.enter_webhook(&mut batch, &tenant, (version, None, now), change)?;
        also(&mut batch, &webhook);
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        Ok(webhook)
    }

    /// Adds a subscription to a custom integration.
    pub async fn create_webhook_of(
        &self,
        app: &Id<App>,
        integration: &Id<Integration>,
        change: WebhookChange,
        also: Also<'_, Webhook>,
    ) -> Result<Webhook, SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.known_custom(app, integration)?;
        let now = changes.moment(self.clock.now());
        let of = (WebhookVersion::V2, Some(integration.clone()), now);
        let mut batch = Batch::new(app);
        let webhook = self.enter_webhook(&mut batch, &tenant, of, change)?;
        also(&mut batch, &webhook);
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        Ok(webhook)
    }

    /// Enters a new subscription into a batch, unless the app has as many as it may have.
    pub(super) fn enter_webhook(
        &self,
        batch: &mut Batch,
        tenant: &Tenant,
        (version, integration, now): (WebhookVersion, Option<Id<Integration>>, Timestamp),
        change: WebhookChange,
    ) -> Result<Webhook, SettingsError> {
        if tenant.webhooks.len() >= WEBHOOKS_MAX {
            return Err(SettingsError::TooMany { owner: "an app", most: WEBHOOKS_MAX, what: "webhooks" });
        }
        let webhook = Webhook {
            id: Id::fresh(now),
            app: tenant.app.id.clone(),
            target: change.target.unwrap_or_default(),
            triggers: change.triggers.unwrap_or_else(|| BTreeSet::from(["message".to_owned()])),
            secret: fresh_secret(),
            version,
            include_client: change.include_client.unwrap_or(false),
            include_full_user: change.include_full_user.unwrap_or(false),
            integration,
            name: None,
            declared: false,
        };
        batch.put_sealed(&*self.seal, &webhook, Expect::Absent, None);
        batch.append(WEBHOOKS, now.millis(), webhook.id.as_str());
        Ok(webhook)
    }

    /// Changes a subscription.
    pub async fn update_webhook(
        &self,
        app: &Id<App>,
        id: &Id<Webhook>,
        change: WebhookChange,
    ) -> Result<Webhook, SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        let webhook = tenant.webhook(id).ok_or(SettingsError::NotFound)?;
        let mut batch = Batch::new(app);
        let apply = |webhook: &mut Webhook| {
            webhook.target = change.target.unwrap_or_else(|| webhook.target.clone());
            webhook.triggers = change.triggers.unwrap_or_else(|| webhook.triggers.clone());
            webhook.include_client = change.include_client.unwrap_or(webhook.include_client);
            webhook.include_full_user = change.include_full_user.unwrap_or(webhook.include_full_user);
        };
        let changed = self.enter_change(&mut batch, webhook, apply).await?;
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        Ok(changed)
    }

    /// Enters a change of a subscription into a batch, unless the file declares it.
    pub(super) async fn enter_change(
        &self,
        batch: &mut Batch,
        webhook: &Webhook,
        change: impl FnOnce(&mut Webhook),
    ) -> Result<Webhook, SettingsError> {
        refuse_declared(webhook)?;
        let read = self.store.load_sealed::<Webhook>(&webhook.app, webhook.id.as_str(), &*self.seal).await?;
        let mut read = read.ok_or(SettingsError::NotFound)?;
        change(&mut read.value);
        batch.put_sealed(&*self.seal, &read.value, Expect::Version(read.version), None);
        Ok(read.value)
    }

    /// Removes a subscription. What is on its way to it is dropped when its turn comes. The last one of a custom
    /// integration that was made as such stays; where it is its own, the keys of that go with it.
    pub async fn delete_webhook(&self, app: &Id<App>, id: &Id<Webhook>) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        let webhook = tenant.webhook(id).ok_or(SettingsError::NotFound)?;
        refuse_declared(webhook)?;
        let owner = webhook.owner();
        let is_last = tenant.webhooks_of(&owner).count() == 1;
        if is_last && tenant.customs.iter().any(|custom| custom.id == owner) {
            return Err(SettingsError::LastWebhook);
        }
        if is_last {
            self.refuse_seated(app, &owner)?;
        }
        let mut batch = Batch::new(app);
        batch.delete(Webhook::KIND, id.as_str());
        batch.remove(WEBHOOKS, id.as_str());
        if is_last {
            let owner = KeyOwner::Integration { app: app.clone(), integration: owner };
            self.delete_keys(&mut batch, &owner).await?;
        }
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await
    }

    /// Removes a subscription of a custom integration, which keeps at least one.
    pub async fn delete_webhook_of(
        &self,
        app: &Id<App>,
        integration: &Id<Integration>,
        id: &Id<Webhook>,
    ) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.known_custom(app, integration)?;
        let webhook = tenant.webhooks_of(integration).find(|webhook| webhook.id == *id);
        refuse_declared(webhook.ok_or(SettingsError::NotFound)?)?;
        if tenant.webhooks_of(integration).count() == 1 {
            return Err(SettingsError::LastWebhook);
        }
        let mut batch = Batch::new(app);
        batch.delete(Webhook::KIND, id.as_str());
        batch.remove(WEBHOOKS, id.as_str());
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await
    }

    pub(super) async fn stored_webhooks(&self, app: &Id<App>) -> Result<Vec<Webhook>, StoreError> {
        let ids = self.members(app, WEBHOOKS).await?;
        let found = self.store.load_all_sealed(app, &ids, &*self.seal).await?;
        Ok(found.into_iter().map(|read| read.value).collect())
    }

    /// The secret kept for a declared webhook, made on first sight.
    pub(super) async fn kept_secret(&self, webhook: &Webhook) -> Result<String, StoreError> {
        let (app, name) = (&webhook.app, KeptSecret::name_for(webhook));
        loop {
            if let Some(kept) = self.store.load_sealed::<KeptSecret>(app, &name, &*self.seal).await? {
                return Ok(kept.value.secret);
            }
            let mut batch = Batch::new(app);
            let kept = KeptSecret { name: name.clone(), secret: fresh_secret() };
            batch.put_sealed(&*self.seal, &kept, Expect::Absent, None);
            match self.store.commit(batch).await {
                // Another node was first: its secret counts.
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn refuse_declared(webhook: &Webhook) -> Result<(), SettingsError> {
    match webhook.declared {
        true => Err(SettingsError::declared("webhook", &webhook.id)),
        false => Ok(()),
    }
}
