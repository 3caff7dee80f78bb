//! The fault matrix: every fault of the simulator on every channel, as `gateway/sim/FAULTS.md` shows it.
//!
//! Each cell has an integration of its own, so that what one fault holds back holds back nothing else, and all are
//! played at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::line::{LINES, Line};
use crate::harness::simulator::of_app;
use crate::harness::{Config, Engine, Rig, eventually, on_both_engines};

on_both_engines! { the_table_of_faults_is_what_happens }

/// Receipts take 700 ms, and a second of patience with a busy machine each way.
const RECEIPTS_OVER: Duration = Duration::from_secs(3);

/// Mailgun's pause after a throttle answer that names none is 30 seconds; nothing else takes as long.
const LONG: Duration = Duration::from_secs(90);

/// How the simulator is told of a fault.
enum Played {
    /// By a rule for the cell's integration.
    Rule(fn() -> Value),
    /// By a rule for the whole provider, alone.
    Cut,
    /// By a shut door.
    Shut,
    /// By a limit that one message before used up.
    Limit,
}

/// The sends' faults, in the order of the table.
const FAULTS: &[(&str, Played)] = &[
    ("none", Played::Rule(|| json!({"behaviour": "deliver"}))),
    ("connection refused", Played::Shut),
    ("`reset-before-body`", Played::Cut),
    ("`reset`", Played::Rule(|| json!({"behaviour": "reset"}))),
    ("`accept-then-reset`", Played::Rule(|| json!({"behaviour": "accept-then-reset"}))),
    (
        "`accept-then-reset` without reports",
        Played::Rule(|| json!({"behaviour": "accept-then-reset", "reports": false})),
    ),
    ("`hang` past the time-out", Played::Rule(|| json!({"behaviour": "hang", "ms": 35_000}))),
    ("`half-answer`", Played::Rule(|| json!({"behaviour": "half-answer"}))),
    ("`half-answer` without reports", Played::Rule(|| json!({"behaviour": "half-answer", "reports": false}))),
    ("`broken-json`", Played::Rule(|| json!({"behaviour": "broken-json"}))),
    ("`broken-json` without reports", Played::Rule(|| json!({"behaviour": "broken-json", "reports": false}))),
    ("`refuse`", Played::Rule(|| json!({"behaviour": "refuse"}))),
    ("`refuse` in a 200", Played::Rule(|| json!({"behaviour": "refuse", "status": 200}))),
    ("`throttle` with `Retry-After`", Played::Rule(|| json!({"behaviour": "throttle", "retryAfter": 1}))),
    ("`throttle` without", Played::Rule(|| json!({"behaviour": "throttle"}))),
    ("`pair-limit` with `Retry-After`", Played::Rule(|| json!({"behaviour": "pair-limit", "retryAfter": 1}))),
    ("limit dropped", Played::Limit),
    ("`error`", Played::Rule(|| json!({"behaviour": "error"}))),
    ("`accept-then-error`", Played::Rule(|| json!({"behaviour": "accept-then-error"}))),
    (
        "`accept-then-error` without reports",
        Played::Rule(|| json!({"behaviour": "accept-then-error", "reports": false})),
    ),
    ("`fail`", Played::Rule(|| json!({"behaviour": "fail"}))),
    ("`early`", Played::Rule(|| json!({"behaviour": "early"}))),
    ("`duplicate`", Played::Rule(|| json!({"behaviour": "duplicate"}))),
    ("`reorder`", Played::Rule(|| json!({"behaviour": "reorder"}))),
    ("`late`", Played::Rule(|| json!({"behaviour": "late", "ms": 2_000}))),
    ("`missing`", Played::Rule(|| json!({"behaviour": "missing"}))),
    ("`silent`", Played::Rule(|| json!({"behaviour": "silent"}))),
    ("`forge`", Played::Rule(|| json!({"behaviour": "forge"}))),
];

