//! Sends whose outcome is not known: what the provider says when it is asked, and what people decide.

use std::time::Duration;

use heliograph_connectors::channel::{Accepted, Attempt, ChannelError, Code, Destination, Fate, Verdict};

use crate::model::{
    App, Delivery, Doubt, Id, Integration, Message, Moment, NewJob, OnUnknown, Purpose, State, Tenant,
    Timestamp, Total, answer_in_words,
};
use crate::store::{Batch, Cut, Retry, Settlement, Versioned};

use super::dead_letters::DEAD_LETTERS;
use super::ledger::UNKNOWN;
use super::records::messages_of;
use super::send::{LOOK_AGAIN, error};
use super::settle::Scene;
use super::{Conclusion, Core, CoreError, Once, Route, Thing, retried};

/// Messages that were sent so long before an attempt may be mistaken for it.
const APART: Duration = Duration::from_secs(10);

/// Messages of a conversation among which those are looked for.
const NEIGHBOURS: usize = 50;

/// How often the provider is asked about one attempt, at most.
const ASKS_MAX: u32 = 3;

/// The shortest pause after an ask that failed.
const ASK_PAUSE: Duration = Duration::from_millis(100);

/// Reasons not to call the provider for a send now.
#[derive(Debug)]
pub(super) enum Hold {
    /// Settle the claim so.
    Settle(Settlement),
    /// Ask the provider first what became of the last attempt at this piece.
    Ask(usize, Box<Attempt>),
}

/// What a person decides about a send of unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It goes out again, and may arrive twice.
    Resend,
    /// It is given up, and may have arrived.
    Fail,
}

/// What is kept of an app until an operator, or time, decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Announcements that were given up.
    pub dead_letters: usize,
    /// Sends whose outcome is not known.
    pub unknown: usize,
}

impl Core {
    /// How much an operator may want to look at.
    pub async fn kept_for_operators(&self, app: &Id<App>) -> Result<Kept, CoreError> {
        let lists = [DEAD_LETTERS.to_owned(), UNKNOWN.to_owned()];
        let lengths = self.store.tally(app, Total::FAMILY, &lists).await?.lengths;
        let length = |at: usize| lengths.get(at).copied().unwrap_or(0);
        Ok(Kept { dead_letters: length(0), unknown: length(1) })
    }

    /// Why a delivery is not to be sent now: it is over, or its last call's outcome is not known yet.
    pub(super) async fn hold(
        &self,
        scene: Scene<'_>,
        read: &mut Versioned<Delivery>,
        attempt: u32,
        batch: &mut Batch,
    ) -> Result<Option<Hold>, CoreError> {
        let delivery = &mut read.value;
        if !delivery.state.is_open() {
            return Ok(Some(Hold::Settle(Settlement::Done)));
        }
        // Claimed while a call is marked open: the process that made it died before it could conclude.
        if matches!(delivery.state, State::Sending { .. }) {
            delivery.unknown("the gateway stopped during the call", scene.now);
            self.save_delivery(scene.now, read, batch);
            return Ok(Some(Hold::Settle(self.look_again(scene.now, attempt))));
        }
        let State::Unknown { since } = delivery.state else {
            return Ok(None);
        };
        if scene.now < since + self.policy.reconcile_window {
            return Ok(Some(Hold::Settle(self.look_again(scene.now, attempt))));
        }
        if delivery.asked < ASKS_MAX
            && let Some(part) = delivery.next_part()
        {
            let asked = self.attempt_at(scene, delivery, part, since).await?;
            return Ok(Some(Hold::Ask(part, Box::new(asked))));
        }
        match scene.integration.on_unknown {
            OnUnknown::Resend => return Ok(None),
            OnUnknown::Hold => {
                // Written, so that a decision made at this moment is not overlooked.
                delivery.note(scene.now, "held", Some("waits for a decision".to_owned()));
                self.save_delivery(scene.now, read, batch);
            }
            OnUnknown::Fail => {
                let gone = error(Code::ChannelError, "the send's outcome stayed unknown");
                let told = delivery.failed(gone, scene.now);
                self.moved(scene, read.clone(), told, batch).await?;
            }
        }
        Ok(Some(Hold::Settle(Settlement::Done)))
    }

