//! The pace itself, measured at the provider: after the burst, as fast as set and no faster.
//!
//! How fast a busy machine gets says nothing, so in the ordinary run only "no faster" is held. `HELIOGRAPH_PACE=1000:60`
//! measures such a pace for a minute, on a release build, and holds it to one percent.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::config::TWILIO;
use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::wait::within;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    the_pace_is_kept,
}

/// Messages a second, and for how many seconds, unless the environment asks for others.
const USUAL: (f64, f64) = (80.0, 4.0);

/// A message may take so much longer to its provider than another.
const JITTER: f64 = 0.5;

/// Notifications posted at the same time.
const POSTERS: usize = 16;

/// What the environment asks to be measured.
fn asked() -> Option<(f64, f64)> {
    let asked = std::env::var("HELIOGRAPH_PACE").ok()?;
    let (rate, seconds) = asked.split_once(':').expect("HELIOGRAPH_PACE=RATE:SECONDS");
    Some((rate.parse().expect("a rate"), seconds.parse().expect("seconds")))
}

async fn the_pace_is_kept(engine: Engine) {
    let (rate, seconds) = asked().unwrap_or(USUAL);
    let burst = 20;
    let limits = "apps.0.integrations.0.limits";
    let rig = Rig::with(engine, |config| {
        config.set(&format!("{limits}.perSecond"), rate).set(&format!("{limits}.burst"), burst)
    })
    .await;
    let admin = rig.gateway.admin();
    let path = |rest: &str| format!("/heliograph/v1/integrations/{TWILIO}/{rest}");
    admin.post(&path("pause"), &json!({})).await.expect(200);
    let count = burst as usize + (rate * seconds) as usize;
    post(&rig, count).await;
    admin.post(&path("resume"), &json!({})).await.expect(200);
    let patience = Duration::from_secs_f64(seconds * 2.0 + 60.0);
    let sent = within(patience, "everything to be sent", async || {
        let sent = rig.sim().sent().await;
        (sent.len() >= count).then_some(sent)
    })
    .await;
    let mut at: Vec<f64> = sent.iter().map(seconds_of).collect();
    at.sort_by(f64::total_cmp);
    let sustained = (count - burst as usize) as f64 / (at[count - 1] - at[burst as usize - 1]);
    println!("{engine:?}: {sustained:.2}/s of {rate}/s after a burst of {burst}, {count} messages");
    let slowest = if asked().is_some() { 0.99 } else { 0.0 };
    assert!((slowest..=1.01).contains(&(sustained / rate)), "{sustained}/s instead of {rate}/s");
    for (first, from) in at.iter().enumerate().step_by(burst as usize) {
        for (last, until) in at.iter().enumerate().skip(first).step_by(burst as usize) {
            let most = rate * (until - from + JITTER) + f64::from(burst);
            assert!((last - first) as f64 <= most, "{} within {} s", last - first, until - from);
        }
    }
    assert!(!rig.receiver.triggers().iter().any(|trigger| trigger.ends_with("failure")));
}

/// Posts so many notifications, each to a number of its own.
async fn post(rig: &Rig, count: usize) {
    let posters = (0..POSTERS).map(|poster| async move {
        for place in (poster..count).step_by(POSTERS) {
            let number = format!("+1514{:07}", 2_000_000 + place);
            let body = notification(&number, "paced");
            rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
        }
    });
    futures_of(posters).await;
}

/// Runs them all at the same time, on this task.
async fn futures_of(all: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut open: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        open.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if open.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

fn seconds_of(sent: &Value) -> f64 {
    let at: jiff::Timestamp = sent["at"].as_str().expect("a time").parse().expect("a time");
    at.as_millisecond() as f64 / 1000.0
}
