//! One send, in two halves around the call to the provider: the mark before it, the conclusion after it.
//!
//! The mark is durable before the call, so a crash in between leaves a send of unknown outcome, never a
//! forgotten one.

use std::time::Duration;

use heliograph_connectors::channel::{
    Accepted, Attempt, Body, ChannelError, Code, Destination, Earlier, Fate, Occasion, OutboundMessage, Scope,
};
use url::Url;

use crate::model::{
    Client, Delivery, DeliveryError, Id, Notified, Purpose, Slowdown, Tenant, Timestamp, User,
    answer_in_words, wait_in_words,
};
use crate::store::{Batch, Retry, Settlement, Versioned};

use super::approved::forget_refused;
use super::hidden::Barred;
use super::limited::count_call;
use super::settle::{Scene, Whose};
use super::unknown::Hold;
use super::watermark::on_its_way;
use super::{Core, CoreError, Route, retried};

/// How often a send of unknown outcome is looked at during its reconcile window.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a claimed send turns out to need.
#[derive(Debug)]
pub enum Begin {
    /// The call to make; it is marked in the store.
    Call {
        /// Which piece of the message.
        part: usize,
        /// The piece, as its channel is given it.
        message: Box<OutboundMessage>,
    },
    /// First the provider must be asked what became of the last attempt.
    Ask {
        /// At which piece of the message.
        part: usize,
        /// The attempt.
        attempt: Box<Attempt>,
    },
    /// Nothing now: settle so.
    Settle(Settlement, Batch),
    /// Nothing before the provider's limit allows it again, which a receipt told of: commit this.
    Slow(Slowdown, Batch),
}

/// What a call's result leads to.
#[derive(Debug)]
pub enum Conclusion {
    /// The message has another piece: commit this and begin again under the same claim.
    NextPart(Batch),
    /// Commit this and begin again under the same claim, whose permit was not used yet.
    Again(Batch),
    /// Settle the claim so.
    Settle(Settlement, Batch),
    /// Settle the claim so, and hold back what the provider wants held back.
    Throttled {
        /// How the claim is settled.
        settlement: Settlement,
        /// What is committed with it.
        batch: Batch,
        /// What the provider named.
        scope: Scope,
        /// How long it asked for, if it did; the settlement then waits so long.
        asked: Option<Duration>,
    },
}

impl Core {
    /// Prepares the next call of a delivery and marks it in the store. `hook_url` is where the integration's
    /// hooks arrive, `limited` why it had to wait, which its timeline then tells.
    pub async fn begin(
        &self,
        route: Route<'_>,
        id: &Id<Delivery>,
        attempt: u32,
        hook_url: &Url,
        limited: Option<String>,
    ) -> Result<Begin, CoreError> {
        retried(|| {
            let scene = Scene::at(route, self.clock.now());
            self.try_begin(scene, id, attempt, hook_url, limited.clone())
        })
        .await
    }

    async fn try_begin(
        &self,
        scene: Scene<'_>,
        id: &Id<Delivery>,
        attempt: u32,
        hook_url: &Url,
        limited: Option<String>,
    ) -> Result<Begin, CoreError> {
        let app = &scene.tenant.app.id;
        let mut batch = Batch::new(app);
        let Some(mut read) = self.store.load::<Delivery>(app, id.as_str()).await? else {
            return Ok(Begin::Settle(Settlement::Done, batch));
        };
        match self.hold(scene, &mut read, attempt, &mut batch).await? {
            Some(Hold::Settle(settlement)) => return Ok(Begin::Settle(settlement, batch)),
            Some(Hold::Ask(part, attempt)) => return Ok(Begin::Ask { part, attempt }),
            None => {}
        }
        if scene.now <= read.value.expires
            && let Some(slowdown) = read.value.slowdown.take()
        {
            self.save_delivery(scene.now, &mut read, &mut batch);
            return Ok(Begin::Slow(slowdown, batch));
        }
        let barred = self.barred(app, &read.value).await?;
        if barred.erased {
            // Whoever erases the person also ends what was to be sent to them.
            return Ok(Begin::Settle(Settlement::Done, batch));
        }
        let delivery = &mut read.value;
        let mut parts = match pieces(scene, delivery, barred) {
            Ok(parts) => parts,
            Err(error) => {
                let told = delivery.failed(error, scene.now);
                self.moved(scene, read, told, &mut batch).await?;
                return Ok(Begin::Settle(Settlement::Done, batch));
            }
        };
        delivery.total = parts.len();
        let Some(part) = delivery.next_part() else {
            return Ok(Begin::Settle(Settlement::Done, batch));
        };
        if limited.is_some() {
            delivery.note(scene.now, "limited", limited);
        }
        delivery.sending(parts.len(), scene.now);
        count_call(scene.integration, scene.now, &mut batch);
        let message = self.outbound(scene, delivery, part, parts.swap_remove(part), hook_url).await?;
        on_its_way(scene, &message.destination.address, &message.reference, &mut batch);
        self.save_delivery(scene.now, &mut read, &mut batch);
        self.store.commit(batch).await?;
        Ok(Begin::Call { part, message: Box::new(message) })
    }

