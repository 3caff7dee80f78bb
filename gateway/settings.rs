//! The snapshot of apps, keys, integrations and webhooks that API and outbox read without touching the store.
//!
//! What the configuration file declares is kept in memory as declared; what the API creates lives in the
//! store. A change is committed first, then the snapshot is exchanged.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::model::{App, Clock, Id, Integration, Key, Limits, Tenant, Webhook, WebhookVersion};
use crate::store::{Batch, Cut, Expect, Record, Store, StoreError};

/// Webhooks an app may have (`reference: Sunshine v1.1, limits`).
pub const WEBHOOKS_MAX: usize = 10;

/// The namespace of what stands above the apps. No app has this id: theirs are hex.
pub const ACCOUNT: &str = "account";

/// What the configuration file sets up.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// Apps with their integrations and webhooks. A webhook with an empty secret gets one that is kept.
    pub tenants: Vec<Tenant>,
    /// The account's key and the apps' keys.
    pub keys: Vec<Key>,
}

/// Everything set up, at one moment.
#[derive(Debug, Default)]
struct Snapshot {
    tenants: HashMap<Id<App>, Arc<Tenant>>,
    keys: HashMap<String, Key>,
    owners: HashMap<Id<Integration>, Id<App>>,
}

/// Apps, keys, integrations and webhooks as they stand.
#[derive(Debug)]
pub struct Settings {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    snapshot: ArcSwap<Snapshot>,
    declared: Mutex<Declared>,
}

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

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No such app, webhook or integration.
    #[error("not found")]
    NotFound,
    /// The configuration file declares it, and the file wins.
    #[error("webhook {0} is declared in the configuration file")]
    Declared(Id<Webhook>),
    /// The app has as many as it may.
    #[error("an app may have at most {WEBHOOKS_MAX} webhooks")]
    TooMany,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Record for Webhook {
    const KIND: &'static str = "webhook";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// What an operator set for an integration at the admin socket. It overrides the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Control {
    integration: Id<Integration>,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    limits: Limits,
}

impl Record for Control {
    const KIND: &'static str = "control";

    fn record_id(&self) -> String {
        self.integration.to_string()
    }
}

/// The list of an app's stored webhooks.
const WEBHOOKS: &str = "webhooks";

/// How often an operator's change is made anew when others were first.
const CONTROL_TRIES: u32 = 32;

/// A generated secret that outlives restarts.
#[derive(Debug, Serialize, Deserialize)]
struct KeptSecret {
    secret: String,
}

const KEPT_SECRET: &str = "secret";

