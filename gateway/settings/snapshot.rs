//! The snapshot itself, and how it is read: whole at start and when the file changed, else what a change touched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{App, Id, Integration, Key, KeyScope, ServiceAccount, Tenant};
use crate::store::{Cut, StoreError};

use super::{Changes, Declared, KeyOwner, Settings};

/// How many entries of a list are read at once.
const BITE: usize = 500;

/// Everything set up, at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) tenants: BTreeMap<Id<App>, Arc<Tenant>>,
    pub(super) keys: HashMap<String, Arc<Key>>,
    pub(super) owners: HashMap<Id<Integration>, Id<App>>,
    pub(super) service_accounts: BTreeMap<Id<ServiceAccount>, ServiceAccount>,
}

impl Settings {
    /// Reads everything anew.
    pub(super) async fn reload(&self, changes: &mut Changes) -> Result<(), StoreError> {
        let mut snapshot = Snapshot::default();
        for key in &changes.declared.keys {
            snapshot.keys.insert(key.id.clone(), Arc::new(key.clone()));
        }
        let stored = self.stored_apps().await?;
        let declared = changes.declared.tenants.iter().map(|tenant| &tenant.app.id);
        for app in declared.chain(&stored).collect::<BTreeSet<_>>() {
            self.read_app(&mut snapshot, &changes.declared, app).await?;
        }
        for id in self.stored_service_accounts().await? {
            self.read_service_account(&mut snapshot, &id).await?;
        }
        self.snapshot.store(Arc::new(snapshot));
        changes.is_behind = false;
        Ok(())
    }

    /// Reads anew what belongs to one app or service account. Everything else stays as it is.
    pub(super) async fn reload_one(&self, declared: &Declared, touched: &KeyOwner) -> Result<(), StoreError> {
        let mut snapshot = Snapshot::clone(&self.snapshot.load());
        match touched {
            KeyOwner::App(app) | KeyOwner::Integration { app, .. } => {
                snapshot.forget_app(app);
                self.read_app(&mut snapshot, declared, app).await?;
            }
            KeyOwner::ServiceAccount(id) => {
                snapshot.forget_service_account(id);
                self.read_service_account(&mut snapshot, id).await?;
            }
        }
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// Reads an app, if there is one, and what the store has for it. What the file declares goes first.
    async fn read_app(
        &self,
        snapshot: &mut Snapshot,
        declared: &Declared,
        id: &Id<App>,
    ) -> Result<(), StoreError> {
        let mut tenant = match declared.tenants.iter().find(|tenant| tenant.app.id == *id) {
            Some(tenant) => tenant.clone(),
            None => match self.stored_app(id).await? {
                Some(app) => Tenant::new(app.value),
                None => return Ok(()),
            },
        };
        for integration in self.stored_integrations(id).await? {
            if tenant.integration(&integration.id).is_none() {
                tenant.integrations.push(integration);
            }
        }
        tenant.webhooks.extend(self.stored_webhooks(id).await?);
        tenant.customs = self.stored_customs(id).await?;
        self.control_all(&mut tenant).await?;
        tenant.switchboard = self.switchboard_for(&tenant).await?;
        let mut keys = self.stored_keys(&KeyOwner::App(id.clone())).await?;
        // One for a declared webhook that is not in the file any more opens nothing.
        let has_owner = |key: &Key| match &key.scope {
            KeyScope::Integration { integration, .. } => tenant.custom(integration).is_some(),
            _ => true,
        };
        keys.extend(self.stored_integration_keys(id).await?.into_iter().filter(has_owner));
        snapshot.enter_app(tenant);
        snapshot.enter_keys(keys);
        Ok(())
    }

    /// Reads a service account, if it is there, and its keys.
    async fn read_service_account(
        &self,
        snapshot: &mut Snapshot,
        id: &Id<ServiceAccount>,
    ) -> Result<(), StoreError> {
        let Some(read) = self.stored_service_account(id).await? else { return Ok(()) };
        snapshot.service_accounts.insert(id.clone(), read.value);
        snapshot.enter_keys(self.stored_keys(&KeyOwner::ServiceAccount(id.clone())).await?);
        Ok(())
    }

    /// Everything a list names, in its order.
    pub(super) async fn members(&self, app: &Id<App>, list: &str) -> Result<Vec<String>, StoreError> {
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
    fn enter_app(&mut self, tenant: Tenant) {
        for integration in &tenant.integrations {
            self.owners.insert(integration.id.clone(), tenant.app.id.clone());
        }
        self.tenants.insert(tenant.app.id.clone(), Arc::new(tenant));
    }

    /// Adds stored keys; the file's of the same id stay.
    fn enter_keys(&mut self, keys: Vec<Key>) {
        for key in keys {
            self.keys.entry(key.id.clone()).or_insert_with(|| Arc::new(key));
        }
    }

    fn forget_app(&mut self, id: &Id<App>) {
        let Some(tenant) = self.tenants.remove(id) else { return };
        for integration in &tenant.integrations {
            self.owners.remove(&integration.id);
        }
        self.keys.retain(|_, key| key.declared || !key.scope.is_inside(id));
    }

    fn forget_service_account(&mut self, id: &Id<ServiceAccount>) {
        self.service_accounts.remove(id);
        let scope = KeyScope::ServiceAccount(id.clone());
        self.keys.retain(|_, key| key.declared || key.scope != scope);
    }
}
