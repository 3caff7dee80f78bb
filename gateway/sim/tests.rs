//! The simulator as its callers see it: over HTTP, with a small gateway of the tests' own behind it.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use heliograph_connectors::channel::{Secret, signature::hmac_sha1};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::*;

mod accounts;
mod faults;

const SID: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "fake-auth-token";

/// A gateway that checks signatures, keeps hooks and fails as often as told first.
#[derive(Clone)]
struct Gateway {
    url: String,
    heard: Arc<Mutex<Vec<HashMap<String, String>>>>,
    failures: Arc<Mutex<usize>>,
}

impl Gateway {
    async fn start(stop: &CancellationToken) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let gateway = Gateway { url, heard: Arc::default(), failures: Arc::default() };
        let app = Router::new().fallback(hear).with_state(gateway.clone());
        tokio::spawn(server::serve(listener, app, Arc::default(), stop.clone()));
        gateway
    }

    fn heard(&self) -> Vec<HashMap<String, String>> {
        lock(&self.heard).clone()
    }

    fn statuses(&self) -> Vec<String> {
        self.heard().iter().map(|form| form["SmsStatus"].clone()).collect()
    }
}

async fn hear(State(gateway): State<Gateway>, uri: Uri, headers: HeaderMap, body: String) -> StatusCode {
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    pairs.sort();
    let signed: String = pairs.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let message = format!("{}{uri}{signed}", gateway.url);
    let expected = hmac_sha1(&Secret::new(TOKEN), message.as_bytes());
    let expected = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, expected);
    if headers.get("x-twilio-signature").is_none_or(|given| given != expected.as_str()) {
        return StatusCode::UNAUTHORIZED;
    }
    let mut failures = lock(&gateway.failures);
    if *failures > 0 {
        *failures -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    pairs.push(("uri".into(), uri.to_string()));
    lock(&gateway.heard).push(pairs.into_iter().collect());
    StatusCode::OK
}

/// A running simulator with two integrations, and its gateway.
struct Stage {
    url: String,
    gateway: Gateway,
    client: reqwest::Client,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<io::Result<()>>,
}

