//! Links that nobody confirmed in time.

use heliograph_connectors::channel::Code;

use crate::model::{Client, DeliveryError, Id, Tenant, User};
use crate::store::Batch;

use super::link::{FAILED, Heard};
use super::records::save;
use super::{Core, CoreError};

impl Core {
    /// What is to be written when a link's time is over: nothing, where it was confirmed or given up before.
    pub async fn expired(
        &self,
        tenant: &Tenant,
        user: &Id<User>,
        client: &Id<Client>,
    ) -> Result<Batch, CoreError> {
        let app = &tenant.app.id;
        let mut batch = Batch::new(app);
        let Some(mut read) = self.person(app, user).await? else { return Ok(batch) };
        let Some(link) = read.value.pending.iter().find(|link| link.client.id == *client).cloned() else {
            return Ok(batch);
        };
        let message = "The link was not confirmed in time".into();
        let error = DeliveryError { code: Code::UncategorizedError, message, underlying: None };
        let heard = Heard { tenant, now: self.clock.now() };
        self.give_up(heard, &mut read.value, &link, (FAILED, error), &mut batch).await?;
        save(&mut batch, Some(read.version), &read.value);
        Ok(batch)
    }
}
