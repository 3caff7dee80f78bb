//! The identities of a person through v2: linked, listed and taken away.

use serde_json::{Value, json};

use crate::harness::config::{APP, OTHER_TWILIO, TWILIO, other_twilio};
use crate::harness::line::{LINES, Line};
use crate::harness::simulator::of_app;
use crate::harness::{Config, Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_client_is_linked_on_each_channel_by_each_confirmation,
    a_person_who_declines_is_not_linked,
    user_activity_needs_no_message,
    clients_are_listed_and_taken_away_by_their_id,
    a_client_must_make_sense,
    who_wants_no_messages_is_blocked_until_they_want_some,
    an_address_of_another_is_taken,
    a_link_leads_to_the_conversation_it_names,
}

const NUMBER: &str = "+15145550149";

fn clients(user: &str, rest: &str) -> String {
    format!("/v2/apps/{APP}/users/{user}/clients{rest}")
}

/// Somebody with a conversation; answers their id and its.
async fn user(rig: &Rig, name: &str) -> (String, String) {
    let id = rig.user(name).await;
    let said = json!({"role": "appMaker", "type": "text", "text": "hello"});
    rig.gateway.api().post(&of_app(&format!("/appusers/{id}/messages")), &said).await.expect(201);
    let told = rig.receiver.event("it is said", |event| {
        event["trigger"] == "message:appMaker" && event["appUser"]["_id"] == id.as_str()
    });
    let conversation = told.await["conversation"]["_id"].as_str().expect("an id").to_owned();
    (id, conversation)
}

fn hello() -> Value {
    json!({"author": {"type": "business"}, "content": {"type": "text", "text": "Hello from us"}})
}

/// What links somebody on Twilio.
fn asked(conversation: &str, number: &str, confirmation: Value) -> Value {
    json!({
        "matchCriteria": {"type": "twilio", "integrationId": TWILIO, "phoneNumber": number},
        "confirmation": confirmation,
        "target": {"conversationId": conversation},
    })
}

async fn listed(rig: &Rig, user: &str) -> Vec<Value> {
    let list = rig.gateway.api().get(&clients(user, "")).await.expect(200);
    list["clients"].as_array().expect("a list").clone()
}

/// Waits until the only client of somebody is in this state.
async fn is(rig: &Rig, user: &str, status: &str) -> Value {
    eventually(&format!("one client, {status}"), async || {
        let list = listed(rig, user).await;
        let [client] = list.as_slice() else { return None };
        (client["status"] == status).then(|| client.clone())
    })
    .await
}

fn everywhere(config: Config) -> Config {
    LINES.iter().filter(|line| line.kind != "messenger").fold(config, |config, line| line.join(config))
}

async fn a_client_is_linked_on_each_channel_by_each_confirmation(engine: Engine) {
    let rig = Rig::with(engine, everywhere).await;
    for line in LINES.iter().filter(|line| line.kind != "messenger") {
        for kind in line.confirmations {
            linked(&rig, line, kind).await;
        }
    }
}

/// Links somebody, and takes the client away at the end.
async fn linked(rig: &Rig, line: &Line, kind: &str) {
    let (api, (user, conversation)) = (rig.gateway.api(), user(rig, &format!("{}-{kind}", line.kind)).await);
    let mut body = json!({
        "matchCriteria": {"type": line.kind, "integrationId": line.integration},
        "confirmation": {"type": kind},
        "target": {"conversationId": conversation},
    });
    body["matchCriteria"][line.address_key] = json!(line.person);
    if kind != "prompt" {
        body["confirmation"]["message"] = hello();
    }
    let before = rig.sim().sent_to(line.person).await.len();
    let client = api.post(&clients(&user, ""), &body).await.expect(201)["client"].clone();
    let expected = json!({
        "id": client["id"], "type": line.kind, "status": "pending", "integrationId": line.integration,
    });
    assert_eq!(client, expected);
    if kind != "immediate" {
        eventually("they are asked", async || {
            (rig.sim().sent_to(line.person).await.len() > before).then_some(())
        })
        .await;
        let words = if kind == "prompt" { "YES" } else { "Here I am" };
        let said = json!({"integrationId": line.integration, "from": line.person, "text": words});
        rig.sim().control("/control/write", &said).await;
    }
    let active = is(rig, &user, "active").await;
    assert_eq!((&active["id"], &active["externalId"]), (&client["id"], &json!(line.person)), "{active}");
    let id = client["id"].as_str().expect("an id");
    assert_eq!(api.delete(&clients(&user, &format!("/{id}"))).await.expect(200), json!({}));
    assert!(listed(rig, &user).await.is_empty());
}

async fn a_person_who_declines_is_not_linked(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (user, conversation) = user(&rig, "steveb@example.com").await;
    let body = asked(&conversation, NUMBER, json!({"type": "prompt"}));
    rig.gateway.api().post(&clients(&user, ""), &body).await.expect(201);
    rig.sim().first_to(NUMBER).await;
    is(&rig, &user, "pending").await;
    rig.sim().write(NUMBER, "No").await;
    let removed = rig.receiver.trigger("client:remove").await;
    assert_eq!(removed["reason"], "linkFailed", "{removed}");
    assert!(listed(&rig, &user).await.is_empty());
}

