//! The history of a person who was merged follows them, bite by bite.

use tracing::warn;

use crate::model::{Conversation, Id, User};
use crate::store::{Retry, Settlement};

use super::{Claim, Outbox, STORE_PAUSE};

impl Outbox {
    /// Moves some of a history and settles its claim: done, or to be gone on with.
    pub(super) async fn move_history(&self, claim: Claim<'_>, from: &Id<Conversation>, user: &Id<User>) {
        let moved = self.core.move_history(&claim.job.app, from, user).await;
        let settled = match moved {
            Ok((batch, more)) => {
                let again = Settlement::Again(Retry::later(claim.job, self.core.now()));
                let settlement = if more { again } else { Settlement::Done };
                self.settle(claim, settlement, batch).await.map_err(Into::into)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = settled {
            // Most likely somebody wrote something at this very moment.
            warn!(%user, %error, "a history waits to be moved");
            let later = Retry::later(claim.job, self.core.now() + STORE_PAUSE);
            self.settle_alone(claim, Settlement::Again(later)).await;
        }
    }
}
