//! Receivers that fail, hang or attack, people and integrations in trouble: what they cost themselves, and that they
//! cost nobody else anything.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use toml::Table;

use crate::harness::config::{APP, Config, OTHER_TWILIO, WEBHOOK, other_twilio};
use crate::harness::hostile::{Hostile, Manner};
use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_dead_receiver_is_left_alone_until_it_works_again,
    what_a_schedule_would_have_given_up_is_given_up,
    hostile_receivers_cost_nobody_else_anything,
    a_dead_receiver_costs_nobody_else_anything,
    a_stuck_person_costs_nobody_else_anything,
    a_throttled_integration_costs_nobody_else_anything,
    a_receiver_may_abort_a_message,
    durable_goes_on_after_what_sunshine_calls_final,
}

/// Sends this many notifications, each to a number of its own.
async fn notify_many(rig: &Rig, count: usize) {
    for number in 0..count {
        rig.notify(&format!("+1514555{number:04}"), "to many").await;
    }
}

async fn dead_letters(rig: &Rig) -> Vec<Value> {
    let path = format!("/heliograph/v1/deadletters?app={APP}&webhook={WEBHOOK}");
    rig.gateway.admin().get(&path).await.expect(200)["deadLetters"].as_array().expect("letters").clone()
}

fn different_ids(rig: &Rig, taken_only: bool) -> HashSet<String> {
    let arrivals = rig.receiver.arrivals().into_iter();
    let arrivals = arrivals.filter(|arrival| !taken_only || arrival.status == 200);
    arrivals.map(|arrival| arrival.webhook_id().to_owned()).collect()
}

async fn a_dead_receiver_is_left_alone_until_it_works_again(engine: Engine) {
    // What probes a receiver that is still down is an attempt: there are enough for all probes of this story.
    let schedule = ["200ms", "500ms", "1s", "2s", "2s", "60s"];
    let rig = Rig::with(engine, |config| config.list("webhooks.schedule", &schedule)).await;
    rig.receiver.always_answer(503);
    notify_many(&rig, 100).await;
    eventually("all sends", async || (rig.sim().sent().await.len() == 100).then_some(())).await;
    rig.receiver.quiet().await;
    let asked = different_ids(&rig, false).len();
    assert!(asked < 120, "200 events wait and {asked} of them were posted: the receiver is not left alone");
    rig.receiver.always_answer(200);
    eventually("every event", async || (different_ids(&rig, true).len() == 200).then_some(())).await;
    let mut tries = HashMap::<String, usize>::new();
    for arrival in rig.receiver.arrivals() {
        *tries.entry(arrival.webhook_id().to_owned()).or_default() += 1;
    }
    assert!(tries.values().all(|tries| *tries <= 5), "waiting spends no attempt: {tries:?}");
    assert!(dead_letters(&rig).await.is_empty());
}

async fn what_a_schedule_would_have_given_up_is_given_up(engine: Engine) {
    let rig = Rig::with(engine, |config| config.list("webhooks.schedule", &["50ms", "50ms"])).await;
    rig.receiver.always_answer(503);
    notify_many(&rig, 40).await;
    let letters = eventually("80 dead letters", async || {
        let letters = dead_letters(&rig).await;
        (letters.len() == 80).then_some(letters)
    })
    .await;
    let unasked = letters.iter().filter(|letter| letter["lastError"] == "host down").count();
    assert!(unasked > 0, "some were given up without being asked: {}", letters[0]);
    let posts = rig.receiver.arrivals().len();
    assert!(posts < 240, "{posts} posts for 80 events of 3 attempts: nobody waited");

    rig.receiver.always_answer(200);
    let path = format!("/heliograph/v1/deadletters/replay?app={APP}");
    let replayed = rig.gateway.admin().post(&path, &json!({"webhook": WEBHOOK})).await.expect(200);
    assert_eq!(replayed, json!({"replayed": 80}));
    // The breaker may still be open for a moment and outlast this short schedule: then they are letters again.
    eventually("every event", async || {
        rig.gateway.admin().post(&path, &json!({"webhook": WEBHOOK})).await.expect(200);
        (different_ids(&rig, true).len() == 80).then_some(())
    })
    .await;
    assert!(dead_letters(&rig).await.is_empty());
}

