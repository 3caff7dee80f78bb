//! What waits says why, and hides nothing behind it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use toml::{Table, Value as Toml};

use crate::harness::api::Api;
use crate::harness::config::LIMITS;
use crate::harness::line::called;
use crate::harness::rig::notification;
use crate::harness::wait::within;
use crate::harness::{Config, Engine, Rig, on_both_engines};

on_both_engines! {
    a_wait_for_the_integrations_rate_is_told,
    a_wait_for_the_apps_limit_is_told,
    many_that_are_held_back_hide_nobody,
}

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

/// Integrations of the crowd: with three groups each, far more than 512 in each of eight slots.
const CROWD: usize = 1_800;

const CROWD_APP: &str = "5963c0d619a30a2e00de36d8";
const CROWD_KEY: &str = "app_5963c0d619a30a2e00de36d9";

/// For thousands of requests on a busy machine.
const LONG: Duration = Duration::from_secs(300);

fn member(place: usize) -> String {
    format!("{:024x}", 0x00c0_ffee_0000_0000_u64 + place as u64)
}

/// An app that may send one message in a quarter of an hour through any of its integrations.
fn crowd() -> Table {
    let table = |text: &str| text.parse::<Table>().expect("TOML");
    let integrations = (0..CROWD).map(|place| {
        Toml::Table(table(&format!(
            r#"
            id = "{}"
            type = "twilio"
            accountSid = "AC{place:032x}"
            authToken = "fake-auth-token"
            phoneNumber = "+1514556{place:04}"
            "#,
            member(place)
        )))
    });
    let integrations = Toml::Array(integrations.collect());
    let mut app = table(&format!(
        r#"
        id = "{CROWD_APP}"
        name = "Crowd"
        limits = {{ perSecond = 0.001, burst = 1 }}
        [[keys]]
        id = "{CROWD_KEY}"
        secret = "fake-crowd-secret"
        "#
    ));
    app.insert("integrations".to_owned(), integrations);
    app
}

/// Asks until it is taken: so many at once may be too much for a busy machine.
async fn taken(api: &Api, body: &Value) {
    let path = format!("/v1.1/apps/{CROWD_APP}/notifications");
    let deadline = Instant::now() + LONG;
    loop {
        let answer = api.post(&path, body).await;
        if answer.status == 201 {
            return;
        }
        assert!(answer.status == 503 && Instant::now() < deadline, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn many_that_are_held_back_hide_nobody(engine: Engine) {
    // All apps in one shard: the crowd stands in every queue before whoever comes later.
    let rig = Rig::with(engine, |config| config.set("store.shards", 1).push(".apps", crowd())).await;
    let mut posted: JoinSet<()> = (0..32)
        .map(|share| {
            let api = Api::basic(rig.gateway.api_address(), CROWD_KEY, "fake-crowd-secret");
            async move {
                for place in (share..CROWD).step_by(32) {
                    for priority in ["high", "normal", "bulk"] {
                        let mut body = notification(&number(place), "in the crowd");
                        body["destination"]["integrationId"] = json!(member(place));
                        body["priority"] = json!(priority);
                        taken(&api, &body).await;
                    }
                }
            }
        })
        .collect();
    while let Some(done) = posted.join_next().await {
        done.expect("all are taken");
    }
    let id = rig.notify(&number(1), "behind the crowd").await;
    let told = |event: &Value| event["notification"]["_id"] == id && event["isFinalEvent"] == true;
    within(LONG, "what is not held back", async || rig.receiver.events().into_iter().find(told)).await;
}
