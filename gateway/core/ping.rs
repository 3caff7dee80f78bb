//! Pings: a word on one of a person's channels, to show that it is connected. It enters no history.

use heliograph_connectors::channel::{Body, Content};

use crate::model::{Client, Delivery, Id, NewJob, Purpose, User};
use crate::store::Batch;

use super::{Core, CoreError, Once, Route};

impl Core {
    /// Sends a ping to an identity.
    pub async fn ping(
        &self,
        route: Route<'_>,
        user: &User,
        client: &Client,
        once: Once<'_, ()>,
    ) -> Result<(), CoreError> {
        let now = self.clock.now();
        let text = format!("{} is connected to this conversation.", route.tenant.app.name);
        let mut delivery = Delivery::queued(
            Id::fresh_uuid(now),
            Purpose::Ping { client: client.id.clone() },
            route.integration,
            client.address.clone(),
            Body::Content(Content::text(text)),
            now,
            now + self.policy.expires_after,
        );
        delivery.user = Some(user.id.clone());
        let mut batch = Batch::new(&route.tenant.app.id);
        self.accept(&mut delivery, &mut batch);
        batch.job(NewJob::send(&delivery, now));
        once.enter(&mut batch, now, &());
        self.store.commit(batch).await?;
        Ok(())
    }
}
