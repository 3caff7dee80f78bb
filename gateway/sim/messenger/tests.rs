//! Messenger as its callers see it: sends checked one by one, and the calls over HTTP with a small gateway behind.

mod page;

use std::time::Duration;

use axum::{
    body::to_bytes,
    extract::State,
    http::{HeaderValue, StatusCode, header},
};
use heliograph_connectors::channel::signature::hmac_sha256;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;

const PAGE: &str = "180005062406476";
const ANA: &str = "5275811702471834";

fn headers() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn good() -> Value {
    json!({"recipient": {"id": ANA}, "messaging_type": "UPDATE",
           "message": {"text": "Hello", "metadata": "ref-1"}})
}

/// The good send with one thing in another way; null takes it out.
fn with(pointer: &str, value: Value) -> Value {
    let mut send = good();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = send.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    match value {
        Value::Null => parent.remove(name),
        value => parent.insert(name.to_owned(), value),
    };
    send
}

/// Meta's code for a send, 0 when nothing is wrong with it.
fn code(send: &Value) -> i64 {
    order::order(&headers(), send.to_string().as_bytes()).map_or_else(|refusal| refusal.code(), |_| 0)
}

fn attached(kind: &str, payload: Value) -> Value {
    let mut send = with("/message/text", Value::Null);
    send["message"]["attachment"] = json!({"type": kind, "payload": payload});
    send
}

fn buttons(button: Value, count: usize) -> Value {
    attached("template", json!({"template_type": "button", "text": "Next?", "buttons": vec![button; count]}))
}

#[test]
fn each_mistake_of_a_text_is_refused() {
    assert_eq!(code(&good()), 0);
    for (pointer, value, expected) in [
        ("/recipient", Value::Null, 100),
        ("/recipient/id", json!("+15145550199"), 100),
        ("/recipient/phone_number", json!("1"), 100),
        ("/messaging_type", Value::Null, 100),
        ("/messaging_type", json!("REPLY"), 100),
        ("/messaging_type", json!("RESPONSE"), 0),
        ("/messaging_type", json!("MESSAGE_TAG"), 100),
        ("/tag", json!("HUMAN_AGENT"), 100),
        ("/notification_type", json!("LOUD"), 100),
        ("/notification_type", json!("NO_PUSH"), 0),
        ("/sender_action", json!("typing_on"), 100),
        ("/message", Value::Null, 100),
        ("/message/text", Value::Null, 100),
        ("/message/text", json!(" "), 100),
        ("/message/text", json!("a".repeat(2000)), 100),
        ("/message/text", json!("😀".repeat(1000)), 100),
        ("/message/text", json!("a".repeat(1999)), 0),
        ("/message/metadata", json!("a".repeat(1000)), 100),
        ("/message/attachment", json!({"type": "image", "payload": {"url": "https://x.example/a"}}), 100),
        ("/message/colour", json!("red"), 100),
        ("/message/quick_replies", json!([]), 100),
        ("/message/quick_replies", json!([{"content_type": "location"}]), 100),
        ("/message/quick_replies", json!([{"content_type": "user_email"}]), 0),
        ("/message/quick_replies", json!([{"content_type": "text", "title": "Yes"}]), 100),
    ] {
        let send = with(pointer, value);
        assert_eq!(code(&send), expected, "{send}");
    }
    for (tag, expected) in [("HUMAN_AGENT", 0), ("ACCOUNT_UPDATE", 100)] {
        let mut send = with("/messaging_type", json!("MESSAGE_TAG"));
        send["tag"] = tag.into();
        assert_eq!(code(&send), expected, "{tag}");
    }
    let reply = |title: &str| json!({"content_type": "text", "title": title, "payload": "P"});
    assert_eq!(code(&with("/message/quick_replies", json!(vec![reply("Yes"); 13]))), 0);
    assert_eq!(code(&with("/message/quick_replies", json!(vec![reply("Yes"); 14]))), 100);
    assert_eq!(code(&with("/message/quick_replies", json!([reply(&"a".repeat(21))]))), 100);
    assert!(order::order(&HeaderMap::new(), good().to_string().as_bytes()).is_err());
}

