//! Announcements that nobody took: kept, listed, and sent again on request.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{App, Event, Id, Job, NewJob, Tenant, Timestamp, Webhook, Work};
use crate::store::{Batch, Cut, Expect, ListEntry, Record, Versioned};

use super::{Core, CoreError, Once, retried};

/// Dead letters on one page, at most.
pub const DEAD_LETTERS_PAGE: usize = 100;

/// Entries of the list read at a time.
const SCAN: usize = 256;

/// So many scans for one page: with filters, a page may be short although there are more.
const SCANS_MAX: usize = 40;

/// Dead letters put back to work in one commit.
const REPLAY_BITE: usize = 100;

/// Entries of expired letters taken out of the list at a time.
const FORGOTTEN_BITE: usize = 64;

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
pub(super) const DEAD_LETTERS: &str = "deadletters";

/// Which dead letters are meant.
#[derive(Debug, Clone, Default)]
pub struct DeadLetters {
    /// Only this webhook's.
    pub webhook: Option<Id<Webhook>>,
    /// Given up at or after.
    pub from: Option<Timestamp>,
    /// Given up before.
    pub to: Option<Timestamp>,
    /// Those behind this place.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
}

/// A place in the list. Letters of one moment stand in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    rank: i64,
    member: String,
}

impl Place {
    /// Reads a place as it was written.
    pub fn parse(text: &str) -> Option<Place> {
        let (rank, member) = text.split_once('-')?;
        Some(Place { rank: rank.parse().ok()?, member: member.to_owned() })
    }

    fn of(entry: &ListEntry) -> Place {
        Place { rank: entry.rank, member: entry.member.clone() }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.rank, self.member)
    }
}

/// Some dead letters, oldest first.
#[derive(Debug, Clone)]
pub struct DeadLettersPage {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// Where to go on, if there may be more.
    pub next: Option<Place>,
}

impl Core {
    /// Adds to the batch that an announcement is given up.
    pub fn bury(&self, batch: &mut Batch, letter: &DeadLetter) {
        let expires = Some(letter.last_at + self.policy.keep_dead_letters);
        batch.put(DeadLetter::KIND, letter.record_id(), letter, Expect::Anything, expires);
        batch.append(DEAD_LETTERS, letter.last_at.millis(), letter.record_id());
    }

    /// Adds to the batch the removal of some entries whose letters have expired: the list must not outgrow them.
    pub async fn forget_expired_letters(&self, app: &Id<App>, batch: &mut Batch) -> Result<(), CoreError> {
        let kept_since = self.clock.now().millis() - self.policy.keep_dead_letters.as_millis() as i64;
        let oldest = Cut::After { rank: i64::MIN, limit: FORGOTTEN_BITE };
        for entry in self.store.page(app, DEAD_LETTERS, oldest).await? {
            if entry.rank < kept_since {
                batch.remove(DEAD_LETTERS, entry.member);
            }
        }
        Ok(())
    }

    /// The dead letters of an app, oldest first.
    pub async fn dead_letters(
        &self,
        tenant: &Tenant,
        which: &DeadLetters,
    ) -> Result<DeadLettersPage, CoreError> {
        let app = &tenant.app.id;
        let from = which.from.map_or(0, Timestamp::millis);
        let mut place = which.after.clone().unwrap_or(Place { rank: from, member: String::new() });
        place = place.max(Place { rank: from, member: String::new() });
        let until = which.to.map_or(i64::MAX, Timestamp::millis);
        let mut letters = Vec::new();
        for _ in 0..SCANS_MAX {
            let mut entries = self.entries_behind(app, Some(&place), SCAN).await?;
            entries.retain(|entry| entry.rank < until);
            if entries.is_empty() {
                return Ok(DeadLettersPage { letters, next: None });
            }
            let ids: Vec<String> = entries.iter().map(|entry| entry.member.clone()).collect();
            let found = self.store.load_all::<DeadLetter>(app, &ids).await?;
            for (entry, found) in entries.iter().zip(found) {
                place = Place::of(entry);
                let letter = found.map(|read| read.value);
                let of_webhook =
                    |letter: &DeadLetter| which.webhook.as_ref().is_none_or(|of| *of == letter.webhook);
                letters.extend(letter.filter(of_webhook));
                if letters.len() >= which.limit {
                    return Ok(DeadLettersPage { letters, next: Some(place) });
                }
            }
        }
        Ok(DeadLettersPage { letters, next: Some(place) })
    }