/// The hooks' faults: a name, how the hook is signed, how often it is told, and the file in it.
const HOOKS: &[(&str, &str, usize, Option<&str>)] = &[
    ("none", "valid", 1, Some("photo.png")),
    ("forged signature", "forged", 1, None),
    ("no signature", "missing", 1, None),
    ("told twice", "valid", 2, None),
    ("file expired (410)", "valid", 1, Some("expired.png")),
    ("file missing (404)", "valid", 1, Some("missing.png")),
];

/// One fault on one channel.
struct Cell {
    fault: &'static Played,
    line: &'static Line,
    integration: String,
    notification: String,
}

async fn the_table_of_faults_is_what_happens(engine: Engine) {
    let rig = Rig::with(engine, stage).await;
    let mut cells = Vec::new();
    for (row, (_, fault)) in FAULTS.iter().enumerate() {
        for (column, line) in LINES.iter().enumerate() {
            let integration = integration(row, column);
            cells.push(Cell { fault, line, integration, notification: String::new() });
        }
    }
    play(&rig, &mut cells).await;
    let hooks = hooks(&rig).await;
    ended(&rig, &cells).await;
    rig.receiver.quiet().await;

    let sends = at_rest(&rig, &cells).await;
    let names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
    written("## Sends", &table(&names, &sends));
    let names: Vec<&str> = HOOKS.iter().map(|(name, ..)| *name).collect();
    written("## Hooks", &table(&names, &hooks));
}

/// An integration per cell, and times that are short beside the provider's pauses but long beside a busy machine's.
fn stage(config: Config) -> Config {
    let mut config = config.set("send.reconcileWindow", "3s").set("send.receiptCheck", "3s");
    for kind in ["twilio", "messagebird", "whatsapp"] {
        config = config.set(&format!("send.receiptDeadline.{kind}"), "20s");
    }
    for row in 0..FAULTS.len() + HOOKS.len() {
        for (column, line) in LINES.iter().enumerate() {
            let number = row * LINES.len() + column;
            config = line.join_as(&integration(row, column), Some(number), config);
        }
    }
    config
}

fn integration(row: usize, column: usize) -> String {
    format!("5e1f438bf99fb46780{row:04}{column:02}")
}

/// Sends every cell's notification into its fault. Receipts take their time, so that an answer is always heard
/// before them.
async fn play(rig: &Rig, cells: &mut [Cell]) {
    rig.sim().pace(json!({"receiptDelayMs": 700})).await;
    rig.sim().shut_for(3_000).await;
    for cell in cells.iter_mut().filter(|cell| matches!(cell.fault, Played::Shut)) {
        cell.send(rig).await;
    }
    for cell in cells.iter().filter(|cell| matches!(cell.fault, Played::Shut)) {
        cell.tells(rig, "retrying").await;
    }
    rig.sim().opened().await;
    // A look for their receipts would be cut in the place of what comes next.
    for cell in cells.iter().filter(|cell| matches!(cell.fault, Played::Shut)) {
        eventually("an end", async || {
            rig.receiver.final_events().contains_key(&cell.notification).then_some(())
        })
        .await;
    }
    for cell in cells.iter_mut().filter(|cell| matches!(cell.fault, Played::Cut)) {
        let rule = json!({"behaviour": "reset-before-body", "type": cell.line.kind, "times": 1});
        rig.sim().rule(rule).await;
        cell.send(rig).await;
        cell.tells(rig, "unknown").await;
    }
    for cell in cells.iter_mut() {
        match cell.fault {
            Played::Cut | Played::Shut => continue,
            Played::Rule(rule) => {
                let mut rule = rule();
                rule["integrationId"] = json!(cell.integration);
                rule["times"] = json!(1);
                rig.sim().rule(rule).await;
            }
            Played::Limit => {
                let limit = json!({
                    "integrationId": cell.integration, "perSecond": 0.5, "burst": 1, "retryAfter": 3,
                });
                rig.sim().limit(limit).await;
                cell.send(rig).await;
            }
        }
        cell.send(rig).await;
    }
}

