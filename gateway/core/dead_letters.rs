//! Announcements that nobody took: kept, listed, and sent again on request.

use serde::{Deserialize, Serialize};

use crate::model::{Event, Id, Job, NewJob, Tenant, Timestamp, Webhook, Work};
use crate::store::{Batch, Cut, Record};

use super::{Core, CoreError};

/// Dead letters on one page, at most.
pub const DEAD_LETTERS_PAGE: usize = 100;

/// Dead letters looked at per listing: with filters, a page may be short although there are more.
const SCAN: usize = 1_000;

/// An announcement that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Its id.
    pub id: Id<DeadLetter>,
    /// The webhook it was for.
    pub webhook: Id<Webhook>,
    /// Where that pointed at the time.
    pub target: String,
    /// The trigger's name in the webhook's version.
    pub trigger: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The last answer's status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// What went wrong last, in one of a few words.
    pub last_error: String,
    /// When the event happened.
    pub first_at: Timestamp,
    /// When it was given up.
    pub last_at: Timestamp,
    /// The event itself.
    pub event: Event,
    /// The lane it came from, so that a replay keeps its order.
    pub lane: String,
}

impl Record for DeadLetter {
    const KIND: &'static str = "deadletter";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// The list of an app's dead letters, by the time they were given up.
const DEAD_LETTERS: &str = "deadletters";

/// Which dead letters are meant.
#[derive(Debug, Clone, Default)]
pub struct DeadLetters {
    /// Only this webhook's.
    pub webhook: Option<Id<Webhook>>,
    /// Given up at or after.
    pub from: Option<Timestamp>,
    /// Given up before.
    pub to: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

impl Core {
    /// Adds to the batch that an announcement is given up.
    pub fn bury(&self, batch: &mut Batch, letter: &DeadLetter) {
        let expires = Some(letter.last_at + self.policy.keep_dead_letters);
        batch.put(DeadLetter::KIND, letter.record_id(), letter, crate::store::Expect::Anything, expires);
        batch.append(DEAD_LETTERS, letter.last_at.millis(), letter.record_id());
    }

    /// The dead letters of an app, oldest first.
    pub async fn dead_letters(
        &self,
        tenant: &Tenant,
        which: &DeadLetters,
    ) -> Result<Vec<DeadLetter>, CoreError> {
        let app = &tenant.app.id;
        let after = which.from.map_or(i64::MIN, |from| from.millis() - 1);
        let page = self.store.page(app, DEAD_LETTERS, Cut::After { rank: after, limit: SCAN }).await?;
        let until = which.to.map_or(i64::MAX, Timestamp::millis);
        let ids: Vec<String> =
            page.into_iter().filter(|entry| entry.rank < until).map(|entry| entry.member).collect();
        let found = self.store.load_all::<DeadLetter>(app, &ids).await?;
        let letters = found.into_iter().flatten().map(|read| read.value);
        let wanted =
            |letter: &DeadLetter| which.webhook.as_ref().is_none_or(|webhook| *webhook == letter.webhook);
        Ok(letters.filter(wanted).take(which.limit).collect())
    }

    /// Puts dead letters back to work, each once: its removal and its new job are one commit. How many were.
    pub async fn replay(&self, tenant: &Tenant, ids: &[Id<DeadLetter>]) -> Result<usize, CoreError> {
        let app = &tenant.app.id;
        let mut replayed = 0;
        for id in ids {
            let Some(read) = self.store.load::<DeadLetter>(app, id.as_str()).await? else { continue };
            let letter = read.value;
            let mut batch = Batch::new(app);
            batch.delete(DeadLetter::KIND, id.as_str());
            batch.remove(DEAD_LETTERS, id.as_str());
            batch.job(NewJob {
                // The letter's own id: replaying it twice at once is one job.
                id: Id::<Job>::new(id.as_str()),
                group: letter.webhook.to_string(),
                lane: letter.lane,
                due: self.clock.now(),
                work: Work::Announce { webhook: letter.webhook, event: Box::new(letter.event) },
            });
            self.store.commit(batch).await?;
            replayed += 1;
        }
        Ok(replayed)
    }
}
