//! Webhooks: those the API makes, in the store, and the secrets of those the file declares without one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{App, Id, Webhook, WebhookVersion};
use crate::store::{Batch, Expect, Key as StoreKey, Record, StoreError};

use super::{Settings, SettingsError, fresh_secret};

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

impl Record for Webhook {
    const KIND: &'static str = "webhook";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// The list of an app's stored webhooks.
const WEBHOOKS: &str = "webhooks";

/// A generated secret that outlives restarts.
#[derive(Serialize, Deserialize)]
struct KeptSecret {
    secret: String,
}

const KEPT_SECRET: &str = "secret";

impl Settings {
    /// Adds a subscription. `change.target` must be there. What `also` adds is committed with it.
    pub async fn create_webhook(
        &self,
        app: &Id<App>,
        version: WebhookVersion,
        change: WebhookChange,
        also: &(dyn Fn(&mut Batch, &Webhook) + Sync),
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
        batch.insert(&webhook);
        batch.append(WEBHOOKS, now.millis(), webhook.id.as_str());
        also(&mut batch, &webhook);
        self.commit(&mut changes, batch, app).await?;
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
        let mut read = self.store.load::<Webhook>(app, id.as_str()).await?.ok_or(SettingsError::NotFound)?;
        let webhook = &mut read.value;
        webhook.target = change.target.unwrap_or_else(|| webhook.target.clone());
        webhook.triggers = change.triggers.unwrap_or_else(|| webhook.triggers.clone());
        webhook.include_client = change.include_client.unwrap_or(webhook.include_client);
        webhook.include_full_user = change.include_full_user.unwrap_or(webhook.include_full_user);
        let mut batch = Batch::new(app);
        batch.update(&read);
        self.commit(&mut changes, batch, app).await?;
        Ok(read.value)
    }

    /// Removes a subscription. What is on its way to it is dropped when its turn comes.
    pub async fn delete_webhook(&self, app: &Id<App>, id: &Id<Webhook>) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        self.refuse_declared(app, id)?;
        let mut batch = Batch::new(app);
        batch.delete(Webhook::KIND, id.as_str());
        batch.remove(WEBHOOKS, id.as_str());
        self.commit(&mut changes, batch, app).await
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
        let found = self.store.load_all::<Webhook>(app, &ids).await?;
        Ok(found.into_iter().flatten().map(|read| read.value).collect())
    }

    /// The secret kept under a name, made on first sight.
    pub(super) async fn kept_secret(&self, app: &Id<App>, name: &str) -> Result<String, StoreError> {
        let key = StoreKey::new(KEPT_SECRET, name);
        loop {
            if let Some(stored) = self.store.read(app, std::slice::from_ref(&key)).await?.pop().flatten() {
                let kept: KeptSecret = serde_json::from_slice(&stored.body)
                    .map_err(|error| StoreError::Corrupt(error.to_string()))?;
                return Ok(kept.secret);
            }
            let mut batch = Batch::new(app);
            batch.put(KEPT_SECRET, name, &KeptSecret { secret: fresh_secret() }, Expect::Absent, None);
            match self.store.commit(batch).await {
                // Another node was first: its secret counts.
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
