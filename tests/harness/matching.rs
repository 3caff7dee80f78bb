//! Comparing JSON with *named holes*: `"<notification>"` takes whatever it meets first and must meet the same again.
//!
//! A hole may say what it takes: `<x:time>` (ISO with milliseconds under the keys of [`ISO_TIMES`], under all others a
//! number of seconds), `<x:iso>` (the same as text, under any key), `<x:hex24>`, `<x:uuid>`. The name `_` binds nothing: `<_:time>` takes another time at every place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The keys under which v1.1 writes times as text.
const ISO_TIMES: [&str; 3] = ["signedUpAt", "lastSeen", "linkedAt"];

/// What the holes of a story hold so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings(BTreeMap<String, Value>);

impl Bindings {
    /// Binds a name to what the story already knows.
    pub(crate) fn bind(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// What a hole took.
    pub(crate) fn value(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("nothing is bound to <{name}>"))
    }

    /// What a hole took, as text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.value(name).as_str().unwrap_or_else(|| panic!("<{name}> is no text"))
    }

    fn name_of(&self, value: &Value) -> Option<&str> {
        let held = |(_, bound): &(&String, &Value)| *bound == value && value.is_string();
        self.0.iter().find(held).map(|(name, _)| name.as_str())
    }
}

/// The differences, one line each with its path; none means that it fits, and only then the holes are bound.
pub(crate) fn differences(expected: &Value, actual: &Value, bindings: &mut Bindings) -> Vec<String> {
    let mut found = Vec::new();
    let mut tried = bindings.clone();
    compare("", expected, actual, &mut tried, &mut found);
    if found.is_empty() {
        *bindings = tried;
    }
    found
}

fn compare(path: &str, expected: &Value, actual: &Value, bindings: &mut Bindings, found: &mut Vec<String>) {
    if let Some(hole) = Hole::of(expected) {
        let key = path.rsplit('.').next().unwrap_or_default();
        found.extend(hole.take(key, actual, bindings).map(|problem| format!("{path}: {problem}")));
        return;
    }
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            compare_objects(path, expected, actual, bindings, found);
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if expected.len() != actual.len() {
                found.push(format!("{path}: {} entries expected, {} found", expected.len(), actual.len()));
            }
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{path}[{index}]"), expected, actual, bindings, found);
            }
        }
        _ if expected == actual => {}
        _ => found.push(format!("{path}: expected {expected}, found {actual}")),
    }
}

fn compare_objects(
    path: &str,
    expected: &Map<String, Value>,
    actual: &Map<String, Value>,
    bindings: &mut Bindings,
    found: &mut Vec<String>,
) {
    for (key, expected) in expected {
        match actual.get(key) {
            Some(actual) => compare(&format!("{path}.{key}"), expected, actual, bindings, found),
            None => found.push(format!("{path}.{key}: expected {expected}, missing")),
        }
    }
    for (key, actual) in actual.iter().filter(|(key, _)| !expected.contains_key(*key)) {
        found.push(format!("{path}.{key}: not expected, found {actual}"));
    }
}

/// Writes what was found as the next expectation: holes stay where they were, known values become their holes.
pub(crate) fn blessed(expected: Option<&Value>, actual: &Value, bindings: &Bindings) -> Value {
    if let Some(expected) = expected.filter(|expected| Hole::of(expected).is_some()) {
        return expected.clone();
    }
    if let Some(name) = bindings.name_of(actual) {
        return Value::String(format!("<{name}>"));
    }
    match actual {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                (key.clone(), blessed(expected.and_then(|all| all.get(key)), value, bindings))
            })
            .collect(),
        Value::Array(entries) => entries
            .iter()
            .enumerate()
            .map(|(index, value)| blessed(expected.and_then(|all| all.get(index)), value, bindings))
            .collect(),
        plain => plain.clone(),
    }
}

#[derive(Debug)]
struct Hole<'a> {
    name: &'a str,
    kind: Option<&'a str>,
}