#[test]
fn each_mistake_of_an_attachment_is_refused() {
    let postback = json!({"type": "postback", "title": "Go", "payload": "GO"});
    let element = json!({"title": "Hat", "subtitle": "Warm", "buttons": [postback]});
    let generic =
        |elements: Value| attached("template", json!({"template_type": "generic", "elements": elements}));
    for (send, expected) in [
        (attached("image", json!({"url": "https://x.example/a.jpg", "is_reusable": true})), 0),
        (attached("file", json!({"attachment_id": "1601472827243653"})), 0),
        (attached("image", json!({"url": "/a.jpg"})), 100),
        (attached("image", json!({})), 100),
        (attached("hologram", json!({"url": "https://x.example/a.jpg"})), 100),
        (attached("template", json!({"template_type": "list"})), 100),
        (buttons(postback.clone(), 3), 0),
        (buttons(postback.clone(), 4), 100),
        (buttons(json!({"type": "web_url", "title": "Go", "url": "https://x.example/"}), 1), 0),
        (buttons(json!({"type": "web_url", "title": "Go", "url": "mailto:a@x.example"}), 1), 100),
        (buttons(json!({"type": "phone_number", "title": "Call", "payload": "+15145550100"}), 1), 0),
        (buttons(json!({"type": "postback", "title": "Go"}), 1), 100),
        (generic(json!(vec![element.clone(); 10])), 0),
        (generic(json!(vec![element; 11])), 100),
        (generic(json!([{"title": "Hat"}])), 100),
        (generic(json!([{"title": "a".repeat(81), "subtitle": "Warm"}])), 100),
        (generic(json!([{"title": "Hat", "subtitle": "Warm", "price": 1}])), 100),
    ] {
        assert_eq!(code(&send), expected, "{send}");
    }
}

/// A gateway that checks signatures and keeps what happened, without the envelopes.
#[derive(Clone, Default)]
struct Gateway {
    heard: Arc<Mutex<Vec<Value>>>,
}

async fn hear(State(gateway): State<Gateway>, request: axum::extract::Request) -> StatusCode {
    let given = request.headers().get("x-hub-signature-256").cloned();
    let Ok(body) = to_bytes(request.into_body(), 1 << 20).await else { return StatusCode::BAD_REQUEST };
    let expected = format!("sha256={}", hex::encode(hmac_sha256(b"fake-app-secret", &body)));
    if given.is_none_or(|given| given != expected.as_str()) {
        return StatusCode::UNAUTHORIZED;
    }
    let mut hook: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((&hook["object"], &hook["entry"][0]["id"]), (&json!("page"), &json!(PAGE)));
    lock(&gateway.heard).push(hook["entry"][0]["messaging"][0].take());
    StatusCode::OK
}

/// A running simulator with one page, and its gateway.
struct Stage {
    url: String,
    gateway: Gateway,
    client: reqwest::Client,
    stop: CancellationToken,
}