    /// Some entries behind a place, or of the beginning.
    async fn entries_behind(
        &self,
        app: &Id<App>,
        place: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<ListEntry>, CoreError> {
        let cut = match place {
            Some(Place { rank, member }) => Cut::Behind { rank: *rank, member: member.clone(), limit },
            None => Cut::After { rank: i64::MIN, limit },
        };
        Ok(self.store.page(app, DEAD_LETTERS, cut).await?)
    }

    /// Some letters behind a place, whosever they are, and where to go on; `None` at the end.
    pub(super) async fn letters_behind(
        &self,
        app: &Id<App>,
        place: Option<&Place>,
        limit: usize,
    ) -> Result<(Vec<Versioned<DeadLetter>>, Option<Place>), CoreError> {
        let entries = self.entries_behind(app, place, limit).await?;
        let next = entries.last().map(Place::of);
        let ids: Vec<String> = entries.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<DeadLetter>(app, &ids).await?;
        Ok((found.into_iter().flatten().collect(), next))
    }

    /// Puts dead letters back to work, each once. How many were.
    pub async fn replay(
        &self,
        tenant: &Tenant,
        ids: &[Id<DeadLetter>],
        once: &Once<'_, usize>,
    ) -> Result<usize, CoreError> {
        let ids: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let app = &tenant.app.id;
        let mut bites = ids.chunks(REPLAY_BITE).peekable();
        let mut replayed = 0;
        loop {
            let bite = bites.next().unwrap_or_default();
            let is_last = bites.peek().is_none();
            replayed = self.replay_bite(app, bite, replayed, is_last.then_some(once)).await?;
            if is_last {
                return Ok(replayed);
            }
        }
    }

    /// Puts all that are meant back to work, of those given up before now: what fails again is not sent a third
    /// time. How many were.
    pub async fn replay_all(
        &self,
        tenant: &Tenant,
        which: &DeadLetters,
        once: &Once<'_, usize>,
    ) -> Result<usize, CoreError> {
        let now = self.clock.now();
        let to = Some(which.to.map_or(now, |to| to.min(now)));
        let mut which = DeadLetters { to, limit: REPLAY_BITE, ..which.clone() };
        let mut replayed = 0;
        loop {
            let page = self.dead_letters(tenant, &which).await?;
            let ids: Vec<String> = page.letters.into_iter().map(|letter| letter.id.to_string()).collect();
            let is_last = page.next.is_none();
            let once = is_last.then_some(once);
            replayed = self.replay_bite(&tenant.app.id, &ids, replayed, once).await?;
            which.after = page.next;
            if is_last {
                return Ok(replayed);
            }
        }
    }

    /// In one commit, so that a letter is either there or at work, whoever else replays it at the same time. How many
    /// were in all; the last commit holds the caller's mark.
    async fn replay_bite(
        &self,
        app: &Id<App>,
        ids: &[String],
        before: usize,
        once: Option<&Once<'_, usize>>,
    ) -> Result<usize, CoreError> {
        retried(|| self.try_replay_bite(app, ids, before, once)).await
    }

    async fn try_replay_bite(
        &self,
        app: &Id<App>,
        ids: &[String],
        before: usize,
        once: Option<&Once<'_, usize>>,
    ) -> Result<usize, CoreError> {
        let found = self.store.load_all::<DeadLetter>(app, ids).await?;
        let (mut batch, now) = (Batch::new(app), self.clock.now());
        for read in found.into_iter().flatten() {
            resurrect(&mut batch, read, now);
        }
        let replayed = before + batch.jobs.len();
        if let Some(once) = once {
            once.enter(&mut batch, now, &replayed);
        }
        if !batch.is_empty() {
            self.store.commit(batch).await?;
        }
        Ok(replayed)
    }
}

/// The letter goes and its job comes, if nobody else touched it since it was read.
fn resurrect(batch: &mut Batch, read: Versioned<DeadLetter>, now: Timestamp) {
    let letter = &read.value;
    batch.delete_expecting(DeadLetter::KIND, letter.record_id(), Expect::Version(read.version));
    batch.remove(DEAD_LETTERS, letter.record_id());
    batch.job(NewJob {
        id: Id::<Job>::new(letter.id.as_str()),
        group: letter.webhook.to_string(),
        lane: letter.lane.clone(),
        due: now,
        work: Work::Announce { webhook: letter.webhook.clone(), event: Box::new(letter.event.clone()) },
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::Value;

    use super::super::Policy;
    use super::*;
    use crate::model::{Clock, DeliverySubject, EventDestination, Notified, SystemClock, What};
    use crate::store;

    const HOUR: Duration = Duration::from_secs(3600);

    async fn core() -> Core {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = store::open("embedded::memory:", 1, clock.clone()).await.expect("a store");
        Core::new(store, clock, Policy::lasting(HOUR), |_, _| true, Arc::default())
    }

    fn tenant() -> Tenant {
        let app = App::new(Id::new("a"), "A");
        Tenant::new(app)
    }

    /// Buries this many letters at one moment, every third of another webhook.
    async fn bury(core: &Core, count: usize, at: Timestamp) {
        let app = Id::new("a");
        for bite in (0..count).collect::<Vec<_>>().chunks(100) {
            let mut batch = Batch::new(&app);
            for number in bite {
                let subject = DeliverySubject::Notification(format!("n{number}"));
                let what = What::Delivery {
                    told: Notified::User,
                    subject,
                    destination: EventDestination {
                        kind: "twilio".into(),
                        integration: Id::new("i"),
                        address: "+1".into(),
                    },
                    external_ids: Vec::new(),
                    user: None,
                    conversation: None,
                };
                let webhook = if number % 3 == 0 { "other" } else { "w" };
                let letter = DeadLetter {
                    id: Id::new(format!("{:05}", number * 7919 % 100_000)),
                    webhook: Id::new(webhook),
                    target: String::new(),
                    trigger: String::new(),
                    attempts: 1,
                    last_status: None,
                    last_error: String::new(),
                    first_at: at,
                    last_at: at,
                    event: Event::new(&app, at, what),
                    lane: format!("l{number}"),
                };
                core.bury(&mut batch, &letter);
            }
            core.store.commit(batch).await.expect("a commit");
        }
    }

    #[tokio::test]
    async fn letters_of_one_moment_are_paged_without_a_gap() {
        let core = core().await;
        bury(&core, 900, core.now()).await;
        let mut which = DeadLetters { webhook: Some(Id::new("w")), limit: 70, ..DeadLetters::default() };
        let mut seen = Vec::new();
        loop {
            let page = core.dead_letters(&tenant(), &which).await.expect("a page");
            seen.extend(page.letters.into_iter().map(|letter| letter.id.to_string()));
            let Some(next) = page.next else { break };
            which.after = Place::parse(&next.to_string());
            assert_eq!(which.after.as_ref(), Some(&next));
        }
        let different: BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), different.len()), (600, 600));
    }