fn webhook(id: usize, target: &str) -> Table {
    let mut table = Table::new();
    table.insert("id".into(), format!("{id:024x}").into());
    table.insert("target".into(), target.into());
    table.insert("triggers".into(), vec!["*"].into());
    table.insert("secret".into(), "fake-hostile-secret".into());
    table
}

/// What goes wrong beside those who are timed.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// Nothing.
    Nothing,
    /// Receivers of these manners hear of everything too.
    Receivers(&'static [Manner]),
    /// The provider does not answer for one person, for whom more and more waits.
    StuckPerson,
    /// The provider tells another integration of the app to slow down, whatever it sends.
    ThrottledIntegration,
}

impl Trouble {
    async fn receivers(self) -> Vec<Hostile> {
        let Trouble::Receivers(manners) = self else { return Vec::new() };
        let mut all = Vec::new();
        for manner in manners {
            all.push(Hostile::start(manner.clone()).await);
        }
        all
    }

    fn configured(self, config: Config, receivers: &[Hostile]) -> Config {
        let config = match self {
            Trouble::ThrottledIntegration => config.push("apps.0.integrations", other_twilio()),
            _ => config,
        };
        receivers
            .iter()
            .enumerate()
            .fold(config, |config, (id, receiver)| config.push("apps.0.webhooks", webhook(id, &receiver.url)))
    }

    async fn begin(self, rig: &Rig) {
        match self {
            Trouble::Nothing | Trouble::Receivers(_) => {}
            Trouble::StuckPerson => {
                rig.sim().rule(json!({"destination": STUCK, "behaviour": "hang", "ms": 60_000})).await;
                for _ in 0..IN_TROUBLE {
                    rig.notify(STUCK, "stuck").await;
                }
            }
            Trouble::ThrottledIntegration => {
                rig.sim().rule(json!({"integrationId": OTHER_TWILIO, "behaviour": "throttle"})).await;
                for number in 0..IN_TROUBLE {
                    let mut body = notification(&format!("+1450555{number:04}"), "slowed");
                    body["destination"]["integrationId"] = json!(OTHER_TWILIO);
                    rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
                }
            }
        }
    }
}

/// Messages that are in trouble before anybody is timed.
const IN_TROUBLE: usize = 100;
const STUCK: &str = "+15145550199";

/// How long after the API's answer the healthy receiver heard of each acceptance, sorted, beside this.
async fn delays(engine: Engine, count: usize, every: Duration, trouble: Trouble) -> Vec<Duration> {
    let healthy = Hostile::start(Manner::Prompt).await;
    let others = trouble.receivers().await;
    let rig = Rig::with(engine, |config| {
        let config = config.set("webhooks.timeout", "1s").set("apps.0.webhooks.0.target", &*healthy.url);
        trouble.configured(config, &others)
    })
    .await;
    trouble.begin(&rig).await;
    let mut accepted = Vec::new();
    let mut pace = tokio::time::interval(every);
    for number in 0..count {
        pace.tick().await;
        let id = rig.notify(&format!("+1438555{number:04}"), "timed").await;
        accepted.push((id, Instant::now()));
    }
    let last = accepted.last().expect("some").0.clone();
    eventually("the last to be told", async || told(&healthy).remove(&last)).await;
    let mut delays = Vec::new();
    for (id, at) in &accepted {
        let heard = eventually("each to be told", async || told(&healthy).remove(id)).await;
        delays.push(heard.saturating_duration_since(*at));
    }
    for other in &others {
        assert!(!other.heard().is_empty(), "each was asked");
        // One that the gateway gave up may still be open here.
        assert!(other.most_open() <= 2 * 96, "{} connections at once", other.most_open());
    }
    delays.sort();
    delays
}

/// When a receiver heard first that a notification was accepted, by the notification.
fn told(receiver: &Hostile) -> HashMap<String, Instant> {
    let heard = receiver.heard().into_iter().rev();
    let heard = heard.filter(|heard| heard.event["trigger"] == "notification:delivery:channel");
    heard
        .filter_map(|heard| Some((heard.event["notification"]["_id"].as_str()?.to_owned(), heard.at)))
        .collect()
}

