//! A customer's webhook endpoint: keeps what it is sent and answers as told.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::contract;
use super::wait::eventually;

/// What is told of a notification that arrives.
pub(crate) const DELIVERED: [&str; 2] = ["notification:delivery:channel", "notification:delivery:user"];

const QUIET: Duration = Duration::from_millis(700);

/// One webhook as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) event: Value,
    /// What it was answered.
    pub(crate) status: u16,
}

impl Arrival {
    /// The header's value; panics when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("header {name} is missing"));
        value.to_str().expect("a readable header")
    }

    /// The id under which retries of one webhook are recognised.
    pub(crate) fn webhook_id(&self) -> &str {
        self.header("webhook-id")
    }
}

#[derive(Debug, Default)]
struct Desk {
    arrivals: Vec<Arrival>,
    next: VecDeque<u16>,
    always: Option<u16>,
    /// What came that no document describes.
    faults: Vec<String>,
}

/// The endpoint; it listens until dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    desk: Arc<Mutex<Desk>>,
    pub(crate) url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let desk = Arc::new(Mutex::new(Desk::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/webhooks", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(keep).with_state(desk.clone());
        let server = tokio::spawn(async move { axum_serve(listener, router).await });
        Self { desk, url, server }
    }

    /// Answers the next webhooks with these statuses, one each, then 200 again.
    pub(crate) fn answer_next(&self, statuses: &[u16]) {
        self.desk.lock().expect("the desk").next.extend(statuses);
    }

    /// Answers every webhook with this status until told otherwise.
    pub(crate) fn always_answer(&self, status: u16) {
        self.desk.lock().expect("the desk").always = Some(status);
    }

    /// Everything that arrived, oldest first, repeats included.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        let desk = self.desk.lock().expect("the desk");
        assert!(desk.faults.is_empty(), "{}", desk.faults.join("\n"));
        desk.arrivals.clone()
    }

    /// Every event that was answered with a 2xx, oldest first.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.arrivals().into_iter().filter(|one| one.status / 100 == 2).map(|one| one.event).collect()
    }

    /// Waits for the first event that fits.
    pub(crate) async fn event(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || self.events().into_iter().find(|event| fits(event))).await
    }

    /// Waits for the first event with this trigger.
    pub(crate) async fn trigger(&self, trigger: &str) -> Value {
        self.event(trigger, |event| event["trigger"] == trigger).await
    }

    /// Every event of v2 in calls that were answered with a 2xx, oldest first: each call may hold several.
    pub(crate) fn told(&self) -> Vec<Value> {
        self.events().iter().flat_map(events_in).collect()
    }

    /// Waits for the first event of v2 of this type that fits.
    pub(crate) async fn told_of(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let is_it = |event: &Value| event["type"] == kind && fits(&event["payload"]);
        eventually(kind, async || self.told().into_iter().find(|event| is_it(event))).await
    }

    /// Waits for the event with this trigger about this notification.
    pub(crate) async fn about(&self, trigger: &str, notification: &str) -> Value {
        self.event(&format!("{trigger} of {notification}"), |event| {
            event["trigger"] == trigger && event["notification"]["_id"] == notification
        })
        .await
    }

    /// The triggers that came for this notification so far, in order of arrival.
    pub(crate) fn triggers_about(&self, notification: &str) -> Vec<String> {
        let mine = |event: &Value| event["notification"]["_id"] == notification;
        self.events().iter().filter(|event| mine(event)).map(trigger_of).collect()
    }

    /// Of each notification, the webhook ids under which a final event came: repeats of one webhook count once.
    pub(crate) fn final_events(&self) -> HashMap<String, HashSet<String>> {
        let mut found = HashMap::<String, HashSet<String>>::new();
        for arrival in self.arrivals().iter().filter(|one| one.event["isFinalEvent"] == true) {
            if let Some(id) = arrival.event["notification"]["_id"].as_str() {
                found.entry(id.to_owned()).or_default().insert(arrival.webhook_id().to_owned());
            }
        }
        found
    }

    /// Waits until nothing has arrived for a while. Only makes what must not arrive likelier to be seen.
    pub(crate) async fn quiet(&self) {
        let mut count = self.arrivals().len();
        let mut since = Instant::now();
        eventually("quiet", async || {
            let now = self.arrivals().len();
            if now != count {
                (count, since) = (now, Instant::now());
            }
            (since.elapsed() > QUIET).then_some(())
        })
        .await;
    }

    /// All triggers so far, in order of arrival.
    pub(crate) fn triggers(&self) -> Vec<String> {
        self.events().iter().map(trigger_of).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The events that a call of v2 holds.
pub(crate) fn events_in(body: &Value) -> Vec<Value> {
    body["events"].as_array().cloned().unwrap_or_default()
}

fn trigger_of(event: &Value) -> String {
    event["trigger"].as_str().unwrap_or_default().to_owned()
}

async fn keep(State(desk): State<Arc<Mutex<Desk>>>, headers: HeaderMap, body: String) -> StatusCode {
    let mut desk = desk.lock().expect("the desk");
    let status = desk.next.pop_front().or(desk.always).unwrap_or(200);
    let event = serde_json::from_str(&body).unwrap_or(Value::Null);
    if headers.contains_key("webhook-id") {
        desk.faults.extend(contract::told(&event));
    }
    desk.arrivals.push(Arrival { headers, body, event, status });
    StatusCode::from_u16(status).expect("a status")
}

/// `axum::serve` is behind a feature the gateway does without; this is all a test needs of it.
async fn axum_serve(listener: tokio::net::TcpListener, router: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = hyper_util::service::TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let stream = hyper_util::rt::TokioIo::new(stream);
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
        });
    }
}

#[tokio::test]
async fn it_keeps_what_comes_and_answers_as_told() {
    let receiver = Receiver::start().await;
    let (base, path) = receiver.url.split_at(receiver.url.len() - "/webhooks".len());
    let api = super::api::Api::anonymous(base);
    receiver.answer_next(&[500]);
    let event = serde_json::json!({"trigger": "test"});
    assert_eq!(api.post(path, &event).await.status, 500);
    assert!(receiver.events().is_empty(), "what was refused has not arrived");
    assert_eq!(api.post(path, &event).await.status, 200);
    assert_eq!(receiver.trigger("test").await, event);
    assert_eq!(receiver.arrivals().len(), 2);
}
