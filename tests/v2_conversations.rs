//! Conversations through v2: the default one and others, found, changed, and removed.

use serde_json::{Value, json};

use crate::harness::config::APP;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    the_first_conversation_of_a_person_is_their_default,
    a_default_conversation_is_there_once_something_was_said,
    v1_sees_the_default_conversation_alone,
    a_conversation_is_changed_in_part,
    a_conversation_is_removed_with_what_was_said,
    what_cannot_be_made_is_named,
    whose_conversations_are_wanted_is_said_once,
    what_other_channels_offer_is_refused,
    the_same_request_makes_one_conversation,
}

fn of(rest: &str) -> String {
    format!("/v2/apps/{APP}/conversations{rest}")
}

async fn make(rig: &Rig, user: &str) -> Value {
    let asked = json!({"type": "personal", "participants": [{"userId": user}]});
    rig.gateway.api().post(&of(""), &asked).await.expect(201)["conversation"].clone()
}

async fn list(rig: &Rig, user: &str) -> Vec<Value> {
    let listed = rig.gateway.api().get(&of(&format!("?filter[userId]={user}"))).await.expect(200);
    assert_eq!(listed["meta"], json!({"hasMore": false}));
    listed["conversations"].as_array().expect("a list").clone()
}

async fn say(rig: &Rig, conversation: &Value, text: &str) {
    let body = json!({"author": {"type": "business"}, "content": {"type": "text", "text": text}});
    let path = of(&format!("/{}/messages", conversation["id"].as_str().expect("an id")));
    rig.gateway.api().post(&path, &body).await.expect(201);
}

async fn the_first_conversation_of_a_person_is_their_default(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    assert_eq!(list(&rig, &user).await, Vec::<Value>::new());
    let asked = json!({
        "type": "personal", "participants": [{"userExternalId": "steveb@example.com"}], "displayName": "Order 1",
        "description": "A parcel", "iconUrl": "https://example.com/a.png", "metadata": {"order": 1},
    });
    let first = rig.gateway.api().post(&of(""), &asked).await.expect(201)["conversation"].clone();
    let expected = json!({
        "id": first["id"], "type": "personal", "isDefault": true, "displayName": "Order 1",
        "description": "A parcel", "iconUrl": "https://example.com/a.png", "metadata": {"order": 1},
        "lastUpdatedAt": first["createdAt"], "createdAt": first["createdAt"],
    });
    assert_eq!(first, expected);
    assert_eq!(rig.get_user(&user).await["conversationStarted"], true);
    let (second, third) = (make(&rig, &user).await, make(&rig, &user).await);
    assert_eq!((&second["isDefault"], &third["isDefault"]), (&json!(false), &json!(false)));
    assert!(second.get("displayName").is_none() && second.get("metadata").is_none(), "{second}");
    assert_eq!(list(&rig, &user).await, [first.clone(), second.clone(), third]);
    let read = rig.gateway.api().get(&of(&format!("/{}", second["id"].as_str().expect("an id")))).await;
    assert_eq!(read.expect(200)["conversation"], second);
    say(&rig, &second, "Hello").await;
    let said = &list(&rig, &user).await[1];
    assert!(said["lastUpdatedAt"].as_str() > said["createdAt"].as_str(), "{said}");
    assert_eq!(said["businessLastRead"], said["lastUpdatedAt"]);
}

async fn a_default_conversation_is_there_once_something_was_said(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, user) = (rig.gateway.api(), rig.user("steveb@example.com").await);
    let empty = api.get(&of_app(&format!("/appusers/{user}/conversation"))).await.expect(200);
    let id = empty["conversation"]["_id"].as_str().expect("an id").to_owned();
    let path = of(&format!("/{id}"));
    let title = api.get(&path).await.refused_v2(404, "conversation_not_found");
    assert_eq!(title, "Conversation not found");
    api.get(&format!("{path}/messages")).await.refused_v2(404, "conversation_not_found");
    let body = json!({"role": "appMaker", "type": "text", "text": "Hello"});
    api.post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201);
    let there = api.get(&path).await.expect(200)["conversation"].clone();
    assert_eq!((&there["id"], &there["isDefault"]), (&json!(id), &json!(true)));
    assert_eq!(list(&rig, &user).await, [there]);
}

async fn v1_sees_the_default_conversation_alone(engine: Engine) {
    let rig = Rig::start(engine).await;
    let user = rig.user("steveb@example.com").await;
    let (first, second) = (make(&rig, &user).await, make(&rig, &user).await);
    say(&rig, &second, "in the second").await;
    assert_eq!(rig.messages(&user).await, Vec::<Value>::new());
    say(&rig, &first, "in the first").await;
    let messages = rig.messages(&user).await;
    let texts: Vec<&Value> = messages.iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["in the first"]);
    let told = rig.receiver.trigger("message:appMaker").await;
    assert_eq!(
        (&told["conversation"]["_id"], &told["messages"][0]["text"]),
        (&first["id"], &json!("in the first"))
    );
    assert_eq!(
        rig.receiver.triggers(),
        ["message:appMaker"],
        "a conversation that is made is no start for v1.1"
    );
}

