//! What much work costs: a full queue over a restart, and memory under steady load. Small here, so that it runs with
//! the other stories; `gateway/README.md` says how to ask for the real amounts.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::harness::config::LIMITS;
use crate::harness::flood::Flood;
use crate::harness::load::setting;
use crate::harness::wait::within;
use crate::harness::{Config, Engine, Rig, on_both_engines};

on_both_engines! {
    a_full_queue_outlives_a_restart_and_drains,
    steady_load_leaves_memory_as_it_is,
}

/// How many wait, and for how long their draining is watched; without a time until all have left.
const QUEUED: (&str, u64) = ("HELIOGRAPH_TEST_QUEUED", 1_000);
const DRAIN_SECONDS: (&str, u64) = ("HELIOGRAPH_TEST_DRAIN_SECONDS", 0);

/// For all to leave, on a slow, busy machine.
const LONG: Duration = Duration::from_secs(120);

/// How much load, for how long.
const SOAK_RATE: (&str, u64) = ("HELIOGRAPH_TEST_SOAK_RATE", 50);
const SOAK_SECONDS: (&str, u64) = ("HELIOGRAPH_TEST_SOAK_SECONDS", 5);

/// How often the soak looks at the memory, in milliseconds.
const SOAK_EVERY: (&str, u64) = ("HELIOGRAPH_TEST_SOAK_EVERY_MS", 500);

/// As many as wait are told apart by their pace alone: next to none, and no limit to speak of.
const PAUSED: f64 = 0.01;
const FREE: f64 = 100_000.0;

/// Events go to the simulator's inbox, which is bounded; the receiver of the stories keeps everything.
fn stage(config: Config, sim: &str, per_second: f64) -> Config {
    config
        .set("apps.0.webhooks.0.target", format!("{sim}/inbox"))
        .set(&format!("{LIMITS}.perSecond"), per_second)
        .set(&format!("{LIMITS}.burst"), per_second.ceil() as i64)
        .set("server.limits.backlog", 10_000_000)
}

async fn a_full_queue_outlives_a_restart_and_drains(engine: Engine) {
    let mut rig = Rig::apart(engine, |config| config).await;
    let sim = rig.sim_address().to_owned();
    rig.gateway.change(|config| stage(config, &sim, PAUSED));
    rig.start_sim().await;
    rig.gateway.start().await;
    let count = setting(QUEUED.0, QUEUED.1);
    let began = Instant::now();
    Flood { count, per_second: None }.pour(rig.gateway.api_address()).await;
    println!("{engine:?}: {count} queued in {:.1?}; {}", began.elapsed(), rig.gateway.memory());
    rig.gateway.kill();

    rig.gateway.change(|config| stage(config, &sim, FREE));
    let began = Instant::now();
    rig.gateway.start().await;
    println!("{engine:?}: ready after {:.2?}; {}", began.elapsed(), rig.gateway.memory());
    let watched = match setting(DRAIN_SECONDS.0, DRAIN_SECONDS.1) {
        0 => None,
        seconds => Some(Duration::from_secs(seconds)),
    };
    let sent = drain(&rig, count, watched, began).await;
    println!("{engine:?}: {:.0} a second", sent as f64 / began.elapsed().as_secs_f64());
    assert!(watched.is_some() || sent == count, "{sent} of {count} left within {LONG:?}");
}

/// Watches the queue until it is empty or the time is over; answers how many left it.
async fn drain(rig: &Rig, count: u64, watched: Option<Duration>, began: Instant) -> u64 {
    let mut tick = interval(watched.map_or(Duration::from_secs(1), |watched| watched / 12));
    let mut before = 0;
    loop {
        tick.tick().await;
        let (sent, passed) = (accepted(rig).await, began.elapsed());
        println!("  {sent} sent after {passed:.1?} (+{}); {}", sent - before, rig.gateway.memory());
        if sent >= count || passed > watched.unwrap_or(LONG) {
            return sent;
        }
        before = sent;
    }
}

/// Messages that the provider took.
async fn accepted(rig: &Rig) -> u64 {
    let limits = rig.sim().limits().await;
    limits.iter().filter_map(|limit| limit["accepted"].as_u64()).sum()
}

async fn steady_load_leaves_memory_as_it_is(engine: Engine) {
    let mut rig = Rig::apart(engine, |config| config).await;
    let sim = rig.sim_address().to_owned();
    rig.gateway.change(|config| stage(config, &sim, FREE));
    rig.start_sim().await;
    rig.gateway.start().await;
    let (rate, seconds) = (setting(SOAK_RATE.0, SOAK_RATE.1), setting(SOAK_SECONDS.0, SOAK_SECONDS.1));
    let address = rig.gateway.api_address().to_owned();
    let flood = Flood { count: rate * seconds, per_second: Some(rate) };
    let load = tokio::spawn(async move { flood.pour(&address).await });
    let began = Instant::now();
    let mut tick = interval(Duration::from_millis(setting(SOAK_EVERY.0, SOAK_EVERY.1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut samples = Vec::new();
    while !load.is_finished() {
        tick.tick().await;
        samples.push((began.elapsed().as_secs_f64() / 60.0, rig.gateway.memory().rss as f64));
    }
    load.await.expect("all of the load is taken");
    // The first fifth is for warming up.
    let warm = &samples[samples.len() / 5..];
    let mean = warm.iter().map(|(_, rss)| rss).sum::<f64>() / warm.len() as f64;
    println!(
        "{engine:?}: {} in {:.1?}; RSS {:.1} MB on average, {:+.2} % a minute over {} samples; {}",
        rate * seconds,
        began.elapsed(),
        mean / 1024.0,
        100.0 * slope(warm) / mean,
        warm.len(),
        rig.gateway.memory(),
    );
    within(LONG, "the last send", async || (accepted(&rig).await >= rate * seconds).then_some(())).await;
}

/// The slope of the straight line nearest to these points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread
}

#[test]
fn a_line_has_its_slope() {
    let points: Vec<(f64, f64)> = (0..9).map(|x| (f64::from(x), 3.0 + 2.0 * f64::from(x))).collect();
    assert!((slope(&points) - 2.0).abs() < 1e-9);
    assert!(slope(&[(0.0, 5.0), (1.0, 5.0)]).abs() < 1e-9);
}
