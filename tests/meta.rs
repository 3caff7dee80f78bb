//! What only Meta's channels do: one address for many numbers, people under several names, watermarks, buttons,
//! payloads of their own.

use serde_json::{Value, json};

use crate::harness::line::called;
use crate::harness::signing::hmac_sha256;
use crate::harness::simulator::of_app;
use crate::harness::{Config, Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_hook_reaches_every_number_it_is_about,
    a_handshake_is_answered_with_its_challenge,
    a_number_of_two_spellings_is_one_person,
    a_person_without_a_number_is_answered,
    a_template_is_passed_through,
    a_pressed_button_is_a_postback_and_a_quick_reply_a_message,
    messenger_tells_arrival_by_watermark_where_that_is_wanted,
    a_watermark_is_about_what_messenger_took,
    strangers_on_messenger_come_with_their_names,
}

const SECOND: &str = "5e1f438bf99fb467810c0bb5";
const SECOND_NUMBER: &str = "106540352242933";
const FOREIGN: &str = "5e1f438bf99fb467810c0cc5";
const FOREIGN_NUMBER: &str = "106540352242944";

/// The WhatsApp line, a second number of the same Meta app, and one of another Meta app.
fn three_numbers(config: Config) -> Config {
    let another = |id: &str, number: &str, secret: &str| {
        format!(
            "id = \"{id}\"\ntype = \"whatsapp\"\nphoneNumberId = \"{number}\"\nappSecret = \"{secret}\"\n\
             accessToken = \"fake-access-token\"\nverifyToken = \"fake-verify-token\""
        )
        .parse()
        .expect("TOML")
    };
    called("whatsapp")
        .join(config)
        .push("apps.0.integrations", another(SECOND, SECOND_NUMBER, "fake-app-secret"))
        .push("apps.0.integrations", another(FOREIGN, FOREIGN_NUMBER, "fake-secret-of-another-app"))
}

fn change(number: &str, text: &str) -> Value {
    let message = json!({
        "from": "15145550177", "id": format!("wamid.{text}"), "timestamp": "1795255200", "type": "text",
        "text": {"body": text},
    });
    json!({"field": "messages", "value": {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15145550105", "phone_number_id": number},
        "contacts": [{"profile": {"name": "Pat Example"}, "wa_id": "15145550177"}],
        "messages": [message],
    }})
}

async fn post(rig: &Rig, path: &str, changes: &[Value], secret: &str) -> u16 {
    let entries: Vec<Value> = changes.iter().map(|one| json!({"id": "9", "changes": [one]})).collect();
    let body = json!({"object": "whatsapp_business_account", "entry": entries}).to_string();
    let signature = format!("sha256={}", hex::encode(hmac_sha256(secret.as_bytes(), body.as_bytes())));
    let headers = [("x-hub-signature-256", signature.as_str())];
    rig.gateway.anonymous().request("POST", path, &headers, Some(body)).await.status
}

async fn a_hook_reaches_every_number_it_is_about(engine: Engine) {
    let rig = Rig::with(engine, three_numbers).await;
    let first = called("whatsapp");
    let number = "106540352242922";
    let own = format!("/hooks/whatsapp/{}", first.integration);
    let integration_of = async |text: &str| {
        let event = rig.receiver.event(text, |event| event["messages"][0]["text"] == text).await;
        assert_eq!(event["messages"][0]["name"], "Pat Example");
        event["messages"][0]["source"]["integrationId"].as_str().map(str::to_owned)
    };
    for (path, suffix) in [(own.as_str(), "at its own address"), ("/hooks/whatsapp", "at the short one")] {
        let (one, two) = (format!("one {suffix}"), format!("two {suffix}"));
        let lie = change(FOREIGN_NUMBER, &format!("a lie {suffix}"));
        let changes = [change(number, &one), lie, change(SECOND_NUMBER, &two)];
        assert_eq!(post(&rig, path, &changes, "fake-app-secret").await, 200);
        assert_eq!(integration_of(&one).await.as_deref(), Some(first.integration));
        assert_eq!(integration_of(&two).await.as_deref(), Some(SECOND));
    }
    assert_eq!(post(&rig, "/hooks/whatsapp", &[change(number, "forged")], "fake-guess").await, 401);
    assert_eq!(post(&rig, "/hooks/whatsapp", &[change("1", "to nobody here")], "fake-app-secret").await, 200);
    // What the other app's secret did not prove is not heard, however it came.
    let sent = [change(FOREIGN_NUMBER, "the truth")];
    assert_eq!(post(&rig, "/hooks/whatsapp", &sent, "fake-secret-of-another-app").await, 200);
    assert_eq!(integration_of("the truth").await.as_deref(), Some(FOREIGN));
    let heard = rig.receiver.events();
    let texts: Vec<&str> = heard.iter().filter_map(|event| event["messages"][0]["text"].as_str()).collect();
    assert_eq!(texts.len(), 5, "{texts:?}");
}

