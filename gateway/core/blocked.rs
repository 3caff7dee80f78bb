//! People who want no messages somewhere, and who want them again: what becomes of their identity there.

use heliograph_connectors::channel::Person;

use crate::model::{Client, ClientStatus, What};
use crate::store::Batch;

use super::identify::Sighting;
use super::settle::Scene;
use super::talk::event;
use super::{Core, CoreError};

impl Core {
    /// A person wants no more messages, or wants them again. The mark of it decides, not the identity: it is there also
    /// for people whom nobody knows yet, and outlives them.
    pub(super) async fn opt(&self, scene: Scene<'_>, address: &str, out: bool) -> Result<(), CoreError> {
        let mut batch = Batch::new(&scene.tenant.app.id);
        self.mark_opt(scene, address, out, &mut batch);
        if let Sighting::Known { mut known, under, .. } = self.sighted(scene, &Person::at(address)).await? {
            let (status, reason) =
                if out { (ClientStatus::Blocked, "blocked") } else { (ClientStatus::Active, "unblocked") };
            let is_it = |client: &&mut Client| client.is_at(&scene.integration.id, &under);
            let client = known.user.clients.iter_mut().find(is_it);
            if let Some(client) = client.filter(|client| client.status != status) {
                client.status = status;
                let client = client.clone();
                let what = What::ClientChanged { user: known.user.clone(), client, reason: reason.into() };
                let told = event(scene.tenant, &known.conversation, scene.now, what);
                self.announce(&mut batch, scene.tenant, &told);
                known.save(&mut batch);
            }
        }
        Ok(self.store.commit(batch).await?)
    }
}