    /// The attempt to ask about: all calls for a piece since the first whose outcome nobody knows.
    async fn attempt_at(
        &self,
        scene: Scene<'_>,
        delivery: &Delivery,
        part: usize,
        since: Timestamp,
    ) -> Result<Attempt, CoreError> {
        let address = delivery.destination.as_str();
        let began = delivery.began.unwrap_or(since);
        let mut pieces = scene.channel.parts(&delivery.body).unwrap_or_default();
        let body = if part < pieces.len() { pieces.swap_remove(part) } else { delivery.body.clone() };
        Ok(Attempt {
            reference: delivery.reference(part),
            destination: scene.channel.destination(address).unwrap_or_else(|_| Destination::new(address)),
            started_at: began.millis(),
            body,
            alone: self.is_alone(scene, delivery, began).await?,
            known: delivery.external_ids(),
        })
    }

    /// Whether nothing else was sent to the address shortly before. Afterwards nothing was: its lane waited. What
    /// was sent is seen in the history, where a notification stands since it was accepted; what asks to be linked
    /// stands nowhere.
    async fn is_alone(
        &self,
        scene: Scene<'_>,
        delivery: &Delivery,
        began: Timestamp,
    ) -> Result<bool, CoreError> {
        if matches!(delivery.purpose, Purpose::Link { .. } | Purpose::Ping { .. }) {
            return Ok(false);
        }
        let Some(known) = self.at_address(scene, &delivery.destination).await? else { return Ok(true) };
        let app = &scene.tenant.app.id;
        let list = messages_of(&known.conversation.id);
        let page = self.store.page(app, &list, Cut::Newest { limit: NEIGHBOURS }).await?;
        let ids: Vec<String> = page.into_iter().map(|entry| entry.member).collect();
        let since = Timestamp::from_millis(began.millis() - APART.as_millis() as i64);
        let messages = self.store.load_all::<Message>(app, &ids).await?;
        let notified = |message: &Message| message.source.kind == "notification" && message.received >= since;
        if messages.iter().flatten().any(|read| notified(&read.value)) {
            return Ok(false);
        }
        let sent = |other: &Delivery| {
            let is_call = |moment: &Moment| moment.what == "sending" && moment.at >= since;
            other.id != delivery.id && other.timeline.iter().any(is_call)
        };
        let others = self.store.load_all::<Delivery>(app, &ids).await?;
        Ok(!others.iter().flatten().any(|read| sent(&read.value)))
    }

    /// Draws the conclusion from what the provider says about an attempt whose answer was never seen.
    pub async fn reconciled(
        &self,
        route: Route<'_>,
        id: &Id<Delivery>,
        part: usize,
        attempt: u32,
        verdict: &Result<Verdict, ChannelError>,
    ) -> Result<Conclusion, CoreError> {
        let scene = Scene::at(route, self.clock.now());
        let app = &scene.tenant.app.id;
        let mut batch = Batch::new(app);
        let Some(mut read) = self.store.load::<Delivery>(app, id.as_str()).await? else {
            return Ok(Conclusion::Settle(Settlement::Done, batch));
        };
        let delivery = &mut read.value;
        if !matches!(delivery.state, State::Unknown { .. }) || delivery.next_part() != Some(part) {
            // A receipt or a person was faster.
            return Ok(Conclusion::Again(batch));
        }
        match verdict {
            Ok(Verdict::Accepted(accepted)) => {
                delivery.note(scene.now, "reconciled", Some("the provider has it".to_owned()));
                return self.conclude_accepted(scene, read, part, accepted, batch).await;
            }
            Ok(Verdict::NeverSeen) => {
                delivery.sent_back(Doubt::Settled, "the provider never had it", scene.now);
            }
            Ok(Verdict::NoAnswer) => {
                delivery.asked = ASKS_MAX;
                delivery.note(scene.now, "reconciled", Some("the provider cannot tell".to_owned()));
            }
            Err(failure) => {
                delivery.asked += 1;
                delivery.note(scene.now, "reconciled", Some(answer_in_words(failure)));
                let pause = match &failure.fate {
                    Fate::Throttled { retry_after: Some(pause), .. } => *pause,
                    _ => self.policy.reconcile_window,
                };
                let due = scene.now + pause.max(ASK_PAUSE);
                self.save_delivery(scene.now, &mut read, &mut batch);
                let retry = Retry { due, attempt, keeps_lane: true };
                return Ok(Conclusion::Settle(Settlement::Again(retry), batch));
            }
        }
        self.save_delivery(scene.now, &mut read, &mut batch);
        Ok(Conclusion::Again(batch))
    }

