//! The conservation story: the gateway is killed again and again under load, and nothing accepted is lost or ends twice.
//!
//! The witnesses stand outside: the simulator and the customer's endpoint live in processes that are never killed.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::harness::api::Api;
use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::wait::within;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! { nothing_accepted_is_lost_or_ends_twice_when_the_gateway_is_killed }

const PER_SECOND: u64 = 300;
const ENOUGH: usize = 2_000;
const KILLS: usize = 5;

/// For the load, and again for what is left to arrive. A debug build on a busy machine is far below its pace.
const LONG: Duration = Duration::from_secs(150);

/// Requests to the Notification API at a steady pace, answered or not.
#[derive(Debug, Default)]
struct Load {
    /// Marker in the text → id in the 201.
    accepted: Mutex<HashMap<String, String>>,
    asked: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    fn accepted(&self) -> usize {
        self.accepted.lock().expect("the book").len()
    }

    /// Sends until told to stop, then waits for the answers that are still out.
    async fn run(self: Arc<Self>, api: Api) {
        let mut tick = interval(Duration::from_micros(1_000_000 / PER_SECOND));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut out = tokio::task::JoinSet::new();
        while !self.stop.load(Ordering::Relaxed) {
            tick.tick().await;
            let (load, api) = (self.clone(), api.clone());
            out.spawn(async move { load.ask(&api).await });
            while out.try_join_next().is_some() {}
        }
        while out.join_next().await.is_some() {}
    }

    async fn ask(&self, api: &Api) {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let marker = format!("crash-{number:06}");
        let body = notification(&phone(number), &marker).to_string();
        // Without an answer nothing was promised: the request may or may not have been taken.
        let Ok(answer) = api.attempt("POST", &of_app("/notifications"), &[], Some(body)).await else {
            return;
        };
        if answer.status == 201 {
            let id = answer.json["notification"]["_id"].as_str().expect("an id").to_owned();
            self.accepted.lock().expect("the book").insert(marker, id);
        }
    }
}

/// Reserved numbers (555-01xx) of many areas, each used several times.
fn phone(number: usize) -> String {
    format!("+1{}55501{:02}", 201 + (number / 100) % 9, number % 100)
}

async fn nothing_accepted_is_lost_or_ends_twice_when_the_gateway_is_killed(engine: Engine) {
    let mut rig = Rig::apart(engine, |config| config.set("send.reconcileWindow", "300ms")).await;
    rig.start_sim().await;
    rig.gateway.start().await;

    let load = Arc::new(Load::default());
    let driver = tokio::spawn(load.clone().run(rig.gateway.api()));
    let began = Instant::now();
    for kill in 1..=KILLS {
        // Somewhere between the kills' shares of the load, never exactly there.
        let share = ENOUGH * kill / (KILLS + 1);
        within(LONG, "enough to be accepted", async || (load.accepted() >= share).then_some(())).await;
        sleep(Duration::from_millis(rand::rng().random_range(0..400))).await;
        rig.gateway.kill();
        rig.gateway.start().await;
    }
    within(LONG, "enough to be accepted", async || (load.accepted() >= ENOUGH).then_some(())).await;
    load.stop.store(true, Ordering::Relaxed);
    driver.await.expect("the load ends");
    let loaded = began.elapsed();

    let accepted = load.accepted.lock().expect("the book").clone();
    within(LONG, "a final event for each", async || {
        let finals = rig.receiver.final_events();
        accepted.values().all(|id| finals.contains_key(id)).then_some(())
    })
    .await;
    rig.receiver.quiet().await;
    account(engine, &rig, &load, &accepted, (loaded, began.elapsed())).await;
}

/// Counts what the witnesses saw, prints it, and asserts what was promised.
async fn account(
    engine: Engine,
    rig: &Rig,
    load: &Load,
    accepted: &HashMap<String, String>,
    (loaded, whole): (Duration, Duration),
) {
    let sent = rig.sim().sent().await;
    let texts: Vec<&str> = sent.iter().filter_map(|one| one["text"].as_str()).collect();
    let reached: HashSet<&str> = texts.iter().copied().collect();
    let finals = rig.receiver.final_events();
    let arrivals = rig.receiver.arrivals();
    let webhooks: HashSet<&str> = arrivals.iter().map(|one| one.webhook_id()).collect();
    println!(
        "{engine:?}: {} asked, {} accepted in {loaded:.1?}, {KILLS} kills; {} sends of {} texts ({} twice); \
         {} webhooks of {} events; {} final; all done after {whole:.1?}",
        load.asked.load(Ordering::Relaxed),
        accepted.len(),
        texts.len(),
        reached.len(),
        texts.len() - reached.len(),
        arrivals.len(),
        webhooks.len(),
        finals.len(),
    );
    let lost: Vec<&String> = accepted.keys().filter(|marker| !reached.contains(marker.as_str())).collect();
    assert!(lost.is_empty(), "accepted, but never reached the provider: {lost:?}");
    let twice: Vec<_> = finals.iter().filter(|(_, webhooks)| webhooks.len() != 1).collect();
    assert!(twice.is_empty(), "ended more than once: {twice:?}");
}
