//! Load on the Notification API at a steady pace, and the book of what was promised.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};

use super::api::Api;
use super::simulator::of_app;

/// Requests, answered or not.
#[derive(Debug, Default)]
pub(crate) struct Load {
    accepted: Mutex<BTreeSet<String>>,
    asked: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    /// The ids in every 201 so far.
    pub(crate) fn accepted(&self) -> BTreeSet<String> {
        self.accepted.lock().expect("the book").clone()
    }

    /// Requests so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ends [`run`](Self::run).
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Sends the n-th body until told to stop, then waits for the answers that are still out.
    pub(crate) async fn run(self: Arc<Self>, api: Api, per_second: u64, body: fn(usize) -> Value) {
        let mut tick = interval(Duration::from_micros(1_000_000 / per_second));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut out = tokio::task::JoinSet::new();
        while !self.stop.load(Ordering::Relaxed) {
            tick.tick().await;
            let body = body(self.asked.fetch_add(1, Ordering::Relaxed));
            let (load, api) = (self.clone(), api.clone());
            out.spawn(async move { load.ask(&api, &body).await });
            while out.try_join_next().is_some() {}
        }
        while out.join_next().await.is_some() {}
    }

    async fn ask(&self, api: &Api, body: &Value) {
        // Without an answer nothing was promised: the request may or may not have been taken.
        let asked = api.attempt("POST", &of_app("/notifications"), &[], Some(body.to_string())).await;
        let Ok(answer) = asked else { return };
        if answer.status == 201 {
            let id = answer.json["notification"]["_id"].as_str().expect("an id").to_owned();
            self.accepted.lock().expect("the book").insert(id);
        }
    }
}

/// A number that a person running the tests may set.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(given) => given.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {given}")),
        Err(_) => default,
    }
}
