//! The inbox: keeps the webhooks the gateway sends to its customers, and answers them as told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Sim, iso,
    kept::Kept,
    lock,
    rules::{Chance, Counted},
};

/// How many webhooks are kept, and how many bytes of them.
const INBOX_LIMIT: (usize, usize) = (200_000, 256 << 20);

/// What an entry costs beside its body, roughly.
const ENTRY_OVERHEAD: usize = 1_000;

/// The webhooks received, and how to answer the next.
pub(super) struct Inbox {
    received: Mutex<Kept<Received>>,
    rules: Mutex<Counted<InboxRule>>,
}

struct Received {
    at: Timestamp,
    method: Method,
    path: String,
    headers: HeaderMap,
    status: StatusCode,
    body: Bytes,
}

/// How webhooks are answered.
#[derive(Clone)]
struct InboxRule {
    status: StatusCode,
    headers: HeaderMap,
    delay: Duration,
    path: Option<String>,
    chance: Chance,
}

/// A rule as asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InboxRuleRequest {
    status: u16,
    #[serde(default)]
    times: Option<u64>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    delay_ms: u64,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    chance: Option<f64>,
    #[serde(default)]
    seed: Option<u64>,
}

impl Inbox {
    /// Empty, answering 200.
    pub(super) fn new() -> Inbox {
        Inbox { received: Mutex::new(Kept::new(INBOX_LIMIT)), rules: Mutex::default() }
    }

    /// Says how the next webhooks are answered.
    pub(super) fn add_rule(&self, asked: InboxRuleRequest) -> Result<(), String> {
        let InboxRuleRequest { status, times, headers, delay_ms, path, chance, seed } = asked;
        let rule = InboxRule {
            status: final_status(status)?,
            headers: headers.iter().map(parse_header).collect::<Result<_, _>>()?,
            delay: Duration::from_millis(delay_ms),
            path: path.map(|path| path.trim_matches('/').to_owned()),
            chance: Chance::given(chance, seed)?,
        };
        lock(&self.rules).add(rule, times)
    }

    /// Answers every webhook with 200 again.
    pub(super) fn clear_rules(&self) {
        lock(&self.rules).clear();
    }

    fn rule(&self, path: &str) -> InboxRule {
        let below = path.strip_prefix("/inbox").unwrap_or(path).trim_matches('/');
        let rule = lock(&self.rules)
            .take(|rule| rule.path.as_deref().is_none_or(|path| path == below) && rule.chance.happens());
        rule.unwrap_or_else(InboxRule::usual)
    }
}

impl InboxRule {
    /// 200 at once.
    fn usual() -> InboxRule {
        let chance = Chance::always();
        InboxRule {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            delay: Duration::ZERO,
            path: None,
            chance,
        }
    }
}

fn final_status(given: u16) -> Result<StatusCode, String> {
    let status = StatusCode::from_u16(given).ok().filter(|_| (200..600).contains(&given));
    status.ok_or_else(|| format!("status {given} is not one to answer with"))
}

fn parse_header((name, value): (&String, &String)) -> Result<(HeaderName, HeaderValue), String> {
    let parsed = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
    parsed.ok_or_else(|| format!("{name} is not a header that can be sent"))
}

impl Received {
    fn view(&self) -> Value {
        json!({
            "at": iso(self.at),
            "method": self.method.as_str(),
            "path": self.path,
            "headers": headers_view(&self.headers),
            "status": self.status.as_u16(),
            "body": body_view(&self.body),
        })
    }
}

fn headers_view(headers: &HeaderMap) -> Map<String, Value> {
    let join = |name: &HeaderName| {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        Value::String(values.join(", "))
    };
    headers.keys().map(|name| (name.to_string(), join(name))).collect()
}

fn body_view(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

/// The inbox's calls.
pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/inbox", get(list).post(receive).delete(forget))
        .route("/inbox/", post(receive))
        .route("/inbox/{*path}", post(receive))
}

async fn receive(
    State(sim): State<Arc<Sim>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let rule = sim.inbox.rule(uri.path());
    let (path, status) = (uri.path().to_owned(), rule.status);
    let bytes = ENTRY_OVERHEAD + body.len();
    // Kept before the answer is delayed: a sender who gives up has sent it all the same.
    let received = Received { at: Timestamp::now(), method, path, headers, status, body };
    lock(&sim.inbox.received).push(None, bytes, Arc::new(received));
    tokio::time::sleep(rule.delay).await;
    (rule.status, rule.headers).into_response()
}

async fn list(State(sim): State<Arc<Sim>>) -> Json<Value> {
    let received = lock(&sim.inbox.received).to_vec();
    let inbox: Vec<Value> = received.iter().map(|received| received.view()).collect();
    Json(json!({ "inbox": inbox }))
}

async fn forget(State(sim): State<Arc<Sim>>) -> Json<Value> {
    lock(&sim.inbox.received).clear();
    Json(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(inbox: &Inbox, rule: Value) -> Result<(), String> {
        inbox.add_rule(serde_json::from_value(rule).map_err(|error| error.to_string())?)
    }

    #[test]
    fn a_rule_may_be_for_one_path() {
        let inbox = Inbox::new();
        add(&inbox, json!({"status": 500, "path": "/shop/a", "times": 1})).expect("rule");
        assert_eq!(inbox.rule("/inbox").status, 200);
        assert_eq!(inbox.rule("/inbox/shop/a").status, 500);
        assert_eq!(inbox.rule("/inbox/shop/a").status, 200);
        add(&inbox, json!({"status": 410, "headers": {"Retry-After": "1"}})).expect("rule");
        assert_eq!(inbox.rule("/inbox/any").headers["retry-after"], "1");
        inbox.clear_rules();
        assert_eq!(inbox.rule("/inbox/any").status, 200);
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        for rule in
            [json!({"status": 100}), json!({"status": 200, "headers": {"a b": "c"}}), json!({"path": "a"})]
        {
            assert!(add(&Inbox::new(), rule.clone()).is_err(), "{rule} was taken");
        }
    }

    #[test]
    fn a_body_is_json_or_a_string() {
        assert_eq!(body_view(br#"{"a":1}"#), json!({"a": 1}));
        assert_eq!(body_view(b"a=1"), json!("a=1"));
        assert_eq!(body_view(b""), json!(""));
    }
}