    /// A piece with everything its channel may want to know.
    async fn outbound(
        &self,
        scene: Scene<'_>,
        delivery: &Delivery,
        part: usize,
        body: Body,
        hook_url: &Url,
    ) -> Result<OutboundMessage, CoreError> {
        let (occasion, author) = match &delivery.purpose {
            Purpose::Message { author, .. } => (Occasion::Conversation, author.clone()),
            Purpose::Notification { author, .. } => (Occasion::Notification, author.name.clone()),
            Purpose::Link { .. } | Purpose::Ping { .. } => (Occasion::Notification, None),
        };
        let address = delivery.destination.as_str();
        let user = self.reader(scene, delivery).await?;
        let client = user.as_ref().and_then(|user| user.client_at(&scene.integration.id, address));
        let earlier = client.and_then(|client| {
            Some(Earlier { at: client.last_seen?.millis(), thread: client.thread.clone() })
        });
        let subject = match &delivery.purpose {
            Purpose::Link { client } => user.as_ref().and_then(|user| subject_of(user, client)),
            _ => None,
        };
        Ok(OutboundMessage {
            reference: delivery.reference(part),
            // The address was canonical when the delivery was made; the channel knows its other spellings.
            destination: scene.channel.destination(address).unwrap_or_else(|_| Destination::new(address)),
            body,
            hook_url: hook_url.clone(),
            occasion,
            app: scene.tenant.app.name.clone(),
            author,
            subject,
            accepted_at: delivery.created.millis(),
            earlier,
        })
    }

    /// The person a message is for, where its channel wants to know what they said.
    async fn reader(&self, scene: Scene<'_>, delivery: &Delivery) -> Result<Option<User>, CoreError> {
        if !scene.channel.capabilities().answers {
            return Ok(None);
        }
        match &delivery.user {
            Some(user) => Ok(self.person(&scene.tenant.app.id, user).await?.map(|read| read.value)),
            None => Ok(self.at_address(scene, &delivery.destination).await?.map(|known| known.user)),
        }
    }

    /// Draws the conclusion from a call's result. Pure but for reading: the caller commits, and on a conflict
    /// (a receipt came meanwhile) asks again.
    pub async fn conclude(
        &self,
        route: Route<'_>,
        id: &Id<Delivery>,
        part: usize,
        attempt: u32,
        result: &Result<Accepted, ChannelError>,
    ) -> Result<Conclusion, CoreError> {
        let scene = Scene::at(route, self.clock.now());
        let app = &scene.tenant.app.id;
        let batch = Batch::new(app);
        let Some(read) = self.store.load::<Delivery>(app, id.as_str()).await? else {
            return Ok(Conclusion::Settle(Settlement::Done, batch));
        };
        match result {
            Ok(accepted) => self.conclude_accepted(scene, read, part, accepted, batch).await,
            Err(failure) => self.conclude_failure(scene, read, part, attempt, failure, batch).await,
        }
    }

