//! The history of a person who was merged follows them, and so do their conversations, bite by bite.

use tracing::warn;

use crate::core::CoreError;
use crate::model::{Conversation, Id, User};
use crate::store::{Batch, Retry, Settlement};

use super::{Claim, Outbox, STORE_PAUSE};

impl Outbox {
    /// Moves some of a history and settles its claim: done, or to be gone on with.
    pub(super) async fn move_history(
        &self,
        claim: Claim<'_>,
        from: &Id<Conversation>,
        user: &Id<User>,
        to: Option<&Id<Conversation>>,
    ) {
        let moved = self.core.move_history(&claim.job.app, from, user, to).await;
        self.moved(claim, user, moved).await;
    }

    /// Passes some conversations on, in the same manner.
    pub(super) async fn adopt(&self, claim: Claim<'_>, user: &Id<User>) {
        let moved = self.core.adopt(&claim.job.app, user).await;
        self.moved(claim, user, moved).await;
    }

    async fn moved(&self, claim: Claim<'_>, user: &Id<User>, moved: Result<(Batch, bool), CoreError>) {
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
            warn!(%user, %error, "what a merged person left waits to be moved");
            let later = Retry::later(claim.job, self.core.now() + STORE_PAUSE);
            self.settle_alone(claim, Settlement::Again(later)).await;
        }
    }
}