    /// The provider has a piece: moves on.
    pub(super) async fn conclude_accepted(
        &self,
        scene: Scene<'_>,
        mut read: Versioned<Delivery>,
        part: usize,
        accepted: &Accepted,
        mut batch: Batch,
    ) -> Result<Conclusion, CoreError> {
        read.value.aliases.clone_from(&accepted.aliases);
        let told = read.value.accepted(part, accepted.provider_id.clone(), scene.reach(), scene.now);
        let moved = self.moved(scene, read, told, &mut batch).await?;
        let more = moved.state.is_open() && moved.next_part().is_some();
        Ok(if more { Conclusion::NextPart(batch) } else { Conclusion::Settle(Settlement::Done, batch) })
    }

    /// A send of unknown outcome keeps its lane, and is looked at often: a receipt may settle it any moment, and
    /// the person's next messages wait behind it.
    pub(super) fn look_again(&self, now: Timestamp, attempt: u32) -> Settlement {
        let due = now + self.policy.reconcile_window.min(LOOK_AGAIN);
        Settlement::Again(Retry { due, attempt, keeps_lane: true })
    }

    /// The deliveries of an app whose outcome is not known, longest first: those behind one, at most `limit`.
    pub async fn unknown(
        &self,
        tenant: &Tenant,
        behind: Option<(Timestamp, String)>,
        limit: usize,
    ) -> Result<Vec<Delivery>, CoreError> {
        let app = &tenant.app.id;
        let (rank, member) = behind.map_or((i64::MIN, String::new()), |(at, id)| (at.millis(), id));
        let page = self.store.page(app, UNKNOWN, Cut::Behind { rank, member, limit }).await?;
        let ids: Vec<String> = page.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<Delivery>(app, &ids).await?;
        let still = |delivery: &Delivery| matches!(delivery.state, State::Unknown { .. });
        Ok(found.into_iter().flatten().map(|read| read.value).filter(still).collect())
    }

    /// Does with a send of unknown outcome what a person decided. A receipt that came first wins. The app, and the
    /// delivery as it is then.
    pub async fn decide(
        &self,
        route: Route<'_>,
        id: &Id<Delivery>,
        decision: Decision,
        once: &Once<'_, (Id<App>, Delivery)>,
    ) -> Result<(Id<App>, Delivery), CoreError> {
        retried(|| {
            let scene = Scene::at(route, self.clock.now());
            self.try_decide(scene, id, decision, once)
        })
        .await
    }

    async fn try_decide(
        &self,
        scene: Scene<'_>,
        id: &Id<Delivery>,
        decision: Decision,
        once: &Once<'_, (Id<App>, Delivery)>,
    ) -> Result<(Id<App>, Delivery), CoreError> {
        let app = &scene.tenant.app.id;
        let found = self.store.load::<Delivery>(app, id.as_str()).await?;
        let Some(mut read) = found else { return Err(CoreError::NotFound(Thing::Delivery)) };
        let delivery = &mut read.value;
        if !matches!(delivery.state, State::Unknown { .. }) {
            let state = delivery.state.word();
            return Err(CoreError::Conflict(format!("notification {id} is not unknown but {state}")));
        }
        let mut batch = Batch::new(app);
        let shown = match decision {
            Decision::Resend => {
                delivery.sent_back(Doubt::Left, "decided: resend", scene.now);
                // The decision is new, so the message is not too old for it.
                delivery.expires = delivery.expires.max(scene.now + self.policy.expires_after);
                batch.job(NewJob::send(delivery, scene.now));
                self.save_delivery(scene.now, &mut read, &mut batch);
                read.value
            }
            Decision::Fail => {
                let gone = error(Code::ChannelError, "the send's outcome stayed unknown and it was given up");
                let told = delivery.failed(gone, scene.now);
                let shown = delivery.clone();
                self.moved(scene, read, told, &mut batch).await?;
                shown
            }
        };
        let done = (app.clone(), shown);
        once.enter(&mut batch, scene.now, &done);
        self.store.commit(batch).await?;
        Ok(done)
    }

    /// The integration a delivery goes through.
    pub async fn integration_of<'a>(
        &self,
        tenant: &'a Tenant,
        delivery: &str,
    ) -> Result<&'a Integration, CoreError> {
        let delivery = self.delivery(tenant, delivery).await?;
        tenant.integration(&delivery.integration).ok_or(CoreError::NotFound(Thing::Integration))
    }
}
