//! No trigger and no kind of content is without a golden file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use heliograph::wire::v1::TRIGGERS;
use heliograph_connectors::channel::Content;
use serde_json::{Value, json};

/// What nothing here ever tells, and why.
const NEVER_TOLD: [(&str, &str); 6] = [
    ("*", "stands for all others"),
    ("message", "stands for both kinds of message"),
    ("client:update", "is of v2; accepted because callers subscribe to it"),
    ("notification:match:failure", "nothing says when it would be told; matching never fails here"),
    ("payment:success", "nobody pays here"),
    ("typing:appUser", "no provider of the five reports it; `gateway/wire/v1/events/tests` has its body"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn goldens() -> PathBuf {
    root().join("fixtures/sunshine/v1")
}

/// Every file in a folder and in those below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn golden_bodies() -> Vec<Value> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a golden file can be read");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    files(&goldens()).into_iter().map(read).collect()
}

#[test]
fn every_trigger_has_a_golden_file_or_a_reason_to_have_none() {
    let told: BTreeSet<String> =
        golden_bodies().iter().filter_map(|body| body["trigger"].as_str().map(str::to_owned)).collect();
    let never: BTreeSet<&str> = NEVER_TOLD.iter().map(|(trigger, _)| *trigger).collect();
    for trigger in TRIGGERS {
        assert_ne!(
            told.contains(*trigger),
            never.contains(trigger),
            "{trigger} must have either a golden file or a reason to have none"
        );
    }
    assert!(told.iter().all(|trigger| TRIGGERS.contains(&trigger.as_str())), "{told:?}");
    assert!(never.iter().all(|trigger| TRIGGERS.contains(trigger)), "{never:?}");
}

/// The keys of a body that hold null. What a provider said is passed on as it is.
fn nulls(path: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Null => vec![path.to_owned()],
        Value::Array(all) => all.iter().flat_map(|one| nulls(path, one)).collect(),
        Value::Object(fields) => {
            let own = fields.iter().filter(|(key, _)| !["underlyingError", "raw"].contains(&key.as_str()));
            own.flat_map(|(key, value)| nulls(&format!("{path}.{key}"), value)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn what_is_not_there_is_left_out_and_never_null() {
    let found: Vec<String> = golden_bodies().iter().flat_map(|body| nulls("", body)).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// The kinds of content, as the type itself lists them.
fn kinds() -> Vec<String> {
    let refused = serde_json::from_value::<Content>(json!({"type": "?"})).expect_err("no kind of content");
    let refused = refused.to_string();
    let (_, expected) = refused.split_once("expected one of").expect("a list of kinds");
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_kind_of_content_has_a_golden_file() {
    let bodies = golden_bodies();
    let told: BTreeSet<&str> =
        bodies.iter().filter_map(|body| body["messages"][0]["type"].as_str()).collect();
    let kinds = kinds();
    assert!(kinds.len() >= 8, "{kinds:?}");
    for kind in &kinds {
        assert!(told.contains(kind.as_str()), "{kind} is in no golden file of a webhook");
    }
}

#[test]
fn every_case_of_golden_files_is_compared_by_a_story() {
    let stories = files(&root().join("tests"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let stories: String = stories.map(|path| std::fs::read_to_string(path).expect("a story")).collect();
    for case in std::fs::read_dir(goldens()).expect("golden files") {
        let case = case.expect("an entry").file_name().into_string().expect("a readable name");
        let of_channel = case.rsplit_once('_').map(|(case, _)| format!("\"v1/{case}_{{}}\""));
        let is_compared = stories.contains(&format!("\"v1/{case}\""))
            || of_channel.is_some_and(|name| stories.contains(&name));
        assert!(is_compared, "no story compares {case}");
    }
}