async fn a_handshake_is_answered_with_its_challenge(engine: Engine) {
    let rig = Rig::with(engine, three_numbers).await;
    let ask = async |path: &str, token: &str| {
        let path = format!("{path}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
        let answer = rig.gateway.anonymous().get(&path).await;
        (answer.status, answer.text)
    };
    for path in ["/hooks/whatsapp", &format!("/hooks/whatsapp/{SECOND}")] {
        assert_eq!(ask(path, "fake-verify-token").await, (200, "1158201444".into()), "{path}");
        assert_eq!(ask(path, "fake-guess").await.0, 403, "{path}");
    }
}

async fn notify(rig: &Rig, kind: &str, to: &str, body: Value) -> String {
    let mut body = body;
    body["destination"] = json!({"integrationId": called(kind).integration, "destinationId": to});
    body["author"] = json!({"role": "appMaker"});
    let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    answer["notification"]["_id"].as_str().expect("an id").to_owned()
}

async fn write(rig: &Rig, kind: &str, from: &str, fields: Value) {
    let mut fields = fields;
    fields["integrationId"] = json!(called(kind).integration);
    fields["from"] = json!(from);
    let told = rig.sim().control("/control/write", &fields).await;
    assert_eq!(told["status"], 200, "{told}");
}

/// In Brazil WhatsApp knows many numbers without the digit that they were given later.
async fn a_number_of_two_spellings_is_one_person(engine: Engine) {
    let rig = Rig::with(engine, |config| called("whatsapp").join(config)).await;
    let dialled = "+5551981234567";
    let text = json!({"message": {"type": "text", "text": "Oi"}});
    let id = notify(&rig, "whatsapp", dialled, text.clone()).await;
    let event = rig.receiver.about("notification:delivery:user", &id).await;
    assert_eq!(event["destination"]["destinationId"], dialled);
    write(&rig, "whatsapp", dialled, json!({"text": "Quem fala?"})).await;
    let reply = rig.receiver.trigger("message:appUser").await;
    assert_eq!(reply["appUser"]["_id"], event["matchResult"]["appUser"]["_id"]);
    assert_eq!(reply["recentNotifications"][0]["text"], "Oi", "{reply}");
    let user = reply["appUser"]["_id"].as_str().expect("an id");
    assert_eq!(rig.get_user(user).await["clients"].as_array().map(Vec::len), Some(1));

    let id = notify(&rig, "whatsapp", "+555181234567", text).await;
    let event = rig.receiver.about("notification:delivery:user", &id).await;
    assert_eq!(event["matchResult"]["appUser"]["_id"], user);
}

async fn a_person_without_a_number_is_answered(engine: Engine) {
    let rig = Rig::with(engine, |config| called("whatsapp").join(config)).await;
    let person = "CA.13491208655302741918";
    write(&rig, "whatsapp", person, json!({"text": "No number here", "name": "Pat Example"})).await;
    let event = rig.receiver.trigger("message:appUser").await;
    let user = event["appUser"]["_id"].as_str().expect("an id");
    let body = json!({"role": "appMaker", "type": "text", "text": "None needed"});
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201);
    assert_eq!(rig.sim().first_to(person).await["text"], "None needed");
    rig.receiver.trigger("message:delivery:user").await;
}