impl Cell {
    async fn send(&mut self, rig: &Rig) {
        let body = json!({
            "destination": {"integrationId": self.integration, "destinationId": self.line.person},
            "author": {"role": "appMaker"},
            "message": {"type": "text", "text": "Your parcel leaves today."},
        });
        let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
        self.notification = answer["notification"]["_id"].as_str().expect("an id").to_owned();
    }

    /// Waits until the timeline holds this word.
    async fn tells(&self, rig: &Rig, what: &str) {
        eventually(what, async || {
            let story = self.story(rig).await;
            words(&story).any(|word| word == what).then_some(())
        })
        .await;
    }

    async fn story(&self, rig: &Rig) -> Value {
        rig.timeline(&self.notification).await
    }

    /// Whether a last event must come whatever the provider does not report.
    fn must_end(&self) -> bool {
        let keeps_silent = |rule: &fn() -> Value| {
            ["missing", "silent", "forge"].iter().any(|word| rule()["behaviour"] == *word)
        };
        !self.line.reports || !matches!(self.fault, Played::Rule(rule) if keeps_silent(rule))
    }
}

fn words(story: &Value) -> impl Iterator<Item = &str> {
    story["timeline"].as_array().into_iter().flatten().filter_map(|moment| moment["what"].as_str())
}

