//! Posts to webhooks, each with one event or, where that is set up, with those that came within a moment of each other.
//!
//! Gathered events stay jobs of their own: each is claimed, settled, tried again and buried as if it had gone alone.
//! What they share is the post. The first to come waits for the others and posts for all, in its own task.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use heliograph_connectors::channel::signature::hmac_sha256;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::egress::{Answer, Unreached};
use crate::model::{Id, Timestamp, Webhook};
use crate::wire::{self, Post, Told};

use super::Outbox;
use super::breaker::{Pass, Seen};
use super::receivers::Receiver;

/// Bytes of the events of one post, about.
const BYTES_MAX: usize = 1 << 20;

/// Answers that are no word about what was posted.
const NOT_ABOUT_IT: [u16; 3] = [408, 425, 429];

/// What came of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) answer: Result<Answer, Unreached>,
    pub(super) begun: Timestamp,
    pub(super) ended: Timestamp,
}

/// What those hear who left their event to another.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    /// It was posted.
    Answered(Answered),
    /// It was refused for something that one of them holds: each is to go alone.
    Alone,
    /// It was not posted: the host went down.
    Down,
}

/// The posts that wait for more.
#[derive(Debug)]
pub(super) struct Batches {
    window: Duration,
    most: usize,
    open: Mutex<HashMap<Id<Webhook>, Arc<Basket>>>,
}

/// What is gathered for a webhook beside the event of who gathers.
#[derive(Debug)]
struct Basket {
    full: Notify,
    gathered: Mutex<Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    bytes: usize,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    told: Told,
    came: oneshot::Sender<Came>,
}

#[derive(Debug)]
enum Joined<'a> {
    /// Nobody gathers: whoever asked does from now on.
    Leads(Leading<'a>),
    /// Somebody does, and will tell what came of it.
    Follows(oneshot::Receiver<Came>),
}

/// Somebody who gathers. Dropped, whatever happened, nobody joins them any more; who had joined hears of it.
#[derive(Debug)]
struct Leading<'a> {
    batches: &'a Batches,
    webhook: Id<Webhook>,
    basket: Arc<Basket>,
}

impl Batches {
    pub(super) fn new(window: Duration, most: usize) -> Batches {
        Batches { window, most, open: Mutex::default() }
    }

    /// Joins whoever gathers for a webhook, or begins to.
    fn join(&self, webhook: &Id<Webhook>, told: &Told) -> Joined<'_> {
        let mut open = lock(&self.open);
        if let Some(basket) = open.get(webhook) {
            let mut gathered = lock(&basket.gathered);
            if gathered.bytes + told.size() <= BYTES_MAX {
                let (came, will_come) = oneshot::channel();
                gathered.bytes += told.size();
                gathered.members.push(Member { told: told.clone(), came });
                let is_full = gathered.members.len() + 1 >= self.most;
                drop(gathered);
                if is_full && let Some(basket) = open.remove(webhook) {
                    basket.full.notify_one();
                }
                return Joined::Follows(will_come);
            }
            basket.full.notify_one();
        }
        let gathered = Gathered { bytes: told.size(), members: Vec::new() };
        let basket = Arc::new(Basket { full: Notify::new(), gathered: Mutex::new(gathered) });
        open.insert(webhook.clone(), basket.clone());
        Joined::Leads(Leading { batches: self, webhook: webhook.clone(), basket })
    }
}

impl Leading<'_> {
    /// Waits until there is no room for more, or no time.
    async fn gathers(&self, stop: &CancellationToken) {
        tokio::select! {
            () = tokio::time::sleep(self.batches.window) => {}
            () = self.basket.full.notified() => {}
            () = stop.cancelled() => {}
        }
    }

    /// Those who joined; nobody does any more.
    fn close(self) -> Vec<Member> {
        self.leaves();
        std::mem::take(&mut lock(&self.basket.gathered).members)
    }

    fn leaves(&self) {
        let mut open = lock(&self.batches.open);
        if open.get(&self.webhook).is_some_and(|basket| Arc::ptr_eq(basket, &self.basket)) {
            open.remove(&self.webhook);
        }
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.leaves();
    }
}