impl Stage {
    async fn set() -> Stage {
        let stop = CancellationToken::new();
        let gateway = Gateway::start(&stop).await;
        let account = |id: &str, sender: &str, value: &str| Account {
            kind: "twilio".into(),
            integration_id: id.into(),
            hook_url: format!("{}/hooks/twilio/{id}", gateway.url),
            settings: json!({"accountSid": SID, "authToken": TOKEN, sender: value})
                .as_object()
                .expect("object")
                .clone(),
        };
        let accounts = vec![
            account("number", "phoneNumber", "+15145550100"),
            account("sid", "phoneNumberSid", "PN01"),
            account("service", "messagingServiceSid", "MG01"),
        ];
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let served = tokio::spawn(serve(listener, accounts, stop.clone()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().expect("client");
        Stage { url, gateway, client, stop, served }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("method");
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        read(request).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let path = format!("{}/twilio/2010-04-01/Accounts/{path}", self.url);
        read(self.client.get(path).basic_auth(SID, Some(TOKEN))).await
    }

    fn send_request(&self, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let callback = format!("{}/hooks/twilio/number?ref=note-1", self.gateway.url);
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("StatusCallback", &callback)
            .extend_pairs(form)
            .finish();
        let url = format!("{}/twilio/2010-04-01/Accounts/{SID}/Messages.json", self.url);
        let request = self.client.post(url).basic_auth(SID, Some(TOKEN));
        request.header("content-type", "application/x-www-form-urlencoded").body(form)
    }

    async fn send(&self, to: &str) -> (u16, Value) {
        read(self.send_request(&[("To", to), ("From", "+15145550100"), ("Body", "hello")])).await
    }

    async fn sent(&self) -> Vec<Value> {
        let (_, answer) = self.call("GET", "/control/sent", Value::Null).await;
        answer["sent"].as_array().expect("a list").clone()
    }

    async fn rule(&self, rule: Value) {
        assert_eq!(self.call("POST", "/control/rules", rule).await.0, 200);
    }

    async fn end(self) {
        self.stop.cancel();
        self.served.await.expect("no panic").expect("served");
    }
}

async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Waits until something holds, for five seconds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

const ANN: &str = "+15145550111";

#[tokio::test]
async fn a_send_is_taken_and_reported_to_the_end() {
    let stage = Stage::set().await;
    let (status, created) = stage.send(ANN).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!((&created["status"], &created["num_segments"]), (&json!("queued"), &json!("1")));
    until("delivered", async || stage.sent().await[0]["status"] == "delivered").await;
    assert_eq!(stage.gateway.statuses(), ["sent", "delivered"]);
    assert_eq!(stage.gateway.heard()[0]["uri"], "/hooks/twilio/number?ref=note-1");
    let sent = &stage.sent().await[0];
    assert_eq!((&sent["reference"], &sent["providerId"]), (&json!("note-1"), &created["sid"]));
    assert_eq!((&sent["integrationId"], &sent["type"]), (&json!("number"), &json!("twilio")));
    stage.end().await;
}

#[tokio::test]
async fn the_201_has_every_field_twilio_documents() {
    let stage = Stage::set().await;
    let (_, created) = stage.send(ANN).await;
    let fields: Vec<&str> = created.as_object().expect("object").keys().map(String::as_str).collect();
    #[rustfmt::skip]
    assert_eq!(fields, [
        "account_sid", "api_version", "body", "date_created", "date_sent", "date_updated", "direction",
        "error_code", "error_message", "from", "messaging_service_sid", "num_media", "num_segments", "price",
        "price_unit", "sid", "status", "subresource_uris", "to", "uri",
    ]);
    let service = [("To", ANN), ("MessagingServiceSid", "MG01"), ("Body", "hello")];
    let (_, created) = read(stage.send_request(&service)).await;
    assert_eq!((&created["status"], &created["from"]), (&json!("accepted"), &Value::Null));
    stage.end().await;
}

#[tokio::test]
async fn receipts_are_repeated_until_heard() {
    let stage = Stage::set().await;
    *lock(&stage.gateway.failures) = 2;
    stage.send(ANN).await;
    until("delivered", async || stage.sent().await[0]["status"] == "delivered").await;
    assert_eq!(stage.gateway.statuses(), ["sent", "delivered"]);
    stage.end().await;
}

#[tokio::test]
async fn messages_can_be_asked_for() {
    let stage = Stage::set().await;
    let (_, created) = stage.send(ANN).await;
    stage.send("+15145550112").await;
    let id = created["sid"].as_str().expect("sid");
    let (status, found) = stage.get(&format!("{SID}/Messages/{id}.json")).await;
    assert_eq!((status, &found["body"]), (200, &json!("hello")));
    let (_, list) = stage.get(&format!("{SID}/Messages.json?To=%2B15145550111&From=%2B15145550100")).await;
    assert_eq!(list["messages"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list["messages"][0]["sid"], id);
    let (_, page) = stage.get(&format!("{SID}/Messages.json?PageSize=1")).await;
    let next = page["next_page_uri"].as_str().expect("a next page");
    let (_, last) = stage.get(next.strip_prefix("/2010-04-01/Accounts/").expect("path")).await;
    assert_eq!((&last["messages"][0]["sid"], &last["next_page_uri"]), (&json!(id), &Value::Null));
    assert_eq!(stage.get(&format!("{SID}/Messages/SM404.json")).await.1["code"], 20404);
    stage.end().await;
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let stage = Stage::set().await;
    assert_eq!(stage.get(&format!("{SID}.json")).await.1["status"], "active");
    let (_, number) = stage.get(&format!("{SID}/IncomingPhoneNumbers/PN01.json")).await;
    assert!(number["phone_number"].as_str().is_some_and(|number| number.starts_with("+1500555")), "{number}");
    let (status, error) = stage.get("AC09.json").await;
    assert_eq!((status, &error["code"]), (404, &json!(20404)));
    let request = stage.client.get(format!("{}/twilio/2010-04-01/Accounts/{SID}.json", stage.url));
    let (status, error) = read(request.basic_auth(SID, Some("wrong"))).await;
    assert_eq!((status, &error["code"]), (401, &json!(20003)));
    stage.end().await;
}

#[tokio::test]
async fn people_write_and_repeat_themselves() {
    let stage = Stage::set().await;
    let asked = json!({"integrationId": "number", "from": ANN, "text": "hi ☺"});
    let (_, first) = stage.call("POST", "/control/write", asked).await;
    assert_eq!(first["status"], 200);
    let again = json!({"integrationId": "number", "from": ANN, "providerId": first["providerId"]});
    stage.call("POST", "/control/write", again).await;
    let heard = stage.gateway.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0], heard[1]);
    assert_eq!((heard[0]["Body"].as_str(), heard[0]["To"].as_str()), ("hi ☺", "+15145550100"));
    let media = json!([{"url": "https://files.example/a.jpg", "type": "image/jpeg"}]);
    let asked = json!({"integrationId": "service", "from": ANN, "media": media});
    stage.call("POST", "/control/write", asked).await;
    let heard = &stage.gateway.heard()[2];
    assert_eq!((heard["NumMedia"].as_str(), heard["MediaContentType0"].as_str()), ("1", "image/jpeg"));
    assert_eq!(heard["MessagingServiceSid"], "MG01");
    stage.end().await;
}

#[tokio::test]
async fn forged_and_unsigned_hooks_are_posted_as_such() {
    let stage = Stage::set().await;
    for signature in ["forged", "missing"] {
        let asked = json!({"integrationId": "number", "from": ANN, "text": "hi", "signature": signature});
        assert_eq!(stage.call("POST", "/control/write", asked).await.1["status"], 401);
    }
    let (_, created) = stage.send(ANN).await;
    until("delivered", async || stage.sent().await[0]["status"] == "delivered").await;
    let asked = |signature| json!({"providerId": created["sid"], "status": "failed", "errorCode": 30008, "signature": signature});
    assert_eq!(stage.call("POST", "/control/receipt", asked("forged")).await.1, json!({"status": 401}));
    assert_eq!(stage.sent().await[0]["status"], "delivered");
    assert_eq!(stage.call("POST", "/control/receipt", asked("valid")).await.1, json!({"status": 200}));
    assert_eq!(stage.sent().await[0]["status"], "failed");
    assert_eq!(stage.gateway.heard()[2]["ErrorCode"], "30008");
    stage.end().await;
}

#[tokio::test]
async fn rules_decide_what_happens_to_a_send() {
    let stage = Stage::set().await;
    let once = |behaviour: &str| json!({"behaviour": behaviour, "times": 1, "destination": ANN});
    stage.rule(once("refuse")).await;
    let (status, error) = stage.send(ANN).await;
    assert_eq!((status, &error["code"]), (400, &json!(21211)));
    stage.rule(json!({"behaviour": "throttle", "retryAfter": 0.5, "times": 1})).await;
    let throttled = stage.send_request(&[("To", ANN), ("From", "+15145550100"), ("Body", "x")]).send().await;
    let throttled = throttled.expect("an answer");
    assert_eq!(
        (throttled.status().as_u16(), &throttled.headers()["retry-after"]),
        (429, &"0.5".parse().expect("value"))
    );
    stage.rule(json!({"behaviour": "error", "status": 503, "times": 1})).await;
    assert_eq!(stage.send(ANN).await.0, 503);
    assert!(stage.sent().await.is_empty(), "nothing was taken so far");
    stage.rule(once("accept-then-error")).await;
    assert_eq!(stage.send(ANN).await.0, 500);
    until("delivered", async || stage.sent().await[0]["status"] == "delivered").await;
    stage.rule(once("fail")).await;
    assert_eq!(stage.send(ANN).await.0, 201);
    until("undelivered", async || stage.sent().await[1]["status"] == "undelivered").await;
    assert_eq!(stage.gateway.heard()[3]["ErrorCode"], "30003");
    stage.rule(json!({"behaviour": "silent"})).await;
    assert_eq!(stage.send(ANN).await.0, 201);
    stage.call("DELETE", "/control/rules", Value::Null).await;
    stage.send(ANN).await;
    until("delivered", async || stage.sent().await[3]["status"] == "delivered").await;
    assert_eq!(stage.sent().await[2]["status"], Value::Null);
    stage.end().await;
}

#[tokio::test]
async fn a_hanging_send_is_taken_and_reported_before_it_is_answered() {
    let stage = Stage::set().await;
    stage.rule(json!({"behaviour": "hang", "ms": 60_000})).await;
    let request = stage.send_request(&[("To", ANN), ("From", "+15145550100"), ("Body", "x")]);
    let gave_up = request.timeout(Duration::from_millis(200)).send().await;
    assert!(gave_up.is_err_and(|error| error.is_timeout()));
    until("delivered", async || stage.sent().await[0]["status"] == "delivered").await;
    stage.end().await;
}

#[tokio::test]
async fn pace_is_kept() {
    let stage = Stage::set().await;
    stage.call("PUT", "/control/pace", json!({"latencyMs": 120, "receiptDelayMs": 60_000})).await;
    let before = std::time::Instant::now();
    stage.send(ANN).await;
    assert!(before.elapsed() >= Duration::from_millis(120));
    assert!(stage.gateway.heard().is_empty());
    stage.end().await;
}

#[tokio::test]
async fn the_inbox_keeps_webhooks_and_answers_as_told() {
    let stage = Stage::set().await;
    let rule = json!({"status": 503, "times": 1, "headers": {"Retry-After": "3"}, "path": "shop"});
    assert_eq!(stage.call("POST", "/control/inbox", rule).await.0, 200);
    assert_eq!(stage.call("POST", "/inbox", json!({"trigger": "a"})).await.0, 200);
    assert_eq!(stage.call("POST", "/inbox/shop", json!({"trigger": "b"})).await.0, 503);
    assert_eq!(stage.call("POST", "/inbox/shop", json!("text")).await.0, 200);
    let (_, kept) = stage.call("GET", "/inbox", Value::Null).await;
    let inbox = kept["inbox"].as_array().expect("a list");
    assert_eq!(inbox.iter().map(|entry| &entry["status"]).collect::<Vec<_>>(), [200, 503, 200]);
    assert_eq!((&inbox[1]["path"], &inbox[1]["body"]), (&json!("/inbox/shop"), &json!({"trigger": "b"})));
    assert!(inbox[0]["headers"]["host"].is_string() && inbox[0]["at"].is_string());
    assert_eq!(stage.call("DELETE", "/inbox", Value::Null).await, (200, json!({})));
    assert_eq!(stage.call("GET", "/inbox", Value::Null).await.1, json!({"inbox": []}));
    stage.end().await;
}

#[tokio::test]
async fn unknown_things_are_refused_by_name() {
    let stage = Stage::set().await;
    for (path, body) in [
        ("/control/write", json!({"integrationId": "nobody", "from": ANN})),
        ("/control/write", json!({"integrationId": "number", "from": ANN, "colour": "red"})),
        ("/control/receipt", json!({"providerId": "SM404", "status": "sent"})),
        ("/control/rules", json!({"behaviour": "silent", "integrationId": "nobody"})),
        ("/control/inbox", json!({"status": 99})),
    ] {
        let (status, answer) = stage.call("POST", path, body).await;
        assert!(status == 400 && answer["error"].is_string(), "{path}: {status} {answer}");
    }
    assert_eq!(stage.call("PUT", "/control/pace", json!({"latency": 1})).await.0, 400);
    assert_eq!(stage.call("GET", "/nowhere", Value::Null).await.0, 404);
    assert_eq!(stage.call("GET", "/twilio/nowhere", Value::Null).await.1["code"], 20404);
    let (status, page) = stage.call("GET", "/", Value::Null).await;
    assert!(status == 200 && page.as_str().is_some_and(|page| page.contains("POST /control/write")));
    stage.end().await;
}

#[tokio::test]
async fn a_gateway_that_cannot_be_reached_has_no_status() {
    let stage = Stage::set().await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("bind").local_addr().expect("address");
    let callback = format!("http://{free}/hooks");
    let url = format!("{}/twilio/2010-04-01/Accounts/{SID}/Messages.json", stage.url);
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("To", ANN), ("From", "+15145550100"), ("Body", "x"), ("StatusCallback", &callback)])
        .finish();
    let request = stage.client.post(url).basic_auth(SID, Some(TOKEN)).body(form);
    let (_, created) = read(request.header("content-type", "application/x-www-form-urlencoded")).await;
    let asked = json!({"providerId": created["sid"], "status": "sent"});
    assert_eq!(stage.call("POST", "/control/receipt", asked).await, (200, json!({"status": null})));
    stage.end().await;
}
