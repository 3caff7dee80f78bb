//! How soon callers are answered at a steady rate. Small in the ordinary run; `HELIOGRAPH_MEASURE` asks for the real
//! amounts, against a release build: `gateway/README.md` says how. Another value than 1 measures the rows in whose name
//! it stands.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::config::{LIMITS, TWILIO};
use crate::harness::flood::person;
use crate::harness::load::setting;
use crate::harness::open_loop::{Ask, CONNECTIONS, OpenLoop};
use crate::harness::redis::server_cpu;
use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::wait::{PATIENCE, within};
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    callers_are_answered_soon_at_a_steady_rate,
}

/// Messages a conversation may hold, and how many a page has (Sunshine v1.1, limits).
const FULL: u64 = 30_000;
const PAGE: u64 = 100;

/// Messages that one text may become.
const BREATH: u64 = 10;

/// The person whose conversation is full.
const TALKER: &str = "/appusers/talker";

/// Somebody with many conversations.
const REGULAR: &str = "regular";

const TEXT: &str = "Your parcel arrives today between two and four in the afternoon.";

/// How many requests a second are measured, and for how many seconds each row.
const RATE: (&str, u64) = ("HELIOGRAPH_TEST_RATE", 1_000);
const SECONDS: (&str, u64) = ("HELIOGRAPH_TEST_SECONDS", 30);

/// For what was asked for to be sent, on a slow, busy machine.
const LONG: Duration = Duration::from_secs(120);

/// How much of what.
#[derive(Clone, Copy, Debug)]
struct Amount {
    per_second: u64,
    seconds: u64,
    /// People with a channel, who are written to in turn.
    people: u64,
    /// Conversations of somebody who has many.
    conversations: u64,
}

impl Amount {
    fn asked() -> Amount {
        match std::env::var_os("HELIOGRAPH_MEASURE") {
            Some(_) => Amount {
                per_second: setting(RATE.0, RATE.1),
                seconds: setting(SECONDS.0, SECONDS.1),
                people: 1_000,
                conversations: 1_000,
            },
            None => Amount { per_second: 50, seconds: 2, people: 20, conversations: PAGE + 10 },
        }
    }

    fn requests(self) -> OpenLoop {
        OpenLoop {
            count: self.per_second * self.seconds,
            per_second: Some(self.per_second),
            connections: CONNECTIONS,
        }
    }
}

/// A gateway to be measured.
struct Course {
    rig: Rig,
    engine: Engine,
    amount: Amount,
}

async fn callers_are_answered_soon_at_a_steady_rate(engine: Engine) {
    let course = Course::prepare(engine, Amount::asked()).await;
    let [first, last] = course.fill().await;
    course.meet();
    let talks = course.talks().await;
    course.subscribe().await;
    let Amount { people, .. } = course.amount;

    let ask = |n| Ask::post("/notifications", &notification(&person(n), TEXT), 201);
    course.row_of_sends("notification create", ask).await;
    let ask = |n| Ask::post(&format!("{}/messages", user(n, people)), &said(TEXT), 201);
    course.row_of_sends("message post", ask).await;

    let page =
        |query: &str| Ask::get(&format!("{TALKER}/messages{query}")).holds("\"received\":", PAGE as usize);
    course.row("get messages, the newest 100", |_| page(""));
    // So far from the beginning that there is a page before.
    let moment = |n: u64| first + (last - first) * (0.05 + 0.95 * (n * 7_919 % 10_007) as f64 / 10_007.0);
    course.row("get messages, 100 anywhere", |n| page(&format!("?before={:.3}", moment(n))));
    course.row("get user", |n| {
        Ask::get(&user(n, people)).holds(&format!("\"userId\":\"{}\"", known(n, people)), 1)
    });
    course.rows_of_v2(&talks, &moment).await;
}

impl Course {
    /// The simulator is a process of its own, no limit holds, and no webhook hears what is prepared.
    async fn prepare(engine: Engine, amount: Amount) -> Course {
        let mut rig = Rig::apart(engine, |config| {
            config
                .set(&format!("{LIMITS}.perSecond"), 100_000.0)
                .set(&format!("{LIMITS}.burst"), 100_000)
                .set("apps.0.webhooks", Vec::<toml::Value>::new())
        })
        .await;
        rig.start_sim().await;
        rig.gateway.start().await;
        Course { rig, engine, amount }
    }

