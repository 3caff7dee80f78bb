//! What only mail does: subjects and threads, attachments, people who unsubscribe, hooks whose signature says nothing
//! of their content.

use serde_json::{Value, json};

use crate::harness::line::called;
use crate::harness::signing::hmac_sha256;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    an_answer_stands_in_the_thread_of_its_question,
    a_subject_is_said_when_a_person_is_linked,
    a_signature_is_good_for_one_hook,
    who_unsubscribes_is_sent_nothing_more,
}

async fn rig(engine: Engine) -> Rig {
    Rig::with(engine, |config| called("mailgun").join(config)).await
}

async fn sent(rig: &Rig) -> Value {
    rig.sim().first_to(called("mailgun").person).await
}

async fn an_answer_stands_in_the_thread_of_its_question(engine: Engine) {
    let (rig, line) = (rig(engine).await, called("mailgun"));
    let asked = json!({
        "integrationId": line.integration, "from": line.person, "subject": "Where is it?",
        "text": "My parcel, I mean.", "name": "Pat Example",
    });
    let told = rig.sim().control("/control/write", &asked).await;
    assert_eq!(told["status"], 200, "{told}");
    let event = rig.receiver.trigger("message:appUser").await;
    assert_eq!(event["messages"][0]["name"], "Pat Example", "{event}");
    let user = event["appUser"]["_id"].as_str().expect("an id");
    let body = json!({"role": "appMaker", "type": "text", "text": "On its way."});
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201);
    let answer = sent(&rig).await;
    assert_eq!(answer["request"]["subject"], "Re: Where is it?", "{answer}");
    let asked = told["providerId"].as_str().expect("an id");
    let replied = answer["request"]["headers"]["In-Reply-To"].as_str().unwrap_or_default();
    assert!(!replied.is_empty() && asked.contains(replied.trim_matches(['<', '>'])), "{answer}");
}

async fn a_subject_is_said_when_a_person_is_linked(engine: Engine) {
    let (rig, line) = (rig(engine).await, called("mailgun"));
    let user = rig.user("steveb@example.com").await;
    let body = json!({
        "type": "mailgun", "integrationId": line.integration, "address": line.person,
        "subject": "You are linked",
        "confirmation": {
            "type": "immediate", "message": {"role": "appMaker", "type": "text", "text": "Welcome"},
        },
    });
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/channels")), &body).await.expect(200);
    assert_eq!(sent(&rig).await["request"]["subject"], "You are linked");
    let event = rig.receiver.trigger("link:success").await;
    assert_eq!(event["criteria"]["subject"], "You are linked", "{event}");
}

/// Posts a route's form, signed by time and token alone, as Mailgun signs.
async fn route(rig: &Rig, token: &str, id: &str, text: &str) -> u16 {
    let line = called("mailgun");
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let signature = hex::encode(hmac_sha256(b"fake-signing-key", format!("{now}{token}").as_bytes()));
    let fields = [
        ("recipient", "support@mg.example.com"),
        ("sender", line.person),
        ("from", line.person),
        ("subject", "Hello"),
        ("body-plain", text),
        ("stripped-text", text),
        ("Message-Id", id),
        ("timestamp", &now.to_string()),
        ("token", token),
        ("signature", &signature),
    ];
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let path = format!("/hooks/mailgun/{}", line.integration);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    rig.gateway.anonymous().request("POST", &path, &headers, Some(form)).await.status
}

async fn a_signature_is_good_for_one_hook(engine: Engine) {
    let rig = rig(engine).await;
    let token = "5".repeat(50);
    assert_eq!(route(&rig, &token, "<1@example.org>", "the truth").await, 200);
    assert_eq!(route(&rig, &token, "<2@example.org>", "a lie").await, 200, "a repeat is answered well");
    assert_eq!(route(&rig, &"6".repeat(50), "<3@example.org>", "more of it").await, 200);
    let more = |event: &Value| event["messages"][0]["text"] == "more of it";
    let event = rig.receiver.event("the third", more).await;
    let user = event["appUser"]["_id"].as_str().expect("an id");
    let texts: Vec<Value> = rig.messages(user).await.iter().map(|said| said["text"].clone()).collect();
    assert_eq!(texts, [json!("the truth"), json!("more of it")]);
}

async fn who_unsubscribes_is_sent_nothing_more(engine: Engine) {
    let (rig, line) = (rig(engine).await, called("mailgun"));
    let body = json!({
        "destination": {"integrationId": line.integration, "destinationId": line.person},
        "author": {"role": "appMaker"}, "message": {"type": "text", "text": "News"},
    });
    let notify = async || {
        let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
        answer["notification"]["_id"].as_str().expect("an id").to_owned()
    };
    let first = notify().await;
    rig.receiver.about("notification:delivery:channel", &first).await;
    let id = sent(&rig).await["providerId"].as_str().expect("an id").to_owned();
    assert_eq!(rig.sim().receipt(&id, "unsubscribed", "valid").await, 200);
    let second = notify().await;
    let event = rig.receiver.about("notification:delivery:failure", &second).await;
    assert_eq!(event["error"]["code"], "forbidden", "{event}");
}