impl Settings {
    /// Loads everything.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        declared: Declared,
    ) -> Result<Settings, StoreError> {
        let settings = Settings {
            store,
            clock,
            snapshot: ArcSwap::default(),
            declared: Mutex::new(Declared::default()),
        };
        settings.declare(declared).await?;
        Ok(settings)
    }

    /// Takes over what the configuration file now says.
    pub async fn declare(&self, mut declared: Declared) -> Result<(), StoreError> {
        for tenant in &mut declared.tenants {
            for webhook in tenant.webhooks.iter_mut().filter(|webhook| webhook.secret.is_empty()) {
                webhook.secret = self.kept_secret(&tenant.app.id, &format!("webhook:{}", webhook.id)).await?;
            }
        }
        *self.declared.lock().await = declared;
        self.reload().await
    }

    /// The app and what is set up for it.
    pub fn tenant(&self, app: &Id<App>) -> Option<Arc<Tenant>> {
        self.snapshot.load().tenants.get(app).cloned()
    }

    /// Every app.
    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        self.snapshot.load().tenants.values().cloned().collect()
    }

    /// The app an integration belongs to.
    pub fn owner(&self, integration: &Id<Integration>) -> Option<Arc<Tenant>> {
        let snapshot = self.snapshot.load();
        snapshot.tenants.get(snapshot.owners.get(integration)?).cloned()
    }

    /// A credential.
    pub fn key(&self, id: &str) -> Option<Key> {
        self.snapshot.load().keys.get(id).cloned()
    }

    /// Adds a subscription. `change.target` must be there. What `also` adds is committed with it.
    pub async fn create_webhook(
        &self,
        app: &Id<App>,
        version: WebhookVersion,
        change: WebhookChange,
        also: &(dyn Fn(&mut Batch, &Webhook) + Sync),
    ) -> Result<Webhook, SettingsError> {
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        if tenant.webhooks.len() >= WEBHOOKS_MAX {
            return Err(SettingsError::TooMany);
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
        self.store.commit(batch).await?;
        self.reload().await?;
        Ok(webhook)
    }

    /// Changes a subscription.
    pub async fn update_webhook(
        &self,
        app: &Id<App>,
        id: &Id<Webhook>,
        change: WebhookChange,
    ) -> Result<Webhook, SettingsError> {
        self.refuse_declared(app, id)?;
        let mut read = self.store.load::<Webhook>(app, id.as_str()).await?.ok_or(SettingsError::NotFound)?;
        let webhook = &mut read.value;
        webhook.target = change.target.unwrap_or_else(|| webhook.target.clone());
        webhook.triggers = change.triggers.unwrap_or_else(|| webhook.triggers.clone());
        webhook.include_client = change.include_client.unwrap_or(webhook.include_client);
        webhook.include_full_user = change.include_full_user.unwrap_or(webhook.include_full_user);
        let mut batch = Batch::new(app);
        batch.update(&read);
        self.store.commit(batch).await?;
        self.reload().await?;
        Ok(read.value)
    }

    /// Removes a subscription. What is on its way to it is dropped when its turn comes.
    pub async fn delete_webhook(&self, app: &Id<App>, id: &Id<Webhook>) -> Result<(), SettingsError> {
        self.refuse_declared(app, id)?;
        let mut batch = Batch::new(app);
        batch.delete(Webhook::KIND, id.as_str());
        batch.remove(WEBHOOKS, id.as_str());
        self.store.commit(batch).await?;
        self.reload().await?;
        Ok(())
    }

    /// Holds back all that an integration sends, or lets it go again. What is queued stays queued. What `also` adds is
    /// committed with it.
    pub async fn pause(
        &self,
        id: &Id<Integration>,
        paused: bool,
        also: &(dyn Fn(&mut Batch) + Sync),
    ) -> Result<(), SettingsError> {
        self.control(id, |control| control.paused = paused, also).await
    }

    /// Sets an integration's limits; what is unset is the file's, or the channel's. What is queued stays queued.
    pub async fn limit(&self, id: &Id<Integration>, limits: Limits) -> Result<(), SettingsError> {
        self.control(id, |control| control.limits = limits, &|_| ()).await
    }

    async fn control(
        &self,
        id: &Id<Integration>,
        change: impl Fn(&mut Control),
        also: &(dyn Fn(&mut Batch) + Sync),
    ) -> Result<(), SettingsError> {
        let app = self.owner(id).ok_or(SettingsError::NotFound)?.app.id.clone();
        let mut tries = 0;
        loop {
            let read = self.store.load::<Control>(&app, id.as_str()).await?;
            let expect = read.as_ref().map_or(Expect::Absent, |read| Expect::Version(read.version));
            let unset = Control { integration: id.clone(), paused: false, limits: Limits::default() };
            let mut control = read.map_or(unset, |read| read.value);
            change(&mut control);
            let mut batch = Batch::new(&app);
            batch.put(Control::KIND, id.as_str(), &control, expect, None);
            also(&mut batch);
            match self.store.commit(batch).await {
                Ok(()) => return Ok(self.reload().await?),
                // Another operator was first: theirs is changed. Or this very call was made before.
                Err(StoreError::Conflict(_)) if tries < CONTROL_TRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Puts what operators set over what the file says.
    async fn control_all(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let ids: Vec<String> = tenant.integrations.iter().map(|one| one.id.to_string()).collect();
        let found = self.store.load_all::<Control>(&tenant.app.id, &ids).await?;
        for (integration, control) in tenant.integrations.iter_mut().zip(found) {
            let Some(control) = control else { continue };
            integration.paused = control.value.paused;
            integration.limits = control.value.limits.over(integration.limits);
        }
        Ok(())
    }

    fn refuse_declared(&self, app: &Id<App>, id: &Id<Webhook>) -> Result<(), SettingsError> {
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        match tenant.webhook(id) {
            None => Err(SettingsError::NotFound),
            Some(webhook) if webhook.declared => Err(SettingsError::Declared(id.clone())),
            Some(_) => Ok(()),
        }
    }

    /// Builds the snapshot anew from the file and the store.
    async fn reload(&self) -> Result<(), StoreError> {
        let declared = self.declared.lock().await;
        let mut snapshot = Snapshot::default();
        for key in &declared.keys {
            snapshot.keys.insert(key.id.clone(), key.clone());
        }
        for tenant in &declared.tenants {
            let mut tenant = tenant.clone();
            tenant.webhooks.extend(self.stored_webhooks(&tenant.app.id).await?);
            self.control_all(&mut tenant).await?;
            for integration in &tenant.integrations {
                snapshot.owners.insert(integration.id.clone(), tenant.app.id.clone());
            }
            snapshot.tenants.insert(tenant.app.id.clone(), Arc::new(tenant));
        }
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    async fn stored_webhooks(&self, app: &Id<App>) -> Result<Vec<Webhook>, StoreError> {
        let page = self.store.page(app, WEBHOOKS, Cut::Newest { limit: WEBHOOKS_MAX }).await?;
        let ids: Vec<String> = page.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<Webhook>(app, &ids).await?;
        Ok(found.into_iter().flatten().map(|read| read.value).collect())
    }

    /// The secret kept under a name, made on first sight.
    async fn kept_secret(&self, app: &Id<App>, name: &str) -> Result<String, StoreError> {
        let key = crate::store::Key::new(KEPT_SECRET, name);
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

/// 256 bits of chance, in hex.
pub fn fresh_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}
