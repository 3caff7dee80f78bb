//! What the operator's monitoring reads, and the page that says what it means.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::config::TWILIO;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    what_happens_is_counted,
    every_metric_is_explained,
}

const NUMBER: &str = "+15145550161";

/// The page with its metrics.
async fn page(rig: &Rig) -> String {
    let answer = rig.gateway.open_admin().get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let kind = answer.headers["content-type"].to_str().expect("text");
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(answer.text.ends_with("# EOF\n"), "the page is whole");
    answer.text
}

/// One sample's value; none when it was never counted.
fn sample(page: &str, name: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    Some(line.parse().expect("a number"))
}

/// A sample's name with its labels, the integration's first.
fn of_integration(name: &str, more: &str) -> String {
    format!(r#"{name}{{integration="{TWILIO}"{more}}}"#)
}

/// A gateway that a bit of everything happened to, and its page.
async fn lively(engine: Engine) -> (Rig, String) {
    let rig = Rig::start(engine).await;
    rig.sim()
        .rule(json!({"destination": NUMBER, "behaviour": "throttle", "times": 1, "retryAfter": 1}))
        .await;
    rig.notify_and_deliver(NUMBER, "counted").await;
    rig.sim().tell(json!({"from": NUMBER, "text": "forged", "signature": "forged"})).await;
    rig.sim().write(NUMBER, "answered").await;
    rig.receiver.trigger("message:appUser").await;
    rig.gateway.anonymous().get("/nowhere").await;
    // A receiver has an event a moment before the gateway has the receiver's answer.
    let page = eventually("three announcements counted", async || {
        let page = page(&rig).await;
        let taken = sample(&page, r#"heliograph_announcements_total{outcome="taken"}"#);
        // Levels are looked at every few seconds.
        let waits = sample(&page, &of_integration("heliograph_rate", ""));
        (taken >= Some(3.0) && waits.is_some()).then_some(page)
    })
    .await;
    (rig, page)
}

async fn what_happens_is_counted(engine: Engine) {
    let (_rig, page) = lively(engine).await;
    let attempts = |outcome: &str| {
        format!(r#"heliograph_attempts_total{{channel="twilio",integration="{TWILIO}",outcome="{outcome}"}}"#)
    };
    for (name, least) in [
        (attempts("throttled").as_str(), 1.0),
        (attempts("accepted").as_str(), 1.0),
        (r#"heliograph_receipt_lag_seconds_count{channel="twilio"}"#, 1.0),
        (r#"heliograph_hook_events_total{channel="twilio",event="message"}"#, 1.0),
        (r#"heliograph_hook_events_total{channel="twilio",event="receipt"}"#, 1.0),
        (r#"heliograph_hooks_refused_total{channel="twilio",reason="forged"}"#, 1.0),
        (r#"heliograph_requests_total{method="GET",route="none",status="404"}"#, 1.0),
        (&of_integration("heliograph_messages_total", r#",became="accepted""#), 1.0),
        (&of_integration("heliograph_messages_total", r#",became="delivered""#), 1.0),
        (&of_integration("heliograph_rate_set", ""), 1.0),
        (&of_integration("heliograph_breaker", ""), 0.0),
        ("heliograph_announcement_lag_seconds_count", 3.0),
        ("heliograph_store_commit_seconds_count", 3.0),
        ("process_resident_memory_bytes", 1_000_000.0),
    ] {
        let value = sample(&page, name).unwrap_or_else(|| panic!("{name} is not in\n{page}"));
        assert!(value >= least, "{name} is {value}");
    }
}

async fn every_metric_is_explained(engine: Engine) {
    let (_rig, page) = lively(engine).await;
    let declared = page.lines().filter_map(|line| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some(if kind == "counter" { format!("{name}_total") } else { name.to_owned() })
    });
    let declared: BTreeSet<String> = declared.collect();
    let table = include_str!("../gateway/metrics/README.md");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let names = rows.flat_map(|row| row.split('`').filter(|name| name.contains('_')));
    let explained: BTreeSet<String> = names.map(str::to_owned).collect();
    assert_eq!(declared, explained);
}
