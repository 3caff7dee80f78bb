//! The commands that ask a running gateway: what they print, and how they say that something is wrong.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::config::{APP, TWILIO, WEBHOOK};
use crate::harness::process::BINARY;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_trace_shows_the_way_of_a_notification,
    dead_letters_are_listed_and_sent_again,
    an_integration_is_paused_and_its_limits_are_set,
    an_audit_is_a_table_that_adds_up,
    held_sends_are_listed_and_decided,
    what_is_wrong_is_said_in_one_line,
}

const NUMBER: &str = "+15145550161";

/// Runs a command against this gateway: whether it succeeded, and what it printed.
fn run(rig: &Rig, words: &[&str]) -> (bool, String) {
    let config = rig.gateway.config_path();
    let config = config.to_str().expect("a readable path");
    let output =
        Command::new(BINARY).args(words).args(["--config", config]).output().expect("the binary runs");
    (output.status.success(), String::from_utf8(output.stdout).expect("text"))
}

/// Runs a command that must succeed.
fn printed(rig: &Rig, words: &[&str]) -> String {
    let (is_well, text) = run(rig, words);
    assert!(is_well, "{words:?}: {text}");
    text
}

/// Runs a command that must fail, and answers the line it says.
fn refused(rig: &Rig, words: &[&str]) -> String {
    let (is_well, text) = run(rig, words);
    assert!(!is_well, "{words:?}: {text}");
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    text
}

async fn a_trace_shows_the_way_of_a_notification(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (id, _) = rig.notify_and_deliver(NUMBER, "traced").await;
    let page = printed(&rig, &["trace", &id]);
    assert!(page.starts_with(&format!("{id}: delivered, final\n")), "{page}");
    assert!(page.contains(NUMBER), "{page}");
    let whats: Vec<&str> = page.lines().skip(2).filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert!(whats.contains(&"accepted") && whats.contains(&"delivered"), "{page}");
    let same: Value =
        serde_json::from_str(&printed(&rig, &["trace", &id, "--app", APP, "--json"])).expect("JSON");
    assert_eq!(same["state"], "delivered");
}

async fn dead_letters_are_listed_and_sent_again(engine: Engine) {
    let rig = Rig::with(engine, |config| config.list("webhooks.schedule", &["20ms"])).await;
    assert_eq!(printed(&rig, &["deadletters"]), "no dead letters\n");
    rig.receiver.always_answer(404);
    rig.notify(NUMBER, "lost for now").await;
    let page = eventually("two dead letters", async || {
        let page = printed(&rig, &["deadletters", "list", "--webhook", WEBHOOK]);
        (page.lines().count() == 3).then_some(page)
    })
    .await;
    assert!(page.contains("http 404"), "{page}");
    let ids: Vec<&str> = page.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    rig.receiver.always_answer(200);
    assert_eq!(printed(&rig, &["deadletters", "replay", ids[0], ids[0]]), "1 will be sent again\n");
    let rest = printed(&rig, &["deadletters", "replay", "--webhook", WEBHOOK, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&rest).expect("JSON")["replayed"], 1);
    eventually("both events", async || (rig.receiver.events().len() == 2).then_some(())).await;
    assert_eq!(refused(&rig, &["deadletters", "replay", ids[0]]), "no such dead letters\n");
}

async fn an_integration_is_paused_and_its_limits_are_set(engine: Engine) {
    let rig = Rig::start(engine).await;
    assert_eq!(printed(&rig, &["pause", TWILIO]), format!("integration {TWILIO} is paused\n"));
    let id = rig.notify(NUMBER, "held back").await;
    let page = printed(&rig, &["limits", TWILIO, "--per-second", "50"]);
    assert!(page.contains("perSecond 50") && page.contains("burst 1000"), "what is not named stays: {page}");
    assert!(printed(&rig, &["limits", TWILIO, "--json"]).contains("\"queued\""));
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 0, "it is paused");
    assert_eq!(printed(&rig, &["resume", TWILIO]), format!("integration {TWILIO} is running\n"));
    rig.receiver.about("notification:delivery:user", &id).await;
    assert!(refused(&rig, &["pause", "5e1f438bf99fb467810c0aff"]).contains("integration not found"));
}

async fn an_audit_is_a_table_that_adds_up(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.notify_and_deliver(NUMBER, "counted").await;
    let page = printed(&rig, &["audit"]);
    let row: Vec<&str> = page.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(row[..4], [APP, TWILIO, "1", "1"], "{page}");
    assert!(page.lines().last().expect("a verdict").starts_with("balanced"), "{page}");
}

async fn held_sends_are_listed_and_decided(engine: Engine) {
    let rig = Rig::with(engine, |config| {
        config.set("send.reconcileWindow", "100ms").set("apps.0.integrations.0.onUnknown", "hold")
    })
    .await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "error", "times": 1})).await;
    let id = rig.notify(NUMBER, "sent or not").await;
    let page = eventually("it is held", async || {
        let page = printed(&rig, &["unknown"]);
        (page.contains(&id) && printed(&rig, &["trace", &id]).contains("held")).then_some(page)
    })
    .await;
    assert!(page.contains(TWILIO) && page.contains(NUMBER), "{page}");
    assert!(printed(&rig, &["unknown", "resend", &id]).starts_with(&id));
    rig.receiver.about("notification:delivery:user", &id).await;
    assert_eq!(printed(&rig, &["unknown", "list"]), "no sends of unknown outcome\n");
}

async fn what_is_wrong_is_said_in_one_line(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let nowhere = "e361392f-7dd3-4bdb-8844-d0d002ac7f72";
    assert!(refused(&rig, &["trace", nowhere]).contains("notification not found"));
    let config = std::fs::read_to_string(rig.gateway.config_path()).expect("a configuration");
    let wrong = config.replace("fake-account-secret", "fake-other-account-secret");
    std::fs::write(rig.gateway.log_path("wrong.toml"), wrong).expect("a file");
    let path = rig.gateway.log_path("wrong.toml");
    let output =
        Command::new(BINARY).args(["trace", nowhere, "--config"]).arg(&path).output().expect("a run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("refuses the account key"), "{said}");
    rig.gateway.kill();
    assert!(refused(&rig, &["audit"]).contains("is it running?"));
}