    /// Talks to somebody until the conversation takes no more. When the first and the last were said, in seconds.
    async fn fill(&self) -> [f64; 2] {
        let began = Instant::now();
        let post = |text: &str, status| Ask::post(&format!("{TALKER}/messages"), &said(text), status);
        let one_by_one = |count, ask: &(dyn Fn(u64) -> Ask + Sync)| {
            OpenLoop { count, per_second: None, connections: 1 }.run(self.address(), &ask);
        };
        one_by_one(1, &|_| Ask::post("/appusers", &json!({"userId": "talker"}), 201));
        let pictures: String =
            (0..BREATH).map(|n| format!("![](https://example.com/{n}.png) {TEXT} ")).collect();
        one_by_one(FULL / BREATH - 2 * PAGE / BREATH, &|_| post(&pictures, 201));
        // The newest are texts, as most are.
        one_by_one(2 * PAGE, &|_| post(TEXT, 201));
        one_by_one(1, &|_| post(TEXT, 423));
        println!("{:?}: {FULL} messages in {:.1?}", self.engine, began.elapsed());
        let api = self.rig.gateway.api();
        let oldest = api.get(&of_app(&format!("{TALKER}/messages?after=0"))).await.expect(200);
        let newest = api.get(&of_app(&format!("{TALKER}/messages"))).await.expect(200);
        let ends = [&oldest["messages"][0], &newest["messages"][PAGE as usize - 1]];
        ends.map(|message| message["received"].as_f64().expect("a time"))
    }

    /// Makes people with a channel, known by ids of the business.
    fn meet(&self) {
        let people = self.amount.people;
        let all = OpenLoop { count: people, per_second: None, connections: CONNECTIONS };
        all.run(self.address(), &|n| Ask::post("/appusers", &json!({"userId": known(n, people)}), 201));
        let channel = |n| {
            json!({
                "type": "twilio", "integrationId": TWILIO, "phoneNumber": person(n),
                "confirmation": {"type": "immediate"},
            })
        };
        all.run(self.address(), &|n| Ask::post(&format!("{}/channels", user(n, people)), &channel(n), 200));
    }

    /// The conversations of the people with a channel, in their order, and then the full one.
    async fn talks(&self) -> Vec<String> {
        let api = self.rig.gateway.api();
        let begun = async |user: &str| {
            let asked = json!({"type": "personal", "participants": [{"userExternalId": user}]});
            let made = api.post(&of_app("/conversations").replacen("/v1.1/", "/v2/", 1), &asked).await;
            made.expect(201)["conversation"]["id"].as_str().expect("an id").to_owned()
        };
        let mut talks = Vec::new();
        for n in 0..self.amount.people {
            talks.push(begun(&known(n, self.amount.people)).await);
        }
        api.post(&of_app("/appusers"), &json!({"userId": REGULAR})).await.expect(201);
        for _ in 0..self.amount.conversations {
            begun(REGULAR).await;
        }
        let full = api.get(&of_app(&format!("{TALKER}/conversation"))).await.expect(200);
        talks.push(full["conversation"]["_id"].as_str().expect("an id").to_owned());
        talks
    }

    /// What v2 has beside that: by conversations, and by cursors.
    async fn rows_of_v2(&self, talks: &[String], moment: &(impl Fn(u64) -> f64 + Sync)) {
        let people = self.amount.people as usize;
        let messages = |talk: &str| format!("/conversations/{talk}/messages");
        let business = json!({"author": {"type": "business"}, "content": {"type": "text", "text": TEXT}});
        let once = OpenLoop { count: 1, per_second: None, connections: 1 };
        once.run(self.address(), &|_| Ask::post(&messages(&talks[people]), &business, 423).of_v2());
        let ask = |n: u64| Ask::post(&messages(&talks[n as usize % people]), &business, 201).of_v2();
        self.row_of_sends("message post in v2", ask).await;
        let page = |query: &str| {
            let asked = Ask::get(&format!("{}{query}", messages(&talks[people]))).of_v2();
            asked.holds("\"received\":", PAGE as usize)
        };
        self.row("list messages in v2, the newest 100", |_| page(""));
        let anywhere = |n| page(&format!("?page%5Bbefore%5D={}", cursor(moment(n))));
        self.row("list messages in v2, 100 anywhere", anywhere);
        let listed =
            Ask::get(&format!("/conversations?filter%5BuserExternalId%5D={REGULAR}&page%5Bsize%5D={PAGE}"));
        let listed = listed.of_v2().holds("\"lastUpdatedAt\":", PAGE as usize);
        self.row("list conversations in v2", |_| listed.clone());
    }

