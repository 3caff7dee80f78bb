//! WhatsApp numbers set up for the account. They are asked for rarely and read from the store.

use crate::model::{Deployment, Id};
use crate::store::{Batch, Expect, SecretRecord};

use super::{Also, Settings, SettingsError, account};

impl SecretRecord for Deployment {
    const KIND: &'static str = "deployment";
    const SECRET: &'static str = "settings";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// The list of the account's deployments.
pub(super) const DEPLOYMENTS: &str = "deployments";

impl Settings {
    /// Adds a deployment. What `also` adds is committed with it, under the account.
    pub async fn create_deployment(
        &self,
        deployment: Deployment,
        also: Also<'_, Deployment>,
    ) -> Result<Deployment, SettingsError> {
        let deployment = Deployment { created: self.clock.now(), ..deployment };
        let mut batch = Batch::new(&account());
        batch.put_sealed(&*self.seal, &deployment, Expect::Absent, None);
        batch.append(DEPLOYMENTS, deployment.created.millis(), deployment.id.as_str());
        also(&mut batch, &deployment);
        self.store.commit(batch).await?;
        Ok(deployment)
    }

    /// Every deployment, oldest first.
    pub async fn deployments(&self) -> Result<Vec<Deployment>, SettingsError> {
        let ids = self.members(&account(), DEPLOYMENTS).await?;
        let found = self.store.load_all_sealed(&account(), &ids, &*self.seal).await?;
        Ok(found.into_iter().map(|read| read.value).collect())
    }

    /// One deployment.
    pub async fn deployment(&self, id: &Id<Deployment>) -> Result<Option<Deployment>, SettingsError> {
        let found = self.store.load_sealed::<Deployment>(&account(), id.as_str(), &*self.seal).await?;
        Ok(found.map(|read| read.value))
    }

    /// Removes a deployment. An integration made from it has settings of its own.
    pub async fn delete_deployment(&self, id: &Id<Deployment>) -> Result<(), SettingsError> {
        self.deployment(id).await?.ok_or(SettingsError::NotFound)?;
        let mut batch = Batch::new(&account());
        batch.delete(Deployment::KIND, id.as_str());
        batch.remove(DEPLOYMENTS, id.as_str());
        Ok(self.store.commit(batch).await?)
    }
}
