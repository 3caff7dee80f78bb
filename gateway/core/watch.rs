//! The watchdog: a look at every delivery that has no end, when its time has come.
//!
//! A delivery is listed when it is accepted and taken off the list when it ends; in between it is looked at ever
//! more rarely, so a long queue costs little.

use std::time::Duration;

use tracing::{error, warn};

use crate::model::{App, Delivery, Id, Integration, NewJob, OnUnknown, Standing, State, Timestamp};
use crate::store::{Batch, Cut};

use super::ledger::watched;
use super::settle::Scene;
use super::{Core, CoreError, Policy, Route, retried};

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

    /// How long after its acceptance a delivery may end at the latest: by then its receipt's deadline is over, also
    /// when it had to be sent again.
    pub(super) fn longest_wait(&self, channel: &str) -> Duration {
        self.expires_after + self.receipt_deadline(channel)
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

    /// Looks at deliveries of an integration: ends those whose channel stayed silent for too long, puts back to work
    /// what nobody works on, and says when to look again. The pieces whose receipts are overdue.
    pub async fn look(&self, route: Route<'_>, ids: &[Id<Delivery>]) -> Result<Vec<Overdue>, CoreError> {
        let scene = Scene::at(route, self.clock.now());
        let app = &scene.tenant.app.id;
        let list = watched(&scene.integration.id);
        let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let found = self.store.load_all::<Delivery>(app, &names).await?;
        let (mut batch, mut pieces) = (Batch::new(app), Vec::new());
        for (id, found) in names.into_iter().zip(found) {
            match self.seen(scene, found.as_ref().map(|read| &read.value)).await? {
                // Moved only where it still is: it may end at this moment.
                Seen::Waits { until } => batch.rerank(&*list, until.millis(), id),
                Seen::Overdue { until, pieces: some } => {
                    batch.rerank(&*list, until.millis(), id);
                    pieces.extend(some);
                }
                Seen::Moves => self.act(route, &Id::new(id)).await?,
                Seen::Ended => {
                    // The end and the removal from the list are one commit: it ended since the list was read.
                    batch.remove(&*list, id);
                }
            }
        }
        self.store.commit(batch).await?;
        Ok(pieces)
    }

    /// What a delivery needs now.
    async fn seen(&self, scene: Scene<'_>, delivery: Option<&Delivery>) -> Result<Seen, CoreError> {
        let Some(delivery) = delivery.filter(|delivery| delivery.standing() == Standing::Pending) else {
            return Ok(Seen::Ended);
        };
        let (now, check) = (scene.now, self.policy.receipt_check);
        if delivery.state.is_open() {
            let age = now.since(delivery.created).max(self.policy.first_look(&delivery.channel));
            let until = now + age.min(LAST_LOOK);
            let is_idle = self.is_idle(scene, delivery).await?;
            return Ok(if is_idle { Seen::Moves } else { Seen::Waits { until } });
        }
        let sent_at = delivery.sent_at.unwrap_or(delivery.created);
        let deadline = sent_at + self.policy.receipt_deadline(&delivery.channel);
        if deadline <= now {
            return Ok(Seen::Moves);
        }
        let until = deadline.min(now + now.since(sent_at).clamp(check, LAST_LOOK.max(check)));
        if now < sent_at + check {
            return Ok(Seen::Waits { until: until.min(sent_at + check) });
        }
        Ok(Seen::Overdue { until, pieces: overdue(delivery) })
    }

    /// Ends what was silent for too long, and puts back to work what nobody works on.
    async fn act(&self, route: Route<'_>, id: &Id<Delivery>) -> Result<(), CoreError> {
        retried(|| {
            let scene = Scene::at(route, self.clock.now());
            self.try_act(scene, id)
        })
        .await
    }

    async fn try_act(&self, scene: Scene<'_>, id: &Id<Delivery>) -> Result<(), CoreError> {
        let app = &scene.tenant.app.id;
        let Some(mut read) = self.store.load::<Delivery>(app, id.as_str()).await? else { return Ok(()) };
        let mut batch = Batch::new(app);
        let delivery = &mut read.value;
        if !matches!(self.seen(scene, Some(delivery)).await?, Seen::Moves) {
            return Ok(());
        }
        if delivery.state.is_open() {
            error!(delivery = %id, state = delivery.state.word(), "nobody worked on a message: put back to work");
            delivery.note(scene.now, "recovered", Some("nobody worked on it".to_owned()));
            batch.job(NewJob::send(delivery, scene.now));
            let until = scene.now + self.policy.first_look(&delivery.channel);
            batch.rerank(watched(&delivery.integration), until.millis(), id.as_str());
        } else {
            warn!(delivery = %id, "no receipt before the deadline");
            delivery.unconfirmed(scene.now);
        }
        self.save_delivery(scene.now, &mut read, &mut batch);
        Ok(self.store.commit(batch).await?)
    }

    /// Whether a delivery has no job though it needs one: something went wrong that must not cost the message.
    async fn is_idle(&self, scene: Scene<'_>, delivery: &Delivery) -> Result<bool, CoreError> {
        let is_unknown = matches!(delivery.state, State::Unknown { .. });
        if is_unknown && scene.integration.on_unknown == OnUnknown::Hold {
            return Ok(false);
        }
        let job = NewJob::send(delivery, scene.now);
        Ok(!self.store.is_queued(&scene.tenant.app.id, &job).await?)
    }
}

/// What a look at a delivery finds.
enum Seen {
    /// All is well until then.
    Waits {
        /// When to look again.
        until: Timestamp,
    },
    /// Its receipts are overdue.
    Overdue {
        /// When to look again.
        until: Timestamp,
        /// Of these pieces.
        pieces: Vec<Overdue>,
    },
    /// It must be moved.
    Moves,
    /// It is over.
    Ended,
}

/// The pieces of a delivery that the provider took and that did not arrive yet.
fn overdue(delivery: &Delivery) -> Vec<Overdue> {
    let pieces = delivery.parts.iter().enumerate().filter(|(_, piece)| piece.rank == 1);
    let named = pieces.filter_map(|(part, piece)| {
        Some(Overdue { reference: delivery.reference(part), provider_id: piece.provider_id.clone()? })
    });
    named.collect()
}
