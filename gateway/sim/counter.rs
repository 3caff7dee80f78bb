//! The counter at which every provider takes its sends: decides what happens to one, does it, and keeps the books.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{sleep, timeout},
};

use super::{
    Sim,
    behaviour::{Answer, Plan, Receipts},
    iso,
    kept::Kept,
    lock,
    outbox::{Draft, Sent},
    provider::{Fate, Provider, Report, Signature},
    rules::Sending,
    wire::Wire,
};

/// How many sends are remembered, and how many bytes of them.
const CALLS_LIMIT: (usize, usize) = (200_000, 64 << 20);

/// What a remembered send costs, roughly.
const CALL_BYTES: usize = 300;

/// How long receipts that go before the answer may hold it back.
const EARLY_LIMIT: Duration = Duration::from_secs(5);

/// What became of a send at the counter.
pub(super) struct Served {
    pub(super) sent: Arc<Sent>,
    pub(super) answer: Answer,
    wire: Wire,
}

impl Served {
    /// Sends the answer, now in the provider's words, on its way.
    pub(super) fn carry(&self, answer: impl IntoResponse) -> Response {
        self.wire.carry(answer)
    }
}

/// Every send that was asked for, taken or not.
pub(super) struct Calls(Mutex<Kept<Call>>);

struct Call {
    at: Timestamp,
    sent: Arc<Sent>,
    is_taken: bool,
    told: &'static str,
}

impl Calls {
    /// None so far.
    pub(super) fn new() -> Calls {
        Calls(Mutex::new(Kept::new(CALLS_LIMIT)))
    }

    fn note(&self, sent: &Arc<Sent>, is_taken: bool, told: &'static str) {
        let call = Call { at: Timestamp::now(), sent: Arc::clone(sent), is_taken, told };
        lock(&self.0).push(None, CALL_BYTES, Arc::new(call));
    }

    /// All sends as `/control/calls` shows them, oldest first.
    pub(super) fn view(&self) -> Vec<Value> {
        lock(&self.0).to_vec().iter().map(|call| call.view()).collect()
    }

    /// Forgets them.
    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }
}

impl Call {
    fn view(&self) -> Value {
        let draft = &self.sent.draft;
        json!({
            "at": iso(self.at),
            "type": draft.account.kind,
            "integrationId": draft.account.integration_id,
            "to": draft.to,
            "reference": draft.reference,
            "told": self.told,
            "providerId": self.is_taken.then_some(&draft.provider_id),
        })
    }
}

impl Sim {
    /// Decides what happens to a checked send, does it, and says what its sender is to be told.
    pub(super) async fn take(self: &Arc<Self>, draft: Draft) -> Served {
        let sent = Arc::new(Sent::new(draft));
        let Plan { mut fate, mut answer, wire, hang, receipts } = self.plan(&sent);
        let latency = self.outbox.latency();
        let place = fate.as_ref().and_then(|_| self.outbox.keep(&sent));
        if fate.is_some() && place.is_none() {
            (fate, answer) = (None, Answer::Throttled { retry_after: None });
        }
        self.count(&sent, fate.is_some(), &answer, wire);
        if let (Some(fate), Some(place)) = (&fate, place) {
            self.report(&sent, fate, receipts, latency, place).await;
        }
        sleep(latency.saturating_add(hang)).await;
        Served { sent, answer, wire }
    }

    /// A limit comes before all rules.
    fn plan(&self, sent: &Sent) -> Plan {
        let draft = &sent.draft;
        let integration_id = draft.account.integration_id.as_str();
        if let Err(retry_after) = lock(&self.limits).admit(integration_id, Instant::now()) {
            return Plan::not_taken(Answer::Throttled { retry_after });
        }
        let sending = Sending { kind: &draft.account.kind, integration_id, destination: &draft.to };
        lock(&self.rules).decide(sending).plan()
    }

    fn count(&self, sent: &Arc<Sent>, is_taken: bool, answer: &Answer, wire: Wire) {
        let integration_id = &sent.draft.account.integration_id;
        self.calls.note(sent, is_taken, wire.word().unwrap_or(answer.word()));
        let mut limits = lock(&self.limits);
        if is_taken {
            limits.accepted(integration_id);
        }
        if matches!(answer, Answer::Throttled { .. } | Answer::PairLimited { .. }) {
            limits.throttled(integration_id);
        }
    }

    /// Sees to a message's receipts. It was taken before it is answered, as with providers: a caller who hangs up
    /// does not undo it. Receipts count from the usual answer, not from one that hangs.
    async fn report(
        self: &Arc<Self>,
        sent: &Arc<Sent>,
        fate: &Fate,
        receipts: Receipts,
        latency: Duration,
        place: OwnedSemaphorePermit,
    ) {
        let Some(provider) = self.providers.get(sent.draft.account.kind.as_str()) else { return };
        let reports = provider.reports(fate);
        if reports.is_empty() {
            return;
        }
        let wait = match receipts {
            Receipts::Early => Duration::ZERO,
            Receipts::Late(wait) => latency.saturating_add(wait),
            _ => latency,
        };
        let (sim, provider, about) = (Arc::clone(self), Arc::clone(provider), Arc::clone(sent));
        let (told, is_told) = tokio::sync::oneshot::channel::<()>();
        self.outbox.spawn(async move {
            let _place = place;
            sleep(wait).await;
            sim.tell(&*provider, &about, &reports, receipts).await;
            let _ = told.send(());
        });
        if receipts == Receipts::Early {
            let _ = timeout(EARLY_LIMIT, is_told).await;
        }
    }

    async fn tell(&self, provider: &dyn Provider, sent: &Sent, reports: &[Report], receipts: Receipts) {
        let mut order: Vec<&Report> = reports.iter().collect();
        if matches!(receipts, Receipts::Reversed | Receipts::Missing | Receipts::Forged) {
            // The provider itself knows how far the message came.
            reports.iter().for_each(|report| sent.reached(report));
            order.reverse();
        }
        if receipts == Receipts::Missing {
            return;
        }
        for report in order {
            if receipts != Receipts::Early {
                sleep(self.outbox.receipt_delay()).await;
            }
            match receipts {
                Receipts::Forged => {
                    if let Some(hook) = provider.receipt(sent, report, Signature::Forged) {
                        self.outbox.post(hook).await;
                    }
                    continue;
                }
                Receipts::Reversed => {}
                _ => sent.reached(report),
            }
            self.outbox.post_until_heard(provider, sent, report).await;
            if receipts == Receipts::Twice {
                self.outbox.post_until_heard(provider, sent, report).await;
            }
        }
    }
}
