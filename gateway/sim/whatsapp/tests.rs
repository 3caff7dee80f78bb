//! The Cloud API as the gateway sees it: over HTTP, with a small gateway of the tests' own behind it.

mod business;

use std::time::Duration;

use axum::extract::State as Extracted;
use heliograph_connectors::channel::signature::hmac_sha256;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::sim::{serve, server};

const NUMBER: &str = "106540352242922";
const ACCOUNT: &str = "102290129340398";
const TOKEN: &str = "fake-access-token";
const ANN: &str = "+15145550111";

type Heard = Arc<Mutex<Vec<Value>>>;

/// Keeps hooks that are signed with the app secret.
async fn hear(Extracted(heard): Extracted<Heard>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let expected = format!("sha256={}", hex::encode(hmac_sha256(b"fake-app-secret", &body)));
    if headers.get("x-hub-signature-256").is_none_or(|given| given != expected.as_str()) {
        return StatusCode::UNAUTHORIZED;
    }
    let hook: Value = serde_json::from_slice(&body).expect("JSON");
    lock(&heard).push(hook["entry"][0]["changes"][0]["value"].clone());
    StatusCode::OK
}

/// A running simulator with one number, and its gateway.
struct Stage {
    url: String,
    heard: Heard,
    client: reqwest::Client,
    stop: CancellationToken,
}

