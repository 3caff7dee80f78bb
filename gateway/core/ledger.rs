//! The ledger: every delivery counted in the batch that moves it, and the proof that the columns add up.
//!
//! What is pending is not counted but listed, so the proof compares two things that are kept apart: the totals, and
//! the deliveries on the watch list as they stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{App, Delivery, Id, Integration, Standing, State, Tenant, Timestamp, Total};
use crate::store::{Batch, Cut, Expect, ListEntry, Record, Tally, Versioned};

use super::{Core, CoreError};

/// The list of deliveries whose outcome is not known, by the time since when.
pub(super) const UNKNOWN: &str = "unknown";

/// Deliveries read at a time while the pending ones are counted.
const PAGE: usize = 256;

/// How often the ledger is read anew when something was accepted or ended while it was read.
const TRIES: usize = 3;

/// The list of an integration's deliveries that have no end yet, by the time somebody must look at them.
pub(super) fn watched(integration: &Id<Integration>) -> String {
    format!("watched:{integration}")
}

/// What an integration's deliveries came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Taken from customers.
    pub accepted: i64,
    /// Ended well.
    pub delivered: i64,
    /// Ended badly.
    pub failed: i64,
    /// Ended in silence.
    pub unconfirmed: i64,
    /// Without an end yet.
    pub pending: Pending,
    /// Calls made after an unknown outcome, whatever they came to.
    pub resent_after_unknown: i64,
    /// Copies beyond the first that providers may have, those they named included; there are no others.
    pub possible_duplicates: i64,
    /// Copies beyond the first that providers named.
    pub known_duplicates: i64,
    /// Listed as pending, but ended or gone.
    pub strays: i64,
}

/// Deliveries without an end yet, by their state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pending {
    /// Wait for their turn.
    pub queued: i64,
    /// Are being sent.
    pub sending: i64,
    /// Are with the provider.
    pub sent: i64,
    /// Were sent, or not.
    pub unknown: i64,
}

impl Account {
    /// Whether everything that was accepted is accounted for.
    pub fn is_balanced(&self) -> bool {
        let ended = self.delivered + self.failed + self.unconfirmed;
        self.strays == 0 && self.accepted == ended + self.pending.sum()
    }
}

impl Pending {
    fn sum(&self) -> i64 {
        self.queued + self.sending + self.sent + self.unknown
    }

    fn add(&mut self, state: &State) {
        match state {
            State::Queued => self.queued += 1,
            State::Sending { .. } => self.sending += 1,
            State::Unknown { .. } => self.unknown += 1,
            _ => self.sent += 1,
        }
    }

    /// So many in all, where some came or went while the others were counted: who came is queued, who went was
    /// sent.
    fn fitted(mut self, sum: i64) -> Pending {
        let mut off = sum - self.sum();
        self.queued += off.max(0);
        for column in [&mut self.sent, &mut self.sending, &mut self.queued, &mut self.unknown] {
            let gone = (-off).clamp(0, *column);
            *column -= gone;
            off += gone;
        }
        self
    }
}

impl Core {
    /// Writes a delivery that is new, and counts it as accepted.
    pub(super) fn accept(&self, delivery: &mut Delivery, batch: &mut Batch) {
        self.book(delivery.created, delivery, batch);
        batch.insert(delivery);
    }

    /// Writes a delivery that may have moved; once it is over, only for as long as the operator keeps such.
    pub(super) fn save_delivery(&self, now: Timestamp, read: &mut Versioned<Delivery>, batch: &mut Batch) {
        self.book(now, &mut read.value, batch);
        let is_over = read.value.standing() != Standing::Pending;
        // Counted from its first end: what is said of it later keeps it no longer.
        let ended = is_over.then(|| *read.value.ended.get_or_insert(now));
        let expires = ended.map(|ended| ended + self.policy.keep_deliveries);
        let expect = Expect::Version(read.version);
        batch.put(Delivery::KIND, read.value.id.as_str(), &read.value, expect, expires);
    }

