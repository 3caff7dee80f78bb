//! The snapshot of apps, keys, integrations and webhooks that API and outbox read without touching the store.
//!
//! What the configuration file declares is kept in memory as declared; what the API creates lives in the
//! store. A change is committed first, then what it touched is read anew and the snapshot exchanged.

mod apps;
mod control;
mod customs;
mod deployments;
mod integrations;
mod keys;
mod menus;
mod sealed;
mod service_accounts;
mod snapshot;
mod switchboards;
mod webhooks;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard};

use crate::model::{App, Clock, Id, Integration, Key, Seal, Tenant, Timestamp};
use crate::store::{Batch, Store, StoreError};

pub use keys::{KEYS_MAX, KeyOwner};
pub use sealed::Sealer;
pub use switchboards::{SEATS_MAX, SeatChange, Sought, SwitchboardChange, SwitchboardRefused};
pub use webhooks::{WEBHOOKS_MAX, WebhookChange};

use snapshot::Snapshot;

/// The name under which the store keeps what belongs to no app: apps, keys, service accounts. No app can be called so,
/// since their ids are hex digits.
pub const ACCOUNT: &str = "account";

/// What a caller of a change adds to its batch.
pub type Also<'a, T> = &'a (dyn Fn(&mut Batch, &T) + Sync);

/// What the configuration file sets up.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// Apps with their integrations and webhooks. A webhook with an empty secret gets one that is kept.
    pub tenants: Vec<Tenant>,
    /// The account's key and the apps' keys.
    pub keys: Vec<Key>,
}

/// Apps, keys, integrations and webhooks as they stand.
#[derive(Debug)]
pub struct Settings {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    seal: Arc<dyn Seal>,
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
    /// What was on its way to the store when the one who asked for it went away.
    unfinished: Option<Batch>,
    /// When something was made last.
    latest: Option<Timestamp>,
}

impl Changes {
    /// The time for something that is made now: later than all before it, so that lists by age are never in doubt.
    fn moment(&mut self, now: Timestamp) -> Timestamp {
        let next = self.latest.map(|latest| latest + Duration::from_millis(1));
        *self.latest.insert(next.map_or(now, |next| next.max(now)))
    }
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
    /// The switchboard is not as this would have it.
    #[error(transparent)]
    Switchboard(#[from] SwitchboardRefused),
    /// A custom integration without a webhook would be none.
    #[error("A custom integration keeps at least one webhook")]
    LastWebhook,
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
    /// Loads everything. What was encrypted with another key, or is while there is none, is refused.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        seal: Arc<dyn Seal>,
        declared: Declared,
    ) -> Result<Settings, StoreError> {
        let (snapshot, changes) = (ArcSwap::default(), Mutex::default());
        let settings = Settings { store, clock, seal, snapshot, changes };
        settings.declare(declared).await?;
        settings.prove_key().await?;
        Ok(settings)
    }

    /// Takes over what the configuration file now says.
    pub async fn declare(&self, mut declared: Declared) -> Result<(), StoreError> {
        let mut changes = self.changes.lock().await;
        for tenant in &mut declared.tenants {
            for webhook in tenant.webhooks.iter_mut().filter(|webhook| webhook.secret.is_empty()) {
                webhook.secret = self.kept_secret(webhook).await?;
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
            self.finish(&mut changes).await?;
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

    /// What encrypts secrets before they are stored.
    pub fn seal(&self) -> Arc<dyn Seal> {
        self.seal.clone()
    }

    /// A credential.
    pub fn key(&self, id: &str) -> Option<Key> {
        self.snapshot.load().keys.get(id).map(|key| Key::clone(key))
    }

    /// The right to change something, with everything read that was changed before.
    async fn changes(&self) -> Result<MutexGuard<'_, Changes>, StoreError> {
        let mut changes = self.changes.lock().await;
        if changes.is_behind {
            self.finish(&mut changes).await?;
        }
        Ok(changes)
    }

    /// Makes the snapshot show what an earlier change left.
    async fn finish(&self, changes: &mut Changes) -> Result<(), StoreError> {
        if let Some(batch) = changes.unfinished.clone() {
            // It may still be on its way: the same batch again waits for it and has no second effect.
            match self.store.commit(batch).await {
                Ok(()) | Err(StoreError::Conflict(_)) => changes.unfinished = None,
                Err(error) => return Err(error),
            }
        }
        self.reload(changes).await
    }

    /// Commits so that the next one knows when this one is given up in the middle.
    async fn write(&self, changes: &mut Changes, batch: Batch) -> Result<(), StoreError> {
        changes.is_behind = true;
        changes.unfinished = Some(batch.clone());
        let written = self.store.commit(batch).await;
        changes.unfinished = None;
        written
    }

    /// Commits a change and shows it.
    async fn commit(
        &self,
        changes: &mut Changes,
        batch: Batch,
        touched: &KeyOwner,
    ) -> Result<(), SettingsError> {
        self.write(changes, batch).await?;
        self.reload_one(&changes.declared, touched).await?;
        changes.is_behind = false;
        Ok(())
    }
}

/// [`ACCOUNT`] as calls of the store want it.
fn account() -> Id<App> {
    Id::new(ACCOUNT)
}

/// 256 bits of chance, in hex.
fn fresh_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}
