//! Erasing: what is left of a person, a profile or an app is taken away bite by bite, within one claim.
//!
//! Between two bites others go on. A claim that ends early (the gateway stops, the store is away) begins anew: what is
//! gone by then costs a look.

use tracing::{info, warn};

use crate::core::{CoreError, Erasure};
use crate::model::{App, Id, Job, MediaFile, Timestamp, User, Work};
use crate::store::{Batch, Record, Retry, Settlement};

use super::{Claim, Outbox, STORE_PAUSE};

/// How much of an app is taken away at once.
const RAZE_BITE: usize = 400;

impl Outbox {
    /// Takes away all that is left of a person.
    pub(super) async fn erase(&self, claim: Claim<'_>, user: &Id<User>) {
        let erased = self.try_erase(claim, user).await;
        if let Err(error) = &erased {
            warn!(%user, %error, "erasing a person waits");
        }
        match erased {
            Ok(Some(batch)) => match self.settle(claim, Settlement::Done, batch).await {
                Ok(()) => {
                    info!(%user, "a person is erased");
                    self.core.metrics().erased();
                }
                Err(error) => {
                    warn!(%user, %error, "erasing a person was not settled");
                    self.once_more(claim).await;
                }
            },
            Ok(None) | Err(_) => self.once_more(claim).await,
        }
    }

    async fn once_more(&self, claim: Claim<'_>) {
        let later = Retry::later(claim.job, self.core.now() + STORE_PAUSE);
        self.settle_alone(claim, Settlement::Again(later)).await;
    }

    /// What is written at the end; `None` when it was not reached.
    async fn try_erase(&self, claim: Claim<'_>, user: &Id<User>) -> Result<Option<Batch>, CoreError> {
        let app = &claim.job.app;
        match self.core.erasure(app, user).await? {
            Some(mut erasure) => {
                let is_done = self.take_bites(&mut erasure, claim).await?;
                Ok(if is_done { Some(self.core.erased(&erasure).await?) } else { None })
            }
            None => Ok(Some(Batch::new(app))),
        }
    }

    /// Takes bite after bite. Whether that came to its end.
    async fn take_bites(&self, erasure: &mut Erasure, claim: Claim<'_>) -> Result<bool, CoreError> {
        let seal = self.settings.seal();
        while let Some(bite) = self.core.next_bite(erasure, &*seal).await? {
            if self.stop.is_cancelled() {
                return Ok(false);
            }
            for file in &bite.files {
                self.media.discard(&self.core, &claim.job.app, file).await?;
            }
            self.core.take_bite(erasure, bite).await?;
        }
        Ok(true)
    }
}

impl Outbox {
    /// Blanks a profile wherever it was copied to.
    pub(super) async fn blank(&self, claim: Claim<'_>, user: &Id<User>, at: Timestamp) {
        match self.try_blank(claim, user, at).await {
            Ok(true) => self.settle_alone(claim, Settlement::Done).await,
            Ok(false) => self.once_more(claim).await,
            Err(error) => {
                warn!(%user, %error, "blanking a profile waits");
                self.once_more(claim).await;
            }
        }
    }

    async fn try_blank(&self, claim: Claim<'_>, user: &Id<User>, at: Timestamp) -> Result<bool, CoreError> {
        let seal = self.settings.seal();
        let Some(mut blanking) = self.core.blanking(&claim.job.app, user, at).await? else { return Ok(true) };
        while self.core.blank_some(&mut blanking, &*seal).await? {
            if self.stop.is_cancelled() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes away all that is left of an app.
    pub(super) async fn erase_app(&self, claim: Claim<'_>) {
        let app = &claim.job.app;
        match self.try_erase_app(claim).await {
            Ok(true) => {
                info!(%app, "an app is erased");
                self.settle_alone(claim, Settlement::Done).await;
                self.core.metrics().erased();
            }
            Ok(false) => {
                // It is about to be removed, or that was broken off and will be asked for again.
                let attempt = claim.job.attempt + 1;
                let due = self.core.now() + STORE_PAUSE * attempt.min(100);
                let retry = Retry { due, attempt, keeps_lane: true };
                self.settle_alone(claim, Settlement::Again(retry)).await;
            }
            Err(error) => {
                warn!(%app, %error, "erasing an app waits");
                self.once_more(claim).await;
            }
        }
    }

    /// Goes through everything until nothing is found. Whether it came to that.
    async fn try_erase_app(&self, claim: Claim<'_>) -> Result<bool, CoreError> {
        let app = &claim.job.app;
        loop {
            let gone = self.discard_files(app).await? + self.strike_all(claim).await?;
            let (mut razed, mut behind) = (0, None);
            loop {
                // Whoever has it back in the file keeps what comes from now on.
                if self.stop.is_cancelled() || self.settings.tenant(app).is_some() {
                    return Ok(false);
                }
                let bite = self.store.raze(app, behind.as_deref(), RAZE_BITE).await?;
                razed += bite.removed;
                behind = bite.next;
                if behind.is_none() {
                    break;
                }
            }
            if gone + razed == 0 {
                return Ok(true);
            }
        }
    }

    async fn discard_files(&self, app: &Id<App>) -> Result<usize, CoreError> {
        let (mut discarded, mut behind) = (0, None);
        loop {
            if self.stop.is_cancelled() || self.settings.tenant(app).is_some() {
                return Ok(discarded);
            }
            let walk = self.store.walk(app, &[MediaFile::KIND], behind.as_deref(), RAZE_BITE).await?;
            for met in walk.found {
                if let Ok(file) = serde_json::from_slice::<MediaFile>(&met.stored.body) {
                    self.media.discard(&self.core, app, &file).await?;
                    discarded += 1;
                }
            }
            behind = walk.next;
            if behind.is_none() {
                return Ok(discarded);
            }
        }
    }

    /// Takes the app's jobs away, but for this one and those of bytes that go.
    async fn strike_all(&self, claim: Claim<'_>) -> Result<usize, CoreError> {
        let app = &claim.job.app;
        let (mut struck, mut behind) = (0, None);
        loop {
            if self.stop.is_cancelled() || self.settings.tenant(app).is_some() {
                return Ok(struck);
            }
            let walk = self.store.jobs(app, behind.as_deref(), RAZE_BITE).await?;
            // Bytes of files that go are not found again without their job.
            let goes = |job: &Job| job.id != claim.job.id && !matches!(job.work, Work::Unlink { .. });
            let jobs: Vec<Id<Job>> = walk.found.into_iter().filter(goes).map(|job| job.id).collect();
            struck += self.store.strike(app, &jobs).await?;
            behind = walk.next;
            if behind.is_none() {
                return Ok(struck);
            }
        }
    }
}