    /// Takes the totals and the lists along with a delivery.
    pub(super) fn book(&self, now: Timestamp, delivery: &mut Delivery, batch: &mut Batch) {
        let before = delivery.booked.clone();
        for (total, delta) in delivery.book() {
            batch.add(Total::FAMILY, total.counter(&delivery.integration), delta);
        }
        let was_pending = before.standing == Some(Standing::Pending);
        let is_pending = delivery.standing() == Standing::Pending;
        if is_pending && !was_pending {
            let look = now + self.policy.first_look(&delivery.channel);
            batch.append(watched(&delivery.integration), look.millis(), delivery.id.as_str());
        }
        if was_pending && !is_pending {
            batch.remove(watched(&delivery.integration), delivery.id.as_str());
        }
        match (&delivery.state, before.unknown) {
            (State::Unknown { since }, false) => batch.append(UNKNOWN, since.millis(), delivery.id.as_str()),
            (State::Unknown { .. }, true) | (_, false) => {}
            (_, true) => batch.remove(UNKNOWN, delivery.id.as_str()),
        }
    }

    /// What the deliveries of each integration of an app came to, those that were taken away since included.
    pub async fn audit(&self, tenant: &Tenant) -> Result<BTreeMap<Id<Integration>, Account>, CoreError> {
        let app = &tenant.app.id;
        let counted = self.store.tally(app, Total::FAMILY, &[]).await?.counts;
        let mut integrations: BTreeSet<Id<Integration>> =
            tenant.integrations.iter().map(|integration| integration.id.clone()).collect();
        integrations
            .extend(counted.keys().filter_map(|counter| Some(Id::new(Total::of_counter(counter)?.0))));
        let integrations: Vec<Id<Integration>> = integrations.into_iter().collect();
        let lists: Vec<String> = integrations.iter().map(watched).collect();
        let mut before = self.store.tally(app, Total::FAMILY, &lists).await?;
        let mut tries = 1;
        loop {
            let mut seen = Vec::new();
            for list in &lists {
                seen.push(self.pending(app, list).await?);
            }
            let after = self.store.tally(app, Total::FAMILY, &lists).await?;
            let is_quiet = after == before;
            let lengths = seen.iter().map(|(pending, strays)| pending.sum() + strays);
            let is_whole = lengths.eq(after.lengths.iter().map(|length| *length as i64));
            if (is_quiet && is_whole) || tries == TRIES {
                let rows = integrations.into_iter().zip(seen).enumerate();
                let account = |(at, (id, seen))| {
                    let account = account(&id, seen, &after, at, is_quiet);
                    (id, account)
                };
                return Ok(rows.map(account).collect());
            }
            before = after;
            tries += 1;
        }
    }

    /// The deliveries of a watch list by their state, and how many entries of it stand for none.
    async fn pending(&self, app: &Id<App>, list: &str) -> Result<(Pending, i64), CoreError> {
        let (mut pending, mut strays) = (Pending::default(), 0);
        let mut cut = Cut::Behind { rank: i64::MIN, member: String::new(), limit: PAGE };
        loop {
            let page = self.store.page(app, list, cut.clone()).await?;
            let Some(ListEntry { rank, member }) = page.last().cloned() else { return Ok((pending, strays)) };
            let ids: Vec<String> = page.iter().map(|entry| entry.member.clone()).collect();
            let found = self.store.load_all::<Delivery>(app, &ids).await?;
            let mut suspects = Vec::new();
            for (entry, found) in page.into_iter().zip(found) {
                match found.filter(|read| read.value.standing() == Standing::Pending) {
                    Some(read) => pending.add(&read.value.state),
                    None => suspects.push(entry),
                }
            }
            if !suspects.is_empty() {
                // The end and the removal from the list are one commit: who ended before may not be listed now.
                let again = self.store.page(app, list, cut).await?;
                strays += suspects.iter().filter(|suspect| again.contains(suspect)).count() as i64;
            }
            cut = Cut::Behind { rank, member, limit: PAGE };
        }
    }
}

