//! What waits says why.

use crate::harness::line::called;
use crate::harness::{Config, Engine, Rig, on_both_engines};

on_both_engines! {
    a_wait_for_the_integrations_rate_is_told,
    a_wait_for_the_apps_limit_is_told,
}

const LIMITS: &str = "apps.0.integrations.0.limits";

fn number(place: usize) -> String {
    format!("+1514555{:04}", 2000 + place)
}

/// Why a notification was held back, as its timeline tells, and for how many seconds.
async fn limited(rig: &Rig, id: &str) -> Option<(String, f64)> {
    let trace = rig.timeline(id).await;
    let timeline = trace["timeline"].as_array().expect("a timeline");
    let what: Vec<&str> = timeline.iter().filter_map(|moment| moment["what"].as_str()).collect();
    let at = what.iter().position(|what| *what == "limited")?;
    assert_eq!(what[..=at + 1], ["queued", "limited", "sending"], "{trace}");
    let (why, wait) = timeline[at]["detail"].as_str()?.split_once(": waited ")?;
    Some((why.to_owned(), wait.strip_suffix(" s")?.parse().expect("seconds")))
}

async fn a_wait_for_the_integrations_rate_is_told(engine: Engine) {
    let slow =
        |config: Config| config.set(&format!("{LIMITS}.perSecond"), 0.5).set(&format!("{LIMITS}.burst"), 1);
    let rig = Rig::with(engine, slow).await;
    let (first, _) = rig.notify_and_deliver(&number(1), "at once").await;
    let (second, _) = rig.notify_and_deliver(&number(2), "two seconds later").await;
    assert_eq!(limited(&rig, &first).await, None);
    let (why, wait) = limited(&rig, &second).await.expect("it says why it waited");
    assert_eq!(why, "the integration's rate");
    assert!((1.0..10.0).contains(&wait), "{wait}");
}

async fn a_wait_for_the_apps_limit_is_told(engine: Engine) {
    let rig = Rig::with(engine, |config| {
        let config = config.set("apps.0.limits.perSecond", 0.5).set("apps.0.limits.burst", 1);
        called("messagebird").join(config)
    })
    .await;
    rig.notify_and_deliver(&number(1), "at once").await;
    let (second, _) = rig.notify_and_deliver(&number(2), "two seconds later").await;
    let (why, wait) = limited(&rig, &second).await.expect("it says why it waited");
    assert_eq!(why, "the app's limit");
    assert!((1.0..10.0).contains(&wait), "{wait}");
}
