//! Who takes part in a conversation: groups of several people, and who has read what.

use serde_json::{Value, json};

use crate::harness::config::APP;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    several_people_talk_in_a_group,
    people_leave_a_group_by_any_name,
    joining_again_changes_nothing,
    a_group_has_an_end,
    a_personal_conversation_has_one_person,
    those_who_take_part_are_listed_page_by_page,
}

fn of(rest: &str) -> String {
    format!("/v2/apps/{APP}/conversations{rest}")
}

async fn group(rig: &Rig, people: &[&str]) -> String {
    let participants: Vec<Value> = people.iter().map(|user| json!({"userId": user})).collect();
    let asked = json!({"type": "sdkGroup", "participants": participants});
    let made = rig.gateway.api().post(&of(""), &asked).await.expect(201)["conversation"].clone();
    assert_eq!((&made["type"], &made["isDefault"]), (&json!("sdkGroup"), &json!(false)));
    of(&format!("/{}", made["id"].as_str().expect("an id")))
}

async fn people(rig: &Rig, names: &[&str]) -> Vec<String> {
    let mut people = Vec::new();
    for name in names {
        people.push(rig.user(name).await);
    }
    people
}

async fn participants(rig: &Rig, path: &str) -> Vec<Value> {
    let listed = rig.gateway.api().get(&format!("{path}/participants")).await.expect(200);
    listed["participants"].as_array().expect("a list").clone()
}

/// How much each of some people has not read.
async fn unread(rig: &Rig, path: &str, people: &[String]) -> Vec<u64> {
    let all = participants(rig, path).await;
    let of = |user: &String| {
        all.iter().find(|one| one["userId"] == *user).expect("takes part")["unreadCount"].as_u64()
    };
    people.iter().map(|user| of(user).expect("a number")).collect()
}

async fn several_people_talk_in_a_group(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let all = people(&rig, &["ada", "bob", "cid"]).await;
    let path = group(&rig, &[&all[0], &all[1]]).await;
    let joined = api.post(&format!("{path}/join"), &json!({"userExternalId": "cid"})).await.expect(201);
    let cid = &joined["participant"];
    let expected = json!({
        "id": cid["id"], "userId": all[2], "userExternalId": "cid", "unreadCount": 0, "clientAssociations": [],
    });
    assert_eq!(*cid, expected);
    let said = |author: Value| json!({"author": author, "content": {"type": "text", "text": "Hello"}});
    let say = async |author: Value| api.post(&format!("{path}/messages"), &said(author)).await.expect(201);
    say(json!({"type": "business"})).await;
    assert_eq!(unread(&rig, &path, &all).await, [1, 1, 1]);
    let answer = say(json!({"type": "user", "userId": all[1]})).await;
    let author = &answer["messages"][0]["author"];
    assert_eq!((&author["type"], &author["userId"]), (&json!("user"), &json!(all[1])));
    assert_eq!(unread(&rig, &path, &all).await, [2, 0, 2]);
    let read = json!({"author": {"type": "user", "userExternalId": "ada"}, "type": "conversation:read"});
    assert_eq!(api.post(&format!("{path}/activity"), &read).await.expect(200), json!({}));
    assert_eq!(unread(&rig, &path, &all).await, [0, 0, 2]);
    let ada = participants(&rig, &path).await.into_iter().find(|one| one["userId"] == *all[0]).expect("Ada");
    assert!(ada["lastRead"].is_string(), "{ada}");

    let stranger = rig.user("dan").await;
    for author in
        [json!({"type": "user", "userId": stranger}), json!({"type": "user", "userExternalId": "dan"})]
    {
        let path = format!("{path}/messages");
        api.post(&path, &said(author)).await.refused_v2(400, "bad_request");
    }
    let read = json!({"author": {"type": "user", "userId": stranger}, "type": "conversation:read"});
    api.post(&format!("{path}/activity"), &read).await.refused_v2(400, "bad_request");
    let toward = json!({"author": {"type": "business"}, "content": {"type": "text", "text": "a"},
                        "destination": {"integrationType": "twilio"}});
    api.post(&format!("{path}/messages"), &toward).await.refused_v2(400, "bad_request");
    let mine = api.get(&of("?filter[userExternalId]=cid")).await.expect(200)["conversations"].clone();
    assert_eq!((mine.as_array().map(Vec::len), &mine[0]["type"]), (Some(1), &json!("sdkGroup")));
    assert_eq!(rig.messages(&all[2]).await, Vec::<Value>::new(), "v1.1 does not see it");
}

