//! Messages a provider here took: kept, shown, and reported back to the gateway until it listens.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Account, iso,
    kept::Kept,
    lock,
    provider::{ErrorCode, Hook, Provider, Report, Signature},
};

/// How many messages are kept, and how many bytes of them.
const SENT_LIMIT: (usize, usize) = (200_000, 128 << 20);

/// What an entry costs beside its texts, roughly.
const SENT_OVERHEAD: usize = 400;

/// Messages whose receipts may be owed at one time; a provider that owes more throttles.
const OWED_LIMIT: usize = 200_000;

/// Receipts on their way at one time: enough to keep a gateway busy, few enough to reuse connections.
const POSTS_LIMIT: usize = 64;

/// The waits between tries of one receipt.
const FIRST_REPEAT: Duration = Duration::from_millis(100);
const LAST_REPEAT: Duration = Duration::from_secs(1);

/// Twilio's total time for a webhook; no provider waits much longer.
const POST_TIMEOUT: Duration = Duration::from_secs(15);

/// So much of an answer is read, so that the connection can be used again.
const ANSWER_LIMIT: usize = 64 << 10;

/// What a send asked for, once its provider found nothing wrong with it.
pub(super) struct Draft {
    pub(super) account: Arc<Account>,
    pub(super) provider_id: String,
    pub(super) to: String,
    pub(super) from: String,
    pub(super) text: String,
    pub(super) media: Vec<String>,
    /// The send as the provider was asked for it, where that is more than text and media say; null elsewhere.
    pub(super) request: Value,
    /// The gateway's own id of it, where the provider echoes one.
    pub(super) reference: Option<String>,
    /// Where its receipts go, where a send says so.
    pub(super) callback: Option<String>,
    /// The pool it was sent from, where the provider has such.
    pub(super) pool: Option<String>,
    /// The provider's word for a message just taken.
    pub(super) status: &'static str,
}

/// A message a provider took.
pub(super) struct Sent {
    pub(super) at: Timestamp,
    pub(super) draft: Draft,
    progress: Mutex<Progress>,
}

/// How far a message came.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    /// The provider's word now.
    pub(super) status: String,
    pub(super) error: Option<ErrorCode>,
    /// When that changed last.
    pub(super) changed_at: Timestamp,
    /// The last receipt's word that the gateway answered with a 2xx.
    acknowledged: Option<String>,
}

impl Sent {
    /// Taken this moment.
    pub(super) fn new(draft: Draft) -> Sent {
        let at = Timestamp::now();
        let status = draft.status.to_owned();
        let progress = Progress { status, error: None, changed_at: at, acknowledged: None };
        Sent { at, draft, progress: Mutex::new(progress) }
    }

    /// How far it came.
    pub(super) fn progress(&self) -> Progress {
        lock(&self.progress).clone()
    }

    /// It came so far, whoever hears of it.
    pub(super) fn reached(&self, report: &Report) {
        let mut progress = lock(&self.progress);
        progress.status.clone_from(&report.status);
        progress.error.clone_from(&report.error);
        progress.changed_at = Timestamp::now();
    }

    fn acknowledged(&self, report: &Report) {
        lock(&self.progress).acknowledged = Some(report.status.clone());
    }

    /// As `/control/sent` shows it.
    fn view(&self) -> Value {
        let draft = &self.draft;
        json!({
            "at": iso(self.at),
            "type": draft.account.kind,
            "integrationId": draft.account.integration_id,
            "to": draft.to,
            "from": draft.from,
            "text": draft.text,
            "media": draft.media,
            "request": draft.request,
            "providerId": draft.provider_id,
            "reference": draft.reference,
            "status": self.progress().acknowledged,
        })
    }

    fn bytes(&self) -> usize {
        let Draft { provider_id, to, from, text, media, reference, callback, pool, .. } = &self.draft;
        let options = [reference, callback, pool].into_iter().flatten();
        let texts = [provider_id, to, from, text].into_iter().chain(media).chain(options);
        let request = if self.draft.request.is_null() { 0 } else { self.draft.request.to_string().len() };
        SENT_OVERHEAD + request + texts.map(String::len).sum::<usize>()
    }
}

/// How long things take.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Pace {
    latency_ms: u64,
    receipt_delay_ms: u64,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { latency_ms: 0, receipt_delay_ms: 20 }
    }
}