impl Stage {
    async fn set() -> Stage {
        let (stop, gateway) = (CancellationToken::new(), Gateway::default());
        let hooks = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let account = Account {
            kind: "messenger".into(),
            integration_id: "m1".into(),
            hook_url: format!("http://{}/hooks/messenger/m1", hooks.local_addr().expect("address")),
            settings: json!({"pageAccessToken": "fake-page-token", "appId": "15", "pageId": PAGE,
                             "appSecret": "fake-app-secret"})
            .as_object()
            .expect("object")
            .clone(),
        };
        let app = Router::new().fallback(hear).with_state(gateway.clone());
        tokio::spawn(crate::sim::server::serve(hooks, app, Arc::default(), stop.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        tokio::spawn(crate::sim::serve(listener, vec![account], stop.clone()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        Stage { url, gateway, client: reqwest::Client::builder().no_proxy().build().expect("client"), stop }
    }

    async fn call(&self, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.url);
        let request = match body {
            Some(body) => {
                self.client.post(url).header("content-type", "application/json").body(body.to_string())
            }
            None => self.client.get(url),
        };
        let answer = request.bearer_auth(token).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.expect("a body")).unwrap_or_default())
    }

    async fn graph(&self, path: &str, body: Option<Value>) -> (u16, Value) {
        self.call(&format!("/messenger/v25.0/{path}"), "fake-page-token", body).await
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(&format!("/control/{path}"), "", Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// What was heard, once so much was.
    async fn heard(&self, count: usize) -> Vec<Value> {
        for _ in 0..500 {
            let heard = lock(&self.gateway.heard).clone();
            if heard.len() >= count {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never heard {count} events");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_send_is_taken_echoed_and_delivered() {
    let stage = Stage::set().await;
    let (status, answer) = stage.graph(&format!("{PAGE}/messages"), Some(good())).await;
    assert_eq!((status, &answer["recipient_id"]), (200, &json!(ANA)), "{answer}");
    let mid = &answer["message_id"];
    let heard = stage.heard(2).await;
    let echo = &heard[0]["message"];
    assert_eq!((&heard[0]["sender"]["id"], &heard[0]["recipient"]["id"]), (&json!(PAGE), &json!(ANA)));
    assert_eq!(
        *echo,
        json!({"mid": mid, "is_echo": true, "app_id": 15, "metadata": "ref-1", "text": "Hello"})
    );
    assert_eq!(heard[1]["delivery"]["mids"], json!([mid]));
    assert!(heard[1]["delivery"]["watermark"].as_i64() >= heard[0]["timestamp"].as_i64());
    stage.control("receipt", json!({"providerId": mid, "status": "read"})).await;
    assert!(stage.heard(3).await[2]["read"]["watermark"].is_i64());
    let (_, sent) = stage.call("/control/sent", "", None).await;
    let sent = &sent["sent"][0];
    assert_eq!(
        (&sent["reference"], &sent["to"], &sent["from"]),
        (&json!("ref-1"), &json!(ANA), &json!(PAGE))
    );
    assert_eq!(sent["request"], good());
}

#[tokio::test]
async fn strangers_and_rules_are_answered_as_meta_does() {
    let stage = Stage::set().await;
    let path = format!("/messenger/v25.0/{PAGE}/messages");
    let (status, answer) = stage.call(&path, "wrong", Some(good())).await;
    assert_eq!((status, &answer["error"]["code"]), (401, &json!(190)));
    let (_, answer) = stage.graph("180005062406999/messages", Some(good())).await;
    assert_eq!((&answer["error"]["code"], &answer["error"]["error_subcode"]), (&json!(100), &json!(33)));
    let (_, answer) = stage.call(&format!("/messenger/me/{PAGE}/messages"), "", Some(good())).await;
    assert_eq!(answer["error"]["code"], 2500);
    for (rule, status, code, subcode) in [
        (json!({"behaviour": "refuse", "times": 1}), 400, 100, json!(2_018_001)),
        (json!({"behaviour": "refuse", "code": "10/2018278", "times": 1}), 400, 10, json!(2_018_278)),
        (json!({"behaviour": "throttle", "times": 1}), 429, 613, Value::Null),
        (json!({"behaviour": "error", "times": 1}), 500, 2, Value::Null),
    ] {
        stage.control("rules", rule).await;
        let (told, answer) = stage.graph("me/messages", Some(good())).await;
        let error = &answer["error"];
        assert_eq!((told, &error["code"], &error["error_subcode"]), (status, &json!(code), &subcode));
    }
}

#[tokio::test]
async fn people_write_press_and_say_their_name() {
    let stage = Stage::set().await;
    let asked = "?fields=first_name,last_name,profile_pic";
    let (_, unknown) = stage.graph(&format!("{ANA}{asked}"), None).await;
    assert_eq!((&unknown["first_name"], &unknown["last_name"]), (&json!("Person"), &json!(ANA)));
    let write = |more: Value| {
        let mut write = json!({"integrationId": "m1", "from": ANA});
        let all = write.as_object_mut().expect("object");
        all.extend(more.as_object().expect("object").clone());
        stage.control("write", write)
    };
    let media = json!([{"url": "http://127.0.0.1/files/a.png", "type": "image/png"}]);
    write(json!({"text": "Hi", "media": media, "name": "Ana Ruiz", "answers": "m_1", "providerId": "m_2"}))
        .await;
    write(json!({"text": "Yes", "payload": "Y"})).await;
    write(json!({"payload": "START", "providerId": "m_3"})).await;
    write(json!({"payload": "START", "providerId": "m_3"})).await;
    let heard = stage.heard(4).await;
    let url = &media[0]["url"];
    assert_eq!(
        heard[0]["message"],
        json!({"mid": "m_2", "text": "Hi", "reply_to": {"mid": "m_1", "is_self_reply": false},
               "attachments": [{"type": "image", "payload": {"url": url}}]})
    );
    assert_eq!(heard[1]["message"]["quick_reply"], json!({"payload": "Y"}));
    assert_eq!(heard[2]["postback"], json!({"mid": "m_3", "title": "START", "payload": "START"}));
    assert_eq!(heard[2], heard[3]);
    let (_, known) = stage.graph(&format!("{ANA}{asked}"), None).await;
    assert_eq!((&known["first_name"], &known["last_name"]), (&json!("Ana"), &json!("Ruiz")));
    let (_, page) = stage.graph("me?fields=id,name", None).await;
    assert_eq!(page, json!({"id": PAGE, "name": format!("Page {PAGE}")}));
    assert_eq!(stage.graph("me?fields=colour", None).await.1["error"]["code"], 100);
    assert_eq!(stage.graph("nobody?fields=id", None).await.0, 400);
}