/// Waits until every cell has its end: a last event, or silence past the deadline; shows those that have none.
async fn ended(rig: &Rig, cells: &[Cell]) {
    let deadline = Instant::now() + LONG;
    let mut open: Vec<&Cell> = cells.iter().collect();
    while !open.is_empty() {
        let finals = rig.receiver.final_events();
        let mut left = Vec::new();
        for cell in open {
            let is_over = match cell.must_end() {
                true => finals.contains_key(&cell.notification),
                false => cell.story(rig).await["final"] == true,
            };
            if !is_over {
                left.push(cell);
            }
        }
        open = left;
        if Instant::now() > deadline {
            for cell in &open {
                println!("{} {:#}", cell.line.kind, cell.story(rig).await);
            }
            panic!("{} cells have no end after {LONG:?}", open.len());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What became of each cell once nothing moves any more: where a provider's acceptance is the end, its receipts come
/// after it and still move the state.
async fn at_rest(rig: &Rig, cells: &[Cell]) -> Vec<String> {
    let (mut seen, mut since) = (shown(rig, cells).await, Instant::now());
    while since.elapsed() < RECEIPTS_OVER {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = shown(rig, cells).await;
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
    seen
}

/// What became of each cell, in words.
async fn shown(rig: &Rig, cells: &[Cell]) -> Vec<String> {
    let mut counts = BTreeMap::<String, (usize, usize)>::new();
    for call in rig.sim().calls().await {
        let count = counts.entry(call["reference"].as_str().unwrap_or_default().to_owned()).or_default();
        count.0 += 1;
        count.1 += usize::from(call["providerId"].is_string());
    }
    let mut shown = Vec::new();
    for cell in cells {
        let story = cell.story(rig).await;
        let (calls, copies) = counts.get(&cell.notification).copied().unwrap_or_default();
        let mut told = vec![
            story["state"].as_str().expect("a state").to_owned(),
            events(rig, &cell.notification).join(", "),
            format!("{}, {}", counted(calls, "call", "calls"), counted(copies, "copy", "copies")),
        ];
        for besides in ["retrying", "throttled", "unknown", "reconciled"] {
            if words(&story).any(|word| word == besides) {
                told.push(format!("`{besides}`"));
            }
        }
        shown.push(told.join("; "));
    }
    shown
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What customers were told, in order of arrival; the same webhook told again counts once.
fn events(rig: &Rig, notification: &str) -> Vec<String> {
    let (mut seen, mut told) = (Vec::new(), Vec::new());
    for arrival in rig.receiver.arrivals() {
        let event = &arrival.event;
        if event["notification"]["_id"] != notification || seen.contains(&arrival.webhook_id().to_owned()) {
            continue;
        }
        seen.push(arrival.webhook_id().to_owned());
        let trigger = event["trigger"].as_str().expect("a trigger");
        let mut word = trigger.strip_prefix("notification:delivery:").unwrap_or(trigger).to_owned();
        if let Some(code) = event["error"]["code"].as_str() {
            word = format!("{word} {code}");
        }
        told.push(if event["isFinalEvent"] == true { format!("**{word}**") } else { word });
    }
    told
}

/// People write into the hooks' faults; answers the cells in words.
async fn hooks(rig: &Rig) -> Vec<String> {
    let mut shown = Vec::new();
    for (row, (_, signature, times, file)) in HOOKS.iter().enumerate() {
        for (column, line) in LINES.iter().enumerate() {
            let integration = integration(FAULTS.len() + row, column);
            let mut asked =
                json!({"integrationId": integration, "from": line.person, "signature": signature});
            match file {
                Some(name) => {
                    let url = format!("{}/files/{name}", rig.gateway.sim_address().expect("a simulator"));
                    asked["media"] = json!([{"url": url, "type": "image/png"}]);
                }
                None => asked["text"] = json!("Hello"),
            }
            shown.push(hook(rig, asked, *times).await);
        }
    }
    shown
}

async fn hook(rig: &Rig, mut asked: Value, times: usize) -> String {
    let mut status = Value::Null;
    for _ in 0..times {
        let told = rig.sim().control("/control/write", &asked).await;
        (status, asked["providerId"]) = (told["status"].clone(), told["providerId"].clone());
    }
    // Announced behind it, so that whatever came of it is there.
    let integration = asked["integrationId"].clone();
    let fence = json!({"integrationId": integration, "from": asked["from"], "text": "Anybody there?"});
    rig.sim().control("/control/write", &fence).await;
    let of_cell = |event: &Value| event["messages"][0]["source"]["integrationId"] == integration;
    let is_fence = |event: &Value| event["messages"][0]["text"] == "Anybody there?";
    rig.receiver.event("the fence", |event| of_cell(event) && is_fence(event)).await;
    let events = rig.receiver.events().into_iter();
    let told: Vec<Value> = events
        .filter(|event| event["trigger"] == "message:appUser" && of_cell(event) && !is_fence(event))
        .collect();
    let mut words = vec![status.to_string(), format!("told {}", ["never", "once", "twice"][told.len()])];
    if let Some(url) = told.first().and_then(|event| event["messages"][0]["mediaUrl"].as_str()) {
        let address = if url.starts_with(rig.gateway.api_address()) { "ours" } else { "the provider's" };
        let (base, path) = url.split_at(url[8..].find('/').expect("a path") + 8);
        let status = crate::harness::api::Api::anonymous(base).get(path).await.status;
        words.push(format!("{address} {status}"));
    }
    words.join("; ")
}

fn table(names: &[&str], cells: &[String]) -> String {
    let heads = LINES.iter().map(|line| format!(" `{}` |", line.kind)).collect::<String>();
    let mut table = format!("| fault |{heads}\n|---|{}\n", "---|".repeat(LINES.len()));
    for (name, row) in names.iter().zip(cells.chunks(LINES.len())) {
        table.push_str(&format!("| {name} | {} |\n", row.join(" | ")));
    }
    table
}

/// Compares a table with the page's, or writes it there.
fn written(heading: &str, table: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway/sim/FAULTS.md");
    let page = std::fs::read_to_string(&path).expect("the page of faults");
    let start = page.find(heading).expect("a section");
    let from = start + page[start..].find("\n| ").expect("a table") + 1;
    let to = from + page[from..].find("\n\n").expect("an end of the table") + 1;
    if std::env::var_os("HELIOGRAPH_BLESS").is_some() {
        std::fs::write(&path, format!("{}{table}{}", &page[..from], &page[to..])).expect("a page");
        return;
    }
    let pairs = page[from..to].lines().zip(table.lines());
    let differing: Vec<(&str, &str)> = pairs.filter(|(one, other)| one != other).collect();
    assert!(page[from..to] == *table, "{heading}: {differing:#?}\n{table}\nHELIOGRAPH_BLESS=1 rewrites it");
}
