//! The store away and back: nobody hangs, nothing acknowledged is lost, nothing is done twice without being flagged.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::api::Api;
use crate::harness::line::called;
use crate::harness::redis_server::RedisServer;
use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::wait::within;
use crate::harness::{Config, Engine, Rig, eventually};

const NUMBER: &str = "+15145550185";

/// What a caller may have to wait for a store that does not answer. The gateway gives up after 1.1 s; the rest is for a
/// machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(5);

const LONG: Duration = Duration::from_secs(120);

/// A gateway on a Redis of its own, and a simulator beside it.
async fn on_own_redis(change: impl FnOnce(Config) -> Config) -> (Rig, RedisServer) {
    let redis = RedisServer::start().await;
    // A mark that Redis kept and did not confirm makes a send one of unknown outcome.
    let settled = |config: Config| change(config.set("send.reconcileWindow", "300ms"));
    let mut rig = Rig::apart(Engine::Redis, settled).await;
    rig.gateway.on_store(&redis.url());
    rig.start_sim().await;
    rig.gateway.start().await;
    (rig, redis)
}

async fn is_told_to_wait(rig: &Rig) {
    let asked = Instant::now();
    let answer = rig.gateway.api().post(&of_app("/notifications"), &notification(NUMBER, "not now")).await;
    println!("answered {} after {:?}", answer.status, asked.elapsed());
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert_eq!(answer.headers["retry-after"], "1");
    answer.refused(503, "service_unavailable");
    let asked = Instant::now();
    rig.gateway.open_admin().get("/readyz").await.refused(503, "service_unavailable");
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    rig.gateway.open_admin().get("/healthz").await.expect(200);
}

async fn goes_on(rig: &Rig) {
    eventually("readiness", async || {
        (rig.gateway.open_admin().get("/readyz").await.status == 200).then_some(())
    })
    .await;
    // What was answered 503 may have been kept all the same, and then leaves before this on its own number.
    rig.notify_and_deliver("+15145550186", "again").await;
}

#[tokio::test]
async fn a_redis_that_says_nothing_is_503_soon_and_forgotten() {
    let (rig, redis) = on_own_redis(|config| config).await;
    rig.notify_and_deliver(NUMBER, "before").await;
    redis.stop();
    is_told_to_wait(&rig).await;
    let crowd = (0..50).map(|_| rig.gateway.api());
    let mut asked: JoinSet<_> = crowd
        .map(|api| async move {
            let asked = Instant::now();
            let body = notification(NUMBER, "not now").to_string();
            let answer = api.request("POST", &of_app("/notifications"), &[], Some(body)).await;
            (answer.status, asked.elapsed())
        })
        .collect();
    while let Some(answered) = asked.join_next().await {
        let (status, after) = answered.expect("an answer");
        assert!(status == 503 && after < SOON, "{status} after {after:?}");
    }
    redis.go_on();
    goes_on(&rig).await;
}

#[tokio::test]
async fn a_redis_that_was_restarted_is_found_again_without_its_scripts() {
    let (rig, mut redis) = on_own_redis(|config| config).await;
    rig.notify_and_deliver(NUMBER, "before").await;
    redis.flush_scripts();
    rig.notify_and_deliver(NUMBER, "without scripts").await;
    for _ in 0..2 {
        redis.kill();
        is_told_to_wait(&rig).await;
        redis.restart().await;
        goes_on(&rig).await;
    }
}

#[tokio::test]
async fn hooks_that_are_hardly_repeated_wait_on_disk_and_the_others_are_refused() {
    let whatsapp = called("whatsapp");
    let (mut rig, mut redis) = on_own_redis(|config| whatsapp.join(config)).await;
    rig.notify_and_deliver(NUMBER, "before").await;
    redis.kill();
    let words: Vec<String> = (0..5).map(|n| format!("kept {n}")).collect();
    for text in &words {
        let told = rig.sim().tell(json!({"from": NUMBER, "text": text})).await;
        assert_eq!(told["status"], 200, "Twilio is told that it was taken");
    }
    let forged = rig.sim().tell(json!({"from": NUMBER, "text": "forged", "signature": "forged"})).await;
    assert_eq!(forged["status"], 401, "what is not proven is not kept");
    let said = json!({"integrationId": whatsapp.integration, "from": whatsapp.person, "text": "later"});
    let told = rig.sim().control("/control/write", &said).await;
    assert_eq!(told["status"], 503, "Meta repeats for days");

    let (hooks, bytes) = spooled(&rig).await;
    assert!(hooks >= 5.0 && bytes > 100.0 * hooks, "{hooks} hooks of {bytes} bytes wait");

    rig.gateway.kill();
    redis.restart().await;
    rig.gateway.start().await;
    rig.receiver.event("the last of them", |event| text_of(event) == words.last().map(String::as_str)).await;
    assert_eq!(rig.sim().tell(json!({"from": NUMBER, "text": "after"})).await["status"], 200);
    rig.receiver.event("one that came later", |event| text_of(event) == Some("after")).await;
    rig.receiver.quiet().await;
    assert_eq!(spooled(&rig).await, (0.0, 0.0));
    let seen: Vec<Value> =
        rig.receiver.events().into_iter().filter(|event| event["trigger"] == "message:appUser").collect();
    let texts: Vec<&str> = seen.iter().filter_map(text_of).collect();
    assert_eq!(texts, ["kept 0", "kept 1", "kept 2", "kept 3", "kept 4", "after"]);
}

