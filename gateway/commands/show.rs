//! Answers as pages for people: a timeline, and tables.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::model::Timestamp;

/// A notification: where it stands, and how it came there.
pub(super) fn trace(notification: &Value) -> String {
    let is_final = if notification["final"] == true { ", final" } else { "" };
    let mut page = String::new();
    let _ = writeln!(
        page,
        "{}: {}{is_final}\napp {}, integration {}, to {}",
        word(&notification["id"]),
        word(&notification["state"]),
        word(&notification["app"]),
        word(&notification["integration"]),
        word(&notification["destination"]),
    );
    let mut before = None;
    for moment in list(&notification["timeline"]) {
        let iso = word(&moment["at"]);
        let at = Timestamp::parse_iso(&iso);
        let wait = at.zip(before).map(|(at, before)| waited(at.since(before))).unwrap_or_default();
        before = at.or(before);
        let line = format!("{iso}  {wait:>9}  {:<10}  {}", word(&moment["what"]), said(moment));
        let _ = writeln!(page, "{}", line.trim_end());
    }
    page
}

/// What a moment says beside its time and its name.
fn said(moment: &Value) -> String {
    match (moment["what"] == "webhook", moment.as_object()) {
        (true, _) => announced(moment),
        (false, Some(facts)) => other_facts(facts),
        (false, None) => String::new(),
    }
}

fn announced(moment: &Value) -> String {
    let answer = match &moment["status"] {
        Value::Null => word(&moment["error"]),
        status => word(status),
    };
    let took = waited(Duration::from_millis(moment["tookMs"].as_u64().unwrap_or(0)));
    let mut line = format!(
        "{} to {}, attempt {}: {answer} after {}",
        word(&moment["trigger"]),
        word(&moment["webhook"]),
        word(&moment["attempt"]),
        took.trim_start_matches('+'),
    );
    if let Some(next) = moment["nextAt"].as_str() {
        let _ = write!(line, ", again at {next}");
    }
    if let Some(letter) = moment["deadLetter"].as_str() {
        let _ = write!(line, ", given up: dead letter {letter}");
    }
    line
}

/// The detail, then whatever else there is by its name.
fn other_facts(facts: &Map<String, Value>) -> String {
    let mut words: Vec<String> = facts.get("detail").map(word).into_iter().collect();
    let others = facts.iter().filter(|(name, _)| !["at", "what", "detail"].contains(&name.as_str()));
    words.extend(others.map(|(name, value)| format!("{name}={}", word(value))));
    words.join("  ")
}

/// Dead letters, oldest first.
pub(super) fn letters(letters: &[Value], has_more: bool) -> String {
    let head = ["id", "given up", "trigger", "webhook", "attempts", "last answer"];
    let rows = letters.iter().map(|letter| {
        ["id", "lastAt", "trigger", "webhook", "attempts", "lastError"].map(|name| word(&letter[name]))
    });
    listed("dead letters", table(head, rows.collect()), letters.len(), has_more)
}

/// Sends of unknown outcome, oldest first.
pub(super) fn unknown(unknown: &[Value], has_more: bool) -> String {
    let head = ["id", "since", "integration", "destination", "attempts"];
    let rows = unknown
        .iter()
        .map(|one| ["id", "since", "integration", "destination", "attempts"].map(|name| word(&one[name])));
    listed("sends of unknown outcome", table(head, rows.collect()), unknown.len(), has_more)
}

fn listed(what: &str, table: String, count: usize, has_more: bool) -> String {
    match (count, has_more) {
        (0, _) => format!("no {what}\n"),
        (_, false) => table,
        (_, true) => format!("{table}and more: these are the oldest {count} {what}\n"),
    }
}