async fn people_leave_a_group_by_any_name(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let all = people(&rig, &["ada", "bob", "cid"]).await;
    let path = group(&rig, &[&all[0], &all[1], &all[2]]).await;
    let cid = participants(&rig, &path).await.into_iter().find(|one| one["userId"] == *all[2]).expect("Cid");
    for (name, left) in [
        (json!({"userId": all[0]}), 2),
        (json!({"userExternalId": "bob"}), 1),
        (json!({"participantId": cid["id"]}), 0),
    ] {
        assert_eq!(api.post(&format!("{path}/leave"), &name).await.expect(200), json!({}));
        assert_eq!(participants(&rig, &path).await.len(), left);
        let title = api.post(&format!("{path}/leave"), &name).await.refused_v2(404, "not_found");
        assert_eq!(title, "User is not a member of the conversation");
    }
    for user in &all {
        let listed = api.get(&of(&format!("?filter[userId]={user}"))).await.expect(200);
        assert_eq!(listed["conversations"], json!([]));
    }
    api.get(&path).await.expect(200);
    api.post(&format!("{path}/leave"), &json!({"userExternalId": "nobody"}))
        .await
        .refused_v2(404, "not_found");
    let both = json!({"userId": all[0], "participantId": cid["id"]});
    api.post(&format!("{path}/leave"), &both).await.refused_v2(400, "bad_request");
    api.post(&format!("{path}/leave"), &json!({})).await.refused_v2(400, "bad_request");
}

async fn joining_again_changes_nothing(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let all = people(&rig, &["ada", "bob"]).await;
    let path = group(&rig, &[&all[0]]).await;
    let join = async |user: &str| api.post(&format!("{path}/join"), &json!({"userId": user})).await;
    let bob = join(&all[1]).await.expect(201);
    assert_eq!(join(&all[1]).await.expect(201), bob);
    assert_eq!(participants(&rig, &path).await.len(), 2);
    join("5963c0d619a30a2e00de36b8").await.refused_v2(404, "user_not_found");
    let nowhere = of("/5963c0d619a30a2e00de36b8/join");
    let body = json!({"userId": all[1]});
    api.post(&nowhere, &body).await.refused_v2(404, "conversation_not_found");
}

async fn a_group_has_an_end(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let path = group(&rig, &[]).await;
    for number in 0..=100 {
        let name = format!("person-{number}");
        rig.user(&name).await;
        let answer = api.post(&format!("{path}/join"), &json!({"userExternalId": name})).await;
        if number < 100 {
            answer.expect(201);
        } else {
            assert_eq!(answer.refused_v2(400, "bad_request"), "Too many participants");
        }
    }
    let again = json!({"userExternalId": "person-0"});
    api.post(&format!("{path}/join"), &again).await.expect(201);
}

async fn a_personal_conversation_has_one_person(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let all = people(&rig, &["ada", "bob"]).await;
    let asked = json!({"type": "personal", "participants": [{"userId": all[0]}]});
    let made = api.post(&of(""), &asked).await.expect(201)["conversation"].clone();
    let path = of(&format!("/{}", made["id"].as_str().expect("an id")));
    for act in ["join", "leave"] {
        let body = json!({"userId": all[0]});
        api.post(&format!("{path}/{act}"), &body).await.refused_v2(400, "bad_request");
    }
    let there = participants(&rig, &path).await;
    assert_eq!((there.len(), &there[0]["userId"]), (1, &json!(all[0])));
    let other =
        json!({"author": {"type": "user", "userId": all[1]}, "content": {"type": "text", "text": "a"}});
    api.post(&format!("{path}/messages"), &other).await.refused_v2(400, "bad_request");
}

async fn those_who_take_part_are_listed_page_by_page(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let names: Vec<String> = (0..7).map(|number| format!("person-{number}")).collect();
    let all = people(&rig, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let path = group(&rig, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let whole = participants(&rig, &path).await;
    let (mut seen, mut next) = (Vec::new(), format!("{path}/participants?page[size]=3"));
    loop {
        let page = api.get(&next).await.expect(200);
        seen.extend(page["participants"].as_array().expect("a list").clone());
        let Some(link) = page["links"]["next"].as_str() else { break };
        next = link[link.find("/v2/").expect("a path")..].to_owned();
    }
    assert_eq!((seen.len(), seen), (7, whole));
}