async fn user_activity_needs_no_message(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (user, conversation) = user(&rig, "steveb@example.com").await;
    let body = asked(&conversation, NUMBER, json!({"type": "userActivity"}));
    rig.gateway.api().post(&clients(&user, ""), &body).await.expect(201);
    rig.receiver.trigger("link:match").await;
    is(&rig, &user, "pending").await;
    rig.sim().write(NUMBER, "Here I am").await;
    is(&rig, &user, "active").await;
    let said = rig.receiver.event("their words", |event| event["messages"][0]["text"] == "Here I am").await;
    assert_eq!(said["appUser"]["_id"], user);
    assert!(rig.sim().sent_to(NUMBER).await.is_empty(), "nothing to say, nothing said");
}

async fn clients_are_listed_and_taken_away_by_their_id(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, (user, conversation)) = (rig.gateway.api(), user(&rig, "steveb@example.com").await);
    let mut made = Vec::new();
    for n in 0..5 {
        let confirmation = if n < 3 { json!({"type": "immediate"}) } else { json!({"type": "prompt"}) };
        let body = asked(&conversation, &format!("+1514555014{n}"), confirmation);
        let client = api.post(&clients(&user, ""), &body).await.expect(201)["client"].clone();
        made.push(client["id"].as_str().expect("an id").to_owned());
    }
    made.sort();
    let mut seen = Vec::new();
    let mut path = clients("steveb@example.com", "?page[size]=2");
    loop {
        let page = api.get(&path).await.expect(200);
        let part = page["clients"].as_array().expect("a list");
        seen.extend(part.iter().map(|client| client["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["links"]["next"].as_str() else { break };
        assert!(seen.len() < 5 && page["meta"]["hasMore"] == true, "{page}");
        path = next[next.find("/v2/").expect("a path")..].to_owned();
    }
    assert_eq!(seen, made);
    let statuses: Vec<Value> =
        listed(&rig, &user).await.iter().map(|client| client["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "pending").count(), 2, "{statuses:?}");
    for id in &made {
        assert_eq!(api.delete(&clients(&user, &format!("/{id}"))).await.expect(200), json!({}));
        api.delete(&clients(&user, &format!("/{id}"))).await.refused_v2(404, "client_not_found");
    }
    assert!(listed(&rig, &user).await.is_empty());
    let cancelled = |event: &Value| event["trigger"] == "client:remove" && event["reason"] == "linkCancelled";
    rig.receiver.event("a link is cancelled", cancelled).await;
    api.get(&clients("nobody", "")).await.refused_v2(404, "user_not_found");
    api.get(&clients(&user, "?page[size]=0")).await.refused_v2(400, "bad_request");
}

async fn a_client_must_make_sense(engine: Engine) {
    let rig = Rig::with(engine, |config| config.push("apps.1.integrations", other_twilio())).await;
    let (api, (user, conversation)) = (rig.gateway.api(), user(&rig, "steveb@example.com").await);
    let right = asked(&conversation, NUMBER, json!({"type": "immediate"}));
    let with = |pointer: &str, value: Value| {
        let mut body = right.clone();
        *body.pointer_mut(pointer).expect("it is there") = value;
        body
    };
    for (body, title) in [
        (with("/target", json!({})), ".target should have required property 'conversationId'"),
        (
            with("/matchCriteria/integrationId", Value::Null),
            ".matchCriteria should have required property 'integrationId'",
        ),
        (with("/confirmation", Value::Null), "should have required property 'confirmation'"),
        (with("/matchCriteria/type", json!("whatsapp")), "integrationId: is not of type"),
        (with("/matchCriteria/phoneNumber", json!("5145550149")), "expected + and the country code"),
        (
            with("/target/conversationId", json!("5963c0d619a30a2e00de3fff")),
            "must be a personal conversation",
        ),
    ] {
        let said = api.post(&clients(&user, ""), &body).await.refused_v2(400, "bad_request");
        assert!(said.contains(title), "{said}");
    }
    for stranger in ["5963c0d619a30a2e00de3fff", OTHER_TWILIO] {
        let body = with("/matchCriteria/integrationId", json!(stranger));
        api.post(&clients(&user, ""), &body).await.refused_v2(404, "integration_not_found");
    }
    api.post(&clients("nobody", ""), &right).await.refused_v2(404, "user_not_found");
    assert!(listed(&rig, &user).await.is_empty());
}

async fn who_wants_no_messages_is_blocked_until_they_want_some(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().write(NUMBER, "hello").await;
    let user = rig.receiver.trigger("message:appUser").await["appUser"]["_id"].clone();
    let user = user.as_str().expect("an id");
    is(&rig, user, "active").await;
    rig.sim().write(NUMBER, "STOP").await;
    is(&rig, user, "blocked").await;
    assert_eq!(rig.get_user(user).await["clients"][0]["blocked"], true);
    rig.sim().write(NUMBER, "still here").await;
    rig.receiver.event("what they say", |event| event["messages"][0]["text"] == "still here").await;
    is(&rig, user, "blocked").await;
    let said = json!({"role": "appMaker", "type": "text", "text": "are you?"});
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &said).await.expect(201);
    rig.receiver.trigger("message:delivery:failure").await;
    rig.sim().write(NUMBER, "START").await;
    is(&rig, user, "active").await;
}

async fn an_address_of_another_is_taken(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (one, here) = user(&rig, "one@example.com").await;
    let (two, there) = user(&rig, "two@example.com").await;
    let immediate = json!({"type": "immediate"});
    let api = rig.gateway.api();
    api.post(&clients(&one, ""), &asked(&here, NUMBER, immediate.clone())).await.expect(201);
    is(&rig, &one, "active").await;
    // The conversation is not theirs.
    let wrong = asked(&here, NUMBER, immediate.clone());
    api.post(&clients(&two, ""), &wrong).await.refused_v2(400, "bad_request");
    api.post(&clients(&two, ""), &asked(&there, NUMBER, immediate)).await.expect(201);
    is(&rig, &two, "active").await;
    assert!(listed(&rig, &one).await.is_empty());
    let removed = rig.receiver.trigger("client:remove").await;
    assert_eq!((&removed["reason"], &removed["appUser"]["_id"]), (&json!("theft"), &json!(one)));
}

/// Waits until v2's webhook was told of a client so often, and answers the reasons and the conversation.
async fn told(rig: &Rig, id: &Value, times: usize) -> Vec<(Value, Value, Value)> {
    eventually(&format!("{times} events of a client"), async || {
        let events = rig.receiver.told();
        let of = events.iter().filter(|event| event["payload"]["client"]["id"] == *id);
        let all: Vec<(Value, Value, Value)> = of
            .map(|event| {
                let payload = &event["payload"];
                (event["type"].clone(), payload["reason"].clone(), payload["conversation"]["id"].clone())
            })
            .collect();
        (all.len() >= times).then_some(all)
    })
    .await
}

async fn a_link_leads_to_the_conversation_it_names(engine: Engine) {
    let rig = Rig::with(engine, |config| {
        config.set("apps.0.webhooks.0.version", "v2").list("apps.0.webhooks.0.triggers", &["*"])
    })
    .await;
    let (api, user) = (rig.gateway.api(), rig.user("steveb@example.com").await);
    let talks = format!("/v2/apps/{APP}/conversations");
    let make = async || {
        let body = json!({"type": "personal", "participants": [{"userId": user}]});
        api.post(&talks, &body).await.expect(201)["conversation"]["id"].as_str().expect("an id").to_owned()
    };
    let (default, other) = (make().await, make().await);
    let messages = |id: &str| format!("{talks}/{id}/messages");
    let body = asked(&other, NUMBER, json!({"type": "prompt"}));
    let client = api.post(&clients(&user, ""), &body).await.expect(201)["client"]["id"].clone();
    rig.sim().first_to(NUMBER).await;
    told(&rig, &client, 2).await;
    rig.sim().write(NUMBER, "yes").await;
    let events = told(&rig, &client, 3).await;
    let event = |kind: &str, reason: &str| (json!(kind), json!(reason), json!(other));
    let mut expected = [
        event("client:add", "channelLinking"),
        event("client:update", "matched"),
        event("client:update", "confirmed"),
    ]
    .to_vec();
    expected.retain(|event| !events.contains(event));
    assert!(expected.is_empty() && events.len() == 3, "{events:?}");
    // What they write is said there, and what is said there goes to them; the other conversation has nobody.
    rig.sim().write(NUMBER, "hello there").await;
    let said = eventually("it is said", async || {
        let page = api.get(&messages(&other)).await.expect(200);
        page["messages"].as_array().and_then(|all| all.last().cloned())
    })
    .await;
    assert_eq!(said["content"]["text"], "hello there", "{said}");
    for (id, text) in [(&default, "to nobody"), (&other, "to them")] {
        let body = json!({"author": {"type": "business"}, "content": {"type": "text", "text": text}});
        api.post(&messages(id), &body).await.expect(201);
    }
    let sent = eventually("an answer", async || {
        let sent = rig.sim().sent_to(NUMBER).await;
        (sent.len() > 1).then_some(sent)
    })
    .await;
    assert_eq!(sent[1]["text"], "to them", "{sent:?}");
    // Where that conversation is gone they speak in the default one.
    api.delete(&format!("{talks}/{other}")).await.expect(200);
    let body = json!({"author": {"type": "business"}, "content": {"type": "text", "text": "here now"}});
    api.post(&messages(&default), &body).await.expect(201);
    let sent = eventually("one more", async || {
        let sent = rig.sim().sent_to(NUMBER).await;
        (sent.len() > 2).then_some(sent)
    })
    .await;
    assert_eq!(sent[2]["text"], "here now", "{sent:?}");
}
