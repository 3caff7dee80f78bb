//! The OpenAPI documents, held to what stories see: an answer or a webhook that they do not describe is a failure.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};

use super::api::Answer;

const V1: &str = include_str!("../../gateway/openapi/v1.1.json");
const V2: &str = include_str!("../../gateway/openapi/v2.json");
const ADMIN: &str = include_str!("../../gateway/openapi/admin.json");

/// What a document's paths begin with.
const PREFIXES: [(&str, &[&str]); 3] =
    [(V1, &["v1.1", "v1"]), (V2, &["v2", "oauth"]), (ADMIN, &["heliograph"])];

/// Refusals that any request may meet, whatever it asks for.
const ANYWHERE: [u16; 4] = [405, 408, 414, 431];

/// The operations that were answered as they should be: a line each, for whoever wants to know what no story asks for.
const SEEN: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi-seen");

/// A document, and the checks made of it so far.
struct Document {
    prefixes: &'static [&'static str],
    json: Value,
    operations: Vec<Operation>,
    checks: Mutex<HashMap<String, Arc<Validator>>>,
    seen: Mutex<BTreeMap<String, u16>>,
}

struct Operation {
    method: String,
    path: String,
    /// Of each status, the schema of its body, when it has one.
    answers: BTreeMap<u16, Option<Value>>,
}

impl Operation {
    fn fits(&self, method: &str, segments: &[&str]) -> bool {
        let own: Vec<&str> = self.path.split('/').skip(1).collect();
        let fits = |(own, given): (&&str, &&str)| match own.starts_with('{') {
            true => !given.is_empty(),
            false => own.eq_ignore_ascii_case(given),
        };
        self.method == method && own.len() == segments.len() && own.iter().zip(segments).all(fits)
    }

    /// Of two paths that fit, the one with a word where the other takes anything is meant.
    fn words(&self) -> Vec<bool> {
        self.path.split('/').map(|part| !part.starts_with('{')).collect()
    }
}

fn documents() -> &'static [Document] {
    static DOCUMENTS: OnceLock<Vec<Document>> = OnceLock::new();
    DOCUMENTS.get_or_init(|| PREFIXES.iter().map(|(text, prefixes)| Document::read(text, prefixes)).collect())
}

/// What a `$ref` of this document names, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(name) = value.get("$ref").and_then(Value::as_str) else { return value };
    let found = document.pointer(name.trim_start_matches('#'));
    found.unwrap_or_else(|| panic!("the document has no {name}"))
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn body_of(described: &Value) -> Option<Value> {
    let content = described.get("content")?;
    Some(content.get("application/json").map_or_else(|| json!(true), |kind| kind["schema"].clone()))
}

impl Document {
    fn read(text: &str, prefixes: &'static [&'static str]) -> Document {
        let json: Value = serde_json::from_str(text).expect("the document is JSON");
        let mut operations = Vec::new();
        for (path, item) in members(&json["paths"]) {
            for (method, described) in members(item) {
                let answers = members(&described["responses"]).map(|(status, answer)| {
                    let status = status.parse().expect("a status");
                    (status, body_of(resolved(&json, answer)))
                });
                let answers = answers.collect();
                operations.push(Operation { method: method.to_uppercase(), path: path.clone(), answers });
            }
        }
        let (checks, seen) = (Mutex::default(), Mutex::default());
        Document { prefixes, json, operations, checks, seen }
    }

    fn operation(&self, method: &str, segments: &[&str]) -> Option<&Operation> {
        let fitting = self.operations.iter().filter(|operation| operation.fits(method, segments));
        fitting.max_by_key(|operation| operation.words())
    }

    /// What is wrong with a value by a schema of this document.
    fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let check = self.check(schema);
        if check.is_valid(value) {
            return Vec::new();
        }
        check.iter_errors(value).flat_map(|error| explained(&error)).collect()
    }

    fn check(&self, schema: &Value) -> Arc<Validator> {
        let mut checks = self.checks.lock().expect("the checks");
        let made = checks.entry(schema.to_string()).or_insert_with(|| {
            let whole = json!({ "allOf": [schema], "components": self.json["components"] });
            Arc::new(jsonschema::draft202012::new(&whole).expect("a schema"))
        });
        made.clone()
    }

    fn note(&self, operation: &Operation, status: u16) {
        let name = format!("{} {}", operation.method, operation.path);
        let mut seen = self.seen.lock().expect("what was seen");
        if status < 300 && seen.insert(name.clone(), status).is_none() {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(SEEN);
            let written = file.and_then(|mut file| file.write_all(format!("{name}\n").as_bytes()));
            written.unwrap_or_else(|error| panic!("{SEEN}: {error}"));
        }
    }
}

