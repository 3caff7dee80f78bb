//! The watchdog: a look at every delivery that has no end, when its time has come.
//!
//! A delivery is listed when it is accepted and taken off the list when it ends; in between it is looked at ever
//! more rarely, so a long queue costs little. Each look writes the delivery, so that none can be lost to a move
//! that happens at the same time.

use std::time::Duration;

use tracing::{error, warn};

use crate::model::{App, Delivery, Id, Integration, NewJob, OnUnknown, Standing, State, Timestamp};
use crate::store::{Batch, Cut, Versioned};

use super::ledger::watched;
use super::settle::Scene;
use super::{Core, CoreError, Policy, Route, Tries};

/// When a delivery is looked at first.
const FIRST_LOOK: Duration = Duration::from_secs(5 * 60);

/// How long a channel may stay silent that has no deadline of its own.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(72 * 60 * 60);

/// The longest time between two looks.
const LAST_LOOK: Duration = Duration::from_secs(6 * 60 * 60);

/// Deliveries whose time to be looked at has come.
#[derive(Debug, Default)]
pub struct DueLooks {
    /// Which.
    pub deliveries: Vec<Id<Delivery>>,
    /// When the next one's time comes, as far as one is known.
    pub next: Option<Timestamp>,
}

/// What a look at a delivery leads to.
#[derive(Debug)]
pub enum Looked {
    /// Nothing that others have to do.
    Seen,
    /// Receipts are overdue: the provider may be asked for them.
    Overdue(Vec<Overdue>),
}

/// A piece whose receipt is overdue.
#[derive(Debug, Clone)]
pub struct Overdue {
    /// Our name for it.
    pub reference: String,
    /// The provider's.
    pub provider_id: String,
}

impl Policy {
    /// How long after its acceptance a delivery is looked at first.
    pub(super) fn first_look(&self, channel: &str) -> Duration {
        FIRST_LOOK.min(self.receipt_check).min(self.receipt_deadline(channel))
    }

    /// After how long without a receipt a delivery is unconfirmed.
    fn receipt_deadline(&self, channel: &str) -> Duration {
        self.receipt_deadlines.get(channel).copied().unwrap_or(RECEIPT_DEADLINE)
    }
}

impl Core {
    /// How long it takes at least until a delivery that is accepted now must be looked at.
    pub fn first_look(&self, integration: &Integration) -> Duration {
        self.policy.first_look(&integration.kind)
    }

    /// The deliveries of an integration that must be looked at, at most `limit`.
    pub async fn due_looks(
        &self,
        app: &Id<App>,
        integration: &Id<Integration>,
        limit: usize,
    ) -> Result<DueLooks, CoreError> {
        let cut = Cut::After { rank: i64::MIN, limit };
        let page = self.store.page(app, &watched(integration), cut).await?;
        let now = self.clock.now().millis();
        let next = page.iter().find(|entry| entry.rank > now).map(|entry| Timestamp::from_millis(entry.rank));
        let due = page.into_iter().filter(|entry| entry.rank <= now);
        Ok(DueLooks { deliveries: due.map(|entry| Id::new(entry.member)).collect(), next })
    }

    /// Looks at a delivery: ends it when its channel stayed silent for too long, puts it back to work when nobody
    /// works on it, and says when to look again.
    pub async fn look(&self, route: Route<'_>, id: &Id<Delivery>) -> Result<Looked, CoreError> {
        let mut tries = Tries::default();
        loop {
            let scene = Scene::at(route, self.clock.now());
            let result = self.try_look(scene, id).await;
            if !tries.again(&result) {
                return result;
            }
        }
    }

    async fn try_look(&self, scene: Scene<'_>, id: &Id<Delivery>) -> Result<Looked, CoreError> {
        let app = &scene.tenant.app.id;
        let mut batch = Batch::new(app);
        let list = watched(&scene.integration.id);
        let found = self.store.load::<Delivery>(app, id.as_str()).await?;
        let Some(mut read) = found.filter(|read| read.value.standing() == Standing::Pending) else {
            // An end and the removal from the list are one commit, so this is no race but a foreign hand, or an end
            // since the list was read. The totals keep what they say.
            warn!(delivery = %id, "a watched delivery has ended or is gone");
            batch.remove(list, id.as_str());
            self.store.commit(batch).await?;
            return Ok(Looked::Seen);
        };
        let delivery = &mut read.value;
        let mut looked = Looked::Seen;
        let next = match (&delivery.state, delivery.sent_at) {
            (State::Sent, sent_at) => {
                let sent_at = sent_at.unwrap_or(delivery.created);
                let deadline = sent_at + self.policy.receipt_deadline(&delivery.channel);
                if deadline <= scene.now {
                    warn!(delivery = %id, "no receipt before the deadline");
                    delivery.unconfirmed(scene.now);
                } else if sent_at + self.policy.receipt_check <= scene.now {
                    looked = Looked::Overdue(overdue(delivery));
                }
                let check = scene.now.since(sent_at).max(self.policy.receipt_check);
                deadline.min(scene.now + check.min(LAST_LOOK))
            }
            _ => {
                self.put_back(scene, &mut read, &mut batch).await?;
                let age =
                    scene.now.since(read.value.created).max(self.policy.first_look(&read.value.channel));
                scene.now + age.min(LAST_LOOK)
            }
        };
        self.save_delivery(scene.now, &mut read, &mut batch);
        if read.value.standing() == Standing::Pending {
            batch.append(list, next.millis(), id.as_str());
        }
        self.store.commit(batch).await?;
        Ok(looked)
    }

    /// Gives a delivery its job back that has none: something went wrong that must not cost the message.
    async fn put_back(
        &self,
        scene: Scene<'_>,
        read: &mut Versioned<Delivery>,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let delivery = &mut read.value;
        let is_unknown = matches!(delivery.state, State::Unknown { .. });
        let job = NewJob::send(delivery, scene.now);
        let is_held = is_unknown && scene.integration.on_unknown == OnUnknown::Hold;
        if is_held || self.store.is_queued(&scene.tenant.app.id, &job).await? {
            return Ok(());
        }
        error!(delivery = %delivery.id, state = delivery.state.word(), "nobody worked on a message: put back to work");
        delivery.note(scene.now, "recovered", Some("nobody worked on it".to_owned()));
        batch.job(job);
        Ok(())
    }
}

/// The pieces of a delivery that the provider took and that did not arrive yet.
fn overdue(delivery: &Delivery) -> Vec<Overdue> {
    let pieces = delivery.parts.iter().enumerate().filter(|(_, piece)| piece.rank == 1);
    let named = pieces.filter_map(|(part, piece)| {
        Some(Overdue { reference: delivery.reference(part), provider_id: piece.provider_id.clone()? })
    });
    named.collect()
}