async fn a_conversation_is_changed_in_part(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let user = rig.user("steveb@example.com").await;
    let path = of(&format!("/{}", make(&rig, &user).await["id"].as_str().expect("an id")));
    let changed = async |body: Value| api.patch(&path, &body).await.expect(200)["conversation"].clone();
    let named =
        changed(json!({"displayName": "Order 1", "description": "A parcel", "metadata": {"a": 1, "b": 2}}))
            .await;
    assert_eq!((&named["displayName"], &named["description"]), (&json!("Order 1"), &json!("A parcel")));
    let less = changed(json!({"description": null, "metadata": {"b": null, "c": true}})).await;
    assert_eq!((&less["displayName"], less.get("description")), (&json!("Order 1"), None));
    assert_eq!(less["metadata"], json!({"a": 1, "c": true}));
    assert_eq!(changed(json!({})).await, less);
    assert_eq!(changed(json!({"metadata": null})).await.get("metadata"), None);
    changed(json!({"metadata": {"a": "x".repeat(3000)}})).await;
    api.patch(&path, &json!({"metadata": {"b": "x".repeat(3000)}})).await.refused_v2(400, "bad_request");
    api.patch(&path, &json!({"displayName": ""})).await.refused_v2(400, "bad_request");
    let nowhere = of("/5963c0d619a30a2e00de36b8");
    api.patch(&nowhere, &json!({})).await.refused_v2(404, "conversation_not_found");
    api.delete(&nowhere).await.refused_v2(404, "conversation_not_found");
}

async fn a_conversation_is_removed_with_what_was_said(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let user = rig.user("steveb@example.com").await;
    let (first, second) = (make(&rig, &user).await, make(&rig, &user).await);
    say(&rig, &second, "soon gone").await;
    let path = |one: &Value| of(&format!("/{}", one["id"].as_str().expect("an id")));
    let title = api.delete(&path(&first)).await.refused_v2(400, "bad_request");
    let id = first["id"].as_str().expect("an id");
    assert_eq!(title, format!("Conversation {id} cannot be deleted because it is the default."));
    assert_eq!(api.delete(&path(&second)).await.expect(200), json!({}));
    for gone in ["", "/messages", "/participants"] {
        api.get(&format!("{}{gone}", path(&second))).await.refused_v2(404, "conversation_not_found");
    }
    api.delete(&path(&second)).await.refused_v2(404, "conversation_not_found");
    assert_eq!(list(&rig, &user).await, [first]);
}

async fn what_cannot_be_made_is_named(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, user) = (rig.gateway.api(), rig.user("steveb@example.com").await);
    for (body, title) in [
        (json!({}), "should have required property 'type'"),
        (json!({"type": "personal"}), "should have required property 'participants'"),
        (
            json!({"type": "personal", "participants": [{"userId": user}, {"userId": user}]}),
            ".participants: should not have more than 1 items",
        ),
        (
            json!({"type": "sdkGroup", "participants": [{}]}),
            ".participants[0] should have required property 'userId'",
        ),
        (json!({"type": "pair"}), ".type: must be one of personal, sdkGroup"),
    ] {
        assert_eq!(api.post(&of(""), &body).await.refused_v2(400, "bad_request"), title);
    }
    for nobody in [json!({"userId": "5963c0d619a30a2e00de36b8"}), json!({"userExternalId": "nobody"})] {
        let body = json!({"type": "personal", "participants": [nobody]});
        assert_eq!(api.post(&of(""), &body).await.refused_v2(404, "user_not_found"), "User not found");
    }
}

async fn whose_conversations_are_wanted_is_said_once(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, user) = (rig.gateway.api(), rig.user("a+b@example.com").await);
    let made = make(&rig, &user).await;
    for query in [
        format!("filter[userId]={user}"),
        "filter%5BuserExternalId%5D=a%2Bb%40example.com".to_owned(),
        format!("filter=%7B%22userId%22%3A%22{user}%22%7D"),
    ] {
        let listed = api.get(&of(&format!("?{query}"))).await.expect(200);
        assert_eq!(listed["conversations"], json!([made]), "{query}");
    }
    for query in ["", "?filter[userId]=", "?filter[userId]=a&filter[userExternalId]=b", "?filter[email]=a"] {
        let title = api.get(&of(query)).await.refused_v2(400, "bad_request");
        assert_eq!(title, "Invalid query parameters", "{query}");
    }
    api.get(&of("?filter[userId]=5963c0d619a30a2e00de36b8")).await.refused_v2(404, "user_not_found");
    let title = api.get(&of(&format!("?filter[userId]={user}&page[after]=1"))).await;
    assert_eq!(title.refused_v2(400, "bad_request"), "Invalid page query parameters");
}

async fn what_other_channels_offer_is_refused(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let user = rig.user("steveb@example.com").await;
    let path = of(&format!("/{}", make(&rig, &user).await["id"].as_str().expect("an id")));
    let title = api.post(&format!("{path}/download"), &json!({"userId": user})).await;
    let expected = "Message references are available only for Apple Messages for Business";
    assert_eq!(title.refused_v2(400, "bad_request"), expected);
    let title = api.post(&format!("{path}/conversionEvents"), &json!({})).await;
    assert_eq!(title.refused_v2(400, "bad_request"), "Conversion events are not offered by this server");
    let nowhere = of("/5963c0d619a30a2e00de36b8/download");
    api.post(&nowhere, &json!({})).await.refused_v2(404, "conversation_not_found");
}

async fn the_same_request_makes_one_conversation(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, user) = (rig.gateway.api(), rig.user("steveb@example.com").await);
    make(&rig, &user).await;
    let body = json!({"type": "personal", "participants": [{"userId": user}]}).to_string();
    let key = [("idempotency-key", "once")];
    let first = api.request("POST", &of(""), &key, Some(body.clone())).await.expect(201);
    assert_eq!(api.request("POST", &of(""), &key, Some(body)).await.expect(201), first);
    assert_eq!(list(&rig, &user).await.len(), 2);
}