fn p99(delays: &[Duration]) -> Duration {
    delays[(delays.len() * 99 / 100).min(delays.len() - 1)]
}

async fn hostile_receivers_cost_nobody_else_anything(engine: Engine) {
    const MANNERS: &[Manner] = &[
        Manner::Silent,
        Manner::DripsHead,
        Manner::DripsBody,
        Manner::Endless,
        Manner::Redirects,
        Manner::ManyHeaders,
    ];
    costs_nobody_else_anything(engine, Trouble::Receivers(MANNERS)).await;
}

async fn a_dead_receiver_costs_nobody_else_anything(engine: Engine) {
    costs_nobody_else_anything(engine, Trouble::Receivers(&[Manner::Silent])).await;
}

async fn a_stuck_person_costs_nobody_else_anything(engine: Engine) {
    costs_nobody_else_anything(engine, Trouble::StuckPerson).await;
}

async fn a_throttled_integration_costs_nobody_else_anything(engine: Engine) {
    costs_nobody_else_anything(engine, Trouble::ThrottledIntegration).await;
}

/// With `HELIOGRAPH_MEASURE` five long runs and the figures; else one short run and a generous bound.
async fn costs_nobody_else_anything(engine: Engine, trouble: Trouble) {
    let is_measured = std::env::var_os("HELIOGRAPH_MEASURE").is_some();
    let (runs, count) = if is_measured { (5, 1_000) } else { (1, 40) };
    let every = Duration::from_millis(if is_measured { 10 } else { 25 });
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for run in 1..=runs {
        alone.push(p99(&delays(engine, count, every, Trouble::Nothing).await));
        beside.push(p99(&delays(engine, count, every, trouble).await));
        let (alone, beside) = (alone[run - 1], beside[run - 1]);
        println!("{engine:?} run {run}: p99 alone {alone:?}, beside {beside:?}: {trouble:?}");
    }
    alone.sort();
    beside.sort();
    let (alone, beside) = (alone[runs / 2], beside[runs / 2]);
    let bound = match is_measured {
        true => alone.mul_f64(1.2) + Duration::from_millis(5),
        // Half of the time for which the silent ones hold a post open: who waits behind one waits longer.
        false => alone * 3 + Duration::from_secs(5),
    };
    assert!(beside <= bound, "p99 {beside:?} beside it, {alone:?} without");
}

async fn a_receiver_may_abort_a_message(engine: Engine) {
    let words = "HTTP/1.1 500 No\r\nwebhook-delivery: abort-message\r\ncontent-length: 0\r\n\r\n";
    let receiver = Hostile::start(Manner::Says(words.into())).await;
    let rig = Rig::with(engine, |config| config.set("apps.0.webhooks.0.target", receiver.url.as_str())).await;
    rig.notify("+15145550171", "never again").await;
    let letters = eventually("two dead letters", async || {
        let letters = dead_letters(&rig).await;
        (letters.len() == 2).then_some(letters)
    })
    .await;
    assert!(
        letters.iter().all(|letter| letter["attempts"] == 1 && letter["lastStatus"] == 500),
        "{letters:?}"
    );
    assert_eq!(receiver.heard().len(), 2);
}

async fn durable_goes_on_after_what_sunshine_calls_final(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("webhooks.schedule", "durable")).await;
    rig.receiver.answer_next(&[404, 410]);
    let id = rig.notify("+15145550172", "404, then 410").await;
    let path = format!("/heliograph/v1/notifications/{id}?app={APP}");
    let told = eventually("both to be told", async || {
        let trace = rig.gateway.admin().get(&path).await.expect(200);
        let timeline = trace["notification"]["timeline"].as_array().expect("a timeline").clone();
        let told: Vec<Value> = timeline.into_iter().filter(|moment| moment["what"] == "webhook").collect();
        (told.len() == 2).then_some(told)
    })
    .await;
    assert_eq!(told[0]["status"], 404);
    assert!(told[0]["nextAt"].is_string() && told[0].get("deadLetter").is_none(), "{}", told[0]);
    assert_eq!(told[1]["status"], 410);
    assert!(told[1]["deadLetter"].is_string() && told[1].get("nextAt").is_none(), "{}", told[1]);
}