    async fn conclude_failure(
        &self,
        scene: Scene<'_>,
        mut read: Versioned<Delivery>,
        part: usize,
        attempt: u32,
        failure: &ChannelError,
        mut batch: Batch,
    ) -> Result<Conclusion, CoreError> {
        let delivery = &mut read.value;
        // A receipt was faster than this answer and already told how it went.
        if !delivery.state.is_open() {
            let had_effect = failure.fate == Fate::Transient { maybe_sent: true };
            if !had_effect && delivery.made_no_copy(part) {
                self.save_delivery(scene.now, &mut read, &mut batch);
            }
            return Ok(Conclusion::Settle(Settlement::Done, batch));
        }
        match &failure.fate {
            Fate::Throttled { retry_after, scope } => {
                let pause = retry_after.unwrap_or(scene.channel.capabilities().rate.pause);
                delivery.requeued("throttled", &wait_in_words(pause, failure), scene.now);
                self.save_delivery(scene.now, &mut read, &mut batch);
                let due = scene.now + pause;
                let settlement = Settlement::Again(Retry { due, attempt, keeps_lane: true });
                Ok(Conclusion::Throttled { settlement, batch, scope: *scope, asked: *retry_after })
            }
            Fate::Transient { maybe_sent: true } => {
                delivery.unknown(&answer_in_words(failure), scene.now);
                self.save_delivery(scene.now, &mut read, &mut batch);
                Ok(Conclusion::Settle(self.look_again(scene.now, attempt), batch))
            }
            Fate::Transient { maybe_sent: false } => {
                if let Some(due) = retry_at(&self.policy.retry, attempt, scene.now)
                    && due < delivery.expires
                {
                    delivery.requeued("retrying", &wait_in_words(due.since(scene.now), failure), scene.now);
                    self.save_delivery(scene.now, &mut read, &mut batch);
                    let retry = Retry { due, attempt: attempt + 1, keeps_lane: true };
                    return Ok(Conclusion::Settle(Settlement::Again(retry), batch));
                }
                self.conclude_failed(scene, read, failure, batch).await
            }
            Fate::Permanent => self.conclude_failed(scene, read, failure, batch).await,
        }
    }

    async fn conclude_failed(
        &self,
        scene: Scene<'_>,
        mut read: Versioned<Delivery>,
        failure: &ChannelError,
        mut batch: Batch,
    ) -> Result<Conclusion, CoreError> {
        read.value.note(scene.now, "refused", Some(answer_in_words(failure)));
        forget_refused(scene.route(), &read.value.body, failure.provider_code.as_deref(), &mut batch);
        let told: Vec<Notified> = read.value.failed(failure.clone().into(), scene.now);
        self.moved(scene, read, told, &mut batch).await?;
        Ok(Conclusion::Settle(Settlement::Done, batch))
    }

    /// Fails a delivery whose integration is gone, once it is too old to wait for it any longer.
    pub async fn abandon_expired(
        &self,
        tenant: &Tenant,
        id: &Id<Delivery>,
    ) -> Result<Option<Batch>, CoreError> {
        let now = self.clock.now();
        let mut batch = Batch::new(&tenant.app.id);
        let Some(mut read) = self.store.load::<Delivery>(&tenant.app.id, id.as_str()).await? else {
            return Ok(Some(batch));
        };
        if !read.value.state.is_open() {
            return Ok(Some(batch));
        }
        if now < read.value.expires {
            return Ok(None);
        }
        let told = read.value.failed(error(Code::UncategorizedError, "the integration is not active"), now);
        if self.barred(&tenant.app.id, &read.value).await?.erased {
            self.save_delivery(now, &mut read, &mut batch);
            return Ok(Some(batch));
        }
        self.tell(tenant, now, &mut read.value, Whose::default(), told, &mut batch);
        self.save_delivery(now, &mut read, &mut batch);
        Ok(Some(batch))
    }
}

/// The pieces to send, or why nothing is to be sent at all.
fn pieces(scene: Scene<'_>, delivery: &Delivery, barred: Barred) -> Result<Vec<Body>, DeliveryError> {
    if delivery.expires < scene.now {
        return Err(error(Code::UncategorizedError, "the message expired before it could be sent"));
    }
    if barred.opted_out && !scene.integration.ignore_opt_out {
        return Err(error(Code::Forbidden, "the person opted out of messages from this sender"));
    }
    scene.channel.parts(&delivery.body).map_err(DeliveryError::from)
}

/// What the business said a link's first message is about.
fn subject_of(user: &User, client: &Id<Client>) -> Option<String> {
    let link = user.pending.iter().find(|link| link.client.id == *client)?;
    Some(link.criteria.get("subject")?.as_str()?.to_owned())
}

/// When the next try is due: the schedule's waits, then its last wait for ever (a message ends by expiring).
pub(super) fn retry_at(schedule: &[Duration], attempt: u32, now: Timestamp) -> Option<Timestamp> {
    let wait = schedule.get(attempt as usize).or(schedule.last())?;
    Some(now + *wait)
}

pub(super) fn error(code: Code, message: &str) -> DeliveryError {
    DeliveryError { code, message: message.to_owned(), underlying: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_follow_the_schedule_and_then_its_last_wait() {
        let schedule = [Duration::from_millis(10), Duration::from_millis(20)];
        let now = Timestamp::from_millis(0);
        let waits: Vec<i64> =
            (0..4).filter_map(|attempt| retry_at(&schedule, attempt, now)).map(Timestamp::millis).collect();
        assert_eq!(waits, [10, 20, 20, 20]);
        assert_eq!(retry_at(&[], 0, now), None);
    }
}
