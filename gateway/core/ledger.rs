//! The ledger: every delivery counted in the batch that moves it, and the proof that the columns add up.
//!
//! What is pending is not counted but listed, so the proof compares two things that are kept apart: the totals, and
//! the deliveries on the watch list as they stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{App, Delivery, Id, Integration, Standing, State, Tenant, Timestamp, Total};
use crate::store::{Batch, Cut, Expect, ListEntry, Record, Tally, Versioned};

use super::{Core, CoreError};

/// The family of the totals: a counter per integration and column.
pub(super) const LEDGER: &str = "ledger";

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
    /// Calls made after an unknown outcome: so many messages may be doubled, and no others.
    pub resent_after_unknown: i64,
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
        let expires = is_over.then(|| now + self.policy.keep_deliveries);
        let expect = Expect::Version(read.version);
        batch.put(Delivery::KIND, read.value.id.as_str(), &read.value, expect, expires);
    }

    /// Takes the totals and the lists along with a delivery.
    fn book(&self, now: Timestamp, delivery: &mut Delivery, batch: &mut Batch) {
        let before = delivery.booked.clone();
        for (total, delta) in delivery.book() {
            batch.add(LEDGER, format!("{}:{}", delivery.integration, total.word()), delta);
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
        let counted = self.store.tally(app, LEDGER, &[]).await?.counts;
        let mut integrations: BTreeSet<Id<Integration>> =
            tenant.integrations.iter().map(|integration| integration.id.clone()).collect();
        integrations.extend(counted.keys().filter_map(|counter| Some(Id::new(counter.split_once(':')?.0))));
        let integrations: Vec<Id<Integration>> = integrations.into_iter().collect();
        let lists: Vec<String> = integrations.iter().map(watched).collect();
        let mut before = self.store.tally(app, LEDGER, &lists).await?;
        let mut tries = 1;
        loop {
            let mut seen = Vec::new();
            for list in &lists {
                seen.push(self.pending(app, list).await?);
            }
            let after = self.store.tally(app, LEDGER, &lists).await?;
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
    let total = |total: Total| tally.counts.get(&format!("{id}:{}", total.word())).copied().unwrap_or(0);
    let (pending, strays) = seen;
    let listed = tally.lengths.get(at).map_or(0, |length| *length as i64);
    Account {
        accepted: total(Total::Accepted),
        delivered: total(Total::Delivered),
        failed: total(Total::Failed),
        unconfirmed: total(Total::Unconfirmed),
        pending: if is_quiet { pending } else { pending.fitted(listed - strays) },
        resent_after_unknown: total(Total::ResentAfterUnknown),
        strays,
    }
}
