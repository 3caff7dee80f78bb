//! MessageBird as its callers see it: over HTTP, with a small gateway behind it that checks tokens.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use axum::http::{Method, Uri};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use heliograph_connectors::channel::signature::{hmac_sha256, sha256};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::*;
use crate::sim::{lock, serve, server};

const KEY: &str = "fake-signing-key";
const ANN: &str = "+15145550111";

/// A gateway that keeps the hooks whose token is good for their URL and body.
#[derive(Clone)]
struct Gateway {
    url: String,
    heard: Arc<Mutex<Vec<HashMap<String, String>>>>,
}

async fn hear(
    State(gateway): State<Gateway>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let url = format!("{}{uri}", gateway.url);
    if !is_signed(&headers, &url, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned();
    let mut heard: HashMap<String, String> = query.collect();
    let json: HashMap<String, Value> = serde_json::from_slice(&body).unwrap_or_default();
    heard.extend(json.into_iter().map(|(name, value)| (name, value.to_string())));
    heard.insert("method".into(), method.to_string());
    lock(&gateway.heard).push(heard);
    StatusCode::OK
}

fn is_signed(headers: &HeaderMap, url: &str, body: &[u8]) -> bool {
    let Some(token) = headers.get("messagebird-signature-jwt") else { return false };
    let (signed, signature) = token.to_str().expect("text").rsplit_once('.').expect("a signature");
    let (head, claims) = signed.split_once('.').expect("claims");
    let read = |part: &str| -> Value {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice(&bytes).expect("json")
    };
    let (head, claims) = (read(head), read(claims));
    let hash = |bytes: &[u8]| Value::from(hex::encode(sha256(bytes)));
    let payload_hash = if body.is_empty() { Value::Null } else { hash(body) };
    let now = jiff::Timestamp::now().as_second();
    head["alg"] == "HS256"
        && claims["iss"] == "MessageBird"
        && claims["nbf"].as_i64().is_some_and(|nbf| (now - 2..=now).contains(&nbf))
        && claims["exp"].as_i64().is_some_and(|exp| exp > now)
        && claims["jti"].as_str().is_some_and(|jti| !jti.is_empty())
        && claims["url_hash"] == hash(url.as_bytes())
        && claims["payload_hash"] == payload_hash
        && signature == BASE64_URL_SAFE_NO_PAD.encode(hmac_sha256(KEY.as_bytes(), signed.as_bytes()))
}

/// A running simulator with three integrations, and its gateway.
struct Stage {
    url: String,
    gateway: Gateway,
    client: reqwest::Client,
    stop: CancellationToken,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    (listener, url)
}

impl Stage {
    async fn set() -> Stage {
        let stop = CancellationToken::new();
        let (listener, url) = bind().await;
        let gateway = Gateway { url, heard: Arc::default() };
        let app = Router::new().fallback(hear).with_state(gateway.clone());
        tokio::spawn(server::serve(listener, app, Arc::default(), stop.clone()));
        let account = |id: &str, settings: Value| Account {
            kind: "messagebird".into(),
            integration_id: id.into(),
            hook_url: format!("{}/hooks/messagebird/{id}", gateway.url),
            settings: settings.as_object().expect("object").clone(),
        };
        let accounts = vec![
            account("number", json!({"accessKey": "fake-1", "originator": "15145550100", "signingKey": KEY})),
            account("name", json!({"accessKey": "fake-1", "originator": "Pigeons", "signingKey": KEY})),
            account("unsigned", json!({"accessKey": "fake-2", "originator": "15145550102"})),
        ];
        let (listener, url) = bind().await;
        tokio::spawn(serve(listener, accounts, stop.clone()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().expect("client");
        Stage { url, gateway, client, stop }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("method");
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.header("authorization", "AccessKey fake-1");
        let request = request.header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.text().await.expect("a body");
        (status, serde_json::from_str(&body).expect("json"))
    }

    async fn send(&self) -> (u16, Value) {
        let report_url = format!("{}/hooks/messagebird/number?via=report", self.gateway.url);
        let order = json!({
            "originator": "15145550100", "recipients": ["15145550111"], "body": "hello", "datacoding": "auto",
            "reference": "note-1", "reportUrl": report_url,
        });
        self.call("POST", "/messagebird/messages", order).await
    }

    async fn heard(&self, count: usize) -> Vec<HashMap<String, String>> {
        for _ in 0..500 {
            let heard = lock(&self.gateway.heard).clone();
            if heard.len() >= count {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never heard {count} hooks");
    }
}

#[tokio::test]
async fn a_send_is_taken_and_reported_to_the_end() {
    let stage = Stage::set().await;
    let (status, created) = stage.send().await;
    assert_eq!(status, 201, "{created}");
    let item = &created["recipients"]["items"][0];
    assert_eq!((&item["recipient"], &item["status"]), (&json!(15_145_550_111_u64), &json!("sent")));
    let heard = stage.heard(2).await;
    let of = |index: usize, name: &str| heard[index][name].clone();
    assert_eq!((of(0, "status").as_str(), of(1, "status").as_str()), ("buffered", "delivered"));
    assert_eq!((of(1, "method").as_str(), of(1, "via").as_str()), ("GET", "report"));
    assert_eq!((of(1, "reference").as_str(), of(1, "recipient").as_str()), ("note-1", "15145550111"));
    assert_eq!(json!(of(1, "id")), created["id"]);
    let path = format!("/messagebird/messages/{}", created["id"].as_str().expect("an id"));
    let (_, shown) = stage.call("GET", &path, Value::Null).await;
    assert_eq!(shown["recipients"]["items"][0]["statusReason"], "successfully delivered");
}

#[tokio::test]
async fn the_201_has_every_field_messagebird_documents() {
    let stage = Stage::set().await;
    let (_, created) = stage.send().await;
    let fields: Vec<&str> = created.as_object().expect("object").keys().map(String::as_str).collect();
    #[rustfmt::skip]
    assert_eq!(fields, [
        "body", "createdDatetime", "datacoding", "direction", "gateway", "href", "id", "mclass", "originator",
        "recipients", "reference", "scheduledDatetime", "type", "typeDetails", "validity",
    ]);
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let stage = Stage::set().await;
    assert_eq!(stage.call("GET", "/messagebird/balance", Value::Null).await.1["payment"], "prepaid");
    for (path, status, code) in [("/messages/none", 404, 20), ("/lookup", 404, 98)] {
        let (got, error) = stage.call("GET", &format!("/messagebird{path}"), Value::Null).await;
        assert_eq!((got, &error["errors"][0]["code"]), (status, &json!(code)), "{path}");
    }
    for key in ["AccessKey fake-3", "Bearer fake-1", ""] {
        let request = stage.client.get(format!("{}/messagebird/balance", stage.url));
        let answer = request.header("authorization", key).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 401, "{key}");
    }
}

#[tokio::test]
async fn people_write_to_numbers_in_json() {
    let stage = Stage::set().await;
    let media = json!([{"url": "https://files.example/a.jpg", "type": "image/jpeg"}]);
    let asked = json!({"integrationId": "number", "from": ANN, "text": "hi ☺", "media": media});
    let (_, answer) = stage.call("POST", "/control/write", asked).await;
    assert_eq!(answer["status"], 200);
    let heard = stage.heard(1).await;
    assert_eq!((heard[0]["method"].as_str(), heard[0]["body"].as_str()), ("POST", "\"hi ☺\""));
    assert_eq!(
        (&heard[0]["originator"], &heard[0]["recipient"]),
        (&"\"15145550111\"".into(), &"\"15145550100\"".into())
    );
    assert_eq!(heard[0]["mediaUrls"], "[\"https://files.example/a.jpg\"]");
    let asked = json!({"integrationId": "name", "from": ANN, "text": "hi"});
    assert_eq!(stage.call("POST", "/control/write", asked).await.0, 400);
}

#[tokio::test]
async fn forged_and_unsigned_hooks_are_sent_as_such() {
    let stage = Stage::set().await;
    for (integration, signature) in [("number", "forged"), ("number", "missing"), ("unsigned", "valid")] {
        let asked = json!({"integrationId": integration, "from": ANN, "signature": signature});
        assert_eq!(stage.call("POST", "/control/write", asked).await.1["status"], 401, "{signature}");
    }
}

#[tokio::test]
async fn rules_are_worded_as_messagebird_words_them() {
    let stage = Stage::set().await;
    for (rule, status, code) in [
        (json!({"behaviour": "refuse", "times": 1, "destination": ANN}), 422, json!(9)),
        (json!({"behaviour": "refuse", "times": 1, "status": 402, "code": 25}), 402, json!(25)),
        (json!({"behaviour": "error", "times": 1}), 500, json!(99)),
        (json!({"behaviour": "throttle", "times": 1, "retryAfter": 2}), 429, Value::Null),
    ] {
        stage.call("POST", "/control/rules", rule.clone()).await;
        let (got, error) = stage.send().await;
        assert_eq!((got, &error["errors"][0]["code"]), (status, &code), "{rule}");
    }
    stage.call("POST", "/control/rules", json!({"behaviour": "fail", "code": 103})).await;
    stage.send().await;
    let failed = &stage.heard(2).await[1];
    assert_eq!(
        (failed["status"].as_str(), failed["statusReason"].as_str()),
        ("delivery_failed", "opted out")
    );
    assert_eq!(failed["statusErrorCode"], "103");
}