impl<'a> Hole<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        let inside = value.as_str()?.strip_prefix('<')?.strip_suffix('>')?;
        let (name, kind) = match inside.split_once(':') {
            Some((name, kind)) => (name, Some(kind)),
            None => (inside, None),
        };
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        plain.then_some(Self { name, kind })
    }

    /// Binds, or says why it cannot.
    fn take(&self, key: &str, actual: &Value, bindings: &mut Bindings) -> Option<String> {
        let is_written = |kind| kind != "time" || actual.is_string() == ISO_TIMES.contains(&key);
        if let Some(kind) = self.kind
            && !(is_a(kind, actual) && is_written(kind))
        {
            return Some(format!("<{}> takes a {kind}, found {actual}", self.name));
        }
        if self.name == "_" {
            return None;
        }
        match bindings.0.get(self.name) {
            Some(bound) if bound == actual => None,
            Some(bound) => Some(format!("<{}> is {bound}, found {actual}", self.name)),
            None => {
                bindings.bind(self.name, actual.clone());
                None
            }
        }
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match (kind, value) {
        ("time", Value::Number(seconds)) => seconds.as_f64().is_some_and(|at| (1.5e9..5e9).contains(&at)),
        ("time" | "iso", Value::String(text)) => {
            text.len() == 24
                && text.ends_with('Z')
                && text.as_bytes()[10] == b'T'
                && text.as_bytes()[19] == b'.'
        }
        ("hex24", Value::String(text)) => {
            text.len() == 24 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        }
        ("uuid", Value::String(text)) => uuid::Uuid::try_parse(text).is_ok() && text.len() == 36,
        ("text", Value::String(_)) => true,
        ("time" | "iso" | "hex24" | "uuid" | "text", _) => false,
        (other, _) => panic!("no hole takes a {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expected: Value, actual: Value) -> Vec<String> {
        differences(&expected, &actual, &mut Bindings::default())
    }

    #[test]
    fn a_hole_takes_the_first_value_and_must_meet_it_again() {
        let expected = json!({"a": "<id>", "b": ["<id>"]});
        assert_eq!(check(expected.clone(), json!({"a": "x", "b": ["x"]})), Vec::<String>::new());
        assert_eq!(check(expected, json!({"a": "x", "b": ["y"]})), [".b[0]: <id> is \"x\", found \"y\""]);
    }

    #[test]
    fn a_hole_refuses_what_is_not_of_its_kind() {
        assert!(check(json!("<x:hex24>"), json!("5963c0d619a30a2e00de36b8")).is_empty());
        assert!(check(json!("<x:uuid>"), json!("e361392f-7dd3-4bdb-8844-d0d002ac7f72")).is_empty());
        assert!(check(json!("<x:time>"), json!(1_529_675_979.541)).is_empty());
        let iso = json!("2019-01-14T18:55:12.515Z");
        assert!(check(json!({"lastSeen": "<x:time>"}), json!({ "lastSeen": iso })).is_empty());
        assert!(check(json!({"received": "<x:iso>"}), json!({ "received": iso })).is_empty());
        assert_eq!(check(json!("<x:iso>"), json!(1_529_675_979.541)).len(), 1);
        assert_eq!(check(json!({"received": "<x:time>"}), json!({ "received": iso })).len(), 1);
        assert_eq!(check(json!({"lastSeen": "<x:time>"}), json!({"lastSeen": 1_529_675_979.541})).len(), 1);
        assert_eq!(check(json!("<x:hex24>"), json!("5963C0D619A30A2E00DE36B8")).len(), 1);
        assert_eq!(check(json!("<x:uuid>"), json!("e361392f")).len(), 1);
        assert_eq!(check(json!("<x:time>"), json!(1_529_675_979_541_u64)).len(), 1);
        let whole = json!({"lastSeen": "2019-01-14T18:55:12Z"});
        assert_eq!(check(json!({"lastSeen": "<x:time>"}), whole).len(), 1);
    }

    #[test]
    fn every_difference_is_named_with_its_path() {
        let expected = json!({"same": 1, "gone": 2, "changed": 3, "list": [1, 2]});
        let actual = json!({"same": 1, "changed": 4, "list": [1], "new": 5});
        assert_eq!(
            check(expected, actual),
            [
                ".changed: expected 3, found 4",
                ".gone: expected 2, missing",
                ".list: 2 entries expected, 1 found",
                ".new: not expected, found 5",
            ]
        );
    }

    #[test]
    fn bindings_last_over_files_but_not_over_a_failure() {
        let mut bindings = Bindings::default();
        assert!(differences(&json!({"_id": "<one>"}), &json!({"_id": "a"}), &mut bindings).is_empty());
        assert_eq!(differences(&json!(["<one>", "<two>"]), &json!(["b", "c"]), &mut bindings).len(), 1);
        assert_eq!(bindings.text("one"), "a");
        assert!(!bindings.0.contains_key("two"));
    }

    #[test]
    fn blessing_keeps_holes_and_puts_known_values_into_theirs() {
        let mut bindings = Bindings::default();
        bindings.bind("user", "abc");
        let old = json!({"at": "<_:time>", "text": "old"});
        let found = json!({"at": 1.5e9, "text": "new", "user": {"_id": "abc"}});
        let new = blessed(Some(&old), &found, &bindings);
        assert_eq!(new, json!({"at": "<_:time>", "text": "new", "user": {"_id": "<user>"}}));
    }
}