/// The ledger: a row per integration, and whether each adds up.
pub(super) fn audit(audit: &Value) -> String {
    let mut rows = Vec::new();
    for app in list(&audit["apps"]) {
        for integration in list(&app["integrations"]) {
            let pending = &integration["pending"];
            rows.push([
                word(&app["id"]),
                word(&integration["id"]),
                word(&integration["accepted"]),
                word(&integration["delivered"]),
                word(&integration["failed"]),
                word(&integration["unconfirmed"]),
                word(&pending["queued"]),
                word(&pending["sending"]),
                word(&pending["sent"]),
                word(&pending["unknown"]),
                word(&integration["resentAfterUnknown"]),
                word(&integration["possibleDuplicates"]),
                word(&integration["knownDuplicates"]),
            ]);
        }
    }
    let head = [
        "app",
        "integration",
        "accepted",
        "delivered",
        "failed",
        "unconfirmed",
        "queued",
        "sending",
        "sent",
        "unknown",
        "resent",
        "maybe double",
        "double",
    ];
    let verdict = match audit["balanced"] == true {
        true => "balanced: accepted = delivered + failed + unconfirmed + queued + sending + sent + unknown",
        false => "NOT BALANCED: what was accepted is more or less than what became of it",
    };
    format!("{}{COPIES}{verdict}\n", table(head, rows))
}

/// What the last columns of the audit say, and what they do not.
const COPIES: &str = "\
resent: calls made again because nobody knows what the one before came to
maybe double: copies beyond the first that a provider may have, since such a call may have made one
double: of those, the copies that the provider itself named
";

/// An integration's limits, and how it goes at present.
pub(super) fn limits(integration: &str, answer: &Value) -> String {
    let facts = |of: &Value| {
        let named = of.as_object().into_iter().flatten();
        named.map(|(name, value)| format!("  {name} {}\n", word(value))).collect::<String>()
    };
    format!("limits of {integration}\n{}now\n{}", facts(&answer["limits"]), facts(&answer["now"]))
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut widths = head.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(head.map(str::to_owned)).chain(rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// A span in at most three digits of what matters.
fn waited(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("+{}ms", span.as_millis()),
        1..60 => format!("+{:.1}s", span.as_secs_f64()),
        60..3600 => format!("+{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("+{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_timeline_shows_times_waits_and_what_was_said() {
        let page = trace(&json!({
            "id": "n1", "app": "a1", "integration": "i1", "destination": "+15145550100", "state": "sent",
            "final": false,
            "timeline": [
                {"at": "2026-01-01T00:00:00.000Z", "what": "queued"},
                {"at": "2026-01-01T00:00:00.025Z", "what": "limited", "detail": "perSecond", "waitMs": 1500},
                {"at": "2026-01-01T00:01:05.025Z", "what": "webhook", "trigger": "t", "webhook": "w1",
                 "attempt": 2, "error": "timeout", "tookMs": 20000, "nextAt": "2026-01-01T00:02:00.000Z"},
                {"at": "2026-01-01T02:01:05.025Z", "what": "webhook", "trigger": "t", "webhook": "w1",
                 "attempt": 3, "status": 503, "tookMs": 12, "deadLetter": "d1"},
            ],
        }));
        let expected = "\
n1: sent
app a1, integration i1, to +15145550100
2026-01-01T00:00:00.000Z             queued
2026-01-01T00:00:00.025Z      +25ms  limited     perSecond  waitMs=1500
2026-01-01T00:01:05.025Z     +1m05s  webhook     t to w1, attempt 2: timeout after 20.0s, again at 2026-01-01T00:02:00.000Z
2026-01-01T02:01:05.025Z     +2h00m  webhook     t to w1, attempt 3: 503 after 12ms, given up: dead letter d1
";
        assert_eq!(page, expected);
    }

    #[test]
    fn a_ledger_is_a_table_with_a_verdict() {
        let pending = json!({"queued": 1, "sending": 0, "sent": 2, "unknown": 0});
        let integration = json!({"id": "i1", "accepted": 10, "delivered": 6, "failed": 1, "unconfirmed": 0,
            "pending": pending, "resentAfterUnknown": 0, "possibleDuplicates": 0, "knownDuplicates": 0});
        let page = audit(&json!({"balanced": false, "apps": [{"id": "a1", "integrations": [integration]}]}));
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines[0].starts_with("app  integration  accepted"), "{page}");
        assert!(lines[1].starts_with("a1   i1           10"), "{page}");
        assert!(
            page.contains("\ndouble: of those, the copies that the provider itself named\nNOT BALANCED"),
            "{page}"
        );
    }

    #[test]
    fn an_empty_list_says_so_and_a_cut_one_too() {
        assert_eq!(letters(&[], false), "no dead letters\n");
        let page = unknown(&[json!({"id": "n1", "since": "then", "attempts": 1})], true);
        assert!(page.ends_with("and more: these are the oldest 1 sends of unknown outcome\n"), "{page}");
    }
}