    #[tokio::test]
    async fn two_replays_at_once_put_each_letter_to_work_once() {
        let core = core().await;
        bury(&core, 300, core.now()).await;
        let which = DeadLetters { to: Some(core.now() + HOUR), ..DeadLetters::default() };
        // A letter of this very moment is not one of before.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let tenant = tenant();
        let unmarked = Once { mark: None, status: 200, answer: |_| Value::Null };
        let replay = || core.replay_all(&tenant, &which, &unmarked);
        let (one, other) = tokio::join!(replay(), replay());
        assert_eq!(one.expect("a replay") + other.expect("a replay"), 300);
        assert_eq!(replay().await.expect("a replay"), 0);
        let mut jobs = 0;
        for queue in core.store.queues() {
            let epoch = core.store.lease(queue).await.expect("a lease");
            for group in ["w", "other"] {
                let claimed = core.store.claim(queue, epoch, group, core.now(), 1_000).await;
                jobs += claimed.expect("a claim").len();
            }
        }
        assert_eq!(jobs, 300);
    }

    #[tokio::test]
    async fn entries_of_expired_letters_leave_the_list() {
        let core = core().await;
        let long_ago = Timestamp::from_millis(core.now().millis() - 2 * HOUR.as_millis() as i64);
        bury(&core, 10, long_ago).await;
        // Two of them were sent again and given up again.
        bury(&core, 2, core.now()).await;
        let app = Id::new("a");
        let mut batch = Batch::new(&app);
        core.forget_expired_letters(&app, &mut batch).await.expect("a look");
        core.store.commit(batch).await.expect("a commit");
        let left = core.store.page(&app, DEAD_LETTERS, Cut::After { rank: 0, limit: 100 }).await;
        assert_eq!(left.expect("a page").len(), 2);
    }
}
