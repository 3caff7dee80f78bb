//! The conservation story: under load and faults the gateway is killed again and again, and nothing acknowledged is
//! lost, ends twice, or is doubled without a word.
//!
//! The witnesses stand outside: the simulator and the customer's endpoint live in processes that are never killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::harness::line::LINES;
use crate::harness::load::{Load, setting};
use crate::harness::wait::within;
use crate::harness::{Config, Engine, Rig, on_both_engines};

on_both_engines! { nothing_acknowledged_is_lost_or_doubled_unsaid_when_the_gateway_is_killed }

const PER_SECOND: u64 = 300;

/// How many kills, how long the load goes on after the last, and what chance begins with: settable by whoever wants
/// more, or the same again.
const KILLS: (&str, u64) = ("HELIOGRAPH_TEST_KILLS", 20);
const SECONDS: (&str, u64) = ("HELIOGRAPH_TEST_SECONDS", 3);
const SEED: &str = "HELIOGRAPH_TEST_SEED";

/// For what is left to arrive. A debug build on a busy machine is far below its pace.
const LONG: Duration = Duration::from_secs(90);

/// What goes wrong besides, and how often.
fn faults() -> Vec<Value> {
    vec![
        json!({"behaviour": "error", "chance": 0.01}),
        json!({"behaviour": "accept-then-error", "chance": 0.01}),
        json!({"behaviour": "reset", "chance": 0.01}),
        json!({"behaviour": "accept-then-reset", "chance": 0.01}),
        json!({"behaviour": "accept-then-reset", "reports": false, "chance": 0.005}),
        json!({"behaviour": "half-answer", "chance": 0.005}),
        json!({"behaviour": "broken-json", "reports": false, "chance": 0.005}),
        json!({"behaviour": "throttle", "retryAfter": 1, "chance": 0.002}),
        json!({"behaviour": "hang", "ms": 200, "chance": 0.01}),
        json!({"behaviour": "refuse", "chance": 0.005}),
        json!({"behaviour": "fail", "chance": 0.005}),
        json!({"behaviour": "duplicate", "chance": 0.02}),
        json!({"behaviour": "reorder", "chance": 0.02}),
        json!({"behaviour": "early", "chance": 0.01}),
    ]
}

/// The n-th notification: the channels in turn, each to a hundred people of reserved names and numbers.
fn body(number: usize) -> Value {
    let line = &LINES[number % LINES.len()];
    let person = number / LINES.len() % 100;
    let address = match line.kind {
        "mailgun" => format!("person{person}@example.org"),
        "messenger" => format!("52758117024718{person:02}"),
        _ => format!("+151455501{person:02}"),
    };
    json!({
        "destination": {"integrationId": line.integration, "destinationId": address},
        "author": {"role": "appMaker"},
        "message": {"type": "text", "text": format!("conservation {number}")},
    })
}