/// How many hooks wait on disk, and their bytes, as the page of metrics has it.
async fn spooled(rig: &Rig) -> (f64, f64) {
    let page = rig.gateway.open_admin().get("/metrics").await.text;
    let sample = |name: &str| -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.expect("it is on the page").parse().expect("a number")
    };
    (sample("heliograph_spooled_hooks"), sample("heliograph_spooled_bytes"))
}

fn text_of(event: &Value) -> Option<&str> {
    event["messages"][0]["text"].as_str()
}

/// The client's own log: what was asked under which marker, and which id was promised for it.
#[derive(Debug, Default)]
struct Log {
    accepted: Mutex<HashMap<String, String>>,
    refused: AtomicUsize,
    asked: AtomicUsize,
    stop: AtomicBool,
}

impl Log {
    async fn ask(&self, api: Api) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let marker = format!("outage-{number:05}");
            let phone = format!("+1{}55501{:02}", 201 + (number / 100) % 9, number % 100);
            let body = notification(&phone, &marker).to_string();
            let asked = Instant::now();
            let answer = api.request("POST", &of_app("/notifications"), &[], Some(body)).await;
            assert!(asked.elapsed() < SOON * 2, "{} after {:?}", answer.status, asked.elapsed());
            if answer.status == 201 {
                let id = answer.json["notification"]["_id"].as_str().expect("an id").to_owned();
                self.accepted.lock().expect("the log").insert(marker, id);
            } else {
                assert_eq!((answer.status, answer.headers.contains_key("retry-after")), (503, true));
                self.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    fn accepted(&self) -> usize {
        self.accepted.lock().expect("the log").len()
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_redis_is_killed_again_and_again() {
    const KILLS: usize = 4;
    const SHARE: usize = 150;
    let (rig, mut redis) = on_own_redis(|config| config).await;
    let log = Arc::new(Log::default());
    let mut callers = JoinSet::new();
    for _ in 0..16 {
        let (log, api) = (log.clone(), rig.gateway.api());
        callers.spawn(async move { log.ask(api).await });
    }
    for kill in 1..=KILLS {
        within(LONG, "enough to be accepted", async || (log.accepted() >= SHARE * kill).then_some(())).await;
        redis.kill();
        let before = log.refused.load(Ordering::Relaxed);
        let told = async || (log.refused.load(Ordering::Relaxed) > before + 16).then_some(());
        within(LONG, "callers to be told", told).await;
        redis.restart().await;
        redis.flush_scripts();
    }
    within(LONG, "more to be accepted", async || (log.accepted() >= SHARE * (KILLS + 1)).then_some(())).await;
    log.stop.store(true, Ordering::Relaxed);
    callers.join_all().await;
    let accepted = log.accepted.lock().expect("the log").clone();
    within(LONG, "a final event for each", async || {
        let finals = rig.receiver.final_events();
        accepted.values().all(|id| finals.contains_key(id)).then_some(())
    })
    .await;
    rig.receiver.quiet().await;
    balance(&rig, &log, &accepted).await;
}

async fn balance(rig: &Rig, log: &Log, accepted: &HashMap<String, String>) {
    let sent = rig.sim().sent().await;
    let texts: Vec<&str> = sent.iter().filter_map(|one| one["text"].as_str()).collect();
    let reached: HashSet<&str> = texts.iter().copied().collect();
    let mut twice: HashSet<&str> = HashSet::new();
    for text in &reached {
        if texts.iter().filter(|one| *one == text).count() > 1 {
            twice.insert(text);
        }
    }
    let finals = rig.receiver.final_events();
    println!(
        "{} asked, {} accepted, {} refused; {} sends of {} texts, {} twice",
        log.asked.load(Ordering::Relaxed),
        accepted.len(),
        log.refused.load(Ordering::Relaxed),
        texts.len(),
        reached.len(),
        twice.len()
    );
    let lost: Vec<_> = accepted.keys().filter(|marker| !reached.contains(marker.as_str())).collect();
    assert!(lost.is_empty(), "accepted, but never reached the provider: {lost:?}");
    assert!(finals.values().all(|webhooks| webhooks.len() == 1), "one final event each");
    for marker in twice {
        let Some(id) = accepted.get(marker) else { continue };
        let path = format!("/heliograph/v1/notifications/{id}?app={}", crate::harness::config::APP);
        let story = rig.gateway.admin().get(&path).await.expect(200).to_string();
        assert!(story.contains("unknown"), "{marker} was sent twice and nobody said why: {story}");
    }
}
