//! Messages in a conversation: posted by the business, read back, deleted.

use serde_json::{Value, json};

use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    a_posted_message_is_sent_reported_and_kept,
    a_refused_message_fails_once,
    a_message_needs_a_role_and_a_text,
    messages_are_paged_by_time,
}

const NUMBER: &str = "+15145550148";

/// A user linked to the number.
async fn linked(rig: &Rig) -> String {
    let user = rig.user("steveb@example.com").await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    user
}

async fn post(rig: &Rig, user: &str, text: &str) -> Value {
    let body = json!({"role": "appMaker", "type": "text", "text": text});
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201)
}

async fn a_posted_message_is_sent_reported_and_kept(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/message_sms");
    let user = linked(&rig).await;
    golden.holes.bind("user", user.as_str());

    golden.compare("response.json", &post(&rig, &user, "Hello, Steve").await);
    let sent = rig.sim().first_to(NUMBER).await;
    assert_eq!(sent["text"], "Hello, Steve");
    golden.holes.bind("external", sent["providerId"].clone());

    let reached = rig.receiver.trigger("message:delivery:user").await;
    golden.compare("webhooks/1.message.json", &rig.receiver.trigger("message:appMaker").await);
    golden.compare("webhooks/2.channel.json", &rig.receiver.trigger("message:delivery:channel").await);
    golden.compare("webhooks/3.user.json", &reached);
    golden.compare("messages.json", &rig.messages(&user).await.into());
    rig.settled(NUMBER).await;
}

async fn a_refused_message_fails_once(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = linked(&rig).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "refuse"})).await;
    let id = post(&rig, &user, "no").await["message"]["_id"].clone();
    let event = rig.receiver.trigger("message:delivery:failure").await;
    assert_eq!((&event["message"], &event["isFinalEvent"]), (&json!({"_id": id}), &json!(true)));
    assert!(event["error"]["code"].is_string(), "{event}");
    rig.settled(NUMBER).await;
    let triggers = rig.receiver.triggers();
    let deliveries: Vec<_> = triggers.iter().filter(|one| one.starts_with("message:delivery:")).collect();
    assert_eq!(deliveries, ["message:delivery:failure"]);
}

async fn a_message_needs_a_role_and_a_text(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = linked(&rig).await;
    let path = of_app(&format!("/appusers/{user}/messages"));
    for (body, field) in [
        (json!({"type": "text", "text": "x"}), "role"),
        (json!({"role": "appMaker", "type": "text"}), "text"),
        (json!({"role": "whisper", "type": "text", "text": "x"}), "role"),
        (json!({"role": "appMaker", "type": "image"}), "mediaUrl"),
    ] {
        let description = rig.gateway.api().post(&path, &body).await.refused(400, "bad_request");
        assert!(description.contains(field), "{description:?} does not name {field}");
    }
    let nobody = of_app("/appusers/nobody/messages");
    let body = json!({"role": "appMaker", "type": "text", "text": "x"});
    rig.gateway.api().post(&nobody, &body).await.refused(404, "user_not_found");
}

async fn messages_are_paged_by_time(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = linked(&rig).await;
    for text in ["one", "two", "three"] {
        post(&rig, &user, text).await;
    }
    let all = rig.messages(&user).await;
    let texts = |messages: &[Value]| -> Vec<String> {
        messages.iter().map(|one| one["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(texts(&all), ["one", "two", "three"]);
    let path = of_app(&format!("/appusers/{user}/messages"));
    let page = async |query: String| {
        let body = rig.gateway.api().get(&format!("{path}?{query}")).await.expect(200);
        texts(body["messages"].as_array().expect("messages"))
    };
    let middle = &all[1]["received"];
    // Times repeat when messages come fast; what is asked is only that bounds exclude.
    assert!(!page(format!("before={middle}")).await.contains(&"two".to_owned()));
    assert!(!page(format!("after={middle}")).await.contains(&"two".to_owned()));
    let both = format!("{path}?before={middle}&after={middle}");
    rig.gateway.api().get(&both).await.refused(400, "bad_request");
    let fresh = rig.user("nobody@example.com").await;
    assert!(rig.messages(&fresh).await.is_empty());
}