/// One integration's row: its totals of one moment, and what was seen of its pending deliveries. When others moved
/// meanwhile, their number is that of the moment and their states are as good as can be told.
fn account(id: &Id<Integration>, seen: (Pending, i64), tally: &Tally, at: usize, is_quiet: bool) -> Account {
    let total = |total: Total| tally.counts.get(&total.counter(id)).copied().unwrap_or(0);
    let (pending, strays) = seen;
    let listed = tally.lengths.get(at).map_or(0, |length| *length as i64);
    Account {
        accepted: total(Total::Accepted),
        delivered: total(Total::Delivered),
        failed: total(Total::Failed),
        unconfirmed: total(Total::Unconfirmed),
        pending: if is_quiet { pending } else { pending.fitted(listed - strays) },
        resent_after_unknown: total(Total::ResentAfterUnknown),
        possible_duplicates: total(Total::PossibleDuplicates),
        known_duplicates: total(Total::KnownDuplicates),
        strays,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::time::Duration;

    use heliograph_connectors::Registry;
    use heliograph_connectors::channel::{Body, Channel, Content};
    use serde_json::{Map, json};
    use url::Url;

    use super::*;
    use crate::channels::Channels;
    use crate::core::{Notify, Once, Policy, Route};
    use crate::metrics::Metrics;
    use crate::model::{Author, NewJob, Priority, SystemClock};
    use crate::store::embedded::{Embedded, MEMORY};
    use crate::store::{Settlement, Store};

    struct Scene {
        store: Arc<dyn Store>,
        core: Core,
        tenant: Tenant,
        channel: Arc<dyn Channel>,
    }

    impl Scene {
        fn new() -> Scene {
            let policy = Policy::lasting(Duration::from_secs(3600));
            let settings = json!({
                "accountSid": "AC1", "authToken": "fake-token", "phoneNumber": "+15145550100",
            });
            let settings = settings.as_object().expect("an object").clone();
            let (id, app) = (Id::new("5e1f438bf99fb467810c0ab9"), Id::new("5963c0d619a30a2e00de36b8"));
            let integration = Integration::new(id, app, "twilio", settings);
            let public = Url::parse("https://hub.example.org").expect("a URL");
            let provider = HashMap::from([("twilio".to_owned(), Map::new())]);
            let channels = Channels::new(Registry::builtin(), provider, public);
            let channel = channels.build(&integration).expect("a channel");
            let app = App::new(integration.app.clone(), "Demo");
            let tenant = Tenant { integrations: vec![integration], ..Tenant::new(app) };
            let clock = Arc::new(SystemClock);
            let store: Arc<dyn Store> = Arc::new(Embedded::open(MEMORY, clock.clone()).expect("a store"));
            let metrics = Arc::new(Metrics::default());
            let core = Core::new(store.clone(), clock, policy, |_, _| true, metrics);
            Scene { store, core, tenant, channel }
        }

        fn route(&self) -> Route<'_> {
            Route { tenant: &self.tenant, integration: &self.tenant.integrations[0], channel: &*self.channel }
        }

        async fn notify(&self) -> Id<Delivery> {
            let notify = Notify {
                destination: "+15145550181".into(),
                author: Author::business(),
                body: Body::Content(Content::text("counted")),
                priority: Priority::Normal,
                not_before: None,
                expires_at: None,
            };
            let once = Once { mark: None, status: 201, answer: |_| json!(null) };
            self.core.notify(self.route(), notify, once).await.expect("it is accepted")
        }

        async fn account(&self) -> Account {
            let audit = self.core.audit(&self.tenant).await.expect("an audit");
            audit[&self.tenant.integrations[0].id].clone()
        }

        async fn tamper(&self, change: impl FnOnce(&mut Batch)) {
            let mut batch = Batch::new(&self.tenant.app.id);
            change(&mut batch);
            self.store.commit(batch).await.expect("it is written");
        }

        fn list(&self) -> String {
            watched(&self.tenant.integrations[0].id)
        }
    }

    #[tokio::test]
    async fn a_ledger_that_was_tampered_with_does_not_balance() {
        for count in [1, PAGE + 44] {
            let scene = Scene::new();
            let mut id = scene.notify().await;
            for _ in 1..count {
                id = scene.notify().await;
            }
            let whole = scene.account().await;
            assert_eq!((whole.accepted, whole.pending.queued), (count as i64, count as i64));
            assert!(whole.is_balanced());
            let (list, ledger) = (scene.list(), format!("{}:accepted", scene.tenant.integrations[0].id));
            scene.tamper(|batch| batch.add(Total::FAMILY, &*ledger, 1)).await;
            assert!(!scene.account().await.is_balanced(), "one more was accepted than there are");
            scene.tamper(|batch| batch.add(Total::FAMILY, &*ledger, -1)).await;
            scene.tamper(|batch| batch.remove(&*list, id.as_str())).await;
            assert!(!scene.account().await.is_balanced(), "one is not watched");
            scene.tamper(|batch| batch.append(&*list, 5, id.as_str())).await;
            assert_eq!(scene.account().await, whole);
            scene.tamper(|batch| batch.delete(Delivery::KIND, id.as_str())).await;
            let lost = scene.account().await;
            assert!(!lost.is_balanced() && lost.strays == 1, "one is gone: {lost:?}");
        }
    }

    #[tokio::test]
    async fn the_balance_holds_while_others_come() {
        let scene = Arc::new(Scene::new());
        let coming = scene.clone();
        let coming = tokio::spawn(async move {
            for _ in 0..200 {
                coming.notify().await;
            }
        });
        while !coming.is_finished() {
            let account = scene.account().await;
            assert!(account.is_balanced(), "{account:?}");
        }
        assert_eq!(scene.account().await.pending.queued, 200);
    }

    #[tokio::test]
    async fn what_nobody_works_on_is_put_back_to_work() {
        let scene = Scene::new();
        let id = scene.notify().await;
        let app = &scene.tenant.app.id;
        let read =
            scene.store.load::<Delivery>(app, id.as_str()).await.expect("it reads").expect("it is there");
        let job = NewJob::send(&read.value, read.value.created);
        let is_queued = async || scene.store.is_queued(app, &job).await.expect("it reads");
        scene.core.look(scene.route(), std::slice::from_ref(&id)).await.expect("a look");
        assert!(is_queued().await);
        // The job is lost: settled, but the delivery did not move.
        for queue in scene.store.queues() {
            let epoch = scene.store.lease(queue).await.expect("a lease");
            let far = Timestamp::from_millis(i64::MAX / 2);
            for job in scene.store.claim(queue, epoch, &job.group, far, 9).await.expect("a claim") {
                let settled = scene.store.settle(queue, epoch, &job, Settlement::Done, Batch::new(app)).await;
                settled.expect("it settles");
            }
        }
        assert!(!is_queued().await);
        scene.core.look(scene.route(), std::slice::from_ref(&id)).await.expect("a look");
        assert!(is_queued().await, "it is back");
        assert!(scene.account().await.is_balanced());
        let due = scene.core.due_looks(app, &scene.tenant.integrations[0].id, 9).await.expect("a list");
        assert!(due.deliveries.is_empty() && due.next.is_some(), "it is looked at later: {due:?}");
    }

    #[test]
    fn a_split_is_fitted_to_the_number_of_its_moment() {
        let seen = Pending { queued: 2, sending: 1, sent: 3, unknown: 1 };
        assert_eq!(seen.fitted(9), Pending { queued: 4, ..seen });
        assert_eq!(seen.fitted(5), Pending { sent: 1, ..seen });
        assert_eq!(seen.fitted(1), Pending { queued: 0, sending: 0, sent: 0, unknown: 1 });
        assert_eq!(seen.fitted(7), seen);
    }
}
