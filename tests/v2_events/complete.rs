//! No event type is without a golden file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use heliograph::wire::v2::TRIGGERS;
use serde_json::Value;

/// What nothing here ever tells, and why.
const NEVER_TOLD: [(&str, &str); 2] = [
    ("*", "stands for all others"),
    ("passthrough:messaging", "accepted because callers subscribe to it; it has no body"),
];

fn goldens(folder: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sunshine/v2").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a golden file can be read");
        let event = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, event)
    };
    entries.map(read).collect()
}

#[test]
fn every_trigger_has_a_golden_file_or_a_reason_to_have_none() {
    let events = goldens("event");
    let of_control = goldens("control");
    let all = events.iter().chain(&of_control);
    let told: BTreeSet<&str> = all.filter_map(|(_, event)| event["type"].as_str()).collect();
    let never: BTreeSet<&str> = NEVER_TOLD.iter().map(|(trigger, _)| *trigger).collect();
    for trigger in TRIGGERS {
        assert_ne!(
            told.contains(trigger),
            never.contains(trigger),
            "{trigger} must have either a golden file or a reason to have none"
        );
    }
    assert!(told.iter().chain(&never).all(|trigger| TRIGGERS.contains(trigger)), "{told:?} {never:?}");
    for (path, event) in &events {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a readable name");
        let kind = event["type"].as_str().expect("a type").replace(':', "_");
        assert_eq!(name.split('.').next(), Some(kind.as_str()), "{}", path.display());
    }
}

/// The keys of a body that hold null or an empty text. What a provider said is passed on as it is.
fn nothings(path: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Null => vec![path.to_owned()],
        Value::String(text) if text.is_empty() => vec![path.to_owned()],
        Value::Array(all) => all.iter().flat_map(|one| nothings(path, one)).collect(),
        Value::Object(fields) => {
            let own = fields.iter().filter(|(key, _)| !["underlyingError", "raw"].contains(&key.as_str()));
            own.flat_map(|(key, value)| nothings(&format!("{path}.{key}"), value)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn what_is_not_there_is_left_out() {
    let all = goldens("event").into_iter().chain(goldens("included"));
    let found: Vec<String> =
        all.flat_map(|(path, event)| nothings(&path.display().to_string(), &event)).collect();
    assert!(found.is_empty(), "{found:?}");
}