/// What a fault is, in full: of alternatives, why the one that was meant does not fit.
fn explained(error: &ValidationError<'_>) -> Vec<String> {
    let alternatives = match error.kind() {
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => context,
        _ => return vec![format!("{} at `{}`", error.masked(), error.instance_path())],
    };
    let is_another = |faults: &&Vec<ValidationError<'_>>| {
        faults.iter().any(|fault| {
            let is_name = matches!(
                fault.kind(),
                ValidationErrorKind::Constant { .. } | ValidationErrorKind::Enum { .. }
            );
            is_name && fault.instance_path().as_str().ends_with("type")
        })
    };
    let meant = alternatives.iter().filter(|faults| !is_another(faults)).min_by_key(|faults| faults.len());
    match meant {
        Some(faults) => faults.iter().flat_map(explained).collect(),
        None => vec![format!("none of the alternatives has this `type`, at `{}`", error.instance_path())],
    }
}

/// Holds an answer to the document of the API it came from; what comes from elsewhere is not looked at.
pub(crate) fn seen(method: &str, path: &str, answer: &Answer) {
    let bare = path.split(['?', '#']).next().unwrap_or_default();
    let bare = bare.strip_prefix("/sc").filter(|rest| rest.starts_with('/')).unwrap_or(bare);
    let segments: Vec<&str> = bare.split('/').skip(1).collect();
    let first = segments.first().map(|first| first.to_ascii_lowercase()).unwrap_or_default();
    let of = documents().iter().find(|document| document.prefixes.contains(&first.as_str()));
    let Some(document) = of.filter(|_| !matches!(method, "HEAD" | "OPTIONS")) else { return };
    let faults = match document.operation(method, &segments) {
        Some(operation) if !ANYWHERE.contains(&answer.status) => {
            document.note(operation, answer.status);
            answered(document, operation, answer)
        }
        _ if answer.status >= 400 => {
            document.faults(&json!({ "$ref": "#/components/schemas/Error" }), &answer.json)
        }
        // The demo and other gateways may be asked for what is not of the API.
        None if first == "v1" => Vec::new(),
        _ => vec!["the document has no such operation".to_owned()],
    };
    let (status, text) = (answer.status, &answer.text);
    assert!(faults.is_empty(), "{method} {path} was answered {status} {text}\n{}", faults.join("\n"));
}

fn answered(document: &Document, operation: &Operation, answer: &Answer) -> Vec<String> {
    match operation.answers.get(&answer.status) {
        Some(Some(schema)) => document.faults(schema, &answer.json),
        Some(None) if answer.text.is_empty() => Vec::new(),
        Some(None) => vec!["the document describes no body".to_owned()],
        None => vec![format!("{} has no answer with this status", operation.path)],
    }
}

/// What is wrong with the body of a webhook, when anything is.
pub(crate) fn told(body: &Value) -> Option<String> {
    let [v1, v2, _] = documents() else { return None };
    let (document, names) = match &body["events"] {
        Value::Array(events) => (v2, events.iter().map(|event| &event["type"]).collect()),
        _ => (v1, vec![&body["trigger"]]),
    };
    let described = |name: &&Value| document.json["webhooks"].get(name.as_str().unwrap_or_default());
    let mut faults = Vec::new();
    for name in names {
        match described(&name) {
            Some(hook) => {
                let asked = &hook["post"]["requestBody"]["content"]["application/json"]["schema"];
                faults.extend(document.faults(asked, body));
            }
            None => faults.push(format!("the document has no webhook {name}")),
        }
    }
    (!faults.is_empty()).then(|| format!("a webhook was told {body}\n{}", faults.join("\n")))
}

#[test]
fn what_no_document_describes_is_a_fault() {
    let message = json!({"trigger": "link:match", "app": {"_id": "5963c0d619a30a2e00de36b8"}, "version": "v1.1",
                         "appUser": {"_id": "4a9006a2b1a17bebf00542ab", "conversationStarted": true},
                         "channel": "twilio", "criteria": {"phoneNumber": "+15145550101"}});
    assert_eq!(told(&message), None);
    let changed = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut changed = message.clone();
        change(changed.as_object_mut().expect("an object"));
        told(&changed)
    };
    assert!(changed(&|body| drop(body.insert("colour".into(), json!("red")))).is_some());
    assert!(changed(&|body| drop(body.remove("channel"))).is_some());
    assert!(changed(&|body| drop(body.insert("trigger".into(), json!("link:lost")))).is_some());
}
