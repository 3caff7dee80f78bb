//! Taking identities away from users: by the channel's type, or one by its id.

use heliograph_connectors::channel::Code;

use crate::model::{Client, DeliveryError, Event, PendingLink, Tenant, What};
use crate::store::{Batch, Record};

use super::link::Heard;
use super::records::{Linked, address_id, save};
use super::{Core, CoreError, Thing, retried};

/// Which of a user's identities are meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Those of a channel, by its type.
    Kind(&'a str),
    /// One, by its id.
    Client(&'a str),
}

impl Core {
    /// Takes channels away from a user: linked identities, and links that still wait.
    pub async fn unlink(&self, tenant: &Tenant, user: &str, which: Which<'_>) -> Result<(), CoreError> {
        retried(|| self.try_unlink(tenant, user, which)).await
    }

    async fn try_unlink(&self, tenant: &Tenant, user: &str, which: Which<'_>) -> Result<(), CoreError> {
        let mut read = self.find_user(tenant, user).await?;
        let user = &mut read.value;
        let now = self.clock.now();
        let is_meant = |client: &Client| match which {
            Which::Kind(kind) => client.kind.eq_ignore_ascii_case(kind),
            Which::Client(id) => client.id.as_str() == id,
        };
        let gone: Vec<Client> = user.clients.extract_if(.., |client| is_meant(client)).collect();
        let dropped: Vec<PendingLink> =
            user.pending.iter().filter(|link| is_meant(&link.client)).cloned().collect();
        if gone.is_empty() && dropped.is_empty() {
            return Err(CoreError::NotFound(Thing::Client));
        }
        let mut batch = Batch::new(&tenant.app.id);
        for client in gone {
            for address in client.addresses() {
                batch.delete(Linked::KIND, address_id(&client.integration, address));
            }
            let what = What::ClientRemoved { user: user.clone(), client, reason: "api".into(), error: None };
            self.announce(&mut batch, tenant, &Event::new(&tenant.app.id, now, what));
        }
        let heard = Heard { tenant, now };
        for link in &dropped {
            self.give_up(heard, user, link, ("linkCancelled", cancelled()), &mut batch).await?;
        }
        save(&mut batch, Some(read.version), &read.value);
        self.store.commit(batch).await?;
        Ok(())
    }
}

/// Why a link failed that the business took back.
fn cancelled() -> DeliveryError {
    let message = "The link was cancelled".into();
    DeliveryError { code: Code::UncategorizedError, message, underlying: None }
}