async fn a_template_is_passed_through(engine: Engine) {
    let rig = Rig::with(engine, |config| called("whatsapp").join(config)).await;
    let template = json!({
        "namespace": "fake_namespace", "name": "shipping_update",
        "language": {"policy": "deterministic", "code": "en"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Friday"}]}],
    });
    let person = called("whatsapp").person;
    let body = json!({"messageSchema": "whatsapp", "message": {"type": "template", "template": template}});
    let id = notify(&rig, "whatsapp", person, body).await;
    rig.receiver.about("notification:delivery:user", &id).await;
    let sent = rig.sim().first_to(person).await;
    let passed = &sent["request"]["template"];
    assert_eq!((&passed["name"], passed.get("namespace")), (&json!("shipping_update"), None), "{sent}");
    assert_eq!(passed["components"][0]["parameters"][0]["text"], "Friday");
    assert_eq!(sent["request"]["biz_opaque_callback_data"], id);
}

async fn a_pressed_button_is_a_postback_and_a_quick_reply_a_message(engine: Engine) {
    let whatsapp = called("whatsapp").person;
    let messenger = called("messenger").person;
    let rig = Rig::with(engine, |config| called("messenger").join(called("whatsapp").join(config))).await;
    let with = |kind: &str| {
        json!({"message": {"type": "text", "text": "Which?", "actions": [
            {"type": kind, "text": "The red one", "payload": "RED"},
        ]}})
    };
    for (kind, person, postback) in [("whatsapp", whatsapp, "pb:RED"), ("messenger", messenger, "RED")] {
        let id = notify(&rig, kind, person, with("reply")).await;
        rig.receiver.about("notification:delivery:channel", &id).await;
        let press = json!({"text": "The red one", "payload": "RED"});
        write(&rig, kind, person, press).await;
        let of_kind = |event: &Value| event["messages"][0]["source"]["type"] == kind;
        let reply = rig.receiver.event("a quick reply", of_kind).await;
        assert_eq!(
            (&reply["messages"][0]["text"], &reply["messages"][0]["payload"]),
            (&json!("The red one"), &json!("RED")),
            "{reply}"
        );

        let id = notify(&rig, kind, person, with("postback")).await;
        rig.receiver.about("notification:delivery:channel", &id).await;
        let press = if kind == "whatsapp" {
            json!({"text": "The red one", "payload": postback})
        } else {
            json!({"payload": postback})
        };
        write(&rig, kind, person, press).await;
        let pressed = |event: &Value| {
            event["trigger"] == "postback" && event["appUser"]["_id"] == reply["appUser"]["_id"]
        };
        let event = rig.receiver.event("a postback", pressed).await;
        assert_eq!(event["postbacks"][0]["action"]["payload"], "RED", "{event}");
    }
}

async fn messenger_tells_arrival_by_watermark_where_that_is_wanted(engine: Engine) {
    let line = called("messenger");
    let rig =
        Rig::with(engine, |config| line.join(config).set("apps.0.integrations.1.userReceipts", true)).await;
    let mut ids = Vec::new();
    for text in ["one", "two"] {
        ids.push(
            notify(&rig, "messenger", line.person, json!({"message": {"type": "text", "text": text}})).await,
        );
    }
    for id in &ids {
        let event = rig.receiver.about("notification:delivery:user", id).await;
        assert_eq!(event["isFinalEvent"], true);
        let channel = rig.receiver.about("notification:delivery:channel", id).await;
        assert_eq!(channel["isFinalEvent"], false);
    }
}

/// What was throttled waits here, whatever the person read meanwhile.
async fn a_watermark_is_about_what_messenger_took(engine: Engine) {
    let line = called("messenger");
    let rig = Rig::with(engine, |config| line.join(config)).await;
    let text = |text: &str| json!({"message": {"type": "text", "text": text}});
    let first = notify(&rig, "messenger", line.person, text("one")).await;
    rig.receiver.about("notification:delivery:channel", &first).await;
    let sent = rig.sim().first_to(line.person).await;

    rig.sim().rule(json!({"type": "messenger", "behaviour": "throttle", "retryAfter": 2, "times": 1})).await;
    let second = notify(&rig, "messenger", line.person, text("two")).await;
    eventually("a throttled send", async || {
        let calls = rig.sim().calls().await;
        calls.iter().any(|call| call["told"] == "throttled").then_some(())
    })
    .await;
    let provider_id = sent["providerId"].as_str().expect("an id");
    for status in ["reached", "read"] {
        assert_eq!(rig.sim().receipt(provider_id, status, "valid").await, 200);
    }
    rig.receiver.about("notification:delivery:channel", &second).await;
    assert_eq!(rig.sim().sent_to(line.person).await.len(), 2, "the second was sent all the same");
}

async fn strangers_on_messenger_come_with_their_names(engine: Engine) {
    let line = called("messenger");
    let rig = Rig::with(engine, |config| line.join(config)).await;
    write(&rig, "messenger", line.person, json!({"text": "Hello", "name": "Pat Example"})).await;
    let event = rig.receiver.trigger("message:appUser").await;
    assert_eq!(event["messages"][0]["name"], "Pat Example", "{event}");
    let user = event["appUser"]["_id"].as_str().expect("an id").to_owned();
    let shown = eventually("the user", async || Some(rig.get_user(&user).await)).await;
    assert_eq!((&shown["givenName"], &shown["surname"]), (&json!("Pat"), &json!("Example")));
    assert_eq!(shown["clients"][0]["displayName"], "Pat Example");
}