    /// From now on a webhook hears of everything.
    async fn subscribe(&self) {
        let webhook = json!({"target": format!("{}/inbox", self.rig.sim_address()), "triggers": ["*"]});
        self.rig.gateway.api().post(&of_app("/webhooks"), &webhook).await.expect(201);
    }

    fn address(&self) -> &str {
        self.rig.gateway.api_address()
    }

    /// A row of the table: how soon such requests are answered, and what processor time a thousand of them took.
    /// Whether it was wanted.
    fn row(&self, what: &str, ask: impl Fn(u64) -> Ask + Sync) -> bool {
        let wanted = std::env::var("HELIOGRAPH_MEASURE").unwrap_or_default();
        if !["", "1"].contains(&&*wanted) && !what.contains(&wanted) {
            return false;
        }
        let before = self.cpu();
        let took = self.amount.requests().run(self.address(), &ask);
        let thousands = took.count() as f64 / 1_000.0;
        let after = self.cpu();
        let cost = |of: usize| (after[of] - before[of]).as_secs_f64() / thousands;
        let [p50, p99, p999, most] =
            [0.5, 0.99, 0.999, 1.0].map(|share| took.within(share).as_secs_f64() * 1_000.0);
        println!(
            "| {:?} | {what} | {} | {p50:.2} | {p99:.2} | {p999:.2} | {most:.2} | {:.2} | {:.2} |",
            self.engine,
            took.count(),
            cost(0),
            cost(1)
        );
        // Too much for a machine is a figure too, when it is measured.
        assert!(!wanted.is_empty() || took.within(1.0) < PATIENCE, "{what}: {most} ms");
        true
    }

    /// The same, and then waits until what was asked for is sent, once each, and everybody told.
    async fn row_of_sends(&self, what: &str, ask: impl Fn(u64) -> Ask + Sync) {
        let before = self.sent().await;
        if !self.row(what, ask) {
            return;
        }
        let count = before + self.amount.requests().total();
        let all = async || Some(self.sent().await).filter(|sent| *sent >= count);
        assert_eq!(within(LONG, "all to be sent", all).await, count);
        let mut spent = self.rig.gateway.cpu();
        within(LONG, "the gateway to have nothing to do", async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let before = std::mem::replace(&mut spent, self.rig.gateway.cpu());
            (spent - before < Duration::from_millis(25)).then_some(())
        })
        .await;
    }

    /// Messages that the provider took.
    async fn sent(&self) -> u64 {
        let limits = self.rig.sim().limits().await;
        limits.iter().filter_map(|limit| limit["accepted"].as_u64()).sum()
    }

    /// What the gateway took of the processors, and what Redis did.
    fn cpu(&self) -> [Duration; 2] {
        let server = if self.engine == Engine::Redis { server_cpu() } else { Duration::ZERO };
        [self.rig.gateway.cpu(), server]
    }
}

/// The place of a moment in a list: an id begins with its time, in seconds and in milliseconds.
fn cursor(moment: f64) -> String {
    let millis = (moment * 1_000.0) as u64;
    format!("{:08x}{:03x}{:013x}", millis / 1_000, millis % 1_000, 0)
}

fn said(text: &str) -> Value {
    json!({"role": "appMaker", "type": "text", "text": text})
}

/// The business's own id of the person whose turn it is.
fn known(turn: u64, people: u64) -> String {
    format!("customer-{}", turn % people)
}

fn user(turn: u64, people: u64) -> String {
    format!("/appusers/{}", known(turn, people))
}
