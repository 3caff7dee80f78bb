//! What an operator sets for an integration at the admin socket: it overrides the file and outlives restarts.

use serde::{Deserialize, Serialize};

use crate::model::{Id, Integration, Limits, Tenant};
use crate::store::{Batch, Expect, Record, StoreError};

use super::{KeyOwner, Settings, SettingsError};

/// What was set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Control {
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

impl Settings {
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
        change: impl FnOnce(&mut Control),
        also: &(dyn Fn(&mut Batch) + Sync),
    ) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        let app = self.owner(id).ok_or(SettingsError::NotFound)?.app.id.clone();
        let read = self.store.load::<Control>(&app, id.as_str()).await?;
        let expect = read.as_ref().map_or(Expect::Absent, |read| Expect::Version(read.version));
        let unset = Control { integration: id.clone(), paused: false, limits: Limits::default() };
        let mut control = read.map_or(unset, |read| read.value);
        change(&mut control);
        let mut batch = Batch::new(&app);
        batch.put(Control::KIND, id.as_str(), &control, expect, None);
        also(&mut batch);
        self.commit(&mut changes, batch, &KeyOwner::App(app)).await
    }

    /// Puts what operators set over what an integration was made with.
    pub(super) async fn control_all(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let ids: Vec<String> = tenant.integrations.iter().map(|one| one.id.to_string()).collect();
        let found = self.store.load_all::<Control>(&tenant.app.id, &ids).await?;
        for (integration, control) in tenant.integrations.iter_mut().zip(found) {
            let Some(control) = control else { continue };
            integration.paused = control.value.paused;
            integration.limits = control.value.limits.over(integration.limits);
        }
        Ok(())
    }
}