impl Stage {
    async fn set() -> Stage {
        let stop = CancellationToken::new();
        let heard = Heard::default();
        let gateway = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let hook_url = format!("http://{}/hooks/whatsapp/w", gateway.local_addr().expect("address"));
        let app = Router::new().fallback(hear).with_state(Arc::clone(&heard));
        tokio::spawn(server::serve(gateway, app, Arc::default(), stop.clone()));
        let settings = json!({"phoneNumberId": NUMBER, "accessToken": TOKEN, "appSecret": "fake-app-secret",
            "phoneNumber": "+911145550100",
            "accountId": ACCOUNT, "accountManagementAccessToken": "fake-account-token"});
        let account = Account {
            kind: "whatsapp".into(),
            integration_id: "w".into(),
            hook_url,
            settings: settings.as_object().expect("object").clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        tokio::spawn(serve(listener, vec![account], stop.clone()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().expect("client");
        Stage { url, heard, client, stop }
    }

    async fn call(&self, method: Method, path: &str, token: &str, body: Value) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn send(&self, message: Value) -> (u16, Value) {
        self.call(Method::POST, &format!("/whatsapp/v25.0/{NUMBER}/messages"), TOKEN, message).await
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::POST, &format!("/control/{path}"), TOKEN, body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn sent(&self) -> Vec<Value> {
        let (_, answer) = self.call(Method::GET, "/control/sent", TOKEN, Value::Null).await;
        answer["sent"].as_array().expect("a list").clone()
    }

    /// The hooks, once there are so many.
    async fn heard(&self, count: usize) -> Vec<Value> {
        for _ in 0..500 {
            let heard = lock(&self.heard).clone();
            if heard.len() >= count {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {count} hooks");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn text(to: &str) -> Value {
    json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, "type": "text",
           "text": {"body": "hello"}, "biz_opaque_callback_data": "note-1"})
}

#[tokio::test]
async fn a_send_is_taken_and_reported_to_the_end() {
    let stage = Stage::set().await;
    let (status, answer) = stage.send(text(ANN)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["contacts"], json!([{"input": ANN, "wa_id": "15145550111"}]));
    let heard = stage.heard(2).await;
    let statuses: Vec<&Value> = heard.iter().map(|value| &value["statuses"][0]).collect();
    assert_eq!((&statuses[0]["status"], &statuses[1]["status"]), (&json!("sent"), &json!("delivered")));
    assert_eq!(statuses[1]["id"], answer["messages"][0]["id"]);
    assert_eq!(statuses[1]["biz_opaque_callback_data"], "note-1");
    assert_eq!(statuses[1]["pricing"]["pricing_model"], "PMP");
    assert!(statuses[1].get("conversation").is_none());
    assert_eq!(heard[0]["metadata"]["phone_number_id"], NUMBER);
    let sent = &stage.sent().await[0];
    assert_eq!(
        (&sent["to"], &sent["reference"], &sent["text"]),
        (&json!(ANN), &json!("note-1"), &json!("hello"))
    );
}

#[tokio::test]
async fn a_number_without_its_plus_is_a_strangers() {
    let stage = Stage::set().await;
    let (status, answer) = stage.send(text("1 (631) 555-1234")).await;
    assert_eq!((status, &answer["contacts"][0]["wa_id"]), (200, &json!("9116315551234")));
    assert_eq!(stage.sent().await[0]["to"], "+9116315551234");
}

#[tokio::test]
async fn a_person_without_a_number_is_reached_by_their_id() {
    let stage = Stage::set().await;
    let mut message = text(ANN);
    message.as_object_mut().expect("object").remove("to");
    message["recipient"] = "CA.1349".into();
    let (status, answer) = stage.send(message).await;
    assert_eq!((status, &answer["contacts"][0]["user_id"]), (200, &json!("CA.1349")));
    assert_eq!(stage.heard(1).await[0]["statuses"][0]["recipient_user_id"], "CA.1349");
}

#[tokio::test]
async fn each_wrong_field_is_refused() {
    let stage = Stage::set().await;
    let with = |key: &str, value: Value| {
        let mut message = text(ANN);
        message[key] = value;
        message
    };
    let interactive = |kind: &str, body: &str, action: Value| {
        json!({"messaging_product": "whatsapp", "to": ANN, "type": "interactive", "interactive":
               {"type": kind, "body": {"text": body}, "action": action}})
    };
    let button = |id: &str, title: &str| json!({"type": "reply", "reply": {"id": id, "title": title}});
    let template = |template: Value| json!({"messaging_product": "whatsapp", "to": ANN, "type": "template", "template": template});
    for (message, code) in [
        (with("colour", json!("red")), 100),
        (with("messaging_product", json!("sms")), 131009),
        (with("to", json!("Ann")), 131009),
        (with("to", json!("+911145550100")), 131021),
        (with("recipient", json!("CA.1")), 131009),
        (with("type", json!("image")), 131009),
        (with("text", json!({"body": ""})), 131009),
        (with("text", json!({"body": "x".repeat(4097)})), 131009),
        (with("text", json!({"body": "hi", "preview_url": true})), 131009),
        (with("text", json!({"caption": "hi"})), 100),
        (with("image", json!({"link": "https://example.com/a.png"})), 131009),
        (json!({"to": ANN, "text": {"body": "hi"}}), 131008),
        (interactive("button", "", json!({"buttons": [button("a", "A")]})), 131009),
        (interactive("button", "?", json!({"buttons": []})), 131009),
        (interactive("button", "?", json!({"buttons": [button("a", "A"), button("a", "B")]})), 131009),
        (interactive("button", "?", json!({"buttons": [button("a", &"A".repeat(21))]})), 131009),
        (interactive("list", "?", json!({"buttons": [button("a", "A")]})), 131009),
        (interactive("cta_url", "?", json!({"name": "cta_url"})), 131009),
        (template(json!({"name": "hi", "namespace": "n", "language": {"code": "en"}})), 100),
        (template(json!({"name": "hi"})), 131008),
        (
            template(json!({"name": "hi", "language": {"code": "en"}, "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "a\nb"}]}]})),
            132012,
        ),
    ] {
        let (status, answer) = stage.send(message.clone()).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(code)), "{message} {answer}");
    }
    for (file, code) in [
        (json!({"link": "http://example.com/a.png"}), 131009),
        (json!({"id": "404"}), 100),
        (json!({"id": "404", "link": "https://example.com/a.png"}), 131009),
    ] {
        let message = json!({"messaging_product": "whatsapp", "to": ANN, "type": "image", "image": file});
        assert_eq!(stage.send(message).await.1["error"]["code"], code, "{file}");
    }
    assert!(stage.sent().await.is_empty());
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let stage = Stage::set().await;
    let path = format!("/whatsapp/v25.0/{NUMBER}");
    let (status, number) = stage.call(Method::GET, &path, TOKEN, Value::Null).await;
    assert_eq!((status, &number["display_phone_number"]), (200, &json!("+911145550100")));
    for (path, token, status, code) in [
        (path.clone(), "fake-other-token", 401, 190),
        (format!("{path}?fields=colour"), TOKEN, 400, 100),
        ("/whatsapp/v25.0/1".into(), TOKEN, 400, 100),
        (format!("/whatsapp/me/{NUMBER}"), TOKEN, 400, 2500),
        ("/whatsapp/nowhere".into(), TOKEN, 400, 2500),
    ] {
        let (answered, answer) = stage.call(Method::GET, &path, token, Value::Null).await;
        assert_eq!((answered, &answer["error"]["code"]), (status, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn files_go_up_and_come_down() {
    let stage = Stage::set().await;
    let form = "--b\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n\
                --b\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n\
                --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\
                Content-Type: image/png\r\n\r\npixels\r\n--b--\r\n";
    let request =
        stage.client.post(format!("{}/whatsapp/v25.0/{NUMBER}/media", stage.url)).bearer_auth(TOKEN);
    let request = request.header("content-type", "multipart/form-data; boundary=b").body(form);
    let answer = request.send().await.expect("an answer").text().await.expect("a body");
    let id = serde_json::from_str::<Value>(&answer).expect("JSON")["id"].as_str().expect("an id").to_owned();
    let message = json!({"messaging_product": "whatsapp", "to": ANN, "type": "image", "image": {"id": id}});
    assert_eq!(stage.send(message).await.0, 200);
    assert_eq!(stage.sent().await[0]["media"], json!([id]));

    let path = format!("/whatsapp/v25.0/{id}?phone_number_id={NUMBER}");
    let (status, held) = stage.call(Method::GET, &path, TOKEN, Value::Null).await;
    assert_eq!((status, &held["mime_type"], &held["file_size"]), (200, &json!("image/png"), &json!(6)));
    let address =
        held["url"].as_str().expect("an address").strip_prefix(&stage.url).expect("ours").to_owned();
    assert_eq!(stage.call(Method::GET, &address, TOKEN, Value::Null).await, (200, json!("pixels")));
    assert_eq!(stage.call(Method::GET, &address, "fake-other-token", Value::Null).await.0, 401);
}

#[tokio::test]
async fn people_write_press_and_send_files() {
    let stage = Stage::set().await;
    let said = |more: Value| {
        let mut asked = json!({"integrationId": "w", "from": ANN, "name": "Ann"});
        asked.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
        asked
    };
    let first = stage.control("write", said(json!({"text": "hi ☺", "answers": "wamid.1"}))).await;
    stage.control("write", said(json!({"providerId": first["providerId"]}))).await;
    stage.control("write", said(json!({"text": "Yes", "payload": "pb:y"}))).await;
    let url = format!("{}/files/bill.pdf", stage.url);
    stage
        .control("write", said(json!({"text": "Bill", "media": [{"url": url, "type": "application/pdf"}]})))
        .await;
    stage.control("write", json!({"integrationId": "w", "from": "CA.1349", "text": "hi"})).await;
    let heard = stage.heard(5).await;
    let messages: Vec<&Value> = heard.iter().map(|value| &value["messages"][0]).collect();
    assert_eq!(heard[0]["contacts"], json!([{"profile": {"name": "Ann"}, "wa_id": "15145550111"}]));
    assert_eq!(
        (&messages[0]["text"]["body"], &messages[0]["context"]["id"]),
        (&json!("hi ☺"), &json!("wamid.1"))
    );
    assert_eq!(messages[1]["id"], messages[0]["id"]);
    assert_eq!(messages[2]["interactive"]["button_reply"], json!({"id": "pb:y", "title": "Yes"}));
    assert_eq!(
        (&messages[3]["document"]["filename"], &messages[3]["document"]["caption"]),
        (&json!("bill.pdf"), &json!("Bill"))
    );
    assert_eq!((&messages[4]["from_user_id"], messages[4].get("from")), (&json!("CA.1349"), None));
    let path = format!("/whatsapp/v25.0/{}", messages[3]["document"]["id"].as_str().expect("an id"));
    let (_, held) = stage.call(Method::GET, &path, TOKEN, Value::Null).await;
    assert_eq!(held["sha256"], messages[3]["document"]["sha256"]);
    let forged = stage.control("write", said(json!({"text": "hi", "signature": "forged"}))).await;
    assert_eq!(forged["status"], 401);
}

#[tokio::test]
async fn rules_decide_what_happens_to_a_send() {
    let stage = Stage::set().await;
    let once = |behaviour: &str| json!({"behaviour": behaviour, "times": 1, "destination": ANN});
    for (behaviour, status, code) in
        [("refuse", 400, 131026), ("throttle", 429, 130429), ("error", 500, 131000)]
    {
        stage.control("rules", once(behaviour)).await;
        let (answered, answer) = stage.send(text(ANN)).await;
        assert_eq!((answered, &answer["error"]["code"]), (status, &json!(code)), "{behaviour}");
    }
    assert!(stage.sent().await.is_empty());
    stage.control("rules", once("fail")).await;
    assert_eq!(stage.send(text(ANN)).await.0, 200);
    let failed = &stage.heard(2).await[1]["statuses"][0];
    assert_eq!((&failed["status"], &failed["errors"][0]["code"]), (&json!("failed"), &json!(131026)));
    let id = stage.sent().await[0]["providerId"].clone();
    stage.control("receipt", json!({"providerId": id, "status": "read"})).await;
    assert_eq!(stage.heard(3).await[2]["statuses"][0]["status"], "read");
}
