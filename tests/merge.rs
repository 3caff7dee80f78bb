//! Two people who turn out to be one: by a link between strangers, or because the business says so.

use serde_json::{Value, json};

use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    strangers_who_are_linked_become_one,
    a_link_takes_from_a_stranger_what_is_a_known_persons,
    two_known_people_are_merged_when_asked,
    a_long_history_follows_in_its_order,
    a_merge_must_make_sense,
}

const NUMBER: &str = "+15145550149";
const OTHER: &str = "+15145550148";

/// Somebody unknown writes. Answers who they are.
async fn stranger(rig: &Rig, number: &str, text: &str) -> String {
    rig.sim().write(number, text).await;
    let event = rig.receiver.event(text, |event| event["messages"][0]["text"] == text).await;
    event["appUser"]["_id"].as_str().expect("an id").to_owned()
}

async fn merge(rig: &Rig, surviving: &str, discarded: &str) -> Value {
    let body = json!({"surviving": {"_id": surviving}, "discarded": {"_id": discarded}});
    rig.gateway.api().post(&of_app("/appusers/merge"), &body).await.expect(200)
}

fn texts(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["text"].as_str().expect("a text")).collect()
}

async fn gone(rig: &Rig, user: &str) {
    rig.gateway.api().get(&of_app(&format!("/appusers/{user}"))).await.refused(404, "user_not_found");
}

async fn strangers_who_are_linked_become_one(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/merge");
    let one = stranger(&rig, NUMBER, "first").await;
    let two = stranger(&rig, OTHER, "second").await;
    stranger(&rig, NUMBER, "third").await;
    golden.holes.bind("surviving", one.as_str());
    golden.holes.bind("discarded", two.as_str());
    rig.link(&one, OTHER, json!({"type": "immediate"})).await;
    golden.compare("webhooks/1.merge.json", &rig.receiver.trigger("merge:appUser").await);
    rig.receiver.trigger("link:success").await;
    let user = rig.get_user(&one).await;
    assert_eq!(user["clients"].as_array().map(Vec::len), Some(2), "{user}");
    gone(&rig, &two).await;
    let messages = rig.messages(&one).await;
    assert_eq!(texts(&messages), ["first", "second", "third"]);
    assert!(messages.iter().all(|message| message["authorId"] == one.as_str()), "{messages:?}");
    assert_eq!(stranger(&rig, OTHER, "fourth").await, one);
    assert!(!rig.receiver.triggers().contains(&"client:remove".to_owned()));
}

async fn a_link_takes_from_a_stranger_what_is_a_known_persons(engine: Engine) {
    let rig = Rig::start(engine).await;
    let unknown = stranger(&rig, NUMBER, "first").await;
    let known = rig.user("steveb@example.com").await;
    rig.link(&known, NUMBER, json!({"type": "immediate"})).await;
    let event = rig.receiver.trigger("client:remove").await;
    assert_eq!((&event["appUser"]["_id"], &event["reason"]), (&json!(unknown), &json!("theft")));
    assert_eq!(rig.messages(&unknown).await.len(), 1);
    assert_eq!(rig.messages(&known).await.len(), 0);
    assert_eq!(stranger(&rig, NUMBER, "second").await, known);
    assert!(!rig.receiver.triggers().contains(&"merge:appUser".to_owned()));
}

async fn two_known_people_are_merged_when_asked(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (one, two) = (rig.user("one@example.com").await, rig.user("two@example.com").await);
    for (user, facts) in [
        (&one, json!({"givenName": "Ada", "properties": {"a": 1}})),
        (&two, json!({"givenName": "Bob", "surname": "Example", "properties": {"a": 2, "b": 2}})),
    ] {
        rig.gateway.api().put(&of_app(&format!("/appusers/{user}")), &facts).await.expect(200);
    }
    rig.link(&two, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    rig.link(&two, OTHER, json!({"type": "prompt"})).await;
    rig.sim().first_to(OTHER).await;
    assert_eq!(merge(&rig, &one, &two).await, json!({}));
    let mut golden = Golden::of("v1/merge");
    golden.holes.bind("surviving", one.as_str());
    golden.holes.bind("discarded", two.as_str());
    golden.compare("webhooks/2.of_known_people.json", &rig.receiver.trigger("merge:appUser").await);
    let user = rig.get_user("one@example.com").await;
    assert_eq!(
        (&user["_id"], &user["givenName"], &user["surname"]),
        (&json!(one), &json!("Ada"), &json!("Example"))
    );
    assert_eq!(user["properties"], json!({"a": 1, "b": 2}));
    assert_eq!(user["pendingClients"][0]["externalId"], OTHER);
    for id in [two.as_str(), "two@example.com"] {
        gone(&rig, id).await;
    }
    // What goes to the address is theirs from now on, and so is what was asked of it.
    let (_, delivered) = rig.notify_and_deliver(NUMBER, "hello").await;
    assert_eq!(delivered["matchResult"]["appUser"]["_id"], one, "{delivered}");
    rig.sim().write(OTHER, "yes").await;
    eventually("two clients", async || {
        let user = rig.get_user(&one).await;
        (user["clients"].as_array().map(Vec::len) == Some(2)).then_some(())
    })
    .await;
    rig.user("two@example.com").await;
}

async fn a_long_history_follows_in_its_order(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (one, two) = (rig.user("one@example.com").await, rig.user("two@example.com").await);
    let mut said = Vec::new();
    for n in 0..230 {
        let user = if n % 10 == 0 { &one } else { &two };
        let body = json!({"role": "appMaker", "type": "text", "text": n.to_string()});
        let path = of_app(&format!("/appusers/{user}/messages"));
        rig.gateway.api().post(&path, &body).await.expect(201);
        said.push(n.to_string());
    }
    merge(&rig, &one, &two).await;
    let all = eventually("all messages in one history", async || {
        let all = history(&rig, &one).await;
        (all.len() == said.len()).then_some(all)
    })
    .await;
    assert_eq!(texts(&all), said);
    let conversation = rig.gateway.api().get(&of_app(&format!("/appusers/{one}/messages"))).await.expect(200);
    assert_eq!(conversation["conversation"]["unreadCount"], 230);
}

/// All pages of a history, oldest first.
async fn history(rig: &Rig, user: &str) -> Vec<Value> {
    let mut after = 0.0;
    let mut all = Vec::new();
    loop {
        let path = of_app(&format!("/appusers/{user}/messages?after={after:.3}"));
        let page = rig.gateway.api().get(&path).await.expect(200);
        all.extend(page["messages"].as_array().expect("a list").clone());
        if page.get("next").is_none() {
            return all;
        }
        after = all.last().expect("a message")["received"].as_f64().expect("seconds");
    }
}

async fn a_merge_must_make_sense(engine: Engine) {
    let rig = Rig::start(engine).await;
    let one = rig.user("one@example.com").await;
    let path = of_app("/appusers/Merge");
    let id = |id: &str| json!({"_id": id});
    let api = rig.gateway.api();
    let same = json!({"surviving": id(&one), "discarded": id("one@example.com")});
    api.post(&path, &same).await.refused(400, "bad_request");
    api.post(&path, &json!({"surviving": id(&one)})).await.refused(400, "bad_request");
    let nobody = json!({"surviving": id(&one), "discarded": id("nobody")});
    api.post(&path, &nobody).await.refused(404, "user_not_found");
    assert_eq!(rig.get_user(&one).await["userId"], "one@example.com");
}