async fn nothing_acknowledged_is_lost_or_doubled_unsaid_when_the_gateway_is_killed(engine: Engine) {
    let seed = setting(SEED, rand::random::<u32>().into());
    println!("{engine:?}: {SEED}={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut rig = Rig::apart(engine, stage).await;
    rig.start_sim().await;
    for mut fault in faults() {
        fault["seed"] = json!(dice.random::<u32>());
        rig.sim().rule(fault).await;
    }
    rig.gateway.start().await;

    let load = std::sync::Arc::new(Load::default());
    let driver = tokio::spawn(load.clone().run(rig.gateway.api(), PER_SECOND, body));
    let began = Instant::now();
    let mut kills = Vec::new();
    for _ in 0..setting(KILLS.0, KILLS.1) {
        sleep(Duration::from_millis(dice.random_range(50..=500))).await;
        rig.gateway.kill();
        kills.push(Timestamp::now());
        rig.gateway.start().await;
    }
    sleep(Duration::from_secs(setting(SECONDS.0, SECONDS.1))).await;
    load.stop();
    driver.await.expect("the load ends");
    let loaded = began.elapsed();

    let accepted = load.accepted();
    ended(&rig, &accepted).await;
    rig.receiver.quiet().await;
    let whole = began.elapsed();
    println!(
        "{engine:?}: {} asked in {loaded:.1?}, {} kills, all done after {whole:.1?}",
        load.asked(),
        kills.len()
    );
    let book = Book::open(&rig).await;
    book.balance(&rig, &accepted.into_iter().collect::<Vec<_>>(), &kills).await;
}

/// Waits for a final event for each; shows the stories of those that have none.
async fn ended(rig: &Rig, accepted: &BTreeSet<String>) {
    let deadline = Instant::now() + LONG;
    loop {
        let finals = rig.receiver.final_events();
        let open: Vec<&String> = accepted.iter().filter(|id| !finals.contains_key(*id)).collect();
        if open.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            for id in open.iter().take(3) {
                println!("{:#}", rig.timeline(id).await);
            }
            panic!("{} of {} have no end after {LONG:?}", open.len(), accepted.len());
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Receipts that do not come are asked for soon, where the provider can be asked.
fn stage(config: Config) -> Config {
    let config = config.set("send.reconcileWindow", "300ms").set("send.receiptCheck", "1s");
    LINES.iter().fold(config, |config, line| line.join(config))
}

/// A call as the provider remembers it.
struct Call {
    at: Timestamp,
    is_taken: bool,
    told: String,
}

/// What the witnesses saw, by notification.
struct Book {
    calls: BTreeMap<String, Vec<Call>>,
    /// The webhooks under which a final event came, and what it said.
    finals: BTreeMap<String, BTreeMap<String, String>>,
    arrivals: usize,
}

impl Book {
    async fn open(rig: &Rig) -> Book {
        let mut calls = BTreeMap::<String, Vec<Call>>::new();
        for call in rig.sim().calls().await {
            let reference = call["reference"].as_str().expect("every channel passes our reference on");
            calls.entry(reference.to_owned()).or_default().push(Call {
                at: call["at"].as_str().and_then(|at| at.parse().ok()).expect("a time"),
                is_taken: call["providerId"].is_string(),
                told: call["told"].as_str().expect("a word").to_owned(),
            });
        }
        let arrivals = rig.receiver.arrivals();
        let mut finals = BTreeMap::<String, BTreeMap<String, String>>::new();
        for arrival in arrivals.iter().filter(|one| one.event["isFinalEvent"] == true) {
            let id = arrival.event["notification"]["_id"].as_str().expect("an id").to_owned();
            let trigger = arrival.event["trigger"].as_str().expect("a trigger").to_owned();
            finals.entry(id).or_default().insert(arrival.webhook_id().to_owned(), trigger);
        }
        Book { calls, finals, arrivals: arrivals.len() }
    }

    fn copies(&self, id: &str) -> usize {
        self.calls.get(id).map_or(0, |calls| calls.iter().filter(|call| call.is_taken).count())
    }

    fn has_failed(&self, id: &str) -> bool {
        self.finals[id].values().any(|trigger| trigger.ends_with(":failure"))
    }

    /// Asserts what was promised, after printing the figures.
    async fn balance(&self, rig: &Rig, accepted: &[String], kills: &[Timestamp]) {
        let failed = accepted.iter().filter(|id| self.has_failed(id)).count();
        let doubled: Vec<&String> = self.calls.keys().filter(|id| self.copies(id) > 1).collect();
        println!(
            "  {} acknowledged: {} arrived, {failed} failed; {} calls, {} copies, {} notifications doubled; \
             {} webhooks arrived, {} final events",
            accepted.len(),
            accepted.len() - failed,
            self.calls.values().map(Vec::len).sum::<usize>(),
            self.calls.keys().map(|id| self.copies(id)).sum::<usize>(),
            doubled.len(),
            self.arrivals,
            self.finals.len(),
        );
        let lost: Vec<&String> =
            accepted.iter().filter(|id| self.copies(id) == 0 && !self.has_failed(id)).collect();
        assert!(lost.is_empty(), "acknowledged, not failed, and never at the provider: {lost:?}");
        let twice: Vec<_> = self.finals.iter().filter(|(_, webhooks)| webhooks.len() != 1).collect();
        assert!(twice.is_empty(), "ended more than once: {twice:?}");
        for id in &doubled {
            self.is_excused(id, kills);
            let story = rig.timeline(id).await;
            let moments = story["timeline"].as_array().expect("a timeline").iter();
            let unknown = moments.filter(|moment| moment["what"] == "unknown").count();
            assert!(unknown + 1 >= self.copies(id), "doubled, and not said: {story:#}");
        }
        let surplus: usize = doubled.iter().map(|id| self.copies(id) - 1).sum();
        audited(rig, accepted.len(), surplus).await;
    }

    /// A message taken may be sent again only where its answer did not arrive whole, or a kill came in between.
    fn is_excused(&self, id: &str, kills: &[Timestamp]) {
        for pair in self.calls[id].windows(2).filter(|pair| pair[0].is_taken) {
            let killed = kills.iter().any(|kill| pair[0].at <= *kill && *kill <= pair[1].at);
            assert!(
                pair[0].told != "accepted" || killed,
                "{id} was sent again at {} without need",
                pair[1].at
            );
        }
    }
}

/// The gateway's own ledger must balance, nothing may be left open, and it must own up to as many repetitions as there
/// are copies too many. A few are accepted of which the answer was lost.
async fn audited(rig: &Rig, acknowledged: usize, surplus: usize) {
    let audit = within(LONG, "an end of what was accepted", async || {
        let audit = rig.gateway.admin().get("/heliograph/v1/audit").await.expect(200);
        let open = ["queued", "sending", "unknown"].map(|state| total(&audit, &format!("/pending/{state}")));
        (open == [0; 3]).then_some(audit)
    })
    .await;
    let [accepted, delivered, failed, sent] =
        ["/accepted", "/delivered", "/failed", "/pending/sent"].map(|at| total(&audit, at));
    let [resent, possible, known] =
        ["/resentAfterUnknown", "/possibleDuplicates", "/knownDuplicates"].map(|at| total(&audit, at));
    println!(
        "  the audit: {accepted} accepted, {delivered} delivered, {failed} failed, {sent} sent and not over, \
         {resent} sent again after an unknown outcome, {possible} copies too many possible, {known} known"
    );
    assert_eq!(audit["balanced"], true, "{audit:#}");
    assert!(accepted >= acknowledged as u64, "{acknowledged} were acknowledged: {audit:#}");
    assert!(resent >= surplus as u64, "{surplus} copies too many: {audit:#}");
    let flagged = known..=possible;
    assert!(flagged.contains(&(surplus as u64)), "{surplus} copies too many: {audit:#}");
}

/// A number of the audit, over all integrations.
fn total(audit: &Value, pointer: &str) -> u64 {
    let apps = audit["apps"].as_array().expect("apps").iter();
    let integrations = apps.flat_map(|app| app["integrations"].as_array().expect("integrations"));
    integrations.map(|one| one.pointer(pointer).and_then(Value::as_u64).expect("a number")).sum()
}
