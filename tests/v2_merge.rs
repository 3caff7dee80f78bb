//! Two people who turn out to be one where people may have several conversations.

use serde_json::{Value, json};

use crate::harness::config::{APP, TWILIO};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    both_conversations_stay_and_each_is_answered_where_it_is,
    what_was_begun_takes_the_place_of_what_was_not,
    a_link_unites_in_the_conversation_it_names,
    all_conversations_follow_over_a_crash,
    an_erased_person_leaves_no_conversation,
}

const NUMBER: &str = "+15145550149";
const OTHER: &str = "+15145550148";

async fn rig(engine: Engine) -> Rig {
    Rig::with(engine, |config| config.set("apps.0.settings.multiConvoEnabled", true)).await
}

/// Somebody unknown writes. Answers who they are, and in which conversation.
async fn stranger(rig: &Rig, number: &str, text: &str) -> (String, String) {
    rig.sim().write(number, text).await;
    let event = rig.receiver.event(text, |event| event["messages"][0]["text"] == text).await;
    let id = |of: &str| event[of]["_id"].as_str().expect("an id").to_owned();
    (id("appUser"), id("conversation"))
}

async fn merge(rig: &Rig, surviving: &str, discarded: &str) {
    let body = json!({"surviving": {"_id": surviving}, "discarded": {"_id": discarded}});
    rig.gateway.api().post(&of_app("/appusers/merge"), &body).await.expect(200);
}

/// What v1.1 shows of what was said with somebody.
async fn texts(rig: &Rig, user: &str) -> Vec<String> {
    let all = rig.messages(user).await;
    all.iter().map(|message| message["text"].as_str().expect("a text").to_owned()).collect()
}

/// The business says something in somebody's default conversation.
async fn say(rig: &Rig, user: &str, text: &str) {
    let body = json!({"role": "appMaker", "type": "text", "text": text});
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201);
}

async fn both_conversations_stay_and_each_is_answered_where_it_is(engine: Engine) {
    let rig = rig(engine).await;
    let (one, here) = stranger(&rig, NUMBER, "first").await;
    let (two, there) = stranger(&rig, OTHER, "second").await;
    merge(&rig, &one, &two).await;
    rig.gateway.api().get(&of_app(&format!("/appusers/{two}"))).await.refused(404, "user_not_found");
    let merged = rig.get_user(&one).await;
    assert_eq!(merged["clients"].as_array().map(Vec::len), Some(2), "{merged}");
    assert_eq!(texts(&rig, &one).await, ["first"]);
    // The other number wrote last, and speaks elsewhere.
    rig.sim().write(OTHER, "third").await;
    say(&rig, &one, "an answer").await;
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "an answer");
    assert!(rig.sim().sent_to(OTHER).await.is_empty());
    // v1.1 has the default conversation alone.
    assert_eq!(stranger(&rig, NUMBER, "fourth").await, (one.clone(), here.clone()));
    assert_eq!(texts(&rig, &one).await, ["first", "an answer", "fourth"]);
    let told = rig.receiver.events();
    assert!(!told.iter().any(|event| event["messages"][0]["text"] == "third"), "{there} is not v1.1's");
}

async fn what_was_begun_takes_the_place_of_what_was_not(engine: Engine) {
    let rig = rig(engine).await;
    let one = rig.user("steveb@example.com").await;
    let (two, conversation) = stranger(&rig, NUMBER, "first").await;
    merge(&rig, &one, &two).await;
    assert_eq!(texts(&rig, &one).await, ["first"]);
    assert_eq!(stranger(&rig, NUMBER, "second").await, (one.clone(), conversation));
    say(&rig, &one, "an answer").await;
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "an answer");
    assert_eq!(rig.get_user(&one).await["conversationStarted"], true);
}