impl Outbox {
    /// Tells a webhook of an event, alone or beside others. `None` when it was not asked.
    pub(super) async fn tell(
        &self,
        receiver: &Receiver,
        webhook: &Webhook,
        told: &Told,
        pass: Pass,
    ) -> Option<Answered> {
        let may_gather = self.batches.most > 1 && !self.batches.window.is_zero() && wire::gathers(webhook);
        match may_gather.then(|| self.batches.join(&webhook.id, told)) {
            None => {}
            Some(Joined::Follows(came)) => match came.await {
                Ok(Came::Answered(answered)) => return Some(answered),
                Ok(Came::Alone) => {}
                Ok(Came::Down) | Err(_) => return None,
            },
            Some(Joined::Leads(leading)) => {
                leading.gathers(&self.stop).await;
                match self.tell_together(receiver, webhook, told, leading.close()).await {
                    Came::Answered(answered) => return Some(ended(answered, pass)),
                    Came::Alone => {}
                    Came::Down => return None,
                }
            }
        }
        let answered = self.post(receiver, webhook, wire::post(webhook, told, [])).await?;
        Some(ended(answered, pass))
    }

    /// One post for all who joined, who hear what came of it.
    async fn tell_together(
        &self,
        receiver: &Receiver,
        webhook: &Webhook,
        told: &Told,
        members: Vec<Member>,
    ) -> Came {
        if members.is_empty() {
            return Came::Alone;
        }
        let beside = members.iter().map(|member| &member.told);
        let came = match self.post(receiver, webhook, wire::post(webhook, told, beside)).await {
            None => Came::Down,
            Some(answered) if refuses_one(&answered.answer) => Came::Alone,
            Some(answered) => Came::Answered(answered),
        };
        for member in members {
            // Who waits no longer needs no answer.
            let _ = member.came.send(came.clone());
        }
        came
    }

    /// Posts, when there is a place at the host. `None` when it went down before there was one.
    async fn post(&self, receiver: &Receiver, webhook: &Webhook, post: Post) -> Option<Answered> {
        let place = receiver.host.places.acquire().await;
        if receiver.host.is_down() {
            return None;
        }
        let body = Bytes::from(post.body);
        let begun = self.core.now();
        let headers = headers(webhook, &post.id, &body, begun);
        receiver.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = self.webhooks.post(&webhook.target, headers, body).await;
        receiver.in_flight.fetch_sub(1, Ordering::Relaxed);
        drop(place);
        Some(Answered { answer, begun, ended: self.core.now() })
    }
}

/// A call ended. Those who left their event to another made none, and their own passes show nothing: a host that
/// refuses one post of a hundred events did not fail a hundred times.
fn ended(answered: Answered, pass: Pass) -> Answered {
    pass.ended(seen(&answered.answer), answered.ended);
    answered
}

/// What an answer shows about its host.
fn seen(answer: &Result<Answer, Unreached>) -> Seen {
    match answer {
        Ok(answer) if answer.status < 500 => Seen::Works,
        // An address that may not be reached was not.
        Err(Unreached::Blocked) => Seen::Nothing,
        Ok(_) | Err(Unreached::Timeout | Unreached::Unreachable) => Seen::Broken,
    }
}

/// Whether an answer refuses what was posted, so that one event of several may be the reason.
fn refuses_one(answer: &Result<Answer, Unreached>) -> bool {
    let Ok(answer) = answer else { return false };
    answer.aborts || ((400..500).contains(&answer.status) && !NOT_ABOUT_IT.contains(&answer.status))
}

/// Sunshine's `X-API-Key`, and the Standard Webhooks headers, whose timestamp is new in every attempt.
fn headers(webhook: &Webhook, id: &str, body: &[u8], now: Timestamp) -> HeaderMap {
    let timestamp = (now.millis() / 1000).to_string();
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    let signature = format!("v1,{}", STANDARD.encode(hmac_sha256(&signing_key(&webhook.secret), &signed)));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [
        ("x-api-key", webhook.secret.as_str()),
        ("webhook-id", id),
        ("webhook-timestamp", &timestamp),
        ("webhook-signature", &signature),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// The key's bytes: what follows `whsec_` in base64, or a secret of any other form as it stands.
fn signing_key(secret: &str) -> Vec<u8> {
    let encoded = secret.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    encoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