/// The messages taken, and what is needed to report on them.
pub(super) struct Outbox {
    sent: Mutex<Kept<Sent>>,
    pace: Mutex<Pace>,
    client: reqwest::Client,
    owed: Arc<Semaphore>,
    posts: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Outbox {
    /// Empty; it stops reporting when stopped.
    pub(super) fn new(stop: CancellationToken) -> io::Result<Outbox> {
        // reqwest asks for a process-wide choice even where only plain HTTP is spoken; another may have made it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(POST_TIMEOUT)
            .pool_max_idle_per_host(POSTS_LIMIT)
            .build()
            .map_err(io::Error::other)?;
        Ok(Outbox {
            sent: Mutex::new(Kept::new(SENT_LIMIT)),
            pace: Mutex::default(),
            client,
            owed: Arc::new(Semaphore::new(OWED_LIMIT)),
            posts: Semaphore::new(POSTS_LIMIT),
            tasks: TaskTracker::new(),
            stop,
        })
    }

    /// Sets how long things take.
    pub(super) fn set_pace(&self, pace: Pace) {
        *lock(&self.pace) = pace;
    }

    /// How long a send takes to be answered.
    pub(super) fn latency(&self) -> Duration {
        Duration::from_millis(lock(&self.pace).latency_ms)
    }

    /// How long each receipt waits.
    pub(super) fn receipt_delay(&self) -> Duration {
        Duration::from_millis(lock(&self.pace).receipt_delay_ms)
    }

    /// A message by its provider's id.
    pub(super) fn get(&self, provider_id: &str) -> Option<Arc<Sent>> {
        lock(&self.sent).get(provider_id)
    }

    /// The messages that match, newest first, from `skip` on and one more than `take` to show that there is more.
    pub(super) fn find(&self, matches: impl Fn(&Sent) -> bool, skip: usize, take: usize) -> Vec<Arc<Sent>> {
        let sent = lock(&self.sent);
        sent.iter().rev().filter(|sent| matches(sent)).skip(skip).take(take + 1).cloned().collect()
    }

    /// All messages as `/control/sent` shows them, oldest first.
    pub(super) fn view(&self) -> Vec<Value> {
        let sent = lock(&self.sent).to_vec();
        sent.iter().map(|sent| sent.view()).collect()
    }

    /// Forgets all messages. Receipts still owed are posted all the same.
    pub(super) fn clear(&self) {
        lock(&self.sent).clear();
    }

    /// Posts once. The status, or `None` when no answer came.
    pub(super) async fn post(&self, hook: Hook) -> Option<StatusCode> {
        let request = self.client.request(hook.method, hook.url).headers(hook.headers).body(hook.body);
        let mut response = request.send().await.ok()?;
        let status = response.status();
        let mut read = 0;
        while let Ok(Some(piece)) = response.chunk().await {
            read += piece.len();
            if read > ANSWER_LIMIT {
                break;
            }
        }
        Some(status)
    }

    /// Posts one receipt more, once, and notes it when it was heard. `None` when the send asked for none.
    pub(super) async fn post_receipt(&self, sent: &Sent, report: &Report, hook: Hook) -> Option<StatusCode> {
        sent.reached(report);
        let status = self.post(hook).await;
        if status.is_some_and(|status| status.is_success()) {
            sent.acknowledged(report);
        }
        status
    }

    /// Keeps a message taken, with a place among those whose receipts are owed; none when too many are.
    pub(super) fn keep(&self, sent: &Arc<Sent>) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.owed).try_acquire_owned().ok()?;
        lock(&self.sent).push(Some(sent.draft.provider_id.clone()), sent.bytes(), Arc::clone(sent));
        Some(place)
    }

    /// Does something beside, until stopped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(task));
    }

    /// Posts a receipt again and again until the gateway takes it.
    pub(super) async fn post_until_heard(&self, provider: &dyn Provider, sent: &Sent, report: &Report) {
        let mut wait = FIRST_REPEAT;
        // Signed anew each time, since some providers sign the time.
        while let Some(hook) = provider.receipt(sent, report, Signature::Valid) {
            let status = {
                let _turn = self.posts.acquire().await;
                self.post(hook).await
            };
            if status.is_some_and(|status| status.is_success()) {
                return sent.acknowledged(report);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LAST_REPEAT);
        }
    }

    /// Waits until every reporting task has ended, which they do when stopped.
    pub(super) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