async fn a_link_unites_in_the_conversation_it_names(engine: Engine) {
    let rig = rig(engine).await;
    let (one, here) = stranger(&rig, NUMBER, "first").await;
    let (two, _) = stranger(&rig, OTHER, "second").await;
    stranger(&rig, NUMBER, "third").await;
    let known = rig.get_user(&two).await["clients"][0]["_id"].clone();
    let body = json!({
        "matchCriteria": {"type": "twilio", "integrationId": TWILIO, "phoneNumber": OTHER},
        "confirmation": {"type": "immediate"},
        "target": {"conversationId": here},
    });
    let path = format!("/v2/apps/{APP}/users/{one}/clients");
    rig.gateway.api().post(&path, &body).await.expect(201);
    rig.receiver.trigger("merge:appUser").await;
    assert_eq!(texts(&rig, &one).await, ["first", "second", "third"]);
    let listed = rig.gateway.api().get(&path).await.expect(200);
    let ids: Vec<&Value> =
        listed["clients"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert!(ids.len() == 2 && ids.contains(&&known), "the identity is known by its id: {listed} {known}");
    assert_eq!(stranger(&rig, OTHER, "fourth").await, (one.clone(), here));
    eventually("the answer goes where they wrote last", async || {
        say(&rig, &one, "an answer").await;
        rig.sim().sent_to(OTHER).await.pop()
    })
    .await;
}

/// A conversation with somebody alone; answers its id.
async fn converse(rig: &Rig, user: &str) -> String {
    let body = json!({"type": "personal", "participants": [{"userId": user}]});
    let made = rig.gateway.api().post(&format!("/v2/apps/{APP}/conversations"), &body).await.expect(201);
    made["conversation"]["id"].as_str().expect("an id").to_owned()
}

/// The ids of all of somebody's conversations, in the order of their making.
async fn conversations(rig: &Rig, user: &str) -> Vec<String> {
    let mut path = format!("/v2/apps/{APP}/conversations?filter[userId]={user}&page[size]=100");
    let mut all = Vec::new();
    loop {
        let page = rig.gateway.api().get(&path).await.expect(200);
        let part = page["conversations"].as_array().expect("a list").iter();
        all.extend(part.map(|one| one["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["links"]["next"].as_str() else { return all };
        path = next[next.find("/v2/").expect("a path")..].to_owned();
    }
}

async fn all_conversations_follow_over_a_crash(engine: Engine) {
    let mut rig = rig(engine).await;
    let (one, two) = (rig.user("one@example.com").await, rig.user("two@example.com").await);
    let mut made = vec![converse(&rig, &one).await];
    for _ in 0..150 {
        made.push(converse(&rig, &two).await);
    }
    merge(&rig, &one, &two).await;
    rig.gateway.kill();
    rig.gateway.start().await;
    let mut all = eventually("all conversations are the survivor's", async || {
        Some(conversations(&rig, &one).await).filter(|all| all.len() == made.len())
    })
    .await;
    all.sort();
    made.sort();
    assert_eq!(all, made);
    for id in [&made[1], &made[80], &made[150]] {
        let path = format!("/v2/apps/{APP}/conversations/{id}/participants");
        let people = rig.gateway.api().get(&path).await.expect(200)["participants"].clone();
        assert_eq!(
            (&people[0]["userId"], people.as_array().map(Vec::len)),
            (&json!(one), Some(1)),
            "{people}"
        );
    }
    let of_gone = format!("/v2/apps/{APP}/conversations?filter[userId]={two}");
    rig.gateway.api().get(&of_gone).await.refused_v2(404, "user_not_found");
}

async fn an_erased_person_leaves_no_conversation(engine: Engine) {
    let rig = rig(engine).await;
    let api = rig.gateway.api();
    let (one, two) = (rig.user("one@example.com").await, rig.user("two@example.com").await);
    let own = [converse(&rig, &one).await, converse(&rig, &one).await, converse(&rig, &one).await];
    let group = json!({"type": "sdkGroup", "participants": [{"userId": one}, {"userId": two}]});
    let group = api.post(&format!("/v2/apps/{APP}/conversations"), &group).await.expect(201);
    let group = group["conversation"]["id"].as_str().expect("an id").to_owned();
    let of = |id: &str, rest: &str| format!("/v2/apps/{APP}/conversations/{id}{rest}");
    for id in own.iter().chain([&group]) {
        for user in [&one, &two].into_iter().filter(|user| *id == group || **user == one) {
            let body = json!({"author": {"type": "user", "userId": user}, "content": {"type": "text", "text": user}});
            api.post(&of(id, "/messages"), &body).await.expect(201);
        }
    }
    api.delete(&format!("/v2/apps/{APP}/users/{one}")).await.expect(200);
    let left = eventually("what they said in the group is gone", async || {
        let left = api.get(&of(&group, "/messages")).await.expect(200)["messages"].clone();
        (left.as_array().map(Vec::len) == Some(1)).then_some(left)
    })
    .await;
    assert_eq!(left[0]["content"]["text"], json!(two), "{left}");
    eventually("the group is the other's alone", async || {
        let people = api.get(&of(&group, "/participants")).await.expect(200)["participants"].clone();
        (people.as_array().map(Vec::len) == Some(1)).then_some(())
    })
    .await;
    for id in &own {
        api.get(&of(id, "")).await.refused_v2(404, "conversation_not_found");
    }
    assert_eq!(conversations(&rig, &two).await, [group]);
}
