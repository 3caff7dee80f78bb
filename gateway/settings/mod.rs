//! The snapshot of apps, keys, integrations and webhooks that API and outbox read without touching the store.
//!
//! What the configuration file declares is kept in memory as declared; what the API creates lives in the
//! store. A change is committed first, then what it touched is read anew and the snapshot exchanged.

mod control;
mod webhooks;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard};

use crate::model::{App, Clock, Id, Integration, Key, Tenant};
use crate::store::{Batch, Cut, Store, StoreError};

pub use webhooks::{WEBHOOKS_MAX, WebhookChange};

/// How many entries of a list are read at once.
const BITE: usize = 500;

/// What the configuration file sets up.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// Apps with their integrations and webhooks. A webhook with an empty secret gets one that is kept.
    pub tenants: Vec<Tenant>,
    /// The account's key and the apps' keys.
    pub keys: Vec<Key>,
}

/// Everything set up, at one moment.
#[derive(Debug, Clone, Default)]
struct Snapshot {
    tenants: BTreeMap<Id<App>, Arc<Tenant>>,
    keys: HashMap<String, Arc<Key>>,
    owners: HashMap<Id<Integration>, Id<App>>,
}

/// Apps, keys, integrations and webhooks as they stand.
#[derive(Debug)]
pub struct Settings {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    snapshot: ArcSwap<Snapshot>,
    changes: Mutex<Changes>,
}

/// Held by whoever changes something: what was counted and looked up then still holds at the commit.
#[derive(Debug, Default)]
struct Changes {
    /// What the file says.
    declared: Declared,
    /// Whether something may be committed that the snapshot does not show: who asked for it went away in the middle,
    /// or the store did not say what became of it.
    is_behind: bool,
}

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No such thing.
    #[error("not found")]
    NotFound,
    /// The configuration file declares it, and the file wins.
    #[error("{what} {id} is declared in the configuration file")]
    Declared {
        /// What it is: `webhook`.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// There are as many as there may be.
    #[error("{owner} may have at most {most} {what}")]
    TooMany {
        /// Who has them: `an app`.
        owner: &'static str,
        /// How many there may be.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SettingsError {
    fn declared(what: &'static str, id: impl Display) -> SettingsError {
        SettingsError::Declared { what, id: id.to_string() }
    }
}

impl Settings {
    /// Loads everything.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        declared: Declared,
    ) -> Result<Settings, StoreError> {
        let (snapshot, changes) = (ArcSwap::default(), Mutex::default());
        let settings = Settings { store, clock, snapshot, changes };
        settings.declare(declared).await?;
        Ok(settings)
    }

    /// Takes over what the configuration file now says.
    pub async fn declare(&self, mut declared: Declared) -> Result<(), StoreError> {
        let mut changes = self.changes.lock().await;
        for tenant in &mut declared.tenants {
            for webhook in tenant.webhooks.iter_mut().filter(|webhook| webhook.secret.is_empty()) {
                webhook.secret = self.kept_secret(&tenant.app.id, &format!("webhook:{}", webhook.id)).await?;
            }
        }
        changes.is_behind = true;
        changes.declared = declared;
        self.reload(&mut changes).await
    }

    /// Shows what was committed by somebody who went away before it could be read. Answers whether there was such.
    pub async fn catch_up(&self) -> Result<bool, StoreError> {
        // Whoever holds it reads for himself.
        let Ok(mut changes) = self.changes.try_lock() else { return Ok(false) };
        let was_behind = changes.is_behind;
        if was_behind {
            self.reload(&mut changes).await?;
        }
        Ok(was_behind)
    }

    /// The app and what is set up for it.
    pub fn tenant(&self, app: &Id<App>) -> Option<Arc<Tenant>> {
        self.snapshot.load().tenants.get(app).cloned()
    }

    /// Every app, ordered by id.
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
        self.snapshot.load().keys.get(id).map(|key| Key::clone(key))
    }

    /// The right to change something, with everything read that was changed before.
    async fn changes(&self) -> Result<MutexGuard<'_, Changes>, StoreError> {
        let mut changes = self.changes.lock().await;
        if changes.is_behind {
            self.reload(&mut changes).await?;
        }
        Ok(changes)
    }

    /// Commits a change of an app and shows it.
    async fn commit(&self, changes: &mut Changes, batch: Batch, app: &Id<App>) -> Result<(), SettingsError> {
        changes.is_behind = true;
        self.store.commit(batch).await?;
        self.reload_app(changes, app).await?;
        changes.is_behind = false;
        Ok(())
    }

    /// Reads everything anew.
    async fn reload(&self, changes: &mut Changes) -> Result<(), StoreError> {
        let mut snapshot = Snapshot::default();
        for key in &changes.declared.keys {
            snapshot.keys.insert(key.id.clone(), Arc::new(key.clone()));
        }
        for tenant in &changes.declared.tenants {
            snapshot.enter(self.completed(tenant.clone()).await?);
        }
        self.snapshot.store(Arc::new(snapshot));
        changes.is_behind = false;
        Ok(())
    }

    /// Reads one app anew.
    async fn reload_app(&self, changes: &Changes, app: &Id<App>) -> Result<(), StoreError> {
        let declared = changes.declared.tenants.iter().find(|tenant| tenant.app.id == *app);
        let Some(declared) = declared else { return Ok(()) };
        let tenant = self.completed(declared.clone()).await?;
        let mut snapshot = Snapshot::clone(&self.snapshot.load());
        snapshot.enter(tenant);
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// Adds to an app what the store has for it.
    async fn completed(&self, mut tenant: Tenant) -> Result<Tenant, StoreError> {
        tenant.webhooks.extend(self.stored_webhooks(&tenant.app.id).await?);
        self.control_all(&mut tenant).await?;
        Ok(tenant)
    }

    /// Everything a list names, in its order.
    async fn members(&self, app: &Id<App>, list: &str) -> Result<Vec<String>, StoreError> {
        let mut members = Vec::new();
        let mut cut = Cut::After { rank: i64::MIN, limit: BITE };
        loop {
            let page = self.store.page(app, list, cut).await?;
            let is_last = page.len() < BITE;
            let Some(last) = page.last().cloned() else { return Ok(members) };
            members.extend(page.into_iter().map(|entry| entry.member));
            if is_last {
                return Ok(members);
            }
            cut = Cut::Behind { rank: last.rank, member: last.member, limit: BITE };
        }
    }
}

impl Snapshot {
    fn enter(&mut self, tenant: Tenant) {
        for integration in &tenant.integrations {
            self.owners.insert(integration.id.clone(), tenant.app.id.clone());
        }
        self.tenants.insert(tenant.app.id.clone(), Arc::new(tenant));
    }
}

/// 256 bits of chance, in hex.
fn fresh_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}
