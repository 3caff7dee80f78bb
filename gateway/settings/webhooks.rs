//! Webhooks: those the API makes, in the store, and the secrets of those the file declares without one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{App, Id, Webhook, WebhookVersion};
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
    /// Adds a subscription. `change.target` must be there. What `also` adds is committed with it.
    pub async fn create_webhook(
        &self,
        app: &Id<App>,
        version: WebhookVersion,
        change: WebhookChange,
        also: Also<'_, Webhook>,
    ) -> Result<Webhook, SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        if tenant.webhooks.len() >= WEBHOOKS_MAX {
            return Err(SettingsError::TooMany { owner: "an app", most: WEBHOOKS_MAX, what: "webhooks" });
        }
        let now = self.clock.now();
        let webhook = Webhook {
            id: Id::fresh(now),
            app: app.clone(),
            target: change.target.unwrap_or_default(),
            triggers: change.triggers.unwrap_or_else(|| BTreeSet::from(["message".to_owned()])),
            secret: fresh_secret(),
            version,
            include_client: change.include_client.unwrap_or(false),
            include_full_user: change.include_full_user.unwrap_or(false),
            declared: false,
        };
        let mut batch = Batch::new(app);
        batch.put_sealed(&*self.seal, &webhook, Expect::Absent, None);
        batch.append(WEBHOOKS, now.millis(), webhook.id.as_str());
        also(&mut batch, &webhook);
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
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
        self.refuse_declared(app, id)?;
        let read = self.store.load_sealed::<Webhook>(app, id.as_str(), &*self.seal).await?;
        let mut read = read.ok_or(SettingsError::NotFound)?;
        let webhook = &mut read.value;
        webhook.target = change.target.unwrap_or_else(|| webhook.target.clone());
        webhook.triggers = change.triggers.unwrap_or_else(|| webhook.triggers.clone());
        webhook.include_client = change.include_client.unwrap_or(webhook.include_client);
        webhook.include_full_user = change.include_full_user.unwrap_or(webhook.include_full_user);
        let mut batch = Batch::new(app);
        batch.put_sealed(&*self.seal, &read.value, Expect::Version(read.version), None);
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await?;
        Ok(read.value)
    }

    /// Removes a subscription. What is on its way to it is dropped when its turn comes.
    pub async fn delete_webhook(&self, app: &Id<App>, id: &Id<Webhook>) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        self.refuse_declared(app, id)?;
        // It may take turns as the custom integration that it is.
        self.refuse_seated(app, &Id::new(id.as_str()))?;
        let mut batch = Batch::new(app);
        batch.delete(Webhook::KIND, id.as_str());
        batch.remove(WEBHOOKS, id.as_str());
        self.commit(&mut changes, batch, &KeyOwner::App(app.clone())).await
    }

    fn refuse_declared(&self, app: &Id<App>, id: &Id<Webhook>) -> Result<(), SettingsError> {
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        match tenant.webhook(id) {
            None => Err(SettingsError::NotFound),
            Some(webhook) if webhook.declared => Err(SettingsError::declared("webhook", id)),
            Some(_) => Ok(()),
        }
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
